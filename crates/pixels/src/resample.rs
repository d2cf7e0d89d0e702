//! Resampling by separable kernels, row by row as they are decoded: the vertical pass runs over a ring of as many source
//! rows as the kernel is high, the horizontal pass over its result. Weights and sums are 32-bit floats; opacity is
//! multiplied in before and divided out after. Neither the source nor the result is held: a row is handed on when the
//! last row that it is made of has come.
#![expect(clippy::inline_always, reason = "the kernels are inlined into code for particular processors")]

use catalog::operations::Filter;
use contract::Failure;

use crate::raster::{Depth, PixelFormat, Raster, RasterBuilder, Row, Sample, Samples};

/// A part of the source in source pixels; its edges may lie between pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

impl Region {
    /// A whole picture.
    pub fn whole((width, height): (u32, u32)) -> Self {
        Self { x: 0.0, y: 0.0, width: f64::from(width), height: f64::from(height) }
    }
}

/// Takes the rows of a source and makes the rows of a picture of another size.
pub struct Resampler {
    format: PixelFormat,
    size: (u32, u32),
    next_source_row: usize,
    next_target_row: usize,
    vertical: Weights,
    horizontal: Weights,
    /// The first and the end of the source samples of a row that the horizontal pass looks at.
    columns: std::ops::Range<usize>,
    ring: Ring,
    /// One row after the vertical pass, with four samples of slack so that the horizontal pass can read whole vectors.
    tall: Vec<f32>,
    wide: Vec<f32>,
    /// The row that was made last.
    made: Samples,
}

/// Takes rows of pixels one after the other.
pub type TakeRow<'a> = dyn FnMut(Row<'_>) -> Result<(), Failure> + 'a;

enum Ring {
    /// The target is the source.
    Copy,
    Eight(Vec<u8>),
    Sixteen(Vec<u16>),
    /// Colours multiplied by opacity, which runs from 0 to 1.
    Premultiplied(Vec<f32>),
}

impl Resampler {
    /// Makes `size` out of a region of a source of size `source`.
    pub fn new(
        format: PixelFormat,
        source: (u32, u32),
        region: Region,
        size: (u32, u32),
        filter: Filter,
    ) -> Result<Self, Failure> {
        let channels = format.channels();
        let vertical = Weights::new(filter, source.1, region.y, region.height, size.1, 1);
        // Grey is summed in whole vectors.
        let lanes = if channels == 1 { kernels::LANES_OF_GREY } else { 1 };
        let horizontal = Weights::new(filter, source.0, region.x, region.width, size.0, lanes);
        let columns = horizontal.span();
        let columns = columns.start * channels..columns.end * channels;
        let length = vertical.taps * columns.len();
        let ring = match format.depth {
            _ if source == size && region == Region::whole(source) => Ring::Copy,
            _ if format.alpha => Ring::Premultiplied(vec![0.0; length]),
            Depth::Eight => Ring::Eight(vec![0; length]),
            Depth::Sixteen => Ring::Sixteen(vec![0; length]),
        };
        let tall = vec![0.0; columns.len() + 4];
        let wide = vec![0.0; size.0 as usize * channels];
        let made = Samples::zeroed(format.depth, wide.len())?;
        let (next_source_row, next_target_row) = (0, 0);
        Ok(Self {
            format,
            size,
            next_source_row,
            next_target_row,
            vertical,
            horizontal,
            columns,
            ring,
            tall,
            wide,
            made,
        })
    }

    /// Runs over a whole picture.
    pub fn run(mut self, picture: &Raster) -> Result<Raster, Failure> {
        let mut result = RasterBuilder::new(self.size, self.format)?;
        (0..picture.height).try_for_each(|y| self.push(picture.row(y), &mut |row| result.push(row)))?;
        Ok(result.finish())
    }

