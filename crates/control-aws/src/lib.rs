//! The control plane's ports over AWS, and the frame of its Lambdas.

pub mod lambda;

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_batch::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_batch::types as batch;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types as dynamodb;
use aws_sdk_dynamodb::types::AttributeValue;
use contract::{Failure, FailureKind, JobEvent, Source};
use control::operator::BatchStatus;
use control::ports::{Batch, Clock, Found, Head, Notices, Objects, Queues, Submission, SubmitFailure, Table};
use control::table::{Condition, Conflict, Item, Key, Put};
use serde_json::{Map, Number, Value};
use time::OffsetDateTime;

/// The clients of one process, as ports.
pub struct Clients {
    aws: store::Aws,
    configuration: aws_config::SdkConfig,
}

impl Clients {
    /// Reads the configuration from where the SDKs look for it.
    pub async fn load() -> Result<Self, Failure> {
        let aws = store::Aws::default();
        let configuration = aws.configuration().await?.clone();
        Ok(Self { aws, configuration })
    }

    /// Buckets.
    pub async fn objects(&self) -> Result<S3Objects, Failure> {
        Ok(S3Objects(self.aws.s3().await?.clone()))
    }

    /// A table.
    pub fn table(&self, name: &str) -> DynamoTable {
        DynamoTable { client: aws_sdk_dynamodb::Client::new(&self.configuration), name: name.to_owned() }
    }

    /// Queues.
    pub fn queues(&self) -> SqsQueues {
        SqsQueues(aws_sdk_sqs::Client::new(&self.configuration))
    }

    /// A topic.
    pub async fn notices(&self, topic_arn: &str) -> Result<SnsNotices, Failure> {
        Ok(SnsNotices { client: self.aws.sns().await?.clone(), topic_arn: topic_arn.to_owned() })
    }

    /// Batch.
    pub fn batch(&self) -> AwsBatch {
        AwsBatch(aws_sdk_batch::Client::new(&self.configuration))
    }
}

/// The user metadata and the tag in which an upload says what it wants.
pub const PROCESSING_OPTION: &str = "processing-option";

/// Objects in S3.
#[derive(Debug, Clone)]
pub struct S3Objects(pub aws_sdk_s3::Client);

impl Objects for S3Objects {
    async fn head(&self, source: &Source, bytes: usize) -> Result<Found<Head>, Failure> {
        let request = self
            .0
            .get_object()
            .bucket(source.bucket.as_deref().unwrap_or_default())
            .key(&source.key)
            .set_version_id(source.version_id.clone())
            .set_if_match(source.etag.as_ref().map(|etag| format!("\"{etag}\"")))
            .range(format!("bytes=0-{}", bytes.saturating_sub(1)));
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                return gone(source, &error).map_or_else(
                    || Err(failure("reading the upload", source, &error)),
                    |reason| Ok(Found::Gone(reason)),
                );
            }
        };
        let content_type = answer.content_type().map(str::to_owned);
        let processing_option = answer.metadata().and_then(|metadata| metadata.get(PROCESSING_OPTION)).cloned();
        let tags = answer.tag_count().and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
        let body = answer.body.collect().await.map_err(|error| {
            Failure::temporary(format!("reading the first bytes of {}", describe(source))).because(error)
        })?;
        Ok(Found::Here(Head { bytes: body.to_vec(), content_type, processing_option, tags }))
    }

    async fn tag(&self, source: &Source) -> Result<Found<Option<String>>, Failure> {
        let request = self
            .0
            .get_object_tagging()
            .bucket(source.bucket.as_deref().unwrap_or_default())
            .key(&source.key)
            .set_version_id(source.version_id.clone());
        match request.send().await {
            Ok(answer) => {
                let tag = answer.tag_set.into_iter().find(|tag| tag.key == PROCESSING_OPTION);
                Ok(Found::Here(tag.map(|tag| tag.value)))
            }
            Err(error) => match gone(source, &error) {
                Some(reason) => Ok(Found::Gone(reason)),
                None => Err(failure("reading the tags", source, &error)),
            },
        }
    }

    async fn read(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        let answer = match self.0.get_object().bucket(bucket).key(key).send().await {
            Ok(answer) => answer,
            Err(error) if status(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(service_failure(&format!("reading s3://{bucket}/{key}"), &error)),
        };
        let body = answer.body.collect().await;
        let body = body.map_err(|error| Failure::temporary(format!("reading s3://{bucket}/{key}")).because(error))?;
        Ok(Some(body.to_vec()))
    }

    async fn write(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        let request = self.0.put_object().bucket(bucket).key(key).body(bytes.into()).content_type("application/jsonl");
        request.send().await.map_err(|error| service_failure(&format!("writing s3://{bucket}/{key}"), &error))?;
        Ok(())
    }
}

