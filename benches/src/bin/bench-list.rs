//! Many objects in one process: `image-job run --manifest` over 1,000 JPEGs of about 100 kB through a local S3, beside a
//! process for each object, as many at a time as the machine has processors. Objects a second, and how busy the processors
//! are in the steady state, which leaves out the first and the last tenth of the run.
//!
//!     cargo run --release --bin bench-list [OBJECTS]
//!
//! The program is target/release/image-job. The server shares the processors with it; what it takes is in the shares of
//! the whole machine and not in those of the program.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use benches::object_server::ObjectServer;
use benches::{Subject, Usage, median, print, run};
use catalog::{MediaKind, ProcessingOption};
use contract::{JobRequest, Source};
use image::{ImageFormat, Rgb, RgbImage};

const RUNS: usize = 5;
const OPERATION: &str = "resize?width=320&format=jpeg";
const PROGRAM: &str = "target/release/image-job";

fn main() -> Result<()> {
    let objects: usize = std::env::args().nth(1).map_or(Ok(1000), |count| count.parse())?;
    if !Path::new(PROGRAM).exists() {
        bail!("{PROGRAM} is not there: `cargo build --release --workspace` makes it");
    }
    let folder = tempfile::tempdir()?;
    let average = write_objects(folder.path(), objects)?;
    let server = ObjectServer::start(folder.path())?;
    let processors = thread::available_parallelism()?.get();

    let endpoint = server.address().to_owned();
    let list = Subject::new("one process", move || {
        let mut command = program(&endpoint);
        command.args(["--manifest", "s3://inbox/list.jsonl"]);
        command
    });
    let endpoint = server.address().to_owned();
    let (mut of_list, mut of_processes, mut busy) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=RUNS {
        let (usage, share) = watched(|| run(&list))?;
        let processes = one_process_each(&endpoint, objects, processors)?;
        // The first round warms up.
        if round > 0 {
            of_list.push(usage);
            busy.push(share);
            of_processes.push(processes);
        }
    }
    busy.sort_by(f64::total_cmp);
    let (of_list, of_processes) = (median(&of_list), median(&of_processes));
    let mut text = format!(
        "\n### {objects} JPEGs of {average} kB on average, `{OPERATION}`, {processors} processors\n\nMedians of {RUNS} runs in turn.\n\n\
         | | objects/s | CPU ms an object | wall s | objects/s × |\n| --- | ---: | ---: | ---: | ---: |\n"
    );
    for (name, usage) in [("a process for each object", &of_processes), ("one process with a list", &of_list)] {
        let rate = |usage: &Usage| objects as f64 / usage.wall.as_secs_f64();
        let _ = writeln!(
            text,
            "| {name} | {:.1} | {:.2} | {:.2} | {:.2} |",
            rate(usage),
            usage.cpu.as_secs_f64() * 1e3 / objects as f64,
            usage.wall.as_secs_f64(),
            rate(usage) / rate(&of_processes),
        );
    }
    let _ = writeln!(
        text,
        "\nProcessors busy in the steady state of the list: {:.0} % (aim 90 %), of which the program with its workers took \
         {:.0} % on average over the whole run; its peak memory {:.1} MB.",
        busy[busy.len() / 2] * 100.0,
        of_list.cpu.as_secs_f64() / of_list.wall.as_secs_f64() / processors as f64 * 100.0,
        of_list.peak_memory as f64 / 1e6,
    );
    print(&text);
    Ok(())
}

fn program(endpoint: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["run", "--output", "s3://outbox"]).env("AWS_ENDPOINT_URL", format!("http://{endpoint}"));
    command.env("AWS_REGION", "us-east-1").env("AWS_ACCESS_KEY_ID", "testing").env("AWS_SECRET_ACCESS_KEY", "testing");
    command
}

fn key(number: usize) -> String {
    format!("photo-{number:05}.jpg")
}

