//! Pictures and audio are shown when players show them, whatever the source's container, clock and edit lists say.

mod support;

use std::path::{Path, PathBuf};

use catalog::Format;
use ffmpeg_next as ffmpeg;
use support::{Decoded, Fixture, Run, decode, duration, number_in_jpeg, run, run_on};

const FAST: &str = "transcode?preset=ultrafast";

fn made(fixture: &Fixture, name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fixture.write(&path);
    (folder, path)
}

fn transcoded(path: &Path) -> (Run, Decoded) {
    let run = run(path, FAST);
    run.properties();
    let decoded = decode(&run.path("video.mp4"));
    (run, decoded)
}

/// The frames at their times after the first, which is shown at `first` seconds.
#[track_caller]
fn assert_frames(decoded: &Decoded, first: f64, numbers: impl IntoIterator<Item = u32>, context: &str) {
    let numbers: Vec<u32> = numbers.into_iter().collect();
    assert_eq!(decoded.frames.iter().map(|(_, number)| *number).collect::<Vec<_>>(), numbers, "{context}");
    for (time, number) in &decoded.frames {
        let expected = first + f64::from(number - numbers[0]) / 24.0;
        assert!((time - expected).abs() < 0.03, "{context}: frame {number} at {time}, not {expected}");
    }
}

/// Number and time of each key frame's picture.
fn pictures(run: &Run) -> Vec<(u32, f64)> {
    let index = run.json("index.json");
    let frames = index["frames"].as_array().unwrap();
    frames
        .iter()
        .map(|frame| {
            assert_eq!(frame["status"], "ok", "{frame}");
            (number_in_jpeg(&run.path(frame["file"].as_str().unwrap())), frame["time"].as_f64().unwrap())
        })
        .collect()
}

/// Each picture is the frame that is shown at its time.
#[track_caller]
fn assert_pictures(run: &Run, context: &str) {
    for (number, time) in pictures(run) {
        assert!((time - f64::from(number) / 24.0).abs() < 0.1, "{context}: picture {number} at {time}");
    }
}

/// One clip in every container, in a codec that it usually has: the same frames at the same times, as long, with the same
/// colours.
#[test]
fn one_clip_is_the_same_out_of_every_container() {
    ffmpeg::log::set_level(ffmpeg::log::Level::Error);
    let mut seen = Vec::new();
    for (name, codec, has_audio) in [
        ("a.mp4", "libx264", true),
        ("a.mov", "libx264", true),
        ("a.mkv", "libx264", true),
        ("a.ts", "libx264", true),
        ("a.flv", "libx264", true),
        ("a.avi", "mpeg4", false),
        ("b.avi", "mjpeg", false),
        ("a.webm", "libvpx-vp9", false),
        ("b.flv", "flv", false),
        ("a.wmv", "wmv2", false),
        ("a.mpg", "mpeg2video", false),
        ("a.mxf", "mpeg2video", false),
        ("a.ogv", "libtheora", false),
        ("a.h264", "libx264", false),
        ("a.hevc", "libx265", false),
        ("a.ivf", "libvpx-vp9", false),
        ("a.dv", "dvvideo", false),
    ] {
        let (width, height) = if name == "a.dv" { (720, 576) } else { (160, 96) };
        let fixture = Fixture {
            width,
            height,
            rate: 25,
            gop: 25,
            frames: 75,
            codec,
            audio_tracks: usize::from(has_audio),
            has_colours: true,
            ..Fixture::default()
        };
        let (_folder, path) = made(&fixture, name);
        let (run, decoded) = transcoded(&path);
        assert_eq!(decoded.size, (width, height), "{name}");
        let first = decoded.frames[0].0;
        let numbers: Vec<u32> = decoded.frames.iter().map(|(_, number)| *number).collect();
        assert_eq!(numbers, (0..75).collect::<Vec<_>>(), "{name}");
        for (time, number) in &decoded.frames {
            let expected = first + f64::from(*number) / 25.0;
            assert!((time - expected).abs() < 0.002, "{name}: frame {number} at {time}, not {expected}");
        }
        let lasts = run.properties()["duration"].as_f64().unwrap();
        assert!((lasts - 3.0).abs() < 0.06, "{name} lasts {lasts}");
        if has_audio {
            let (start, length, loudest) = decoded.audio.unwrap();
            assert!((start - first).abs() < 0.05 && (length - 3.0).abs() < 0.08, "{name}: {start} {length}");
            assert!(loudest > 0.01, "{name} is heard");
        }
        for (number, found) in support::colours(&run.path("video.mp4")).into_iter().enumerate() {
            for ((blue, red), (wanted_blue, wanted_red)) in found.into_iter().zip(support::COLOURS) {
                let off = blue.abs_diff(wanted_blue).max(red.abs_diff(wanted_red));
                assert!(off <= 6, "{name}: frame {number} has {blue} {red} for {wanted_blue} {wanted_red}");
            }
        }
        let keys = support::run(&path, "keyframes?select=every=1");
        let found: Vec<u32> = pictures(&keys).iter().map(|(number, _)| *number).collect();
        seen.push((name, found));
    }
    for (name, found) in seen {
        match name {
            // The encoder sets more key frames than it is asked for.
            "a.ogv" => assert!(found.len() >= 3 && found[0] == 0, "{name}: {found:?}"),
            _ => assert_eq!(found, [0, 25, 50], "{name}"),
        }
    }
}

