//! One object through its operations: pin and fetch it, work on it in an isolated worker process, store the outputs, commit
//! them by a manifest, and publish how it ended. The fast path, which does so for one request after the other. And the
//! command line that every job has.

mod cli;
mod commit;
mod companions;
mod early;
pub mod engine;
pub mod human;
mod list;
mod media_convert;
mod progress_log;
mod run;
mod serve;
pub mod terminal;

pub use cli::{OutputFormat, command, main};
pub use commit::committed;
pub use run::{Ended, Parts, Run, Runner, Work};
