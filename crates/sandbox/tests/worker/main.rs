//! What the worker promises, against a job that tries everything. The test binary forks its own workers.

mod hostile;

use std::fs::{File, Permissions};
use std::io::{Seek, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use catalog::{Format, Operation, Operations, Service, WeightsFile};
use contract::{Failure, FailureKind, Jail};
use hostile::{HOSTILE_JOB, Hostile};
use libtest_mimic::{Arguments, Trial};
use operation::{Answers, CompanionSource, Progress, RangeSource, Weights};
use sandbox::{
    Limits, WorkerInput, WorkerReport, WorkerTask, choose_jail, prepare_workers, run_in_process, run_in_worker,
    self_test,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use serde_json::{Value, json};

/// In the environment of some parents.
const SECRET: &str = "a secret of its parent";

/// Larger than the memory that the test gives.
static WEIGHTS: WeightsFile = WeightsFile {
    name: "numbers",
    machine: "any",
    registry: "pypi",
    package: "numbers",
    version: "1",
    package_sha256: "11",
    converter: "-",
    file: "numbers.bin",
    sha256: "00ff",
    bytes: 256 << 20,
    licence: "MIT",
};

/// The weights, in a file without content but for its last byte. The folder goes; what is mapped stays.
fn weights() -> Weights {
    let folder = tempfile::tempdir().unwrap();
    let file = fs_err::File::create(folder.path().join(WEIGHTS.sha256)).unwrap().into_parts().0;
    file.write_all_at(&[7], WEIGHTS.bytes - 1).unwrap();
    Weights::open(folder.path(), [&WEIGHTS])
}

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref().and_then(|first| first.split_once(':')) {
        Some(("parent", how)) => return parent(how),
        Some(("limits", name)) => return by_limits(name),
        _ => {}
    }
    let _workers = prepare_workers(&[HOSTILE_JOB], &weights());
    let _copies = copies();
    let tests: &[(&str, fn())] = &[
        ("work_comes_back_with_its_outputs_and_nothing_unfinished", work_comes_back),
        ("the_worker_sees_no_environment_and_no_descriptors_of_its_parent", sees_nothing_of_its_parent),
        ("every_way_out_is_refused", every_way_out_is_refused),
        ("threads_read_and_write_at_once", threads_work),
        ("memory_without_end_is_the_memory_limit", memory_limit),
        ("shared_memory_counts_too", shared_memory_counts),
        ("a_large_mapped_input_does_not_count_as_memory", mapped_input_does_not_count),
        ("recursion_without_end_is_said_to_be_that", recursion),
        ("a_crash_names_its_signal", crashes),
        ("a_loop_is_the_cpu_limit", cpu_limit),
        ("sleep_is_the_time_limit", time_limit),
        ("too_large_results_are_the_output_limit", output_limit),
        ("a_log_without_end_holds_nobody_up", log_without_end),
        ("a_panic_is_told_with_its_message", panics),
        ("a_panic_of_a_library_is_the_inputs_fault", panics_of_libraries),
        ("a_failure_of_the_operation_is_itself_and_leaves_nothing", failure),
        ("names_that_leave_the_folder_are_refused", bad_names),
        ("a_worker_that_lies_is_not_believed", lies),
        ("companion_files_are_read_only_and_below_the_folder", companions),
        ("a_companion_that_may_come_later_fails_the_job_as_temporary", companion_later),
        ("parts_are_read_on_demand", ranged),
        ("a_failure_of_the_store_is_the_jobs_failure", ranged_failure),
        ("a_managed_service_is_asked_by_the_parent_as_often_as_the_options_allow", asks),
        ("in_this_process_the_result_is_the_same", in_process),
        ("many_workers_at_once_do_not_meet", many_at_once),
        ("the_worker_ends_with_its_parent", ends_with_its_parent),
        ("a_worker_stopped_from_outside_is_a_temporary_failure", stopped_from_outside),
        ("without_seccomp_nothing_is_worked_on", without_seccomp),
        ("without_landlock_seccomp_holds_alone", without_landlock),
        ("no_privileges_are_needed", without_privileges),
        ("weights_are_there_before_the_sandbox_and_do_not_count_as_memory", weights_are_there),
        ("a_program_that_can_be_read_is_not_held_by_limits", readable_program),
        ("root_is_not_held_by_limits", root_is_not_held),
    ];
    let by_limits: Vec<(String, &'static str)> =
        BY_LIMITS.iter().map(|(name, _)| (format!("by_limits::{name}"), *name)).collect();
    let by_limits = by_limits.into_iter().map(|(title, name)| {
        Trial::test(title, move || {
            run_by_limits(name, 0o111);
            Ok(())
        })
    });
    let trials = tests
        .iter()
        .map(|(name, test)| {
            let test = *test;
            Trial::test(*name, move || {
                test();
                Ok(())
            })
        })
        .chain(by_limits)
        .collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A scratch folder and what the job is told to do.
struct Case {
    scratch: tempfile::TempDir,
    input: Option<WorkerInput>,
    size: u64,
    limits: Limits,
    companions: Arc<dyn CompanionSource>,
    services: Option<Arc<dyn Answers>>,
    operation: Operation,
    progress: Progress,
}

impl Case {
    fn new(word: &str) -> Self {
        let mut file = tempfile::tempfile().unwrap();
        // Longer than any buffer.
        let text = format!("{word} {}", "0123456789".repeat(30_000));
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        Self {
            scratch: tempfile::tempdir().unwrap(),
            input: Some(WorkerInput::Whole(file)),
            size: text.len() as u64,
            limits: Limits { memory: 1 << 30, wall: Duration::from_mins(2), ..Limits::default() },
            companions: Arc::new(Beside(None)),
            services: None,
            operation: operation(),
            progress: Progress::silent(),
        }
    }

    fn ranged(word: &str, fails_from: u64) -> (Self, Arc<Ranges>) {
        let bytes = Bytes::from(format!("{word} {}", "0123456789".repeat(30_000)));
        let size = bytes.len() as u64;
        let ranges = Arc::new(Ranges { bytes, fails_from, asked: Mutex::default() });
        let source: Arc<dyn RangeSource> = Arc::<Ranges>::clone(&ranges);
        (Self { input: Some(WorkerInput::Ranged(source)), size, ..Self::new(word) }, ranges)
    }

    fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    fn run(&mut self) -> WorkerReport {
        let operation = self.operation.clone();
        run_in_worker(self.task(&operation))
    }

    fn task<'a>(&'a mut self, operation: &'a Operation) -> WorkerTask<'a> {
        WorkerTask {
            operation,
            share: None,
            name: "photo.jpg".to_owned(),
            format: Format::Jpeg,
            size: self.size,
            input: self.input.take().expect("a case is run once"),
            companions: Arc::clone(&self.companions),
            services: self.services.clone(),
            scratch: self.scratch.path(),
            limits: &self.limits,
            jail: jail(),
            progress: self.progress.clone(),
            is_last: false,
            finished: &|_| Ok(()),
        }
    }

    /// Runs, expects a failure with these words, and nothing left behind.
    fn fails(mut self, kind: FailureKind, words: &str) -> WorkerReport {
        let report = self.run();
        let failure = report.result.as_ref().expect_err(words);
        assert!(failure.to_string().contains(words), "{words:?} is not in {:?}", failure.to_string());
        assert!(!failure.to_string().contains('\u{1b}'), "{failure}");
        assert_eq!(failure.kind(), kind, "{failure}");
        assert_eq!(files_in(self.scratch.path()), Vec::<PathBuf>::new());
        assert_eq!(report.sandbox.jail, Some(jail()), "the sandbox was closed before it failed");
        assert_eq!(report.sandbox.seccomp, jail() == Jail::Filter);
        report
    }

    /// Runs, expects success, and gives the properties.
    fn succeeds(&mut self) -> Value {
        let report = self.run();
        let completed = report.result.unwrap_or_else(|failure| panic!("{failure}"));
        Value::Object(completed.properties)
    }
}

/// What holds the workers of this process: the filter, but in the processes of [`by_limits`].
fn jail() -> Jail {
    *JAIL.get_or_init(|| Jail::Filter)
}

static JAIL: OnceLock<Jail> = OnceLock::new();

fn operation() -> Operation {
    let operations: Operations = "resize?width=7&format=webp".parse().unwrap();
    operations.iter().next().unwrap().clone()
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = PathBuf::from(path.file_name().unwrap());
        if path.is_dir() {
            found.extend(files_in(&path).into_iter().map(|below| name.join(below)));
        }
        found.push(name);
    }
    found.sort();
    found
}

struct Beside(Option<PathBuf>);

impl CompanionSource for Beside {
    fn open(&self, relative: &str) -> Result<File, Failure> {
        if relative == "later.txt" {
            return Err(Failure::temporary("the store is busy"));
        }
        let folder = self.0.as_ref().ok_or_else(|| Failure::input_not_found("there is no folder"))?;
        // Open for writing, too, as a store's own temporary file would be.
        File::options()
            .read(true)
            .write(!relative.ends_with("textures"))
            .open(folder.join(relative))
            .map_err(|error| Failure::input_not_found(format!("{relative} is not there")).because(error))
    }
}

struct Ranges {
    bytes: Bytes,
    fails_from: u64,
    asked: Mutex<Vec<(u64, usize)>>,
}

impl RangeSource for Ranges {
    fn read_at(&self, offset: u64, length: usize) -> Result<Bytes, Failure> {
        self.asked.lock().unwrap().push((offset, length));
        assert!(offset + length as u64 <= self.bytes.len() as u64, "the range is within the object");
        if offset >= self.fails_from {
            return Err(Failure::temporary("S3 says SlowDown"));
        }
        // Now and then less than asked for, as a window may end.
        let end = (offset as usize + length.min(100_000)).min(self.bytes.len());
        Ok(self.bytes.slice(offset as usize..end))
    }
}

fn work_comes_back() {
    let mut case = Case::new("work");
    let fractions = Arc::new(Mutex::new(Vec::new()));
    let reported = Arc::clone(&fractions);
    case.progress = Progress::new(move |fraction| reported.lock().unwrap().push(fraction));
    let size = case.size;
    let report = case.run();
    let completed = report.result.unwrap();
    assert_eq!(
        Value::Object(completed.properties),
        json!({
            "operation": "resize?width=7&format=webp", "name": "photo.jpg", "size": size, "mapped": size,
        })
    );
    assert_eq!(completed.versions, [("hostile".to_owned(), "1.0".to_owned())]);
    let [output] = &completed.outputs[..] else { panic!("{:?}", completed.outputs) };
    assert_eq!((output.name.as_str(), output.content_type.as_str()), ("deep/er/copy.txt", "text/plain"));
    assert_eq!(output.properties["width"], 3);
    assert_eq!(files_in(case.scratch.path()), ["deep", "deep/er", "deep/er/copy.txt"].map(PathBuf::from));
    let text = fs_err::read_to_string(case.scratch.path().join("deep/er/copy.txt")).unwrap();
    assert!(text.len() as u64 == size && text.starts_with("work 0123"));
    assert!(report.sandbox.seccomp);
    assert_eq!(report.sandbox.landlock > 0, kernel_has_landlock(), "Landlock is in force where the kernel has it");
    assert!(report.peak_memory > 1 << 20 && report.peak_memory < 200 << 20, "{}", report.peak_memory);
    assert!(report.cpu > Duration::ZERO && report.cpu < Duration::from_secs(2), "{:?}", report.cpu);
    let fractions = fractions.lock().unwrap();
    assert!(!fractions.is_empty() && fractions.is_sorted() && fractions.len() <= 5, "{fractions:?}");
}

fn kernel_has_landlock() -> bool {
    // SAFETY: asks for the version, which takes no pointer.
    unsafe { libc::syscall(444, std::ptr::null::<u8>(), 0, 1) > 0 }
}

fn sees_nothing_of_its_parent() {
    // Left open for every child, as a careless library would.
    let leaked = tempfile::tempfile().unwrap();
    let leaked = rustix::io::fcntl_dupfd_cloexec(&leaked, 200).unwrap();
    rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).unwrap();
    let seen = Case::new("look-around").succeeds();
    assert_eq!(seen["environment"], json!(["RAYON_NUM_THREADS"]));
    // Three streams, the channel, the input and the worker's own status.
    assert_eq!(seen["descriptors"], json!([0, 1, 2, 3, 4, 5]));
    assert_eq!(seen["stdin"], json!({ "Ok": 0 }));
    // The bytes of the parent's own environment and command line, where the kernel put them.
    let seen = run_parent("has-secrets");
    let seen = &seen["result"]["Ok"];
    assert_eq!(seen["environment"], json!(["RAYON_NUM_THREADS"]));
    assert_eq!(seen["arguments"], json!(["", ""]));
    assert_eq!(seen["secret"], json!("\0".repeat(SECRET.len())));
}

fn every_way_out_is_refused() {
    assert_every_way_out_is_refused(&Case::new("break-out").succeeds());
    assert!(!Path::new("/tmp/worker-was-here").exists());
}

fn threads_work() {
    let mut whole = Case::new("threads");
    let (mut parts, _) = Case::ranged("threads", u64::MAX);
    assert_eq!(whole.succeeds(), parts.succeeds());
    assert_eq!(files_in(whole.scratch.path()).len(), 8);
}

fn memory_limit() {
    let case = Case::new("allocate").limits(|limits| limits.memory = 256 << 20);
    let report = case.fails(FailureKind::Internal, "more memory than the limit of 256 MiB; --memory-limit raises it");
    assert!(report.peak_memory <= 257 << 20, "{}", report.peak_memory);
}

fn shared_memory_counts() {
    assert_eq!(Case::new("map").succeeds()["refused"], true);
}

fn mapped_input_does_not_count() {
    let mut case = Case::new("work").limits(|limits| limits.memory = 256 << 20);
    let Some(WorkerInput::Whole(file)) = &case.input else { unreachable!() };
    // Sparse: a size beyond the limit without its bytes. The word stands at its beginning.
    file.set_len(300 << 20).unwrap();
    case.size = 300 << 20;
    assert_eq!(case.succeeds()["mapped"], 300 << 20);
}

fn recursion() {
    Case::new("recurse").fails(FailureKind::Internal, "recursed too deeply: it used up its stack of 16 MiB");
}

fn crashes() {
    Case::new("abort").fails(FailureKind::Internal, "SIGABRT");
    Case::new("segfault").fails(FailureKind::Internal, "SIGSEGV");
    Case::new("exit").fails(FailureKind::Internal, "ended with exit code 3");
    Case::new("kill").fails(FailureKind::Internal, "killed by the system, probably because");
}

fn cpu_limit() {
    let case = Case::new("loop").limits(|limits| limits.cpu = Duration::from_secs(1));
    let report = case.fails(FailureKind::Internal, "more CPU time than the limit of 1 seconds; --cpu-limit raises it");
    assert!(report.cpu >= Duration::from_millis(500), "{:?}", report.cpu);
}

fn time_limit() {
    let start = Instant::now();
    let case = Case::new("sleep").limits(|limits| limits.wall = Duration::from_millis(300));
    case.fails(FailureKind::Internal, "longer than the limit of 0.3 seconds; --time-limit raises it");
    assert!(start.elapsed() < Duration::from_secs(20));
}

fn output_limit() {
    for word in ["write-one", "write-many", "write-many-at-once", "sparse"] {
        let case = Case::new(word).limits(|limits| limits.output_bytes = 1 << 20);
        case.fails(FailureKind::Internal, "larger than the limit of 1 MiB; --output-limit raises it");
    }
}

fn log_without_end() {
    let case = Case::new("shout").limits(|limits| limits.wall = Duration::from_millis(300));
    let start = Instant::now();
    case.fails(FailureKind::Internal, "longer than the limit of 0.3 seconds");
    assert!(start.elapsed() < Duration::from_secs(20));
}

fn panics() {
    Case::new("panic").fails(FailureKind::Internal, "hostile.rs:");
    Case::new("panic").fails(FailureKind::Internal, "it went wrong \u{fffd}[2J here");
    Case::new("panic-elsewhere").fails(FailureKind::Internal, "on another thread");
    Case::new("panic-after-a-tolerated-one").fails(FailureKind::Internal, "the length is None");
}

fn panics_of_libraries() {
    for word in ["panic-of-a-library", "panic-of-a-library-elsewhere"] {
        let report = Case::new(word).fails(FailureKind::InvalidInput, "failed to process it: range start");
        let text = report.result.err().map(|failure| failure.to_string()).unwrap_or_default();
        assert!(text.starts_with("the input is damaged or unusual: bytes-"), "{text}");
    }
}

fn failure() {
    Case::new("fail").fails(FailureKind::InvalidInput, "the header says 12 and there are 7");
    Case::new("dance").fails(FailureKind::InvalidInput, "\"dance\" is nothing that this job does");
    Case::new("twice").fails(FailureKind::Internal, "failed to create the output \"same\"");
}

fn bad_names() {
    let mut case = Case::new("bad-name");
    let seen = case.succeeds();
    let refusals = seen["refusals"].as_array().unwrap();
    assert_eq!(refusals.len(), 7);
    for refusal in refusals {
        assert!(refusal.as_str().is_some_and(|text| text.contains("is not a valid output name")), "{refusal}");
    }
    assert_eq!(files_in(case.scratch.path()), Vec::<PathBuf>::new());
}

fn lies() {
    Case::new("lie").fails(FailureKind::Internal, "an output \"../../etc/passwd\" that it did not make");
    Case::new("reserved-property").fails(FailureKind::Internal, "a property \"sha256\", which is not its to say");
    Case::new("bad-content-type").fails(FailureKind::Internal, "gave its output \"out\" no media type");
    Case::new("garbage").fails(FailureKind::Internal, "broke the protocol with a message that is none");
    Case::new("endless-frame").fails(FailureKind::Internal, "broke the protocol with a message of 4294967295 bytes");
    let (case, _) = Case::ranged("deaf", u64::MAX);
    let case = case.limits(|limits| limits.wall = Duration::from_millis(500));
    case.fails(FailureKind::Internal, "longer than the limit of 0.5 seconds");
}

fn companions() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::create_dir_all(folder.path().join("model/textures")).unwrap();
    fs_err::write(folder.path().join("secret.txt"), "secret").unwrap();
    fs_err::write(folder.path().join("model/wood.txt"), "wood").unwrap();
    fs_err::write(folder.path().join("model/textures/oak.txt"), "oak").unwrap();
    let mut case = Case::new("companions");
    case.companions = Arc::new(Beside(Some(folder.path().join("model"))));
    let seen = case.succeeds();
    assert_eq!(seen["there"], "wood");
    assert_eq!(seen["deep"], "oak");
    for (which, kind, words) in [
        ("absent", "InputNotFound", "absent.txt is not there"),
        ("outside", "InvalidInput", "leaves the folder"),
        ("absolute", "InvalidInput", "is absolute"),
        ("folder", "InvalidInput", "is not a regular file"),
    ] {
        let refusal = seen[which].as_str().unwrap();
        assert!(refusal.starts_with(kind) && refusal.contains(words), "{refusal}");
    }
}

