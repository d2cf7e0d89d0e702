//! Chunks for retrieval: parts of a document that fit a network and are about one thing.
//!
//! A heading begins a chunk; the text below it is cut at sentences, rows or lines where it is longer than the limit. A section
//! that is much shorter than the limit shares a chunk with the next one on its level or below, so that no chunk is a heading and
//! three words. Chunks never overlap: whoever wants the neighbours of a chunk finds them by its number.

use std::ops::Range;

use crate::document::{Block, BlockKind, Bounds, Document, union};
use crate::words::{estimated_tokens, sentences};

/// A section below this share of the limit goes on with the next one.
const SHORT: usize = 6;
/// The most boxes of a chunk: one a block, and the rest of a page's together.
const MOST_BOXES: usize = 24;

/// A part of a document.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chunk {
    /// The headings above it, the outermost first; the one that it begins with is the last.
    pub headings: Vec<String>,
    /// Its text. Blocks are parted by line feeds.
    pub text: String,
    /// The page, sheet, slide or chapter that it begins on.
    pub page: u32,
    /// About how many tokens that is ([`estimated_tokens`]).
    pub tokens: usize,
    /// What it is made of: blocks by number, and the bytes of their text.
    pub parts: Vec<(usize, Range<usize>)>,
}

/// Where a chunk is: a page, and a box where the format has places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// From 1.
    pub page: u32,
    /// On that page.
    pub bounds: Option<Bounds>,
}

impl Chunk {
    /// Where its blocks are, in the order of the text.
    pub fn places(&self, document: &Document) -> Vec<Place> {
        let mut places: Vec<Place> = Vec::new();
        for (at, range) in &self.parts {
            let block = &document.blocks[*at];
            let place = Place { page: block.page, bounds: block.bounds(range) };
            let is_full = places.len() >= MOST_BOXES;
            match places.last_mut() {
                Some(last) if last.page == place.page && (last.bounds.is_none() || is_full) => {
                    last.bounds = match (last.bounds, place.bounds) {
                        (Some(one), Some(other)) => Some(union(one, other)),
                        (one, other) => one.or(other),
                    };
                }
                _ => places.push(place),
            }
        }
        places
    }

    /// The text as a network is to read it: below the heading that it belongs to.
    pub fn text_in_context(&self) -> String {
        match self.headings.last() {
            Some(heading) if !self.text.starts_with(heading.as_str()) => format!("{heading}\n{}", self.text),
            _ => self.text.clone(),
        }
    }
}

/// Cuts a document into chunks of at most about that many tokens.
pub fn chunks(document: &Document, most_tokens: usize) -> Vec<Chunk> {
    let mut chunker = Chunker { most_tokens: most_tokens.max(16), ..Chunker::default() };
    for (at, block) in document.blocks.iter().enumerate().filter(|(_, block)| block.flows()) {
        if block.text.trim().is_empty() {
            continue;
        }
        match block.kind {
            BlockKind::Heading(level) => chunker.heading(at, level, block),
            _ => chunker.body(at, block),
        }
    }
    chunker.end();
    chunker.done
}

#[derive(Default)]
struct Chunker {
    most_tokens: usize,
    done: Vec<Chunk>,
    open: Chunk,
    /// Whether the open chunk has more than headings.
    has_body: bool,
    /// The level of the first heading of the open chunk.
    level: Option<u8>,
    path: Vec<(u8, String)>,
}

impl Chunker {
    fn heading(&mut self, at: usize, level: u8, block: &Block) {
        let text = block.text.as_str();
        let is_short = self.open.tokens * SHORT < self.most_tokens;
        let is_below = self.level.is_none_or(|open| level >= open);
        if self.has_body && !(is_short && is_below) {
            self.end();
        }
        self.path.retain(|(above, _)| *above < level);
        let title = text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.path.push((level, title));
        if !self.has_body {
            self.open.headings = self.headings();
            self.level = Some(self.level.map_or(level, |open| open.min(level)));
        }
        let range = trimmed(text);
        let tokens = estimated_tokens(&text[range.clone()]);
        // A heading as long as a chunk is text.
        self.push(at, block, range, tokens);
    }

    fn body(&mut self, at: usize, block: &Block) {
        for unit in units(block) {
            let tokens = estimated_tokens(&block.text[unit.clone()]);
            if self.has_body && self.open.tokens + tokens > self.most_tokens {
                self.end();
            }
            if tokens <= self.most_tokens {
                self.push(at, block, unit, tokens);
            } else {
                for part in cut(&block.text, &unit, self.most_tokens) {
                    let tokens = estimated_tokens(&block.text[part.clone()]);
                    if self.has_body && self.open.tokens + tokens > self.most_tokens {
                        self.end();
                    }
                    self.push(at, block, part, tokens);
                    self.has_body = true;
                }
            }
            self.has_body = true;
        }
    }

    fn push(&mut self, at: usize, block: &Block, range: Range<usize>, tokens: usize) {
        let text = block.text.as_str();
        if self.open.parts.is_empty() {
            self.open.page = block.page;
        }
        self.open.tokens += tokens;
        match self.open.parts.last_mut() {
            // What is between two parts of a block belongs to it: the space of sentences, the line feed of rows.
            Some((last, before)) if *last == at => {
                self.open.text.push_str(&text[before.end..range.end]);
                before.end = range.end;
            }
            _ => {
                if !self.open.text.is_empty() {
                    self.open.text.push('\n');
                }
                self.open.text.push_str(&text[range.clone()]);
                self.open.parts.push((at, range));
            }
        }
    }

    fn end(&mut self) {
        let chunk = std::mem::take(&mut self.open);
        if !chunk.parts.is_empty() {
            self.done.push(chunk);
        }
        self.open.headings = self.headings();
        self.has_body = false;
        self.level = None;
    }

