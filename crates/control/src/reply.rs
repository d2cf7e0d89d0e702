//! The answer to a queue's trigger.

use std::time::Duration;

use contract::Failure;
use serde_json::{Value, json};

use crate::event::QueueMessage;
use crate::ports::{Clock, Queues};
use crate::redelivery;

/// The answer to a queue's trigger: the messages that come again.
pub fn failed_messages<'a>(messages: impl IntoIterator<Item = &'a str>) -> Value {
    let failures: Vec<Value> = messages.into_iter().map(|id| json!({"itemIdentifier": id})).collect();
    json!({"batchItemFailures": failures})
}

/// Handles each message of a queue on its own, and answers those that failed. They come again soon.
pub async fn each_message<F: Future<Output = Result<(), Failure>>>(
    queues: &impl Queues,
    clock: &impl Clock,
    messages: &[QueueMessage],
    handle: impl Fn(String) -> F,
) -> Value {
    let results = futures::future::join_all(messages.iter().map(|message| handle(message.body.clone()))).await;
    let mut failed = Vec::new();
    for (message, result) in messages.iter().zip(results) {
        if let Err(failure) = result {
            tracing::warn!(message = message.message_id, receives = message.receive_count(), "{failure}");
            failed.push((message, Duration::ZERO));
        }
    }
    redelivery::postpone(queues, clock, &failed).await;
    failed_messages(failed.iter().map(|(message, _)| message.message_id.as_str()))
}
