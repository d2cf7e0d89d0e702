//! What is written in a line: the most probable sign of each column (connectionist temporal classification: Graves and others,
//! 2006), and words with places and confidence.

use std::ops::Range;

use contract::Failure;
use inference::Value;
use operation::Weights;
use pixels::raster::Raster;

use crate::alphabet::{Alphabet, is_ideographic, narrow};
use crate::geometry::Rectangle;
use crate::strip::Strip;
use crate::{Line, Settings, Word};

pub const NETWORK: &str = "ocr-recognition";

/// Rows of a line as the network takes it.
const HEIGHT: usize = 48;
/// Columns: fewer are filled up, and a line that is longer is read in parts.
const LEAST_WIDTH: usize = 160;
const MOST_WIDTH: usize = 3200;
/// Widths are multiples of this.
const STEP: usize = 32;
/// Parts of one line.
const MOST_PARTS: usize = 8;

/// The signs that the network gives probabilities of, in its order.
struct Signs {
    all: Vec<char>,
    allowed: Vec<bool>,
}

impl Signs {
    /// The first is none, the last a space.
    fn of(list: &str, alphabet: Alphabet) -> Self {
        let listed = list.lines().map(|sign| sign.chars().next().unwrap_or(' '));
        let all: Vec<char> = std::iter::once('\0').chain(listed).chain(std::iter::once(' ')).collect();
        let allowed = all.iter().map(|sign| alphabet.has(*sign)).collect();
        Self { all, allowed }
    }
}

/// A sign at its column.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sign {
    letter: char,
    probability: f32,
    /// Its place in the line, in columns of the strip.
    place: f32,
}

/// Reads lines. Those of which nothing is sure enough are left out.
pub fn read(
    picture: &Raster,
    lines: &[Rectangle],
    settings: Settings,
    weights: &Weights,
) -> Result<Vec<Line>, Failure> {
    let network = inference::network(weights, NETWORK)?;
    let list = network.metadata("character")?;
    let list = list.ok_or_else(|| Failure::internal(format!("the network {NETWORK} names no signs")))?;
    let signs = Signs::of(&list, settings.alphabet);
    let mut read = Vec::new();
    for line in lines {
        let width = (HEIGHT as f32 * line.width / line.height.max(1.0)).ceil().max(1.0) as usize;
        let strip = Strip::cut(picture, line, width.min(MOST_WIDTH * MOST_PARTS), HEIGHT);
        let (columns, rows) = strip.ink();
        let mut found = Vec::new();
        for part in parts(&columns) {
            let start = part.start as f32;
            let signs = read_part(&strip, part, &network, &signs)?;
            found.extend(signs.into_iter().map(|sign| Sign { place: sign.place + start, ..sign }));
        }
        read.extend(line_of(line, &columns, &rows, &found, settings.min_confidence));
    }
    Ok(read)
}

/// Ranges of columns that the network reads at once, parted where there is no ink.
fn parts(ink: &[bool]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    while ink.len() - start > MOST_WIDTH {
        let latest = start + MOST_WIDTH;
        let earliest = start + MOST_WIDTH / 2;
        let end = longest_gap(ink, earliest..latest).map_or(latest, |gap| usize::midpoint(gap.start, gap.end));
        parts.push(start..end);
        start = end;
    }
    parts.push(start..ink.len());
    parts
}

/// The longest run of columns without ink in a range.
fn longest_gap(ink: &[bool], range: Range<usize>) -> Option<Range<usize>> {
    let mut longest: Option<Range<usize>> = None;
    let mut start = None;
    for at in range.start..=range.end {
        let is_free = at < range.end && ink.get(at).is_some_and(|ink| !ink);
        match (is_free, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                if longest.as_ref().is_none_or(|gap| at - from > gap.len()) {
                    longest = Some(from..at);
                }
                start = None;
            }
            _ => {}
        }
    }
    longest
}

fn read_part(
    strip: &Strip,
    columns: Range<usize>,
    network: &inference::Network,
    signs: &Signs,
) -> Result<Vec<Sign>, Failure> {
    let width = columns.len().max(LEAST_WIDTH).next_multiple_of(STEP);
    let input = Value::new(&[1, 3, HEIGHT, width], strip.numbers(columns, width))?;
    let outputs = network.run(&[("x", &input)], &["fetch_name_0"])?;
    let shape = outputs[0].shape();
    let [1, steps, count] = shape[..] else {
        return Err(Failure::internal(format!("the network {NETWORK} gives {shape:?}")));
    };
    if count != signs.all.len() {
        return Err(Failure::internal(format!(
            "the network {NETWORK} has {count} signs, and names {}",
            signs.all.len()
        )));
    }
    let step = width as f32 / steps as f32;
    Ok(decode(outputs[0].numbers::<f32>()?, signs, step))
}

