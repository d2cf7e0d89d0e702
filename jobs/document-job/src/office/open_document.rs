//! `OpenDocument` (ISO/IEC 26300): text, spreadsheets with the values that they show, presentations.

use std::collections::HashMap;
use std::sync::Arc;

use contract::Failure;

use super::archive::Archive;
use super::numbering::Numerals;
use super::xml::{Event, Scanner, Tag, texts};
use super::{Section, rich_text};
use crate::document::Metadata;
use crate::flow::{AsideKind, Flow, NoteKind};
use crate::grid::Grid;
use crate::rich::{Rich, Script, Style, scripted};

/// Rows and columns that repeat with something in them.
const MAX_REPEATED: usize = 10_000;
/// Tables, lists and boxes within each other.
const MAX_DEPTH: usize = 32;
/// Spaces of one element.
const MAX_SPACES: usize = 1000;

/// What a file holds.
pub(crate) struct Document {
    pub(crate) sections: Vec<Section>,
    pub(crate) metadata: Metadata,
}

pub(crate) fn read(archive: &mut Archive) -> Result<Document, Failure> {
    if let Some(manifest) = archive.xml("META-INF/manifest.xml")? {
        let is_encrypted =
            Scanner::new(&manifest).any(|event| matches!(event, Event::Start(tag) if tag.name() == "encryption-data"));
        if is_encrypted {
            return Err(Failure::invalid_input(
                "the OpenDocument file is encrypted; remove its password and upload it again",
            ));
        }
    }
    let content = archive
        .xml("content.xml")?
        .ok_or_else(|| Failure::invalid_input("the OpenDocument file has no content.xml"))?;
    let mut styles = Styles::default();
    let mut furniture = Vec::new();
    if let Some(xml) = archive.xml("styles.xml")? {
        styles.take(&xml);
        furniture = headers(archive, &xml, &styles);
    }
    styles.take(&content);
    let mut scanner = Scanner::new(&content);
    let mut reader = Reader::new(archive, &styles);
    for event in scanner.by_ref() {
        reader.event(&event);
        if reader.archive.is_cut() {
            break;
        }
    }
    let mut sections = reader.finish();
    if !archive.is_cut() {
        archive.check("content.xml", &scanner);
    }
    if let Some(first) = sections.first_mut() {
        let (mut heads, mut feet): (Vec<Flow>, Vec<Flow>) =
            furniture.into_iter().partition(|flow| matches!(flow, Flow::Aside { kind: AsideKind::Header, .. }));
        heads.append(&mut first.flows);
        first.flows = heads;
        if let Some(last) = sections.last_mut() {
            last.flows.append(&mut feet);
        }
    }
    let mut metadata = Metadata::default();
    if let Some(xml) = archive.xml("meta.xml")? {
        let values = texts(
            &xml,
            &[
                "title",
                "creator",
                "initial-creator",
                "subject",
                "keyword",
                "creation-date",
                "date",
                "generator",
                "language",
            ],
        );
        let get = |key: &str| values.get(key).cloned();
        metadata = Metadata {
            title: get("title"),
            author: get("initial-creator").or_else(|| get("creator")),
            subject: get("subject"),
            keywords: get("keyword"),
            created: get("creation-date"),
            modified: get("date"),
            producer: get("generator"),
            language: get("language"),
            ..Metadata::default()
        };
    }
    Ok(Document { sections, metadata })
}

// --- styles ---

#[derive(Default, Clone)]
struct TextStyle {
    parent: Option<String>,
    bold: Option<bool>,
    italic: Option<bool>,
    strike: Option<bool>,
    hidden: Option<bool>,
    script: Option<Script>,
    outline: Option<u8>,
}

/// How a level counts, what stands before and behind its number, and the first number.
type ListLevel = (Numerals, String, String, u32);

#[derive(Default)]
struct Styles {
    texts: HashMap<String, TextStyle>,
    /// Levels of lists: how they count, what stands before and behind, the first number.
    lists: HashMap<String, HashMap<u8, ListLevel>>,
}

