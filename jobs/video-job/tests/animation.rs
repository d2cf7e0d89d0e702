//! Animated pictures as input of operations on videos: GIF, and the same as WebP, which image-job makes of it.

mod support;

use std::path::PathBuf;

use catalog::Format;
use ffmpeg_next as ffmpeg;
use support::{Run, decode, number_in_jpeg, run_on};

const FAST: &str = "transcode?preset=ultrafast&crf=8";
const SIZE: (u16, u16) = (160, 97);
/// Colours of the four quarters of the lowest lines.
const COLOURS: [[u8; 3]; 4] = [[200, 40, 30], [40, 180, 60], [50, 60, 210], [230, 220, 90]];
/// Hundredths of a second for which frames are shown. One of none is shown for a tenth, as browsers have it.
const DELAYS: [u16; 6] = [10, 4, 25, 0, 10, 70];
/// When they begin, and when the last one ends, in milliseconds.
const TIMES: [u32; 7] = [0, 100, 140, 390, 490, 590, 1290];

/// Frames of stripes that tell their numbers, above four colours. Frames after the first hold what changes.
fn gif(transparent: bool) -> Vec<u8> {
    // Greys whose luma is 60 and 110, and the colours.
    let palette: Vec<u8> = [[51; 3], [109; 3]].into_iter().chain(COLOURS).chain([[0; 3]]).flatten().collect();
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, SIZE.0, SIZE.1, &palette).unwrap();
    for (number, delay) in DELAYS.into_iter().enumerate() {
        let height = if number == 0 { SIZE.1 } else { 80 };
        let pixel = |x: u16, y: u16| {
            if y >= 80 {
                return 2 + (x * 4 / SIZE.0) as u8;
            }
            let is_light = number >> (x * 8 / SIZE.0) & 1 == 1;
            if transparent && y < 16 { 6 } else { u8::from(is_light) }
        };
        let buffer: Vec<u8> = (0..height).flat_map(|y| (0..SIZE.0).map(move |x| pixel(x, y))).collect();
        let transparent = transparent.then_some(6);
        let frame =
            gif::Frame { width: SIZE.0, height, buffer: buffer.into(), delay, transparent, ..gif::Frame::default() };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    bytes
}

/// The same animation in every format.
fn animations(transparent: bool) -> Vec<(Format, Vec<u8>)> {
    let gif = gif(transparent);
    let made = |format: &str| {
        let input = operation_testing::input("a.gif", &gif).unwrap();
        let asked = format!("convert?format={format}&lossless=true");
        let made = operation_testing::run(&image_job::JOB, &asked, input).unwrap();
        made.bytes(&format!("a.{format}")).to_vec()
    };
    vec![(Format::Webp, made("webp")), (Format::Gif, gif)]
}

/// The colour of a picture of a result at a place, as its container says that it is to be shown.
fn colour(path: &std::path::Path, (x, y): (u32, u32)) -> [u8; 3] {
    let mut input = ffmpeg::format::input(path).unwrap();
    let stream = input.streams().best(ffmpeg::media::Type::Video).unwrap();
    let mut decoder = ffmpeg::codec::Context::from_parameters(stream.parameters()).unwrap().decoder().video().unwrap();
    let packets: Vec<_> = input.packets().map(|(_, packet)| packet).collect();
    let mut frame = ffmpeg::frame::Video::empty();
    for packet in &packets {
        decoder.send_packet(packet).unwrap();
        if decoder.receive_frame(&mut frame).is_ok() {
            break;
        }
        if std::ptr::eq(packet, packets.last().unwrap()) {
            decoder.send_eof().unwrap();
            decoder.receive_frame(&mut frame).unwrap();
        }
    }
    assert_eq!(frame.color_space(), ffmpeg::color::Space::BT709, "the result says what its numbers mean");
    let at = |plane: usize, x: u32, y: u32| f64::from(frame.data(plane)[y as usize * frame.stride(plane) + x as usize]);
    let (luma, blue, red) = (at(0, x, y), at(1, x / 2, y / 2), at(2, x / 2, y / 2));
    let (luma, blue, red) = ((luma - 16.0) / 219.0, (blue - 128.0) / 224.0, (red - 128.0) / 224.0);
    [luma + 1.5748 * red, luma - 0.187_324 * blue - 0.468_124 * red, luma + 1.8556 * blue]
        .map(|value| (value * 255.0).round().clamp(0.0, 255.0) as u8)
}

