//! Wiring only.

use std::process::ExitCode;

use model_job::ModelJob;

fn main() -> ExitCode {
    runner::main(&[&ModelJob])
}
