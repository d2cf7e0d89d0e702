//! Three tellers, one record: the job says what it made and stored, S3 says what was deleted, Batch says what the job could not
//! say any more. They come in any order and more than once; every merge is commutative and idempotent (see
//! [`crate::input_record`] and [`crate::output_record`]).

use contract::metrics;
use contract::{BatchParameters, Failure, JobEvent, JobRequest, Manifest, Outcome, Output, list, timestamp};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::event::{BatchJobDetail, BusEvent, ObjectDetail, Trigger, of_bucket, read_as};
use crate::input_record::{BatchFailure, Lease, Timeline};
use crate::output::batch_reason::{exit_code, explain, is_for_its_parts, spoke_for_itself};
use crate::output::budget::Guarded;
use crate::output::reconcile::Swept;
use crate::output::settings::Settings;
use crate::output_record::{Made, Stored};
use crate::ports::{Clock, Notices, Objects, Ports};
use crate::table::{self, Key};
use crate::{InputRecord, OutputRecord, State, notice, reply};

/// How long the job's own events are waited for when its program ended by itself, and those of a part when its join failed
/// for it: Batch's word may overtake them.
pub(super) const GRACE: time::Duration = time::Duration::seconds(90);

/// What output needs of the world.
pub struct Recorder<P: Ports> {
    /// S3_OUTPUT and `S3_WORK`.
    pub objects: P::Objects,
    /// DYNAMODB_INPUT.
    pub inputs: P::Table,
    /// DYNAMODB_OUTPUT.
    pub outputs: P::Table,
    /// The queue of events, if they come by one.
    pub queues: P::Queues,
    /// SNS_NOTIF.
    pub notices: P::Notices,
    /// What runs the jobs: it is asked about those whose end was not told.
    pub executor: P::Executor,
    /// The clock.
    pub clock: P::Clock,
    /// What is configured.
    pub settings: Settings,
}

impl<P: Ports> Recorder<P> {
    /// Handles an invocation: an event of EventBridge, messages of the topic, messages of a queue that hold either, or the
    /// schedule of the sweep.
    pub async fn handle(&self, payload: Value) -> Result<Value, Failure> {
        match Trigger::read(payload)? {
            // The rare ways are boxed: their futures are large, and every caller's would be as large.
            Trigger::Schedule => return Box::pin(self.scheduled()).await,
            Trigger::Bus(event) => self.bus_event(&event).await?,
            Trigger::Bucket(events) => {
                for event in events {
                    self.object_event(event).await?;
                }
            }
            Trigger::Topic(texts) => {
                for text in texts {
                    self.notice(&text).await?;
                }
            }
            Trigger::Queue(messages) => {
                let each = async |body: String| self.message(&body).await;
                return Ok(reply::each_message(&self.queues, &self.clock, &messages, each).await);
            }
        }
        Ok(json!({}))
    }

    /// The schedule: money first, then what nobody told. One of the two that fails must not keep the other waiting.
    async fn scheduled(&self) -> Result<Value, Failure> {
        let guarded = if self.settings.budget.is_bound() { self.guard().await.map(Some) } else { Ok(None) };
        let swept = self.reconcile().await;
        if let Some(guarded) = guarded? {
            self.print_guarded(guarded);
        }
        swept.map(Swept::to_value)
    }

    #[expect(clippy::print_stdout, reason = "standard output is where Lambda takes logs and metrics from")]
    fn print_guarded(&self, guarded: Guarded) {
        let members = [
            ("spentToday", json!(guarded.day)),
            ("spentThisMonth", json!(guarded.month)),
            ("dispatchPaused", json!(u8::from(guarded.is_paused))),
        ];
        let members = members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        println!("{}", metrics::BUDGET.line(&self.settings.metrics_namespace, self.clock.now(), members));
    }

