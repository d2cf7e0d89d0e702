//! A day of 5 TB, second by second, against the limits of AWS that nobody can have lifted or that this project sets
//! itself. Requests are packed by dispatch's own code.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use catalog::{Format, MediaKind, Operations, ProcessingOption};
use contract::{JobRequest, Source};
use control::dispatch::packing::{Pack, Packing, pack};

/// Concurrent runs of classify at most (Lambda's default for an account; it adds 1,000 in ten seconds, so it is there at
/// once) and the seconds that one takes, four requests to AWS included.
const CLASSIFY_AT_ONCE: usize = 1000;
const CLASSIFY_SECONDS: f64 = 0.15;
/// Terraform's `dispatch`: messages a call, the window in which SQS gathers them, calls at once for each kind.
const DISPATCH_BATCH: usize = 1000;
const DISPATCH_WINDOW: usize = 20;
const DISPATCH_AT_ONCE: usize = 2;
/// What a call of dispatch takes besides waiting for `SubmitJob`, seconds.
const DISPATCH_SECONDS: usize = 2;
/// Limits of AWS: requests a second an account, task starts a second on Fargate.
const SUBMITS_A_SECOND: usize = 50;
const STARTS_A_SECOND: usize = 20;
/// Terraform's `max_vcpus`.
const MOST_VCPUS: usize = 256;
/// From a start that was granted to the first instruction of the program: network, image, init.
const START_SECONDS: usize = 35;
/// The fast path, milliseconds: from S3 to classify by EventBridge (not promised by AWS), classify, from the queue to a function that
/// is ready, and from the result by the topic to the record.
const EVENT: std::ops::Range<u64> = 300..1000;
const CLASSIFY_MILLISECONDS: u64 = 150;
const PICK_UP: std::ops::Range<u64> = 50..200;
const RECORD: std::ops::Range<u64> = 150..250;
/// A function that has to be started first, milliseconds; and how long one that has nothing to do is kept, seconds.
const COLD: std::ops::Range<u64> = 300..700;
const KEPT: usize = 600;
/// Terraform's `fast_path`: functions of a kind at once, and the seconds that work may be expected to take.
const FUNCTIONS: usize = 100;
const FAST_MOST: Duration = Duration::from_secs(10);
const DAY: usize = 86_400;
/// The hour with five times the arrivals of the others.
const PEAK: std::ops::Range<usize> = 12 * 3600..13 * 3600;
/// The queues' depths are noted so often.
const SAMPLE: usize = 60;

/// A day's uploads of one kind.
pub struct Flow {
    /// The kind.
    pub kind: MediaKind,
    /// What is asked for: the same as in docs/cost/load.toml.
    pub option: &'static str,
    /// How many.
    pub objects: usize,
    /// Bytes of each.
    pub bytes: u64,
    /// What a container waits for one object: for S3, mostly. Seconds, assumed; as many objects wait at a time as there are vCPUs.
    pub waits: f64,
    /// Work of one processor on a MB, seconds: measured, the same as in docs/cost/load.toml.
    pub cpu_seconds_a_mb: f64,
}

/// Of a processor's time, what is used. The rest is the end of a slice, and waiting. As in docs/cost/load.toml.
const UTILISATION: f64 = 0.8;

/// Seconds that Fargate bills before the first instruction of the program, and at least. As in docs/cost/load.toml.
const BILLED_START: f64 = 20.0;
const BILLED_LEAST: f64 = 60.0;

/// The containers of a kind.
#[derive(Debug, Clone, Copy, Default)]
pub struct Containers {
    objects: usize,
    count: usize,
    vcpus: usize,
    /// vCPU-hours that are paid for.
    hours: f64,
}

/// How many objects wait where, and how much works.
#[derive(Debug, Clone, Copy, Default)]
pub struct Depth {
    /// Second of the day.
    pub second: usize,
    /// Before classify, and in the kinds' queues.
    pub queued: usize,
    /// In jobs that `SubmitJob` has not yet taken.
    pub unsubmitted: usize,
    /// In jobs whose container has not yet been started.
    pub unstarted: usize,
    /// In use.
    pub vcpus: usize,
}

/// How a day went.
pub struct Day {
    /// What came and how it was handled.
    pub title: &'static str,
    /// Over time.
    pub depths: Vec<Depth>,
    objects: usize,
    submissions: usize,
    containers: usize,
    /// Those of each flow.
    kinds: Vec<(MediaKind, Containers)>,
    /// Seconds from upload to record by AWS Batch, ascending.
    turnarounds: Vec<u32>,
    /// Milliseconds from upload to record on the fast path, ascending.
    fast: Vec<u32>,
    /// Functions that were started, and seconds of functions' work.
    cold: usize,
    function_seconds: f64,
    /// The second in which the last ended.
    end: usize,
}

