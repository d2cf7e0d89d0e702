//! What is said is written down, in captions that can be read; what is not said is not. `scripts/weights` brings the networks.

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use catalog::{Format, WeightsFile};
use contract::FailureKind;
use ffmpeg_next::{codec, format, media};
use operation::Weights;
use support::{Fixture, Run, remux, run_with};

/// Ten seconds of Dickens, read aloud: a cut of `two_cities.wav` of the package `moonshine-voice` 0.1.5 (MIT).
const DICKENS: &[u8] = include_bytes!("fixtures/caption/it_was_the_best_of_times.ogg");

/// Where `scripts/test` has put the weights.
fn weights_folder() -> PathBuf {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/weights");
    std::env::var_os("WEIGHTS_FOLDER").map_or_else(usual, PathBuf::from)
}

fn weights() -> Weights {
    weights_in(&weights_folder())
}

fn weights_in(folder: &Path) -> Weights {
    let names = catalog::Declaration::named("caption").expect("it is declared").profile.weights;
    Weights::open(folder, names.iter().map(|name| WeightsFile::named(name).expect("a test checks it")))
}

/// Dickens with a picture, in the container that the name says.
fn film(folder: &Path, name: &str, codec: &'static str) -> PathBuf {
    let (picture, sound, path) = (folder.join("picture.mkv"), folder.join("sound.ogg"), folder.join(name));
    Fixture { codec, frames: 252, ..Fixture::default() }.write(&picture);
    fs_err::write(&sound, DICKENS).unwrap();
    remux(&[&picture, &sound], &path, |_| {});
    path
}

/// The packets of a stream: how many, and all of their bytes.
fn packets(path: &Path, kind: media::Type) -> (usize, Vec<u8>) {
    let mut input = format::input(path).unwrap();
    let index = input.streams().best(kind).unwrap().index();
    let own = input.packets().filter(|(stream, _)| stream.index() == index);
    own.fold((0, Vec::new()), |(count, mut bytes), (_, packet)| {
        bytes.extend(packet.data().unwrap_or_default());
        (count + 1, bytes)
    })
}

/// Words without case and marks.
fn plain(text: &str) -> Vec<String> {
    let word = |word: &str| word.chars().filter(|sign| sign.is_alphanumeric()).collect::<String>().to_lowercase();
    text.split_whitespace().map(word).collect()
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

#[test]
fn a_video_gets_its_captions_as_a_track_and_its_other_streams_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    for (name, codec, format, file, expected) in [
        ("a.mkv", "libx264", Format::Mkv, "captioned.mkv", codec::Id::SUBRIP),
        ("a.mp4", "libx264", Format::Mp4, "captioned.mp4", codec::Id::MOV_TEXT),
        ("a.webm", "libvpx-vp9", Format::Webm, "captioned.webm", codec::Id::WEBVTT),
        ("a.ts", "libx264", Format::MpegTs, "captioned.mkv", codec::Id::SUBRIP),
    ] {
        let source = film(folder.path(), name, codec);
        let run = caption(fs_err::read(&source).unwrap(), format, "caption?mux&language=en");
        let path = run.path(file);
        let input = format::input(&path).unwrap();
        let streams: Vec<_> = input.streams().map(|stream| stream.parameters().medium()).collect();
        assert_eq!(streams, [media::Type::Video, media::Type::Audio, media::Type::Subtitle], "{name}");
        let text = input.stream(2).unwrap();
        assert_eq!(text.parameters().id(), expected, "{name}");
        assert_eq!(text.metadata().get("language"), Some("eng"), "{name}");
        if name != "a.ts" {
            // A transport stream marks where frames begin otherwise than Matroska.
            assert_eq!(packets(&path, media::Type::Video), packets(&source, media::Type::Video), "{name}");
        }
        assert_eq!(packets(&path, media::Type::Audio), packets(&source, media::Type::Audio), "{name}");
        let (_, said) = packets(&path, media::Type::Subtitle);
        assert!(String::from_utf8_lossy(&said).contains("best of times"), "{name}");
        assert_eq!(run.properties().get("warnings"), None, "{name}");
    }
}

#[test]
fn what_has_no_picture_cannot_be_a_video_with_captions() {
    let refused = "caption?mux"
        .parse::<catalog::Operations>()
        .unwrap()
        .first()
        .check_format(Format::Mp3)
        .unwrap_err()
        .to_string();
    assert!(refused.contains("has no picture"), "{refused}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mkv");
    let sound = folder.path().join("sound.ogg");
    fs_err::write(&sound, DICKENS).unwrap();
    remux(&[&sound], &path, |_| {});
    let failure = caption(fs_err::read(&path).unwrap(), Format::Mkv, "caption?mux").result.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidRequest);
    assert!(failure.to_string().contains("only audio; leave out mux"), "{failure}");
}

