//! What kind of document a file is: types with their evidence, bundles, personal data, classes of one's own.

use std::path::{Path, PathBuf};

use catalog::{Format, WeightsFile};
use common::{page, pdf, stream};
use operation::{FailureKind, Weights};
use operation_testing::{Finished, input_as, input_with_companions, run, run_with};
use serde_json::Value;

#[allow(dead_code, reason = "other tests extract text, and encrypt files")]
mod common;

const BY_LAYOUT: &str = "classify?meaning=never&ocr=never";

fn classify(format: Format, bytes: &[u8], asked: &str) -> Finished {
    run(&document_job::JOB, asked, input_as(format, "input", bytes)).unwrap()
}

/// Where `scripts/test` has put the weights of the meaning of text.
fn weights() -> Weights {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/weights");
    let folder = std::env::var_os("WEIGHTS_FOLDER").map_or_else(usual, PathBuf::from);
    let names = ["onnxruntime", "text-encoder", "text-vocabulary"];
    Weights::open(&folder, names.iter().map(|name| WeightsFile::named(name).expect("it is listed")))
}

fn classify_with_network(format: Format, bytes: &[u8], asked: &str) -> Finished {
    run_with(&document_job::JOB, asked, input_as(format, "input", bytes), weights()).unwrap()
}

fn kind(found: &Value) -> &str {
    found["classification"]["type"].as_str().unwrap()
}

fn line(size: u32, x: u32, y: u32, text: &str) -> String {
    format!("BT /F1 {size} Tf {x} {y} Td ({text}) Tj ET\n")
}

/// Lines below each other, the first one large.
fn lines(texts: &[&str]) -> String {
    let shown = |(at, text): (usize, &&str)| line(if at == 0 { 18 } else { 10 }, 72, 740 - at as u32 * 20, text);
    texts.iter().enumerate().map(shown).collect()
}

const INVOICE: [&str; 11] = [
    "Invoice",
    "Harbour Dredging Ltd, 1 Quay Road, Port Town",
    "Invoice number: 2019-0815",
    "Invoice date: 12 May 2019",
    "Bill to: Northern Shipping, 5 Pier Street",
    "Dredging of the northern basin, 12 hours                 1,080.00",
    "Transport of the dredger                                   120.50",
    "Subtotal                                                 1,200.50",
    "VAT 20%                                                    240.10",
    "Total due                                                1,440.60",
    "Payment terms: 30 days net. IBAN DE89 3704 0044 0532 0130 00",
];

const LETTER: [&str; 9] = [
    "Northern Shipping, 5 Pier Street, Port Town",
    "14 June 2019",
    "Dear Mr Fletcher,",
    "Thank you for your letter of 3 June about the works in the northern basin.",
    "I am writing to inform you that we would like to visit the site next month.",
    "If you have any questions, please do not hesitate to contact me.",
    "I look forward to hearing from you.",
    "Yours sincerely,",
    "Ann Miller",
];

const CONTRACT: [&str; 9] = [
    "Service Agreement",
    "This Agreement is made by and between Harbour Ltd, hereinafter the Client, and Dredging Ltd, the Contractor.",
    "1. Services",
    "The Contractor shall provide the services described herein to the Client.",
    "2. Term and Termination",
    "Either party may terminate this Agreement upon 30 days prior written notice to the other party.",
    "3. Governing Law",
    "This Agreement shall be governed by the laws of England. Neither party shall be liable for indirect damages.",
    "IN WITNESS WHEREOF, the parties have executed this Agreement.",
];

/// A PDF of pages with these contents.
fn pages(contents: &[String]) -> Vec<u8> {
    let kids: Vec<String> = (0..contents.len()).map(|at| format!("{} 0 R", 4 + at * 2)).collect();
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!(
            "<< /Type /Pages /Kids [{}] /Count {} /MediaBox [0 0 600 800] /Resources << /Font << /F1 3 0 R >> >> >>",
            kids.join(" "),
            contents.len()
        )
        .into_bytes(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
    ];
    for (at, content) in contents.iter().enumerate() {
        objects.push(format!("<< /Type /Page /Parent 2 0 R /Contents {} 0 R >>", 5 + at * 2).into_bytes());
        objects.push(stream("", content.as_bytes()));
    }
    pdf(&objects)
}

