//! image-job, the real program, against real APIs: an object with its request in; outputs, manifest and event out.

use std::io::Cursor;
use std::path::Path;
use std::process::Output;

use contract::{JobEvent, JobRequest, Manifest, Outcome, SCHEMA_VERSION, Source};
use e2e::{Aws, Fault, Proxy, Rule, TopicQueue, command};
use image::{ImageFormat, Rgb, RgbImage};

struct World {
    aws: &'static Aws,
    input: String,
    output: String,
    notices: TopicQueue,
}

impl World {
    async fn new() -> Self {
        let aws = Aws::shared();
        Self { aws, input: aws.bucket().await, output: aws.bucket().await, notices: aws.topic_with_queue().await }
    }

    /// Runs image-job with the environment that its container has.
    fn run(&self, endpoint: &[(String, String)], arguments: &[&str]) -> Output {
        command("image-job")
            .envs(endpoint.iter().cloned())
            .env("S3_OUTPUT", &self.output)
            .env("SNS_NOTIF", &self.notices.topic_arn)
            .env("AWS_MAX_ATTEMPTS", "3")
            .args(arguments)
            .output()
            .unwrap()
    }

    fn run_here(&self, arguments: &[&str]) -> Output {
        self.run(&self.aws.environment(), arguments)
    }

    fn location(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.input)
    }

    async fn manifest(&self, key: &str) -> Manifest {
        serde_json::from_slice(&self.aws.get(&self.output, key).await.expect("a manifest")).unwrap()
    }
}

fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let picture = RgbImage::from_fn(width, height, |x, y| Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 90]));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

fn events(output: &Output) -> Vec<JobEvent> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// As a phone stores it, to AVIF, and from that to PNG: the native decoders and the encoder work where an object comes from S3.
#[tokio::test]
async fn heic_becomes_avif_and_avif_becomes_png() {
    let world = World::new().await;
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../jobs/image-job/tests/fixtures");
    world.aws.put(&world.input, "ramp.heic", fs_err::read(fixtures.join("ramp.heic")).unwrap()).await;
    let mut pictures = Vec::new();
    for (key, option) in [("ramp.heic", "convert?format=png"), ("ramp.heic", "convert?format=avif&quality=90")] {
        let output = world.run_here(&["run", "--input", &world.location(key), "--processing-option", option]);
        assert!(output.status.success(), "{option}: {}", errors(&output));
        let [event] = &events(&output)[..] else { panic!("one event") };
        pictures.push(world.aws.get(&world.output, &event.outputs[0].key).await.unwrap());
    }
    world.aws.put(&world.input, "ramp.avif", pictures.pop().unwrap()).await;
    let back = ["run", "--input", &world.location("ramp.avif"), "--processing-option", "convert?format=png"];
    let output = world.run_here(&back);
    assert!(output.status.success(), "{}", errors(&output));
    let back = world.aws.get(&world.output, &events(&output)[0].outputs[0].key).await.unwrap();
    let [before, after] = [&pictures[0], &back].map(|bytes| image::load_from_memory(bytes).unwrap().into_rgb8());
    assert_eq!(before.dimensions(), after.dimensions());
    let differences =
        before.as_raw().iter().zip(after.as_raw()).map(|(before, after)| u64::from(before.abs_diff(*after)));
    let mean = differences.sum::<u64>() as f64 / before.as_raw().len() as f64;
    assert!(mean < 3.0, "the colours differ by {mean} on average");
}

