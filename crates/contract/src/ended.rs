//! The event on EventBridge that tells that an upload has ended.

use std::collections::BTreeMap;

use catalog::{Format, MediaKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::{JobError, Outcome, Output, ProcessDuration, Source};
use crate::failure::FailureKind;
use crate::usage::Usage;

/// Tells that an upload has ended, all of its operations included: the `detail` of an event of EventBridge with the detail type
/// `Upload Ended`. It may come twice, then with the same `id`. An upload that ends again has another `id`: after an operator has
/// sent it on its way again, or where a result overtook the word that its job had failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadEnded {
    /// See [`crate::SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The same for a repetition of this event, and for no other event.
    pub id: String,
    /// The upload's state.
    pub state: Outcome,
    /// The request's.
    pub job_id: String,
    /// The object, in its version.
    pub source: Source,
    /// Its kind; absent where it could not be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<MediaKind>,
    /// Its format by content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// What was asked for, in the processing-option grammar; secrets are redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processing_option: Option<String>,
    /// Why it is not SUCCEEDED, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the failure means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<FailureKind>,
    /// How each operation ended, as far as it did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<OperationEnded>,
    /// The bucket of the outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bucket: Option<String>,
    /// The files of all results, as many as fit into an event of 256 KiB; the manifests have them all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    /// How many files the results have.
    pub output_count: u64,
    /// What all operations used together, and what that costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// When S3 had the object, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded_at: Option<String>,
    /// When its end was recorded, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Milliseconds: `turnaround`, and its parts `classify`, `queue`, `start`, `fetch`, `process`, `store` and `record`, as far as they
    /// are known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub durations: BTreeMap<String, u64>,
}

/// How one operation on an upload ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationEnded {
    /// The operation with its options, as text.
    pub processing_option: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// Where the manifest is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_key: Option<String>,
    /// How many files the result has.
    pub output_count: u64,
    /// Milliseconds.
    pub process_duration: ProcessDuration,
    /// What it used, and what that costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}
