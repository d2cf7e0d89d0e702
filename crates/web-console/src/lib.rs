//! The console: one small page over one API, served to a browser on the same machine by `pipeline serve`.
//!
//! [`Desk`] is what the page can ask and do, without a word of HTTP; [`FolderDesk`] is its member over an outbox on this
//! machine. [`serve`] puts it behind HTTP, with the page's files compiled in. The routes are described by docs/api.yaml, and a
//! test calls each of them.
//!
//! What is served is private to whoever started the program:
//! - it listens on a loopback address, and answers only requests that name one in `Host` (no DNS rebinding);
//! - it answers only with the token of the URL that it prints, which the page trades for a cookie, so that it stands in no
//!   `Referer` and no history;
//! - a request that changes something has to come from the page itself (`Origin`, `Sec-Fetch-Site`);
//! - results are files of strangers: none is run as a document of this origin (sandboxed, and HTML and SVG only to download);
//! - nothing outside the inbox and the outbox is read, through links neither.

#![warn(missing_docs)]

mod api;
mod desk;
mod files;
mod folder;
mod forms;
mod guard;
mod page;
mod server;
mod summary;
mod transfer;
mod watch;

pub use desk::{Count, Desk, Detail, Filter, Listed, Listing};
pub use folder::FolderDesk;
pub use server::{Server, serve};
pub use summary::{Failures, OfKind, Spent, Summary, Turnaround};
pub use watch::Watch;
