//! Animations: what strays from the specifications, times and counts that another format has no numbers for.

mod common;

use std::io::Cursor;

use common::{Image, decode_png, process, properties_of};
use contract::FailureKind;
use operation_testing::Finished;

const SIX_FRAMES: &[u8] = include_bytes!("fixtures/gif/six_frames_without_a_trailer.gif");
const CUT: &[u8] = include_bytes!("fixtures/gif/cut_in_its_pixels.gif");

/// The frames of an APNG with their milliseconds, and how often it is shown.
fn frames(bytes: &[u8]) -> (Vec<(Vec<u8>, u64)>, u32) {
    let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
    let control = reader.info().animation_control.expect("an animation");
    let frames = (0..control.num_frames).map(|_| {
        let mut data = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut data).unwrap();
        let frame = reader.info().frame_control.unwrap();
        (data, u64::from(frame.delay_num) * 1000 / u64::from(frame.delay_den))
    });
    (frames.collect(), control.num_plays)
}

fn warnings(processed: &Finished) -> String {
    processed.properties.get("warnings").map(ToString::to_string).unwrap_or_default()
}

#[test]
fn a_gif_without_the_mark_of_its_end_is_whole() {
    let result = process("convert?format=png", "a.gif", SIX_FRAMES).unwrap();
    let (frames, _) = frames(result.bytes("a.png"));
    assert_eq!(frames.iter().map(|(_, time)| *time).collect::<Vec<_>>(), [50, 100, 0, 200, 30, 500]);
    assert!(warnings(&result).contains("end"), "{}", warnings(&result));
    assert!(!result.properties.contains_key("truncated"));
}

#[test]
fn a_gif_that_is_cut_is_refused_by_name_and_taken_as_far_as_it_goes_where_that_is_allowed() {
    for length in (14..SIX_FRAMES.len() - 1).step_by(SIX_FRAMES.len() / 40) {
        let bytes = &SIX_FRAMES[..length];
        match process("convert?format=png", "a.gif", bytes) {
            // Between two frames nothing tells that one is missing.
            Ok(result) => assert!(warnings(&result).contains("frames may be missing"), "{length}"),
            Err(failure) => assert!(failure.to_string().contains("truncated; allow-truncated"), "{length}: {failure}"),
        }
        if let Err(failure) = process("convert?format=png&allow-truncated", "a.gif", bytes) {
            // Not even a frame has begun.
            assert_eq!(failure.kind(), FailureKind::InvalidInput);
            assert!(length < 120, "{length}: {failure}");
        }
    }
    let failure = process("convert?format=png", "a.gif", CUT).unwrap_err();
    assert!(failure.to_string().contains("truncated; allow-truncated"), "{failure}");
    let top = process("convert?format=png&allow-truncated", "a.gif", CUT).unwrap();
    assert_eq!(top.properties["truncated"], true);
    let image = decode_png(top.bytes("a.png"));
    assert_eq!(image.size(), (120, 80));
    assert_eq!((image.pixel(3, 0)[3], image.pixel(3, 79)[3]), (255, 0), "the top is there, the rest is not");
}

#[test]
fn what_browsers_show_of_odd_gifs_is_shown() {
    for (name, bytes, size, count) in [
        ("junk", &include_bytes!("fixtures/gif/junk_behind_the_second_frame.gif")[..], (30, 20), 2),
        ("no pixels", include_bytes!("fixtures/gif/canvas_of_0_by_0_should_be_30_by_20.gif"), (30, 20), 2),
        ("too few", include_bytes!("fixtures/gif/a_frame_with_too_few_pixels.gif"), (30, 20), 2),
    ] {
        let result =
            process("convert?format=png", "a.gif", bytes).unwrap_or_else(|failure| panic!("{name}: {failure}"));
        let properties = properties_of(&result, "a.png");
        assert_eq!(
            (properties["width"].as_u64(), properties["height"].as_u64()),
            (Some(size.0), Some(size.1)),
            "{name}"
        );
        assert_eq!(frames(result.bytes("a.png")).0.len(), count, "{name}");
    }
    let greys =
        process("convert?format=png", "a.gif", include_bytes!("fixtures/gif/without_a_colour_table.gif")).unwrap();
    let image = decode_png(greys.bytes("a.png"));
    assert!(image.pixels.iter().all(|[red, green, blue, _]| red == green && green == blue));
}

