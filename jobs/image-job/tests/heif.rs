//! HEIC and AVIF, in and out, looked at through results.

mod common;

use common::heif::{Heif, Item, av1_of, boxed, grid, size};
use common::{Image, decode_png, picture, process};
use contract::FailureKind;
use operation_testing::corpus;

/// What `fixtures/ramp*.heic` show.
fn ramp() -> Image {
    Image::from_fn(64, 48, |x, y| [x as u8 * 4, y as u8 * 5, if (x / 16 + y / 16) % 2 == 1 { 128 } else { 30 }, 255])
}

fn fixture(name: &str) -> Vec<u8> {
    fs_err::read(format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn png_of(name: &str, bytes: &[u8]) -> Image {
    let result = process("convert?format=png", name, bytes).unwrap_or_else(|failure| panic!("{name}: {failure:?}"));
    decode_png(result.bytes("a.png"))
}

/// A picture cut out of another.
fn cut(image: &Image, x: u32, y: u32, width: u32, height: u32) -> Image {
    Image::from_fn(width, height, |column, row| image.pixel(x + column, y + row))
}

fn avif(image: &Image, options: &str) -> Vec<u8> {
    let result = process(&format!("convert?format=avif&{options}"), "a.png", &image.png()).unwrap();
    result.bytes("a.avif").to_vec()
}

#[test]
fn heic_shows_what_was_encoded() {
    let image = png_of("a.heic", &fixture("ramp.heic"));
    assert!(image.mean_difference(&ramp()) < 3.0, "{}", image.mean_difference(&ramp()));
    let half = png_of("a.heic", &fixture("ramp_half_transparent.heic"));
    assert!(half.pixel(10, 10)[3] > 250 && half.pixel(50, 10)[3].abs_diff(64) < 6, "{:?}", half.pixel(50, 10));
    let result = process("convert?format=png", "a.heic", &fixture("ramp_10_bits_should_be_16.heic")).unwrap();
    let reader = png::Decoder::new(std::io::Cursor::new(result.bytes("a.png"))).read_info().unwrap();
    assert_eq!(reader.output_color_type().1, png::BitDepth::Sixteen);
    assert!(decode_png(result.bytes("a.png")).mean_difference(&ramp()) < 3.0);
}

#[test]
fn avif_gives_back_what_was_written() {
    for (width, height) in [(128, 96), (61, 47), (1, 1), (3, 200)] {
        let image = picture(width, height);
        let back = png_of("a.avif", &avif(&image, "quality=95"));
        assert!(back.mean_difference(&image) < 2.5, "{width} × {height}: {}", back.mean_difference(&image));
    }
    let small = avif(&picture(128, 96), "quality=40");
    assert!(small.len() < avif(&picture(128, 96), "quality=90").len() * 2 / 3, "{} bytes", small.len());
    let faded = Image::from_fn(64, 64, |x, y| [200, (y * 4) as u8, 40, (x * 4) as u8]);
    let back = png_of("a.avif", &avif(&faded, "quality=90"));
    for x in [4, 32, 60] {
        assert!(back.pixel(x, 30)[3].abs_diff(x as u8 * 4) < 6, "{:?}", back.pixel(x, 30));
    }
}

#[test]
fn grey_stays_grey_and_colours_keep_their_profile() {
    let mut grey = Vec::new();
    let mut encoder = png::Encoder::new(&mut grey, 32, 32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&(0..1024).map(|n| (n / 4) as u8).collect::<Vec<u8>>()).unwrap();
    let written = process("convert?format=avif&quality=90", "a.png", &grey).unwrap();
    let back = process("convert?format=png", "a.avif", written.bytes("a.avif")).unwrap();
    let reader = png::Decoder::new(std::io::Cursor::new(back.bytes("a.png"))).read_info().unwrap();
    assert_eq!(reader.info().color_type, png::ColorType::Grayscale);

    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let mut info = png::Info::with_size(16, 16);
    info.icc_profile = Some(p3.into());
    let mut wide = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut wide, info).unwrap();
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&[200, 100, 50].repeat(256)).unwrap();
    let kept = process("convert?format=avif&quality=95&colour=keep", "a.png", &wide).unwrap();
    let as_srgb = png_of("a.avif", kept.bytes("a.avif")).pixel(8, 8);
    for (sample, wanted) in as_srgb.into_iter().zip([215, 93, 31, 255]) {
        assert!(sample.abs_diff(wanted) <= 4, "{as_srgb:?}");
    }
}

