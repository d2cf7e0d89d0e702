//! One object through its operations: pin and fetch it, run each operation in a worker, store what came out, commit it
//! by a manifest, publish how it ended.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use catalog::{Access, Declaration, Detection, Engine, Format, HEAD_BYTES, Operation, Operations, detect};
use contract::{
    Compute, Failure, FailureKind, Jail, JobError, JobEvent, JobRequest, Location, MANIFEST_NAME, Manifest, Outcome,
    Output, Portion, Prices, ProcessDuration, Properties, SCHEMA_VERSION, Sandbox, Source, Usage,
};
use futures::{StreamExt, TryStreamExt, stream};
use managed::{Asked, Managed};
use operation::{Job, OutputDescription, Progress, Share};
use sandbox::{Completed, Limits, WorkerInput, WorkerReport};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use store::{Aws, ObjectVersion, Publisher, Store};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::{Semaphore, mpsc};
use tracing::{info, warn};

use crate::commit::{Committed, Present, commit, file, present};
use crate::companions::StoreCompanions;
use crate::early::{EarlyUploads, abort, send_early};
use crate::engine::{EngineTask, HandOver, engine_of};
use crate::progress_log::logged;

/// How many outputs of one operation are stored at a time.
const CONCURRENT_OUTPUTS: usize = 4;

/// Less memory than this is not worth an operation of its own beside the others.
const LEAST_SHARE: u64 = 1 << 30;

/// How many of so many objects are worked on at a time.
fn workers(objects: usize, processors: usize, memory: u64) -> usize {
    let worthwhile = usize::try_from(memory / LEAST_SHARE).unwrap_or(usize::MAX);
    objects.min(processors).min(worthwhile).max(1)
}

/// How long it is taken for granted that no later version of an object has a result: as long as small work takes, for which a look
/// would cost a tenth more.
const RECENT: Duration = Duration::from_secs(1);

/// A part's manifest that is larger than this was not written by this program.
const MAX_MANIFEST_BYTES: u64 = 16 << 20;

/// What of the memory an operation is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// An equal part, beside other operations.
    Share,
    /// All of it, alone.
    Whole,
}

/// Carries out work: what all objects of a process share.
pub struct Runner {
    /// The kinds that this program can work on.
    pub jobs: &'static [Job],
    /// Where inputs are read and outputs are written.
    pub store: Store,
    /// Where events go.
    pub publisher: Publisher,
    /// What a worker may use.
    pub limits: Limits,
    /// The folder for inputs and outputs in transit.
    pub scratch: PathBuf,
    /// Below which outputs are stored.
    pub output: Location,
    /// Whether an operation that an earlier run committed for the same version of the object is left as it is.
    pub skip_committed: bool,
    /// What this process does of work that several processes share; none where it does all of it.
    pub parts: Option<Parts>,
    /// Whether all of this program's work is one operation on one object.
    pub is_single: bool,
    /// Into how many equal parts the limit of memory is divided, because as many operations may be under way at once.
    pub shares: u32,
    /// Bytes of memory that the container has, and so is paid for.
    pub memory: u64,
    /// What is paid for; none where nobody asks.
    pub prices: Option<Prices>,
    /// What operations may ask.
    pub managed: Managed,
    /// The clients that the store and what is asked stand on.
    pub aws: Aws,
    /// Where this program runs.
    pub compute: Compute,
    /// What holds the workers.
    pub jail: Jail,
    /// How many operations are worked on at a time; fetching and storing of other objects goes on beside them.
    pub workers: Arc<Semaphore>,
}

/// Work that several processes share, on one machine or as an array of Batch.
#[derive(Debug, Clone)]
pub struct Parts {
    /// What this process does of it.
    pub share: Share,
    /// Below which the parts are kept, each with a manifest of its own.
    pub location: Location,
}

/// One object and what to do with it.
#[derive(Debug, Clone)]
pub struct Work {
    /// The same for every delivery of the same request.
    pub job_id: String,
    /// The object.
    pub source: Location,
    /// Its key, below which the outputs are stored; for a local file its path below the inbox.
    pub key: String,
    /// The version asked for; another one is not worked on.
    pub etag: Option<String>,
    /// What is done with it, each operation on its own.
    pub operations: Operations,
    /// The run that does it, on the fast path.
    pub run: Option<Run>,
}

