//! Speech to segments of words, and the language that is spoken.
//!
//! ```text
//! packets -> audio of 16 kHz -> speech or not -> chunks of speech -> encoder -> decoder -> words
//! |------------------- one thread --------------------| | another | |--- the caller's ---|
//! ```
//!
//! The three run side by side and hand one chunk at a time to each other, so that memory is the same for any length of audio.
//! With one processor the caller encodes as well. What the steps are is the crate `speech`'s to say.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use catalog::operations::Caption;
use contract::Failure;
use operation::Weights;
use serde::{Deserialize, Serialize};
use speech::chunks::{Chunk, Chunker};
use speech::recognition::{Heard, Recogniser, Segment, Settings};
use speech::tokens::Tokens;
use speech::voice::{Detector as _, FRAME};

use super::audio::{MonoAudio, Read};
use super::voice::Silero;
use super::whisper::{self, Whisper};
use super::{DECODER, ENCODER, TOKENS, require_own};

/// Frames whose probability of speech is asked for at once: two seconds.
pub(super) const FRAMES_AT_ONCE: usize = 64;

/// The language of a file is taken from the first chunk with this much speech, seconds, or from several shorter ones.
const ENOUGH_SPEECH: f64 = 5.0;
const ENOUGH_CHUNKS: usize = 3;

/// Speech of this length that sounds like another language with this probability is worth a warning.
const OTHER_LANGUAGE: f64 = 3.0;
const OTHER_PROBABILITY: f32 = 0.8;

/// What was heard.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Recognised {
    pub segments: Vec<Segment>,
    /// The language that is spoken, or spoken most, and how probable it is; none without a word.
    pub language: Option<(String, f32)>,
    /// Seconds of speech in other languages.
    pub others: BTreeMap<String, f64>,
    pub windows: usize,
}

/// Writes down what is said in the audio from where it stands to its end. `language` is that of the whole, if it is known:
/// else it is found, unless the options name one. `report` is told the seconds that are done.
pub(super) fn recognise(
    options: &Caption,
    weights: &Weights,
    audio: &mut MonoAudio,
    language: Option<&(String, f32)>,
    report: impl Fn(f64),
) -> Result<(Recognised, Read), Failure> {
    let (whisper, recogniser) = load(options, weights)?;
    let mut listener = Listener::new(recogniser, &whisper, options.language == "auto");
    if let Some(language) = language {
        listener.know(language.clone())?;
    }
    let origin = audio.origin();
    let report = |seconds: f64| report(origin + seconds);
    let read = std::thread::scope(|scope| {
        let (to_listener, chunks) = sync_channel(1);
        let reader = scope.spawn(|| chunks_of(audio, weights, to_listener));
        let heard = listen(&mut listener, chunks, report);
        // The reader has ended as well: nobody takes its chunks any more.
        let read = reader.join().unwrap_or_else(|_| Err(Failure::internal("the reader of the audio panicked")));
        // What could not be read is the reason for what could not be heard.
        match (read, heard) {
            (Err(failure), _) | (Ok(_), Err(failure)) => Err(failure),
            (Ok(read), Ok(())) => Ok(read),
        }
    })?;
    let mut recognised = listener.finish()?;
    for segment in &mut recognised.segments {
        segment.delay(origin);
    }
    Ok((recognised, read))
}

/// The language that is spoken, from the beginning of the audio, and how probable it is; none if nobody speaks.
pub(super) fn spoken_language(
    options: &Caption,
    weights: &Weights,
    audio: &mut MonoAudio,
) -> Result<Option<(String, f32)>, Failure> {
    let (whisper, recogniser) = load(options, weights)?;
    let mut votes = Votes::default();
    std::thread::scope(|scope| {
        let (to_listener, chunks) = sync_channel::<Chunk>(0);
        let reader = scope.spawn(|| chunks_of(audio, weights, to_listener));
        let mut listen = || {
            for chunk in &chunks {
                let audio = recogniser.encode(&whisper, &chunk)?;
                if votes.add(recogniser.language(&whisper, &audio)?, chunk.speech_after(0.0)) {
                    break;
                }
            }
            Ok(())
        };
        let heard = listen();
        // Then the reader stops.
        drop(chunks);
        let read = reader.join().unwrap_or_else(|_| Err(Failure::internal("the reader of the audio panicked")));
        read.and(heard)
    })?;
    Ok(votes.most())
}

