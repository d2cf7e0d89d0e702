//! How the pipeline does, of the uploads that ended last: turnaround, failures by reason, money. It is made of pages of the list, so that
//! every desk has it.

use std::collections::BTreeMap;

use catalog::MediaKind;
use contract::{Failure, timestamp};
use control::{InputRecord, State};
use serde::Serialize;

use crate::desk::{Desk, Filter, Listed, MAX_LISTED};

/// Reasons that are told.
const MOST_REASONS: usize = 20;

/// Turnaround, failures and money of the uploads that ended last: at most [`MAX_LISTED`] of each terminal state.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// How many uploads it is of.
    pub of: usize,
    /// US dollars by the installation's prices; none if it has none.
    pub cost: Option<f64>,
    /// What was spent on each day.
    pub days: Vec<Spent>,
    /// What was spent on each kind.
    pub kinds: Vec<OfKind>,
    /// From the upload to its record, of those that succeeded: all, then each kind.
    pub turnaround: Vec<Turnaround>,
    /// Why uploads did not succeed, the most frequent reason first.
    pub failures: Vec<Failures>,
}

/// What was spent on a day.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spent {
    /// The day on which the uploads ended, UTC.
    pub day: String,
    /// Seconds of a processor.
    pub vcpu_seconds: f64,
    /// US dollars.
    pub cost: Option<f64>,
}

/// What was spent on a kind.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OfKind {
    /// The kind.
    pub kind: MediaKind,
    /// Uploads.
    pub count: usize,
    /// Seconds of a processor.
    pub vcpu_seconds: f64,
    /// US dollars.
    pub cost: Option<f64>,
}

/// How long uploads took, in milliseconds; by nearest rank.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Turnaround {
    /// Of this kind; none for all.
    pub kind: Option<MediaKind>,
    /// Uploads.
    pub count: usize,
    /// Half of them took at most this.
    pub median: Option<i64>,
    /// 90 %.
    pub p90: Option<i64>,
    /// 95 %.
    pub p95: Option<i64>,
    /// 99 %.
    pub p99: Option<i64>,
    /// All.
    pub slowest: Option<i64>,
}

/// Uploads that did not succeed for the same reason.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Failures {
    /// How they ended.
    pub state: State,
    /// Why, without the numbers in it.
    pub reason: String,
    /// How many.
    pub count: usize,
    /// The key of the last of them.
    pub example: String,
}

/// The summary of a desk's uploads.
pub(crate) async fn of(desk: &impl Desk) -> Result<Summary, Failure> {
    let mut ended = Vec::new();
    for state in State::ALL.into_iter().filter(|state| state.is_terminal()) {
        let filter = Filter { state: Some(state), limit: Some(MAX_LISTED), ..Filter::default() };
        ended.extend(desk.uploads(filter).await?.uploads);
    }
    let mut days: BTreeMap<&str, (usize, Sum)> = BTreeMap::new();
    let mut kinds: BTreeMap<MediaKind, (usize, Sum)> = BTreeMap::new();
    let mut whole = Sum::default();
    for Listed { record, .. } in &ended {
        let usage = Sum::of(record);
        whole.add(usage);
        let day = record.state_at.get(..10).unwrap_or_default();
        for (count, sum) in
            [days.entry(day).or_default()].into_iter().chain(record.kind.map(|kind| kinds.entry(kind).or_default()))
        {
            *count += 1;
            sum.add(usage);
        }
    }
    let kinds_seen: Vec<MediaKind> = kinds.keys().copied().collect();
    Ok(Summary {
        of: ended.len(),
        cost: whole.cost,
        days: days
            .into_iter()
            .map(|(day, (_, sum))| Spent { day: day.to_owned(), vcpu_seconds: sum.vcpu_seconds, cost: sum.cost })
            .collect(),
        kinds: kinds
            .into_iter()
            .map(|(kind, (count, sum))| OfKind { kind, count, vcpu_seconds: sum.vcpu_seconds, cost: sum.cost })
            .collect(),
        turnaround: [None]
            .into_iter()
            .chain(kinds_seen.into_iter().map(Some))
            .map(|kind| turnaround(&ended, kind))
            .collect(),
        failures: failures(&ended),
    })
}

