//! The encoders of video, set up alike: a rate factor or a bit rate, an effort, key frames where segments begin.

use std::fmt::Write as _;

use catalog::operations::{Preset, VideoCodec};
use contract::Failure;
use ffmpeg_next::codec::encoder;
use ffmpeg_next::frame::Video;
use ffmpeg_next::{Dictionary, Packet, Rational, codec, ffi};

use super::plan::{Plan, Rendition};
use super::track::Encoded;
use crate::open::HdrMetadata;

/// Further apart than any video is long: key frames come where they are asked for.
const NEVER: u32 = 1 << 24;

/// One open encoder.
pub(crate) struct VideoEncoder {
    encoder: encoder::video::Encoder,
    /// The tick of the next forced key frame, and how many there were.
    next_key: Option<(i64, i64)>,
    plan: Plan,
    hdr_metadata: HdrMetadata,
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
        let hdr_metadata = if plan.is_hdr { metadata_of(frame, plan) } else { HdrMetadata::default() };
        let encoder = video.open_with(options(plan, rendition, threads, &hdr_metadata)).map_err(failed)?;
        Ok(Self { encoder, next_key: plan.key_interval().map(|_| (0, 0)), plan: plan.clone(), hdr_metadata })
    }

    /// What a muxer has to know.
    pub(crate) fn encoded(&self) -> Encoded {
        let mut encoded = Encoded::of(&self.encoder.0.0.0, self.plan.clock.time_base);
        encoded.frame_rate = Some(self.plan.clock.rate);
        encoded.step = self.plan.clock.step;
        encoded.hdr_metadata = self.hdr_metadata.clone();
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

/// What the codec says of the display that the picture was graded on, else what the container says.
fn metadata_of(frame: &Video, plan: &Plan) -> HdrMetadata {
    let side_data = |kind| {
        // SAFETY: the frame owns a live AVFrame; the bytes are copied out of its side data.
        unsafe {
            let data = ffi::av_frame_get_side_data(frame.as_ptr(), kind).as_ref()?;
            Some(std::slice::from_raw_parts(data.data, data.size).to_vec())
        }
    };
    let of_stream = &plan.video.hdr_metadata;
    HdrMetadata {
        mastering_display: side_data(ffi::AVFrameSideDataType::AV_FRAME_DATA_MASTERING_DISPLAY_METADATA)
            .or_else(|| of_stream.mastering_display.clone()),
        content_light: side_data(ffi::AVFrameSideDataType::AV_FRAME_DATA_CONTENT_LIGHT_LEVEL)
            .or_else(|| of_stream.content_light.clone()),
    }
}

/// The display in the words of x265's `master-display`: chromaticities in units of 0.00002, luminances in units of 0.0001
/// cd/m² (ITU-T H.265 D.3.28).
fn mastering_display(metadata: &HdrMetadata) -> Option<String> {
    // libavutil's structure: fractions of red, green, blue, white (x and y of each), of the least and the most light; then
    // whether the chromaticities and whether the luminances are there.
    let numbers = numbers(metadata.mastering_display.as_ref()?);
    if !numbers.get(20..22)?.iter().all(|is_known| *is_known != 0) {
        return None;
    }
    let fraction = |at: usize, in_one: f64| {
        let value = f64::from(numbers[2 * at]) / f64::from(numbers[2 * at + 1].max(1));
        (value * in_one).round().max(0.0) as u64
    };
    let point = |at: usize| format!("({},{})", fraction(2 * at, 50_000.0), fraction(2 * at + 1, 50_000.0));
    Some(format!(
        "G{}B{}R{}WP{}L({},{})",
        point(1),
        point(2),
        point(0),
        point(3),
        fraction(9, 10_000.0),
        fraction(8, 10_000.0)
    ))
}

/// The most light of a pixel and of a frame, in cd/m², as x265 takes it.
fn content_light(metadata: &HdrMetadata) -> Option<String> {
    let numbers = numbers(metadata.content_light.as_ref()?);
    Some(format!("{},{}", numbers.first()?, numbers.get(1)?))
}

fn numbers(bytes: &[u8]) -> Vec<i32> {
    bytes.chunks_exact(4).map(|bytes| i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])).collect()
}

fn options(plan: &Plan, rendition: &Rendition, threads: usize, metadata: &HdrMetadata) -> Dictionary<'static> {
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
                if let Some(display) = mastering_display(metadata) {
                    let _ = write!(parameters, ":master-display={display}");
                }
                if let Some(light) = content_light(metadata) {
                    let _ = write!(parameters, ":max-cll={light}");
                }
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
