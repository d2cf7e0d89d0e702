//! The same signal looks the same whatever container it came in.
//!
//! `fixtures/same_look` holds one picture, ramps of grey and three colours in steps of eight columns, said to be sRGB, Display
//! P3, PQ and HLG: as PNG (cICP), AVIF (avifenc 0.11 without loss), HEIC (libheif 1.19 of pillow-heif, quality 98, 4:4:4), and
//! JPEG XL (cjxl 0.7 without loss, and at distance 0.3, which stores XYB).

mod common;

use common::{Image, decode_png, process};

/// Display P3's to BT.709's primaries, calculated from their chromaticities.
const FROM_DISPLAY_P3: [[f64; 3]; 3] =
    [[1.224_94, -0.224_94, 0.0], [-0.042_057, 1.042_057, 0.0], [-0.019_638, -0.078_636, 1.098_274]];

const SIGNALS: [&str; 4] = ["srgb", "p3", "pq", "hlg"];

fn fixture(name: &str) -> Vec<u8> {
    fs_err::read(format!("{}/tests/fixtures/same_look/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn shown(name: &str, bytes: &[u8]) -> Image {
    let result = process("convert?format=png", name, bytes).unwrap_or_else(|failure| panic!("{name}: {failure}"));
    assert!(!result.properties.contains_key("warnings"), "{name}: {:?}", result.properties);
    decode_png(result.bytes(result.names()[0]))
}

fn largest_difference(left: &Image, right: &Image) -> u8 {
    assert_eq!(left.size(), right.size());
    let pairs = left.pixels.iter().flatten().zip(right.pixels.iter().flatten());
    pairs.map(|(left, right)| left.abs_diff(*right)).max().unwrap()
}

#[test]
fn a_picture_looks_the_same_in_png_avif_heic_and_jpeg_xl() {
    for signal in SIGNALS {
        let reference = shown("a.png", &fixture(&format!("{signal}.png")));
        for (extension, most) in [("avif", 0), ("jxl", 1), ("heic", 5)] {
            let name = format!("{signal}.{extension}");
            let difference = largest_difference(&reference, &shown(&name, &fixture(&name)));
            assert!(difference <= most, "{name} is {difference} levels off");
        }
        // With loss the middles of the steps stay, of grey and of the three colours, blue less than the others.
        let name = format!("{signal}_coded_by_perception.jxl");
        let picture = shown("a.jxl", &fixture(&name));
        for (step, row) in (0..8).flat_map(|step| (0..4).map(move |row| (step, row))) {
            let (x, y) = (step * 8 + 4, row * 8 + 4);
            let (wanted, shown) = (reference.pixel(x, y), picture.pixel(x, y));
            let bounds = if row == 0 { [6; 3] } else { [8, 8, 14] };
            let is_near = (0..3).all(|at| wanted[at].abs_diff(shown[at]) <= bounds[at]);
            assert!(is_near, "{name}: step {step} of row {row} is {shown:?} and not {wanted:?}");
        }
    }
}

#[test]
fn the_brightness_of_a_display_does_not_change_what_white_is() {
    let reference = shown("a.png", &fixture("srgb.png"));
    let picture = shown("a.jxl", &fixture("srgb_coded_by_perception_for_1000_cd.jxl"));
    let difference = reference.mean_difference(&picture);
    assert!(difference < 2.5, "{difference} levels off on average");
}

#[test]
fn the_look_is_the_one_that_the_standards_say() {
    let plain = shown("a.png", &fixture("srgb.png"));
    for x in 0..8 {
        let level = (x * 255 / 7) as u8;
        assert_eq!(plain.pixel(x * 8 + 4, 4), [level, level, level, 255]);
    }
    let linear = |code: u8| {
        let code = f64::from(code) / 255.0;
        if code <= 0.040_45 { code / 12.92 } else { ((code + 0.055) / 1.055).powf(2.4) }
    };
    let code = |linear: f64| {
        let linear = linear.clamp(0.0, 1.0);
        255.0 * if linear <= 0.003_130_8 { linear * 12.92 } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 }
    };
    let wide = shown("a.png", &fixture("p3.png"));
    for (from, to) in plain.pixels.iter().zip(&wide.pixels) {
        let light = [linear(from[0]), linear(from[1]), linear(from[2])];
        for (row, shown) in FROM_DISPLAY_P3.iter().zip(to) {
            let wanted = code(row.iter().zip(light).map(|(factor, light)| factor * light).sum());
            assert!((wanted - f64::from(*shown)).abs() < 1.6, "{from:?} is {to:?}, {wanted} was to be");
        }
    }
    // Diffuse white, 203 cd/m², is 58 % of PQ's codes and 75 % of HLG's (BT.2408): 148 and 191 of 255. The steps beside them are
    // 145 and 182.
    for (signal, step) in [("pq", 4), ("hlg", 5)] {
        let picture = shown("a.png", &fixture(&format!("{signal}.png")));
        let level = picture.pixel(step * 8 + 4, 4)[0];
        assert!((205..=240).contains(&level), "{signal}: {level}");
    }
}

#[test]
fn a_tiff_looks_as_what_it_was_made_of() {
    for (signal, option) in [("srgb", ""), ("p3", "&colour=keep"), ("pq", ""), ("hlg", "")] {
        let png = fixture(&format!("{signal}.png"));
        let tiff = process(&format!("convert?format=tiff{option}"), "a.png", &png).unwrap();
        let difference = largest_difference(&shown("a.png", &png), &shown("a.tiff", tiff.bytes("a.tiff")));
        assert!(difference <= 1, "{signal} is {difference} levels off");
    }
}

/// `fixtures/same_look/ink.jxl`: columns of eight of paper, cyan, magenta, yellow, black, half of black, cyan with magenta, and half
/// of all with a quarter of black, written by libjxl 0.7 without loss as three colours and an extra channel of black, with a
/// profile of inks made for these tests. The colours are `LittleCMS`'s, relative with black point compensation.
#[test]
fn ink_in_jpeg_xl_has_the_colours_of_its_profile() {
    let picture = shown("a.jxl", &fixture("ink.jxl"));
    for (at, wanted) in [
        [255, 255, 255],
        [5, 158, 224],
        [227, 2, 122],
        [255, 237, 3],
        [30, 28, 27],
        [141, 141, 141],
        [1, 0, 107],
        [94, 77, 68],
    ]
    .into_iter()
    .enumerate()
    {
        let shown = picture.pixel(at as u32 * 8 + 4, 4);
        let is_near = wanted.iter().zip(shown).all(|(wanted, shown): (&u8, u8)| wanted.abs_diff(shown) <= 4);
        assert!(is_near, "column {at}: {shown:?} and not {wanted:?}");
    }
}
