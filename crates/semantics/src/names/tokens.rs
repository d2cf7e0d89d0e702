//! spaCy's tokeniser for English: signs are taken off the beginning and the end of what is between spaces, until an exception
//! ("don't", "U.S.", ":-)") or a word is left, which is then cut at hyphens and the like. The order of the rules is spaCy's, because
//! the network has learnt its words.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::File;
use super::network::Features;

/// A word as the network has it.
pub(super) struct Token {
    pub(super) range: Range<usize>,
    pub(super) features: Features,
}

/// Parts of an exception: their lengths, and the norms of those that have another than usual.
type Exception = Vec<(usize, Option<String>)>;

pub(super) struct Tokeniser {
    exceptions: HashMap<String, Exception>,
    /// Exceptions that the rules for signs would cut, by the first token that is left of them.
    cut_exceptions: HashMap<String, Vec<Vec<String>>>,
    norms: HashMap<u64, String>,
    /// Signs that are no letters, as ranges.
    signs: Vec<(u32, u32)>,
}

const PUNCTUATION: &str = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪";
const QUOTES: &str = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉〈〉⟦⟧";
const CURRENCIES: &str = "$£€¥฿₽﷼₴₠₡₢₣₤₥₦₧₨₩₪₫€₭₮₯₰₱₲₳₴₵₶₷₸₹₺₻₼₽₾₿";
const UNITS: &str = "km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s km/h kmh mph hPa Pa mbar mb \
    MB kb KB gb GB tb TB T G M K % км км² км³ м м² м³ дм дм² дм³ см см² см³ мм мм² мм³ нм кг г мг м/с км/ч кПа Па мбар Кб КБ кб Мб МБ мб \
    Гб ГБ гб Тб ТБ тбكم كم² كم³ م م² م³ سم سم² سم³ مم مم² مم³ كم غرام جرام جم كغ ملغ كوب اكواب";

static UNITS_LIST: LazyLock<Vec<&str>> = LazyLock::new(|| UNITS.split_whitespace().collect());

/// An address, which is not cut.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(?:(?:[\w+.-]{2,})://)?(?:\S+(?::\S*)?@)?(?:(?:[1-9]\d?|1\d\d|2[01]\d|22[0-3])(?:\.(?:1?\d{1,2}|2[0-4]\d|25[0-5])){2}(?:\.(?:[1-9]\d?|1\d\d|2[0-4]\d|25[0-4]))|(?:(?:[A-Za-z0-9\u{a1}-\u{ffff}][A-Za-z0-9\u{a1}-\u{ffff}_-]{0,62})?[A-Za-z0-9\u{a1}-\u{ffff}]\.)+[a-z\u{df}-\u{f6}\u{f8}-\u{ff}]{2,63})(?::\d{2,5})?(?:[/?#]\S*)?$",
    )
    .expect("a constant")
});

/// The words that have a number of their own.
static SYMBOLS: LazyLock<HashMap<&str, u64>> = LazyLock::new(|| {
    let lines = include_str!("symbols.tsv").lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, number)| (name, number.parse().expect("a number")))
        .collect()
});

/// Norms of signs, where the list of words has none.
const NORMS: &[(&str, &str)] = &[
    ("'s", "'s"),
    ("'S", "'s"),
    ("’s", "'s"),
    ("’S", "'s"),
    ("’", "'"),
    ("‘", "'"),
    ("´", "'"),
    ("`", "'"),
    ("”", "\""),
    ("“", "\""),
    ("''", "\""),
    ("``", "\""),
    ("´´", "\""),
    ("„", "\""),
    ("»", "\""),
    ("«", "\""),
    ("‘‘", "\""),
    ("’’", "\""),
    ("？", "?"),
    ("！", "!"),
    ("，", ","),
    ("；", ";"),
    ("：", ":"),
    ("。", "."),
    ("।", "."),
    ("…", "..."),
    ("—", "-"),
    ("–", "-"),
    ("--", "-"),
    ("---", "-"),
    ("——", "-"),
    ("€", "$"),
    ("£", "$"),
    ("¥", "$"),
    ("฿", "$"),
    ("US$", "$"),
    ("C$", "$"),
    ("A$", "$"),
];

