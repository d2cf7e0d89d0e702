//! How a text feels about what it is about: a line through the space of embeddings.
//!
//! The coefficients are in `sentiment.tsv`, which `scripts/train-sentiment` makes from the rated tweets, product reviews and newspaper
//! sentences of VADER (Hutto and Gilbert 2014, MIT). They belong to one network: its SHA-256 is in the file, and other weights give no
//! sentiment. Trained on English alone; other languages work as far as the network puts them in the same place.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Below this distance from the line a text is neither.
const NEUTRAL: f32 = 0.25;

/// What a text feels like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Feeling {
    /// More than a half for it.
    Positive,
    /// About nothing, or both.
    Neutral,
    /// More than a half against it.
    Negative,
}

struct Line {
    bias: f32,
    weights: Vec<f32>,
}

static LINE: LazyLock<Line> = LazyLock::new(|| {
    let lines = include_str!("sentiment.tsv").lines().filter(|line| !line.starts_with('#'));
    let mut numbers = lines.map(|line| line.parse::<f32>().expect("a test reads every number"));
    let bias = numbers.next().expect("the first number");
    Line { bias, weights: numbers.collect() }
});

/// From -1, as negative as can be, to 1. None for an embedding of another network.
pub fn score(embedding: &[f32]) -> Option<f32> {
    (embedding.len() == LINE.weights.len()).then(|| {
        let sum: f32 = embedding.iter().zip(&LINE.weights).map(|(number, weight)| number * weight).sum();
        // From the logistic function's 0 to 1 to -1 to 1.
        f32::midpoint(sum, LINE.bias).tanh()
    })
}

/// What a score means.
pub fn feeling(score: f32) -> Feeling {
    if score > NEUTRAL {
        Feeling::Positive
    } else if score < -NEUTRAL {
        Feeling::Negative
    } else {
        Feeling::Neutral
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_a_number_for_each_of_the_embedding() {
        assert_eq!(LINE.weights.len(), 384);
        assert!(LINE.weights.iter().all(|weight| weight.is_finite()));
        assert_eq!(score(&[0.0; 3]), None);
        let along: Vec<f32> = LINE.weights.iter().map(|weight| weight / 100.0).collect();
        assert_eq!(feeling(score(&along).unwrap()), Feeling::Positive);
    }
}
