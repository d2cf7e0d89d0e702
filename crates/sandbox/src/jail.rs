//! What holds the worker: no descriptors but its own, resource limits, Landlock and seccomp. Everything here is done by
//! the worker to itself, in the order of the functions, before it looks at a byte of the input.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use std::sync::atomic::{AtomicBool, Ordering};

use contract::{Jail, Sandbox};
use landlock::{ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetError, Scope};
use rustix::process::{Resource, Rlimit, Signal};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Compare, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

use super::Limits;

/// The descriptor of the channel to the parent.
pub(super) const CHANNEL: RawFd = 3;

/// Whether this worker ends with its parent, however that ends.
static ENDS_WITH_PARENT: AtomicBool = AtomicBool::new(false);

/// Lets go of everything that was inherited: descriptors, folder, signals. What the operation prints goes to the log, and
/// an empty pipe stands for its standard input.
pub(super) fn settle(channel: BorrowedFd<'_>, log: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // Where that is refused, the filter will be, too: see `limit`.
    let ends_with_parent = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).is_ok();
    tied_to_parent(ends_with_parent);
    let (empty, _) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    // Away from the numbers that are about to be taken.
    let channel = rustix::io::fcntl_dupfd_cloexec(channel, 10)?;
    rustix::stdio::dup2_stdin(&empty)?;
    // Its number may be the channel's to come.
    drop(empty);
    rustix::stdio::dup2_stdout(log)?;
    rustix::stdio::dup2_stderr(log)?;
    // SAFETY: this process is a fork that uses none of its parent's descriptors again, but for these, whose owners it
    // never drops; dup3 makes the channel this function's own.
    let channel = unsafe {
        let moved = libc::dup3(channel.into_raw_fd(), CHANNEL, libc::O_CLOEXEC);
        if moved < 0 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(moved)
    };
    close_from(CHANNEL + 1);
    rustix::process::chdir("/")?;
    for signal in [libc::SIGXCPU, libc::SIGXFSZ, libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        // SAFETY: restores the default action, which runs no code of this process.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    Ok(channel)
}

fn close_from(first: RawFd) {
    // SAFETY: see `settle`, the only caller.
    if unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) } != 0 {
        // Kernels before 5.9, and filters of container engines that do not know it.
        let most = rustix::process::getrlimit(Resource::Nofile).current.map_or(65536, |most| most.min(1 << 20));
        for descriptor in first..most as RawFd {
            // SAFETY: as above.
            unsafe { libc::close(descriptor) };
        }
    }
}

/// Notes whether this process ends with its parent.
pub(super) fn tied_to_parent(is_tied: bool) {
    ENDS_WITH_PARENT.store(is_tied, Ordering::Relaxed);
}

/// Sets the resource limits. `mapped` is the size of an input that may be mapped as a whole, which takes address space
/// but no memory of its own.
pub(super) fn limit(limits: &Limits, mapped: u64, jail: Jail) -> io::Result<()> {
    let set = |resource, soft: u64, hard: u64| {
        // A lower limit that already holds stays.
        let bound = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let limit = Rlimit { current: Some(soft.min(bound)), maximum: Some(hard.min(bound)) };
        rustix::process::setrlimit(resource, limit)
    };
    let seconds = limits.cpu.as_secs().max(1);
    let memory = limits.memory.saturating_add(mapped);
    set(Resource::As, memory, memory)?;
    // SIGXCPU at the first, SIGKILL at the second.
    set(Resource::Cpu, seconds, seconds + 2)?;
    set(Resource::Fsize, limits.output_bytes, limits.output_bytes)?;
    set(Resource::Nofile, limits.open_files, limits.open_files)?;
    set(Resource::Core, 0, 0)?;
    // Each arena of glibc's allocator reserves 64 MiB of address space, and by default there are eight for each core.
    #[cfg(target_env = "gnu")]
    // SAFETY: sets a number inside the allocator; no thread but this one exists.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 8);
    }
    // When memory runs out in the container, the worker is what the kernel ends, not its parent. Without the file (no
    // /proc) the kernel chooses as it always does. The images' programs cannot be read, which makes the file root's until the
    // process says that it may be looked into.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable);
    let _ = fs_err::write("/proc/self/oom_score_adj", "1000");
    // Nobody of the same user may look into this process or trace it.
    let hidden = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    if jail == Jail::Filter {
        hidden?;
        if !ENDS_WITH_PARENT.load(Ordering::Relaxed) {
            return Err(io::Error::other("the worker would outlive its parent"));
        }
    }
    Ok(())
}

