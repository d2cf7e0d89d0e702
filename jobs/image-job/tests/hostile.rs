//! Damaged and hostile inputs: an error of the right kind, within limits, and no output; or a picture where there is one.

mod common;

use common::heif::boxed;
use common::{decode_png, picture, process};
use contract::FailureKind;
use operation_testing::corpus;

/// Asserts that an input is refused as such, and gives the message.
fn refused(option: &str, name: &str, bytes: &[u8]) -> String {
    let failure = process(option, name, bytes).expect_err(name);
    assert_eq!(failure.kind(), FailureKind::InvalidInput, "{name}: {failure}");
    failure.to_string()
}

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn every_hostile_image_of_the_corpus_is_refused_or_is_a_picture() {
    let folder = corpus("hostile/images");
    let read = |name: &str| fs_err::read(folder.join(name)).unwrap();
    for (name, error) in [
        ("bomb30k_rgb.png", "megapixels"),
        ("hdr_only_2e9.png", "megapixels"),
        ("progbomb.jpg", "scans"),
        ("trunc50.jpg", "truncated"),
        ("empty.jpg", "empty"),
    ] {
        let message = refused("resize?width=100", name, &read(name));
        assert!(message.contains(error), "{name}: {message}");
    }
    // These are pictures: 256 megapixels of grey and 100 of a GIF's single frame are below the limit of 268, a JPEG that
    // is called .png is a JPEG, and markup behind the end of a picture is never looked at.
    for (name, size) in [
        ("base16k.jpg", (16_000, 16_000)),
        ("g.gif", (10_000, 10_000)),
        ("jpeg_named.png", (4000, 3000)),
        ("poly_jpg_html.jpg", (4000, 3000)),
    ] {
        let result = process("resize?width=100&format=webp", name, &read(name)).unwrap();
        assert_eq!((&result.properties["width"], &result.properties["height"]), (&size.0.into(), &size.1.into()));
        let bytes = result.bytes(result.names()[0]);
        assert!(!bytes.windows(5).any(|window| window == b"<html" || window == b"<scri"), "{name}");
        assert!(refused("resize?width=100&max-megapixels=1", name, &read(name)).contains("megapixels"));
    }
    // A drawing is limited by what is painted: 100,000 units a side are small at a width of 100, and too large as they are.
    let drawn = process("resize?width=100", "svg.png", &read("svg.png")).unwrap();
    assert_eq!(decode_png(drawn.bytes("svg.png")).size(), (100, 100));
    assert!(refused("convert?format=png", "svg.png", &read("svg.png")).contains("megapixels"));
    // And what is there of the truncated one is there where that is wanted.
    let result = process("resize?width=100&allow-truncated", "trunc50.jpg", &read("trunc50.jpg")).unwrap();
    assert_eq!(result.properties["truncated"], true);
}

#[test]
fn an_svg_opens_nothing_and_blows_up_nothing() {
    let outside = br#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">
        <image xlink:href="/etc/hostname" width="9" height="9"/><image href="http://localhost/x.png" width="9" height="9"/>
        <use href="other.svg#a"/></svg>"#;
    let image = decode_png(process("convert?format=png", "a.svg", outside).unwrap().bytes("a.png"));
    assert!(image.pixels.iter().all(|pixel| pixel[3] == 0), "nothing is drawn");
    let mut bomb = String::from("<!DOCTYPE svg [<!ENTITY a \"aaaaaaaaaa\">");
    for level in 'b'..='k' {
        let below = (level as u8 - 1) as char;
        bomb.extend(["<!ENTITY ", &level.to_string(), " \"", &format!("&{below};").repeat(10), "\">"]);
    }
    bomb.push_str("]><svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><text>&k;</text></svg>");
    let failure = process("convert?format=png", "a.svg", bomb.as_bytes()).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidInput);
    let huge = br#"<svg xmlns="http://www.w3.org/2000/svg" width="1000000" height="1000000"/>"#;
    assert!(process("convert?format=png", "a.svg", huge).unwrap_err().to_string().contains("megapixels"));
}

#[test]
fn frames_count_towards_the_limit_before_they_are_decoded() {
    let failure = process("convert?format=webp&max-megapixels=60", "a.gif", &gif_of_frames(2000, 30)).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidInput);
    assert!(failure.to_string().contains("frames"), "{failure}");
}

/// A GIF that says a large canvas and has many tiny frames.
fn gif_of_frames(side: u16, frames: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, side, side, &[0, 0, 0, 255, 255, 255]).unwrap();
    for _ in 0..frames {
        let frame = gif::Frame { width: 1, height: 1, buffer: vec![0].into(), ..gif::Frame::default() };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    bytes
}

