//! The text of a PPTX (ECMA-376, part 1, 19): slide by slide, in the presentation's order; on a slide the title first,
//! then shapes from the top down, then the speaker's notes and comments. Parts are found by relations.

use std::collections::HashMap;
use std::sync::Arc;

use contract::Failure;

use super::archive::{Archive, Relations};
use super::math::Formula;
use super::numbering::Numerals;
use super::xml::{Event, Scanner, Tag};
use super::{Section, drawing, symbol};
use crate::flow::{AsideKind, Flow, NoteKind};
use crate::grid::Grid;
use crate::rich::{Rich, Script, Style, scripted};

/// Levels of a list.
const LEVELS: usize = 9;
/// Shapes whose places are within half of this, in EMU, stand in one row: a third of an inch.
const ROW: i64 = 304_800;

/// Reads every slide.
pub(crate) fn read(archive: &mut Archive) -> Result<Vec<Section>, Failure> {
    let main = archive.main_part("ppt/presentation.xml")?;
    let relations = archive.relations(&main)?;
    let presentation = archive
        .xml(&main)?
        .ok_or_else(|| Failure::invalid_input(format!("the PPTX has no presentation: {main} was not found in it")))?;
    let mut scanner = Scanner::new(&presentation);
    let mut named = Vec::new();
    for event in scanner.by_ref() {
        if let Event::Start(tag) = event
            && tag.name() == "sldId"
        {
            named.push(tag.prefixed("id").unwrap_or_default().into_owned());
        }
    }
    archive.check(&main, &scanner);
    let mut slides: Vec<String> = Vec::new();
    for id in named {
        match relations.by_id(&id) {
            Some(relation) => slides.push(relation.target.clone()),
            None => archive.warn(format!("a slide of the presentation has no relation {id:?} and was left out")),
        }
    }
    if slides.is_empty() {
        // A list that cannot be understood: the slides in the order of their relations.
        slides.extend(relations.of_kind("slide").map(|relation| relation.target.clone()));
    }
    let mut authors = HashMap::new();
    for relation in relations.of_kind("commentAuthors") {
        if let Some(xml) = archive.xml(&relation.target)? {
            for event in Scanner::new(&xml) {
                if let Event::Start(tag) = event
                    && let (Some(id), Some(name)) = (tag.attribute("id"), tag.attribute("name"))
                {
                    authors.insert(id.into_owned(), name.into_owned());
                }
            }
        }
    }
    let mut layouts = Layouts::default();
    let mut sections = Vec::new();
    for path in slides {
        match archive.xml(&path)? {
            Some(xml) => sections.push(slide(archive, &mut layouts, &authors, &path, &xml)?),
            None => archive.warn(format!("the slide {path} was not found in the presentation")),
        }
        if archive.is_cut() {
            break;
        }
    }
    Ok(sections)
}

fn slide(
    archive: &mut Archive,
    layouts: &mut Layouts,
    authors: &HashMap<String, String>,
    path: &str,
    xml: &str,
) -> Result<Section, Failure> {
    let relations = archive.relations(path)?;
    let layout = match relations.of_kind("slideLayout").next() {
        Some(relation) => layouts.get(archive, &relation.target.clone())?,
        None => Arc::default(),
    };
    let mut section = Section::default();
    let shapes = shapes(archive, path, xml, &relations, &layout, &mut section.is_hidden)?;
    let (titles, mut others): (Vec<Shape>, Vec<Shape>) = shapes.into_iter().partition(|shape| shape.is_title);
    in_order(&mut others);
    for shape in titles {
        for flow in shape.flows {
            let text = match flow {
                Flow::Paragraph { text } | Flow::ListItem { text, .. } => text,
                other => {
                    section.flows.push(other);
                    continue;
                }
            };
            section.title.get_or_insert_with(|| text.text().replace('\n', " "));
            section.flows.push(Flow::Heading { level: 2, text });
        }
    }
    section.flows.extend(others.into_iter().flat_map(|shape| shape.flows));

    for relation in relations.of_kind("notesSlide") {
        let Some(xml) = archive.xml(&relation.target)? else { continue };
        let inner = archive.relations(&relation.target)?;
        let mut is_hidden = false;
        for shape in self::shapes(archive, &relation.target, &xml, &inner, &Layout::default(), &mut is_hidden)? {
            // Beside the notes there are a picture of the slide, its number, a date and a header.
            if shape.kind.as_deref().is_some_and(|kind| matches!(kind, "sldImg" | "sldNum" | "dt" | "hdr" | "ftr")) {
                continue;
            }
            for flow in shape.flows {
                match flow {
                    Flow::Paragraph { text } | Flow::ListItem { text, .. } => {
                        section.flows.push(Flow::Aside { kind: AsideKind::SpeakerNotes, text });
                    }
                    other => section.flows.push(other),
                }
            }
        }
    }
    for relation in relations.of_kind("comments") {
        let Some(xml) = archive.xml(&relation.target)? else { continue };
        section.flows.extend(comments(archive, &xml, authors));
    }
    Ok(section)
}

