//! Composite fonts: codes of one to four bytes that a character map leads to glyphs.

use std::collections::HashMap;
use std::sync::OnceLock;

use lopdf::{Dictionary, Object};

use super::super::cmap::{CodeMap, Collection, EmbeddedMap, ToUnicode};
use super::super::file::File;
use super::super::font_program::glyph_texts;
use super::{clean, font_program};

/// Widths that ranges of one font's metrics may set: each glyph a few times over.
const MAX_METRICS: u32 = 1 << 18;

pub(super) struct Composite {
    pub(super) map: CodeMap,
    to_unicode: Option<ToUnicode>,
    /// The codes are Unicode themselves.
    pub(super) codes_are_unicode: bool,
    collection: Option<Collection>,
    /// What the font program says, read once a code needs it.
    program: OnceLock<Program>,
    descriptor: Dictionary,
    descendant: Dictionary,
    pub(super) name: String,
    pub(super) default_width: f32,
    pub(super) widths: HashMap<u32, f32>,
    /// Advances in vertical writing.
    pub(super) default_vertical: f32,
    pub(super) vertical: HashMap<u32, f32>,
}

/// What the font program of a composite font says of its glyphs.
struct Program {
    /// By glyph.
    glyphs: HashMap<u16, String>,
    /// The glyph of a CID.
    cid_to_glyph: Option<Vec<u8>>,
    /// The font is not in the file, and its glyphs are known to stand in the order of Windows' older fonts.
    has_windows_order: bool,
}

impl Composite {
    pub(super) fn load(
        file: &File,
        font: &Dictionary,
        descendant: &Dictionary,
        descriptor: &Dictionary,
        to_unicode: Option<ToUnicode>,
    ) -> (Self, bool) {
        let encoding = file.entry(font, b"Encoding");
        let mut encoding_name = Vec::new();
        let (map, is_vertical) = match encoding.as_deref() {
            Some(Object::Name(name)) => {
                encoding_name.clone_from(name);
                CodeMap::named(name).unwrap_or((CodeMap::Identity, name.ends_with(b"V")))
            }
            Some(Object::Stream(stream)) => {
                let mut map = EmbeddedMap::parse(&file.decode(stream).unwrap_or_default());
                if let Some(base) = file.name_entry(&stream.dict, b"UseCMap") {
                    map.use_base(&base);
                }
                let vertical = map.is_vertical || file.integer_entry(&stream.dict, b"WMode") == Some(1);
                (CodeMap::Embedded(map), vertical)
            }
            _ => (CodeMap::Identity, false),
        };
        let system = file.dictionary_entry(descendant, b"CIDSystemInfo").unwrap_or_default();
        let string = |key: &[u8]| file.string_entry(&system, key).unwrap_or_default();
        let collection = Collection::of(&string(b"Registry"), &string(b"Ordering"));
        let vertical = file.numbers::<2>(descendant, b"DW2").unwrap_or([880.0, -1000.0]);
        let composite = Self {
            map,
            to_unicode,
            codes_are_unicode: memchr::memmem::find(&encoding_name, b"UCS2").is_some()
                || memchr::memmem::find(&encoding_name, b"UTF16").is_some(),
            collection,
            program: OnceLock::new(),
            descriptor: descriptor.clone(),
            descendant: descendant.clone(),
            name: String::new(),
            default_width: file.number_entry(descendant, b"DW").unwrap_or(1000.0),
            widths: widths(file, descendant),
            default_vertical: vertical[1],
            vertical: if is_vertical { vertical_metrics(file, descendant) } else { HashMap::new() },
        };
        (composite, is_vertical)
    }

    fn program(&self, file: &File) -> &Program {
        self.program.get_or_init(|| {
            let glyphs = font_program(file, &self.descriptor).map(|program| glyph_texts(&program));
            let glyphs = glyphs.unwrap_or_default();
            let cid_to_glyph = match file.entry(&self.descendant, b"CIDToGIDMap").as_deref() {
                Some(Object::Stream(stream)) => file.decode(stream),
                _ => None,
            };
            Program { has_windows_order: glyphs.is_empty() && has_windows_order(&self.name), glyphs, cid_to_glyph }
        })
    }

    /// Of a font that is not in the file and whose codes are explained nowhere, as other readers take them.
    pub(super) fn guess(&self, code: u32) -> Option<String> {
        let is_known = self.to_unicode.is_some() || self.collection.is_some() || !matches!(self.map, CodeMap::Identity);
        let is_embedded = ["FontFile", "FontFile2", "FontFile3"].iter().any(|key| self.descriptor.has(key.as_bytes()));
        let char =
            char::from_u32(code).filter(|char| char.is_alphanumeric() || char.is_ascii_graphic() || *char == ' ');
        char.filter(|_| !is_known && !is_embedded).map(String::from)
    }

