//! Pictures have the shape, the orientation and the colours that players show, and what goes beside them is carried or named.

mod support;

use std::path::{Path, PathBuf};

use catalog::Format;
use ffmpeg_next as ffmpeg;
use ffmpeg_next::ffi::AVPacketSideDataType;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::{ChannelLayout, Packet, Rational, codec, format, frame, media};
use support::{CONTENT_LIGHT, Fixture, MASTERING_DISPLAY, decode, number_in_jpeg, read_jpeg, remux, run, run_on};

const FAST: &str = "transcode?preset=ultrafast";

fn made(fixture: &Fixture, name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fixture.write(&path);
    (folder, path)
}

/// The first frame of a file as grey values: width, height, pixels.
fn first_frame(path: &Path) -> (usize, usize, Vec<u8>) {
    let mut input = format::input(path).unwrap();
    let stream = input.streams().best(media::Type::Video).unwrap();
    let index = stream.index();
    let mut decoder = codec::Context::from_parameters(stream.parameters()).unwrap().decoder().video().unwrap();
    let mut frame = frame::Video::empty();
    let packets: Vec<Packet> =
        input.packets().filter(|(stream, _)| stream.index() == index).map(|(_, packet)| packet).collect();
    for packet in packets {
        decoder.send_packet(&packet).unwrap();
        if decoder.receive_frame(&mut frame).is_ok() {
            break;
        }
    }
    if frame.format() == Pixel::None {
        decoder.send_eof().unwrap();
        decoder.receive_frame(&mut frame).unwrap();
    }
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let pixels = (0..height).flat_map(|y| frame.data(0)[y * frame.stride(0)..][..width].to_vec()).collect();
    (width, height, pixels)
}

/// Width to height as a player shows a file: by its container, or else by its codec.
fn shown_aspect(path: &Path) -> f64 {
    let input = format::input(path).unwrap();
    let stream = input.streams().best(media::Type::Video).unwrap();
    // SAFETY: the stream is live.
    let (container, codec, width, height) = unsafe {
        let stream = stream.as_ptr();
        let parameters = (*stream).codecpar;
        let aspect = |aspect: ffmpeg::ffi::AVRational| f64::from(aspect.num) / f64::from(aspect.den.max(1));
        (
            aspect((*stream).sample_aspect_ratio),
            aspect((*parameters).sample_aspect_ratio),
            (*parameters).width,
            (*parameters).height,
        )
    };
    let pixel = [container, codec, 1.0].into_iter().find(|aspect| *aspect > 0.0).unwrap();
    pixel * f64::from(width) / f64::from(height)
}

#[test]
fn the_shape_of_pixels_that_the_container_says_is_kept() {
    // 16:9 stored as 5:4, and 4:3 stored as 5:3.
    for (aspect, expected) in [((64, 45), 16.0 / 9.0), ((4, 5), 4.0 / 3.0)] {
        let width = if aspect.0 == 64 { 180 } else { 240 };
        for (name, codec) in [("a.mp4", "libx264"), ("a.mov", "mpeg4"), ("a.mkv", "libx264"), ("a.webm", "libvpx-vp9")]
        {
            let fixture =
                Fixture { codec, width, height: 144, frames: 12, pixel_aspect: Some(aspect), ..Fixture::default() };
            let (_folder, path) = made(&fixture, name);
            for (options, file) in [("", "video.mp4"), ("&codec=h265", "video.mp4"), ("&container=webm", "video.webm")]
            {
                let run = run(&path, &format!("{FAST}{options}"));
                run.properties();
                let found = shown_aspect(&run.path(file));
                assert!((found - expected).abs() < 0.02, "{name} {options}: {found}, not {expected}");
            }
            let run = run(&path, "keyframes");
            let (width, height, _) = read_jpeg(&run.path("frames/frame-00001.jpg"));
            let found = width as f64 / height as f64;
            assert!((found - expected).abs() < 0.02, "{name}: a picture of {width}×{height}");
        }
    }
}

