//! From glyphs to words, lines and blocks in reading order.
//!
//! Content mostly comes in the order in which it is read, so that order is kept wherever the places on the page agree
//! with it; where they do not, the places decide.

use std::collections::HashMap;

use super::content::{Glyph, Shown};
use super::reading_order;
use super::script;
use crate::page_text::{Block, BlockKind, Bounds, Line, Word, union};

/// A gap wider than this, in font sizes, parts words.
const WORD_GAP: f32 = 0.13;
/// A gap wider than this, in font sizes, parts cells of a row or columns of text.
const CELL_GAP: f32 = 1.5;

/// A word in the coordinates of its direction: along it, and across it, downwards from line to line.
#[derive(Clone)]
struct PlacedWord {
    text: String,
    /// Degrees of the direction, clockwise.
    angle: i16,
    start: f32,
    end: f32,
    baseline: f32,
    size: f32,
    top: f32,
    bottom: f32,
    style: u16,
    has_space_before: bool,
    is_rtl: bool,
    is_ltr: bool,
}

/// Words beside each other with no wide gap.
struct Segment {
    words: Vec<PlacedWord>,
    angle: i16,
    start: f32,
    end: f32,
    baseline: f32,
    size: f32,
    top: f32,
    bottom: f32,
    /// It stands on the same line as the segment before it in the content.
    continues_row: bool,
}

/// A block being built.
pub(super) struct Region {
    segments: Vec<(Segment, usize)>,
    angle: i16,
    /// Of the last row.
    row: usize,
    row_start: f32,
    row_end: f32,
    baseline: f32,
    size: f32,
    start: f32,
    end: f32,
    leading: Option<f32>,
    pub(super) bounds: Bounds,
}

/// Arranges what a page shows.
pub(crate) fn arrange(shown: &Shown) -> Vec<Block> {
    let words = words(shown);
    let segments = merge_neighbours(segments(words));
    let mut regions = regions(segments);
    for region in &mut regions {
        region.bounds = region.view_bounds();
    }
    let order = reading_order::order(&regions);
    let mut slots: Vec<Option<Region>> = regions.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| slots[at].take()).flat_map(|region| region.into_blocks(shown)).collect()
}

/// Unit vector of an angle, y downwards.
fn direction(angle: i16) -> (f32, f32) {
    match angle {
        0 => (1.0, 0.0),
        90 => (0.0, 1.0),
        180 => (-1.0, 0.0),
        -90 => (0.0, -1.0),
        other => {
            let (sin, cos) = f32::from(other).to_radians().sin_cos();
            (cos, sin)
        }
    }
}

fn angle_of(glyph: &Glyph) -> Option<i16> {
    let (dx, dy) = (glyph.dx, glyph.dy);
    if dx.hypot(dy) < glyph.size * 0.01 {
        return None;
    }
    let degrees = dy.atan2(dx).to_degrees().round() as i16;
    // Scans are seldom quite straight.
    Some(match degrees {
        -2..=2 => 0,
        88..=92 => 90,
        -92..=-88 => -90,
        178.. | ..=-178 => 180,
        other => other,
    })
}

/// Bounds in the page's coordinates of a box in the coordinates of a direction.
fn to_view(angle: i16, [start, top, end, bottom]: Bounds) -> Bounds {
    if angle == 0 {
        return [start, top, end, bottom];
    }
    let (ux, uy) = direction(angle);
    let corners = [(start, top), (end, top), (start, bottom), (end, bottom)]
        .map(|(along, across)| (along * ux - across * uy, along * uy + across * ux));
    corners.iter().fold([f32::MAX, f32::MAX, f32::MIN, f32::MIN], |bounds, (x, y)| union(bounds, [*x, *y, *x, *y]))
}

// --- words ---

/// A word while glyphs are added to it.
struct Builder {
    /// Place along the direction, and range of the text.
    parts: Vec<(f32, f32, u32, u32)>,
    /// Some glyph of it did not stand at this place before.
    is_fresh: bool,
    word: PlacedWord,
}

