//! Results for people.

use std::fmt::Write as _;

use contract::{JobEvent, Output};

/// An event as a few lines of text.
pub fn event(event: &JobEvent) -> String {
    let operation = event.processing_option.as_deref().unwrap_or("-");
    let mut text = String::new();
    let duration = &event.process_duration;
    let _ = match &event.error {
        None => writeln!(
            text,
            "✓ {}  {operation}  {} (fetch {}, work {}, store {}), {} of memory",
            event.source.key,
            milliseconds(duration.total),
            milliseconds(duration.fetch),
            milliseconds(duration.process),
            milliseconds(duration.store),
            bytes(event.peak_memory)
        ),
        Some(error) => writeln!(text, "✗ {}  {operation}  {}", event.source.key, error.message),
    };
    let width = event.outputs.iter().map(|output| output.key.chars().count()).max().unwrap_or_default();
    for output in &event.outputs {
        let _ = writeln!(text, "    {:width$}  {:>9}  {}", output.key, bytes(output.size), facts(output));
    }
    let omitted = event.output_count.saturating_sub(event.outputs.len() as u64);
    if omitted > 0 {
        let _ = writeln!(text, "    and {omitted} more in {}", event.manifest_key.as_deref().unwrap_or("the manifest"));
    }
    text
}

/// What people look for first in an output.
fn facts(output: &Output) -> String {
    let number = |name: &str| output.properties.get(name).and_then(serde_json::Value::as_f64);
    match (number("width"), number("height"), number("pages"), number("duration")) {
        (Some(width), Some(height), ..) => format!("{width}×{height}"),
        (_, _, Some(pages), _) => format!("{pages} pages"),
        (_, _, _, Some(seconds)) => format!("{seconds:.1} s"),
        _ => output.content_type.clone(),
    }
}

/// Bytes with three significant digits: `84.1 kB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    match (unit, value) {
        (0, _) => format!("{count} B"),
        (_, value) if value < 9.995 => format!("{value:.2} {}", UNITS[unit]),
        (_, value) if value < 99.95 => format!("{value:.1} {}", UNITS[unit]),
        (_, value) => format!("{value:.0} {}", UNITS[unit]),
    }
}

/// A duration as people write it: `870 ms`, `12.4 s`, `3 min 20 s`.
pub fn milliseconds(count: u64) -> String {
    match count {
        0..1000 => format!("{count} ms"),
        1000..60_000 => format!("{:.1} s", count as f64 / 1000.0),
        _ => format!("{} min {} s", count / 60_000, count % 60_000 / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_read_well() {
        assert_eq!(
            [bytes(0), bytes(999), bytes(1000), bytes(84_123), bytes(7_057_917)],
            ["0 B", "999 B", "1.00 kB", "84.1 kB", "7.06 MB"]
        );
        assert_eq!(bytes(999_999), "1.00 MB");
        assert_eq!([milliseconds(12), milliseconds(12_400), milliseconds(200_000)], ["12 ms", "12.4 s", "3 min 20 s"]);
    }
}
