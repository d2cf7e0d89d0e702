//! Amazon's managed engines: Rekognition, Textract, Comprehend, MediaConvert.
//!
//! An operation in its worker asks in this project's words ([`operation::ask`]); the parent process answers here. A question is
//! checked as everything from a worker is, becomes a request in the service's words, and the answer becomes ours: what each
//! service's fields mean is in its own module. [`Client`] signs, paces, repeats and says what errors mean. What was billed and
//! which models answered is in the [`Bill`].
//!
//! There are no SDK crates: those of these services have 350,000 lines, and the questions here use five dozen fields of them.

#![warn(missing_docs)]

mod api;
mod asked;
#[cfg(feature = "aws")]
mod client;
mod comprehend;
mod mediaconvert;
mod mediaconvert_settings;
#[cfg(feature = "aws")]
mod rates;
#[cfg(feature = "aws")]
mod refusal;
mod rekognition;
#[cfg(feature = "aws")]
mod staging;
mod textract;
#[cfg(not(feature = "aws"))]
mod without_aws;

pub use api::Api;
pub use asked::{Asked, Bill, Managed};
pub use client::Client;
pub use mediaconvert::{MediaConvertDone, MediaConvertOutput, MediaConvertRequest, MediaConvertState};
pub use mediaconvert_settings::{media_convert_settings, merged};
pub use staging::Staging;
#[cfg(not(feature = "aws"))]
use without_aws::{client, staging};
