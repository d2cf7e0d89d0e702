//! The isolated worker: an operation runs in a process of its own that can reach nothing but its input and its outputs.
//!
//! # What it protects against
//!
//! Files come from strangers, and the decoders that read them are large, partly written in C, and have had faults that
//! let a file run code of its author's choice. The worker is built so that a decoder that is taken over, crashes, hangs,
//! recurses or eats memory costs its own job and nothing else:
//!
//! - **No credentials.** Workers are forked from a process that was forked itself before the program did anything, and
//!   that overwrote its environment and command line ([`prepare_workers`]). A worker has no open descriptors but three
//!   streams (of which standard input is empty, and the others are the log) and one socket to its parent. It can
//!   open no file and no connection, so that neither the container's credential endpoint nor a file with keys can be
//!   reached, and it cannot look into its parent or signal it.
//! - **No network, no files, no programs.** seccomp allows the system calls for memory, threads and open files, and
//!   refuses all others with EPERM; Landlock takes every right over the file system as well where the kernel has it.
//!   Memory is never executable. Without seccomp nothing is worked on: the job fails with the reason. Which of the two
//!   were in force stands in the event ([`Sandbox`]).
//! - **Limits** ([`Limits`]) on memory, CPU time, time by the clock, bytes of results and open files. The kernel is told
//!   to end the worker first when the container runs out of memory.
//! - **The parent believes nothing.** What it asks of managed services is one of a closed list, which the options of the operation
//!   allow, and no more often than they allow. The worker asks for its outputs by name, for companion files by relative path and for
//!   parts of the input by offset; names, paths, lengths and counts are checked by the parent, which makes and opens the
//!   files itself and hands over descriptors. After a failure nothing stays in the scratch folder.
//!
//! What it does not hide: the time, the number of processors, the kernel's version, size and times of a file whose path is
//! guessed (a C library's `fstat` is a call that can name a path). None of these can leave the worker except in
//! its results.
//!
//! It needs no privileges: it works as any user, in a container with the engine's own seccomp profile and a read-only
//! root. /proc has to be mounted, as it is in every container.
//!
//! # How it ends
//!
//! Every end is a [`WorkerReport`]: the operation's own failure as it is; a panic with its message; a crash with its
//! signal; a limit with its size and the flag that raises it. All but the operation's own are
//! [`FailureKind::Internal`](contract::FailureKind::Internal), and a panic of a library is
//! [`FailureKind::InvalidInput`](contract::FailureKind::InvalidInput): such is what a damaged file does to a decoder.
//! A failure of the store while the worker reads ends the worker at once and is the job's failure,
//! unchanged: whatever a decoder would make of the missing bytes would be wrong, and `Temporary` must stay `Temporary`.
//! A companion file that is not there or not allowed is an error to the operation, which may go on without it.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use catalog::{Format, Operation};
use contract::{Failure, Jail, Properties, Sandbox};
use operation::{Answers, CompanionSource, OutputDescription, Progress, RangeSource, Share};

mod channel;
mod ending;
mod fork_server;
mod granted;
mod in_process;
mod jail;
mod limits;
mod panic;
mod protocol;
mod scratch;
mod self_test;
mod serve;
mod supervise;

pub use fork_server::{Workers, prepare_workers};
pub use granted::{memory, processors};
pub use in_process::run_in_process;
pub use limits::Limits;
pub use self_test::{Attempt, SelfTest, choose_jail, self_test};

/// Where the bytes of the input come from.
pub enum WorkerInput {
    /// The worker gets the file, open for reading only.
    Whole(File),
    /// The worker asks its parent for parts.
    Ranged(Arc<dyn RangeSource>),
}

/// One operation on one input.
pub struct WorkerTask<'a> {
    /// What to do.
    pub operation: &'a Operation,
    /// What of it, where several processes share the work.
    pub share: Option<Share>,
    /// The file name of the object, without folders.
    pub name: String,
    /// The format by content.
    pub format: Format,
    /// Bytes of the input.
    pub size: u64,
    /// Its bytes.
    pub input: WorkerInput,
    /// Its companion files.
    pub companions: Arc<dyn CompanionSource>,
    /// Who answers what it asks of managed services, as far as its options allow it to.
    pub services: Option<Arc<dyn Answers>>,
    /// The folder for the outputs, which exists.
    pub scratch: &'a Path,
    /// What the operation may use.
    pub limits: &'a Limits,
    /// What holds it: [`Jail::Filter`] but where it is refused and [`self_test`] has shown that [`Jail::Limits`] holds.
    pub jail: Jail,
    /// Where progress is reported.
    pub progress: Progress,
    /// Whether the program starts no worker after this one: what would have forked it may then be it.
    pub is_last: bool,
    /// Told of each output when it is complete, while the work goes on. A failure of it ends the work and is the job's.
    pub finished: &'a (dyn Fn(&OutputDescription) -> Result<(), Failure> + Sync),
}

/// How the work ended.
#[derive(Debug)]
pub struct WorkerReport {
    /// The result, whose files are in the scratch folder; after a failure there are none.
    pub result: Result<Completed, Failure>,
    /// Bytes of memory that the worker held at most.
    pub peak_memory: u64,
    /// Whether it failed because it needs more memory than its limit.
    pub needs_memory: bool,
    /// User and system time of the worker, its start included.
    pub cpu: Duration,
    /// What held it.
    pub sandbox: Sandbox,
}

impl WorkerReport {
    /// The report of work that never reached a worker.
    pub fn failed(failure: Failure) -> Self {
        Self {
            result: Err(failure),
            peak_memory: 0,
            needs_memory: false,
            cpu: Duration::ZERO,
            sandbox: Sandbox::default(),
        }
    }
}

/// What came out.
#[derive(Debug)]
pub struct Completed {
    /// The finished outputs, in the order of finishing.
    pub outputs: Vec<OutputDescription>,
    /// Facts about the whole result.
    pub properties: Properties,
    /// Versions of the native libraries that shaped it.
    pub versions: Vec<(String, String)>,
}

/// Does the work in a process of its own. Blocks until nothing of that process runs any more. The program's `main()` must
/// begin with [`prepare_workers`].
#[expect(clippy::needless_pass_by_value, reason = "a task is done once; its input is closed when it is")]
pub fn run_in_worker(task: WorkerTask<'_>) -> WorkerReport {
    supervise::run(&task)
}

/// What the parent does with bytes from a worker, for the fuzz target.
#[doc(hidden)]
pub fn decode_requests(pieces: &[&[u8]]) -> usize {
    let mut decoder = protocol::Decoder::default();
    let mut count = 0;
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_request() {
                Ok(Some(_)) => count += 1,
                Ok(None) => break,
                Err(_) => return count,
            }
        }
    }
    count
}
