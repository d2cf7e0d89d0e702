//! `text` of pictures: drawn here, and read. `scripts/weights` brings the networks.

use std::fmt::Write as _;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use catalog::{Format, WeightsFile};
use contract::{Failure, FailureKind};
use document_job::JOB;
use operation::Weights;
use operation_testing::{Finished, input_as, run_with};
use pixels::decode::{ReadOptions, open_in_memory};
use pixels::small_copy::small_copy;
use serde_json::{Value, json};
use tiff::encoder::{Rational, TiffEncoder, colortype};
use tiff::tags::ResolutionUnit;

/// Where `scripts/test` has put the weights.
fn weights() -> Weights {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/weights");
    let folder = std::env::var_os("WEIGHTS_FOLDER").map_or_else(usual, PathBuf::from);
    open(&folder)
}

fn open(folder: &Path) -> Weights {
    let names = catalog::Declaration::named("text").expect("it is declared").profile.weights;
    Weights::open(folder, names.iter().map(|name| WeightsFile::named(name).expect("a test checks it")))
}

fn text(option: &str, format: Format, bytes: &[u8], weights: Weights) -> Result<Finished, Failure> {
    run_with(&JOB, option, input_as(format, "picture", bytes), weights)
}

/// Lines, each with its left edge, baseline and size, as a drawing.
fn drawing(width: u32, height: u32, lines: &[(f32, f32, f32, &str)]) -> Vec<u8> {
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'><rect width='100%' height='100%' fill='white'/>"
    );
    for (x, y, size, line) in lines {
        let _ = write!(svg, "<text x='{x}' y='{y}' font-family='DejaVu Serif' font-size='{size}'>{line}</text>");
    }
    (svg + "</svg>").into_bytes()
}

/// The drawing's grey pixels.
fn grey(drawing: Vec<u8>) -> (u32, u32, Vec<u8>) {
    let options = ReadOptions { first_frame: true, allow_truncated: false, page: None, max_pixels: 100_000_000 };
    let copy = small_copy(open_in_memory(drawing, Format::Svg, &options).unwrap(), 10_000).unwrap().raster;
    let step = copy.format().channels();
    (copy.width, copy.height, copy.eight().iter().skip(step.min(2) - 1).step_by(step).copied().collect())
}

const MEMO: [(f32, f32, f32, &str); 5] = [
    (80.0, 120.0, 52.0, "Memorandum of June"),
    (80.0, 220.0, 26.0, "The meeting of the committee took place on Tuesday, and"),
    (80.0, 258.0, 26.0, "all of its seven members were there. The budget of 48,200"),
    (80.0, 296.0, 26.0, "euros was approved without further discus-"),
    (80.0, 334.0, 26.0, "sion by all of them."),
];

#[test]
fn a_picture_becomes_a_page_with_headings_lines_and_sure_words() {
    let finished = text("text", Format::Svg, &drawing(1000, 420, &MEMO), weights()).unwrap();
    assert_eq!(
        finished.text("text.txt"),
        "Memorandum of June\n\nThe meeting of the committee took place on Tuesday, and\nall of its seven members were there. \
         The budget of 48,200\neuros was approved without further discussion\nby all of them.\n\u{C}"
    );
    let markdown = finished.text("text.md");
    assert!(markdown.starts_with("# Memorandum of June\n\nThe meeting of"), "{markdown}");
    let page = &finished.json("text.json")["pages"][0];
    assert_eq!((&page["method"], &page["width"], &page["height"]), (&json!("ocr"), &json!(1000.0), &json!(420.0)));
    assert!(page["confidence"].as_f64().unwrap() > 0.9);
    let words: Vec<&Value> = page["blocks"].as_array().unwrap().iter().flat_map(words).collect();
    assert_eq!(words.len(), 35);
    assert!(words.iter().all(|word| word["confidence"].as_f64().unwrap() > 0.6), "{words:?}");
    let bounds: Vec<f64> = words[0]["bounds"].as_array().unwrap().iter().map(|edge| edge.as_f64().unwrap()).collect();
    // A word is as high as its line: from the d to the end of the J, which is below the baseline.
    assert!(
        (bounds[0] - 80.0).abs() < 8.0 && (bounds[1] - 79.0).abs() < 8.0 && (bounds[3] - 131.0).abs() < 8.0,
        "{bounds:?}"
    );
    assert_eq!((&finished.properties["ocrPages"], &finished.properties["words"]), (&json!(1), &json!(35)));
}

