//! Drawings: what is inside of them, how they are encoded, and how large they are painted.

mod common;

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Image, decode_png, process};

const RED: [u8; 4] = [255, 0, 0, 255];
const GREEN: [u8; 4] = [0, 200, 0, 255];

fn painted(option: &str, svg: &str) -> (Image, String) {
    let result = process(option, "a.svg", svg.as_bytes()).unwrap_or_else(|failure| panic!("{failure}"));
    let warnings = result.properties.get("warnings").map(ToString::to_string).unwrap_or_default();
    (decode_png(result.bytes("a.png")), warnings)
}

/// A drawing of 60 by 40 with an image in its middle.
fn around(href: &str) -> String {
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' width='60' height='40'>\
         <rect width='60' height='40' fill='#eee'/><image x='20' y='10' width='20' height='20' xlink:href='{href}'/></svg>"
    )
}

fn data(media_type: &str, bytes: &[u8]) -> String {
    format!("data:{media_type};base64,{}", STANDARD.encode(bytes))
}

#[test]
fn images_inside_are_drawn_whatever_their_format() {
    let green = Image::from_fn(20, 20, |_, _| GREEN).png();
    let mut files = vec![("image/png", green.clone())];
    for (format, name) in [("jpeg", "a.jpg"), ("gif", "a.gif"), ("webp&lossless", "a.webp")] {
        let file = process(&format!("convert?format={format}"), "a.png", &green).unwrap().bytes(name).to_vec();
        files.push(("image/jpeg", file));
    }
    files.push((
        "image/svg+xml",
        b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><rect width='1' height='1' fill='#00c800'/></svg>"
            .to_vec(),
    ));
    for (media_type, bytes) in files {
        let (image, warnings) = painted("convert?format=png", &around(&data(media_type, &bytes)));
        let pixel = image.pixel(30, 20);
        assert!(pixel.iter().zip(GREEN).all(|(sample, wanted)| sample.abs_diff(wanted) < 8), "{media_type}: {pixel:?}");
        assert_eq!((image.pixel(5, 5), warnings.as_str()), ([238, 238, 238, 255], ""));
    }
}

#[test]
fn images_that_cannot_be_drawn_are_named() {
    for (href, what) in [
        ("https://example.org/a.png".to_owned(), "https://example.org/a.png"),
        ("../secret.png".to_owned(), "../secret.png"),
        (data("image/png", b"no image"), "inside of the SVG"),
        (data("image/png", &Image::from_fn(20, 20, |_, _| GREEN).png()[..60]), "truncated"),
    ] {
        let (image, warnings) = painted("convert?format=png", &around(&href));
        assert_eq!(image.pixel(30, 20), [238, 238, 238, 255], "{href}");
        assert!(warnings.contains(what), "{href}: {warnings}");
    }
}

#[test]
fn drawings_in_each_other_and_many_large_images_end_at_a_limit() {
    let mut svg = "<svg xmlns='http://www.w3.org/2000/svg' width='60' height='40'/>".to_owned();
    for _ in 0..8 {
        svg = around(&data("image/svg+xml", svg.as_bytes()));
    }
    let (_, warnings) = painted("convert?format=png", &svg);
    assert!(warnings.contains("too many drawings"), "{warnings}");
    let megapixel = data("image/png", &Image::from_fn(1000, 1000, |_, _| GREEN).png());
    let image = |number: u32| format!("<image x='{number}' width='9' height='9' href='{megapixel}'/>");
    let many = (0..4).map(image).collect::<Vec<_>>().concat();
    let svg = format!("<svg xmlns='http://www.w3.org/2000/svg' width='60' height='40'>{many}</svg>");
    let (_, warnings) = painted("convert?format=png&max-megapixels=2", &svg);
    assert!(warnings.contains("megapixels"), "{warnings}");
}

