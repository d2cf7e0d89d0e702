//! The operator's command line: the whole pipeline on one machine over folders.

use std::process::ExitCode;

use document_job::DocumentJob;
use image_job::ImageJob;
use model_job::ModelJob;
use video_job::VideoJob;

/// Every kind that this machine can work on.
static JOBS: &[&dyn operation::Job] = &[&DocumentJob, &ImageJob, &ModelJob, &VideoJob];

fn main() -> ExitCode {
    let _workers = sandbox::prepare_workers(JOBS);
    pipeline::main(JOBS)
}
