//! The whole pipeline on one machine: the handlers of classify, dispatch and output over the local ports, and the loop that
//! brings them what AWS would: an upload's event to classify, a queue's messages to dispatch, a job's word to output.
//!
//! Everything that is under way is in SQLite, so that a run may be killed at any moment: the next one finds the messages,
//! the jobs and the versions of the files, and goes on. All of it happens on one task; what takes time are the operations,
//! in processes of their own.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use catalog::{PerKind, Rules};
use contract::{Failure, FailureKind, JobEvent, JobRequest, Location, Outcome, Source, timestamp};
use control::classify::handler::{Arrival, Classifier, Decision};
use control::dispatch::handler::Dispatcher;
use control::dispatch::{
    packing::Packing,
    resources::{Bounds, Compute},
};
use control::event::QueueMessage;
use control::output::handler::Recorder;
use control::ports::{Clock, Objects, Phase, Ports};
use control::{InputRecord, classify, dispatch, identity, output, table};
use futures::stream::{FuturesOrdered, FuturesUnordered, StreamExt, TryStreamExt};
use managed::Managed;
use operation::{Job, Share};
use runner::{Parts, Runner, Work};
use sandbox::Limits;
use serde_json::{Value, json};
use store::{Aws, Publisher, Store, StoreOptions};
use tokio::sync::{Notify, Semaphore};

use crate::clock::SystemClock;
use crate::database::Database;
use crate::inbox::{Inbox, InboxFile};
use crate::notices::FileNotices;
use crate::objects::{FolderObjects, WORK};
use crate::observer::Observer;
use crate::outbox::{EVENTS, Outbox, records_of};
use crate::pool::{PoolJob, WorkerPool};
use crate::queues::SqliteQueues;
use crate::table::{INPUTS, OUTPUTS, SqliteTable};
use crate::versions::Versions;

/// For each worker: one file being read, one being worked on, one being stored.
const FILES_PER_WORKER: usize = 3;

/// How often a job is tried whose files failed by something temporary.
const TRIES: u32 = 3;

/// How long the loop waits if nothing happens in this process: another one may have sent a message.
const LOOK: Duration = Duration::from_secs(1);

/// Days after which a record of an earlier version may be forgotten.
const RECORD_DAYS: u64 = 3650;

/// What a run is told.
pub struct Configuration {
    /// The kinds that this program can work on.
    pub jobs: &'static [Job],
    /// Processing-options by key.
    pub rules: Rules,
    /// What a worker may use.
    pub limits: Limits,
    /// How many operations are worked on at a time.
    pub workers: usize,
    /// How long a file must not have changed before it is taken, and the time between two looks at the inbox; `None` for
    /// one look.
    pub watch: Option<Duration>,
}

/// The local side of every port.
#[derive(Debug, Clone, Copy)]
pub struct Local;

impl Ports for Local {
    type Objects = FolderObjects;
    type Table = SqliteTable;
    type Queues = SqliteQueues;
    type Notices = FileNotices;
    type Executor = WorkerPool;
    type Clock = SystemClock;
}

/// What files looked like when they were looked at, by key.
type Looks = HashMap<String, (u64, SystemTime)>;

/// The pipeline over an inbox and an outbox.
pub struct System<'a> {
    outbox: &'a Outbox,
    inbox: Inbox,
    configuration: Configuration,
    observer: Arc<dyn Observer>,
    classifier: Classifier<Local>,
    dispatcher: Dispatcher<Local>,
    recorder: Recorder<Local>,
    inputs: SqliteTable,
    queues: SqliteQueues,
    pool: WorkerPool,
    versions: Versions,
    objects: FolderObjects,
    runner: Runner,
    publisher: Publisher,
    /// Limits the files that are being read, worked on or stored.
    places: Semaphore,
    capacity: usize,
    /// Files of jobs that have not ended.
    under_way: AtomicUsize,
    /// A file of a job has ended.
    freed: Notify,
    /// Uploads of this run that have not ended, by job id.
    awaited: Mutex<HashMap<String, Source>>,
}

