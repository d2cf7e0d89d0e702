//! `extract`: facts that are known beforehand come out, and damage to metadata is a warning.

mod common;

use common::{Image, picture, process};
use operation_testing::Finished;
use serde_json::{Value, json};

fn facts(processed: &Finished) -> Value {
    assert_eq!(processed.names(), ["extract.json"]);
    serde_json::from_slice(processed.bytes("extract.json")).unwrap()
}

/// Some blurred spots, as large as the picture has them.
fn scene(width: u32, height: u32) -> Image {
    let spots = [(0.2, 0.3, 0.15, 110.0), (0.7, 0.2, 0.25, -90.0), (0.5, 0.8, 0.2, 100.0), (0.9, 0.6, 0.1, 120.0)];
    Image::from_fn(width, height, |x, y| {
        let (x, y) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        let spot = |(at_x, at_y, radius, strength): (f64, f64, f64, f64)| {
            strength * (-((x - at_x).powi(2) + (y - at_y).powi(2)) / (2.0 * radius * radius)).exp()
        };
        let value = (100.0 + 60.0 * x + spots.into_iter().map(spot).sum::<f64>()).clamp(0.0, 255.0) as u8;
        [value, value / 2, 255 - value, 255]
    })
}

/// Whether a colour as text is that one, a step or two aside.
fn is_near(text: &Value, rgb: [u8; 3]) -> bool {
    let number = u32::from_str_radix(text.as_str().unwrap().trim_start_matches('#'), 16).unwrap();
    let [_, found @ ..] = number.to_be_bytes();
    found.iter().zip(rgb).all(|(found, sample)| found.abs_diff(sample) <= 2)
}

/// A JPEG with these segments behind its first marker.
fn jpeg_with(image: &Image, segments: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let jpeg = process("convert?format=jpeg&quality=95", "a.png", &image.png()).unwrap().bytes("a.jpg").to_vec();
    let mut bytes = jpeg[..2].to_vec();
    for (marker, data) in segments {
        bytes.extend([0xff, *marker]);
        bytes.extend((data.len() as u16 + 2).to_be_bytes());
        bytes.extend(data);
    }
    bytes.extend(&jpeg[2..]);
    bytes
}

/// Little-endian EXIF: a maker, an orientation, and a place and a time in directories of their own.
fn exif() -> Vec<u8> {
    let entry = |tag: u16, kind: u16, count: u32, value: [u8; 4]| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value].concat()
    };
    let directory =
        |entries: &[Vec<u8>]| [&(entries.len() as u16).to_le_bytes()[..], &entries.concat(), &[0; 4]].concat();
    let at = |offset: u32| offset.to_le_bytes();
    // Directories of 4, 2 and 4 entries begin at 8, 62 and 92; values begin at 146.
    let image = directory(&[
        entry(0x010f, 2, 6, at(146)),
        entry(0x0112, 3, 1, [6, 0, 0, 0]),
        entry(0x8769, 4, 1, at(62)),
        entry(0x8825, 4, 1, at(92)),
    ]);
    let photo = directory(&[entry(0x9003, 2, 20, at(152)), entry(0x9011, 2, 7, at(172))]);
    let gps = directory(&[
        entry(1, 2, 2, *b"S\0\0\0"),
        entry(2, 5, 3, at(180)),
        entry(3, 2, 2, *b"E\0\0\0"),
        entry(4, 5, 3, at(204)),
    ]);
    let rationals = |parts: [(u32, u32); 3]| {
        parts.iter().flat_map(|(over, under)| [over.to_le_bytes(), under.to_le_bytes()].concat()).collect::<Vec<u8>>()
    };
    let values = [
        b"Maker\0".to_vec(),
        b"2026:05:01 12:30:15\0".to_vec(),
        b"+02:00\0\0".to_vec(),
        rationals([(33, 1), (51, 1), (3540, 100)]),
        rationals([(151, 1), (12, 1), (4020, 100)]),
    ]
    .concat();
    [b"II*\0\x08\0\0\0".to_vec(), image, photo, gps, values].concat()
}

fn xmp() -> Vec<u8> {
    let packet = r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
        <rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"
          xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag><rdf:li>one</rdf:li><rdf:li>two</rdf:li></rdf:Bag></dc:subject>
        </rdf:Description></rdf:RDF></x:xmpmeta>"#;
    [b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()].concat()
}

/// Photoshop's resources: one that has an odd length, then IPTC with a keyword and a city.
fn iptc() -> Vec<u8> {
    let sets = b"\x1c\x02\x19\x00\x03sea\x1c\x02\x5a\x00\x06Sydney";
    let mut resources = b"Photoshop 3.0\x008BIM\x03\xed\0\0\0\0\0\x01\x07\0".to_vec();
    resources.extend(b"8BIM\x04\x04\0\0");
    resources.extend((sets.len() as u32).to_be_bytes());
    resources.extend(sets);
    resources
}

