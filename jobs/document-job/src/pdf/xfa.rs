//! The data of XFA forms (Adobe XML Forms Architecture 3.3): what was filled in stands as XML beside the pages.

use lopdf::Object;

use super::file::File;
use crate::document::Field;
use crate::office::xml::{Event, Scanner};

/// Fields of one form, and the depth of their names.
const MAX_FIELDS: usize = 50_000;
const MAX_DEPTH: usize = 32;

/// What a form holds.
pub(super) struct Form {
    pub(super) fields: Vec<Field>,
    /// Its pages are made by the reader from the form; those in the file only say so.
    pub(super) is_dynamic: bool,
}

pub(super) fn read(file: &File) -> Option<Form> {
    let catalog = file.catalog()?;
    let form = file.dictionary_entry(&catalog, b"AcroForm")?;
    let entry = file.entry(&form, b"XFA")?;
    let decode = |object: &Object| match object {
        Object::Stream(stream) => file.decode(stream).unwrap_or_default(),
        _ => Vec::new(),
    };
    // One stream, or names and streams in turn.
    let xml: Vec<u8> = match &*entry {
        Object::Array(parts) => parts.iter().take(1000).flat_map(|part| decode(&file.resolve(part))).collect(),
        single => decode(single),
    };
    let xml = String::from_utf8_lossy(&xml);
    let needs_rendering = file.entry(&catalog, b"NeedsRendering").is_some_and(|needs| *needs == Object::Boolean(true));
    let has_own_fields = file.array_entry(&form, b"Fields").is_some_and(|fields| !fields.is_empty());
    Some(Form { fields: data(&xml), is_dynamic: needs_rendering || !has_own_fields })
}

/// The elements below `xfa:data` that hold text.
fn data(xml: &str) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut depth = 0_usize;
    let mut text = String::new();
    for event in Scanner::new(xml) {
        match event {
            Event::Start(tag) if depth == 0 => depth = usize::from(tag.name() == "data" && tag.prefix() == "xfa"),
            Event::Start(tag) => {
                depth += 1;
                text.clear();
                if path.len() < MAX_DEPTH {
                    path.push(tag.name().to_owned());
                }
            }
            Event::Text(part) if depth > 1 => text.push_str(&part),
            Event::End(_) if depth > 0 => {
                let value = std::mem::take(&mut text);
                if depth > 1 && !value.trim().is_empty() && fields.len() < MAX_FIELDS {
                    fields.push(Field { name: path.join("."), kind: "xfa", value: Some(value.trim().to_owned()) });
                }
                depth -= 1;
                if depth > 0 && depth <= path.len() {
                    path.truncate(depth - 1);
                }
            }
            Event::Text(_) | Event::End(_) => {}
        }
    }
    fields
}
