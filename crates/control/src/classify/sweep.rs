//! What finds uploads that nobody told of, and requests that nobody took.
//!
//! An event of S3 may be lost, and so may a message. A schedule brings both back: it sends the requests of uploads that have
//! been QUEUED for hours again (dispatch takes an upload once, so one too many does no harm), and it walks through the bucket, a few
//! pages at a time, for objects without a record. Only objects of a certain age are taken up: an event is tried for a day, and
//! what was there long before this installation is taken up by an operator alone, because that may cost a lot
//! (`pipeline backfill`).
//!
//! An object that was found in a listing has no sequencer and so no place among the versions of its object. Its job's id is made from
//! its entity tag and time, so that however often it is found, it has one record.

use std::time::Duration;

use contract::{Failure, Source, timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::classify::handler::{Arrival, Classifier, Decision};
use crate::input_record::{LATEST, Latest, object_of};
use crate::ports::{Clock, Listed, Objects, Ports};
use crate::table::{self, Key, MAX_ITEMS, Query, Record};
use crate::{InputRecord, State, by_state, identity};

/// How long a request has waited before it is sent again. Longer than an outage that the queue itself outlives.
const QUEUED: time::Duration = time::Duration::hours(6);

/// How many days back QUEUED uploads are looked for: messages are kept for 14.
const QUEUED_DAYS: i64 = 15;

/// The age of an object from which on its event counts as lost: EventBridge tries for 24 hours.
const LOST: time::Duration = time::Duration::hours(25);

/// The age of an object up to which the schedule takes it up.
const OLDEST: time::Duration = time::Duration::hours(73);

/// The age of an object from which on an operator may have it taken up: events come within minutes, as a rule.
pub const YOUNGEST: time::Duration = time::Duration::hours(1);

/// How long a sweep takes at most; less than the function's timeout.
const SWEEP: Duration = Duration::from_secs(40);

/// When an object was last changed, from the first time to the second.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Not before; `None` for any age.
    pub from: Option<OffsetDateTime>,
    /// Not after.
    pub until: OffsetDateTime,
}

impl Window {
    fn has(&self, listed: &Listed) -> bool {
        let modified = timestamp::parse(&listed.modified);
        modified.is_some_and(|at| at <= self.until && self.from.is_none_or(|from| at >= from))
    }
}

/// A page of a bucket with what nobody has told of.
#[derive(Debug, Default)]
pub struct Found {
    /// Objects that were looked at.
    pub listed: usize,
    /// Objects of the window without a record.
    pub unknown: Vec<Arrival>,
    /// The key after which the next page begins; `None` if this is the last.
    pub next: Option<String>,
    /// Why the first of those was left out of which it could not be told whether they have a record.
    pub untold: Option<Failure>,
}

/// Where the walk through the bucket has come to: an item of the table of uploads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Walk {
    object: String,
    job_id: String,
    #[serde(default)]
    revision: u64,
    /// The key after which it continues; absent to begin anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

impl Walk {
    /// No object's name: those begin with `s3://`.
    const OBJECT: &str = "walk";

    fn key() -> Key {
        Key(vec![("object", Self::OBJECT.to_owned()), ("jobId", LATEST.to_owned())])
    }
}

impl Record for Walk {
    const KEY_NAMES: &'static [&'static str] = InputRecord::KEY_NAMES;

    fn revision(&self) -> u64 {
        self.revision
    }

    fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }

    fn derive(&mut self) {}
}

impl<P: Ports> Classifier<P> {
    /// The schedule: sends requests again that nobody took, and takes up objects that nobody told of.
    pub(super) async fn sweep(&self) -> Result<Value, Failure> {
        let started = self.clock.now();
        let until = started + SWEEP;
        // One of the two that fails must not keep the other waiting.
        let found = self.walk(started, until).await;
        let asked = self.ask_again(started, until).await;
        let (asked, found) = (asked?, found?);
        if asked + found > 0 {
            tracing::warn!(asked, found, "requests were sent again, and objects without a record taken up");
        }
        Ok(json!({"askedAgain": asked, "found": found}))
    }

    /// Sends the requests of uploads again that have waited for long. Returns how many.
    async fn ask_again(&self, now: OffsetDateTime, until: OffsetDateTime) -> Result<usize, Failure> {
        let up_to = timestamp::text(now - QUEUED);
        let mut asked = 0;
        let mut first_failure = None;
        for day in 0..QUEUED_DAYS {
            let day = &timestamp::text(now - time::Duration::days(day))[..10];
            let keys = match by_state::keys(&self.records, State::Queued, day, Some(&up_to)).await {
                Ok(keys) => keys,
                Err(failure) => {
                    first_failure.get_or_insert(failure);
                    continue;
                }
            };
            for keys in keys.chunks(MAX_ITEMS) {
                let records: Vec<Option<InputRecord>> = table::read(&self.records, keys).await?;
                let is_stale = |record: &InputRecord| record.state == State::Queued && record.state_at <= up_to;
                for record in records.into_iter().flatten().filter(is_stale) {
                    if self.clock.now() > until {
                        return Ok(asked);
                    }
                    self.ask_for(record).await?;
                    asked += 1;
                }
            }
        }
        first_failure.map_or(Ok(asked), Err)
    }

