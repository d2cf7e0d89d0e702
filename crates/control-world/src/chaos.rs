//! Two thousand uploads in a world where everything goes wrong that may: events come twice, late, in another order or
//! only after having been dropped; Lambdas crash between any two requests; requests are throttled or lose their answer;
//! containers are killed. In the end every upload is in the state that it should be in, every output is recorded once,
//! no job was submitted twice, and nothing is left over.
//!
//! The seed is printed. `CHAOS_SEED=… cargo test -p control-world --test chaos` replays a run; the same runs over SQLite's
//! tables by `-p control-local --test chaos`.
#![expect(clippy::print_stderr, reason = "the test prints its seed and what came of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::{Agenda, Faults, Inner, MakeTable, Random, StoredObject, StoredResult, SubmittedJob, World, text_of};
use catalog::{MediaKind, PerKind};
use contract::{FailureKind, JobRequest, Outcome, Source, UploadEnded};
use control::classify::handler::{Arrival, Classifier};
use control::{
    InputRecord, OutputRecord, State, delivery::Delivery, dispatch::handler::Dispatcher, event::BusEvent, identity,
    output::handler::Recorder, ports::Version,
};
use serde_json::{Value, json};

/// How many uploads there are: 2,000 take about 20 s of one processor. `CHAOS_UPLOADS=20000` makes a run longer.
fn uploads() -> usize {
    std::env::var("CHAOS_UPLOADS").ok().and_then(|uploads| uploads.parse().ok()).unwrap_or(2000)
}

const FAULTS: Faults = Faults {
    crash: 0.005,
    throttle: 0.02,
    lost_answer: 0.01,
    duplicate: 0.15,
    delay: 0.2,
    kill: 0.004,
    conflict: 0.02,
    throttled_index: 0.01,
    expiry: 0.3,
    lost_batch_event: 0.3,
    lost_notice: 0.01,
    lost_upload_event: 0.01,
};
/// A queue's visibility timeout: six times dispatch's.
const VISIBILITY: Duration = Duration::from_mins(12);
/// The queues' maxReceiveCount.
const MAX_RECEIVES: usize = 10;
const SECOND: i64 = 1000;
const HOUR: i64 = 3600 * SECOND;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Plan {
    Good,
    Damaged,
    Rejected,
    Unsupported,
    Empty,
    FolderMarker,
    Deleted,
    Overwritten,
    /// Deleted by a person, after which nothing of it may be left.
    Withdrawn,
    /// Uploaded under the key of one that was withdrawn.
    Again,
}

/// What a job tells of an operation that has succeeded.
#[derive(Default)]
struct JobResult {
    outputs: Vec<Value>,
    manifest: Value,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Upload(usize),
    Delete(String),
    Withdraw(usize, String),
    Classify(String, u32),
    Poll(MediaKind),
    Record(String, u32),
    Run { job: usize, child: usize, attempt: u32 },
}

/// What the harness knows to be true, whatever the control plane says.
#[derive(Default)]
struct Truth {
    plans: BTreeMap<String, Plan>,
    /// How the work on an upload ended. What has succeeded in one try stays so, whatever the next one finds.
    ended: BTreeMap<String, State>,
    succeeded: BTreeSet<(String, String)>,
    /// Sizes and versions of what was stored, by key.
    stored: BTreeMap<String, (u64, String)>,
    /// Keys of results that were deleted.
    deleted: BTreeSet<String>,
    /// Keys whose current version was stored by a try that has not committed it, and the uploads.
    leftovers: BTreeMap<String, String>,
    /// Keys that a job has told of.
    told: BTreeSet<String>,
    /// Uploads of which a notice of success was lost, and the keys that it named. A manifest says the same, unless a later version
    /// of the object has written over it.
    untold: BTreeMap<String, BTreeSet<String>>,
}

struct Run {
    world: World,
    random: Random,
    agenda: Agenda<Happening>,
    truth: Truth,
    jobs: Vec<SubmittedJob>,
    polling: PerKind<bool>,
    /// Key and option of uploads that were withdrawn, by number.
    withdrawn: BTreeMap<usize, (MediaKind, Option<String>)>,
    /// How often the schedule came.
    sweeps: u64,
    classifier: Classifier<World>,
    dispatcher: Dispatcher<World>,
    recorder: Recorder<World>,
}

