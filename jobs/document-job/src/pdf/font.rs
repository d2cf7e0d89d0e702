//! Fonts (ISO 32000-2, 9.5 to 9.10): from the codes of a string to text and widths.

use std::collections::HashMap;
use std::sync::OnceLock;

use lopdf::{Dictionary, Object};

use super::cmap::{CodeMap, Collection, EmbeddedMap, ToUnicode};
use super::encoding::{Encoding, StandardFont, text_of_glyph};
use super::file::File;
use super::font_program::{BuiltIn, glyph_texts};

/// Widths that ranges of one font's metrics may set: each glyph a few times over.
const MAX_METRICS: u32 = 1 << 18;

/// A font as text extraction needs it. Lengths are in thousandths of the font size.
pub(crate) struct Font {
    codes: Codes,
    pub(crate) is_vertical: bool,
    pub(crate) ascent: f32,
    pub(crate) descent: f32,
    pub(crate) is_bold: bool,
    pub(crate) is_italic: bool,
    pub(crate) is_monospace: bool,
    /// Of a Type 3 font: its glyph space to text space.
    pub(crate) matrix: Option<[f32; 6]>,
}

enum Codes {
    Simple(Box<[SimpleGlyph; 256]>),
    Composite(Box<Composite>),
}

#[derive(Default, Clone)]
struct SimpleGlyph {
    text: Option<Box<str>>,
    width: f32,
}

struct Composite {
    map: CodeMap,
    to_unicode: Option<ToUnicode>,
    /// The codes are Unicode themselves.
    codes_are_unicode: bool,
    collection: Option<Collection>,
    /// What the font program says, read once a code needs it.
    program: OnceLock<Program>,
    descriptor: Dictionary,
    descendant: Dictionary,
    name: String,
    default_width: f32,
    widths: HashMap<u32, f32>,
    /// Advances in vertical writing.
    default_vertical: f32,
    vertical: HashMap<u32, f32>,
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

/// One glyph of a string.
pub(crate) struct Shown<'a> {
    /// None where it is not known what the glyph means.
    pub(crate) text: Option<std::borrow::Cow<'a, str>>,
    /// How far the pen moves; downwards in vertical writing.
    pub(crate) advance: f32,
    /// Neither the file nor the font says what the glyph means; the text is what the code would be in Unicode.
    pub(crate) is_guess: bool,
    /// Word spacing counts after the single byte 32.
    pub(crate) is_word_space: bool,
}

impl Font {
    /// Reads a font dictionary.
    pub(crate) fn load(file: &File, dictionary: &Dictionary) -> Self {
        let subtype = file.name_entry(dictionary, b"Subtype").unwrap_or_default();
        let descendant = file
            .array_entry(dictionary, b"DescendantFonts")
            .and_then(|fonts| file.dictionary(fonts.first()?))
            .filter(|_| subtype != b"Type3");
        let described = descendant.as_ref().unwrap_or(dictionary);
        let descriptor = file.dictionary_entry(described, b"FontDescriptor").unwrap_or_default();
        let name = file.name_entry(dictionary, b"BaseFont").unwrap_or_default();
        let name = String::from_utf8_lossy(&name).into_owned();
        let to_unicode = file.entry(dictionary, b"ToUnicode").and_then(|object| match &*object {
            Object::Stream(stream) => file.decode(stream).map(|data| ToUnicode::parse(&data)),
            _ => None,
        });
        let to_unicode = to_unicode.filter(|map| !map.is_empty());
        // A predefined identity map in the place of a ToUnicode map says that codes are Unicode.
        let is_identity = file.name_entry(dictionary, b"ToUnicode").is_some_and(|name| name.starts_with(b"Identity"));
        let matrix = (subtype == b"Type3")
            .then(|| file.numbers(dictionary, b"FontMatrix").unwrap_or([0.001, 0.0, 0.0, 0.001, 0.0, 0.0]));

        let (codes, is_vertical) = if let Some(descendant) = &descendant {
            let (mut composite, vertical) = Composite::load(file, dictionary, descendant, &descriptor, to_unicode);
            composite.codes_are_unicode |= is_identity;
            composite.name.clone_from(&name);
            (Codes::Composite(Box::new(composite)), vertical)
        } else {
            let glyphs = simple_glyphs(file, dictionary, &descriptor, &subtype, &name, to_unicode.as_ref());
            (Codes::Simple(glyphs), false)
        };
        let flags = file.integer_entry(&descriptor, b"Flags").unwrap_or(0);
        let lower = name.to_ascii_lowercase();
        let (ascent, descent) = vertical_extent(file, dictionary, &descriptor, matrix);
        Self {
            codes,
            is_vertical,
            ascent,
            descent,
            is_bold: flags & (1 << 18) != 0
                || ["bold", "black", "heavy", "semibold", "demi"].iter().any(|word| lower.contains(word)),
            is_italic: flags & (1 << 6) != 0 || lower.contains("italic") || lower.contains("oblique"),
            is_monospace: flags & 1 != 0 || lower.contains("courier") || lower.contains("mono"),
            matrix,
        }
    }