/// A run of the fast path: what it does not end is done by AWS Batch.
#[derive(Debug, Clone)]
pub struct Run {
    /// What tells it from others.
    pub id: String,
    /// When it must have ended.
    pub until: Instant,
}

/// How the operations on one object ended.
#[derive(Debug)]
pub struct Ended {
    /// One event for each operation.
    pub events: Vec<JobEvent>,
    /// Why an event could not be published.
    pub unpublished: Option<Failure>,
    /// Why a run of the fast path left the rest to AWS Batch. That is no end, and not published.
    pub left: Option<JobError>,
}

/// The object, pinned to the version that was seen first, and fetched where an operation wants the whole of it.
struct Fetched {
    version: ObjectVersion,
    format: Format,
    /// The open copy; none where parts are read on demand.
    whole: Option<std::fs::File>,
    /// The first bytes, which told the format.
    head: Bytes,
    milliseconds: u64,
    bytes: u64,
    requests: u64,
}

/// Where the outputs of an operation are stored: in a folder of a location.
struct Destination<'a> {
    output: &'a Location,
    folder: String,
}

/// What one operation's worker and the storing of its outputs came to.
struct Processed {
    committed: Committed,
    peak_memory: u64,
    sandbox: Sandbox,
}

/// A failure with what is known of the worker all the same.
struct Unprocessed {
    failure: Failure,
    peak_memory: u64,
    needs_memory: bool,
    sandbox: Sandbox,
    process: u64,
}

impl From<Failure> for Unprocessed {
    fn from(failure: Failure) -> Self {
        Self { failure, peak_memory: 0, needs_memory: false, sandbox: Sandbox::default(), process: 0 }
    }
}

impl Work {
    /// The work that a request asks for.
    pub fn from_request(request: &JobRequest) -> Result<Self, Failure> {
        let operations = request.operations()?.clone();
        let source = Location::of_source(&request.source)?;
        Ok(Self {
            job_id: request.job_id.clone(),
            source,
            key: request.source.key.clone(),
            etag: request.source.etag.clone(),
            operations,
            run: None,
        })
    }
}

impl Ended {
    /// The process exit code: 0 if all is well, else that of what a retry could mend, else that of the first failure.
    pub fn exit_code(&self) -> u8 {
        let failures = self.events.iter().filter_map(|event| event.error.as_ref()).map(|error| error.kind);
        let kinds: Vec<_> = failures.chain(self.unpublished.as_ref().map(Failure::kind)).collect();
        let temporary = kinds.iter().find(|&&kind| kind == FailureKind::Temporary);
        temporary.or(kinds.first()).map_or(0, |kind| kind.exit_code())
    }
}

impl Runner {
    /// Carries out the work. What fails is in the events: one object's failure is never another's.
    pub async fn run(&self, work: &Work, progress: &Progress) -> Ended {
        let fetched = self.fetch(work, progress).await;
        let mut ended = Ended { events: Vec::new(), unpublished: None, left: None };
        for operation in &work.operations {
            let started = OffsetDateTime::now_utc();
            let mut event = match &fetched {
                Err(failure) => failed(work, operation, failure),
                Ok(fetched) => Box::pin(self.carry_out(work, fetched, operation, progress)).await,
            };
            event.compute = Some(self.compute);
            event.started_at = rfc_3339(started);
            event.finished_at = rfc_3339(OffsetDateTime::now_utc());
            match &event.error {
                None => info!(
                    key = work.key,
                    operation = operation.name(),
                    milliseconds = event.process_duration.total,
                    "done"
                ),
                Some(error) => {
                    warn!(key = work.key, operation = operation.name(), kind = ?error.kind, "{}", error.message);
                }
            }
            if work.run.is_some()
                && let Some(error) = event.error.as_ref().filter(|error| !is_final_on_the_fast_path(error))
            {
                ended.left = Some(error.clone());
                return ended;
            }
            // A part that is done is no end of the work; one that failed is.
            let is_end = event.error.is_some() || !self.is_part();
            if is_end && let Err(failure) = self.publisher.publish(&event).await {
                warn!(key = work.key, "{failure}");
                ended.unpublished = Some(failure);
            }
            ended.events.push(event);
        }
        ended
    }

