//! One track of text subtitles: decoded, and encoded as what the container takes.

use std::ffi::c_int;
use std::fmt::Write as _;
use std::ptr;

use contract::Failure;
use ffmpeg_next::codec::Parameters;
use ffmpeg_next::{Packet, Rational, codec, ffi};

use super::plan::{Plan, rescale};
use super::track::{Encoded, Track};
use crate::open::{StreamInfo, seconds};

/// Subtitle times are in these units.
pub(crate) const MILLISECONDS: Rational = Rational(1, 1000);
/// The longest text of one subtitle; libavcodec's own encoders take no more.
const LONGEST: usize = 64 << 10;

/// A decoder and an encoder of subtitles, which have no wrappers that can do both.
pub(crate) struct SubtitlePath {
    decoder: *mut ffi::AVCodecContext,
    encoder: *mut ffi::AVCodecContext,
    track: Box<dyn Track>,
    stream_base: Rational,
    start: i64,
    pub damaged: u64,
}

impl SubtitlePath {
    /// `encoder` is the name of libavcodec's encoder: `mov_text` or `webvtt`.
    pub(crate) fn new(
        plan: &Plan,
        stream: &StreamInfo,
        encoder: codec::Id,
        mut track: Box<dyn Track>,
    ) -> Result<Self, Failure> {
        let mut path = Self {
            decoder: ptr::null_mut(),
            encoder: ptr::null_mut(),
            track: Box::new(Nowhere),
            stream_base: stream.time_base,
            start: plan.start_in(stream.time_base),
            damaged: 0,
        };
        let failed = |what: &str, code: c_int| {
            Failure::invalid_input(format!("subtitles of stream {} cannot be {what}", stream.index))
                .because(ffmpeg_next::Error::from(code))
        };
        // SAFETY: contexts are made, set up and opened here; the path owns them and closes them.
        unsafe {
            let codec = ffi::avcodec_find_decoder(stream.codec.into());
            path.decoder = ffi::avcodec_alloc_context3(codec);
            ffi::avcodec_parameters_to_context(path.decoder, stream.parameters.as_ptr());
            (*path.decoder).pkt_timebase = stream.time_base.into();
            let code = ffi::avcodec_open2(path.decoder, codec, ptr::null_mut());
            if code < 0 {
                return Err(failed("read", code));
            }
            let codec = ffi::avcodec_find_encoder(encoder.into());
            path.encoder = ffi::avcodec_alloc_context3(codec);
            if path.encoder.is_null() {
                return Err(Failure::internal(format!("this libavcodec writes no subtitles as {}", encoder.name())));
            }
            (*path.encoder).time_base = MILLISECONDS.into();
            // The styles, as the encoder wants them: decoders make ASS of everything.
            if !(*path.decoder).subtitle_header.is_null() {
                let size = (*path.decoder).subtitle_header_size;
                (*path.encoder).subtitle_header = ffi::av_mallocz(size as usize + 1).cast();
                if !(*path.encoder).subtitle_header.is_null() {
                    ptr::copy_nonoverlapping(
                        (*path.decoder).subtitle_header,
                        (*path.encoder).subtitle_header,
                        size as usize,
                    );
                    (*path.encoder).subtitle_header_size = size;
                }
            }
            let code = ffi::avcodec_open2(path.encoder, codec, ptr::null_mut());
            if code < 0 {
                return Err(failed("written", code));
            }
        }
        let mut parameters = Parameters::new();
        // SAFETY: both are live; the parameters are copied out of the context.
        unsafe { ffi::avcodec_parameters_from_context(parameters.as_mut_ptr(), path.encoder) };
        track.open(&Encoded {
            parameters,
            time_base: MILLISECONDS,
            frame_rate: None,
            step: 0,
            language: stream.language.clone(),
            title: stream.title.clone(),
            is_default: stream.is_default,
        })?;
        path.track = track;
        Ok(path)
    }