#[test]
fn metadata_goes_through_heif_and_back() {
    let mut info = png::Info::with_size(8, 8);
    let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    info.exif_metadata = Some(exif.into());
    let mut input = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut input, info).unwrap();
    encoder.set_color(png::ColorType::Rgb);
    encoder.add_itxt_chunk("XML:com.adobe.xmp".to_owned(), "<x:xmpmeta/>".to_owned()).unwrap();
    encoder.write_header().unwrap().write_image_data(&[90; 192]).unwrap();
    let kept = process("convert?format=avif&metadata=keep", "a.png", &input).unwrap();
    let back = process("convert?format=png&metadata=keep", "a.avif", kept.bytes("a.avif")).unwrap();
    let reader = png::Decoder::new(std::io::Cursor::new(back.bytes("a.png"))).read_info().unwrap();
    let exif = reader.info().exif_metadata.as_deref().expect("EXIF is kept");
    assert_eq!(exif[18..20], [0, 1], "the orientation is applied and reset");
    assert_eq!(reader.info().utf8_text[0].get_text().unwrap(), "<x:xmpmeta/>");
    let stripped = process("convert?format=avif", "a.png", &input).unwrap();
    assert!(!stripped.bytes("a.avif").windows(4).any(|window| window == b"Exif"));
}

/// A picture of 100 × 90 in four tiles of 64 × 64, cut from a larger one.
fn tiled() -> (Image, Heif) {
    let whole = picture(128, 128);
    let mut heif = Heif { brand: *b"avif", ..Heif::default() };
    heif.items.push(Item {
        kind: *b"grid",
        data: grid(2, 2, 100, 90),
        properties: vec![1],
        references: vec![(*b"dimg", vec![2, 3, 4, 5])],
    });
    for (x, y) in [(0, 0), (64, 0), (0, 64), (64, 64)] {
        let data = av1_of(&avif(&cut(&whole, x, y, 64, 64), "quality=95"));
        heif.items.push(Item { kind: *b"av01", data, properties: vec![2], ..Item::default() });
    }
    heif.properties = vec![size(100, 90), size(64, 64)];
    (cut(&whole, 0, 0, 100, 90), heif)
}

#[test]
fn tiles_make_a_picture() {
    let (wanted, heif) = tiled();
    let image = png_of("a.avif", &heif.to_bytes());
    assert_eq!(image.size(), (100, 90));
    assert!(image.mean_difference(&wanted) < 2.5, "{}", image.mean_difference(&wanted));
}

#[test]
fn turned_mirrored_and_cut_as_the_properties_say_in_their_order() {
    let (wanted, heif) = tiled();
    let fraction = |numerator: i32, denominator: i32| [numerator.to_be_bytes(), denominator.to_be_bytes()].concat();
    // 60 × 40, 5 to the right of and 10 above the middle.
    let aperture = [fraction(60, 1), fraction(40, 1), fraction(5, 1), fraction(-20, 2)].concat();
    let (clap, left_turn, upside_down, mirror) =
        (boxed(*b"clap", &aperture), boxed(*b"irot", &[1]), boxed(*b"imir", &[0]), boxed(*b"imir", &[1]));
    let visible = cut(&wanted, 25, 15, 60, 40);
    let turned = |image: &Image| Image::from_fn(image.height, image.width, |x, y| image.pixel(image.width - 1 - y, x));
    let flipped =
        |image: &Image| Image::from_fn(image.width, image.height, |x, y| image.pixel(x, image.height - 1 - y));
    let mirrored =
        |image: &Image| Image::from_fn(image.width, image.height, |x, y| image.pixel(image.width - 1 - x, y));
    for (properties, wanted) in [
        (vec![clap.clone()], visible.clone()),
        (vec![left_turn.clone()], turned(&wanted)),
        (vec![upside_down.clone()], flipped(&wanted)),
        (vec![mirror.clone()], mirrored(&wanted)),
        (vec![clap.clone(), left_turn.clone(), mirror.clone()], mirrored(&turned(&visible))),
        (vec![mirror, left_turn.clone(), upside_down], flipped(&turned(&mirrored(&wanted)))),
        (vec![left_turn, clap], cut(&turned(&wanted), 20, 20, 60, 40)),
    ] {
        let mut heif = heif.clone();
        for property in properties {
            heif.properties.push(property);
            heif.items[0].properties.push(heif.properties.len() as u8);
        }
        let image = png_of("a.avif", &heif.to_bytes());
        assert_eq!(image.size(), wanted.size());
        assert!(image.mean_difference(&wanted) < 3.0, "{}", image.mean_difference(&wanted));
    }
}

