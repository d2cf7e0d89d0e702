use clap::Args;
use serde::Serialize;

use crate::operation::Options;

/// Extracts a document's text.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Text {
    /// Password of an encrypted PDF; the empty one is always tried
    #[arg(long, value_name = "PASSWORD")]
    pub password: Option<String>,
}

impl Options for Text {
    const NAME: &'static str = "text";
    const ABOUT: &'static str = "Extract a document's text, in reading order";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[("text", "text, words with boxes, and Markdown")];
}
