//! What ends an upload whose end was never told.
//!
//! Batch's events are delivered on a best-effort basis (Batch User Guide, "AWS Batch event stream for Amazon EventBridge"), and a
//! notice may end in the undelivered queue. So a schedule looks at the uploads that have been with Batch for a while: it asks Batch
//! how their jobs are, and if a job has ended long enough ago for its events to have come, it reads the manifests that the job has
//! committed, which say the same as the job's notices, and records a failure for what has none.
//!
//! A sweep goes through the index by state, the partitions in an order that changes from sweep to sweep, and stops when its
//! time is up; the next one continues elsewhere. It costs a query for each partition, a read for each upload that is with Batch, and
//! a `DescribeJobs` for 100 jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use catalog::Operations;
use contract::{Failure, JobEvent, MANIFEST_NAME, Manifest, Outcome, Output, Source, metrics, timestamp};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::event::{BatchJobDetail, Container};
use crate::input_record::{BatchFailure, OperationResult};
use crate::output::batch_reason::explain;
use crate::output::handler::Recorder;
use crate::ports::{Clock, Executor, Notices, Objects, Phase, Ports, Receipt, Report, Table, Version, Whole};
use crate::table::{self, Key, MAX_ITEMS};
use crate::{InputRecord, State, by_state};

/// How long an upload has been in its state before Batch is asked about it, and how long ago its job ended before its events count
/// as lost.
const STALE: time::Duration = time::Duration::minutes(15);

/// How far back the sweep looks: lists of packed jobs expire after 14 days, and Batch forgets jobs after seven.
const DAYS: i64 = 15;

/// How long a sweep takes at most; less than the function's timeout.
const SWEEP: Duration = Duration::from_secs(40);

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Uploads whose job Batch was asked about.
    pub asked: usize,
    /// Uploads that the sweep ended.
    pub ended: usize,
    /// Whether every partition was looked at.
    pub complete: bool,
}

impl Swept {
    /// As the answer of an invocation.
    pub fn to_value(self) -> Value {
        json!({"asked": self.asked, "ended": self.ended, "complete": self.complete})
    }
}

impl<P: Ports> Recorder<P> {
    /// Ends the uploads whose jobs have ended without output having been told.
    pub(super) async fn reconcile(&self) -> Result<Swept, Failure> {
        let started = self.clock.now();
        let up_to = timestamp::text(started - STALE);
        let mut swept = Swept { complete: true, ..Swept::default() };
        let mut first_failure = None;
        for (state, day, shard) in partitions(started) {
            let mut query = by_state::shard(state, &day, shard, Some(&up_to));
            loop {
                if (self.clock.now() - started).unsigned_abs() > SWEEP {
                    tracing::warn!(?swept, "the sweep's time is up; the next one continues");
                    swept.complete = false;
                    return Ok(swept);
                }
                let page = match self.inputs.query(&query).await {
                    Ok(page) => page,
                    Err(failure) => {
                        // One that cannot be read or written must not keep the others waiting.
                        first_failure.get_or_insert(failure);
                        break;
                    }
                };
                let keys: Vec<Key> = page.items.iter().map(|item| Key::of(item, &["object", "jobId"])).collect();
                for keys in keys.chunks(MAX_ITEMS) {
                    match self.reconcile_some(keys).await {
                        Ok((asked, ended)) => {
                            swept.asked += asked;
                            swept.ended += ended;
                        }
                        Err(failure) => drop(first_failure.get_or_insert(failure)),
                    }
                }
                query.start = page.next;
                if query.start.is_none() {
                    break;
                }
            }
        }
        if swept.ended > 0 && !self.settings.is_local() {
            tracing::warn!(?swept, "ended uploads whose jobs' events never came");
            self.print_reconciled(swept.ended);
        }
        first_failure.map_or(Ok(swept), Err)
    }

    #[expect(clippy::print_stdout, reason = "standard output is where Lambda takes logs and metrics from")]
    fn print_reconciled(&self, ended: usize) {
        let members = Map::from_iter([("reconciled".to_owned(), json!(ended))]);
        println!("{}", metrics::SWEEPS.line(&self.settings.metrics_namespace, self.clock.now(), members));
    }

