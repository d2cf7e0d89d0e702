//! The document job: text from PDF and office documents, safely and in reading order.

mod document;
mod flow;
mod office;
mod output;
mod page_text;
mod pdf;
pub mod text;

use catalog::{MediaKind, Operation, operations::DocumentOperation};
use contract::{Failure, Properties};
use operation::{Access, Job, Task};

/// Carries out the operations of [`MediaKind::Document`].
pub struct DocumentJob;

impl Job for DocumentJob {
    fn kind(&self) -> MediaKind {
        MediaKind::Document
    }

    fn access(&self, _operation: &Operation) -> Access {
        Access::Whole
    }

    fn process(&self, operation: &Operation, task: &Task) -> Result<Properties, Failure> {
        let Operation::Document(operation) = operation else {
            return Err(Failure::internal("an operation of another kind came to the document job"));
        };
        match operation {
            DocumentOperation::Text(options) => text::text(options, task),
        }
    }
}
