//! What a PDF says about itself: metadata, outline, links, form fields, attachments.

use std::collections::{HashMap, HashSet};

use lopdf::{Dictionary, Object, ObjectId};

use super::content::Matrix;
use super::encoding::{Encoding, text_of_glyph};
use super::file::File;
use super::page_tree::{Leaf, Page};
use crate::document::{Field, Link, Metadata, Note, OutlineItem};
use crate::page_text::Bounds;

/// Entries of one outline, form or list of names that are read.
const MAX_ENTRIES: usize = 50_000;
/// Depth of outlines, field trees and name trees.
const MAX_DEPTH: usize = 32;
/// Characters of one string of a document's own description.
const MAX_TEXT: usize = 1 << 20;

/// A text string (ISO 32000-2, 7.9.2.2): UTF-16, UTF-8 or `PDFDocEncoding`.
pub(crate) fn text_string(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(MAX_TEXT)];
    let utf16 = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    let text = match bytes {
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        bytes => bytes
            .iter()
            .filter_map(|byte| match byte {
                b'\n' | b'\r' | b'\t' | 0x20..=0x7E => Some((*byte as char).to_string()),
                other => text_of_glyph(Encoding::PdfDoc.glyph(*other)?, false),
            })
            .collect(),
    };
    // Escapes that mark a language have no place in text.
    let mut plain = String::with_capacity(text.len());
    let mut in_escape = false;
    for char in text.chars() {
        match char {
            '\u{1B}' => in_escape = !in_escape,
            '\0' => {}
            char if !in_escape => plain.push(char),
            _ => {}
        }
    }
    plain
}

/// The document information dictionary, and what else the file says of itself.
pub(crate) fn metadata(file: &File, page_count: usize) -> Metadata {
    let catalog = file.catalog().unwrap_or_default();
    let information = file.dictionary_entry(file.trailer(), b"Info").unwrap_or_default();
    let text = |key: &[u8]| {
        let text = file.string_entry(&information, key).map(|bytes| text_string(&bytes).trim().to_owned());
        text.filter(|text| !text.is_empty())
    };
    let marked = file.dictionary_entry(&catalog, b"MarkInfo").unwrap_or_default();
    let is_tagged = file.entry(&marked, b"Marked").is_some_and(|marked| *marked == Object::Boolean(true));
    let version = file.name_entry(&catalog, b"Version").map(|name| String::from_utf8_lossy(&name).into_owned());
    let newest = |one: Option<String>, other: Option<String>| match (one, other) {
        (Some(one), Some(other)) => Some(if one >= other { one } else { other }),
        (one, other) => one.or(other),
    };
    Metadata {
        title: text(b"Title"),
        author: text(b"Author"),
        subject: text(b"Subject"),
        keywords: text(b"Keywords"),
        creator: text(b"Creator"),
        producer: text(b"Producer"),
        created: text(b"CreationDate").and_then(|date| date_text(&date)),
        modified: text(b"ModDate").and_then(|date| date_text(&date)),
        language: file.string_entry(&catalog, b"Lang").map(|bytes| text_string(&bytes)).filter(|text| !text.is_empty()),
        page_count: Some(page_count),
        pdf_version: newest(file.version(), version),
        is_encrypted: Some(file.is_encrypted()),
        is_tagged: Some(is_tagged),
        was_repaired: file.was_repaired().then_some(true),
    }
}

/// `D:20260131123000+01'00'` as RFC 3339; none where it is no date.
fn date_text(date: &str) -> Option<String> {
    let rest = date.strip_prefix("D:").unwrap_or(date);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count().min(14);
    let part = |from: usize, to: usize, default: u32| match rest.get(from..to) {
        Some(text) if digits >= to => text.parse().unwrap_or(default),
        _ => default,
    };
    if digits < 4 {
        return None;
    }
    let (year, month, day) = (part(0, 4, 0), part(4, 6, 1), part(6, 8, 1));
    let (hour, minute, second) = (part(8, 10, 0), part(10, 12, 0), part(12, 14, 0));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let zone: String = rest[digits..].chars().filter(|char| *char != '\'' && *char != ':').collect();
    let offset = match zone.as_bytes() {
        [sign @ (b'+' | b'-'), digits @ ..] if digits.len() >= 2 && digits.iter().all(u8::is_ascii_digit) => {
            let minutes = if digits.len() >= 4 { &zone[3..5] } else { "00" };
            format!("{}{}:{minutes}", *sign as char, &zone[1..3])
        }
        _ => "Z".to_owned(),
    };
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{offset}"))
}

