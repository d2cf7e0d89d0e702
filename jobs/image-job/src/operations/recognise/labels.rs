//! What a picture shows as a whole: the 1,000 classes of ImageNet, and the more general kinds above them in WordNet.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use catalog::operations::{Filter, Recognise};
use contract::Failure;
use contract::recognition::Label;
use inference::Value;
use operation::Weights;
use pixels::resample::Region;

use super::look::{Colours, Look, Order, numbers};
use super::objects::{CLASSES, Objects};
use super::{LONG, rounded};

/// The weights of the classifier.
pub const NETWORK: &str = "image-labels";

/// The classifier sees a square of this side,
const SIDE: u32 = 260;
/// which is this share of the picture's shorter side: as its authors evaluate it.
const SHARE: f64 = 260.0 / 292.0;
const COLOURS: Colours = Colours { less: [127.0; 3], over: [128.0; 3], blue_first: false };
const MOST_PARTS: f64 = 8.0;

/// A class and the more general kinds that it is of, the nearest first.
struct Class {
    name: &'static str,
    parents: Vec<&'static str>,
}

static TABLE: LazyLock<Vec<Class>> = LazyLock::new(|| {
    let lines = include_str!("labels.tsv").lines().filter(|line| !line.starts_with('#'));
    let class = |line: &'static str| {
        let (name, parents) = line.split_once('\t').unwrap_or((line, ""));
        Class { name, parents: parents.split(',').filter(|parent| !parent.is_empty()).collect() }
    };
    lines.map(class).collect()
});

/// What the classifier says of a picture.
pub struct Classes {
    /// The probabilities of the classes, of each part that it saw.
    parts: Vec<Vec<f32>>,
    /// A vector of length 1.
    pub embedding: Vec<f32>,
}

/// Runs the classifier.
pub fn classify(look: &Look, weights: &Weights) -> Result<Classes, Failure> {
    let network = inference::network(weights, NETWORK)?;
    let mut parts = Vec::new();
    let mut features: Vec<f32> = Vec::new();
    for part in squares(look.copy_size()) {
        let picture = look.part(part, (SIDE, SIDE), Filter::Lanczos3)?;
        let side = SIDE as usize;
        let input = Value::new(&[1, 3, side, side], numbers(&picture, &COLOURS, Order::Planes))?;
        let outputs = network.run(&[("input", &input)], &["logits", "features"])?;
        let logits = outputs[0].numbers::<f32>()?;
        if logits.len() != TABLE.len() {
            let count = logits.len();
            return Err(Failure::internal(format!(
                "the weights {NETWORK} have {count} classes instead of {}",
                TABLE.len()
            )));
        }
        parts.push(softmax(logits));
        let seen = outputs[1].numbers::<f32>()?;
        features.resize(seen.len(), 0.0);
        features.iter_mut().zip(seen).for_each(|(sum, feature)| *sum += feature);
    }
    let length = features.iter().map(|feature| feature * feature).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    let embedding = features.iter().map(|feature| (feature / length * 1e5).round() / 1e5).collect();
    Ok(Classes { parts, embedding })
}

/// The square in the middle; of a long picture several, one after the other.
fn squares((width, height): (u32, u32)) -> Vec<Region> {
    let (width, height) = (f64::from(width), f64::from(height));
    let (long, broad) = (width.max(height), width.min(height));
    let side = broad * SHARE;
    let count = if long / broad > LONG { (long / broad).ceil().min(MOST_PARTS) } else { 1.0 };
    (0..count as u32)
        .map(|at| {
            let along = (long / count) * (f64::from(at) + 0.5) - side / 2.0;
            let across = (broad - side) / 2.0;
            let (x, y) = if width > height { (along, across) } else { (across, along) };
            Region { x, y, width: side, height: side }
        })
        .collect()
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let grown: Vec<f32> = logits.iter().map(|logit| (logit - most).exp()).collect();
    let sum: f32 = grown.iter().sum();
    grown.into_iter().map(|number| number / sum).collect()
}

/// The labels that are sure enough. A more general kind is as sure as all of its classes together; of several parts, the one that
/// is surest counts.
pub fn name(classes: &Classes, options: &Recognise) -> Vec<Label> {
    let mut found: BTreeMap<(&str, &[&str]), f32> = BTreeMap::new();
    for probabilities in &classes.parts {
        let mut of_part: BTreeMap<(&str, &[&str]), f32> = BTreeMap::new();
        for (class, probability) in TABLE.iter().zip(probabilities) {
            *of_part.entry((class.name, &class.parents)).or_default() += probability;
            for (at, parent) in class.parents.iter().enumerate() {
                *of_part.entry((parent, &class.parents[at + 1..])).or_default() += probability;
            }
        }
        for (label, probability) in of_part {
            let surest = found.entry(label).or_default();
            *surest = surest.max(probability);
        }
    }
    let least = options.min_confidence.share();
    let sure = found.into_iter().filter(|(_, probability)| *probability >= least && *probability > 0.001);
    let label = |((name, parents), probability): ((&str, &[&str]), f32)| Label {
        name: name.to_owned(),
        confidence: rounded(probability.min(1.0)),
        parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
        instances: Vec::new(),
    };
    sure.map(label).collect()
}

