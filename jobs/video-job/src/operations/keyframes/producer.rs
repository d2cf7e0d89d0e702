//! Reads the packets or frames of which pictures are made, and nothing else as far as the container allows it.

use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;

use catalog::Format;
use catalog::operations::{Keyframes, Select};
use contract::Failure;
use ffmpeg_next::frame::Video;
use ffmpeg_next::packet::{Mut, Ref};
use ffmpeg_next::{Packet, Rational, ffi};
use operation::Task;

use super::choice::{Budget, choose, holds_moment, thin_out};
use super::worker::{Source, Suspect, Wanted, Work, open_decoder};
use super::{FrameRecord, Method, Status};
use crate::animation::is_animation;
use crate::avio::Pattern;
use crate::open::{Demuxer, Index, IndexEntry, StreamInfo, seconds};
use crate::scene::SceneDetector;

/// Seconds by which a frame may be later than the index says, as fragments do not tell by how much frames are reordered.
const TOLERANCE: f64 = 0.25;
/// Seconds from one key frame to the next, at first guess.
const USUAL_GROUP: f64 = 2.0;

/// How a container tells where its key frames are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    /// It lists them, or its fragments do.
    Listed,
    /// It does not, but it can be searched by time.
    Searched,
    /// It does not, and has to be read from its beginning.
    Read,
}

impl Listing {
    pub(super) fn of(format: Format) -> Self {
        match format {
            Format::MpegTs | Format::MpegPs | Format::Asf | Format::Mxf | Format::Dv => Self::Searched,
            Format::Flv | Format::Ogv | Format::H264 | Format::Hevc | Format::Ivf => Self::Read,
            _ if is_animation(format) => Self::Read,
            // MP4, QuickTime, Matroska, WebM, AVI; other formats have no demuxer.
            _ => Self::Listed,
        }
    }
}

pub(super) fn open(task: &Task, pattern: Pattern) -> Result<Demuxer, Failure> {
    let mut demuxer = Demuxer::open(&task.input, pattern)?;
    match task.input.format() {
        Format::Mp4 | Format::Mov | Format::Mkv | Format::Webm => demuxer.trust_container(),
        _ => demuxer.find_stream_info()?,
    }
    Ok(demuxer)
}

/// How far key frames are from each other, in seconds, as far as was seen.
struct Distances {
    longest: f64,
    shortest: Option<f64>,
}

impl Distances {
    fn see(&mut self, distance: f64) {
        self.longest = self.longest.max(distance);
        self.shortest = Some(self.shortest.map_or(distance, |shortest| shortest.min(distance)));
    }
}

/// Reads what was asked for.
pub(super) struct Producer<'a> {
    demuxer: &'a mut Demuxer,
    video: &'a StreamInfo,
    options: &'a Keyframes,
    task: &'a Task,
    pub method: Method,
    index: Index,
    duration: Option<f64>,
    sent: usize,
    /// Packets of the video that were read, of a stream without times.
    counted: i64,
    /// The colours that the numbers in the pictures stand for. Containers give them once, or where they change.
    palette: Option<Vec<u8>>,
    pub missing: Vec<FrameRecord>,
    /// Pictures that no packet gives by itself.
    pub suspects: Vec<Suspect>,
    has_failed: &'a AtomicBool,
}

impl<'a> Producer<'a> {
    pub(super) fn new(
        demuxer: &'a mut Demuxer,
        video: &'a StreamInfo,
        options: &'a Keyframes,
        task: &'a Task,
        index: Index,
        has_failed: &'a AtomicBool,
    ) -> Self {
        let has_index = !index.entries.is_empty() || index.begins_within.is_some();
        let is_searched = Listing::of(task.input.format()) == Listing::Searched;
        let method = match options.select {
            Select::Scene(_) => Method::Decode,
            _ if has_index || demuxer.layout().is_fragmented => Method::Index,
            Select::Every(_) | Select::Count(_) if is_searched => Method::Seek,
            _ => Method::Scan,
        };
        let duration = demuxer.duration();
        Self {
            demuxer,
            video,
            options,
            task,
            method,
            index,
            duration,
            sent: 0,
            counted: 0,
            palette: None,
            missing: Vec::new(),
            suspects: Vec::new(),
            has_failed,
        }
    }