impl Tokeniser {
    pub(super) fn read(file: &mut File<'_>) -> Option<Self> {
        let mut exceptions = HashMap::new();
        for _ in 0..file.number()? {
            let word = file.text()?.to_owned();
            let mut parts = Exception::new();
            for _ in 0..file.take(1)?[0] {
                let length = file.text()?.len();
                let norm = file.text()?;
                parts.push((length, (!norm.is_empty()).then(|| norm.to_owned())));
            }
            (parts.iter().map(|(length, _)| length).sum::<usize>() == word.len()).then_some(())?;
            exceptions.insert(word, parts);
        }
        let mut norms = HashMap::new();
        for _ in 0..file.number()? {
            norms.insert(file.long_number()?, file.text()?.to_owned());
        }
        let mut signs = Vec::new();
        for _ in 0..file.number()? {
            signs.push((file.number()?, file.number()?));
        }
        let mut tokeniser = Self { exceptions, cut_exceptions: HashMap::new(), norms, signs };
        let is_cut = |word: &&String| {
            tokeniser.prefix(word).is_some()
                || tokeniser.suffix(word).is_some()
                || !tokeniser.infixes(word).is_empty()
                || word.contains(' ')
        };
        let mut cut: HashMap<String, Vec<Vec<String>>> = HashMap::new();
        for word in tokeniser.exceptions.keys().filter(is_cut) {
            let mut parts = Vec::new();
            tokeniser.cut(word, 0, false, &mut parts);
            let parts: Vec<String> = parts.into_iter().map(|(range, _)| word[range].to_owned()).collect();
            if let Some(first) = parts.first() {
                cut.entry(first.clone()).or_default().push(parts);
            }
        }
        // The longest first.
        for all in cut.values_mut() {
            all.sort_by_key(|parts| std::cmp::Reverse(parts.len()));
        }
        tokeniser.cut_exceptions = cut;
        Some(tokeniser)
    }

    pub(super) fn tokens(&self, text: &str) -> Vec<Token> {
        let mut parts: Vec<(Range<usize>, Option<&str>)> = Vec::new();
        let mut at = 0;
        for word in text.split(char::is_whitespace) {
            if !word.is_empty() {
                self.cut(word, at, true, &mut parts);
            }
            at += word.len() + text[at + word.len()..].chars().next().map_or(0, char::len_utf8);
        }
        let parts = self.with_cut_exceptions(text, &parts);
        parts
            .into_iter()
            .map(|(range, norm)| Token { features: self.features(&text[range.clone()], norm), range })
            .collect()
    }

    /// Cuts what is between two spaces. `offset` is where it is in the text.
    fn cut<'a>(
        &'a self,
        word: &str,
        offset: usize,
        with_exceptions: bool,
        parts: &mut Vec<(Range<usize>, Option<&'a str>)>,
    ) {
        let exception = |part: &str| with_exceptions.then(|| self.exceptions.get(part)).flatten();
        let (mut start, mut end) = (0, word.len());
        let mut suffixes: Vec<Range<usize>> = Vec::new();
        while start < end {
            let left = &word[start..end];
            if exception(left).is_some() {
                break;
            }
            let prefix = self.prefix(left);
            if let Some(length) = prefix {
                let rest = &left[length..];
                if !rest.is_empty() && exception(rest).is_some() {
                    parts.push((offset + start..offset + start + length, None));
                    start += length;
                    break;
                }
            }
            let suffix = self.suffix(&left[prefix.unwrap_or(0)..]);
            if let Some(length) = suffix {
                let rest = &left[..left.len() - length];
                if !rest.is_empty() && exception(rest).is_some() {
                    suffixes.push(offset + end - length..offset + end);
                    end -= length;
                    break;
                }
            }
            if prefix.is_none() && suffix.is_none() {
                break;
            }
            if let Some(length) = prefix {
                parts.push((offset + start..offset + start + length, None));
                start += length;
            }
            if let Some(length) = suffix.filter(|length| start + length <= end) {
                suffixes.push(offset + end - length..offset + end);
                end -= length;
            }
        }
        if start < end {
            let left = &word[start..end];
            let from = offset + start;
            if let Some(exception) = exception(left) {
                let mut at = from;
                for (length, norm) in exception {
                    parts.push((at..at + length, norm.as_deref()));
                    at += length;
                }
            } else if ADDRESS.is_match(left) {
                parts.push((from..from + left.len(), None));
            } else {
                let (mut at, before) = (0, 0);
                for infix in self.infixes(left) {
                    if infix.start == before {
                        continue;
                    }
                    if infix.start != at {
                        parts.push((from + at..from + infix.start, None));
                    }
                    parts.push((from + infix.start..from + infix.end, None));
                    at = infix.end;
                }
                if at < left.len() {
                    parts.push((from + at..from + left.len(), None));
                }
            }
        }
        parts.extend(suffixes.into_iter().rev().map(|range| (range, None)));
    }

