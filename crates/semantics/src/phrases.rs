//! Phrases that are typical of a text: YAKE (Campos and others, Information Sciences 509, 2020), from the text alone, in any language
//! that has spaces between words.
//!
//! A word counts for much if it is often written with a capital letter, comes early, is frequent, is in many sentences, and has few
//! different neighbours; a phrase of up to three words by the product of its words. Stop words are those of stopwords-iso. Beyond
//! YAKE: headings count twice, a phrase within a better one that is hardly ever seen alone is left out, and so is the plural of one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use crate::document::{BlockKind, Document};
use crate::language::Languages;
use crate::stop::stop_words;
use crate::words::{is_unspaced, sentences, words};

/// Words of the longest phrase.
const LONGEST: usize = 3;
/// Sentences that are looked at: more change little, and the beginning counts most.
const MOST_SENTENCES: usize = 20_000;
/// How alike two phrases may be, by the longest common part of their letters.
const MOST_ALIKE: f64 = 0.85;

/// A phrase that is typical of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Phrase {
    /// As it is written most often.
    pub text: String,
    /// How typical it is beside the others, 1 for the most.
    pub score: f64,
    /// How often it is there.
    pub count: usize,
    /// Where it is first: a block and the bytes of its text.
    pub first: (usize, Range<usize>),
}

#[derive(Default)]
struct Term {
    count: f64,
    capital: f64,
    acronym: f64,
    /// Numbers of its sentences, ascending.
    sentences: Vec<u32>,
    left: HashMap<u32, f64>,
    right: HashMap<u32, f64>,
    is_stop: bool,
    score: f64,
}

#[derive(Default)]
struct Candidate {
    count: f64,
    seen: usize,
    forms: BTreeMap<String, usize>,
    first: Option<(usize, Range<usize>)>,
}

struct Token {
    term: u32,
    range: Range<usize>,
    /// Whether it can be a part of a phrase: no number, no sign.
    is_plain: bool,
    /// Whether nothing but spaces is between it and the word before.
    follows: bool,
}

/// The most typical phrases, the most typical first.
pub fn phrases(document: &Document, languages: &Languages, most: usize) -> Vec<Phrase> {
    let mut stops: HashMap<&str, HashSet<&'static str>> = HashMap::new();
    let mut numbers: HashMap<String, u32> = HashMap::new();
    let mut terms: Vec<Term> = Vec::new();
    let mut candidates: HashMap<Vec<u32>, Candidate> = HashMap::new();
    let mut sentence_number = 0_u32;
    'blocks: for (at, block) in document.blocks.iter().enumerate() {
        if !block.flows() || block.kind == BlockKind::Code {
            continue;
        }
        let language = languages.of_block(at).or(languages.main()).unwrap_or("en");
        let stop = &*stops.entry(language).or_insert_with(|| stop_words(language));
        let is_heading = matches!(block.kind, BlockKind::Heading(_));
        let weight = if is_heading { 2.0 } else { 1.0 };
        for sentence in sentences(&block.text) {
            if sentence_number as usize >= MOST_SENTENCES {
                break 'blocks;
            }
            let tokens = tokens(&block.text, &sentence, stop, &mut numbers, &mut terms);
            if tokens.is_empty() {
                continue;
            }
            let is_shouted = tokens.iter().all(|token| !block.text[token.range.clone()].contains(char::is_lowercase));
            for (place, token) in tokens.iter().enumerate() {
                let written = &block.text[token.range.clone()];
                let term = &mut terms[token.term as usize];
                term.count += weight;
                if term.sentences.last() != Some(&sentence_number) {
                    term.sentences.push(sentence_number);
                }
                let is_capital = written.starts_with(char::is_uppercase);
                let is_acronym = written.chars().count() > 1
                    && written.chars().all(|char| char.is_uppercase() || char.is_ascii_digit());
                if is_acronym && !is_shouted {
                    term.acronym += 1.0;
                } else if is_capital && place > 0 && !is_heading && !is_shouted {
                    term.capital += 1.0;
                }
                if place > 0 && token.follows {
                    let before = tokens[place - 1].term;
                    *term.left.entry(before).or_default() += 1.0;
                    *terms[before as usize].right.entry(token.term).or_default() += 1.0;
                }
            }
            for start in 0..tokens.len() {
                for end in start + 1..=(start + LONGEST).min(tokens.len()) {
                    let part = &tokens[start..end];
                    if !part[0].is_plain
                        || part.last().is_some_and(|last| !last.is_plain || end > start + 1 && !last.follows)
                    {
                        break;
                    }
                    let is_edge_stop = |token: &Token| terms[token.term as usize].is_stop;
                    if is_edge_stop(&part[0]) {
                        break;
                    }
                    if part.last().is_some_and(is_edge_stop) {
                        continue;
                    }
                    let key: Vec<u32> = part.iter().map(|token| token.term).collect();
                    let range = part[0].range.start..part[part.len() - 1].range.end;
                    let text = block.text[range.clone()].split_whitespace().collect::<Vec<_>>().join(" ");
                    let candidate = candidates.entry(key).or_default();
                    candidate.count += weight;
                    candidate.seen += 1;
                    candidate.first.get_or_insert((at, range));
                    if candidate.forms.len() < 16 || candidate.forms.contains_key(&text) {
                        *candidate.forms.entry(text).or_default() += 1;
                    }
                }
            }
            sentence_number += 1;
        }
    }
    score_terms(&mut terms, sentence_number);
    best(&terms, candidates, most)
}

