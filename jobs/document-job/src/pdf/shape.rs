//! What the blocks of a page are: headings, list items, tables, code, paragraphs.

use std::collections::BTreeMap;

use crate::flow::{Flow, split_list_item};
use crate::output::hyphenated;
use crate::page_text::{Block, BlockKind, Line, PageText};

/// The size of the text that most of the document so far is set in.
#[derive(Default)]
pub(super) struct BodySize(BTreeMap<u32, usize>);

impl BodySize {
    fn add(&mut self, page: &PageText) {
        for word in page.words() {
            *self.0.entry((word.size.clamp(0.0, 1000.0) * 4.0).round() as u32).or_default() += word.text.len();
        }
    }

    fn get(&self) -> f32 {
        let most = self.0.iter().max_by_key(|(_, characters)| **characters);
        most.map_or(10.0, |(quarters, _)| *quarters as f32 / 4.0)
    }
}

/// Names the kinds of a page's blocks.
pub(super) fn name_blocks(page: &mut PageText, body_size: &mut BodySize) {
    body_size.add(page);
    let body = body_size.get();
    for block in &mut page.blocks {
        block.kind = kind(block, body);
    }
}

fn kind(block: &Block, body: f32) -> BlockKind {
    let rows = block.lines.iter().map(|line| line.row).collect::<std::collections::BTreeSet<_>>().len();
    if rows < block.lines.len() && rows >= 2 {
        return BlockKind::Table;
    }
    let words: Vec<_> = block.lines.iter().flat_map(|line| &line.words).collect();
    if words.is_empty() {
        return BlockKind::Paragraph;
    }
    if words.iter().all(|word| word.is_monospace) && block.lines.len() > 1 {
        return BlockKind::Code;
    }
    let size = words.iter().map(|word| word.size).fold(0.0, f32::max);
    let is_bold = words.iter().all(|word| word.is_bold);
    let text = block.lines[0].text();
    let is_short = block.lines.len() <= 3 && words.len() <= 30 && text.chars().any(char::is_alphabetic);
    if is_short
        && (size > body * 1.15 || (is_bold && block.lines.len() == 1 && size >= body * 0.95))
        && !text.ends_with([',', ';'])
    {
        let ratio = size / body;
        return BlockKind::Heading(if ratio > 1.7 {
            1
        } else if ratio > 1.3 {
            2
        } else {
            3
        });
    }
    if split_list_item(&text).is_some() {
        return BlockKind::ListItem;
    }
    BlockKind::Paragraph
}

/// A page's blocks as they flow.
pub(super) fn flows(page: &PageText) -> Vec<Flow> {
    let mut flows = Vec::new();
    for block in &page.blocks {
        match block.kind {
            BlockKind::Heading(level) => flows.push(Flow::Heading { level, text: joined(&block.lines) }),
            BlockKind::Table => flows.push(Flow::Table { rows: rows(block) }),
            BlockKind::Code => {
                let text = block.lines.iter().map(Line::text).collect::<Vec<_>>().join("\n");
                flows.push(Flow::Code { text });
            }
            BlockKind::ListItem | BlockKind::Paragraph => {
                // A block may hold several items.
                let mut from = 0;
                for at in 1..=block.lines.len() {
                    let begins_item = block.lines.get(at).is_none_or(|line| split_list_item(&line.text()).is_some());
                    if begins_item {
                        let text = joined(&block.lines[from..at]);
                        flows.push(match split_list_item(&text) {
                            Some(_) => Flow::ListItem { text },
                            None => Flow::Paragraph { text },
                        });
                        from = at;
                    }
                }
            }
        }
    }
    flows
}

/// Lines as one, words that were parted at their ends whole.
fn joined(lines: &[Line]) -> String {
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        let content = line.text();
        let next = lines.get(at + 1).map(Line::text);
        match next {
            None => text.push_str(&content),
            Some(next) => {
                let begun = hyphenated(&content, &next);
                let ends_whole = begun.is_none();
                text.push_str(&begun.unwrap_or(content));
                if ends_whole {
                    text.push(' ');
                }
            }
        }
    }
    text
}

fn rows(block: &Block) -> Vec<Vec<String>> {
    let mut rows: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for line in &block.lines {
        let row = rows.entry(line.row).or_default();
        while row.len() < line.column {
            row.push(String::new());
        }
        match row.get_mut(line.column).filter(|_| line.column > 0) {
            Some(cell) => {
                cell.push(' ');
                cell.push_str(&line.text());
            }
            None => row.push(line.text()),
        }
    }
    rows.into_values().collect()
}
