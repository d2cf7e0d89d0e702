//! The settings of a MediaConvert job that does what the options of `transcode` say.
//!
//! | option | setting |
//! | --- | --- |
//! | `container` mp4, webm, hls | `FILE_GROUP` with MP4 or WEBM; `CMAF_GROUP` with HLS (and DASH) manifests, an output for each height and one for audio |
//! | `crf` | QVBR level 10 − (crf − 16) / 3, with a maximum by the height; a comparison by SSIM has not been made |
//! | `bitrate` | VBR |
//! | `preset` fast and faster, medium, slower | `SINGLE_PASS`, `SINGLE_PASS_HQ`, `MULTI_PASS_HQ` (professional tier) |
//! | `max-height`, `heights` | `height` of an even number of lines, never enlarged |
//! | `loudness` | `ITU_BS_1770_4` with `CORRECT_AUDIO` |
//! | `hdr=tone-map` | `FORCE_709` with a tone mapper |
//!
//! Rotation is applied. Of audio the default track is taken; subtitles are left out.

use catalog::operations::{Container, Hdr, Preset, Transcode, VideoCodec};
use serde_json::{Map, Value, json};

/// The name of the one source of audio.
const AUDIO: &str = "Audio Selector 1";
/// Bits a second that AAC may have.
const AAC_RATES: [u32; 13] = [64, 80, 96, 112, 128, 160, 192, 224, 256, 288, 320, 384, 448];

/// The settings: `input` is an object's URL, `folder` the URL of the folder that is written.
pub fn media_convert_settings(options: &Transcode, input: &str, folder: &str) -> Value {
    json!({
        "timecodeConfig": { "source": "ZEROBASED" },
        "inputs": [{
            "fileInput": input,
            "timecodeSource": "ZEROBASED",
            "videoSelector": { "rotate": "AUTO" },
            "audioSelectors": { AUDIO: { "defaultSelection": "DEFAULT" } },
        }],
        "outputGroups": [if options.container == Container::Hls { ladder(options, folder) } else { file(options, folder) }],
    })
}

/// One over the other: what both have in objects is put together member by member and in lists item by item, and otherwise taken from
/// the upper one. Items of a list that the upper one does not have are left out: it says how many outputs there are.
pub fn merged(upper: Value, lower: Value) -> Value {
    match (upper, lower) {
        (Value::Object(upper), Value::Object(mut lower)) => {
            let mut all = Map::new();
            for (name, value) in upper {
                let under = lower.remove(&name).unwrap_or_default();
                all.insert(name, merged(value, under));
            }
            all.extend(lower);
            Value::Object(all)
        }
        (Value::Array(upper), Value::Array(lower)) => {
            let mut under = lower.into_iter();
            Value::Array(upper.into_iter().map(|value| merged(value, under.next().unwrap_or_default())).collect())
        }
        (upper, _) => upper,
    }
}

fn file(options: &Transcode, folder: &str) -> Value {
    let (name, container) = match options.container {
        Container::Webm => ("video.webm", "WEBM"),
        Container::Mp4 | Container::Hls => ("video.mp4", "MP4"),
    };
    let (stem, extension) = name.split_once('.').expect("it has one");
    json!({
        "name": "file",
        "outputGroupSettings": { "type": "FILE_GROUP_SETTINGS", "fileGroupSettings": { "destination": format!("{folder}/{stem}") } },
        "outputs": [{
            "extension": extension,
            "containerSettings": { "container": container },
            "videoDescription": video(options, options.max_height),
            "audioDescriptions": [audio(options)],
        }],
    })
}

fn ladder(options: &Transcode, folder: &str) -> Value {
    let heights = options.heights.iter().filter(|height| options.max_height.is_none_or(|most| **height <= most));
    let mut outputs: Vec<Value> = heights
        .map(|height| {
            json!({
                "nameModifier": format!("_{height}p"),
                "containerSettings": { "container": "CMFC" },
                "videoDescription": video(options, Some(*height)),
            })
        })
        .collect();
    outputs.push(json!({
        "nameModifier": "_audio",
        "containerSettings": { "container": "CMFC" },
        "audioDescriptions": [audio(options)],
    }));
    json!({
        "name": "ladder",
        "outputGroupSettings": { "type": "CMAF_GROUP_SETTINGS", "cmafGroupSettings": {
            "destination": format!("{folder}/master"),
            "segmentControl": "SEGMENTED_FILES",
            "segmentLength": options.segment_duration,
            "fragmentLength": options.segment_duration.min(2),
            "writeHlsManifest": "ENABLED",
            "writeDashManifest": if options.dash { "ENABLED" } else { "DISABLED" },
            "codecSpecification": "RFC_6381",
        } },
        "outputs": outputs,
    })
}

