//! The worker's side: gets its work, closes the sandbox, does the work, reports.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use catalog::{MediaKind, Operation, Operations, Service};
use contract::{Failure, Jail, Sandbox};
use operation::{
    Announcement, Answers, Input, InputSource, Job, OutputDescription, OutputDestination, Outputs, Progress, Services,
    Task, Weights, read_exactly,
};

use super::channel::Channel;
use super::jail;
use super::panic::Panic;
use super::protocol::{Assignment, Ending, GIVEN_OUTPUTS, MAX_OUTPUTS, MAX_RANGES, MAX_READ, Reason, Request};

/// The stack of the thread that an operation begins on.
pub(super) const STACK: usize = 16 << 20;

/// Progress is told at most this often.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Has a processor get ready in the process that workers are forked from, so that they share what it loads. What fails here is
/// tried again by the worker, whose failure it then is.
pub(super) fn prepare(jobs: &[Job], weights: &Weights, kind: &str, operation: &str) {
    let Some(job) = jobs.iter().find(|job| job.kind.name() == kind) else { return };
    let Ok(operations) = Operations::parse_for(job.kind, operation) else { return };
    let operation = operations.first();
    // A damaged file may take down whoever loads it: here that would be the end of all workers to come.
    if !weights_of(operation, weights).iter().all(|name| is_intact(weights, name)) {
        return;
    }
    if let Ok(processor) = job.processor(operation) {
        let _ = processor.prepare(operation, weights);
    }
}

fn is_intact(weights: &Weights, name: &str) -> bool {
    static FOUND: Mutex<BTreeMap<String, bool>> = Mutex::new(BTreeMap::new());
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    *found.entry(name.to_owned()).or_insert_with(|| weights.is_intact(name))
}

/// The weights that an operation uses, those of the user's own among them.
fn weights_of(operation: &Operation, weights: &Weights) -> Vec<String> {
    weights.chosen(&operation.weights(), operation.own_weights())
}

pub(super) fn serve(jobs: &[Job], weights: &Weights, channel: OwnedFd) {
    let channel = Arc::new(Channel::new(channel));
    let (assignment, files): (Assignment, _) = match channel.receive_assignment() {
        Ok(received) => received,
        Err(error) => return say(&format!("the worker got no work: {error}")),
    };
    let _ = rustix::thread::set_name(&worker_name(assignment.kind));
    // Before the sandbox: it cannot be opened later.
    let status = fs_err::File::open("/proc/self/status").ok();
    let ending = work(jobs, weights, &channel, assignment, files)
        .unwrap_or_else(|failure| Ending::Failed(Reason::from(&failure)));
    let peak_memory = status.and_then(|status| peak_memory(status.file())).unwrap_or(0);
    if let Err(failure) = channel.tell(&Request::Done { ending, peak_memory }) {
        let ending = Ending::Failed(Reason::from(&failure));
        let _ = channel.tell(&Request::Done { ending, peak_memory });
    }
}

