//! Where personal data is in a document: what rules and checksums find, without what it says.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use schemars::JsonSchema;
use semantics::document::Document;
use semantics::entities::{self, Context, EntityType};
use semantics::language::Languages;
use semantics::report::Mention;
use serde::{Deserialize, Serialize};

use crate::report::PersonalData;

/// Mentions whose places are given; all are counted.
const MOST_MENTIONS: usize = 100;
/// Different data of a document.
const MOST: usize = 50_000;

/// What personal data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PersonalType {
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A bank account: its IBAN is right by its checksum.
    BankAccount,
    /// A payment card, right by its checksum.
    PaymentCard,
    /// A VAT number, which freelancers have as well.
    VatNumber,
    /// A social security number of the United States.
    SocialSecurity,
    /// A date with words in front of it that say that somebody was born.
    DateOfBirth,
    /// A researcher's number.
    Orcid,
}

static BORN: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"(?i)(?:birth|\bborn|\bd\.?o\.?b\b|geburtsdatum|geb(?:oren|\.)|geburtstag|naissance|\bnée? le|nacimiento|nacid[oa]|nascita|\bnat[oa] il|geboorte|nascimento|urodzenia|födelse|fødsel|рождения|生年月日|出生)[^\d]{0,24}$";
    Regex::new(words).expect("a test compiles it")
});

/// Finds it in every language, and whether there was more than is given.
pub fn personal_data(document: &Document, languages: &Languages) -> (Vec<PersonalData>, bool) {
    let date_order = entities::date_order(document.blocks.iter().map(|block| block.text.as_str()));
    let mut numbers: BTreeMap<(PersonalType, String), usize> = BTreeMap::new();
    let mut found: Vec<PersonalData> = Vec::new();
    let mut there_is_more = false;
    for (at, block) in document.blocks.iter().enumerate() {
        let context = Context { language: languages.of_block(at).or(languages.main()), date_order };
        for entity in entities::find_in(&block.text, context) {
            let before = || block.text.get(..entity.range.start).unwrap_or_default();
            let kind = match entity.kind {
                EntityType::Email => PersonalType::Email,
                EntityType::Phone => PersonalType::Phone,
                EntityType::Iban => PersonalType::BankAccount,
                EntityType::Card => PersonalType::PaymentCard,
                EntityType::Vat => PersonalType::VatNumber,
                EntityType::SocialSecurity => PersonalType::SocialSecurity,
                EntityType::Orcid => PersonalType::Orcid,
                EntityType::Date if BORN.is_match(end(before(), 80)) => PersonalType::DateOfBirth,
                EntityType::Date
                | EntityType::Amount
                | EntityType::Url
                | EntityType::Bic
                | EntityType::Isbn
                | EntityType::Issn
                | EntityType::Doi
                | EntityType::Isin
                | EntityType::Lei
                | EntityType::Uuid
                | EntityType::Identifier => continue,
            };
            let key = (kind, entity.value.clone());
            let number = numbers.get(&key).copied();
            if number.is_none() && found.len() == MOST {
                there_is_more = true;
                continue;
            }
            let number = number.unwrap_or_else(|| {
                numbers.insert(key, found.len());
                found.push(PersonalData { kind, hint: hint(&entity.value), count: 0, mentions: Vec::new() });
                found.len() - 1
            });
            let known = &mut found[number];
            known.count += 1;
            if known.mentions.len() < MOST_MENTIONS {
                known.mentions.push(Mention::of(block, &entity.range, None));
            }
        }
    }
    (found, there_is_more)
}

/// The last bytes of a text.
fn end(text: &str, most: usize) -> &str {
    text.get(text.ceil_char_boundary(text.len().saturating_sub(most))..).unwrap_or(text)
}

/// The first two and last two letters or digits; of short ones only the first.
fn hint(value: &str) -> String {
    let signs: Vec<char> = value.chars().filter(|char| char.is_alphanumeric()).collect();
    match signs.as_slice() {
        [one, two, .., last_but_one, last] if signs.len() > 6 => format!("{one}{two}…{last_but_one}{last}"),
        [one, ..] => format!("{one}…"),
        [] => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use semantics::document::{Block, BlockKind};

    use super::*;

    #[test]
    fn data_is_found_and_not_repeated() {
        let text = "Geburtsdatum: 12.05.1979\nIBAN DE89 3704 0044 0532 0130 00, ann@harbour.example, again ann@harbour.example. \
            Delivered on 13.06.2019. IBAN DE89 3704 0044 0532 0130 01";
        let document = Document { blocks: vec![Block::new(3, BlockKind::Paragraph, text)] };
        let (found, there_is_more) = personal_data(&document, &Languages::of(&document));
        let kinds: Vec<(PersonalType, &str, u64)> =
            found.iter().map(|datum| (datum.kind, datum.hint.as_str(), datum.count)).collect();
        let expected = [
            (PersonalType::DateOfBirth, "19…12", 1),
            (PersonalType::BankAccount, "DE…00", 1),
            (PersonalType::Email, "an…le", 2),
        ];
        assert_eq!(kinds, expected);
        assert_eq!(found[0].mentions[0].page, 3);
        assert!(!there_is_more && !serde_json::to_string(&found).unwrap().contains("harbour"));
    }
}
