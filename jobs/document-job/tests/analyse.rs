//! What a document is about: its parts with their places, what it names, and what tells it from others.

use std::path::{Path, PathBuf};

use catalog::{Format, WeightsFile};
use common::{page, pdf, stream};
use operation::Weights;
use operation_testing::{Finished, input_as, run, run_with};
use serde_json::Value;

#[allow(dead_code, reason = "other tests extract text, and encrypt files")]
mod common;

const TEXT: &str = "analyse?features=chunks,entities,phrases,summary,languages,fingerprint";

fn analyse(format: Format, bytes: &[u8], asked: &str) -> Finished {
    run(&document_job::JOB, asked, input_as(format, "input", bytes)).unwrap()
}

/// Where `scripts/test` has put the weights.
fn weights() -> Weights {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/weights");
    let folder = std::env::var_os("WEIGHTS_FOLDER").map_or_else(usual, PathBuf::from);
    let names = catalog::Declaration::named("analyse").expect("it is declared").profile.weights;
    Weights::open(&folder, names.iter().map(|name| WeightsFile::named(name).expect("a test checks it")))
}

fn analyse_with_networks(format: Format, text: &str, asked: &str) -> Finished {
    run_with(&document_job::JOB, asked, input_as(format, "input", text.as_bytes()), weights()).unwrap()
}

fn line(size: u32, x: u32, y: u32, text: &str) -> String {
    format!("BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET\n")
}

/// The boxes of an entity's first mention.
fn bounds(entity: &Value) -> Vec<[f64; 4]> {
    serde_json::from_value(entity["mentions"][0]["bounds"].clone()).unwrap()
}

#[test]
fn entities_of_a_pdf_have_the_places_of_their_words() {
    let content = line(20, 72, 740, "Invoice of the harbour")
        + &line(10, 72, 700, "Invoice No. 2019-0815 of 12 May 2019 for dredging the")
        + &line(10, 72, 688, "northern basin. Pay \\200 1,234.56 to IBAN DE89 3704 0044")
        + &line(10, 72, 676, "0532 0130 00 before 11 June 2019 or call +49 30 123456.")
        + &line(10, 300, 640, "Questions: ann@harbour.example");
    let found = analyse(Format::Pdf, &page(&content, "", &[]), TEXT).json("semantics.json");
    let entities = found["entities"].as_array().unwrap();
    let values: Vec<(&str, &str)> =
        entities.iter().map(|entity| (entity["type"].as_str().unwrap(), entity["value"].as_str().unwrap())).collect();
    assert_eq!(
        values,
        [
            ("identifier", "2019-0815"),
            ("date", "2019-05-12"),
            ("amount", "1234.56 EUR"),
            ("iban", "DE89370400440532013000"),
            ("date", "2019-06-11"),
            ("phone", "+4930123456"),
            ("email", "ann@harbour.example"),
        ]
    );
    // The IBAN goes on in the next line: a box for each.
    let iban = bounds(&entities[3]);
    assert_eq!(iban.len(), 2);
    assert!(iban[0][1] < iban[1][1] && iban[0][0] > 200.0 && (iban[1][0] - 72.0).abs() < 1.0, "{iban:?}");
    // The page is 800 points high, and the line of the address at 640 from below.
    let [left, top, right, bottom] = bounds(&entities[6])[0];
    assert!(left > 340.0 && right > left && (150.0..160.0).contains(&top) && bottom > top && bottom < 165.0);
    assert_eq!(entities[0]["label"], "Invoice No.");
    assert_eq!(found["document"]["title"], "Invoice of the harbour");
    let chunks = found["chunks"].as_array().unwrap();
    assert_eq!(chunks.len(), 1);
    assert_eq!(chunks[0]["headings"], serde_json::json!(["Invoice of the harbour"]));
    assert_eq!(entities[3]["mentions"][0]["chunk"], 0);
    let boxed = &chunks[0]["places"][1]["bounds"];
    assert!(boxed[0].as_f64().unwrap() >= 71.0 && boxed[2].as_f64().unwrap() < 400.0, "{boxed}");
}

