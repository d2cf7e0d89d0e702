//! What a document is about: semantics.json. Its schema is docs/semantics.schema.json.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::{Block, Bounds};
use crate::entities::{EntityType, Evidence};
use crate::names::NameType;
use crate::sentiment::Feeling;

/// Everything that was found out about one document. What was not asked for is absent; what nothing was found of is an empty list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Semantics {
    /// The version of this schema: 1.
    pub schema_version: u32,
    /// What the document is.
    pub document: DocumentFacts,
    /// Its languages, that of the largest share first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub languages: Option<Vec<LanguageShare>>,
    /// Sentences of the document that sum it up, in its order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<Vec<SummarySentence>>,
    /// Phrases that are typical of it, the most typical first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_phrases: Option<Vec<KeyPhrase>>,
    /// What is named in it, in the order of the first mention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entities: Option<Vec<Entity>>,
    /// People, organisations, places and the like in its English text, in the order of the first mention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<Name>>,
    /// What it feels like: the mean of its chunks by their length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentiment: Option<Sentiment>,
    /// Its topics among the seventeen of the IPTC, the nearest first; empty if none leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topics: Option<Vec<Topic>>,
    /// The chunks that answer the question, the best first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matches: Option<Vec<Match>>,
    /// SHA-256 of the network that made the embeddings: numbers of different networks cannot be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding_network: Option<String>,
    /// Its text in parts for retrieval, in its order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunks: Option<Vec<ChunkReport>>,
    /// What tells whether other documents are the same or nearly so; absent for a document without words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<FingerprintReport>,
}

/// What a document is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DocumentFacts {
    /// The title that the file gives, or its first heading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Pages, sheets, slides or chapters.
    pub pages: u32,
    /// Those that were read.
    pub pages_read: u32,
    /// Words of the text.
    pub words: u64,
    /// Pages that are pictures, whose text only OCR can read: nothing of them is in here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ocr_needed: Vec<u32>,
}

/// A language and how much of the document is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LanguageShare {
    /// ISO 639-1 where there is one, else 639-3.
    pub language: String,
    /// Its English name.
    pub name: String,
    /// ISO 15924, such as `Latn`.
    pub script: String,
    /// The share of the document's letters, 0 to 1.
    pub share: f64,
}

/// A sentence of a summary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SummarySentence {
    /// The sentence as the document has it.
    pub text: String,
    /// How central it is: 1 for the most central sentence of the document.
    pub score: f64,
    /// Where it is.
    #[serde(flatten)]
    pub source: Mention,
}

/// A phrase that is typical of a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeyPhrase {
    /// As it is written most often.
    pub text: String,
    /// How typical it is: 1 for the most typical one.
    pub score: f64,
    /// How often it is there.
    pub count: u64,
    /// Where it is first.
    pub first: Mention,
}

/// What is named in a document, with all its mentions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entity {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: EntityType,
    /// What it means, the same for every way of writing it.
    pub value: String,
    /// As it is written first.
    pub text: String,
    /// What else it may mean: a date whose day and month can change places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternative: Option<String>,
    /// The label in front of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What it was found by.
    pub evidence: Evidence,
    /// How often it is there.
    pub count: u64,
    /// Where it is, at most the first hundred times.
    pub mentions: Vec<Mention>,
}

/// Somebody or something with a name, with all its mentions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Name {
    /// What it is of.
    #[serde(rename = "type")]
    pub kind: NameType,
    /// As it is written first.
    pub text: String,
    /// How often it is there, in whatever case.
    pub count: u64,
    /// Where it is, at most the first hundred times.
    pub mentions: Vec<Mention>,
}

/// What a text feels like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sentiment {
    /// Whether it is for or against something, or neither.
    pub feeling: Feeling,
    /// From -1, as negative as can be, to 1.
    pub score: f64,
}

/// A topic of the IPTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Topic {
    /// Its name in English.
    pub name: String,
    /// How far it leads the mean of all topics, in standard deviations.
    pub lead: f64,
}

/// A chunk that answers a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Match {
    /// The number of the chunk.
    pub chunk: u32,
    /// How well it answers beside the other chunks: 0 is their mean, and 1 a standard deviation above it.
    pub score: f64,
    /// Its score by words alone (BM25).
    pub words: f64,
    /// The cosine of its embedding and that of the question.
    pub cosine: f64,
}

/// A place in the document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mention {
    /// The page, sheet, slide or chapter, from 1.
    pub page: u32,
    /// A box for each line, in formats with places: left, top, right and bottom in points from the page's upper left corner.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<Bounds>,
    /// The number of the chunk, if chunks were asked for and it is in one: running heads are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<u32>,
}

/// A part of the document for retrieval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChunkReport {
    /// From 0, in the order of the document.
    pub number: u32,
    /// The headings above it, the outermost first.
    pub headings: Vec<String>,
    /// Its text.
    pub text: String,
    /// About how many tokens that is.
    pub tokens: u32,
    /// Its language, as in `languages`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Where it is.
    pub places: Vec<ChunkPlace>,
    /// What it feels like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentiment: Option<Sentiment>,
    /// A vector of length 1; its scalar product with that of another text is the cosine of the angle between the two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<Vec<f32>>,
}

/// Where a part of a chunk is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChunkPlace {
    /// The page, sheet, slide or chapter, from 1.
    pub page: u32,
    /// The box of it, in formats with places: left, top, right and bottom in points from the page's upper left corner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Bounds>,
}

/// Fingerprints of the words in lower case: layout, punctuation and format do not change them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FingerprintReport {
    /// SHA-256 of the words joined by single spaces: equal for equal texts.
    pub exact: String,
    /// 64 bits in hexadecimal. Texts that are nearly the same differ in few: up to 3 is usual for duplicates.
    pub simhash: String,
    /// 64 values of 32 bits in hexadecimal. The share of equal values is that of common runs of five words.
    pub minhash: String,
}

impl Mention {
    /// The place of a part of a block.
    pub fn of(block: &Block, range: &std::ops::Range<usize>, chunk: Option<u32>) -> Self {
        Self { page: block.page, bounds: block.boxes(range).into_iter().map(rounded).collect(), chunk }
    }
}

/// In hundredths of a point.
pub fn rounded(bounds: Bounds) -> Bounds {
    bounds.map(|number| (number * 100.0).round() / 100.0)
}
