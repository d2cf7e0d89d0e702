//! Tells EventBridge that an upload has ended, if a bus is configured: once the record says so, and before the record says that it
//! was told.
//!
//! There are two ways to an end. A job's notice ends an upload here, and whoever records it tells of it: a redelivery of the notice
//! finds a record that has ended and was not told of, and tells again, with the same id. Everybody else who ends an upload (classify,
//! dispatch, Batch's word, an operator) publishes the control plane's own notice before the record, and that notice comes by here.
//! It may overtake the record, and then comes again.

use std::collections::BTreeMap;

use contract::{Failure, JobError, JobEvent, Manifest, OperationEnded, Outcome, Output, UploadEnded, timestamp};

use crate::input_record::{OperationResult, Told};
use crate::output::handler::{GRACE, Recorder, spans};
use crate::ports::{Clock, Notices, Objects, Ports};
use crate::table::{self, Key};
use crate::{InputRecord, notice};

impl<P: Ports> Recorder<P> {
    /// The control plane's own notice: its upload ends elsewhere, at this moment.
    pub(super) async fn ended_elsewhere(&self, event: &JobEvent) -> Result<(), Failure> {
        if !self.settings.tells_ends {
            return Ok(());
        }
        let key = InputRecord::key(&event.source, &event.job_id);
        let record: Vec<Option<InputRecord>> = table::read(&self.inputs, &[key]).await?;
        let record = record.into_iter().flatten().next().filter(|record| record.state.is_terminal());
        if let Some(record) = record {
            return self.tell_ended(&record).await;
        }
        // Whoever published it and crashed before the record publishes it again; an upload that goes on ends another time.
        let published = event.finished_at.as_deref().and_then(timestamp::parse);
        if published.is_some_and(|at| self.clock.now() - at < GRACE) {
            return Err(Failure::temporary(format!(
                "the record of {} does not say yet that it has ended",
                crate::input_record::object_of(&event.source)
            )));
        }
        Ok(())
    }

    /// Tells that an upload has ended, unless that was told.
    pub(super) async fn tell_ended(&self, record: &InputRecord) -> Result<(), Failure> {
        if !self.settings.tells_ends || !record.state.is_terminal() || record.is_told() {
            return Ok(());
        }
        self.notices.upload_ended(&self.ended(record).await?).await?;
        let told = Told { at: timestamp::text(self.clock.now()), redriven: record.redriven, state: record.state };
        let merge = |_: &Key, record: Option<InputRecord>| {
            let mut record = record?;
            record.told(told.clone());
            Some(record)
        };
        let key = InputRecord::key(&record.source, &record.job_id);
        table::update(&self.inputs, &self.clock, &[key], merge).await.map(drop)
    }

    async fn ended(&self, record: &InputRecord) -> Result<UploadEnded, Failure> {
        let mut outputs = Vec::new();
        for result in record.results.values().filter(|result| result.outcome == Outcome::Succeeded) {
            outputs.extend(self.outputs_of(record, result).await?);
        }
        let notice = notice::of(record, &self.clock);
        Ok(UploadEnded {
            schema_version: contract::SCHEMA_VERSION,
            id: format!("{}/{}/{}", record.job_id, record.redriven, record.state.name()),
            state: notice.outcome,
            job_id: record.job_id.clone(),
            source: record.source.clone(),
            kind: record.kind,
            format: record.format,
            processing_option: record.processing_option.clone(),
            reason: record.reason.clone(),
            error_kind: record.error_kind,
            operations: record.results.iter().map(operation_ended).collect(),
            output_bucket: Some(self.settings.bucket.clone()).filter(|bucket| !bucket.is_empty()),
            output_count: record.results.values().map(|result| result.output_count).sum(),
            outputs,
            usage: record.usage(),
            uploaded_at: record.timeline.uploaded_at.clone(),
            ended_at: record.timeline.recorded_at.clone(),
            durations: spans(&record.timeline).collect::<BTreeMap<_, _>>(),
        })
    }

    /// The files of a result; none where a later version of the object has written over its manifest.
    async fn outputs_of(&self, record: &InputRecord, result: &OperationResult) -> Result<Vec<Output>, Failure> {
        let Some(key) = &result.manifest_key else { return Ok(Vec::new()) };
        let Some(text) = self.objects.read(&self.settings.bucket, key).await? else { return Ok(Vec::new()) };
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| {
            Failure::internal(format!("s3://{}/{key} is not a valid manifest", self.settings.bucket)).because(error)
        })?;
        let is_same = manifest.source.etag == record.source.etag;
        Ok(if is_same { manifest.outputs } else { Vec::new() })
    }
}

fn operation_ended((processing_option, result): (&String, &OperationResult)) -> OperationEnded {
    let error = result.message.clone().zip(result.error_kind).map(|(message, kind)| JobError { kind, message });
    OperationEnded {
        processing_option: processing_option.clone(),
        outcome: result.outcome,
        error,
        manifest_key: result.manifest_key.clone(),
        output_count: result.output_count,
        process_duration: result.process_duration,
        usage: result.usage,
    }
}
