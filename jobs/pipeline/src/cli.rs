//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use catalog::MediaKind;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum, ValueHint};
use contract::Failure;
use control::State;
use operation::Job;
use runner::OutputFormat;
use sandbox::Limits;

use crate::place::TargetArguments;
use crate::{operate, run, samples, serve, status, url};

/// Media pipeline on one machine: folders in, folders out.
#[derive(Debug, Parser)]
#[command(name = "pipeline", version, max_term_width = 110, arg_required_else_help = true, after_help = EXAMPLES)]
struct Pipeline {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  pipeline run inbox outbox
      Every file of inbox, each as its content says: images resized, text extracted, …
  pipeline run inbox outbox --rules rules.toml --watch
      Options by rules; continue with files as they arrive
  pipeline status outbox
      What became of each file
  pipeline status outbox photo.jpg
      One file with its outputs

Options for a file come from, in this order: a file beside it (photo.jpg.processing-option with, for example,
resize?width=800&format=webp), the first rule that matches, the default for its kind.
Every operation with its options: docs/operations.md";

#[derive(Debug, Subcommand)]
enum Command {
    /// Process every file of a folder
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArguments),
    /// Show a page in the browser: drop files, watch them, look at what came out
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(ServeArguments),
    /// Show what became of the files
    #[command(after_help = STATUS_EXAMPLES)]
    Status(StatusArguments),
    /// Show where an upload is and what it is waiting for
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArguments),
    /// Have an object processed as asked for here
    #[command(after_help = SUBMIT_EXAMPLES)]
    Submit(SubmitArguments),
    /// Requeue uploads that failed or got stuck
    #[command(after_help = REDRIVE_EXAMPLES)]
    Redrive(RedriveArguments),
    /// Cancel an upload that has not ended
    #[command(after_help = CANCEL_EXAMPLES)]
    Cancel(CancelArguments),
    /// Stop the dispatch of jobs in AWS: requests wait in their queues
    #[command(after_help = "Example:\n  pipeline pause --reason 'a bad image was pushed'")]
    Pause(PauseArguments),
    /// Let the dispatch of jobs in AWS run again, whoever paused it
    #[command(after_help = RESUME_EXAMPLES)]
    Resume,
    /// Process objects in AWS that no event told of
    #[command(after_help = BACKFILL_EXAMPLES)]
    Backfill(BackfillArguments),
    /// Print where results in AWS can be read, signed where that is needed
    #[command(after_help = URL_EXAMPLES)]
    Url(UrlArguments),
    /// Write sample files, good and bad, to try the pipeline with
    #[command(after_help = "Example:\n  pipeline samples inbox && pipeline run inbox outbox")]
    Samples {
        /// The folder to write them into
        #[arg(value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

const RUN_EXAMPLES: &str = "Examples:
  pipeline run inbox outbox
  pipeline run inbox outbox --jobs 8 --rules rules.toml
  pipeline run inbox outbox --watch

A file of rules (TOML); the first that matches is taken, * stays within a folder, ** does not:
  [[rule]]
  match = \"photos/**\"
  processing-option = \"resize?widths=320,640,1280&formats=webp,jpeg\"

  [[rule]]
  match = \"**\"
  kind = \"video\"
  processing-option = \"keyframes\"

You can stop a run at any time, even with kill -9, and start it again; finished work is skipped.
Exit codes: 0 all done (files of unsupported types are listed); 65 some failed or were rejected (listed with the
reason); 64 the request itself cannot be carried out; 70 and 75 as of the jobs.";

const SERVE_EXAMPLES: &str = "Examples:
  pipeline serve inbox outbox
      Prints a URL; files that are dropped there go to inbox and are processed, results are in outbox
  pipeline serve inbox outbox --port 8080 --rules rules.toml

Only this machine can open the page, and only with the URL that is printed: it has a secret in it. While another
`pipeline run` works on outbox, the page shows what that one does. Stop it with Ctrl-C; the next one continues.";

const EXPLAIN_EXAMPLES: &str = "Examples:
  pipeline explain s3://uploads/photo.jpg
  pipeline explain outbox photo.jpg";

const SUBMIT_EXAMPLES: &str = "Examples:
  pipeline submit s3://uploads/photo.jpg --processing-option 'resize?width=800'
  pipeline submit outbox photo.jpg --processing-option 'resize?width=800'
      The `pipeline run` that works on outbox does it, or the next one";

const REDRIVE_EXAMPLES: &str = "Examples:
  pipeline redrive --dry-run
      What failed today in AWS
  pipeline redrive outbox
      What failed on this machine; the `pipeline run` that works on outbox does it, or the next one
  pipeline redrive --kind video --reason 'taken away'
  pipeline redrive --state dead-letters
      Messages of the dead-letter queues, back to their queues
  pipeline redrive --state undelivered
      Events that could not be delivered or processed, processed by this program";

const CANCEL_EXAMPLES: &str = "Examples:
  pipeline cancel s3://uploads/film.mov --reason 'uploaded by mistake'
  pipeline cancel outbox film.mov

The upload's job is ended, unless it works on other uploads, too. Results that are there already stay.";

const RESUME_EXAMPLES: &str = "Example:
  pipeline resume

If the budget guard paused dispatch, the bound that was passed does not count for the rest of this day and month (UTC).";

const BACKFILL_EXAMPLES: &str = "Examples:
  pipeline backfill s3://uploads/2025/ --dry-run
      How many objects have no record, and how large they are
  pipeline backfill s3://uploads/2025/
      Each as if it had been uploaded now: its metadata, its tag, the rules, the default for its kind
  pipeline backfill s3://uploads --since 2026-11-01 --limit 1000

Objects that have a record are left alone, so a run that was stopped is continued by the next one. What was changed in the
last hour is left out: its event may be on its way.";

const URL_EXAMPLES: &str = "Examples:
  pipeline url s3://uploads/photo.jpg
      Everything that was made from an upload
  pipeline url s3://results/photo.jpg/resize/photo.webp --expires-in 7d
  pipeline url s3://results/film.mp4/transcode/master.m3u8 --cookies
      With the Set-Cookie headers that a player needs for the segments
  pipeline url s3://results/film.mp4/ --output-format json
      Cookies for a folder

The signing key is RSA of 2048 bits or ECDSA over P-256, in PEM. Results on public paths need no signature and have none.";

const STATUS_EXAMPLES: &str = "Examples:
  pipeline status --aws s3://uploads/photo.jpg
  pipeline status --aws --state failed --day 2026-11-22
  pipeline status --aws --state queued,submitted,running --output-format json
  pipeline status outbox
  pipeline status outbox photos/cat.jpg
  pipeline status outbox --state failed
  pipeline status outbox --output-format json | jq .reason";

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The folder with the files to process; folders in it are searched, too
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) inbox: PathBuf,
    /// The folder for the results; it is made if it is not there
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) outbox: PathBuf,
    /// A file of rules that say what is done with which files
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) rules: Option<PathBuf>,
    /// Continue with new and changed files until stopped
    #[arg(long)]
    pub(crate) watch: bool,
    /// Seconds between two looks at the inbox when watching; a file is taken once it has not changed for that long
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) interval: u64,
    /// How many operations are worked on at a time [default: the number of processors]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// What is written to standard output: a summary for people, or each event as JSON
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "human")]
    pub(crate) output_format: OutputFormat,
    /// What is logged to standard error: error, warn, info, debug or a filter
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", default_value = "error")]
    pub(crate) log: String,
    /// What a worker may use
    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// The folder that uploads go to; it is made if it is not there
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) inbox: PathBuf,
    /// The folder for the results; it is made if it is not there
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) outbox: PathBuf,
    /// The port of 127.0.0.1 to listen on; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,
    /// A file of rules that say what is done with which files
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) rules: Option<PathBuf>,
    /// How many operations are worked on at a time [default: the number of processors]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// What is logged to standard error: error, warn, info, debug or a filter
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", default_value = "error")]
    pub(crate) log: String,
    /// What a worker may use
    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// The folder with the results
    #[arg(value_hint = ValueHint::DirPath, required_unless_present = "aws", default_value = ".", hide_default_value = true)]
    pub(crate) outbox: PathBuf,
    /// One file, by its path below the inbox
    pub(crate) file: Option<String>,
    /// The system in AWS: its uploads of a state and day, or in the place of OUTBOX one object, `s3://bucket/key`
    #[arg(long)]
    pub(crate) aws: bool,
    /// Only uploads that came into their state on this day, UTC, such as 2026-11-22 [default: any; in AWS today]
    #[arg(long, value_name = "DAY")]
    pub(crate) day: Option<String>,
    /// Only uploads in these states, separated by commas [default: any; in AWS failed]
    #[arg(long = "state", value_name = "STATE", value_parser = states(), ignore_case = true, value_delimiter = ',')]
    pub(crate) states: Vec<State>,
    /// At most N uploads
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) limit: usize,
    /// A table for people, or JSON lines
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "human")]
    pub(crate) output_format: OutputFormat,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    /// Lines for people, or JSON lines
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "human")]
    pub(crate) output_format: OutputFormat,
}

