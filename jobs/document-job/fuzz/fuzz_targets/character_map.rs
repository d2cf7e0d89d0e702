//! Any bytes as a map to Unicode and as a map to glyphs.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod document;

fuzz_target!(|bytes: &[u8]| {
    let content = b"BT /F1 12 Tf 50 700 Td (ABCabc\x00\x01\xFF) Tj /F2 12 Tf 0 -20 Td <0001004100ff8140ffff20> Tj ET";
    let resources = "/Font << /F1 5 0 R /F2 6 0 R >>";
    let more = [
        b"<< /Type /Font /Subtype /Type1 /BaseFont /X /ToUnicode 8 0 R >>".to_vec(),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding 8 0 R /ToUnicode 8 0 R /DescendantFonts [7 0 R] >>"
            .to_vec(),
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /W [0 9 500 10 [1 2 3]] >>".to_vec(),
        document::stream("/Type /CMap", bytes),
    ];
    document::extract(&document::page(content, resources, &more));
});
