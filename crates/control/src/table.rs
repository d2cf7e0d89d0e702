//! Items and conditions of a table, and the one way in which a record changes: read it, merge what is new into it, write
//! it back if nobody else has in the meantime. The merges are commutative and idempotent, so the order of news and
//! their repetition do not matter; the revision makes sure that none is lost.

use std::time::Duration;

use contract::Failure;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::ports::{Clock, Table};

/// An item as JSON.
pub type Item = Map<String, Value>;

/// How many items one request reads or writes at most.
pub const BATCH: usize = 100;

/// How often a write is tried again when somebody else was faster.
const TRIES: u32 = 10;

/// An item's primary key: names and values of its attributes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub Vec<(&'static str, String)>);

impl Key {
    /// The key of an item that has these key attributes.
    pub fn of(item: &Item, names: &[&'static str]) -> Self {
        let value = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self(names.iter().map(|name| (*name, value(name))).collect())
    }
}

/// What must hold for an item to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// There is no such item.
    Absent,
    /// The item has this `revision`.
    Revision(u64),
    /// There is no such item, or the text of its attribute does not come after this one.
    NotAfter(&'static str, String),
}

impl Condition {
    /// Whether it holds for what is there.
    pub fn holds(&self, present: Option<&Item>) -> bool {
        match (self, present) {
            (Self::Absent | Self::NotAfter(..), None) => true,
            (Self::Absent, Some(_)) | (Self::Revision(_), None) => false,
            (Self::Revision(revision), Some(item)) => item.get("revision").and_then(Value::as_u64) == Some(*revision),
            (Self::NotAfter(name, text), Some(item)) => {
                item.get(*name).and_then(Value::as_str).is_none_or(|present| present <= text.as_str())
            }
        }
    }
}

/// An item to be written whole.
#[derive(Debug, Clone)]
pub struct Put {
    /// Names of the item's key attributes.
    pub key_names: &'static [&'static str],
    /// The item.
    pub item: Item,
    /// What must hold.
    pub condition: Condition,
}

impl Put {
    /// The item's key.
    pub fn key(&self) -> Key {
        Key::of(&self.item, self.key_names)
    }
}

/// Which items did not meet their condition: positions in the list of puts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict(pub Vec<usize>);

/// A record of a table.
pub trait Record: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync {
    /// Names of the key attributes.
    const KEY_NAMES: &'static [&'static str];

    /// Counts the writes.
    fn revision(&self) -> u64;

    /// Sets the count of writes.
    fn set_revision(&mut self, revision: u64);

    /// Derives what the indexes need from the facts.
    fn derive(&mut self);
}

/// Reads records; `None` for those that are not there. Any number.
pub async fn read<R: Record>(table: &impl Table, keys: &[Key]) -> Result<Vec<Option<R>>, Failure> {
    let mut records = Vec::with_capacity(keys.len());
    for keys in keys.chunks(BATCH) {
        for item in table.get(keys).await? {
            records.push(item.map(from_item).transpose()?);
        }
    }
    Ok(records)
}

/// The write of a record that was read with that revision (0: it was not there).
pub fn put<R: Record>(record: &R) -> Put {
    let mut next = record.clone();
    next.derive();
    next.set_revision(record.revision() + 1);
    let condition = match record.revision() {
        0 => Condition::Absent,
        revision => Condition::Revision(revision),
    };
    Put { key_names: R::KEY_NAMES, item: to_item(&next), condition }
}

/// Merges news into records, in as few requests as there can be: all are read, `merge` changes each (or leaves it as it
/// is), the changed ones are written; those that somebody else changed meanwhile are read and merged again. Answers
/// those that changed.
pub async fn update<R: Record>(
    table: &impl Table,
    clock: &impl Clock,
    keys: &[Key],
    merge: impl Fn(&Key, Option<R>) -> Option<R> + Send + Sync,
) -> Result<Vec<R>, Failure> {
    let mut written = Vec::new();
    let mut todo: Vec<Key> = keys.to_vec();
    todo.sort();
    todo.dedup();
    for attempt in 0..TRIES {
        let mut again = Vec::new();
        for keys in todo.chunks(BATCH) {
            let present: Vec<Option<R>> = read(table, keys).await?;
            let mut changed: Vec<(Key, R)> = Vec::new();
            for (key, before) in keys.iter().zip(present) {
                if let Some(after) = merge(key, before.clone())
                    && before.as_ref() != Some(&after)
                {
                    changed.push((key.clone(), after));
                }
            }
            while !changed.is_empty() {
                let puts: Vec<Put> = changed.iter().map(|(_, record)| put(record)).collect();
                match table.put(&puts).await? {
                    Ok(()) => {
                        for written_item in puts {
                            written.push(from_item(written_item.item)?);
                        }
                        break;
                    }
                    // The others of the request must not wait for the one that somebody else changed.
                    Err(Conflict(positions)) => {
                        let mut position = 0;
                        changed.retain(|(key, _)| {
                            let conflicts = positions.contains(&position);
                            position += 1;
                            if conflicts {
                                again.push(key.clone());
                            }
                            !conflicts
                        });
                    }
                }
            }
        }
        if again.is_empty() {
            return Ok(written);
        }
        clock.sleep(Duration::from_millis(10 << attempt.min(6))).await;
        todo = again;
    }
    Err(Failure::temporary(format!("{} records are changed by others all the time", todo.len())))
}

/// An item of a record.
pub fn to_item<R: Serialize>(record: &R) -> Item {
    match serde_json::to_value(record) {
        Ok(Value::Object(item)) => item,
        other => unreachable!("a record is an object: {other:?}"),
    }
}

/// The record of an item.
pub fn from_item<R: DeserializeOwned>(item: Item) -> Result<R, Failure> {
    serde_json::from_value(Value::Object(item))
        .map_err(|error| Failure::internal("an item of the table cannot be read as a record").because(error))
}