impl Styles {
    fn take(&mut self, xml: &str) {
        let mut style: Option<(String, TextStyle)> = None;
        let mut list: Option<String> = None;
        for event in Scanner::new(xml) {
            let tag = match event {
                Event::Start(tag) => tag,
                Event::End("style") => {
                    self.texts.extend(style.take());
                    continue;
                }
                Event::End("list-style") => {
                    list = None;
                    continue;
                }
                Event::End(_) | Event::Text(_) => continue,
            };
            let owned = |name: &str| tag.attribute(name).map(std::borrow::Cow::into_owned);
            match tag.name() {
                "style" => {
                    let own = TextStyle {
                        parent: owned("parent-style-name"),
                        outline: tag.number("default-outline-level"),
                        ..TextStyle::default()
                    };
                    style = owned("name").map(|name| (name, own));
                }
                "text-properties" => {
                    let Some((_, style)) = &mut style else { continue };
                    style.bold = owned("font-weight")
                        .map(|weight| weight == "bold" || weight.parse().is_ok_and(|weight: u32| weight >= 600));
                    style.italic = owned("font-style").map(|style| style == "italic" || style == "oblique");
                    style.strike = owned("text-line-through-style").map(|style| style != "none");
                    style.hidden = owned("display").map(|display| display == "none");
                    style.script = owned("text-position").map(|position| match position.as_str() {
                        position if position.starts_with("super") => Script::Super,
                        position if position.starts_with("sub") || position.starts_with('-') => Script::Sub,
                        position
                            if position.starts_with(|char: char| char.is_ascii_digit())
                                && !position.starts_with("0%") =>
                        {
                            Script::Super
                        }
                        _ => Script::Normal,
                    });
                }
                "list-style" => {
                    list = owned("name");
                    if let Some(name) = &list {
                        self.lists.entry(name.clone()).or_default();
                    }
                }
                "list-level-style-number" | "list-level-style-bullet" => {
                    let Some(levels) = list.as_ref().and_then(|list| self.lists.get_mut(list)) else { continue };
                    let numerals = match owned("num-format").as_deref() {
                        _ if tag.name() == "list-level-style-bullet" => Numerals::Bullet,
                        Some("a") => Numerals::LowerLetter,
                        Some("A") => Numerals::UpperLetter,
                        Some("i") => Numerals::LowerRoman,
                        Some("I") => Numerals::UpperRoman,
                        Some("") => Numerals::None,
                        _ => Numerals::Decimal,
                    };
                    let level = tag.number::<u8>("level").unwrap_or(1).saturating_sub(1);
                    let around = (owned("num-prefix").unwrap_or_default(), owned("num-suffix").unwrap_or_default());
                    levels.insert(level, (numerals, around.0, around.1, tag.number("start-value").unwrap_or(1)));
                }
                _ => {}
            }
        }
    }

    fn find<T>(&self, name: &str, of: impl Fn(&TextStyle) -> Option<T>) -> Option<T> {
        let mut style = self.texts.get(name);
        for _ in 0..20 {
            let current = style?;
            if let Some(found) = of(current) {
                return Some(found);
            }
            style = self.texts.get(current.parent.as_ref()?);
        }
        None
    }
}

/// Headers and footers stand with the styles.
fn headers(archive: &mut Archive, xml: &str, styles: &Styles) -> Vec<Flow> {
    let mut flows: Vec<Flow> = Vec::new();
    let mut kind = None;
    let mut reader = Reader::new(archive, styles);
    for event in Scanner::new(xml) {
        match &event {
            Event::Start(tag) if matches!(tag.name(), "header" | "header-left" | "header-first") => {
                kind = Some(AsideKind::Header);
            }
            Event::Start(tag) if matches!(tag.name(), "footer" | "footer-left" | "footer-first") => {
                kind = Some(AsideKind::Footer);
            }
            Event::End("header" | "header-left" | "header-first" | "footer" | "footer-left" | "footer-first") => {
                let text = rich_text(reader.take());
                if let Some(kind) = kind.take().filter(|_| !text.is_blank()) {
                    let flow = Flow::Aside { kind, text };
                    if !flows.contains(&flow) && flows.len() < 1000 {
                        flows.push(flow);
                    }
                }
            }
            _ if kind.is_some() => reader.event(&event),
            _ => {}
        }
    }
    flows
}

