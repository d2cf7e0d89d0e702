//! The document job: text from PDF and office documents, safely and in reading order.

mod document;
mod flow;
mod grid;
mod office;
mod output;
mod page_text;
mod pdf;
mod rich;
pub mod text;

use catalog::MediaKind;
use operation::{Job, OfOptions};

/// The operations on documents.
pub const JOB: Job = Job { kind: MediaKind::Document, processors: &[&OfOptions::new(text::text)] };

#[cfg(test)]
mod tests {
    #[test]
    fn every_operation_has_one_processor() {
        assert_eq!(super::JOB.check().map_err(|failure| failure.to_string()), Ok(()));
    }
}
