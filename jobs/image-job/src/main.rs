//! Wiring only.

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::main(&[image_job::JOB])
}
