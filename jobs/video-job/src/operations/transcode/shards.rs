//! One video encoded by several processes, such as the children of an array job: each encodes one shard of the picture, and
//! a last one merges the shards by copying their packets, and encodes the audio.
//!
//! Every process finds the same cuts, from the file and the number of shards (see [`super::chunks`]). A shard is the
//! packets of each rendition, `720p.packets`, and a `part.json` in the same folder.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::sync::{Arc, Mutex, PoisonError};

use contract::{Failure, FailureKind, Properties};
use ffmpeg_next::Packet;
use operation::{Share, Task};
use serde::{Deserialize, Serialize};

use super::Tracks;
use super::chunks::{encode_part, open, parts};
use super::plan::Plan;
use super::spool::{Join, Spool, set_up_differently};
use super::track::{Encoded, Track};
use super::video_path::{FrameCounts, Span, VideoPath};
use crate::open::{Demuxer, seconds};

const DESCRIPTION: &str = "part.json";
const JSON: &str = "application/json";
const PACKETS: &str = "application/octet-stream";
/// A longer description than this was not written here.
const MAX_DESCRIPTION: u64 = 1 << 20;

/// What the merge has to know of a shard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    /// How many threads its encoders had, which shows in the headers of some codecs.
    threads: usize,
    counts: FrameCounts,
    /// Of each rendition, what its decoder has to be told first; none without a frame.
    headers: Vec<Option<Vec<u8>>>,
}

/// Encodes one of `count` shards. One for which there is no key frame is empty.
pub(crate) fn encode(plan: &Plan, task: &Task, index: u32, count: u32) -> Result<Properties, Failure> {
    let threads = operation::processors();
    let names: Vec<String> = plan.renditions.iter().map(|rendition| format!("{}.packets", rendition.name())).collect();
    let mut spools = Vec::new();
    for name in &names {
        spools.push(Spool::new(task.outputs.create(name)?));
    }
    let counts = match parts(plan, task, count as usize)?.get(index as usize) {
        None => FrameCounts::default(),
        Some(part) => {
            let tracks = spools.iter().map(|spool| Box::new(spool.clone()) as Box<dyn Track>).collect();
            let report = |fraction| {
                task.progress.report(fraction);
                true
            };
            encode_part(plan, task, *part, tracks, threads, report)?
        }
    };
    let mut headers = Vec::new();
    for spool in spools {
        let (encoded, output) = spool.into_parts()?;
        headers.push(encoded.map(|encoded| encoded.extradata().to_vec()));
        output.finish(PACKETS, Properties::new());
    }
    let text = serde_json::to_vec(&Description { threads, counts, headers })
        .map_err(|error| Failure::internal("a shard cannot be described").because(error))?;
    task.outputs.write(DESCRIPTION, JSON, &text, Properties::new())?;
    Ok(Properties::from_iter([("frames".to_owned(), counts.encoded.into()), ("end".to_owned(), counts.end.into())]))
}

/// Merges the shards into the tracks of the renditions, and encodes the audio.
pub(crate) fn merge(
    plan: &Plan,
    task: &Task,
    count: u32,
    mut tracks: Vec<Box<dyn Track>>,
    audio: &mut Tracks,
    demuxer: &mut Demuxer,
) -> Result<FrameCounts, Failure> {
    let descriptions = (0..count).map(|index| describe(task, index, count)).collect::<Result<Vec<_>, _>>()?;
    let mut total = FrameCounts::default();
    let Some(threads) = descriptions.iter().find(|part| part.counts.encoded > 0).map(|part| part.threads) else {
        return Ok(total);
    };
    let encoded = headers(plan, task, threads)?;
    let mut audio = AudioBeside::new(audio, demuxer, plan);
    let mut join = Join::new(&mut tracks);
    for (index, description) in (0..count).zip(&descriptions) {
        total = total.and(description.counts);
        for (at, (rendition, header)) in plan.renditions.iter().zip(&description.headers).enumerate() {
            let Some(header) = header else { continue };
            let encoded = encoded.get(at).and_then(Option::as_ref).ok_or_else(set_up_differently)?;
            if header != encoded.extradata() {
                return Err(set_up_differently());
            }
            join.begin(at, encoded)?;
            let file = companion(task, index, count, &format!("{}.packets", rendition.name()))?;
            let length = file.metadata()?.len();
            let base = seconds(encoded.time_base);
            join.append(at, &mut BufReader::new(file), length, |time| audio.read_until(time as f64 * base))?;
        }
        task.progress.report(f64::from(index + 1) / f64::from(count));
    }
    for track in &mut tracks {
        track.close(Some(total.end))?;
    }
    audio.read_until(f64::INFINITY)?;
    Ok(total)
}

