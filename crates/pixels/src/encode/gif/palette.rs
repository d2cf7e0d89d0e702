//! A table of colours for pixels: the colours themselves where there are few enough, else boxes of colours divided where they
//! differ most (Wu, Efficient Statistical Computations for Optimal Color Quantization, 1991, over a coarser histogram), moved
//! to the means of what is near them (k-means). `NeuQuant`, which the `gif` crate brings, is slower and coarser, libimagequant
//! is under the GPL.

use std::collections::{HashMap, HashSet};

/// Bits of each colour in the histogram, and in the table of what was looked up.
const HISTOGRAM_BITS: u32 = 5;
const LOOKUP_BITS: u32 = 6;
const UNKNOWN: u16 = u16::MAX;

/// Red, green and blue.
pub type Colour = [u8; 3];

/// A table of colours, and which of them is nearest to any other.
#[derive(Clone)]
pub struct Palette {
    /// At most 256.
    pub colours: Vec<Colour>,
    exact: HashMap<Colour, u8>,
    /// By the highest bits of each colour, where it was looked for before.
    nearest: Vec<u16>,
}

/// A colour of the histogram: how many pixels, and the sums of their parts.
#[derive(Clone, Copy, Default)]
struct Bin {
    count: f64,
    sums: [f64; 3],
}

impl Bin {
    fn mean(&self) -> [f64; 3] {
        self.sums.map(|sum| sum / self.count)
    }
}

impl Palette {
    /// Of at most `most` colours; `rounds` of improvement make it better and slower.
    pub fn of(pixels: impl Iterator<Item = Colour> + Clone, most: usize, rounds: u32) -> Self {
        let mut distinct = HashSet::new();
        for pixel in pixels.clone() {
            if distinct.len() <= most {
                distinct.insert(pixel);
            }
        }
        if distinct.len() <= most {
            let mut colours: Vec<Colour> = distinct.into_iter().collect();
            colours.sort_unstable();
            return Self::new(colours);
        }
        let mut bins = vec![Bin::default(); 1 << (3 * HISTOGRAM_BITS)];
        for pixel in pixels {
            let bin = &mut bins[place(pixel, HISTOGRAM_BITS)];
            bin.count += 1.0;
            bin.sums.iter_mut().zip(pixel).for_each(|(sum, part)| *sum += f64::from(part));
        }
        bins.retain(|bin| bin.count > 0.0);
        let mut centres = divide(&mut bins, most);
        for _ in 0..rounds {
            centres = moved(&bins, &centres);
        }
        let mut colours: Vec<Colour> = centres.iter().map(|centre| centre.map(|part| part.round() as u8)).collect();
        colours.sort_unstable();
        colours.dedup();
        Self::new(colours)
    }

    fn new(colours: Vec<Colour>) -> Self {
        let exact = colours.iter().enumerate().map(|(at, colour)| (*colour, at as u8)).collect();
        Self { colours, exact, nearest: vec![UNKNOWN; 1 << (3 * LOOKUP_BITS)] }
    }

    /// The number of the colour that is nearest.
    pub fn find(&mut self, colour: Colour) -> u8 {
        let place = place(colour, LOOKUP_BITS);
        if self.nearest[place] == UNKNOWN {
            let wanted = colour.map(f64::from);
            self.nearest[place] = nearest(&self.colours, wanted) as u16;
        }
        let near = self.nearest[place] as u8;
        if self.colours[usize::from(near)] == colour { near } else { self.exact.get(&colour).copied().unwrap_or(near) }
    }

    /// The mean difference between pixels and their nearest colours, in each of the three parts.
    pub fn error(&mut self, pixels: impl Iterator<Item = Colour>) -> f64 {
        let (mut sum, mut count) = (0_u64, 0_u64);
        for pixel in pixels {
            let index = self.find(pixel);
            let found = self.colours[usize::from(index)];
            sum += pixel.iter().zip(found).map(|(left, right)| u64::from(left.abs_diff(right))).sum::<u64>();
            count += 3;
        }
        sum as f64 / count.max(1) as f64
    }
}

fn place(colour: Colour, bits: u32) -> usize {
    colour.iter().fold(0, |place, part| place << bits | usize::from(part >> (8 - bits)))
}

/// Squares of differences, by what the eye makes of the parts.
fn distance(left: [f64; 3], right: [f64; 3]) -> f64 {
    const WEIGHTS: [f64; 3] = [0.30, 0.50, 0.20];
    (0..3).map(|part| WEIGHTS[part] * (left[part] - right[part]).powi(2)).sum()
}