/// Comments of both kinds: those of old are bare text, those of today have paragraphs.
fn comments(archive: &mut Archive, xml: &str, authors: &HashMap<String, String>) -> Vec<Flow> {
    let mut flows = Vec::new();
    let mut author = String::new();
    let mut text = String::new();
    let mut takes = false;
    for event in Scanner::new(xml) {
        match event {
            Event::Start(tag) => match tag.name() {
                "cm" | "reply" => {
                    let id = tag.attribute("authorId").unwrap_or_default();
                    author = authors.get(&*id).cloned().unwrap_or_default();
                }
                "text" | "t" => takes = true,
                _ => {}
            },
            Event::Text(part) if takes => text.push_str(&part),
            Event::End("p") => text.push('\n'),
            Event::End("text" | "t") => takes = false,
            Event::End("cm" | "reply" | "txBody") => {
                let text = std::mem::take(&mut text);
                if !text.trim().is_empty() && archive.take_text(text.len()) {
                    let text = Rich::from(text.trim());
                    flows.push(Flow::Note { kind: NoteKind::Comment, label: author.clone(), text });
                }
            }
            Event::End(_) | Event::Text(_) => {}
        }
    }
    flows
}

// --- shapes ---

#[derive(Default)]
struct Shape {
    is_title: bool,
    /// Of a placeholder.
    kind: Option<String>,
    index: Option<String>,
    has_place: bool,
    x: i64,
    y: i64,
    height: i64,
    flows: Vec<Flow>,
}

/// From the top down and from the left to the right.
fn in_order(shapes: &mut Vec<Shape>) {
    // Footers, dates and numbers come last.
    let is_furniture =
        |shape: &Shape| shape.kind.as_deref().is_some_and(|kind| matches!(kind, "ftr" | "sldNum" | "dt" | "hdr"));
    for shape in shapes.iter_mut().filter(|shape| is_furniture(shape)) {
        for flow in &mut shape.flows {
            if let Flow::Paragraph { text } | Flow::ListItem { text, .. } = flow {
                *flow = Flow::Aside { kind: AsideKind::Footer, text: std::mem::take(text) };
            }
        }
    }
    let (mut furniture, mut content): (Vec<Shape>, Vec<Shape>) =
        std::mem::take(shapes).into_iter().partition(is_furniture);
    // What has no place stays behind the shape before it.
    let mut last = (0, 0);
    for shape in &mut content {
        if shape.has_place {
            last = (shape.x, shape.y);
        } else {
            (shape.x, shape.y) = last;
        }
    }
    content.sort_by_key(|shape| (shape.y, shape.x));
    // Shapes that begin at nearly one height are a row.
    let mut from = 0;
    for at in 1..=content.len() {
        let is_end =
            content.get(at).is_none_or(|shape| shape.y - content[from].y > ROW.min(content[from].height.max(ROW / 4)));
        if is_end {
            content[from..at].sort_by_key(|shape| shape.x);
            from = at;
        }
    }
    shapes.append(&mut content);
    shapes.append(&mut furniture);
}