#[test]
fn chunks_follow_the_headings_and_cross_pages() {
    let kids = "4 0 R 6 0 R";
    let paragraph = |y: u32, about: &str| {
        (0..8)
            .map(|at| line(10, 72, y - at * 12, &format!("The {about} of the harbour is number {at} of many.")))
            .collect::<String>()
    };
    let first = line(18, 72, 740, "Dredging") + &paragraph(700, "dredging");
    let second = paragraph(740, "dredger") + &line(18, 72, 600, "Pilotage") + &paragraph(560, "pilot");
    let objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!(
            "<< /Type /Pages /Kids [{kids}] /Count 2 /MediaBox [0 0 600 800] /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        .into_bytes(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /Contents 5 0 R >>".to_vec(),
        stream("", first.as_bytes()),
        b"<< /Type /Page /Parent 2 0 R /Contents 7 0 R >>".to_vec(),
        stream("", second.as_bytes()),
    ];
    let found = analyse(Format::Pdf, &pdf(&objects), "analyse?features=chunks").json("semantics.json");
    let chunks = found["chunks"].as_array().unwrap();
    let headings: Vec<&str> = chunks.iter().map(|chunk| chunk["headings"][0].as_str().unwrap()).collect();
    assert_eq!(headings, ["Dredging", "Pilotage"]);
    let pages: Vec<u64> =
        chunks[0]["places"].as_array().unwrap().iter().map(|place| place["page"].as_u64().unwrap()).collect();
    assert_eq!(pages, [1, 1, 2]);
    // What was not asked for is absent.
    assert!(found.get("entities").is_none() && found.get("languages").is_none() && found.get("fingerprint").is_none());
}

#[test]
fn documents_without_places_are_analysed_the_same() {
    let markdown = "# Tidal barrier\n\nThe tidal barrier protects the harbour and the old town from the storm surges of the sea. \
        When a storm surge is forecast, the tidal barrier closes within forty minutes. Call 12 May 2019.\n\n\
        ## Kosten\n\nDer Bau der Anlage hat nach Angaben der Behörde rund 12,5 Mio. € gekostet und mehrere Jahre gedauert.\n";
    let finished = analyse(Format::Markdown, markdown.as_bytes(), TEXT);
    let found = finished.json("semantics.json");
    assert_eq!(found["languages"][0]["language"], "en");
    assert_eq!(found["languages"][1]["language"], "de");
    let values: Vec<&str> =
        found["entities"].as_array().unwrap().iter().map(|entity| entity["value"].as_str().unwrap()).collect();
    assert_eq!(values, ["2019-05-12", "12500000 EUR"]);
    let phrases: Vec<&str> =
        found["keyPhrases"].as_array().unwrap().iter().map(|phrase| phrase["text"].as_str().unwrap()).collect();
    assert!(phrases.contains(&"tidal barrier") || phrases.contains(&"Tidal barrier"), "{phrases:?}");
    assert!(!found["summary"].as_array().unwrap().is_empty());
    assert_eq!(finished.properties["languages"], serde_json::json!(["en", "de"]));
    // The same words as plain text have the same fingerprint.
    let plain = markdown.replace('#', "");
    let other = analyse(Format::Text, plain.as_bytes(), "analyse?features=fingerprint").json("semantics.json");
    assert_eq!(found["fingerprint"], other["fingerprint"]);
}

#[test]
fn a_document_without_text_has_empty_lists_and_says_so() {
    let finished = analyse(Format::Pdf, &page("", "", &[]), TEXT);
    let found = finished.json("semantics.json");
    for part in ["chunks", "entities", "keyPhrases", "summary", "languages"] {
        assert_eq!(found[part], serde_json::json!([]), "{part}");
    }
    assert!(found.get("fingerprint").is_none());
    assert!(finished.properties["warnings"].to_string().contains("no text was found"));
}