fn video(options: &Transcode, height: Option<u32>) -> Value {
    let mut video = json!({ "scalingBehavior": "DEFAULT", "codecSettings": codec(options, height) });
    if let Some(height) = height {
        video["height"] = (height & !1).into();
        video["scalingBehavior"] = "FIT_NO_UPSCALE".into();
    }
    if options.hdr == Hdr::ToneMap {
        let corrector = json!({ "colorSpaceConversion": "FORCE_709", "hdrToSdrToneMapper": "VIBRANT" });
        video["videoPreprocessors"] = json!({ "colorCorrector": corrector });
    }
    video
}

fn codec(options: &Transcode, height: Option<u32>) -> Value {
    let mut settings = match options.frame_rate {
        None => json!({ "framerateControl": "INITIALIZE_FROM_SOURCE" }),
        Some(rate) => json!({ "framerateControl": "SPECIFIED", "framerateNumerator": rate, "framerateDenominator": 1 }),
    };
    let members = settings.as_object_mut().expect("it is one");
    let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
    let bitrate = options.bitrate.map(|kilobits| kilobits * 1000);
    let (name, member) = match options.codec() {
        VideoCodec::H264 => ("H_264", "h264Settings"),
        VideoCodec::H265 => ("H_265", "h265Settings"),
        VideoCodec::Vp9 => ("VP9", "vp9Settings"),
        VideoCodec::Av1 => ("AV1", "av1Settings"),
    };
    match bitrate {
        Some(bitrate) if options.codec() != VideoCodec::Av1 => {
            set("rateControlMode", "VBR".into());
            set("bitrate", bitrate.into());
        }
        // AV1 has no other mode: the bit rate is its maximum then.
        bitrate => {
            set("rateControlMode", "QVBR".into());
            set("qvbrSettings", json!({ "qvbrQualityLevel": quality_level(options) }));
            set("maxBitrate", bitrate.unwrap_or_else(|| most_bits(height)).into());
        }
    }
    if matches!(options.codec(), VideoCodec::H264 | VideoCodec::H265) {
        let tuning = match options.preset {
            Preset::Ultrafast | Preset::Veryfast | Preset::Fast => "SINGLE_PASS",
            Preset::Medium => "SINGLE_PASS_HQ",
            Preset::Slow | Preset::Veryslow => "MULTI_PASS_HQ",
        };
        set("qualityTuningLevel", tuning.into());
        set("sceneChangeDetect", "TRANSITION_DETECTION".into());
        set("gopSize", options.segment_duration.min(2).into());
        set("gopSizeUnits", "SECONDS".into());
    }
    json!({ "codec": name, member: settings })
}

/// The quality of a rate factor: the levels of MediaConvert go from 1 to 10, of which 7 to 9 are usual.
fn quality_level(options: &Transcode) -> u32 {
    let usual = match options.codec() {
        VideoCodec::H264 => 23,
        VideoCodec::H265 => 28,
        VideoCodec::Vp9 => 32,
        VideoCodec::Av1 => 35,
    };
    // As far from the codec's usual factor as H.264's would be from its own.
    let factor = f64::from(options.crf.unwrap_or(usual)) - f64::from(usual) + 23.0;
    (10.0 - (factor - 16.0) / 3.0).round().clamp(1.0, 10.0) as u32
}

/// Bits a second at most, as AWS's own presets have them.
fn most_bits(height: Option<u32>) -> u32 {
    match height.unwrap_or(1080) {
        0..=240 => 700_000,
        241..=360 => 1_200_000,
        361..=480 => 2_500_000,
        481..=720 => 5_000_000,
        721..=1080 => 8_500_000,
        1081..=1440 => 16_000_000,
        _ => 35_000_000,
    }
}

