//! The languages that text in pictures is read in: those that PP-OCRv6 was trained on, but for Vietnamese, of whose letters its
//! list has few.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// Codes with the English names. All that are not Chinese or Japanese are written in Latin letters.
const CODES: &[(&str, &str)] = &[
    ("en", "English"),
    ("zh", "Chinese, simplified"),
    ("zh-hant", "Chinese, traditional"),
    ("ja", "Japanese"),
    ("af", "Afrikaans"),
    ("az", "Azerbaijani"),
    ("bs", "Bosnian"),
    ("ca", "Catalan"),
    ("cs", "Czech"),
    ("cy", "Welsh"),
    ("da", "Danish"),
    ("de", "German"),
    ("es", "Spanish"),
    ("et", "Estonian"),
    ("eu", "Basque"),
    ("fi", "Finnish"),
    ("fr", "French"),
    ("ga", "Irish"),
    ("gl", "Galician"),
    ("hr", "Croatian"),
    ("hu", "Hungarian"),
    ("id", "Indonesian"),
    ("is", "Icelandic"),
    ("it", "Italian"),
    ("ku", "Kurdish"),
    ("la", "Latin"),
    ("lb", "Luxembourgish"),
    ("lt", "Lithuanian"),
    ("lv", "Latvian"),
    ("mi", "Maori"),
    ("ms", "Malay"),
    ("mt", "Maltese"),
    ("nl", "Dutch"),
    ("no", "Norwegian"),
    ("oc", "Occitan"),
    ("pl", "Polish"),
    ("pt", "Portuguese"),
    ("qu", "Quechua"),
    ("rm", "Romansh"),
    ("ro", "Romanian"),
    ("sk", "Slovak"),
    ("sl", "Slovenian"),
    ("sq", "Albanian"),
    ("sr-latn", "Serbian, in Latin letters"),
    ("sv", "Swedish"),
    ("sw", "Swahili"),
    ("tl", "Tagalog"),
    ("tr", "Turkish"),
    ("uz", "Uzbek"),
];

/// A language that text in pictures is read in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadingLanguage(&'static str);

impl ReadingLanguage {
    /// Its code, such as `de` or `zh-hant`.
    pub fn code(self) -> &'static str {
        self.0
    }
}

impl FromStr for ReadingLanguage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let code = text.to_ascii_lowercase();
        let found = CODES.iter().find(|(known, name)| *known == code || name.eq_ignore_ascii_case(text));
        found.map(|(code, _)| Self(code)).ok_or_else(|| {
            let codes: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
            format!("{text:?} is not a language that text in pictures is read in; allowed: {}", codes.join(", "))
        })
    }
}

impl fmt::Display for ReadingLanguage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for ReadingLanguage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_known_by_code_and_name_and_others_are_refused_with_those() {
        assert_eq!("DE".parse::<ReadingLanguage>().unwrap().code(), "de");
        assert_eq!("Japanese".parse::<ReadingLanguage>().unwrap().code(), "ja");
        let refused = "ru".parse::<ReadingLanguage>().unwrap_err();
        assert!(
            refused.contains("\"ru\" is not a language that text in pictures is read in; allowed: en, zh"),
            "{refused}"
        );
    }
}