#[test]
fn entities_as_illustrator_writes_them_are_put_in_their_places() {
    let svg = "<?xml version='1.0' encoding='utf-8'?><!-- no ENTITY here --><!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' \
               'http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd' [<!ENTITY ns_svg 'http://www.w3.org/2000/svg'>\
               <!ENTITY st0 'fill:#FF0000;'>]><svg xmlns='&ns_svg;' width='10' height='10'>\
               <rect width='10' height='10' style='&st0;'/></svg>";
    assert_eq!(painted("convert?format=png", svg).0.pixel(5, 5), RED);
    let comment = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><!-- <!ENTITY --><rect width='9' height='9' fill='red'/></svg>";
    assert_eq!(painted("convert?format=png", comment).0.pixel(5, 5), RED);
}

#[test]
fn entities_that_blow_up_are_refused() {
    let level = |level: u32| format!("<!ENTITY a{level} '{}'>", format!("&a{};", level - 1).repeat(10));
    let billion = (1..10).map(level).collect::<Vec<_>>().concat();
    let long = format!("<!ENTITY a9 '{}'>", "x".repeat(1 << 16));
    for (entities, count) in
        [(format!("<!ENTITY a0 'lol'>{billion}"), 1), (long, 10_000), ("<!ENTITY a9 '&a9;'>".to_owned(), 1)]
    {
        let svg = format!(
            "<!DOCTYPE svg [{entities}]><svg xmlns='http://www.w3.org/2000/svg'><text>{}</text></svg>",
            "&a9;".repeat(count)
        );
        let failure = process("convert?format=png", "a.svg", svg.as_bytes()).unwrap_err();
        assert!(failure.to_string().contains("entities"), "{failure}");
    }
}

#[test]
fn any_declared_encoding_and_gzip_are_read() {
    let text = |encoding: &str| {
        format!(
            "<?xml version='1.0' encoding='{encoding}'?><svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'>\
             <title>\u{e4}</title><rect width='10' height='10' fill='red'/></svg>"
        )
    };
    let latin: Vec<u8> = text("ISO-8859-1").chars().map(|letter| u32::from(letter) as u8).collect();
    let wide =
        |bytes: fn(u16) -> [u8; 2]| format!("\u{feff}{}", text("UTF-16")).encode_utf16().flat_map(bytes).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text("UTF-8").as_bytes()).unwrap();
    for bytes in [latin, wide(u16::to_le_bytes), wide(u16::to_be_bytes), gzip.finish().unwrap()] {
        let result = process("convert?format=png", "a.svgz", &bytes).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(decode_png(result.bytes("a.png")).pixel(5, 5), RED);
    }
}

#[test]
fn the_limit_is_for_what_is_painted() {
    let svg = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 30000 30000'><rect width='15000' height='30000' fill='red'/></svg>";
    let (image, _) = painted("resize?width=100&format=png", svg);
    assert_eq!((image.size(), image.pixel(20, 50), image.pixel(80, 50)[3]), ((100, 100), RED, 0));
    let failure = process("convert?format=png", "a.svg", svg.as_bytes()).unwrap_err();
    assert!(failure.to_string().contains("900 megapixels"), "{failure}");
}

#[test]
fn a_size_in_the_style_of_the_root_is_its_size() {
    let drawing = |size: &str| {
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' {size} viewBox='0 0 30 20'><rect width='30' height='20' fill='red'/></svg>"
        )
    };
    for (size, shown) in [
        ("style='width:90px;height:60px'", (90, 60)),
        ("width='9' height='6' style='fill:blue; width: 60px; height: 40px'", (60, 40)),
        ("width='45' style='width:auto'", (45, 30)),
        ("style='max-width:100px'", (30, 20)),
    ] {
        let (image, _) = painted("convert?format=png", &drawing(size));
        assert_eq!(image.size(), shown, "{size}");
        assert_eq!(image.pixel(shown.0 - 2, shown.1 - 2), RED, "{size}");
    }
}
