//! A record of DYNAMODB_INPUT: one upload (one version of one object), what was asked for and how far it is.
//!
//! A record gathers facts; its state is derived from them. Facts may come in any order and more than once: each has its
//! own place in the record, a better result never gives way to a worse one, and a time is the earliest that was told.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Format, MediaKind, ProcessingOption};
use contract::{Compute, FailureKind, JobEvent, JobRequest, Outcome, ProcessDuration, Source, Usage, timestamp};
use serde::{Deserialize, Serialize};

use crate::table::{Condition, Key, Put, Record, to_item};
use crate::{by_state, identity};

/// Where an upload is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Its request is in the kind's queue (or about to be).
    #[default]
    Queued,
    /// Batch has its job.
    Submitted,
    /// Its job works, or has ended one operation of several.
    Running,
    /// Every operation has committed its outputs.
    Succeeded,
    /// At least one operation could not be done.
    Failed,
    /// What was asked for cannot be done.
    Rejected,
    /// No job takes such content.
    Unsupported,
    /// An operator ended it.
    Cancelled,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Submitted,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Rejected,
        Self::Unsupported,
        Self::Cancelled,
    ];

    /// The state's word in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Submitted => "SUBMITTED",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Rejected => "REJECTED",
            Self::Unsupported => "UNSUPPORTED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Whether nothing more is going to happen by itself.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Rejected | Self::Unsupported | Self::Cancelled)
    }
}

/// A record of DYNAMODB_INPUT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InputRecord {
    /// Partition key: see [`object_of`].
    pub object: String,
    /// Sort key: the same for every delivery of the same upload; within an object in the order of its versions.
    pub job_id: String,
    /// Counts the writes.
    #[serde(default)]
    pub revision: u64,
    /// The object in its version.
    pub source: Source,
    /// The kind; absent where it could not be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<MediaKind>,
    /// The format by content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// What is done, in the processing-option grammar; secrets are redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processing_option: Option<String>,
    /// The same with its secrets, where there are some: for the request, and never recorded.
    #[serde(skip)]
    pub secret_option: Option<String>,
    /// Where that was asked for: `metadata`, `tag`, `rule`, `default`, `operator`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub option_source: Option<String>,
    /// Each operation on its own, with its options.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub operations: BTreeSet<String>,

    /// Whose share of the kind's capacity it takes (see [`crate::share`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<String>,
    /// Its priority within that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: u32,

    /// Its request went to the kind's fast queue first: until dispatch has it, a function may work on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fast: bool,

    /// Why it was refused before any work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// Who is submitting it.
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "claim")]
    pub lease: Option<Lease>,
    /// Batch's id of its job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_job_id: Option<String>,
    /// How each operation ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub results: BTreeMap<String, OperationResult>,
    /// Batch's word that the job ended without having published how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_failure: Option<BatchFailure>,
    /// Why it was given up before Batch had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<GivenUp>,
    /// That an operator ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<Cancellation>,
    /// How often an operator sent it on its way again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub redriven: u32,
    /// Spot took its job away as often as it is tried there: it is done on on-demand capacity.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_demand: bool,
    /// Batch jobs of earlier tries: their failures no longer count, their successes do.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub retired_jobs: BTreeSet<String>,

    /// That its end was told on EventBridge, if that is configured (see [`crate::output::ended`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// When its object was deleted, RFC 3339, if deletions are followed (see [`crate::output::deletion`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_deleted_at: Option<String>,

    /// When it was where.
    pub timeline: Timeline,

    /// Derived: see [`State`].
    #[serde(default)]
    pub state: State,
    /// Derived, the partition key of the index by state: see [`crate::by_state`].
    #[serde(default)]
    pub state_day: String,
    /// Derived: when it came into its state, as far as that is told by the facts.
    #[serde(default)]
    pub state_at: String,
    /// Derived: why it is not SUCCEEDED, in plain words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Derived: what the failure means for whoever has to act on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<FailureKind>,
    /// When the item may expire, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

