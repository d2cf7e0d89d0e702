//! What no event tells is found: requests that nobody took, objects without a record, jobs whose end was not told; and what an
//! operator cancels stays cancelled.

use catalog::{MediaKind, PerKind};
use contract::Source;
use control::classify::handler::Classifier;
use control::dispatch::handler::Dispatcher;
use control::output::cancel::JobOfCancelled;
use control::output::handler::Recorder;
use control::ports::Version;
use control::share::{ShareBy, Shares};
use control::table;
use control::{InputRecord, State};
use control_world::{Faults, JobStatus, StoredObject, StoredResult, SubmittedJob, World, text_of};
use serde_json::{Value, json};
use std::time::Duration;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

struct System {
    world: World,
    classifier: Classifier<World>,
    dispatcher: Dispatcher<World>,
    recorder: Recorder<World>,
}

impl System {
    fn new() -> Self {
        let world = World::new(1, Faults::default());
        let (classifier, dispatcher, recorder) = (world.classifier(), world.dispatcher(), world.recorder());
        Self { world, classifier, dispatcher, recorder }
    }

    fn later(&self, milliseconds: i64) {
        self.world.inner().now += milliseconds;
    }

    /// Stores an image, and tells of it if wanted.
    fn upload(&self, key: &str, option: Option<&str>, told: bool) {
        let (etag, now) = {
            let mut inner = self.world.inner();
            let etag = format!("etag-{}", inner.serial());
            let object = StoredObject {
                head: b"\xff\xd8\xff\xe0 image".to_vec(),
                size: 1000,
                etag: etag.clone(),
                version_id: None,
                metadata_option: option.map(str::to_owned),
                tag_option: None,
                modified: inner.now,
            };
            let now = inner.now;
            drop(inner);
            self.world.store_object("in", key, object);
            (etag, now)
        };
        if told {
            let event = json!({
                "detail-type": "Object Created", "source": "aws.s3", "time": text_of(now),
                "detail": {"bucket": {"name": "in"}, "object":
                    {"key": key, "size": 1000, "etag": etag, "sequencer": format!("{now:014X}")}},
            });
            self.world.invoke(self.classifier.handle(event)).unwrap().unwrap();
        }
    }

    fn schedule(&self) -> (Value, Value) {
        let event = json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}});
        let classified = self.world.invoke(self.classifier.handle(event.clone())).unwrap().unwrap();
        (classified, self.world.invoke(self.recorder.handle(event)).unwrap().unwrap())
    }

    /// Gives every message to dispatch, and returns the jobs that came of them.
    fn dispatch(&self) -> Vec<SubmittedJob> {
        let received = self.world.receive("image", 100, Duration::from_mins(12));
        if !received.is_empty() {
            let answer = self.world.invoke(self.dispatcher.handle(World::queue_event(&received))).unwrap().unwrap();
            self.world.acknowledge("image", &received, &answer);
        }
        self.world.take_jobs()
    }

    fn messages(&self) -> usize {
        self.world.inner().queues.get("image").map_or(0, std::collections::VecDeque::len)
    }

    fn records(&self) -> Vec<InputRecord> {
        let items = self.world.inner().tables["input"].items();
        let records = items.into_iter().filter(|item| item["jobId"] != "latest");
        records.map(|item| table::from_item(item).unwrap()).collect()
    }

    fn record(&self, key: &str) -> InputRecord {
        let mut records = self.records();
        records.retain(|record| record.source.key == key);
        assert_eq!(records.len(), 1, "{records:#?}");
        records.remove(0)
    }

    /// A job has ended, and nobody told of it.
    fn ended(&self, job: &SubmittedJob, exit_code: i64) {
        let ended_at = Some(self.world.inner().now);
        let (succeeded, failed) = if exit_code == 0 { (1, 0) } else { (0, 1) };
        let status = JobStatus {
            started: true,
            succeeded,
            failed,
            exit_code: Some(exit_code),
            ended_at,
            ..JobStatus::default()
        };
        self.world.inner().job_status.insert(job.id.clone(), status);
    }

    fn commit(&self, source: &Source) {
        let operations = self.record(&source.key).operations;
        for operation in operations {
            let parsed = catalog::Operations::parse_for(MediaKind::Image, &operation).unwrap();
            let folder = format!("{}/{}", source.key, parsed.first().folder());
            let manifest = json!({
                "schemaVersion": 1, "source": source, "kind": "image", "format": "jpeg",
                "operation": parsed.first().name(), "processingOption": operation, "options": {},
                "outputs": [{"key": format!("{folder}/0.webp"), "size": 5, "sha256": "00", "contentType": "image/webp"}],
                "processDuration": {"total": 3, "fetch": 1, "process": 1, "store": 1}, "versions": {},
                "createdAt": text_of(self.world.inner().now),
            });
            let place = ("out".to_owned(), format!("{folder}/manifest.json"));
            self.world.inner().files.insert(place, manifest.to_string().into_bytes());
        }
    }
}

