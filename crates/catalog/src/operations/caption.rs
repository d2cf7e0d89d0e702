use clap::{ArgAction, Args, ValueEnum};
use serde::Serialize;

use super::transcode::Chunks;
use crate::operation::Options;
use crate::profile::{Access, Profile, ResourcesBySize, Sharding};
use crate::{Format, MediaKind, spoken_language};

/// Writes down what is said in a video or in an audio file, as captions and as a transcript.
#[derive(Debug, Clone, PartialEq, Serialize, Args)]
#[serde(rename_all = "kebab-case")]
pub struct Caption {
    /// The language that is spoken, as a code (en, pt-BR) or an English name. `auto` finds it once for the whole file;
    /// `multiple` finds it for each stretch of up to half a minute, for files in several languages
    #[arg(long, value_name = "auto|multiple|LANGUAGE", default_value = "auto")]
    pub language: String,
    /// Write another language than the one that is spoken. Experimental: at this size of network whole sentences go wrong
    #[arg(long, value_enum)]
    pub translate: Option<Translation>,
    /// Which track of audio, counted from 1; without it the one that a player would play
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub track: Option<u32>,
    /// Names and terms to expect, spelt as they are to be written: a list or a sentence of at most 500 characters
    #[arg(long, value_name = "TEXT")]
    pub vocabulary: Option<String>,
    /// Replace strong words by their first letter and asterisks
    #[arg(long, value_enum, default_value_t = Mask::Off)]
    pub mask: Mask,
    /// Words that are masked as well, separated by commas; with an asterisk at the end, all that begin so
    #[arg(long, value_name = "WORD,…", value_delimiter = ',')]
    pub mask_words: Vec<String>,
    /// Find the time of each word; without it the words of a sentence share its time, at less cost
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = true, action = ArgAction::Set)]
    pub word_times: bool,
    /// Share the work on a file of 512 MiB and more: `off`, `auto` (a part for every 256 MiB, at most 64) or a number of parts.
    /// On AWS each part has a container of its own; it is cut where nobody speaks
    #[arg(long, value_name = "off|auto|2-64", default_value_t = Chunks::Off)]
    pub chunks: Chunks,
    /// Larger weights of whisper of your own, by the name that they have in own.tsv (docs/weights.md): `small` for
    /// `speech-encoder@small`
    #[arg(long, value_name = "NAME")]
    pub weights: Option<String>,
    /// Also write the video with the captions as a track, its other streams copied: `captioned.mp4`, `.mov` or `.webm` as the
    /// video is, or `captioned.mkv`, which holds what these cannot. Browsers show the captions of a file of their own
    /// (`captions.vtt`) and no track of a video
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub mux: bool,
    /// Take what is there of a truncated or damaged file instead of failing; the manifest then says `truncated`
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub allow_truncated: bool,
}

/// What it takes to write down speech.
pub(super) const WEIGHTS: &[&str] =
    &["onnxruntime", "speech-encoder", "speech-decoder", "speech-tokens", "speech-voice"];

const RESOURCES: [(u32, u32); 4] = [(1, 2), (2, 4), (2, 4), (2, 4)];

/// A shard is a quarter of an hour of high definition, or hours of audio alone.
const SHARDING: Sharding =
    Sharding { bytes_per_shard: 256 << 20, max_shards: 64, merge: ResourcesBySize::of(RESOURCES) };

/// Characters of a vocabulary: what the network reads beside the speech.
const LONGEST_VOCABULARY: usize = 500;

/// What is written instead of what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Translation {
    /// English, the one language that the network translates to
    En,
}

/// Which words are masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Mask {
    /// None but those of mask-words
    Off,
    /// A short list of what broadcasters bleep, in eight languages
    Profanity,
}

impl Caption {
    /// Captions in a language, or `auto` for the one that is spoken, with nothing else asked for.
    pub fn in_language(language: &str) -> Self {
        Self {
            language: language.to_owned(),
            translate: None,
            track: None,
            vocabulary: None,
            mask: Mask::Off,
            mask_words: Vec::new(),
            word_times: true,
            chunks: Chunks::Off,
            weights: None,
            mux: false,
            allow_truncated: true,
        }
    }

