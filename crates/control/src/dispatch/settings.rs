//! What is configured for dispatch.

use catalog::{MediaKind, PerKind};
use contract::Failure;

use crate::dispatch::environment::{
    job_definition_variable, job_queue_variable, on_demand_queue_variable, small_disk_definition_variable,
};
use crate::dispatch::packing::Packing;
use crate::dispatch::resources::{Bounds, Compute};
use crate::environment::Environment;

/// What is configured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// URLs of the queues.
    pub queues: PerKind<String>,
    /// URLs of the dead-letter queues.
    pub dead_letter_queues: PerKind<String>,
    /// Batch's job queues.
    pub job_queues: PerKind<String>,
    /// Batch's job queues over on-demand capacity alone, of the kinds that have one.
    pub on_demand_queues: PerKind<Option<String>>,
    /// Batch's job definitions.
    pub job_definitions: PerKind<String>,
    /// Batch's job definitions for work that needs little disk, of the kinds that have one: Fargate's disk is paid for by its size.
    pub small_disk_definitions: PerKind<Option<String>>,
    /// Where jobs run.
    pub compute: Compute,
    /// The bucket of the lists of packed jobs.
    pub work_bucket: String,
    /// Which requests share a job.
    pub packing: Packing,
    /// Whether the job queues have shares, which each job must then name.
    pub has_shares: bool,
    /// Receives after which a message is given up.
    pub give_up_receives: u64,
    /// Seconds after which a lease without a job expires.
    pub lease_seconds: i64,
    /// Days after which a record may expire.
    pub record_days: u64,
}

impl Settings {
    /// Reads them from the environment.
    pub fn read(environment: &Environment) -> Result<Self, Failure> {
        let each =
            |name: &dyn Fn(MediaKind) -> String| PerKind::from_fn(|kind| environment.get(&name(kind)).to_owned());
        let compute = match environment.get("COMPUTE") {
            "FARGATE" => Compute::Fargate,
            "EC2" => Compute::Ec2,
            "EKS" => Compute::Eks,
            other => {
                return Err(Failure::invalid_request(format!("COMPUTE={other:?} is none of FARGATE, EC2, EKS")));
            }
        };
        Ok(Self {
            queues: each(&|kind| kind.queue_variable().to_owned()),
            dead_letter_queues: each(&|kind| kind.dead_letter_queue_variable().to_owned()),
            job_queues: each(&job_queue_variable),
            on_demand_queues: PerKind::from_fn(|kind| {
                environment.get_optional(&on_demand_queue_variable(kind)).map(str::to_owned)
            }),
            job_definitions: each(&job_definition_variable),
            small_disk_definitions: PerKind::from_fn(|kind| {
                environment.get_optional(&small_disk_definition_variable(kind)).map(str::to_owned)
            }),
            compute,
            work_bucket: environment.get("S3_WORK").to_owned(),
            packing: Packing {
                below_bytes: environment.number("PACK_BELOW_BYTES")?,
                bytes: environment.number("PACK_BYTES")?,
                count: environment.number("PACK_COUNT")?,
                seconds: environment.number("PACK_SECONDS")?,
                bounds: bounds(environment.get_optional("RESOURCE_BOUNDS").unwrap_or("{}"))?,
            },
            has_shares: environment.get_optional("HAS_SHARES").is_some(),
            give_up_receives: environment.number("MAX_RECEIVE_COUNT")?,
            lease_seconds: environment.number("LEASE_SECONDS")? as i64,
            record_days: environment.number("RECORD_DAYS")?,
        })
    }

    /// The dead-letter queue behind the queue of that ARN: a queue's URL and its ARN both end in its name.
    pub fn dead_letter_queue_of(&self, queue_arn: &str) -> Option<&str> {
        let name = queue_arn.rsplit(':').next()?;
        let (kind, _) = self.queues.iter().find(|(_, url)| url.rsplit('/').next() == Some(name))?;
        Some(&self.dead_letter_queues[kind])
    }
}

/// Bounds by kind, from a JSON object.
fn bounds(text: &str) -> Result<PerKind<Bounds>, Failure> {
    let unusable = |reason: String| Failure::invalid_request(format!("RESOURCE_BOUNDS: {reason}"));
    let read: PerKind<Bounds> = serde_json::from_str(text).map_err(|error| unusable(error.to_string()))?;
    read.try_map(Bounds::checked).map_err(|(kind, reason)| unusable(format!("{kind}: {reason}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::environment::variables;

    fn read(compute: &'static str) -> Result<Settings, Failure> {
        let numbers = [
            "PACK_BELOW_BYTES",
            "PACK_BYTES",
            "PACK_COUNT",
            "PACK_SECONDS",
            "MAX_RECEIVE_COUNT",
            "LEASE_SECONDS",
            "RECORD_DAYS",
        ];
        let lookup = |name: &str| {
            Some(match name {
                "COMPUTE" => compute.to_owned(),
                "RESOURCE_BOUNDS" | "HAS_SHARES" => String::new(),
                _ if numbers.contains(&name) => "7".to_owned(),
                _ => format!("https://sqs.eu-west-1.amazonaws.com/1/{name}"),
            })
        };
        Settings::read(&Environment::from_lookup(&variables(), lookup).unwrap())
    }

    #[test]
    fn where_jobs_run_is_one_of_three_words() {
        for (word, compute) in [("FARGATE", Compute::Fargate), ("EC2", Compute::Ec2), ("EKS", Compute::Eks)] {
            assert_eq!(read(word).unwrap().compute, compute);
        }
        assert!(read("eks").unwrap_err().to_string().contains("COMPUTE=\"eks\" is none of FARGATE, EC2, EKS"));
    }

    #[test]
    fn bounds_are_those_of_their_kind() {
        let read = bounds(r#"{"model": {"min": {"vcpus": 4, "memoryMib": 8192}}}"#).unwrap();
        let held = read.map(|bounds| bounds.hold(catalog::Resources { vcpus: 1, memory: 2048 }).vcpus);
        assert_eq!(held, PerKind { document: 1, image: 1, model: 4, video: 1 });
        for (text, reason) in [
            ("{", "RESOURCE_BOUNDS: "),
            (r#"{"film": {}}"#, "film"),
            (r#"{"video": {"max": {"vcpus": 0, "memoryMib": 0}}}"#, "video: "),
        ] {
            let refused = bounds(text).unwrap_err().to_string();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }

    #[test]
    fn every_variable_of_a_kind_is_declared() {
        let settings = read("").unwrap();
        assert!(settings.job_queues[MediaKind::Image].ends_with("BATCH_QUEUE_IMAGE"));
        let found = settings.dead_letter_queue_of("arn:aws:sqs:eu-west-1:1:SQS_PICTURE");
        assert!(found.is_some_and(|url| url.ends_with("SQS_PICTURE_DLQ")));
        assert_eq!(settings.dead_letter_queue_of("arn:aws:sqs:eu-west-1:1:OTHER"), None);
    }
}
