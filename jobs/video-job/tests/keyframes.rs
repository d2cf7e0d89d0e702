//! Key frames are the right ones, come from few bytes, and what is wrong with an input is said.

mod support;

use catalog::Format;
use operation_testing::corpus;
use serde_json::Value;
use support::{Fixture, Run, number_in_jpeg, read_jpeg, run, run_on};

fn made(fixture: &Fixture, name: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fixture.write(&path);
    (folder, path)
}

/// The numbers of the frames that came out, as the pictures carry them.
fn numbers(run: &Run) -> Vec<u32> {
    let index = run.json("index.json");
    let frames = index["frames"].as_array().unwrap();
    frames.iter().filter_map(|frame| frame["file"].as_str()).map(|file| number_in_jpeg(&run.path(file))).collect()
}

fn times(index: &Value) -> Vec<f64> {
    index["frames"].as_array().unwrap().iter().map(|frame| frame["time"].as_f64().unwrap()).collect()
}

#[test]
fn key_frames_of_every_container_are_the_right_frames() {
    let frag: &[_] = &[("movflags", "frag_keyframe+empty_moov")];
    let front: &[_] = &[("movflags", "faststart")];
    for (name, muxer) in [
        ("a.mp4", &[][..]),
        ("front.mp4", front),
        ("fragmented.mp4", frag),
        ("a.mov", &[]),
        ("a.mkv", &[]),
        ("a.ts", &[]),
        ("a.avi", &[]),
    ] {
        let (_folder, path) = made(&Fixture { muxer, audio_tracks: 1, ..Fixture::default() }, name);
        let run = run(&path, "keyframes");
        assert_eq!(run.properties()["frames"], 5, "{name}");
        assert_eq!(numbers(&run), [0, 24, 48, 72, 96], "{name}");
        for (time, expected) in times(&run.json("index.json")).into_iter().zip([0.0, 1.0, 2.0, 3.0, 4.0]) {
            assert!((time - expected).abs() < 0.1, "{name}: {time} should be {expected}");
        }
    }
}

#[test]
fn other_codecs_give_their_key_frames() {
    for (codec, name) in [("libx265", "a.mp4"), ("libvpx-vp9", "a.webm"), ("mpeg4", "a.avi"), ("mjpeg", "a.mov")] {
        let (_folder, path) = made(&Fixture { codec, frames: 60, ..Fixture::default() }, name);
        let run = run(&path, "keyframes?select=every=1");
        assert_eq!(numbers(&run), [0, 24, 48], "{codec}");
    }
}

#[test]
fn selections_choose_among_the_key_frames() {
    let (_folder, path) = made(&Fixture { frames: 240, ..Fixture::default() }, "a.mp4");
    for (select, expected) in
        [("every=2.5", &[0, 48, 120, 168][..]), ("count=2", &[0, 120]), ("count=1", &[0]), ("every=60", &[0])]
    {
        let run = run(&path, &format!("keyframes?select={select}"));
        assert_eq!(numbers(&run), expected, "{select}");
    }
    let (_folder, path) = made(&Fixture { frames: 240, ..Fixture::default() }, "a.ts");
    let run = run(&path, "keyframes?select=every=5");
    assert_eq!(run.json("index.json")["method"], "seek");
    assert_eq!(numbers(&run).len(), 2);
}

#[test]
fn scenes_are_found_where_they_begin_whatever_the_key_frames() {
    let (_folder, path) = made(&Fixture { scene: 50, gop: 250, ..Fixture::default() }, "a.mp4");
    let run = run(&path, "keyframes?select=scene=0.5");
    let found = times(&run.json("index.json"));
    let expected = [0.0, 50.0 / 24.0, 100.0 / 24.0];
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 0.01), "{found:?}");
}

