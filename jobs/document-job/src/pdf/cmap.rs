//! Character maps (`CMap`s; ISO 32000-2, 9.7.5 and 9.10.3): what text a code means, and which glyph of a composite font.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use hayro_cmap::{BfString, CMap, CMapName, CidFamily};
use lopdf::Object;

use super::lexer::{Lexer, Token};

/// Entries of one map that are read. A font has at most 65,536 glyphs.
const MAX_ENTRIES: usize = 1 << 18;

/// A `ToUnicode` map.
#[derive(Debug, Default)]
pub(crate) struct ToUnicode {
    single: HashMap<u32, String>,
    /// First code, last code, text of the first; ranges are kept as such, however long they say they are. Sorted.
    ranges: Vec<(u32, u32, Vec<u16>)>,
}

impl ToUnicode {
    /// Reads as much as there is.
    pub(crate) fn parse(data: &[u8]) -> Self {
        let mut map = Self::default();
        let mut lexer = Lexer::of_content(data);
        let mut entries = 0;
        while let Some(token) = lexer.token() {
            match token {
                Token::Keyword(b"beginbfchar") => {
                    while let Some(Token::Object(code)) = lexer.token() {
                        let Some(target) = lexer.object() else { break };
                        entries += 1;
                        if let (Some(code), Some(text)) = (code_of(&code), utf16(&target)) {
                            map.single.insert(code, String::from_utf16_lossy(&text));
                        }
                        if entries > MAX_ENTRIES {
                            return map.sorted();
                        }
                    }
                }
                Token::Keyword(b"beginbfrange") => {
                    while let Some(Token::Object(first)) = lexer.token() {
                        let (Some(last), Some(target)) = (lexer.object(), lexer.object()) else { break };
                        entries += 1;
                        let (Some(first), Some(last)) = (code_of(&first), code_of(&last)) else { continue };
                        if let Object::Array(items) = target {
                            for (code, item) in (first..=last).zip(&items) {
                                entries += 1;
                                if let Some(text) = utf16(item) {
                                    map.single.insert(code, String::from_utf16_lossy(&text));
                                }
                            }
                        } else if let Some(text) = utf16(&target).filter(|text| !text.is_empty()) {
                            map.ranges.push((first, last, text));
                        }
                        if entries > MAX_ENTRIES {
                            return map.sorted();
                        }
                    }
                }
                _ => {}
            }
        }
        map.sorted()
    }

    fn sorted(mut self) -> Self {
        self.ranges.sort_by_key(|range| range.0);
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.single.is_empty() && self.ranges.is_empty()
    }

    /// The text of a code; none where the map does not say.
    pub(crate) fn text(&self, code: u32) -> Option<String> {
        if let Some(text) = self.single.get(&code) {
            return Some(text.clone());
        }
        let after = self.ranges.partition_point(|range| range.0 <= code);
        let (first, _, text) = self.ranges[..after].iter().rev().take(8).find(|range| code <= range.1)?;
        let offset = code - first;
        if let [high @ 0xD800..0xDC00, low @ 0xDC00..0xE000] = text[..] {
            let base = 0x10000 + ((u32::from(high) - 0xD800) << 10) + (u32::from(low) - 0xDC00);
            return char::from_u32(base.checked_add(offset)?).map(String::from);
        }
        let mut text = text.clone();
        let last = text.last_mut()?;
        *last = u16::try_from(u32::from(*last).checked_add(offset)?).ok()?;
        Some(String::from_utf16_lossy(&text))
    }
}

/// How the strings of a composite font divide into codes, and the glyph (CID) of each.
pub(crate) enum CodeMap {
    /// Two bytes, and the code is the CID.
    Identity,
    /// One of Adobe's.
    Predefined(Arc<CMap>),
    /// The file's own.
    Embedded(EmbeddedMap),
}

/// A map that is a stream in the file.
#[derive(Default)]
pub(crate) struct EmbeddedMap {
    /// Bytes, first and last code.
    spaces: Vec<(usize, u32, u32)>,
    /// Bytes, first and last code, CID of the first. Sorted by bytes and first.
    ranges: Vec<(usize, u32, u32, u32)>,
    base: Option<Arc<CMap>>,
    base_is_identity: bool,
    pub(crate) is_vertical: bool,
}

/// A code, how many bytes it took, and its CID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) value: u32,
    pub(crate) length: usize,
    pub(crate) cid: u32,
}

impl CodeMap {
    /// By the name of a predefined map, and whether it writes downwards.
    pub(crate) fn named(name: &[u8]) -> Option<(Self, bool)> {
        match name {
            b"Identity-H" => Some((Self::Identity, false)),
            b"Identity-V" => Some((Self::Identity, true)),
            _ => Some((Self::Predefined(predefined(name)?), name.ends_with(b"V"))),
        }
    }

