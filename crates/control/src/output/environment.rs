//! What output-lambda reads from its environment.

use crate::environment::Variable;

/// Every environment variable of output-lambda.
pub fn variables() -> Vec<Variable> {
    vec![
        Variable::required("S3_OUTPUT", "bucket of the outputs"),
        Variable::required("S3_WORK", "bucket of the lists of packed jobs"),
        Variable::required("DYNAMODB_INPUT", "table with one record per upload"),
        Variable::required("DYNAMODB_OUTPUT", "table with one record per output object"),
        Variable::required("SNS_NOTIF", "ARN of the topic for notices"),
        Variable::optional("EVENT_BUS", "", "name or ARN of the event bus that is told of each upload's end; empty for none"),
        Variable::optional("EVENT_SOURCE", "data-pipeline", "source of those events"),
        Variable::optional("DELETIONS_OF", "", "bucket of the uploads, if what was made from an upload is deleted with it"),
        Variable::optional("CLOUDFRONT_DOMAIN", "", "domain of the distribution over S3_OUTPUT"),
        Variable::optional(
            "CLOUDFRONT_PUBLIC_PATHS",
            "",
            "patterns of the distribution's paths that need no signature, such as `*/resize/*,thumbnails/*`; `*` if all are public",
        ),
        Variable::optional("METRICS_NAMESPACE", contract::NAMESPACE, "namespace of the metrics"),
        Variable::optional("RECORD_DAYS", "365", "days after which a record may expire"),
        Variable::optional("RUST_LOG", "", "how much is logged, such as `info` or `debug,hyper=info`"),
    ]
}
