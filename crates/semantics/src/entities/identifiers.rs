//! Numbers that identify something: accounts, cards, taxes, books, papers, people, securities, and whatever a label names.

use std::sync::LazyLock;

use regex::Regex;

use super::checks::{self, Vat};
use super::{EntityType, Evidence, Found};

static IBAN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b[A-Z]{2}[0-9]{2}(?:[ \u{a0}]?[A-Z0-9]){11,30}").expect("a constant"));
static CARD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b[1-9](?:[ \u{a0}-]?[0-9]){12,18}\b").expect("a constant"));
static VAT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\b(?:ATU|CHE|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|GB|HR|HU|IE|IT|LT|LU|LV|MT|NL|NO|PL|PT|RO|SE|SI|SK|XI)[ \u{a0}.-]?[A-Z0-9](?:[ \u{a0}.-]?[A-Z0-9+*]){7,12}",
    )
    .expect("a constant")
});
static ISBN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b97[89](?:[ \u{2010}-]?[0-9]){10}\b|\bISBN(?:[-\u{2010}]?1[03])?:?\s?(?P<labelled>[0-9](?:[ \u{2010}-]?[0-9]){8,11}[ \u{2010}-]?[0-9X])\b")
        .expect("a constant")
});
static ISSN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b[eE]?-?ISSN(?:[\s-][A-Za-z]{1,10})?:?\s?(?P<number>[0-9]{4}[-\u{2010}]?[0-9]{3}[0-9X])\b")
        .expect("a constant")
});
static DOI: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"\b10\.[0-9]{4,9}/[^\s<>"“”|]+"#).expect("a constant"));
static ORCID: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b0000-000[0-9]-[0-9]{4}-[0-9]{3}[0-9X]\b").expect("a constant"));
static UUID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\b").expect("a constant")
});
static ISIN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b[A-Z]{2}[A-Z0-9]{9}[0-9]\b").expect("a constant"));
static LEI: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b[A-Z0-9]{18}[0-9]{2}\b").expect("a constant"));
static BIC: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"\b(?:BIC|SWIFT)(?:[/\s-]*(?:BIC|SWIFT|[Cc]ode))*[:\s]{0,3}(?P<code>[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?)\b",
    )
    .expect("a constant")
});
static SOCIAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i:\bSSN|social security (?:number|no\.?))[:\s#]{0,4}(?P<number>[0-8][0-9]{2}-[0-9]{2}-[0-9]{4})\b")
        .expect("a constant")
});
/// A label and what it names: Invoice No. 2019-0815.
static LABELLED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)\b(?P<label>
            (?i:invoice|order|purchase\ order|contract|customer|client|account|reference|ref|case|claim|policy|member|booking|tracking|ticket|patent|permit|licen[cs]e|passport|registration|document|article|item|serial|p\.?o\.?)
              \s?(?i:number|no\.?|nr\.?|num\.?|id|code|\#|№)
            |(?i:rechnungs?|bestell|auftrags?|kunden|vertrags?|konto|akten|beleg|lieferschein|artikel|steuer|ausweis|policen|mitglieds?|vorgangs?|referenz)-?\s?(?i:nummer|nr\.?|zeichen)
            |(?i:n°|nº|no|numéro|número|numero|num\.)\s?(?i:de\ |di\ |d['’])?(?i:facture|commande|contrat|client|dossier|compte|factura|pedido|contrato|cliente|expediente|cuenta|fattura|ordine|fatura)
            |(?i:facture|commande|factura|fattura|fatura|faktura|factuur)\s?(?i:n°|nº|no\.?|nr\.?|núm\.?|nummer)
        )\s{0,2}[:\#]?\s{0,3}(?P<value>[A-Z0-9](?:[A-Z0-9]|[/._-][A-Z0-9]){1,30})",
    )
    .expect("a constant")
});

/// Finds them. What has a checksum comes first, so that it wins over what only has the form.
pub(super) fn find(text: &str, found: &mut Vec<Found>) {
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return;
    }
    ibans(text, found);
    for number in CARD.find_iter(text) {
        let digits = compact(number.as_str());
        if is_grouped_as_a_card(number.as_str(), digits.len())
            && checks::card(&digits)
            && !is_part_of_more(text, &number.range())
        {
            found.push(Found::new(EntityType::Card, number.range(), digits, Evidence::Checksum));
        }
    }
    for number in ISBN.captures_iter(text) {
        let part = number.name("labelled").or_else(|| number.get(0)).expect("the whole");
        let value = compact(part.as_str());
        if checks::isbn(&value) {
            found.push(Found::new(EntityType::Isbn, part.range(), value, Evidence::Checksum));
        }
    }
    for (pattern, kind) in
        [(&*ISSN, EntityType::Issn), (&*BIC, EntityType::Bic), (&*SOCIAL, EntityType::SocialSecurity)]
    {
        for captures in pattern.captures_iter(text) {
            let part = captures.name("number").or_else(|| captures.name("code")).expect("a part of the whole");
            let value = compact(part.as_str());
            if kind == EntityType::Issn {
                if checks::issn(&value) {
                    let value = format!("{}-{}", &value[..4], &value[4..]);
                    found.push(Found::new(kind, part.range(), value, Evidence::Checksum));
                }
            } else {
                found.push(Found::new(kind, part.range(), part.as_str().to_owned(), Evidence::Label));
            }
        }
    }
    for part in DOI.find_iter(text) {
        let value = part.as_str().trim_end_matches(['.', ',', ';', ':', ')', ']', '\'', '’', '?', '!']);
        // A bracket that belongs to it.
        let value = if value.matches('(').count() > value.matches(')').count()
            && part.as_str()[value.len()..].starts_with(')')
        {
            &part.as_str()[..=value.len()]
        } else {
            value
        };
        if value.split_once('/').is_some_and(|(_, suffix)| !suffix.is_empty()) {
            found.push(Found::new(
                EntityType::Doi,
                part.start()..part.start() + value.len(),
                value.to_lowercase(),
                Evidence::Form,
            ));
        }
    }
    for part in ORCID.find_iter(text).filter(|part| checks::orcid(&compact(part.as_str()))) {
        found.push(Found::new(EntityType::Orcid, part.range(), part.as_str().to_owned(), Evidence::Checksum));
    }
    for part in UUID.find_iter(text) {
        found.push(Found::new(EntityType::Uuid, part.range(), part.as_str().to_lowercase(), Evidence::Form));
    }
    for part in ISIN.find_iter(text).filter(|part| checks::isin(part.as_str())) {
        found.push(Found::new(EntityType::Isin, part.range(), part.as_str().to_owned(), Evidence::Checksum));
    }
    for part in LEI.find_iter(text).filter(|part| checks::lei(part.as_str())) {
        let letters = part.as_str().bytes().filter(u8::is_ascii_alphabetic).count();
        if letters > 0 {
            found.push(Found::new(EntityType::Lei, part.range(), part.as_str().to_owned(), Evidence::Checksum));
        }
    }
    vats(text, found);
    for captures in LABELLED.captures_iter(text) {
        let (label, value) = (captures.name("label").expect("a part"), captures.name("value").expect("a part"));
        if value.as_str().bytes().any(|byte| byte.is_ascii_digit())
            && !text[value.end()..].starts_with(char::is_lowercase)
        {
            let label = label.as_str().split_whitespace().collect::<Vec<_>>().join(" ");
            found.push(Found {
                label: Some(label),
                ..Found::new(EntityType::Identifier, value.range(), value.as_str().to_owned(), Evidence::Label)
            });
        }
    }
}

