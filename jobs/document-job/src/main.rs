//! Wiring only.

use std::process::ExitCode;

use document_job::DocumentJob;

fn main() -> ExitCode {
    runner::main(&[&DocumentJob])
}
