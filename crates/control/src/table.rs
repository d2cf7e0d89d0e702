//! Items and conditions of a table, and the one way in which a record changes: read it, merge what is new into it, write
//! it back if nobody else has in the meantime. The merges are commutative and idempotent, so the order of news and
//! their repetition do not matter; the revision makes sure that none is lost.

use std::time::Duration;

use contract::Failure;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::identity;
use crate::ports::{Clock, Table};

/// An item as JSON.
pub type Item = Map<String, Value>;

/// How many items one call of a table reads or writes at most.
pub const MAX_ITEMS: usize = 100;

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

/// What became of a put.
#[derive(Debug)]
pub enum PutOutcome {
    /// The item is written.
    Written,
    /// The item did not meet the condition, or another request was at it at the same time. Only a read tells which.
    Conflict,
    /// It is not known whether the item is written.
    Failed(Failure),
}

/// What a sort key must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sort {
    /// This text. Several items of an index may have it.
    Is(String),
    /// A text that does not come after this one.
    UpTo(String),
}

impl Sort {
    /// Whether a sort key is as it must be.
    pub fn holds(&self, key: &str) -> bool {
        match self {
            Self::Is(text) => key == text,
            Self::UpTo(text) => key <= text.as_str(),
        }
    }
}

/// Items that share a partition key.
#[derive(Debug, Clone)]
pub struct Query {
    /// Of which index; `None` for the table itself.
    pub index: Option<&'static str>,
    /// Name and value of the partition key.
    pub partition: (&'static str, String),
    /// Name of the sort key, and what the items' must be.
    pub sort: Option<(&'static str, Sort)>,
    /// The greatest sort key first.
    pub descending: bool,
    /// Where the last page ended.
    pub start: Option<Item>,
}

impl Query {
    /// All items of a partition, the greatest sort key first.
    pub fn of(index: Option<&'static str>, name: &'static str, value: impl Into<String>) -> Self {
        Self { index, partition: (name, value.into()), sort: None, descending: true, start: None }
    }
}

/// A page of what a query found.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The items; of an index only the attributes that it has.
    pub items: Vec<Item>,
    /// Where the next page starts; `None` if this is the last.
    pub next: Option<Item>,
}

/// Every item that a query finds.
pub async fn query_all(table: &impl Table, mut query: Query) -> Result<Vec<Item>, Failure> {
    let mut items = Vec::new();
    loop {
        let page = table.query(&query).await?;
        items.extend(page.items);
        query.start = page.next;
        if query.start.is_none() {
            return Ok(items);
        }
    }
}

/// Writes one item.
pub async fn put_one(table: &impl Table, put: Put) -> PutOutcome {
    let outcome = table.put(&[put]).await.pop();
    outcome.unwrap_or_else(|| PutOutcome::Failed(Failure::internal("a table answered nothing to a put")))
}

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
    read_as(table, keys).await
}

/// Reads items that are no records, such as notes; `None` for those that are not there. Any number.
pub async fn read_as<T: DeserializeOwned>(table: &impl Table, keys: &[Key]) -> Result<Vec<Option<T>>, Failure> {
    let mut found = Vec::with_capacity(keys.len());
    for keys in keys.chunks(MAX_ITEMS) {
        for item in table.get(keys).await? {
            found.push(item.map(from_item).transpose()?);
        }
    }
    Ok(found)
}

/// The records that a query of an index finds. Indexes have the keys only, so each record is read by its key.
pub async fn read_found<R: Record>(table: &impl Table, query: Query) -> Result<Vec<R>, Failure> {
    let items = query_all(table, query).await?;
    let keys: Vec<Key> = items.iter().map(|item| Key::of(item, R::KEY_NAMES)).collect();
    Ok(read(table, &keys).await?.into_iter().flatten().collect())
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

/// Merges news into records: all are read, `merge` changes each (or leaves it unchanged), the changed ones are written, each
/// on its own; those that somebody else changed meanwhile are read and merged again. Returns those that changed.
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
        let mut failed = None;
        for keys in todo.chunks(MAX_ITEMS) {
            let present: Vec<Option<R>> = read(table, keys).await?;
            let mut changed: Vec<(Key, R)> = Vec::new();
            for (key, before) in keys.iter().zip(present) {
                if let Some(after) = merge(key, before.clone())
                    && before.as_ref() != Some(&after)
                {
                    changed.push((key.clone(), after));
                }
            }
            let puts: Vec<Put> = changed.iter().map(|(_, record)| put(record)).collect();
            let outcomes = if puts.is_empty() { Vec::new() } else { table.put(&puts).await };
            for ((put, outcome), (key, _)) in puts.into_iter().zip(outcomes).zip(changed) {
                match outcome {
                    PutOutcome::Written => written.push(from_item(put.item)?),
                    PutOutcome::Conflict => again.push(key),
                    // The others are written first: what is written need not be merged again by the next delivery.
                    PutOutcome::Failed(failure) => drop(failed.get_or_insert(failure)),
                }
            }
        }
        if let Some(failure) = failed {
            return Err(failure);
        }
        if again.is_empty() {
            return Ok(written);
        }
        clock.sleep(backoff(attempt, &again, clock)).await;
        todo = again;
    }
    Err(Failure::temporary(format!("{} records kept being changed by other requests", todo.len())))
}

/// Between half and the whole of an exponential step, so that writers of the same item part.
fn backoff(attempt: u32, keys: &[Key], clock: &impl Clock) -> Duration {
    let step = 20_u64 << attempt.min(6);
    let seed = [format!("{keys:?}"), attempt.to_string(), clock.now().unix_timestamp_nanos().to_string()];
    Duration::from_millis(step / 2 + identity::spread(&seed.each_ref().map(String::as_str), step / 2))
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
