//! The boxes of a HEIF file (ISO/IEC 14496-12, 23008-12): which items there are, their properties, how they refer to each
//! other and where their bytes lie. Every count and length is checked against the bytes that are there.

use std::collections::HashMap;
use std::ops::Range;

/// What the `meta` box of a file says.
#[derive(Debug, Default)]
pub struct Container {
    /// The item to be shown.
    pub primary: Option<u32>,
    /// All items by their ids.
    pub items: HashMap<u32, Item>,
    /// From one item to others, in the file's order.
    pub references: Vec<Reference>,
    /// What items are associated with; many may share one.
    properties: Vec<Property>,
    /// Where the data of items lies that is stored inside the `meta` box.
    inner_data: Range<usize>,
    /// Whether the file holds a sequence of pictures as well.
    pub has_sequence: bool,
}

/// One item.
#[derive(Debug, Default)]
pub struct Item {
    /// Its type: `hvc1`, `av01`, `grid`, `Exif`, …
    pub kind: [u8; 4],
    /// The media type of a `mime` item.
    pub content_type: Vec<u8>,
    /// Where its properties stand in the list, in their order, and whether it cannot be shown without them.
    properties: Vec<(usize, bool)>,
    /// Whether its extents count from the data inside `meta`.
    inside: bool,
    extents: Vec<Extent>,
}

/// A part of an item's data; a length of 0 goes to the end of the file.
#[derive(Debug, Clone, Copy)]
struct Extent {
    start: u64,
    length: u64,
}

/// An item that refers to others.
#[derive(Debug)]
pub struct Reference {
    /// What it means: `dimg`, `auxl`, `cdsc`, `prem`, …
    pub kind: [u8; 4],
    /// The item that refers.
    pub from: u32,
    /// The items referred to.
    pub to: Vec<u32>,
}

/// What is known of an item.
#[derive(Debug, Clone, PartialEq)]
pub enum Property {
    /// Width and height.
    Size(u32, u32),
    /// An ICC profile.
    Icc(Vec<u8>),
    /// Code points of ITU-T H.273: primaries, transfer, matrix; and whether the range is full.
    CodePoints(u16, u16, u16, bool),
    /// Quarter turns, anti-clockwise.
    Rotation(u8),
    /// Left and right change places, or else top and bottom.
    Mirror {
        /// Left and right.
        across: bool,
    },
    /// Width, height and the offsets of the centre of the visible part, each a numerator and a denominator.
    CleanAperture([(i64, i64); 4]),
    /// What an auxiliary picture is for.
    AuxiliaryType(Vec<u8>),
    /// Parameter sets of HEVC, and the bytes of a length before each unit.
    Hevc {
        /// Without start codes.
        units: Vec<Vec<u8>>,
        /// 1 to 4.
        length_size: usize,
        /// Whether there is no chroma.
        grey: bool,
        /// Bits of a sample.
        depth: u32,
    },
    /// Bits of the samples of each channel.
    Depths(Vec<u8>),
    /// Another one, by its type.
    Other([u8; 4]),
}

/// The data of an item.
#[derive(Debug)]
pub struct Data {
    /// Its bytes, as many as there are.
    pub bytes: Vec<u8>,
    /// Whether the file ends before all of them.
    pub truncated: bool,
}

impl Container {
    /// Reads the boxes of a file. The error says in words what is wrong.
    pub fn read(file: &[u8]) -> Result<Self, String> {
        let mut container = Self::default();
        let mut found = false;
        for part in Boxes::over(file, 0..file.len()) {
            let part = part?;
            match &part.kind {
                b"meta" if !found => {
                    found = true;
                    container.read_meta(file, part.content)?;
                }
                b"moov" => container.has_sequence = true,
                _ => {}
            }
        }
        if found { Ok(container) } else { Err("it has no list of pictures".to_owned()) }
    }

    /// The bytes of an item. With more than `most` bytes it is an error.
    pub fn data(&self, file: &[u8], id: u32, most: usize) -> Result<Data, String> {
        let item = self.items.get(&id).ok_or_else(|| format!("item {id} is missing"))?;
        let within = if item.inside { &file[self.inner_data.clone()] } else { file };
        let mut data = Data { bytes: Vec::new(), truncated: false };
        for extent in &item.extents {
            let start = usize::try_from(extent.start).unwrap_or(usize::MAX).min(within.len());
            let length = match usize::try_from(extent.length).unwrap_or(usize::MAX) {
                0 => within.len() - start,
                length => length,
            };
            let there = length.min(within.len() - start);
            data.truncated |= there < length;
            if data.bytes.len() + there > most {
                return Err(format!("item {id} has more than {most} bytes"));
            }
            data.bytes.extend_from_slice(&within[start..start + there]);
        }
        Ok(data)
    }

