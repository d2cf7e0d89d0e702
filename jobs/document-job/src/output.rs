//! Writes the extracted text while it comes, page by page, in each form that was asked for.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};

use catalog::operations::{Detail, Text, TextFormat};
use contract::{Failure, Properties};
use operation::{OutputFile, Task};
use serde::Serialize;
use serde_json::{Value, json};

use crate::document::{Field, Link, Metadata, Note, OutlineItem};
use crate::flow::{Flow, NoteKind, Span, plain as plain_flows, write_markdown};
use crate::office::Section;
use crate::page_text::{Block, BlockKind, Bounds, Line, Method, PageText};
use crate::rich::Rich;

/// The version of text.json's shape.
const SCHEMA_VERSION: u32 = 1;

/// What the parts of a document are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum PartKind {
    #[default]
    Page,
    Sheet,
    Slide,
    Chapter,
}

impl PartKind {
    fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Sheet => "sheet",
            Self::Slide => "slide",
            Self::Chapter => "chapter",
        }
    }

    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Page => "pages",
            Self::Sheet => "sheets",
            Self::Slide => "slides",
            Self::Chapter => "chapters",
        }
    }
}

/// The outputs being written.
pub(crate) struct Output {
    text: Option<BufWriter<OutputFile>>,
    json: Option<BufWriter<OutputFile>>,
    markdown: Option<BufWriter<OutputFile>>,
    detail: Detail,
    part: PartKind,
    count: Count,
}

/// What the pages so far hold.
#[derive(Default)]
struct Count {
    pages: usize,
    words: usize,
    characters: usize,
    digital: usize,
    ocr: usize,
    empty: usize,
    ocr_needed: Vec<usize>,
    partial: Vec<usize>,
}

/// What is known about the whole document after its pages.
#[derive(Default)]
pub(crate) struct Ending {
    pub(crate) metadata: Metadata,
    pub(crate) outline: Vec<OutlineItem>,
    pub(crate) fields: Vec<Field>,
    pub(crate) attachments: Vec<String>,
    /// Pages, sheets, slides or chapters that the document has.
    pub(crate) total: usize,
    /// What could not be read, for people.
    pub(crate) warnings: Vec<String>,
}

/// Who takes the text of a document while it comes.
pub(crate) trait Sink {
    /// What it has made in the end.
    type Done;

    /// A page whose text has places. Flows and links are empty unless a format of the options has them.
    fn page(&mut self, page: &PageText, flows: &[Flow], links: &[Link]) -> Result<(), Failure>;

    /// A sheet, slide or chapter, whose text has no places.
    fn section(&mut self, number: usize, section: &Section) -> Result<(), Failure>;

    /// There is no more.
    fn finish(self, ending: &Ending) -> Result<Self::Done, Failure>;
}

impl Output {
    pub(crate) fn create(options: &Text, task: &Task, part: PartKind) -> Result<Self, Failure> {
        let create = |format: TextFormat, name: &str| {
            let wanted = options.formats.contains(&format);
            wanted.then(|| task.outputs.create(name).map(|file| BufWriter::with_capacity(1 << 16, file))).transpose()
        };
        let mut output = Self {
            text: create(TextFormat::Text, "text.txt")?,
            json: create(TextFormat::Json, "text.json")?,
            markdown: create(TextFormat::Markdown, "text.md")?,
            detail: options.detail,
            part,
            count: Count::default(),
        };
        if let Some(json) = &mut output.json {
            write!(json, "{{\"schemaVersion\":{SCHEMA_VERSION},\"pages\":[")?;
        }
        Ok(output)
    }

    fn write_flows(&mut self, number: usize, flows: &[Flow]) -> Result<(), Failure> {
        let Some(file) = &mut self.markdown else { return Ok(()) };
        let mut markdown = String::new();
        // A mark that readers do not show, where a page begins behind another.
        if self.count.pages > 1 {
            let _ = writeln!(markdown, "<!-- {} {number} -->\n", self.part.name());
        }
        write_markdown(&mut markdown, flows);
        file.write_all(markdown.as_bytes())?;
        Ok(())
    }
}

impl Sink for Output {
    type Done = Properties;

