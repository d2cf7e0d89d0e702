//! The audio of one track as 16 kHz of one channel, from the file's beginning to its end.

use std::ops::Range;

use catalog::Format;
use contract::Failure;
use ffmpeg_next::frame::Audio;
use ffmpeg_next::{Packet, media};
use operation::Task;
use serde::{Deserialize, Serialize};
use speech::SAMPLE_RATE;
use speech::voice::FRAME;

use crate::avio::Pattern;
use crate::open::{Demuxer, StreamInfo, percent, seconds};
use crate::operations::transcode::{AudioDecoder, AudioGraph};

/// Audio and file differ by this much before silence is put in or audio is left out, seconds: times of packets are rounded.
const TOLERANCE: f64 = 0.1;

/// Before the place where reading begins, what is decoded of it, seconds: decoders need some frames to be right again.
const LEAD: f64 = 1.0;

/// How far before that place the picture's key frame is looked for, seconds, until audio comes before it: containers have audio
/// and picture of one time some way from each other.
const STEPS_BACK: [f64; 3] = [10.0, 120.0, f64::INFINITY];

/// An open track.
pub(super) struct MonoAudio {
    demuxer: Demuxer,
    stream: StreamInfo,
    /// Counted from 1 among the tracks of audio.
    number: usize,
    decoder: AudioDecoder,
    graph: Option<AudioGraph>,
    /// Samples that make no whole frame yet.
    rest: Vec<f32>,
    /// Samples from the file's beginning to where reading stands, silence that was put in among them.
    samples: u64,
    frames: u64,
    /// Which samples are wanted.
    span: Range<u64>,
    /// Samples to leave out because a frame begins before the span.
    before: usize,
    /// A packet that was read to see where it is.
    pending: Option<Packet>,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Read {
    /// The track in words.
    pub track: String,
    /// Counted from 1.
    pub number: usize,
    /// Of 16 kHz, from the file's beginning to where reading ended.
    pub samples: u64,
    /// What is missing or damaged.
    pub problem: Option<String>,
    pub warnings: Vec<String>,
}

impl Read {
    pub(super) fn seconds(&self) -> f64 {
        self.samples as f64 / SAMPLE_RATE as f64
    }
}

impl MonoAudio {
    /// Opens a track of audio: the one of that number, or the one that a player would play.
    pub(super) fn open(task: &Task, number: Option<u32>) -> Result<Self, Failure> {
        let mut demuxer = Demuxer::open(&task.input, Pattern::Sequential)?;
        demuxer.find_stream_info()?;
        let streams = demuxer.streams();
        let tracks: Vec<&StreamInfo> = streams.iter().filter(|stream| stream.kind == media::Type::Audio).collect();
        if tracks.is_empty() {
            let others: Vec<_> = streams.iter().map(|stream| stream.codec.name()).collect();
            let what = if others.is_empty() { "no streams".to_owned() } else { format!("only {}", others.join(", ")) };
            return Err(Failure::invalid_input(format!(
                "the file has no audio to write down, {what}; keyframes and transcode work on its picture"
            )));
        }
        let at = match number {
            Some(number) => number as usize - 1,
            None => preferred(&tracks),
        };
        let stream = tracks.get(at).map(|stream| (*stream).clone()).ok_or_else(|| {
            let count = tracks.len();
            Failure::invalid_request(format!("track={} is not in the file; it has {count} tracks of audio", at + 1))
        })?;
        demuxer.refuse_encryption(stream.index)?;
        stream.require_decoder()?;
        demuxer.keep_only(&[stream.index]);
        let decoder = AudioDecoder::new(&stream, demuxer.start_microseconds())?;
        Ok(Self {
            demuxer,
            stream,
            number: at + 1,
            decoder,
            graph: None,
            rest: Vec::new(),
            samples: 0,
            frames: 0,
            span: 0..u64::MAX,
            before: 0,
            pending: None,
        })
    }