/// In words, why the version that was asked for is not there; `None` for any other failure.
fn gone<E: ProvideErrorMetadata>(source: &Source, error: &SdkError<E>) -> Option<String> {
    let code = error.code().unwrap_or_default();
    match status(error)? {
        404 if code != "NoSuchBucket" => Some(format!("{} was deleted before it was looked at", describe(source))),
        405 => Some(format!("{} was deleted before it was looked at", describe(source))),
        412 => Some(format!(
            "{} was overwritten before it was looked at; its later version has a record of its own",
            describe(source)
        )),
        _ => None,
    }
}

fn describe(source: &Source) -> String {
    control::input_record::object_of(source)
}

/// A table of DynamoDB.
#[derive(Debug, Clone)]
pub struct DynamoTable {
    /// The client.
    pub client: aws_sdk_dynamodb::Client,
    /// The table's name.
    pub name: String,
}

impl DynamoTable {
    /// Every item with that partition key, of the table itself or of an index, the last in the order of the sort key
    /// first.
    pub async fn partition(&self, index: Option<&str>, name: &str, value: &str) -> Result<Vec<Item>, Failure> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let request = self
                .client
                .query()
                .table_name(&self.name)
                .set_index_name(index.map(str::to_owned))
                .key_condition_expression("#p = :p")
                .expression_attribute_names("#p", name)
                .expression_attribute_values(":p", AttributeValue::S(value.to_owned()))
                .scan_index_forward(false)
                .set_exclusive_start_key(start);
            let answer = request.send().await;
            let answer = answer.map_err(|error| service_failure(&format!("querying {}", self.name), &error))?;
            items.extend(answer.items.unwrap_or_default().into_iter().map(from_attributes));
            start = answer.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return Ok(items);
            }
        }
    }
}

