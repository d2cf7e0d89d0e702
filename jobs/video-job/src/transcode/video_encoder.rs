//! The encoders of video, set up alike: a rate factor or a bit rate, an effort, key frames where segments begin.

use catalog::operations::{Preset, VideoCodec};
use contract::Failure;
use ffmpeg_next::codec::encoder;
use ffmpeg_next::frame::Video;
use ffmpeg_next::{Dictionary, Packet, Rational, codec, ffi};

use super::plan::{Plan, Rendition};
use super::track::Encoded;

/// Further apart than any video is long: key frames come where they are asked for.
const NEVER: u32 = 1 << 24;

/// One open encoder.
pub(crate) struct VideoEncoder {
    encoder: encoder::video::Encoder,
    /// The tick of the next forced key frame, and how many there were.
    next_key: Option<(i64, i64)>,
    plan: Plan,
}

impl VideoEncoder {
    /// An encoder for frames like this one.
    pub(crate) fn new(plan: &Plan, rendition: &Rendition, frame: &Video, threads: usize) -> Result<Self, Failure> {
        let name = library(plan.codec());
        let codec = encoder::find_by_name(name)
            .ok_or_else(|| Failure::internal(format!("this libavcodec has no encoder {name}")))?;
        let failed = |error| {
            Failure::internal(format!("{name} cannot be set up for {}×{} pixels", rendition.width, rendition.height))
                .because(error)
        };
        let mut video = codec::Context::new_with_codec(codec).encoder().video().map_err(failed)?;
        video.set_width(frame.width());
        video.set_height(frame.height());
        video.set_format(frame.format());
        video.set_time_base(plan.clock.time_base);
        video.set_frame_rate(Some(plan.clock.rate));
        video.set_aspect_ratio(frame.aspect_ratio());
        video.set_threading(codec::threading::Config { count: threads, ..Default::default() });
        if let Some(kilobits) = plan.options.bitrate {
            video.set_bit_rate(kilobits as usize * 1000);
        }
        // SAFETY: the context is live and not open yet, the frame is a live one.
        unsafe {
            let (context, frame) = (video.as_mut_ptr(), frame.as_ptr());
            (*context).color_range = (*frame).color_range;
            (*context).color_primaries = (*frame).color_primaries;
            (*context).color_trc = (*frame).color_trc;
            (*context).colorspace = (*frame).colorspace;
            (*context).chroma_sample_location = (*frame).chroma_location;
            (*context).flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER as i32;
            // libvpx takes a frame for as long as this; the others go by the frame rate.
            (*context).ticks_per_frame = i32::try_from(plan.clock.step).unwrap_or(1);
        }
        if let Some(interval) = plan.key_interval() {
            set_key_frames(&mut video, plan, interval);
        }
        let encoder = video.open_with(options(plan, rendition, threads)).map_err(failed)?;
        Ok(Self { encoder, next_key: plan.key_interval().map(|_| (0, 0)), plan: plan.clone() })
    }

    /// What a muxer has to know.
    pub(crate) fn encoded(&self) -> Encoded {
        let mut encoded = Encoded::of(&self.encoder.0.0.0, self.plan.clock.time_base);
        encoded.frame_rate = Some(self.plan.clock.rate);
        encoded.step = self.plan.clock.step;
        encoded
    }

    /// Takes a frame whose time is set.
    pub(crate) fn send(&mut self, frame: &mut Video) -> Result<(), Failure> {
        let mut kind = ffi::AVPictureType::AV_PICTURE_TYPE_NONE;
        if let (Some((tick, count)), Some(interval), Some(time)) =
            (self.next_key, self.plan.key_interval(), frame.pts())
            && time >= tick
        {
            kind = ffi::AVPictureType::AV_PICTURE_TYPE_I;
            let mut count = count;
            while self.plan.clock.tick_at(interval, count) <= time {
                count += 1;
            }
            self.next_key = Some((self.plan.clock.tick_at(interval, count), count));
        }
        // SAFETY: the frame owns a live AVFrame. What kind of picture it was in the source must not be ordered again.
        unsafe {
            (*frame.as_mut_ptr()).pict_type = kind;
            (*frame.as_mut_ptr()).key_frame = 0;
        }
        self.encoder.send_frame(frame).map_err(|error| Failure::internal("a frame cannot be encoded").because(error))
    }