    fn page(&mut self, page: &PageText, flows: &[Flow], links: &[Link]) -> Result<(), Failure> {
        self.count.pages += 1;
        for word in page.words() {
            self.count.words += 1;
            self.count.characters += word.text.chars().count();
        }
        for word in page.notes.iter().flat_map(|note| note.text.split_whitespace()) {
            self.count.words += 1;
            self.count.characters += word.chars().count();
        }
        match page.method {
            Method::Digital => self.count.digital += 1,
            Method::Ocr => self.count.ocr += 1,
            Method::Empty => self.count.empty += 1,
            Method::OcrNeeded => self.count.ocr_needed.push(page.number),
        }
        if page.is_partial {
            self.count.partial.push(page.number);
        }
        if let Some(text) = &mut self.text {
            text.write_all(plain(page).as_bytes())?;
            text.write_all(b"\x0C")?;
        }
        if let Some(json) = &mut self.json {
            if self.count.pages > 1 {
                json.write_all(b",")?;
            }
            json.write_all(b"\n")?;
            serde_json::to_writer(&mut *json, &JsonPage::of(page, links, self.detail)).map_err(std::io::Error::from)?;
        }
        self.write_flows(page.number, flows)
    }

    fn section(&mut self, number: usize, section: &Section) -> Result<(), Failure> {
        let Section { title, flows, is_hidden } = section;
        self.count.pages += 1;
        let plain = plain_flows(flows);
        let words = plain.split_whitespace().count();
        self.count.words += words;
        self.count.characters += plain.chars().filter(|char| !char.is_whitespace()).count();
        let method = if words == 0 { Method::Empty } else { Method::Digital };
        match method {
            Method::Empty => self.count.empty += 1,
            _ => self.count.digital += 1,
        }
        if let Some(text) = &mut self.text {
            text.write_all(plain.as_bytes())?;
            text.write_all(b"\x0C")?;
        }
        if let Some(json) = &mut self.json {
            if self.count.pages > 1 {
                json.write_all(b",")?;
            }
            json.write_all(b"\n")?;
            let section = JsonSection { number, title: title.as_deref(), hidden: *is_hidden, method, blocks: flows };
            serde_json::to_writer(&mut *json, &section).map_err(std::io::Error::from)?;
        }
        self.write_flows(number, flows)
    }

    /// Writes the ends, and says what the whole result is.
    fn finish(mut self, ending: &Ending) -> Result<Properties, Failure> {
        let mut properties = Properties::new();
        let count = &self.count;
        properties.insert("pages".to_owned(), json!(ending.total));
        properties.insert("words".to_owned(), json!(count.words));
        properties.insert("characters".to_owned(), json!(count.characters));
        if ending.total != count.pages {
            properties.insert("pagesRead".to_owned(), json!(count.pages));
        }
        if count.ocr > 0 {
            properties.insert("ocrPages".to_owned(), json!(count.ocr));
        }
        // Pages whose content is a picture hold text that only OCR can read. Said so, and never left out.
        if !count.ocr_needed.is_empty() {
            properties.insert("ocrNeeded".to_owned(), json!(count.ocr_needed));
        }
        if count.empty > 0 {
            properties.insert("emptyPages".to_owned(), json!(count.empty));
        }
        if !count.partial.is_empty() {
            properties.insert("partialPages".to_owned(), json!(count.partial));
        }
        if count.words == 0 {
            properties.insert("noText".to_owned(), json!(true));
        }
        let mut warnings = ending.warnings.clone();
        if count.words == 0 {
            warnings.push(if count.ocr_needed.is_empty() {
                "no text was found in the document".to_owned()
            } else {
                "no text was found in the document; its pages are pictures, which only OCR can read".to_owned()
            });
        }
        if !warnings.is_empty() {
            properties.insert("warnings".to_owned(), json!(warnings));
        }
        let metadata = serde_json::to_value(&ending.metadata).map_err(std::io::Error::from)?;
        if metadata.as_object().is_some_and(|metadata| !metadata.is_empty()) {
            properties.insert("metadata".to_owned(), metadata);
        }
        if !ending.attachments.is_empty() {
            properties.insert("attachments".to_owned(), json!(ending.attachments));
        }
        for (name, length) in [("outlineEntries", ending.outline.len()), ("formFields", ending.fields.len())] {
            if length > 0 {
                properties.insert(name.to_owned(), json!(length));
            }
        }
        if let Some(json) = &mut self.json {
            json.write_all(b"\n],\n")?;
            let document = json!({
                "document": Value::Object(properties.clone()),
                "outline": ending.outline,
                "fields": ending.fields,
            });
            // The braces of the whole are written already.
            let document = document.to_string();
            json.write_all(&document.as_bytes()[1..])?;
            json.write_all(b"\n")?;
        }
        for (file, content_type) in [
            (self.text, "text/plain; charset=utf-8"),
            (self.json, "application/json"),
            (self.markdown, "text/markdown; charset=utf-8"),
        ] {
            if let Some(file) = file {
                let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
                file.finish(content_type, Properties::new());
            }
        }
        Ok(properties)
    }
}

