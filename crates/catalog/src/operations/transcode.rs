use std::fmt;
use std::str::FromStr;

use clap::{ArgAction, Args, ValueEnum};
use serde::{Serialize, Serializer};

use super::keyframes::RESOURCES;
use crate::operation::Options;
use crate::profile::{Access, Engine, ExecutorClass, Profile, ResourcesBySize, Sharding};
use crate::{Format, spoken_language};

/// Encodes a video again: to one file, or to a ladder of renditions for adaptive streaming, from one decode.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Transcode {
    /// Container to write
    #[arg(long, value_enum, default_value_t = Container::Mp4)]
    pub container: Container,
    /// Video codec. Default: H.264, in WebM VP9
    #[arg(long, value_enum)]
    pub codec: Option<VideoCodec>,
    /// Constant rate factor: lower is better and larger. Default: 23 for H.264, 28 for H.265, 32 for VP9, 35 for AV1
    #[arg(long, value_name = "0-63", value_parser = clap::value_parser!(u8).range(0..=63))]
    pub crf: Option<u8>,
    /// Average bit rate of the video instead of a rate factor
    #[arg(long, value_name = "KBIT/S", value_parser = clap::value_parser!(u32).range(16..=500_000))]
    pub bitrate: Option<u32>,
    /// Effort: slower is smaller
    #[arg(long, value_enum, default_value_t = Preset::Medium)]
    pub preset: Preset,
    /// Shrink higher pictures to this height in pixels; the width keeps the aspect ratio
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(16..=8640))]
    pub max_height: Option<u32>,
    /// Heights of a ladder's renditions (widths of portrait video: 720 gives 1280×720 or 720×1280). Renditions larger
    /// than the source are left out
    #[arg(long, value_name = "PIXELS,…", value_delimiter = ',', default_value = "1080,720,480,360",
          value_parser = clap::value_parser!(u32).range(16..=8640))]
    pub heights: Vec<u32>,
    /// Frames per second; by default every frame keeps its time (variable frame rates are kept)
    #[arg(long, value_name = "FRAMES", value_parser = clap::value_parser!(u32).range(1..=240))]
    pub frame_rate: Option<u32>,
    /// Seconds of a ladder's segment; all renditions have key frames at its multiples
    #[arg(long, value_name = "SECONDS", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub segment_duration: u32,
    /// Also write a DASH manifest, over the same segments as the HLS playlists
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub dash: bool,
    /// Bit rate of a stereo audio track; tracks with more channels get this much for each pair of channels
    #[arg(long, value_name = "KBIT/S", default_value_t = 128, value_parser = clap::value_parser!(u32).range(16..=512))]
    pub audio_bitrate: u32,
    /// Normalise audio to this loudness, in LUFS, in two passes (EBU R 128); -23 is usual in broadcasting, -16 on the
    /// web
    #[arg(long, value_name = "LUFS", allow_negative_numbers = true, value_parser = clap::value_parser!(i8).range(-70..=-5))]
    pub loudness: Option<i8>,
    /// How to handle high dynamic range
    #[arg(long, value_enum, default_value_t = Hdr::ToneMap)]
    pub hdr: Hdr,
    /// Encode this many chunks of the video in parallel, each starting at a key frame, and merge them: `off`, `auto`
    /// (as many as
    /// there are processors, if the video is long enough) or a number. On AWS each chunk of a video of 512 MiB and
    /// more has a container of its own; `auto` is one for every 256 MiB there, at most 64
    #[arg(long, value_name = "off|auto|2-64", default_value_t = Chunks::Off)]
    pub chunks: Chunks,
    /// Leave subtitles out
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub no_subtitles: bool,
    /// Write down what is said, and add it as a track of subtitles: `auto`, or the language as a code or an English name. The
    /// operation `caption` has more options and writes files
    #[arg(long, value_name = "auto|LANGUAGE")]
    pub captions: Option<String>,
    /// Read as much of a truncated or damaged video as possible instead of failing; the manifest then has `truncated`
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub allow_truncated: bool,
    /// Who encodes: this project (native), or AWS Elemental MediaConvert, which is paid for each minute of each output
    /// (docs/engines.md) and reads its input from S3
    #[arg(long, value_enum, default_value_t = TranscodeEngine::Native)]
    pub engine: TranscodeEngine,
    /// An object in S3 with settings of a MediaConvert job as JSON, for what no option here says; what options say goes before them
    #[arg(long, value_name = "s3://BUCKET/KEY")]
    pub mediaconvert_settings: Option<String>,
}

