//! Amazon's managed engines: Rekognition, Textract, Comprehend, MediaConvert.
//!
//! An operation in its worker asks in this project's words ([`operation::ask`]); the parent process answers here. A question is
//! checked as everything from a worker is, becomes a request in the service's words, and the answer becomes ours: what each
//! service's fields mean is in its own module. [`Client`] signs, paces, repeats and says what errors mean. What was billed and
//! which models answered is in the [`Bill`].
//!
//! There are no SDK crates: those of these services have 350,000 lines, and the questions here use five dozen fields of them.

#![warn(missing_docs)]

mod asked;
mod client;
mod comprehend;
mod mediaconvert;
mod mediaconvert_settings;
mod rates;
mod refusal;
mod rekognition;
mod staging;
mod textract;

pub use asked::{Asked, Bill, Managed};
pub use client::{Api, Client};
pub use mediaconvert::{MediaConvertDone, MediaConvertOutput, MediaConvertRequest, MediaConvertState};
pub use mediaconvert_settings::{media_convert_settings, merged};
pub use staging::Staging;