fn work(
    jobs: &[Job],
    weights: &Weights,
    channel: &Arc<Channel>,
    assignment: Assignment,
    files: Vec<File>,
) -> Result<Ending, Failure> {
    let operations = Operations::parse_for(assignment.kind, &assignment.operation)
        .map_err(|rejection| Failure::internal(format!("the worker failed to parse its operation: {rejection}")))?;
    let operation = operations.first();
    let job = jobs.iter().find(|job| job.kind == assignment.kind).ok_or_else(|| {
        Failure::internal(format!("this program has no operations for files of kind {}", assignment.kind))
    })?;
    let processor = job.processor(operation)?;
    let given = if assignment.jail == Jail::Limits { GIVEN_OUTPUTS } else { 0 };
    if files.len() != usize::from(assignment.whole) + given {
        return Err(Failure::internal("the file descriptors of the work did not reach the worker"));
    }
    let mut files = files.into_iter();
    let file = assignment.whole.then(|| files.next()).flatten();
    let outputs = match assignment.jail {
        Jail::Filter => RemoteOutputs::Asked(Arc::clone(channel)),
        Jail::Limits => RemoteOutputs::Given(Arc::clone(channel), Mutex::new(files.map(Some).collect())),
    };
    let whole = if assignment.whole { assignment.size } else { 0 };
    let mapped = whole.saturating_add(weights.mapped_bytes());
    let unset = |error| Failure::internal("failed to set the worker's limits").because(error);
    if let Some(processors) = assignment.limits.processors {
        operation::set_processors(processors.into());
    }
    jail::limit(&assignment.limits, mapped, assignment.jail).map_err(unset)?;
    let source =
        RemoteInput { channel: Arc::clone(channel), file, size: assignment.size, announcements: AtomicU64::default() };
    let input = Input::new(assignment.name, assignment.format, assignment.size, Arc::new(source));
    // Under the limits, and while libraries can still be opened.
    if processor.needs_preparation(operation, &input) {
        processor.prepare(operation, weights)?;
    }
    if assignment.jail == Jail::Filter {
        closed(channel, jail::close())?;
    }
    let task = Task {
        input,
        outputs: Outputs::new(Arc::new(outputs)),
        progress: progress(Arc::clone(channel)),
        weights: weights.clone(),
        services: Services::new(Arc::new(RemoteServices(Arc::clone(channel)))),
    };
    let properties = on_own_stack(|| {
        if assignment.jail == Jail::Limits {
            // On the thread that works, because none can be started any more; the limits are the whole process's.
            closed(channel, jail::close_by_limits())?;
        }
        operation::process(processor, operation, assignment.share, &task)
    });
    let properties = properties.map_err(|end| match (end, assignment.jail) {
        (OperationEnd::Failed(failure), _) => failure,
        (OperationEnd::Panicked(panic), Jail::Filter) => {
            panic.map_or_else(|| Failure::internal("the operation panicked"), Panic::into_failure)
        }
        // A library that panics because it gets no thread or file says nothing about the input.
        (OperationEnd::Panicked(panic), Jail::Limits) => {
            let panic = panic.map_or_else(|| "without a message".to_owned(), |panic| panic.to_string());
            Failure::internal(format!("the operation panicked where nothing can be opened: {panic}"))
        }
    })?;
    let outputs = task.outputs.finished();
    if outputs.len() > MAX_OUTPUTS {
        return Err(Failure::internal(format!("the operation created more than {MAX_OUTPUTS} files")));
    }
    let libraries = processor.library_versions().into_iter().map(|(name, version)| (name.to_owned(), version));
    let versions = libraries.chain(weights.versions(&weights_of(operation, weights))).collect();
    Ok(Ending::Completed { outputs, properties, versions })
}

/// Tells the parent that the sandbox is closed, or fails if it is not.
fn closed(channel: &Channel, sandbox: Result<Sandbox, String>) -> Result<(), Failure> {
    let sandbox = sandbox.map_err(|reason| {
        Failure::internal(format!(
            "the operation was not started because it would not be isolated: {reason}; Linux 3.17 or later with seccomp \
             filters is needed"
        ))
    })?;
    channel.tell(&Request::Started { sandbox })
}

/// How an operation ended without a result.
enum OperationEnd {
    Failed(Failure),
    Panicked(Option<Panic>),
}

/// The main thread's stack depends on the system's settings, that of a thread on nothing.
fn on_own_stack(
    process: impl FnOnce() -> Result<contract::Properties, Failure> + Send,
) -> Result<contract::Properties, OperationEnd> {
    static PANIC: Mutex<Option<Panic>> = Mutex::new(None);
    std::panic::set_hook(Box::new(|info| {
        if operation::is_panic_tolerated() {
            return;
        }
        let panic = Panic::new(info);
        say(&panic.to_string());
        // The first panic is the cause of those that follow on other threads.
        PANIC.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(panic);
    }));
    std::thread::scope(|scope| {
        let operation_thread = std::thread::Builder::new().name("operation".to_owned()).stack_size(STACK);
        let handle =
            operation_thread.spawn_scoped(scope, || catch_unwind(AssertUnwindSafe(process))).map_err(|error| {
                let what = "failed to start the operation's thread within the memory limit";
                OperationEnd::Failed(Failure::internal(what).because(error))
            })?;
        match handle.join().unwrap_or_else(Err) {
            Ok(result) => result.map_err(OperationEnd::Failed),
            Err(_) => Err(OperationEnd::Panicked(PANIC.lock().unwrap_or_else(PoisonError::into_inner).take())),
        }
    })
}

/// The input in the parent. Nothing is kept here: whoever reads bit by bit has a buffer, and the parent reads ahead.
struct RemoteInput {
    channel: Arc<Channel>,
    file: Option<File>,
    size: u64,
    announcements: AtomicU64,
}

