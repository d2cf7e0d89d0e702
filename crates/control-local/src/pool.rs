//! The pool of workers as [`Executor`]: what is submitted is kept in SQLite until it has ended, so that a run that was
//! killed is continued by the next one, as Batch tries a job again whose host was taken away.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use contract::{BatchParameters, Failure};
use control::ports::{Executor, Phase, Receipt, Report, Submission, SubmitFailure};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::database::Database;

/// Submitted work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PoolJob {
    /// The name of the submission, by which the pool knows it.
    pub(crate) name: String,
    /// What its events repeat: see [`BatchParameters`].
    pub(crate) parameters: HashMap<String, String>,
    /// What of long work it does; `None` for the whole.
    pub(crate) share: Option<Share>,
    /// The job that must have succeeded before.
    pub(crate) after: Option<String>,
}

/// What of long work a job does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Share {
    /// Where the parts are kept, as the command says it.
    pub(crate) location: String,
    /// How many parts there are.
    pub(crate) count: u32,
    /// Whether it puts the parts together; else it does each of them.
    pub(crate) is_join: bool,
}

impl PoolJob {
    fn of(submission: &Submission) -> Self {
        // The pool follows the command that a container would run.
        let option = |name: &str| {
            let position = submission.command.iter().position(|word| word == name)?;
            submission.command.get(position + 1).cloned()
        };
        let join: Option<u32> = option("--join").and_then(|count| count.parse().ok());
        let share = option("--parts").map(|location| Share {
            location,
            count: join.or(submission.array_size).unwrap_or(1),
            is_join: join.is_some(),
        });
        Self {
            name: submission.name.clone(),
            parameters: submission.parameters.to_pairs().into_iter().collect(),
            share,
            after: submission.depends_on.as_ref().map(|receipt| receipt.0.clone()),
        }
    }

    /// The key of its list of requests.
    pub(crate) fn list(&self) -> &str {
        self.parameters.get(BatchParameters::LIST).map(String::as_str).unwrap_or_default()
    }
}

/// The pool's jobs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WorkerPool {
    database: Database,
    submitted: Arc<Mutex<VecDeque<PoolJob>>>,
    changed: Arc<Notify>,
}

impl WorkerPool {
    /// The jobs of the file.
    pub fn new(database: &Database) -> Self {
        Self { database: database.clone(), submitted: Arc::default(), changed: Arc::default() }
    }

    /// Takes up the jobs that an earlier run left unfinished.
    pub(crate) fn resume(&self) -> Result<(), Failure> {
        let jobs: Vec<PoolJob> = self.database.with(|connection| {
            let mut jobs =
                connection.prepare("SELECT job FROM jobs WHERE phase IN ('WAITING', 'RUNNING') ORDER BY rowid")?;
            jobs.query_map([], |row| job_of(row, 0))?.collect()
        })?;
        self.submitted.lock().unwrap_or_else(PoisonError::into_inner).extend(jobs);
        Ok(())
    }

