//! What colours become: profiles that cannot be used, ink, and profiles that are kept.

mod common;

use common::{decode_png, picture, process};

/// A picture with a profile.
fn png_with(profile: Vec<u8>, colour: png::ColorType, pixels: &[u8], (width, height): (u32, u32)) -> Vec<u8> {
    let mut info = png::Info::with_size(width, height);
    info.icc_profile = Some(profile.into());
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut bytes, info).unwrap();
    encoder.set_color(colour);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    bytes
}

#[test]
fn a_profile_with_damage_anywhere_never_fails_the_picture() {
    let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let mut left_out = 0;
    for at in (0..profile.len().min(700)).step_by(23) {
        let mut damaged = profile.clone();
        damaged[at] ^= 0xff;
        let file = png_with(damaged, png::ColorType::Rgb, &[200, 100, 50], (1, 1));
        let result =
            process("convert?format=png", "a.png", &file).unwrap_or_else(|failure| panic!("byte {at}: {failure}"));
        if result.properties.contains_key("warnings") {
            left_out += 1;
            assert_eq!(decode_png(result.bytes("a.png")).pixel(0, 0), [200, 100, 50, 255], "byte {at}");
        }
        assert!(process("convert?format=webp&colour=keep", "a.png", &file).is_ok(), "byte {at}");
    }
    assert!(left_out > 0, "only {left_out} were found to be damaged");
}

#[test]
fn a_profile_for_other_pixels_is_left_out_and_named() {
    let grey = moxcms::ColorProfile::new_gray_with_gamma(2.2).encode().unwrap();
    let result =
        process("convert?format=png", "a.png", &png_with(grey, png::ColorType::Rgb, &[200, 100, 50], (1, 1))).unwrap();
    assert_eq!(decode_png(result.bytes("a.png")).pixel(0, 0), [200, 100, 50, 255]);
    assert!(result.properties["warnings"].to_string().contains("another kind"), "{:?}", result.properties);
}

#[test]
fn a_kept_profile_fits_the_pixels_of_every_format() {
    let ramp: Vec<u8> = (0..=255).collect();
    // Linear light: mid grey is 188 in sRGB.
    let grey = moxcms::ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let grey = png_with(grey, png::ColorType::Grayscale, &ramp, (256, 1));
    let wide = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let wide = png_with(wide.clone(), png::ColorType::Rgb, &[200, 100, 50].repeat(4), (4, 1));
    for (format, name) in [
        ("png", "a.png"),
        ("webp&lossless", "a.webp"),
        ("tiff", "a.tiff"),
        ("gif", "a.gif"),
        ("jpeg&quality=100", "a.jpg"),
    ] {
        for (input, at, wanted) in [(&grey, 128, [188, 188, 188]), (&wide, 2, [215, 93, 31])] {
            let kept = process(&format!("convert?format={format}&colour=keep"), "a.png", input).unwrap();
            let back = process("convert?format=png", name, kept.bytes(name)).unwrap();
            assert!(!back.properties.contains_key("warnings"), "{format}: {:?}", back.properties);
            let pixel = decode_png(back.bytes("a.png")).pixel(at, 0);
            let near = pixel.iter().zip(wanted).all(|(sample, wanted)| sample.abs_diff(wanted) <= 4);
            assert!(near, "{format}: {pixel:?} and not {wanted:?}");
        }
    }
    // What cannot be kept is said.
    let gif = process("convert?format=gif&colour=keep", "a.png", &wide).unwrap();
    assert!(gif.properties["warnings"].to_string().contains("converted to sRGB"), "{:?}", gif.properties);
}

#[test]
fn padding_with_a_colour_does_not_leave_a_grey_profile_in_colours() {
    let grey = moxcms::ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let input = png_with(grey, png::ColorType::Grayscale, &[128; 64], (8, 8));
    let option = "resize?width=16&height=8&fit=contain&background=ff0000&format=png&colour=keep";
    let padded = process(option, "a.png", &input).unwrap();
    let reader = png::Decoder::new(std::io::Cursor::new(padded.bytes("a.png"))).read_info().unwrap();
    assert!(reader.info().icc_profile.is_none());
    let image = decode_png(padded.bytes("a.png"));
    assert!(image.pixel(8, 4)[0].abs_diff(188) <= 2, "{:?}", image.pixel(8, 4));
    assert_eq!(image.pixel(0, 0), [255, 0, 0, 255]);
}

#[test]
fn an_rgb_profile_does_not_stand_in_a_grey_png() {
    let mut input = Vec::new();
    let mut encoder = png::Encoder::new(&mut input, 4, 4);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_source_gamma(png::ScaledFloat::new(1.0));
    encoder.write_header().unwrap().write_image_data(&[128; 16]).unwrap();
    let kept = process("convert?format=png&colour=keep", "a.png", &input).unwrap();
    let reader = png::Decoder::new(std::io::Cursor::new(kept.bytes("a.png"))).read_info().unwrap();
    let is_grey = reader.info().color_type == png::ColorType::Grayscale;
    assert!(!(is_grey && reader.info().icc_profile.is_some()));
    let back = process("convert?format=png", "a.png", kept.bytes("a.png")).unwrap();
    assert!(decode_png(back.bytes("a.png")).pixel(1, 1)[0].abs_diff(188) <= 2);
}

#[test]
fn ink_without_adobes_mark_is_not_black() {
    let bytes = include_bytes!("fixtures/cyan_magenta_yellow_black_ink_without_a_mark.jpg");
    let result = process("convert?format=png", "a.jpg", bytes).unwrap();
    let image = decode_png(result.bytes("a.png"));
    let (width, height) = image.size();
    let corners = [(1, 1), (width - 2, 1), (1, height - 2)].map(|(x, y)| image.pixel(x, y));
    // Cyan, magenta and yellow, as libvips and Pillow show it.
    for (pixel, dark) in corners.into_iter().zip([0, 1, 2]) {
        assert!(pixel[dark] < 60 && (0..3).all(|part| part == dark || pixel[part] > 190), "{corners:?}");
    }
}

#[test]
fn a_gif_of_greys_has_its_colours_in_the_table_that_every_reader_looks_at() {
    let mut input = Vec::new();
    let mut encoder = png::Encoder::new(&mut input, 16, 16);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&(0..=255).collect::<Vec<u8>>()).unwrap();
    let gif = process("convert?format=gif", "a.png", &input).unwrap().bytes("a.gif").to_vec();
    let mut reader = gif::DecodeOptions::new().read_info(&gif[..]).unwrap();
    let table = reader.global_palette().unwrap().to_vec();
    assert_eq!(table.chunks_exact(3).map(|colour| colour[0]).collect::<Vec<u8>>(), (0..=255).collect::<Vec<u8>>());
    assert!(reader.read_next_frame().unwrap().unwrap().palette.is_none());
}

#[test]
fn pictures_of_few_colours_are_exact_in_a_gif() {
    let image = common::Image::from_fn(64, 64, |x, y| [(x / 8 * 30) as u8, (y / 8 * 30) as u8, 77, 255]);
    let gif = process("convert?format=gif", "a.png", &image.png()).unwrap();
    let back = process("convert?format=png", "a.gif", gif.bytes("a.gif")).unwrap();
    assert!(decode_png(back.bytes("a.png")) == image);
    // Those of many come near.
    let many = picture(160, 120);
    let gif = process("convert?format=gif", "a.png", &many.png()).unwrap();
    let back = process("convert?format=png", "a.gif", gif.bytes("a.gif")).unwrap();
    let difference = decode_png(back.bytes("a.png")).mean_difference(&many);
    assert!(difference < 4.0, "{difference}");
}
