//! The SQLite file that holds everything that the control plane remembers: the tables, the queues, the jobs and the
//! versions of files.
//!
//! Several processes may have it open: `pipeline run` works, `pipeline status` reads, `pipeline submit` adds a message. A
//! transaction that was committed survives a crash of the process; after a power failure the last ones may be missing, and
//! the next run does their work again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contract::Failure;
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};

use crate::table::{INPUTS, OUTPUTS};

/// How long a process waits for another that writes.
const BUSY: Duration = Duration::from_secs(30);

/// The layout that this program reads and writes, kept in the file as `user_version`.
const LAYOUT: i64 = 3;

const SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON;";

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, body TEXT NOT NULL, attributes TEXT NOT NULL,
        receives INTEGER NOT NULL DEFAULT 0, visible_at INTEGER NOT NULL, sent_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS messages_by_queue ON messages (queue, visible_at);
    CREATE TABLE IF NOT EXISTS jobs (
        name TEXT PRIMARY KEY, queue TEXT NOT NULL, job TEXT NOT NULL, phase TEXT NOT NULL, reason TEXT
    ) STRICT;
    CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS versions (
        key TEXT PRIMARY KEY, version TEXT NOT NULL, sequencer INTEGER NOT NULL UNIQUE, seen_at INTEGER NOT NULL
    ) STRICT;
";

/// What the first layout had, which recorded less: the files are looked at again, and what is committed stays.
const FIRST_LAYOUT: &str = "DROP TABLE IF EXISTS inputs; DROP TABLE IF EXISTS outputs;";

/// What the second layout had: an index of its own for the outputs of a job.
const SECOND_LAYOUT: &str =
    "DROP INDEX IF EXISTS output_records_by_source; DROP INDEX IF EXISTS output_records_by_job;";

/// A connection to the file, shared within the process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    connection: Arc<Mutex<Connection>>,
    path: Arc<PathBuf>,
}

impl Database {
    /// Opens the file, or begins it.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let connection = Connection::open(path).map_err(|error| failure(path, error))?;
        let database = Self { connection: Arc::new(Mutex::new(connection)), path: Arc::new(path.to_owned()) };
        let layout = database.with(|connection| {
            connection.busy_timeout(BUSY)?;
            connection.set_prepared_statement_cache_capacity(64);
            connection.execute_batch(SETTINGS)?;
            connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
        })?;
        if layout > LAYOUT {
            return Err(Failure::invalid_request(format!(
                "{} was written by a later version of this program; use that one",
                path.display()
            )));
        }
        if layout < LAYOUT {
            database.write(|connection| {
                let tables: String = [INPUTS, OUTPUTS].iter().map(|layout| layout.schema()).collect();
                connection.execute_batch(&format!(
                    "{FIRST_LAYOUT}{SECOND_LAYOUT}{SCHEMA}{tables}PRAGMA user_version = {LAYOUT};"
                ))
            })?;
        }
        Ok(database)
    }

    /// Notes which folder the files come from.
    pub(crate) fn set_inbox(&self, inbox: &Path) -> Result<(), Failure> {
        let inbox = fs_err::canonicalize(inbox)?.to_string_lossy().into_owned();
        let statement = "INSERT OR REPLACE INTO facts (name, value) VALUES ('inbox', ?1)";
        self.with(|connection| connection.execute(statement, [inbox])).map(drop)
    }

    /// The folder that the files of the last run came from.
    pub fn inbox(&self) -> Result<PathBuf, Failure> {
        let query = "SELECT value FROM facts WHERE name = 'inbox'";
        let inbox =
            self.with(|connection| connection.query_row(query, [], |row| row.get::<_, String>(0)).optional())?;
        inbox.map(PathBuf::from).ok_or_else(|| {
            Failure::input_not_found(format!(
                "{} does not say where its files come from; run the pipeline first",
                self.path.display()
            ))
        })
    }

    /// A number that is another one after any process has written, this one included.
    pub(crate) fn changes(&self) -> Result<i64, Failure> {
        // The pragma counts the writes of other connections, `total_changes` those of this one.
        self.with(|connection| {
            let others: i64 = connection.query_row("PRAGMA data_version", [], |row| row.get(0))?;
            Ok(others.wrapping_mul(1 << 32).wrapping_add(connection.total_changes() as i64))
        })
    }

    /// Reads.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Failure> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&connection).map_err(|error| failure(&self.path, error))
    }

    /// Writes in one transaction: all of it, or nothing if it fails.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Failure> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let write = || {
            // Immediate: one that reads first and writes then cannot find that another has written in between.
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        write().map_err(|error| failure(&self.path, error))
    }
}

fn failure(path: &Path, error: rusqlite::Error) -> Failure {
    let path = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Failure::temporary(format!("another process is writing to the records in {path}")).because(error)
        }
        Some(ErrorCode::DiskFull) => {
            Failure::temporary(format!("failed to write to {path}: the disk is full")).because(error)
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Failure::internal(format!(
            "the records in {path} are damaged; delete the file and run again: what is committed stays done"
        ))
        .because(error),
        _ => Failure::internal(format!("failed to use the records in {path}")).because(error),
    }
}
