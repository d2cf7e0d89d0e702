//! Pictures for somebody who takes JPEGs of a certain length only.

use catalog::operations::Filter;
use catalog::operations::image_encoding::{Colour, ImageEncoding, ImageFormat, Metadata, Rgba};
use contract::Failure;

use super::{Attachments, Output, still};
use crate::canvas::flatten;
use crate::raster::Raster;
use crate::resample::{Region, Resampler};

/// From one that nobody sees a difference at to one that letters are still legible at.
const QUALITIES: [u8; 4] = [92, 85, 75, 60];
/// Of the sides, where no quality is small enough.
const SHRINKING: f64 = 0.7;
/// A picture that is still too long after so many times is not one that anybody wants.
const MOST_TIMES: usize = 10;

/// The picture as a JPEG of at most that many bytes: at the best quality that fits, else smaller. It is grey or RGB, eight bits a
/// sample; what is transparent becomes white.
pub fn bounded_jpeg(raster: &Raster, most: usize) -> Result<Vec<u8>, Failure> {
    let mut picture = if raster.alpha { flatten(raster, Rgba([255; 4])) } else { raster.clone() };
    for _ in 0..MOST_TIMES {
        for quality in QUALITIES {
            let bytes = jpeg(&picture, quality)?;
            if bytes.len() <= most {
                return Ok(bytes);
            }
        }
        let size = (picture.width, picture.height);
        let smaller = |length: u32| ((f64::from(length) * SHRINKING) as u32).max(1);
        let smaller = (smaller(size.0), smaller(size.1));
        let resampler = Resampler::new(picture.format(), size, Region::whole(size), smaller, Filter::Lanczos3)?;
        picture = resampler.run(&picture)?;
    }
    Err(Failure::internal(format!("no JPEG of the picture has {most} bytes or less")))
}

fn jpeg(raster: &Raster, quality: u8) -> Result<Vec<u8>, Failure> {
    let encoding = ImageEncoding {
        quality: Some(quality),
        lossless: false,
        effort: 3,
        progressive: false,
        metadata: Metadata::Strip,
        colour: Colour::Srgb,
        first_frame: true,
        page: None,
        allow_truncated: false,
        max_megapixels: 4096,
    };
    let output = Output::in_memory();
    still(output.clone(), raster, ImageFormat::Jpeg, &encoding, &Attachments::default())?;
    output.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::{Model, Samples};

    #[test]
    fn a_picture_fits_by_quality_first_and_by_size_then() {
        // Noise, of which no JPEG is short.
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let samples = Samples::Eight((0..400 * 300 * 3).map(|_| noise()).collect());
        let raster = Raster { width: 400, height: 300, model: Model::Rgb, alpha: false, samples };
        let size = |most: usize| {
            let bytes = bounded_jpeg(&raster, most).unwrap();
            assert!(bytes.len() <= most && bytes.starts_with(&[0xff, 0xd8, 0xff]), "{most}: {}", bytes.len());
            let at = bytes.windows(2).position(|marker| marker == [0xff, 0xc0]).expect("a baseline JPEG");
            (u16::from_be_bytes([bytes[at + 7], bytes[at + 8]]), bytes.len())
        };
        let (width, longest) = size(1_000_000);
        let (same_width, shorter) = size(longest - 1);
        assert_eq!((width, same_width), (400, 400));
        assert!(shorter < longest);
        assert!(size(5000).0 < 400);
        assert!(bounded_jpeg(&raster, 10).is_err());
    }
}
