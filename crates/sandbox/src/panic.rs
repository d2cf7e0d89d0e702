//! Whose fault a panic is.
//!
//! Libraries that read files of strangers have bounds checks and assertions that a damaged file runs into. To the user this
//! is an input that cannot be read, and the operator can do nothing about it; a panic of our own code is a bug and must be
//! seen as one. The place of the panic tells the two apart: Cargo compiles dependencies from its copy of the registry
//! (`…/registry/src/INDEX/CRATE-VERSION/src/…`), the workspace's crates by paths relative to the workspace, and the standard
//! library names itself by `/rustc/…`. A panic within the standard library counts as ours, because its place does not
//! tell who called it; most of its functions report their caller's place.
//!
//! A library that panics because we call it wrongly looks like a damaged file as well. The message names the library, its
//! version and the line, and `scripts/sweep` lists the file, because a peer can read it.

use std::fmt;
use std::panic::PanicHookInfo;

use contract::Failure;

/// A panic, by its place and its message.
#[derive(Debug)]
pub(super) struct Panic {
    file: String,
    line: u32,
    message: String,
}

impl Panic {
    pub(super) fn new(info: &PanicHookInfo<'_>) -> Self {
        let (file, line) = info.location().map_or(("", 0), |place| (place.file(), place.line()));
        let message = info.payload_as_str().unwrap_or("no message").to_owned();
        Self { file: file.to_owned(), line, message }
    }

    pub(super) fn into_failure(self) -> Failure {
        let text = self.to_string();
        match self.library() {
            Some(_) => Failure::invalid_input(text),
            None => Failure::internal(text),
        }
    }

    /// The crate and version of the dependency that panicked, and the file within it.
    fn library(&self) -> Option<(&str, &str)> {
        let (_, path) = self.file.split_once("/registry/src/")?;
        let (_index, path) = path.split_once('/')?;
        path.split_once('/')
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, message } = self;
        match self.library() {
            Some((library, file)) => {
                write!(f, "the input is damaged or unusual: {library} failed to process it: {message} ({file}:{line})")
            }
            None => write!(f, "the operation panicked at {file}:{line}: {message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::FailureKind;

    use super::*;

    fn failure(file: &str) -> (FailureKind, String) {
        let failure =
            Panic { file: file.to_owned(), line: 9, message: "index out of bounds".to_owned() }.into_failure();
        (failure.kind(), failure.to_string())
    }

    #[test]
    fn a_panic_of_a_library_is_the_inputs_fault_and_names_the_library() {
        for home in ["/home/somebody/.cargo", "/usr/local/cargo", "/cargo"] {
            let file = format!("{home}/registry/src/index.crates.io-1949cf8c6b5b557f/tiff-0.11.3/src/decoder/image.rs");
            let (kind, text) = failure(&file);
            assert_eq!(kind, FailureKind::InvalidInput);
            assert_eq!(
                text,
                "the input is damaged or unusual: tiff-0.11.3 failed to process it: index out of bounds \
                 (src/decoder/image.rs:9)"
            );
        }
    }

    #[test]
    fn a_panic_of_ours_or_of_the_standard_library_is_internal() {
        for file in [
            "crates/pixels/src/decode.rs",
            "/build/jobs/image-job/src/render.rs",
            "/rustc/9fc6/library/alloc/src/raw_vec.rs",
            "",
        ] {
            let (kind, text) = failure(file);
            assert_eq!(kind, FailureKind::Internal, "{file}");
            assert_eq!(text, format!("the operation panicked at {file}:9: index out of bounds"));
        }
    }
}
