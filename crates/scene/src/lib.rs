//! 3D models. [`load::load`] reads any format into a [`document::Document`], glTF's structure with its references resolved;
//! [`evaluate::evaluate`] makes the triangles, lights and cameras of it that are seen at a moment, in the scene's space;
//! [`material::materials`] and [`texture::textures`] are what they look like.
//!
//! ```no_run
//! # fn main() -> Result<(), contract::Failure> {
//! # let input: operation::Input = unimplemented!();
//! let document = scene::load::load(&input)?;
//! let scene = scene::evaluate::evaluate(&document, &scene::evaluate::Moment::default())?;
//! for piece in &scene.pieces {
//!     println!("{:?}: {} triangles", piece.name, piece.triangles.len());
//! }
//! # Ok(())
//! # }
//! ```
#![expect(clippy::type_complexity, reason = "pairs of a name and an accessor, in lists, are no type of their own")]
#![expect(clippy::float_cmp, reason = "defaults and identities are compared exactly: what differs at all is written")]

pub mod accessor;
mod codec;
pub mod document;
pub mod evaluate;
pub mod json;
pub mod load;
pub mod material;
pub mod picture;
pub mod pose;
pub mod tangents;
pub mod texture;
pub mod texture_info;
pub mod transform;
