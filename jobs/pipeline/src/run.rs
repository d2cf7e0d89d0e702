//! `pipeline run`: classify every file of the inbox, work on it, record what became of it.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use catalog::{Classification, Operations, Rules};
use contract::{Failure, FailureKind, JobEvent, Location, MANIFEST_NAME, Outcome};
use futures::{StreamExt, stream};
use operation::Job;
use runner::{OutputFormat, Runner, Work};
use rustix::fs::{FlockOperation, flock};
use store::{Publisher, Store};
use tokio::sync::Semaphore;

use crate::cli::RunArguments;
use crate::inbox::{InboxFile, classify_file, scan};
use crate::progress::Display;
use crate::rules::read_rules;
use crate::state::{InputRecord, State, UploadState};
use crate::table::{Summary, summary};

/// The folder in the outbox that holds what is not a result.
const PRIVATE_FOLDER: &str = ".pipeline";

/// For each worker: one file being read, one being worked on, one being stored.
const FILES_PER_WORKER: usize = 3;

/// The records of an outbox.
pub(crate) fn records_of(outbox: &Path) -> PathBuf {
    outbox.join(PRIVATE_FOLDER).join("records.sqlite")
}

/// Runs until every file of the inbox has ended, or until stopped.
pub(crate) fn run(jobs: &'static [Job], arguments: &RunArguments) -> Result<u8, Failure> {
    jobs.iter().try_for_each(Job::check)?;
    let rules = arguments.rules.as_deref().map_or(Ok(Rules::default()), read_rules)?;
    let outbox = Outbox::open(&arguments.inbox, &arguments.outbox)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let pipeline = Pipeline::new(jobs, arguments, rules, &outbox)?;
        tokio::select! {
            ended = pipeline.run() => ended,
            _ = tokio::signal::ctrl_c() => Err(Failure::temporary("stopped; run it again to go on where it was")),
        }
    })
}

/// A folder of results that this process alone writes to.
struct Outbox {
    root: PathBuf,
    scratch: PathBuf,
    _lock: File,
}

impl Outbox {
    /// Makes the outbox, takes its lock and clears what a killed run left.
    fn open(inbox: &Path, root: &Path) -> Result<Self, Failure> {
        if !inbox.is_dir() {
            return Err(Failure::input_not_found(format!("the inbox {} is not a folder", inbox.display())));
        }
        let private = root.join(PRIVATE_FOLDER);
        fs_err::create_dir_all(&private)?;
        if fs_err::canonicalize(inbox)? == fs_err::canonicalize(root)? {
            return Err(Failure::invalid_request(
                "the inbox and the outbox are the same folder; results need one of their own",
            ));
        }
        let lock = fs_err::File::create(private.join("lock"))?.into_parts().0;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
            Failure::temporary(format!("another pipeline is at work on {}; let it finish or stop it", root.display()))
        })?;
        let scratch = private.join("scratch");
        if scratch.exists() {
            fs_err::remove_dir_all(&scratch)?;
        }
        fs_err::create_dir(&scratch)?;
        Ok(Self { root: root.to_owned(), scratch, _lock: lock })
    }
}

/// One run over one inbox.
struct Pipeline<'a> {
    arguments: &'a RunArguments,
    rules: Rules,
    root: &'a Path,
    runner: Runner,
    state: Mutex<State>,
    display: Display,
}

/// What a look at a file leads to.
enum Decision {
    /// It has ended, in this run or an earlier one.
    Ended(InputRecord),
    /// It is to be worked on.
    Queued(InputRecord, Operations),
}

