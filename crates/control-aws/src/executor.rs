//! AWS Batch as the executor of jobs.

use std::collections::HashMap;

use aws_sdk_batch::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_batch::types as batch;
use contract::{Failure, timestamp};
use control::ports::{Executor, Phase, Receipt, Report, Submission, SubmitFailure};
use store::{Purpose, failure_of};

/// AWS Batch.
#[derive(Debug, Clone)]
pub struct AwsBatch(pub aws_sdk_batch::Client);

impl Executor for AwsBatch {
    async fn submit(&self, submission: &Submission) -> Result<Receipt, SubmitFailure> {
        // Batch refuses the overrides of one kind of compute environment in the other.
        let (on_ecs, on_eks) = match &submission.pod_container {
            None => (Some(container_overrides(submission)), None),
            Some(container) => (None, Some(pod_override(submission, container))),
        };
        let array = submission.array_size.map(|size| batch::ArrayProperties::builder().size(size as i32).build());
        let dependency =
            submission.depends_on.as_ref().map(|job| batch::JobDependency::builder().job_id(&job.0).build());
        let request = self
            .0
            .submit_job()
            .job_name(&submission.name)
            .job_queue(&submission.queue)
            .job_definition(&submission.definition)
            .set_parameters(Some(submission.parameters.to_pairs().into_iter().collect()))
            .set_tags(Some(submission.tags.iter().cloned().collect()))
            .set_share_identifier(submission.share.as_ref().map(|(share, _)| share.clone()))
            .set_scheduling_priority_override(submission.share.as_ref().map(|(_, priority)| *priority as i32))
            .set_array_properties(array)
            .set_depends_on(dependency.map(|dependency| vec![dependency]))
            .set_container_overrides(on_ecs)
            .set_eks_properties_override(on_eks)
            .customize()
            // SubmitJob has no client token: a second try after an unclear answer could be a second job.
            .config_override(
                aws_sdk_batch::Config::builder().retry_config(aws_sdk_batch::config::retry::RetryConfig::disabled()),
            );
        let error = match request.send().await {
            Ok(answer) => {
                return answer
                    .job_id
                    .map(Receipt)
                    .ok_or_else(|| SubmitFailure::Unknown(Failure::temporary("SubmitJob answered no job id")));
            }
            Err(error) => error,
        };
        let status = error.raw_response().map(|response| response.status().as_u16());
        let is_throttled = status == Some(429)
            || matches!(error.code(), Some("TooManyRequestsException" | "ThrottlingException" | "Throttling"));
        let is_refused = status.is_some_and(|status| (400..500).contains(&status));
        let not_sent = matches!(&error, SdkError::ConstructionFailure(_));
        let subject = format!("job {} in queue {}", submission.name, submission.queue);
        let failure = failure_of(error, Purpose::Call, &subject, "batch:SubmitJob");
        Err(match (is_throttled, is_refused || not_sent) {
            (true, _) => SubmitFailure::Throttled,
            (false, true) => SubmitFailure::Refused(failure),
            (false, false) => SubmitFailure::Unknown(failure),
        })
    }

    async fn find(&self, queue: &str, name: &str) -> Result<Option<Receipt>, Failure> {
        let filter = batch::KeyValuesPair::builder().name("JOB_NAME").values(name).build();
        // A page may be empty and have a successor: Batch filters what it has read of a page.
        let mut pages = self.0.list_jobs().job_queue(queue).filters(filter).into_paginator().send();
        while let Some(page) = pages.next().await {
            let subject = || format!("job {name} in queue {queue}");
            let page = page.map_err(|error| failure_of(error, Purpose::Call, &subject(), "batch:ListJobs"))?;
            let mut jobs = page.job_summary_list.unwrap_or_default().into_iter();
            if let Some(job) = jobs.find(|job| job.job_name() == Some(name)) {
                return Ok(job.job_id.map(Receipt));
            }
        }
        Ok(None)
    }

