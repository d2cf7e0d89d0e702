//! The video from its packets to those of every rendition: one decoder, one filter graph, an encoder with a thread of its
//! own for each rendition.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use contract::Failure;
use ffmpeg_next::Packet;
use ffmpeg_next::codec::decoder;
use ffmpeg_next::frame::Video;
use serde::{Deserialize, Serialize};

use super::frame_times::{FrameTimes, Placed};
use super::plan::{Plan, Rendition};
use super::track::Track;
use super::video_encoder::VideoEncoder;
use super::video_graph::VideoGraph;
use crate::open::seconds;

/// Frames that wait for an encoder.
const WAITING: usize = 4;

/// Seconds from one frame to the next, at most: more is damage, which a constant frame rate would fill.
pub(crate) const LONGEST_GAP: f64 = 3600.0;

/// A part of the video by the times of its frames, in the stream's time base from the file's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub from: i64,
    pub until: i64,
}

impl Span {
    pub(crate) const WHOLE: Self = Self { from: i64::MIN, until: i64::MAX };
}

/// What became of the frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct FrameCounts {
    /// Frames that were encoded, repeated ones included.
    pub encoded: u64,
    /// Frames that came out of order or more often than the frame rate asked for takes.
    pub dropped: u64,
    /// Packets and frames in which the decoder found errors.
    pub damaged: u64,
    /// The end of the last frame, in seconds.
    pub end: f64,
}

impl FrameCounts {
    /// Of these frames and those of what follows.
    pub(crate) fn and(self, next: Self) -> Self {
        Self {
            encoded: self.encoded + next.encoded,
            dropped: self.dropped + next.dropped,
            damaged: self.damaged + next.damaged,
            end: self.end.max(next.end),
        }
    }
}

/// What an encoder is given.
enum Message {
    Frame(Video),
    /// When the last frame stops being shown, in seconds. Without it the encoding was broken off.
    End(f64),
}

// SAFETY: a frame is reference-counted memory that is handed over whole.
unsafe impl Send for Message {}

/// The thread of an encoder.
type Encoding = JoinHandle<Result<(), Failure>>;

/// One pass over the video, or over a span of it.
pub(crate) struct VideoPath {
    plan: Plan,
    span: Span,
    decoder: decoder::Video,
    times: FrameTimes<Video>,
    graph: Option<VideoGraph>,
    encoders: Vec<(SyncSender<Message>, Encoding)>,
    has_key: bool,
    /// Whether the next frame is the first of the video.
    is_first: bool,
    /// The time of the frame that is shown last, and when it stops being shown, in the stream's time base.
    latest: i64,
    end: i64,
    is_done: bool,
    counts: FrameCounts,
}

impl VideoPath {
    /// `tracks` take the renditions, in their order.
    pub(crate) fn new(plan: &Plan, span: Span, tracks: Vec<Box<dyn Track>>, threads: usize) -> Result<Self, Failure> {
        let decoder = plan.video.decoder(threads)?.video().map_err(|error| {
            Failure::invalid_input(format!("the {} video cannot be decoded", plan.video.codec.name())).because(error)
        })?;
        let encoders = plan.renditions.iter().cloned().zip(tracks).map(|(rendition, track)| {
            let (sender, receiver) = sync_channel(WAITING);
            let plan = plan.clone();
            let thread = std::thread::Builder::new()
                .name(rendition.name())
                .spawn(move || encode(&plan, &rendition, &receiver, track, threads));
            thread.map(|thread| (sender, thread)).map_err(Failure::from)
        });
        Ok(Self {
            plan: plan.clone(),
            span,
            decoder,
            times: FrameTimes::new(plan.clock, plan.video.time_base, plan.video_origin()),
            graph: None,
            encoders: encoders.collect::<Result<_, _>>()?,
            has_key: !plan.needs_key,
            is_first: span.from == i64::MIN,
            latest: i64::MIN,
            end: 0,
            is_done: false,
            counts: FrameCounts::default(),
        })
    }