/// A GIF of frames of a quarter of a megapixel, of which all but the first change little.
fn nine_frames() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, 600, 400, &[255, 0, 0, 0, 0, 255]).unwrap();
    for number in 0..9_u16 {
        let (width, height) = if number == 0 { (600, 400) } else { (10, 10) };
        let pixels = vec![u8::from(number > 0); usize::from(width) * usize::from(height)];
        encoder.write_frame(&gif::Frame::from_indexed_pixels(width, height, pixels, None)).unwrap();
    }
    drop(encoder);
    bytes
}

#[test]
fn of_an_animation_that_becomes_a_still_only_the_first_frame_counts() {
    let gif = &nine_frames()[..];
    let result = process("resize?width=100&format=jpeg&max-megapixels=1", "a.gif", gif).unwrap();
    assert!(warnings(&result).contains("other frames are left out"), "{}", warnings(&result));
    let failure = process("resize?width=100&format=webp&max-megapixels=1", "a.gif", gif).unwrap_err();
    assert!(failure.to_string().contains("9 frames"), "{failure}");
    // Whoever asks for it need not be told.
    let asked = process("resize?width=100&format=webp&first-frame&max-megapixels=1", "a.gif", gif).unwrap();
    assert_eq!(warnings(&asked), "");
    // Damage behind it does not matter.
    let mut damaged = SIX_FRAMES.to_vec();
    damaged.truncate(SIX_FRAMES.len() / 2);
    assert!(process("convert?format=jpeg", "a.gif", &damaged).is_ok());
}

