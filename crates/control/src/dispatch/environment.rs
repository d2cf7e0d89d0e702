//! What dispatch-lambda reads from its environment.

use catalog::MediaKind;

use crate::environment::Variable;

/// The variable with the kind's Batch job queue, name or ARN.
pub fn job_queue_variable(kind: MediaKind) -> String {
    format!("BATCH_QUEUE_{}", kind.name().to_ascii_uppercase())
}

/// The variable with the kind's Batch job queue over on-demand capacity, name or ARN.
pub fn on_demand_queue_variable(kind: MediaKind) -> String {
    format!("BATCH_QUEUE_{}_ON_DEMAND", kind.name().to_ascii_uppercase())
}

/// The variable with the job definition of the kind's job, name or ARN.
pub fn job_definition_variable(kind: MediaKind) -> String {
    format!("BATCH_DEFINITION_{}", kind.name().to_ascii_uppercase())
}

/// The variable with the job definition of the kind's job for work that needs little disk, name or ARN.
pub fn small_disk_definition_variable(kind: MediaKind) -> String {
    format!("{}_SMALL_DISK", job_definition_variable(kind))
}

/// Every environment variable of dispatch-lambda.
pub fn variables() -> Vec<Variable> {
    let of_kinds = MediaKind::ALL.into_iter().flat_map(|kind| {
        let (queue, job) = (kind.queue_variable(), kind.job_name());
        [
            Variable::required(queue, format!("URL of the queue for uploads of kind {kind}")),
            Variable::required(kind.dead_letter_queue_variable(), format!("URL of the dead-letter queue of {queue}")),
            Variable::required(job_queue_variable(kind), format!("Batch job queue of {job}, name or ARN")),
            Variable::optional(
                on_demand_queue_variable(kind),
                "",
                format!("Batch job queue of {job} over on-demand capacity, for work that Spot took away"),
            ),
            Variable::required(job_definition_variable(kind), format!("job definition of {job}, name or ARN")),
            Variable::optional(
                small_disk_definition_variable(kind),
                "",
                format!("job definition of {job} for work that needs little disk, name or ARN"),
            ),
        ]
    });
    let others = [
        Variable::required("DYNAMODB_INPUT", "table with one record per upload"),
        Variable::required("SNS_NOTIF", "ARN of the topic for notices"),
        Variable::required("S3_WORK", "bucket of the lists of packed jobs; its objects may expire after 14 days"),
        Variable::optional(
            "COMPUTE",
            "FARGATE",
            "where jobs run: FARGATE, EC2 or EKS, which takes overrides of its own",
        ),
        Variable::optional("PACK_BELOW_BYTES", "33554432", "objects below this many bytes share a container"),
        Variable::optional("PACK_BYTES", "536870912", "bytes of input that one container takes at most"),
        Variable::optional(
            "PACK_COUNT",
            "128",
            "small images that one container takes at most; of other kinds it takes fewer",
        ),
        Variable::optional(
            "PACK_SECONDS",
            "60",
            "seconds of one processor's expected work that one container takes at most; objects of half of it share one, however large; 0: none do",
        ),
        Variable::optional(
            "RESOURCE_BOUNDS",
            "",
            "what jobs of a kind get at least and at most: {\"image\": {\"min\": {\"vcpus\": 2, \"memoryMib\": 8192}, \"max\": …}}",
        ),
        Variable::optional("HAS_SHARES", "", "anything if the job queues have a scheduling policy with fair shares"),
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
    of_kinds.chain(others).collect()
}