fn words(block: &Value) -> impl Iterator<Item = &Value> {
    block["lines"].as_array().unwrap().iter().flat_map(|line| line["words"].as_array().unwrap())
}

/// A TIFF of pages at 200 dots per inch.
fn pages(pages: &[(u32, u32, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    for (width, height, samples) in pages {
        let mut page = encoder.new_image::<colortype::Gray8>(*width, *height).unwrap();
        page.resolution(ResolutionUnit::Inch, Rational { n: 200, d: 1 });
        page.write_data(samples).unwrap();
    }
    bytes.into_inner()
}

#[test]
fn each_page_of_a_tiff_is_read_at_its_size_and_a_damaged_one_stops_no_other() {
    let page = |word: &str| grey(drawing(800, 400, &[(60.0, 120.0, 40.0, word)]));
    let mut file = pages(&[page("First page"), page("Second page"), page("Third page")]);
    let finished = text("text", Format::Tiff, &file, weights()).unwrap();
    assert_eq!(finished.text("text.txt"), "First page\n\u{C}Second page\n\u{C}Third page\n\u{C}");
    let json = finished.json("text.json");
    assert_eq!((&json["pages"][2]["width"], &json["pages"][2]["number"]), (&json!(288.0), &json!(3)));
    let third = text("text?pages=3", Format::Tiff, &file, weights()).unwrap();
    assert_eq!((third.text("text.txt"), &third.properties["pagesRead"]), ("Third page\n\u{C}", &json!(1)));
    assert_eq!(text("text?pages=4-", Format::Tiff, &file, weights()).unwrap_err().kind(), FailureKind::InvalidRequest);

    // The second page becomes 0 pixels broad.
    let widths: Vec<usize> = (0..file.len() - 12).filter(|at| file[*at..*at + 8] == [0, 1, 4, 0, 1, 0, 0, 0]).collect();
    assert_eq!(widths.len(), 3);
    file[widths[1] + 8..widths[1] + 12].fill(0);
    let finished = text("text", Format::Tiff, &file, weights()).unwrap();
    assert_eq!(finished.text("text.txt"), "First page\n\u{C}\u{C}Third page\n\u{C}");
    assert_eq!(finished.properties["ocrNeeded"], json!([2]));
    assert!(finished.properties["warnings"][0].as_str().unwrap().starts_with("page 2 could not be read: "));
}

#[test]
fn a_picture_without_text_is_an_empty_page() {
    let finished = text("text", Format::Svg, &drawing(600, 400, &[]), weights()).unwrap();
    assert_eq!((finished.text("text.txt"), &finished.properties["noText"]), ("\u{C}", &json!(true)));
    assert_eq!(finished.json("text.json")["pages"][0]["method"], "empty");
}

#[test]
fn without_weights_a_picture_is_named_and_what_needs_them_says_what_brings_them() {
    let folder = PathBuf::from("/no such folder");
    let drawing = drawing(600, 200, &[(40.0, 100.0, 40.0, "Nobody reads this")]);
    let finished = text("text", Format::Svg, &drawing, open(&folder)).unwrap();
    assert_eq!((finished.text("text.txt"), &finished.properties["ocrNeeded"]), ("\u{C}", &json!([1])));
    let warnings = finished.properties["warnings"].to_string();
    assert!(warnings.contains("text in pictures was not read: the weights that it needs are not installed; run scripts/weights onnxruntime ocr-detection"), "{warnings}");
    let failure = text("text?ocr=always", Format::Svg, &drawing, open(&folder)).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidRequest);
    assert!(failure.to_string().contains("run scripts/weights onnxruntime ocr-detection"), "{failure}");
    let finished = text("text?ocr=never", Format::Svg, &drawing, open(&folder)).unwrap();
    assert_eq!(finished.properties["ocrNeeded"], json!([1]));
    assert!(!finished.properties["warnings"].to_string().contains("not installed"));
}

#[test]
fn a_damaged_picture_is_refused() {
    let failure = text("text", Format::Png, b"\x89PNG\r\n\x1a\nnothing of it", weights()).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidInput, "{failure}");
}

/// A picture's entries and data.
type Scan = (String, Vec<u8>);

