//! Measures whole processes side by side: each subject is run in turn (A B C, A B C, …), so that a machine whose speed
//! drifts treats all alike; medians are printed, and ratios to the first subject. Never a timed test.
//!
//! Each area has a binary: `cargo run --release -p benches --bin bench-image`.

pub mod object_server;

use std::fmt::Write as _;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// One program on one piece of work.
pub struct Subject {
    name: String,
    command: Box<dyn Fn() -> Command>,
}

impl Subject {
    /// A subject whose command is made anew for every run.
    pub fn new(name: impl Into<String>, command: impl Fn() -> Command + 'static) -> Self {
        Self { name: name.into(), command: Box::new(command) }
    }

    /// A subject from a program and its arguments.
    pub fn of(name: impl Into<String>, program: &str, arguments: &[&str]) -> Self {
        let program = program.to_owned();
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        Self::new(name, move || {
            let mut command = Command::new(&program);
            command.args(&arguments);
            command
        })
    }
}

/// What the operating system accounted to one run, children included.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// From start to end.
    pub wall: Duration,
    /// User and system time of the process and of the children it waited for.
    pub cpu: Duration,
    /// The largest resident set of a single process among them, bytes.
    pub peak_memory: u64,
}

/// The medians of one subject's runs.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The subject's name.
    pub name: String,
    /// Median of each figure on its own.
    pub median: Usage,
}

/// Runs each subject once as a warm-up and `runs` times in turn, and prints a table of medians with ratios to the first.
/// A run that fails fails the measurement.
pub fn compare(title: &str, subjects: &[Subject], runs: usize) -> Result<Vec<Measured>> {
    let mut usages = vec![Vec::new(); subjects.len()];
    for round in 0..=runs {
        for (subject, usages) in subjects.iter().zip(&mut usages) {
            let usage = run(subject).with_context(|| format!("{title}: {}", subject.name))?;
            if round > 0 {
                usages.push(usage);
            }
        }
    }
    let measured: Vec<Measured> = subjects
        .iter()
        .zip(&usages)
        .map(|(subject, usages)| Measured { name: subject.name.clone(), median: median(usages) })
        .collect();
    print(&table(title, &measured, runs));
    Ok(measured)
}

/// A Markdown table of medians, with ratios to the first row.
pub fn table(title: &str, measured: &[Measured], runs: usize) -> String {
    let mut text = format!(
        "\n### {title}\n\nMedians of {runs} runs in turn.\n\n\
         | | CPU s | wall s | peak MB | CPU × | wall × | memory × |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    let Some(first) = measured.first() else { return text };
    for Measured { name, median } in measured {
        let ratio = |of: f64, to: f64| if to > 0.0 { of / to } else { f64::NAN };
        let _ = writeln!(
            text,
            "| {name} | {:.3} | {:.3} | {:.1} | {:.2} | {:.2} | {:.2} |",
            median.cpu.as_secs_f64(),
            median.wall.as_secs_f64(),
            median.peak_memory as f64 / 1e6,
            ratio(median.cpu.as_secs_f64(), first.median.cpu.as_secs_f64()),
            ratio(median.wall.as_secs_f64(), first.median.wall.as_secs_f64()),
            ratio(median.peak_memory as f64, first.median.peak_memory as f64),
        );
    }
    text
}

/// Prints a result of a benchmark.
#[expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]
pub fn print(text: &str) {
    println!("{text}");
}

/// Runs a command once and says what it used.
pub fn run(subject: &Subject) -> Result<Usage> {
    let mut command = (subject.command)();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
    let (status, usage) = wait4(child.id())?;
    let wall = start.elapsed();
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    let seconds = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    Ok(Usage {
        wall,
        cpu: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        peak_memory: usage.ru_maxrss as u64 * 1024,
    })
}

/// The median of each figure on its own.
pub fn median(usages: &[Usage]) -> Usage {
    fn middle<T: Ord + Copy + Default>(mut values: Vec<T>) -> T {
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or_default()
    }
    Usage {
        wall: middle(usages.iter().map(|usage| usage.wall).collect()),
        cpu: middle(usages.iter().map(|usage| usage.cpu).collect()),
        peak_memory: middle(usages.iter().map(|usage| usage.peak_memory).collect()),
    }
}

/// The standard library does not hand out a child's resource usage.
fn wait4(pid: u32) -> Result<(ExitStatus, libc::rusage)> {
    // SAFETY: rusage is plain data, for which all zeros is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let mut status = 0;
    // SAFETY: both pointers are to live values of the right type, and the child is this process's own.
    let waited = unsafe { libc::wait4(pid as libc::pid_t, &raw mut status, 0, &raw mut usage) };
    if waited < 0 {
        return Err(io::Error::last_os_error()).context("wait4");
    }
    Ok((ExitStatus::from_raw(status), usage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_accounted_and_a_failing_one_is_an_error() {
        let usage = run(&Subject::of("sh", "sh", &["-c", "head -c 1000000 /dev/zero | wc -c"])).unwrap();
        assert!(usage.peak_memory > 100_000 && usage.wall > Duration::ZERO);
        assert!(run(&Subject::of("false", "false", &[])).is_err());
    }
}