/// Closes the sandbox by limits alone, for places whose own filter refuses another one (AWS Lambda). What is open stays so, and
/// nothing can be opened any more, not even in the place of what is closed: no file, no socket, no memory file, no descriptor that is
/// sent. No process and no thread can be started, which is why the caller is the last thread. The parent is out of reach
/// because the program's file cannot be read: see [`crate::self_test`], which shows that all of this is so.
///
/// OpenSSH holds its own decoder so (`sandbox-rlimit.c`). A worker is left with memory that may be code, signals to processes of
/// its user, and calls that name a path: its parent therefore takes nothing by a path that the worker could have changed (see
/// [`crate::scratch`]).
pub(super) fn close_by_limits() -> Result<Sandbox, String> {
    // Refused in AWS Lambda; anywhere else, programs that run with other rights are out of reach as well.
    let _ = rustix::thread::set_no_new_privs(true);
    if rustix::process::getuid().is_root() || rustix::process::geteuid().is_root() {
        return Err("limits do not hold root; the program must run as another user".to_owned());
    }
    for (resource, name) in [(Resource::Nproc, "processes"), (Resource::Nofile, "open files")] {
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        rustix::process::setrlimit(resource, none).map_err(|error| format!("failed to limit {name}: {error}"))?;
        let limit = rustix::process::getrlimit(resource);
        if (limit.current, limit.maximum) != (Some(0), Some(0)) {
            return Err(format!("the limit of {name} did not take effect"));
        }
    }
    match rustix::stdio::dup2_stdin(rustix::stdio::stdout()) {
        Err(rustix::io::Errno::BADF) => {}
        other => return Err(format!("a descriptor was not refused: {other:?}")),
    }
    Ok(Sandbox { seccomp: false, landlock: 0, jail: Some(Jail::Limits) })
}

/// Closes the sandbox. Landlock is taken as far as the kernel has it; without seccomp nothing is worked on.
pub(super) fn close() -> Result<Sandbox, String> {
    rustix::thread::set_no_new_privs(true).map_err(|error| format!("failed to set no_new_privs: {error}"))?;
    let landlock = landlock().unwrap_or(0);
    seccomp().map_err(|error| format!("the kernel refused the seccomp filter: {error}"))?;
    Ok(Sandbox { seccomp: true, landlock, jail: Some(Jail::Filter) })
}

/// No rights at all: not one file can be opened, no port bound or connected to, no process outside signalled. Gives the
/// version in force.
fn landlock() -> Result<u32, RulesetError> {
    // The newest version that the crate knows; of that, what the kernel has is taken.
    let newest = ABI::V10;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(newest))?
        .handle_access(AccessNet::from_all(newest))?
        .scope(Scope::from_all(newest))?
        .create()?
        .restrict_self()?;
    Ok(match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi as u32,
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => 0,
    })
}

fn seccomp() -> Result<(), seccompiler::Error> {
    let architecture: TargetArch = std::env::consts::ARCH.try_into()?;
    // glibc falls back to clone, whose flags a filter can see, when clone3 is unknown to the kernel. The answer has to be
    // ENOSYS for that, and a filter knows one answer only: hence a first filter of its own. Of two filters the stricter
    // answer counts.
    let no_clone3: BpfProgram = SeccompFilter::new(
        BTreeMap::from([(libc::SYS_clone3, vec![])]),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS as u32),
        architecture,
    )?
    .try_into()?;
    let allowed: BpfProgram = SeccompFilter::new(
        allowed_calls()?,
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
        architecture,
    )?
    .try_into()?;
    seccompiler::apply_filter_all_threads(&no_clone3)?;
    seccompiler::apply_filter_all_threads(&allowed)
}