#[test]
fn all_eight_orientations_are_shown_as_the_matrix_says() {
    // Where the upper left corner of 160×96 pixels goes: left or right, above or below.
    for (matrix, (width, height), is_right, is_below) in [
        ([1, 0, 0, 1], (160, 96), false, false),
        ([0, 1, -1, 0], (96, 160), true, false),
        ([-1, 0, 0, -1], (160, 96), true, true),
        ([0, -1, 1, 0], (96, 160), false, true),
        ([-1, 0, 0, 1], (160, 96), true, false),
        ([1, 0, 0, -1], (160, 96), false, true),
        ([0, 1, 1, 0], (96, 160), false, false),
        ([0, -1, -1, 0], (96, 160), true, true),
    ] {
        let (_folder, path) =
            made(&Fixture { has_corner: true, matrix: Some(matrix), frames: 2, ..Fixture::default() }, "a.mp4");
        let check = |(w, h, pixels): (usize, usize, Vec<u8>), what: &str| {
            assert_eq!((w, h), (width, height), "{what} {matrix:?}");
            let at = |right: bool, below: bool| {
                let (x, y) = (if right { w - 6 } else { 5 }, if below { h - 6 } else { 5 });
                pixels[y * w + x]
            };
            for (right, below) in [(false, false), (true, false), (false, true), (true, true)] {
                let is_white = at(right, below) > 200;
                assert_eq!(is_white, (right, below) == (is_right, is_below), "{what} {matrix:?}: {right} {below}");
            }
        };
        let transcoded = run(&path, FAST);
        transcoded.properties();
        check(first_frame(&transcoded.path("video.mp4")), "transcode");
        let keys = run(&path, "keyframes");
        keys.properties();
        check(read_jpeg(&keys.path("frames/frame-00001.jpg")), "keyframes");
    }
}

/// How much neighbouring lines differ, beyond what lines two apart do.
fn combs((width, height, pixels): (usize, usize, Vec<u8>)) -> f64 {
    let difference = |distance: usize| {
        let pairs = (0..height - 2).flat_map(|y| (0..width).map(move |x| (y * width + x, (y + distance) * width + x)));
        pairs.map(|(one, other)| f64::from(pixels[one].abs_diff(pixels[other]))).sum::<f64>()
    };
    (difference(1) - difference(2)) / (width * height) as f64
}

#[test]
fn interlaced_frames_become_whole_ones() {
    let fixture = Fixture { is_interlaced: true, frames: 24, rate: 25, ..Fixture::default() };
    let (_folder, path) = made(&fixture, "a.mp4");
    assert!(combs(first_frame(&path)) > 5.0, "the source has combs");
    let transcoded = run(&path, FAST);
    assert_eq!(transcoded.properties()["frames"], 24);
    assert!(combs(first_frame(&transcoded.path("video.mp4"))) < 1.0);
    let times: Vec<f64> = decode(&transcoded.path("video.mp4")).frames.iter().map(|(time, _)| *time).collect();
    assert!(times.iter().enumerate().all(|(at, time)| (time - at as f64 / 25.0).abs() < 0.001), "{times:?}");
    let keys = run(&path, "keyframes");
    assert!(combs(read_jpeg(&keys.path("frames/frame-00001.jpg"))) < 1.0);
    assert_eq!(run(&path, "probe").json("probe.json")["streams"][0]["fieldOrder"], "top first");
}

#[test]
fn the_metadata_of_high_dynamic_range_is_carried_in_every_codec() {
    let fixture = Fixture { codec: "libx265", is_pq: true, frames: 6, has_hdr_metadata: true, ..Fixture::default() };
    let (_folder, path) = made(&fixture, "a.mp4");
    let side_data = |path: &Path, kind| {
        let input = format::input(path).unwrap();
        let stream = input.streams().best(media::Type::Video).unwrap();
        let found = stream.side_data().find(|data| data.kind() == kind).map(|data| data.data().to_vec());
        let bytes = found.unwrap_or_default();
        bytes.chunks_exact(4).map(|bytes| i32::from_ne_bytes(bytes.try_into().unwrap())).collect::<Vec<_>>()
    };
    for (options, file) in [("codec=h265", "video.mp4"), ("codec=av1", "video.mp4"), ("container=webm", "video.webm")] {
        let run = run(&path, &format!("{FAST}&hdr=keep&{options}"));
        run.properties();
        let display = side_data(&run.path(file), AVPacketSideDataType::AV_PKT_DATA_MASTERING_DISPLAY_METADATA.into());
        assert_eq!(display.len(), MASTERING_DISPLAY.len(), "{options}");
        for pair in 0..10 {
            let value = |numbers: &[i32]| f64::from(numbers[2 * pair]) / f64::from(numbers[2 * pair + 1]);
            let (found, expected) = (value(&display), value(&MASTERING_DISPLAY));
            assert!((found - expected).abs() <= expected * 0.001 + 0.0001, "{options}: {found}, not {expected}");
        }
        let light = side_data(&run.path(file), AVPacketSideDataType::AV_PKT_DATA_CONTENT_LIGHT_LEVEL.into());
        assert_eq!(light, CONTENT_LIGHT, "{options}");
    }
    // A picture of standard range does not say that it has another.
    let mapped = run(&path, FAST);
    mapped.properties();
    let display =
        side_data(&mapped.path("video.mp4"), AVPacketSideDataType::AV_PKT_DATA_MASTERING_DISPLAY_METADATA.into());
    assert_eq!(display, [] as [i32; 0]);
}

