//! Transcoding by AWS Elemental MediaConvert: start, wait, take what it wrote.
//!
//! The program waits in a small container, which costs some hundredths of what the transcode does. A try that ends meanwhile (Spot, a
//! crash) leaves the job at work: the next one finds it by the claim in its metadata and waits on, or takes what it has written, which
//! stays for a while. MediaConvert writes below a folder of the bucket of work that belongs to the claim; a job that fails leaves
//! nothing under a final key.
//!
//! | variable | what |
//! | --- | --- |
//! | `MEDIACONVERT_ROLE` | ARN of the role by which MediaConvert reads the input and writes below the staging folder |
//! | `ENGINE_STAGING` | that folder, `s3://WORK/engine` |
//! | `MEDIACONVERT_QUEUE` | name or ARN of a queue; absent, the account's default |

use std::time::Duration;

use catalog::Engine as EngineName;
use catalog::operations::Transcode;
use contract::{Failure, Location, Properties};
use futures::future::BoxFuture;
use managed::{
    MediaConvertDone, MediaConvertOutput, MediaConvertRequest, MediaConvertState, Staging, media_convert_settings,
    merged,
};
use operation::{OutputDescription, Progress};
use sandbox::{Completed, Limits, WorkerReport};
use serde_json::{Value, json};

use crate::engine::{Engine, EngineTask, HandOver};

/// Between two questions how far the job is: the first, what each further one is longer by, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const GROWTH: f64 = 1.5;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Bytes of a template of settings.
const MOST_SETTINGS: u64 = 512 << 10;

/// AWS Elemental MediaConvert.
pub struct MediaConvert;

impl Engine for MediaConvert {
    fn name(&self) -> EngineName {
        EngineName::MediaConvert
    }

    fn carry_out(&self, task: EngineTask) -> BoxFuture<'static, WorkerReport> {
        Box::pin(async move {
            let limits = task.limits.clone();
            let ended = tokio::time::timeout(limits.wall, transcode(task)).await;
            let result = ended.unwrap_or_else(|_| Err(too_long(&limits)));
            let (peak_memory, needs_memory, cpu, sandbox) = Default::default();
            WorkerReport { result, peak_memory, needs_memory, cpu, sandbox }
        })
    }
}

fn too_long(limits: &Limits) -> Failure {
    let seconds = limits.wall.as_secs();
    Failure::internal(format!(
        "MediaConvert took longer than the limit of {seconds} seconds; raise it with --time-limit"
    ))
}

async fn transcode(task: EngineTask) -> Result<Completed, Failure> {
    let EngineTask { operation, scratch, progress, hand_over, .. } = task;
    let hand_over = hand_over.ok_or_else(|| Failure::internal("the engine was not given what it hands over"))?;
    let options = operation
        .options::<Transcode>()
        .ok_or_else(|| Failure::internal(format!("MediaConvert does not {}", operation.name())))?;
    let source = &hand_over.source;
    let Some(bucket) = source.location.bucket() else {
        return Err(Failure::invalid_request(format!(
            "engine=mediaconvert reads its input from S3, and {} is a local file; upload it, or take engine=native",
            source.location
        )));
    };
    let input = format!("s3://{bucket}/{}", source.location.key());
    let role = needed("MEDIACONVERT_ROLE", "the ARN of the role by which MediaConvert reads and writes")?;
    let folder: Location =
        needed("ENGINE_STAGING", "the folder that it writes to, such as s3://work/engine")?.parse()?;
    let staging = Staging::new(hand_over.aws.clone(), folder.join(&hand_over.claim))?;
    let mut settings = media_convert_settings(options, &input, &staging.url());
    if let Some(template) = &options.mediaconvert_settings {
        settings = merged(settings, template_of(&hand_over, template).await?);
    }
    let request =
        MediaConvertRequest { claim: hand_over.claim.clone(), role, queue: variable("MEDIACONVERT_QUEUE"), settings };
    let done = complete(&hand_over, &request, &staging, &progress).await?;
    let outputs = &done.outputs;
    // It reads what is there, and not a version.
    let now = hand_over.store.head(&source.location).await?;
    if now.etag != source.etag {
        return Err(Failure::input_not_found(format!(
            "{input} was overwritten while it was read; send the request again"
        )));
    }
    let names = staging.names().await?;
    if names.is_empty() {
        return Err(Failure::internal(format!("MediaConvert reports success and wrote nothing to {}", staging.url())));
    }
    let mut described = Vec::new();
    for name in &names {
        let path = scratch.join(name);
        fs_err::create_dir_all(path.parent().unwrap_or(&scratch))?;
        let version = hand_over.store.head(&staging.file(name)).await?;
        hand_over.store.fetch(&version, fs_err::File::create(&path)?.file(), &Progress::silent()).await?;
        described.push(OutputDescription {
            name: name.clone(),
            content_type: media_type(name).to_owned(),
            properties: if names.len() == 1 { facts(outputs.first()) } else { Properties::new() },
        });
    }
    hand_over.asked.media_convert_taken(&done);
    Ok(Completed { outputs: described, properties: properties(options, outputs), versions: Vec::new() })
}

