//! Which texts answer a question: BM25 over words (Robertson and others 1994), the nearness of embeddings, and both together.
//!
//! Words find names and numbers, embeddings find what is said in other words. Their scores have different scales, so that each is
//! brought to its mean and deviation over the texts before they are added.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::stop::stop_words;
use crate::words::words;

/// How fast a word's further mentions count for less, and how much a long text's mentions count for less.
const SATURATION: f64 = 1.2;
const LENGTH: f64 = 0.75;
/// The share of the words' score where both are known.
const SHARE_OF_WORDS: f64 = 0.4;

/// Words of texts, for BM25.
pub struct Index {
    /// For each word the texts that have it, and how often.
    texts_of: HashMap<String, Vec<(u32, u32)>>,
    lengths: Vec<f64>,
    mean_length: f64,
    stop: HashSet<&'static str>,
}

impl Index {
    /// Counts the words of texts. Stop words of the language count for nothing.
    pub fn of<T: AsRef<str>>(texts: &[T], language: &str) -> Self {
        let stop = stop_words(language);
        let mut texts_of: HashMap<String, Vec<(u32, u32)>> = HashMap::new();
        let mut lengths = Vec::with_capacity(texts.len());
        for (number, text) in (0..).zip(texts) {
            let mut counts: BTreeMap<String, u32> = BTreeMap::new();
            for term in terms(text.as_ref(), &stop) {
                *counts.entry(term).or_default() += 1;
            }
            lengths.push(f64::from(counts.values().sum::<u32>()));
            for (term, count) in counts {
                texts_of.entry(term).or_default().push((number, count));
            }
        }
        let mean_length = (lengths.iter().sum::<f64>() / lengths.len().max(1) as f64).max(1.0);
        Self { texts_of, lengths, mean_length, stop }
    }

    /// The score of each text for a question; 0 if they have no word in common.
    pub fn scores(&self, question: &str) -> Vec<f64> {
        let mut scores = vec![0.0; self.lengths.len()];
        let count = self.lengths.len() as f64;
        let asked: HashSet<String> = terms(question, &self.stop).collect();
        for found in asked.iter().filter_map(|term| self.texts_of.get(term)) {
            let with = found.len() as f64;
            let rarity = (1.0 + (count - with + 0.5) / (with + 0.5)).ln();
            for (text, times) in found {
                let times = f64::from(*times);
                let length = 1.0 - LENGTH + LENGTH * self.lengths[*text as usize] / self.mean_length;
                scores[*text as usize] += rarity * times * (SATURATION + 1.0) / (times + SATURATION * length);
            }
        }
        scores
    }
}

/// Words in lower case, without stop words and without the endings of plurals and of some verbs, so that "layers" finds "layer".
fn terms<'a>(text: &'a str, stop: &'a HashSet<&'static str>) -> impl Iterator<Item = String> + 'a {
    let lower = words(text).map(|word| text[word].to_lowercase());
    lower.filter(|word| !stop.contains(word.as_str())).map(|word| stemmed(&word).to_owned())
}

/// The beginning of a word that its inflected forms share, for Latin letters (Harman's S-stemmer, 1991).
fn stemmed(word: &str) -> &str {
    if !word.is_ascii() || word.len() < 4 {
        return word;
    }
    if let Some(stem) = word.strip_suffix("ies").filter(|stem| !stem.ends_with(['a', 'e'])) {
        return if stem.len() > 1 { &word[..=stem.len()] } else { word };
    }
    match word.strip_suffix('s') {
        Some(stem) if !stem.ends_with(['s', 'u']) => stem,
        _ => word,
    }
}

/// Scores of words and of embeddings as one, each at its own mean and deviation.
pub fn fused(of_words: &[f64], of_embeddings: &[f64]) -> Vec<f64> {
    let (of_words, of_embeddings) = (standard(of_words), standard(of_embeddings));
    let both = of_words.iter().zip(&of_embeddings);
    both.map(|(words, embeddings)| SHARE_OF_WORDS * words + (1.0 - SHARE_OF_WORDS) * embeddings).collect()
}

fn standard(scores: &[f64]) -> Vec<f64> {
    let count = scores.len().max(1) as f64;
    let mean = scores.iter().sum::<f64>() / count;
    let deviation = (scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / count).sqrt().max(1e-9);
    scores.iter().map(|score| (score - mean) / deviation).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_with_rare_words_of_the_question_come_first() {
        let texts =
            ["The boundary layers of the wing.", "A wing in the wind.", "Soup of the day, and the wing of a hen."];
        let scores = Index::of(&texts, "en").scores("boundary layer of a wing");
        assert!(scores[0] > scores[1] && scores[1] > scores[2], "{scores:?}");
        assert!(Index::of(&texts, "en").scores("the of and").iter().all(|score| *score <= 0.0));
        assert!(Index::of::<&str>(&[], "en").scores("wing").is_empty());
    }

    #[test]
    fn neither_scale_outweighs_the_other() {
        let fused = fused(&[30.0, 0.0, 0.0], &[0.80, 0.80, 0.86]);
        assert!(fused[2] > 0.0 && fused[0] > 0.0 && fused[1] < 0.0, "{fused:?}");
    }
}