impl Table for DynamoTable {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, Failure> {
        let doing = || format!("reading {}", self.name);
        if let [key] = keys {
            let request =
                self.client.get_item().table_name(&self.name).consistent_read(true).set_key(Some(attributes(key)));
            let answer = request.send().await.map_err(|error| service_failure(&doing(), &error))?;
            return Ok(vec![answer.item.map(from_attributes)]);
        }
        let mut wanted: Vec<_> = keys.iter().map(attributes).collect();
        let mut found: Vec<Item> = Vec::new();
        for attempt in 0..8 {
            if wanted.is_empty() {
                break;
            }
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(25 << attempt)).await;
            }
            let request = dynamodb::KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true).build();
            let request = request.map_err(|error| Failure::internal(doing()).because(error))?;
            let answer = self.client.batch_get_item().request_items(&self.name, request).send().await;
            let answer = answer.map_err(|error| service_failure(&doing(), &error))?;
            found.extend(answer.responses.unwrap_or_default().into_values().flatten().map(from_attributes));
            let rest = answer.unprocessed_keys.unwrap_or_default().into_values();
            wanted = rest.flat_map(|rest| rest.keys).collect();
        }
        if !wanted.is_empty() {
            return Err(Failure::temporary(format!("{}: throttled", doing())));
        }
        let names: Vec<&'static str> =
            keys.first().map(|key| key.0.iter().map(|(name, _)| *name).collect()).unwrap_or_default();
        let mut found: HashMap<Key, Item> = found.into_iter().map(|item| (Key::of(&item, &names), item)).collect();
        Ok(keys.iter().map(|key| found.remove(key)).collect())
    }

    async fn put(&self, puts: &[Put]) -> Result<Result<(), Conflict>, Failure> {
        let doing = || format!("writing {}", self.name);
        if let [put] = puts {
            let (expression, names, values) = condition(put);
            let request = self
                .client
                .put_item()
                .table_name(&self.name)
                .set_item(Some(to_attributes(put.item.clone())))
                .condition_expression(expression)
                .set_expression_attribute_names(Some(names))
                .set_expression_attribute_values(values);
            return match request.send().await {
                Ok(_) => Ok(Ok(())),
                Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(Err(Conflict(vec![0]))),
                Err(error) => Err(service_failure(&doing(), &error)),
            };
        }
        let items = puts.iter().map(|put| {
            let (expression, names, values) = condition(put);
            let put = dynamodb::Put::builder()
                .table_name(&self.name)
                .set_item(Some(to_attributes(put.item.clone())))
                .condition_expression(expression)
                .set_expression_attribute_names(Some(names))
                .set_expression_attribute_values(values)
                .build()?;
            Ok(dynamodb::TransactWriteItem::builder().put(put).build())
        });
        let items: Result<Vec<_>, aws_smithy_types::error::operation::BuildError> = items.collect();
        let items = items.map_err(|error| Failure::internal(doing()).because(error))?;
        for attempt in 0..8 {
            match self.client.transact_write_items().set_transact_items(Some(items.clone())).send().await {
                Ok(_) => return Ok(Ok(())),
                Err(error) => {
                    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
                        error.as_service_error()
                    else {
                        return Err(service_failure(&doing(), &error));
                    };
                    let reasons = cancelled.cancellation_reasons().iter().enumerate();
                    let unmet: Vec<usize> = reasons
                        .filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"))
                        .map(|(position, _)| position)
                        .collect();
                    if !unmet.is_empty() {
                        return Ok(Err(Conflict(unmet)));
                    }
                    let passing = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
                    let codes = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
                    if !codes.clone().any(|code| passing.contains(&code)) {
                        return Err(service_failure(&doing(), &error));
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(25 << attempt)).await;
        }
        Err(Failure::temporary(format!("{}: other transactions on the same records do not end", doing())))
    }
}

fn attributes(key: &Key) -> HashMap<String, AttributeValue> {
    key.0.iter().map(|(name, value)| ((*name).to_owned(), AttributeValue::S(value.clone()))).collect()
}

type Names = HashMap<String, String>;
type Values = Option<HashMap<String, AttributeValue>>;

/// The condition as an expression with its names and values.
fn condition(put: &Put) -> (&'static str, Names, Values) {
    let names = |name: &str| HashMap::from([("#c".to_owned(), name.to_owned())]);
    let value = |value| Some(HashMap::from([(":c".to_owned(), value)]));
    match &put.condition {
        Condition::Absent => ("attribute_not_exists(#c)", names(put.key_names[0]), None),
        Condition::Revision(revision) => ("#c = :c", names("revision"), value(AttributeValue::N(revision.to_string()))),
        Condition::NotAfter(name, text) => {
            ("attribute_not_exists(#c) OR #c <= :c", names(name), value(AttributeValue::S(text.clone())))
        }
    }
}

/// An item as DynamoDB has it.
pub fn to_attributes(item: Item) -> HashMap<String, AttributeValue> {
    item.into_iter().map(|(name, value)| (name, to_attribute(value))).collect()
}

fn to_attribute(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(truth) => AttributeValue::Bool(truth),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(values) => AttributeValue::L(values.into_iter().map(to_attribute).collect()),
        Value::Object(map) => AttributeValue::M(to_attributes(map)),
    }
}

/// An item of DynamoDB as JSON.
pub fn from_attributes(attributes: impl IntoIterator<Item = (String, AttributeValue)>) -> Item {
    let mut item: Vec<_> = attributes.into_iter().collect();
    item.sort_by(|(a, _), (b, _)| a.cmp(b));
    item.into_iter().map(|(name, value)| (name, from_attribute(value))).collect()
}

fn from_attribute(attribute: AttributeValue) -> Value {
    match attribute {
        AttributeValue::Bool(truth) => Value::Bool(truth),
        AttributeValue::N(number) => number.parse::<Number>().map_or(Value::String(number), Value::Number),
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::L(values) => values.into_iter().map(from_attribute).collect(),
        AttributeValue::M(map) => Value::Object(from_attributes(map).into_iter().collect::<Map<_, _>>()),
        AttributeValue::Ss(texts) => texts.into_iter().map(Value::String).collect(),
        _ => Value::Null,
    }
}

/// Queues of SQS.
#[derive(Debug, Clone)]
pub struct SqsQueues(pub aws_sdk_sqs::Client);

