//! Writes down what is said in a video or in an audio file: captions, and a transcript with the time of each word.
//!
//! ```text
//! packets -> audio of 16 kHz -> speech or not -> chunks of speech -> encoder -> decoder -> words -> captions
//! |------------------- one thread --------------------| | another | |------- the caller's -------|
//! ```
//!
//! The three run side by side and hand one chunk at a time to each other, so that memory is the same for any length of audio.
//! With one processor the caller encodes as well. What the steps are is the crate `speech`'s to say.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use catalog::operations::{self as declared, Caption};
use catalog::spoken_language;
use contract::{Failure, Properties};
use operation::{Task, Weights};
use serde_json::json;
use speech::captions::captions;
use speech::chunks::{Chunk, Chunker};
use speech::mask::Mask;
use speech::recognition::{Heard, Recogniser, Segment, Settings};
use speech::subtitles;
use speech::tokens::Tokens;
use speech::transcript::Transcript;
use speech::voice::{Detector as _, FRAME};

use self::audio::{MonoAudio, Read};
use self::voice::Silero;
use self::whisper::Whisper;

mod audio;
mod voice;
mod whisper;

/// The networks by their names among the weights.
const ENCODER: &str = "speech-encoder";
const DECODER: &str = "speech-decoder";
const TOKENS: &str = "speech-tokens";
const VOICE: &str = "speech-voice";

/// Frames whose probability of speech is asked for at once: two seconds.
const FRAMES_AT_ONCE: usize = 64;

/// The language of a file is taken from the first chunk with this much speech, seconds, or from several shorter ones.
const ENOUGH_SPEECH: f64 = 5.0;
const ENOUGH_CHUNKS: usize = 3;

/// Speech of this length that soundS like another language with this probability is worth a warning.
const OTHER_LANGUAGE: f64 = 3.0;
const OTHER_PROBABILITY: f32 = 0.8;

/// Opens the runtime, and loads networks that all workers can share.
pub fn prepare(_: &Caption, weights: &Weights) -> Result<(), Failure> {
    inference::prepare(weights, &[ENCODER, DECODER, VOICE])
}

/// Writes `captions.vtt`, `captions.srt` and `transcript.json`, `.txt` and `.md`.
pub fn caption(options: &Caption, task: &Task) -> Result<Properties, Failure> {
    return_large_memory();
    let mut audio = MonoAudio::open(task, options.track)?;
    let language = options.language_code();
    let settings = Settings {
        language: language.map(str::to_owned),
        translate: options.translate.is_some(),
        vocabulary: options.vocabulary.clone().unwrap_or_default(),
        word_times: options.word_times,
    };
    let recogniser = Recogniser::new(Tokens::read(task.weights.get(TOKENS)?)?, settings)?;
    let whisper = Whisper::new(&task.weights)?;
    let mut listener = Listener::new(recogniser, &whisper, options.language == "auto");

    let duration = audio.duration();
    let report = |seconds: f64| {
        let fraction = duration.map_or(0.0, |duration| seconds / duration.max(seconds));
        task.progress.report_media(fraction, Some(seconds));
    };
    let read = std::thread::scope(|scope| {
        let (to_listener, chunks) = sync_channel(1);
        let reader = scope.spawn(|| chunks_of(&mut audio, &task.weights, to_listener));
        let heard = listen(&mut listener, chunks, report);
        // The reader has ended as well: nobody takes its chunks any more.
        let read = reader.join().unwrap_or_else(|_| Err(Failure::internal("the reader of the audio panicked")));
        // What could not be read is the reason for what could not be heard.
        match (read, heard) {
            (Err(failure), _) | (Ok(_), Err(failure)) => Err(failure),
            (Ok(read), Ok(())) => Ok(read),
        }
    })?;
    check(options, task, &read)?;
    let result = listener.finish()?;
    if result.segments.is_empty() {
        task.outputs.warn("no speech was found: the captions and the transcript are empty");
    }
    for (code, seconds) in &result.others {
        let name = spoken_language::name(code).unwrap_or(code);
        task.outputs.warn(format!(
            "{seconds:.0} s of speech sound like {name}; language=multiple writes down each stretch in its own language"
        ));
    }
    if options.translate.is_some() {
        task.outputs.warn("translation is experimental: whole sentences may be wrong");
    }
    write(options, task, result, &read)
}

/// Has memory for what the networks give go back to the system when it is free. glibc would keep it for other threads, of which
/// each would hold some of what the others have freed, so that memory would grow with the length of the audio.
fn return_large_memory() {
    const LARGE: i32 = 1 << 20;
    // SAFETY: sets a number; allocations go on as before.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
}