/// Every upload ends as it should, whatever goes wrong. `tables` makes the tables of the world.
pub fn every_upload_ends_as_it_should(tables: MakeTable) {
    let seed = std::env::var("CHAOS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_129);
    eprintln!("CHAOS_SEED={seed}");
    let mut run = Run::new(World::over(tables, seed, FAULTS), seed);
    run.run_to_the_end();
    run.check();
}

/// Without faults, packing keeps the requests per upload few.
pub fn without_faults_the_requests_per_upload_are_few(tables: MakeTable) {
    let mut run = Run::new(World::over(tables, 7, Faults::default()), 7);
    run.run_to_the_end();
    run.check();
    let inner = run.world.inner();
    let of =
        |names: &[&str]| names.iter().map(|name| inner.requests.get(name).copied().unwrap_or_default()).sum::<u64>();
    let submissions = of(&["batch:SubmitJob"]) as f64 / uploads() as f64;
    assert!(submissions < 0.6, "{submissions} submissions per upload: {:?}", inner.requests);
}

impl Run {
    fn new(world: World, seed: u64) -> Self {
        let classifier = world.classifier();
        let mut dispatcher = world.dispatcher();
        dispatcher.settings.give_up_receives = 5;
        let mut recorder = world.recorder();
        recorder.settings.tells_ends = true;
        recorder.settings.uploads = Some("in".to_owned());
        recorder.settings.delivery =
            Some(Delivery { domain: "cdn.example.com".to_owned(), public_paths: vec!["image/*".to_owned()] });
        let mut run = Self {
            random: Random::new(seed ^ 0xC0FF_EE00),
            agenda: Agenda::default(),
            truth: Truth::default(),
            jobs: Vec::new(),
            polling: PerKind::default(),
            withdrawn: BTreeMap::new(),
            sweeps: 0,
            world,
            classifier,
            dispatcher,
            recorder,
        };
        let start = run.world.inner().now;
        for number in 0..uploads() {
            let at = start + run.random.below(1800) as i64 * SECOND;
            run.agenda.at(at, Happening::Upload(number));
        }
        run
    }

    fn run_to_the_end(&mut self) {
        let mut steps = 0_u64;
        loop {
            while let Some((at, happening)) = self.agenda.pop() {
                self.world.inner().now = at;
                self.happen(at, happening);
                self.deliver_notices(at);
                self.tell_of_deleted_results(at);
                steps += 1;
                assert!(steps < 2_000_000, "it does not come to an end");
            }
            // What ended in a dead-letter queue is moved back, as an operator would.
            if !self.redrive_dead_letters() && !self.sweep() {
                return;
            }
        }
    }

    /// The schedule comes, hours later: classify looks for uploads that nobody told of, output for those whose end was not told.
    /// Whether there were any.
    fn sweep(&mut self) -> bool {
        let records = self.world.inner().tables["input"].items();
        let is_open = |item: &control::table::Item| {
            item.get("state").is_some_and(|state| ["QUEUED", "SUBMITTED", "RUNNING"].iter().any(|open| state == open))
        };
        let known: BTreeSet<&str> = records.iter().filter_map(|item| item.get("jobId")?.as_str()).collect();
        let is_unknown = |job_id: &String| !known.contains(job_id.as_str());
        if !records.iter().any(is_open) && !self.truth.plans.keys().any(is_unknown) {
            return false;
        }
        // Past the day for which EventBridge tries, and before what is too old for the schedule.
        let hours = if self.sweeps == 0 { 26 } else { 1 };
        let now = self.world.inner().now + hours * HOUR;
        self.world.inner().now = now;
        self.sweeps += 1;
        assert!(self.sweeps < 40, "uploads are left open");
        let event =
            json!({"source": "aws.events", "detail-type": "Scheduled Event", "time": text_of(now), "detail": {}});
        // A sweep makes as many requests as a hundred other invocations, and would never come to its end at their rates.
        let faults = self.world.inner().faults;
        let Faults { crash, throttle, lost_answer, .. } = faults;
        self.world.inner().faults =
            Faults { crash: crash / 10.0, throttle: throttle / 10.0, lost_answer: lost_answer / 10.0, ..faults };
        let classified = self.world.invoke(self.classifier.handle(event.clone()));
        let recorded = self.world.invoke(self.recorder.handle(event));
        self.world.inner().faults = faults;
        for failure in [classified, recorded].into_iter().flatten().filter_map(Result::err) {
            assert_eq!(failure.kind(), FailureKind::Temporary, "{failure}");
        }
        self.deliver_notices(now);
        self.tell_of_deleted_results(now);
        self.poll_queues(now);
        true
    }

    fn happen(&mut self, now: i64, happening: Happening) {
        match happening {
            Happening::Upload(number) => self.upload(now, number),
            Happening::Delete(key) => drop(self.world.inner().objects.remove(&("in".to_owned(), key))),
            Happening::Withdraw(number, key) => self.withdraw(now, number, &key),
            Happening::Classify(event, attempt) => {
                let payload = serde_json::from_str(&event).expect("an event");
                let result = self.world.invoke(self.classifier.handle(payload));
                self.again_unless_done(now, result.map(|result| result.map(drop)), attempt, |attempt| {
                    Happening::Classify(event.clone(), attempt)
                });
                self.poll_queues(now);
            }
            Happening::Record(event, attempt) => {
                let payload = serde_json::from_str(&event).expect("an event");
                let result = self.world.invoke(self.recorder.handle(payload));
                self.again_unless_done(now, result.map(|result| result.map(drop)), attempt, |attempt| {
                    Happening::Record(event.clone(), attempt)
                });
            }
            Happening::Poll(kind) => self.poll(now, kind),
            Happening::Run { job, child, attempt } => self.run_child(now, job, child, attempt),
        }
    }

    /// A Lambda that fails or crashes is invoked again twice, then the event is dropped and delivered again much later.
    fn again_unless_done(
        &mut self,
        now: i64,
        result: Option<Result<(), contract::Failure>>,
        attempt: u32,
        again: impl Fn(u32) -> Happening,
    ) {
        match result {
            Some(Ok(())) => {}
            Some(Err(failure)) if failure.kind() != FailureKind::Temporary => panic!("{failure}"),
            _ if attempt < 2 => self.agenda.at(now + (i64::from(attempt) + 1) * 60 * SECOND, again(attempt + 1)),
            _ => self.agenda.at(now + HOUR, again(0)),
        }
    }

    fn upload(&mut self, now: i64, number: usize) {
        let plan = match self.random.below(100) {
            _ if self.withdrawn.contains_key(&number) => Plan::Again,
            0..=4 => Plan::Rejected,
            5..=9 => Plan::Unsupported,
            10..=12 => Plan::Empty,
            13..=14 => Plan::FolderMarker,
            15..=18 => Plan::Deleted,
            19..=24 => Plan::Overwritten,
            25..=29 => Plan::Damaged,
            30..=34 => Plan::Withdrawn,
            _ => Plan::Good,
        };
        let before = self.withdrawn.get(&number).cloned();
        let drawn = MediaKind::ALL[self.random.below(4) as usize];
        let kind = before.as_ref().map_or(drawn, |(kind, _)| *kind);
        let head: &[u8] = match (plan, kind) {
            (Plan::Unsupported, _) => b"\x1f\x8b compressed",
            (_, MediaKind::Image) => b"\xff\xd8\xff\xe0 image",
            (_, MediaKind::Document) => b"%PDF-1.7 document",
            (_, MediaKind::Model) => b"glTF\x02\0\0\0 model",
            (_, MediaKind::Video) => b"\0\0\0\x18ftypisom\0\0\0\0isommp41",
        };
        let folder = if plan == Plan::FolderMarker { "/" } else { "" };
        let key = format!("{kind}/{number}{folder}");
        let size = match plan {
            Plan::Empty | Plan::FolderMarker => 0,
            _ if self.random.chance(0.1) => (32 << 20) + self.random.below(1 << 30),
            _ => 1000 + self.random.below(8 << 20),
        };
        let option = match (plan, kind, self.random.below(3)) {
            (Plan::Rejected, ..) => Some("resise?width=1".to_owned()),
            (_, MediaKind::Image, 0) => Some("resize?width=320,convert?format=png".to_owned()),
            (_, MediaKind::Video, 0) => Some("keyframes,probe".to_owned()),
            _ => None,
        };
        let option = before.map_or(option, |(_, option)| option);
        let is_tag = self.random.chance(0.3);
        if plan == Plan::Withdrawn {
            self.withdrawn.insert(number, (kind, option.clone()));
        }
        self.store_upload(now, plan, &key, head, size, option.clone(), is_tag);
        if plan == Plan::Overwritten {
            let later = now + self.random.below(120) as i64;
            self.store_upload(later, Plan::Overwritten, &key, head, size + 1, option, is_tag);
        }
        if plan == Plan::Withdrawn {
            let wait = if self.random.chance(0.5) { 300 } else { 7200 };
            let at = now + self.random.below(wait) as i64 * SECOND;
            self.agenda.at(at, Happening::Withdraw(number, key.clone()));
        }
        if plan == Plan::Deleted {
            let at = now + self.random.below(90) as i64 * SECOND;
            self.agenda.at(at, Happening::Delete(key));
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what an upload is made of")]
    fn store_upload(
        &mut self,
        now: i64,
        plan: Plan,
        key: &str,
        head: &[u8],
        size: u64,
        option: Option<String>,
        is_tag: bool,
    ) {
        let serial = self.world.inner().serial();
        let version_id = (serial.is_multiple_of(2)).then(|| format!("v{serial}"));
        let object = StoredObject {
            head: head.to_vec(),
            size,
            etag: format!("etag-{serial}"),
            version_id: version_id.clone(),
            metadata_option: option.clone().filter(|_| !is_tag),
            tag_option: option.filter(|_| is_tag).map(|option| in_tag(&option)),
            modified: now,
        };
        self.world.store_object("in", key, object.clone());
        let event = json!({
            "detail-type": "Object Created", "source": "aws.s3", "time": text_of(now),
            "detail": {"bucket": {"name": "in"}, "object": {
                "key": key, "size": size, "etag": object.etag, "version-id": version_id, "sequencer": sequencer(serial),
            }},
        });
        let arrival: BusEvent<_> = serde_json::from_value(event.clone()).expect("an event");
        let arrival = Arrival::of(arrival);
        let lost = self.world.inner().faults.lost_upload_event;
        // What is gone or overwritten before anybody looks for it is nobody's.
        if !matches!(plan, Plan::Deleted | Plan::Overwritten | Plan::Withdrawn | Plan::Again)
            && self.random.chance(lost)
        {
            let source = Source { version_id: None, ..arrival.source };
            self.truth.plans.insert(identity::listed_job_id(&source, &arrival.uploaded_at), plan);
            return;
        }
        self.truth.plans.insert(arrival.job_id, plan);
        self.deliver(now, &event, Happening::Classify);
    }

    /// A person deletes an upload: behind a marker in a bucket with versions, for good in one without. Some come back much later.
    fn withdraw(&mut self, now: i64, number: usize, key: &str) {
        let place = ("in".to_owned(), key.to_owned());
        let mut inner = self.world.inner();
        let serial = inner.serial();
        let has_versions = inner.objects.get(&place).into_iter().flatten().any(|object| object.version_id.is_some());
        if !has_versions {
            inner.objects.remove(&place);
        }
        drop(inner);
        let (version, deletion) = if has_versions {
            (Some(format!("m{serial}")), "Delete Marker Created")
        } else {
            (None, "Permanently Deleted")
        };
        let event = json!({
            "detail-type": "Object Deleted", "source": "aws.s3", "time": text_of(now),
            "detail": {"bucket": {"name": "in"}, "object": {
                "key": key, "etag": "e", "version-id": version, "sequencer": sequencer(serial)},
                "reason": "DeleteObject", "deletion-type": deletion},
        });
        self.deliver(now, &event, Happening::Record);
        if number.is_multiple_of(3) {
            self.agenda.at(now + 24 * HOUR, Happening::Upload(number));
        }
    }

    /// S3 tells of results that output has deleted, by the bucket's own notifications.
    fn tell_of_deleted_results(&mut self, now: i64) {
        let deleted = std::mem::take(&mut self.world.inner().deleted);
        for (bucket, key) in deleted {
            assert_eq!(bucket, "out");
            self.truth.stored.remove(&key);
            self.truth.leftovers.remove(&key);
            self.truth.deleted.insert(key.clone());
            let marker = format!("o{}", self.world.inner().serial());
            let at = self.world.inner().stamp(now);
            let event = self.removal("ObjectRemoved:DeleteMarkerCreated", at, &key, &marker);
            self.deliver(now, &event, Happening::Record);
        }
    }

    /// What the bucket of results tells of a deletion (S3 User Guide, "Event message structure").
    fn removal(&self, name: &str, at: i64, key: &str, version: &str) -> Value {
        let serial = self.world.inner().serial();
        json!({"Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-west-1", "eventTime": text_of(at), "eventName": name,
            "s3": {"bucket": {"name": "out"}, "object": {
                "key": key.replace(' ', "+"), "eTag": "e", "versionId": version, "sequencer": sequencer(serial)}},
        }]})
    }

    /// Delivers an event once or twice, now or later.
    fn deliver(&mut self, now: i64, event: &Value, happening: impl Fn(String, u32) -> Happening) {
        let faults = self.world.inner().faults;
        let copies = if self.random.chance(faults.duplicate) { 2 + self.random.below(2) } else { 1 };
        for _ in 0..copies {
            let late = match self.random.chance(faults.delay) {
                true if self.random.chance(0.1) => HOUR,
                true => self.random.below(600) as i64 * SECOND,
                false => self.random.below(2000) as i64,
            };
            self.agenda.at(now + late, happening(event.to_string(), 0));
        }
    }

    fn deliver_notices(&mut self, now: i64) {
        let notices = std::mem::take(&mut self.world.inner().notices);
        for notice in notices {
            let text = serde_json::to_string(&notice).expect("a notice");
            let event = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text}}]});
            self.deliver(now, &event, Happening::Record);
        }
    }

    fn poll_queues(&mut self, now: i64) {
        for kind in MediaKind::ALL {
            let waiting = self.world.inner().queues.get(kind.name()).is_some_and(|messages| !messages.is_empty());
            if waiting && !self.polling[kind] {
                self.polling[kind] = true;
                self.agenda.at(now + 20 * SECOND, Happening::Poll(kind));
            }
        }
    }

    fn poll(&mut self, now: i64, kind: MediaKind) {
        self.polling[kind] = false;
        let queue = kind.name();
        let messages = self.world.receive(queue, 100, VISIBILITY);
        if !messages.is_empty() {
            let event = World::queue_event(&messages);
            if let Some(Ok(answer)) = self.world.invoke(self.dispatcher.handle(event)) {
                self.world.acknowledge(queue, &messages, &answer);
            }
            let receives = messages.iter().map(|message| message.receive_count() as usize).max();
            assert!(receives.unwrap_or_default() <= 4 * MAX_RECEIVES, "a message of {queue} is not done with");
        }
        for job in self.world.take_jobs() {
            let number = self.jobs.len();
            for child in 0..job.submission.array_size.unwrap_or(1) as usize {
                let wait = 20 * SECOND + self.random.below(60) as i64 * SECOND;
                self.agenda.at(now + wait, Happening::Run { job: number, child, attempt: 1 });
            }
            self.jobs.push(job);
        }
        self.poll_queues(now);
    }

    /// A container works on its lines; it may be killed at any step.
    fn run_child(&mut self, now: i64, number: usize, child: usize, attempt: u32) {
        let job = self.jobs[number].clone();
        let lines = self.world.lines_of(&job, child);
        let kill = self.world.inner().faults.kill;
        self.world.inner().job_status.entry(job.id.clone()).or_default().started = true;
        self.batch_event(now, &job, child, "RUNNING", None);
        let mut at = now;
        let mut exit_code = 0;
        for line in &lines {
            let operations = line.operations().expect("operations");
            for operation in operations {
                at += SECOND;
                if self.random.chance(kill) {
                    return self.killed(at, number, child, attempt, &lines);
                }
                let failure = self.failure_of(line);
                let committed = if failure.is_none() { self.committed(line, operation) } else { None };
                let is_done = committed.is_some();
                let mut result = committed.unwrap_or_default();
                if failure.is_none() && !is_done {
                    result.outputs = self.store_outputs(at, line, operation);
                }
                if self.random.chance(kill) {
                    return self.killed(at, number, child, attempt, &lines);
                }
                if let Some(kind) = failure {
                    exit_code = i64::from(kind.exit_code());
                } else {
                    if !is_done {
                        result.manifest = self.commit(at, line, operation, &result.outputs);
                    }
                    self.truth.succeeded.insert((line.job_id.clone(), operation.to_string()));
                }
                self.publish(at, &job, line, operation, failure, &result);
            }
            let succeeded = |operation: &catalog::Operation| {
                self.truth.succeeded.contains(&(line.job_id.clone(), operation.to_string()))
            };
            let state = if operations.iter().all(succeeded) { State::Succeeded } else { State::Failed };
            self.truth.ended.insert(line.job_id.clone(), state);
        }
        self.child_ended(at, &job, child, exit_code);
    }

    /// Batch notes how a child ended, and tells of it.
    fn child_ended(&mut self, now: i64, job: &SubmittedJob, child: usize, exit_code: i64) {
        {
            let mut inner = self.world.inner();
            let status = inner.job_status.entry(job.id.clone()).or_default();
            *(if exit_code == 0 { &mut status.succeeded } else { &mut status.failed }) += 1;
            status.exit_code = Some(exit_code).filter(|code| *code != 0).or(status.exit_code);
            status.ended_at = status.ended_at.max(Some(now));
        }
        let status = if exit_code == 0 { "SUCCEEDED" } else { "FAILED" };
        self.batch_event(now, job, child, status, Some(exit_code));
    }

    /// Batch tries a job again whose container was killed, and says that it failed when it has tried often enough.
    fn killed(&mut self, now: i64, job: usize, child: usize, attempt: u32, lines: &[JobRequest]) {
        if attempt < 2 {
            return self.agenda.at(now + 30 * SECOND, Happening::Run { job, child, attempt: attempt + 1 });
        }
        for line in lines {
            self.truth.ended.entry(line.job_id.clone()).or_insert(State::Failed);
        }
        let submitted = self.jobs[job].clone();
        self.child_ended(now, &submitted, child, 137);
    }

    fn failure_of(&self, line: &JobRequest) -> Option<FailureKind> {
        if self.truth.plans.get(&line.job_id) == Some(&Plan::Damaged) {
            return Some(FailureKind::InvalidInput);
        }
        let inner = self.world.inner();
        let versions = inner.objects.get(&("in".to_owned(), line.source.key.clone()));
        let is_there = versions.into_iter().flatten().any(|version| Some(&version.etag) == line.source.etag.as_ref());
        (!is_there).then_some(FailureKind::InputNotFound)
    }

    /// Stores the outputs of an operation: whoever stores the same bytes again gets the same entity tag.
    fn store_outputs(&mut self, now: i64, line: &JobRequest, operation: &catalog::Operation) -> Vec<Value> {
        let folder = format!("{}/{}", line.source.key, operation.folder());
        let store = |number: u64| {
            let key = format!("{folder}/{number}.bin");
            self.store(now, line, &key, 10 + number, &format!("etag-{number}"), "image/webp")
        };
        (0..=(line.source.size % 3)).map(store).collect()
    }

    /// Stores a result: what S3 answers, as a job tells it.
    fn store(&mut self, now: i64, line: &JobRequest, key: &str, size: u64, etag: &str, media_type: &str) -> Value {
        let version = format!("o{}", self.world.inner().serial());
        let at = self.world.inner().stamp(now);
        let stored = StoredResult {
            size,
            version: Version { etag: Some(etag.to_owned()), version_id: Some(version.clone()) },
            modified: at,
        };
        self.world.inner().results.insert(("out".to_owned(), key.to_owned()), stored);
        let overwritten = self.truth.stored.insert(key.to_owned(), (size, version.clone()));
        self.truth.leftovers.insert(key.to_owned(), line.job_id.clone());
        let expiry = self.world.inner().faults.expiry;
        if let Some((_, old)) = overwritten
            && self.random.chance(expiry)
        {
            self.expire(now, key, &old);
        }
        json!({"key": key, "size": size, "sha256": "00", "contentType": media_type, "etag": etag, "versionId": version,
            "storedAt": text_of(at)})
    }

    /// The manifest can be read from now on, and the outputs that it names count. The manifest as a file.
    fn commit(&mut self, now: i64, line: &JobRequest, operation: &catalog::Operation, outputs: &[Value]) -> Value {
        let format = catalog::Format::of_kind(line.kind())[0];
        let manifest = json!({
            "schemaVersion": 1, "source": line.source, "kind": line.kind(), "format": format, "operation": operation.name(),
            "processingOption": operation.to_string(), "options": {}, "outputs": outputs, "processDuration":
            {"total": 1, "fetch": 0, "process": 1, "store": 0}, "versions": {}, "createdAt": text_of(now),
        });
        let key = format!("{}/{}/manifest.json", line.source.key, operation.folder());
        let text = manifest.to_string().into_bytes();
        let etag = format!("etag-{}", self.world.inner().serial());
        let file = self.store(now, line, &key, text.len() as u64, &etag, "application/json");
        self.world.inner().files.insert(("out".to_owned(), key), text);
        for key in outputs.iter().chain([&file]).filter_map(|output| output["key"].as_str()) {
            self.truth.leftovers.remove(key);
        }
        file
    }

    /// What an earlier try has committed for the same version: a job leaves that as it is, and tells of it.
    fn committed(&self, line: &JobRequest, operation: &catalog::Operation) -> Option<JobResult> {
        let key = format!("{}/{}/manifest.json", line.source.key, operation.folder());
        let inner = self.world.inner();
        let place = ("out".to_owned(), key);
        let text = inner.files.get(&place)?;
        let manifest: Value = serde_json::from_slice(text).expect("a manifest is JSON");
        if manifest["source"]["etag"].as_str() != line.source.etag.as_deref() {
            return None;
        }
        let stored = inner.results.get(&place)?;
        // As S3 lists it, in whole seconds.
        let modified = stored.modified - stored.modified.rem_euclid(SECOND);
        let file = json!({"key": place.1, "size": stored.size, "sha256": "00", "contentType": "application/json",
            "etag": stored.version.etag, "versionId": stored.version.version_id, "storedAt": text_of(modified)});
        Some(JobResult { outputs: manifest["outputs"].as_array().cloned().unwrap_or_default(), manifest: file })
    }

    /// A lifecycle rule deletes an overwritten version a week later. A bucket of somebody else's may tell of that.
    fn expire(&mut self, now: i64, key: &str, version: &str) {
        let event = self.removal("LifecycleExpiration:Delete", now + 7 * 24 * HOUR, key, version);
        self.deliver(now, &event, Happening::Record);
    }

    fn publish(
        &mut self,
        now: i64,
        job: &SubmittedJob,
        line: &JobRequest,
        operation: &catalog::Operation,
        failure: Option<FailureKind>,
        result: &JobResult,
    ) {
        let JobResult { outputs, manifest: file } = result;
        let outcome = if failure.is_some() { Outcome::Failed } else { Outcome::Succeeded };
        let manifest = failure.is_none().then(|| format!("{}/{}/manifest.json", line.source.key, operation.folder()));
        let text = json!({
            "schemaVersion": 1, "jobId": line.job_id, "source": line.source, "kind": line.kind(),
            "operation": operation.name(), "processingOption": operation.to_string(), "outcome": outcome,
            "error": failure.map(|kind| json!({"kind": kind, "message": "told by the job"})),
            "manifestKey": manifest, "manifest": file, "outputBucket": "out", "outputs": outputs, "outputCount": outputs.len(),
            "startedAt": text_of(now - SECOND), "finishedAt": text_of(now), "batchJobId": job.id, "programVersion": "0",
        });
        let keys = outputs.iter().filter_map(|output| output["key"].as_str().map(str::to_owned));
        let keys: BTreeSet<String> = keys.chain(manifest).collect();
        let lost = self.world.inner().faults.lost_notice;
        if self.random.chance(lost) {
            self.truth.untold.entry(line.job_id.clone()).or_default().extend(keys);
        } else {
            self.truth.told.extend(keys);
            let event = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text.to_string()}}]});
            self.deliver(now, &event, Happening::Record);
        }
    }

    fn batch_event(&mut self, now: i64, job: &SubmittedJob, child: usize, status: &str, exit_code: Option<i64>) {
        let lost = self.world.inner().faults.lost_batch_event;
        if self.random.chance(lost) {
            return;
        }
        let id = match job.submission.array_size {
            Some(_) => format!("{}:{child}", job.id),
            None => job.id.clone(),
        };
        let parameters: BTreeMap<_, _> = job.submission.parameters.to_pairs().into_iter().collect();
        let event = json!({
            "detail-type": "Batch Job State Change", "source": "aws.batch", "time": text_of(now),
            "detail": {
                "jobId": id, "jobName": job.submission.name, "status": status, "parameters": parameters,
                "startedAt": now, "statusReason": "Essential container in task exited",
                "container": {"exitCode": exit_code},
            },
        });
        self.deliver(now, &event, Happening::Record);
    }

    /// Moves dead letters back to their queues; whether there were any.
    fn redrive_dead_letters(&mut self) -> bool {
        let mut moved = false;
        for kind in MediaKind::ALL {
            let mut inner = self.world.inner();
            let dead = inner.queues.remove(&format!("{kind}-dlq")).unwrap_or_default();
            for letter in &dead {
                let reason = letter.attributes.iter().find(|(name, _)| name == "reason");
                assert!(reason.is_some_and(|(_, reason)| !reason.is_empty()), "a dead letter says why");
            }
            moved |= !dead.is_empty();
            inner.queues.entry(kind.name().to_owned()).or_default().extend(dead);
        }
        let now = self.world.inner().now;
        self.poll_queues(now);
        moved
    }

    fn check(&self) {
        let inner = self.world.inner();
        assert!(self.agenda.is_empty());
        for (queue, messages) in &inner.queues {
            assert!(messages.is_empty(), "{} messages are left in {queue}", messages.len());
        }
        let mut submitted: BTreeMap<String, usize> = BTreeMap::new();
        drop(inner);
        for job in &self.jobs {
            for child in 0..job.submission.array_size.unwrap_or(1) as usize {
                for line in self.world.lines_of(job, child) {
                    *submitted.entry(line.job_id).or_default() += 1;
                }
            }
        }
        let twice: Vec<_> = submitted.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "submitted more than once: {twice:?}");

        let inner = self.world.inner();
        let records = inner.tables["input"].items().into_iter().filter(|item| item["jobId"] != "latest");
        let records: BTreeMap<String, InputRecord> = records
            .map(|item| serde_json::from_value(Value::Object(item)).expect("a record"))
            .map(|record: InputRecord| (record.job_id.clone(), record))
            .collect();
        assert_eq!(records.len(), self.truth.plans.len(), "one record for each upload");
        let mut states: BTreeMap<&str, usize> = BTreeMap::new();
        for (job_id, plan) in &self.truth.plans {
            let record = records.get(job_id).unwrap_or_else(|| panic!("{plan:?} upload {job_id} has no record"));
            *states.entry(record.state.name()).or_default() += 1;
            let worked = self.truth.ended.get(job_id).copied();
            let expected = match plan {
                Plan::Rejected => State::Rejected,
                Plan::Unsupported | Plan::Empty | Plan::FolderMarker => State::Unsupported,
                Plan::Good | Plan::Damaged | Plan::Again => {
                    worked.unwrap_or_else(|| panic!("{plan:?} upload {job_id} was not worked on: {record:?}"))
                }
                // Nobody told of it, and the manifest from which the sweep would know is overwritten.
                Plan::Overwritten if record.state == State::Failed && self.is_out_of_sight(&inner, record) => {
                    State::Failed
                }
                Plan::Deleted | Plan::Overwritten => worked.unwrap_or(State::Failed),
                Plan::Withdrawn => {
                    assert!(worked.is_none() || record.source_deleted_at.is_some(), "{record:?}");
                    assert!(record.state.is_terminal(), "{record:?}");
                    record.state
                }
            };
            assert_eq!(record.state, expected, "{plan:?} {record:?}");
            assert!(record.state == State::Succeeded || record.reason.is_some(), "no reason: {record:?}");
            assert!(record.timeline.recorded_at.is_some() && record.expires_at.is_some(), "{record:?}");
        }
        let outputs: BTreeMap<String, OutputRecord> = inner.tables["output"]
            .items()
            .into_iter()
            .map(|item| serde_json::from_value(Value::Object(item)).expect("a record"))
            .map(|record: OutputRecord| (record.key.clone(), record))
            .collect();
        let ever: BTreeSet<&String> = self.truth.stored.keys().chain(&self.truth.deleted).collect();
        let unheard: Vec<&String> = outputs.keys().filter(|key| !ever.contains(key)).collect();
        assert!(unheard.is_empty(), "records of nothing: {unheard:?}");
        let by_batch = |job_id: &String| {
            let record = &records[job_id];
            record.state == State::Failed && record.batch_failure.is_some()
        };
        // What no job has told of is recorded when Batch's word ends its upload.
        for key in &ever {
            let left_by = self.truth.leftovers.get(*key);
            assert!(
                outputs.contains_key(*key) || left_by.is_some_and(|job_id| !by_batch(job_id)),
                "{key} has no record"
            );
        }
        for (key, record) in &outputs {
            let is_left = self.truth.leftovers.get(key).is_some_and(|job_id| !by_batch(job_id));
            // Of what is left, S3 may have told that an earlier version is gone, and nobody more.
            if is_left && record.stored.is_none() {
                continue;
            }
            let stored = record.stored.as_ref().unwrap_or_else(|| panic!("{key}: what S3 said is missing"));
            let plan = record.made.as_ref().map(|made| self.truth.plans[&made.job_id]);
            if !self.truth.stored.contains_key(key) {
                assert_eq!(plan, Some(Plan::Withdrawn), "{key} was deleted: {record:?}");
                assert!(stored.deleted && record.expires_at.is_some(), "{key}: {record:?}");
                continue;
            }
            let (size, version) = &self.truth.stored[key];
            assert!(is_left || plan != Some(Plan::Withdrawn), "{key} is left: {record:?}");
            // A listing does not say which version it is of.
            let is_it = stored.version_id.as_ref().is_none_or(|is| is == version);
            assert!(is_left || (is_it && stored.size == *size && !stored.deleted), "{key} is {version}: {record:?}");
            // Outputs that were stored by a container that was killed before it committed them are not in any manifest.
            let untold = self.truth.untold.iter().filter(|(_, keys)| keys.contains(key)).map(|(job_id, _)| job_id);
            let (there, gone): (Vec<&String>, Vec<&String>) =
                untold.partition(|job_id| is_committed_by(&inner, &manifest_beside(key), &records[*job_id]));
            let is_known = self.truth.told.contains(key) || !there.is_empty();
            assert!(record.made.is_some() || !is_known, "{key}: the job's part is missing: {record:?}");
            assert!(record.made.is_none() || is_known || !gone.is_empty(), "{key}: nobody told of it: {record:?}");
            if let Some(made) = &record.made {
                assert_eq!(record.job_id.as_ref(), Some(&made.job_id));
                assert!(records.contains_key(&made.job_id));
            }
        }
        drop(inner);
        self.check_told(&records);
        let inner = self.world.inner();
        let committed = outputs.values().filter(|record| record.made.is_some()).count();
        let (sweeps, deleted) = (self.sweeps, self.truth.deleted.len());
        eprintln!(
            "{states:?}; {committed} outputs, {deleted} of withdrawn uploads deleted; {} jobs; {sweeps} sweeps; requests {:?}",
            self.jobs.len(),
            inner.requests
        );
    }
}

