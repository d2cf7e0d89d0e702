//! A report of two pages in PDF: paragraphs, and a table with lines.

use std::fmt::Write as _;

/// What is in the table: the first row is its head.
const ROWS: [[&str; 4]; 6] = [
    ["Month", "Uploads", "Failed", "Turnaround"],
    ["January", "12,480", "14", "8.1 s"],
    ["February", "13,902", "9", "7.9 s"],
    ["March", "15,377", "21", "8.4 s"],
    ["April", "14,820", "11", "7.7 s"],
    ["Sum", "56,579", "55", "8.0 s"],
];

/// Left edges of the columns and the right edge of the last, points.
const EDGES: [u32; 5] = [72, 192, 292, 392, 523];

/// Height of a row, points.
const ROW: u32 = 22;

/// The report as a file.
pub(super) fn report() -> Vec<u8> {
    let pages = [first_page(), second_page()];
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [5 0 R 7 0 R] /Count 2 >>".to_owned(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>".to_owned(),
    ];
    for content in pages {
        let contents = objects.len() + 2;
        objects.push(format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {contents} 0 R \
             /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>"
        ));
        objects.push(format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()));
    }
    file(&objects)
}

fn first_page() -> String {
    let mut page = text("F2", 22, 72, 760, "Report on the first four months");
    page += &text(
        "F1",
        11,
        72,
        726,
        "Every upload went through the pipeline: it was classified by its content, worked on in",
    );
    page +=
        &text("F1", 11, 72, 710, "a process of its own, and recorded. What failed was damaged, and is listed by file.");
    let top = 670;
    for (row, cells) in (0_u32..).zip(ROWS) {
        let baseline = top - row * ROW - 15;
        let font = if row == 0 || row == 5 { "F2" } else { "F1" };
        for (cell, edge) in cells.iter().zip(EDGES) {
            page += &text(font, 11, edge + 6, baseline, cell);
        }
    }
    let bottom = top - ROW * ROWS.len() as u32;
    page += "0.7 w\n";
    for row in 0..=ROWS.len() as u32 {
        let height = top - row * ROW;
        let _ = writeln!(page, "{} {height} m {} {height} l S", EDGES[0], EDGES[4]);
    }
    for edge in EDGES {
        let _ = writeln!(page, "{edge} {bottom} m {edge} {top} l S");
    }
    page + &text(
        "F1",
        11,
        72,
        bottom - 30,
        "The table is in text.md as a table, and in pages.jsonl with its place on the page.",
    )
}

fn second_page() -> String {
    let mut page = text("F2", 16, 72, 760, "Method");
    let lines = [
        "Times are from the upload to the record. Files that were uploaded again count once.",
        "The text of a page is in the order in which people read it, whatever order it has in the file.",
    ];
    for (number, line) in (0_u32..).zip(lines) {
        page += &text("F1", 11, 72, 730 - 16 * number, line);
    }
    page
}

fn text(font: &str, size: u32, x: u32, y: u32, text: &str) -> String {
    format!("BT /{font} {size} Tf {x} {y} Td ({text}) Tj ET\n")
}

/// The objects as a file, with its cross-reference table worked out.
fn file(objects: &[String]) -> Vec<u8> {
    let mut pdf = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(pdf.len());
        pdf.extend_from_slice(format!("{} 0 obj\n{object}\nendobj\n", index + 1).as_bytes());
    }
    let start = pdf.len();
    let entries = offsets.iter().fold(String::new(), |text, offset| text + &format!("{offset:010} 00000 n \n"));
    let count = objects.len() + 1;
    let tail = format!(
        "xref\n0 {count}\n0000000000 65535 f \n{entries}trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    );
    pdf.extend_from_slice(tail.as_bytes());
    pdf
}
