//! The cells of an XLSX (ECMA-376, part 1, 18), sheet by sheet, as they are shown: with number formats, links and merged
//! cells, beside them comments, text boxes and charts. A sheet that cannot be read costs that sheet only.

use std::collections::HashMap;

use contract::Failure;

use super::archive::{Archive, Relations};
use super::number_format::NumberFormat;
use super::xml::{Event, Scanner, Tag};
use super::{Section, drawing};
use crate::flow::{AsideKind, Flow, NoteKind};
use crate::grid::Grid;
use crate::rich::Rich;

/// Cells of one workbook that are read.
const MAX_CELLS: usize = 5_000_000;
/// Columns and rows that a sheet may have.
const MAX_COLUMN: u32 = 16_384;
const MAX_ROW: u32 = 1_048_576;
/// Empty rows that part tables whose columns are the same.
const MIN_GAP: u32 = 2;

/// Reads every sheet.
pub(crate) fn read(archive: &mut Archive) -> Result<Vec<Section>, Failure> {
    let main = archive.main_part("xl/workbook.xml")?;
    let relations = archive.relations(&main)?;
    let folder = main.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let named = |kind: &str, name: &str| {
        let target = relations.of_kind(kind).next().map(|relation| relation.target.clone());
        target.unwrap_or_else(|| format!("{folder}/{name}"))
    };
    let book = archive
        .xml(&main)?
        .ok_or_else(|| Failure::invalid_input(format!("the XLSX has no workbook: {main} was not found in it")))?;
    let mut workbook =
        Workbook { strings: Strings::default(), formats: Vec::new(), is_1904: false, cells: 0, formulas: 0 };
    let strings = named("sharedStrings", "sharedStrings.xml");
    if let Some(xml) = archive.xml(&strings)? {
        workbook.strings = Strings::parse(&xml);
    }
    if let Some(xml) = archive.xml(&named("styles", "styles.xml"))? {
        workbook.formats = formats(&xml);
    }
    let mut sheets = Vec::new();
    let mut scanner = Scanner::new(&book);
    for event in scanner.by_ref() {
        let Event::Start(tag) = event else { continue };
        match tag.name() {
            "workbookPr" => {
                workbook.is_1904 = tag.attribute("date1904").is_some_and(|value| value == "1" || value == "true");
            }
            "sheet" => sheets.push((
                tag.attribute("name").unwrap_or_default().into_owned(),
                tag.prefixed("id").unwrap_or_default().into_owned(),
                tag.attribute("state").is_some_and(|state| state.to_ascii_lowercase().contains("hidden")),
            )),
            _ => {}
        }
    }
    archive.check(&main, &scanner);
    let mut sections = Vec::new();
    for (name, id, is_hidden) in sheets {
        let mut flows = vec![Flow::Heading { level: 2, text: Rich::from(name.as_str()) }];
        match relations.by_id(&id).map(|relation| (relation.kind.clone(), relation.target.clone())) {
            Some((kind, target)) if kind == "chartsheet" => flows.extend(drawings(archive, &target)?),
            Some((_, target)) => match archive.xml(&target)? {
                Some(xml) => flows.extend(workbook.sheet(archive, &target, &xml)?),
                None => archive.warn(format!("the sheet {name:?} was not found in the workbook ({target})")),
            },
            None => archive.warn(format!("the sheet {name:?} names a part that the workbook does not have")),
        }
        sections.push(Section { title: Some(name), flows, is_hidden });
        if archive.is_cut() || workbook.cells > MAX_CELLS {
            break;
        }
    }
    if workbook.cells > MAX_CELLS {
        archive.warn(format!("the workbook has more than {MAX_CELLS} cells; the rest was left out"));
    }
    if workbook.formulas > 0 {
        archive.warn(format!(
            "{} formulas were saved without their results; the formulas themselves are given",
            workbook.formulas
        ));
    }
    Ok(sections)
}

struct Workbook {
    strings: Strings,
    /// By the number of a cell's style.
    formats: Vec<NumberFormat>,
    is_1904: bool,
    cells: usize,
    /// Without stored values.
    formulas: usize,
}

/// Strings that cells share, one after the other.
#[derive(Default)]
struct Strings {
    text: String,
    ends: Vec<usize>,
}

