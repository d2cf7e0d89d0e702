//! A document's text gathered for what reads it as a whole: blocks in reading order, with the places of their words.

use std::collections::BTreeMap;

use catalog::operations::{Confidence, Detail, Ocr, PageRanges, Password, Text, TextEngine};
use catalog::{Format, MediaKind, ReadingLanguage};
use contract::Failure;
use operation::Task;
use semantics::document::{Block, BlockKind, Document, Word};

use crate::document::{Link, Metadata};
use crate::flow::{AsideKind, Flow, split_list_item};
use crate::office::{self, Section};
use crate::output::{Ending, PartKind, Sink, hyphenated, indentation};
use crate::page_text::{self, Line, Method, PageText};
use crate::{pdf, picture};

/// What is between the cells of a row.
const BETWEEN_CELLS: &str = " | ";

/// The text of a document and what it says about itself.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) document: Document,
    pub(crate) metadata: Metadata,
    /// Pages, sheets, slides or chapters that the document has.
    pub(crate) pages: usize,
    pub(crate) pages_read: usize,
    /// What the parts are.
    pub(crate) part: PartKind,
    /// Width and height in points of the pages that have a size.
    pub(crate) sizes: BTreeMap<u32, (f32, f32)>,
    /// Fields of an interactive form.
    pub(crate) fields: usize,
    /// Pages that only OCR can read.
    pub(crate) ocr_needed: Vec<u32>,
    pub(crate) warnings: Vec<String>,
}

/// Which part of a document is read, and how.
pub(crate) struct Wanted<'a> {
    pub(crate) pages: Option<&'a PageRanges>,
    pub(crate) max_pages: u32,
    pub(crate) ocr: Ocr,
    /// Of text in pictures.
    pub(crate) languages: &'a [ReadingLanguage],
    pub(crate) password: Option<&'a Password>,
}

impl Wanted<'_> {
    /// As options of `text`.
    pub(crate) fn as_text(&self) -> Text {
        Text {
            formats: Vec::new(),
            pages: self.pages.cloned(),
            max_pages: self.max_pages,
            detail: Detail::Words,
            ocr: self.ocr,
            engine: TextEngine::Native,
            languages: self.languages.to_vec(),
            min_confidence: Confidence::default(),
            password: self.password.cloned(),
        }
    }
}

/// Reads the text of a task's document as `text` does.
pub(crate) fn gather(options: &Text, task: &Task) -> Result<Gathered, Failure> {
    if task.input.size() == 0 {
        return Err(Failure::invalid_input("the file is empty"));
    }
    let sink = |part: PartKind| Ok(Gathered { part, ..Gathered::default() });
    match task.input.format() {
        Format::Pdf => pdf::text(options, task, sink),
        format if format.kind() == MediaKind::Image => picture::text(options, task, sink),
        _ => office::text(options, task, sink),
    }
}

impl Sink for Gathered {
    type Done = Self;

    fn page(&mut self, page: &PageText, _: &[Flow], _: &[Link]) -> Result<(), Failure> {
        self.pages_read += 1;
        let number = page.number as u32;
        self.sizes.insert(number, (page.width, page.height));
        if page.method == Method::OcrNeeded {
            self.ocr_needed.push(number);
        }
        for block in &page.blocks {
            self.block(number, block);
        }
        Ok(())
    }

    fn section(&mut self, number: usize, section: &Section) -> Result<(), Failure> {
        self.pages_read += 1;
        let blocks = section.flows.iter().map(|flow| {
            let (kind, text) = plain(flow);
            Block::new(number as u32, kind, text)
        });
        self.document.blocks.extend(blocks.filter(|block| !block.text.trim().is_empty()));
        Ok(())
    }

    fn finish(mut self, ending: &Ending) -> Result<Self, Failure> {
        self.pages = ending.total;
        self.fields = ending.fields.len();
        self.metadata = ending.metadata.clone();
        self.warnings.clone_from(&ending.warnings);
        if !self.ocr_needed.is_empty() {
            let count = self.ocr_needed.len();
            self.warnings.push(format!(
                "{count} of the pages are pictures, which only OCR can read; nothing of them is analysed"
            ));
        } else if self.document.blocks.is_empty() {
            self.warnings.push("no text was found in the document".to_owned());
        }
        Ok(self)
    }
}