fn companion_later() {
    Case::new("companion-later").fails(FailureKind::Temporary, "the store is busy");
}

fn ranged() {
    let (mut case, ranges) = Case::ranged("ranged", u64::MAX);
    let expected = json!({ "same": true, "past": 0, "tail": 10, "last": true, "map": true });
    assert_eq!(case.succeeds(), expected);
    let asked = ranges.asked.lock().unwrap();
    // 300 kB once in large reads and once in small ones through a buffer of 64 KiB: every read is a question.
    assert!(asked.len() < 20, "{asked:?}");
}

fn weights_are_there() {
    let mut case = Case::new("weights").limits(|limits| limits.memory = 128 << 20);
    assert_eq!(case.succeeds(), json!({ "length": WEIGHTS.bytes, "last": 7 }));
    let case = Case::new("weights-of-others");
    case.fails(FailureKind::Internal, "asked for the weights others, which its profile does not name");
}

fn ranged_failure() {
    let (case, _) = Case::ranged("ranged-failure", 200_000);
    case.fails(FailureKind::Temporary, "S3 says SlowDown");
}

/// Answers every question, and remembers how long they were.
#[derive(Default)]
struct Oracle(Mutex<Vec<usize>>);

impl Answers for Oracle {
    fn answer(&self, service: Service, question: &str) -> Result<Vec<u8>, Failure> {
        assert_eq!(service, Service::Labels);
        self.0.lock().unwrap().push(question.len());
        Ok(br#"{"labels":[{"name":"Oracle","confidence":0.5,"parents":[]}]}"#.to_vec())
    }
}

fn asks() {
    let oracle = Arc::new(Oracle::default());
    let operations: Operations = "recognise?engine=rekognition&features=labels".parse().unwrap();
    let case = |word: &str| Case {
        operation: operations.first().clone(),
        services: Some(Arc::<Oracle>::clone(&oracle)),
        ..Case::new(word)
    };
    assert_eq!(case("ask").succeeds(), json!({ "labels": 1, "failure": null }));
    assert!(matches!(oracle.0.lock().unwrap()[..], [length] if length > 4_000_000));
    case("ask-again")
        .fails(FailureKind::Internal, "a question to the service Labels beyond the 1 that its options allow");
    case("ask-another").fails(FailureKind::Internal, "the service PageText beyond the 0 that its options allow");
    assert_eq!(oracle.0.lock().unwrap().len(), 2);
    // Options that choose no engine allow nothing.
    Case { operation: operation(), ..case("ask") }.fails(FailureKind::Internal, "beyond the 0 that its options allow");
    let refused = Case { services: None, ..case("ask") }.succeeds();
    assert!(refused["failure"].as_str().unwrap().contains("does not offer"), "{refused}");
}

fn in_process() {
    let mut here = Case::new("work");
    let mut there = Case::new("work");
    let operation = operation();
    let here_report = run_in_process(&Hostile, here.task(&operation)).result.unwrap();
    let there_report = there.run().result.unwrap();
    assert_eq!(here_report.outputs, there_report.outputs);
    assert_eq!(here_report.properties, there_report.properties);
    assert_eq!(here_report.versions, there_report.versions);
}

fn many_at_once() {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    Case::new("fail").fails(FailureKind::InvalidInput, "there are 7");
                    Case::new("abort").fails(FailureKind::Internal, "SIGABRT");
                }
            });
        }
    });
}

