//! What is in a video, as `probe.json`.

use catalog::Format;
use catalog::operations::Probe;
use contract::{Failure, Properties};
use ffmpeg_next::util::color::{Primaries, Space, TransferCharacteristic};
use ffmpeg_next::{Rational, codec, media};
use operation::Task;
use serde_json::{Map, Value, json};

use crate::animation;
use crate::avio::Pattern;
use crate::open::{Demuxer, StreamInfo, percent, seconds};

/// Writes `probe.json`, and says the same in the manifest.
pub fn probe(Probe {}: &Probe, task: &Task) -> Result<Properties, Failure> {
    let made = animation::as_video(task, true)?;
    let video = made.as_ref().unwrap_or(task);
    let mut demuxer = Demuxer::open(&video.input, Pattern::Sparse)?;
    demuxer.find_stream_info()?;
    let mut facts = facts(&mut demuxer)?;
    if made.is_some() {
        // Those of what was made of it mean nothing.
        let bits = task.input.size() as f64 * 8.0;
        let rate = demuxer.duration().map(|duration| (bits / duration) as i64);
        facts.insert("size".into(), task.input.size().into());
        facts.insert("bitRate".into(), rate.into());
    }
    let text = serde_json::to_vec_pretty(&facts).expect("facts are numbers and words");
    task.outputs.write("probe.json", "application/json", &text, Properties::new())?;
    Ok(facts)
}

/// Everything that is known of an open video.
pub(crate) fn facts(demuxer: &mut Demuxer) -> Result<Properties, Failure> {
    let streams = demuxer.streams();
    if streams.is_empty() {
        return Err(Failure::invalid_input("the file has no streams"));
    }
    let mut facts = Map::new();
    facts.insert("format".into(), demuxer.format().name().into());
    facts.insert("size".into(), demuxer.size().into());
    facts.insert("duration".into(), demuxer.duration().into());
    facts.insert("start".into(), demuxer.start().into());
    facts.insert("bitRate".into(), demuxer.bit_rate().into());
    if demuxer.layout().moov.is_some() {
        facts.insert("indexAtEnd".into(), demuxer.layout().is_index_at_end.into());
        facts.insert("fragmented".into(), demuxer.layout().is_fragmented.into());
    }
    if let Some(expected) = demuxer.missing_until() {
        facts.insert("truncated".into(), true.into());
        facts.insert("expectedSize".into(), expected.into());
        facts.insert("present".into(), percent(demuxer.size(), expected).into());
    }
    facts.insert("title".into(), demuxer.title().into());
    facts.insert("streams".into(), streams.iter().map(|one| stream(one, demuxer.format())).collect());
    let chapters = demuxer.chapters().into_iter();
    facts.insert(
        "chapters".into(),
        chapters.map(|chapter| json!({ "start": chapter.start, "end": chapter.end, "title": chapter.title })).collect(),
    );
    Ok(facts)
}

fn stream(stream: &StreamInfo, format: Format) -> Value {
    // SAFETY: the parameters own a live AVCodecParameters.
    let parameters = unsafe { &*stream.parameters.as_ptr() };
    let mut facts = Map::new();
    let kind = match stream.kind {
        media::Type::Video if stream.is_attached_picture => "picture",
        media::Type::Video => "video",
        media::Type::Audio => "audio",
        media::Type::Subtitle => "subtitle",
        media::Type::Attachment => "attachment",
        _ => "data",
    };
    facts.insert("index".into(), stream.index.into());
    facts.insert("kind".into(), kind.into());
    facts.insert("codec".into(), stream.codec_name(format).into());
    facts.insert("decodable".into(), codec::decoder::find(stream.codec).is_some().into());
    if let Some(profile) = profile_name(parameters) {
        facts.insert("profile".into(), profile.into());
    }
    if parameters.bit_rate > 0 {
        facts.insert("bitRate".into(), parameters.bit_rate.into());
    }
    facts.insert("timeBase".into(), rational(stream.time_base));
    facts.insert("default".into(), stream.disposition.is_default.into());
    facts.insert("forced".into(), stream.disposition.is_forced.into());
    for (key, value) in [("language", &stream.language), ("title", &stream.title)] {
        if let Some(value) = value {
            facts.insert(key.into(), value.as_str().into());
        }
    }
    match stream.kind {
        media::Type::Video => describe_video(stream, parameters, &mut facts),
        media::Type::Audio => {
            facts.insert("sampleRate".into(), parameters.sample_rate.into());
            facts.insert("channels".into(), parameters.ch_layout.nb_channels.into());
        }
        _ => {}
    }
    facts.into()
}

