//! Office files, `OpenDocument`, EPUB, messages and text, each made here with what its kind of fault needs: what is read,
//! where, and what is said of the rest.

use std::io::{Cursor, Write as _};

use catalog::Format;
use contract::FailureKind;

use common::{Extracted, extract_as};

#[allow(dead_code, reason = "other tests make PDFs")]
mod common;

fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, data) in parts {
        let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
        zip.start_file(*name, options).unwrap();
        zip.write_all(data).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn read(format: Format, parts: &[(&str, &str)]) -> Extracted {
    let parts: Vec<(&str, &[u8])> = parts.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    extract_as(format, &archive(&parts), "text").unwrap()
}

/// A DOCX of that body and further parts.
fn docx(body: &str, more: &[(&str, &str)]) -> Extracted {
    let body = format!("<w:document xmlns:w='w' xmlns:r='r'><w:body>{body}</w:body></w:document>");
    let mut parts = vec![("word/document.xml", body.as_str())];
    parts.extend_from_slice(more);
    read(Format::Docx, &parts)
}

fn paragraph(text: &str) -> String {
    format!("<w:p><w:r><w:t xml:space='preserve'>{text}</w:t></w:r></w:p>")
}

fn relations(entries: &[(&str, &str, &str)]) -> String {
    let entries = entries
        .iter()
        .map(|(id, kind, target)| {
            let mode = if target.contains("://") { " TargetMode='External'" } else { "" };
            format!("<Relationship Id='{id}' Type='http://x/relationships/{kind}' Target='{target}'{mode}/>")
        })
        .collect::<Vec<_>>()
        .concat();
    format!("<Relationships>{entries}</Relationships>")
}

fn warns(extracted: &Extracted, of: &str) -> bool {
    let warnings =
        extracted.properties.get("warnings").and_then(|warnings| warnings.as_array().cloned()).unwrap_or_default();
    warnings.iter().any(|warning| warning.as_str().unwrap().contains(of))
}

#[test]
fn what_stands_behind_broken_markup_is_read_and_said_to_be_broken() {
    let sound = format!("{}{}{}", paragraph("First half."), paragraph("FAULT"), paragraph("Second half."));
    for fault in ["Tom & Jerry", "1 < 2", "<<<", "&#xZZ;", "</w:nothing"] {
        let extracted = docx(&sound.replace("FAULT", fault), &[]);
        assert!(extracted.text.contains("First half.") && extracted.text.contains("Second half."), "{fault}");
        assert!(warns(&extracted, "not well-formed"), "{fault}");
    }
    assert!(!docx(&sound, &[]).properties.contains_key("warnings"));
    let mut bytes = format!("<w:document><w:body>{sound}").into_bytes();
    let at = bytes.windows(5).position(|window| window == b"FAULT").unwrap();
    bytes[at] = 0xFF;
    let extracted = extract_as(Format::Docx, &archive(&[("word/document.xml", &bytes)]), "text").unwrap();
    assert!(extracted.text.contains("Second half."));
    assert!(warns(&extracted, "encoding"));
}

#[test]
fn every_cut_of_a_part_gives_what_is_there_or_says_so() {
    let body = format!("<w:document><w:body>{}{}</w:body></w:document>", paragraph("First."), paragraph("Second."));
    for end in (60..body.len()).step_by(3) {
        let extracted = read(Format::Docx, &[("word/document.xml", &body[..end])]);
        let is_whole = extracted.text.contains("First.") && extracted.text.contains("Second.");
        assert!(is_whole || warns(&extracted, "well-formed"), "{end}: {}", extracted.text);
    }
}

#[test]
fn parts_are_found_by_relations_in_any_encoding_and_case() {
    let body = format!(
        "<?xml version='1.0' encoding='UTF-16'?><w:document><w:body>{}</w:body></w:document>",
        paragraph("Übersicht")
    );
    let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(body.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let root = relations(&[("a", "officeDocument", "Word/Document2.xml")]);
    let file = archive(&[("_rels\\.rels", root.as_bytes()), ("word\\document2.xml", &utf16)]);
    assert_eq!(extract_as(Format::Docx, &file, "text").unwrap().text.trim(), "Übersicht");
    let latin = b"<?xml version='1.0' encoding='windows-1252'?><w:p><w:r><w:t>Gr\xF6\xDFe</w:t></w:r></w:p>";
    let file = archive(&[("word/document.xml", latin)]);
    assert_eq!(extract_as(Format::Docx, &file, "text").unwrap().text.trim(), "Größe");
}

#[test]
fn headings_and_lists_come_from_styles_and_numbering() {
    let body = "<w:p><w:pPr><w:pStyle w:val='1'/></w:pPr><w:r><w:t>General</w:t></w:r></w:p>\
        <w:p><w:pPr><w:numPr><w:ilvl w:val='0'/><w:numId w:val='5'/></w:numPr></w:pPr><w:r><w:t>Definitions</w:t></w:r></w:p>\
        <w:p><w:pPr><w:numPr><w:ilvl w:val='1'/><w:numId w:val='5'/></w:numPr></w:pPr><w:r><w:t>Goods</w:t></w:r></w:p>\
        <w:p><w:pPr><w:pStyle w:val='b'/></w:pPr><w:r><w:t>By style</w:t></w:r></w:p>\
        <w:p><w:pPr><w:pStyle w:val='b'/><w:numPr><w:numId w:val='0'/></w:numPr></w:pPr><w:r><w:t>No item</w:t></w:r></w:p>";
    let styles = "<w:styles><w:style w:styleId='1'><w:name w:val='heading 1'/></w:style>\
        <w:style w:styleId='b'><w:name w:val='Mine'/><w:pPr><w:numPr><w:numId w:val='6'/></w:numPr></w:pPr></w:style></w:styles>";
    let numbering = "<w:numbering><w:abstractNum w:abstractNumId='0'><w:lvl w:ilvl='0'><w:numFmt w:val='decimal'/><w:lvlText w:val='%1.'/></w:lvl>\
        <w:lvl w:ilvl='1'><w:numFmt w:val='decimal'/><w:lvlText w:val='%1.%2'/></w:lvl></w:abstractNum>\
        <w:abstractNum w:abstractNumId='1'><w:lvl w:ilvl='0'><w:numFmt w:val='bullet'/><w:lvlText w:val='o'/></w:lvl></w:abstractNum>\
        <w:num w:numId='5'><w:abstractNumId w:val='0'/></w:num><w:num w:numId='6'><w:abstractNumId w:val='1'/></w:num></w:numbering>";
    let extracted = docx(body, &[("word/styles.xml", styles), ("word/numbering.xml", numbering)]);
    assert_eq!(extracted.markdown, "# General\n\n1. Definitions\n   - 1.1 Goods\n- By style\n\nNo item\n\n");
    assert!(extracted.text.contains("1. Definitions\n  1.1 Goods\n"), "{}", extracted.text);
}

#[test]
fn the_final_view_of_a_revised_document_is_read() {
    let run = |text: &str| format!("<w:r><w:t>{text}</w:t></w:r>");
    let body = format!(
        "<w:p><w:moveFrom>{}</w:moveFrom></w:p><w:p><w:ins>{}</w:ins><w:del><w:r><w:delText>old</w:delText><w:tab/></w:r></w:del></w:p>\
         <w:p><w:moveTo>{}</w:moveTo></w:p>\
         <w:p><w:pPr><w:rPr><w:del/></w:rPr></w:pPr><w:r><w:t xml:space='preserve'>The price </w:t></w:r></w:p><w:p>{}</w:p>\
         <w:p><w:pPr><w:pPrChange><w:pPr><w:pStyle w:val='Heading1'/></w:pPr></w:pPrChange></w:pPr>{}</w:p>",
        run("Moved."),
        run("new"),
        run("Moved."),
        run("is fixed."),
        run("Plain"),
    );
    assert_eq!(docx(&body, &[]).markdown, "new\n\nMoved.\n\nThe price is fixed.\n\nPlain\n\n");
}

#[test]
fn notes_comments_headers_links_and_boxes_have_their_places() {
    let body = "<w:p><w:r><w:t>See </w:t></w:r><w:hyperlink r:id='l'><w:r><w:rPr><w:b/></w:rPr><w:t>the list</w:t></w:r></w:hyperlink>\
        <w:r><w:footnoteReference w:id='2'/></w:r>\
        <w:r><w:drawing><wps:txbx><w:txbxContent><w:p><w:r><w:t>In a box</w:t></w:r></w:p></w:txbxContent></wps:txbx></w:drawing></w:r>\
        <w:r><w:t xml:space='preserve'> and on.</w:t></w:r></w:p>\
        <w:sectPr><w:headerReference r:id='h'/></w:sectPr>";
    let links = relations(&[
        ("l", "hyperlink", "https://x.org/list"),
        ("h", "header", "kopf.xml"),
        ("n", "footnotes", "noten.xml"),
        ("c", "comments", "worte.xml"),
    ]);
    let extracted = docx(
        body,
        &[
            ("word/_rels/document.xml.rels", &links),
            ("word/kopf.xml", "<w:hdr><w:p><w:r><w:t>Contract 7</w:t></w:r></w:p></w:hdr>"),
            (
                "word/noten.xml",
                "<w:footnotes><w:footnote w:type='separator' w:id='0'><w:p/></w:footnote><w:footnote w:id='2'><w:p><w:r><w:t>At noon.</w:t></w:r></w:p></w:footnote></w:footnotes>",
            ),
            (
                "word/worte.xml",
                "<w:comments><w:comment w:id='1' w:author='Ann'><w:p><w:r><w:t>Check this.</w:t></w:r></w:p></w:comment></w:comments>",
            ),
        ],
    );
    assert_eq!(
        extracted.markdown,
        "See [**the list**](https://x.org/list)[^1] and on.\n\nIn a box\n\n[^1]: At noon.\n\n> **Comment (Ann):** Check this.\n\n"
    );
    let blocks = extracted.json["pages"][0]["blocks"].as_array().unwrap();
    let kinds: Vec<&str> = blocks.iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["header", "paragraph", "paragraph", "footnote", "comment"]);
    assert_eq!(blocks[1]["spans"][0]["link"], "https://x.org/list");
}

#[test]
fn tables_keep_their_columns_behind_spans_and_within_cells() {
    let cell = |properties: &str, text: &str| format!("<w:tc><w:tcPr>{properties}</w:tcPr>{}</w:tc>", paragraph(text));
    let row = |cells: &str| format!("<w:tr>{cells}</w:tr>");
    let nested = format!("<w:tc><w:tbl>{}</w:tbl><w:p/></w:tc>", row(&(cell("", "in1") + &cell("", "in2"))));
    let body = format!(
        "<w:tbl>{}{}{}{}</w:tbl>",
        row(&(cell("", "A") + &cell("", "B") + &cell("", "C"))),
        row(&(cell("<w:gridSpan w:val='2'/>", "All") + &cell("", "930"))),
        row(&format!("<w:trPr><w:gridBefore w:val='2'/></w:trPr>{}", cell("", "late"))),
        row(&(cell("", "x") + &nested + &cell("", "y"))),
    );
    let extracted = docx(&body, &[]);
    assert_eq!(
        extracted.markdown,
        "| A | B | C |\n| --- | --- | --- |\n| All |  | 930 |\n|  |  | late |\n| x | in1 \\| in2 | y |\n\n"
    );
    assert_eq!(extracted.json["pages"][0]["blocks"][0]["spans"][0]["columns"], 2);
}

#[test]
fn symbols_fields_formulas_and_raised_text_are_what_they_show() {
    let body = "<w:p><w:r><w:sym w:font='Wingdings' w:char='F0FE'/></w:r><w:r><w:t xml:space='preserve'> Agreed </w:t></w:r>\
        <w:r><w:fldChar w:fldCharType='begin'><w:ffData><w:checkBox><w:default w:val='0'/></w:checkBox></w:ffData></w:fldChar></w:r>\
        <w:r><w:instrText> FORMCHECKBOX </w:instrText></w:r><w:r><w:fldChar w:fldCharType='end'/></w:r>\
        <w:r><w:t xml:space='preserve'> 10</w:t></w:r><w:r><w:rPr><w:vertAlign w:val='superscript'/></w:rPr><w:t>6</w:t></w:r>\
        <w:r><w:rPr><w:vanish/></w:rPr><w:t>secret</w:t></w:r></w:p>\
        <w:p><m:oMath><m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>2c</m:t></m:r></m:den></m:f></m:oMath></w:p>\
        <w:p><w:r><w:ruby><w:rt><w:r><w:t>とうきょう</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>東京</w:t></w:r></w:rubyBase></w:ruby></w:r><w:r><w:t>に</w:t></w:r></w:p>";
    assert_eq!(docx(body, &[]).text, "☑ Agreed ☐ 10⁶\n\n(a+b)/2c\n\n東京(とうきょう)に\n\u{C}");
}

const WORKBOOK: &str = "<workbook><sheets><sheet name='One' sheetId='1' r:id='s'/><sheet name='Two' state='hidden' r:id='t'/>\
    <sheet name='Gone' r:id='nowhere'/></sheets></workbook>";

fn xlsx(sheet: &str, more: &[(&str, &str)]) -> Extracted {
    let root = relations(&[("a", "officeDocument", "xl/book.xml")]);
    let links = relations(&[("s", "worksheet", "worksheets/one.xml"), ("t", "worksheet", "worksheets/two.xml")]);
    let sheet = format!("<worksheet><sheetData>{sheet}</sheetData></worksheet>");
    let hidden = "<worksheet><sheetData><row r='1'><c r='A1' t='inlineStr'><is><t>lookup</t></is></c></row></sheetData></worksheet>";
    let mut parts = vec![
        ("_rels/.rels", root.as_str()),
        ("xl/book.xml", WORKBOOK),
        ("xl/_rels/book.xml.rels", links.as_str()),
        ("xl/worksheets/one.xml", sheet.as_str()),
        ("xl/worksheets/two.xml", hidden),
    ];
    parts.extend_from_slice(more);
    read(Format::Xlsx, &parts)
}

#[test]
fn cells_are_read_as_they_are_shown() {
    let styles = "<styleSheet><numFmts><numFmt numFmtId='164' formatCode='00000'/><numFmt numFmtId='165' formatCode='#,##0.00\\ [$€-407]'/></numFmts>\
        <cellXfs><xf numFmtId='0'/><xf numFmtId='10'/><xf numFmtId='164'/><xf numFmtId='165'/><xf numFmtId='14'/></cellXfs></styleSheet>";
    let extracted = xlsx(
        "<row r='1'><c r='A1' s='1'><v>0.075</v></c><c r='B1' s='2'><v>2134</v></c><c r='C1' s='3'><v>1234.5</v></c></row>\
         <row r='2'><c r='A2' s='4'><v>45000</v></c><c r='B2'><v>0.30000000000000004</v></c><c r='C2'><f>A1+B1</f></c></row>\
         <row r='3'><c r='A3' t='inlineStr'><is><t>two\nlines</t></is></c><c r='B3' t='b'><v>1</v></c><c r='C3' t='str'><v>a_x000D_b</v></c></row>",
        &[("xl/styles.xml", styles)],
    );
    assert!(
        extracted.text.contains("7.50%\t02134\t1,234.50 €\n2023-03-15\t0.3\t=A1+B1\ntwo lines\tTRUE\ta b\n"),
        "{}",
        extracted.text
    );
    assert!(warns(&extracted, "formulas were saved without"));
    assert!(warns(&extracted, "hidden") && warns(&extracted, "\"Gone\""));
    assert_eq!(extracted.json["pages"][1]["hidden"], true);
}

#[test]
fn tables_of_a_sheet_are_parted_and_merged_cells_span() {
    let cell = |place: &str, text: &str| format!("<c r='{place}' t='inlineStr'><is><t>{text}</t></is></c>");
    let sheet = format!(
        "<row r='1'>{}{}</row><row r='2'>{}{}{}</row><row r='6'>{}{}</row><row r='7'>{}</row>",
        cell("A1", "Region"),
        cell("B1", "2025"),
        cell("A2", "North"),
        cell("B2", "Q1"),
        cell("C2", "Q2"),
        cell("D6", "Part"),
        cell("E6", "Stock"),
        cell("D7", "Bolt"),
    );
    let sheet = format!("{sheet}</sheetData><mergeCells><mergeCell ref='B1:C1'/></mergeCells><sheetData>");
    let extracted = xlsx(&sheet, &[]);
    assert!(
        extracted.markdown.starts_with(
            "## One\n\n| Region | 2025 |  |\n| --- | --- | --- |\n| North | Q1 | Q2 |\n\n| Part | Stock |\n| --- | --- |\n| Bolt |  |\n\n"
        ),
        "{}",
        extracted.markdown
    );
}

#[test]
fn output_is_bounded_by_input() {
    let text = "x".repeat(30_000);
    let strings = format!("<sst><si><t>{text}</t></si></sst>");
    let rows = (1..=20_000)
        .map(|row| format!("<row r='{row}'><c r='A{row}' t='s'><v>0</v></c></row>"))
        .collect::<Vec<_>>()
        .concat();
    let extracted = xlsx(&rows, &[("xl/sharedStrings.xml", &strings)]);
    assert!(warns(&extracted, "repeats itself"));
    assert!(extracted.text.len() < 30 << 20, "{}", extracted.text.len());
}

#[test]
fn slides_are_read_from_the_top_down_with_their_notes() {
    let shape = |placeholder: &str, y: u32, paragraphs: &str| {
        format!(
            "<p:sp><p:nvSpPr><p:cNvPr id='1'/><p:nvPr>{placeholder}</p:nvPr></p:nvSpPr><p:spPr><a:xfrm><a:off x='0' y='{y}'/>\
             <a:ext cx='9' cy='400000'/></a:xfrm></p:spPr><p:txBody>{paragraphs}</p:txBody></p:sp>"
        )
    };
    let text = |properties: &str, text: &str| format!("<a:p>{properties}<a:r><a:t>{text}</a:t></a:r></a:p>");
    let number = "<a:pPr><a:buAutoNum type='arabicPeriod'/></a:pPr>";
    let slide = format!(
        "<p:sld><p:cSld><p:spTree>{}{}{}<p:pic><p:nvPicPr><p:cNvPr id='2' descr='Map of the delta'/></p:nvPicPr></p:pic></p:spTree></p:cSld></p:sld>",
        shape("", 4_000_000, &text("", "Last")),
        shape("", 1_000_000, &(text(number, "Cut") + &text(number, "Glue"))),
        shape("<p:ph type='title'/>", 100_000, &text("", "Agenda")),
    );
    let notes = format!(
        "<p:notes><p:cSld><p:spTree>{}</p:spTree></p:cSld></p:notes>",
        shape("<p:ph type='body' idx='1'/>", 0, &text("", "Say hello."))
    );
    let extracted = read(
        Format::Pptx,
        &[
            ("_rels/.rels", &relations(&[("a", "officeDocument", "ppt/deck.xml")])),
            (
                "ppt/deck.xml",
                "<p:presentation><p:sldIdLst><p:sldId id='256' ns1:id='x'/></p:sldIdLst></p:presentation>",
            ),
            ("ppt/_rels/deck.xml.rels", &relations(&[("x", "slide", "slides/s.xml")])),
            ("ppt/slides/s.xml", &slide),
            ("ppt/slides/_rels/s.xml.rels", &relations(&[("n", "notesSlide", "../notes/n.xml")])),
            ("ppt/notes/n.xml", &notes),
        ],
    );
    let markdown = &extracted.markdown;
    assert!(markdown.starts_with("## Agenda\n\n"), "{markdown}");
    assert!(markdown.contains("1. Cut\n2. Glue\n\n") && markdown.contains("> **Notes:** Say hello.\n"), "{markdown}");
    assert!(markdown.contains("![Map of the delta]()"), "{markdown}");
    assert!(markdown.find("Glue") < markdown.find("Last"), "{markdown}");
}

#[test]
fn charts_and_diagrams_are_text() {
    let slide = "<p:sld><p:graphicFrame><c:chart r:id='c'/></p:graphicFrame><p:graphicFrame><dgm:relIds r:dm='d'/></p:graphicFrame></p:sld>";
    let chart = "<c:chartSpace><c:title><a:p><a:r><a:t>Rainfall</a:t></a:r></a:p></c:title><c:ser><c:tx><c:v>Station 4</c:v></c:tx>\
        <c:cat><c:pt idx='0'><c:v>January</c:v></c:pt></c:cat><c:val><c:pt idx='0'><c:v>71.5</c:v></c:pt></c:val></c:ser></c:chartSpace>";
    let extracted = read(
        Format::Pptx,
        &[
            ("ppt/presentation.xml", "<p:presentation><p:sldId r:id='x'/></p:presentation>"),
            ("ppt/_rels/presentation.xml.rels", &relations(&[("x", "slide", "s.xml")])),
            ("ppt/s.xml", slide),
            ("ppt/_rels/s.xml.rels", &relations(&[("c", "chart", "c.xml"), ("d", "diagramData", "d.xml")])),
            ("ppt/c.xml", chart),
            (
                "ppt/d.xml",
                "<dgm:dataModel><dgm:pt><dgm:t><a:p><a:r><a:t>Collect</a:t></a:r></a:p></dgm:t></dgm:pt></dgm:dataModel>",
            ),
        ],
    );
    assert_eq!(extracted.text, "Rainfall\n\n\tStation 4\nJanuary\t71.5\n\nCollect\n\u{C}");
}

#[test]
fn books_have_an_outline_and_encrypted_ones_are_refused() {
    let package = "<package><manifest><item id='a' href='a.xhtml'/><item id='b' href='b.xhtml'/>\
        <item id='n' href='nav.xhtml' properties='nav'/></manifest><spine><itemref idref='a'/><itemref idref='b'/></spine></package>";
    let navigation = "<nav epub:type='toc'><ol><li><a href='a.xhtml'>The Harbour</a><ol><li><a href='b.xhtml#x'>The Pier</a></li></ol></li></ol></nav>";
    let mut parts = vec![
        ("META-INF/container.xml", "<rootfile full-path='O/p.opf'/>"),
        ("O/p.opf", package),
        ("O/nav.xhtml", navigation),
        ("O/a.xhtml", "<p>One</p>"),
        ("O/b.xhtml", "<p>Two</p>"),
    ];
    let extracted = read(Format::Epub, &parts);
    assert_eq!(
        extracted.json["outline"],
        serde_json::json!([{ "level": 1, "title": "The Harbour", "page": 1 }, { "level": 2, "title": "The Pier", "page": 2 }])
    );
    assert_eq!(extracted.markdown, "One\n\n<!-- chapter 2 -->\n\nTwo\n\n");
    parts.push(("META-INF/encryption.xml", "<CipherReference URI='O/font.otf'/>"));
    assert_eq!(read(Format::Epub, &parts).properties["words"], 2);
    parts.pop();
    parts.push(("META-INF/encryption.xml", "<CipherReference URI='O/b.xhtml'/>"));
    let bytes: Vec<(&str, &[u8])> = parts.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    let failure = extract_as(Format::Epub, &archive(&bytes), "text").err().unwrap();
    assert_eq!(failure.kind(), FailureKind::InvalidInput);
    assert!(failure.to_string().contains("encrypted"), "{failure}");
}

#[test]
fn open_documents_are_read_with_lists_tables_and_notes() {
    let content = "<office:document-content><office:automatic-styles><text:list-style style:name='L'>\
        <text:list-level-style-number text:level='1' style:num-format='1' style:num-suffix='.'/></text:list-style></office:automatic-styles>\
        <office:body><office:text><text:h text:outline-level='2'>Head</text:h><text:p>Some<text:s text:c='2'/>text<text:note>\
        <text:note-citation>1</text:note-citation><text:note-body><text:p>A note.</text:p></text:note-body></text:note></text:p>\
        <text:list text:style-name='L'><text:list-item><text:p>one</text:p></text:list-item><text:list-item><text:p>two</text:p></text:list-item></text:list>\
        <table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table>\
        </office:text></office:body></office:document-content>";
    let extracted = read(Format::Odt, &[("content.xml", content)]);
    assert_eq!(
        extracted.markdown,
        "## Head\n\nSome  text[^1]\n\n1. one\n2. two\n\n| a | b |\n| --- | --- |\n\n[^1]: A note.\n\n"
    );
    let sheet = "<office:document-content><office:body><office:spreadsheet><table:table table:name='S'><table:table-row>\
        <table:table-cell office:value='0.075'><text:p>7.5%</text:p></table:table-cell><table:table-cell table:number-columns-repeated='16000'/>\
        </table:table-row><table:table-row table:number-rows-repeated='1048000'><table:table-cell/></table:table-row></table:table>\
        </office:spreadsheet></office:body></office:document-content>";
    let extracted = read(Format::Ods, &[("content.xml", sheet)]);
    assert!(extracted.text.contains("7.5%"), "{}", extracted.text);
    assert_eq!(extracted.json["pages"][0]["title"], "S");
}

#[test]
fn messages_notebooks_and_tables_of_text_are_read() {
    let message = b"From: =?utf-8?q?Ren=C3=A9?= <r@x.org>\r\nTo: b@x.org\r\nSubject: Caf\xC3\xA9\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\nAu caf=E9.\r\n";
    let extracted = extract_as(Format::Eml, message, "text").unwrap();
    assert!(extracted.text.contains("Au café.") && extracted.text.contains("René <r@x.org>"), "{}", extracted.text);
    let notebook = br##"{"cells":[{"cell_type":"markdown","source":["# Title\n","Words"]},{"cell_type":"code","source":"1+1","outputs":[{"data":{"text/plain":["2"]}}]}]}"##;
    let extracted = extract_as(Format::Ipynb, notebook, "text").unwrap();
    assert_eq!(extracted.markdown, "# Title\n\nWords\n\n```\n1+1\n```\n\n```\n2\n```\n\n");
    let extracted = extract_as(Format::Csv, b"name;age\r\nAnn;31\r\n", "text").unwrap();
    assert_eq!(extracted.markdown, "| name | age |\n| --- | --- |\n| Ann | 31 |\n\n");
}

#[test]
fn a_result_without_text_says_so() {
    let extracted = docx("<w:p/>", &[]);
    assert_eq!(extracted.properties["noText"], true);
    assert!(warns(&extracted, "no text"));
}
