use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{PageRanges, Password};
use crate::operation::Options;
use crate::profile::{Engine, Profile};
use crate::{Allowance, Format, MediaKind, Service};

/// Finds out what a document is about.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Analyse {
    /// What to find out. Names, sentiment, topics and embeddings need networks, which docs/weights.md describes
    #[arg(long, value_enum, value_name = "FEATURE,…", value_delimiter = ',', default_values_t = AnalyseFeature::ALL)]
    pub features: Vec<AnalyseFeature>,
    /// Who finds names, phrases, sentiment and languages: this project (native), Amazon Comprehend, which is paid for each 100
    /// characters and feature (docs/engines.md), or Comprehend and, where it cannot be had, this project (auto). What else there is
    /// to find is always found here
    #[arg(long, value_enum, default_value_t = AnalyseEngine::Native)]
    pub engine: AnalyseEngine,
    /// About how many tokens a chunk has at most; the usual networks read up to 512
    #[arg(long, value_name = "COUNT", default_value_t = 320, value_parser = clap::value_parser!(u16).range(32..=2048))]
    pub chunk_tokens: u16,
    /// Most key phrases
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub max_phrases: u16,
    /// Sentences of the summary
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=50))]
    pub summary_sentences: u8,
    /// Find the chunks that answer a question, by its words and its meaning: at most 500 characters
    #[arg(long, value_name = "TEXT")]
    pub query: Option<String>,
    /// Write the embeddings into these as well: embeddings.npy, embeddings.arrow
    #[arg(long, value_enum, value_name = "FORMAT,…", value_delimiter = ',')]
    pub embedding_files: Vec<EmbeddingFile>,
    /// Pages to read, such as 1-5,8,12-; sheets, slides or chapters of documents without pages
    #[arg(long, value_name = "RANGES")]
    pub pages: Option<PageRanges>,
    /// Maximum number of pages to read; the result reports if there are more
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_pages: u32,
    /// Password of an encrypted PDF; the empty one is always tried. It is never published
    #[arg(long, value_name = "PASSWORD")]
    pub password: Option<Password>,
}

/// Who finds out what a document is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum AnalyseEngine {
    /// This project
    Native,
    /// Amazon Comprehend
    Comprehend,
    /// Amazon Comprehend, and this project where it fails; the result says so
    Auto,
}

/// What can be found out about a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum AnalyseFeature {
    /// Parts for retrieval, by headings and length, with their pages and boxes
    Chunks,
    /// A vector of 384 numbers for each chunk (multilingual-e5-small): texts with the same meaning are near each other
    Embeddings,
    /// Dates, amounts, e-mail and web addresses, telephone numbers, IBAN, card and VAT numbers and other identifiers, by rule and
    /// checksum, in every language
    Entities,
    /// People, organisations, places and fifteen further types in English text
    Names,
    /// Phrases that are typical of the document
    Phrases,
    /// Sentences that sum the document up, with their places
    Summary,
    /// Whether the document and each chunk are positive, neutral or negative
    Sentiment,
    /// The nearest of the seventeen topics of the IPTC
    Topics,
    /// The languages of the document and of each chunk
    Languages,
    /// What tells whether other documents are the same or nearly so
    Fingerprint,
}

impl AnalyseFeature {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Chunks,
        Self::Embeddings,
        Self::Entities,
        Self::Names,
        Self::Phrases,
        Self::Summary,
        Self::Sentiment,
        Self::Topics,
        Self::Languages,
        Self::Fingerprint,
    ];

    /// What Comprehend is asked for it.
    fn service(self) -> Option<Service> {
        match self {
            Self::Names => Some(Service::Names),
            Self::Phrases => Some(Service::Phrases),
            Self::Sentiment => Some(Service::Sentiment),
            Self::Languages => Some(Service::Languages),
            Self::Chunks | Self::Embeddings | Self::Entities | Self::Summary | Self::Topics | Self::Fingerprint => None,
        }
    }

    /// The networks that find it out.
    fn weights(self) -> &'static [&'static str] {
        match self {
            Self::Embeddings | Self::Sentiment | Self::Topics => EMBEDDING,
            Self::Names => &["text-names"],
            Self::Chunks | Self::Entities | Self::Phrases | Self::Summary | Self::Languages | Self::Fingerprint => &[],
        }
    }
}

/// What makes embeddings.
const EMBEDDING: &[&str] = &["onnxruntime", "text-encoder", "text-vocabulary"];

/// Calls of Comprehend for one document and feature: 10 million characters as names, 10 MB as sentiment.
const MOST_CALLS: u32 = 2000;

/// Characters of a question: what the network reads of one.
const LONGEST_QUERY: usize = 500;

/// A file of embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum EmbeddingFile {
    /// An array of NumPy, a row for each chunk
    Npy,
    /// A table of Arrow (Feather) with the chunks' numbers, pages and texts
    Arrow,
}

impl Analyse {
    /// Whether embeddings are made, for whatever they are needed.
    pub fn needs_embeddings(&self) -> bool {
        self.query.is_some()
            || !self.embedding_files.is_empty()
            || self.native_features().any(|feature| feature.weights() == EMBEDDING)
    }

