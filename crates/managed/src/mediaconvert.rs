//! AWS Elemental MediaConvert: starts a job or finds one that an earlier try has started, and says how far it is.
//!
//! A start is made once: the token keeps a repeated request from starting a second job within a minute, which is as long as
//! the service keeps it, and a try of another process finds the job by the claim in its metadata. Billed when it is complete,
//! by the minute of each output.

use std::fmt::Write as _;
use std::time::SystemTime;

use contract::{Failure, FailureKind, ManagedUnits};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::asked::Asked;

pub(crate) const MEDIACONVERT: Api =
    Api { name: "mediaconvert", variable: "MEDIACONVERT", target: "", version: "2017-08-29", per_second: 1.0 };

/// Seconds after its start for which a job's results are taken for whole: what nobody takes, the bucket's lifecycle rule deletes after
/// two weeks, file by file.
const KEPT: u64 = 7 * 86_400;

/// Pages of 20 jobs, the newest first, among which an earlier start is looked for.
const PAGES: usize = 10;

/// A job to be done.
#[derive(Debug)]
pub struct MediaConvertRequest {
    /// The same for every try of the same work, and for no other work.
    pub claim: String,
    /// ARN of the role by which MediaConvert reads and writes.
    pub role: String,
    /// Name or ARN of the queue; none for the account's default.
    pub queue: Option<String>,
    /// The job's `settings`.
    pub settings: Value,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq)]
pub enum MediaConvertState {
    /// Waiting or at work: the share that is done, 0 to 1.
    UnderWay(f64),
    /// Its outputs are there.
    Complete(MediaConvertDone),
}

/// A job that is complete.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaConvertDone {
    /// Its outputs in the order of the settings.
    pub outputs: Vec<MediaConvertOutput>,
    billed_seconds: u64,
    version: Option<String>,
}