impl<'a> System<'a> {
    /// The pipeline over an inbox and an outbox, as an earlier run has left it.
    pub fn open(
        inbox: &Path,
        outbox: &'a Outbox,
        configuration: Configuration,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Failure> {
        let inbox = Inbox::new(inbox, outbox.root())?;
        let database = Database::open(&records_of(outbox.root()))?;
        database.set_inbox(inbox.root())?;
        let (inputs, queues, pool) =
            (SqliteTable::new(&database, INPUTS), SqliteQueues::new(&database), WorkerPool::new(&database));
        let publisher = Publisher::to_file(&outbox.root().join(EVENTS))?;
        let notices = FileNotices::new(publisher.clone(), Arc::clone(&observer));
        let objects = FolderObjects::new(inbox.clone(), outbox.root().to_owned(), outbox.work());
        let classifier = Classifier {
            objects: objects.clone(),
            records: inputs.clone(),
            queues: queues.clone(),
            notices: notices.clone(),
            clock: SystemClock,
            settings: classify_settings(configuration.rules.clone()),
        };
        let dispatcher = Dispatcher {
            objects: objects.clone(),
            records: inputs.clone(),
            queues: queues.clone(),
            notices: notices.clone(),
            executor: pool.clone(),
            clock: SystemClock,
            settings: dispatch_settings(),
        };
        let recorder = Recorder {
            objects: objects.clone(),
            inputs: inputs.clone(),
            outputs: SqliteTable::new(&database, OUTPUTS),
            queues: queues.clone(),
            notices,
            executor: pool.clone(),
            clock: SystemClock,
            settings: output_settings(),
        };
        let aws = Aws::default();
        let runner = Runner {
            jobs: configuration.jobs,
            store: Store::new(aws.clone(), StoreOptions::default()),
            publisher: publisher.clone(),
            limits: configuration.limits.clone(),
            scratch: outbox.scratch(),
            output: Location::Local(outbox.root().to_owned()),
            skip_committed: true,
            parts: None,
            is_single: false,
            shares: 1,
            memory: configuration.limits.memory,
            prices: None,
            managed: Managed::new(aws.clone())?,
            aws,
            compute: contract::Compute::Local,
            jail: contract::Jail::Filter,
            workers: Arc::new(Semaphore::new(configuration.workers)),
        };
        let capacity = configuration.workers * FILES_PER_WORKER;
        Ok(Self {
            outbox,
            inbox,
            observer,
            classifier,
            dispatcher,
            recorder,
            inputs,
            queues,
            pool,
            versions: Versions::new(&database),
            objects,
            runner,
            publisher,
            places: Semaphore::new(capacity),
            capacity,
            under_way: AtomicUsize::new(0),
            freed: Notify::new(),
            awaited: Mutex::default(),
            configuration,
        })
    }

    /// Runs until every file of the inbox has ended; forever if it watches the inbox.
    pub async fn run(&self) -> Result<(), Failure> {
        self.queues.release()?;
        self.pool.resume()?;
        let mut arrivals = Box::pin(self.arrivals());
        let mut has_arrived = false;
        let mut jobs = FuturesUnordered::new();
        loop {
            for (job, requests) in Box::pin(self.dispatch()).await? {
                jobs.push(self.work_through(job, requests));
            }
            let next = self.queues.next(&self.dispatcher.settings.queues)?;
            if has_arrived && jobs.is_empty() && next.is_none() {
                break;
            }
            let has_room = self.room() > 0;
            tokio::select! {
                arrived = &mut arrivals, if !has_arrived => {
                    arrived?;
                    has_arrived = true;
                }
                Some(ended) = jobs.next() => ended?,
                () = self.queues.sent(), if has_room => {}
                () = self.freed.notified() => {}
                () = tokio::time::sleep(next.unwrap_or(LOOK).clamp(Duration::from_millis(1), LOOK)), if has_room => {}
            }
        }
        self.finish().await
    }

    /// Takes every file of the inbox to classify, and the new and changed ones for as long as it watches.
    async fn arrivals(&self) -> Result<(), Failure> {
        let files = self.inbox.scan()?;
        self.arrive_all(&files).await?;
        let Some(interval) = self.configuration.watch else { return Ok(()) };
        let mut done = looks_of(&files);
        let mut seen = Looks::new();
        loop {
            tokio::time::sleep(interval).await;
            let files = self.inbox.scan()?;
            // A file that has changed since the last look may be a copy that is still going on.
            let is_ready = |file: &&InboxFile| {
                let now = Some(&(file.size, file.modified));
                seen.get(&file.key) == now && done.get(&file.key) != now
            };
            let ready: Vec<InboxFile> = files.iter().filter(is_ready).cloned().collect();
            seen = looks_of(&files);
            done.extend(looks_of(&ready));
            self.arrive_all(&ready).await?;
        }
    }

    async fn arrive_all(&self, files: &[InboxFile]) -> Result<(), Failure> {
        if files.is_empty() {
            return Ok(());
        }
        self.observer.expected(files.len());
        let unfinished = self.pool.unfinished()?;
        for file in files {
            Box::pin(self.arrive(file, &unfinished)).await?;
            // Nothing here waits, and others have work to do.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Brings a file to classify, unless its version has succeeded in an earlier run. One that has failed or was refused is
    /// an upload anew: its options are read again, and it may go well this time.
    async fn arrive(&self, file: &InboxFile, unfinished: &HashSet<String>) -> Result<(), Failure> {
        let location = Location::Local(file.path.clone());
        // A file that cannot be read is for classify to tell.
        let etag = self.runner.store.head(&location).await.ok().and_then(|version| version.etag);
        let key = &file.key;
        let version = self.inbox.version_of(key, etag.as_deref().unwrap_or_default(), &self.configuration.rules)?;
        let source = Source { bucket: None, key: key.clone(), version_id: None, etag, size: file.size };
        let known = self.versions.last(key)?.filter(|seen| seen.version == version);
        if let Some(seen) = &known
            && let Some(record) = self.record_of(&source, &identity::job_id(&source, Some(&seen.sequencer))).await?
        {
            if matches!(record.state, control::State::Succeeded | control::State::Cancelled) {
                self.observer.ended(&record);
                return Ok(());
            }
            let is_lost = record.batch_job_id.as_ref().is_some_and(|id| !unfinished.contains(id));
            if !record.state.is_terminal() && !is_lost {
                return self.classify(source, &seen.sequencer, seen.at).await;
            }
        } else if let Some(seen) = &known {
            return self.classify(source, &seen.sequencer, seen.at).await;
        }
        let now = (SystemClock.now().unix_timestamp_nanos() / 1_000_000) as i64;
        let seen = self.versions.see(key, version, now)?;
        self.classify(source, &seen.sequencer, seen.at).await
    }

    async fn classify(&self, source: Source, sequencer: &str, at: i64) -> Result<(), Failure> {
        let arrival = Arrival {
            job_id: identity::job_id(&source, Some(sequencer)),
            uploaded_at: timestamp::text_of_milliseconds(at).unwrap_or_default(),
            source,
            operator_option: None,
        };
        let is_over = match Box::pin(self.classifier.classify(&arrival)).await? {
            Decision::Queued(_) => false,
            Decision::Refused(state) | Decision::Known(state) => state.is_terminal(),
        };
        let Arrival { source, job_id, .. } = arrival;
        self.awaited().insert(job_id.clone(), source.clone());
        if is_over { self.conclude(&source, &job_id).await } else { Ok(()) }
    }

    /// How many more files may be given to jobs. What waits in the queues can be packed; what is in a job cannot.
    fn room(&self) -> usize {
        self.capacity.saturating_sub(self.under_way.load(Ordering::Relaxed)).min(table::MAX_ITEMS)
    }

    /// Gives messages to dispatch as long as there is room for more files, and returns the jobs that came of them.
    async fn dispatch(&self) -> Result<Vec<(PoolJob, Vec<JobRequest>)>, Failure> {
        let mut jobs = self.submitted().await?;
        for (_, queue) in self.dispatcher.settings.queues.iter() {
            while self.room() > 0 {
                let received = self.queues.receive(queue, self.room())?;
                if received.is_empty() {
                    break;
                }
                let answer = Box::pin(self.dispatcher.handle(queue_event(&received))).await?;
                self.queues.acknowledge(&received, &answer)?;
                jobs.extend(self.submitted().await?);
            }
        }
        Ok(jobs)
    }

    /// The jobs that were submitted since this was last asked, with their requests.
    async fn submitted(&self) -> Result<Vec<(PoolJob, Vec<JobRequest>)>, Failure> {
        let mut jobs = Vec::new();
        while let Some(job) = self.pool.take() {
            let Some(text) = self.objects.read(WORK, job.list()).await? else {
                // A power failure may have kept it from the disk. Its files are found again by the next look at them.
                self.pool.set_phase(&job.name, Phase::Failed, Some("its list of requests is gone"))?;
                continue;
            };
            let requests = contract::read_list(&text, job.list())?;
            self.under_way.fetch_add(requests.len(), Ordering::Relaxed);
            jobs.push((job, requests));
        }
        Ok(jobs)
    }

    /// One job to its end.
    async fn work_through(&self, job: PoolJob, requests: Vec<JobRequest>) -> Result<(), Failure> {
        let load = Load { system: self, files: AtomicUsize::new(requests.len()) };
        self.work_through_all(&job, &requests, &load).await?;
        drop(load);
        let list = self.outbox.work().join(job.list());
        // The job that does the parts leaves the list to the one that joins them.
        let is_done = job.share.as_ref().is_none_or(|share| share.is_join);
        if is_done && list.exists() {
            fs_err::remove_file(list)?;
        }
        // Most have been told of as they ended: those that are left failed by something temporary, or in parts.
        let is_left = |request: &&JobRequest| is_done && self.awaited().contains_key(&request.job_id);
        for request in requests.iter().filter(is_left) {
            self.conclude(&request.source, &request.job_id).await?;
        }
        Ok(())
    }

    async fn work_through_all(&self, job: &PoolJob, requests: &[JobRequest], load: &Load<'_>) -> Result<(), Failure> {
        if let Some(after) = &job.after
            && self.pool.wait_for(after).await? == Phase::Failed
        {
            return self.fail(job, "Dependent job failed", None).await;
        }
        self.pool.set_phase(&job.name, Phase::Running, None)?;
        self.recorder.handle(Self::job_event(job, "RUNNING", None, None)).await?;
        // Long work that is shared has one request, and as many parts as it has children in Batch.
        let parts = job.share.as_ref().filter(|share| !share.is_join).map_or(1, |share| share.count);
        let mut todo: Vec<(&JobRequest, u32)> =
            requests.iter().flat_map(|request| (0..parts).map(move |part| (request, part))).collect();
        let mut code = 0;
        for attempt in 0..TRIES {
            tokio::time::sleep(Duration::from_secs(u64::from(attempt))).await;
            let ended = todo.iter().map(|(request, part)| self.work(job, request, *part, load));
            let codes: Vec<u8> = ended.collect::<FuturesOrdered<_>>().try_collect().await?;
            let temporary = FailureKind::Temporary.exit_code();
            code = codes
                .iter()
                .copied()
                .find(|code| *code == temporary)
                .unwrap_or_else(|| codes.iter().copied().find(|code| *code != 0).unwrap_or_default());
            todo = todo.into_iter().zip(&codes).filter(|(_, code)| **code == temporary).map(|(each, _)| each).collect();
            if todo.is_empty() {
                break;
            }
        }
        if let Some((Phase::Failed, reason)) = self.pool.phase(&job.name)? {
            return self.fail(job, reason.as_deref().unwrap_or("cancelled"), None).await;
        }
        if code != 0 && (!todo.is_empty() || job.share.is_some()) {
            return self.fail(job, "the work ended with a failure", Some(code)).await;
        }
        self.pool.set_phase(&job.name, Phase::Succeeded, None)?;
        if let Some(share) = job.share.as_ref().filter(|share| share.is_join) {
            let parts = self.parts_folder(&share.location);
            if parts.exists() {
                fs_err::remove_dir_all(parts)?;
            }
        }
        Ok(())
    }

    /// A job has failed: output says so of every file that has not ended.
    async fn fail(&self, job: &PoolJob, reason: &str, exit_code: Option<u8>) -> Result<(), Failure> {
        self.recorder.handle(Self::job_event(job, "FAILED", Some(reason), exit_code)).await?;
        self.pool.set_phase(&job.name, Phase::Failed, Some(reason))
    }

    /// One file of a job, or one part of the work on it. Returns the exit code that a job's program would end with.
    async fn work(&self, job: &PoolJob, request: &JobRequest, part: u32, load: &Load<'_>) -> Result<u8, Failure> {
        let _place = self.places.acquire().await.map_err(|_| Failure::internal("shutting down"))?;
        if matches!(self.pool.phase(&job.name)?, Some((Phase::Failed, _))) {
            return Ok(FailureKind::Temporary.exit_code());
        }
        let work = match self.work_of(request) {
            Ok(work) => work,
            Err(failure) => {
                // Asked for by an earlier version of this program. Nobody else can do it, and the others must go on.
                self.pool.set_phase(&job.name, Phase::Failed, Some(&failure.to_string()))?;
                return Ok(failure.kind().exit_code());
            }
        };
        let key = &work.key;
        let shared;
        let runner = match &job.share {
            None => {
                self.outbox.clear_leftovers(key, &work.operations)?;
                &self.runner
            }
            Some(share) => {
                let location = Location::Local(self.parts_folder(&share.location));
                let count = share.count;
                let share = if share.is_join { Share::Merge { count } } else { Share::Shard { index: part, count } };
                shared = self.sharing(Parts { share, location });
                &shared
            }
        };
        let progress = self.observer.started(key);
        let ended = runner.run(&work, &progress).await;
        self.observer.stopped(key);
        let code = ended.exit_code();
        if let Some(failure) = ended.unpublished {
            return Err(failure.context(EVENTS));
        }
        let is_part = job.share.as_ref().is_some_and(|share| !share.is_join);
        for event in ended.events.iter().filter(|event| !is_part || event.error.is_some()) {
            self.observer.told(event);
            Box::pin(self.record(job, event)).await?;
        }
        if job.share.is_none() && code != FailureKind::Temporary.exit_code() {
            load.release(1);
            self.conclude(&request.source, &request.job_id).await?;
        }
        Ok(code)
    }

    fn work_of(&self, request: &JobRequest) -> Result<Work, Failure> {
        Ok(Work {
            job_id: request.job_id.clone(),
            source: self.inbox.location_of(&request.source.key)?,
            key: request.source.key.clone(),
            etag: request.source.etag.clone(),
            operations: request.operations()?.clone(),
            run: None,
        })
    }

    /// The runner for a share of long work.
    fn sharing(&self, parts: Parts) -> Runner {
        Runner {
            jobs: self.runner.jobs,
            store: self.runner.store.clone(),
            publisher: self.publisher.clone(),
            limits: self.runner.limits.clone(),
            scratch: self.runner.scratch.clone(),
            output: self.runner.output.clone(),
            skip_committed: true,
            parts: Some(parts),
            is_single: false,
            shares: 1,
            memory: self.runner.memory,
            prices: None,
            managed: self.runner.managed.clone(),
            aws: self.runner.aws.clone(),
            compute: contract::Compute::Local,
            jail: contract::Jail::Filter,
            workers: Arc::clone(&self.runner.workers),
        }
    }

    /// The folder of parts that a command names by its URL in the bucket of work.
    fn parts_folder(&self, url: &str) -> std::path::PathBuf {
        self.outbox.work().join(url.trim_start_matches(&format!("s3://{WORK}/")))
    }

    /// Brings output what a job published, and what S3 would tell of its outputs.
    async fn record(&self, job: &PoolJob, event: &JobEvent) -> Result<(), Failure> {
        let mut told = event.clone();
        told.batch_job_id = Some(job.name.clone());
        let text = serde_json::to_string(&told).map_err(|error| Failure::internal("an event").because(error))?;
        self.recorder.handle(json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text}}]})).await?;
        if event.outcome == Outcome::Succeeded {
            self.outbox.clear_replaced(event)?;
        }
        Ok(())
    }

    /// What Batch would tell of a job.
    fn job_event(job: &PoolJob, status: &str, reason: Option<&str>, exit_code: Option<u8>) -> Value {
        let now = SystemClock.now();
        let milliseconds = (now.unix_timestamp_nanos() / 1_000_000) as i64;
        json!({
            "source": "aws.batch", "detail-type": "Batch Job State Change", "time": timestamp::text(now),
            "detail": {
                "jobId": job.name, "jobName": job.name, "status": status, "statusReason": reason,
                "parameters": job.parameters, "startedAt": milliseconds, "stoppedAt": milliseconds,
                "container": exit_code.map(|code| json!({"exitCode": code})),
            },
        })
    }

    /// Says that an upload has ended, once.
    async fn conclude(&self, source: &Source, job_id: &str) -> Result<(), Failure> {
        let Some(record) = self.record_of(source, job_id).await? else { return Ok(()) };
        if record.state.is_terminal() {
            if self.awaited().remove(job_id).is_none() {
                // Of an earlier run, and no longer in the inbox, or not yet seen there.
                self.observer.expected(1);
            }
            self.observer.ended(&record);
        }
        Ok(())
    }

    /// Nothing is under way any more.
    async fn finish(&self) -> Result<(), Failure> {
        let left: Vec<(String, Source)> = self.awaited().drain().collect();
        for (job_id, source) in left {
            if let Some(record) = self.record_of(&source, &job_id).await? {
                self.observer.ended(&record);
            }
        }
        self.pool.forget_ended()?;
        self.inputs.expire(SystemClock.now().unix_timestamp())?;
        Ok(())
    }

    async fn record_of(&self, source: &Source, job_id: &str) -> Result<Option<InputRecord>, Failure> {
        let records = table::read(&self.inputs, &[InputRecord::key(source, job_id)]).await?;
        Ok(records.into_iter().flatten().next())
    }

    fn awaited(&self) -> std::sync::MutexGuard<'_, HashMap<String, Source>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn looks_of(files: &[InboxFile]) -> Looks {
    files.iter().map(|file| (file.key.clone(), (file.size, file.modified))).collect()
}

