//! What a transcode makes of a source: which tracks, of what size, at what times.

use catalog::Format;
use catalog::operations::{Container, Hdr, Transcode, VideoCodec};
use contract::Failure;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::util::color::TransferCharacteristic;
use ffmpeg_next::{Rational, codec, media};

use super::frame_times::FrameClock;
use crate::open::{Chapter, Demuxer, StreamInfo};

/// The smallest side of a picture that every encoder takes.
const SMALLEST_SIDE: u32 = 16;
/// That of SVT-AV1.
const SMALLEST_SIDE_OF_AV1: u32 = 64;
/// Tracks of one kind that are carried, at most. Files with more are made to exhaust something.
const MAX_TRACKS: usize = 64;

/// What is done with a source.
#[derive(Clone)]
pub(crate) struct Plan {
    pub options: Transcode,
    pub video: StreamInfo,
    /// From the largest to the smallest.
    pub renditions: Vec<Rendition>,
    pub pixel_format: Pixel,
    /// Whether the result has high dynamic range.
    pub is_hdr: bool,
    pub transfer: TransferCharacteristic,
    pub is_tone_mapped: bool,
    pub clock: FrameClock,
    pub audio: Vec<StreamInfo>,
    pub subtitles: Vec<StreamInfo>,
    /// What the result does not have of the source, with the reason.
    pub left_out: Vec<String>,
    pub title: Option<String>,
    /// From the file's beginning.
    pub chapters: Vec<Chapter>,
    /// Seconds, where the file says.
    pub duration: Option<f64>,
    /// Where the file begins on its own clock, in microseconds.
    pub start: i64,
    /// When the last frame stops being shown as the container says it, in the stream's time base from the file's beginning.
    pub video_end: Option<i64>,
    /// Whether the video may begin anywhere within a broadcast, where what stands before the first key frame shows nothing.
    pub needs_key: bool,
}

/// One encoding of the video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendition {
    pub width: u32,
    pub height: u32,
}

impl Rendition {
    /// `720p`, the name of its folder: by the shorter side, as players and people call it.
    pub(crate) fn name(&self) -> String {
        format!("{}p", self.width.min(self.height))
    }
}

impl Plan {
    pub(crate) fn new(options: &Transcode, demuxer: &Demuxer) -> Result<Self, Failure> {
        let video = demuxer.video_stream()?;
        video.require_decoder()?;
        let mut left_out = Vec::new();
        let (mut audio, mut subtitles) = (Vec::new(), Vec::new());
        for stream in demuxer.streams() {
            let tracks = match stream.kind {
                media::Type::Audio => &mut audio,
                media::Type::Subtitle if options.no_subtitles => continue,
                media::Type::Subtitle if is_text(stream.codec) => &mut subtitles,
                _ if stream.index == video.index => continue,
                _ => {
                    left_out.push(format!("{}: {}", name_of(&stream), why_left_out(&stream)));
                    continue;
                }
            };
            // What goes beside the picture does not fail it.
            if let Err(reason) = stream.check_decoder() {
                left_out.push(format!("{}: {reason}", name_of(&stream)));
                continue;
            }
            tracks.push(stream);
            if tracks.len() > MAX_TRACKS {
                return Err(Failure::invalid_input(format!("the file has more than {MAX_TRACKS} tracks of one kind")));
            }
        }
        // SAFETY: the parameters own a live AVCodecParameters.
        let transfer = TransferCharacteristic::from(unsafe { (*video.parameters.as_ptr()).color_trc });
        let is_hdr = matches!(transfer, TransferCharacteristic::SMPTE2084 | TransferCharacteristic::ARIB_STD_B67);
        let is_kept = is_hdr && options.hdr == Hdr::Keep;
        let renditions = renditions(options, shown_size(&video))?;
        if video.has_alpha {
            left_out.push(format!("{}: its transparency", name_of(&video)));
        }
        let start = demuxer.start_microseconds();
        let mut chapters = chapters(demuxer);
        if options.container == Container::Hls && !chapters.is_empty() {
            left_out.push(format!("{} chapters: HLS has none", chapters.len()));
            chapters.clear();
        }
        Ok(Self {
            renditions,
            pixel_format: if is_kept { Pixel::YUV420P10LE } else { Pixel::YUV420P },
            is_hdr: is_kept,
            transfer,
            is_tone_mapped: is_hdr && !is_kept,
            clock: FrameClock::new(options, &video),
            audio,
            subtitles,
            left_out,
            title: demuxer.title(),
            chapters,
            duration: demuxer.duration(),
            start,
            video_end: video_end(demuxer, &video, start),
            needs_key: demuxer.is_stream(),
            options: options.clone(),
            video,
        })
    }

