//! Random numbers that depend on the pixel and on the sample alone, so that a picture is the same on any number of threads.
//!
//! Pairs of dimensions are the first two of Sobol's sequence, Owen-scrambled and shuffled by a hash of the pixel and the
//! number of the pair ("padding"): Burley, Practical Hash-based Owen Scrambling, JCGT 2020.

/// The numbers of one sample of one pixel, in the order in which they are asked for.
#[derive(Debug, Clone)]
pub struct Sampler {
    pixel: u32,
    sample: u32,
    dimension: u32,
}

impl Sampler {
    /// The sample's numbers.
    pub fn new(pixel: u32, sample: u32) -> Self {
        Self { pixel: hash(pixel ^ 0x9E37_79B9), sample, dimension: 0 }
    }

    /// Two numbers from 0 to below 1.
    pub fn pair(&mut self) -> [f32; 2] {
        let seed = hash(self.pixel.wrapping_add(self.dimension.wrapping_mul(0x85EB_CA6B)));
        self.dimension += 1;
        let index = scramble(self.sample.reverse_bits(), seed).reverse_bits();
        let [x, y] = sobol(index);
        [unit(scramble_bits(x, hash(seed ^ 0xA511_E9B3))), unit(scramble_bits(y, hash(seed ^ 0x63D8_3595)))]
    }

    /// One number from 0 to below 1.
    pub fn single(&mut self) -> f32 {
        self.pair()[0]
    }
}

/// A number from 0 to below 1 by hash, for decisions that are taken while a ray is traced, in any order.
pub fn hashed(seed: u32, number: u32) -> f32 {
    unit(hash(seed ^ hash(number)))
}

/// Between 0 and the largest float below 1.
fn unit(bits: u32) -> f32 {
    (bits >> 8) as f32 * (1.0 / 16_777_216.0)
}

fn scramble_bits(value: u32, seed: u32) -> u32 {
    scramble(value.reverse_bits(), seed).reverse_bits()
}

/// A hash that keeps lower bits from depending on higher ones (Laine and Karras, constants by Vegdahl).
fn scramble(mut value: u32, seed: u32) -> u32 {
    value = value.wrapping_add(seed);
    value ^= value.wrapping_mul(0x6C50_B47C);
    value ^= value.wrapping_mul(0xB82F_1E52);
    value ^= value.wrapping_mul(0xC7AF_E638);
    value ^= value.wrapping_mul(0x8D22_F6E6);
    value
}

/// The first two dimensions of Sobol's sequence. The matrix of the second is Pascal's triangle, even or odd; its halves are
/// triangles again, so that five steps multiply by it.
fn sobol(index: u32) -> [u32; 2] {
    let mut y = index;
    y ^= y >> 16;
    y ^= y >> 8 & 0x00FF_00FF;
    y ^= y >> 4 & 0x0F0F_0F0F;
    y ^= y >> 2 & 0x3333_3333;
    y ^= y >> 1 & 0x5555_5555;
    [index.reverse_bits(), y.reverse_bits()]
}

/// lowbias32 by Wellons.
pub fn hash(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7FEB_352D);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846C_A68B);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_dimension_is_that_of_the_direction_numbers() {
        for index in [0, 1, 2, 3, 5, 1000, 0x8000_0001, 0xDEAD_BEEF, u32::MAX] {
            let (mut expected, mut direction) = (0, 0x8000_0000_u32);
            for bit in 0..32 {
                if index >> bit & 1 != 0 {
                    expected ^= direction;
                }
                direction ^= direction >> 1;
            }
            assert_eq!(sobol(index)[1], expected, "{index:#x}");
        }
    }

    #[test]
    fn sixteen_samples_fill_every_row_and_column_of_sixteen_and_every_cell_of_four_by_four() {
        for pixel in [0, 7, 4_000_000_000] {
            let pairs: Vec<[f32; 2]> = (0..16).map(|sample| Sampler::new(pixel, sample).pair()).collect();
            let count = |cell: &dyn Fn([f32; 2]) -> usize| {
                let mut seen = [0; 16];
                for &pair in &pairs {
                    seen[cell(pair)] += 1;
                }
                seen
            };
            assert_eq!(count(&|[x, _]| (x * 16.0) as usize), [1; 16]);
            assert_eq!(count(&|[_, y]| (y * 16.0) as usize), [1; 16]);
            assert_eq!(count(&|[x, y]| (x * 4.0) as usize * 4 + (y * 4.0) as usize), [1; 16]);
        }
    }

    #[test]
    fn later_pairs_do_not_depend_on_earlier_ones() {
        let mean = (0..4096)
            .map(|sample| {
                let mut sampler = Sampler::new(3, sample);
                let (first, second) = (sampler.single(), sampler.single());
                (first - 0.5) * (second - 0.5)
            })
            .sum::<f32>()
            / 4096.0;
        assert!(mean.abs() < 0.004, "{mean}");
    }
}
