//! The four kinds of media, each with its queue, its job and its container image.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an upload is. Everything that exists once per kind (queue, crate, image, Terraform's `kinds` map) follows from
/// this list.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// PDF, office documents, e-books, HTML and text.
    Document,
    /// Raster and vector images.
    Image,
    /// 3D models.
    Model,
    /// Video containers.
    Video,
}

impl MediaKind {
    /// Every kind, in the order of their names.
    pub const ALL: [Self; 4] = [Self::Document, Self::Image, Self::Model, Self::Video];

    /// The kind's one word: in events, tables, metrics, tags and Terraform's map.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Image => "image",
            Self::Model => "model",
            Self::Video => "video",
        }
    }

    /// The environment variable that holds the URL of the kind's queue.
    pub const fn queue_variable(self) -> &'static str {
        match self {
            Self::Document => "SQS_DOCUMENT",
            Self::Image => "SQS_PICTURE",
            Self::Model => "SQS_3D_FILE",
            Self::Video => "SQS_VIDEO",
        }
    }

    /// The crate, the binary, the container image and the Batch job definition of the kind.
    pub const fn job_name(self) -> &'static str {
        match self {
            Self::Document => "document-job",
            Self::Image => "image-job",
            Self::Model => "model-job",
            Self::Video => "video-job",
        }
    }

    /// What is done with an upload for which nobody asked for anything, as a processing-option.
    pub const fn default_processing_option(self) -> &'static str {
        match self {
            Self::Document => "text",
            Self::Image => "resize?width=1600&without-enlargement=true&format=webp",
            Self::Model => "optimise",
            Self::Video => "keyframes",
        }
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no [`MediaKind`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown kind {0:?}; the kinds are document, image, model and video")]
pub struct UnknownKind(pub String);

impl FromStr for MediaKind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == word).ok_or_else(|| UnknownKind(word.to_owned()))
    }
}
