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
    // Rows of groups, below which no line is drawn: those between the columns begin there.
    let mut grouped = String::from("72 700 m 372 700 l S 72 640 m 372 640 l S 72 580 m 372 580 l S ");
    for (top, group) in [(700.0, "Small"), (640.0, "Large")] {
        let _ = write!(grouped, "172 {0} m 172 {1} l S 272 {0} m 272 {1} l S ", top - 20.0, top - 60.0);
        grouped += &show(80.0, top - 14.0, group);
        for (row, values) in [["I", "390", "0"], ["UI", "742", "3"]].into_iter().enumerate() {
            for (column, value) in values.into_iter().enumerate() {
                grouped += &show(80.0 + 100.0 * column as f32, top - 34.0 - 16.0 * row as f32, value);
            }
        }
    }
    let _ = write!(grouped, "72 664 m 372 664 l S 72 604 m 372 604 l S 72 700 m 72 580 l S 372 700 m 372 580 l S ");
    let markdown = extract(&page(&grouped, "", &[])).unwrap().markdown;
    assert_eq!(
        markdown,
        "| Small |  |  |\n| --- | --- | --- |\n| I | 390 | 0 |\n| UI | 742 | 3 |\n| Large |  |  |\n| I | 390 | 0 |\n| UI | 742 | 3 |\n\n"
    );
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

/// A page of tagged content with its tree: each element's type, the element around it (its number, 0 of the root) and the
/// content that it marks.
fn with_tree(content: &str, elements: &[(&str, usize, Option<usize>)]) -> Vec<u8> {
    let kids = |parent: usize| {
        let of_parent = elements.iter().enumerate().filter(|(_, element)| element.1 == parent);
        of_parent.map(|(at, _)| format!("{} 0 R ", at + 7)).collect::<Vec<_>>().concat()
    };
    let mut marked: Vec<(usize, usize)> =
        elements.iter().enumerate().filter_map(|(at, element)| Some((element.2?, at + 7))).collect();
    marked.sort_unstable();
    let parents = marked.iter().map(|(_, object)| format!("{object} 0 R ")).collect::<Vec<_>>().concat();
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R /StructTreeRoot 6 0 R /MarkInfo << /Marked true >> >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /StructParents 0 /Resources << /Font << /F1 5 0 R >> >> >>".to_vec(),
        stream("", content.as_bytes()),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
        format!("<< /Type /StructTreeRoot /K [{}] /ParentTree << /Nums [0 [{parents}]] >> >>", kids(0)).into_bytes(),
    ];
    for (at, (role, parent, content)) in elements.iter().enumerate() {
        let content = content.map_or_else(String::new, |number| number.to_string());
        let around = if *parent == 0 { 6 } else { parent + 6 };
        let inner = kids(at + 1);
        objects.push(format!("<< /S /{role} /P {around} 0 R /K [{content} {inner}] >>").into_bytes());
    }
    pdf(&objects)
}

fn marked(number: usize, x: f32, y: f32, text: &str) -> String {
    format!("/X << /MCID {number} >> BDC {} EMC ", show(x, y, text))
}

#[test]
fn tagged_pages_are_read_in_the_order_of_their_tags() {
    // Two columns whose boxes are read across, and a box at the bottom that comes first; drawn in another order yet.
    let content = [
        marked(0, 72.0, 600.0, "The lower left box is third."),
        marked(1, 320.0, 700.0, "The upper right box is second."),
        marked(2, 72.0, 700.0, "The upper left box is first."),
        marked(3, 320.0, 600.0, "The lower right box is last."),
        marked(4, 72.0, 100.0, "The box at the bottom is read before all."),
        format!("/Artifact BMC {} EMC", show(72.0, 780.0, "Running head")),
    ];
    let elements = [
        ("P", 0, Some(4)),
        ("Sect", 0, None),
        ("P", 2, Some(2)),
        ("P", 2, Some(1)),
        ("P", 2, Some(0)),
        ("P", 2, Some(3)),
    ];
    let extracted = extract(&with_tree(&content.concat(), &elements)).unwrap();
    assert_eq!(
        extracted.markdown,
        "The box at the bottom is read before all.\n\nThe upper left box is first.\n\nThe upper right box is second.\n\n\
         The lower left box is third.\n\nThe lower right box is last.\n\n"
    );
    // Tags of a part of the page say nothing about the order of the whole.
    let untagged = content.concat().replace("/X << /MCID 2 >> BDC", "/X BMC").replace("/X << /MCID 1 >> BDC", "/X BMC");
    let extracted = extract(&with_tree(&untagged, &elements)).unwrap();
    assert!(extracted.markdown.ends_with("read before all.\n\n"), "{}", extracted.markdown);
}