impl Strings {
    fn parse(xml: &str) -> Self {
        let mut strings = Self::default();
        let mut item = Item::default();
        for event in Scanner::new(xml) {
            match event {
                Event::Start(tag) => item.start(tag.name()),
                Event::Text(text) => item.text(&text),
                Event::End("si") => {
                    strings.text.push_str(&item.take());
                    strings.ends.push(strings.text.len());
                }
                Event::End(name) => item.end(name),
            }
        }
        strings
    }

    fn get(&self, at: usize) -> Option<&str> {
        let start = at.checked_sub(1).map_or(0, |before| self.ends.get(before).copied().unwrap_or(0));
        Some(&self.text[start..*self.ends.get(at)?])
    }
}

/// A string while its runs come; how it is pronounced is no part of it.
#[derive(Default)]
struct Item {
    text: String,
    in_text: bool,
    phonetic: usize,
}

impl Item {
    fn start(&mut self, name: &str) {
        match name {
            "t" => self.in_text = true,
            "rPh" => self.phonetic += 1,
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "t" => self.in_text = false,
            "rPh" => self.phonetic = self.phonetic.saturating_sub(1),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.in_text && self.phonetic == 0 {
            self.text.push_str(text);
        }
    }

    fn take(&mut self) -> String {
        (self.in_text, self.phonetic) = (false, 0);
        unescaped(&std::mem::take(&mut self.text))
    }
}

/// `_x000D_` stands for a character that XML cannot hold, `_x005F_` for an underscore (ECMA-376, part 1, 22.9.2.19).
fn unescaped(text: &str) -> String {
    if !text.contains("_x") && !text.contains('\r') {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let code = rest.get(at + 2..at + 6).filter(|_| rest.as_bytes().get(at + 6) == Some(&b'_'));
        let char = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        plain.push_str(&rest[..at]);
        if let Some(char) = char {
            plain.push(char);
            rest = &rest[at + 7..];
        } else {
            plain.push_str("_x");
            rest = &rest[at + 2..];
        }
    }
    plain.push_str(rest);
    plain
        .replace("\r\n", "\n")
        .replace('\r', "\n")
        .chars()
        .filter(|char| !char.is_control() || matches!(char, '\n' | '\t'))
        .collect()
}

/// The formats of cells by the number of their style.
fn formats(xml: &str) -> Vec<NumberFormat> {
    let mut own: HashMap<u32, NumberFormat> = HashMap::new();
    let mut formats = Vec::new();
    let mut in_cells = false;
    for event in Scanner::new(xml) {
        match event {
            Event::Start(tag) => match tag.name() {
                "numFmt" => {
                    if let (Some(id), Some(code)) = (tag.number("numFmtId"), tag.attribute("formatCode")) {
                        own.entry(id).or_insert_with(|| NumberFormat::parse(&code));
                    }
                }
                "cellXfs" => in_cells = true,
                "xf" if in_cells => {
                    let id = tag.number("numFmtId").unwrap_or(0);
                    formats.push(own.get(&id).cloned().unwrap_or_else(|| NumberFormat::built_in(id)));
                }
                _ => {}
            },
            Event::End("cellXfs") => in_cells = false,
            Event::End(_) | Event::Text(_) => {}
        }
    }
    formats
}

/// Column and row of a reference such as `AB12`, both from 0.
fn place(reference: &str) -> Option<(u32, u32)> {
    let reference = reference.trim();
    let letters = reference.bytes().take_while(u8::is_ascii_alphabetic).count();
    let column = reference[..letters].bytes().try_fold(0_u32, |column, letter| {
        column.checked_mul(26)?.checked_add(u32::from(letter.to_ascii_uppercase() - b'A') + 1)
    })?;
    let row: u32 = reference[letters..].parse().ok()?;
    ((1..=MAX_COLUMN).contains(&column) && (1..=MAX_ROW).contains(&row)).then(|| (column - 1, row - 1))
}

struct Cell {
    row: u32,
    column: u32,
    text: Rich,
}

/// A cell while it is read.
#[derive(Default)]
struct Open {
    place: (u32, u32),
    kind: String,
    style: usize,
    value: String,
    formula: Option<String>,
    item: Item,
    part: Part,
}

#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum Part {
    #[default]
    None,
    Value,
    Formula,
}

