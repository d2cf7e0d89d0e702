//! Uploads and their outputs.

use std::collections::HashMap;

use contract::{Failure, Source};
use control::ports::Table;
use control::table::{self, Query};
use control::{InputRecord, OutputRecord, State, by_state, input_record};
use serde::Serialize;

/// Which uploads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// In one of these states.
    pub states: Vec<State>,
    /// Which they came into on one of these days, UTC, such as `2026-11-22`.
    pub days: Vec<String>,
    /// At most so many.
    pub limit: usize,
}

/// An upload with its outputs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Upload {
    /// The upload: one version of an object.
    #[serde(flatten)]
    pub record: InputRecord,
    /// What was made from it and is there still, by key.
    pub outputs: Vec<OutputRecord>,
}

/// The uploads of a selection, those that changed last first.
pub async fn uploads(inputs: &impl Table, selection: &Selection) -> Result<Vec<InputRecord>, Failure> {
    let mut found = Vec::new();
    for day in &selection.days {
        for state in &selection.states {
            found.extend(by_state::records(inputs, *state, day).await?);
        }
    }
    found.sort_by(|a, b| b.state_at.cmp(&a.state_at).then_with(|| a.object.cmp(&b.object)));
    found.truncate(selection.limit);
    Ok(found)
}

/// Of each object the upload that was made last, by object.
pub fn latest(records: Vec<InputRecord>) -> Vec<InputRecord> {
    let mut last: HashMap<String, InputRecord> = HashMap::new();
    for record in records {
        let is_later = last.get(&record.object).is_none_or(|present| place_of(present) < place_of(&record));
        if is_later {
            last.insert(record.object.clone(), record);
        }
    }
    let mut records: Vec<_> = last.into_values().collect();
    records.sort_by(|a, b| a.object.cmp(&b.object));
    records
}

fn place_of(record: &InputRecord) -> (Option<&str>, &str) {
    (record.timeline.uploaded_at.as_deref(), &record.job_id)
}

/// Every upload of an object, the last first.
pub async fn versions(inputs: &impl Table, source: &Source) -> Result<Vec<InputRecord>, Failure> {
    let query = Query::of(None, "object", input_record::object_of(source));
    let items = table::query_all(inputs, query).await?.into_iter();
    let items = items.filter(|item| item.get("jobId").is_some_and(|id| id != input_record::LATEST));
    let mut records: Vec<InputRecord> = items.map(table::from_item).collect::<Result<_, _>>()?;
    records.sort_by(|a, b| place_of(b).cmp(&place_of(a)));
    Ok(records)
}

/// Every upload of an object with its outputs, the last first. What a later one has written over belongs to that one.
pub async fn upload(inputs: &impl Table, outputs: &impl Table, source: &Source) -> Result<Vec<Upload>, Failure> {
    let mut uploads = Vec::new();
    for record in versions(inputs, source).await? {
        let outputs = of_job(outputs, &record).await?;
        uploads.push(Upload { record, outputs });
    }
    Ok(uploads)
}

/// One result, if it is there still.
pub async fn output(outputs: &impl Table, bucket: &str, key: &str) -> Result<Option<OutputRecord>, Failure> {
    let found: Vec<Option<OutputRecord>> = table::read(outputs, &[OutputRecord::key(bucket, key)]).await?;
    let found = found.into_iter().flatten().next();
    Ok(found.filter(|record| !record.is_gone()))
}

/// The outputs of an upload that are there still, by key.
pub async fn of_job(outputs: &impl Table, upload: &InputRecord) -> Result<Vec<OutputRecord>, Failure> {
    let mut records = OutputRecord::of_job(outputs, &upload.object, &upload.job_id).await?;
    records.retain(|record| !record.is_gone());
    Ok(records)
}
