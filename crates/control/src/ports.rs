//! The services that the control plane uses, as narrow as it uses them. `control-aws` has AWS's; the tests have a simulated
//! world.

use std::future::Future;
use std::time::Duration;

use contract::{BatchParameters, Failure, JobEvent, Source, UploadEnded};
use time::OffsetDateTime;

use crate::table::{Item, Key, Page, Put, PutOutcome, Query};

/// The services of one place, named together.
pub trait Ports: Send + Sync + 'static {
    /// Buckets.
    type Objects: Objects;
    /// DYNAMODB_INPUT, DYNAMODB_OUTPUT.
    type Table: Table;
    /// The kinds' queues and their dead-letter queues.
    type Queues: Queues;
    /// SNS_NOTIF.
    type Notices: Notices;
    /// What runs the jobs.
    type Executor: Executor;
    /// The clock.
    type Clock: Clock;
}

/// The first bytes of an object and what S3 tells along with them.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// At most as many bytes as were asked for.
    pub bytes: Vec<u8>,
    /// The media type that the uploader gave.
    pub content_type: Option<String>,
    /// User metadata `processing-option`.
    pub processing_option: Option<String>,
    /// User metadata `share`.
    pub share: Option<String>,
    /// User metadata `priority`.
    pub priority: Option<String>,
    /// How many tags the object has.
    pub tags: u32,
}

/// An object that is looked for, in the version that is looked for.
#[derive(Debug, Clone)]
pub enum Found<T> {
    /// It is there.
    Here(T),
    /// It is not, in words: deleted, or overwritten.
    Gone(String),
}

/// An object in a listing of its bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// The entity tag, without quotes.
    pub etag: Option<String>,
    /// When it was last changed, RFC 3339.
    pub modified: String,
}

/// A page of a listing, in the order of the keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The objects.
    pub objects: Vec<Listed>,
    /// The key after which the next page begins; `None` if this is the last.
    pub next: Option<String>,
}

/// Which version of an object is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version {
    /// The entity tag, without quotes. Versions with the same bytes have the same.
    pub etag: Option<String>,
    /// The version in a versioned bucket.
    pub version_id: Option<String>,
}

/// A small object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// All of it.
    pub bytes: Vec<u8>,
    /// The version that was read.
    pub version: Version,
}

/// Objects in buckets.
pub trait Objects: Send + Sync {
    /// Reads the first `bytes` bytes of exactly this version, with the metadata, in one request.
    fn head(&self, source: &Source, bytes: usize) -> impl Future<Output = Result<Found<Head>, Failure>> + Send;

    /// Reads the tag `processing-option`.
    fn tag(&self, source: &Source) -> impl Future<Output = Result<Found<Option<String>>, Failure>> + Send;

    /// Reads a small object whole; `None` if it is not there.
    fn read_whole(&self, bucket: &str, key: &str) -> impl Future<Output = Result<Option<Whole>, Failure>> + Send;