    /// There are no more frames.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        self.encoder.send_eof().map_err(|error| Failure::internal("the encoder cannot be ended").because(error))
    }

    /// A packet that is ready.
    pub(crate) fn receive(&mut self) -> Result<Option<Packet>, Failure> {
        let mut packet = Packet::empty();
        match self.encoder.receive_packet(&mut packet) {
            Ok(()) => Ok(Some(packet)),
            Err(ffmpeg_next::Error::Eof | ffmpeg_next::Error::Other { errno: ffmpeg_next::error::EAGAIN }) => Ok(None),
            Err(error) => Err(Failure::internal("the encoder failed").because(error)),
        }
    }
}

fn library(codec: VideoCodec) -> &'static str {
    match codec {
        VideoCodec::H264 => "libx264",
        VideoCodec::H265 => "libx265",
        VideoCodec::Vp9 => "libvpx-vp9",
        VideoCodec::Av1 => "libsvtav1",
    }
}

/// Key frames at the multiples of the interval and nowhere else, so that they stand at the same times in all renditions.
fn set_key_frames(video: &mut encoder::video::Video, plan: &Plan, interval: u32) {
    if plan.codec() == VideoCodec::Av1 {
        let Rational(numerator, denominator) = plan.clock.rate;
        video.set_gop((interval * numerator as u32 / denominator as u32).max(1));
        // SAFETY: the context is live and not open yet.
        unsafe { (*video.as_mut_ptr()).flags |= ffi::AV_CODEC_FLAG_CLOSED_GOP as i32 };
    } else {
        video.set_gop(NEVER);
    }
}

fn options(plan: &Plan, rendition: &Rendition, threads: usize) -> Dictionary<'static> {
    let mut options = Dictionary::new();
    let (codec, preset) = (plan.codec(), plan.options.preset);
    if plan.options.bitrate.is_none() {
        options.set("crf", &plan.options.crf.unwrap_or(default_crf(codec)).to_string());
    }
    let is_segmented = plan.key_interval().is_some();
    match codec {
        VideoCodec::H264 => {
            options.set("preset", word(preset));
            if is_segmented {
                options.set("sc_threshold", "0");
                options.set("forced-idr", "1");
            }
        }
        VideoCodec::H265 => {
            options.set("preset", word(preset));
            let mut parameters = format!("log-level=none:pools={threads}");
            if is_segmented {
                parameters += ":scenecut=0:open-gop=0";
                options.set("forced-idr", "1");
            }
            if plan.is_hdr {
                parameters += ":hdr-opt=1:repeat-headers=1";
            }
            options.set("x265-params", &parameters);
        }
        VideoCodec::Vp9 => {
            let (deadline, speed) = vp9_effort(preset);
            options.set("deadline", deadline);
            options.set("cpu-used", speed);
            options.set("row-mt", "1");
            // A tile is 256 pixels wide at least.
            options.set("tile-columns", &(rendition.width / 256).max(1).ilog2().min(4).to_string());
        }
        VideoCodec::Av1 => {
            options.set("preset", av1_effort(preset));
            options.set("svtav1-params", &format!("lp={threads}"));
        }
    }
    options
}

/// The encoders' own defaults, or what their makers advise.
fn default_crf(codec: VideoCodec) -> u8 {
    match codec {
        VideoCodec::H264 => 23,
        VideoCodec::H265 => 28,
        VideoCodec::Vp9 => 32,
        VideoCodec::Av1 => 35,
    }
}

fn word(preset: Preset) -> &'static str {
    match preset {
        Preset::Ultrafast => "ultrafast",
        Preset::Veryfast => "veryfast",
        Preset::Fast => "fast",
        Preset::Medium => "medium",
        Preset::Slow => "slow",
        Preset::Veryslow => "veryslow",
    }
}

fn vp9_effort(preset: Preset) -> (&'static str, &'static str) {
    match preset {
        Preset::Ultrafast => ("realtime", "8"),
        Preset::Veryfast => ("good", "5"),
        Preset::Fast => ("good", "4"),
        Preset::Medium => ("good", "2"),
        Preset::Slow => ("good", "1"),
        Preset::Veryslow => ("good", "0"),
    }
}

fn av1_effort(preset: Preset) -> &'static str {
    match preset {
        Preset::Ultrafast => "12",
        Preset::Veryfast => "10",
        Preset::Fast => "9",
        Preset::Medium => "8",
        Preset::Slow => "6",
        Preset::Veryslow => "4",
    }
}
