//! A chunk of audio to segments of words with times.

use std::ops::Range;

use contract::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::alignment::{self, Aligned};
use crate::chunks::Chunk;
use crate::decoding::{self, Answer, Request};
use crate::mel::{FRAMES, HOP, Length, Mel};
use crate::network::{Network, SECONDS_PER_PLACE};
use crate::tokens::Tokens;
use crate::{SAMPLE_RATE, guard};

/// Speech that the decoder left out at the end of a window is decoded in a window of its own if there is this much of it,
/// seconds: the decoder ended in the middle of a segment, or it said that nobody speaks any more.
const LEFT_OUT: f64 = 0.5;
const DENIED: f64 = 2.0;

/// A further window of a chunk begins at least this much later, seconds.
const SHORTEST_STEP: f64 = 1.0;

/// A pause within a word is the detector's word against the decoder's from this length on, seconds, beyond a margin on either
/// side.
const PAUSE: f64 = 0.2;
const PAUSE_MARGIN: f64 = 0.1;

/// Below this mean probability of speech, or above this probability that nobody speaks, a known line of credits is taken for
/// invented.
const CREDIT_VOICE: f32 = 0.7;
const CREDIT_NO_SPEECH: f32 = 0.3;

/// What to recognise, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The code of the spoken language; without it that of each chunk is found.
    pub language: Option<String>,
    /// Write English instead of what is said.
    pub translate: bool,
    /// Names and terms to expect, a sentence or a list.
    pub vocabulary: String,
    /// Find the time of each word; without it a segment's words share its time by their length.
    pub word_times: bool,
}

/// A sentence or a part of one, as the network divides speech.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Segment {
    /// Seconds from the beginning of the audio.
    pub start: f64,
    /// Seconds.
    pub end: f64,
    /// Without spaces around it.
    pub text: String,
    /// The code of the language.
    pub language: String,
    /// The mean probability of its tokens, 0 to 1.
    pub confidence: f32,
    /// Its words, in order.
    pub words: Vec<Word>,
}

/// A word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Word {
    /// Seconds from the beginning of the audio.
    pub start: f64,
    /// Seconds.
    pub end: f64,
    /// With the marks at it, and with the space before it if there is one.
    pub text: String,
    /// The mean probability of its tokens, 0 to 1.
    pub confidence: f32,
}

impl Segment {
    /// Moves it to so many seconds later.
    pub fn delay(&mut self, seconds: f64) {
        self.start += seconds;
        self.end += seconds;
        for word in &mut self.words {
            word.start += seconds;
            word.end += seconds;
        }
    }
}

/// What was heard in a chunk.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Heard {
    /// In order, without overlap.
    pub segments: Vec<Segment>,
    /// The most probable language of its audio, and how probable it is; none if nothing was decoded.
    pub language: Option<(String, f32)>,
    /// How many windows were encoded.
    pub windows: usize,
}

/// Recognises chunks.
pub struct Recogniser {
    tokens: Tokens,
    mel: Mel,
    settings: Settings,
    language: Option<u32>,
    prompt: Vec<u32>,
}

impl Recogniser {
    /// Recognition with these tokens, and spectrograms as the network takes them. A language that they lack is an invalid request.
    pub fn new(tokens: Tokens, mel: Mel, settings: Settings) -> Result<Self, Failure> {
        let vocabulary = settings.vocabulary.trim();
        let prompt = if vocabulary.is_empty() { Vec::new() } else { tokens.encode(&format!(" {vocabulary}")) };
        let mut recogniser = Self { tokens, mel, language: None, prompt, settings };
        if let Some(code) = recogniser.settings.language.clone() {
            recogniser.set_language(&code)?;
        }
        Ok(recogniser)
    }

    /// All further chunks are in this language.
    pub fn set_language(&mut self, code: &str) -> Result<(), Failure> {
        let unknown = || Failure::invalid_request(format!("the weights do not know the language {code}"));
        self.language = Some(self.tokens.language(code).ok_or_else(unknown)?);
        self.settings.language = Some(code.to_owned());
        Ok(())
    }

