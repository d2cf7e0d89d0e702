//! Metrics in CloudWatch's embedded metric format: a line of JSON on standard output, which costs no request.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

/// The namespace of metrics where nobody says another one. Each installation has its own.
pub const NAMESPACE: &str = "DataPipeline";

/// A metric's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Milliseconds,
    /// A number of things.
    Count,
    /// Bytes.
    Bytes,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => "Milliseconds",
            Self::Count => "Count",
            Self::Bytes => "Bytes",
        }
    }
}

/// One line of metrics with their dimensions.
pub fn line(
    namespace: &str,
    now: OffsetDateTime,
    dimensions: &[(&str, &str)],
    metrics: &[(&str, Unit, f64)],
) -> String {
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let described: Vec<Value> =
        metrics.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit.name()})).collect();
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": (now.unix_timestamp_nanos() / 1_000_000) as i64,
            "CloudWatchMetrics": [{"Namespace": namespace, "Dimensions": [names], "Metrics": described}],
        }),
    );
    line.extend(dimensions.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
    line.extend(metrics.iter().map(|(name, _, value)| ((*name).to_owned(), Value::from(*value))));
    Value::Object(line).to_string()
}

/// Writes a line of metrics where CloudWatch reads them.
#[expect(clippy::print_stdout, reason = "standard output is where Lambda takes logs and metrics from")]
pub fn emit(namespace: &str, now: OffsetDateTime, dimensions: &[(&str, &str)], metrics: &[(&str, Unit, f64)]) {
    if metrics.is_empty() {
        return;
    }
    println!("{}", line(namespace, now, dimensions, metrics));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_documented_shape() {
        let line = line(
            "DataPipeline/media",
            OffsetDateTime::UNIX_EPOCH,
            &[("Kind", "image")],
            &[("Turnaround", Unit::Milliseconds, 12.0)],
        );
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["_aws"]["CloudWatchMetrics"][0]["Namespace"], "DataPipeline/media");
        assert_eq!(value["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Kind"]]));
        assert_eq!(value["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Unit"], "Milliseconds");
        assert_eq!((&value["Kind"], &value["Turnaround"]), (&json!("image"), &json!(12.0)));
    }
}
