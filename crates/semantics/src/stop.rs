//! The words of a language that say nothing of what a text is about (stopwords-iso).

use std::collections::HashSet;

/// Those of a language by its ISO 639-1 code; none if its words are not listed.
pub(crate) fn stop_words(language: &str) -> HashSet<&'static str> {
    // Norwegian is listed as one.
    let code = if language == "nb" { "no" } else { language };
    #[expect(clippy::unicode_not_nfc, reason = "the lists are as stopwords-iso has them")]
    let words: &'static str = include!(concat!(env!("OUT_DIR"), "/stop_words.rs"));
    words.lines().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_has_its_own_and_an_unknown_one_none() {
        assert!(stop_words("en").contains("the") && stop_words("de").contains("und"));
        assert!(!stop_words("en").contains("und") && !stop_words("nb").is_empty());
        assert!(stop_words("xx").is_empty());
    }
}
