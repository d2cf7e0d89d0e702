//! RTF 1.9.1: paragraphs, headings, lists, tables, links, notes. Groups are followed with a stack of their own, and what
//! is unknown is passed as the specification says.

use std::collections::HashMap;
use std::sync::Arc;

use encoding_rs::{Encoding, WINDOWS_1252};

use super::{rich_text, symbol};
use crate::document::Metadata;
use crate::flow::{AsideKind, Flow, NoteKind};
use crate::grid::Grid;
use crate::rich::{Rich, Script, Style, scripted};

/// Groups within groups; deeper ones change nothing any more.
const MAX_DEPTH: usize = 1000;

/// What a file holds.
#[derive(Default)]
pub(crate) struct Text {
    pub(crate) flows: Vec<Flow>,
    pub(crate) metadata: Metadata,
    /// It ends within a group.
    pub(crate) is_cut: bool,
}

/// Where the text of a group goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Destination {
    #[default]
    Body,
    Skipped,
    Fonts,
    Styles,
    /// The document's description: one of its keys.
    Title,
    Author,
    Subject,
    Keywords,
    Instruction,
    /// What stands before a list item.
    Marker,
    Header,
    Footer,
    Note,
    Comment,
    CommentAuthor,
}

#[derive(Clone, Default)]
struct Group {
    destination: Destination,
    bold: bool,
    italic: bool,
    strike: bool,
    hidden: bool,
    script: Script,
    font: i32,
    /// Characters that stand for a `\u` where that is not understood.
    replacements: usize,
    link: Option<Arc<str>>,
    /// The group opened the destination.
    is_opener: bool,
}

#[derive(Default)]
struct Paragraph {
    text: Rich,
    marker: Option<String>,
    is_list: bool,
    list_level: u8,
    outline: Option<u8>,
    style: Option<i32>,
    in_table: bool,
}

#[derive(Default)]
struct Font {
    encoding: Option<&'static Encoding>,
    name: String,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    groups: Vec<Group>,
    beyond: usize,
    encoding: &'static Encoding,
    fonts: HashMap<i32, Font>,
    headings: HashMap<i32, u8>,
    style_name: String,
    style_number: i32,
    style_outline: Option<u8>,
    paragraph: Paragraph,
    /// Paragraphs outside of the group that a note or a header is.
    outer: Vec<(Paragraph, Vec<Flow>)>,
    flows: Vec<Flow>,
    cell: Vec<Flow>,
    row: Vec<Rich>,
    table: Option<Grid>,
    /// Bytes of characters that take two.
    pending: Vec<u8>,
    skip_characters: usize,
    surrogate: Option<u16>,
    instruction: String,
    notes: Vec<Flow>,
    furniture: Vec<Flow>,
    comment_author: String,
    metadata: Metadata,
}

/// Reads a file.
pub(crate) fn read(bytes: &[u8]) -> Text {
    let mut reader = Reader {
        bytes,
        at: 0,
        groups: vec![Group { replacements: 1, ..Group::default() }],
        beyond: 0,
        encoding: WINDOWS_1252,
        fonts: HashMap::new(),
        headings: HashMap::new(),
        style_name: String::new(),
        style_number: 0,
        style_outline: None,
        paragraph: Paragraph::default(),
        outer: Vec::new(),
        flows: Vec::new(),
        cell: Vec::new(),
        row: Vec::new(),
        table: None,
        pending: Vec::new(),
        skip_characters: 0,
        surrogate: None,
        instruction: String::new(),
        notes: Vec::new(),
        furniture: Vec::new(),
        comment_author: String::new(),
        metadata: Metadata::default(),
    };
    reader.run();
    let is_cut = reader.groups.len() > 1;
    while reader.groups.len() > 1 {
        reader.end_group();
    }
    reader.flush_bytes();
    reader.end_paragraph();
    reader.end_table();
    let mut flows = reader
        .furniture
        .iter()
        .filter(|flow| matches!(flow, Flow::Aside { kind: AsideKind::Header, .. }))
        .cloned()
        .collect::<Vec<_>>();
    flows.append(&mut reader.flows);
    flows.append(&mut reader.notes);
    flows.extend(
        reader.furniture.into_iter().filter(|flow| matches!(flow, Flow::Aside { kind: AsideKind::Footer, .. })),
    );
    Text { flows, metadata: reader.metadata, is_cut }
}