    /// The glyphs of a string.
    pub(crate) fn show<'a>(&'a self, file: &File, string: &[u8], mut each: impl FnMut(Shown<'a>)) {
        match &self.codes {
            Codes::Simple(glyphs) => {
                for &code in string {
                    let glyph = &glyphs[usize::from(code)];
                    each(Shown {
                        text: glyph.text.as_deref().map(std::borrow::Cow::Borrowed),
                        advance: glyph.width,
                        is_guess: false,
                        is_word_space: code == b' ',
                    });
                }
            }
            Codes::Composite(composite) => {
                let mut rest = string;
                while !rest.is_empty() {
                    let code = composite.map.next(rest);
                    rest = &rest[code.length.clamp(1, rest.len())..];
                    let is_word_space = code.length == 1 && code.value == 32;
                    let width = composite.widths.get(&code.cid).copied().unwrap_or(composite.default_width);
                    let advance = if self.is_vertical {
                        composite.vertical.get(&code.cid).copied().unwrap_or(composite.default_vertical)
                    } else {
                        width
                    };
                    let known = composite.text(file, code.value, code.cid);
                    let is_guess = known.is_none();
                    let text = known.or_else(|| composite.guess(code.value)).map(std::borrow::Cow::Owned);
                    each(Shown { is_guess: is_guess && text.is_some(), text, advance, is_word_space });
                }
            }
        }
    }
}

/// Ascent and descent in thousandths, from the descriptor where it is sensible.
fn vertical_extent(file: &File, font: &Dictionary, descriptor: &Dictionary, matrix: Option<[f32; 6]>) -> (f32, f32) {
    if let Some(matrix) = matrix {
        let from_box = file.numbers::<4>(font, b"FontBBox").map(|bounds| {
            let scale = matrix[3].abs() * 1000.0;
            (bounds[3].max(bounds[1]) * scale, bounds[1].min(bounds[3]) * scale)
        });
        let is_sensible = |(ascent, descent): &(f32, f32)| ascent - descent > 100.0 && ascent - descent < 3000.0;
        return from_box.filter(is_sensible).unwrap_or((750.0, -250.0));
    }
    let ascent = file.number_entry(descriptor, b"Ascent").unwrap_or(0.0);
    let descent = -file.number_entry(descriptor, b"Descent").unwrap_or(0.0).abs();
    (
        if (400.0..=1200.0).contains(&ascent) { ascent } else { 800.0 },
        if (-500.0..=-50.0).contains(&descent) { descent } else { -200.0 },
    )
}

