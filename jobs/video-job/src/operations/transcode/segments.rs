//! CMAF: one track as an initialisation segment and media segments that each begin with a key frame, a file each. A segment
//! is an output of its own as soon as it is complete.

use std::sync::{Arc, Mutex, PoisonError};

use contract::{Failure, Properties};
use ffmpeg_next::{Packet, Rational, media};
use operation::Outputs;

use super::muxer::Muxer;
use super::plan::rescale;
use super::track::{DecodedDurations, Encoded, Track};
use crate::open::{Disposition, seconds};

/// Seconds of a last segment of audio, at least: a shorter rest goes into the one before. hls.js takes a rest that is no longer
/// than the encoder's priming, which browsers cut off, for one that was lost, and waits for it.
const SHORTEST_REST: f64 = 0.25;

/// A written segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Segment {
    /// In the track's own units from its beginning.
    pub start: i64,
    pub duration: i64,
    pub bytes: u64,
}

/// What playlists say of a track.
#[derive(Debug, Clone, Default)]
pub(crate) struct SegmentedTrack {
    pub folder: String,
    pub segments: Vec<Segment>,
    /// Units of a second.
    pub time_scale: i32,
    /// By RFC 6381, such as `avc1.640028`.
    pub codec: String,
    pub language: Option<String>,
    pub title: Option<String>,
    pub disposition: Disposition,
    pub channels: i32,
    pub size: (u32, u32),
    /// Frames of a second; none of audio.
    pub frame_rate: Option<Rational>,
}

impl SegmentedTrack {
    /// Seconds of a segment.
    pub(crate) fn seconds_of(&self, segment: &Segment) -> f64 {
        segment.duration as f64 / f64::from(self.time_scale.max(1))
    }

    pub(crate) fn duration(&self) -> f64 {
        self.segments.iter().map(|segment| self.seconds_of(segment)).sum()
    }

    /// Bits per second: the most that a segment has, and of all together.
    pub(crate) fn bandwidth(&self) -> (u64, u64) {
        let rate = |bytes: u64, seconds: f64| if seconds > 0.0 { (bytes as f64 * 8.0 / seconds) as u64 } else { 0 };
        // A last segment of a few frames says nothing of the rate that a player needs.
        let longest = self.segments.iter().map(|segment| self.seconds_of(segment)).fold(0.0, f64::max);
        let whole = self.segments.iter().filter(|segment| self.seconds_of(segment) >= longest / 2.0);
        let peak = whole.map(|segment| rate(segment.bytes, self.seconds_of(segment))).max().unwrap_or(0);
        let average = rate(self.segments.iter().map(|segment| segment.bytes).sum(), self.duration());
        // The highest rate is no lower than the mean, which counts the segments left out here (RFC 8216 4.3.4.2).
        (peak.max(average), average)
    }
}

/// Where a finished [`Segmenter`] leaves what the playlists need.
pub(crate) type Finished = Arc<Mutex<SegmentedTrack>>;

/// Cuts one track.
pub(crate) struct Segmenter {
    outputs: Outputs,
    muxer: Muxer,
    interval: u32,
    time_base: Rational,
    is_video: bool,
    durations: DecodedDurations,
    encoded: Option<Encoded>,
    /// The time of the segment's first packet, in the track's time base; none before there is one.
    begun: Option<i64>,
    /// The time of the first packet of all, in the muxer's units.
    origin: Option<i64>,
    /// Where the next segment may begin.
    next: i64,
    /// Audio from where the next segment may begin on, until there is enough of it for a segment.
    waiting: Vec<Packet>,
    /// The end of the packet that was written last.
    end: i64,
    state: SegmentedTrack,
    finished: Finished,
}

impl Segmenter {
    pub(crate) fn new(outputs: &Outputs, folder: String, interval: u32, finished: &Finished) -> Result<Self, Failure> {
        let mut muxer = Muxer::new(c"mp4", 1, false)?;
        muxer.set_option(c"movflags", "+frag_custom+delay_moov+dash+cmaf+skip_sidx+skip_trailer");
        // Without an edit list some readers show a video with reordered frames too late against its audio.
        muxer.set_option(c"use_editlist", "1");
        Ok(Self {
            outputs: outputs.clone(),
            muxer,
            interval,
            time_base: Rational(1, 1),
            is_video: false,
            durations: DecodedDurations::default(),
            encoded: None,
            begun: None,
            origin: None,
            next: 0,
            waiting: Vec::new(),
            end: 0,
            state: SegmentedTrack { folder, ..SegmentedTrack::default() },
            finished: Arc::clone(finished),
        })
    }