    /// A message of a queue: an event of a bucket or of the bus, or a notice with or without the topic's envelope.
    async fn message(&self, body: &str) -> Result<(), Failure> {
        let value: Value = serde_json::from_str(body)
            .map_err(|error| Failure::invalid_request("a message is no JSON").because(error))?;
        if let Some(events) = of_bucket(&value)? {
            for event in events {
                self.object_event(event).await?;
            }
            return Ok(());
        }
        match (value.get("detail-type"), value.get("Message").and_then(Value::as_str)) {
            (Some(_), _) => self.bus_event(&value).await,
            (None, Some(text)) => self.notice(text).await,
            (None, None) => self.notice(body).await,
        }
    }

    async fn bus_event(&self, event: &Value) -> Result<(), Failure> {
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        match (text("source"), text("detail-type")) {
            ("aws.s3", "Object Created" | "Object Deleted") => self.object_event(read_as(event)?).await,
            ("aws.batch", "Batch Job State Change") => self.batch(read_as(event)?).await,
            (source, what) => {
                Err(Failure::invalid_request(format!("{what:?} of {source} is not for output; check the event rules")))
            }
        }
    }

    /// S3 tells of an upload that was deleted, or of an output: that it was deleted, or (in a bucket of somebody else's, or from before
    /// jobs told of it) stored.
    async fn object_event(&self, event: BusEvent<ObjectDetail>) -> Result<(), Failure> {
        let deleted = event.detail_type == "Object Deleted";
        let (bucket, object) = (&event.detail.bucket.name, &event.detail.object);
        if deleted && self.settings.uploads.as_ref() == Some(bucket) {
            return Box::pin(self.upload_deleted(&event)).await;
        }
        if *bucket != self.settings.bucket {
            return Err(Failure::invalid_request(format!(
                "an event of bucket {bucket} is not for output, which takes those of {}; check the event rule",
                self.settings.bucket
            )));
        }
        let stored = Stored::of(&event.detail, &event.time, deleted);
        let merge = |_: &Key, record: Option<OutputRecord>| {
            let mut record = record.unwrap_or_else(|| self.new_output(bucket, &object.key));
            record.stored(stored.clone());
            Some(record)
        };
        let keys = [OutputRecord::key(bucket, &object.key)];
        table::update(&self.outputs, &self.clock, &keys, merge).await.map(drop)
    }

    /// A job tells how an operation ended: first its outputs are recorded, then that it has ended.
    async fn notice(&self, text: &str) -> Result<(), Failure> {
        let event: JobEvent = serde_json::from_str(text).map_err(|error| {
            Failure::invalid_request("a message of the topic is not a valid job event").because(error)
        })?;
        // A file that somebody worked on by hand is not an upload of a bucket.
        if event.source.bucket.is_none() != self.settings.is_local() {
            return Ok(());
        }
        // The control plane has recorded what its own notices tell, or is about to.
        if event.operation.is_none() {
            return Box::pin(self.ended_elsewhere(&event)).await;
        }
        self.operation_ended(&event).await
    }

    /// Records how an operation ended.
    pub(super) async fn operation_ended(&self, event: &JobEvent) -> Result<(), Failure> {
        if event.outcome == Outcome::Succeeded
            && event.output_bucket.as_deref().unwrap_or_default() == self.settings.bucket
        {
            self.made(event).await?;
        }
        let key = InputRecord::key(&event.source, &event.job_id);
        let now = self.clock.now();
        let merge = |_: &Key, record: Option<InputRecord>| {
            let mut record = record.unwrap_or_else(|| InputRecord::new(&event.job_id, &event.source));
            record.operation_ended(event);
            record.conclude(now, self.settings.record_days);
            Some(record)
        };
        let written = table::update(&self.inputs, &self.clock, std::slice::from_ref(&key), merge).await?;
        self.measure(now, &written);
        if !written.is_empty() {
            self.spend(event).await;
        }
        let is_deleted = written.iter().any(|record| record.source_deleted_at.is_some());
        if self.settings.uploads.is_none() && !self.settings.tells_ends && !is_deleted {
            return Ok(());
        }
        // A repetition changes nothing, and comes because something after the record failed.
        let record = match written.into_iter().next() {
            Some(record) => Some(record),
            None => table::read::<InputRecord>(&self.inputs, &[key]).await?.into_iter().flatten().next(),
        };
        let Some(record) = record else { return Ok(()) };
        Box::pin(self.delete_if_upload_is(event, &record)).await?;
        Box::pin(self.tell_ended(&record)).await
    }

