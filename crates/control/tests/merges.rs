//! Whatever the order in which news come, and however often, the record is the same in the end.

use contract::{FailureKind, JobError, JobEvent, JobRequest, Outcome, Output, ProcessDuration, Properties, Source};
use control::delivery::Delivery;
use control::input_record::{BatchFailure, GivenUp};
use control::output_record::{Made, Stored};
use control::{InputRecord, OutputRecord, State, event::ObjectDetail, table::Record};
use proptest::prelude::*;
use serde_json::json;
use time::OffsetDateTime;

const OPERATIONS: [&str; 2] = ["resize?width=320", "convert?format=avif"];

fn source() -> Source {
    Source {
        bucket: Some("in".to_owned()),
        key: "a.jpg".to_owned(),
        version_id: None,
        etag: Some("e".to_owned()),
        size: 9,
    }
}

/// What S3 tells of an object that was created, or deleted in one of the two ways that there are.
fn stored(version: Option<&str>, sequencer: &str, deletion: Option<&str>) -> Stored {
    let detail: ObjectDetail = serde_json::from_value(json!({
        "bucket": {"name": "out"}, "deletion-type": deletion, "reason": deletion.map(|_| "Lifecycle Expiration"),
        "object": {"key": "a", "size": 7, "etag": "e", "version-id": version, "sequencer": sequencer},
    }))
    .expect("the detail of an event");
    Stored::of(&detail, "2026-11-22T18:00:00Z", deletion.is_some())
}

/// What a job tells of an output that it stored as that version.
fn made(version: u8, at: &str) -> Output {
    Output {
        key: "a".to_owned(),
        size: u64::from(version),
        sha256: "00".to_owned(),
        content_type: "image/webp".to_owned(),
        etag: Some(format!("e{version}")),
        version_id: Some(format!("v{version}")),
        stored_at: Some(at.to_owned()),
        properties: Properties::new(),
    }
}

fn request() -> JobRequest {
    JobRequest {
        schema_version: 1,
        job_id: "0-1".to_owned(),
        source: source(),
        processing_option: catalog::ProcessingOption::new(catalog::MediaKind::Image, OPERATIONS.join(",")),
        uploaded_at: Some("2026-11-22T17:59:00Z".to_owned()),
    }
}

fn ended(operation: usize, error: Option<FailureKind>, second: u8, batch_job: &str) -> JobEvent {
    serde_json::from_value(json!({
        "schemaVersion": 1, "jobId": "0-1", "source": source(), "kind": "image", "format": "jpeg",
        "operation": OPERATIONS[operation].split('?').next(), "processingOption": OPERATIONS[operation],
        "outcome": if error.is_some() { Outcome::Failed } else { Outcome::Succeeded },
        "error": error.map(|kind| JobError { kind, message: "why".to_owned() }),
        "outputCount": 1, "processDuration": ProcessDuration { total: 300, fetch: 100, process: 150, store: 50 },
        "startedAt": format!("2026-11-22T18:00:{second:02}Z"), "finishedAt": format!("2026-11-22T18:01:{second:02}Z"),
        "batchJobId": batch_job, "programVersion": "0.1.0",
    }))
    .expect("a job event")
}

/// One piece of news about an upload.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a handful of them in a test")]
enum News {
    Ended(JobEvent),
    BatchStarted(String),
    BatchFailed(BatchFailure),
}

fn merge(record: &mut InputRecord, news: &News) {
    match news {
        News::Ended(event) => record.operation_ended(event),
        News::BatchStarted(at) => record.batch_started(at),
        News::BatchFailed(failure) => record.batch_failed(failure.clone()),
    }
    record.conclude(OffsetDateTime::UNIX_EPOCH, 1);
}

fn news() -> impl Strategy<Value = News> {
    let error = prop_oneof![
        Just(None),
        Just(Some(FailureKind::InvalidInput)),
        Just(Some(FailureKind::Temporary)),
        Just(Some(FailureKind::Internal)),
    ];
    prop_oneof![
        4 => (0_usize..2, error, 0_u8..4).prop_map(|(operation, error, at)| News::Ended(ended(operation, error, at, "job-1"))),
        1 => (0_u8..9).prop_map(|at| News::BatchStarted(format!("2026-11-22T18:00:{at:02}Z"))),
        1 => (0_u8..9).prop_map(|at| News::BatchFailed(BatchFailure {
            at: format!("2026-11-22T18:02:{at:02}.000Z"),
            batch_job_id: "job-1".to_owned(),
            message: "killed".to_owned(),
            exit_code: Some(137),
        })),
    ]
}

/// News, and the same in another order with some of them more than once.
fn orders() -> impl Strategy<Value = (Vec<News>, Vec<News>)> {
    prop::collection::vec(news(), 1..7).prop_flat_map(|first| {
        let again = prop::collection::vec(prop::sample::select(first.clone()), 0..5);
        (Just(first.clone()), again).prop_flat_map(|(first, again)| {
            let all: Vec<News> = first.iter().cloned().chain(again).collect();
            (Just(first), Just(all).prop_shuffle())
        })
    })
}

