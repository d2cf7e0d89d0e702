//! The text of a DOCX (ECMA-376, part 1, 17): paragraphs, headings, lists, tables, foot- and endnotes.

use contract::Failure;
use quick_xml::events::Event;

use super::archive::{Archive, attribute, local, reader, referenced};
use crate::flow::Flow;

/// Reads the document's body and notes.
pub(crate) fn read(archive: &mut Archive) -> Result<Vec<Flow>, Failure> {
    let body = archive
        .part("word/document.xml")?
        .ok_or_else(|| Failure::invalid_input("the DOCX has no word/document.xml"))?;
    let mut flows = body_flows(&body);
    for notes in ["word/footnotes.xml", "word/endnotes.xml"] {
        if let Some(xml) = archive.part(notes)? {
            flows.extend(body_flows(&xml));
        }
    }
    Ok(flows)
}

#[derive(Default)]
struct Paragraph {
    text: String,
    heading: Option<u8>,
    is_list_item: bool,
}

/// A table while it is read; those within its cells become part of the cell.
#[derive(Default)]
struct Table {
    rows: Vec<Vec<String>>,
    depth: usize,
}

fn body_flows(xml: &[u8]) -> Vec<Flow> {
    let mut flows = Vec::new();
    let mut paragraph = Paragraph::default();
    let mut table = Table::default();
    let mut takes_text = false;
    // Alternatives for older programs repeat what stands before them.
    let mut fallbacks = 0_usize;
    let mut reader = reader(xml);
    loop {
        let event = match reader.read_event() {
            Ok(Event::Eof) | Err(_) => break,
            Ok(event) => event,
        };
        match &event {
            Event::Start(element) | Event::Empty(element) => {
                let is_start = matches!(event, Event::Start(_));
                let name = element.name();
                match local(name.as_ref()) {
                    "Fallback" if is_start => fallbacks += 1,
                    _ if fallbacks > 0 => {}
                    "t" => takes_text = is_start,
                    "tab" => paragraph.text.push('\t'),
                    "br" | "cr" => paragraph.text.push('\n'),
                    "noBreakHyphen" => paragraph.text.push('-'),
                    "pStyle" => paragraph.heading = attribute(element, "val").and_then(|style| heading(&style)),
                    "outlineLvl" => {
                        let level = attribute(element, "val").and_then(|level| level.parse::<u8>().ok());
                        paragraph.heading =
                            paragraph.heading.or(level.filter(|level| *level < 6).map(|level| level + 1));
                    }
                    "numPr" => paragraph.is_list_item = true,
                    "tbl" if is_start => table.depth += 1,
                    "tr" if table.depth == 1 => table.rows.push(Vec::new()),
                    "tc" if table.depth == 1 => {
                        if let Some(row) = table.rows.last_mut() {
                            row.push(String::new());
                        }
                    }
                    _ => {}
                }
            }
            Event::End(element) => {
                let name = element.name();
                match local(name.as_ref()) {
                    "Fallback" => fallbacks = fallbacks.saturating_sub(1),
                    _ if fallbacks > 0 => {}
                    "t" => takes_text = false,
                    "p" => end_paragraph(&std::mem::take(&mut paragraph), &mut table, &mut flows),
                    "tbl" => {
                        table.depth = table.depth.saturating_sub(1);
                        if table.depth == 0 && !table.rows.is_empty() {
                            flows.push(Flow::Table { rows: std::mem::take(&mut table.rows) });
                        }
                    }
                    _ => {}
                }
            }
            Event::Text(text) if takes_text && fallbacks == 0 => paragraph.text.push_str(text),
            Event::GeneralRef(reference) if takes_text && fallbacks == 0 => {
                paragraph.text.extend(referenced(reference));
            }
            _ => {}
        }
    }
    // A document that is cut off still gives what it has.
    end_paragraph(&paragraph, &mut table, &mut flows);
    if !table.rows.is_empty() {
        flows.push(Flow::Table { rows: table.rows });
    }
    flows
}

fn end_paragraph(paragraph: &Paragraph, table: &mut Table, flows: &mut Vec<Flow>) {
    let text = paragraph.text.trim().to_owned();
    if table.depth > 0 {
        if let Some(cell) = table.rows.last_mut().and_then(|row| row.last_mut())
            && !text.is_empty()
        {
            if !cell.is_empty() {
                cell.push('\n');
            }
            cell.push_str(&text);
        }
        return;
    }
    if text.is_empty() {
        return;
    }
    flows.push(match (paragraph.heading, paragraph.is_list_item) {
        (Some(level), _) => Flow::Heading { level, text },
        (None, true) => Flow::ListItem { text },
        (None, false) => Flow::Paragraph { text },
    });
}

/// The level that a style's name says, in the languages of Word that keep the English identifier and some that do not.
fn heading(style: &str) -> Option<u8> {
    let style = style.to_ascii_lowercase();
    if style == "title" || style == "titel" {
        return Some(1);
    }
    let digits = ["heading", "berschrift", "titre", "ttulo", "rubrik", "overskrift"].iter().find_map(|word| {
        let (_, after) = style.split_once(word)?;
        after.trim().parse::<u8>().ok()
    });
    digits.filter(|level| (1..=6).contains(level))
}
