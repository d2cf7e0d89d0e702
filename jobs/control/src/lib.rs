//! What the three Lambdas and the operator's CLI share: the tables' records with their transitions, and narrow ports to
//! the services that they use.

pub mod environment;
