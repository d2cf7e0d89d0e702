//! The operations on 3D models.
#![expect(clippy::type_complexity, reason = "pairs of a name and an accessor, in lists, are no type of their own")]

mod codec;
mod operations;
mod report;
mod step;
mod write;

pub use operations::{JOB, optimise, render, simulate};