#[test]
fn channels_are_laid_out_as_players_take_them() {
    for (layout, configuration) in [
        (ChannelLayout::MONO, 1),
        (ChannelLayout::STEREO, 2),
        (ChannelLayout::SURROUND, 3),
        (ChannelLayout::QUAD, 5),
        (ChannelLayout::_4POINT0, 4),
        (ChannelLayout::_5POINT0_BACK, 5),
        (ChannelLayout::_5POINT1_BACK, 6),
        (ChannelLayout::_7POINT1, 7),
    ] {
        let fixture = Fixture { frames: 24, audio_tracks: 1, layout, ..Fixture::default() };
        let (_folder, path) = made(&fixture, "a.mkv");
        let run = run(&path, FAST);
        run.properties();
        let input = format::input(&run.path("video.mp4")).unwrap();
        let stream = input.streams().best(media::Type::Audio).unwrap();
        // SAFETY: the parameters are live, and their extradata has extradata_size bytes.
        let config = unsafe {
            let parameters = &*stream.parameters().as_ptr();
            std::slice::from_raw_parts(parameters.extradata, parameters.extradata_size as usize).to_vec()
        };
        // AudioSpecificConfig: five bits of object type, four of frequency, four of channels (ISO/IEC 14496-3 1.6.2.1).
        assert_eq!(config[1] >> 3 & 0xF, configuration, "{layout:?}");
        assert!(decode(&run.path("video.mp4")).audio.unwrap().2 > 0.01, "{layout:?} is heard");
    }
}

#[test]
fn audio_that_cannot_be_decoded_is_left_out_and_named() {
    let (_folder, path) = made(&Fixture { audio_tracks: 2, frames: 24, ..Fixture::default() }, "a.mp4");
    let mut bytes = fs_err::read(&path).unwrap();
    let entries: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, code)| code == b"mp4a").map(|(at, _)| at).collect();
    let last = entries[entries.len() - 1];
    bytes[last..last + 4].copy_from_slice(b"apac");
    // Without the descriptor of MPEG-4, which would say what it is whatever its code.
    let descriptor = last + bytes[last..].windows(4).position(|code| code == b"esds").unwrap();
    bytes[descriptor..descriptor + 4].copy_from_slice(b"free");
    let run = run_on(bytes, Format::Mp4, u64::MAX, FAST);
    assert_eq!(run.properties()["audioTracks"], 1);
    assert_eq!(decode(&run.path("video.mp4")).codecs, ["h264", "aac"]);
    let warnings = run.properties()["warnings"].to_string();
    assert!(warnings.contains("stream 2") && warnings.contains("apac"), "{warnings}");
}

#[test]
fn a_cover_is_not_the_film_though_it_is_the_first_track_and_larger() {
    let (folder, film) = made(&Fixture::default(), "film.mp4");
    let cover = folder.path().join("cover.mov");
    Fixture { width: 640, height: 640, frames: 1, codec: "mjpeg", scene: 1, ..Fixture::default() }.write(&cover);
    let path = folder.path().join("both.mkv");
    remux(&[&cover, &film], &path, |_| {});
    let transcoded = run(&path, FAST);
    assert_eq!(transcoded.properties()["frames"], 120);
    assert_eq!(decode(&transcoded.path("video.mp4")).size, (160, 96));
    let warnings = transcoded.properties()["warnings"].to_string();
    assert!(warnings.contains("stream 0 (mjpeg)"), "{warnings}");
    let keys = run(&path, "keyframes");
    assert_eq!(keys.properties()["frames"], 5);
    assert_eq!(number_in_jpeg(&keys.path("frames/frame-00002.jpg")), 24);
}