impl Workbook {
    fn sheet(&mut self, archive: &mut Archive, part: &str, xml: &str) -> Result<Vec<Flow>, Failure> {
        let mut cells: Vec<Cell> = Vec::new();
        let mut open: Option<Open> = None;
        let mut next = (0_u32, 0_u32);
        let mut merged: Vec<(u32, u32, u32, u32)> = Vec::new();
        let mut links: Vec<((u32, u32), String)> = Vec::new();
        let mut heads: Vec<(AsideKind, String)> = Vec::new();
        let mut head: Option<(AsideKind, String)> = None;
        let relations = archive.relations(part)?;
        let mut scanner = Scanner::new(xml);
        for event in scanner.by_ref() {
            match event {
                Event::Start(tag) => match tag.name() {
                    "row" => {
                        let row = tag.number::<u32>("r").and_then(|row| row.checked_sub(1));
                        next = (0, row.unwrap_or(next.1).min(MAX_ROW));
                    }
                    "c" => {
                        let own = tag.attribute("r").and_then(|reference| place(&reference));
                        next = own.unwrap_or(next);
                        open = Some(Open {
                            place: next,
                            kind: tag.attribute("t").unwrap_or_default().into_owned(),
                            style: tag.number("s").unwrap_or(0),
                            ..Open::default()
                        });
                        next.0 += 1;
                    }
                    "v" => set(&mut open, Part::Value),
                    "f" => {
                        set(&mut open, Part::Formula);
                        if let Some(open) = &mut open {
                            open.formula.get_or_insert_default();
                        }
                    }
                    "mergeCell" => merged.extend(tag.attribute("ref").and_then(|range| area(&range))),
                    "hyperlink" => links.extend(link(&tag, &relations)),
                    "oddHeader" | "firstHeader" => head = Some((AsideKind::Header, String::new())),
                    "oddFooter" | "firstFooter" => head = Some((AsideKind::Footer, String::new())),
                    name => {
                        if let Some(open) = &mut open {
                            open.item.start(name);
                        }
                    }
                },
                Event::Text(text) => {
                    if let Some(open) = &mut open {
                        match open.part {
                            Part::Value => open.value.push_str(&text),
                            Part::Formula => open.formula.get_or_insert_default().push_str(&text),
                            Part::None => open.item.text(&text),
                        }
                    } else if let Some((_, head)) = &mut head {
                        head.push_str(&text);
                    }
                }
                Event::End(name) => match name {
                    "v" | "f" => set(&mut open, Part::None),
                    "c" => {
                        let Some(cell) = open.take() else { continue };
                        self.cells += 1;
                        let (column, row) = cell.place;
                        if let Some(text) = self.text(cell, archive) {
                            cells.push(Cell { row, column, text: Rich::from(text) });
                        }
                        if self.cells > MAX_CELLS || archive.is_cut() {
                            break;
                        }
                    }
                    "row" => next = (0, next.1 + 1),
                    "oddHeader" | "firstHeader" | "oddFooter" | "firstFooter" => heads.extend(head.take()),
                    name => {
                        if let Some(open) = &mut open {
                            open.item.end(name);
                        }
                    }
                },
            }
        }
        if self.cells <= MAX_CELLS && !archive.is_cut() {
            archive.check(part, &scanner);
        }
        if !cells.is_sorted_by_key(|cell| (cell.row, cell.column)) {
            cells.sort_by_key(|cell| (cell.row, cell.column));
        }
        for (place, address) in links {
            if let Ok(at) = cells.binary_search_by_key(&(place.1, place.0), |cell| (cell.row, cell.column)) {
                let text = std::mem::take(&mut cells[at].text);
                cells[at].text = text.linked(&address);
            }
        }
        let mut flows = tables(cells, &merged);
        for (kind, head) in heads {
            let text = without_codes(&head);
            if !text.is_empty() {
                flows.push(Flow::Aside { kind, text: Rich::from(text) });
            }
        }
        flows.extend(comments(archive, &relations)?);
        flows.extend(drawings(archive, part)?);
        Ok(flows)
    }

