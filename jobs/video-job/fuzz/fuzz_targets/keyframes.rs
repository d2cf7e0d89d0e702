//! Any bytes as a video of the containers whose index of samples or cues is read here before its frames are: key frames or
//! words, never a panic, and bad input is the only reason.
#![no_main]

use std::io::Write;

use catalog::operations::Keyframes;
use catalog::{Format, MediaKind, Operations};
use contract::FailureKind;
use operation::{Input, Outputs, Progress, Task};
use libfuzzer_sys::fuzz_target;

const FORMATS: [Format; 13] = [
    Format::Mp4,
    Format::Mkv,
    Format::MpegTs,
    Format::Avi,
    Format::Flv,
    Format::Asf,
    Format::MpegPs,
    Format::Mxf,
    Format::Ogv,
    Format::H264,
    Format::Hevc,
    Format::Ivf,
    Format::Dv,
];
const SELECTIONS: [&str; 3] = ["all", "every=1", "count=2"];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    if rest.is_empty() {
        return;
    }
    let (first, others) = (usize::from(*first), FORMATS.len());
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(rest).expect("a temporary file can be written");
    let input = Input::from_file("input", FORMATS[first % others], file).expect("its size is known");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let task = Task::new(input, Outputs::in_folder(folder.path()), Progress::silent());
    let text = format!("keyframes?max-width=32&select={}", SELECTIONS[first / others % SELECTIONS.len()]);
    let operations = Operations::parse_for(MediaKind::Video, &text).expect("the text is right");
    let options = operations.first().options::<Keyframes>().expect("the text is right");
    if let Err(failure) = video_job::keyframes(options, &task) {
        assert_eq!(failure.kind(), FailureKind::InvalidInput, "{failure}");
    }
});