    /// Pins the object, tells its format by content, and makes a local copy if an operation wants the whole of it.
    async fn fetch(&self, work: &Work, progress: &Progress) -> Result<Fetched, Failure> {
        let start = Instant::now();
        let version = self.store.head(&work.source).await?;
        if let (Some(expected), Some(found)) = (&work.etag, &version.etag)
            && expected != found
        {
            return Err(Failure::input_not_found(format!(
                "{} was overwritten since the request was made (entity tag {found}, asked for {expected})",
                work.source
            )));
        }
        let wants_whole = work.operations.iter().any(|operation| operation.profile().access == Access::Whole);
        let mut fetched = Fetched {
            format: Format::Text,
            whole: None,
            head: Bytes::new(),
            milliseconds: 0,
            bytes: 0,
            requests: 1,
            version,
        };
        fetched.head = if wants_whole {
            let copy = self.store.fetch_whole(&fetched.version, &self.scratch, progress).await?;
            fetched.bytes = copy.bytes;
            fetched.requests += copy.requests;
            let head = copy.head(HEAD_BYTES)?;
            fetched.whole = Some(copy.file);
            head.into()
        } else {
            let length = HEAD_BYTES.min(usize::try_from(fetched.version.size).unwrap_or(HEAD_BYTES));
            let head = self.store.read_at(&fetched.version, 0, length).await?;
            fetched.bytes = head.len() as u64;
            fetched.requests += 1;
            head
        };
        fetched.format = format_of(work, &fetched.version, &fetched.head)?;
        fetched.milliseconds = milliseconds(start);
        Ok(fetched)
    }

    /// One operation from its input to its event.
    async fn carry_out(&self, work: &Work, fetched: &Fetched, operation: &Operation, progress: &Progress) -> JobEvent {
        let mut event = event(work, operation, Some((&fetched.version, fetched.format)));
        let destination = self.destination(work, operation);
        let Destination { output, folder } = &destination;
        let source = source_of(work, Some(&fetched.version));
        if self.skip_committed {
            match present(&self.store, output, folder, &source, operation, &work.job_id).await {
                Ok(Present::Same(committed)) => {
                    succeed(&mut event, &destination, *committed);
                    return event;
                }
                Ok(Present::Later) => {
                    event.outcome = Outcome::Failed;
                    event.error = Some(JobError::from(&superseded(work)));
                    return event;
                }
                // Whatever keeps it from being read is told when it is written.
                Ok(Present::Other) | Err(_) => {}
            }
        }
        // One bill for all tries.
        let asked = (operation.engine() != Engine::Native)
            .then(|| Arc::new(self.managed.asked(tokio::runtime::Handle::current())));
        let asked = asked.as_ref();
        let mut processed = self.process(work, fetched, operation, &destination, progress, Room::Share, asked).await;
        if self.shares > 1 && processed.as_ref().is_err_and(|unprocessed| unprocessed.needs_memory) {
            info!(key = work.key, "{} needs more than its share of the memory: once more, alone", operation.name());
            processed = self.process(work, fetched, operation, &destination, progress, Room::Whole, asked).await;
        }
        match processed {
            Ok(processed) => {
                let usage = processed.committed.manifest.usage.unwrap_or_default();
                event.bytes_read = usage.bytes_read;
                event.requests = usage.reads;
                event.peak_memory = processed.peak_memory;
                event.sandbox = processed.sandbox;
                succeed(&mut event, &destination, processed.committed);
            }
            Err(unprocessed) => {
                event.outcome = Outcome::Failed;
                event.error = Some(JobError::from(&unprocessed.failure));
                event.bytes_read = fetched.bytes;
                event.requests = fetched.requests;
                let milliseconds = fetched.milliseconds + unprocessed.process;
                let usage = Usage {
                    bytes_read: fetched.bytes,
                    reads: fetched.requests,
                    managed: asked.map(|asked| asked.bill().units).unwrap_or_default(),
                    ..Usage::of(self.portion(Room::Share), milliseconds)
                };
                event.usage = Some(usage.priced(self.prices.as_ref()));
                event.peak_memory = unprocessed.peak_memory;
                event.sandbox = unprocessed.sandbox;
                event.process_duration = ProcessDuration {
                    total: fetched.milliseconds + unprocessed.process,
                    fetch: fetched.milliseconds,
                    process: unprocessed.process,
                    store: 0,
                };
            }
        }
        event
    }

