//! Key frames as pictures, from a fraction of the bytes: the container's index says where they are, and only those
//! ranges are read. With them an index, sprite sheets and a thumbnail track.
//!
//! One thread reads packets; as many as there are processors decode, convert and encode, each key frame on its own.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use catalog::Format;
use catalog::operations::{Keyframes, Select};
use contract::{Failure, FailureKind, Properties};
use ffmpeg_next::codec::decoder;
use ffmpeg_next::frame::Video;
use ffmpeg_next::{Packet, Rational};
use operation::{Outputs, Task};
use serde::Serialize;
use serde_json::{Value, json};

use crate::avio::Pattern;
use crate::open::{Demuxer, IndexEntry, StreamInfo, percent, seconds};
use crate::picture::{PictureMaker, fit};
use crate::scene::SceneDetector;
use crate::sprite::SpriteSheets;
use crate::still::StillEncoder;
use crate::webvtt::{self, Cue};

/// The quality of sprite sheets, at most: small pictures hide what costs bytes.
const SPRITE_QUALITY: u8 = 75;

/// How the frames were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Method {
    /// The container lists its key frames; only those were read.
    Index,
    /// The container has no such list: it was searched by time, and the first key frame from there on was taken.
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

/// Something to make a picture of.
struct Work {
    number: usize,
    time: f64,
    pts: Option<i64>,
    position: Option<u64>,
    size: u64,
    source: Source,
}

enum Source {
    Coded(Packet),
    Decoded(Video),
}

// SAFETY: packets and frames are reference-counted memory that is handed over whole.
unsafe impl Send for Work {}

/// Writes `frames/*`, `index.json`, `sprite-*` and `sprites.vtt`.
pub fn keyframes(options: &Keyframes, task: &Task) -> Result<Properties, Failure> {
    let format = task.input.format();
    let is_scene = matches!(options.select, Select::Scene(_));
    let is_scan = is_scene || (format == Format::MpegTs && options.select == Select::All);
    let mut demuxer = open(task, if is_scan { Pattern::Sequential } else { Pattern::Sparse })?;
    let video = demuxer.video_stream()?;
    video.require_decoder()?;
    let entries = if is_scene || format == Format::MpegTs { Vec::new() } else { demuxer.index(video.index)? };
    if entries.is_empty() && matches!(format, Format::Mkv | Format::Webm) {
        // Looking for the index moved the demuxer.
        demuxer = open(task, Pattern::Sequential)?;
    }
    let has_failed = AtomicBool::new(false);
    let mut producer = Producer::new(&mut demuxer, &video, options, task, entries, &has_failed);

    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let sprites = sprite_sheets(options, &video);
    let shared = Shared {
        options,
        video: &video,
        outputs: &task.outputs,
        sprites,
        records: Mutex::default(),
        has_failed: &has_failed,
    };
    let (sender, receiver) = sync_channel::<Work>(workers);
    let receiver = Mutex::new(receiver);
    let (method, produced) = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(|| shared.work(&receiver))).collect();
        let produced = producer.produce(&sender);
        drop(sender);
        let worked: Result<Vec<()>, Failure> = threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| Failure::internal("a decoder panicked"))?)
            .collect();
        // A failure of writing hides behind "nobody takes frames any more".
        worked.and(produced.map(|()| (producer.method, std::mem::take(&mut producer.missing))))
    })?;
    drop(producer);
    let expected = demuxer.missing_until();
    let duration = demuxer.duration();
    finish(&shared, task, method, &produced, expected, duration)
}

fn open(task: &Task, pattern: Pattern) -> Result<Demuxer, Failure> {
    let mut demuxer = Demuxer::open(&task.input, pattern)?;
    if matches!(task.input.format(), Format::MpegTs | Format::Avi) {
        demuxer.find_stream_info()?;
    } else {
        demuxer.trust_container();
    }
    Ok(demuxer)
}

/// Reads the packets or frames that were asked for.
struct Producer<'a> {
    demuxer: &'a mut Demuxer,
    video: &'a StreamInfo,
    options: &'a Keyframes,
    task: &'a Task,
    method: Method,
    entries: Vec<IndexEntry>,
    duration: Option<f64>,
    sent: usize,
    missing: Vec<FrameRecord>,
    has_failed: &'a AtomicBool,
}

