//! Carries out a page's content streams as far as they show text (ISO 32000-2, 8 and 9): glyphs with their places.
//!
//! Work is bounded: operators and glyphs of a page, forms within forms, and the depth of saved states.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use lopdf::{Dictionary, Object, ObjectId};

use super::file::File;
use super::font::Font;
use super::lexer::{Lexer, Token, is_space};
use super::page_tree::Page;

/// Operators that are carried out for one page. The busiest maps have some 3 million.
const MAX_OPERATORS: usize = 10_000_000;
/// Glyphs of one page; a broadsheet has some 50,000.
const MAX_GLYPHS: usize = 1_000_000;
/// Forms within forms.
const MAX_FORM_DEPTH: usize = 24;
/// What beginning a form costs, in operators: it is looked up, decoded and set up.
const FORM_COST: usize = 200;
/// Saved graphics states; further ones are counted only.
const MAX_SAVED: usize = 256;
/// Operands of one operator that are kept.
const MAX_OPERANDS: usize = 64;

/// An affine map `[a b c d e f]`: x' = a x + c y + e, y' = b x + d y + f.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Matrix(pub(crate) [f32; 6]);

impl Matrix {
    pub(crate) const IDENTITY: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    /// First this, then the other.
    pub(crate) fn then(self, other: Self) -> Self {
        let ([a, b, c, d, e, f], [oa, ob, oc, od, oe, of]) = (self.0, other.0);
        Self([
            a * oa + b * oc,
            a * ob + b * od,
            c * oa + d * oc,
            c * ob + d * od,
            e * oa + f * oc + oe,
            e * ob + f * od + of,
        ])
    }

    pub(crate) fn apply(self, x: f32, y: f32) -> (f32, f32) {
        let [a, b, c, d, e, f] = self.0;
        (a * x + c * y + e, b * x + d * y + f)
    }
}

/// A glyph on a page, in points from the page's upper left corner as it is shown, y downwards.
#[derive(Debug, Clone)]
pub(crate) struct Glyph {
    /// Its text: a range of [`Shown::text`].
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// The pen before and after it.
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) dx: f32,
    pub(crate) dy: f32,
    /// Font size on the page.
    pub(crate) size: f32,
    /// Space between characters that the content asks for and that is not part of the advance.
    pub(crate) spacing: f32,
    /// Index into [`Shown::styles`].
    pub(crate) style: u16,
}

/// What glyphs share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Style {
    /// Fractions of the font size above and below the baseline.
    pub(crate) ascent: f32,
    pub(crate) descent: f32,
    pub(crate) is_bold: bool,
    pub(crate) is_italic: bool,
    pub(crate) is_monospace: bool,
    pub(crate) is_vertical: bool,
    /// Neither filled nor stroked: text behind a scan.
    pub(crate) is_invisible: bool,
}

/// Everything that a page's content shows.
#[derive(Default)]
pub(crate) struct Shown {
    pub(crate) text: String,
    pub(crate) glyphs: Vec<Glyph>,
    pub(crate) styles: Vec<Style>,
    /// Glyphs of which it is not known what they mean.
    pub(crate) unknown_glyphs: usize,
    pub(crate) has_images: bool,
    pub(crate) has_drawings: bool,
    /// A limit was reached.
    pub(crate) is_partial: bool,
    /// Ruled lines, horizontal and vertical, of use for tables: x0, y0, x1, y1.
    pub(crate) rules: Vec<[f32; 4]>,
}

/// Fonts and hidden layers of a file, kept from page to page.
pub(crate) struct Resources {
    fonts: HashMap<ObjectId, Arc<Font>>,
    hidden: HashSet<ObjectId>,
}

impl Resources {
    pub(crate) fn of(file: &File) -> Self {
        Self { fonts: HashMap::new(), hidden: hidden_layers(file) }
    }
}

