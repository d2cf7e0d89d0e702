//! How fast services are called: a bucket for each call of each service, refilled at the rate that the account is allowed. When the
//! service says that it was too fast, the pace halves, and recovers with each answer; other containers draw on the same
//! allowance, which none of them sees.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use contract::Failure;
use tokio::time::Instant;

use crate::Api;

/// The slowest pace.
const SLOWEST: Duration = Duration::from_secs(10);
/// What of the excess over the usual interval an answer takes away.
const RECOVERY: f64 = 0.1;

/// The pace of every call.
#[derive(Debug)]
pub(crate) struct Rates {
    /// Calls a second that each service allows.
    allowed: BTreeMap<&'static str, f64>,
    buckets: Mutex<BTreeMap<(&'static str, &'static str), Bucket>>,
}

/// Refilled continuously: the time at which it would be full again says all (GCRA).
#[derive(Debug)]
struct Bucket {
    full_at: Instant,
    /// Seconds between two calls that are not throttled.
    usual: f64,
    interval: f64,
}

impl Rates {
    /// Those of the environment: `TEXTRACT_PER_SECOND` and the like, else the service's own default here.
    pub(crate) fn from_environment(apis: &[&'static Api]) -> Result<Self, Failure> {
        let mut allowed = BTreeMap::new();
        for api in apis {
            let variable = format!("{}_PER_SECOND", api.variable);
            let rate = match std::env::var(&variable).ok().filter(|text| !text.is_empty()) {
                None => api.per_second,
                Some(text) => text.parse().ok().filter(|rate| (0.01..=1000.0).contains(rate)).ok_or_else(|| {
                    Failure::invalid_request(format!("{variable}={text} is not a rate; allowed: 0.01 to 1000"))
                })?,
            };
            allowed.insert(api.name, rate);
        }
        Ok(Self { allowed, buckets: Mutex::default() })
    }

    /// Waits until the call may be made.
    pub(crate) async fn pace(&self, api: &Api, action: &'static str) {
        let at = self.take(api, action, Instant::now());
        tokio::time::sleep_until(at).await;
    }

    /// When the next call may be made, which is then taken.
    fn take(&self, api: &Api, action: &'static str, now: Instant) -> Instant {
        self.with(api, action, now, |bucket| {
            // A second's calls may be made at once.
            let burst = Duration::from_secs_f64((1.0 - bucket.interval).max(0.0));
            let at = now.max(bucket.full_at.checked_sub(burst).unwrap_or(now));
            bucket.full_at = bucket.full_at.max(now) + Duration::from_secs_f64(bucket.interval);
            at
        })
    }

    /// The service said that it was too fast.
    pub(crate) fn throttled(&self, api: &Api, action: &'static str) {
        self.with(api, action, Instant::now(), |bucket| {
            bucket.interval = (bucket.interval * 2.0).min(SLOWEST.as_secs_f64());
        });
    }

    /// The service answered.
    pub(crate) fn answered(&self, api: &Api, action: &'static str) {
        self.with(api, action, Instant::now(), |bucket| {
            bucket.interval -= (bucket.interval - bucket.usual) * RECOVERY;
        });
    }

    fn with<T>(&self, api: &Api, action: &'static str, now: Instant, change: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let usual = 1.0 / self.allowed.get(api.name).copied().unwrap_or(api.per_second);
        change(buckets.entry((api.name, action)).or_insert(Bucket { full_at: now, usual, interval: usual }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: Api = Api { name: "a", variable: "A_TEST", target: "A", version: "1", per_second: 4.0 };

    fn rates() -> Rates {
        Rates { allowed: BTreeMap::from([("a", 4.0)]), buckets: Mutex::default() }
    }

    #[test]
    fn a_seconds_calls_go_at_once_and_the_others_at_the_rate() {
        let (rates, now) = (rates(), Instant::now());
        let waits: Vec<u128> = (0..8).map(|_| (rates.take(&API, "Do", now) - now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 250, 500, 750, 1000]);
        // Another call of the service has a bucket of its own.
        assert_eq!(rates.take(&API, "Other", now), now);
        // What is not used is not saved up.
        let later = now + Duration::from_secs(100);
        let waits: Vec<u128> = (0..5).map(|_| (rates.take(&API, "Do", later) - later).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 250]);
    }

    #[test]
    fn a_service_that_was_called_too_fast_is_called_more_slowly_and_then_as_before() {
        let (rates, now) = (rates(), Instant::now());
        let interval = || rates.with(&API, "Do", now, |bucket| bucket.interval);
        rates.throttled(&API, "Do");
        rates.throttled(&API, "Do");
        assert!((interval() - 1.0).abs() < 1e-9, "{}", interval());
        (0..20).for_each(|_| rates.throttled(&API, "Do"));
        assert!((interval() - 10.0).abs() < 1e-9, "{}", interval());
        (0..100).for_each(|_| rates.answered(&API, "Do"));
        assert!((interval() - 0.25).abs() < 0.01, "{}", interval());
    }
}
