//! What the pipeline has to do from an upload to its records, on whatever installation a [`System`] runs on: one that a
//! test made, or one that Terraform made. Each function stands for itself and may be called on the same system as others.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Cursor;

use aws_sdk_s3::primitives::ByteStream;
use catalog::MediaKind;
use contract::Manifest;
use control::table::{Query, query_all};
use control::{InputRecord, OutputRecord, State, input_record::LATEST, table};
use control_aws::DynamoTable;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::operator::an_operator_finds_and_mends;
use crate::{Kill, System};

/// Every one of them, on one installation.
pub async fn everything(system: &mut System<'_>) {
    a_jpeg_is_resized(system, "holiday/photo 1.jpg").await;
    a_deleted_result_is_recorded(system, "holiday/photo 1.jpg").await;
    duplicates_change_nothing(system).await;
    a_tag_says_what_is_wanted(system).await;
    what_cannot_be_done_is_told(system).await;
    small_objects_share_a_job(system).await;
    an_overwritten_object_keeps_the_newer_outputs(system).await;
    a_killed_container_is_told_in_plain_words(system).await;
    a_host_that_goes_away_is_made_up_for(system).await;
    a_poison_message_is_laid_aside_with_its_reason(system).await;
    a_job_submitted_by_hand_is_recorded(system).await;
    an_operator_finds_and_mends(system).await;
    system.schedule();
    system.settle().await;
}

/// The way of the mission: a JPEG with `processing-option: resize?width=320` gives the output object, the manifest, both
/// tables' records, the message of the topic and the turnaround's metrics.
pub async fn a_jpeg_is_resized(system: &mut System<'_>, key: &str) {
    let notices = system.aws.listen(&system.infrastructure.topics.jobs).await;
    let containers = system.carried_out.len();
    upload(system, key, jpeg(640, 480), Some("resize?width=320")).await;
    system.settle().await;
    assert!(system.undelivered.is_empty(), "{:#?}", system.undelivered);
    assert_eq!(system.carried_out.len() - containers, 1, "one container: {:#?}", system.carried_out);

    let record = only_record_of(system, key).await;
    assert_eq!(record.state, State::Succeeded, "{record:#?}\n{:#?}", system.carried_out.last());
    assert_eq!((record.kind, record.option_source.as_deref()), (Some(MediaKind::Image), Some("metadata")));
    has_every_time(&record);

    let output = system.infrastructure.buckets.output.clone();
    let keys = below(system, &output, key).await;
    let manifest_key = keys.iter().find(|each| each.ends_with("/manifest.json")).expect("a manifest");
    let manifest: Manifest =
        serde_json::from_slice(&bytes_of(system, &output, manifest_key).await).expect("a manifest");
    assert_eq!((manifest.operation.as_str(), manifest.outputs.len(), keys.len()), ("resize", 1, 2), "{keys:?}");
    let made = &manifest.outputs[0];
    let bytes = bytes_of(system, &output, &made.key).await;
    let picture = image::load_from_memory(&bytes).expect("the output is a picture");
    assert_eq!((picture.width(), picture.height()), (320, 240));
    assert_eq!((made.size, made.sha256.as_str()), (bytes.len() as u64, hexadecimal(&Sha256::digest(&bytes)).as_str()));

    for key in &keys {
        let recorded = output_record(system, key).await;
        let stored = recorded.stored.as_ref().expect("the job has told what S3 answered");
        assert_eq!(stored.size, bytes_of(system, &output, key).await.len() as u64);
        let current = system.aws.s3().head_object().bucket(&output).key(key).send().await.expect("an output");
        assert_eq!(stored.version_id.as_deref(), current.version_id());
        assert_eq!(stored.etag.as_deref(), current.e_tag().map(|etag| etag.trim_matches('"')));
        assert_eq!(recorded.source_object.as_ref(), Some(&record.object));
        assert_eq!(recorded.job_id.as_ref(), Some(&record.job_id));
        let told = recorded.made.as_ref().expect("the job has told");
        assert_eq!((told.operation.as_str(), told.process_duration.total > 0), ("resize", true), "{told:#?}");
        let domain = system.infrastructure.environments.output.get("CLOUDFRONT_DOMAIN").filter(|name| !name.is_empty());
        let url = domain.map(|domain| format!("https://{domain}/{}", key.replace(' ', "%20")));
        assert_eq!(recorded.url, url);
    }
    let recorded = output_record(system, &made.key).await.made.expect("the job has told");
    assert_eq!(
        (recorded.sha256.as_deref(), recorded.content_type.as_str()),
        (Some(made.sha256.as_str()), "image/jpeg")
    );
    assert_eq!(recorded.properties.get("width"), Some(&Value::from(320)));

    let (message, attributes) = notices.receive(1).await.remove(0);
    assert_eq!(
        (&message["outcome"], &message["jobId"]),
        (&Value::from("SUCCEEDED"), &Value::from(record.job_id.as_str()))
    );
    assert_eq!(message["outputs"][0]["key"], made.key.as_str());
    let attribute = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = [attribute("kind", "image"), attribute("operation", "resize"), attribute("outcome", "SUCCEEDED")];
    assert_eq!(attributes, expected);

    let metrics = |lines: &[String]| {
        let lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines
            .filter(|line| line["kind"] == "image" && line["state"] == "SUCCEEDED")
            .find(|line| line["turnaround"].is_number())
    };
    let metrics = metrics(&system.output_lines()).expect("metrics of the turnaround, by kind");
    for span in ["classify", "queue", "start", "fetch", "process", "store", "record"] {
        assert!(metrics[span].is_number(), "{span}: {metrics}");
    }
}