/// An APNG of one-coloured frames shown for such fractions of a second.
fn apng(times: &[(u16, u16)], plays: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(times.len() as u32, plays).unwrap();
    let mut writer = encoder.write_header().unwrap();
    for (number, (numerator, denominator)) in times.iter().enumerate() {
        writer.set_frame_delay(*numerator, *denominator).unwrap();
        writer.write_image_data(&[number as u8 * 90, 80, 70, 255].repeat(64)).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

#[test]
fn times_and_counts_that_a_format_has_no_number_for_become_its_most() {
    let times = [(40_000, 1), (1, 1000), (65_535, 1)];
    for plays in [0, 1, 2, 65_535, 65_536, 100_000, u32::MAX >> 1] {
        let input = apng(&times, plays);
        for (format, name, most_plays, most_time) in [
            ("webp", "a.webp", 65_535, 16_777_215),
            ("gif", "a.gif", 65_536, 655_350),
            ("png", "a.png", u32::MAX, 65_535_000),
        ] {
            let result = process(&format!("convert?format={format}"), "a.png", &input).unwrap();
            let back = process("convert?format=png", name, result.bytes(name)).unwrap();
            let (frames, back_plays) = frames(back.bytes("a.png"));
            let found: Vec<u64> = frames.iter().map(|(_, time)| *time).collect();
            let least = u64::from(format != "gif");
            // Times of more than a minute are whole seconds in a PNG.
            for (found, wanted) in found.iter().zip([40_000_000.min(most_time), least, 65_535_000.min(most_time)]) {
                assert!(found.abs_diff(wanted) <= wanted / 1000, "{format}: {found} and not {wanted}");
            }
            if plays <= most_plays {
                assert_eq!(back_plays, plays, "{format}");
            } else {
                assert!(back_plays == 0 || back_plays >= most_plays, "{format}: {back_plays} of {plays}");
            }
            assert_eq!(warnings(&result).contains("the most that"), most_time < 65_535_000, "{format}");
        }
    }
    // A loop count of GIF is one less than the plays.
    let mut gif = SIX_FRAMES.to_vec();
    let at = gif.windows(11).position(|window| window == b"NETSCAPE2.0").unwrap() + 13;
    gif[at..at + 2].copy_from_slice(&[0xff, 0xff]);
    assert!(process("convert?format=webp", "a.gif", &gif).is_ok());
}

#[test]
fn long_frames_keep_their_time_in_a_png() {
    let result = process("convert?format=png", "a.png", &apng(&[(100, 1), (1, 2)], 1)).unwrap();
    assert_eq!(frames(result.bytes("a.png")).0.iter().map(|(_, time)| *time).collect::<Vec<_>>(), [100_000, 500]);
}

#[test]
fn the_one_frame_of_an_apng_is_shown_and_not_the_default_beside_it() {
    let result = process(
        "convert?format=png",
        "a.png",
        include_bytes!("fixtures/animations/green_frame_beside_a_red_default.png"),
    );
    let [red, green, ..] = decode_png(result.unwrap().bytes("a.png")).pixel(2, 2);
    assert!(green > 200 && red < 50, "{red} {green}");
}

#[test]
fn an_apng_with_fewer_frames_than_it_promises_is_called_truncated() {
    let mut bytes = apng(&[(1, 10), (1, 10), (1, 10)], 0);
    let at = bytes.windows(4).position(|window| window == b"acTL").unwrap() + 4;
    bytes[at + 3] = 9;
    let checked = bytes[at - 4..at + 8].to_vec();
    bytes[at + 8..at + 12].copy_from_slice(&check_sum(&checked).to_be_bytes());
    let failure = process("convert?format=png", "a.png", &bytes).unwrap_err();
    assert!(failure.to_string().contains("3 of the 9 frames"), "{failure}");
    let result = process("convert?format=png&allow-truncated", "a.png", &bytes).unwrap();
    assert_eq!((result.properties["frames"].as_u64(), result.properties["truncated"].as_bool()), (Some(3), Some(true)));
    assert_eq!(frames(result.bytes("a.png")).0.len(), 3);
}

#[test]
fn an_apng_that_is_cut_anywhere_is_refused_by_name_or_shown_as_far_as_it_goes() {
    // Noise, so that each row of the first frame takes its share of the file.
    let noise = |mut state: u32| -> Vec<u8> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8 | 1
        };
        (0..32 * 32 * 4).map(|_| next()).collect()
    };
    let mut whole = Vec::new();
    let mut encoder = png::Encoder::new(&mut whole, 32, 32);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&noise(1)).unwrap();
    writer.write_image_data(&noise(2)).unwrap();
    writer.finish().unwrap();
    let first = whole.windows(4).position(|kind| kind == b"IDAT").unwrap();
    for length in (8..whole.len() - 4).step_by(97) {
        let bytes = &whole[..length];
        for format in ["png", "webp", "gif", "jpeg"] {
            // Of a still only the first frame is asked for.
            let refused = process(&format!("convert?format={format}"), "a.png", bytes).err();
            let kind = refused.map(|failure| failure.kind());
            let is_whole = format == "jpeg" && length > first + 3900;
            assert!(
                kind == Some(FailureKind::InvalidInput) || (is_whole && kind.is_none()),
                "{length} to {format}: {kind:?}"
            );
            let taken = process(&format!("convert?format={format}&allow-truncated"), "a.png", bytes);
            let Ok(taken) = taken else {
                assert_eq!(taken.unwrap_err().kind(), FailureKind::InvalidInput, "{length} to {format}");
                assert!(length < first + 1000, "{length} to {format}");
                continue;
            };
            if format == "png" && (first + 1500..first + 3000).contains(&length) {
                assert_eq!(taken.properties["truncated"], true, "{length}");
                let image = decode_png(taken.bytes("a.png"));
                assert_eq!(image.pixel(3, 0)[..], noise(1)[12..16], "{length}: the top is there");
                assert_eq!(image.pixel(3, 31)[3], 0, "{length}: the rest is not");
            }
        }
    }
}

