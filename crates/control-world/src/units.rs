//! What requests to the tables cost: DynamoDB's units, by the rules of its Developer Guide ("DynamoDB item sizes and formats", "DynamoDB
//! on-demand capacity mode"). The model of docs/cost.md is made of what these count.

use control::table::{Item, Put};
use serde_json::Value;

/// Bytes of an item for which a write is one unit.
const WRITE_UNIT: u64 = 1024;

/// Bytes of an item for which a strongly consistent read is one unit.
const READ_UNIT: u64 = 4096;

/// Units that were used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Units {
    /// Written, indexes included.
    pub written: u64,
    /// Read.
    pub read: u64,
}

impl Units {
    /// Counts a put that was made: the larger of the items before and after it, and the entry of the index, which is removed from one
    /// place and put in another where its keys change.
    pub(crate) fn put(&mut self, table: &str, before: Option<&Item>, put: &Put) {
        let size = size_of(&put.item).max(before.map(size_of).unwrap_or_default());
        self.written += size.div_ceil(WRITE_UNIT).max(1);
        let entry = |item: &Item| -> Option<Vec<String>> {
            let text = |name: &&str| item.get(*name).and_then(Value::as_str).map(str::to_owned);
            index_of(table).iter().map(text).collect()
        };
        let (old, new) = (before.and_then(entry), entry(&put.item));
        if old != new {
            self.written += u64::from(old.is_some()) + u64::from(new.is_some());
        }
    }

    /// Counts a put whose condition did not hold: the item that is there.
    pub(crate) fn refused(&mut self, present: Option<&Item>) {
        self.written += present.map(size_of).unwrap_or_default().div_ceil(WRITE_UNIT).max(1);
    }

    /// Counts a consistent read of an item, which costs where there is none, too.
    pub(crate) fn got(&mut self, item: Option<&Item>) {
        self.read += item.map(size_of).unwrap_or_default().div_ceil(READ_UNIT).max(1);
    }
}

/// The keys of a table's index: an entry has the keys only, so each is one unit.
fn index_of(table: &str) -> &'static [&'static str] {
    match table {
        "input" => &["stateDay", "stateAt"],
        "output" => &["sourceObject", "jobId"],
        other => unreachable!("the tables are input and output, not {other}"),
    }
}

/// Bytes of an item: its attributes' names and values.
fn size_of(item: &Item) -> u64 {
    item.iter().map(|(name, value)| name.len() as u64 + size_of_value(value)).sum()
}

fn size_of_value(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) => 1,
        // About a byte for two digits, and one more.
        Value::Number(number) => number.to_string().len().div_ceil(2) as u64 + 1,
        Value::String(text) => text.len() as u64,
        Value::Array(values) => 3 + values.iter().map(|value| 1 + size_of_value(value)).sum::<u64>(),
        Value::Object(members) => 3 + members.len() as u64 + size_of(members),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn items_are_as_large_as_dynamodb_counts_them() {
        let Value::Object(item) = json!({"id": "abc", "n": 1234, "map": {"a": true, "list": ["x", null]}}) else {
            unreachable!()
        };
        // id 2 + 3; n 1 + 3; map 3 + 3 + 2 members, a 1 + 1, list 4 + 3 + (1 + 1) + (1 + 1).
        assert_eq!(size_of(&item), 5 + 4 + 8 + 2 + 11);
    }
}