    /// What a cell shows; none where it is empty.
    fn text(&mut self, mut cell: Open, archive: &mut Archive) -> Option<String> {
        let inline = cell.item.take();
        let value = cell.value.trim();
        let format = self.formats.get(cell.style);
        let shown = match cell.kind.as_str() {
            "s" => self.strings.get(value.parse().ok()?).map(str::to_owned),
            "inlineStr" => Some(inline),
            "str" => Some(unescaped(&cell.value)),
            "b" => match value {
                "" => None,
                "0" | "false" => Some("FALSE".to_owned()),
                _ => Some("TRUE".to_owned()),
            },
            "e" | "d" => Some(value.to_owned()),
            _ => match value.parse::<f64>() {
                Ok(number) => Some(match format {
                    Some(format) => format.show(number, self.is_1904),
                    None => super::number_format::general(number),
                }),
                Err(_) if inline.is_empty() => Some(value.to_owned()),
                Err(_) => Some(inline),
            },
        };
        let shown = shown.map(|text| match (cell.kind.as_str(), format) {
            ("s" | "inlineStr" | "str", Some(format)) => format.show_text(&text),
            _ => text,
        });
        let shown = if let Some(text) = shown.filter(|text| !text.is_empty()) {
            text
        } else {
            // A program that computes nothing has written it.
            let formula = cell.formula.filter(|formula| !formula.trim().is_empty() && cell.value.is_empty())?;
            self.formulas += 1;
            format!("={}", formula.trim())
        };
        archive.take_text(shown.len() + 1).then_some(shown)
    }
}

fn set(open: &mut Option<Open>, part: Part) {
    if let Some(open) = open {
        open.part = part;
    }
}

/// Left, top, right, bottom of a range.
fn area(range: &str) -> Option<(u32, u32, u32, u32)> {
    let (from, to) = range.split_once(':').unwrap_or((range, range));
    let (from, to) = (place(from)?, place(to)?);
    Some((from.0.min(to.0), from.1.min(to.1), from.0.max(to.0), from.1.max(to.1)))
}

fn link(tag: &Tag, relations: &Relations) -> Option<((u32, u32), String)> {
    let range = tag.attribute("ref")?;
    let (left, top, ..) = area(&range)?;
    let relation = tag.prefixed("id").and_then(|id| relations.by_id(&id).cloned())?;
    Some(((left, top), relation.target))
}