impl Reader<'_> {
    fn run(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'{' => {
                    self.at += 1;
                    self.flush_bytes();
                    self.skip_characters = 0;
                    if self.groups.len() < MAX_DEPTH {
                        let group = Group { is_opener: false, ..self.group().clone() };
                        self.groups.push(group);
                    } else {
                        self.beyond += 1;
                    }
                }
                b'}' => {
                    self.at += 1;
                    self.flush_bytes();
                    self.skip_characters = 0;
                    if self.beyond > 0 {
                        self.beyond -= 1;
                    } else if self.groups.len() > 1 {
                        self.end_group();
                    }
                }
                b'\\' => self.control(),
                b'\r' | b'\n' | 0 => self.at += 1,
                byte => {
                    self.at += 1;
                    self.byte(byte);
                }
            }
        }
    }

    fn group(&self) -> &Group {
        self.groups.last().expect("there is one")
    }

    fn group_mut(&mut self) -> &mut Group {
        self.groups.last_mut().expect("there is one")
    }

    // --- controls ---

    fn control(&mut self) {
        let rest = &self.bytes[self.at + 1..];
        let letters = rest.iter().take(32).take_while(|byte| byte.is_ascii_alphabetic()).count();
        if letters == 0 {
            let symbol = rest.first().copied();
            self.at += 2;
            match symbol {
                Some(b'\'') => {
                    let digits = rest.get(1..3).and_then(|digits| std::str::from_utf8(digits).ok());
                    if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                        self.at += 2;
                        self.byte(byte);
                    }
                }
                Some(byte @ (b'\\' | b'{' | b'}')) => self.byte(byte),
                Some(b'~') => self.push("\u{A0}"),
                Some(b'_') => self.push("-"),
                Some(b'*') => self.unknown_destination(),
                Some(b'\n' | b'\r') => self.word("par", None),
                Some(b'\t') => self.push("\t"),
                _ => {}
            }
            return;
        }
        let word = String::from_utf8_lossy(&rest[..letters]).into_owned();
        let mut end = letters;
        let digits_from = end + usize::from(rest.get(end) == Some(&b'-'));
        let digits =
            rest[digits_from.min(rest.len())..].iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
        let mut number = None;
        if digits > 0 {
            let text = String::from_utf8_lossy(&rest[end..digits_from + digits]).into_owned();
            number = text.parse::<i32>().ok();
            end = digits_from + digits;
        }
        if rest.get(end) == Some(&b' ') {
            end += 1;
        }
        self.at += 1 + end;
        if word == "bin" {
            // Bytes that are no text.
            self.at = self.at.saturating_add(number.unwrap_or(0).max(0) as usize).min(self.bytes.len());
            return;
        }
        self.word(&word, number);
    }

    /// `\*` before a destination that old readers do not know: passed, unless it is known here.
    fn unknown_destination(&mut self) {
        let rest = &self.bytes[self.at..];
        let known: [&[u8]; 5] = [b"\\fldinst", b"\\annotation", b"\\atnauthor", b"\\pnseclvl", b"\\listtext"];
        if !known.iter().any(|known| rest.starts_with(known)) {
            self.group_mut().destination = Destination::Skipped;
        }
    }

    fn word(&mut self, word: &str, number: Option<i32>) {
        self.flush_bytes();
        let is_on = number != Some(0);
        match word {
            "ansicpg" => self.encoding = code_page(number.unwrap_or(0)).unwrap_or(self.encoding),
            "mac" => self.encoding = encoding_rs::MACINTOSH,
            "u" => self.unicode(number.unwrap_or(0)),
            "uc" => self.group_mut().replacements = number.unwrap_or(1).clamp(0, 32) as usize,
            // Destinations.
            "fonttbl" => self.open(Destination::Fonts),
            "stylesheet" => self.open(Destination::Styles),
            "colortbl" | "pict" | "objdata" | "listtable" | "listoverridetable" | "revtbl" | "rsidtbl"
            | "themedata" | "colorschememapping" | "datastore" | "latentstyles" | "xmlnstbl" | "generator"
            | "filetbl" | "info" | "objclass" | "objname" | "bkmkstart" | "bkmkend" | "pntxta" | "pntxtb" | "pn"
            | "tc" | "xe" | "txe" | "rxe" | "template" | "operator" | "printim" | "fontemb" | "fontfile"
            | "nonshppict" | "wgrffmtfilter" | "mmathPr" | "sp" | "atnid" | "atntime" | "atndate" | "atnref"
            | "atrfstart" | "atrfend"
                if self.group().destination != Destination::Skipped =>
            {
                self.open(Destination::Skipped);
            }
            // Within the document's description, which is passed but for these.
            "title" => self.group_mut().destination = Destination::Title,
            "author" => self.group_mut().destination = Destination::Author,
            "subject" => self.group_mut().destination = Destination::Subject,
            "keywords" => self.group_mut().destination = Destination::Keywords,
            "fldinst" => {
                self.instruction.clear();
                self.open(Destination::Instruction);
            }
            "fldrslt" => {
                let link = link_of(&self.instruction);
                self.group_mut().link = link;
            }
            "listtext" | "pntext" => self.open(Destination::Marker),
            "header" | "headerl" | "headerr" | "headerf" => self.open_part(Destination::Header),
            "footer" | "footerl" | "footerr" | "footerf" => self.open_part(Destination::Footer),
            "footnote" => self.open_part(Destination::Note),
            "annotation" => self.open_part(Destination::Comment),
            "atnauthor" => {
                self.comment_author.clear();
                self.open(Destination::CommentAuthor);
            }
            // Fonts and styles while their tables are read.
            "f" => self.group_mut().font = number.unwrap_or(0),
            "fcharset" => {
                let font = self.group().font;
                self.fonts.entry(font).or_default().encoding = char_set(number.unwrap_or(0));
            }
            "s" if self.group().destination == Destination::Styles => self.style_number = number.unwrap_or(0),
            "s" => self.paragraph.style = number,
            "outlinelevel" => {
                let level = number.and_then(|level| u8::try_from(level).ok()).filter(|level| *level < 9);
                if self.group().destination == Destination::Styles {
                    self.style_outline = level;
                } else {
                    self.paragraph.outline = level.map(|level| (level + 1).min(6));
                }
            }
            // Paragraphs.
            "par" | "sect" | "page" => self.end_paragraph(),
            "pard" => {
                let text = std::mem::take(&mut self.paragraph.text);
                let marker = self.paragraph.marker.take();
                self.paragraph = Paragraph { text, marker, ..Paragraph::default() };
            }
            "plain" => {
                let group = self.group_mut();
                (group.bold, group.italic, group.strike, group.hidden) = (false, false, false, false);
                group.script = Script::Normal;
            }
            "ls" => self.paragraph.is_list = is_on,
            "ilvl" => self.paragraph.list_level = number.unwrap_or(0).clamp(0, 8) as u8,
            "line" | "lbr" => self.push("\n"),
            "tab" => self.push("\t"),
            "emdash" => self.push("—"),
            "endash" => self.push("–"),
            "emspace" | "enspace" | "qmspace" => self.push(" "),
            "bullet" => self.push("•"),
            "lquote" => self.push("‘"),
            "rquote" => self.push("’"),
            "ldblquote" => self.push("“"),
            "rdblquote" => self.push("”"),
            // Characters.
            "b" => self.group_mut().bold = is_on,
            "i" => self.group_mut().italic = is_on,
            "strike" | "striked" => self.group_mut().strike = is_on,
            "v" | "deleted" => self.group_mut().hidden = is_on,
            "super" => self.group_mut().script = if is_on { Script::Super } else { Script::Normal },
            "sub" => self.group_mut().script = if is_on { Script::Sub } else { Script::Normal },
            "nosupersub" => self.group_mut().script = Script::Normal,
            "chftn" => self.footnote_mark(),
            // Tables.
            "intbl" | "trowd" => self.paragraph.in_table = true,
            "cell" => self.end_cell(),
            "row" => self.end_row(),
            "nestcell" => {
                self.end_line();
                self.cell.push(Flow::paragraph("|"));
            }
            "nestrow" => self.end_line(),
            _ => {}
        }
    }

    fn open(&mut self, destination: Destination) {
        if self.group().destination != Destination::Skipped {
            self.group_mut().destination = destination;
        }
    }

    /// A part with paragraphs of its own.
    fn open_part(&mut self, destination: Destination) {
        if self.group().destination == Destination::Skipped || self.outer.len() >= 16 {
            return;
        }
        let label = (self.notes.len() + 1).to_string();
        if destination == Destination::Note {
            // The mark is given before, or was already.
            let is_marked = self.paragraph.text.text().ends_with(&format!("[{label}]"));
            if !is_marked {
                self.paragraph.text.push(&format!("[{label}]"), &Style { note: true, ..Style::default() });
            }
        }
        self.outer.push((std::mem::take(&mut self.paragraph), std::mem::take(&mut self.cell)));
        let group = self.group_mut();
        group.destination = destination;
        group.is_opener = true;
        group.script = Script::Normal;
    }

    fn footnote_mark(&mut self) {
        if self.group().destination == Destination::Body {
            let label = self.notes.len() + 1;
            self.paragraph.text.push(&format!("[{label}]"), &Style { note: true, ..Style::default() });
        }
    }

    fn end_group(&mut self) {
        let Some(group) = self.groups.pop() else { return };
        if group.destination == Destination::Styles && self.group().destination == Destination::Styles {
            self.end_style();
        }
        if !group.is_opener {
            return;
        }
        self.end_line();
        let Some((paragraph, cell)) = self.outer.pop() else { return };
        let text = rich_text(std::mem::replace(&mut self.cell, cell));
        self.paragraph = paragraph;
        if text.is_blank() {
            return;
        }
        match group.destination {
            Destination::Header => self.furniture.push(Flow::Aside { kind: AsideKind::Header, text }),
            Destination::Footer => self.furniture.push(Flow::Aside { kind: AsideKind::Footer, text }),
            Destination::Comment => {
                let label = self.comment_author.trim().to_owned();
                self.notes.push(Flow::Note { kind: NoteKind::Comment, label, text });
            }
            _ => {
                let label = (self.notes.len() + 1).to_string();
                self.notes.push(Flow::Note { kind: NoteKind::Footnote, label, text });
            }
        }
    }

    fn end_style(&mut self) {
        let name = std::mem::take(&mut self.style_name).trim().trim_end_matches(';').trim().to_lowercase();
        let by_name =
            name.strip_prefix("heading ").and_then(|level| level.parse::<u8>().ok()).or((name == "title").then_some(1));
        let level =
            self.style_outline.take().map(|level| level + 1).or(by_name).filter(|level| (1..=9).contains(level));
        if let Some(level) = level {
            self.headings.insert(self.style_number, level.min(6));
        }
        self.style_number = 0;
    }

    // --- text ---

    fn byte(&mut self, byte: u8) {
        if self.skip_characters > 0 {
            self.skip_characters -= 1;
            return;
        }
        self.pending.push(byte);
    }

    fn flush_bytes(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.pending);
        let font = self.fonts.get(&self.group().font);
        let encoding = font.and_then(|font| font.encoding).unwrap_or(self.encoding);
        let text = match font.filter(|font| symbol::is_symbol_font(&font.name)) {
            Some(font) => bytes
                .iter()
                .map(|byte| symbol::of_font(&font.name, u32::from(*byte)).unwrap_or(char::from(*byte)))
                .collect::<String>(),
            None => encoding.decode_without_bom_handling(&bytes).0.into_owned(),
        };
        self.push(&text);
    }

    fn unicode(&mut self, number: i32) {
        let unit = (number & 0xFFFF) as u16;
        self.skip_characters = self.group().replacements;
        let char = match (self.surrogate.take(), unit) {
            (_, 0xD800..=0xDBFF) => {
                self.surrogate = Some(unit);
                return;
            }
            (Some(high), low @ 0xDC00..=0xDFFF) => {
                char::decode_utf16([high, low]).next().and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            (_, unit) => char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER),
        };
        let font = self.fonts.get(&self.group().font).map(|font| font.name.clone()).unwrap_or_default();
        let char = symbol::of_font(&font, u32::from(char))
            .filter(|_| (0xF000..=0xF0FF).contains(&u32::from(char)))
            .unwrap_or(char);
        self.push(char.encode_utf8(&mut [0; 4]));
    }

    fn push(&mut self, text: &str) {
        let group = self.group().clone();
        match group.destination {
            Destination::Skipped => {}
            Destination::Fonts => {
                let font = self.fonts.entry(group.font).or_default();
                font.name.push_str(text);
                font.name = font.name.trim_end_matches(';').to_owned();
            }
            Destination::Styles => self.style_name.push_str(text),
            Destination::Title => self.metadata.title.get_or_insert_default().push_str(text),
            Destination::Author => self.metadata.author.get_or_insert_default().push_str(text),
            Destination::Subject => self.metadata.subject.get_or_insert_default().push_str(text),
            Destination::Keywords => self.metadata.keywords.get_or_insert_default().push_str(text),
            Destination::Instruction => {
                if self.instruction.len() < 4096 {
                    self.instruction.push_str(text);
                }
            }
            Destination::Marker => self.paragraph.marker.get_or_insert_default().push_str(text),
            Destination::CommentAuthor => self.comment_author.push_str(text),
            Destination::Body
            | Destination::Header
            | Destination::Footer
            | Destination::Note
            | Destination::Comment => {
                if group.hidden {
                    return;
                }
                let style = Style {
                    strong: group.bold,
                    emphasis: group.italic,
                    strike: group.strike,
                    link: group.link,
                    ..Style::default()
                };
                let target = &mut self.paragraph.text;
                let before = target.text().chars().next_back();
                target.push(&scripted(text, group.script, before), &style);
            }
        }
    }

    // --- blocks ---

    fn flow(&mut self) -> Option<Flow> {
        let paragraph = &mut self.paragraph;
        let text = std::mem::take(&mut paragraph.text).trimmed();
        let marker = paragraph.marker.take().map(|marker| marker.trim().to_owned());
        if text.is_blank() {
            return None;
        }
        let heading = paragraph.outline.or_else(|| self.headings.get(&paragraph.style?).copied());
        // A marker of one sign that is no letter or digit is a bullet.
        let marker = marker.filter(|marker| marker.chars().any(char::is_alphanumeric) && marker != "o");
        let is_item = paragraph.is_list || marker.is_some();
        Some(match heading {
            Some(level) => {
                let text = match marker {
                    Some(marker) => text.with_prefix(&format!("{marker} ")),
                    None => text,
                };
                Flow::Heading { level, text }
            }
            None if is_item => Flow::ListItem { level: paragraph.list_level, marker, text },
            None => Flow::Paragraph { text },
        })
    }

    /// Ends a paragraph of a cell, a note or a header.
    fn end_line(&mut self) {
        self.flush_bytes();
        let flow = self.flow();
        self.cell.extend(flow);
    }

    fn end_paragraph(&mut self) {
        self.flush_bytes();
        if self.paragraph.in_table || !self.outer.is_empty() {
            self.end_line();
            return;
        }
        if let Some(flow) = self.flow() {
            self.end_table();
            self.flows.push(flow);
        }
    }

    fn end_cell(&mut self) {
        self.end_line();
        let cell = rich_text(std::mem::take(&mut self.cell));
        self.row.push(cell);
    }

    fn end_row(&mut self) {
        self.end_line();
        let rest = std::mem::take(&mut self.cell);
        if !rest.is_empty() {
            self.row.push(rich_text(rest));
        }
        let grid = self.table.get_or_insert_default();
        grid.begin_row();
        for cell in self.row.drain(..) {
            grid.cell(cell, 1, 1);
        }
    }

    fn end_table(&mut self) {
        if !self.cell.is_empty() || !self.row.is_empty() {
            self.end_row();
        }
        self.flows.extend(self.table.take().and_then(Grid::finish).map(Flow::Table));
    }
}

