//! `text`: the text of a document or a picture in reading order, as plain text, as JSON with places, and as Markdown.
//!
//! ```text
//! document-job text report.pdf results/        → text.txt, text.json, text.md
//! ```

use catalog::operations::Text;
use catalog::{Format, MediaKind};
use contract::{Failure, Properties};
use operation::{Input, Task, Weights};

use crate::output::Output;
use crate::{office, pdf, picture, reading};

/// Opens the library that text in pictures is read by, if it is there.
pub fn prepare(options: &Text, weights: &Weights) -> Result<(), Failure> {
    reading::prepare(options, weights)
}

/// Whether the input may hold what that library reads.
pub fn may_read_pictures(_: &Text, input: &Input) -> bool {
    reading::may_hold_pictures(input)
}

/// Extracts the text. The properties say how many pages there are, how many words, and which pages need OCR.
pub fn text(options: &Text, task: &Task) -> Result<Properties, Failure> {
    if task.input.size() == 0 {
        return Err(Failure::invalid_input("the file is empty"));
    }
    let output = |part| Output::create(options, task, part);
    match task.input.format() {
        Format::Pdf => pdf::text(options, task, output),
        format if format.kind() == MediaKind::Image => picture::text(options, task, output),
        _ => office::text(options, task, output),
    }
}
