//! The control plane in a world where everything goes wrong that may, with its tables in SQLite.

use std::fmt;

use control::ports::Table;
use control::table::{Item, Key, Page, Put, PutOutcome, Query};
use control_local::{Database, INPUTS, OUTPUTS, SqliteTable};
use control_world::{Items, chaos};
use futures::FutureExt;
use tempfile::TempDir;

/// A table in a file of its own, which goes with it.
struct InSqlite {
    table: SqliteTable,
    _folder: TempDir,
}

impl fmt::Debug for InSqlite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table.fmt(formatter)
    }
}

fn in_sqlite(name: &str) -> Box<dyn Items> {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::open(&folder.path().join("records.sqlite")).expect("a database");
    let layout = if name == "input" { INPUTS } else { OUTPUTS };
    Box::new(InSqlite { table: SqliteTable::new(&database, layout), _folder: folder })
}

/// SQLite never makes anybody wait for an answer.
fn at_once<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().expect("SQLite answers at once")
}

impl Items for InSqlite {
    fn get(&self, key: &Key) -> Option<Item> {
        at_once(self.table.get(std::slice::from_ref(key))).expect("a read").pop().flatten()
    }

    fn put(&mut self, put: &Put) -> bool {
        match at_once(self.table.put(std::slice::from_ref(put))).pop() {
            Some(PutOutcome::Written) => true,
            Some(PutOutcome::Conflict) => false,
            other => panic!("{other:?}"),
        }
    }

    fn query(&self, query: &Query) -> Page {
        at_once(self.table.query(query)).expect("a query")
    }

    fn items(&self) -> Vec<Item> {
        self.table.all().expect("a read")
    }
}

#[test]
fn every_upload_ends_as_it_should_whatever_goes_wrong() {
    chaos::every_upload_ends_as_it_should(in_sqlite);
}

#[test]
fn without_faults_the_requests_per_upload_are_few() {
    chaos::without_faults_the_requests_per_upload_are_few(in_sqlite);
}
