//! Any bytes as an image of the formats whose frames are put together here (PNG and APNG, GIF, WebP, TIFF, BMP, HEIC,
//! AVIF, JPEG): results or words, never a panic.
#![no_main]

use std::io::Write;

use catalog::operations::Resize;
use catalog::{Format, MediaKind, Operations};
use contract::FailureKind;
use operation::{Input, Outputs, Progress, Task};
use libfuzzer_sys::fuzz_target;

const FORMATS: [Format; 8] = [
    Format::Png,
    Format::Gif,
    Format::Webp,
    Format::Tiff,
    Format::Bmp,
    Format::Heic,
    Format::Avif,
    Format::Jpeg,
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    if rest.is_empty() {
        return;
    }
    let format = FORMATS[usize::from(first % 8)];
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(rest).expect("a temporary file can be written");
    let input = Input::from_file("input", format, file).expect("its size is known");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let task = Task::new(input, Outputs::in_folder(folder.path()), Progress::silent());
    let truncated = if first & 0x80 == 0 { "" } else { "&allow-truncated" };
    let text = format!("resize?width=9&format=png&effort=0&max-megapixels=1{truncated}");
    let operations = Operations::parse_for(MediaKind::Image, &text).expect("the text is right");
    let options = operations.first().options::<Resize>().expect("the text is right");
    if let Err(failure) = image_job::resize(options, &task) {
        assert_eq!(failure.kind(), FailureKind::InvalidInput, "{failure}");
    }
});