fn load(options: &Caption, weights: &Weights) -> Result<(Whisper, Recogniser), Failure> {
    require_own(options, weights)?;
    let own = options.weights.as_deref();
    let settings = Settings {
        language: options.language_code().map(str::to_owned),
        translate: options.translate.is_some(),
        vocabulary: options.vocabulary.clone().unwrap_or_default(),
        word_times: options.word_times,
    };
    let [encoder, decoder, tokens] = [ENCODER, DECODER, TOKENS].map(|name| weights.chosen(&[name], own).remove(0));
    let whisper = Whisper::new(weights, &encoder, &decoder)?;
    let recogniser = Recogniser::new(Tokens::read(weights.get(&tokens)?)?, whisper.mel(), settings)?;
    Ok((whisper, recogniser))
}

/// Reads the audio to its end and gives its speech in chunks.
fn chunks_of(audio: &mut MonoAudio, weights: &Weights, to_listener: SyncSender<Chunk>) -> Result<Read, Failure> {
    let mut silero = Silero::new(weights)?;
    let mut chunker = Chunker::default();
    let mut frames: Vec<[f32; FRAME]> = Vec::with_capacity(FRAMES_AT_ONCE);
    let mut listen = |frames: &mut Vec<[f32; FRAME]>, chunker: &mut Chunker| -> Result<bool, Failure> {
        for (frame, probability) in frames.iter().zip(silero.probabilities(frames)?) {
            for chunk in chunker.push(frame, probability) {
                // Nobody takes it: then the listener has failed and says why.
                if to_listener.send(chunk).is_err() {
                    return Ok(false);
                }
            }
        }
        frames.clear();
        Ok(true)
    };
    audio.read(|frame| {
        frames.push(*frame);
        if frames.len() < FRAMES_AT_ONCE { Ok(true) } else { listen(&mut frames, &mut chunker) }
    })?;
    listen(&mut frames, &mut chunker)?;
    for chunk in chunker.finish() {
        let _ = to_listener.send(chunk);
    }
    drop(to_listener);
    Ok(audio.summary())
}

/// Recognises chunks as they come. With several processors a thread encodes the next one meanwhile.
fn listen(listener: &mut Listener<'_>, chunks: Receiver<Chunk>, report: impl Fn(f64)) -> Result<(), Failure> {
    if operation::processors() < 2 {
        for chunk in chunks {
            let audio = listener.recogniser.encode(listener.whisper, &chunk)?;
            let end = chunk.span().end;
            listener.take(chunk, audio)?;
            report(end);
        }
        return Ok(());
    }
    let (whisper, mel) = (listener.whisper, listener.whisper.mel());
    std::thread::scope(|scope| {
        // Nothing is kept between the two threads: an encoded chunk has up to 37 MB.
        let (to_decoder, encoded) = sync_channel(0);
        scope.spawn(move || {
            for chunk in chunks {
                let audio = speech::recognition::encode(whisper, &mel, &chunk.samples);
                if to_decoder.send((chunk, audio)).is_err() {
                    break;
                }
            }
        });
        for (chunk, audio) in encoded {
            let end = chunk.span().end;
            listener.take(chunk, audio?)?;
            report(end);
        }
        Ok(())
    })
}

/// Gathers what is heard, and finds the language.
struct Listener<'a> {
    recogniser: Recogniser,
    whisper: &'a Whisper,
    segments: Vec<Segment>,
    windows: usize,
    /// The language is one for all, and not known yet.
    is_seeking: bool,
    /// Chunks that wait for the language.
    waiting: Vec<Chunk>,
    votes: Votes,
    language: Option<(String, f32)>,
    /// Seconds of speech in other languages.
    others: BTreeMap<String, f64>,
}

