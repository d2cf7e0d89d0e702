//! Parts of the video encoded at once, each from a key frame on, and joined packet by packet in their order. Every part
//! begins with a key frame of its own, and all parts have one encoder's settings, so that no seam shows.
//!
//! Frames belong to the part in whose span they are shown: what is stored behind a key frame but shown before it is
//! decoded by the part before, which reads on until it is past its end. So no frame is lost or there twice, open groups
//! of pictures and variable frame rates included.

use std::collections::BTreeMap;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use catalog::operations::Chunks;
use ffmpeg_next::Packet;
use ffmpeg_next::packet::Flags;
use job::{Failure, OutputFile, Task};

use super::plan::{Plan, rescale};
use super::track::{Encoded, Track};
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
            let processors = std::thread::available_parallelism().map_or(1, usize::from);
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
    let parts = parts(plan, task, workers)?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
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
        let mut join = Join { tracks: &mut tracks, last: BTreeMap::new() };
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
                total = sum(total, counts);
                if let Err(failure) = join.append(spools) {
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
            track.close()?;
        }
        Ok(total)
    })
}

fn sum(total: FrameCounts, part: FrameCounts) -> FrameCounts {
    FrameCounts {
        encoded: total.encoded + part.encoded,
        dropped: total.dropped + part.dropped,
        damaged: total.damaged + part.damaged,
        end: total.end.max(part.end),
    }
}

/// A part of the video.
#[derive(Debug, Clone, Copy)]
struct Part {
    /// Where reading begins, in the stream's own time; none at the beginning.
    seek: Option<i64>,
    span: Span,
}

