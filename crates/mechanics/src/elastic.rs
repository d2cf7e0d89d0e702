//! Linear elastostatics on voxels: how a solid bends under loads, and where it is stressed.
//!
//! Each cell of a grid is an 8-node brick with incompatible modes, its stiffness weighted by the filled fraction of the
//! cell (the finite cell method). On the same cells it gives the numbers of `CalculiX`'s C3D8I. A surface that runs at a slant
//! to the grid is met within 1 to 2 % from six cells across. On and off instead of fractions is off by 15 % there; plain
//! bricks are off by a third with one or two cells across.
//!
//! The equations are solved by conjugate gradients in `f64`, without a matrix, preconditioned by one V-cycle of multigrid in
//! `f32` with Galerkin's coarse matrices: a dozen steps for compact bodies, forty for lattices, whatever the number of cells.
//! Three things that do not work: coarse levels with the element's own matrix for their size (softer than what is
//! interpolated: diverges), an iteration on the coarsest level (slender bodies), cells that hang on nothing (singular: they
//! are left out first, see [`connected`]).

mod element;
mod lattice;
mod multigrid;
mod regions;
mod stress;

pub use element::{Elasticity, elasticity};
pub use lattice::{Lattice, connected};
pub use multigrid::{NotConverged, Solution, solve};
pub use regions::{Patch, PatchPoint, patch};
pub use stress::{Stress, Stresses};

/// Nodes of a cell: x fastest, then y, then z.
pub(crate) const CORNERS: usize = 8;
/// Unknowns of a cell.
pub(crate) const UNKNOWNS: usize = 24;
