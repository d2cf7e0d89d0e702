//! Which jail holds in this place.

use std::os::unix::fs::MetadataExt;

use contract::Jail;
use sandbox::{SelfTest, choose_jail};
use serde_json::{Value, json};

use super::serve::{ISOLATION, SERVE, SERVE_LAMBDA};

/// Which jail holds in this place, for the programs that ask.
pub(super) enum Isolation {
    /// Nobody asked: operations are held by the filter or not done.
    NotTried,
    /// What came of the attempts, and the jail that holds, if one does.
    Tried(Option<Jail>, Vec<SelfTest>),
}

impl Isolation {
    /// Tries out what a subcommand relies on. The jail of limits is for Lambda functions alone.
    pub(super) fn try_out(subcommand: Option<&str>) -> Self {
        match subcommand {
            Some(ISOLATION) => {
                let tests = [Jail::Filter, Jail::Limits].map(sandbox::self_test);
                let jail = tests.iter().find(|test| test.holds()).map(|test| test.jail);
                Self::Tried(jail, tests.into())
            }
            Some(name @ (SERVE | SERVE_LAMBDA)) => match choose_jail(name == SERVE_LAMBDA) {
                Ok((jail, tests)) => Self::Tried(Some(jail), tests),
                Err(tests) => Self::Tried(None, tests),
            },
            _ => Self::NotTried,
        }
    }

    pub(super) fn jail(&self) -> Option<Jail> {
        match self {
            Self::NotTried => Some(Jail::Filter),
            Self::Tried(jail, _) => *jail,
        }
    }

    /// For people who have to know whether and why a place isolates workers.
    pub(super) fn report(&self) -> Value {
        let Self::Tried(jail, tests) = self else { return Value::Null };
        let kernel = fs_err::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
        let user = status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().next());
        let mode = fs_err::metadata("/proc/self/exe").map(|file| format!("{:04o}", file.mode() & 0o7777)).ok();
        json!({
            "jail": jail,
            "kernel": kernel.trim(),
            "user": user,
            "programMode": mode,
            "verdicts": tests.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "tests": tests,
            "version": env!("CARGO_PKG_VERSION"),
        })
    }

    /// In one line.
    pub(super) fn verdicts(&self) -> String {
        let Self::Tried(_, tests) = self else { return String::new() };
        tests.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}
