//! Words and sentences of any script, as byte ranges of a text.
//!
//! Scripts without spaces between words (Chinese, Japanese, Thai, …) have a word for each sign: what counts words there counts signs.

use std::ops::Range;

/// Words: runs of letters and digits, with apostrophes and hyphens within them.
pub fn words(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut rest = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (start, first) = rest.find(|(_, char)| char.is_alphanumeric())?;
        let mut end = start + first.len_utf8();
        if is_unspaced(first) {
            return Some(start..end);
        }
        while let Some((at, char)) = rest.peek().copied() {
            let continues = char.is_alphanumeric() && !is_unspaced(char) || is_mark(char);
            let joins = matches!(char, '\'' | '’' | '-' | '\u{2010}' | '\u{2011}' | '·')
                && text[at + char.len_utf8()..]
                    .chars()
                    .next()
                    .is_some_and(|next| next.is_alphanumeric() && !is_unspaced(next));
            if !continues && !joins {
                break;
            }
            end = at + char.len_utf8();
            rest.next();
        }
        Some(start..end)
    })
}

/// Whether the sign is of a script that has no spaces between words.
pub fn is_unspaced(char: char) -> bool {
    matches!(u32::from(char),
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x2E80..=0x312F | 0x31A0..=0x9FFF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF)
}

/// Marks that belong to the letter before them.
fn is_mark(char: char) -> bool {
    matches!(u32::from(char), 0x300..=0x36F | 0x5B0..=0x5C7 | 0x610..=0x61A | 0x64B..=0x65F | 0x93A..=0x94F | 0x200C..=0x200D)
}

/// What a network reads as about one token, summed: parts of four to five letters, two to three digits, single signs. XLM-R's own
/// count is within some 15 % of it on running text.
pub fn estimated_tokens(text: &str) -> usize {
    // In twelfths of a token.
    let mut total = 0_usize;
    let (mut letters, mut digits) = (0_usize, 0_usize);
    let of_letters = |letters: usize| if letters == 0 { 0 } else { (letters * 12).div_ceil(5).max(12) };
    let of_digits = |digits: usize| if digits == 0 { 0 } else { (digits * 12).div_ceil(2).max(12) };
    for char in text.chars() {
        let is_letter = char.is_alphabetic() && !is_unspaced(char) || is_mark(char);
        let is_digit = char.is_numeric();
        if !is_letter {
            total += of_letters(std::mem::take(&mut letters));
        }
        if !is_digit {
            total += of_digits(std::mem::take(&mut digits));
        }
        if is_letter {
            letters += 1;
        } else if is_digit {
            digits += 1;
        } else if is_unspaced(char) {
            total += 9;
        } else if !char.is_whitespace() {
            total += 12;
        }
    }
    (total + of_letters(letters) + of_digits(digits)).div_ceil(12)
}

/// Abbreviations with a dot that ends no sentence, in lower case: English, German, French, Spanish, Italian, Portuguese, Dutch.
const ABBREVIATIONS: &[&str] = &[
    "abb", "abs", "al", "allg", "anm", "approx", "apr", "art", "aug", "av", "avda", "bd", "betr", "bspw", "bzw", "ca",
    "cap", "cf", "cfr", "co", "corp", "d.h", "dept", "dez", "dipl", "dott", "dr", "dra", "e.g", "ed", "eds", "eg",
    "eq", "eqs", "etc", "evtl", "fig", "figs", "fl", "fr", "geb", "gen", "gest", "ggf", "hon", "hr", "hrsg", "i.e",
    "ie", "inc", "incl", "ing", "inkl", "jan", "jr", "jul", "jun", "kap", "lt", "ltd", "m.e", "max", "mio", "mlle",
    "mme", "mr", "mrd", "mrs", "ms", "mt", "nb", "no", "nos", "nov", "nr", "núm", "o.ä", "oct", "okt", "op", "p",
    "p.ej", "pag", "pág", "pp", "prof", "ref", "rev", "s", "s.o", "s.u", "sec", "sen", "sept", "sig", "sog", "sr",
    "sra", "st", "str", "tab", "tel", "u.a", "u.s", "usf", "usw", "v", "verf", "vgl", "vol", "vols", "vs", "z.b",
    "z.t", "zzgl", "¶", "§",
];

