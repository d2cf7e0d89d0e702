//! Long work says in the log how far it is.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use operation::Progress;
use tracing::info;

/// Between two lines.
const INTERVAL: Duration = Duration::from_secs(30);

/// Passes progress on, and now and then writes a line: percent, how much faster than it plays, seconds that are left.
pub(crate) fn logged(inner: &Progress, key: &str, operation: &'static str) -> Progress {
    let (inner, key, start) = (inner.clone(), key.to_owned(), Instant::now());
    let last = Mutex::new(start);
    Progress::of_media(move |fraction, seconds| {
        inner.report_media(fraction, seconds);
        // Another thread is writing the line.
        let Ok(mut last) = last.try_lock() else { return };
        if last.elapsed() < INTERVAL {
            return;
        }
        *last = Instant::now();
        let elapsed = start.elapsed().as_secs_f64();
        let percent = (fraction * 1000.0).round() / 10.0;
        let left = (fraction > 0.0).then(|| (elapsed / fraction - elapsed).round());
        let speed = seconds.map(|seconds| (seconds / elapsed * 100.0).round() / 100.0);
        info!(key, operation, percent, speed, eta_seconds = left, "working");
    })
}
