//! Names in English text: people, organisations, places and fifteen further types of OntoNotes, by the network of spaCy's
//! `en_core_web_sm` (Explosion, MIT), which is small enough to be computed here.
//!
//! A word is its norm, its first letter, its last three and its shape, each of which four hashes find a row for in a table; a maxout
//! layer and four residual convolutions over three words each make 96 numbers of them. A transition system then goes over the words
//! and begins, continues and ends entities, always by the best action that is allowed (Lample and others 2016; Honnibal).
//!
//! `scripts/weights.d/spacy_ner.py` makes the file of weights. `scripts/bench-semantics` compares the result with spaCy's own.

mod network;
mod tokens;

use std::ops::Range;

use contract::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use network::{Action, Network};
use tokens::Tokeniser;

/// What a name is of: the types of OntoNotes 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NameType {
    /// People, also of fiction.
    Person,
    /// Nationalities, religious and political groups.
    Group,
    /// Buildings, airports, roads, bridges.
    Facility,
    /// Companies, agencies, institutions.
    Organisation,
    /// Countries, cities, states.
    Place,
    /// Mountains, seas and other places that are no states.
    Location,
    /// Objects, vehicles, foods; no services.
    Product,
    /// Hurricanes, battles, wars, sports events.
    Event,
    /// Titles of books, songs and the like.
    Work,
    /// Named laws.
    Law,
    /// Languages.
    Language,
    /// Dates and periods in words.
    DateInWords,
    /// Times of less than a day.
    Time,
    /// Percentages.
    Percent,
    /// Amounts of money in words.
    Money,
    /// Measures of weight, length and the like.
    Quantity,
    /// First, second.
    Ordinal,
    /// Other numbers.
    Cardinal,
}

impl NameType {
    fn of_label(label: &str) -> Option<Self> {
        Some(match label {
            "PERSON" => Self::Person,
            "NORP" => Self::Group,
            "FAC" => Self::Facility,
            "ORG" => Self::Organisation,
            "GPE" => Self::Place,
            "LOC" => Self::Location,
            "PRODUCT" => Self::Product,
            "EVENT" => Self::Event,
            "WORK_OF_ART" => Self::Work,
            "LAW" => Self::Law,
            "LANGUAGE" => Self::Language,
            "DATE" => Self::DateInWords,
            "TIME" => Self::Time,
            "PERCENT" => Self::Percent,
            "MONEY" => Self::Money,
            "QUANTITY" => Self::Quantity,
            "ORDINAL" => Self::Ordinal,
            "CARDINAL" => Self::Cardinal,
            _ => return None,
        })
    }
}

/// A name in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// What it is of.
    pub kind: NameType,
    /// Where it is in the text.
    pub range: Range<usize>,
}

/// Finds names.
pub struct Names {
    tokeniser: Tokeniser,
    network: Network,
    actions: Vec<(Action, Option<NameType>)>,
}

impl Names {
    /// Reads the file of weights.
    pub fn read(bytes: &[u8]) -> Result<Self, Failure> {
        Self::parse(bytes).ok_or_else(|| {
            Failure::internal("the weights text-names are not in the form that is expected; remove the file and run scripts/weights text-names")
        })
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut file = File(bytes.strip_prefix(b"NER1")?);
        let network = Network::read(&mut file)?;
        let mut actions = Vec::new();
        for _ in 0..file.number()? {
            let kind = Action::of_code(file.take(1)?[0])?;
            let label = file.text()?;
            actions.push((kind, NameType::of_label(label)));
        }
        let tokeniser = Tokeniser::read(&mut file)?;
        (actions.len() == network.actions() && file.0.is_empty()).then_some(Self { tokeniser, network, actions })
    }

    /// The names of an English text, in its order.
    pub fn find(&self, text: &str) -> Vec<Name> {
        let tokens = self.tokeniser.tokens(text);
        let words: Vec<_> = tokens.iter().map(|token| token.features).collect();
        let entities = self.network.entities(&words, &self.actions);
        let name = |(part, kind): (Range<usize>, NameType)| Name {
            kind,
            range: tokens[part.start].range.start..tokens[part.end - 1].range.end,
        };
        entities.into_iter().map(name).collect()
    }
}

/// What is left of a file.
struct File<'a>(&'a [u8]);

impl<'a> File<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }

    fn number(&mut self) -> Option<u32> {
        self.take(4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes)
    }

    fn long_number(&mut self) -> Option<u64> {
        self.take(8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.take(2)?;
        std::str::from_utf8(self.take(usize::from(u16::from_le_bytes([length[0], length[1]])))?).ok()
    }
}