// --- content ---

/// What content goes into.
enum Place {
    Body(Vec<Flow>),
    Cell { flows: Vec<Flow>, rows: usize, columns: usize, repeated: usize, paragraphs: usize },
    Note { flows: Vec<Flow>, kind: NoteKind, label: String, paragraphs: usize },
    Box { flows: Vec<Flow>, paragraphs: usize },
    SpeakerNotes { flows: Vec<Flow>, paragraphs: usize },
}

#[derive(Default)]
struct Paragraph {
    text: Rich,
    style: String,
    heading: Option<u8>,
    boxes: Vec<Flow>,
}

struct List {
    style: String,
    counts: u32,
    begun: bool,
    /// The item that is open has not been given yet.
    is_fresh: bool,
    is_header: bool,
}

#[derive(Default)]
struct TableState {
    grid: Grid,
    row_repeated: usize,
    row: Vec<(Rich, usize, usize, usize)>,
    pending_empty: usize,
}

struct Reader<'a, 'b, 'c> {
    archive: &'a mut Archive<'b>,
    styles: &'c Styles,
    sections: Vec<Section>,
    places: Vec<Place>,
    paragraphs: Vec<Paragraph>,
    spans: Vec<String>,
    links: Vec<Option<Arc<str>>>,
    lists: Vec<List>,
    tables: Vec<TableState>,
    skipped: usize,
    in_citation: bool,
    in_reading: bool,
    reading: String,
    author: Option<String>,
    description: Option<String>,
    notes: Vec<Flow>,
}

impl<'a, 'b, 'c> Reader<'a, 'b, 'c> {
    fn new(archive: &'a mut Archive<'b>, styles: &'c Styles) -> Self {
        Self {
            archive,
            styles,
            sections: Vec::new(),
            places: vec![Place::Body(Vec::new())],
            paragraphs: Vec::new(),
            spans: Vec::new(),
            links: Vec::new(),
            lists: Vec::new(),
            tables: Vec::new(),
            skipped: 0,
            in_citation: false,
            in_reading: false,
            reading: String::new(),
            author: None,
            description: None,
            notes: Vec::new(),
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Start(tag) if is_skipped(tag.name()) => self.skipped += 1,
            Event::End(name) if is_skipped(name) => self.skipped = self.skipped.saturating_sub(1),
            _ if self.skipped > 0 => {}
            Event::Start(tag) => self.start(tag),
            Event::End(name) => self.end(name),
            Event::Text(text) => self.characters(text),
        }
    }

    fn paragraphs_outside(&self) -> usize {
        match self.places.last() {
            Some(
                Place::Cell { paragraphs, .. }
                | Place::Note { paragraphs, .. }
                | Place::Box { paragraphs, .. }
                | Place::SpeakerNotes { paragraphs, .. },
            ) => *paragraphs,
            Some(Place::Body(_)) | None => 0,
        }
    }

    fn paragraph(&mut self) -> Option<&mut Paragraph> {
        let outside = self.paragraphs_outside();
        self.paragraphs.get_mut(outside..)?.last_mut()
    }

    fn characters(&mut self, text: &str) {
        if let Some(author) = &mut self.author {
            author.push_str(text);
            return;
        }
        if let Some(description) = &mut self.description {
            description.push_str(text);
            return;
        }
        if self.in_reading {
            self.reading.push_str(text);
            return;
        }
        if self.in_citation {
            if let Some(Place::Note { label, .. }) = self.places.last_mut() {
                label.push_str(text.trim());
            }
            return;
        }
        if self.paragraphs.len() <= self.paragraphs_outside() {
            return;
        }
        // White space is collapsed (OpenDocument 1.2, part 1, 6.1.2).
        let mut collapsed = String::with_capacity(text.len());
        let ends_with_space = self.paragraph().is_none_or(|paragraph| {
            paragraph.text.text().is_empty() || paragraph.text.text().ends_with([' ', '\n', '\t'])
        });
        let mut after_space = ends_with_space;
        for char in text.chars() {
            let is_space = matches!(char, ' ' | '\n' | '\r' | '\t');
            if !is_space {
                collapsed.push(char);
            } else if !after_space {
                collapsed.push(' ');
            }
            after_space = is_space;
        }
        self.push(&collapsed);
    }

