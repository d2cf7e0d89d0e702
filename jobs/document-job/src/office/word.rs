//! The text of a DOCX (ECMA-376, part 1, 17): paragraphs, headings, lists, tables, notes, comments, headers and footers,
//! text boxes, charts and diagrams. Parts are found by relations, never by their names. What is read is the final view:
//! insertions are in, deletions are out, what was moved stands where it was moved to.

mod styles;

use std::collections::HashMap;
use std::sync::Arc;

use contract::Failure;

use super::archive::{Archive, Relations};
use super::math::Formula;
use super::xml::{Event, Scanner, Tag};
use super::{drawing, encoding, markup, rich_text, symbol};
use crate::flow::{AsideKind, Flow, NoteKind};
use crate::grid::Grid;
use crate::rich::{Rich, Script, Style, scripted};
use styles::{Lists, Styles};

/// Tables within tables; deeper ones are read as the text of their cells.
const MAX_TABLES: usize = 16;
/// Text boxes within text boxes.
const MAX_BOXES: usize = 16;
/// Fields and links within each other.
const MAX_NESTED: usize = 32;
/// Characters of one field's instruction that are kept.
const MAX_INSTRUCTION: usize = 4096;

/// A document's text, and the names of the files within it.
pub(crate) struct Document {
    pub(crate) flows: Vec<Flow>,
    pub(crate) attachments: Vec<String>,
}

/// Reads the document's body and what stands around it.
pub(crate) fn read(archive: &mut Archive) -> Result<Document, Failure> {
    let main = archive.main_part("word/document.xml")?;
    let relations = archive.relations(&main)?;
    let part_of = |kind: &str| relations.of_kind(kind).next().map(|relation| relation.target.clone());
    let folder = main.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    // Without relations the usual names are a guess that costs nothing.
    let named = |kind: &str, name: &str| part_of(kind).unwrap_or_else(|| format!("{folder}/{name}"));
    let styles = archive.xml(&named("styles", "styles.xml"))?.map(|xml| Styles::parse(&xml)).unwrap_or_default();
    let lists = archive.xml(&named("numbering", "numbering.xml"))?.map(|xml| Lists::parse(&xml)).unwrap_or_default();
    let mut shared = Shared { styles, lists, ..Shared::default() };

    let body = archive
        .xml(&main)?
        .ok_or_else(|| Failure::invalid_input(format!("the DOCX has no main document: {main} was not found in it")))?;
    let mut flows = part(archive, &mut shared, &main, &body, relations.clone())?;
    drop(body);

    let mut seen = Vec::new();
    for (kind, aside, is_first) in [("header", AsideKind::Header, true), ("footer", AsideKind::Footer, false)] {
        let mut lines: Vec<Flow> = Vec::new();
        for relation in relations.of_kind(kind) {
            let Some(xml) = archive.xml(&relation.target)? else { continue };
            let relations = archive.relations(&relation.target)?;
            for flow in part(archive, &mut shared, &relation.target, &xml, relations)? {
                let text = rich_text(vec![flow]);
                // First, even and odd pages mostly say the same.
                if !text.is_blank() && !seen.contains(&(kind, text.text().to_owned())) {
                    seen.push((kind, text.text().to_owned()));
                    lines.push(Flow::Aside { kind: aside, text });
                }
            }
        }
        if is_first {
            lines.append(&mut flows);
            flows = lines;
        } else {
            flows.append(&mut lines);
        }
    }
    let notes = [
        ("footnotes", "footnotes.xml", "footnote", NoteKind::Footnote),
        ("endnotes", "endnotes.xml", "endnote", NoteKind::Endnote),
        ("comments", "comments.xml", "comment", NoteKind::Comment),
    ];
    let footers = flows.iter().rposition(|flow| !matches!(flow, Flow::Aside { kind: AsideKind::Footer, .. }));
    let mut footers = flows.split_off(footers.map_or(0, |at| at + 1));
    for (kind, file, element, note) in notes {
        let name = named(kind, file);
        if let Some(xml) = archive.xml(&name)? {
            let relations = archive.relations(&name)?;
            flows.extend(read_notes(archive, &mut shared, &name, &xml, relations, element, note)?);
        }
    }
    flows.append(&mut footers);
    let attachments = ["package", "oleObject"].into_iter().flat_map(|kind| relations.of_kind(kind));
    let attachments = attachments.map(|relation| relation.target.rsplit('/').next().unwrap_or_default().to_owned());
    Ok(Document { flows, attachments: attachments.collect() })
}

