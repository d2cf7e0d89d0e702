//! What an operator does: has an object worked on, sends again what has stopped, and ends what should not be done.

use catalog::PerKind;
use contract::{Failure, Source, timestamp};
use control::classify::handler::{Arrival, Classifier, Decision};
use control::event::Trigger;
use control::output::cancel::JobOfCancelled;
use control::output::handler::Recorder;
use control::ports::{Clock, Ports, Queues, Table};
use control::table::{self, Key};
use control::{InputRecord, State, identity};
use serde_json::Value;

use crate::query;

/// Has an object worked on as the operator asks, by the same path as an upload. Returns the job's id and what classify
/// decided.
pub async fn submit<P: Ports>(
    classifier: &Classifier<P>,
    source: Source,
    processing_option: &str,
) -> Result<(String, Decision), Failure> {
    let now = timestamp::text(classifier.clock.now());
    let job_id = identity::submitted_job_id(&source, &catalog::redact(processing_option), &now);
    let arrival = Arrival {
        job_id: job_id.clone(),
        source,
        uploaded_at: now,
        operator_option: Some(processing_option.to_owned()),
    };
    Ok((job_id, Box::pin(classifier.classify(&arrival)).await?))
}

/// Cancels the uploads of an object that have not ended. Returns each with what became of its job.
pub async fn cancel<P: Ports>(
    recorder: &Recorder<P>,
    source: &Source,
    reason: &str,
) -> Result<Vec<(InputRecord, JobOfCancelled)>, Failure> {
    let mut cancelled = Vec::new();
    for record in query::versions(&recorder.inputs, source).await? {
        cancelled.extend(recorder.cancel(&record, reason).await?);
    }
    Ok(cancelled)
}

/// Processes an event that was laid aside because it could not be delivered or processed. That it was time for a sweep is
/// nothing to do later.
pub async fn process_undelivered<F: Future<Output = Result<Value, Failure>>>(
    body: &str,
    handle: impl FnOnce(Value) -> F,
) -> Result<(), Failure> {
    let event = control::event::undelivered(body)?;
    if matches!(Trigger::read(event.clone())?, Trigger::Schedule) {
        return Ok(());
    }
    handle(event).await.map(drop)
}

/// Sends FAILED uploads on their way again, and the requests of QUEUED ones again. Returns how many. What has succeeded of
/// an upload is done once more and overwrites itself.
pub async fn redrive(
    records: &impl Table,
    queues: &impl Queues,
    clock: &impl Clock,
    queue_urls: &PerKind<String>,
    chosen: &[InputRecord],
) -> Result<usize, Failure> {
    let keys: Vec<Key> = chosen.iter().map(|record| InputRecord::key(&record.source, &record.job_id)).collect();
    let now = timestamp::text(clock.now());
    let again = |_: &Key, record: Option<InputRecord>| {
        let mut record = record.filter(|record| record.state == State::Failed && record.refusal.is_none())?;
        record.redrive();
        record.timeline.queued_at = Some(now.clone());
        Some(record)
    };
    table::update(records, clock, &keys, again).await?;
    // The records first: a request for an upload that is still FAILED would be dropped by dispatch.
    let mut sent = 0;
    for record in table::read::<InputRecord>(records, &keys).await?.into_iter().flatten() {
        let Some(request) = record.request().filter(|_| record.state == State::Queued) else { continue };
        let text = serde_json::to_string(&request).map_err(|error| Failure::internal("a request").because(error))?;
        queues.send(&queue_urls[request.kind()], &text, &[]).await?;
        sent += 1;
    }
    Ok(sent)
}
