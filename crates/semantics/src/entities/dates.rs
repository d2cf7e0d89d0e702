//! Dates, as ISO 8601: `2019-05-12`, `2019-05` without a day, `--05-12` without a year.
//!
//! In 03/04/2019 the month is the first or the second number. Other dates of the same document with slashes decide where one of
//! them has only one meaning; else English has the month first, other languages the day. What stays open has its other meaning as
//! `alternative`.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::{EntityType, Evidence, Found};
use crate::words::words;

/// Which of the two numbers before the year is the month, where slashes part them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateOrder {
    /// 31/12/2019 is in the document.
    DayFirst,
    /// 12/31/2019 is in the document.
    MonthFirst,
    /// Nothing says so.
    #[default]
    Unknown,
}

static NUMERIC: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        (?P<iso>[12][0-9]{3}-[01][0-9]-[0-3][0-9])
        |(?P<asian>[12][0-9]{3})\s?[年년]\s?(?P<asian_month>[01]?[0-9])\s?[月월](?:\s?(?P<asian_day>[0-3]?[0-9])\s?[日일])?
        |(?P<first>[0-3]?[0-9])(?P<separator>[./-])(?P<second>[0-3]?[0-9])[./-](?P<year>[12][0-9]{3}|[0-9]{2})
        |(?P<year_first>[12][0-9]{3})[./](?P<month_second>[01]?[0-9])[./](?P<day_third>[0-3]?[0-9])",
    )
    .expect("a constant")
});

static DAY_BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:^|[^0-9.,/])(?P<day>[0-3]?[0-9])(?:st|nd|rd|th|er|º|ª|\.|,)?(?:\s+(?:of|de|d’|d'|di))?[\s-]*$")
        .expect("a constant")
});
static DAY_AFTER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\.?[\s-]+(?P<day>[0-3]?[0-9])(?:st|nd|rd|th)?(?:,?\s+(?P<year>[12][0-9]{3}))?(?P<end>[^0-9./:%]|[.,](?:[^0-9]|$)|$)")
        .expect("a constant")
});
static YEAR_AFTER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\.?,?[\s-]+(?:de\s+|del\s+|of\s+|von\s+)?(?P<year>[12][0-9]{3})(?:[^0-9]|$)").expect("a constant")
});

/// Names of months in lower case and how they are: in full, or shortened so that more evidence is needed. English and German names
/// begin with a capital letter.
static MONTHS: LazyLock<HashMap<&'static str, (u8, bool)>> = LazyLock::new(|| {
    // Each line is a language; names of a month are parted by a bar.
    const FULL: [&str; 16] = [
        "january february march april may june july august september october november december",
        "januar|jänner februar|feber märz april mai juni juli august september oktober november dezember",
        "janvier février|fevrier mars avril mai juin juillet août|aout septembre octobre novembre décembre|decembre",
        "enero febrero marzo abril mayo junio julio agosto septiembre|setiembre octubre noviembre diciembre",
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        "janeiro fevereiro março|marco abril maio junho julho agosto setembro outubro novembro dezembro",
        "januari februari maart april mei juni juli augustus september oktober november december",
        "stycznia|styczeń lutego|luty marca|marzec kwietnia|kwiecień maja|maj czerwca|czerwiec lipca|lipiec sierpnia|sierpień września|wrzesień października|październik listopada|listopad grudnia|grudzień",
        "januari februari mars april maj juni juli augusti september oktober november december",
        "januar februar marts april maj juni juli august september oktober november december",
        "januar februar mars april mai juni juli august september oktober november desember",
        "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta",
        "января|январь февраля|февраль марта|март апреля|апрель мая|май июня|июнь июля|июль августа|август сентября|сентябрь октября|октябрь ноября|ноябрь декабря|декабрь",
        "ledna|leden února|únor března|březen dubna|duben května|květen června|červen července|červenec srpna|srpen září října|říjen listopadu|listopad prosince|prosinec",
        "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
        "ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie",
    ];
    const SHORT: [&str; 3] = [
        "jan feb mar apr may jun jul aug sep|sept oct nov dec",
        "jän feb mär|mrz apr mai jun jul aug sep|sept okt nov dez",
        "janv févr|fevr mars avr mai juin juil août sept oct nov déc|dec",
    ];
    let mut months = HashMap::new();
    for (languages, is_full) in [(&SHORT[..], false), (&FULL[..], true)] {
        for names in languages {
            for (month, names) in (1..).zip(names.split(' ')) {
                for name in names.split('|') {
                    months.insert(name, (month, is_full));
                }
            }
        }
    }
    months
});

/// Looks for what decides the order of day and month.
pub(super) fn order<'a>(texts: impl Iterator<Item = &'a str>) -> DateOrder {
    let (mut day_first, mut month_first) = (0, 0);
    for text in texts.filter(|text| text.contains('/')) {
        for found in
            NUMERIC.captures_iter(text).filter(|found| found.name("separator").is_some_and(|sign| sign.as_str() == "/"))
        {
            match (number(&found["first"]), number(&found["second"])) {
                (13..=31, 1..=12) => day_first += 1,
                (1..=12, 13..=31) => month_first += 1,
                _ => {}
            }
        }
    }
    match day_first.cmp(&month_first) {
        std::cmp::Ordering::Greater => DateOrder::DayFirst,
        std::cmp::Ordering::Less => DateOrder::MonthFirst,
        std::cmp::Ordering::Equal => DateOrder::Unknown,
    }
}