#[test]
fn an_invoice_is_one_and_says_why_with_places() {
    let finished = classify(Format::Pdf, &page(&lines(&INVOICE), "", &[]), BY_LAYOUT);
    let found = finished.json("classification.json");
    assert_eq!(kind(&found), "invoice");
    assert_eq!(found["classification"]["decidedBy"], "layout");
    let candidates = found["classification"]["candidates"].as_array().unwrap();
    let sum: f64 = candidates.iter().map(|candidate| candidate["probability"].as_f64().unwrap()).sum();
    assert!((0.8..1.01).contains(&sum), "{candidates:?}");
    let evidence = found["classification"]["evidence"].as_array().unwrap();
    let title = evidence.iter().find(|evidence| evidence["text"].as_str().unwrap().contains("calls itself an invoice"));
    let title = title.unwrap_or_else(|| panic!("{evidence:?}"));
    assert!(title["text"].as_str().unwrap().contains("“Invoice”"));
    // The page is 800 points high, and the title at 740 from below.
    let top = title["mentions"][0]["bounds"][0][1].as_f64().unwrap();
    assert!((40.0..62.0).contains(&top), "{title}");
    assert_eq!(finished.properties["documentType"], "invoice");
    assert_eq!(found["languages"][0]["language"], "en");
    assert_eq!(found["languages"][0]["script"], "Latn");
    assert!(finished.text("classification.md").contains("Type: invoice"));
    // Topics need the network.
    assert!(found.get("topics").is_none());
}

#[test]
fn types_are_told_apart_in_several_languages() {
    let cases: [(&str, Format, &str); 6] = [
        ("contract", Format::Text, &CONTRACT.join("\n\n")),
        ("letter", Format::Text, &LETTER.join("\n\n")),
        (
            "invoice",
            Format::Text,
            "Rechnung\n\nRechnungsnummer: 4711\nRechnungsdatum: 12.05.2019\nKundennummer: 88\n\nBeratung 2 Std. 100,00\nNettobetrag 200,00\nzzgl. 19 % USt. 38,00\nGesamtbetrag 238,00 €\n\nZahlbar innerhalb von 14 Tagen ohne Abzug.",
        ),
        (
            "cv",
            Format::Text,
            "Currículum Vitae\n\nAna García\nana@correo.example\n\nExperiencia laboral\n2015 – 2019 Ingeniera, Puertos SA, Vigo\n2011 – 2015 Técnica, Grúas SL, Gijón\n\nFormación académica\n2006 – 2011 Grado en Ingeniería, Universidad de Oviedo\n\nIdiomas\nEspañol, inglés\n\nHabilidades\nAutoCAD, Excel",
        ),
        (
            "e-mail",
            Format::Eml,
            "From: Ann <ann@harbour.example>\r\nTo: Bob <bob@harbour.example>\r\nSubject: Meeting on Friday\r\nDate: Wed, 12 Jun 2019 10:00:00 +0000\r\n\r\nHi Bob,\r\n\r\ncan we meet on Friday?\r\n\r\nThanks,\r\nAnn\r\n",
        ),
        (
            "spreadsheet",
            Format::Csv,
            "Month,Region,Quantity,Price\nJan,North,12,4.50\nFeb,North,14,4.55\nMar,South,9,4.60\nApr,South,11,4.70\nMay,East,10,4.80\n",
        ),
    ];
    for (expected, format, text) in cases {
        for (finished, by) in [
            (classify(format, text.as_bytes(), BY_LAYOUT), "layout"),
            (classify_with_network(format, text.as_bytes(), "classify?ocr=never"), "meaning"),
        ] {
            let found = finished.json("classification.json");
            assert_eq!(kind(&found), expected, "by {by}: {}", found["classification"]);
            assert_eq!(found["classification"]["decidedBy"], by);
        }
    }
}