/// How long records are kept of what was deleted with its upload: events that come later than that are tried no more.
pub const KEPT_AFTER_DELETION: time::Duration = time::Duration::days(7);

/// When an upload was where. RFC 3339.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// S3 had the object; the time of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded_at: Option<String>,
    /// The event reached classify.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<String>,
    /// Classify had decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classified_at: Option<String>,
    /// The request was in the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_at: Option<String>,
    /// Batch had the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<String>,
    /// The container began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// The input was fetched. This and the two below are of the operation that ended last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<String>,
    /// The operation was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processed_at: Option<String>,
    /// The outputs were stored and committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_at: Option<String>,
    /// This record first said that it had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<String>,
}

/// Why an upload was refused before any work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// REJECTED, UNSUPPORTED or FAILED.
    pub state: State,
    /// What it means.
    pub kind: FailureKind,
    /// For people.
    pub message: String,
}

/// A dispatcher's lease of an upload: taken before the work is submitted, and expired after a while, so that two never submit
/// the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// The name under which the work is submitted and by which the executor finds it again.
    #[serde(alias = "jobName")]
    pub name: String,
    /// Where the executor is to look for it: Batch's job queue.
    #[serde(alias = "jobQueue")]
    pub queue: String,
    /// The key of the work's list of requests in `S3_WORK`.
    pub work_list: String,
    /// When it was taken, seconds since 1970.
    pub at: i64,
}

impl Lease {
    /// The name of the array job whose children do the parts of long work; the job itself then joins them.
    pub fn parts_name(&self) -> String {
        format!("{}-parts", self.name)
    }

    /// Seconds until it expires; 0 if it has.
    pub fn remaining(&self, now: i64, lease_seconds: i64) -> u64 {
        u64::try_from(self.at + lease_seconds - now).unwrap_or_default()
    }
}

/// How one operation ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationResult {
    /// SUCCEEDED or FAILED.
    pub outcome: Outcome,
    /// What the failure means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<FailureKind>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where the manifest is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_key: Option<String>,
    /// How many files the result has.
    #[serde(default)]
    pub output_count: u64,
    /// Milliseconds.
    pub process_duration: ProcessDuration,
    /// What it used, and what that costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// Batch's id of the job that was submitted (an array's parent).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_job_id: Option<String>,
    /// Where it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute: Option<Compute>,
    /// What tells the run of a function or a service from others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
}

/// Batch's word that a job failed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchFailure {
    /// When, RFC 3339.
    pub at: String,
    /// Batch's id of the job that was submitted.
    pub batch_job_id: String,
    /// Why, in plain words.
    pub message: String,
    /// The container's exit code, where it got so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
}

/// Why dispatch gave up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GivenUp {
    /// When, RFC 3339.
    pub at: String,
    /// Why, in plain words.
    pub message: String,
    /// Of which try: void once the record was redriven more often.
    pub redriven: u32,
}

/// That an operator ended an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    /// When, RFC 3339.
    pub at: String,
    /// Why, in the operator's words.
    pub reason: String,
    /// Of which try: void once the record was redriven more often.
    pub redriven: u32,
}

/// That the end of an upload was told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// Of which try.
    pub redriven: u32,
    /// When, RFC 3339.
    pub at: String,
    /// Which state.
    pub state: State,
}

impl InputRecord {
    /// A record of an object of which nothing else is known yet.
    pub fn new(job_id: &str, source: &Source) -> Self {
        Self {
            object: object_of(source),
            job_id: job_id.to_owned(),
            revision: 0,
            source: source.clone(),
            kind: None,
            format: None,
            processing_option: None,
            secret_option: None,
            option_source: None,
            operations: BTreeSet::new(),
            share: None,
            priority: 0,
            fast: false,
            refusal: None,
            lease: None,
            batch_job_id: None,
            results: BTreeMap::new(),
            batch_failure: None,
            given_up: None,
            cancelled: None,
            redriven: 0,
            on_demand: false,
            retired_jobs: BTreeSet::new(),
            told: None,
            source_deleted_at: None,
            timeline: Timeline::default(),
            state: State::Queued,
            state_day: String::new(),
            state_at: String::new(),
            reason: None,
            error_kind: None,
            expires_at: None,
        }
    }

