use clap::{ArgAction, Args, ValueEnum};
use serde::Serialize;

use super::text::{READING_WEIGHTS, WITH_TEXT};
use super::{Confidence, Ocr, PageRanges, Password};
use crate::ReadingLanguage;
use crate::operation::Options;
use crate::profile::Profile;

/// Finds out what kind of document a document or a picture of one is.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Classify {
    /// What to find out
    #[arg(long, value_enum, value_name = "FEATURE,…", value_delimiter = ',', default_values_t = ClassifyFeature::ALL)]
    pub features: Vec<ClassifyFeature>,
    /// Also find where one document ends and the next begins in a file of several: `parts`, each with its pages and its type
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub split: bool,
    /// Whether the meaning of the text counts beside words and layout. It needs the network of docs/weights.md, which the topics
    /// need as well. Where that is not installed, auto decides by words and layout alone and says so
    #[arg(long, value_enum, default_value_t = Meaning::Auto)]
    pub meaning: Meaning,
    /// Name no type of less confidence, 0 to 1: the type is then unknown, and the candidates are given
    #[arg(long, value_name = "0-1", default_value_t = Confidence::HALF)]
    pub min_confidence: Confidence,
    /// Examples of your own classes: a file beside the document, the example.json of several documents one after the other
    #[arg(long, value_name = "FILE")]
    pub classes: Option<String>,
    /// Make an example of a class of your own of this document: example.json
    #[arg(long, value_name = "NAME")]
    pub example_of: Option<String>,
    /// Whether text in pictures is read first (OCR), as in `text`. Where the weights are not installed, auto leaves pictures as they
    /// are and says so
    #[arg(long, value_enum, default_value_t = Ocr::Auto)]
    pub ocr: Ocr,
    /// Languages of the text in pictures, as in `text`
    #[arg(long, value_name = "LANGUAGE,…", value_delimiter = ',')]
    pub languages: Vec<ReadingLanguage>,
    /// Pages to read, such as 1-5,8,12-; sheets, slides or chapters of documents without pages
    #[arg(long, value_name = "RANGES")]
    pub pages: Option<PageRanges>,
    /// Maximum number of pages to read; the result reports if there are more
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_pages: u32,
    /// Password of an encrypted PDF; the empty one is always tried. It is never published
    #[arg(long, value_name = "PASSWORD")]
    pub password: Option<Password>,
}

/// What can be found out about the kind of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ClassifyFeature {
    /// Invoice, receipt, letter, form, contract, CV, report, scientific paper, slides, spreadsheet, manual, newspaper, e-mail, identity
    /// document, drawing or other, with probabilities and the evidence in words
    Type,
    /// Languages and scripts
    Languages,
    /// The nearest of the seventeen topics of the IPTC; they need the network
    Topics,
    /// What each page is by itself: its kind, and whether a document begins on it
    Pages,
    /// Where personal data is: e-mail addresses, telephone, account, card, tax and social security numbers
    PersonalData,
}

impl ClassifyFeature {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Type, Self::Languages, Self::Topics, Self::Pages, Self::PersonalData];
}

/// Whether the meaning of a text counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// If the network is installed
    Auto,
    /// It has to
    Always,
    /// Words and layout alone
    Never,
}

/// The library and the network that read the meaning of a text.
const MEANING: &[&str] = &["onnxruntime", "text-encoder", "text-vocabulary"];

/// All that it may need.
const WEIGHTS: &[&str] = &{
    let mut all = [""; 7];
    let mut at = 0;
    while at < MEANING.len() {
        all[at] = MEANING[at];
        at += 1;
    }
    // The first is the library, which is listed.
    let mut from = 1;
    while from < READING_WEIGHTS.len() {
        all[at] = READING_WEIGHTS[from];
        from += 1;
        at += 1;
    }
    all
};

/// Characters of the name of a class.
const LONGEST_NAME: usize = 60;

impl Classify {
    /// Whether the network is asked, if it is there.
    pub fn may_need_meaning(&self) -> bool {
        let wants = |feature| self.features.contains(&feature);
        let decides = wants(ClassifyFeature::Type) || wants(ClassifyFeature::Topics) || self.split;
        self.meaning != Meaning::Never && (decides || self.classes.is_some() || self.example_of.is_some())
    }
}

impl Options for Classify {
    const NAME: &'static str = "classify";
    const ALIASES: &'static [&'static str] = &["classification"];
    const ABOUT: &'static str =
        "Find out what kind of document a file is, in which languages, and where personal data is in it";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("classify", "type, languages, topics, pages and personal data, as classification.json and classification.md"),
        ("classify?split=true&ocr=always", "a scanned bundle: the pages of each document in it"),
        ("classify?features=type,languages&meaning=never", "by words and layout alone, without a network"),
        ("classify?features=personal-data&pages=1-2", "where personal data is on the first two pages"),
        ("classify?example-of=warranty", "an example of a class of your own, as example.json"),
        ("classify?classes=classes.jsonl", "among your own classes as well, from the examples in that file"),
    ];
    const SECRETS: &'static [&'static str] = &["password"];
    const PROFILE: Profile = Profile {
        relative_cost: 2,
        weights: WEIGHTS,
        ..Profile::of(WITH_TEXT, &["application/json", "text/markdown"], [(1, 2), (2, 4), (2, 16), (4, 30)])
    };

    fn validate(&self) -> Result<(), String> {
        if self.features.iter().enumerate().any(|(at, feature)| self.features[..at].contains(feature)) {
            return Err("features may name each only once".to_owned());
        }
        if self.languages.iter().enumerate().any(|(at, language)| self.languages[..at].contains(language)) {
            return Err("languages names one twice; give each once".to_owned());
        }
        if let Some(name) = &self.example_of {
            let length = name.chars().count();
            if name.trim().is_empty() || length > LONGEST_NAME || name.chars().any(char::is_control) {
                return Err(format!(
                    "example-of={name:?} is not allowed; a class has a name of 1 to {LONGEST_NAME} characters"
                ));
            }
        }
        if self.classes.as_ref().is_some_and(|file| file.trim().is_empty()) {
            return Err("classes is empty; name a file beside the document".to_owned());
        }
        Ok(())
    }

    fn weights(&self) -> Vec<&'static str> {
        let meaning: &[&str] = if self.may_need_meaning() { MEANING } else { &[] };
        let reading: &[&str] = if self.ocr == Ocr::Never { &[] } else { READING_WEIGHTS };
        let mut names = meaning.to_vec();
        names.extend(reading.iter().filter(|name| !meaning.contains(name)));
        names
    }
}

#[cfg(test)]
mod tests {
    use crate::Operations;

    #[test]
    fn only_the_weights_of_what_is_asked_for_are_needed() {
        let weights = |text: &str| text.parse::<Operations>().unwrap().first().weights();
        assert_eq!(weights("classify"), crate::Declaration::named("classification").unwrap().profile.weights);
        assert_eq!(weights("classify?meaning=never&ocr=never"), Vec::<&str>::new());
        assert_eq!(weights("classify?ocr=never"), super::MEANING);
        assert_eq!(weights("classify?features=languages"), super::READING_WEIGHTS);
    }

    #[test]
    fn names_are_checked() {
        for wrong in ["features=type,type", "example-of= ", "classes= ", "languages=de,de", "features=mood"] {
            assert!(format!("classify?{wrong}").parse::<Operations>().is_err(), "{wrong}");
        }
        let long = format!("classify?example-of={}", "a".repeat(61));
        assert!(long.parse::<Operations>().unwrap_err().to_string().contains("1 to 60 characters"));
    }
}
