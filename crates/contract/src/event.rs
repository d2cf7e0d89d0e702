//! What travels between the parts: the request for work, the manifest of what came out, and the event that tells of it.
//! camelCase JSON; every version that was ever sent stays as a fixture that must still parse.

use std::borrow::Cow;

use catalog::{Format, MediaKind, Operations, ProcessingOption};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::failure::{Failure, FailureKind};
use crate::usage::Usage;

/// Facts about an output or about the whole result that mean something for its kind: `width`, `height`, `pages`,
/// `duration`, … camelCase names; seconds, pixels, points and bytes as units.
pub type Properties = Map<String, Value>;

/// The manifest's name in the operation's folder.
pub const MANIFEST_NAME: &str = "manifest.json";

/// The version of [`JobRequest`], [`Manifest`] and [`JobEvent`] that this program writes.
pub const SCHEMA_VERSION: u32 = 1;

/// The object that was worked on, in the version that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// The bucket; absent for a local file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
    /// The key; the path below the inbox for a local file.
    pub key: String,
    /// The version in a versioned bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// The entity tag, without quotes; for a local file its modification time and size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Bytes.
    pub size: u64,
}

/// A request for work on one object: what classify sends to a kind's queue, and a line of an array job's manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenRequest", into = "WrittenRequest")]
pub struct JobRequest {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The same for every delivery of the same request.
    pub job_id: String,
    /// The object to work on.
    pub source: Source,
    /// What is asked for, and the object's kind.
    pub processing_option: ProcessingOption,
    /// When the object was created, RFC 3339.
    pub uploaded_at: Option<String>,
}

/// A request for work on one object: what classify sends to a kind's queue, and a line of an array job's manifest.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "JobRequest")]
struct WrittenRequest {
    /// See [`SCHEMA_VERSION`].
    schema_version: u32,
    /// The same for every delivery of the same request.
    job_id: String,
    /// The object to work on.
    source: Source,
    /// Its kind.
    kind: MediaKind,
    /// What is asked for, in the processing-option grammar.
    processing_option: String,
    /// When the object was created, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uploaded_at: Option<String>,
}

impl JobRequest {
    /// The kind of the object.
    pub fn kind(&self) -> MediaKind {
        self.processing_option.kind()
    }

    /// What is asked for, or why that cannot be read.
    pub fn operations(&self) -> Result<&Operations, Failure> {
        Ok(self.processing_option.operations()?)
    }
}

impl From<WrittenRequest> for JobRequest {
    fn from(written: WrittenRequest) -> Self {
        let WrittenRequest { schema_version, job_id, source, kind, processing_option, uploaded_at } = written;
        let processing_option = ProcessingOption::new(kind, processing_option);
        Self { schema_version, job_id, source, processing_option, uploaded_at }
    }
}

impl From<JobRequest> for WrittenRequest {
    fn from(request: JobRequest) -> Self {
        let JobRequest { schema_version, job_id, source, processing_option, uploaded_at } = request;
        let (kind, processing_option) = (processing_option.kind(), processing_option.as_str().to_owned());
        Self { schema_version, job_id, source, kind, processing_option, uploaded_at }
    }
}

impl JsonSchema for JobRequest {
    fn schema_name() -> Cow<'static, str> {
        WrittenRequest::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        WrittenRequest::json_schema(generator)
    }
}

/// One file of a result.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// The object's key (the path below the outbox for a local file).
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// The media type.
    pub content_type: String,
    /// The entity tag that S3 answered, without quotes; absent for a local file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The version that S3 answered; absent in a bucket without versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// When S3 had stored it, RFC 3339; absent for a local file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_at: Option<String>,
    /// What else means something: `width`, `height`, `pages`, `duration` (seconds), …
    #[serde(flatten)]
    pub properties: Properties,
}

/// Milliseconds that the parts of a job took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProcessDuration {
    /// Everything, from the first request to the last.
    pub total: u64,
    /// Fetching the input. Part of `process` where the operation reads on demand.
    pub fetch: u64,
    /// The operation.
    pub process: u64,
    /// Storing the outputs.
    pub store: u64,
}