#[track_caller]
fn assert_near(found: [u8; 3], wanted: [u8; 3], most: u8, context: &str) {
    let is_near = found.iter().zip(wanted).all(|(found, wanted)| found.abs_diff(wanted) <= most);
    assert!(is_near, "{context}: {found:?}, not {wanted:?}");
}

#[test]
fn an_animation_becomes_a_video_with_its_frames_times_and_colours() {
    for (format, bytes) in animations(false) {
        let name = format.name();
        for (option, file) in [("", "video.mp4"), ("&container=webm", "video.webm")] {
            let run = run_on(bytes.clone(), format, u64::MAX, &format!("{FAST}{option}"));
            assert!(!run.properties().contains_key("warnings"), "{name}: {:?}", run.properties());
            let decoded = decode(&run.path(file));
            let numbers: Vec<u32> = decoded.frames.iter().map(|(_, number)| *number).collect();
            assert_eq!(numbers, [0, 1, 2, 3, 4, 5], "{name} {file}");
            for ((time, _), wanted) in decoded.frames.iter().zip(TIMES) {
                assert!((time * 1000.0 - f64::from(wanted)).abs() < 2.0, "{name} {file}: {:?}", decoded.frames);
            }
            let lasts = support::duration(&run.path(file));
            assert!((lasts - 1.29).abs() < 0.02, "{name} {file} lasts {lasts}");
            // Half of a line is left out.
            assert_eq!(decoded.size, (160, 96), "{name}");
            for (quarter, wanted) in COLOURS.into_iter().enumerate() {
                let found = colour(&run.path(file), (quarter as u32 * 40 + 20, 90));
                assert_near(found, wanted, 8, &format!("{name} {file} quarter {quarter}"));
            }
        }
    }
}

#[test]
fn key_frames_of_an_animation_are_its_frames() {
    for (format, bytes) in animations(false) {
        let name = format.name();
        let keys = run_on(bytes.clone(), format, u64::MAX, "keyframes");
        let index = keys.json("index.json");
        assert_eq!(index["stream"]["codec"], name);
        let frames = index["frames"].as_array().unwrap();
        let path = |frame: &serde_json::Value| keys.path(frame["file"].as_str().unwrap());
        let numbers: Vec<u32> = frames.iter().map(|frame| number_in_jpeg(&path(frame))).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5], "{name}");
        for (frame, wanted) in frames.iter().zip(TIMES) {
            assert!((frame["time"].as_f64().unwrap() * 1000.0 - f64::from(wanted)).abs() < 1.0, "{name}: {frame}");
        }
        let picture = image::open(path(&frames[3])).unwrap().into_rgb8();
        assert_eq!((picture.width(), picture.height()), (160, 97), "{name}");
        for (quarter, wanted) in COLOURS.into_iter().enumerate() {
            assert_near(picture.get_pixel(quarter as u32 * 40 + 20, 90).0, wanted, 10, name);
        }
        let two = run_on(bytes, format, u64::MAX, "keyframes?select=every=0.6");
        let chosen = two.json("index.json")["frames"].as_array().unwrap().clone();
        let chosen: Vec<u32> =
            chosen.iter().map(|frame| number_in_jpeg(&two.path(frame["file"].as_str().unwrap()))).collect();
        assert_eq!(chosen, [0, 5, 5][..chosen.len().min(2)], "{name}: those shown at 0 and 0.6 s");
    }
}

#[test]
fn a_probe_of_an_animation_tells_of_the_animation() {
    for (format, bytes) in animations(false) {
        let size = bytes.len();
        let facts = run_on(bytes, format, u64::MAX, "probe").json("probe.json");
        assert_eq!((&facts["format"], &facts["size"]), (&format.name().into(), &size.into()));
        let stream = &facts["streams"][0];
        assert_eq!(
            (&stream["codec"], &stream["width"], &stream["height"]),
            (&format.name().into(), &160.into(), &97.into())
        );
        assert!((facts["duration"].as_f64().unwrap() - 1.29).abs() < 0.001, "{facts}");
        let rate = facts["bitRate"].as_f64().unwrap();
        assert!((rate - size as f64 * 8.0 / 1.29).abs() < 2.0, "{rate}");
    }
}

