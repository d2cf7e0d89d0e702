//! A world for the control plane that is simulated in this process: buckets, tables, queues, a topic and Batch, with the
//! real handlers between them. Time is its own; what goes wrong is drawn from a seed, so that a run can be replayed.
//!
//! A crash is real to the handler: its future is dropped between two requests and never polled again.

pub mod chaos;
mod handlers;
mod items;
mod units;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use contract::{Failure, JobEvent, Source, UploadEnded, list, timestamp};
use control::event::{QueueAttributes, QueueMessage};
use control::ports::{
    Clock, Executor, Found, Head, Listed, Listing, Notices, Objects, Phase, Ports, Postponed, Queues, Receipt, Report,
    Submission, SubmitFailure, Table, Version, Whole,
};
use control::table::{Item, Key, Page, Put, PutOutcome, Query};
use serde_json::{Value, json};
use time::OffsetDateTime;

pub use items::{Items, MakeTable, in_memory};
pub use units::Units;

/// What goes wrong, each as a probability.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// A Lambda ends before or after a request.
    pub crash: f64,
    /// A request is refused for now.
    pub throttle: f64,
    /// A request has its effect, and the answer is lost.
    pub lost_answer: f64,
    /// An event is delivered again.
    pub duplicate: f64,
    /// An event comes late: up to ten minutes, or an hour where it was dropped first.
    pub delay: f64,
    /// A container is killed while it works.
    pub kill: f64,
    /// A put finds a transaction on the same item under way and writes nothing, although its condition holds: DynamoDB's
    /// `TransactionConflictException`, which its emulator does not know (Developer Guide, "Amazon DynamoDB Transactions: How
    /// it works", transaction conflict handling).
    pub conflict: f64,
    /// A put is refused because an index of the table is throttled: its partition is hot (Developer Guide, "Understanding
    /// DynamoDB throttling", GSI back-pressure).
    pub throttled_index: f64,
    /// A lifecycle rule deletes an overwritten version of an output and S3 tells of it (S3 User Guide, "Using S3 Lifecycle
    /// event notifications").
    pub expiry: f64,
    /// An event of Batch is lost: EventBridge gets them on a best-effort basis (Batch User Guide, "AWS Batch event stream for
    /// Amazon EventBridge").
    pub lost_batch_event: f64,
    /// The event of an upload is lost: its rule was disabled, or nobody looked at the undelivered queue.
    pub lost_upload_event: f64,
    /// A notice of a job ends in the undelivered queue, and nobody looks there.
    pub lost_notice: f64,
}

/// A generator of pseudo-random numbers (splitmix64), the same for the same seed on every machine.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit.max(1)
    }

    /// True with a probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        ((self.number() >> 11) as f64) / ((1_u64 << 53) as f64) < probability
    }
}

/// An object of the simulated buckets.
#[derive(Debug, Clone)]
pub struct StoredObject {
    /// Bytes that a read of the head sees.
    pub head: Vec<u8>,
    /// Bytes that it has.
    pub size: u64,
    /// The entity tag.
    pub etag: String,
    /// The version, in a versioned bucket.
    pub version_id: Option<String>,
    /// User metadata `processing-option`.
    pub metadata_option: Option<String>,
    /// The tag `processing-option`.
    pub tag_option: Option<String>,
    /// When it was stored, milliseconds since 1970.
    pub modified: i64,
}

/// A result: an object that is written whole.
#[derive(Debug, Clone)]
pub struct StoredResult {
    /// Bytes that it has.
    pub size: u64,
    /// The current version.
    pub version: Version,
    /// When it was stored, milliseconds since 1970.
    pub modified: i64,
}

/// A message of a simulated queue.
#[derive(Debug, Clone)]
pub struct Message {
    id: String,
    body: String,
    /// Names the last delivery.
    receipt: String,
    /// Attributes, such as the reason of a dead letter.
    pub attributes: Vec<(String, String)>,
    receives: u64,
    visible_at: i64,
    sent_at: i64,
}

/// A submitted job.
#[derive(Debug, Clone)]
pub struct SubmittedJob {
    /// Batch's id.
    pub id: String,
    /// What was submitted.
    pub submission: Submission,
}