fn audio(options: &Transcode) -> Value {
    let kilobits = options.audio_bitrate;
    let codec = if options.container == Container::Webm {
        let bitrate = (kilobits * 1000).clamp(32_000, 192_000);
        json!({ "codec": "OPUS", "opusSettings": { "bitrate": bitrate, "channels": 2, "sampleRate": 48000 } })
    } else {
        let rate = AAC_RATES.into_iter().find(|rate| *rate >= kilobits).unwrap_or(448);
        json!({ "codec": "AAC", "aacSettings": { "bitrate": rate * 1000, "codingMode": "CODING_MODE_2_0", "sampleRate": 48000 } })
    };
    let mut audio = json!({ "audioSourceName": AUDIO, "codecSettings": codec });
    if let Some(loudness) = options.loudness {
        audio["audioNormalizationSettings"] = json!({
            "algorithm": "ITU_BS_1770_4", "algorithmControl": "CORRECT_AUDIO", "targetLkfs": loudness,
        });
    }
    audio
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Value {
        let operations: catalog::Operations = text.parse().unwrap();
        media_convert_settings(operations.first().options().unwrap(), "s3://in/film.mp4", "s3://work/engine/claim")
    }

    #[test]
    fn options_become_settings() {
        let one =
            settings("transcode?engine=mediaconvert&max-height=721&crf=20&preset=slow&loudness=-16&frame-rate=25");
        let output = &one["outputGroups"][0]["outputs"][0];
        let h264 = &output["videoDescription"]["codecSettings"]["h264Settings"];
        assert_eq!(h264["qvbrSettings"]["qvbrQualityLevel"], 9);
        assert_eq!((&h264["qualityTuningLevel"], &h264["framerateNumerator"]), (&json!("MULTI_PASS_HQ"), &json!(25)));
        assert_eq!(output["videoDescription"]["height"], 720);
        assert_eq!(output["audioDescriptions"][0]["audioNormalizationSettings"]["targetLkfs"], -16);
        let hls = settings("transcode?engine=mediaconvert&container=hls&heights=720,360&dash");
        let group = &hls["outputGroups"][0];
        assert_eq!(group["outputs"].as_array().unwrap().len(), 3);
        assert_eq!(group["outputGroupSettings"]["cmafGroupSettings"]["writeDashManifest"], "ENABLED");
        assert!(group["outputs"][2].get("videoDescription").is_none());
        let webm = settings("transcode?engine=mediaconvert&container=webm&bitrate=900");
        let vp9 = &webm["outputGroups"][0]["outputs"][0]["videoDescription"]["codecSettings"]["vp9Settings"];
        assert_eq!((&vp9["rateControlMode"], &vp9["bitrate"]), (&json!("VBR"), &json!(900_000)));
        assert_eq!(
            quality_level(
                &"transcode".parse::<catalog::Operations>().unwrap().first().options::<Transcode>().unwrap().clone()
            ),
            8
        );
    }

    #[test]
    fn a_template_is_under_what_the_options_say() {
        let template = json!({
            "adAvailOffset": 7,
            "inputs": [{ "fileInput": "s3://other/file", "denoiseFilter": "ENABLED" }],
            "outputGroups": [
                { "outputs": [{ "videoDescription": { "codecSettings": { "h264Settings": { "codecProfile": "HIGH", "gopSize": 90 } } } }] },
                { "name": "another" },
            ],
        });
        let both = merged(settings("transcode?engine=mediaconvert"), template);
        assert_eq!((&both["adAvailOffset"], &both["inputs"][0]["denoiseFilter"]), (&json!(7), &json!("ENABLED")));
        assert_eq!(both["inputs"][0]["fileInput"], "s3://in/film.mp4");
        let h264 = &both["outputGroups"][0]["outputs"][0]["videoDescription"]["codecSettings"]["h264Settings"];
        assert_eq!((&h264["codecProfile"], &h264["gopSize"]), (&json!("HIGH"), &json!(2)));
        assert_eq!(both["outputGroups"].as_array().unwrap().len(), 1);
    }
}