/// A group's own coordinates within the slide's: scale and offset.
#[derive(Clone, Copy)]
struct Frame {
    scale: (f64, f64),
    offset: (f64, f64),
}

impl Default for Frame {
    fn default() -> Self {
        Self { scale: (1.0, 1.0), offset: (0.0, 0.0) }
    }
}

#[derive(Default, Clone, Copy)]
struct Transform {
    off: (f64, f64),
    ext: (f64, f64),
    inner_off: (f64, f64),
    inner_ext: (f64, f64),
}

impl Frame {
    fn within(self, transform: &Transform) -> Self {
        let ratio = |outer: f64, inner: f64| if inner > 0.0 { outer / inner } else { 1.0 };
        let scale = (ratio(transform.ext.0, transform.inner_ext.0), ratio(transform.ext.1, transform.inner_ext.1));
        Self {
            scale: (self.scale.0 * scale.0, self.scale.1 * scale.1),
            offset: (
                self.offset.0 + self.scale.0 * (transform.off.0 - transform.inner_off.0 * scale.0),
                self.offset.1 + self.scale.1 * (transform.off.1 - transform.inner_off.1 * scale.1),
            ),
        }
    }

    fn apply(self, place: (f64, f64)) -> (i64, i64) {
        ((self.offset.0 + self.scale.0 * place.0) as i64, (self.offset.1 + self.scale.1 * place.1) as i64)
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
enum Bullet {
    #[default]
    Inherited,
    None,
    Sign,
    Number {
        numerals: Numerals,
        before: &'static str,
        after: &'static str,
        start: u32,
    },
}

/// `arabicPeriod`, `alphaLcParenBoth`, …
fn auto_number(kind: &str, start: u32) -> Bullet {
    let numerals = match kind {
        kind if kind.starts_with("alphaLc") => Numerals::LowerLetter,
        kind if kind.starts_with("alphaUc") => Numerals::UpperLetter,
        kind if kind.starts_with("romanLc") => Numerals::LowerRoman,
        kind if kind.starts_with("romanUc") => Numerals::UpperRoman,
        _ => Numerals::Decimal,
    };
    let (before, after) = match kind {
        kind if kind.ends_with("ParenBoth") => ("(", ")"),
        kind if kind.ends_with("ParenR") => ("", ")"),
        kind if kind.ends_with("Plain") => ("", ""),
        _ => ("", "."),
    };
    Bullet::Number { numerals, before, after, start }
}

#[derive(Default)]
struct Paragraph {
    text: Rich,
    level: u8,
    bullet: Bullet,
}

#[derive(Default, Clone)]
struct Run {
    bold: bool,
    italic: bool,
    strike: bool,
    script: Script,
    link: Option<Arc<str>>,
    symbol_font: Option<String>,
}

/// Whether levels of a placeholder's text have bullets.
type Bullets = [Option<bool>; LEVELS];

/// What a slide takes from its layout and master: where placeholders stand, and whether their text has bullets.
#[derive(Default)]
struct Layout {
    shapes: Vec<LayoutShape>,
    /// Of the text of bodies, by the master.
    body: Bullets,
}

#[derive(Default, Clone)]
struct LayoutShape {
    kind: Option<String>,
    index: Option<String>,
    place: Option<(i64, i64, i64)>,
    bullets: Bullets,
}

#[derive(Default)]
struct Layouts(HashMap<String, Arc<Layout>>);

impl Layouts {
    fn get(&mut self, archive: &mut Archive, part: &str) -> Result<Arc<Layout>, Failure> {
        if let Some(layout) = self.0.get(part) {
            return Ok(Arc::clone(layout));
        }
        let mut layout = Layout::default();
        if let Some(xml) = archive.xml(part)? {
            layout.take(&xml);
        }
        let relations = archive.relations(part)?;
        if let Some(master) = relations.of_kind("slideMaster").next()
            && let Some(xml) = archive.xml(&master.target)?
        {
            // Those of the layout come first and count before those of the master.
            layout.take(&xml);
        }
        let layout = Arc::new(layout);
        self.0.insert(part.to_owned(), Arc::clone(&layout));
        Ok(layout)
    }
}

/// The level that `lvl3pPr` is about.
fn level_of(name: &str) -> Option<usize> {
    let digit = name.strip_prefix("lvl")?.strip_suffix("pPr")?;
    digit.parse::<usize>().ok()?.checked_sub(1).filter(|level| *level < LEVELS)
}

impl Layout {
    fn take(&mut self, xml: &str) {
        let mut shape: Option<LayoutShape> = None;
        let mut off = None;
        let mut level: Option<usize> = None;
        let mut in_body = false;
        for event in Scanner::new(xml) {
            match event {
                Event::Start(tag) => {
                    let name = tag.name();
                    match name {
                        "sp" => (shape, off) = (Some(LayoutShape::default()), None),
                        "ph" => {
                            if let Some(shape) = &mut shape {
                                shape.kind = tag.attribute("type").map(std::borrow::Cow::into_owned);
                                shape.index = tag.attribute("idx").map(std::borrow::Cow::into_owned);
                            }
                        }
                        "off" => off = tag.number::<i64>("x").zip(tag.number::<i64>("y")),
                        "ext" => {
                            if let (Some(shape), Some((x, y))) = (&mut shape, off.take()) {
                                shape.place = Some((x, y, tag.number("cy").unwrap_or(0)));
                            }
                        }
                        "bodyStyle" => in_body = true,
                        "buNone" | "buChar" | "buAutoNum" | "buBlip" => {
                            let Some(level) = level else { continue };
                            let has = Some(name != "buNone");
                            if let Some(shape) = &mut shape {
                                shape.bullets[level] = has;
                            } else if in_body {
                                self.body[level] = self.body[level].or(has);
                            }
                        }
                        _ => level = level_of(name).or(level),
                    }
                }
                Event::End("sp") => {
                    self.shapes.extend(shape.take().filter(|shape| shape.kind.is_some() || shape.index.is_some()));
                }
                Event::End("bodyStyle") => in_body = false,
                Event::End(name) => {
                    if level_of(name).is_some() {
                        level = None;
                    }
                }
                Event::Text(_) => {}
            }
        }
    }

    /// The placeholders that one of a slide stands for, nearest first.
    fn of<'a>(&'a self, kind: Option<&'a str>, index: Option<&'a str>) -> impl Iterator<Item = &'a LayoutShape> {
        let is_same = move |shape: &&LayoutShape| {
            (index.is_some() && shape.index.as_deref() == index)
                || (kind.is_some() && shape.kind.as_deref() == kind)
                || (kind == Some("ctrTitle") && shape.kind.as_deref() == Some("title"))
        };
        self.shapes.iter().filter(is_same)
    }

