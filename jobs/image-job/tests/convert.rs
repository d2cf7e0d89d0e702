//! `convert`, looked at through its results, and what damaged and hostile inputs come to.

mod common;

use common::{Image, decode_png, picture, process, properties_of};
use contract::FailureKind;
use operation_testing::corpus;

#[test]
fn every_lossless_format_gives_the_same_pixels_back() {
    let image = picture(61, 47);
    for (format, name) in [("png", "a.png"), ("tiff", "a.tiff"), ("webp&lossless", "a.webp")] {
        let written = process(&format!("convert?format={format}"), "a.png", &image.png()).unwrap();
        let back = process("convert?format=png", name, written.bytes(name)).unwrap();
        assert_eq!(decode_png(back.bytes("a.png")), image, "{format}");
    }
}

#[test]
fn lossy_formats_come_near() {
    let image = picture(128, 96);
    for (format, name, most) in [
        ("jpeg&quality=95", "a.jpg", 3.0),
        ("webp&quality=95", "a.webp", 6.0),
        ("gif", "a.gif", 9.0),
        ("avif&quality=95", "a.avif", 2.5),
    ] {
        let written = process(&format!("convert?format={format}"), "a.png", &image.png()).unwrap();
        let back = process("convert?format=png", name, written.bytes(name)).unwrap();
        let difference = decode_png(back.bytes("a.png")).mean_difference(&image);
        assert!(difference < most, "{format}: {difference}");
    }
}

#[test]
fn transparency_is_kept_where_it_can_be_and_laid_over_the_background_where_not() {
    let image = Image::from_fn(32, 32, |x, _| if x < 16 { [200, 10, 10, 255] } else { [0, 0, 0, 0] });
    for (format, name) in [("webp", "a.webp"), ("gif", "a.gif"), ("tiff", "a.tiff")] {
        let written = process(&format!("convert?format={format}"), "a.png", &image.png()).unwrap();
        let back = decode_png(process("convert?format=png", name, written.bytes(name)).unwrap().bytes("a.png"));
        assert_eq!((back.pixel(4, 4)[3], back.pixel(28, 4)[3]), (255, 0), "{format}");
    }
    let written = process("convert?format=jpeg&background=00ff00", "a.png", &image.png()).unwrap();
    let back = decode_png(process("convert?format=png", "a.jpg", written.bytes("a.jpg")).unwrap().bytes("a.png"));
    let green = back.pixel(28, 4);
    assert!(green[0] < 10 && green[1] > 245 && green[2] < 10, "{green:?}");
}

#[test]
fn sixteen_bits_stay_sixteen_bits_where_the_format_holds_them() {
    let samples: Vec<u8> = (0..64_u16 * 64).flat_map(|n| (n * 16).to_be_bytes()).collect();
    let mut input = Vec::new();
    let mut encoder = png::Encoder::new(&mut input, 64, 64);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Sixteen);
    encoder.write_header().unwrap().write_image_data(&samples).unwrap();
    for (format, name) in [("png", "a.png"), ("tiff", "a.tiff")] {
        let written = process(&format!("convert?format={format}"), "a.png", &input).unwrap();
        let back = process("convert?format=png", name, written.bytes(name)).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(back.bytes("a.png"))).read_info().unwrap();
        assert_eq!(reader.output_color_type(), (png::ColorType::Grayscale, png::BitDepth::Sixteen), "{format}");
        let mut data = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut data).unwrap();
        assert_eq!(data, samples, "{format}");
    }
}

/// Four frames of changing colour, the second shown longer, shown three times.
fn animated_png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 40, 30);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(4, 3).unwrap();
    let mut writer = encoder.write_header().unwrap();
    for (number, colour) in COLOURS.iter().enumerate() {
        writer.set_frame_delay(if number == 1 { 300 } else { 100 }, 1000).unwrap();
        let data: Vec<u8> = std::iter::repeat_n(*colour, 40 * 30).flatten().collect();
        writer.write_image_data(&data).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

const COLOURS: [[u8; 4]; 4] = [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [250, 250, 10, 255]];

#[test]
fn animations_keep_frames_timing_and_loops_through_every_format() {
    let mut bytes = animated_png();
    let mut name = "a.png";
    for (format, next) in [("gif", "a.gif"), ("webp&lossless", "a.webp"), ("png", "a.png")] {
        let result = process(&format!("resize?width=20&format={format}"), name, &bytes).unwrap();
        assert_eq!(result.properties["frames"], 4, "{name}");
        assert_eq!(properties_of(&result, next)["frames"], 4, "{next}");
        bytes = result.bytes(next).to_vec();
        name = next;
    }
    let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
    let control = reader.info().animation_control.unwrap();
    assert_eq!((control.num_frames, control.num_plays), (4, 3));
    for (number, colour) in COLOURS.iter().enumerate() {
        let mut data = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut data).unwrap();
        let frame = reader.info().frame_control.unwrap();
        let milliseconds = u32::from(frame.delay_num) * 1000 / u32::from(frame.delay_den);
        assert_eq!(milliseconds, if number == 1 { 300 } else { 100 }, "frame {number}");
        for (sample, wanted) in data[..4].iter().zip(colour) {
            assert!(sample.abs_diff(*wanted) <= 8, "frame {number}: {:?}", &data[..4]);
        }
    }
}

