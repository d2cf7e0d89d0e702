//! How a solid moves and bears loads: it falls, comes to rest, slides and tips; it bends and is stressed.
//!
//! SI units throughout. Results are the same bytes on every x86-64 and for any number of threads.

#![warn(missing_docs)]
#![expect(clippy::needless_range_loop, reason = "axes and rows of small matrices are numbered")]

pub mod elastic;
pub mod material;
pub mod random;
pub mod rigid;
pub mod rotation;
pub mod settle;

pub use material::{MATERIALS, Material};
pub use rigid::Body;
pub use settle::{Drop, Motion, PushTest, Rest, TiltTest, drops, push, settle, tilt};

/// The angle of the hypotenuse in a right-angled triangle, radians: the same on every machine.
pub fn angle(opposite: f64, adjacent: f64) -> f64 {
    libm::atan2(opposite, adjacent)
}

/// A positive number to a power: the same on every machine.
pub fn power(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}
