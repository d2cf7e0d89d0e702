//! The parent's side: starts the worker, answers it, holds it to its limits, and says how it ended.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IoSlice, PipeReader, Read};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use catalog::Service;
use contract::{Failure, FailureKind, Jail, Sandbox};
use operation::{RangeSource, companion_path};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

use super::ending::{self, Log};
use super::protocol::{
    Assignment, Decoder, Ending, GIVEN_OUTPUTS, MAX_COMPANIONS, MAX_RANGES, MAX_READ, Reply, Request, encode_reply,
};
use super::scratch::{Assigned, Scratch};
use super::serve::peak_memory;
use super::{Completed, WorkerInput, WorkerReport, WorkerTask, fork_server};

/// How often the parent looks at the outputs' size and at the worker's memory.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// How long a worker that closed its channel may take to end.
const GRACE: Duration = Duration::from_secs(2);

pub(super) fn run(task: &WorkerTask<'_>) -> WorkerReport {
    let mut scratch = Scratch::new(task.scratch);
    let mut worker = match Worker::start(task) {
        Ok(worker) => worker,
        Err(failure) => {
            let (peak_memory, needs_memory, cpu, sandbox) = Default::default();
            return WorkerReport { result: Err(failure), peak_memory, needs_memory, cpu, sandbox };
        }
    };
    let ended = worker.answer(&mut scratch);
    let exit = worker.end(!matches!(ended, Err(End::Silent)));
    let needs_memory = matches!(ended, Err(End::Silent)) && ending::needs_memory(exit.status, &worker.log);
    let result = match ended {
        Ok(_) if scratch.size() > task.limits.output_bytes => Err(ending::output_limit(task.limits)),
        Ok(completed) => Ok(completed),
        Err(End::Because(failure)) => Err(failure),
        Err(End::Silent) => Err(ending::reason(exit.status, exit.cpu, &worker.log, task.limits)),
    };
    let result = result.and_then(|completed| scratch.keep(&completed.outputs).map(|()| completed));
    let peak_memory = if worker.peak_memory > 0 { worker.peak_memory } else { exit.peak_memory };
    WorkerReport { result, peak_memory, needs_memory, cpu: exit.cpu, sandbox: worker.sandbox }
}

fn start_worker(
    task: &WorkerTask<'_>,
    channel: BorrowedFd<'_>,
    log: BorrowedFd<'_>,
) -> io::Result<rustix::process::Pid> {
    fork_server::start(channel, log, task.is_last, task.operation.kind_for(task.format), task.operation)
}

struct Worker<'a> {
    task: &'a WorkerTask<'a>,
    process: rustix::process::Pid,
    /// Of the process, for its memory; absent without /proc.
    status_file: Option<File>,
    socket: UnixStream,
    log_pipe: Option<PipeReader>,
    log: Log,
    deadline: Instant,
    next_check: Instant,
    companions: usize,
    asked: BTreeMap<Service, u32>,
    peak_memory: u64,
    sandbox: Sandbox,
}

/// Why the conversation ended without a result.
enum End {
    /// The worker said so, or the parent decided.
    Because(Failure),
    /// The channel was closed without a last word.
    Silent,
}

struct Exit {
    status: Option<ExitStatus>,
    cpu: Duration,
    peak_memory: u64,
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Because(failure)
    }
}

