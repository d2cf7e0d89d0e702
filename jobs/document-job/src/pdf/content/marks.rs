//! Marked content: hidden layers and the text that stands for a span's glyphs.

use std::collections::HashSet;

use lopdf::{Dictionary, Object, ObjectId};

use super::super::file::File;
use super::super::structure::text_string;
use super::{Glyph, Interpreter};

/// Marked-content sequences within each other that are kept.
const MAX_MARKS: usize = 10_000;

/// What marked content says of the glyphs within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tag {
    /// The number by which the structure tree refers to it, and the form whose content has it.
    pub(crate) number: Option<i64>,
    pub(crate) form: Option<ObjectId>,
    /// No part of the document: a running head, a page number, a watermark.
    pub(crate) is_artifact: bool,
}

/// Different tags of one page.
const MAX_TAGS: usize = 50_000;

/// A marked-content sequence.
pub(super) struct Mark {
    is_hidden: bool,
    /// The tag around it.
    outer: u32,
    /// Replacement of the text within, and how many glyphs there were before.
    pub(super) replacement: Option<(String, usize)>,
}

/// Layers that are off when the document is opened.
pub(super) fn hidden_layers(file: &File) -> HashSet<ObjectId> {
    let configuration = file.catalog().and_then(|catalog| {
        let properties = file.dictionary_entry(&catalog, b"OCProperties")?;
        Some((file.dictionary_entry(&properties, b"D")?, properties))
    });
    let Some((configuration, properties)) = configuration else { return HashSet::new() };
    let list = |dictionary: &Dictionary, key: &[u8]| -> HashSet<ObjectId> {
        let items = file.array_entry(dictionary, key).unwrap_or_default();
        items.iter().filter_map(|item| item.as_reference().ok()).collect()
    };
    if file.name_entry(&configuration, b"BaseState").as_deref() == Some(b"OFF") {
        let on = list(&configuration, b"ON");
        return list(&properties, b"OCGs").into_iter().filter(|id| !on.contains(id)).collect();
    }
    list(&configuration, b"OFF")
}

impl Interpreter<'_, '_> {
    pub(super) fn begin_plain_mark(&mut self, operands: &[Object]) {
        if self.marks.len() < MAX_MARKS {
            let outer = self.tag;
            if matches!(operands.last(), Some(Object::Name(tag)) if tag == b"Artifact") {
                self.begin_tag(Tag { is_artifact: true, ..Tag::default() });
            }
            self.marks.push(Mark { is_hidden: false, outer, replacement: None });
        } else {
            self.marks_beyond += 1;
        }
    }

    pub(super) fn begin_mark(&mut self, operands: &[Object], resources: &Dictionary) {
        let [Object::Name(tag), properties, ..] = operands else {
            self.begin_plain_mark(operands);
            return;
        };
        let entry = match properties {
            Object::Name(name) => self.file.resource(resources, b"Properties", name),
            direct => Some(direct.clone()),
        };
        let is_hidden = tag == b"OC" && entry.as_ref().is_some_and(|entry| self.is_hidden(entry));
        if self.marks.len() >= MAX_MARKS {
            self.marks_beyond += 1;
            return;
        }
        self.hidden_marks += usize::from(is_hidden);
        let properties = entry.and_then(|entry| self.file.dictionary(&entry));
        let outer = self.tag;
        if tag == b"Artifact" {
            self.begin_tag(Tag { is_artifact: true, ..Tag::default() });
        } else if let Some(number) =
            properties.as_ref().and_then(|properties| self.file.integer_entry(properties, b"MCID"))
        {
            let form = self.forms.last().copied();
            self.begin_tag(Tag { number: Some(number), form, is_artifact: false });
        }
        let replacement = properties
            .and_then(|dictionary| self.file.string_entry(&dictionary, b"ActualText"))
            .map(|text| (text_string(&text), self.shown.glyphs.len()));
        self.replaced += usize::from(replacement.is_some());
        self.marks.push(Mark { is_hidden, outer, replacement });
    }

    fn begin_tag(&mut self, tag: Tag) {
        if self.shown.tags.last() != Some(&tag) && self.shown.tags.len() < MAX_TAGS {
            self.shown.tags.push(tag);
        }
        self.tag = self.shown.tags.len() as u32 - 1;
    }

    pub(super) fn is_hidden(&self, layer: &Object) -> bool {
        if layer.as_reference().is_ok_and(|id| self.resources.hidden.contains(&id)) {
            return true;
        }
        let Some(dictionary) = self.file.dictionary(layer) else { return false };
        if !dictionary.has_type(b"OCMD") {
            return false;
        }
        let members = match dictionary.get(b"OCGs") {
            Ok(single @ Object::Reference(id)) => match &*self.file.resolve(single) {
                Object::Array(items) => items.clone(),
                _ => vec![Object::Reference(*id)],
            },
            Ok(Object::Array(items)) => items.clone(),
            _ => return false,
        };
        let is_off = |member: &Object| member.as_reference().is_ok_and(|id| self.resources.hidden.contains(&id));
        match self.file.name_entry(&dictionary, b"P").as_deref() {
            Some(b"AllOn") => members.iter().any(is_off),
            Some(b"AnyOff") => !members.iter().any(is_off),
            Some(b"AllOff") => !members.iter().all(is_off),
            _ => !members.is_empty() && members.iter().all(is_off),
        }
    }

    pub(super) fn end_mark(&mut self) {
        if self.marks_beyond > 0 {
            self.marks_beyond -= 1;
            return;
        }
        let Some(mark) = self.marks.pop() else { return };
        self.hidden_marks -= usize::from(mark.is_hidden);
        self.tag = mark.outer;
        let Some((text, from)) = mark.replacement else { return };
        self.replaced -= 1;
        let glyphs = self.shown.glyphs.get(from..).unwrap_or_default();
        let (Some(first), Some(last)) = (glyphs.first().cloned(), glyphs.last()) else { return };
        let has_unknown = glyphs.iter().any(|glyph| glyph.start == glyph.end);
        let (dx, dy) = (last.x + last.dx - first.x, last.y + last.dy - first.y);
        let is_one_line = (last.y - first.y).abs() < first.size * 0.5 && dx.hypot(dy) < first.size * 40.0;
        let is_one_word = text.split_whitespace().count() <= 1;
        // A replacement of more than a word loses the places of the words, so it counts only where nothing else is known.
        if !is_one_line || !(is_one_word || has_unknown) {
            if self.replaced == 0 {
                self.shown.forget_unknown(from);
            }
            return;
        }
        self.shown.glyphs.truncate(from);
        if is_one_word {
            // The whole text stands on the first glyph, which reaches to where the last one ends.
            if !text.is_empty() {
                let (start, end) = self.keep_text(&text);
                self.shown.glyphs.push(Glyph { start, end, dx, dy, ..first });
            }
            return;
        }
        let count = text.chars().count() as f32;
        let (dx, dy) = (dx / count, dy / count);
        for (at, char) in text.chars().enumerate() {
            let (start, end) = self.keep_text(char.encode_utf8(&mut [0; 4]));
            let (x, y) = (first.x + dx * at as f32, first.y + dy * at as f32);
            self.shown.glyphs.push(Glyph { start, end, x, y, dx, dy, ..first.clone() });
        }
    }

    fn keep_text(&mut self, text: &str) -> (u32, u32) {
        let start = self.shown.text.len() as u32;
        self.shown.text.push_str(text);
        (start, self.shown.text.len() as u32)
    }
}
