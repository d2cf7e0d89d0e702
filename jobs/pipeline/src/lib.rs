//! The operator's command line: the whole pipeline on one machine, and the operator's queries and commands over it or over the
//! system in AWS. The pipeline itself is `control-local`: the same handlers as in AWS, over folders, SQLite and a pool of
//! workers.

mod cli;
mod operate;
mod place;
mod progress;
mod render;
mod rules;
mod run;
mod samples;
mod serve;
mod status;
mod summary;
mod table;
mod url;

pub use cli::{command, main};
