//! What is configured for output.

use catalog::PerKind;
use contract::Failure;

use crate::delivery::Delivery;
use crate::environment::Environment;
use crate::output::budget::Budget;
use crate::output::environment::fallback_variable;

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
    /// URL of the queue of requests of each kind whose work falls back to on-demand capacity.
    pub on_demand: PerKind<Option<String>>,
    /// Bounds of the estimated spend.
    pub budget: Budget,
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
            on_demand: PerKind::from_fn(|kind| environment.get_optional(&fallback_variable(kind)).map(str::to_owned)),
            budget: Budget {
                day: dollars(environment, "BUDGET_DAY_USD")?,
                month: dollars(environment, "BUDGET_MONTH_USD")?,
            },
            metrics_namespace: environment.get("METRICS_NAMESPACE").to_owned(),
        })
    }
}

/// An amount, or none where the variable is empty.
fn dollars(environment: &Environment, name: &str) -> Result<Option<f64>, Failure> {
    let Some(text) = environment.get_optional(name) else { return Ok(None) };
    let amount = text.parse::<f64>().ok().filter(|amount| *amount > 0.0);
    amount.map(Some).ok_or_else(|| Failure::invalid_request(format!("{name}={text:?} is not an amount above 0")))
}
