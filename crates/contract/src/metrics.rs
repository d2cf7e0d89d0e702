//! Metrics in CloudWatch's embedded metric format: a line of JSON in a log, of which CloudWatch Logs makes metrics, so that no
//! API call is needed. All names are camelCase, as in every other JSON of the project.
//!
//! A metric costs by the month and by each combination of its dimensions' values. So only what an alarm or the dashboard reads is one;
//! everything else is a member of the same line, which CloudWatch Logs Insights reads.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::event::{JobEvent, Outcome};

/// The namespace of metrics unless an installation has its own.
pub const NAMESPACE: &str = "DataPipeline";

/// Each operation on each object: printed by the jobs when it ends. The line has its name and durations as well.
pub const OPERATIONS: Family = Family {
    dimensions: &[&["kind", "outcome"]],
    metrics: &[
        ("jobs", Unit::Count),
        ("bytesRead", Unit::Bytes),
        ("bytesWritten", Unit::Bytes),
        ("peakMemoryShare", Unit::Percent),
    ],
};

/// What each operation used: printed by the jobs when it ends. By kind alone: a metric costs by the month.
pub const USAGE: Family = Family {
    dimensions: &[&["kind"]],
    metrics: &[("vcpuSeconds", Unit::Seconds), ("gibSeconds", Unit::Seconds), ("estimatedCost", Unit::None)],
};

/// What the fast path did not do: printed by the jobs when they hand work on to AWS Batch. `fastRefused` counts requests that found
/// no isolation, `fastForwarded` all others.
pub const FAST: Family =
    Family { dimensions: &[&["kind"]], metrics: &[("fastRefused", Unit::Count), ("fastForwarded", Unit::Count)] };

/// Each upload: printed by LAMBDA_OUTPUT when it reaches a terminal state.
pub const UPLOADS: Family = Family { dimensions: &[&["kind", "state"]], metrics: &[("uploads", Unit::Count)] };

/// How long an upload took that has succeeded, in the same line. `turnaround` is the time from the upload to the record; the durations
/// after it are its parts.
pub const TURNAROUND: Family = Family {
    dimensions: &[&["kind", "state"]],
    metrics: &[
        ("turnaround", Unit::Milliseconds),
        ("classify", Unit::Milliseconds),
        ("queue", Unit::Milliseconds),
        ("start", Unit::Milliseconds),
        ("fetch", Unit::Milliseconds),
        ("process", Unit::Milliseconds),
        ("store", Unit::Milliseconds),
        ("record", Unit::Milliseconds),
    ],
};

/// Uploads that reached a terminal state because LAMBDA_OUTPUT asked for their jobs: the events of those were lost.
pub const SWEEPS: Family = Family { dimensions: &[&[]], metrics: &[("reconciled", Unit::Count)] };

/// What the jobs are estimated to have cost, and whether dispatch is paused: printed by LAMBDA_OUTPUT where it has bounds.
pub const BUDGET: Family = Family {
    dimensions: &[&[]],
    metrics: &[("spentToday", Unit::None), ("spentThisMonth", Unit::None), ("dispatchPaused", Unit::Count)],
};

/// A metric's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// One that CloudWatch has no name for: US dollars.
    None,
    /// A number of things.
    Count,
    /// Bytes.
    Bytes,
    /// Hundredths.
    Percent,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
            Self::None => "None",
            Self::Count => "Count",
            Self::Bytes => "Bytes",
            Self::Percent => "Percent",
        }
    }
}

/// Metrics that are printed in one line.
#[derive(Debug)]
pub struct Family {
    /// The sets of dimensions that CloudWatch keeps each metric by.
    pub dimensions: &'static [&'static [&'static str]],
    /// Every metric with its unit.
    pub metrics: &'static [(&'static str, Unit)],
}

impl Family {
    /// The line of `members`: the value of each dimension and of the metrics that are known this time; other members lead
    /// from a figure to its cause.
    pub fn line(&self, namespace: &str, now: OffsetDateTime, members: Map<String, Value>) -> Value {
        line_of(&[self], namespace, now, members)
    }

    fn directive(&self, namespace: &str, members: &Map<String, Value>) -> Value {
        let known = self.metrics.iter().filter(|(name, _)| members.contains_key(*name));
        let described: Vec<Value> = known.map(|(name, unit)| json!({"Name": name, "Unit": unit.name()})).collect();
        json!({"Namespace": namespace, "Dimensions": self.dimensions, "Metrics": described})
    }
}

