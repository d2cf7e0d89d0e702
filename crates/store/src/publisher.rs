//! Tells SNS how a job ended.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use contract::{Failure, JobEvent, Output};
use serde::Serialize;

use crate::aws::Aws;
use crate::sns;
use crate::store::Store;

/// SNS's limit on a message with its attributes, less what the attributes can take.
const MAX_MESSAGE_BYTES: usize = 256 * 1024 - 1024;

/// A longer reason for a failure is cut.
const MAX_REASON_BYTES: usize = 8 * 1024;

/// Publishes events to one topic, to a file, or to nobody where neither is configured. Cheap to clone.
#[derive(Clone)]
pub struct Publisher(Destination);

#[derive(Clone)]
enum Destination {
    Nobody,
    Topic { aws: Aws, arn: String },
    File(Arc<Mutex<fs_err::File>>),
}

impl Publisher {
    /// A publisher to the topic of that ARN (`SNS_NOTIF`), with the store's AWS configuration.
    pub async fn from_topic(store: &Store, topic: Option<&str>) -> Result<Self, Failure> {
        match topic.filter(|topic| !topic.is_empty()) {
            Some(topic) => Self::to_topic(&store.aws, topic).await,
            None => Ok(Self(Destination::Nobody)),
        }
    }

    /// A publisher to the topic of that ARN.
    pub async fn to_topic(aws: &Aws, topic: &str) -> Result<Self, Failure> {
        if !topic.starts_with("arn:") || topic.split(':').nth(2) != Some("sns") {
            return Err(Failure::invalid_request(format!(
                "{topic:?} is not the ARN of an SNS topic (arn:aws:sns:REGION:ACCOUNT:NAME); check SNS_NOTIF"
            )));
        }
        aws.sns().await?;
        Ok(Self(Destination::Topic { aws: aws.clone(), arn: topic.to_owned() }))
    }

    /// A publisher that appends each event to a file, as a line of JSON.
    pub fn to_file(path: &Path) -> Result<Self, Failure> {
        let file = fs_err::OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(Destination::File(Arc::new(Mutex::new(file)))))
    }

    /// Publishes an event; to a topic with the message attributes `kind`, `operation` and `outcome`.
    pub async fn publish(&self, event: &JobEvent) -> Result<(), Failure> {
        match &self.0 {
            Destination::Nobody => Ok(()),
            Destination::Topic { aws, arn } => sns::publish(aws, arn, message_of(event)?, &attributes_of(event)).await,
            Destination::File(file) => {
                // One write for each line: lines of a killed process are whole or not there.
                let line = json(event)? + "\n";
                file.lock().expect("no holder of this lock panics").write_all(line.as_bytes())?;
                Ok(())
            }
        }
    }
}

/// What subscriptions filter by.
fn attributes_of(event: &JobEvent) -> Vec<(&'static str, String)> {
    let attributes =
        [("kind", word(&event.kind)), ("operation", event.operation.clone()), ("outcome", word(&event.outcome))];
    attributes.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The event as JSON, with as many outputs as fit; `outputCount` still says how many there are.
fn message_of(event: &JobEvent) -> Result<String, Failure> {
    let whole = json(event)?;
    if whole.len() <= MAX_MESSAGE_BYTES {
        return Ok(whole);
    }
    let mut shorter = JobEvent { outputs: Vec::new(), ..event.clone() };
    if let Some(error) = &mut shorter.error
        && error.message.len() > MAX_REASON_BYTES
    {
        error.message.truncate(error.message.floor_char_boundary(MAX_REASON_BYTES));
        error.message.push('…');
    }
    let room = MAX_MESSAGE_BYTES.saturating_sub(json(&shorter)?.len());
    shorter.outputs = outputs_within(&event.outputs, room)?;
    json(&shorter)
}

/// The first outputs, as many as fit into so many bytes of a JSON object that has no `outputs` yet.
pub fn outputs_within(outputs: &[Output], bytes: usize) -> Result<Vec<Output>, Failure> {
    let mut left = bytes.saturating_sub(r#""outputs":[],"#.len());
    let mut within = Vec::new();
    for output in outputs {
        let size = json(output)?.len() + 1;
        if size > left {
            break;
        }
        left -= size;
        within.push(output.clone());
    }
    Ok(within)
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::internal("an event").because(error))
}

/// The word that a value is in JSON; nothing for one that is absent.
fn word(value: &impl Serialize) -> Option<String> {
    serde_json::to_value(value).ok()?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::{FailureKind, JobError, Outcome, Source};

    fn event(outputs: usize, reason: usize) -> JobEvent {
        let output = |number| Output {
            key: format!("ä/{}/{number}.jpg", "k".repeat(900)),
            size: 1,
            sha256: "0".repeat(64),
            content_type: "image/jpeg".into(),
            ..Output::default()
        };
        let source = Source { bucket: None, key: "a".into(), version_id: None, etag: None, size: 1 };
        JobEvent {
            error: (reason > 0).then(|| JobError { kind: FailureKind::Internal, message: "ä".repeat(reason) }),
            outputs: (0..outputs).map(output).collect(),
            output_count: outputs as u64,
            ..JobEvent::new("1".into(), source, Outcome::Failed)
        }
    }

    #[test]
    fn an_event_that_fits_is_sent_whole() {
        let event = event(100, 10);
        assert_eq!(serde_json::from_str::<JobEvent>(&message_of(&event).unwrap()).unwrap(), event);
    }

    #[test]
    fn outputs_that_do_not_fit_are_left_out_and_still_counted() {
        for (outputs, reason) in [(1000, 0), (1, 500_000), (1000, 500_000)] {
            let message = message_of(&event(outputs, reason)).unwrap();
            assert!(message.len() <= MAX_MESSAGE_BYTES && message.len() > 8_000, "{}", message.len());
            let sent: JobEvent = serde_json::from_str(&message).unwrap();
            assert_eq!(sent.output_count, outputs as u64);
            assert!(!sent.outputs.is_empty() && sent.outputs.len() <= outputs);
        }
    }
}
