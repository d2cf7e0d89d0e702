//! What travels between the programs: how work fails, the request for it, the event and the manifest that tell how it
//! ended, where objects are, timestamps and metrics. Data only: no I/O and no AWS.

#![warn(missing_docs)]

mod batch_parameters;
mod ended;
mod event;
mod failure;
mod identity;
pub mod list;
mod location;
pub mod metrics;
pub mod recognition;
pub mod timestamp;
mod usage;

pub use batch_parameters::BatchParameters;
pub use ended::{OperationEnded, UploadEnded};
pub use event::{
    Compute, Jail, JobError, JobEvent, JobRequest, MANIFEST_NAME, Manifest, Outcome, Output, ProcessDuration,
    Properties, SCHEMA_VERSION, Sandbox, Source,
};
pub use failure::{Failure, FailureKind};
pub use identity::{SEQUENCER_DIGITS, hexadecimal, is_of_upload, job_id, sequence};
pub use list::{read_list, slice_of};
pub use location::{BucketName, Location, S3Location};
pub use metrics::NAMESPACE;
pub use recognition::Recognition;
pub use usage::{ManagedUnits, Portion, Prices, Usage};
