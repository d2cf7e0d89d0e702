//! What the blocks of a page are: headings, list items, tables, code, paragraphs.

use std::collections::BTreeMap;

use std::sync::Arc;

use super::tags::Role;
use crate::document::Link;
use crate::flow::{AsideKind, Flow, Table, is_bullet, split_list_item};
use crate::output::{flows_of_notes, hyphenated, indentation};
use crate::page_text::{Block, BlockKind, Line, PageText, Word, union};
use crate::rich::{Rich, Style};

/// The size of the text that most of the document so far is set in.
#[derive(Default)]
pub(crate) struct BodySize(BTreeMap<u32, usize>);

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

/// Names the kinds of a page's blocks. Where the document is tagged and has headings, what is not said to be one is none.
pub(crate) fn name_blocks(page: &mut PageText, body_size: &mut BodySize, has_tagged_headings: bool) {
    body_size.add(page);
    let body = body_size.get();
    let height = page.height;
    for block in &mut page.blocks {
        block.kind = match (block.role, kind(block, body)) {
            (Role::Heading(level), _) => BlockKind::Heading(level.clamp(1, 6)),
            (Role::Artifact, kind) => at_edge(block, height).unwrap_or(kind),
            (Role::Paragraph | Role::Cell, BlockKind::Heading(_)) if has_tagged_headings => BlockKind::Paragraph,
            // A label far from its text is no column of a table.
            (Role::ListItem(_), _) if block.kind != BlockKind::Table => BlockKind::ListItem,
            (Role::Code, BlockKind::Paragraph | BlockKind::Heading(_)) => BlockKind::Code,
            (_, kind) => kind,
        };
    }
    // The lines of one heading, however far they are apart.
    let mut merged: Vec<Block> = Vec::with_capacity(page.blocks.len());
    for mut block in std::mem::take(&mut page.blocks) {
        match merged.last_mut() {
            Some(last)
                if block.element != 0
                    && last.element == block.element
                    && matches!((last.kind, block.kind), (BlockKind::Heading(_), BlockKind::Heading(_))) =>
            {
                let rows = last.lines.iter().map(|line| line.row + 1).max().unwrap_or(0);
                block.lines.iter_mut().for_each(|line| line.row += rows);
                last.lines.append(&mut block.lines);
                last.bounds = union(last.bounds, block.bounds);
            }
            _ => merged.push(block),
        }
    }
    page.blocks = merged;
}

/// Whether a block stands at the upper or lower edge of the page.
fn at_edge(block: &Block, height: f32) -> Option<BlockKind> {
    const EDGE: f32 = 0.15;
    if block.bounds[3] < height * EDGE {
        Some(BlockKind::Header)
    } else if block.bounds[1] > height * (1.0 - EDGE) {
        Some(BlockKind::Footer)
    } else {
        None
    }
}

/// What stands at the same edge of pages beside each other and says the same but for its numbers: running heads and feet,
/// page numbers.
pub(super) fn name_furniture(pages: &mut [PageText], at: usize) {
    /// By how much places may differ, in points.
    const NEAR: f32 = 6.0;
    let Some(page) = pages.get(at) else { return };
    let others = |page: &PageText| -> Vec<(String, f32)> {
        page.blocks
            .iter()
            .filter(|block| at_edge(block, page.height).is_some())
            .map(|block| (pattern(block), block.bounds[1]))
            .collect()
    };
    let known: Vec<(String, f32)> = pages
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != at && other.abs_diff(at) <= 2)
        .flat_map(|(_, other)| others(other))
        .collect();
    if known.is_empty() {
        return;
    }
    let kinds: Vec<Option<BlockKind>> = page
        .blocks
        .iter()
        .map(|block| {
            let edge =
                at_edge(block, page.height).filter(|_| block.lines.len() <= 4 && block.kind != BlockKind::Table)?;
            // Nothing of the text stands beyond it.
            let is_outermost = page.blocks.iter().all(|other| {
                std::ptr::eq(other, block)
                    || at_edge(other, page.height) == Some(edge)
                    || match edge {
                        BlockKind::Header => other.bounds[1] > block.bounds[1],
                        _ => other.bounds[3] < block.bounds[3],
                    }
            });
            let own = pattern(block);
            let is_repeated = known.iter().any(|(other, top)| *other == own && (top - block.bounds[1]).abs() < NEAR);
            (is_outermost && is_repeated && !own.is_empty()).then_some(edge)
        })
        .collect();
    for (block, kind) in pages[at].blocks.iter_mut().zip(kinds) {
        block.kind = kind.unwrap_or(block.kind);
    }
}