/// Finds dates.
pub(super) fn find(text: &str, order: DateOrder, language: Option<&str>, found: &mut Vec<Found>) {
    numeric(text, order, language, found);
    if text.bytes().any(|byte| byte.is_ascii_digit()) {
        named(text, found);
    }
}

fn numeric(text: &str, order: DateOrder, language: Option<&str>, found: &mut Vec<Found>) {
    for captures in NUMERIC.captures_iter(text) {
        let range = captures.get(0).expect("the whole").range();
        if !stands_alone(text, &range) {
            continue;
        }
        let part = |name: &str| captures.name(name).map(|part| number(part.as_str()));
        let (dates, evidence): (Vec<Option<String>>, _) = if let Some(iso) = captures.name("iso") {
            let [year, month, day] = [&iso.as_str()[..4], &iso.as_str()[5..7], &iso.as_str()[8..]].map(number);
            (vec![full(year, month, day)], Evidence::Form)
        } else if let (Some(year), Some(month)) = (part("asian"), part("asian_month")) {
            let date = match part("asian_day") {
                Some(day) => full(year, month, day),
                None => (1..=12).contains(&month).then(|| format!("{year:04}-{month:02}")),
            };
            (vec![date], Evidence::Form)
        } else if let (Some(year), Some(month), Some(day)) =
            (part("year_first"), part("month_second"), part("day_third"))
        {
            (vec![full(year, month, day)], Evidence::Form)
        } else if let (Some(first), Some(second)) = (part("first"), part("second")) {
            let (first_text, second_text, year_text) = (&captures["first"], &captures["second"], &captures["year"]);
            // Both separators are the same sign.
            let separator = &captures["separator"];
            let is_even = text[range.clone()].matches(separator).count() == 2;
            // A year of two digits: only where day and month have two as well, because 1.2.13 is a version.
            let is_short = year_text.len() == 2;
            if !is_even || is_short && (first_text.len() < 2 || second_text.len() < 2 || separator == "-") {
                continue;
            }
            let year = number(year_text);
            let year = if is_short { year + if year < 69 { 2000 } else { 1900 } } else { year };
            let day_first = full(year, second, first);
            let month_first = full(year, first, second);
            let month_leads = separator == "/"
                && match order {
                    DateOrder::DayFirst => false,
                    DateOrder::MonthFirst => true,
                    DateOrder::Unknown => language == Some("en"),
                };
            let is_open = separator == "/" && order == DateOrder::Unknown && day_first != month_first;
            let mut dates = if month_leads { vec![month_first, day_first] } else { vec![day_first, month_first] };
            if dates[0].is_none() && separator == "/" {
                dates.swap(0, 1);
            }
            if !is_open || dates[1].is_none() {
                dates.truncate(1);
            }
            (dates, Evidence::Form)
        } else {
            continue;
        };
        let mut dates = dates.into_iter().flatten();
        if let Some(value) = dates.next() {
            found.push(Found { alternative: dates.next(), ..Found::new(EntityType::Date, range, value, evidence) });
        }
    }
}

/// Dates with a month's name.
fn named(text: &str, found: &mut Vec<Found>) {
    for word in words(text) {
        // 12-May-2019 is one word.
        let word = match text[word.clone()].find(|char: char| char.is_alphabetic()) {
            Some(letters) if letters > 0 || text[word.clone()].contains('-') => {
                let start = word.start + letters;
                let end =
                    text[start..word.end].find(|char: char| !char.is_alphabetic()).map_or(word.end, |at| start + at);
                start..end
            }
            Some(_) => word,
            None => continue,
        };
        let name = &text[word.clone()];
        if name.len() > 20 {
            continue;
        }
        let lower = name.to_lowercase();
        let Some((month, is_full)) = MONTHS.get(lower.as_str()).copied() else { continue };
        // Words that are something else as well: may, march, mars, mai, dec.
        let is_capital = name.starts_with(char::is_uppercase);
        if !is_capital
            && matches!(lower.as_str(), "may" | "march" | "august" | "mar" | "sept" | "dec" | "jan" | "mart" | "marco")
        {
            continue;
        }
        let before = &text[floor(text, word.start.saturating_sub(16))..word.start];
        let after = &text[word.end..];
        let after = &after[..floor(after, 32)];
        let day_before = DAY_BEFORE.captures(before).and_then(|captures| captures.name("day"));
        let year_after = YEAR_AFTER.captures(after).and_then(|captures| captures.name("year"));
        let day_after = DAY_AFTER.captures(after).filter(|_| day_before.is_none());
        let (range, value) = if let Some(day) = day_before.filter(|day| (1..=31).contains(&number(day.as_str()))) {
            let start = word.start - before.len() + day.start();
            match year_after {
                Some(year) => {
                    (start..word.end + year.end(), full(number(year.as_str()), month.into(), number(day.as_str())))
                }
                None => (start..word.end, partial(month, number(day.as_str()))),
            }
        } else if let Some((captures, day)) =
            day_after.as_ref().and_then(|captures| Some((captures, captures.name("day")?))).filter(|_| is_capital)
        {
            match captures.name("year") {
                Some(year) => {
                    (word.start..word.end + year.end(), full(number(year.as_str()), month.into(), number(day.as_str())))
                }
                None => (word.start..word.end + day.end(), partial(month, number(day.as_str()))),
            }
        } else if let Some(year) = year_after.filter(|_| is_full || is_capital) {
            (word.start..word.end + year.end(), Some(format!("{}-{month:02}", year.as_str())))
        } else {
            continue;
        };
        if let Some(value) = value {
            found.push(Found::new(EntityType::Date, range, value, Evidence::Form));
        }
    }
}

