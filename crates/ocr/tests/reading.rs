//! Text that is drawn, and read again. `scripts/weights` brings the networks.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use catalog::{Format, WeightsFile};
use ocr::{Alphabet, Settings, Text};
use operation::Weights;
use operation_testing::Random;
use pixels::decode::{ReadOptions, open_in_memory};
use pixels::orientation::Orientation;
use pixels::raster::{Model, Raster, Samples};
use pixels::small_copy::small_copy;

const USUAL: Settings = Settings { alphabet: Alphabet::ALL, min_confidence: 0.5 };

/// Where `scripts/test` has put the weights.
fn weights() -> Weights {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/weights");
    let folder = std::env::var_os("WEIGHTS_FOLDER").map_or_else(usual, PathBuf::from);
    let names = ocr::NETWORKS.into_iter().chain([inference::LIBRARY]);
    Weights::open(&folder, names.map(|name| WeightsFile::named(name).expect("it is listed")))
}

/// A drawing in SVG, which the decoder has fonts for.
fn draw(width: u32, height: u32, elements: &str) -> Raster {
    let svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'>\
         <rect width='100%' height='100%' fill='white'/>{elements}</svg>"
    );
    decode(svg.into_bytes(), Format::Svg)
}

fn decode(bytes: Vec<u8>, format: Format) -> Raster {
    let options = ReadOptions { first_frame: true, allow_truncated: false, page: None, max_pixels: 100_000_000 };
    small_copy(open_in_memory(bytes, format, &options).unwrap(), 20_000).unwrap().raster
}

fn lines(all: &[&str], size: f32, family: &str) -> String {
    let mut elements = String::new();
    for (line, row) in all.iter().zip(1..) {
        let y = 20.0 + row as f32 * size * 1.5;
        let _ = write!(elements, "<text x='40' y='{y}' font-family='{family}' font-size='{size}'>{line}</text>");
    }
    elements
}

fn read(picture: &Raster, settings: Settings) -> Text {
    let text = ocr::read(picture, &settings, &weights()).unwrap();
    let (width, height) = (picture.width as f32, picture.height as f32);
    for word in text.lines.iter().flat_map(|line| &line.words) {
        assert!((settings.min_confidence..=1.0).contains(&word.confidence), "{word:?}");
        assert!(word.corners.iter().all(|[x, y]| (0.0..=width).contains(x) && (0.0..=height).contains(y)), "{word:?}");
    }
    text
}

fn text_of(text: &Text) -> Vec<String> {
    text.lines.iter().map(ocr::Line::text).collect()
}

const LETTER: [&str; 6] = [
    "Dear Madam, thank you for your order of 14 March 2024.",
    "We send you 25 boxes at 3.75 EUR each, in total 93.75 EUR.",
    "Please quote invoice number A-10482/B when you pay.",
    "Straße, Käufer, grün, café, señor, Łódź, Gdańsk, Århus.",
    "Questions? Write to sales@example.com or call us.",
    "Yours sincerely, Margaret Whitfield",
];

#[test]
fn a_letter_is_read_with_every_letter() {
    let picture = draw(1000, 420, &lines(&LETTER, 28.0, "DejaVu Serif"));
    let text = read(&picture, USUAL);
    assert_eq!((text.turned, text.is_partial), (0, false));
    assert!(text.skew.abs() < 0.3, "{}", text.skew);
    assert_eq!(text_of(&text), LETTER);
}

#[test]
fn words_have_their_places() {
    // Each letter of this font is 0.602 of its size broad.
    let size = 30.0;
    let line = "places of words in 1 line";
    let picture = draw(800, 200, &lines(&[line], size, "DejaVu Sans Mono"));
    let text = read(&picture, USUAL);
    assert_eq!(text_of(&text), [line]);
    let mut column = 0;
    for word in &text.lines[0].words {
        let left = 40.0 + column as f32 * size * 0.602;
        let right = left + word.text.len() as f32 * size * 0.602;
        let [[x0, y0], _, [x1, y1], _] = word.corners;
        assert!((x0 - left).abs() < size * 0.25 && (x1 - right).abs() < size * 0.25, "{word:?} {left} {right}");
        // The baseline is at 65; p and f are the lowest and highest.
        assert!((y0 - 42.0).abs() < size * 0.3 && (y1 - 72.0).abs() < size * 0.3, "{word:?}");
        column += word.text.len() + 1;
    }
}

