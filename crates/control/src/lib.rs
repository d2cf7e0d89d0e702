//! The control plane: the tables' records with their transitions, and the handlers of classify, dispatch and output over
//! narrow ports. No AWS SDK: `control-aws` has the ports' AWS side.

pub mod by_state;
pub mod classify;
pub mod delivery;
pub mod dispatch;
pub mod environment;
pub mod event;
pub mod identity;
pub mod input_record;
pub mod notice;
pub mod output;
pub mod output_record;
pub mod ports;
pub mod redelivery;
pub mod reply;
pub mod share;
pub mod table;

pub use input_record::{InputRecord, Latest, State};
pub use output_record::OutputRecord;