#[test]
fn an_animation_whose_first_frame_does_not_fit_the_picture_is_left_out_and_the_picture_shown() {
    let mut bytes = apng(&[(1, 10), (1, 10)], 0);
    let at = bytes.windows(4).position(|window| window == b"fcTL").unwrap();
    bytes[at + 11] = 4;
    let sum = check_sum(&bytes[at..at + 30]).to_be_bytes();
    bytes[at + 30..at + 34].copy_from_slice(&sum);
    for option in ["convert?format=png", "convert?format=png&first-frame", "convert?format=jpeg"] {
        let result = process(option, "a.png", &bytes).unwrap_or_else(|failure| panic!("{option}: {failure}"));
        assert!(warnings(&result).contains("animation is left out"), "{option}: {}", warnings(&result));
    }
    let result = process("convert?format=png", "a.png", &bytes).unwrap();
    let image = decode_png(result.bytes("a.png"));
    assert!(image.pixels.iter().all(|pixel| *pixel == [0, 80, 70, 255]), "{:?}", image.pixel(7, 7));
}

/// CRC-32, bit by bit.
fn check_sum(bytes: &[u8]) -> u32 {
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    });
    !sum
}

#[test]
fn a_cut_webp_animation_gives_the_frames_before_the_cut() {
    let bytes = include_bytes!("fixtures/animations/cut.webp");
    let failure = process("convert?format=png", "a.webp", bytes).unwrap_err();
    assert!(failure.to_string().contains("truncated; allow-truncated"), "{failure}");
    let result = process("convert?format=png&allow-truncated", "a.webp", bytes).unwrap();
    assert!(result.properties["frames"].as_u64() >= Some(2));
    assert_eq!(result.properties["truncated"], true);
    assert!(process("convert?format=jpeg", "a.webp", bytes).is_ok(), "the first frame is whole");
}

#[test]
fn a_cut_bmp_gives_the_rows_that_are_there() {
    let (width, height) = (24_u32, 20_u32);
    let mut bytes = b"BM".to_vec();
    let size = 54 + width * height * 3;
    bytes.extend([size, 0, 54, 40, width, height, 1 | 24 << 16, 0, 0, 0, 0, 0, 0].map(u32::to_le_bytes).as_flattened());
    bytes.extend([10, 20, 30].repeat((width * height) as usize));
    bytes.truncate(54 + (width * 3 * 8) as usize);
    let failure = process("convert?format=png", "a.bmp", &bytes).unwrap_err();
    assert!(failure.to_string().contains("truncated; allow-truncated"), "{failure}");
    let result = process("convert?format=png&allow-truncated", "a.bmp", &bytes).unwrap();
    assert_eq!(result.properties["truncated"], true);
    let image: Image = decode_png(result.bytes("a.png"));
    // Rows come from the bottom up.
    assert_eq!((image.pixel(3, 19), image.pixel(3, 0)), ([30, 20, 10, 255], [0, 0, 0, 255]));
}