    /// Only these samples of 16 kHz are wanted, counted from the file's beginning. Where a container has an index of times, reading
    /// goes there; elsewhere packets that come before are read and not decoded.
    pub(super) fn narrow(&mut self, span: Range<u64>) -> Result<(), Failure> {
        (self.samples, self.span) = (span.start, span);
        let from = self.origin() - LEAD;
        if from <= 0.0 {
            return Ok(());
        }
        let has_index = matches!(self.demuxer.format(), Format::Mp4 | Format::Mov | Format::Mkv | Format::Webm);
        if has_index {
            let streams = self.demuxer.streams();
            let video = streams.iter().find(|stream| stream.kind == media::Type::Video && !stream.is_attached_picture);
            let by = video.unwrap_or(&self.stream).clone();
            for back in STEPS_BACK {
                let start = self.demuxer.start_microseconds() as f64 / 1e6;
                let time = (from - back).max(0.0);
                self.demuxer.seek(by.index, ((time + start) / seconds(by.time_base)) as i64)?;
                self.pending = self.demuxer.read()?;
                if time == 0.0 || self.pending.as_ref().is_some_and(|packet| self.time_of(packet) <= from) {
                    break;
                }
            }
        }
        while let Some(packet) = self.next_packet()? {
            let time = self.time_of(&packet);
            if time >= from {
                self.decoder.resume(time);
                self.pending = Some(packet);
                break;
            }
        }
        Ok(())
    }

    /// Seconds at which reading began.
    pub(super) fn origin(&self) -> f64 {
        self.span.start as f64 / SAMPLE_RATE as f64
    }

    fn next_packet(&mut self) -> Result<Option<Packet>, Failure> {
        match self.pending.take() {
            Some(packet) => Ok(Some(packet)),
            None => self.demuxer.read(),
        }
    }

    /// When a packet is heard, seconds from the file's beginning.
    fn time_of(&self, packet: &Packet) -> f64 {
        let time = packet.pts().or(packet.dts()).unwrap_or(0) as f64 * seconds(self.stream.time_base);
        time - self.demuxer.start_microseconds() as f64 / 1e6
    }

    /// All of the file's streams.
    pub(super) fn streams(&self) -> Vec<StreamInfo> {
        self.demuxer.streams()
    }

    /// Seconds, if the file says it.
    pub(super) fn duration(&self) -> Option<f64> {
        self.demuxer.duration()
    }

    /// Reads to the end, or until `take` wants no more, and gives frames of 32 ms; the last one ends in silence.
    pub(super) fn read(&mut self, mut take: impl FnMut(&[f32; FRAME]) -> Result<bool, Failure>) -> Result<(), Failure> {
        while self.samples < self.span.end {
            let packet = self.next_packet()?;
            let mut decoded = Vec::new();
            self.decoder.decode(packet.as_ref(), |frame| {
                decoded.push(frame);
                Ok(())
            })?;
            for frame in decoded {
                if !self.push(&frame, &mut take)? {
                    return Ok(());
                }
            }
            if packet.is_none() {
                break;
            }
        }
        if self.samples < self.span.end {
            self.end_graph(&mut take)?;
        }
        if !self.rest.is_empty() {
            self.rest.resize(FRAME, 0.0);
            self.give(&mut take)?;
        }
        Ok(())
    }

    /// What was read so far.
    pub(super) fn summary(&mut self) -> Read {
        let size = self.demuxer.size();
        let mut reasons = Vec::new();
        if let Some(expected) = self.demuxer.missing_until() {
            let share = percent(size, expected);
            reasons.push(format!("the file is truncated: {size} of {expected} bytes are present ({share})"));
        }
        if self.demuxer.breaks_off() {
            reasons.push("the file cannot be read to its end: its structure is damaged".to_owned());
        }
        // Reception and cuts leave a few broken frames, which nobody hears.
        if self.decoder.damaged > 2 + self.frames / 100 {
            reasons.push(format!("the decoder reported {} errors", self.decoder.damaged));
        }
        let mut warnings = Vec::new();
        let end = self.samples as f64 / SAMPLE_RATE as f64;
        if self.span.end == u64::MAX
            && let Some(duration) = self.demuxer.duration()
            && end < duration * 0.98 - 1.0
            && reasons.is_empty()
        {
            warnings.push(format!("the file lasts {duration:.3} s by its header; its audio ends at {end:.3} s"));
        }
        let jumps = self.demuxer.clock_jumps();
        if jumps > 0 {
            warnings.push(format!("the file's clock starts again {jumps} times; times of words go on without a gap"));
        }
        Read {
            track: format!("the {} audio of stream {}", self.stream.codec.name(), self.stream.index),
            number: self.number,
            samples: self.samples,
            problem: (!reasons.is_empty()).then(|| reasons.join("; ")),
            warnings,
        }
    }

