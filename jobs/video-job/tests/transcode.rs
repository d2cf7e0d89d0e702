//! Transcodes of videos made here, decoded again: each frame carries its number, so that it can be told to be the right
//! one at the right time.

mod support;

use std::path::{Path, PathBuf};

use catalog::Format;
use contract::FailureKind;
use ffmpeg_next as ffmpeg;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::{codec, media};
use support::{Decoded, Fixture, Run, decode, run, run_on};

fn made(fixture: &Fixture, name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fixture.write(&path);
    (folder, path)
}

fn video(run: &Run, name: &str) -> Decoded {
    assert!(run.properties().contains_key("frames"), "{:?}", run.properties());
    decode(&run.path(name))
}

/// Every frame in its order, at its time after the first. (In Matroska the audio's priming stands before the picture.)
#[track_caller]
fn assert_frames(decoded: &Decoded, rate: f64, numbers: impl IntoIterator<Item = u32>) {
    let numbers: Vec<u32> = numbers.into_iter().collect();
    assert_eq!(decoded.frames.iter().map(|(_, number)| *number).collect::<Vec<_>>(), numbers);
    let first = decoded.frames[0].0;
    assert!((0.0..0.03).contains(&first), "{first}");
    for (time, number) in &decoded.frames {
        assert!((time - first - f64::from(*number) / rate).abs() < 0.0015, "frame {number} at {time}");
    }
}

#[test]
fn mp4_has_every_frame_at_its_time_all_audio_tracks_and_its_index_in_front() {
    let (_folder, path) = made(&Fixture { audio_tracks: 2, ..Fixture::default() }, "a.mov");
    let run = run(&path, "transcode?preset=ultrafast");
    let decoded = video(&run, "video.mp4");
    assert_frames(&decoded, 24.0, 0..120);
    assert_eq!(decoded.codecs, ["h264", "aac", "aac"]);
    assert_eq!(decoded.size, (160, 96));
    let (start, length, _) = decoded.audio.unwrap();
    // The encoder's priming stands before the beginning, and players leave it out.
    assert!(start.abs() < 0.03 && (length - 5.0).abs() < 0.05, "{start} {length}");
    let bytes = fs_err::read(run.path("video.mp4")).unwrap();
    let position = |kind: &[u8]| bytes.windows(4).position(|window| window == kind).unwrap();
    assert!(position(b"moov") < position(b"mdat"));
}

#[test]
fn every_codec_and_container_carries_every_frame() {
    let (_folder, path) = made(&Fixture { frames: 48, audio_tracks: 1, ..Fixture::default() }, "a.mkv");
    for (options, name, codecs) in [
        ("codec=h265", "video.mp4", ["hevc", "aac"]),
        ("codec=av1", "video.mp4", ["av1", "aac"]),
        ("container=webm", "video.webm", ["vp9", "opus"]),
        ("container=webm&codec=av1&bitrate=300", "video.webm", ["av1", "opus"]),
    ] {
        let run = run(&path, &format!("transcode?preset=ultrafast&{options}"));
        let decoded = video(&run, name);
        assert_frames(&decoded, 24.0, 0..48);
        assert_eq!(decoded.codecs, codecs, "{options}");
    }
}

#[test]
fn pictures_are_turned_as_they_are_shown_and_shrunk_to_the_limit() {
    let (_folder, path) = made(&Fixture { rotation: -90.0, frames: 12, ..Fixture::default() }, "a.mp4");
    let run = run(&path, "transcode?preset=ultrafast&max-height=120");
    assert_eq!(video(&run, "video.mp4").size, (72, 120));
}

/// From and until when, in milliseconds, and the text of each subtitle of a file.
fn subtitles(path: &Path) -> Vec<(i64, i64, String)> {
    let mut input = ffmpeg::format::input(path).unwrap();
    let stream = input.streams().best(media::Type::Subtitle).expect("a track of subtitles");
    let (index, base, is_mov) = (stream.index(), stream.time_base(), stream.parameters().id() == codec::Id::MOV_TEXT);
    let texts = input.packets().filter(|(stream, _)| stream.index() == index).filter_map(|(_, mut packet)| {
        packet.rescale_ts(base, ffmpeg::Rational(1, 1000));
        let data = packet.data().unwrap_or_default();
        // In MP4 the text's length stands before it, and a pause is a text of no length.
        let text = if is_mov { &data[2..2 + usize::from(u16::from_be_bytes([data[0], data[1]]))] } else { data };
        let from = packet.pts().unwrap();
        (!text.is_empty()).then(|| (from, from + packet.duration(), String::from_utf8(text.to_vec()).unwrap()))
    });
    texts.collect()
}

