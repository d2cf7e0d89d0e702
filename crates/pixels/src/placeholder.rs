//! What can be shown before an image is there: a ThumbHash of about 25 bytes and the dominant colour.

use std::cmp::Reverse;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalog::operations::Filter;
use contract::{Failure, Properties};

use crate::raster::{Model, PixelFormat, Raster, RasterBuilder, Row, Samples};
use crate::resample::{Region, Resampler};

/// ThumbHash looks at no more than 100 × 100 pixels.
const MAX_SIDE: u32 = 100;
/// Source pixels in a row that are averaged to one of these; more would add no detail.
const ENOUGH: u32 = 4;

/// Takes the rows of a picture and keeps a copy that is small enough to be looked at as a whole.
pub struct Thumbnail {
    format: PixelFormat,
    /// One pixel in so many is looked at, in both directions.
    step: u32,
    next: u32,
    thinned: Samples,
    resampler: Resampler,
    small: RasterBuilder,
}

impl Thumbnail {
    /// Of a picture of that size, before its first row.
    pub fn new((width, height): (u32, u32), format: PixelFormat) -> Result<Self, Failure> {
        let longest = width.max(height);
        let step = (longest / (MAX_SIDE * ENOUGH)).max(1);
        let thinned = (width.div_ceil(step), height.div_ceil(step));
        let scaled = |length: u32| {
            if longest <= MAX_SIDE {
                return length;
            }
            ((u64::from(length) * u64::from(MAX_SIDE) / u64::from(longest)) as u32).max(1)
        };
        let size = (scaled(width), scaled(height));
        Ok(Self {
            format,
            step,
            next: 0,
            thinned: Samples::zeroed(format.depth, thinned.0 as usize * format.channels())?,
            resampler: Resampler::new(format, thinned, Region::whole(thinned), size, Filter::Bilinear)?,
            small: RasterBuilder::new(size, format)?,
        })
    }

    /// The thumbnail of a picture.
    pub fn of(picture: &Raster) -> Result<Raster, Failure> {
        let mut thumbnail = Self::new((picture.width, picture.height), picture.format())?;
        (0..picture.height).try_for_each(|y| thumbnail.push(picture.row(y)))?;
        Ok(thumbnail.finish())
    }

    /// Takes the next row.
    pub fn push(&mut self, row: Row<'_>) -> Result<(), Failure> {
        let looked_at = self.next.is_multiple_of(self.step);
        self.next += 1;
        if !looked_at {
            return Ok(());
        }
        let channels = self.format.channels();
        match (row, &mut self.thinned) {
            (Row::Eight(from), Samples::Eight(to)) => thin(from, to, channels, self.step as usize),
            (Row::Sixteen(from), Samples::Sixteen(to)) => thin(from, to, channels, self.step as usize),
            _ => return Err(Failure::internal("a row has another depth than its picture")),
        }
        let small = &mut self.small;
        self.resampler.push(self.thinned.as_row(), &mut |row| small.push(row))
    }

    /// The copy, with eight bits a sample.
    pub fn finish(self) -> Raster {
        self.small.finish().into_eight()
    }
}

fn thin<T: Copy>(from: &[T], to: &mut [T], channels: usize, step: usize) {
    for (from, to) in from.chunks_exact(channels).step_by(step).zip(to.chunks_exact_mut(channels)) {
        to.copy_from_slice(from);
    }
}

/// Adds `placeholder` and `dominantColour` of a small grey or RGB picture in sRGB.
pub fn describe(small: &Raster, properties: &mut Properties) {
    properties.insert("placeholder".to_owned(), thumb_hash(small).into());
    if let Some(DominantColour { rgb: [red, green, blue], .. }) = colours_by_box(small).first() {
        properties.insert("dominantColour".to_owned(), format!("#{red:02x}{green:02x}{blue:02x}").into());
    }
}

/// The ThumbHash of a grey or RGB picture in sRGB of at most 100 × 100 pixels, in Base64.
pub fn thumb_hash(small: &Raster) -> String {
    let pixels = rgba(small);
    STANDARD.encode(thumbhash::rgba_to_thumb_hash(small.width as usize, small.height as usize, pixels.as_flattened()))
}

/// A colour that much of a picture has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DominantColour {
    /// Red, green and blue.
    pub rgb: [u8; 3],
    /// Its share of what can be seen of the picture, 0 to 1.
    pub share: f64,
}

/// Colours are counted in 8 × 8 × 8 boxes of this side.
const BOX: i32 = 32;

/// The colours that most of a grey or RGB picture in sRGB has, those of the largest shares first; none of a picture in which
/// nothing can be seen.
pub fn dominant_colours(small: &Raster, most: usize) -> Vec<DominantColour> {
    let mut colours = colours_by_box(small);
    colours.sort_by(|one, other| other.share.total_cmp(&one.share));
    colours.truncate(most);
    colours
}

/// The means of the 512 boxes of colours, those of the fullest first. A colour that is nearer to that of a fuller box than
/// a box is wide counts for it.
fn colours_by_box(small: &Raster) -> Vec<DominantColour> {
    let mut boxes = vec![([0_u64; 3], 0_u64); 512];
    for [red, green, blue, alpha] in rgba(small) {
        let at = usize::from(red >> 5) << 6 | usize::from(green >> 5) << 3 | usize::from(blue >> 5);
        let (sums, weight) = &mut boxes[at];
        for (sum, sample) in sums.iter_mut().zip([red, green, blue]) {
            *sum += u64::from(sample) * u64::from(alpha);
        }
        *weight += u64::from(alpha);
    }
    let total: u64 = boxes.iter().map(|(_, weight)| weight).sum();
    // Of boxes that are equally full, the last one comes first.
    boxes.reverse();
    boxes.sort_by_key(|(_, weight)| Reverse(*weight));
    let mut colours: Vec<DominantColour> = Vec::new();
    for (sums, weight) in boxes.into_iter().filter(|(_, weight)| *weight > 0) {
        let rgb = sums.map(|sum| (sum / weight) as u8);
        let share = weight as f64 / total as f64;
        match colours.iter_mut().find(|colour| is_near(colour.rgb, rgb)) {
            Some(fuller) => fuller.share += share,
            None => colours.push(DominantColour { rgb, share }),
        }
    }
    colours
}

fn is_near(one: [u8; 3], other: [u8; 3]) -> bool {
    let squares = one.iter().zip(other).map(|(one, other)| (i32::from(*one) - i32::from(other)).pow(2));
    squares.sum::<i32>() < BOX * BOX
}

fn rgba(small: &Raster) -> Vec<[u8; 4]> {
    let channels = small.format().channels();
    let pixel = |pixel: &[u8]| {
        let alpha = if small.alpha { pixel[channels - 1] } else { 255 };
        match small.model {
            Model::Grey => [pixel[0], pixel[0], pixel[0], alpha],
            _ => [pixel[0], pixel[1], pixel[2], alpha],
        }
    };
    small.eight().chunks_exact(channels).map(pixel).collect()
}
