//! What a person sees while the pipeline runs.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contract::JobEvent;
use control::InputRecord;
use control_local::Observer;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use operation::Progress;
use runner::OutputFormat;
use tracing_subscriber::EnvFilter;

use crate::cli::RunArguments;
use crate::summary::{Summary, is_bad};
use crate::table::print;

/// A line for the whole and one for each file under way, on a terminal; log lines elsewhere.
pub(crate) struct Display {
    lines: Option<MultiProgress>,
    total: ProgressBar,
    /// The lines of the files under way.
    files: Mutex<HashMap<String, ProgressBar>>,
    summary: Mutex<Summary>,
    /// Whether each event is printed as JSON.
    prints_events: bool,
    /// Whether failures are told when they happen: a run that watches has no end at which to tell them.
    tells_failures: bool,
}

impl Display {
    pub(crate) fn new(arguments: &RunArguments) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let filter = EnvFilter::try_new(&arguments.log).unwrap_or_else(|_| EnvFilter::new("error"));
        let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
        // A second call in one process changes nothing.
        let _ = logs.try_init();
        let lines = is_terminal.then(MultiProgress::new);
        let total = lines.as_ref().map_or_else(ProgressBar::hidden, |lines| lines.add(ProgressBar::new(0)));
        total.set_style(style("{bar:30} {pos}/{len} files  {elapsed} (ETA {eta})  {msg}"));
        let display = Self {
            lines,
            total,
            files: Mutex::default(),
            summary: Mutex::default(),
            prints_events: arguments.output_format == OutputFormat::Json,
            tells_failures: arguments.watch,
        };
        if arguments.watch {
            display.say(&format!("Watching {}; stop with Ctrl-C", arguments.inbox.display()));
        }
        display
    }

    /// What the run has come to so far.
    pub(crate) fn summary(&self) -> MutexGuard<'_, Summary> {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Clears the display for the summary.
    pub(crate) fn finish(&self) {
        self.total.finish_and_clear();
    }

    /// A line that stays.
    #[expect(clippy::print_stderr, reason = "this is the program's display")]
    fn say(&self, text: &str) {
        match &self.lines {
            // A closed terminal is no reason to stop the work.
            Some(lines) => drop(lines.println(text)),
            None => eprintln!("{text}"),
        }
    }

    fn files(&self) -> MutexGuard<'_, HashMap<String, ProgressBar>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Display {
    fn expected(&self, files: usize) {
        self.total.inc_length(files as u64);
        self.total.enable_steady_tick(Duration::from_millis(250));
    }

    fn started(&self, key: &str) -> Progress {
        let Some(lines) = &self.lines else { return Progress::silent() };
        let bar = lines.add(ProgressBar::new(1000));
        bar.set_style(style("  {spinner} {percent:>3}% {elapsed:>4}  {msg}"));
        bar.set_message(key.to_owned());
        bar.enable_steady_tick(Duration::from_millis(250));
        self.files().insert(key.to_owned(), bar.clone());
        Progress::new(move |fraction| bar.set_position((fraction * 1000.0) as u64))
    }

    fn stopped(&self, key: &str) {
        if let Some(bar) = self.files().remove(key) {
            bar.finish_and_clear();
        }
    }

    fn told(&self, event: &JobEvent) {
        self.summary().count(event);
        if self.prints_events {
            print(&serde_json::to_string(event).unwrap_or_default());
        }
    }

    fn ended(&self, record: &InputRecord) {
        self.total.inc(1);
        let mut summary = self.summary();
        summary.ended(record);
        if is_bad(record.state) {
            self.total.set_message(format!("{} failed", summary.bad));
            if self.tells_failures {
                self.say(&format!("✗ {}: {}", record.source.key, operator::causes(record).join("; ")));
            }
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
