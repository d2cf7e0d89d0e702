//! The operations, one file each. Adding one: its file here, its line in [`OPERATIONS`], its processor in the crate of
//! each kind that offers it. A program whose processors are not those of its kind does not start.

use crate::operation::Declaration;

mod analyse;
mod caption;
mod classify;
mod convert;
mod extract;
mod keyframes;
mod optimise;
mod probe;
mod recognise;
mod render;
mod resize;
mod simulate;
mod text;
mod transcode;

pub mod image_encoding;

pub use analyse::{Analyse, AnalyseEngine, AnalyseFeature, EmbeddingFile};
pub use caption::{Caption, Mask, Translation};
pub use classify::{Classify, ClassifyFeature, Meaning};
pub use convert::Convert;
pub use extract::Extract;
pub use keyframes::{FrameFormat, Keyframes, Select};
pub use optimise::{Compress, Optimise, Order, Textures};
pub use probe::Probe;
pub use recognise::{Confidence, Feature, Recognise, RecogniseEngine};
pub use render::{Background, Clip, Effort, Ground, Look, Pass, Render, StillFormat, ToneMapping, View};
pub use resize::{Filter, Fit, Position, Resize};
pub use simulate::{
    Amount, Angles, Length, Load, MaterialName, Pressure, Push, Side, Simulate, Study, Unit, Up, Where,
};
pub use text::{Detail, Ocr, PageRanges, Password, Text, TextEngine, TextFormat};
pub use transcode::{Chunks, Container, Hdr, Preset, Transcode, TranscodeEngine, VideoCodec};

/// Every operation. Those of a kind are offered in this order.
pub static OPERATIONS: &[Declaration] = &[
    Declaration::of::<Text>(),
    Declaration::of::<Analyse>(),
    Declaration::of::<Classify>(),
    Declaration::of::<Resize>(),
    Declaration::of::<Convert>(),
    Declaration::of::<Extract>(),
    Declaration::of::<Recognise>(),
    Declaration::of::<Optimise>(),
    Declaration::of::<Simulate>(),
    Declaration::of::<Render>(),
    Declaration::of::<Keyframes>(),
    Declaration::of::<Transcode>(),
    Declaration::of::<Caption>(),
    Declaration::of::<Probe>(),
];
