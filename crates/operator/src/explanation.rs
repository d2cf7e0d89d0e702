//! Where an upload is, since when, why, and what to do about it.

use std::time::Duration;

use catalog::Operations;
use contract::{Compute, FailureKind, Outcome, timestamp};
use control::State;
use control::input_record::{InputRecord, OperationResult};
use control::ports::{Phase, Report};
use serde::Serialize;
use time::OffsetDateTime;

/// How long work on the fast path is expected to take at most, unless the installation says otherwise.
const FAST_MOST: Duration = Duration::from_secs(10);

/// After so many seconds, a step that takes none is worth a look.
const SLOW: i64 = 15 * 60;

/// Where the system runs, which decides where to look and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In AWS.
    Aws,
    /// On this machine.
    Here,
}

/// Where an upload is, and why it is not further.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The object: `s3://bucket/key`, or a path below the inbox.
    pub object: String,
    /// Bytes.
    pub size: u64,
    /// When it was uploaded, RFC 3339.
    pub uploaded_at: Option<String>,
    /// What is done with it, secrets redacted.
    pub asked_for: Option<String>,
    /// Who asked for that: `metadata`, `tag`, `rule`, `default`, `operator`.
    pub asked_by: Option<String>,
    /// Its state.
    pub state: State,
    /// Since when, RFC 3339.
    pub since: String,
    /// How many seconds ago that was.
    pub seconds: i64,
    /// Which way its work goes or went: the fast path or AWS Batch, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Why it has not succeeded: each reason once, without the object's name.
    pub cause: Vec<String>,
    /// What is going on, or what to do.
    pub advice: String,
}

/// Explains where an upload is; `report` is what the executor says of its job.
pub fn explain(record: &InputRecord, report: Option<&Report>, place: Place, now: OffsetDateTime) -> Explanation {
    let seconds = timestamp::parse(&record.state_at).map_or(0, |at| (now - at).whole_seconds().max(0));
    Explanation {
        object: record.object.clone(),
        size: record.source.size,
        uploaded_at: record.timeline.uploaded_at.clone(),
        asked_for: record.processing_option.clone(),
        asked_by: record.option_source.clone(),
        state: record.state,
        since: record.state_at.clone(),
        seconds,
        path: path(record, place),
        cause: causes(record),
        advice: advice(record, report, place, seconds, now),
    }
}

/// Which way its work goes, in AWS; where it went, once an operation has ended.
fn path(record: &InputRecord, place: Place) -> Option<String> {
    if place == Place::Here || record.refusal.is_some() {
        return None;
    }
    let computes = record.computes();
    if !computes.is_empty() {
        let names: Vec<&str> = computes
            .iter()
            .map(|compute| match compute {
                Compute::Batch => "AWS Batch",
                Compute::Lambda => "a Lambda function (fast path)",
                Compute::Service => "a warm worker (fast path)",
                Compute::Local => "a program that was started by hand",
            })
            .collect();
        return Some(format!("done by {}", names.join(" and ")));
    }
    let format = record.format?;
    let operations = Operations::parse_for(record.kind?, record.processing_option.as_deref()?).ok()?;
    let decided = catalog::fast_path(&operations, format, record.source.size, FAST_MOST);
    Some(match (record.fast, record.batch_job_id.is_some() || record.lease.is_some(), decided) {
        (true, false, Ok(expected)) => {
            format!(
                "fast path, about {:.1} s of work; what is not done there within minutes goes to AWS Batch",
                expected.as_secs_f64()
            )
        }
        (true, false, Err(_)) => "fast path; what is not done there within minutes goes to AWS Batch".to_owned(),
        (true, true, _) => "AWS Batch: the fast path did not end it".to_owned(),
        (false, _, Ok(_)) => {
            "AWS Batch: the fast path is off for its kind, a rule keeps it from it, or an operator asked for it"
                .to_owned()
        }
        (false, _, Err(reason)) => format!("AWS Batch, not the fast path: {reason}"),
    })
}

/// Why an upload has not succeeded. The object's name, with which a failure begins, is left out, and so is the operation's
/// where there is only one.
pub fn causes(record: &InputRecord) -> Vec<String> {
    if record.state == State::Succeeded {
        return Vec::new();
    }
    let key = &record.source.key;
    let failed: Vec<_> = record.results.iter().filter(|(_, result)| result.outcome != Outcome::Succeeded).collect();
    let told: Vec<String> = failed
        .iter()
        .map(|(operation, result)| {
            let message = without_name(result.message.as_deref().unwrap_or("failed without a reason"), key);
            if record.operations.len() > 1 { format!("{operation}: {message}") } else { message.to_owned() }
        })
        .collect();
    if told.is_empty() {
        return record.reason.iter().map(|reason| without_name(reason, key).to_owned()).collect();
    }
    let is_open = |operation: &String| !record.results.get(operation).is_some_and(OperationResult::is_final);
    let of_job = record.batch_failure.as_ref().filter(|_| record.operations.iter().any(is_open));
    told.into_iter().chain(of_job.map(|failure| failure.message.clone())).collect()
}