#[test]
fn tracks_that_end_or_begin_at_other_times_are_no_damage() {
    let fixture = Fixture { frames: 48, audio_tracks: 1, ..Fixture::default() };
    for (fixture, name, first, expected) in [
        // The audio outlasts the picture.
        (Fixture { audio_frames: 240, ..fixture.clone() }, "a.mp4", 0.0, 10.0),
        (Fixture { audio_frames: 240, ..fixture.clone() }, "a.mkv", 0.0, 10.0),
        (Fixture { audio_frames: 240, ..fixture.clone() }, "a.ts", 0.0, 10.0),
        // The audio begins late.
        (Fixture { audio_delay: 1500, ..fixture.clone() }, "a.mkv", 0.0, 3.5),
        (Fixture { audio_delay: 1500, ..fixture.clone() }, "a.mp4", 0.0, 3.5),
        // The picture begins late.
        (Fixture { video_delay: 36, ..fixture.clone() }, "a.mkv", 1.5, 3.5),
        (Fixture { video_delay: 36, ..fixture.clone() }, "a.mp4", 1.5, 3.5),
        // Everything does: the clock begins at 1000 s.
        (Fixture { video_delay: 24_000, audio_delay: 1_000_000, ..fixture.clone() }, "a.mkv", 0.0, 2.0),
        // Subtitles outlast the picture.
        (Fixture { subtitles: &[(500, 12_000, "Ende")], ..fixture.clone() }, "a.mkv", 0.0, 12.0),
    ] {
        let (_folder, path) = made(&fixture, name);
        let (run, decoded) = transcoded(&path);
        assert_frames(&decoded, first, 0..48, name);
        let length = duration(&run.path("video.mp4"));
        assert!((length - expected).abs() < 0.08, "{name}: {length} s, not {expected}");
        let said = run.properties()["duration"].as_f64().unwrap();
        assert!((said - expected).abs() < 0.08, "{name}: it says {said} s, not {expected}");
    }
}

#[test]
fn a_clock_that_begins_late_does_not_make_key_frames_late() {
    let fixture = Fixture { video_delay: 24_000, audio_delay: 1_000_000, audio_tracks: 1, ..Fixture::default() };
    let (_folder, path) = made(&fixture, "a.mkv");
    assert_pictures(&run(&path, "keyframes"), "all");
    let spread = run(&path, "keyframes?select=count=5");
    assert_eq!(pictures(&spread).len(), 5, "of 5 s, not of 1005");
}

#[test]
fn a_duration_that_is_said_to_be_unknown_is_none() {
    let muxer: &[_] = &[("movflags", "frag_keyframe+empty_moov")];
    let (_folder, path) = made(&Fixture { muxer, ..Fixture::default() }, "a.mp4");
    let mut bytes = fs_err::read(&path).unwrap();
    let header = bytes.windows(4).position(|bytes| bytes == b"mvhd").unwrap();
    bytes[header + 20..header + 24].fill(0xFF);
    let all = run_on(bytes.clone(), Format::Mp4, u64::MAX, FAST);
    assert_eq!(all.properties()["frames"], 120);
    assert_eq!(decode(&all.path("video.mp4")).frames.len(), 120);
    assert_eq!(pictures(&run_on(bytes.clone(), Format::Mp4, u64::MAX, "keyframes")).len(), 5);
    // Spread over what reading it shows to be its length.
    let spread = run_on(bytes, Format::Mp4, u64::MAX, "keyframes?select=count=2");
    assert_eq!(pictures(&spread).iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 48]);
}

