//! Objects in S3 or on the local disk, read and written in one way; the AWS clients that this takes; the publisher of events.

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "aws")]
mod failures;
mod local;
#[cfg(feature = "aws")]
mod multipart;
mod publisher;
#[cfg(feature = "aws")]
mod s3;
#[cfg(feature = "aws")]
mod sns;
mod store;
mod upload;
mod window;
#[cfg(not(feature = "aws"))]
mod without_aws;

pub use aws::Aws;
#[cfg(feature = "aws")]
pub use failures::{Purpose, failure_of};
pub use publisher::{Publisher, outputs_within};
pub(crate) use store::blocking;
pub use store::{FetchReport, LocalCopy, ObjectVersion, Store, StoreOptions};
pub use upload::{Stored, Upload};
pub use window::{Window, WindowOptions};
#[cfg(not(feature = "aws"))]
pub use without_aws::without_aws;
#[cfg(not(feature = "aws"))]
use without_aws::{aws, multipart, s3, sns};
