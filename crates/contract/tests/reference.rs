//! The JSON Schemas under docs/ are those of the code, and every version that was ever sent still parses.
//! `make reference` writes the schemas.

use std::path::{Path, PathBuf};

use contract::{JobEvent, JobRequest, Manifest, Recognition, UploadEnded};
use schemars::{JsonSchema, schema_for};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn in_project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn schema_is_not_stale<T: JsonSchema>(file: &str) {
    let path = in_project("docs").join(file);
    let expected = serde_json::to_string_pretty(&schema_for!(T)).unwrap() + "\n";
    if std::env::var_os("REFERENCE").is_some_and(|value| value == "write") {
        fs_err::write(&path, &expected).unwrap();
    }
    let found = fs_err::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "docs/{file} is stale: run `make reference`");
}

#[test]
fn the_schemas_are_not_stale() {
    schema_is_not_stale::<JobRequest>("job-request.schema.json");
    schema_is_not_stale::<JobEvent>("job-event.schema.json");
    schema_is_not_stale::<Manifest>("manifest.schema.json");
    schema_is_not_stale::<UploadEnded>("upload-ended.schema.json");
    schema_is_not_stale::<Recognition>("recognition.schema.json");
}

/// Parses a fixture and says it again: nothing of what was sent is lost.
fn still_parses<T: DeserializeOwned + Serialize>(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(file);
    let sent: Value = serde_json::from_str(&fs_err::read_to_string(path).unwrap()).unwrap();
    let parsed: T = serde_json::from_value(sent.clone()).unwrap();
    let said_again = serde_json::to_value(&parsed).unwrap();
    for (name, value) in sent.as_object().unwrap() {
        assert_eq!(said_again.get(name), Some(value), "{file}: {name}");
    }
}

#[test]
fn every_version_that_was_ever_sent_still_parses() {
    still_parses::<JobRequest>("job_request_v1.json");
    still_parses::<JobEvent>("job_event_succeeded_v1.json");
    still_parses::<JobEvent>("job_event_failed_v1.json");
    still_parses::<Manifest>("manifest_v1.json");
    still_parses::<UploadEnded>("upload_ended_v1.json");
}