/// How a job (or an array's child) is, as Batch would describe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobStatus {
    /// Its container has begun.
    pub started: bool,
    /// Children that have ended well.
    pub succeeded: u32,
    /// Children that have failed.
    pub failed: u32,
    /// The last exit code.
    pub exit_code: Option<i64>,
    /// It was terminated.
    pub cancelled: bool,
    /// When its last child ended, milliseconds since 1970.
    pub ended_at: Option<i64>,
}

/// Something that happens at a time.
pub type Happening<A> = Reverse<(i64, u64, A)>;

/// What everybody shares.
#[derive(Debug)]
pub struct Inner {
    /// Milliseconds since 1970.
    pub now: i64,
    /// When S3 last did something with a result.
    stamp: i64,
    /// Draws everything that is left to chance.
    pub random: Random,
    /// What goes wrong.
    pub faults: Faults,
    /// Objects by bucket and key, every version that is there, the latest last.
    pub objects: BTreeMap<(String, String), Vec<StoredObject>>,
    /// Small objects that are read and written whole.
    pub files: BTreeMap<(String, String), Vec<u8>>,
    /// Results, by bucket and key: the current version of each.
    pub results: BTreeMap<(String, String), StoredResult>,
    /// Objects that were deleted since somebody looked.
    pub deleted: Vec<(String, String)>,
    /// Items by table and key.
    pub tables: HashMap<String, Box<dyn Items>>,
    /// Messages by queue.
    pub queues: HashMap<String, VecDeque<Message>>,
    /// Whether requests are delivered to dispatch.
    pub delivers: bool,
    /// Notices that nobody has delivered yet.
    pub notices: Vec<JobEvent>,
    /// Ends of uploads that were told on EventBridge.
    pub ended: Vec<UploadEnded>,
    /// Every job that was ever submitted.
    pub jobs: Vec<SubmittedJob>,
    /// How jobs are, by Batch's id.
    pub job_status: HashMap<String, JobStatus>,
    /// Jobs that were submitted and not yet taken up by [`World::take_jobs`].
    new_jobs: Vec<SubmittedJob>,
    /// Requests by name.
    pub requests: BTreeMap<&'static str, u64>,
    /// DynamoDB's units by table.
    pub units: BTreeMap<String, Units>,
    /// The invocation that is running has crashed.
    crashed: bool,
    serial: u64,
}

/// A handle on the world. It is every port but the tables.
#[derive(Debug, Clone)]
pub struct World(Arc<Mutex<Inner>>);

/// A table of the world.
#[derive(Debug, Clone)]
pub struct WorldTable {
    world: World,
    name: String,
}

