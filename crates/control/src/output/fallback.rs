//! Work that Spot takes away again and again is done on on-demand capacity.
//!
//! Batch starts a job again that lost its machine, as often as the kind's `attempts` say, and always in the same queue. When it gives up,
//! the uploads of the job are sent on their way again, once, for the kind's queue over on-demand capacity. The request is that of the
//! job's list, which has the secrets that a record lacks. The record comes first: a crash before the message leaves an upload that is
//! QUEUED, of which the next delivery of Batch's event knows that its request has to be sent.

use contract::{Failure, JobRequest};

use crate::event::BatchJobDetail;
use crate::output::batch_reason::{explain, was_taken_away};
use crate::output::handler::Recorder;
use crate::ports::{Executor, Ports, Queues, Receipt};
use crate::table::{self, Key};
use crate::{InputRecord, State};

impl<P: Ports> Recorder<P> {
    /// Sends the uploads of a job again that Spot took away, to on-demand capacity. Returns the keys of those that stay with their
    /// failure.
    pub(super) async fn fall_back(
        &self,
        job: &BatchJobDetail,
        requests: &[JobRequest],
        is_this_job: impl Fn(&InputRecord) -> bool + Send + Sync,
    ) -> Result<Vec<Key>, Failure> {
        let keys = |requests: &mut dyn Iterator<Item = &JobRequest>| -> Vec<Key> {
            requests.map(|request| InputRecord::key(&request.source, &request.job_id)).collect()
        };
        let all = keys(&mut requests.iter());
        let has_fallback = |request: &JobRequest| self.settings.on_demand[request.kind()].is_some();
        if !was_taken_away(job) || !requests.iter().all(has_fallback) {
            return Ok(all);
        }
        let merge = |_: &Key, record: Option<InputRecord>| {
            let mut record = record?;
            let falls = !record.state.is_terminal() && !record.on_demand && is_this_job(&record);
            falls.then(|| record.fall_back())?;
            Some(record)
        };
        let written = table::update(&self.inputs, &self.clock, &all, merge).await?;
        if !written.is_empty() {
            tracing::warn!(job = job.job_id, uploads = written.len(), "on to on-demand capacity: {}", explain(job));
            // Other children of an array of parts would go on for nothing.
            if written.len() == 1 && job.job_id.contains(':') {
                self.executor
                    .cancel(&Receipt(job.submitted_id().to_owned()), "it is done on on-demand capacity")
                    .await?;
            }
        }
        let present: Vec<Option<InputRecord>> = table::read(&self.inputs, &all).await?;
        let mut left = Vec::new();
        for (request, record) in requests.iter().zip(present) {
            let Some(record) = record else { continue };
            let is_waiting = record.on_demand && record.state == State::Queued && record.lease.is_none();
            if is_waiting {
                let text = serde_json::to_string(request)
                    .map_err(|error| Failure::internal("failed to write a request").because(error))?;
                let queue = self.settings.on_demand[request.kind()].as_deref().unwrap_or_default();
                self.queues.send(queue, &text, &[]).await?;
            } else {
                left.push(InputRecord::key(&request.source, &request.job_id));
            }
        }
        Ok(left)
    }
}
