//! Why a document is what it is said to be, in words.

use std::ops::Range;

use semantics::document::Document;
use semantics::report::Mention;

use crate::document_type::DocumentType;
use crate::features::{self, Features};
use crate::model::{Decision, Model};
use crate::report::Evidence;

/// What is said at most.
const MOST: usize = 8;
/// What speaks for a type by less than this changes nothing.
const LEAST: f32 = 0.1;
/// Words that are quoted of one feature.
const MOST_QUOTES: usize = 4;

/// What spoke for the most likely type and against the second, the strongest first.
pub fn evidence(model: &Model, document: &Document, features: &Features, decision: &Decision) -> Vec<Evidence> {
    let order = order(&decision.probabilities);
    let [kind, against] = [order[0], order[1]];
    let name = DocumentType::ALL[kind].words();
    let mut found: Vec<(f32, Evidence)> = Vec::new();
    for (feature, weight) in model.contributions(&features.values, kind, against).into_iter().enumerate() {
        if weight < LEAST {
            continue;
        }
        let is_high = model.is_high(feature, features.values[feature]);
        let mut text = features::words(feature, is_high);
        let places = features.places.get(&feature).filter(|_| is_high).map_or(&[][..], Vec::as_slice);
        let quotes = quotes(document, places.iter().map(|place| (place.block, &place.range)));
        if !quotes.is_empty() {
            text = format!("{text}: {}", quotes.join(", "));
        }
        let mention = |place: &features::Place| Mention::of(&document.blocks[place.block], &place.range, None);
        let mentions = places.iter().take(MOST_QUOTES).map(mention).collect();
        found.push((weight, Evidence { text, weight: weight.into(), mentions }));
    }
    let meaning = decision.of_meaning[kind] - decision.of_meaning[against];
    if meaning >= LEAST {
        let text = format!("its text is about what {} is about", article(name));
        found.push((meaning, Evidence { text, weight: meaning.into(), mentions: Vec::new() }));
    }
    found.sort_by(|one, other| other.0.total_cmp(&one.0));
    found.truncate(MOST);
    found.into_iter().map(|(_, evidence)| Evidence { weight: rounded(evidence.weight), ..evidence }).collect()
}

fn article(words: &str) -> &str {
    if words == "something else" { "none of the types" } else { words }
}

/// The numbers of the types, the most likely first.
pub fn order(probabilities: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|one, other| probabilities[*other].total_cmp(&probabilities[*one]).then(one.cmp(other)));
    order
}

/// The different words of these places, in quotes.
fn quotes<'a>(document: &Document, places: impl Iterator<Item = (usize, &'a Range<usize>)>) -> Vec<String> {
    let mut quotes: Vec<String> = Vec::new();
    for (block, range) in places {
        let text = document.blocks[block].text.get(range.clone()).unwrap_or_default();
        let quote = format!("“{}”", text.split_whitespace().collect::<Vec<_>>().join(" "));
        if quotes.len() < MOST_QUOTES && !quotes.contains(&quote) {
            quotes.push(quote);
        }
    }
    quotes
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