/// The nearest place of a character at or before that byte.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Whether a number does not go on before or behind: no part of a version, an amount, a longer number.
fn stands_alone(text: &str, range: &Range<usize>) -> bool {
    let before = text[..range.start].chars().next_back();
    let mut after = text[range.end..].chars();
    let next = after.next();
    let is_open = |char: char| char.is_alphanumeric() && !crate::words::is_unspaced(char);
    let continues = next.is_some_and(|sign| matches!(sign, '.' | '/' | '-' | ','))
        && after.next().is_some_and(|next| next.is_ascii_digit());
    // An instant goes on with T and a time.
    let is_instant = next == Some('T') && text[range.end + 1..].starts_with(|char: char| char.is_ascii_digit());
    !before.is_some_and(|char| is_open(char) || matches!(char, '.' | '/' | '-' | ','))
        && !continues
        && (is_instant || !next.is_some_and(is_open))
}

fn number(text: &str) -> u32 {
    text.parse().unwrap_or(0)
}

/// A day that exists.
fn full(year: u32, month: u32, day: u32) -> Option<String> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    (day >= 1 && day <= days(month, is_leap)).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

fn partial(month: u8, day: u32) -> Option<String> {
    (day >= 1 && day <= days(month.into(), true)).then(|| format!("--{month:02}-{day:02}"))
}

fn days(month: u32, is_leap: bool) -> u32 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(is_leap),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(text: &str, language: &str) -> Vec<String> {
        let mut found = Vec::new();
        find(text, order([text].into_iter()), Some(language), &mut found);
        found.sort_by_key(|found| found.range.start);
        found.iter().map(|found| format!("{}={}", &text[found.range.clone()], found.value)).collect()
    }

    #[test]
    fn dates_of_many_languages_are_days_of_the_calendar() {
        for (text, language, expected) in [
            ("on 2019-05-12 and 2019-13-12", "en", vec!["2019-05-12=2019-05-12"]),
            ("signed May 12th, 2019 in Oslo", "en", vec!["May 12th, 2019=2019-05-12"]),
            ("12 May 2019; 3rd of June 2020", "en", vec!["12 May 2019=2019-05-12", "3rd of June 2020=2020-06-03"]),
            ("You may 12 times; in March 2021", "en", vec!["March 2021=2021-03"]),
            (
                "am 3. März 2021, vom 01.02.2020 bis 30.02.2020",
                "de",
                vec!["3. März 2021=2021-03-03", "01.02.2020=2020-02-01"],
            ),
            ("le 1er août 2018", "fr", vec!["1er août 2018=2018-08-01"]),
            ("a 5 de mayo de 2016", "es", vec!["5 de mayo de 2016=2016-05-05"]),
            ("12 мая 2017 г.", "ru", vec!["12 мая 2017=2017-05-12"]),
            ("2019年5月12日に", "ja", vec!["2019年5月12日=2019-05-12"]),
            ("12-May-2019", "en", vec!["12-May-2019=2019-05-12"]),
            ("due Oct. 3", "en", vec!["Oct. 3=--10-03"]),
            ("version 1.2.13, 10.20.30.40, 1/2/3", "en", vec![]),
            ("29.02.2019 29.02.2020", "de", vec!["29.02.2020=2020-02-29"]),
            ("from 2024-01-05T10:00:00Z", "en", vec!["2024-01-05=2024-01-05"]),
        ] {
            assert_eq!(dates(text, language), expected, "{text}");
        }
    }

    #[test]
    fn slashes_mean_what_other_dates_of_the_document_show() {
        assert_eq!(dates("03/04/2019 and 25/12/2019", "en"), ["03/04/2019=2019-04-03", "25/12/2019=2019-12-25"]);
        assert_eq!(dates("03/04/2019 and 12/25/2019", "fr"), ["03/04/2019=2019-03-04", "12/25/2019=2019-12-25"]);
        let mut found = Vec::new();
        find("03/04/2019", DateOrder::Unknown, Some("en"), &mut found);
        assert_eq!((found[0].value.as_str(), found[0].alternative.as_deref()), ("2019-03-04", Some("2019-04-03")));
    }
}
