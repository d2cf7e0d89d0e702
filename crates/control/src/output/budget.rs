//! The budget guard: pauses dispatch when the day's or the month's estimated spend passes a bound.
//!
//! Each notice of a job that changes its upload's record adds its estimated cost to the day's sum; a repetition changes nothing and adds
//! nothing. The sum is an estimate of the jobs alone: what a container does beside its operations, the control plane and storage are not
//! in it, and a crash between the record and the sum leaves a cost out. It is kept in [`SHARDS`] items of the table of uploads, so that
//! no item is written hundreds of times a second.
//!
//! The schedule compares the sums with the bounds. A pause is an item that dispatch reads with each delivery, and the queues' deliveries
//! to dispatch are stopped, so that requests stay in their queues, where they are kept for 14 days. Intake continues, and so do jobs that
//! were submitted. A pause by the budget ends when the period is over, in which the bound was passed, or when an operator resumes; then
//! the bound does not count until the next period. A pause by an operator ends by an operator.

use std::collections::BTreeMap;

use catalog::MediaKind;
use contract::{Failure, JobEvent, timestamp};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::identity;
use crate::input_record::InputRecord;
use crate::output::handler::Recorder;
use crate::ports::{Clock, Ports, Queues, Table};
use crate::table::{self, Key, Record};

/// Items that a day's sum is divided among.
const SHARDS: u64 = 16;

/// Days that sums are kept.
const KEPT_DAYS: i64 = 400;

/// Bounds of estimated spend, US dollars; none for no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Budget {
    /// In a day, UTC.
    pub day: Option<f64>,
    /// In a month, UTC.
    pub month: Option<f64>,
}

impl Budget {
    /// Whether there is any bound.
    pub fn is_bound(&self) -> bool {
        self.day.is_some() || self.month.is_some()
    }
}

/// A part of a day's sum: an item of the table of uploads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spend {
    object: String,
    job_id: String,
    #[serde(default)]
    revision: u64,
    /// US dollars by kind.
    #[serde(default)]
    by_kind: BTreeMap<MediaKind, f64>,
    expires_at: i64,
}

impl Spend {
    /// No object's name: those begin with `s3://`.
    fn key(day: &str, shard: u64) -> Key {
        Key(vec![("object", format!("spend/{day}")), ("jobId", format!("{shard:02}"))])
    }

    fn keys(day: &str) -> impl Iterator<Item = Key> {
        (0..SHARDS).map(move |shard| Self::key(day, shard))
    }
}

impl Record for Spend {
    const KEY_NAMES: &'static [&'static str] = InputRecord::KEY_NAMES;

    fn revision(&self) -> u64 {
        self.revision
    }

    fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }

    fn derive(&mut self) {}
}

/// Who paused dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PausedBy {
    /// The guard.
    Budget,
    /// A person.
    Operator,
}

/// Whether dispatch is paused: an item of the table of uploads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    object: String,
    job_id: String,
    #[serde(default)]
    revision: u64,
    /// Who paused it; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<PausedBy>,
    /// Why, in plain words.
    #[serde(default)]
    pub reason: String,
    /// Since when it is as it is, RFC 3339.
    pub since: String,
    /// Days and months for which an operator has lifted the bound, such as `2026-11-22` and `2026-11`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lifted: Vec<String>,
}

impl Pause {
    /// The item's key.
    pub fn key() -> Key {
        Key(vec![("object", "dispatch".to_owned()), ("jobId", "pause".to_owned())])
    }

    /// Dispatch that runs.
    fn running(since: &str) -> Self {
        Self {
            object: "dispatch".to_owned(),
            job_id: "pause".to_owned(),
            revision: 0,
            by: None,
            reason: String::new(),
            since: since.to_owned(),
            lifted: Vec::new(),
        }
    }

    /// The item of a table, if dispatch is paused.
    pub async fn read(table: &impl Table) -> Result<Option<Self>, Failure> {
        let read: Vec<Option<Self>> = table::read(table, &[Self::key()]).await?;
        Ok(read.into_iter().flatten().next().filter(|pause| pause.by.is_some()))
    }
}

impl Record for Pause {
    const KEY_NAMES: &'static [&'static str] = InputRecord::KEY_NAMES;

    fn revision(&self) -> u64 {
        self.revision
    }

    fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }

    fn derive(&mut self) {}
}

/// What the guard found.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Guarded {
    /// US dollars of this day.
    pub day: f64,
    /// US dollars of this month.
    pub month: f64,
    /// Whether dispatch is paused.
    pub is_paused: bool,
}

