//! E-mail addresses, web addresses and telephone numbers.

use std::sync::LazyLock;

use regex::Regex;

use super::{EntityType, Evidence, Found};

static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[A-Za-z0-9_](?:[A-Za-z0-9_.+%'-]{0,62}[A-Za-z0-9_+-])?@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}").expect("a constant")
});

static URL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"(?i:https?|ftps?)://[^\s<>"“”«»|]+|\b(?i:www)\.[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?:[/?#][^\s<>"“”«»|]*)?"#,
    )
    .expect("a constant")
});

static PHONE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        (?P<label>(?i:tele(?:phone|fone|fono|fon|fax)|phone|t[ée]l(?:[ée]phone)?|fon|fax|mobile?|mob|cell|handy|hotline|тел|電話|电话)[.:\s]{0,4}(?:\(?(?i:no|nr)\.?\)?[:\s]*)?)?
        (?P<number>
            (?:\+|\b00)\s?[1-9](?:[\s\u{a0}().\-/]{0,3}[0-9]){6,13}
            |\(?\b0(?:[\s\u{a0}().\-/–]{0,3}[0-9]){6,12}
            |\(?\b[2-9][0-9]{2}\)?[\s\u{a0}.-]{1,2}[2-9][0-9]{2}[\s\u{a0}.-][0-9]{4}
            |\b[1-9](?:[\s\u{a0}.\-/]{0,2}[0-9]){5,11}
        )",
    )
    .expect("a constant")
});