    /// The first window of a chunk, encoded: what [`Recogniser::recognise`] begins with, and what another thread can prepare.
    pub fn encode<N: Network>(&self, network: &N, chunk: &Chunk) -> Result<N::Audio, Failure> {
        encode(network, &self.mel, &chunk.samples)
    }

    /// The most probable language of a chunk, and how probable it is.
    pub fn language<N: Network>(&self, network: &N, audio: &N::Audio) -> Result<(String, f32), Failure> {
        let logits = network.step(audio, &mut network.begin(), &[self.tokens.start])?;
        let languages = self.tokens.languages();
        let logits: Vec<f32> = languages
            .iter()
            .map(|(token, _)| logits.get(*token as usize).copied().unwrap_or(f32::NEG_INFINITY))
            .collect();
        Ok(self.most_probable(&decoding::probabilities(&logits)))
    }

    /// The words of a chunk. `first` is what [`Recogniser::encode`] gave for it.
    pub fn recognise<N: Network>(&self, network: &N, chunk: &Chunk, first: N::Audio) -> Result<Heard, Failure> {
        let mut heard = Heard::default();
        let mut from = 0.0;
        let mut audio = first;
        let mut samples = chunk.samples.as_slice();
        loop {
            heard.windows += 1;
            let mut is_short = length(network) == Length::Short && Mel::frames(samples.len(), Length::Short) < FRAMES;
            let left = chunk.seconds() - from;
            let request = Request {
                language: self.language,
                translate: self.settings.translate,
                prompt: self.prompt.clone(),
                seed: ((chunk.span().start + from) * 1000.0) as u64,
            };
            let whole = || {
                if !std::mem::take(&mut is_short) {
                    return Ok(None);
                }
                heard.windows += 1;
                network.encode(&self.mel.spectrogram(samples, Length::Whole)).map(Some)
            };
            let answer = decoding::decode(network, &mut audio, whole, &self.tokens, &request)?;
            if heard.language.is_none() {
                heard.language = Some(self.most_probable(&answer.languages));
            }
            if answer.is_silence() {
                break;
            }
            let (parts, is_cut) = self.parts(&answer.tokens, left);
            let until = parts.last().map_or(left, |part| part.time.end);
            self.add(network, chunk, &audio, &answer, from, &parts, &mut heard.segments)?;
            let next = from + until;
            let spoken = chunk.speech_after(next);
            if until < SHORTEST_STEP || spoken < if is_cut { LEFT_OUT } else { DENIED } {
                break;
            }
            from = next;
            let sample = ((from * SAMPLE_RATE as f64) as usize / HOP * HOP).min(chunk.samples.len());
            samples = &chunk.samples[sample..];
            audio = encode(network, &self.mel, samples)?;
        }
        Ok(heard)
    }

