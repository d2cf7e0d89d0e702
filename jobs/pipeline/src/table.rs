//! Tables for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use contract::JobEvent;
use runner::human::{bytes, milliseconds};

use crate::state::{InputRecord, UploadState};

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) records: Vec<InputRecord>,
    /// Bytes and files of the results of this run, by kind.
    results: BTreeMap<String, (u64, u64)>,
}

impl Summary {
    pub(crate) fn count(&mut self, record: InputRecord, events: &[JobEvent]) {
        let result = self.results.entry(kind_of(&record)).or_default();
        for output in events.iter().flat_map(|event| &event.outputs) {
            result.0 += output.size;
            result.1 += 1;
        }
        self.records.push(record);
    }

    /// Takes over a later sweep's counts; a file that came again counts once, as it is now.
    pub(crate) fn add(&mut self, later: Self) {
        self.records.retain(|record| !later.records.iter().any(|newer| newer.key == record.key));
        self.records.extend(later.records);
        for (kind, (bytes, files)) in later.results {
            let result = self.results.entry(kind).or_default();
            result.0 += bytes;
            result.1 += files;
        }
    }
}

fn kind_of(record: &InputRecord) -> String {
    record.kind.clone().unwrap_or_else(|| "other".to_owned())
}

/// The summary of a run: counts by kind and state, what went wrong, and where to look.
pub(crate) fn summary(summary: &Summary, elapsed: Duration, outbox: &Path) -> String {
    let mut kinds: BTreeMap<String, Vec<&InputRecord>> = BTreeMap::new();
    for record in &summary.records {
        kinds.entry(kind_of(record)).or_default().push(record);
    }
    let mut table = table(&["kind", "files", "succeeded", "failed", "rejected", "unsupported", "in", "out", "outputs"]);
    for (kind, records) in &kinds {
        let count = |state| records.iter().filter(|record| record.state == state).count().to_string();
        let (written, files) = summary.results.get(kind).copied().unwrap_or_default();
        table.add_row(vec![
            kind.clone(),
            records.len().to_string(),
            count(UploadState::Succeeded),
            count(UploadState::Failed),
            count(UploadState::Rejected),
            count(UploadState::Unsupported),
            bytes(records.iter().map(|record| record.size).sum()),
            bytes(written),
            files.to_string(),
        ]);
    }
    let mut text = format!("{table}\n");
    let wrong: Vec<_> = summary.records.iter().filter(|record| record.state != UploadState::Succeeded).collect();
    if !wrong.is_empty() {
        text.push('\n');
    }
    for record in wrong {
        let reason = record.reason.as_deref().unwrap_or_default();
        let _ = writeln!(text, "{:11}  {}: {reason}", record.state.name(), record.key);
    }
    let elapsed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let outbox = outbox.display();
    let _ = write!(
        text,
        "\n{} files in {}. Results: {outbox}/<file>/<operation>/, each with a manifest.json. Events: {outbox}/events.jsonl.\n\
         One file: pipeline status {outbox} <file>",
        summary.records.len(),
        milliseconds(elapsed),
    );
    text
}

/// Records as rows.
pub(crate) fn records(records: &[InputRecord]) -> String {
    let mut table = table(&["file", "state", "kind", "operations", "size", "duration", "reason"]);
    for record in records {
        table.add_row(vec![
            record.key.clone(),
            record.state.name().to_owned(),
            record.kind.clone().unwrap_or_default(),
            record.processing_option.clone().unwrap_or_default(),
            bytes(record.size),
            milliseconds(record.duration),
            record.reason.clone().unwrap_or_default(),
        ]);
    }
    for column in [4, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

/// An empty table of this program's look.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_style(comfy_table::TableComponent::HeaderLines, '─')
        .set_header(header.to_vec());
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    table
}

/// Prints a result. A reader that went away (`| head`) is no error.
pub(crate) fn print(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