/// Somebody deletes a result: the bucket tells output, by a message of its own.
pub async fn a_deleted_result_is_recorded(system: &mut System<'_>, key: &str) {
    let output = system.infrastructure.buckets.output.clone();
    let keys = below(system, &output, key).await;
    let result = keys.iter().find(|key| !key.ends_with("/manifest.json")).expect("a result");
    let stored = output_record(system, result).await.stored.expect("the job has told what S3 answered");
    let delete = system.aws.s3().delete_object().bucket(&output).key(result).set_version_id(stored.version_id);
    delete.send().await.expect("a version is deleted");
    system.settle().await;
    assert!(system.undelivered.is_empty(), "{:#?}", system.undelivered);
    let recorded = output_record(system, result).await;
    assert!(recorded.stored.as_ref().is_some_and(|stored| stored.deleted), "{recorded:#?}");
    assert!(recorded.expires_at.is_some() && recorded.made.is_some(), "{recorded:#?}");
}

/// Every event and every delivery of a queue three times: one job, and the same records.
pub async fn duplicates_change_nothing(system: &mut System<'_>) {
    system.copies = 3;
    a_jpeg_is_resized(system, "duplicates/photo.jpg").await;
    system.copies = 1;
}

/// An upload without metadata, whose tag says what is wanted in the spelling that S3 allows.
pub async fn a_tag_says_what_is_wanted(system: &mut System<'_>) {
    let wanted: catalog::Operations = "resize?width=40&format=webp".parse().expect("a processing-option");
    let tag = wanted.to_tag().replace('=', "%3D").replace(' ', "%20").replace('+', "%2B");
    let put = system.aws.s3().put_object().bucket(&system.infrastructure.buckets.input).key("tagged/photo.jpg");
    let put = put.tagging(format!("processing-option={tag}")).body(ByteStream::from(jpeg(64, 48)));
    put.send().await.expect("an object is put");
    system.settle().await;
    let record = only_record_of(system, "tagged/photo.jpg").await;
    assert_eq!((record.state, record.option_source.as_deref()), (State::Succeeded, Some("tag")), "{record:#?}");
    assert_eq!(record.processing_option, Some(wanted.to_string()));
}