    /// Deletes what a job has made of an upload that was deleted meanwhile.
    async fn delete_if_upload_is(&self, event: &JobEvent, record: &InputRecord) -> Result<(), Failure> {
        let Some(at) = record.source_deleted_at.clone() else { return Ok(()) };
        if event.outcome != Outcome::Succeeded {
            return Ok(());
        }
        let keys = self.all_outputs(event).await?.into_iter().map(|output| output.key);
        self.delete_results(&event.job_id, &at, keys.chain(event.manifest_key.clone()), true).await
    }

    /// Records every output of an operation.
    async fn made(&self, event: &JobEvent) -> Result<(), Failure> {
        let bucket = &self.settings.bucket;
        let outputs = self.all_outputs(event).await?;
        let mut made: Vec<(Key, &str, Made, Option<Stored>)> = Vec::with_capacity(outputs.len() + 1);
        for output in outputs.iter().chain(&event.manifest) {
            let (key, stored) = (OutputRecord::key(bucket, &output.key), Stored::of_output(output));
            made.push((key, &output.key, Made::of(event, output), stored));
        }
        if let Some(key) = event.manifest_key.as_ref().filter(|_| event.manifest.is_none()) {
            made.push((OutputRecord::key(bucket, key), key, Made::of_manifest(event, "application/json"), None));
        }
        made.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        let keys: Vec<Key> = made.iter().map(|(key, ..)| key.clone()).collect();
        let merge = |key: &Key, record: Option<OutputRecord>| {
            let position = made.binary_search_by(|(each, ..)| each.cmp(key)).ok()?;
            let (_, name, made, stored) = &made[position];
            let mut record = record.unwrap_or_else(|| self.new_output(bucket, name));
            record.told(made.clone(), stored.clone());
            Some(record)
        };
        table::update(&self.outputs, &self.clock, &keys, merge).await?;
        Ok(())
    }

    /// The outputs of an event, from the manifest where the message could not hold them all.
    async fn all_outputs(&self, event: &JobEvent) -> Result<Vec<Output>, Failure> {
        if event.outputs.len() as u64 >= event.output_count {
            return Ok(event.outputs.clone());
        }
        let Some(key) = &event.manifest_key else { return Ok(event.outputs.clone()) };
        let location = format!("s3://{}/{key}", self.settings.bucket);
        let Some(text) = self.objects.read(&self.settings.bucket, key).await? else {
            tracing::warn!("{location} is gone: only the outputs of the message are recorded");
            return Ok(event.outputs.clone());
        };
        let manifest: Manifest = serde_json::from_slice(&text)
            .map_err(|error| Failure::internal(format!("{location} is not a valid manifest")).because(error))?;
        Ok(manifest.outputs)
    }

    fn measure(&self, now: OffsetDateTime, written: &[InputRecord]) {
        if !self.settings.is_local() {
            print_metrics(&self.settings.metrics_namespace, now, written);
        }
    }

    pub(super) fn new_output(&self, bucket: &str, key: &str) -> OutputRecord {
        OutputRecord::new(bucket, key, self.settings.delivery.as_ref())
    }

