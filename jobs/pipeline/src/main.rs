//! The operator's command line: the whole pipeline on one machine over folders.

use std::process::ExitCode;

use image_job::ImageJob;

/// Every kind that this machine can work on.
static JOBS: &[&dyn job::Job] = &[&ImageJob];

fn main() -> ExitCode {
    job::serve_if_worker(JOBS);
    pipeline::main(JOBS)
}