#[test]
fn lists_within_lists_are_below_their_items() {
    let content = [
        marked(0, 72.0, 700.0, "1. Fruit"),
        marked(1, 90.0, 684.0, "(a) Apples"),
        marked(2, 90.0, 668.0, "(b) Pears"),
        marked(3, 104.0, 652.0, "a second paragraph about pears"),
        marked(4, 72.0, 636.0, "2. Bread"),
    ]
    .concat();
    let elements = [
        ("L", 0, None),
        ("LI", 1, None),
        ("LBody", 2, Some(0)),
        ("L", 3, None),
        ("LI", 4, None),
        ("LBody", 5, Some(1)),
        ("LI", 4, None),
        ("LBody", 7, None),
        ("P", 8, Some(2)),
        ("P", 8, Some(3)),
        ("LI", 1, None),
        ("LBody", 11, Some(4)),
    ];
    let tagged = extract(&with_tree(&content, &elements)).unwrap();
    let expected = "1. Fruit\n   - (a) Apples\n   - (b) Pears a second paragraph about pears\n2. Bread\n\n";
    assert_eq!(tagged.markdown, expected);
    // Where nothing is tagged, the places of the signs tell.
    let bullet = |x: f32, y: f32, text: &str| show(x, y, &format!("\\225 {text}"));
    let content = [
        bullet(72.0, 700.0, "Fruit"),
        bullet(90.0, 684.0, "Apples"),
        bullet(108.0, 668.0, "red"),
        bullet(90.0, 652.0, "Pears"),
        bullet(72.0, 636.0, "Bread"),
    ]
    .concat();
    let untagged = extract(&page(&content, "", &[])).unwrap();
    assert_eq!(untagged.markdown, "- Fruit\n  - Apples\n    - red\n  - Pears\n- Bread\n\n");
}

#[test]
fn what_readers_wrote_to_a_page_is_its_comments() {
    let notes = [
        "<< /Type /Annot /Subtype /Text /Rect [300 690 320 710] /T (Ada) /Contents (Is this so?) >>",
        "<< /Type /Annot /Subtype /Highlight /Rect [50 690 150 715] /T (Bo) /Contents <FEFF201C0046006F006F201D> >>",
        "<< /Type /Annot /Subtype /Popup /Rect [0 0 9 9] /Contents (a window) >>",
        "<< /Type /Annot /Subtype /Text /Rect [0 0 9 9] /F 2 /Contents (hidden) >>",
        "<< /Type /Annot /Subtype /Text /Rect [0 0 9 9] /StateModel (Review) /State (Accepted) /Contents (accepted) >>",
        "<< /Type /Annot /Subtype /Link /Rect [0 0 9 9] /Contents (a link) >>",
    ];
    let references = (0..notes.len()).map(|at| format!("{} 0 R ", at + 6)).collect::<Vec<_>>().concat();
    let objects: Vec<Vec<u8>> = notes.iter().map(|note| note.as_bytes().to_vec()).collect();
    let entries = format!(">> /Annots [{references}] /Left <<");
    let extracted = extract(&page(&show(72.0, 700.0, "A sentence."), &entries, &objects)).unwrap();
    assert_eq!(
        extracted.text.trim_end_matches('\u{c}'),
        "A sentence.\n\n[Comment (Ada)] Is this so?\n\n[Comment (Bo)] \u{201C}Foo\u{201D}\n"
    );
    assert_eq!(
        extracted.markdown,
        "A sentence.\n\n> **Comment (Ada):** Is this so?\n\n> **Comment (Bo):** \u{201C}Foo\u{201D}\n\n"
    );
    let notes = extracted.json["pages"][0]["notes"].as_array().unwrap();
    assert_eq!(notes.len(), 2);
    assert_eq!(
        notes[0],
        serde_json::json!({ "bounds": [300.0, 90.0, 320.0, 110.0], "author": "Ada", "text": "Is this so?" })
    );
    assert_eq!(extracted.properties["words"], 6);
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
