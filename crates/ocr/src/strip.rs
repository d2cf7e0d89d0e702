//! Lines cut out of a picture: level, of one height, as the networks take them.

use std::ops::Range;

use pixels::raster::{Model, Raster};

use crate::geometry::Rectangle;

/// Pixels in a pixel of a strip that are averaged, across and down each.
const MOST_SAMPLES: usize = 4;

/// The pixels of a rectangle, level and in the size that is asked for.
pub struct Strip {
    pub width: usize,
    pub height: usize,
    /// Planes of blue, green and red, or one of grey, 0 to 255.
    planes: Vec<Vec<f32>>,
}

impl Strip {
    /// Cuts a rectangle out. Places outside of the picture continue its edges.
    pub fn cut(picture: &Raster, rectangle: &Rectangle, width: usize, height: usize) -> Self {
        let channels = if picture.model == Model::Grey { 1 } else { 3 };
        let mut planes = vec![vec![0.0; width * height]; channels];
        let step = (rectangle.width / width as f32, rectangle.height / height as f32);
        let count = |step: f32| (step.ceil().max(1.0) as usize).min(MOST_SAMPLES);
        let (across, down) = (count(step.0), count(step.1));
        let share = 1.0 / (across * down) as f32;
        for y in 0..height {
            for x in 0..width {
                let mut sums = [0.0_f32; 3];
                for sample in 0..across * down {
                    let (column, row) = (sample % across, sample / across);
                    let place = |at: usize, part: usize, parts: usize, step: f32| {
                        (at as f32 + (part as f32 + 0.5) / parts as f32) * step
                    };
                    let point = rectangle.point(place(x, column, across, step.0), place(y, row, down, step.1));
                    add(picture, channels, point, &mut sums);
                }
                for (plane, sum) in planes.iter_mut().zip(sums) {
                    plane[y * width + x] = sum * share;
                }
            }
        }
        if channels == 3 {
            planes.reverse();
        }
        Self { width, height, planes }
    }

    /// Three planes of some columns as a network takes them, -1 to 1, with zeros behind them up to that width.
    pub fn numbers(&self, columns: Range<usize>, width: usize) -> Vec<f32> {
        let mut numbers = vec![0.0; 3 * self.height * width];
        for (channel, to) in numbers.chunks_exact_mut(self.height * width).enumerate() {
            let plane = &self.planes[channel.min(self.planes.len() - 1)];
            for (to, from) in to.chunks_exact_mut(width).zip(plane.chunks_exact(self.width)) {
                for (to, from) in to.iter_mut().zip(&from[columns.clone()]) {
                    *to = from / 127.5 - 1.0;
                }
            }
        }
        numbers
    }

    /// Which columns and which rows have ink in them: what differs from the ground.
    pub fn ink(&self) -> (Vec<bool>, Vec<bool>) {
        /// Of the greatest difference from the ground.
        const SHARE: f32 = 0.4;
        let plane = &self.planes[self.planes.len() / 2];
        let mut sorted = plane.clone();
        sorted.sort_unstable_by(f32::total_cmp);
        let at = |share: f32| sorted[((sorted.len() - 1) as f32 * share) as usize];
        let (dark, middle, light) = (at(0.02), at(0.5), at(0.98));
        // The ground is what there is more of.
        let ground = if middle - dark > light - middle { light } else { dark };
        let least = (light - dark) * SHARE;
        let is_ink = |value: f32| (value - ground).abs() > least && light - dark > 1.0;
        let mut columns = vec![false; self.width];
        let mut rows = vec![false; self.height];
        for (row, values) in rows.iter_mut().zip(plane.chunks_exact(self.width)) {
            for (column, value) in columns.iter_mut().zip(values) {
                let is_ink = is_ink(*value);
                *column |= is_ink;
                *row |= is_ink;
            }
        }
        (columns, rows)
    }
}

/// Adds the colours at a point, which lies between pixels.
fn add(picture: &Raster, channels: usize, [x, y]: [f32; 2], sums: &mut [f32; 3]) {
    let samples = picture.eight();
    let (width, height) = (picture.width as usize, picture.height as usize);
    let split = |place: f32, length: usize| {
        let place = (place - 0.5).clamp(0.0, (length - 1) as f32);
        let first = place as usize;
        (first, (first + 1).min(length - 1), place - first as f32)
    };
    let (left, right, to_right) = split(x, width);
    let (top, bottom, down) = split(y, height);
    let value = |x: usize, y: usize, channel: usize| f32::from(samples[(y * width + x) * channels + channel]);
    for (channel, sum) in sums.iter_mut().enumerate().take(channels) {
        let upper = value(left, top, channel) * (1.0 - to_right) + value(right, top, channel) * to_right;
        let lower = value(left, bottom, channel) * (1.0 - to_right) + value(right, bottom, channel) * to_right;
        *sum += upper * (1.0 - down) + lower * down;
    }
}

#[cfg(test)]
mod tests {
    use pixels::raster::Samples;

    use super::*;

    fn board() -> Raster {
        let samples = (0..40).flat_map(|y| (0..60).map(move |x| if x >= 20 && y >= 10 { 200 } else { 10 })).collect();
        Raster { width: 60, height: 40, model: Model::Grey, alpha: false, samples: Samples::Eight(samples) }
    }

    #[test]
    fn a_strip_is_level_whatever_its_direction() {
        let level = Rectangle { middle: [20.0, 20.0], along: [1.0, 0.0], width: 20.0, height: 10.0 };
        let strip = Strip::cut(&board(), &level, 40, 20);
        assert!((strip.planes[0][0] - 10.0).abs() < 1.0 && (strip.planes[0][39] - 200.0).abs() < 1.0);
        let upside_down = Strip::cut(&board(), &level.turned(), 40, 20);
        assert!((upside_down.planes[0][0] - 200.0).abs() < 1.0 && (upside_down.planes[0][39] - 10.0).abs() < 1.0);
        let outside = Rectangle { middle: [-500.0, 900.0], ..level };
        assert!(Strip::cut(&board(), &outside, 8, 8).planes[0].iter().all(|value| (value - 10.0).abs() < 1.0));
    }

    #[test]
    fn numbers_run_from_minus_one_to_one_and_end_in_zeros() {
        let level = Rectangle { middle: [30.0, 20.0], along: [1.0, 0.0], width: 60.0, height: 40.0 };
        let numbers = Strip::cut(&board(), &level, 60, 40).numbers(0..60, 64);
        assert_eq!(numbers.len(), 3 * 40 * 64);
        assert!((numbers[0] - (10.0 / 127.5 - 1.0)).abs() < 0.01 && numbers[63] == 0.0);
        assert_eq!(numbers[..40 * 64], numbers[40 * 64..2 * 40 * 64]);
    }

    #[test]
    fn ink_is_what_there_is_less_of() {
        let level = Rectangle { middle: [35.0, 20.0], along: [1.0, 0.0], width: 50.0, height: 40.0 };
        let (columns, rows) = Strip::cut(&board(), &level, 50, 40).ink();
        // The dark part is the smaller one: it has every column, in the upper rows, and every row.
        assert!(columns.iter().all(|ink| *ink) && rows.iter().all(|ink| *ink));
        let (columns, rows) =
            Strip::cut(&board(), &Rectangle { middle: [50.0, 30.0], width: 10.0, height: 10.0, ..level }, 10, 10).ink();
        assert!(!columns.iter().any(|ink| *ink) && !rows.iter().any(|ink| *ink), "an even strip has no ink");
    }
}
