//! What a person sees on a terminal while a job runs.

use std::io::{ErrorKind, IsTerminal, Write as _};
use std::time::Instant;

use contract::Failure;
use indicatif::{ProgressBar, ProgressStyle};
use operation::Progress;

/// A progress bar on standard error; nothing where that is no terminal.
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar for work on one object.
    pub fn new(name: &str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{spinner} {msg} {wide_bar} {percent:>3}% {elapsed} (ETA {eta})");
        let bar = ProgressBar::new(1000).with_message(name.to_owned());
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(std::time::Duration::from_millis(200));
        Self(bar)
    }

    /// What fetching and the operation report to.
    pub fn progress(&self) -> Progress {
        let (bar, start, name) = (self.0.clone(), Instant::now(), self.0.message());
        Progress::of_media(move |fraction, seconds| {
            bar.set_position((fraction * 1000.0) as u64);
            if let Some(seconds) = seconds {
                bar.set_message(format!("{name} {:.2}×", seconds / start.elapsed().as_secs_f64().max(0.001)));
            }
        })
    }

    /// The work is done: the line is cleared for the result.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// Something that a person should know beside the result.
#[expect(clippy::print_stderr, reason = "this is a word of the command line to whoever uses it")]
pub fn warn(text: &str) {
    eprintln!("note: {text}");
}

/// Writes a command's result to standard output. Whoever closes that early (`| head`) has what they want.
pub fn print(text: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::internal("failed to write to standard output").because(error))
        }
        _ => Ok(()),
    }
}

/// A failure that has no event, for people and for log searches alike.
#[expect(clippy::print_stderr, reason = "this is the command line's error message")]
pub fn complain(failure: &Failure) {
    eprintln!("error: {failure}");
}
