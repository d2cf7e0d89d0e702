//! TIFFs of every layout that writers make, looked at through their pixels.

mod common;

use common::tiff::{Order, Page, Value, tiff};
use common::{Image, decode_png, picture, process};
use contract::FailureKind;

const SIZE: (u32, u32) = (60, 44);
/// Numbers of tags.
const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const FILL_ORDER: u16 = 266;
const SAMPLES: u16 = 277;
const ROWS_PER_STRIP: u16 = 278;
const PLANAR: u16 = 284;
const PREDICTOR: u16 = 317;
const COLOUR_MAP: u16 = 320;
const EXTRA_SAMPLES: u16 = 338;
const SAMPLE_FORMAT: u16 = 339;

fn short(tag: u16, value: u16) -> (u16, Value) {
    (tag, Value::Short(vec![value]))
}

/// Tags of samples of that many bits.
fn layout(photometric: u16, samples: u16, bits: u16) -> Vec<(u16, Value)> {
    let bits = (BITS, Value::Short(vec![bits; usize::from(samples)]));
    vec![short(PHOTOMETRIC, photometric), short(SAMPLES, samples), bits]
}

fn with(mut tags: Vec<(u16, Value)>, more: &[(u16, Value)]) -> Vec<(u16, Value)> {
    tags.extend_from_slice(more);
    tags
}

fn shown(option: &str, file: &[u8]) -> Image {
    decode_png(process(option, "a.tif", file).unwrap_or_else(|failure| panic!("{failure}")).bytes("a.png"))
}

fn show(file: &[u8]) -> Image {
    shown("convert?format=png", file)
}

fn one(tags: &[(u16, Value)], pixels: Vec<u8>) -> Vec<u8> {
    tiff(&[Page::new(SIZE, tags, pixels)], Order::default())
}

fn rgb(image: &Image) -> Vec<u8> {
    image.pixels.iter().flat_map(|pixel| &pixel[..3]).copied().collect()
}

fn grey() -> Image {
    Image::from_fn(SIZE.0, SIZE.1, |x, y| {
        let level = (x * 3 + y) as u8;
        [level, level, level, 255]
    })
}

/// Packs numbers of few bits, each row from a whole byte on.
fn pack(numbers: impl Iterator<Item = u64>, bits: usize, in_row: usize) -> Vec<u8> {
    let numbers: Vec<u64> = numbers.collect();
    let mut packed = Vec::new();
    for row in numbers.chunks(in_row) {
        let digits: Vec<u8> =
            row.iter().flat_map(|number| (0..bits).rev().map(move |bit| (number >> bit & 1) as u8)).collect();
        packed
            .extend(digits.chunks(8).map(|byte| byte.iter().enumerate().map(|(at, bit)| bit << (7 - at)).sum::<u8>()));
    }
    packed
}

#[test]
fn greys_of_every_depth_are_the_same_greys() {
    let image = grey();
    let levels = || image.pixels.iter().map(|pixel| u64::from(pixel[0]));
    for bits in [1_u32, 2, 3, 4, 6, 8, 12, 16, 24, 32] {
        let most = (1_u64 << bits) - 1;
        let numbers = levels().map(|level| (level * most + 127) / 255);
        // The file's order of bytes is the most significant first, as that of bits.
        let pixels = pack(numbers.clone(), bits as usize, SIZE.0 as usize);
        let order = Order { big_endian: true, big: false };
        for photometric in [0, 1] {
            let tags = layout(photometric, 1, bits as u16);
            let back = show(&tiff(&[Page::new(SIZE, &tags, pixels.clone())], order));
            for (pixel, number) in back.pixels.iter().zip(numbers.clone()) {
                let number = if photometric == 0 { most - number } else { number };
                let wanted = (number * 255 + most / 2) / most;
                assert!(u64::from(pixel[0]).abs_diff(wanted) <= 1, "{bits} bits, {photometric}: {pixel:?} {wanted}");
            }
        }
    }
}