#[test]
fn subtitles_keep_their_times_and_words_in_every_container() {
    let spoken = &[(500, 1_500, "Guten Tag"), (2_000, 3_500, "Zwei\nZeilen, <i>schräg</i>"), (3_500, 4_000, "Ende")];
    let fixture = Fixture { audio_tracks: 1, subtitles: spoken, ..Fixture::default() };
    let (_folder, path) = made(&fixture, "a.mkv");
    let times: Vec<(i64, i64)> = spoken.iter().map(|(from, until, _)| (*from, *until)).collect();
    for (option, name, slanted) in [
        ("transcode?preset=ultrafast", "video.mp4", "schräg"),
        ("transcode?container=webm&preset=ultrafast", "video.webm", "<i>schräg</i>"),
    ] {
        let run = run(&path, option);
        run.properties();
        let found = subtitles(&run.path(name));
        // The audio's priming stands before the beginning, and everything is as much later.
        let first = (decode(&run.path(name)).frames[0].0 * 1000.0).round() as i64;
        let shown: Vec<(i64, i64)> = found.iter().map(|(from, until, _)| (from - first, until - first)).collect();
        let is_near =
            |(one, other): (&(i64, i64), &(i64, i64))| (one.0 - other.0).abs() <= 1 && (one.1 - other.1).abs() <= 1;
        assert!(shown.len() == 3 && shown.iter().zip(&times).all(is_near), "{name}: {shown:?} for {times:?}");
        let words: Vec<&str> = found.iter().map(|(_, _, text)| text.as_str()).collect();
        assert_eq!(words, ["Guten Tag", &format!("Zwei\nZeilen, {slanted}"), "Ende"], "{name}");
    }
    let run = run(&path, "transcode?container=hls&preset=ultrafast");
    run.properties();
    let files: Vec<PathBuf> = walk(run.finished().folder());
    let vtt = files.iter().find(|path| path.ends_with("subtitles.vtt")).unwrap_or_else(|| panic!("{files:?}"));
    let text = fs_err::read_to_string(vtt).unwrap();
    // With the 21 ms of the audio's priming.
    assert!(text.starts_with("WEBVTT") && text.contains("00:00:02.021 --> 00:00:03.521"), "{text}");
    assert!(text.contains("Zwei\nZeilen, <i>schräg</i>"), "{text}");
    let master = files.iter().find(|path| path.ends_with("master.m3u8")).unwrap_or_else(|| panic!("{files:?}"));
    assert!(fs_err::read_to_string(master).unwrap().contains("TYPE=SUBTITLES"));
    let without = support::run(&path, "transcode?preset=ultrafast&no-subtitles");
    without.properties();
    assert_eq!(decode(&without.path("video.mp4")).codecs, ["h264", "aac"]);
}

