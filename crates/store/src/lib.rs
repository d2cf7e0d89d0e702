//! Objects in S3 or on the local disk, read and written in one way; the AWS clients that this takes; the publisher of events.

mod aws;
mod failures;
mod local;
mod publisher;
mod s3;
mod store;
mod upload;
mod window;

pub use aws::Aws;
pub use failures::{Purpose, failure_of};
pub use publisher::{Publisher, outputs_within};
pub(crate) use store::blocking;
pub use store::{FetchReport, LocalCopy, ObjectVersion, Store, StoreOptions};
pub use upload::{Stored, Upload};
pub use window::{Window, WindowOptions};