    /// A record from the request alone: that of a request which somebody put into the queue by hand.
    pub fn of_request(request: &JobRequest) -> Self {
        let mut record = Self::new(&request.job_id, &request.source);
        record.kind = Some(request.kind());
        record.processing_option = Some(request.processing_option.to_string());
        if let Ok(operations) = request.operations() {
            record.operations = operations.iter().map(ToString::to_string).collect();
        }
        record.timeline.uploaded_at = request.uploaded_at.as_deref().map(timestamp::normal);
        record
    }

    /// The request for this upload's work; `None` if there is nothing to do with it. From a record that was read again it
    /// lacks the secrets, and dispatch says so.
    pub fn request(&self) -> Option<JobRequest> {
        Some(JobRequest {
            schema_version: contract::SCHEMA_VERSION,
            job_id: self.job_id.clone(),
            source: self.source.clone(),
            processing_option: ProcessingOption::new(
                self.kind?,
                self.secret_option.clone().or_else(|| self.processing_option.clone())?,
            ),
            uploaded_at: self.timeline.uploaded_at.clone(),
        })
    }

    /// The key of a record.
    pub fn key(source: &Source, job_id: &str) -> Key {
        Key(vec![("object", object_of(source)), ("jobId", job_id.to_owned())])
    }

    /// Merges how an operation ended. An event without an operation is the control plane's own notice.
    pub fn operation_ended(&mut self, event: &JobEvent) {
        let Some(operation) = &event.operation else { return };
        let operation = event.processing_option.as_ref().unwrap_or(operation).clone();
        // A job that was run by hand on an object that nobody asked anything for.
        if self.processing_option.is_none() {
            self.operations.insert(operation.clone());
        }
        self.kind = self.kind.or(event.kind);
        self.format = self.format.or(event.format);
        let result = OperationResult::of(event);
        if result.failed_in(&self.retired_jobs) {
            return;
        }
        if let Some(at) = &result.started_at {
            earliest(&mut self.timeline.started_at, at);
        }
        match self.results.get_mut(&operation) {
            Some(present) if present.rank() >= result.rank() => {}
            Some(present) => *present = result,
            None => drop(self.results.insert(operation, result)),
        }
    }

    /// Merges that the container of a job began.
    pub fn batch_started(&mut self, at: &str) {
        earliest(&mut self.timeline.started_at, at);
    }

    /// Merges that a job failed.
    pub fn batch_failed(&mut self, failure: BatchFailure) {
        if self.retired_jobs.contains(&failure.batch_job_id) {
            return;
        }
        if self.batch_failure.as_ref().is_none_or(|present| *present < failure) {
            self.batch_failure = Some(failure);
        }
    }

    /// Merges that its end was told: what was told last counts.
    pub fn told(&mut self, told: Told) {
        if self.told.as_ref().is_none_or(|present| *present < told) {
            self.told = Some(told);
        }
    }

    /// Where its operations were done, each place once; the fast path's last.
    pub fn computes(&self) -> Vec<Compute> {
        let mut computes: Vec<Compute> = self.results.values().filter_map(|result| result.compute).collect();
        computes.sort_by_key(|compute| (compute.is_fast(), compute.name()));
        computes.dedup();
        computes
    }

    /// What all operations used together.
    pub fn usage(&self) -> Option<Usage> {
        self.results.values().filter_map(|result| result.usage).reduce(|all, more| all.and(&more))
    }

