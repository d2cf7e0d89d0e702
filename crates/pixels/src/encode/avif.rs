//! AVIF: AV1 by libaom in an own container ([`container`]).

mod container;

use std::io::Write;

use catalog::operations::image_encoding::ImageEncoding;
use container::Parts;
use contract::Failure;

use crate::colour::rgb_row_to_ycbcr;
use crate::encode::{Attachments, Output};
use crate::native::{Av1Picture, Coding, encode_av1};
use crate::raster::{Model, Raster};

const DEFAULT_QUALITY: u8 = 60;
/// From here on chroma keeps its resolution: who asks for such quality would see the difference.
const FULL_CHROMA_QUALITY: u8 = 90;
/// The largest width and height that AV1 has numbers for.
const MOST: u32 = 65_536;
/// libaom's speeds for the efforts 0 to 9.
const SPEEDS: [u8; 10] = [9, 9, 8, 7, 6, 5, 4, 3, 2, 1];
/// sRGB in JPEG's luma and chroma.
const SRGB: Coding = Coding { primaries: 1, transfer: 13, matrix: 6, full_range: true };
/// What another profile says, in the same luma and chroma.
const BY_PROFILE: Coding = Coding { primaries: 2, transfer: 2, matrix: 6, full_range: true };

/// Writes one eight-bit picture: grey, RGB or luma and chroma, with or without opacity.
pub fn still(
    mut output: Output,
    raster: &Raster,
    encoding: &ImageEncoding,
    attachments: &Attachments,
) -> Result<(), Failure> {
    let size = (raster.width, raster.height);
    if size.0 > MOST || size.1 > MOST {
        return Err(Failure::invalid_request(format!(
            "an AVIF has at most {MOST} × {MOST} pixels, not {} × {}; resize it or choose another format",
            size.0, size.1
        )));
    }
    let quality = encoding.quality.unwrap_or(DEFAULT_QUALITY);
    // libavif's and libheif's scale, so that numbers that are known from there mean the same here.
    let quantizer = (((100 - u32::from(quality)) * 63 + 50) / 100).max(1) as u8;
    let speed = SPEEDS[usize::from(encoding.effort.min(9))];
    let coding = if attachments.icc.is_some() { BY_PROFILE } else { SRGB };
    let subsampled = quality < FULL_CHROMA_QUALITY;
    let picture = |planes: &[Vec<u8>]| encode_av1(&Av1Picture { size, planes, subsampled, quantizer, speed, coding });
    let colours = picture(&planes(raster, subsampled)?)?;
    let alpha = alpha(raster).map(|alpha| picture(&[alpha])).transpose()?;
    let grey = raster.model == Model::Grey;
    let parts = Parts { size, colours: &colours, alpha: alpha.as_deref(), grey, subsampled, coding, attachments };
    output.write_all(&parts.to_bytes()?)?;
    Ok(())
}

/// Luma, or luma and chroma.
fn planes(raster: &Raster, subsampled: bool) -> Result<Vec<Vec<u8>>, Failure> {
    let channels = raster.format().channels();
    let samples = raster.eight();
    let (width, height) = (raster.width as usize, raster.height as usize);
    match raster.model {
        Model::Grey => return Ok(vec![samples.iter().step_by(channels).copied().collect()]),
        Model::Cmyk => return Err(Failure::internal("ink was to be converted before")),
        Model::Rgb | Model::YCbCr => {}
    }
    let mut planes = [(); 3].map(|()| Vec::with_capacity(width * height));
    let mut row = Vec::with_capacity(width * 3);
    for from in samples.chunks_exact(width * channels) {
        row.clear();
        row.extend(from.chunks_exact(channels).flat_map(|pixel| &pixel[..3]));
        if raster.model == Model::Rgb {
            rgb_row_to_ycbcr(&mut row);
        }
        for (channel, plane) in planes.iter_mut().enumerate() {
            plane.extend(row.iter().skip(channel).step_by(3));
        }
    }
    let [luma, blue, red] = planes;
    let [blue, red] = [blue, red].map(|plane| if subsampled { halve(&plane, width, height) } else { plane });
    Ok(vec![luma, blue, red])
}

/// The means of two by two samples; at odd edges of those that are there.
fn halve(plane: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut halved = Vec::with_capacity(width.div_ceil(2) * height.div_ceil(2));
    for y in (0..height).step_by(2) {
        let upper = &plane[y * width..(y + 1) * width];
        let lower = if y + 1 < height { &plane[(y + 1) * width..(y + 2) * width] } else { upper };
        for x in (0..width).step_by(2) {
            let next = (x + 1).min(width - 1);
            let sum = [upper[x], upper[next], lower[x], lower[next]].map(u16::from).iter().sum::<u16>();
            halved.push(((sum + 2) / 4) as u8);
        }
    }
    halved
}

/// Opacity, unless everything is opaque.
fn alpha(raster: &Raster) -> Option<Vec<u8>> {
    let channels = raster.format().channels();
    let alpha = raster.eight().iter().skip(channels - 1).step_by(channels).copied();
    (raster.alpha && alpha.clone().any(|alpha| alpha < 255)).then(|| alpha.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chroma_is_halved_to_means_also_at_odd_edges() {
        assert_eq!(halve(&[10, 20, 30, 40, 50, 60, 70, 80, 90], 3, 3), [30, 45, 75, 90]);
        assert_eq!(halve(&[7], 1, 1), [7]);
    }
}
