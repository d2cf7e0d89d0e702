//! What every job does around its operation: fetch one object, work on it in an isolated worker process, store the
//! outputs, commit them by a manifest, and publish how it ended.

mod aws;
mod batch;
mod cli;
mod commit;
mod early;
mod event;
mod failure;
pub mod human;
mod location;
mod metrics;
mod progress_log;
mod publisher;
mod run;
mod sibling;
mod store;
mod task;
pub mod terminal;
mod worker;

pub use aws::Aws;
pub use batch::{read_list, slice_of};
pub use cli::{OutputFormat, command, main};
pub use commit::{MANIFEST_NAME, committed};
pub use event::{
    JobError, JobEvent, JobRequest, Manifest, Outcome, Output, ProcessDuration, SCHEMA_VERSION, Sandbox, Source,
};
pub use failure::{Failure, FailureKind};
pub use location::{BucketName, Location, S3Location};
pub use metrics::{NAMESPACE, embedded_metrics};
pub use publisher::Publisher;
pub use run::{Ended, Parts, Runner, Work};
pub use store::{FetchReport, LocalCopy, ObjectVersion, Store, StoreOptions, Stored, Upload, Window, WindowOptions};
pub use task::{
    Access, Division, Input, InputReader, InputSource, Job, OutputDescription, OutputDestination, OutputFile, Outputs,
    Progress, Properties, Task,
};
#[doc(hidden)]
pub use worker::decode_requests;
pub use worker::{
    Completed, Limits, RangeSource, SiblingSource, WorkerInput, WorkerReport, WorkerTask, Workers, prepare_workers,
    run_in_process, run_in_worker, sibling_path,
};

/// The id of a request that nobody gave one: the same for the same object and the same operations.
pub fn job_id(source: &str, operations: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::new().chain_update(source).chain_update([0]).chain_update(operations).finalize();
    store::hexadecimal(&digest[..8])
}
