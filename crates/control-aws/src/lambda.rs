//! What the main functions of the Lambdas share: logging and the loop over invocations.

use contract::Failure;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

pub use lambda_runtime::Error;

/// Logs as JSON lines to standard output. `RUST_LOG` says how much.
pub fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,control=info,control_aws=info"));
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
