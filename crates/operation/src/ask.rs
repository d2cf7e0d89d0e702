//! What an operation asks of managed services while it works: questions and answers in this project's own words. The parent process
//! has the credentials, makes the request and translates the answer (crate `managed`); an operation sees no AWS.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalog::Service;
use contract::Failure;
use contract::recognition::{Face, Label, ModerationLabel, TextLine};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Answers questions, in the parent.
pub trait Answers: Send + Sync {
    /// The answer to a question, both as JSON. Blocks until it is there; whether the operation may ask is for the caller to see to.
    fn answer(&self, service: Service, question: &str) -> Result<Vec<u8>, Failure>;
}

/// A question to a service and the type of its answer.
pub trait Question: Serialize + DeserializeOwned {
    /// Whom it is for.
    const SERVICE: Service;
    /// What comes back.
    type Answer: Serialize + DeserializeOwned;
}

/// What a task may ask, if anything.
#[derive(Clone, Default)]
pub struct Services(Option<Arc<dyn Answers>>);

impl Services {
    /// Services that are answered by somebody.
    pub fn new(answers: Arc<dyn Answers>) -> Self {
        Self(Some(answers))
    }

    /// Asks, and waits for the answer. A failure is the service's own in its kind: what is temporary may be asked again by
    /// a later try of the whole operation; the call itself was repeated already.
    pub fn ask<Q: Question>(&self, question: &Q) -> Result<Q::Answer, Failure> {
        let answers = self.0.as_ref().ok_or_else(|| {
            Failure::invalid_request("the operation asks a managed service, which this program does not offer")
        })?;
        let text = serde_json::to_string(question)
            .map_err(|error| Failure::internal("failed to write a question to a service").because(error))?;
        let answer = answers.answer(Q::SERVICE, &text)?;
        serde_json::from_slice(&answer)
            .map_err(|error| Failure::internal("failed to read a service's answer").because(error))
    }
}

/// The bytes of a JPEG, which travel as base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Jpeg(pub Vec<u8>);

impl fmt::Debug for Jpeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JPEG of {} bytes", self.0.len())
    }
}

impl Serialize for Jpeg {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Jpeg {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(D::Error::custom)
    }
}

/// What does an upright picture show?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Labels {
    /// The picture.
    pub picture: Jpeg,
    /// Leave out labels of less confidence, 0 to 1.
    pub min_confidence: f32,
    /// Most labels.
    pub max: u16,
}

/// What an upright picture shows. Boxes are shares of it: left, upper, right and lower edge, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelsAnswer {
    /// The most confident first.
    pub labels: Vec<Label>,
}

impl Question for Labels {
    const SERVICE: Service = Service::Labels;
    type Answer = LabelsAnswer;
}

/// Where are faces in an upright picture?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Faces {
    /// The picture.
    pub picture: Jpeg,
}

/// Faces. Boxes and points are shares of the picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FacesAnswer {
    /// The most confident first.
    pub faces: Vec<Face>,
}

impl Question for Faces {
    const SERVICE: Service = Service::Faces;
    type Answer = FacesAnswer;
}

/// What is written in an upright picture?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Words {
    /// The picture.
    pub picture: Jpeg,
    /// Leave out words of less confidence, 0 to 1.
    pub min_confidence: f32,
}

/// Lines of words. Boxes and corners are shares of the picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordsAnswer {
    /// In the order in which the service reads them.
    pub lines: Vec<TextLine>,
}

impl Question for Words {
    const SERVICE: Service = Service::Words;
    type Answer = WordsAnswer;
}

/// What of an upright picture may be unfit to be shown?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moderation {
    /// The picture.
    pub picture: Jpeg,
    /// Leave out labels of less confidence, 0 to 1.
    pub min_confidence: f32,
}

/// What may be unfit to be shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModerationAnswer {
    /// The most confident first.
    pub labels: Vec<ModerationLabel>,
}

impl Question for Moderation {
    const SERVICE: Service = Service::Moderation;
    type Answer = ModerationAnswer;
}

/// What is the text of a page?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PageText {
    /// The page's picture.
    pub picture: Jpeg,
}

/// The words of a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PageTextAnswer {
    /// Lines in the order in which the service reads them.
    pub lines: Vec<PageLine>,
}

/// Words beside each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PageLine {
    /// From the first to the last.
    pub words: Vec<PageWord>,
    /// How sure the line is, 0 to 1.
    pub confidence: f32,
    /// As of a word.
    pub corners: [[f32; 2]; 4],
}

/// A word of a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PageWord {
    /// Its signs.
    pub text: String,
    /// How sure they are, 0 to 1.
    pub confidence: f32,
    /// Upper left, upper right, lower right and lower left corner as the word is read, shares of the page.
    pub corners: [[f32; 2]; 4],
}

