//! Reads a model of any format into a [`Document`]. Bytes are not trusted: every count, offset and length is checked
//! against the bytes that are there before anything is allocated or walked, trees are walked without recursion, and
//! nothing outside the input's own folder is opened.

mod buffers;
mod data_uri;
mod draco;
mod gltf;
mod mesh_builder;
mod obj;
mod ply;
mod schema;
mod stl;
mod text;

pub use self::gltf::KNOWN_EXTENSIONS;

use catalog::Format;
use contract::Failure;
use operation::Input;

use crate::document::Document;

/// The most bytes that decoded geometry may take, whatever the file says.
const LARGEST_GEOMETRY: u64 = 8 << 30;

/// Loads the model.
pub fn load(input: &Input) -> Result<Document, Failure> {
    if input.size() == 0 {
        return Err(Failure::invalid_input("the file is empty"));
    }
    let bytes = input.map()?;
    match input.format() {
        Format::Glb => gltf::load_glb(&bytes, input),
        Format::Gltf => gltf::load_gltf(&bytes, input),
        Format::Obj => obj::load(&bytes, input),
        Format::Stl => stl::load(&bytes, input),
        Format::Ply => ply::load(&bytes, input),
        other => Err(Failure::invalid_request(format!("{} is not a 3D model", other.name()))),
    }
}

/// How many bytes may still be decoded. A file of a few bytes can ask for gigabytes; a compressed model is seldom less
/// than a two-hundredth of its geometry.
struct Budget(u64);

impl Budget {
    fn of(file_bytes: u64) -> Self {
        Self((file_bytes.saturating_mul(200) + (64 << 20)).min(LARGEST_GEOMETRY))
    }

    fn grow(&mut self, file_bytes: u64) {
        self.0 = (self.0.saturating_add(file_bytes.saturating_mul(200))).min(LARGEST_GEOMETRY);
    }

    /// Takes `count` elements of `size` bytes off, and says how many bytes they are.
    fn take(&mut self, count: usize, size: usize) -> Result<usize, Failure> {
        let bytes = count.checked_mul(size).filter(|&bytes| bytes as u64 <= self.0).ok_or_else(|| {
            Failure::invalid_input(format!(
                "the file of this size cannot hold {count} elements of {size} bytes: a count in it is wrong"
            ))
        })?;
        self.0 -= bytes as u64;
        Ok(bytes)
    }
}