#[test]
fn transparency_that_is_lost_is_said_to_be() {
    let (folder, film) = made(&Fixture { codec: "libvpx-vp9", frames: 12, ..Fixture::default() }, "film.webm");
    let path = folder.path().join("alpha.webm");
    remux(&[&film], &path, |output| {
        let mut metadata = ffmpeg::Dictionary::new();
        metadata.set("alpha_mode", "1");
        output.stream_mut(0).unwrap().set_metadata(metadata);
    });
    for option in [FAST, "keyframes"] {
        let run = run(&path, option);
        let warnings = run.properties()["warnings"].to_string();
        assert!(warnings.contains("transparency"), "{option}: {warnings}");
    }
}

#[test]
fn the_title_and_chapters_are_carried() {
    let (folder, film) = made(&Fixture::default(), "film.mp4");
    let path = folder.path().join("chapters.mkv");
    remux(&[&film], &path, |output| {
        let mut metadata = ffmpeg::Dictionary::new();
        metadata.set("title", "Ein Film");
        output.set_metadata(metadata);
        for (id, from, until, title) in [(1, 0, 2000, "Anfang"), (2, 2000, 5000, "Ende")] {
            output.add_chapter(id, Rational(1, 1000), from, until, title).unwrap();
        }
    });
    for (options, file) in [("", "video.mp4"), ("&container=webm", "video.webm")] {
        let run = run(&path, &format!("{FAST}{options}"));
        run.properties();
        let input = format::input(&run.path(file)).unwrap();
        assert_eq!(input.metadata().get("title"), Some("Ein Film"), "{file}");
        let chapters: Vec<_> = input
            .chapters()
            .map(|chapter| {
                let base = f64::from(chapter.time_base());
                let title = chapter.metadata().get("title").unwrap_or_default().to_owned();
                ((chapter.start() as f64 * base).round() as i64, (chapter.end() as f64 * base).round() as i64, title)
            })
            .collect();
        assert_eq!(chapters, [(0, 2, "Anfang".to_owned()), (2, 5, "Ende".to_owned())], "{file}");
    }
    let ladder = run(&path, "transcode?preset=ultrafast&container=hls");
    assert!(ladder.properties()["warnings"].to_string().contains("2 chapters"), "{:?}", ladder.properties());
    assert!(fs_err::read_to_string(ladder.path("master.m3u8")).unwrap().contains("VALUE=\"Ein Film\""));
}

/// An AVI whose pictures are numbers of colours, which the file names once: frame n is grey 40·n.
fn write_palette_avi(path: &Path) {
    let mut output = format::output(path).unwrap();
    let codec = codec::encoder::find(codec::Id::RAWVIDEO).unwrap();
    let mut encoder = codec::Context::new_with_codec(codec).encoder().video().unwrap();
    encoder.set_width(64);
    encoder.set_height(48);
    encoder.set_format(Pixel::PAL8);
    encoder.set_time_base(Rational(1, 5));
    encoder.set_frame_rate(Some(Rational(5, 1)));
    let mut encoder = encoder.open().unwrap();
    output.add_stream_with(&encoder).unwrap();
    output.write_header().unwrap();
    for number in 0..5_u8 {
        let mut frame = frame::Video::new(Pixel::PAL8, 64, 48);
        let stride = frame.stride(0);
        frame.data_mut(0)[..stride * 48].fill(number);
        // SAFETY: the second plane of such a frame is 256 colours of four bytes.
        let palette = unsafe { std::slice::from_raw_parts_mut((*frame.as_mut_ptr()).data[1], 256 * 4) };
        for (colour, entry) in palette.chunks_exact_mut(4).enumerate() {
            entry.fill((colour * 40) as u8);
        }
        frame.set_pts(Some(i64::from(number)));
        encoder.send_frame(&frame).unwrap();
        let mut packet = Packet::empty();
        while encoder.receive_packet(&mut packet).is_ok() {
            packet.set_stream(0);
            packet.rescale_ts(Rational(1, 5), output.stream(0).unwrap().time_base());
            packet.write_interleaved(&mut output).unwrap();
        }
    }
    // SAFETY: the context is open.
    assert!(unsafe { ffmpeg::ffi::av_write_trailer(output.as_mut_ptr()) } >= 0);
}