#[test]
fn clips_that_were_trimmed_without_encoding_begin_where_they_are_shown_to_begin() {
    // From frame 30 of 120 on, with key frames at every 24th.
    let trimmed = Fixture { video_delay: -30, ..Fixture::default() };
    for gop in [24, 250] {
        let (_folder, path) = made(&Fixture { gop, ..trimmed.clone() }, "a.mp4");
        let (_, decoded) = transcoded(&path);
        assert_frames(&decoded, 0.0, 30..120, "transcode");
        let found = pictures(&run(&path, "keyframes"));
        let expected: &[u32] = if gop == 24 { &[30, 48, 72, 96] } else { &[30] };
        assert_eq!(found.iter().map(|(number, _)| *number).collect::<Vec<_>>(), expected);
        for (number, time) in found {
            assert!((time - f64::from(number - 30) / 24.0).abs() < 0.05, "picture {number} at {time}");
        }
    }
}

#[test]
fn the_last_frame_is_shown_as_long_as_in_the_source() {
    for (name, codec) in [("a.mp4", "libx264"), ("a.mov", "mpeg4")] {
        let parameters = "bframes=0";
        let (_folder, path) = made(&Fixture { frames: 24, last: 120, codec, parameters, ..Fixture::default() }, name);
        for options in ["", "&chunks=2", "&codec=h265"] {
            let run = run(&path, &format!("{FAST}{options}"));
            run.properties();
            let length = duration(&run.path("video.mp4"));
            assert!((length - (23.0 + 120.0) / 24.0).abs() < 0.05, "{name}{options}: {length} s");
        }
    }
}

#[test]
fn a_pause_between_frames_does_not_lengthen_the_file() {
    let fixture = Fixture { frames: 240, gap: 30..200, ..Fixture::default() };
    for name in ["a.mp4", "a.mkv"] {
        let (_folder, path) = made(&fixture, name);
        let (run, decoded) = transcoded(&path);
        assert_frames(&decoded, 0.0, (0..30).chain(200..240), name);
        let length = duration(&run.path("video.mp4"));
        assert!((length - 10.0).abs() < 0.05, "{name}: {length} s");
    }
}

#[test]
fn joined_transport_streams_play_on_where_their_clock_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let part = |name: &str, delay: i64| {
        let path = folder.path().join(name);
        let milliseconds = delay * 1000 / 24;
        let fixture = Fixture {
            frames: 48,
            audio_tracks: 1,
            video_delay: delay,
            audio_delay: milliseconds,
            ..Fixture::default()
        };
        fixture.write(&path);
        fs_err::read(&path).unwrap()
    };
    let (early, late) = (part("early.ts", 0), part("late.ts", 24 * 3000));
    for (joined, context) in [
        ([early.clone(), early.clone()].concat(), "back to the beginning"),
        ([early.clone(), late.clone()].concat(), "3000 s ahead"),
        ([late, early].concat(), "3000 s back"),
    ] {
        let run = run_on(joined.clone(), Format::MpegTs, u64::MAX, FAST);
        let warnings = run.properties()["warnings"].to_string();
        assert!(warnings.contains("clock"), "{warnings}");
        let decoded = decode(&run.path("video.mp4"));
        let numbers: Vec<u32> = decoded.frames.iter().map(|(_, number)| *number).collect();
        assert_eq!(numbers, (0..48).chain(0..48).collect::<Vec<_>>(), "{context}");
        for (at, (time, _)) in decoded.frames.iter().enumerate() {
            assert!((time - decoded.frames[0].0 - at as f64 / 24.0).abs() < 0.06, "{context}: frame {at} at {time}");
        }
        let (_, length, _) = decoded.audio.unwrap();
        assert!((length - 4.0).abs() < 0.1, "{context}: {length} s of audio");
        let times: Vec<f64> =
            pictures(&run_on(joined, Format::MpegTs, u64::MAX, "keyframes")).iter().map(|(_, time)| *time).collect();
        assert!(times.len() == 4 && times.is_sorted() && times[3] < 3.2, "{context}: {times:?}");
    }
}

#[test]
fn recordings_that_end_within_a_frame_are_taken_and_that_is_said() {
    let (_folder, path) = made(&Fixture { audio_tracks: 1, ..Fixture::default() }, "a.ts");
    let bytes = fs_err::read(&path).unwrap();
    for end in [bytes.len() * 7 / 10, bytes.len() / 2 + 100] {
        let run = run_on(bytes[..end].to_vec(), Format::MpegTs, u64::MAX, FAST);
        let frames = run.properties()["frames"].as_u64().unwrap();
        assert!((40..110).contains(&frames), "{frames}");
        if let Some(damage) = run.properties().get("damage") {
            assert!(damage.as_u64() <= Some(2), "{damage}");
            assert!(run.properties()["warnings"].to_string().contains("errors"));
        }
    }
}