#[test]
fn subtitles_of_every_kind_keep_their_times_words_and_language() {
    let spoken =
        &[(500, 1_500, "Guten Tag"), (2_000, 3_500, "Zwei\nZeilen"), (3_500, 4_000, "größer < kleiner & mehr")];
    for (name, subtitle_codec) in [
        ("a.mkv", codec::Id::SUBRIP),
        ("a.mkv", codec::Id::ASS),
        ("a.mkv", codec::Id::WEBVTT),
        ("a.mp4", codec::Id::MOV_TEXT),
    ] {
        let fixture = Fixture { subtitles: spoken, subtitle_codec, ..Fixture::default() };
        let (_folder, path) = made(&fixture, name);
        for (option, file) in [("", "video.mp4"), ("&container=webm", "video.webm")] {
            let context = format!("{subtitle_codec:?} to {file}");
            let run = run(&path, &format!("transcode?preset=ultrafast{option}"));
            assert!(!run.properties().contains_key("warnings"), "{context}: {:?}", run.properties());
            let found = subtitles(&run.path(file));
            assert_eq!(found.len(), 3, "{context}: {found:?}");
            for ((from, until, text), (wanted_from, wanted_until, wanted)) in found.iter().zip(spoken) {
                let off = (from - wanted_from).abs().max((until - wanted_until).abs());
                assert!(off <= 2, "{context}: {from} to {until} for {wanted_from} to {wanted_until}");
                // WebVTT writes the signs of markup as entities.
                let plain = text.replace("&lt;", "<").replace("&amp;", "&");
                assert_eq!(plain.trim_end(), *wanted, "{context}");
            }
            let input = ffmpeg::format::input(&run.path(file)).unwrap();
            let track = input.streams().best(media::Type::Subtitle).unwrap();
            assert!(matches!(track.metadata().get("language"), Some("ger" | "deu")), "{context}");
        }
        let ladder = run(&path, "transcode?container=hls&preset=ultrafast");
        let text = fs_err::read_to_string(ladder.path("subtitles-1/subtitles.vtt")).unwrap();
        assert!(text.contains("00:00:02.000 --> 00:00:03.500\nZwei\nZeilen\n"), "{subtitle_codec:?}: {text}");
        let master = fs_err::read_to_string(ladder.path("master.m3u8")).unwrap();
        assert!(master.contains("LANGUAGE=\"de\""), "{subtitle_codec:?}: {master}");
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn a_variable_frame_rate_keeps_its_times_and_a_constant_one_fills_them() {
    let (_folder, path) = made(&Fixture { is_variable: true, frames: 60, ..Fixture::default() }, "a.mp4");
    let kept = video(&run(&path, "transcode?preset=ultrafast"), "video.mp4");
    assert_frames(&kept, 24.0, (0..60).filter(|number| number % 5 != 3));
    let filled = video(&run(&path, "transcode?preset=ultrafast&frame-rate=24"), "video.mp4");
    let numbers = (0..60).map(|number| if number % 5 == 3 { number - 1 } else { number });
    assert_eq!(filled.frames.iter().map(|(_, number)| *number).collect::<Vec<_>>(), numbers.collect::<Vec<_>>());
    let halved = video(&run(&path, "transcode?preset=ultrafast&frame-rate=12"), "video.mp4");
    assert_eq!(halved.frames.len(), 30);
}

#[test]
fn high_dynamic_range_is_mapped_or_kept() {
    use ffmpeg::color::TransferCharacteristic;
    let fixture = Fixture { codec: "libx265", is_pq: true, frames: 12, ..Fixture::default() };
    let (_folder, path) = made(&fixture, "a.mp4");
    let mapped = video(&run(&path, "transcode?preset=ultrafast"), "video.mp4");
    assert_eq!((mapped.format, mapped.transfer), (Pixel::YUV420P, TransferCharacteristic::BT709));
    let kept = video(&run(&path, "transcode?preset=ultrafast&codec=h265&hdr=keep"), "video.mp4");
    assert_eq!((kept.format, kept.transfer), (Pixel::YUV420P10LE, TransferCharacteristic::SMPTE2084));
    assert_frames(&kept, 24.0, 0..12);
}

#[test]
fn loudness_comes_to_what_was_asked_for() {
    let (_folder, path) = made(&Fixture { audio_tracks: 1, ..Fixture::default() }, "a.mp4");
    let before = decode(&path).audio.unwrap().2;
    let run = run(&path, "transcode?preset=ultrafast&loudness=-20");
    let after = video(&run, "video.mp4").audio.unwrap().2;
    // A tone of amplitude 0.05 in both channels is at about -26.7 LUFS.
    let gain = 20.0 * (after / before).log10();
    assert!((gain - 6.7).abs() < 1.0, "{gain} dB");
}

#[test]
fn a_ladder_has_aligned_segments_and_playlists_that_name_what_is_there() {
    let fixture = Fixture { width: 320, height: 192, audio_tracks: 1, gop: 37, ..Fixture::default() };
    let (_folder, path) = made(&fixture, "a.mp4");
    let run = run(&path, "transcode?container=hls&heights=720,192,96&segment-duration=2&preset=fast&dash");
    assert_eq!(run.properties()["renditions"].as_array().unwrap().len(), 2, "nothing above the source");
    let master = fs_err::read_to_string(run.path("master.m3u8")).unwrap();
    assert!(master.contains("RESOLUTION=320x192") && master.contains("RESOLUTION=160x96"), "{master}");
    assert!(master.contains("avc1.") && master.contains("mp4a.40.2"), "{master}");
    for rendition in ["192p", "96p"] {
        let playlist = fs_err::read_to_string(run.path(&format!("{rendition}/index.m3u8"))).unwrap();
        assert_eq!(playlist.matches("#EXTINF:2.000000,").count(), 2, "{playlist}");
        assert!(playlist.contains("#EXTINF:1.000000,"), "{playlist}");
        // The initialisation segment and all others are one valid file.
        let folder = run.path(rendition);
        let mut whole = fs_err::read(folder.join("init.mp4")).unwrap();
        for number in 1..=3 {
            whole.extend(fs_err::read(folder.join(format!("segment-{number:05}.m4s"))).unwrap());
        }
        fs_err::write(folder.join("whole.mp4"), whole).unwrap();
        let decoded = decode(&folder.join("whole.mp4"));
        assert_frames(&decoded, 24.0, 0..120);
        let keys = key_times(&folder.join("whole.mp4"));
        assert_eq!(keys, [0, 2000, 4000], "{rendition}");
    }
    assert!(run.path("audio-1/segment-00003.m4s").exists());
    assert!(fs_err::read_to_string(run.path("manifest.mpd")).unwrap().contains("<S t="));
}

/// Times of key frames in milliseconds.
fn key_times(path: &Path) -> Vec<i64> {
    let mut input = ffmpeg::format::input(path).unwrap();
    let keys = input.packets().filter(|(_, packet)| packet.is_key());
    keys.map(|(stream, packet)| (packet.pts().unwrap() as f64 * f64::from(stream.time_base()) * 1000.0).round() as i64)
        .collect()
}

#[test]
fn a_truncated_video_fails_and_says_what_is_there_unless_that_is_enough() {
    let (_folder, path) = made(&Fixture { muxer: &[("movflags", "faststart")], ..Fixture::default() }, "a.mp4");
    let mut bytes = fs_err::read(&path).unwrap();
    bytes.truncate(bytes.len() * 2 / 3);
    let failed = run_on(bytes.clone(), Format::Mp4, u64::MAX, "transcode?preset=ultrafast").failure();
    assert!(failed.contains("the file is truncated") && failed.contains("allow-truncated"), "{failed}");
    let taken = run_on(bytes, Format::Mp4, u64::MAX, "transcode?preset=ultrafast&allow-truncated");
    assert_eq!(taken.properties()["truncated"], true);
    let frames = decode(&taken.path("video.mp4")).frames.len();
    assert!((40..120).contains(&frames), "{frames}");
}

#[test]
fn a_failure_of_the_store_is_the_failure_of_the_job() {
    let (_folder, path) = made(&Fixture::default(), "a.mkv");
    let bytes = fs_err::read(&path).unwrap();
    let fails_at = bytes.len() as u64 / 2;
    let failure = run_on(bytes, Format::Mkv, fails_at, "transcode?preset=ultrafast").result.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Temporary, "{failure}");
}

#[test]
fn what_cannot_be_transcoded_is_refused_with_its_reason() {
    let (_folder, path) = made(&Fixture { width: 32, height: 32, frames: 5, ..Fixture::default() }, "a.mp4");
    let small = run(&path, "transcode?codec=av1").failure();
    assert!(small.contains("64 on a side"), "{small}");
    let message = |bytes: &[u8]| run_on(bytes.to_vec(), Format::Mp4, u64::MAX, "transcode?preset=ultrafast").failure();
    let good = fs_err::read(&path).unwrap();
    let entry = good.windows(4).rposition(|bytes| bytes == b"avc1").unwrap();

    let mut renamed = good.clone();
    renamed[entry..entry + 4].copy_from_slice(b"encv");
    assert!(message(&renamed).contains("encrypted"));
    renamed[entry..entry + 4].copy_from_slice(b"zzzz");
    assert!(message(&renamed).contains("no decoder"));

    // Width and height of the sample entry (ISO/IEC 14496-12 12.1.3).
    let mut absurd = good.clone();
    absurd[entry + 28..entry + 32].copy_from_slice(&[0xFF; 4]);
    let absurd = run_on(absurd, Format::Mp4, u64::MAX, "keyframes").failure();
    assert!(absurd.contains("65535×65535 pixels"), "{absurd}");

    // The handler of the only track says audio.
    let mut audio_only = good.clone();
    let handler = audio_only.windows(4).rposition(|bytes| bytes == b"vide").unwrap();
    audio_only[handler..handler + 4].copy_from_slice(b"soun");
    let audio_only = message(&audio_only);
    assert!(audio_only.contains("no video"), "{audio_only}");

    // A count of samples that no file of this size has: what is there, or bad input, and no memory for the rest.
    let mut counted = good.clone();
    let sizes = counted.windows(4).position(|bytes| bytes == b"stsz").unwrap();
    counted[sizes + 12..sizes + 16].copy_from_slice(&[0x7F, 0xFF, 0xFF, 0xFF]);
    match run_on(counted, Format::Mp4, u64::MAX, "transcode?preset=ultrafast").result {
        Ok(finished) => assert_eq!(finished.properties["frames"], 5),
        Err(failure) => assert_eq!(failure.kind(), FailureKind::InvalidInput, "{failure}"),
    }
}

#[test]
fn changed_bytes_never_crash_and_fail_as_bad_input_only() {
    let fixture = Fixture { frames: 30, gop: 10, audio_tracks: 1, ..Fixture::default() };
    for name in ["a.mp4", "a.mkv", "a.ts", "a.avi"] {
        let (_folder, path) =
            made(&Fixture { codec: if name == "a.avi" { "mpeg4" } else { "libx264" }, ..fixture.clone() }, name);
        let good = fs_err::read(&path).unwrap();
        for seed in 0..12_u64 {
            let mut bytes = good.clone();
            let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            for _ in 0..=seed * 3 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (state >> 33) as usize % bytes.len();
                bytes[at] ^= (state >> 20) as u8 | 1;
            }
            let options = if seed % 2 == 0 { "" } else { "&frame-rate=24&chunks=2" };
            let format = Format::from_name(name).unwrap();
            let run = run_on(bytes, format, u64::MAX, &format!("transcode?preset=ultrafast{options}"));
            if let Err(failure) = &run.result {
                assert_eq!(failure.kind(), FailureKind::InvalidInput, "{name}, seed {seed}: {failure}");
            }
        }
    }
}

