//! Wiring only.

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::main(&[document_job::JOB])
}
