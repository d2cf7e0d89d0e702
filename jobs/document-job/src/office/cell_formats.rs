//! The number formats of cells in the binary workbooks of Excel, which calamine reads without: 7.5 % is stored as 0.075 and a
//! format. XLS by [MS-XLS] 2.4 in a compound file ([MS-CFB]), XLSB by [MS-XLSB] 2.4. What is damaged ends early: cells without a
//! format are shown as calamine has them.

use std::collections::HashMap;

use super::archive::Archive;
use super::number_format::NumberFormat;

/// Formats of cells of one workbook.
#[derive(Default)]
pub(super) struct CellFormats {
    /// By the number of a cell's style.
    styles: Vec<NumberFormat>,
    /// The number of each cell's style, by the sheet's name, row and column.
    sheets: HashMap<String, HashMap<(u32, u32), u32>>,
    /// Days are counted from 1904.
    pub(super) is_1904: bool,
}

impl CellFormats {
    /// How a cell is shown.
    pub(super) fn of(&self, sheet: &str, row: u32, column: u32) -> Option<&NumberFormat> {
        self.styles.get(*self.sheets.get(sheet)?.get(&(row, column))? as usize)
    }

    /// Of an XLS.
    pub(super) fn of_xls(file: &[u8]) -> Self {
        let mut read = Self::default();
        let stream = compound_stream(file, "Workbook").map(|stream| (stream, true));
        let Some((stream, is_8)) = stream.or_else(|| compound_stream(file, "Book").map(|stream| (stream, false)))
        else {
            return read;
        };
        let mut named = HashMap::new();
        let mut styles = Vec::new();
        let mut sheets = Vec::new();
        for (id, data) in BinaryRecords(&stream) {
            match id {
                // EOF of the globals.
                0x000A => break,
                // Date1904, Format, XF, BoundSheet.
                0x0022 => read.is_1904 = short(data, 0) == Some(1),
                0x041E => {
                    if let Some((id, code)) = short(data, 0).zip(data.get(2..).and_then(|text| long_text(text, is_8))) {
                        named.insert(u32::from(id), NumberFormat::parse(&code));
                    }
                }
                0x00E0 => styles.extend(short(data, 2).map(u32::from)),
                0x0085 => sheets.extend(long(data, 0).zip(data.get(6..).and_then(|text| short_text(text, is_8)))),
                _ => {}
            }
        }
        read.styles = styles
            .into_iter()
            .map(|id| named.get(&id).cloned().unwrap_or_else(|| NumberFormat::built_in(id)))
            .collect();
        for (start, name) in sheets {
            let Some(records) = stream.get(start as usize..) else { continue };
            let cells = read.sheets.entry(name).or_default();
            // The first record begins the sheet; charts within it begin and end as well.
            let mut depth = 0;
            for (id, data) in BinaryRecords(records) {
                let place = || Some((u32::from(short(data, 0)?), u32::from(short(data, 2)?)));
                match id {
                    0x0809 => depth += 1,
                    0x000A if depth <= 1 => break,
                    0x000A => depth -= 1,
                    // Number, RK and Formula.
                    0x0203 | 0x027E | 0x0006 => {
                        if let Some((place, style)) = place().zip(short(data, 4)) {
                            cells.insert(place, u32::from(style));
                        }
                    }
                    // MulRk: a row and its first column, styles and numbers, the last column.
                    0x00BD => {
                        let Some((row, first)) = place() else { continue };
                        for (column, pair) in (first..).zip(data[4..].chunks_exact(6)) {
                            cells.insert((row, column), u32::from(short(pair, 0).unwrap_or_default()));
                        }
                    }
                    _ => {}
                }
            }
        }
        read
    }

    /// Of an XLSB.
    pub(super) fn of_xlsb(file: &[u8]) -> Self {
        Self::read_xlsb(file).unwrap_or_default()
    }