fn simple_glyphs(
    file: &File,
    font: &Dictionary,
    descriptor: &Dictionary,
    subtype: &[u8],
    name: &str,
    to_unicode: Option<&ToUnicode>,
) -> Box<[SimpleGlyph; 256]> {
    let standard = StandardFont::named(name);
    let encoding = file.entry(font, b"Encoding");
    let encoding_dictionary = match encoding.as_deref() {
        Some(Object::Dictionary(dictionary)) => Some(dictionary),
        _ => None,
    };
    let named = match encoding.as_deref() {
        Some(Object::Name(name)) => Encoding::named(name),
        Some(Object::Dictionary(dictionary)) => {
            file.name_entry(dictionary, b"BaseEncoding").and_then(|name| Encoding::named(&name))
        }
        _ => None,
    };
    let is_symbolic = file.integer_entry(descriptor, b"Flags").is_some_and(|flags| flags & 4 != 0 && flags & 32 == 0);
    let own = standard.map(StandardFont::encoding).filter(|encoding| *encoding != Encoding::Standard);
    // A symbol font's own encoding counts before a text encoding that some producer names for it.
    let base = own.or(named);
    let needs_built_in = base.is_none() || (is_symbolic && subtype == b"TrueType" && encoding_dictionary.is_none());
    let complete = to_unicode.is_some_and(|map| (0..=255).filter(|code| map.text(*code).is_some()).count() > 200);
    let built_in = if needs_built_in && !complete { built_in(file, descriptor) } else { None };
    let fallback = if subtype == b"TrueType" { Encoding::WinAnsi } else { Encoding::Standard };

    let mut names: Vec<Option<String>> = (0..=255_u8)
        .map(|code| {
            if let Some(name) = built_in.as_ref().and_then(|built_in| built_in.names.get(&code)) {
                return Some(name.clone());
            }
            base.unwrap_or(fallback).glyph(code).map(str::to_owned)
        })
        .collect();
    let mut differs = [false; 256];
    if let Some(differences) = encoding_dictionary.and_then(|encoding| file.array_entry(encoding, b"Differences")) {
        let mut code = 0_i64;
        for item in differences.iter().take(4096) {
            match &*file.resolve(item) {
                Object::Integer(start) => code = *start,
                Object::Name(name) => {
                    if let Ok(at) = usize::try_from(code)
                        && at < 256
                    {
                        names[at] = Some(String::from_utf8_lossy(name).into_owned());
                        differs[at] = true;
                    }
                    code = code.saturating_add(1);
                }
                _ => {}
            }
        }
    }

    let first = file.integer_entry(font, b"FirstChar").unwrap_or(0);
    let widths = file.array_entry(font, b"Widths").unwrap_or_default();
    let missing = file.number_entry(descriptor, b"MissingWidth").unwrap_or(0.0);
    let numeric = numeric_names(&names, &differs);
    let is_dingbats = own == Some(Encoding::ZapfDingbats) || name.contains("Dingbats");
    let glyph = |code: usize| {
        let name = names[code].as_deref();
        let listed = usize::try_from(code as i64 - first).ok().and_then(|at| widths.get(at));
        let listed = listed.and_then(|width| file.resolve(width).as_float().ok());
        let width = match (listed, widths.is_empty()) {
            (Some(width), _) => width,
            (None, true) => standard.and_then(|standard| standard.width(name?)).unwrap_or(if missing > 0.0 {
                missing
            } else {
                500.0
            }),
            (None, false) => missing,
        };
        let text = to_unicode
            .and_then(|map| map.text(code as u32))
            .filter(|text| !text.is_empty() && !text.starts_with('\0'))
            .or_else(|| {
                let built_in = built_in.as_ref().filter(|_| !differs[code])?;
                built_in.texts.get(&(code as u8)).cloned()
            })
            .or_else(|| text_of_glyph(name?, is_dingbats))
            .or_else(|| numeric.and_then(|base| text_of_number(name?, base)));
        SimpleGlyph { text: text.map(|text| clean(&text).into_boxed_str()), width }
    };
    let mut glyphs: Box<[SimpleGlyph; 256]> = Box::new(std::array::from_fn(|_| SimpleGlyph::default()));
    for (code, slot) in glyphs.iter_mut().enumerate() {
        *slot = glyph(code);
    }
    glyphs
}