/// A rejected option, a type that no job takes, an empty object, a folder marker, an object that is gone: each has its
/// state and a reason, and a notice each.
pub async fn what_cannot_be_done_is_told(system: &mut System<'_>) {
    let notices = system.aws.listen(&system.infrastructure.topics.jobs).await;
    let containers = system.carried_out.len();
    upload(system, "refused/wide.jpg", jpeg(64, 48), Some("resize?width=0")).await;
    upload(system, "refused/archive.gz", b"\x1f\x8b\x08\x00 compressed".to_vec(), None).await;
    upload(system, "refused/empty.jpg", Vec::new(), None).await;
    upload(system, "refused/folder/", Vec::new(), None).await;
    upload(system, "refused/gone.jpg", jpeg(64, 48), None).await;
    let input = &system.infrastructure.buckets.input;
    let gone = system.aws.s3().list_object_versions().bucket(input).prefix("refused/gone.jpg").send().await;
    let gone = gone.expect("versions can be listed").versions.unwrap_or_default().remove(0);
    let delete = system.aws.s3().delete_object().bucket(input).key("refused/gone.jpg");
    delete.version_id(gone.version_id().unwrap_or_default()).send().await.expect("a version is deleted");
    system.settle().await;

    for (key, state, reason) in [
        ("refused/wide.jpg", State::Rejected, "width"),
        ("refused/archive.gz", State::Unsupported, "gz"),
        ("refused/empty.jpg", State::Unsupported, "empty"),
        ("refused/folder/", State::Unsupported, "folder marker"),
        ("refused/gone.jpg", State::Failed, "deleted"),
    ] {
        let record = only_record_of(system, key).await;
        assert_eq!(record.state, state, "{record:#?}");
        assert!(record.reason.as_deref().is_some_and(|told| told.contains(reason)), "{key}: {:?}", record.reason);
    }
    let told: Vec<(String, String)> = notices.receive(5).await.iter().map(|(message, _)| told(message)).collect();
    for (key, outcome) in [
        ("refused/wide.jpg", "REJECTED"),
        ("refused/archive.gz", "UNSUPPORTED"),
        ("refused/empty.jpg", "UNSUPPORTED"),
        ("refused/folder/", "UNSUPPORTED"),
        ("refused/gone.jpg", "FAILED"),
    ] {
        assert!(told.contains(&(key.to_owned(), outcome.to_owned())), "{key}: {told:?}");
    }
    assert_eq!(system.carried_out.len(), containers, "no container was started for them");
}

/// Ten small objects are one array job, whose children share them by `PACK_COUNT`; one damaged one fails alone.
pub async fn small_objects_share_a_job(system: &mut System<'_>) {
    let each = system.infrastructure.environments.dispatch.get("PACK_COUNT").and_then(|count| count.parse().ok());
    let each: usize = each.unwrap_or(100);
    let containers = system.carried_out.len();
    for number in 0..10 {
        let bytes = if number == 7 { jpeg(64, 48)[..200].to_vec() } else { jpeg(64, 48) };
        upload(system, &format!("packed/{number}.jpg"), bytes, Some("resize?width=16")).await;
    }
    system.settle().await;
    assert!(system.undelivered.is_empty(), "{:#?}", system.undelivered);

    let children = &system.carried_out[containers..];
    let jobs: BTreeSet<&str> = children.iter().filter_map(|child| child.job_id.split(':').next()).collect();
    assert_eq!((jobs.len(), children.len()), (1, 10_usize.div_ceil(each)), "{children:#?}");
    for number in 0..10 {
        let record = only_record_of(system, &format!("packed/{number}.jpg")).await;
        let expected = if number == 7 { State::Failed } else { State::Succeeded };
        assert_eq!(record.state, expected, "{record:#?}\n{children:#?}");
        let outputs = below(system, &system.infrastructure.buckets.output, &format!("packed/{number}.jpg")).await;
        assert_eq!(outputs.len(), if number == 7 { 0 } else { 2 }, "{outputs:?}");
    }
}