    /// The properties of an item in their order, each with whether the item cannot be shown without it.
    pub fn properties(&self, id: u32) -> impl Iterator<Item = (&Property, bool)> {
        let associated = self.items.get(&id).map(|item| item.properties.as_slice()).unwrap_or_default();
        associated.iter().map(|(at, essential)| (&self.properties[*at], *essential))
    }

    /// The size that an item says it has.
    pub fn size(&self, id: u32) -> Option<(u32, u32)> {
        self.properties(id).find_map(|(property, _)| match property {
            Property::Size(width, height) => Some((*width, *height)),
            _ => None,
        })
    }

    /// The items that an item refers to.
    pub fn referred_to(&self, kind: [u8; 4], from: u32) -> Option<&[u32]> {
        let found = self.references.iter().find(|reference| reference.kind == kind && reference.from == from);
        found.map(|reference| reference.to.as_slice())
    }

    /// The items that refer to an item.
    pub fn referring_to(&self, kind: [u8; 4], to: u32) -> impl Iterator<Item = u32> + '_ {
        let matching = move |reference: &&Reference| reference.kind == kind && reference.to.contains(&to);
        self.references.iter().filter(matching).map(|reference| reference.from)
    }

    fn read_meta(&mut self, file: &[u8], content: Range<usize>) -> Result<(), String> {
        let mut reader = Reader::new(file, content.clone());
        reader.version_and_flags()?;
        let mut associations = Vec::new();
        for part in Boxes::over(file, reader.at..content.end) {
            let part = part?;
            let reader = Reader::new(file, part.content.clone());
            match &part.kind {
                b"pitm" => self.primary = Some(read_primary(reader)?),
                b"iinf" => self.read_item_infos(file, reader)?,
                b"iloc" => self.read_locations(reader)?,
                b"iref" => self.read_references(file, reader)?,
                b"iprp" => {
                    for part in Boxes::over(file, part.content) {
                        let part = part?;
                        match &part.kind {
                            b"ipco" => self.properties = read_properties(file, part.content)?,
                            b"ipma" => associations.push(part.content),
                            _ => {}
                        }
                    }
                }
                b"idat" => self.inner_data = part.content,
                _ => {}
            }
        }
        for content in associations {
            self.associate(Reader::new(file, content))?;
        }
        Ok(())
    }

    fn read_item_infos(&mut self, file: &[u8], mut reader: Reader<'_>) -> Result<(), String> {
        let (version, _) = reader.version_and_flags()?;
        // The boxes themselves count.
        if version == 0 {
            reader.short().map(u32::from)?
        } else {
            reader.long()?
        };
        for part in Boxes::over(file, reader.at..reader.end) {
            let part = part?;
            let mut reader = Reader::new(file, part.content);
            let (version, _) = reader.version_and_flags()?;
            if &part.kind != b"infe" || version < 2 {
                continue;
            }
            let id = if version == 2 { u32::from(reader.short()?) } else { reader.long()? };
            let protection = reader.short()?;
            let kind = reader.four()?;
            if protection != 0 {
                return Err("it is encrypted".to_owned());
            }
            reader.text();
            let content_type = if &kind == b"mime" { reader.text().to_vec() } else { Vec::new() };
            let item = self.items.entry(id).or_default();
            (item.kind, item.content_type) = (kind, content_type);
        }
        Ok(())
    }

    fn read_locations(&mut self, mut reader: Reader<'_>) -> Result<(), String> {
        let (version, _) = reader.version_and_flags()?;
        let sizes = reader.short()?;
        let size_at = |shift: u32| usize::from(sizes >> shift & 15);
        let (offset_size, length_size, base_size) = (size_at(12), size_at(8), size_at(4));
        let index_size = if version == 0 { 0 } else { size_at(0) };
        if [offset_size, length_size, base_size, index_size].iter().any(|size| !matches!(size, 0 | 4 | 8)) {
            return Err("the places of its items have an unknown size".to_owned());
        }
        let count = if version < 2 { u32::from(reader.short()?) } else { reader.long()? };
        for _ in 0..count {
            let id = if version < 2 { u32::from(reader.short()?) } else { reader.long()? };
            let construction = if version == 0 { 0 } else { reader.short()? & 15 };
            let reference = reader.short()?;
            let base = reader.number(base_size)?;
            let extent_count = reader.short()?;
            let mut extents = Vec::new();
            for _ in 0..extent_count {
                reader.number(index_size)?;
                let offset = reader.number(offset_size)?;
                let length = reader.number(length_size)?;
                let start = base.checked_add(offset).ok_or("an item lies outside of any file")?;
                extents.push(Extent { start, length });
                // Extents of no bytes in the file would be endless.
                if offset_size + length_size + index_size == 0 && extent_count > 1 {
                    return Err("an item has parts without a place".to_owned());
                }
            }
            if construction > 1 {
                return Err("an item is made of parts of others, which is not known".to_owned());
            }
            if reference != 0 {
                return Err("an item lies in another file".to_owned());
            }
            let item = self.items.entry(id).or_default();
            (item.inside, item.extents) = (construction == 1, extents);
        }
        Ok(())
    }

    fn read_references(&mut self, file: &[u8], mut reader: Reader<'_>) -> Result<(), String> {
        let (version, _) = reader.version_and_flags()?;
        for part in Boxes::over(file, reader.at..reader.end) {
            let part = part?;
            let mut reader = Reader::new(file, part.content);
            let mut id = || if version == 0 { reader.short().map(u32::from) } else { reader.long() };
            let from = id()?;
            let mut to = Vec::new();
            // The count is always short.
            let count = reader.short()?;
            for _ in 0..count {
                to.push(if version == 0 { u32::from(reader.short()?) } else { reader.long()? });
            }
            self.references.push(Reference { kind: part.kind, from, to });
        }
        Ok(())
    }

    fn associate(&mut self, mut reader: Reader<'_>) -> Result<(), String> {
        let (version, flags) = reader.version_and_flags()?;
        let count = reader.long()?;
        for _ in 0..count {
            let id = if version == 0 { u32::from(reader.short()?) } else { reader.long()? };
            let count = reader.byte()?;
            let mut associated = Vec::new();
            for _ in 0..count {
                let (essential, index) = if flags & 1 == 1 {
                    let value = reader.short()?;
                    (value >> 15 == 1, usize::from(value & 0x7fff))
                } else {
                    let value = reader.byte()?;
                    (value >> 7 == 1, usize::from(value & 0x7f))
                };
                // 0 means none.
                if index == 0 {
                    continue;
                }
                if index > self.properties.len() {
                    return Err("an item refers to a property that does not exist".to_owned());
                }
                associated.push((index - 1, essential));
            }
            if let Some(item) = self.items.get_mut(&id) {
                item.properties = associated;
            }
        }
        Ok(())
    }
}