#[test]
fn pictures_of_a_palette_have_its_colours() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.avi");
    write_palette_avi(&path);
    for select in ["all", "every=0.4"] {
        let run = run(&path, &format!("keyframes?select={select}"));
        let index = run.json("index.json");
        for frame in index["frames"].as_array().unwrap() {
            let number = (frame["time"].as_f64().unwrap() * 5.0).round();
            let (_, _, pixels) = read_jpeg(&run.path(frame["file"].as_str().unwrap()));
            let grey = f64::from(pixels[24 * 64 + 32]);
            assert!((grey - number * 40.0).abs() < 4.0, "{select}: frame {number} is {grey}");
        }
    }
}

/// From and until when, in milliseconds, and the text of each sample of a file's subtitles.
fn samples(path: &Path) -> Vec<(i64, i64, String)> {
    let mut input = format::input(path).unwrap();
    let stream = input.streams().best(media::Type::Subtitle).expect("a track of subtitles");
    let (index, base) = (stream.index(), stream.time_base());
    let packets = input.packets().filter(|(stream, _)| stream.index() == index);
    packets
        .filter_map(|(_, mut packet)| {
            packet.rescale_ts(base, Rational(1, 1000));
            let data = packet.data().unwrap_or_default();
            let length = usize::from(u16::from_be_bytes([data[0], data[1]]));
            let text = String::from_utf8(data[2..2 + length].to_vec()).unwrap();
            let from = packet.pts().unwrap();
            (length > 0).then(|| (from, from + packet.duration(), text))
        })
        .collect()
}

#[test]
fn subtitles_that_overlap_keep_their_times() {
    let spoken = &[(0, 5_000, "SIGN"), (1_000, 2_000, "one"), (1_500, 3_000, "two"), (4_900, 4_950, "last")];
    let (_folder, path) = made(&Fixture { subtitles: spoken, ..Fixture::default() }, "a.mkv");
    let run = run(&path, FAST);
    run.properties();
    let found = samples(&run.path("video.mp4"));
    for (from, until, text) in spoken {
        let first = found.iter().filter(|(_, _, shown)| shown.contains(text)).map(|(from, _, _)| *from).min().unwrap();
        let last = found.iter().filter(|(_, _, shown)| shown.contains(text)).map(|(_, until, _)| *until).max().unwrap();
        assert!((first - from).abs() <= 1 && (last - until).abs() <= 1, "{text}: {found:?}");
    }
    assert!(found.windows(2).all(|pair| pair[0].1 <= pair[1].0), "one at a time: {found:?}");
    let both = found.iter().find(|(from, _, _)| (from - 1_500).abs() <= 1).unwrap();
    assert_eq!(both.2, "SIGN\none\ntwo");
    // WebVTT shows several.
    let ladder = support::run(&path, "transcode?preset=ultrafast&container=hls");
    ladder.properties();
    let text = fs_err::read_to_string(ladder.path("subtitles-1/subtitles.vtt")).unwrap();
    assert!(text.contains("00:00:00.000 --> 00:00:05.000\nSIGN\n"), "{text}");
    assert!(text.contains("00:00:01.500 --> 00:00:03.000\ntwo\n"), "{text}");
}

#[test]
fn signs_of_markup_in_subtitles_are_text() {
    let spoken = &[(500, 1_500, "1 < 2 && 3 > 2 --> end"), (2_000, 3_000, "<i>slanted</i> & plain")];
    let (_folder, path) = made(&Fixture { subtitles: spoken, ..Fixture::default() }, "a.mkv");
    let ladder = run(&path, "transcode?preset=ultrafast&container=hls");
    ladder.properties();
    let text = fs_err::read_to_string(ladder.path("subtitles-1/subtitles.vtt")).unwrap();
    assert!(text.contains("\n1 &lt; 2 &amp;&amp; 3 &gt; 2 --&gt; end\n"), "{text}");
    assert!(text.contains("\n<i>slanted</i> &amp; plain\n"), "{text}");
    let file = run(&path, FAST);
    file.properties();
    assert_eq!(samples(&file.path("video.mp4"))[0].2, "1 < 2 && 3 > 2 --> end");
}