/// A second version before the first was worked on: each has a record, and only the second has outputs.
pub async fn an_overwritten_object_keeps_the_newer_outputs(system: &mut System<'_>) {
    let key = "overwritten/photo.jpg";
    upload(system, key, jpeg(64, 48), Some("resize?width=16")).await;
    upload(system, key, jpeg(128, 96), Some("resize?width=16")).await;
    system.settle().await;
    let mut records = records_of(system, key).await;
    assert_eq!(records.len(), 2, "{records:#?}");
    records.sort_by(|a, b| a.job_id.cmp(&b.job_id));
    assert_eq!(records.iter().map(|record| record.state).collect::<Vec<_>>(), [State::Failed, State::Succeeded]);
    assert!(records[0].reason.as_deref().is_some_and(|reason| reason.contains("later version")), "{records:#?}");
    let outputs = below(system, &system.infrastructure.buckets.output, key).await;
    let recorded =
        output_record(system, outputs.iter().find(|key| !key.ends_with("/manifest.json")).expect("an output")).await;
    let made = recorded.made.expect("the job has told");
    assert_eq!((&made.job_id, &made.source), (&records[1].job_id, &records[1].source));
}

/// A container that is killed can tell nothing itself: Batch's word is put into plain words, and told.
pub async fn a_killed_container_is_told_in_plain_words(system: &mut System<'_>) {
    let notices = system.aws.listen(&system.infrastructure.topics.jobs).await;
    system.kills.push_back(Kill {
        reason: Some("OutOfMemoryError: Container killed due to memory usage"),
        status_reason: "Essential container in task exited",
    });
    upload(system, "killed/photo.jpg", jpeg(64, 48), Some("resize?width=16")).await;
    system.settle().await;
    assert_eq!(system.carried_out.last().map(|child| child.exit_codes.as_slice()), Some(&[137][..]), "no second try");
    let record = only_record_of(system, "killed/photo.jpg").await;
    assert_eq!(record.state, State::Failed, "{record:#?}");
    let reason = record.reason.unwrap_or_default();
    assert!(reason.contains("needed more memory than it was given") && reason.contains("OutOfMemoryError"), "{reason}");
    let (message, _) = notices.receive(1).await.remove(0);
    assert_eq!(told(&message), ("killed/photo.jpg".to_owned(), "FAILED".to_owned()));
}

/// Spot takes the machine away: Batch tries again by the definition's rules, and nobody hears of it.
pub async fn a_host_that_goes_away_is_made_up_for(system: &mut System<'_>) {
    system.kills.push_back(Kill { reason: None, status_reason: "Your Spot Task was interrupted." });
    upload(system, "spot/photo.jpg", jpeg(64, 48), Some("resize?width=16")).await;
    system.settle().await;
    assert_eq!(system.carried_out.last().map(|child| child.exit_codes.as_slice()), Some(&[137, 0][..]));
    let record = only_record_of(system, "spot/photo.jpg").await;
    assert_eq!(record.state, State::Succeeded, "{record:#?}");
}

/// What nobody can read ends in the dead-letter queue, with words that say why.
pub async fn a_poison_message_is_laid_aside_with_its_reason(system: &mut System<'_>) {
    let queue = &system.infrastructure.queues[&MediaKind::Image];
    let send = system.aws.sqs().send_message().queue_url(queue).message_body("no request at all");
    send.send().await.expect("a message is sent");
    system.settle().await;
    let received = system
        .aws
        .sqs()
        .receive_message()
        .queue_url(&system.infrastructure.dead_letters[&MediaKind::Image])
        .message_attribute_names("All")
        // A look only: whoever comes next sees it, too.
        .visibility_timeout(0)
        .send()
        .await;
    let message = received.expect("a queue can be read").messages.unwrap_or_default().remove(0);
    assert_eq!(message.body(), Some("no request at all"));
    let reason = message.message_attributes().and_then(|attributes| attributes.get("reason")?.string_value());
    assert!(reason.is_some_and(|reason| reason.contains("is no request")), "{reason:?}");
}

