//! A user's own classes, by examples: a line of JSON for each document that somebody has named, as the operation writes it to
//! example.json with the option `example-of`.
//!
//! A document is of the class whose examples it is nearest to, by what its embedding and its features have of their own beside those
//! of usual documents. Nothing is learnt, so that three examples are enough.

use std::collections::BTreeMap;

use contract::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::features;
use crate::model::Models;
use crate::report::{OwnClass, OwnClasses};

/// Bytes of a file of examples.
pub const MOST_BYTES: u64 = 64 << 20;
/// Below this similarity a document is of no class.
const LEAST_SIMILARITY: f64 = 0.35;
/// By how much a class has to lead.
const LEAST_LEAD: f64 = 0.03;
/// Examples of a class that count, the nearest.
const NEAREST: usize = 3;

/// A document that somebody has named: one line of a file of examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Example {
    /// The version of this schema: 1.
    pub schema_version: u32,
    /// The name of the class.
    pub class: String,
    /// SHA-256 of the network that made the embedding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// What the beginning of the document means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<Vec<f32>>,
    /// The numbers of its words and layout, by name.
    pub features: BTreeMap<String, f32>,
}

impl Example {
    /// An example of a class.
    pub fn of(class: &str, features: &[f32], embedding: Option<(&str, Vec<f32>)>) -> Self {
        let named = |(at, value): (usize, &f32)| (features::name(at), (value * 1e4).round() / 1e4);
        let (network, embedding) = embedding.map(|(network, embedding)| (network.to_owned(), embedding)).unzip();
        let features = features.iter().enumerate().map(named).collect();
        Self { schema_version: 1, class: class.to_owned(), network, embedding, features }
    }

    /// The numbers in the order of the code; none of another version of it.
    fn numbers(&self) -> Option<Vec<f32>> {
        let numbers: Vec<f32> =
            (0..features::COUNT).map(|at| self.features.get(&features::name(at)).copied()).collect::<Option<_>>()?;
        (self.features.len() == features::COUNT).then_some(numbers)
    }
}

/// The examples of a file, each with its numbers in the order of the code.
pub struct Classes(Vec<(Example, Vec<f32>)>);

impl Classes {
    /// Reads a file of examples: JSON objects, one after the other.
    pub fn read(text: &str, file: &str) -> Result<Self, Failure> {
        let mut examples = Vec::new();
        for (at, example) in serde_json::Deserializer::from_str(text).into_iter::<Example>().enumerate() {
            let example = example.map_err(|error| {
                Failure::invalid_input(format!(
                    "example {} of {file} is not one that classify?example-of=NAME writes: {error}",
                    at + 1
                ))
            })?;
            let numbers = example.numbers().filter(|_| example.schema_version == 1);
            let Some(numbers) = numbers else {
                return Err(Failure::invalid_input(format!(
                    "example {} of {file} was made by another version of this program; make it again with classify?example-of={}",
                    at + 1,
                    example.class
                )));
            };
            if numbers.iter().chain(example.embedding.iter().flatten()).any(|number| !number.is_finite()) {
                return Err(Failure::invalid_input(format!(
                    "example {} of {file} has a number that is not finite",
                    at + 1
                )));
            }
            examples.push((example, numbers));
        }
        if examples.is_empty() {
            return Err(Failure::invalid_input(format!(
                "{file} has no examples; put the example.json of classify?example-of=NAME of several documents into it"
            )));
        }
        Ok(Self(examples))
    }

    /// Whether examples have embeddings of another network, which do not count.
    pub fn are_of_another_network(&self, network: Option<&str>) -> bool {
        self.0.iter().any(|(example, _)| example.network.as_deref() != network)
    }

    /// How near a document is to each class.
    pub fn nearest(&self, models: &Models, features: &[f32], embedding: Option<(&str, &[f32])>) -> OwnClasses {
        let own_features = models.layout.own_features(features);
        let own_embedding = embedding.map(|(network, embedding)| (network, models.own_of(embedding)));
        let mut of_classes: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (example, numbers) in &self.0 {
            let by_layout = cosine(&own_features, &models.layout.own_features(numbers));
            let by_meaning = own_embedding.as_ref().and_then(|(network, own)| {
                let other = example.embedding.as_ref()?;
                let is_same = example.network.as_deref() == Some(*network) && other.len() == own.len();
                is_same.then(|| cosine(own, &models.own_of(other)))
            });
            let similarity = by_meaning.map_or(by_layout, |by_meaning| f32::midpoint(by_meaning, by_layout));
            of_classes.entry(&example.class).or_default().push(similarity.into());
        }
        let mut nearest: Vec<OwnClass> = of_classes
            .into_iter()
            .map(|(class, mut similarities)| {
                similarities.sort_by(|one, other| other.total_cmp(one));
                let count = similarities.len().min(NEAREST);
                let mean = similarities[..count].iter().sum::<f64>() / count as f64;
                let similarity = (mean * 1000.0).round() / 1000.0;
                OwnClass { class: class.to_owned(), similarity, examples: similarities.len() as u64 }
            })
            .collect();
        nearest.sort_by(|one, other| other.similarity.total_cmp(&one.similarity).then(one.class.cmp(&other.class)));
        let leads = nearest.get(1).is_none_or(|second| nearest[0].similarity - second.similarity >= LEAST_LEAD);
        let class = nearest.first().filter(|first| leads && first.similarity >= LEAST_SIMILARITY);
        OwnClasses { class: class.map(|class| class.class.clone()), nearest }
    }
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let dot = |one: &[f32], other: &[f32]| one.iter().zip(other).map(|(one, other)| one * other).sum::<f32>();
    let lengths = (dot(one, one) * dot(other, other)).sqrt();
    if lengths > 0.0 { dot(one, other) / lengths } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::models;

    fn example(class: &str, features: &[f32]) -> String {
        serde_json::to_string(&Example::of(class, features, None)).unwrap()
    }

    fn with(feature: usize) -> Vec<f32> {
        (0..features::COUNT).map(|at| f32::from(u8::from(at == feature || at == feature + 1))).collect()
    }

    #[test]
    fn a_document_is_of_the_class_that_it_is_nearest_to() {
        let text =
            [example("offer", &with(0)), example("offer", &with(0)), example("delivery note", &with(30))].join("\n");
        let classes = Classes::read(&text, "classes.jsonl").unwrap();
        let found = classes.nearest(models(), &with(30), None);
        assert_eq!(found.class.as_deref(), Some("delivery note"));
        assert_eq!(found.nearest.len(), 2);
        assert_eq!(found.nearest[1].examples, 2);
    }

    #[test]
    fn what_is_not_an_example_is_named() {
        let refused = |text: &str| Classes::read(text, "classes.jsonl").err().expect("it is refused").to_string();
        assert!(refused("").contains("has no examples"));
        assert!(refused("{\"class\": 3}").contains("example 1 of classes.jsonl"));
        let short = example("offer", &[0.0; 3]);
        assert!(refused(&short).contains("another version"));
    }
}
