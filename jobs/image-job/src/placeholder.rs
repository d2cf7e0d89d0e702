//! What can be shown before an image is there: a ThumbHash of about 25 bytes and the dominant colour.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalog::operations::Filter;
use job::{Failure, Properties};

use crate::raster::{Model, Raster};
use crate::resample::{Region, Resampler};

/// ThumbHash looks at no more than 100 × 100 pixels.
const MOST: u32 = 100;

/// A copy that is small enough to be looked at as a whole.
pub fn shrink(picture: &Raster) -> Result<Raster, Failure> {
    let size = (picture.width, picture.height);
    let longest = size.0.max(size.1);
    if longest <= MOST {
        return Ok(picture.clone().into_eight());
    }
    let scaled = |length: u32| ((u64::from(length) * u64::from(MOST) / u64::from(longest)) as u32).max(1);
    let target = (scaled(size.0), scaled(size.1));
    let mut resampler = Resampler::new(picture.format(), size, Region::whole(size), target, Filter::Bilinear)?;
    (0..size.1).for_each(|y| resampler.push(picture.row(y)));
    Ok(resampler.finish().into_eight())
}

/// Adds `placeholder` and `dominantColour` of a small grey or RGB picture in sRGB.
pub fn describe(small: &Raster, properties: &mut Properties) {
    let channels = small.format().channels();
    let pixels: Vec<[u8; 4]> = small
        .eight()
        .chunks_exact(channels)
        .map(|pixel| {
            let alpha = if small.alpha { pixel[channels - 1] } else { 255 };
            match small.model {
                Model::Grey => [pixel[0], pixel[0], pixel[0], alpha],
                _ => [pixel[0], pixel[1], pixel[2], alpha],
            }
        })
        .collect();
    let hash = thumbhash::rgba_to_thumb_hash(small.width as usize, small.height as usize, pixels.as_flattened());
    properties.insert("placeholder".to_owned(), STANDARD.encode(hash).into());
    if let Some([red, green, blue]) = dominant_colour(&pixels) {
        properties.insert("dominantColour".to_owned(), format!("#{red:02x}{green:02x}{blue:02x}").into());
    }
}

/// The mean of the fullest of 512 boxes of colours; none for a picture in which nothing can be seen.
fn dominant_colour(pixels: &[[u8; 4]]) -> Option<[u8; 3]> {
    let mut boxes = vec![([0_u64; 3], 0_u64); 512];
    for &[red, green, blue, alpha] in pixels {
        let at = usize::from(red >> 5) << 6 | usize::from(green >> 5) << 3 | usize::from(blue >> 5);
        let (sums, weight) = &mut boxes[at];
        for (sum, sample) in sums.iter_mut().zip([red, green, blue]) {
            *sum += u64::from(sample) * u64::from(alpha);
        }
        *weight += u64::from(alpha);
    }
    let (sums, weight) = boxes.into_iter().max_by_key(|(_, weight)| *weight)?;
    (weight > 0).then(|| sums.map(|sum| (sum / weight) as u8))
}
