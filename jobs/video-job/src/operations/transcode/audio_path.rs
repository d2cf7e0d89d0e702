//! One audio track from its packets to those of the result: decoded, brought to the wanted loudness, encoded again.

use std::ffi::{CStr, c_char};

use catalog::operations::Container;
use contract::Failure;
use ffmpeg_next::codec::{decoder, encoder};
use ffmpeg_next::format::Sample;
use ffmpeg_next::frame::Audio;
use ffmpeg_next::{Packet, Rational, codec, ffi, filter};

use super::loudness::Gain;
use super::plan::Plan;
use super::track::{Encoded, Track};
use super::video_path::LONGEST_GAP;
use crate::filter_graph::filter_graph;
use crate::open::{StreamInfo, seconds};

/// Of an AAC track, rates that players take; others are resampled.
const AAC_RATES: [i32; 4] = [24_000, 32_000, 44_100, 48_000];
/// Opus works at this rate, and so does everything that is resampled.
const USUAL_RATE: i32 = 48_000;
/// Channel layouts of Opus (RFC 7845 5.1.1.2), by their count of channels.
const OPUS_LAYOUTS: [(i32, &str); 7] =
    [(1, "mono"), (2, "stereo"), (3, "3.0"), (4, "quad"), (5, "5.0"), (6, "5.1"), (8, "7.1")];
/// Those of AAC that have a channel configuration (ISO/IEC 14496-3 table 1.19). Browsers take no others.
const AAC_LAYOUTS: [(i32, &str); 7] =
    [(1, "mono"), (2, "stereo"), (3, "3.0"), (4, "4.0"), (5, "5.0"), (6, "5.1"), (8, "7.1")];
/// Silence and peaks: what a limiter lets through, in decibels under full scale.
const CEILING: f64 = -1.0;

/// Filters from decoded audio to what an encoder takes.
pub(crate) struct AudioGraph {
    graph: filter::Graph,
    shape: (Sample, u32, String, Rational),
}

impl AudioGraph {
    /// A graph for frames like this one, with times in units of `time_base`.
    pub(crate) fn new(frame: &Audio, time_base: Rational, spec: &str) -> Result<Self, Failure> {
        let shape = shape(frame, time_base);
        let arguments = format!(
            "time_base={}/{}:sample_rate={}:sample_fmt={}:channel_layout={}",
            time_base.numerator(),
            time_base.denominator(),
            frame.rate(),
            frame.format().name(),
            shape.2,
        );
        let graph = filter_graph("abuffer", &arguments, "abuffersink", spec)?;
        Ok(Self { graph, shape })
    }

    pub(crate) fn fits(&self, frame: &Audio, time_base: Rational) -> bool {
        self.shape == shape(frame, time_base)
    }

    pub(crate) fn push(&mut self, frame: &Audio) -> Result<(), Failure> {
        self.graph.get("in").expect("named so").source().add(frame).map_err(failed)
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.graph.get("in").expect("named so").source().flush().map_err(failed)
    }

    pub(crate) fn set_frame_size(&mut self, samples: u32) {
        self.graph.get("out").expect("named so").sink().set_frame_size(samples);
    }

