//! What the main functions of the Lambdas share: logging, clients, the answer to a queue's trigger.

use job::Failure;
pub use lambda_runtime::Error;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

use crate::event::QueueMessage;

/// Logs as JSON lines to standard output. `RUST_LOG` says how much.
pub fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        tracing_subscriber::EnvFilter::new("warn,classify_lambda=info,dispatch_lambda=info,output_lambda=info")
    });
    tracing_subscriber::fmt().json().with_env_filter(filter).with_ansi(false).with_current_span(false).init();
}

/// Serves invocations until the environment ends. A failure is the invocation's error, so that it is tried again.
pub async fn run<'a, H, F>(handler: &'a H, handle: impl Fn(&'a H, Value) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<Value, Failure>> + 'a,
{
    let serve = |event: LambdaEvent<Value>| {
        let handled = handle(handler, event.payload);
        async move {
            let result = handled.await;
            if let Err(failure) = &result {
                tracing::error!(kind = ?failure.kind(), "{failure}");
            }
            result.map_err(Error::from)
        }
    };
    lambda_runtime::run(service_fn(serve)).await
}

/// The answer to a queue's trigger: the messages that come again.
pub fn failed_messages<'a>(messages: impl IntoIterator<Item = &'a str>) -> Value {
    let failures: Vec<Value> = messages.into_iter().map(|id| json!({"itemIdentifier": id})).collect();
    json!({"batchItemFailures": failures})
}

/// Handles each message of a queue on its own, and answers those that failed.
pub async fn each_message<F: Future<Output = Result<(), Failure>>>(
    messages: &[QueueMessage],
    handle: impl Fn(String) -> F,
) -> Value {
    let results = futures::future::join_all(messages.iter().map(|message| handle(message.body.clone()))).await;
    let mut failed = Vec::new();
    for (message, result) in messages.iter().zip(results) {
        if let Err(failure) = result {
            tracing::warn!(message = message.message_id, receives = message.receive_count(), "{failure}");
            failed.push(message.message_id.as_str());
        }
    }
    failed_messages(failed)
}
