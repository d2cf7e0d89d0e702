//! Ids of jobs: a pure function of the event, so that every delivery of it gives the same, in the order of an object's
//! versions.

use contract::{SEQUENCER_DIGITS, Source};
pub use contract::{is_of_upload, sequence};
use sha2::{Digest, Sha256};

use crate::input_record::object_of;

/// The id of the job of an upload. For one object, a later version's id is greater.
pub fn job_id(source: &Source, sequencer: Option<&str>) -> String {
    let sequencer = comparable(sequencer.unwrap_or_default());
    let version = source.version_id.as_deref().or(source.etag.as_deref()).unwrap_or_default();
    format!("{sequencer}-{}", short_hash(&[&object_of(source), version, &sequencer]))
}

/// The id of a job that an operator asked for, at a time: not one of the upload's own.
pub fn submitted_job_id(source: &Source, processing_option: &str, at: &str) -> String {
    format!("submitted-{}", short_hash(&[&object_of(source), processing_option, at]))
}

/// The id of the job of an object that was found in a listing, where it has no sequencer: the same however often it is found.
pub fn listed_job_id(source: &Source, modified: &str) -> String {
    format!("listed-{}", short_hash(&[&object_of(source), source.etag.as_deref().unwrap_or_default(), modified]))
}

/// A sequencer of S3 in the form in which the greater text is the later event.
pub fn comparable(sequencer: &str) -> String {
    format!("{:0<SEQUENCER_DIGITS$}", sequencer.to_ascii_lowercase())
}

/// A number below `limit` (0 if that is 0) that is the same for the same parts and as good as random otherwise.
pub fn spread(parts: &[&str], limit: u64) -> u64 {
    number(parts).checked_rem(limit).unwrap_or_default()
}

/// Sixteen hexadecimal digits over parts.
pub fn short_hash(parts: &[&str]) -> String {
    format!("{:016x}", number(parts))
}

fn number(parts: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    u64::from_be_bytes(std::array::from_fn(|position| digest[position]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(version: &str) -> Source {
        Source {
            bucket: Some("in".to_owned()),
            key: "a/b.jpg".to_owned(),
            version_id: Some(version.to_owned()),
            etag: Some("e".to_owned()),
            size: 1,
        }
    }

    #[test]
    fn later_versions_have_greater_ids_whatever_the_length_of_the_sequencer() {
        let id = |sequencer| job_id(&source("v"), Some(sequencer));
        // A time that is shorter by its suffix, and a later one: padded on the left, the earlier would be the greater.
        assert!(id("006539AA6D7936ACF500") < id("006539AA6D7936ACF6"), "padding is on the right");
        assert!(id("006539AA6D7936ACF5") < id("006539AA6D7936ACF501"));
        assert!(id("00617F08299329D189") < id("00617f0829932aD189"), "case does not matter");
        assert_eq!(id("00617F08299329D189"), id("00617f08299329d189"));
    }

    #[test]
    fn versions_with_the_same_sequencer_have_ids_of_their_own() {
        assert_ne!(job_id(&source("v1"), Some("1")), job_id(&source("v2"), Some("1")));
        assert!(is_of_upload(&job_id(&source("v1"), None)));
        assert!(!is_of_upload(&submitted_job_id(&source("v1"), "resize", "2026-11-22")));
    }
}
