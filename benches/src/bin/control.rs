//! The control plane: what a Lambda costs, and what a day of 5 TB does to the limits of AWS.
//!
//! `cargo run --release -p benches --bin control` simulates and measures; with `simulate` it only simulates.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use benches::print;
use catalog::MediaKind;
use dispatch_lambda::packing::{Packing, pack};
use e2e::{Aws, Lambda, unique};
use job::{JobRequest, Source};
use serde_json::{Value, json};

/// The defaults of dispatch and of Terraform.
const PACKING: Packing = Packing { below_bytes: 32 << 20, bytes: 512 << 20, count: 100 };
const WINDOW_SECONDS: usize = 20;
/// Limits of AWS: requests a second an account, task starts a second on Fargate.
const SUBMITS_A_SECOND: usize = 50;
const STARTS_A_SECOND: usize = 20;
/// From a start that was granted to the first instruction of the program: network, image, init.
const START_SECONDS: usize = 35;
const DAY: usize = 86_400;
/// The hour with five times the arrivals of the others.
const PEAK: std::ops::Range<usize> = 12 * 3600..13 * 3600;

/// A day's uploads of one kind.
struct Flow {
    kind: MediaKind,
    objects: usize,
    bytes: u64,
    /// Work of a container on one object: seconds, and seconds a MB. What the jobs' own benchmarks give on 2 vCPU.
    seconds: f64,
    seconds_a_mb: f64,
}

const MIXED: &[Flow] = &[
    Flow { kind: MediaKind::Video, objects: 7_000, bytes: 500_000_000, seconds: 5.0, seconds_a_mb: 0.05 },
    Flow { kind: MediaKind::Image, objects: 150_000, bytes: 5_000_000, seconds: 0.1, seconds_a_mb: 0.06 },
    Flow { kind: MediaKind::Document, objects: 250_000, bytes: 2_000_000, seconds: 0.1, seconds_a_mb: 0.05 },
    Flow { kind: MediaKind::Model, objects: 5_000, bytes: 50_000_000, seconds: 0.5, seconds_a_mb: 0.2 },
];

const IMAGES: &[Flow] =
    &[Flow { kind: MediaKind::Image, objects: 2_500_000, bytes: 2_000_000, seconds: 0.1, seconds_a_mb: 0.06 }];

fn main() -> Result<()> {
    for (title, flows) in [("412,000 objects of every kind", MIXED), ("2.5 million images of 2 MB", IMAGES)] {
        for (packing, how) in [(PACKING, "packed"), (Packing { below_bytes: 0, ..PACKING }, "one job for each object")]
        {
            print(&simulate(&format!("5 TB in a day as {title}, {how}"), flows, &packing, 4000));
        }
    }
    if std::env::args().nth(1).as_deref() != Some("simulate") {
        tokio::runtime::Runtime::new()?.block_on(measure())?;
    }
    Ok(())
}

/// A container's work: the uploads that it ends, with its length.
struct Work {
    seconds: f64,
    vcpus: usize,
    arrived: Vec<u32>,
}

