//! What is configured for output.

use contract::Failure;

use crate::delivery::Delivery;
use crate::environment::Environment;

/// What is configured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The bucket of the outputs; empty if they are files of a folder.
    pub bucket: String,
    /// The bucket of the lists of packed jobs.
    pub work_bucket: String,
    /// Whether the end of an upload is told on EventBridge.
    pub tells_ends: bool,
    /// The bucket of the uploads, if what was made from an upload is deleted with it.
    pub uploads: Option<String>,
    /// The distribution over the outputs.
    pub delivery: Option<Delivery>,
    /// Days after which a record may expire.
    pub record_days: u64,
    /// The namespace of the metrics.
    pub metrics_namespace: String,
}

impl Settings {
    /// Whether all is on one machine: what a job publishes comes before the word of who runs it, and nobody reads metrics
    /// from standard output.
    pub fn is_local(&self) -> bool {
        self.bucket.is_empty()
    }

    /// Reads them from the environment.
    pub fn read(environment: &Environment) -> Result<Self, Failure> {
        Ok(Self {
            bucket: environment.get("S3_OUTPUT").to_owned(),
            work_bucket: environment.get("S3_WORK").to_owned(),
            tells_ends: environment.get_optional("EVENT_BUS").is_some(),
            uploads: environment.get_optional("DELETIONS_OF").map(str::to_owned),
            delivery: Delivery::read(environment),
            record_days: environment.number("RECORD_DAYS")?,
            metrics_namespace: environment.get("METRICS_NAMESPACE").to_owned(),
        })
    }
}