/// The files of a job that have not ended. What is left is given back when the job has ended, however it did.
struct Load<'a> {
    system: &'a System<'a>,
    files: AtomicUsize,
}

impl Load<'_> {
    fn release(&self, files: usize) {
        self.files.fetch_sub(files, Ordering::Relaxed);
        self.system.under_way.fetch_sub(files, Ordering::Relaxed);
        self.system.freed.notify_one();
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        self.release(self.files.load(Ordering::Relaxed));
    }
}

/// The name of each kind's queue.
pub fn queue_names() -> PerKind<String> {
    PerKind::from_fn(|kind| kind.queue_variable().to_owned())
}

/// The name of each kind's dead-letter queue.
pub fn dead_letter_queue_names() -> PerKind<String> {
    PerKind::from_fn(|kind| kind.dead_letter_queue_variable().to_owned())
}

/// What is configured for classify.
pub fn classify_settings(rules: Rules) -> classify::settings::Settings {
    classify::settings::Settings {
        bucket: String::new(),
        queues: queue_names(),
        // Everything is fast here.
        fast_queues: PerKind::default(),
        fast_most: Duration::ZERO,
        rules,
        record_days: RECORD_DAYS,
        shares: control::share::Shares::default(),
        // Each run looks through the inbox itself.
        walk_pages: 0,
    }
}

