//! What AWS sends to a Lambda, as far as it is read here. Unknown properties are passed over, as AWS asks for.

use std::collections::HashMap;

use contract::Failure;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// An event of EventBridge.
#[derive(Debug, Clone, Deserialize)]
pub struct BusEvent<Detail> {
    /// `aws.s3`, `aws.batch`, …
    pub source: String,
    /// What happened, in words: `Object Created`, `Batch Job State Change`, …
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    /// When it happened, RFC 3339.
    pub time: String,
    /// What it happened to.
    pub detail: Detail,
}

/// The detail of `Object Created` and `Object Deleted`.
#[derive(Debug, Clone, Deserialize)]
pub struct ObjectDetail {
    /// The bucket.
    pub bucket: Bucket,
    /// The object, in the version that the event is about.
    pub object: Object,
    /// Of a deletion: what it did.
    #[serde(default, rename = "deletion-type")]
    pub deletion_type: Option<DeletionType>,
    /// Who caused it: `PutObject`, `DeleteObject`, `Lifecycle Expiration`, …
    #[serde(default)]
    pub reason: Option<String>,
}

/// What a deletion did to an object (S3 User Guide, "EventBridge event message structure"). Lifecycle rules make both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum DeletionType {
    /// One version is gone for good: in a versioned bucket often one that had been overwritten long before.
    #[serde(rename = "Permanently Deleted")]
    PermanentlyDeleted,
    /// The versions are there, behind a marker that makes the object seem deleted.
    #[serde(rename = "Delete Marker Created")]
    DeleteMarkerCreated,
}

