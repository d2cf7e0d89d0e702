//! What an operation may ask of managed services while it works: a closed list, with what each costs.

use serde::{Deserialize, Serialize};

use crate::Engine;

/// One call of a managed service. The worker asks its parent, which has the credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// What a picture shows (Rekognition, DetectLabels).
    Labels,
    /// Where faces are (Rekognition, DetectFaces).
    Faces,
    /// What is written in a picture (Rekognition, DetectText).
    Words,
    /// What may be unfit to be shown (Rekognition, DetectModerationLabels).
    Moderation,
    /// The text of a page (Textract, DetectDocumentText).
    PageText,
    /// The languages of a text (Comprehend, DetectDominantLanguage).
    Languages,
    /// People, organisations and places (Comprehend, DetectEntities).
    Names,
    /// Key phrases (Comprehend, DetectKeyPhrases).
    Phrases,
    /// What a text feels like (Comprehend, DetectSentiment).
    Sentiment,
}

/// How often an operation may ask a service: what a decoder that is taken over could make somebody pay for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// What it may ask.
    pub service: Service,
    /// How often.
    pub calls: u32,
}

impl Service {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::Labels,
        Self::Faces,
        Self::Words,
        Self::Moderation,
        Self::PageText,
        Self::Languages,
        Self::Names,
        Self::Phrases,
        Self::Sentiment,
    ];

    /// The engine that answers.
    pub const fn engine(self) -> Engine {
        match self {
            Self::Labels | Self::Faces | Self::Words | Self::Moderation => Engine::Rekognition,
            Self::PageText => Engine::Textract,
            Self::Languages | Self::Names | Self::Phrases | Self::Sentiment => Engine::Comprehend,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Operations;

    #[test]
    fn an_operation_asks_only_the_engine_that_its_options_choose_and_that_its_profile_names() {
        for text in [
            "recognise?engine=rekognition&features=labels,faces,moderation",
            "recognise?engine=auto",
            "text?engine=textract",
            "text?ocr=textract",
            "analyse?engine=comprehend",
        ] {
            let operations: Operations = text.parse().unwrap();
            let operation = operations.first();
            assert!(operation.profile().engines.contains(&operation.engine()), "{text}");
            let asked = operation.allowances();
            assert!(!asked.is_empty(), "{text}");
            assert!(
                asked.iter().all(|asked| asked.service.engine() == operation.engine() && asked.calls > 0),
                "{text}"
            );
        }
        for declaration in crate::OPERATIONS {
            let kind = declaration.kinds().next().expect("it accepts something");
            let operations = Operations::parse_for(kind, declaration.examples[0].0).unwrap();
            assert_eq!(operations.first().engine(), Engine::Native, "{}", declaration.name);
            assert!(operations.first().allowances().is_empty(), "{}", declaration.name);
        }
    }
}
