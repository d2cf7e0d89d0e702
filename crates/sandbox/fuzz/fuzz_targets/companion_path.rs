//! A path that is taken stays below its folder, whatever the file said.
#![no_main]

use std::path::{Component, Path};

use libfuzzer_sys::fuzz_target;

fuzz_target!(|relative: &str| {
    if let Ok(path) = operation::companion_path(relative) {
        assert!(Path::new(&path).components().all(|component| matches!(component, Component::Normal(_))));
        assert!(!path.contains(['\\', '\0']));
    }
});