#[test]
fn what_is_transparent_is_white_and_that_is_said() {
    for (format, bytes) in animations(true) {
        let run = run_on(bytes, format, u64::MAX, FAST);
        assert!(run.properties()["warnings"].to_string().contains("white"), "{:?}", run.properties());
        assert_near(colour(&run.path("video.mp4"), (80, 6)), [255; 3], 3, format.name());
    }
}

#[test]
fn a_picture_that_does_not_move_is_a_video_of_one_frame() {
    let picture = image::RgbImage::from_pixel(64, 48, image::Rgb([200, 40, 30]));
    let mut png = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
    for (format, name) in [(Format::Webp, "webp"), (Format::Gif, "gif")] {
        let input = operation_testing::input("a.png", png.get_ref()).unwrap();
        let made = operation_testing::run(&image_job::JOB, &format!("convert?format={name}"), input).unwrap();
        let run = run_on(made.bytes(&format!("a.{name}")).to_vec(), format, u64::MAX, FAST);
        let decoded = decode(&run.path("video.mp4"));
        assert_eq!((decoded.frames.len(), decoded.size), (1, (64, 48)));
        assert_near(colour(&run.path("video.mp4"), (30, 30)), [200, 40, 30], 8, name);
    }
}

#[test]
fn a_truncated_animation_fails_and_what_is_there_is_taken_if_that_is_enough() {
    for (format, bytes) in animations(false) {
        let name = format.name();
        let part = bytes[..bytes.len() * 2 / 3].to_vec();
        for operation in ["transcode", "keyframes"] {
            let cut = run_on(part.clone(), format, u64::MAX, operation);
            assert!(cut.failure().contains("truncated"), "{name}: {}", cut.failure());
        }
        let cut = run_on(part, format, u64::MAX, &format!("{FAST}&allow-truncated"));
        let frames = decode(&cut.path("video.mp4")).frames;
        assert!((1..6).contains(&frames.len()), "{name}: {frames:?}");
        assert!(cut.properties()["warnings"].to_string().contains("truncated"), "{name}: {:?}", cut.properties());
    }
    let failure = run_on(b"GIF89a\x08\0\x08\0\0\0\0;".to_vec(), Format::Gif, u64::MAX, "transcode").failure();
    assert!(failure.contains("GIF"), "{failure}");
}

/// A canvas of 4 gigapixels in a few bytes.
#[test]
fn a_canvas_that_no_video_has_is_refused_before_it_is_made() {
    let mut bytes = b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff".to_vec();
    bytes.extend(b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0;");
    let failure = run_on(bytes, Format::Gif, u64::MAX, "transcode").failure();
    assert!(failure.contains("65535×65535"), "{failure}");
}

#[test]
fn an_error_of_the_store_is_that_of_the_job() {
    let run: Run = run_on(gif(false), Format::Gif, 20, "transcode");
    assert_eq!(run.result.err().unwrap().kind(), contract::FailureKind::Temporary);
}

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn animations_of_the_corpus_become_videos() {
    let animated = |folder: &str| operation_testing::corpus_files(folder).into_iter();
    let paths: Vec<PathBuf> = animated("cases/image")
        .filter(|path| path.extension().is_some_and(|extension| extension == "gif" || extension == "webp"))
        .collect();
    assert!(paths.len() > 5);
    for path in paths {
        let format = Format::from_name(&path.to_string_lossy()).unwrap();
        let run = run_on(fs_err::read(&path).unwrap(), format, u64::MAX, &format!("{FAST}&allow-truncated"));
        match run.result {
            Ok(finished) => assert!(!decode(&finished.folder().join("video.mp4")).frames.is_empty(), "{path:?}"),
            Err(failure) => assert_eq!(failure.kind(), contract::FailureKind::InvalidInput, "{path:?}: {failure}"),
        }
    }
}
