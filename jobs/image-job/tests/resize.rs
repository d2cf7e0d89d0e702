//! `resize`, looked at through its results.

mod common;

use common::{Image, decode_png, picture, process, properties_of};
use contract::FailureKind;
use operation_testing::corpus;

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
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn the_eight_orientations_come_out_alike() {
    let folder = corpus("images");
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

/// Luma and chroma of a JPEG are resampled apart, those of a PNG of them together.
#[test]
fn a_jpeg_is_resized_as_its_pixels_are() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crates/pixels/tests/fixtures/jpeg");
    for name in
        ["optimised_tables.jpg", "chroma_halved_across.jpg", "chroma_whole.jpg", "progressive_with_restarts.jpg"]
    {
        let bytes = fs_err::read(format!("{folder}/{name}")).unwrap();
        let whole = process("convert?format=png", name, &bytes).unwrap();
        let pixels = whole.bytes(whole.names()[0]);
        for option in [
            "width=41",
            "width=20",
            "width=8",
            "width=30&height=30&fit=cover&position=right-bottom",
            "width=37&height=29&fit=fill",
            "width=37&height=29&fit=contain&background=ff0000",
            "width=201",
        ] {
            for format in ["png", "jpeg&quality=100", "jpeg&quality=89"] {
                let resized = |name: &str, bytes: &[u8]| {
                    let result = process(&format!("resize?{option}&format={format}"), name, bytes).unwrap();
                    let (made, bytes) = (result.names()[0].to_owned(), result.bytes(result.names()[0]));
                    let shown = process("convert?format=png", &made, bytes).unwrap();
                    decode_png(shown.bytes(shown.names()[0]))
                };
                let difference = resized(name, &bytes).mean_difference(&resized("a.png", pixels));
                // Of 255. It was 2.2 at most.
                assert!(difference < 3.0, "{name} {option} {format}: {difference}");
            }
        }
    }
}

#[test]
fn a_jpeg_of_the_same_size_keeps_what_it_shows() {
    for size in [(256, 200), (83, 61), (17, 16), (16, 33), (1, 1)] {
        let input = process("convert?format=jpeg&quality=89", "a.png", &picture(size.0, size.1).png()).unwrap();
        let input = input.bytes("a.jpg");
        let before = decode_png(process("convert?format=png", "a.jpg", input).unwrap().bytes("a.png"));
        for option in ["quality=89", "quality=89&progressive", "quality=95"] {
            let again = process(&format!("convert?format=jpeg&{option}"), "a.jpg", input).unwrap();
            let after =
                decode_png(process("convert?format=png", "a.jpg", again.bytes("a.jpg")).unwrap().bytes("a.png"));
            assert_eq!(after.size(), size);
            let difference = after.mean_difference(&before);
            assert!(difference < 1.5, "{size:?} {option}: {difference}");
            assert!(again.properties["placeholder"].as_str().is_some_and(|hash| hash.len() > 10));
        }
    }
}

#[test]
fn each_filter_does_at_an_edge_what_it_is_known_for() {
    let edge = Image::from_fn(8, 8, |x, _| if x < 4 { [100, 100, 100, 255] } else { [200, 200, 200, 255] });
    for (filter, overshoot) in [("nearest", 0..=0), ("bilinear", 0..=0), ("mitchell", 1..=5), ("lanczos3", 4..=12)] {
        let option = format!("resize?width=64&height=8&fit=fill&filter={filter}&format=png");
        let image = decode_png(process(&option, "a.png", &edge.png()).unwrap().bytes("a.png"));
        let row: Vec<u8> = (0..64).map(|x| image.pixel(x, 4)[0]).collect();
        let most = i32::from(*row.iter().max().unwrap()) - 200;
        assert!(overshoot.contains(&most), "{filter} overshoots by {most}: {row:?}");
        let between = row.iter().filter(|sample| (110..190).contains(*sample)).count();
        assert_eq!(between > 0, filter != "nearest", "{filter}: {row:?}");
    }
}

#[test]
fn each_of_the_nine_positions_keeps_its_part() {
    // Nine fields, each with a red and a green of its own.
    let fields = Image::from_fn(90, 90, |x, y| [(x / 30 * 100) as u8, (y / 30 * 100) as u8, 0, 255]);
    for (row, vertical) in ["top", "", "bottom"].into_iter().enumerate() {
        for (column, horizontal) in ["left", "", "right"].into_iter().enumerate() {
            let name = match (horizontal, vertical) {
                ("", "") => "centre".to_owned(),
                ("", one) | (one, "") => one.to_owned(),
                (horizontal, vertical) => format!("{horizontal}-{vertical}"),
            };
            // Tall keeps the row, wide the column: two cuts tell both.
            let kept = |width: u32, height: u32| {
                let option = format!("resize?width={width}&height={height}&fit=cover&position={name}&filter=nearest");
                let result = process(&option, "a.png", &fields.png()).unwrap();
                let image = decode_png(result.bytes("a.png"));
                image.pixel(width / 2, height / 2)
            };
            assert_eq!(usize::from(kept(10, 90)[0]), column * 100, "{name}");
            assert_eq!(usize::from(kept(90, 10)[1]), row * 100, "{name}");
        }
    }
}

#[test]
fn sixteen_bits_are_resampled_as_sixteen_bits() {
    // A ramp in steps of 16 of 65536: eight bits would have a step for sixteen of them.
    let samples: Vec<u8> = (0..64).flat_map(|_| (0..64_u16).flat_map(|x| (30_000 + x * 16).to_be_bytes())).collect();
    let mut input = Vec::new();
    let mut encoder = png::Encoder::new(&mut input, 64, 64);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Sixteen);
    encoder.write_header().unwrap().write_image_data(&samples).unwrap();
    let result = process("resize?width=32", "a.png", &input).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(result.bytes("a.png"))).read_info().unwrap();
    assert_eq!(reader.output_color_type(), (png::ColorType::Grayscale, png::BitDepth::Sixteen));
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut data).unwrap();
    for (x, sample) in data[..64].as_chunks::<2>().0.iter().enumerate().skip(4).take(24) {
        let wanted = 30_000 + x as i32 * 32 + 8;
        assert!((i32::from(u16::from_be_bytes(*sample)) - wanted).abs() <= 2, "{x}: {sample:?}");
    }
}

#[test]
fn placeholders_show_what_the_picture_shows() {
    let half = Image::from_fn(60, 40, |x, _| if x < 40 { [200, 30, 40, 255] } else { [20, 60, 220, 255] });
    for (option, name) in
        [("resize?width=30", "a.png"), ("convert?format=jpeg", "a.png"), ("convert?format=gif", "a.png")]
    {
        let result = process(option, name, &half.png()).unwrap();
        assert_eq!(result.properties["dominantColour"].as_str().unwrap()[..3], *"#c8", "{option}");
        let hash = base64(result.properties["placeholder"].as_str().unwrap());
        let (width, height, pixels) = thumbhash::thumb_hash_to_rgba(&hash).unwrap();
        assert!((width as f64 / height as f64 - 1.5).abs() < 0.2, "{width} × {height}");
        let at = |x: usize| &pixels[(height / 2 * width + x) * 4..][..3];
        assert!(at(width / 6)[0] > at(width / 6)[2] && at(width - 2)[2] > at(width - 2)[0], "{option}");
    }
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
