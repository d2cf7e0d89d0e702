//! LAMBDA_OUTPUT: records what came out, in whatever order the news arrive.

pub mod environment;
