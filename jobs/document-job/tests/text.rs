//! `text` on documents made here, and on the corpus if it is there.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::path::Path;

use catalog::Format;
use common::{encrypted, extract, extract_as, page, pdf, stream};
use contract::FailureKind;
use operation_testing::corpus_files;

mod common;

#[test]
fn columns_are_read_one_after_the_other_and_parted_words_are_whole() {
    let column = |x: u32, lines: [&str; 3]| {
        let mut content = String::new();
        for (line, y) in lines.iter().zip([700, 686, 672]) {
            let _ = write!(content, "BT /F1 12 Tf {x} {y} Td ({line}) Tj ET ");
        }
        content
    };
    let content =
        column(50, ["Left column be-", "gins here and", "ends."]) + &column(320, ["Right one", "comes", "after."]);
    let extracted = extract(&page(&content, "", &[])).unwrap();
    let words: Vec<&str> = extracted.text.split_whitespace().collect();
    assert_eq!(words.join(" "), "Left column begins here and ends. Right one comes after.");
    assert!(extracted.text.ends_with('\u{C}'));
    assert_eq!(extracted.json["pages"][0]["method"], "digital");
    let word = &extracted.json["pages"][0]["blocks"][0]["lines"][0]["words"][0];
    assert_eq!(word["text"], "Left");
    assert_eq!(word["bounds"][0], 50.0);
    assert_eq!(word["size"], 12.0);
}

#[test]
fn gaps_between_glyphs_are_spaces_and_kerning_is_not() {
    let extracted = extract(&page("BT /F1 12 Tf 50 700 Td [(W) 80 (ord) -600 (gap)] TJ ET", "", &[])).unwrap();
    assert_eq!(extracted.text.trim(), "Word gap");
}

#[test]
fn a_map_to_unicode_says_what_codes_mean() {
    let map = stream("", b"1 beginbfchar <41> <0416> endbfchar 1 beginbfrange <42> <43> <4E00> endbfrange");
    let font =
        b"<< /Type /Font /Subtype /Type1 /BaseFont /X /FirstChar 65 /Widths [600 600 600] /ToUnicode 7 0 R >>".to_vec();
    let content = "BT /F2 12 Tf 50 700 Td (ABC) Tj ET";
    let extracted = extract(&page(content, "/Font << /F2 6 0 R >>", &[font, map])).unwrap();
    assert_eq!(extracted.text.trim(), "\u{416}\u{4E00}\u{4E01}");
}

#[test]
fn turned_pages_are_read_as_they_are_shown() {
    let turned = page("BT 0 1 -1 0 100 50 Tm /F1 12 Tf (Turned page) Tj ET", "", &[]);
    let turned = String::from_utf8(turned).unwrap().replace("/MediaBox", "/Rotate 90 /MediaBox").into_bytes();
    let extracted = extract(&turned).unwrap();
    assert_eq!(extracted.text.trim(), "Turned page");
    assert_eq!(extracted.json["pages"][0]["width"], 800.0);
}

#[test]
fn a_scan_needs_ocr_and_a_blank_page_is_empty() {
    let image =
        stream("/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8", b"x");
    let scan = extract(&page("q 600 0 0 800 0 0 cm /Im Do Q", "/XObject << /Im 6 0 R >>", &[image])).unwrap();
    assert_eq!(scan.properties["ocrNeeded"], serde_json::json!([1]));
    assert_eq!(scan.properties["noText"], true);
    assert_eq!(scan.json["pages"][0]["method"], "ocr-needed");
    let blank = extract(&page("", "", &[])).unwrap();
    assert_eq!(blank.json["pages"][0]["method"], "empty");
    assert_eq!(blank.properties["noText"], true);
}

#[test]
fn a_broken_table_of_objects_is_repaired_and_said_so() {
    let sound = page("BT /F1 12 Tf 50 700 Td (Still here) Tj ET", "", &[]);
    let end = sound.windows(4).rposition(|window| window == b"xref").unwrap() - 5;
    let mut moved = sound.clone();
    moved.splice(9..9, b"% something that was put in\n".iter().copied());
    for broken in [&sound[..end], &moved] {
        let extracted = extract(broken).unwrap();
        assert_eq!(extracted.text.trim(), "Still here");
    }
    assert_eq!(extract(&sound[..end]).unwrap().properties["metadata"]["wasRepaired"], true);
}

#[test]
fn an_encrypted_file_opens_with_its_password_only() {
    let sound = page("BT /F1 12 Tf 50 700 Td (Secret text) Tj ET", "", &[]);
    let encrypted = encrypted(&sound, "owner", "user");
    for password in ["user", "owner"] {
        let extracted = extract_as(Format::Pdf, &encrypted, &format!("text?password={password}")).unwrap();
        assert_eq!(extracted.text.trim(), "Secret text");
    }
    for asked in ["text", "text?password=wrong"] {
        let failure = extract_as(Format::Pdf, &encrypted, asked).err().unwrap();
        assert_eq!(failure.kind(), FailureKind::InvalidInput);
        assert!(failure.to_string().contains("password"), "{failure}");
    }
}