/// The text of a header or footer without its codes: `&L`, `&C`, `&R`, fonts, page numbers.
fn without_codes(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        if char != '&' {
            plain.push(char);
            continue;
        }
        match chars.next() {
            Some('&') => plain.push('&'),
            Some('"') => {
                let _ = chars.by_ref().find(|char| *char == '"');
            }
            Some('K') => (0..6).for_each(|_| {
                chars.next_if(char::is_ascii_hexdigit);
            }),
            Some(digit) if digit.is_ascii_digit() => while chars.next_if(char::is_ascii_digit).is_some() {},
            Some('L' | 'C' | 'R') => plain.push(' '),
            _ => {}
        }
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Cells as tables: rows that empty rows part are tables of their own, and a single cell is a line of text.
fn tables(cells: Vec<Cell>, merged: &[(u32, u32, u32, u32)]) -> Vec<Flow> {
    let spans: HashMap<(u32, u32), (u32, u32)> =
        merged.iter().map(|(left, top, right, bottom)| ((*top, *left), (bottom - top + 1, right - left + 1))).collect();
    // Rows that a merged cell covers are not empty.
    let mut covered: Vec<(u32, u32)> =
        merged.iter().filter(|(_, top, _, bottom)| bottom > top).map(|(_, top, _, bottom)| (*top, *bottom)).collect();
    covered.sort_unstable();
    let covered_to = |row: u32| {
        let end = covered.partition_point(|(top, _)| *top <= row);
        covered[..end].iter().rev().take(64).map(|(_, bottom)| *bottom).max().unwrap_or(0).max(row)
    };
    let mut blocks: Vec<Vec<Cell>> = Vec::new();
    let mut last_row = 0;
    let mut extent = (u32::MAX, 0);
    let mut cells = cells.into_iter().peekable();
    while let Some(first) = cells.next() {
        let row = first.row;
        let mut line = vec![first];
        while let Some(cell) = cells.next_if(|cell| cell.row == row) {
            line.push(cell);
        }
        let own = (line[0].column, line[line.len() - 1].column);
        let gap = row.saturating_sub(last_row + 1);
        let is_same = own.0 >= extent.0 && own.1 <= extent.1 && own.1 > own.0;
        match blocks.last_mut() {
            Some(block) if gap == 0 || (gap < MIN_GAP && is_same) => {
                block.append(&mut line);
                extent = (extent.0.min(own.0), extent.1.max(own.1));
            }
            _ => {
                blocks.push(line);
                extent = own;
            }
        }
        last_row = covered_to(row);
    }
    blocks.into_iter().filter_map(|block| table(block, &spans)).collect()
}

fn table(block: Vec<Cell>, spans: &HashMap<(u32, u32), (u32, u32)>) -> Option<Flow> {
    if block.len() == 1 {
        return block.into_iter().next().map(|cell| Flow::Paragraph { text: cell.text });
    }
    let mut grid = Grid::default();
    let mut row = None;
    for cell in block {
        if row != Some(cell.row) {
            // Rows without anything cost nothing, but spans count them.
            let skipped = row.map_or(1, |row| (cell.row - row).min(MIN_GAP + 64));
            (0..skipped).for_each(|_| grid.begin_row());
            row = Some(cell.row);
        }
        let (rows, columns) = spans.get(&(cell.row, cell.column)).copied().unwrap_or((1, 1));
        grid.place(cell.column as usize, cell.text, rows as usize, columns as usize);
    }
    grid.finish().map(Flow::Table)
}

fn comments(archive: &mut Archive, relations: &Relations) -> Result<Vec<Flow>, Failure> {
    let mut flows = Vec::new();
    for relation in relations.of_kind("comments") {
        let Some(xml) = archive.xml(&relation.target)? else { continue };
        let mut authors: Vec<String> = Vec::new();
        let mut author: Option<String> = None;
        let mut comment: Option<(String, usize)> = None;
        let mut item = Item::default();
        for event in Scanner::new(&xml) {
            match event {
                Event::Start(tag) => match tag.name() {
                    "author" => author = Some(String::new()),
                    "comment" => {
                        let reference = tag.attribute("ref").unwrap_or_default().into_owned();
                        comment = Some((reference, tag.number("authorId").unwrap_or(usize::MAX)));
                    }
                    name => item.start(name),
                },
                Event::Text(text) => match &mut author {
                    Some(author) => author.push_str(&text),
                    None => item.text(&text),
                },
                Event::End("author") => authors.extend(author.take()),
                Event::End("comment") => {
                    let text = item.take();
                    let Some((reference, author)) = comment.take().filter(|_| !text.trim().is_empty()) else {
                        continue;
                    };
                    if !archive.take_text(text.len()) {
                        break;
                    }
                    let label = authors.get(author).cloned().unwrap_or_default();
                    let text = Rich::from(format!("{reference}: {}", text.trim()));
                    flows.push(Flow::Note { kind: NoteKind::Comment, label, text });
                }
                Event::End(name) => item.end(name),
            }
        }
    }
    Ok(flows)
}

/// Text boxes, charts and diagrams of a sheet.
fn drawings(archive: &mut Archive, part: &str) -> Result<Vec<Flow>, Failure> {
    let mut flows = Vec::new();
    let relations = archive.relations(part)?;
    for relation in relations.of_kind("drawing") {
        if let Some(xml) = archive.xml(&relation.target)? {
            let lines = drawing::paragraphs(&xml);
            if archive.take_text(lines.iter().map(String::len).sum()) {
                flows.extend(lines.into_iter().map(Flow::paragraph));
            }
            for event in Scanner::new(&xml) {
                if let Event::Start(tag) = event
                    && tag.name() == "cNvPr"
                    && let Some(text) = tag.attribute("descr").filter(|text| !text.trim().is_empty())
                    && archive.take_text(text.len())
                {
                    flows.push(Flow::Aside { kind: AsideKind::Picture, text: Rich::from(text.trim()) });
                }
            }
        }
        let inner = archive.relations(&relation.target)?;
        for relation in inner.all() {
            match relation.kind.as_str() {
                "chart" | "chartEx" => flows.extend(drawing::chart(archive, &relation.target)?),
                "diagramData" => flows.extend(drawing::diagram(archive, &relation.target)?),
                _ => {}
            }
            if archive.is_cut() {
                return Ok(flows);
            }
        }
    }
    Ok(flows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_places() {
        assert_eq!(place("A1"), Some((0, 0)));
        assert_eq!(place("AB12"), Some((27, 11)));
        for wrong in ["", "1", "A", "A0", "AAAA1", "A99999999999", "\u{E9}1"] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
        assert_eq!(area("B2:A1"), Some((0, 0, 1, 1)));
    }

    #[test]
    fn escapes_and_codes_are_resolved() {
        assert_eq!(unescaped("a_x000D__x000A_b"), "a\nb");
        assert_eq!(unescaped("a_x005F_x000D_b"), "a_x000D_b");
        assert_eq!(unescaped("_x12"), "_x12");
        assert_eq!(without_codes("&L&\"Arial,Bold\"&12Contract &KFF0000 7&&8&CPage &P"), "Contract 7&8 Page");
    }
}