/// This binary again, as a parent of another sort: says how its worker ended, in one line of JSON.
#[expect(clippy::print_stdout, reason = "the process that started this one reads it")]
fn parent(how: &str) -> ExitCode {
    let word = match how {
        "sleeps" => "sleep",
        "has-secrets" => {
            // SAFETY: nobody changes the environment.
            let value = unsafe { libc::getenv(c"AWS_SECRET_ACCESS_KEY".as_ptr()) };
            hostile::SECRET_AT.store(value.expose_provenance(), Ordering::Relaxed);
            "look-around"
        }
        "without-seccomp" => refuse(&[libc::SYS_seccomp], libc::EINVAL, "work"),
        // The three calls of Landlock, whose numbers are the same everywhere.
        "without-landlock" => refuse(&[444, 445, 446], libc::ENOSYS, "break-out"),
        "without-privileges" => {
            if rustix::process::getuid().is_root() {
                // SAFETY: nothing but numbers; the process has one thread.
                let changed =
                    unsafe { libc::setgroups(0, std::ptr::null()) + libc::setgid(65534) + libc::setuid(65534) };
                assert_eq!(changed, 0);
            }
            "break-out"
        }
        other => panic!("{other}"),
    };
    // What was refused or given up above holds for workers as well.
    let _workers = prepare_workers(&[HOSTILE_JOB], &weights());
    let mut case = Case::new(word);
    let report = case.run();
    let result = report.result.map(|completed| completed.properties).map_err(|failure| failure.to_string());
    let seen = json!({ "user": rustix::process::getuid().as_raw(), "result": result, "sandbox": report.sandbox,
                       "files": files_in(case.scratch.path()) });
    println!("{seen}");
    ExitCode::SUCCESS
}