/// Fails for what is missing, unless that is allowed.
fn check(options: &Caption, task: &Task, read: &Read) -> Result<(), Failure> {
    if read.samples == 0 {
        return Err(Failure::invalid_input(format!("{} is empty: not one sample of it could be decoded", read.track)));
    }
    if let Some(problem) = &read.problem {
        if !options.allow_truncated {
            let message = format!("{problem}; {:.3} s of audio could be read: use allow-truncated", read.seconds());
            return Err(Failure::invalid_input(message));
        }
        task.outputs.warn(problem.clone());
    }
    for warning in &read.warnings {
        task.outputs.warn(warning.clone());
    }
    Ok(())
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
    let (whisper, mel) = (listener.whisper, speech::mel::Mel::default());
    std::thread::scope(|scope| {
        // Nothing is kept between the two threads: an encoded chunk has 37 MB.
        let (to_decoder, encoded) = sync_channel(0);
        scope.spawn(move || {
            for chunk in chunks {
                let audio = speech::network::Network::encode(whisper, &mel.spectrogram(&chunk.samples));
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
    /// Chunks that wait for the language, and how probable which one is, by seconds of speech.
    waiting: Vec<Chunk>,
    votes: BTreeMap<String, (f64, f32)>,
    language: Option<(String, f32)>,
    /// Seconds of speech in other languages.
    others: BTreeMap<String, f64>,
}

struct Recognised {
    segments: Vec<Segment>,
    language: Option<(String, f32)>,
    others: Vec<(String, f64)>,
    windows: usize,
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
            votes: BTreeMap::new(),
            language: None,
            others: BTreeMap::new(),
        }
    }

    fn take(&mut self, chunk: Chunk, audio: whisper::Audio) -> Result<(), Failure> {
        if !self.is_seeking {
            return self.recognise(&chunk, audio);
        }
        let (code, probability) = self.recogniser.language(self.whisper, &audio)?;
        let spoken = chunk.speech_after(0.0);
        let vote = self.votes.entry(code).or_default();
        *vote = (vote.0 + spoken * f64::from(probability), vote.1.max(probability));
        if spoken >= ENOUGH_SPEECH || self.waiting.len() + 1 >= ENOUGH_CHUNKS {
            self.decide()?;
            return self.recognise(&chunk, audio);
        }
        // Encoded again later: it is short, and what the encoder gave is large.
        self.waiting.push(chunk);
        Ok(())
    }

    /// The language is the one that most of the speech so far soundS like.
    fn decide(&mut self) -> Result<(), Failure> {
        self.is_seeking = false;
        let most = self.votes.iter().max_by(|a, b| a.1.0.total_cmp(&b.1.0));
        let Some((code, (_, probability))) = most else { return Ok(()) };
        self.language = Some((code.clone(), *probability));
        let code = code.clone();
        self.recogniser.set_language(&code)?;
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
        let others = self.others.into_iter().collect();
        Ok(Recognised { language, segments: self.segments, others, windows: self.windows })
    }
}

fn write(options: &Caption, task: &Task, result: Recognised, read: &Read) -> Result<Properties, Failure> {
    let Recognised { mut segments, language, windows, .. } = result;
    let mask = match options.mask {
        declared::Mask::Off => Mask::default(),
        declared::Mask::Profanity => Mask::profanity(),
    };
    let masked = mask.and(Mask::of(&options.mask_words)).apply(&mut segments);
    let shown = captions(&segments);
    let words: usize = segments.iter().map(|segment| segment.words.len()).sum();
    let is_asked = options.language_code().is_some();
    let transcript = Transcript {
        version: 1,
        language: options.language_code().map(str::to_owned).or(language.as_ref().map(|(code, _)| code.clone())),
        language_probability: language.as_ref().map(|(_, probability)| *probability).filter(|_| !is_asked),
        is_translation: options.translate.is_some(),
        duration: read.seconds(),
        segments,
    };
    let write = |name: &str, content_type: &str, text: &str, properties: Properties| {
        task.outputs.write(name, content_type, text.as_bytes(), properties)
    };
    let written = if options.translate.is_some() { Some("en") } else { transcript.language.as_deref() };
    let counted = |key: &str, count: usize| {
        let mut properties = Properties::new();
        properties.insert(key.into(), count.into());
        properties.insert("language".into(), written.into());
        properties
    };
    write("captions.vtt", "text/vtt", &subtitles::vtt(&shown), counted("captions", shown.len()))?;
    write("captions.srt", "application/x-subrip", &subtitles::srt(&shown), counted("captions", shown.len()))?;
    write("transcript.json", "application/json", &transcript.json(), counted("words", words))?;
    write("transcript.txt", "text/plain", &transcript.text(), counted("words", words))?;
    let title = task.input.stem().to_owned();
    write("transcript.md", "text/markdown", &transcript.markdown(&title), counted("words", words))?;

    let mut properties = Properties::new();
    properties.insert("language".into(), transcript.language.clone().into());
    properties.insert("languageProbability".into(), json!(transcript.language_probability));
    properties.insert("track".into(), read.number.into());
    properties.insert("duration".into(), json!(transcript.duration));
    properties.insert("segments".into(), transcript.segments.len().into());
    properties.insert("words".into(), words.into());
    properties.insert("captions".into(), shown.len().into());
    properties.insert("captionsTooFast".into(), shown.iter().filter(|caption| caption.is_too_fast()).count().into());
    properties.insert("windows".into(), windows.into());
    if masked > 0 {
        properties.insert("masked".into(), masked.into());
    }
    if read.problem.is_some() {
        properties.insert("truncated".into(), true.into());
    }
    Ok(properties)
}
