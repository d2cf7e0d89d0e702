//! `resize`: an image at another size, or at several, in one format or in several, from one decode.
//!
//! `resize?width=800&format=webp` makes `photo.webp` of `photo.jpg`; `resize?widths=320,640&formats=webp,jpeg` makes
//! `photo-320w.webp`, `photo-320w.jpg`, `photo-640w.webp` and `photo-640w.jpg`.

use catalog::operations::image_encoding::ImageFormat;
use catalog::operations::{Fit, Position, Resize};
use contract::{Failure, Properties};
use operation::Task;
use pixels::decode::{self, Content, Picture, ReadOptions};
use pixels::resample::Region;

use crate::focus::anchor;
use crate::render::{Layout, Request, Size, own_format, render};

/// Resizes the image as asked for.
pub fn resize(options: &Resize, task: &Task) -> Result<Properties, Failure> {
    let wanted: Vec<ImageFormat> = options.formats.iter().copied().chain(options.format).collect();
    let picture = decode::open(&task.input, &ReadOptions::new(&options.encoding, &wanted))?;
    let size = picture.orientation.turn_size(picture.size);
    let stem = task.input.stem();
    let sizes = if options.widths.is_empty() {
        vec![Size { name: stem.to_owned(), layout: layout(options, options.width, size) }]
    } else {
        let mut widths = options.widths.clone();
        widths.sort_unstable();
        let size = |width| Size { name: format!("{stem}-{width}w"), layout: layout(options, Some(width), size) };
        widths.into_iter().map(size).collect()
    };
    for Size { layout, .. } in &sizes {
        check_result(layout, options)?;
    }
    let request = Request {
        sizes,
        formats: formats(options, task, &picture),
        filter: options.filter,
        background: options.background,
        encoding: &options.encoding,
    };
    render(picture, &request, task)
}

fn formats(options: &Resize, task: &Task, picture: &Picture) -> Vec<ImageFormat> {
    if !options.formats.is_empty() {
        return options.formats.clone();
    }
    let still = matches!(picture.content, Content::Still(_));
    vec![options.format.unwrap_or_else(|| own_format(task.input.format(), picture.format.alpha, still))]
}

/// The limit on pixels holds for results as well: a wish can be as large as a bomb.
fn check_result(layout: &Layout, options: &Resize) -> Result<(), Failure> {
    let most = u64::from(options.encoding.max_megapixels) * 1_000_000;
    for (width, height) in [layout.size, layout.scaled] {
        if u64::from(width) * u64::from(height) > most {
            return Err(Failure::invalid_request(format!(
                "the result would have {width} × {height} pixels, more than the {} megapixels allowed; \
                 max-megapixels changes the limit",
                options.encoding.max_megapixels
            )));
        }
    }
    Ok(())
}

/// Where the pixels of a result come from, by width, height and fit, for an upright input of that size.
fn layout(options: &Resize, width: Option<u32>, source: (u32, u32)) -> Layout {
    let (source_width, source_height) = (f64::from(source.0), f64::from(source.1));
    let pixels = |length: f64| (length.round().max(1.0)).min(f64::from(u32::MAX)) as u32;
    let whole = Region::whole(source);
    let only_smaller = |scale: f64| if options.without_enlargement { scale.min(1.0) } else { scale };
    let scaled = |scale: f64| {
        let scale = only_smaller(scale);
        (pixels(source_width * scale), pixels(source_height * scale))
    };
    let (width, height) = match (width, options.height) {
        (Some(width), Some(height)) => (width, height),
        (Some(width), None) => {
            let scale = only_smaller(f64::from(width) / source_width);
            let size = (pixels(source_width * scale), pixels(source_height * scale));
            return Layout { region: whole, scaled: size, size, position: None };
        }
        (None, Some(height)) => {
            let scale = only_smaller(f64::from(height) / source_height);
            let size = (pixels(source_width * scale), pixels(source_height * scale));
            return Layout { region: whole, scaled: size, size, position: None };
        }
        // Refused by the options' own check.
        (None, None) => return Layout::unchanged(source),
    };
    let (x_scale, y_scale) = (f64::from(width) / source_width, f64::from(height) / source_height);
    match options.fit {
        Fit::Fill => {
            let size =
                if options.without_enlargement { (width.min(source.0), height.min(source.1)) } else { (width, height) };
            Layout { region: whole, scaled: size, size, position: None }
        }
        Fit::Inside | Fit::Outside => {
            let scale = if options.fit == Fit::Inside { x_scale.min(y_scale) } else { x_scale.max(y_scale) };
            let size = scaled(scale);
            Layout { region: whole, scaled: size, size, position: None }
        }
        Fit::Contain => Layout {
            region: whole,
            scaled: scaled(x_scale.min(y_scale)),
            size: (width, height),
            position: Some(options.position),
        },
        Fit::Cover => {
            let scale = only_smaller(x_scale.max(y_scale));
            let covering = (source_width * scale, source_height * scale);
            let size = (width.min(pixels(covering.0)), height.min(pixels(covering.1)));
            if matches!(options.position, Position::Entropy | Position::Attention) {
                let scaled = (pixels(covering.0).max(size.0), pixels(covering.1).max(size.1));
                return Layout { region: whole, scaled, size, position: Some(options.position) };
            }
            // Only what stays in the picture is resampled.
            let (region_width, region_height) =
                ((f64::from(size.0) / scale).min(source_width), (f64::from(size.1) / scale).min(source_height));
            let (x, y) = anchor(options.position);
            let region = Region {
                x: (source_width - region_width) * x,
                y: (source_height - region_height) * y,
                width: region_width,
                height: region_height,
            };
            Layout { region, scaled: size, size, position: None }
        }
    }
}
