//! What a person sees while the pipeline runs.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use operation::Progress;
use tracing_subscriber::EnvFilter;

use crate::state::{InputRecord, UploadState};

/// A line for the whole and one for each file under way, on a terminal; log lines elsewhere.
pub(crate) struct Display {
    lines: Option<MultiProgress>,
    total: ProgressBar,
}

/// The line of a file under way. It goes when this is dropped.
pub(crate) struct Line(ProgressBar);

impl Display {
    pub(crate) fn new(log: &str) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let filter = EnvFilter::try_new(log).unwrap_or_else(|_| EnvFilter::new("error"));
        let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
        // A second call in one process changes nothing.
        let _ = logs.try_init();
        let lines = is_terminal.then(MultiProgress::new);
        let total = lines.as_ref().map_or_else(ProgressBar::hidden, |lines| lines.add(ProgressBar::new(0)));
        total.set_style(style("{bar:30} {pos}/{len} files  {elapsed} (ETA {eta})  {msg}"));
        Self { lines, total }
    }

    /// More files to work on.
    pub(crate) fn begin(&self, files: usize) {
        self.total.inc_length(files as u64);
        self.total.enable_steady_tick(Duration::from_millis(250));
    }

    /// A file under way.
    pub(crate) fn line(&self, key: &str) -> Line {
        let Some(lines) = &self.lines else { return Line(ProgressBar::hidden()) };
        let bar = lines.add(ProgressBar::new(1000));
        bar.set_style(style("  {spinner} {percent:>3}% {elapsed:>4}  {msg}"));
        bar.set_message(key.to_owned());
        bar.enable_steady_tick(Duration::from_millis(250));
        Line(bar)
    }

    /// A file has ended.
    pub(crate) fn ended(&self, record: &InputRecord) {
        self.total.inc(1);
        if matches!(record.state, UploadState::Failed | UploadState::Rejected) {
            self.say(&format!("✗ {}: {}", record.key, record.reason.as_deref().unwrap_or_default()));
        }
    }

    /// A line that stays.
    #[expect(clippy::print_stderr, reason = "this is the program's display")]
    pub(crate) fn say(&self, text: &str) {
        match &self.lines {
            // A closed terminal is no reason to stop the work.
            Some(lines) => drop(lines.println(text)),
            None => eprintln!("{text}"),
        }
    }

    /// Clears the display for the summary.
    pub(crate) fn finish(&self) {
        self.total.finish_and_clear();
    }
}

impl Line {
    pub(crate) fn progress(&self) -> Progress {
        let bar = self.0.clone();
        Progress::new(move |fraction| bar.set_position((fraction * 1000.0) as u64))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