// --- plain text ---

/// A page's lines; cells of a row parted by tabs, blocks by empty lines, words that were parted at a line's end whole.
pub(crate) fn plain(page: &PageText) -> String {
    let mut text = String::new();
    for (at, block) in page.blocks.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        let mut carried: Option<String> = None;
        for (at, line) in block.lines.iter().enumerate() {
            let mut content = line.text();
            if block.kind == BlockKind::Code {
                content.insert_str(0, &indentation(block, line));
            }
            if let Some(begun) = carried.take() {
                // The rest of the parted word comes up to its beginning.
                let (rest, after) = content.split_once(' ').unwrap_or((&content, ""));
                text.push_str(&begun);
                text.push_str(rest);
                text.push('\n');
                content = after.to_owned();
                if content.is_empty() {
                    continue;
                }
            }
            let next = block.lines.get(at + 1);
            if let Some(next) = next.filter(|next| next.row == line.row) {
                text.push_str(&content);
                // Further lines of a cell stay in it; columns that are left out stay free.
                let is_same_cell = block.kind == BlockKind::Table && next.column == line.column;
                let columns = next.column.saturating_sub(line.column).clamp(1, 64);
                text.push_str(&if is_same_cell { " ".to_owned() } else { "\t".repeat(columns) });
                continue;
            }
            if block.kind != BlockKind::Code
                && let Some(next) = next
                && let Some(begun) = hyphenated(&content, &next.text())
            {
                carried = Some(begun);
                continue;
            }
            text.push_str(&content);
            text.push('\n');
        }
        if let Some(begun) = carried {
            text.push_str(&begun);
            text.push('\n');
        }
    }
    if !page.notes.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&plain_flows(&flows_of_notes(&page.notes)));
    }
    text
}

/// Notes as comments, which they are in other formats.
pub(crate) fn flows_of_notes(notes: &[Note]) -> Vec<Flow> {
    let comment = |note: &Note| Flow::Note {
        kind: NoteKind::Comment,
        label: note.author.clone().unwrap_or_default(),
        text: Rich::from(note.text.as_str()),
    };
    notes.iter().map(comment).collect()
}

/// The spaces before a line of code, by its place beside the others.
pub(crate) fn indentation(block: &Block, line: &Line) -> String {
    let width = |line: &Line| {
        let characters: usize = line.words.iter().map(|word| word.text.chars().count()).sum();
        let widths: f32 = line.words.iter().map(|word| word.bounds[2] - word.bounds[0]).sum();
        if characters > 0 { widths / characters as f32 } else { 0.0 }
    };
    let mut widths: Vec<f32> = block.lines.iter().map(width).filter(|width| *width > 0.0).collect();
    widths.sort_by(f32::total_cmp);
    let left = block.lines.iter().map(|line| line.bounds[0]).fold(f32::MAX, f32::min);
    let Some(width) = widths.get(widths.len() / 2) else { return String::new() };
    " ".repeat((((line.bounds[0] - left) / width).round().max(0.0) as usize).min(200))
}

/// The line without its hyphen, if that parts a word that goes on in the next line.
pub(crate) fn hyphenated(line: &str, next: &str) -> Option<String> {
    let begun = line.strip_suffix(['-', '\u{AD}', '\u{2010}'])?;
    let before = begun.chars().next_back()?;
    let after = next.chars().next()?;
    let is_soft = line.ends_with('\u{AD}');
    let word = begun.rsplit(' ').next().unwrap_or(begun);
    let is_word = word.chars().filter(|char| char.is_alphabetic()).count() >= 2 && !word.contains("://");
    let parts_word = before.is_lowercase() && after.is_lowercase() && is_word;
    (is_soft || parts_word).then(|| begun.to_owned())
}

