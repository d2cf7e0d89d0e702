//! Amazon Comprehend: what a text is about. Billed by units of 100 characters, three at least for each request.
//!
//! Its offsets count characters of the text. Each answer has the text itself beside them, which is compared, so that a place
//! is never wrong; a place that cannot be found is left out.

use contract::{Failure, ManagedUnits};
use operation::ask::{self, FoundName, FoundPhrase, LANGUAGES, LONGEST_FEELING, LONGEST_TEXT, NameKind};
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::asked::{Asked, share};

pub(crate) const COMPREHEND: Api = Api {
    name: "comprehend",
    variable: "COMPREHEND",
    target: "Comprehend_20171127",
    version: "2017-11-27",
    per_second: 10.0,
};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    language_code: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// What a worker asks about, checked.
    fn of(text: &'a str, language: Option<&'a str>, longest: usize) -> Result<Self, Failure> {
        if text.is_empty() || text.len() > longest {
            return Err(Failure::internal(format!(
                "the worker asks about a text of {} bytes; 1 to {longest} are sent",
                text.len()
            )));
        }
        if let Some(language) = language.filter(|language| !LANGUAGES.contains(language)) {
            let shown: String = language.chars().take(20).collect();
            return Err(Failure::internal(format!("the worker asks about a text in the language {shown:?}")));
        }
        Ok(Self { text, language_code: language })
    }

    fn units(&self) -> ManagedUnits {
        let characters = self.text.chars().count() as u64;
        ManagedUnits { comprehend_units: characters.div_ceil(100).max(3), ..ManagedUnits::default() }
    }
}

pub(crate) async fn languages(asked: &Asked, question: ask::Languages) -> Result<ask::LanguagesAnswer, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Found {
        languages: Vec<Language>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Language {
        language_code: String,
        score: f32,
    }
    let request = Request::of(&question.text, None, LONGEST_TEXT)?;
    let found: Found = asked.call(&COMPREHEND, "DetectDominantLanguage", &request).await?;
    asked.billed(&COMPREHEND, "DetectDominantLanguage", None, request.units());
    let language = |found: Language| (found.language_code, share(found.score * 100.0));
    Ok(ask::LanguagesAnswer { languages: found.languages.into_iter().map(language).collect() })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    #[serde(default)]
    r#type: String,
    text: String,
    score: f32,
    begin_offset: usize,
    end_offset: usize,
}

pub(crate) async fn names(asked: &Asked, question: ask::Names) -> Result<ask::NamesAnswer, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Entities {
        entities: Vec<Found>,
    }
    let request = Request::of(&question.text, Some(&question.language), LONGEST_TEXT)?;
    let found: Entities = asked.call(&COMPREHEND, "DetectEntities", &request).await?;
    asked.billed(&COMPREHEND, "DetectEntities", None, request.units());
    let offsets = Offsets::of(&question.text);
    let name = |found: Found| {
        let (start, end) = offsets.find(&found)?;
        Some(FoundName { kind: kind(&found.r#type), start, end, confidence: share(found.score * 100.0) })
    };
    Ok(ask::NamesAnswer { names: found.entities.into_iter().filter_map(name).collect() })
}

/// Kinds that Comprehend gets later are others.
fn kind(name: &str) -> NameKind {
    match name {
        "PERSON" => NameKind::Person,
        "LOCATION" => NameKind::Place,
        "ORGANIZATION" => NameKind::Organisation,
        "COMMERCIAL_ITEM" => NameKind::Product,
        "EVENT" => NameKind::Event,
        "DATE" => NameKind::Date,
        "QUANTITY" => NameKind::Quantity,
        "TITLE" => NameKind::Work,
        _ => NameKind::Other,
    }
}

pub(crate) async fn phrases(asked: &Asked, question: ask::Phrases) -> Result<ask::PhrasesAnswer, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct KeyPhrases {
        key_phrases: Vec<Found>,
    }
    let request = Request::of(&question.text, Some(&question.language), LONGEST_TEXT)?;
    let found: KeyPhrases = asked.call(&COMPREHEND, "DetectKeyPhrases", &request).await?;
    asked.billed(&COMPREHEND, "DetectKeyPhrases", None, request.units());
    let offsets = Offsets::of(&question.text);
    let phrase = |found: Found| {
        let (start, end) = offsets.find(&found)?;
        Some(FoundPhrase { start, end, confidence: share(found.score * 100.0) })
    };
    Ok(ask::PhrasesAnswer { phrases: found.key_phrases.into_iter().filter_map(phrase).collect() })
}

pub(crate) async fn sentiment(asked: &Asked, question: ask::Sentiment) -> Result<ask::SentimentAnswer, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Felt {
        sentiment_score: Score,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Score {
        positive: f32,
        negative: f32,
        neutral: f32,
        mixed: f32,
    }
    let request = Request::of(&question.text, Some(&question.language), LONGEST_FEELING)?;
    let Felt { sentiment_score: score } = asked.call(&COMPREHEND, "DetectSentiment", &request).await?;
    asked.billed(&COMPREHEND, "DetectSentiment", None, request.units());
    let [positive, negative, neutral, mixed] =
        [score.positive, score.negative, score.neutral, score.mixed].map(|score| share(score * 100.0));
    Ok(ask::SentimentAnswer { positive, negative, neutral, mixed })
}

/// Where the characters of a text are in its bytes.
struct Offsets<'a> {
    text: &'a str,
    /// By character, and one behind the last.
    of_characters: Vec<u32>,
    /// By unit of UTF-16, if that differs: programs on the JVM count so.
    of_units: Option<Vec<u32>>,
}

