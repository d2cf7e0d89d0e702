//! Follows the deletion of an upload: what was made from it is deleted, too, and the records expire soon.
//!
//! By option or at an operator's word ([`Recorder::delete_upload`]), and only for deletions that somebody asked for: a lifecycle rule that deletes old uploads means the uploads. The deletion
//! is noted first, as the latest version of the object, so that classify and dispatch refuse versions whose events come later. Then the
//! uploads that came before it are marked, and cancelled if they have not ended, and their results are deleted. What a job stores after
//! that is deleted when it tells of it, because the record of its upload is marked. Every step may be repeated; a crash between two of
//! them is mended by the next delivery of the event.
//!
//! An upload that comes later under the same key is not touched: a result belongs to the job that wrote it last, and is deleted only in
//! that version. In a bucket with versions a deleted result is there until its lifecycle rule takes it (`output_lifecycle`).

use std::collections::BTreeSet;

use contract::{Failure, Manifest, Source, timestamp};

use crate::event::{BusEvent, DeletionType, LIFECYCLE_EXPIRATION, ObjectDetail};
use crate::input_record::{LATEST, Latest, object_of};
use crate::output::handler::Recorder;
use crate::output_record::SourceDeleted;
use crate::ports::{Clock, Objects, Ports, Version};
use crate::table::{self, Key, PutOutcome, Query};
use crate::{InputRecord, OutputRecord, identity};

/// Why an upload is cancelled whose object is deleted.
const REASON: &str = "its object was deleted";

/// What was deleted.
struct Deletion {
    source: Source,
    /// When, RFC 3339.
    at: String,
    /// Its place in the order of the object's versions.
    sequence: String,
    /// Only this version was, and others are there.
    version: Option<String>,
}

impl Deletion {
    fn of(event: &BusEvent<ObjectDetail>) -> Self {
        let ObjectDetail { bucket, object, deletion_type, .. } = &event.detail;
        let version = object.version_id.clone().filter(|_| *deletion_type == Some(DeletionType::PermanentlyDeleted));
        Self {
            source: Source {
                bucket: Some(bucket.name.clone()),
                key: object.key.clone(),
                version_id: object.version_id.clone(),
                etag: None,
                size: 0,
            },
            at: timestamp::normal(&event.time),
            sequence: identity::comparable(object.sequencer.as_deref().unwrap_or_default()),
            version,
        }
    }

    /// Whether it is the deletion of an upload's object.
    fn is_of(&self, record: &InputRecord) -> bool {
        if let Some(version) = &self.version {
            return record.source.version_id.as_ref() == Some(version);
        }
        match identity::sequence(&record.job_id) {
            // An operator asked for it, or it was found in a listing: it has no place in the order but its time.
            "" => record.timeline.uploaded_at.as_ref().is_none_or(|at| *at <= self.at),
            sequence => *sequence <= *self.sequence,
        }
    }
}

impl<P: Ports> Recorder<P> {
    /// S3 tells that an upload was deleted.
    pub(super) async fn upload_deleted(&self, event: &BusEvent<ObjectDetail>) -> Result<(), Failure> {
        // The rule leaves these out; an event that somebody sends again by hand may be one.
        if event.detail.reason.as_deref() == Some(LIFECYCLE_EXPIRATION) {
            return Ok(());
        }
        let deletion = Deletion::of(event);
        if deletion.version.is_none() {
            self.note(&deletion).await?;
        }
        self.delete_before(&deletion).await.map(drop)
    }

    /// Deletes an object of the uploads and everything that was made of it, at an operator's word. Returns how many uploads of it there
    /// were. On one machine the caller has removed the file: buckets have names there that folders do not.
    pub async fn delete_upload(&self, source: &Source) -> Result<usize, Failure> {
        // First, so that nothing begins with it any more.
        if let Some(bucket) = &source.bucket {
            self.objects.delete(bucket, &source.key, &Version::default()).await?;
        }
        let records = self.uploads_of(source).await?;
        let sequences = records.iter().map(|record| identity::sequence(&record.job_id).to_owned());
        let sequence = sequences.chain([self.latest_sequence(source).await?]).max().unwrap_or_default();
        let at = timestamp::text(self.clock.now());
        self.delete_before(&Deletion { source: source.clone(), at, sequence, version: None }).await
    }

    /// Every upload of an object.
    async fn uploads_of(&self, source: &Source) -> Result<Vec<InputRecord>, Failure> {
        let items = table::query_all(&self.inputs, Query::of(None, "object", object_of(source))).await?;
        let items = items.into_iter().filter(|item| item.get("jobId").is_some_and(|id| id != LATEST));
        items.map(table::from_item).collect()
    }

