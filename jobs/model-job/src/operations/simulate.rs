//! Finds out how a model behaves: `simulate?study=strength&material=oak&load=top=1000N`.
//!
//! Every study works on one solid (see [`subject`]): the triangles of the scene at rest, welded, in metres, with what is
//! wrong with them and what they enclose.

mod build;
mod picture;
mod print;
mod region;
pub mod report;
mod settle;
mod strength;
mod subject;
mod surface;

use catalog::operations::{Simulate, Study};
use contract::{Failure, Properties};
use operation::Task;
use serde::Serialize;
use serde_json::{Value, json};

use subject::Subject;

/// Writes what the study finds: `simulation.glb`, `.json` and `.webp`, `strength.glb`, `.json` and `.png`, or `print.glb` and
/// `.json`.
pub fn simulate(options: &Simulate, task: &Task) -> Result<Properties, Failure> {
    let mut subject = Subject::load(options, task)?;
    task.progress.report(0.3);
    match options.study {
        Study::Settle => settle::settle(options, &mut subject, task),
        Study::Strength => strength::strength(options, &mut subject, task),
        Study::Print => print::print(options, &mut subject, task),
    }
}

/// Writes a report, and hands the subject's warnings on.
fn write_report<R: Serialize>(name: &str, report: &R, subject: &Subject, task: &Task) -> Result<Properties, Failure> {
    let value =
        serde_json::to_value(report).map_err(|error| Failure::internal("failed to write the report").because(error))?;
    let text = serde_json::to_vec_pretty(&value)
        .map_err(|error| Failure::internal("failed to write the report").because(error))?;
    task.outputs.write(name, "application/json", &text, Properties::new())?;
    for warning in &subject.warnings {
        task.outputs.warn(warning);
    }
    let mut properties = Properties::new();
    properties.insert("mass".to_owned(), json!(subject.mass()));
    properties.insert("volume".to_owned(), json!(subject.properties.volume));
    Ok(properties)
}

fn rounded(value: f64) -> f64 {
    // Nine digits: what is further behind is rounding.
    format!("{value:.8e}").parse().unwrap_or(value)
}

/// Numbers of a report to nine digits.
fn three(values: [f64; 3]) -> [f64; 3] {
    values.map(rounded)
}

fn model_properties(glb: &crate::write::Glb) -> Properties {
    let mut properties = Properties::new();
    properties.insert("jsonBytes".to_owned(), Value::from(glb.json));
    properties
}
