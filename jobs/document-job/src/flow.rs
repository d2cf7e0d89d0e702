//! Text as it flows, without places: headings, paragraphs, lists, tables, notes; and how Markdown and plain text write it.

use std::fmt::Write as _;

use percent_encoding::percent_encode_byte;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::rich::{Rich, Style};

/// A part of a document, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Flow {
    Heading {
        /// 1 to 6.
        level: u8,
        text: Rich,
    },
    Paragraph {
        text: Rich,
    },
    /// Lines of a text file, which are wrapped by a program or by hand.
    Lines {
        text: String,
    },
    ListItem {
        /// From 0.
        level: u8,
        /// Number or letter as it is shown (`2.`, `(b)`); none of a bullet.
        marker: Option<String>,
        text: Rich,
    },
    Table(Table),
    Code {
        text: String,
    },
    /// A foot- or endnote or a comment.
    Note {
        kind: NoteKind,
        /// As it stands at the reference.
        label: String,
        text: Rich,
    },
    /// What stands beside the text.
    Aside {
        kind: AsideKind,
        text: Rich,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoteKind {
    Footnote,
    Endnote,
    /// Its label is its author.
    Comment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AsideKind {
    Header,
    Footer,
    SpeakerNotes,
    /// A picture's alternative text.
    Picture,
    Caption,
}

impl NoteKind {
    fn name(self) -> &'static str {
        match self {
            Self::Footnote => "footnote",
            Self::Endnote => "endnote",
            Self::Comment => "comment",
        }
    }
}

impl AsideKind {
    fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Footer => "footer",
            Self::SpeakerNotes => "speaker-notes",
            Self::Picture => "picture",
            Self::Caption => "caption",
        }
    }
}

/// A grid of cells. Rows are as long as the grid is wide, unless that would be mostly padding.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Table {
    pub(crate) rows: Vec<Vec<Rich>>,
    /// Cells over several rows or columns.
    pub(crate) spans: Vec<Span>,
}

/// A cell over several rows or columns; its text stands in the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Span {
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl Flow {
    pub(crate) fn paragraph(text: impl Into<Rich>) -> Self {
        Self::Paragraph { text: text.into() }
    }

    /// Bytes of text in it.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Heading { text, .. }
            | Self::Paragraph { text }
            | Self::ListItem { text, .. }
            | Self::Note { text, .. }
            | Self::Aside { text, .. } => text.text().len(),
            Self::Lines { text } | Self::Code { text } => text.len(),
            Self::Table(table) => table.rows.iter().flatten().map(|cell| cell.text().len() + 1).sum(),
        }
    }
}

impl Serialize for Flow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        let kind = match self {
            Self::Heading { .. } => "heading",
            Self::Paragraph { .. } | Self::Lines { .. } => "paragraph",
            Self::ListItem { .. } => "list-item",
            Self::Table(_) => "table",
            Self::Code { .. } => "code",
            Self::Note { kind, .. } => kind.name(),
            Self::Aside { kind, .. } => kind.name(),
        };
        object.serialize_entry("type", kind)?;
        match self {
            Self::Heading { level, text } => {
                object.serialize_entry("level", level)?;
                serialize_rich(&mut object, text)?;
            }
            Self::Paragraph { text } | Self::Aside { text, .. } => serialize_rich(&mut object, text)?,
            Self::ListItem { level, marker, text } => {
                object.serialize_entry("level", level)?;
                if let Some(marker) = marker {
                    object.serialize_entry("marker", marker)?;
                }
                serialize_rich(&mut object, text)?;
            }
            Self::Table(table) => {
                object.serialize_entry("rows", &Rows(&table.rows))?;
                if !table.spans.is_empty() {
                    object.serialize_entry("spans", &table.spans)?;
                }
                let links = table.links();
                if !links.is_empty() {
                    object.serialize_entry("links", &links)?;
                }
            }
            Self::Lines { text } | Self::Code { text } => object.serialize_entry("text", text)?,
            Self::Note { kind, label, text } => {
                let key = if *kind == NoteKind::Comment { "author" } else { "label" };
                if !label.is_empty() {
                    object.serialize_entry(key, label)?;
                }
                serialize_rich(&mut object, text)?;
            }
        }
        object.end()
    }
}