    pub(crate) fn pull(&mut self) -> Result<Option<Audio>, Failure> {
        let mut frame = Audio::empty();
        match self.graph.get("out").expect("named so").sink().frame(&mut frame) {
            Ok(()) => Ok(Some(frame)),
            Err(ffmpeg_next::Error::Eof | ffmpeg_next::Error::Other { errno: ffmpeg_next::error::EAGAIN }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}

fn failed(error: ffmpeg_next::Error) -> Failure {
    Failure::internal("audio cannot be filtered").because(error)
}

fn shape(frame: &Audio, time_base: Rational) -> (Sample, u32, String, Rational) {
    // SAFETY: the frame owns a live AVFrame.
    let layout = layout_name(unsafe { &(*frame.as_ptr()).ch_layout });
    (frame.format(), frame.rate(), layout, time_base)
}

/// A channel layout in libavutil's words; where the order is not known, the usual one.
fn layout_name(layout: &ffi::AVChannelLayout) -> String {
    let mut name = [0 as c_char; 128];
    // SAFETY: a layout of its own, which is given back, and a buffer of the size that is said.
    unsafe {
        let mut known: ffi::AVChannelLayout = std::mem::zeroed();
        if layout.order == ffi::AVChannelOrder::AV_CHANNEL_ORDER_UNSPEC {
            ffi::av_channel_layout_default(&raw mut known, layout.nb_channels);
        } else {
            ffi::av_channel_layout_copy(&raw mut known, layout);
        }
        ffi::av_channel_layout_describe(&raw const known, name.as_mut_ptr(), name.len());
        ffi::av_channel_layout_uninit(&raw mut known);
        CStr::from_ptr(name.as_ptr()).to_string_lossy().into_owned()
    }
}

/// Decodes the packets of one audio stream.
pub(crate) struct AudioDecoder {
    decoder: decoder::Audio,
    time_base: Rational,
    start: i64,
    /// The end of what was decoded last, in the stream's time base.
    end: i64,
    pub damaged: u64,
}

impl AudioDecoder {
    /// `start` is when the file begins on its own clock, in microseconds.
    pub(crate) fn new(stream: &StreamInfo, start: i64) -> Result<Self, Failure> {
        let decoder = stream.decoder(1)?.audio().map_err(|error| {
            Failure::invalid_input(format!(
                "the {} audio of stream {} cannot be decoded",
                stream.codec.name(),
                stream.index
            ))
            .because(error)
        })?;
        let start = super::plan::rescale(start, Rational(1, 1_000_000), stream.time_base);
        Ok(Self { decoder, time_base: stream.time_base, start, end: 0, damaged: 0 })
    }

    /// What was decoded before does not count: reading goes on so many seconds from the file's beginning.
    pub(crate) fn resume(&mut self, at: f64) {
        self.end = (at / seconds(self.time_base)) as i64;
    }

    /// Decodes a packet, or what is left at the end, and gives each frame with its time from the file's beginning.
    pub(crate) fn decode(
        &mut self,
        packet: Option<&Packet>,
        mut take: impl FnMut(Audio) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let sent = match packet {
            Some(packet) => self.decoder.send_packet(packet),
            None => self.decoder.send_eof(),
        };
        if sent.is_err() && packet.is_some() {
            self.damaged += 1;
        }
        loop {
            let mut frame = Audio::empty();
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) => {
                    make_layout_usual(&mut frame);
                    let time = frame.timestamp().map_or(self.end, |time| time - self.start);
                    let length = super::plan::rescale(
                        frame.samples() as i64,
                        Rational(1, frame.rate().max(1) as i32),
                        self.time_base,
                    );
                    let gap = (time - self.end) as f64 * seconds(self.time_base);
                    if gap > LONGEST_GAP {
                        return Err(Failure::invalid_input(format!(
                            "the audio pauses for {gap:.0} s by the file's times; the limit is {LONGEST_GAP} s"
                        )));
                    }
                    self.end = time + length;
                    frame.set_pts(Some(time));
                    if frame.samples() > 0 && frame.rate() > 0 {
                        take(frame)?;
                    }
                }
                Err(ffmpeg_next::Error::Eof | ffmpeg_next::Error::Other { errno: ffmpeg_next::error::EAGAIN }) => {
                    return Ok(());
                }
                Err(_) => self.damaged += 1,
            }
        }
    }

    pub(crate) fn time_base(&self) -> Rational {
        self.time_base
    }
}

/// One audio track.
pub(crate) struct AudioPath {
    decoder: AudioDecoder,
    graph: Option<AudioGraph>,
    encoder: encoder::audio::Encoder,
    track: Box<dyn Track>,
    spec: String,
    frame_size: u32,
    packets: u64,
}

impl AudioPath {
    pub(crate) fn new(
        plan: &Plan,
        stream: &StreamInfo,
        gain: Option<Gain>,
        mut track: Box<dyn Track>,
    ) -> Result<Self, Failure> {
        // SAFETY: the parameters own a live AVCodecParameters.
        let source = unsafe { &*stream.parameters.as_ptr() };
        let is_opus = plan.options.container == Container::Webm;
        let rate = if !is_opus && AAC_RATES.contains(&source.sample_rate) { source.sample_rate } else { USUAL_RATE };
        let (name, format) = if is_opus { ("libopus", "flt") } else { ("aac", "fltp") };
        let layout = encoded_layout(is_opus, source.ch_layout.nb_channels, &layout_name(&source.ch_layout));
        let spec = spec(rate, format, layout, gain, plan.options.container == Container::Hls);
        let encoder = open_encoder(name, format, rate, layout, plan.options.audio_bitrate)?;
        let mut encoded = Encoded::of(&encoder.0.0.0, Rational(1, rate));
        encoded.language.clone_from(&stream.language);
        encoded.title.clone_from(&stream.title);
        encoded.disposition = stream.disposition;
        // SAFETY: the encoder is open.
        let frame_size = unsafe { (*encoder.0.0.0.as_ptr()).frame_size };
        encoded.step = i64::from(frame_size);
        track.open(&encoded)?;
        let decoder = AudioDecoder::new(stream, plan.start)?;
        Ok(Self { decoder, graph: None, encoder, track, spec, frame_size: frame_size.max(0) as u32, packets: 0 })
    }

