//! The cells of an XLSX, sheet by sheet, with the values that they show.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use calamine::{DataRef, Reader as _, Xlsx};
use contract::Failure;

use super::Section;
use crate::flow::Flow;

/// Cells of one workbook that are read.
const MAX_CELLS: usize = 5_000_000;

/// Reads every sheet; and what could not be read, for people.
pub(crate) fn read(data: &[u8]) -> Result<(Vec<Section>, Vec<String>), Failure> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(data))
        .map_err(|error| Failure::invalid_input("the XLSX cannot be read").because(error))?;
    let mut sections = Vec::new();
    let mut warnings = Vec::new();
    let mut count = 0;
    for name in workbook.sheet_names() {
        // Cells are read one by one: a sheet's declared size may be a thousand million cells.
        let mut cells: BTreeMap<(u32, u32), String> = BTreeMap::new();
        match workbook.worksheet_cells_reader(&name) {
            Ok(mut reader) => loop {
                match reader.next_cell() {
                    Ok(Some(cell)) => {
                        count += 1;
                        if count > MAX_CELLS {
                            warnings
                                .push(format!("the workbook has more than {MAX_CELLS} cells; the rest was left out"));
                            break;
                        }
                        let text = text(cell.get_value());
                        if !text.is_empty() {
                            cells.insert(cell.get_position(), text);
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        warnings.push(format!("the sheet {name:?} is damaged and was read in part: {error}"));
                        break;
                    }
                }
            },
            Err(error) => warnings.push(format!("the sheet {name:?} cannot be read: {error}")),
        }
        let mut flows = vec![Flow::Heading { level: 2, text: name.clone() }];
        if !cells.is_empty() {
            flows.push(Flow::Table { rows: rows(cells) });
        }
        sections.push(Section { title: Some(name), flows });
        if count > MAX_CELLS {
            break;
        }
    }
    Ok((sections, warnings))
}

/// Rows and columns that hold something.
fn rows(cells: BTreeMap<(u32, u32), String>) -> Vec<Vec<String>> {
    let columns: BTreeSet<u32> = cells.keys().map(|(_, column)| *column).collect();
    let places: BTreeMap<u32, usize> = columns.into_iter().zip(0..).collect();
    let mut rows: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for ((row, column), text) in cells {
        let row = rows.entry(row).or_default();
        row.resize(places[&column], String::new());
        row.push(text);
    }
    rows.into_values().collect()
}

fn text(value: &DataRef) -> String {
    match value {
        DataRef::Int(value) => value.to_string(),
        DataRef::Float(value) => value.to_string(),
        DataRef::SharedString(value) => (*value).to_owned(),
        DataRef::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
        DataRef::DateTime(value) => {
            let (year, month, day, hour, minute, second, _) = value.to_ymd_hms_milli();
            match (value.as_f64() < 1.0, (hour, minute, second)) {
                (true, _) => format!("{hour:02}:{minute:02}:{second:02}"),
                (false, (0, 0, 0)) => format!("{year:04}-{month:02}-{day:02}"),
                (false, _) => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
            }
        }
        DataRef::String(value) | DataRef::DateTimeIso(value) | DataRef::DurationIso(value) => value.clone(),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}