    fn has_bullet(&self, shape: &Shape, own: &Bullets, level: usize) -> bool {
        let is_body = shape.kind.as_deref().map_or(shape.index.is_some(), |kind| matches!(kind, "body" | "obj"));
        let from_layout =
            || self.of(shape.kind.as_deref(), shape.index.as_deref()).find_map(|shape| shape.bullets[level]);
        own[level].or_else(from_layout).or_else(|| is_body.then(|| self.body[level]).flatten()).unwrap_or(false)
    }
}

struct TableState {
    grid: Grid,
    cell: Vec<Flow>,
    rows: usize,
    columns: usize,
    is_covered: bool,
}

/// The shapes of a part with their text.
fn shapes(
    archive: &mut Archive,
    path: &str,
    xml: &str,
    relations: &Relations,
    layout: &Layout,
    is_hidden: &mut bool,
) -> Result<Vec<Shape>, Failure> {
    let mut shapes: Vec<Shape> = Vec::new();
    let mut shape: Option<Shape> = None;
    let mut bullets: Bullets = Bullets::default();
    let mut frames: Vec<Frame> = vec![Frame::default()];
    let mut transform = Transform::default();
    let mut counters: [(u32, Option<Bullet>); LEVELS] = Default::default();
    let mut paragraph: Option<Paragraph> = None;
    let mut run = Run::default();
    let mut takes_text = false;
    let mut in_run_properties = false;
    let mut table: Option<TableState> = None;
    let mut formula: Option<(Formula, usize)> = None;
    let mut fallbacks = 0_usize;
    let mut list_level: Option<usize> = None;
    let mut scanner = Scanner::new(xml);
    for event in scanner.by_ref() {
        match event {
            Event::Start(tag) if tag.name() == "Fallback" => fallbacks += 1,
            Event::End("Fallback") => fallbacks = fallbacks.saturating_sub(1),
            _ if fallbacks > 0 => {}
            Event::Start(tag) if formula.is_some() => {
                if let Some((formula, depth)) = &mut formula {
                    *depth += 1;
                    formula.start(tag.name());
                    takes_text = tag.name() == "t";
                }
            }
            Event::End(name) if formula.is_some() => {
                takes_text = false;
                if let Some((open, depth)) = &mut formula {
                    *depth -= 1;
                    if *depth > 0 && name != "oMath" {
                        open.end();
                        continue;
                    }
                }
                if let Some((formula, _)) = formula.take() {
                    let line = formula.finish();
                    if archive.take_text(line.len()) {
                        paragraph.get_or_insert_default().text.push(&line, &Style::default());
                    }
                }
            }
            Event::Start(tag) => {
                let name = tag.name();
                match name {
                    "sld" => *is_hidden |= tag.attribute("show").is_some_and(|show| show == "0" || show == "false"),
                    "grpSp" => {
                        let last = *frames.last().unwrap_or(&Frame::default());
                        frames.push(last);
                        transform = Transform::default();
                    }
                    "sp" | "graphicFrame" | "pic" | "cxnSp" => {
                        shapes.extend(shape.take());
                        shape = Some(Shape::default());
                        (transform, bullets, counters) = (Transform::default(), Bullets::default(), Default::default());
                    }
                    "ph" => {
                        if let Some(shape) = &mut shape {
                            shape.kind = tag.attribute("type").map(std::borrow::Cow::into_owned);
                            shape.index = tag.attribute("idx").map(std::borrow::Cow::into_owned);
                            shape.is_title = matches!(shape.kind.as_deref(), Some("title" | "ctrTitle"));
                        }
                    }
                    "cNvPr" => {
                        let text = tag.attribute("descr").filter(|text| !text.trim().is_empty());
                        if let (Some(text), Some(shape)) = (text, &mut shape)
                            && archive.take_text(text.len())
                        {
                            let text = Rich::from(text.trim());
                            shape.flows.push(Flow::Aside { kind: AsideKind::Picture, text });
                        }
                    }
                    "off" => transform.off = pair(&tag, "x", "y"),
                    "ext" if tag.attribute("cx").is_some() => transform.ext = pair(&tag, "cx", "cy"),
                    "chOff" => transform.inner_off = pair(&tag, "x", "y"),
                    "chExt" => transform.inner_ext = pair(&tag, "cx", "cy"),
                    "p" => {
                        paragraph = Some(Paragraph::default());
                        run = Run::default();
                    }
                    "pPr" => {
                        let paragraph = paragraph.get_or_insert_default();
                        paragraph.level = tag.number::<u8>("lvl").unwrap_or(0).min(LEVELS as u8 - 1);
                    }
                    "buNone" | "buChar" | "buBlip" => {
                        if let Some(level) = list_level {
                            bullets[level] = Some(name != "buNone");
                        } else if let Some(paragraph) = &mut paragraph {
                            paragraph.bullet = if name == "buNone" { Bullet::None } else { Bullet::Sign };
                        }
                    }
                    "buAutoNum" => {
                        if let Some(paragraph) = &mut paragraph {
                            let start = tag.number("startAt").unwrap_or(1);
                            paragraph.bullet = auto_number(&tag.attribute("type").unwrap_or_default(), start);
                        }
                    }
                    "r" | "fld" => run = Run::default(),
                    "rPr" => {
                        in_run_properties = true;
                        let is_on =
                            |name: &str| tag.attribute(name).is_some_and(|value| value == "1" || value == "true");
                        run.bold = is_on("b");
                        run.italic = is_on("i");
                        run.strike = tag.attribute("strike").is_some_and(|strike| strike != "noStrike");
                        run.script = match tag.number::<i64>("baseline") {
                            Some(1..) => Script::Super,
                            Some(..=-1) => Script::Sub,
                            _ => Script::Normal,
                        };
                    }
                    "hlinkClick" if in_run_properties => {
                        let relation = tag.prefixed("id").and_then(|id| relations.by_id(&id).cloned());
                        run.link =
                            relation.filter(|relation| relation.is_external).map(|relation| Arc::from(relation.target));
                    }
                    "sym" | "latin" if in_run_properties => {
                        run.symbol_font = tag
                            .attribute("typeface")
                            .filter(|font| symbol::is_symbol_font(font))
                            .map(std::borrow::Cow::into_owned)
                            .or(run.symbol_font.take());
                    }
                    "t" => takes_text = true,
                    "br" => paragraph.get_or_insert_default().text.push_plain('\n'),
                    "oMath" => formula = Some((Formula::default(), 1)),
                    "tbl" => {
                        table = Some(TableState {
                            grid: Grid::default(),
                            cell: Vec::new(),
                            rows: 1,
                            columns: 1,
                            is_covered: false,
                        });
                    }
                    "tr" => {
                        if let Some(table) = &mut table {
                            table.grid.begin_row();
                        }
                    }
                    "tc" => {
                        if let Some(table) = &mut table {
                            let is_on =
                                |name: &str| tag.attribute(name).is_some_and(|value| value == "1" || value == "true");
                            table.cell.clear();
                            table.rows = tag.number("rowSpan").unwrap_or(1);
                            table.columns = tag.number("gridSpan").unwrap_or(1);
                            // A cell that another one covers is there all the same.
                            table.is_covered = is_on("hMerge") || is_on("vMerge");
                        }
                    }
                    "chart" | "relIds" => {
                        let id = if name == "chart" { tag.prefixed("id") } else { tag.attribute("dm") };
                        let target = id.and_then(|id| Some(relations.by_id(&id)?.target.clone()));
                        if let Some(target) = target {
                            let flows = match name {
                                "chart" => drawing::chart(archive, &target)?,
                                _ => drawing::diagram(archive, &target)?,
                            };
                            shape.get_or_insert_default().flows.extend(flows);
                        }
                    }
                    _ => list_level = level_of(name).or(list_level),
                }
            }
            Event::Text(text) => {
                if let Some((formula, _)) = &mut formula {
                    if takes_text {
                        formula.text(&text);
                    }
                } else if takes_text && archive.take_text(text.len()) {
                    run.push(&text, paragraph.get_or_insert_default());
                }
            }
            Event::End(name) => match name {
                "t" => takes_text = false,
                "rPr" => in_run_properties = false,
                "grpSpPr" => {
                    if let [.., outer, own] = frames.as_mut_slice() {
                        *own = outer.within(&transform);
                    }
                    transform = Transform::default();
                }
                "grpSp" => {
                    if frames.len() > 1 {
                        frames.pop();
                    }
                }
                "xfrm" => {
                    if let Some(shape) = &mut shape {
                        let frame = *frames.last().unwrap_or(&Frame::default());
                        (shape.x, shape.y) = frame.apply(transform.off);
                        shape.height = (transform.ext.1 * frame.scale.1) as i64;
                        shape.has_place = true;
                    }
                }
                "p" => {
                    let Some(paragraph) = paragraph.take() else { continue };
                    let own = shape.get_or_insert_default();
                    let flow = flow_of(paragraph, own, &bullets, layout, &mut counters);
                    match &mut table {
                        Some(table) => table.cell.extend(flow),
                        None => own.flows.extend(flow),
                    }
                }
                "tc" => {
                    if let Some(table) = &mut table {
                        let flows = std::mem::take(&mut table.cell);
                        let text = super::rich_text(flows);
                        if !table.is_covered || !text.is_blank() {
                            table.grid.cell(text, table.rows, table.columns);
                        }
                    }
                }
                "tbl" => {
                    let flow = table.take().and_then(|table| table.grid.finish());
                    shape.get_or_insert_default().flows.extend(flow.map(Flow::Table));
                }
                "sp" | "graphicFrame" | "pic" | "cxnSp" => {
                    if let Some(mut done) = shape.take() {
                        if !done.has_place
                            && let Some((x, y, height)) =
                                layout.of(done.kind.as_deref(), done.index.as_deref()).find_map(|shape| shape.place)
                        {
                            (done.x, done.y, done.height, done.has_place) = (x, y, height, true);
                        }
                        if !done.flows.is_empty() {
                            shapes.push(done);
                        }
                    }
                }
                name => {
                    if level_of(name).is_some() {
                        list_level = None;
                    }
                }
            },
        }
        if archive.is_cut() {
            break;
        }
    }
    let mut last = shape.unwrap_or_default();
    if let Some(paragraph) = paragraph {
        let flow = flow_of(paragraph, &last, &bullets, layout, &mut counters);
        last.flows.extend(flow);
    }
    last.flows.extend(table.and_then(|table| table.grid.finish()).map(Flow::Table));
    if !last.flows.is_empty() {
        shapes.push(last);
    }
    if !archive.is_cut() {
        archive.check(path, &scanner);
    }
    Ok(shapes)
}