/// A PDF whose pages have these contents, each with one picture `/I` of its own, or none.
fn pdf(pages: &[(&str, Option<Scan>)], page_entries: &str) -> Vec<u8> {
    let mut objects: Vec<Vec<u8>> = vec![b"<</Type/Catalog/Pages 2 0 R>>".to_vec(), Vec::new()];
    let mut kids = String::new();
    let stream = |entries: &str, data: &[u8]| {
        let head = format!("<<{entries}/Length {}>>stream\n", data.len());
        [head.as_bytes(), data, b"\nendstream"].concat()
    };
    for (content, picture) in pages {
        let number = objects.len() + 1;
        let _ = write!(kids, "{number} 0 R ");
        let resources =
            format!("/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>/XObject<</I {} 0 R>>", number + 2);
        objects.push(
            format!("<</Type/Page/Parent 2 0 R{page_entries}/Contents {} 0 R/Resources<<{resources}>>>>", number + 1)
                .into_bytes(),
        );
        objects.push(stream("", content.as_bytes()));
        objects.push(picture.as_ref().map_or_else(
            || b"null".to_vec(),
            |(entries, data)| stream(&format!("/Type/XObject/Subtype/Image{entries}"), data),
        ));
    }
    objects[1] = format!("<</Type/Pages/Kids[{kids}]/Count {}>>", pages.len()).into_bytes();
    let mut file = b"%PDF-1.5\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (object, number) in objects.iter().zip(1..) {
        let _ = writeln!(table, "{:010} 00000 n ", file.len());
        file.extend([format!("{number} 0 obj\n").as_bytes(), object, b"\nendobj\n"].concat());
    }
    let start = file.len();
    let end = format!("{table}trailer<</Size {}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1);
    file.extend(end.into_bytes());
    file
}

const A_PAGE: &str = "/MediaBox[0 0 400 200]";
const WHOLE_PAGE: &str = "q 400 0 0 200 0 0 cm /I Do Q";

/// A scan at 144 dots per inch of that line, as each filter has it.
fn scan(filter: &str, line: &str) -> Scan {
    let (width, height, samples) = grey(drawing(800, 400, &[(60.0, 120.0, 40.0, line)]));
    let entries = |more: &str| format!("/Width {width}/Height {height}/Filter/{filter}{more}");
    match filter {
        "FlateDecode" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut encoder, &samples).unwrap();
            (entries("/ColorSpace/DeviceGray/BitsPerComponent 8"), encoder.finish().unwrap())
        }
        "DCTDecode" => {
            let mut bytes = Vec::new();
            image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 80)
                .encode(&samples, width, height, image::ExtendedColorType::L8)
                .unwrap();
            (entries("/ColorSpace/DeviceGray/BitsPerComponent 8"), bytes)
        }
        "CCITTFaxDecode" => {
            let mut encoder = fax::encoder::Encoder::new(fax::VecWriter::new());
            for row in samples.chunks_exact(width as usize) {
                let colours =
                    row.iter().map(|sample| if *sample < 128 { fax::Color::Black } else { fax::Color::White });
                encoder.encode_line(colours, width as u16).unwrap();
            }
            let parameters = format!("/DecodeParms<</K -1/Columns {width}/Rows {height}>>");
            (
                entries(&format!("/ColorSpace/DeviceGray/BitsPerComponent 1{parameters}")),
                encoder.finish().unwrap().finish(),
            )
        }
        other => panic!("no encoder of {other}"),
    }
}

