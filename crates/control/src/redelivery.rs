//! When a message that could not be dealt with comes again.
//!
//! By itself it would come after the queue's visibility timeout, which has to be six times the Lambda's timeout: twelve
//! minutes for one throttled request. So it is postponed to half a minute or a minute, with jitter, doubled with each
//! receive until the queue's own timeout: what is over in a moment costs a moment, and an outage of half an hour does not use the
//! receives up that a queue allows. If postponing fails, the visibility timeout holds.

use std::time::Duration;

use crate::event::QueueMessage;
use crate::identity;
use crate::ports::{Clock, Postponed, Queues};

/// The shortest wait, seconds; jitter adds as much again at most.
const FIRST: u64 = 30;

/// The longest wait, seconds, without its jitter.
const LONGEST: u64 = 600;

/// How long a message waits that has come so often: between one and two steps, and not before `at_least`.
pub fn delay(message: &QueueMessage, at_least: Duration, clock: &impl Clock) -> Duration {
    let doublings = message.receive_count().saturating_sub(1).min(8);
    let step = (FIRST << doublings).min(LONGEST);
    let now = clock.now().unix_timestamp_nanos().to_string();
    let jitter = identity::spread(&[&message.message_id, &message.receipt_handle, &now], 1 + step.min(FIRST * 4));
    Duration::from_secs(step + jitter).max(at_least + Duration::from_secs(jitter / 8))
}

/// Postpones messages.
pub async fn postpone(queues: &impl Queues, clock: &impl Clock, messages: &[(&QueueMessage, Duration)]) {
    let postponed = messages.iter().map(|(message, at_least)| Postponed {
        queue_arn: message.queue_arn.clone(),
        receipt_handle: message.receipt_handle.clone(),
        delay: delay(message, *at_least, clock),
    });
    let postponed: Vec<_> = postponed.filter(|message| !message.receipt_handle.is_empty()).collect();
    if !postponed.is_empty()
        && let Err(failure) = queues.postpone(&postponed).await
    {
        tracing::warn!(messages = postponed.len(), "messages come again after the visibility timeout only: {failure}");
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::event::QueueAttributes;

    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> OffsetDateTime {
            OffsetDateTime::UNIX_EPOCH
        }

        async fn sleep(&self, _: Duration) {}
    }

    fn seconds(id: usize, receives: u64, at_least: u64) -> u64 {
        let attributes =
            QueueAttributes { approximate_receive_count: Some(receives.to_string()), sent_timestamp: None };
        let message = QueueMessage {
            message_id: id.to_string(),
            receipt_handle: "r".to_owned(),
            body: String::new(),
            attributes,
            queue_arn: String::new(),
        };
        delay(&message, Duration::from_secs(at_least), &Fixed).as_secs()
    }

    #[test]
    fn a_message_comes_again_after_half_a_minute_to_a_minute_at_different_times() {
        let first: Vec<u64> = (0..100).map(|id| seconds(id, 1, 0)).collect();
        assert!(first.iter().all(|wait| (30..=60).contains(wait)), "{first:?}");
        assert!(first.iter().collect::<std::collections::BTreeSet<_>>().len() > 20, "{first:?}");
    }

    #[test]
    fn it_waits_longer_each_time_and_never_past_the_visibility_timeout() {
        assert!((60..=120).contains(&seconds(1, 2, 0)));
        assert!((600..=720).contains(&seconds(1, 40, 0)));
        // An outage of half an hour is survived by eight receives.
        assert!((1..8).map(|receives| seconds(1, receives, 0)).sum::<u64>() > 35 * 60);
    }

    #[test]
    fn what_waits_for_a_lease_comes_once_it_has_expired() {
        assert!((300..=310).contains(&seconds(1, 1, 300)));
    }
}
