//! Shows that a jail holds in this place, by trying what must not work.
//!
//! Kernels, container engines and services differ in what they refuse, and a jail that was closed without an error is not yet one
//! that holds. So a child of this process closes the jail around itself as a worker does, tries to get at its parent's credentials, at
//! files, the network and other processes, and tells what came of it. A program that would rely on a jail of which any of these
//! succeeds takes no work.
//!
//! Not everything is refused by [`Jail::Limits`]: what is known to be left is tried and told as well, and is no reason to refuse work
//! ([`Attempt::is_known`]). docs/fast-path.md says what each of these can do, and to whom.

use std::ffi::CString;
use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use contract::Jail;
use serde::Serialize;

use super::{Limits, jail};

/// Stands for the credentials: a child that was forked knows where its parent has it.
static SECRET: [u8; 16] = *b"not for children";

/// Seconds after which a child that tells nothing is ended.
const PATIENCE: u32 = 10;

/// How a child's programs end that could not be started: what the shell and the loader say.
const NOT_STARTED: i32 = 127;

/// Something that was tried in a jail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// What was tried.
    pub what: String,
    /// How it was refused; absent if it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Whether the jail is known not to refuse it.
    pub is_known: bool,
}

/// What came of the attempts in a jail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SelfTest {
    /// Which jail.
    pub jail: Jail,
    /// Why it could not be closed, or the attempts could not be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Each attempt.
    pub attempts: Vec<Attempt>,
}

impl SelfTest {
    /// Whether the jail was closed and refused all that it has to refuse.
    pub fn holds(&self) -> bool {
        self.problem.is_none() && !self.attempts.is_empty() && self.broken().next().is_none()
    }

    fn broken(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| attempt.refused.is_none() && !attempt.is_known)
    }
}

/// In one line, for logs and errors.
impl fmt::Display for SelfTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let jail = match self.jail {
            Jail::Filter => "the filter of system calls",
            Jail::Limits => "the jail of limits",
        };
        if let Some(problem) = &self.problem {
            return write!(f, "{jail} could not be closed: {problem}");
        }
        let broken: Vec<&str> = self.broken().map(|attempt| attempt.what.as_str()).collect();
        if broken.is_empty() {
            write!(f, "{jail} holds")
        } else {
            write!(f, "{jail} does not hold: {}", broken.join(", "))
        }
    }
}

/// The strongest jail that holds here: the filter or, where `limits` are allowed, the jail of limits. If none does, what came of the
/// attempts. Call while the process has one thread.
pub fn choose_jail(limits: bool) -> Result<(Jail, Vec<SelfTest>), Vec<SelfTest>> {
    let mut tests = Vec::new();
    for jail in [Jail::Filter, Jail::Limits] {
        if jail == Jail::Limits && !limits {
            continue;
        }
        let test = self_test(jail);
        let holds = test.holds();
        tests.push(test);
        if holds {
            return Ok((jail, tests));
        }
    }
    Err(tests)
}

/// Closes a jail in a child and tries to leave it. Call while the process has one thread.
pub fn self_test(jail: Jail) -> SelfTest {
    let failed = |problem: String| SelfTest { jail, problem: Some(problem), attempts: Vec::new() };
    let told = match in_child(|told| try_all(jail, told)) {
        Ok((told, status)) if status.success() => told,
        Ok((told, status)) => {
            let last = told.lines().last().unwrap_or("nothing").to_owned();
            return failed(format!("the child that tried to leave it ended with {status} after {last:?}"));
        }
        Err(error) => return failed(format!("failed to start the child that tries to leave it: {error}")),
    };
    let mut test = SelfTest { jail, problem: None, attempts: Vec::new() };
    for line in told.lines() {
        match line.split('\t').collect::<Vec<_>>()[..] {
            ["problem", problem] => test.problem = Some(problem.to_owned()),
            [what, outcome, known] => test.attempts.push(Attempt {
                what: what.to_owned(),
                refused: (outcome != DONE).then(|| outcome.to_owned()),
                is_known: known == KNOWN,
            }),
            _ => return failed(format!("the child that tried to leave it told {line:?}")),
        }
    }
    if test.problem.is_none() {
        test.attempts.push(run_a_program(jail));
    }
    test
}

const DONE: &str = "done";
const KNOWN: &str = "known";

