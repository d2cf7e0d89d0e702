//! A long video is encoded by an array job and a job that joins its parts: submitted once each whatever goes wrong, and
//! recorded with one end.

use std::time::Duration;

use catalog::{MediaKind, ProcessingOption};
use contract::{FailureKind, JobRequest, Source};
use control::ports::Receipt;
use control::{InputRecord, State, dispatch::handler::Dispatcher, output::handler::Recorder, ports::Queues, table};
use control_world::{Faults, SubmittedJob, World, text_of};
use serde_json::{Value, json};

const QUEUE: &str = "video";
/// More than the leases' validity.
const VISIBILITY: Duration = Duration::from_mins(6);

struct System {
    world: World,
    dispatcher: Dispatcher<World>,
    recorder: Recorder<World>,
}

impl System {
    fn new(seed: u64, faults: Faults) -> Self {
        let world = World::new(seed, faults);
        let (dispatcher, recorder) = (world.dispatcher(), world.recorder());
        Self { world, dispatcher, recorder }
    }

    /// Delivers the request of a long video until nothing of it is left in the queue.
    fn dispatch(&self) {
        self.dispatch_request(&request());
    }

    fn dispatch_request(&self, request: &JobRequest) {
        let body = serde_json::to_string(request).unwrap();
        let send = || self.world.invoke(self.world.send("https://sqs/1/video", &body, &[]));
        while !matches!(send(), Some(Ok(()))) {}
        for _ in 0..1000 {
            let received = self.world.receive(QUEUE, 10, VISIBILITY);
            if received.is_empty() && self.world.inner().queues[QUEUE].is_empty() {
                return;
            }
            if !received.is_empty()
                && let Some(Ok(answer)) = self.world.invoke(self.dispatcher.handle(World::queue_event(&received)))
            {
                self.world.acknowledge(QUEUE, &received, &answer);
            }
            self.world.inner().now += VISIBILITY.as_millis() as i64 + 1;
        }
        panic!("the message never left the queue");
    }

    fn jobs(&self) -> Vec<SubmittedJob> {
        self.world.inner().jobs.clone()
    }

    fn record(&self) -> InputRecord {
        let key = InputRecord::key(&request().source, &request().job_id);
        let read = self.world.invoke(table::read::<InputRecord>(&self.world.table("input"), &[key]));
        read.unwrap().unwrap().remove(0).expect("there is a record")
    }

    /// Batch tells how a job, or a child of it, ended; whether output wants to be told again.
    fn batch(&self, job: &SubmittedJob, child: Option<usize>, change: &Value) -> bool {
        let now = text_of(self.world.inner().now);
        let id = child.map_or_else(|| job.id.clone(), |child| format!("{}:{child}", job.id));
        let pairs = job.submission.parameters.to_pairs();
        let parameters: serde_json::Map<_, _> = pairs.into_iter().map(|(name, value)| (name, value.into())).collect();
        let mut detail = json!({"jobId": id, "jobName": job.submission.name, "parameters": parameters});
        for (name, value) in change.as_object().unwrap() {
            detail[name] = value.clone();
        }
        let event =
            json!({"detail-type": "Batch Job State Change", "source": "aws.batch", "time": now, "detail": detail});
        self.world.invoke(self.recorder.handle(event)).unwrap().is_err()
    }

    /// A container tells how the operation ended.
    fn tell(&self, job: &SubmittedJob, child: Option<usize>, outcome: &str, error: &Value) {
        let id = child.map_or_else(|| job.id.clone(), |child| format!("{}:{child}", job.id));
        let mut event = json!({
            "schemaVersion": 1, "jobId": request().job_id, "source": request().source, "kind": "video",
            "operation": "transcode", "processingOption": "transcode?chunks=auto", "outcome": outcome,
            "finishedAt": text_of(self.world.inner().now), "batchJobId": id, "programVersion": "1",
        });
        if !error.is_null() {
            event["error"] = error.clone();
        }
        let notice = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": event.to_string()}}]});
        self.world.invoke(self.recorder.handle(notice)).unwrap().unwrap();
    }
}

fn request() -> JobRequest {
    JobRequest {
        schema_version: 1,
        job_id: "submitted-1".to_owned(),
        source: Source {
            bucket: Some("in".to_owned()),
            key: "film.mp4".to_owned(),
            version_id: None,
            etag: None,
            size: 1 << 30,
        },
        processing_option: ProcessingOption::new(MediaKind::Video, "transcode?chunks=auto"),
        uploaded_at: None,
    }
}

fn quiet() -> (System, SubmittedJob, SubmittedJob) {
    let system = System::new(1, Faults::default());
    system.dispatch();
    let jobs = system.jobs();
    let [parts, join] = jobs.as_slice() else { panic!("{jobs:?}") };
    (system, parts.clone(), join.clone())
}