/// Page numbers by the pages' objects.
pub(crate) struct PageNumbers(HashMap<ObjectId, usize>);

impl PageNumbers {
    pub(crate) fn of(pages: &[Leaf]) -> Self {
        Self(pages.iter().enumerate().filter_map(|(at, page)| Some((page.id()?, at + 1))).collect())
    }

    /// The page that a destination leads to; destinations may be named.
    fn target(&self, file: &File, destinations: &Destinations, destination: &Object) -> Option<usize> {
        let mut destination = (*file.resolve(destination)).clone();
        for _ in 0..4 {
            destination = match destination {
                Object::Array(parts) => {
                    return match parts.first()? {
                        Object::Reference(id) => self.0.get(id).copied(),
                        Object::Integer(index) => usize::try_from(*index).ok().map(|index| index + 1),
                        _ => None,
                    };
                }
                Object::Name(name) | Object::String(name, _) => (*file.resolve(destinations.0.get(&name)?)).clone(),
                Object::Dictionary(dictionary) => (*file.entry(&dictionary, b"D")?).clone(),
                _ => return None,
            };
        }
        None
    }
}

/// Named destinations, of both kinds.
pub(crate) struct Destinations(HashMap<Vec<u8>, Object>);

impl Destinations {
    pub(crate) fn of(file: &File) -> Self {
        let mut named = HashMap::new();
        let catalog = file.catalog().unwrap_or_default();
        if let Some(dictionary) = file.dictionary_entry(&catalog, b"Dests") {
            named.extend(dictionary.iter().take(MAX_ENTRIES).map(|(key, value)| (key.clone(), value.clone())));
        }
        if let Some(tree) =
            file.dictionary_entry(&catalog, b"Names").and_then(|names| names.get(b"Dests").ok().cloned())
        {
            named.extend(name_tree(file, tree));
        }
        Self(named)
    }
}

/// The entries of a name tree.
fn name_tree(file: &File, root: Object) -> Vec<(Vec<u8>, Object)> {
    let mut entries = Vec::new();
    let mut seen = HashSet::new();
    let mut pending = vec![(root, 0)];
    while let Some((node, depth)) = pending.pop() {
        let id = node.as_reference().ok();
        if id.is_some_and(|id| !seen.insert(id)) || depth > MAX_DEPTH || entries.len() > MAX_ENTRIES {
            continue;
        }
        let Some(node) = file.dictionary(&node) else { continue };
        for pair in file.array_entry(&node, b"Names").unwrap_or_default().chunks_exact(2).take(MAX_ENTRIES) {
            if let Object::String(name, _) = &*file.resolve(&pair[0]) {
                entries.push((name.clone(), pair[1].clone()));
            }
        }
        let kids = file.array_entry(&node, b"Kids").unwrap_or_default();
        pending.extend(kids.into_iter().take(MAX_ENTRIES).map(|kid| (kid, depth + 1)));
    }
    entries
}

/// The outline, flat, with levels from 1.
pub(crate) fn outline(file: &File, numbers: &PageNumbers, destinations: &Destinations) -> Vec<OutlineItem> {
    let mut items = Vec::new();
    let mut seen = HashSet::new();
    let catalog = file.catalog().unwrap_or_default();
    let Some(root) = file.dictionary_entry(&catalog, b"Outlines") else { return items };
    let mut pending: Vec<(Object, usize)> =
        root.get(b"First").ok().map(|first| (first.clone(), 1)).into_iter().collect();
    while let Some((node, level)) = pending.pop() {
        let Ok(id) = node.as_reference() else { continue };
        if !seen.insert(id) || items.len() >= MAX_ENTRIES {
            continue;
        }
        let Some(item) = file.dictionary(&node) else { continue };
        let title = file.string_entry(&item, b"Title").map(|title| text_string(&title)).unwrap_or_default();
        let destination = item.get(b"Dest").ok().cloned().or_else(|| {
            let action = file.dictionary_entry(&item, b"A")?;
            action.get(b"D").ok().cloned()
        });
        let page = destination.and_then(|destination| numbers.target(file, destinations, &destination));
        items.push(OutlineItem { level, title: title.split_whitespace().collect::<Vec<_>>().join(" "), page });
        // The next sibling waits below the first child.
        pending.extend(item.get(b"Next").ok().map(|next| (next.clone(), level)));
        if level < MAX_DEPTH {
            pending.extend(item.get(b"First").ok().map(|first| (first.clone(), level + 1)));
        }
    }
    items
}