#[tokio::test]
async fn an_upload_becomes_outputs_a_manifest_and_an_event() {
    let world = World::new().await;
    world.aws.put(&world.input, "photos/été 1.jpg", jpeg(1200, 800)).await;
    let option = "resize?width=320&format=png,convert?format=webp";
    let input = world.location("photos/été 1.jpg");
    let output = world.run_here(&["run", "--input", &input, "--processing-option", option, "--job-id", "abc"]);
    assert!(output.status.success(), "{}", errors(&output));

    let printed = events(&output);
    let published: Vec<(JobEvent, _)> = world
        .notices
        .receive(2)
        .await
        .into_iter()
        .map(|(message, attributes)| (serde_json::from_value(message).unwrap(), attributes))
        .collect();
    assert_eq!(printed, published.iter().map(|(event, _)| event.clone()).collect::<Vec<_>>());
    let attribute = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        published[0].1,
        [attribute("kind", "image"), attribute("operation", "resize"), attribute("outcome", "SUCCEEDED")]
    );

    let event = &printed[0];
    assert_eq!((event.job_id.as_str(), event.outcome), ("abc", Outcome::Succeeded));
    assert!(event.sandbox.seccomp && event.peak_memory > 0 && event.bytes_read > 0 && event.requests > 0);
    let manifest = world.manifest(event.manifest_key.as_deref().unwrap()).await;
    assert_eq!(manifest.outputs, event.outputs);
    assert!(manifest.outputs[0].key.starts_with("photos/été 1.jpg/resize-"), "{}", manifest.outputs[0].key);
    let small = world.aws.get(&world.output, &manifest.outputs[0].key).await.unwrap();
    assert_eq!(small.len() as u64, manifest.outputs[0].size);
    let small = image::load_from_memory(&small).unwrap();
    assert_eq!((small.width(), small.height()), (320, 213));

    let keys = world.aws.keys(&world.output).await;
    assert_eq!(keys.len(), 4, "two results and two manifests, nothing else: {keys:?}");
    let again = world.run_here(&["run", "--input", &input, "--processing-option", option, "--job-id", "abc"]);
    assert!(again.status.success());
    assert_eq!(world.aws.keys(&world.output).await, keys, "a retry overwrites");
}

