//! Parts of the video encoded at once, each from a key frame on, and joined packet by packet in their order. Every part
//! begins with a key frame of its own, and all parts have one encoder's settings, so that no seam shows.
//!
//! Frames belong to the part in whose span they are shown: what is stored behind a key frame but shown before it is
//! decoded by the part before, which reads on until it is past its end. So no frame is lost or there twice, open groups
//! of pictures and variable frame rates included.

use std::collections::BTreeMap;
use std::io::{BufReader, Seek};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};

use catalog::operations::Chunks;
use contract::Failure;
use operation::Task;

use super::plan::{Plan, rescale};
use super::spool::{Join, Spool};
use super::track::Track;
use super::video_path::{FrameCounts, Span, VideoPath};
use crate::avio::Pattern;
use crate::open::{Demuxer, seconds};

/// Seconds of a part, at least: each costs a key frame and begins with an encoder that knows nothing.
const SHORTEST: f64 = 10.0;
/// Parts for each of those that are encoded at once, where the video is long enough: none waits long for the last one.
const PARTS_EACH: usize = 4;

/// How many parts are encoded at once; none where the video is encoded from its beginning to its end.
pub(crate) fn workers(plan: &Plan) -> Option<usize> {
    let duration = plan.duration?;
    let wanted = match plan.options.chunks {
        Chunks::Off => 1,
        Chunks::Count(count) => count as usize,
        Chunks::Auto => {
            let processors = operation::processors();
            processors.min((duration / SHORTEST) as usize)
        }
    };
    (wanted > 1).then_some(wanted)
}

/// Encodes the video in parts, `workers` of them at once, and writes them to the tracks of the renditions.
pub(crate) fn encode(
    plan: &Plan,
    task: &Task,
    workers: usize,
    mut tracks: Vec<Box<dyn Track>>,
) -> Result<FrameCounts, Failure> {
    let duration = plan.duration.unwrap_or(0.0);
    let count = (workers * PARTS_EACH).min((duration / SHORTEST) as usize).max(workers);
    let parts = parts(plan, task, count)?;
    let processors = operation::processors();
    let shared = Shared {
        plan,
        task,
        threads: processors.div_ceil(workers),
        next: Mutex::new(0),
        done: Mutex::new(vec![0.0; parts.len()]),
        parts,
    };
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        for _ in 0..workers.min(shared.parts.len()) {
            let (sender, shared) = (sender.clone(), &shared);
            scope.spawn(move || shared.work(&sender));
        }
        drop(sender);
        let mut join = Join::new(&mut tracks);
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        let mut total = FrameCounts::default();
        let mut result = Ok(());
        for (number, encoded) in receiver {
            match encoded {
                Ok(part) => drop(waiting.insert(number, part)),
                Err(failure) => {
                    result = Err(failure);
                    shared.stop();
                    break;
                }
            }
            while let Some(part) = waiting.remove(&next) {
                let EncodedPart { counts, spools } = part;
                total = total.and(counts);
                if let Err(failure) = append(&mut join, spools) {
                    shared.stop();
                    result = Err(failure);
                    break;
                }
                next += 1;
            }
            if result.is_err() {
                break;
            }
        }
        result?;
        for track in &mut tracks {
            track.close(Some(total.end))?;
        }
        Ok(total)
    })
}

fn append(join: &mut Join<'_>, spools: Vec<Spool>) -> Result<(), Failure> {
    for (at, spool) in spools.into_iter().enumerate() {
        let (encoded, mut output) = spool.into_parts()?;
        // A part without a frame, at the end of a video that is shorter than it says.
        let Some(encoded) = encoded else { continue };
        join.begin(at, &encoded)?;
        let length = output.file().metadata()?.len();
        output.rewind()?;
        join.append(at, &mut BufReader::new(output.file()), length, |_| Ok(()))?;
    }
    Ok(())
}

/// A part of the video.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// Where reading begins, in the stream's own time; none at the beginning.
    pub seek: Option<i64>,
    pub span: Span,
}

/// Cuts at key frames, evenly by time, into so many parts or, where there are too few key frames, fewer. Each cut is the
/// time of a key frame as it is read after a seek.
pub(super) fn parts(plan: &Plan, task: &Task, count: usize) -> Result<Vec<Part>, Failure> {
    let duration = plan.duration.unwrap_or(0.0);
    let mut demuxer = open(plan, task)?;
    let start = plan.start_in(plan.video.time_base);
    let mut parts = vec![Part { seek: None, span: Span::WHOLE }];
    for number in 1..count {
        let moment = duration * number as f64 / count as f64;
        let seek = start + (moment / seconds(plan.video.time_base)) as i64;
        if demuxer.seek(plan.video.index, seek).is_err() {
            break;
        }
        let Some(cut) = key_time(&mut demuxer, plan)? else { break };
        let cut = cut - start;
        let last = parts.last_mut().expect("begins with one");
        if cut > last.span.from.max(0) {
            last.span.until = cut;
            parts.push(Part { seek: Some(seek), span: Span { from: cut, until: i64::MAX } });
        }
    }
    Ok(parts)
}