    /// Whether the state that it is in was told.
    pub fn is_told(&self) -> bool {
        self.told.as_ref().is_some_and(|told| told.redriven == self.redriven && told.state == self.state)
    }

    /// Merges that its object was deleted.
    pub fn source_deleted(&mut self, at: &str) {
        earliest(&mut self.source_deleted_at, at);
    }

    /// Sends it on its way again, to on-demand capacity.
    pub fn fall_back(&mut self) {
        self.redrive();
        self.on_demand = true;
    }

    /// Takes back everything that keeps the upload from being dispatched once more. What succeeded stays.
    pub fn redrive(&mut self) {
        self.redriven += 1;
        self.retired_jobs.extend(self.batch_job_id.take());
        self.retired_jobs.extend(self.batch_failure.take().map(|failure| failure.batch_job_id));
        let failed = self.results.values().filter(|result| result.outcome != Outcome::Succeeded);
        self.retired_jobs.extend(failed.filter_map(|result| result.done_by().cloned()));
        self.results.retain(|_, result| result.outcome == Outcome::Succeeded);
        self.lease = None;
        self.given_up = None;
        // Everything that is done again is done by Batch.
        self.fast = false;
        self.expires_at = None;
        self.timeline.queued_at = None;
        self.timeline.submitted_at = None;
        self.timeline.started_at = None;
        self.timeline.recorded_at = None;
    }

    /// Sets when it ended and when the item may expire, once it has ended.
    pub fn conclude(&mut self, now: time::OffsetDateTime, record_days: u64) {
        self.derive();
        if self.state.is_terminal() && self.timeline.recorded_at.is_none() {
            self.timeline.recorded_at = Some(timestamp::text(now));
            self.expires_at = Some(now.unix_timestamp() + record_days as i64 * 86_400);
            self.derive();
        }
        if let Some(deleted) = self.source_deleted_at.as_deref().and_then(timestamp::parse)
            && self.state.is_terminal()
        {
            let soon = (deleted + KEPT_AFTER_DELETION).unix_timestamp();
            self.expires_at = Some(self.expires_at.map_or(soon, |at| at.min(soon)));
        }
    }

    /// The state that follows from the facts.
    fn state_of_facts(&self) -> State {
        // An upload that has ended is not cancelled; one that is cancelled stays so, whatever its job still does.
        if self.cancelled.as_ref().is_some_and(|cancelled| cancelled.redriven == self.redriven) {
            return State::Cancelled;
        }
        let ended = |operation: &String| self.results.get(operation).is_some_and(OperationResult::is_final);
        if !self.operations.is_empty() && self.operations.iter().all(ended) {
            let failed = self.results.values().any(|result| result.outcome != Outcome::Succeeded);
            return if failed { State::Failed } else { State::Succeeded };
        }
        if let Some(refusal) = &self.refusal {
            return refusal.state;
        }
        let given_up = self.given_up.as_ref().is_some_and(|given_up| given_up.redriven == self.redriven);
        if self.batch_failure.is_some() || (given_up && self.batch_job_id.is_none()) {
            State::Failed
        } else if self.redriven > 0 && self.batch_job_id.is_none() {
            // What succeeded before it was sent on its way again does not run.
            State::Queued
        } else if self.fast && self.batch_job_id.is_none() && self.lease.is_none() {
            // What of its operations the fast path has not ended waits in a queue.
            State::Queued
        } else if self.timeline.started_at.is_some() || !self.results.is_empty() {
            State::Running
        } else if self.batch_job_id.is_some() {
            State::Submitted
        } else {
            State::Queued
        }
    }