fn told(news: &[News]) -> InputRecord {
    let mut record = InputRecord::of_request(&request());
    for news in news {
        merge(&mut record, news);
    }
    record
}

proptest! {
    #[test]
    fn an_input_record_does_not_depend_on_the_order_or_the_repetition_of_news((first, second) in orders()) {
        prop_assert_eq!(told(&first), told(&second));
    }

    #[test]
    fn an_ended_upload_never_goes_back((first, _) in orders()) {
        let mut record = InputRecord::of_request(&request());
        let mut terminal = false;
        for news in &first {
            let before = record.state;
            merge(&mut record, news);
            prop_assert!(!terminal || record.state.is_terminal());
            prop_assert!(before != State::Succeeded || record.state == State::Succeeded);
            terminal = record.state.is_terminal();
        }
    }

    #[test]
    fn an_output_record_does_not_depend_on_the_order_or_the_repetition_of_news(
        tellings in prop::collection::vec((0_u8..2, 0_u8..3, 0_u8..3), 1..7),
        order in any::<prop::sample::Index>(),
    ) {
        let tell = |record: &mut OutputRecord, (who, at, what): (u8, u8, u8)| {
            if who == 0 {
                record.stored(stored(None, &format!("0A{at}"), (what == 2).then_some("Permanently Deleted")));
            } else {
                let output = made(what, &format!("2026-11-22T17:59:{at:02}.500Z"));
                record.told(Made::of(&ended(0, None, at, "job-1"), &output), Stored::of_output(&output));
            }
            record.derive();
        };
        let delivery = Delivery { domain: "cdn.example.com".to_owned(), public_paths: Vec::new() };
        let mut one = OutputRecord::new("out", "a", Some(&delivery));
        for telling in &tellings {
            tell(&mut one, *telling);
        }
        let mut other = OutputRecord::new("out", "a", Some(&delivery));
        let start = order.index(tellings.len());
        let rotated = tellings[start..].iter().chain(&tellings[..start]);
        rotated.rev().chain(tellings.iter()).for_each(|telling| tell(&mut other, *telling));
        prop_assert_eq!(one, other);
    }
}

const GONE: Option<&str> = Some("Permanently Deleted");
const MARKER: Option<&str> = Some("Delete Marker Created");

/// The record after what S3 told, in whatever order it came.
fn told_by_s3(facts: &[(&str, &str, Option<&str>)]) -> OutputRecord {
    let after = |facts: &mut dyn Iterator<Item = &(&str, &str, Option<&str>)>| {
        let mut record = OutputRecord::new("out", "a", None);
        facts.for_each(|(version, sequencer, deletion)| record.stored(stored(Some(version), sequencer, *deletion)));
        record.derive();
        record
    };
    let record = after(&mut facts.iter());
    assert_eq!(record, after(&mut facts.iter().rev()));
    assert_eq!(record, after(&mut facts.iter().chain(facts)));
    record
}

fn current_version(record: &OutputRecord) -> Option<(&str, bool)> {
    record.stored.as_ref().map(|stored| (stored.version_id.as_deref().unwrap_or_default(), stored.deleted))
}

#[test]
fn the_expiry_of_an_overwritten_version_leaves_the_current_one() {
    let record = told_by_s3(&[("v1", "0061", None), ("v2", "0062", None), ("v1", "0063", GONE)]);
    assert_eq!((current_version(&record), record.expires_at), (Some(("v2", false)), None));
}

#[test]
fn a_delete_marker_and_the_end_of_the_only_version_delete_an_output() {
    let marked = told_by_s3(&[("v1", "0061", None), ("m", "0062", MARKER)]);
    assert_eq!(current_version(&marked), Some(("m", true)));
    let ended = told_by_s3(&[("v1", "0061", None), ("v1", "0062", GONE)]);
    assert_eq!(current_version(&ended), Some(("v1", true)));
    assert!(marked.expires_at.is_some() && ended.expires_at.is_some());
}

#[test]
fn an_output_comes_back_when_its_delete_marker_is_deleted() {
    let record = told_by_s3(&[("v1", "0061", None), ("m", "0062", MARKER), ("m", "0063", GONE)]);
    assert_eq!((current_version(&record), record.expires_at), (Some(("v1", false)), None));
}

#[test]
fn the_end_of_a_version_says_nothing_of_an_object_that_nothing_else_is_known_of() {
    let record = told_by_s3(&[("v1", "0062", GONE)]);
    assert_eq!(current_version(&record), None);
    assert!(record.expires_at.is_some());
}