#[test]
fn lies_about_tiles_sizes_and_places_are_errors() {
    type Lie = fn(&mut Heif);
    let lies: [(Lie, &str); 9] = [
        (|heif| heif.items[0].data = grid(3, 2, 100, 90), "tiles"),
        (|heif| heif.items[0].data = grid(2, 2, 200, 90), "cover"),
        (|heif| heif.items[0].data = grid(2, 2, 60, 90), "cover"),
        (|heif| heif.items[0].data.truncate(5), "too short"),
        (|heif| heif.items[0].references[0].1 = vec![1, 1, 1, 1], "size"),
        (|heif| heif.items[0].references[0].1 = vec![2, 3, 4, 99], "missing"),
        (|heif| heif.items[0].properties = vec![9], "property"),
        (|heif| heif.items[0].kind = *b"j2k1", "j2k1"),
        (|heif| heif.properties[1] = size(65, 64), "cover"),
    ];
    for (number, (lie, text)) in lies.into_iter().enumerate() {
        let mut heif = tiled().1;
        lie(&mut heif);
        let failure = process("convert?format=png", "a.avif", &heif.to_bytes()).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::InvalidInput, "{number}: {failure}");
        let all = format!("{failure}");
        assert!(number == 4 || number == 5 || number == 8 || all.contains(text), "{number}: {all}");
    }
    // Pixels that the coded picture does not have, and more pixels than are allowed.
    let single = |width, height| Heif {
        brand: *b"avif",
        items: vec![Item {
            kind: *b"av01",
            data: tiled().1.items[1].data.clone(),
            properties: vec![1],
            ..Item::default()
        }],
        properties: vec![size(width, height)],
    };
    for (size, text) in [((400, 400), "64 × 64"), ((100_000, 100_000), "megapixels"), ((0, 64), "no pixels")] {
        let failure = process("convert?format=png", "a.avif", &single(size.0, size.1).to_bytes()).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::InvalidInput);
        assert!(failure.to_string().contains(text), "{failure}");
    }
}

#[test]
fn a_bomb_behind_a_small_size_is_refused_before_it_is_decoded() {
    let large = av1_of(&avif(&Image::from_fn(2000, 2000, |_, _| [9, 9, 9, 255]), "effort=0"));
    let heif = Heif {
        brand: *b"avif",
        items: vec![Item { kind: *b"av01", data: large, properties: vec![1], ..Item::default() }],
        properties: vec![size(64, 64)],
    };
    let failure = process("convert?format=png", "a.avif", &heif.to_bytes()).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidInput);
    assert!(failure.to_string().contains("larger than the file says"), "{failure}");
}

#[test]
fn a_truncated_picture_of_tiles_gives_those_that_are_there_where_that_is_wanted() {
    let (wanted, heif) = tiled();
    let bytes = heif.to_bytes();
    let half = bytes.len() - heif.items[3].data.len() - heif.items[4].data.len() - 10;
    let failure = process("convert?format=png", "a.avif", &bytes[..half]).unwrap_err();
    assert!(failure.to_string().contains("truncated"), "{failure}");
    let result = process("convert?format=png&allow-truncated", "a.avif", &bytes[..half]).unwrap();
    assert_eq!(result.properties["truncated"], true);
    let image = decode_png(result.bytes("a.png"));
    let left = |image: &Image| cut(image, 0, 0, 60, 60);
    assert!(left(&image).mean_difference(&left(&wanted)) < 3.0);
    assert_eq!(image.pixel(90, 80)[..3], [0, 0, 0]);
}

