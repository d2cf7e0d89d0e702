//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueHint};
use contract::Failure;
use operation::Job;
use runner::OutputFormat;
use sandbox::Limits;

use crate::aws::{ExplainArguments, RedriveArguments, SubmitArguments};
use crate::state::UploadState;
use crate::{aws, run, samples, status};

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
      Options by rules; go on with files as they arrive
  pipeline status outbox
      What became of each file
  pipeline status outbox photo.jpg
      One file with its outputs

What is done with a file: the text in a file beside it, photo.jpg.processing-option, for example
resize?width=800&format=webp; else the first rule that matches; else the default of its kind.
Every operation with its options: docs/operations.md";

#[derive(Debug, Subcommand)]
enum Command {
    /// Process every file of a folder
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArguments),
    /// Show what became of the files
    #[command(after_help = STATUS_EXAMPLES)]
    Status(StatusArguments),
    /// Say where an upload in AWS is, and why it is not further
    #[command(after_help = "Example:\n  pipeline explain s3://uploads/photo.jpg")]
    Explain(ExplainArguments),
    /// Have an object in AWS processed as asked for here
    #[command(after_help = "Example:\n  pipeline submit s3://uploads/photo.jpg --processing-option 'resize?width=800'")]
    Submit(SubmitArguments),
    /// Send on its way again what has stopped in AWS
    #[command(after_help = REDRIVE_EXAMPLES)]
    Redrive(RedriveArguments),
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

It can be stopped at any moment and run again: what is committed is not done again, what is not is done anew.
Exit codes: 0 all done (files of unsupported types are listed); 65 some failed or were rejected (listed with the
reason); 64 the request itself cannot be carried out; 70 and 75 as of the jobs.";

const REDRIVE_EXAMPLES: &str = "Examples:
  pipeline redrive --dry-run
      What failed today
  pipeline redrive --kind video --reason 'taken away'
  pipeline redrive --state dead-letters
      Messages of the dead-letter queues, back to their queues";

const STATUS_EXAMPLES: &str = "Examples:
  pipeline status --aws s3://uploads/photo.jpg
  pipeline status --aws --state failed --day 2026-11-22
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
    /// Go on with new and changed files until stopped
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

/// Arguments of `status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// The folder with the results
    #[arg(value_hint = ValueHint::DirPath, required_unless_present = "aws", default_value = ".", hide_default_value = true)]
    pub(crate) outbox: PathBuf,
    /// One file, by its path below the inbox
    pub(crate) file: Option<String>,
    /// The system in AWS: its uploads of one state and day, or in the place of OUTBOX one object, `s3://bucket/key`
    #[arg(long)]
    pub(crate) aws: bool,
    /// Of which day in AWS, UTC, such as 2026-11-22 [default: today]
    #[arg(long, value_name = "DAY", requires = "aws")]
    pub(crate) day: Option<String>,
    /// Only files in this state
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) state: Option<UploadState>,
    /// A table for people, or JSON lines
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "human")]
    pub(crate) output_format: OutputFormat,
}

/// The whole of `main` behind the worker's side of it.
pub fn main(jobs: &'static [Job]) -> ExitCode {
    let ended = match Pipeline::parse().command {
        Command::Run(arguments) => run::run(jobs, &arguments),
        Command::Status(arguments) if arguments.aws => {
            let object = arguments.outbox.to_str().filter(|object| *object != ".");
            aws::status(object, arguments.state.map(UploadState::name), arguments.day.as_deref()).map(|()| 0)
        }
        Command::Explain(arguments) => aws::explain_upload(&arguments).map(|()| 0),
        Command::Submit(arguments) => aws::submit(&arguments).map(|()| 0),
        Command::Redrive(arguments) => aws::redrive_uploads(&arguments).map(|()| 0),
        Command::Status(arguments) => status::status(&arguments).map(|()| 0),
        Command::Samples { folder } => samples::write_samples(&folder).map(|()| 0),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut command(), "pipeline", &mut std::io::stdout());
            Ok(0)
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