impl SqsQueues {
    /// Moves every message of a queue that is visible to another queue. Answers how many.
    pub async fn move_messages(&self, from_url: &str, to_url: &str) -> Result<usize, Failure> {
        let mut moved = 0;
        loop {
            let request = self.0.receive_message().queue_url(from_url).max_number_of_messages(10).wait_time_seconds(1);
            let answer = request.send().await;
            let answer = answer.map_err(|error| service_failure(&format!("reading {from_url}"), &error))?;
            let messages = answer.messages.unwrap_or_default();
            if messages.is_empty() {
                return Ok(moved);
            }
            for message in messages {
                // Sent before it is deleted: at worst it is there twice, which dispatch does not mind.
                self.send(to_url, message.body().unwrap_or_default(), &[]).await?;
                let receipt = message.receipt_handle.unwrap_or_default();
                let deleted = self.0.delete_message().queue_url(from_url).receipt_handle(receipt).send().await;
                deleted.map_err(|error| service_failure(&format!("deleting from {from_url}"), &error))?;
                moved += 1;
            }
        }
    }
}

impl Queues for SqsQueues {
    async fn send(&self, queue_url: &str, body: &str, attributes: &[(&str, &str)]) -> Result<(), Failure> {
        let mut request = self.0.send_message().queue_url(queue_url).message_body(body);
        for (name, value) in attributes {
            let value = aws_sdk_sqs::types::MessageAttributeValue::builder().data_type("String").string_value(*value);
            let value = value.build().map_err(|error| Failure::internal("a message attribute").because(error))?;
            request = request.message_attributes(*name, value);
        }
        request.send().await.map_err(|error| service_failure(&format!("sending to {queue_url}"), &error))?;
        Ok(())
    }
}

/// A topic of SNS.
#[derive(Debug, Clone)]
pub struct SnsNotices {
    /// The client.
    pub client: aws_sdk_sns::Client,
    /// The topic.
    pub topic_arn: String,
}

impl Notices for SnsNotices {
    async fn publish(&self, event: &JobEvent) -> Result<(), Failure> {
        let text = serde_json::to_string(event).map_err(|error| Failure::internal("a notice").because(error))?;
        let outcome = serde_json::to_value(event.outcome).ok().and_then(|word| word.as_str().map(str::to_owned));
        let attributes = [
            ("kind", event.kind.map(|kind| kind.name().to_owned())),
            ("operation", event.operation.clone()),
            ("outcome", outcome),
        ];
        let mut request = self.client.publish().topic_arn(&self.topic_arn).message(text);
        for (name, value) in attributes.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            let value = aws_sdk_sns::types::MessageAttributeValue::builder().data_type("String").string_value(value);
            let value = value.build().map_err(|error| Failure::internal("a message attribute").because(error))?;
            request = request.message_attributes(name, value);
        }
        request.send().await.map_err(|error| service_failure(&format!("publishing to {}", self.topic_arn), &error))?;
        Ok(())
    }
}

/// AWS Batch.
#[derive(Debug, Clone)]
pub struct AwsBatch(pub aws_sdk_batch::Client);

impl AwsBatch {
    /// What Batch says of a job; nothing if it no longer knows it.
    pub async fn status(&self, job_id: &str) -> Result<Option<BatchStatus>, Failure> {
        let answer = self.0.describe_jobs().jobs(job_id).send().await;
        let answer = answer.map_err(|error| service_failure(&format!("describing Batch job {job_id}"), &error))?;
        let job = answer.jobs.unwrap_or_default().into_iter().next();
        Ok(job.map(|job| BatchStatus {
            status: job.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            reason: job.status_reason.filter(|reason| !reason.is_empty()),
        }))
    }
}