/// What came out of one operation on one object. Written last, as `manifest.json` in the operation's folder: it is the
/// commit, and what is not in it does not count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The object that was worked on.
    pub source: Source,
    /// Its kind.
    pub kind: MediaKind,
    /// Its format by content.
    pub format: Format,
    /// The operation's word.
    pub operation: String,
    /// The operation with its options, as text.
    pub processing_option: String,
    /// Every option with its value, defaults included.
    pub options: Map<String, Value>,
    /// Every file of the result.
    pub outputs: Vec<Output>,
    /// Facts about the whole result.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Properties,
    /// Milliseconds; `store` is that of the outputs, without the manifest's own.
    pub process_duration: ProcessDuration,
    /// What it used, and what that costs. That of the parts of sharded work included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The program and the native libraries that shape the result, with their versions.
    pub versions: Map<String, Value>,
    /// RFC 3339.
    pub created_at: String,
    /// The request's, which tells the versions of an object apart and orders them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// Where the work was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute: Option<Compute>,
    /// What held the worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<Sandbox>,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// The manifest is written.
    Succeeded,
    /// It could not be done; nothing was committed.
    Failed,
    /// What was asked for cannot be done (said by classify).
    Rejected,
    /// No job takes such content (said by classify).
    Unsupported,
    /// An operator ended it (said by the operator's program).
    Cancelled,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobError {
    /// Decisions are taken on this.
    pub kind: FailureKind,
    /// For people.
    pub message: String,
}

impl From<&Failure> for JobError {
    fn from(failure: &Failure) -> Self {
        Self { kind: failure.kind(), message: failure.to_string() }
    }
}

/// Where work was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compute {
    /// A job of AWS Batch.
    Batch,
    /// A Lambda function: the fast path.
    Lambda,
    /// A service that is always running: the fast path with warm workers.
    Service,
    /// A program that somebody started.
    Local,
}

impl Compute {
    /// The word in events and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Lambda => "lambda",
            Self::Service => "service",
            Self::Local => "local",
        }
    }

    /// Whether it takes the messages of a fast queue, and leaves what goes wrong to AWS Batch.
    pub const fn is_fast(self) -> bool {
        matches!(self, Self::Lambda | Self::Service)
    }
}

/// What keeps a worker from everything but its input and its outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Jail {
    /// A filter of system calls, Landlock where the kernel has it, and limits.
    Filter,
    /// Limits alone, without a new descriptor or process, in a program that cannot be read: where the kernel's filters are refused.
    Limits,
}

/// What held the worker while it worked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sandbox {
    /// System calls were filtered: no network, no new programs, no opening of files.
    pub seccomp: bool,
    /// The Landlock version of the kernel that kept it from the file system; 0 where the kernel has none.
    pub landlock: u32,
    /// Which jail was in force; absent where no worker came so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jail: Option<Jail>,
}

/// Tells how one operation on one object ended. Published to `SNS_NOTIF` with the message attributes `kind`, `operation`
/// and `outcome`. Consumers tolerate duplicates and any order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobEvent {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The request's.
    pub job_id: String,
    /// The object that was worked on.
    pub source: Source,
    /// Its kind; absent where it could not be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<MediaKind>,
    /// Its format by content; absent where the job failed before it could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// The operation's word; absent where the request was refused as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The operation with its options, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processing_option: Option<String>,
    /// Every option with its value.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub options: Map<String, Value>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// Where the manifest is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_key: Option<String>,
    /// The manifest as a file: what S3 answered when it was stored. Absent where nothing was committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Output>,
    /// The bucket of the outputs; absent for local files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bucket: Option<String>,
    /// The files of the result, as many as fit into a message of 256 KiB; the manifest has them all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    /// How many files the result has.
    #[serde(default)]
    pub output_count: u64,
    /// Milliseconds.
    #[serde(default)]
    pub process_duration: ProcessDuration,
    /// Bytes read of the input.
    #[serde(default)]
    pub bytes_read: u64,
    /// Requests made to read the input.
    #[serde(default)]
    pub requests: u64,
    /// What it used, and what that costs; absent where nothing was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Bytes of memory that the worker held at most.
    #[serde(default)]
    pub peak_memory: u64,
    /// What held the worker.
    #[serde(default)]
    pub sandbox: Sandbox,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// AWS Batch's id of the job (or of the array child) that did the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_job_id: Option<String>,
    /// Where the work was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute: Option<Compute>,
    /// What tells this run of a function or a service from others: the invocation's id, or the message's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The version of this program.
    pub program_version: String,
}

impl JobEvent {
    /// An event that says only how work on an object ended; this program's version and nothing else.
    pub fn new(job_id: String, source: Source, outcome: Outcome) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            job_id,
            source,
            kind: None,
            format: None,
            operation: None,
            processing_option: None,
            options: Map::new(),
            outcome,
            error: None,
            manifest_key: None,
            manifest: None,
            output_bucket: None,
            outputs: Vec::new(),
            output_count: 0,
            process_duration: ProcessDuration::default(),
            bytes_read: 0,
            requests: 0,
            usage: None,
            peak_memory: 0,
            sandbox: Sandbox::default(),
            started_at: None,
            finished_at: None,
            batch_job_id: None,
            compute: None,
            run_id: None,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}