    fn put(&mut self, packet: Packet) -> Result<(), Failure> {
        let time = packet.pts().unwrap_or(0);
        let Some(begun) = self.begun else {
            self.begin(time);
            return self.add(packet);
        };
        if time < self.next || (self.is_video && !packet.is_key()) {
            return self.add(packet);
        }
        let end = time + packet.duration();
        self.waiting.push(packet);
        let start = self.waiting[0].pts().unwrap_or(time);
        if self.is_video || (end - start) as f64 * seconds(self.time_base) >= SHORTEST_REST {
            self.cut(begun, start)?;
            self.begin(start);
            self.add_waiting()?;
        }
        Ok(())
    }

    /// A segment begins at this time.
    fn begin(&mut self, time: i64) {
        self.begun = Some(time);
        let units = self.time_base.denominator() / self.time_base.numerator().max(1);
        let interval = i64::from(self.interval) * i64::from(units);
        self.next = (time.max(0) / interval + 1) * interval;
    }

    fn add_waiting(&mut self) -> Result<(), Failure> {
        std::mem::take(&mut self.waiting).into_iter().try_for_each(|packet| self.add(packet))
    }

    fn add(&mut self, packet: Packet) -> Result<(), Failure> {
        self.end = self.end.max(packet.pts().unwrap_or(0) + packet.duration());
        self.muxer.write(0, packet)
    }

    /// Everything since the last cut becomes a segment.
    fn cut(&mut self, begun: i64, end: i64) -> Result<(), Failure> {
        let kind = if self.is_video { "video/mp4" } else { "audio/mp4" };
        if self.state.segments.is_empty() {
            self.muxer.writer().begin(self.outputs.create(format!("{}/init.mp4", self.state.folder))?);
            self.muxer.flush_fragment()?;
            let mut output = self.muxer.writer().take()?;
            self.state.codec = super::codec_name::of_segment(&read_back(&mut output)?).unwrap_or_default();
            output.finish(kind, Properties::new());
        }
        let number = self.state.segments.len() + 1;
        self.muxer.writer().begin(self.outputs.create(format!("{}/segment-{number:05}.m4s", self.state.folder))?);
        self.muxer.flush_fragment()?;
        let mut output = self.muxer.writer().take()?;
        let bytes = output.file().metadata()?.len();
        let units = Rational(1, self.state.time_scale);
        let start = rescale(begun, self.time_base, units);
        let duration = rescale(end, self.time_base, units) - start;
        // In the segments the track's clock begins at its first packet; an edit list says when that is shown.
        let origin = *self.origin.get_or_insert(start);
        let start = start - origin;
        let mut properties = Properties::new();
        properties.insert("duration".into(), ((end - begun) as f64 * seconds(self.time_base)).into());
        output.finish(kind, properties);
        self.state.segments.push(Segment { start, duration, bytes });
        Ok(())
    }
}

fn read_back(output: &mut operation::OutputFile) -> Result<Vec<u8>, Failure> {
    use std::os::unix::fs::FileExt;
    let file = output.file();
    let mut bytes = vec![0; file.metadata()?.len() as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

impl Track for Segmenter {
    fn open(&mut self, encoded: &Encoded) -> Result<(), Failure> {
        // SAFETY: the parameters own a live AVCodecParameters.
        let parameters = unsafe { &*encoded.parameters.as_ptr() };
        self.is_video = media::Type::from(parameters.codec_type) == media::Type::Video;
        self.time_base = encoded.time_base;
        self.encoded = Some(encoded.clone());
        self.state.language.clone_from(&encoded.language);
        self.state.title.clone_from(&encoded.title);
        self.state.disposition = encoded.disposition;
        self.state.channels = parameters.ch_layout.nb_channels;
        self.state.size = (parameters.width.max(0) as u32, parameters.height.max(0) as u32);
        self.state.frame_rate = encoded.frame_rate;
        self.muxer.open_track(0, encoded)?;
        self.state.time_scale = self.muxer.time_base(0).denominator();
        Ok(())
    }

    fn write(&mut self, packet: Packet) -> Result<(), Failure> {
        match self.durations.push(packet) {
            Some(packet) => self.put(packet),
            None => Ok(()),
        }
    }

    fn close(&mut self, end: Option<f64>) -> Result<(), Failure> {
        let ticks = |end: f64| self.encoded.as_ref().map_or(0, |encoded| encoded.ticks(end));
        let end = end.map(ticks);
        let usual = self.encoded.as_ref().map_or(0, |encoded| encoded.step);
        if let Some(last) = self.durations.finish(end, usual) {
            self.put(last)?;
        }
        self.add_waiting()?;
        if let Some(begun) = self.begun.take() {
            // Durations of decoding add up to a wrong end where frames are reordered and not evenly spaced.
            let end = end.filter(|end| *end > begun).unwrap_or(self.end);
            self.cut(begun, end)?;
        }
        self.muxer.finish()?;
        *self.finished.lock().unwrap_or_else(PoisonError::into_inner) = std::mem::take(&mut self.state);
        Ok(())
    }
}