fn dispatch_settings() -> dispatch::settings::Settings {
    dispatch::settings::Settings {
        queues: queue_names(),
        dead_letter_queues: dead_letter_queue_names(),
        job_queues: PerKind::from_fn(|kind| kind.name().to_owned()),
        on_demand_queues: PerKind::default(),
        job_definitions: PerKind::from_fn(|kind| kind.job_name().to_owned()),
        small_disk_definitions: PerKind::default(),
        compute: Compute::Fargate,
        work_bucket: WORK.to_owned(),
        // One pool for all: as many files as there is room for make one job, and no job is an array but for its parts.
        packing: Packing {
            below_bytes: 32 << 20,
            bytes: u64::MAX,
            count: 1 << 20,
            seconds: 0,
            bounds: PerKind::from_fn(|_| Bounds::NONE),
        },
        has_shares: false,
        give_up_receives: 5,
        // There is one dispatcher. A lease that it finds is its own, of a run that was killed.
        lease_seconds: 0,
        record_days: RECORD_DAYS,
    }
}

/// What is configured for output.
pub fn output_settings() -> output::settings::Settings {
    output::settings::Settings {
        bucket: String::new(),
        work_bucket: WORK.to_owned(),
        on_demand: PerKind::default(),
        budget: output::budget::Budget::default(),
        tells_ends: false,
        uploads: None,
        delivery: None,
        record_days: RECORD_DAYS,
        metrics_namespace: contract::NAMESPACE.to_owned(),
    }
}

/// The event of a queue's trigger.
fn queue_event(messages: &[QueueMessage]) -> Value {
    let record = |message: &QueueMessage| {
        json!({
            "messageId": message.message_id, "receiptHandle": message.receipt_handle, "body": message.body,
            "eventSource": "aws:sqs", "eventSourceARN": message.queue_arn,
            "attributes": {
                "ApproximateReceiveCount": message.attributes.approximate_receive_count,
                "SentTimestamp": message.attributes.sent_timestamp,
            },
        })
    };
    json!({"Records": messages.iter().map(record).collect::<Vec<_>>()})
}
