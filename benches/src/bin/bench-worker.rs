//! What a process of its own costs an operation: the same small work in this process and in a worker, in turn. The wall
//! time from the call to the report, and the CPU time of parent and worker together.
//!
//! `cargo run --release --bin bench-worker`

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use benches::{Measured, Usage, median, print, table};
use catalog::{Declaration, Format, MediaKind, Operation, Operations};
use contract::{Failure, Properties};
use operation::{CompanionSource, Job, Processor, Progress, Task};
use sandbox::{Limits, WorkerInput, WorkerReport, WorkerTask, prepare_workers, run_in_process, run_in_worker};

const RUNS: usize = 201;

fn main() -> Result<()> {
    let _workers =
        prepare_workers(&[Job { kind: MediaKind::Image, processors: &[&Copy] }], &operation::Weights::default());
    let operations: Operations = "resize?width=800&format=webp".parse()?;
    let operation = operations.first();
    let mut input = tempfile::NamedTempFile::new()?;
    input.write_all(&[7; 1000])?;
    let measure = |run: &dyn Fn(WorkerTask<'_>) -> WorkerReport| -> Result<Usage> {
        let scratch = tempfile::tempdir()?;
        let limits = Limits::default();
        let task = WorkerTask {
            operation,
            share: None,
            name: "photo.jpg".to_owned(),
            format: Format::Jpeg,
            size: 1000,
            input: WorkerInput::Whole(fs_err::File::open(input.path())?.into_parts().0),
            companions: Arc::new(NoCompanions),
            services: None,
            scratch: scratch.path(),
            limits: &limits,
            jail: contract::Jail::Filter,
            progress: Progress::silent(),
            is_last: false,
            finished: &|_| Ok(()),
        };
        let (start, cpu) = (Instant::now(), cpu());
        let report = run(task);
        let wall = start.elapsed();
        report.result?;
        Ok(Usage { wall, cpu: self::cpu().saturating_sub(cpu), peak_memory: report.peak_memory })
    };
    let (mut here, mut there) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        here.push(measure(&|task| run_in_process(&Copy, task))?);
        there.push(measure(&run_in_worker)?);
    }
    let measured = [("in this process", &here), ("in a worker", &there)]
        .map(|(name, usages)| Measured { name: name.to_owned(), median: median(usages) });
    print(&table("Copying 1 kB", &measured, RUNS));
    let overhead =
        |at: fn(&Usage) -> Duration| (at(&measured[1].median).saturating_sub(at(&measured[0].median))).as_secs_f64();
    print(&format!(
        "Overhead of the worker: {:.2} ms by the clock, {:.2} ms of CPU time; the limit is 10 ms.",
        overhead(|usage| usage.wall) * 1e3,
        overhead(|usage| usage.cpu) * 1e3
    ));
    Ok(())
}

/// As little work as can be with an input and an output.
struct Copy;

impl Processor for Copy {
    fn declaration(&self) -> &'static Declaration {
        Declaration::named("convert").expect("it is declared")
    }

    fn process(&self, _: &Operation, task: &Task) -> Result<Properties, Failure> {
        let mut output = task.outputs.create("copy")?;
        std::io::copy(&mut task.input.reader(), &mut output)?;
        output.finish("application/octet-stream", Properties::new());
        Ok(Properties::new())
    }
}

struct NoCompanions;

impl CompanionSource for NoCompanions {
    fn open(&self, relative: &str) -> Result<File, Failure> {
        Err(Failure::input_not_found(format!("there is no {relative}")))
    }
}

/// CPU time of this process and of the children that it waited for.
fn cpu() -> Duration {
    [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN].into_iter().map(usage).sum()
}

fn usage(of: libc::c_int) -> Duration {
    // SAFETY: rusage is plain data, for which all zeros is a value; the pointer is to a live one.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(of, &raw mut usage);
        usage
    };
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}