impl<'a> Producer<'a> {
    fn new(
        demuxer: &'a mut Demuxer,
        video: &'a StreamInfo,
        options: &'a Keyframes,
        task: &'a Task,
        entries: Vec<IndexEntry>,
        has_failed: &'a AtomicBool,
    ) -> Self {
        let has_index = !entries.is_empty() && !demuxer.layout().is_fragmented;
        let is_stream = task.input.format() == Format::MpegTs;
        let method = match options.select {
            Select::Scene(_) => Method::Decode,
            _ if has_index || demuxer.layout().is_fragmented => Method::Index,
            Select::Every(_) | Select::Count(_) if is_stream => Method::Seek,
            _ => Method::Scan,
        };
        let duration = demuxer.duration();
        Self { demuxer, video, options, task, method, entries, duration, sent: 0, missing: Vec::new(), has_failed }
    }

    /// Sends everything.
    fn produce(&mut self, sender: &SyncSender<Work>) -> Result<(), Failure> {
        let step = self.step()?;
        match (self.method, self.options.select) {
            (Method::Decode, Select::Scene(score)) => self.decode_scenes(sender, score),
            (Method::Index, _) if !self.demuxer.layout().is_fragmented => self.read_listed(sender, step),
            (Method::Seek, _) => self.read_by_time(sender, step.unwrap_or(1.0)),
            _ => self.read_through(sender, step),
        }
    }

    /// Seconds between the moments of which a frame is wanted; none for every frame.
    fn step(&self) -> Result<Option<f64>, Failure> {
        match self.options.select {
            Select::All | Select::Scene(_) => Ok(None),
            Select::Every(seconds) => Ok(Some(seconds)),
            Select::Count(count) => match self.duration {
                Some(duration) => Ok(Some(duration / f64::from(count))),
                None => Err(Failure::invalid_input(
                    "the file does not say how long it is, so frames cannot be spread over it: use select=every=SECONDS",
                )),
            },
        }
    }

    fn time_of(&self, timestamp: i64) -> f64 {
        timestamp as f64 * seconds(self.video.time_base) - self.demuxer.start()
    }

    /// Of the listed key frames, those that were asked for: read one by one, their ranges fetched ahead.
    fn read_listed(&mut self, sender: &SyncSender<Work>, step: Option<f64>) -> Result<(), Failure> {
        // MP4 lists decoding times, which begin before zero where frames are reordered.
        let shift = self.entries.first().map_or(0, |first| -first.timestamp.min(0));
        let times: Vec<f64> = self.entries.iter().map(|entry| self.time_of(entry.timestamp + shift)).collect();
        let chosen = choose(&times, step, self.duration);
        self.check_count(chosen.len())?;
        let mut listed: Vec<IndexEntry> = chosen.iter().map(|at| self.entries[*at]).collect();
        let size = self.demuxer.size();
        let first_missing = 1 + listed.iter().filter(|entry| entry.position + entry.size.max(1) <= size).count();
        for (at, entry) in listed.iter().filter(|entry| entry.position + entry.size.max(1) > size).enumerate() {
            self.missing.push(FrameRecord {
                number: first_missing + at,
                file: None,
                time: self.time_of(entry.timestamp + shift),
                pts: None,
                position: Some(entry.position),
                size: entry.size,
                width: None,
                height: None,
                status: Status::Missing,
                reason: Some(format!("it ends at byte {}, and the object has {size}", entry.position + entry.size)),
            });
        }
        listed.retain(|entry| entry.position + entry.size.max(1) <= size);
        let total = listed.len();
        let ranges: Vec<_> = listed
            .iter()
            .filter(|entry| entry.size > 0)
            .map(|entry| entry.position..entry.position + entry.size)
            .collect();
        self.demuxer.avio().plan(ranges);
        self.demuxer.keep_only_key_frames(self.video.index);
        for (at, entry) in listed.into_iter().enumerate() {
            if let Some(packet) = self.read_entry(entry)? {
                self.send(sender, packet)?;
            }
            self.task.progress.report(at as f64 / total as f64);
        }
        Ok(())
    }

    /// The frame of an index entry. A seek for each: reading on, libavformat gives MP4's key frames the presentation times
    /// of frames that it left out. It takes the time it is given for a presentation time, which lies between this entry's
    /// decoding time and the next one's: hence first the middle.
    fn read_entry(&mut self, entry: IndexEntry) -> Result<Option<Packet>, Failure> {
        let next = self.entries.partition_point(|other| other.timestamp <= entry.timestamp);
        let next = self.entries.get(next).map_or(entry.timestamp.saturating_add(1 << 40), |next| next.timestamp);
        let middle = entry.timestamp + (next - entry.timestamp) / 2;
        let is_mp4 = matches!(self.task.input.format(), Format::Mp4 | Format::Mov);
        let candidates = if is_mp4 { vec![middle, entry.timestamp, next - 1] } else { vec![entry.timestamp] };
        for timestamp in candidates {
            self.demuxer.seek(self.video.index, timestamp)?;
            let packet = self.next_key_packet()?;
            if let Some(packet) = packet
                && (!is_mp4 || u64::try_from(packet.position()) == Ok(entry.position))
            {
                return Ok(Some(packet));
            }
        }
        Ok(None)
    }