#[test]
fn a_long_video_is_an_array_of_parts_and_a_job_that_joins_them() {
    let (system, parts, join) = quiet();
    assert_eq!((parts.submission.array_size, join.submission.array_size), (Some(4), None));
    assert_eq!(
        (&parts.submission.depends_on, join.submission.depends_on.as_ref()),
        (&None, Some(&Receipt(parts.id.clone())))
    );
    let (list, location) = (&parts.submission.command[2], format!("s3://work/parts/{}", join.submission.name));
    assert_eq!(
        parts.submission.command,
        ["run", "--manifest", list, "--parts", &location, "--memory-limit", "14336MiB"]
    );
    assert_eq!(
        join.submission.command,
        ["run", "--manifest", list, "--parts", &location, "--join", "4", "--memory-limit", "3584MiB"]
    );
    let record = system.record();
    assert_eq!((record.state, record.batch_job_id.as_ref()), (State::Submitted, Some(&join.id)));

    // The same message once more: nothing is submitted.
    system.dispatch();
    assert_eq!(system.jobs().len(), 2);
}

#[test]
fn a_request_that_nobody_can_read_ends_with_the_reason_and_without_a_job() {
    let system = System::new(1, Faults::default());
    let option = ProcessingOption::new(MediaKind::Document, "text?password=REDACTED");
    system.dispatch_request(&JobRequest { processing_option: option, ..request() });
    assert!(system.jobs().is_empty());
    let record = system.record();
    assert_eq!((record.state, record.error_kind), (State::Failed, Some(FailureKind::InvalidRequest)));
    let reason = record.reason.unwrap_or_default();
    assert!(reason.contains("text: password is not kept in records"), "{reason}");
}

#[test]
fn each_is_submitted_once_whatever_happens_between_the_requests() {
    let faults = Faults { crash: 0.15, throttle: 0.1, lost_answer: 0.15, ..Faults::default() };
    let mut deliveries = 0;
    for seed in 0..400 {
        let system = System::new(seed, faults);
        system.dispatch();
        system.world.inner().faults = Faults::default();
        let jobs = system.jobs();
        let [parts, join] = jobs.as_slice() else { panic!("seed {seed}: {jobs:#?}") };
        assert_eq!(join.submission.depends_on.as_ref(), Some(&Receipt(parts.id.clone())), "seed {seed}");
        assert_eq!(parts.submission.name, format!("{}-parts", join.submission.name), "seed {seed}");
        assert_eq!(system.record().batch_job_id.as_ref(), Some(&join.id), "seed {seed}");
        deliveries += system.world.inner().requests.get("batch:ListJobs").copied().unwrap_or_default();
    }
    assert!(deliveries > 100, "the crashes have to be where they matter");
}

#[test]
fn the_end_is_that_of_the_join() {
    let (system, parts, join) = quiet();
    assert!(!system.batch(&parts, Some(2), &json!({"status": "RUNNING", "startedAt": 1_795_000_000_000_i64})));
    assert_eq!(system.record().state, State::Running);
    for child in 0..4 {
        assert!(!system.batch(&parts, Some(child), &json!({"status": "SUCCEEDED"})));
    }
    assert_eq!(system.record().state, State::Running);
    system.tell(&join, None, "SUCCEEDED", &Value::Null);
    assert_eq!(system.record().state, State::Succeeded);
}

#[test]
fn a_part_that_fails_is_the_end_with_its_reason() {
    let (system, parts, join) = quiet();
    let join_failed = json!({"status": "FAILED", "statusReason": "Dependent Job failed"});
    // Batch's word on the join may come before the part's own: that is waited for.
    assert!(system.batch(&join, None, &join_failed));
    let error = json!({"kind": "invalidInput", "message": "the video cannot be decoded"});
    system.tell(&parts, Some(3), "FAILED", &error);
    let record = system.record();
    assert_eq!(record.state, State::Failed);
    assert!(record.reason.as_ref().is_some_and(|reason| reason.contains("cannot be decoded")), "{record:?}");
    assert!(!system.batch(&parts, Some(3), &json!({"status": "FAILED", "container": {"exitCode": 65}})));
    assert!(!system.batch(&join, None, &join_failed));
    assert_eq!(system.record().reason, record.reason);
}

#[test]
fn a_part_that_is_killed_is_the_end_with_batchs_reason() {
    let (system, parts, join) = quiet();
    let killed = json!({
        "status": "FAILED", "arrayProperties": {"index": 1},
        "container": {"exitCode": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"},
    });
    assert!(!system.batch(&parts, Some(1), &killed));
    let record = system.record();
    assert_eq!(record.state, State::Failed);
    assert!(record.reason.as_ref().is_some_and(|reason| reason.contains("more memory")), "{record:?}");
    assert!(!system.batch(&join, None, &json!({"status": "FAILED", "statusReason": "Dependent Job failed"})));
    assert_eq!(system.record().reason, record.reason);
}
