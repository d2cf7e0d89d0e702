//! Standard encodings of simple fonts, Adobe's glyph lists, and the widths of the fonts that files need not carry.
//! The tables are in `data/`; the glyph lists are Adobe's (agl-aglfn, BSD-3-Clause).

use std::collections::HashMap;
use std::sync::LazyLock;

/// Glyph name; `;`; scalar values. Sorted by name.
const GLYPH_LIST: &str = include_str!("../../data/glyph-list.txt");
const ZAPF_DINGBATS: &str = include_str!("../../data/zapf-dingbats.txt");
/// One line per code; columns as in [`Encoding`].
const ENCODINGS: &str = include_str!("../../data/encodings.tsv");
/// Glyph name; then widths in the order of `STANDARD_FONTS`.
const STANDARD_WIDTHS: &str = include_str!("../../data/standard-widths.tsv");

/// The encodings of ISO 32000-2, annex D, in the order of the columns of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Standard,
    MacRoman,
    WinAnsi,
    PdfDoc,
    MacExpert,
    Symbol,
    ZapfDingbats,
}

impl Encoding {
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"StandardEncoding" => Self::Standard,
            b"MacRomanEncoding" => Self::MacRoman,
            b"WinAnsiEncoding" => Self::WinAnsi,
            b"PDFDocEncoding" => Self::PdfDoc,
            b"MacExpertEncoding" => Self::MacExpert,
            _ => return None,
        })
    }

    /// The glyph name of a code.
    pub(crate) fn glyph(self, code: u8) -> Option<&'static str> {
        static TABLE: LazyLock<Vec<[&str; 7]>> = LazyLock::new(|| {
            let columns = |line: &'static str| {
                let mut names = [""; 7];
                for (name, column) in names.iter_mut().zip(line.split('\t')) {
                    *name = column;
                }
                names
            };
            ENCODINGS.lines().map(columns).collect()
        });
        let name = TABLE.get(usize::from(code))?[self as usize];
        (!name.is_empty()).then_some(name)
    }
}

/// The text of a glyph name, by Adobe's rules: the list, `uniXXXX`, `uXXXXX`, parts joined by `_`, suffixes after `.`.
pub(crate) fn text_of_glyph(name: &str, is_dingbats: bool) -> Option<String> {
    let base = name.split_once('.').map_or(name, |(base, _)| base);
    if base.is_empty() {
        return None;
    }
    if is_dingbats && let Some(text) = look_up(ZAPF_DINGBATS, base) {
        return Some(text);
    }
    let mut text = String::new();
    for part in base.split('_') {
        text.push_str(&text_of_part(part)?);
    }
    Some(text)
}

fn text_of_part(part: &str) -> Option<String> {
    if let Some(text) = look_up(GLYPH_LIST, part) {
        return Some(text);
    }
    if let Some(digits) = part.strip_prefix("uni")
        && digits.len() >= 4
        && digits.len().is_multiple_of(4)
        && digits.len() <= 64
        && digits.is_ascii()
    {
        let units: Option<Vec<u16>> =
            (0..digits.len()).step_by(4).map(|at| u16::from_str_radix(&digits[at..at + 4], 16).ok()).collect();
        return units.and_then(|units| String::from_utf16(&units).ok());
    }
    if let Some(digits) = part.strip_prefix('u')
        && (4..=6).contains(&digits.len())
    {
        return u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).map(String::from);
    }
    None
}

/// Binary search over the lines of a sorted list.
fn look_up(list: &str, name: &str) -> Option<String> {
    let (mut low, mut high) = (0, list.len());
    // Both always lie at the beginning of a line or at the end of the list.
    while low < high {
        let middle = low.midpoint(high);
        let start = list[low..middle].rfind('\n').map_or(low, |at| low + at + 1);
        let end = list[middle..high].find('\n').map_or(high, |at| middle + at + 1);
        let (key, values) = list[start..end].trim_end().split_once(';')?;
        match key.cmp(name) {
            std::cmp::Ordering::Less => low = end,
            std::cmp::Ordering::Greater => high = start,
            std::cmp::Ordering::Equal => {
                let scalar = |value| u32::from_str_radix(value, 16).ok().and_then(char::from_u32);
                return values.split(' ').map(scalar).collect();
            }
        }
    }
    None
}

