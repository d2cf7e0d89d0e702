//! Random orientations from a seed, the same everywhere.

use std::f64::consts::PI;

use crate::rotation::Rotation;

/// `SplitMix64` (G. Steele, D. Lea, C. Flood 2014).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 (included) to 1.
    pub fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Every orientation equally likely (K. Shoemake, *Uniform random rotations*, 1992).
    pub fn rotation(&mut self) -> Rotation {
        let (u, v, w) = (self.fraction(), 2.0 * PI * self.fraction(), 2.0 * PI * self.fraction());
        let (a, b) = ((1.0 - u).sqrt(), u.sqrt());
        [a * libm::sin(v), a * libm::cos(v), b * libm::sin(w), b * libm::cos(w)]
    }
}
