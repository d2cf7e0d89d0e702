//! What is said is written down, in captions that can be read; what is not said is not. `scripts/weights` brings the networks.

mod support;

use std::path::{Path, PathBuf};

use catalog::{Format, WeightsFile};
use contract::FailureKind;
use operation::Weights;
use support::{Fixture, Run, run_with};

/// Ten seconds of Dickens, read aloud: a cut of `two_cities.wav` of the package `moonshine-voice` 0.1.5 (MIT).
const DICKENS: &[u8] = include_bytes!("fixtures/caption/it_was_the_best_of_times.ogg");

/// Where `scripts/test` has put the weights.
fn weights() -> Weights {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/weights");
    let folder = std::env::var_os("WEIGHTS_FOLDER").map_or_else(usual, PathBuf::from);
    let names = catalog::Declaration::named("caption").expect("it is declared").profile.weights;
    Weights::open(&folder, names.iter().map(|name| WeightsFile::named(name).expect("a test checks it")))
}

fn caption(bytes: Vec<u8>, format: Format, option: &str) -> Run {
    run_with(bytes, format, u64::MAX, option, weights())
}

/// 16-bit WAVE.
fn wave(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
    let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let block = channels * 2;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + data.len() as u32).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * u32::from(block)).to_le_bytes());
    bytes.extend(block.to_le_bytes());
    bytes.extend(b"\x10\0data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

/// Noise, a tone and silence, none of which is speech.
fn noises(rate: u32, seconds: u32) -> Vec<i16> {
    let mut state = 7_u32;
    let sample = |at: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let second = at / rate % 3;
        let tone = (f64::from(at) * 440.0 * std::f64::consts::TAU / f64::from(rate)).sin() * 12_000.0;
        match second {
            0 => (state >> 18) as i16,
            1 => tone as i16,
            _ => 0,
        }
    };
    (0..rate * seconds).map(sample).collect()
}

#[test]
fn speech_becomes_captions_and_a_transcript_with_the_time_of_each_word() {
    let run = caption(DICKENS.to_vec(), Format::Ogg, "caption");
    let properties = run.properties();
    assert_eq!((&properties["language"], properties.get("warnings")), (&"en".into(), None), "{properties:?}");
    let text = run.text("transcript.txt").to_lowercase();
    for phrase in ["it was the best of times", "it was the worst of times", "it was the age of wisdom"] {
        assert!(text.contains(phrase), "{text}");
    }
    let transcript = run.json("transcript.json");
    let segments = transcript["segments"].as_array().unwrap();
    let words: Vec<&serde_json::Value> =
        segments.iter().flat_map(|segment| segment["words"].as_array().unwrap()).collect();
    let mut before = 0.0;
    for word in &words {
        let (start, end) = (word["start"].as_f64().unwrap(), word["end"].as_f64().unwrap());
        assert!(start >= before && end >= start && end < 11.0, "{word}");
        assert!(!word["text"].as_str().unwrap().is_empty() && word["confidence"].as_f64().unwrap() <= 1.0);
        before = end;
    }
    assert_eq!(properties["words"], words.len());
    let vtt = run.text("captions.vtt");
    assert!(vtt.starts_with("WEBVTT\n\n1\n00:00:0") && vtt.contains(" --> 00:00:0"), "{vtt}");
    let lines: Vec<&str> = vtt.lines().filter(|line| !line.contains("-->")).collect();
    assert!(lines.iter().all(|line| line.chars().count() <= 42), "{vtt}");
    assert_eq!(properties["captionsTooFast"], 0, "{vtt}");
    assert!(run.text("captions.srt").starts_with("1\n00:00:0"));
    assert!(run.text("transcript.md").contains("\nEnglish, 00:00:"));
}

#[test]
fn noise_tones_and_silence_have_no_words() {
    let run = caption(wave(44_100, 1, &noises(44_100, 12)), Format::Wav, "caption");
    assert_eq!((run.text("captions.vtt").as_str(), run.text("transcript.txt").as_str()), ("WEBVTT\n", ""));
    let properties = run.properties();
    assert_eq!((&properties["words"], &properties["windows"]), (&0.into(), &0.into()));
    assert!(properties["warnings"][0].as_str().unwrap().contains("no speech was found"));
    assert!((properties["duration"].as_f64().unwrap() - 12.0).abs() < 0.1);
}

#[test]
fn rates_and_channels_of_every_kind_are_read() {
    for (rate, channels) in [(8_000, 1), (192_000, 2), (48_000, 8)] {
        let one = noises(rate, 1);
        let samples: Vec<i16> =
            one.iter().flat_map(|sample| std::iter::repeat_n(*sample, usize::from(channels))).collect();
        let run = caption(wave(rate, channels, &samples), Format::Wav, "caption");
        assert!((run.properties()["duration"].as_f64().unwrap() - 1.0).abs() < 0.05, "{rate} Hz, {channels} channels");
    }
}

#[test]
fn a_video_without_audio_and_one_of_another_track_are_refused_with_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    Fixture { frames: 24, ..Fixture::default() }.write(&path);
    let failure = caption(fs_err::read(&path).unwrap(), Format::Mp4, "caption").failure();
    assert!(failure.contains("no audio to write down, only h264; keyframes and transcode"), "{failure}");
    let failure = caption(wave(16_000, 1, &[0; 1600]), Format::Wav, "caption?track=2").result.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidRequest);
    assert!(failure.to_string().contains("it has 1 tracks of audio"), "{failure}");
}

#[test]
fn audio_that_is_empty_or_cut_off_is_refused_and_the_rest_is_taken_if_asked_for() {
    let failure = caption(wave(16_000, 1, &[]), Format::Wav, "caption").failure();
    assert!(failure.contains("not one sample"), "{failure}");
    let whole = wave(16_000, 1, &noises(16_000, 4));
    let half = whole[..whole.len() / 2].to_vec();
    let failure = caption(half.clone(), Format::Wav, "caption").failure();
    assert!(failure.contains("truncated") && failure.contains("allow-truncated"), "{failure}");
    let run = caption(half, Format::Wav, "caption?allow-truncated");
    assert_eq!(run.properties()["truncated"], true);
}

#[test]
fn without_the_weights_the_message_says_what_brings_them() {
    let empty = tempfile::tempdir().unwrap();
    let names = catalog::Declaration::named("caption").unwrap().profile.weights;
    let missing = Weights::open(empty.path(), names.iter().filter_map(|name| WeightsFile::named(name)));
    let failure = run_with(DICKENS.to_vec(), Format::Ogg, u64::MAX, "caption", missing).result.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidRequest);
    assert!(failure.to_string().contains("scripts/weights"), "{failure}");
}