    fn is_part(&self) -> bool {
        self.parts.as_ref().is_some_and(|parts| matches!(parts.share, Share::Shard { .. }))
    }

    fn destination(&self, work: &Work, operation: &Operation) -> Destination<'_> {
        let folder = format!("{}/{}", work.key, operation.folder());
        match &self.parts {
            Some(Parts { share: Share::Shard { index, count }, location }) => {
                Destination { output: location, folder: format!("{folder}/{}", Share::folder(*index, *count)) }
            }
            _ => Destination { output: &self.output, folder },
        }
    }

    /// Beside what the operation finds its companion files: its input or, where it puts parts together, those.
    fn beside(&self, work: &Work, operation: &Operation) -> Location {
        match &self.parts {
            Some(Parts { share: Share::Merge { .. }, location }) => {
                location.join(&format!("{}/{}/parts", work.key, operation.folder()))
            }
            _ => work.source.clone(),
        }
    }

    /// Runs the operation in a worker, stores its outputs and commits them.
    #[expect(clippy::too_many_arguments, reason = "what one operation on one object is made of")]
    async fn process(
        &self,
        work: &Work,
        fetched: &Fetched,
        operation: &Operation,
        destination: &Destination<'_>,
        progress: &Progress,
        room: Room,
        asked: Option<&Arc<Asked>>,
    ) -> Result<Processed, Unprocessed> {
        // A moment ago, as far as anybody looked.
        let looked = Instant::now();
        let scratch = tempfile::Builder::new().prefix("out-").tempdir_in(&self.scratch).map_err(Failure::from)?;
        let window = (operation.profile().access == Access::Ranged)
            .then(|| Arc::new(self.store.window(fetched.version.clone(), tokio::runtime::Handle::current())));
        if let Some(window) = &window {
            window.keep_head(fetched.head.clone());
        }
        let input = match (&window, &fetched.whole) {
            (Some(window), _) => WorkerInput::Ranged(Arc::clone(window) as _),
            (None, Some(file)) => WorkerInput::Whole(file.try_clone().map_err(Failure::from)?),
            (None, None) => return Err(Failure::internal("the input was not fetched").into()),
        };
        let companions = StoreCompanions::new(
            self.store.clone(),
            self.beside(work, operation),
            scratch.path().to_owned(),
            tokio::runtime::Handle::current(),
        );

        let places = if room == Room::Whole { self.shares } else { 1 };
        let permit = Arc::clone(&self.workers).acquire_many_owned(places).await;
        let permit = permit.map_err(|_| Failure::internal("shutting down"))?;
        let start = Instant::now();
        let outputs = scratch.path().to_owned();
        let (announce, announced) = mpsc::unbounded_channel();
        let announce = (stores_early(operation, destination) && self.jail == Jail::Filter).then_some(announce);
        let worker = engine_of(operation)?.carry_out(EngineTask {
            operation: operation.clone(),
            share: self.parts.as_ref().map(|parts| parts.share),
            name: work.source.file_name().to_owned(),
            format: fetched.format,
            size: fetched.version.size,
            input,
            companions: Arc::new(companions),
            services: asked.map(|asked| Arc::clone(asked) as _),
            scratch: outputs.clone(),
            limits: self.limits_of(work, operation, room)?,
            jail: self.jail,
            progress: logged(progress, &work.key, operation.name()),
            is_last: self.is_single,
            finished: announce,
            hand_over: asked.map(|asked| HandOver {
                asked: Arc::clone(asked),
                aws: self.aws.clone(),
                store: self.store.clone(),
                source: fetched.version.clone(),
                claim: claim_of(work, operation, &fetched.version),
            }),
        });
        let folder = destination.output.join(&destination.folder);
        let (report, early) = tokio::join!(worker, send_early(&self.store, &folder, &outputs, announced));
        drop(permit);
        let process = milliseconds(start);
        // A failure to store an output has ended the worker.
        let early = early?;
        let WorkerReport { result, peak_memory, needs_memory, sandbox, .. } = report;
        let fail = |failure| Unprocessed { failure, peak_memory, needs_memory, sandbox, process };
        let completed = match result {
            Ok(completed) => completed,
            Err(failure) => {
                abort(early).await;
                return Err(fail(failure.context(&work.source)));
            }
        };

        if let Err(failure) = self.check_latest(work, fetched, operation, destination, looked).await {
            abort(early).await;
            return Err(fail(failure));
        }
        let (start, looked) = (Instant::now(), Instant::now());
        let outputs = self.store_outputs(&outputs, destination, &completed, early).await.map_err(fail)?;
        let store = milliseconds(start);
        let duration = ProcessDuration {
            total: fetched.milliseconds + process + store,
            fetch: fetched.milliseconds,
            process,
            store,
        };
        let read = window.map(|window| window.report()).unwrap_or_default();
        let bill = asked.map(|asked| asked.bill()).unwrap_or_default();
        let usage = Usage {
            bytes_read: fetched.bytes + read.bytes,
            bytes_written: outputs.iter().map(|output| output.size).sum(),
            reads: fetched.requests + read.requests,
            writes: outputs.len() as u64 + 1,
            managed: bill.units,
            ..Usage::of(self.portion(room), duration.total)
        };
        let usage = usage.priced(self.prices.as_ref());
        let parts = self.usage_of_parts(destination).await.map_err(fail)?;
        let mut manifest = manifest(work, fetched, operation, completed, outputs, duration);
        manifest.versions.extend(bill.versions.into_iter().map(|(name, version)| (name, Value::from(version))));
        manifest.usage = Some(parts.iter().fold(usage, Usage::and));
        (manifest.compute, manifest.sandbox) = (Some(self.compute), Some(sandbox));
        self.check_latest(work, fetched, operation, destination, looked).await.map_err(fail)?;
        let committed = commit(&self.store, destination.output, &destination.folder, manifest).await.map_err(fail)?;
        Ok(Processed { committed, peak_memory, sandbox })
    }

    /// What of the container an operation has while it is worked on.
    fn portion(&self, room: Room) -> Portion {
        let shares = if room == Room::Whole { 1.0 } else { f64::from(self.shares.max(1)) };
        Portion { vcpus: self.limits.processors() as f64 / shares, memory: self.memory as f64 / shares }
    }

    /// What the parts used that this process puts together.
    async fn usage_of_parts(&self, destination: &Destination<'_>) -> Result<Vec<Usage>, Failure> {
        let Some(Parts { share: Share::Merge { count }, location }) = &self.parts else { return Ok(Vec::new()) };
        let mut usages = Vec::new();
        for index in 0..*count {
            let folder = Share::folder(index, *count);
            let place = location.join(&format!("{}/{folder}/{MANIFEST_NAME}", destination.folder));
            let Some(text) = self.store.get_small(&place, MAX_MANIFEST_BYTES).await? else { continue };
            let manifest = serde_json::from_slice::<Manifest>(&text);
            let manifest = manifest
                .map_err(|error| Failure::internal(format!("{place} is not a valid manifest")).because(error))?;
            usages.extend(manifest.usage);
        }
        Ok(usages)
    }

    async fn store_outputs(
        &self,
        scratch: &std::path::Path,
        destination: &Destination<'_>,
        completed: &Completed,
        mut early: EarlyUploads,
    ) -> Result<Vec<Output>, Failure> {
        let outputs: Vec<_> =
            completed.outputs.iter().map(|output| (output.clone(), early.remove(&output.name))).collect();
        // What the worker finished and then did not count among its results.
        abort(early).await;
        let Destination { output, folder } = destination;
        stream::iter(outputs.into_iter().map(|(description, sent)| {
            let OutputDescription { name, content_type, properties } = description;
            async move {
                let key = format!("{folder}/{name}");
                let stored = match sent {
                    Some(upload) => upload.complete().await?,
                    None => self.store.take_file(&output.join(&key), scratch.join(&name), &content_type).await?,
                };
                Ok(file(output, &key, stored, content_type, properties))
            }
        }))
        .buffered(CONCURRENT_OUTPUTS)
        .try_collect()
        .await
    }

    /// Lets so many operations at once work as have a processor and enough memory each; together they take what one alone
    /// would be given.
    pub fn share(&mut self, objects: usize) {
        let workers = workers(objects, self.limits.processors(), self.limits.memory);
        self.shares = u32::try_from(workers).unwrap_or(1);
        self.workers = Arc::new(Semaphore::new(workers));
    }

    /// Fails if a later version of the object has a result meanwhile, which this one would overwrite: a request that takes the
    /// fast path overtakes others. `looked` is when that was last looked for; the time from the look to the writing stays.
    async fn check_latest(
        &self,
        work: &Work,
        fetched: &Fetched,
        operation: &Operation,
        destination: &Destination<'_>,
        looked: Instant,
    ) -> Result<(), Failure> {
        let is_recent = work.run.is_none() && looked.elapsed() < RECENT;
        if !self.skip_committed || self.is_part() || is_recent {
            return Ok(());
        }
        let source = source_of(work, Some(&fetched.version));
        let Destination { output, folder } = destination;
        match present(&self.store, output, folder, &source, operation, &work.job_id).await? {
            Present::Later => Err(superseded(work)),
            Present::Same(_) | Present::Other => Ok(()),
        }
    }

    /// The limits, with the time that the operation may need, or that is left.
    fn limits_of(&self, work: &Work, operation: &Operation, room: Room) -> Result<Limits, Failure> {
        let factor = operation.profile().time_factor;
        let limits = self.limits.clone();
        let memory = if room == Room::Whole { limits.memory } else { limits.memory / u64::from(self.shares.max(1)) };
        let mut wall = limits.wall.saturating_mul(factor);
        if let Some(run) = &work.run {
            wall = wall.min(run.until.saturating_duration_since(Instant::now()));
            if wall.is_zero() {
                return Err(Failure::temporary(format!("{}: no time is left for it here", work.source)));
            }
        }
        Ok(Limits { memory, cpu: limits.cpu.saturating_mul(factor), wall, ..limits })
    }
}

