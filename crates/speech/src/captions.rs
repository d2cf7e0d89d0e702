//! Words to captions that can be read.
//!
//! A caption has at most two lines of 42 columns and is shown for 1 to 7 s, long enough to be read at 20 columns a second, as
//! broadcasters ask for (BBC Subtitle Guidelines; Netflix Timed Text Style Guide: 42 characters a line, 20 a second, 5/6 to 7 s).
//! Wide signs, as Chinese and Japanese are written in, take two columns.
//!
//! Where captions end is found for all words at once by dynamic programming: each way to divide them has a cost, in which breaks
//! within phrases, speed, shortness and pauses inside of captions count. If people speak faster than can be read, the limit on
//! speed gives way, since no word is left out and no caption overlaps the next one.

use unicode_width::UnicodeWidthStr;

use crate::recognition::Segment;

/// Columns of a line.
pub const COLUMNS: usize = 42;

/// Lines of a caption.
pub const LINES: usize = 2;

/// Seconds that a caption is shown.
pub const SHORTEST: f64 = 1.0;

/// Seconds that a caption is shown.
pub const LONGEST: f64 = 7.0;

/// Columns that are read in a second.
pub const SPEED: f64 = 20.0;

/// A pause after which a new caption begins, seconds.
const NEW_CAPTION: f64 = 2.0;

/// A caption appears at most this much before its first word if it cannot stay longer, seconds.
const EARLY: f64 = 0.5;

/// What is shown for a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Caption {
    /// Seconds.
    pub start: f64,
    /// Seconds.
    pub end: f64,
    /// One or two.
    pub lines: Vec<String>,
}

impl Caption {
    /// Columns of all its lines.
    pub fn width(&self) -> usize {
        self.lines.iter().map(|line| line.width()).sum()
    }

    /// Whether it is shown for too short a time to be read.
    pub fn is_too_fast(&self) -> bool {
        self.width() as f64 > SPEED * (self.end - self.start) + 0.5
    }
}

/// Captions of the segments' words.
pub fn captions(segments: &[Segment]) -> Vec<Caption> {
    let units = units(segments);
    let mut captions: Vec<Caption> = divide(&units)
        .into_iter()
        .map(|range| {
            let part = &units[range];
            Caption { start: part[0].start, end: part[part.len() - 1].end, lines: lines(part) }
        })
        .collect();
    give_time(&mut captions);
    captions
}

/// A word, or a piece of one that is longer than a line.
struct Unit {
    text: String,
    /// Columns without the space before it.
    width: usize,
    /// A space parts it from what comes before on the same line.
    spaced: bool,
    start: f64,
    end: f64,
    /// How bad it is to end a line or a caption behind it: 0 at the end of a sentence, 10 within a phrase.
    ends_badly: f64,
    /// A caption ends behind it.
    is_last: bool,
}

fn units(segments: &[Segment]) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for segment in segments {
        let before = units.len();
        for word in &segment.words {
            let text = word.text.trim();
            let pieces = pieces(text);
            let total = text.width().max(1);
            let mut done = 0;
            for (at, piece) in pieces.iter().enumerate() {
                let width = piece.width();
                let time = |columns: usize| word.start + (word.end - word.start) * columns as f64 / total as f64;
                units.push(Unit {
                    text: piece.clone(),
                    width,
                    spaced: at == 0 && (word.text.starts_with(char::is_whitespace) || units.len() == before),
                    start: time(done),
                    end: time(done + width),
                    ends_badly: 0.0,
                    is_last: false,
                });
                done += width;
            }
        }
        if let Some(last) = units[before..].last_mut() {
            // Marked for the second pass: the network ends its segments at phrases.
            last.ends_badly = -1.0;
        }
    }
    for at in 0..units.len() {
        let is_segment_end = units[at].ends_badly < 0.0;
        let next = units.get(at + 1);
        let pause = next.map_or(f64::INFINITY, |next| next.start - units[at].end);
        let badness = badness(&units[at].text, next.map(|next| next.text.as_str()), is_segment_end, pause);
        units[at].ends_badly = badness;
        units[at].is_last = pause >= NEW_CAPTION;
    }
    units
}