/// The links of a page.
pub(crate) fn links(file: &File, page: &Page, numbers: &PageNumbers, destinations: &Destinations) -> Vec<Link> {
    let to_view = page.to_view();
    let mut links = Vec::new();
    for annotation in page.annotations(file) {
        if file.name_entry(&annotation, b"Subtype").as_deref() != Some(b"Link") {
            continue;
        }
        let Some(bounds) = bounds(file, &annotation, to_view) else { continue };
        let action = file.dictionary_entry(&annotation, b"A").unwrap_or_default();
        let uri = file.string_entry(&action, b"URI").map(|uri| text_string(&uri));
        let destination = annotation.get(b"Dest").or_else(|_| action.get(b"D")).ok();
        let target = destination.and_then(|destination| numbers.target(file, destinations, destination));
        if uri.is_some() || target.is_some() {
            links.push(Link { bounds, uri, page: target });
        }
    }
    links
}

/// What readers wrote to a page: the contents of annotations that show them in a window of their own (ISO 32000-2,
/// 12.5.6), replies included. That of free text is on the page, and that of a link or a field is for those who cannot see it.
pub(crate) fn notes(file: &File, page: &Page) -> Vec<Note> {
    const HIDDEN: i64 = 1 << 1;
    let to_view = page.to_view();
    let mut notes = Vec::new();
    for annotation in page.annotations(file) {
        let is_note = matches!(
            file.name_entry(&annotation, b"Subtype").as_deref(),
            Some(
                b"Text"
                    | b"Highlight"
                    | b"Underline"
                    | b"Squiggly"
                    | b"StrikeOut"
                    | b"Caret"
                    | b"Stamp"
                    | b"Ink"
                    | b"Line"
                    | b"Square"
                    | b"Circle"
                    | b"Polygon"
                    | b"PolyLine"
                    | b"FileAttachment"
            )
        );
        // A reply that sets a state ("accepted by …") is no text of anybody's.
        let is_state = annotation.has(b"StateModel");
        let is_hidden = file.integer_entry(&annotation, b"F").unwrap_or(0) & HIDDEN != 0;
        if !is_note || is_state || is_hidden {
            continue;
        }
        let text = |key: &[u8]| {
            let text = file.string_entry(&annotation, key).map(|text| text_string(&text).replace('\r', "\n"));
            text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let (Some(text), author, Some(bounds)) = (text(b"Contents"), text(b"T"), bounds(file, &annotation, to_view))
        else {
            continue;
        };
        notes.push(Note { bounds, author, text });
    }
    notes
}

/// Where an annotation is on the page as it is shown.
fn bounds(file: &File, annotation: &Dictionary, to_view: Matrix) -> Option<Bounds> {
    let [x0, y0, x1, y1] = file.numbers::<4>(annotation, b"Rect")?;
    let (one, other) = (to_view.apply(x0, y0), to_view.apply(x1, y1));
    Some([one.0.min(other.0), one.1.min(other.1), one.0.max(other.0), one.1.max(other.1)])
}

/// Interactive form fields with their values.
pub(crate) fn fields(file: &File) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut seen = HashSet::new();
    let form = file.catalog().and_then(|catalog| file.dictionary_entry(&catalog, b"AcroForm")).unwrap_or_default();
    let roots = file.array_entry(&form, b"Fields").unwrap_or_default();
    let mut pending: Vec<(Object, String, Dictionary, usize)> =
        roots.into_iter().take(MAX_ENTRIES).rev().map(|root| (root, String::new(), Dictionary::new(), 0)).collect();
    while let Some((node, parent, inherited, depth)) = pending.pop() {
        let id = node.as_reference().ok();
        if id.is_some_and(|id| !seen.insert(id)) || depth > MAX_DEPTH || fields.len() >= MAX_ENTRIES {
            continue;
        }
        let Some(dictionary) = file.dictionary(&node) else { continue };
        let own_name = file.string_entry(&dictionary, b"T").map(|name| text_string(&name));
        let name = match &own_name {
            Some(own) if parent.is_empty() => own.clone(),
            Some(own) => format!("{parent}.{own}"),
            None => parent.clone(),
        };
        let mut inherited = inherited;
        for key in [&b"FT"[..], b"V", b"Ff"] {
            if let Ok(value) = dictionary.get(key) {
                inherited.set(key, value.clone());
            }
        }
        let kids = file.array_entry(&dictionary, b"Kids").unwrap_or_default();
        // Kids with names are fields; kids without are the places where this field is shown.
        let has_named_kids =
            kids.iter().take(MAX_ENTRIES).any(|kid| file.dictionary(kid).is_some_and(|kid| kid.has(b"T")));
        if has_named_kids {
            pending.extend(
                kids.into_iter().take(MAX_ENTRIES).rev().map(|kid| (kid, name.clone(), inherited.clone(), depth + 1)),
            );
            continue;
        }
        let kind = match file.name_entry(&inherited, b"FT").as_deref() {
            Some(b"Btn") => "button",
            Some(b"Tx") => "text",
            Some(b"Ch") => "choice",
            Some(b"Sig") => "signature",
            _ => continue,
        };
        let value = if kind == "signature" { None } else { field_value(file, &inherited) };
        fields.push(Field { name, kind, value });
    }
    fields
}