    /// Splits the first code off a string that is not empty.
    pub(crate) fn next(&self, string: &[u8]) -> Code {
        match self {
            Self::Identity => {
                let (value, length) = code_of_bytes(string, 2);
                Code { value, length, cid: value }
            }
            Self::Predefined(map) => next_of(map, string),
            Self::Embedded(map) => map.next(string),
        }
    }
}

impl EmbeddedMap {
    pub(crate) fn parse(data: &[u8]) -> Self {
        let mut map = Self::default();
        let mut lexer = Lexer::of_content(data);
        let mut previous = None;
        while let Some(token) = lexer.token() {
            match &token {
                Token::Keyword(b"begincodespacerange") => {
                    while let Some(Token::Object(first)) = lexer.token() {
                        let Some(last) = lexer.object() else { break };
                        if let (Object::String(bytes, _), Some(first), Some(last)) =
                            (&first, code_of(&first), code_of(&last))
                        {
                            map.spaces.push((bytes.len(), first, last));
                        }
                        if map.spaces.len() > 1000 {
                            break;
                        }
                    }
                }
                Token::Keyword(word @ (b"begincidrange" | b"begincidchar")) => {
                    while let Some(Token::Object(first)) = lexer.token() {
                        let last = if *word == b"begincidrange" { lexer.object() } else { Some(first.clone()) };
                        let (Some(last), Some(Object::Integer(cid))) = (last, lexer.object()) else { break };
                        if let (Object::String(bytes, _), Some(first), Some(last), Ok(cid)) =
                            (&first, code_of(&first), code_of(&last), u32::try_from(cid))
                        {
                            map.ranges.push((bytes.len(), first, last, cid));
                        }
                        if map.ranges.len() > MAX_ENTRIES {
                            break;
                        }
                    }
                }
                Token::Keyword(b"usecmap") => {
                    if let Some(Token::Object(Object::Name(name))) = &previous {
                        map.use_base(name);
                    }
                }
                Token::Object(Object::Integer(mode))
                    if previous == Some(Token::Object(Object::Name(b"WMode".to_vec()))) =>
                {
                    map.is_vertical = *mode == 1;
                }
                _ => {}
            }
            previous = Some(token);
        }
        map.ranges.sort_unstable();
        map
    }

    pub(crate) fn use_base(&mut self, name: &[u8]) {
        self.base_is_identity = name.starts_with(b"Identity");
        self.base = predefined(name);
    }

    fn next(&self, string: &[u8]) -> Code {
        for length in 1..=string.len().min(4) {
            let (value, _) = code_of_bytes(string, length);
            let is_in_space = |space: &&(usize, u32, u32)| {
                space.0 == length
                    && (0..length).all(|byte| {
                        let part = |code: u32| (code >> (8 * byte)) & 0xFF;
                        (part(space.1)..=part(space.2)).contains(&part(value))
                    })
            };
            if self.spaces.iter().any(|space| is_in_space(&space)) {
                return Code { value, length, cid: self.cid(value, length) };
            }
        }
        if self.spaces.is_empty()
            && let Some(base) = &self.base
        {
            return next_of(base, string);
        }
        let shortest = self.spaces.iter().map(|space| space.0).min().unwrap_or(2);
        let (value, length) = code_of_bytes(string, shortest.max(1));
        Code { value, length, cid: self.cid(value, length) }
    }

    fn cid(&self, value: u32, length: usize) -> u32 {
        let after = self.ranges.partition_point(|range| (range.0, range.1) <= (length, value));
        if let Some((_, first, _, cid)) =
            self.ranges[..after].iter().rev().take(8).find(|range| range.0 == length && value <= range.2)
        {
            return cid.saturating_add(value - first);
        }
        if self.base_is_identity {
            return value;
        }
        self.base.as_ref().and_then(|base| base.lookup_cid_code(value, length as u8)).unwrap_or(0)
    }
}

/// The text of the glyphs of Adobe's character collections for Chinese, Japanese and Korean. Read when the first glyph needs
/// it: most fonts come with a ToUnicode map, and unpacking the collections takes as long as a small file.
pub(crate) struct Collection {
    name: Vec<u8>,
    map: OnceLock<Option<Arc<CMap>>>,
}

impl Collection {
    pub(crate) fn of(registry: &[u8], ordering: &[u8]) -> Option<Self> {
        let name = CidFamily::from_registry_ordering(registry, ordering).ucs2_cmap()?;
        Some(Self { name: name.to_bytes().to_vec(), map: OnceLock::new() })
    }