/// Forks; gives what the child has written, and how it ended.
fn in_child(child: impl FnOnce(&mut io::PipeWriter)) -> io::Result<(String, ExitStatus)> {
    let (mut reader, mut writer) = io::pipe()?;
    // SAFETY: the caller has one thread, so that the child finds every lock free; it ends without running anything of its parent's.
    match unsafe { libc::fork() } {
        0 => {
            drop(reader);
            // SAFETY: takes a number. A child that hangs is ended by its alarm.
            unsafe { libc::alarm(PATIENCE) };
            child(&mut writer);
            // SAFETY: takes a number.
            unsafe { libc::_exit(0) }
        }
        failed if failed < 0 => Err(io::Error::last_os_error()),
        process => {
            drop(writer);
            let mut told = Vec::new();
            // An error leaves what was told so far, and the child's end says the rest.
            let _ = reader.read_to_end(&mut told);
            let mut status = 0;
            // SAFETY: the pointer is to a live value; the child is this process's own.
            while unsafe { libc::waitpid(process, &raw mut status, 0) } < 0 {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
            Ok((String::from_utf8_lossy(&told).into_owned(), ExitStatus::from_raw(status)))
        }
    }
}

fn close(jail: Jail) -> Result<(), String> {
    // More than this process can have mapped: it is not the limit of memory that is to refuse anything.
    let limits = Limits { memory: 1 << 46, ..Limits::default() };
    let ends_with_parent = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    if jail == Jail::Filter {
        ends_with_parent.map_err(|error| format!("failed to tie a worker to its parent: {error}"))?;
    }
    jail::tied_to_parent(true);
    jail::limit(&limits, 0, jail).map_err(|error| format!("failed to set the limits: {error}"))?;
    let closed = match jail {
        Jail::Filter => jail::close(),
        Jail::Limits => jail::close_by_limits(),
    };
    closed.map(drop)
}

/// In the child: each attempt as a line of three columns.
fn try_all(jail: Jail, told: &mut io::PipeWriter) {
    // Made before the jail is closed, for what is tried in it.
    let parent = std::os::unix::process::parent_id() as i32;
    let paths = Paths::new(parent);
    let spare = io::pipe().ok().map(|(reader, _)| OwnedFd::from(reader));
    if let Err(problem) = close(jail) {
        let _ = writeln!(told, "problem\t{problem}");
        return;
    }
    let mut tell = |what: &str, outcome: io::Result<()>, known: bool| {
        let outcome = outcome.map_or_else(|error| error.to_string().replace(['\t', '\n'], " "), |()| DONE.to_owned());
        let _ = writeln!(told, "{what}\t{outcome}\t{}", if known { KNOWN } else { "" });
    };
    let is_by_limits = jail == Jail::Limits;
    for (what, path) in paths.secret() {
        tell(
            what,
            call(libc::SYS_openat, [libc::AT_FDCWD.into(), address(path), libc::O_RDONLY.into(), 0, 0, 0]),
            false,
        );
    }
    if let Some(spare) = spare {
        let number = spare.as_raw_fd();
        drop(spare);
        let again =
            call(libc::SYS_openat, [libc::AT_FDCWD.into(), address(&paths.root), libc::O_RDONLY.into(), 0, 0, 0]);
        tell(&format!("open a folder in the place of descriptor {number}"), again, false);
    }
    let inet = [libc::AF_INET.into(), libc::SOCK_STREAM.into(), 0, 0, 0, 0];
    tell("open a connection", call(libc::SYS_socket, inet), false);
    let unix = [libc::AF_UNIX.into(), libc::SOCK_STREAM.into(), 0, 0, 0, 0];
    tell("open a local connection", call(libc::SYS_socket, unix), false);
    // The filter allows memory without a name, which its limit of memory counts.
    if is_by_limits {
        tell("make a memory file", call(libc::SYS_memfd_create, [address(&paths.root), 0, 0, 0, 0, 0]), false);
        let thread = std::thread::Builder::new().spawn(|| ()).map(drop);
        tell("start a thread", thread, false);
    }
    tell("start a process", fork(), false);
    let limit = libc::rlimit { rlim_cur: 1024, rlim_max: 1024 };
    let raised = [0, i64::from(libc::RLIMIT_NOFILE), (&raw const limit).expose_provenance() as i64, 0, 0, 0];
    tell("raise a limit", call(libc::SYS_prlimit64, raised), false);
    tell("read the parent's memory", read_memory(parent), false);
    // PTRACE_SEIZE, which does not stop what it is done to.
    tell("trace the parent", call(libc::SYS_ptrace, [0x4206, parent.into(), 0, 0, 0, 0]), false);
    tell("take a handle of the parent", call(libc::SYS_pidfd_open, [parent.into(), 0, 0, 0, 0, 0]), false);
    tell("signal the parent", call(libc::SYS_kill, [parent.into(), 0, 0, 0, 0, 0]), is_by_limits);
    let folder = [libc::AT_FDCWD.into(), address(&paths.made), 0o700, 0, 0, 0];
    let made = call(libc::SYS_mkdirat, folder);
    if made.is_ok() {
        let _ =
            call(libc::SYS_unlinkat, [libc::AT_FDCWD.into(), address(&paths.made), libc::AT_REMOVEDIR.into(), 0, 0, 0]);
    }
    tell("make a folder among the temporary files", made, is_by_limits);
    let executable = [
        0,
        4096,
        i64::from(libc::PROT_READ | libc::PROT_EXEC),
        i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS),
        -1,
        0,
    ];
    tell("make memory executable", call(libc::SYS_mmap, executable), is_by_limits);
}