impl Question for PageText {
    const SERVICE: Service = Service::PageText;
    type Answer = PageTextAnswer;
}

/// Which languages is a text in?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Languages {
    /// At most [`LONGEST_TEXT`] bytes.
    pub text: String,
}

/// The languages of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LanguagesAnswer {
    /// Codes as of ISO 639, each with how sure the service is, 0 to 1.
    pub languages: Vec<(String, f32)>,
}

impl Question for Languages {
    const SERVICE: Service = Service::Languages;
    type Answer = LanguagesAnswer;
}

/// Bytes of a text about which [`Languages`], [`Names`] and [`Phrases`] are asked.
pub const LONGEST_TEXT: usize = 100_000;
/// Bytes of a text about which [`Sentiment`] is asked.
pub const LONGEST_FEELING: usize = 5000;
/// The languages of texts that names, phrases and sentiment are found in.
pub const LANGUAGES: [&str; 12] = ["en", "es", "fr", "de", "it", "pt", "ar", "hi", "ja", "ko", "zh", "zh-TW"];

/// Who and what is named in a text?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Names {
    /// At most [`LONGEST_TEXT`] bytes.
    pub text: String,
    /// One of [`LANGUAGES`].
    pub language: String,
}

/// What is named in a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamesAnswer {
    /// In the order of the text.
    pub names: Vec<FoundName>,
}

/// A name in a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundName {
    /// What it is of.
    pub kind: NameKind,
    /// Where its first byte is in the text.
    pub start: usize,
    /// Where its last byte ends.
    pub end: usize,
    /// How sure that is, 0 to 1.
    pub confidence: f32,
}

/// What a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameKind {
    /// A person.
    Person,
    /// A place of any kind.
    Place,
    /// A company, an agency, an institution.
    Organisation,
    /// Something that is sold.
    Product,
    /// An event.
    Event,
    /// A date or a time.
    Date,
    /// An amount of something.
    Quantity,
    /// A work of art.
    Work,
    /// Something else.
    Other,
}

impl Question for Names {
    const SERVICE: Service = Service::Names;
    type Answer = NamesAnswer;
}

/// Which phrases of a text say what it is about?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phrases {
    /// At most [`LONGEST_TEXT`] bytes.
    pub text: String,
    /// One of [`LANGUAGES`].
    pub language: String,
}

/// Phrases of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhrasesAnswer {
    /// In the order of the text.
    pub phrases: Vec<FoundPhrase>,
}

/// A phrase in a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundPhrase {
    /// Where its first byte is in the text.
    pub start: usize,
    /// Where its last byte ends.
    pub end: usize,
    /// How sure that is, 0 to 1.
    pub confidence: f32,
}

impl Question for Phrases {
    const SERVICE: Service = Service::Phrases;
    type Answer = PhrasesAnswer;
}

/// What does a text feel like?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sentiment {
    /// At most [`LONGEST_FEELING`] bytes.
    pub text: String,
    /// One of [`LANGUAGES`].
    pub language: String,
}

/// How likely a text is for something, against it, neither or both; together 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SentimentAnswer {
    /// For something.
    pub positive: f32,
    /// Against something.
    pub negative: f32,
    /// Neither.
    pub neutral: f32,
    /// Both.
    pub mixed: f32,
}

impl Question for Sentiment {
    const SERVICE: Service = Service::Sentiment;
    type Answer = SentimentAnswer;
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;

    impl Answers for Echo {
        fn answer(&self, service: Service, question: &str) -> Result<Vec<u8>, Failure> {
            assert_eq!(service, Service::PageText);
            let asked: PageText = serde_json::from_str(question).unwrap();
            assert_eq!(asked.picture, Jpeg(vec![0xff, 0xd8, 0xff]));
            let corners = [[0.0, 0.0], [0.1, 0.0], [0.1, 0.1], [0.0, 0.1]];
            let word = PageWord { text: "é".to_owned(), confidence: 0.9, corners };
            let line = PageLine { words: vec![word], confidence: 0.9, corners };
            Ok(serde_json::to_vec(&PageTextAnswer { lines: vec![line] }).unwrap())
        }
    }

    #[test]
    fn a_question_and_its_answer_come_through_as_they_were() {
        let question = PageText { picture: Jpeg(vec![0xff, 0xd8, 0xff]) };
        let answer = Services::new(Arc::new(Echo)).ask(&question).unwrap();
        assert_eq!(answer.lines[0].words[0].text, "é");
        let failure = Services::default().ask(&question).unwrap_err();
        assert!(failure.to_string().contains("does not offer"), "{failure}");
    }
}
