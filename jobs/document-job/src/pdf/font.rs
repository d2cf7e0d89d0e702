//! Fonts (ISO 32000-2, 9.5 to 9.10): from the codes of a string to text and widths.

mod composite;
mod simple;

use lopdf::{Dictionary, Object};
use unicode_normalization::UnicodeNormalization as _;

use super::cmap::ToUnicode;
use super::file::File;
use composite::Composite;
use simple::Simple;

use crate::office::symbol;

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
    /// The name of a font whose codes are signs, such as Wingdings.
    symbols: Option<String>,
}

enum Codes {
    Simple(Box<Simple>),
    Composite(Box<Composite>),
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
            let simple = Simple::load(file, dictionary, &descriptor, &subtype, &name, to_unicode);
            (Codes::Simple(Box::new(simple)), false)
        };
        let flags = file.integer_entry(&descriptor, b"Flags").unwrap_or(0);
        // A subset's name begins with six letters of its own.
        let family = name.split_once('+').map_or(name.as_str(), |(_, family)| family);
        let weight = file.number_entry(&descriptor, b"FontWeight").unwrap_or(0.0);
        let stem = file.number_entry(&descriptor, b"StemV").unwrap_or(0.0);
        let (ascent, descent) = vertical_extent(file, dictionary, &descriptor, matrix);
        Self {
            is_vertical,
            ascent,
            descent,
            is_bold: flags & (1 << 18) != 0 || weight >= 600.0 || stem >= 150.0 || is_bold_name(family),
            is_italic: flags & (1 << 6) != 0 || is_italic_name(family),
            is_monospace: flags & 1 != 0 || is_monospace_name(family) || codes.is_monospace(),
            matrix,
            codes,
            symbols: symbol::is_symbol_font(&symbol_name(family)).then(|| symbol_name(family)),
        }
    }

    /// The glyphs of a string.
    pub(crate) fn show<'a>(&'a self, file: &File, string: &[u8], mut each: impl FnMut(Shown<'a>)) {
        let Some(symbols) = &self.symbols else {
            self.show_codes(file, string, each);
            return;
        };
        self.show_codes(file, string, |mut shown| {
            // Signs that Unicode has a place for elsewhere.
            let mut chars = shown.text.as_deref().unwrap_or_default().chars();
            if let (Some(char), None) = (chars.next(), chars.next())
                && (0xF000..=0xF0FF).contains(&u32::from(char))
                && let Some(sign) = symbol::of_font(symbols, u32::from(char))
            {
                shown.text = Some(std::borrow::Cow::Owned(sign.to_string()));
            }
            each(shown);
        });
    }

    fn show_codes<'a>(&'a self, file: &File, string: &[u8], mut each: impl FnMut(Shown<'a>)) {
        match &self.codes {
            Codes::Simple(simple) => {
                for &code in string {
                    each(Shown {
                        text: simple.text(file, code).map(std::borrow::Cow::Borrowed),
                        advance: simple.width(code),
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

impl Codes {
    fn is_monospace(&self) -> bool {
        match self {
            Self::Simple(simple) => simple.is_monospace(),
            Self::Composite(_) => false,
        }
    }
}

/// Wingdings-Regular, Wingdings2: as [`symbol`] names them.
fn symbol_name(family: &str) -> String {
    let name = family.to_ascii_lowercase().replace("-regular", "").replace([',', ' '], "");
    match name.as_str() {
        "wingdings2" => "wingdings 2".to_owned(),
        "wingdings3" => "wingdings 3".to_owned(),
        "symbol" | "symbolmt" => "symbol".to_owned(),
        _ => name,
    }
}

/// By the English words, and by the short forms of TeX's and of Linotype's fonts.
fn is_bold_name(family: &str) -> bool {
    let lower = family.to_ascii_lowercase();
    ["bold", "black", "heavy", "demi"].iter().any(|word| lower.contains(word))
        || ["cmbx", "cmb1", "cmssbx", "sfbx", "ecbx", "sfsx", "ecsx", "lmbx", "larm-b"]
            .iter()
            .any(|word| lower.starts_with(word))
        || ["-bd", "-medi", "-bdit", "-mediital", "-bdcn"].iter().any(|word| lower.ends_with(word))
}

fn is_italic_name(family: &str) -> bool {
    let lower = family.to_ascii_lowercase();
    ["italic", "oblique", "slanted", "kursiv"].iter().any(|word| lower.contains(word))
        || ["cmti", "cmsl", "cmbxti", "cmmi", "sfti", "ecti", "sfsl"].iter().any(|word| lower.starts_with(word))
        || ["-it", "-ital", "-bdit", "-reguital", "-mediital", "-obl"].iter().any(|word| lower.ends_with(word))
}

fn is_monospace_name(family: &str) -> bool {
    const WORDS: [&str; 15] = [
        "courier",
        "mono",
        "consolas",
        "menlo",
        "monaco",
        "inconsolata",
        "typewriter",
        "fixed",
        "lettergothic",
        "andale",
        "lucidaconsole",
        "sourcecode",
        "firacode",
        "cascadia",
        "terminal",
    ];
    let lower = family.to_ascii_lowercase().replace(['-', ' '], "");
    WORDS.iter().any(|word| lower.contains(word))
        || ["cmtt", "sftt", "ectt", "cmsltt", "cmitt", "lmtt", "txtt", "pcr"].iter().any(|word| lower.starts_with(word))
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

fn font_program(file: &File, descriptor: &Dictionary) -> Option<Vec<u8>> {
    ["FontFile", "FontFile2", "FontFile3"].into_iter().find_map(|key| {
        let object = file.entry(descriptor, key.as_bytes())?;
        let Object::Stream(stream) = &*object else { return None };
        file.decode(stream)
    })
}

/// Control characters mean nothing in text; white space is a space. A radical before the character that it is the radical
/// of is that character once more.
fn clean(text: &str) -> String {
    let is_radical = |char: char| matches!(u32::from(char), 0x2E80..=0x2FDF);
    if text.chars().any(is_radical) && text.chars().nth(1).is_some() {
        let chars: Vec<char> = text.chars().collect();
        let is_repeated = |at: usize| {
            let same = std::iter::once(chars[at]).nfkc().next();
            is_radical(chars[at]) && chars.get(at + 1).copied() == same
        };
        let once: String = (0..chars.len()).filter(|at| !is_repeated(*at)).map(|at| chars[at]).collect();
        if once.len() < text.len() {
            return clean(&once);
        }
    }
    text.chars()
        .filter_map(|char| match char {
            '\t' | '\n' | '\r' | '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{3000}' => Some(' '),
            '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' => None,
            char if char.is_control() => None,
            char => Some(char),
        })
        .collect()
}
