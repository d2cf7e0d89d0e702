//! The small copy of a picture, as networks see it.

use catalog::operations::Filter;
use catalog::operations::image_encoding::Rgba;
use contract::Failure;
use pixels::canvas::{flatten, grey_to_rgb};
use pixels::raster::{Model, Raster};
use pixels::resample::{Region, Resampler};

/// An upright RGB copy of a picture, eight bits a sample, nothing transparent.
pub struct Look {
    pub raster: Raster,
    /// Pixels of the picture in one of the copy, across and down.
    pub scale: (f32, f32),
    /// Width and height of the picture itself.
    pub size: (u32, u32),
}

/// How a network takes colours: each sample less the first number, over the second.
pub struct Colours {
    pub less: [f32; 3],
    pub over: [f32; 3],
    /// Whether blue comes first.
    pub blue_first: bool,
}

/// How a network takes pixels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Plane by plane, each row by row.
    Planes,
    /// Pixel by pixel, row by row.
    Rows,
    /// Pixel by pixel, column by column.
    Columns,
}

impl Look {
    /// From a grey or RGB copy of a picture of that size. What is transparent is white.
    pub fn new(copy: &Raster, size: (u32, u32)) -> Self {
        let opaque = if copy.alpha { flatten(copy, Rgba([255; 4])) } else { copy.clone() };
        let raster = if opaque.model == Model::Grey { grey_to_rgb(&opaque) } else { opaque };
        let scale = (size.0 as f32 / raster.width as f32, size.1 as f32 / raster.height as f32);
        Self { raster, scale, size }
    }

    /// Width and height of the copy.
    pub fn copy_size(&self) -> (u32, u32) {
        (self.raster.width, self.raster.height)
    }

    /// A part of the copy at a size that a network takes.
    pub fn part(&self, region: Region, size: (u32, u32), filter: Filter) -> Result<Raster, Failure> {
        Resampler::new(self.raster.format(), self.copy_size(), region, size, filter)?.run(&self.raster)
    }

    /// A point of the copy in pixels of the picture, within it.
    pub fn to_picture(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let within = |at: f32, scale: f32, length: u32| {
            let at = at * scale;
            if at.is_finite() { (at * 10.0).round().clamp(0.0, length as f32 * 10.0) / 10.0 } else { 0.0 }
        };
        [within(x, self.scale.0, self.size.0), within(y, self.scale.1, self.size.1)]
    }

    /// A box of the copy in pixels of the picture, within it.
    pub fn box_to_picture(&self, [left, top, right, bottom]: [f32; 4]) -> [f32; 4] {
        let [left, top] = self.to_picture([left, top]);
        let [right, bottom] = self.to_picture([right, bottom]);
        [left, top, right, bottom]
    }
}

/// The samples of an RGB picture as the numbers of a network.
pub fn numbers(picture: &Raster, colours: &Colours, order: Order) -> Vec<f32> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let mut numbers = vec![0.0; width * height * 3];
    for (at, pixel) in picture.eight().chunks_exact(3).enumerate() {
        let (x, y) = (at % width, at / width);
        for channel in 0..3 {
            let sample = f32::from(pixel[if colours.blue_first { 2 - channel } else { channel }]);
            let place = match order {
                Order::Planes => channel * width * height + at,
                Order::Rows => at * 3 + channel,
                Order::Columns => (x * height + y) * 3 + channel,
            };
            numbers[place] = (sample - colours.less[channel]) / colours.over[channel];
        }
    }
    numbers
}

/// The picture as a mirror shows it.
pub fn mirrored(picture: &Raster) -> Raster {
    let mut turned = picture.clone();
    let length = picture.row_length();
    if let pixels::raster::Samples::Eight(samples) = &mut turned.samples {
        for (row, from) in samples.chunks_exact_mut(length).zip(picture.eight().chunks_exact(length)) {
            for (to, from) in row.chunks_exact_mut(3).zip(from.chunks_exact(3).rev()) {
                to.copy_from_slice(from);
            }
        }
    }
    turned
}