    pub(crate) fn codec(&self) -> VideoCodec {
        self.options.codec()
    }

    /// The dynamic range of the result, in HLS's words.
    pub(crate) fn video_range(&self) -> &'static str {
        match self.transfer {
            TransferCharacteristic::SMPTE2084 if self.is_hdr => "PQ",
            TransferCharacteristic::ARIB_STD_B67 if self.is_hdr => "HLG",
            _ => "SDR",
        }
    }

    /// Seconds between forced key frames, where segments need them.
    pub(crate) fn key_interval(&self) -> Option<u32> {
        (self.options.container == Container::Hls).then_some(self.options.segment_duration)
    }

    /// Whether the first frame is shown from the beginning on, however late it comes. Segments of all tracks begin together:
    /// hls.js takes the beginning of the picture for that of the whole, and browsers drop the pauses of edit lists.
    pub(crate) fn holds_first_frame(&self) -> bool {
        self.options.container == Container::Hls
    }

    /// When the video begins, in its time base from the file's beginning.
    pub(crate) fn video_origin(&self) -> i64 {
        self.video.start.map_or(0, |start| start - self.start_in(self.video.time_base))
    }

    /// The beginning of the file in a stream's time base.
    pub(crate) fn start_in(&self, time_base: Rational) -> i64 {
        rescale(self.start, Rational(1, 1_000_000), time_base)
    }
}

/// A time in another unit, to the nearest.
pub(crate) fn rescale(time: i64, from: Rational, to: Rational) -> i64 {
    // SAFETY: arithmetic on plain numbers.
    unsafe { ffmpeg_next::ffi::av_rescale_q(time, from.into(), to.into()) }
}

/// Subtitles that are text can be written as any other text; pictures cannot.
pub(crate) fn is_text(id: codec::Id) -> bool {
    use codec::Id;
    matches!(id, Id::MOV_TEXT | Id::SUBRIP | Id::SRT | Id::ASS | Id::SSA | Id::WEBVTT | Id::TEXT)
}

fn name_of(stream: &StreamInfo) -> String {
    format!("stream {} ({})", stream.index, stream.codec.name())
}

fn why_left_out(stream: &StreamInfo) -> &'static str {
    match stream.kind {
        media::Type::Subtitle => "subtitles that are pictures cannot become text",
        media::Type::Video if stream.is_attached_picture => "a cover is not written",
        media::Type::Video => "one picture is written, and another stream was taken for it",
        media::Type::Attachment => "attachments are not written",
        media::Type::Audio | media::Type::Data | media::Type::Unknown => "data is not written",
    }
}

/// Those of which something is left, on the clock of the result.
pub(crate) fn chapters(demuxer: &Demuxer) -> Vec<Chapter> {
    let start = demuxer.start();
    let moved = demuxer.chapters().into_iter().map(|chapter| Chapter {
        start: (chapter.start - start).max(0.0),
        end: chapter.end - start,
        title: chapter.title,
    });
    moved.filter(|chapter| chapter.end > chapter.start).collect()
}

/// Of an MP4's track, whose table says how long each frame is shown. Other containers do not say it of a track.
fn video_end(demuxer: &Demuxer, video: &StreamInfo, start: i64) -> Option<i64> {
    let is_known = matches!(demuxer.format(), Format::Mp4 | Format::Mov) && !demuxer.layout().is_fragmented;
    let duration = video.duration.filter(|_| is_known)?;
    Some(video.start.unwrap_or(0) + duration - rescale(start, Rational(1, 1_000_000), video.time_base))
}

/// Width and height as shown: turned, but with the pixels that are stored.
fn shown_size(video: &StreamInfo) -> (u32, u32) {
    let (width, height) = video.dimensions();
    video.orientation.shown((width.max(0) as u32, height.max(0) as u32))
}

