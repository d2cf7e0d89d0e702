//! When each word is said: the decoder's attention to the audio, followed by dynamic time warping (openai/whisper
//! `timing.py`).

use std::ops::Range;

use crate::language;
use crate::network::{Attention, SECONDS_PER_PLACE};
use crate::tokens::Tokens;

/// Tokens of the prompt before the one that says `no_times`; the row of each token shows where the next one is heard.
const BEFORE: usize = 3;

/// Places of the median filter over time.
const MEDIAN: usize = 7;

/// Marks that belong to the word behind them, and to the word before them.
const OPENING: &str = "\"'“¿([{-";
const CLOSING: &str = "\"'.。,，!！?？:：”)]}、";

/// A word and when it is said, in seconds of the window.
#[derive(Debug, Clone, PartialEq)]
pub struct Aligned {
    /// With the space before it.
    pub text: String,
    /// Which of the tokens of text it is made of.
    pub tokens: Range<usize>,
    /// Beginning and end.
    pub time: Range<f64>,
}

/// The tokens to ask the network's attention for.
pub fn prompt(tokens: &Tokens, language: u32, translate: bool, text: &[u32]) -> Vec<u32> {
    let task = if translate { tokens.translate } else { tokens.transcribe };
    let mut result = vec![tokens.start, language, task, tokens.no_times];
    result.extend(text);
    result.push(tokens.end);
    result
}

/// Times of the words that the tokens of text make. `attention` is that to [`prompt`], `seconds` what the window has of
/// audio.
pub fn align(tokens: &Tokens, code: &str, text: &[u32], attention: &Attention, seconds: f64) -> Vec<Aligned> {
    let words = words(tokens, code, text);
    let places = ((seconds / SECONDS_PER_PLACE).ceil() as usize).clamp(1, attention.places.max(1));
    if words.is_empty() || attention.tokens != text.len() + BEFORE + 2 {
        return Vec::new();
    }
    let cost = cost(attention, places);
    let starts = starts(&cost, text.len() + 1, places);
    let time = |token: usize| starts[token] as f64 * SECONDS_PER_PLACE;
    let aligned = words.into_iter().map(|(text, range)| {
        let time = time(range.start)..time(range.end);
        Aligned { text, tokens: range, time }
    });
    join_marks(aligned.collect())
}

/// Words that share the time of their segment by their length. A segment is its number of tokens and its time.
pub fn spread(tokens: &Tokens, code: &str, text: &[u32], segments: &[(usize, Range<f64>)]) -> Vec<Aligned> {
    let mut result = Vec::new();
    let mut from = 0;
    for (count, time) in segments {
        let count = (*count).min(text.len() - from);
        let part = words(tokens, code, &text[from..from + count]);
        let total: usize = part.iter().map(|(word, _)| word.trim().chars().count()).sum();
        let mut before = 0;
        let words = part.into_iter().map(|(text, range)| {
            let at = |signs: usize| time.start + (time.end - time.start) * signs as f64 / total.max(1) as f64;
            let start = at(before);
            before += text.trim().chars().count();
            Aligned { text, tokens: from + range.start..from + range.end, time: start..at(before) }
        });
        result.extend(join_marks(words.collect()));
        from += count;
    }
    result
}

/// The tokens by words: at spaces and ASCII punctuation, and in languages without spaces at each character.
fn words(tokens: &Tokens, code: &str, text: &[u32]) -> Vec<(String, Range<usize>)> {
    let mut words: Vec<(String, Range<usize>)> = Vec::new();
    let mut bytes: Vec<u8> = Vec::new();
    let mut start = 0;
    for (at, token) in text.iter().enumerate() {
        bytes.extend(tokens.bytes(*token));
        // Part of a character: the next token has the rest.
        let is_part = std::str::from_utf8(&bytes).is_err_and(|error| error.error_len().is_none());
        if is_part && at + 1 < text.len() {
            continue;
        }
        let piece = String::from_utf8_lossy(&bytes).into_owned();
        bytes.clear();
        let is_mark = !piece.trim().is_empty() && piece.trim().chars().all(|sign| sign.is_ascii_punctuation());
        let begins = language::is_written_without_spaces(code) || piece.starts_with(' ') || is_mark;
        match words.last_mut() {
            Some((word, range)) if !begins => {
                word.push_str(&piece);
                range.end = at + 1;
            }
            _ => words.push((piece, start..at + 1)),
        }
        start = at + 1;
    }
    words
}

