//! What an operation sees: one input, its options, its outputs and a place to report progress. No AWS, no environment, no
//! network, no clock, no paths: everything is an open file or is asked of the parent process (see the crate `sandbox`).

#![warn(missing_docs)]

pub mod ask;
mod companion_path;
mod panic;
mod processors;
mod source;
mod task;
pub mod weights;

pub use ask::{Answers, Services};
pub use companion_path::companion_path;
pub use contract::{Failure, FailureKind, Properties};
pub use panic::{is_panic_tolerated, tolerate_panics};
pub use processors::{processors, set_processors};
pub use source::{CompanionSource, RangeSource};
pub use task::{
    Announcement, Expected, Input, InputReader, InputSource, Job, OfOptions, OutputDescription, OutputDestination,
    OutputFile, Outputs, Processor, Progress, Share, Task, is_output_name, process, read_exactly,
};
pub use weights::Weights;