    pub(crate) fn packet(&mut self, packet: &mut Packet) -> Result<(), Failure> {
        use ffmpeg_next::packet::Mut;
        let Some(pts) = packet.pts() else { return Ok(()) };
        let begin = rescale(pts - self.start, self.stream_base, MILLISECONDS);
        let duration = rescale(packet.duration(), self.stream_base, MILLISECONDS);
        let mut bytes = vec![0_u8; LONGEST];
        // SAFETY: the contexts are open; the subtitle is plain data for which zeros are a value, and is freed here.
        let (written, begin, duration) = unsafe {
            let mut subtitle: ffi::AVSubtitle = std::mem::zeroed();
            let mut is_there = 0;
            let code =
                ffi::avcodec_decode_subtitle2(self.decoder, &raw mut subtitle, &raw mut is_there, packet.as_mut_ptr());
            if code < 0 {
                self.damaged += 1;
                return Ok(());
            }
            if is_there == 0 || subtitle.num_rects == 0 {
                ffi::avsubtitle_free(&raw mut subtitle);
                return Ok(());
            }
            let delay = i64::from(subtitle.start_display_time);
            let shown = match subtitle.end_display_time {
                0 | u32::MAX => duration,
                end => i64::from(end) - delay,
            };
            // The encoders want times that begin with the packet.
            subtitle.start_display_time = 0;
            subtitle.end_display_time = u32::try_from(shown.max(0)).unwrap_or(u32::MAX);
            subtitle.pts = (begin + delay) * 1000;
            let written = ffi::avcodec_encode_subtitle(
                self.encoder,
                bytes.as_mut_ptr(),
                bytes.len() as c_int,
                &raw const subtitle,
            );
            ffi::avsubtitle_free(&raw mut subtitle);
            (written, begin + delay, shown)
        };
        let Ok(size) = usize::try_from(written) else {
            self.damaged += 1;
            return Ok(());
        };
        if size == 0 || begin < 0 {
            return Ok(());
        }
        let mut result = Packet::copy(&bytes[..size]);
        result.set_pts(Some(begin));
        result.set_dts(Some(begin));
        result.set_duration(duration.max(1));
        self.track.write(result)
    }

    pub(crate) fn finish(mut self) -> Result<u64, Failure> {
        self.track.close()?;
        Ok(self.damaged)
    }
}

// SAFETY: the contexts are owned by this value alone and not bound to a thread.
unsafe impl Send for SubtitlePath {}

impl Drop for SubtitlePath {
    fn drop(&mut self) {
        // SAFETY: both are owned, or null, which is taken, too.
        unsafe {
            ffi::avcodec_free_context(&raw mut self.decoder);
            ffi::avcodec_free_context(&raw mut self.encoder);
        }
    }
}

/// Stands in for a track until there is one.
struct Nowhere;

impl Track for Nowhere {
    fn open(&mut self, _encoded: &Encoded) -> Result<(), Failure> {
        Ok(())
    }

    fn write(&mut self, _packet: Packet) -> Result<(), Failure> {
        Ok(())
    }

    fn close(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// Subtitles as a WebVTT file (W3C), for playlists.
#[derive(Default)]
pub(crate) struct WebVtt {
    text: String,
    /// The end of the last cue, in seconds.
    pub end: f64,
}

impl WebVtt {
    pub(crate) fn new() -> Self {
        // Where the file's clock stands against that of the segments (RFC 8216 3.5).
        Self { text: "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n".to_owned(), end: 0.0 }
    }

    /// A cue from a packet of libavcodec's `webvtt` encoder, whose payload is the cue's text.
    pub(crate) fn push(&mut self, packet: &Packet) {
        let text = String::from_utf8_lossy(packet.data().unwrap_or_default()).into_owned();
        // An empty line would end the cue, and what follows would be read as another.
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let start = packet.pts().unwrap_or(0).max(0) as f64 * seconds(MILLISECONDS);
        let end = start + packet.duration().max(1) as f64 * seconds(MILLISECONDS);
        if !lines.is_empty() {
            let time = crate::webvtt::timestamp;
            let _ = write!(self.text, "\n{} --> {}\n{}\n", time(start), time(end), lines.join("\n"));
            self.end = self.end.max(end);
        }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}