#[test]
fn a_bundle_is_parted_into_its_documents() {
    let second = lines(&[
        "Harbour Dredging Ltd",
        "Invoice number: 2019-0815, continued",
        "Hire of a crane                200.00",
        "Page 2 of 2",
    ]);
    let contents = [lines(&INVOICE) + &line(10, 280, 40, "Page 1 of 2"), second, lines(&LETTER), lines(&CONTRACT)];
    let finished = classify(Format::Pdf, &pages(&contents), &format!("{BY_LAYOUT}&split=true"));
    let found = finished.json("classification.json");
    let parts: Vec<(&str, &str)> = found["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| (part["pages"].as_str().unwrap(), part["type"].as_str().unwrap()))
        .collect();
    assert_eq!(parts, [("1-2", "invoice"), ("3", "letter"), ("4", "contract")]);
    assert_eq!(found["pages"].as_array().unwrap().len(), 4);
    assert_eq!(finished.properties["parts"][1]["pages"], "3");
    assert!(finished.text("classification.md").contains("| 1-2 | invoice"));
}

#[test]
fn personal_data_has_places_and_is_not_repeated() {
    let finished = classify(Format::Pdf, &page(&lines(&INVOICE), "", &[]), "classify?features=personal-data&ocr=never");
    let found = finished.json("classification.json");
    let data = found["personalData"].as_array().unwrap();
    assert_eq!(data.len(), 1, "{data:?}");
    assert_eq!((&data[0]["type"], &data[0]["hint"]), (&"bank-account".into(), &"DE…00".into()));
    assert_eq!(data[0]["mentions"][0]["page"], 1);
    assert!(!finished.text("classification.json").contains("0532"));
    assert!(found.get("classification").is_none() && found.get("pages").is_none());
}

#[test]
fn own_classes_are_learnt_from_examples() {
    let offer = |number: u32| {
        format!(
            "Offer {number}\n\nThank you for your enquiry. We offer you the following goods.\n\nCrane, 1 day, 500.00\nTotal 500.00\n\nThis offer is valid for 30 days."
        )
    };
    let note = |number: u32| {
        format!(
            "Delivery note {number}\n\nDelivered goods:\n\n- 4 pallets of bricks\n- 2 bags of cement\n\nReceived by: ____________"
        )
    };
    let mut examples = String::new();
    for number in 0..3 {
        for (class, text) in [("offer", offer(number)), ("delivery note", note(number))] {
            let asked = format!("classify?ocr=never&example-of={class}");
            examples += classify_with_network(Format::Text, text.as_bytes(), &asked).text("example.json");
        }
    }
    let asked = |text: &str, examples: &str, asked: &str| {
        let companions = [("classes.jsonl", examples.as_bytes())];
        let input = input_with_companions(Format::Text, "input.txt", text.as_bytes(), &companions);
        run_with(&document_job::JOB, asked, input, weights())
    };
    let by_meaning = "classify?ocr=never&features=type&classes=classes.jsonl";
    for asked_for in [by_meaning, "classify?ocr=never&features=type&meaning=never&classes=classes.jsonl"] {
        for (class, text) in [("offer", offer(77)), ("delivery note", note(78))] {
            let finished = asked(&text, &examples, asked_for).unwrap();
            let own = &finished.json("classification.json")["ownClasses"];
            assert_eq!(own["class"], class, "{own}");
            assert_eq!(own["nearest"][0]["examples"], 3);
            assert_eq!(finished.properties["class"], class);
        }
    }
    let missing = asked("text", &examples, "classify?ocr=never&classes=other.jsonl").unwrap_err();
    assert_eq!(missing.kind(), FailureKind::InvalidInput);
    let broken = asked("text", "{\"class\":", by_meaning).unwrap_err();
    assert!(broken.to_string().contains("example 1 of classes.jsonl"), "{broken}");
    let outside = asked("text", &examples, "classify?ocr=never&classes=../classes.jsonl").unwrap_err();
    assert_eq!(outside.kind(), FailureKind::InvalidInput);
}

#[test]
fn a_document_without_text_is_of_no_type() {
    for bytes in [page("", "", &[]), page("0 0 600 800 re f", "", &[])] {
        let finished = classify(Format::Pdf, &bytes, BY_LAYOUT);
        let found = finished.json("classification.json");
        assert_eq!(kind(&found), "unknown", "{found}");
        assert_eq!(found["personalData"], serde_json::json!([]));
        assert!(!finished.properties["warnings"].as_array().unwrap().is_empty());
    }
    let failure = run(&document_job::JOB, BY_LAYOUT, input_as(Format::Text, "input", b"")).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidInput);
    let noise: String =
        (0..4000_u32).map(|at| char::from(b'!' + (at.wrapping_mul(2_654_435_761) >> 16) as u8 % 14)).collect();
    let found = classify(Format::Text, noise.as_bytes(), BY_LAYOUT).json("classification.json");
    assert!(["unknown", "other"].contains(&kind(&found)), "{}", found["classification"]);
}