#[test]
fn a_job_whose_end_was_not_told_is_asked_for_and_its_manifests_count() {
    let system = System::new();
    system.upload("a.jpg", Some("resize?width=8,convert?format=png"), true);
    let jobs = system.dispatch();
    system.commit(&system.record("a.jpg").source);
    system.ended(&jobs[0], 0);
    assert_eq!(system.schedule().1["ended"], 0, "its events may be on their way");
    system.later(20 * MINUTE);
    assert_eq!(system.schedule().1, json!({"asked": 1, "ended": 1, "complete": true}));
    let record = system.record("a.jpg");
    assert_eq!((record.state, record.results.len()), (State::Succeeded, 2), "{record:#?}");
    assert_eq!(system.world.inner().tables["output"].items().len(), 4, "two results with their manifests");
    assert_eq!(system.schedule().1["asked"], 0);
}

#[test]
fn what_a_killed_container_left_is_recorded_when_its_upload_ends_by_that() {
    let system = System::new();
    system.upload("a.jpg", Some("resize?width=8"), true);
    let jobs = system.dispatch();
    let record = system.record("a.jpg");
    let folder = catalog::Operations::parse_for(MediaKind::Image, record.operations.first().unwrap()).unwrap();
    let folder = folder.first().folder();
    for (name, size) in [("0.webp", 5), ("1.webp", 6)] {
        let version = Version { etag: Some(format!("etag-{size}")), version_id: Some("v".to_owned()) };
        let modified = system.world.inner().now;
        let place = ("out".to_owned(), format!("a.jpg/{folder}/{name}"));
        system.world.inner().results.insert(place, StoredResult { size, version, modified });
    }
    system.ended(&jobs[0], 137);
    system.later(20 * MINUTE);
    assert_eq!(system.schedule().1["ended"], 1);
    assert_eq!(system.record("a.jpg").state, State::Failed);
    let left = system.world.inner().tables["output"].items();
    let sizes: Vec<_> = left.iter().map(|item| (&item["stored"]["size"], item.get("made"))).collect();
    assert_eq!(sizes, [(&json!(5), None), (&json!(6), None)], "{left:?}");
}

#[test]
fn what_a_job_left_undone_is_a_failure_with_its_reason() {
    for (exit_code, reason) in [(Some(0), "left no manifest"), (Some(139), "crashed"), (None, "no longer knows job")] {
        let system = System::new();
        system.upload("a.jpg", None, true);
        let jobs = system.dispatch();
        match exit_code {
            Some(code) => system.ended(&jobs[0], code),
            None => system.world.inner().jobs.clear(),
        }
        system.later(20 * MINUTE);
        assert_eq!(system.schedule().1["ended"], 1);
        let record = system.record("a.jpg");
        assert_eq!(record.state, State::Failed);
        assert!(record.reason.as_ref().is_some_and(|told| told.contains(reason)), "{record:#?}");
        assert_eq!(system.world.inner().notices.len(), 1, "what is recorded has been told");
    }
}

#[test]
fn a_job_that_works_on_is_left_alone() {
    let system = System::new();
    system.upload("a.jpg", None, true);
    let jobs = system.dispatch();
    system.world.inner().job_status.insert(jobs[0].id.clone(), JobStatus { started: true, ..JobStatus::default() });
    system.later(9 * HOUR);
    assert_eq!(system.schedule().1, json!({"asked": 1, "ended": 0, "complete": true}));
    assert_eq!(system.record("a.jpg").state, State::Submitted);
}

#[test]
fn a_manifest_of_another_version_does_not_count() {
    let system = System::new();
    system.upload("a.jpg", None, true);
    let jobs = system.dispatch();
    let source = Source { etag: Some("another".to_owned()), ..system.record("a.jpg").source };
    system.commit(&source);
    system.ended(&jobs[0], 0);
    system.later(20 * MINUTE);
    system.schedule();
    assert_eq!(system.record("a.jpg").state, State::Failed);
}

#[test]
fn a_request_that_nobody_took_is_sent_again_with_its_secrets() {
    let system = System::new();
    system.upload("a.jpg", Some("resize?width=8"), true);
    system.world.inner().queues.clear();
    system.later(HOUR);
    assert_eq!(system.schedule().0["askedAgain"], 0);
    system.later(6 * HOUR);
    assert_eq!(system.schedule().0["askedAgain"], 1);
    assert_eq!(system.schedule().0["askedAgain"], 0, "it waits again from then on");
    assert_eq!(system.dispatch().len(), 1);
    assert_eq!(system.record("a.jpg").state, State::Submitted);
}

