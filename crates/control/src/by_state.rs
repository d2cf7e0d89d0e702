//! The index of uploads by state and day, the only one that grows with the load.
//!
//! Every change of an upload's state removes an entry from one partition of the index and adds one to another. A partition
//! takes at most 1,000 write units per second, and a throttled index refuses the writes of the table itself, so uploads of
//! a state and day are spread over [`SHARDS`] partitions by a hash of their key. The index has the keys only: an entry is
//! one write unit, and none where a write leaves the state as it is. Whoever lists a state asks all shards and reads the
//! records themselves, which is rare and costs a read unit each. `shards_stay_cool` below has the figures.

use contract::Failure;
use futures::{StreamExt, TryStreamExt};

use crate::identity;
use crate::input_record::{InputRecord, State};
use crate::ports::Table;
use crate::table::{self, Key, Query, Record, Sort};

/// The index's name.
pub const INDEX: &str = "by-state";

/// Partitions of one state and day.
pub const SHARDS: u64 = 16;

/// How many shards are asked at a time.
const CONCURRENT: usize = 8;

/// The partition that an upload belongs to: `FAILED#2026-11-22#0b`.
pub fn partition_of(state: State, at: &str, object: &str, job_id: &str) -> String {
    partition(state, at.get(..10).unwrap_or_default(), identity::spread(&[object, job_id], SHARDS))
}

fn partition(state: State, day: &str, shard: u64) -> String {
    format!("{}#{day}#{shard:02x}", state.name())
}

/// The uploads of one shard that came into a state on a day, up to a time if one is given, the first first.
pub fn shard(state: State, day: &str, shard: u64, up_to: Option<&str>) -> Query {
    let mut query = Query::of(Some(INDEX), "stateDay", partition(state, day, shard));
    query.sort = up_to.map(|at| ("stateAt", Sort::UpTo(at.to_owned())));
    query.descending = false;
    query
}

/// Keys of the uploads that came into a state on a day (`2026-11-22`), up to a time if one is given.
pub async fn keys(table: &impl Table, state: State, day: &str, up_to: Option<&str>) -> Result<Vec<Key>, Failure> {
    let shards = futures::stream::iter(0..SHARDS);
    let shards = shards.map(async |number| table::query_all(table, shard(state, day, number, up_to)).await);
    let items: Vec<_> = shards.buffer_unordered(CONCURRENT).try_concat().await?;
    Ok(items.iter().map(|item| Key::of(item, InputRecord::KEY_NAMES)).collect())
}

/// The uploads that came into a state on a day and are in it still, the last first.
pub async fn records(table: &impl Table, state: State, day: &str) -> Result<Vec<InputRecord>, Failure> {
    let keys = keys(table, state, day, None).await?;
    let records: Vec<Option<InputRecord>> = table::read(table, &keys).await?;
    // The index may be a moment behind the records.
    let mut records: Vec<_> = records.into_iter().flatten().filter(|record| record.state == state).collect();
    records.sort_by(|a, b| b.state_at.cmp(&a.state_at).then_with(|| a.object.cmp(&b.object)));
    Ok(records)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Uploads per second at 5 TB a day of objects of 400 KB, see docs/cost.md.
    const UPLOADS: usize = 145;
    /// Seconds that are looked at.
    const SECONDS: usize = 60;
    /// An entry has the keys of the table and of the index, at most 1 KB: one write unit.
    const UNITS: usize = 1;

    /// Write units per second of the busiest partition of the index when every upload goes through these states.
    fn busiest(shard_of: impl Fn(&str, &str) -> u64) -> f64 {
        let way = [State::Queued, State::Submitted, State::Running, State::Succeeded];
        let mut units: BTreeMap<String, usize> = BTreeMap::new();
        for number in 0..UPLOADS * SECONDS {
            let (object, job_id) = (format!("s3://in/photos/{number}.jpg"), format!("{number:024x}-1"));
            let shard = shard_of(&object, &job_id);
            for (position, state) in way.into_iter().enumerate() {
                // It comes in, and (unless it is the last state) leaves again.
                let writes = if position + 1 == way.len() { UNITS } else { 2 * UNITS };
                *units.entry(partition(state, "2026-11-22", shard)).or_default() += writes;
            }
        }
        units.into_values().max().unwrap_or_default() as f64 / SECONDS as f64
    }

    #[test]
    fn shards_stay_cool() {
        let sharded = busiest(|object, job_id| identity::spread(&[object, job_id], SHARDS));
        assert!(sharded < 30.0, "{sharded} write units per second in the busiest partition");
        // Ten times the load, with every upload's entry as large as three write units, would still be below 500.
        assert!(sharded * 10.0 < 500.0);
        let unsharded = busiest(|_, _| 0);
        assert!(unsharded > 250.0, "{unsharded}: without shards a load four times as high would reach the limit");
    }

    #[test]
    fn an_upload_is_in_one_of_the_partitions_that_are_asked() {
        let of = |job| partition_of(State::Failed, "2026-11-22T18:00:00.000Z", "s3://in/a.jpg", job);
        let asked: Vec<_> = (0..SHARDS).map(|shard| partition(State::Failed, "2026-11-22", shard)).collect();
        for job in ["1", "2", "3"] {
            assert!(asked.contains(&of(job)) && of(job) == of(job));
        }
    }
}
