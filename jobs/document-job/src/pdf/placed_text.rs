//! Words whose places are known already, arranged as those of a PDF's page are.

use super::content::{Glyph, Shown, Style, Tag};
use super::layout;
use crate::page_text::{Block, Bounds, Word, union};

/// A word with its place, on a page whose lines are level.
pub(crate) struct Placed {
    pub(crate) text: String,
    /// Around its ink.
    pub(crate) bounds: Bounds,
    /// Words of one number are parts of one line.
    pub(crate) line: u32,
    pub(crate) confidence: f32,
}

/// Above and below the baseline, of the font size: what a line with all kinds of letters has.
const ASCENT: f32 = 0.75;
const DESCENT: f32 = -0.21;
/// Lines whose sizes differ by less are of one size: measured heights depend on which letters a line has.
const SAME_SIZE: f32 = 0.25;

/// Blocks of lines in reading order.
pub(crate) fn arrange(words: Vec<Placed>) -> Vec<Block> {
    if words.is_empty() {
        return Vec::new();
    }
    let style = Style {
        ascent: ASCENT,
        descent: DESCENT,
        is_bold: false,
        is_italic: false,
        is_monospace: false,
        is_vertical: false,
        is_invisible: false,
        is_field: false,
    };
    let mut shown = Shown { tags: vec![Tag::default()], styles: vec![style], ..Shown::default() };
    let sizes = sizes(&words);
    for line in words.chunk_by(|one, other| one.line == other.line) {
        let (size, middle) = sizes[line[0].line as usize];
        let baseline = middle + size * (ASCENT + DESCENT) / 2.0;
        for (at, word) in line.iter().enumerate() {
            if at > 0 {
                let from = line[at - 1].bounds[2];
                push(&mut shown, " ", from, (word.bounds[0] - from).max(0.0), baseline, size);
            }
            let [left, _, right, _] = word.bounds;
            push(&mut shown, &word.text, left, right - left, baseline, size);
        }
    }
    let mut blocks = layout::arrange(&shown);
    measure(&mut blocks, words);
    blocks
}

fn push(shown: &mut Shown, text: &str, x: f32, dx: f32, y: f32, size: f32) {
    let start = shown.text.len() as u32;
    shown.text.push_str(text);
    let end = shown.text.len() as u32;
    shown.glyphs.push(Glyph { start, end, x, y, dx, dy: 0.0, size, em: size, spacing: 0.0, tag: 0, style: 0 });
}

/// The font size of each line and the middle between its ascenders and descenders.
fn sizes(words: &[Placed]) -> Vec<(f32, f32)> {
    let lines = words.iter().map(|word| word.line as usize + 1).max().unwrap_or(0);
    let mut ranges = vec![(f32::MAX, f32::MIN); lines];
    for word in words {
        let (top, bottom) = &mut ranges[word.line as usize];
        *top = top.min(word.bounds[1]);
        *bottom = bottom.max(word.bounds[3]);
    }
    let height = |(top, bottom): (f32, f32)| (bottom - top).max(0.5);
    let mut weighed: Vec<f32> = words.iter().map(|word| height(ranges[word.line as usize])).collect();
    weighed.sort_unstable_by(f32::total_cmp);
    let usual = weighed[weighed.len() / 2];
    let size = |range: (f32, f32)| {
        let height = height(range);
        let same = (height / usual - 1.0).abs() < SAME_SIZE;
        (if same { usual } else { height }) / (ASCENT - DESCENT)
    };
    ranges.into_iter().map(|range| (size(range), f32::midpoint(range.0, range.1))).collect()
}

/// Gives the arranged words their measured places and confidence: words that were joined have those of all their parts.
fn measure(blocks: &mut [Block], mut placed: Vec<Placed>) {
    placed.sort_by(|one, other| one.bounds[1].total_cmp(&other.bounds[1]));
    let tallest = placed.iter().map(|word| word.bounds[3] - word.bounds[1]).fold(0.0, f32::max);
    for block in blocks {
        for line in &mut block.lines {
            line.words.iter_mut().for_each(|word| measure_word(word, &placed, tallest));
            line.bounds = all(line.words.iter().map(|word| word.bounds), line.bounds);
        }
        block.bounds = all(block.lines.iter().map(|line| line.bounds), block.bounds);
    }
}

fn measure_word(word: &mut Word, placed: &[Placed], tallest: f32) {
    let [left, top, right, bottom] = word.bounds;
    let from = placed.partition_point(|part| part.bounds[1] < top - tallest);
    let near = placed[from..].iter().take_while(|part| part.bounds[1] <= bottom);
    let parts: Vec<&Placed> = near
        .filter(|part| {
            let [x, y] = [0, 1].map(|axis| f32::midpoint(part.bounds[axis], part.bounds[axis + 2]));
            left <= x && x <= right && top <= y && y <= bottom && word.text.contains(part.text.trim())
        })
        .collect();
    word.bounds = all(parts.iter().map(|part| part.bounds), word.bounds);
    word.confidence = parts.iter().map(|part| part.confidence).reduce(f32::min);
}

fn all(bounds: impl Iterator<Item = Bounds>, otherwise: Bounds) -> Bounds {
    bounds.reduce(union).unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page_text::Line;

    fn placed(text: &str, bounds: Bounds, line: u32, confidence: f32) -> Placed {
        Placed { text: text.to_owned(), bounds, line, confidence }
    }

    #[test]
    fn words_become_lines_of_blocks_with_their_confidence() {
        let words = vec![
            placed("Read", [72.0, 100.0, 96.0, 110.0], 0, 0.9),
            placed("me", [100.0, 102.0, 118.0, 110.0], 0, 0.7),
            placed("again", [72.0, 114.0, 100.0, 126.0], 1, 0.8),
        ];
        let blocks = arrange(words);
        assert_eq!(blocks.len(), 1);
        let text: Vec<String> = blocks[0].lines.iter().map(Line::text).collect();
        assert_eq!(text, ["Read me", "again"]);
        let me = &blocks[0].lines[0].words[1];
        assert_eq!((me.bounds, me.confidence), ([100.0, 102.0, 118.0, 110.0], Some(0.7)));
    }

    #[test]
    fn columns_are_read_one_after_the_other() {
        let line = |column: usize, row: usize, line: u32| {
            let left = 72.0 + column as f32 * 250.0;
            let top = 100.0 + row as f32 * 14.0;
            let word = move |at: usize| {
                let left = left + at as f32 * 50.0;
                placed(&format!("c{column}r{row}w{at}"), [left, top, left + 44.0, top + 10.0], line, 0.9)
            };
            (0..4).map(word)
        };
        let words = (0..8).flat_map(|row| [0, 1].map(|column| (column, row)));
        let words = words.zip(0..).flat_map(|((column, row), number)| line(column, row, number)).collect();
        let blocks = arrange(words);
        let text: Vec<String> = blocks.iter().flat_map(|block| &block.lines).map(Line::text).collect();
        assert_eq!(text[0], "c0r0w0 c0r0w1 c0r0w2 c0r0w3");
        assert_eq!(text[7].split(' ').next(), Some("c0r7w0"), "{text:?}");
        assert_eq!(text[8].split(' ').next(), Some("c1r0w0"), "{text:?}");
    }
}
