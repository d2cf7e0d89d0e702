//! What a PDF says about itself, and how its objects are stored.

use catalog::Format;
use serde_json::json;

use common::{encrypted, extract, extract_as, page, pdf, stream};

mod common;

const HELVETICA: &[u8] = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>";

#[test]
fn outline_links_fields_and_attachments_are_told() {
    let objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Outlines 7 0 R /AcroForm << /Fields [10 0 R 12 0 R] >> /Lang (de-CH) \
          /MarkInfo << /Marked true >> /Version /2.0 \
          /Names << /EmbeddedFiles << /Names [(a) 14 0 R] >> /Dests << /Names [(end) [4 0 R /Fit]] >> >> >>"
            .to_vec(),
        b"<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 5 0 R /Annots [15 0 R 16 0 R] \
          /Resources << /Font << /F1 6 0 R >> >> >>"
            .to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] >>".to_vec(),
        stream("", b"BT /F1 12 Tf 50 700 Td (See the appendix) Tj ET"),
        HELVETICA.to_vec(),
        b"<< /First 8 0 R >>".to_vec(),
        b"<< /Title (Chapter) /Dest [3 0 R /Fit] /First 9 0 R /Parent 7 0 R >>".to_vec(),
        b"<< /Title <FEFF00DC0062006500720073006900630068007400> /A << /S /GoTo /D (end) >> /Parent 8 0 R >>".to_vec(),
        b"<< /T (person) /Kids [11 0 R] >>".to_vec(),
        b"<< /T (name) /FT /Tx /V (Ada) /Parent 10 0 R >>".to_vec(),
        b"<< /T (agreed) /FT /Btn /V /Yes >>".to_vec(),
        stream("/Type /EmbeddedFile", b"1;2"),
        b"<< /Type /Filespec /F (table.csv) /EF << /F 13 0 R >> >>".to_vec(),
        b"<< /Type /Annot /Subtype /Link /Rect [50 690 150 715] /A << /S /URI /URI (https://example.org/) >> >>"
            .to_vec(),
        b"<< /Type /Annot /Subtype /Link /Rect [50 600 150 620] /Dest (end) >>".to_vec(),
    ];
    let extracted = extract(&pdf(&objects)).unwrap();
    let json = &extracted.json;
    assert_eq!(
        json["outline"],
        json!([{ "level": 1, "title": "Chapter", "page": 1 }, { "level": 2, "title": "\u{DC}bersicht", "page": 2 }])
    );
    assert_eq!(
        json["fields"],
        json!([{ "name": "person.name", "type": "text", "value": "Ada" }, { "name": "agreed", "type": "button", "value": "Yes" }])
    );
    assert_eq!(json["document"]["attachments"], json!(["table.csv"]));
    let links = json["pages"][0]["links"].as_array().unwrap();
    assert_eq!(links[0]["uri"], "https://example.org/");
    assert_eq!(links[0]["bounds"], json!([50.0, 85.0, 150.0, 110.0]));
    assert_eq!(links[1]["page"], 2);
    let metadata = &extracted.properties["metadata"];
    assert_eq!(metadata["language"], "de-CH");
    assert_eq!(metadata["isTagged"], true);
    assert_eq!(metadata["isEncrypted"], false);
    assert_eq!(metadata["pdfVersion"], "2.0");
    assert_eq!(metadata["pageCount"], 2);
}

#[test]
fn metadata_is_that_of_the_information_dictionary() {
    let sound = page("BT /F1 12 Tf 50 700 Td (Text) Tj ET", "", &[
        b"<< /Title (A title) /Author <FEFF00C9006D0069006C0065> /Producer (make) /CreationDate (D:20240229120000+02'00') >>".to_vec(),
    ]);
    let sound = String::from_utf8(sound).unwrap().replace("/Root 1 0 R", "/Root 1 0 R /Info 6 0 R");
    let metadata = extract(sound.as_bytes()).unwrap().properties["metadata"].clone();
    assert_eq!(metadata["title"], "A title");
    assert_eq!(metadata["author"], "\u{C9}mile");
    assert_eq!(metadata["created"], "2024-02-29T12:00:00+02:00");
    assert!(metadata.get("subject").is_none());
}