/// `aws batch submit-job` with nothing but the definition's parameters, as Terraform's output `submit_job` prints it.
pub async fn a_job_submitted_by_hand_is_recorded(system: &mut System<'_>) {
    let key = "by-hand/photo.jpg";
    let input = system.infrastructure.buckets.input.clone();
    upload(system, key, jpeg(64, 48), Some("resize?width=16")).await;
    system.settle().await;
    let submit = system
        .aws
        .batch()
        .submit_job()
        .job_name("by-hand")
        .job_queue(&system.infrastructure.job_queues[&MediaKind::Image])
        .job_definition(&system.infrastructure.job_definitions[&MediaKind::Image])
        .parameters("input", format!("s3://{input}/{key}"))
        .parameters("processingOption", "convert?format=png");
    submit.send().await.expect("a job is submitted");
    system.settle().await;
    let ran = system.carried_out.last().expect("a container");
    assert_eq!(
        ran.command[1..],
        [
            "--input",
            &format!("s3://{input}/{key}"),
            "--processing-option",
            "convert?format=png",
            "--memory-limit",
            "3584MiB"
        ]
    );
    let records = records_of(system, key).await;
    let by_hand =
        records.iter().find(|record| record.operations.iter().any(|operation| operation.starts_with("convert")));
    let by_hand = by_hand.unwrap_or_else(|| panic!("{records:#?}\n{ran:#?}"));
    assert_eq!(by_hand.state, State::Succeeded, "{by_hand:#?}");
}

/// Uploads an object as a person does.
pub async fn upload(system: &System<'_>, key: &str, bytes: Vec<u8>, processing_option: Option<&str>) {
    let mut put = system.aws.s3().put_object().bucket(&system.infrastructure.buckets.input).key(key);
    if let Some(option) = processing_option {
        put = put.metadata("processing-option", option);
    }
    put.body(ByteStream::from(bytes)).send().await.expect("an object is put");
}

/// A picture of that size.
pub fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let picture = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 128]));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Jpeg).expect("a picture is encoded");
    bytes.into_inner()
}

/// Every record of an upload, the latest version first.
pub async fn records_of(system: &System<'_>, key: &str) -> Vec<InputRecord> {
    let input = DynamoTable { client: system.aws.dynamodb(), name: system.infrastructure.tables.input.clone() };
    let object = format!("s3://{}/{key}", system.infrastructure.buckets.input);
    let items = query_all(&input, Query::of(None, "object", &object)).await.expect("a table can be queried");
    let items = items.into_iter().filter(|item| item["jobId"] != LATEST);
    items.map(|item| table::from_item(item).expect("an item is a record")).collect()
}

/// The record of an upload of which there is one version.
pub async fn only_record_of(system: &System<'_>, key: &str) -> InputRecord {
    let mut records = records_of(system, key).await;
    assert_eq!(records.len(), 1, "{key}: {records:#?}");
    records.remove(0)
}

/// The record of an output.
pub async fn output_record(system: &System<'_>, key: &str) -> OutputRecord {
    let output = DynamoTable { client: system.aws.dynamodb(), name: system.infrastructure.tables.output.clone() };
    let object = format!("s3://{}/{key}", system.infrastructure.buckets.output);
    let mut items = query_all(&output, Query::of(None, "object", &object)).await.expect("a table can be queried");
    assert_eq!(items.len(), 1, "{object}: {items:#?}");
    table::from_item(items.remove(0)).expect("an item is a record")
}

async fn below(system: &System<'_>, bucket: &str, key: &str) -> Vec<String> {
    let prefix = format!("{key}/");
    system.aws.keys(bucket).await.into_iter().filter(|each| each.starts_with(&prefix)).collect()
}

async fn bytes_of(system: &System<'_>, bucket: &str, key: &str) -> Vec<u8> {
    system.aws.get(bucket, key).await.unwrap_or_else(|| panic!("{bucket}/{key} is not there"))
}

/// The upload and the outcome of a notice.
fn told(message: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&message["source"]["key"]), text(&message["outcome"]))
}

/// The way of an upload is told step by step, in order.
fn has_every_time(record: &InputRecord) {
    let timeline = &record.timeline;
    let steps = [
        &timeline.uploaded_at,
        &timeline.classified_at,
        &timeline.queued_at,
        &timeline.submitted_at,
        &timeline.started_at,
        &timeline.stored_at,
        &timeline.recorded_at,
    ];
    assert!(steps.iter().all(|at| at.is_some()) && steps.is_sorted(), "{timeline:#?}");
    assert!(timeline.received_at.is_some() && timeline.fetched_at.is_some() && timeline.processed_at.is_some());
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
