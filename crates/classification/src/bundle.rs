//! Where one document of several in a file begins: a scanned pile of letters, invoices and contracts.
//!
//! Each page is compared with the one before it. Page numbers, running heads and shared names say that a document continues; a title, a
//! salutation, page 1, another size or language say that one begins. The weights were set by hand on bundles of generated documents and
//! measured on bundles of real ones (`scripts/bench-classify bundles`).

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use semantics::document::{Block, BlockKind, Document};

use crate::document_type::DocumentType;
use crate::features::{self, Features};
use crate::layout::{Layout, Part};
use crate::model::Models;

/// What a page is by itself.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its number, from 1.
    pub number: u32,
    /// Of each type by words and layout, in the order of [`DocumentType::ALL`].
    pub probabilities: Vec<f32>,
    /// How likely a document begins on it.
    pub begins: f32,
    /// Nothing is on it.
    pub is_blank: bool,
}

/// Lines at the top and the bottom of a page among which running heads and page numbers are.
const EDGE: usize = 3;
/// Words of a page that are compared.
const MOST_WORDS: usize = 2_000;

static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"(?i)^(?:.{0,60}\s)?(?:page|seite|blatt|p\.|pg\.?|pagina|página|strona|sida|side|стр\.?|第)\s*(\d{1,4})(?:\s*(?:/|of|von|de|di|van|sur|av|z|из|页)\s*(\d{1,4}))?\b.{0,12}$|^[-–(]?\s*(\d{1,4})(?:\s*(?:/|of|von|de|sur)\s*(\d{1,4}))?\s*[-–)]?$";
    Regex::new(pattern).expect("a test compiles it")
});

/// What is compared of a page.
struct Signs {
    number: Option<(u32, Option<u32>)>,
    edges: BTreeSet<String>,
    words: BTreeSet<String>,
    title: f32,
    opening: f32,
    size: Option<(f32, f32)>,
    begins_within: bool,
    ends_within: bool,
    is_blank: bool,
}

/// The pages of a document of pages, those that were read.
pub fn pages(models: &Models, document: &Document, layout: &Layout) -> Vec<Page> {
    let numbers: BTreeSet<u32> =
        layout.sizes.keys().copied().chain(document.blocks.iter().map(|block| block.page)).collect();
    let mut before: Option<(Signs, Vec<f32>)> = None;
    let mut pages = Vec::with_capacity(numbers.len());
    for number in numbers {
        let features = Features::of(document, layout, number..=number);
        let probabilities = models.decide(&features.values, None).probabilities;
        let signs = Signs::of(document, layout, number, &features);
        let begins = match &before {
            None => 1.0,
            Some(_) if layout.part != Part::Page || layout.sizes.is_empty() => 0.0,
            Some((last, of_last)) => logistic(score(last, &signs, of_last, &probabilities)),
        };
        pages.push(Page { number, probabilities: probabilities.clone(), begins, is_blank: signs.is_blank });
        // A blank page is compared with nothing: what follows it is compared with what was before it.
        match &mut before {
            Some((last, _)) if signs.is_blank => last.ends_within = false,
            before => *before = Some((signs, probabilities)),
        }
    }
    pages
}

/// The first and the last page of each document.
pub fn parts(pages: &[Page]) -> Vec<(u32, u32)> {
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for page in pages {
        match parts.last_mut() {
            Some(part) if page.begins < 0.5 => part.1 = page.number,
            _ => parts.push((page.number, page.number)),
        }
    }
    parts
}

fn logistic(score: f32) -> f32 {
    1.0 / (1.0 + (-score).exp())
}

/// Above 0 if a document begins on a page.
fn score(last: &Signs, page: &Signs, of_last: &[f32], of_page: &[f32]) -> f32 {
    if page.is_blank {
        return -4.0;
    }
    let mut score = -1.0;
    score += match (last.number, page.number) {
        (_, Some((1, Some(_)))) => 4.0,
        (Some((before, _)), Some((number, _))) if number == before + 1 => -4.0,
        (Some((before, _)), Some((1, None))) if before >= 1 => 2.5,
        (None, Some((1, None))) => 1.0,
        (_, Some((2.., Some(_)))) => -3.0,
        (Some(_), Some(_)) => 0.5,
        (None, Some(_)) => -0.5,
        (_, None) => 0.0,
    };
    score += 2.5 * page.title + 2.0 * page.opening;
    if let (Some(one), Some(other)) = (last.size, page.size) {
        let differs = |one: f32, other: f32| (one - other).abs() > 0.03 * one.max(other);
        score += if differs(one.0, other.0) || differs(one.1, other.1) { 1.5 } else { 0.0 };
    }
    let common_edges = last.edges.intersection(&page.edges).count();
    score -= 2.0 * common_edges.min(2) as f32;
    let common: f32 = of_last.iter().zip(of_page).map(|(one, other)| one.min(*other)).sum();
    score += 2.0 * (1.0 - common) - 0.8 * common;
    let smaller = last.words.len().min(page.words.len());
    if smaller >= 12 {
        let shared = last.words.intersection(&page.words).count() as f32 / smaller as f32;
        score += 1.6 - 9.0 * shared.min(0.45);
    }
    score -= if page.begins_within { 2.0 } else { 0.0 } + if last.ends_within { 1.0 } else { 0.0 };
    score
}

