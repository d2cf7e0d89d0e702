//! What a PDF's text is: headings, tables, code, links, running heads, and where words begin and end.

use std::fmt::Write as _;

use common::{extract, page, pdf, stream};

#[allow(dead_code, reason = "other tests encrypt files, and read other formats")]
mod common;

fn show(x: f32, y: f32, text: &str) -> String {
    format!("BT /F1 10 Tf {x} {y} Td ({text}) Tj ET\n")
}

fn text_of(content: &str) -> String {
    extract(&page(content, "", &[])).unwrap().text.trim().to_owned()
}

#[test]
fn words_are_parted_by_the_width_of_their_letters() {
    // Condensed to 70 %, with the gap of a condensed space.
    assert_eq!(
        text_of("BT /F1 10 Tf 70 Tz 72 700 Td (Rising) Tj ET BT /F1 10 Tf 70 Tz 92.5 700 Td (costs) Tj ET"),
        "Rising costs"
    );
    // A space that is only the spacing behind the last letter.
    assert_eq!(
        text_of("BT /F1 10 Tf 72 700 Td (o) Tj 3 Tc (f) Tj 3 Tc (a) Tj 0 Tc (win) Tj 3 Tc (d) Tj 0 Tc (x) Tj ET"),
        "of a wind x"
    );
    // Letters that are all spaced.
    assert_eq!(text_of("BT /F1 10 Tf 2 Tc 72 700 Td (SPACED) Tj ET"), "SPACED");
    // A space that was left within a word.
    assert_eq!(
        text_of("BT /F1 10 Tf 72 700 Td (modi) Tj 5 0 Td ( ) Tj ET BT /F1 10 Tf 93.7 700 Td (fied) Tj ET"),
        "modified"
    );
}

#[test]
fn raised_digits_are_no_digits_of_the_line() {
    let content = "BT /F1 10 Tf 72 700 Td (about 10) Tj ET BT /F1 6 Tf 110.9 704 Td (6) Tj ET BT /F1 10 Tf 114.9 700 Td (cells) Tj ET";
    let text = text_of(content);
    assert!(text.contains("10⁶"), "{text}");
}

#[test]
fn text_that_cannot_be_seen_is_not_shown() {
    let far = format!(
        "{}BT 0.000001 0 0 0.000001 {} 700 Tm /F1 1 Tf (hidden data) Tj ET {}",
        show(72.0, 700.0, "Before"),
        "9".repeat(60),
        show(72.0, 650.0, "After")
    );
    assert_eq!(text_of(&far), "Before\n\nAfter");
}

#[test]
fn ruled_cells_of_several_lines_and_columns_are_cells() {
    let mut content = String::new();
    for (x0, y0, x1, y1) in [
        (72, 700, 432, 700),
        (72, 670, 432, 670),
        (72, 640, 432, 640),
        (72, 610, 432, 610),
        (72, 700, 72, 610),
        (192, 670, 192, 610),
        (312, 700, 312, 610),
        (432, 700, 432, 610),
    ] {
        let _ = writeln!(content, "{x0} {y0} m {x1} {y1} l S");
    }
    for (x, y, text) in [
        (75.0, 688.0, "Person"),
        (315.0, 688.0, "Since"),
        (75.0, 659.0, "Ann Miller"),
        (75.0, 648.0, "Oslo"),
        (195.0, 659.0, "Head of the"),
        (195.0, 648.0, "harbour"),
        (315.0, 659.0, "2019"),
        (75.0, 629.0, "Bob Stone"),
        (195.0, 629.0, "Clerk"),
        (315.0, 629.0, "2021"),
    ] {
        content += &show(x, y, text);
    }
    let extracted = extract(&page(&content, "", &[])).unwrap();
    assert_eq!(
        extracted.markdown,
        "| Person |  | Since |\n| --- | --- | --- |\n| Ann Miller Oslo | Head of the harbour | 2019 |\n| Bob Stone | Clerk | 2021 |\n\n"
    );
    assert_eq!(
        extracted.text.trim(),
        "Person\t\tSince\nAnn Miller Oslo\tHead of the harbour\t2019\nBob Stone\tClerk\t2021"
    );
    assert_eq!(extracted.json["pages"][0]["blocks"][0]["spans"][0]["columns"], 2);
    // A frame around running text is no table.
    let frame = format!(
        "72 700 360 -200 re S {}{}",
        show(80.0, 650.0, "One line of text"),
        show(80.0, 630.0, "and another of it")
    );
    assert!(!extract(&page(&frame, "", &[])).unwrap().markdown.contains('|'));
}

