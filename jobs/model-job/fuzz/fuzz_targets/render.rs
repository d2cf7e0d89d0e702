//! What loads can be drawn: a picture, or words.
#![no_main]

use std::io::Write;

use catalog::operations::Render;
use catalog::{Format, MediaKind, Operations};
use contract::FailureKind;
use libfuzzer_sys::fuzz_target;
use operation::{Input, Outputs, Progress, Task};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let format = [Format::Gltf, Format::Glb, Format::Obj, Format::Stl, Format::Ply][usize::from(first % 5)];
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(rest).expect("a temporary file can be written");
    let input = Input::from_file("input", format, file).expect("its size is known");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let task = Task::new(input, Outputs::in_folder(folder.path()), Progress::silent());
    let text = match first >> 6 {
        0 => "render?width=16&samples=1",
        1 => "render?width=16&effort=draft&background=fff&views=iso,top&passes=depth,normal,position",
        2 => "render?width=16&samples=1&material=wireframe&environment=sky&time=0.4",
        _ => "render?width=16&samples=1&material=uv&turntable=2",
    };
    let operations = Operations::parse_for(MediaKind::Model, text).expect("the text is right");
    let options = operations.first().options::<Render>().expect("the text is right");
    match model_job::render(options, &task) {
        Ok(_) => assert!(folder.path().join("report.json").exists()),
        Err(failure) => assert_eq!(failure.kind(), FailureKind::InvalidInput, "{failure}"),
    }
});