/// A message of a bucket's own notifications, which cost nothing: of S3_OUTPUT, whose many new objects EventBridge would be paid for
/// (S3 User Guide, "Event message structure").
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BucketMessage {
    #[serde(default)]
    records: Vec<BucketRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BucketRecord {
    event_name: String,
    event_time: String,
    s3: BucketDetail,
}

#[derive(Deserialize)]
struct BucketDetail {
    bucket: Bucket,
    object: BucketObject,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BucketObject {
    key: String,
    #[serde(default)]
    size: u64,
    #[serde(default, rename = "eTag")]
    etag: Option<String>,
    #[serde(default)]
    version_id: Option<String>,
    #[serde(default)]
    sequencer: Option<String>,
}

/// The events of a message of a bucket's own notifications, as EventBridge would tell them; `None` for another message. The one that
/// S3 sends when notifications are configured has no events.
pub fn of_bucket(message: &Value) -> Result<Option<Vec<BusEvent<ObjectDetail>>>, Failure> {
    if message.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(Some(Vec::new()));
    }
    if message.pointer("/Records/0/eventSource").and_then(Value::as_str) != Some("aws:s3") {
        return Ok(None);
    }
    let message: BucketMessage = read_as(message)?;
    message.records.into_iter().map(BucketRecord::into_event).collect::<Result<_, _>>().map(Some)
}

impl BucketRecord {
    fn into_event(self) -> Result<BusEvent<ObjectDetail>, Failure> {
        let Self { event_name, event_time, s3: BucketDetail { bucket, object } } = self;
        let (detail_type, deletion_type, reason) = match event_name.as_str() {
            name if name.starts_with("ObjectCreated:") => ("Object Created", None, None),
            "ObjectRemoved:Delete" => ("Object Deleted", Some(DeletionType::PermanentlyDeleted), Some("DeleteObject")),
            "ObjectRemoved:DeleteMarkerCreated" => {
                ("Object Deleted", Some(DeletionType::DeleteMarkerCreated), Some("DeleteObject"))
            }
            "LifecycleExpiration:Delete" => {
                ("Object Deleted", Some(DeletionType::PermanentlyDeleted), Some(LIFECYCLE_EXPIRATION))
            }
            "LifecycleExpiration:DeleteMarkerCreated" => {
                ("Object Deleted", Some(DeletionType::DeleteMarkerCreated), Some(LIFECYCLE_EXPIRATION))
            }
            name => {
                return Err(Failure::invalid_request(format!(
                    "{name} of bucket {} is not expected; check the bucket's notifications",
                    bucket.name
                )));
            }
        };
        // As in a form: a space is a plus sign.
        let key = object.key.replace('+', " ");
        let key = percent_encoding::percent_decode_str(&key).decode_utf8();
        let key = key.map_err(|error| Failure::invalid_request("the key of an event is not UTF-8").because(error))?;
        let BucketObject { size, etag, version_id, sequencer, .. } = object;
        let object = Object { key: key.into_owned(), size, etag, version_id, sequencer };
        Ok(BusEvent {
            source: "aws.s3".to_owned(),
            detail_type: detail_type.to_owned(),
            time: event_time,
            detail: ObjectDetail { bucket, object, deletion_type, reason: reason.map(str::to_owned) },
        })
    }
}

/// The reason of a deletion that a lifecycle rule made.
pub const LIFECYCLE_EXPIRATION: &str = "Lifecycle Expiration";

/// A bucket.
#[derive(Debug, Clone, Deserialize)]
pub struct Bucket {
    /// Its name.
    pub name: String,
}

/// An object in an event of S3. The key is as it is, not encoded.
#[derive(Debug, Clone, Deserialize)]
pub struct Object {
    /// The key.
    pub key: String,
    /// Bytes; absent for a deletion.
    #[serde(default)]
    pub size: u64,
    /// The entity tag, without quotes; absent for a deletion.
    #[serde(default)]
    pub etag: Option<String>,
    /// The version in a versioned bucket.
    #[serde(default, rename = "version-id")]
    pub version_id: Option<String>,
    /// Hexadecimal digits that order the events of one key: see [`crate::identity::comparable`].
    #[serde(default)]
    pub sequencer: Option<String>,
}

/// The detail of `Batch Job State Change`: much like what `DescribeJobs` answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchJobDetail {
    /// The job's id; that of an array's child ends in `:` and its index.
    pub job_id: String,
    /// The job's name.
    pub job_name: String,
    /// `SUBMITTED`, `PENDING`, `RUNNABLE`, `STARTING`, `RUNNING`, `SUCCEEDED` or `FAILED`.
    pub status: String,
    /// Why it is so, in Batch's words.
    #[serde(default)]
    pub status_reason: Option<String>,
    /// Every attempt that has ended.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    /// Milliseconds since 1970.
    #[serde(default)]
    pub started_at: Option<i64>,
    /// Milliseconds since 1970.
    #[serde(default)]
    pub stopped_at: Option<i64>,
    /// The parameters given with the submission.
    #[serde(default)]
    pub parameters: HashMap<String, String>,
    /// The container of the last attempt.
    #[serde(default)]
    pub container: Option<Container>,
    /// Every attempt that has ended of a job on EKS, in place of `attempts`.
    #[serde(default)]
    pub eks_attempts: Vec<EksAttempt>,
    /// Set for an array's parent (`size`) and child (`index`).
    #[serde(default)]
    pub array_properties: Option<ArrayProperties>,
}

/// One attempt of a Batch job.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// The container of the attempt.
    #[serde(default)]
    pub container: Option<Container>,
    /// Why it ended, in Batch's words.
    #[serde(default)]
    pub status_reason: Option<String>,
}

/// One attempt of a Batch job on EKS.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EksAttempt {
    /// The containers of the attempt's pod; those of this project have one.
    #[serde(default)]
    pub containers: Vec<Container>,
    /// Why it ended, in Batch's words.
    #[serde(default)]
    pub status_reason: Option<String>,
}

/// How a container ended.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// The exit code, if it got so far.
    #[serde(default)]
    pub exit_code: Option<i64>,
    /// More about how it ended, in the words of ECS.
    #[serde(default)]
    pub reason: Option<String>,
}

/// An array's properties.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArrayProperties {
    /// Children of a parent.
    #[serde(default)]
    pub size: Option<u32>,
    /// Which child.
    #[serde(default)]
    pub index: Option<u32>,
}

impl BatchJobDetail {
    /// The id of the job that was submitted: that of the parent for an array's child.
    pub fn submitted_id(&self) -> &str {
        self.job_id.split(':').next().unwrap_or(&self.job_id)
    }

