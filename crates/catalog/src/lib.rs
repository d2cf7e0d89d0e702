//! What can be asked for: the kinds of media, the detection of a file's type, the operations of each kind with their
//! options, and the grammar of the processing-option.
//!
//! Pure: no I/O, no native libraries, no AWS. Everything that names an operation or an option (the CLI, the
//! processing-option parser, the rejection message, docs/operations.md) is derived from the declarations in
//! [`operations`].

#![warn(missing_docs)]

mod classify;
mod detect;
mod fast_path;
mod format;
mod grammar;
mod kind;
mod operation;
pub mod operations;
mod processing_option;
mod profile;
mod reading_language;
mod reference;
mod rejection;
mod service;
pub mod spoken_language;
mod tag;
mod weights;

pub use classify::{Classification, OptionSource, Rules, RulesError, Upload, classify};
pub use detect::{Detection, HEAD_BYTES, detect};
pub use fast_path::{FastPath, fast_path};
pub use format::Format;
pub use grammar::{Operations, as_command_lines, redact, tag_of};
pub use kind::{MediaKind, PerKind, UnknownKind};
pub use operation::{Declaration, Operation, Options, REDACTED};
pub use operations::OPERATIONS;
pub use processing_option::ProcessingOption;
pub use profile::{Access, Engine, ExecutorClass, Profile, Resources, ResourcesBySize, Sharding};
pub use reading_language::ReadingLanguage;
pub use reference::{operations_reference, profiles_json};
pub use rejection::Rejection;
pub use service::{Allowance, Service};
pub use tag::{MAX_TAG_CHARACTERS, is_tag_value};
pub use weights::WeightsFile;