#[test]
fn pages_are_chosen_and_those_that_are_not_there_are_refused() {
    let sound = page("BT /F1 12 Tf 50 700 Td (One) Tj ET", "", &[]);
    assert_eq!(extract_as(Format::Pdf, &sound, "text?pages=1-").unwrap().properties["pages"], 1);
    let failure = extract_as(Format::Pdf, &sound, "text?pages=2").err().unwrap();
    assert_eq!(failure.kind(), FailureKind::InvalidRequest);
}

#[test]
fn hostile_structure_ends_in_an_error_or_a_partial_result() {
    let text = "BT /F1 12 Tf 50 700 Td (Before) Tj ET";
    let form = |content: &str, resources: &str| {
        stream(
            &format!("/Type /XObject /Subtype /Form /BBox [0 0 1 1] /Resources << {resources} >>"),
            content.as_bytes(),
        )
    };
    // A form that shows itself.
    let own = form("/Fm Do", "/XObject << /Fm 6 0 R >>");
    let extracted = extract(&page(&format!("{text} /Fm Do"), "/XObject << /Fm 6 0 R >>", &[own])).unwrap();
    assert_eq!(extracted.text.trim(), "Before");
    assert_eq!(extracted.properties["partialPages"], serde_json::json!([1]));
    // Twelve forms, each showing the next ten times.
    let forms: Vec<Vec<u8>> =
        (0..12).map(|at| form(&"/Fm Do ".repeat(10), &format!("/XObject << /Fm {} 0 R >>", at + 7))).collect();
    let extracted = extract(&page(&format!("{text} /Fm Do"), "/XObject << /Fm 6 0 R >>", &forms)).unwrap();
    assert_eq!(extracted.properties["partialPages"], serde_json::json!([1]));
    // A page tree that leads back to itself.
    let cycle = String::from_utf8(page(text, "", &[])).unwrap().replace("/Kids [3 0 R]", "/Kids [2 0 R 3 0 R 3 0 R]");
    assert_eq!(extract(cycle.as_bytes()).unwrap().properties["pages"], 1);
    // Nesting beyond any stack.
    for open in ["[", "<< /A ", "q ", "BT ", "/A BMC "] {
        let extracted = extract(&page(&format!("{text} {}", open.repeat(100_000)), "", &[])).unwrap();
        assert_eq!(extracted.text.trim(), "Before", "{open:?}");
    }
    // Counts that nothing could hold.
    let counts = String::from_utf8(page(text, "", &[])).unwrap().replace("/Count 1", "/Count 2000000000");
    assert_eq!(extract(counts.as_bytes()).unwrap().text.trim(), "Before");
    for broken in
        [&b"%PDF-1.7\n"[..], b"no pdf at all", b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 1 0 R >>\nendobj"]
    {
        assert_eq!(extract(broken).err().unwrap().kind(), FailureKind::InvalidInput);
    }
}

#[test]
fn a_stream_that_unpacks_without_end_is_cut_and_said_so() {
    // Two bytes for 128: a run-length bomb, which is quicker to make than a deflated one.
    let bomb = [129, b' '].repeat((140 << 20) / 128);
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R 5 0 R 6 0 R] /Count 3 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R >>".to_vec(),
    ];
    let with_bomb = objects[2].clone();
    objects.push(stream("/Filter /RunLengthDecode", &bomb));
    objects.push(b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] >>".to_vec());
    objects.push(with_bomb);
    let extracted = extract(&pdf(&objects)).unwrap();
    assert_eq!(extracted.properties["partialPages"], serde_json::json!([1, 3]));
    assert!(extracted.properties.contains_key("warnings"));
}

/// A gigabyte of spaces, deflated: a space, and for each 258 of them 13 bits that repeat the one before (RFC 1951, 3.2.6).
fn deflated_spaces() -> Vec<u8> {
    let repeat = "1100010100000";
    let bits = "110".to_owned() + "01010000" + &repeat.repeat(16);
    let byte = |bits: &[u8]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | (bit - b'0'));
    let bytes: Vec<u8> = bits.as_bytes().chunks_exact(8).map(byte).collect();
    // Eight times 13 bits are 13 bytes.
    [&[0x78, 0x9C], &bytes[..2], &bytes[2..15].repeat((1 << 30) / (8 * 258))].concat()
}