fn words(shown: &Shown) -> Vec<PlacedWord> {
    let mut words: Vec<PlacedWord> = Vec::with_capacity(shown.glyphs.len() / 5 + 1);
    let mut seen = Seen::for_glyphs(shown.glyphs.len());
    let mut current: Option<Builder> = None;
    let mut space = true;
    let mut angle = 0;
    let mut finish = |builder: Option<Builder>| {
        words.extend(builder.and_then(|builder| builder.finish(shown)));
    };
    for glyph in &shown.glyphs {
        let text = &shown.text[glyph.start as usize..glyph.end as usize];
        angle = angle_of(glyph).unwrap_or(angle);
        let (ux, uy) = direction(angle);
        let start = glyph.x * ux + glyph.y * uy;
        let baseline = glyph.y * ux - glyph.x * uy;
        let end = start + glyph.dx * ux + glyph.dy * uy;
        if text.chars().all(|char| char == ' ') {
            space = true;
            if let Some(builder) = &mut current {
                // A space that lies within the word is a producer's leftover.
                if end < builder.word.start || start > builder.word.end - glyph.size * 0.1 {
                    finish(current.take());
                }
            }
            continue;
        }
        let is_repeated = seen.is_repeated(text, start, baseline, glyph.size);
        if is_repeated && current.as_ref().is_some_and(|builder| builder.ends_with(shown, text, start, glyph.size)) {
            continue;
        }
        let style = shown.styles[usize::from(glyph.style)];
        let is_rtl = script::is_rtl(text) && !text.contains(|char: char| char.is_ascii_alphabetic());
        let is_ltr = !is_rtl && text.chars().any(char::is_alphabetic);
        if let Some(builder) = &mut current {
            match builder.relation(angle, [start, end], baseline, glyph.size, [is_rtl, is_ltr]) {
                Relation::Joins if !space => {
                    builder.push(glyph, start, end + glyph.spacing.max(0.0).min(glyph.size), end, is_rtl, is_ltr);
                    builder.is_fresh |= !is_repeated;
                    continue;
                }
                Relation::Joins | Relation::Apart => {
                    finish(current.take());
                    space = true;
                }
                Relation::Near => {
                    finish(current.take());
                    space = false;
                }
            }
        }
        current = Some(Builder {
            parts: vec![(start, end, glyph.start, glyph.end)],
            is_fresh: !is_repeated,
            word: PlacedWord {
                text: String::new(),
                angle,
                start,
                end: end + glyph.spacing.max(0.0).min(glyph.size),
                baseline,
                size: glyph.size,
                top: baseline - style.ascent * glyph.size,
                bottom: baseline - style.descent * glyph.size,
                style: glyph.style,
                has_space_before: space,
                is_rtl,
                is_ltr,
            },
        });
        space = false;
    }
    finish(current);
    words
}

enum Relation {
    /// Part of the same word.
    Joins,
    /// Beside it without a gap, but not of the same word's shape.
    Near,
    Apart,
}

impl Builder {
    fn relation(
        &self,
        angle: i16,
        [start, end]: [f32; 2],
        baseline: f32,
        size: f32,
        [is_rtl, is_ltr]: [bool; 2],
    ) -> Relation {
        let word = &self.word;
        let larger = word.size.max(size);
        if angle != word.angle || (baseline - word.baseline).abs() > larger * 0.5 {
            return Relation::Apart;
        }
        let gap = start - word.end;
        let gap_before = word.start - end;
        let allowed = larger * WORD_GAP;
        let joins = (-larger * 0.5..allowed).contains(&gap)
            || ((is_rtl || word.is_rtl) && (-larger * 0.5..allowed).contains(&gap_before))
            // A mark that stands over the glyphs before it.
            || (start >= word.start && end <= word.end + allowed);
        if !joins {
            return Relation::Apart;
        }
        if (is_ltr && word.is_rtl) || (is_rtl && word.is_ltr) {
            return Relation::Near;
        }
        let ratio = size / word.size;
        if (baseline - word.baseline).abs() > larger * 0.1 && !(0.85..1.18).contains(&ratio) {
            return Relation::Near;
        }
        Relation::Joins
    }

