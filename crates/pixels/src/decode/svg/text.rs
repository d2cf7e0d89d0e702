//! The text of a drawing: in whatever encoding it is declared to be, and with entities, as Illustrator writes them, that do
//! not blow it up.

use std::borrow::Cow;
use std::collections::HashMap;

use contract::Failure;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Bytes that all entities together may become.
const MOST_EXPANDED: u64 = 16 << 20;
/// How deep entities may lie in each other; the parser itself takes ten.
const MOST_DEPTH: u32 = 10;
/// Where a declaration stands.
const DECLARATION: usize = 200;

/// The text of a file: by the mark of its order, by its declaration, or as UTF-8.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Failure> {
    let encoding = match bytes {
        [0xff, 0xfe, ..] => UTF_16LE,
        [0xfe, 0xff, ..] => UTF_16BE,
        _ => declared(bytes).unwrap_or(UTF_8),
    };
    let (text, _, has_errors) = encoding.decode(bytes);
    if has_errors {
        return Err(Failure::invalid_input(format!("the SVG is not {}, which it should be", encoding.name())));
    }
    Ok(text)
}

/// The encoding that the XML declaration names. One of 16 bits cannot be named in bytes.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(DECLARATION)]);
    let declaration = start.trim_start_matches('\u{feff}').trim_start().strip_prefix("<?xml")?;
    let (declaration, _) = declaration.split_once("?>")?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let name = value[1..].split(quote).next()?;
    Encoding::for_label(name.as_bytes()).filter(|encoding| *encoding != UTF_16LE && *encoding != UTF_16BE)
}

/// Refuses entities that become too much text, before any of them is put in its place.
pub fn check_entities(text: &str) -> Result<(), Failure> {
    let entities = entities(text);
    if entities.is_empty() {
        return Ok(());
    }
    let mut lengths = HashMap::new();
    let mut sum = 0_u64;
    for name in references(text) {
        sum = sum.saturating_add(length(name, &entities, &mut lengths, 0));
        if sum > MOST_EXPANDED {
            return Err(Failure::invalid_input(format!(
                "the SVG's entities become more than {} megabytes of text",
                MOST_EXPANDED >> 20
            )));
        }
    }
    Ok(())
}

/// The values of the entities that a document declares, by their names.
fn entities(text: &str) -> HashMap<&str, &str> {
    let mut entities = HashMap::new();
    for declaration in text.split("<!ENTITY").skip(1) {
        let Some((name, rest)) = declaration.trim_start().split_once(char::is_whitespace) else { continue };
        let rest = rest.trim_start();
        let Some(quote) = rest.chars().next().filter(|quote| matches!(quote, '"' | '\'')) else { continue };
        if let Some(value) = rest[1..].split(quote).next() {
            entities.entry(name).or_insert(value);
        }
    }
    entities
}

/// The names between `&` and `;`.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.split('&').skip(1).filter_map(|rest| rest.split_once(';').map(|(name, _)| name))
}

/// The bytes that an entity becomes, with those inside of it.
fn length<'t>(
    name: &'t str,
    entities: &HashMap<&'t str, &'t str>,
    known: &mut HashMap<&'t str, u64>,
    depth: u32,
) -> u64 {
    if let Some(length) = known.get(name) {
        return *length;
    }
    let Some(value) = entities.get(name) else { return 0 };
    if depth >= MOST_DEPTH {
        return u64::MAX;
    }
    let inside = references(value).map(|name| length(name, entities, known, depth + 1));
    let sum = inside.fold(value.len() as u64, u64::saturating_add);
    known.insert(name, sum);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_in_the_encoding_that_is_said() {
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><svg>\xe4</svg>";
        assert!(decode(latin).unwrap().ends_with("<svg>\u{e4}</svg>"));
        assert!(decode("\u{feff}<svg>\u{e4}</svg>".as_bytes()).unwrap().contains('\u{e4}'));
        let wide: Vec<u8> = "\u{feff}<svg>\u{e4}</svg>".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decode(&wide).unwrap(), "<svg>\u{e4}</svg>");
        assert!(decode(b"<svg>\xe4</svg>").is_err());
    }

    #[test]
    fn entities_are_counted_before_they_are_put_in_their_places() {
        let declare = |entities: &str, body: &str| format!("<!DOCTYPE svg [{entities}]><svg>{body}</svg>");
        assert!(check_entities(&declare("<!ENTITY a 'x'>", &"&a;".repeat(1000))).is_ok());
        // The quadratic form, and one in the other.
        let long = format!("<!ENTITY a '{}'>", "x".repeat(100_000));
        assert!(check_entities(&declare(&long, &"&a;".repeat(1000))).is_err());
        let level = |level: u32| format!("<!ENTITY a{level} '{}'>", format!("&a{};", level - 1).repeat(10));
        let levels = (1..12).map(level).collect::<Vec<_>>().concat();
        assert!(check_entities(&declare(&format!("<!ENTITY a0 'xxxx'>{levels}"), "&a9;")).is_err());
        assert!(check_entities(&declare("<!ENTITY a '&b;'><!ENTITY b '&a;'>", "&a;")).is_err());
    }
}