#[tokio::test]
async fn a_request_that_cannot_be_carried_out_says_what_would_be_right() {
    let world = World::new().await;
    let output = world.run_here(&["run", "--input", &world.location("a.jpg"), "--processing-option", "resise?width=3"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(
        errors(&output).contains("\"resise\"") && errors(&output).contains("resize, convert"),
        "{}",
        errors(&output)
    );
}

#[tokio::test]
async fn a_missing_object_and_a_missing_bucket_are_told_apart() {
    let world = World::new().await;
    let missing = world.run_here(&["run", "--input", &world.location("no.jpg"), "--processing-option", "convert"]);
    assert_eq!(missing.status.code(), Some(66), "{}", errors(&missing));
    let event = &events(&missing)[0];
    assert!(event.error.as_ref().unwrap().message.contains("no.jpg"), "{event:?}");
    let published = world.notices.receive(1).await;
    assert_eq!(published[0].0["outcome"], "FAILED");

    let bucket =
        world.run_here(&["run", "--input", "s3://no-such-bucket-here/a.jpg", "--processing-option", "convert"]);
    assert_ne!(bucket.status.code(), Some(0));
    assert!(events(&bucket)[0].error.as_ref().unwrap().message.contains("no-such-bucket-here"));
}

#[tokio::test]
async fn damaged_input_is_a_failed_event_and_leaves_nothing() {
    let world = World::new().await;
    let whole = jpeg(900, 600);
    world.aws.put(&world.input, "cut.jpg", whole[..whole.len() / 2].to_vec()).await;
    world.aws.put(&world.input, "text.jpg", b"not a picture at all".to_vec()).await;
    for key in ["cut.jpg", "text.jpg"] {
        let output =
            world.run_here(&["run", "--input", &world.location(key), "--processing-option", "resize?width=100"]);
        assert_eq!(output.status.code(), Some(65), "{key}: {}", errors(&output));
        let event = &events(&output)[0];
        assert_eq!(event.outcome, Outcome::Failed);
        assert!(event.error.as_ref().unwrap().message.contains(key), "{event:?}");
    }
    assert_eq!(world.aws.keys(&world.output).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_unreachable_topic_is_told_after_the_commit_and_a_throttled_api_is_tried_again() {
    let world = World::new().await;
    world.aws.put(&world.input, "a.jpg", jpeg(300, 200)).await;
    let arguments = ["run", "--input", &world.location("a.jpg"), "--processing-option", "resize?width=100"];
    let proxy = Proxy::before(&world.aws.endpoint());
    proxy.rule(Rule::new("POST", "/", Fault::Error { status: 503, code: "ServiceUnavailable" }));
    let down = world.run(&proxy.environment(), &arguments);
    assert_eq!(down.status.code(), Some(75), "{}", errors(&down));
    assert!(world.aws.keys(&world.output).await.iter().any(|key| key.ends_with("manifest.json")));

    let proxy = Proxy::before(&world.aws.endpoint());
    for method in ["HEAD", "GET", "PUT", "POST"] {
        proxy.rule(Rule::new(method, "", Fault::Error { status: 503, code: "SlowDown" }).times(1));
    }
    let throttled = world.run(&proxy.environment(), &arguments);
    assert!(throttled.status.success(), "{}", errors(&throttled));
}

#[tokio::test]
async fn an_object_overwritten_since_the_request_is_not_worked_on() {
    let world = World::new().await;
    world.aws.put(&world.input, "a.jpg", jpeg(300, 200)).await;
    let request = request(&world, "a.jpg", Some("0123456789abcdef0123456789abcdef".to_owned()));
    let list = serde_json::to_vec(&request).unwrap();
    world.aws.put(&world.input, "list.jsonl", list).await;
    let output = world.run_here(&["run", "--manifest", &world.location("list.jsonl")]);
    let event = &events(&output)[0];
    assert!(event.error.as_ref().unwrap().message.contains("overwritten"), "{event:?}");
    assert_eq!(world.aws.keys(&world.output).await, Vec::<String>::new());
}

fn request(world: &World, key: &str, etag: Option<String>) -> JobRequest {
    JobRequest {
        schema_version: SCHEMA_VERSION,
        job_id: format!("job of {key}"),
        source: Source { bucket: Some(world.input.clone()), key: key.to_owned(), version_id: None, etag, size: 0 },
        processing_option: catalog::ProcessingOption::new(catalog::MediaKind::Image, "resize?width=64&format=png"),
        uploaded_at: None,
    }
}

#[tokio::test]
async fn an_array_job_works_through_its_slices_and_a_rerun_skips_what_is_committed() {
    let world = World::new().await;
    let mut list = String::new();
    for number in 0..10 {
        let key = format!("{number}.jpg");
        let bytes = if number == 4 { b"\xFF\xD8\xFF\xE0 damaged".to_vec() } else { jpeg(200 + number, 100) };
        world.aws.put(&world.input, &key, bytes).await;
        list += &(serde_json::to_string(&request(&world, &key, None)).unwrap() + "\n");
    }
    world.aws.put(&world.input, "list.jsonl", list).await;
    let manifest = world.location("list.jsonl");
    let child = |index: &str| {
        command("image-job")
            .envs(world.aws.environment())
            .env("S3_OUTPUT", &world.output)
            .env("AWS_BATCH_JOB_ARRAY_INDEX", index)
            .env("AWS_BATCH_JOB_ARRAY_SIZE", "3")
            .args(["run", "--manifest", &manifest])
            .output()
            .unwrap()
    };
    let children = ["0", "1", "2"].map(child);
    assert!(children.iter().all(|output| output.status.success()), "{}", errors(&children[0]));
    let mut seen: Vec<JobEvent> = children.iter().flat_map(events).collect();
    seen.sort_by(|a, b| a.source.key.cmp(&b.source.key));
    let keys: Vec<_> = seen.iter().map(|event| event.source.key.clone()).collect();
    assert_eq!(keys, (0..10).map(|number| format!("{number}.jpg")).collect::<Vec<_>>());
    let failed: Vec<_> = seen.iter().filter(|event| event.outcome == Outcome::Failed).collect();
    assert_eq!(failed.len(), 1, "each object succeeds or fails on its own");
    assert_eq!(failed[0].source.key, "4.jpg");

    let before = world.manifest(seen[0].manifest_key.as_deref().unwrap()).await;
    let again = child("0");
    assert!(again.status.success());
    assert_eq!(events(&again)[0].outcome, Outcome::Succeeded);
    let after = world.manifest(seen[0].manifest_key.as_deref().unwrap()).await;
    assert_eq!(before.created_at, after.created_at, "what is committed is not done again");
}

#[tokio::test]
async fn metrics_are_lines_in_the_embedded_format() {
    let world = World::new().await;
    world.aws.put(&world.input, "a.jpg", jpeg(300, 200)).await;
    let output = world.run_here(&[
        "run",
        "--input",
        &world.location("a.jpg"),
        "--processing-option",
        "convert",
        "--metrics",
        "emf",
    ]);
    let text = String::from_utf8(output.stdout).unwrap();
    let metrics: serde_json::Value = serde_json::from_str(text.lines().nth(1).expect("a second line")).unwrap();
    let names: Vec<_> = metrics["_aws"]["CloudWatchMetrics"][0]["Metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|metric| &metric["Name"])
        .collect();
    assert!(names.iter().all(|name| metrics[name.as_str().unwrap()].is_number()), "{metrics}");
    assert_eq!((metrics["kind"].as_str(), metrics["outcome"].as_str()), (Some("image"), Some("SUCCEEDED")));
}