#[test]
fn many_rows_of_a_table_are_bounded() {
    let row = |row: u32| format!("{row},mail{row}@example.com,{}.{}.2019\n", row % 28 + 1, row % 12 + 1);
    let rows = (0..60_000).map(row).collect::<Vec<_>>().concat();
    let finished = analyse(Format::Csv, rows.as_bytes(), "analyse?features=entities,chunks");
    let found = finished.json("semantics.json");
    assert_eq!(found["entities"].as_array().unwrap().len(), 50_000);
    assert!(finished.properties["warnings"].to_string().contains("50000 different things"));
    let dates = found["entities"].as_array().unwrap().iter().find(|entity| entity["type"] == "date").unwrap();
    assert_eq!(dates["mentions"].as_array().unwrap().len(), 100);
    assert!(dates["count"].as_u64().unwrap() > 500);
}

const REVIEW: &str = "# The Grand Hotel\n\nAngela Merkel stayed at the hotel in Paris on her visit to France. The room was wonderful, \
    the staff of Hilton were kind and helpful, and we would gladly come again.\n\n\
    # The journey home\n\nThe train was late, the seats were dirty and broken, and nobody apologised. It was the worst journey \
    of our lives, and we will never travel with that company again.\n\n\
    # Der Hafen\n\nDer Hafen wurde im vergangenen Jahr vertieft, damit auch große Schiffe einlaufen können.\n";

#[test]
fn networks_find_names_feelings_and_answers() {
    let asked = "analyse?chunk-tokens=64&query=Can large ships enter the port?&embedding-files=npy,arrow";
    let finished = analyse_with_networks(Format::Markdown, REVIEW, asked);
    let found = finished.json("semantics.json");
    let chunks = found["chunks"].as_array().unwrap();
    assert_eq!(chunks.len(), 3);
    let feelings: Vec<&str> = chunks.iter().map(|chunk| chunk["sentiment"]["feeling"].as_str().unwrap()).collect();
    assert_eq!(feelings[..2], ["positive", "negative"]);
    // The question is English, and its answer German: no word is in both.
    assert_eq!(found["matches"][0]["chunk"], 2);
    assert_eq!(found["matches"][0]["words"], 0.0);
    let names: Vec<(&str, &str)> = found["names"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| (name["type"].as_str().unwrap(), name["text"].as_str().unwrap()))
        .collect();
    for expected in [("person", "Angela Merkel"), ("place", "Paris"), ("place", "France")] {
        assert!(names.contains(&expected), "{expected:?} is not among {names:?}");
    }
    // Vectors of length 1, the same in each file.
    let vectors: Vec<Vec<f32>> =
        chunks.iter().map(|chunk| serde_json::from_value(chunk["embedding"].clone()).unwrap()).collect();
    for vector in &vectors {
        assert_eq!(vector.len(), 384);
        assert!((vector.iter().map(|number| number * number).sum::<f32>() - 1.0).abs() < 1e-3);
    }
    let npy = finished.bytes("embeddings.npy");
    assert!(npy.starts_with(b"\x93NUMPY\x01\0") && npy.len().is_multiple_of(64));
    let numbers: Vec<f32> = npy[npy.len() - 3 * 384 * 4..]
        .chunks_exact(4)
        .map(|part| f32::from_le_bytes(part.try_into().unwrap()))
        .collect();
    for (one, other) in vectors.iter().flatten().zip(&numbers) {
        assert!((one - other).abs() < 1e-6);
    }
    let arrow = finished.bytes("embeddings.arrow");
    assert!(arrow.starts_with(b"ARROW1\0\0") && arrow.ends_with(b"ARROW1"));
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    assert!(arrow.windows(bytes.len()).any(|part| part == bytes), "the vectors are in the file as they are");
}

#[test]
fn what_needs_networks_says_how_to_get_them() {
    let folder = Path::new("/nonexistent");
    let weights = Weights::open(
        folder,
        ["onnxruntime", "text-encoder", "text-vocabulary", "text-names"].map(|name| WeightsFile::named(name).unwrap()),
    );
    let text = input_as(Format::Text, "input", REVIEW.as_bytes());
    let failure = run_with(&document_job::JOB, "analyse?features=names", text, weights.clone()).unwrap_err();
    assert_eq!(failure.kind(), operation::FailureKind::InvalidRequest);
    assert!(failure.to_string().ends_with("run scripts/weights text-names"), "{failure}");
    let text = input_as(Format::Text, "input", REVIEW.as_bytes());
    assert!(run_with(&document_job::JOB, TEXT, text, weights).is_ok());
}