/// One of the fonts that every reader has: its column in the table of widths; none for Courier, whose glyphs are all 600.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StandardFont(Option<usize>);

impl StandardFont {
    /// By name, also by the names under which Windows knows the same designs.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let name = name.split_once('+').map_or(name, |(_, name)| name);
        let plain: String =
            name.chars().filter(|char| !matches!(char, ' ' | '-' | ',')).collect::<String>().to_ascii_lowercase();
        let bold = plain.contains("bold");
        let italic = plain.contains("italic") || plain.contains("oblique");
        Some(Self(if plain.starts_with("courier") {
            None
        } else if plain.starts_with("helvetica") || plain.starts_with("arial") {
            Some(usize::from(bold))
        } else if plain.starts_with("times") {
            Some(2 + usize::from(bold) + 2 * usize::from(italic))
        } else if plain == "symbol" || plain.starts_with("symbolmt") {
            Some(6)
        } else if plain == "zapfdingbats" {
            Some(7)
        } else {
            return None;
        }))
    }

    pub(crate) fn encoding(self) -> Encoding {
        match self.0 {
            Some(6) => Encoding::Symbol,
            Some(7) => Encoding::ZapfDingbats,
            _ => Encoding::Standard,
        }
    }

    /// In thousandths of the font size.
    pub(crate) fn width(self, glyph: &str) -> Option<f32> {
        static TABLE: LazyLock<HashMap<&str, [f32; 8]>> = LazyLock::new(|| {
            let line = |line: &'static str| {
                let mut columns = line.split('\t');
                let name = columns.next()?;
                let mut widths = [0.0; 8];
                for (width, column) in widths.iter_mut().zip(columns) {
                    *width = column.parse().unwrap_or(0.0);
                }
                Some((name, widths))
            };
            STANDARD_WIDTHS.lines().filter_map(line).collect()
        });
        match self.0 {
            None => Some(600.0),
            Some(column) => TABLE.get(glyph).map(|widths| widths[column]).filter(|width| *width > 0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_lists_is_found() {
        for list in [GLYPH_LIST, ZAPF_DINGBATS] {
            for line in list.lines() {
                let (name, _) = line.split_once(';').unwrap();
                assert!(look_up(list, name).is_some(), "{name}");
            }
            assert_eq!(look_up(list, "nosuchglyph"), None);
            assert_eq!(look_up(list, "~"), None);
            assert_eq!(look_up(list, ""), None);
        }
    }

    #[test]
    fn names_become_text_by_adobes_rules() {
        for (name, text) in [
            ("A", "A"),
            ("f_f_i", "ffi"),
            ("ffi", "\u{FB03}"),
            ("uni20AC0308", "\u{20AC}\u{308}"),
            ("u1F600", "\u{1F600}"),
            ("Lcommaaccent", "\u{13B}"),
            ("one.oldstyle", "1"),
        ] {
            assert_eq!(text_of_glyph(name, false).as_deref(), Some(text), "{name}");
        }
        assert_eq!(text_of_glyph("a12", true).as_deref(), Some("\u{261E}"));
        assert_eq!(text_of_glyph(".notdef", false), None);
        assert_eq!(text_of_glyph("g123", false), None);
        assert_eq!(text_of_glyph("uniD800", false), None);
    }

    #[test]
    fn encodings_and_widths_are_those_of_the_standard() {
        assert_eq!(Encoding::WinAnsi.glyph(0x80), Some("Euro"));
        assert_eq!(Encoding::MacRoman.glyph(0x8A), Some("adieresis"));
        assert_eq!(Encoding::Standard.glyph(0xAE), Some("fi"));
        assert_eq!(StandardFont::named("Helvetica").unwrap().width("A"), Some(667.0));
        assert_eq!(StandardFont::named("ABCDEF+TimesNewRoman,Bold").unwrap().width("A"), Some(722.0));
        assert_eq!(StandardFont::named("Garamond"), None);
    }
}
