//! What an image says about itself and what it looks like, as data: EXIF, XMP, IPTC and ICC profiles read into JSON, and a
//! hash by which pictures that look alike are found.
//!
//! Metadata is written by whoever likes to: what cannot be read is told in words and never fails the picture.

mod exif_fields;
mod icc;
mod iptc;
mod perceptual_hash;
mod xmp;

use serde_json::{Map, Value};

pub use exif_fields::exif_fields;
pub use icc::colour_profile;
pub use iptc::iptc_fields;
pub use perceptual_hash::perceptual_hash;
pub use xmp::xmp_properties;

/// Named values of metadata, and what of them could not be read, in words.
#[derive(Debug, Default)]
pub struct Fields {
    /// The values.
    pub values: Map<String, Value>,
    /// What could not be read.
    pub unread: Vec<String>,
}