/// Sentences, without the spaces around them. A line feed followed by another ends one as well.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let end = match char {
            '\n' if text[at + 1..].trim_start_matches([' ', '\t', '\r']).starts_with('\n') => at,
            '。' | '！' | '？' | '｡' | '।' | '۔' | '؟' => at + char.len_utf8(),
            '.' | '!' | '?' | '…' => {
                let after = at + char.len_utf8();
                if char == '.' && !ends_sentence(&text[start..at], &text[after..]) {
                    continue;
                }
                after
            }
            _ => continue,
        };
        // Further marks and what closes with the sentence.
        let closing = |char: char| {
            matches!(char, '.' | '!' | '?' | '…' | '"' | '\'' | '”' | '’' | '»' | '«' | ')' | ']' | '」' | '』' | '）')
        };
        let extra: usize = text[end..].chars().take_while(|char| closing(*char)).map(char::len_utf8).sum();
        let end = end + extra;
        let is_spaced = text[end..].chars().next().is_none_or(char::is_whitespace);
        // “Stop!” he said.
        let goes_on = text[end..].trim_start().starts_with(char::is_lowercase);
        if matches!(char, '.' | '!' | '?' | '…') && (!is_spaced || goes_on) {
            continue;
        }
        push_trimmed(&mut sentences, text, &(start..end));
        start = end;
        while chars.next_if(|(at, _)| *at < end).is_some() {}
    }
    push_trimmed(&mut sentences, text, &(start..text.len()));
    sentences
}

fn push_trimmed(sentences: &mut Vec<Range<usize>>, text: &str, range: &Range<usize>) {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    let end = range.start + part.trim_end().len();
    if start < end {
        sentences.push(start..end);
    }
}

/// Whether a dot between these ends a sentence.
fn ends_sentence(before: &str, after: &str) -> bool {
    let word = before
        .rsplit(|char: char| char.is_whitespace() || matches!(char, '(' | '[' | '"' | '„' | '“'))
        .next()
        .unwrap_or("");
    let next = after.trim_start_matches(['"', '”', '’', ')', ']', '»', '\'']).trim_start();
    let Some(next) = next.trim_start_matches(['"', '“', '„', '«', '(', '[', '¿', '¡', '\'', '‘']).chars().next()
    else {
        return true;
    };
    if next.is_lowercase() {
        return false;
    }
    let lower = word.to_lowercase();
    if ABBREVIATIONS.contains(&lower.as_str()) {
        return false;
    }
    let letters = word.chars().filter(|char| char.is_alphabetic()).count();
    // Initials: J. R. R. Tolkien, U.S.
    let is_initial =
        letters >= 1 && word.split('.').all(|part| part.chars().count() <= 1 && part.chars().all(char::is_uppercase));
    // A numbered item or an ordinal: 1. Introduction, am 3. Mai.
    let is_ordinal = !word.is_empty() && word.len() <= 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    !is_initial && !(is_ordinal && (before.len() == word.len() || next.is_alphabetic()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Vec<&str> {
        sentences(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn words_keep_their_hyphens_and_apostrophes_and_signs_of_chinese_are_words() {
        let text = "Don't re-use x-rays; 3.5 km, l’été – 東京は";
        let found: Vec<&str> = words(text).map(|range| &text[range]).collect();
        assert_eq!(found, ["Don't", "re-use", "x-rays", "3", "5", "km", "l’été", "東", "京", "は"]);
    }

    #[test]
    fn sentences_end_where_readers_end_them() {
        assert_eq!(
            all("Dr. Smith paid $3.50 to J. R. Tolkien. He left (at 5 p.m.). Really?"),
            ["Dr. Smith paid $3.50 to J. R. Tolkien.", "He left (at 5 p.m.).", "Really?"]
        );
        assert_eq!(
            all("Am 3. Mai kam z.B. Frau Meier. Sie blieb ca. 2 Tage."),
            ["Am 3. Mai kam z.B. Frau Meier.", "Sie blieb ca. 2 Tage."]
        );
        assert_eq!(all("“Stop!” he said. “Why?” It is 1.5 m."), ["“Stop!” he said.", "“Why?”", "It is 1.5 m."]);
        assert_eq!(all("東京は首都です。大阪は違います。"), ["東京は首都です。", "大阪は違います。"]);
        assert_eq!(
            all("1. Introduction to it. See www.example.com/a.b for more"),
            ["1. Introduction to it.", "See www.example.com/a.b for more"]
        );
        assert_eq!(all("one\n\ntwo"), ["one", "two"]);
    }

    #[test]
    fn tokens_are_estimated_for_every_script() {
        assert!((9..=13).contains(&estimated_tokens("The quick brown fox jumps over the lazy dog.")));
        assert!((5..=9).contains(&estimated_tokens("東京は日本の首都です。")));
        assert_eq!(estimated_tokens(""), 0);
    }

    proptest! {
        #[test]
        fn ranges_are_in_order_and_on_characters(text in "\\PC{0,80}") {
            for ranges in [sentences(&text), words(&text).collect()] {
                let mut last = 0;
                for range in ranges {
                    prop_assert!(range.start >= last && range.end > range.start);
                    prop_assert!(text.get(range.clone()).is_some());
                    last = range.end;
                }
            }
        }
    }
}