#[test]
fn an_object_that_nobody_told_of_is_taken_up_once() {
    let system = System::new();
    system.upload("before.jpg", None, false);
    system.later(80 * HOUR);
    system.upload("lost.jpg", None, false);
    system.upload("told.jpg", None, true);
    system.upload("refused.jpg", Some("resise"), true);
    system.dispatch();
    assert_eq!(system.schedule().0["found"], 0, "events come within a day");
    system.later(26 * HOUR);
    assert_eq!(system.schedule().0["found"], 1);
    assert_eq!(system.schedule().0["found"], 0);
    let jobs = system.dispatch();
    assert_eq!(jobs.len(), 1);
    let record = system.record("lost.jpg");
    assert_eq!((record.state, record.option_source.as_deref()), (State::Submitted, Some("default")));
    assert!(
        system.records().iter().all(|record| record.source.key != "before.jpg"),
        "that is an operator's to ask for"
    );
}

#[test]
fn a_version_that_was_overwritten_without_word_is_taken_up() {
    let system = System::new();
    system.upload("a.jpg", None, true);
    system.later(HOUR);
    system.upload("a.jpg", None, false);
    system.later(26 * HOUR);
    assert_eq!(system.schedule().0["found"], 1);
    assert_eq!(system.records().len(), 2);
}

#[test]
fn the_walk_goes_through_the_bucket_page_by_page() {
    let system = System::new();
    for number in 0..2500 {
        system.upload(&format!("{number:04}.jpg"), None, false);
    }
    system.later(26 * HOUR);
    let mut classifier = system.classifier;
    classifier.settings.walk_pages = 1;
    let event = json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}});
    let found: Vec<Value> = (0..4)
        .map(|_| system.world.invoke(classifier.handle(event.clone())).unwrap().unwrap()["found"].clone())
        .collect();
    assert_eq!(found, [1000, 1000, 500, 0]);
}

fn cancel(system: &System, key: &str) -> Option<(InputRecord, JobOfCancelled)> {
    let record = system.record(key);
    system.world.invoke(system.recorder.cancel(&record, "by mistake")).unwrap().unwrap()
}

#[test]
fn a_cancelled_request_is_not_dispatched() {
    let system = System::new();
    system.upload("a.jpg", None, true);
    let (record, job) = cancel(&system, "a.jpg").unwrap();
    assert_eq!((record.state, record.reason.as_deref()), (State::Cancelled, Some("cancelled: by mistake")));
    assert_eq!(job, JobOfCancelled::None);
    assert!(system.dispatch().is_empty() && system.messages() == 0);
    let notice = system.world.inner().notices[0].clone();
    assert_eq!(notice.outcome, contract::Outcome::Cancelled);
    assert!(cancel(&system, "a.jpg").is_none(), "it has ended");
}

#[test]
fn a_job_of_one_upload_is_ended_and_one_of_several_is_not() {
    let system = System::new();
    system.upload("a.jpg", None, true);
    let jobs = system.dispatch();
    let (record, job) = cancel(&system, "a.jpg").unwrap();
    assert!(matches!(job, JobOfCancelled::Ended(receipt) if receipt.0 == jobs[0].id));
    assert!(system.world.inner().job_status[&jobs[0].id].cancelled);
    // Batch tells that it failed: the operator's word stays.
    let parameters: serde_json::Map<String, Value> =
        jobs[0].submission.parameters.to_pairs().into_iter().map(|(name, value)| (name, value.into())).collect();
    let event = json!({"source": "aws.batch", "detail-type": "Batch Job State Change", "time": text_of(0), "detail":
        {"jobId": jobs[0].id, "jobName": jobs[0].submission.name, "status": "FAILED", "parameters": parameters}});
    system.world.invoke(system.recorder.handle(event)).unwrap().unwrap();
    assert_eq!(system.record("a.jpg").state, record.state);

    system.upload("b.jpg", None, true);
    system.upload("c.jpg", None, true);
    let jobs = system.dispatch();
    assert_eq!(jobs.len(), 1, "they share a job");
    let (_, job) = cancel(&system, "b.jpg").unwrap();
    assert!(matches!(job, JobOfCancelled::Shared(_, 1)), "{job:?}");
    assert!(!system.world.inner().job_status.contains_key(&jobs[0].id));
    // The last one of it ends the job.
    let (_, job) = cancel(&system, "c.jpg").unwrap();
    assert!(matches!(job, JobOfCancelled::Ended(_)), "{job:?}");
    system.later(20 * MINUTE);
    assert_eq!(system.schedule().1["asked"], 0);
}

