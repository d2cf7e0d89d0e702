//! The control plane's ports on one machine: a folder in the place of S3_INPUT, another in that of S3_OUTPUT, SQLite in that
//! of the tables and the queues, lines of JSON in that of SNS_NOTIF, a pool of workers in that of AWS Batch. The handlers of
//! classify, dispatch and output are those of AWS; [`System`] brings them the events.

#![warn(missing_docs)]

mod clock;
mod database;
mod inbox;
mod notices;
mod objects;
mod observer;
mod outbox;
mod pool;
mod queues;
mod records;
mod system;
mod table;
mod versions;

pub use clock::SystemClock;
pub use database::Database;
pub use inbox::{Inbox, InboxFile, SIDECAR_ENDING};
pub use notices::FileNotices;
pub use objects::{FolderObjects, WORK};
pub use observer::Observer;
pub use outbox::{EVENTS, Outbox, records_of};
pub use pool::WorkerPool;
pub use queues::SqliteQueues;
pub use records::{NewestUploads, Records};
pub use system::{
    Configuration, Local, System, classify_settings, dead_letter_queue_names, output_settings, queue_names,
};
pub use table::{INPUTS, Layout, OUTPUTS, SqliteTable};
