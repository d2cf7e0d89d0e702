//! Textures become WebP, and show what they showed.

use serde_json::{Value, json};

use crate::support::{decode_rgba, optimise};
use crate::textured;

/// 64 pixels a side of soft colours, transparent on the left but coloured there, too; noise keeps lossless coding larger.
fn picture(alpha: fn(u32) -> u8) -> image::RgbaImage {
    image::RgbaImage::from_fn(64, 64, |x, y| {
        let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).wrapping_mul(97) >> 9 & 7;
        image::Rgba([(x * 3 + noise) as u8, (200 - y * 2 + noise) as u8, (80 + x + y) as u8, alpha(x)])
    })
}

fn png(picture: &image::RgbaImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// The picture as the only texture of a material, and what becomes of it.
fn through(picture: &image::RgbaImage, material: &Value, text: &str) -> (String, image::RgbaImage) {
    let optimised = optimise("textured.gltf", &textured(&png(picture), material, &json!({})), text).unwrap();
    let image = &optimised.document.images[0];
    (image.mime_type.clone(), decode_rgba(&image.mime_type, &image.bytes))
}

/// The mean difference of colours where `counts`, from 0 to 255.
fn difference(left: &image::RgbaImage, right: &image::RgbaImage, counts: impl Fn(u32) -> bool) -> f64 {
    let mut sum = 0.0;
    let mut pixels = 0;
    for (x, y, pixel) in left.enumerate_pixels().filter(|(x, ..)| counts(*x)) {
        let other = right.get_pixel(x, y);
        sum += (0..3).map(|at| f64::from(pixel[at].abs_diff(other[at]))).sum::<f64>() / 3.0;
        pixels += 1;
    }
    sum / f64::from(pixels)
}

#[test]
fn alpha_that_nothing_reads_is_left_out_and_the_colours_below_it_stay() {
    let source = picture(|x| if x < 40 { 0 } else { 255 });
    let opaque = json!({ "pbrMetallicRoughness": { "baseColorTexture": { "index": 0 } } });
    let (mime_type, shown) = through(&source, &opaque, "optimise");
    assert_eq!(mime_type, "image/webp");
    assert!(shown.pixels().all(|pixel| pixel[3] == 255));
    assert!(difference(&source, &shown, |_| true) < 4.0, "{}", difference(&source, &shown, |_| true));
}

#[test]
fn alpha_that_is_read_is_exact() {
    let source = picture(|x| (x * 4) as u8);
    for mode in ["MASK", "BLEND"] {
        let material = json!({ "alphaMode": mode, "pbrMetallicRoughness": { "baseColorTexture": { "index": 0 } } });
        let (_, shown) = through(&source, &material, "optimise");
        assert!(source.pixels().zip(shown.pixels()).all(|(a, b)| a[3] == b[3]), "{mode}");
        assert!(difference(&source, &shown, |x| x > 8) < 4.0, "{mode}");
    }
    // A number of its own: what stands beside it where it is 0 counts.
    let hidden = picture(|x| if x < 40 { 0 } else { 90 });
    let material = json!({ "extensions": { "KHR_materials_specular": { "specularTexture": { "index": 0 } } } });
    let (_, shown) = through(&hidden, &material, "optimise");
    assert!(hidden.pixels().zip(shown.pixels()).all(|(a, b)| a[3] == b[3]));
    assert!(difference(&hidden, &shown, |x| x < 36) < 4.0, "{}", difference(&hidden, &shown, |x| x < 36));
}

#[test]
fn normal_maps_keep_more_than_colours() {
    let source = picture(|_| 255);
    let colour = json!({ "emissiveTexture": { "index": 0 }, "emissiveFactor": [1, 1, 1] });
    let normal = json!({ "normalTexture": { "index": 0 } });
    let of =
        |material: &Value| difference(&source, &through(&source, material, "optimise?texture-quality=60").1, |_| true);
    assert!(of(&normal) < of(&colour), "{} {}", of(&normal), of(&colour));
}

#[test]
fn large_textures_become_as_large_as_asked_for_in_either_format() {
    let source = picture(|_| 255);
    let material = json!({ "pbrMetallicRoughness": { "baseColorTexture": { "index": 0 } } });
    for (text, format) in [
        ("optimise?texture-size=16", "image/webp"),
        ("optimise?texture-size=16&textures=keep", "image/png"),
        ("optimise?textures=keep", "image/png"),
    ] {
        let (mime_type, shown) = through(&source, &material, text);
        assert_eq!(mime_type, format, "{text}");
        assert_eq!(shown.width(), if text.contains("size") { 16 } else { 64 }, "{text}");
    }
}
