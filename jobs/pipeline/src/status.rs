//! `pipeline status`: what became of the files.

use std::fmt::Write as _;

use contract::Failure;
use runner::OutputFormat;
use runner::human::{bytes, milliseconds};

use crate::cli::StatusArguments;
use crate::run::records_of;
use crate::state::{InputRecord, OutputRecord, State};
use crate::table;

/// Prints a table of the files, or one file with its outputs.
pub(crate) fn status(arguments: &StatusArguments) -> Result<(), Failure> {
    let path = records_of(&arguments.outbox);
    if !path.is_file() {
        let outbox = arguments.outbox.display();
        return Err(Failure::input_not_found(format!(
            "{outbox} holds no records; `pipeline run INBOX {outbox}` makes them"
        )));
    }
    let state = State::open(&path)?;
    let is_json = arguments.output_format == OutputFormat::Json;
    if let Some(key) = &arguments.file {
        let record = state.input(key)?.ok_or_else(|| {
            Failure::input_not_found(format!("no file {key:?} has come through {}", arguments.outbox.display()))
        })?;
        let outputs = state.outputs(key)?;
        table::print(&if is_json { one_as_json(&record, &outputs) } else { one(&record, &outputs) });
        return Ok(());
    }
    let records = state.inputs(arguments.state)?;
    if !is_json {
        table::print(&table::records(&records));
        return Ok(());
    }
    for record in &records {
        table::print(&serde_json::to_string(record).unwrap_or_default());
    }
    Ok(())
}

fn one_as_json(record: &InputRecord, outputs: &[OutputRecord]) -> String {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    value["outputs"] = serde_json::to_value(outputs).unwrap_or_default();
    value.to_string()
}

fn one(record: &InputRecord, outputs: &[OutputRecord]) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<11} {value}");
        }
    };
    line("file", &record.key);
    line("state", record.state.name());
    line("reason", record.reason.as_deref().unwrap_or_default());
    line("kind", record.kind.as_deref().unwrap_or_default());
    line("format", record.format.as_deref().unwrap_or_default());
    line("operations", record.processing_option.as_deref().unwrap_or_default());
    line("size", &bytes(record.size));
    line("duration", &milliseconds(record.duration));
    let mut table = table::table(&["output", "size", "type", "facts"]);
    for output in outputs {
        let facts = serde_json::from_str::<serde_json::Map<_, _>>(&output.properties).unwrap_or_default();
        let facts: Vec<_> =
            facts.iter().map(|(name, value): (&String, &serde_json::Value)| format!("{name} {value}")).collect();
        table.add_row(vec![output.key.clone(), bytes(output.size), output.content_type.clone(), facts.join(", ")]);
    }
    if !outputs.is_empty() {
        let _ = write!(text, "\n{table}");
    }
    text
}
