//! Pictures for every kind that needs them: decoding, resampling, colour and encoding.
//!
//! An input is opened ([`decode`]), its rows run through a resampler for each size that is wanted ([`resample`]), get their
//! colours ([`colour`]), and are written ([`encode`]). If the result's rows come in the order of the input's and the format
//! takes rows, no picture is ever held. Luma and chroma of a JPEG go this way separately ([`planes`]), and into a JPEG
//! without becoming pixels.

pub mod canvas;
pub mod colour;
pub mod decode;
pub mod encode;
pub mod exif;
pub mod facts;
mod native;
pub mod orientation;
pub mod placeholder;
pub mod planes;
pub mod raster;
pub mod resample;
pub mod small_copy;
pub mod xmp;