/// What uploads used.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    vcpu_seconds: f64,
    cost: Option<f64>,
}

impl Sum {
    fn of(record: &InputRecord) -> Self {
        let usage = record.usage();
        Self {
            vcpu_seconds: usage.map_or(0.0, |usage| usage.vcpu_seconds),
            cost: usage.and_then(|usage| usage.estimated_cost),
        }
    }

    fn add(&mut self, other: Self) {
        self.vcpu_seconds += other.vcpu_seconds;
        self.cost = match (self.cost, other.cost) {
            (None, cost) | (cost, None) => cost,
            (Some(one), Some(other)) => Some(one + other),
        };
    }
}

fn turnaround(ended: &[Listed], kind: Option<MediaKind>) -> Turnaround {
    let of_kind = ended.iter().map(|listed| &listed.record).filter(|record| kind.is_none() || record.kind == kind);
    let succeeded = of_kind.filter(|record| record.state == State::Succeeded);
    let times = succeeded.filter_map(|record| {
        timestamp::between(record.timeline.uploaded_at.as_deref(), record.timeline.recorded_at.as_deref())
    });
    let mut times: Vec<i64> = times.filter(|time| *time >= 0).collect();
    times.sort_unstable();
    let within = |percent: usize| nearest_rank(&times, percent);
    Turnaround {
        kind,
        count: times.len(),
        median: within(50),
        p90: within(90),
        p95: within(95),
        p99: within(99),
        slowest: within(100),
    }
}

/// The smallest of sorted values that is not below `percent` of them.
fn nearest_rank(sorted: &[i64], percent: usize) -> Option<i64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

fn failures(ended: &[Listed]) -> Vec<Failures> {
    let mut found: Vec<Failures> = Vec::new();
    let mut places: BTreeMap<(State, String), usize> = BTreeMap::new();
    for Listed { record, causes } in ended.iter().filter(|listed| listed.record.state != State::Succeeded) {
        for cause in causes {
            let reason = without_numbers(cause);
            // The list has the last first: the first that is met is the example.
            let place = *places.entry((record.state, reason.clone())).or_insert_with(|| {
                found.push(Failures { state: record.state, reason, count: 0, example: record.source.key.clone() });
                found.len() - 1
            });
            found[place].count += 1;
        }
    }
    found.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.reason.cmp(&b.reason)));
    found.truncate(MOST_REASONS);
    found
}

/// A reason with `…` in the place of each number: `it ends after 28500 bytes` and `it ends after 17 bytes` are one.
fn without_numbers(reason: &str) -> String {
    let mut text = String::with_capacity(reason.len());
    let mut before: Option<char> = None;
    for letter in reason.chars() {
        // A digit in a word is part of a name: MP3, utf8, 3D.
        let is_number = letter.is_ascii_digit() && !before.is_some_and(char::is_alphabetic);
        if !is_number {
            text.push(letter);
        } else if before != Some('0') {
            text.push('…');
        }
        before = Some(if is_number { '0' } else { letter });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let times: Vec<i64> = (1..=200).collect();
        assert_eq!(
            [50, 90, 95, 99, 100].map(|percent| nearest_rank(&times, percent)),
            [100, 180, 190, 198, 200].map(Some)
        );
        assert_eq!((nearest_rank(&[7], 50), nearest_rank(&[], 50)), (Some(7), None));
    }

    #[test]
    fn reasons_of_one_kind_are_one() {
        assert_eq!(without_numbers("it ends after 28500 bytes"), "it ends after … bytes");
        assert_eq!(without_numbers("page 3 of 12: MP3 is not read"), "page … of …: MP3 is not read");
        assert_eq!(
            without_numbers("width=0 is not allowed; allowed: 1 to 16384"),
            "width=… is not allowed; allowed: … to …"
        );
    }
}