#[test]
fn a_job_that_was_submitted_and_not_recorded_is_found_by_its_lease_and_ended() {
    let system = System::new();
    system.upload("a.jpg", None, true);
    let job = system.dispatch().remove(0);
    // As a crash between SubmitJob and the record leaves it.
    let mut record = system.record("a.jpg");
    record.batch_job_id = None;
    record.timeline.submitted_at = None;
    assert!(system.world.inner().tables.get_mut("input").unwrap().put(&table::put(&record)));
    let (_, of_job) = cancel(&system, "a.jpg").unwrap();
    assert!(matches!(of_job, JobOfCancelled::Ended(receipt) if receipt.0 == job.id));
}

#[test]
fn what_spot_takes_away_is_done_once_on_on_demand_capacity() {
    let mut system = System::new();
    system.recorder.settings.on_demand = PerKind::from_fn(|kind| Some(format!("https://sqs/1/{kind}")));
    system.dispatcher.settings.on_demand_queues = PerKind::from_fn(|kind| Some(format!("queue-{kind}-on-demand")));
    system.upload("a.jpg", Some("resize?width=320"), true);
    let taken_away = |job: &SubmittedJob| {
        let parameters: serde_json::Map<String, Value> =
            job.submission.parameters.to_pairs().into_iter().map(|(name, value)| (name, value.into())).collect();
        let event = json!({
            "detail-type": "Batch Job State Change", "source": "aws.batch", "time": text_of(system.world.inner().now),
            "detail": {
                "jobId": job.id, "jobName": job.submission.name, "status": "FAILED", "parameters": parameters,
                "statusReason": "Host EC2 (instance i-0123456789abcdef0) terminated.", "container": {},
            },
        });
        system.world.invoke(system.recorder.handle(event)).unwrap().unwrap();
    };

    let [first] = system.dispatch().try_into().unwrap();
    assert_eq!(first.submission.queue, "queue-image");
    taken_away(&first);
    let record = system.records().remove(0);
    assert_eq!((record.state, record.on_demand, record.redriven), (State::Queued, true, 1));
    // A repetition, also one that comes because the message was not sent, makes no second job.
    taken_away(&first);
    let [second] = system.dispatch().try_into().unwrap();
    assert_eq!(second.submission.queue, "queue-image-on-demand");
    taken_away(&first);
    assert_eq!(system.dispatch().len(), 0);
    assert_eq!(system.records()[0].state, State::Submitted, "the first job's end is no longer its own");

    taken_away(&second);
    let record = system.records().remove(0);
    assert_eq!(record.state, State::Failed);
    assert!(record.reason.as_ref().is_some_and(|reason| reason.contains("taken away")), "{record:?}");
    assert_eq!(system.dispatch().len(), 0);
}

#[test]
fn without_on_demand_capacity_what_spot_takes_away_fails() {
    let system = System::new();
    system.upload("a.jpg", None, true);
    let [job] = system.dispatch().try_into().unwrap();
    let parameters: serde_json::Map<String, Value> =
        job.submission.parameters.to_pairs().into_iter().map(|(name, value)| (name, value.into())).collect();
    let event = json!({
        "detail-type": "Batch Job State Change", "source": "aws.batch", "time": text_of(system.world.inner().now),
        "detail": {
            "jobId": job.id, "jobName": job.submission.name, "status": "FAILED", "parameters": parameters,
            "statusReason": "Host EC2 (instance i-0123456789abcdef0) terminated.", "container": {},
        },
    });
    system.world.invoke(system.recorder.handle(event)).unwrap().unwrap();
    assert_eq!(system.records()[0].state, State::Failed);
}

#[test]
fn each_share_has_jobs_of_its_own() {
    let mut system = System::new();
    system.classifier.settings.shares = Shares { by: ShareBy::Prefix, max_priority: 0 };
    system.dispatcher.settings.has_shares = true;
    for key in ["team7/a.jpg", "team7/b.jpg", "team8/a.jpg", "alone.jpg"] {
        system.upload(key, None, true);
    }
    assert_eq!(system.record("team7/a.jpg").share.as_deref(), Some("team7"));
    let jobs = system.dispatch();
    let shares: Vec<_> = jobs.iter().map(|job| job.submission.share.clone()).collect();
    let of = |share: &str| Some((share.to_owned(), 0));
    assert_eq!(shares, [of("default"), of("team7"), of("team8")]);
}