/// A word in pieces of at most a line.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    for letter in text.chars() {
        let with = format!("{piece}{letter}");
        if with.width() > COLUMNS {
            pieces.push(std::mem::replace(&mut piece, letter.to_string()));
        } else {
            piece = with;
        }
    }
    if !piece.trim().is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// Words behind which a phrase does not end, and words with which one begins, in languages that are written with spaces.
const JOINS: &[&str] = &[
    "a", "an", "the", "of", "to", "in", "on", "at", "by", "for", "with", "from", "my", "your", "his", "her", "its",
    "our", "their", "very", "mr", "mrs", "dr", "der", "die", "das", "den", "dem", "des", "ein", "eine", "einen",
    "einem", "einer", "im", "am", "zu", "von", "mit", "für", "le", "la", "les", "un", "une", "des", "du", "de", "au",
    "aux", "à", "en", "el", "los", "las", "una", "del", "al", "con", "por", "para", "il", "lo", "gli", "di", "da", "o",
    "os", "as", "um", "uma", "do", "het", "een", "van", "в", "на", "с", "к", "по", "из", "от", "за", "не", "о", "у",
];
const BEGINS: &[&str] = &[
    "and",
    "but",
    "or",
    "so",
    "because",
    "that",
    "which",
    "who",
    "when",
    "where",
    "while",
    "if",
    "than",
    "then",
    "und",
    "aber",
    "oder",
    "weil",
    "dass",
    "wenn",
    "et",
    "mais",
    "ou",
    "parce",
    "que",
    "qui",
    "quand",
    "y",
    "pero",
    "porque",
    "cuando",
    "e",
    "ma",
    "perché",
    "mas",
    "quando",
    "en",
    "maar",
    "omdat",
    "и",
    "но",
    "или",
    "что",
    "чтобы",
    "который",
    "когда",
    "если",
];

fn badness(word: &str, next: Option<&str>, is_segment_end: bool, pause: f64) -> f64 {
    let plain = |text: &str| -> String {
        text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let last = word.trim_end_matches(['"', '\'', '”', '’', ')', '」', '』']).chars().next_back();
    match last {
        Some('.' | '?' | '!' | '。' | '？' | '！' | '…' | '؟' | '।') => 0.0,
        _ if pause >= 0.6 => 0.5,
        Some(',' | ';' | ':' | '，' | '、' | '；' | '：' | '—' | '–' | '،') => 1.5,
        _ if is_segment_end || pause >= 0.3 => 2.0,
        _ if JOINS.contains(&plain(word).as_str()) => 10.0,
        _ if next.is_some_and(|next| BEGINS.contains(&plain(next).as_str())) => 3.0,
        _ => 5.0,
    }
}

/// The ranges of words that are captions.
fn divide(units: &[Unit]) -> Vec<std::ops::Range<usize>> {
    let mut best = vec![(f64::INFINITY, 0_usize); units.len() + 1];
    best[0] = (0.0, 0);
    for end in 1..=units.len() {
        for start in (0..end).rev() {
            let part = &units[start..end];
            let is_alone = part.len() == 1;
            let lasts = part[part.len() - 1].end - part[0].start;
            if !is_alone && (lasts > LONGEST || part[..part.len() - 1].iter().any(|unit| unit.is_last)) {
                break;
            }
            let Some(split) = split(part) else { break };
            let next = units.get(end).map_or(f64::INFINITY, |next| next.start);
            let total = best[start].0 + cost(part, split.1, next);
            if total < best[end].0 {
                best[end] = (total, start);
            }
        }
    }
    let mut ranges = Vec::new();
    let mut end = units.len();
    while end > 0 {
        ranges.push(best[end].1..end);
        end = best[end].1;
    }
    ranges.reverse();
    ranges
}

fn cost(part: &[Unit], split: f64, next: f64) -> f64 {
    // Each caption is a change of picture for the reader.
    const CAPTION: f64 = 4.0;
    let (first, last) = (&part[0], &part[part.len() - 1]);
    let shown = (next - first.start).clamp(0.01, LONGEST);
    let columns = width(part) as f64;
    let too_fast = (columns / SPEED / shown - 1.0).max(0.0) * 30.0;
    let too_short = (1.0 - shown / SHORTEST).max(0.0) * 30.0;
    let pauses: f64 = part.windows(2).map(|pair| (pair[1].start - pair[0].end - 0.6).max(0.0) * 4.0).sum();
    CAPTION + last.ends_badly * 1.5 + split + too_fast + too_short + pauses
}

/// Columns of words on one line.
fn width(part: &[Unit]) -> usize {
    part.iter().enumerate().map(|(at, unit)| unit.width + usize::from(unit.spaced && at > 0)).sum()
}

/// How many words the first line takes, and how bad that is; nothing if they do not fit.
fn split(part: &[Unit]) -> Option<(usize, f64)> {
    let total = width(part);
    if total <= COLUMNS {
        return Some((part.len(), 0.0));
    }
    if total > LINES * COLUMNS + 1 {
        return None;
    }
    let badness = |at: usize| {
        let (first, second) = (width(&part[..at]), width(&part[at..]));
        let fits = first <= COLUMNS && second <= COLUMNS;
        // A longer second line covers less of the picture.
        let shape = first.abs_diff(second) as f64 / 8.0 + if first > second { 0.5 } else { 0.0 };
        fits.then_some((at, part[at - 1].ends_badly * 0.6 + shape))
    };
    (1..part.len()).filter_map(badness).min_by(|a, b| a.1.total_cmp(&b.1))
}

fn lines(part: &[Unit]) -> Vec<String> {
    let at = split(part).map_or(part.len(), |split| split.0);
    let line = |units: &[Unit]| {
        let mut text = String::new();
        for unit in units {
            if unit.spaced && !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&unit.text);
        }
        text
    };
    [&part[..at], &part[at..]].into_iter().filter(|units| !units.is_empty()).map(line).collect()
}