fn methods(finished: &Finished) -> Vec<String> {
    let json = finished.json("text.json");
    json["pages"].as_array().unwrap().iter().map(|page| page["method"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn pages_that_are_scans_are_read_whatever_their_filter_and_others_are_left_as_they_are() {
    let text_of_its_own = "BT /F 12 Tf 40 150 Td (Text of its own) Tj ET";
    let pages = [
        (WHOLE_PAGE, Some(scan("FlateDecode", "Deflated page"))),
        (text_of_its_own, None),
        (WHOLE_PAGE, Some(scan("DCTDecode", "Photographed page"))),
        (WHOLE_PAGE, Some(scan("CCITTFaxDecode", "Faxed page"))),
    ];
    let file = pdf(&pages, A_PAGE);
    let finished = text("text", Format::Pdf, &file, weights()).unwrap();
    assert_eq!(
        finished.text("text.txt"),
        "Deflated page\n\u{C}Text of its own\n\u{C}Photographed page\n\u{C}Faxed page\n\u{C}"
    );
    assert_eq!(methods(&finished), ["ocr", "digital", "ocr", "ocr"]);
    let word = &finished.json("text.json")["pages"][0]["blocks"][0]["lines"][0]["words"][0];
    // Drawn at 60 of 800 pixels on a page 400 points broad.
    assert!((word["bounds"][0].as_f64().unwrap() - 30.0).abs() < 3.0, "{word}");

    let without = text("text", Format::Pdf, &file, open(Path::new("/no such folder"))).unwrap();
    assert_eq!(methods(&without), ["ocr-needed", "digital", "ocr-needed", "ocr-needed"]);
    assert_eq!(without.properties["ocrNeeded"], json!([1, 3, 4]));
    assert_eq!(without.properties["warnings"].as_array().unwrap().len(), 1, "{}", without.properties["warnings"]);
    assert!(without.text("text.txt").contains("Text of its own"));
    let never = text("text?ocr=never", Format::Pdf, &file, weights()).unwrap();
    assert_eq!(methods(&never), ["ocr-needed", "digital", "ocr-needed", "ocr-needed"]);
    assert!(never.properties.get("warnings").is_none());
}

#[test]
fn a_scan_with_a_layer_of_text_is_read_again_if_that_is_asked_for() {
    let content = format!("BT 3 Tr /F 12 Tf 30 140 Td (Wr0ng layer) Tj ET {WHOLE_PAGE}");
    let file = pdf(
        &[
            (content.as_str(), Some(scan("FlateDecode", "Right layer"))),
            ("BT /F 12 Tf 40 150 Td (No scan) Tj ET", None),
        ],
        A_PAGE,
    );
    let own = text("text", Format::Pdf, &file, weights()).unwrap();
    assert_eq!(
        (methods(&own), own.text("text.txt")),
        (vec!["digital".to_owned(); 2], "Wr0ng layer\n\u{C}No scan\n\u{C}")
    );
    let read = text("text?ocr=always&languages=en", Format::Pdf, &file, weights()).unwrap();
    assert_eq!(read.text("text.txt"), "Right layer\n\u{C}No scan\n\u{C}");
    assert_eq!(methods(&read), ["ocr", "digital"]);
}

#[test]
fn a_page_that_is_turned_or_in_strips_or_behind_a_stencil_is_read() {
    // The page is shown a quarter turn clockwise: what it draws is turned the other way.
    let turned = pdf(
        &[("q 0 400 -200 0 200 0 cm /I Do Q", Some(scan("FlateDecode", "Turned page")))],
        "/MediaBox[0 0 200 400]/Rotate 90",
    );
    assert_eq!(text("text", Format::Pdf, &turned, weights()).unwrap().text("text.txt"), "Turned page\n\u{C}");
    let (entries, data) = scan("CCITTFaxDecode", "Stencil");
    let entries = entries.replace("/ColorSpace/DeviceGray", "/ImageMask true");
    let stencil =
        pdf(&[("1 1 1 rg 0 0 400 200 re f 0 g q 200 0 0 100 0 100 cm /I Do Q", Some((entries, data)))], A_PAGE);
    assert_eq!(text("text", Format::Pdf, &stencil, weights()).unwrap().text("text.txt"), "Stencil\n\u{C}");
}

#[test]
fn a_scan_that_cannot_be_decoded_leaves_the_other_pages() {
    let broken = ("/Width 60000/Height 60000/ColorSpace/DeviceRGB/BitsPerComponent 8".to_owned(), vec![0; 10]);
    let file = pdf(&[(WHOLE_PAGE, Some(broken)), (WHOLE_PAGE, Some(scan("FlateDecode", "Sound page")))], A_PAGE);
    let finished = text("text", Format::Pdf, &file, weights()).unwrap();
    assert_eq!(
        (methods(&finished), finished.text("text.txt")),
        (vec!["ocr-needed".to_owned(), "ocr".to_owned()], "\u{C}Sound page\n\u{C}")
    );
    let warning = finished.properties["warnings"][0].as_str().unwrap();
    assert_eq!(warning, "the picture of page 1 was not read: its picture has more pixels than can be held");
}
