//! Packs requests for work and submits them to AWS Batch.

pub mod environment;