/// What the parts of a document share.
#[derive(Default)]
struct Shared {
    styles: Styles,
    lists: Lists,
    /// Labels of notes by the kind of note and its identifier, in the order of the references.
    labels: HashMap<(NoteElement, String), String>,
    chunks: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum NoteElement {
    Footnote,
    Endnote,
}

fn part(
    archive: &mut Archive,
    shared: &mut Shared,
    name: &str,
    xml: &str,
    relations: Relations,
) -> Result<Vec<Flow>, Failure> {
    let mut scanner = Scanner::new(xml);
    let mut reader = Reader::new(archive, shared, relations);
    for event in scanner.by_ref() {
        reader.event(event)?;
        if reader.archive.is_cut() {
            break;
        }
    }
    let flows = reader.finish();
    if !archive.is_cut() {
        archive.check(name, &scanner);
    }
    Ok(flows)
}

/// The notes of a part in the order of their references; those that nothing refers to come last.
fn read_notes(
    archive: &mut Archive,
    shared: &mut Shared,
    name: &str,
    xml: &str,
    relations: Relations,
    element: &str,
    kind: NoteKind,
) -> Result<Vec<Flow>, Failure> {
    let mut scanner = Scanner::new(xml);
    let mut notes: Vec<(String, String, Rich)> = Vec::new();
    let mut current: Option<(String, String)> = None;
    let mut reader = Reader::new(archive, shared, relations);
    for event in scanner.by_ref() {
        match &event {
            Event::Start(tag) if tag.name() == element => {
                let is_note = tag.attribute("type").is_none_or(|kind| kind == "normal");
                let text = |name: &str| tag.attribute(name).map(std::borrow::Cow::into_owned).unwrap_or_default();
                current = is_note.then(|| (text("id"), text("author")));
                reader.take();
            }
            Event::End(end) if *end == element => {
                let text = rich_text(reader.take());
                if let Some((id, author)) = current.take().filter(|_| !text.is_blank()) {
                    notes.push((id, author, text));
                }
            }
            _ => {}
        }
        reader.event(event)?;
        if reader.archive.is_cut() {
            break;
        }
    }
    let rest = rich_text(reader.take());
    if let Some((id, author)) = current.filter(|_| !rest.is_blank()) {
        notes.push((id, author, rest));
    }
    if !archive.is_cut() {
        archive.check(name, &scanner);
    }
    let note_element = if kind == NoteKind::Endnote { NoteElement::Endnote } else { NoteElement::Footnote };
    let mut flows: Vec<(usize, Flow)> = Vec::with_capacity(notes.len());
    for (at, (id, author, text)) in notes.into_iter().enumerate() {
        if kind == NoteKind::Comment {
            flows.push((at, Flow::Note { kind, label: author, text }));
            continue;
        }
        let known = shared.labels.get(&(note_element, id)).cloned();
        let place = known.as_ref().and_then(|label| label.parse().ok()).unwrap_or(usize::MAX);
        let label = known.unwrap_or_else(|| {
            let next = shared.labels.len() + 1;
            shared.labels.insert((note_element, format!("\0{next}")), next.to_string());
            next.to_string()
        });
        flows.push((place, Flow::Note { kind, label, text }));
    }
    flows.sort_by_key(|(place, _)| *place);
    Ok(flows.into_iter().map(|(_, flow)| flow).collect())
}

// --- the reader of a part ---

/// What a paragraph itself says of its level, whatever its style says.
#[derive(Default, Clone, Copy)]
enum Outline {
    #[default]
    ByStyle,
    Body,
    Heading(u8),
}

#[derive(Default)]
struct Paragraph {
    text: Rich,
    style: Option<String>,
    heading: Outline,
    list: Option<String>,
    list_level: Option<u8>,
    has_list: bool,
    /// Its end is deleted: what follows belongs to it.
    goes_on: bool,
    /// Text boxes, pictures and charts that are anchored in it.
    boxes: Vec<Flow>,
}

/// The properties of the run at hand.
#[derive(Default, Clone)]
struct Run {
    bold: Option<bool>,
    italic: Option<bool>,
    strike: bool,
    script: Script,
    is_hidden: Option<bool>,
    style: Option<String>,
    symbol_font: Option<String>,
}

/// What content goes into.
enum Place {
    Body(Vec<Flow>),
    Box { flows: Vec<Flow>, paragraphs: usize },
    Cell { flows: Vec<Flow>, rows: usize, columns: usize, is_continued: bool, paragraphs: usize },
    Table(Box<TableState>),
}

#[derive(Default)]
struct TableState {
    grid: Grid,
    /// A table of one cell is a frame around its content.
    only: Option<(Vec<Flow>, usize, usize)>,
    is_row_deleted: bool,
    cells: usize,
    begun_rows: usize,
}

#[derive(Default)]
struct Field {
    instruction: String,
    link: Option<Arc<str>>,
    has_result: bool,
    check_box: Option<bool>,
    entries: Vec<String>,
    entry: Option<usize>,
    has_text: bool,
}

struct Reader<'a, 'b> {
    archive: &'a mut Archive<'b>,
    shared: &'a mut Shared,
    relations: Relations,
    places: Vec<Place>,
    paragraphs: Vec<Paragraph>,
    /// Text of a paragraph whose end is deleted.
    carried: Option<Rich>,
    run: Run,
    takes_text: bool,
    takes_instruction: bool,
    /// Elements whose content is not shown or not current.
    skipped: usize,
    in_paragraph_properties: usize,
    in_run_properties: usize,
    in_row_properties: bool,
    fields: Vec<Field>,
    simple_fields: Vec<Option<Arc<str>>>,
    links: Vec<Option<Arc<str>>>,
    formula: Option<(Formula, usize)>,
    /// The base and the reading of a ruby.
    ruby: Option<Rich>,
    in_ruby_text: bool,
    tables: usize,
    tables_beyond: usize,
    boxes: usize,
}

impl<'a, 'b> Reader<'a, 'b> {
    fn new(archive: &'a mut Archive<'b>, shared: &'a mut Shared, relations: Relations) -> Self {
        Self {
            archive,
            shared,
            relations,
            places: vec![Place::Body(Vec::new())],
            paragraphs: Vec::new(),
            carried: None,
            run: Run::default(),
            takes_text: false,
            takes_instruction: false,
            skipped: 0,
            in_paragraph_properties: 0,
            in_run_properties: 0,
            in_row_properties: false,
            fields: Vec::new(),
            simple_fields: Vec::new(),
            links: Vec::new(),
            formula: None,
            ruby: None,
            in_ruby_text: false,
            tables: 0,
            tables_beyond: 0,
            boxes: 0,
        }
    }

