//! The types that documents have.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentType {
    /// Asks for money for goods or services; credit notes are of this type as well.
    Invoice,
    /// Says that something was paid: of a till, a restaurant, a card terminal.
    Receipt,
    /// From somebody to somebody, with salutation and closing; memoranda are of this type as well.
    Letter,
    /// To be filled in, or filled in.
    Form,
    /// What parties agree on; terms and conditions are of this type as well.
    Contract,
    /// A person's education and work.
    Cv,
    /// What was found out, looked at or achieved, in sections.
    Report,
    /// With abstract and references.
    ScientificPaper,
    /// A page for each thing to say.
    Slides,
    /// Rows and columns.
    Spreadsheet,
    /// How something is used, installed or made.
    Manual,
    /// Of a newspaper or magazine: a page, or an article.
    Newspaper,
    /// An electronic message, with its head.
    #[serde(rename = "e-mail")]
    Email,
    /// A passport, identity card, driving licence, visa or residence permit.
    IdentityDocument,
    /// A technical drawing: schematics, plans, assemblies.
    Drawing,
    /// None of these.
    Other,
    /// No type is likely enough to be named.
    Unknown,
}

impl DocumentType {
    /// Every one that the models know, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::Invoice,
        Self::Receipt,
        Self::Letter,
        Self::Form,
        Self::Contract,
        Self::Cv,
        Self::Report,
        Self::ScientificPaper,
        Self::Slides,
        Self::Spreadsheet,
        Self::Manual,
        Self::Newspaper,
        Self::Email,
        Self::IdentityDocument,
        Self::Drawing,
        Self::Other,
    ];

    /// As in classification.json.
    pub fn name(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::Receipt => "receipt",
            Self::Letter => "letter",
            Self::Form => "form",
            Self::Contract => "contract",
            Self::Cv => "cv",
            Self::Report => "report",
            Self::ScientificPaper => "scientific-paper",
            Self::Slides => "slides",
            Self::Spreadsheet => "spreadsheet",
            Self::Manual => "manual",
            Self::Newspaper => "newspaper",
            Self::Email => "e-mail",
            Self::IdentityDocument => "identity-document",
            Self::Drawing => "drawing",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }

    /// In a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Invoice => "an invoice",
            Self::Receipt => "a receipt",
            Self::Letter => "a letter",
            Self::Form => "a form",
            Self::Contract => "a contract",
            Self::Cv => "a CV",
            Self::Report => "a report",
            Self::ScientificPaper => "a scientific paper",
            Self::Slides => "slides",
            Self::Spreadsheet => "a spreadsheet",
            Self::Manual => "a manual",
            Self::Newspaper => "a newspaper",
            Self::Email => "an e-mail",
            Self::IdentityDocument => "an identity document",
            Self::Drawing => "a drawing",
            Self::Other => "something else",
            Self::Unknown => "of an unknown type",
        }
    }

    /// Of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_json() {
        for kind in DocumentType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            assert_eq!(DocumentType::named(kind.name()), Some(kind));
        }
    }
}