/// Lines of a picture, by MediaConvert's service model.
const SMALLEST_HEIGHT: u32 = 32;
/// LUFS, by the same.
const QUIETEST: i8 = -59;

/// A shard is some minutes of high definition.
const SHARDING: Sharding =
    Sharding { bytes_per_shard: 256 << 20, max_shards: 64, merge: ResourcesBySize::of(RESOURCES) };

/// Who encodes a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum TranscodeEngine {
    /// This project
    Native,
    /// AWS Elemental MediaConvert
    Mediaconvert,
}

/// What a transcode writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Container {
    /// MP4 with its index in front, to play while it loads
    Mp4,
    /// WebM
    Webm,
    /// HLS over CMAF segments: a ladder of renditions
    Hls,
}

/// Codecs that video is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum VideoCodec {
    /// H.264: plays everywhere
    H264,
    /// H.265: smaller, plays on newer devices
    H265,
    /// VP9: free, plays in browsers
    Vp9,
    /// AV1: smallest
    Av1,
}

/// Effort of an encoder; the words of x264.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Fastest
    Ultrafast,
    /// Very fast
    Veryfast,
    /// Fast
    Fast,
    /// The default
    Medium,
    /// Slow
    Slow,
    /// Very slow
    Veryslow,
}

/// What happens to high dynamic range (PQ or HLG).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Hdr {
    /// Map it to standard dynamic range (BT.709)
    ToneMap,
    /// Keep it; needs h265, vp9 or av1
    Keep,
}

/// How many parts of a video are encoded at once, written `off`, `auto` or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chunks {
    /// The video is encoded from its beginning to its end.
    Off,
    /// As many as there are processors, where the video is long enough.
    Auto,
    /// This many.
    Count(u32),
}

impl fmt::Display for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Auto => f.write_str("auto"),
            Self::Count(count) => write!(f, "{count}"),
        }
    }
}

impl FromStr for Chunks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("off", _) => Ok(Self::Off),
            ("auto", _) => Ok(Self::Auto),
            (_, Ok(count @ 2..=64)) => Ok(Self::Count(count)),
            _ => Err("takes off, auto or a whole number from 2 to 64".to_owned()),
        }
    }
}

impl Chunks {
    /// How many containers share the work on so many bytes; none where one does it.
    pub(super) fn shards(self, bytes: u64, sharding: &Sharding) -> Option<u32> {
        let by_size = bytes / sharding.bytes_per_shard;
        match self {
            _ if by_size < 2 => None,
            Self::Off => None,
            Self::Auto => Some(u32::try_from(by_size).unwrap_or(u32::MAX).min(sharding.max_shards)),
            Self::Count(count) => Some(count),
        }
    }
}

impl Serialize for Chunks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Transcode {
    /// What MediaConvert cannot do of it, and what would.
    fn check_for_mediaconvert(&self) -> Result<(), String> {
        if self.chunks != Chunks::Off {
            return Err("MediaConvert divides its work itself; leave out chunks, or take engine=native".to_owned());
        }
        if self.captions.is_some() {
            return Err(
                "MediaConvert does not write down what is said; leave out captions, or take engine=native".to_owned()
            );
        }
        if self.allow_truncated {
            return Err(
                "MediaConvert reads no damaged videos; leave out allow-truncated, or take engine=native".to_owned()
            );
        }
        let smallest = self.heights.iter().chain(&self.max_height).min().copied().unwrap_or(u32::MAX);
        if smallest < SMALLEST_HEIGHT {
            return Err(format!("MediaConvert writes pictures of {SMALLEST_HEIGHT} to 8192 lines, not of {smallest}"));
        }
        if self.codec() == VideoCodec::Vp9 && self.bitrate.is_none() {
            return Err("MediaConvert writes VP9 at a bit rate only; give bitrate, or take engine=native".to_owned());
        }
        if self.loudness.is_some_and(|loudness| loudness < QUIETEST) {
            return Err(format!("MediaConvert normalises audio to {QUIETEST} LUFS at least; take engine=native"));
        }
        let is_in_s3 = |location: &String| location.strip_prefix("s3://").is_some_and(|rest| rest.contains('/'));
        if self.mediaconvert_settings.as_ref().is_some_and(|location| !is_in_s3(location)) {
            return Err("mediaconvert-settings names an object in S3, such as s3://settings/job.json".to_owned());
        }
        Ok(())
    }

    /// The codec that is written.
    pub fn codec(&self) -> VideoCodec {
        self.codec.unwrap_or(match self.container {
            Container::Mp4 | Container::Hls => VideoCodec::H264,
            Container::Webm => VideoCodec::Vp9,
        })
    }
}

