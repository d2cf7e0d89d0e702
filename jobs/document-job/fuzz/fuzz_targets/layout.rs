//! Any places, sizes and directions of a page's words: nine bytes each.
#![no_main]

use std::fmt::Write as _;

use libfuzzer_sys::fuzz_target;

mod document;

const WORDS: [&str; 8] = ["word", "a", "1,250", "-", "be-", "\\340\\351", "12:30", " "];

fuzz_target!(|bytes: &[u8]| {
    let mut content = String::from("BT ");
    for place in bytes.chunks_exact(9).take(4000) {
        let number = |at: usize| i16::from_be_bytes([place[at], place[at + 1]]);
        let (x, y) = (f32::from(number(0)) / 40.0, f32::from(number(2)) / 40.0);
        let (a, b) = (f32::from(place[4] as i8) / 16.0, f32::from(place[5] as i8) / 16.0);
        let (font, word) = (1 + place[6] % 2, WORDS[usize::from(place[7] % 8)]);
        let _ = write!(content, "/F{font} {} Tf {a} {b} {} {a} {x} {y} Tm ({word}) Tj ", place[8] % 40, -b);
    }
    content.push_str("ET");
    let map = b"2 beginbfchar <61> <0627> <77> <05D0> endbfchar 1 beginbfrange <62> <76> <0628> endbfrange";
    let more = [
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /ToUnicode 7 0 R >>".to_vec(),
        document::stream("", map),
    ];
    document::extract(&document::page(content.as_bytes(), "/Font << /F1 5 0 R /F2 6 0 R >>", &more));
});
