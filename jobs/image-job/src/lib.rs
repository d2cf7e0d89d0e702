//! The operations on images, each in the file of its name.
//!
//! An input is opened ([`pixels::decode`]), its rows run through a resampler for each size that is wanted ([`pixels::resample`]), get
//! their colours, their orientation and their frame ([`render`]), and are written ([`pixels::encode`]). Where the result's rows
//! come in the order of the input's and the format takes rows, no picture is ever held. Luma and chroma of a JPEG go this
//! way apart ([`pixels::planes`]), and into a JPEG without becoming pixels.

mod convert;
mod extract;
mod focus;
mod render;
mod resize;

use catalog::MediaKind;
use operation::{Job, OfOptions};

pub use convert::convert;
pub use extract::extract;
pub use resize::resize;

/// The operations on images.
pub const JOB: Job = Job {
    kind: MediaKind::Image,
    processors: &[
        &OfOptions::new(resize).with_versions(pixels::decode::library_versions),
        &OfOptions::new(convert).with_versions(pixels::decode::library_versions),
        &OfOptions::new(extract).with_versions(pixels::decode::library_versions),
    ],
};

#[cfg(test)]
mod tests {
    #[test]
    fn every_operation_has_one_processor() {
        assert_eq!(super::JOB.check().map_err(|failure| failure.to_string()), Ok(()));
    }
}