impl<'a> Offsets<'a> {
    fn of(text: &'a str) -> Self {
        let end = text.len() as u32;
        let of_characters = text.char_indices().map(|(at, _)| at as u32).chain([end]).collect();
        let has_pairs = text.chars().any(|character| character.len_utf16() > 1);
        let units = || {
            let of_one =
                text.char_indices().flat_map(|(at, character)| [at as u32; 2].into_iter().take(character.len_utf16()));
            of_one.chain([end]).collect()
        };
        Self { text, of_characters, of_units: has_pairs.then(units) }
    }

    /// The bytes of what was found: where the offsets lead to its text.
    fn find(&self, found: &Found) -> Option<(usize, usize)> {
        [Some(&self.of_characters), self.of_units.as_ref()].into_iter().flatten().find_map(|offsets| {
            let (start, end) = (*offsets.get(found.begin_offset)? as usize, *offsets.get(found.end_offset)? as usize);
            (start < end && self.text.get(start..end)? == found.text).then_some((start, end))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, begin_offset: usize, end_offset: usize) -> Found {
        Found { r#type: "PERSON".to_owned(), text: text.to_owned(), score: 0.9, begin_offset, end_offset }
    }

    #[test]
    fn offsets_count_characters_and_lead_to_the_text_or_to_nothing() {
        let text = "Grüße an Jürgen 😀 und Zoë";
        let offsets = Offsets::of(text);
        let place = |found| offsets.find(&found).map(|(start, end)| &text[start..end]);
        assert_eq!(place(found("Jürgen", 9, 15)), Some("Jürgen"));
        assert_eq!(place(found("Zoë", 22, 25)), Some("Zoë"));
        // The same in units of UTF-16, of which the face has two.
        assert_eq!(place(found("Zoë", 23, 26)), Some("Zoë"));
        assert_eq!(place(found("Zoë", 3, 6)), None);
        assert_eq!(place(found("Zoë", 22, 400)), None);
        assert_eq!(place(found("", 5, 5)), None);
    }

    #[test]
    fn units_are_a_hundred_characters_and_three_at_least() {
        let units = |text: &str| Request::of(text, Some("en"), LONGEST_TEXT).unwrap().units().comprehend_units;
        assert_eq!([units("short"), units(&"ä".repeat(300)), units(&"ä".repeat(301))], [3, 3, 4]);
    }

    #[test]
    fn a_worker_cannot_send_what_the_services_do_not_take() {
        assert!(Request::of(&"a".repeat(LONGEST_FEELING + 1), Some("en"), LONGEST_FEELING).is_err());
        assert!(Request::of("", Some("en"), LONGEST_TEXT).is_err());
        assert!(Request::of("text", Some("tlh"), LONGEST_TEXT).is_err());
    }
}