/// A file whose objects stand in an object stream, with a cross-reference stream.
fn with_object_stream() -> Vec<u8> {
    let inner: [&[u8]; 4] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 6 0 R /Resources << /Font << /F1 4 0 R >> >> >>",
        HELVETICA,
    ];
    let (mut numbers, mut data) = (String::new(), Vec::new());
    for (at, object) in inner.iter().enumerate() {
        numbers.extend([(at + 1).to_string(), " ".to_owned(), data.len().to_string(), " ".to_owned()]);
        data.extend_from_slice(object);
        data.push(b' ');
    }
    let first = numbers.len();
    let mut content = numbers.into_bytes();
    content.extend(data);
    let mut file = b"%PDF-1.5\n".to_vec();
    let mut rows: Vec<[u8; 6]> = vec![[0; 6]];
    rows.extend((0..4_u8).map(|index| [2, 0, 0, 0, 5, index]));
    let entry = |offset: usize| {
        let offset = (offset as u32).to_be_bytes();
        [1, offset[0], offset[1], offset[2], offset[3], 0]
    };
    rows.push(entry(file.len()));
    file.extend(b"5 0 obj\n");
    file.extend(stream(&format!("/Type /ObjStm /N 4 /First {first}"), &content));
    file.extend(b"\nendobj\n");
    rows.push(entry(file.len()));
    file.extend(b"6 0 obj\n");
    file.extend(stream("", b"BT /F1 12 Tf 50 700 Td (In a stream of objects) Tj ET"));
    file.extend(b"\nendobj\n");
    let start = file.len();
    rows.push(entry(start));
    file.extend(b"7 0 obj\n");
    file.extend(stream("/Type /XRef /Size 8 /W [1 4 1] /Root 1 0 R", &rows.concat()));
    file.extend(format!("\nendobj\nstartxref\n{start}\n%%EOF\n").bytes());
    file
}

#[test]
fn objects_in_streams_are_found_by_the_table_and_without_it() {
    let sound = with_object_stream();
    let extracted = extract(&sound).unwrap();
    assert_eq!(extracted.text.trim(), "In a stream of objects");
    assert!(extracted.properties["metadata"].get("wasRepaired").is_none());
    let table = sound.windows(5).position(|window| window == b"7 0 o").unwrap();
    let extracted = extract(&sound[..table]).unwrap();
    assert_eq!(extracted.text.trim(), "In a stream of objects");
    assert_eq!(extracted.properties["metadata"]["wasRepaired"], true);
}

#[test]
fn the_last_of_several_updates_counts() {
    let mut file = page("BT /F1 12 Tf 50 700 Td (First version) Tj ET", "", &[]);
    for version in ["Second", "Third"] {
        let text = String::from_utf8_lossy(&file).into_owned();
        let before = text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().to_owned();
        let offset = file.len();
        file.extend(b"4 0 obj\n");
        file.extend(stream("", format!("BT /F1 12 Tf 50 700 Td ({version} version) Tj ET").as_bytes()));
        file.extend(b"\nendobj\n");
        let start = file.len();
        let table = format!("xref\n4 1\n{offset:010} 00000 n \ntrailer\n<< /Size 6 /Root 1 0 R /Prev {before} >>\n");
        file.extend(format!("{table}startxref\n{start}\n%%EOF\n").bytes());
    }
    let extracted = extract(&file).unwrap();
    assert_eq!(extracted.text.trim(), "Third version");
    assert!(extracted.properties["metadata"].get("wasRepaired").is_none());
}

#[test]
fn the_empty_password_is_tried_by_itself() {
    let sound = page("BT /F1 12 Tf 50 700 Td (Not very secret) Tj ET", "", &[]);
    let encrypted = encrypted(&sound, "owner", "");
    for asked in ["text", "text?password=needless"] {
        let extracted = extract_as(Format::Pdf, &encrypted, asked).unwrap();
        assert_eq!(extracted.text.trim(), "Not very secret");
        assert_eq!(extracted.properties["metadata"]["isEncrypted"], true);
    }
}

#[test]
fn text_that_can_only_be_guessed_needs_ocr() {
    let font =
        b"<< /Type /Font /Subtype /Type0 /BaseFont /Unknown /Encoding /Identity-H /DescendantFonts [7 0 R] >>".to_vec();
    let descendant = b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Unknown \
                       /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>"
        .to_vec();
    let content = "BT /F2 12 Tf 50 700 Td <004D0061007900620065> Tj ET";
    let extracted = extract(&page(content, "/Font << /F2 6 0 R >>", &[font, descendant])).unwrap();
    assert_eq!(extracted.text.trim(), "Maybe");
    assert_eq!(extracted.markdown.trim(), "Maybe");
    assert_eq!(extracted.json["pages"][0]["method"], "ocr-needed");
    assert_eq!(extracted.properties["ocrNeeded"], json!([1]));
}

#[test]
fn many_pages_are_read_in_order() {
    let count = 60;
    let kids = (0..count).map(|at| format!("{} 0 R", 4 + 2 * at)).collect::<Vec<_>>().join(" ");
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Kids [{kids}] /Count {count} /MediaBox [0 0 600 800] /Resources << /Font << /F1 3 0 R >> >> >>").into_bytes(),
        HELVETICA.to_vec(),
    ];
    for at in 0..count {
        objects.push(format!("<< /Type /Page /Parent 2 0 R /Contents {} 0 R >>", 5 + 2 * at).into_bytes());
        objects.push(stream("", format!("BT /F1 12 Tf 50 700 Td (Page {}) Tj ET", at + 1).as_bytes()));
    }
    let extracted = extract(&pdf(&objects)).unwrap();
    let pages: Vec<&str> = extracted.text.split('\u{C}').map(str::trim).filter(|page| !page.is_empty()).collect();
    let expected: Vec<String> = (1..=count).map(|at| format!("Page {at}")).collect();
    assert_eq!(pages, expected);
}