    /// No list: from beginning to end, key frames only.
    fn read_through(&mut self, sender: &SyncSender<Work>, step: Option<f64>) -> Result<(), Failure> {
        self.demuxer.keep_only_key_frames(self.video.index);
        let mut candidate: Option<(f64, Packet)> = None;
        let mut is_first = true;
        let mut delay = None;
        while let Some(mut packet) = self.next_key_packet()? {
            if self.demuxer.layout().is_fragmented
                && let (Some(pts), Some(dts)) = (packet.pts(), packet.dts())
            {
                // Presentation times are off as in read_entry; the delay of a key frame is always the same.
                let delay = *delay.get_or_insert(pts - dts);
                packet.set_pts(Some(dts + delay));
            }
            let time = self.time_of(packet.pts().or(packet.dts()).unwrap_or(0));
            if let Some(duration) = self.duration {
                self.task.progress.report(time / duration);
            }
            let Some(step) = step else {
                self.send(sender, packet)?;
                continue;
            };
            if let Some((from, packet)) = candidate.replace((time, packet))
                && holds_moment(if is_first { 0.0 } else { from }, time, step)
            {
                is_first = false;
                self.send(sender, packet)?;
            }
        }
        if let Some((from, packet)) = candidate
            && holds_moment(
                if is_first { 0.0 } else { from },
                self.duration.unwrap_or(f64::INFINITY),
                step.unwrap_or(1.0),
            )
        {
            self.send(sender, packet)?;
        }
        Ok(())
    }

    /// No list: the first key frame from each moment on.
    fn read_by_time(&mut self, sender: &SyncSender<Work>, step: f64) -> Result<(), Failure> {
        let Some(duration) = self.duration else { return self.read_through(sender, Some(step)) };
        let moments = (duration / step).ceil().clamp(1.0, 1e9) as usize;
        self.check_count(moments)?;
        self.demuxer.keep_only(&[self.video.index]);
        let mut last = None;
        for moment in 0..moments {
            let time = moment as f64 * step + self.demuxer.start();
            self.demuxer.seek(self.video.index, (time / seconds(self.video.time_base)) as i64)?;
            let Some(packet) = self.next_key_packet()? else { continue };
            if last.replace(packet.pts()) != Some(packet.pts()) {
                self.send(sender, packet)?;
            }
            self.task.progress.report(moment as f64 / moments as f64);
        }
        Ok(())
    }

    fn decode_scenes(&mut self, sender: &SyncSender<Work>, score: f64) -> Result<(), Failure> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(16);
        let mut decoder = open_decoder(self.video, threads)?;
        let mut detector = SceneDetector::new(score);
        self.demuxer.keep_only(&[self.video.index]);
        loop {
            let packet = self.demuxer.read()?;
            match &packet {
                // A packet that cannot be decoded shows by what is wrong with the frames.
                Some(packet) if packet.stream() == self.video.index => drop(decoder.send_packet(packet)),
                Some(_) => continue,
                None => drop(decoder.send_eof()),
            }
            loop {
                let mut frame = Video::empty();
                if decoder.receive_frame(&mut frame).is_err() {
                    break;
                }
                let pts = frame.timestamp();
                let time = self.time_of(pts.unwrap_or(0));
                if let Some(duration) = self.duration {
                    self.task.progress.report(time / duration);
                }
                if detector.is_new_scene(&frame) {
                    self.check_count(self.sent + 1)?;
                    self.sent += 1;
                    let source = Source::Decoded(frame);
                    let work = Work { number: self.sent, time, pts, position: None, size: 0, source };
                    self.hand_over(sender, work)?;
                }
            }
            if packet.is_none() {
                return Ok(());
            }
        }
    }

    fn next_key_packet(&mut self) -> Result<Option<Packet>, Failure> {
        while let Some(packet) = self.demuxer.read()? {
            if packet.stream() == self.video.index && packet.is_key() {
                return Ok(Some(packet));
            }
        }
        Ok(None)
    }

    fn send(&mut self, sender: &SyncSender<Work>, packet: Packet) -> Result<(), Failure> {
        self.check_count(self.sent + 1)?;
        self.sent += 1;
        let pts = packet.pts().or(packet.dts());
        let work = Work {
            number: self.sent,
            time: self.time_of(pts.unwrap_or(0)),
            pts,
            position: u64::try_from(packet.position()).ok(),
            size: packet.size() as u64,
            source: Source::Coded(packet),
        };
        self.hand_over(sender, work)
    }

    fn hand_over(&self, sender: &SyncSender<Work>, work: Work) -> Result<(), Failure> {
        let is_taken = !self.has_failed.load(Ordering::Relaxed) && sender.send(work).is_ok();
        // A worker's own failure says why.
        if is_taken { Ok(()) } else { Err(Failure::internal("no decoder takes frames any more")) }
    }

    fn check_count(&self, count: usize) -> Result<(), Failure> {
        let limit = self.options.max_frames;
        if count <= limit as usize {
            return Ok(());
        }
        Err(Failure::new(
            FailureKind::InvalidRequest,
            format!("the video gives more than max-frames={limit} frames: use select=every=SECONDS or select=count=N"),
        ))
    }
}

