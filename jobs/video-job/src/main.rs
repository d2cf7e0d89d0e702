//! Wiring only.

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::main(&[video_job::JOB])
}