    pub(crate) fn packet(&mut self, packet: &Packet) -> Result<(), Failure> {
        self.decode(Some(packet))
    }

    /// There are no more packets. Gives how many the decoder found errors in, and where the track ends, in seconds.
    pub(crate) fn finish(mut self) -> Result<(u64, f64), Failure> {
        self.decode(None)?;
        if let Some(graph) = &mut self.graph {
            graph.flush()?;
        }
        self.encode()?;
        let _ = self.encoder.send_eof();
        self.receive()?;
        self.track.close(None)?;
        let end = self.decoder.end as f64 * seconds(self.decoder.time_base);
        Ok((self.decoder.damaged, end))
    }

    fn decode(&mut self, packet: Option<&Packet>) -> Result<(), Failure> {
        let mut frames = Vec::new();
        self.decoder.decode(packet, |frame| {
            frames.push(frame);
            Ok(())
        })?;
        let time_base = self.decoder.time_base();
        for frame in frames {
            if !self.graph.as_ref().is_some_and(|graph| graph.fits(&frame, time_base)) {
                if let Some(before) = &mut self.graph {
                    before.flush()?;
                    self.encode()?;
                }
                let mut graph = AudioGraph::new(&frame, time_base, &self.spec)?;
                if self.frame_size > 0 {
                    graph.set_frame_size(self.frame_size);
                }
                self.graph = Some(graph);
            }
            self.graph.as_mut().expect("just made").push(&frame)?;
            self.encode()?;
        }
        Ok(())
    }