/// What the workers share.
struct Shared<'a> {
    options: &'a Keyframes,
    video: &'a StreamInfo,
    outputs: &'a Outputs,
    sprites: Option<Mutex<SpriteSheets>>,
    records: Mutex<Vec<FrameRecord>>,
    has_failed: &'a AtomicBool,
}

impl Shared<'_> {
    /// Takes frames until there are no more. After a failure the rest is taken and dropped, so that nobody waits.
    fn work(&self, receiver: &Mutex<Receiver<Work>>) -> Result<(), Failure> {
        let result = self.make_pictures(receiver);
        if result.is_err() {
            self.has_failed.store(true, Ordering::Relaxed);
            while lock(receiver).recv().is_ok() {}
        }
        result
    }

    fn make_pictures(&self, receiver: &Mutex<Receiver<Work>>) -> Result<(), Failure> {
        let mut decoder = open_decoder(self.video, 1)?;
        let mut maker = PictureMaker::default();
        let mut encoder = StillEncoder::new(self.options.format, self.options.quality);
        let tile_size = self.sprites.as_ref().map(|sprites| lock(sprites).tile_size());
        loop {
            let Ok(work) = lock(receiver).recv() else { return Ok(()) };
            let (frame, problem) = match work.source {
                Source::Decoded(frame) => (Some(frame), None),
                Source::Coded(packet) => decode_one(&mut decoder, &packet),
            };
            let mut record = FrameRecord {
                number: work.number,
                file: None,
                time: work.time,
                pts: work.pts,
                position: work.position,
                size: work.size,
                width: None,
                height: None,
                status: Status::Failed,
                reason: problem,
            };
            let mut thumbnail = None;
            if let Some(frame) = frame {
                let picture = maker.picture(&frame, self.video.rotation, self.options.max_width, encoder.colours())?;
                let bytes = encoder.encode(&picture)?;
                let name = format!("frames/frame-{:05}.{}", work.number, self.options.format.extension());
                let mut properties = Properties::new();
                properties.insert("width".into(), picture.width.into());
                properties.insert("height".into(), picture.height.into());
                properties.insert("time".into(), work.time.into());
                self.outputs.write(name.clone(), self.options.format.content_type(), &bytes, properties)?;
                thumbnail = tile_size.map(|(width, height)| picture.thumbnail(width, height));
                record.status = if record.reason.is_some() { Status::Damaged } else { Status::Ok };
                (record.file, record.width, record.height) = (Some(name), Some(picture.width), Some(picture.height));
            }
            if let Some(sprites) = &self.sprites {
                let full = lock(sprites).settle(work.number - 1, thumbnail.as_ref());
                if let Some((number, sheet)) = full {
                    self.write_sheet(number, &sheet)?;
                }
            }
            lock(&self.records).push(record);
        }
    }

    fn write_sheet(&self, number: usize, sheet: &crate::picture::Picture) -> Result<(), Failure> {
        let format = self.options.format;
        let bytes = StillEncoder::new(format, self.options.quality.min(SPRITE_QUALITY)).encode(sheet)?;
        let mut properties = Properties::new();
        properties.insert("width".into(), sheet.width.into());
        properties.insert("height".into(), sheet.height.into());
        self.outputs.write(self.sheet_name(number), format.content_type(), &bytes, properties)
    }

    fn sheet_name(&self, number: usize) -> String {
        format!("sprite-{number}.{}", self.options.format.extension())
    }
}

fn open_decoder(video: &StreamInfo, threads: usize) -> Result<decoder::Video, Failure> {
    let decoder = video.decoder(threads)?;
    decoder.video().map_err(|error| {
        Failure::invalid_input(format!("the {} video cannot be decoded", video.codec.name())).because(error)
    })
}

