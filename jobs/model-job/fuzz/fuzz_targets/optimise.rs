//! What loads can be optimised, and what comes out loads again.
#![no_main]

use std::io::Write;

use catalog::operations::Optimise;
use catalog::{Format, MediaKind, Operations};
use contract::FailureKind;
use operation::{Input, Outputs, Progress, Task};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let format = [Format::Gltf, Format::Glb, Format::Obj, Format::Stl, Format::Ply][usize::from(first % 5)];
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(rest).expect("a temporary file can be written");
    let input = Input::from_file("input", format, file).expect("its size is known");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let task = Task::new(input, Outputs::in_folder(folder.path()), Progress::silent());
    let text = if first & 0x80 == 0 { "optimise" } else { "optimise?simplify=0.5&compress=none&textures=keep" };
    let operations = Operations::parse_for(MediaKind::Model, text).expect("the text is right");
    let options = operations.first().options::<Optimise>().expect("the text is right");
    match model_job::optimise(options, &task) {
        Ok(_) => {
            let file = std::fs::File::open(folder.path().join("model.glb")).expect("the model was written");
            let input = Input::from_file("model.glb", Format::Glb, file).expect("its size is known");
            scene::load::load(&input).expect("what was written can be read");
        }
        Err(failure) => assert_eq!(failure.kind(), FailureKind::InvalidInput, "{failure}"),
    }
});