#[test]
fn what_a_photo_says_about_itself_is_structured_data() {
    let segments = [(0xe1, [b"Exif\0\0", &exif()[..]].concat()), (0xe1, xmp()), (0xed, iptc())];
    let photo = jpeg_with(&picture(64, 48), &segments);
    let processed = process("extract", "photo.jpg", &photo).unwrap();
    let facts = facts(&processed);
    // Orientation 6 is turned by a quarter.
    for (name, value) in [
        ("format", json!("jpeg")),
        ("bytes", json!(photo.len())),
        ("width", json!(48)),
        ("height", json!(64)),
        ("frames", json!(1)),
        ("isUpright", json!(false)),
        ("hasAlpha", json!(false)),
        ("colourModel", json!("rgb")),
        ("bitDepth", json!(8)),
    ] {
        assert_eq!((&facts[name], &processed.properties[name]), (&value, &value), "{name}");
    }
    let exif = &facts["exif"];
    assert_eq!(exif["image"]["Make"], "Maker");
    assert_eq!(exif["image"]["Orientation"], 6);
    assert_eq!(exif["takenAt"], "2026-05-01T12:30:15+02:00");
    assert_eq!((&exif["latitude"], &exif["longitude"]), (&json!(-33.859_833), &json!(151.211_167)));
    assert_eq!(facts["xmp"], json!({"xmp:Rating": "4", "dc:subject": ["one", "two"]}));
    assert_eq!(facts["iptc"], json!({"keywords": ["sea"], "city": "Sydney"}));
    assert!(processed.properties.get("warnings").is_none(), "{:?}", processed.properties);
}

#[test]
fn what_a_picture_looks_like_is_told_by_hash_placeholder_and_colours() {
    let flag = Image::from_fn(400, 200, |x, _| if x < 300 { [200, 16, 16, 255] } else { [16, 16, 200, 255] });
    let seen = facts(&process("extract", "flag.png", &flag.png()).unwrap());
    let colours = seen["dominantColours"].as_array().unwrap();
    // The kernel rings at the edge.
    assert!(is_near(&seen["dominantColour"], [200, 16, 16]), "{seen}");
    assert!(is_near(&colours[0]["colour"], [200, 16, 16]) && is_near(&colours[1]["colour"], [16, 16, 200]), "{seen}");
    let shares = [0, 1].map(|at: usize| colours[at]["share"].as_f64().unwrap());
    assert!((shares[0] - 0.75).abs() < 0.02 && (shares[1] - 0.25).abs() < 0.02, "{shares:?}");
    let one = facts(&process("extract?colors=1", "flag.png", &flag.png()).unwrap());
    assert_eq!(one["dominantColours"].as_array().unwrap().len(), 1);

    let hash = |facts: &Value| u64::from_str_radix(facts["perceptualHash"].as_str().unwrap(), 16).unwrap();
    let photo = scene(512, 384);
    let of_png = facts(&process("extract", "a.png", &photo.png()).unwrap());
    let smaller = process("resize?width=300&format=webp&quality=70", "a.png", &photo.png()).unwrap();
    let of_webp = facts(&process("extract", "a.webp", smaller.bytes("a.webp")).unwrap());
    assert!((hash(&of_png) ^ hash(&of_webp)).count_ones() <= 8, "{of_png} {of_webp}");
    assert!((hash(&of_png) ^ hash(&seen)).count_ones() > 20, "{of_png} {seen}");
}

#[test]
fn formats_tell_frames_depth_transparency_and_profile() {
    let half = Image::from_fn(16, 16, |x, _| [x as u8 * 16, 0, 0, 128]);
    let of_png = facts(&process("extract", "a.png", &half.png()).unwrap());
    assert_eq!((&of_png["hasAlpha"], &of_png["colourProfile"]["source"]), (&json!(true), &json!("assumed")));

    let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let mut deep = Vec::new();
    let mut encoder = png::Encoder::new(&mut deep, 4, 4);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Sixteen);
    encoder.write_header().unwrap().write_image_data(&[7; 32]).unwrap();
    let of_deep = facts(&process("extract", "a.png", &deep).unwrap());
    assert_eq!((&of_deep["bitDepth"], &of_deep["colourModel"]), (&json!(16), &json!("grey")));

    let icc = [b"ICC_PROFILE\0\x01\x01", &profile[..]].concat();
    let of_icc = facts(&process("extract", "a.jpg", &jpeg_with(&picture(16, 16), &[(0xe2, icc)])).unwrap());
    let found = &of_icc["colourProfile"];
    assert_eq!((&found["source"], &found["space"]), (&json!("icc"), &json!("RGB")));
    assert_eq!(found["bytes"], profile.len());
    assert!(found["name"].as_str().unwrap().contains("P3"), "{found}");

    let mut animation = Vec::new();
    let mut encoder = gif::Encoder::new(&mut animation, 2, 2, &[255, 0, 0, 0, 0, 255]).unwrap();
    for colour in [0, 1, 0] {
        encoder.write_frame(&gif::Frame::from_indexed_pixels(2, 2, vec![colour; 4], None)).unwrap();
    }
    drop(encoder);
    let of_gif = facts(&process("extract", "a.gif", &animation).unwrap());
    assert_eq!((&of_gif["frames"], &of_gif["dominantColour"]), (&json!(3), &json!("#ff0000")));
}

#[test]
fn damaged_metadata_is_a_warning_and_does_not_fail_the_picture() {
    let mut exif = exif();
    // The maker's text lies beyond the end.
    exif[18..22].copy_from_slice(&0xffff_u32.to_le_bytes());
    let segments =
        [(0xe1, [b"Exif\0\0", &exif[..]].concat()), (0xe1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta".to_vec())];
    let processed = process("extract", "a.jpg", &jpeg_with(&picture(32, 32), &segments)).unwrap();
    let facts = facts(&processed);
    assert_eq!(facts["exif"]["image"]["Orientation"], 6);
    assert!(facts.get("xmp").is_none());
    let warnings = processed.properties["warnings"].as_array().unwrap();
    let told = |name: &str| warnings.iter().any(|warning| warning.as_str().is_some_and(|text| text.starts_with(name)));
    assert!(warnings.len() == 2 && told("EXIF: ") && told("XMP: "), "{warnings:?}");
}