/// Labels of the whole and of objects, each name once. Of equally sure ones the more special comes first.
pub fn merge(mut labels: Vec<Label>, objects: Vec<Objects>, options: &Recognise) -> Vec<Label> {
    for Objects { class, instances } in objects {
        let (name, parents) = CLASSES[class];
        let confidence = instances.first().map_or(0.0, |instance| instance.confidence);
        match labels.iter_mut().find(|label| label.name == name) {
            Some(label) => {
                label.confidence = label.confidence.max(confidence);
                label.instances = instances;
            }
            None => labels.push(Label {
                name: name.to_owned(),
                confidence,
                parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
                instances,
            }),
        }
    }
    labels.sort_by(|one, other| {
        let by_confidence = other.confidence.total_cmp(&one.confidence);
        by_confidence.then(other.parents.len().cmp(&one.parents.len())).then_with(|| one.name.cmp(&other.name))
    });
    labels.truncate(options.max.into());
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Recognise {
        let operations: catalog::Operations = "recognise".parse().unwrap();
        operations.first().options::<Recognise>().unwrap().clone()
    }

    fn classes(parts: &[&[(&str, f32)]]) -> Classes {
        let at = |name: &str| TABLE.iter().position(|class| class.name == name).unwrap();
        let part = |sure: &&[(&str, f32)]| {
            let mut probabilities = vec![0.0; TABLE.len()];
            sure.iter().for_each(|(name, probability)| probabilities[at(name)] = *probability);
            probabilities
        };
        Classes { parts: parts.iter().map(part).collect(), embedding: Vec::new() }
    }

    #[test]
    fn the_table_has_the_thousand_classes_in_their_order() {
        assert_eq!(TABLE.len(), 1000);
        assert_eq!((TABLE[0].name, TABLE[999].name), ("tench", "toilet tissue"));
        assert_eq!(TABLE[207].name, "golden retriever");
        assert!(TABLE[207].parents.contains(&"dog") && TABLE[207].parents.last() == Some(&"animal"));
    }

    #[test]
    fn breeds_that_are_unsure_make_a_dog_that_is_sure() {
        let found = name(
            &classes(&[&[("golden retriever", 0.25), ("Labrador retriever", 0.25), ("beagle", 0.25)]]),
            &options(),
        );
        let confidence = |name: &str| found.iter().find(|label| label.name == name).map(|label| label.confidence);
        assert_eq!((confidence("dog"), confidence("retriever"), confidence("beagle")), (Some(0.75), Some(0.5), None));
    }

    #[test]
    fn of_several_parts_the_surest_counts_and_nothing_is_surer_than_sure() {
        let parts = classes(&[&[("tench", 0.9)], &[("tench", 0.6), ("goldfish", 0.4)]]);
        let found = merge(name(&parts, &options()), Vec::new(), &options());
        assert_eq!((found[0].name.as_str(), found[0].confidence), ("cyprinid", 1.0), "the most special of equals");
        assert!(found.iter().any(|label| label.name == "tench" && (label.confidence - 0.9).abs() < 1e-6));
        assert!(found.iter().all(|label| label.confidence <= 1.0));
    }

    #[test]
    fn an_object_gives_the_label_of_its_name_a_place() {
        let instance = contract::recognition::Instance { bounds: [1.0, 2.0, 3.0, 4.0], confidence: 0.9 };
        let dog = CLASSES.iter().position(|(name, _)| *name == "dog").unwrap();
        let labels = name(&classes(&[&[("beagle", 0.8)]]), &options());
        let merged = merge(labels, vec![Objects { class: dog, instances: vec![instance.clone()] }], &options());
        let dogs: Vec<&Label> = merged.iter().filter(|label| label.name == "dog").collect();
        assert_eq!(dogs.len(), 1);
        assert_eq!((dogs[0].confidence, &dogs[0].instances), (0.9, &vec![instance]));
    }

    #[test]
    fn a_long_picture_is_classified_in_squares_along_it() {
        assert_eq!(squares((640, 480)).len(), 1);
        assert!((squares((480, 640))[0].y - (640.0 - 480.0 * SHARE) / 2.0).abs() < 1e-9);
        assert_eq!(squares((2000, 500)).len(), 4);
        for size in [(4096, 1), (1, 4096), (1, 1), (3000, 300)] {
            for square in squares(size) {
                assert!(square.x >= 0.0 && square.x + square.width <= f64::from(size.0) + 1e-9, "{size:?} {square:?}");
                assert!(square.y >= 0.0 && square.y + square.height <= f64::from(size.1) + 1e-9, "{size:?} {square:?}");
            }
        }
    }
}
