//! What dispatch-lambda reads from its environment.

use crate::environment::Variable;

/// Every environment variable of dispatch-lambda.
pub const VARIABLES: &[Variable] = &[
    Variable::required("DYNAMODB_INPUT", "table with one record per upload"),
    Variable::required("SNS_NOTIF", "ARN of the topic for notices"),
    Variable::required("S3_WORK", "bucket of the lists of packed jobs; its objects may expire after 14 days"),
    Variable::required("SQS_DOCUMENT", "URL of the queue for documents"),
    Variable::required("SQS_PICTURE", "URL of the queue for images"),
    Variable::required("SQS_3D_FILE", "URL of the queue for 3D models"),
    Variable::required("SQS_VIDEO", "URL of the queue for videos"),
    Variable::required("SQS_DOCUMENT_DLQ", "URL of the dead-letter queue of SQS_DOCUMENT"),
    Variable::required("SQS_PICTURE_DLQ", "URL of the dead-letter queue of SQS_PICTURE"),
    Variable::required("SQS_3D_FILE_DLQ", "URL of the dead-letter queue of SQS_3D_FILE"),
    Variable::required("SQS_VIDEO_DLQ", "URL of the dead-letter queue of SQS_VIDEO"),
    Variable::required("BATCH_QUEUE_DOCUMENT", "Batch job queue for documents, name or ARN"),
    Variable::required("BATCH_QUEUE_IMAGE", "Batch job queue for images, name or ARN"),
    Variable::required("BATCH_QUEUE_MODEL", "Batch job queue for 3D models, name or ARN"),
    Variable::required("BATCH_QUEUE_VIDEO", "Batch job queue for videos, name or ARN"),
    Variable::required("BATCH_DEFINITION_DOCUMENT", "job definition of document-job, name or ARN"),
    Variable::required("BATCH_DEFINITION_IMAGE", "job definition of image-job, name or ARN"),
    Variable::required("BATCH_DEFINITION_MODEL", "job definition of model-job, name or ARN"),
    Variable::required("BATCH_DEFINITION_VIDEO", "job definition of video-job, name or ARN"),
    Variable::optional("COMPUTE", "FARGATE", "where jobs run: FARGATE, EC2 or EKS, which takes overrides of its own"),
    Variable::optional("PACK_BELOW_BYTES", "33554432", "objects below this many bytes share a container"),
    Variable::optional("PACK_BYTES", "536870912", "bytes of input that one container takes at most"),
    Variable::optional(
        "PACK_COUNT",
        "100",
        "small images that one container takes at most; of other kinds it takes fewer",
    ),
    Variable::optional(
        "RESOURCE_BOUNDS",
        "",
        "what jobs of a kind get at least and at most: {\"image\": {\"least\": {\"vcpus\": 2, \"memoryMib\": 8192}, \"most\": …}}",
    ),
    Variable::optional(
        "MAX_RECEIVE_COUNT",
        "8",
        "the queues' maxReceiveCount: a message that comes the last time is given up with its reason",
    ),
    Variable::optional(
        "LEASE_SECONDS",
        "300",
        "seconds after which a lease without a job expires; more than this function's timeout, less than the queues' visibility timeout",
    ),
    Variable::optional("RECORD_DAYS", "365", "days after which a record may expire"),
    Variable::optional("RUST_LOG", "", "how much is logged, such as `info` or `debug,hyper=info`"),
];