#[test]
fn numbers_with_a_sign_and_of_floating_point_are_read() {
    let image = grey();
    let levels = || image.pixels.iter().map(|pixel| pixel[0]);
    let format = |format| short(SAMPLE_FORMAT, format);
    let tags = |bits, kind| with(layout(1, 1, bits), &[format(kind)]);
    let signed = levels().map(|level| level ^ 0x80).collect();
    assert!(show(&one(&tags(8, 2), signed)).mean_difference(&image) < 0.01);
    let signed = levels().flat_map(|level| ((i16::from(level) - 128) * 256).to_le_bytes()).collect();
    assert!(show(&one(&tags(16, 2), signed)).mean_difference(&image) < 0.5);
    let float = levels().flat_map(|level| (f32::from(level) / 255.0).to_le_bytes()).collect();
    assert!(show(&one(&tags(32, 3), float)).mean_difference(&image) < 0.3);
    let double = levels().flat_map(|level| (f64::from(level) / 255.0).to_le_bytes()).collect();
    assert!(show(&one(&tags(64, 3), double)).mean_difference(&image) < 0.3);
    // 1 is 0x3c00, a half 0x3800, a quarter 0x3400.
    let half = [0x3c00_u16, 0x3800, 0x3400, 0].iter().flat_map(|number| number.to_le_bytes()).collect();
    let back = show(&tiff(&[Page::new((4, 1), &tags(16, 3), half)], Order::default()));
    for (pixel, wanted) in back.pixels.iter().zip([255_u8, 128, 64, 0]) {
        assert!(pixel[0].abs_diff(wanted) <= 1, "{:?}", back.pixels);
    }
}

#[test]
fn numbers_that_reach_far_beyond_one_are_scaled_and_that_is_said() {
    let image = grey();
    let numbers = |scale: f32| image.pixels.iter().flat_map(move |pixel| (f32::from(pixel[0]) * scale).to_le_bytes());
    let tags = with(layout(1, 1, 32), &[short(SAMPLE_FORMAT, 3)]);
    for scale in [1.0, 257.0] {
        let file = one(&tags, numbers(scale).collect());
        let result = process("convert?format=png", "a.tif", &file).unwrap();
        assert!(decode_png(result.bytes("a.png")).mean_difference(&image) < 0.5, "{scale}");
        assert!(result.properties["warnings"].to_string().contains("black and white"), "{:?}", result.properties);
    }
    // What the file says counts.
    let range = [(340, Value::Float(vec![0.0])), (341, Value::Float(vec![510.0]))];
    let darker = show(&one(&with(tags, &range), numbers(1.0).collect()));
    assert!(darker.pixels.iter().zip(&image.pixels).all(|(dark, pixel)| dark[0].abs_diff(pixel[0] / 2) <= 1));
}

/// Compresses a strip.
type Codec<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

