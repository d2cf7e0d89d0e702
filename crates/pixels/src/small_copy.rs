//! A copy of a picture that is small enough to be looked at as a whole, by the way that results of `resize` go: scaled while
//! it is decoded if the format can do that, and resampled row by row.

use catalog::operations::Filter;
use catalog::operations::image_encoding::Colour;
use contract::Failure;

use crate::colour::ColourConversion;
use crate::decode::{Content, Picture};
use crate::raster::{Raster, RasterBuilder, RowSource, Samples};
use crate::resample::{Region, Resampler};

/// A small copy of a picture.
pub struct SmallCopy {
    /// The picture (of an animation the first frame): upright, grey or RGB in sRGB, eight bits a sample.
    pub raster: Raster,
    /// Whether rows had to be made up because the input ends early.
    pub truncated: bool,
}

/// Makes a copy whose longer side has at most that many pixels.
pub fn small_copy(picture: Picture, longest: u32) -> Result<SmallCopy, Failure> {
    let Picture { format, profile, orientation, content, .. } = picture;
    let (raster, truncated) = match content {
        Content::Still(mut rows) => {
            let raster = resampled_rows(rows.as_mut(), longest)?;
            (raster, rows.truncated())
        }
        Content::Animation { mut frames, .. } => {
            let frame = frames.next()?.ok_or_else(|| Failure::invalid_input("the animation has no frames"))?.raster;
            let size = (frame.width, frame.height);
            let small = within(size, longest);
            let resampler = Resampler::new(frame.format(), size, Region::whole(size), small, Filter::Lanczos3)?;
            (resampler.run(&frame)?, frames.truncated())
        }
    };
    let conversion = ColourConversion::new(format.model, &profile, Colour::Srgb);
    Ok(SmallCopy { raster: conversion.apply(orientation.apply(raster))?.into_eight(), truncated })
}

fn resampled_rows(rows: &mut dyn RowSource, longest: u32) -> Result<Raster, Failure> {
    let small = within(rows.size(), longest);
    let (width, height) = rows.size();
    // Twice what is wanted, so that the kernel decides and not the decoder's scaling.
    rows.shrink((width.min(small.0.saturating_mul(2)), height.min(small.1.saturating_mul(2))))?;
    rows.vector_size(small);
    let (size, format) = (rows.size(), rows.format());
    let mut resampler = Resampler::new(format, size, Region::whole(size), small, Filter::Lanczos3)?;
    let mut copy = RasterBuilder::new(small, format)?;
    let mut row = Samples::zeroed(format.depth, size.0 as usize * format.channels())?;
    for _ in 0..size.1 {
        rows.read(row.as_row_mut())?;
        resampler.push(row.as_row(), &mut |row| copy.push(row))?;
    }
    Ok(copy.finish())
}

/// A size of the same shape, no larger than it is, within a square.
fn within((width, height): (u32, u32), side: u32) -> (u32, u32) {
    let longest = u64::from(width.max(height).max(1));
    if longest <= u64::from(side) {
        return (width, height);
    }
    let scaled = |length: u32| ((u64::from(length) * u64::from(side) + longest / 2) / longest).max(1) as u32;
    (scaled(width), scaled(height))
}
