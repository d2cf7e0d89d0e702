//! `resize`, looked at through its results.

mod common;

use common::{Image, corpus, decode_png, picture, process, properties_of};
use job::FailureKind;

#[test]
fn each_fit_gives_the_size_that_css_would() {
    let input = picture(300, 200).png();
    for (fit, size) in [
        ("cover", (120, 100)),
        ("contain", (120, 100)),
        ("fill", (120, 100)),
        ("inside", (120, 80)),
        ("outside", (150, 100)),
    ] {
        let result = process(&format!("resize?width=120&height=100&fit={fit}"), "a.png", &input).unwrap();
        assert_eq!(decode_png(result.bytes("a.png")).size(), size, "{fit}");
    }
}

#[test]
fn cover_keeps_the_side_that_the_position_names() {
    // Left third red, middle green, right blue.
    let thirds = Image::from_fn(300, 100, |x, _| match x / 100 {
        0 => [255, 0, 0, 255],
        1 => [0, 255, 0, 255],
        _ => [0, 0, 255, 255],
    });
    for (position, colour) in [("left", [255, 0, 0]), ("centre", [0, 255, 0]), ("right-bottom", [0, 0, 255])] {
        let option = format!("resize?width=40&height=40&fit=cover&position={position}");
        let result = process(&option, "a.png", &thirds.png()).unwrap();
        assert_eq!(decode_png(result.bytes("a.png")).pixel(20, 20)[..3], colour, "{position}");
    }
}

#[test]
fn entropy_and_attention_cut_to_where_something_is() {
    let busy = Image::from_fn(400, 100, |x, y| {
        let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).wrapping_mul(2_246_822_519) >> 24;
        if x > 300 { [noise as u8, 255 - noise as u8, 90, 255] } else { [200, 200, 200, 255] }
    });
    for position in ["entropy", "attention"] {
        let option = format!("resize?width=100&height=100&fit=cover&position={position}");
        let result = process(&option, "a.png", &busy.png()).unwrap();
        let image = decode_png(result.bytes("a.png"));
        let flat = (0..100).filter(|&x| image.pixel(x, 50)[..3] == [200, 200, 200]).count();
        assert!(flat < 10, "{position}: {flat} of 100 columns show nothing");
    }
}

#[test]
fn contain_pads_with_the_background() {
    let input = Image::from_fn(100, 50, |_, _| [10, 20, 30, 255]).png();
    let result = process("resize?width=60&height=60&fit=contain&background=ff8000", "a.png", &input).unwrap();
    let image = decode_png(result.bytes("a.png"));
    assert_eq!(
        (image.pixel(30, 5)[..3].to_vec(), image.pixel(30, 30)[..3].to_vec()),
        (vec![255, 128, 0], vec![10, 20, 30])
    );
}

#[test]
fn without_enlargement_leaves_small_inputs_alone() {
    let input = picture(50, 40).png();
    let result = process("resize?width=100&without-enlargement", "a.png", &input);
    assert_eq!(decode_png(result.unwrap().bytes("a.png")).size(), (50, 40));
    let result = process("resize?width=100", "a.png", &input).unwrap();
    assert_eq!(decode_png(result.bytes("a.png")).size(), (100, 80));
}

#[test]
fn a_ladder_gives_every_width_in_every_format_and_a_srcset() {
    let result = process("resize?widths=64,32&formats=webp,jpeg", "my photo.png", &picture(200, 100).png()).unwrap();
    assert_eq!(result.names(), ["my photo-32w.jpg", "my photo-32w.webp", "my photo-64w.jpg", "my photo-64w.webp"]);
    let srcset = &result.properties["srcset"];
    assert_eq!(srcset[0]["type"], "image/webp");
    assert_eq!(srcset[0]["srcset"], "my%20photo-32w.webp 32w, my%20photo-64w.webp 64w");
    assert_eq!(properties_of(&result, "my photo-64w.jpg")["height"], 32);
}

#[test]
fn the_eight_orientations_come_out_alike() {
    let Some(folder) = corpus("images") else { return };
    let mut looks = Vec::new();
    for number in 1..=8 {
        let name = format!("orientation-Portrait_{number}.jpg");
        let bytes = fs_err::read(folder.join(&name)).unwrap();
        let result = process("resize?width=90&format=png", &name, &bytes).unwrap();
        let image = decode_png(result.bytes(&name.replace(".jpg", ".png")));
        assert_eq!(image.size(), (90, 135), "{number}");
        assert_eq!(result.properties["orientationApplied"], number > 1);
        looks.push(image);
    }
    for (number, look) in looks.iter().enumerate().skip(1) {
        let difference = looks[0].mean_difference(look);
        // Each has its number written on it.
        assert!(difference < 4.0, "orientation {} differs by {difference}", number + 1);
    }
}

#[test]
fn results_larger_than_the_limit_are_refused_as_requests() {
    let failure = process("resize?width=65535&height=65535&fit=fill", "a.png", &picture(4, 4).png()).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidRequest);
    assert!(failure.to_string().contains("max-megapixels"), "{failure}");
}

#[test]
fn a_truncated_jpeg_is_an_error_unless_what_is_there_is_wanted() {
    let whole = process("convert?format=jpeg", "a.png", &picture(256, 256).png()).unwrap();
    let bytes = &whole.bytes("a.jpg")[..whole.bytes("a.jpg").len() * 2 / 3];
    let failure = process("resize?width=64", "a.jpg", bytes).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidInput);
    assert!(failure.to_string().contains("truncated"), "{failure}");
    let result = process("resize?width=64&allow-truncated", "a.jpg", bytes).unwrap();
    assert_eq!(result.properties["truncated"], true);
    assert_eq!(result.names(), ["a.jpg"]);
}