#[test]
fn every_byte_order_compression_and_prediction_gives_the_same_pixels() {
    let image = picture(SIZE.0, SIZE.1);
    let plain = rgb(&image);
    let row = SIZE.0 as usize * 3;
    let predicted: Vec<u8> = plain
        .chunks(row)
        .flat_map(|row| (0..row.len()).map(|at| if at < 3 { row[at] } else { row[at].wrapping_sub(row[at - 3]) }))
        .collect();
    let lzw =
        |bytes: &[u8]| weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8).encode(bytes).unwrap();
    let old_lzw = |bytes: &[u8]| weezl::encode::Encoder::new(weezl::BitOrder::Lsb, 8).encode(bytes).unwrap();
    let deflate = |bytes: &[u8]| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |bytes: &[u8]| ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
    // Literals of at most 128 bytes.
    let pack_bits =
        |bytes: &[u8]| bytes.chunks(128).flat_map(|part| [&[(part.len() - 1) as u8], part].concat()).collect();
    let codecs: [(u16, Codec<'_>); 6] =
        [(1, &<[u8]>::to_vec), (5, &lzw), (5, &old_lzw), (8, &deflate), (32_773, &pack_bits), (50_000, &zstd)];
    for (compression, codec) in codecs {
        for (predictor, pixels) in [(1, &plain), (2, &predicted)] {
            for order in [(false, false), (true, false), (false, true)] {
                let order = Order { big_endian: order.0, big: order.1 };
                let tags = with(
                    layout(2, 3, 8),
                    &[short(COMPRESSION, compression), short(PREDICTOR, predictor), short(ROWS_PER_STRIP, 10)],
                );
                let mut page = Page::new(SIZE, &tags, Vec::new());
                page.chunks = pixels.chunks(row * 10).map(codec).collect();
                assert!(
                    show(&tiff(&[page], order)) == image,
                    "compression {compression}, predictor {predictor}, {order:?}"
                );
            }
        }
    }
}

#[test]
fn bits_in_the_other_order_are_turned_around() {
    let image = picture(SIZE.0, SIZE.1);
    let reversed = rgb(&image).iter().map(|byte| byte.reverse_bits()).collect();
    assert!(show(&one(&with(layout(2, 3, 8), &[short(FILL_ORDER, 2)]), reversed)) == image);
}

#[test]
fn planes_and_tiles_larger_than_the_picture_are_put_together() {
    let image = picture(SIZE.0, SIZE.1);
    let plane = |channel: usize| image.pixels.iter().map(move |pixel| pixel[channel]);
    let tags = with(layout(2, 3, 8), &[short(PLANAR, 2)]);
    let mut planes = Page::new(SIZE, &tags, Vec::new());
    planes.chunks = (0..3).map(|channel| plane(channel).collect()).collect();
    assert!(show(&tiff(&[planes], Order::default())) == image);

    for is_planar in [false, true] {
        let mut tiles = Page::new(SIZE, &layout(2, 3, 8), Vec::new());
        tiles.tags.extend([short(322, 32), short(323, 16), short(PLANAR, if is_planar { 2 } else { 1 })]);
        (tiles.is_tiled, tiles.chunks) = (true, Vec::new());
        let channels: &[&[usize]] = if is_planar { &[&[0], &[1], &[2]] } else { &[&[0, 1, 2]] };
        for channels in channels {
            for (top, left) in [(0, 0), (0, 32), (16, 0), (16, 32), (32, 0), (32, 32)] {
                let places = (top..top + 16_u32).flat_map(|y| (left..left + 32_u32).map(move |x| (x, y)));
                let tile = places.flat_map(|(x, y)| {
                    let pixel = if x < SIZE.0 && y < SIZE.1 { image.pixel(x, y) } else { [77; 4] };
                    channels.iter().map(move |channel| pixel[*channel])
                });
                tiles.chunks.push(tile.collect());
            }
        }
        assert!(show(&tiff(&[tiles], Order::default())) == image, "planar: {is_planar}");
    }
}

#[test]
fn palettes_are_resolved() {
    let colours: Vec<[u8; 3]> = (0..16).map(|at: u8| [at * 16, 255 - at * 10, at * 7]).collect();
    let image = Image::from_fn(SIZE.0, SIZE.1, |x, y| {
        let [red, green, blue] = colours[((x + y) % 16) as usize];
        [red, green, blue, 255]
    });
    let indices = || (0..SIZE.1).flat_map(|y| (0..SIZE.0).map(move |x| u64::from((x + y) % 16)));
    for (bits, factor) in [(4, 257), (4, 1), (8, 257)] {
        let count = 1 << bits;
        let entry = |at: usize, channel: usize| colours.get(at).map_or(0, |colour| u16::from(colour[channel]) * factor);
        let map =
            (0..3).flat_map(|channel| (0..count).map(move |at| (at, channel))).map(|(at, c)| entry(at, c)).collect();
        let tags = with(layout(3, 1, bits), &[(COLOUR_MAP, Value::Short(map))]);
        assert!(
            show(&one(&tags, pack(indices(), usize::from(bits), SIZE.0 as usize))) == image,
            "{bits} bits, {factor}"
        );
    }
}

#[test]
fn opacity_is_where_the_file_says_and_is_divided_out_where_it_was_multiplied_in() {
    let image = Image::from_fn(SIZE.0, SIZE.1, |x, y| [200, (x * 4) as u8, 40, 64 + y as u8 * 4]);
    let straight: Vec<u8> = image.pixels.as_flattened().to_vec();
    let multiplied = image.pixels.iter().flat_map(|&[red, green, blue, alpha]| {
        let by_alpha = |sample: u8| ((u32::from(sample) * u32::from(alpha) + 127) / 255) as u8;
        [by_alpha(red), by_alpha(green), by_alpha(blue), alpha]
    });
    let tags = |kind: u16| with(layout(2, 4, 8), &[short(EXTRA_SAMPLES, kind)]);
    assert!(show(&one(&tags(2), straight.clone())) == image);
    assert!(show(&one(&tags(0), straight)) == image);
    assert!(show(&one(&tags(1), multiplied.collect())).mean_difference(&image) < 1.0);
    // A spot colour before the opacity is left out, and that is said.
    let five = image.pixels.iter().flat_map(|&[red, green, blue, alpha]| [red, green, blue, 99, alpha]).collect();
    let file = one(&with(layout(2, 5, 8), &[(EXTRA_SAMPLES, Value::Short(vec![0, 2]))]), five);
    let result = process("convert?format=png", "a.tif", &file).unwrap();
    assert!(decode_png(result.bytes("a.png")) == image);
    assert!(result.properties["warnings"].to_string().contains("channels"), "{:?}", result.properties);
    // Grey with opacity.
    let pairs = image.pixels.iter().flat_map(|pixel| [pixel[1], pixel[3]]).collect();
    let back = show(&one(&with(layout(1, 2, 8), &[short(EXTRA_SAMPLES, 2)]), pairs));
    assert!(back.pixels.iter().zip(&image.pixels).all(|(back, pixel)| (back[0], back[3]) == (pixel[1], pixel[3])));
}

#[test]
fn luma_and_chroma_become_red_green_and_blue() {
    // Smooth, so that chroma of half the size loses nothing that can be seen.
    let image = Image::from_fn(SIZE.0, SIZE.1, |x, y| [(x * 4) as u8, 128, (y * 5) as u8, 255]);
    let ycbcr = |pixel: [u8; 4]| {
        let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(f64::from);
        let luma = 0.299 * red + 0.587 * green + 0.114 * blue;
        [luma, (blue - luma) / 1.772 + 128.0, (red - luma) / 1.402 + 128.0].map(|sample| sample.round() as u8)
    };
    let whole = image.pixels.iter().flat_map(|pixel| ycbcr(*pixel)).collect();
    let step = |across, down| (530, Value::Short(vec![across, down]));
    assert!(show(&one(&with(layout(6, 3, 8), &[step(1, 1)]), whole)).mean_difference(&image) < 1.0);
    let mut halved = Vec::new();
    for (x, y) in (0..SIZE.1).step_by(2).flat_map(|y| (0..SIZE.0).step_by(2).map(move |x| (x, y))) {
        let block = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(right, below)| ycbcr(image.pixel(x + right, y + below)));
        halved.extend(block.map(|sample| sample[0]));
        halved.extend([block[0][1], block[0][2]]);
    }
    assert!(show(&one(&with(layout(6, 3, 8), &[step(2, 2)]), halved)).mean_difference(&image) < 3.0);
}