/// Paths as the kernel takes them.
struct Paths {
    root: CString,
    own_environment: CString,
    environment: CString,
    memory: CString,
    descriptors: CString,
    program: CString,
    made: CString,
}

impl Paths {
    fn new(parent: i32) -> Self {
        let path = |text: String| CString::new(text).unwrap_or_default();
        let temporary = std::env::temp_dir();
        Self {
            root: path("/".to_owned()),
            own_environment: path("/proc/self/environ".to_owned()),
            environment: path(format!("/proc/{parent}/environ")),
            memory: path(format!("/proc/{parent}/mem")),
            descriptors: path(format!("/proc/{parent}/fd")),
            program: path("/proc/self/exe".to_owned()),
            made: path(format!("{}/self-test-{}", temporary.display(), std::process::id())),
        }
    }

    fn secret(&self) -> [(&'static str, &CString); 6] {
        [
            ("open a folder", &self.root),
            ("read its own environment", &self.own_environment),
            ("read the parent's environment", &self.environment),
            ("open the parent's memory", &self.memory),
            ("list the parent's open files", &self.descriptors),
            ("read the program's file", &self.program),
        ]
    }
}

fn address(text: &CString) -> i64 {
    text.as_ptr().expose_provenance() as i64
}

fn call(number: i64, [a, b, c, d, e, f]: [i64; 6]) -> io::Result<()> {
    // SAFETY: each caller's pointers are to live values, and what succeeds ends with this child.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn fork() -> io::Result<()> {
    // SAFETY: a child that comes about ends at once.
    match unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) } {
        // SAFETY: takes a number.
        0 => unsafe { libc::_exit(0) },
        failed if failed < 0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Reads the secret where the parent has it.
fn read_memory(parent: i32) -> io::Result<()> {
    let mut read = [0_u8; SECRET.len()];
    let here = libc::iovec { iov_base: read.as_mut_ptr().cast(), iov_len: read.len() };
    let there = libc::iovec { iov_base: SECRET.as_ptr().cast_mut().cast(), iov_len: SECRET.len() };
    // SAFETY: both lists have one element, and that of this process is a live buffer of the length that it says.
    let count = unsafe {
        libc::syscall(libc::SYS_process_vm_readv, parent, &raw const here, 1_u64, &raw const there, 1_u64, 0_u64)
    };
    if count < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Starts this program again in a jail, in a child of its own, which it would replace.
fn run_a_program(jail: Jail) -> Attempt {
    let attempt = |refused: Option<String>| Attempt { what: "run a program".to_owned(), refused, is_known: false };
    let ended = in_child(|told| {
        let program = c"/proc/self/exe";
        let arguments = [program.as_ptr(), c"--version".as_ptr(), std::ptr::null()];
        let nothing: [*const libc::c_char; 1] = [std::ptr::null()];
        // What it would print is not this program's output.
        for stream in [1, 2] {
            // SAFETY: takes two numbers.
            unsafe { libc::dup2(told.as_raw_fd(), stream) };
        }
        if close(jail).is_err() {
            // SAFETY: takes a number.
            unsafe { libc::_exit(1) };
        }
        // SAFETY: the lists end with null and are live; the call only returns if it fails.
        unsafe {
            libc::execve(program.as_ptr(), arguments.as_ptr(), nothing.as_ptr());
            libc::_exit(NOT_STARTED)
        }
    });
    match ended {
        Ok((_, status)) if status.code() == Some(NOT_STARTED) => attempt(Some("it could not be loaded".to_owned())),
        Ok((_, status)) => match status.signal() {
            Some(signal) => attempt(Some(format!("signal {signal}"))),
            None => attempt(None),
        },
        Err(_) => attempt(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(what: &str, refused: Option<&str>, is_known: bool) -> Attempt {
        Attempt { what: what.to_owned(), refused: refused.map(str::to_owned), is_known }
    }

    #[test]
    fn one_attempt_that_succeeds_is_enough_unless_it_is_known_to() {
        let mut test = SelfTest {
            jail: Jail::Limits,
            problem: None,
            attempts: vec![attempt("open a folder", Some("EMFILE"), false), attempt("signal the parent", None, true)],
        };
        assert!(test.holds() && test.to_string() == "the jail of limits holds");
        test.attempts.push(attempt("trace the parent", None, false));
        assert!(!test.holds());
        assert_eq!(test.to_string(), "the jail of limits does not hold: trace the parent");
        test.problem = Some("prctl: EPERM".to_owned());
        assert!(test.to_string().contains("could not be closed: prctl: EPERM"));
    }

    #[test]
    fn nothing_tried_is_nothing_shown() {
        assert!(!SelfTest { jail: Jail::Filter, problem: None, attempts: Vec::new() }.holds());
    }
}