fn serialize_rich<M: SerializeMap>(object: &mut M, text: &Rich) -> Result<(), M::Error> {
    object.serialize_entry("text", text.text())?;
    let spans = text.json_spans();
    if spans.is_empty() { Ok(()) } else { object.serialize_entry("spans", &spans) }
}

/// Cells as text.
struct Rows<'a>(&'a [Vec<Rich>]);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|row| Cells(row)))
    }
}

struct Cells<'a>(&'a [Rich]);

impl Serialize for Cells<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Rich::text))
    }
}

/// A link in a cell.
#[derive(Serialize)]
struct CellLink<'a> {
    row: usize,
    column: usize,
    link: &'a str,
}

impl Table {
    fn links(&self) -> Vec<CellLink<'_>> {
        let cells = self
            .rows
            .iter()
            .enumerate()
            .flat_map(|(row, cells)| cells.iter().enumerate().map(move |(column, cell)| (row, column, cell)));
        cells.flat_map(|(row, column, cell)| cell.links().map(move |link| CellLink { row, column, link })).collect()
    }
}

// --- plain text ---

/// The flows as plain text: cells of a row parted by tabs, blocks by empty lines.
pub(crate) fn plain(flows: &[Flow]) -> String {
    let mut text = String::new();
    for (at, flow) in flows.iter().enumerate() {
        match flow {
            Flow::Heading { text: line, .. } | Flow::Paragraph { text: line } | Flow::Aside { text: line, .. } => {
                text.push_str(line.text());
                text.push('\n');
            }
            Flow::Lines { text: line } | Flow::Code { text: line } => {
                text.push_str(line);
                text.push('\n');
            }
            Flow::ListItem { level, marker, text: line } => {
                text.push_str(&"  ".repeat(usize::from(*level)));
                if let Some(marker) = marker {
                    text.push_str(marker);
                    text.push(' ');
                }
                text.push_str(line.text());
                text.push('\n');
            }
            Flow::Table(table) => {
                for row in &table.rows {
                    for (at, cell) in row.iter().enumerate() {
                        if at > 0 {
                            text.push('\t');
                        }
                        // A row is a line, and a tab is the next cell.
                        text.extend(cell.text().chars().map(|char| if char.is_control() { ' ' } else { char }));
                    }
                    text.push('\n');
                }
            }
            Flow::Note { kind: NoteKind::Comment, label, text: line } => {
                let by = if label.is_empty() { String::new() } else { format!(" ({label})") };
                let _ = writeln!(text, "[Comment{by}] {}", line.text());
            }
            Flow::Note { label, text: line, .. } => {
                let _ = writeln!(text, "[{label}] {}", line.text());
            }
        }
        let stays =
            matches!((flow, flows.get(at + 1)), (Flow::ListItem { .. }, Some(Flow::ListItem { .. })) | (_, None));
        if !stays {
            text.push('\n');
        }
    }
    text
}

// --- Markdown ---