#[test]
fn parts_of_a_file_whose_clock_starts_again_are_refused_with_a_way_out() {
    let (_folder, path) = made(&Fixture { frames: 48, ..Fixture::default() }, "a.ts");
    let bytes = fs_err::read(&path).unwrap();
    let joined = [bytes.clone(), bytes].concat();
    let failure = run_on(joined, Format::MpegTs, u64::MAX, "transcode?preset=ultrafast&chunks=2").failure();
    assert!(failure.contains("chunks=off"), "{failure}");
}

#[test]
fn recordings_that_begin_within_a_packet_are_read() {
    let (_folder, path) = made(&Fixture { audio_tracks: 1, ..Fixture::default() }, "a.ts");
    let bytes = [vec![0x55; 100], fs_err::read(&path).unwrap()].concat();
    let run = run_on(bytes.clone(), Format::MpegTs, u64::MAX, FAST);
    run.properties();
    assert_frames(&decode(&run.path("video.mp4")), 0.0, 0..120, "transcode");
    assert_pictures(&run_on(bytes, Format::MpegTs, u64::MAX, "keyframes"), "keyframes");
}

#[test]
fn a_picture_that_comes_late_is_in_time_with_the_audio_in_every_player_of_a_ladder() {
    let fixture = Fixture { frames: 96, video_delay: 36, audio_tracks: 1, audio_frames: 132, ..Fixture::default() };
    let (_folder, path) = made(&fixture, "a.mp4");
    let run = run(&path, "transcode?preset=ultrafast&container=hls&heights=96&segment-duration=2&dash");
    run.properties();
    let folder = run.path("96p");
    let first = fs_err::read(folder.join("segment-00001.m4s")).unwrap();
    // Browsers drop the pauses of edit lists, so the segments' own clock has to be right (ISO/IEC 14496-12 8.8.12).
    let at = first.windows(4).position(|bytes| bytes == b"tfdt").unwrap();
    assert_eq!(first[at + 8..at + 16], [0; 8], "the first segment is decoded from 0 on");
    let mut whole = fs_err::read(folder.join("init.mp4")).unwrap();
    let mut number = 1;
    while let Ok(segment) = fs_err::read(folder.join(format!("segment-{number:05}.m4s"))) {
        whole.extend(segment);
        number += 1;
    }
    fs_err::write(folder.join("whole.mp4"), whole).unwrap();
    let decoded = decode(&folder.join("whole.mp4"));
    let times: Vec<f64> = decoded.frames.iter().map(|(time, _)| *time).collect();
    assert!(times[0].abs() < 0.001, "the first frame is shown from the beginning: {times:?}");
    for (at, time) in times.iter().enumerate().skip(1) {
        assert!((time - 1.5 - at as f64 / 24.0).abs() < 0.03, "frame {at} at {time}");
    }
    let playlist = fs_err::read_to_string(folder.join("index.m3u8")).unwrap();
    let length: f64 = playlist
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:")?.trim_end_matches(',').parse::<f64>().ok())
        .sum();
    assert!((length - 5.5).abs() < 0.05, "{playlist}");
    let manifest = fs_err::read_to_string(run.path("manifest.mpd")).unwrap();
    assert!(manifest.matches("<S t=\"0\"").count() == 2, "{manifest}");
}

#[test]
fn audio_that_is_a_little_longer_than_whole_segments_has_no_segment_for_the_rest() {
    let fixture = Fixture { frames: 96, audio_tracks: 1, audio_frames: 98, ..Fixture::default() };
    let (_folder, path) = made(&fixture, "a.mp4");
    let run = run(&path, "transcode?preset=ultrafast&container=hls&heights=96&segment-duration=2");
    run.properties();
    let playlist = fs_err::read_to_string(run.path("audio-1/index.m3u8")).unwrap();
    let lengths: Vec<f64> =
        playlist.lines().filter_map(|line| line.strip_prefix("#EXTINF:")?.trim_end_matches(',').parse().ok()).collect();
    assert!(lengths.len() == 2 && lengths.iter().all(|length| (1.9..2.3).contains(length)), "{lengths:?}");
    assert!(playlist.contains("#EXT-X-TARGETDURATION:2\n"), "{playlist}");
}