    /// The answer's segments, and whether what follows the last of them was left out.
    fn parts(&self, answer: &[u32], seconds: f64) -> (Vec<Part>, bool) {
        let time = |token: u32| f64::from(token - self.tokens.first_time) * SECONDS_PER_PLACE;
        let mut parts: Vec<Part> = Vec::new();
        let mut start = 0.0;
        let mut first = 0;
        let mut latest = None;
        for (at, token) in answer.iter().enumerate() {
            if !self.tokens.is_time(*token) {
                continue;
            }
            latest = Some(time(*token));
            if at > first {
                parts.push(Part { tokens: first..at, time: start..time(*token).min(seconds) });
            }
            (start, first) = (time(*token), at + 1);
        }
        // Text without a time behind it: after whole segments it is decoded again; alone it takes what is left.
        let is_unfinished = first < answer.len();
        if is_unfinished && parts.is_empty() {
            parts.push(Part { tokens: first..answer.len(), time: start.min(seconds)..seconds });
            return (parts, false);
        }
        // Two times at the end: the network would go on with a further segment.
        let ends_with_pair =
            answer.len() >= 2 && answer[answer.len() - 2..].iter().all(|token| self.tokens.is_time(*token));
        parts.retain(|part| part.time.end >= part.time.start);
        debug_assert!(latest.is_some() || parts.is_empty());
        (parts, is_unfinished || ends_with_pair)
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `recognise`, which has them all")]
    fn add<N: Network>(
        &self,
        network: &N,
        chunk: &Chunk,
        audio: &N::Audio,
        answer: &Answer,
        from: f64,
        parts: &[Part],
        segments: &mut Vec<Segment>,
    ) -> Result<(), Failure> {
        let code = self.code(answer.language);
        let indices: Vec<usize> = parts.iter().flat_map(|part| part.tokens.clone()).collect();
        let text: Vec<u32> = indices.iter().map(|at| answer.tokens[*at]).collect();
        if text.is_empty() {
            return Ok(());
        }
        let window = chunk.seconds() - from;
        let aligned = if self.settings.word_times {
            let prompt = alignment::prompt(&self.tokens, answer.language, self.settings.translate, &text);
            let attention = network.attention(audio, &prompt)?;
            alignment::align(&self.tokens, &code, &text, &attention, window)
        } else {
            alignment::spread(&self.tokens, &code, &text, &times(parts))
        };
        let words: Vec<&str> = aligned.iter().map(|word| word.text.as_str()).collect();
        let kept = guard::without_loops(&words);

        let mut boundary = 0;
        for part in parts {
            let tokens = boundary..boundary + part.tokens.len();
            boundary = tokens.end;
            let words: Vec<&Aligned> =
                kept.iter().map(|at| &aligned[*at]).filter(|word| tokens.contains(&word.tokens.start)).collect();
            let probability = |tokens: &Range<usize>| {
                let sum: f32 = tokens.clone().map(|at| answer.probabilities[indices[at]]).sum();
                sum / tokens.len().max(1) as f32
            };
            let text: String = words.iter().map(|word| word.text.as_str()).collect();
            let local = from + part.time.start..(from + part.time.end).min(chunk.seconds());
            let is_doubtful = answer.no_speech > CREDIT_NO_SPEECH || chunk.mean_voice(&local) < CREDIT_VOICE;
            if text.trim().is_empty() || guard::is_credit(&text) && is_doubtful {
                continue;
            }
            let mut last = segments.last().map_or(0.0, |segment: &Segment| segment.end);
            let mut timed = Vec::with_capacity(words.len());
            for word in &words {
                let spoken = within_speech(&(from + word.time.start..from + word.time.end), &chunk.speech);
                let time = chunk.time(&spoken);
                let (start, end) = (time.start.max(last), time.end.max(last));
                last = end;
                timed.push(Word { start, end, text: word.text.clone(), confidence: probability(&word.tokens) });
            }
            let (Some(first), Some(end)) = (timed.first(), timed.last()) else { continue };
            segments.push(Segment {
                start: first.start,
                end: end.end,
                text: text.trim().to_owned(),
                language: if self.settings.translate { "en".to_owned() } else { code.clone() },
                confidence: probability(&tokens),
                words: timed,
            });
        }
        Ok(())
    }

    fn code(&self, language: u32) -> String {
        let found = self.tokens.languages().iter().find(|(token, _)| *token == language);
        found.map_or_else(String::new, |(_, code)| code.clone())
    }

    fn most_probable(&self, languages: &[f32]) -> (String, f32) {
        let all = self.tokens.languages().iter().zip(languages);
        let most = all.max_by(|a, b| a.1.total_cmp(b.1));
        most.map_or_else(Default::default, |((_, code), probability)| (code.clone(), *probability))
    }
}

/// Encodes a window that begins with these samples, as short a one as the network takes.
pub fn encode<N: Network>(network: &N, mel: &Mel, samples: &[f32]) -> Result<N::Audio, Failure> {
    network.encode(&mel.spectrogram(samples, length(network)))
}

fn length<N: Network>(network: &N) -> Length {
    if network.takes_short_windows() { Length::Short } else { Length::Whole }
}

/// A segment of an answer: which of its tokens, and when in the window.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    tokens: Range<usize>,
    time: Range<f64>,
}