/// A container's work: how long, how much of a machine, and when its uploads came.
struct Work {
    seconds: f64,
    vcpus: usize,
    arrived: Vec<u32>,
}

/// A kind on its way.
#[derive(Default)]
struct Kind {
    due: f64,
    to_classify: VecDeque<JobRequest>,
    queue: VecDeque<(usize, JobRequest)>,
    /// Seconds at which calls of dispatch end.
    dispatching: Vec<usize>,
    /// Jobs that `SubmitJob` has not yet taken.
    unsubmitted: usize,
    to_start: VecDeque<Work>,
    /// Objects in `to_start`.
    unstarted: usize,
    functions: Functions,
}

/// The functions of a kind: when each is free, milliseconds of the day, the one that was busy last at the end.
#[derive(Default)]
struct Functions(Vec<u64>);

impl Functions {
    /// Takes a request at a millisecond: when it is done, and whether a function was started for it.
    fn take(&mut self, at: u64, work: u64, random: &mut Random) -> (u64, bool) {
        self.0.retain(|free| at < free + KEPT as u64 * 1000);
        // The one that is free the longest time would be ended first: the one that was busy last is taken.
        let ready = (0..self.0.len()).filter(|index| self.0[*index] <= at).max_by_key(|index| self.0[*index]);
        let (start, is_cold) = match ready {
            Some(index) => (at.max(self.0.swap_remove(index)), false),
            None if self.0.len() < FUNCTIONS => (at + random.within(COLD), true),
            None => {
                let next = (0..self.0.len()).min_by_key(|index| self.0[*index]).unwrap_or_default();
                (self.0.swap_remove(next).max(at), false)
            }
        };
        self.0.push(start + work);
        (start + work, is_cold)
    }
}

/// Numbers without a pattern that are the same in every run (`SplitMix64`).
struct Random(u64);

impl Random {
    fn within(&mut self, range: std::ops::Range<u64>) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        range.start + (mixed ^ mixed >> 31) % (range.end - range.start)
    }
}

/// How long an object of a flow takes on the fast path by the declaration of its kind's default, if it takes it.
fn fast_work(flow: &Flow) -> Option<u64> {
    let format = match flow.kind {
        MediaKind::Document => Format::Pdf,
        MediaKind::Image => Format::Jpeg,
        MediaKind::Model => Format::Glb,
        MediaKind::Video => Format::Mp4,
    };
    let expected = catalog::fast_path(&Operations::default_of(flow.kind), format, flow.bytes, FAST_MOST).ok()?;
    u64::try_from(expected.as_millis()).ok()
}

