//! Where workers come from: a process that is forked first of all in `main()` and forks again for each worker.
//!
//! Starting the program anew for each worker would have the dynamic loader write some 50,000 relocations again, which is
//! most of what such a start costs. A fork has them. It has the rest of its parent's memory, too, which is why it is made
//! before there is anything in it: no thread, no client, no credentials but those of the environment, whose bytes are
//! overwritten along with those of the command line before the first worker is made.
//!
//! Where one worker is all that the program will need, the fork server becomes it, which saves a fork.
//!
//! A worker is a child of the program, not of the fork server (`CLONE_PARENT`), so that the program waits for it, ends it
//! and reads its use of resources as it does with any child. Workers of one program have the same layout of memory; each
//! start of the program has another one.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, OnceLock, PoisonError};

use catalog::{MediaKind, Operation};
use operation::{Job, Weights};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use rustix::process::{Pid, Signal};

use super::granted::processors;
use super::{jail, serve};

/// The way to the fork server, or why there is none.
static SERVER: OnceLock<Result<Mutex<UnixStream>, String>> = OnceLock::new();

/// Keeps the fork server; it ends when this goes.
#[must_use = "no worker can be started once this is dropped"]
pub struct Workers {
    server: Option<Pid>,
}

/// Call first in `main()`, before any thread or runtime, and keep the result until its end. In the workers, which do the
/// work of these jobs, it never returns. All workers share the weights, which are mapped by now.
pub fn prepare_workers(jobs: &[Job], weights: &Weights) -> Workers {
    let without = |error: io::Error| {
        let _ = SERVER.set(Err(format!("failed to fork the process that starts workers: {error}")));
        Workers { server: None }
    };
    let (ours, theirs) = match UnixStream::pair() {
        Ok(pair) => pair,
        Err(error) => return without(error),
    };
    let program = rustix::process::getpid();
    // Once for all that is forked.
    processors();
    // SAFETY: there is one thread, so that the child finds every lock free.
    match unsafe { libc::fork() } {
        0 => {
            drop(ours);
            if let Err(error) = serve_forks(&theirs, program, jobs, weights) {
                serve::say(&format!("failed to start workers: {error}"));
            }
            exit()
        }
        failed if failed < 0 => without(io::Error::last_os_error()),
        server => {
            // This program's threads copy bytes; the heap of its own that each would get only takes time to set up.
            // SAFETY: takes two numbers.
            unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
            let _ = SERVER.set(Ok(Mutex::new(ours)));
            Workers { server: Pid::from_raw(server) }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let (Some(server), Some(Ok(socket))) = (self.server, SERVER.get()) {
            let socket = socket.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = socket.shutdown(std::net::Shutdown::Both);
            let _ = rustix::process::waitpid(Some(server), rustix::process::WaitOptions::empty());
        }
    }
}

/// What the fork server is asked for: a worker, or the last one, which it becomes itself.
const ANY: u8 = 0;
const LAST: u8 = 1;

/// The longest text that tells the fork server what to get ready: a longer one is not sent, and the worker gets it ready.
const MOST_TEXT: usize = 4096;

/// Starts a worker with its end of the channel and of the log. After the last one there are no more. The operation is what the
/// fork server may get ready for all workers to share.
pub(super) fn start(
    channel: BorrowedFd<'_>,
    log: BorrowedFd<'_>,
    is_last: bool,
    kind: MediaKind,
    operation: &Operation,
) -> io::Result<Pid> {
    let server = SERVER.get().ok_or_else(|| io::Error::other("prepare_workers was not called"))?;
    let server = server.as_ref().map_err(|reason| io::Error::other(reason.clone()))?;
    let server = server.lock().unwrap_or_else(PoisonError::into_inner);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [channel, log];
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    let gone = |error: rustix::io::Errno| match error {
        rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET => server_is_gone(),
        error => error.into(),
    };
    // The last worker gets ready for itself.
    let is_shared = !is_last && !operation.weights().is_empty();
    let text = if is_shared { format!("{kind}\n{operation}") } else { String::new() };
    let text = Some(text).filter(|text| text.len() <= MOST_TEXT).unwrap_or_default();
    let mut wanted = vec![if is_last { LAST } else { ANY }];
    wanted.extend((text.len() as u16).to_ne_bytes());
    wanted.extend(text.as_bytes());
    rustix::net::sendmsg(&*server, &[IoSlice::new(&wanted)], &mut control, SendFlags::NOSIGNAL).map_err(gone)?;
    let mut answer = [0; 4];
    io::Read::read_exact(&mut &*server, &mut answer).map_err(|_| server_is_gone())?;
    // What fork() gives, or the negated error.
    match i32::from_ne_bytes(answer) {
        error if error < 0 => Err(io::Error::from_raw_os_error(-error)),
        process => Pid::from_raw(process).ok_or_else(server_is_gone),
    }
}

/// The kernel ends what it must when memory is short: another start may go well.
fn server_is_gone() -> io::Error {
    io::Error::new(io::ErrorKind::WouldBlock, "the process that starts workers was ended from outside")
}

/// The fork server: a worker for each message, until the program ends.
fn serve_forks(socket: &UnixStream, program: Pid, jobs: &[Job], weights: &Weights) -> io::Result<()> {
    // Refused in AWS Lambda; the end of the socket is enough where nothing else goes wrong.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    if rustix::process::getppid() != Some(program) {
        return Ok(());
    }
    // Ctrl-C at a terminal is for the program to act on. Workers stay in this group.
    rustix::process::setpgid(None, None)?;
    forget_secrets()?;
    loop {
        let mut head = [0; 1 + size_of::<u16>()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received =
            rustix::net::recvmsg(socket, &mut [IoSliceMut::new(&mut head)], &mut control, RecvFlags::CMSG_CLOEXEC);
        match received {
            Ok(received) if received.bytes == 0 => return Ok(()),
            Ok(received) => io::Read::read_exact(&mut &*socket, &mut head[received.bytes..])?,
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let mut descriptors: Vec<OwnedFd> = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                descriptors.extend(received);
            }
        }
        let [channel, log] = &descriptors[..] else {
            return Err(io::Error::other("a worker was asked for without its channel"));
        };
        let [wanted, low, high] = head;
        let mut text = vec![0; u16::from_ne_bytes([low, high]).into()];
        io::Read::read_exact(&mut &*socket, &mut text)?;
        if wanted == LAST {
            let process = rustix::process::getpid().as_raw_nonzero().get();
            io::Write::write_all(&mut &*socket, &process.to_ne_bytes())?;
            work(channel.as_fd(), log.as_fd(), jobs, weights)
        }
        if let Some((kind, operation)) = std::str::from_utf8(&text).ok().and_then(|text| text.split_once('\n')) {
            serve::prepare(jobs, weights, kind, operation);
            debug_assert_eq!(threads(), 1, "what is prepared here starts no thread");
        }
        // SAFETY: a fork with another parent. This process has one thread, which holds no lock, so that nothing is missing
        // of what fork() would do in the child but the C library's note of the thread's number, which only calls that
        // send a signal to this thread by that number look at; the sandbox refuses them.
        let process = unsafe { libc::syscall(libc::SYS_clone, libc::CLONE_PARENT | libc::SIGCHLD, 0, 0, 0, 0) };
        match process {
            0 => work(channel.as_fd(), log.as_fd(), jobs, weights),
            process => {
                let error = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EAGAIN);
                let answer = if process < 0 { -error } else { process as i32 };
                io::Write::write_all(&mut &*socket, &answer.to_ne_bytes())?;
            }
        }
    }
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// A worker's life.
fn work(channel: BorrowedFd<'_>, log: BorrowedFd<'_>, jobs: &[Job], weights: &Weights) -> ! {
    match jail::settle(channel, log) {
        Ok(channel) => serve::serve(jobs, weights, channel),
        Err(error) => serve::say(&format!("failed to set up the worker: {error}")),
    }
    exit()
}

