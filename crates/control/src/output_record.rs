//! A record of DYNAMODB_OUTPUT: one object in S3_OUTPUT. The job tells what it means and what S3 answered when it was stored, so
//! that one write makes the record; S3 tells only of what is removed (its events of new objects would cost several times as much as
//! the records). Of several tellings the latest counts. What a container stored before it was killed is in no manifest: the next
//! try writes over it, and if there is none, [`crate::output`] lists it when Batch gives the upload up.

use std::collections::BTreeSet;

use catalog::{Format, MediaKind};
use contract::{Failure, JobEvent, Output, ProcessDuration, Properties, Source, timestamp};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::delivery::Delivery;
use crate::event::{DeletionType, ObjectDetail};
use crate::identity;
use crate::input_record::{KEPT_AFTER_DELETION, object_of};
use crate::ports::{Listed, Table};
use crate::table::{self, Key, Query, Record, Sort};

/// A record of DYNAMODB_OUTPUT.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputRecord {
    /// Key: `s3://bucket/key` of the output, or the key of a file, its path below the outbox.
    pub object: String,
    /// Counts the writes.
    #[serde(default)]
    pub revision: u64,
    /// The bucket of the output; empty for a file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub bucket: String,
    /// The key of the output.
    pub key: String,
    /// Where it can be downloaded, if a distribution is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whether the URL answers only with a signature or signed cookies, as `pipeline url` makes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_needs_signature: Option<bool>,
    /// What is known of the version that is current: what S3 answered when the job stored it, or that it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Stored>,
    /// What else is known: of earlier versions and of deletions. The latest few: what counts is which version is current.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub stored_before: BTreeSet<Stored>,
    /// What the job told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Made>,
    /// The upload that the object was made from was deleted, and the object with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_deleted: Option<SourceDeleted>,
    /// Derived, the partition key of the index by source: `s3://bucket/key` of the object that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_object: Option<String>,
    /// Derived, the sort key of the index by source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// When the item of a deleted object may expire, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

/// What S3 said of an output: in its answer to the job, or when it was deleted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// When, RFC 3339. It orders what is known: jobs and S3 have clocks that differ by milliseconds, and deletions of a version name it.
    pub at: String,
    /// The event's place among S3's events of the key: the greater is the later. An answer to a job has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sequencer: String,
    /// The object was deleted (by a marker in a versioned bucket).
    #[serde(default)]
    pub deleted: bool,
    /// Only this version was deleted, and for good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub version_deleted: bool,
    /// Bytes.
    pub size: u64,
    /// The entity tag, without quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The version in a versioned bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
}

/// That an upload was deleted and what its job had made of it with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceDeleted {
    /// When, RFC 3339.
    pub at: String,
    /// The upload's job: of no meaning for what a later one has made.
    pub job_id: String,
}

/// What the job told of an output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    /// When the operation ended, RFC 3339.
    pub at: String,
    /// The job.
    pub job_id: String,
    /// The object that it was made from.
    pub source: Source,
    /// Its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<MediaKind>,
    /// Its format by content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// The operation's word.
    pub operation: String,
    /// The operation with its options.
    pub processing_option: String,
    /// Bytes; absent for a manifest of which nothing but its key was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// SHA-256, lower-case hexadecimal; absent for a manifest of which nothing but its key was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The media type.
    pub content_type: String,
    /// What else means something: `width`, `height`, `duration`, …
    #[serde(default, skip_serializing_if = "Properties::is_empty")]
    pub properties: Properties,
    /// Milliseconds that the operation took, all of its outputs together.
    pub process_duration: ProcessDuration,
    /// Where the manifest is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_key: Option<String>,
}

impl OutputRecord {
    /// A record of an output of which nothing else is known yet.
    pub fn new(bucket: &str, key: &str, delivery: Option<&Delivery>) -> Self {
        Self {
            object: object_in(bucket, key),
            revision: 0,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            url: delivery.map(|delivery| delivery.url(key)),
            url_needs_signature: delivery.map(|delivery| delivery.needs_signature(key)),
            stored: None,
            stored_before: BTreeSet::new(),
            made: None,
            source_deleted: None,
            source_object: None,
            job_id: None,
            expires_at: None,
        }
    }