fn describe_video(
    stream: &StreamInfo,
    parameters: &ffmpeg_next::ffi::AVCodecParameters,
    facts: &mut Map<String, Value>,
) {
    let (width, height) = stream.dimensions();
    facts.insert("width".into(), width.into());
    facts.insert("height".into(), height.into());
    facts.insert("rotation".into(), stream.orientation.rotation.into());
    facts.insert("mirrored".into(), stream.orientation.is_mirrored.into());
    if let Some(aspect) = stream.stored_pixel_aspect()
        && aspect.numerator() != aspect.denominator()
    {
        facts.insert("pixelAspect".into(), rational(aspect));
    }
    facts.insert("fieldOrder".into(), field_order(parameters.field_order).into());
    for (key, rate) in [("averageFrameRate", stream.average_rate), ("baseFrameRate", stream.base_rate)] {
        if rate.numerator() > 0 && rate.denominator() > 0 {
            facts.insert(key.into(), json!({ "exact": rational(rate), "perSecond": seconds(rate) }));
        }
    }
    let different = stream.average_rate != stream.base_rate && stream.average_rate.numerator() > 0;
    let is_off = (seconds(stream.average_rate) / seconds(stream.base_rate) - 1.0).abs() > 0.01;
    facts.insert("variableFrameRate".into(), (different && is_off).into());
    // SAFETY: a pixel format number from libavcodec, whose names are constants.
    let format = unsafe {
        let name = ffmpeg_next::ffi::av_get_pix_fmt_name(std::mem::transmute::<i32, ffmpeg_next::ffi::AVPixelFormat>(
            parameters.format,
        ));
        (!name.is_null()).then(|| std::ffi::CStr::from_ptr(name).to_string_lossy().into_owned())
    };
    facts.insert("pixelFormat".into(), format.into());
    let hdr = match TransferCharacteristic::from(parameters.color_trc) {
        TransferCharacteristic::SMPTE2084 => Some("PQ"),
        TransferCharacteristic::ARIB_STD_B67 => Some("HLG"),
        _ => None,
    };
    facts.insert("hdr".into(), hdr.into());
    let transfer = TransferCharacteristic::from(parameters.color_trc);
    let primaries = Primaries::from(parameters.color_primaries);
    let space = Space::from(parameters.color_space);
    facts.insert(
        "colour".into(),
        json!({ "primaries": primaries.name(), "transfer": transfer.name(), "matrix": space.name() }),
    );
}

/// Which lines of an interlaced picture are shown first; none where the stream does not say whether it is interlaced.
fn field_order(order: ffmpeg_next::ffi::AVFieldOrder) -> Option<&'static str> {
    use ffmpeg_next::ffi::AVFieldOrder;
    match order {
        AVFieldOrder::AV_FIELD_UNKNOWN => None,
        AVFieldOrder::AV_FIELD_PROGRESSIVE => Some("progressive"),
        AVFieldOrder::AV_FIELD_TT | AVFieldOrder::AV_FIELD_BT => Some("top first"),
        AVFieldOrder::AV_FIELD_BB | AVFieldOrder::AV_FIELD_TB => Some("bottom first"),
    }
}

fn profile_name(parameters: &ffmpeg_next::ffi::AVCodecParameters) -> Option<String> {
    // SAFETY: names are constants of libavcodec.
    unsafe {
        let name = ffmpeg_next::ffi::avcodec_profile_name(parameters.codec_id, parameters.profile);
        (!name.is_null()).then(|| std::ffi::CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}

fn rational(value: Rational) -> Value {
    format!("{}/{}", value.numerator(), value.denominator()).into()
}
