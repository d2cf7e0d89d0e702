//! Wiring only.

use std::process::ExitCode;

use video_job::VideoJob;

fn main() -> ExitCode {
    runner::main(&[&VideoJob])
}
