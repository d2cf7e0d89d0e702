//! From bytes to text: by a byte order mark, by what the file declares, by what its bytes look like. Line ends become `\n`.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes in which HTML declares its encoding. The standard asks for 1,024; browsers take it from further on as well.
const PRESCANNED: usize = 16 * 1024;
/// Bytes that an encoding is guessed from.
const GUESSED: usize = 1 << 20;

/// Plain text in whatever its bytes look like.
pub(crate) fn text(bytes: &[u8]) -> String {
    lines(decoded(bytes, None))
}

/// HTML: a mark, the declaration in a `meta` element or an XML declaration, then the bytes.
pub(crate) fn html(bytes: &[u8]) -> String {
    lines(decoded(bytes, declared_in_html(bytes)))
}

/// XML, and whether bytes of it are not of its encoding.
pub(crate) fn xml(bytes: Vec<u8>) -> (String, bool) {
    let encoding = match bytes.as_slice() {
        [b'<', 0, ..] => UTF_16LE,
        [0, b'<', ..] => UTF_16BE,
        _ => declared_in_xml(&bytes).unwrap_or(UTF_8),
    };
    let bytes = match (Encoding::for_bom(&bytes), encoding == UTF_8) {
        (None, true) => match String::from_utf8(bytes) {
            Ok(text) => return (text, false),
            Err(error) => error.into_bytes(),
        },
        _ => bytes,
    };
    let (text, _, is_damaged) = encoding.decode(&bytes);
    (text.into_owned(), is_damaged)
}

fn decoded(bytes: &[u8], declared: Option<&'static Encoding>) -> String {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return encoding.decode(bytes).0.into_owned();
    }
    if let Some(encoding) = utf16_without_mark(bytes) {
        return encoding.decode(bytes).0.into_owned();
    }
    if let Some(encoding) = declared.filter(|encoding| *encoding != UTF_8) {
        return encoding.decode(bytes).0.into_owned();
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    // A few bytes that are not UTF-8 among many that are come from a fault, not from another encoding.
    let lossy = String::from_utf8_lossy(bytes);
    let wrong = lossy.matches('\u{FFFD}').count();
    let right = lossy.chars().filter(|char| !char.is_ascii()).count() - wrong;
    if declared == Some(UTF_8) || right > wrong * 4 {
        return lossy.into_owned();
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Allow);
    detector.feed(&bytes[..bytes.len().min(GUESSED)], true);
    detector.guess(None, chardetng::Utf8Detection::Allow).decode(bytes).0.into_owned()
}

/// Text of Latin letters in UTF-16 has a zero in every other byte.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(1024) & !1];
    let zeros = |offset: usize| head.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let half = head.len() / 2;
    if half < 2 || !bytes.len().is_multiple_of(2) {
        return None;
    }
    if odd * 10 > half * 4 && even * 20 < half {
        Some(UTF_16LE)
    } else if even * 10 > half * 4 && odd * 20 < half {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// By the rules of the WHATWG's prescan: what is declared in bytes that are ASCII is no UTF-16.
fn by_label(label: &str) -> Option<&'static Encoding> {
    let encoding = Encoding::for_label(label.trim().as_bytes())?;
    Some(if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding })
}

fn declared_in_xml(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(400)];
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    if !head.starts_with(b"<?xml") {
        return None;
    }
    let end = memchr::memmem::find(head, b"?>").unwrap_or(head.len());
    let declaration = String::from_utf8_lossy(&head[..end]).into_owned();
    let (_, behind) = declaration.split_once("encoding")?;
    let value = behind.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|char| matches!(char, '"' | '\''))?;
    by_label(value[1..].split(quote).next()?)
}