fn tokens(
    text: &str,
    sentence: &Range<usize>,
    stop: &HashSet<&'static str>,
    numbers: &mut HashMap<String, u32>,
    terms: &mut Vec<Term>,
) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let part = &text[sentence.clone()];
    let mut last_end = sentence.start;
    for word in words(part) {
        let range = sentence.start + word.start..sentence.start + word.end;
        let written = &text[range.clone()];
        let lower = written.to_lowercase().replace('’', "'");
        let letters = lower.chars().filter(|char| char.is_alphabetic()).count();
        let is_plain = letters >= 2
            && written.len() <= 48
            && letters * 2 > lower.chars().count()
            && !written.chars().any(is_unspaced);
        let follows = !tokens.is_empty() && text[last_end..range.start].chars().all(char::is_whitespace);
        last_end = range.end;
        let is_stop = stop.contains(lower.as_str())
            || letters < 3
            || lower.split('\'').any(|part| part.len() < 2 || stop.contains(part) && part.len() > 2);
        // YAKE's way with plurals: the s of longer words counts for nothing.
        let key = if lower.len() > 4 && lower.ends_with('s') && !lower.ends_with("ss") {
            lower[..lower.len() - 1].to_owned()
        } else {
            lower
        };
        let next = terms.len() as u32;
        let term = *numbers.entry(key).or_insert(next);
        if term == next {
            terms.push(Term { is_stop, ..Term::default() });
        }
        tokens.push(Token { term, range, is_plain, follows });
    }
    tokens
}

fn score_terms(terms: &mut [Term], sentences: u32) {
    let counts: Vec<f64> = terms.iter().filter(|term| !term.is_stop).map(|term| term.count).collect();
    let mean = counts.iter().sum::<f64>() / counts.len().max(1) as f64;
    let deviation =
        (counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / counts.len().max(1) as f64).sqrt();
    let most = terms.iter().map(|term| term.count).fold(1.0, f64::max);
    for term in terms {
        let spread = |side: &HashMap<u32, f64>| {
            let all: f64 = side.values().sum();
            let distinct = side.len() as f64;
            (if all > 0.0 { distinct / all } else { 0.0 }, distinct / most)
        };
        let ((left, left_share), (right, right_share)) = (spread(&term.left), spread(&term.right));
        let share = term.count / most;
        let relatedness = 1.0 + (left + right) * share + left_share + right_share;
        let median = term.sentences.get(term.sentences.len() / 2).copied().unwrap_or(0);
        let position = (3.0 + f64::from(median)).ln().ln();
        let case = term.capital.max(term.acronym) / (1.0 + term.count.ln());
        let frequency = term.count / (mean + deviation).max(f64::MIN_POSITIVE);
        let different = term.sentences.len() as f64 / f64::from(sentences.max(1));
        term.score = position * relatedness / (case + frequency / relatedness + different / relatedness).max(1e-9);
    }
}

/// The score of a phrase: the smaller, the more typical.
fn score(terms: &[Term], key: &[u32], count: f64) -> f64 {
    let (mut product, mut sum) = (1.0, 0.0);
    for (at, number) in key.iter().enumerate() {
        let term = &terms[*number as usize];
        if !term.is_stop {
            product *= term.score;
            sum += term.score;
            continue;
        }
        // A stop word within counts by how surely its neighbours lead to it and from it.
        let before = &terms[key[at.max(1) - 1] as usize];
        let after = key.get(at + 1);
        let to = before.right.get(number).copied().unwrap_or(0.0) / before.count.max(1.0);
        let from = after
            .map_or(0.0, |after| term.right.get(after).copied().unwrap_or(0.0) / terms[*after as usize].count.max(1.0));
        let probability = (to * from).min(1.0);
        product *= 1.0 + (1.0 - probability);
        sum -= 1.0 - probability;
    }
    let below = if sum <= -1.0 { 1.0 - 0.999 } else { 1.0 + sum };
    product / (count * below)
}

