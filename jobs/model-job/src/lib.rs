//! The operations on 3D models.
#![expect(clippy::type_complexity, reason = "pairs of a name and an accessor, in lists, are no type of their own")]

mod codec;
mod optimise;
mod report;
mod step;
mod write;

use catalog::MediaKind;
use operation::{Job, OfOptions};

pub use optimise::optimise;

/// The operations on 3D models.
pub const JOB: Job =
    Job { kind: MediaKind::Model, processors: &[&OfOptions::new(optimise).with_versions(library_versions)] };

fn library_versions() -> Vec<(&'static str, String)> {
    vec![("libwebp", step::textures::encoder_version())]
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_operation_has_one_processor() {
        assert_eq!(super::JOB.check().map_err(|failure| failure.to_string()), Ok(()));
    }
}