/// An IBAN ends where its country says, whatever follows.
fn ibans(text: &str, found: &mut Vec<Found>) {
    for candidate in IBAN.find_iter(text) {
        let Some(length) = checks::iban_length(candidate.as_str()) else { continue };
        let mut count = 0;
        let end = candidate.as_str().char_indices().find_map(|(at, char)| {
            count += usize::from(char.is_ascii_alphanumeric());
            (count == length).then_some(at + 1)
        });
        let Some(end) = end else { continue };
        let range = candidate.start()..candidate.start() + end;
        let value = compact(&text[range.clone()]);
        if checks::iban(&value) && !text[range.end..].starts_with(|char: char| char.is_ascii_alphanumeric()) {
            found.push(Found::new(EntityType::Iban, range, value, Evidence::Checksum));
        }
    }
}

/// VAT numbers: those whose country's checksum is right, and those in the form of countries without one next to a label.
fn vats(text: &str, found: &mut Vec<Found>) {
    static LABEL: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)(?:\bVAT\b|\bUSt\b|\bUID\b|\bUmsatzsteuer|\bTVA\b|\bIVA\b|\bNIF\b|\bCIF\b|\bBTW\b|\bMOMS\b|\bMVA\b|\bPartita|\bP\.\s?IVA|\bNIP\b|\bDIČ|\bTax\s|\bintracom)").expect("a constant")
    });
    for candidate in VAT.find_iter(text) {
        let before = &text[floor(text, candidate.start().saturating_sub(48))..candidate.start()];
        let is_labelled = LABEL.is_match(before);
        // The candidate may run into what follows: the longest beginning that is right.
        let mut ends: Vec<usize> = candidate.as_str().char_indices().map(|(at, char)| at + char.len_utf8()).collect();
        ends.reverse();
        let right = ends.into_iter().find_map(|end| {
            let part = &candidate.as_str()[..end];
            let is_whole = !text[candidate.start() + end..].starts_with(|char: char| char.is_ascii_alphanumeric());
            let value = compact(part);
            let verdict = checks::vat(&value);
            // One in eleven numbers has a right checksum by accident: without a label it is not written apart.
            let fits = match verdict {
                Vat::Right => is_labelled || part.len() == value.len(),
                Vat::Form => is_labelled,
                Vat::Wrong => false,
            };
            (is_whole && fits && part.ends_with(|char: char| char.is_ascii_alphanumeric()))
                .then_some((end, value, verdict))
        });
        if let Some((end, value, verdict)) = right {
            let evidence = if verdict == Vat::Right { Evidence::Checksum } else { Evidence::Label };
            found.push(Found::new(EntityType::Vat, candidate.start()..candidate.start() + end, value, evidence));
        }
    }
}