/// Arguments of `submit`.
#[derive(Debug, Args)]
pub(crate) struct SubmitArguments {
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    /// What to do with it, for example resize?width=800&format=webp
    #[arg(long, value_name = "OPERATIONS")]
    pub(crate) processing_option: String,
}

/// Arguments of `redrive`.
#[derive(Debug, Args)]
pub(crate) struct RedriveArguments {
    /// The folder with the results of this machine [default: the system in AWS]
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) outbox: Option<PathBuf>,
    /// What is sent on its way again
    #[arg(long, value_enum, default_value = "failed")]
    pub(crate) state: Redriven,
    /// Only uploads of this kind
    #[arg(long, value_enum)]
    pub(crate) kind: Option<MediaKind>,
    /// Of which day, UTC, such as 2026-11-22 [default: any; in AWS today]
    #[arg(long, value_name = "DAY")]
    pub(crate) day: Option<String>,
    /// Only those whose reason contains this text
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    /// Only list them
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Arguments of `cancel`.
#[derive(Debug, Args)]
pub(crate) struct CancelArguments {
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    /// Why, for the record and the notice
    #[arg(long, value_name = "TEXT", default_value = "by an operator")]
    pub(crate) reason: String,
}

/// Arguments of `url`.
#[derive(Debug, Args)]
pub(crate) struct UrlArguments {
    /// An upload or a result, `s3://bucket/key`, or a folder of results, `s3://bucket/key/`
    #[arg(value_name = "OBJECT")]
    pub(crate) object: String,
    /// How long the signature is good, such as 90m, 12h or 7d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = url::seconds)]
    pub(crate) expires_in: i64,
    /// Sign cookies for the folder, not the URL
    #[arg(long)]
    pub(crate) cookies: bool,
    /// The private key that signs: a file, or the ARN of a secret of Secrets Manager
    #[arg(long, value_name = "FILE|ARN", env = "CLOUDFRONT_SIGNING_KEY", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<String>,
    /// The id by which CloudFront knows its public key
    #[arg(long, value_name = "ID", env = "CLOUDFRONT_KEY_ID")]
    pub(crate) key_id: Option<String>,
    /// Lines for people, or JSON lines
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "human")]
    pub(crate) output_format: OutputFormat,
}