fn field_value(file: &File, field: &Dictionary) -> Option<String> {
    let text = |object: &Object| match object {
        Object::String(bytes, _) | Object::Name(bytes) => Some(text_string(bytes)),
        Object::Stream(stream) => file.decode(stream).map(|bytes| text_string(&bytes)),
        Object::Integer(value) => Some(value.to_string()),
        _ => None,
    };
    match &*file.entry(field, b"V")? {
        Object::Array(items) => {
            let values: Vec<String> = items.iter().take(1000).filter_map(|item| text(&file.resolve(item))).collect();
            Some(values.join(", "))
        }
        single => text(single),
    }
}

/// Names of embedded files.
pub(crate) fn attachments(file: &File) -> Vec<String> {
    let catalog = file.catalog().unwrap_or_default();
    let tree = file.dictionary_entry(&catalog, b"Names").and_then(|names| names.get(b"EmbeddedFiles").ok().cloned());
    let name = |(key, specification): (Vec<u8>, Object)| {
        let specification = file.dictionary(&specification).unwrap_or_default();
        let name = [&b"UF"[..], b"F"].into_iter().find_map(|key| file.string_entry(&specification, key));
        text_string(&name.unwrap_or(key))
    };
    tree.map(|tree| name_tree(file, tree).into_iter().map(name).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_rfc_3339() {
        for (date, expected) in [
            ("D:20260131123005+01'30'", Some("2026-01-31T12:30:05+01:30")),
            ("D:20260131123005Z", Some("2026-01-31T12:30:05Z")),
            ("D:2026", Some("2026-01-01T00:00:00Z")),
            ("19990209153925-08'00'", Some("1999-02-09T15:39:25-08:00")),
            ("D:20269931", None),
            ("yesterday", None),
        ] {
            assert_eq!(date_text(date).as_deref(), expected, "{date}");
        }
    }

    #[test]
    fn text_strings_are_read_in_each_of_their_encodings() {
        assert_eq!(text_string(b"\xFE\xFF\x00A\x20\xAC"), "A\u{20AC}");
        assert_eq!(text_string(b"\xEF\xBB\xBF\xC3\xA9"), "\u{E9}");
        assert_eq!(text_string(b"caf\xE9 \x84"), "caf\u{E9} \u{2014}");
    }
}
