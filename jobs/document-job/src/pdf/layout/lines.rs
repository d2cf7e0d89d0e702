//! From words to lines, in pieces that no wide gap parts.

use std::collections::HashMap;

use super::super::tags::Role;
use super::{CELL_GAP, PlacedWord, Segment, WORD_GAP};

impl Segment {
    pub(super) fn of(word: PlacedWord, continues_row: bool) -> Self {
        let (angle, start, end, baseline) = (word.angle, word.start, word.end, word.baseline);
        let (size, top, bottom) = (word.size, word.top, word.bottom);
        Self { words: vec![word], angle, start, end, baseline, size, top, bottom, continues_row }
    }

    /// The element of the document's structure that it is of, and what that is.
    pub(super) fn element(&self) -> (u32, Role) {
        self.words.first().map_or((0, Role::None), |word| (word.block, word.role))
    }

    pub(super) fn push(&mut self, word: PlacedWord) {
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

    /// Whether the word stands between words of the segment, over none of them.
    fn has_room_for(&self, word: &PlacedWord) -> bool {
        word.start > self.start
            && word.end < self.end
            && self.words.iter().all(|other| {
                let overlap = other.end.min(word.end) - other.start.max(word.start);
                overlap < word.size * 0.1
            })
    }

    fn insert(&mut self, mut word: PlacedWord) {
        let at = self.words.iter().position(|other| other.start > word.start).unwrap_or(self.words.len());
        let is_apart = |left: &PlacedWord, right: &PlacedWord| {
            left.has_drawn_space[1] || right.has_drawn_space[0] || right.start - left.end > right.em * WORD_GAP
        };
        if let Some(before) = at.checked_sub(1).map(|before| &self.words[before]) {
            word.has_space_before = is_apart(before, &word);
        }
        if let Some(after) = self.words.get_mut(at) {
            after.has_space_before = is_apart(&word, after);
        }
        self.words.insert(at, word);
    }

    pub(super) fn shares_line(&self, angle: i16, top: f32, bottom: f32, baseline: f32) -> bool {
        let overlap = self.bottom.min(bottom) - self.top.max(top);
        let smaller = (self.bottom - self.top).min(bottom - top);
        let larger = (self.bottom - self.top).max(bottom - top);
        self.angle == angle && overlap > smaller * 0.45 && (self.baseline - baseline).abs() < larger * 0.5
    }
}

pub(super) fn segments(words: Vec<PlacedWord>) -> Vec<Segment> {
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
            if !word.has_space_before && gap.max(gap_before) > word.em * WORD_GAP {
                word.has_space_before = true;
            }
            last.push(word);
        } else if last.has_room_for(&word) {
            last.insert(word);
        } else {
            let continues_row = gap > 0.0;
            segments.push(Segment::of(word, continues_row));
        }
    }
    segments
}

/// Letters of a spread word at least.
const MIN_SPREAD: usize = 4;

/// Joins words that are spread for emphasis, letter by letter: single letters with the same gap between them and no
/// space drawn there.
pub(super) fn join_spread_letters(words: Vec<PlacedWord>) -> Vec<PlacedWord> {
    let is_letter = |word: &PlacedWord| {
        let mut chars = word.text.chars();
        chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none() && !word.is_rtl
    };
    let gap = |one: &PlacedWord, other: &PlacedWord| {
        let is_beside = one.angle == other.angle
            && (one.baseline - other.baseline).abs() < one.size * 0.05
            && (one.size - other.size).abs() < one.size * 0.05;
        let gap = other.start - one.end;
        (is_beside && gap > one.size * WORD_GAP * 0.5 && gap < one.size).then_some(gap)
    };
    let mut joined: Vec<PlacedWord> = Vec::with_capacity(words.len());
    let mut words = words.into_iter().peekable();
    while let Some(first) = words.next() {
        let mut line = vec![first];
        while let Some(next) = words.peek()
            && is_letter(next)
            && line.last().is_some_and(|last| is_letter(last) && gap(last, next).is_some())
        {
            line.extend(words.next());
        }
        let gaps: Vec<Option<f32>> = line
            .windows(2)
            .map(|pair| gap(&pair[0], &pair[1]).filter(|_| !pair[0].has_drawn_space[1] && !pair[1].has_drawn_space[0]))
            .collect();
        let narrowest = gaps.iter().flatten().copied().fold(f32::MAX, f32::min);
        let is_within = |gap: &Option<f32>| gap.is_some_and(|gap| gap < narrowest * 1.6);
        let is_spread = gaps.iter().filter(|gap| is_within(gap)).count() >= MIN_SPREAD - 1;
        let mut links = gaps.iter();
        for (at, word) in line.into_iter().enumerate() {
            let is_linked = at > 0 && links.next().is_some_and(is_within) && is_spread;
            match joined.last_mut().filter(|_| is_linked) {
                Some(last) => {
                    last.text.push_str(&word.text);
                    last.end = word.end;
                    last.has_drawn_space[1] = word.has_drawn_space[1];
                }
                None => joined.push(word),
            }
        }
    }
    joined
}

/// Joins segments that stand beside each other with no more than a word's gap, whatever their order in the content.
pub(super) fn merge_neighbours(segments: Vec<Segment>) -> Vec<Segment> {
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
                if index == 0 && word.start - target.end > word.em * WORD_GAP {
                    word.has_space_before = true;
                }
                target.push(word);
            }
            target.continues_row = keeps_row;
        }
    }
    slots.into_iter().flatten().collect()
}