/// Cuts at key frames, evenly by time. Each cut is the time of a key frame as it is read after a seek.
fn parts(plan: &Plan, task: &Task, workers: usize) -> Result<Vec<Part>, Failure> {
    let duration = plan.duration.unwrap_or(0.0);
    let count = (workers * PARTS_EACH).min((duration / SHORTEST) as usize).max(workers);
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

fn open(plan: &Plan, task: &Task) -> Result<Demuxer, Failure> {
    let mut demuxer = Demuxer::open(&task.input, Pattern::Sequential)?;
    demuxer.find_stream_info()?;
    demuxer.keep_only(&[plan.video.index]);
    Ok(demuxer)
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
        let Part { seek, span } = self.parts[number];
        let mut spools = Vec::new();
        for rendition in &self.plan.renditions {
            // Never finished, hence no result: what stays of it is removed with the scratch folder.
            let output = self.task.outputs.create(format!("chunk-{number}-{}", rendition.name()))?;
            spools.push(Arc::new(Mutex::new(SpoolState { writer: BufWriter::new(output), encoded: None })));
        }
        let tracks = spools.iter().map(|spool| Box::new(Spool(Arc::clone(spool))) as Box<dyn Track>).collect();
        let mut demuxer = open(self.plan, self.task)?;
        if let Some(seek) = seek {
            demuxer.seek(self.plan.video.index, seek)?;
        }
        let mut video = VideoPath::new(self.plan, span, tracks, self.threads)?;
        let mut result = Ok(());
        while result.is_ok() && !video.is_done() && !self.is_stopped() {
            match demuxer.read() {
                Ok(Some(packet)) if packet.stream() == self.plan.video.index => {
                    self.report(number, packet.pts().or(packet.dts()));
                    result = video.packet(&packet);
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(failure) => result = Err(failure),
            }
        }
        // An encoder's own failure says why no frame was taken.
        let counts = video.finish()?;
        result?;
        Ok(EncodedPart { counts, spools: spools.into_iter().map(Spool).collect() })
    }

    fn report(&self, number: usize, time: Option<i64>) {
        let (Some(time), Some(duration)) = (time, self.plan.duration) else { return };
        let base = self.plan.video.time_base;
        let until = rescale((duration * 1e6) as i64, ffmpeg_next::Rational(1, 1_000_000), base);
        let Span { from, until } =
            Span { from: self.parts[number].span.from.max(0), until: self.parts[number].span.until.min(until) };
        let fraction = (time - self.plan.start_in(base) - from) as f64 / (until - from).max(1) as f64;
        let mut done = lock(&self.done);
        done[number] = fraction.clamp(0.0, 1.0);
        let done = done.iter().sum::<f64>() / done.len() as f64;
        self.task.progress.report_media(done, Some(done * duration));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The packets of one rendition of one part, in a file of the scratch folder.
struct Spool(Arc<Mutex<SpoolState>>);

struct SpoolState {
    writer: BufWriter<OutputFile>,
    encoded: Option<Encoded>,
}

/// Of a packet, before its bytes: presentation and decoding time, flags, size.
const HEADER: usize = 8 + 8 + 4 + 4;

impl Track for Spool {
    fn open(&mut self, encoded: &Encoded) -> Result<(), Failure> {
        lock(&self.0).encoded = Some(encoded.clone());
        Ok(())
    }

    fn write(&mut self, packet: Packet) -> Result<(), Failure> {
        let bytes = packet.data().unwrap_or_default();
        let mut header = Vec::with_capacity(HEADER);
        header.extend(packet.pts().unwrap_or(0).to_le_bytes());
        header.extend(packet.dts().or(packet.pts()).unwrap_or(0).to_le_bytes());
        header.extend(packet.flags().bits().to_le_bytes());
        header.extend((bytes.len() as u32).to_le_bytes());
        let writer = &mut lock(&self.0).writer;
        writer.write_all(&header)?;
        writer.write_all(bytes)?;
        Ok(())
    }

    fn close(&mut self) -> Result<(), Failure> {
        lock(&self.0).writer.flush()?;
        Ok(())
    }
}

/// Puts parts behind each other.
struct Join<'a> {
    tracks: &'a mut Vec<Box<dyn Track>>,
    /// The decoding time written last, and what the decoder was told, by rendition.
    last: BTreeMap<usize, (i64, Vec<u8>)>,
}

impl Join<'_> {
    fn append(&mut self, spools: Vec<Spool>) -> Result<(), Failure> {
        for (at, spool) in spools.into_iter().enumerate() {
            let mut state = lock(&spool.0);
            // A part without a frame, at the end of a video that is shorter than it says.
            let Some(encoded) = state.encoded.take() else { continue };
            match self.last.get(&at) {
                None => {
                    self.tracks[at].open(&encoded)?;
                    self.last.insert(at, (i64::MIN, encoded.extradata().to_vec()));
                }
                Some((_, first)) if first != encoded.extradata() => {
                    return Err(Failure::internal(
                        "the encoder set itself up differently for parts of one video, so that they cannot be joined; \
                         chunks=off encodes it in one",
                    ));
                }
                Some(_) => {}
            }
            let file = state.writer.get_mut().file();
            file.rewind()?;
            let mut reader = BufReader::new(file);
            while let Some(mut packet) = read_packet(&mut reader)? {
                let last = &mut self.last.get_mut(&at).expect("just seen").0;
                let time = packet.dts().unwrap_or(0);
                if time <= *last {
                    packet.set_dts(Some(*last + 1));
                }
                *last = packet.dts().unwrap_or(time);
                self.tracks[at].write(packet)?;
            }
        }
        Ok(())
    }
}

fn read_packet(reader: &mut impl Read) -> Result<Option<Packet>, Failure> {
    let mut header = [0; HEADER];
    match reader.read_exact(&mut header) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let long = |at: usize| i64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
    let short = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
    let mut packet = Packet::new(short(20) as usize);
    reader.read_exact(packet.data_mut().unwrap_or_default())?;
    packet.set_pts(Some(long(0)));
    packet.set_dts(Some(long(8)));
    packet.set_flags(Flags::from_bits_truncate(short(16) as i32));
    Ok(Some(packet))
}
