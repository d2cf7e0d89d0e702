//! Entities that a rule finds in any language: dates, amounts, addresses, telephone numbers, and numbers that identify something.
//!
//! What has a checksum is reported only if it is right. Every entity says what it was found by ([`Evidence`]). Of two that overlap
//! the one with the better evidence stays, then the longer one.

mod amounts;
pub mod checks;
mod contacts;
mod dates;
mod identifiers;

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use dates::DateOrder;

/// What an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EntityType {
    /// A day or a month. Its value is ISO 8601: `2019-05-12`, `2019-05`, `--05-12` without a year.
    Date,
    /// An amount of money: `1234.5 EUR`.
    Amount,
    /// An e-mail address.
    Email,
    /// A web address.
    Url,
    /// A telephone number: digits, with `+` and the country where that is written.
    Phone,
    /// An international bank account number.
    Iban,
    /// The code of a bank.
    Bic,
    /// A payment card.
    Card,
    /// A VAT number, with its country.
    Vat,
    /// A social security number of the United States.
    SocialSecurity,
    /// A book.
    Isbn,
    /// A periodical.
    Issn,
    /// A paper or another object with a DOI.
    Doi,
    /// A researcher.
    Orcid,
    /// A security.
    Isin,
    /// A legal entity.
    Lei,
    /// A universally unique identifier.
    Uuid,
    /// A number that a label names: an invoice's, an order's, a customer's.
    Identifier,
}

/// What an entity was found by, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// Its checksum is right.
    Checksum,
    /// A label in front of it says what it is.
    Label,
    /// It has the form.
    Form,
}

/// An entity in a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What it is.
    pub kind: EntityType,
    /// Where it is in the text.
    pub range: Range<usize>,
    /// What it means, the same for every way of writing it.
    pub value: String,
    /// What else it may mean: a date whose day and month can change places.
    pub alternative: Option<String>,
    /// The label in front of it.
    pub label: Option<String>,
    /// What it was found by.
    pub evidence: Evidence,
}

impl Found {
    fn new(kind: EntityType, range: Range<usize>, value: String, evidence: Evidence) -> Self {
        Self { kind, range, value, alternative: None, label: None, evidence }
    }
}

/// What is known about a text before it is searched.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// The code of its language.
    pub language: Option<&'a str>,
    /// What 03/04/2019 means in its document.
    pub date_order: DateOrder,
}

/// What the dates of these texts say about the order of day and month.
pub fn date_order<'a>(texts: impl Iterator<Item = &'a str>) -> DateOrder {
    dates::order(texts)
}

/// Finds the entities of a text, in its order, none over another.
pub fn find_in(text: &str, context: Context<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    contacts::addresses(text, &mut found);
    identifiers::find(text, &mut found);
    dates::find(text, context.date_order, context.language, &mut found);
    amounts::find(text, context.language, &mut found);
    if text.bytes().any(|byte| byte.is_ascii_digit()) {
        contacts::phones(text, &mut found);
    }
    // Within addresses nothing else is looked for, and what is proven by a checksum comes before what only looks so. A telephone
    // number is the least certain form.
    let rank = |found: &Found| {
        let form = match found.kind {
            EntityType::Email | EntityType::Url | EntityType::Doi | EntityType::Uuid => 0,
            EntityType::Phone if found.evidence == Evidence::Form => 3,
            _ => match found.evidence {
                Evidence::Checksum => 0,
                Evidence::Label => 1,
                Evidence::Form => 2,
            },
        };
        (form, std::cmp::Reverse(found.range.len()), found.range.start, found.kind)
    };
    found.sort_by_key(rank);
    let mut kept: Vec<Found> = Vec::with_capacity(found.len());
    let mut taken: std::collections::BTreeMap<usize, usize> = std::collections::BTreeMap::new();
    for entity in found {
        let overlaps = taken.range(..entity.range.end).next_back().is_some_and(|(_, end)| *end > entity.range.start);
        if !overlaps {
            taken.insert(entity.range.start, entity.range.end);
            kept.push(entity);
        }
    }
    kept.sort_by_key(|found| found.range.start);
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_entities_that_overlap_the_best_proven_stays() {
        let text = "https://example.com/2019-05-12 IBAN DE89 3704 0044 0532 0130 00";
        let found: Vec<_> = find_in(text, Context::default()).into_iter().map(|found| found.kind).collect();
        assert_eq!(found, [EntityType::Url, EntityType::Iban]);
    }

    #[test]
    fn prose_has_no_entities() {
        let text =
            "In chapter 12 the 3rd of 45 sheep jumps over 1.5 m of fence; see Fig. 4.2, pp. 100-120 and [17, 18].";
        assert_eq!(find_in(text, Context { language: Some("en"), ..Context::default() }), []);
    }

    proptest! {
        #[test]
        fn ranges_are_in_order_and_on_characters(text in "([0-9A-Z.,/ €$+()-]|[a-zé]|May |12|2019|@|www\\.|10\\.1234/|円|DE){0,60}") {
            let mut last = 0;
            for found in find_in(&text, Context::default()) {
                prop_assert!(found.range.start >= last && text.get(found.range.clone()).is_some_and(|text| !text.is_empty()));
                last = found.range.end;
            }
        }
    }
}