/// A message without the object that it begins with: a key, or a path or URL that ends in it.
fn without_name<'a>(message: &'a str, key: &str) -> &'a str {
    let Some(position) = message.find(key) else { return message };
    let (before, after) = (&message[..position], &message[position + key.len()..]);
    match after.strip_prefix(": ") {
        Some(rest) if before.is_empty() || before.ends_with('/') => rest,
        _ => message,
    }
}

fn advice(record: &InputRecord, report: Option<&Report>, place: Place, seconds: i64, now: OffsetDateTime) -> String {
    match (record.state, place) {
        (State::Succeeded, _) => {
            let outputs: u64 = record.results.values().map(|result| result.output_count).sum();
            let turnaround =
                timestamp::between(record.timeline.uploaded_at.as_deref(), record.timeline.recorded_at.as_deref());
            format!("{outputs} outputs; from upload to record in {}.", span(turnaround.unwrap_or_default() / 1000))
        }
        (State::Queued | State::Submitted | State::Running, Place::Here) => {
            "A `pipeline run` works on it, or was stopped while it did: the next one continues.".to_owned()
        }
        (State::Queued, Place::Aws) => queued(record, seconds, now),
        (State::Submitted, Place::Aws) => submitted(record, report, seconds),
        (State::Running, Place::Aws) => {
            let done = record.results.values().filter(|result| result.is_final()).count();
            format!("Its container works on it: {done} of {} operations have ended.", record.operations.len())
        }
        (State::Failed, _) => what_to_do(record.error_kind, place).to_owned(),
        (State::Rejected, Place::Aws) => {
            "Upload it again with a processing-option that is allowed, or submit it with one: pipeline submit."
                .to_owned()
        }
        (State::Rejected, Place::Here) => {
            "Correct the .processing-option file beside it or the rule, then run again; or submit it with another \
             processing-option: pipeline submit."
                .to_owned()
        }
        (State::Cancelled, _) => "An operator ended it. pipeline submit has it done after all.".to_owned(),
        (State::Unsupported, _) => {
            "No operation accepts such content; docs/operations.md lists what is accepted.".to_owned()
        }
    }
}