/// Mean over the heads of the attention, each normalised over the tokens and smoothed over time, negative because paths are
/// sought that cost least: rows from the one that shows the first token of text to the one that shows the end.
fn cost(attention: &Attention, places: usize) -> Vec<f32> {
    let rows = attention.tokens - BEFORE - 1;
    let mut cost = vec![0.0_f32; rows * places];
    let mut weights = vec![0.0_f32; attention.tokens * places];
    let mut smooth = Vec::with_capacity(places);
    for head in 0..attention.heads {
        for token in 0..attention.tokens {
            let from = (head * attention.tokens + token) * attention.places;
            let scores = &attention.scores[from..from + places];
            let peak = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let row = &mut weights[token * places..][..places];
            for (weight, score) in row.iter_mut().zip(scores) {
                *weight = (score - peak).exp();
            }
            let sum: f32 = row.iter().sum();
            for weight in row.iter_mut() {
                *weight /= sum;
            }
        }
        for place in 0..places {
            let count = attention.tokens as f32;
            let column = || (0..attention.tokens).map(|token| weights[token * places + place]);
            let mean = column().sum::<f32>() / count;
            let deviation = (column().map(|weight| (weight - mean).powi(2)).sum::<f32>() / count).sqrt();
            for token in 0..attention.tokens {
                let weight = &mut weights[token * places + place];
                *weight = if deviation > 0.0 { (*weight - mean) / deviation } else { 0.0 };
            }
        }
        for row in 0..rows {
            median(&weights[(row + BEFORE) * places..][..places], &mut smooth);
            for (cost, weight) in cost[row * places..].iter_mut().zip(&smooth) {
                *cost -= weight / attention.heads as f32;
            }
        }
    }
    cost
}

/// The median of seven neighbours, mirrored at the ends.
fn median(values: &[f32], result: &mut Vec<f32>) {
    const HALF: usize = MEDIAN / 2;
    result.clear();
    if values.len() <= HALF {
        result.extend(values);
        return;
    }
    let last = values.len() - 1;
    for at in 0..values.len() {
        let mut window = [0.0_f32; MEDIAN];
        for (offset, value) in window.iter_mut().enumerate() {
            let position = (at + offset) as isize - HALF as isize;
            let mirrored = position.unsigned_abs();
            *value = values[if mirrored > last { 2 * last - mirrored } else { mirrored }];
        }
        window.sort_unstable_by(f32::total_cmp);
        result.push(window[HALF]);
    }
}

/// The place at which the cheapest path enters each row.
fn starts(cost: &[f32], rows: usize, places: usize) -> Vec<usize> {
    #[derive(Clone, Copy, PartialEq)]
    enum From {
        Both,
        Row,
        Place,
    }
    let width = places + 1;
    let mut from = vec![From::Place; (rows + 1) * width];
    let mut before = vec![f64::INFINITY; width];
    before[0] = 0.0;
    for row in 1..=rows {
        let mut current = vec![f64::INFINITY; width];
        for place in 1..width {
            let (both, up, left) = (before[place - 1], before[place], current[place - 1]);
            let (least, step) = if both < up && both < left {
                (both, From::Both)
            } else if up < both && up < left {
                (up, From::Row)
            } else {
                (left, From::Place)
            };
            current[place] = f64::from(cost[(row - 1) * places + place - 1]) + least;
            from[row * width + place] = step;
        }
        before = current;
    }
    let mut starts = vec![0; rows];
    let (mut row, mut place) = (rows, places);
    while row > 0 {
        starts[row - 1] = place.saturating_sub(1);
        let step = if place == 0 { From::Row } else { from[row * width + place] };
        match step {
            From::Both => (row, place) = (row - 1, place - 1),
            From::Row => row -= 1,
            From::Place => place -= 1,
        }
    }
    starts
}

