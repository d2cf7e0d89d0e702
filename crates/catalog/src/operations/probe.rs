use clap::Args;
use serde::Serialize;

use super::keyframes::RESOURCES;
use crate::operation::Options;
use crate::profile::{Access, Profile};
use crate::{FastPath, Format, MediaKind};

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
    const PROFILE: Profile = Profile {
        also_accepts: Format::ANIMATIONS,
        access: Access::Ranged,
        relative_cost: 10,
        fast_path: Some(FastPath::of_any_size(600)),
        ..Profile::of(Format::of_kind(MediaKind::Video), &["application/json"], RESOURCES)
    };
}
