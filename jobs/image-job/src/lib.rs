//! The operations on images.
//!
//! An input is opened ([`pixels::decode`]), its rows run through a resampler for each size that is wanted ([`pixels::resample`]), get
//! their colours, their orientation and their frame ([`render`]), and are written ([`pixels::encode`]). Where the result's rows
//! come in the order of the input's and the format takes rows, no picture is ever held. Luma and chroma of a JPEG go this
//! way apart ([`pixels::planes`]), and into a JPEG without becoming pixels.

mod focus;
mod operations;
mod render;

pub use operations::{JOB, convert, extract, recognise, resize};