    /// Sends everything.
    pub(super) fn produce(&mut self, sender: &SyncSender<Work>) -> Result<(), Failure> {
        let step = self.step()?;
        match (self.method, self.options.select) {
            (Method::Decode, Select::Scene(score)) => self.decode_scenes(sender, score),
            (Method::Index, _) if !self.demuxer.layout().is_fragmented => self.read_listed(sender, step),
            (Method::Seek, _) => self.read_by_time(sender, step.unwrap_or(1.0)),
            _ => self.read_through(sender, step),
        }
    }

    /// Seconds between the moments of which a frame is wanted; none for every frame.
    fn step(&mut self) -> Result<Option<f64>, Failure> {
        match self.options.select {
            Select::All | Select::Scene(_) => Ok(None),
            Select::Every(seconds) => Ok(Some(seconds)),
            Select::Count(count) => {
                if self.duration.is_none() {
                    self.duration = measure(self.task, self.video, self.demuxer.start())?;
                }
                Ok(self.duration.map(|duration| duration / f64::from(count)))
            }
        }
    }

    fn time_of(&self, timestamp: i64) -> f64 {
        timestamp as f64 * seconds(self.video.time_base) - self.demuxer.start()
    }

    /// Of the listed key frames, those that were asked for: read one by one, their ranges fetched ahead.
    fn read_listed(&mut self, sender: &SyncSender<Work>, step: Option<f64>) -> Result<(), Failure> {
        // MP4 lists decoding times, which begin before zero where frames are reordered.
        let shift = self.index.entries.first().map_or(0, |first| -first.timestamp.min(0));
        // A first frame that is no key frame is wanted as the first of all.
        let first = self.index.begins_within.map(|_| None);
        let listed: Vec<Option<IndexEntry>> =
            first.into_iter().chain(self.index.entries.iter().copied().map(Some)).collect();
        let time = |entry: &Option<IndexEntry>| entry.map_or(0.0, |entry| self.time_of(entry.timestamp + shift));
        let times: Vec<f64> = listed.iter().map(time).collect();
        let mut chosen = choose(&times, step, self.duration);
        let limit = self.options.max_frames as usize;
        if chosen.len() > limit {
            self.task
                .outputs
                .warn(format!("of {} key frames {limit} were taken, spread evenly: max-frames={limit}", chosen.len()));
            thin_out(&mut chosen, limit);
        }
        let mut wanted: Vec<IndexEntry> = Vec::new();
        for at in chosen {
            if let Some(entry) = listed[at] {
                wanted.push(entry);
            } else {
                self.sent += 1;
                self.suspects.push(Suspect::first(self.sent));
            }
        }
        let size = self.demuxer.size();
        let is_there = |entry: &IndexEntry| entry.position + entry.size.max(1) <= size;
        let first_missing = 1 + self.sent + wanted.iter().filter(|entry| is_there(entry)).count();
        for (at, entry) in wanted.iter().filter(|entry| !is_there(entry)).enumerate() {
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
                reason: Some(format!(
                    "it ends at byte {}, behind the end of the object at byte {size}",
                    entry.position + entry.size
                )),
            });
        }
        wanted.retain(is_there);
        let total = wanted.len();
        let ranges: Vec<_> = wanted
            .iter()
            .filter(|entry| entry.size > 0)
            .map(|entry| entry.position..entry.position + entry.size)
            .collect();
        if self.task.input.format() == Format::Avi {
            // Before the first seek, after which a palette would not be given any more.
            self.next_key_packet()?;
        }
        self.demuxer.avio().plan(ranges);
        self.demuxer.keep_only_key_frames(self.video.index);
        for (at, entry) in wanted.into_iter().enumerate() {
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
        let entries = &self.index.entries;
        let next = entries.partition_point(|other| other.timestamp <= entry.timestamp);
        let next = entries.get(next).map_or(entry.timestamp.saturating_add(1 << 40), |next| next.timestamp);
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
        if self.index.begins_within.is_some() {
            self.sent += 1;
            self.suspects.push(Suspect::first(self.sent));
        }
        let mut budget = Budget::new(self.options.max_frames, self.duration);
        let mut candidate: Option<(f64, Packet)> = None;
        let mut is_first = true;
        let mut delay = None;
        while !budget.is_spent()
            && let Some(mut packet) = self.next_key_packet()?
        {
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
                if budget.takes(time) {
                    self.send(sender, packet)?;
                }
                continue;
            };
            if let Some((from, packet)) = candidate.replace((time, packet))
                && holds_moment(if is_first { 0.0 } else { from }, time, step)
            {
                is_first = false;
                if budget.takes(from) {
                    self.send(sender, packet)?;
                }
            }
        }
        if let Some((from, packet)) = candidate {
            let end = self.duration.unwrap_or(f64::INFINITY);
            // A video that has one key frame gives it, however short it is.
            if (is_first || holds_moment(from, end, step.unwrap_or(1.0))) && budget.takes(from) {
                self.send(sender, packet)?;
            }
        }
        self.tell(&budget);
        Ok(())
    }

    /// No list: at each moment, what is before it is read until there is a key frame in it.
    fn read_by_time(&mut self, sender: &SyncSender<Work>, mut step: f64) -> Result<(), Failure> {
        let Some(duration) = self.duration else { return self.read_through(sender, Some(step)) };
        let limit = self.options.max_frames as usize;
        let mut moments = (duration / step).ceil().clamp(1.0, 1e9) as usize;
        if moments > limit {
            self.task
                .outputs
                .warn(format!("of {moments} moments {limit} were taken, spread evenly: max-frames={limit}"));
            (step, moments) = (duration / limit as f64, limit);
        }
        self.demuxer.keep_only(&[self.video.index]);
        // The demuxer is at the beginning. The first key frame stands for what is before it, too.
        let mut last = None;
        if let Some(first) = self.next_key_packet()? {
            last = first.pts().or(first.dts());
            self.send(sender, first)?;
        }
        let mut distances = Distances { longest: USUAL_GROUP, shortest: None };
        // One distance is worth reading on for: it tells how little is to be read at each moment.
        let begun = last.map_or(0.0, |first| self.time_of(first));
        while let Some(packet) = self.next_packet()? {
            let since = packet.pts().or(packet.dts()).map_or(0.0, |time| self.time_of(time)) - begun;
            if packet.is_key() {
                distances.see(since);
            }
            if packet.is_key() || since > step {
                break;
            }
        }
        for moment in 1..moments {
            let found = self.key_packet_before(moment as f64 * step, step, &mut distances)?;
            if let Some(packet) = found
                && packet.pts().or(packet.dts()) > last
            {
                last = packet.pts().or(packet.dts());
                self.send(sender, packet)?;
            }
            self.task.progress.report(moment as f64 / moments as f64);
        }
        Ok(())
    }

    /// The last key frame at or before a moment, no further before it than `step`.
    fn key_packet_before(
        &mut self,
        moment: f64,
        step: f64,
        distances: &mut Distances,
    ) -> Result<Option<Packet>, Failure> {
        /// More than frames are reordered by.
        const MARGIN: f64 = 0.25;
        let mut back = distances.longest.min(step);
        loop {
            let time = (moment - back - MARGIN).max(0.0) + self.demuxer.start();
            self.demuxer.seek(self.video.index, (time / seconds(self.video.time_base)) as i64)?;
            let mut found: Option<(f64, Packet)> = None;
            while let Some(packet) = self.next_packet()? {
                let times = (packet.dts().or(packet.pts()), packet.pts().or(packet.dts()));
                let (Some(decoded), Some(shown)) = times else { continue };
                if self.time_of(decoded) > moment {
                    break;
                }
                let shown = self.time_of(shown);
                // A frame that is a millionth late is not late.
                if packet.is_key() && shown <= moment + 1e-6 {
                    if let Some((before, _)) = &found {
                        distances.see(shown - before);
                    }
                    found = Some((shown, packet));
                    // Even the nearest that the next one has ever been is behind the moment.
                    if distances.shortest.is_some_and(|shortest| shown + shortest > moment + 1e-3) {
                        break;
                    }
                }
            }
            if found.is_some() || back >= step {
                return Ok(found.map(|(_, packet)| packet));
            }
            back = (back * 2.0).min(step);
            distances.longest = distances.longest.max(back);
        }
    }

    fn decode_scenes(&mut self, sender: &SyncSender<Work>, score: f64) -> Result<(), Failure> {
        let mut decoder = open_decoder(self.video, threads())?;
        let mut detector = SceneDetector::new(score);
        let mut budget = Budget::new(self.options.max_frames, self.duration);
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
                let pts = frame.timestamp().unwrap_or_else(|| self.counted_time());
                self.counted += 1;
                let time = self.time_of(pts);
                if let Some(duration) = self.duration {
                    self.task.progress.report(time / duration);
                }
                if detector.is_new_scene(&frame) && budget.takes(time) {
                    self.sent += 1;
                    let source = Source::Decoded(frame);
                    let work = Work {
                        number: self.sent,
                        time,
                        pts: Some(pts),
                        position: None,
                        size: 0,
                        source,
                        problem: None,
                    };
                    self.hand_over(sender, work)?;
                }
            }
            if packet.is_none() || budget.is_spent() {
                self.tell(&budget);
                return Ok(());
            }
        }
    }

    fn tell(&self, budget: &Budget) {
        if let Some(warning) = budget.warning() {
            self.task.outputs.warn(warning);
        }
    }

    /// The time of the next packet of a stream that has no times: by its number, at the rate that the stream says.
    fn counted_time(&self) -> i64 {
        let rate = Some(self.video.average_rate).filter(|rate| rate.numerator() > 0 && rate.denominator() > 0);
        let Rational(frames, second) = rate.unwrap_or(Rational(25, 1));
        // SAFETY: arithmetic on plain numbers.
        unsafe {
            ffi::av_rescale_q(self.counted, ffi::AVRational { num: second, den: frames }, self.video.time_base.into())
        }
    }

    fn next_key_packet(&mut self) -> Result<Option<Packet>, Failure> {
        while let Some(packet) = self.next_packet()? {
            if packet.is_key() {
                return Ok(Some(packet));
            }
        }
        Ok(None)
    }

    /// The next packet of the video, with a time and, where it needs one, a palette.
    fn next_packet(&mut self) -> Result<Option<Packet>, Failure> {
        while let Some(mut packet) = self.demuxer.read()? {
            if packet.stream() != self.video.index {
                continue;
            }
            if packet.pts().or(packet.dts()).is_none() {
                packet.set_pts(Some(self.counted_time()));
            }
            self.counted += 1;
            match palette_of(&packet) {
                Some(palette) => self.palette = Some(palette),
                None => give_palette(&mut packet, self.palette.as_deref()),
            }
            return Ok(Some(packet));
        }
        Ok(None)
    }

    fn send(&mut self, sender: &SyncSender<Work>, packet: Packet) -> Result<(), Failure> {
        self.sent += 1;
        let pts = packet.pts().or(packet.dts());
        let work = Work {
            number: self.sent,
            time: self.time_of(pts.unwrap_or(0)),
            pts,
            position: u64::try_from(packet.position()).ok(),
            size: packet.size() as u64,
            source: Source::Coded(packet),
            problem: None,
        };
        self.hand_over(sender, work)
    }

    fn hand_over(&self, sender: &SyncSender<Work>, work: Work) -> Result<(), Failure> {
        let is_taken = !self.has_failed.load(Ordering::Relaxed) && sender.send(work).is_ok();
        // A worker's own failure says why.
        if is_taken { Ok(()) } else { Err(Failure::internal("no decoder takes frames any more")) }
    }

    /// Makes the pictures that a packet alone does not give, by decoding from the last true key frame before them: those at
    /// recovery points, where a picture is built up over many frames (ITU-T H.264 D.2.8); those that an index calls key
    /// frames and are none; the first of a clip that begins within a group of pictures. `anchors` are the times of true key
    /// frames. Gives those of which nothing could be made.
    pub(super) fn decode_suspects(
        &self,
        sender: &SyncSender<Work>,
        mut suspects: Vec<Suspect>,
        anchors: &[i64],
    ) -> Result<Vec<Suspect>, Failure> {
        suspects.sort_unstable_by_key(|suspect| suspect.number);
        // Without an index, a search finds the place of a time only roughly.
        let is_listed = Listing::of(self.task.input.format()) == Listing::Listed;
        let mut failed = Vec::new();
        let mut run: Option<Run> = None;
        for suspect in suspects {
            let anchor = match suspect.wanted {
                Wanted::At { pts, .. } if is_listed => anchors.iter().copied().filter(|anchor| *anchor <= pts).max(),
                Wanted::First | Wanted::At { .. } => None,
            };
            let continues = run.as_ref().is_some_and(|run| anchor.is_none_or(|anchor| run.latest >= Some(anchor)));
            if !continues {
                run = Some(Run::start(self.task, self.video, anchor)?);
            }
            let found = match &mut run {
                Some(run) => run.find(self.video, &suspect.wanted)?,
                None => None,
            };
            match found {
                Some(frame) => {
                    let time = match (suspect.wanted, frame.timestamp()) {
                        (Wanted::First, Some(time)) => self.time_of(time).max(0.0),
                        _ => suspect.time,
                    };
                    let pts = suspect.pts.or(frame.timestamp());
                    let Suspect { number, position, size, .. } = suspect;
                    let source = Source::Decoded(frame);
                    self.hand_over(sender, Work { number, time, pts, position, size, source, problem: None })?;
                }
                None => failed.push(suspect),
            }
        }
        Ok(failed)
    }
}

