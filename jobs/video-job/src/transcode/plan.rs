//! What a transcode makes of a source: which tracks, of what size, at what times.

use catalog::operations::{Container, Hdr, Transcode, VideoCodec};
use contract::Failure;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::util::color::TransferCharacteristic;
use ffmpeg_next::{Rational, codec, media};

use super::frame_times::FrameClock;
use crate::open::{Demuxer, StreamInfo};

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
    /// Streams that the container does not take, with the reason.
    pub left_out: Vec<String>,
    /// Seconds, where the file says.
    pub duration: Option<f64>,
    /// Where the file begins on its own clock, in microseconds.
    pub start: i64,
}

/// One encoding of the video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendition {
    pub width: u32,
    pub height: u32,
}

impl Rendition {
    /// `720p`, the name of its folder.
    pub(crate) fn name(&self) -> String {
        format!("{}p", self.height)
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
                    left_out.push(format!("stream {} ({})", stream.index, stream.codec.name()));
                    continue;
                }
            };
            stream.require_decoder()?;
            tracks.push(stream);
            if tracks.len() > MAX_TRACKS {
                return Err(Failure::invalid_input(format!("the file has more than {MAX_TRACKS} tracks of one kind")));
            }
        }
        // SAFETY: the parameters own a live AVCodecParameters.
        let transfer = TransferCharacteristic::from(unsafe { (*video.parameters.as_ptr()).color_trc });
        let is_hdr = matches!(transfer, TransferCharacteristic::SMPTE2084 | TransferCharacteristic::ARIB_STD_B67);
        let is_kept = is_hdr && options.hdr == Hdr::Keep;
        Ok(Self {
            renditions: renditions(options, shown_size(&video))?,
            pixel_format: if is_kept { Pixel::YUV420P10LE } else { Pixel::YUV420P },
            is_hdr: is_kept,
            transfer,
            is_tone_mapped: is_hdr && !is_kept,
            clock: FrameClock::new(options, &video),
            audio,
            subtitles,
            left_out,
            duration: demuxer.duration(),
            start: demuxer.start_microseconds(),
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
fn is_text(id: codec::Id) -> bool {
    use codec::Id;
    matches!(id, Id::MOV_TEXT | Id::SUBRIP | Id::SRT | Id::ASS | Id::SSA | Id::WEBVTT | Id::TEXT)
}

/// Width and height as shown: turned, but with the pixels that are stored.
fn shown_size(video: &StreamInfo) -> (u32, u32) {
    let (width, height) = video.dimensions();
    let (width, height) = (width.max(0) as u32, height.max(0) as u32);
    if video.rotation.is_multiple_of(180) { (width, height) } else { (height, width) }
}

fn renditions(options: &Transcode, (width, height): (u32, u32)) -> Result<Vec<Rendition>, Failure> {
    let smallest = if options.codec() == VideoCodec::Av1 { SMALLEST_SIDE_OF_AV1 } else { SMALLEST_SIDE };
    if width < smallest || height < smallest {
        return Err(Failure::invalid_input(format!(
            "the video has {width}×{height} pixels; its encoder takes {smallest} on a side and more"
        )));
    }
    let own = even(height);
    let limit = options.max_height.map_or(own, |limit| even(limit).min(own));
    let mut heights = match options.container {
        Container::Hls => {
            options.heights.iter().map(|height| even(*height)).filter(|height| *height <= limit).collect()
        }
        Container::Mp4 | Container::Webm => Vec::new(),
    };
    if heights.is_empty() {
        heights.push(limit);
    }
    heights.dedup();
    let scaled = |to: u32| Rendition {
        width: if to == own { even(width) } else { even_nearest(u64::from(width) * u64::from(to), height) },
        height: to,
    };
    let renditions: Vec<_> = heights.into_iter().map(scaled).collect();
    match renditions.iter().find(|rendition| rendition.width < smallest || rendition.height < smallest) {
        Some(small) => Err(Failure::invalid_request(format!(
            "a picture of {}×{} pixels is too small for the encoder, which takes {smallest} on a side and more",
            small.width, small.height
        ))),
        None => Ok(renditions),
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
    }

    #[test]
    fn pictures_too_small_for_an_encoder_are_refused_before_it_is_asked() {
        let small = renditions(&options("transcode?codec=av1"), (62, 100)).unwrap_err();
        assert_eq!(small.kind(), contract::FailureKind::InvalidInput);
        let thin = renditions(&options("transcode?max-height=16"), (200, 1000)).unwrap_err();
        assert_eq!(thin.kind(), contract::FailureKind::InvalidRequest);
    }
}
