use std::fmt;
use std::str::FromStr;

use clap::{ArgAction, Args, ValueEnum};
use serde::{Serialize, Serializer};

use crate::operation::Options;
use crate::profile::{Engine, Profile};
use crate::{Allowance, FastPath, Format, MediaKind, Service};

/// Recognises what a picture shows.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Recognise {
    /// What to look for. Captions and labels of one's own choice cannot be had; what the networks can do and what they cannot is in
    /// docs/weights.md
    #[arg(long, value_enum, value_name = "FEATURE,…", value_delimiter = ',',
          default_values_t = [Feature::Labels, Feature::Objects, Feature::Quality])]
    pub features: Vec<Feature>,
    /// Who looks: this project's networks (native), Amazon Rekognition, which is paid for each picture and feature (docs/engines.md),
    /// or Rekognition and, where it cannot be had, the networks (auto). Quality is measured here, whoever looks
    #[arg(long, value_enum, default_value_t = RecogniseEngine::Native)]
    pub engine: RecogniseEngine,
    /// Leave out labels, objects, faces, words and moderation labels of less confidence, 0 to 1. Words need at least 0.5
    #[arg(long, value_name = "0-1", default_value_t = Confidence(300))]
    pub min_confidence: Confidence,
    /// Most labels, most instances of each, and most faces; those of the highest confidence are kept
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub max: u16,
    /// How often objects are looked for: 1, once; 2, also mirrored; 3, also in parts of the picture, for small ones
    #[arg(long, value_name = "1-3", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub effort: u8,
    /// Also write the picture with boxes and names drawn in
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub annotated: bool,
    /// The frame of an animation, counted from 1
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub frame: u32,
    /// The page of a TIFF, counted from 1. Without it the first is taken
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub page: Option<u32>,
    /// Take what is there of a truncated file instead of failing; the result then says `truncated`
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub allow_truncated: bool,
    /// Refuse inputs of more megapixels (all frames together), whatever their file size
    #[arg(long, value_name = "MEGAPIXELS", default_value_t = 268, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub max_megapixels: u32,
}

/// Who looks at a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum RecogniseEngine {
    /// This project's networks
    Native,
    /// Amazon Rekognition
    Rekognition,
    /// Amazon Rekognition, and the networks where it fails; the result says so
    Auto,
}

/// What can be looked for in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// What the picture shows: 1,000 kinds of things, and the more general kinds that they are of
    Labels,
    /// Where things are: people, animals, vehicles, furniture, food, …, 80 kinds, with boxes
    Objects,
    /// Where faces are, with eyes, nose and mouth. Nobody is recognised
    Faces,
    /// What is written in the picture, with the place of each line and word; see `text` for documents
    Text,
    /// 1,280 numbers; pictures that look alike have a small angle between theirs
    Similar,
    /// Sharpness, brightness, exposure, colours, and whether it is a photo, a drawing, a screenshot or a document
    Quality,
    /// How likely the picture is not safe to show at work
    Moderation,
}

impl Feature {
    /// The networks that look for it.
    fn weights(self) -> &'static [&'static str] {
        match self {
            Self::Labels | Self::Similar => &["image-labels"],
            Self::Objects => &["image-objects", "image-small-objects"],
            Self::Faces => &["image-faces-proposals", "image-faces-refinement", "image-faces-landmarks"],
            Self::Text => &["ocr-detection", "ocr-recognition", "ocr-line-direction", "ocr-page-direction"],
            Self::Moderation => &["image-moderation"],
            Self::Quality => &[],
        }
    }

    /// What Rekognition is asked for it.
    fn service(self) -> Option<Service> {
        match self {
            Self::Labels | Self::Objects => Some(Service::Labels),
            Self::Faces => Some(Service::Faces),
            Self::Text => Some(Service::Words),
            Self::Moderation => Some(Service::Moderation),
            Self::Similar | Self::Quality => None,
        }
    }
}

/// A share of certainty, in thousandths, so that it is the same number in every text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confidence(u16);

impl Confidence {
    /// A half.
    pub(crate) const HALF: Self = Self(500);

    /// From 0 to 1.
    pub fn share(self) -> f32 {
        f32::from(self.0) / 1000.0
    }
}

impl FromStr for Confidence {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<f64>() {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self((share * 1000.0).round() as u16)),
            _ => Err("a confidence is a number from 0 to 1, such as 0.5".to_owned()),
        }
    }
}

impl Default for Confidence {
    /// A half.
    fn default() -> Self {
        Self::HALF
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.0) / 1000.0)
    }
}

