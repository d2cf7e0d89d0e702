use clap::Args;
use serde::Serialize;

use super::image_encoding::{self, ImageEncoding, ImageFormat, Rgba};
use crate::FastPath;
use crate::operation::Options;
use crate::profile::Profile;

/// Writes an image in another format, at its own size.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Convert {
    /// Format of the result
    #[arg(long, value_enum, default_value_t = ImageFormat::Webp)]
    pub format: ImageFormat,
    /// Colour of transparent pixels if the format has no transparency
    #[arg(long, value_name = "RRGGBB[AA]", default_value = "white")]
    pub background: Rgba,
    /// How input is read and results are written.
    #[command(flatten)]
    #[serde(flatten)]
    pub encoding: ImageEncoding,
}

impl Options for Convert {
    const NAME: &'static str = "convert";
    const ABOUT: &'static str = "Write an image in another format, at its own size";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("convert?format=avif", "the smallest file"),
        ("convert?format=jpeg&quality=90&progressive", "JPEG that shows early"),
        ("convert?format=png&metadata=keep&colour=keep", "nothing lost"),
    ];
    const PROFILE: Profile = image_encoding::PROFILE;

    fn fast_path(&self) -> Option<FastPath> {
        self.encoding.fast_path(self.format)
    }
}