/// Makes this process and what it starts believe that the kernel does not have some calls.
fn refuse<'a>(calls: &[i64], error: i32, then: &'a str) -> &'a str {
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(error.cast_unsigned());
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, architecture).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
    then
}

fn run_parent(how: &str) -> Value {
    let program = std::env::current_exe().unwrap();
    let mut command = std::process::Command::new(program);
    let output = command.arg(format!("parent:{how}")).env("AWS_SECRET_ACCESS_KEY", SECRET).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn assert_every_way_out_is_refused(attempts: &Value) {
    let attempts = attempts.as_object().unwrap();
    assert_eq!(attempts.len(), 36);
    for (what, outcome) in attempts {
        assert_eq!(outcome, "permission denied", "{what}");
    }
}

fn without_seccomp() {
    let seen = run_parent("without-seccomp");
    let reason = seen["result"]["Err"].as_str().unwrap();
    assert!(reason.contains("the operation was not started because it would not be isolated"), "{reason}");
    assert_eq!(seen["files"], json!([]));
    assert_eq!(seen["sandbox"]["seccomp"], false);
}

fn without_landlock() {
    let seen = run_parent("without-landlock");
    assert_eq!(seen["sandbox"], json!({ "seccomp": true, "landlock": 0, "jail": "filter" }));
    assert_every_way_out_is_refused(&seen["result"]["Ok"]);
}

fn without_privileges() {
    let seen = run_parent("without-privileges");
    assert!(seen["user"].as_u64().unwrap() > 0);
    assert_eq!(seen["sandbox"]["seccomp"], true);
    assert_every_way_out_is_refused(&seen["result"]["Ok"]);
}

/// A process with a worker that would sleep for an hour, and the worker's number.
fn parent_with_sleeping_worker() -> (std::process::Child, String) {
    let parent = std::process::Command::new(std::env::current_exe().unwrap())
        .arg("parent:sleeps")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let children = format!("/proc/{0}/task", parent.id());
    let worker = wait_until("the parent has a worker", || {
        let tasks = fs_err::read_dir(&children).unwrap();
        let lists = tasks.map(|task| fs_err::read_to_string(task.unwrap().path().join("children")).unwrap_or_default());
        // In its sandbox, so that nothing is left to be set up; the process that starts workers has none.
        lists.collect::<String>().split_whitespace().map(str::to_owned).find(|child| {
            let status = fs_err::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
            status.contains("Seccomp:\t2")
        })
    });
    (parent, worker)
}

fn ends_with_its_parent() {
    let (mut parent, worker) = parent_with_sleeping_worker();
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_until("the worker is gone", || {
        let status = fs_err::read_to_string(format!("/proc/{worker}/status")).unwrap_or_default();
        (status.is_empty() || status.contains("State:\tZ")).then_some(())
    });
}

fn stopped_from_outside() {
    let (parent, worker) = parent_with_sleeping_worker();
    let worker = rustix::process::Pid::from_raw(worker.parse().unwrap()).unwrap();
    rustix::process::kill_process(worker, rustix::process::Signal::TERM).unwrap();
    let seen: Value = serde_json::from_slice(&parent.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(seen["result"]["Err"], "the worker was stopped from outside by SIGTERM");
}

fn wait_until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "in 20 seconds it did not come about that {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What the limits hold where the kernel's own filters are refused, in a process that is boxed in as in a Lambda function.
const BY_LIMITS: &[(&str, fn())] = &[
    ("the_jail_holds_and_the_filter_is_refused", limits_hold),
    ("work_comes_back_with_its_outputs_and_nothing_unfinished", work_by_limits),
    ("every_way_out_is_refused_or_known", ways_out_by_limits),
    ("links_in_the_place_of_outputs_are_not_followed", planted_links),
    ("what_would_have_to_be_opened_is_temporary", not_here),
    ("memory_without_end_is_the_memory_limit", memory_limit),
    ("shared_memory_counts_too", shared_memory_counts),
    ("a_large_mapped_input_does_not_count_as_memory", mapped_input_does_not_count),
    ("recursion_without_end_is_said_to_be_that", recursion),
    ("a_crash_names_its_signal", crashes),
    ("a_loop_is_the_cpu_limit", cpu_limit),
    ("sleep_is_the_time_limit", time_limit),
    ("too_large_results_are_the_output_limit", output_limit_by_limits),
    ("a_log_without_end_holds_nobody_up", log_without_end),
    ("a_panic_says_nothing_about_the_input", panics_by_limits),
    ("a_failure_of_the_operation_is_itself_and_leaves_nothing", failure_by_limits),
    ("names_that_leave_the_folder_are_refused", bad_names),
    ("a_worker_that_lies_is_not_believed", lies),
    ("parts_are_read_on_demand", ranged),
    ("a_failure_of_the_store_is_the_jobs_failure", ranged_failure),
    ("weights_are_there_before_the_sandbox_and_do_not_count_as_memory", weights_are_there),
    ("many_workers_at_once_do_not_meet", many_at_once),
];

/// This binary again, boxed in: one of the tests above.
fn by_limits(name: &str) -> ExitCode {
    let _workers = prepare_workers(&[HOSTILE_JOB], &weights());
    JAIL.set(Jail::Limits).unwrap();
    let Some((_, test)) = BY_LIMITS.iter().find(|(each, _)| *each == name) else { return readable(name) };
    test();
    ExitCode::SUCCESS
}

/// Tells what the jail of limits comes to in this process.
#[expect(clippy::print_stdout, reason = "the process that started this one reads it")]
fn readable(_: &str) -> ExitCode {
    println!("{}", json!(self_test(Jail::Limits)));
    ExitCode::SUCCESS
}

/// The folder with copies of this binary, called like their modes.
static COPIES: OnceLock<PathBuf> = OnceLock::new();

/// Makes them, before another thread could start a program while one is open for writing.
fn copies() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs_err::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    for mode in [0o111, 0o755] {
        let program = folder.path().join(format!("{mode:o}"));
        fs_err::copy(std::env::current_exe().unwrap(), &program).unwrap();
        fs_err::set_permissions(&program, Permissions::from_mode(mode)).unwrap();
    }
    COPIES.set(folder.path().to_owned()).unwrap();
    folder
}

/// Runs this binary with another mode, as another user than root, under a filter like that of AWS Lambda: what public reports say
/// that it refuses (docs/fast-path.md).
fn run_by_limits(name: &str, mode: u32) -> String {
    let program = COPIES.get().unwrap().join(format!("{mode:o}"));
    let denied =
        [libc::SYS_prctl, libc::SYS_seccomp, libc::SYS_unshare, libc::SYS_setns, libc::SYS_mount, libc::SYS_ptrace];
    let filters = [filter(&denied, libc::EPERM), filter(&[444, 445, 446], libc::ENOSYS)];
    let mut command = std::process::Command::new(&program);
    command.arg(format!("limits:{name}"));
    if rustix::process::getuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let close = move || {
        // The last one first: it needs the calls that the other one refuses.
        filters.iter().rev().try_for_each(|filter| seccompiler::apply_filter(filter)).map_err(std::io::Error::other)
    };
    // SAFETY: between fork and exec, two filters that were made before are handed to the kernel.
    unsafe { command.pre_exec(close) };
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}: {}{}", output.status, text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn filter(calls: &[i64], error: i32) -> BpfProgram {
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(error.cast_unsigned());
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, architecture).unwrap().try_into().unwrap()
}

