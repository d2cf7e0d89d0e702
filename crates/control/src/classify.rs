//! LAMBDA_CLASSIFY: tells what an upload is and asks for its work.

pub mod environment;
pub mod handler;
pub mod settings;
pub mod sweep;
