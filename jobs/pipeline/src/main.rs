//! The operator's command line: the whole pipeline on one machine over folders.

use std::process::ExitCode;

use catalog::{MediaKind, PerKind};
use operation::{Job, Weights};

/// Every kind's job.
static JOBS: [Job; MediaKind::COUNT] =
    PerKind { document: document_job::JOB, image: image_job::JOB, model: model_job::JOB, video: video_job::JOB }
        .into_array();

fn main() -> ExitCode {
    let _workers = sandbox::prepare_workers(&JOBS, &Weights::of_jobs(&JOBS));
    pipeline::main(&JOBS)
}