/// What names an operation's work on a version of an object at a service: the same for every try.
fn claim_of(work: &Work, operation: &Operation, version: &ObjectVersion) -> String {
    let etag = version.etag.as_deref().unwrap_or_default();
    let digest = Sha256::digest(format!("{}\n{}\n{}\n{etag}", work.job_id, work.source, operation.folder()));
    contract::hexadecimal(&digest[..16])
}

/// Whether a failure would be the same in a job of AWS Batch. A crash, a limit, a right that only the function lacks or trouble with
/// the store may not be, nor whatever only the jail of limits refuses.
fn is_final_on_the_fast_path(error: &JobError) -> bool {
    match error.kind {
        FailureKind::InvalidInput | FailureKind::InputNotFound => true,
        FailureKind::InvalidRequest | FailureKind::Internal | FailureKind::Temporary => false,
    }
}

/// In the words of the control plane, which refuses earlier versions that have not begun.
fn superseded(work: &Work) -> Failure {
    Failure::input_not_found(format!(
        "{} was overwritten by a later version, which has a record of its own",
        work.source
    ))
}

/// To the local disk, storing is copying: nothing is gained by beginning early.
fn stores_early(operation: &Operation, destination: &Destination<'_>) -> bool {
    destination.output.bucket().is_some() && operation.profile().streams_outputs
}

