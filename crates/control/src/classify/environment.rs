//! What classify-lambda reads from its environment.

use catalog::MediaKind;

use crate::environment::Variable;

/// The variable with the URL of a kind's fast queue.
pub fn fast_queue_variable(kind: MediaKind) -> String {
    format!("FAST_{}", kind.name().to_ascii_uppercase())
}

/// Every environment variable of classify-lambda.
pub fn variables() -> Vec<Variable> {
    let queues = MediaKind::ALL
        .map(|kind| Variable::required(kind.queue_variable(), format!("URL of the queue for uploads of kind {kind}")));
    let fast = MediaKind::ALL.map(|kind| {
        let meaning =
            format!("URL of the queue for small work of kind {kind} that a function does at once; empty for none");
        Variable::optional(fast_queue_variable(kind), "", meaning)
    });
    let others = [
        Variable::required("S3_INPUT", "bucket of the uploads"),
        Variable::required("DYNAMODB_INPUT", "table with one record per upload"),
        Variable::required("SNS_NOTIF", "ARN of the topic for notices"),
        Variable::optional(
            "PROCESSING_RULES",
            "",
            "processing-options by key, JSON: [{\"glob\": \"photos/**\", \"kind\": \"image\", \"processingOption\": \"resize?width=800\", \"fast\": \"off\"}]",
        ),
        Variable::optional(
            "WALK_PAGES",
            "50",
            "pages of 1,000 objects of S3_INPUT that each sweep searches for objects without a record; 0 for none",
        ),
        Variable::optional(
            "SHARE_BY",
            "",
            "by what uploads are told apart for fair shares: `prefix` (the first folder of the key), `metadata` (`share`), or nothing",
        ),
        Variable::optional("MAX_PRIORITY", "0", "the highest priority that metadata `priority` may ask for"),
        Variable::optional(
            "FAST_MAX_SECONDS",
            "10",
            "seconds that work on the fast path may be expected to take; what takes longer goes to AWS Batch",
        ),
        Variable::optional("RECORD_DAYS", "365", "days after which a record may expire"),
        Variable::optional("RUST_LOG", "", "how much is logged, such as `info` or `debug,hyper=info`"),
    ];
    queues.into_iter().chain(fast).chain(others).collect()
}