#[test]
fn numbers_at_the_right_stand_under_their_head_at_the_left() {
    let mut content = show(72.0, 700.0, "Year") + &show(200.0, 700.0, "Freshwater Ducks");
    for (row, (year, count, x)) in
        [("2019", "120", 283.0), ("2020", "135", 283.0), ("2021", "1,170", 275.0)].into_iter().enumerate()
    {
        let y = 686.0 - row as f32 * 14.0;
        content += &(show(110.0, y, year) + &show(x, y, count));
    }
    let markdown = extract(&page(&content, "", &[])).unwrap().markdown;
    assert!(markdown.starts_with("| Year | Freshwater Ducks |\n| --- | --- |\n| 2019 | 120 |\n"), "{markdown}");
}

/// A page whose content is tagged, with the elements of its structure.
fn tagged(content: &str, elements: &[&str]) -> Vec<u8> {
    let references = (0..elements.len()).map(|at| format!("{} 0 R ", at + 7)).collect::<Vec<_>>().concat();
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R /StructTreeRoot 6 0 R /MarkInfo << /Marked true >> >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /StructParents 0 /Resources << /Font << /F1 5 0 R >> >> >>".to_vec(),
        stream("", content.as_bytes()),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
        format!("<< /Type /StructTreeRoot /K [{references}] /RoleMap << /Kopf /H2 >> /ParentTree << /Nums [0 [{references}]] >> >>").into_bytes(),
    ];
    objects.extend(elements.iter().map(|element| element.as_bytes().to_vec()));
    pdf(&objects)
}

#[test]
fn tags_say_what_is_a_heading_and_what_is_none() {
    let marked =
        |number: usize, text: &str, y: f32| format!("/X << /MCID {number} >> BDC {} EMC ", show(72.0, y, text));
    let content = format!(
        "/Artifact << /Type /Pagination >> BDC {} EMC {}{}{}BT /F1 20 Tf 72 600 Td /P << /MCID 3 >> BDC (Large and no heading) Tj EMC ET",
        show(72.0, 780.0, "Page 7 of 12"),
        marked(0, "Scope of the survey", 700.0),
        marked(1, "Some text of a paragraph.", 680.0),
        marked(2, "Who was asked", 640.0),
    );
    let extracted = extract(&tagged(
        &content,
        &["<< /S /H1 /K 0 >>", "<< /S /P /K 1 >>", "<< /S /Kopf /K 2 >>", "<< /S /P /K 3 >>"],
    ))
    .unwrap();
    assert_eq!(
        extracted.markdown,
        "# Scope of the survey\n\nSome text of a paragraph.\n\n## Who was asked\n\nLarge and no heading\n\n"
    );
    assert!(extracted.text.contains("Page 7 of 12"));
    assert_eq!(extracted.json["pages"][0]["blocks"][0]["type"], "header");
}