    /// Exceptions that were cut before they were seen.
    fn with_cut_exceptions<'a>(
        &'a self,
        text: &str,
        parts: &[(Range<usize>, Option<&'a str>)],
    ) -> Vec<(Range<usize>, Option<&'a str>)> {
        let mut whole = Vec::with_capacity(parts.len());
        let mut at = 0;
        while at < parts.len() {
            let candidates = self.cut_exceptions.get(&text[parts[at].0.clone()]);
            let fits = |candidate: &&Vec<String>| {
                candidate.iter().enumerate().all(|(place, word)| {
                    parts.get(at + place).is_some_and(|(range, _)| {
                        text[range.clone()] == **word && (place == 0 || parts[at + place - 1].0.end == range.start)
                    })
                })
            };
            let fitting = candidates.and_then(|candidates| candidates.iter().find(fits));
            let Some(candidate) = fitting else {
                whole.push(parts[at].clone());
                at += 1;
                continue;
            };
            let range = parts[at].0.start..parts[at + candidate.len() - 1].0.end;
            let mut start = range.start;
            for (length, norm) in self.exceptions.get(&text[range]).into_iter().flatten() {
                whole.push((start..start + length, norm.as_deref()));
                start += length;
            }
            at += candidate.len();
        }
        whole
    }

    fn is_sign(&self, char: char) -> bool {
        let code = u32::from(char);
        let after = self.signs.partition_point(|(first, _)| *first <= code);
        after > 0 && self.signs[after - 1].1 >= code
    }

    /// Bytes of the sign that it begins with.
    fn prefix(&self, text: &str) -> Option<usize> {
        let mut chars = text.chars();
        let first = chars.next()?;
        let next = chars.next();
        let is_single = PUNCTUATION.contains(first)
            || matches!(first, '§' | '%' | '=' | '—' | '–')
            || first == '+' && !next.is_some_and(|next| next.is_ascii_digit())
            || QUOTES.contains(first)
            || CURRENCIES.contains(first);
        if is_single {
            return Some(first.len_utf8());
        }
        if first == '.' && next == Some('.') {
            return Some(text.len() - text.trim_start_matches('.').len());
        }
        let dollars = ["US$", "C$", "A$"].into_iter().find(|sign| text.starts_with(sign));
        dollars.map(str::len).or_else(|| self.is_sign(first).then(|| first.len_utf8()))
    }

    /// Bytes of the sign that it ends with, the longest.
    fn suffix(&self, text: &str) -> Option<usize> {
        let mut longest = 0;
        let mut found = |length: usize| longest = longest.max(length);
        let mut chars = text.chars().rev();
        let last = chars.next()?;
        let before = chars.next();
        if PUNCTUATION.contains(last) || QUOTES.contains(last) || matches!(last, '—' | '–') || self.is_sign(last) {
            found(last.len_utf8());
        }
        if text.ends_with("……") {
            found("……".len());
        }
        let dots = text.len() - text.trim_end_matches('.').len();
        if dots >= 2 {
            found(dots);
        }
        for ending in ["'s", "'S", "’s", "’S"] {
            if text.ends_with(ending) {
                found(ending.len());
            }
        }
        let is_digit = |char: Option<char>| char.is_some_and(|char| char.is_ascii_digit());
        if (last == '+' || CURRENCIES.contains(last)) && is_digit(before) {
            found(last.len_utf8());
        }
        for unit in &*UNITS_LIST {
            if text.strip_suffix(unit).is_some_and(|rest| is_digit(rest.chars().next_back())) {
                found(unit.len());
            }
        }
        if last == '.' {
            let is_degree =
                matches!(before, Some('F' | 'f' | 'C' | 'c' | 'K' | 'k')) && chars.clone().next() == Some('°');
            let ends = before.is_some_and(|char| {
                char.is_ascii_digit()
                    || is_lower(char)
                    || matches!(char, '%' | '²' | '-' | '+' | '|')
                    || PUNCTUATION.contains(char)
                    || QUOTES.contains(char)
            });
            let capitals = before.is_some_and(is_upper) && chars.next().is_some_and(is_upper);
            if is_degree || ends || capitals {
                found(1);
            }
        }
        (longest > 0).then_some(longest)
    }

    /// Signs within a word at which it is cut.
    fn infixes(&self, text: &str) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        let mut skip_to = 0;
        let mut before: Option<char> = None;
        for (at, char) in text.char_indices() {
            let previous = before.replace(char);
            if at < skip_to {
                continue;
            }
            let next_of = |length: usize| text[at + length..].chars().next();
            let length = char.len_utf8();
            let next = next_of(length);
            let is = |char: Option<char>, of: fn(char) -> bool| char.is_some_and(of);
            let is_letter_or_digit = |char: char| is_letter(char) || char.is_ascii_digit();
            let is_digit = |char: char| char.is_ascii_digit();
            let is_sign = char == '…' || self.is_sign(char);
            let is_operator = matches!(char, '+' | '-' | '*' | '^')
                && is(previous, is_digit)
                && is(next, |char| char.is_ascii_digit() || char == '-');
            let ends_sentence = char == '.'
                && is(previous, |char| is_lower(char) || QUOTES.contains(char))
                && is(next, |char| is_upper(char) || QUOTES.contains(char));
            let is_between_letters = char == ',' && is(previous, is_letter) && is(next, is_letter);
            let parts_words =
                matches!(char, ':' | '<' | '>' | '=' | '/') && is(previous, is_letter_or_digit) && is(next, is_letter);
            let matched = if char == '.' && next == Some('.') {
                Some(text[at..].len() - text[at..].trim_start_matches('.').len())
            } else if is_sign || is_operator || ends_sentence || is_between_letters || parts_words {
                Some(length)
            } else if is(previous, is_letter_or_digit) {
                let hyphens = ["-", "–", "—", "--", "---", "——", "~"];
                let mut fitting = hyphens.into_iter().filter(|hyphen| text[at..].starts_with(hyphen)).map(str::len);
                fitting.find(|length| is(next_of(*length), is_letter))
            } else {
                None
            };
            if let Some(length) = matched {
                found.push(at..at + length);
                skip_to = at + length;
            }
        }
        found
    }

