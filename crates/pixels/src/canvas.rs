//! Pictures laid over colours: transparency flattened, edges padded, grey spread to RGB.

use catalog::operations::image_encoding::Rgba;
use contract::Failure;

use crate::raster::{Model, PixelFormat, Raster, Row, Sample, Samples};

/// Lays a picture with opacity over a colour.
pub fn flatten(picture: &Raster, background: Rgba) -> Raster {
    fn over<T: Sample>(samples: &[T], channels: usize, background: &[f32]) -> Vec<T> {
        let mut result = Vec::with_capacity(samples.len() / channels * (channels - 1));
        for pixel in samples.chunks_exact(channels) {
            let alpha = pixel[channels - 1].to_f32() / T::MAX;
            for (sample, under) in pixel[..channels - 1].iter().zip(background) {
                result.push(T::from_f32(sample.to_f32() * alpha + under * T::MAX * (1.0 - alpha)));
            }
        }
        result
    }
    let channels = picture.format().channels();
    let background = background_of(background, picture.model);
    let samples = match &picture.samples {
        Samples::Eight(samples) => Samples::Eight(over(samples, channels, &background)),
        Samples::Sixteen(samples) => Samples::Sixteen(over(samples, channels, &background)),
    };
    Raster { alpha: false, samples, ..*picture }
}

/// The colour in the samples of a model, 0 to 1.
fn background_of(Rgba([red, green, blue, _]): Rgba, model: Model) -> Vec<f32> {
    let colour = [red, green, blue].map(|sample| f32::from(sample) / 255.0);
    if model == Model::Grey { vec![0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]] } else { colour.to_vec() }
}

/// Puts a grey or RGB picture onto a larger canvas. A background with opacity below 255 makes the result have opacity,
/// one with colour makes a grey picture RGB.
pub fn pad(picture: &Raster, size: (u32, u32), (x, y): (u32, u32), background: Rgba) -> Result<Raster, Failure> {
    let Rgba([red, green, blue, opacity]) = background;
    let coloured = red != green || green != blue;
    let picture = if picture.model == Model::Grey && coloured { grey_to_rgb(picture) } else { picture.clone() };
    let alpha = picture.alpha || opacity < 255;
    let format = PixelFormat { model: picture.model, alpha, depth: picture.samples.depth() };
    let mut canvas = Raster::new(size.0, size.1, format)?;
    let mut fill: Vec<f32> = background_of(background, picture.model);
    if alpha {
        fill.push(f32::from(opacity) / 255.0);
    }
    let channels = format.channels();
    let stride = canvas.row_length();
    let place = |row: u32| (y + row) as usize * stride + x as usize * channels;
    match &mut canvas.samples {
        Samples::Eight(samples) => {
            fill_with(samples, &fill);
            for row in 0..picture.height {
                let Row::Eight(from) = picture.row(row) else { continue };
                copy_row(from, picture.format().channels(), &mut samples[place(row)..], channels);
            }
        }
        Samples::Sixteen(samples) => {
            fill_with(samples, &fill);
            for row in 0..picture.height {
                let Row::Sixteen(from) = picture.row(row) else { continue };
                copy_row(from, picture.format().channels(), &mut samples[place(row)..], channels);
            }
        }
    }
    Ok(canvas)
}

fn fill_with<T: Sample>(samples: &mut [T], pixel: &[f32]) {
    let pixel: Vec<T> = pixel.iter().map(|value| T::from_f32(value * T::MAX)).collect();
    samples.chunks_exact_mut(pixel.len()).for_each(|to| to.copy_from_slice(&pixel));
}

/// Copies pixels; where the target has opacity and the source has not, they are opaque.
fn copy_row<T: Sample>(from: &[T], from_channels: usize, to: &mut [T], to_channels: usize) {
    for (from, to) in from.chunks_exact(from_channels).zip(to.chunks_exact_mut(to_channels)) {
        to[..from_channels].copy_from_slice(from);
        if to_channels > from_channels {
            to[from_channels] = T::from_f32(T::MAX);
        }
    }
}

/// Grey as equal red, green and blue.
pub fn grey_to_rgb(picture: &Raster) -> Raster {
    fn spread<T: Copy>(samples: &[T], alpha: bool) -> Vec<T> {
        let channels = if alpha { 2 } else { 1 };
        samples
            .chunks_exact(channels)
            .flat_map(|pixel| [pixel[0]; 3].into_iter().chain(pixel[1..].iter().copied()))
            .collect()
    }
    let samples = match &picture.samples {
        Samples::Eight(samples) => Samples::Eight(spread(samples, picture.alpha)),
        Samples::Sixteen(samples) => Samples::Sixteen(spread(samples, picture.alpha)),
    };
    Raster { model: Model::Rgb, samples, ..*picture }
}