    /// The bytes of a small object; `None` if it is not there.
    fn read(&self, bucket: &str, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, Failure>> + Send {
        async { Ok(self.read_whole(bucket, key).await?.map(|whole| whole.bytes)) }
    }

    /// A page of the objects whose keys begin with a prefix and come after a key: those that are current.
    fn list(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Listing, Failure>> + Send;

    /// Deletes an object, unless another version than is meant is current: then somebody has written over it.
    fn delete(&self, bucket: &str, key: &str, meant: &Version) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Writes a small object.
    fn write(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// A table of items. An item's write is atomic; nothing holds across items.
pub trait Table: Send + Sync {
    /// Reads items as they are now, in the order of the keys (at most [`crate::table::MAX_ITEMS`]).
    fn get(&self, keys: &[Key]) -> impl Future<Output = Result<Vec<Option<Item>>, Failure>> + Send;

    /// Writes items (at most [`crate::table::MAX_ITEMS`]), each on its own condition, and answers in the order of the puts.
    fn put(&self, puts: &[Put]) -> impl Future<Output = Vec<PutOutcome>> + Send;

    /// Reads a page of the items that share a partition key. An index may be a moment behind the table.
    fn query(&self, query: &Query) -> impl Future<Output = Result<Page, Failure>> + Send;
}

/// A message that a queue is asked to deliver again at another time than by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postponed {
    /// The queue.
    pub queue_arn: String,
    /// Names this delivery of the message.
    pub receipt_handle: String,
    /// When it comes again.
    pub delay: Duration,
}

/// Queues.
pub trait Queues: Send + Sync {
    /// Sends a message with attributes.
    fn send(
        &self,
        queue_url: &str,
        body: &str,
        attributes: &[(&str, &str)],
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Starts or stops the deliveries of requests to dispatch. What was received already comes again all the same.
    fn deliver(&self, on: bool) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Sets when messages that were received and not deleted come again, in place of the queue's visibility timeout.
    fn postpone(&self, messages: &[Postponed]) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// The topic for notices, and the bus for the ends of uploads.
pub trait Notices: Send + Sync {
    /// Tells everybody.
    fn publish(&self, event: &JobEvent) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Tells the bus that an upload has ended; the answer is that the bus has it.
    fn upload_ended(&self, ended: &UploadEnded) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Work for an executor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Unique to a lease, so that the work can be found by it: letters, digits, `-` and `_`; at most 128.
    pub name: String,
    /// Where the work waits: Batch's job queue.
    pub queue: String,
    /// What does it: Batch's job definition.
    pub definition: String,
    /// What the container runs, without the program.
    pub command: Vec<String>,
    /// Kept with the work and repeated in its events.
    pub parameters: BatchParameters,
    /// Children; `None` for a job that is no array.
    pub array_size: Option<u32>,
    /// What must have succeeded before, all its children included.
    pub depends_on: Option<Receipt>,
    /// Virtual CPUs.
    pub vcpus: u32,
    /// Memory, MiB.
    pub memory: u32,
    /// If the job is a pod on EKS, the name of its container in the job definition; `None` on Fargate and EC2.
    pub pod_container: Option<String>,
    /// Whose share of the queue's capacity it takes, and its priority within it; none where the queue has no shares.
    pub share: Option<(String, u32)>,
    /// For cost reports and people.
    pub tags: Vec<(String, String)>,
}

/// What an executor names work by that it has accepted: Batch's job id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt(pub String);

/// Why work was not submitted.
#[derive(Debug)]
pub enum SubmitFailure {
    /// Too many requests: nothing was submitted.
    Throttled,
    /// Refused for good: nothing was submitted.
    Refused(Failure),
    /// No answer, or one that leaves it open whether the work was submitted.
    Unknown(Failure),
}

/// What an executor says of work that it has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How far it is.
    pub phase: Phase,
    /// The same in the executor's own word, such as `RUNNABLE`.
    pub status: String,
    /// Why it is so, in the executor's words.
    pub reason: Option<String>,
    /// The container's exit code, once it has ended.
    pub exit_code: Option<i64>,
    /// When it ended, RFC 3339.
    pub ended_at: Option<String>,
}

/// How far submitted work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It waits for capacity or for other work.
    Waiting,
    /// Its container is being started.
    Starting,
    /// It works.
    Running,
    /// It has ended well.
    Succeeded,
    /// It has ended badly, retries included.
    Failed,
}

/// Runs work elsewhere: AWS Batch today. Dispatch leases an upload, submits under the lease's name, and records the receipt;
/// whoever finds an expired lease without a receipt asks [`Executor::find`]. An executor whose submissions are idempotent by
/// name may answer `find` with `None`: submitting again is then harmless.
pub trait Executor: Send + Sync {
    /// Submits work once, without any retry.
    fn submit(&self, submission: &Submission) -> impl Future<Output = Result<Receipt, SubmitFailure>> + Send;

    /// The work of that name in a queue, whatever its state.
    fn find(&self, queue: &str, name: &str) -> impl Future<Output = Result<Option<Receipt>, Failure>> + Send;

    /// How far work is, in the order of the receipts (any number); `None` for what the executor no longer knows.
    fn report(&self, receipts: &[Receipt]) -> impl Future<Output = Result<Vec<Option<Report>>, Failure>> + Send;

    /// Ends work, whether it waits or runs. Work that has ended stays as it is.
    fn cancel(&self, receipt: &Receipt, reason: &str) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// The clock.
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> OffsetDateTime;

    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}