/// The system calls of an operation: memory, threads, and reading and writing what is already open.
fn allowed_calls() -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    const ALWAYS: &[i64] = &[
        // Memory.
        libc::SYS_brk,
        libc::SYS_madvise,
        libc::SYS_memfd_create,
        libc::SYS_mincore,
        libc::SYS_mremap,
        libc::SYS_msync,
        libc::SYS_munmap,
        // Open files.
        libc::SYS_close,
        libc::SYS_copy_file_range,
        libc::SYS_dup,
        libc::SYS_dup3,
        libc::SYS_eventfd2,
        libc::SYS_fdatasync,
        libc::SYS_fstat,
        libc::SYS_fsync,
        libc::SYS_ftruncate,
        libc::SYS_lseek,
        libc::SYS_pipe2,
        libc::SYS_ppoll,
        libc::SYS_pread64,
        libc::SYS_preadv,
        libc::SYS_pwrite64,
        libc::SYS_pwritev,
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_sendfile,
        libc::SYS_write,
        libc::SYS_writev,
        // Threads and signals of this process.
        libc::SYS_clone3,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_futex,
        libc::SYS_getcpu,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_restart_syscall,
        libc::SYS_rseq,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_getparam,
        libc::SYS_sched_getscheduler,
        libc::SYS_sched_get_priority_max,
        libc::SYS_sched_get_priority_min,
        libc::SYS_sched_yield,
        libc::SYS_set_robust_list,
        libc::SYS_sigaltstack,
        // Facts.
        libc::SYS_clock_getres,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_getegid,
        libc::SYS_geteuid,
        libc::SYS_getgid,
        libc::SYS_getrandom,
        libc::SYS_getrusage,
        libc::SYS_gettimeofday,
        libc::SYS_getuid,
        libc::SYS_nanosleep,
        libc::SYS_sysinfo,
        libc::SYS_times,
        libc::SYS_uname,
        // What other architectures have others for.
        #[cfg(target_arch = "x86_64")]
        libc::SYS_dup2,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_poll,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_time,
    ];
    const THREAD: u64 = libc::CLONE_THREAD as u64;
    const NAMESPACES: u64 = (libc::CLONE_NEWNS
        | libc::CLONE_NEWCGROUP
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET) as u64;
    const EXECUTABLE: u64 = libc::PROT_EXEC as u64;
    // The C libraries disagree on the type of these two.
    const FIOCLEX: u64 = 0x5451;
    const FIONCLEX: u64 = 0x5450;
    const BY_DESCRIPTOR: u64 = libc::AT_EMPTY_PATH as u64;
    let one_of = |argument: u8, values: &[u64]| {
        values.iter().map(|value| rule(&[(argument, Compare::Eq, *value)])).collect::<Result<Vec<_>, _>>()
    };
    let mut calls: BTreeMap<i64, Vec<SeccompRule>> = ALWAYS.iter().map(|call| (*call, Vec::new())).collect();
    // Memory that is never code: nothing needs a new library or a compiler at run time.
    calls.insert(libc::SYS_mmap, vec![rule(&[(2, Compare::MaskedEq(EXECUTABLE), 0)])?]);
    calls.insert(libc::SYS_mprotect, vec![rule(&[(2, Compare::MaskedEq(EXECUTABLE), 0)])?]);
    // Threads, no processes.
    calls.insert(libc::SYS_clone, vec![rule(&[(0, Compare::MaskedEq(THREAD | NAMESPACES), THREAD)])?]);
    // abort() and pthread_kill() of this process, nobody else's.
    calls.insert(libc::SYS_tgkill, one_of(0, &[std::process::id().into()])?);
    // Asking for a limit, not setting one, and of this process only.
    calls.insert(
        libc::SYS_prlimit64,
        vec![SeccompRule::new(vec![
            SeccompCondition::new(0, Width::Dword, Compare::Eq, 0)?,
            SeccompCondition::new(2, Width::Qword, Compare::Eq, 0)?,
        ])?],
    );
    // Names of threads and of anonymous memory.
    calls.insert(libc::SYS_prctl, one_of(0, &[libc::PR_SET_NAME as u64, 0x5356_4d41])?);
    // Open files come over the channel, and over nothing else.
    calls.insert(libc::SYS_recvmsg, one_of(0, &[CHANNEL as u64])?);
    // fstat() of some C libraries: by descriptor.
    calls.insert(libc::SYS_newfstatat, vec![rule(&[(3, Compare::MaskedEq(BY_DESCRIPTOR), BY_DESCRIPTOR)])?]);
    calls.insert(libc::SYS_statx, vec![rule(&[(2, Compare::MaskedEq(BY_DESCRIPTOR), BY_DESCRIPTOR)])?]);
    // Space within the size of the file, which the parent can see, and not beyond its end.
    calls.insert(libc::SYS_fallocate, one_of(1, &[0])?);
    let flags = [
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
        libc::F_DUPFD,
        libc::F_DUPFD_CLOEXEC,
        libc::F_ADD_SEALS,
        libc::F_GET_SEALS,
    ];
    calls.insert(libc::SYS_fcntl, one_of(1, &flags.map(|flag| flag as u64))?);
    calls.insert(libc::SYS_ioctl, one_of(1, &[FIOCLEX, FIONCLEX])?);
    Ok(calls)
}

/// All of the comparisons hold: the argument's number, how, with what. For arguments that are an int to the kernel, which
/// ignores the register's upper half.
fn rule(comparisons: &[(u8, Compare, u64)]) -> Result<SeccompRule, BackendError> {
    let conditions = comparisons
        .iter()
        .map(|(argument, compare, value)| SeccompCondition::new(*argument, Width::Dword, compare.clone(), *value));
    SeccompRule::new(conditions.collect::<Result<_, _>>()?)
}
