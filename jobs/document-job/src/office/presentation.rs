//! The text of a PPTX (ECMA-376, part 1, 19): slide by slide, in the presentation's order.

use std::collections::HashMap;

use contract::Failure;
use quick_xml::events::Event;

use super::Section;
use super::archive::{Archive, attribute, for_each_element, local, reader, referenced, resolve};
use crate::flow::Flow;

/// Reads every slide.
pub(crate) fn read(archive: &mut Archive) -> Result<Vec<Section>, Failure> {
    let presentation = archive
        .part("ppt/presentation.xml")?
        .ok_or_else(|| Failure::invalid_input("the PPTX has no ppt/presentation.xml"))?;
    let mut targets = HashMap::new();
    if let Some(relations) = archive.part("ppt/_rels/presentation.xml.rels")? {
        for_each_element(&relations, |name, element| {
            if name == "Relationship"
                && let (Some(id), Some(target)) = (attribute(element, "Id"), attribute(element, "Target"))
            {
                targets.insert(id, resolve("ppt", &target));
            }
        });
    }
    let mut slides = Vec::new();
    for_each_element(&presentation, |name, element| {
        if name == "sldId" {
            let relation =
                element.attributes().with_checks(false).flatten().find(|attribute| attribute.key.as_ref() == "r:id");
            let id = relation.map(|relation| relation.value.into_owned());
            slides.extend(id.and_then(|id| targets.get(&id).cloned()));
        }
    });
    let mut sections = Vec::new();
    for path in slides {
        match archive.part(&path)? {
            Some(xml) => sections.push(slide(&xml)),
            None => archive.warnings.push(format!("the slide {path} is named in the presentation and missing from it")),
        }
    }
    Ok(sections)
}

fn slide(xml: &[u8]) -> Section {
    let mut section = Section { title: None, flows: Vec::new() };
    let mut text = String::new();
    let mut takes_text = false;
    let mut is_title = false;
    let mut fallbacks = 0_usize;
    let mut rows: Option<Vec<Vec<String>>> = None;
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
                    "br" => text.push('\n'),
                    "sp" => is_title = false,
                    "ph" => {
                        is_title = attribute(element, "type").is_some_and(|kind| kind == "title" || kind == "ctrTitle");
                    }
                    "tbl" => rows = Some(Vec::new()),
                    "tr" => rows.iter_mut().for_each(|rows| rows.push(Vec::new())),
                    "tc" => {
                        if let Some(row) = rows.as_mut().and_then(|rows| rows.last_mut()) {
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
                    "p" => {
                        let line = std::mem::take(&mut text).trim().to_owned();
                        if line.is_empty() {
                            continue;
                        }
                        if let Some(cell) =
                            rows.as_mut().and_then(|rows| rows.last_mut()).and_then(|row| row.last_mut())
                        {
                            if !cell.is_empty() {
                                cell.push('\n');
                            }
                            cell.push_str(&line);
                        } else if is_title {
                            section.title.get_or_insert_with(|| line.clone());
                            section.flows.push(Flow::Heading { level: 2, text: line });
                        } else {
                            section.flows.push(Flow::Paragraph { text: line });
                        }
                    }
                    "tbl" => section.flows.extend(rows.take().map(|rows| Flow::Table { rows })),
                    _ => {}
                }
            }
            Event::Text(part) if takes_text && fallbacks == 0 => text.push_str(part),
            Event::GeneralRef(reference) if takes_text && fallbacks == 0 => text.extend(referenced(reference)),
            _ => {}
        }
    }
    section
}
