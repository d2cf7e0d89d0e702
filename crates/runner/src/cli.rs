//! The command line that every job has.
//!
//! ```text
//! image-job resize --width 800 photo.jpg out/
//! image-job resize --width 800 s3://inbox/photo.jpg s3://outbox/
//! image-job run --input s3://inbox/photo.jpg --processing-option 'resize?width=800&format=webp'
//! image-job run --manifest s3://lists/list.jsonl
//! ```

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use catalog::{Declaration, Operations, as_command_lines, tag_of};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, ValueEnum, ValueHint};
use contract::{Compute, Failure, FailureKind, Jail, JobEvent, Location, Prices, metrics};
use managed::Managed;
use operation::{Job, Share, Weights};
use sandbox::{Limits, prepare_workers};
use serde_json::json;
use store::{Publisher, Store, StoreOptions};
use tokio::sync::Semaphore;
use tracing_subscriber::EnvFilter;

mod isolation;
mod serve;

use crate::cli::isolation::Isolation;
use crate::cli::serve::{ISOLATION, SERVE, SERVE_LAMBDA, Serve, serve_requests, subcommands};
use crate::human;
use crate::list;
use crate::run::{Parts, Runner, Work, declarations_of};
use crate::serve::lambda;
use crate::terminal;

/// The whole of a job's `main`: its workers and the command line.
pub fn main(jobs: &'static [Job]) -> ExitCode {
    let _workers = prepare_workers(jobs, &Weights::of_jobs(jobs));
    if let Err(failure) = jobs.iter().try_for_each(Job::check) {
        terminal::complain(&failure);
        return ExitCode::from(failure.kind().exit_code());
    }
    let matches = command(jobs).get_matches();
    // While there is one thread: what is tried is tried in forks of this process.
    let isolation = Isolation::try_out(matches.subcommand_name());
    let ended = match runtime(&matches) {
        Ok(runtime) => runtime.block_on(until_terminated(carry_out(jobs, &matches, isolation))),
        Err(error) => Err(Failure::from(error)),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            terminal::complain(&failure);
            ExitCode::from(failure.kind().exit_code())
        }
    }
}

/// Threads beside this one are for bytes that come over the network; on a local file they would only cost their start.
fn runtime(matches: &ArgMatches) -> std::io::Result<tokio::runtime::Runtime> {
    let is_remote = |matches: &ArgMatches, id: &str| {
        let location = matches.try_get_one::<String>(id).ok().flatten();
        location.is_some_and(|location| location.starts_with("s3://"))
    };
    let is_local = match matches.subcommand() {
        Some(("run" | SERVE | SERVE_LAMBDA, _)) | None => false,
        Some((_, matches)) => !["INPUT", "OUTPUT"].iter().any(|id| is_remote(matches, id)),
    };
    if is_local {
        tokio::runtime::Builder::new_current_thread().enable_all().build()
    } else {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
    }
}

/// How results and logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// One JSON object a line
    Json,
    /// For people
    Human,
}

/// Where metrics go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Metrics {
    /// Nowhere
    None,
    /// CloudWatch Embedded Metric Format, one line for each operation on standard output
    Emf,
}

/// Options of every subcommand.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Running")]
struct Running {
    /// Format of the result on standard output [default: human on a terminal, else json]
    #[arg(long = "output-format", value_enum, value_name = "FORMAT")]
    output_format: Option<OutputFormat>,
    /// Log level on standard error: error, warn, info, debug, or a filter such as runner=debug
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", default_value = "warn")]
    log: String,
    /// Folder for inputs and outputs in transit [default: the system's temporary folder]
    #[arg(long, value_name = "DIR", env = "TMPDIR", value_hint = ValueHint::DirPath)]
    scratch: Option<PathBuf>,
    /// SNS topic that events are published to
    #[arg(long, value_name = "ARN", env = "SNS_NOTIF")]
    notify: Option<String>,
    /// Where metrics go
    #[arg(long, value_enum, env = "METRICS", default_value_t = Metrics::None)]
    metrics: Metrics,
    /// The namespace of the metrics
    #[arg(long, value_name = "NAME", env = "METRICS_NAMESPACE", default_value = contract::NAMESPACE)]
    metrics_namespace: String,
    /// US dollars for a virtual CPU and an hour, from which a manifest's estimated cost follows
    #[arg(long, value_name = "USD", env = "PRICE_VCPU_HOUR", requires = "price_gib_hour", value_parser = price)]
    price_vcpu_hour: Option<f64>,
    /// US dollars for a GiB of memory and an hour
    #[arg(long, value_name = "USD", env = "PRICE_GIB_HOUR", requires = "price_vcpu_hour", value_parser = price)]
    price_gib_hour: Option<f64>,
    #[command(flatten)]
    limits: Limits,
}