fn code_page(number: i32) -> Option<&'static Encoding> {
    let label = match number {
        437 | 850 | 858 => "windows-1252",
        866 => "ibm866",
        874 => "windows-874",
        932 => "shift_jis",
        936 => "gbk",
        949 => "euc-kr",
        950 => "big5",
        10_000 => "macintosh",
        65_001 => "utf-8",
        1250..=1258 => return Encoding::for_label(format!("windows-{number}").as_bytes()),
        _ => return None,
    };
    Encoding::for_label(label.as_bytes())
}

fn char_set(number: i32) -> Option<&'static Encoding> {
    code_page(match number {
        77 => 10_000,
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    })
}

fn link_of(instruction: &str) -> Option<Arc<str>> {
    let (_, rest) = instruction.split_once("HYPERLINK")?;
    let address = match rest.split_once('"') {
        Some((_, quoted)) => quoted.split('"').next()?,
        None => rest.split_whitespace().next()?,
    };
    (!address.is_empty() && !address.starts_with('\\')).then(|| Arc::from(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{plain, write_markdown};

    #[test]
    fn text_tables_links_and_notes_are_read() {
        let rtf =
            br#"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}{\f1\fcharset204 Arial;}}{\stylesheet{\s1 heading 1;}}
            {\info{\title A title}}\pard\s1 Head\par\pard Gr\'fc\'dfe \b bold\b0 , \u8364?5 {\f1 \'c4\'e0}\line next\par
            {\field{\*\fldinst HYPERLINK "https://x.org/"}{\fldrslt link}}.{\footnote A note.} 10{\super 6}\par
            \trowd\cellx1000\cellx2000\intbl a\cell b\cell\row\trowd\intbl c\cell d\cell\row\pard
            {\pntext 3.\tab}\ls1 Third\par\pard {\*\unknown lost}{\pict 0102}end}"#;
        let read = read(rtf);
        assert!(!read.is_cut);
        assert_eq!(read.metadata.title.as_deref(), Some("A title"));
        assert_eq!(
            plain(&read.flows),
            "Head\n\nGrüße bold, €5 Да\nnext\n\nlink.[1] 10⁶\n\na\tb\nc\td\n\n3. Third\n\nend\n\n[1] A note.\n"
        );
        let mut markdown = String::new();
        write_markdown(&mut markdown, &read.flows);
        assert!(
            markdown.starts_with("# Head\n\nGrüße **bold**, €5 Да\\\nnext\n\n[link](https://x.org/).[^1]"),
            "{markdown}"
        );
    }

    #[test]
    fn broken_files_give_what_they_have() {
        for end in 0..60 {
            let rtf = b"{\\rtf1{\\b one\\par}two\\'e9\\u8364?three{{{\\bin9999 x";
            let _ = read(&rtf[..end.min(rtf.len())]);
        }
        assert!(read(&b"{".repeat(100_000)).flows.is_empty());
    }
}