fn describe(task: &Task, index: u32, count: u32) -> Result<Description, Failure> {
    let file = companion(task, index, count, DESCRIPTION)?;
    if file.metadata()?.len() > MAX_DESCRIPTION {
        return Err(Failure::internal(format!("{DESCRIPTION} of shard {index} cannot be read")));
    }
    serde_json::from_reader(BufReader::new(file))
        .map_err(|error| Failure::internal(format!("{DESCRIPTION} of shard {index} cannot be read")).because(error))
}

fn companion(task: &Task, index: u32, count: u32, name: &str) -> Result<std::fs::File, Failure> {
    let path = format!("{}/{name}", Share::folder(index, count));
    task.input.companion(&path).map_err(|failure| match failure.kind() {
        FailureKind::InvalidInput => Failure::internal(format!(
            "{name} of shard {index} of {count} not found; encode every shard before merging"
        )),
        _ => failure,
    })
}

/// What the encoders of the shards told of themselves, by setting them up once more for the first frames.
fn headers(plan: &Plan, task: &Task, threads: usize) -> Result<Vec<Option<Encoded>>, Failure> {
    let headers: Vec<HeaderTrack> = plan.renditions.iter().map(|_| HeaderTrack::default()).collect();
    let tracks = headers.iter().map(|track| Box::new(track.clone()) as Box<dyn Track>).collect();
    let mut video = VideoPath::new(plan, Span::WHOLE, tracks, threads)?;
    let mut demuxer = open(plan, task)?;
    while !headers.iter().all(HeaderTrack::is_open)
        && let Some(packet) = demuxer.read()?
    {
        if packet.stream() == plan.video.index {
            video.packet(&packet)?;
        }
    }
    video.finish()?;
    Ok(headers.into_iter().map(|track| track.lock().take()).collect())
}

/// Keeps what is known of a track, and nothing of its packets.
#[derive(Clone, Default)]
struct HeaderTrack(Arc<Mutex<Option<Encoded>>>);

impl HeaderTrack {
    fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Encoded>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Track for HeaderTrack {
    fn open(&mut self, encoded: &Encoded) -> Result<(), Failure> {
        *self.lock() = Some(encoded.clone());
        Ok(())
    }

    fn write(&mut self, _packet: Packet) -> Result<(), Failure> {
        Ok(())
    }

    fn close(&mut self, _end: Option<f64>) -> Result<(), Failure> {
        Ok(())
    }
}

/// Reads the audio no further than the picture has come: a container keeps in memory what it has of one track and not of
/// the others.
struct AudioBeside<'a> {
    audio: &'a mut Tracks,
    demuxer: &'a mut Demuxer,
    /// Of the streams that are read: the beginning of the file in their own units, and seconds of a unit.
    clocks: BTreeMap<usize, (i64, f64)>,
    /// Seconds that were read.
    read: f64,
}

impl<'a> AudioBeside<'a> {
    fn new(audio: &'a mut Tracks, demuxer: &'a mut Demuxer, plan: &Plan) -> Self {
        let clocks: BTreeMap<_, _> = (plan.audio.iter().chain(&plan.subtitles))
            .map(|stream| (stream.index, (plan.start_in(stream.time_base), seconds(stream.time_base))))
            .collect();
        demuxer.keep_only(&clocks.keys().copied().collect::<Vec<_>>());
        let read = if clocks.is_empty() { f64::INFINITY } else { f64::NEG_INFINITY };
        Self { audio, demuxer, clocks, read }
    }

    fn read_until(&mut self, time: f64) -> Result<(), Failure> {
        while self.read < time {
            let Some(mut packet) = self.demuxer.read()? else {
                self.read = f64::INFINITY;
                break;
            };
            let clock = self.clocks.get(&packet.stream());
            if let (Some((start, base)), Some(time)) = (clock, packet.dts().or(packet.pts())) {
                self.read = self.read.max((time - start) as f64 * base);
            }
            self.audio.packet(&mut packet)?;
        }
        Ok(())
    }
}
