//! One line of CloudWatch Embedded Metric Format for each operation that ended: CloudWatch Logs makes metrics of it, so
//! that no API call is needed.

use serde_json::{Value, json};

use crate::event::{JobEvent, Outcome};

/// The line, for standard output. `timestamp` in milliseconds since 1970; `memory_limit`, what the operation might use, in bytes.
pub fn embedded_metrics(namespace: &str, event: &JobEvent, memory_limit: u64, timestamp: u64) -> Value {
    let metric = |name: &str, unit: &str| json!({ "Name": name, "Unit": unit });
    json!({
        "_aws": {
            "Timestamp": timestamp,
            "CloudWatchMetrics": [{
                "Namespace": namespace,
                "Dimensions": [["kind", "operation", "outcome"], ["kind", "outcome"]],
                "Metrics": [
                    metric("processDuration", "Milliseconds"),
                    metric("fetchDuration", "Milliseconds"),
                    metric("operationDuration", "Milliseconds"),
                    metric("storeDuration", "Milliseconds"),
                    metric("bytesRead", "Bytes"),
                    metric("bytesWritten", "Bytes"),
                    metric("peakMemory", "Bytes"),
                    metric("peakMemoryShare", "Percent"),
                    metric("jobs", "Count"),
                ],
            }],
        },
        "kind": event.kind,
        "operation": event.operation,
        "outcome": event.outcome,
        "errorKind": event.error.as_ref().map(|error| error.kind),
        "jobId": event.job_id,
        "key": event.source.key,
        "processDuration": event.process_duration.total,
        "fetchDuration": event.process_duration.fetch,
        "operationDuration": event.process_duration.process,
        "storeDuration": event.process_duration.store,
        "bytesRead": event.bytes_read,
        "bytesWritten": if event.outcome == Outcome::Succeeded { event.outputs.iter().map(|output| output.size).sum() } else { 0 },
        "peakMemory": event.peak_memory,
        "peakMemoryShare": 100.0 * event.peak_memory as f64 / memory_limit.max(1) as f64,
        "jobs": 1,
    })
}