impl Running {
    fn prices(&self) -> Option<Prices> {
        Some(Prices { vcpu_hour: self.price_vcpu_hour?, gib_hour: self.price_gib_hour? })
    }
}

fn price(text: &str) -> Result<f64, String> {
    let price = text.parse::<f64>().ok().filter(|price| (0.0..1000.0).contains(price));
    price.ok_or_else(|| format!("{text:?} is not a price; allowed: 0 to 1000"))
}

/// Options of `run`.
#[derive(Debug, Clone, Args)]
struct Run {
    /// Input: `s3://bucket/key` or a path
    #[arg(long, value_name = "LOCATION", required_unless_present = "manifest", requires = "processing_option")]
    input: Option<String>,
    /// Operations, for example resize?width=800&format=webp,convert?format=avif
    #[arg(long, value_name = "OPERATIONS")]
    processing_option: Option<String>,
    /// A list of requests, one JSON object per line: many objects in one container
    #[arg(long, value_name = "LOCATION", conflicts_with_all = ["input", "processing_option"])]
    manifest: Option<String>,
    /// Output: a bucket, `s3://bucket/prefix` or a folder
    #[arg(long, value_name = "LOCATION", env = "S3_OUTPUT")]
    output: String,
    /// The request's id in events [default: a hash of the object and the operations]
    #[arg(long, value_name = "ID", env = "JOB_ID")]
    job_id: Option<String>,
    /// Which slice of the list to work on, counted from 0
    #[arg(long, value_name = "N", env = "AWS_BATCH_JOB_ARRAY_INDEX", requires = "array_size")]
    array_index: Option<usize>,
    /// How many slices the list has
    #[arg(long, value_name = "N", env = "AWS_BATCH_JOB_ARRAY_SIZE")]
    array_size: Option<usize>,
    /// Share the work on each object with other processes and keep the parts in this location: with an array index, do
    /// that part; with --join, merge the parts
    #[arg(long, value_name = "LOCATION")]
    parts: Option<String>,
    /// Merge N parts
    #[arg(long, value_name = "N", requires = "parts", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    join: Option<u32>,
}

impl Run {
    /// What this process does of work that several share.
    fn parts(&self) -> Result<Option<Parts>, Failure> {
        let Some(location) = &self.parts else { return Ok(None) };
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let share = match (self.join, self.array_index.zip(self.array_size)) {
            (Some(count), _) => Share::Merge { count },
            (None, Some((index, size))) if index < size => Share::Shard { index: number(index), count: number(size) },
            (None, Some((index, size))) => {
                return Err(Failure::invalid_request(format!(
                    "part index {index} must be below the array size {size}"
                )));
            }
            (None, None) => {
                return Err(Failure::invalid_request(
                    "--parts needs --array-index and --array-size for one part, or --join to merge",
                ));
            }
        };
        Ok(Some(Parts { share, location: Location::from_str(location)? }))
    }
}

/// The command line, made from the declarations of the job's operations.
pub fn command(jobs: &[Job]) -> Command {
    let name = jobs.first().map_or("job", |job| job.kind.job_name());
    let mut command = Command::new(name)
        .version(env!("CARGO_PKG_VERSION"))
        .about(about(jobs))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .max_term_width(110)
        .after_help(exit_codes());
    for declaration in declarations_of(jobs) {
        command = command.subcommand(operation_command(name, declaration));
    }
    let run = Command::new("run").after_help(format!(
        "Examples:\n  {name} run --input s3://inbox/a --processing-option '{0}' --output s3://outbox\n  \
             {name} run --manifest s3://lists/list.jsonl --output s3://outbox",
        declarations_of(jobs).next().map_or("…", |declaration| declaration.examples[0].0),
    ));
    let run = Running::augment_args(Run::augment_args(run))
        .about("Process requests as AWS Batch passes them: one object, or a list");
    let weights = Command::new("weights")
        .about("List the weights of neural networks that the operations need, one file per line, as JSON")
        .after_help(format!("Example:\n  {name} weights    # sha256, bytes, name, and whether the file is installed"));
    let served = subcommands(name).into_iter().fold(command, Command::subcommand);
    served.subcommand(run).subcommand(weights).subcommand(
        Command::new("completions")
            .about("Print a completion script for a shell")
            .arg(Arg::new("shell").required(true).value_parser(clap::value_parser!(clap_complete::Shell)))
            .after_help(format!("Example:\n  {name} completions bash > /etc/bash_completion.d/{name}")),
    )
}

