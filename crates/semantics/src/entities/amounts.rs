//! Amounts of money: a number with a currency before or behind it, as `1234.5 EUR`.

use std::sync::LazyLock;

use regex::Regex;

use super::{EntityType, Evidence, Found};

const NUMBER: &str = r"[0-9]{1,3}(?:[.,'’ \u{a0}\u{202f}][0-9]{3})+(?:[.,][0-9]{1,2})?|[0-9]{1,3}(?:,[0-9]{2})*,[0-9]{3}(?:\.[0-9]{1,2})?|[0-9]+(?:[.,][0-9]{1,4})?";
const MULTIPLIER: &str = r"thousand|million(?:s|en|es|i)?|billion(?:s|en|es)?|milliard(?:s|en)?|trillion|tausend|mio\.?|mrd\.?|mln\.?|mld\.?|bn|mn|k|m|b";
const CODES: &str = "USD|EUR|GBP|CHF|JPY|CNY|RMB|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RON|BGN|RUB|UAH|TRY|INR|BRL|MXN|ZAR|KRW|SGD|HKD|ILS|AED|SAR|THB|IDR|MYR|PHP|VND|ARS|CLP|COP|PEN|EGP|NGN|KES|ISK|TWD";
const SIGNS: &str = r"(?:US|CA|AU|NZ|HK|SG|A|C|S|R|NT)?\$|€|£|¥|￥|₹|₽|₩|₪|₺|₴|₦|฿|Kč|zł|Fr\.|SFr\.|Rs\.?|kr\.?|円|元";

static LEADING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(
        r"(?P<currency>\b(?:{CODES})\b|{SIGNS})\s?(?P<minus>[-−–])?\s?(?P<number>{NUMBER})(?:(?:,[-–])|\s?(?P<multiplier>(?i:{MULTIPLIER}))\b)?"
    ))
    .expect("a constant")
});
static TRAILING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(
        r"(?P<minus>[-−–])?(?P<number>{NUMBER})(?:,[-–])?(?:\s?(?P<multiplier>(?i:{MULTIPLIER}))\s)?\s?(?P<currency>\b(?:{CODES})\b|{SIGNS}|(?i:euros?|us dollars|dollars|pounds sterling|yen|francs|francos|rubles|рублей|руб\.))"
    ))
    .expect("a constant")
});

/// Finds amounts.
pub(super) fn find(text: &str, language: Option<&str>, found: &mut Vec<Found>) {
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return;
    }
    for pattern in [&*LEADING, &*TRAILING] {
        for captures in pattern.captures_iter(text) {
            let whole = captures.get(0).expect("the whole");
            let number = captures.name("number").expect("a part of it");
            let range = whole.start()..whole.end();
            if !stands_alone(text, &range, &number.range()) {
                continue;
            }
            let Some(value) = parse(number.as_str()) else { continue };
            let multiplier =
                captures.name("multiplier").map_or(Some(1.0), |multiplier| times(multiplier.as_str(), language));
            let Some(multiplier) = multiplier else { continue };
            let value = value * multiplier * if captures.name("minus").is_some() { -1.0 } else { 1.0 };
            let value = format!("{} {}", plain(value), currency(&captures["currency"], language));
            found.push(Found::new(EntityType::Amount, range, value, Evidence::Form));
        }
    }
}

/// Whether the number is not a part of something longer, and the sign is not one of a word.
fn stands_alone(text: &str, range: &std::ops::Range<usize>, number: &std::ops::Range<usize>) -> bool {
    let before = text[..range.start].chars().next_back();
    let mut after = text[range.end..].chars();
    let next = after.next();
    let goes_on = next.is_some_and(char::is_alphanumeric)
        && text[..range.end].chars().next_back().is_some_and(char::is_alphanumeric)
        && !next.is_some_and(crate::words::is_unspaced);
    let more_digits = number.end == range.end
        && next.is_some_and(|sign| matches!(sign, '.' | ',' | '/' | ':'))
        && after.next().is_some_and(|next| next.is_ascii_digit());
    let begins_within = before.is_some_and(|before| {
        before.is_alphanumeric() && !crate::words::is_unspaced(before)
            || number.start == range.start && matches!(before, '.' | ',' | '/' | ':' | '-')
    });
    !goes_on && !more_digits && !begins_within
}

