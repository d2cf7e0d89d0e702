//! A summary made of the document's own sentences: LexRank (Erkan and Radev, JAIR 22, 2004) with a prior for place, and without
//! repetition.
//!
//! Sentences that many others are like are central; likeness is the cosine of their words' weights. Sentences at the beginning of the
//! document and of its sections count for more, and each further sentence for less the more it repeats of those chosen before
//! (maximal marginal relevance). Nothing is written anew: each sentence has its place.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use crate::document::{BlockKind, Document};
use crate::language::Languages;
use crate::stop::stop_words;
use crate::words::{is_unspaced, sentences, words};

/// Sentences that are compared with each other: those of the heaviest words, where there are more.
const MOST_COMPARED: usize = 400;
/// Words of a sentence that says something, and of one that can still be read.
const WORDS: Range<usize> = 6..61;
/// Signs of such sentences in scripts without spaces.
const SIGNS: Range<usize> = 15..160;
/// The least likeness that counts.
const LEAST_LIKENESS: f64 = 0.1;

/// A sentence of a summary.
#[derive(Debug, Clone, PartialEq)]
pub struct Sentence {
    /// The sentence.
    pub text: String,
    /// How central it is beside the others, 1 for the most.
    pub score: f64,
    /// Where it is: a block and the bytes of its text.
    pub source: (usize, Range<usize>),
}

struct Candidate {
    block: usize,
    range: Range<usize>,
    /// Terms with their weights, of length 1, by number.
    weights: Vec<(u32, f64)>,
    prior: f64,
}

/// So many sentences that sum the document up, in its order.
pub fn summary(document: &Document, languages: &Languages, count: usize) -> Vec<Sentence> {
    let mut candidates = candidates(document, languages);
    if candidates.len() > MOST_COMPARED {
        // By the document's own mean: the sentences most like all of it.
        let mut centre: HashMap<u32, f64> = HashMap::new();
        for candidate in &candidates {
            for (term, weight) in &candidate.weights {
                *centre.entry(*term).or_default() += weight;
            }
        }
        let score = |candidate: &Candidate| {
            candidate.prior * candidate.weights.iter().map(|(term, weight)| weight * centre[term]).sum::<f64>()
        };
        let mut scored: Vec<(f64, usize)> = candidates.iter().map(score).zip(0..).collect();
        scored.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        let chosen: HashSet<usize> = scored.into_iter().take(MOST_COMPARED).map(|(_, at)| at).collect();
        let mut at = 0;
        candidates.retain(|_| {
            at += 1;
            chosen.contains(&(at - 1))
        });
    }
    let ranks = ranks(&candidates);
    choose(document, &candidates, &ranks, count)
}

fn candidates(document: &Document, languages: &Languages) -> Vec<Candidate> {
    let mut stops: HashMap<&str, HashSet<&'static str>> = HashMap::new();
    let mut numbers: HashMap<String, u32> = HashMap::new();
    let mut frequency: Vec<f64> = Vec::new();
    let mut candidates: Vec<(Candidate, BTreeMap<u32, f64>)> = Vec::new();
    let mut is_first_of_section = true;
    for (at, block) in document.blocks.iter().enumerate() {
        match block.kind {
            BlockKind::Heading(_) => is_first_of_section = true,
            BlockKind::Paragraph | BlockKind::ListItem => {}
            BlockKind::Table | BlockKind::Code | BlockKind::Furniture | BlockKind::Aside => continue,
        }
        if matches!(block.kind, BlockKind::Heading(_)) {
            continue;
        }
        let language = languages.of_block(at).or(languages.main()).unwrap_or("en");
        let stop = &*stops.entry(language).or_insert_with(|| stop_words(language));
        for (place, range) in sentences(&block.text).into_iter().enumerate() {
            let text = &block.text[range.clone()];
            let mut terms: BTreeMap<u32, f64> = BTreeMap::new();
            let (mut count, mut signs, mut letters) = (0, 0, 0);
            for word in words(text) {
                let written = text[word].to_lowercase();
                count += 1;
                signs += usize::from(written.chars().any(is_unspaced));
                letters += usize::from(written.chars().any(char::is_alphabetic));
                if !stop.contains(written.as_str()) {
                    let next = numbers.len() as u32;
                    *terms.entry(*numbers.entry(written).or_insert(next)).or_default() += 1.0;
                }
            }
            let is_readable = if signs * 2 > count { SIGNS.contains(&count) } else { WORDS.contains(&count) };
            let is_closed = text.ends_with(['.', '!', '?', '…', '。', '！', '？', '।', '۔', '"', '”', '»', ')']);
            // Rows of numbers and tables of contents are no sentences.
            if !is_readable || !is_closed || letters * 10 < count * 7 || terms.len() < 3 || text.contains("....") {
                continue;
            }
            frequency.resize(numbers.len(), 0.0);
            for term in terms.keys() {
                frequency[*term as usize] += 1.0;
            }
            let section = if is_first_of_section && place == 0 { 1.15 } else { 1.0 };
            is_first_of_section = false;
            candidates.push((Candidate { block: at, range, weights: Vec::new(), prior: section }, terms));
        }
    }
    let all = candidates.len() as f64;
    candidates
        .into_iter()
        .enumerate()
        .map(|(at, (mut candidate, terms))| {
            let weigh = |(term, count): (u32, f64)| (term, count * (1.0 + all / frequency[term as usize]).ln());
            let mut weights: Vec<(u32, f64)> = terms.into_iter().map(weigh).collect();
            let length = weights.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt().max(1e-9);
            for (_, weight) in &mut weights {
                *weight /= length;
            }
            // The first sentences of the whole say what it is about.
            candidate.prior *= 1.0 + 0.5 / (1.0 + at as f64 / 2.0);
            candidate.weights = weights;
            candidate
        })
        .collect()
}