#[test]
fn cielab_becomes_srgb() {
    // L*, a*, b* of sRGB's white, mid grey and red, with the white of D50 (by LittleCMS).
    let pixels = vec![255, 0, 0, 137, 0, 0, 138, 81, 70];
    let back = show(&tiff(&[Page::new((3, 1), &layout(8, 3, 8), pixels)], Order::default()));
    for (pixel, wanted) in back.pixels.iter().zip([[255, 255, 255], [128, 128, 128], [255, 0, 0]]) {
        assert!(pixel.iter().zip(wanted).all(|(sample, wanted)| sample.abs_diff(wanted) <= 4), "{:?}", back.pixels);
    }
}

#[test]
fn ink_is_laid_on_white() {
    let pixels = vec![0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255];
    let back = show(&tiff(&[Page::new((3, 1), &layout(5, 4, 8), pixels)], Order::default()));
    assert_eq!(back.pixels, [[255; 4], [0, 255, 255, 255], [0, 0, 0, 255]]);
}

const SHOWN: &[u8] = include_bytes!("fixtures/tiff/what_they_show.png");

#[test]
fn jpeg_webp_and_deflated_planes_of_tiles_inside_look_as_their_source() {
    let shown = decode_png(SHOWN);
    for (name, file) in [
        ("jpeg", &include_bytes!("fixtures/tiff/jpeg_luma_and_chroma.tif")[..]),
        ("webp", include_bytes!("fixtures/tiff/webp.tif")),
        ("planes of tiles", include_bytes!("fixtures/tiff/deflated_tiles_of_planes.tif")),
    ] {
        let difference = show(file).mean_difference(&shown);
        assert!(difference < 4.0, "{name}: {difference}");
    }
}

