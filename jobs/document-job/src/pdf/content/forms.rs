//! Forms that content draws, and the appearances of annotations.

use std::sync::Arc;

use lopdf::{Dictionary, Object, ObjectId};

use super::super::font::Font;
use super::super::scan::MOST_IMAGES;
use super::super::structure::text_string;
use super::{FORM_COST, Image, Interpreter, MAX_FORM_DEPTH, Matrix};

impl Interpreter<'_, '_> {
    pub(super) fn x_object(&mut self, resources: &Dictionary, name: &[u8]) {
        let Some(Object::Reference(id)) = self.file.resource(resources, b"XObject", name) else { return };
        let object = self.file.get(id);
        let Object::Stream(stream) = &*object else { return };
        if stream.dict.get(b"OC").is_ok_and(|layer| self.is_hidden(layer)) {
            return;
        }
        if self.file.name_entry(&stream.dict, b"Subtype").as_deref() == Some(b"Image") {
            if self.hidden_marks == 0 {
                self.shown.has_images = true;
                self.image(id, &stream.dict);
            }
            return;
        }
        self.form(id, stream, resources);
    }

    /// Takes down a picture, and where it is on the page: the unit square of the space that it is drawn in.
    fn image(&mut self, id: ObjectId, dictionary: &Dictionary) {
        let length = |key| self.file.integer_entry(dictionary, key).and_then(|length| u32::try_from(length).ok());
        let Some(size) = length(b"Width").zip(length(b"Height")) else { return };
        if self.shown.images.len() < MOST_IMAGES {
            self.shown.images.push(Image { id, size, place: self.state.ctm });
        }
    }

    fn form(&mut self, id: ObjectId, stream: &lopdf::Stream, resources: &Dictionary) {
        if self.forms.len() >= MAX_FORM_DEPTH || self.forms.contains(&id) {
            self.shown.is_partial = true;
            return;
        }
        self.operators += FORM_COST;
        let Some(content) = self.file.decode(stream) else { return };
        let matrix = self.file.numbers::<6>(&stream.dict, b"Matrix").map_or(Matrix::IDENTITY, Matrix);
        let own = self.file.dictionary_entry(&stream.dict, b"Resources");
        let state = self.state.clone();
        let (saved, beyond) = (std::mem::take(&mut self.saved), std::mem::take(&mut self.saved_beyond));
        let marks = std::mem::take(&mut self.marks);
        let counts = (self.hidden_marks, std::mem::take(&mut self.marks_beyond), self.replaced);
        self.state.ctm = matrix.then(self.state.ctm);
        let fonts = std::mem::take(&mut self.fonts);
        let tag = self.tag;
        self.path.clear();
        self.forms.push(id);
        self.run(&content, own.as_ref().unwrap_or(resources));
        self.forms.pop();
        self.fonts = fonts;
        self.tag = tag;
        (self.state, self.saved, self.saved_beyond, self.marks) = (state, saved, beyond, marks);
        (self.hidden_marks, self.marks_beyond, self.replaced) = counts;
    }

    /// Draws an annotation's normal appearance into its rectangle (ISO 32000-2, 12.5.5).
    pub(super) fn annotation(&mut self, annotation: &Dictionary) {
        let flags = self.file.integer_entry(annotation, b"F").unwrap_or(0);
        let subtype = self.file.name_entry(annotation, b"Subtype").unwrap_or_default();
        // Hidden, or not to be seen on the page.
        if flags & 0b10_0010 != 0 || matches!(subtype.as_slice(), b"Popup" | b"Link") {
            return;
        }
        if annotation.get(b"OC").is_ok_and(|layer| self.is_hidden(layer)) {
            return;
        }
        self.in_field = subtype == b"Widget";
        let Some(appearances) = self.file.dictionary_entry(annotation, b"AP") else {
            self.annotation_without_appearance(annotation, &subtype);
            return;
        };
        let mut entry = match appearances.get(b"N") {
            Ok(entry) => entry.clone(),
            Err(_) => return,
        };
        if let Object::Dictionary(states) = &*self.file.resolve(&entry) {
            let state = self.file.name_entry(annotation, b"AS").unwrap_or_else(|| b"Off".to_vec());
            match states.get(&state) {
                Ok(of_state) => entry = of_state.clone(),
                Err(_) => return,
            }
        }
        let Object::Reference(id) = entry else { return };
        let object = self.file.get(id);
        let Object::Stream(stream) = &*object else { return };
        let Some(rectangle) = self.file.numbers::<4>(annotation, b"Rect") else { return };
        let bounds = self.file.numbers::<4>(&stream.dict, b"BBox").unwrap_or([0.0, 0.0, 1.0, 1.0]);
        let matrix = self.file.numbers::<6>(&stream.dict, b"Matrix").map_or(Matrix::IDENTITY, Matrix);
        let corners = [(0, 1), (2, 1), (0, 3), (2, 3)].map(|(x, y)| matrix.apply(bounds[x], bounds[y]));
        let low = corners.iter().fold((f32::MAX, f32::MAX), |low, corner| (low.0.min(corner.0), low.1.min(corner.1)));
        let high =
            corners.iter().fold((f32::MIN, f32::MIN), |high, corner| (high.0.max(corner.0), high.1.max(corner.1)));
        let (left, bottom) = (rectangle[0].min(rectangle[2]), rectangle[1].min(rectangle[3]));
        let scale = |target: f32, source: f32| if source > 0.0 { target / source } else { 1.0 };
        let x = scale((rectangle[2] - rectangle[0]).abs(), high.0 - low.0);
        let y = scale((rectangle[3] - rectangle[1]).abs(), high.1 - low.1);
        let fit = Matrix([x, 0.0, 0.0, y, left - low.0 * x, bottom - low.1 * y]);
        self.state.ctm = fit.then(self.state.ctm);
        self.form(id, stream, &Dictionary::new());
    }