    fn push(&mut self, text: &str) {
        if text.is_empty() || !self.archive.take_text(text.len()) {
            return;
        }
        let own = self.paragraphs.last().map(|paragraph| paragraph.style.clone());
        let names: Vec<&String> = self.spans.iter().rev().chain(own.as_ref()).collect();
        let find = |of: &dyn Fn(&TextStyle) -> Option<bool>| {
            names.iter().find_map(|name| self.styles.find(name, of)).unwrap_or(false)
        };
        if find(&|style| style.hidden) {
            return;
        }
        // A whole paragraph that is bold is styled so; its parts are emphasised.
        let of_spans = |of: fn(&TextStyle) -> Option<bool>| {
            self.spans.iter().rev().find_map(|name| self.styles.find(name, of)).unwrap_or(false)
        };
        let style = Style {
            strong: of_spans(|style| style.bold),
            emphasis: of_spans(|style| style.italic),
            strike: of_spans(|style| style.strike),
            link: self.links.last().cloned().flatten(),
            ..Style::default()
        };
        let script =
            self.spans.iter().rev().find_map(|name| self.styles.find(name, |style| style.script)).unwrap_or_default();
        if let Some(paragraph) = self.paragraph() {
            let before = paragraph.text.text().chars().next_back();
            paragraph.text.push(&scripted(text, script, before), &style);
        }
    }