/// The number of a text with any separators.
fn parse(text: &str) -> Option<f64> {
    let decimal = {
        let last = text.rfind(['.', ',']);
        let is_decimal = |at: usize| {
            let sign = text.as_bytes()[at];
            let behind = text.len() - at - 1;
            let repeats = text.bytes().filter(|byte| *byte == sign).count() > 1;
            // Three digits behind a lone sign are thousands, unless nothing but a zero is before it.
            let is_thousands = behind == 3 && !text.starts_with("0.") && !text.starts_with("0,");
            !repeats && !is_thousands
        };
        last.filter(|at| is_decimal(*at))
    };
    let digits = |part: &str| part.chars().filter(char::is_ascii_digit).collect::<String>();
    let text = match decimal {
        Some(at) => format!("{}.{}", digits(&text[..at]), digits(&text[at..])),
        None => digits(text),
    };
    (text.len() <= 18).then(|| text.parse().ok()).flatten()
}

/// None if the letter is no multiplier here: 5 m € is, 5 b of a list is not.
fn times(word: &str, language: Option<&str>) -> Option<f64> {
    let word = word.to_lowercase();
    Some(match word.trim_end_matches('.') {
        "thousand" | "tausend" | "k" => 1e3,
        "m" | "mn" | "mio" | "mln" => 1e6,
        word if word.starts_with("million") => 1e6,
        // The long scale of the continent: a billion is a million of millions.
        word if word.starts_with("billion") => match language {
            Some("en") | None => 1e9,
            _ => 1e12,
        },
        "b" | "bn" | "mrd" | "mld" => 1e9,
        word if word.starts_with("milliard") => 1e9,
        "trillion" => 1e12,
        _ => return None,
    })
}

/// As few digits as the value has, at most four behind the point.
fn plain(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// ISO 4217 where the sign is that of one currency, or of one in that language; else the sign.
fn currency(sign: &str, language: Option<&str>) -> String {
    let lower = sign.to_lowercase();
    match (lower.trim_end_matches('.'), language) {
        ("€" | "euro" | "euros", _) => "EUR",
        ("£" | "pounds sterling", _) => "GBP",
        ("us$" | "us dollars", _) => "USD",
        ("a$" | "au$", _) => "AUD",
        ("c$" | "ca$", _) => "CAD",
        ("nz$", _) => "NZD",
        ("hk$", _) => "HKD",
        ("s$" | "sg$", _) => "SGD",
        ("nt$", _) => "TWD",
        ("r$", _) => "BRL",
        ("rmb" | "元", _) | ("¥" | "￥", Some("zh")) => "CNY",
        ("円" | "yen", _) | ("¥" | "￥", Some("ja")) => "JPY",
        ("₹" | "rs", _) => "INR",
        ("₽" | "rubles" | "рублей" | "руб", _) => "RUB",
        ("₩", _) => "KRW",
        ("₪", _) => "ILS",
        ("₺", _) => "TRY",
        ("₴", _) => "UAH",
        ("₦", _) => "NGN",
        ("฿", _) => "THB",
        ("kč", _) => "CZK",
        ("zł", _) => "PLN",
        ("fr" | "sfr", _) => "CHF",
        ("kr", Some("sv")) => "SEK",
        ("kr", Some("da")) => "DKK",
        ("kr", Some("nb")) => "NOK",
        ("dollars", _) => "$",
        _ => return sign.to_owned(),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(text: &str, language: &str) -> Vec<String> {
        super::super::find_in(text, super::super::Context { language: Some(language), ..Default::default() })
            .into_iter()
            .filter(|found| found.kind == EntityType::Amount)
            .map(|found| format!("{}={}", &text[found.range.clone()], found.value))
            .collect()
    }

    #[test]
    fn amounts_have_a_number_and_a_currency() {
        for (text, language, expected) in [
            ("Total: $1,234.56 (US$ 12)", "en", vec!["$1,234.56=1234.56 $", "US$ 12=12 USD"]),
            ("Summe 1.234,56 € inkl. 19 % MwSt.", "de", vec!["1.234,56 €=1234.56 EUR"]),
            ("EUR 12,- und 3.000 EUR", "de", vec!["EUR 12,-=12 EUR", "3.000 EUR=3000 EUR"]),
            ("1 234 567,89 € TTC", "fr", vec!["1 234 567,89 €=1234567.89 EUR"]),
            ("£2.5 million, €3bn", "en", vec!["£2.5 million=2500000 GBP", "€3bn=3000000000 EUR"]),
            ("CHF 1'250.50", "de", vec!["CHF 1'250.50=1250.5 CHF"]),
            ("費用は1,500円です", "ja", vec!["1,500円=1500 JPY"]),
            ("12 345 kr", "sv", vec!["12 345 kr=12345 SEK"]),
            ("₹1,23,456.00", "en", vec!["₹1,23,456.00=123456 INR"]),
            ("-£5", "en", vec!["£5=5 GBP"]),
            ("see 12 and 3.5 km, page 4 of USDA", "en", vec![]),
            ("fee of 5 dollars", "en", vec!["5 dollars=5 $"]),
        ] {
            assert_eq!(amounts(text, language), expected, "{text}");
        }
    }
}
