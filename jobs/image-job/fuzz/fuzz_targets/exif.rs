//! Any bytes as EXIF: an orientation; and once it is reset it is upright.
#![no_main]

use pixels::exif;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut tiff = bytes.to_vec();
    exif::reset_orientation(&mut tiff);
    assert!(exif::orientation(&tiff).is_upright());
    assert_eq!(tiff.len(), bytes.len());
});