    /// What is told of the container that ended last, the most telling first.
    pub fn last_containers(&self) -> impl Iterator<Item = &Container> {
        let last = self.attempts.last().and_then(|attempt| attempt.container.as_ref());
        let last_pod = self.eks_attempts.last().into_iter().flat_map(|attempt| &attempt.containers);
        self.container.iter().chain(last).chain(last_pod)
    }

    /// Why the last attempt ended, in Batch's words.
    pub fn last_attempt_reason(&self) -> Option<&str> {
        let on_ecs = self.attempts.last().and_then(|attempt| attempt.status_reason.as_deref());
        on_ecs.or_else(|| self.eks_attempts.last()?.status_reason.as_deref())
    }

    /// Which child of an array it is.
    pub fn array_index(&self) -> Option<usize> {
        self.job_id.split_once(':').and_then(|(_, index)| index.parse().ok())
    }

    /// Whether it stands for an array's children and did no work of its own.
    pub fn is_array_parent(&self) -> bool {
        self.array_index().is_none()
            && self.array_properties.is_some_and(|array| array.size.is_some_and(|size| size > 0))
    }
}

/// A message of a queue, as its trigger hands it over.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueMessage {
    /// Names the message in the answer.
    pub message_id: String,
    /// Names this delivery of the message.
    #[serde(default)]
    pub receipt_handle: String,
    /// What was sent.
    pub body: String,
    /// What the queue knows about it.
    #[serde(default)]
    pub attributes: QueueAttributes,
    /// The queue.
    #[serde(default, rename = "eventSourceARN")]
    pub queue_arn: String,
}

/// What a queue knows about a message. Numbers come as text.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueueAttributes {
    /// How often it was received, this time included.
    #[serde(default)]
    pub approximate_receive_count: Option<String>,
    /// When it was sent, milliseconds since 1970.
    #[serde(default)]
    pub sent_timestamp: Option<String>,
}

impl QueueMessage {
    /// How often the message was received, this time included.
    pub fn receive_count(&self) -> u64 {
        self.attributes.approximate_receive_count.as_deref().and_then(|count| count.parse().ok()).unwrap_or(1)
    }

    /// When the message was sent, milliseconds since 1970.
    pub fn sent_at(&self) -> Option<i64> {
        self.attributes.sent_timestamp.as_deref().and_then(|at| at.parse().ok())
    }
}

/// What a Lambda was invoked with.
#[derive(Debug, Clone)]
pub enum Trigger {
    /// Messages of a queue: those that fail are named in the answer and come again.
    Queue(Vec<QueueMessage>),
    /// The texts of messages of a topic.
    Topic(Vec<String>),
    /// One event of EventBridge.
    Bus(Value),
    /// Events of a bucket's own notifications.
    Bucket(Vec<BusEvent<ObjectDetail>>),
    /// A schedule of EventBridge: it is time.
    Schedule,
}

impl Trigger {
    /// Tells the triggers apart.
    pub fn read(payload: Value) -> Result<Self, Failure> {
        let Some(records) = payload.get("Records").and_then(Value::as_array) else {
            let text = |name: &str| payload.get(name).and_then(Value::as_str);
            return match (text("source"), text("detail-type")) {
                (Some("aws.events"), Some("Scheduled Event")) => Ok(Self::Schedule),
                (_, Some(_)) => Ok(Self::Bus(payload)),
                (_, None) => Err(unknown(&payload)),
            };
        };
        // SQS writes eventSource, SNS EventSource.
        let source = |record: &Value| {
            let name = record.get("eventSource").or_else(|| record.get("EventSource"));
            name.and_then(Value::as_str).map(str::to_owned)
        };
        match records.first().and_then(source).as_deref() {
            Some("aws:sqs") => Ok(Self::Queue(records.iter().map(read_as).collect::<Result<_, _>>()?)),
            Some("aws:s3") => Ok(Self::Bucket(of_bucket(&payload)?.unwrap_or_default())),
            Some("aws:sns") => {
                let text = |record: &Value| record.pointer("/Sns/Message").and_then(Value::as_str).map(str::to_owned);
                let texts: Option<Vec<_>> = records.iter().map(text).collect();
                texts.map(Self::Topic).ok_or_else(|| unknown(&payload))
            }
            _ => Err(unknown(&payload)),
        }
    }
}

