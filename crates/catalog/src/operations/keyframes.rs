use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};
use serde::{Serialize, Serializer};

use crate::operation::Options;
use crate::profile::{Access, Profile};
use crate::{FastPath, Format};

/// Extracts pictures of a video: its key frames, or some of them.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Keyframes {
    /// Which frames: `all` key frames; `every=SECONDS`, the key frame at or before each such time; `count=N` key
    /// frames spread evenly; `scene` or `scene=SCORE`, the first frame of each scene (reads and decodes everything)
    #[arg(long, value_name = "all|every=SECONDS|count=N|scene[=0-1]", default_value_t = Select::All)]
    pub select: Select,
    /// Format of the frames
    #[arg(long, value_enum, default_value_t = FrameFormat::Jpeg)]
    pub format: FrameFormat,
    /// Quality of the frames, 1 (smallest) to 100 (best)
    #[arg(long, value_name = "1-100", default_value_t = 82, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: u8,
    /// Shrink wider frames to this width in pixels; the height keeps the aspect ratio
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(16..=16384))]
    pub max_width: Option<u32>,
    /// Width of a thumbnail in the sprite sheets; 0 writes neither sprite sheets nor a WebVTT track
    #[arg(long, value_name = "PIXELS", default_value_t = 160, value_parser = clap::value_parser!(u32).range(0..=640))]
    pub sprite_width: u32,
    /// Write at most this many frames; if a video has more, frames are left out evenly and the manifest reports it
    #[arg(long, value_name = "FRAMES", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_frames: u32,
    /// Read as much of a truncated or damaged video as possible instead of failing; the index lists what is missing
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub allow_truncated: bool,
}

/// Which frames are extracted, written `all`, `every=10`, `count=20`, `scene` or `scene=0.4`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Select {
    /// Every key frame.
    All,
    /// The key frame at or before each multiple of so many seconds.
    Every(f64),
    /// So many key frames, spread evenly over the duration.
    Count(u32),
    /// The first frame of each scene: where the score of change, 0 to 1, exceeds this.
    Scene(f64),
}

/// vCPUs and GiB of memory for work on some frames of a video, whose size hardly matters.
pub(super) const RESOURCES: [(u32, u32); 4] = [(1, 2), (2, 4), (2, 4), (2, 4)];

/// The score above which a change is taken for a cut.
const DEFAULT_SCENE_SCORE: f64 = 0.3;

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Every(seconds) => write!(f, "every={seconds}"),
            Self::Count(count) => write!(f, "count={count}"),
            Self::Scene(DEFAULT_SCENE_SCORE) => f.write_str("scene"),
            Self::Scene(score) => write!(f, "scene={score}"),
        }
    }
}

impl FromStr for Select {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, value) = text.split_once('=').map_or((text, None), |(word, value)| (word, Some(value)));
        let number = |allowed: std::ops::RangeInclusive<f64>| {
            let number = value.and_then(|value| value.parse::<f64>().ok()).filter(|number| allowed.contains(number));
            number.ok_or_else(|| format!("{word}= takes a number from {} to {}", allowed.start(), allowed.end()))
        };
        match (word, value) {
            ("all", None) => Ok(Self::All),
            ("every", _) => Ok(Self::Every(number(0.1..=86400.0)?)),
            ("count", _) => match value.and_then(|value| value.parse().ok()) {
                Some(count @ 1..=100_000) => Ok(Self::Count(count)),
                _ => Err("count= takes a whole number from 1 to 100000".to_owned()),
            },
            ("scene", None) => Ok(Self::Scene(DEFAULT_SCENE_SCORE)),
            ("scene", _) => Ok(Self::Scene(number(0.01..=1.0)?)),
            _ => Err("allowed: all, every=SECONDS, count=N, scene, scene=SCORE".to_owned()),
        }
    }
}

impl Serialize for Select {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Formats that frames are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum FrameFormat {
    /// JPEG
    Jpeg,
    /// WebP, lossy
    Webp,
}

impl FrameFormat {
    /// The usual file name extension.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }

    /// The registered media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

impl Options for Keyframes {
    const NAME: &'static str = "keyframes";
    const ABOUT: &'static str =
        "Extract a video's key frames, with an index, sprite sheets and a WebVTT thumbnail track";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("keyframes", "every key frame as JPEG"),
        ("keyframes?select=every=10&max-width=640", "one every ten seconds, from a few percent of the bytes"),
        ("keyframes?select=count=20&format=webp", "twenty, spread evenly, as WebP"),
        ("keyframes?select=scene", "the first frame of each scene"),
    ];
    const PROFILE: Profile = Profile {
        also_accepts: Format::ANIMATIONS,
        access: Access::Ranged,
        relative_cost: 10,
        fast_path: Some(FastPath::of(2048, 900, 0)),
        ..Profile::of(Format::with_pictures(), &["image/jpeg", "image/webp", "application/json", "text/vtt"], RESOURCES)
    };

    /// A few frames, each of which is a range that is asked for when it is decoded.
    fn fast_path(&self) -> Option<FastPath> {
        const MOST: u32 = 48;
        match self.select {
            Select::Count(count) if count <= MOST => Self::PROFILE
                .fast_path
                .map(|one| FastPath { milliseconds: one.milliseconds + 120 * u64::from(count), ..one }),
            Select::Count(_) | Select::All | Select::Every(_) | Select::Scene(_) => None,
        }
    }

    /// Key frames alone are read and decoded: 28.5 processor-seconds for a GB of them all (docs/cost/load.toml). Scenes need every
    /// frame.
    fn expected(&self, bytes: u64) -> Option<Duration> {
        let of_all = FastPath { max_bytes: u64::MAX, ..FastPath::of(0, 900, 30) };
        match self.select {
            Select::All | Select::Every(_) => Some(of_all.expected(bytes)),
            Select::Count(count) => {
                let of_these = Duration::from_millis(900 + 120 * u64::from(count));
                Some(of_all.expected(bytes).min(of_these))
            }
            Select::Scene(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_frames_of_a_long_video_are_short_work_and_scenes_are_not() {
        let expected = |select: &str| {
            let operations: crate::Operations = format!("keyframes?select={select}").parse().unwrap();
            operations.first().expected(500_000_000).map(|time| time.as_secs())
        };
        assert_eq!(["all", "every=10", "count=20", "scene"].map(expected), [Some(15), Some(15), Some(3), None]);
    }

    #[test]
    fn every_selection_is_printed_as_it_is_read() {
        for text in ["all", "every=10", "every=0.5", "count=20", "scene", "scene=0.4"] {
            assert_eq!(text.parse::<Select>().unwrap().to_string(), text);
        }
        for text in ["", "al", "all=1", "every", "every=0", "every=x", "every=NaN", "count=0", "count=1.5", "scene=2"] {
            assert!(text.parse::<Select>().is_err(), "{text}");
        }
    }
}