#[test]
fn the_job_tells_which_version_it_stored_and_s3_only_which_is_gone() {
    let told = |version: u8, second: u8| {
        let output = made(version, &format!("2026-11-22T17:59:{second:02}.500Z"));
        (Made::of(&ended(0, None, second, "job-1"), &output), Stored::of_output(&output))
    };
    let record = |deletions: &[(&str, &str, Option<&str>)], jobs: &[(u8, u8)]| {
        let of = |first_jobs: bool| {
            let mut record = OutputRecord::new("out", "a", None);
            for turn in [first_jobs, !first_jobs] {
                for (version, second) in jobs.iter().filter(|_| turn) {
                    let (made, stored) = told(*version, *second);
                    record.told(made, stored);
                }
                for (version, sequencer, deletion) in deletions.iter().filter(|_| !turn) {
                    record.stored(stored(Some(version), sequencer, *deletion));
                }
            }
            record.derive();
            record
        };
        assert_eq!(of(true), of(false), "in whatever order");
        of(true)
    };
    let overwritten = record(&[("v1", "0063", GONE)], &[(1, 1), (2, 2)]);
    assert_eq!((current_version(&overwritten), overwritten.expires_at), (Some(("v2", false)), None));
    assert_eq!(overwritten.stored.map(|stored| (stored.size, stored.etag)), Some((2, Some("e2".to_owned()))));
    let deleted = record(&[("m", "0063", MARKER)], &[(1, 1)]);
    assert_eq!(current_version(&deleted), Some(("m", true)));
    let gone = record(&[("v2", "0063", GONE)], &[(1, 1), (2, 2)]);
    assert_eq!(current_version(&gone), Some(("v1", false)), "the version before is current again");
    let again = record(&[], &[(1, 1), (1, 2), (1, 3)]);
    assert!(again.stored_before.is_empty() && again.stored.is_some_and(|stored| stored.at.contains("59:01")));
}

#[test]
fn many_expired_versions_do_not_push_the_current_one_out() {
    let mut record = OutputRecord::new("out", "a", None);
    for number in 10..30 {
        record.stored(stored(Some(&format!("v{number}")), &format!("00{number}"), None));
    }
    for number in 10..29 {
        record.stored(stored(Some(&format!("v{number}")), &format!("01{number}"), GONE));
    }
    assert_eq!(current_version(&record), Some(("v29", false)));
    assert!(record.stored_before.len() <= 8);
}

#[test]
fn every_operation_must_have_ended_before_the_upload_has() {
    let first = told(&[News::Ended(ended(0, None, 1, "job-1"))]);
    assert_eq!(first.state, State::Running);
    let both = told(&[News::Ended(ended(0, None, 1, "job-1")), News::Ended(ended(1, None, 2, "job-1"))]);
    assert_eq!(both.state, State::Succeeded);
    assert_eq!(both.timeline.stored_at.as_deref(), Some("2026-11-22T18:01:02.000Z"));
    assert_eq!(both.timeline.processed_at.as_deref(), Some("2026-11-22T18:01:01.950Z"));
    assert_eq!(both.timeline.fetched_at.as_deref(), Some("2026-11-22T18:01:01.800Z"));
}

#[test]
fn a_temporary_failure_is_not_the_end_until_batch_says_so() {
    let failed = [0, 1].map(|operation| News::Ended(ended(operation, Some(FailureKind::Temporary), 1, "job-1")));
    assert_eq!(told(&failed).state, State::Running);
    let mut failed = failed.to_vec();
    failed.push(News::BatchFailed(BatchFailure {
        at: "2026-11-22T18:02:00.000Z".to_owned(),
        batch_job_id: "job-1".to_owned(),
        message: "as often as Batch tries again".to_owned(),
        exit_code: Some(75),
    }));
    let record = told(&failed);
    assert_eq!(record.state, State::Failed);
    assert!(record.reason.is_some_and(|reason| reason.contains("as often as Batch tries again")));
}

#[test]
fn after_a_redrive_the_old_job_can_no_longer_fail_the_upload() {
    let mut record = InputRecord::of_request(&request());
    record.batch_job_id = Some("job-1".to_owned());
    record.batch_started("2026-11-22T18:01:00.000Z");
    let failure = BatchFailure {
        at: "2026-11-22T18:02:00.000Z".to_owned(),
        batch_job_id: "job-1".to_owned(),
        message: "killed".to_owned(),
        exit_code: None,
    };
    record.batch_failed(failure.clone());
    record.conclude(OffsetDateTime::UNIX_EPOCH, 1);
    assert_eq!(record.state, State::Failed);
    record.redrive();
    record.derive();
    assert_eq!(record.state, State::Queued);
    merge(&mut record, &News::BatchFailed(failure));
    merge(&mut record, &News::Ended(ended(0, Some(FailureKind::Internal), 1, "job-1:3")));
    assert_eq!(record.state, State::Queued, "late news of the old job: {:?}", record.reason);
    merge(&mut record, &News::Ended(ended(0, None, 1, "job-2")));
    merge(&mut record, &News::Ended(ended(1, None, 2, "job-2")));
    assert_eq!(record.state, State::Succeeded);
}

#[test]
fn what_was_given_up_can_be_taken_up_again() {
    let mut record = InputRecord::of_request(&request());
    record.given_up =
        Some(GivenUp { at: "2026-11-22T18:00:00Z".to_owned(), message: "no such job queue".to_owned(), redriven: 0 });
    record.conclude(OffsetDateTime::UNIX_EPOCH, 1);
    assert_eq!((record.state, record.reason.as_deref()), (State::Failed, Some("no such job queue")));
    record.redrive();
    record.derive();
    assert_eq!((record.state, record.reason), (State::Queued, None));
}