    fn event(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Start(tag) if self.skips(tag.name()) => self.skipped += 1,
            Event::End(name) if is_skipped(name) || (name == "del" && self.skipped > 0) => {
                self.skipped = self.skipped.saturating_sub(1);
            }
            _ if self.skipped > 0 => {}
            Event::Start(tag) => {
                if self.formula.is_some() {
                    self.formula_start(&tag);
                } else {
                    self.start(&tag)?;
                }
            }
            Event::End(name) => {
                if self.formula.is_some() {
                    self.formula_end(name);
                } else {
                    self.end(name);
                }
            }
            Event::Text(text) => {
                if let Some((formula, _)) = &mut self.formula {
                    if self.takes_text {
                        formula.text(&text);
                    }
                } else if self.takes_text {
                    self.text(&text);
                } else if self.takes_instruction
                    && let Some(field) = self.fields.last_mut()
                    && field.instruction.len() < MAX_INSTRUCTION
                {
                    field.instruction.push_str(&text);
                }
            }
        }
        Ok(())
    }

    /// What is deleted is skipped; in properties the same element says that the paragraph's mark or the row is.
    fn skips(&self, name: &str) -> bool {
        let in_properties = self.in_paragraph_properties > 0 || self.in_run_properties > 0 || self.in_row_properties;
        is_skipped(name) || (name == "del" && (self.skipped > 0 || !in_properties))
    }

    // --- text ---

    fn text(&mut self, text: &str) {
        let is_hidden = self.run.is_hidden.or_else(|| {
            let style = self.run.style.as_deref()?;
            self.shared.styles.find(style, |style| style.is_hidden)
        });
        if is_hidden == Some(true) || !self.archive.take_text(text.len()) {
            return;
        }
        let symbols: Option<String> = self
            .run
            .symbol_font
            .as_ref()
            .map(|font| text.chars().map(|char| symbol::of_font(font, u32::from(char)).unwrap_or(char)).collect());
        let text = symbols.as_deref().unwrap_or(text);
        let style = self.style();
        if let Some(field) = self.fields.last_mut() {
            field.has_text |= field.has_result && !text.trim().is_empty();
        }
        let script = self.run.script;
        let target = self.target();
        if script == Script::Normal {
            target.push(text, &style);
        } else {
            let before = target.text().chars().next_back();
            target.push(&scripted(text, script, before), &style);
        }
    }