    fn headings(&self) -> Vec<String> {
        self.path.iter().map(|(_, title)| title.clone()).collect()
    }
}

/// What a block is not cut within, if that fits: sentences, rows, lines of code.
fn units(block: &Block) -> Vec<Range<usize>> {
    match block.kind {
        BlockKind::Table | BlockKind::Code => {
            let mut at = 0;
            let lines = block.text.split_inclusive('\n').map(|line| {
                let range = at..at + line.trim_end().len();
                at += line.len();
                range
            });
            lines.filter(|range| !block.text[range.clone()].trim().is_empty()).collect()
        }
        _ => sentences(&block.text),
    }
}

/// Cuts what is longer than a chunk at spaces; a word that is longer, between its letters.
fn cut(text: &str, range: &Range<usize>, most_tokens: usize) -> Vec<Range<usize>> {
    // No sign is more than two tokens.
    let most = most_tokens.max(2);
    let mut parts = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let mut end = start;
        let mut tokens = 0;
        for word in text[start..range.end].split_inclusive(char::is_whitespace) {
            let more = estimated_tokens(word);
            if tokens + more > most {
                break;
            }
            tokens += more;
            end += word.len();
        }
        if end == start {
            let letters = text[start..range.end].char_indices().nth(most).map_or(range.end - start, |(at, _)| at);
            end = start + letters;
        }
        let part = trimmed(&text[start..end]);
        if !part.is_empty() {
            parts.push(start + part.start..start + part.end);
        }
        start = end;
    }
    parts
}

fn trimmed(text: &str) -> Range<usize> {
    let start = text.len() - text.trim_start().len();
    start..(start + text.trim().len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn heading(level: u8, text: &str) -> Block {
        Block::new(1, BlockKind::Heading(level), text)
    }

    fn paragraph(page: u32, text: &str) -> Block {
        Block::new(page, BlockKind::Paragraph, text)
    }

    fn long(sentence: &str, times: usize) -> String {
        vec![sentence; times].join(" ")
    }

    #[test]
    fn headings_begin_chunks_and_are_the_path_above_them() {
        let text = long("Sand and gravel are dredged from the harbour each spring.", 8);
        let document = Document {
            blocks: vec![
                heading(1, "Harbour"),
                heading(2, "Dredging"),
                paragraph(1, &text),
                heading(2, "Costs"),
                paragraph(2, &text),
                Block::new(2, BlockKind::Furniture, "Page 2 of 9"),
            ],
        };
        let chunks = chunks(&document, 300);
        assert_eq!(chunks.len(), 2);
        assert_eq!(chunks[0].headings, ["Harbour", "Dredging"]);
        assert_eq!(chunks[1].headings, ["Harbour", "Costs"]);
        assert!(chunks[0].text.starts_with("Harbour\nDredging\nSand"));
        assert!(!chunks[1].text.contains("Page 2"));
        assert_eq!(chunks[1].places(&document).iter().map(|place| place.page).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn long_sections_are_cut_at_sentences_and_keep_their_heading() {
        let text = long("Sand and gravel are dredged from the harbour each spring.", 40);
        let document = Document { blocks: vec![heading(1, "Dredging"), paragraph(1, &text)] };
        let chunks = chunks(&document, 100);
        assert!(chunks.len() > 4);
        for chunk in &chunks {
            assert!(chunk.tokens <= 100 && chunk.text.ends_with("spring."), "{chunk:?}");
            assert_eq!(chunk.headings, ["Dredging"]);
            assert!(chunk.text_in_context().starts_with("Dredging\n"));
        }
    }

    #[test]
    fn short_sections_share_a_chunk_unless_the_next_is_above_them() {
        let document = Document {
            blocks: vec![
                heading(2, "Opening hours"),
                paragraph(1, "From nine to five."),
                heading(2, "Closed"),
                paragraph(1, "On Sundays."),
                heading(1, "Prices"),
                paragraph(1, "Two crowns."),
            ],
        };
        let chunks = chunks(&document, 300);
        let texts: Vec<&str> = chunks.iter().map(|chunk| chunk.text.as_str()).collect();
        assert_eq!(texts, ["Opening hours\nFrom nine to five.\nClosed\nOn Sundays.", "Prices\nTwo crowns."]);
    }

    #[test]
    fn rows_of_tables_stay_whole() {
        let rows: Vec<String> = (0..60).map(|row| format!("Harbour {row} | {row},120 t")).collect();
        let document = Document { blocks: vec![Block::new(1, BlockKind::Table, rows.join("\n"))] };
        let chunks = chunks(&document, 64);
        assert!(chunks.len() > 3);
        assert!(
            chunks
                .iter()
                .all(|chunk| chunk.text.lines().all(|line| line.starts_with("Harbour ") && line.ends_with(" t")))
        );
    }

    proptest! {
        #[test]
        fn every_letter_is_in_one_chunk_and_none_is_longer_than_the_limit(
            texts in prop::collection::vec("[\\PC\n]{0,200}", 0..8), limit in 16_usize..100,
        ) {
            let document = Document { blocks: texts.iter().map(|text| paragraph(1, text)).collect() };
            let chunks = chunks(&document, limit);
            let letters = |text: &str| text.chars().filter(|char| !char.is_whitespace()).collect::<String>();
            let all: String = texts.iter().map(|text| letters(text)).collect();
            prop_assert_eq!(chunks.iter().map(|chunk| letters(&chunk.text)).collect::<String>(), all);
            for chunk in &chunks {
                prop_assert!(chunk.tokens <= limit * 2, "{} {:?}", chunk.tokens, chunk.text);
            }
        }
    }
}
