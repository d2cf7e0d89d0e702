//! What the three Lambdas and the operator's CLI share: the tables' records with their transitions, and narrow ports to
//! the services that they use.

pub mod aws;
pub mod environment;
pub mod event;
pub mod identity;
pub mod input_record;
pub mod lambda;
pub mod metrics;
pub mod moment;
pub mod notice;
pub mod operator;
pub mod output_record;
pub mod ports;
pub mod table;
pub mod work_list;

pub use input_record::{InputRecord, Latest, State};
pub use output_record::OutputRecord;