fn limits_hold() {
    let (chosen, tests) = choose_jail(true).unwrap_or_else(|tests| panic!("{tests:#?}"));
    assert_eq!(chosen, Jail::Limits);
    let [filter, limits] = &tests[..] else { panic!("{tests:#?}") };
    assert!(!filter.holds() && filter.problem.is_some(), "{filter:#?}");
    assert!(limits.attempts.len() > 15, "{limits:#?}");
    // Without being allowed the weaker jail is not taken.
    assert!(choose_jail(false).is_err());
    let known: Vec<&str> =
        limits.attempts.iter().filter(|each| each.refused.is_none()).map(|each| each.what.as_str()).collect();
    let expected = ["signal the parent", "make a folder among the temporary files", "make memory executable"];
    assert_eq!(known, expected, "{limits:#?}");
}

fn readable_program() {
    let seen: Value = serde_json::from_str(&run_by_limits("readable", 0o755)).unwrap();
    let attempts = seen["attempts"].as_array().unwrap();
    let of_memory = attempts.iter().find(|attempt| attempt["what"] == "read the parent's memory").unwrap();
    // Yama may keep processes from those that did not allow it.
    let scope = fs_err::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let is_open = matches!(scope.trim(), "" | "0");
    assert_eq!(of_memory.get("refused").is_none(), is_open, "{seen:#}");
    let seen: Value = serde_json::from_str(&run_by_limits("hidden", 0o111)).unwrap();
    let attempts = seen["attempts"].as_array().unwrap();
    let of_memory = attempts.iter().find(|attempt| attempt["what"] == "read the parent's memory").unwrap();
    assert!(of_memory["refused"].is_string(), "{seen:#}");
}