/// A line for each file of weights: what an image's build copies, and what a person looks for.
fn list_weights(jobs: &[Job]) -> Result<(), Failure> {
    let folder = operation::weights::folder();
    let mut lines = String::new();
    for file in Weights::files_of(jobs) {
        let is_installed = folder.join(file.sha256).is_file();
        let line = json!({ "sha256": file.sha256, "bytes": file.bytes, "name": file.name, "licence": file.licence,
                           "installed": is_installed });
        let _ = writeln!(lines, "{line}");
    }
    terminal::print(lines.as_bytes())
}

fn about(jobs: &[Job]) -> String {
    let kinds: Vec<_> = jobs.iter().map(|job| job.kind.name()).collect();
    format!("Process objects of kind {}, local or in S3, each operation in an isolated process", kinds.join(", "))
}

fn exit_codes() -> &'static str {
    "Exit codes: 0 success; 64 invalid request; 65 invalid input (damaged or beyond the limits); 66 input not found; \
     70 internal error, including a crash or an exceeded limit; 75 temporary failure, retry later.\n\
     All operations and options: docs/operations.md"
}

fn operation_command(name: &str, declaration: &Declaration) -> Command {
    let mut examples = String::from("Examples:\n");
    for (example, effect) in declaration.examples {
        for line in as_command_lines(example) {
            let _ = writeln!(examples, "  {name} {line} INPUT out/\n      {effect}");
        }
    }
    if let Some((example, tag)) = declaration.examples.iter().find_map(|(text, _)| Some((text, tag_of(text)?))) {
        let _ = write!(
            examples,
            "\nWith an upload, as user metadata processing-option or as a tag of that name, which has its own spelling:\n  \
             {example}\n  {tag}"
        );
    }
    let command = declaration
        .command()
        .arg(Arg::new("INPUT").required(true).help("Input: a path or s3://bucket/key").value_hint(ValueHint::FilePath))
        .arg(
            Arg::new("OUTPUT")
                .required(true)
                .help("Output: a folder or s3://bucket/prefix")
                .value_hint(ValueHint::DirPath),
        )
        .after_help(examples);
    // The derive would put its own doc comment in the place of what the operation does.
    Running::augment_args(command).about(declaration.about)
}

async fn carry_out(jobs: &'static [Job], matches: &ArgMatches, isolation: Isolation) -> Result<u8, Failure> {
    let (name, matches) = matches.subcommand().expect("clap requires a subcommand");
    if name == "weights" {
        list_weights(jobs)?;
        return Ok(0);
    }
    if name == ISOLATION {
        terminal::print(format!("{:#}\n", isolation.report()).as_bytes())?;
        let code = isolation.jail().map_or(FailureKind::Internal.exit_code(), |_| 0);
        return Ok(code);
    }
    if name == "completions" {
        let shell = *matches.get_one::<clap_complete::Shell>("shell").expect("clap requires a shell");
        let mut command = command(jobs);
        let binary = command.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command, binary, &mut script);
        terminal::print(&script)?;
        return Ok(0);
    }
    let running = Running::from_arg_matches(matches).map_err(|error| Failure::invalid_request(error.to_string()))?;
    log_to_stderr(&running.log);
    if matches!(name, SERVE | SERVE_LAMBDA) {
        let serve = Serve::from_arg_matches(matches).map_err(|error| Failure::invalid_request(error.to_string()))?;
        let queue = matches.try_get_one::<String>("queue").ok().flatten();
        return Box::pin(serve_requests(jobs, running, serve, queue.map(String::as_str), isolation)).await;
    }
    if name == "run" {
        let run = Run::from_arg_matches(matches).map_err(|error| Failure::invalid_request(error.to_string()))?;
        return run_requests(jobs, running, run).await;
    }
    let offers = |job: &&Job| Declaration::of_kind(job.kind).any(|declaration| declaration.name == name);
    let kind = jobs.iter().find(offers).expect("clap knows the jobs' operations only").kind;
    let declaration = Declaration::named(name).expect("clap knows declared operations only");
    let operations = Operations::one(kind, declaration.from_arg_matches(matches)?);
    let text = |id: &str| matches.get_one::<String>(id).cloned().unwrap_or_default();
    let output = Location::from_str(&text("OUTPUT"))?;
    // Nothing will take it from the results that they are there: they are as safe as those of any other program.
    let mut runner = runner(jobs, &running, output, false).await?;
    runner.is_single = true;
    run_one(&runner, &running, &text("INPUT"), operations, None).await
}

