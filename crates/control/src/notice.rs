//! The control plane's own notices: that an upload has ended without a job having said so. They name no operation, and
//! LAMBDA_OUTPUT, which sends or has recorded them itself, passes them over.

use contract::{FailureKind, JobError, JobEvent, Outcome, timestamp};

use crate::ports::Clock;
use crate::{InputRecord, State};

/// The notice of how a record ended.
pub fn of(record: &InputRecord, clock: &impl Clock) -> JobEvent {
    let error = record
        .reason
        .clone()
        .map(|message| JobError { kind: record.error_kind.unwrap_or(FailureKind::Internal), message });
    JobEvent {
        schema_version: contract::SCHEMA_VERSION,
        job_id: record.job_id.clone(),
        source: record.source.clone(),
        kind: record.kind,
        format: record.format,
        operation: None,
        processing_option: record.processing_option.clone(),
        options: serde_json::Map::new(),
        outcome: match record.state {
            State::Succeeded => Outcome::Succeeded,
            State::Rejected => Outcome::Rejected,
            State::Unsupported => Outcome::Unsupported,
            _ => Outcome::Failed,
        },
        error,
        manifest_key: None,
        output_bucket: None,
        outputs: Vec::new(),
        output_count: 0,
        process_duration: contract::ProcessDuration::default(),
        bytes_read: 0,
        requests: 0,
        peak_memory: 0,
        sandbox: contract::Sandbox::default(),
        started_at: None,
        finished_at: Some(timestamp::text(clock.now())),
        batch_job_id: record.batch_job_id.clone(),
        program_version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