    fn start(&mut self, tag: &Tag) {
        let name = tag.name();
        let owned = |name: &str| tag.attribute(name).map(std::borrow::Cow::into_owned);
        match name {
            "p" | "h" => {
                let heading = (name == "h").then(|| tag.number::<u8>("outline-level").unwrap_or(1).clamp(1, 6));
                while self.paragraphs.len() > self.paragraphs_outside() {
                    self.end_paragraph();
                }
                let style = owned("style-name").unwrap_or_default();
                self.paragraphs.push(Paragraph { style, heading, ..Paragraph::default() });
                self.spans.clear();
            }
            "span" if self.spans.len() < MAX_DEPTH => self.spans.push(owned("style-name").unwrap_or_default()),
            "a" => {
                let address = owned("href").filter(|address| !address.is_empty() && !address.starts_with('#'));
                if self.links.len() < MAX_DEPTH {
                    self.links.push(address.map(Arc::from));
                }
            }
            "s" => {
                let spaces = tag.number("c").unwrap_or(1_usize).min(MAX_SPACES);
                self.push(&" ".repeat(spaces));
            }
            "tab" => self.push("\t"),
            "line-break" => self.push("\n"),
            "list" if self.lists.len() < MAX_DEPTH => {
                let inherited = self.lists.last().map(|list| list.style.clone());
                let style = owned("style-name").or(inherited).unwrap_or_default();
                let continues = tag.attribute("continue-numbering").is_some_and(|value| value == "true");
                let counts = u32::from(continues);
                self.lists.push(List { style, counts, begun: false, is_fresh: false, is_header: false });
            }
            "list-item" | "list-header" => {
                let level = self.lists.len().saturating_sub(1) as u8;
                let styles = self.styles;
                if let Some(list) = self.lists.last_mut() {
                    let first =
                        styles.lists.get(&list.style).and_then(|levels| levels.get(&level)).map_or(1, |level| level.3);
                    list.is_header = name == "list-header";
                    list.is_fresh = true;
                    if !list.is_header {
                        list.counts = match (tag.number("start-value"), list.begun) {
                            (Some(start), _) => start,
                            (None, true) => list.counts.saturating_add(1),
                            (None, false) => first,
                        };
                        list.begun = true;
                    }
                }
            }
            "table" if self.tables.len() < MAX_DEPTH => {
                while self.paragraphs.len() > self.paragraphs_outside() {
                    self.end_paragraph();
                }
                self.tables.push(TableState::default());
                // A sheet of a spreadsheet is a section of its own.
                if tag.prefix() == "table" && self.tables.len() == 1 && self.is_spreadsheet() {
                    self.sections.push(Section { title: owned("name"), ..Section::default() });
                }
            }
            "spreadsheet" => self.sections.push(Section { title: Some(SPREADSHEET.to_owned()), ..Section::default() }),
            "table-row" => {
                if let Some(table) = self.tables.last_mut() {
                    table.row_repeated = tag.number("number-rows-repeated").unwrap_or(1);
                    table.pending_empty = 0;
                }
            }
            "table-cell" | "covered-table-cell" => {
                if self.tables.is_empty() || self.places.len() > MAX_DEPTH {
                    return;
                }
                let number = |name: &str| tag.number::<usize>(name).unwrap_or(1);
                let paragraphs = self.paragraphs.len();
                let is_covered = name == "covered-table-cell";
                self.places.push(Place::Cell {
                    flows: Vec::new(),
                    // What is covered is given as an empty cell of its own.
                    rows: if is_covered { 0 } else { number("number-rows-spanned") },
                    columns: if is_covered { 1 } else { number("number-columns-spanned") },
                    repeated: number("number-columns-repeated"),
                    paragraphs,
                });
            }
            "note" | "annotation" => {
                if self.places.len() > MAX_DEPTH {
                    return;
                }
                let kind = match (name, tag.attribute("note-class").as_deref()) {
                    ("annotation", _) => NoteKind::Comment,
                    (_, Some("endnote")) => NoteKind::Endnote,
                    _ => NoteKind::Footnote,
                };
                let paragraphs = self.paragraphs.len();
                self.places.push(Place::Note { flows: Vec::new(), kind, label: String::new(), paragraphs });
            }
            "note-citation" => self.in_citation = true,
            "creator" if matches!(self.places.last(), Some(Place::Note { .. })) => self.author = Some(String::new()),
            "title" | "desc" if tag.prefix() == "svg" => self.description = Some(String::new()),
            "text-box" if self.places.len() <= MAX_DEPTH => {
                let paragraphs = self.paragraphs.len();
                self.places.push(Place::Box { flows: Vec::new(), paragraphs });
            }
            "notes" if tag.prefix() == "presentation" => {
                let paragraphs = self.paragraphs.len();
                self.places.push(Place::SpeakerNotes { flows: Vec::new(), paragraphs });
            }
            "page" if tag.prefix() == "draw" => {
                let is_hidden = false;
                self.sections.push(Section { title: owned("name"), flows: Vec::new(), is_hidden });
                self.take_into_section(true);
            }
            "ruby-text" => self.in_reading = true,
            _ => {}
        }
    }

    fn is_spreadsheet(&self) -> bool {
        self.sections.first().is_some_and(|section| section.title.as_deref() == Some(SPREADSHEET))
    }

    fn end(&mut self, name: &str) {
        match name {
            "p" | "h" if self.paragraphs.len() > self.paragraphs_outside() => {
                self.end_paragraph();
            }
            "span" => {
                self.spans.pop();
            }
            "a" => {
                self.links.pop();
            }
            "list" => {
                self.lists.pop();
            }
            "table-cell" | "covered-table-cell" => self.close(|place| matches!(place, Place::Cell { .. })),
            "table-row" => self.end_row(),
            "table" => {
                let Some(table) = self.tables.pop() else { return };
                let flow = table.grid.finish().map(Flow::Table);
                self.emit(flow.into_iter().collect());
                if self.tables.is_empty() && self.is_spreadsheet() {
                    self.take_into_section(false);
                }
            }
            "note" | "annotation" => self.close(|place| matches!(place, Place::Note { .. })),
            "note-citation" => self.in_citation = false,
            "creator" => {
                if let (Some(author), Some(Place::Note { label, .. })) = (self.author.take(), self.places.last_mut()) {
                    *label = author;
                }
            }
            "title" | "desc" => {
                let text = self.description.take().unwrap_or_default();
                if !text.trim().is_empty() && self.archive.take_text(text.len()) {
                    let flow = Flow::Aside { kind: AsideKind::Picture, text: Rich::from(text.trim()) };
                    match self.paragraph() {
                        Some(paragraph) => paragraph.boxes.push(flow),
                        None => self.emit(vec![flow]),
                    }
                }
            }
            "text-box" => self.close(|place| matches!(place, Place::Box { .. })),
            "notes" => self.close(|place| matches!(place, Place::SpeakerNotes { .. })),
            "page" => self.take_into_section(false),
            "ruby-text" => self.in_reading = false,
            "ruby" => {
                let reading = std::mem::take(&mut self.reading);
                if !reading.trim().is_empty() {
                    self.push(&format!("({})", reading.trim()));
                }
            }
            _ => {}
        }
    }

