//! `text`: the text of a document in reading order, as plain text, as JSON with places, and as Markdown.
//!
//! ```text
//! document-job text report.pdf results/        → text.txt, text.json, text.md
//! ```

use catalog::{Format, operations::Text};
use contract::{Failure, Properties};
use operation::Task;

use crate::output::Output;
use crate::{office, pdf};

/// Extracts the text. The properties say how many pages there are, how many words, and which pages need OCR.
pub fn text(options: &Text, task: &Task) -> Result<Properties, Failure> {
    if task.input.size() == 0 {
        return Err(Failure::invalid_input("the file is empty"));
    }
    let output = |part| Output::create(options, task, part);
    match task.input.format() {
        Format::Pdf => pdf::text(options, task, output),
        _ => office::text(options, task, output),
    }
}