#[test]
fn frames_that_are_no_key_frames_by_themselves_are_decoded_from_those_before() {
    // Intra refresh: after the first, there is no key frame, only points from which on the picture is whole.
    let refreshed = Fixture { parameters: "intra-refresh=1:keyint=24", frames: 96, ..Fixture::default() };
    for name in ["a.mp4", "a.ts"] {
        let (_folder, path) = made(&refreshed, name);
        let run = run(&path, "keyframes");
        assert!(pictures(&run).len() > 1, "{name}");
        assert_pictures(&run, name);
    }
    // A table of key frames that names the one behind the third.
    let (_folder, path) = made(&Fixture { codec: "mpeg4", ..Fixture::default() }, "a.mp4");
    let mut bytes = fs_err::read(&path).unwrap();
    let table = bytes.windows(4).position(|bytes| bytes == b"stss").unwrap();
    let entry = table + 12 + 2 * 4;
    assert_eq!(bytes[entry..entry + 4], 49_u32.to_be_bytes());
    bytes[entry..entry + 4].copy_from_slice(&50_u32.to_be_bytes());
    let run = run_on(bytes, Format::Mp4, u64::MAX, "keyframes");
    assert_eq!(pictures(&run).iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 24, 49, 72, 96]);
}

#[test]
fn a_search_by_time_finds_the_beginning() {
    let (_folder, path) = made(&Fixture { frames: 240, ..Fixture::default() }, "a.ts");
    for select in ["count=4", "every=3"] {
        let run = run(&path, &format!("keyframes?select={select}"));
        let found = pictures(&run);
        // At or before each moment, of 10 s.
        let expected: &[u32] = if select == "every=3" { &[0, 72, 144, 216] } else { &[0, 48, 120, 168] };
        assert_eq!(found.iter().map(|(number, _)| *number).collect::<Vec<_>>(), expected, "{select}");
        assert_pictures(&run, select);
    }
}

#[test]
fn more_key_frames_than_are_wanted_are_thinned_out_and_that_is_said() {
    for (name, codec, method) in
        [("a.mov", "mjpeg", "index"), ("a.ts", "libx264", "scan"), ("a.flv", "libx264", "scan")]
    {
        let fixture = Fixture { frames: 240, gop: 2, parameters: "keyint=2", codec, ..Fixture::default() };
        let (_folder, path) = made(&fixture, name);
        let run = run(&path, "keyframes?max-frames=20");
        let found = pictures(&run);
        assert_eq!(run.json("index.json")["method"], method);
        assert!((16..=20).contains(&found.len()), "{name}: {found:?}");
        assert!(found[0].0 == 0 && found.last().unwrap().0 > 200, "{name}: over the whole length: {found:?}");
        assert_pictures(&run, name);
        let warnings = run.properties()["warnings"].to_string();
        assert!(warnings.contains("max-frames=20"), "{name}: {warnings}");
    }
}

#[test]
fn every_container_that_cameras_discs_and_studios_write_is_read() {
    ffmpeg::log::set_level(ffmpeg::log::Level::Error);
    for (name, codec, size, rate) in [
        ("a.flv", "flv", (160, 96), 24),
        ("a.wmv", "wmv2", (160, 96), 24),
        ("a.mpg", "mpeg2video", (160, 96), 24),
        ("a.mxf", "mpeg2video", (160, 96), 25),
        ("a.ogv", "libtheora", (160, 96), 24),
        ("a.h264", "libx264", (160, 96), 24),
        ("a.hevc", "libx265", (160, 96), 24),
        ("a.ivf", "libvpx-vp9", (160, 96), 24),
        ("a.dv", "dvvideo", (720, 576), 25),
    ] {
        let (width, height) = size;
        let fixture = Fixture { codec, width, height, rate, frames: 50, gop: rate, ..Fixture::default() };
        let (_folder, path) = made(&fixture, name);
        let (_, decoded) = transcoded(&path);
        let numbers: Vec<u32> = decoded.frames.iter().map(|(_, number)| *number).collect();
        assert_eq!(numbers, (0..50).collect::<Vec<_>>(), "{name}");
        for (time, number) in &decoded.frames {
            let expected = decoded.frames[0].0 + f64::from(*number) / f64::from(rate);
            assert!((time - expected).abs() < 0.002, "{name}: frame {number} at {time}");
        }
        let keys = run(&path, "keyframes?select=every=1");
        let found = pictures(&keys);
        let expected: Vec<u32> = if name == "a.dv" { vec![0, 25] } else { vec![0, rate, 2 * rate] };
        let numbers: Vec<u32> = found.iter().map(|(number, _)| *number).collect();
        // Theora's encoder sets more key frames than it is asked for.
        assert!(numbers.len() >= 2 && (name == "a.ogv" || expected.starts_with(&numbers)), "{name}: {found:?}");
        for (number, time) in found {
            assert!((time - f64::from(number) / f64::from(rate)).abs() < 0.1, "{name}: picture {number} at {time}");
        }
        assert_eq!(run(&path, "probe").json("probe.json")["streams"][0]["width"], width, "{name}");
    }
}
