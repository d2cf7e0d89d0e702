//! What an operator does: have it explained where an upload is, and send on its way again what has stopped.

use catalog::PerKind;
use contract::{Failure, FailureKind, timestamp};
use time::OffsetDateTime;

use crate::State;
use crate::input_record::InputRecord;
use crate::ports::{Clock, Phase, Queues, Report, Table};
use crate::table::{self, Key};

/// After so many seconds, a step that takes none is worth a look.
const SLOW: i64 = 15 * 60;

/// Says in words where an upload is and why it is not further.
pub fn explain(record: &InputRecord, report: Option<&Report>, now: OffsetDateTime) -> Vec<String> {
    let since = timestamp::parse(&record.state_at).map_or(0, |at| (now - at).whole_seconds().max(0));
    let option = record.processing_option.as_deref().unwrap_or("nothing");
    let from = record.option_source.as_deref().unwrap_or("no one");
    let mut words = vec![
        format!(
            "{} ({} bytes), uploaded {}",
            record.object,
            record.source.size,
            or_unknown(record.timeline.uploaded_at.as_ref())
        ),
        format!("asked for: {option} (by {from})"),
        format!("{} since {}, {} ago", record.state.name(), record.state_at, span(since)),
    ];
    words.extend(record.reason.clone());
    words.push(match record.state {
        State::Queued => queued(record, since, now),
        State::Submitted => submitted(record, report, since),
        State::Running => {
            let done = record.results.values().filter(|result| result.is_final()).count();
            format!("Its container works on it: {done} of {} operations have ended.", record.operations.len())
        }
        State::Succeeded => {
            let outputs: u64 = record.results.values().map(|result| result.output_count).sum();
            let turnaround =
                timestamp::between(record.timeline.uploaded_at.as_deref(), record.timeline.recorded_at.as_deref());
            format!("{outputs} outputs; from upload to record in {}.", span(turnaround.unwrap_or_default() / 1000))
        }
        State::Failed => what_to_do(record.error_kind).to_owned(),
        State::Rejected => {
            "Upload it again with a processing-option that is allowed, or submit it with one: pipeline submit."
                .to_owned()
        }
        State::Unsupported => "Nothing can be done with such content; docs/operations.md has what can.".to_owned(),
    });
    words
}

/// What to do about a failure.
pub const fn what_to_do(kind: Option<FailureKind>) -> &'static str {
    match kind {
        Some(FailureKind::InvalidInput) => {
            "The file itself is at fault: upload one that is sound. Trying again will not help."
        }
        Some(FailureKind::InvalidRequest) => {
            "The request is at fault: change the processing-option or the permissions it names."
        }
        Some(FailureKind::InputNotFound) => "The object is no longer there in that version: upload it again.",
        Some(FailureKind::Temporary) => "It may succeed now: pipeline redrive.",
        Some(FailureKind::Internal) | None => {
            "Look at the job's log in CloudWatch; once the cause is mended, or with more memory: pipeline redrive."
        }
    }
}

fn queued(record: &InputRecord, since: i64, now: OffsetDateTime) -> String {
    match &record.lease {
        Some(lease) => format!(
            "Dispatch began {} ago to submit it as {}; if that does not end, the next delivery of its message takes over.",
            span(now.unix_timestamp() - lease.at),
            lease.name
        ),
        None if since > SLOW => "Its request waits in the queue longer than it should: look at the queue's and the dead-letter \
                                 queue's depth and at dispatch's log. pipeline redrive --state queued sends its request again."
            .to_owned(),
        None => "Its request waits in the queue for dispatch.".to_owned(),
    }
}

fn submitted(record: &InputRecord, report: Option<&Report>, since: i64) -> String {
    let job = record.batch_job_id.as_deref().unwrap_or("unknown");
    let Some(report) = report else {
        return format!("Batch has it as job {job}, and no longer (or not yet) knows its status.");
    };
    let why = report.reason.as_ref().map(|reason| format!(" (Batch: {reason})")).unwrap_or_default();
    let meaning = match report.phase {
        Phase::Waiting if since > SLOW => {
            "it waits for capacity: look at the compute environment's maximum of vCPUs, its subnets and quotas"
        }
        Phase::Waiting => "it waits for capacity",
        Phase::Starting => "its container is being started",
        Phase::Running => "its container works",
        Phase::Succeeded => "it has ended, and its events are on their way; look at output's log if that stays so",
        Phase::Failed => "it has failed, and the event of that is on its way; look at output's log if that stays so",
    };
    format!("Batch job {job} is {}: {meaning}{why}.", report.status)
}