fn pair(tag: &Tag, x: &str, y: &str) -> (f64, f64) {
    (tag.number(x).unwrap_or(0.0), tag.number(y).unwrap_or(0.0))
}

impl Run {
    fn push(&self, text: &str, paragraph: &mut Paragraph) {
        let symbols: Option<String> = self.symbol_font.as_ref().map(|font| {
            text.chars()
                .map(|char| {
                    symbol::of_font(font, u32::from(char)).filter(|_| u32::from(char) >= 0xF000).unwrap_or(char)
                })
                .collect()
        });
        let text = symbols.as_deref().unwrap_or(text);
        let style = Style {
            strong: self.bold,
            emphasis: self.italic,
            strike: self.strike,
            link: self.link.clone(),
            ..Style::default()
        };
        // A vertical tab is a line break within a title.
        let text = text.replace('\u{B}', "\n");
        let before = paragraph.text.text().chars().next_back();
        let text = scripted(&text, self.script, before);
        paragraph.text.push(&text, &style);
    }
}

fn flow_of(
    paragraph: Paragraph,
    shape: &Shape,
    bullets: &Bullets,
    layout: &Layout,
    counters: &mut [(u32, Option<Bullet>); LEVELS],
) -> Option<Flow> {
    let text = paragraph.text.trimmed();
    let level = usize::from(paragraph.level);
    if text.is_blank() {
        return None;
    }
    for below in &mut counters[level + 1..] {
        *below = (0, None);
    }
    let has_bullet = match &paragraph.bullet {
        Bullet::None => false,
        Bullet::Sign | Bullet::Number { .. } => true,
        Bullet::Inherited => layout.has_bullet(shape, bullets, level),
    };
    let marker = if let Bullet::Number { numerals, before, after, start } = &paragraph.bullet {
        // Another way of counting begins again.
        let counter = &mut counters[level];
        if counter.1.as_ref() == Some(&paragraph.bullet) {
            counter.0 = counter.0.saturating_add(1);
        } else {
            *counter = (*start, Some(paragraph.bullet.clone()));
        }
        Some(format!("{before}{}{after}", numerals.write(counter.0)))
    } else {
        counters[level] = (0, None);
        None
    };
    Some(if has_bullet { Flow::ListItem { level: paragraph.level, marker, text } } else { Flow::Paragraph { text } })
}