impl Run {
    /// Whether a lost notice told of something that no manifest says any more.
    fn is_out_of_sight(&self, inner: &Inner, record: &InputRecord) -> bool {
        let mut manifests = self.truth.untold.get(&record.job_id).into_iter().flatten().map(|key| manifest_beside(key));
        manifests.any(|manifest| !is_committed_by(inner, &manifest, record))
    }

    /// Every end was told, the last one last, and a repetition says the same.
    fn check_told(&self, records: &BTreeMap<String, InputRecord>) {
        let ended = std::mem::take(&mut self.world.inner().ended);
        let mut by_id: BTreeMap<&str, &UploadEnded> = BTreeMap::new();
        for event in &ended {
            let first = by_id.entry(&event.id).or_insert(event);
            assert_eq!((first.state, &first.job_id, &first.source), (event.state, &event.job_id, &event.source));
            assert!(records.contains_key(&event.job_id), "{event:?}");
        }
        for record in records.values() {
            let id = format!("{}/{}/{}", record.job_id, record.redriven, record.state.name());
            let event = by_id.get(id.as_str()).unwrap_or_else(|| panic!("the end was not told: {record:?}"));
            assert!(record.is_told(), "{record:?}");
            if record.state != State::Succeeded {
                continue;
            }
            assert_eq!(event.output_count, record.results.values().map(|result| result.output_count).sum::<u64>());
            if self.truth.plans[&record.job_id] == Plan::Good {
                assert_eq!(event.outputs.len() as u64, event.output_count, "{event:?}");
            }
        }
        eprintln!("{} events of {} ends of {} uploads", ended.len(), by_id.len(), records.len());
    }
}

/// The key of the manifest of an output's operation.
fn manifest_beside(key: &str) -> String {
    let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/manifest.json")
}

/// Whether a manifest is that of an upload, not of a later version that has written over it.
fn is_committed_by(inner: &Inner, manifest: &str, record: &InputRecord) -> bool {
    let text = inner.files.get(&("out".to_owned(), manifest.to_owned()));
    let manifest: Option<Value> = text.map(|text| serde_json::from_slice(text).expect("a manifest is JSON"));
    manifest.is_some_and(|manifest| manifest["source"]["etag"].as_str() == record.source.etag.as_deref())
}

/// A processing-option as a tag has it, also one that is not allowed.
fn in_tag(option: &str) -> String {
    let operations = option.parse::<catalog::Operations>();
    operations.map_or_else(|_| option.replace(['?', '&'], " ").replace(',', " + "), |operations| operations.to_tag())
}

/// A sequencer of S3: a time with, at times, a suffix that tells events of the same time apart.
fn sequencer(serial: u64) -> String {
    let suffix = if serial.is_multiple_of(3) { "D189" } else { "" };
    format!("{:014X}{suffix}", 0x0061_7F08_2993_u64 + serial)
}