/// Writes flows as Markdown, each with an empty line after it. Running heads and feet are no part of the text that flows.
pub(crate) fn write_markdown(markdown: &mut String, flows: &[Flow]) {
    // Columns at which the text of the items around begins.
    let mut indents: Vec<usize> = Vec::new();
    for (at, flow) in flows.iter().enumerate() {
        let next = flows.get(at + 1);
        if !matches!(flow, Flow::ListItem { .. }) {
            indents.clear();
        }
        match flow {
            Flow::Heading { level, text } => {
                let text = inline(&text.clone().without_strong(), Breaks::Spaces);
                let _ = writeln!(markdown, "{} {}\n", "#".repeat(usize::from(*level).clamp(1, 6)), text.trim());
            }
            Flow::Paragraph { text } | Flow::Aside { kind: AsideKind::Caption, text } => {
                let _ = writeln!(markdown, "{}\n", escape_starts(&inline(text, Breaks::Hard)));
            }
            Flow::Lines { text } => {
                let _ = writeln!(markdown, "{}\n", escape_starts(&escape(text)));
            }
            Flow::ListItem { level, marker, text } => {
                indents.truncate(usize::from(*level));
                let indent = indents.last().copied().unwrap_or(0);
                let (marker, before) = match marker {
                    Some(marker) if is_markdown_number(marker) => (marker.as_str(), ""),
                    Some(other) => ("-", other.as_str()),
                    None => ("-", ""),
                };
                while indents.len() <= usize::from(*level) {
                    indents.push(indent + marker.len() + 1);
                }
                let space = if before.is_empty() { "" } else { " " };
                let content = escape_starts(&inline(text, Breaks::Hard));
                let content = content.replace('\n', &format!("\n{}", " ".repeat(indent + marker.len() + 1)));
                let end = if matches!(next, Some(Flow::ListItem { .. })) { "\n" } else { "\n\n" };
                let _ = write!(markdown, "{}{marker} {}{space}{content}{end}", " ".repeat(indent), escape(before));
            }
            Flow::Code { text } => {
                let longest = text.split(|char| char != '`').map(str::len).max().unwrap_or(0);
                let fence = "`".repeat((longest + 1).max(3));
                let _ = writeln!(markdown, "{fence}\n{text}\n{fence}\n");
            }
            Flow::Table(table) => write_table(markdown, table),
            Flow::Note { kind: NoteKind::Comment, label, text } => {
                let by = if label.is_empty() { String::new() } else { format!(" ({})", escape(label)) };
                let text = inline(text, Breaks::Hard).replace('\n', "\n> ");
                let _ = writeln!(markdown, "> **Comment{by}:** {text}\n");
            }
            Flow::Note { label, text, .. } => {
                let text = inline(text, Breaks::Hard).replace('\n', "\n    ");
                let _ = writeln!(markdown, "[^{label}]: {text}\n");
            }
            Flow::Aside { kind: AsideKind::Header | AsideKind::Footer, .. } => {}
            Flow::Aside { kind: AsideKind::SpeakerNotes, text } => {
                let text = inline(text, Breaks::Hard).replace('\n', "\n> ");
                let _ = writeln!(markdown, "> **Notes:** {text}\n");
            }
            Flow::Aside { kind: AsideKind::Picture, text } => {
                let _ = writeln!(markdown, "![{}]()\n", inline(text, Breaks::Spaces).trim());
            }
        }
    }
}