    fn features(&self, word: &str, norm: Option<&str>) -> Features {
        let norm = match norm {
            Some(norm) => hash(norm),
            None => match self.norms.get(&hash(word)) {
                Some(norm) => hash(norm),
                None => match NORMS.iter().find(|(sign, _)| *sign == word) {
                    Some((_, norm)) => hash(norm),
                    None => hash(&word.to_lowercase()),
                },
            },
        };
        let first = word.chars().next().map_or(0, char::len_utf8);
        let last = word.char_indices().rev().nth(2).map_or(0, |(at, _)| at);
        [norm, hash(&word[..first]), hash(&word[last..]), hash(&shape(word))]
    }
}

fn is_letter(char: char) -> bool {
    char.is_alphabetic()
}

fn is_lower(char: char) -> bool {
    char.is_lowercase() || is_without_case(char)
}

fn is_upper(char: char) -> bool {
    char.is_uppercase() || is_without_case(char)
}

/// Letters of scripts without capitals are both, as in spaCy's classes.
fn is_without_case(char: char) -> bool {
    char.is_alphabetic() && !char.is_lowercase() && !char.is_uppercase()
}

/// Capitals as X, other letters as x, digits as d, at most four of a kind in a row.
fn shape(word: &str) -> String {
    if word.chars().count() >= 100 {
        return "LONG".to_owned();
    }
    let mut shape = String::with_capacity(word.len());
    let (mut last, mut count) = ('\0', 0);
    for char in word.chars() {
        let kind = match char {
            _ if char.is_alphabetic() => {
                if char.is_uppercase() {
                    'X'
                } else {
                    'x'
                }
            }
            _ if char.is_ascii_digit() => 'd',
            other => other,
        };
        count = if kind == last { count + 1 } else { 0 };
        last = kind;
        if count < 4 {
            shape.push(kind);
        }
    }
    shape
}

/// `MurmurHash64A` (Appleby, public domain) with seed 1, as spaCy names strings; its symbols have numbers.
fn hash(text: &str) -> u64 {
    const M: u64 = 0xC6A4_A793_5BD1_E995;
    if text.is_empty() {
        return 0;
    }
    if let Some(number) = SYMBOLS.get(text) {
        return *number;
    }
    let bytes = text.as_bytes();
    let mut hash = 1 ^ (bytes.len() as u64).wrapping_mul(M);
    let parts = bytes.chunks_exact(8);
    let rest = parts.remainder();
    for part in parts {
        let mut number = part.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)).wrapping_mul(M);
        number ^= number >> 47;
        hash = (hash ^ number.wrapping_mul(M)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        hash = (hash ^ rest.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))).wrapping_mul(M);
    }
    hash = (hash ^ hash >> 47).wrapping_mul(M);
    hash ^ hash >> 47
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_named_as_spacy_names_them() {
        // spaCy 3.8: nlp.vocab.strings["because"], …
        assert_eq!(hash("coffee"), 3_197_928_453_018_144_401);
        assert_eq!(hash("X"), 101);
        assert_eq!(hash(""), 0);
    }

    #[test]
    fn shapes_have_at_most_four_of_a_kind_in_a_row() {
        for (word, expected) in
            [("Apple", "Xxxxx"), ("apples", "xxxx"), ("U.K.", "X.X."), ("2019-05", "dddd-dd"), ("COVID19", "XXXXdd")]
        {
            assert_eq!(shape(word), expected, "{word}");
        }
    }
}