    /// Whether the same glyph is among the last of the word, at nearly the same place: how some producers make bold.
    fn ends_with(&self, shown: &Shown, text: &str, start: f32, size: f32) -> bool {
        self.parts
            .iter()
            .rev()
            .take(3)
            .any(|part| (part.0 - start).abs() < size * 0.1 && &shown.text[part.2 as usize..part.3 as usize] == text)
    }

    fn push(&mut self, glyph: &Glyph, start: f32, end: f32, inner_end: f32, is_rtl: bool, is_ltr: bool) {
        self.parts.push((start, inner_end, glyph.start, glyph.end));
        self.word.start = self.word.start.min(start);
        self.word.end = self.word.end.max(end);
        self.word.is_rtl |= is_rtl;
        self.word.is_ltr |= is_ltr;
        self.word.size = self.word.size.max(glyph.size);
    }

    fn finish(mut self, shown: &Shown) -> Option<PlacedWord> {
        let part = |part: &(f32, f32, u32, u32)| &shown.text[part.2 as usize..part.3 as usize];
        if self.word.is_rtl {
            // From the right to the left is how it is read; each glyph's own text is in order already.
            self.parts.sort_by(|one, other| (other.0 + other.1).total_cmp(&(one.0 + one.1)));
            self.word.text = script::logical_word(self.parts.iter().map(part));
        } else {
            let text: String = self.parts.iter().map(part).collect();
            self.word.text = script::normalise(&text);
        }
        // The spacing after the last glyph is not part of the word.
        self.word.end = self.parts.iter().map(|part| part.1).fold(f32::MIN, f32::max).max(self.word.start);
        // A word of which every glyph stood there before is a shadow, or bold made by writing twice.
        (self.is_fresh && !self.word.text.is_empty()).then_some(self.word)
    }
}

/// Glyphs by what and where they are: shadows and doubled text show the same glyph twice at nearly one place.
struct Seen {
    /// An open-addressed table; a glyph takes the first free slot after its own.
    slots: Vec<Option<(u64, f32, f32)>>,
}

impl Seen {
    fn for_glyphs(count: usize) -> Self {
        Self { slots: vec![None; (count * 2).next_power_of_two().max(16)] }
    }

    fn is_repeated(&mut self, text: &str, start: f32, baseline: f32, size: f32) -> bool {
        let text = text
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
        let (x, y) = (start / size, baseline / size);
        let cell = |value: f32| value.floor() as i64;
        let key = |x: i64, y: i64| {
            (text ^ (x as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (y as u64).wrapping_mul(0xC2B2_AE3D_27D4_EB4F))
                .wrapping_mul(0xFF51_AFD7_ED55_8CCD)
        };
        // Cells are a font size wide, so only a glyph near an edge has a neighbour to look into.
        let near = |value: f32, reach: f32| [cell(value - reach), cell(value + reach)];
        let ([left, right], [above, below]) = (near(x, 0.1), near(y, 0.2));
        let mask = self.slots.len() - 1;
        for column in left..=right {
            for row in above..=below {
                let key = key(column, row);
                let mut at = (key >> 32) as usize & mask;
                let mut steps = 0;
                while let Some((other, other_start, other_baseline)) = self.slots[at] {
                    if other == key
                        && (other_start - start).abs() < size * 0.1
                        && (other_baseline - baseline).abs() < size * 0.2
                    {
                        return true;
                    }
                    at = (at + 1) & mask;
                    steps += 1;
                    if steps > 64 {
                        break;
                    }
                }
            }
        }
        let key = key(cell(x), cell(y));
        let mut at = (key >> 32) as usize & mask;
        while self.slots[at].is_some() {
            at = (at + 1) & mask;
        }
        self.slots[at] = Some((key, start, baseline));
        false
    }
}

// --- lines ---

impl Segment {
    fn of(word: PlacedWord, continues_row: bool) -> Self {
        let (angle, start, end, baseline) = (word.angle, word.start, word.end, word.baseline);
        let (size, top, bottom) = (word.size, word.top, word.bottom);
        Self { words: vec![word], angle, start, end, baseline, size, top, bottom, continues_row }
    }

