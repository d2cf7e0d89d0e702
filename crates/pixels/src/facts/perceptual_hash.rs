//! The hash by which pictures that look alike are found: pHash as Python's `imagehash.phash` has it, so that both can be
//! compared. Of a grey copy of 32 × 32 pixels, the 8 × 8 lowest frequencies of a cosine transform; a bit for each says
//! whether it is above their median.

use std::f64::consts::PI;

use catalog::operations::Filter;
use catalog::operations::image_encoding::Rgba;
use contract::Failure;

use crate::canvas::flatten;
use crate::raster::{Model, Raster};
use crate::resample::{Region, Resampler};

const SIDE: usize = 32;
const KEPT: usize = 8;

/// The hash of a grey or RGB picture in sRGB with eight bits a sample; what can be seen through is white. Pictures that
/// look alike differ in few of the 64 bits.
pub fn perceptual_hash(picture: &Raster) -> Result<u64, Failure> {
    let grey = grey(&flatten_if_transparent(picture));
    let size = (grey.width, grey.height);
    let side = (SIDE as u32, SIDE as u32);
    let small = Resampler::new(grey.format(), size, Region::whole(size), side, Filter::Lanczos3)?.run(&grey)?;
    let frequencies = lowest_frequencies(small.eight());
    let mut sorted = frequencies;
    sorted.sort_by(f64::total_cmp);
    let median = f64::midpoint(sorted[KEPT * KEPT / 2 - 1], sorted[KEPT * KEPT / 2]);
    Ok(frequencies.iter().fold(0, |hash, frequency| hash << 1 | u64::from(*frequency > median)))
}

fn flatten_if_transparent(picture: &Raster) -> Raster {
    if picture.alpha { flatten(picture, Rgba([255; 4])) } else { picture.clone() }
}

/// Luma by BT.601, rounded as Pillow does.
fn grey(picture: &Raster) -> Raster {
    if picture.model == Model::Grey {
        return picture.clone();
    }
    let luma = |pixel: &[u8]| {
        let weighted = u32::from(pixel[0]) * 19_595 + u32::from(pixel[1]) * 38_470 + u32::from(pixel[2]) * 7_471;
        ((weighted + 0x8000) >> 16) as u8
    };
    let samples = picture.eight().chunks_exact(3).map(luma).collect();
    Raster { model: Model::Grey, samples: crate::raster::Samples::Eight(samples), ..*picture }
}

/// The cosine transform (type II, not scaled) of the columns and then of the rows, as far as it is kept.
fn lowest_frequencies(pixels: &[u8]) -> [f64; KEPT * KEPT] {
    let cosine =
        |frequency: usize, at: usize| 2.0 * (PI * frequency as f64 * (2 * at + 1) as f64 / (2 * SIDE) as f64).cos();
    let mut columns = [[0.0; SIDE]; KEPT];
    for (down, row) in columns.iter_mut().enumerate() {
        for (x, sum) in row.iter_mut().enumerate() {
            *sum = (0..SIDE).map(|y| f64::from(pixels[y * SIDE + x]) * cosine(down, y)).sum();
        }
    }
    let mut lowest = [0.0; KEPT * KEPT];
    for (at, sum) in lowest.iter_mut().enumerate() {
        let (down, across) = (at / KEPT, at % KEPT);
        *sum = (0..SIDE).map(|x| columns[down][x] * cosine(across, x)).sum();
    }
    lowest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::Samples;

    /// Waves of the frequencies that the hash looks at.
    fn waves(width: u32, height: u32) -> Raster {
        let wave = |frequency: u32, at: u32, length: u32| {
            (PI * f64::from(frequency) * (f64::from(at) + 0.5) / f64::from(length)).cos()
        };
        let sample = |x: u32, y: u32| {
            let all = (0..8).flat_map(|i| (0..8).map(move |j| (i, j))).filter(|pair| *pair != (0, 0));
            let sum: f64 = all
                .map(|(i, j)| {
                    let strength = f64::from((i * 7 + j * 13 + i * j * 5) % 11 * 2) - 11.0;
                    strength * 0.8 * wave(i, x, width) * wave(j, y, height)
                })
                .sum();
            (128.0 + sum).clamp(0.0, 255.0) as u8
        };
        let samples = (0..height).flat_map(|y| (0..width).map(move |x| sample(x, y))).collect();
        Raster { width, height, model: Model::Grey, alpha: false, samples: Samples::Eight(samples) }
    }

    #[test]
    fn the_hash_is_that_of_pythons_imagehash_and_looks_past_size_and_colour() {
        // `imagehash.phash` of the same picture with 200 × 150 pixels says this.
        const EXPECTED: u64 = 0xda07_4acd_a9f8_2d38;
        let picture = waves(200, 150);
        let hash = perceptual_hash(&picture).unwrap();
        assert!((hash ^ EXPECTED).count_ones() <= 6, "{hash:016x}");
        let small = perceptual_hash(&waves(100, 75)).unwrap();
        assert!((small ^ hash).count_ones() <= 8, "{small:016x}");
        let coloured = crate::canvas::grey_to_rgb(&picture);
        assert!((perceptual_hash(&coloured).unwrap() ^ hash).count_ones() <= 2);
        let Samples::Eight(samples) = picture.samples else { unreachable!("eight bits") };
        let mirrored = samples.chunks(200).flat_map(|row| row.iter().rev()).copied().collect();
        let mirrored = perceptual_hash(&Raster { samples: Samples::Eight(mirrored), ..waves(200, 150) }).unwrap();
        assert!((mirrored ^ hash).count_ones() >= 20, "{mirrored:016x}");
    }
}