impl Signs {
    fn of(document: &Document, layout: &Layout, number: u32, features: &Features) -> Self {
        let from = document.blocks.partition_point(|block| block.page < number);
        let blocks: Vec<&Block> = document.blocks[from..].iter().take_while(|block| block.page == number).collect();
        let lines: Vec<&str> =
            blocks.iter().flat_map(|block| block.text.lines()).map(str::trim).filter(|line| !line.is_empty()).collect();
        let edges: Vec<&str> = lines.iter().take(EDGE).chain(lines.iter().rev().take(EDGE)).copied().collect();
        let page_number = edges.iter().find_map(|line| {
            let found = NUMBER.captures(line)?;
            let value = |at: usize| found.get(at).and_then(|number| number.as_str().parse::<u32>().ok());
            let number = value(1).or_else(|| value(3))?;
            let total = value(2).or_else(|| value(4)).filter(|total| *total >= number);
            (number > 0 && number < 2000).then_some((number, total))
        });
        // Numbers change from page to page, the rest of a running head does not.
        let plain = |line: &&str| {
            let plain: String = line.chars().filter(|char| char.is_alphabetic()).flat_map(char::to_lowercase).collect();
            (6..200).contains(&plain.len()).then_some(plain)
        };
        let text = || blocks.iter().flat_map(|block| block.text.split_whitespace());
        // Words that few documents share: long ones and such with digits.
        let words = text()
            .map(|word| word.trim_matches(|char: char| !char.is_alphanumeric()).to_lowercase())
            .filter(|word| {
                word.chars().count() >= 7 || (word.len() >= 4 && word.bytes().any(|byte| byte.is_ascii_digit()))
            })
            .take(MOST_WORDS)
            .collect();
        let body = || {
            blocks
                .iter()
                .filter(|block| block.kind == BlockKind::Paragraph && block.text.split_whitespace().count() >= 5)
        };
        let value = |name: &str| {
            (0..features::COUNT).find(|at| features::name(*at) == name).map_or(0.0, |at| features.values[at])
        };
        let title =
            DocumentType::ALL.iter().map(|kind| value(&format!("title-of-{}", kind.name()))).fold(0.0, f32::max);
        Self {
            number: page_number,
            edges: edges.iter().filter_map(plain).collect(),
            words,
            title,
            opening: value("salutation").max(value("mail-head")).max(value("machine-readable")),
            size: layout.sizes.get(&number).copied(),
            begins_within: body().next().and_then(|block| block.text.chars().next()).is_some_and(char::is_lowercase),
            ends_within: body().next_back().is_some_and(|block| {
                block.text.trim_end().ends_with(|char: char| char.is_alphanumeric() || char == ',')
                    && block.text.len() > 120
            }),
            is_blank: blocks.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::models;

    fn page(number: u32, lines: &[&str]) -> Vec<Block> {
        lines.iter().map(|line| Block::new(number, BlockKind::Paragraph, *line)).collect()
    }

    fn layout(pages: u32) -> Layout {
        let sizes = (1..=pages).map(|page| (page, (595.0, 842.0))).collect();
        Layout { sizes, pages: pages as usize, ..Layout::default() }
    }

    #[test]
    fn a_pile_is_parted_where_documents_begin() {
        let blocks = [
            page(1, &["Rechnung", "Rechnungsnummer 4711", "Musterfirma GmbH Leverkusen", "Seite 1 von 2"]),
            page(
                2,
                &["Musterfirma GmbH Leverkusen", "Gesamtbetrag 119,00 EUR zu Rechnungsnummer 4711", "Seite 2 von 2"],
            ),
            page(3, &["Dear Mr Fletcher,", "Thank you for your letter about the northern harbour.", "Yours sincerely"]),
            page(5, &["Employment Agreement", "This agreement is made by and between the parties", "Page 1 of 1"]),
        ];
        let document = Document { blocks: blocks.into_iter().flatten().collect() };
        let pages = pages(models(), &document, &layout(5));
        assert!(pages[3].is_blank);
        assert_eq!(parts(&pages), [(1, 2), (3, 4), (5, 5)]);
    }

    #[test]
    fn sheets_and_chapters_are_not_parted() {
        let document = Document { blocks: [page(1, &["Invoice"]), page(2, &["Invoice"])].concat() };
        let pages = pages(models(), &document, &Layout { pages: 2, ..Layout::default() });
        assert_eq!(parts(&pages), [(1, 2)]);
    }

    #[test]
    fn page_numbers_are_read() {
        let number = |text: &str| NUMBER.is_match(text);
        assert!(
            number("Page 2 of 3")
                && number("- 12 -")
                && number("Seite 4")
                && number("Acme Ltd   page 7")
                && number("3/9")
        );
        assert!(!number("Invoice 2019-17") && !number("12 sheep"));
    }
}