#[test]
fn facsimile_of_every_kind_shows_the_same_lines() {
    let files = [
        &include_bytes!("fixtures/tiff/fax_group_3.tif")[..],
        include_bytes!("fixtures/tiff/fax_runs.tif"),
        include_bytes!("fixtures/tiff/fax_group_4_rows_per_strip_4294967295.tif"),
    ];
    // They were made of the levels of this picture, dithered.
    let shown = decode_png(SHOWN);
    let level = |image: &Image| {
        let sum: u64 =
            image.pixels.iter().map(|pixel| u64::from(pixel[0]) + u64::from(pixel[1]) + u64::from(pixel[2])).sum();
        sum as f64 / 3.0 / image.pixels.len() as f64
    };
    for file in files {
        let image = show(file);
        assert_eq!(image.size(), (120, 80));
        assert!(image.pixels.iter().all(|pixel| matches!(pixel[0], 0 | 255)));
        assert!((level(&image) - level(&shown)).abs() < 12.0, "{} {}", level(&image), level(&shown));
    }
    assert!(show(files[0]) == show(files[1]) && show(files[0]) == show(files[2]));
}

#[test]
fn facsimile_in_two_dimensions_is_read() {
    // A line by runs (T.4): 1 mark and tag 1; white 4 (1011), black 3 (10), white 5 (1100), black 4 (011).
    // A line like the one before: 1 mark and tag 0; the four changes each lie below those before (1).
    let bits =
        "000000000001".to_owned() + "1" + "1011" + "10" + "1100" + "011" + "000000000001" + "0" + "1" + "1" + "1" + "1";
    let bytes = pack(bits.bytes().map(|digit| u64::from(digit - b'0')), 1, 1024);
    let tags = with(layout(0, 1, 1), &[short(COMPRESSION, 3), (292, Value::Long(vec![1]))]);
    let image = show(&tiff(&[Page::new((16, 2), &tags, bytes)], Order::default()));
    let line: String = image.pixels[..16].iter().map(|pixel| if pixel[0] == 0 { '#' } else { '.' }).collect();
    assert_eq!(line, "....###.....####");
    assert_eq!(image.pixels[..16], image.pixels[16..]);
}

/// One picture of one colour.
fn page(size: (u32, u32), colour: [u8; 3], tags: &[(u16, Value)]) -> Page {
    let pixels = colour.repeat((size.0 * size.1) as usize);
    Page::new(size, &with(layout(2, 3, 8), tags), pixels)
}

#[test]
fn a_page_can_be_chosen_and_the_others_are_named() {
    let pages = [page((8, 6), [255, 0, 0], &[]), page((10, 4), [0, 255, 0], &[]), page((2, 2), [0, 0, 255], &[])];
    let file = tiff(&pages, Order::default());
    let first = process("convert?format=png", "a.tif", &file).unwrap();
    assert_eq!((decode_png(first.bytes("a.png")).size(), first.properties["pages"].as_u64()), ((8, 6), Some(3)));
    assert!(first.properties["warnings"].to_string().contains("2 further pages"), "{:?}", first.properties);
    let second = process("convert?format=png&page=2", "a.tif", &file).unwrap();
    assert_eq!(decode_png(second.bytes("a.png")).pixel(9, 3), [0, 255, 0, 255]);
    assert!(!second.properties.contains_key("warnings"), "{:?}", second.properties);
    let failure = process("convert?format=png&page=4", "a.tif", &file).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidRequest);
    assert!(failure.to_string().contains("1 to 3"), "{failure}");
}