fn likeness(one: &Candidate, other: &Candidate) -> f64 {
    let (mut a, mut b) = (one.weights.iter().peekable(), other.weights.iter().peekable());
    let mut sum = 0.0;
    while let (Some((term, weight)), Some((other_term, other_weight))) = (a.peek(), b.peek()) {
        match term.cmp(other_term) {
            std::cmp::Ordering::Less => drop(a.next()),
            std::cmp::Ordering::Greater => drop(b.next()),
            std::cmp::Ordering::Equal => {
                sum += weight * other_weight;
                a.next();
                b.next();
            }
        }
    }
    sum
}

/// How central each is: the stationary distribution of a walk over likenesses.
fn ranks(candidates: &[Candidate]) -> Vec<f64> {
    let count = candidates.len();
    let mut edges: Vec<Vec<(usize, f64)>> = vec![Vec::new(); count];
    for (one, candidate) in candidates.iter().enumerate() {
        for (other, further) in candidates.iter().enumerate().skip(one + 1) {
            let likeness = likeness(candidate, further);
            if likeness >= LEAST_LIKENESS {
                edges[one].push((other, likeness));
                edges[other].push((one, likeness));
            }
        }
    }
    let sums: Vec<f64> = edges.iter().map(|edges| edges.iter().map(|(_, likeness)| likeness).sum()).collect();
    let mut ranks = vec![1.0; count];
    for _ in 0..30 {
        let walk = |at: usize| {
            let from = edges[at].iter().map(|(other, likeness)| ranks[*other] * likeness / sums[*other]).sum::<f64>();
            0.15 + 0.85 * from
        };
        ranks = (0..count).map(walk).collect();
    }
    ranks
}

fn choose(document: &Document, candidates: &[Candidate], ranks: &[f64], count: usize) -> Vec<Sentence> {
    let scores: Vec<f64> = candidates.iter().zip(ranks).map(|(candidate, rank)| candidate.prior * rank).collect();
    let best = scores.iter().copied().fold(0.0, f64::max).max(1e-9);
    let mut chosen: Vec<usize> = Vec::new();
    while chosen.len() < count {
        let value = |at: usize| {
            let repeats = chosen.iter().map(|other| likeness(&candidates[at], &candidates[*other])).fold(0.0, f64::max);
            scores[at] / best - 0.7 * repeats
        };
        let rest = (0..candidates.len()).filter(|at| !chosen.contains(at)).map(|at| (value(at), at));
        // The first of equal ones.
        let Some((_, at)) = rest.fold(None, |best: Option<(f64, usize)>, one| match best {
            Some(best) if best.0 >= one.0 => Some(best),
            _ => Some(one),
        }) else {
            break;
        };
        chosen.push(at);
    }
    chosen.sort_unstable();
    let sentence = |at: usize| {
        let Candidate { block, range, .. } = &candidates[at];
        let text = document.blocks[*block].text[range.clone()].split_whitespace().collect::<Vec<_>>().join(" ");
        Sentence { text, score: scores[at] / best, source: (*block, range.clone()) }
    };
    chosen.into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Block;

    #[test]
    fn central_sentences_are_chosen_in_order_and_none_twice() {
        let text = "The tidal barrier protects the old harbour and the town from storm surges of the North Sea. \
            My aunt once bought a very small green bicycle from a man in Ghent. \
            When a storm surge is forecast, the tidal barrier closes the harbour within forty minutes. \
            The tidal barrier protects the old harbour and the town from storm surges of the North Sea. \
            Ships that wait outside the tidal barrier may enter the harbour once the storm surge is over. \
            Soup of the day is served from noon until two with bread and butter.";
        let document = Document { blocks: vec![Block::new(1, BlockKind::Paragraph, text)] };
        let languages = Languages::of(&document);
        let chosen = summary(&document, &languages, 3);
        assert_eq!(chosen.len(), 3);
        let joined = chosen.iter().map(|sentence| sentence.text.as_str()).collect::<Vec<_>>().join("\n");
        assert!(!joined.contains("bicycle") && !joined.contains("Soup"), "{joined}");
        assert_eq!(joined.matches("protects the old harbour").count(), 1, "{joined}");
        for sentence in &chosen {
            assert_eq!(&text[sentence.source.1.clone()], sentence.text);
        }
        assert!(chosen.is_sorted_by_key(|sentence| sentence.source.1.start));
    }

    #[test]
    fn what_is_no_sentence_is_no_summary() {
        let blocks = vec![
            Block::new(1, BlockKind::Table, "Harbour | 12 t | 13 t | 14 t | 15 t | 16 t | 17 t."),
            Block::new(1, BlockKind::Paragraph, "1 2 3 4 5 6 7 8 9 10 11."),
            Block::new(1, BlockKind::Paragraph, "Too short."),
        ];
        let document = Document { blocks };
        assert_eq!(summary(&document, &Languages::of(&document), 3), []);
    }
}