#[test]
fn what_pages_repeat_at_their_edges_is_marked() {
    let count = 5;
    let kids = (0..count).map(|at| format!("{} 0 R ", 4 + 2 * at)).collect::<Vec<_>>().concat();
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Kids [{kids}] /Count {count} /MediaBox [0 0 600 800] /Resources << /Font << /F1 3 0 R >> >> >>").into_bytes(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
    ];
    for at in 0..count {
        let content = show(72.0, 770.0, "Annual report")
            + &show(72.0, 400.0, &format!("Text of chapter {at} that is of its own."))
            + &show(300.0, 20.0, &(at + 1).to_string());
        objects.push(format!("<< /Type /Page /Parent 2 0 R /Contents {} 0 R >>", 5 + 2 * at).into_bytes());
        objects.push(stream("", content.as_bytes()));
    }
    let extracted = extract(&pdf(&objects)).unwrap();
    assert!(!extracted.markdown.contains("Annual report"), "{}", extracted.markdown);
    assert!(extracted.markdown.contains("Text of chapter 0") && extracted.markdown.contains("<!-- page 5 -->"));
    assert_eq!(extracted.text.matches("Annual report").count(), 5);
    for at in 0..count {
        let blocks = extracted.json["pages"][at]["blocks"].as_array().unwrap();
        let kinds: Vec<&str> = blocks.iter().map(|block| block["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["header", "paragraph", "footer"], "page {at}");
    }
}

#[test]
fn links_code_and_contents_keep_their_form() {
    let link =
        b"<< /Type /Annot /Subtype /Link /Rect [88 695 140 712] /A << /S /URI /URI (https://x.org/list) >> >>".to_vec();
    let linked = String::from_utf8(page(&show(72.0, 700.0, "See the price list now."), "", &[link])).unwrap();
    let linked = linked.replace("/MediaBox", "/Annots [6 0 R] /MediaBox");
    let markdown = extract(linked.as_bytes()).unwrap().markdown;
    assert!(markdown.contains("[the price list](https://x.org/list)"), "{markdown}");

    let font =
        b"<< /Type /Font /Subtype /Type1 /BaseFont /ABCDEF+CMTT10 /Encoding /WinAnsiEncoding /FirstChar 32 /Widths ["
            .to_vec();
    let font: Vec<u8> = [font, "525 ".repeat(95).into_bytes(), b"] >>".to_vec()].concat();
    let code = "BT /F2 10 Tf 72 700 Td (def f\\(x\\):) Tj 21 -12 Td (if x:) Tj 21 -12 Td (return 1) Tj -21 -12 Td (return 0) Tj ET";
    let extracted = extract(&page(code, "/Font << /F1 5 0 R /F2 6 0 R >>", &[font])).unwrap();
    assert_eq!(extracted.markdown, "```\ndef f(x):\n    if x:\n        return 1\n    return 0\n```\n\n");

    let contents = show(72.0, 700.0, "Notices . . . . . . . . . vii")
        + &show(72.0, 688.0, "1 Security . . . . . . . . 12")
        + &show(72.0, 676.0, "2 Storage . . . . . . . . 30");
    let markdown = extract(&page(&contents, "", &[])).unwrap().markdown;
    assert_eq!(markdown.matches('\n').count(), 4, "{markdown}");
}

#[test]
fn glyphs_of_type_3_fonts_are_named_by_their_codes_and_sized_by_their_text() {
    let names = b"Thermal".iter().map(|code| format!("{code} /a{code} ")).collect::<Vec<_>>().concat();
    let procedures = b"Thermal".iter().map(|code| format!("/a{code} 7 0 R ")).collect::<Vec<_>>().concat();
    let font = format!(
        "<< /Type /Font /Subtype /Type3 /FontBBox [0 -300 1000 1063] /FontMatrix [0.001 0 0 0.001 0 0] /FirstChar 0 /LastChar 127 \
         /Widths [{}] /Encoding << /Differences [{names}] >> /CharProcs << {procedures} >> >>",
        "500 ".repeat(128)
    );
    let content = "BT /F2 9 Tf 72 700 Td (Thermal) Tj ET";
    let extracted =
        extract(&page(content, "/Font << /F2 6 0 R >>", &[font.into_bytes(), stream("", b"500 0 d0")])).unwrap();
    assert_eq!(extracted.text.trim(), "Thermal");
    assert_eq!(extracted.json["pages"][0]["blocks"][0]["lines"][0]["words"][0]["size"], 9.0);
}

#[test]
fn forms_show_their_ticks_and_their_data() {
    let field = |state: &str, y: u32| {
        format!("<< /Type /Annot /Subtype /Widget /FT /Btn /T (b{y}) /AS /{state} /Rect [72 {y} 82 {}] >>", y + 10)
            .into_bytes()
    };
    let content = show(90.0, 702.0, "Married") + &show(90.0, 682.0, "Single");
    let form = String::from_utf8(page(&content, "", &[field("Yes", 700), field("Off", 680)])).unwrap();
    let form = form.replace("/MediaBox", "/Annots [6 0 R 7 0 R] /MediaBox");
    let text = extract(form.as_bytes()).unwrap().text;
    let words: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(words, ["☒", "Married", "☐", "Single"]);

    let data = stream("", b"<xfa:datasets><xfa:data><form><town>Bergen</town></form></xfa:data></xfa:datasets>");
    let waiting = String::from_utf8(page(&show(72.0, 700.0, "Please wait..."), "", &[data])).unwrap();
    let waiting = waiting.replace("/Type /Catalog", "/Type /Catalog /NeedsRendering true /AcroForm << /XFA 6 0 R >>");
    let extracted = extract(waiting.as_bytes()).unwrap();
    assert_eq!(extracted.json["fields"][0]["value"], "Bergen");
    assert!(extracted.properties["warnings"][0].as_str().unwrap().contains("XFA"));
}