    /// Why it is not (yet) SUCCEEDED.
    fn reason_of_facts(&self) -> (Option<String>, Option<FailureKind>) {
        if self.state == State::Succeeded {
            return (None, None);
        }
        if let Some(cancelled) = self.cancelled.as_ref().filter(|_| self.state == State::Cancelled) {
            return (Some(format!("cancelled: {}", cancelled.reason)), None);
        }
        if let Some(refusal) = self.refusal.as_ref().filter(|_| self.results.is_empty()) {
            return (Some(refusal.message.clone()), Some(refusal.kind));
        }
        let failures: Vec<_> = self.results.iter().filter(|(_, result)| result.outcome != Outcome::Succeeded).collect();
        let told = failures.iter().map(|(operation, result)| {
            format!("{operation}: {}", result.message.as_deref().unwrap_or("failed without a reason"))
        });
        let mut told: Vec<String> = told.collect();
        let mut kind = failures.iter().find_map(|(_, result)| result.error_kind);
        if self.state == State::Failed {
            if let Some(failure) = &self.batch_failure
                && self
                    .operations
                    .iter()
                    .any(|operation| !self.results.get(operation).is_some_and(OperationResult::is_final))
            {
                kind = kind.or(Some(FailureKind::Internal));
                told.push(failure.message.clone());
            } else if let (true, Some(given_up)) = (failures.is_empty(), &self.given_up) {
                kind = Some(FailureKind::Internal);
                told.push(given_up.message.clone());
            }
        }
        (Some(told.join("; ")).filter(|text| !text.is_empty()), kind)
    }
}

impl Record for InputRecord {
    const KEY_NAMES: &'static [&'static str] = &["object", "jobId"];

    fn revision(&self) -> u64 {
        self.revision
    }

    fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }

    fn derive(&mut self) {
        self.state = self.state_of_facts();
        (self.reason, self.error_kind) = self.reason_of_facts();
        let last = self.results.values().filter(|result| result.finished_at.is_some());
        if let Some(last) = last.max_by(|a, b| (&a.finished_at, a.rank()).cmp(&(&b.finished_at, b.rank())))
            && let Some(finished) = last.finished_at.as_deref().and_then(timestamp::parse)
        {
            let before =
                |milliseconds: u64| Some(timestamp::text(finished - std::time::Duration::from_millis(milliseconds)));
            let duration = last.process_duration;
            self.timeline.stored_at = before(0);
            self.timeline.processed_at = before(duration.store);
            self.timeline.fetched_at = before(duration.store + duration.process);
        }
        let timeline = &self.timeline;
        let at = match self.state {
            State::Queued => {
                timeline.queued_at.as_ref().or(timeline.classified_at.as_ref()).or(timeline.uploaded_at.as_ref())
            }
            State::Submitted => timeline.submitted_at.as_ref(),
            State::Running => timeline.started_at.as_ref(),
            _ => timeline.recorded_at.as_ref(),
        };
        let at = at.or(timeline.classified_at.as_ref()).or(timeline.uploaded_at.as_ref());
        self.state_at = at.cloned().unwrap_or_else(|| "1970-01-01T00:00:00.000Z".to_owned());
        self.state_day = by_state::partition_of(self.state, &self.state_at, &self.object, &self.job_id);
    }
}

/// The sort key under which an object's latest version is noted.
pub const LATEST: &str = "latest";

/// The item that notes which version of an object is the latest that classify has seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Latest {
    /// `s3://bucket/key`.
    pub object: String,
    /// [`LATEST`].
    pub job_id: String,
    /// The latest version's place in the order of versions, see [`identity::sequence`].
    pub sequence: String,
    /// The id of the latest version's job.
    pub latest_job_id: String,
    /// The latest version's entity tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// When it was uploaded (or deleted), RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded_at: Option<String>,
    /// It is not a version: the object was deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// When the item may expire, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

impl Latest {
    /// The key of an object's item.
    pub fn key(source: &Source) -> Key {
        Key(vec![("object", object_of(source)), ("jobId", LATEST.to_owned())])
    }

