//! The video with its captions as a further track. The other streams are copied as they are.

use std::ffi::CStr;

use catalog::Format;
use contract::{Failure, Properties};
use ffmpeg_next::{Packet, Rational, codec, media};
use operation::Task;
use speech::captions::Caption;

use super::text_track;
use crate::avio::Pattern;
use crate::open::{Demuxer, StreamInfo, seconds};
use crate::operations::transcode::{Encoded, Muxer, chapters, is_text, rescale};

/// A container that holds streams of a source beside captions.
struct Target {
    /// As libavformat calls its muxer.
    muxer: &'static CStr,
    file: &'static str,
    content_type: &'static str,
    captions: codec::Id,
}

/// 3GPP timed text, which players of MP4 take (3GPP TS 26.245).
const MP4: Target =
    Target { muxer: c"mp4", file: "captioned.mp4", content_type: "video/mp4", captions: codec::Id::MOV_TEXT };
const MOV: Target =
    Target { muxer: c"mov", file: "captioned.mov", content_type: "video/quicktime", captions: codec::Id::MOV_TEXT };
const WEBM: Target =
    Target { muxer: c"webm", file: "captioned.webm", content_type: "video/webm", captions: codec::Id::WEBVTT };
/// Takes every codec; players know its captions as `SubRip`'s.
const MATROSKA: Target =
    Target { muxer: c"matroska", file: "captioned.mkv", content_type: "video/x-matroska", captions: codec::Id::SUBRIP };

/// Refuses what has no picture, before anything is recognised.
pub(super) fn check(streams: &[StreamInfo]) -> Result<(), Failure> {
    let is_picture = |stream: &StreamInfo| stream.kind == media::Type::Video && !stream.is_attached_picture;
    if streams.iter().any(is_picture) {
        return Ok(());
    }
    Err(Failure::invalid_request("mux writes a video with its captions, but the file has only audio; leave out mux"))
}

/// Writes `captioned.mp4`, or `.mov`, `.webm` or `.mkv`: the container of the source if it holds all of its pictures and audio
/// beside captions, else Matroska. `code` is the language of the captions.
pub(super) fn mux(task: &Task, captions: &[Caption], code: Option<&str>) -> Result<(), Failure> {
    let mut demuxer = Demuxer::open(&task.input, Pattern::Sequential)?;
    demuxer.find_stream_info()?;
    demuxer.complete_times();
    let streams = demuxer.streams();
    let target = target(task.input.format(), &streams);
    let (copied, left_out): (Vec<&StreamInfo>, Vec<&StreamInfo>) =
        streams.iter().partition(|stream| is_copied(stream, &target));
    for stream in left_out {
        task.outputs.warn(format!(
            "stream {} ({}) is not in {}, which does not hold it",
            stream.index,
            stream.codec.name(),
            target.file
        ));
    }

    let mut muxer = Muxer::new(target.muxer, copied.len() + 1, true)?;
    match target.captions {
        codec::Id::MOV_TEXT => muxer.set_option(c"movflags", "+faststart"),
        _ => muxer.set_option(c"cues_to_front", "1"),
    }
    muxer.describe(demuxer.title().as_deref(), &chapters(&demuxer));
    muxer.writer().begin(task.outputs.create(target.file)?);
    for (track, stream) in copied.iter().enumerate() {
        muxer.open_track(track, &Encoded::of_stream(stream, muxer.tag_of(stream)))?;
    }
    let is_only = !copied.iter().any(|stream| stream.kind == media::Type::Subtitle);
    let mut text = Text { muxer, track: copied.len(), codec: target.captions, captions: captions.iter() };
    text.open(code, is_only)?;

    let mut clocks: Vec<Clock> = copied.iter().map(|stream| Clock::new(stream, &demuxer)).collect();
    demuxer.keep_only(&copied.iter().map(|stream| stream.index).collect::<Vec<_>>());
    while let Some(mut packet) = demuxer.read()? {
        let Some(track) = copied.iter().position(|stream| stream.index == packet.stream()) else { continue };
        let time = clocks[track].correct(&mut packet);
        text.write_until(time)?;
        text.muxer.write(track, packet)?;
    }
    text.write_until(f64::INFINITY)?;
    text.muxer.finish()?;
    let mut properties = Properties::new();
    properties.insert("captions".into(), captions.len().into());
    properties.insert("language".into(), code.into());
    properties.insert("captionsCodec".into(), target.captions.name().into());
    text.muxer.writer().take()?.finish(target.content_type, properties);
    Ok(())
}