/// Steps through the day second by second until everything has ended.
fn simulate(title: &str, flows: &[Flow], packing: &Packing, most_vcpus: usize) -> String {
    let started = Instant::now();
    let mut queues: Vec<Vec<JobRequest>> = flows.iter().map(|_| Vec::new()).collect();
    let mut due = vec![0.0_f64; flows.len()];
    let mut to_submit: VecDeque<Vec<Work>> = VecDeque::new();
    let mut to_start: VecDeque<Work> = VecDeque::new();
    let mut running: BinaryHeap<Reverse<(u64, usize, usize)>> = BinaryHeap::new();
    let mut works: Vec<Vec<u32>> = Vec::new();
    let mut turnarounds: Vec<u32> = Vec::new();
    let (mut vcpus, mut most_used, mut submissions, mut containers) = (0, 0, 0_usize, 0_usize);
    let mut rows: Vec<[usize; 5]> = Vec::new();
    let mut second = 0;
    loop {
        if second < DAY {
            for (position, flow) in flows.iter().enumerate() {
                let share = if PEAK.contains(&second) { 5.0 } else { 1.0 } / (3600.0 * 28.0);
                due[position] += flow.objects as f64 * share;
                while due[position] >= 1.0 {
                    due[position] -= 1.0;
                    queues[position].push(request(flow, second));
                }
            }
        }
        if second.is_multiple_of(WINDOW_SECONDS) {
            for (position, flow) in flows.iter().enumerate() {
                for pack in pack(std::mem::take(&mut queues[position]), packing) {
                    to_submit.push_back(children(flow, &pack));
                }
            }
        }
        for _ in 0..SUBMITS_A_SECOND {
            let Some(job) = to_submit.pop_front() else { break };
            submissions += 1;
            to_start.extend(job);
        }
        while let Some(Reverse((until, used, number))) =
            running.peek().copied().filter(|Reverse((until, ..))| *until <= second as u64 * 1000)
        {
            running.pop();
            vcpus -= used;
            turnarounds.extend(works[number].drain(..).map(|arrived| (until / 1000) as u32 - arrived + 1));
        }
        for _ in 0..STARTS_A_SECOND {
            let Some(work) = to_start.front() else { break };
            if vcpus + work.vcpus > most_vcpus {
                break;
            }
            let Some(work) = to_start.pop_front() else { break };
            vcpus += work.vcpus;
            containers += 1;
            let until = (second + START_SECONDS) as u64 * 1000 + (work.seconds * 1000.0) as u64;
            running.push(Reverse((until, work.vcpus, works.len())));
            works.push(work.arrived);
        }
        most_used = most_used.max(vcpus);
        if second.is_multiple_of(3600) && second > 0 {
            let waiting = queues.iter().map(Vec::len).sum();
            let unsubmitted = to_submit.iter().flatten().map(|work| work.arrived.len()).sum();
            let unstarted = to_start.iter().map(|work| work.arrived.len()).sum();
            rows.push([second / 3600, waiting, unsubmitted, unstarted, vcpus]);
        }
        let is_over = second >= DAY && queues.iter().all(Vec::is_empty) && to_submit.is_empty() && to_start.is_empty();
        if is_over && running.is_empty() {
            break;
        }
        second += 1;
        // What does not drain within a week never does.
        if second > 7 * DAY {
            break;
        }
    }
    let objects: usize = flows.iter().map(|flow| flow.objects).sum();
    report(title, &rows, &mut turnarounds, objects, second, [submissions, containers, most_used], started.elapsed())
}

fn request(flow: &Flow, second: usize) -> JobRequest {
    JobRequest {
        schema_version: job::SCHEMA_VERSION,
        job_id: second.to_string(),
        source: Source { bucket: None, key: String::new(), version_id: None, etag: None, size: flow.bytes },
        kind: flow.kind,
        processing_option: flow.kind.default_processing_option().to_owned(),
        uploaded_at: None,
    }
}

fn children(flow: &Flow, pack: &dispatch_lambda::packing::Pack) -> Vec<Work> {
    let each = flow.seconds + flow.seconds_a_mb * flow.bytes as f64 / 1e6;
    let slices = (0..pack.children).map(|child| control::work_list::slice(pack.requests.len(), pack.children, child));
    let work = |range: std::ops::Range<usize>| Work {
        seconds: each * range.len() as f64,
        vcpus: pack.resources.vcpus as usize,
        arrived: pack.requests[range].iter().map(|request| request.job_id.parse().unwrap_or_default()).collect(),
    };
    slices.map(work).collect()
}

fn report(
    title: &str,
    rows: &[[usize; 5]],
    turnarounds: &mut [u32],
    objects: usize,
    end: usize,
    [submissions, containers, most_used]: [usize; 3],
    took: Duration,
) -> String {
    turnarounds.sort_unstable();
    let percentile =
        |part: f64| turnarounds.get(((turnarounds.len() as f64 - 1.0) * part) as usize).copied().unwrap_or(0);
    let mut text = format!("\n### {title}\n\n");
    let _ = writeln!(
        text,
        "{} of {objects} objects ended; drained {} s after the day's end; {submissions} submissions ({:.4} an object), \
         {containers} containers, at most {most_used} vCPU. Turnaround: median {} s, 95 % {} s, 99 % {} s, at most {} s. \
         (Simulated in {:.1} s.)\n",
        turnarounds.len(),
        end.saturating_sub(DAY),
        submissions as f64 / objects as f64,
        percentile(0.5),
        percentile(0.95),
        percentile(0.99),
        percentile(1.0),
        took.as_secs_f64(),
    );
    text.push_str("| hour | in the queue | not submitted | not started | vCPU | waiting |\n| ---: | ---: | ---: | ---: | ---: | --- |\n");
    let most = rows.iter().map(|[_, a, b, c, _]| a + b + c).max().unwrap_or(1).max(1);
    for [hour, queue, unsubmitted, unstarted, vcpus] in
        rows.iter().filter(|[hour, ..]| (11..=18).contains(hour) || hour % 6 == 0)
    {
        let bar = "#".repeat((queue + unsubmitted + unstarted) * 40 / most);
        let _ = writeln!(text, "| {hour} | {queue} | {unsubmitted} | {unstarted} | {vcpus} | `{bar}` |");
    }
    text
}