fn best(terms: &[Term], candidates: HashMap<Vec<u32>, Candidate>, most: usize) -> Vec<Phrase> {
    // With a stop word within, only what is said more than once is a phrase.
    let is_phrase = |key: &[u32], candidate: &Candidate| {
        candidate.seen > 1 || !key.iter().any(|term| terms[*term as usize].is_stop)
    };
    let mut ranked: Vec<(f64, Vec<u32>, Candidate)> = candidates
        .into_iter()
        .filter(|(key, candidate)| is_phrase(key, candidate))
        .map(|(key, candidate)| (score(terms, &key, candidate.count), key, candidate))
        .collect();
    // Equal scores in the order of the text, so that the result is the same each time.
    ranked.sort_by(|(one, _, a), (other, _, b)| {
        let place =
            |candidate: &Candidate| candidate.first.as_ref().map_or((0, 0), |(block, range)| (*block, range.start));
        one.total_cmp(other).then_with(|| place(a).cmp(&place(b))).then_with(|| b.forms.len().cmp(&a.forms.len()))
    });
    let mut kept: Vec<(f64, Vec<u32>, Phrase)> = Vec::new();
    for (score, key, candidate) in ranked {
        if kept.len() >= most {
            break;
        }
        let form = candidate.forms.iter().max_by_key(|(text, count)| (**count, std::cmp::Reverse(text.as_str())));
        let Some((text, first)) = form.map(|(text, _)| text.clone()).zip(candidate.first) else { continue };
        let is_repeated = kept.iter().any(|(_, other, phrase)| {
            let (short, long) = if other.len() < key.len() { (other, &key) } else { (&key, other) };
            let is_within = long.windows(short.len()).any(|part| part == short.as_slice());
            // Seen alone not much more often than within the other.
            let is_never_alone =
                is_within && candidate.seen.min(phrase.count) * 10 >= candidate.seen.max(phrase.count) * 7;
            is_never_alone || alike(&text, &phrase.text) > MOST_ALIKE
        });
        if !is_repeated {
            kept.push((score, key, Phrase { text, score: 0.0, count: candidate.seen, first }));
        }
    }
    let least = kept.first().map_or(1.0, |(score, ..)| score.max(1e-12));
    let relative = |score: f64| (least / score.max(least)).sqrt();
    kept.into_iter().map(|(score, _, phrase)| Phrase { score: relative(score), ..phrase }).collect()
}

/// Twice the common pairs of letters by all of them (Dice), in lower case.
fn alike(one: &str, other: &str) -> f64 {
    let pairs = |text: &str| {
        let letters: Vec<char> = text.to_lowercase().chars().collect();
        letters.windows(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>()
    };
    let (one, mut other) = (pairs(one), pairs(other));
    let all = one.len() + other.len();
    let mut common = 0;
    for pair in one {
        if let Some(at) = other.iter().position(|candidate| *candidate == pair) {
            other.swap_remove(at);
            common += 2;
        }
    }
    if all == 0 { 0.0 } else { f64::from(common) / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Block;

    fn found(texts: &[&str], most: usize) -> Vec<Phrase> {
        let document =
            Document { blocks: texts.iter().map(|text| Block::new(1, BlockKind::Paragraph, *text)).collect() };
        let languages = Languages::of(&document);
        phrases(&document, &languages, most)
    }

    #[test]
    fn phrases_are_what_the_text_is_about() {
        let text = "The tidal barrier at the harbour entrance closes when a storm surge is forecast. \
            Engineers tested the tidal barrier in May. The storm surge of last winter was the highest for a century, \
            and the tidal barrier held. A new storm surge model predicts when to close the barrier.";
        let phrases = found(&[text], 5);
        let texts: Vec<&str> = phrases.iter().map(|phrase| phrase.text.as_str()).collect();
        assert!(texts[..3].contains(&"tidal barrier") && texts.contains(&"storm surge"), "{texts:?}");
        assert!(!texts.contains(&"tidal") && !texts.contains(&"surge"), "{texts:?}");
        let barrier = phrases.iter().find(|phrase| phrase.text == "tidal barrier").unwrap();
        assert_eq!((barrier.count, &text[barrier.first.1.clone()]), (3, "tidal barrier"));
        assert!((phrases[0].score - 1.0).abs() < 1e-9 && phrases.is_sorted_by(|a, b| a.score >= b.score));
    }

    #[test]
    fn stop_words_are_those_of_the_language() {
        let text = "Die Hafenbehörde hat beschlossen, dass die Fahrrinne vertieft wird. Die Fahrrinne ist für große Schiffe zu flach. \
            Die Hafenbehörde rechnet damit, dass die Vertiefung der Fahrrinne zwei Jahre dauert.";
        let phrases = found(&[text], 4);
        let texts: Vec<&str> = phrases.iter().map(|phrase| phrase.text.as_str()).collect();
        assert!(texts.contains(&"Fahrrinne") && texts.contains(&"Hafenbehörde"), "{texts:?}");
        assert!(
            !texts.iter().any(|text| text.split(' ').any(|word| matches!(word, "die" | "Die" | "der" | "für"))),
            "{texts:?}"
        );
    }

    #[test]
    fn numbers_and_signs_are_no_phrases() {
        assert_eq!(found(&["12 345 6.7 -- !! 8", ""], 5), []);
        assert!(found(&["東京は日本の首都です。"], 5).is_empty());
    }
}
