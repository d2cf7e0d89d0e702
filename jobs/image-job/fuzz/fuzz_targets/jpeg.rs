//! Any bytes as a JPEG, decoded whole, in part and to a JPEG again: results or words, never a panic, and nothing written
//! where it does not belong.
#![no_main]

use std::io::Write;

use catalog::{Format, MediaKind, Operations};
use contract::FailureKind;
use operation::{Input, Outputs, Progress, Task};
use libfuzzer_sys::fuzz_target;

const OPTIONS: [&str; 3] = ["convert?format=png&effort=0", "resize?width=9&format=png&effort=0", "convert?format=jpeg"];

fuzz_target!(|bytes: &[u8]| {
    if bytes.is_empty() {
        return;
    }
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("a temporary file can be written");
    let input = Input::from_file("input", Format::Jpeg, file).expect("its size is known");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let task = Task::new(input, Outputs::in_folder(folder.path()), Progress::silent());
    let text = format!("{}&max-megapixels=1&allow-truncated", OPTIONS[bytes.len() % OPTIONS.len()]);
    let operations = Operations::parse_for(MediaKind::Image, &text).expect("the text is right");
    for operation in operations.iter() {
        if let Err(failure) = image_job::JOB.process(operation, &task) {
            assert_eq!(failure.kind(), FailureKind::InvalidInput, "{failure}");
        }
    }
});