    /// Takes the next row of the source and hands on the rows that are complete with it.
    pub fn push(&mut self, row: Row<'_>, take: &mut TakeRow<'_>) -> Result<(), Failure> {
        let at = self.next_source_row;
        self.next_source_row += 1;
        if matches!(self.ring, Ring::Copy) {
            return take(row);
        }
        let rows = self.size.1 as usize;
        if self.next_target_row >= rows || at < self.vertical.first[self.next_target_row] {
            return Ok(());
        }
        let length = self.columns.len();
        let slot = (at % self.vertical.taps) * length;
        let slot = slot..slot + length;
        let channels = self.format.channels();
        match (&mut self.ring, row) {
            (Ring::Eight(ring), Row::Eight(row)) => ring[slot].copy_from_slice(&row[self.columns.clone()]),
            (Ring::Sixteen(ring), Row::Sixteen(row)) => ring[slot].copy_from_slice(&row[self.columns.clone()]),
            (Ring::Premultiplied(ring), Row::Eight(row)) => {
                premultiply(&row[self.columns.clone()], &mut ring[slot], channels);
            }
            (Ring::Premultiplied(ring), Row::Sixteen(row)) => {
                premultiply(&row[self.columns.clone()], &mut ring[slot], channels);
            }
            _ => unreachable!("rows have the depth of their source"),
        }
        while self.next_target_row < rows
            && self.vertical.first[self.next_target_row] + self.vertical.taps <= self.next_source_row
        {
            self.make_row();
            self.next_target_row += 1;
            take(self.made.as_row())?;
        }
        Ok(())
    }

    fn make_row(&mut self) {
        let (first, weights) = self.vertical.of(self.next_target_row);
        let length = self.columns.len();
        // Only as many samples as there are: the slack stays zero.
        let tall = &mut self.tall[..length];
        match &self.ring {
            Ring::Eight(ring) => kernels::vertical(ring, length, first, weights, tall),
            Ring::Sixteen(ring) => kernels::vertical(ring, length, first, weights, tall),
            Ring::Premultiplied(ring) => kernels::vertical(ring, length, first, weights, tall),
            Ring::Copy => return,
        }
        let origin = self.columns.start / self.format.channels();
        kernels::horizontal(&self.tall, self.format.channels(), origin, &self.horizontal, &mut self.wide);
        let channels = self.format.alpha.then(|| self.format.channels());
        match &mut self.made {
            Samples::Eight(samples) => quantise(&self.wide, samples, channels),
            Samples::Sixteen(samples) => quantise(&self.wide, samples, channels),
        }
    }
}

fn premultiply<T: Sample>(from: &[T], to: &mut [f32], channels: usize) {
    for (from, to) in from.chunks_exact(channels).zip(to.chunks_exact_mut(channels)) {
        let alpha = from[channels - 1].to_f32() / T::MAX;
        for (from, to) in from.iter().zip(to.iter_mut()) {
            *to = from.to_f32() * alpha;
        }
        to[channels - 1] = alpha;
    }
}

/// Rounds a row; with `Some(channels)` it is premultiplied.
fn quantise<T: Sample>(from: &[f32], to: &mut [T], premultiplied: Option<usize>) {
    let Some(channels) = premultiplied else {
        for (from, to) in from.iter().zip(to) {
            *to = T::from_f32(*from);
        }
        return;
    };
    for (from, to) in from.chunks_exact(channels).zip(to.chunks_exact_mut(channels)) {
        let alpha = from[channels - 1].clamp(0.0, 1.0);
        // Below half a step of opacity nothing is seen, and dividing would only blow up rounding.
        let factor = if alpha * T::MAX < 0.5 { 0.0 } else { 1.0 / alpha };
        for (from, to) in from.iter().zip(to.iter_mut()) {
            *to = T::from_f32(from * factor);
        }
        to[channels - 1] = T::from_f32(alpha * T::MAX);
    }
}

impl Sample for f32 {
    const MAX: f32 = 1.0;

    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }
}

/// For every target position the source positions that it is made of, equally many each.
struct Weights {
    first: Vec<usize>,
    taps: usize,
    all: Vec<f32>,
}