/// Layers that are off when the document is opened.
fn hidden_layers(file: &File) -> HashSet<ObjectId> {
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

/// Shows a page, with the appearances of its annotations.
pub(crate) fn show_page(file: &File, page: &Page, resources: &mut Resources) -> Shown {
    let mut interpreter = Interpreter {
        file,
        resources,
        shown: Shown::default(),
        state: State::new(page.to_view()),
        saved: Vec::new(),
        saved_beyond: 0,
        operators: 0,
        forms: Vec::new(),
        marks: Vec::new(),
        hidden_marks: 0,
        bounds: page.size(),
        path: Path::default(),
    };
    let content = page.content(file);
    interpreter.run(&content, &page.resources);
    drop(content);
    for annotation in &page.annotations(file) {
        interpreter.reset(page.to_view());
        interpreter.annotation(annotation);
    }
    interpreter.shown
}

#[derive(Clone)]
struct State {
    ctm: Matrix,
    font: Option<Arc<Font>>,
    size: f32,
    character_spacing: f32,
    word_spacing: f32,
    scale: f32,
    leading: f32,
    rise: f32,
    mode: i64,
    text: Matrix,
    line: Matrix,
}

impl State {
    fn new(ctm: Matrix) -> Self {
        Self {
            ctm,
            font: None,
            size: 0.0,
            character_spacing: 0.0,
            word_spacing: 0.0,
            scale: 1.0,
            leading: 0.0,
            rise: 0.0,
            mode: 0,
            text: Matrix::IDENTITY,
            line: Matrix::IDENTITY,
        }
    }
}

/// A marked-content sequence.
struct Mark {
    is_hidden: bool,
    /// Replacement of the text within, and how many glyphs and bytes there were before.
    replacement: Option<(String, usize)>,
}

#[derive(Default)]
struct Path {
    start: (f32, f32),
    current: (f32, f32),
    lines: Vec<[f32; 4]>,
}

struct Interpreter<'a, 'b> {
    file: &'a File<'b>,
    resources: &'a mut Resources,
    shown: Shown,
    state: State,
    saved: Vec<State>,
    saved_beyond: usize,
    operators: usize,
    forms: Vec<ObjectId>,
    marks: Vec<Mark>,
    hidden_marks: usize,
    bounds: (f32, f32),
    path: Path,
}

impl Interpreter<'_, '_> {
    fn reset(&mut self, ctm: Matrix) {
        self.state = State::new(ctm);
        self.saved.clear();
        self.saved_beyond = 0;
        self.marks.clear();
        self.hidden_marks = 0;
    }

    fn run(&mut self, content: &[u8], resources: &Dictionary) {
        let mut lexer = Lexer::of_content(content);
        let mut operands: Vec<Object> = Vec::new();
        while let Some(token) = lexer.token() {
            match token {
                Token::Object(object) => {
                    if operands.len() < MAX_OPERANDS {
                        operands.push(object);
                    }
                }
                Token::Keyword(operator) => {
                    self.operators += 1;
                    if self.operators > MAX_OPERATORS || self.shown.glyphs.len() > MAX_GLYPHS {
                        self.shown.is_partial = true;
                        return;
                    }
                    if operator == b"BI" {
                        skip_inline_image(&mut lexer);
                        self.shown.has_images |= self.hidden_marks == 0;
                    } else {
                        self.operate(operator, &operands, resources);
                    }
                    operands.clear();
                }
                Token::ArrayEnd | Token::DictionaryEnd => {}
            }
        }
    }

    fn operate(&mut self, operator: &[u8], operands: &[Object], resources: &Dictionary) {
        match operator {
            b"q" => {
                if self.saved.len() < MAX_SAVED {
                    self.saved.push(self.state.clone());
                } else {
                    self.saved_beyond += 1;
                }
            }
            b"Q" => {
                if self.saved_beyond > 0 {
                    self.saved_beyond -= 1;
                } else if let Some(state) = self.saved.pop() {
                    // Q may stand within a text object; the text matrices are not part of what it restores.
                    let (text, line) = (self.state.text, self.state.line);
                    self.state = State { text, line, ..state };
                }
            }
            b"cm" => {
                if let Some(matrix) = numbers::<6>(operands) {
                    self.state.ctm = Matrix(matrix).then(self.state.ctm);
                }
            }
            b"BT" => {
                self.state.text = Matrix::IDENTITY;
                self.state.line = Matrix::IDENTITY;
            }
            b"Tc" => set(&mut self.state.character_spacing, operands),
            b"Tw" => set(&mut self.state.word_spacing, operands),
            b"TL" => set(&mut self.state.leading, operands),
            b"Ts" => set(&mut self.state.rise, operands),
            b"Tz" => {
                if let Some([scale]) = numbers(operands) {
                    self.state.scale = scale / 100.0;
                }
            }
            b"Tr" => {
                if let Some(Object::Integer(mode)) = operands.first() {
                    self.state.mode = *mode;
                }
            }
            b"Tf" => {
                if let [Object::Name(name), size, ..] = operands {
                    self.set_font(resources, name);
                    self.state.size = size.as_float().unwrap_or(0.0);
                }
            }
            b"Td" => {
                if let Some([x, y]) = numbers(operands) {
                    self.next_line(x, y);
                }
            }
            b"TD" => {
                if let Some([x, y]) = numbers(operands) {
                    self.state.leading = -y;
                    self.next_line(x, y);
                }
            }
            b"Tm" => {
                if let Some(matrix) = numbers::<6>(operands) {
                    self.state.line = Matrix(matrix);
                    self.state.text = self.state.line;
                }
            }
            b"T*" => self.next_line(0.0, -self.state.leading),
            b"Tj" => {
                if let Some(Object::String(string, _)) = operands.last() {
                    self.show(string);
                }
            }
            b"'" => {
                self.next_line(0.0, -self.state.leading);
                if let Some(Object::String(string, _)) = operands.last() {
                    self.show(string);
                }
            }
            b"\"" => {
                if let [word, character, Object::String(string, _)] = operands {
                    self.state.word_spacing = word.as_float().unwrap_or(0.0);
                    self.state.character_spacing = character.as_float().unwrap_or(0.0);
                    self.next_line(0.0, -self.state.leading);
                    self.show(string);
                }
            }
            b"TJ" => {
                if let Some(Object::Array(items)) = operands.last() {
                    for item in items {
                        match item {
                            Object::String(string, _) => self.show(string),
                            Object::Integer(_) | Object::Real(_) => self.adjust(item.as_float().unwrap_or(0.0)),
                            _ => {}
                        }
                    }
                }
            }
            b"Do" => {
                if let Some(Object::Name(name)) = operands.last() {
                    self.x_object(resources, name);
                }
            }
            b"gs" => {
                if let Some(Object::Name(name)) = operands.last() {
                    self.graphics_state(resources, name);
                }
            }
            b"BMC" => self.marks.push(Mark { is_hidden: false, replacement: None }),
            b"BDC" => self.begin_mark(operands, resources),
            b"EMC" => self.end_mark(),
            b"m" | b"l" | b"re" => self.path_step(operator, operands),
            b"S" | b"s" | b"f" | b"F" | b"f*" | b"B" | b"B*" | b"b" | b"b*" => {
                self.shown.has_drawings |= self.hidden_marks == 0;
                self.keep_rules();
            }
            b"sh" => self.shown.has_drawings |= self.hidden_marks == 0,
            b"n" => self.path.lines.clear(),
            _ => {}
        }
    }

    // --- text ---

    fn next_line(&mut self, x: f32, y: f32) {
        self.state.line = Matrix([1.0, 0.0, 0.0, 1.0, x, y]).then(self.state.line);
        self.state.text = self.state.line;
    }

    /// Moves the pen by an amount of unscaled text space.
    fn advance(&mut self, x: f32, y: f32) {
        let matrix = &mut self.state.text.0;
        matrix[4] += x * matrix[0] + y * matrix[2];
        matrix[5] += x * matrix[1] + y * matrix[3];
    }

    fn adjust(&mut self, amount: f32) {
        let amount = -amount / 1000.0 * self.state.size;
        if self.state.font.as_ref().is_some_and(|font| font.is_vertical) {
            self.advance(0.0, amount);
        } else {
            self.advance(amount * self.state.scale, 0.0);
        }
    }

    fn set_font(&mut self, resources: &Dictionary, name: &[u8]) {
        let Some(fonts) = self.file.dictionary_entry(resources, b"Font") else { return };
        let Ok(entry) = fonts.get(name) else { return };
        self.use_font(entry);
    }

    fn use_font(&mut self, entry: &Object) {
        let id = entry.as_reference().ok();
        if let Some(font) = id.and_then(|id| self.resources.fonts.get(&id)) {
            self.state.font = Some(Arc::clone(font));
            return;
        }
        let Some(dictionary) = self.file.dictionary(entry) else { return };
        let font = Arc::new(Font::load(self.file, &dictionary));
        if let Some(id) = id {
            self.resources.fonts.insert(id, Arc::clone(&font));
        }
        self.state.font = Some(font);
    }

    fn graphics_state(&mut self, resources: &Dictionary, name: &[u8]) {
        let states = self.file.dictionary_entry(resources, b"ExtGState");
        let state = states.and_then(|states| self.file.dictionary_entry(&states, name));
        let font = state.and_then(|state| self.file.array_entry(&state, b"Font"));
        if let Some([font, size]) = font.as_deref() {
            self.state.size = self.file.resolve(size).as_float().unwrap_or(0.0);
            self.use_font(font);
        }
    }

    fn show(&mut self, string: &[u8]) {
        let Some(font) = self.state.font.clone() else { return };
        let style = self.style(&font);
        let hidden = self.hidden_marks > 0;
        font.show(string, |glyph| {
            if self.shown.glyphs.len() > MAX_GLYPHS {
                return;
            }
            let state = &self.state;
            let unit = font.matrix.map_or(0.001, |matrix| matrix[0]);
            let spacing = state.character_spacing + if glyph.is_word_space { state.word_spacing } else { 0.0 };
            let width = glyph.advance * unit * state.size;
            let map = state.text.then(state.ctm);
            let [a, b, c, d, ..] = map.0;
            let (pen, step) = if font.is_vertical {
                // The pen of a vertical glyph is at the middle of its upper edge.
                (map.apply(0.0, state.rise), (c * width, d * width))
            } else {
                (map.apply(0.0, state.rise), (a * width * state.scale, b * width * state.scale))
            };
            let size = state.size.abs() * if font.is_vertical { a.hypot(b) } else { c.hypot(d) };
            // A Type 3 font of size 1 whose glyphs are 100 units high looks like one of size 100.
            let size = if font.matrix.is_some() { size * type3_height(&font) } else { size };
            if !hidden {
                let spacing = spacing * if font.is_vertical { c.hypot(d) } else { a.hypot(b) * state.scale };
                self.emit(glyph.text.as_deref(), pen, step, size, spacing, style);
            }
            if font.is_vertical {
                self.advance(0.0, width + spacing);
            } else {
                let x = (width + spacing) * self.state.scale;
                self.advance(x, 0.0);
            }
        });
    }

    fn emit(&mut self, text: Option<&str>, pen: (f32, f32), step: (f32, f32), size: f32, spacing: f32, style: u16) {
        let is_sound = pen.0.is_finite() && pen.1.is_finite() && step.0.is_finite() && step.1.is_finite();
        if !is_sound || !size.is_finite() || size <= 0.0 {
            return;
        }
        // What lies outside of the page is not shown.
        let margin = size * 0.5;
        let (end_x, end_y) = (pen.0 + step.0, pen.1 + step.1);
        if pen.0.max(end_x) < -margin
            || pen.0.min(end_x) > self.bounds.0 + margin
            || pen.1.max(end_y) < -margin
            || pen.1.min(end_y) > self.bounds.1 + size
        {
            return;
        }
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            self.shown.unknown_glyphs += usize::from(text.is_none());
            return;
        };
        let start = self.shown.text.len() as u32;
        self.shown.text.push_str(text);
        let end = self.shown.text.len() as u32;
        let (x, y) = pen;
        let (dx, dy) = step;
        self.shown.glyphs.push(Glyph { start, end, x, y, dx, dy, size, spacing, style });
    }

    fn style(&mut self, font: &Font) -> u16 {
        let height = if font.matrix.is_some() { type3_height(font) * 1000.0 } else { 1000.0 };
        let style = Style {
            ascent: if font.is_vertical { 0.5 } else { font.ascent / height },
            descent: if font.is_vertical { -0.5 } else { font.descent / height },
            is_bold: font.is_bold || self.state.mode == 2,
            is_italic: font.is_italic,
            is_monospace: font.is_monospace,
            is_vertical: font.is_vertical,
            is_invisible: matches!(self.state.mode, 3 | 7),
        };
        let styles = &mut self.shown.styles;
        let at = styles.iter().rposition(|known| *known == style).unwrap_or_else(|| {
            if styles.len() < 4096 {
                styles.push(style);
            }
            styles.len() - 1
        });
        at as u16
    }

    // --- marked content ---

    fn begin_mark(&mut self, operands: &[Object], resources: &Dictionary) {
        let [Object::Name(tag), properties, ..] = operands else {
            self.marks.push(Mark { is_hidden: false, replacement: None });
            return;
        };
        let entry = match properties {
            Object::Name(name) => self
                .file
                .dictionary_entry(resources, b"Properties")
                .and_then(|properties| properties.get(name).ok().cloned()),
            direct => Some(direct.clone()),
        };
        let is_hidden = tag == b"OC" && entry.as_ref().is_some_and(|entry| self.is_hidden(entry));
        self.hidden_marks += usize::from(is_hidden);
        let replacement = entry
            .and_then(|entry| self.file.dictionary(&entry))
            .and_then(|dictionary| self.file.string_entry(&dictionary, b"ActualText"))
            .map(|text| (super::structure::text_string(&text), self.shown.glyphs.len()));
        if self.marks.len() < 10_000 {
            self.marks.push(Mark { is_hidden, replacement });
        }
    }

    fn is_hidden(&self, layer: &Object) -> bool {
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

    fn end_mark(&mut self) {
        let Some(mark) = self.marks.pop() else { return };
        self.hidden_marks -= usize::from(mark.is_hidden);
        let Some((text, from)) = mark.replacement else { return };
        let count = self.shown.glyphs.len();
        let [first, .., last] = self.shown.glyphs.get(from..).unwrap_or_default() else {
            if count == from + 1 {
                let range = self.keep_text(&text);
                (self.shown.glyphs[from].start, self.shown.glyphs[from].end) = range;
            }
            return;
        };
        // Replacements of more than a word or line would lose the places of the words.
        let (dx, dy) = (last.x + last.dx - first.x, last.y + last.dy - first.y);
        let is_one_line = (last.y - first.y).abs() < first.size * 0.5 && dx.hypot(dy) < first.size * 40.0;
        if !is_one_line || text.split_whitespace().count() > 1 {
            return;
        }
        // The whole text stands on the first glyph, which reaches to where the last one ends.
        let (start, end) = self.keep_text(&text);
        let first = &mut self.shown.glyphs[from];
        (first.start, first.end, first.dx, first.dy) = (start, end, dx, dy);
        self.shown.glyphs.truncate(from + 1);
    }

    fn keep_text(&mut self, text: &str) -> (u32, u32) {
        let start = self.shown.text.len() as u32;
        self.shown.text.push_str(text);
        (start, self.shown.text.len() as u32)
    }

    // --- forms and annotations ---

    fn x_object(&mut self, resources: &Dictionary, name: &[u8]) {
        let Some(objects) = self.file.dictionary_entry(resources, b"XObject") else { return };
        let Ok(Object::Reference(id)) = objects.get(name) else { return };
        let object = self.file.get(*id);
        let Object::Stream(stream) = &*object else { return };
        if stream.dict.get(b"OC").is_ok_and(|layer| self.is_hidden(layer)) {
            return;
        }
        if self.file.name_entry(&stream.dict, b"Subtype").as_deref() == Some(b"Image") {
            self.shown.has_images |= self.hidden_marks == 0;
            return;
        }
        self.form(*id, stream, resources);
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
        let (marks, hidden) = (std::mem::take(&mut self.marks), self.hidden_marks);
        self.state.ctm = matrix.then(self.state.ctm);
        self.forms.push(id);
        self.run(&content, own.as_ref().unwrap_or(resources));
        self.forms.pop();
        (self.state, self.saved, self.saved_beyond, self.marks, self.hidden_marks) =
            (state, saved, beyond, marks, hidden);
    }

    /// Draws an annotation's normal appearance into its rectangle (ISO 32000-2, 12.5.5).
    fn annotation(&mut self, annotation: &Dictionary) {
        let flags = self.file.integer_entry(annotation, b"F").unwrap_or(0);
        let subtype = self.file.name_entry(annotation, b"Subtype").unwrap_or_default();
        // Hidden, or not to be seen on the page.
        if flags & 0b10_0010 != 0 || matches!(subtype.as_slice(), b"Popup" | b"Link") {
            return;
        }
        if annotation.get(b"OC").is_ok_and(|layer| self.is_hidden(layer)) {
            return;
        }
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
        let key: &[u8] = match subtype {
            b"FreeText" => b"Contents",
            b"Widget"
                if self.field_entry(annotation, b"FT").is_some_and(|kind| *kind == Object::Name(b"Tx".to_vec())) =>
            {
                b"V"
            }
            _ => return,
        };
        let Some(Object::String(text, _)) = self.field_entry(annotation, key).as_deref().cloned() else { return };
        let Some([x0, y0, x1, y1]) = self.file.numbers::<4>(annotation, b"Rect") else { return };
        let mut font = Dictionary::new();
        font.set("Type", Object::Name(b"Font".to_vec()));
        font.set("Subtype", Object::Name(b"Type1".to_vec()));
        font.set("BaseFont", Object::Name(b"Helvetica".to_vec()));
        font.set("Encoding", Object::Name(b"WinAnsiEncoding".to_vec()));
        let style = self.style(&Font::load(self.file, &font));
        let text = super::structure::text_string(&text);
        let lines: Vec<&str> = text.lines().take(1000).collect();
        let (left, top) = (x0.min(x1), y0.max(y1));
        let size = ((y1 - y0).abs() / lines.len().max(1) as f32 * 0.8).clamp(4.0, 12.0);
        for (row, line) in lines.iter().enumerate() {
            for (column, char) in line.chars().take(2000).enumerate() {
                let pen =
                    self.state.ctm.apply(left + column as f32 * size * 0.5, top - (row as f32 + 1.0) * size * 1.1);
                let [a, b, ..] = self.state.ctm.0;
                let step = (a * size * 0.5, b * size * 0.5);
                self.emit(Some(char.encode_utf8(&mut [0; 4])), pen, step, size, 0.0, style);
            }
        }
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

    // --- ruled lines ---

    fn path_step(&mut self, operator: &[u8], operands: &[Object]) {
        const MAX_LINES: usize = 4096;
        if self.path.lines.len() > MAX_LINES {
            return;
        }
        if operator == b"re" {
            if let Some([x, y, width, height]) = numbers(operands) {
                let (x0, y0) = self.state.ctm.apply(x, y);
                let (x1, y1) = self.state.ctm.apply(x + width, y + height);
                let (left, right, top, bottom) = (x0.min(x1), x0.max(x1), y0.min(y1), y0.max(y1));
                // A rule that is drawn as a thin box, or the four sides of a real one.
                if bottom - top < 3.0 || right - left < 3.0 {
                    self.path.lines.push([left, top, right, bottom]);
                } else {
                    self.path.lines.push([left, top, right, top]);
                    self.path.lines.push([left, bottom, right, bottom]);
                    self.path.lines.push([left, top, left, bottom]);
                    self.path.lines.push([right, top, right, bottom]);
                }
            }
            return;
        }
        let Some([x, y]) = numbers(operands) else { return };
        let point = self.state.ctm.apply(x, y);
        if operator == b"m" {
            self.path.start = point;
        } else {
            let (from, to) = (self.path.current, point);
            self.path.lines.push([from.0.min(to.0), from.1.min(to.1), from.0.max(to.0), from.1.max(to.1)]);
        }
        self.path.current = point;
    }

    fn keep_rules(&mut self) {
        const MAX_RULES: usize = 20_000;
        if self.hidden_marks > 0 {
            self.path.lines.clear();
        }
        for line in self.path.lines.drain(..) {
            let (width, height) = (line[2] - line[0], line[3] - line[1]);
            let is_rule = (height < 3.0 && width > 8.0) || (width < 3.0 && height > 8.0);
            if is_rule && self.shown.rules.len() < MAX_RULES && line.iter().all(|number| number.is_finite()) {
                self.shown.rules.push(line);
            }
        }
    }
}

/// How much of its box a Type 3 font's glyphs fill, so that its size means what that of other fonts does.
fn type3_height(font: &Font) -> f32 {
    ((font.ascent - font.descent) / 1000.0).clamp(0.05, 20.0)
}

fn set(slot: &mut f32, operands: &[Object]) {
    if let Some([value]) = numbers(operands) {
        *slot = value;
    }
}

/// The last operands as numbers.
fn numbers<const N: usize>(operands: &[Object]) -> Option<[f32; N]> {
    let mut numbers = [0.0; N];
    let from = operands.len().checked_sub(N)?;
    for (number, operand) in numbers.iter_mut().zip(&operands[from..]) {
        *number = operand.as_float().ok().filter(|number| number.is_finite())?;
    }
    Some(numbers)
}

/// Passes `BI … ID … EI`. The data's length is nowhere said, so its end is looked for.
fn skip_inline_image(lexer: &mut Lexer) {
    loop {
        match lexer.token() {
            Some(Token::Keyword(b"ID")) => break,
            None | Some(Token::Keyword(b"EI" | b"ET" | b"Q")) => return,
            _ => {}
        }
    }
    let rest = lexer.rest();
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(&rest[from..], b"EI").map(|at| at + from) {
        let after = &rest[at + 2..rest.len().min(at + 12)];
        let is_end = at > 0
            && is_space(rest[at - 1])
            && after.first().is_none_or(|byte| is_space(*byte))
            && after.iter().all(|byte| is_space(*byte) || (0x20..0x7F).contains(byte));
        if is_end {
            lexer.position += at + 2;
            return;
        }
        from = at + 2;
    }
    lexer.position += rest.len();
}
