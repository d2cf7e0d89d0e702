//! Characters as they are read: ligatures in letters, right-to-left scripts in logical order.

use unicode_normalization::UnicodeNormalization as _;

/// Whether the text has a letter of a script that is written from right to left.
pub(crate) fn is_rtl(text: &str) -> bool {
    text.chars().any(is_rtl_char)
}

fn is_rtl_char(char: char) -> bool {
    matches!(u32::from(char), 0x590..=0x8FF | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFC | 0x10800..=0x10FFF | 0x1E800..=0x1EFFF)
        && !is_rtl_digit(char)
}

/// Digits of Arabic scripts are written from left to right.
fn is_rtl_digit(char: char) -> bool {
    matches!(u32::from(char), 0x660..=0x66C | 0x6F0..=0x6F9)
}

/// Ligatures and presentation forms become the letters that they stand for; letters and accents that are drawn one over
/// the other become one character. Everything else stays as the document has it.
pub(crate) fn normalise(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut result = String::with_capacity(text.len());
    for char in text.chars() {
        match u32::from(char) {
            0xFB00..=0xFB4F | 0xFB50..=0xFDFB | 0xFE70..=0xFEFC => result.extend(std::iter::once(char).nfkc()),
            _ => result.push(char),
        }
    }
    let has_marks = result.chars().any(|char| matches!(u32::from(char), 0x300..=0x36F));
    if has_marks { result.nfc().collect() } else { result }
}

/// A word of right-to-left script from its glyphs, the rightmost first: numbers and Latin letters within it run the
/// other way.
pub(crate) fn logical_word<'a>(glyphs: impl Iterator<Item = &'a str>) -> String {
    let mut parts: Vec<String> = glyphs.map(normalise).collect();
    let is_ltr = |part: &String| !is_rtl(part) && part.chars().any(char::is_alphanumeric);
    let mut at = 0;
    while at < parts.len() {
        if !is_ltr(&parts[at]) {
            at += 1;
            continue;
        }
        let mut end = at + 1;
        while end < parts.len()
            && (is_ltr(&parts[end]) || (end + 1 < parts.len() && is_inner(&parts[end]) && is_ltr(&parts[end + 1])))
        {
            end += 1;
        }
        parts[at..end].reverse();
        at = end;
    }
    parts.concat().nfc().collect()
}

/// Punctuation that belongs to a number between digits.
fn is_inner(part: &str) -> bool {
    matches!(part, "." | "," | ":" | "/" | "-")
}

/// Brings the words of a line, sorted from left to right, into the order in which they are read.
pub(crate) fn logical_line<T>(words: &mut [T], is_rtl: impl Fn(&T) -> bool, text: impl Fn(&mut T) -> &mut String) {
    let rtl = words.iter().filter(|word| is_rtl(word)).count();
    if rtl * 2 >= words.len() {
        // The line runs leftwards; what is not of its script runs rightwards within it.
        words.reverse();
        let is_ltr: Vec<bool> =
            words.iter_mut().map(|word| !is_rtl(word) && text(word).chars().any(char::is_alphanumeric)).collect();
        let is_neutral: Vec<bool> = words.iter().zip(&is_ltr).map(|(word, is_ltr)| !is_rtl(word) && !is_ltr).collect();
        // Punctuation between words that run rightwards goes with them, and at their edges with the line.
        let mut at = 0;
        while at < words.len() {
            let run =
                (at..words.len()).take_while(|place| is_ltr[*place] || (is_neutral[*place] && is_ltr[at])).count();
            let run = (at..at + run).rev().find(|place| is_ltr[*place]).map_or(0, |last| last + 1 - at);
            words[at..at + run].reverse();
            at += run.max(1);
        }
        for word in words.iter_mut().filter(|word| !is_rtl(word)) {
            let text = text(word);
            *text = with_edges_turned(text);
        }
    } else {
        reverse_runs(words, is_rtl);
    }
}

/// A number or a Latin word of a line that runs leftwards: the punctuation at its left was drawn after it, and that at
/// its right before it.
fn with_edges_turned(text: &str) -> String {
    let is_edge =
        |char: char| !char.is_alphanumeric() && !matches!(char, '%' | '$' | '€' | '£' | '+' | '-' | '#' | '@' | '&');
    let core = text.trim_matches(is_edge);
    if core.is_empty() {
        return text.to_owned();
    }
    let before = &text[..text.find(core).unwrap_or(0)];
    let after = &text[before.len() + core.len()..];
    let turned = |edge: &str| edge.chars().rev().map(mirrored).collect::<String>();
    format!("{}{core}{}", turned(after), turned(before))
}

fn mirrored(char: char) -> char {
    match char {
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        '{' => '}',
        '}' => '{',
        '«' => '»',
        '»' => '«',
        other => other,
    }
}

fn reverse_runs<T>(words: &mut [T], belongs: impl Fn(&T) -> bool) {
    let mut at = 0;
    while at < words.len() {
        let length = words[at..].iter().take_while(|word| belongs(word)).count();
        words[at..at + length].reverse();
        at += length.max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ligatures_become_letters_and_accents_join() {
        assert_eq!(normalise("o\u{FB03}ce"), "office");
        assert_eq!(normalise("u\u{308}ber"), "\u{FC}ber");
        assert_eq!(normalise("\u{FEFB}"), "\u{644}\u{627}");
        assert_eq!(normalise("x\u{B2}"), "x\u{B2}");
    }

    #[test]
    fn right_to_left_words_are_read_from_the_right() {
        // Seen from the right: alef, lam, then "12" whose digits run the other way.
        assert_eq!(logical_word(["\u{627}", "\u{644}", "2", "1"].into_iter()), "\u{627}\u{644}12");
        let mut line = vec!["A", "B", "\u{5D2}", "\u{5D1}", "\u{5D0}"];
        let mut line: Vec<String> = line.drain(..).map(str::to_owned).collect();
        logical_line(&mut line, |word| is_rtl(word), |word| word);
        assert_eq!(line, ["\u{5D0}", "\u{5D1}", "\u{5D2}", "A", "B"]);
        let mut line = [".7", "\u{5D1}", "\u{5D0}"].map(str::to_owned);
        logical_line(&mut line, |word| is_rtl(word), |word| word);
        assert_eq!(line, ["\u{5D0}", "\u{5D1}", "7."]);
    }
}