fn target(format: Format, streams: &[StreamInfo]) -> Target {
    let own = match format {
        Format::Mp4 | Format::M4a => MP4,
        Format::Mov => MOV,
        Format::Webm => WEBM,
        _ => return MATROSKA,
    };
    let is_held = |stream: &&StreamInfo| matches!(stream.kind, media::Type::Video | media::Type::Audio);
    let holds_all = streams
        .iter()
        .filter(is_held)
        .filter(|stream| !stream.is_attached_picture)
        .all(|stream| Muxer::holds(own.muxer, stream.codec));
    if holds_all { own } else { MATROSKA }
}

fn is_copied(stream: &StreamInfo, target: &Target) -> bool {
    let is_of_a_kind = match stream.kind {
        media::Type::Video => !stream.is_attached_picture,
        media::Type::Audio => true,
        // A subtitle of another kind would have to be written anew.
        media::Type::Subtitle => {
            !is_text(stream.codec) || target.captions != codec::Id::MOV_TEXT || stream.codec == codec::Id::MOV_TEXT
        }
        _ => false,
    };
    is_of_a_kind && stream.codec != codec::Id::None && Muxer::holds(target.muxer, stream.codec)
}

/// Brings a stream's times to the beginning of the file, and in order.
struct Clock {
    start: i64,
    base: f64,
    last: Option<i64>,
}

impl Clock {
    fn new(stream: &StreamInfo, demuxer: &Demuxer) -> Self {
        let start = rescale(demuxer.start_microseconds(), Rational(1, 1_000_000), stream.time_base);
        Self { start, base: seconds(stream.time_base), last: None }
    }

    /// Gives when the packet is decoded, seconds.
    fn correct(&mut self, packet: &mut Packet) -> f64 {
        let moved = |time: i64| time - self.start;
        let next = self.last.map_or(0, |last| last + 1);
        let decoded = packet.dts().or(packet.pts()).map_or(next, moved);
        // Muxers take no packet that is decoded before another of its stream.
        let decoded = self.last.map_or(decoded, |last| decoded.max(last + 1));
        self.last = Some(decoded);
        packet.set_dts(Some(decoded));
        packet.set_pts(Some(packet.pts().map_or(decoded, moved).max(decoded)));
        decoded as f64 * self.base
    }
}

/// The track of captions.
struct Text<'a> {
    muxer: Muxer,
    track: usize,
    codec: codec::Id,
    captions: std::slice::Iter<'a, Caption>,
}

impl Text<'_> {
    fn open(&mut self, code: Option<&str>, is_default: bool) -> Result<(), Failure> {
        let encoded = text_track::encoded(self.codec, code, is_default)?;
        self.muxer.open_track(self.track, &encoded)
    }

    /// Writes the captions that begin up to a time, seconds.
    fn write_until(&mut self, time: f64) -> Result<(), Failure> {
        while let Some(caption) = self.captions.as_slice().first().filter(|caption| caption.start <= time) {
            self.captions.next();
            let packet = text_track::packet(self.codec, caption);
            self.muxer.write(self.track, packet)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(dts: Option<i64>, pts: Option<i64>) -> Packet {
        let mut packet = Packet::copy(&[1]);
        packet.set_dts(dts);
        packet.set_pts(pts);
        packet
    }

    #[test]
    fn times_begin_with_the_file_and_never_go_back() {
        let mut clock = Clock { start: 1000, base: 0.01, last: None };
        let mut times = Vec::new();
        for (dts, pts) in [
            (Some(998), Some(1000)),
            (Some(999), Some(1003)),
            (Some(999), Some(1001)),
            (None, None),
            (None, Some(1004)),
        ] {
            let mut packet = packet(dts, pts);
            clock.correct(&mut packet);
            times.push((packet.dts().unwrap(), packet.pts().unwrap()));
        }
        assert_eq!(times, [(-2, 0), (-1, 3), (0, 1), (1, 1), (4, 4)]);
    }
}