    fn push(&mut self, word: PlacedWord) {
        self.start = self.start.min(word.start);
        self.end = self.end.max(word.end);
        if word.size > self.size {
            self.baseline = word.baseline;
            self.size = word.size;
        }
        self.top = self.top.min(word.top);
        self.bottom = self.bottom.max(word.bottom);
        self.words.push(word);
    }

    fn shares_line(&self, angle: i16, top: f32, bottom: f32, baseline: f32) -> bool {
        let overlap = self.bottom.min(bottom) - self.top.max(top);
        let smaller = (self.bottom - self.top).min(bottom - top);
        let larger = (self.bottom - self.top).max(bottom - top);
        self.angle == angle && overlap > smaller * 0.45 && (self.baseline - baseline).abs() < larger * 0.5
    }
}

fn segments(words: Vec<PlacedWord>) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    for mut word in words {
        let Some(last) = segments.last_mut() else {
            segments.push(Segment::of(word, false));
            continue;
        };
        if !last.shares_line(word.angle, word.top, word.bottom, word.baseline) {
            segments.push(Segment::of(word, false));
            continue;
        }
        let size = last.size.max(word.size);
        let gap = word.start - last.end;
        let gap_before = last.start - word.end;
        let is_next = gap > -size * 0.3 && gap < size * CELL_GAP;
        let is_next_leftwards = (word.is_rtl || last.words.iter().any(|word| word.is_rtl))
            && gap_before > -size * 0.3
            && gap_before < size * CELL_GAP;
        if is_next || is_next_leftwards {
            if !word.has_space_before && gap.max(gap_before) > size * WORD_GAP {
                word.has_space_before = true;
            }
            last.push(word);
        } else {
            let continues_row = gap > 0.0;
            segments.push(Segment::of(word, continues_row));
        }
    }
    segments
}

/// Joins segments that stand beside each other with no more than a word's gap, whatever their order in the content.
fn merge_neighbours(segments: Vec<Segment>) -> Vec<Segment> {
    let mut by_place: Vec<usize> = (0..segments.len()).collect();
    by_place.sort_by(|one, other| {
        let (one, other) = (&segments[*one], &segments[*other]);
        one.angle.cmp(&other.angle).then(one.start.total_cmp(&other.start))
    });
    // For each segment the one that it ends at.
    let mut ends: HashMap<(i16, i32), Vec<usize>> = HashMap::new();
    let mut into: Vec<Option<usize>> = vec![None; segments.len()];
    let band = |segment: &Segment, offset: i32| (segment.angle, (segment.baseline / 4.0).floor() as i32 + offset);
    for &at in &by_place {
        let segment = &segments[at];
        let mut best: Option<(f32, usize)> = None;
        for offset in [-1, 0, 1] {
            for &other in ends.get(&band(segment, offset)).map(Vec::as_slice).unwrap_or_default().iter().rev().take(16)
            {
                let before = &segments[other];
                let size = before.size.max(segment.size);
                let gap = segment.start - before.end;
                let is_alike = (before.baseline - segment.baseline).abs() < size * 0.2
                    && before.size.min(segment.size) > size * 0.7;
                if is_alike && gap > -size * 0.2 && gap < size * 0.6 && best.is_none_or(|(best, _)| gap < best) {
                    best = Some((gap, other));
                }
            }
        }
        if let Some((_, other)) = best {
            into[at] = Some(other);
        }
        ends.entry(band(segment, 0)).or_default().push(at);
    }
    // A segment goes to the first of its chain, which stays at its place in the content.
    let mut slots: Vec<Option<Segment>> = segments.into_iter().map(Some).collect();
    let head = |mut at: usize| {
        while let Some(before) = into[at] {
            at = before;
        }
        at
    };
    for &at in &by_place {
        if into[at].is_none() {
            continue;
        }
        let target = head(at);
        let Some(segment) = slots[at].take() else { continue };
        let keeps_row = slots[target].as_ref().is_some_and(|target| target.continues_row);
        if let Some(target) = &mut slots[target] {
            for (index, mut word) in segment.words.into_iter().enumerate() {
                if index == 0 && word.start - target.end > word.size * WORD_GAP {
                    word.has_space_before = true;
                }
                target.push(word);
            }
            target.continues_row = keeps_row;
        }
    }
    slots.into_iter().flatten().collect()
}