    fn encode(&mut self) -> Result<(), Failure> {
        let Some(graph) = &mut self.graph else { return Ok(()) };
        let mut frames = Vec::new();
        while let Some(frame) = graph.pull()? {
            frames.push(frame);
        }
        for frame in frames {
            let sent = self.encoder.send_frame(&frame);
            sent.map_err(|error| Failure::internal("audio cannot be encoded").because(error))?;
            self.receive()?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<(), Failure> {
        loop {
            let mut packet = Packet::empty();
            match self.encoder.receive_packet(&mut packet) {
                Ok(()) => {
                    self.packets += 1;
                    self.track.write(packet)?;
                }
                Err(ffmpeg_next::Error::Eof | ffmpeg_next::Error::Other { errno: ffmpeg_next::error::EAGAIN }) => {
                    return Ok(());
                }
                Err(error) => return Err(Failure::internal("the audio encoder failed").because(error)),
            }
        }
    }
}

/// Segments of all tracks begin together, hence `begins_at_zero`.
fn spec(rate: i32, format: &str, layout: &str, gain: Option<Gain>, begins_at_zero: bool) -> String {
    let mut steps = Vec::new();
    if let Some(gain) = gain {
        steps.push(format!("volume={:.3}dB:precision=double", gain.decibels));
        if gain.peak + gain.decibels > CEILING {
            // Peaks between the samples show at four times the rate (ITU-R BS.1770).
            let limit = 10_f64.powf(CEILING / 20.0);
            steps.push(format!("aresample=192000,alimiter=limit={limit:.6}:level=disabled:attack=1:release=50"));
        }
    }
    // Gaps in the track's times are filled with silence, overlaps are cut: audio and video stay together.
    let begin = if begins_at_zero { ":first_pts=0" } else { "" };
    steps.push(format!("aresample=async=1{begin}"));
    steps.push(format!("aformat=sample_fmts={format}:sample_rates={rate}:channel_layouts={layout}"));
    steps.join(",")
}

/// The layout in which a source's is written: with as many channels, or with as many as there are layouts for.
fn encoded_layout(is_opus: bool, channels: i32, source: &str) -> &'static str {
    // Two in front and two behind: AAC has four channels only with one in the middle on both sides.
    if !is_opus && channels == 4 && source != "4.0" {
        return "5.0";
    }
    let layouts = if is_opus { OPUS_LAYOUTS } else { AAC_LAYOUTS };
    let best = layouts.into_iter().rfind(|(count, _)| *count <= channels.max(1));
    best.map_or("mono", |(_, name)| name)
}

/// Channels whose order is not known, or that are no speakers (ambisonics), are taken for those that so many usually are:
/// filters cannot mix others.
fn make_layout_usual(frame: &mut Audio) {
    // SAFETY: the frame owns a live AVFrame, whose layout is replaced.
    unsafe {
        let layout = &raw mut (*frame.as_mut_ptr()).ch_layout;
        let order = (*layout).order;
        let is_known = matches!(
            order,
            ffi::AVChannelOrder::AV_CHANNEL_ORDER_NATIVE | ffi::AVChannelOrder::AV_CHANNEL_ORDER_CUSTOM
        );
        if !is_known {
            let count = (*layout).nb_channels;
            ffi::av_channel_layout_uninit(layout);
            ffi::av_channel_layout_default(layout, count);
        }
    }
}

fn open_encoder(
    name: &'static str,
    format: &str,
    rate: i32,
    layout: &str,
    kilobits: u32,
) -> Result<encoder::audio::Encoder, Failure> {
    let codec = encoder::find_by_name(name)
        .ok_or_else(|| Failure::internal(format!("this libavcodec has no encoder {name}")))?;
    let failed = |error| Failure::internal(format!("{name} cannot be set up")).because(error);
    let mut audio = codec::Context::new_with_codec(codec).encoder().audio().map_err(failed)?;
    audio.set_rate(rate);
    audio.set_time_base(Rational(1, rate));
    audio.set_format(if format == "flt" {
        Sample::F32(ffmpeg_next::format::sample::Type::Packed)
    } else {
        Sample::F32(ffmpeg_next::format::sample::Type::Planar)
    });
    // SAFETY: the context is live and not open yet; the name is a C string.
    let channels = unsafe {
        let context = audio.as_mut_ptr();
        let name = std::ffi::CString::new(layout).expect("a layout is a word");
        ffi::av_channel_layout_from_string(&raw mut (*context).ch_layout, name.as_ptr());
        (*context).flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER as i32;
        (*context).ch_layout.nb_channels.max(1) as usize
    };
    audio.set_bit_rate(kilobits as usize * 1000 * channels.div_ceil(2));
    audio.open().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_become_the_largest_layout_that_they_fill() {
        for (channels, layout) in
            [(1, "mono"), (2, "stereo"), (6, "5.1"), (7, "5.1"), (8, "7.1"), (16, "7.1"), (0, "mono")]
        {
            assert_eq!(encoded_layout(false, channels, ""), layout);
            assert_eq!(encoded_layout(true, channels, ""), layout);
        }
        assert_eq!(encoded_layout(true, 4, "quad"), "quad");
        assert_eq!(encoded_layout(false, 4, "quad"), "5.0");
        assert_eq!(encoded_layout(false, 4, "4.0"), "4.0");
    }

    #[test]
    fn peaks_are_limited_only_where_the_gain_would_lift_them_too_high() {
        let lifted = spec(48_000, "fltp", "stereo", Some(Gain { decibels: 9.0, peak: -3.0 }), false);
        assert!(lifted.contains("volume=9.000dB") && lifted.contains("alimiter"), "{lifted}");
        let lowered = spec(48_000, "fltp", "stereo", Some(Gain { decibels: -4.0, peak: 0.0 }), true);
        assert!(!lowered.contains("alimiter"), "{lowered}");
    }
}