impl<P: Ports> Recorder<P> {
    /// Adds the cost of an operation to the day's sum. A sum that cannot be written keeps no upload from being recorded.
    pub(super) async fn spend(&self, event: &JobEvent) {
        let cost = event.usage.and_then(|usage| usage.estimated_cost).filter(|cost| *cost > 0.0);
        let (Some(cost), Some(kind), true) = (cost, event.kind, self.settings.budget.is_bound()) else { return };
        let now = self.clock.now();
        let day = day_of(now);
        let shard = identity::spread(&[&event.job_id, event.processing_option.as_deref().unwrap_or_default()], SHARDS);
        let merge = |_: &Key, spend: Option<Spend>| {
            let new = || Spend {
                object: format!("spend/{day}"),
                job_id: format!("{shard:02}"),
                revision: 0,
                by_kind: BTreeMap::new(),
                expires_at: now.unix_timestamp() + KEPT_DAYS * 86_400,
            };
            let mut spend = spend.unwrap_or_else(new);
            *spend.by_kind.entry(kind).or_default() += cost;
            Some(spend)
        };
        if let Err(failure) = table::update(&self.inputs, &self.clock, &[Spend::key(&day, shard)], merge).await {
            tracing::warn!(job = event.job_id, cost, "the day's spend lacks an operation: {failure}");
        }
    }

    /// Compares the spend with the bounds, and pauses dispatch or lets it run again.
    pub(super) async fn guard(&self) -> Result<Guarded, Failure> {
        let now = self.clock.now();
        let (day, month) = (day_of(now), day_of(now)[..7].to_owned());
        let spent = Guarded {
            day: self.spent(std::slice::from_ref(&day)).await?,
            month: self.spent(&days_of_month(now)).await?,
            is_paused: false,
        };
        let bounds = [
            ("day", &day, spent.day, self.settings.budget.day),
            ("month", &month, spent.month, self.settings.budget.month),
        ];
        let present: Vec<Option<Pause>> = table::read(&self.inputs, &[Pause::key()]).await?;
        let present = present.into_iter().flatten().next();
        let is_lifted = |period: &String| present.as_ref().is_some_and(|pause| pause.lifted.contains(period));
        let passed = bounds.into_iter().find_map(|(name, period, spent, bound)| {
            let bound = bound.filter(|bound| spent > *bound && !is_lifted(period))?;
            Some(format!("the estimated spend of the {name} {period} is {spent:.2} USD, above its bound of {bound:.2}"))
        });
        let by = present.as_ref().and_then(|pause| pause.by);
        let is_paused = match (by, passed) {
            (Some(PausedBy::Operator), _) | (Some(PausedBy::Budget), Some(_)) => true,
            (None, Some(reason)) => {
                tracing::error!("dispatch is paused: {reason}");
                self.pause(PausedBy::Budget, &reason).await?;
                true
            }
            (Some(PausedBy::Budget), None) => {
                self.unpause(&[]).await?;
                false
            }
            (None, None) => false,
        };
        // A crash may have come between the item and this.
        if by.is_some() {
            self.queues.deliver(!is_paused).await?;
        }
        Ok(Guarded { is_paused, ..spent })
    }

    /// Pauses dispatch.
    pub async fn pause(&self, by: PausedBy, reason: &str) -> Result<(), Failure> {
        let since = timestamp::text(self.clock.now());
        self.update_pause(|pause| {
            pause.by = Some(by);
            reason.clone_into(&mut pause.reason);
            since.clone_into(&mut pause.since);
        })
        .await?;
        self.queues.deliver(false).await
    }

    /// Lets dispatch run again. Bounds that are passed do not count for the rest of their day and month.
    pub async fn resume(&self) -> Result<(), Failure> {
        let day = day_of(self.clock.now());
        self.unpause(&[day[..7].to_owned(), day]).await?;
        self.queues.deliver(true).await
    }

    async fn unpause(&self, lifted: &[String]) -> Result<(), Failure> {
        let since = timestamp::text(self.clock.now());
        self.update_pause(|pause| {
            pause.by = None;
            pause.reason.clear();
            since.clone_into(&mut pause.since);
            if !lifted.is_empty() {
                pause.lifted = lifted.to_vec();
            }
        })
        .await
    }

    async fn update_pause(&self, change: impl Fn(&mut Pause) + Send + Sync) -> Result<(), Failure> {
        let now = timestamp::text(self.clock.now());
        let merge = |_: &Key, pause: Option<Pause>| {
            let mut pause = pause.unwrap_or_else(|| Pause::running(&now));
            change(&mut pause);
            Some(pause)
        };
        table::update(&self.inputs, &self.clock, &[Pause::key()], merge).await.map(drop)
    }

    /// US dollars of some days.
    async fn spent(&self, days: &[String]) -> Result<f64, Failure> {
        let keys: Vec<Key> = days.iter().flat_map(|day| Spend::keys(day)).collect();
        let spends: Vec<Option<Spend>> = table::read(&self.inputs, &keys).await?;
        Ok(spends.into_iter().flatten().flat_map(|spend| spend.by_kind.into_values()).sum())
    }
}

fn day_of(now: OffsetDateTime) -> String {
    timestamp::text(now)[..10].to_owned()
}

/// The days of a month up to now.
fn days_of_month(now: OffsetDateTime) -> Vec<String> {
    (1..=now.day()).map(|day| format!("{}-{day:02}", &day_of(now)[..7])).collect()
}