    fn read_xlsb(file: &[u8]) -> Option<Self> {
        let mut archive = Archive::open(file).ok()?;
        let mut read = Self::default();
        let main = archive.main_part("xl/workbook.bin").ok()?;
        let relations = archive.relations(&main).ok()?;
        let styles = relations.of_kind("styles").next().map(|relation| relation.target.clone())?;
        let styles = archive.part(&styles).ok()??;
        let mut named = HashMap::new();
        let mut is_of_cells = false;
        for (id, data) in Records(&styles) {
            match id {
                // BrtFmt.
                44 => {
                    if let Some((id, code)) = short(data, 0).zip(data.get(2..).and_then(wide_text)) {
                        named.insert(u32::from(id), NumberFormat::parse(&code));
                    }
                }
                // BrtBeginCellXFs to BrtEndCellXFs, and BrtXF.
                617 => is_of_cells = true,
                618 => is_of_cells = false,
                47 if is_of_cells => {
                    let id = short(data, 2).map_or(0, u32::from);
                    read.styles.push(named.get(&id).cloned().unwrap_or_else(|| NumberFormat::built_in(id)));
                }
                _ => {}
            }
        }
        let book = archive.part(&main).ok()??;
        for (id, data) in Records(&book) {
            match id {
                // BrtWbProp.
                153 => read.is_1904 = long(data, 0).is_some_and(|flags| flags & 1 == 1),
                // BrtBundleSh: state and number, the relation, the name.
                156 => {
                    let Some(relation) = data.get(8..).and_then(wide_text) else { continue };
                    let Some(name) = data.get(12 + 2 * relation.encode_utf16().count()..).and_then(wide_text) else {
                        continue;
                    };
                    let Some(target) = relations.by_id(&relation).map(|relation| relation.target.clone()) else {
                        continue;
                    };
                    let Ok(Some(sheet)) = archive.part(&target) else { continue };
                    read.sheets.insert(name, cells_of(&sheet));
                }
                _ => {}
            }
        }
        Some(read)
    }
}

/// The styles of cells with numbers in a sheet of an XLSB.
fn cells_of(sheet: &[u8]) -> HashMap<(u32, u32), u32> {
    let mut row = 0;
    let mut cells = HashMap::new();
    for (id, data) in Records(sheet) {
        match id {
            // BrtRowHdr.
            0 => row = long(data, 0).unwrap_or(row),
            // BrtCellRk, BrtCellReal and BrtFmlaNum.
            2 | 5 | 9 => {
                if let Some((column, style)) = long(data, 0).zip(long(data, 4)) {
                    cells.insert((row, column), style & 0x00FF_FFFF);
                }
            }
            _ => {}
        }
    }
    cells
}

fn short(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*data.get(at..)?.first_chunk()?))
}

fn long(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*data.get(at..)?.first_chunk()?))
}

fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// The characters of a string of that many: a byte each where the options say so, or in workbooks before Excel 97.
fn characters(text: &[u8], count: usize, is_8: bool) -> Option<String> {
    if !is_8 {
        return text.get(..count).map(|bytes| bytes.iter().copied().map(char::from).collect());
    }
    let (options, text) = text.split_first()?;
    if options & 1 == 0 {
        return text.get(..count).map(|bytes| bytes.iter().copied().map(char::from).collect());
    }
    text.get(..count * 2).map(utf16)
}

/// `XLUnicodeString`; in workbooks before Excel 97 the length has one byte.
fn long_text(text: &[u8], is_8: bool) -> Option<String> {
    if is_8 { characters(text.get(2..)?, short(text, 0)?.into(), true) } else { short_text(text, false) }
}

/// `ShortXLUnicodeString`.
fn short_text(text: &[u8], is_8: bool) -> Option<String> {
    characters(text.get(1..)?, usize::from(*text.first()?), is_8)
}

/// `XLWideString`.
fn wide_text(text: &[u8]) -> Option<String> {
    let count = long(text, 0)? as usize;
    text.get(4..)?.get(..count.checked_mul(2)?).map(utf16)
}

/// Records of an XLS: a number and a length of two bytes each.
struct BinaryRecords<'a>(&'a [u8]);