/// The objects and the list of them. Their average size, kB.
fn write_objects(folder: &Path, objects: usize) -> Result<u64> {
    let bucket = folder.join("inbox");
    fs_err::create_dir(&bucket)?;
    let mut lines = String::new();
    let mut bytes = 0;
    for number in 0..objects {
        let path = bucket.join(key(number));
        // A few pictures are enough: every object is fetched and decoded all the same.
        if number < 8 {
            picture(number as u32).save_with_format(&path, ImageFormat::Jpeg).context("a picture is written")?;
        } else {
            fs_err::hard_link(bucket.join(key(number % 8)), &path)?;
        }
        let size = fs_err::metadata(&path)?.len();
        bytes += size;
        let request = JobRequest {
            schema_version: contract::SCHEMA_VERSION,
            job_id: format!("job-{number}"),
            source: Source { bucket: Some("inbox".to_owned()), key: key(number), version_id: None, etag: None, size },
            processing_option: ProcessingOption::new(MediaKind::Image, OPERATION),
            uploaded_at: None,
        };
        lines += &serde_json::to_string(&request)?;
        lines.push('\n');
    }
    fs_err::write(bucket.join("list.jsonl"), lines)?;
    Ok(bytes / objects as u64 / 1000)
}

/// Soft shapes with some grain, about as hard to compress as a photograph.
fn picture(seed: u32) -> RgbImage {
    RgbImage::from_fn(960, 640, |x, y| {
        let wave = |scale: f32, shift: u32| ((x + shift) as f32 / scale).sin() * ((y + 2 * shift) as f32 / scale).cos();
        let grain = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ seed).wrapping_mul(2_246_822_519) >> 28;
        let light = |shift: u32| 120.0 + 60.0 * wave(47.0, shift) + 30.0 * wave(9.0, shift) + grain as f32;
        Rgb([light(seed * 31) as u8, light(seed * 17 + 5) as u8, light(seed * 7 + 11) as u8])
    })
}

/// One process for each object, as many at a time as there are processors.
fn one_process_each(endpoint: &str, objects: usize, processors: usize) -> Result<Usage> {
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    let usages: Vec<Vec<Usage>> = thread::scope(|scope| {
        let worker = || -> Result<Vec<Usage>> {
            let mut usages = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= objects {
                    return Ok(usages);
                }
                let endpoint = endpoint.to_owned();
                usages.push(run(&Subject::new("one object", move || {
                    let mut command = program(&endpoint);
                    command.args(["--input", &format!("s3://inbox/{}", key(number)), "--processing-option", OPERATION]);
                    command
                }))?);
            }
        };
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker does not panic")).collect::<Result<_>>()
    })?;
    let all = usages.iter().flatten();
    Ok(Usage {
        wall: start.elapsed(),
        cpu: all.clone().map(|usage| usage.cpu).sum(),
        peak_memory: all.map(|usage| usage.peak_memory).max().unwrap_or_default(),
    })
}

/// Does the work and says how busy all processors of the machine were between its first and its last tenth.
fn watched(work: impl FnOnce() -> Result<Usage>) -> Result<(Usage, f64)> {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut samples = Vec::new();
            while !done.load(Ordering::Relaxed) {
                samples.extend(processor_time());
                thread::sleep(Duration::from_millis(20));
            }
            samples
        });
        let usage = work();
        done.store(true, Ordering::Relaxed);
        let samples = watcher.join().expect("the watcher does not panic");
        let tenth = samples.len() / 10;
        let (Some(first), Some(last)) = (samples.get(tenth), samples.get(samples.len() - 1 - tenth)) else {
            bail!("/proc/stat cannot be read");
        };
        let (busy, all) = (last.0 - first.0, last.1 - first.1);
        Ok((usage?, busy as f64 / all as f64))
    })
}

/// Ticks that the processors were busy, and ticks in all, since the machine started.
fn processor_time() -> Option<(u64, u64)> {
    let text = fs_err::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> =
        text.lines().next()?.split_whitespace().skip(1).map_while(|ticks| ticks.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest time is in user's already.
    let all: u64 = ticks.iter().take(8).sum();
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some((all - idle, all))
}
