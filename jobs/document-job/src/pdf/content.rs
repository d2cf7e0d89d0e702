//! Carries out a page's content streams as far as they show text (ISO 32000-2, 8 and 9): glyphs with their places.
//!
//! Work is bounded: operators and glyphs of a page, forms within forms, and the depth of saved states.

mod forms;
mod marks;
mod paths;

use std::collections::HashSet;
use std::sync::Arc;

use lopdf::{Dictionary, Object, ObjectId};

use super::file::File;
use super::font::Font;
use super::lexer::{Lexer, Token, is_space};
use super::page_tree::Page;
use super::recent::Recent;
use super::scan::Image;
use super::tags::Element;
use marks::Mark;
pub(crate) use marks::Tag;
use paths::Path;

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
/// Fonts of one content stream that are found by their name without a look at the resources.
const MAX_NAMED_FONTS: usize = 32;
/// Fonts that are kept from page to page; more are kept while they are used.
const FONTS_KEPT: usize = 64;
/// Text lower than this, in points, cannot be seen. Some programs hide data in it.
const MIN_SIZE: f32 = 0.1;
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
    /// The width of that size: less than it where the text is condensed.
    pub(crate) em: f32,
    /// Space between characters that the content asks for and that is not part of the advance.
    pub(crate) spacing: f32,
    /// Index into [`Shown::tags`].
    pub(crate) tag: u32,
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
    /// Typed into a form's field.
    pub(crate) is_field: bool,
}

/// Everything that a page's content shows.
#[derive(Default)]
pub(crate) struct Shown {
    pub(crate) text: String,
    pub(crate) glyphs: Vec<Glyph>,
    pub(crate) styles: Vec<Style>,
    /// What marks the glyphs as parts of the document's structure; the first is none.
    pub(crate) tags: Vec<Tag>,
    /// What the document's structure says of each tag; none where it has no structure.
    pub(crate) elements: Vec<Element>,
    /// Straight lines along and across the page: left, top, right, bottom.
    pub(crate) rulings: Vec<[f32; 4]>,
    /// Glyphs of which it is not known what they mean.
    pub(crate) unknown_glyphs: usize,
    /// Glyphs of which it is guessed what they mean.
    pub(crate) guessed_glyphs: usize,
    pub(crate) has_images: bool,
    /// Pictures, but for those within the content itself, which are small.
    pub(crate) images: Vec<Image>,
    pub(crate) has_drawings: bool,
    /// A limit was reached.
    pub(crate) is_partial: bool,
}

impl Shown {
    /// Counts the glyphs without text from one on, and takes them out.
    fn forget_unknown(&mut self, from: usize) {
        let before = self.glyphs.len();
        let mut at = 0;
        self.glyphs.retain(|glyph| {
            at += 1;
            at <= from || glyph.start < glyph.end
        });
        self.unknown_glyphs += before - self.glyphs.len();
    }
}

/// Fonts and hidden layers of a file, kept from page to page.
pub(crate) struct Resources {
    fonts: Recent<ObjectId, Arc<Font>>,
    hidden: HashSet<ObjectId>,
}

impl Resources {
    pub(crate) fn of(file: &File) -> Self {
        Self { fonts: Recent::new(FONTS_KEPT), hidden: marks::hidden_layers(file) }
    }
}

/// Shows a page, with the appearances of its annotations.
pub(crate) fn show_page(file: &File, page: &Page, resources: &mut Resources) -> Shown {
    let mut interpreter = Interpreter {
        file,
        resources,
        shown: Shown { tags: vec![Tag::default()], ..Shown::default() },
        state: State::new(page.to_view()),
        saved: Vec::new(),
        saved_beyond: 0,
        operators: 0,
        forms: Vec::new(),
        marks: Vec::new(),
        hidden_marks: 0,
        marks_beyond: 0,
        replaced: 0,
        tag: 0,
        path: Path::default(),
        in_field: false,
        fonts: Vec::new(),
        bounds: page.size(),
    };
    let content = page.content(file);
    interpreter.run(&content, &page.resources);
    drop(content);
    for annotation in &page.annotations(file) {
        interpreter.reset(page.to_view());
        interpreter.annotation(annotation);
    }
    interpreter.shown.forget_unknown(0);
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
    /// Marks that are counted only.
    marks_beyond: usize,
    /// Marks around this place that have a replacement text.
    replaced: usize,
    /// Index into [`Shown::tags`].
    tag: u32,
    path: Path,
    in_field: bool,
    /// Fonts by their names in the resources at hand.
    fonts: Vec<(Vec<u8>, Arc<Font>)>,
    bounds: (f32, f32),
}