/// Steps through the day until everything has ended, or for a week.
pub fn simulate(title: &'static str, flows: &[Flow], packing: &Packing, has_fast_path: bool) -> Day {
    let fast_works: Vec<Option<u64>> = flows.iter().map(|flow| fast_work(flow).filter(|_| has_fast_path)).collect();
    let options: Vec<ProcessingOption> =
        flows.iter().map(|flow| ProcessingOption::new(flow.kind, flow.option)).collect();
    let mut random = Random(5);
    // Half an object ahead, so that rounding swallows none at the day's end.
    let mut kinds: Vec<Kind> = flows.iter().map(|_| Kind { due: 0.5, ..Kind::default() }).collect();
    // SubmitJob's limit is the account's: dispatchers of all kinds wait in one line.
    let mut to_submit: VecDeque<(usize, Vec<Work>)> = VecDeque::new();
    let mut running: BinaryHeap<Reverse<(u64, usize, usize)>> = BinaryHeap::new();
    let mut works: Vec<Vec<u32>> = Vec::new();
    let objects = flows.iter().map(|flow| flow.objects).sum();
    let mut day = Day {
        title,
        depths: Vec::new(),
        objects,
        submissions: 0,
        containers: 0,
        kinds: flows.iter().map(|flow| (flow.kind, Containers::default())).collect(),
        turnarounds: Vec::new(),
        fast: Vec::new(),
        cold: 0,
        function_seconds: 0.0,
        end: 0,
    };
    let (mut vcpus, mut turn) = (0, 0);
    for second in 0..7 * DAY {
        if second < DAY {
            for (((kind, flow), work), option) in kinds.iter_mut().zip(flows).zip(&fast_works).zip(&options) {
                let share = if PEAK.contains(&second) { 5.0 } else { 1.0 } / (3600.0 * 28.0);
                kind.due += flow.objects as f64 * share;
                while kind.due >= 1.0 {
                    kind.due -= 1.0;
                    if let Some(work) = *work {
                        let uploaded = second as u64 * 1000 + random.within(0..1000);
                        let waiting = uploaded + random.within(EVENT) + CLASSIFY_MILLISECONDS + random.within(PICK_UP);
                        let (done, is_cold) = kind.functions.take(waiting, work, &mut random);
                        day.fast.push((done + random.within(RECORD) - uploaded) as u32);
                        day.cold += usize::from(is_cold);
                        day.function_seconds += work as f64 / 1000.0;
                        continue;
                    }
                    kind.to_classify.push_back(request(flow, option, second));
                }
            }
        }
        let mut classified = (CLASSIFY_AT_ONCE as f64 / CLASSIFY_SECONDS) as usize;
        for (number, (kind, flow)) in kinds.iter_mut().zip(flows).enumerate() {
            let count = kind.to_classify.len().min(classified);
            classified -= count;
            kind.queue.extend(kind.to_classify.drain(..count).map(|request| (second, request)));
            kind.dispatching.retain(|end| *end > second);
            // A dispatcher that is throttled waits, and no further call is begun.
            let is_due = |kind: &Kind| {
                kind.queue.len() >= DISPATCH_BATCH
                    || kind.queue.front().is_some_and(|(since, _)| second - since >= DISPATCH_WINDOW)
            };
            while kind.dispatching.len() < DISPATCH_AT_ONCE && kind.unsubmitted < DISPATCH_BATCH && is_due(kind) {
                kind.dispatching.push(second + DISPATCH_SECONDS);
                let count = kind.queue.len().min(DISPATCH_BATCH);
                let requests = kind.queue.drain(..count).map(|(_, request)| request).collect();
                let packs = pack(requests, packing);
                kind.unsubmitted += packs.len();
                to_submit.extend(packs.iter().map(|pack| (number, children(flow, pack))));
            }
        }
        for _ in 0..SUBMITS_A_SECOND {
            let Some((kind, job)) = to_submit.pop_front() else { break };
            day.submissions += 1;
            kinds[kind].unsubmitted -= 1;
            kinds[kind].unstarted += job.iter().map(|work| work.arrived.len()).sum::<usize>();
            kinds[kind].to_start.extend(job);
        }
        while running.peek().is_some_and(|Reverse((until, ..))| *until <= second as u64 * 1000) {
            let Some(Reverse((until, used, number))) = running.pop() else { break };
            vcpus -= used;
            day.turnarounds.extend(works[number].drain(..).map(|arrived| (until / 1000) as u32 - arrived + 1));
        }
        // The kinds' job queues take turns.
        for _ in 0..STARTS_A_SECOND {
            let fits = |kind: &Kind| kind.to_start.front().is_some_and(|work| vcpus + work.vcpus <= MOST_VCPUS);
            let Some(next) = (0..kinds.len()).map(|step| (turn + step) % flows.len()).find(|each| fits(&kinds[*each]))
            else {
                break;
            };
            turn = next + 1;
            let Some(work) = kinds[next].to_start.pop_front() else { break };
            kinds[next].unstarted -= work.arrived.len();
            vcpus += work.vcpus;
            day.containers += 1;
            let of_kind = &mut day.kinds[next].1;
            of_kind.count += 1;
            of_kind.objects += work.arrived.len();
            of_kind.vcpus += work.vcpus;
            of_kind.hours += work.vcpus as f64 * (BILLED_START + work.seconds).max(BILLED_LEAST) / 3600.0;
            let until = (second + START_SECONDS) as u64 * 1000 + (work.seconds * 1000.0) as u64;
            running.push(Reverse((until, work.vcpus, works.len())));
            works.push(work.arrived);
        }
        if second.is_multiple_of(SAMPLE) {
            day.depths.push(Depth {
                second,
                queued: kinds.iter().map(|kind| kind.to_classify.len() + kind.queue.len()).sum(),
                unsubmitted: to_submit.iter().flat_map(|(_, job)| job).map(|work| work.arrived.len()).sum(),
                unstarted: kinds.iter().map(|kind| kind.unstarted).sum(),
                vcpus,
            });
        }
        day.end = second;
        if second >= DAY && day.turnarounds.len() + day.fast.len() == objects {
            break;
        }
    }
    day.turnarounds.sort_unstable();
    day.fast.sort_unstable();
    day
}

fn request(flow: &Flow, option: &ProcessingOption, second: usize) -> JobRequest {
    JobRequest {
        schema_version: contract::SCHEMA_VERSION,
        job_id: second.to_string(),
        source: Source { bucket: None, key: String::new(), version_id: None, etag: None, size: flow.bytes },
        processing_option: option.clone(),
        uploaded_at: None,
    }
}

