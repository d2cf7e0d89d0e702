//! The bus of EventBridge that is told of ends of uploads.

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use contract::{Failure, UploadEnded};
use serde::Serialize;
use store::{Purpose, failure_of, outputs_within};

/// What consumers' rules match by.
const DETAIL_TYPE: &str = "Upload Ended";

/// EventBridge's limit on an entry is 256 KiB with its source, type and time (EventBridge User Guide, "Calculating `PutEvents` event
/// entry size").
const MAX_DETAIL_BYTES: usize = 256 * 1024 - 2048;

/// A longer reason is cut.
const MAX_REASON_BYTES: usize = 8 * 1024;

/// A bus of EventBridge.
#[derive(Debug, Clone)]
pub struct EventBus {
    /// The client.
    pub client: aws_sdk_eventbridge::Client,
    /// Its name or ARN.
    pub name: String,
    /// The source of the events.
    pub source: String,
}

impl EventBus {
    /// Puts an event on the bus. The bus has it when this returns.
    pub async fn put(&self, ended: &UploadEnded) -> Result<(), Failure> {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(&self.source)
            .detail_type(DETAIL_TYPE)
            .detail(detail_of(ended)?)
            .build();
        let answer = self.client.put_events().entries(entry).send().await;
        let answer = answer.map_err(|error| failure_of(error, Purpose::Call, &self.name, "events:PutEvents"))?;
        // The request may be answered well and its entry refused: throttled, or an internal failure.
        let refused = answer.entries.unwrap_or_default().into_iter().find(|entry| entry.error_code.is_some());
        match refused {
            None if answer.failed_entry_count == 0 => Ok(()),
            refused => {
                let refused =
                    refused.unwrap_or_else(|| aws_sdk_eventbridge::types::PutEventsResultEntry::builder().build());
                let (code, why) = (refused.error_code.unwrap_or_default(), refused.error_message.unwrap_or_default());
                Err(Failure::temporary(format!("failed to put an event on {}: {code} {why}", self.name)))
            }
        }
    }
}

/// The event as JSON, with as many outputs as fit; `outputCount` still says how many there are.
fn detail_of(ended: &UploadEnded) -> Result<String, Failure> {
    let whole = json(ended)?;
    if whole.len() <= MAX_DETAIL_BYTES {
        return Ok(whole);
    }
    let mut shorter = UploadEnded { outputs: Vec::new(), ..ended.clone() };
    if let Some(reason) = shorter.reason.as_mut().filter(|reason| reason.len() > MAX_REASON_BYTES) {
        reason.truncate(reason.floor_char_boundary(MAX_REASON_BYTES));
        reason.push('…');
    }
    let room = MAX_DETAIL_BYTES.saturating_sub(json(&shorter)?.len());
    shorter.outputs = outputs_within(&ended.outputs, room)?;
    json(&shorter)
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::internal("failed to write an event").because(error))
}

#[cfg(test)]
mod tests {
    use contract::{Outcome, Output, Source};

    use super::*;

    #[test]
    fn an_event_of_many_outputs_fits_and_says_how_many_there_are() {
        let output = |number| Output {
            key: format!("ä/{}/{number}.jpg", "k".repeat(900)),
            size: 1,
            sha256: "0".repeat(64),
            content_type: "image/jpeg".to_owned(),
            ..Output::default()
        };
        let ended = UploadEnded {
            schema_version: 1,
            id: "1/0/FAILED".to_owned(),
            state: Outcome::Failed,
            job_id: "1".to_owned(),
            source: Source { bucket: None, key: "a".into(), version_id: None, etag: None, size: 1 },
            kind: None,
            format: None,
            processing_option: None,
            reason: Some("ä".repeat(300_000)),
            error_kind: None,
            operations: Vec::new(),
            output_bucket: None,
            outputs: (0..1000).map(output).collect(),
            output_count: 1000,
            usage: None,
            uploaded_at: None,
            ended_at: None,
            durations: std::collections::BTreeMap::new(),
        };
        let detail = detail_of(&ended).unwrap();
        assert!(detail.len() <= MAX_DETAIL_BYTES, "{}", detail.len());
        let read: UploadEnded = serde_json::from_str(&detail).unwrap();
        assert_eq!(read.output_count, 1000);
        assert!((200..1000).contains(&read.outputs.len()), "{}", read.outputs.len());
        let small = UploadEnded { outputs: Vec::new(), reason: None, ..ended };
        assert_eq!(serde_json::from_str::<UploadEnded>(&detail_of(&small).unwrap()).unwrap(), small);
    }
}