/// The signs of the most probable path: what repeats is one, and what is none parts signs.
fn decode(probabilities: &[f32], signs: &Signs, step: f32) -> Vec<Sign> {
    let mut found: Vec<Sign> = Vec::new();
    let mut before = 0;
    for (column, probabilities) in probabilities.chunks_exact(signs.all.len()).enumerate() {
        // Most columns have none, which is seen at once.
        let (best, probability) =
            if probabilities[0] > 0.5 { (0, probabilities[0]) } else { best(probabilities, &signs.allowed) };
        let place = (column as f32 + 0.5) * step;
        match found.last_mut() {
            _ if best == 0 => {}
            Some(last) if best == before => {
                // It stands where it is surest.
                if probability > last.probability {
                    (last.probability, last.place) = (probability, place);
                }
            }
            _ => found.push(Sign { letter: signs.all[best], probability, place }),
        }
        before = best;
    }
    found
}

fn best(probabilities: &[f32], allowed: &[bool]) -> (usize, f32) {
    let mut best = (0, probabilities[0]);
    for (at, probability) in probabilities.iter().enumerate() {
        if *probability > best.1 && allowed[at] {
            best = (at, *probability);
        }
    }
    best
}

/// Words of a line.
fn line_of(line: &Rectangle, columns: &[bool], rows: &[bool], signs: &[Sign], least: f32) -> Option<Line> {
    let is_broad = |sign: &Sign| is_ideographic(sign.letter) && narrow(sign.letter) == sign.letter;
    let has_ideographs = signs.iter().any(is_broad);
    let mut words: Vec<&[Sign]> = Vec::new();
    let mut start = 0;
    for at in 0..=signs.len() {
        let is_space = signs.get(at).is_none_or(|sign| sign.letter.is_whitespace());
        let is_apart = at > start && at < signs.len() && stand_apart(columns, signs[at - 1].place, signs[at].place);
        if is_space || is_apart {
            if at > start {
                words.push(&signs[start..at]);
            }
            start = if is_space { at + 1 } else { at };
        }
    }
    let scale = (line.width / columns.len() as f32, line.height / rows.len() as f32);
    let (top, bottom) = ends(rows).unwrap_or((0, rows.len()));
    let edges = edges(columns, &words);
    let word = |(signs, (left, right)): (&&[Sign], &(f32, f32))| {
        let confidence = signs.iter().map(|sign| sign.probability).sum::<f32>() / signs.len() as f32;
        let usual = |sign: &Sign| if has_ideographs { sign.letter } else { narrow(sign.letter) };
        Word {
            text: signs.iter().map(usual).collect(),
            confidence,
            corners: line.part([left * scale.0, top as f32 * scale.1, right * scale.0, bottom as f32 * scale.1]),
        }
    };
    let words: Vec<Word> = words.iter().zip(&edges).map(word).filter(|word| word.confidence >= least).collect();
    let confidence = words.iter().map(|word| word.confidence).sum::<f32>() / words.len() as f32;
    // One or two signs alone are what spots, edges and textures are taken for: they have to be surer.
    let needed = match signs.len() {
        1 => least.powf(0.15),
        2 => least.powf(0.3),
        _ => least,
    };
    (confidence >= needed).then(|| Line { words, confidence, corners: line.corners() })
}

/// Whether there is so much room without ink between two signs that they are of two words, whatever the network says.
fn stand_apart(columns: &[bool], from: f32, to: f32) -> bool {
    to - from > HEIGHT as f32
        && longest_gap(columns, from as usize..to as usize).is_some_and(|gap| gap.len() > HEIGHT * 3 / 4)
}

/// The first place with ink, and the end of the last.
fn ends(ink: &[bool]) -> Option<(usize, usize)> {
    let first = ink.iter().position(|ink| *ink)?;
    let last = ink.iter().rposition(|ink| *ink)?;
    Some((first, last + 1))
}

