//! The handlers over a world, each with settings that a test may change.

use std::time::Duration;

use catalog::{PerKind, Rules};
use control::classify::handler::Classifier;
use control::dispatch::handler::Dispatcher;
use control::dispatch::packing::Packing;
use control::dispatch::resources::Compute;
use control::output::budget::Budget;
use control::output::handler::Recorder;
use control::share::Shares;

use crate::World;

impl World {
    /// Classify for the uploads of the bucket `in`.
    pub fn classifier(&self) -> Classifier<Self> {
        Classifier {
            objects: self.clone(),
            records: self.table("input"),
            queues: self.clone(),
            notices: self.clone(),
            clock: self.clone(),
            settings: control::classify::settings::Settings {
                bucket: "in".to_owned(),
                queues: queues(""),
                fast_queues: PerKind::default(),
                fast_most: Duration::ZERO,
                rules: Rules::default(),
                record_days: 30,
                walk_pages: 10,
                shares: Shares::default(),
            },
        }
    }

    /// Dispatch for the queues of the kinds, which are called like them; lists are in the bucket `work`.
    pub fn dispatcher(&self) -> Dispatcher<Self> {
        Dispatcher {
            objects: self.clone(),
            records: self.table("input"),
            queues: self.clone(),
            notices: self.clone(),
            executor: self.clone(),
            clock: self.clone(),
            settings: control::dispatch::settings::Settings {
                queues: queues(""),
                dead_letter_queues: queues("-dlq"),
                job_queues: PerKind::from_fn(|kind| format!("queue-{kind}")),
                on_demand_queues: PerKind::default(),
                job_definitions: PerKind::from_fn(|kind| kind.job_name().to_owned()),
                small_disk_definitions: PerKind::default(),
                compute: Compute::Fargate,
                work_bucket: "work".to_owned(),
                packing: Packing {
                    below_bytes: 32 << 20,
                    bytes: 256 << 20,
                    count: 40,
                    seconds: 60,
                    bounds: PerKind::default(),
                },
                has_shares: false,
                give_up_receives: 1000,
                lease_seconds: 300,
                record_days: 30,
            },
        }
    }

    /// Output for the results of the bucket `out`.
    pub fn recorder(&self) -> Recorder<Self> {
        Recorder {
            objects: self.clone(),
            inputs: self.table("input"),
            outputs: self.table("output"),
            queues: self.clone(),
            notices: self.clone(),
            executor: self.clone(),
            clock: self.clone(),
            settings: control::output::settings::Settings {
                bucket: "out".to_owned(),
                work_bucket: "work".to_owned(),
                on_demand: PerKind::default(),
                budget: Budget::default(),
                tells_ends: false,
                uploads: None,
                delivery: None,
                record_days: 30,
                metrics_namespace: "DataPipeline".to_owned(),
            },
        }
    }
}

/// URLs of the kinds' queues.
fn queues(ending: &str) -> PerKind<String> {
    PerKind::from_fn(|kind| format!("https://sqs/1/{kind}{ending}"))
}