async fn run_requests(jobs: &'static [Job], mut running: Running, run: Run) -> Result<u8, Failure> {
    let output = Location::of_output(&run.output)?;
    let parts = run.parts()?;
    if matches!(parts, Some(Parts { share: Share::Shard { .. }, .. })) {
        // The whole is measured once, when it is put together.
        running.metrics = Metrics::None;
    }
    if let Some(manifest) = &run.manifest {
        let mut runner = runner(jobs, &running, output, true).await?;
        runner.skip_committed = true;
        // Of an array, each process takes its part of every object, or else its slice of the objects.
        let slice = run.array_index.zip(run.array_size).filter(|_| parts.is_none());
        runner.parts = parts;
        let print = |event: &JobEvent| report(&running, event);
        return list::run_list(&mut runner, &Location::from_str(manifest)?, slice, &print).await;
    }
    let kind = jobs.first().expect("a program has a job").kind;
    let operations = Operations::parse_for(kind, run.processing_option.as_deref().unwrap_or_default())?;
    let mut runner = runner(jobs, &running, output, true).await?;
    runner.parts = parts;
    runner.is_single = operations.only().is_some();
    run_one(&runner, &running, run.input.as_deref().unwrap_or_default(), operations, run.job_id).await
}

async fn run_one(
    runner: &Runner,
    running: &Running,
    input: &str,
    operations: Operations,
    job_id: Option<String>,
) -> Result<u8, Failure> {
    let source = Location::from_str(input)?;
    let key = match &source {
        Location::S3(object) => object.key().to_owned(),
        Location::Local(_) => source.file_name().to_owned(),
    };
    let job_id = job_id.unwrap_or_else(|| contract::job_id(&source.to_string(), &operations.to_string()));
    let bar = terminal::Bar::new(&key);
    let work = Work { job_id, source, key, etag: None, operations, run: None };
    let ended = runner.run(&work, &bar.progress()).await;
    bar.finish();
    for event in &ended.events {
        report(running, event);
    }
    if let Some(failure) = &ended.unpublished {
        terminal::complain(failure);
    }
    Ok(ended.exit_code())
}

async fn runner(jobs: &'static [Job], running: &Running, output: Location, flush: bool) -> Result<Runner, Failure> {
    let scratch = running.scratch.clone().unwrap_or_else(std::env::temp_dir);
    if !scratch.is_dir() {
        return Err(Failure::invalid_request(format!("scratch folder {} not found", scratch.display())));
    }
    // Beyond the container's memory the kernel would choose what to end.
    let memory = lambda::memory().or_else(sandbox::memory);
    let granted = memory.map_or(u64::MAX, |bytes| bytes - bytes / 8);
    let limits = Limits { memory: running.limits.memory.min(granted), ..running.limits.clone() };
    let aws = store::Aws::default();
    let store = Store::new(aws.clone(), StoreOptions { flush, ..StoreOptions::default() });
    Ok(Runner {
        jobs,
        publisher: Publisher::from_topic(&store, running.notify.as_deref()).await?,
        store,
        scratch,
        output,
        skip_committed: false,
        parts: None,
        is_single: false,
        shares: 1,
        memory: memory.unwrap_or(limits.memory),
        prices: running.prices(),
        managed: Managed::new(aws.clone())?,
        aws,
        compute: if std::env::var_os("AWS_BATCH_JOB_ID").is_some() { Compute::Batch } else { Compute::Local },
        jail: Jail::Filter,
        workers: Arc::new(Semaphore::new(limits.processors())),
        limits,
    })
}

/// Prints one event as asked for, and its metrics.
fn report(running: &Running, event: &JobEvent) {
    let mut stdout = std::io::stdout().lock();
    let format =
        running.output_format.unwrap_or(if stdout.is_terminal() { OutputFormat::Human } else { OutputFormat::Json });
    let text = match format {
        OutputFormat::Json => serde_json::to_string(event).unwrap_or_default() + "\n",
        OutputFormat::Human => human::event(event),
    };
    // Nobody may be listening any more; the work is done all the same.
    let _ = stdout.write_all(text.as_bytes());
    if running.metrics == Metrics::Emf {
        let now = SystemTime::now().into();
        let line = metrics::of_operation(&running.metrics_namespace, now, event, running.limits.memory);
        let _ = writeln!(stdout, "{line}");
        if let Some(line) = metrics::of_usage(&running.metrics_namespace, now, event) {
            let _ = writeln!(stdout, "{line}");
        }
    }
}

fn log_to_stderr(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("warn"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second call in one process (tests) changes nothing.
    let _ = if std::io::stderr().is_terminal() {
        logs.with_target(false).compact().try_init()
    } else {
        logs.json().flatten_event(true).try_init()
    };
}

/// Spot reclaims and job time-outs send SIGTERM some time before SIGKILL: leave with the code that Batch retries. Workers
/// die with this process.
async fn until_terminated(work: impl Future<Output = Result<u8, Failure>>) -> Result<u8, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return work.await;
    };
    tokio::select! {
        ended = work => ended,
        _ = terminate.recv() => Err(Failure::temporary("terminated before the work was done; a retry starts again")),
        _ = interrupt.recv() => Err(Failure::temporary("interrupted before the work was done; a retry starts again")),
    }
}
