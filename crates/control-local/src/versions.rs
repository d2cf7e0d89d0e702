//! Which version of each file was seen last, and its place in the order of all that was seen: what S3 calls a sequencer.

use contract::Failure;
use rusqlite::{OptionalExtension, params};

use crate::database::Database;

/// The versions of the inbox's files. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Versions(Database);

/// A version that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// See [`crate::Inbox::version_of`].
    pub(crate) version: String,
    /// Hexadecimal digits: of two the greater was seen later.
    pub(crate) sequencer: String,
    /// When it was first seen, milliseconds since 1970.
    pub(crate) at: i64,
}

impl Versions {
    pub(crate) fn new(database: &Database) -> Self {
        Self(database.clone())
    }

    /// The version of a file that was seen last.
    pub(crate) fn last(&self, key: &str) -> Result<Option<Seen>, Failure> {
        self.0.with(|connection| {
            let mut last =
                connection.prepare_cached("SELECT version, sequencer, seen_at FROM versions WHERE key = ?1")?;
            last.query_row([key], |row| {
                Ok(Seen { version: row.get(0)?, sequencer: sequencer(row.get(1)?), at: row.get(2)? })
            })
            .optional()
        })
    }

    /// Notes that a version was seen now, after all others.
    pub(crate) fn see(&self, key: &str, version: String, at: i64) -> Result<Seen, Failure> {
        let number = self.0.write(|connection| {
            let next = "SELECT coalesce(max(sequencer), 0) + 1 FROM versions";
            let number: i64 = connection.prepare_cached(next)?.query_row([], |row| row.get(0))?;
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO versions (key, version, sequencer, seen_at) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![key, version, number, at])?;
            Ok(number)
        })?;
        Ok(Seen { version, sequencer: sequencer(number), at })
    }
}

/// Of the same length for all, so that they compare as texts.
fn sequencer(number: i64) -> String {
    format!("{number:016X}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_later_is_greater_and_the_last_version_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let versions = Versions::new(&Database::open(&folder.path().join("records.sqlite")).unwrap());
        assert_eq!(versions.last("a").unwrap(), None);
        let first = versions.see("a", "1".to_owned(), 5).unwrap();
        let other = versions.see("b", "1".to_owned(), 5).unwrap();
        let second = versions.see("a", "2".to_owned(), 6).unwrap();
        assert!(first.sequencer < other.sequencer && other.sequencer < second.sequencer);
        assert_eq!(versions.last("a").unwrap(), Some(second));
        assert_eq!(versions.last("b").unwrap(), Some(other));
    }
}