/// Whether the glyph names that a font's encoding lists are numbers behind a letter or two (`g65`, `C0041`, `a65`), as
/// some producers write; then their base.
fn numeric_names(names: &[Option<String>], differs: &[bool; 256]) -> Option<u32> {
    let listed = || names.iter().zip(differs).filter(|(_, differs)| **differs).filter_map(|(name, _)| name.as_deref());
    let digits = |name: &str| {
        let digits = name.trim_start_matches(|char: char| char.is_ascii_alphabetic()).to_owned();
        ((1..=2).contains(&(name.len() - digits.len())) && (2..=4).contains(&digits.len())).then_some(digits)
    };
    let all: Vec<String> = listed().filter(|name| *name != ".notdef" && *name != "space").filter_map(digits).collect();
    let total = listed().filter(|name| *name != ".notdef" && *name != "space").count();
    if total < 2 || all.len() < total {
        return None;
    }
    Some(if all.iter().all(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())) { 10 } else { 16 })
}

fn text_of_number(name: &str, base: u32) -> Option<String> {
    let digits = name.trim_start_matches(|char: char| char.is_ascii_alphabetic());
    let code = u32::from_str_radix(digits, base).ok().filter(|code| (32..256).contains(code))?;
    text_of_glyph(Encoding::WinAnsi.glyph(code as u8)?, false)
}

fn font_program(file: &File, descriptor: &Dictionary) -> Option<(&'static str, Vec<u8>)> {
    ["FontFile", "FontFile2", "FontFile3"].into_iter().find_map(|key| {
        let object = file.entry(descriptor, key.as_bytes())?;
        let Object::Stream(stream) = &*object else { return None };
        Some((key, file.decode(stream)?))
    })
}

fn built_in(file: &File, descriptor: &Dictionary) -> Option<BuiltIn> {
    let (_, program) = font_program(file, descriptor)?;
    // What a program is shows in its first bytes, and not always in the key that it stands under.
    Some(match program.as_slice() {
        [b'%' | 0x80, ..] => BuiltIn::of_type1(&program),
        [1, 0, 4..=32, 1..=4, ..] => BuiltIn::of_cff(&program),
        _ => BuiltIn::of_true_type(&program),
    })
}

impl Composite {
    fn load(
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
            let glyphs = font_program(file, &self.descriptor).map(|(_, program)| glyph_texts(&program));
            let glyphs = glyphs.unwrap_or_default();
            let cid_to_glyph = match file.entry(&self.descendant, b"CIDToGIDMap").as_deref() {
                Some(Object::Stream(stream)) => file.decode(stream),
                _ => None,
            };
            Program { has_windows_order: glyphs.is_empty() && has_windows_order(&self.name), glyphs, cid_to_glyph }
        })
    }

    /// Of a font that is not in the file and whose codes are explained nowhere, as other readers take them.
    fn guess(&self, code: u32) -> Option<String> {
        let is_known = self.to_unicode.is_some() || self.collection.is_some() || !matches!(self.map, CodeMap::Identity);
        let is_embedded = ["FontFile", "FontFile2", "FontFile3"].iter().any(|key| self.descriptor.has(key.as_bytes()));
        let char =
            char::from_u32(code).filter(|char| char.is_alphanumeric() || char.is_ascii_graphic() || *char == ' ');
        char.filter(|_| !is_known && !is_embedded).map(String::from)
    }

    fn text(&self, file: &File, code: u32, cid: u32) -> Option<String> {
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

/// Control characters mean nothing in text; white space is a space.
fn clean(text: &str) -> String {
    text.chars()
        .filter_map(|char| match char {
            '\t' | '\n' | '\r' | '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{3000}' => Some(' '),
            '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' => None,
            char if char.is_control() => None,
            char => Some(char),
        })
        .collect()
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
