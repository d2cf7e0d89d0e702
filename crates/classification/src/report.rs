//! What a document was found to be: classification.json. Its schema is docs/classification.schema.json.

use schemars::JsonSchema;
use semantics::report::{DocumentFacts, LanguageShare, Mention, Topic};
use serde::{Deserialize, Serialize};

use crate::document_type::DocumentType;
use crate::personal::PersonalType;

/// Everything that was found out about the kind of one document. What was not asked for is absent; what nothing was found of is an
/// empty list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Classification {
    /// The version of this schema: 1.
    pub schema_version: u32,
    /// What the file is.
    pub document: DocumentFacts,
    /// The type, with probabilities and evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classification: Option<TypeReport>,
    /// Your own classes, the nearest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_classes: Option<OwnClasses>,
    /// Its languages, that of the largest share first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub languages: Option<Vec<LanguageShare>>,
    /// Its topics among the seventeen of the IPTC, the nearest first; empty if none leads, absent without the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topics: Option<Vec<Topic>>,
    /// What each page is by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<Vec<PageReport>>,
    /// The documents in the file, in its order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<Vec<PartReport>>,
    /// Where personal data is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal_data: Option<Vec<PersonalData>>,
}

/// What a document is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TypeReport {
    /// The type; `unknown` if none is likely enough.
    #[serde(rename = "type")]
    pub kind: DocumentType,
    /// How likely the first candidate is, 0 to 1: of documents with .8, about eight of ten are of their type.
    pub probability: f64,
    /// What decided.
    pub decided_by: DecidedBy,
    /// The likely types, the most likely first.
    pub candidates: Vec<Candidate>,
    /// What spoke for the first candidate and against the second, the strongest first.
    pub evidence: Vec<Evidence>,
}

/// What decided on a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DecidedBy {
    /// Words, layout and the meaning of the text.
    Meaning,
    /// Words and layout alone.
    Layout,
}

/// A type that a document may have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// The type.
    #[serde(rename = "type")]
    pub kind: DocumentType,
    /// 0 to 1.
    pub probability: f64,
}

/// What spoke for a type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// In words: `it calls itself an invoice: “Rechnung”`.
    pub text: String,
    /// How much it spoke for the first candidate and against the second: 1 makes it 2.7 times as likely.
    pub weight: f64,
    /// Where the words are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<Mention>,
}

/// A document among a user's own classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnClasses {
    /// The class; absent if the document is like the examples of none, or of two alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// All classes, the nearest first.
    pub nearest: Vec<OwnClass>,
}

/// How near a document is to a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OwnClass {
    /// Its name.
    pub class: String,
    /// -1 to 1: the mean of the three nearest examples; 1 is the same document.
    pub similarity: f64,
    /// Examples of it.
    pub examples: u64,
}

/// What a page is by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageReport {
    /// From 1.
    pub page: u32,
    /// What it looks like by its words and layout alone; `unknown` if it is not clear.
    #[serde(rename = "type")]
    pub kind: DocumentType,
    /// How likely that is, 0 to 1.
    pub probability: f64,
    /// How likely a document begins on it, 0 to 1; the first page of the file begins one.
    pub begins: f64,
    /// Nothing is on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_blank: bool,
}

/// A document in a file of several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartReport {
    /// Its first page.
    pub first_page: u32,
    /// Its last page.
    pub last_page: u32,
    /// As the option `pages` takes it: `3-5`.
    pub pages: String,
    /// The type; `unknown` if none is likely enough.
    #[serde(rename = "type")]
    pub kind: DocumentType,
    /// How likely the most likely type is.
    pub probability: f64,
    /// Its first heading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// Personal data in a document. The data itself is not repeated: only its first and last signs are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PersonalData {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: PersonalType,
    /// Its first two and last two letters or digits: `DE…00`.
    pub hint: String,
    /// How often it is there.
    pub count: u64,
    /// Where it is, at most the first hundred times.
    pub mentions: Vec<Mention>,
}