/// How probable each language is, by seconds of speech.
#[derive(Default)]
struct Votes {
    by_language: BTreeMap<String, (f64, f32)>,
    chunks: usize,
}

impl Votes {
    /// Counts what a chunk sounds like; answers whether that is enough to tell.
    fn add(&mut self, (code, probability): (String, f32), spoken: f64) -> bool {
        let vote = self.by_language.entry(code).or_default();
        *vote = (vote.0 + spoken * f64::from(probability), vote.1.max(probability));
        self.chunks += 1;
        spoken >= ENOUGH_SPEECH || self.chunks >= ENOUGH_CHUNKS
    }

    /// The language that most of the speech so far sounds like.
    fn most(&self) -> Option<(String, f32)> {
        let most = self.by_language.iter().max_by(|a, b| a.1.0.total_cmp(&b.1.0));
        most.map(|(code, (_, probability))| (code.clone(), *probability))
    }
}

impl<'a> Listener<'a> {
    fn new(recogniser: Recogniser, whisper: &'a Whisper, is_seeking: bool) -> Self {
        Self {
            recogniser,
            whisper,
            segments: Vec::new(),
            windows: 0,
            is_seeking,
            waiting: Vec::new(),
            votes: Votes::default(),
            language: None,
            others: BTreeMap::new(),
        }
    }

    fn take(&mut self, chunk: Chunk, audio: whisper::Audio) -> Result<(), Failure> {
        if !self.is_seeking {
            return self.recognise(&chunk, audio);
        }
        let heard = self.recogniser.language(self.whisper, &audio)?;
        if self.votes.add(heard, chunk.speech_after(0.0)) {
            self.decide()?;
            return self.recognise(&chunk, audio);
        }
        // Encoded again later: it is short, and what the encoder gave is large.
        self.waiting.push(chunk);
        Ok(())
    }

    /// All that is said is in this language.
    fn know(&mut self, (code, probability): (String, f32)) -> Result<(), Failure> {
        self.is_seeking = false;
        self.recogniser.set_language(&code)?;
        self.language = Some((code, probability));
        Ok(())
    }

    fn decide(&mut self) -> Result<(), Failure> {
        self.is_seeking = false;
        let Some(most) = self.votes.most() else { return Ok(()) };
        self.know(most)?;
        for chunk in std::mem::take(&mut self.waiting) {
            let audio = self.recogniser.encode(self.whisper, &chunk)?;
            self.recognise(&chunk, audio)?;
        }
        Ok(())
    }

    fn recognise(&mut self, chunk: &Chunk, audio: whisper::Audio) -> Result<(), Failure> {
        let Heard { segments, language, windows } = self.recogniser.recognise(self.whisper, chunk, audio)?;
        self.windows += windows;
        if let (Some((chosen, _)), Some((code, probability))) = (&self.language, language) {
            let spoken = chunk.speech_after(0.0);
            if code != *chosen && probability > OTHER_PROBABILITY && spoken > OTHER_LANGUAGE {
                *self.others.entry(code).or_default() += spoken;
            }
        }
        self.segments.extend(segments);
        Ok(())
    }

    fn finish(mut self) -> Result<Recognised, Failure> {
        if self.is_seeking {
            self.decide()?;
        }
        // Seconds by language, to name the one that is spoken most if each stretch had its own.
        let mut by_language: BTreeMap<&str, f64> = BTreeMap::new();
        for segment in &self.segments {
            *by_language.entry(&segment.language).or_default() += segment.end - segment.start;
        }
        let most = by_language.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(code, _)| code.to_owned());
        // Without a word there is no language, whatever noise sounded like.
        let language = most.map(|most| self.language.clone().unwrap_or((most, 1.0)));
        Ok(Recognised { language, segments: self.segments, others: self.others, windows: self.windows })
    }
}