#[test]
fn smaller_copies_are_not_taken_for_the_picture() {
    let reduced = (254, Value::Long(vec![1]));
    let whole = page((30, 20), [1, 200, 30], &[]);
    let below = page((3, 2), [9, 9, 9], &[reduced.clone(), (330, Value::Below(vec![whole.clone()]))]);
    assert_eq!(show(&tiff(&[below], Order::default())).pixel(29, 19), [1, 200, 30, 255]);
    let copy = page((3, 2), [9, 9, 9], std::slice::from_ref(&reduced));
    for pages in [[copy.clone(), whole.clone()], [whole, copy.clone()]] {
        let result = process("convert?format=png", "a.tif", &tiff(&pages, Order::default())).unwrap();
        assert_eq!(decode_png(result.bytes("a.png")).size(), (30, 20));
        assert!(!result.properties.contains_key("pages"));
    }
    // A camera's raw data are not a picture yet, and its thumbnail is not one either.
    let raw = Page::new((30, 20), &layout(32_803, 1, 16), vec![0; 1200]);
    let copy = Page { tags: with(copy.tags.clone(), &[(330, Value::Below(vec![raw]))]), ..copy };
    let failure = process("convert?format=png", "a.tif", &tiff(&[copy], Order::default())).unwrap_err();
    assert!(failure.to_string().contains("raw"), "{failure}");
}

#[test]
fn rows_before_the_end_of_a_cut_file_are_kept_where_that_is_allowed() {
    let image = picture(SIZE.0, SIZE.1);
    let row = SIZE.0 as usize * 3;
    let tags = with(layout(2, 3, 8), &[short(ROWS_PER_STRIP, 4)]);
    let mut page = Page::new(SIZE, &tags, Vec::new());
    page.chunks = rgb(&image).chunks(row * 4).map(<[u8]>::to_vec).collect();
    let mut file = tiff(&[page], Order::default());
    // From the sixth strip on they lie behind the end.
    let places: Vec<u8> = (0..11).flat_map(|strip| (8 + strip * row as u32 * 4).to_le_bytes()).collect();
    let at = file.windows(places.len()).position(|window| window == places).unwrap();
    file[at + 5 * 4..at + places.len()].copy_from_slice(&u32::MAX.to_le_bytes().repeat(6));
    let failure = process("convert?format=png", "a.tif", &file).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidInput);
    assert!(failure.to_string().contains("truncated; allow-truncated"), "{failure}");
    let result = process("convert?format=png&allow-truncated", "a.tif", &file).unwrap();
    assert_eq!(result.properties["truncated"], true);
    let back = decode_png(result.bytes("a.png"));
    assert!(back.pixels[..60 * 20] == image.pixels[..60 * 20]);
    assert!(back.pixels[60 * 20..].iter().all(|pixel| *pixel == [0, 0, 0, 255]));
}

#[test]
fn no_part_of_a_tiff_makes_the_decoder_fail_otherwise_than_by_a_reason() {
    let image = picture(6, 5);
    let mut page = Page::new((6, 5), &with(layout(2, 3, 8), &[short(COMPRESSION, 5)]), Vec::new());
    page.chunks =
        vec![weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8).encode(&rgb(&image)).unwrap()];
    let file = tiff(&[page], Order::default());
    for at in 0..file.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut file = file.clone();
            file[at] ^= change;
            if let Err(failure) = process("convert?format=png&max-megapixels=1&allow-truncated", "a.tif", &file) {
                assert_ne!(failure.kind(), FailureKind::Internal, "byte {at}: {failure}");
            }
        }
    }
}

/// A baseline JPEG of a part of a picture, with the tables that all such JPEGs have.
fn baseline(image: &Image, top: u32, height: u32) -> Vec<u8> {
    let part = Image::from_fn(image.width, height, |x, y| image.pixel(x, top + y));
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95);
    encoder.encode(&rgb(&part), image.width, height, image::ExtendedColorType::Rgb8).unwrap();
    bytes
}

/// The segments of a JPEG that begin with those markers, and the data of its scan.
fn parts(jpeg: &[u8], markers: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let (mut segments, mut at) = (Vec::new(), 2);
    loop {
        let marker = jpeg[at + 1];
        let end = at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        if markers.contains(&marker) {
            segments.push(jpeg[at..end].to_vec());
        }
        if marker == 0xda {
            return (segments, jpeg[end..jpeg.len() - 2].to_vec());
        }
        at = end;
    }
}