/// What to do about a failure.
const fn what_to_do(kind: Option<FailureKind>, place: Place) -> &'static str {
    match (kind, place) {
        (Some(FailureKind::InvalidInput), _) => {
            "The file itself is at fault: upload one that is sound. Trying again will not help."
        }
        (Some(FailureKind::InvalidRequest), _) => {
            "The request is at fault: change the processing-option or the permissions it names."
        }
        (Some(FailureKind::InputNotFound), _) => "The object is no longer there in that version: upload it again.",
        (Some(FailureKind::Temporary), Place::Aws) => "It may succeed now: pipeline redrive.",
        (Some(FailureKind::Temporary), Place::Here) => "It may succeed now: run again.",
        (Some(FailureKind::Internal) | None, Place::Aws) => {
            "Look at the job's log in CloudWatch; once the cause is mended, or with more memory: pipeline redrive."
        }
        (Some(FailureKind::Internal) | None, Place::Here) => {
            "Its event in events.jsonl says how far it came; once the cause is mended, or with a higher limit, run again."
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
        None if record.fast => {
            "Its request is in the fast queue, or a function works on it; what fails there goes to AWS Batch.".to_owned()
        }
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

/// A time as people say it.
fn span(seconds: i64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use catalog::{Format, MediaKind};
    use contract::{JobEvent, Source};
    use control::input_record::{Lease, Refusal};
    use control::table::Record as _;

    use super::*;

    fn record() -> InputRecord {
        let source = Source { bucket: Some("in".into()), key: "a.jpg".into(), version_id: None, etag: None, size: 9 };
        let mut record = InputRecord::new("0-1", &source);
        record.timeline.uploaded_at = Some("2026-11-22T18:00:00.000Z".to_owned());
        record.derive();
        record
    }

    fn explained(record: &InputRecord, batch: Option<(Phase, &str)>, minutes: i64, place: Place) -> Explanation {
        let report = batch.map(|(phase, reason)| Report {
            phase,
            status: format!("{phase:?}").to_uppercase(),
            reason: Some(reason.to_owned()),
            exit_code: None,
            ended_at: None,
        });
        let now = timestamp::parse("2026-11-22T18:00:00Z").expect("a time") + time::Duration::minutes(minutes);
        explain(record, report.as_ref(), place, now)
    }

    fn advice_in_aws(record: &InputRecord, batch: Option<(Phase, &str)>, minutes: i64) -> String {
        explained(record, batch, minutes, Place::Aws).advice
    }

    #[test]
    fn a_request_that_waits_too_long_is_told_with_what_to_do() {
        assert!(advice_in_aws(&record(), None, 1).contains("waits in the queue for dispatch"));
        assert!(advice_in_aws(&record(), None, 60).contains("redrive --state queued"));
        assert!(!explained(&record(), None, 60, Place::Here).advice.contains("dispatch"));
        let mut leased = record();
        leased.lease = Some(Lease { name: "image-resize-1".into(), queue: "q".into(), work_list: "l".into(), at: 0 });
        assert!(advice_in_aws(&leased, None, 1).contains("image-resize-1"));
    }

    #[test]
    fn the_way_of_an_upload_is_told() {
        let mut waiting = record();
        waiting.source.size = 5 << 20;
        (waiting.kind, waiting.format) = (Some(MediaKind::Image), Some(Format::Jpeg));
        waiting.processing_option = Some("resize?width=80".into());
        waiting.operations = BTreeSet::from(["resize?width=80".to_owned()]);
        let path = |record: &InputRecord| explained(record, None, 1, Place::Aws).path.unwrap_or_default();
        assert!(path(&waiting).contains("off for its kind"), "{}", path(&waiting));
        waiting.fast = true;
        waiting.derive();
        assert!(path(&waiting).starts_with("fast path, about 0.7 s"), "{}", path(&waiting));
        assert!(advice_in_aws(&waiting, None, 1).contains("in the fast queue"));
        assert_eq!(explained(&waiting, None, 1, Place::Here).path, None);
        let mut large = InputRecord { fast: false, ..waiting.clone() };
        large.source.size = 90 << 20;
        assert_eq!(path(&large), "AWS Batch, not the fast path: resize takes it up to 20 MiB");
        let handed_on = InputRecord { batch_job_id: Some("b1".into()), ..waiting.clone() };
        assert_eq!(path(&handed_on), "AWS Batch: the fast path did not end it");

        let event = JobEvent {
            operation: Some("resize".into()),
            processing_option: Some("resize?width=80".into()),
            compute: Some(Compute::Lambda),
            ..JobEvent::new("0-1".into(), waiting.source.clone(), Outcome::Succeeded)
        };
        waiting.operation_ended(&event);
        waiting.derive();
        assert_eq!(waiting.state, State::Succeeded);
        assert_eq!(path(&waiting), "done by a Lambda function (fast path)");
    }

    #[test]
    fn what_batch_says_is_passed_on() {
        let mut submitted = record();
        submitted.batch_job_id = Some("b1".into());
        submitted.timeline.submitted_at = Some("2026-11-22T18:00:00.000Z".into());
        submitted.derive();
        assert!(advice_in_aws(&submitted, Some((Phase::Waiting, "")), 60).contains("maximum of vCPUs"));
        assert!(advice_in_aws(&submitted, Some((Phase::Running, "x")), 1).contains("its container works (Batch: x)"));
    }

    #[test]
    fn a_failure_says_what_to_do_and_the_name_only_once() {
        let refused = |message: &str| {
            let mut refused = record();
            refused.refusal =
                Some(Refusal { state: State::Failed, kind: FailureKind::InputNotFound, message: message.to_owned() });
            refused.derive();
            explained(&refused, None, 1, Place::Aws)
        };
        let explanation = refused("s3://in/a.jpg was deleted");
        assert_eq!(explanation.cause, ["s3://in/a.jpg was deleted"]);
        assert!(explanation.advice.contains("upload it again"), "{explanation:?}");
        assert_eq!(refused("s3://in/a.jpg: the end is missing").cause, ["the end is missing"]);
    }

    #[test]
    fn a_name_is_left_out_where_a_message_begins_with_it() {
        for (message, expected) in [
            ("in/photos/a b.jpg: truncated", "truncated"),
            ("photos/a b.jpg: truncated", "truncated"),
            ("s3://in/photos/a b.jpg: truncated: at byte 5", "truncated: at byte 5"),
            ("the part photos/a b.jpg: truncated", "the part photos/a b.jpg: truncated"),
            ("other.jpg: truncated", "other.jpg: truncated"),
            ("photos/a b.jpg was overwritten", "photos/a b.jpg was overwritten"),
        ] {
            assert_eq!(without_name(message, "photos/a b.jpg"), expected);
        }
    }
}