fn or_unknown(time: Option<&String>) -> &str {
    time.map_or("at an unknown time", String::as_str)
}

fn span(seconds: i64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Sends FAILED records on their way again, and the requests of QUEUED ones again. Answers how many. What has succeeded
/// of an upload is done once more and overwrites itself.
pub async fn redrive(
    records: &impl Table,
    queues: &impl Queues,
    clock: &impl Clock,
    queue_urls: &PerKind<String>,
    chosen: &[InputRecord],
) -> Result<usize, Failure> {
    let keys: Vec<Key> = chosen.iter().map(|record| InputRecord::key(&record.source, &record.job_id)).collect();
    let now = timestamp::text(clock.now());
    let again = |_: &Key, record: Option<InputRecord>| {
        let mut record = record.filter(|record| record.state == State::Failed && record.refusal.is_none())?;
        record.redrive();
        record.timeline.queued_at = Some(now.clone());
        Some(record)
    };
    table::update(records, clock, &keys, again).await?;
    // The records first: a request for an upload that is still FAILED would be dropped by dispatch.
    let mut sent = 0;
    for record in table::read::<InputRecord>(records, &keys).await?.into_iter().flatten() {
        let Some(request) = record.request().filter(|_| record.state == State::Queued) else { continue };
        let text = serde_json::to_string(&request).map_err(|error| Failure::internal("a request").because(error))?;
        queues.send(&queue_urls[request.kind()], &text, &[]).await?;
        sent += 1;
    }
    Ok(sent)
}

#[cfg(test)]
mod tests {
    use contract::Source;

    use super::*;
    use crate::input_record::{Lease, Refusal};
    use crate::table::Record as _;

    fn record() -> InputRecord {
        let source = Source { bucket: Some("in".into()), key: "a.jpg".into(), version_id: None, etag: None, size: 9 };
        let mut record = InputRecord::new("0-1", &source);
        record.timeline.uploaded_at = Some("2026-11-22T18:00:00.000Z".to_owned());
        record.derive();
        record
    }

    fn words(record: &InputRecord, batch: Option<(Phase, &str)>, minutes: i64) -> String {
        let report = batch.map(|(phase, reason)| Report {
            phase,
            status: format!("{phase:?}").to_uppercase(),
            reason: Some(reason.to_owned()),
            exit_code: None,
            ended_at: None,
        });
        let now = timestamp::parse("2026-11-22T18:00:00Z").expect("a time") + time::Duration::minutes(minutes);
        explain(record, report.as_ref(), now).join("\n")
    }

    #[test]
    fn a_request_that_waits_too_long_is_told_with_what_to_do() {
        assert!(words(&record(), None, 1).contains("waits in the queue for dispatch"));
        assert!(words(&record(), None, 60).contains("redrive --state queued"));
        let mut leased = record();
        leased.lease = Some(Lease { name: "image-resize-1".into(), queue: "q".into(), work_list: "l".into(), at: 0 });
        assert!(words(&leased, None, 1).contains("image-resize-1"));
    }

    #[test]
    fn what_batch_says_is_passed_on() {
        let mut submitted = record();
        submitted.batch_job_id = Some("b1".into());
        submitted.timeline.submitted_at = Some("2026-11-22T18:00:00.000Z".into());
        submitted.derive();
        assert!(words(&submitted, Some((Phase::Waiting, "")), 60).contains("maximum of vCPUs"));
        assert!(words(&submitted, Some((Phase::Running, "x")), 1).contains("its container works (Batch: x)"));
    }

    #[test]
    fn a_failure_says_what_to_do() {
        let mut refused = record();
        refused.refusal = Some(Refusal {
            state: State::Failed,
            kind: FailureKind::InputNotFound,
            message: "s3://inbox/a.jpg was deleted".into(),
        });
        refused.derive();
        let words = words(&refused, None, 1);
        assert!(words.contains("was deleted") && words.contains("upload it again"), "{words}");
    }
}