#[test]
fn jpeg_as_tiff_had_it_first_is_read_in_each_of_its_forms() {
    let image = picture(SIZE.0, SIZE.1);
    let whole = baseline(&image, 0, SIZE.1);
    let strips: Vec<Vec<u8>> = [(0, 16), (16, 16), (32, 12)].map(|(top, height)| baseline(&image, top, height)).into();
    let data: Vec<Vec<u8>> = strips.iter().map(|strip| parts(strip, &[]).1).collect();
    let (frames, _) = parts(&whole, &[0xc0]);
    let chroma_step = frames[0][11];
    let tags = |more: &[(u16, Value)]| {
        let step = (530, Value::Short(vec![u16::from(chroma_step >> 4), u16::from(chroma_step & 15)]));
        with(with(layout(6, 3, 8), &[short(COMPRESSION, 6), step]), more)
    };
    let in_strips = |more: &[(u16, Value)], chunks: &[Vec<u8>]| {
        let page = Page::new(SIZE, &tags(&with(vec![short(ROWS_PER_STRIP, 16)], more)), Vec::new());
        tiff(&[Page { chunks: chunks.to_vec(), ..page }], Order::default())
    };
    // The places of what the tags point to: behind the header of the file.
    let behind = |file: &[u8], part: &[u8]| {
        u32::try_from(file.windows(part.len()).position(|bytes| bytes == part).unwrap()).unwrap()
    };
    let point = |make: &dyn Fn(u32) -> Vec<u8>, part: &[u8]| make(behind(&make(0), part));

    // A whole stream, of which the only strip is the data.
    let stream = |at: u32| {
        let more = [(513, Value::Long(vec![at])), (514, Value::Long(vec![whole.len() as u32]))];
        one(&tags(&more), whole.clone())
    };
    let of_stream = point(&stream, &whole);
    // Each strip is a JPEG.
    let of_jpegs = in_strips(&[], &strips);
    // A head, behind which the strips are data alone.
    let (tables, _) = parts(&whole, &[0xdb, 0xc4, 0xc0, 0xda]);
    let head = [&[0xff, 0xd8][..], &tables.concat()].concat();
    let headed = |at: u32| {
        let more = [(513, Value::Long(vec![at])), (514, Value::Long(vec![head.len() as u32]))];
        [in_strips(&more, &data), head.clone()].concat()
    };
    let of_head = point(&headed, &head);
    // Tables apart: of quantisation, for the sums and for the rest.
    let quantisation: Vec<Vec<u8>> = parts(&whole, &[0xdb]).0.iter().map(|segment| segment[5..69].to_vec()).collect();
    let (huffman, _) = parts(&whole, &[0xc4]);
    let of_class = |class: u8| -> Vec<Vec<u8>> {
        let of_class = huffman.iter().filter(|segment| segment[4] >> 4 == class);
        of_class.map(|segment| segment[5..].to_vec()).collect()
    };
    let tables = [quantisation, of_class(0), of_class(1)];
    assert!(tables.iter().all(|tables| tables.len() == 2), "one table in a segment");
    let with_tables = |start: u32| {
        let mut at = start;
        let mut places = tables.iter().map(|tables| {
            let places = tables.iter().map(|table| (at, at += table.len() as u32).0).collect::<Vec<u32>>();
            Value::Long([places.clone(), vec![places[1]]].concat())
        });
        let more: Vec<(u16, Value)> = [519, 520, 521].into_iter().map(|tag| (tag, places.next().unwrap())).collect();
        [in_strips(&with(vec![short(512, 1)], &more), &data), tables.concat().concat()].concat()
    };
    let of_tables = point(&with_tables, &tables.concat().concat());

    for (name, file) in [("stream", of_stream), ("JPEGs", of_jpegs), ("head", of_head), ("tables", of_tables)] {
        let shown = show(&file);
        assert_eq!(shown.size(), SIZE, "{name}");
        let difference = shown.mean_difference(&image);
        assert!(difference < 4.0, "{name}: {difference}");
        // The strips are in their places: the last rows are as near as the first.
        let last = |image: &Image| Image::from_fn(SIZE.0, 8, |x, y| image.pixel(x, SIZE.1 - 8 + y));
        assert!(last(&shown).mean_difference(&last(&image)) < 6.0, "{name}");
    }
}