    /// Batch tells that a job began or failed. How it succeeded is told by its own events.
    async fn batch(&self, event: BusEvent<BatchJobDetail>) -> Result<(), Failure> {
        let job = &event.detail;
        // A job without a list was submitted by hand; an array's parent did no work itself. The rule delivers these two
        // states only: the others say nothing that is recorded.
        if !matches!(job.status.as_str(), "RUNNING" | "FAILED") || job.is_array_parent() {
            return Ok(());
        }
        let Some(parameters) = BatchParameters::from_map(&job.parameters) else { return Ok(()) };
        let requests = self.requests_of(job, &parameters).await?;
        let keys: Vec<Key> =
            requests.iter().map(|request| InputRecord::key(&request.source, &request.job_id)).collect();
        let is_this_job = |record: &InputRecord| {
            let is_leased = |name: &dyn Fn(&Lease) -> bool| record.lease.as_ref().is_some_and(name);
            // The name of an array of parts is its lease's alone.
            is_leased(&|lease| lease.parts_name() == job.job_name)
                || record
                    .batch_job_id
                    .as_deref()
                    .map_or_else(|| is_leased(&|lease| lease.name == job.job_name), |id| id == job.submitted_id())
        };
        let now = self.clock.now();
        if job.status == "RUNNING" {
            let started = job.started_at.and_then(timestamp::text_of_milliseconds);
            let started = started.unwrap_or_else(|| timestamp::normal(&event.time));
            let merge = |_: &Key, record: Option<InputRecord>| {
                let mut record = record.filter(is_this_job)?;
                record.batch_started(&started);
                record.conclude(now, self.settings.record_days);
                Some(record)
            };
            table::update(&self.inputs, &self.clock, &keys, merge).await?;
            return Ok(());
        }
        let keys = Box::pin(self.fall_back(job, &requests, is_this_job)).await?;
        Box::pin(self.batch_failed(&event, &keys, now, is_this_job)).await
    }

    async fn batch_failed(
        &self,
        event: &BusEvent<BatchJobDetail>,
        keys: &[Key],
        now: OffsetDateTime,
        is_this_job: impl Fn(&InputRecord) -> bool + Send + Sync,
    ) -> Result<(), Failure> {
        let job = &event.detail;
        let failure = BatchFailure {
            at: job
                .stopped_at
                .and_then(timestamp::text_of_milliseconds)
                .unwrap_or_else(|| timestamp::normal(&event.time)),
            batch_job_id: job.submitted_id().to_owned(),
            message: explain(job),
            exit_code: exit_code(job),
        };
        let records: Vec<Option<InputRecord>> = table::read(&self.inputs, keys).await?;
        let is_open = |record: &InputRecord| !record.state.is_terminal() && is_this_job(record);
        let open: Vec<InputRecord> = records.into_iter().flatten().filter(is_open).collect();
        if open.is_empty() {
            return Ok(());
        }
        let told = timestamp::parse(&event.time).unwrap_or(now);
        let may_be_told = spoke_for_itself(job) || is_for_its_parts(job);
        if may_be_told && now - told < GRACE && !self.settings.is_local() {
            return Err(Failure::temporary(format!(
                "{} of {} objects of Batch job {} have not told how they ended; waiting for that",
                open.len(),
                keys.len(),
                job.job_id
            )));
        }
        // What the job committed and nobody was told of is no failure.
        let open = if self.settings.is_local() { open } else { self.recover(job.submitted_id(), open).await? };
        self.fail(&open, &failure, is_this_job).await.map(drop)
    }

    /// Ends uploads by the failure of their job, unless they have ended; returns how many ended by that. What is recorded has
    /// been told.
    pub(super) async fn fail(
        &self,
        open: &[InputRecord],
        failure: &BatchFailure,
        is_this_job: impl Fn(&InputRecord) -> bool + Send + Sync,
    ) -> Result<usize, Failure> {
        let now = self.clock.now();
        let merge = |record: InputRecord| {
            let mut record = Some(record).filter(|record| !record.state.is_terminal() && is_this_job(record))?;
            record.batch_failed(failure.clone());
            record.conclude(now, self.settings.record_days);
            Some(record)
        };
        let ended: Vec<InputRecord> = open.iter().cloned().filter_map(merge).collect();
        self.record_leftovers(&ended).await?;
        for record in &ended {
            self.notices.publish(&notice::of(record, &self.clock)).await?;
        }
        let keys: Vec<Key> = ended.iter().map(|record| InputRecord::key(&record.source, &record.job_id)).collect();
        let merge = |_: &Key, record: Option<InputRecord>| record.and_then(merge);
        let written = table::update(&self.inputs, &self.clock, &keys, merge).await?;
        self.measure(now, &written);
        Ok(written.len())
    }