/// Shows each caption long enough: behind its last word, as far as the next one allows, then before its first word.
fn give_time(captions: &mut [Caption]) {
    let mut before = 0.0;
    for at in 0..captions.len() {
        let next = captions.get(at + 1).map_or(f64::INFINITY, |next| next.start);
        let caption = &mut captions[at];
        caption.start = milliseconds(caption.start.max(before));
        let needed = (caption.width() as f64 / SPEED).clamp(SHORTEST, LONGEST);
        let wanted = caption.end.max(caption.start + needed);
        caption.end = milliseconds(wanted.min(caption.start + LONGEST).min(next.max(caption.start)));
        let lacking = (needed - (caption.end - caption.start)).clamp(0.0, EARLY);
        caption.start = milliseconds((caption.start - lacking).max(before));
        // Words of no length at the same time: a caption is shown for a millisecond at least.
        caption.end = caption.end.max(caption.start + 0.001);
        before = caption.end;
    }
}

fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::recognition::Word;

    /// A segment for each text, whose words follow each other evenly: each takes `per_column` seconds a column.
    fn speech(texts: &[(f64, &str)], per_column: f64) -> Vec<Segment> {
        let mut segments = Vec::new();
        for (from, text) in texts {
            let mut at = *from;
            let mut words = Vec::new();
            for word in text.split_inclusive(' ').map(str::trim) {
                let start = at;
                at += (word.width() + 1) as f64 * per_column;
                words.push(Word { start, end: at, text: format!(" {word}"), confidence: 1.0 });
            }
            segments.push(Segment {
                start: *from,
                end: at,
                text: (*text).into(),
                language: "en".into(),
                confidence: 1.0,
                words,
            });
        }
        segments
    }

    fn shown(captions: &[Caption]) -> Vec<String> {
        captions.iter().map(|caption| caption.lines.join(" | ")).collect()
    }

    #[test]
    fn captions_end_with_sentences_and_lines_with_phrases() {
        let text = "It was the best of times, it was the worst of times. It was the age of wisdom, and it was the age of foolishness. We had everything before us.";
        let captions = captions(&speech(&[(0.0, text)], 1.0 / 15.0));
        let lines = shown(&captions);
        assert_eq!(lines[0], "It was the best of times, | it was the worst of times.", "{lines:#?}");
        assert!(lines[1].starts_with("It was the age of wisdom, | and it was the age of foolishness."), "{lines:#?}");
        assert!(captions.iter().all(|caption| !caption.is_too_fast()));
    }

    #[test]
    fn a_pause_begins_a_new_caption_and_short_words_are_shown_for_a_second() {
        let captions = captions(&speech(&[(1.0, "Yes."), (6.0, "No, not at all.")], 1.0 / 15.0));
        assert_eq!(shown(&captions), ["Yes.", "No, not at all."]);
        assert_eq!((captions[0].start, captions[0].end), (1.0, 2.0));
    }

    #[test]
    fn wide_signs_take_two_columns_and_need_no_spaces() {
        let word = |at: usize, sign: char| Word {
            start: at as f64 * 0.2,
            end: at as f64 * 0.2 + 0.2,
            text: sign.to_string(),
            confidence: 1.0,
        };
        let text = "我们今天来讨论一个非常重要的问题，就是怎样才能把这些很长的句子分成两行来显示，请大家注意。";
        let words: Vec<Word> = text.chars().enumerate().map(|(at, sign)| word(at, sign)).collect();
        let segment =
            Segment { start: 0.0, end: 9.0, text: text.into(), language: "zh".into(), confidence: 1.0, words };
        let captions = captions(&[segment]);
        assert_eq!(
            captions.iter().flat_map(|caption| caption.lines.concat().chars().collect::<Vec<_>>()).collect::<String>(),
            text
        );
        for caption in &captions {
            assert!(
                caption.lines.iter().all(|line| line.width() <= COLUMNS && line.chars().count() <= 21),
                "{caption:?}"
            );
        }
        assert!(captions[0].lines.last().unwrap().ends_with('，'), "{captions:?}");
    }

    #[test]
    fn a_word_longer_than_a_line_is_cut_and_no_letter_is_lost() {
        let long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";
        let captions = captions(&speech(&[(0.0, &format!("die {long} tagt"))], 0.1));
        let all: String = captions.iter().flat_map(|caption| caption.lines.clone()).collect();
        assert_eq!(all.replace(' ', ""), format!("die{long}tagt"));
        assert!(captions.iter().flat_map(|caption| &caption.lines).all(|line| line.width() <= COLUMNS));
    }

    #[test]
    fn no_words_have_no_captions() {
        assert!(captions(&[]).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn captions_keep_their_limits(
            words in proptest::collection::vec(("[a-zé]{1,14}[.,]?", 0.0_f64..0.5), 1..120),
            per_column in 0.055_f64..0.2,
        ) {
            let mut at = 0.5;
            let mut list = Vec::new();
            for (text, pause) in &words {
                // Most words follow at once.
                let start = at + if *pause > 0.45 { pause * 9.0 } else { 0.0 };
                at = start + (text.width() + 1) as f64 * per_column;
                list.push(Word { start, end: at, text: format!(" {text}"), confidence: 1.0 });
            }
            let segment = Segment { start: 0.5, end: at, text: String::new(), language: "en".into(), confidence: 1.0, words: list };
            let captions = captions(&[segment]);
            let said: Vec<&str> = words.iter().map(|(text, _)| text.as_str()).collect();
            let written: Vec<String> = captions.iter().flat_map(|caption| caption.lines.clone()).collect();
            prop_assert_eq!(written.join(" "), said.join(" "));
            for caption in &captions {
                prop_assert!(caption.lines.len() <= LINES && caption.lines.iter().all(|line| line.width() <= COLUMNS));
                let seconds = caption.end - caption.start;
                prop_assert!(seconds <= LONGEST + 0.0015 && seconds > 0.0, "{:?}", caption);
                // The words themselves come at 18 columns a second and slower here.
                prop_assert!(!caption.is_too_fast() && seconds >= SHORTEST - 0.0015, "{:?} in {:#?}", caption, captions);
            }
            for pair in captions.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start + 1e-9);
            }
        }
    }
}