#[test]
fn a_script_that_no_model_learnt_does_not_fail() {
    let text = "უნივერსიტეტი და ქალაქი. ეს არის ტექსტი, რომელსაც ვერავინ კითხულობს სწორად.";
    let found = classify(Format::Text, text.as_bytes(), BY_LAYOUT).json("classification.json");
    assert_eq!(found["languages"][0]["script"], "Geor");
    assert!(["unknown", "other"].contains(&kind(&found)), "{}", found["classification"]);
}

#[test]
fn ten_thousand_pages_are_bounded() {
    let contents: Vec<String> = (0..10_000).map(|at| line(10, 72, 700, &format!("Page {at} of the log"))).collect();
    let bytes = pages(&contents);
    let finished = classify(Format::Pdf, &bytes, &format!("{BY_LAYOUT}&features=type"));
    assert_eq!(finished.properties["pages"], 10_000);
    // Only a part of them, because tests are not optimised.
    let asked = format!("{BY_LAYOUT}&features=pages&split=true&max-pages=1000");
    let finished = classify(Format::Pdf, &bytes, &asked);
    assert_eq!(finished.json("classification.json")["pages"].as_array().unwrap().len(), 1_000);
    assert!(finished.bytes("classification.json").len() < 400_000);
}

#[test]
fn the_same_document_gives_the_same_bytes() {
    let run =
        || classify_with_network(Format::Text, LETTER.join("\n\n").as_bytes(), "classify?ocr=never&example-of=letter");
    let (one, other) = (run(), run());
    for name in ["classification.json", "classification.md", "example.json"] {
        assert_eq!(one.bytes(name), other.bytes(name), "{name}");
    }
}

#[test]
fn without_the_network_layout_decides_unless_meaning_is_asked_for() {
    let folder = Path::new("/nonexistent");
    let names = ["onnxruntime", "text-encoder", "text-vocabulary"];
    let weights = Weights::open(folder, names.iter().map(|name| WeightsFile::named(name).unwrap()));
    let text = || input_as(Format::Text, "input", CONTRACT[1].as_bytes());
    let finished = run_with(&document_job::JOB, "classify?ocr=never", text(), weights.clone()).unwrap();
    assert_eq!(finished.json("classification.json")["classification"]["decidedBy"], "layout");
    let warnings = finished.properties["warnings"].to_string();
    assert!(warnings.contains("scripts/weights onnxruntime text-encoder text-vocabulary"), "{warnings}");
    let failure = run_with(&document_job::JOB, "classify?ocr=never&meaning=always", text(), weights).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::InvalidRequest);
    assert!(failure.to_string().contains("run scripts/weights"), "{failure}");
}
