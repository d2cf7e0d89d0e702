//! One file written down by several processes, such as the children of an array job: each takes a part of the audio, and a last
//! one puts their words together.
//!
//! Parts of equal length meet in the longest silence around the place where they would. Every process finds the cuts next to
//! its part by itself, from the same audio, so that two neighbours find the same. The language is found from the file's beginning
//! by each of them. A shard is a `part.json`.

use std::io::BufReader;
use std::ops::Range;

use catalog::operations::Caption;
use contract::{Failure, FailureKind, Properties};
use operation::{Share, Task};
use serde::{Deserialize, Serialize};
use speech::SAMPLE_RATE;
use speech::cuts::Quiet;
use speech::voice::{Detector as _, FRAME};

use super::audio::{MonoAudio, Read};
use super::hearing::{self, FRAMES_AT_ONCE, Recognised};
use super::voice::Silero;

const DESCRIPTION: &str = "part.json";

/// A longer description than this was not written here: a part of an hour has some 2 MiB.
const MAX_DESCRIPTION: u64 = 1 << 30;

/// Seconds on either side of where parts would meet in which they may.
const AROUND: f64 = 30.0;

/// What a process has heard of its part.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    heard: Recognised,
    read: Read,
}

/// Writes one of `count` parts down. If the file does not say how long it is, the first part is all of it.
pub(super) fn write_down(options: &Caption, task: &Task, index: u32, count: u32) -> Result<Properties, Failure> {
    let mut audio = MonoAudio::open(task, options.track)?;
    let span = span(options, task, audio.duration(), index, count)?;
    let heard = if span.is_empty() {
        (Recognised::default(), audio.summary())
    } else {
        let language = if options.language == "auto" {
            let mut beginning = MonoAudio::open(task, options.track)?;
            hearing::spoken_language(options, &task.weights, &mut beginning)?
        } else {
            None
        };
        let seconds = |samples: u64| samples as f64 / SAMPLE_RATE as f64;
        let end = audio.duration().map_or(seconds(span.end), |duration| seconds(span.end).min(duration));
        let start = seconds(span.start);
        let report =
            |time: f64| task.progress.report_media((time - start) / (end - start).max(1.0), Some(time - start));
        audio.narrow(span)?;
        hearing::recognise(options, &task.weights, &mut audio, language.as_ref(), report)?
    };
    let part = Part { heard: heard.0, read: heard.1 };
    let words: usize = part.heard.segments.iter().map(|segment| segment.words.len()).sum();
    let text =
        serde_json::to_vec(&part).map_err(|error| Failure::internal("a shard cannot be described").because(error))?;
    task.outputs.write(DESCRIPTION, "application/json", &text, Properties::new())?;
    Ok(Properties::from_iter([("words".to_owned(), words.into())]))
}

/// Puts what all parts have heard together.
pub(super) fn merge(task: &Task, count: u32) -> Result<(Recognised, Read), Failure> {
    let mut all: Option<(Recognised, Read)> = None;
    for index in 0..count {
        let Part { heard, read } = describe(task, index, count)?;
        all = Some(match all {
            None => (heard, read),
            Some(before) => joined(before, heard, read),
        });
        task.progress.report(f64::from(index + 1) / f64::from(count));
    }
    all.ok_or_else(|| Failure::internal("there are no shards to merge"))
}

fn joined((mut all, mut total): (Recognised, Read), heard: Recognised, read: Read) -> (Recognised, Read) {
    let last = all.segments.last().map_or(0.0, |segment| segment.end);
    debug_assert!(heard.segments.first().is_none_or(|segment| segment.start >= last - AROUND));
    all.segments.extend(heard.segments);
    all.language = all.language.or(heard.language);
    for (code, seconds) in heard.others {
        *all.others.entry(code).or_default() += seconds;
    }
    all.windows += heard.windows;
    total.samples = total.samples.max(read.samples);
    total.problem = total.problem.or(read.problem);
    for warning in read.warnings {
        if !total.warnings.contains(&warning) {
            total.warnings.push(warning);
        }
    }
    (all, total)
}

fn describe(task: &Task, index: u32, count: u32) -> Result<Part, Failure> {
    let path = format!("{}/{DESCRIPTION}", Share::folder(index, count));
    let file = task.input.companion(&path).map_err(|failure| match failure.kind() {
        FailureKind::InvalidInput => Failure::internal(format!(
            "{DESCRIPTION} of shard {index} of {count} not found; write every shard down before merging"
        )),
        _ => failure,
    })?;
    let unreadable = || Failure::internal(format!("{DESCRIPTION} of shard {index} cannot be read"));
    if file.metadata()?.len() > MAX_DESCRIPTION {
        return Err(unreadable());
    }
    serde_json::from_reader(BufReader::new(file)).map_err(|error| unreadable().because(error))
}

/// The samples of a part.
fn span(options: &Caption, task: &Task, duration: Option<f64>, index: u32, count: u32) -> Result<Range<u64>, Failure> {
    let Some(duration) = duration else { return Ok(if index == 0 { 0..u64::MAX } else { 0..0 }) };
    let cut = |number: u32| match number {
        0 => Ok(0),
        number if number == count => Ok(u64::MAX),
        number => cut(options, task, duration, number, count),
    };
    Ok(cut(index)?..cut(index + 1)?)
}

/// Where the part of that number begins: the longest silence around its place among parts of equal length.
fn cut(options: &Caption, task: &Task, duration: f64, number: u32, count: u32) -> Result<u64, Failure> {
    let length = duration / f64::from(count);
    let around = AROUND.min(length / 4.0);
    let place = length * f64::from(number);
    // In whole frames, so that a part's frames are those of the whole.
    let frames = |seconds: f64| (seconds * SAMPLE_RATE as f64 / FRAME as f64) as u64;
    let span = frames(place - around)..frames(place + around);
    let mut audio = MonoAudio::open(task, options.track)?;
    audio.narrow(span.start * FRAME as u64..span.end * FRAME as u64)?;
    let mut silero = Silero::new(&task.weights)?;
    let (mut quiet, mut waiting) = (Quiet::default(), Vec::with_capacity(FRAMES_AT_ONCE));
    let mut listen = |frames: &mut Vec<[f32; FRAME]>| -> Result<(), Failure> {
        for (frame, probability) in frames.iter().zip(silero.probabilities(frames)?) {
            quiet.push(frame, probability);
        }
        frames.clear();
        Ok(())
    };
    audio.read(|frame| {
        waiting.push(*frame);
        if waiting.len() >= FRAMES_AT_ONCE {
            listen(&mut waiting)?;
        }
        Ok(true)
    })?;
    listen(&mut waiting)?;
    Ok((span.start + quiet.place() as u64) * FRAME as u64)
}
