//! Has objects worked on that were there before the installation, or whose events were missed.

use contract::Failure;
use control::classify::handler::{Arrival, Classifier, Decision};
use control::classify::sweep::Window;
use control::ports::Ports;
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;

/// How many objects are classified at a time.
const CONCURRENT: usize = 16;

/// Which objects.
#[derive(Debug, Clone)]
pub struct Backfill {
    /// The bucket of uploads.
    pub bucket: String,
    /// What their keys begin with.
    pub prefix: String,
    /// When they were last changed.
    pub window: Window,
    /// At most so many objects without a record.
    pub limit: usize,
    /// Only count them.
    pub dry_run: bool,
}

/// What a backfill found and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Backfilled {
    /// Objects that were looked at.
    pub listed: usize,
    /// Objects without a record.
    pub unknown: usize,
    /// Bytes of those.
    pub bytes: u64,
    /// Objects whose requests were sent.
    pub queued: usize,
    /// Objects with which there is nothing to do, each with a record that says why.
    pub refused: usize,
}

/// Takes up the objects of a bucket that have no record, as if they had been uploaded now; those that have one are left
/// alone, so that a second run does the rest of the first. `told` hears of each page.
pub async fn backfill<P: Ports>(
    classifier: &Classifier<P>,
    asked: &Backfill,
    mut told: impl FnMut(&Backfilled),
) -> Result<Backfilled, Failure> {
    let mut done = Backfilled::default();
    let mut after = None;
    loop {
        let page = classifier.unknown_in(&asked.bucket, &asked.prefix, after.as_deref(), &asked.window).await?;
        done.listed += page.listed;
        let room = asked.limit - done.unknown;
        let unknown: Vec<Arrival> = page.unknown.into_iter().take(room).collect();
        done.unknown += unknown.len();
        done.bytes += unknown.iter().map(|arrival| arrival.source.size).sum::<u64>();
        if !asked.dry_run {
            let decisions = futures::stream::iter(&unknown).map(|arrival| classifier.classify(arrival));
            let decisions: Vec<Decision> = decisions.buffer_unordered(CONCURRENT).try_collect().await?;
            done.queued += decisions.iter().filter(|decision| matches!(decision, Decision::Queued(_))).count();
            done.refused += decisions.iter().filter(|decision| matches!(decision, Decision::Refused(_))).count();
        }
        told(&done);
        if let Some(failure) = page.untold {
            return Err(failure);
        }
        after = page.next;
        if after.is_none() || done.unknown >= asked.limit {
            return Ok(done);
        }
    }
}