    /// The code of the language, if one is named.
    pub fn language_code(&self) -> Option<&'static str> {
        spoken_language::parse(&self.language)
    }

    /// Whether the language is found for each stretch on its own.
    pub fn has_multiple_languages(&self) -> bool {
        self.language == "multiple"
    }
}

impl Options for Caption {
    const NAME: &'static str = "caption";
    const ALIASES: &'static [&'static str] = &["captions", "caption-generation", "transcribe"];
    const ABOUT: &'static str = "Write down what is said, as captions and as a transcript with the time of each word";
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("caption", "WebVTT, SubRip, and the transcript as JSON, text and Markdown, in the language that is spoken"),
        ("caption?language=de&vocabulary=Kubernetes", "German with a name spelt right"),
        ("caption?mask=profanity&track=2", "the second track of audio, with strong words masked"),
        ("caption?mux", "the video with its captions as a track, too"),
    ];
    const PROFILE: Profile = Profile {
        access: Access::Ranged,
        // A day of speech is half an hour of work on one processor.
        time_factor: 2,
        relative_cost: 10,
        sharding: Some(SHARDING),
        weights: WEIGHTS,
        ..Profile::of(
            Format::of_kind(MediaKind::Video),
            &[
                "text/vtt",
                "application/x-subrip",
                "application/json",
                "text/plain",
                "text/markdown",
                "video/mp4",
                "video/quicktime",
                "video/webm",
                "video/x-matroska",
            ],
            RESOURCES,
        )
    };

    fn validate(&self) -> Result<(), String> {
        if !matches!(self.language.as_str(), "auto" | "multiple") && self.language_code().is_none() {
            let known = "auto, multiple, an ISO 639 code of the 100 languages of whisper, or its English name";
            return Err(format!("language={} is not known; allowed: {known}", self.language));
        }
        let length = self.vocabulary.as_ref().map_or(0, |text| text.chars().count());
        if length > LONGEST_VOCABULARY {
            return Err(format!("vocabulary has {length} characters; at most {LONGEST_VOCABULARY} are read"));
        }
        let is_name = |name: &String| {
            let is_sign = |sign: u8| sign.is_ascii_alphanumeric() || matches!(sign, b'-' | b'.');
            (1..=40).contains(&name.len()) && name.bytes().all(is_sign)
        };
        if let Some(name) = self.weights.as_ref().filter(|name| !is_name(name)) {
            return Err(format!("weights={name} is not allowed; allowed: up to 40 letters, digits, - and ."));
        }
        Ok(())
    }

    fn own_weights(&self) -> Option<&str> {
        self.weights.as_deref()
    }

    fn shards(&self, bytes: u64) -> Option<u32> {
        self.chunks.shards(bytes, &SHARDING)
    }

    fn check_format(&self, format: Format) -> Result<(), String> {
        if self.mux && format.is_sound() {
            return Err(format!(
                "mux writes a video with its captions, and {} has no picture; leave out mux",
                format.name()
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::Operations;

    #[test]
    fn languages_are_codes_and_names_and_others_are_refused_with_what_is_allowed() {
        for text in
            ["caption", "captions?language=pt-BR", "transcribe?language=German", "caption-generation?language=multiple"]
        {
            assert!(text.parse::<Operations>().is_ok(), "{text}");
        }
        let refused = "caption?language=klingon".parse::<Operations>().unwrap_err().to_string();
        assert!(refused.contains("klingon") && refused.contains("ISO 639"), "{refused}");
        assert!("caption?weights=../small".parse::<Operations>().is_err());
        let shards = |text: &str, gib: u64| text.parse::<Operations>().unwrap().first().shards(gib << 30);
        assert_eq!((shards("caption", 9), shards("caption?chunks=auto", 9)), (None, Some(36)));
        let long = format!("caption?vocabulary={}", "a".repeat(501));
        assert!(long.parse::<Operations>().unwrap_err().to_string().contains("501 characters"));
    }
}
