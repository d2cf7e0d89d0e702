//! Wiring only.

use std::process::ExitCode;

use image_job::ImageJob;

fn main() -> ExitCode {
    runner::main(&[&ImageJob])
}