    async fn report(&self, receipts: &[Receipt]) -> Result<Vec<Option<Report>>, Failure> {
        let mut known: HashMap<String, Report> = HashMap::new();
        for receipts in receipts.chunks(MAX_DESCRIBED) {
            let ids = receipts.iter().map(|receipt| receipt.0.clone()).collect();
            let answer = self.0.describe_jobs().set_jobs(Some(ids)).send().await;
            let subject = || format!("{} jobs", receipts.len());
            let answer = answer.map_err(|error| failure_of(error, Purpose::Call, &subject(), "batch:DescribeJobs"))?;
            known.extend(answer.jobs().iter().filter_map(|job| Some((job.job_id.clone()?, report(job)))));
        }
        Ok(receipts.iter().map(|receipt| known.get(&receipt.0).cloned()).collect())
    }

    async fn cancel(&self, receipt: &Receipt, reason: &str) -> Result<(), Failure> {
        // TerminateJob cancels jobs that wait, too.
        let answer = self.0.terminate_job().job_id(&receipt.0).reason(reason).send().await;
        answer
            .map_err(|error| failure_of(error, Purpose::Call, &format!("job {}", receipt.0), "batch:TerminateJob"))?;
        Ok(())
    }
}

/// Jobs that one `DescribeJobs` takes, at most.
const MAX_DESCRIBED: usize = 100;

fn report(job: &batch::JobDetail) -> Report {
    use batch::JobStatus;
    let phase = match &job.status {
        Some(JobStatus::Starting) => Phase::Starting,
        Some(JobStatus::Running) => Phase::Running,
        Some(JobStatus::Succeeded) => Phase::Succeeded,
        Some(JobStatus::Failed) => Phase::Failed,
        // SUBMITTED, PENDING, RUNNABLE, and what Batch may add.
        _ => Phase::Waiting,
    };
    let container = job.container.as_ref();
    let reasons = [job.status_reason.as_deref(), container.and_then(batch::ContainerDetail::reason)];
    let reasons: Vec<&str> = reasons.into_iter().flatten().filter(|reason| !reason.is_empty()).collect();
    Report {
        phase,
        status: job.status.as_ref().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        reason: Some(reasons.join("; ")).filter(|reason| !reason.is_empty()),
        exit_code: container.and_then(batch::ContainerDetail::exit_code).map(i64::from),
        ended_at: job.stopped_at.and_then(timestamp::text_of_milliseconds),
    }
}

/// Tells a job how many processors it has: on EC2, vCPUs are a weight that nothing in the container shows.
const PROCESSORS: &str = "JOB_PROCESSORS";

/// What a container on Fargate or EC2 does and gets, in place of what its definition says.
fn container_overrides(submission: &Submission) -> batch::ContainerOverrides {
    let resource =
        |kind, value: u32| batch::ResourceRequirement::builder().r#type(kind).value(value.to_string()).build();
    let processors = batch::KeyValuePair::builder().name(PROCESSORS).value(submission.vcpus.to_string()).build();
    batch::ContainerOverrides::builder()
        .set_command(Some(submission.command.clone()))
        .environment(processors)
        .resource_requirements(resource(batch::ResourceType::Vcpu, submission.vcpus))
        .resource_requirements(resource(batch::ResourceType::Memory, submission.memory))
        .build()
}