impl Interpreter<'_, '_> {
    fn reset(&mut self, ctm: Matrix) {
        self.state = State::new(ctm);
        self.saved.clear();
        self.saved_beyond = 0;
        self.marks.clear();
        (self.hidden_marks, self.marks_beyond, self.replaced, self.tag) = (0, 0, 0, 0);
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
            b"BMC" => self.begin_plain_mark(operands),
            b"BDC" => self.begin_mark(operands, resources),
            b"EMC" => self.end_mark(),
            b"S" | b"s" | b"f" | b"F" | b"f*" | b"B" | b"B*" | b"b" | b"b*" | b"sh" => {
                let is_shown = self.hidden_marks == 0;
                self.shown.has_drawings |= is_shown;
                let is_stroked = matches!(operator[0], b'S' | b's' | b'B' | b'b');
                self.path.paint(is_stroked, is_shown, &mut self.shown.rulings);
            }
            b"n" => self.path.clear(),
            b"m" => {
                if let Some([x, y]) = numbers(operands) {
                    self.path.begin(self.state.ctm.apply(x, y));
                }
            }
            b"l" => {
                if let Some([x, y]) = numbers(operands) {
                    self.path.line(self.state.ctm.apply(x, y));
                }
            }
            b"h" => self.path.close(),
            b"re" => {
                if let Some([x, y, width, height]) = numbers(operands) {
                    let ctm = self.state.ctm;
                    self.path.rectangle(ctm.apply(x, y), ctm.apply(x + width, y + height));
                }
            }
            b"c" | b"v" | b"y" => {
                if let Some([x, y]) = numbers(operands) {
                    self.path.curve(self.state.ctm.apply(x, y));
                }
            }
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
        if let Some((_, font)) = self.fonts.iter().find(|(known, _)| known == name) {
            self.state.font = Some(Arc::clone(font));
            return;
        }
        let Some(entry) = self.file.resource(resources, b"Font", name) else { return };
        self.use_font(&entry);
        if let Some(font) = self.state.font.as_ref().filter(|_| self.fonts.len() < MAX_NAMED_FONTS) {
            self.fonts.push((name.to_vec(), Arc::clone(font)));
        }
    }

    fn use_font(&mut self, entry: &Object) {
        let id = entry.as_reference().ok();
        if let Some(font) = id.and_then(|id| self.resources.fonts.get(&id)) {
            self.state.font = Some(font);
            return;
        }
        let Some(dictionary) = self.file.dictionary(entry) else { return };
        let font = Arc::new(Font::load(self.file, &dictionary));
        if let Some(id) = id {
            self.resources.fonts.insert(id, Arc::clone(&font), 1);
        }
        self.state.font = Some(font);
    }

    fn graphics_state(&mut self, resources: &Dictionary, name: &[u8]) {
        let state = self.file.resource(resources, b"ExtGState", name).and_then(|state| self.file.dictionary(&state));
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
        font.show(self.file, string, |glyph| {
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
            let factor = if font.matrix.is_some() { type3_height(&font) } else { 1.0 };
            let size = size * factor;
            let em = if font.is_vertical { size } else { state.size.abs() * a.hypot(b) * state.scale.abs() * factor };
            if !hidden {
                let spacing = spacing * if font.is_vertical { c.hypot(d) } else { a.hypot(b) * state.scale };
                let before = self.shown.glyphs.len();
                self.emit(glyph.text.as_deref(), pen, step, [size, em], spacing, style);
                self.shown.guessed_glyphs += usize::from(glyph.is_guess && self.shown.glyphs.len() > before);
            }
            if font.is_vertical {
                self.advance(0.0, width + spacing);
            } else {
                let x = (width + spacing) * self.state.scale;
                self.advance(x, 0.0);
            }
        });
    }

    fn emit(
        &mut self,
        text: Option<&str>,
        pen: (f32, f32),
        step: (f32, f32),
        [size, em]: [f32; 2],
        spacing: f32,
        style: u16,
    ) {
        let is_sound = pen.0.is_finite() && pen.1.is_finite() && step.0.is_finite() && step.1.is_finite();
        if !is_sound || !size.is_finite() || size < MIN_SIZE {
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
        if text.is_none() && self.replaced == 0 {
            self.shown.unknown_glyphs += 1;
        }
        // What is replaced counts by its place alone.
        if text.is_none_or(str::is_empty) && (text.is_some() || self.replaced == 0) {
            return;
        }
        let start = self.shown.text.len() as u32;
        self.shown.text.push_str(text.unwrap_or_default());
        let end = self.shown.text.len() as u32;
        let (x, y) = pen;
        let (dx, dy) = step;
        let tag = self.tag;
        self.shown.glyphs.push(Glyph { start, end, x, y, dx, dy, size, em, spacing, tag, style });
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
            is_field: self.in_field,
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
}

/// What the size of a Type 3 font has to be multiplied by, so that it means what that of other fonts does: nothing, unless
/// the box of its glyphs is out of all proportion to it.
fn type3_height(font: &Font) -> f32 {
    let height = (font.ascent - font.descent) / 1000.0;
    if (0.3..=4.0).contains(&height) { 1.0 } else { height.clamp(0.05, 20.0) }
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
        // What is larger than any number is far away, not where the last thing was.
        *number = operand.as_float().ok().filter(|number| !number.is_nan())?.clamp(-1e18, 1e18);
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