    /// What text goes into: the reading of a ruby, or the paragraph.
    fn target(&mut self) -> &mut Rich {
        if self.in_ruby_text && self.ruby.is_some() {
            return self.ruby.get_or_insert_default();
        }
        &mut self.paragraph().text
    }

    fn paragraph(&mut self) -> &mut Paragraph {
        if self.paragraphs.len() <= self.paragraphs_outside() {
            self.paragraphs.push(Paragraph::default());
        }
        self.paragraphs.last_mut().expect("one was pushed")
    }

    /// Paragraphs that are open around the place at hand.
    fn paragraphs_outside(&self) -> usize {
        let own = self.places.iter().rev().find_map(|place| match place {
            Place::Box { paragraphs, .. } | Place::Cell { paragraphs, .. } => Some(*paragraphs),
            Place::Body(_) => Some(0),
            Place::Table(_) => None,
        });
        own.unwrap_or(0)
    }

    fn style(&self) -> Style {
        let of_style = |get: fn(&styles::Style) -> Option<bool>| {
            let style = self.run.style.as_deref()?;
            self.shared.styles.find(style, get)
        };
        let field = self.fields.iter().rev().find_map(|field| field.link.clone());
        let link = self.links.iter().rev().chain(self.simple_fields.iter().rev()).find_map(Clone::clone).or(field);
        // Word underlines and colours links by a style whose other parts say nothing.
        Style {
            strong: self.run.bold.or_else(|| of_style(|style| style.bold)).unwrap_or(false),
            emphasis: self.run.italic.or_else(|| of_style(|style| style.italic)).unwrap_or(false),
            strike: self.run.strike,
            link,
            ..Style::default()
        }
    }

    // --- elements ---