fn key_time(demuxer: &mut Demuxer, plan: &Plan) -> Result<Option<i64>, Failure> {
    while let Some(packet) = demuxer.read()? {
        if packet.stream() == plan.video.index && packet.is_key() {
            return Ok(packet.pts().or(packet.dts()));
        }
    }
    Ok(None)
}

/// The video alone.
pub(super) fn open(plan: &Plan, task: &Task) -> Result<Demuxer, Failure> {
    let mut demuxer = Demuxer::open(&task.input, Pattern::Sequential)?;
    demuxer.find_stream_info()?;
    demuxer.keep_only(&[plan.video.index]);
    Ok(demuxer)
}

/// Encodes a part of the video into tracks. `report` is told of how much of the part is done, and says whether to go on.
pub(super) fn encode_part(
    plan: &Plan,
    task: &Task,
    part: Part,
    tracks: Vec<Box<dyn Track>>,
    threads: usize,
    report: impl Fn(f64) -> bool,
) -> Result<FrameCounts, Failure> {
    let mut demuxer = open(plan, task)?;
    if let Some(seek) = part.seek {
        demuxer.seek(plan.video.index, seek)?;
    }
    let mut video = VideoPath::new(plan, part.span, tracks, threads)?;
    let mut result = Ok(());
    while result.is_ok() && !video.is_done() {
        match demuxer.read() {
            Ok(Some(packet)) if packet.stream() == plan.video.index => {
                let done = packet.pts().or(packet.dts()).map_or(0.0, |time| done(plan, part.span, time));
                if !report(done) {
                    break;
                }
                result = video.packet(&packet);
            }
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(failure) => result = Err(failure),
        }
    }
    // An encoder's own failure says why no frame was taken.
    let counts = video.finish()?;
    if demuxer.clock_jumps() > 0 {
        return Err(Failure::invalid_input(
            "the clock of the file starts again, so its parts cannot be found by time: use chunks=off",
        ));
    }
    result.map(|()| counts)
}

/// How much of a span is before a time of the stream.
fn done(plan: &Plan, span: Span, time: i64) -> f64 {
    let base = plan.video.time_base;
    let microseconds = (plan.duration.unwrap_or(0.0) * 1e6) as i64;
    let end = rescale(microseconds, ffmpeg_next::Rational(1, 1_000_000), base);
    let (from, until) = (span.from.max(0), span.until.min(end));
    let fraction = (time - plan.start_in(base)).saturating_sub(from) as f64 / until.saturating_sub(from).max(1) as f64;
    fraction.clamp(0.0, 1.0)
}

/// What the workers share.
struct Shared<'a> {
    plan: &'a Plan,
    task: &'a Task,
    threads: usize,
    parts: Vec<Part>,
    /// The part that is begun next.
    next: Mutex<usize>,
    /// How far each part is.
    done: Mutex<Vec<f64>>,
}

/// A part that is encoded: how its frames fared, and its packets of each rendition.
struct EncodedPart {
    counts: FrameCounts,
    spools: Vec<Spool>,
}

impl Shared<'_> {
    fn stop(&self) {
        *lock(&self.next) = usize::MAX;
    }

    fn is_stopped(&self) -> bool {
        *lock(&self.next) == usize::MAX
    }

    /// Encodes parts until there are no more.
    fn work(&self, sender: &Sender<(usize, Result<EncodedPart, Failure>)>) {
        loop {
            let number = {
                let mut next = lock(&self.next);
                if *next >= self.parts.len() {
                    return;
                }
                *next += 1;
                *next - 1
            };
            if sender.send((number, self.encode(number))).is_err() {
                return;
            }
        }
    }

    fn encode(&self, number: usize) -> Result<EncodedPart, Failure> {
        let mut spools = Vec::new();
        for rendition in &self.plan.renditions {
            // Never finished, hence no result: what stays of it is removed with the scratch folder.
            spools.push(Spool::new(self.task.outputs.create(format!("chunk-{number}-{}", rendition.name()))?));
        }
        let tracks = spools.iter().map(|spool| Box::new(spool.clone()) as Box<dyn Track>).collect();
        let report = |fraction| {
            self.report(number, fraction);
            !self.is_stopped()
        };
        let counts = encode_part(self.plan, self.task, self.parts[number], tracks, self.threads, report)?;
        Ok(EncodedPart { counts, spools })
    }

    fn report(&self, number: usize, fraction: f64) {
        let Some(duration) = self.plan.duration else { return };
        let mut done = lock(&self.done);
        done[number] = fraction;
        let done = done.iter().sum::<f64>() / done.len() as f64;
        self.task.progress.report_media(done, Some(done * duration));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