#[test]
fn damaged_heic_is_an_error_and_never_a_panic() {
    for name in ["ramp.heic", "ramp_half_transparent.heic"] {
        let whole = fixture(name);
        for length in (0..whole.len()).step_by(29) {
            if let Err(failure) = process("resize?width=20", "a.heic", &whole[..length]) {
                assert_eq!(failure.kind(), FailureKind::InvalidInput, "{name} cut to {length}: {failure}");
            } else {
                panic!("{name} cut to {length} was taken for whole");
            }
        }
        for at in (0..whole.len()).step_by(2) {
            for value in [0xff, whole[at] ^ 0x55] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                if let Err(failure) = process("resize?width=20&max-megapixels=4", "a.heic", &damaged) {
                    assert_eq!(failure.kind(), FailureKind::InvalidInput, "{name} byte {at} = {value}: {failure}");
                }
            }
        }
    }
}

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn the_corpus_looks_the_same_in_heic_avif_and_jxl() {
    let folder = corpus("images");
    let image = |name: &str| {
        let result = process("resize?width=120&format=png", name, &fs_err::read(folder.join(name)).unwrap()).unwrap();
        decode_png(result.bytes("made-p3.png"))
    };
    let (heic, avif, jxl) = (image("made-p3.heic"), image("made-p3.avif"), image("made-p3.jxl"));
    assert!(heic.mean_difference(&avif) < 1.5, "{}", heic.mean_difference(&avif));
    assert!(jxl.mean_difference(&avif) < 1.5, "{}", jxl.mean_difference(&avif));
}