#[test]
fn an_animation_becomes_its_first_frame_where_that_is_asked_for_or_all_that_fits() {
    for option in ["convert?format=webp&lossless&first-frame", "convert?format=jpeg&quality=95"] {
        let result = process(option, "a.png", &animated_png()).unwrap();
        let (name, bytes) = (result.names()[0].to_owned(), result.bytes(result.names()[0]).to_vec());
        let back = process("convert?format=png", &name, &bytes).unwrap();
        assert_eq!(back.properties["frames"], 1, "{option}");
        let pixel = decode_png(back.bytes("a.png")).pixel(5, 5);
        assert!(pixel[0] > 240 && pixel[1] < 15 && pixel[2] < 15, "{option}: {pixel:?}");
    }
}

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn metadata_goes_by_default_and_stays_when_asked_with_the_orientation_reset() {
    let folder = corpus("images");
    let bytes = fs_err::read(folder.join("exif-jpg_gps_DSCN0012.jpg")).unwrap();
    let contains = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(contains(&bytes, b"Exif\0\0"));
    let stripped = process("convert?format=jpeg", "a.jpg", &bytes).unwrap();
    assert!(!contains(stripped.bytes("a.jpg"), b"Exif\0\0"), "the place it was taken at is gone");
    let kept = process("convert?format=jpeg&metadata=keep", "a.jpg", &bytes).unwrap();
    assert!(contains(kept.bytes("a.jpg"), b"Exif\0\0"));

    let turned = fs_err::read(folder.join("exif-jpg_orientation_landscape_6.jpg")).unwrap();
    let kept = process("convert?format=jpeg&metadata=keep", "a.jpg", &turned).unwrap();
    assert_eq!(kept.properties["orientationApplied"], true);
    let again = process("convert?format=png", "a.jpg", kept.bytes("a.jpg")).unwrap();
    assert_eq!(again.properties["orientationApplied"], false, "the tag is reset");
    assert_eq!(again.properties["width"], kept.properties["width"]);
}

#[test]
fn wide_colours_become_srgb_or_keep_their_profile() {
    // Display P3's green primary lies outside sRGB: sRGB shows its own green.
    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let mut info = png::Info::with_size(8, 8);
    info.icc_profile = Some(p3.into());
    let mut input = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut input, info).unwrap();
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&[200, 100, 50].repeat(64)).unwrap();
    let converted = decode_png(process("convert?format=png", "a.png", &input).unwrap().bytes("a.png"));
    // By hand: linear light times the matrix from P3's to sRGB's primaries.
    for (sample, wanted) in converted.pixel(3, 3).into_iter().zip([215, 93, 31, 255]) {
        assert!(sample.abs_diff(wanted) <= 2, "{:?}", converted.pixel(3, 3));
    }
    let kept = process("convert?format=webp&lossless&colour=keep", "a.png", &input).unwrap();
    let back = process("convert?format=png&colour=keep", "a.webp", kept.bytes("a.webp")).unwrap();
    assert_eq!(decode_png(back.bytes("a.png")).pixel(3, 3), [200, 100, 50, 255]);
    let again = decode_png(process("convert?format=png", "a.webp", kept.bytes("a.webp")).unwrap().bytes("a.png"));
    assert_eq!(again, converted, "the profile went with the pixels");
}

#[test]
fn greyscale_stays_greyscale() {
    let mut input = Vec::new();
    let mut encoder = png::Encoder::new(&mut input, 16, 16);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&(0..=255).collect::<Vec<u8>>()).unwrap();
    let result = process("resize?width=8", "a.png", &input).unwrap();
    let reader = png::Decoder::new(std::io::Cursor::new(result.bytes("a.png"))).read_info().unwrap();
    assert_eq!(reader.info().color_type, png::ColorType::Grayscale);
    let jpeg = process("convert?format=jpeg", "a.png", &input).unwrap();
    // SOF0's count of components.
    let bytes = jpeg.bytes("a.jpg");
    let frame = bytes.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    assert_eq!(bytes[frame + 9], 1);
}