impl<'a> Worker<'a> {
    fn start(task: &'a WorkerTask<'a>) -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            let kind = match error.kind() {
                // Too many processes, no memory, no descriptors: another time or another machine.
                io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => FailureKind::Temporary,
                _ => FailureKind::Internal,
            };
            Failure::new(kind, "failed to start the worker process").because(error)
        };
        let (socket, channel) = UnixStream::pair().map_err(failed)?;
        let (log_pipe, log_writer) = io::pipe().map_err(failed)?;
        let process = start_worker(task, channel.as_fd(), log_writer.as_fd()).map_err(failed)?;
        // The worker's ends of the socket and of the pipe have to close when it ends.
        drop((channel, log_writer));
        let now = Instant::now();
        let mut worker = Self {
            task,
            process,
            status_file: fs_err::File::open(format!("/proc/{process}/status")).ok().map(|file| file.into_parts().0),
            socket,
            log_pipe: Some(log_pipe),
            log: Log::default(),
            deadline: now + task.limits.wall,
            next_check: now + CHECK_INTERVAL,
            companions: 0,
            asked: BTreeMap::new(),
            peak_memory: 0,
            sandbox: Sandbox::default(),
        };
        let prepared = worker.socket.set_nonblocking(true);
        if let Err(error) = prepared.and_then(|()| rustix::io::ioctl_fionbio(worker.log(), true).map_err(Into::into)) {
            worker.end(true);
            return Err(failed(error));
        }
        Ok(worker)
    }

    /// Gives the worker its work and answers what it asks, until its last word.
    fn answer(&mut self, scratch: &mut Scratch<'_>) -> Result<Completed, End> {
        self.assign(scratch)?;
        let mut decoder = Decoder::default();
        let mut buffer = vec![0; 64 << 10];
        loop {
            self.wait(PollFlags::IN, scratch)?;
            // Without room for descriptors: a file that the worker sends is closed by the kernel.
            let count = match rustix::net::recv(&self.socket, &mut buffer, RecvFlags::empty()) {
                Ok((_, 0)) | Err(rustix::io::Errno::CONNRESET) => return Err(End::Silent),
                Ok((_, count)) => count,
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(Failure::internal("failed to read from the worker").because(error).into()),
            };
            decoder.push(&buffer[..count]);
            while let Some(request) = decoder.next_request().map_err(|what| broken(&what))? {
                self.check_limits(scratch)?;
                if let Some(completed) = self.handle(request, scratch)? {
                    return Ok(completed);
                }
            }
        }
    }

    fn assign(&mut self, scratch: &mut Scratch<'_>) -> Result<(), End> {
        let task = self.task;
        let file = match &task.input {
            WorkerInput::Whole(file) => Some(read_only(file)?),
            WorkerInput::Ranged(_) => None,
        };
        let assignment = Assignment {
            operation: task.operation.unredacted(),
            kind: task.operation.kind_for(task.format),
            share: task.share,
            name: task.name.clone(),
            format: task.format,
            size: task.size,
            whole: file.is_some(),
            // The worker cannot find out how many there are.
            limits: task.limits.with_processors(),
            jail: task.jail,
        };
        let mut files: Vec<File> = file.into_iter().collect();
        if task.jail == Jail::Limits {
            let given =
                scratch.give().and_then(|given| given.iter().map(File::try_clone).collect::<io::Result<Vec<_>>>());
            files.extend(
                given.map_err(|error| Failure::temporary("failed to make files for the outputs").because(error))?,
            );
        }
        let frame = encode_reply(&assignment, &[])
            .map_err(|error| Failure::internal("failed to encode the work for the worker").because(error))?;
        self.send(&frame, &files, scratch)
    }

    /// Answers one request; gives the result when it is the last.
    fn handle(&mut self, request: Request, scratch: &mut Scratch<'_>) -> Result<Option<Completed>, End> {
        match request {
            Request::Started { sandbox } => self.sandbox = sandbox,
            Request::Progress { fraction, seconds } if fraction.is_finite() => {
                self.task.progress.report_media(fraction, seconds);
            }
            Request::Progress { .. } => {}
            Request::CreateOutput { name } if self.task.jail == Jail::Limits => match scratch.assign(&name) {
                Ok(index) => self.reply(&Reply::Given(index), &[], &[], scratch)?,
                Err(Assigned::Refused(failure)) => {
                    self.reply(&Reply::Refused((&failure).into()), &[], &[], scratch)?;
                }
                Err(Assigned::UsedUp) => {
                    let message =
                        format!("the operation makes more than {GIVEN_OUTPUTS} files, which it cannot do here");
                    return Err(Failure::temporary(message).into());
                }
            },
            Request::CreateOutput { name } => {
                let file = scratch.create(&name);
                self.reply_file(file, scratch)?;
            }
            Request::FinishedOutput { output } => {
                scratch.finished(&output)?;
                // In the jail of limits it has no name yet.
                if self.task.jail == Jail::Filter {
                    (self.task.finished)(&output)?;
                }
            }
            Request::OpenCompanion { .. } if self.task.jail == Jail::Limits => {
                let message = "the input names files beside it, which are not read here";
                return Err(Failure::temporary(message).into());
            }
            Request::OpenCompanion { relative } => {
                let file = self.companion(&relative)?;
                self.reply_file(file, scratch)?;
            }
            Request::ReadAt { offset, length } => {
                let bytes = self.read_at(offset, length)?;
                self.reply(&Reply::Bytes, &bytes, &[], scratch)?;
            }
            Request::ReadRanges { ranges, announced } => {
                let (source, ranges) = self.ranges_of_one_reply(&ranges)?;
                let bytes = source.read_ranges(&ranges, announced)?;
                self.reply(&Reply::Bytes, &bytes, &[], scratch)?;
            }
            Request::Announce { name, ranges } => {
                let (source, ranges) = self.ranges_of_one_reply(&ranges)?;
                source.announce(name, &ranges);
            }
            Request::Ask { service, question } => {
                let answer = self.ask(service, &question)?;
                match &answer {
                    Ok(bytes) => self.reply(&Reply::Bytes, bytes, &[], scratch)?,
                    Err(failure) => self.reply(&Reply::Refused(failure.into()), &[], &[], scratch)?,
                }
            }
            Request::Done { ending, peak_memory } => {
                self.peak_memory = self.peak_memory.max(peak_memory);
                return match ending {
                    Ending::Completed { outputs, properties, versions } => {
                        Ok(Some(Completed { outputs, properties, versions }))
                    }
                    Ending::Failed(reason) => Err(Failure::from(reason).into()),
                };
            }
        }
        Ok(None)
    }

    /// A failure of the store ends the worker: whatever it made without these bytes would be wrong, and the kind of the
    /// failure decides whether to try again.
    fn read_at(&self, offset: u64, length: usize) -> Result<bytes::Bytes, End> {
        let WorkerInput::Ranged(source) = &self.task.input else {
            return Err(broken("a read of an input that it has as a file").into());
        };
        let rest = self.task.size.saturating_sub(offset);
        let length = length.min(MAX_READ).min(usize::try_from(rest).unwrap_or(usize::MAX));
        if length == 0 {
            return Ok(bytes::Bytes::new());
        }
        let mut bytes = source.read_at(offset, length)?;
        if bytes.is_empty() {
            return Err(
                Failure::internal(format!("the store returned no bytes at {offset} of {}", self.task.size)).into()
            );
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    fn ranges_of_one_reply(&self, ranges: &[(u64, u64)]) -> Result<(&dyn RangeSource, Vec<Range<u64>>), End> {
        let WorkerInput::Ranged(source) = &self.task.input else {
            return Err(broken("a read of an input that it has as a file").into());
        };
        let within = |&(offset, length): &(u64, u64)| {
            let end = offset.checked_add(length).filter(|end| *end <= self.task.size)?;
            Some(offset..end)
        };
        let parts: Option<Vec<_>> = ranges.iter().map(within).collect();
        let is_one_reply = ranges.len() <= MAX_RANGES
            && ranges.iter().fold(0_u64, |sum, (_, length)| sum.saturating_add(*length)) <= MAX_READ as u64;
        match parts.filter(|_| is_one_reply) {
            Some(parts) => Ok((source.as_ref(), parts)),
            None => Err(broken("a read of parts that are outside of the input or too many").into()),
        }
    }

    /// The work may go on without the answer. A question that the options of the operation do not allow is no mistake of an
    /// operation: somebody else is asking.
    fn ask(&mut self, service: Service, question: &str) -> Result<Result<Vec<u8>, Failure>, End> {
        let allowances = self.task.operation.allowances();
        let allowed = allowances.iter().find(|allowed| allowed.service == service).map_or(0, |allowed| allowed.calls);
        let asked = self.asked.entry(service).or_default();
        if *asked >= allowed {
            let what = format!("a question to the service {service:?} beyond the {allowed} that its options allow");
            return Err(broken(&what).into());
        }
        *asked += 1;
        let Some(services) = &self.task.services else {
            return Ok(Err(Failure::invalid_request(format!(
                "{} asks a managed service, which this program does not offer",
                self.task.operation.name()
            ))));
        };
        Ok(services.answer(service, question))
    }

    /// The work may go on without a companion file that is not there, but not when a later try could find it.
    fn companion(&mut self, relative: &str) -> Result<Result<File, Failure>, End> {
        self.companions += 1;
        if self.companions > MAX_COMPANIONS {
            let message = format!("the file names more than {MAX_COMPANIONS} other files");
            return Err(Failure::invalid_input(message).into());
        }
        let opened = companion_path(relative).and_then(|path| {
            let file = self.task.companions.open(&path)?;
            if !file.metadata()?.is_file() {
                return Err(Failure::invalid_input(format!("the input names {path:?}, which is not a regular file")));
            }
            read_only(&file)
        });
        match opened {
            Err(failure) if matches!(failure.kind(), FailureKind::Temporary | FailureKind::Internal) => {
                Err(failure.into())
            }
            opened => Ok(opened),
        }
    }

    fn reply_file(&mut self, file: Result<File, Failure>, scratch: &Scratch<'_>) -> Result<(), End> {
        match file {
            Ok(file) => self.reply(&Reply::File, &[], std::slice::from_ref(&file), scratch),
            Err(failure) => self.reply(&Reply::Refused((&failure).into()), &[], &[], scratch),
        }
    }

    fn reply(&mut self, reply: &Reply, body: &[u8], files: &[File], scratch: &Scratch<'_>) -> Result<(), End> {
        let frame = encode_reply(reply, body)
            .map_err(|error| Failure::internal("failed to encode an answer to the worker").because(error))?;
        self.send(&frame, files, scratch)
    }

    /// Sends a frame, the files with its first byte, without ever waiting longer than the limits allow.
    fn send(&mut self, frame: &[u8], mut files: &[File], scratch: &Scratch<'_>) -> Result<(), End> {
        let mut rest = frame;
        while !rest.is_empty() {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1 + GIVEN_OUTPUTS))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let descriptors: Vec<BorrowedFd<'_>> = files.iter().map(AsFd::as_fd).collect();
            if !descriptors.is_empty() {
                control.push(SendAncillaryMessage::ScmRights(&descriptors));
            }
            let sent = rustix::net::sendmsg(&self.socket, &[IoSlice::new(rest)], &mut control, SendFlags::NOSIGNAL);
            match sent {
                Ok(count) => {
                    rest = &rest[count..];
                    files = &[];
                }
                Err(rustix::io::Errno::AGAIN) => self.wait(PollFlags::OUT, scratch)?,
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => return Err(End::Silent),
                Err(error) => return Err(Failure::internal("failed to answer the worker").because(error).into()),
            }
        }
        Ok(())
    }

    /// Waits until the socket is ready. Meanwhile reads the log and checks the limits.
    fn wait(&mut self, ready: PollFlags, scratch: &Scratch<'_>) -> Result<(), End> {
        loop {
            self.check_limits(scratch)?;
            let (socket_ready, log_ready) = self.poll(ready, self.deadline.min(self.next_check))?;
            if log_ready {
                self.read_log();
            }
            if socket_ready {
                return Ok(());
            }
        }
    }

    fn check_limits(&mut self, scratch: &Scratch<'_>) -> Result<(), Failure> {
        let now = Instant::now();
        if now >= self.deadline {
            return Err(ending::time_limit(self.task.limits));
        }
        if now >= self.next_check {
            self.sample_memory();
            if scratch.size() > self.task.limits.output_bytes {
                return Err(ending::output_limit(self.task.limits));
            }
            // Many files take long to look at: never more than a twentieth of the time.
            let took = now.elapsed();
            self.next_check = now + took + CHECK_INTERVAL.max(took * 20);
        }
        Ok(())
    }

    fn poll(&self, ready: PollFlags, until: Instant) -> Result<(bool, bool), Failure> {
        let pause = until.saturating_duration_since(Instant::now());
        let mut descriptors = vec![PollFd::new(&self.socket, ready)];
        descriptors.extend(self.log_pipe.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        let pause = Timespec { tv_sec: pause.as_secs() as i64, tv_nsec: pause.subsec_nanos().into() };
        match rustix::event::poll(&mut descriptors, Some(&pause)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Failure::internal("failed to wait for the worker").because(error)),
        }
        let happened = |at: usize| descriptors.get(at).is_some_and(|descriptor| !descriptor.revents().is_empty());
        Ok((happened(0), happened(1)))
    }

    /// Reads what a full pipe holds, and not more: a worker that writes without end must not keep its parent here.
    fn read_log(&mut self) {
        let mut buffer = [0; 4096];
        for _ in 0..(64 << 10) / buffer.len() {
            let Some(pipe) = &mut self.log_pipe else { return };
            match pipe.read(&mut buffer) {
                Ok(count) if count > 0 => self.log.push(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => self.log_pipe = None,
            }
        }
    }

    fn log(&self) -> BorrowedFd<'_> {
        self.log_pipe.as_ref().map_or(self.socket.as_fd(), AsFd::as_fd)
    }

    fn sample_memory(&mut self) {
        let peak = self.status_file.as_ref().and_then(peak_memory).unwrap_or(0);
        self.peak_memory = self.peak_memory.max(peak);
    }

    /// Sees to it that nothing of the worker runs any more. It has no other processes, so that one kill is enough.
    fn end(&mut self, at_once: bool) -> Exit {
        self.sample_memory();
        let deadline = Instant::now() + GRACE;
        let mut killed = false;
        let exit = loop {
            if !killed && (at_once || Instant::now() >= deadline) {
                // The process is this one's own child and not waited for yet, so that the number is still its own.
                let _ = rustix::process::kill_process(self.process, rustix::process::Signal::KILL);
                killed = true;
            }
            if let Some(exit) = wait_for(self.process, killed) {
                break exit;
            }
            std::thread::sleep(Duration::from_micros(200));
        };
        self.read_log();
        exit
    }
}

