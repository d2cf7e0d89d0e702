//! Any bytes as the boxes of a HEIC or AVIF: a picture, never a panic and never without end. Pixels are not decoded: those
//! are others' parsers.
#![no_main]

use std::io::Write;

use catalog::Format;
use contract::FailureKind;
use operation::Input;
use pixels::decode::ReadOptions;
use libfuzzer_sys::fuzz_target;

const OPTIONS: ReadOptions = ReadOptions { first_frame: false, allow_truncated: false, page: None, max_pixels: 4_000_000 };

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let format = if first & 1 == 0 { Format::Heic } else { Format::Avif };
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(rest).expect("a temporary file can be written");
    // An empty file cannot be mapped, and is refused before an operation begins.
    if rest.is_empty() {
        return;
    }
    let input = Input::from_file("input", format, file).expect("its size is known");
    if let Err(failure) = pixels::decode::open(&input, &OPTIONS) {
        assert_eq!(failure.kind(), FailureKind::InvalidInput, "{failure}");
    }
});