fn root_is_not_held() {
    if !rustix::process::getuid().is_root() {
        // What root could do cannot be tried by another user; what this one is held by is tried above.
        return;
    }
    let mut case = Case::new("work");
    let operation = operation();
    let report = run_in_worker(WorkerTask { jail: Jail::Limits, ..case.task(&operation) });
    let failure = report.result.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Internal);
    assert!(failure.to_string().contains("limits do not hold root"), "{failure}");
    assert_eq!(report.sandbox.jail, None);
}

fn work_by_limits() {
    let mut case = Case::new("work");
    let size = case.size;
    let report = case.run();
    let completed = report.result.unwrap();
    assert_eq!((completed.properties["size"].as_u64(), completed.outputs.len()), (Some(size), 1));
    assert_eq!(files_in(case.scratch.path()), ["deep", "deep/er", "deep/er/copy.txt"].map(PathBuf::from));
    let text = fs_err::read_to_string(case.scratch.path().join("deep/er/copy.txt")).unwrap();
    assert!(text.len() as u64 == size && text.starts_with("work 0123"));
    assert_eq!(report.sandbox, contract::Sandbox { seccomp: false, landlock: 0, jail: Some(Jail::Limits) });
    assert!(report.peak_memory > 1 << 20, "{}", report.peak_memory);
}

