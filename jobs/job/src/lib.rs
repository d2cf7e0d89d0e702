//! What every job does around its operation: fetch one object, work on it in an isolated worker process, store the
//! outputs, commit them by a manifest, and publish how it ended.

mod aws;
mod event;
mod failure;
mod location;
mod publisher;
mod store;
mod task;
mod worker;

pub use aws::Aws;
pub use event::{
    JobError, JobEvent, JobRequest, Manifest, Outcome, Output, ProcessDuration, SCHEMA_VERSION, Sandbox, Source,
};
pub use failure::{Failure, FailureKind};
pub use location::{BucketName, Location, S3Location};
pub use publisher::Publisher;
pub use store::{FetchReport, LocalCopy, ObjectVersion, Store, StoreOptions, Stored, Upload, Window, WindowOptions};
pub use task::{
    Access, Input, InputReader, InputSource, Job, OutputDescription, OutputDestination, OutputFile, Outputs, Progress,
    Properties, Task,
};
#[doc(hidden)]
pub use worker::decode_requests;
pub use worker::{
    Completed, Limits, RangeSource, SiblingSource, WorkerInput, WorkerReport, WorkerTask, run_in_process,
    run_in_worker, serve_if_worker, sibling_path,
};