#[test]
fn an_svg_is_painted_at_the_size_that_is_wanted() {
    let svg = br##"<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10">
        <rect width="5" height="10" fill="#ff0000"/></svg>"##;
    let result = process("resize?width=200", "a.svg", svg).unwrap();
    let image = decode_png(result.bytes("a.png"));
    assert_eq!(image.size(), (200, 200));
    // A sharp edge: it was not painted small and enlarged.
    assert_eq!((image.pixel(98, 100), image.pixel(101, 100)), ([255, 0, 0, 255], [0, 0, 0, 0]));
}

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn every_image_of_the_corpus_is_resized() {
    let folder = corpus("images");
    // By their names these PNGs are damaged on purpose.
    let damaged = ["pngsuite-xcrn0g04.png", "pngsuite-xd9n2c08.png", "pngsuite-xs1n0g01.png"];
    for entry in fs_err::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let result = process("resize?width=24&height=24&format=png", &name, &fs_err::read(entry.path()).unwrap());
        if damaged.contains(&name.as_str()) {
            assert_eq!(result.unwrap_err().kind(), FailureKind::InvalidInput, "{name}");
            continue;
        }
        let result = result.unwrap_or_else(|failure| panic!("{name}: {failure}"));
        let image = decode_png(result.bytes(result.names()[0]));
        assert_eq!(image.width.max(image.height), 24, "{name}");
        let (width, height) =
            (result.properties["width"].as_u64().unwrap(), result.properties["height"].as_u64().unwrap());
        assert_eq!(width >= height, image.width >= image.height, "{name}");
    }
}

#[test]
fn ink_becomes_the_colours_it_prints() {
    let input = fs_err::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cyan_magenta_yellow_black_ink.jpg"));
    let result = process("convert?format=png", "ink.jpg", &input.unwrap()).unwrap();
    let image = decode_png(result.bytes("ink.png"));
    for (field, wanted) in [[0, 255, 255], [255, 0, 255], [255, 255, 0], [0, 0, 0]].into_iter().enumerate() {
        let pixel = image.pixel(field as u32 * 8 + 4, 4);
        assert!(pixel.iter().zip(wanted).all(|(sample, wanted)| sample.abs_diff(wanted) < 8), "{field}: {pixel:?}");
    }
}

#[test]
fn a_jpeg_without_its_last_marker_is_whole() {
    let whole = process("convert?format=jpeg", "a.png", &picture(100, 80).png()).unwrap();
    let bytes = whole.bytes("a.jpg");
    let without = &bytes[..bytes.len() - 2];
    let shown = |bytes| decode_png(process("convert?format=png", "a.jpg", bytes).unwrap().bytes("a.png"));
    assert_eq!(shown(without), shown(bytes));
}

#[test]
fn text_of_a_drawing_is_set_in_fonts_that_are_always_there() {
    // Ink in the left half by text, and how wide it is, for families like these.
    let ink = |family: &str, text: &str| {
        let svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="400" height="60"><text x="5" y="45" font-size="40" font-family="{family}">{text}</text></svg>"#
        );
        let result = process("convert?format=png", "a.svg", svg.as_bytes()).unwrap();
        let image = decode_png(result.bytes("a.png"));
        let columns: Vec<u32> = (0..400).filter(|&x| (0..60).any(|y| image.pixel(x, y)[3] > 100)).collect();
        (columns.len(), columns.last().map_or(0, |last| last - columns[0]))
    };
    let (columns, width) = ink("Helvetica", "million");
    assert!(columns > 60 && (120..190).contains(&width), "{columns} columns, {width} wide");
    assert!(ink("Courier New", "million").1 > width + 15, "letters of one width take more room");
    assert_ne!(ink("Georgia", "million"), (columns, width), "serifs look otherwise");
    assert!(ink("Arial", "Ωμέγα Привет").0 > 150);
    assert_eq!(ink("Arial", ""), (0, 0));
}

#[test]
fn high_dynamic_range_becomes_what_a_screen_shows() {
    // Black, 100, 203 and 1,000 cd/m² in PQ and BT.2020, by the PNG chunk cICP.
    let codes: [u16; 4] = [0, 33_300, 38_052, 49_270];
    let mut input = Vec::new();
    let mut encoder = png::Encoder::new(&mut input, 32, 8);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Sixteen);
    let mut writer = encoder.write_header().unwrap();
    writer.write_chunk(png::chunk::ChunkType(*b"cICP"), &[9, 16, 0, 1]).unwrap();
    let row: Vec<u8> = (0..32).flat_map(|x| [codes[x / 8]; 3]).flat_map(u16::to_be_bytes).collect();
    writer.write_image_data(&row.repeat(8)).unwrap();
    drop(writer);
    let result = process("convert?format=jpeg&quality=100", "a.png", &input).unwrap();
    let shown = process("convert?format=png", "a.jpg", result.bytes("a.jpg")).unwrap();
    let image = decode_png(shown.bytes("a.png"));
    let levels = [4, 12, 20, 28].map(|x| image.pixel(x, 4)[1]);
    // 100 cd/m² is 0.49 of diffuse white, 184 in sRGB, and a little above the knee.
    assert!(levels[0] < 3 && (172..188).contains(&levels[1]), "{levels:?}");
    assert!((205..235).contains(&levels[2]) && levels[3] > 252, "{levels:?}");
}
