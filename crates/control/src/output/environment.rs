//! What output-lambda reads from its environment.

use catalog::MediaKind;

use crate::environment::Variable;

/// The variable with the queue of a kind whose work falls back to on-demand capacity.
pub fn fallback_variable(kind: MediaKind) -> String {
    format!("FALLBACK_{}", kind.queue_variable())
}

/// Every environment variable of output-lambda.
pub fn variables() -> Vec<Variable> {
    let fallbacks = MediaKind::ALL.into_iter().map(|kind| {
        Variable::optional(
            fallback_variable(kind),
            "",
            format!("URL of the queue for uploads of kind {kind}, if work that Spot takes away is done on on-demand capacity"),
        )
    });
    let others = vec![
        Variable::required("S3_OUTPUT", "bucket of the outputs"),
        Variable::required("S3_WORK", "bucket of the lists of packed jobs"),
        Variable::required("DYNAMODB_INPUT", "table with one record per upload"),
        Variable::required("DYNAMODB_OUTPUT", "table with one record per output object"),
        Variable::required("SNS_NOTIF", "ARN of the topic for notices"),
        Variable::optional(
            "BUDGET_DAY_USD",
            "",
            "estimated spend of a day above which dispatch is paused, US dollars; empty for no bound",
        ),
        Variable::optional("BUDGET_MONTH_USD", "", "the same of a month"),
        Variable::optional(
            "DISPATCH_MAPPINGS",
            "",
            "ids of the event source mappings that deliver requests to dispatch, by commas",
        ),
        Variable::optional(
            "EVENT_BUS",
            "",
            "name or ARN of the event bus that is told of each upload's end; empty for none",
        ),
        Variable::optional("EVENT_SOURCE", "data-pipeline", "source of those events"),
        Variable::optional(
            "DELETIONS_OF",
            "",
            "bucket of the uploads, if what was made from an upload is deleted with it",
        ),
        Variable::optional("CLOUDFRONT_DOMAIN", "", "domain of the distribution over S3_OUTPUT"),
        Variable::optional(
            "CLOUDFRONT_PUBLIC_PATHS",
            "",
            "patterns of the distribution's paths that need no signature, such as `*/resize/*,thumbnails/*`; `*` if all are public",
        ),
        Variable::optional("METRICS_NAMESPACE", contract::NAMESPACE, "namespace of the metrics"),
        Variable::optional("RECORD_DAYS", "365", "days after which a record may expire"),
        Variable::optional("RUST_LOG", "", "how much is logged, such as `info` or `debug,hyper=info`"),
    ];
    others.into_iter().chain(fallbacks).collect()
}