impl<'a> Pipeline<'a> {
    fn new(
        jobs: &'static [Job],
        arguments: &'a RunArguments,
        rules: Rules,
        outbox: &'a Outbox,
    ) -> Result<Self, Failure> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = arguments.jobs.map_or(processors, usize::from);
        let runner = Runner {
            jobs,
            store: Store::from_environment(),
            publisher: Publisher::to_file(&outbox.root.join("events.jsonl"))?,
            limits: arguments.limits.clone(),
            scratch: outbox.scratch.clone(),
            output: Location::Local(outbox.root.clone()),
            skip_committed: true,
            parts: None,
            is_single: false,
            workers: Arc::new(Semaphore::new(workers)),
        };
        let state = Mutex::new(State::open(&records_of(&outbox.root))?);
        Ok(Self { arguments, rules, root: &outbox.root, runner, state, display: Display::new(&arguments.log) })
    }

    async fn run(&self) -> Result<u8, Failure> {
        let start = Instant::now();
        let files = self.scan()?;
        let mut total = self.sweep(&files).await?;
        if self.arguments.watch {
            self.display.say(&format!("Watching {}; stop with Ctrl-C", self.arguments.inbox.display()));
            self.watch(files, &mut total).await?;
        }
        self.display.finish();
        if self.arguments.output_format == OutputFormat::Human {
            crate::table::print(&summary(&total, start.elapsed(), &self.arguments.outbox));
        }
        let is_bad = |record: &InputRecord| matches!(record.state, UploadState::Failed | UploadState::Rejected);
        Ok(if total.records.iter().any(is_bad) { FailureKind::InvalidInput.exit_code() } else { 0 })
    }

    fn scan(&self) -> Result<Vec<InboxFile>, Failure> {
        scan(&self.arguments.inbox, &self.arguments.outbox)
    }

    /// Takes new and changed files once they have not changed between two looks: a copy may still be going on.
    async fn watch(&self, swept: Vec<InboxFile>, total: &mut Summary) -> Result<(), Failure> {
        type Seen = HashMap<String, (u64, SystemTime)>;
        let seen_of = |files: &[InboxFile]| -> Seen {
            files.iter().map(|file| (file.key.clone(), (file.size, file.modified))).collect()
        };
        let mut done = seen_of(&swept);
        let mut seen = Seen::new();
        loop {
            tokio::time::sleep(Duration::from_secs(self.arguments.interval)).await;
            let files = self.scan()?;
            let ready: Vec<InboxFile> = files
                .iter()
                .filter(|file| {
                    let now = Some(&(file.size, file.modified));
                    seen.get(&file.key) == now && done.get(&file.key) != now
                })
                .cloned()
                .collect();
            seen = seen_of(&files);
            if !ready.is_empty() {
                done.extend(seen_of(&ready));
                total.add(self.sweep(&ready).await?);
            }
        }
    }

    /// Takes files from wherever they are to their end.
    async fn sweep(&self, files: &[InboxFile]) -> Result<Summary, Failure> {
        self.display.begin(files.len());
        let under_way = self.runner.workers.available_permits().max(1) * FILES_PER_WORKER;
        let mut summary = Summary::default();
        let mut ended = stream::iter(files).map(|file| self.take(file)).buffer_unordered(under_way);
        while let Some(ended) = ended.next().await {
            let (record, events) = ended?;
            self.display.ended(&record);
            summary.count(record, &events);
        }
        Ok(summary)
    }

    /// One file from the inbox to its terminal state.
    async fn take(&self, file: &InboxFile) -> Result<(InputRecord, Vec<JobEvent>), Failure> {
        let (mut record, operations) = match self.decide(file).await? {
            Decision::Ended(record) => return Ok((record, Vec::new())),
            Decision::Queued(record, operations) => (record, operations),
        };
        self.clear_leftovers(&record.key, &operations)?;
        let line = self.display.line(&record.key);
        let work = Work {
            job_id: contract::job_id(&format!("{}@{}", record.key, record.etag), &operations.to_string()),
            source: Location::Local(file.path.clone()),
            key: record.key.clone(),
            etag: None,
            operations,
        };
        let ended = self.runner.run(&work, &line.progress()).await;
        if let Some(failure) = ended.unpublished {
            return Err(failure.context("events.jsonl"));
        }
        let events = ended.events;
        record.format = events.iter().find_map(|event| event.format).map(|format| format.name().to_owned());
        record.duration = events.iter().map(|event| event.process_duration.total).sum();
        let failed = events.iter().find(|event| event.outcome != Outcome::Succeeded);
        record.state = if failed.is_some() { UploadState::Failed } else { UploadState::Succeeded };
        record.reason = failed.and_then(|event| event.error.as_ref()).map(|error| error.message.clone());
        self.clear_replaced(&events)?;
        self.state().finish(&record, &events)?;
        if self.arguments.output_format == OutputFormat::Json {
            for event in &events {
                crate::table::print(&serde_json::to_string(event).unwrap_or_default());
            }
        }
        Ok((record, events))
    }

    /// What is to be done with a file: nothing if it has ended in an earlier run, in the same version and with the same
    /// options. A file that failed is tried again.
    async fn decide(&self, file: &InboxFile) -> Result<Decision, Failure> {
        let version = self.runner.store.head(&Location::Local(file.path.clone())).await?;
        let classification = classify_file(file, &self.rules)?;
        let mut record = InputRecord {
            key: file.key.clone(),
            etag: version.etag.unwrap_or_default(),
            size: file.size,
            kind: None,
            format: None,
            processing_option: None,
            state: UploadState::Queued,
            reason: None,
            duration: 0,
        };
        let operations = match classification {
            Classification::Accepted { format, operations, .. } => {
                record.kind = Some(format.kind().name().to_owned());
                record.format = Some(format.name().to_owned());
                record.processing_option = Some(operations.to_string());
                let has_job = self.runner.jobs.iter().any(|job| job.kind == format.kind());
                if !has_job {
                    record.state = UploadState::Unsupported;
                    record.reason = Some(format!("this program was built without {}", format.kind().job_name()));
                }
                has_job.then_some(operations)
            }
            Classification::Rejected { kind, reason } => {
                record.kind = Some(kind.name().to_owned());
                record.state = UploadState::Rejected;
                record.reason = Some(reason.to_string());
                None
            }
            Classification::Unsupported { reason } => {
                record.state = UploadState::Unsupported;
                record.reason = Some(reason);
                None
            }
            Classification::FolderMarker => None,
        };
        let state = self.state();
        if let Some(known) = state.input(&file.key)?
            && known.etag == record.etag
            && known.processing_option == record.processing_option
            && known.state == UploadState::Succeeded
        {
            return Ok(Decision::Ended(known));
        }
        state.record(&record)?;
        Ok(match operations {
            Some(operations) => Decision::Queued(record, operations),
            None => Decision::Ended(record),
        })
    }

    /// Removes what a killed run stored of an operation without coming to its commit.
    fn clear_leftovers(&self, key: &str, operations: &Operations) -> Result<(), Failure> {
        for operation in operations {
            let folder = self.root.join(key).join(operation.folder());
            if folder.is_dir() && !folder.join(MANIFEST_NAME).is_file() {
                fs_err::remove_dir_all(folder)?;
            }
        }
        Ok(())
    }

    /// Removes files of an earlier version's result that are not part of the new one.
    fn clear_replaced(&self, events: &[JobEvent]) -> Result<(), Failure> {
        for event in events.iter().filter(|event| event.output_count == event.outputs.len() as u64) {
            let Some(manifest) = event.manifest_key.as_ref().map(|key| self.root.join(key)) else { continue };
            let mut kept: Vec<PathBuf> = event.outputs.iter().map(|output| self.root.join(&output.key)).collect();
            let folder = manifest.parent().map(Path::to_owned).unwrap_or_default();
            kept.push(manifest);
            for entry in walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok) {
                if entry.file_type().is_file() && !kept.iter().any(|path| path == entry.path()) {
                    fs_err::remove_file(entry.path())?;
                }
            }
        }
        Ok(())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}