fn read_primary(mut reader: Reader<'_>) -> Result<u32, String> {
    let (version, _) = reader.version_and_flags()?;
    if version == 0 { reader.short().map(u32::from) } else { reader.long() }
}

fn read_properties(file: &[u8], content: Range<usize>) -> Result<Vec<Property>, String> {
    let mut properties = Vec::new();
    for part in Boxes::over(file, content) {
        let part = part?;
        properties.push(read_property(part.kind, Reader::new(file, part.content))?);
    }
    Ok(properties)
}

fn read_property(kind: [u8; 4], mut reader: Reader<'_>) -> Result<Property, String> {
    Ok(match &kind {
        b"ispe" => {
            reader.version_and_flags()?;
            Property::Size(reader.long()?, reader.long()?)
        }
        b"colr" => match &reader.four()? {
            b"prof" | b"rICC" => Property::Icc(reader.rest().to_vec()),
            b"nclx" => Property::CodePoints(
                reader.short()?,
                reader.short()?,
                reader.short()?,
                // Old files end before the range.
                reader.byte().unwrap_or(0) >> 7 == 1,
            ),
            _ => Property::Other(kind),
        },
        b"irot" => Property::Rotation(reader.byte()? & 3),
        b"imir" => Property::Mirror { across: reader.byte()? & 1 == 1 },
        b"clap" => {
            let mut fractions = [(0, 0); 4];
            for (at, fraction) in fractions.iter_mut().enumerate() {
                let (numerator, denominator) = (reader.long()?, reader.long()?);
                // Offsets have a sign.
                let numerator = if at < 2 { i64::from(numerator) } else { i64::from(numerator as i32) };
                *fraction = (numerator, i64::from(denominator));
            }
            Property::CleanAperture(fractions)
        }
        b"auxC" => {
            reader.version_and_flags()?;
            Property::AuxiliaryType(reader.text().to_vec())
        }
        b"pixi" => {
            reader.version_and_flags()?;
            let count = reader.byte()?;
            Property::Depths((0..count).map(|_| reader.byte()).collect::<Result<_, _>>()?)
        }
        b"hvcC" => read_hevc_configuration(reader)?,
        _ => Property::Other(kind),
    })
}