    /// The key of a record.
    pub fn key(bucket: &str, key: &str) -> Key {
        Key(vec![("object", object_in(bucket, key))])
    }

    /// The outputs that a job made from an object, `s3://bucket/key`, in the order of their keys.
    pub async fn of_job(table: &impl Table, object: &str, job_id: &str) -> Result<Vec<Self>, Failure> {
        let query = Query::of(Some("by-source"), "sourceObject", object);
        let query = Query { sort: Some(("jobId", Sort::Is(job_id.to_owned()))), descending: false, ..query };
        let mut found: Vec<Self> = table::read_found(table, query).await?;
        found.sort_by(|a, b| a.object.cmp(&b.object));
        Ok(found)
    }

    /// Merges what S3 said. The facts are a set of which the latest are kept, and which version is current follows from
    /// them, so that neither order nor repetition matters.
    pub fn stored(&mut self, told: Stored) {
        let mut facts = std::mem::take(&mut self.stored_before);
        facts.extend(self.stored.take());
        facts.insert(told);
        facts = once(facts);
        self.stored = current(&facts).cloned();
        facts.retain(|fact| Some(fact) != self.stored.as_ref());
        while facts.len() > MAX_FACTS {
            facts.pop_first();
        }
        self.stored_before = facts;
    }

    /// Merges that the upload of a job was deleted. The last deletion counts: it is of the upload that came last.
    pub fn source_deleted(&mut self, deleted: SourceDeleted) {
        if self.source_deleted.as_ref().is_none_or(|present| *present < deleted) {
            self.source_deleted = Some(deleted);
        }
    }

    /// Whether it is gone: S3 told so, or it was deleted with the upload that it was made of.
    pub fn is_gone(&self) -> bool {
        let with_source =
            self.source_deleted.as_ref().is_some_and(|deleted| self.job_id.as_ref() == Some(&deleted.job_id));
        with_source || self.stored.as_ref().is_some_and(|stored| stored.deleted)
    }

    /// Merges what a job told of an output: what it is, and what S3 answered.
    pub fn told(&mut self, made: Made, stored: Option<Stored>) {
        self.made(made);
        if let Some(stored) = stored {
            self.stored(stored);
        }
    }

    /// Merges what a job told: the job that ended last wrote the object last.
    fn made(&mut self, made: Made) {
        if self.made.as_ref().is_none_or(|present| present.rank() < made.rank()) {
            self.made = Some(made);
        }
    }
}

impl Stored {
    /// What S3 answered when a job stored an output; nothing for a file, and of jobs that did not tell.
    pub fn of_output(output: &Output) -> Option<Self> {
        let (etag, version_id) = (output.etag.clone(), output.version_id.clone());
        Some(Self::present(output.stored_at.as_deref()?, output.size, etag, version_id))
    }

    /// What a listing says of an object that no job told of.
    pub fn of_listed(listed: &Listed) -> Self {
        Self::present(&listed.modified, listed.size, listed.etag.clone(), None)
    }

    /// What is there, if no event told of it.
    fn present(at: &str, size: u64, etag: Option<String>, version_id: Option<String>) -> Self {
        let at = timestamp::normal(at);
        Self { at, sequencer: String::new(), deleted: false, version_deleted: false, size, etag, version_id }
    }

    /// What an event of S3 says.
    pub fn of(detail: &ObjectDetail, at: &str, deleted: bool) -> Self {
        let object = &detail.object;
        // Without versions a deletion is one of the object, whatever it is called.
        let version_deleted =
            deleted && detail.deletion_type != Some(DeletionType::DeleteMarkerCreated) && object.version_id.is_some();
        Self {
            at: timestamp::normal(at),
            sequencer: identity::comparable(object.sequencer.as_deref().unwrap_or_default()),
            deleted,
            version_deleted,
            size: object.size,
            etag: object.etag.clone(),
            version_id: object.version_id.clone(),
        }
    }
}

