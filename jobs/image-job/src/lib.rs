//! The image job: [`resize`] and [`convert`].
//!
//! An input is opened ([`pixels::decode`]), its rows run through a resampler for each size that is wanted ([`pixels::resample`]), get
//! their colours, their orientation and their frame ([`render`]), and are written ([`pixels::encode`]). Where the result's rows
//! come in the order of the input's and the format takes rows, no picture is ever held. Luma and chroma of a JPEG go this
//! way apart ([`pixels::planes`]), and into a JPEG without becoming pixels.

mod convert;
mod focus;
mod render;
mod resize;

use catalog::{MediaKind, Operation, operations::ImageOperation};
use contract::{Failure, Properties};
use operation::{Access, Job, Task};

pub use convert::convert;
pub use resize::resize;

/// Carries out the operations on images.
pub struct ImageJob;

impl Job for ImageJob {
    fn kind(&self) -> MediaKind {
        MediaKind::Image
    }

    fn access(&self, _: &Operation) -> Access {
        Access::Whole
    }

    fn process(&self, operation: &Operation, task: &Task) -> Result<Properties, Failure> {
        match operation {
            Operation::Image(ImageOperation::Resize(options)) => resize(options, task),
            Operation::Image(ImageOperation::Convert(options)) => convert(options, task),
            other => Err(Failure::invalid_request(format!("image-job knows no operation {:?}", other.name()))),
        }
    }

    fn library_versions(&self) -> Vec<(&'static str, String)> {
        pixels::decode::library_versions()
    }
}