impl Options for Transcode {
    const NAME: &'static str = "transcode";
    const ABOUT: &'static str = "Encode a video again, to one file or to a ladder of renditions from one decode";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("transcode", "MP4 with H.264 and AAC"),
        ("transcode?container=webm&max-height=720", "WebM with VP9 and Opus, at most 720 lines"),
        ("transcode?codec=av1&crf=30&preset=fast", "MP4 with AV1"),
        ("transcode?container=hls&heights=1080,720,480,360", "an HLS ladder"),
        ("transcode?engine=mediaconvert&max-height=1080", "MP4 by AWS Elemental MediaConvert, 0.015 USD a minute"),
        ("transcode?container=hls&captions=auto", "an HLS ladder with what is said as subtitles"),
        ("transcode?loudness=-16", "MP4 whose audio has the loudness usual on the web"),
    ];
    const PROFILE: Profile = Profile {
        also_accepts: Format::ANIMATIONS,
        access: Access::Ranged,
        // Encoders work for as long as the video plays, and longer.
        time_factor: 4,
        // The segments of a ladder. An MP4 or a WebM is not final before its end, because its index moves to the front.
        streams_outputs: true,
        sharding: Some(SHARDING),
        weights: super::caption::WEIGHTS,
        engines: &[Engine::Native, Engine::MediaConvert],
        disk_gib: 200,
        executor: ExecutorClass::LargeDisk,
        relative_cost: 10,
        ..Profile::of(
            Format::with_pictures(),
            &[
                "video/mp4",
                "video/webm",
                "audio/mp4",
                "application/vnd.apple.mpegurl",
                "application/dash+xml",
                "text/vtt",
            ],
            [(4, 8), (4, 8), (8, 16), (16, 32)],
        )
    };

    fn validate(&self) -> Result<(), String> {
        let codec = self.codec();
        if self.container == Container::Webm && matches!(codec, VideoCodec::H264 | VideoCodec::H265) {
            return Err("WebM holds VP9 or AV1; use codec=vp9, codec=av1 or container=mp4".to_owned());
        }
        if self.container == Container::Hls && codec == VideoCodec::Vp9 {
            return Err("players take H.264, H.265 or AV1 in HLS; use one of them".to_owned());
        }
        if self.crf.is_some() && self.bitrate.is_some() {
            return Err("takes crf or bitrate, not both".to_owned());
        }
        if self.container == Container::Hls && self.bitrate.is_some() {
            return Err("a ladder takes crf; bitrate is for one file".to_owned());
        }
        if self.crf.is_some_and(|crf| crf > 51) && matches!(codec, VideoCodec::H264 | VideoCodec::H265) {
            return Err("crf is 0 to 51 for H.264 and H.265".to_owned());
        }
        if self.hdr == Hdr::Keep && codec == VideoCodec::H264 {
            return Err("hdr=keep needs codec=h265, vp9 or av1".to_owned());
        }
        if self.heights.is_empty() || self.heights.len() > 8 {
            return Err("heights names one to eight renditions".to_owned());
        }
        if self.heights.windows(2).any(|pair| pair[0] <= pair[1]) {
            return Err("heights go from the largest to the smallest, each once".to_owned());
        }
        if self.dash && self.container != Container::Hls {
            return Err("dash goes with container=hls, whose segments it shares".to_owned());
        }
        if let Some(language) = &self.captions
            && language != "auto"
            && spoken_language::parse(language).is_none()
        {
            let known = "auto, an ISO 639 code of the 100 languages of whisper, or its English name";
            return Err(format!("captions={language} is not known; allowed: {known}"));
        }
        if self.engine == TranscodeEngine::Mediaconvert {
            return self.check_for_mediaconvert();
        }
        if self.mediaconvert_settings.is_some() {
            return Err("mediaconvert-settings goes with engine=mediaconvert".to_owned());
        }
        Ok(())
    }

    fn check_format(&self, format: Format) -> Result<(), String> {
        if self.engine == TranscodeEngine::Mediaconvert && Format::ANIMATIONS.contains(&format) {
            return Err(format!("MediaConvert does not take {}; use engine=native", format.name()));
        }
        Ok(())
    }

    fn engine(&self) -> Engine {
        match self.engine {
            TranscodeEngine::Native => Engine::Native,
            TranscodeEngine::Mediaconvert => Engine::MediaConvert,
        }
    }

    fn weights(&self) -> Vec<&'static str> {
        self.captions.as_ref().map_or_else(Vec::new, |_| super::caption::WEIGHTS.to_vec())
    }

    fn shards(&self, bytes: u64) -> Option<u32> {
        self.chunks.shards(bytes, &SHARDING)
    }
}