// --- blocks ---

fn regions(segments: Vec<Segment>) -> Vec<Region> {
    let mut regions: Vec<Region> = Vec::new();
    for segment in segments {
        let taken = match regions.last_mut() {
            Some(last) if last.takes(&segment) => Some(last),
            _ => None,
        };
        match taken {
            Some(region) => region.push(segment),
            None => regions.push(Region::of(segment)),
        }
    }
    regions
}

impl Region {
    fn of(segment: Segment) -> Self {
        Self {
            angle: segment.angle,
            row: 0,
            row_start: segment.start,
            row_end: segment.end,
            baseline: segment.baseline,
            size: segment.size,
            start: segment.start,
            end: segment.end,
            leading: None,
            bounds: [0.0; 4],
            segments: vec![(segment, 0)],
        }
    }

    fn takes(&self, segment: &Segment) -> bool {
        if segment.angle != self.angle {
            return false;
        }
        let size = self.size.max(segment.size);
        if self.size.min(segment.size) < size * 0.72 && !segment.continues_row {
            return false;
        }
        let step = segment.baseline - self.baseline;
        if segment.continues_row && step.abs() < size * 0.5 {
            return segment.start > self.row_end;
        }
        let overlap = self.end.min(segment.end) - self.start.max(segment.start);
        let fits_leading = self.leading.is_none_or(|leading| (step - leading).abs() < size * 0.3);
        step > size * 0.3 && step < size * 1.9 && fits_leading && overlap > 0.0
    }

    fn push(&mut self, segment: Segment) {
        let step = segment.baseline - self.baseline;
        if segment.continues_row && step.abs() < self.size.max(segment.size) * 0.5 {
            self.row_end = self.row_end.max(segment.end);
        } else {
            self.row += 1;
            (self.row_start, self.row_end) = (segment.start, segment.end);
            self.baseline = segment.baseline;
            self.size = segment.size;
            self.leading.get_or_insert(step);
        }
        self.start = self.start.min(segment.start);
        self.end = self.end.max(segment.end);
        self.segments.push((segment, self.row));
    }

    fn view_bounds(&self) -> Bounds {
        self.segments
            .iter()
            .map(|(segment, _)| to_view(segment.angle, [segment.start, segment.top, segment.end, segment.bottom]))
            .reduce(union)
            .unwrap_or_default()
    }

    fn into_blocks(self, shown: &Shown) -> Vec<Block> {
        let bounds = self.bounds;
        let lines = self.segments.into_iter().map(|(segment, row)| segment.into_line(shown, row)).collect();
        vec![Block { kind: BlockKind::Paragraph, bounds, lines }]
    }
}

impl Segment {
    fn into_line(mut self, shown: &Shown, row: usize) -> Line {
        if self.words.iter().any(|word| word.is_rtl) {
            self.words.sort_by(|one, other| one.start.total_cmp(&other.start));
            script::logical_line(&mut self.words, |word| word.is_rtl);
            let mut before = None;
            for word in &mut self.words {
                word.has_space_before = before.is_none_or(|edge: (f32, f32)| {
                    let gap = (word.start - edge.1).max(edge.0 - word.end);
                    gap > word.size * WORD_GAP * 0.7
                });
                before = Some((word.start, word.end));
            }
        }
        let bounds = to_view(self.angle, [self.start, self.top, self.end, self.bottom]);
        let angle = self.angle;
        let words = self.words.into_iter().map(|word| {
            let style = shown.styles[usize::from(word.style)];
            Word {
                bounds: to_view(angle, [word.start, word.top, word.end, word.bottom]),
                text: word.text,
                size: word.size,
                is_bold: style.is_bold,
                is_italic: style.is_italic,
                is_monospace: style.is_monospace,
                has_space_before: word.has_space_before,
            }
        });
        Line { bounds, words: words.collect(), row, column: 0 }
    }
}
