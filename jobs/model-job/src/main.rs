//! Wiring only.

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::main(&[model_job::JOB])
}