/// How many facts about an object are kept beside the current one: with each overwrite comes one, and in the end that the version was
/// deleted, if anybody tells of that.
const MAX_FACTS: usize = 8;

/// Each version once, as it was told first: a job that finds its work done tells of it again, from a listing with coarser times.
fn once(facts: BTreeSet<Stored>) -> BTreeSet<Stored> {
    let mut seen = BTreeSet::new();
    let mut is_first =
        |fact: &Stored| fact.deleted || fact.version_id.as_ref().is_none_or(|version| seen.insert(version.clone()));
    facts.into_iter().filter(|fact| is_first(fact)).collect()
}

/// The fact that says what the object is now: the latest version or marker that was not deleted itself. If only deletions
/// of versions are known, nothing is known of the object.
fn current(facts: &BTreeSet<Stored>) -> Option<&Stored> {
    let gone: BTreeSet<_> = facts.iter().filter(|fact| fact.version_deleted).map(|fact| &fact.version_id).collect();
    let of_object = || facts.iter().filter(|fact| !fact.version_deleted);
    let there = of_object().rfind(|fact| fact.version_id.is_none() || !gone.contains(&fact.version_id));
    there.or_else(|| {
        let last = of_object().next_back()?;
        facts.iter().rfind(|fact| fact.version_deleted && fact.version_id == last.version_id)
    })
}

impl Made {
    /// What a job's event says of one of its outputs.
    pub fn of(event: &JobEvent, output: &Output) -> Self {
        Self {
            size: Some(output.size),
            sha256: Some(output.sha256.clone()),
            properties: output.properties.clone(),
            ..Self::of_manifest(event, &output.content_type)
        }
    }

    /// What a job's event says of its manifest, where it does not say more than its key.
    pub fn of_manifest(event: &JobEvent, content_type: &str) -> Self {
        Self {
            at: event.finished_at.as_deref().map(timestamp::normal).unwrap_or_default(),
            job_id: event.job_id.clone(),
            source: event.source.clone(),
            kind: event.kind,
            format: event.format,
            operation: event.operation.clone().unwrap_or_default(),
            processing_option: event.processing_option.clone().unwrap_or_default(),
            size: None,
            sha256: None,
            content_type: content_type.to_owned(),
            properties: Properties::new(),
            process_duration: event.process_duration,
            manifest_key: event.manifest_key.clone(),
        }
    }

    fn rank(&self) -> (&str, String) {
        (&self.at, serde_json::to_string(self).unwrap_or_default())
    }
}

impl Record for OutputRecord {
    const KEY_NAMES: &'static [&'static str] = &["object"];

    fn revision(&self) -> u64 {
        self.revision
    }

    fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }

    fn derive(&mut self) {
        self.source_object = self.made.as_ref().map(|made| object_of(&made.source));
        self.job_id = self.made.as_ref().map(|made| made.job_id.clone());
        let last = self.stored_before.last().filter(|_| self.stored.is_none());
        let deleted = self.stored.as_ref().filter(|stored| stored.deleted).or(last);
        let month = time::Duration::days(30);
        let expires = deleted.and_then(|stored| timestamp::parse(&stored.at)).map(|at| at + month);
        let with_source = self.source_deleted.as_ref().filter(|deleted| self.job_id.as_ref() == Some(&deleted.job_id));
        let with_source = with_source.and_then(|deleted| timestamp::parse(&deleted.at));
        // Not before S3 has told that the object is gone.
        let soon = with_source.filter(|_| expires.is_some()).map(|at| at + KEPT_AFTER_DELETION);
        self.expires_at = soon.or(expires).map(OffsetDateTime::unix_timestamp);
    }
}

fn object_in(bucket: &str, key: &str) -> String {
    if bucket.is_empty() { key.to_owned() } else { format!("s3://{bucket}/{key}") }
}
