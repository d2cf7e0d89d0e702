//! What the operator's queries return, as a table for people or as lines of JSON. It is the same for the system in AWS and
//! for one machine, but for what people look at first.

use std::fmt::Write as _;

use comfy_table::CellAlignment;
use control::{InputRecord, OutputRecord};
use operator::{Explanation, Place, Upload};
use runner::OutputFormat;
use runner::human::{bytes, milliseconds};
use serde_json::{Value, json};

use crate::table::table;

/// Uploads as rows.
pub(crate) fn uploads(records: &[InputRecord], place: Place, format: OutputFormat) -> String {
    match (format, place) {
        (OutputFormat::Json, _) => lines(records.iter().map(upload_value)),
        (OutputFormat::Human, Place::Here) => files_table(records),
        (OutputFormat::Human, Place::Aws) => objects_table(records),
    }
}

/// The versions of one object, each with its outputs.
pub(crate) fn upload(uploads: &[Upload], place: Place, format: OutputFormat) -> String {
    match format {
        OutputFormat::Json => lines(uploads.iter().map(|upload| {
            let mut value = upload_value(&upload.record);
            value["outputs"] = in_order(&upload.outputs).into_iter().map(output_value).collect();
            value
        })),
        OutputFormat::Human => {
            uploads.iter().map(|upload| one(upload, place)).collect::<Vec<_>>().join("\n").trim_end().to_owned()
        }
    }
}

/// Explanations, each a few lines.
pub(crate) fn explanations(explanations: &[Explanation], format: OutputFormat) -> String {
    match format {
        OutputFormat::Json => lines(explanations.iter().map(|explanation| json!(explanation))),
        OutputFormat::Human => explanations.iter().map(explanation).collect::<Vec<_>>().join("\n\n"),
    }
}

fn lines(values: impl Iterator<Item = Value>) -> String {
    values.map(|value| value.to_string()).collect::<Vec<_>>().join("\n")
}

/// The record, and beside it what people filter by most.
fn upload_value(record: &InputRecord) -> Value {
    let mut value = json!(record);
    value["key"] = json!(record.source.key);
    value["etag"] = json!(record.source.etag);
    value["size"] = json!(record.source.size);
    value["duration"] = json!(duration(record));
    value["causes"] = json!(operator::causes(record));
    value
}

fn output_value(output: &OutputRecord) -> Value {
    let mut value = json!(output);
    value["size"] = json!(size(output));
    if let Some(made) = &output.made {
        value["sourceKey"] = json!(made.source.key);
        value["operation"] = json!(made.processing_option);
        value["sha256"] = json!(made.sha256);
        value["contentType"] = json!(made.content_type);
        value["properties"] = json!(made.properties);
    }
    value
}

/// Milliseconds of all operations.
fn duration(record: &InputRecord) -> u64 {
    record.results.values().map(|result| result.process_duration.total).sum()
}

fn size(output: &OutputRecord) -> Option<u64> {
    let stored = output.stored.as_ref().map(|stored| stored.size);
    stored.or_else(|| output.made.as_ref().and_then(|made| made.size))
}

/// By key, the manifests last.
fn in_order(outputs: &[OutputRecord]) -> Vec<&OutputRecord> {
    let is_manifest = |output: &OutputRecord| {
        output.made.as_ref().is_some_and(|made| made.manifest_key.as_ref() == Some(&output.key))
    };
    let (manifests, mut files): (Vec<_>, Vec<_>) = outputs.iter().partition(|output| is_manifest(output));
    files.extend(manifests);
    files
}

fn files_table(records: &[InputRecord]) -> String {
    let mut table = table(&["file", "state", "kind", "operations", "size", "duration", "reason"]);
    for record in records {
        table.add_row(vec![
            record.source.key.clone(),
            record.state.name().to_owned(),
            record.kind.map(|kind| kind.name().to_owned()).unwrap_or_default(),
            record.processing_option.clone().unwrap_or_default(),
            bytes(record.source.size),
            milliseconds(duration(record)),
            operator::causes(record).join("; "),
        ]);
    }
    for column in [4, 5] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

fn objects_table(records: &[InputRecord]) -> String {
    let mut table = table(&["object", "state", "since", "kind", "operations", "reason"]);
    for record in records {
        table.add_row(vec![
            record.object.clone(),
            record.state.name().to_owned(),
            record.state_at.clone(),
            record.kind.map(|kind| kind.name().to_owned()).unwrap_or_default(),
            record.processing_option.clone().unwrap_or_default(),
            operator::causes(record).join("; "),
        ]);
    }
    table.to_string()
}

fn one(Upload { record, outputs }: &Upload, place: Place) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<11} {value}");
        }
    };
    match place {
        Place::Here => line("file", &record.source.key),
        Place::Aws => line("object", &record.object),
    }
    line("state", record.state.name());
    line("since", &record.state_at);
    line("reason", &operator::causes(record).join("; "));
    line("kind", record.kind.map(catalog::MediaKind::name).unwrap_or_default());
    line("format", record.format.map(catalog::Format::name).unwrap_or_default());
    line("operations", record.processing_option.as_deref().unwrap_or_default());
    line("size", &bytes(record.source.size));
    line("duration", &milliseconds(duration(record)));
    if !outputs.is_empty() {
        let _ = writeln!(text, "\n{}", outputs_table(outputs));
    }
    text
}

fn outputs_table(outputs: &[OutputRecord]) -> String {
    let has_urls = outputs.iter().any(|output| output.url.is_some());
    let mut header = vec!["output", "size", "type", "facts"];
    header.extend(has_urls.then_some("url"));
    let mut table = table(&header);
    for output in in_order(outputs) {
        let made = output.made.as_ref();
        let facts =
            made.map(|made| made.properties.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>());
        let mut row = vec![
            output.key.clone(),
            size(output).map(bytes).unwrap_or_default(),
            made.map(|made| made.content_type.clone()).unwrap_or_default(),
            facts.unwrap_or_default().join(", "),
        ];
        row.extend(has_urls.then(|| output.url.clone().unwrap_or_default()));
        table.add_row(row);
    }
    table.to_string()
}

fn explanation(of: &Explanation) -> String {
    let or_unknown = |text: &Option<String>, unknown: &str| text.clone().unwrap_or_else(|| unknown.to_owned());
    let mut lines = vec![
        format!("{} ({}), uploaded {}", of.object, bytes(of.size), or_unknown(&of.uploaded_at, "at an unknown time")),
        format!("asked for: {} (by {})", or_unknown(&of.asked_for, "nothing"), or_unknown(&of.asked_by, "nobody")),
        format!("{} since {}, {} s ago", of.state.name(), of.since, of.seconds),
    ];
    lines.extend(of.path.iter().map(|path| format!("way: {path}")));
    lines.extend(of.cause.iter().cloned());
    lines.push(of.advice.clone());
    lines.join("\n")
}
