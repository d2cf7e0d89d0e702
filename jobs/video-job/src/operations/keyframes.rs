//! Key frames as pictures, from a fraction of the bytes: the container's index says where they are, and only those
//! ranges are read. With them an index, sprite sheets and a thumbnail track.
//!
//! One thread reads packets ([`producer`]); as many as there are processors decode, convert and encode, each key frame on
//! its own ([`worker`]). Where a frame turns out to need those before it, a second pass decodes from the last true key frame.

use std::fmt::Write as _;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock};

use catalog::Format;
use catalog::operations::{Keyframes, Select};
use contract::{Failure, Properties};
use ffmpeg_next::Rational;
use operation::Task;
use serde::Serialize;
use serde_json::{Value, json};

use self::producer::{Listing, Producer, open};
use self::worker::{Shared, Suspect, Work, lock};
use crate::animation;
use crate::avio::Pattern;
use crate::open::{Demuxer, Index, StreamInfo, percent, seconds};
use crate::picture::fit;
use crate::sprite::SpriteSheets;
use crate::webvtt::{self, Cue};

mod choice;
mod producer;
mod worker;

/// The quality of sprite sheets, at most: small pictures hide what costs bytes.
const SPRITE_QUALITY: u8 = 75;

/// How the frames were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Method {
    /// The container lists its key frames; only those were read.
    Index,
    /// The container has no such list: it was searched by time, and read from a little before each moment.
    Seek,
    /// The container has no such list: it was read from beginning to end.
    Scan,
    /// Every frame was decoded.
    Decode,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// Decoded without an error.
    Ok,
    /// Decoded, but the decoder said that parts are wrong.
    Damaged,
    /// It could not be decoded; there is no picture.
    Failed,
    /// Its bytes are behind the end of the object; there is no picture.
    Missing,
}

/// A line of the index.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct FrameRecord {
    /// Counted from 1.
    number: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// Seconds from the beginning.
    time: f64,
    /// In units of the stream's time base.
    pts: Option<i64>,
    /// Where the coded frame begins in the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// Bytes of the coded frame.
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<usize>,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Writes `frames/*`, `index.json`, `sprite-*` and `sprites.vtt`.
pub fn keyframes(options: &Keyframes, task: &Task) -> Result<Properties, Failure> {
    let made = animation::as_video(task, options.allow_truncated)?;
    let task = made.as_ref().unwrap_or(task);
    let is_scene = matches!(options.select, Select::Scene(_));
    let listing = Listing::of(task.input.format());
    let is_scan = match listing {
        Listing::Listed => is_scene,
        Listing::Searched => is_scene || options.select == Select::All,
        Listing::Read => true,
    };
    let mut demuxer = open(task, if is_scan { Pattern::Sequential } else { Pattern::Sparse })?;
    let video = demuxer.video_stream()?;
    video.require_decoder()?;
    if video.has_alpha {
        task.outputs.warn("the transparency of the picture was left out");
    }
    let has_index = listing == Listing::Listed && !is_scene;
    let index = if has_index { demuxer.index(video.index)? } else { Index::default() };
    if has_index && index.entries.is_empty() && matches!(task.input.format(), Format::Mkv | Format::Webm) {
        // Looking for the index moved the demuxer.
        demuxer = open(task, Pattern::Sequential)?;
    }
    find_start(&mut demuxer, &index, &video, task)?;
    let has_failed = AtomicBool::new(false);
    let mut producer = Producer::new(&mut demuxer, &video, options, task, index, &has_failed);
    let shared = Shared {
        options,
        video: &video,
        outputs: &task.outputs,
        sprites: sprite_sheets(options, &video),
        records: Mutex::default(),
        has_failed: &has_failed,
        first: OnceLock::new(),
        suspects: Mutex::default(),
        anchors: Mutex::default(),
    };
    make_pictures(&shared, |sender| producer.produce(sender))?;
    let suspects: Vec<Suspect> =
        producer.suspects.drain(..).chain(std::mem::take(&mut *lock(&shared.suspects))).collect();
    if !suspects.is_empty() {
        let anchors = std::mem::take(&mut *lock(&shared.anchors));
        let mut failed = Vec::new();
        make_pictures(&shared, |sender| {
            failed = producer.decode_suspects(sender, suspects, &anchors)?;
            Ok(())
        })?;
        for suspect in failed {
            shared.settle(suspect.number, None)?;
            lock(&shared.records).push(suspect.into_failed());
        }
    }
    let Producer { method, missing, .. } = producer;
    let expected = demuxer.missing_until();
    let duration = demuxer.duration();
    finish(&shared, task, method, &missing, expected, duration)
}

