//! The image job: [`resize`] and [`convert`].
//!
//! An input is opened ([`decode`]), its rows run through a resampler for each size that is wanted ([`resample`]), get
//! their colours, their orientation and their frame ([`render`]), and are written ([`encode`]). Where the result's rows
//! come in the order of the input's and the format takes rows, no picture is ever held. Luma and chroma of a JPEG go this
//! way apart ([`planes`]), and into a JPEG without becoming pixels.

mod canvas;
mod colour;
mod convert;
pub mod decode;
mod encode;
pub mod exif;
mod focus;
mod native;
pub mod orientation;
mod placeholder;
mod planes;
pub mod raster;
mod render;
mod resample;
mod resize;

pub use convert::convert;
pub use resize::resize;

use catalog::operations::ImageOperation;
use catalog::{MediaKind, Operation};
use job::{Access, Failure, Job, Properties, Task};

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
        decode::library_versions()
    }
}