    /// Whether the end of the span was reached.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    pub(crate) fn packet(&mut self, packet: &Packet) -> Result<(), Failure> {
        // What stands before the first key frame, as in a broadcast that was cut out, shows nothing.
        self.has_key |= packet.is_key();
        if !self.has_key || self.is_done {
            return Ok(());
        }
        match self.decoder.send_packet(packet) {
            Ok(()) => {}
            Err(ffmpeg_next::Error::Other { errno: ffmpeg_next::error::ENOMEM }) => {
                return Err(Failure::internal("out of memory"));
            }
            Err(_) => self.counts.damaged += 1,
        }
        self.decoded()
    }

    /// There are no more packets: what is under way is finished, and how it went is told.
    pub(crate) fn finish(mut self) -> Result<FrameCounts, Failure> {
        let result = self.drain();
        let ticks = self.times.end(self.end);
        self.counts.end = ticks as f64 * seconds(self.plan.clock.time_base);
        for (sender, _) in &mut self.encoders {
            if result.is_ok() && self.counts.encoded > 0 {
                // An encoder that has failed says so itself.
                let _ = sender.send(Message::End(self.counts.end));
            }
            *sender = sync_channel(0).0;
        }
        let mut encoded = Ok(());
        for (sender, thread) in self.encoders.drain(..) {
            drop(sender);
            let ended = thread.join().unwrap_or_else(|_| Err(Failure::internal("an encoder panicked")));
            encoded = encoded.and(ended);
        }
        // An encoder's own failure hides behind "nobody takes frames any more".
        encoded.and(result)?;
        self.counts.dropped = self.times.dropped;
        Ok(self.counts)
    }

    fn drain(&mut self) -> Result<(), Failure> {
        if !self.is_done {
            let _ = self.decoder.send_eof();
            self.decoded()?;
        }
        if let Some(placed) = self.times.finish(Some(self.end)) {
            self.filter(placed)?;
        }
        if let Some(graph) = &mut self.graph {
            graph.flush()?;
        }
        self.hand_over()
    }

    fn decoded(&mut self) -> Result<(), Failure> {
        while !self.is_done {
            let mut frame = Video::empty();
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) => self.frame(frame)?,
                Err(ffmpeg_next::Error::Eof | ffmpeg_next::Error::Other { errno: ffmpeg_next::error::EAGAIN }) => break,
                Err(_) => self.counts.damaged += 1,
            }
        }
        Ok(())
    }

    fn frame(&mut self, mut frame: Video) -> Result<(), Failure> {
        self.plan.video.correct_aspect(&mut frame);
        // SAFETY: the frame owns a live AVFrame.
        let (flags, duration) = unsafe { ((*frame.as_ptr()).decode_error_flags, (*frame.as_ptr()).pkt_duration) };
        if flags != 0 || frame.is_corrupt() {
            self.counts.damaged += 1;
        }
        let usual = (1.0 / seconds(self.plan.clock.rate) / seconds(self.plan.video.time_base)).round() as i64;
        let time = frame.timestamp().map_or(self.end, |time| time - self.plan.start_in(self.plan.video.time_base));
        if time < self.span.from {
            return Ok(());
        }
        if time >= self.span.until {
            // The first frame of what follows: until then the last one is shown.
            self.is_done = true;
            self.end = time;
            return Ok(());
        }
        let end = time + if duration > 0 { duration } else { usual };
        // Where frames are reordered, the durations in an MP4 are those of decoding.
        let end = self.plan.video_end.filter(|last| *last > time).map_or(end, |last| last.min(end));
        if time >= self.latest {
            (self.latest, self.end) = (time, end);
        }
        let is_held = std::mem::take(&mut self.is_first) && self.plan.holds_first_frame();
        match self.times.place(frame, if is_held { 0 } else { time }) {
            Some(placed) if is_held => self.filter(Placed { tick: 0, ..placed }),
            Some(placed) => self.filter(placed),
            None => Ok(()),
        }
    }

    fn filter(&mut self, placed: Placed<Video>) -> Result<(), Failure> {
        let Placed { mut frame, tick, repeats } = placed;
        if !self.graph.as_ref().is_some_and(|graph| graph.fits(&frame)) {
            if let Some(before) = &mut self.graph {
                before.flush()?;
                self.hand_over()?;
            }
            self.graph = Some(VideoGraph::new(&frame, &self.plan, self.graph.as_ref())?);
        }
        let gap = (repeats * self.plan.clock.step) as f64 * seconds(self.plan.clock.time_base);
        if gap > LONGEST_GAP {
            return Err(Failure::invalid_input(format!(
                "one frame is shown for {gap:.0} s by the file's times; the limit is {LONGEST_GAP} s"
            )));
        }
        for repeat in 0..=repeats {
            frame.set_pts(Some(tick + repeat * self.plan.clock.step));
            self.graph.as_mut().expect("just made").push(&mut frame)?;
            self.counts.encoded += 1;
            self.hand_over()?;
        }
        Ok(())
    }

    /// Gives the encoders what the filters have ready.
    fn hand_over(&mut self) -> Result<(), Failure> {
        let Some(graph) = &mut self.graph else { return Ok(()) };
        loop {
            let mut is_empty = true;
            for (at, (sender, _)) in self.encoders.iter().enumerate() {
                if let Some(frame) = graph.pull(at)? {
                    is_empty = false;
                    sender
                        .send(Message::Frame(frame))
                        .map_err(|_| Failure::internal("no encoder takes frames any more"))?;
                }
            }
            if is_empty {
                return Ok(());
            }
        }
    }
}

/// Encodes frames until there are no more.
fn encode(
    plan: &Plan,
    rendition: &Rendition,
    messages: &Receiver<Message>,
    mut track: Box<dyn Track>,
    threads: usize,
) -> Result<(), Failure> {
    let Ok(Message::Frame(mut frame)) = messages.recv() else { return Ok(()) };
    let mut encoder = VideoEncoder::new(plan, rendition, &frame, threads)?;
    let mut encoded = encoder.encoded();
    (encoded.language, encoded.title) = (plan.video.language.clone(), plan.video.title.clone());
    encoded.disposition = plan.video.disposition;
    encoded.disposition.is_default = true;
    track.open(&encoded)?;
    let end = loop {
        encoder.send(&mut frame)?;
        while let Some(packet) = encoder.receive()? {
            track.write(packet)?;
        }
        match messages.recv() {
            Ok(Message::Frame(next)) => frame = next,
            Ok(Message::End(end)) => break Some(end),
            Err(_) => break None,
        }
    };
    encoder.end()?;
    while let Some(packet) = encoder.receive()? {
        track.write(packet)?;
    }
    track.close(end)
}