/// `merge_punctuations` of openai/whisper.
fn join_marks(words: Vec<Aligned>) -> Vec<Aligned> {
    let mut result: Vec<Aligned> = Vec::with_capacity(words.len());
    for word in words.into_iter().rev() {
        let opens =
            word.text.starts_with(' ') && word.text.trim().chars().count() == 1 && OPENING.contains(word.text.trim());
        match result.last_mut() {
            Some(next) if opens => {
                next.text.insert_str(0, &word.text);
                next.tokens.start = word.tokens.start;
            }
            _ => result.push(word),
        }
    }
    let mut joined: Vec<Aligned> = Vec::with_capacity(result.len());
    for word in result.into_iter().rev() {
        let closes = word.text.chars().count() == 1 && CLOSING.contains(&word.text);
        match joined.last_mut() {
            Some(before) if closes && !before.text.ends_with(' ') => {
                before.text.push_str(&word.text);
                before.tokens.end = word.tokens.end;
            }
            _ => joined.push(word),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::network::PLACES;
    use crate::tokens::tests::small;

    /// Attention of two heads that look at the given places while the next token is said.
    fn attention(tokens: usize, heard: impl Fn(usize) -> Range<usize>) -> Attention {
        let mut scores = vec![0.0; 2 * tokens * PLACES];
        for head in 0..2 {
            for token in 0..tokens {
                for place in heard(token) {
                    scores[(head * tokens + token) * PLACES + place] = 6.0 + head as f32;
                }
            }
        }
        Attention { heads: 2, tokens, places: PLACES, scores }
    }

    #[test]
    fn words_begin_where_the_decoder_looks_when_it_says_them() {
        let tokens = small();
        let text = tokens.encode(" the cat sat.");
        assert_eq!(text.len(), 4);
        // Row 3 + i shows token i: 0.4 s each from 1 s on; what comes before has no place of its own.
        let heard = |row: usize| if row < BEFORE { 0..0 } else { 50 + 20 * (row - BEFORE)..70 + 20 * (row - BEFORE) };
        let aligned = align(&tokens, "en", &text, &attention(text.len() + 5, heard), 4.0);
        let texts: Vec<&str> = aligned.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, [" the", " cat", " sat."]);
        for (word, expected) in aligned.iter().zip([1.0, 1.4, 1.8]) {
            // What is before the first word is the first word's.
            let is_first = word.tokens.start == 0;
            assert!(is_first || (word.time.start - expected).abs() < 0.05, "{word:?}");
            assert!((word.time.end - expected - 0.4).abs() < 0.05, "{word:?}");
        }
        assert_eq!(aligned[2].tokens, 2..4);
    }

    #[test]
    fn languages_without_spaces_have_a_word_for_each_character() {
        let tokens = small();
        let texts = |code: &str, text: &str| {
            let encoded = tokens.encode(text);
            words(&tokens, code, &encoded).into_iter().map(|(word, _)| word).collect::<Vec<_>>()
        };
        assert_eq!(texts("zh", "你好，"), ["你", "好", "，"]);
        assert_eq!(texts("en", " naïve cat, no"), [" naïve", " cat", ",", " no"]);
        assert!(texts("en", "").is_empty());
    }

    #[test]
    fn marks_go_to_their_words() {
        let word =
            |text: &str, at: usize| Aligned { text: text.into(), tokens: at..at + 1, time: at as f64..at as f64 + 1.0 };
        let joined = join_marks(vec![word(" \"", 0), word(" no", 1), word(".", 2), word("\"", 3), word(" a", 4)]);
        let texts: Vec<&str> = joined.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, [" \" no.\"", " a"]);
        assert_eq!((joined[0].tokens.clone(), joined[0].time.clone()), (0..4, 1.0..2.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn times_never_go_back_and_stay_in_the_window(scores in proptest::collection::vec(-3.0_f32..3.0, 64), count in 1_usize..9, seconds in 0.02_f64..3.0) {
            let tokens = small();
            let text: Vec<u32> = tokens.encode(" the cat sat no a").into_iter().cycle().take(count).collect();
            let mut attention = attention(count + 5, |_| 0..0);
            let length = attention.scores.len();
            for at in 0..length {
                attention.scores[at] = scores[(at * 7 + at / 64) % 64];
            }
            let aligned = align(&tokens, "en", &text, &attention, seconds);
            prop_assert_eq!(aligned.iter().map(|word| word.tokens.len()).sum::<usize>(), count);
            let mut last = 0.0;
            for word in &aligned {
                prop_assert!(word.time.start >= last && word.time.end >= word.time.start);
                prop_assert!(word.time.end <= seconds + SECONDS_PER_PLACE);
                last = word.time.end;
            }
        }
    }
}