/// Overwrites the command line and the environment where the kernel put them, in which there may be passwords and keys, and
/// leaves only what libraries need to be told because they cannot look it up in the sandbox.
fn forget_secrets() -> io::Result<()> {
    let threads = processors();
    let status = fs_err::read_to_string("/proc/self/stat")?;
    // Fields 48 to 51 of proc(5), counted from 1: arg_start, arg_end, env_start, env_end. The second is the program's name
    // in parentheses, with whatever characters it has.
    let fields = status.rsplit_once(')').map_or("", |(_, fields)| fields);
    let numbers: Vec<usize> =
        fields.split_whitespace().skip(45).take(4).filter_map(|field| field.parse().ok()).collect();
    let [arguments, arguments_end, environment, environment_end] = numbers[..] else {
        return Err(io::Error::other("/proc/self/stat does not say where the environment is"));
    };
    // SAFETY: this process has one thread; both areas are its own, at the top of the stack, and can be written. Nothing
    // points into the environment any more once it is cleared, and what points into the command line finds empty strings.
    unsafe {
        libc::clearenv();
        for (start, end) in [(arguments, arguments_end), (environment, environment_end)] {
            std::ptr::with_exposed_provenance_mut::<u8>(start).write_bytes(0, end.saturating_sub(start));
        }
        std::env::set_var("RAYON_NUM_THREADS", threads.to_string());
    }
    Ok(())
}

/// Ends the process at once: destructors of native libraries have nothing left to do, and threads that an operation left
/// behind must not go on.
fn exit() -> ! {
    // SAFETY: takes a number.
    unsafe { libc::_exit(0) }
}
