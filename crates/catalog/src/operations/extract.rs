use clap::{ArgAction, Args};
use serde::Serialize;

use crate::operation::Options;
use crate::profile::Profile;
use crate::{FastPath, Format, MediaKind};

/// Tells what an image is, what it says about itself and what it looks like.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Extract {
    /// Most dominant colours to list
    #[arg(long, alias = "colors", value_name = "1-16", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub colours: u8,
    /// Decode as much of a truncated file as possible instead of failing; the facts then say `truncated`
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub allow_truncated: bool,
    /// Refuse inputs with more megapixels (all frames together), whatever their file size
    #[arg(long, value_name = "MEGAPIXELS", default_value_t = 268, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub max_megapixels: u32,
}

impl Options for Extract {
    const NAME: &'static str = "extract";
    const ABOUT: &'static str = "Extract the facts about an image: size, colours, EXIF, XMP, IPTC, a perceptual hash";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("extract", "everything that is known of an image, as JSON"),
        ("extract?colours=1", "the same with one dominant colour"),
    ];
    const PROFILE: Profile = Profile {
        fast_path: Some(FastPath::of(20, 250, 60)),
        ..Profile::of(Format::of_kind(MediaKind::Image), &["application/json"], [(2, 4), (4, 16), (4, 30), (8, 60)])
    };
}
