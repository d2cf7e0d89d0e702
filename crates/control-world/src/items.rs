//! Where a table of the world keeps its items: in memory, or in whatever a test brings.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;

use control::table::{Item, Key, Page, Put, Query};
use serde_json::Value;

/// The items of a table. What goes wrong is the world's business; these only keep what they are told.
pub trait Items: Debug + Send {
    /// The item of a key.
    fn get(&self, key: &Key) -> Option<Item>;

    /// Writes an item if its condition holds; whether it did.
    fn put(&mut self, put: &Put) -> bool;

    /// The items of a partition.
    fn query(&self, query: &Query) -> Page;

    /// Every item.
    fn items(&self) -> Vec<Item>;
}

/// Makes a table by its name: `input` or `output`.
pub type MakeTable = fn(&str) -> Box<dyn Items>;

/// A table in memory.
pub fn in_memory(_: &str) -> Box<dyn Items> {
    Box::<InMemory>::default()
}

#[derive(Debug, Default)]
struct InMemory {
    items: BTreeMap<Key, Item>,
    /// Keys of items by a partition key of the table or of an index.
    partitions: HashMap<(&'static str, String), BTreeSet<Key>>,
}

/// Every attribute that is a partition key of a table or of an index.
const PARTITION_KEYS: [&str; 3] = ["object", "stateDay", "sourceObject"];

impl InMemory {
    fn partitions_of(item: &Item) -> impl Iterator<Item = (&'static str, String)> {
        PARTITION_KEYS.into_iter().filter_map(|name| Some((name, item.get(name)?.as_str()?.to_owned())))
    }
}

impl Items for InMemory {
    fn get(&self, key: &Key) -> Option<Item> {
        self.items.get(key).cloned()
    }

    fn put(&mut self, put: &Put) -> bool {
        let key = put.key();
        let before = self.items.get(&key);
        if !put.condition.holds(before) {
            return false;
        }
        for partition in before.into_iter().flat_map(Self::partitions_of) {
            self.partitions.entry(partition).or_default().remove(&key);
        }
        for partition in Self::partitions_of(&put.item) {
            self.partitions.entry(partition).or_default().insert(key.clone());
        }
        self.items.insert(key, put.item.clone());
        true
    }

    fn query(&self, query: &Query) -> Page {
        let fits = |item: &&Item| {
            query
                .sort
                .as_ref()
                .is_none_or(|(name, sort)| item.get(*name).and_then(Value::as_str).is_some_and(|key| sort.holds(key)))
        };
        let keys = self.partitions.get(&query.partition).into_iter().flatten();
        Page { items: keys.filter_map(|key| self.items.get(key)).filter(fits).cloned().collect(), next: None }
    }

    fn items(&self) -> Vec<Item> {
        self.items.values().cloned().collect()
    }
}