    /// The next job that waits for this process.
    pub(crate) fn take(&self) -> Option<PoolJob> {
        self.submitted.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// The names of all jobs that have not ended.
    pub(crate) fn unfinished(&self) -> Result<HashSet<String>, Failure> {
        self.database.with(|connection| {
            let mut names = connection.prepare("SELECT name FROM jobs WHERE phase IN ('WAITING', 'RUNNING')")?;
            names.query_map([], |row| row.get(0))?.collect()
        })
    }

    /// How far a job is, and why; `None` for one that the pool does not know.
    pub(crate) fn phase(&self, name: &str) -> Result<Option<(Phase, Option<String>)>, Failure> {
        self.database.with(|connection| {
            let mut phase = connection.prepare_cached("SELECT phase, reason FROM jobs WHERE name = ?1")?;
            phase.query_row([name], |row| Ok((phase_of(row.get_ref(0)?.as_str()?), row.get(1)?))).optional()
        })
    }

    /// Notes how far a job is. One that was cancelled stays so.
    pub(crate) fn set_phase(&self, name: &str, phase: Phase, reason: Option<&str>) -> Result<(), Failure> {
        self.database.with(|connection| {
            connection
                .prepare_cached("UPDATE jobs SET phase = ?2, reason = ?3 WHERE name = ?1 AND phase <> 'FAILED'")?
                .execute(params![name, word(phase), reason])
        })?;
        self.changed.notify_waiters();
        Ok(())
    }

    /// Waits until a job has ended.
    pub(crate) async fn wait_for(&self, name: &str) -> Result<Phase, Failure> {
        loop {
            let changed = self.changed.notified();
            match self.phase(name)? {
                // Forgotten: it has ended in an earlier run.
                None => return Ok(Phase::Succeeded),
                Some((phase @ (Phase::Succeeded | Phase::Failed), _)) => return Ok(phase),
                Some((Phase::Waiting | Phase::Starting | Phase::Running, _)) => changed.await,
            }
        }
    }

    /// Forgets the jobs that have ended. Only when no lease can ask for them any more.
    pub(crate) fn forget_ended(&self) -> Result<(), Failure> {
        self.database
            .with(|connection| connection.execute("DELETE FROM jobs WHERE phase IN ('SUCCEEDED', 'FAILED')", []))?;
        Ok(())
    }
}

impl Executor for WorkerPool {
    /// A second submission of the same name is the same job.
    async fn submit(&self, submission: &Submission) -> Result<Receipt, SubmitFailure> {
        let job = PoolJob::of(submission);
        let text = serde_json::to_string(&job)
            .map_err(|error| SubmitFailure::Refused(Failure::internal("a job for the pool").because(error)))?;
        let inserted = self.database.with(|connection| {
            connection
                .prepare_cached("INSERT OR IGNORE INTO jobs (name, queue, job, phase) VALUES (?1, ?2, ?3, 'WAITING')")?
                .execute(params![job.name, submission.queue, text])
        });
        if inserted.map_err(SubmitFailure::Unknown)? > 0 {
            self.submitted.lock().unwrap_or_else(PoisonError::into_inner).push_back(job);
        }
        Ok(Receipt(submission.name.clone()))
    }

    async fn find(&self, queue: &str, name: &str) -> Result<Option<Receipt>, Failure> {
        self.database.with(|connection| {
            let mut found = connection.prepare_cached("SELECT name FROM jobs WHERE queue = ?1 AND name = ?2")?;
            found.query_row([queue, name], |row| row.get(0).map(Receipt)).optional()
        })
    }

    async fn report(&self, receipts: &[Receipt]) -> Result<Vec<Option<Report>>, Failure> {
        receipts
            .iter()
            .map(|receipt| {
                let found = self.phase(&receipt.0)?;
                Ok(found.map(|(phase, reason)| Report {
                    phase,
                    status: word(phase).to_owned(),
                    reason,
                    exit_code: None,
                    ended_at: None,
                }))
            })
            .collect()
    }

    /// A job that runs ends its operations that are under way, and begins no further ones.
    async fn cancel(&self, receipt: &Receipt, reason: &str) -> Result<(), Failure> {
        self.database.with(|connection| {
            connection.execute(
                "UPDATE jobs SET phase = 'FAILED', reason = ?2 WHERE name = ?1 AND phase IN ('WAITING', 'RUNNING')",
                [&receipt.0, reason],
            )
        })?;
        self.changed.notify_waiters();
        Ok(())
    }
}

const fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting | Phase::Starting => "WAITING",
        Phase::Running => "RUNNING",
        Phase::Succeeded => "SUCCEEDED",
        Phase::Failed => "FAILED",
    }
}

fn phase_of(word: &str) -> Phase {
    match word {
        "RUNNING" => Phase::Running,
        "SUCCEEDED" => Phase::Succeeded,
        "FAILED" => Phase::Failed,
        _ => Phase::Waiting,
    }
}

fn job_of(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<PoolJob> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into()))
}