/// What is known of an output.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaConvertOutput {
    /// Pixels; none of an output without a picture.
    pub size: Option<(u32, u32)>,
    /// Seconds.
    pub duration: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    job: Job,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Jobs {
    #[serde(default)]
    jobs: Vec<Job>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Job {
    id: String,
    status: String,
    #[serde(default)]
    created_at: f64,
    #[serde(default)]
    user_metadata: serde_json::Map<String, Value>,
    #[serde(default)]
    #[serde(rename = "jobPercentComplete")]
    percent_complete: Option<f64>,
    #[serde(default)]
    error_code: Option<u32>,
    #[serde(default)]
    error_message: Option<String>,
    #[serde(default)]
    output_group_details: Vec<OutputGroup>,
    #[serde(default)]
    #[serde(rename = "jobEngineVersionUsed")]
    engine_version_used: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutputGroup {
    #[serde(default)]
    output_details: Vec<Output>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    #[serde(default)]
    duration_in_ms: u64,
    video_details: Option<VideoDetails>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VideoDetails {
    #[serde(default)]
    width_in_px: u32,
    #[serde(default)]
    height_in_px: u32,
}

impl Asked {
    /// Starts a job; its id.
    pub async fn start_media_convert(&self, request: &MediaConvertRequest) -> Result<String, Failure> {
        let token = getrandom::u64()
            .map_or_else(|_| request.claim.clone(), |number| format!("{}-{number:016x}", request.claim));
        let mut body = json!({
            "clientRequestToken": token,
            "role": request.role,
            "settings": request.settings,
            "userMetadata": { "claim": request.claim },
            "statusUpdateInterval": "SECONDS_60",
        });
        if let Some(queue) = &request.queue {
            body["queue"] = queue.as_str().into();
        }
        let answer: Answer =
            self.client.rest(&MEDIACONVERT, "CreateJob", "POST", "/2017-08-29/jobs", Some(&body)).await?;
        Ok(answer.job.id)
    }

    /// The job that an earlier try has started for the same work, unless it has failed or is old.
    pub async fn find_media_convert(&self, claim: &str) -> Result<Option<String>, Failure> {
        let mut token: Option<String> = None;
        for _ in 0..PAGES {
            let next = token.map(|token| format!("&nextToken={}", escaped(&token))).unwrap_or_default();
            let path = format!("/2017-08-29/jobs?maxResults=20&order=DESCENDING{next}");
            let answer: Jobs = self.client.rest(&MEDIACONVERT, "ListJobs", "GET", &path, None).await?;
            let is_ours = |job: &&Job| job.user_metadata.get("claim").and_then(Value::as_str) == Some(claim);
            if let Some(job) = answer.jobs.iter().find(is_ours) {
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
                let is_usable =
                    !matches!(job.status.as_str(), "ERROR" | "CANCELED") && job.created_at as u64 + KEPT > now;
                return Ok(is_usable.then(|| job.id.clone()));
            }
            token = answer.next_token;
            if token.is_none() {
                break;
            }
        }
        Ok(None)
    }

    /// How far a job is.
    pub async fn media_convert_state(&self, id: &str) -> Result<MediaConvertState, Failure> {
        let path = format!("/2017-08-29/jobs/{}", escaped(id));
        let Answer { job } = self.client.rest(&MEDIACONVERT, "GetJob", "GET", &path, None).await?;
        match job.status.as_str() {
            "COMPLETE" => {
                let billed_seconds = billed_seconds(&job);
                let outputs = job.output_group_details.into_iter().flat_map(|group| group.output_details);
                Ok(MediaConvertState::Complete(MediaConvertDone {
                    outputs: outputs.map(output).collect(),
                    billed_seconds,
                    version: job.engine_version_used,
                }))
            }
            "ERROR" => Err(failed(&job)),
            "CANCELED" => {
                Err(Failure::temporary(format!("the MediaConvert job {id} was cancelled; send the request again")))
            }
            _ => Ok(MediaConvertState::UnderWay(job.percent_complete.unwrap_or_default() / 100.0)),
        }
    }
}

impl Asked {
    /// Puts a job on the bill whose results are taken.
    pub fn media_convert_taken(&self, done: &MediaConvertDone) {
        let units = ManagedUnits { mediaconvert_seconds: done.billed_seconds, ..ManagedUnits::default() };
        self.billed(&MEDIACONVERT, "CreateJob", done.version.clone(), units);
    }
}

fn output(output: Output) -> MediaConvertOutput {
    MediaConvertOutput {
        size: output.video_details.map(|details| (details.width_in_px, details.height_in_px)),
        duration: output.duration_in_ms as f64 / 1000.0,
    }
}

/// Seconds as the basic tier counts them: once in standard definition, twice in high, four times above. Audio alone, and what the
/// professional tier is dearer by, are left to the bill of AWS.
fn billed_seconds(job: &Job) -> u64 {
    let outputs = job.output_group_details.iter().flat_map(|group| &group.output_details);
    let seconds = |output: &Output| {
        let times = match output.video_details.as_ref()?.width_in_px.max(output.video_details.as_ref()?.height_in_px) {
            ..1280 => 1.0,
            1280..=1920 => 2.0,
            _ => 4.0,
        };
        Some(output.duration_in_ms as f64 / 1000.0 * times)
    };
    outputs.filter_map(seconds).sum::<f64>().ceil() as u64
}

/// What an error code means: "Error codes" of the MediaConvert user guide. Jobs that end so are not paid for.
fn failed(job: &Job) -> Failure {
    let code = job.error_code.unwrap_or_default();
    let kind = match code {
        1401 | 3400 | 3401 | 3403 => FailureKind::InvalidRequest,
        1404 => FailureKind::InputNotFound,
        1010..=1399 | 1432..=1999 => FailureKind::InvalidInput,
        3408 | 3450..=3999 => FailureKind::Temporary,
        _ => FailureKind::Internal,
    };
    let message = job.error_message.as_deref().unwrap_or("no reason is given");
    Failure::new(kind, format!("MediaConvert ended its job {} with error {code}: {message}", job.id))
}

fn escaped(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes().fold(String::new(), |mut all, byte| {
        if plain(&byte) {
            all.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(all, "%{byte:02X}");
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(text: &str) -> Job {
        serde_json::from_str(text).expect(text)
    }

    #[test]
    fn minutes_are_counted_by_definition_and_errors_have_their_kind() {
        let complete = job(r#"{"id": "1", "status": "COMPLETE", "outputGroupDetails": [{"outputDetails": [
                {"durationInMs": 10000, "videoDetails": {"widthInPx": 1920, "heightInPx": 1080}},
                {"durationInMs": 10000, "videoDetails": {"widthInPx": 360, "heightInPx": 640}},
                {"durationInMs": 10000}]}]}"#);
        assert_eq!(billed_seconds(&complete), 30);
        for (code, kind) in [
            (1010, FailureKind::InvalidInput),
            (1040, FailureKind::InvalidInput),
            (1401, FailureKind::InvalidRequest),
            (1404, FailureKind::InputNotFound),
            (1517, FailureKind::InvalidInput),
            (3403, FailureKind::InvalidRequest),
            (3450, FailureKind::Temporary),
            (9999, FailureKind::Internal),
        ] {
            let failed = failed(&job(&format!(
                r#"{{"id": "1", "status": "ERROR", "errorCode": {code}, "errorMessage": "so"}}"#
            )));
            assert_eq!(failed.kind(), kind, "{code}");
            assert!(failed.to_string().contains(&code.to_string()), "{failed}");
        }
        assert_eq!(escaped("a/b=c~1"), "a%2Fb%3Dc~1");
    }
}
