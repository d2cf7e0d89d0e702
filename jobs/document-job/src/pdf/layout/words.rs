//! From glyphs to words.

use super::super::content::{Glyph, Shown};
use super::super::script;
use super::super::tags::Role;
use super::{PlacedWord, WORD_GAP, angle_of, direction};
use crate::rich::{Script, scripted};

/// A word while glyphs are added to it.
struct Builder {
    /// Place along the direction, and range of the text.
    parts: Vec<(f32, f32, u32, u32)>,
    /// Space that the content asks for behind the last glyph, and behind the one before it.
    spacing: f32,
    spacing_before: Option<f32>,
    /// Raised or lowered, beside a larger word.
    script: Script,
    /// Some glyph of it did not stand at this place before.
    is_fresh: bool,
    word: PlacedWord,
}

pub(super) fn words(shown: &Shown) -> Vec<PlacedWord> {
    let mut words: Vec<PlacedWord> = Vec::with_capacity(shown.glyphs.len() / 5 + 1);
    let mut seen = Seen::for_glyphs(shown.glyphs.len());
    let mut current: Option<Builder> = None;
    let mut space = true;
    let mut drawn_space: Option<[f32; 2]> = None;
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
            if let Some(builder) = &mut current {
                let is_level = builder.is_level(angle, baseline);
                let word = &mut builder.word;
                // A space that lies within the word is a producer's leftover, which changes nothing.
                let is_within = start > word.start
                    && start < word.end - glyph.size * 0.1
                    && end < word.end + glyph.size * 0.02
                    && end > start;
                if is_within && is_level {
                    continue;
                }
                let [left, right] = beside([start, end], [word.start, word.end], glyph.size);
                word.has_drawn_space[0] |= left;
                word.has_drawn_space[1] |= right;
                if end < word.start || start > word.end - glyph.size * 0.1 {
                    finish(current.take());
                }
            }
            space = true;
            drawn_space = Some([start, end]);
            continue;
        }
        let is_repeated = seen.is_repeated(text, start, baseline, glyph.size);
        if is_repeated && current.as_ref().is_some_and(|builder| builder.ends_with(shown, text, start, glyph.size)) {
            continue;
        }
        let style = shown.styles[usize::from(glyph.style)];
        let is_rtl = script::is_rtl(text) && !text.contains(|char: char| char.is_ascii_alphabetic());
        let is_ltr = !is_rtl && text.chars().any(char::is_alphabetic);
        let mut script = Script::Normal;
        if let Some(builder) = &mut current {
            match builder.relation(glyph, angle, [start, end], baseline, [is_rtl, is_ltr]) {
                Relation::Joins if !space => {
                    builder.push(glyph, start, end, is_rtl, is_ltr);
                    builder.is_fresh |= !is_repeated;
                    continue;
                }
                Relation::Joins | Relation::Apart => {
                    finish(current.take());
                    space = true;
                }
                Relation::Near => {
                    if !space {
                        script = builder.script_of(glyph, baseline);
                    }
                    finish(current.take());
                    space = false;
                }
            }
        }
        current = Some(Builder {
            parts: vec![(start, end, glyph.start, glyph.end)],
            spacing: glyph.spacing,
            spacing_before: None,
            script,
            is_fresh: !is_repeated,
            word: PlacedWord {
                text: String::new(),
                angle,
                start,
                end,
                baseline,
                size: glyph.size,
                em: glyph.em.min(glyph.size),
                tag: glyph.tag,
                block: shown.elements.get(glyph.tag as usize).map_or(0, |element| element.block),
                role: shown.elements.get(glyph.tag as usize).map_or(Role::None, |element| element.role),
                index: 0,
                top: baseline - style.ascent * glyph.size,
                bottom: baseline - style.descent * glyph.size,
                style: glyph.style,
                is_bold: style.is_bold,
                has_space_before: space,
                has_drawn_space: drawn_space.take().map_or([false; 2], |drawn| beside(drawn, [start, end], glyph.size)),
                is_rtl,
                is_ltr,
            },
        });
        space = false;
    }
    finish(current);
    for (word, index) in words.iter_mut().zip(0..) {
        word.index = index;
    }
    words
}

/// Whether a space that is drawn stands directly at the left, at the right of a word.
fn beside(space: [f32; 2], word: [f32; 2], size: f32) -> [bool; 2] {
    let middle = f32::midpoint(space[0], space[1]);
    [middle < word[0] && word[0] - space[1] < size * 0.3, middle > word[1] && space[0] - word[1] < size * 0.3]
}

enum Relation {
    /// Part of the same word.
    Joins,
    /// Beside it without a gap, but not of the same word's shape.
    Near,
    Apart,
}

impl Builder {
    fn is_level(&self, angle: i16, baseline: f32) -> bool {
        self.word.angle == angle && (self.word.baseline - baseline).abs() < self.word.size * 0.2
    }

    /// Whether a smaller glyph beside the word is raised or lowered.
    fn script_of(&self, glyph: &Glyph, baseline: f32) -> Script {
        let raised = (self.word.baseline - baseline) / self.word.size;
        let is_smaller = glyph.size < self.word.size * 0.85 && self.script == Script::Normal;
        match raised {
            0.15..0.8 if is_smaller => Script::Super,
            -0.5..-0.08 if is_smaller => Script::Sub,
            _ => Script::Normal,
        }
    }

    fn relation(
        &self,
        glyph: &Glyph,
        angle: i16,
        [start, end]: [f32; 2],
        baseline: f32,
        [is_rtl, is_ltr]: [bool; 2],
    ) -> Relation {
        let word = &self.word;
        let size = glyph.size;
        let larger = word.size.max(size);
        if angle != word.angle || (baseline - word.baseline).abs() > larger * 0.5 {
            return Relation::Apart;
        }
        // Letters are spaced where those before and behind are, too; else the space parts words.
        let around = self.spacing_before.map_or(glyph.spacing, |before| before.min(glyph.spacing));
        let spacing = self.spacing.min(around).clamp(0.0, size);
        let gap = start - word.end - spacing;
        let gap_before = word.start - end - spacing;
        let allowed = word.em.max(glyph.em.min(size)) * WORD_GAP;
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
            .take(64)
            .any(|part| (part.0 - start).abs() < size * 0.1 && &shown.text[part.2 as usize..part.3 as usize] == text)
    }

    fn push(&mut self, glyph: &Glyph, start: f32, end: f32, is_rtl: bool, is_ltr: bool) {
        self.parts.push((start, end, glyph.start, glyph.end));
        self.spacing_before = Some(std::mem::replace(&mut self.spacing, glyph.spacing));
        self.word.em = self.word.em.max(glyph.em.min(glyph.size));
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
        let is_number = self.word.text.chars().all(|char| char.is_ascii_digit() || matches!(char, '+' | '-' | '−'));
        if self.script != Script::Normal && is_number {
            self.word.text = scripted(&self.word.text, self.script, None);
        }
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
