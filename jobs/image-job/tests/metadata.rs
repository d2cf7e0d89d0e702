//! What `metadata=keep` carries from every format into every format, and what it says where a format does not hold it.

mod common;

use std::io::Cursor;

use common::{picture, process};
use operation_testing::Finished;
use tiff::decoder::{Decoder, ifd::Value};
use tiff::tags::Tag;

const XMP: &str = r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="Own"/></rdf:RDF></x:xmpmeta>"#;
/// IPTC-IIM: the by-line is "Jo".
const IPTC: &[u8] = b"\x1c\x02\x50\0\x02Jo";

/// EXIF whose most significant bytes come first: the maker, an orientation of 6, and in the directory below a sensitivity of 400
/// and a width of 4000.
fn exif() -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), &value].concat()
    };
    [
        b"MM\0*\0\0\0\x08\0\x03".to_vec(),
        entry(0x010F, 2, 6, 50_u32.to_be_bytes()),
        entry(0x0112, 3, 1, [0, 6, 0, 0]),
        entry(0x8769, 4, 1, 56_u32.to_be_bytes()),
        vec![0; 4],
        b"Maker\0".to_vec(),
        vec![0, 2],
        entry(0x8827, 3, 1, [1, 0x90, 0, 0]),
        entry(0xA002, 4, 1, 4000_u32.to_be_bytes()),
        vec![0; 4],
    ]
    .concat()
}