/// Where words begin and end, in columns: at the room without ink between them, and at the line's first and last ink.
fn edges(columns: &[bool], words: &[&[Sign]]) -> Vec<(f32, f32)> {
    let (Some(first), Some(last)) =
        (words.first().and_then(|word| word.first()), words.last().and_then(|word| word.last()))
    else {
        return Vec::new();
    };
    let whole = columns.len() as f32;
    let (start, end) = ends(columns).map_or((0.0, whole), |(start, end)| (start as f32, end as f32));
    // Ink far from the first and the last sign is of something else.
    let reach = HEIGHT as f32;
    let mut edges = Vec::with_capacity(words.len());
    let mut left = start.max(first.place - reach).min(first.place);
    for pair in words.windows(2) {
        let (Some(before), Some(behind)) = (pair[0].last(), pair[1].first()) else { continue };
        let (from, to) = (before.place, behind.place);
        let gap = longest_gap(columns, from as usize..(to as usize).max(from as usize));
        let (right, next) =
            gap.map_or((f32::midpoint(from, to), f32::midpoint(from, to)), |gap| (gap.start as f32, gap.end as f32));
        edges.push((left, right));
        left = next;
    }
    edges.push((left, end.min(last.place + reach).max(last.place)));
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signs() -> Signs {
        Signs::of("a\nb\n中\n，", Alphabet::ALL)
    }

    /// A row of probabilities with one sure sign.
    fn column(best: usize, probability: f32) -> Vec<f32> {
        let mut column = vec![0.001; 6];
        column[best] = probability;
        column
    }

    fn read(columns: &[(usize, f32)], signs: &Signs) -> Vec<Sign> {
        let all: Vec<f32> = columns.iter().flat_map(|(best, probability)| column(*best, *probability)).collect();
        decode(&all, signs, 8.0)
    }

    #[test]
    fn repeated_signs_are_one_unless_there_is_none_between_them() {
        let found = read(&[(1, 0.7), (1, 0.9), (0, 0.9), (1, 0.8), (2, 0.6), (5, 0.9)], &signs());
        let text: String = found.iter().map(|sign| sign.letter).collect();
        assert_eq!(text, "aab ");
        assert_eq!((found[0].probability, found[0].place), (0.9, 12.0));
    }

    #[test]
    fn signs_of_other_scripts_are_not_read() {
        let latin = Signs::of("a\nb\n中\n，", Alphabet::LATIN);
        let mut probabilities = column(3, 0.6);
        probabilities[2] = 0.3;
        let found = decode(&probabilities, &latin, 8.0);
        assert_eq!((found[0].letter, found[0].probability), ('b', 0.3));
    }

    #[test]
    fn words_end_where_the_ink_does_and_what_is_unsure_is_left_out() {
        let line = Rectangle { middle: [100.0, 24.0], along: [1.0, 0.0], width: 200.0, height: 48.0 };
        let columns: Vec<bool> = (0..200).map(|at| (10..60).contains(&at) || (80..150).contains(&at)).collect();
        let rows: Vec<bool> = (0..48).map(|at| (8..40).contains(&at)).collect();
        let sign = |letter, place, probability| Sign { letter, probability, place };
        let read = [
            sign('a', 20.0, 0.9),
            sign('b', 50.0, 0.9),
            sign(' ', 70.0, 0.9),
            sign('b', 90.0, 0.3),
            sign('a', 140.0, 0.3),
        ];
        let found = line_of(&line, &columns, &rows, &read, 0.0).unwrap();
        assert_eq!(found.text(), "ab ba");
        assert_eq!(found.words[0].corners, [[10.0, 8.0], [60.0, 8.0], [60.0, 40.0], [10.0, 40.0]]);
        assert!((found.words[1].corners[0][0] - 80.0).abs() < 0.01);
        let sure = line_of(&line, &columns, &rows, &read, 0.5).unwrap();
        assert_eq!(sure.text(), "ab");
        assert!(line_of(&line, &columns, &rows, &read[4..], 0.5).is_none());
        let alone = |probability| line_of(&line, &columns, &rows, &[sign('7', 90.0, probability)], 0.5).is_some();
        assert!(alone(0.95) && !alone(0.85), "a sign alone has to be surer");
        assert!(line_of(&line, &columns, &rows, &[], 0.0).is_none());
    }

    #[test]
    fn broad_signs_are_usual_ones_in_a_line_without_ideographs() {
        let line = Rectangle { middle: [50.0, 24.0], along: [1.0, 0.0], width: 100.0, height: 48.0 };
        let (columns, rows) = (vec![true; 100], vec![true; 48]);
        let text = |signs: &str| {
            let signs: Vec<Sign> = signs
                .chars()
                .zip(1..)
                .map(|(letter, at)| Sign { letter, place: at as f32 * 20.0, probability: 0.9 })
                .collect();
            line_of(&line, &columns, &rows, &signs, 0.5).unwrap().text()
        };
        assert_eq!(text("a，b"), "a,b");
        assert_eq!(text("中，a"), "中，a");
    }

    #[test]
    fn a_long_line_is_read_in_parts_that_end_between_words() {
        assert_eq!(parts(&[true; 100])[0], 0..100);
        let ink: Vec<bool> = (0..7000).map(|at| at % 100 < 90).collect();
        let parts = parts(&ink);
        assert_eq!((parts[0].start, parts[parts.len() - 1].end), (0, 7000));
        assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start && !ink[pair[0].end]), "{parts:?}");
        assert!(parts.iter().all(|part| part.len() <= MOST_WIDTH), "{parts:?}");
        assert_eq!(super::parts(&[true; 4000]).len(), 2);
    }
}
