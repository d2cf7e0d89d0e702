//! What is known of a document beside its text.

use std::collections::BTreeMap;

/// What the parts of a document are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// Pages, or text that flows.
    #[default]
    Page,
    /// Sheets of a spreadsheet.
    Sheet,
    /// Slides.
    Slide,
    /// Chapters of a book.
    Chapter,
    /// The message of an e-mail.
    Message,
}

/// What is known of a document beside its text.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// What its parts are.
    pub part: Part,
    /// Width and height in points of the pages that have a size.
    pub sizes: BTreeMap<u32, (f32, f32)>,
    /// Fields of an interactive form.
    pub fields: usize,
    /// Its pages, also those that were not read.
    pub pages: usize,
}