impl Weights {
    /// Weights for `target` positions over `length` source positions from `start` on, of a source that has `source`.
    /// Where the kernel reaches over the edge, the weights inside are normalised. Their number is a multiple of `lanes`,
    /// if there are as many source positions.
    fn new(filter: Filter, source: u32, start: f64, length: f64, target: u32, lanes: usize) -> Self {
        let source = source as usize;
        let step = length / f64::from(target);
        let stretch = step.max(1.0);
        let support = kernel_support(filter) * stretch;
        let taps = ((support * 2.0).ceil() as usize + 1).next_multiple_of(lanes).min(source);
        let mut first = Vec::with_capacity(target as usize);
        let mut weights = vec![0.0_f32; taps * target as usize];
        for (position, weights) in weights.chunks_exact_mut(taps).enumerate() {
            let centre = start + (position as f64 + 0.5) * step;
            let from = ((centre - support + 0.5).floor().max(0.0) as usize).min(source - taps);
            if matches!(filter, Filter::Nearest) {
                let nearest = (centre.max(0.0) as usize).min(source - 1);
                first.push(nearest.min(source - taps));
                weights[nearest - nearest.min(source - taps)] = 1.0;
                continue;
            }
            let exact: Vec<f64> =
                (0..taps).map(|tap| kernel(filter, ((from + tap) as f64 + 0.5 - centre) / stretch)).collect();
            let sum: f64 = exact.iter().sum();
            for (weight, exact) in weights.iter_mut().zip(exact) {
                *weight = (exact / sum) as f32;
            }
            first.push(from);
        }
        Self { first, taps, all: weights }
    }

    fn of(&self, position: usize) -> (usize, &[f32]) {
        (self.first[position], &self.all[position * self.taps..(position + 1) * self.taps])
    }

    /// The source positions that any target position looks at.
    fn span(&self) -> std::ops::Range<usize> {
        let start = self.first.iter().copied().min().unwrap_or(0);
        let end = self.first.iter().copied().max().unwrap_or(0) + self.taps;
        start..end
    }
}

fn kernel_support(filter: Filter) -> f64 {
    match filter {
        Filter::Lanczos3 => 3.0,
        Filter::Mitchell => 2.0,
        Filter::Bilinear => 1.0,
        Filter::Nearest => 0.0,
    }
}

fn kernel(filter: Filter, x: f64) -> f64 {
    let x = x.abs();
    match filter {
        Filter::Lanczos3 if x >= 3.0 => 0.0,
        Filter::Lanczos3 => sinc(x) * sinc(x / 3.0),
        // Mitchell and Netravali, Reconstruction Filters in Computer Graphics (1988), B = C = 1/3.
        Filter::Mitchell if x < 1.0 => (7.0 * x * x * x - 12.0 * x * x + 16.0 / 3.0) / 6.0,
        Filter::Mitchell if x < 2.0 => (-7.0 / 3.0 * x * x * x + 12.0 * x * x - 20.0 * x + 32.0 / 3.0) / 6.0,
        Filter::Mitchell => 0.0,
        Filter::Bilinear => (1.0 - x).max(0.0),
        Filter::Nearest => 1.0,
    }
}

fn sinc(x: f64) -> f64 {
    if x < 1e-9 {
        return 1.0;
    }
    let x = x * std::f64::consts::PI;
    x.sin() / x
}

/// The two inner loops, compiled once for any processor and once for AVX2 and FMA.
mod kernels {
    use super::{Sample, Weights};

    /// Products of grey that are summed at once.
    pub const LANES_OF_GREY: usize = 8;