#[test]
fn turned_pages_are_read_and_their_places_are_those_of_the_page() {
    let page = draw(1000, 420, &lines(&LETTER, 28.0, "DejaVu Sans"));
    let latin = Settings { alphabet: Alphabet::LATIN, ..USUAL };
    let [upright_x, upright_y] = read(&page, latin).lines[0].words[0].corners[0];
    // EXIF's numbers turn clockwise by these; to be upright again, the rest of the circle is missing.
    for (number, missing) in [(6, 270), (3, 180), (8, 90)] {
        let turned = Orientation::from_exif(number).apply(page.clone());
        let text = read(&turned, latin);
        assert_eq!(text_of(&text), LETTER, "turned by {number}");
        assert_eq!(text.turned, missing);
        let [x, y] = text.lines[0].words[0].corners[0];
        let expected = match missing {
            270 => [420.0 - upright_y, upright_x],
            180 => [1000.0 - upright_x, 420.0 - upright_y],
            _ => [upright_y, 1000.0 - upright_x],
        };
        assert!((x - expected[0]).abs() < 8.0 && (y - expected[1]).abs() < 8.0, "{missing}: {x} {y}, {expected:?}");
    }
}

#[test]
fn skewed_pages_are_read() {
    for degrees in [-7.0_f32, 5.0] {
        let letter = &LETTER[..3];
        let elements = format!(
            "<g transform='rotate({degrees} 600 350)'><g transform='translate(100 120)'>{}</g></g>",
            lines(letter, 28.0, "DejaVu Sans")
        );
        let text = read(&draw(1200, 700, &elements), USUAL);
        assert!((text.skew - degrees).abs() < 0.5, "{} instead of {degrees}", text.skew);
        assert_eq!(text_of(&text), letter, "skewed by {degrees}");
    }
}

#[test]
fn grey_light_and_coloured_text_is_read() {
    let elements = "<rect y='0' width='600' height='80' fill='#223355'/>\
        <text x='20' y='52' font-family='DejaVu Sans' font-size='30' fill='#ffee88'>Light on dark blue</text>\
        <text x='20' y='130' font-family='DejaVu Sans' font-size='30' fill='#999999'>Grey on white paper</text>";
    let text = read(&draw(600, 170, elements), USUAL);
    assert_eq!(text_of(&text), ["Light on dark blue", "Grey on white paper"]);
    let drawn = draw(600, 170, elements);
    let grey: Vec<u8> = drawn.eight().chunks_exact(drawn.format().channels()).map(|pixel| pixel[1]).collect();
    let grey = Raster { width: 600, height: 170, model: Model::Grey, alpha: false, samples: Samples::Eight(grey) };
    assert_eq!(text_of(&read(&grey, USUAL)), ["Light on dark blue", "Grey on white paper"]);
}

#[test]
fn small_text_of_a_large_page_and_the_end_of_a_long_one_are_read() {
    // Ten pixels high on a page that the first look makes nearly two times smaller.
    let small = draw(
        1700,
        2200,
        "<text x='200' y='1700' font-family='DejaVu Sans' font-size='14'>The small print of a contract counts, too.</text>\
        <text x='200' y='1740' font-family='DejaVu Sans' font-size='14'>Nobody reads it until it is too late.</text>",
    );
    assert_eq!(
        text_of(&read(&small, USUAL)),
        ["The small print of a contract counts, too.", "Nobody reads it until it is too late."]
    );
    let long = draw(
        700,
        4000,
        "<text x='40' y='60' font-family='DejaVu Sans' font-size='26'>First line of a long receipt</text>\
        <text x='40' y='3960' font-family='DejaVu Sans' font-size='26'>Last line of a long receipt</text>",
    );
    assert_eq!(text_of(&read(&long, USUAL)), ["First line of a long receipt", "Last line of a long receipt"]);
}

#[test]
fn what_has_no_text_gives_no_words() {
    let nothing = |name: &str, picture: &Raster| {
        let text = read(picture, USUAL);
        assert!(text.lines.is_empty(), "{name}: {:?}", text_of(&text));
    };
    nothing("white", &draw(800, 1100, ""));
    let flat = |value: u8, width: u32, height: u32| {
        let samples = Samples::Eight(vec![value; (width * height) as usize]);
        Raster { width, height, model: Model::Grey, alpha: false, samples }
    };
    nothing("black", &flat(0, 800, 600));
    for (width, height) in [(1, 1), (1, 3000), (3000, 1), (7, 5)] {
        nothing("tiny", &flat(200, width, height));
    }
    let mut random = Random::numbered(7);
    for amplitude in [255, 40] {
        let mut noise = flat(0, 900, 700);
        if let Samples::Eight(samples) = &mut noise.samples {
            for sample in samples {
                *sample = 255 - random.below(amplitude + 1) as u8;
            }
        }
        nothing("noise", &noise);
    }
    for name in ["cat.jpg", "astronaut.jpg"] {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../jobs/image-job/tests/fixtures/recognise").join(name);
        nothing(name, &decode(fs_err::read(path).unwrap(), Format::Jpeg));
    }
}