impl Batch for AwsBatch {
    async fn submit(&self, submission: &Submission) -> Result<String, SubmitFailure> {
        // Batch refuses the overrides of one kind of compute environment in the other.
        let (on_ecs, on_eks) = match &submission.pod_container {
            None => (Some(container_overrides(submission)), None),
            Some(container) => (None, Some(pod_override(submission, container))),
        };
        let array = submission.array_size.map(|size| batch::ArrayProperties::builder().size(size as i32).build());
        let dependency = submission.depends_on.as_ref().map(|id| batch::JobDependency::builder().job_id(id).build());
        let request = self
            .0
            .submit_job()
            .job_name(&submission.name)
            .job_queue(&submission.queue)
            .job_definition(&submission.definition)
            .set_parameters(Some(submission.parameters.iter().cloned().collect()))
            .set_tags(Some(submission.tags.iter().cloned().collect()))
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
                    .ok_or_else(|| SubmitFailure::Unknown(Failure::temporary("SubmitJob answered no job id")));
            }
            Err(error) => error,
        };
        let is_throttled = status(&error) == Some(429)
            || matches!(error.code(), Some("TooManyRequestsException" | "ThrottlingException" | "Throttling"));
        let is_refused = status(&error).is_some_and(|status| (400..500).contains(&status));
        let not_sent = matches!(&error, SdkError::ConstructionFailure(_));
        let failure = service_failure(&format!("submitting {} to {}", submission.name, submission.queue), &error);
        Err(match (is_throttled, is_refused || not_sent) {
            (true, _) => SubmitFailure::Throttled,
            (false, true) => SubmitFailure::Refused(failure),
            (false, false) => SubmitFailure::Unknown(failure),
        })
    }

    async fn find(&self, queue: &str, name: &str) -> Result<Option<String>, Failure> {
        let filter = batch::KeyValuesPair::builder().name("JOB_NAME").values(name).build();
        let answer = self.0.list_jobs().job_queue(queue).filters(filter).send().await;
        let answer = answer.map_err(|error| service_failure(&format!("looking for {name} in {queue}"), &error))?;
        let jobs = answer.job_summary_list.unwrap_or_default();
        Ok(jobs.into_iter().find(|job| job.job_name() == Some(name)).and_then(|job| job.job_id))
    }
}

/// What a container on Fargate or EC2 does and gets, in place of what its definition says.
fn container_overrides(submission: &Submission) -> batch::ContainerOverrides {
    let resource =
        |kind, value: u32| batch::ResourceRequirement::builder().r#type(kind).value(value.to_string()).build();
    batch::ContainerOverrides::builder()
        .set_command(Some(submission.command.clone()))
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
    let container = batch::EksContainerOverride::builder()
        .name(container)
        .set_args(Some(submission.command.clone()))
        .resources(resources)
        .build();
    let pod = batch::EksPodPropertiesOverride::builder().containers(container).build();
    batch::EksPropertiesOverride::builder().pod_properties(pod).build()
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

fn failure<E>(doing: &str, source: &Source, error: &SdkError<E>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    service_failure(&format!("{doing} {}", describe(source)), error)
}

/// A failed request in the one taxonomy: what may pass is temporary, what was refused is the configuration's fault.
pub fn service_failure<E>(doing: &str, error: &SdkError<E>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let throttled = error.code().is_some_and(|code| {
        code.contains("Throttl") || code.contains("TooManyRequests") || code.contains("Exceeded") || code == "SlowDown"
    });
    let kind = match status(error) {
        _ if throttled => FailureKind::Temporary,
        Some(401 | 403) => FailureKind::InvalidRequest,
        Some(404) => FailureKind::InputNotFound,
        Some(400..=499) => FailureKind::Internal,
        _ => FailureKind::Temporary,
    };
    // The SDK's own text is "service error"; what happened is in the chain behind it.
    Failure::new(kind, format!("{doing}: {}", DisplayErrorContext(error)))
}

fn status<E>(error: &SdkError<E>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_sdk_batch::config::interceptors::BeforeTransmitInterceptorContextRef;
    use aws_sdk_batch::config::{BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents};
    use aws_sdk_batch::error::BoxError;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_item_comes_back_from_dynamodb_as_it_was() {
        let Value::Object(item) = json!({
            "text": "a", "number": 12, "fraction": 0.5, "truth": true, "list": ["a", 1], "map": {"a": {"b": null}}, "empty": {}
        }) else {
            unreachable!()
        };
        assert_eq!(from_attributes(to_attributes(item.clone())), item);
    }

    fn submission(pod_container: Option<&str>) -> Submission {
        Submission {
            name: "dispatch-image-1".to_owned(),
            queue: "media-image".to_owned(),
            definition: "media-image".to_owned(),
            command: vec!["run".to_owned(), "--manifest".to_owned(), "s3://lists/a".to_owned()],
            parameters: vec![("list".to_owned(), "a".to_owned())],
            array_size: None,
            depends_on: None,
            vcpus: 2,
            memory: 4096,
            pod_container: pod_container.map(str::to_owned),
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
                "resources": {"limits": quantities, "requests": quantities},
            }]}})
        );
        assert!(body.get("containerOverrides").is_none(), "{body}");
    }
}