#[test]
fn opacity_that_each_tile_has_is_the_pictures() {
    let (whole, mut heif) = tiled();
    // From left to right ever more opaque.
    let faded = Image::from_fn(128, 128, |x, _| [(x * 2) as u8, (x * 2) as u8, (x * 2) as u8, 255]);
    let mut kind = vec![0; 4];
    kind.extend(b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0");
    heif.properties.push(boxed(*b"auxC", &kind));
    let auxiliary = heif.properties.len() as u8;
    for (tile, (x, y)) in [(0, 0), (64, 0), (0, 64), (64, 64)].into_iter().enumerate() {
        let data = av1_of(&avif(&cut(&faded, x, y, 64, 64), "quality=95"));
        let references = vec![(*b"auxl", vec![tile as u16 + 2])];
        heif.items.push(Item { kind: *b"av01", data, properties: vec![2, auxiliary], references });
    }
    let shown = png_of("a.avif", &heif.to_bytes());
    for x in [5, 60, 70, 95] {
        let pixel = shown.pixel(x, 70);
        assert!(pixel[3].abs_diff(x as u8 * 2) < 8, "column {x}: {pixel:?}");
        assert!(pixel[0].abs_diff(whole.pixel(x, 70)[0]) < 24, "column {x}: {pixel:?}");
    }
    // Where only some have it, that is said.
    drop(heif.items.pop());
    let result = process("convert?format=png", "a.avif", &heif.to_bytes()).unwrap();
    assert!(result.properties["warnings"].to_string().contains("only some of its tiles"), "{:?}", result.properties);
    assert_eq!(decode_png(result.bytes("a.png")).pixel(5, 5)[3], 255);
}

#[test]
fn a_picture_that_is_the_same_as_another_is_that_one_turned() {
    let whole = picture(64, 48);
    let data = av1_of(&avif(&whole, "quality=95"));
    // The one that is stored is mirrored at its vertical axis, the one that is shown is turned by 90° against the clock.
    let mut heif = Heif { brand: *b"avif", ..Heif::default() };
    heif.properties = vec![size(48, 64), size(64, 48), boxed(*b"imir", &[1]), boxed(*b"irot", &[1])];
    heif.items.push(Item {
        kind: *b"iden",
        data: Vec::new(),
        properties: vec![1, 4],
        references: vec![(*b"dimg", vec![2])],
    });
    heif.items.push(Item { kind: *b"av01", data, properties: vec![2, 3], ..Item::default() });
    let shown = png_of("a.avif", &heif.to_bytes());
    assert_eq!(shown.size(), (48, 64));
    let wanted = Image::from_fn(48, 64, |x, y| whole.pixel(y, x));
    let turned = wanted.mean_difference(&shown);
    assert!(turned < 3.0, "{turned} levels off");
    heif.items[0].references = vec![(*b"dimg", vec![1])];
    let failure = process("convert?format=png", "a.avif", &heif.to_bytes()).unwrap_err();
    assert!(failure.to_string().contains("refers to itself"), "{failure}");
}

#[test]
fn pictures_that_lie_over_each_other_on_a_canvas_are_shown_so() {
    let below = Image::from_fn(48, 32, |_, _| [200, 40, 40, 255]);
    let above = Image::from_fn(24, 16, |_, _| [40, 40, 200, 255]);
    let part = |image: &Image, property: u8| Item {
        kind: *b"av01",
        data: av1_of(&avif(image, "quality=95")),
        properties: vec![property],
        ..Item::default()
    };
    let parts = [part(&below, 2), part(&above, 3)];
    let overlay = |fill: [u16; 4], places: [(i16, i16); 2]| {
        let mut data = vec![0, 0];
        data.extend(fill.iter().flat_map(|part| part.to_be_bytes()));
        data.extend([64_u16.to_be_bytes(), 40_u16.to_be_bytes()].concat());
        data.extend(places.iter().flat_map(|(x, y)| [x.to_be_bytes(), y.to_be_bytes()].concat()));
        data
    };
    let file = |fill, places| Heif {
        brand: *b"avif",
        items: vec![
            Item {
                kind: *b"iovl",
                data: overlay(fill, places),
                properties: vec![1],
                references: vec![(*b"dimg", vec![2, 3])],
            },
            parts[0].clone(),
            parts[1].clone(),
        ],
        properties: vec![size(64, 40), size(48, 32), size(24, 16)],
    };
    let image = png_of("a.avif", &file([0, u16::MAX, 0, u16::MAX], [(8, 4), (40, -6)]).to_bytes());
    assert_eq!(image.size(), (64, 40));
    for (place, colour, what) in [
        ((2, 20), [0, 255, 0], "the canvas"),
        ((20, 20), [200, 40, 40], "the lower picture"),
        ((50, 4), [40, 40, 200], "the upper one, of which six rows are beyond the canvas"),
        ((50, 14), [200, 40, 40], "below the upper one"),
        ((62, 20), [0, 255, 0], "beside both"),
    ] {
        let shown = image.pixel(place.0, place.1);
        let is_near = shown[..3].iter().zip(colour).all(|(shown, wanted)| shown.abs_diff(wanted) < 8);
        assert!(is_near && shown[3] == 255, "{what}: {shown:?} and not {colour:?}");
    }
    let image = png_of("a.avif", &file([0, 0, 0, 0], [(0, 0), (40, 24)]).to_bytes());
    assert_eq!((image.pixel(60, 2)[3], image.pixel(5, 5)[3]), (0, 255), "a canvas may be seen through");
    // A picture is missing; the item refers to itself.
    let mut missing = file([0; 4], [(0, 0); 2]);
    missing.items[0].references = vec![(*b"dimg", vec![2, 9])];
    let mut own = file([0; 4], [(0, 0); 2]);
    own.items[0].references = vec![(*b"dimg", vec![1, 1])];
    for damaged in [missing, own] {
        let failure = process("convert?format=png", "a.avif", &damaged.to_bytes()).unwrap_err();
        assert_eq!(failure.kind(), FailureKind::InvalidInput, "{failure}");
    }
}

#[test]
fn an_avif_that_is_cut_anywhere_is_said_to_be() {
    let whole = avif(&picture(96, 64), "quality=80");
    for length in (16..whole.len()).step_by(whole.len() / 30).chain([whole.len() - 1]) {
        for option in ["convert?format=png", "convert?format=png&allow-truncated"] {
            let failure = process(option, "a.avif", &whole[..length]).unwrap_err();
            let text = failure.to_string();
            assert_eq!(failure.kind(), FailureKind::InvalidInput);
            assert!(text.contains("truncated") || length < 40, "{length} of {}: {text}", whole.len());
        }
    }
}
