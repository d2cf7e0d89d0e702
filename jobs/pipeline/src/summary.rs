//! What a run came to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use catalog::MediaKind;
use contract::JobEvent;
use control::{InputRecord, State};
use runner::human::{bytes, milliseconds};

use crate::table::table;

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// How each file ended, by its path below the inbox; the last time if it came more than once.
    files: BTreeMap<String, End>,
    /// How many failed or were rejected.
    pub(crate) bad: usize,
    /// Bytes and files of the results of this run, by kind.
    results: BTreeMap<&'static str, (u64, u64)>,
}

/// How a file ended: what of its record the summary needs, as there may be a million of them.
#[derive(Debug)]
struct End {
    state: State,
    kind: &'static str,
    size: u64,
    causes: Vec<String>,
    /// The folder of its largest result, and how many files that has.
    result: Option<(String, u64)>,
}

impl End {
    fn of(record: &InputRecord) -> Self {
        let results = record.results.values().filter(|_| record.state == State::Succeeded);
        let largest = results.max_by_key(|result| result.output_count);
        let folder =
            largest.and_then(|result| Some((result.manifest_key.as_ref()?.rsplit_once('/')?.0, result.output_count)));
        Self {
            state: record.state,
            kind: name_of(record.kind),
            size: record.source.size,
            causes: operator::causes(record),
            result: folder.map(|(folder, count)| (folder.to_owned(), count)),
        }
    }
}

impl Summary {
    /// Notes how a file ended.
    pub(crate) fn ended(&mut self, record: &InputRecord) {
        self.bad += usize::from(is_bad(record.state));
        self.files.insert(record.source.key.clone(), End::of(record));
    }

    /// Whether a file failed or was rejected, the last time that it came.
    pub(crate) fn has_bad(&self) -> bool {
        self.files.values().any(|end| is_bad(end.state))
    }

    /// Adds the results of an operation.
    pub(crate) fn count(&mut self, event: &JobEvent) {
        let result = self.results.entry(name_of(event.kind)).or_default();
        result.0 += event.outputs.iter().map(|output| output.size).sum::<u64>();
        result.1 += event.outputs.len() as u64;
    }
}

/// Whether somebody has to act on it: content that no operation accepts is nobody's fault.
pub(crate) fn is_bad(state: State) -> bool {
    matches!(state, State::Failed | State::Rejected)
}

fn name_of(kind: Option<MediaKind>) -> &'static str {
    kind.map_or("other", MediaKind::name)
}

/// The summary as text: counts by kind and state, what went wrong, and where to look.
pub(crate) fn summary(summary: &Summary, elapsed: Duration, outbox: &Path) -> String {
    let mut kinds: BTreeMap<&str, Vec<&End>> = BTreeMap::new();
    for end in summary.files.values() {
        kinds.entry(end.kind).or_default().push(end);
    }
    let mut text = format!("{}\n", counts(&kinds, summary));
    let wrong: Vec<_> = summary.files.iter().filter(|(_, end)| end.state != State::Succeeded).collect();
    if !wrong.is_empty() {
        text.push('\n');
    }
    for (key, end) in wrong {
        let _ = writeln!(text, "{:11}  {key}: {}", end.state.name(), end.causes.join("; "));
    }
    let outbox = outbox.display();
    let looks: Vec<String> = kinds.iter().filter_map(|(kind, ends)| look_at(kind, ends, &outbox)).collect();
    if !looks.is_empty() {
        let _ = write!(
            text,
            "\nResults are in {outbox}/<file>/<operation>/, each with a manifest.json. One of each kind:\n{}",
            looks.concat()
        );
    }
    let elapsed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let _ = write!(
        text,
        "\n{} files in {}. One file: pipeline status {outbox} <file>. Events: {outbox}/{}.",
        summary.files.len(),
        milliseconds(elapsed),
        control_local::EVENTS,
    );
    text
}

fn counts(kinds: &BTreeMap<&str, Vec<&End>>, summary: &Summary) -> String {
    let mut table = table(&["kind", "files", "succeeded", "failed", "rejected", "unsupported", "in", "out", "outputs"]);
    for (kind, ends) in kinds {
        let count = |state| ends.iter().filter(|end| end.state == state).count().to_string();
        let (written, files) = summary.results.get(kind).copied().unwrap_or_default();
        table.add_row(vec![
            (*kind).to_owned(),
            ends.len().to_string(),
            count(State::Succeeded),
            count(State::Failed),
            count(State::Rejected),
            count(State::Unsupported),
            bytes(ends.iter().map(|end| end.size).sum()),
            bytes(written),
            files.to_string(),
        ]);
    }
    table.to_string()
}

/// Where the result of a file of this kind is: the one with the most files, which has the most to show.
fn look_at(kind: &str, ends: &[&End], outbox: &std::path::Display<'_>) -> Option<String> {
    let (folder, count) = ends.iter().filter_map(|end| end.result.as_ref()).max_by_key(|(_, count)| *count)?;
    let files = if *count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    Some(format!("  {kind:9} {outbox}/{folder}/  ({files})\n"))
}

#[cfg(test)]
mod tests {
    use contract::Source;
    use control::input_record::Refusal;
    use control::table::Record as _;

    use super::*;

    #[test]
    fn a_file_that_was_refused_is_named_once() {
        let source = Source { bucket: None, key: "in/x.pdf".to_owned(), version_id: None, etag: None, size: 3 };
        let mut record = InputRecord::new("1", &source);
        record.refusal = Some(Refusal {
            state: State::Rejected,
            kind: contract::FailureKind::InvalidRequest,
            message: "in/x.pdf: unknown operation".to_owned(),
        });
        record.derive();
        let mut of = Summary::default();
        of.ended(&record);
        let text = summary(&of, Duration::from_secs(1), Path::new("out"));
        assert_eq!(text.matches("x.pdf").count(), 1, "{text}");
        assert!(text.contains("REJECTED     in/x.pdf: unknown operation\n"), "{text}");
    }
}