impl World {
    /// A world without anything in it, with its tables in memory.
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self::over(in_memory, seed, faults)
    }

    /// A world without anything in it, over tables of the caller's.
    pub fn over(tables: MakeTable, seed: u64, faults: Faults) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            now: 1_795_000_000_000,
            stamp: 0,
            random: Random::new(seed),
            faults,
            objects: BTreeMap::new(),
            files: BTreeMap::new(),
            results: BTreeMap::new(),
            deleted: Vec::new(),
            tables: ["input", "output"].map(|name| (name.to_owned(), tables(name))).into(),
            queues: HashMap::new(),
            delivers: true,
            notices: Vec::new(),
            ended: Vec::new(),
            jobs: Vec::new(),
            job_status: HashMap::new(),
            new_jobs: Vec::new(),
            requests: BTreeMap::new(),
            units: BTreeMap::new(),
            crashed: false,
            serial: 0,
        })))
    }

    /// Everything, for a moment.
    pub fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A table.
    pub fn table(&self, name: &str) -> WorldTable {
        WorldTable { world: self.clone(), name: name.to_owned() }
    }

    /// Runs an invocation to its end; `None` if it crashed.
    pub fn invoke<T>(&self, handler: impl Future<Output = T>) -> Option<T> {
        self.inner().crashed = false;
        let mut handler = pin!(handler);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match handler.as_mut().poll(&mut context) {
                Poll::Ready(result) => return Some(result),
                Poll::Pending if self.inner().crashed => return None,
                // A combinator lets others run first; nothing here waits for anything.
                Poll::Pending => {}
            }
        }
    }

    /// Stores a version of an object: the current one from now on. Versions without an id are overwritten.
    ///
    /// # Panics
    ///
    /// For a tag that S3 refuses, and for metadata that is not ASCII or longer than 2 KB: no upload has such.
    pub fn store_object(&self, bucket: &str, key: &str, object: StoredObject) {
        let tag = object.tag_option.as_deref().unwrap_or_default();
        assert!(catalog::is_tag_value(tag), "S3 refuses the tag {tag:?}");
        let metadata = object.metadata_option.as_deref().unwrap_or_default();
        assert!(metadata.is_ascii() && metadata.len() <= 2048, "S3 refuses the metadata {metadata:?}");
        let mut inner = self.inner();
        let versions = inner.objects.entry((bucket.to_owned(), key.to_owned())).or_default();
        versions.retain(|version| version.version_id.is_some());
        versions.push(object);
    }

    /// The jobs that were submitted since this was last asked.
    pub fn take_jobs(&self) -> Vec<SubmittedJob> {
        std::mem::take(&mut self.inner().new_jobs)
    }

    /// The visible messages of a queue, at most so many, as its trigger delivers them. They are invisible for a while.
    pub fn receive(&self, queue: &str, most: usize, visibility: Duration) -> Vec<QueueMessage> {
        let mut inner = self.inner();
        let now = inner.now;
        let messages = inner.queues.entry(queue.to_owned()).or_default();
        let visible = messages.iter_mut().filter(|message| message.visible_at <= now).take(most);
        let received = visible.map(|message| {
            message.receives += 1;
            message.visible_at = now + visibility.as_millis() as i64;
            message.receipt = format!("{}/{}", message.id, message.receives);
            QueueMessage {
                message_id: message.id.clone(),
                receipt_handle: message.receipt.clone(),
                body: message.body.clone(),
                attributes: QueueAttributes {
                    approximate_receive_count: Some(message.receives.to_string()),
                    sent_timestamp: Some(message.sent_at.to_string()),
                },
                queue_arn: format!("arn:aws:sqs:eu-west-1:1:{queue}"),
            }
        });
        received.collect()
    }

    /// The event of a queue's trigger.
    pub fn queue_event(messages: &[QueueMessage]) -> Value {
        let record = |message: &QueueMessage| {
            json!({
                "messageId": message.message_id, "receiptHandle": message.receipt_handle, "body": message.body, "eventSource": "aws:sqs",
                "eventSourceARN": message.queue_arn,
                "attributes": {
                    "ApproximateReceiveCount": message.attributes.approximate_receive_count,
                    "SentTimestamp": message.attributes.sent_timestamp,
                },
            })
        };
        json!({"Records": messages.iter().map(record).collect::<Vec<_>>()})
    }

    /// Deletes the messages that the trigger's answer does not name.
    pub fn acknowledge(&self, queue: &str, received: &[QueueMessage], answer: &Value) {
        let failed: BTreeSet<&str> = answer["batchItemFailures"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|failure| failure["itemIdentifier"].as_str())
            .collect();
        let done: BTreeSet<&str> =
            received.iter().map(|message| message.message_id.as_str()).filter(|id| !failed.contains(id)).collect();
        self.inner().queues.entry(queue.to_owned()).or_default().retain(|message| !done.contains(message.id.as_str()));
    }

    /// The lines of a job's list that a child takes.
    pub fn lines_of(&self, job: &SubmittedJob, child: usize) -> Vec<contract::JobRequest> {
        let parameters = &job.submission.parameters;
        let inner = self.inner();
        let list = inner.files.iter().find(|((_, key), _)| *key == parameters.list);
        let list = list.expect("the list is written before the job").1;
        let mut lines = contract::read_list(list, "the list").expect("a list");
        let range = list::slice(lines.len(), parameters.children, child);
        lines.drain(range).collect()
    }

    /// One request: counted, perhaps refused, perhaps the last of this invocation.
    async fn request<T>(&self, name: &'static str, effect: impl FnOnce(&mut Inner) -> T) -> Result<T, Failure> {
        let (crash_before, throttled) = {
            let mut inner = self.inner();
            *inner.requests.entry(name).or_default() += 1;
            let faults = inner.faults;
            (inner.random.chance(faults.crash / 2.0), inner.random.chance(faults.throttle))
        };
        if crash_before {
            self.crash().await;
        }
        if throttled {
            return Err(Failure::temporary(format!("{name}: throttled")));
        }
        let (result, crash_after, lost) = {
            let mut inner = self.inner();
            let result = effect(&mut inner);
            let faults = inner.faults;
            (result, inner.random.chance(faults.crash / 2.0), inner.random.chance(faults.lost_answer))
        };
        if crash_after {
            self.crash().await;
        }
        if lost { Err(Failure::temporary(format!("{name}: the connection was reset"))) } else { Ok(result) }
    }

    async fn crash(&self) {
        self.inner().crashed = true;
        std::future::pending::<()>().await;
    }
}

