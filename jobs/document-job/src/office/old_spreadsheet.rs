//! Workbooks of Excel 97 to 2003 (XLS) and binary ones (XLSB), as calamine reads them: their values, without formats.

use std::io::{Cursor, Read, Seek};
use std::panic::AssertUnwindSafe;

use calamine::{Data, Reader, SheetVisible, Xls, Xlsb};
use contract::Failure;

use super::Section;
use super::number_format::{NumberFormat, general};
use crate::flow::Flow;
use crate::grid::Grid;
use crate::rich::Rich;

/// Cells of one workbook that are read.
const MAX_CELLS: usize = 5_000_000;

/// Which of the two formats it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Xls,
    Xlsb,
}

/// Reads every sheet, and says what could not be read.
pub(crate) fn read(data: &[u8], kind: Kind) -> Result<(Vec<Section>, Vec<String>), Failure> {
    // The library trusts what a file says of itself in places.
    let read = std::panic::catch_unwind(AssertUnwindSafe(|| match kind {
        Kind::Xls => Xls::new(Cursor::new(data)).map(sheets).map_err(|error| error.to_string()),
        Kind::Xlsb => Xlsb::new(Cursor::new(data)).map(sheets).map_err(|error| error.to_string()),
    }));
    match read {
        Ok(Ok(sheets)) => Ok(sheets),
        Ok(Err(reason)) if reason.to_ascii_lowercase().contains("password") => {
            Err(Failure::invalid_input("the workbook is encrypted; remove its password and upload it again"))
        }
        Ok(Err(reason)) => Err(Failure::invalid_input(format!("the workbook cannot be read: {reason}"))),
        Err(_) => Err(Failure::invalid_input("the workbook is damaged and cannot be read")),
    }
}

fn sheets<S: Read + Seek + Clone, R: Reader<S>>(mut workbook: R) -> (Vec<Section>, Vec<String>) {
    let mut sections = Vec::new();
    let mut warnings = Vec::new();
    let mut count = 0;
    for sheet in workbook.sheets_metadata().to_vec() {
        let mut flows = vec![Flow::Heading { level: 2, text: Rich::from(sheet.name.as_str()) }];
        match workbook.worksheet_range(&sheet.name) {
            Ok(range) => {
                let mut grid = Grid::default();
                for row in range.rows() {
                    grid.begin_row();
                    for (column, cell) in row.iter().enumerate() {
                        let text = text(cell);
                        if !text.is_empty() && count < MAX_CELLS {
                            count += 1;
                            grid.place(column, Rich::from(text), 1, 1);
                        }
                    }
                }
                flows.extend(grid.finish().map(Flow::Table));
            }
            Err(error) => warnings.push(format!("the sheet {:?} cannot be read: {error:?}", sheet.name)),
        }
        sections.push(Section { title: Some(sheet.name), flows, is_hidden: sheet.visible != SheetVisible::Visible });
    }
    if count >= MAX_CELLS {
        warnings.push(format!("the workbook has more than {MAX_CELLS} cells; the rest was left out"));
    }
    (sections, warnings)
}

fn text(value: &Data) -> String {
    match value {
        Data::Int(value) => value.to_string(),
        Data::Float(value) => general(*value),
        Data::String(value) | Data::DateTimeIso(value) | Data::DurationIso(value) => value.replace("\r\n", "\n"),
        Data::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
        Data::DateTime(value) => {
            let serial = value.as_f64();
            let code = match (serial < 1.0 || value.is_duration(), serial.fract() == 0.0) {
                (true, _) if value.is_duration() => "[h]:mm:ss",
                (true, _) => "hh:mm:ss",
                (false, true) => "yyyy-mm-dd",
                (false, false) => "yyyy-mm-dd hh:mm:ss",
            };
            NumberFormat::parse(code).show(serial, false)
        }
        Data::Error(error) => error.to_string(),
        Data::Empty => String::new(),
    }
}
