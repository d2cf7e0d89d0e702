//! Words that tell what a document is, of about ten languages, and where they are in a text.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::document_type::DocumentType;

/// Words of the longest cue.
const LONGEST: usize = 6;

/// What documents of a type call themselves, or what is typical of their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Zone {
    Title,
    Body,
}

/// A cue of a type: its place in the list is its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Cue {
    pub(crate) kind: DocumentType,
    pub(crate) zone: Zone,
    pub(crate) text: &'static str,
}

struct Cues {
    /// By the words joined by single spaces.
    of_words: HashMap<&'static str, Vec<Cue>>,
    /// Of scripts without spaces.
    of_signs: Vec<Cue>,
}

static CUES: LazyLock<Cues> = LazyLock::new(|| {
    let mut cues = Cues { of_words: HashMap::new(), of_signs: Vec::new() };
    for line in include_str!("cues.tsv").lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        let (Some(kind), Some(zone), Some(texts)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let kind = kind_of(kind).expect("a test reads every line");
        let zone = if zone == "title" { Zone::Title } else { Zone::Body };
        for text in texts.split('|') {
            let cue = Cue { kind, zone, text };
            if has_ideographs(text) {
                cues.of_signs.push(cue);
            } else {
                let known = cues.of_words.entry(text).or_default();
                if !known.contains(&cue) {
                    known.push(cue);
                }
            }
        }
    }
    cues
});

fn kind_of(name: &str) -> Option<DocumentType> {
    match name {
        "paper" => Some(DocumentType::ScientificPaper),
        "email" => Some(DocumentType::Email),
        "identity" => Some(DocumentType::IdentityDocument),
        name => DocumentType::named(name),
    }
}

/// Signs of scripts that do not part words by spaces; Hangul is looked for in the same way, because endings follow its words.
fn has_ideographs(text: &str) -> bool {
    text.chars().any(|char| matches!(char, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'))
}

/// The cues of a text with the byte ranges where each is.
pub(crate) fn find(text: &str, mut found: impl FnMut(Cue, std::ops::Range<usize>)) {
    let words = words(text);
    let mut joined = String::new();
    for at in 0..words.len() {
        joined.clear();
        for (count, (word, range)) in words[at..].iter().take(LONGEST).enumerate() {
            if count > 0 {
                joined.push(' ');
            }
            joined.push_str(word);
            if let Some(cues) = CUES.of_words.get(joined.as_str()) {
                for cue in cues {
                    found(*cue, words[at].1.start..range.end);
                }
            }
        }
    }
    if has_ideographs(text) {
        for cue in &CUES.of_signs {
            text.match_indices(cue.text).for_each(|(at, text)| found(*cue, at..at + text.len()));
        }
    }
}

/// Runs of letters and digits in lower case, with their places.
fn words(text: &str) -> Vec<(String, std::ops::Range<usize>)> {
    let mut words: Vec<(String, std::ops::Range<usize>)> = Vec::new();
    let mut is_open = false;
    for (at, char) in text.char_indices() {
        if char.is_alphanumeric() {
            if !is_open {
                words.push((String::new(), at..at));
            }
            is_open = true;
            if let Some((word, range)) = words.last_mut() {
                word.extend(char.to_lowercase());
                range.end = at + char.len_utf8();
            }
        } else {
            is_open = false;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&'static str, &str)> {
        let mut all = Vec::new();
        find(text, |cue, range| all.push((cue.kind.name(), &text[range])));
        all
    }

    #[test]
    fn every_line_of_the_list_is_read() {
        let list = include_str!("cues.tsv");
        for line in list.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            assert_eq!(fields.len(), 3, "{line}");
            assert!(kind_of(fields[0]).is_some() && ["title", "body"].contains(&fields[1]), "{line}");
            for cue in fields[2].split('|') {
                let plain: Vec<String> = words(cue).into_iter().map(|(word, _)| word).collect();
                assert!(
                    has_ideographs(cue) || plain.join(" ") == cue,
                    "{cue:?} is not in lower case or has punctuation"
                );
                assert!(plain.len() <= LONGEST, "{cue:?} is too long");
            }
        }
    }

    #[test]
    fn cues_are_whole_words_and_signs_anywhere() {
        assert!(found("Our INVOICE No. 17").contains(&("invoice", "INVOICE No")));
        assert!(found("Owner’s Manual").contains(&("manual", "Owner’s Manual")));
        assert!(!found("reinvoiced").iter().any(|(kind, _)| *kind == "invoice"));
        assert!(found("増値税発票 御請求書在中").contains(&("invoice", "請求書")));
    }
}
