//! A box like that of a Lambda function around a program: what public reports say that a function may not do (the sources are in
//! docs/fast-path.md). The real one can only be tried in an account, which `scripts/prove-on-aws` does.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

/// The user of a function; here nobody's.
const USER: u32 = 65534;

/// Descriptors that a function may have.
const DESCRIPTORS: u64 = 1024;

/// Puts a command into the box: another user than root, few descriptors, and the calls refused that Lambda's own filter refuses.
pub(crate) fn put_into_box(command: &mut Command) {
    let denied =
        [libc::SYS_prctl, libc::SYS_seccomp, libc::SYS_unshare, libc::SYS_setns, libc::SYS_mount, libc::SYS_ptrace];
    // Landlock's three calls, whose numbers are the same everywhere: Lambda's kernel does not have them.
    let filters = [filter(&[444, 445, 446], libc::ENOSYS), filter(&denied, libc::EPERM)];
    if rustix::process::getuid().is_root() {
        command.uid(USER).gid(USER);
    }
    let close = move || {
        let limit = rustix::process::Rlimit { current: Some(DESCRIPTORS), maximum: Some(DESCRIPTORS) };
        rustix::process::setrlimit(rustix::process::Resource::Nofile, limit)?;
        filters.iter().try_for_each(|filter| apply_filter(filter)).map_err(io::Error::other)
    };
    // SAFETY: between fork and exec, a limit is set and two filters that were made before are handed to the kernel.
    unsafe { command.pre_exec(close) };
}

fn filter(calls: &[i64], error: i32) -> BpfProgram {
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let architecture = std::env::consts::ARCH.try_into().expect("an architecture with filters");
    let refuse = SeccompAction::Errno(error.cast_unsigned());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, architecture).expect("a filter");
    filter.try_into().expect("a program")
}

/// A program as an image for functions has it: a copy that cannot be read, and a folder for temporary files that anybody may use.
pub(crate) struct Package {
    folder: PathBuf,
}

impl Package {
    /// Copies a workspace binary. `mode` is 0o111, but in tests of what happens otherwise.
    pub(crate) fn of(name: &str, mode: u32) -> Self {
        // One at a time: a program that is being written cannot be started, and every other start inherits the open file.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = std::env::temp_dir().join(crate::unique("package"));
        fs_err::create_dir_all(folder.join("tmp")).expect("a folder is made");
        let allow = |path: &Path, mode| {
            fs_err::set_permissions(path, Permissions::from_mode(mode)).expect("permissions are set");
        };
        allow(&folder, 0o755);
        allow(&folder.join("tmp"), 0o777);
        let program = folder.join(name);
        // By a program of its own, so that this process never has the file open.
        let copied = Command::new("cp").arg(crate::binary(name)).arg(&program).status();
        assert!(copied.expect("cp starts").success());
        allow(&program, mode);
        Self { folder }
    }

    /// A command of the program with an empty environment but for its temporary folder.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join(name));
        command.env_clear().env("TMPDIR", self.temporary()).current_dir("/").stdin(std::process::Stdio::null());
        command
    }

    /// The folder for temporary files.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.folder.join("tmp")
    }
}

impl Drop for Package {
    fn drop(&mut self) {
        let _ = fs_err::remove_dir_all(&self.folder);
    }
}