    fn end_row(&mut self) {
        while matches!(self.places.last(), Some(Place::Cell { .. })) {
            self.close(|place| matches!(place, Place::Cell { .. }));
        }
        let Some(table) = self.tables.last_mut() else { return };
        let row = std::mem::take(&mut table.row);
        let is_empty = row.iter().all(|(text, ..)| text.is_blank());
        // Empty rows may repeat a million times.
        let repeated = if is_empty { 1 } else { table.row_repeated.clamp(1, MAX_REPEATED) };
        for at in 0..repeated {
            let length = row.iter().map(|(text, ..)| text.text().len() + 1).sum();
            if at > 0 && !self.archive.take_text(length) {
                return;
            }
            table.grid.begin_row();
            for (text, rows, columns, _) in &row {
                table.grid.cell(text.clone(), *rows, *columns);
            }
        }
    }

    fn close(&mut self, is_wanted: fn(&Place) -> bool) {
        let Some(at) = self.places.iter().rposition(is_wanted) else { return };
        while self.places.len() > at.max(1) {
            while self.paragraphs.len() > self.paragraphs_outside() {
                self.end_paragraph();
            }
            let Some(place) = self.places.pop() else { return };
            match place {
                Place::Body(flows) => self.emit(flows),
                Place::Cell { flows, rows, columns, repeated, .. } => {
                    let Some(table) = self.tables.last_mut() else {
                        self.emit(flows);
                        continue;
                    };
                    let text = rich_text(flows);
                    // Empty cells at the end of a row repeat to the last column there could be.
                    if text.is_blank() {
                        if rows > 0 {
                            table.pending_empty += repeated.clamp(1, MAX_REPEATED);
                        }
                        continue;
                    }
                    for _ in 0..std::mem::take(&mut table.pending_empty).min(MAX_REPEATED) {
                        table.row.push((Rich::default(), 1, 1, 1));
                    }
                    for at in 0..repeated.clamp(1, MAX_REPEATED) {
                        if at > 0 && !self.archive.take_text(text.text().len() + 1) {
                            break;
                        }
                        table.row.push((text.clone(), rows.max(1), columns, 1));
                    }
                }
                Place::Note { flows, kind, label, .. } => {
                    let text = rich_text(flows);
                    if kind != NoteKind::Comment && !label.is_empty() {
                        let style = Style { note: true, ..Style::default() };
                        if let Some(paragraph) = self.paragraph() {
                            paragraph.text.push(&format!("[{label}]"), &style);
                        }
                    }
                    if !text.is_blank() {
                        self.notes.push(Flow::Note { kind, label, text });
                    }
                }
                Place::Box { flows, .. } => match self.paragraph() {
                    Some(paragraph) => paragraph.boxes.extend(flows),
                    None => self.emit(flows),
                },
                Place::SpeakerNotes { flows, .. } => {
                    let text = rich_text(flows);
                    if !text.is_blank() {
                        self.emit(vec![Flow::Aside { kind: AsideKind::SpeakerNotes, text }]);
                    }
                }
            }
        }
    }

