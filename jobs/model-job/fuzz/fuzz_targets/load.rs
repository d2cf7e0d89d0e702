//! Any bytes as any format: a document or words, never a panic.
#![no_main]

use std::io::Write;

use catalog::Format;
use contract::FailureKind;
use operation::Input;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let format = [Format::Gltf, Format::Glb, Format::Obj, Format::Stl, Format::Ply][usize::from(first % 5)];
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(rest).expect("a temporary file can be written");
    let input = Input::from_file("input", format, file).expect("its size is known");
    if let Err(failure) = scene::load::load(&input) {
        assert_eq!(failure.kind(), FailureKind::InvalidInput, "{failure}");
    }
});