#[test]
fn only_the_key_frames_and_the_index_are_read() {
    let fixture = Fixture { width: 640, height: 352, frames: 200, gop: 25, audio_tracks: 1, ..Fixture::default() };
    for muxer in [&[][..], &[("movflags", "faststart")]] {
        let (_folder, path) = made(&Fixture { muxer, ..fixture.clone() }, "a.mp4");
        let bytes = fs_err::read(&path).unwrap();
        let layout = video_job::layout::mp4_layout(bytes.len() as u64, |offset, buffer: &mut [u8]| {
            buffer.copy_from_slice(&bytes[offset as usize..][..buffer.len()]);
            Ok::<_, ()>(())
        });
        let moov = layout.unwrap().moov.unwrap();
        let run = run(&path, "keyframes");
        let frames = run.json("index.json")["frames"].as_array().unwrap().clone();
        let coded: u64 = frames.iter().map(|frame| frame["size"].as_u64().unwrap()).sum();
        let least = coded + moov.end - moov.start;
        // A few small windows on top: the file is too short for them to vanish.
        assert!(run.bytes_read < least + 3 * 4096 + 8 * 4096, "{} of at least {least}", run.bytes_read);
        assert!(run.bytes_read < bytes.len() as u64, "{} of {}", run.bytes_read, bytes.len());
    }
}

