//! Any bytes as a KTX2 of Basis Universal: as many pixels as it says, or words; never a panic of our own.
#![no_main]

use std::sync::Arc;

use contract::FailureKind;
use libfuzzer_sys::fuzz_target;
use scene::document::Image;
use scene::json::Object;

fuzz_target!(|bytes: &[u8]| {
    let image = Image { mime_type: "image/ktx2".to_owned(), bytes: Arc::new(bytes.to_vec()), rest: Object::new() };
    match scene::texture::decode(&image) {
        Ok(picture) => assert!(picture.width() > 0 && picture.height() > 0),
        Err(failure) => assert_eq!(failure.kind(), FailureKind::InvalidInput, "{failure}"),
    }
});
