//! What every kind of document becomes before it is written out: pages of blocks, lines and words.

use serde::Serialize;

use crate::document::Note;
use crate::flow::Span;
use crate::pdf::tags::Role;

/// Left, top, right, bottom in points from the page's upper left corner as it is shown.
pub(crate) type Bounds = [f32; 4];

/// The smallest bounds around both.
pub(crate) fn union(one: Bounds, other: Bounds) -> Bounds {
    [one[0].min(other[0]), one[1].min(other[1]), one[2].max(other[2]), one[3].max(other[3])]
}

/// One page.
#[derive(Debug, Clone, Default)]
pub(crate) struct PageText {
    pub(crate) number: usize,
    pub(crate) width: f32,
    pub(crate) height: f32,
    /// Clockwise degrees by which the page is turned for showing.
    pub(crate) rotation: u16,
    pub(crate) method: Method,
    /// The share of glyphs whose meaning is known; of text that was read in a picture, the mean of its lines' confidence.
    pub(crate) confidence: f32,
    /// A limit was reached, or something could not be read: there may be more text than this.
    pub(crate) is_partial: bool,
    pub(crate) blocks: Vec<Block>,
    /// What readers wrote to the page.
    pub(crate) notes: Vec<Note>,
}

/// How a page's text was had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    /// The page holds its text.
    Digital,
    /// The text was read in the page's picture.
    Ocr,
    /// There is something on the page, and none of it is text.
    OcrNeeded,
    /// Nothing is on the page.
    #[default]
    Empty,
}

/// Lines that belong together.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) kind: BlockKind,
    pub(crate) bounds: Bounds,
    pub(crate) lines: Vec<Line>,
    /// Of a table: cells over several rows or columns.
    pub(crate) spans: Vec<Span>,
    /// What the document itself says that it is.
    pub(crate) role: Role,
    /// The same number for all blocks of one element of the document's structure; 0 of none.
    pub(crate) element: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BlockKind {
    Paragraph,
    /// 1 to 6.
    Heading(u8),
    ListItem,
    /// The lines of a row share its number.
    Table,
    /// Lines as they stand.
    Code,
    /// A running head or foot, a page number.
    Header,
    Footer,
}

#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) bounds: Bounds,
    pub(crate) words: Vec<Word>,
    /// Lines of the same row stand beside each other.
    pub(crate) row: usize,
    /// Of a table's cell.
    pub(crate) column: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) bounds: Bounds,
    pub(crate) size: f32,
    pub(crate) is_bold: bool,
    pub(crate) is_italic: bool,
    pub(crate) is_monospace: bool,
    /// A space stands between this word and the one before it in its line.
    pub(crate) has_space_before: bool,
    /// How sure the reader is of a word that it read in a picture.
    pub(crate) confidence: Option<f32>,
}

impl Line {
    /// The words, with spaces where there are some.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (at, word) in self.words.iter().enumerate() {
            if at > 0 && word.has_space_before {
                text.push(' ');
            }
            text.push_str(&word.text);
        }
        text
    }
}

impl PageText {
    pub(crate) fn words(&self) -> impl Iterator<Item = &Word> {
        self.blocks.iter().flat_map(|block| &block.lines).flat_map(|line| &line.words)
    }
}
