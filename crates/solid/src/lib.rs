//! The solid that a triangle mesh encloses, closed or not: what is wrong with the mesh, mass properties, inside and outside,
//! convex hull, stable poses, walls. Lengths are in the units of the points, everything in `f64`.
//!
//! Results are the same bytes on every x86-64 and for any number of threads: trigonometry is libm's, sums are taken in chunks
//! of fixed sizes and in one order.

#![warn(missing_docs)]
#![expect(clippy::float_cmp, reason = "exact comparisons against zero and against the same value are meant")]
#![expect(clippy::needless_range_loop, reason = "axes and rows of small matrices are numbered")]

pub mod bvh;
pub mod health;
pub mod hull;
pub mod mass;
pub mod mesh;
pub mod parallel;
pub mod poses;
pub mod repair;
pub mod shapes;
pub mod vector;
pub mod voxels;
pub mod walls;

pub use bvh::Bvh;
pub use health::Health;
pub use hull::Hull;
pub use mass::MassProperties;
pub use mesh::{Mesh, Welded};
pub use poses::{Pose, stable_poses};
pub use repair::{Repair, Repaired};
pub use voxels::Grid;