/// Decoding one frame after the other.
struct Run {
    demuxer: Demuxer,
    decoder: ffmpeg_next::codec::decoder::Video,
    /// The time of the last frame that came out.
    latest: Option<i64>,
    is_ended: bool,
}

impl Run {
    /// From a key frame, or from the beginning.
    fn start(task: &Task, video: &StreamInfo, anchor: Option<i64>) -> Result<Self, Failure> {
        let mut demuxer = open(task, Pattern::Sequential)?;
        demuxer.keep_only(&[video.index]);
        if let Some(anchor) = anchor {
            demuxer.seek(video.index, anchor)?;
        }
        Ok(Self { demuxer, decoder: open_decoder(video, threads())?, latest: None, is_ended: false })
    }

    fn find(&mut self, video: &StreamInfo, wanted: &Wanted) -> Result<Option<Video>, Failure> {
        let mut nearest: Option<Video> = None;
        while let Some(frame) = self.next(video)? {
            let Wanted::At { pts, position } = wanted else { return Ok(Some(frame)) };
            // SAFETY: the frame owns a live AVFrame.
            let from = unsafe { (*frame.as_ptr()).pkt_pos };
            let time = frame.timestamp();
            if position.is_some_and(|position| i64::try_from(position) == Ok(from)) || time == Some(*pts) {
                return Ok(Some(frame));
            }
            if let Some(time) = time.filter(|time| time > pts) {
                let late = (time - pts) as f64 * seconds(video.time_base);
                if late > TOLERANCE {
                    break;
                }
                nearest = nearest.or(Some(frame));
            }
        }
        Ok(nearest)
    }