fn write_table(markdown: &mut String, table: &Table) {
    let columns = table.rows.iter().map(Vec::len).max().unwrap_or(0);
    for (at, row) in table.rows.iter().enumerate() {
        for cell in row {
            let _ = write!(markdown, "| {} ", inline(cell, Breaks::Tags).replace('|', "\\|"));
        }
        if at == 0 {
            markdown.push_str(&"|  ".repeat(columns - row.len()));
        }
        markdown.push_str("|\n");
        if at == 0 {
            markdown.push_str(&"| --- ".repeat(columns));
            markdown.push_str("|\n");
        }
    }
    markdown.push('\n');
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Breaks {
    /// A backslash before the line break.
    Hard,
    /// `<br>`.
    Tags,
    Spaces,
}

/// A run of text with its emphasis, code and links.
fn inline(text: &Rich, breaks: Breaks) -> String {
    let mut written = String::with_capacity(text.text().len() + 16);
    let pieces: Vec<(&str, Option<&Style>)> = text.pieces().collect();
    let mut at = 0;
    while at < pieces.len() {
        let link = pieces[at].1.and_then(|style| style.link.as_ref());
        let Some(link) = link else {
            write_piece(&mut written, pieces[at].0, pieces[at].1);
            at += 1;
            continue;
        };
        // A link may be in several pieces, some of them strong.
        let mut content = String::new();
        while at < pieces.len() && pieces[at].1.and_then(|style| style.link.as_ref()) == Some(link) {
            write_piece(&mut content, pieces[at].0, pieces[at].1);
            at += 1;
        }
        let (leading, content, trailing) = trimmed(&content);
        if content.is_empty() {
            written.push_str(leading);
            continue;
        }
        let _ = write!(written, "{leading}[{}]({}){trailing}", content.replace('\n', " "), address(link));
    }
    let line_break = match breaks {
        Breaks::Hard => "\\\n",
        Breaks::Tags => "<br>",
        Breaks::Spaces => " ",
    };
    written.replace('\n', line_break)
}

/// An address that no bracket or space ends early.
fn address(link: &str) -> String {
    let mut written = String::with_capacity(link.len());
    for char in link.chars() {
        match char {
            ' ' | '(' | ')' | '<' | '>' | '|' | '\\' => written.push_str(percent_encode_byte(char as u8)),
            char if char.is_control() => {}
            char => written.push(char),
        }
    }
    written
}

fn trimmed(text: &str) -> (&str, &str, &str) {
    let inner = text.trim();
    let start = text.len() - text.trim_start().len();
    (&text[..start], inner, &text[(start + inner.len()).min(text.len())..])
}

fn write_piece(written: &mut String, text: &str, style: Option<&Style>) {
    let Some(style) = style else {
        written.push_str(&escape(text));
        return;
    };
    if style.note {
        let _ = write!(written, "[^{}]", text.trim_matches(['[', ']']));
        return;
    }
    // Emphasis neither begins nor ends with a space.
    let (leading, inner, trailing) = trimmed(text);
    written.push_str(leading);
    if inner.is_empty() {
        return;
    }
    let mut signs = String::new();
    if style.strike {
        signs.push_str("~~");
    }
    if style.strong {
        signs.push_str("**");
    }
    if style.emphasis {
        signs.push('*');
    }
    let is_code = style.code && !inner.contains(['`', '\n']);
    let content = if is_code { format!("`{inner}`") } else { escape(inner) };
    let closing: String = signs.chars().rev().collect();
    // Across a line break emphasis is begun again.
    for (at, line) in content.split('\n').enumerate() {
        if at > 0 {
            written.push('\n');
        }
        if line.trim().is_empty() {
            written.push_str(line);
        } else {
            let (leading, line, trailing) = trimmed(line);
            let _ = write!(written, "{leading}{signs}{line}{closing}{trailing}");
        }
    }
    written.push_str(trailing);
}

fn is_markdown_number(marker: &str) -> bool {
    let digits = marker.strip_suffix(['.', ')']).unwrap_or_default();
    (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Bullets that documents use; those of symbol fonts are in the private use area.
pub(crate) fn is_bullet(char: char) -> bool {
    matches!(
        char,
        '•' | '‣'
            | '◦'
            | '▪'
            | '▫'
            | '■'
            | '□'
            | '●'
            | '○'
            | '◆'
            | '◇'
            | '–'
            | '—'
            | '∙'
            | '·'
            | '➢'
            | '➤'
            | '►'
            | '▶'
            | '✓'
            | '✔'
            | '❖'
            | '❑'
            | '❒'
            | '\u{F000}'..='\u{F0FF}' | '*' | '-'
    ) || is_check_box(char)
}

pub(crate) fn is_check_box(char: char) -> bool {
    matches!(char, '☐' | '☑' | '☒')
}

/// The marker that begins a list item, as [`Flow::ListItem`] has it, and the text after it; none where the text is no
/// list item.
pub(crate) fn split_list_item(text: &str) -> Option<(Option<String>, &str)> {
    let mut chars = text.chars();
    let first = chars.next()?;
    if is_bullet(first) {
        let rest = chars.as_str();
        // A box says whether it is ticked.
        let marker = is_check_box(first).then(|| first.to_string());
        return rest.starts_with(' ').then(|| (marker, rest.trim_start()));
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if (1..=3).contains(&digits)
        && let Some(rest) = text[digits..].strip_prefix(['.', ')'])
        && rest.starts_with(' ')
    {
        return Some((Some(format!("{}.", &text[..digits])), rest.trim_start()));
    }
    None
}

/// Escapes what Markdown would take for markup within a line.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let is_markup = match char {
            '\\' | '`' | '*' | '[' | ']' | '<' => true,
            // Within a word it is a letter.
            '_' => !(before.is_alphanumeric() && chars.peek().is_some_and(|next| next.is_alphanumeric())),
            '~' => before == '~' || chars.peek() == Some(&'~'),
            '&' => chars.peek().is_some_and(|next| next.is_ascii_alphabetic() || *next == '#'),
            _ => false,
        };
        if is_markup {
            escaped.push('\\');
        }
        escaped.push(char);
        before = char;
    }
    escaped
}

/// Escapes what Markdown would take for markup at the beginning of a line.
fn escape_starts(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            escaped.push('\n');
        }
        let content = line.trim_start_matches(' ');
        // Four spaces would be code.
        let leading = if content.len() == line.len() { "" } else { " " };
        escaped.push_str(leading);
        let digits = content.bytes().take_while(u8::is_ascii_digit).count();
        let is_number = (1..=9).contains(&digits)
            && content[digits..].starts_with(['.', ')'])
            && content[digits + 1..].chars().next().is_none_or(char::is_whitespace);
        if is_number {
            let _ = write!(escaped, "{}\\{}", &content[..digits], &content[digits..]);
        } else {
            if begins_markup(content) {
                escaped.push('\\');
            }
            escaped.push_str(content);
        }
    }
    escaped
}

