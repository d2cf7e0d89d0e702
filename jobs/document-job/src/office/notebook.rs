//! A Jupyter notebook (nbformat 3 and 4): text, code and what it printed.

use contract::Failure;
use serde_json::Value;

use super::{markdown, markup};
use crate::document::Metadata;
use crate::flow::Flow;

/// What a notebook holds.
pub(crate) struct Notebook {
    pub(crate) flows: Vec<Flow>,
    pub(crate) metadata: Metadata,
}

pub(crate) fn read(text: &str) -> Result<Notebook, Failure> {
    let notebook: Value = serde_json::from_str(text)
        .map_err(|error| Failure::invalid_input("the notebook is not valid JSON").because(error))?;
    let sheets = notebook["worksheets"].as_array().into_iter().flatten().filter_map(|sheet| sheet["cells"].as_array());
    let cells = notebook["cells"].as_array().into_iter().chain(sheets).flatten();
    let mut flows = Vec::new();
    for cell in cells {
        let source = joined(if cell["source"].is_null() { &cell["input"] } else { &cell["source"] });
        match cell["cell_type"].as_str() {
            Some("markdown") => flows.extend(markdown::read(&source).flows),
            Some("heading") => {
                let level = cell["level"].as_u64().unwrap_or(1).clamp(1, 6) as u8;
                flows.push(Flow::Heading { level, text: source.trim().into() });
            }
            Some("code") => {
                push_code(&mut flows, &source);
                for output in cell["outputs"].as_array().into_iter().flatten() {
                    push_output(&mut flows, output);
                }
            }
            _ => flows.extend(super::paragraphs(&source)),
        }
    }
    let title = notebook["metadata"]["title"].as_str().map(str::to_owned);
    Ok(Notebook { flows, metadata: Metadata { title, ..Metadata::default() } })
}

fn push_output(flows: &mut Vec<Flow>, output: &Value) {
    // A stream, an error, or data in several forms, of which the table is the richest.
    push_code(flows, &joined(&output["text"]));
    if let Some(name) = output["ename"].as_str() {
        push_code(flows, &format!("{name}: {}", output["evalue"].as_str().unwrap_or_default()));
    }
    let data = &output["data"];
    let html = joined(&data["text/html"]);
    if html.contains("<table") {
        flows.extend(markup::read(&html).flows);
    } else if !data["text/markdown"].is_null() {
        flows.extend(markdown::read(&joined(&data["text/markdown"])).flows);
    } else {
        push_code(flows, &joined(&data["text/plain"]));
    }
}

fn push_code(flows: &mut Vec<Flow>, text: &str) {
    let text = text.trim_matches('\n').trim_end();
    if !text.trim().is_empty() {
        flows.push(Flow::Code { text: text.to_owned() });
    }
}

/// Text is one string, or a list of its lines.
fn joined(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}
