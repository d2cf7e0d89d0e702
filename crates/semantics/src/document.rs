//! A document's text as it is analysed: blocks in reading order, each with the places of its words where the format has places.

use std::ops::Range;

/// Left, top, right, bottom in points from the page's upper left corner.
pub type Bounds = [f32; 4];

/// The text of a document, in reading order.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// Its parts: paragraphs, headings, tables.
    pub blocks: Vec<Block>,
}

/// Lines that belong together.
#[derive(Debug, Clone)]
pub struct Block {
    /// The page, sheet, slide or chapter, from 1.
    pub page: u32,
    /// What it is.
    pub kind: BlockKind,
    /// Its text. Rows of a table and lines of code are parted by line feeds, cells of a row by `" | "`.
    pub text: String,
    /// Where its words are, in the order of the text; empty in formats without places.
    pub words: Vec<Word>,
}

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// 1 to 6.
    Heading(u8),
    /// Running text.
    Paragraph,
    /// An item of a list, with its marker.
    ListItem,
    /// A row a line.
    Table,
    /// Lines as they are written.
    Code,
    /// A running head or foot, which repeats from page to page and is no part of the text that flows.
    Furniture,
    /// A footnote, a comment, what is next to the text.
    Aside,
}

/// A word's place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Word {
    /// The first byte in the block's text.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
    /// The line of the block that it is in: words of a line have one box together.
    pub line: u32,
    /// Where it is on the page.
    pub bounds: Bounds,
}

impl Block {
    /// A block without places.
    pub fn new(page: u32, kind: BlockKind, text: impl Into<String>) -> Self {
        Self { page, kind, text: text.into(), words: Vec::new() }
    }

    /// Whether it is a part of the text that flows.
    pub fn flows(&self) -> bool {
        self.kind != BlockKind::Furniture
    }

    /// Where a part of the text is: a box for each line that it touches.
    pub fn boxes(&self, range: &Range<usize>) -> Vec<Bounds> {
        let from = self.words.partition_point(|word| word.end as usize <= range.start);
        let mut boxes: Vec<(u32, Bounds)> = Vec::new();
        for word in self.words[from..].iter().take_while(|word| (word.start as usize) < range.end) {
            match boxes.last_mut() {
                Some((line, bounds)) if *line == word.line => *bounds = union(*bounds, word.bounds),
                _ => boxes.push((word.line, word.bounds)),
            }
        }
        boxes.into_iter().map(|(_, bounds)| bounds).collect()
    }

    /// The smallest box around a part of the text.
    pub fn bounds(&self, range: &Range<usize>) -> Option<Bounds> {
        self.boxes(range).into_iter().reduce(union)
    }
}

/// The smallest box around both.
pub fn union(one: Bounds, other: Bounds) -> Bounds {
    [one[0].min(other[0]), one[1].min(other[1]), one[2].max(other[2]), one[3].max(other[3])]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_text_has_a_box_for_each_line_that_it_touches() {
        let word = |start, end, line, left: f32, top: f32| Word {
            start,
            end,
            line,
            bounds: [left, top, left + 20.0, top + 10.0],
        };
        let block = Block {
            words: vec![word(0, 3, 0, 10.0, 0.0), word(4, 7, 0, 40.0, 0.0), word(8, 11, 1, 10.0, 12.0)],
            ..Block::new(1, BlockKind::Paragraph, "one two six")
        };
        assert_eq!(block.boxes(&(4..11)), [[40.0, 0.0, 60.0, 10.0], [10.0, 12.0, 30.0, 22.0]]);
        assert_eq!(block.boxes(&(5..6)), [[40.0, 0.0, 60.0, 10.0]]);
        assert_eq!(block.bounds(&(0..11)), Some([10.0, 0.0, 60.0, 22.0]));
        assert_eq!(Block::new(1, BlockKind::Code, "x").bounds(&(0..1)), None);
    }
}
