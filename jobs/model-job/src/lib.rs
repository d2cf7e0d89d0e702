//! The operations on 3D models.
#![expect(clippy::float_cmp, reason = "defaults and identities are compared exactly: what differs at all is written")]
#![expect(clippy::type_complexity, reason = "pairs of a name and an accessor, in lists, are no type of their own")]

pub mod accessor;
mod codec;
pub mod document;
mod json;
pub mod load;
mod optimise;
mod report;
mod step;
mod texture_info;
pub mod transform;
mod write;

use catalog::{MediaKind, Operation};
use contract::{Failure, Properties};
use operation::{Access, Job, Task};

pub use optimise::optimise;

/// Carries out the operations on 3D models.
pub struct ModelJob;

impl Job for ModelJob {
    fn kind(&self) -> MediaKind {
        MediaKind::Model
    }

    fn access(&self, _operation: &Operation) -> Access {
        Access::Whole
    }

    fn process(&self, operation: &Operation, task: &Task) -> Result<Properties, Failure> {
        match operation {
            Operation::Model(catalog::operations::ModelOperation::Optimise(options)) => optimise(options, task),
            other => Err(Failure::invalid_request(format!("{} is no operation on 3D models", other.name()))),
        }
    }

    fn library_versions(&self) -> Vec<(&'static str, String)> {
        vec![("libwebp", step::textures::encoder_version())]
    }
}
