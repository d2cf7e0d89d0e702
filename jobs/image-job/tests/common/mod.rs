//! Running an operation in this process on bytes, and pictures to compare.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub mod heif;
pub mod tiff;

use std::io::Cursor;

use contract::{Failure, Properties};
use operation::Weights;
use operation_testing::{Finished, input, run, run_with};

/// Runs one operation on a file of that name and content.
pub fn process(option: &str, name: &str, bytes: &[u8]) -> Result<Finished, Failure> {
    run(&image_job::JOB, option, input(name, bytes)?)
}

/// The same, of an operation that needs weights.
pub fn process_with(option: &str, name: &str, bytes: &[u8], weights: Weights) -> Result<Finished, Failure> {
    run_with(&image_job::JOB, option, input(name, bytes)?, weights)
}

/// The properties of one output.
pub fn properties_of<'a>(finished: &'a Finished, name: &str) -> &'a Properties {
    finished.properties_of(name)
}

/// RGBA pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    pub width: u32,
    pub height: u32,
    pub pixels: Vec<[u8; 4]>,
}

impl Image {
    pub fn from_fn(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Self {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| pixel(x, y)).collect();
        Self { width, height, pixels }
    }

    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    pub fn pixel(&self, x: u32, y: u32) -> [u8; 4] {
        self.pixels[(y * self.width + x) as usize]
    }

    /// Mean of the absolute differences of all samples.
    pub fn mean_difference(&self, other: &Self) -> f64 {
        assert_eq!(self.size(), other.size());
        let pairs = self.pixels.as_flattened().iter().zip(other.pixels.as_flattened());
        pairs.map(|(left, right)| f64::from(left.abs_diff(*right))).sum::<f64>() / (self.pixels.len() * 4) as f64
    }

    /// As a PNG: RGB where everything is opaque, else RGBA.
    pub fn png(&self) -> Vec<u8> {
        let opaque = self.pixels.iter().all(|pixel| pixel[3] == 255);
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(if opaque { png::ColorType::Rgb } else { png::ColorType::Rgba });
        let data: Vec<u8> =
            self.pixels.iter().flat_map(|pixel| &pixel[..if opaque { 3 } else { 4 }]).copied().collect();
        encoder.write_header().unwrap().write_image_data(&data).unwrap();
        bytes
    }
}

/// Something with edges, gradients and colours.
pub fn picture(width: u32, height: u32) -> Image {
    Image::from_fn(width, height, |x, y| {
        let wave = ((f64::from(x) / 9.0).sin() * 60.0 + (f64::from(y) / 13.0).cos() * 60.0 + 128.0) as u8;
        [wave, (x * 255 / width) as u8, if (x / 16 + y / 16) % 2 == 0 { 200 } else { (y * 255 / height) as u8 }, 255]
    })
}

/// A PNG's pixels, whatever its layout.
pub fn decode_png(bytes: &[u8]) -> Image {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut data).unwrap();
    data.truncate(info.buffer_size());
    let pixels = data
        .chunks_exact(info.color_type.samples())
        .map(|pixel| match *pixel {
            [grey] => [grey, grey, grey, 255],
            [grey, alpha] => [grey, grey, grey, alpha],
            [red, green, blue] => [red, green, blue, 255],
            [red, green, blue, alpha] => [red, green, blue, alpha],
            _ => unreachable!("a pixel has one to four samples"),
        })
        .collect();
    Image { width: info.width, height: info.height, pixels }
}
