//! The operations, one file each. Adding one: its file here, its name in the list of its kind below, its file in the
//! kind's crate. The compiler leads through the rest.

use crate::operation::operations_of_kind;

mod convert;
mod keyframes;
mod optimise;
mod probe;
mod resize;
mod text;
mod transcode;

pub mod image_encoding;

pub use convert::Convert;
pub use keyframes::{FrameFormat, Keyframes, Select};
pub use optimise::{Compress, Optimise, Order, Textures};
pub use probe::Probe;
pub use resize::{Filter, Fit, Position, Resize};
pub use text::{Detail, PageRanges, Password, Text, TextFormat};
pub use transcode::{Chunks, Container, Hdr, Preset, Transcode, VideoCodec};

operations_of_kind! {
    /// The operations of document-job.
    DocumentOperation, Document:
    /// See [`Text`].
    Text,
}

operations_of_kind! {
    /// The operations of image-job.
    ImageOperation, Image:
    /// See [`Resize`].
    Resize,
    /// See [`Convert`].
    Convert,
}

operations_of_kind! {
    /// The operations of model-job.
    ModelOperation, Model:
    /// See [`Optimise`].
    Optimise,
}

operations_of_kind! {
    /// The operations of video-job.
    VideoOperation, Video:
    /// See [`Keyframes`].
    Keyframes,
    /// See [`Transcode`].
    Transcode,
    /// See [`Probe`].
    Probe,
}
