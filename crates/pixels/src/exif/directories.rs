//! The directories of EXIF as lists of tags, to move them between files: out of a TIFF, whose own tags they are mixed with, and
//! into one.
//!
//! What a camera's maker keeps in the tag `MakerNote` is moved as it is. Makers that store places counted from the file's
//! beginning in there have them wrong afterwards, as from every program that moves it.

use crate::decode::tiff::directory::{Directory, Layout, size_of};
use crate::decode::{Density, MOST_METADATA_BYTES};

const EXIF: u16 = 0x8769;
const GPS: u16 = 0x8825;
const INTEROPERABILITY: u16 = 0xA005;
const WIDTH_DENSITY: u16 = 0x011A;
const HEIGHT_DENSITY: u16 = 0x011B;
const DENSITY_UNIT: u16 = 0x0128;

/// Tags of the first directory that describe the picture, not how a file stores it: name, description, camera, density,
/// software, time, author and host; rating; copyright; and Windows' title, comment, author, keywords and subject.
const DESCRIPTIVE: [u16; 20] = [
    0x010D,
    0x010E,
    0x010F,
    0x0110,
    WIDTH_DENSITY,
    HEIGHT_DENSITY,
    DENSITY_UNIT,
    0x0131,
    0x0132,
    0x013B,
    0x013C,
    0x4746,
    0x4749,
    0x8298,
    0x9C9B,
    0x9C9C,
    0x9C9D,
    0x9C9E,
    0x9C9F,
    0x8830,
];

/// A tag and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub tag: u16,
    kind: u16,
    count: u32,
    bytes: Vec<u8>,
}

/// What EXIF says, by directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directories {
    big_endian: bool,
    image: Vec<Entry>,
    photo: Vec<Entry>,
    gps: Vec<Entry>,
    interoperability: Vec<Entry>,
}

impl Entry {
    /// A number of two bytes, in a file whose least significant byte comes first.
    pub fn short(tag: u16, value: u16) -> Self {
        Self { tag, kind: 3, count: 1, bytes: value.to_le_bytes().to_vec() }
    }

    /// Numbers of two bytes.
    pub fn shorts(tag: u16, values: &[u16]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { tag, kind: 3, count: values.len() as u32, bytes }
    }