/// Arguments of `pause`.
#[derive(Debug, Args)]
pub(crate) struct PauseArguments {
    /// Why, for whoever looks at a request that waits
    #[arg(long, value_name = "TEXT", default_value = "by an operator")]
    pub(crate) reason: String,
}

/// Arguments of `backfill`.
#[derive(Debug, Args)]
pub(crate) struct BackfillArguments {
    /// The bucket of uploads, `s3://bucket`, or a part of it, `s3://bucket/prefix`
    #[arg(value_name = "PREFIX")]
    pub(crate) prefix: String,
    /// Only objects that were changed on this day or later, UTC, such as 2026-11-22
    #[arg(long, value_name = "DAY")]
    pub(crate) since: Option<String>,
    /// At most N objects without a record
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    pub(crate) limit: usize,
    /// Only count them
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What can be redriven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Redriven {
    /// Uploads that failed
    Failed,
    /// Uploads whose request waits: it is sent again
    Queued,
    /// Messages of the dead-letter queues: they are moved back to their queues
    DeadLetters,
    /// Events that could not be delivered or processed: this program processes them
    Undelivered,
}

/// Every state of an upload, in lower case or as records have it.
fn states() -> impl TypedValueParser<Value = State> {
    let names = State::ALL.map(|state| state.name().to_lowercase());
    PossibleValuesParser::new(names).map(|name| {
        let found = State::ALL.into_iter().find(|state| state.name().eq_ignore_ascii_case(&name));
        found.expect("only names of states are possible")
    })
}

/// The whole of `main` behind the worker's side of it.
pub fn main(jobs: &'static [Job]) -> ExitCode {
    let ended = match Pipeline::parse().command {
        Command::Run(arguments) => run::run(jobs, &arguments),
        Command::Serve(arguments) => serve::serve(jobs, &arguments).map(|()| 0),
        Command::Status(arguments) => status::status(&arguments).map(|()| 0),
        Command::Explain(arguments) => status::explain(&arguments).map(|()| 0),
        Command::Submit(arguments) => operate::submit(&arguments).map(|()| 0),
        Command::Redrive(arguments) => operate::redrive(&arguments).map(|()| 0),
        Command::Cancel(arguments) => operate::cancel(&arguments).map(|()| 0),
        Command::Pause(arguments) => operate::pause(&arguments).map(|()| 0),
        Command::Resume => operate::resume().map(|()| 0),
        Command::Backfill(arguments) => operate::backfill(&arguments).map(|()| 0),
        Command::Url(arguments) => url::url(&arguments).map(|()| 0),
        Command::Samples { folder } => samples::write_samples(&folder).map(|()| 0),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "pipeline", &mut script);
            runner::terminal::print(&script).map(|()| 0)
        }
    };
    ended.map_or_else(|failure| complain(&failure), ExitCode::from)
}

/// The declaration of the command line, for completions and for the test that compares it with the documentation.
pub fn command() -> clap::Command {
    Pipeline::command()
}

fn complain(failure: &Failure) -> ExitCode {
    runner::terminal::complain(failure);
    ExitCode::from(failure.kind().exit_code())
}
