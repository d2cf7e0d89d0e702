//! The operations on documents, each in the file of its name.

mod analyse;
mod classify;
mod text;

use catalog::MediaKind;
use operation::{Job, OfOptions};

pub use analyse::analyse;
pub use classify::{classify, prepare as prepare_classify};
pub use text::{may_read_pictures, prepare as prepare_text, text};

/// The operations on documents.
pub const JOB: Job = Job {
    kind: MediaKind::Document,
    processors: &[
        &OfOptions::new(text)
            .with_preparation(prepare_text)
            .with_need(may_read_pictures)
            .with_versions(pixels::decode::library_versions),
        &OfOptions::new(analyse).with_preparation(analyse::prepare),
        &OfOptions::new(classify).with_preparation(prepare_classify).with_versions(pixels::decode::library_versions),
    ],
};

#[cfg(test)]
mod tests {
    #[test]
    fn every_operation_has_one_processor() {
        assert_eq!(super::JOB.check().map_err(|failure| failure.to_string()), Ok(()));
    }

    #[test]
    fn options_of_operations_do_not_collide_with_those_of_the_program() {
        runner::command(&[super::JOB]).debug_assert();
    }
}