/// What a handler is to be invoked with for a message of a queue of undelivered events. It is what AWS lays aside: of a function
/// the record of its last invocation (Lambda Developer Guide, "Retaining records of asynchronous invocations"), of a rule the event
/// as it is, of a subscription the topic's envelope, of a bucket its message.
pub fn undelivered(body: &str) -> Result<Value, Failure> {
    let mut value: Value = serde_json::from_str(body)
        .map_err(|error| Failure::invalid_request("an undelivered message is not valid JSON").because(error))?;
    if let Some(payload) = value.get_mut("requestPayload") {
        return Ok(payload.take());
    }
    match (value.get("detail-type"), value.get("Message")) {
        (Some(_), _) => Ok(value),
        (None, Some(Value::String(text))) => {
            Ok(json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text}}]}))
        }
        (None, _) if of_bucket(&value)?.is_some_and(|events| !events.is_empty()) => Ok(value),
        (None, _) => Err(unknown(&value)),
    }
}

/// Reads a part of an event.
pub fn read_as<T: DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    T::deserialize(value)
        .map_err(|error| Failure::invalid_request("the event does not have its documented shape").because(error))
}

fn unknown(payload: &Value) -> Failure {
    let text: String = payload.to_string().chars().take(300).collect();
    Failure::invalid_request(format!("not an event of EventBridge, SQS or SNS: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_read_from_the_documented_shape() {
        let event = json!({
            "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": "Object Created",
            "source": "aws.s3", "account": "111122223333", "time": "2021-11-12T00:00:00Z", "region": "ca-central-1",
            "resources": ["arn:aws:s3:::amzn-s3-demo-bucket1"],
            "detail": {
                "version": "0", "bucket": {"name": "amzn-s3-demo-bucket1"},
                "object": {"key": "example key", "size": 5, "etag": "b57f9512698f4b09e608f4f2a65852e5",
                    "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e", "sequencer": "00617F08299329D189"},
                "request-id": "N4N7GDK58NMKJ12R", "requester": "123456789012", "source-ip-address": "1.2.3.4",
                "reason": "PutObject"
            }
        });
        let Trigger::Bus(value) = Trigger::read(event).unwrap() else { panic!("not from the bus") };
        let event: BusEvent<ObjectDetail> = read_as(&value).unwrap();
        assert_eq!(event.detail.object.key, "example key");
        assert_eq!(event.detail.object.sequencer.as_deref(), Some("00617F08299329D189"));
    }

    #[test]
    fn the_notifications_of_a_bucket_say_the_same_as_the_bus() {
        // S3 User Guide, "Event message structure", in the version 2.1, and of a key with characters that are encoded.
        let message = |name: &str, key: &str| {
            json!({"Records": [{
                "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-west-2", "eventTime": "1970-01-01T00:00:00.000Z",
                "eventName": name, "userIdentity": {"principalId": "AIDAJDPLRKLG7UEXAMPLE"},
                "requestParameters": {"sourceIPAddress": "127.0.0.1"},
                "s3": {
                    "s3SchemaVersion": "1.0", "configurationId": "testConfigRule",
                    "bucket": {"name": "amzn-s3-demo-bucket", "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                        "arn": "arn:aws:s3:::amzn-s3-demo-bucket"},
                    "object": {"key": key, "eTag": "d41d8cd98f00b204e9800998ecf8427e", "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                        "sequencer": "0055AED6DCD90281E5"},
                },
            }]})
        };
        for (name, deletion, reason) in [
            ("ObjectRemoved:Delete", DeletionType::PermanentlyDeleted, "DeleteObject"),
            ("ObjectRemoved:DeleteMarkerCreated", DeletionType::DeleteMarkerCreated, "DeleteObject"),
            ("LifecycleExpiration:Delete", DeletionType::PermanentlyDeleted, "Lifecycle Expiration"),
            ("LifecycleExpiration:DeleteMarkerCreated", DeletionType::DeleteMarkerCreated, "Lifecycle Expiration"),
        ] {
            let message = message(name, "red+%2B+blue/%C3%BC%25.jpg");
            let Trigger::Bucket(events) = Trigger::read(message.clone()).unwrap() else { panic!("not of a bucket") };
            let [event] = events.as_slice() else { panic!("{events:?}") };
            assert_eq!((event.source.as_str(), event.detail_type.as_str()), ("aws.s3", "Object Deleted"));
            assert_eq!(event.detail.object.key, "red + blue/ü%.jpg");
            assert_eq!((event.detail.deletion_type, event.detail.reason.as_deref()), (Some(deletion), Some(reason)));
            assert_eq!(event.detail.object.sequencer.as_deref(), Some("0055AED6DCD90281E5"));
            assert_eq!(undelivered(&message.to_string()).unwrap(), message);
        }
        assert!(of_bucket(&message("ObjectTagging:Put", "a")).unwrap_err().to_string().contains("ObjectTagging:Put"));
        let configured = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2014-10-13T15:57:02.089Z",
            "Bucket": "amzn-s3-demo-bucket", "RequestId": "5582815E1AEA5ADF", "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR"});
        assert!(of_bucket(&configured).unwrap().is_some_and(|events| events.is_empty()));
        assert!(of_bucket(&json!({"detail-type": "Object Deleted"})).unwrap().is_none());
    }

    #[test]
    fn the_parent_and_the_children_of_an_array_are_told_apart() {
        let detail = |id: &str, array: Value| -> BatchJobDetail {
            read_as(&json!({"jobId": id, "jobName": "n", "status": "FAILED", "arrayProperties": array})).unwrap()
        };
        let child = detail("4c7599ae:3", json!({"index": 3}));
        assert_eq!((child.submitted_id(), child.array_index(), child.is_array_parent()), ("4c7599ae", Some(3), false));
        let parent = detail("4c7599ae", json!({"size": 4, "statusSummary": {"FAILED": 4}}));
        assert!(parent.is_array_parent());
        assert!(!detail("4c7599ae", json!(null)).is_array_parent());
    }

    #[test]
    fn messages_say_how_often_they_were_received() {
        let event = json!({"Records": [{
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d", "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": "Test message.",
            "attributes": {"ApproximateReceiveCount": "2", "SentTimestamp": "1545082649183", "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": "1545082649185"},
            "messageAttributes": {}, "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3", "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue", "awsRegion": "us-east-2"
        }]});
        let Trigger::Queue(messages) = Trigger::read(event).unwrap() else { panic!("not from a queue") };
        assert_eq!((messages[0].receive_count(), messages[0].sent_at()), (2, Some(1_545_082_649_183)));
    }

    #[test]
    fn undelivered_events_are_taken_out_of_what_aws_lays_them_aside_in() {
        let event = json!({"source": "aws.s3", "detail-type": "Object Created", "detail": {}});
        // Lambda Developer Guide, "Adding a destination": example of a record.
        let of_function = json!({
            "version": "1.0", "timestamp": "2019-11-14T18:16:05.568Z",
            "requestContext": {"requestId": "e4b46cbf", "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:media-classify:$LATEST",
                "condition": "RetriesExhausted", "approximateInvokeCount": 3},
            "requestPayload": event,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": {"errorMessage": "RequestId: e4b46cbf Process exited before completing request"},
        });
        for laid_aside in [&of_function, &event] {
            assert_eq!(undelivered(&laid_aside.to_string()).unwrap(), event);
        }
        let of_topic = json!({"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:eu-west-1:1:jobs", "Message": "{}"});
        let Trigger::Topic(texts) = Trigger::read(undelivered(&of_topic.to_string()).unwrap()).unwrap() else {
            panic!("not from the topic")
        };
        assert_eq!(texts, ["{}"]);
        assert!(undelivered("{\"hello\": 1}").unwrap_err().to_string().contains("hello"));
    }

    #[test]
    fn a_schedule_is_told_from_events() {
        let scheduled = json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}});
        assert!(matches!(Trigger::read(scheduled), Ok(Trigger::Schedule)));
    }

    #[test]
    fn what_is_no_event_is_refused_with_its_text() {
        assert!(Trigger::read(json!({"hello": 1})).unwrap_err().to_string().contains("hello"));
        assert!(Trigger::read(json!({"Records": []})).is_err());
    }
}