impl Inner {
    fn table(&mut self, name: &str) -> &mut dyn Items {
        self.tables.get_mut(name).expect("the tables are input and output").as_mut()
    }

    /// A number that was not given before.
    pub fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// When S3 does something with a result that is due at a time: what it does later has a later time.
    pub fn stamp(&mut self, at: i64) -> i64 {
        self.stamp = at.max(self.stamp + 1);
        self.stamp
    }

    /// The version of an object that is asked for.
    fn find(&self, source: &Source) -> Found<&StoredObject> {
        let place = (source.bucket.clone().unwrap_or_default(), source.key.clone());
        let gone = |why: &str| Found::Gone(format!("s3://{}/{} was {why}", place.0, place.1));
        let versions = self.objects.get(&place).map(Vec::as_slice).unwrap_or_default();
        match &source.version_id {
            Some(id) => match versions.iter().find(|version| version.version_id.as_ref() == Some(id)) {
                Some(version) => Found::Here(version),
                None => gone("deleted"),
            },
            None => match versions.last() {
                Some(version) if source.etag.as_ref().is_none_or(|etag| *etag == version.etag) => Found::Here(version),
                Some(_) => gone("overwritten"),
                None => gone("deleted"),
            },
        }
    }
}

/// Objects of a page of a listing.
const PAGE: usize = 1000;

impl Objects for World {
    async fn head(&self, source: &Source, bytes: usize) -> Result<Found<Head>, Failure> {
        self.request("s3:GetObject", |inner| match inner.find(source) {
            Found::Here(object) => Found::Here(Head {
                bytes: object.head[..object.head.len().min(bytes)].to_vec(),
                content_type: None,
                processing_option: object.metadata_option.clone(),
                tags: u32::from(object.tag_option.is_some()),
                ..Head::default()
            }),
            Found::Gone(reason) => Found::Gone(reason),
        })
        .await
    }

    async fn tag(&self, source: &Source) -> Result<Found<Option<String>>, Failure> {
        self.request("s3:GetObjectTagging", |inner| match inner.find(source) {
            Found::Here(object) => Found::Here(object.tag_option.clone()),
            Found::Gone(reason) => Found::Gone(reason),
        })
        .await
    }

    async fn read_whole(&self, bucket: &str, key: &str) -> Result<Option<Whole>, Failure> {
        self.request("s3:GetObject", |inner| {
            let place = (bucket.to_owned(), key.to_owned());
            let version = inner.results.get(&place).map(|result| result.version.clone()).unwrap_or_default();
            inner.files.get(&place).map(|bytes| Whole { bytes: bytes.clone(), version })
        })
        .await
    }

    async fn list(&self, bucket: &str, prefix: &str, after: Option<&str>) -> Result<Listing, Failure> {
        self.request("s3:ListObjectsV2", |inner| {
            let current = |(place, versions): (&(String, String), &Vec<StoredObject>)| {
                let object = versions.last().filter(|_| place.0 == bucket && place.1.starts_with(prefix))?;
                Some(Listed {
                    key: place.1.clone(),
                    size: object.size,
                    etag: Some(object.etag.clone()),
                    modified: text_of(object.modified),
                })
            };
            let result = |(place, result): (&(String, String), &StoredResult)| Listed {
                key: place.1.clone(),
                size: result.size,
                etag: result.version.etag.clone(),
                modified: text_of(result.modified),
            };
            let is_after = |listed: &Listed| after.is_none_or(|after| listed.key.as_str() > after);
            let results = inner.results.range((bucket.to_owned(), prefix.to_owned())..);
            let results = results.take_while(|(place, _)| place.0 == bucket && place.1.starts_with(prefix)).map(result);
            let mut objects: Vec<Listed> =
                inner.objects.iter().filter_map(current).chain(results).filter(is_after).collect();
            let is_last = objects.len() <= PAGE;
            objects.truncate(PAGE);
            let next = objects.last().filter(|_| !is_last).map(|listed| listed.key.clone());
            Listing { objects, next }
        })
        .await
    }

