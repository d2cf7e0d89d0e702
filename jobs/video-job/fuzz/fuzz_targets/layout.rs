//! Any bytes as the outermost boxes of an MP4, its index, a Matroska head and an AVI head: what is found lies where it was
//! looked for, and nothing is read beyond the end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use video_job::layout::{avi_size, matroska_size, mp4_layout, sample_entries};

fuzz_target!(|bytes: &[u8]| {
    let size = bytes.len() as u64;
    let mut reads = 0;
    let layout = mp4_layout(size, |offset, buffer| {
        reads += 1;
        let end = usize::try_from(offset).ok().and_then(|at| at.checked_add(buffer.len()));
        assert!(end.is_some_and(|end| end <= bytes.len()), "{offset} of {size}, {} bytes", buffer.len());
        buffer.copy_from_slice(&bytes[offset as usize..][..buffer.len()]);
        Ok::<(), ()>(())
    });
    assert!(layout.is_ok());
    // Two for each box, of eight bytes at least.
    assert!(reads <= bytes.len() / 4 + 2, "{reads} reads of {size} bytes");
    assert!(sample_entries(bytes).len() <= bytes.len() / 8);
    let _ = matroska_size(bytes);
    let _ = avi_size(bytes);
});
