//! What a container stored before it was killed for good.
//!
//! Outputs are told of by their job, once it has committed them. Those of a container that Batch gave up are told of by nobody: they
//! are in no manifest, may have written over a result of an earlier version, and are overwritten when the work is done again. So that
//! the records say what is in the bucket all the same, the folders of the operations that have not ended are listed when Batch's word
//! ends an upload: one request for each, and only for uploads that fail in that way.

use std::collections::BTreeMap;

use catalog::Operations;
use contract::{Failure, Outcome};

use crate::output::handler::Recorder;
use crate::output_record::Stored;
use crate::ports::{Listed, Objects, Ports};
use crate::table::{self, Key};
use crate::{InputRecord, OutputRecord};

impl<P: Ports> Recorder<P> {
    /// Records what is in the folders of operations that end without a result and was not recorded before.
    pub(super) async fn record_leftovers(&self, ended: &[InputRecord]) -> Result<(), Failure> {
        // On the local disk they are removed before the work is done again.
        if self.settings.is_local() {
            return Ok(());
        }
        let bucket = &self.settings.bucket;
        for prefix in ended.iter().flat_map(unfinished_folders) {
            let mut after: Option<String> = None;
            loop {
                let page = self.objects.list(bucket, &prefix, after.as_deref()).await?;
                let found: BTreeMap<Key, Listed> =
                    page.objects.into_iter().map(|listed| (OutputRecord::key(bucket, &listed.key), listed)).collect();
                let keys: Vec<Key> = found.keys().cloned().collect();
                let merge = |key: &Key, record: Option<OutputRecord>| {
                    let listed = &found[key];
                    let mut record = record.unwrap_or_else(|| self.new_output(bucket, &listed.key));
                    // Listed times are whole seconds, which have begun before what they are of.
                    let is_this = |stored: &Stored| stored.etag == listed.etag && stored.at >= listed.modified;
                    if !record.stored.as_ref().is_some_and(is_this) {
                        record.stored(Stored::of_listed(listed));
                    }
                    Some(record)
                };
                table::update(&self.outputs, &self.clock, &keys, merge).await?;
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// The folders of the operations of an upload that have no result.
fn unfinished_folders(record: &InputRecord) -> Vec<String> {
    let Some(kind) = record.kind else { return Vec::new() };
    let is_open =
        |operation: &&String| record.results.get(*operation).is_none_or(|result| result.outcome != Outcome::Succeeded);
    let folder = |operation: &String| {
        let parsed = Operations::parse_for(kind, operation).ok()?;
        Some(format!("{}/{}/", record.source.key, parsed.first().folder()))
    };
    record.operations.iter().filter(is_open).filter_map(folder).collect()
}