/// Without what parts the groups.
fn compact(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Cards are written in one, in fours, or as American Express and Diners do (4, 6, 5 and 4, 6, 4).
fn is_grouped_as_a_card(text: &str, length: usize) -> bool {
    let groups: Vec<usize> = text.split(|char: char| !char.is_ascii_digit()).map(str::len).collect();
    let of_fours = groups.iter().rev().skip(1).all(|group| *group == 4) && groups.last().is_some_and(|last| *last <= 4);
    groups.len() == 1 || of_fours || length == 15 && groups == [4, 6, 5] || length == 14 && groups == [4, 6, 4]
}

/// Whether digits go on before or behind with a sign between.
fn is_part_of_more(text: &str, range: &std::ops::Range<usize>) -> bool {
    let digit = |char: Option<char>| char.is_some_and(|char| char.is_ascii_digit());
    let sign = |char: Option<char>| char.is_some_and(|char| matches!(char, '.' | ',' | '/' | '-' | '_' | '+'));
    let mut before = text[..range.start].chars().rev();
    let mut after = text[range.end..].chars();
    sign(before.next()) && digit(before.next()) || sign(after.next()) && digit(after.next())
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        super::super::find_in(text, super::super::Context::default())
            .into_iter()
            .filter(|found| !matches!(found.kind, EntityType::Date | EntityType::Amount | EntityType::Phone))
            .map(|found| format!("{:?} {}", found.kind, found.value))
            .collect()
    }

    #[test]
    fn numbers_with_a_right_checksum_are_found_and_others_are_not() {
        for (text, expected) in [
            (
                "IBAN DE89 3704 0044 0532 0130 00 BIC COBADEFFXXX",
                vec!["Iban DE89370400440532013000", "Bic COBADEFFXXX"],
            ),
            ("IBAN DE89 3704 0044 0532 0130 01", vec![]),
            ("card 4111 1111 1111 1111, not 4111 1111 1111 1112", vec!["Card 4111111111111111"]),
            ("1234567890123456 and 4111-1111-1111-1111", vec!["Card 4111111111111111"]),
            ("USt-IdNr.: DE 136 695 976 ", vec!["Vat DE136695976"]),
            ("DE136695976 or DE136695977", vec!["Vat DE136695976"]),
            ("VAT reg. no. IE6433435F", vec!["Vat IE6433435F"]),
            ("IE6433435F", vec![]),
            (
                "ISBN 978-0-306-40615-7; ISBN 0-306-40615-2; ISSN 0378-5955",
                vec!["Isbn 9780306406157", "Isbn 0306406152", "Issn 0378-5955"],
            ),
            ("doi:10.1000/XYZ(12)3. (10.1234/ab.cd)", vec!["Doi 10.1000/xyz(12)3", "Doi 10.1234/ab.cd"]),
            ("ORCID 0000-0002-1825-0097", vec!["Orcid 0000-0002-1825-0097"]),
            ("ISIN US0378331005, LEI 529900T8BM49AURSDO55", vec!["Isin US0378331005", "Lei 529900T8BM49AURSDO55"]),
            ("Invoice No. 2019-0815 of today", vec!["Identifier 2019-0815"]),
            ("Rechnungsnummer: RE/2020/17", vec!["Identifier RE/2020/17"]),
            ("Facture n° F2021-003", vec!["Identifier F2021-003"]),
            ("SSN: 123-45-6789", vec!["SocialSecurity 123-45-6789"]),
            ("the order number is given", vec![]),
        ] {
            assert_eq!(all(text), expected, "{text}");
        }
    }
}