    fn emit(&mut self, new: Vec<Flow>) {
        match self.places.last_mut() {
            Some(
                Place::Body(flows)
                | Place::Cell { flows, .. }
                | Place::Note { flows, .. }
                | Place::Box { flows, .. }
                | Place::SpeakerNotes { flows, .. },
            ) => flows.extend(new),
            None => self.places.push(Place::Body(new)),
        }
    }

    fn end_paragraph(&mut self) {
        let Some(paragraph) = self.paragraphs.pop() else { return };
        let text = paragraph.text.trimmed();
        let mut flows = Vec::with_capacity(1 + paragraph.boxes.len());
        if !text.is_blank() {
            let level = self.lists.len().saturating_sub(1) as u8;
            let outline = self.styles.find(&paragraph.style, |style| style.outline).filter(|level| *level > 0);
            let heading = paragraph.heading.or(outline.map(|level| level.min(6)));
            let is_title = self
                .styles
                .find(&paragraph.style, |style| style.parent.clone())
                .is_some_and(|parent| parent == "Title")
                || paragraph.style == "Title";
            let flow = match (heading.or(is_title.then_some(1)), self.lists.last_mut()) {
                (Some(level), _) => Flow::Heading { level, text },
                (None, Some(list)) if list.is_fresh && !list.is_header => {
                    list.is_fresh = false;
                    let marker = self.styles.lists.get(&list.style).and_then(|levels| levels.get(&level));
                    let marker = marker
                        .map(|(numerals, before, after, _)| format!("{before}{}{after}", numerals.write(list.counts)));
                    let marker = marker.filter(|marker| marker.chars().any(char::is_alphanumeric));
                    Flow::ListItem { level: level.min(8), marker, text }
                }
                (None, _) => Flow::Paragraph { text },
            };
            flows.push(flow);
        }
        flows.extend(paragraph.boxes);
        self.emit(flows);
    }

    /// What was read since the last time.
    fn take(&mut self) -> Vec<Flow> {
        while self.places.len() > 1 {
            let before = self.places.len();
            self.close(|place| !matches!(place, Place::Body(_)));
            if self.places.len() >= before {
                break;
            }
        }
        while !self.paragraphs.is_empty() {
            self.end_paragraph();
        }
        let mut flows = match self.places.first_mut() {
            Some(Place::Body(flows)) => std::mem::take(flows),
            _ => Vec::new(),
        };
        flows.append(&mut self.notes);
        flows
    }

    /// Puts what was read into the last section, or into the one before it.
    fn take_into_section(&mut self, is_before: bool) {
        let flows = self.take();
        if flows.is_empty() {
            return;
        }
        let count = self.sections.len();
        let at = if is_before { count.checked_sub(2) } else { count.checked_sub(1) };
        match at.and_then(|at| self.sections.get_mut(at)) {
            Some(section) => section.flows.extend(flows),
            None => self.sections.insert(0, Section { flows, ..Section::default() }),
        }
    }

    fn finish(mut self) -> Vec<Section> {
        while !self.tables.is_empty() {
            self.end_row();
            self.end("table");
        }
        let rest = self.take();
        let is_spreadsheet = self.is_spreadsheet();
        let mut sections = self.sections;
        if is_spreadsheet {
            let outside = sections.remove(0);
            for section in &mut sections {
                let title = section.title.clone().unwrap_or_default();
                section.flows.insert(0, Flow::Heading { level: 2, text: Rich::from(title) });
            }
            if let Some(first) = sections.first_mut() {
                first.flows.extend(outside.flows);
            }
        }
        match sections.last_mut() {
            Some(last) => last.flows.extend(rest),
            None => sections.push(Section { flows: rest, ..Section::default() }),
        }
        sections
    }
}

/// The title of the section that marks a spreadsheet; no sheet can be named so.
const SPREADSHEET: &str = "\0spreadsheet";

/// Elements that are no part of the text: what was deleted, forms' and charts' descriptions, scripts.
fn is_skipped(name: &str) -> bool {
    matches!(
        name,
        "tracked-changes"
            | "forms"
            | "scripts"
            | "automatic-styles"
            | "font-face-decls"
            | "binary-data"
            | "date-string"
    )
}