fn children(flow: &Flow, pack: &Pack) -> Vec<Work> {
    let each = flow.waits + flow.cpu_seconds_a_mb / UTILISATION * flow.bytes as f64 / 1e6;
    let slices = (0..pack.children).map(|child| contract::list::slice(pack.requests.len(), pack.children, child));
    let work = |range: std::ops::Range<usize>| Work {
        seconds: each * range.len() as f64 / (range.len() as f64).min(f64::from(pack.resources.vcpus)),
        vcpus: pack.resources.vcpus as usize,
        arrived: pack.requests[range].iter().map(|request| request.job_id.parse().unwrap_or_default()).collect(),
    };
    slices.map(work).collect()
}

/// A line for each day.
pub fn summary(days: &[Day]) -> String {
    let mut text = "\n### A day of 5 TB against the limits of AWS, simulated\n\n\
        | | ended | submissions an object | containers | most vCPU | most waiting | drained after the day | turnaround: median | 95 % | 99 % | most |\n\
        | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for day in days {
        let percentile = |part: f64| {
            day.turnarounds.get(((day.turnarounds.len() as f64 - 1.0) * part) as usize).copied().unwrap_or(0)
        };
        let ended = day.turnarounds.len() + day.fast.len();
        let max_waiting = day.depths.iter().map(Depth::waiting).max().unwrap_or_default();
        let _ = writeln!(
            text,
            "| {} | {} of {} | {:.4} | {} | {} | {max_waiting} | {} | {} | {} | {} | {} |",
            day.title,
            ended,
            day.objects,
            day.submissions as f64 / day.objects as f64,
            day.containers,
            day.depths.iter().map(|depth| depth.vcpus).max().unwrap_or_default(),
            span(day.end.saturating_sub(DAY)),
            span(percentile(0.5) as usize),
            span(percentile(0.95) as usize),
            span(percentile(0.99) as usize),
            span(percentile(1.0) as usize),
        );
    }
    let _ = write!(
        text,
        "\n### The containers of such a day\n\n\
        | | kind | containers | objects in one | vCPU of one | vCPU-hours billed |\n| --- | --- | ---: | ---: | ---: | ---: |\n"
    );
    for day in days {
        for (kind, of) in day.kinds.iter().filter(|(_, of)| of.count > 0) {
            let a_container = |count: usize| count as f64 / of.count as f64;
            let (objects, vcpus) = (a_container(of.objects), a_container(of.vcpus));
            let _ = writeln!(
                text,
                "| {} | {kind} | {} | {objects:.1} | {vcpus:.2} | {:.0} |",
                day.title, of.count, of.hours
            );
        }
    }
    let _ = write!(
        text,
        "\n### What takes the fast path on such a day\n\n\
        | | objects | functions started | seconds of functions | turnaround: median | 95 % | 99 % | most |\n\
        | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for day in days.iter().filter(|day| !day.fast.is_empty()) {
        let part = |part: f64| f64::from(day.fast[((day.fast.len() as f64 - 1.0) * part) as usize]) / 1000.0;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.0} | {:.1} s | {:.1} s | {:.1} s | {:.1} s |",
            day.title,
            day.fast.len(),
            day.cold,
            day.function_seconds,
            part(0.5),
            part(0.95),
            part(0.99),
            part(1.0)
        );
    }
    text
}

impl Depth {
    /// Objects that wait for something.
    pub fn waiting(&self) -> usize {
        self.queued + self.unsubmitted + self.unstarted
    }
}

impl Day {
    /// The depths around the peak and every sixth hour, as a table.
    pub fn depths(&self) -> String {
        let mut text = format!(
            "\n#### {}\n\n| hour | in the queues | not submitted | not started | vCPU |\n| ---: | ---: | ---: | ---: | ---: |\n",
            self.title
        );
        let is_shown = |second: usize| {
            second.is_multiple_of(6 * 3600)
                || (second.is_multiple_of(1800) && (12 * 3600..=14 * 3600).contains(&second))
        };
        for depth in self.depths.iter().filter(|depth| is_shown(depth.second)) {
            let Depth { second, queued, unsubmitted, unstarted, vcpus } = depth;
            let hour = *second as f64 / 3600.0;
            let _ = writeln!(text, "| {hour:.1} | {queued} | {unsubmitted} | {unstarted} | {vcpus} |");
        }
        text
    }
}

fn span(seconds: usize) -> String {
    if seconds < 600 { format!("{seconds} s") } else { format!("{:.1} h", seconds as f64 / 3600.0) }
}