/// The decoder configuration record of ISO/IEC 14496-15, 8.3.3.1.
fn read_hevc_configuration(mut reader: Reader<'_>) -> Result<Property, String> {
    reader.skip(16)?;
    let grey = matches!(reader.byte()? & 3, 0);
    let depth = u32::from(reader.byte()? & 7) + 8;
    reader.skip(3)?;
    let length_size = usize::from(reader.byte()? & 3) + 1;
    let mut units = Vec::new();
    for _ in 0..reader.byte()? {
        reader.byte()?;
        for _ in 0..reader.short()? {
            let length = usize::from(reader.short()?);
            units.push(reader.take(length)?.to_vec());
        }
    }
    Ok(Property::Hevc { units, length_size, grey, depth })
}

/// A box: its type, and where its content lies.
struct Part {
    kind: [u8; 4],
    content: Range<usize>,
}

/// The boxes in a part of a file, one after the other.
struct Boxes<'a> {
    file: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Boxes<'a> {
    fn over(file: &'a [u8], range: Range<usize>) -> Self {
        Self { file, at: range.start, end: range.end }
    }

    fn read(&mut self) -> Result<Part, String> {
        let mut reader = Reader::new(self.file, self.at..self.end);
        let is_last = self.end == self.file.len();
        let cut = |error: String| if is_last { "it is truncated before its first pixel".to_owned() } else { error };
        let size = u64::from(reader.long().map_err(cut)?);
        let kind = reader.four().map_err(cut)?;
        let size = match size {
            0 => (self.end - self.at) as u64,
            1 => reader.number(8)?,
            size => size,
        };
        let end = usize::try_from(size).ok().and_then(|size| self.at.checked_add(size)).unwrap_or(usize::MAX);
        if end < reader.at {
            return Err("a box is smaller than its own header".to_owned());
        }
        // The data of a truncated file ends early; other boxes must be whole.
        if end > self.end && &kind != b"mdat" {
            let is_cut = end > self.file.len();
            return Err(if is_cut {
                "it is truncated before its first pixel"
            } else {
                "a box is longer than the one around it"
            }
            .to_owned());
        }
        let end = end.min(self.end);
        self.at = end;
        Ok(Part { kind, content: reader.at..end })
    }
}

impl Iterator for Boxes<'_> {
    type Item = Result<Part, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let part = self.read();
        if part.is_err() {
            self.at = self.end;
        }
        Some(part)
    }
}

/// Big-endian numbers from a part of a file.
struct Reader<'a> {
    file: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    fn new(file: &'a [u8], range: Range<usize>) -> Self {
        Self { file, at: range.start, end: range.end }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        if count > self.end - self.at {
            return Err("a box is shorter than what it holds".to_owned());
        }
        let bytes = &self.file[self.at..self.at + count];
        self.at += count;
        Ok(bytes)
    }

    fn skip(&mut self, count: usize) -> Result<(), String> {
        self.take(count).map(drop)
    }

    fn rest(&mut self) -> &'a [u8] {
        let bytes = &self.file[self.at..self.end];
        self.at = self.end;
        bytes
    }

    /// Up to the next zero, which is skipped.
    fn text(&mut self) -> &'a [u8] {
        let rest = &self.file[self.at..self.end];
        let length = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
        self.at = (self.at + length + 1).min(self.end);
        &rest[..length]
    }

    fn number(&mut self, bytes: usize) -> Result<u64, String> {
        Ok(self.take(bytes)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn byte(&mut self) -> Result<u8, String> {
        self.number(1).map(|number| number as u8)
    }

    fn short(&mut self) -> Result<u16, String> {
        self.number(2).map(|number| number as u16)
    }

    fn long(&mut self) -> Result<u32, String> {
        self.number(4).map(|number| number as u32)
    }

    fn four(&mut self) -> Result<[u8; 4], String> {
        self.number(4).map(|number| (number as u32).to_be_bytes())
    }

    fn version_and_flags(&mut self) -> Result<(u8, u32), String> {
        let number = self.long()?;
        Ok(((number >> 24) as u8, number & 0x00ff_ffff))
    }
}
