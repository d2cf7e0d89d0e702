//! Any bytes as a page's content, with fonts, a form and a layer to refer to.
#![no_main]

use libfuzzer_sys::fuzz_target;

mod document;

fuzz_target!(|bytes: &[u8]| {
    let resources = "/Font << /F1 5 0 R /F2 6 0 R /F3 7 0 R >> /XObject << /X 9 0 R >> /Properties << /L 10 0 R >>";
    let more = [
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /UniJIS-UTF16-V /DescendantFonts [8 0 R] >>".to_vec(),
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1 1] /FontMatrix [1 0 0 1 0 0] /FirstChar 65 /Widths [1 0 -1] \
          /Encoding << /Differences [65 /A /B /C] >> /CharProcs << >> >>"
            .to_vec(),
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /X /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) \
          /Supplement 6 >> >>"
            .to_vec(),
        document::stream(
            "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 9 0 R >> /Font << /F1 5 0 R >> >>",
            b"q BT /F1 9 Tf (form) Tj ET /X Do",
        ),
        b"<< /Type /OCG /Name (layer) >>".to_vec(),
    ];
    document::extract(&document::page(bytes, resources, &more));
});