/// A key frame needs no other: it goes in alone, and what comes out is it. The second value says what went wrong.
fn decode_one(decoder: &mut decoder::Video, packet: &Packet) -> (Option<Video>, Option<String>) {
    let is_cut_short = packet.is_corrupt();
    let mut problem = is_cut_short.then(|| "its bytes are not all there".to_owned());
    let mut best: Option<Video> = None;
    if let Err(error) = decoder.send_packet(packet) {
        problem.get_or_insert_with(|| error.to_string());
    }
    let _ = decoder.send_eof();
    loop {
        let mut frame = Video::empty();
        match decoder.receive_frame(&mut frame) {
            Ok(()) => best = best.or(Some(frame)),
            Err(ffmpeg_next::Error::Eof) => break,
            Err(error) => {
                problem.get_or_insert_with(|| error.to_string());
                break;
            }
        }
    }
    decoder.flush();
    if let Some(frame) = &best {
        // SAFETY: the frame owns a live AVFrame.
        let flags = unsafe { (*frame.as_ptr()).decode_error_flags };
        if frame.is_corrupt() || flags != 0 {
            problem.get_or_insert_with(|| "the decoder found errors in it".to_owned());
        }
    } else {
        problem.get_or_insert_with(|| "the decoder made no picture of it".to_owned());
    }
    (best, problem)
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
            "codec": shared.video.codec.name(),
            "width": width,
            "height": height,
            "rotation": shared.video.rotation,
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
            format!("the file is truncated: of {expected} bytes {size} are there ({}); ", percent(size, expected));
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
        message += "; allow-truncated takes what is there";
    }
    message
}

fn cues(shared: &Shared<'_>, sprites: &SpriteSheets, records: &[FrameRecord], duration: Option<f64>) -> Vec<Cue> {
    let (width, height) = sprites.tile_size();
    let mut shown: Vec<&FrameRecord> = records.iter().filter(|record| record.file.is_some()).collect();
    shown.sort_by(|a, b| a.time.total_cmp(&b.time));
    let ends = shown.iter().skip(1).map(|next| next.time);
    let last = shown.last().map_or(0.0, |record| duration.unwrap_or(0.0).max(record.time + 0.001));
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
    // SAFETY: the parameters own a live AVCodecParameters.
    let aspect = unsafe { (*video.parameters.as_ptr()).sample_aspect_ratio };
    let stored = fit(width.max(1) as u32, height.max(1) as u32, (aspect.num, aspect.den), video.rotation, None);
    let (wide, high) = if video.rotation.is_multiple_of(180) { stored } else { (stored.1, stored.0) };
    let tile_width = options.sprite_width.min(wide.max(2));
    let tile_height = (f64::from(tile_width) * f64::from(high) / f64::from(wide)).round().clamp(2.0, 1280.0);
    Some(Mutex::new(SpriteSheets::new(tile_width as usize, tile_height as usize)))
}

/// Of key frames at these times, those at or before the moments 0, step, 2·step, … of the duration.
fn choose(times: &[f64], step: Option<f64>, duration: Option<f64>) -> Vec<usize> {
    let Some(step) = step else { return (0..times.len()).collect() };
    let next = |at: usize| times.get(at + 1).copied().or(duration).unwrap_or(times[at] + 0.001);
    let from = |at: usize| if at == 0 { 0.0 } else { times[at] };
    (0..times.len()).filter(|at| (*at == 0 && next(0) > 0.0) || holds_moment(from(*at), next(*at), step)).collect()
}

/// Whether a multiple of `step` lies in `from..until`.
fn holds_moment(from: f64, until: f64, step: f64) -> bool {
    // A frame that is a millionth late is not late.
    ((from - 1e-6) / step).ceil() * step < until - 1e-6
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_choose_the_key_frame_at_or_before_them() {
        let times = [0.0, 2.0, 4.0, 6.0, 8.0, 10.0];
        let choose = |times: &[f64], step| choose(times, step, Some(11.0));
        assert_eq!(choose(&times, None), [0, 1, 2, 3, 4, 5]);
        assert_eq!(choose(&times, Some(5.0)), [0, 2, 5]);
        assert_eq!(choose(&times, Some(4.0)), [0, 2, 4]);
        assert_eq!(choose(&times, Some(0.5)), [0, 1, 2, 3, 4, 5]);
        assert_eq!(choose(&[0.08, 9.0], Some(100.0)), [0]);
        assert_eq!(choose(&[], Some(1.0)), [] as [usize; 0]);
        assert_eq!(choose(&[0.0, 5.0], Some(11.0 / 4.0)), [0, 1]);
    }
}