    /// The write that makes a version the latest, unless a later one is.
    pub fn put(source: &Source, job_id: &str, uploaded_at: &str, expires_at: i64) -> Put {
        let latest = Self {
            object: object_of(source),
            job_id: LATEST.to_owned(),
            sequence: identity::sequence(job_id).to_owned(),
            latest_job_id: job_id.to_owned(),
            etag: source.etag.clone(),
            uploaded_at: Some(uploaded_at.to_owned()),
            deleted: false,
            expires_at: Some(expires_at),
        };
        latest.into_put()
    }

    /// The write that makes a deletion the latest thing that happened to an object, unless a later version is.
    pub fn put_deletion(source: &Source, sequence: &str, at: &str, expires_at: i64) -> Put {
        let latest = Self {
            object: object_of(source),
            job_id: LATEST.to_owned(),
            sequence: sequence.to_owned(),
            latest_job_id: String::new(),
            etag: None,
            uploaded_at: Some(at.to_owned()),
            deleted: true,
            expires_at: Some(expires_at),
        };
        latest.into_put()
    }

    /// Refuses an earlier version: its outputs would overwrite newer ones, or come back after they were deleted.
    pub fn refuse(&self, record: &mut InputRecord) {
        let what =
            if self.deleted { "deleted" } else { "overwritten by a later version, which has a record of its own" };
        record.refusal = Some(Refusal {
            state: State::Failed,
            kind: FailureKind::InputNotFound,
            message: format!("{} was {what}", record.object),
        });
        if let (true, Some(at)) = (self.deleted, &self.uploaded_at) {
            record.source_deleted(at);
        }
    }

    fn into_put(self) -> Put {
        let condition = Condition::NotAfter("sequence", self.sequence.clone());
        Put { key_names: InputRecord::KEY_NAMES, item: to_item(&self), condition }
    }
}

/// The name of a source's object: `s3://bucket/key`, or the key of a file, its path below the inbox.
pub fn object_of(source: &Source) -> String {
    source.bucket.as_ref().map_or_else(|| source.key.clone(), |bucket| format!("s3://{bucket}/{}", source.key))
}

impl OperationResult {
    fn of(event: &JobEvent) -> Self {
        let submitted = |id: &String| id.split(':').next().unwrap_or(id).to_owned();
        Self {
            outcome: event.outcome,
            error_kind: event.error.as_ref().map(|error| error.kind),
            message: event.error.as_ref().map(|error| error.message.clone()),
            manifest_key: event.manifest_key.clone(),
            output_count: event.output_count,
            process_duration: event.process_duration,
            usage: event.usage,
            started_at: event.started_at.as_deref().map(timestamp::normal),
            finished_at: event.finished_at.as_deref().map(timestamp::normal),
            batch_job_id: event.batch_job_id.as_ref().map(submitted),
            compute: event.compute,
            run_id: event.run_id.clone(),
        }
    }

    /// Whether no retry by Batch can change it.
    pub fn is_final(&self) -> bool {
        self.outcome == Outcome::Succeeded || self.error_kind != Some(FailureKind::Temporary)
    }

    fn failed_in(&self, retired: &BTreeSet<String>) -> bool {
        self.outcome != Outcome::Succeeded && self.done_by().is_some_and(|id| retired.contains(id))
    }

    /// The id of the job or of the run that it comes from.
    fn done_by(&self) -> Option<&String> {
        self.batch_job_id.as_ref().or(self.run_id.as_ref())
    }

    /// The greater of two results of the same operation is kept: success before failure, final before temporary, later
    /// before earlier; the rest only makes the order total.
    fn rank(&self) -> (bool, bool, Option<&str>, String) {
        let rest = serde_json::to_string(self).unwrap_or_default();
        (self.outcome == Outcome::Succeeded, self.is_final(), self.finished_at.as_deref(), rest)
    }
}

fn earliest(present: &mut Option<String>, at: &str) {
    let at = timestamp::normal(at);
    if present.as_ref().is_none_or(|present| *present > at) {
        *present = Some(at);
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}