/// The line of the metrics of several families, see [`Family::line`].
pub fn line_of(families: &[&Family], namespace: &str, now: OffsetDateTime, members: Map<String, Value>) -> Value {
    let directives: Vec<Value> = families.iter().map(|family| family.directive(namespace, &members)).collect();
    let timestamp = (now.unix_timestamp_nanos() / 1_000_000) as i64;
    let mut line = Map::new();
    line.insert("_aws".to_owned(), json!({"Timestamp": timestamp, "CloudWatchMetrics": directives}));
    line.extend(members);
    Value::Object(line)
}

/// The line of an operation that has ended. `memory_limit` is what the operation may use, in bytes.
pub fn of_operation(namespace: &str, now: OffsetDateTime, event: &JobEvent, memory_limit: u64) -> Value {
    let written = event.outputs.iter().map(|output| output.size).sum();
    let members = [
        ("kind", json!(event.kind)),
        ("operation", json!(event.operation)),
        ("outcome", json!(event.outcome)),
        ("errorKind", json!(event.error.as_ref().map(|error| error.kind))),
        ("jobId", json!(event.job_id)),
        ("compute", json!(event.compute)),
        ("key", json!(event.source.key)),
        ("jobs", json!(1)),
        ("processDuration", json!(event.process_duration.total)),
        ("fetchDuration", json!(event.process_duration.fetch)),
        ("operationDuration", json!(event.process_duration.process)),
        ("storeDuration", json!(event.process_duration.store)),
        ("bytesRead", json!(event.bytes_read)),
        ("bytesWritten", json!(if event.outcome == Outcome::Succeeded { written } else { 0 })),
        ("peakMemory", json!(event.peak_memory)),
        ("peakMemoryShare", json!(100.0 * event.peak_memory as f64 / memory_limit.max(1) as f64)),
    ];
    OPERATIONS.line(namespace, now, members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
}

/// The line of what an operation that has ended used; none where nothing was done.
pub fn of_usage(namespace: &str, now: OffsetDateTime, event: &JobEvent) -> Option<Value> {
    let usage = event.usage?;
    let members = [
        ("kind", json!(event.kind)),
        ("operation", json!(event.operation)),
        ("jobId", json!(event.job_id)),
        ("key", json!(event.source.key)),
        ("vcpuSeconds", json!(usage.vcpu_seconds)),
        ("gibSeconds", json!(usage.gib_seconds)),
        ("estimatedCost", json!(usage.estimated_cost.unwrap_or_default())),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), value));
    Some(USAGE.line(namespace, now, members.into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Source;

    #[test]
    fn a_line_has_the_documented_shape() {
        let members = json!({"kind": "image", "state": "SUCCEEDED", "turnaround": 12, "key": "a.jpg"});
        let value =
            TURNAROUND.line("DataPipeline/media", OffsetDateTime::UNIX_EPOCH, members.as_object().unwrap().clone());
        assert_eq!(
            value,
            json!({
                "_aws": {
                    "Timestamp": 0,
                    "CloudWatchMetrics": [{
                        "Namespace": "DataPipeline/media",
                        "Dimensions": [["kind", "state"]],
                        "Metrics": [{"Name": "turnaround", "Unit": "Milliseconds"}],
                    }],
                },
                "kind": "image",
                "state": "SUCCEEDED",
                "turnaround": 12,
                "key": "a.jpg",
            })
        );
    }

    #[test]
    fn an_operation_has_every_metric_and_dimension() {
        let source = Source { bucket: None, key: "a.jpg".to_owned(), version_id: None, etag: None, size: 1 };
        let event = JobEvent { peak_memory: 50, ..JobEvent::new("job".to_owned(), source, Outcome::Failed) };
        let line = of_operation(NAMESPACE, OffsetDateTime::UNIX_EPOCH, &event, 200);
        for (name, _) in OPERATIONS.metrics {
            assert!(line[name].is_number(), "{name}: {line}");
        }
        for name in OPERATIONS.dimensions.concat() {
            assert!(line.get(name).is_some(), "{name}: {line}");
        }
        assert_eq!(line["peakMemoryShare"], json!(25.0));
    }
}