#[test]
fn chunks_have_every_frame_once_and_at_its_time_whatever_the_codec() {
    let fixture = Fixture { frames: 200, gop: 30, audio_tracks: 1, ..Fixture::default() };
    for (name, options) in [
        ("a.mp4", "codec=h264"),
        ("a.mkv", "codec=h265"),
        ("a.ts", "codec=h264"),
        ("a.mp4", "container=webm"),
        ("a.mp4", "frame-rate=24"),
    ] {
        let (_folder, path) = made(&fixture, name);
        let run = run(&path, &format!("transcode?preset=fast&chunks=3&{options}"));
        let file = if options.contains("webm") { "video.webm" } else { "video.mp4" };
        let decoded = video(&run, file);
        let start = decoded.frames[0].0;
        assert_eq!(decoded.frames.len(), 200, "{name} {options}");
        for (at, (time, number)) in decoded.frames.iter().enumerate() {
            assert_eq!(*number, at as u32, "{name} {options}");
            assert!((time - start - at as f64 / 24.0).abs() < 0.0015, "{name} {options}: frame {at} at {time}");
        }
        let (_, length, _) = decoded.audio.unwrap();
        assert!((length - 200.0 / 24.0).abs() < 0.05, "{length}");
    }
}

#[test]
fn chunks_of_a_variable_rate_and_of_a_ladder_are_joined_too() {
    let fixture = Fixture { frames: 200, gop: 30, is_variable: true, ..Fixture::default() };
    let (_folder, path) = made(&fixture, "a.mp4");
    let joined = video(&run(&path, "transcode?preset=fast&chunks=4"), "video.mp4");
    assert_frames(&joined, 24.0, (0..200).filter(|number| number % 5 != 3));
    let ladder = run(&path, "transcode?preset=fast&chunks=4&container=hls&heights=96,48&segment-duration=2");
    for rendition in ["96p", "48p"] {
        let playlist = fs_err::read_to_string(ladder.path(&format!("{rendition}/index.m3u8"))).unwrap();
        assert!(playlist.matches("#EXTINF").count() >= 3, "{playlist}");
    }
}