    /// Numbers of four bytes.
    pub fn longs(tag: u16, values: &[u32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { tag, kind: 4, count: values.len() as u32, bytes }
    }

    /// Bytes whose meaning is the tag's: `UNDEFINED`.
    pub fn undefined(tag: u16, bytes: &[u8]) -> Self {
        Self { tag, kind: 7, count: bytes.len() as u32, bytes: bytes.to_vec() }
    }

    /// Small numbers.
    pub fn bytes(tag: u16, bytes: &[u8]) -> Self {
        Self { kind: 1, ..Self::undefined(tag, bytes) }
    }

    /// A number as a fraction of a thousand.
    fn rational(tag: u16, value: f64) -> Self {
        let (numerator, denominator) =
            if value.fract() == 0.0 { (value, 1_u32) } else { ((value * 1000.0).round(), 1000) };
        let bytes = [(numerator as u32).to_le_bytes(), denominator.to_le_bytes()].concat();
        Self { tag, kind: 5, count: 1, bytes }
    }

    /// Pixels per inch.
    pub fn density(density: Density) -> [Self; 3] {
        [
            Self::rational(WIDTH_DENSITY, density.across),
            Self::rational(HEIGHT_DENSITY, density.down),
            Self::short(DENSITY_UNIT, 2),
        ]
    }

    fn swap(&mut self) {
        let size = match self.kind {
            5 | 10 => 4,
            kind => size_of(kind).max(1) as usize,
        };
        self.bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
}

impl Directories {
    /// Of EXIF from its TIFF header on.
    pub fn read(exif: &[u8]) -> Option<Self> {
        let (layout, at) = Layout::of(exif)?;
        let (directory, _) = layout.directory(exif, at)?;
        Some(Self::of(exif, layout, &directory))
    }

    /// Of a picture in a TIFF, without the tags that say how it is stored.
    pub fn of(file: &[u8], layout: Layout, directory: &Directory) -> Self {
        let mut room = MOST_METADATA_BYTES;
        let mut entries = |directory: &Directory, is_kept: &dyn Fn(u16) -> bool| {
            let mut entries: Vec<Entry> = Vec::new();
            for (tag, kind, bytes) in directory.entries(file) {
                // The types of BigTIFF are unknown to EXIF.
                if !is_kept(tag) || kind > 13 || bytes.len() > room || entries.len() >= usize::from(u16::MAX) - 8 {
                    continue;
                }
                room -= bytes.len();
                let size = size_of(kind) as usize;
                let bytes = bytes[..bytes.len() / size * size].to_vec();
                entries.push(Entry { tag, kind, count: (bytes.len() / size) as u32, bytes });
            }
            entries
        };
        let below = |directory: &Directory, tag: u16| {
            let at = directory.number(file, layout, tag)?;
            layout.directory(file, at).map(|(below, _)| below)
        };
        let image = entries(directory, &|tag| DESCRIPTIVE.contains(&tag));
        let photo = below(directory, EXIF).unwrap_or_default();
        let interoperability = below(&photo, INTEROPERABILITY).map(|own| entries(&own, &|_| true)).unwrap_or_default();
        let gps = below(directory, GPS).map(|own| entries(&own, &|_| true)).unwrap_or_default();
        let photo = entries(&photo, &|tag| tag != INTEROPERABILITY);
        Self { big_endian: layout.big_endian, image, photo, gps, interoperability }
    }

    /// Nothing but a density.
    pub fn of_density(density: Density) -> Self {
        Self { image: Entry::density(density).to_vec(), ..Self::default() }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        [&self.image, &self.photo, &self.gps].iter().all(|entries| entries.is_empty())
    }

    /// EXIF from its TIFF header on.
    pub fn write(&self) -> Vec<u8> {
        const HEAD: u32 = 8;
        let pointers = usize::from(!self.photo.is_empty() || !self.interoperability.is_empty())
            + usize::from(!self.gps.is_empty());
        let length = block_length(&self.image) + 12 * pointers;
        let (below, pointers) = self.below(HEAD + length as u32);
        let mut image = [self.image.clone(), pointers].concat();
        let order = |value: u32| if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
        let head: &[u8] = if self.big_endian { b"MM\0*" } else { b"II*\0" };
        [head, &order(HEAD), &block(&mut image, HEAD, self.big_endian), &below].concat()
    }

    /// For a TIFF whose least significant byte comes first: the directories below the first one, for a place in the file
    /// (even), and the tags of the first one with their places.
    pub fn write_into(mut self, at: u32) -> (Vec<u8>, Vec<Entry>) {
        if std::mem::take(&mut self.big_endian) {
            let all = [&mut self.image, &mut self.photo, &mut self.gps, &mut self.interoperability];
            all.into_iter().flatten().for_each(Entry::swap);
        }
        let (below, pointers) = self.below(at);
        (below, [self.image, pointers].concat())
    }

    /// The directories below the first one, and the tags that say where they are.
    fn below(&self, at: u32) -> (Vec<u8>, Vec<Entry>) {
        let mut written = Vec::new();
        let mut pointers = Vec::new();
        let mut write = |entries: &[Entry], tag: u16| {
            let place = at + written.len() as u32;
            written.extend(block(&mut entries.to_vec(), place, self.big_endian));
            let mut pointer = Entry::longs(tag, &[place]);
            if self.big_endian {
                pointer.swap();
            }
            pointer
        };
        let mut photo = self.photo.clone();
        if !self.interoperability.is_empty() {
            photo.push(write(&self.interoperability, INTEROPERABILITY));
        }
        if !photo.is_empty() {
            pointers.push(write(&photo, EXIF));
        }
        if !self.gps.is_empty() {
            pointers.push(write(&self.gps, GPS));
        }
        (written, pointers)
    }
}

/// The bytes of a directory and of what belongs to it.
fn block_length(entries: &[Entry]) -> usize {
    let values = entries.iter().map(|entry| entry.bytes.len()).filter(|length| *length > 4);
    2 + 12 * entries.len() + 4 + values.map(|length| length.next_multiple_of(2)).sum::<usize>()
}

/// A directory for a place in the file, with the values behind it.
pub fn block(entries: &mut [Entry], at: u32, big_endian: bool) -> Vec<u8> {
    // TIFF 6.0: sorted by tag.
    entries.sort_by_key(|entry| entry.tag);
    let short = |value: u16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let long = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut directory = short(entries.len() as u16).to_vec();
    let mut values = Vec::new();
    let values_at = at + 2 + 12 * entries.len() as u32 + 4;
    for entry in &*entries {
        directory.extend(short(entry.tag));
        directory.extend(short(entry.kind));
        directory.extend(long(entry.count));
        if entry.bytes.len() <= 4 {
            let mut value = [0; 4];
            value[..entry.bytes.len()].copy_from_slice(&entry.bytes);
            directory.extend(value);
        } else {
            directory.extend(long(values_at + values.len() as u32));
            values.extend(&entry.bytes);
            values.resize(values.len().next_multiple_of(2), 0);
        }
    }
    directory.extend([0; 4]);
    [directory, values].concat()
}

/// Pixels per inch, where the first directory says them. TIFF 6.0: unit 3 is the centimetre, 1 is none.
pub fn density(file: &[u8], layout: Layout, directory: &Directory) -> Option<Density> {
    let first = |tag| directory.floats(file, layout, tag)?.first().copied();
    let inches = match directory.number(file, layout, DENSITY_UNIT).unwrap_or(2) {
        2 => 1.0,
        3 => 2.54,
        _ => return None,
    };
    Density::new(first(WIDTH_DENSITY)? * inches, first(HEIGHT_DENSITY)? * inches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(big_endian: bool) -> Directories {
        let text = |tag, text: &[u8]| Entry { kind: 2, ..Entry::undefined(tag, text) };
        let mut made = Directories {
            big_endian: false,
            image: [vec![text(0x010F, b"Maker\0")], Entry::density(Density { across: 300.0, down: 150.5 }).to_vec()]
                .concat(),
            photo: vec![
                Entry::short(0x8827, 400),
                text(0x9003, b"2026:11:29 12:00:00\0"),
                Entry::undefined(0x927C, b"note of the maker"),
            ],
            gps: vec![text(1, b"N\0"), Entry { tag: 2, kind: 5, count: 3, bytes: (0..24).collect() }],
            interoperability: vec![text(1, b"R98\0")],
        };
        if big_endian {
            made.big_endian = true;
            [&mut made.image, &mut made.photo, &mut made.gps].into_iter().flatten().for_each(Entry::swap);
        }
        made
    }

    #[test]
    fn what_is_written_is_read_back_in_both_orders_of_bytes() {
        for big_endian in [false, true] {
            let made = example(big_endian);
            let written = made.write();
            assert_eq!(Directories::read(&written), Some(made));
            let (layout, at) = Layout::of(&written).unwrap();
            let directory = layout.directory(&written, at).unwrap().0;
            assert_eq!(density(&written, layout, &directory), Some(Density { across: 300.0, down: 150.5 }));
        }
    }

    #[test]
    fn into_a_tiff_numbers_are_turned() {
        let (below, mut image) = example(true).write_into(8);
        let (plain, mut other) = example(false).write_into(8);
        assert_eq!((&below, &image), (&plain, &other));
        assert_eq!(block(&mut image, 9, false), block(&mut other, 9, false));
    }

    #[test]
    fn no_damage_panics() {
        let whole = example(true).write();
        for at in 0..whole.len() {
            drop(Directories::read(&whole[..at]).map(|read| read.write()));
            for value in [0, 1, 127, 255] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                drop(Directories::read(&damaged).map(|read| read.write_into(1000)));
            }
        }
    }
}