    /// What this project finds out itself, if the engine answers.
    fn native_features(&self) -> impl Iterator<Item = AnalyseFeature> {
        let is_asked = self.engine == AnalyseEngine::Comprehend;
        self.features.iter().copied().filter(move |feature| !is_asked || feature.service().is_none())
    }
}

impl Options for Analyse {
    const NAME: &'static str = "analyse";
    const ALIASES: &'static [&'static str] = &["analyze", "semantics", "semantic-analysis"];
    const ABOUT: &'static str =
        "Find out what a document is about: chunks, entities, key phrases, a summary, languages";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("analyse", "all of it, as semantics.json"),
        ("analyse?features=entities&pages=1-2", "what the first two pages name, with places"),
        ("analyse?features=chunks,languages&chunk-tokens=200", "short chunks for retrieval, without a network"),
        ("analyse?features=chunks&query=deadline", "the chunks that answer a question first, in matches"),
        ("analyse?engine=comprehend&features=names,sentiment", "names and sentiment by Amazon Comprehend"),
        ("analyse?features=embeddings&embedding-files=arrow", "embeddings in the document and as embeddings.arrow"),
    ];
    const SECRETS: &'static [&'static str] = &["password"];
    const PROFILE: Profile = Profile {
        relative_cost: 4,
        engines: &[Engine::Native, Engine::Comprehend],
        weights: &["onnxruntime", "text-encoder", "text-vocabulary", "text-names"],
        ..Profile::of(
            Format::of_kind(MediaKind::Document),
            &["application/json", "application/x-npy", "application/vnd.apache.arrow.file"],
            [(1, 2), (2, 4), (2, 16), (4, 30)],
        )
    };

    fn validate(&self) -> Result<(), String> {
        let repeated = |at: usize| self.features[..at].contains(&self.features[at]);
        if (0..self.features.len()).any(repeated) {
            return Err("features may name each only once".to_owned());
        }
        if self.embedding_files.iter().enumerate().any(|(at, file)| self.embedding_files[..at].contains(file)) {
            return Err("embedding-files may name each only once".to_owned());
        }
        let length = self.query.as_ref().map_or(0, |query| query.chars().count());
        if length > LONGEST_QUERY {
            return Err(format!("query has {length} characters; at most {LONGEST_QUERY} are read"));
        }
        if self.query.as_ref().is_some_and(|query| query.trim().is_empty()) {
            return Err("query is empty; give a question or words to look for".to_owned());
        }
        if self.engine == AnalyseEngine::Comprehend && self.allowances().is_empty() {
            let message = "engine=comprehend finds names, phrases, sentiment and languages; name one of them, or take engine=native";
            return Err(message.to_owned());
        }
        Ok(())
    }

    fn engine(&self) -> Engine {
        match self.engine {
            AnalyseEngine::Auto if self.allowances().is_empty() => Engine::Native,
            AnalyseEngine::Native => Engine::Native,
            AnalyseEngine::Comprehend | AnalyseEngine::Auto => Engine::Comprehend,
        }
    }

    fn allowances(&self) -> Vec<Allowance> {
        if self.engine == AnalyseEngine::Native {
            return Vec::new();
        }
        let services = self.features.iter().filter_map(|feature| feature.service());
        services.map(|service| Allowance { service, calls: MOST_CALLS }).collect()
    }

    fn weights(&self) -> Vec<&'static str> {
        let of_embeddings: &[&str] = if self.needs_embeddings() { EMBEDDING } else { &[] };
        let of_features = self.native_features().flat_map(AnalyseFeature::weights);
        let mut names: Vec<&str> = of_embeddings.to_vec();
        for name in of_features {
            if !names.contains(name) {
                names.push(name);
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use crate::Operations;

    #[test]
    fn features_are_named_once_each() {
        assert!("analyze?features=chunks,entities".parse::<Operations>().is_ok());
        let refused = "semantics?features=chunks,chunks".parse::<Operations>().unwrap_err().to_string();
        assert!(refused.contains("only once"), "{refused}");
        let long = format!("analyse?query={}", "a".repeat(501));
        assert!(long.parse::<Operations>().unwrap_err().to_string().contains("501 characters"));
        assert!("semantic-analysis?features=moods".parse::<Operations>().is_err());
    }

    #[test]
    fn only_the_weights_of_the_features_are_needed() {
        let weights = |text: &str| text.parse::<Operations>().unwrap().first().weights();
        assert_eq!(weights("analyse?features=chunks,entities,phrases"), Vec::<&str>::new());
        assert_eq!(weights("analyse?features=names"), ["text-names"]);
        let of_embeddings = ["onnxruntime", "text-encoder", "text-vocabulary"];
        assert_eq!(weights("analyse?features=sentiment"), of_embeddings);
        assert_eq!(weights("analyse?features=chunks&query=why"), of_embeddings);
        let declared = crate::Declaration::named("analyse").unwrap().profile.weights;
        assert_eq!(weights("analyse"), declared);
    }
}
