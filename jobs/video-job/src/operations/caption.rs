//! Writes down what is said in a video or in an audio file: captions, a transcript with the time of each word, and the video with
//! the captions as a track ([`mux`]).

use catalog::operations::{self as declared, Caption};
use catalog::spoken_language;
use contract::{Failure, Properties};
use operation::{Share, Task, Weights};
use serde_json::json;
use speech::captions::captions;
use speech::mask::Mask;
use speech::subtitles;
use speech::transcript::Transcript;

use self::audio::{MonoAudio, Read};
use self::hearing::Recognised;

mod audio;
mod hearing;
mod mux;
mod shards;
pub(crate) mod text_track;
mod voice;
mod whisper;

/// The networks by their names among the weights.
const ENCODER: &str = "speech-encoder";
const DECODER: &str = "speech-decoder";
const TOKENS: &str = "speech-tokens";
const VOICE: &str = "speech-voice";

/// Opens the runtime, and loads networks that all workers can share.
pub fn prepare(options: &Caption, weights: &Weights) -> Result<(), Failure> {
    require_own(options, weights)?;
    let names = weights.chosen(&[ENCODER, DECODER, VOICE], options.weights.as_deref());
    inference::prepare(weights, &names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Weights that are asked for by a name are never those of another one.
fn require_own(options: &Caption, weights: &Weights) -> Result<(), Failure> {
    let Some(own) = &options.weights else { return Ok(()) };
    [ENCODER, DECODER].iter().try_for_each(|name| weights.require_own(name, own))
}

/// Writes `captions.vtt`, `captions.srt`, `transcript.json`, `.txt` and `.md`, and the video with its captions; or does so by several
/// processes, of which this is one.
pub fn caption(options: &Caption, task: &Task, share: Option<Share>) -> Result<Properties, Failure> {
    share_memory();
    if let Some(Share::Shard { index, count }) = share {
        return shards::write_down(options, task, index, count);
    }
    let mut audio = MonoAudio::open(task, options.track)?;
    if options.mux {
        mux::check(&audio.streams())?;
    }
    let (heard, read) = if let Some(Share::Merge { count }) = share {
        shards::merge(task, count)?
    } else {
        let duration = audio.duration();
        let report = |seconds: f64| {
            let fraction = duration.map_or(0.0, |duration| seconds / duration.max(seconds));
            task.progress.report_media(fraction, Some(seconds));
        };
        hearing::recognise(options, &task.weights, &mut audio, None, report)?
    };
    check(options, task, &read)?;
    warn(options, task, &heard);
    write(options, task, heard, &read)
}

/// What is said, as captions, and the code of its language, if anybody speaks.
pub(crate) struct Spoken {
    pub captions: Vec<speech::captions::Caption>,
    pub language: Option<String>,
}

/// Hears what is said, for operations that write it elsewhere.
pub(crate) fn spoken(task: &Task, language: &str) -> Result<Spoken, Failure> {
    share_memory();
    let options = Caption::in_language(language);
    let mut audio = MonoAudio::open(task, options.track)?;
    let (heard, _) = hearing::recognise(&options, &task.weights, &mut audio, None, |_| {})?;
    warn(&options, task, &heard);
    let language = options.language_code().map(str::to_owned).or(heard.language.map(|(code, _)| code));
    Ok(Spoken { captions: captions(&heard.segments), language })
}

fn warn(options: &Caption, task: &Task, heard: &Recognised) {
    if heard.segments.is_empty() {
        task.outputs.warn("no speech was found: the captions and the transcript are empty");
    }
    for (code, seconds) in &heard.others {
        let name = spoken_language::name(code).unwrap_or(code);
        task.outputs.warn(format!(
            "{seconds:.0} s of speech sound like {name}; language=multiple writes down each stretch in its own language"
        ));
    }
    if options.translate.is_some() {
        task.outputs.warn("translation is experimental: whole sentences may be wrong");
    }
}

/// Has all threads take memory from one heap, which keeps what is free. With a heap for each, each would hold some of what the
/// others have freed, and memory would grow with the length of the audio; giving it back to the system each time instead costs a
/// tenth of the processor time, in pages that are cleared for each step of the decoder.
fn share_memory() {
    const LARGE: i32 = 64 << 20;
    // SAFETY: sets numbers; allocations go on as before.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 2 * LARGE);
    }
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

    if options.mux {
        mux::mux(task, &shown, written)?;
    }

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
