//! What is known of each file: SQLite in the place of `DYNAMODB_INPUT` and `DYNAMODB_OUTPUT`.

use std::path::Path;

use clap::ValueEnum;
use contract::{Failure, JobEvent, Outcome};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

/// Where a file is on its way. The last four are where every file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum UploadState {
    /// Classified, not yet finished
    Queued,
    /// Every operation is committed
    Succeeded,
    /// An operation failed
    Failed,
    /// What was asked for cannot be done
    Rejected,
    /// No job takes such content
    Unsupported,
}

impl UploadState {
    pub(crate) const ALL: [Self; 5] = [Self::Queued, Self::Succeeded, Self::Failed, Self::Rejected, Self::Unsupported];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Rejected => "REJECTED",
            Self::Unsupported => "UNSUPPORTED",
        }
    }

    fn from_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.name() == name).unwrap_or(Self::Queued)
    }
}

/// A file and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InputRecord {
    pub(crate) key: String,
    pub(crate) etag: String,
    pub(crate) size: u64,
    pub(crate) kind: Option<String>,
    pub(crate) format: Option<String>,
    pub(crate) processing_option: Option<String>,
    pub(crate) state: UploadState,
    pub(crate) reason: Option<String>,
    /// Milliseconds of all its operations.
    pub(crate) duration: u64,
}

/// A file of a result.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutputRecord {
    pub(crate) key: String,
    pub(crate) source_key: String,
    pub(crate) operation: String,
    pub(crate) size: u64,
    pub(crate) sha256: String,
    pub(crate) content_type: String,
    pub(crate) properties: String,
}

/// The records of one outbox.
pub(crate) struct State(Connection);

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS inputs (
        key TEXT PRIMARY KEY, etag TEXT NOT NULL, size INTEGER NOT NULL, kind TEXT, format TEXT,
        processing_option TEXT, state TEXT NOT NULL, reason TEXT, duration INTEGER NOT NULL DEFAULT 0,
        changed_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    ) STRICT;
    CREATE INDEX IF NOT EXISTS inputs_by_state ON inputs (state, changed_at);
    CREATE TABLE IF NOT EXISTS outputs (
        key TEXT PRIMARY KEY, source_key TEXT NOT NULL, operation TEXT NOT NULL, size INTEGER NOT NULL,
        sha256 TEXT NOT NULL, content_type TEXT NOT NULL, properties TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS outputs_by_source ON outputs (source_key);
";

const INPUT_COLUMNS: &str = "key, etag, size, kind, format, processing_option, state, reason, duration";

impl State {
    /// Opens the records of an outbox, or begins them.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let connection = Connection::open(path).map_err(|error| failure(path, error))?;
        connection.execute_batch(SCHEMA).map_err(|error| failure(path, error))?;
        Ok(Self(connection))
    }

    /// The record of a file.
    pub(crate) fn input(&self, key: &str) -> Result<Option<InputRecord>, Failure> {
        let query = format!("SELECT {INPUT_COLUMNS} FROM inputs WHERE key = ?1");
        self.0.query_row(&query, [key], input_of).optional().map_err(database)
    }

    /// Every record, by key, or those in one state.
    pub(crate) fn inputs(&self, state: Option<UploadState>) -> Result<Vec<InputRecord>, Failure> {
        let query = format!("SELECT {INPUT_COLUMNS} FROM inputs WHERE ?1 IS NULL OR state = ?1 ORDER BY key");
        let mut statement = self.0.prepare(&query).map_err(database)?;
        let rows = statement.query_map([state.map(UploadState::name)], input_of).map_err(database)?;
        rows.collect::<Result<_, _>>().map_err(database)
    }

    /// The files of a result.
    pub(crate) fn outputs(&self, source_key: &str) -> Result<Vec<OutputRecord>, Failure> {
        let query = "SELECT key, source_key, operation, size, sha256, content_type, properties FROM outputs
                     WHERE source_key = ?1 ORDER BY key";
        let mut statement = self.0.prepare(query).map_err(database)?;
        let rows = statement
            .query_map([source_key], |row| {
                Ok(OutputRecord {
                    key: row.get(0)?,
                    source_key: row.get(1)?,
                    operation: row.get(2)?,
                    size: row.get(3)?,
                    sha256: row.get(4)?,
                    content_type: row.get(5)?,
                    properties: row.get(6)?,
                })
            })
            .map_err(database)?;
        rows.collect::<Result<_, _>>().map_err(database)
    }

    /// Writes the record of a file, whatever was there.
    pub(crate) fn record(&self, input: &InputRecord) -> Result<(), Failure> {
        let query =
            format!("INSERT OR REPLACE INTO inputs ({INPUT_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
        let values = params![
            input.key,
            input.etag,
            input.size,
            input.kind,
            input.format,
            input.processing_option,
            input.state.name(),
            input.reason,
            input.duration
        ];
        self.0.execute(&query, values).map(drop).map_err(database)
    }

    /// Records how a file's operations ended, and its outputs in the place of earlier ones, in one transaction.
    pub(crate) fn finish(&mut self, input: &InputRecord, events: &[JobEvent]) -> Result<(), Failure> {
        let transaction = self.0.transaction().map_err(database)?;
        transaction.execute("DELETE FROM outputs WHERE source_key = ?1", [&input.key]).map_err(database)?;
        for event in events.iter().filter(|event| event.outcome == Outcome::Succeeded) {
            for output in &event.outputs {
                let properties = serde_json::to_string(&output.properties).unwrap_or_default();
                let values = params![
                    output.key,
                    input.key,
                    event.processing_option,
                    output.size,
                    output.sha256,
                    output.content_type,
                    properties
                ];
                transaction
                    .execute("INSERT OR REPLACE INTO outputs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", values)
                    .map_err(database)?;
            }
        }
        transaction
            .execute(
                "UPDATE inputs SET state = ?2, reason = ?3, duration = ?4,
                        changed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE key = ?1",
                params![input.key, input.state.name(), input.reason, input.duration],
            )
            .map_err(database)?;
        transaction.commit().map_err(database)
    }
}

fn input_of(row: &Row<'_>) -> rusqlite::Result<InputRecord> {
    Ok(InputRecord {
        key: row.get(0)?,
        etag: row.get(1)?,
        size: row.get(2)?,
        kind: row.get(3)?,
        format: row.get(4)?,
        processing_option: row.get(5)?,
        state: UploadState::from_name(&row.get::<_, String>(6)?),
        reason: row.get(7)?,
        duration: row.get(8)?,
    })
}

fn failure(path: &Path, error: rusqlite::Error) -> Failure {
    Failure::internal(format!("the records in {} cannot be used", path.display())).because(error)
}

fn database(error: rusqlite::Error) -> Failure {
    Failure::internal("the records of the outbox cannot be used").because(error)
}
