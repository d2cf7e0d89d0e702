//! Ends an upload because an operator says so.
//!
//! The record comes first: dispatch passes a cancelled upload over, and no later word of its job changes its state. Then its job
//! is ended, unless the job works on other uploads, too; what such a job still makes of this one is recorded among the outputs. A
//! dispatch that is submitting the upload at that moment ends the job itself (see `dispatch::handler`).

use contract::{Failure, timestamp};

use crate::input_record::{Cancellation, Lease};
use crate::output::handler::Recorder;
use crate::ports::{Clock, Executor, Notices, Objects, Ports, Receipt};
use crate::table::{self, Key};
use crate::{InputRecord, notice};

/// What became of the job of a cancelled upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobOfCancelled {
    /// It had none yet.
    None,
    /// It was ended.
    Ended(Receipt),
    /// It works on so many other uploads, too, and continues.
    Shared(Receipt, usize),
}

impl<P: Ports> Recorder<P> {
    /// Cancels an upload, unless it has ended. Returns its record and what became of its job; `None` if it had ended.
    pub async fn cancel(
        &self,
        record: &InputRecord,
        reason: &str,
    ) -> Result<Option<(InputRecord, JobOfCancelled)>, Failure> {
        let now = self.clock.now();
        let merge = |record: Option<InputRecord>| {
            let mut record = record.filter(|record| !record.state.is_terminal())?;
            let (at, redriven) = (timestamp::text(now), record.redriven);
            record.cancelled = Some(Cancellation { at, reason: reason.to_owned(), redriven });
            record.conclude(now, self.settings.record_days);
            Some(record)
        };
        let key = InputRecord::key(&record.source, &record.job_id);
        let present: Vec<Option<InputRecord>> = table::read(&self.inputs, std::slice::from_ref(&key)).await?;
        let Some(cancelled) = merge(present.into_iter().flatten().next()) else { return Ok(None) };
        // What is recorded has been told.
        self.notices.publish(&notice::of(&cancelled, &self.clock)).await?;
        let merge = |_: &Key, record: Option<InputRecord>| merge(record);
        let written = table::update(&self.inputs, &self.clock, &[key], merge).await?;
        let Some(cancelled) = written.into_iter().next() else { return Ok(None) };
        let job = self.end_job_of(&cancelled, reason).await?;
        Ok(Some((cancelled, job)))
    }

    async fn end_job_of(&self, record: &InputRecord, reason: &str) -> Result<JobOfCancelled, Failure> {
        let Some(lease) = &record.lease else { return Ok(JobOfCancelled::None) };
        let receipt = match &record.batch_job_id {
            Some(id) => Some(Receipt(id.clone())),
            None => self.executor.find(&lease.queue, &lease.name).await?,
        };
        let Some(receipt) = receipt else { return Ok(JobOfCancelled::None) };
        let others = self.others_of(record, lease).await?;
        if others > 0 {
            return Ok(JobOfCancelled::Shared(receipt, others));
        }
        if let Some(parts) = self.executor.find(&lease.queue, &lease.parts_name()).await? {
            self.executor.cancel(&parts, reason).await?;
        }
        self.executor.cancel(&receipt, reason).await?;
        Ok(JobOfCancelled::Ended(receipt))
    }

    /// How many other uploads of the list of a lease have not ended.
    async fn others_of(&self, record: &InputRecord, lease: &Lease) -> Result<usize, Failure> {
        let (bucket, list) = (&self.settings.work_bucket, &lease.work_list);
        let Some(text) = self.objects.read(bucket, list).await? else { return Ok(0) };
        let requests = contract::read_list(&text, &format!("s3://{bucket}/{list}"))?;
        let others = requests.iter().filter(|request| request.job_id != record.job_id);
        let keys: Vec<Key> = others.map(|request| InputRecord::key(&request.source, &request.job_id)).collect();
        let records: Vec<Option<InputRecord>> = table::read(&self.inputs, &keys).await?;
        Ok(records.into_iter().flatten().filter(|record| !record.state.is_terminal()).count())
    }
}