fn succeed(event: &mut JobEvent, destination: &Destination<'_>, committed: Committed) {
    let output = destination.output;
    let Committed { manifest, file } = committed;
    event.manifest_key = Some(file.key.clone());
    event.manifest = Some(file);
    event.output_bucket = output.bucket().map(str::to_owned);
    event.output_count = manifest.outputs.len() as u64;
    event.outputs = manifest.outputs;
    event.process_duration = manifest.process_duration;
    event.usage = manifest.usage;
}

/// Milliseconds since an instant.
pub(crate) fn milliseconds(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The format by content, which each of the operations must accept.
fn format_of(work: &Work, version: &ObjectVersion, head: &[u8]) -> Result<Format, Failure> {
    let kind = work.operations.kind();
    let source = &work.source;
    let format = match detect(head, version.size, &work.key, version.content_type.as_deref()) {
        Detection::Known(format) => format,
        Detection::Unsupported(reason) => {
            return Err(Failure::invalid_input(format!("{source} is not a file of kind {kind}: {reason}")));
        }
    };
    let is_for_this_kind = |operation: &Operation| operation.kind_for(format) == kind;
    if format.kind() != kind && !work.operations.iter().all(is_for_this_kind) {
        return Err(Failure::invalid_input(format!(
            "{source} is a {} file (detected by content); {} does not accept it, use {}",
            format.name(),
            kind.job_name(),
            format.kind().job_name()
        )));
    }
    let unaccepted = |reason| Failure::invalid_input(format!("{source} is {} by its content: {reason}", format.name()));
    work.operations.check_format(format).map_err(unaccepted)?;
    Ok(format)
}

fn source_of(work: &Work, version: Option<&ObjectVersion>) -> Source {
    Source {
        bucket: work.source.bucket().map(str::to_owned),
        key: work.key.clone(),
        version_id: version.and_then(|version| version.version_id.clone()),
        etag: version.and_then(|version| version.etag.clone()).or_else(|| work.etag.clone()),
        size: version.map_or(0, |version| version.size),
    }
}

/// An event of a job that nothing has gone wrong with yet.
fn event(work: &Work, operation: &Operation, seen: Option<(&ObjectVersion, Format)>) -> JobEvent {
    let source = source_of(work, seen.map(|(version, _)| version));
    JobEvent {
        kind: Some(work.operations.kind()),
        format: seen.map(|(_, format)| format),
        operation: Some(operation.name().to_owned()),
        processing_option: Some(operation.to_string()),
        options: operation.option_values(),
        batch_job_id: std::env::var("AWS_BATCH_JOB_ID").ok(),
        run_id: work.run.as_ref().map(|run| run.id.clone()),
        ..JobEvent::new(work.job_id.clone(), source, Outcome::Succeeded)
    }
}

/// The event of an operation that could not even begin.
fn failed(work: &Work, operation: &Operation, failure: &Failure) -> JobEvent {
    JobEvent { outcome: Outcome::Failed, error: Some(JobError::from(failure)), ..event(work, operation, None) }
}

fn manifest(
    work: &Work,
    fetched: &Fetched,
    operation: &Operation,
    completed: Completed,
    outputs: Vec<Output>,
    process_duration: ProcessDuration,
) -> Manifest {
    let mut versions = Map::new();
    versions.insert("data-pipeline".to_owned(), Value::from(env!("CARGO_PKG_VERSION")));
    versions.extend(completed.versions.into_iter().map(|(name, version)| (name, Value::from(version))));
    Manifest {
        schema_version: SCHEMA_VERSION,
        source: source_of(work, Some(&fetched.version)),
        kind: work.operations.kind(),
        format: fetched.format,
        operation: operation.name().to_owned(),
        processing_option: operation.to_string(),
        options: operation.option_values(),
        outputs,
        properties: Properties::clone(&completed.properties),
        process_duration,
        usage: None,
        versions,
        created_at: rfc_3339(OffsetDateTime::now_utc()).unwrap_or_default(),
        job_id: Some(work.job_id.clone()),
        compute: None,
        sandbox: None,
    }
}

fn rfc_3339(time: OffsetDateTime) -> Option<String> {
    time.replace_millisecond(time.millisecond()).ok()?.format(&Rfc3339).ok()
}

/// The operations of jobs, for help texts.
pub(crate) fn declarations_of(jobs: &[Job]) -> impl Iterator<Item = &'static Declaration> {
    jobs.iter().flat_map(|job| Declaration::of_kind(job.kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn as_many_objects_at_a_time_as_have_a_processor_and_memory_worth_having() {
        assert_eq!(workers(100, 2, 7 * GIB / 2), 2);
        assert_eq!(workers(100, 128, 7 * GIB / 2), 3);
        assert_eq!(workers(100, 4, GIB / 2), 1);
        assert_eq!(workers(1, 8, 64 * GIB), 1);
        assert_eq!(workers(0, 8, 64 * GIB), 1);
    }
}
