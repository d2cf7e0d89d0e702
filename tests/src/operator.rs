//! What an operator does with the `pipeline` program on an installation, after [`crate::flow`] has left uploads of every
//! state behind.

use std::process::Output;

use control::State;
use serde_json::{Value, json};

use crate::flow::{only_record_of, output_record, records_of};
use crate::{System, command};

/// Explains, lists, sends again and submits, each as a person would, and looks at what becomes of it.
pub async fn an_operator_finds_and_mends(system: &mut System<'_>) {
    let input = system.infrastructure.buckets.input.clone();
    let object = |key: &str| format!("s3://{input}/{key}");

    let explained = pipeline(system, &["explain", &object("killed/photo.jpg")]);
    assert!(explained.contains("needed more memory than it was given"), "{explained}");
    assert!(explained.contains("pipeline redrive"), "{explained}");
    let never = run(system, &["explain", &object("never/was.jpg")]);
    assert_eq!(never.status.code(), Some(66), "{}", text(&never.stderr));
    assert!(text(&never.stderr).contains("has no record"), "{}", text(&never.stderr));

    let failed = pipeline(system, &["status", "--aws", "--state", "failed"]);
    assert!(failed.contains("killed/photo.jpg") && !failed.contains("spot/photo.jpg"), "{failed}");
    let one = pipeline(system, &["status", "--aws", &object("spot/photo.jpg")]);
    assert!(one.contains("SUCCEEDED") && one.contains("manifest.json"), "{one}");

    let json = pipeline(
        system,
        &["status", "--aws", "--state", "succeeded,failed,running,submitted,queued", "--output-format", "json"],
    );
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    for (key, state) in [("killed/photo.jpg", "FAILED"), ("spot/photo.jpg", "SUCCEEDED")] {
        let line = lines.iter().find(|line| line["key"] == key);
        assert_eq!(line.map(|line| &line["state"]), Some(&Value::from(state)), "{key}: {json}");
    }
    let one = pipeline(system, &["status", "--aws", &object("spot/photo.jpg"), "--output-format", "json"]);
    let one: Value = serde_json::from_str(&one).expect("one upload");
    assert!(one["outputs"].as_array().is_some_and(|outputs| outputs.len() >= 2), "{one}");
    let none = pipeline(
        system,
        &["status", "--aws", "--state", "unsupported", "--day", "2001-01-01", "--output-format", "json"],
    );
    assert_eq!(none, "");

    let listed = pipeline(system, &["redrive", "--reason", "OutOfMemory", "--dry-run"]);
    assert!(listed.contains("1 uploads would be sent"), "{listed}");
    let sent = pipeline(system, &["redrive", "--reason", "OutOfMemory"]);
    assert!(sent.contains("1 uploads are on their way again"), "{sent}");
    system.settle().await;
    let record = only_record_of(system, "killed/photo.jpg").await;
    assert_eq!((record.state, record.redriven), (State::Succeeded, 1), "{record:#?}");

    let moved = pipeline(system, &["redrive", "--state", "dead-letters", "--kind", "image"]);
    assert!(moved.contains("1 messages moved back to SQS_PICTURE"), "{moved}");
    // It is as unreadable as before, and laid aside once more.
    system.settle().await;
    let moved = pipeline(system, &["redrive", "--state", "dead-letters", "--kind", "image"]);
    assert!(moved.contains("1 messages moved back to SQS_PICTURE"), "{moved}");

    let submitted = pipeline(system, &["submit", &object("spot/photo.jpg"), "--processing-option", "resize?width=24"]);
    assert!(submitted.contains("queued as job submitted-"), "{submitted}");
    system.settle().await;
    let records = records_of(system, "spot/photo.jpg").await;
    let by_operator = records.iter().find(|record| record.option_source.as_deref() == Some("operator"));
    assert_eq!(by_operator.map(|record| record.state), Some(State::Succeeded), "{records:#?}");
    let refused = run(system, &["submit", &object("spot/photo.jpg"), "--processing-option", "resise?width=24"]);
    assert_eq!(refused.status.code(), Some(64), "{}", text(&refused.stderr));

    let submitted = pipeline(system, &["submit", &object("spot/photo.jpg"), "--processing-option", "resize?width=48"]);
    assert!(submitted.contains("queued as job submitted-"), "{submitted}");
    let cancelled = pipeline(system, &["cancel", &object("spot/photo.jpg"), "--reason", "by mistake"]);
    assert!(cancelled.contains("cancelled s3://") && cancelled.contains("it had no job yet"), "{cancelled}");
    system.settle().await;
    let records = records_of(system, "spot/photo.jpg").await;
    let cancelled = records.iter().find(|record| record.state == State::Cancelled).expect("one is cancelled");
    assert_eq!(cancelled.reason.as_deref(), Some("cancelled: by mistake"), "{cancelled:#?}");
    assert!(cancelled.batch_job_id.is_none() && cancelled.results.is_empty(), "{cancelled:#?}");
    let again = run(system, &["cancel", &object("spot/photo.jpg")]);
    assert_eq!(again.status.code(), Some(64), "{}", text(&again.stderr));

    takes_up_what_nobody_told_of(system).await;
}

