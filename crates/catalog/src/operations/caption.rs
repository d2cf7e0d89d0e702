use clap::{ArgAction, Args, ValueEnum};
use serde::Serialize;

use crate::operation::Options;
use crate::profile::{Access, Profile};
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
    /// Take what is there of a truncated or damaged file instead of failing; the manifest then says `truncated`
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set)]
    pub allow_truncated: bool,
}

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
    ];
    const PROFILE: Profile = Profile {
        access: Access::Ranged,
        // A day of speech is half an hour of work on one processor.
        time_factor: 2,
        relative_cost: 10,
        weights: &["onnxruntime", "speech-encoder", "speech-decoder", "speech-tokens", "speech-voice"],
        ..Profile::of(
            Format::of_kind(MediaKind::Video),
            &["text/vtt", "application/x-subrip", "application/json", "text/plain", "text/markdown"],
            [(1, 2), (2, 4), (2, 4), (2, 4)],
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
        let long = format!("caption?vocabulary={}", "a".repeat(501));
        assert!(long.parse::<Operations>().unwrap_err().to_string().contains("501 characters"));
    }
}
