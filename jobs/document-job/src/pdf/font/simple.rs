//! Simple fonts: one byte, one glyph.

use std::borrow::Cow;
use std::sync::OnceLock;

use lopdf::{Dictionary, Object};

use super::super::cmap::ToUnicode;
use super::super::encoding::{Encoding, StandardFont, text_of_glyph};
use super::super::file::File;
use super::super::font_program::BuiltIn;
use super::{clean, font_program};

/// The glyphs of a simple font. What they mean is found out when a string has them: most fonts show few of theirs.
pub(super) struct Simple {
    widths: [f32; 256],
    /// The dictionary lists them.
    listed: bool,
    texts: [OnceLock<Option<Box<str>>>; 256],
    to_unicode: Option<ToUnicode>,
    /// By the font's dictionary.
    names: Vec<Option<Cow<'static, str>>>,
    /// Codes that the dictionary lists as differing from its base.
    differs: [bool; 256],
    /// The base of the numbers that the glyphs' names are.
    numeric: Option<Numeric>,
    is_dingbats: bool,
    /// The font program's own encoding, where it counts.
    built_in: Option<OnceLock<Option<BuiltIn>>>,
    descriptor: Dictionary,
}

impl Simple {
    pub(super) fn load(
        file: &File,
        font: &Dictionary,
        descriptor: &Dictionary,
        subtype: &[u8],
        name: &str,
        to_unicode: Option<ToUnicode>,
    ) -> Self {
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
        let flags = file.integer_entry(descriptor, b"Flags");
        let is_symbolic = flags.is_some_and(|flags| flags & 4 != 0 && flags & 32 == 0);
        let own = standard.map(StandardFont::encoding).filter(|encoding| *encoding != Encoding::Standard);
        // A symbol font's own encoding counts before a text encoding that some producer names for it.
        let base = own.or(named);
        let needs_built_in = base.is_none() || (is_symbolic && subtype == b"TrueType" && encoding_dictionary.is_none());
        let fallback = if subtype == b"TrueType" { Encoding::WinAnsi } else { Encoding::Standard };
        let mut names: Vec<Option<Cow<'static, str>>> =
            (0..=255_u8).map(|code| base.unwrap_or(fallback).glyph(code).map(Cow::Borrowed)).collect();
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
                            names[at] = Some(Cow::Owned(String::from_utf8_lossy(name).into_owned()));
                            differs[at] = true;
                        }
                        code = code.saturating_add(1);
                    }
                    _ => {}
                }
            }
        }
        let mut simple = Self {
            widths: [0.0; 256],
            listed: false,
            texts: [const { OnceLock::new() }; 256],
            to_unicode,
            numeric: numeric_names(&names, &differs),
            names,
            differs,
            is_dingbats: own == Some(Encoding::ZapfDingbats) || name.contains("Dingbats"),
            built_in: needs_built_in.then(OnceLock::new),
            descriptor: descriptor.clone(),
        };
        simple.read_widths(file, font, standard);
        simple
    }

    fn read_widths(&mut self, file: &File, font: &Dictionary, standard: Option<StandardFont>) {
        let first = file.integer_entry(font, b"FirstChar").unwrap_or(0);
        let listed = file.array_entry(font, b"Widths").unwrap_or_default();
        let missing = file.number_entry(&self.descriptor, b"MissingWidth").unwrap_or(0.0);
        self.listed = !listed.is_empty();
        for code in 0..256 {
            let width = usize::try_from(code as i64 - first).ok().and_then(|at| listed.get(at));
            let width = width.and_then(|width| match width {
                Object::Reference(_) => file.resolve(width).as_float().ok(),
                direct => direct.as_float().ok(),
            });
            self.widths[code] = match (width, listed.is_empty()) {
                (Some(width), _) => width,
                (None, false) => missing,
                (None, true) => {
                    let name = match standard {
                        Some(_) => self.name(file, code),
                        None => None,
                    };
                    let width = standard.and_then(|standard| standard.width(name?));
                    width.unwrap_or(if missing > 0.0 { missing } else { 500.0 })
                }
            };
        }
    }

    /// Whether letters that differ in every other font are of one width.
    pub(super) fn is_monospace(&self) -> bool {
        let wide =
            self.listed.then(|| b"mwMW".iter().map(|code| self.widths[usize::from(*code)]).find(|width| *width > 0.0));
        let narrow = b"il.,;:'|j".iter().map(|code| self.widths[usize::from(*code)]).find(|width| *width > 0.0);
        match (wide.flatten(), narrow) {
            (Some(wide), Some(narrow)) => (wide - narrow).abs() < wide * 0.01,
            _ => false,
        }
    }

    pub(super) fn width(&self, code: u8) -> f32 {
        self.widths[usize::from(code)]
    }

    pub(super) fn text(&self, file: &File, code: u8) -> Option<&str> {
        let text = self.texts[usize::from(code)].get_or_init(|| {
            let text = self.find_text(file, usize::from(code))?;
            Some(clean(&text).into_boxed_str())
        });
        text.as_deref()
    }

    fn find_text(&self, file: &File, code: usize) -> Option<String> {
        self.to_unicode
            .as_ref()
            .and_then(|map| map.text(code as u32))
            .filter(|text| !text.is_empty() && !text.starts_with('\0'))
            .or_else(|| {
                let built_in = self.built_in(file).filter(|_| !self.differs[code])?;
                built_in.texts.get(&(code as u8)).cloned()
            })
            .or_else(|| text_of_glyph(self.name(file, code)?, self.is_dingbats))
            .or_else(|| self.numeric.and_then(|numeric| numeric.text(self.name(file, code)?)))
    }

    fn name(&self, file: &File, code: usize) -> Option<&str> {
        if !self.differs[code]
            && let Some(name) = self.built_in(file).and_then(|built_in| built_in.names.get(&(code as u8)))
        {
            return Some(name);
        }
        self.names[code].as_deref()
    }

    fn built_in(&self, file: &File) -> Option<&BuiltIn> {
        self.built_in.as_ref()?.get_or_init(|| built_in(file, &self.descriptor)).as_ref()
    }
}

