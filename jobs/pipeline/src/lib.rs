//! The whole pipeline on one machine, on embedded parts: a folder in the place of S3_INPUT, another in that of S3_OUTPUT,
//! SQLite in that of the two tables, JSON lines in that of SNS_NOTIF, a bounded pool of workers in that of Batch. What
//! decides (classify) and what works (the jobs) is the same code as on AWS.

mod aws;
mod cli;
mod inbox;
mod progress;
mod rules;
mod run;
mod samples;
mod state;
mod status;
mod table;

pub use cli::{command, main};