impl Serialize for Confidence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Options for Recognise {
    const NAME: &'static str = "recognise";
    const ALIASES: &'static [&'static str] = &["recognition", "recognize"];
    const ABOUT: &'static str =
        "Recognise what an image shows: labels, objects, faces and text with boxes, quality, kind";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("recognise", "labels, objects with boxes and quality, as recognition.json"),
        ("recognise?features=objects,faces&annotated", "objects and faces, and the picture with their boxes drawn in"),
        ("recognise?features=text", "what is written in the picture, each word with its place"),
        ("recognise?features=similar", "the picture's embedding, for a search for similar ones"),
        ("recognise?engine=rekognition&features=labels,faces", "what Amazon Rekognition sees: two calls, 0.002 USD"),
        ("recognise?effort=3&min-confidence=0.2", "more objects, small ones too, for several times the work"),
    ];
    const PROFILE: Profile = Profile {
        fast_path: Some(FastPath::of(20, 700, 60)),
        relative_cost: 2,
        engines: &[Engine::Native, Engine::Rekognition],
        weights: &[
            "onnxruntime",
            "image-labels",
            "image-objects",
            "image-small-objects",
            "image-faces-proposals",
            "image-faces-refinement",
            "image-faces-landmarks",
            "ocr-detection",
            "ocr-recognition",
            "ocr-line-direction",
            "ocr-page-direction",
            "image-moderation",
        ],
        ..Profile::of(
            Format::of_kind(MediaKind::Image),
            &["application/json", "image/jpeg"],
            [(2, 4), (4, 16), (4, 30), (8, 60)],
        )
    };

    fn validate(&self) -> Result<(), String> {
        let repeated = |at: usize| self.features[..at].contains(&self.features[at]);
        if (0..self.features.len()).any(repeated) {
            return Err("features may name each only once".to_owned());
        }
        if self.engine == RecogniseEngine::Rekognition {
            if self.features.contains(&Feature::Similar) {
                let message = "features=similar is not known to Rekognition; leave it out, or take engine=native";
                return Err(message.to_owned());
            }
            if self.effort > 1 {
                let message =
                    format!("effort={} is for engine=native; leave it out with engine=rekognition", self.effort);
                return Err(message);
            }
            if self.allowances().is_empty() {
                let message =
                    "engine=rekognition has nothing to look for: quality is measured without it; leave it out";
                return Err(message.to_owned());
            }
        }
        Ok(())
    }

    fn engine(&self) -> Engine {
        match self.engine {
            RecogniseEngine::Auto if self.allowances().is_empty() => Engine::Native,
            RecogniseEngine::Native => Engine::Native,
            RecogniseEngine::Rekognition | RecogniseEngine::Auto => Engine::Rekognition,
        }
    }

    fn allowances(&self) -> Vec<Allowance> {
        if self.engine == RecogniseEngine::Native {
            return Vec::new();
        }
        let mut allowances: Vec<Allowance> = Vec::new();
        for service in self.features.iter().filter_map(|feature| feature.service()) {
            if allowances.iter().all(|allowed| allowed.service != service) {
                allowances.push(Allowance { service, calls: 1 });
            }
        }
        allowances
    }

    fn fast_path(&self) -> Option<FastPath> {
        // Objects are looked for so often in so many parts.
        let looks = [1, 2, 6][usize::from(self.effort.clamp(1, 3)) - 1];
        Self::PROFILE.fast_path.map(|one| one.times(looks))
    }

    fn weights(&self) -> Vec<&'static str> {
        let mut names: Vec<&str> = Vec::new();
        if self.engine == RecogniseEngine::Rekognition {
            return names;
        }
        for name in self.features.iter().flat_map(|feature| feature.weights()) {
            if !names.contains(name) {
                names.push(name);
            }
        }
        if !names.is_empty() {
            names.insert(0, "onnxruntime");
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use crate::Operations;

    #[test]
    fn only_the_weights_of_the_features_are_needed() {
        let weights = |text: &str| text.parse::<Operations>().unwrap().first().weights();
        assert_eq!(weights("recognise?features=quality"), Vec::<&str>::new());
        assert_eq!(weights("recognise?features=similar,labels"), ["onnxruntime", "image-labels"]);
        let usual = ["onnxruntime", "image-labels", "image-objects", "image-small-objects"];
        assert_eq!(weights("recognition"), usual);
        assert_eq!(weights("recognise?features=moderation"), ["onnxruntime", "image-moderation"]);
    }

    #[test]
    fn every_network_of_a_feature_is_in_the_profile() {
        use clap::ValueEnum as _;

        let profile = crate::Declaration::named("recognise").unwrap().profile;
        for feature in super::Feature::value_variants() {
            assert!(feature.weights().iter().all(|name| profile.weights.contains(name)), "{feature:?}");
        }
    }

    #[test]
    fn a_confidence_is_a_share_and_reads_as_it_was_written() {
        let operations: Operations = "recognise?min-confidence=0.25".parse().unwrap();
        assert_eq!(operations.to_string(), "recognise?min-confidence=0.25");
        for wrong in ["30", "-1", "nan", "much", "1.01"] {
            let rejection = format!("recognise?min-confidence={wrong}").parse::<Operations>().unwrap_err().to_string();
            assert!(rejection.contains("a number from 0 to 1"), "{rejection}");
        }
    }

    #[test]
    fn what_no_network_sees_is_refused_with_what_can_be_looked_for() {
        let rejection = "recognise?features=captions".parse::<Operations>().unwrap_err().to_string();
        assert!(rejection.contains("allowed: labels, objects, faces"), "{rejection}");
        assert!("recognise?features=labels,labels".parse::<Operations>().is_err());
    }
}
