//! The operations on images, each in the file of its name.

mod convert;
mod extract;
mod recognise;
mod resize;

use catalog::MediaKind;
use operation::{Job, OfOptions};

pub use convert::convert;
pub use extract::extract;
pub use recognise::recognise;
pub use resize::resize;

/// The operations on images.
pub const JOB: Job = Job {
    kind: MediaKind::Image,
    processors: &[
        &OfOptions::new(resize).with_versions(pixels::decode::library_versions),
        &OfOptions::new(convert).with_versions(pixels::decode::library_versions),
        &OfOptions::new(extract).with_versions(pixels::decode::library_versions),
        // Pictures of documents: the same text.json as of documents.
        &OfOptions::new(document_job::text)
            .with_preparation(document_job::prepare_text)
            .with_versions(pixels::decode::library_versions),
        &OfOptions::new(document_job::classify)
            .with_preparation(document_job::prepare_classify)
            .with_versions(pixels::decode::library_versions),
        &OfOptions::new(recognise).with_preparation(recognise::prepare).with_versions(pixels::decode::library_versions),
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