/// For each segment how many tokens it has, and when it is.
fn times(parts: &[Part]) -> Vec<(usize, Range<f64>)> {
    parts.iter().map(|part| (part.tokens.len(), part.time.clone())).collect()
}

/// Takes pauses out of a word's time. The attention of a word after a pause often begins in the pause, and that of the last
/// word before one often goes on in it.
fn within_speech(word: &Range<f64>, speech: &[Range<f64>]) -> Range<f64> {
    let mut result = word.clone();
    let ends = std::iter::once(f64::NEG_INFINITY).chain(speech.iter().map(|span| span.end));
    let starts = speech.iter().map(|span| span.start).chain(std::iter::once(f64::INFINITY));
    for (end, start) in ends.zip(starts) {
        let pause = end + PAUSE_MARGIN..start - PAUSE_MARGIN;
        let inside = pause.end.min(result.end) - pause.start.max(result.start);
        if inside < PAUSE {
            continue;
        }
        let (before, after) = ((pause.start - result.start).max(0.0), (result.end - pause.end).max(0.0));
        if before == 0.0 && after == 0.0 {
            // It is nowhere but in the pause: the decoder knows better.
            return word.clone();
        }
        if before >= after {
            result.end = pause.start;
        } else {
            result.start = pause.end;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunks::Chunker;
    use crate::decoding::tests::{Scripted, said};
    use crate::tokens::tests::small;
    use crate::voice::{FRAME, FRAME_SECONDS};

    fn chunk(speech: &[(bool, f64)]) -> Chunk {
        let mut chunker = Chunker::default();
        let mut chunks = Vec::new();
        for (spoken, seconds) in speech {
            for _ in 0..(seconds / FRAME_SECONDS).round() as usize {
                chunks.extend(chunker.push(&[0.1; FRAME], if *spoken { 0.95 } else { 0.02 }));
            }
        }
        chunks.extend(chunker.finish());
        assert_eq!(chunks.len(), 1);
        chunks.remove(0)
    }

    fn recognise(network: &Scripted, chunk: &Chunk, word_times: bool) -> Heard {
        let settings = Settings { word_times, ..Settings::default() };
        let recogniser = Recogniser::new(small(), Mel::default(), settings).unwrap();
        recogniser.encode(network, chunk).and_then(|()| recogniser.recognise(network, chunk, ())).unwrap()
    }

    #[test]
    fn segments_have_words_with_times_of_the_whole_audio() {
        let tokens = small();
        let mut script = said(&tokens, 0, " the cat", 40);
        script.extend(said(&tokens, 40, " sat no", 100));
        let heard = recognise(&Scripted::new(&tokens, vec![script]), &chunk(&[(false, 10.0), (true, 3.0)]), true);
        let texts: Vec<&str> = heard.segments.iter().map(|segment| segment.text.as_str()).collect();
        assert_eq!((texts, heard.windows), (vec!["the cat", "sat no"], 1));
        assert_eq!(heard.segments[0].language, "en");
        assert!(heard.language.unwrap().1 > 0.9);
        let words: Vec<&Word> = heard.segments.iter().flat_map(|segment| &segment.words).collect();
        assert!(words.iter().all(|word| word.start >= 9.6 && word.end <= 13.1 && word.confidence > 0.5), "{words:?}");
        assert!(words.windows(2).all(|pair| pair[0].end <= pair[1].start + 1e-9));
        // The scripted attention gives each token 0.2 s, the first after 3 tokens.
        assert!((words[1].start - words[0].end).abs() < 0.05 && (words[2].end - words[2].start - 0.2).abs() < 0.05);
    }

    #[test]
    fn without_word_times_words_share_the_time_of_their_segment() {
        let tokens = small();
        let script = said(&tokens, 0, " the cat", 100);
        let heard = recognise(&Scripted::new(&tokens, vec![script]), &chunk(&[(true, 2.0)]), false);
        let words = &heard.segments[0].words;
        assert_eq!((words.len(), words[0].start), (2, 0.0));
        assert!((words[1].start - 1.0).abs() < 0.01 && (words[1].end - 2.0).abs() < 0.01, "{words:?}");
    }

    #[test]
    fn speech_that_the_decoder_left_out_is_decoded_in_a_further_window() {
        let tokens = small();
        // The first window ends after 5 s with a pair of times, the second one hears the rest.
        let mut first = said(&tokens, 0, " the cat", 250);
        first.push(tokens.first_time + 250);
        let second = said(&tokens, 0, " sat", 250);
        let network = Scripted::new(&tokens, vec![first.clone(), second]);
        let heard = recognise(&network, &chunk(&[(true, 10.0)]), false);
        let texts: Vec<&str> = heard.segments.iter().map(|segment| segment.text.as_str()).collect();
        assert_eq!((texts, heard.windows), (vec!["the cat", "sat"], 2));
        assert!((heard.segments[1].start - 5.0).abs() < 0.02);
        // Where nobody speaks any more there is no further window.
        let heard = recognise(&Scripted::new(&tokens, vec![first]), &chunk(&[(true, 5.0), (false, 1.0)]), false);
        assert_eq!(heard.windows, 1);
    }

    #[test]
    fn silence_loops_and_credits_over_noise_give_no_invented_words() {
        let tokens = small();
        let mut silent = Scripted::new(&tokens, vec![said(&tokens, 0, " the", 80)]);
        (silent.confidence, silent.no_speech) = (3.0, 0.9);
        assert!(recognise(&silent, &chunk(&[(true, 3.0)]), false).segments.is_empty());

        // A loop at all temperatures is cut to one turn.
        let mut endless = vec![tokens.first_time];
        endless.extend(tokens.encode(&" the cat sat".repeat(60)));
        let mut network = Scripted::new(&tokens, vec![endless]);
        network.confidence = 40.0;
        let heard = recognise(&network, &chunk(&[(true, 20.0)]), false);
        assert_eq!(heard.segments[0].text, "the cat sat");
        // Before the temperatures came the whole window.
        assert_eq!((&network.encoded.borrow()[..], heard.windows), (&[2200, 3000][..], 2));

        let script = said(&tokens, 0, " Thanks for watching!", 100);
        let mut network = Scripted::new(&tokens, vec![script]);
        assert_eq!(recognise(&network, &chunk(&[(true, 2.0)]), false).segments.len(), 1, "somebody says it");
        network.no_speech = 0.5;
        assert!(recognise(&network, &chunk(&[(true, 2.0)]), false).segments.is_empty());
    }

    #[test]
    fn a_word_is_not_said_in_a_pause() {
        let speech = [1.0..2.0, 4.0..6.0];
        for (word, expected) in [
            (1.2..1.8, 1.2..1.8),
            (2.0..4.5, 3.9..4.5),
            (1.5..3.5, 1.5..2.1),
            (0.0..1.4, 0.9..1.4),
            (5.5..9.0, 5.5..6.1),
            (2.5..3.5, 2.5..3.5),
        ] {
            let found = within_speech(&word, &speech);
            assert!(
                (found.start - expected.start).abs() < 1e-9 && (found.end - expected.end).abs() < 1e-9,
                "{word:?} {found:?}"
            );
        }
    }

    #[test]
    fn an_unknown_language_is_an_invalid_request() {
        let settings = Settings { language: Some("ja".into()), ..Settings::default() };
        let failure = Recogniser::new(small(), Mel::default(), settings).map(|_| ()).unwrap_err();
        assert_eq!(failure.kind(), contract::FailureKind::InvalidRequest);
    }
}
