use clap::Args;
use serde::Serialize;

use crate::operation::Options;

/// Says what is in a video.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Probe {}

impl Options for Probe {
    const NAME: &'static str = "probe";
    const ABOUT: &'static str =
        "Say what is in a video: streams, codecs, duration, frame rate, HDR, rotation, chapters";
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("probe", "streams, chapters and how the file is laid out, as JSON")];
}