impl InputSource for RemoteInput {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(file) = &self.file {
            return file.read_at(buffer, offset);
        }
        if buffer.is_empty() || offset >= self.size {
            return Ok(0);
        }
        let bytes = self.channel.ask_bytes(offset, buffer.len()).map_err(io::Error::other)?;
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn read_ranges(&self, ranges: &[Range<u64>], announced: Option<Announcement>) -> io::Result<Vec<Vec<u8>>> {
        if !self.is_one_reply(ranges) {
            return ranges.iter().map(|range| read_exactly(self, range)).collect();
        }
        let bytes = self.channel.ask_ranges(ranges, announced).map_err(io::Error::other)?;
        let mut rest = &bytes[..];
        let mut parts = Vec::with_capacity(ranges.len());
        for range in ranges {
            let Some((part, after)) = rest.split_at_checked((range.end - range.start) as usize) else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            parts.push(part.to_vec());
            rest = after;
        }
        Ok(parts)
    }

    fn announce(&self, ranges: &[Range<u64>]) -> Option<Announcement> {
        if !self.is_one_reply(ranges) {
            return None;
        }
        let name = Announcement(self.announcements.fetch_add(1, Ordering::Relaxed));
        self.channel.announce(name, ranges);
        Some(name)
    }

    fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    fn companion(&self, relative: &str) -> Result<File, Failure> {
        self.channel.ask_file(&Request::OpenCompanion { relative: relative.to_owned() })
    }
}

impl RemoteInput {
    /// Whether the parent takes these ranges in one question.
    fn is_one_reply(&self, ranges: &[Range<u64>]) -> bool {
        let is_within = ranges.iter().all(|range| range.end <= self.size);
        let length: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        self.file.is_none() && is_within && ranges.len() <= MAX_RANGES && length <= MAX_READ as u64
    }
}

/// The outputs in the parent.
enum RemoteOutputs {
    /// Each open file is asked for.
    Asked(Arc<Channel>),
    /// The open files came with the work: the parent says which one an output is.
    Given(Arc<Channel>, Mutex<Vec<Option<File>>>),
}

impl RemoteOutputs {
    fn channel(&self) -> &Channel {
        match self {
            Self::Asked(channel) | Self::Given(channel, _) => channel,
        }
    }
}

impl OutputDestination for RemoteOutputs {
    fn create(&self, name: &str) -> Result<File, Failure> {
        let request = Request::CreateOutput { name: name.to_owned() };
        match self {
            Self::Asked(channel) => channel.ask_file(&request),
            Self::Given(channel, files) => {
                let index = channel.ask_given(&request)?;
                let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
                let file = files.get_mut(index).and_then(Option::take);
                file.ok_or_else(|| Failure::internal("the parent answered with a file that is in use"))
            }
        }
    }

    fn finished(&self, output: &OutputDescription) {
        // A parent that is gone is noticed by the last word.
        let _ = self.channel().tell(&Request::FinishedOutput { output: output.clone() });
    }
}

/// Managed services, which the parent asks: it knows what the operation may.
struct RemoteServices(Arc<Channel>);

impl Answers for RemoteServices {
    fn answer(&self, service: Service, question: &str) -> Result<Vec<u8>, Failure> {
        self.0.ask_service(service, question)
    }
}

fn progress(channel: Arc<Channel>) -> Progress {
    let last: Mutex<Option<Instant>> = Mutex::new(None);
    Progress::of_media(move |fraction, seconds| {
        let Ok(mut last) = last.try_lock() else { return };
        if last.is_none_or(|last| last.elapsed() >= PROGRESS_INTERVAL) {
            *last = Some(Instant::now());
            channel.tell_if_free(&Request::Progress { fraction, seconds });
        }
    })
}

/// `VmHWM` of /proc/self/status: the most memory that this process held, without that of the parent it was started by.
pub(super) fn peak_memory(status: &File) -> Option<u64> {
    let mut text = [0; 4096];
    let count = status.read_at(&mut text, 0).ok()?;
    let text = String::from_utf8_lossy(&text[..count]);
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    kilobytes.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|count| count * 1024)
}

/// What tools that list processes show: at most 15 bytes.
fn worker_name(kind: MediaKind) -> CString {
    CString::new(format!("{kind}-worker")).unwrap_or_default()
}

/// To the log, which the parent reads.
pub(super) fn say(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}