// --- JSON ---

#[derive(Serialize)]
struct JsonSection<'a> {
    number: usize,
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    hidden: bool,
    method: Method,
    blocks: &'a [Flow],
}

#[derive(Serialize)]
struct JsonPage<'a> {
    number: usize,
    width: f32,
    height: f32,
    rotation: u16,
    method: Method,
    confidence: f32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
    blocks: Vec<JsonBlock<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note>,
}

#[derive(Serialize)]
struct JsonBlock<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<u8>,
    bounds: Bounds,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<JsonLine<'a>>,
    /// Of a table: cells over several rows or columns.
    #[serde(skip_serializing_if = "<[Span]>::is_empty")]
    spans: &'a [Span],
}

#[derive(Serialize)]
struct JsonLine<'a> {
    bounds: Bounds,
    text: String,
    /// Of a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    words: Vec<JsonWord<'a>>,
}

#[derive(Serialize)]
struct JsonWord<'a> {
    text: &'a str,
    bounds: Bounds,
    size: f32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    bold: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    italic: bool,
    /// Of a word that was read in a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<f32>,
}

impl<'a> JsonPage<'a> {
    fn of(page: &'a PageText, links: &[Link], detail: Detail) -> Self {
        Self {
            number: page.number,
            width: hundredths(page.width),
            height: hundredths(page.height),
            rotation: page.rotation,
            method: page.method,
            confidence: (page.confidence * 1000.0).round() / 1000.0,
            partial: page.is_partial,
            blocks: page.blocks.iter().map(|block| JsonBlock::of(block, detail)).collect(),
            links: links.iter().map(|link| Link { bounds: link.bounds.map(hundredths), ..link.clone() }).collect(),
            notes: page.notes.iter().map(|note| Note { bounds: note.bounds.map(hundredths), ..note.clone() }).collect(),
        }
    }
}

impl<'a> JsonBlock<'a> {
    fn of(block: &'a Block, detail: Detail) -> Self {
        let (kind, level) = match block.kind {
            BlockKind::Paragraph => ("paragraph", None),
            BlockKind::Heading(level) => ("heading", Some(level)),
            BlockKind::ListItem => ("list-item", None),
            BlockKind::Table => ("table", None),
            BlockKind::Code => ("code", None),
            BlockKind::Header => ("header", None),
            BlockKind::Footer => ("footer", None),
        };
        let only_block = detail == Detail::Blocks;
        let text = || block.lines.iter().map(Line::text).collect::<Vec<_>>().join("\n");
        Self {
            kind,
            level,
            bounds: block.bounds.map(hundredths),
            text: only_block.then(text),
            spans: &block.spans,
            lines: if only_block {
                Vec::new()
            } else {
                block.lines.iter().map(|line| JsonLine::of(line, block.kind, detail)).collect()
            },
        }
    }
}

impl<'a> JsonLine<'a> {
    fn of(line: &'a Line, kind: BlockKind, detail: Detail) -> Self {
        let is_table = kind == BlockKind::Table;
        let words = line.words.iter().map(|word| JsonWord {
            text: &word.text,
            bounds: word.bounds.map(hundredths),
            size: hundredths(word.size),
            bold: word.is_bold,
            italic: word.is_italic,
            confidence: word.confidence.map(|confidence| (confidence * 1000.0).round() / 1000.0),
        });
        Self {
            bounds: line.bounds.map(hundredths),
            text: line.text(),
            row: is_table.then_some(line.row),
            column: is_table.then_some(line.column),
            words: if detail == Detail::Words { words.collect() } else { Vec::new() },
        }
    }
}

fn hundredths(value: f32) -> f32 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_parted_at_a_line_end_are_joined_and_compounds_are_not() {
        assert_eq!(hyphenated("the begin-", "ning of it").as_deref(), Some("the begin"));
        assert_eq!(hyphenated("soft\u{AD}", "Hyphen").as_deref(), Some("soft"));
        for (line, next) in
            [("UTF-", "8 text"), ("Anglo-", "Saxon"), ("5-", "fold"), ("x-", "ray"), ("a dash -", "and")]
        {
            assert_eq!(hyphenated(line, next), None, "{line} {next}");
        }
    }
}