/// Where no thread can be started, what waits is in memory: so many frames, of those that `count` asks for and what is found on the way.
const ALONE: usize = 256;

/// Decodes and writes what `produce` sends, on all processors.
fn make_pictures(
    shared: &Shared<'_>,
    produce: impl FnOnce(&SyncSender<Work>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let workers = operation::processors().min(8);
    let (sender, receiver) = sync_channel::<Work>(workers);
    let receiver = Mutex::new(receiver);
    std::thread::scope(|scope| {
        let start = || std::thread::Builder::new().spawn_scoped(scope, || shared.work(&receiver));
        let threads: Vec<_> = (0..workers).map_while(|_| start().ok()).collect();
        if threads.is_empty() {
            return make_pictures_alone(shared, produce);
        }
        let produced = produce(&sender);
        drop(sender);
        let worked: Result<Vec<()>, Failure> = threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| Failure::internal("a decoder panicked"))?)
            .collect();
        // A failure of writing hides behind "no decoder takes frames any more".
        worked.and(produced)
    })
}

/// The same on this thread: first all are read, then all are decoded.
fn make_pictures_alone(
    shared: &Shared<'_>,
    produce: impl FnOnce(&SyncSender<Work>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if !matches!(shared.options.select, Select::Count(count) if count as usize <= ALONE / 2) {
        return Err(Failure::internal(format!("no thread can be started for more than {} frames", ALONE / 2)));
    }
    let (sender, receiver) = sync_channel::<Work>(ALONE);
    produce(&sender)?;
    drop(sender);
    shared.work(&Mutex::new(receiver))
}

/// A file's clock may begin anywhere. libavformat knows where only if it has read the beginning, which an index spares: it is
/// looked for where the first key frame is late.
fn find_start(demuxer: &mut Demuxer, index: &Index, video: &StreamInfo, task: &Task) -> Result<(), Failure> {
    /// Seconds from which on a first key frame is late.
    const LATE: f64 = 0.5;
    let is_late = index.entries.first().is_some_and(|first| first.timestamp as f64 * seconds(video.time_base) > LATE);
    if !is_late || index.begins_within.is_some() {
        return Ok(());
    }
    let start = match task.input.format() {
        Format::Mp4 | Format::Mov => demuxer.first_listed(),
        Format::Mkv | Format::Webm => {
            let mut beginning = open(task, Pattern::Sparse)?;
            let bases: Vec<Rational> = beginning.streams().iter().map(|stream| stream.time_base).collect();
            beginning
                .read()?
                .and_then(|packet| Some(packet.pts().or(packet.dts())? as f64 * seconds(*bases.get(packet.stream())?)))
        }
        _ => None,
    };
    if let Some(start) = start.filter(|start| *start > LATE) {
        demuxer.set_start(start);
    }
    Ok(())
}

/// Writes what needs all frames: the last sheets, the track, the index.
fn finish(
    shared: &Shared<'_>,
    task: &Task,
    method: Method,
    missing: &[FrameRecord],
    expected: Option<u64>,
    duration: Option<f64>,
) -> Result<Properties, Failure> {
    let mut records = std::mem::take(&mut *lock(&shared.records));
    records.sort_unstable_by_key(|record| record.number);
    let mut sheets = 0;
    if let Some(sprites) = &shared.sprites {
        let mut sprites = lock(sprites);
        for (number, sheet) in sprites.rest() {
            shared.write_sheet(number, &sheet)?;
        }
        sheets = records.last().map_or(0, |record| sprites.tile(record.number - 1).sheet);
        let cues = cues(shared, &sprites, &records, duration);
        if !cues.is_empty() {
            task.outputs.write("sprites.vtt", "text/vtt", webvtt::track(&cues).as_bytes(), Properties::new())?;
        }
    }
    let good = records.iter().filter(|record| record.status == Status::Ok).count();
    let pictures = records.iter().filter(|record| record.file.is_some()).count();
    let bad: Vec<_> = records.iter().filter(|record| record.status != Status::Ok).cloned().collect();
    records.extend(missing.iter().cloned());

    let size = task.input.size();
    let (width, height) = shared.video.dimensions();
    let Rational(numerator, denominator) = shared.video.time_base;
    let mut index = json!({
        "select": shared.options.select.to_string(),
        "method": method,
        "duration": duration,
        "stream": {
            "index": shared.video.index,
            "codec": shared.video.codec_name(task.input.format()),
            "width": width,
            "height": height,
            "rotation": shared.video.orientation.rotation,
            "mirrored": shared.video.orientation.is_mirrored,
            "timeBase": format!("{numerator}/{denominator}"),
        },
        "frames": records,
        "sprites": (1..=sheets).map(|number| shared.sheet_name(number)).collect::<Vec<_>>(),
    });
    if let Some(expected) = expected {
        index["truncated"] = json!({ "expectedSize": expected, "size": size });
    }
    let text = serde_json::to_vec_pretty(&index).expect("an index is numbers and words");
    task.outputs.write("index.json", "application/json", &text, Properties::new())?;

    let is_whole = missing.is_empty() && expected.is_none() && bad.is_empty() && pictures > 0;
    let is_enough = is_whole || (shared.options.allow_truncated && pictures > 0);
    if !is_enough {
        return Err(Failure::invalid_input(incomplete(good, &bad, missing, expected, size)));
    }
    let mut properties = Properties::new();
    properties.insert("frames".into(), pictures.into());
    properties.insert("method".into(), serde_json::to_value(method).unwrap_or(Value::Null));
    properties.insert("duration".into(), duration.into());
    if !is_whole {
        properties.insert("truncated".into(), (expected.is_some() || !missing.is_empty()).into());
        properties.insert("damagedFrames".into(), bad.len().into());
        properties.insert("missingFrames".into(), missing.len().into());
    }
    Ok(properties)
}

/// What is wrong, and what was got.
fn incomplete(good: usize, bad: &[FrameRecord], missing: &[FrameRecord], expected: Option<u64>, size: u64) -> String {
    let mut message = String::new();
    if let Some(expected) = expected {
        message =
            format!("the file is truncated: {size} of {expected} bytes are present ({}); ", percent(size, expected));
    } else if !missing.is_empty() {
        message = format!("the file is truncated: its index names frames behind its end at byte {size}; ");
    } else if good + bad.len() == 0 {
        return "the video has no key frames".to_owned();
    }
    let all = good + bad.len() + missing.len();
    let _ = write!(message, "{good} of {all} key frames could be decoded without error");
    if let Some(first) = bad.first() {
        let reason = first.reason.as_deref().unwrap_or("it is damaged");
        let _ = write!(message, "; the first bad one is number {} at {:.3} s: {reason}", first.number, first.time);
    }
    if good + bad.len() > 0 {
        message += "; use allow-truncated to keep what could be decoded";
    }
    message
}

fn cues(shared: &Shared<'_>, sprites: &SpriteSheets, records: &[FrameRecord], duration: Option<f64>) -> Vec<Cue> {
    let (width, height) = sprites.tile_size();
    let mut shown: Vec<&FrameRecord> = records.iter().filter(|record| record.file.is_some()).collect();
    shown.sort_by(|a, b| a.time.total_cmp(&b.time));
    let ends = shown.iter().skip(1).map(|next| next.time);
    // Of an unknown end, the last picture is shown for a second.
    let last = shown.last().map_or(0.0, |record| duration.unwrap_or(record.time + 1.0).max(record.time + 0.001));
    shown
        .iter()
        .zip(ends.chain([last]))
        .enumerate()
        .map(|(at, (record, end))| {
            let tile = sprites.tile(record.number - 1);
            // The first picture stands for what is before it, too.
            let start = if at == 0 { 0.0 } else { record.time };
            Cue { start, end, sheet: shared.sheet_name(tile.sheet), x: tile.x, y: tile.y, width, height }
        })
        .collect()
}

fn sprite_sheets(options: &Keyframes, video: &StreamInfo) -> Option<Mutex<SpriteSheets>> {
    if options.sprite_width == 0 {
        return None;
    }
    let (width, height) = video.dimensions();
    let aspect = video.stored_pixel_aspect().unwrap_or(Rational(1, 1));
    let aspect = (aspect.numerator(), aspect.denominator());
    let stored = fit(width.max(1) as u32, height.max(1) as u32, aspect, video.orientation, None);
    let (wide, high) = video.orientation.shown(stored);
    let tile_width = options.sprite_width.min(wide.max(2));
    let tile_height = (f64::from(tile_width) * f64::from(high) / f64::from(wide)).round().clamp(2.0, 1280.0);
    Some(Mutex::new(SpriteSheets::new(tile_width as usize, tile_height as usize)))
}
