//! Workbooks of Excel 97 to 2003 (XLS) and binary ones (XLSB), as calamine reads them, shown
//! by the formats that [`CellFormats`] finds.

use std::fmt::Display;
use std::io::{Cursor, Read, Seek};

use calamine::{Data, Reader, SheetVisible, Xls, XlsError, Xlsb};
use contract::Failure;
use operation::tolerate_panics;

use super::Section;
use super::cell_formats::CellFormats;
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
    // The library trusts what a file says of itself in places, and panics.
    let damaged = || Failure::invalid_input("the workbook is damaged and cannot be read");
    let unreadable = |error: &dyn Display| Failure::invalid_input(format!("the workbook cannot be read: {error}"));
    match kind {
        Kind::Xls => match tolerate_panics(|| Xls::new(Cursor::new(data))).ok_or_else(damaged)? {
            Ok(workbook) => Ok(sheets(workbook, &CellFormats::of_xls(data))),
            Err(XlsError::Password) => {
                Err(Failure::invalid_input("the workbook is encrypted; remove its password and upload it again"))
            }
            Err(error) => Err(unreadable(&error)),
        },
        // An encrypted XLSB is no ZIP.
        Kind::Xlsb => match tolerate_panics(|| Xlsb::new(Cursor::new(data))).ok_or_else(damaged)? {
            Ok(workbook) => Ok(sheets(workbook, &CellFormats::of_xlsb(data))),
            Err(error) => Err(unreadable(&error)),
        },
    }
}

fn sheets<S: Read + Seek + Clone, R: Reader<S>>(mut workbook: R, formats: &CellFormats) -> (Vec<Section>, Vec<String>) {
    let mut sections = Vec::new();
    let mut warnings = Vec::new();
    let mut count = 0;
    for sheet in workbook.sheets_metadata().to_vec() {
        let mut flows = vec![Flow::Heading { level: 2, text: Rich::from(sheet.name.as_str()) }];
        match tolerate_panics(|| workbook.worksheet_range(&sheet.name)) {
            Some(Ok(range)) => {
                let mut grid = Grid::default();
                let (first_row, first_column) = range.start().unwrap_or_default();
                for (row, cells) in (first_row..).zip(range.rows()) {
                    grid.begin_row();
                    for (column, cell) in cells.iter().enumerate() {
                        let format = formats.of(&sheet.name, row, first_column + column as u32);
                        let text = text(cell, format, formats.is_1904);
                        if !text.is_empty() && count < MAX_CELLS {
                            count += 1;
                            grid.place(column, Rich::from(text), 1, 1);
                        }
                    }
                }
                flows.extend(grid.finish().map(Flow::Table));
            }
            Some(Err(error)) => warnings.push(format!("the sheet {:?} cannot be read: {error:?}", sheet.name)),
            None => warnings.push(format!("the sheet {:?} is damaged and cannot be read", sheet.name)),
        }
        sections.push(Section { title: Some(sheet.name), flows, is_hidden: sheet.visible != SheetVisible::Visible });
    }
    if count >= MAX_CELLS {
        warnings.push(format!("the workbook has more than {MAX_CELLS} cells; the rest was left out"));
    }
    (sections, warnings)
}

fn text(value: &Data, format: Option<&NumberFormat>, is_1904: bool) -> String {
    let number = match value {
        Data::Int(value) => Some(*value as f64),
        Data::Float(value) => Some(*value),
        Data::DateTime(value) => Some(value.as_f64()),
        _ => None,
    };
    if let Some((number, format)) = number.zip(format) {
        return format.show(number, is_1904);
    }
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
