//! What the end-to-end tests stand on: a real AWS API on this machine, a proxy that makes faults in front of it, and
//! the workspace's binaries.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let aws = e2e::Aws::shared();                       // one moto server for the test process
//! let bucket = aws.bucket().await;                    // buckets, topics and queues have names of their own, so that
//! let inbox = aws.topic_with_queue().await;           // tests may run side by side
//! aws.put(&bucket, "photo.jpg", b"...").await;
//! let output = e2e::command("image-job")              // built once, cleared environment, pointed at the server
//!     .envs(aws.environment())
//!     .args(["resize", &format!("s3://{bucket}/photo.jpg")])
//!     .output()?;
//! let events = inbox.receive(1).await;
//! # Ok(()) }
//! ```

mod aws;
mod batch;
mod binaries;
mod browser;
pub mod containers;
pub mod emulator;
mod engines;
pub mod flow;
mod infrastructure;
mod inventory;
mod lambda;
mod lambda_box;
mod moto;
pub mod operator;
pub mod policy;
mod proxy;
pub mod python;
mod system;
pub mod terraform;
mod tools;

pub use aws::{Aws, TopicQueue, unique};
pub use batch::{CarriedOut, Kill};
pub(crate) use binaries::programs_folder;
pub use binaries::{binary, command, target_folder};
pub use browser::Browser;
pub use engines::Engines;
pub use infrastructure::{Buckets, Environments, Infrastructure, Rules, Tables, Topics, Variables};
pub use inventory::Inventory;
pub use lambda::{Lambda, Place};
pub use proxy::{Fault, Proxy, Request, Rule};
pub use system::System;