    /// Sums rows of a ring, each times its weight. Row n of the source is at slot n modulo the number of weights.
    pub fn vertical<T: Sample>(ring: &[T], length: usize, first: usize, weights: &[f32], out: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            // SAFETY: the processor has been asked for these features.
            return unsafe { vertical_avx2(ring, length, first, weights, out) };
        }
        vertical_with::<T, false>(ring, length, first, weights, out);
    }

    /// Sums neighbouring pixels of a row, whose first pixel is the source's pixel `origin`.
    pub fn horizontal(row: &[f32], channels: usize, origin: usize, weights: &Weights, out: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if has_avx2() {
            // SAFETY: the processor has been asked for these features.
            return unsafe { horizontal_avx2(row, channels, origin, weights, out) };
        }
        horizontal_of_any::<false>(row, channels, origin, weights, out);
    }

    #[cfg(target_arch = "x86_64")]
    fn has_avx2() -> bool {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn vertical_avx2<T: Sample>(ring: &[T], length: usize, first: usize, weights: &[f32], out: &mut [f32]) {
        vertical_with::<T, true>(ring, length, first, weights, out);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn horizontal_avx2(row: &[f32], channels: usize, origin: usize, weights: &Weights, out: &mut [f32]) {
        horizontal_of_any::<true>(row, channels, origin, weights, out);
    }

    #[inline(always)]
    fn add<const FMA: bool>(sum: f32, weight: f32, value: f32) -> f32 {
        if FMA { weight.mul_add(value, sum) } else { sum + weight * value }
    }

    #[inline(always)]
    fn vertical_with<T: Sample, const FMA: bool>(
        ring: &[T],
        length: usize,
        first: usize,
        weights: &[f32],
        out: &mut [f32],
    ) {
        const LANES: usize = 32;
        let slots = weights.len();
        let mut chunks = out.chunks_exact_mut(LANES);
        let mut at = 0;
        for chunk in &mut chunks {
            let mut sums = [0.0_f32; LANES];
            let mut slot = first % slots;
            for &weight in weights {
                let start = slot * length + at;
                let values: &[T; LANES] = ring[start..start + LANES].try_into().expect("of that length");
                for lane in 0..LANES {
                    sums[lane] = add::<FMA>(sums[lane], weight, values[lane].to_f32());
                }
                slot = if slot + 1 == slots { 0 } else { slot + 1 };
            }
            chunk.copy_from_slice(&sums);
            at += LANES;
        }
        for out in chunks.into_remainder() {
            *out = weights.iter().enumerate().fold(0.0, |sum, (tap, &weight)| {
                add::<FMA>(sum, weight, ring[(first + tap) % slots * length + at].to_f32())
            });
            at += 1;
        }
    }

    #[inline(always)]
    fn horizontal_of_any<const FMA: bool>(
        row: &[f32],
        channels: usize,
        origin: usize,
        weights: &Weights,
        out: &mut [f32],
    ) {
        match channels {
            1 => horizontal_with::<1, FMA>(row, origin, weights, out),
            2 => horizontal_with::<2, FMA>(row, origin, weights, out),
            3 => horizontal_with::<3, FMA>(row, origin, weights, out),
            4 => horizontal_with::<4, FMA>(row, origin, weights, out),
            _ => horizontal_with::<5, FMA>(row, origin, weights, out),
        }
    }

    #[inline(always)]
    fn horizontal_with<const CHANNELS: usize, const FMA: bool>(
        row: &[f32],
        origin: usize,
        weights: &Weights,
        out: &mut [f32],
    ) {
        for (position, out) in out.chunks_exact_mut(CHANNELS).enumerate() {
            let (first, weights) = weights.of(position);
            let start = (first - origin) * CHANNELS;
            if CHANNELS == 1 {
                out[0] = dot::<FMA>(&row[start..start + weights.len()], weights);
            } else if CHANNELS > 4 {
                for (channel, out) in out.iter_mut().enumerate() {
                    *out = weights.iter().enumerate().fold(0.0, |sum, (tap, &weight)| {
                        add::<FMA>(sum, weight, row[start + tap * CHANNELS + channel])
                    });
                }
            } else {
                // Four lanes a tap, of which three channels use three; the row has the slack for it.
                let row = &row[start..start + weights.len() * CHANNELS + 4 - CHANNELS];
                let mut even = [0.0_f32; 4];
                let mut odd = [0.0_f32; 4];
                for (pair, weights) in weights.chunks(2).enumerate() {
                    let start = pair * 2 * CHANNELS;
                    let values: &[f32; 4] = row[start..start + 4].try_into().expect("of that length");
                    for lane in 0..4 {
                        even[lane] = add::<FMA>(even[lane], weights[0], values[lane]);
                    }
                    if let Some(&weight) = weights.get(1) {
                        let start = start + CHANNELS;
                        let values: &[f32; 4] = row[start..start + 4].try_into().expect("of that length");
                        for lane in 0..4 {
                            odd[lane] = add::<FMA>(odd[lane], weight, values[lane]);
                        }
                    }
                }
                for (lane, out) in out.iter_mut().enumerate() {
                    *out = even[lane] + odd[lane];
                }
            }
        }
    }

    #[inline(always)]
    fn dot<const FMA: bool>(values: &[f32], weights: &[f32]) -> f32 {
        let mut sums = [0.0_f32; LANES_OF_GREY];
        let (mut left, mut right) = (values.chunks_exact(LANES_OF_GREY), weights.chunks_exact(LANES_OF_GREY));
        for (values, weights) in (&mut left).zip(&mut right) {
            for lane in 0..LANES_OF_GREY {
                sums[lane] = add::<FMA>(sums[lane], weights[lane], values[lane]);
            }
        }
        let rest = left.remainder().iter().zip(right.remainder());
        rest.fold(sums.iter().sum(), |sum, (&value, &weight)| add::<FMA>(sum, weight, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::Model;

    fn resample(from: &Raster, region: Region, size: (u32, u32), filter: Filter) -> Raster {
        let source = (from.width, from.height);
        Resampler::new(from.format(), source, region, size, filter).unwrap().run(from).unwrap()
    }

    fn raster(width: u32, height: u32, model: Model, alpha: bool, sample: impl Fn(u32, u32, usize) -> u8) -> Raster {
        let channels = model.channels() + usize::from(alpha);
        let samples = (0..height)
            .flat_map(|y| (0..width).flat_map(move |x| (0..channels).map(move |channel| (x, y, channel))))
            .map(|(x, y, channel)| sample(x, y, channel))
            .collect();
        Raster { width, height, model, alpha, samples: Samples::Eight(samples) }
    }

    #[test]
    fn a_flat_picture_stays_flat_at_every_size_and_filter() {
        for (model, alpha) in [
            (Model::Grey, false),
            (Model::Grey, true),
            (Model::Rgb, false),
            (Model::Rgb, true),
            (Model::Cmyk, false),
            (Model::Cmyk, true),
        ] {
            let flat = raster(37, 23, model, alpha, |_, _, channel| 40 + channel as u8 * 50);
            for filter in [Filter::Lanczos3, Filter::Mitchell, Filter::Bilinear, Filter::Nearest] {
                for size in [(1, 1), (5, 7), (36, 23), (37, 50), (120, 90)] {
                    let result = resample(&flat, Region::whole((37, 23)), size, filter);
                    for pixel in result.eight().chunks_exact(flat.format().channels()) {
                        for (channel, &sample) in pixel.iter().enumerate() {
                            assert!(
                                sample.abs_diff(40 + channel as u8 * 50) <= 1,
                                "{model:?} {filter:?} {size:?} {pixel:?}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_gradient_keeps_its_place_and_slope() {
        let gradient = raster(256, 4, Model::Grey, false, |x, _, _| x as u8);
        let half = resample(&gradient, Region::whole((256, 4)), (128, 4), Filter::Lanczos3);
        for (x, &sample) in half.eight()[..128].iter().enumerate().skip(4).take(120) {
            assert!((f64::from(sample) - (x as f64 * 2.0 + 0.5)).abs() <= 1.0, "{x} {sample}");
        }
        let right =
            resample(&gradient, Region { x: 128.0, y: 0.0, width: 128.0, height: 4.0 }, (64, 2), Filter::Lanczos3);
        assert!(right.eight()[2].abs_diff(132) <= 2, "{:?}", &right.eight()[..8]);
    }

    #[test]
    fn the_colour_of_what_is_transparent_does_not_bleed() {
        let edge = raster(64, 64, Model::Rgb, true, |x, _, channel| match (channel, x < 32) {
            (0 | 3, true) | (1, false) => 255,
            _ => 0,
        });
        let small = resample(&edge, Region::whole((64, 64)), (21, 21), Filter::Lanczos3);
        for pixel in small.eight().chunks_exact(4).filter(|pixel| pixel[3] > 8) {
            assert!(pixel[0] >= 250 && pixel[1] <= 5, "{pixel:?}");
        }
    }

    #[test]
    fn nearest_takes_samples_as_they_are() {
        let board = raster(8, 8, Model::Grey, false, |x, y, _| if (x + y) % 2 == 0 { 255 } else { 0 });
        for size in [(16, 16), (4, 4), (5, 3)] {
            let result = resample(&board, Region::whole((8, 8)), size, Filter::Nearest);
            assert!(result.eight().iter().all(|&sample| sample == 0 || sample == 255), "{size:?}");
        }
    }
}
