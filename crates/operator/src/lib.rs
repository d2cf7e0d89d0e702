//! What an operator asks and does. Every function takes the control plane's ports, so that it answers for the system in AWS
//! and for one machine alike, and returns data, which a command line or a page shows as it likes.

#![warn(missing_docs)]

mod backfill;
mod command;
mod explanation;
mod query;
mod signer;

pub use backfill::{Backfill, Backfilled, backfill};
pub use command::{cancel, process_undelivered, redrive, submit};
pub use explanation::{Explanation, Place, causes, explain};
pub use query::{Selection, Upload, latest, of_job, output, upload, uploads, versions};
pub use signer::{Cookie, Signer};
