//! Where the objects of a file are (ISO 32000-2, 7.5): as its cross-reference says, or as a search of the whole file finds.

use std::collections::{HashMap, HashSet};

use lopdf::{Dictionary, Object, Stream};
use memchr::memmem;

use super::File;
use crate::pdf::lexer::{Lexer, is_space};

/// The cross-reference and the trailer.
#[derive(Default)]
pub(super) struct Table {
    pub(super) entries: HashMap<u32, Entry>,
    pub(super) trailer: Dictionary,
}

/// Where an object is.
#[derive(Clone, Copy)]
pub(super) enum Entry {
    Free,
    At(usize),
    InStream { stream: u32, index: usize },
}

impl File<'_> {
    pub(super) fn has_pages(&self) -> bool {
        self.catalog().is_some_and(|catalog| self.dictionary_entry(&catalog, b"Pages").is_some())
    }

    pub(super) fn use_repaired(&mut self) {
        self.repair();
        if let Some(table) = self.repaired.take() {
            let copy = Table { entries: table.entries.clone(), trailer: table.trailer.clone() };
            self.table = copy;
            // Kept, so that it is known, and not made again.
            let _ = self.repaired.set(table);
        }
        self.objects.lock().expect("no holder panics").clear();
        self.object_streams.lock().expect("no holder panics").clear();
    }

    pub(super) fn read_table(&self) -> Table {
        let mut table = Table::default();
        let tail = self.data.len().saturating_sub(2048);
        let Some(at) = memmem::rfind(&self.data[tail..], b"startxref") else { return table };
        let mut pending: Vec<usize> = Vec::new();
        let start = Lexer::of_file(self.data, tail + at + 9).integer();
        pending.extend(start.and_then(|start| usize::try_from(start).ok()));
        let mut seen = HashSet::new();
        while let Some(offset) = pending.pop() {
            if offset >= self.data.len() || !seen.insert(offset) || seen.len() > 10_000 {
                continue;
            }
            let mut lexer = Lexer::of_file(self.data, offset);
            let trailer = if lexer.keyword(b"xref") {
                Self::read_section(lexer, &mut table)
            } else {
                self.read_xref_stream(offset, &mut table)
            };
            let Some(trailer) = trailer else { continue };
            for key in [&b"Prev"[..], b"XRefStm"] {
                let next = trailer.get(key).and_then(Object::as_i64).ok();
                pending.extend(next.and_then(|next| usize::try_from(next).ok()));
            }
            for (key, value) in &trailer {
                if !table.trailer.has(key) {
                    table.trailer.set(key.clone(), value.clone());
                }
            }
        }
        table
    }

    fn read_section(mut lexer: Lexer, table: &mut Table) -> Option<Dictionary> {
        while let Some(mut first) = lexer.integer() {
            let count = lexer.integer()?;
            for at in 0..count {
                let before = lexer.position;
                let Some(offset) = lexer.integer() else { break };
                lexer.integer()?;
                let in_use = lexer.keyword(b"n");
                if !in_use && !lexer.keyword(b"f") {
                    // The count was wrong: these are the next section's numbers.
                    lexer.position = before;
                    break;
                }
                // A first section that begins with the free head but says 1 is off by one.
                if at == 0 && first == 1 && !in_use && offset == 0 {
                    first = 0;
                }
                let Ok(number) = u32::try_from(first + at) else { break };
                let entry = match usize::try_from(offset) {
                    Ok(offset) if in_use && offset > 0 => Entry::At(offset),
                    _ => Entry::Free,
                };
                table.entries.entry(number).or_insert(entry);
            }
        }
        if !lexer.keyword(b"trailer") {
            return None;
        }
        match lexer.object()? {
            Object::Dictionary(dictionary) => Some(dictionary),
            _ => None,
        }
    }

    fn read_xref_stream(&self, offset: usize, table: &mut Table) -> Option<Dictionary> {
        let (_, Object::Stream(stream)) = self.object_at(offset)? else { return None };
        if !stream.dict.has_type(b"XRef") {
            return None;
        }
        let integers = |key: &[u8]| -> Option<Vec<usize>> {
            let array = stream.dict.get(key).ok()?.as_array().ok()?;
            array.iter().map(|item| item.as_i64().ok().and_then(|value| usize::try_from(value).ok())).collect()
        };
        let widths = integers(b"W").filter(|widths| widths.len() >= 3 && widths.iter().all(|width| *width <= 8))?;
        let data = self.decode_direct(&stream)?;
        let row = widths.iter().sum::<usize>();
        if row == 0 {
            return None;
        }
        let index = integers(b"Index").unwrap_or_else(|| vec![0, usize::MAX]);
        let mut rows = data.chunks_exact(row);
        for section in index.chunks_exact(2) {
            for at in 0..section[1] {
                let Some(row) = rows.next() else { break };
                let field = |from: usize, width: usize| {
                    row[from..from + width].iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte))
                };
                let kind = if widths[0] == 0 { 1 } else { field(0, widths[0]) };
                let second = field(widths[0], widths[1]);
                let third = field(widths[0] + widths[1], widths[2]);
                let entry = match kind {
                    1 => Entry::At(second as usize),
                    2 => Entry::InStream { stream: second as u32, index: third as usize },
                    _ => Entry::Free,
                };
                let Some(number) = section[0].checked_add(at).and_then(|number| u32::try_from(number).ok()) else {
                    break;
                };
                table.entries.entry(number).or_insert(entry);
            }
        }
        Some(stream.dict)
    }

    pub(super) fn repair(&self) -> &Table {
        self.repaired.get_or_init(|| self.search())
    }

    /// Searches the whole file for objects and trailers; of an object's versions the last counts.
    fn search(&self) -> Table {
        let mut table = Table::default();
        let mut streams = Vec::new();
        let mut catalog = None;
        for at in memmem::find_iter(self.data, b"obj") {
            let Some((number, offset)) = self.object_header_before(at) else { continue };
            table.entries.insert(number, Entry::At(offset));
            // Only a look at the dictionary: reading everything would make bombs of broken files.
            let head = &self.data[at + 3..self.data.len().min(at + 3 + 400)];
            let head = &head[..memmem::find(head, b"endobj").unwrap_or(head.len())];
            if memmem::find(head, b"/ObjStm").is_some() || memmem::find(head, b"/XRef").is_some() {
                streams.push(offset);
            } else if memmem::find(head, b"/Catalog").is_some() && memmem::find(head, b"/Pages").is_some() {
                catalog = Some(number);
            }
        }
        for at in memmem::find_iter(self.data, b"trailer") {
            if let Some(Object::Dictionary(dictionary)) = Lexer::of_file(self.data, at + 7).object() {
                for (key, value) in &dictionary {
                    table.trailer.set(key.clone(), value.clone());
                }
            }
        }
        for offset in streams {
            let Some((id, Object::Stream(stream))) = self.object_at(offset) else { continue };
            if stream.dict.has_type(b"XRef") {
                for key in [&b"Root"[..], b"Info", b"Encrypt", b"ID"] {
                    if let Ok(value) = stream.dict.get(key) {
                        table.trailer.set(key, value.clone());
                    }
                }
            } else if stream.dict.has_type(b"ObjStm") {
                let Object::Stream(stream) = self.decrypt(id, Object::Stream(stream)) else { continue };
                let Some(parsed) = self.parse_object_stream(&stream) else { continue };
                for (index, (number, offset)) in parsed.objects.iter().enumerate() {
                    let is_newer = match table.entries.get(number) {
                        Some(Entry::At(other)) => *other < offset.saturating_add(self.position_of(&stream)),
                        _ => true,
                    };
                    if is_newer {
                        table.entries.insert(*number, Entry::InStream { stream: id.0, index });
                    }
                    if catalog.is_none() && is_catalog(&parsed.data, *offset) {
                        catalog = Some(*number);
                    }
                }
            }
        }
        let root = table.trailer.get(b"Root").and_then(Object::as_reference).ok();
        if root.is_none_or(|root| !table.entries.contains_key(&root.0))
            && let Some(catalog) = catalog
        {
            table.trailer.set("Root", Object::Reference((catalog, 0)));
        }
        table
    }

    fn position_of(&self, stream: &Stream) -> usize {
        stream.start_position.unwrap_or(self.data.len())
    }

    /// Of `12 0 obj`, with `obj` at the position: the number and where it begins.
    fn object_header_before(&self, at: usize) -> Option<(u32, usize)> {
        let before = &self.data[..at];
        let skip_spaces = |mut end: usize| {
            while end > 0 && is_space(before[end - 1]) {
                end -= 1;
            }
            end
        };
        let skip_digits = |mut end: usize| {
            while end > 0 && before[end - 1].is_ascii_digit() {
                end -= 1;
            }
            end
        };
        let generation_end = skip_spaces(at);
        let generation = skip_digits(generation_end);
        let number_end = skip_spaces(generation);
        let number = skip_digits(number_end);
        if generation == generation_end || number_end == generation || number == number_end || number_end - number > 10
        {
            return None;
        }
        let value = std::str::from_utf8(&before[number..number_end]).ok()?.parse().ok()?;
        Some((value, number))
    }
}

fn is_catalog(data: &[u8], offset: usize) -> bool {
    match Lexer::of_file(data, offset).object() {
        Some(Object::Dictionary(dictionary)) => dictionary.has_type(b"Catalog") && dictionary.has(b"Pages"),
        _ => false,
    }
}