#[test]
fn bombs_in_text_and_profile_chunks_stay_within_memory() {
    let plain = picture(16, 16).png();
    let zeros = vec![0; 200 << 20];
    let mut deflated = Vec::new();
    {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 16, 16);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.add_ztxt_chunk("bomb".to_owned(), String::from_utf8(zeros).unwrap()).unwrap();
        encoder.write_header().unwrap().write_image_data(&[0; 256]).unwrap();
        deflated.extend(bytes);
    }
    assert!(deflated.len() < 2 << 20);
    // Text is of no use to the job, so that whether it inflates does not matter; only memory does.
    let _ = process("convert?format=jpeg", "a.png", &deflated);
    assert!(resident_megabytes() < 700, "{} MB", resident_megabytes());
    assert!(process("convert?format=jpeg", "a.png", &plain).is_ok());
}

fn resident_megabytes() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[test]
fn damaged_files_of_every_format_are_errors_and_never_panics() {
    let image = picture(80, 60).png();
    for (format, name) in [
        ("jpeg", "a.jpg"),
        ("jpeg&progressive", "a.jpg"),
        ("png", "a.png"),
        ("webp", "a.webp"),
        ("gif", "a.gif"),
        ("tiff", "a.tiff"),
        ("avif", "a.avif"),
    ] {
        let whole = process(&format!("convert?format={format}"), "a.png", &image).unwrap().bytes(name).to_vec();
        for part in 1..12 {
            let truncated = &whole[..whole.len() * part / 12];
            match process("convert?format=png", name, truncated) {
                Ok(_) => panic!("{format} cut to {part}/12 was taken for whole"),
                Err(failure) => assert_eq!(failure.kind(), FailureKind::InvalidInput, "{format} {part}: {failure}"),
            }
        }
        // Every byte in turn, so that headers, lengths and offsets lie in all possible ways.
        for at in (0..whole.len()).step_by((whole.len() / 150).max(1)) {
            for value in [0x00, 0xff, whole[at] ^ 0x55] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                if let Err(failure) = process("resize?width=20&format=png&max-megapixels=4", name, &damaged) {
                    assert_eq!(failure.kind(), FailureKind::InvalidInput, "{format} byte {at} = {value}: {failure}");
                }
            }
        }
    }
}

#[test]
fn an_svg_with_endless_text_is_refused_and_one_with_much_is_not() {
    let drawing = |text: &str| {
        format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><text y="9">{text}</text></svg>"#)
    };
    for text in ["word ".repeat(200_000), "<tspan>x y</tspan>".repeat(10_000)] {
        let failure = refused("convert?format=png", "a.svg", drawing(&text).as_bytes());
        assert!(failure.contains("too long texts"), "{failure}");
    }
    process("convert?format=png", "a.svg", drawing(&"word ".repeat(1_000)).as_bytes()).unwrap();
    // Each is set for itself.
    let many = r#"<text y="9">some words</text>"#.repeat(2_000);
    let many = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20">{many}</svg>"#);
    process("convert?format=png", "a.svg", many.as_bytes()).unwrap();
}

#[test]
fn an_svg_that_uses_itself_over_and_over_ends() {
    let mut laughs = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><defs><rect id=\"a0\" width=\"1\" height=\"1\"/>",
    );
    for level in 1..=10 {
        let below = format!("<use href=\"#a{}\"/>", level - 1).repeat(10);
        laughs.extend(["<g id=\"a", &level.to_string(), "\">", &below, "</g>"]);
    }
    laughs.push_str("</defs><use href=\"#a10\"/></svg>");
    refused("convert?format=png", "a.svg", laughs.as_bytes());
    let cycle = br##"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><g id="a"><use href="#b"/></g>
        <g id="b"><use href="#a"/></g><use href="#a"/></svg>"##;
    let _ = process("convert?format=png", "a.svg", cycle);
    let nested =
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\">{}", "<g>".repeat(200_000));
    refused("convert?format=png", "a.svg", nested.as_bytes());
}

/// A little-endian TIFF whose only directory has these entries (tag, kind, count, value), and what it says comes next.
fn tiff(entries: &[(u16, u16, u32, u32)], next: u32) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(next.to_le_bytes());
    bytes.resize(400, 7);
    bytes
}

