//! The operations on 3D models, each in the file of its name.

mod optimise;
pub mod render;
pub mod simulate;

use catalog::MediaKind;
use operation::{Job, OfOptions};

use crate::step::textures;

pub use optimise::optimise;
pub use render::render;
pub use simulate::simulate;

/// The operations on 3D models.
pub const JOB: Job = Job {
    kind: MediaKind::Model,
    processors: &[
        &OfOptions::new(optimise).with_versions(library_versions),
        &OfOptions::new(simulate),
        &OfOptions::new(render).with_versions(library_versions),
    ],
};

fn library_versions() -> Vec<(&'static str, String)> {
    vec![("libwebp", textures::encoder_version())]
}

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