    fn start(&mut self, tag: &Tag) -> Result<(), Failure> {
        let value = || tag.attribute("val");
        if self.in_run_properties > 0 {
            self.run_property(tag);
            return Ok(());
        }
        if self.in_paragraph_properties > 0 {
            self.paragraph_property(tag);
            return Ok(());
        }
        match tag.name() {
            "p" => {
                // One that is open still has lost its end.
                while self.paragraphs.len() > self.paragraphs_outside() {
                    self.end_paragraph();
                }
                self.paragraphs.push(Paragraph::default());
                self.run = Run::default();
            }
            "pPr" => self.in_paragraph_properties = 1,
            "r" => self.run = Run::default(),
            "rPr" => self.in_run_properties = 1,
            "t" => self.takes_text = true,
            "instrText" => {
                self.takes_instruction = true;
                self.takes_text = false;
            }
            "tab" | "ptab" => self.text("\t"),
            "br" | "cr" => self.text("\n"),
            "noBreakHyphen" => self.text("-"),
            "sym" => {
                let code = tag.attribute("char").and_then(|code| u32::from_str_radix(&code, 16).ok());
                let font = tag.attribute("font").unwrap_or_default();
                if let Some(code) = code {
                    let char = symbol::of_font(&font, code).or_else(|| char::from_u32(code));
                    let char = char.unwrap_or(char::REPLACEMENT_CHARACTER);
                    let fonts = self.run.symbol_font.take();
                    self.text(char.encode_utf8(&mut [0; 4]));
                    self.run.symbol_font = fonts;
                }
            }
            "hyperlink" => {
                let address = tag.prefixed("id").and_then(|id| self.relations.by_id(&id).cloned());
                let address = address.filter(|relation| relation.is_external).map(|relation| relation.target);
                let anchor = tag.attribute("anchor").filter(|anchor| !anchor.starts_with('_'));
                let link = match (address, anchor) {
                    (Some(address), Some(anchor)) if !address.contains('#') => Some(format!("{address}#{anchor}")),
                    (Some(address), _) => Some(address),
                    (None, _) => None,
                };
                if self.links.len() >= MAX_NESTED {
                    self.links.remove(0);
                }
                self.links.push(link.map(Arc::from));
            }
            "fldSimple" => {
                let link = tag.attribute("instr").and_then(|instruction| link_of(&instruction));
                if self.simple_fields.len() >= MAX_NESTED {
                    self.simple_fields.remove(0);
                }
                self.simple_fields.push(link);
            }
            "fldChar" => match tag.attribute("fldCharType").as_deref() {
                Some("begin") => {
                    // Of fields without an end the first are given up.
                    if self.fields.len() >= MAX_NESTED {
                        self.fields.remove(0);
                    }
                    self.fields.push(Field::default());
                }
                Some("separate") => {
                    if let Some(field) = self.fields.last_mut() {
                        field.has_result = true;
                        field.link = link_of(&field.instruction);
                    }
                }
                Some("end") => self.end_field(),
                _ => {}
            },
            "checkBox" => {
                if let Some(field) = self.fields.last_mut() {
                    field.check_box.get_or_insert(false);
                }
            }
            "default" | "checked" | "result" => {
                let is_checked = tag.is_on();
                let entry = tag.number("val");
                if let Some(field) = self.fields.last_mut().filter(|field| !field.has_result) {
                    if let Some(check_box) = &mut field.check_box {
                        *check_box = is_checked;
                    } else {
                        field.entry = entry.or(field.entry);
                    }
                }
            }
            "listEntry" => {
                if let (Some(field), Some(entry)) = (self.fields.last_mut(), value()) {
                    field.entries.push(entry.into_owned());
                }
            }
            "footnoteReference" => self.note_reference(NoteElement::Footnote, tag),
            "endnoteReference" => self.note_reference(NoteElement::Endnote, tag),
            "oMath" => {
                let depth = 1;
                self.formula = Some((Formula::default(), depth));
            }
            "ruby" => self.ruby = Some(Rich::default()),
            "rt" => self.in_ruby_text = true,
            "tbl" => self.start_table(),
            "tr" if self.tables_beyond == 0 => self.start_row(),
            "trPr" => self.in_row_properties = true,
            "del" if self.in_row_properties => {
                if let Some(Place::Table(table)) = self.places.last_mut() {
                    table.is_row_deleted = true;
                }
            }
            "gridBefore" => {
                if let (Some(Place::Table(table)), Some(columns)) = (self.places.last_mut(), tag.number("val")) {
                    table.grid.skip(columns);
                }
            }
            "tc" if self.tables_beyond == 0 => {
                if matches!(self.places.last(), Some(Place::Table(_))) {
                    let paragraphs = self.paragraphs.len();
                    self.places.push(Place::Cell {
                        flows: Vec::new(),
                        rows: 1,
                        columns: 1,
                        is_continued: false,
                        paragraphs,
                    });
                }
            }
            "vMerge" => {
                let continues = value().is_none_or(|value| value != "restart");
                if let Some(Place::Cell { is_continued, .. }) = self.places.last_mut() {
                    *is_continued = continues;
                }
            }
            "gridSpan" => {
                if let (Some(Place::Cell { columns, .. }), Some(span)) = (self.places.last_mut(), tag.number("val")) {
                    *columns = span;
                }
            }
            "txbxContent" | "txBody" if self.boxes < MAX_BOXES => {
                self.boxes += 1;
                let paragraphs = self.paragraphs.len();
                self.places.push(Place::Box { flows: Vec::new(), paragraphs });
                self.run = Run::default();
            }
            "docPr" => {
                let is_hidden = tag.attribute("hidden").is_some_and(|hidden| hidden == "1" || hidden == "true");
                let text = tag.attribute("descr").filter(|text| !text.trim().is_empty() && !is_hidden);
                if let Some(text) = text
                    && self.archive.take_text(text.len())
                {
                    let text = Rich::from(text.trim());
                    self.paragraph().boxes.push(Flow::Aside { kind: AsideKind::Picture, text });
                }
            }
            "chart" | "relIds" => {
                let id = if tag.name() == "chart" { tag.prefixed("id") } else { tag.attribute("dm") };
                if let Some(target) =
                    id.and_then(|id| self.relations.by_id(&id).map(|relation| relation.target.clone()))
                {
                    let flows = if tag.name() == "chart" {
                        drawing::chart(self.archive, &target)?
                    } else {
                        drawing::diagram(self.archive, &target)?
                    };
                    self.paragraph().boxes.extend(flows);
                }
            }
            "altChunk" => {
                let target = tag.prefixed("id").and_then(|id| Some(self.relations.by_id(&id)?.target.clone()));
                let flows = self.chunk(target.as_deref())?;
                self.emit(flows);
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str) {
        match name {
            "pPr" if self.in_run_properties == 0 => self.in_paragraph_properties = 0,
            "rPr" => self.in_run_properties = self.in_run_properties.saturating_sub(1),
            _ if self.in_run_properties > 0 || self.in_paragraph_properties > 0 => {
                // The end of the properties was lost.
                if matches!(name, "p" | "r" | "tc" | "tr" | "tbl" | "body") {
                    self.in_run_properties = 0;
                    self.in_paragraph_properties = 0;
                    self.end(name);
                }
            }
            "p" => {
                if self.paragraphs.len() > self.paragraphs_outside() {
                    self.end_paragraph();
                }
                self.takes_text = false;
            }
            "r" => self.run = Run::default(),
            "t" => self.takes_text = false,
            "instrText" => self.takes_instruction = false,
            "hyperlink" => {
                self.links.pop();
            }
            "fldSimple" => {
                self.simple_fields.pop();
            }
            "rt" => self.in_ruby_text = false,
            "ruby" => {
                // The word stays whole; its reading comes behind it.
                if let Some(reading) = self.ruby.take().filter(|reading| !reading.is_blank()) {
                    let reading = format!("({})", reading.text().trim());
                    self.paragraph().text.push(&reading, &Style::default());
                }
            }
            "trPr" => self.in_row_properties = false,
            "tc" if self.tables_beyond == 0 => self.close(|place| matches!(place, Place::Cell { .. })),
            "tbl" => {
                if self.tables_beyond > 0 {
                    self.tables_beyond -= 1;
                } else {
                    self.close(|place| matches!(place, Place::Table(_)));
                }
            }
            "txbxContent" | "txBody" => self.close(|place| matches!(place, Place::Box { .. })),
            _ => {}
        }
    }

    fn run_property(&mut self, tag: &Tag) {
        let run = &mut self.run;
        match tag.name() {
            "rPr" => self.in_run_properties += 1,
            "b" => run.bold = Some(tag.is_on()),
            "i" => run.italic = Some(tag.is_on()),
            "strike" | "dstrike" => run.strike = tag.is_on(),
            "vanish" => run.is_hidden = Some(tag.is_on()),
            "rStyle" => run.style = tag.attribute("val").map(std::borrow::Cow::into_owned),
            "vertAlign" => {
                run.script = match tag.attribute("val").as_deref() {
                    Some("superscript") => Script::Super,
                    Some("subscript") => Script::Sub,
                    _ => Script::Normal,
                };
            }
            "rFonts" => {
                let font = tag.attribute("ascii").or_else(|| tag.attribute("hAnsi"));
                run.symbol_font = font.filter(|font| symbol::is_symbol_font(font)).map(std::borrow::Cow::into_owned);
            }
            _ => {}
        }
    }

    fn paragraph_property(&mut self, tag: &Tag) {
        let value = tag.attribute("val").map(std::borrow::Cow::into_owned);
        let name = tag.name();
        let level = tag.number::<u8>("val");
        if self.paragraphs.is_empty() {
            return;
        }
        let paragraph = self.paragraph();
        match name {
            "pStyle" => paragraph.style = value,
            "outlineLvl" => {
                paragraph.heading = match level {
                    Some(level @ 0..=8) => Outline::Heading((level + 1).min(6)),
                    Some(_) => Outline::Body,
                    None => Outline::ByStyle,
                };
            }
            "numPr" => paragraph.has_list = true,
            "numId" => paragraph.list = value,
            "ilvl" => paragraph.list_level = level,
            // Of the paragraph's mark.
            "del" => paragraph.goes_on = true,
            _ => {}
        }
    }

    fn note_reference(&mut self, element: NoteElement, tag: &Tag) {
        let Some(id) = tag.attribute("id") else { return };
        let next = self.shared.labels.len() + 1;
        let label = self.shared.labels.entry((element, id.into_owned())).or_insert_with(|| next.to_string()).clone();
        self.paragraph().text.push(&format!("[{label}]"), &Style { note: true, ..Style::default() });
    }

    fn end_field(&mut self) {
        let Some(field) = self.fields.pop() else { return };
        if let Some(is_checked) = field.check_box {
            self.text(if is_checked { "☒" } else { "☐" });
        } else if !field.entries.is_empty() && !field.has_text {
            let entry = field.entries.get(field.entry.unwrap_or(0)).cloned().unwrap_or_default();
            self.text(&entry);
        }
    }

    // --- formulas ---

    fn formula_start(&mut self, tag: &Tag) {
        let Some((formula, depth)) = &mut self.formula else { return };
        *depth += 1;
        if let Some(value) =
            tag.attribute("val").filter(|_| matches!(tag.name(), "chr" | "begChr" | "endChr" | "sepChr"))
        {
            formula.property(tag.name(), &value);
        }
        formula.start(tag.name());
        self.takes_text = tag.name() == "t";
    }

    fn formula_end(&mut self, name: &str) {
        let Some((formula, depth)) = &mut self.formula else { return };
        self.takes_text = false;
        *depth -= 1;
        if *depth > 0 && name != "oMath" && name != "p" {
            formula.end();
            return;
        }
        let Some((formula, _)) = self.formula.take() else { return };
        let line = formula.finish();
        if self.archive.take_text(line.len()) {
            self.paragraph().text.push(&line, &Style::default());
        }
        if name == "p" {
            self.end("p");
        }
    }

    // --- tables ---

    fn start_table(&mut self) {
        if self.tables >= MAX_TABLES {
            self.tables_beyond += 1;
            return;
        }
        // A table begins where a paragraph has lost its end.
        while self.paragraphs.len() > self.paragraphs_outside() {
            self.end_paragraph();
        }
        self.tables += 1;
        self.places.push(Place::Table(Box::default()));
    }

    fn start_row(&mut self) {
        // Cells that have lost their end.
        while matches!(self.places.last(), Some(Place::Cell { .. })) && self.tables > 0 {
            self.close(|place| matches!(place, Place::Cell { .. }));
        }
        if let Some(Place::Table(table)) = self.places.last_mut() {
            if let Some((flows, rows, columns)) = table.only.take() {
                table.grid.cell(rich_text(flows), rows, columns);
            }
            table.is_row_deleted = false;
            table.begun_rows += 1;
            table.grid.begin_row();
        }
    }

    /// Closes places up to the innermost one of a kind, and that one.
    fn close(&mut self, is_wanted: fn(&Place) -> bool) {
        // What is outside of a text box is not closed from within.
        let inner =
            self.places.iter().rposition(|place| matches!(place, Place::Box { .. } | Place::Body(_))).unwrap_or(0);
        let Some(at) = self.places.iter().rposition(is_wanted).filter(|at| *at >= inner && *at > 0) else { return };
        while self.places.len() > at {
            while self.paragraphs.len() > self.paragraphs_outside() {
                self.end_paragraph();
            }
            let Some(place) = self.places.pop() else { return };
            match place {
                Place::Cell { flows, rows, columns, is_continued, .. } => {
                    self.end_cell(flows, rows, columns, is_continued);
                }
                Place::Table(table) => self.end_table(*table),
                Place::Box { flows, .. } => {
                    self.boxes -= 1;
                    self.paragraph().boxes.extend(flows);
                }
                Place::Body(flows) => self.emit(flows),
            }
        }
    }

    fn end_cell(&mut self, flows: Vec<Flow>, rows: usize, columns: usize, is_continued: bool) {
        let Some(Place::Table(table)) = self.places.last_mut() else {
            self.emit(flows);
            return;
        };
        if table.is_row_deleted {
            return;
        }
        table.cells += 1;
        if table.cells == 1 && table.begun_rows <= 1 && !is_continued {
            table.only = Some((flows, rows, columns));
            return;
        }
        if let Some((flows, rows, columns)) = table.only.take() {
            table.grid.cell(rich_text(flows), rows, columns);
        }
        table.grid.cell(rich_text(flows), rows, columns);
    }

    fn end_table(&mut self, table: TableState) {
        self.tables -= 1;
        if let Some((flows, ..)) = table.only {
            self.emit(flows);
        } else {
            let flows = table.grid.finish().map(Flow::Table);
            self.emit(flows.into_iter().collect());
        }
    }

    // --- ends ---

    fn emit(&mut self, mut new: Vec<Flow>) {
        if new.is_empty() {
            return;
        }
        match self.places.last_mut() {
            Some(Place::Body(flows) | Place::Box { flows, .. } | Place::Cell { flows, .. }) => flows.append(&mut new),
            // Between the cells of a table nothing should stand.
            Some(Place::Table(table)) => table.grid.cell(rich_text(new), 1, 1),
            None => self.places.push(Place::Body(new)),
        }
    }

    fn end_paragraph(&mut self) {
        let Some(paragraph) = self.paragraphs.pop() else { return };
        let mut text = self.carried.take().unwrap_or_default();
        text.append(paragraph.text);
        let mut flows = Vec::with_capacity(1 + paragraph.boxes.len());
        if paragraph.goes_on {
            self.carried = Some(text);
            self.emit(paragraph.boxes);
            return;
        }
        let text = text.trimmed();
        let style = paragraph.style.as_deref();
        let styles = &self.shared.styles;
        let heading = match paragraph.heading {
            Outline::Heading(level) => Some(level),
            Outline::Body => None,
            Outline::ByStyle => style.and_then(|style| styles.heading(style)),
        };
        // A paragraph's own list counts before its style's; list 0 is none.
        let of_style = style.and_then(|style| styles.list(style));
        let list = paragraph.list.clone().or_else(|| of_style.as_ref().map(|(list, _)| list.clone()));
        let is_list_by_name = list.is_none() && style.is_some_and(|style| styles.is_list_by_name(style));
        let list = list.filter(|list| list != "0");
        let level = paragraph
            .list_level
            .or_else(|| {
                list.as_deref().zip(style).and_then(|(list, style)| self.shared.lists.level_of_style(list, style))
            })
            .or_else(|| of_style.as_ref().and_then(|(_, level)| *level))
            .unwrap_or(0);
        let is_item = list.is_some() || is_list_by_name || (paragraph.has_list && paragraph.list.is_none());
        if !text.is_blank() {
            let marker = list.as_deref().and_then(|list| self.shared.lists.count(list, level));
            let text = match (&marker, heading) {
                (Some(marker), Some(_)) => text.with_prefix(&format!("{marker} ")),
                _ => text,
            };
            flows.push(match heading {
                Some(heading) => Flow::Heading { level: heading, text },
                None if is_item => Flow::ListItem { level: level.min(8), marker, text },
                None => Flow::Paragraph { text },
            });
        }
        flows.extend(paragraph.boxes);
        self.emit(flows);
    }

    /// What was read since the last time.
    fn take(&mut self) -> Vec<Flow> {
        self.close_all();
        match self.places.first_mut() {
            Some(Place::Body(flows)) => std::mem::take(flows),
            _ => Vec::new(),
        }
    }

    fn close_all(&mut self) {
        if let Some((formula, _)) = self.formula.take() {
            let line = formula.finish();
            self.paragraph().text.push(&line, &Style::default());
        }
        while self.places.len() > 1 {
            let before = self.places.len();
            match self.places.last() {
                Some(Place::Cell { .. }) => self.close(|place| matches!(place, Place::Cell { .. })),
                Some(Place::Table(_)) => self.close(|place| matches!(place, Place::Table(_))),
                _ => self.close(|place| matches!(place, Place::Box { .. })),
            }
            if self.places.len() >= before {
                break;
            }
        }
        while !self.paragraphs.is_empty() {
            self.end_paragraph();
        }
        if let Some(text) = self.carried.take().filter(|text| !text.is_blank()) {
            self.emit(vec![Flow::Paragraph { text: text.trimmed() }]);
        }
    }

    /// A document that is cut off still gives what it has.
    fn finish(mut self) -> Vec<Flow> {
        self.take()
    }

    /// A file of another kind that Word shows as a part of the document.
    fn chunk(&mut self, target: Option<&str>) -> Result<Vec<Flow>, Failure> {
        /// Chunks that are read.
        const MAX_CHUNKS: usize = 1000;
        self.shared.chunks += 1;
        let bytes = match target {
            Some(target) if self.shared.chunks <= MAX_CHUNKS => self.archive.part(target)?,
            _ => None,
        };
        let Some(bytes) = bytes else {
            self.archive
                .warn(format!("the imported file {} was not found in the document", target.unwrap_or("of a chunk")));
            return Ok(Vec::new());
        };
        let name = target.unwrap_or_default().to_ascii_lowercase();
        let flows = if bytes.starts_with(b"{\\rtf") {
            super::rtf::read(&bytes).flows
        } else if bytes.starts_with(b"PK") {
            self.archive.warn(format!("the imported file {name} is a document of its own and was not read"));
            return Ok(Vec::new());
        } else if name.rsplit_once('.').is_some_and(|(_, kind)| kind == "txt") {
            encoding::text(&bytes).lines().filter(|line| !line.trim().is_empty()).map(Flow::paragraph).collect()
        } else {
            markup::read(&encoding::html(&bytes)).flows
        };
        let length = flows.iter().map(Flow::len).sum();
        Ok(if self.archive.take_text(length) { flows } else { Vec::new() })
    }
}

/// Elements that are not part of the document as it is shown: alternatives for older programs, what was deleted or moved
/// away, and what properties were before they were changed.
fn is_skipped(name: &str) -> bool {
    matches!(
        name,
        "Fallback"
            | "moveFrom"
            | "delText"
            | "delInstrText"
            | "rPrChange"
            | "pPrChange"
            | "tblPrChange"
            | "trPrChange"
            | "tcPrChange"
            | "sectPrChange"
            | "tblGridChange"
            | "numberingChange"
    )
}

/// The address of a field such as `HYPERLINK "https://…" \o "tip"`.
fn link_of(instruction: &str) -> Option<Arc<str>> {
    let rest = instruction.trim_start();
    let rest = rest.get(..9).filter(|word| word.eq_ignore_ascii_case("HYPERLINK")).map(|_| rest[9..].trim_start())?;
    let address = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split_whitespace().next()?,
    };
    (!address.is_empty() && !address.starts_with('\\')).then(|| Arc::from(address))
}
