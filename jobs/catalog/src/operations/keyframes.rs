use clap::Args;
use serde::Serialize;

use crate::operation::Options;

/// Extracts a video's key frames.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Keyframes {}

impl Options for Keyframes {
    const NAME: &'static str = "keyframes";
    const ABOUT: &'static str = "Extract a video's key frames";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[("keyframes", "every key frame as JPEG")];
}