    pub(crate) fn text(&self, cid: u32) -> Option<String> {
        match self.map.get_or_init(|| predefined(&self.name)).as_ref()?.lookup_bf_string(cid)? {
            BfString::Char(char) => Some(char.to_string()),
            BfString::String(text) => Some(text),
        }
    }
}

fn predefined(name: &[u8]) -> Option<Arc<CMap>> {
    type Cache = Mutex<HashMap<Vec<u8>, Option<Arc<CMap>>>>;
    static CACHE: LazyLock<Cache> = LazyLock::new(Mutex::default);
    let load = |name: CMapName<'_>| match name {
        CMapName::Custom(_) => None,
        known => hayro_cmap::load_embedded(known),
    };
    // Unknown names are the file's, and there may be many of them.
    let known = load(CMapName::from_bytes(name))?;
    let mut cache = CACHE.lock().expect("no holder panics");
    cache.entry(name.to_vec()).or_insert_with(|| CMap::parse(known, load).map(Arc::new)).clone()
}

fn next_of(map: &CMap, string: &[u8]) -> Code {
    for length in 1..=string.len().min(4) {
        let (value, _) = code_of_bytes(string, length);
        if let Some(cid) = map.lookup_cid_code(value, length as u8) {
            return Code { value, length, cid };
        }
    }
    let (value, length) = code_of_bytes(string, if string[0] < 0x80 && string.len() % 2 == 1 { 1 } else { 2 });
    Code { value, length, cid: 0 }
}

fn code_of_bytes(bytes: &[u8], length: usize) -> (u32, usize) {
    let length = length.min(bytes.len());
    (bytes[..length].iter().fold(0, |code, byte| code << 8 | u32::from(*byte)), length)
}

fn code_of(object: &Object) -> Option<u32> {
    match object {
        Object::String(bytes, _) if (1..=4).contains(&bytes.len()) => Some(code_of_bytes(bytes, 4).0),
        Object::Integer(value) => u32::try_from(*value).ok(),
        _ => None,
    }
}

/// The text of a target: UTF-16, and a lone byte as itself.
fn utf16(object: &Object) -> Option<Vec<u16>> {
    match object {
        Object::String(bytes, _) if bytes.len() <= 1024 => Some(match bytes.as_slice() {
            [byte] => vec![u16::from(*byte)],
            bytes => bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect(),
        }),
        Object::Name(name) => {
            let text = super::encoding::text_of_glyph(std::str::from_utf8(name).ok()?, false)?;
            Some(text.encode_utf16().collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_unicode_reads_chars_ranges_and_arrays() {
        let map = ToUnicode::parse(
            b"1 beginbfchar <01> <00660069> endbfchar 3 beginbfrange <10> <12> <0041> \
              <20> <21> [<03B1> <03B2>] <0030> <0031> <D83DDE00> endbfrange",
        );
        for (code, text) in [(1, "fi"), (0x12, "C"), (0x21, "\u{3B2}"), (0x31, "\u{1F601}")] {
            assert_eq!(map.text(code).as_deref(), Some(text));
        }
        assert_eq!(map.text(0x13), None);
    }

    #[test]
    fn a_range_of_four_thousand_million_codes_takes_no_room() {
        let map = ToUnicode::parse(b"1 beginbfrange <00000000> <FFFFFFFF> <0020> endbfrange");
        assert_eq!(map.text(33).as_deref(), Some("A"));
        assert_eq!(map.text(u32::MAX), None);
    }

    #[test]
    fn predefined_maps_read_codes_of_mixed_length() {
        let (map, vertical) = CodeMap::named(b"90ms-RKSJ-H").unwrap();
        assert!(!vertical);
        let collection = Collection::of(b"Adobe", b"Japan1").unwrap();
        let mut string: &[u8] = b"A\x93\xFA\x96\x7B";
        let mut text = String::new();
        while !string.is_empty() {
            let code = map.next(string);
            string = &string[code.length..];
            text.push_str(&collection.text(code.cid).unwrap());
        }
        assert_eq!(text, "A\u{65E5}\u{672C}");
    }

    #[test]
    fn embedded_maps_follow_their_code_spaces() {
        let map = EmbeddedMap::parse(
            b"/WMode 1 def 2 begincodespacerange <00> <7F> <8000> <FFFF> endcodespacerange \
              1 begincidrange <8001> <8005> 100 endcidrange 1 begincidchar <41> 7 endcidchar",
        );
        assert!(map.is_vertical);
        assert_eq!(map.next(b"A"), Code { value: 0x41, length: 1, cid: 7 });
        assert_eq!(map.next(b"\x80\x03"), Code { value: 0x8003, length: 2, cid: 102 });
    }
}
