//! Packs requests for work and submits them to AWS Batch.

pub mod environment;
pub mod handler;
pub mod packing;
pub mod resources;
pub mod settings;