/// The text of a block with a sign in the place of each number.
fn pattern(block: &Block) -> String {
    let text: String = block.lines.iter().map(Line::text).collect::<Vec<_>>().join(" ");
    let is_roman = !text.is_empty() && text.len() <= 8 && text.bytes().all(|byte| b"ivxlcdm".contains(&byte));
    if is_roman {
        return "#".to_owned();
    }
    let mut pattern = String::with_capacity(text.len());
    for char in text.chars() {
        if !char.is_ascii_digit() {
            pattern.push(char);
        } else if !pattern.ends_with('#') {
            pattern.push('#');
        }
    }
    pattern
}

fn kind(block: &Block, body: f32) -> BlockKind {
    if block.kind == BlockKind::Table {
        return BlockKind::Table;
    }
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
    // A sign of a list is no word of a heading; a number may be.
    if words[0].text.chars().all(is_bullet) && split_list_item(&block.lines[0].text()).is_some() {
        return BlockKind::ListItem;
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
pub(crate) fn flows(page: &PageText, links: &[Link]) -> Vec<Flow> {
    let mut flows = Vec::new();
    let mut levels = Levels::default();
    let mut element = 0;
    for block in &page.blocks {
        if !matches!(block.kind, BlockKind::ListItem | BlockKind::Paragraph | BlockKind::Header | BlockKind::Footer) {
            levels = Levels::default();
        }
        // Further paragraphs of a tagged item.
        if let (Role::ListItem(_), BlockKind::ListItem, Some(Flow::ListItem { text, .. })) =
            (block.role, block.kind, flows.last_mut())
            && block.element != 0
            && block.element == element
        {
            text.push_plain('\n');
            text.append(joined(&block.lines, links));
            continue;
        }
        element = block.element;
        match block.kind {
            BlockKind::Heading(level) => flows.push(Flow::Heading { level, text: joined(&block.lines, links) }),
            BlockKind::Table => flows.push(Flow::Table(Table { rows: rows(block, links), spans: block.spans.clone() })),
            BlockKind::Code => {
                let lines = block.lines.iter().map(|line| indentation(block, line) + &line.text());
                flows.push(Flow::Code { text: lines.collect::<Vec<_>>().join("\n") });
            }
            BlockKind::Header => {
                flows.push(Flow::Aside { kind: AsideKind::Header, text: joined(&block.lines, links) });
            }
            BlockKind::Footer => {
                flows.push(Flow::Aside { kind: AsideKind::Footer, text: joined(&block.lines, links) });
            }
            BlockKind::Paragraph if is_contents(block) => {
                // Each line is an entry of its own.
                let mut text = Rich::default();
                for (at, line) in block.lines.iter().enumerate() {
                    if at > 0 {
                        text.push_plain('\n');
                    }
                    push_line(&mut text, line, None, links);
                }
                flows.push(Flow::Paragraph { text });
            }
            BlockKind::ListItem | BlockKind::Paragraph => {
                // A block may hold several items.
                let mut from = 0;
                for at in 1..=block.lines.len() {
                    let begins_item = block.lines.get(at).is_none_or(|line| split_list_item(&line.text()).is_some());
                    if begins_item {
                        let text = joined(&block.lines[from..at], links);
                        let tagged = match block.role {
                            Role::ListItem(level) if from == 0 => Some(level),
                            _ => None,
                        };
                        let split = split_list_item(text.text())
                            .or_else(|| split_label(text.text()).filter(|_| tagged.is_some()));
                        let split = split.map(|(marker, rest)| (marker, text.text().len() - rest.len()));
                        let left = block.lines[from].bounds[0];
                        let size = block.lines[from].words.first().map_or(10.0, |word| word.size);
                        flows.push(match (split, tagged) {
                            (Some((marker, length)), tagged) => {
                                let level = tagged.unwrap_or_else(|| levels.of(left, size));
                                Flow::ListItem { level, marker, text: text.without_start(length) }
                            }
                            (None, Some(level)) => Flow::ListItem { level, marker: None, text },
                            (None, None) => {
                                levels = Levels::default();
                                Flow::Paragraph { text }
                            }
                        });
                        from = at;
                    }
                }
            }
        }
    }
    flows.extend(flows_of_notes(&page.notes));
    flows
}

/// The levels of items that follow each other, by where their signs stand.
#[derive(Default)]
struct Levels(Vec<f32>);

impl Levels {
    /// Items further to the right than the one before, but no column further, are below it.
    fn of(&mut self, left: f32, size: f32) -> u8 {
        const MAX: usize = 8;
        while self.0.last().is_some_and(|last| left < last - size * 0.5) {
            self.0.pop();
        }
        match self.0.last() {
            Some(last) if left < last + size * 0.5 => {}
            Some(last) if left > last + size * 6.0 => self.0 = vec![left],
            _ if self.0.len() >= MAX => {}
            _ => self.0.push(left),
        }
        (self.0.len() - 1) as u8
    }
}

/// The label that a tagged item begins with (`(a)`, `iv.`, `2.1`), and the text after it.
fn split_label(text: &str) -> Option<(Option<String>, &str)> {
    let (label, rest) = text.split_once(' ')?;
    let inner = label.trim_start_matches('(').trim_end_matches(['.', ')']);
    let is_number = inner
        .split('.')
        .all(|part| !part.is_empty() && part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit()));
    let is_letters = !inner.is_empty()
        && (inner.chars().count() == 1 || inner.bytes().all(|byte| b"ivxlcIVXLC".contains(&byte)))
        && inner.chars().all(char::is_alphabetic);
    let is_marked = label.ends_with(['.', ')']) || inner.contains('.');
    (is_marked && inner.len() <= 12 && (is_number || is_letters)).then(|| (Some(label.to_owned()), rest.trim_start()))
}

/// Whether lines mostly end in a page number behind leaders, as those of a table of contents do.
fn is_contents(block: &Block) -> bool {
    let is_entry = |line: &Line| {
        let text = line.text();
        let Some((before, number)) = text.trim_end().rsplit_once([' ', '.', '\u{2026}']) else { return false };
        let is_number = !number.is_empty()
            && number.len() <= 6
            && number.bytes().all(|byte| byte.is_ascii_digit() || b"ivxlc".contains(&byte));
        let leaders = before.chars().rev().take_while(|char| matches!(char, '.' | ' ' | '\u{2026}' | '·' | '_'));
        is_number && leaders.filter(|char| *char != ' ').count() >= 2
    };
    block.lines.len() >= 2 && block.lines.iter().filter(|line| is_entry(line)).count() * 2 > block.lines.len()
}

/// Lines as one, words that were parted at their ends whole.
fn joined(lines: &[Line], links: &[Link]) -> Rich {
    let mut text = Rich::default();
    for (at, line) in lines.iter().enumerate() {
        let next = lines.get(at + 1).map(Line::text);
        let begun = next.as_ref().and_then(|next| hyphenated(&line.text(), next));
        push_line(&mut text, line, begun.as_ref().map(String::len), links);
        if next.is_some() && begun.is_none() {
            text.push_plain(' ');
        }
    }
    text.trimmed()
}

/// Appends a line, or so much of it, with its emphasis and links.
fn push_line(text: &mut Rich, line: &Line, length: Option<usize>, links: &[Link]) {
    let mut left = length.unwrap_or(usize::MAX);
    let mut before = Style::default();
    for (at, word) in line.words.iter().enumerate() {
        let style =
            Style { strong: word.is_bold, emphasis: word.is_italic, link: link_of(word, links), ..Style::default() };
        if at > 0 && word.has_space_before && left > 0 {
            let between = if before == style { style.clone() } else { Style::default() };
            text.push(" ", &between);
            left -= 1;
        }
        let part = word.text.get(..left.min(word.text.len())).unwrap_or(&word.text);
        text.push(part, &style);
        left -= part.len().min(left);
        before = style;
    }
}

/// The address that a word leads to.
fn link_of(word: &Word, links: &[Link]) -> Option<Arc<str>> {
    let middle = (f32::midpoint(word.bounds[0], word.bounds[2]), f32::midpoint(word.bounds[1], word.bounds[3]));
    let is_within = |link: &&Link| {
        let [left, top, right, bottom] = link.bounds;
        left <= middle.0 && middle.0 <= right && top <= middle.1 && middle.1 <= bottom
    };
    links.iter().filter(|link| link.uri.is_some()).find(is_within)?.uri.as_deref().map(Arc::from)
}

fn rows(block: &Block, links: &[Link]) -> Vec<Vec<Rich>> {
    let mut rows: BTreeMap<usize, Vec<Rich>> = BTreeMap::new();
    let width = block.lines.iter().map(|line| line.column + 1).max().unwrap_or(0);
    for line in &block.lines {
        let row = rows.entry(line.row).or_insert_with(|| vec![Rich::default(); width.min(1000)]);
        let Some(cell) = row.get_mut(line.column) else { continue };
        if !cell.is_blank() {
            cell.push_plain(' ');
        }
        push_line(cell, line, None, links);
    }
    rows.into_values().collect()
}
