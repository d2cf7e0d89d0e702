//! Charts and diagrams (ECMA-376, part 1, 21): their titles, series and values, and the text of their shapes.

use std::collections::BTreeMap;

use contract::Failure;

use super::archive::Archive;
use super::number_format::NumberFormat;
use super::xml::{Event, Scanner};
use crate::flow::{Flow, Table};
use crate::rich::Rich;

/// Points of one series, and series of one chart.
const MAX_POINTS: usize = 100_000;
const MAX_SERIES: usize = 1000;

#[derive(Default)]
struct Series {
    name: Vec<String>,
    categories: BTreeMap<usize, String>,
    values: BTreeMap<usize, String>,
}

/// A chart: its title, then its values as a table.
pub(crate) fn chart(archive: &mut Archive, part: &str) -> Result<Vec<Flow>, Failure> {
    let Some(xml) = archive.xml(part)? else {
        archive.warn(format!("the chart {part} was not found in the archive"));
        return Ok(Vec::new());
    };
    let mut flows = Vec::new();
    let mut all: Vec<Series> = Vec::new();
    let mut series: Option<Series> = None;
    // Names of the open elements.
    let mut path: Vec<&str> = Vec::new();
    let mut line = String::new();
    let mut point = 0_usize;
    let mut format = String::new();
    let mut scanner = Scanner::new(&xml);
    for event in scanner.by_ref() {
        match event {
            Event::Start(tag) => {
                match tag.name() {
                    "ser" => series = Some(Series::default()),
                    "pt" => point = tag.number("idx").unwrap_or(0).min(MAX_POINTS),
                    "numCache" | "strCache" => format.clear(),
                    _ => {}
                }
                path.push(tag.name());
            }
            Event::End(name) => {
                // An end without a start ends nothing.
                if let Some(at) = path.iter().rposition(|open| *open == name) {
                    path.truncate(at);
                }
                match name {
                    "p" if !line.trim().is_empty() => {
                        flows.push(Flow::paragraph(std::mem::take(&mut line).trim()));
                    }
                    "ser" => all.extend(series.take().filter(|_| all.len() < MAX_SERIES)),
                    _ => {}
                }
            }
            Event::Text(text) => {
                let is_in = |name: &str| path.contains(&name);
                match path.last() {
                    Some(&"t") => line.push_str(&text),
                    Some(&"formatCode") => format.push_str(&text),
                    Some(&"v") => {
                        let Some(series) = &mut series else { continue };
                        if is_in("tx") {
                            series.name.push(text.into_owned());
                        } else if is_in("cat") || is_in("xVal") {
                            series.categories.entry(point).or_default().push_str(&shown(&text, &format));
                        } else if is_in("val") || is_in("yVal") || is_in("bubbleSize") {
                            let value = series.values.entry(point).or_default();
                            if !value.is_empty() {
                                value.push_str(", ");
                            }
                            value.push_str(&shown(&text, &format));
                        }
                    }
                    // The charts of 2016 and later (chartex).
                    Some(&"pt") if !is_in("ser") && !text.trim().is_empty() => {
                        flows.push(Flow::paragraph(text.trim()));
                    }
                    _ => {}
                }
            }
        }
    }
    archive.check(part, &scanner);
    flows.extend(table(&all));
    let length = flows.iter().map(Flow::len).sum();
    Ok(if archive.take_text(length) { flows } else { Vec::new() })
}

fn shown(value: &str, format: &str) -> String {
    match value.trim().parse::<f64>() {
        Ok(number) => NumberFormat::parse(format).show(number, false),
        Err(_) => value.to_owned(),
    }
}

fn table(series: &[Series]) -> Option<Flow> {
    let points: std::collections::BTreeSet<usize> =
        series.iter().flat_map(|series| series.categories.keys().chain(series.values.keys())).copied().collect();
    if points.is_empty() && series.iter().all(|series| series.name.is_empty()) {
        return None;
    }
    let mut head = vec![Rich::default()];
    head.extend(series.iter().map(|series| Rich::from(series.name.join(" "))));
    let mut rows = vec![head];
    for point in points.into_iter().take(MAX_POINTS) {
        let category = series.iter().find_map(|series| series.categories.get(&point)).cloned().unwrap_or_default();
        let mut row = vec![Rich::from(category)];
        row.extend(series.iter().map(|series| Rich::from(series.values.get(&point).cloned().unwrap_or_default())));
        rows.push(row);
    }
    Some(Flow::Table(Table { rows, spans: Vec::new() }))
}

/// The data of a diagram (SmartArt): the text of each of its points.
pub(crate) fn diagram(archive: &mut Archive, part: &str) -> Result<Vec<Flow>, Failure> {
    let Some(xml) = archive.xml(part)? else {
        archive.warn(format!("the diagram {part} was not found in the archive"));
        return Ok(Vec::new());
    };
    let lines = paragraphs(&xml);
    let mut scanner = Scanner::new(&xml);
    scanner.by_ref().for_each(drop);
    archive.check(part, &scanner);
    let length = lines.iter().map(String::len).sum();
    if !archive.take_text(length) {
        return Ok(Vec::new());
    }
    let item = |line: String| Flow::ListItem { level: 0, marker: None, text: Rich::from(line) };
    Ok(lines.into_iter().map(item).collect())
}

/// The paragraphs of `DrawingML` text in a part, without their form.
pub(crate) fn paragraphs(xml: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut in_text = false;
    let mut fallbacks = 0_usize;
    for event in Scanner::new(xml) {
        match event {
            Event::Start(tag) => match tag.name() {
                "Fallback" => fallbacks += 1,
                "t" => in_text = true,
                "br" => line.push('\n'),
                "tab" => line.push('\t'),
                _ => {}
            },
            Event::End("Fallback") => fallbacks = fallbacks.saturating_sub(1),
            Event::End("t") => in_text = false,
            Event::End("p") => {
                let text = std::mem::take(&mut line).trim().to_owned();
                if !text.is_empty() {
                    lines.push(text);
                }
            }
            Event::Text(text) if in_text && fallbacks == 0 => line.push_str(&text),
            Event::End(_) | Event::Text(_) => {}
        }
    }
    if !line.trim().is_empty() {
        lines.push(line.trim().to_owned());
    }
    lines
}
