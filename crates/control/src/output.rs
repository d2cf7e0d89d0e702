//! LAMBDA_OUTPUT: records what came out, in whatever order the news arrive.

pub mod batch_reason;
pub mod budget;
pub mod cancel;
pub mod deletion;
pub mod ended;
pub mod environment;
pub mod fallback;
pub mod handler;
mod leftovers;
pub mod reconcile;
pub mod settings;