    async fn delete(&self, bucket: &str, key: &str, meant: &Version) -> Result<(), Failure> {
        self.request("s3:DeleteObject", |inner| {
            let place = (bucket.to_owned(), key.to_owned());
            let differ = |is: &Option<String>, meant: &Option<String>| {
                matches!((is, meant), (Some(is), Some(meant)) if is != meant)
            };
            let is_other = inner.results.get(&place).is_some_and(|StoredResult { version, .. }| {
                differ(&version.etag, &meant.etag) || differ(&version.version_id, &meant.version_id)
            });
            if !is_other {
                inner.results.remove(&place);
                inner.files.remove(&place);
                inner.deleted.push(place);
            }
        })
        .await
    }

    async fn write(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        self.request("s3:PutObject", |inner| drop(inner.files.insert((bucket.to_owned(), key.to_owned()), bytes))).await
    }
}

impl Table for WorldTable {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, Failure> {
        self.world
            .request("dynamodb:BatchGetItem", |inner| {
                let table = inner.table(&self.name);
                let found: Vec<Option<Item>> = keys.iter().map(|key| table.get(key)).collect();
                let units = inner.units.entry(self.name.clone()).or_default();
                for item in &found {
                    units.got(item.as_ref());
                }
                found
            })
            .await
    }

    async fn put(&self, puts: &[Put]) -> Vec<PutOutcome> {
        assert!(puts.len() <= control::table::MAX_ITEMS);
        let mut outcomes = Vec::new();
        for put in puts {
            let written = self.world.request("dynamodb:PutItem", |inner| {
                let faults = inner.faults;
                if inner.random.chance(faults.conflict) {
                    return PutOutcome::Conflict;
                }
                if inner.random.chance(faults.throttled_index) {
                    return PutOutcome::Failed(Failure::temporary("the index by-state is throttled"));
                }
                let before = inner.table(&self.name).get(&put.key());
                let is_written = inner.table(&self.name).put(put);
                let units = inner.units.entry(self.name.clone()).or_default();
                if is_written {
                    units.put(&self.name, before.as_ref(), put);
                    return PutOutcome::Written;
                }
                units.refused(before.as_ref());
                PutOutcome::Conflict
            });
            outcomes.push(written.await.unwrap_or_else(PutOutcome::Failed));
        }
        outcomes
    }

    async fn query(&self, query: &Query) -> Result<Page, Failure> {
        self.world.request("dynamodb:Query", |inner| inner.table(&self.name).query(query)).await
    }
}

impl Queues for World {
    async fn send(&self, queue_url: &str, body: &str, attributes: &[(&str, &str)]) -> Result<(), Failure> {
        self.request("sqs:SendMessage", |inner| {
            let id = format!("message-{}", inner.serial());
            let (now, again) = (inner.now, inner.faults.duplicate);
            let copies = if inner.random.chance(again) { 2 } else { 1 };
            let attributes: Vec<_> =
                attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let name = queue_url.rsplit('/').next().unwrap_or_default().to_owned();
            for copy in 0..copies {
                inner.queues.entry(name.clone()).or_default().push_back(Message {
                    id: format!("{id}-{copy}"),
                    body: body.to_owned(),
                    receipt: String::new(),
                    attributes: attributes.clone(),
                    receives: 0,
                    visible_at: now,
                    sent_at: now,
                });
            }
        })
        .await
    }

    async fn deliver(&self, on: bool) -> Result<(), Failure> {
        self.request("lambda:UpdateEventSourceMapping", |inner| inner.delivers = on).await
    }

    async fn postpone(&self, messages: &[Postponed]) -> Result<(), Failure> {
        self.request("sqs:ChangeMessageVisibility", |inner| {
            let now = inner.now;
            for postponed in messages {
                let name = postponed.queue_arn.rsplit(':').next().unwrap_or_default();
                let queue = inner.queues.entry(name.to_owned()).or_default();
                for message in queue.iter_mut().filter(|message| message.receipt == postponed.receipt_handle) {
                    message.visible_at = now + postponed.delay.as_millis() as i64;
                }
            }
        })
        .await
    }
}