    /// Asks about the jobs of some uploads: how many were asked about, and how many ended by that.
    async fn reconcile_some(&self, keys: &[Key]) -> Result<(usize, usize), Failure> {
        let records: Vec<Option<InputRecord>> = table::read(&self.inputs, keys).await?;
        let mut by_job: BTreeMap<String, Vec<InputRecord>> = BTreeMap::new();
        for record in records.into_iter().flatten().filter(|record| is_with_batch(record.state)) {
            if let Some(receipt) = self.receipt_of(&record).await? {
                by_job.entry(receipt.0).or_default().push(record);
            }
        }
        let receipts: Vec<Receipt> = by_job.keys().cloned().map(Receipt).collect();
        let reports = if receipts.is_empty() { Vec::new() } else { self.executor.report(&receipts).await? };
        let (mut asked, mut ended) = (0, 0);
        for ((job, records), report) in by_job.into_iter().zip(reports) {
            asked += records.len();
            if !self.is_over(report.as_ref()) {
                continue;
            }
            let failure = failure_of(&job, report.as_ref(), self.clock.now());
            ended += self.end_of_job(&job, records, &failure).await?;
        }
        Ok((asked, ended))
    }

    /// The job of an upload: as recorded, or as Batch knows it by the lease's name.
    async fn receipt_of(&self, record: &InputRecord) -> Result<Option<Receipt>, Failure> {
        match (&record.batch_job_id, &record.lease) {
            (Some(id), _) => Ok(Some(Receipt(id.clone()))),
            (None, Some(lease)) => self.executor.find(&lease.queue, &lease.name).await,
            (None, None) => Ok(None),
        }
    }

    /// Whether a job ended so long ago that its events have come, if they come at all.
    fn is_over(&self, report: Option<&Report>) -> bool {
        let Some(report) = report else { return true };
        let ended_at = report.ended_at.as_deref().and_then(timestamp::parse);
        matches!(report.phase, Phase::Succeeded | Phase::Failed)
            && ended_at.is_none_or(|at| self.clock.now() - at >= STALE)
    }

    /// Ends the uploads of a job that has ended: by what the job has committed, and by the failure for what it has not. Returns how
    /// many ended.
    pub(super) async fn end_of_job(
        &self,
        job: &str,
        records: Vec<InputRecord>,
        failure: &BatchFailure,
    ) -> Result<usize, Failure> {
        let all = records.len();
        // It may have been sent on its way again meanwhile.
        let is_this_job = |record: &InputRecord| record.batch_job_id.as_deref().is_none_or(|id| id == job);
        let left = self.recover(job, records).await?;
        let recovered = all - left.len();
        Ok(recovered + self.fail(&left, failure, is_this_job).await?)
    }

    /// Publishes and records what the manifests say that a job committed for uploads; returns the uploads that have not ended by
    /// that.
    pub(super) async fn recover(&self, job: &str, records: Vec<InputRecord>) -> Result<Vec<InputRecord>, Failure> {
        let mut left = Vec::new();
        for record in records {
            for event in self.committed(job, &record).await? {
                // The notice that never came, and before the record: no schedule comes again for an upload whose record says that
                // it has ended, but a notice comes until all that it means is done, such as telling the end.
                self.notices.publish(&event).await?;
                self.operation_ended(&event).await?;
            }
            let key = InputRecord::key(&record.source, &record.job_id);
            let present: Vec<Option<InputRecord>> = table::read(&self.inputs, &[key]).await?;
            left.extend(present.into_iter().flatten().filter(|record| !record.state.is_terminal()));
        }
        Ok(left)
    }

    /// The notices of what a job has committed for an upload and is not recorded, from the manifests.
    async fn committed(&self, job: &str, record: &InputRecord) -> Result<Vec<JobEvent>, Failure> {
        let bucket = &self.settings.bucket;
        let is_open = |operation: &&String| !record.results.get(*operation).is_some_and(OperationResult::is_final);
        let open: BTreeSet<&String> = record.operations.iter().filter(is_open).collect();
        let (Some(kind), false) = (record.kind, open.is_empty()) else { return Ok(Vec::new()) };
        let mut events = Vec::new();
        for operation in open {
            let Ok(parsed) = Operations::parse_for(kind, operation) else { continue };
            let key = format!("{}/{}/{MANIFEST_NAME}", record.source.key, parsed.first().folder());
            let Some(whole) = self.objects.read_whole(bucket, &key).await? else { continue };
            let manifest: Manifest = match serde_json::from_slice(&whole.bytes) {
                Ok(manifest) => manifest,
                Err(error) => {
                    tracing::warn!("s3://{bucket}/{key} is not a valid manifest: {error}");
                    continue;
                }
            };
            if is_same_version(&manifest.source, &record.source) && manifest.processing_option == *operation {
                let file = manifest_file(key, &manifest, whole);
                events.push(event_of(job, record, manifest, bucket, file));
            }
        }
        Ok(events)
    }
}