fn declared_in_html(bytes: &[u8]) -> Option<&'static Encoding> {
    if let Some(encoding) = declared_in_xml(bytes) {
        return Some(encoding);
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(PRESCANNED)]).to_ascii_lowercase();
    let mut rest = head.as_str();
    // Only what stands in a meta element counts, not what a comment or a script says.
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        if rest.starts_with("<!--") {
            rest = rest.find("-->").map_or("", |end| &rest[end + 3..]);
            continue;
        }
        for skipped in ["script", "style"] {
            if rest[1..].starts_with(skipped) {
                rest = rest.find(&format!("</{skipped}")).map_or("", |end| &rest[end..]);
            }
        }
        let Some(inner) = rest.strip_prefix('<') else { continue };
        let end = inner.find('>').unwrap_or(inner.len());
        if let Some(attributes) = inner[..end].strip_prefix("meta")
            && attributes.starts_with(|char: char| char.is_ascii_whitespace() || char == '/')
            && let Some((_, value)) = attributes.split_once("charset")
            && let Some(value) = value.trim_start().strip_prefix('=')
        {
            let value = value.trim_start().trim_start_matches(['"', '\'']);
            let label =
                value.split(|char: char| char.is_ascii_whitespace() || matches!(char, '"' | '\'' | ';' | '/' | '>'));
            // "unicode" is a label of UTF-16, which bytes that could be searched are not.
            if let Some(encoding) = label.into_iter().next().and_then(by_label) {
                return Some(if encoding.name() == "x-user-defined" { WINDOWS_1252 } else { encoding });
            }
        }
        rest = &inner[end.min(inner.len())..];
    }
    None
}

/// Every line end as `\n`.
pub(crate) fn lines(text: String) -> String {
    let text = match text.strip_prefix('\u{FEFF}') {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    if memchr::memchr(b'\r', text.as_bytes()).is_none() {
        return text;
    }
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_encodings_count_where_they_can_be_true() {
        let cyrillic = |head: &str| {
            let mut bytes = head.as_bytes().to_vec();
            bytes.extend(b"<p>\xC4\xE0</p>");
            html(&bytes)
        };
        let far = format!("<html><head>{}<meta charset=windows-1251>", "<!-- long -->".repeat(200));
        assert!(cyrillic(&far).contains("Да"));
        assert!(cyrillic("<meta http-equiv=Content-Type content='text/html; charset=windows-1251'>").contains("Да"));
        assert!(cyrillic("<?xml version='1.0' encoding='windows-1251'?>").contains("Да"));
        assert!(!cyrillic("<!-- charset=windows-1251 --><meta charset='iso-8859-1'>").contains("Да"));
        assert_eq!(html(b"<meta charset=unicode><p>plain"), "<meta charset=unicode><p>plain");
    }

    #[test]
    fn utf_16_is_told_by_its_zeros() {
        let text_in = |order: fn(u16) -> [u8; 2]| "Größen\r\nzwei".encode_utf16().flat_map(order).collect::<Vec<_>>();
        assert_eq!(text(&text_in(u16::to_le_bytes)), "Größen\nzwei");
        assert_eq!(text(&text_in(u16::to_be_bytes)), "Größen\nzwei");
        assert_eq!(xml("<a>é</a>".encode_utf16().flat_map(u16::to_le_bytes).collect()).0, "<a>é</a>");
    }

    #[test]
    fn line_ends_are_one_character() {
        assert_eq!(text(b"\xEF\xBB\xBFone\r\ntwo\rthree\n"), "one\ntwo\nthree\n");
    }

    #[test]
    fn a_stray_byte_is_no_other_encoding() {
        assert_eq!(
            text(
                "Zürich, Köln, Größe \u{e9}t\u{e9}"
                    .as_bytes()
                    .iter()
                    .copied()
                    .chain([0xFF])
                    .collect::<Vec<_>>()
                    .as_slice()
            ),
            "Zürich, Köln, Größe été\u{FFFD}"
        );
        assert_eq!(text(b"Caf\xE9 fran\xE7ais"), "Café français");
        assert_eq!(
            xml(b"<?xml version='1.0' encoding='windows-1252'?><a>Gr\xF6\xDFe</a>".to_vec()),
            ("<?xml version='1.0' encoding='windows-1252'?><a>Größe</a>".to_owned(), false)
        );
        assert!(xml(b"<a>\xFF</a>".to_vec()).1);
    }
}