/// Runs the real classify program under the Runtime API emulator, against an AWS API on this machine.
async fn measure() -> Result<()> {
    const EVENTS: usize = 300;
    let aws = Aws::start();
    let (bucket, topic) = (aws.bucket().await, aws.topic_with_queue().await);
    let table = unique("table");
    let key = |name: &str, role| {
        aws_sdk_dynamodb::types::KeySchemaElement::builder().attribute_name(name).key_type(role).build()
    };
    let attribute = |name: &str| {
        let text = aws_sdk_dynamodb::types::ScalarAttributeType::S;
        aws_sdk_dynamodb::types::AttributeDefinition::builder().attribute_name(name).attribute_type(text).build()
    };
    aws.dynamodb()
        .create_table()
        .table_name(&table)
        .billing_mode(aws_sdk_dynamodb::types::BillingMode::PayPerRequest)
        .attribute_definitions(attribute("object")?)
        .attribute_definitions(attribute("jobId")?)
        .key_schema(key("object", aws_sdk_dynamodb::types::KeyType::Hash)?)
        .key_schema(key("jobId", aws_sdk_dynamodb::types::KeyType::Range)?)
        .send()
        .await?;
    let mut environment = aws.environment();
    let mut set = |name: &str, value: &str| environment.push((name.to_owned(), value.to_owned()));
    set("S3_INPUT", &bucket);
    set("DYNAMODB_INPUT", &table);
    set("SNS_NOTIF", &topic.topic_arn);
    for kind in MediaKind::ALL {
        set(kind.queue_variable(), &aws.queue().await);
    }
    let mut inits: Vec<Duration> = Vec::new();
    for _ in 0..9 {
        inits.push(Lambda::start("classify-lambda", environment.clone()).init());
    }
    inits.sort_unstable();
    let photo = [b"\xff\xd8\xff\xe0".as_slice(), &[7; 100_000]].concat();
    aws.put(&bucket, "photo.jpg", photo.clone()).await;
    let head = aws.s3().head_object().bucket(&bucket).key("photo.jpg").send().await?;
    let etag = head.e_tag().context("an entity tag")?.trim_matches('"').to_owned();
    let event = |number: usize| -> Value {
        json!({"detail-type": "Object Created", "source": "aws.s3", "time": "2026-11-22T18:00:00Z",
            "detail": {"bucket": {"name": bucket}, "object": {
                "key": "photo.jpg", "size": photo.len(), "etag": etag, "sequencer": format!("{number:016X}")}}})
    };
    let lambda = Lambda::start("classify-lambda", environment);
    for number in 0..20 {
        ensure!(lambda.invoke(&event(number)).is_ok(), "classify failed");
    }
    let (before, start) = (lambda.cpu(), Instant::now());
    for number in 20..20 + EVENTS {
        ensure!(lambda.invoke(&event(number)).is_ok(), "classify failed");
    }
    let cpu = (lambda.cpu() - before).as_secs_f64() * 1000.0 / EVENTS as f64;
    print(&format!(
        "\n### classify-lambda under the Runtime API, against an AWS API on this machine\n\n\
         | figure | value |\n| --- | ---: |\n| init, median of {} starts | {:.1} ms |\n| CPU a warm event | {cpu:.2} ms |\n\
         | events a second of one core, by CPU | {:.0} |\n| wall a warm event, the emulated AWS included | {:.1} ms |\n\
         | peak memory after {} events | {:.1} MB |",
        inits.len(),
        inits[inits.len() / 2].as_secs_f64() * 1000.0,
        1000.0 / cpu,
        start.elapsed().as_secs_f64() * 1000.0 / EVENTS as f64,
        EVENTS + 20,
        lambda.peak_memory() as f64 / 1e6,
    ));
    Ok(())
}
