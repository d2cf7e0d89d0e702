//! The binary workbooks of Excel: numbers are shown as a reader sees them.

use std::io::{Cursor, Write as _};

use catalog::Format;

use common::{Extracted, extract_as};

#[allow(dead_code, reason = "other tests make PDFs")]
mod common;

fn fixture() -> Vec<u8> {
    // Written by xlwt 1.3: six formats in one column, and a row of percentages that is stored as one record.
    fs_err::read(format!("{}/tests/fixtures/office/number_formats.xls", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn assert_shown(extracted: &Extracted, rows: &[&[&str]]) {
    for row in rows {
        let line = row.join("\t");
        // Rows are as long as the longest.
        let is_there = extracted.text.lines().any(|own| own.trim_end_matches('\t') == line);
        assert!(is_there, "{line:?} is not in {:?}", extracted.text);
    }
}

#[test]
fn numbers_of_an_xls_are_shown_by_their_formats() {
    let extracted = extract_as(Format::Xls, &fixture(), "text").unwrap();
    assert_shown(
        &extracted,
        &[
            &["share", "7.5%"],
            &["price", "$1,234.50"],
            &["code", "02134"],
            &["day", "2023-03-15"],
            &["sum", "0.3"],
            &["loss", "(3.00)"],
            &["row", "0%", "25%", "50%"],
        ],
    );
}

#[test]
fn a_damaged_xls_is_read_or_refused() {
    let whole = fixture();
    for at in (0..whole.len()).step_by(29) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xFF;
        // The library may panic, which is the worker's to tell; not so the formats, which are read beside it.
        if let Err(failure) = extract_as(Format::Xls, &damaged, "text") {
            assert_eq!(failure.kind(), contract::FailureKind::InvalidInput, "byte {at}: {failure}");
        }
    }
}

/// A record of an XLSB.
fn record(id: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = if id < 0x80 { vec![id as u8] } else { vec![(id & 0x7F) as u8 | 0x80, (id >> 7) as u8] };
    assert!(data.len() < 0x80);
    bytes.push(data.len() as u8);
    bytes.extend(data);
    bytes
}

fn wide(text: &str) -> Vec<u8> {
    let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    [&(units.len() as u32 / 2).to_le_bytes()[..], &units].concat()
}

#[test]
fn numbers_of_an_xlsb_are_shown_by_their_formats() {
    let longs = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let shorts = |numbers: &[u16]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let style = |format: u16| record(47, &[shorts(&[0, format, 0, 0, 0]), vec![0; 6]].concat());
    let styles = [
        record(278, &[]),
        record(615, &longs(&[1])),
        record(44, &[shorts(&[164]), wide("\"No. \"000")].concat()),
        record(616, &[]),
        // Styles that cells build upon are no cells' own.
        record(626, &longs(&[1])),
        style(9),
        record(627, &[]),
        record(617, &longs(&[3])),
        style(0),
        style(10),
        style(164),
        record(618, &[]),
        record(279, &[]),
    ]
    .concat();
    let book = [
        record(131, &[]),
        record(153, &longs(&[0, 0, 0])),
        record(143, &[]),
        record(156, &[longs(&[0, 1]), wide("rId1"), wide("Rates")].concat()),
        record(144, &[]),
        record(132, &[]),
    ]
    .concat();
    let cell = |column: u32, style: u32, value: f64| {
        record(5, &[longs(&[column, style]), value.to_le_bytes().to_vec()].concat())
    };
    let row = |row: u32| record(0, &[longs(&[row]), vec![0; 21]].concat());
    let sheet = [
        record(129, &[]),
        record(148, &longs(&[0, 1, 0, 1])),
        record(145, &[]),
        row(0),
        cell(0, 1, 0.075),
        cell(1, 2, 7.0),
        row(1),
        cell(0, 0, 0.075),
        cell(1, 1, 1.0),
        record(146, &[]),
        record(130, &[]),
    ]
    .concat();
    let relations = |entries: &[(&str, &str, &str)]| {
        let entries: Vec<String> = entries
            .iter()
            .map(|(id, kind, target)| {
                format!("<Relationship Id=\"{id}\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}\" Target=\"{target}\"/>")
            })
            .collect();
        format!(
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{}</Relationships>",
            entries.concat()
        )
    };
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, data) in [
        ("_rels/.rels", relations(&[("rId1", "officeDocument", "xl/workbook.bin")]).into_bytes()),
        ("xl/workbook.bin", book),
        (
            "xl/_rels/workbook.bin.rels",
            relations(&[("rId1", "worksheet", "worksheets/sheet1.bin"), ("rId2", "styles", "styles.bin")]).into_bytes(),
        ),
        ("xl/styles.bin", styles),
        ("xl/worksheets/sheet1.bin", sheet),
    ] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&data).unwrap();
    }
    let extracted = extract_as(Format::Xlsb, &zip.finish().unwrap().into_inner(), "text").unwrap();
    assert_shown(&extracted, &[&["7.50%", "No. 007"], &["0.075", "100.00%"]]);
}