impl Gathered {
    fn block(&mut self, page: u32, block: &page_text::Block) {
        let kind = match block.kind {
            page_text::BlockKind::Paragraph => BlockKind::Paragraph,
            page_text::BlockKind::Heading(level) => BlockKind::Heading(level),
            page_text::BlockKind::ListItem => BlockKind::ListItem,
            page_text::BlockKind::Table => BlockKind::Table,
            page_text::BlockKind::Code => BlockKind::Code,
            page_text::BlockKind::Header | page_text::BlockKind::Footer => BlockKind::Furniture,
        };
        match kind {
            BlockKind::Table => self.push(page, kind, |text| text.table(&block.lines)),
            BlockKind::Code => self.push(page, kind, |text| {
                for (at, line) in block.lines.iter().enumerate() {
                    if at > 0 {
                        text.block.text.push('\n');
                    }
                    text.block.text.push_str(&indentation(block, line));
                    text.line(line, at as u32, false);
                }
            }),
            BlockKind::Paragraph | BlockKind::ListItem => {
                // A block may hold several items.
                let begins = |line: &Line| split_list_item(&line.text()).is_some();
                let mut lines = &block.lines[..];
                while !lines.is_empty() {
                    let length = 1 + lines[1..].iter().take_while(|line| !begins(line)).count();
                    let (item, rest) = lines.split_at(length);
                    let kind = if begins(&item[0]) { BlockKind::ListItem } else { kind };
                    self.push(page, kind, |text| text.lines(item));
                    lines = rest;
                }
            }
            _ => self.push(page, kind, |text| text.lines(&block.lines)),
        }
    }

    fn push(&mut self, page: u32, kind: BlockKind, write: impl FnOnce(&mut Writer)) {
        let mut writer = Writer { block: Block::new(page, kind, "") };
        write(&mut writer);
        if !writer.block.text.trim().is_empty() {
            self.document.blocks.push(writer.block);
        }
    }
}

struct Writer {
    block: Block,
}

impl Writer {
    /// Lines as one, words that were parted at their ends whole.
    fn lines(&mut self, lines: &[Line]) {
        for (at, line) in lines.iter().enumerate() {
            let next = lines.get(at + 1).map(Line::text);
            let is_parted = next.as_ref().is_some_and(|next| hyphenated(&line.text(), next).is_some());
            self.line(line, at as u32, is_parted);
            if next.is_some() && !is_parted {
                self.block.text.push(' ');
            }
        }
    }

    /// A line, without its hyphen if that parts a word.
    fn line(&mut self, line: &Line, number: u32, is_parted: bool) {
        for (at, word) in line.words.iter().enumerate() {
            if at > 0 && word.has_space_before {
                self.block.text.push(' ');
            }
            let start = self.block.text.len() as u32;
            self.block.text.push_str(&word.text);
            if is_parted && at + 1 == line.words.len() {
                self.block.text.pop();
            }
            let end = self.block.text.len() as u32;
            if end > start {
                self.block.words.push(Word { start, end, line: number, bounds: word.bounds });
            }
        }
    }

    /// A row a line, its cells parted by bars.
    fn table(&mut self, lines: &[Line]) {
        let mut rows: BTreeMap<usize, BTreeMap<usize, Vec<&Line>>> = BTreeMap::new();
        for line in lines {
            rows.entry(line.row).or_default().entry(line.column).or_default().push(line);
        }
        let mut number = 0;
        for (at, row) in rows.values().enumerate() {
            if at > 0 {
                self.block.text.push('\n');
            }
            for (at, cell) in row.values().enumerate() {
                if at > 0 {
                    self.block.text.push_str(BETWEEN_CELLS);
                }
                for (at, line) in cell.iter().enumerate() {
                    if at > 0 {
                        self.block.text.push(' ');
                    }
                    self.line(line, number, false);
                    number += 1;
                }
            }
        }
    }
}

/// What a flow is, and its text.
fn plain(flow: &Flow) -> (BlockKind, String) {
    match flow {
        Flow::Heading { level, text } => (BlockKind::Heading(*level), text.text().to_owned()),
        Flow::Paragraph { text } => (BlockKind::Paragraph, text.text().to_owned()),
        Flow::Lines { text } => (BlockKind::Paragraph, text.clone()),
        Flow::ListItem { marker, text, .. } => {
            let marker = marker.as_ref().map(|marker| format!("{marker} ")).unwrap_or_default();
            (BlockKind::ListItem, marker + text.text())
        }
        Flow::Table(table) => {
            let row = |row: &Vec<crate::rich::Rich>| {
                let cells = row.iter().map(|cell| cell.text().split_whitespace().collect::<Vec<_>>().join(" "));
                cells.filter(|cell| !cell.is_empty()).collect::<Vec<_>>().join(BETWEEN_CELLS)
            };
            (BlockKind::Table, table.rows.iter().map(row).collect::<Vec<_>>().join("\n"))
        }
        Flow::Code { text } => (BlockKind::Code, text.clone()),
        Flow::Aside { kind: AsideKind::Header | AsideKind::Footer, text } => {
            (BlockKind::Furniture, text.text().to_owned())
        }
        Flow::Note { text, .. } | Flow::Aside { text, .. } => (BlockKind::Aside, text.text().to_owned()),
    }
}
