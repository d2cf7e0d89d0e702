//! A linear model: the coefficients that `scripts/train-classify` learns from documents that it generates.
//!
//! There are two. `meaning` reads the features and the embedding of the document's beginning and belongs to one network, whose digest
//! is in the file; `layout` reads the features alone. Both are multinomial logistic regressions, whose logits are divided by a
//! temperature that makes the probabilities those of documents (Guo et al. 2017).

use std::sync::LazyLock;

use crate::document_type::DocumentType;
use crate::features;

/// Coefficients of one model.
pub struct Model {
    temperature: f32,
    /// What an embedding is compared with: the mean and the spread of those that the model learnt from.
    centre: Vec<f32>,
    bias: Vec<f32>,
    /// A row for each type.
    weights: Vec<Vec<f32>>,
    /// The usual values of the features.
    usual: Vec<f32>,
}

/// Both models.
pub struct Models {
    /// SHA-256 of the network that made the embeddings.
    pub network: String,
    /// By features alone.
    pub layout: Model,
    /// By features and meaning.
    pub meaning: Model,
}

/// What a model says of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Of each type in the order of [`DocumentType::ALL`]; they sum to 1.
    pub probabilities: Vec<f32>,
    /// What the meaning of the text added for each type.
    pub of_meaning: Vec<f32>,
}

/// The coefficients in the crate.
pub fn models() -> &'static Models {
    static MODELS: LazyLock<Models> =
        LazyLock::new(|| Models::parse(include_str!("model.tsv")).expect("a test reads the coefficients"));
    &MODELS
}

impl Models {
    /// Reads the list that the script writes: a name and numbers a line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut line = |name: &str| -> Result<&str, String> {
            let line = lines.next().ok_or_else(|| format!("{name} is missing"))?;
            line.strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('\t'))
                .ok_or_else(|| format!("{line:.40} is not {name}"))
        };
        let network = line("network")?.to_owned();
        let names: Vec<&str> = line("features")?.split('\t').collect();
        // Where each feature of the code is in the list.
        let places: Option<Vec<usize>> =
            (0..features::COUNT).map(|at| names.iter().position(|name| *name == features::name(at))).collect();
        let places = places
            .filter(|places| places.len() == names.len())
            .ok_or("the features are not those of the code; run scripts/train-classify")?;
        // The features in the order of the code, and the embedding behind them.
        let ordered = |row: Vec<f32>| -> Option<Vec<f32>> {
            let own: Option<Vec<f32>> = places.iter().map(|at| row.get(*at).copied()).collect();
            own.map(|own| own.into_iter().chain(row.iter().skip(features::COUNT).copied()).collect())
        };
        let mut model = |with_embedding: bool| -> Result<Model, String> {
            let mut numbers = |name: &str| -> Result<Vec<f32>, String> {
                let wrong = |number: &str| format!("{name}: {number:?} is not a number");
                line(name)?.split('\t').map(|number| number.parse().map_err(|_| wrong(number))).collect()
            };
            let temperature = numbers("temperature")?.first().copied().unwrap_or(1.0);
            let usual = numbers("usual").map(&ordered)?.unwrap_or_default();
            let centre = if with_embedding { numbers("centre")? } else { Vec::new() };
            let bias = numbers("bias")?;
            let weights: Vec<Vec<f32>> = DocumentType::ALL
                .iter()
                .map(|kind| numbers(kind.name()).map(|row| ordered(row).unwrap_or_default()))
                .collect::<Result<_, _>>()?;
            let width = features::COUNT + centre.len();
            let fits = bias.len() == DocumentType::ALL.len()
                && usual.len() == features::COUNT
                && weights.iter().all(|row| row.len() == width)
                && temperature > 0.0;
            fits.then_some(Model { temperature, centre, bias, weights, usual })
                .ok_or_else(|| "the numbers of a row are not as many as they should be".to_owned())
        };
        let (layout, meaning) = (model(false)?, model(true)?);
        Ok(Self { network, layout, meaning })
    }

    /// Decides by the meaning as well if the embedding is of the network that the model knows.
    pub fn decide(&self, features: &[f32], embedding: Option<&[f32]>) -> Decision {
        match embedding.filter(|embedding| embedding.len() == self.meaning.centre.len()) {
            Some(embedding) => self.meaning.decide(features, embedding),
            None => self.layout.decide(features, &[]),
        }
    }

    /// An embedding seen from the usual one: what of it is its own.
    pub fn own_of(&self, embedding: &[f32]) -> Vec<f32> {
        let own = embedding.iter().zip(&self.meaning.centre).map(|(number, centre)| number - centre).collect();
        semantics::embedding::unit(own)
    }
}

impl Model {
    fn decide(&self, features: &[f32], embedding: &[f32]) -> Decision {
        let dot = |one: &[f32], other: &[f32]| one.iter().zip(other).map(|(one, other)| one * other).sum::<f32>();
        let own: Vec<f32> = embedding.iter().zip(&self.centre).map(|(number, centre)| number - centre).collect();
        let of_meaning: Vec<f32> =
            self.weights.iter().map(|row| dot(row.get(features::COUNT..).unwrap_or_default(), &own)).collect();
        let logits: Vec<f32> = self
            .weights
            .iter()
            .zip(&self.bias)
            .zip(&of_meaning)
            .map(|((row, bias), of_meaning)| (bias + dot(row, features) + of_meaning) / self.temperature)
            .collect();
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let powers: Vec<f32> = logits.iter().map(|logit| (logit - most).exp()).collect();
        let sum: f32 = powers.iter().sum();
        Decision { probabilities: powers.iter().map(|power| power / sum).collect(), of_meaning }
    }

    /// How much each feature spoke for one type and against another, beyond its usual value.
    pub fn contributions(&self, features: &[f32], kind: usize, against: usize) -> Vec<f32> {
        let of = |at: usize| (self.weights[kind][at] - self.weights[against][at]) * (features[at] - self.usual[at]);
        (0..features::COUNT).map(of).collect()
    }

    /// The features seen from the usual ones.
    pub fn own_features(&self, features: &[f32]) -> Vec<f32> {
        features.iter().zip(&self.usual).map(|(value, usual)| value - usual).collect()
    }

    /// Whether a feature's value is above the usual one.
    pub fn is_high(&self, feature: usize, value: f32) -> bool {
        value > self.usual[feature]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coefficients_are_read_and_probabilities_sum_to_one() {
        let models = Models::parse(include_str!("model.tsv")).unwrap();
        let features = vec![0.5; features::COUNT];
        for embedding in [None, Some(vec![0.05; 384])] {
            let decision = models.decide(&features, embedding.as_deref());
            assert!((decision.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        }
        assert_eq!(models.network.len(), 64);
        // Of another network.
        assert_eq!(models.decide(&features, Some(&[0.1; 3])), models.decide(&features, None));
        assert!(Models::parse("network\tx\nfeatures\tpages\n").is_err());
    }
}