    /// The requests that a job (or an array's child) took from its list.
    async fn requests_of(
        &self,
        job: &BatchJobDetail,
        parameters: &BatchParameters,
    ) -> Result<Vec<JobRequest>, Failure> {
        let (bucket, list) = (&self.settings.work_bucket, &parameters.list);
        let Some(text) = self.objects.read(bucket, list).await? else {
            return Err(Failure::input_not_found(format!(
                "list s3://{bucket}/{list} of Batch job {} not found: it is not known which objects the job was for",
                job.job_id
            )));
        };
        let mut requests = contract::read_list(&text, &format!("s3://{bucket}/{list}"))?;
        let children = parameters.children;
        // The children of an array of parts all work on the whole list.
        let child = if children == 1 { 0 } else { job.array_index().unwrap_or_default() };
        let range = list::slice(requests.len(), children, child);
        Ok(requests.drain(range).collect())
    }
}

/// Prints the metrics of records that have ended just now to standard output, which is where Lambda takes its log from.
#[expect(clippy::print_stdout, reason = "standard output is where Lambda takes logs and metrics from")]
fn print_metrics(namespace: &str, now: OffsetDateTime, written: &[InputRecord]) {
    let now_text = timestamp::text(now);
    for record in written.iter().filter(|record| record.timeline.recorded_at.as_ref() == Some(&now_text)) {
        // How long a failure took is in the line, and no metric that anybody reads.
        let is_timed = record.state == State::Succeeded;
        let timed = is_timed.then_some(&metrics::TURNAROUND);
        let families: Vec<&metrics::Family> = std::iter::once(&metrics::UPLOADS).chain(timed).collect();
        println!("{}", metrics::line_of(&families, namespace, now, members(record)));
    }
}

/// Milliseconds of an upload's turnaround and of its parts, as far as both ends are known.
pub(super) fn spans(timeline: &Timeline) -> impl Iterator<Item = (String, u64)> {
    let spans = [
        ("turnaround", &timeline.uploaded_at, &timeline.recorded_at),
        ("classify", &timeline.uploaded_at, &timeline.classified_at),
        ("queue", &timeline.queued_at, &timeline.submitted_at),
        ("start", &timeline.submitted_at, &timeline.started_at),
        ("fetch", &timeline.started_at, &timeline.fetched_at),
        ("process", &timeline.fetched_at, &timeline.processed_at),
        ("store", &timeline.processed_at, &timeline.stored_at),
        ("record", &timeline.stored_at, &timeline.recorded_at),
    ];
    spans.into_iter().filter_map(|(name, from, to)| {
        let milliseconds = timestamp::between(from.as_deref(), to.as_deref())?;
        Some((name.to_owned(), u64::try_from(milliseconds).unwrap_or_default()))
    })
}

/// The members of a record's line of metrics.
fn members(record: &InputRecord) -> Map<String, Value> {
    let facts = [
        ("kind", Value::from(record.kind.map_or("unknown", catalog::MediaKind::name))),
        ("state", Value::from(record.state.name())),
        ("jobId", Value::from(record.job_id.as_str())),
        ("key", Value::from(record.source.key.as_str())),
        ("uploads", Value::from(1)),
        ("inputBytes", Value::from(record.source.size)),
        ("share", json!(record.share)),
        ("compute", json!(record.computes())),
        ("estimatedCost", json!(record.usage().and_then(|usage| usage.estimated_cost))),
    ];
    let facts = facts.into_iter().map(|(name, value)| (name.to_owned(), value));
    facts.chain(spans(&record.timeline).map(|(name, milliseconds)| (name, milliseconds.into()))).collect()
}