    /// Ends the uploads that came before a deletion, and deletes what was made of them. Returns how many they are.
    async fn delete_before(&self, deletion: &Deletion) -> Result<usize, Failure> {
        let records = self.uploads_of(&deletion.source).await?;
        let before: Vec<InputRecord> = records.into_iter().filter(|record| deletion.is_of(record)).collect();
        // A notice may have been lost: what a job has committed for an upload is recorded first, to be deleted with the rest.
        for record in before.iter().filter(|record| !record.state.is_terminal()) {
            if let Some(job) = &record.batch_job_id {
                self.recover(job, vec![record.clone()]).await?;
            }
        }
        let keys: Vec<Key> = before.iter().map(|record| InputRecord::key(&record.source, &record.job_id)).collect();
        let now = self.clock.now();
        let merge = |_: &Key, record: Option<InputRecord>| {
            let mut record = record?;
            record.source_deleted(&deletion.at);
            record.conclude(now, self.settings.record_days);
            Some(record)
        };
        table::update(&self.inputs, &self.clock, &keys, merge).await?;
        for record in before.iter().filter(|record| !record.state.is_terminal()) {
            self.cancel(record, REASON).await?;
        }
        let later = deletion.version.is_some() || self.latest_sequence(&deletion.source).await? > deletion.sequence;
        // As they are now that they are marked: what is told from now on is deleted by whoever records it.
        let before: Vec<Option<InputRecord>> = table::read(&self.inputs, &keys).await?;
        for record in before.into_iter().flatten() {
            let keys = self.keys_of(&record).await?;
            self.delete_results(&record.job_id, &deletion.at, keys, later).await?;
        }
        Ok(keys.len())
    }

    /// The results of an upload: those of the index, which may be a moment behind, and those that its manifests name.
    async fn keys_of(&self, record: &InputRecord) -> Result<BTreeSet<String>, Failure> {
        let outputs = OutputRecord::of_job(&self.outputs, &record.object, &record.job_id).await?;
        let mut keys: BTreeSet<String> = outputs.into_iter().map(|output| output.key).collect();
        for manifest_key in record.results.values().filter_map(|result| result.manifest_key.as_ref()) {
            if let Some(text) = self.objects.read(&self.settings.bucket, manifest_key).await? {
                let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| {
                    let place = format!("s3://{}/{manifest_key}", self.settings.bucket);
                    Failure::internal(format!("{place} is not a valid manifest")).because(error)
                })?;
                keys.extend(manifest.outputs.into_iter().map(|output| output.key));
            }
            keys.insert(manifest_key.clone());
        }
        Ok(keys)
    }

    async fn latest_sequence(&self, source: &Source) -> Result<String, Failure> {
        let latest: Vec<Option<Latest>> = table::read_as(&self.inputs, &[Latest::key(source)]).await?;
        Ok(latest.into_iter().flatten().next().map(|latest| latest.sequence).unwrap_or_default())
    }

    /// Notes a deletion as the latest version of its object, unless a later one is.
    async fn note(&self, deletion: &Deletion) -> Result<(), Failure> {
        let expires_at = self.clock.now().unix_timestamp() + self.settings.record_days as i64 * 86_400;
        let put = Latest::put_deletion(&deletion.source, &deletion.sequence, &deletion.at, expires_at);
        match table::put_one(&self.inputs, put).await {
            PutOutcome::Written => Ok(()),
            PutOutcome::Failed(failure) => Err(failure),
            PutOutcome::Conflict => {
                if self.latest_sequence(&deletion.source).await? > deletion.sequence {
                    return Ok(());
                }
                let object = object_of(&deletion.source);
                Err(Failure::temporary(format!("another request is at the note of the latest version of {object}")))
            }
        }
    }

    /// Deletes results of a job whose upload was deleted, as far as no later job has written over them: only the version that the job
    /// told of. If there is a `later` upload, its job may have written without having told yet: then what the job did not tell of, as
    /// those of earlier releases did not, is left to that one.
    pub(super) async fn delete_results(
        &self,
        job_id: &str,
        at: &str,
        keys: impl IntoIterator<Item = String>,
        later: bool,
    ) -> Result<(), Failure> {
        let bucket = &self.settings.bucket;
        let keys: Vec<Key> = keys.into_iter().map(|key| OutputRecord::key(bucket, &key)).collect();
        let outputs: Vec<Option<OutputRecord>> = table::read(&self.outputs, &keys).await?;
        let is_of_job = |output: &OutputRecord| output.made.as_ref().is_some_and(|made| made.job_id == job_id);
        for output in outputs.into_iter().flatten().filter(is_of_job) {
            let meant = match &output.stored {
                Some(stored) if stored.deleted => continue,
                Some(stored) => Version { etag: stored.etag.clone(), version_id: stored.version_id.clone() },
                None if later => continue,
                None => Version::default(),
            };
            self.objects.delete(bucket, &output.key, &meant).await?;
        }
        let merge = |_: &Key, output: Option<OutputRecord>| {
            let mut output = output.filter(is_of_job)?;
            output.source_deleted(SourceDeleted { at: at.to_owned(), job_id: job_id.to_owned() });
            Some(output)
        };
        table::update(&self.outputs, &self.clock, &keys, merge).await.map(drop)
    }
}