#[test]
fn a_gigabyte_in_a_small_file_is_cut_and_said_so() {
    let objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents [5 0 R 4 0 R] /Resources << /Font << /F1 6 0 R >> >> >>".to_vec(),
        stream("/Filter /FlateDecode", &deflated_spaces()),
        stream("", b"BT /F1 12 Tf 50 700 Td (Before the bomb) Tj ET"),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
    ];
    let extracted = extract(&pdf(&objects)).unwrap();
    assert_eq!(extracted.properties["partialPages"], serde_json::json!([1]));
    assert!(extracted.properties["warnings"].to_string().contains("were cut"), "{:?}", extracted.properties);
    assert!(extracted.text.contains("Before the bomb"), "{}", extracted.text);
}

#[test]
fn every_beginning_of_a_file_is_read_or_refused() {
    let sound = page("BT /F1 12 Tf 50 700 Td (Cut anywhere) Tj ET", "", &[]);
    for end in (0..sound.len()).step_by(7) {
        match extract(&sound[..end]) {
            Ok(extracted) => {
                assert!(extracted.text.trim().is_empty() || "Cut anywhere".starts_with(extracted.text.trim()));
            }
            Err(failure) => assert_eq!(failure.kind(), FailureKind::InvalidInput),
        }
    }
}

fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, data) in parts {
        let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file(*name, options).unwrap();
        zip.write_all(data).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn a_word_document_keeps_headings_lists_and_tables() {
    let body = br#"<w:document xmlns:w="x"><w:body>
        <w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Title &amp; more</w:t></w:r></w:p>
        <w:p><w:r><w:t xml:space="preserve">Some </w:t></w:r><w:r><w:t>text.</w:t></w:r></w:p>
        <w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>An item</w:t></w:r></w:p>
        <w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
        </w:body></w:document>"#;
    let extracted = extract_as(Format::Docx, &archive(&[("word/document.xml", body)]), "text").unwrap();
    assert_eq!(extracted.markdown, "# Title & more\n\nSome text.\n\n- An item\n\n| a | b |\n| --- | --- |\n\n");
    assert_eq!(extracted.properties["words"], 9);
}

#[test]
fn an_archive_that_unpacks_without_end_is_refused() {
    let bomb = vec![b' '; (256 << 20) + 2];
    let failure = extract_as(Format::Docx, &archive(&[("word/document.xml", &bomb)]), "text").err().unwrap();
    assert_eq!(failure.kind(), FailureKind::InvalidInput);
    assert!(failure.to_string().contains("unpacks"), "{failure}");
}

#[test]
fn an_epub_is_read_along_its_spine() {
    let book = archive(&[
        ("META-INF/container.xml", br#"<container><rootfiles><rootfile full-path="b/book.opf"/></rootfiles></container>"#),
        (
            "b/book.opf",
            br#"<package><metadata><dc:title>The Book</dc:title></metadata><manifest><item id="two" href="2.xhtml"/>
            <item id="one" href="1.xhtml"/></manifest><spine><itemref idref="one"/><itemref idref="two"/></spine></package>"#,
        ),
        ("b/1.xhtml", b"<html><body><h1>First</h1></body></html>"),
        ("b/2.xhtml", b"<html><body><p>Second</p></body></html>"),
    ]);
    let extracted = extract_as(Format::Epub, &book, "text").unwrap();
    assert_eq!(extracted.text, "First\n\u{C}Second\n\u{C}");
    assert_eq!(extracted.properties["metadata"]["title"], "The Book");
}

// --- the corpus ---

/// An error that says why, or text, or a word about why there is none.
fn is_plain_about_itself(path: &Path) -> Result<bool, String> {
    match extract(&fs_err::read(path).unwrap()) {
        Ok(extracted) => {
            let has_words = extracted.properties["words"].as_u64().unwrap() > 0;
            if has_words == extracted.properties.contains_key("noText") {
                return Err(format!("{}: no text, and nothing that says so", path.display()));
            }
            Ok(true)
        }
        Err(failure) if failure.kind() == FailureKind::InvalidInput => Ok(false),
        Err(failure) => Err(format!("{}: {failure}", path.display())),
    }
}

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn hostile_files_of_the_corpus_are_read_in_bounds_or_refused() {
    for path in corpus_files("hostile/documents") {
        is_plain_about_itself(&path).unwrap();
    }
}

#[test]
#[ignore = "reads ../shared/corpus; scripts/test runs it if that is there"]
fn real_files_of_the_corpus_are_read_but_for_those_with_passwords() {
    let files = corpus_files("documents");
    let read = files.iter().filter(|path| is_plain_about_itself(path).unwrap()).count();
    // Nine need a password or hold no PDF, for pdftotext as well.
    assert!(read + 9 >= files.len(), "{read} of {}", files.len());
}