/// Takes up what was there before, and what was laid aside.
async fn takes_up_what_nobody_told_of(system: &mut System<'_>) {
    let infrastructure = &system.infrastructure;
    let (input, output) = (infrastructure.buckets.input.clone(), infrastructure.buckets.output.clone());
    // What has a record is left alone, and what was changed in the last hour is left out.
    let counted = pipeline(system, &["backfill", &format!("s3://{input}/"), "--dry-run"]);
    assert!(counted.contains("0 of ") && counted.contains("objects have no record"), "{counted}");

    let laid_aside = json!({"Records": [{
        "eventVersion": "2.1", "eventSource": "aws:s3", "eventTime": "2026-11-22T18:00:00.000Z",
        "eventName": "ObjectRemoved:DeleteMarkerCreated",
        "s3": {"bucket": {"name": output}, "object": {"key": "late/result.webp", "eTag": "e", "versionId": "v",
            "sequencer": "00617F08299329D189"}},
    }]});
    let queue = &infrastructure.undelivered["undelivered-results"];
    for body in [laid_aside.to_string(), "no JSON".to_owned()] {
        system.aws.sqs().send_message().queue_url(queue).message_body(body).send().await.expect("a message is sent");
    }
    let counted = pipeline(system, &["redrive", "--state", "undelivered", "--dry-run"]);
    assert!(counted.contains(&format!("about 2 messages in {queue}")), "{counted}");
    let processed = run(system, &["redrive", "--state", "undelivered"]);
    let told = text(&processed.stdout);
    assert!(told.contains("0 events of uploads and 1 of results were processed"), "{told}{}", text(&processed.stderr));
    assert!(told.contains("stays in its queue") && processed.status.code() == Some(64), "{told}");
    let record = output_record(system, "late/result.webp").await;
    assert!(record.stored.is_some_and(|stored| stored.deleted), "what was told is recorded");
}

/// Runs the program with what Terraform's output `environment` prints; it has to succeed.
fn pipeline(system: &System<'_>, arguments: &[&str]) -> String {
    let output = run(system, arguments);
    assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn run(system: &System<'_>, arguments: &[&str]) -> Output {
    let environments = &system.infrastructure.environments;
    let undelivered = &system.infrastructure.undelivered;
    command("pipeline")
        .env("SQS_UNDELIVERED_UPLOADS", &undelivered["undelivered-uploads"])
        .env("SQS_UNDELIVERED_RESULTS", &undelivered["undelivered-results"])
        .envs(environments.classify.iter().chain(&environments.dispatch).chain(&environments.output))
        .envs(system.aws.environment_of("operator"))
        .args(arguments)
        .output()
        .expect("pipeline starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