fn begins_markup(line: &str) -> bool {
    let first = line.chars().next().unwrap_or(' ');
    let rest = line.trim_start_matches(first);
    match first {
        '#' => rest.is_empty() || rest.starts_with([' ', '\t']),
        '+' | '-' | '=' => {
            rest.trim().is_empty() || rest.starts_with([' ', '\t']) || rest.trim_matches(['-', ' ']).is_empty()
        }
        '~' => line.starts_with("~~~"),
        '>' | '|' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn markdown_of(flows: &[Flow]) -> String {
        let mut markdown = String::new();
        write_markdown(&mut markdown, flows);
        markdown
    }

    fn item(level: u8, marker: Option<&str>, text: &str) -> Flow {
        Flow::ListItem { level, marker: marker.map(str::to_owned), text: Rich::from(text) }
    }

    #[test]
    fn markdown_writes_each_part_in_its_form() {
        let rows = vec![vec![Rich::from("a|b"), Rich::from("c")], vec![Rich::from("1")]];
        let parts = [
            Flow::Heading { level: 2, text: Rich::from("A *star*") },
            item(0, None, "one"),
            item(0, Some("12."), "two"),
            Flow::Table(Table { rows, spans: Vec::new() }),
            Flow::paragraph("# no heading\n- no item\n7. no number\nsnake_case"),
        ];
        assert_eq!(
            markdown_of(&parts),
            "## A \\*star\\*\n\n- one\n12. two\n\n| a\\|b | c |\n| --- | --- |\n| 1 |\n\n\
             \\# no heading\\\n\\- no item\\\n7\\. no number\\\nsnake_case\n\n"
        );
    }

    #[test]
    fn lists_are_nested_below_the_text_of_their_item() {
        let items = [
            item(0, Some("9."), "nine"),
            item(1, None, "below"),
            item(1, Some("(b)"), "lettered"),
            item(0, Some("10."), "ten"),
        ];
        assert_eq!(markdown_of(&items), "9. nine\n   - below\n   - (b) lettered\n10. ten\n\n");
        assert_eq!(plain(&items), "9. nine\n  below\n  (b) lettered\n10. ten\n");
    }

    #[test]
    fn emphasis_links_and_notes_are_written() {
        let mut text = Rich::from("Do ");
        text.push("not ", &Style { strong: true, ..Style::default() });
        text.push("read ", &Style::default());
        text.push("the list", &Style { link: Some("https://x.org/a b".into()), ..Style::default() });
        text.push("[1]", &Style { note: true, ..Style::default() });
        assert_eq!(text.text(), "Do not read the list[1]");
        let note = Flow::Note { kind: NoteKind::Footnote, label: "1".to_owned(), text: Rich::from("A note.") };
        assert_eq!(
            markdown_of(&[Flow::Paragraph { text }, note]),
            "Do **not** read [the list](https://x.org/a%20b)[^1]\n\n[^1]: A note.\n\n"
        );
    }

    #[test]
    fn a_row_of_plain_text_is_one_line() {
        let table = Table { rows: vec![vec![Rich::from("a\nb"), Rich::from("c\td")]], spans: Vec::new() };
        assert_eq!(plain(&[Flow::Table(table)]), "a b\tc d\n");
    }
}