/// A PNG of 60 × 40 with EXIF, XMP and 300 pixels per inch.
fn png() -> Vec<u8> {
    let mut info = png::Info::with_size(60, 40);
    info.exif_metadata = Some(exif().into());
    info.pixel_dims = Some(png::PixelDimensions { xppu: 11_811, yppu: 11_811, unit: png::Unit::Meter });
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    encoder.set_color(png::ColorType::Rgb);
    encoder.add_itxt_chunk("XML:com.adobe.xmp".to_owned(), XMP.to_owned()).unwrap();
    let pixels: Vec<u8> = picture(60, 40).pixels.iter().flat_map(|pixel| &pixel[..3]).copied().collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

/// The same as a JPEG, with IPTC besides.
fn jpeg() -> Vec<u8> {
    let made = keep("jpeg", "a.png", &png());
    let jpeg = made.bytes("a.jpg");
    let resource = [b"Photoshop 3.0\08BIM\x04\x04\0\0\0\0\0\x07", IPTC, b"\0"].concat();
    let segment = [&b"\xff\xed"[..], &(resource.len() as u16 + 2).to_be_bytes(), &resource].concat();
    [&jpeg[..2], &segment, &jpeg[2..]].concat()
}

fn keep(format: &str, name: &str, bytes: &[u8]) -> Finished {
    process(&format!("resize?width=20&format={format}&metadata=keep"), name, bytes)
        .unwrap_or_else(|failure| panic!("{name} to {format}: {failure}"))
}

fn warnings(result: &Finished) -> String {
    result.properties.get("warnings").map(ToString::to_string).unwrap_or_default()
}

/// What `extract` reports.
fn facts(name: &str, bytes: &[u8]) -> serde_json::Value {
    let result = process("extract", name, bytes).unwrap();
    serde_json::from_slice(result.bytes("extract.json")).unwrap()
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn exif_xmp_and_iptc_go_from_every_format_into_every_format_that_holds_them() {
    let mut sources = vec![("a.png", png(), false), ("a.jpg", jpeg(), true)];
    let made = keep("tiff", "a.jpg", &jpeg());
    sources.push(("a.tiff", made.bytes("a.tiff").to_vec(), true));
    for (format, name) in [("webp", "a.webp"), ("avif", "a.avif")] {
        sources.push((name, keep(format, "a.png", &png()).bytes(name).to_vec(), false));
    }
    for (source, bytes, has_iptc) in &sources {
        for (format, name, holds_iptc) in [
            ("jpeg", "a.jpg", true),
            ("png", "a.png", false),
            ("tiff", "a.tiff", true),
            ("webp", "a.webp", false),
            ("avif", "a.avif", false),
        ] {
            let result = keep(format, source, bytes);
            let made = result.bytes(name);
            let facts = facts(name, made);
            let path = format!("{source} to {format}: {facts}");
            assert_eq!(facts["exif"]["image"]["Make"], "Maker", "{path}");
            assert_eq!(facts["exif"]["photo"]["PhotographicSensitivity"], 400, "{path}");
            assert_eq!(facts["exif"]["photo"]["PixelXDimension"], 20, "{path}");
            let turned = &facts["exif"]["image"]["Orientation"];
            assert!(turned.is_null() || turned == 1, "{path}");
            assert!(has(made, b"tiff:Orientation=\"1\"") && has(made, b"dc:source=\"Own\""), "{path}");
            assert_eq!(has(made, IPTC), *has_iptc && holds_iptc, "{path}");
            assert_eq!(warnings(&result).contains("does not hold IPTC"), *has_iptc && !holds_iptc, "{path}");
        }
        let gif = keep("gif", source, bytes);
        assert!(warnings(&gif).contains("gif does not hold EXIF") && warnings(&gif).contains("gif does not hold XMP"));
    }
    // The picture is 60 × 40 and lies on its side; it is turned once.
    assert_eq!(facts("a.jpg", keep("jpeg", "a.png", &png()).bytes("a.jpg"))["height"], 30);
}

#[test]
fn pixels_per_inch_stay_what_they_are() {
    for (format, name) in
        [("jpeg", "a.jpg"), ("png", "a.png"), ("tiff", "a.tiff"), ("webp", "a.webp"), ("avif", "a.avif")]
    {
        let bare = strip_exif(&png());
        let made = keep(format, "a.png", &bare);
        let bytes = made.bytes(name);
        match format {
            // JFIF: version 1.1, dots per inch, 300 and 300.
            "jpeg" => assert!(has(bytes, b"JFIF\0\x01\x01\x01\x01\x2c\x01\x2c"), "{name}"),
            "png" => {
                let reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
                assert_eq!(reader.info().pixel_dims.unwrap().xppu, 11_811);
            }
            _ => {
                assert_eq!(facts(name, bytes)["exif"]["image"]["XResolution"], 300.0, "{name}: {}", facts(name, bytes));
            }
        }
        // And back.
        let back = keep("png", name, bytes);
        let reader = png::Decoder::new(Cursor::new(back.bytes("a.png"))).read_info().unwrap();
        assert_eq!(reader.info().pixel_dims.unwrap().xppu, 11_811, "{name}");
    }
    let stripped = process("convert?format=png", "a.png", &png()).unwrap();
    assert!(png::Decoder::new(Cursor::new(stripped.bytes("a.png"))).read_info().unwrap().info().pixel_dims.is_none());
}

fn strip_exif(png: &[u8]) -> Vec<u8> {
    let at = png.windows(4).position(|window| window == b"eXIf").unwrap() - 4;
    let length = u32::from_be_bytes(png[at..at + 4].try_into().unwrap()) as usize;
    [&png[..at], &png[at + 12 + length..]].concat()
}

#[test]
fn another_library_reads_what_a_tiff_says() {
    let made = keep("tiff", "a.jpg", &jpeg());
    let mut decoder = Decoder::new(Cursor::new(made.bytes("a.tiff"))).unwrap();
    assert_eq!(decoder.dimensions().unwrap(), (20, 30));
    assert_eq!(decoder.get_tag_ascii_string(Tag::Make).unwrap(), "Maker");
    assert_eq!(decoder.get_tag(Tag::XResolution).unwrap(), Value::Rational(300, 1));
    assert_eq!(decoder.get_tag_u8_vec(Tag::Unknown(33_723)).unwrap(), IPTC);
    assert!(has(&decoder.get_tag_u8_vec(Tag::Unknown(700)).unwrap(), b"dc:source"));
    let below = decoder.get_tag_u32(Tag::ExifDirectory).unwrap();
    let below = decoder.read_directory(tiff::tags::IfdPointer(u64::from(below))).unwrap();
    assert!(below.contains(Tag::Unknown(0x8827)));
    assert!(
        matches!(decoder.read_image().unwrap(), tiff::decoder::DecodingResult::U8(pixels) if pixels.len() == 20 * 30 * 3)
    );
}

#[test]
fn tiffs_of_every_layout_and_of_many_strips_are_read_back() {
    // More than one strip: 300 × 400 × 8 bytes.
    for (layout, size) in
        [("grey", (37, 5)), ("grey and opacity", (9, 4)), ("colour", (300, 400)), ("colour and opacity", (300, 400))]
    {
        for sixteen in [false, true] {
            let source = png_of(layout, size, sixteen);
            let made = process("convert?format=tiff", "a.png", &source).unwrap();
            let back = process("convert?format=png", "a.tiff", made.bytes("a.tiff")).unwrap();
            let read = |bytes: &[u8]| {
                let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().unwrap();
                let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
                let info = reader.next_frame(&mut pixels).unwrap();
                (info.color_type, info.bit_depth, pixels)
            };
            assert!(read(&source) == read(back.bytes("a.png")), "{layout}, sixteen bits: {sixteen}");
        }
    }
}

fn png_of(layout: &str, (width, height): (u32, u32), sixteen: bool) -> Vec<u8> {
    let colour = match layout {
        "grey" => png::ColorType::Grayscale,
        "grey and opacity" => png::ColorType::GrayscaleAlpha,
        "colour" => png::ColorType::Rgb,
        _ => png::ColorType::Rgba,
    };
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(colour);
    encoder.set_depth(if sixteen { png::BitDepth::Sixteen } else { png::BitDepth::Eight });
    let length = (width * height) as usize * colour.samples() * if sixteen { 2 } else { 1 };
    // Noise, which LZW makes larger.
    let pixels: Vec<u8> = (0..length as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 21) as u8).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}