impl<'a> Iterator for BinaryRecords<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (id, length) = (short(self.0, 0)?, usize::from(short(self.0, 2)?));
        let data = self.0.get(4..4 + length)?;
        self.0 = &self.0[4 + length..];
        Some((id, data))
    }
}

/// Records of an XLSB: a number and a length in bytes of seven bits.
struct Records<'a>(&'a [u8]);

impl Records<'_> {
    fn number(&mut self, most: u32) -> Option<usize> {
        let mut number = 0;
        for at in 0..most {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            // Of a record's own number all bits count.
            number |= if most == 2 { usize::from(*byte) << (8 * at) } else { usize::from(byte & 0x7F) << (7 * at) };
            if byte & 0x80 == 0 {
                break;
            }
        }
        Some(number)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let id = self.number(2)?;
        let id = if id > 0x7F { id & 0x7F | (id >> 8 & 0x7F) << 7 } else { id };
        let length = self.number(4)?;
        let records = self.0;
        let data = records.get(..length)?;
        self.0 = &records[length..];
        Some((id, data))
    }
}

/// A stream of a compound file by its name.
fn compound_stream(file: &[u8], name: &str) -> Option<Vec<u8>> {
    const FREE: u32 = 0xFFFF_FFFA;
    if !file.starts_with(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]) {
        return None;
    }
    let sector_size = 1_usize.checked_shl(short(file, 30)?.into()).filter(|size| matches!(size, 512 | 4096))?;
    let sector = |number: u32| {
        let start = (number as usize).checked_add(1)?.checked_mul(sector_size)?;
        file.get(start..).map(|rest| &rest[..rest.len().min(sector_size)])
    };
    // The sectors of the table are in the header and in a chain of their own.
    let mut tables: Vec<u32> =
        (0..109).filter_map(|at| long(file, 76 + 4 * at)).filter(|number| *number < FREE).collect();
    let mut more = long(file, 68)?;
    for _ in 0..file.len() / sector_size {
        let Some(list) = Some(more).filter(|more| *more < FREE).and_then(sector) else { break };
        let (last, numbers) = list.as_chunks::<4>().0.split_last()?;
        tables.extend(numbers.iter().map(|number| u32::from_le_bytes(*number)).filter(|number| *number < FREE));
        more = u32::from_le_bytes(*last);
    }
    let table: Vec<u32> = tables
        .iter()
        .filter_map(|number| sector(*number))
        .flat_map(|list| list.as_chunks::<4>().0.iter().map(|number| u32::from_le_bytes(*number)))
        .collect();
    // A chain is no longer than the file.
    let chain = |start: u32, table: &[u32]| {
        let mut numbers = Vec::new();
        let mut next = start;
        while next < FREE && numbers.len() <= file.len() / 64 {
            numbers.push(next);
            next = table.get(next as usize).copied().unwrap_or(FREE);
        }
        numbers
    };
    let whole =
        |start: u32| -> Vec<u8> { chain(start, &table).into_iter().filter_map(sector).flatten().copied().collect() };
    let directory = whole(long(file, 48)?);
    let entries = || directory.chunks_exact(128);
    let entry = entries().find(|entry| {
        let length = usize::from(short(entry, 64).unwrap_or(0)).saturating_sub(2).min(62);
        utf16(&entry[..length]).eq_ignore_ascii_case(name)
    })?;
    let (start, size) = (long(entry, 116)?, long(entry, 120)? as usize);
    let mut stream = if size >= long(file, 56)? as usize {
        whole(start)
    } else {
        let small_table: Vec<u32> =
            whole(long(file, 60)?).as_chunks::<4>().0.iter().map(|number| u32::from_le_bytes(*number)).collect();
        let small = whole(long(entries().next()?, 116)?);
        let parts = chain(start, &small_table).into_iter();
        parts.filter_map(|number| small.get(number as usize * 64..)?.get(..64)).flatten().copied().collect()
    };
    stream.truncate(size);
    Some(stream)
}
