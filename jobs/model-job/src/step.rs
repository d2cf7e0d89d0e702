//! The steps of `optimise`, one file each.

pub mod animation;
pub mod deduplicate;
pub mod instance;
pub mod join;
pub mod lists;
pub mod palette;
pub mod prune;
pub mod quantise;
pub mod renumber;
pub mod reorder;
pub mod simplify;
pub mod textures;
pub mod weld;

mod geometry;
mod rigid;

use catalog::operations::Optimise;

/// What the steps share besides the document.
pub struct Context<'a> {
    /// What was asked for.
    pub options: &'a Optimise,
    /// The largest distance between a position and its quantised one, in units of the mesh.
    pub position_error: f64,
    /// The same relative to the mesh's longest side.
    pub relative_position_error: f64,
    /// The largest error that simplification reached, relative to the mesh's extent.
    pub simplification_error: f64,
    /// Channels that repeated the pose at rest.
    pub folded_channels: usize,
}
