//! What classify-lambda reads from its environment.

use crate::environment::Variable;

/// Every environment variable of classify-lambda.
pub const VARIABLES: &[Variable] = &[
    Variable::required("S3_INPUT", "bucket of the uploads"),
    Variable::required("SQS_DOCUMENT", "URL of the queue for documents"),
    Variable::required("SQS_PICTURE", "URL of the queue for images"),
    Variable::required("SQS_3D_FILE", "URL of the queue for 3D models"),
    Variable::required("SQS_VIDEO", "URL of the queue for videos"),
    Variable::required("DYNAMODB_INPUT", "table with one record per upload"),
    Variable::required("SNS_NOTIF", "ARN of the topic for notices"),
    Variable::optional(
        "PROCESSING_RULES",
        "",
        "processing-options by key, JSON: [{\"glob\": \"photos/**\", \"kind\": \"image\", \"processingOption\": \"resize?width=800\"}]",
    ),
    Variable::optional("RECORD_DAYS", "365", "days after which a record may expire"),
    Variable::optional("RUST_LOG", "", "how much is logged, such as `info` or `debug,hyper=info`"),
];