fn renditions(options: &Transcode, (width, height): (u32, u32)) -> Result<Vec<Rendition>, Failure> {
    let smallest = if options.codec() == VideoCodec::Av1 { SMALLEST_SIDE_OF_AV1 } else { SMALLEST_SIDE };
    if width < smallest || height < smallest {
        return Err(Failure::invalid_input(format!(
            "the video has {width}×{height} pixels; the encoder needs at least {smallest} on a side"
        )));
    }
    let renditions: Vec<_> = match options.container {
        Container::Mp4 | Container::Webm => {
            let limit = options.max_height.unwrap_or(u32::MAX);
            vec![scaled((width, height), height, limit)]
        }
        Container::Hls => ladder(options, (width, height)),
    };
    match renditions.iter().find(|rendition| rendition.width < smallest || rendition.height < smallest) {
        Some(small) => Err(Failure::invalid_request(format!(
            "a picture of {}×{} pixels is too small; the encoder needs at least {smallest} on a side",
            small.width, small.height
        ))),
        None => Ok(renditions),
    }
}

/// The renditions that are no larger than the source, by the shorter side: `720p` of a picture that is held upright has as
/// many pixels as of one that is not.
fn ladder(options: &Transcode, (width, height): (u32, u32)) -> Vec<Rendition> {
    let shorter = width.min(height);
    let lowered = options.max_height.filter(|limit| *limit < height);
    let largest = lowered.map_or(shorter, |limit| (u64::from(shorter) * u64::from(limit) / u64::from(height)) as u32);
    let mut sides: Vec<u32> =
        options.heights.iter().map(|side| even(*side)).filter(|side| *side <= even(largest)).collect();
    if sides.is_empty() {
        sides.push(even(largest));
    }
    sides.dedup();
    sides.into_iter().map(|side| scaled((width, height), shorter, side)).collect()
}

/// The picture with one of its sides brought to a length at most, the other as it follows; both even.
fn scaled((width, height): (u32, u32), side: u32, to: u32) -> Rendition {
    let (to, own) = (even(to), even(side));
    if to >= own {
        return Rendition { width: even(width), height: even(height) };
    }
    let other = |length: u32| even_nearest(u64::from(length) * u64::from(to), side);
    if side == height {
        Rendition { width: other(width), height: to }
    } else {
        Rendition { width: to, height: other(height) }
    }
}

/// Chroma has half the lines and columns.
fn even(length: u32) -> u32 {
    length / 2 * 2
}

fn even_nearest(numerator: u64, denominator: u32) -> u32 {
    let denominator = u64::from(denominator.max(1)) * 2;
    (((numerator + denominator / 2) / denominator) as u32 * 2).max(2)
}

#[cfg(test)]
mod tests {
    use catalog::Operations;

    use super::*;

    fn options(text: &str) -> Transcode {
        let operations: Operations = text.parse().unwrap();
        operations.first().options::<Transcode>().expect("a transcode").clone()
    }

    fn sizes(text: &str, source: (u32, u32)) -> Vec<(u32, u32)> {
        renditions(&options(text), source).unwrap().into_iter().map(|one| (one.width, one.height)).collect()
    }

    #[test]
    fn one_file_keeps_its_size_up_to_the_limit_and_is_even() {
        assert_eq!(sizes("transcode", (1920, 1080)), [(1920, 1080)]);
        assert_eq!(sizes("transcode", (321, 241)), [(320, 240)]);
        assert_eq!(sizes("transcode?max-height=720", (1920, 1080)), [(1280, 720)]);
        assert_eq!(sizes("transcode?max-height=720", (640, 360)), [(640, 360)]);
        assert_eq!(sizes("transcode?max-height=720", (1080, 1920)), [(406, 720)]);
    }

    #[test]
    fn a_ladder_never_goes_above_its_source() {
        let all = "transcode?container=hls&heights=1080,720,480,360";
        assert_eq!(sizes(all, (1920, 1080)), [(1920, 1080), (1280, 720), (854, 480), (640, 360)]);
        assert_eq!(sizes(all, (1280, 720)), [(1280, 720), (854, 480), (640, 360)]);
        assert_eq!(sizes(all, (320, 240)), [(320, 240)]);
        // Held upright, by the shorter side.
        assert_eq!(sizes(all, (1080, 1920)), [(1080, 1920), (720, 1280), (480, 854), (360, 640)]);
        let limited = "transcode?container=hls&heights=1080,720,480,360&max-height=960";
        assert_eq!(sizes(limited, (1080, 1920)), [(480, 854), (360, 640)]);
    }

    #[test]
    fn pictures_too_small_for_an_encoder_are_refused_before_it_is_asked() {
        let small = renditions(&options("transcode?codec=av1"), (62, 100)).unwrap_err();
        assert_eq!(small.kind(), contract::FailureKind::InvalidInput);
        let thin = renditions(&options("transcode?max-height=16"), (200, 1000)).unwrap_err();
        assert_eq!(thin.kind(), contract::FailureKind::InvalidRequest);
    }
}