#[test]
fn parts_are_cut_where_nobody_speaks_and_have_together_the_words_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let film = film(folder.path(), "a.mkv", "libx264");
    let sound = folder.path().join("sound.ogg");
    for (source, count) in [(&film, 2), (&sound, 3)] {
        let start = |share: &[&str], out: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_video-job"));
            command.args(["run", "--output-format", "json", "--processing-option", "caption", "--input"]);
            command.arg(source).arg("--output").arg(folder.path().join(out)).args(share);
            command.env("AWS_EC2_METADATA_DISABLED", "true").env("WEIGHTS_FOLDER", weights_folder());
            command.stdout(Stdio::null());
            command
        };
        let parts = folder.path().join("parts");
        let parts = parts.to_str().unwrap();
        let count_text = count.to_string();
        for index in 0..count {
            let share = ["--parts", parts, "--array-index", &index.to_string(), "--array-size", &count_text];
            assert!(start(&share, "joined").status().unwrap().success());
        }
        assert!(start(&["--parts", parts, "--join", &count_text], "joined").status().unwrap().success());
        assert!(start(&[], "whole").status().unwrap().success());
        let name = source.file_name().unwrap();
        let read = |out: &str| {
            let folder = folder.path().join(out).join(name).join("caption");
            let json = fs_err::read_to_string(folder.join("transcript.json")).unwrap();
            let transcript: serde_json::Value = serde_json::from_str(&json).unwrap();
            (transcript, fs_err::read_to_string(folder.join("transcript.txt")).unwrap())
        };
        let ((joined, said), (whole, expected)) = (read("joined"), read("whole"));
        // The clip breaks off in a sentence, of which whisper makes this or that.
        let known = plain(
            "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, it was \
             the epoch of belief",
        );
        for text in [&said, &expected] {
            assert_eq!(plain(text)[..known.len()], known, "{text}");
        }
        assert_eq!(joined["language"], whole["language"]);
        // Each beginning is to the sample, and up to it packets may overlap as they do.
        let seconds = |transcript: &serde_json::Value| transcript["duration"].as_f64().unwrap();
        assert!((seconds(&joined) - seconds(&whole)).abs() < 0.2);
        let starts = |transcript: &serde_json::Value| -> Vec<f64> {
            let segments = transcript["segments"].as_array().unwrap().iter();
            let words = segments.flat_map(|segment| segment["words"].as_array().unwrap());
            words.map(|word| word["start"].as_f64().unwrap()).collect()
        };
        let (joined, whole) = (starts(&joined), starts(&whole));
        let mut apart: Vec<f64> =
            joined.iter().zip(&whole).take(known.len()).map(|(one, other)| (one - other).abs()).collect();
        apart.sort_by(f64::total_cmp);
        // A word behind a pause may begin in it.
        assert!(apart[apart.len() / 2] < 0.1 && apart[apart.len() - 1] < 0.7, "{apart:?}");
    }
}

#[test]
fn weights_of_ones_own_are_taken_by_their_name_and_by_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let mut list = String::new();
    for name in catalog::Declaration::named("caption").unwrap().profile.weights {
        let file = WeightsFile::named(name).unwrap();
        let (from, to) = (weights_folder().join(file.sha256), folder.path().join(file.sha256));
        std::os::unix::fs::symlink(fs_err::canonicalize(from).unwrap(), to).unwrap();
        if matches!(*name, "speech-encoder" | "speech-decoder") {
            writeln!(list, "{name}@mine\t{}\t{}", file.sha256, file.bytes).unwrap();
        }
    }
    fs_err::write(folder.path().join("own.tsv"), list).unwrap();
    let run = |option: &str| run_with(DICKENS.to_vec(), Format::Ogg, u64::MAX, option, weights_in(folder.path()));
    assert!(run("caption?weights=mine").text("transcript.txt").to_lowercase().contains("best of times"));
    let failure = run("caption?weights=large").result.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidRequest);
    assert!(failure.to_string().contains("has no line speech-encoder@large; it lists mine"), "{failure}");
}

#[test]
fn a_ladder_and_a_file_get_what_is_said_as_subtitles() {
    let folder = tempfile::tempdir().unwrap();
    let film = fs_err::read(film(folder.path(), "a.mkv", "libx264")).unwrap();
    let weights = || {
        Weights::open(
            &weights_folder(),
            catalog::Declaration::named("transcode")
                .unwrap()
                .profile
                .weights
                .iter()
                .map(|name| WeightsFile::named(name).unwrap()),
        )
    };
    let option = "transcode?container=hls&heights=96&preset=ultrafast&captions=auto&dash";
    let run = run_with(film.clone(), Format::Mkv, u64::MAX, option, weights());
    let master = run.text("master.m3u8");
    assert!(master.contains("TYPE=SUBTITLES,GROUP-ID=\"subtitles\",NAME=\"Captions 1\",LANGUAGE=\"en\""), "{master}");
    assert!(
        master.contains("URI=\"subtitles-1/index.m3u8\"") && master.contains(",SUBTITLES=\"subtitles\""),
        "{master}"
    );
    let vtt = run.text("subtitles-1/subtitles.vtt");
    assert!(vtt.contains("best of times") && vtt.contains("X-TIMESTAMP-MAP"), "{vtt}");
    assert!(run.text("manifest.mpd").contains("subtitles-1/subtitles.vtt"));
    let run = run_with(film, Format::Mkv, u64::MAX, "transcode?preset=ultrafast&captions=en", weights());
    let (_, said) = packets(&run.path("video.mp4"), media::Type::Subtitle);
    assert!(String::from_utf8_lossy(&said).contains("best of times"));
}