    fn next(&mut self, video: &StreamInfo) -> Result<Option<Video>, Failure> {
        loop {
            let mut frame = Video::empty();
            if self.decoder.receive_frame(&mut frame).is_ok() {
                self.latest = self.latest.max(frame.timestamp());
                return Ok(Some(frame));
            }
            if self.is_ended {
                return Ok(None);
            }
            match self.demuxer.read()? {
                Some(packet) if packet.stream() == video.index => drop(self.decoder.send_packet(&packet)),
                Some(_) => {}
                None => {
                    self.is_ended = true;
                    let _ = self.decoder.send_eof();
                }
            }
        }
    }
}

fn threads() -> usize {
    operation::processors().min(16)
}

const PALETTE: ffi::AVPacketSideDataType = ffi::AVPacketSideDataType::AV_PKT_DATA_PALETTE;

fn palette_of(packet: &Packet) -> Option<Vec<u8>> {
    let mut size = 0;
    // SAFETY: the packet is live; the palette is copied out of it.
    unsafe {
        let data = ffi::av_packet_get_side_data(packet.as_ptr(), PALETTE, &raw mut size);
        (!data.is_null()).then(|| std::slice::from_raw_parts(data, size).to_vec())
    }
}

fn give_palette(packet: &mut Packet, palette: Option<&[u8]>) {
    let Some(palette) = palette else { return };
    // SAFETY: the packet is live, and owns the memory that the palette is copied into.
    unsafe {
        let target = ffi::av_packet_new_side_data(packet.as_mut_ptr(), PALETTE, palette.len());
        if !target.is_null() {
            ptr::copy_nonoverlapping(palette.as_ptr(), target, palette.len());
        }
    }
}

/// How long a video is that does not say so: read to its end.
fn measure(task: &Task, video: &StreamInfo, start: f64) -> Result<Option<f64>, Failure> {
    let mut demuxer = open(task, Pattern::Sequential)?;
    demuxer.keep_only(&[video.index]);
    let (mut end, mut packets) = (None, 0_u32);
    while let Some(packet) = demuxer.read()? {
        if packet.stream() == video.index {
            packets += 1;
            end = end.max(packet.pts().or(packet.dts()).map(|time| time + packet.duration()));
        }
    }
    let by_time = end.map(|end| end as f64 * seconds(video.time_base) - start);
    let by_count = || Some(f64::from(packets) / seconds(video.average_rate)).filter(|length| length.is_finite());
    Ok(by_time.or_else(by_count).filter(|duration| *duration > 0.0))
}