    /// Free text and text fields whose appearance is left to the reader: their lines, in Helvetica.
    fn annotation_without_appearance(&mut self, annotation: &Dictionary, subtype: &[u8]) {
        let is_field_of = |kind: &[u8]| {
            self.field_entry(annotation, b"FT").is_some_and(|entry| *entry == Object::Name(kind.to_vec()))
        };
        let text = match subtype {
            b"FreeText" => self.field_entry(annotation, b"Contents"),
            b"Widget" if is_field_of(b"Tx") || is_field_of(b"Ch") => self.field_entry(annotation, b"V"),
            b"Widget" if is_field_of(b"Btn") => self.button(annotation).map(Arc::new),
            _ => return,
        };
        let Some(Object::String(text, _)) = text.as_deref().cloned() else { return };
        let Some([x0, y0, x1, y1]) = self.file.numbers::<4>(annotation, b"Rect") else { return };
        let mut font = Dictionary::new();
        font.set("Type", Object::Name(b"Font".to_vec()));
        font.set("Subtype", Object::Name(b"Type1".to_vec()));
        font.set("BaseFont", Object::Name(b"Helvetica".to_vec()));
        font.set("Encoding", Object::Name(b"WinAnsiEncoding".to_vec()));
        let style = self.style(&Font::load(self.file, &font));
        let text = text_string(&text);
        let lines: Vec<&str> = text.lines().take(1000).collect();
        let (left, top) = (x0.min(x1), y0.max(y1));
        let size = ((y1 - y0).abs() / lines.len().max(1) as f32 * 0.8).clamp(4.0, 12.0);
        for (row, line) in lines.iter().enumerate() {
            for (column, char) in line.chars().take(2000).enumerate() {
                let pen =
                    self.state.ctm.apply(left + column as f32 * size * 0.5, top - (row as f32 + 1.0) * size * 1.1);
                let [a, b, ..] = self.state.ctm.0;
                let step = (a * size * 0.5, b * size * 0.5);
                self.emit(Some(char.encode_utf8(&mut [0; 4])), pen, step, [size, size], 0.0, style);
            }
        }
    }

    /// What a box or a radio button shows: whether it is ticked. A push button shows nothing that was filled in.
    fn button(&self, annotation: &Dictionary) -> Option<Object> {
        const PUSH_BUTTON: i64 = 1 << 16;
        let flags = self.field_entry(annotation, b"Ff").and_then(|flags| flags.as_i64().ok()).unwrap_or(0);
        if flags & PUSH_BUTTON != 0 {
            return None;
        }
        let state =
            self.file.name_entry(annotation, b"AS").or_else(|| match self.field_entry(annotation, b"V").as_deref() {
                Some(Object::Name(name)) => Some(name.clone()),
                _ => None,
            });
        let is_on = state.is_some_and(|state| state != b"Off" && !state.is_empty());
        // U+2612 and U+2610.
        let sign: &[u8] = if is_on { &[0xFE, 0xFF, 0x26, 0x12] } else { &[0xFE, 0xFF, 0x26, 0x10] };
        Some(Object::string_literal(sign))
    }

    /// An entry of a field, which may stand in a field above it.
    fn field_entry(&self, field: &Dictionary, key: &[u8]) -> Option<Arc<Object>> {
        let mut field = field.clone();
        for _ in 0..16 {
            if let Some(value) = self.file.entry(&field, key) {
                return Some(value);
            }
            field = self.file.dictionary_entry(&field, b"Parent")?;
        }
        None
    }
}
