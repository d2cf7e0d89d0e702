use clap::Args;
use serde::Serialize;

use crate::operation::Options;

/// Encodes a video anew.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Transcode {}

impl Options for Transcode {
    const NAME: &'static str = "transcode";
    const ABOUT: &'static str = "Encode a video anew, to one file or a ladder";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[("transcode", "MP4 with H.264 and AAC")];
}