#[test]
fn a_tiff_that_lies_or_runs_in_circles_is_an_error() {
    let grey = |width, height, strip, count| {
        [
            (256, 3, 1, width),
            (257, 4, 1, height),
            (258, 3, 1, 8),
            (259, 3, 1, 1),
            (262, 3, 1, 1),
            (273, 4, 1, strip),
            (277, 3, 1, 1),
            (278, 4, 1, height),
            (279, 4, 1, count),
        ]
    };
    let result = process("convert?format=png", "a.tiff", &tiff(&grey(10, 10, 200, 100), 0)).unwrap();
    assert_eq!(decode_png(result.bytes("a.png")).pixel(5, 5), [7, 7, 7, 255]);
    // The next directory is the first again; a strip says to be longer than the file, which has all of its rows.
    for (entries, next) in [(grey(10, 10, 200, 100), 8), (grey(10, 10, 200, 4_000_000_000), 0)] {
        let result = process("convert?format=png", "a.tiff", &tiff(&entries, next)).unwrap();
        assert_eq!(decode_png(result.bytes("a.png")).pixel(9, 9), [7, 7, 7, 255]);
        assert!(!result.properties.contains_key("pages"));
    }
    for (entries, what) in [
        (grey(60_000, 60_000, 200, 100), "pixels"),
        (grey(10, 10, 4_000_000_000, 100), "place"),
        (grey(100, 100, 200, 10_000), "end"),
    ] {
        refused("convert?format=png", what, &tiff(&entries, 0));
    }
    let mut entries = grey(10, 10, 200, 100);
    entries[5].2 = u32::MAX;
    refused("convert?format=png", "count", &tiff(&entries, 0));
    // A directory of as many entries as can be said, far behind the end.
    refused("convert?format=png", "far", b"II*\0\xf0\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff\xff");
}

#[test]
fn a_gif_without_end_or_with_frames_outside_is_an_error_or_cut() {
    let mut bytes = b"GIF89a\x08\0\x08\0\x80\0\0\0\0\0\xff\xff\xff".to_vec();
    // Comments without end.
    bytes.extend(b"!\xfe\x01a\0".repeat(100_000));
    refused("convert?format=png", "comments.gif", &bytes);
    // A frame that lies outside of the canvas and is larger: in browsers, that of the first frame.
    let mut outside = Vec::new();
    let mut encoder = gif::Encoder::new(&mut outside, 4, 4, &[0, 0, 0, 255, 255, 255]).unwrap();
    let frame = gif::Frame {
        left: 60_000,
        top: 60_000,
        width: 8,
        height: 8,
        buffer: vec![1; 64].into(),
        ..gif::Frame::default()
    };
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    if let Ok(result) = process("convert?format=png", "outside.gif", &outside) {
        assert_eq!(decode_png(result.bytes("outside.png")).size(), (8, 8));
    }
}

#[test]
fn headers_that_lie_are_errors() {
    let png = picture(16, 16).png();
    // A PNG that says two million frames.
    let mut frames = png[..33].to_vec();
    let control = [&b"acTL"[..], &2_000_000_u32.to_be_bytes(), &0_u32.to_be_bytes()].concat();
    frames.extend(8_u32.to_be_bytes());
    frames.extend(&control);
    frames.extend(crc(&control).to_be_bytes());
    frames.extend(&png[33..]);
    assert!(refused("convert?format=webp", "frames.png", &frames).contains("frames"));
    // A BMP of two thousand million pixels.
    let mut bmp = b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bmp.extend([50_000_u32.to_le_bytes(), 50_000_u32.to_le_bytes()].concat());
    bmp.extend([1, 0, 24, 0]);
    bmp.resize(200, 0);
    assert!(refused("convert?format=png", "large.bmp", &bmp).contains("megapixels"));
    // A WebP whose canvas is larger than its picture, and whose chunk is longer than the file.
    let webp = process("convert?format=webp", "a.png", &png).unwrap().bytes("a.webp").to_vec();
    let mut long = webp.clone();
    long[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
    refused("convert?format=png", "long.webp", &long);
    // A HEIC of nothing but boxes.
    let empty = [boxed(*b"ftyp", b"heic\0\0\0\0heic"), boxed(*b"meta", &[0; 4])].concat();
    refused("convert?format=png", "empty.heic", &empty);
    let endless = [boxed(*b"ftyp", b"heic\0\0\0\0heic"), vec![0, 0, 0, 0], b"meta".to_vec(), vec![0; 400]].concat();
    refused("convert?format=png", "endless.heic", &endless);
}

/// A PNG chunk's checksum.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    })
}

#[test]
fn a_profile_that_inflates_without_end_stays_within_memory() {
    let mut info = png::Info::with_size(16, 16);
    info.icc_profile = Some(vec![0; 150 << 20].into());
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&[90; 768]).unwrap();
    assert!(bytes.len() < 2 << 20, "{} bytes", bytes.len());
    let _ = process("convert?format=jpeg", "a.png", &bytes);
    assert!(resident_megabytes() < 900, "{} MB", resident_megabytes());
}
