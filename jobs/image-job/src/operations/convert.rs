//! `convert`: an image in another format, at its own size.
//!
//! `convert?format=avif` makes `photo.avif` of `photo.jpg`.

use catalog::operations::{Convert, Filter};
use contract::{Failure, Properties};
use operation::Task;
use pixels::decode::{self, ReadOptions};

use crate::render::{Layout, Request, Size, render};

/// Writes the image in the format asked for.
pub fn convert(options: &Convert, task: &Task) -> Result<Properties, Failure> {
    let picture = decode::open(&task.input, &ReadOptions::new(&options.encoding, &[options.format]))?;
    let size = picture.orientation.turn_size(picture.size);
    let request = Request {
        sizes: vec![Size { name: task.input.stem().to_owned(), layout: Layout::unchanged(size) }],
        formats: vec![options.format],
        filter: Filter::Lanczos3,
        background: options.background,
        encoding: &options.encoding,
    };
    render(picture, &request, task)
}