#[test]
fn pictures_are_upright_as_wide_as_asked_for_and_on_the_sprite_sheet() {
    let (_folder, path) = made(&Fixture { rotation: 90.0, ..Fixture::default() }, "a.mp4");
    let run = run(&path, "keyframes?max-width=64&quality=95");
    let (width, height, pixels) = read_jpeg(&run.path("frames/frame-00002.jpg"));
    assert_eq!((width, height), (64, 107));
    // Turned clockwise, the stripes go from top to bottom.
    let column: Vec<u8> = pixels.iter().skip(width / 2).step_by(width).copied().collect();
    assert_eq!(support::number_in(&column), 24);

    let track = fs_err::read_to_string(run.path("sprites.vtt")).unwrap();
    assert!(track.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nsprite-1.jpg#xywh=0,0,96,160\n"), "{track}");
    let (width, height, pixels) = read_jpeg(&run.path("sprite-1.jpg"));
    assert_eq!((width, height), (960, 160));
    let third: Vec<u8> = pixels.iter().skip(2 * 96 + 48).step_by(width).copied().collect();
    assert_eq!(support::number_in(&third), 48);
}

#[test]
fn webp_is_written_too() {
    let (_folder, path) = made(&Fixture::default(), "a.mp4");
    let run = run(&path, "keyframes?format=webp&select=count=1");
    assert_eq!(run.properties()["frames"], 1);
    let bytes = fs_err::read(run.path("frames/frame-00001.webp")).unwrap();
    assert_eq!(catalog::detect(&bytes, bytes.len() as u64, "a", None), catalog::Detection::Known(Format::Webp));
}

#[test]
fn high_dynamic_range_is_shown_in_the_range_of_a_jpeg() {
    let fixture = Fixture { codec: "libx265", is_pq: true, frames: 24, ..Fixture::default() };
    let (_folder, path) = made(&fixture, "a.mp4");
    let run = run(&path, "keyframes");
    assert_eq!(numbers(&run), [0]);
    // PQ code 60/255 of the range is about 2 cd/m²: dark, but not black.
    let (_, _, pixels) = read_jpeg(&run.path("frames/frame-00001.jpg"));
    let mean = pixels.iter().map(|value| u32::from(*value)).sum::<u32>() / pixels.len() as u32;
    assert!((5..60).contains(&mean), "{mean}");
}

#[test]
fn a_truncated_file_is_said_to_be_and_what_is_there_is_listed() {
    let front: &[_] = &[("movflags", "faststart")];
    let (_folder, path) = made(&Fixture { muxer: front, ..Fixture::default() }, "a.mp4");
    let mut bytes = fs_err::read(&path).unwrap();
    bytes.truncate(bytes.len() * 6 / 10);
    let failed = run_on(bytes.clone(), Format::Mp4, u64::MAX, "keyframes");
    let message = failed.failure();
    assert!(
        message.contains("truncated") && message.contains("60.0 %") && message.contains("of 5 key frames"),
        "{message}"
    );
    let taken = run_on(bytes, Format::Mp4, u64::MAX, "keyframes?allow-truncated");
    assert_eq!(taken.properties()["truncated"], true);
    let index = taken.json("index.json");
    let statuses: Vec<_> = index["frames"].as_array().unwrap().iter().map(|frame| frame["status"].clone()).collect();
    assert_eq!(statuses.first().unwrap(), "ok");
    assert_eq!(statuses.last().unwrap(), "missing");
    assert!(numbers(&taken).starts_with(&[0, 24]));

    for name in ["a.mkv", "fragmented.mp4"] {
        let muxer: &[_] = if name == "a.mkv" { &[] } else { &[("movflags", "frag_keyframe+empty_moov")] };
        let (_folder, path) = made(&Fixture { muxer, ..Fixture::default() }, name);
        let mut bytes = fs_err::read(&path).unwrap();
        bytes.truncate(bytes.len() * 7 / 10);
        let format = Format::from_name(name).unwrap();
        let message = run_on(bytes, format, u64::MAX, "keyframes").failure();
        assert!(message.contains("truncated"), "{name}: {message}");
    }
}

#[test]
fn what_is_wrong_is_said_in_words() {
    let (_folder, path) = made(&Fixture::default(), "a.mp4");
    let good = fs_err::read(&path).unwrap();
    let message = |bytes: Vec<u8>, format| run_on(bytes, format, u64::MAX, "keyframes").failure();

    assert!(message(Vec::new(), Format::Mp4).contains("empty"));
    assert!(message(b"\0\0\0\x10ftypisom\0\0\0\0".to_vec(), Format::Mp4).contains("not a video"));
    assert!(message(vec![0xAB; 5000], Format::Mkv).contains("begins like mkv"));
    let half = message(good[..good.len() / 2].to_vec(), Format::Mp4);
    assert!(half.contains("truncated") && half.contains("moov") && half.contains('%'), "{half}");

    let mut encrypted = good.clone();
    let at = encrypted.windows(4).rposition(|bytes| bytes == b"avc1").unwrap();
    encrypted[at..at + 4].copy_from_slice(b"encv");
    assert!(message(encrypted, Format::Mp4).contains("encrypted"));

    let mut unknown = good.clone();
    unknown[at..at + 4].copy_from_slice(b"zzzz");
    let unknown = message(unknown, Format::Mp4);
    assert!(unknown.contains("no decoder") && unknown.contains("zzzz"), "{unknown}");

    let playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n".to_vec();
    for format in [Format::Mp4, Format::Mkv, Format::MpegTs, Format::Avi] {
        message(playlist.clone(), format);
    }
}

#[test]
fn damaged_frames_fail_the_job_unless_allowed_and_never_crash_it() {
    let (_folder, path) = made(&Fixture::default(), "a.mp4");
    let good = fs_err::read(&path).unwrap();
    for seed in 0..40_u64 {
        let mut bytes = good.clone();
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        for _ in 0..=seed {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (state >> 33) as usize % bytes.len();
            bytes[at] ^= (state >> 20) as u8 | 1;
        }
        let run = run_on(bytes, Format::Mp4, u64::MAX, "keyframes");
        if let Err(failure) = &run.result {
            assert_eq!(failure.kind(), contract::FailureKind::InvalidInput, "seed {seed}: {failure}");
        }
    }
}

#[test]
fn errors_of_the_store_come_back_as_themselves() {
    for name in ["a.mp4", "a.mkv", "a.ts"] {
        let (_folder, path) = made(&Fixture { frames: 240, ..Fixture::default() }, name);
        let bytes = fs_err::read(&path).unwrap();
        let format = Format::from_name(name).unwrap();
        for part in [0, 2] {
            let fails_at = bytes.len() as u64 * part / 4;
            let run = run_on(bytes.clone(), format, fails_at, "keyframes");
            let failure = run.result.expect_err("the store fails");
            assert_eq!(failure.kind(), contract::FailureKind::Temporary, "{name} from {fails_at}: {failure}");
            assert!(failure.to_string().contains("throttling"), "{failure}");
        }
    }
}

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn real_videos_give_their_key_frames() {
    for (name, frames) in
        [("car-detection.mp4", 7), ("bottle-detection.mp4", 5), ("walk.mkv", 1), ("echo-hereweare.webm", 123)]
    {
        let run = run(&corpus(&format!("videos/{name}")), "keyframes?max-width=160");
        assert_eq!(run.properties()["frames"], frames, "{name}");
        let index = run.json("index.json");
        assert!(index["frames"].as_array().unwrap().iter().all(|frame| frame["status"] == "ok"), "{name}");
    }
}