/// A square that moves over a plain ground, and at last over nothing.
fn moving(frames: u32, ground: impl Fn(u32) -> [u8; 4]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 120, 80);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(frames, 0).unwrap();
    encoder.set_frame_delay(1, 10).unwrap();
    let mut writer = encoder.write_header().unwrap();
    for frame in 0..frames {
        let image = Image::from_fn(120, 80, |x, y| {
            let inside = (x / 10, y / 10) == (frame % 12, frame % 8);
            if inside { [230, (x * 2) as u8, (y * 3) as u8, 255] } else { ground(frame) }
        });
        writer.write_image_data(image.pixels.as_flattened()).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

#[test]
fn a_gif_holds_what_changes_and_shows_every_frame_as_it_was() {
    let solid = |_| [20, 40, 60, 255];
    let seen_through = |frame: u32| if frame.is_multiple_of(2) { [0, 0, 0, 0] } else { [20, 40, 60, 255] };
    for (name, input) in [
        ("solid", moving(10, solid)),
        ("transparent", moving(10, |_| [0, 0, 0, 0])),
        ("both", moving(10, seen_through)),
    ] {
        let result = process("convert?format=gif", "a.png", &input).unwrap();
        let gif = result.bytes("a.gif");
        assert_eq!(properties_of(&result, "a.gif")["frames"], 10);
        let back = process("convert?format=png", "a.gif", gif).unwrap();
        let (wanted, found) = (frames(&input).0, frames(back.bytes("a.png")).0);
        for (number, ((wanted, _), (found, _))) in wanted.iter().zip(&found).enumerate() {
            for (wanted, found) in wanted.chunks_exact(4).zip(found.chunks_exact(4)) {
                let same = wanted[3] == found[3]
                    && (wanted[3] == 0 || wanted.iter().zip(found).all(|(a, b)| a.abs_diff(*b) <= 24));
                assert!(same, "{name}, frame {number}: {wanted:?} {found:?}");
            }
        }
        if name == "solid" {
            // Ten whole frames would have ten tables of colours alone of 7,680 bytes.
            assert!(gif.len() < 6000, "{} bytes", gif.len());
        }
    }
}

const TRAFFIC_LIGHT: &[u8] = include_bytes!("fixtures/jxl/traffic_light_of_four_frames.jxl");

#[test]
fn an_animated_jpeg_xl_shows_each_of_its_frames_as_libjxl_does() {
    let result = process("convert?format=png", "a.jxl", TRAFFIC_LIGHT).unwrap();
    let (shown, _) = frames(result.bytes("a.png"));
    assert_eq!(shown.len(), 4);
    for (number, (pixels, _)) in shown.iter().enumerate() {
        let path = format!("{}/tests/fixtures/jxl/traffic_light_frame_{number}.png", env!("CARGO_MANIFEST_DIR"));
        let wanted = decode_png(&fs_err::read(path).unwrap());
        let channels = pixels.len() / wanted.pixels.len();
        for (at, (found, wanted)) in pixels.chunks_exact(channels).zip(&wanted.pixels).enumerate() {
            let opaque = |pixel: &[u8]| pixel.get(3).is_none_or(|alpha| *alpha > 0);
            assert_eq!(opaque(found), opaque(wanted), "frame {number}, pixel {at}");
            let is_near =
                found.iter().zip(&wanted[..channels.min(3)]).all(|(found, wanted)| found.abs_diff(*wanted) <= 1);
            assert!(is_near || !opaque(wanted), "frame {number}, pixel {at}: {found:?}, not {wanted:?}");
        }
    }
    let first = process("convert?format=png&first-frame", "a.jxl", TRAFFIC_LIGHT).unwrap();
    let wanted = decode_png(include_bytes!("fixtures/jxl/traffic_light_frame_0.png"));
    assert!(decode_png(first.bytes("a.png")).mean_difference(&wanted) < 0.5);
    // A default upload becomes an animated WebP.
    let webp = process("resize?width=25&format=webp", "a.jxl", TRAFFIC_LIGHT).unwrap();
    assert_eq!(properties_of(&webp, "a.webp")["frames"], 4);
}

#[test]
fn an_animated_jpeg_xl_that_is_cut_is_refused_by_name_and_taken_as_far_as_it_goes_where_that_is_allowed() {
    let half = &TRAFFIC_LIGHT[..TRAFFIC_LIGHT.len() * 3 / 4];
    let failure = process("convert?format=png", "a.jxl", half).unwrap_err();
    assert!(failure.to_string().contains("truncated; allow-truncated"), "{failure}");
    let result = process("convert?format=png&allow-truncated", "a.jxl", half).unwrap();
    assert_eq!(result.properties["truncated"], true);
}