fn ways_out_by_limits() {
    let attempts = Case::new("break-out").succeeds();
    let attempts = attempts.as_object().unwrap();
    assert_eq!(attempts.len(), 36);
    let left = attempts.iter().filter(|(_, outcome)| *outcome == "done").map(|(what, _)| what.as_str());
    let mut left: Vec<&str> = left.collect();
    left.sort_unstable();
    let _ = fs_err::remove_dir("/tmp/worker-was-here");
    // None of them reaches a credential, a file's content, the network or another object: docs/fast-path.md.
    let known = ["executable memory", "look at /etc/passwd", "make a folder", "signal the parent"];
    assert_eq!(left, known, "{attempts:#?}");
}

fn planted_links() {
    let mut case = Case::new("plant");
    let seen = case.succeeds();
    assert_eq!(seen["done"], json!([true, true, true]), "what is guarded against can be done");
    let output = case.scratch.path().join("out.txt");
    assert!(fs_err::symlink_metadata(case.scratch.path()).unwrap().is_dir());
    assert!(fs_err::symlink_metadata(&output).unwrap().is_file());
    assert_eq!(fs_err::read_to_string(output).unwrap(), "its own");
    fs_err::remove_dir_all(seen["moved"].as_str().unwrap()).unwrap();
}

fn not_here() {
    Case::new("many-outputs").fails(FailureKind::Temporary, "more than 64 files");
    Case::new("companions").fails(FailureKind::Temporary, "names files beside it, which are not read here");
    Case::new("twice").fails(FailureKind::Internal, "failed to create the output \"same\"");
    Case::new("below-another").fails(FailureKind::Internal, "failed to create the output \"name/below\"");
    // No thread can be started: what a library makes of that is not the input's fault.
    Case::new("panic-elsewhere").fails(FailureKind::Internal, "the operation panicked where nothing can be opened");
}

fn output_limit_by_limits() {
    for word in ["write-one", "write-many-at-once", "sparse"] {
        let case = Case::new(word).limits(|limits| limits.output_bytes = 1 << 20);
        case.fails(FailureKind::Internal, "larger than the limit of 1 MiB; --output-limit raises it");
    }
}

fn panics_by_limits() {
    Case::new("panic").fails(FailureKind::Internal, "it went wrong");
    Case::new("panic-of-a-library").fails(FailureKind::Internal, "range start");
}

fn failure_by_limits() {
    Case::new("fail").fails(FailureKind::InvalidInput, "the header says 12 and there are 7");
    Case::new("dance").fails(FailureKind::InvalidInput, "\"dance\" is nothing that this job does");
}
