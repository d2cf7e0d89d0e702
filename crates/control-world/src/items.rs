//! Where a table of the world keeps its items: in memory, or in whatever a test brings.

use std::collections::BTreeMap;
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
struct InMemory(BTreeMap<Key, Item>);

impl Items for InMemory {
    fn get(&self, key: &Key) -> Option<Item> {
        self.0.get(key).cloned()
    }

    fn put(&mut self, put: &Put) -> bool {
        let holds = put.condition.holds(self.0.get(&put.key()));
        if holds {
            self.0.insert(put.key(), put.item.clone());
        }
        holds
    }

    fn query(&self, query: &Query) -> Page {
        let (partition, value) = &query.partition;
        let fits = |item: &&Item| {
            item.get(*partition).and_then(Value::as_str) == Some(value)
                && query.up_to.as_ref().is_none_or(|(sort, text)| {
                    item.get(*sort).and_then(Value::as_str).is_some_and(|sort| sort <= text.as_str())
                })
        };
        Page { items: self.0.values().filter(fits).cloned().collect(), next: None }
    }

    fn items(&self) -> Vec<Item> {
        self.0.values().cloned().collect()
    }
}
