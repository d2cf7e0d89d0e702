//! Why a worker ended without a result, in words: from its exit status and from what it wrote last.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use contract::Failure;

use super::Limits;
use super::limits::size_in_words;
use super::protocol::clipped;
use super::serve::STACK;

/// The end of what the worker wrote to standard output and standard error.
#[derive(Debug, Default)]
pub(super) struct Log {
    tail: Vec<u8>,
    line: Vec<u8>,
}

const TAIL: usize = 4096;

impl Log {
    /// Keeps the end, and gives whole lines to the program's own log.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = TAIL.saturating_sub(self.line.len());
            self.line.extend_from_slice(&line[..line.len().min(room)]);
            if line.ends_with(b"\n") {
                tracing::debug!(target: "worker", "{}", clipped(String::from_utf8_lossy(&self.line).trim_end()));
                self.line.clear();
            }
        }
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL)..]);
        let surplus = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..surplus);
    }

    fn text(&self) -> String {
        clipped(&String::from_utf8_lossy(&self.tail))
    }
}

pub(super) fn time_limit(limits: &Limits) -> Failure {
    Failure::internal(format!(
        "the operation takes longer than the limit of {} seconds; --time-limit raises it",
        limits.wall.as_secs_f64()
    ))
}

pub(super) fn output_limit(limits: &Limits) -> Failure {
    Failure::internal(format!(
        "the results are larger than the limit of {}; --output-limit raises it",
        size_in_words(limits.output_bytes)
    ))
}

fn memory_limit(limits: &Limits) -> Failure {
    Failure::internal(format!(
        "the operation needs more memory than the limit of {}; --memory-limit raises it",
        size_in_words(limits.memory)
    ))
}

fn cpu_limit(limits: &Limits) -> Failure {
    Failure::internal(format!(
        "the operation takes more CPU time than the limit of {} seconds; --cpu-limit raises it",
        limits.cpu.as_secs()
    ))
}

/// The reason of a worker that ended by itself without a last word.
pub(super) fn reason(status: Option<ExitStatus>, cpu: Duration, log: &Log, limits: &Limits) -> Failure {
    let text = log.text();
    let Some(signal) = status.and_then(|status| status.signal()) else {
        let code = status.and_then(|status| status.code());
        let code = code.map_or_else(|| "an unknown status".to_owned(), |code| format!("exit code {code}"));
        return Failure::internal(format!(
            "the worker ended with {code} before the work was done{}",
            last_words(&text)
        ));
    };
    match signal {
        libc::SIGXCPU => cpu_limit(limits),
        libc::SIGKILL if cpu >= limits.cpu => cpu_limit(limits),
        libc::SIGXFSZ => output_limit(limits),
        // A service manager that stops the job may stop each of its processes.
        libc::SIGTERM | libc::SIGINT | libc::SIGHUP => {
            Failure::temporary(format!("the worker was stopped from outside by {}", name(signal)))
        }
        libc::SIGKILL => Failure::internal(
            "the worker was killed by the system, probably because the machine or the container ran out of memory",
        ),
        _ if text.contains("has overflowed its stack") => Failure::internal(format!(
            "the operation recursed too deeply: it used up its stack of {}",
            size_in_words(STACK as u64)
        )),
        _ if is_failed_allocation(&text) => memory_limit(limits),
        _ => Failure::internal(format!("the operation crashed with {}{}", name(signal), last_words(&text))),
    }
}

/// Whether a worker that ended so would perhaps not have with more memory.
pub(super) fn needs_memory(status: Option<ExitStatus>, log: &Log) -> bool {
    status.and_then(|status| status.signal()).is_some() && is_failed_allocation(&log.text())
}

/// The words of Rust's and of C++'s allocation.
fn is_failed_allocation(text: &str) -> bool {
    text.contains("memory allocation of ") || text.contains("std::bad_alloc")
}

fn name(signal: i32) -> String {
    match signal {
        libc::SIGABRT => "SIGABRT (it gave up)".to_owned(),
        libc::SIGSEGV => "SIGSEGV (access to memory that is not its own)".to_owned(),
        libc::SIGBUS => "SIGBUS (access to memory that does not exist)".to_owned(),
        libc::SIGILL => "SIGILL (an instruction that the processor does not know, or a trap)".to_owned(),
        libc::SIGFPE => "SIGFPE (a division by zero)".to_owned(),
        libc::SIGTRAP => "SIGTRAP (a trap)".to_owned(),
        libc::SIGSYS => "SIGSYS (a system call that is forbidden)".to_owned(),
        libc::SIGTERM => "SIGTERM".to_owned(),
        libc::SIGINT => "SIGINT".to_owned(),
        libc::SIGHUP => "SIGHUP".to_owned(),
        other => format!("signal {other}"),
    }
}

fn last_words(text: &str) -> String {
    match text.lines().rev().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) => format!("; its last words: {line}"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(raw: i32, text: &str) -> String {
        let mut log = Log::default();
        log.push(text.as_bytes());
        let limits = Limits { cpu: Duration::from_secs(5), ..Limits::default() };
        reason(Some(ExitStatus::from_raw(raw)), Duration::from_secs(1), &log, &limits).to_string()
    }

    #[test]
    fn each_way_to_end_has_its_words() {
        for (raw, text, words) in [
            (libc::SIGABRT, "memory allocation of 64 bytes failed\n", "more memory than the limit of 4 GiB"),
            (libc::SIGABRT, "what():  std::bad_alloc\n", "--memory-limit"),
            (libc::SIGABRT, "thread 'operation' (1) has overflowed its stack\n", "recursed too deeply"),
            (libc::SIGABRT, "first\nAssertion failed\n\n", "SIGABRT (it gave up); its last words: Assertion failed"),
            (libc::SIGSEGV, "", "SIGSEGV"),
            (libc::SIGBUS, "", "SIGBUS"),
            (libc::SIGKILL, "", "killed by the system, probably"),
            (libc::SIGTERM, "", "stopped from outside by SIGTERM"),
            (libc::SIGXCPU, "", "more CPU time than the limit of 5 seconds"),
            (libc::SIGXFSZ, "", "larger than the limit of 20 GiB"),
            (3 << 8, "", "ended with exit code 3"),
        ] {
            assert!(said(raw, text).contains(words), "{}", said(raw, text));
        }
    }

    #[test]
    fn a_log_keeps_its_end_however_much_is_written() {
        let mut log = Log::default();
        for _ in 0..1000 {
            log.push(&[b'x'; 1000]);
        }
        log.push(b"\nthe end\n");
        assert!(log.tail.len() <= TAIL && log.line.len() <= TAIL);
        assert_eq!(last_words(&log.text()), "; its last words: the end");
    }
}