impl Ports for World {
    type Objects = Self;
    type Table = WorldTable;
    type Queues = Self;
    type Notices = Self;
    type Executor = Self;
    type Clock = Self;
}

impl Notices for World {
    async fn publish(&self, event: &JobEvent) -> Result<(), Failure> {
        self.request("sns:Publish", |inner| inner.notices.push(event.clone())).await
    }

    async fn upload_ended(&self, ended: &UploadEnded) -> Result<(), Failure> {
        self.request("events:PutEvents", |inner| inner.ended.push(ended.clone())).await
    }
}

impl Executor for World {
    async fn submit(&self, submission: &Submission) -> Result<Receipt, SubmitFailure> {
        let throttle = {
            let mut inner = self.inner();
            let throttle = inner.faults.throttle;
            inner.random.chance(throttle)
        };
        if throttle {
            return Err(SubmitFailure::Throttled);
        }
        let submitted = self.request("batch:SubmitJob", |inner| {
            let id = format!("batch-{}", inner.serial());
            let job = SubmittedJob { id: id.clone(), submission: submission.clone() };
            inner.jobs.push(job.clone());
            inner.new_jobs.push(job);
            Receipt(id)
        });
        submitted.await.map_err(SubmitFailure::Unknown)
    }

    async fn find(&self, queue: &str, name: &str) -> Result<Option<Receipt>, Failure> {
        self.request("batch:ListJobs", |inner| {
            let found = inner.jobs.iter().find(|job| job.submission.queue == queue && job.submission.name == name);
            found.map(|job| Receipt(job.id.clone()))
        })
        .await
    }

    async fn report(&self, receipts: &[Receipt]) -> Result<Vec<Option<Report>>, Failure> {
        self.request("batch:DescribeJobs", |inner| {
            let report = |receipt: &Receipt| {
                let job = inner.jobs.iter().find(|job| job.id == receipt.0)?;
                let status = inner.job_status.get(&receipt.0).copied().unwrap_or_default();
                let children = job.submission.array_size.unwrap_or(1);
                let phase = match status {
                    _ if status.cancelled => Phase::Failed,
                    _ if status.succeeded == children => Phase::Succeeded,
                    _ if status.succeeded + status.failed >= children => Phase::Failed,
                    _ if status.started => Phase::Running,
                    _ => Phase::Waiting,
                };
                Some(Report {
                    phase,
                    status: format!("{phase:?}").to_uppercase(),
                    reason: None,
                    exit_code: status.exit_code,
                    ended_at: status.ended_at.map(text_of),
                })
            };
            receipts.iter().map(report).collect()
        })
        .await
    }

    async fn cancel(&self, receipt: &Receipt, _: &str) -> Result<(), Failure> {
        self.request("batch:TerminateJob", |inner| {
            let now = inner.now;
            let status = inner.job_status.entry(receipt.0.clone()).or_default();
            status.cancelled = true;
            status.ended_at.get_or_insert(now);
        })
        .await
    }
}

impl Clock for World {
    fn now(&self) -> OffsetDateTime {
        let now = self.inner().now;
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(now) * 1_000_000).expect("a time of this century")
    }

    async fn sleep(&self, _: Duration) {}
}

/// Times of the world as text.
pub fn text_of(now: i64) -> String {
    timestamp::text_of_milliseconds(now).unwrap_or_default()
}

/// A queue of happenings in the order of their times.
#[derive(Debug)]
pub struct Agenda<A: Ord> {
    heap: BinaryHeap<Happening<A>>,
    count: u64,
}

impl<A: Ord> Default for Agenda<A> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), count: 0 }
    }
}

impl<A: Ord> Agenda<A> {
    /// Something happens at a time.
    pub fn at(&mut self, time: i64, happening: A) {
        self.count += 1;
        self.heap.push(Reverse((time, self.count, happening)));
    }

    /// What happens next, and when.
    pub fn pop(&mut self) -> Option<(i64, A)> {
        self.heap.pop().map(|Reverse((time, _, happening))| (time, happening))
    }

    /// Whether nothing is going to happen.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}