    pub(super) fn text(&self, file: &File, code: u32, cid: u32) -> Option<String> {
        if let Some(text) = self.to_unicode.as_ref().and_then(|map| map.text(code)).filter(|text| !text.is_empty()) {
            return Some(clean(&text));
        }
        if self.codes_are_unicode {
            let units = [(code >> 16) as u16, code as u16];
            let units = if units[0] == 0 { &units[1..] } else { &units[..] };
            if let Ok(text) = String::from_utf16(units) {
                return Some(clean(&text));
            }
        }
        if let Some(text) = self.collection.as_ref().and_then(|collection| collection.text(cid)) {
            return Some(clean(&text));
        }
        let program = self.program(file);
        // Codes that a map leads to glyphs, in a font that does not know characters, are mostly characters themselves.
        if program.glyphs.is_empty() && program.cid_to_glyph.is_some() {
            return char::from_u32(code).map(|char| clean(char.encode_utf8(&mut [0; 4])));
        }
        let glyph = match &program.cid_to_glyph {
            Some(map) => {
                let pair = map.get(cid as usize * 2..)?.get(..2)?;
                u16::from_be_bytes([pair[0], pair[1]])
            }
            None => u16::try_from(cid).ok()?,
        };
        if program.has_windows_order {
            // Glyph 3 is the space, and the rest of ASCII follows.
            return (3..=97).contains(&glyph).then(|| char::from(glyph as u8 + 29).to_string());
        }
        program.glyphs.get(&glyph).map(|text| clean(text))
    }
}

/// Fonts of Windows whose first glyphs are ASCII in order, from glyph 3. Files that refer to them by glyph, without the
/// font and without a map to Unicode, can be read all the same.
fn has_windows_order(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    ["arial", "timesnewroman", "couriernew", "verdana", "tahoma", "georgia", "trebuchet", "centurygothic", "comicsans"]
        .iter()
        .any(|known| name.starts_with(known))
}

/// The array `W`: `c [w1 w2 …]` and `c1 c2 w`.
fn widths(file: &File, descendant: &Dictionary) -> HashMap<u32, f32> {
    let mut widths = HashMap::new();
    let mut work = 0;
    let items = file.array_entry(descendant, b"W").unwrap_or_default();
    let mut at = 0;
    while let Some(first) = items.get(at).and_then(|item| cid(file, item)) {
        match items.get(at + 1).map(|item| file.resolve(item)).as_deref() {
            Some(Object::Array(list)) => {
                for (offset, width) in list.iter().take(65_536).enumerate() {
                    if let Ok(width) = file.resolve(width).as_float() {
                        widths.insert(first + offset as u32, width);
                    }
                }
                at += 2;
            }
            Some(last) => {
                let last = last.as_i64().ok().and_then(|last| u32::try_from(last).ok()).unwrap_or(first).min(65_535);
                let Some(width) = items.get(at + 2).and_then(|item| file.resolve(item).as_float().ok()) else { break };
                work += last.saturating_sub(first);
                if work > MAX_METRICS {
                    break;
                }
                widths.extend((first..=last).map(|cid| (cid, width)));
                at += 3;
            }
            None => break,
        }
    }
    widths
}

/// The advances in the array `W2`: `c [w x y …]` and `c1 c2 w x y`.
fn vertical_metrics(file: &File, descendant: &Dictionary) -> HashMap<u32, f32> {
    let mut metrics = HashMap::new();
    let mut work = 0;
    let items = file.array_entry(descendant, b"W2").unwrap_or_default();
    let mut at = 0;
    while let Some(first) = items.get(at).and_then(|item| cid(file, item)) {
        match items.get(at + 1).map(|item| file.resolve(item)).as_deref() {
            Some(Object::Array(list)) => {
                for (offset, values) in list.chunks_exact(3).take(65_536).enumerate() {
                    if let Ok(advance) = file.resolve(&values[0]).as_float() {
                        metrics.insert(first + offset as u32, advance);
                    }
                }
                at += 2;
            }
            Some(last) => {
                let last = last.as_i64().ok().and_then(|last| u32::try_from(last).ok()).unwrap_or(first).min(65_535);
                let Some(advance) = items.get(at + 2).and_then(|item| file.resolve(item).as_float().ok()) else {
                    break;
                };
                work += last.saturating_sub(first);
                if work > MAX_METRICS {
                    break;
                }
                metrics.extend((first..=last).map(|cid| (cid, advance)));
                at += 5;
            }
            None => break,
        }
    }
    metrics
}

fn cid(file: &File, item: &Object) -> Option<u32> {
    let value = file.resolve(item).as_float().ok()?;
    (0.0..=65_535.0).contains(&value).then_some(value as u32)
}
