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
    let outcome = match record.state {
        State::Succeeded => Outcome::Succeeded,
        State::Rejected => Outcome::Rejected,
        State::Unsupported => Outcome::Unsupported,
        State::Cancelled => Outcome::Cancelled,
        State::Failed | State::Queued | State::Submitted | State::Running => Outcome::Failed,
    };
    JobEvent {
        kind: record.kind,
        format: record.format,
        processing_option: record.processing_option.clone(),
        error,
        finished_at: Some(timestamp::text(clock.now())),
        batch_job_id: record.batch_job_id.clone(),
        ..JobEvent::new(record.job_id.clone(), record.source.clone(), outcome)
    }
}
