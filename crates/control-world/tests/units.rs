//! What the records of an upload and of an output cost, counted on the way from the upload to its end without anything that goes
//! wrong. The model of docs/cost.md takes these figures from docs/cost/load.toml.

use std::time::Duration;

use catalog::{Format, MediaKind, Operations};
use contract::{Compute, JobEvent, JobRequest, Outcome, Output, ProcessDuration, Sandbox, Usage};
use control::delivery::Delivery;
use control_world::{Faults, StoredObject, SubmittedJob, Units, World, text_of};
use serde_json::{Map, Value, json};

const UPLOADS: &str = "media-input-123456789012-us-east-1";
const RESULTS: &str = "media-output-123456789012-us-east-1";

/// The key frames of a video of docs/cost/load.toml, with their index, sheets and manifest.
const FRAMES: usize = 304;

#[test]
fn the_cost_model_has_the_units_that_the_records_use() {
    let load: toml::Table = include_str!("../../../docs/cost/load.toml").parse().expect("the load is TOML");
    let images = units_of(MediaKind::Image, 40, 1);
    let videos = units_of(MediaKind::Video, 2, FRAMES);
    let a = |units: u64, count: usize| units as f64 / count as f64;
    for (name, counted) in [
        ("writes_an_upload", a(images.0.written, 40)),
        ("reads_an_upload", a(images.0.read, 40)),
        ("writes_an_output", a(videos.1.written, 2 * (FRAMES + 1))),
        ("reads_an_output", a(videos.1.read, 2 * (FRAMES + 1))),
    ] {
        let said = load[name].as_float().unwrap_or_else(|| panic!("docs/cost/load.toml has no {name}"));
        assert!((said - counted).abs() < 0.06, "docs/cost/load.toml says {name} = {said}; it is {counted:.2}");
    }
    let of_images = a(images.1.written, 40 * 2);
    assert!((of_images - a(videos.1.written, 2 * (FRAMES + 1))).abs() < 0.3, "an image's output costs {of_images}");
}

/// Units of the records of uploads and of outputs, of so many uploads with so many outputs each and a manifest.
fn units_of(kind: MediaKind, uploads: usize, outputs: usize) -> (Units, Units) {
    let world = World::new(1, Faults::default());
    let (mut classifier, mut dispatcher, mut recorder) = (world.classifier(), world.dispatcher(), world.recorder());
    UPLOADS.clone_into(&mut classifier.settings.bucket);
    dispatcher.settings.packing.count = 100;
    RESULTS.clone_into(&mut recorder.settings.bucket);
    recorder.settings.delivery =
        Some(Delivery { domain: "d111111abcdef8.cloudfront.net".to_owned(), public_paths: Vec::new() });
    for number in 0..uploads {
        let event = upload(&world, kind, number);
        world.invoke(classifier.handle(event)).unwrap().unwrap();
        world.inner().now += 1000;
    }
    let received = world.receive(kind.name(), 100, Duration::from_mins(12));
    let answer = world.invoke(dispatcher.handle(World::queue_event(&received))).unwrap().unwrap();
    world.acknowledge(kind.name(), &received, &answer);
    let jobs = world.take_jobs();
    assert_eq!(jobs.len(), 1, "they share a job");
    let job = &jobs[0];
    assert_eq!(job.submission.array_size, None, "and a container");
    world.inner().now += 60_000;
    world.invoke(recorder.handle(running(&world, job))).unwrap().unwrap();
    for request in world.lines_of(job, 0) {
        world.inner().now += 5000;
        let text = serde_json::to_string(&ended(&world, job, &request, outputs)).unwrap();
        let event = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text}}]});
        world.invoke(recorder.handle(event)).unwrap().unwrap();
    }
    let inner = world.inner();
    let states = inner.tables["input"].items();
    let ended = states.iter().filter(|item| item.get("state").is_some_and(|state| state == "SUCCEEDED")).count();
    assert_eq!(ended, uploads);
    assert_eq!(inner.tables["output"].items().len(), uploads * (outputs + 1));
    (inner.units["input"], inner.units["output"])
}

/// An upload with names and versions as long as those of AWS, and its event.
fn upload(world: &World, kind: MediaKind, number: usize) -> Value {
    let now = world.inner().now;
    let (head, extension): (&[u8], &str) = match kind {
        MediaKind::Video => (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", "mp4"),
        _ => (b"\xff\xd8\xff\xe0 image", "jpg"),
    };
    let key = format!("uploads/2026/11/30/camera-07/{:08}.{extension}", number * 977);
    let (etag, version) = (format!("{number:032x}"), format!("{number:032}"));
    let object = StoredObject {
        head: head.to_vec(),
        size: 5_000_000,
        etag: etag.clone(),
        version_id: Some(version.clone()),
        metadata_option: None,
        tag_option: None,
        modified: now,
    };
    world.store_object(UPLOADS, &key, object);
    json!({
        "detail-type": "Object Created", "source": "aws.s3", "time": text_of(now),
        "detail": {"bucket": {"name": UPLOADS}, "object": {"key": key, "size": 5_000_000, "etag": etag, "version-id": version,
            "sequencer": format!("{now:018X}")}},
    })
}

fn running(world: &World, job: &SubmittedJob) -> Value {
    let parameters: Map<String, Value> =
        job.submission.parameters.to_pairs().into_iter().map(|(name, value)| (name, json!(value))).collect();
    let now = world.inner().now;
    json!({
        "detail-type": "Batch Job State Change", "source": "aws.batch", "time": text_of(now),
        "detail": {"jobId": job.id, "jobName": job.submission.name, "status": "RUNNING", "parameters": parameters, "startedAt": now},
    })
}

/// What a job tells of an upload whose default it has done.
fn ended(world: &World, job: &SubmittedJob, request: &JobRequest, outputs: usize) -> JobEvent {
    let kind = request.kind();
    let operation = Operations::default_of(kind).first().clone();
    let now = world.inner().now;
    let folder = format!("{}/{}", request.source.key, operation.folder());
    let file = |name: &str| Output {
        key: format!("{folder}/{name}"),
        size: 123_456,
        sha256: "0123456789abcdef".repeat(4),
        content_type: "image/jpeg".to_owned(),
        etag: Some("0123456789abcdef".repeat(2)),
        version_id: Some("0123456789abcdef".repeat(2)),
        stored_at: Some(text_of(now)),
        properties: Map::from_iter([("width".to_owned(), json!(1920)), ("height".to_owned(), json!(1080))]),
    };
    JobEvent {
        kind: Some(kind),
        format: Some(Format::of_kind(kind)[0]),
        operation: Some(operation.name().to_owned()),
        processing_option: Some(operation.to_string()),
        manifest_key: Some(format!("{folder}/manifest.json")),
        manifest: Some(file("manifest.json")),
        output_bucket: Some(RESULTS.to_owned()),
        outputs: (0..outputs).map(|number| file(&format!("{number:06}.jpg"))).collect(),
        output_count: outputs as u64,
        process_duration: ProcessDuration { total: 5000, fetch: 1000, process: 3000, store: 1000 },
        usage: Some(Usage {
            vcpu_seconds: 5.25,
            gib_seconds: 20.5,
            estimated_cost: Some(0.000_123),
            ..Usage::default()
        }),
        sandbox: Sandbox::default(),
        started_at: Some(text_of(now - 5000)),
        finished_at: Some(text_of(now)),
        batch_job_id: Some(job.id.clone()),
        compute: Some(Compute::Batch),
        ..JobEvent::new(request.job_id.clone(), request.source.clone(), Outcome::Succeeded)
    }
}