/// Waits until the job is complete, having started it unless an earlier try has.
async fn complete(
    hand_over: &HandOver,
    request: &MediaConvertRequest,
    staging: &Staging,
    progress: &Progress,
) -> Result<MediaConvertDone, Failure> {
    let asked = &hand_over.asked;
    let mut id = match asked.find_media_convert(&request.claim).await? {
        Some(id) => id,
        None => asked.start_media_convert(request).await?,
    };
    let mut pause = FIRST_PAUSE;
    let mut is_new = false;
    loop {
        match asked.media_convert_state(&id).await? {
            MediaConvertState::UnderWay(share) => progress.report(share),
            // Somebody has cleared the folder.
            MediaConvertState::Complete(_) if !is_new && staging.names().await?.is_empty() => {
                id = asked.start_media_convert(request).await?;
                is_new = true;
                pause = FIRST_PAUSE;
                continue;
            }
            MediaConvertState::Complete(done) => return Ok(done),
        }
        tokio::time::sleep(pause).await;
        pause = pause.mul_f64(GROWTH).min(LONGEST_PAUSE);
    }
}

async fn template_of(hand_over: &HandOver, location: &str) -> Result<Value, Failure> {
    let location: Location = location.parse()?;
    let text = hand_over.store.get_small(&location, MOST_SETTINGS).await?;
    let text = text.ok_or_else(|| Failure::invalid_request(format!("the settings {location} were not found")))?;
    let template: Value = serde_json::from_slice(&text).map_err(|error| {
        Failure::invalid_request(format!("the settings {location} are not valid JSON")).because(error)
    })?;
    // A template as the console exports it has the settings as a member.
    Ok(template.get("Settings").or_else(|| template.get("settings")).cloned().unwrap_or(template))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn needed(name: &str, what: &str) -> Result<String, Failure> {
    variable(name).ok_or_else(|| {
        Failure::invalid_request(format!(
            "engine=mediaconvert needs {name}, {what} (in Terraform: engines = {{ mediaconvert = {{}} }}); or take engine=native"
        ))
    })
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "m4s" if name.contains("audio") => "audio/mp4",
        "mp4" | "cmfv" | "m4s" => "video/mp4",
        "cmfa" | "m4a" => "audio/mp4",
        "webm" => "video/webm",
        "m3u8" => "application/vnd.apple.mpegurl",
        "mpd" => "application/dash+xml",
        "vtt" => "text/vtt",
        _ => "application/octet-stream",
    }
}

fn facts(output: Option<&MediaConvertOutput>) -> Properties {
    let Some(output) = output else { return Properties::new() };
    let mut facts = Properties::from_iter([("duration".to_owned(), json!(output.duration))]);
    if let Some((width, height)) = output.size {
        facts.insert("width".to_owned(), width.into());
        facts.insert("height".to_owned(), height.into());
    }
    facts
}

fn properties(options: &Transcode, outputs: &[MediaConvertOutput]) -> Properties {
    let largest =
        outputs.iter().max_by_key(|output| output.size.map(|(width, height)| u64::from(width) * u64::from(height)));
    let mut properties = facts(largest);
    properties.insert("engine".to_owned(), "mediaconvert".into());
    if !options.no_subtitles {
        properties.insert(
            "warnings".to_owned(),
            json!(["MediaConvert was asked for the default audio track; subtitles and other tracks are left out"]),
        );
    }
    properties
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_have_the_media_types_of_their_names() {
        for (name, expected) in [
            ("video.mp4", "video/mp4"),
            ("master.m3u8", "application/vnd.apple.mpegurl"),
            ("master_audio_00001.cmfa", "audio/mp4"),
            ("master.mpd", "application/dash+xml"),
        ] {
            assert_eq!(media_type(name), expected);
        }
    }
}