/// The same for a pod's container: Kubernetes calls the arguments of the image's program `args`, and Batch wants limits
/// and requests to be equal.
fn pod_override(submission: &Submission, container: &str) -> batch::EksPropertiesOverride {
    let quantities = HashMap::from([
        ("cpu".to_owned(), submission.vcpus.to_string()),
        ("memory".to_owned(), format!("{}Mi", submission.memory)),
    ]);
    let resources = batch::EksContainerResourceRequirements::builder()
        .set_limits(Some(quantities.clone()))
        .set_requests(Some(quantities))
        .build();
    let processors =
        batch::EksContainerEnvironmentVariable::builder().name(PROCESSORS).value(submission.vcpus.to_string()).build();
    let container = batch::EksContainerOverride::builder()
        .name(container)
        .set_args(Some(submission.command.clone()))
        .env(processors)
        .resources(resources)
        .build();
    let pod = batch::EksPodPropertiesOverride::builder().containers(container).build();
    batch::EksPropertiesOverride::builder().pod_properties(pod).build()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_sdk_batch::config::interceptors::BeforeTransmitInterceptorContextRef;
    use aws_sdk_batch::config::{BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents};
    use aws_sdk_batch::error::BoxError;
    use contract::BatchParameters;
    use serde_json::{Value, json};

    use super::*;

    fn submission(pod_container: Option<&str>) -> Submission {
        Submission {
            name: "dispatch-image-1".to_owned(),
            queue: "media-image".to_owned(),
            definition: "media-image".to_owned(),
            command: vec!["run".to_owned(), "--manifest".to_owned(), "s3://lists/a".to_owned()],
            parameters: BatchParameters { list: "a".to_owned(), children: 1, ..BatchParameters::default() },
            array_size: None,
            depends_on: None,
            vcpus: 2,
            memory: 4096,
            pod_container: pod_container.map(str::to_owned),
            share: None,
            tags: Vec::new(),
        }
    }

    /// Keeps the body of the last request.
    #[derive(Debug, Clone, Default)]
    struct Sent(Arc<Mutex<Value>>);

    impl Intercept for Sent {
        fn name(&self) -> &'static str {
            "Sent"
        }

        fn read_before_transmit(
            &self,
            context: &BeforeTransmitInterceptorContextRef<'_>,
            _: &RuntimeComponents,
            _: &mut ConfigBag,
        ) -> Result<(), BoxError> {
            let body = context.request().body().bytes().expect("a body in memory");
            *self.0.lock().unwrap() = serde_json::from_slice(body)?;
            Ok(())
        }
    }

    /// The body of the SubmitJob request for a submission. Nothing is sent: there is no HTTP client.
    async fn sent(submission: &Submission) -> Value {
        let sent = Sent::default();
        let config = aws_sdk_batch::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .interceptor(sent.clone())
            .build();
        let answer = AwsBatch(aws_sdk_batch::Client::from_conf(config)).submit(submission).await;
        assert!(matches!(answer, Err(SubmitFailure::Unknown(_))), "{answer:?}");
        std::mem::take(&mut *sent.0.lock().unwrap())
    }

    #[tokio::test]
    async fn a_container_gets_its_command_and_resources_as_overrides() {
        let body = sent(&submission(None)).await;
        assert_eq!(
            body["containerOverrides"],
            json!({
                "command": ["run", "--manifest", "s3://lists/a"],
                "environment": [{"name": "JOB_PROCESSORS", "value": "2"}],
                "resourceRequirements": [{"type": "VCPU", "value": "2"}, {"type": "MEMORY", "value": "4096"}],
            })
        );
        assert!(body.get("eksPropertiesOverride").is_none(), "{body}");
    }

    /// The shape is that of `EksPodPropertiesOverride` in Batch's API reference.
    #[tokio::test]
    async fn a_pod_gets_them_in_the_words_of_kubernetes() {
        let body = sent(&submission(Some("image-job"))).await;
        let quantities = json!({"cpu": "2", "memory": "4096Mi"});
        assert_eq!(
            body["eksPropertiesOverride"],
            json!({"podProperties": {"containers": [{
                "name": "image-job",
                "args": ["run", "--manifest", "s3://lists/a"],
                "env": [{"name": "JOB_PROCESSORS", "value": "2"}],
                "resources": {"limits": quantities, "requests": quantities},
            }]}})
        );
        assert!(body.get("containerOverrides").is_none(), "{body}");
    }
}
