//! The services that the control plane uses, as narrow as it uses them. `aws` has the real ones; the tests have a
//! simulated world.

use std::future::Future;
use std::time::Duration;

use contract::{Failure, JobEvent, Source};
use time::OffsetDateTime;

use crate::table::{Conflict, Item, Key, Put};

/// The first bytes of an object and what S3 tells along with them.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// At most as many bytes as were asked for.
    pub bytes: Vec<u8>,
    /// The media type that the uploader gave.
    pub content_type: Option<String>,
    /// User metadata `processing-option`.
    pub processing_option: Option<String>,
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

/// Objects in buckets.
pub trait Objects: Send + Sync {
    /// Reads the first `bytes` bytes of exactly this version, with the metadata, in one request.
    fn head(&self, source: &Source, bytes: usize) -> impl Future<Output = Result<Found<Head>, Failure>> + Send;

    /// Reads the tag `processing-option`.
    fn tag(&self, source: &Source) -> impl Future<Output = Result<Found<Option<String>>, Failure>> + Send;

    /// Reads a small object whole; `None` if it is not there.
    fn read(&self, bucket: &str, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, Failure>> + Send;

    /// Writes a small object.
    fn write(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// A table of items.
pub trait Table: Send + Sync {
    /// Reads items as they are now, in the order of the keys (at most 100).
    fn get(&self, keys: &[Key]) -> impl Future<Output = Result<Vec<Option<Item>>, Failure>> + Send;

    /// Writes all items (at most 100) or, if one does not meet its condition, none.
    fn put(&self, puts: &[Put]) -> impl Future<Output = Result<Result<(), Conflict>, Failure>> + Send;
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
}

/// The topic for notices.
pub trait Notices: Send + Sync {
    /// Tells everybody.
    fn publish(&self, event: &JobEvent) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// A job for Batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Letters, digits, `-` and `_`; at most 128.
    pub name: String,
    /// The job queue.
    pub queue: String,
    /// The job definition.
    pub definition: String,
    /// What the container runs, without the program.
    pub command: Vec<String>,
    /// Kept with the job for whoever looks at it later.
    pub parameters: Vec<(String, String)>,
    /// Children; `None` for a job that is no array.
    pub array_size: Option<u32>,
    /// The id of a job that must have succeeded before, all its children included.
    pub depends_on: Option<String>,
    /// Virtual CPUs.
    pub vcpus: u32,
    /// Memory, MiB.
    pub memory: u32,
    /// Where the job is a pod on EKS, the name of its container in the job definition; `None` on Fargate and EC2.
    pub pod_container: Option<String>,
    /// For cost reports and people.
    pub tags: Vec<(String, String)>,
}

/// Why a job was not submitted.
#[derive(Debug)]
pub enum SubmitFailure {
    /// Too many requests: nothing was submitted.
    Throttled,
    /// Refused for good: nothing was submitted.
    Refused(Failure),
    /// No answer, or one that leaves it open whether the job was submitted.
    Unknown(Failure),
}

/// Batch.
pub trait Batch: Send + Sync {
    /// Submits a job once, without any retry, and answers its id.
    fn submit(&self, submission: &Submission) -> impl Future<Output = Result<String, SubmitFailure>> + Send;

    /// The id of the job of that name in a queue, whatever its status.
    fn find(&self, queue: &str, name: &str) -> impl Future<Output = Result<Option<String>, Failure>> + Send;
}

/// The clock.
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> OffsetDateTime;

    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;
}