/// Finds e-mail and web addresses.
pub(super) fn addresses(text: &str, found: &mut Vec<Found>) {
    if text.contains('@') {
        for address in EMAIL.find_iter(text) {
            // The local part of a longer address, or a handle behind a letter of another script.
            let is_within = text[..address.start()]
                .ends_with(|char: char| char.is_alphanumeric() || matches!(char, '.' | '/' | ':' | '@'));
            let value = address.as_str().to_lowercase();
            if !is_within && !value.contains("..") {
                found.push(Found::new(EntityType::Email, address.range(), value, Evidence::Form));
            }
        }
    }
    if text.contains("://") || text.contains("www.") || text.contains("WWW.") {
        for address in URL.find_iter(text) {
            let mut end = address.end();
            // Marks of the sentence behind it; a bracket that was not opened within it.
            loop {
                let part = &text[address.start()..end];
                let Some(last) = part.chars().next_back() else { break };
                let is_closing =
                    |open: char, close: char| last == close && part.matches(close).count() > part.matches(open).count();
                if matches!(last, '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '’' | '…' | '。' | '、' | '，')
                    || is_closing('(', ')')
                    || is_closing('[', ']')
                    || is_closing('{', '}')
                {
                    end -= last.len_utf8();
                } else {
                    break;
                }
            }
            let part = &text[address.start()..end];
            // A scheme alone is no address.
            if part.split_once("://").is_none_or(|(_, rest)| rest.contains(char::is_alphanumeric)) {
                found.push(Found::new(EntityType::Url, address.start()..end, part.to_owned(), Evidence::Form));
            }
        }
    }
}

/// Finds telephone numbers: international ones, those with a national prefix or in the form of North America, and whatever a label
/// says is one.
pub(super) fn phones(text: &str, found: &mut Vec<Found>) {
    for captures in PHONE.captures_iter(text) {
        let number = captures.name("number").expect("a part of the whole");
        let is_labelled = captures.name("label").is_some();
        let written = number.as_str();
        let digits: String = written.chars().filter(char::is_ascii_digit).collect();
        let is_international = written.starts_with('+') || is_labelled && digits.starts_with("00");
        let has_separators = written.chars().any(|char| !char.is_ascii_digit() && char != '+');
        let is_american = digits.len() == 10 && is_north_american(written);
        let is_national = digits.starts_with('0')
            && !digits.starts_with("00")
            && digits.len() >= 8
            && has_separators
            && !looks_like_something_else(written);
        let length = digits.len() - if digits.starts_with("00") { 2 } else { 0 };
        let before = text[..number.start()].chars().next_back();
        let after = text[number.end()..].chars().next();
        let goes_on = after.is_some_and(|char| matches!(char, '.' | ','))
            && text[number.end() + 1..].starts_with(|char: char| char.is_ascii_digit());
        let is_within = before.is_some_and(|char| {
            char.is_alphanumeric() && !is_labelled
                || matches!(char, '/' | '.' | '=' | '_' | '-' | ',' | '$' | '€' | '£')
        });
        let is_followed =
            after.is_some_and(|char| char.is_ascii_alphanumeric() || matches!(char, '%' | '€' | '$' | '£' | '_'));
        let is_alone = !is_within && !is_followed && !goes_on;
        let balanced = written.matches('(').count() == written.matches(')').count();
        if (7..=15).contains(&length)
            && is_alone
            && balanced
            && (is_labelled || is_international || is_american || is_national)
        {
            let value = if is_international {
                // The zero in brackets is dialled only within the country: +44 (0)20.
                let without = written.replace("(0)", "");
                let digits: String = without.chars().filter(char::is_ascii_digit).collect();
                format!("+{}", digits.strip_prefix("00").unwrap_or(&digits))
            } else {
                digits
            };
            let evidence = if is_labelled { Evidence::Label } else { Evidence::Form };
            found.push(Found::new(EntityType::Phone, number.range(), value, evidence));
        }
    }
}

/// (555) 234-5678, 555-234-5678, 555.234.5678, 555 234 5678.
fn is_north_american(written: &str) -> bool {
    let groups: Vec<usize> =
        written.split(|char: char| !char.is_ascii_digit()).filter(|group| !group.is_empty()).map(str::len).collect();
    let signs = written.chars().filter(|char| matches!(char, '(' | '-' | '.')).count();
    groups == [3, 3, 4] && signs >= 1
}

/// Numbers with a zero before them that are none to call: decimals, dates, rows of a table.
fn looks_like_something_else(written: &str) -> bool {
    let groups: Vec<&str> =
        written.split(|char: char| !char.is_ascii_digit()).filter(|group| !group.is_empty()).collect();
    let is_decimal = written.starts_with("0.") || written.starts_with("0,");
    // 01.02.2020, 01-02-2020 and 0 0 0 12 3.
    let is_date = groups.len() == 3 && groups[0].len() <= 2 && groups[1].len() <= 2 && groups[2].len() == 4;
    let is_row = groups.iter().filter(|group| group.len() == 1).count() >= 2;
    let has_spaces_only = written.chars().all(|char| char.is_ascii_digit() || char == '.') && groups.len() != 5;
    is_decimal || is_date || is_row || has_spaces_only && written.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, kind: EntityType) -> Vec<String> {
        super::super::find_in(text, super::super::Context::default())
            .into_iter()
            .filter(|found| found.kind == kind)
            .map(|found| found.value)
            .collect()
    }

    #[test]
    fn addresses_end_where_their_sentence_goes_on() {
        assert_eq!(
            all("Write to Ann.Miller+x@mail.example.com. Or @ann, a@b", EntityType::Email),
            ["ann.miller+x@mail.example.com"]
        );
        assert_eq!(
            all(
                "See https://example.com/a_(b)?c=d#e, (http://example.org/x). www.example.net/y; http://",
                EntityType::Url
            ),
            ["https://example.com/a_(b)?c=d#e", "http://example.org/x", "www.example.net/y"]
        );
    }

    #[test]
    fn telephone_numbers_are_called_as_they_are_written() {
        for (text, expected) in [
            ("Tel. +49 (0)30 123456-78", vec!["+493012345678"]),
            ("call (555) 234-5678 or 555-234-5678 now", vec!["5552345678", "5552345678"]),
            ("Telefon: 030 / 12 34 56 78", vec!["03012345678"]),
            ("0171-1234567", vec!["01711234567"]),
            ("+33 1 23 45 67 89", vec!["+33123456789"]),
            ("Phone: 234 5678", vec!["2345678"]),
            ("01.02.2020 and 0.1234567 and 2019-2020 and 1234567", vec![]),
            ("ISBN 978-0-306-40615-7", vec![]),
            ("12 345 678 kr, 100 200 3000", vec![]),
        ] {
            assert_eq!(all(text, EntityType::Phone), expected, "{text}");
        }
    }
}