/// The standard library does not hand out a child's resource usage.
fn wait_for(process: rustix::process::Pid, block: bool) -> Option<Exit> {
    // SAFETY: rusage is plain data, for which all zeros is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let mut status = 0;
    let options = if block { 0 } else { libc::WNOHANG };
    // SAFETY: both pointers are to live values of the right type.
    let waited = unsafe { libc::wait4(process.as_raw_nonzero().get(), &raw mut status, options, &raw mut usage) };
    let status = match waited {
        0 => return None,
        count if count > 0 => Some(ExitStatus::from_raw(status)),
        _ if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => return None,
        // Somebody else of this process waits for all children.
        _ => None,
    };
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    Some(Exit { status, cpu: time(usage.ru_utime) + time(usage.ru_stime), peak_memory: usage.ru_maxrss as u64 * 1024 })
}

/// The same file, open for reading only: what the worker must not write, it must not be able to.
fn read_only(file: &File) -> Result<File, Failure> {
    let flags = rustix::fs::fcntl_getfl(file).map_err(io::Error::from)?;
    if flags & OFlags::RWMODE == OFlags::RDONLY {
        return Ok(file.try_clone()?);
    }
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file));
    let reopened = fs_err::File::open(path)
        .map_err(|error| Failure::internal("failed to open the input read-only").because(error))?;
    Ok(reopened.into_parts().0)
}

fn broken(what: &str) -> Failure {
    Failure::internal(format!("the worker broke the protocol with {what}"))
}