fn built_in(file: &File, descriptor: &Dictionary) -> Option<BuiltIn> {
    let program = font_program(file, descriptor)?;
    // What a program is shows in its first bytes, and not always in the key that it stands under.
    Some(match program.as_slice() {
        [b'%' | 0x80, ..] => BuiltIn::of_type1(&program),
        [1, 0, 4..=32, 1..=4, ..] => BuiltIn::of_cff(&program),
        _ => BuiltIn::of_true_type(&program),
    })
}

/// How glyph names that are numbers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numeric {
    /// They are codes of this base.
    Base(u32),
    /// They repeat the codes that they stand at, as pdfTeX and others name the glyphs of bitmaps.
    Codes,
}

/// Whether the glyph names that a font's encoding lists are numbers (`65`), or numbers behind a letter or two (`g65`,
/// `C0041`, `a65`), as some producers write; then how they are read.
fn numeric_names(names: &[Option<Cow<str>>], differs: &[bool; 256]) -> Option<Numeric> {
    let listed = || {
        let named = names.iter().enumerate().zip(differs).filter(|(_, differs)| **differs);
        named
            .filter_map(|((code, name), _)| Some((code, name.as_deref()?)))
            .filter(|(_, name)| !matches!(*name, ".notdef" | "space"))
    };
    let digits = |name: &str| {
        let digits = name.trim_start_matches(|char: char| char.is_ascii_alphabetic()).to_owned();
        (name.len() - digits.len() <= 2 && (1..=4).contains(&digits.len())).then_some(digits)
    };
    let total = listed().count();
    if total < 2 {
        return None;
    }
    let is_code = |(code, name): &(usize, &str)| digits(name).is_some_and(|digits| digits.parse() == Ok(*code));
    if listed().filter(is_code).count() == total {
        return Some(Numeric::Codes);
    }
    let all: Vec<String> = listed()
        .filter_map(|(_, name)| digits(name).filter(|digits| digits.len() >= 2 && digits.len() < name.len()))
        .collect();
    if all.len() < total {
        return None;
    }
    let is_decimal = all.iter().all(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    Some(Numeric::Base(if is_decimal { 10 } else { 16 }))
}

impl Numeric {
    fn text(self, name: &str) -> Option<String> {
        let digits = name.trim_start_matches(|char: char| char.is_ascii_alphabetic());
        let base = match self {
            Self::Base(base) => base,
            Self::Codes => 10,
        };
        let code = u32::from_str_radix(digits, base).ok()?;
        // The ligatures of TeX's encodings OT1 and T1.
        let ligature = match (self, code) {
            (Self::Codes, 11 | 27) => Some("ff"),
            (Self::Codes, 12 | 28) => Some("fi"),
            (Self::Codes, 13 | 29) => Some("fl"),
            (Self::Codes, 14 | 30) => Some("ffi"),
            (Self::Codes, 15 | 31) => Some("ffl"),
            (Self::Codes, 16) => Some("“"),
            (Self::Codes, 17) => Some("”"),
            (Self::Codes, 21) => Some("–"),
            (Self::Codes, 22) => Some("—"),
            _ => None,
        };
        if let Some(ligature) = ligature {
            return Some(ligature.to_owned());
        }
        let code = Some(code).filter(|code| (32..256).contains(code))?;
        text_of_glyph(Encoding::WinAnsi.glyph(code as u8)?, false)
    }
}
