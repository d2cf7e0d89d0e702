//! What an embedded font says of its glyphs: names and characters, for fonts whose dictionary does not say enough.

use std::collections::HashMap;

use memchr::memmem;
use ttf_parser::{GlyphId, RawFace, cff, cmap, post};

use super::encoding::text_of_glyph;

/// Glyphs that are looked at. A font has at most 65,536.
const MAX_GLYPHS: u32 = 65_536;

/// The built-in encoding of a simple font: for each code a glyph name or, where glyphs have no names, text.
pub(crate) struct BuiltIn {
    pub(crate) names: HashMap<u8, String>,
    pub(crate) texts: HashMap<u8, String>,
}

impl BuiltIn {
    fn empty() -> Self {
        Self { names: HashMap::new(), texts: HashMap::new() }
    }

    /// Of a Type 1 font program: the entries `dup 65 /A put` of its clear-text part.
    pub(crate) fn of_type1(program: &[u8]) -> Self {
        let mut built_in = Self::empty();
        let clear = &program[..memmem::find(program, b"eexec").unwrap_or(program.len().min(1 << 16))];
        let Some(start) = memmem::find(clear, b"/Encoding") else { return built_in };
        let words = clear[start..].split(|byte| super::lexer::is_space(*byte)).filter(|word| !word.is_empty());
        let mut words = words.map(String::from_utf8_lossy).peekable();
        let mut read = 0;
        while let Some(word) = words.next() {
            read += 1;
            if read > 8192 || (word == "def" && !built_in.names.is_empty()) {
                break;
            }
            if word != "dup" {
                continue;
            }
            let Some(code) = words.next() else { break };
            // `dup 65/A put` is as good as `dup 65 /A put`.
            let (code, name) = match code.split_once('/') {
                Some((code, name)) => (code.to_owned(), name.to_owned()),
                None => match words.peek() {
                    Some(name) if name.starts_with('/') => (code.clone().into_owned(), name[1..].to_owned()),
                    _ => continue,
                },
            };
            let code = match code.split_once('#') {
                Some((base, digits)) => {
                    let base = base.parse().ok().filter(|base| (2..=36).contains(base));
                    base.and_then(|base| u8::from_str_radix(digits, base).ok())
                }
                None => code.parse().ok(),
            };
            if let Some(code) = code {
                built_in.names.insert(code, name);
            }
        }
        built_in
    }

    /// Of a bare CFF font.
    pub(crate) fn of_cff(program: &[u8]) -> Self {
        let mut built_in = Self::empty();
        let Some(table) = cff::Table::parse(program) else { return built_in };
        for code in 0..=255 {
            if let Some(name) = table.glyph_index(code).and_then(|glyph| table.glyph_name(glyph)) {
                built_in.names.insert(code, name.to_owned());
            }
        }
        built_in
    }

    /// Of a TrueType font: through its symbolic or Macintosh `cmap`, to names or to the Unicode `cmap`'s characters.
    pub(crate) fn of_true_type(program: &[u8]) -> Self {
        let mut built_in = Self::empty();
        let Some(tables) = TrueType::parse(program) else { return built_in };
        let unicode = tables.characters();
        for code in 0..=255_u8 {
            let Some(glyph) = tables.glyph_of_code(code) else { continue };
            if let Some(text) = unicode.get(&glyph.0) {
                built_in.texts.insert(code, text.to_string());
            } else if let Some(name) = tables.name(glyph) {
                built_in.names.insert(code, name);
            }
        }
        built_in
    }
}

/// The text of a composite font's glyphs by their number in the font program.
pub(crate) fn glyph_texts(program: &[u8]) -> HashMap<u16, String> {
    let mut texts = HashMap::new();
    if let Some(tables) = TrueType::parse(program) {
        for glyph in 0..tables.glyph_count() {
            if let Some(text) = tables.name(GlyphId(glyph)).and_then(|name| text_of_glyph(&name, false)) {
                texts.insert(glyph, text);
            }
        }
        texts.extend(tables.characters().into_iter().map(|(glyph, char)| (glyph, char.to_string())));
    } else if let Some(table) = cff::Table::parse(program) {
        for glyph in 0..table.number_of_glyphs() {
            let name = table.glyph_name(GlyphId(glyph));
            if let Some(text) = name.and_then(|name| text_of_glyph(name, false)) {
                texts.insert(glyph, text);
            }
        }
    }
    texts
}

struct TrueType<'a> {
    cmap: Option<cmap::Table<'a>>,
    /// By glyph.
    names: Vec<&'a str>,
    cff: Option<cff::Table<'a>>,
}

impl<'a> TrueType<'a> {
    fn parse(program: &'a [u8]) -> Option<Self> {
        // Subsets lack tables that a face must have, so the tables are read one by one.
        let face = RawFace::parse(program, 0).ok()?;
        let table = |tag: &[u8; 4]| face.table(ttf_parser::Tag::from_bytes(tag));
        let post = table(b"post").and_then(post::Table::parse);
        let names = post.into_iter().flat_map(|post| post.names());
        Some(Self {
            cmap: table(b"cmap").and_then(cmap::Table::parse),
            names: names.take(MAX_GLYPHS as usize).collect(),
            cff: table(b"CFF ").and_then(cff::Table::parse),
        })
    }

    fn glyph_count(&self) -> u16 {
        let named = self.names.len().min(65_535) as u16;
        named.max(self.cff.as_ref().map_or(0, cff::Table::number_of_glyphs))
    }

    fn name(&self, glyph: GlyphId) -> Option<String> {
        if let Some(name) = self.cff.as_ref().and_then(|cff| cff.glyph_name(glyph)) {
            return Some(name.to_owned());
        }
        self.names.get(usize::from(glyph.0)).map(|name| (*name).to_owned())
    }

    fn subtables(&self) -> impl Iterator<Item = cmap::Subtable<'a>> {
        self.cmap.into_iter().flat_map(|cmap| cmap.subtables).take(16)
    }

    fn glyph_of_code(&self, code: u8) -> Option<GlyphId> {
        let mut found = None;
        for table in self.subtables() {
            let codes: &[u32] = match (table.platform_id, table.encoding_id) {
                (ttf_parser::PlatformId::Windows, 0) => &[0xF000, 0, 0xF100, 0xF200],
                (ttf_parser::PlatformId::Macintosh, _) => &[0],
                _ => continue,
            };
            let glyph = codes.iter().find_map(|base| table.glyph_index(base + u32::from(code)));
            found = found.or(glyph.filter(|glyph| glyph.0 != 0));
        }
        found
    }

    /// The first character of each glyph in the Unicode subtables.
    fn characters(&self) -> HashMap<u16, char> {
        let mut characters = HashMap::new();
        for table in self.subtables().filter(cmap::Subtable::is_unicode) {
            let mut seen = 0;
            // A hostile table may list the same codes over and over.
            table.codepoints(|code| {
                seen += 1;
                if seen > MAX_GLYPHS {
                    return;
                }
                if let (Some(glyph), Some(char)) = (table.glyph_index(code), char::from_u32(code))
                    && !matches!(code, 0xE000..0xF900 | 0..0x20)
                    && glyph.0 != 0
                {
                    characters.entry(glyph.0).or_insert(char);
                }
            });
        }
        characters
    }
}