    /// Sends the request of an upload again, with the secrets that its record lacks.
    async fn ask_for(&self, record: InputRecord) -> Result<(), Failure> {
        let by_operator = record.option_source.as_deref() == Some("operator");
        let arrival = Arrival {
            job_id: record.job_id.clone(),
            source: record.source.clone(),
            uploaded_at: record.timeline.uploaded_at.clone().unwrap_or_default(),
            operator_option: record.processing_option.clone().filter(|_| by_operator),
        };
        let decided = self.decide(&arrival).await?;
        let is_same = decided.processing_option == record.processing_option;
        let key = InputRecord::key(&record.source, &record.job_id);
        let secret_option = decided.secret_option.filter(|_| is_same);
        // If the fast path were there for it, it would have been done long since.
        self.send(&InputRecord { secret_option, fast: false, ..record }).await?;
        // It waits again from now on.
        let at = timestamp::text(self.clock.now());
        let merge = |_: &Key, record: Option<InputRecord>| {
            let mut record = record.filter(|record| record.state == State::Queued)?;
            record.timeline.queued_at = Some(at.clone());
            Some(record)
        };
        table::update(&self.records, &self.clock, &[key], merge).await.map(drop)
    }

    /// Goes on with the walk through the bucket. Returns how many objects were taken up.
    async fn walk(&self, now: OffsetDateTime, until: OffsetDateTime) -> Result<usize, Failure> {
        if self.settings.walk_pages == 0 {
            return Ok(0);
        }
        let window = Window { from: Some(now - OLDEST), until: now - LOST };
        let walk: Vec<Option<Walk>> = table::read(&self.records, &[Walk::key()]).await?;
        let mut after = walk.into_iter().flatten().next().and_then(|walk| walk.after);
        let mut taken = 0;
        let mut first_failure = None;
        for _ in 0..self.settings.walk_pages {
            let found = self.unknown_in(&self.settings.bucket, "", after.as_deref(), &window).await?;
            first_failure = first_failure.or(found.untold);
            for arrival in found.unknown {
                match self.classify(&arrival).await {
                    Ok(Decision::Queued(_) | Decision::Refused(_)) => {
                        tracing::warn!(object = object_of(&arrival.source), "nobody told of this object");
                        taken += 1;
                    }
                    Ok(Decision::Known(_)) => {}
                    // The walk comes by again before the object is too old.
                    Err(failure) => drop(first_failure.get_or_insert(failure)),
                }
            }
            after = found.next;
            self.note_walk(after.as_deref()).await?;
            if after.is_none() || self.clock.now() > until {
                break;
            }
        }
        first_failure.map_or(Ok(taken), Err)
    }

    /// Notes where the walk has come to.
    async fn note_walk(&self, after: Option<&str>) -> Result<(), Failure> {
        let merge = |_: &Key, walk: Option<Walk>| {
            let new = || Walk { object: Walk::OBJECT.to_owned(), job_id: LATEST.to_owned(), revision: 0, after: None };
            Some(Walk { after: after.map(str::to_owned), ..walk.unwrap_or_else(new) })
        };
        table::update(&self.records, &self.clock, &[Walk::key()], merge).await.map(drop)
    }

    /// A page of a bucket: the objects of a window that have no record.
    pub async fn unknown_in(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        window: &Window,
    ) -> Result<Found, Failure> {
        let listing = self.objects.list(bucket, prefix, after).await?;
        let listed = listing.objects.len();
        let objects: Vec<Listed> = listing.objects.into_iter().filter(|listed| window.has(listed)).collect();
        let (mut unknown, mut untold) = (Vec::new(), None);
        for objects in objects.chunks(MAX_ITEMS) {
            let sources: Vec<Source> = objects.iter().map(|listed| source_of(bucket, listed)).collect();
            let keys: Vec<Key> = sources.iter().map(Latest::key).collect();
            let latest: Vec<Option<Latest>> = table::read_as(&self.records, &keys).await?;
            for ((listed, source), latest) in objects.iter().zip(sources).zip(latest) {
                let is_noted = latest.is_some_and(|latest| {
                    let is_later =
                        latest.uploaded_at.as_ref().is_none_or(|at| *at >= timestamp::normal(&listed.modified));
                    is_later || latest.etag == listed.etag
                });
                if is_noted {
                    continue;
                }
                match self.has_record(&source, listed).await {
                    Ok(true) => {}
                    Ok(false) => {
                        let uploaded_at = timestamp::normal(&listed.modified);
                        let job_id = identity::listed_job_id(&source, &uploaded_at);
                        unknown.push(Arrival { source, job_id, uploaded_at, operator_option: None });
                    }
                    Err(failure) => drop(untold.get_or_insert(failure)),
                }
            }
        }
        Ok(Found { listed, unknown, next: listing.next, untold })
    }

    /// Whether any upload of the object is this version or a later one. What was refused is not noted as the latest version.
    async fn has_record(&self, source: &Source, listed: &Listed) -> Result<bool, Failure> {
        let items = table::query_all(&self.records, Query::of(None, "object", object_of(source))).await?;
        let modified = timestamp::normal(&listed.modified);
        let is_it = |record: InputRecord| {
            record.source.etag == source.etag || record.timeline.uploaded_at.is_some_and(|at| at >= modified)
        };
        let records = items.into_iter().filter(|item| item.get("jobId").is_some_and(|id| id != LATEST));
        for item in records {
            if is_it(table::from_item(item)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn source_of(bucket: &str, listed: &Listed) -> Source {
    Source {
        bucket: Some(bucket.to_owned()),
        key: listed.key.clone(),
        version_id: None,
        etag: listed.etag.clone(),
        size: listed.size,
    }
}
