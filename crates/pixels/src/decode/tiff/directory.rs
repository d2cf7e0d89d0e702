//! The directories of a TIFF (TIFF 6.0, section 2) and of a `BigTIFF`: which tags there are and what they say. Every count
//! and place is checked against the bytes that are there; a tag that lies outside of the file counts as absent.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

/// Directories of one file. A page has one; those of scans of a few thousand pages are known.
const MOST_DIRECTORIES: usize = 20_000;
/// Values of one tag that are numbers: more than the strips of the tallest picture.
const MOST_NUMBERS: u64 = 1 << 24;

/// How a file is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// The most significant byte comes first.
    pub big_endian: bool,
    /// Places have 64 bits.
    big: bool,
}

/// The tags of one picture.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    entries: BTreeMap<u16, Entry>,
}

/// The value of a tag.
#[derive(Debug, Clone)]
struct Entry {
    kind: u16,
    count: u64,
    bytes: Range<usize>,
}

/// The bytes of a value of that type; 0 for an unknown one.
pub fn size_of(kind: u16) -> u64 {
    match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 | 17 | 18 => 8,
        _ => 0,
    }
}

impl Layout {
    /// By the first bytes of a file; the place of the first directory follows.
    pub fn of(file: &[u8]) -> Option<(Self, u64)> {
        let big_endian = match file.get(..2)? {
            b"II" => false,
            b"MM" => true,
            _ => return None,
        };
        let small = Self { big_endian, big: false };
        match small.number(file.get(2..4)?) {
            42 => Some((small, small.number(file.get(4..8)?))),
            43 => Some((Self { big_endian, big: true }, small.number(file.get(8..16)?))),
            _ => None,
        }
    }

    /// An unsigned number of as many bytes.
    pub fn number(self, bytes: &[u8]) -> u64 {
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
    }

    /// The directory at a place, and the place of the next one, 0 after the last.
    pub fn directory(self, file: &[u8], at: u64) -> Option<(Directory, u64)> {
        let (count_size, entry_size, value_size) = if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let at = usize::try_from(at).ok()?;
        let count = self.number(file.get(at..at.checked_add(count_size)?)?);
        let mut directory = Directory::default();
        let mut place = at + count_size;
        for _ in 0..count {
            let Some(entry) = file.get(place..place + entry_size) else { return Some((directory, 0)) };
            let (tag, kind) = (self.number(&entry[..2]) as u16, self.number(&entry[2..4]) as u16);
            let count = self.number(&entry[4..entry_size - value_size]);
            let value = place + entry_size - value_size;
            place += entry_size;
            let Some(length) = count.checked_mul(size_of(kind)).and_then(|length| usize::try_from(length).ok()) else {
                continue;
            };
            let start = if length <= value_size {
                value
            } else {
                usize::try_from(self.number(&file[value..value + value_size])).unwrap_or(usize::MAX)
            };
            let there = file.len().saturating_sub(start);
            // A list that is cut short serves as far as it goes.
            let bytes = start..start.saturating_add(length.min(there));
            if length > 0 && there > 0 {
                directory.entries.entry(tag).or_insert(Entry { kind, count, bytes });
            }
        }
        let next = file.get(place..place + value_size).map_or(0, |next| self.number(next));
        Some((directory, next))
    }

    /// The directories that follow each other from a place on.
    pub fn chain(self, file: &[u8], mut at: u64) -> Vec<Directory> {
        let mut directories = Vec::new();
        let mut seen = HashSet::new();
        while at != 0 && directories.len() < MOST_DIRECTORIES && seen.insert(at) {
            let Some((directory, next)) = self.directory(file, at) else { break };
            directories.push(directory);
            at = next;
        }
        directories
    }
}

impl Directory {
    /// Whether there is such a tag.
    pub fn has(&self, tag: u16) -> bool {
        self.entries.contains_key(&tag)
    }

    /// All tags in their order, with type and bytes.
    pub fn entries<'f>(&self, file: &'f [u8]) -> impl Iterator<Item = (u16, u16, &'f [u8])> {
        self.entries.iter().map(|(tag, entry)| (*tag, entry.kind, &file[entry.bytes.clone()]))
    }

    /// Where a value is in the file.
    pub fn place(&self, tag: u16) -> Option<Range<usize>> {
        self.entries.get(&tag).map(|entry| entry.bytes.clone())
    }

    /// Whether any value goes beyond that place.
    pub fn reaches(&self, at: usize) -> bool {
        self.entries.values().any(|entry| entry.bytes.end > at)
    }

    /// The bytes of a value.
    pub fn bytes<'f>(&self, file: &'f [u8], tag: u16) -> Option<&'f [u8]> {
        self.entries.get(&tag).map(|entry| &file[entry.bytes.clone()])
    }

    /// Unsigned whole numbers, as far as the file has them.
    pub fn numbers(&self, file: &[u8], layout: Layout, tag: u16) -> Option<Vec<u64>> {
        let entry = self.entries.get(&tag)?;
        let size = match entry.kind {
            1 | 3 | 4 | 6 | 7 | 8 | 9 | 13 | 16 | 18 => size_of(entry.kind) as usize,
            _ => return None,
        };
        let values = file[entry.bytes.clone()].chunks_exact(size).take(entry.count.min(MOST_NUMBERS) as usize);
        Some(values.map(|bytes| layout.number(bytes)).collect())
    }

    /// The first number of a tag.
    pub fn number(&self, file: &[u8], layout: Layout, tag: u16) -> Option<u64> {
        self.numbers(file, layout, tag)?.first().copied()
    }

    /// Numbers of any type.
    pub fn floats(&self, file: &[u8], layout: Layout, tag: u16) -> Option<Vec<f64>> {
        let entry = self.entries.get(&tag)?;
        let size = size_of(entry.kind) as usize;
        let value = |bytes: &[u8]| {
            let whole = layout.number(bytes);
            match entry.kind {
                5 => layout.number(&bytes[..4]) as f64 / layout.number(&bytes[4..]) as f64,
                6 => f64::from(whole as i8),
                8 => f64::from(whole as i16),
                9 => f64::from(whole as i32),
                10 => f64::from(layout.number(&bytes[..4]) as i32) / f64::from(layout.number(&bytes[4..]) as i32),
                11 => f64::from(f32::from_bits(whole as u32)),
                12 => f64::from_bits(whole),
                17 => whole as i64 as f64,
                _ => whole as f64,
            }
        };
        Some(file[entry.bytes.clone()].chunks_exact(size.max(1)).map(value).collect())
    }
}
