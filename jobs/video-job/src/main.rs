//! Wiring only.

use std::process::ExitCode;

use video_job::VideoJob;

fn main() -> ExitCode {
    job::main(&[&VideoJob])
}