    /// A decoded frame: resampled, after silence if the file's times leave a gap before it.
    fn push(
        &mut self,
        frame: &Audio,
        take: &mut impl FnMut(&[f32; FRAME]) -> Result<bool, Failure>,
    ) -> Result<bool, Failure> {
        let time_base = self.decoder.time_base();
        self.frames += 1;
        let time = frame.pts().unwrap_or(0) as f64 * seconds(time_base);
        let length = frame.samples() as f64 / f64::from(frame.rate().max(1));
        let heard = self.samples as f64 / SAMPLE_RATE as f64;
        let is_first = self.samples == self.span.start && self.graph.is_none() && self.rest.is_empty();
        if is_first && self.span.start > 0 {
            // To the sample: another process reads up to it.
            if time + length <= heard {
                return Ok(true);
            }
            self.before = ((heard - time).max(0.0) * SAMPLE_RATE as f64).round() as usize;
        } else if time + length < heard - TOLERANCE {
            return Ok(true);
        }
        if time > heard + TOLERANCE {
            // What the resampler still holds comes before the gap.
            if !self.end_graph(take)? {
                return Ok(false);
            }
            let heard = self.samples as f64 / SAMPLE_RATE as f64;
            let missing = ((time - heard).max(0.0) * SAMPLE_RATE as f64) as usize;
            let silence = [0.0; FRAME];
            for from in (0..missing).step_by(FRAME) {
                if !self.extend(&silence[..FRAME.min(missing - from)], take)? {
                    return Ok(false);
                }
            }
        }
        if !self.graph.as_ref().is_some_and(|graph| graph.fits(frame, time_base)) {
            if !self.end_graph(take)? {
                return Ok(false);
            }
            let spec = format!("aformat=sample_fmts=flt:sample_rates={SAMPLE_RATE}:channel_layouts=mono");
            self.graph = Some(AudioGraph::new(frame, time_base, &spec)?);
        }
        self.graph.as_mut().expect("just made").push(frame)?;
        self.pull(take)
    }

    fn end_graph(&mut self, take: &mut impl FnMut(&[f32; FRAME]) -> Result<bool, Failure>) -> Result<bool, Failure> {
        let Some(graph) = &mut self.graph else { return Ok(true) };
        graph.flush()?;
        let goes_on = self.pull(take)?;
        self.graph = None;
        Ok(goes_on)
    }

    fn pull(&mut self, take: &mut impl FnMut(&[f32; FRAME]) -> Result<bool, Failure>) -> Result<bool, Failure> {
        while let Some(frame) = self.graph.as_mut().map_or(Ok(None), AudioGraph::pull)? {
            if !self.extend(frame.plane::<f32>(0), take)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn extend(
        &mut self,
        samples: &[f32],
        take: &mut impl FnMut(&[f32; FRAME]) -> Result<bool, Failure>,
    ) -> Result<bool, Failure> {
        let left_out = self.before.min(samples.len());
        self.before -= left_out;
        let wanted = usize::try_from(self.span.end - self.samples).unwrap_or(usize::MAX);
        let samples = &samples[left_out..];
        let samples = &samples[..samples.len().min(wanted)];
        self.samples += samples.len() as u64;
        // A file of floating point may hold anything.
        self.rest.extend(samples.iter().map(|sample| if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 }));
        self.give(take)
    }

    fn give(&mut self, take: &mut impl FnMut(&[f32; FRAME]) -> Result<bool, Failure>) -> Result<bool, Failure> {
        let (frames, rest) = self.rest.as_chunks::<FRAME>();
        for frame in frames {
            if !take(frame)? {
                return Ok(false);
            }
        }
        self.rest = rest.to_vec();
        Ok(true)
    }
}

/// The default track that can be decoded, else the first that can, else the first.
fn preferred(tracks: &[&StreamInfo]) -> usize {
    let rank = |stream: &StreamInfo| (stream.check_decoder().is_ok(), stream.disposition.is_default);
    let best = (0..tracks.len()).rev().max_by_key(|at| rank(tracks[*at]));
    best.unwrap_or(0)
}