fn nearest(colours: &[Colour], wanted: [f64; 3]) -> usize {
    let mut best = (f64::INFINITY, 0);
    for (at, colour) in colours.iter().enumerate() {
        let far = distance(colour.map(f64::from), wanted);
        if far < best.0 {
            best = (far, at);
        }
    }
    best.1
}

/// The means of boxes of the histogram, of which the one with the most variance is divided until there are enough.
fn divide(bins: &mut [Bin], most: usize) -> Vec<[f64; 3]> {
    let mut boxes = vec![measure(bins, 0..bins.len())];
    while boxes.len() < most {
        let Some(at) = (0..boxes.len())
            .filter(|at| boxes[*at].range.len() > 1)
            .max_by(|left, right| boxes[*left].spread.total_cmp(&boxes[*right].spread))
        else {
            break;
        };
        let Region { range, axis, .. } = boxes.swap_remove(at);
        let part = &mut bins[range.clone()];
        part.sort_unstable_by(|left, right| left.mean()[axis].total_cmp(&right.mean()[axis]));
        let cut = range.start + best_cut(part, axis);
        boxes.push(measure(bins, range.start..cut));
        boxes.push(measure(bins, cut..range.end));
    }
    boxes.into_iter().map(|found| found.mean).collect()
}

struct Region {
    range: std::ops::Range<usize>,
    mean: [f64; 3],
    /// The part that varies most, and the sum of squares of its differences from the mean.
    axis: usize,
    spread: f64,
}

fn measure(bins: &[Bin], range: std::ops::Range<usize>) -> Region {
    let part = &bins[range.clone()];
    let mut sum = Bin::default();
    let mut squares = [0.0; 3];
    for bin in part {
        sum.count += bin.count;
        let mean = bin.mean();
        for channel in 0..3 {
            sum.sums[channel] += bin.sums[channel];
            squares[channel] += bin.count * mean[channel].powi(2);
        }
    }
    let mean = sum.mean();
    let spreads: [f64; 3] = std::array::from_fn(|channel| squares[channel] - sum.count * mean[channel].powi(2));
    let axis = (0..3).max_by(|left, right| spreads[*left].total_cmp(&spreads[*right])).unwrap_or(0);
    Region { range, mean, axis, spread: spreads[axis] }
}

/// Where both sides vary least together; at least one on each side.
fn best_cut(bins: &[Bin], axis: usize) -> usize {
    let (total, whole) = bins.iter().fold((0.0, 0.0), |(sum, count), bin| (sum + bin.sums[axis], count + bin.count));
    let (mut sum, mut count) = (0.0, 0.0);
    let mut best = (f64::NEG_INFINITY, 1);
    for (at, bin) in bins[..bins.len() - 1].iter().enumerate() {
        sum += bin.sums[axis];
        count += bin.count;
        let (other, rest): (f64, f64) = (total - sum, whole - count);
        // What is between the sides, which together with what is within them stays the same.
        let between = sum * sum / count + other * other / rest;
        if between > best.0 {
            best = (between, at + 1);
        }
    }
    best.1
}

/// The means of what is nearest to each centre.
fn moved(bins: &[Bin], centres: &[[f64; 3]]) -> Vec<[f64; 3]> {
    let mut sums = vec![Bin::default(); centres.len()];
    for bin in bins {
        let mean = bin.mean();
        let mut best = (f64::INFINITY, 0);
        for (at, centre) in centres.iter().enumerate() {
            let far = distance(*centre, mean);
            if far < best.0 {
                best = (far, at);
            }
        }
        let sum = &mut sums[best.1];
        sum.count += bin.count;
        sum.sums.iter_mut().zip(bin.sums).for_each(|(sum, part)| *sum += part);
    }
    sums.iter().zip(centres).map(|(sum, centre)| if sum.count > 0.0 { sum.mean() } else { *centre }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_are_kept_as_they_are() {
        let colours: Vec<Colour> = (0..=255).map(|level| [level, 255 - level, level / 2]).collect();
        let mut palette = Palette::of(colours.iter().copied(), 256, 1);
        assert_eq!(palette.colours.len(), 256);
        for colour in &colours {
            let found = palette.find(*colour);
            assert_eq!(palette.colours[usize::from(found)], *colour);
        }
        assert!(palette.error(colours.into_iter()).abs() < 1e-9);
    }

    #[test]
    fn many_colours_come_near() {
        let pixels = (0..40_u8).flat_map(|x| (0..40_u8).map(move |y| [x * 6, y * 6, (x + y) * 3]));
        for most in [16, 64, 255] {
            let mut palette = Palette::of(pixels.clone(), most, 3);
            assert!(palette.colours.len() <= most && palette.colours.len() > most / 2);
            let error = palette.error(pixels.clone());
            assert!(error < 60.0 / (most as f64).sqrt(), "{most}: {error}");
        }
    }
}
