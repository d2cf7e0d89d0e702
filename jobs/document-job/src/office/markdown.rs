//! Markdown as it flows.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::flow::Flow;

/// The parts of a Markdown document, without their markup.
pub(crate) fn flows(markdown: &str) -> Vec<Flow> {
    let mut flows = Vec::new();
    let mut text = String::new();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut items = 0_usize;
    for event in
        Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES)
    {
        match event {
            Event::Text(part) | Event::Code(part) | Event::InlineMath(part) | Event::DisplayMath(part) => {
                text.push_str(&part);
            }
            Event::SoftBreak => text.push(' '),
            Event::HardBreak => text.push('\n'),
            Event::Start(Tag::Item) => {
                take(&mut text, &mut flows, |text| Flow::ListItem { text });
                items += 1;
            }
            Event::Start(Tag::TableHead | Tag::TableRow) => rows.push(Vec::new()),
            Event::End(end) => match end {
                TagEnd::Heading(level) => {
                    take(&mut text, &mut flows, |text| Flow::Heading { level: number(level), text });
                }
                TagEnd::Paragraph if items > 0 => text.push(' '),
                TagEnd::Item => {
                    items = items.saturating_sub(1);
                    take(&mut text, &mut flows, |text| Flow::ListItem { text });
                }
                TagEnd::CodeBlock => take(&mut text, &mut flows, |text| Flow::Code { text }),
                TagEnd::TableCell => {
                    let cell = std::mem::take(&mut text);
                    if let Some(row) = rows.last_mut() {
                        row.push(cell.trim().to_owned());
                    }
                }
                TagEnd::Table => flows.push(Flow::Table { rows: std::mem::take(&mut rows) }),
                TagEnd::Paragraph => take(&mut text, &mut flows, |text| Flow::Paragraph { text }),
                _ => {}
            },
            _ => {}
        }
    }
    take(&mut text, &mut flows, |text| Flow::Paragraph { text });
    flows
}

fn take(text: &mut String, flows: &mut Vec<Flow>, make: impl FnOnce(String) -> Flow) {
    let taken = std::mem::take(text);
    let taken = taken.trim();
    if !taken.is_empty() {
        flows.push(make(taken.to_owned()));
    }
}

fn number(level: HeadingLevel) -> u8 {
    level as u8
}