/// The partitions of uploads that are with Batch, the first another one each time.
fn partitions(now: OffsetDateTime) -> Vec<(State, String, u64)> {
    let mut partitions = Vec::new();
    for day in 0..DAYS {
        let day = timestamp::text(now - time::Duration::days(day))[..10].to_owned();
        for state in [State::Running, State::Submitted] {
            partitions.extend((0..by_state::SHARDS).map(|shard| (state, day.clone(), shard)));
        }
    }
    let first = (now.unix_timestamp().unsigned_abs() / 60) as usize % partitions.len();
    partitions.rotate_left(first);
    partitions
}

const fn is_with_batch(state: State) -> bool {
    matches!(state, State::Submitted | State::Running)
}

fn is_same_version(a: &Source, b: &Source) -> bool {
    let differ = |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
    a.bucket == b.bucket && a.key == b.key && !differ(&a.version_id, &b.version_id) && !differ(&a.etag, &b.etag)
}

/// What Batch's report means for an upload that is not committed.
fn failure_of(job: &str, report: Option<&Report>, now: OffsetDateTime) -> BatchFailure {
    let message = match report {
        None => {
            format!("Batch no longer knows job {job}, whose end was never told; pipeline redrive does the work again")
        }
        Some(report) if report.phase == Phase::Succeeded => format!(
            "Batch job {job} ended well, but its notice never came and it left no manifest of this version; pipeline redrive \
             does the work again"
        ),
        Some(report) => explain(&detail_of(job, report)),
    };
    BatchFailure {
        at: report.and_then(|report| report.ended_at.clone()).unwrap_or_else(|| timestamp::text(now)),
        batch_job_id: job.to_owned(),
        message,
        exit_code: report.and_then(|report| report.exit_code),
    }
}

/// A report in the shape of an event.
fn detail_of(job: &str, report: &Report) -> BatchJobDetail {
    BatchJobDetail {
        job_id: job.to_owned(),
        job_name: String::new(),
        status: report.status.clone(),
        status_reason: report.reason.clone(),
        attempts: Vec::new(),
        started_at: None,
        stopped_at: None,
        parameters: std::collections::HashMap::new(),
        container: Some(Container { exit_code: report.exit_code, reason: None }),
        eks_attempts: Vec::new(),
        array_properties: None,
    }
}

/// A manifest as a file of its result.
fn manifest_file(key: String, manifest: &Manifest, whole: Whole) -> Output {
    let Whole { bytes, version: Version { etag, version_id } } = whole;
    // It was made a moment before it was stored.
    let stored_at = etag.is_some().then(|| manifest.created_at.clone());
    let sha256 = contract::hexadecimal(&Sha256::digest(&bytes));
    let content_type = "application/json".to_owned();
    Output { key, size: bytes.len() as u64, sha256, content_type, etag, version_id, stored_at, ..Output::default() }
}

/// The notice that a job sent, or would have, when it committed a manifest.
fn event_of(job: &str, record: &InputRecord, manifest: Manifest, bucket: &str, file: Output) -> JobEvent {
    JobEvent {
        kind: Some(manifest.kind),
        format: Some(manifest.format),
        operation: Some(manifest.operation),
        processing_option: Some(manifest.processing_option),
        options: manifest.options,
        manifest_key: Some(file.key.clone()),
        manifest: Some(file),
        output_bucket: Some(bucket.to_owned()),
        output_count: manifest.outputs.len() as u64,
        outputs: manifest.outputs,
        process_duration: manifest.process_duration,
        usage: manifest.usage,
        finished_at: Some(manifest.created_at),
        batch_job_id: Some(job.to_owned()),
        ..JobEvent::new(record.job_id.clone(), record.source.clone(), Outcome::Succeeded)
    }
}
