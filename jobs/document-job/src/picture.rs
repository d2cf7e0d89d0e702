//! Pictures as documents: scans, photographed pages, TIFFs of many pages.

use catalog::operations::Text;
use contract::{Failure, FailureKind};
use operation::{Input, Task};
use pixels::decode::{self, Picture, ReadOptions};
use pixels::exif;
use pixels::raster::Raster;
use pixels::small_copy::small_copy;

use crate::output::{Ending, PartKind, Sink};
use crate::page_text::{Method, PageText};
use crate::pdf::shape::{self, BodySize};
use crate::reading::Reading;

/// Pixels of a picture, as many as other operations on images take.
const MOST_PIXELS: u64 = 268_000_000;
/// Pixels that are read: a page of A4 at 500 dots per inch. What has more is made smaller while it is decoded.
const READ_PIXELS: f64 = 24e6;
/// Points of an inch.
const POINTS: f64 = 72.0;

/// Reads the text of a picture, page by page.
pub(crate) fn text<S: Sink>(
    options: &Text,
    task: &Task,
    sink: impl FnOnce(PartKind) -> Result<S, Failure>,
) -> Result<S::Done, Failure> {
    let reading = Reading::of(options, task)?;
    let first = open(&task.input, 1)?;
    let pages = first.pages.max(1) as usize;
    let more_frames = first.more_frames;
    let wanted: Vec<usize> = (1..=pages)
        .filter(|page| options.pages.as_ref().is_none_or(|ranges| ranges.contains(*page as u32)))
        .take(options.max_pages as usize)
        .collect();
    if wanted.is_empty() {
        return Err(Failure::invalid_request(format!("the picture has {pages} pages, and none of those asked for")));
    }
    let mut opened = Some(first).filter(|_| wanted[0] == 1);
    let mut output = sink(PartKind::Page)?;
    let mut warnings = Vec::new();
    let mut body_size = BodySize::default();
    for (at, number) in wanted.iter().copied().enumerate() {
        let picture = opened.take().map_or_else(|| open(&task.input, number as u32), Ok);
        let read = picture.and_then(|picture| page(picture, number, &reading, &mut warnings));
        let mut text = match read {
            // A page that cannot be decoded does not take the others with it.
            Err(failure) if failure.kind() == FailureKind::InvalidInput && wanted.len() > 1 => {
                warnings.push(format!("page {number} could not be read: {failure}"));
                PageText { number, is_partial: true, method: Method::OcrNeeded, ..PageText::default() }
            }
            read => read?,
        };
        shape::name_blocks(&mut text, &mut body_size, false);
        output.page(&text, &shape::flows(&text, &[]), &[])?;
        task.progress.report((at + 1) as f64 / wanted.len() as f64);
    }
    if more_frames {
        warnings.push("only the first picture of the animation was read".to_owned());
    }
    if let Reading::NotInstalled(reason) = &reading {
        warnings.push(format!("text in pictures was not read: {reason}"));
    }
    output.finish(&Ending { total: pages, warnings, ..Ending::default() })
}

fn open(input: &Input, page: u32) -> Result<Picture, Failure> {
    let page = (page > 1).then_some(page);
    decode::open(input, &ReadOptions { first_frame: true, allow_truncated: true, page, max_pixels: MOST_PIXELS })
}

fn page(
    picture: Picture,
    number: usize,
    reading: &Reading<'_>,
    warnings: &mut Vec<String>,
) -> Result<PageText, Failure> {
    let (width, height) = points(&picture);
    let Reading::By(reader) = reading else {
        return Ok(PageText { number, width, height, method: Method::OcrNeeded, ..PageText::default() });
    };
    let (raster, truncated) = raster(picture)?;
    let mut text = reader.page(&raster, number, (width, height))?;
    if truncated {
        text.is_partial = true;
        warnings.push(format!("page {number} is truncated; what is there of it was read"));
    }
    Ok(text)
}

/// The upright picture in sRGB, small enough to be held, and whether rows of it are missing.
pub(crate) fn raster(picture: Picture) -> Result<(Raster, bool), Failure> {
    let (width, height) = picture.size;
    let share = (READ_PIXELS / (f64::from(width) * f64::from(height))).sqrt().min(1.0);
    let longest = (f64::from(width.max(height)) * share).ceil().max(1.0);
    let copy = small_copy(picture, longest as u32)?;
    Ok((copy.raster, copy.truncated))
}

/// Width and height in points, as the picture says how large it is to be printed; else a pixel is a point.
fn points(picture: &Picture) -> (f32, f32) {
    let (width, height) = picture.size;
    let density = picture.metadata.density.or_else(|| exif::density(picture.metadata.exif.as_ref()?));
    let (across, down) = density.map_or((POINTS, POINTS), |density| (density.across, density.down));
    let size = (f64::from(width) * POINTS / across, f64::from(height) * POINTS / down);
    let (width, height) = if picture.orientation.transposed { (size.1, size.0) } else { size };
    (width as f32, height as f32)
}
