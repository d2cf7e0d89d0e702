//! The fast path: the programs of jobs as Lambda functions, in a box like Lambda's, on a real AWS API.

use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use catalog::MediaKind;
use contract::{Compute, Jail, JobEvent, JobRequest, Manifest, Outcome, SCHEMA_VERSION, Source};
use control::State;
use e2e::containers::{Engine, in_project};
use e2e::{Aws, Fault, Infrastructure, Lambda, Place, Proxy, Rule, System, TopicQueue, flow};
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

/// Sequencers of S3, of which the second is later.
const FIRST: &str = "00617f08299329d189000000-1111111111111111";
const SECOND: &str = "00617f08299329d190000000-2222222222222222";

/// How long an invocation may take.
const TIMEOUT: Duration = Duration::from_mins(1);

struct World {
    aws: &'static Aws,
    input: String,
    output: String,
    notices: TopicQueue,
    ordinary: String,
}

impl World {
    async fn new() -> Self {
        let aws = Aws::shared();
        Self {
            aws,
            input: aws.bucket().await,
            output: aws.bucket().await,
            notices: aws.topic_with_queue().await,
            ordinary: aws.queue().await,
        }
    }

    fn function(&self, job: &str, place: Place) -> Lambda {
        self.function_at(job, place, self.aws.environment(), &[])
    }

    fn function_at(&self, job: &str, place: Place, endpoint: Vec<(String, String)>, more: &[(&str, &str)]) -> Lambda {
        let kind = MediaKind::ALL.into_iter().find(|kind| kind.job_name() == job).expect("a job");
        let variables = [
            ("S3_OUTPUT", self.output.as_str()),
            ("SNS_NOTIF", &self.notices.topic_arn),
            (kind.queue_variable(), &self.ordinary),
            ("METRICS", "emf"),
            ("AWS_MAX_ATTEMPTS", "2"),
        ];
        let variables = variables.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Lambda::of_job(job, place, variables.chain(endpoint))
    }

    /// Puts an object and gives the request for it.
    async fn request(&self, job_id: &str, key: &str, bytes: Vec<u8>, option: &str) -> Value {
        let size = bytes.len() as u64;
        let put = self.aws.s3().put_object().bucket(&self.input).key(key).body(bytes.into()).send().await;
        let etag = put.expect("an object is put").e_tag.map(|etag| etag.trim_matches('"').to_owned());
        let source = Source { bucket: Some(self.input.clone()), key: key.to_owned(), version_id: None, etag, size };
        let kind = catalog::OPERATIONS
            .iter()
            .find(|declared| option.starts_with(declared.name))
            .and_then(|declared| declared.kinds().next())
            .expect("an operation");
        let request = JobRequest {
            schema_version: SCHEMA_VERSION,
            job_id: job_id.to_owned(),
            source,
            processing_option: catalog::ProcessingOption::new(kind, option.to_owned()),
            uploaded_at: None,
        };
        serde_json::to_value(request).expect("a request is JSON")
    }

    async fn events(&self, count: usize) -> Vec<JobEvent> {
        let received = self.notices.receive(count).await;
        received.into_iter().map(|(event, _)| serde_json::from_value(event).expect("an event")).collect()
    }

    async fn manifest(&self, event: &JobEvent) -> Manifest {
        let key = event.manifest_key.as_deref().expect("a manifest's key");
        serde_json::from_slice(&self.aws.get(&self.output, key).await.expect("a manifest")).expect("a manifest")
    }

    /// The bodies of the messages that were left to AWS Batch.
    async fn left(&self) -> Vec<Value> {
        let received =
            self.aws.sqs().receive_message().queue_url(&self.ordinary).max_number_of_messages(10).send().await;
        let messages = received.expect("a queue can be read").messages.unwrap_or_default();
        messages
            .iter()
            .map(|message| serde_json::from_str(message.body().unwrap_or_default()).unwrap_or(json!(message.body())))
            .collect()
    }
}

/// An event of SQS's messages, called `m0`, `m1`, …
fn messages(bodies: &[&Value]) -> Value {
    let record = |(number, body): (usize, &&Value)| {
        json!({"messageId": format!("m{number}"), "receiptHandle": "r", "body": body.as_str().map_or_else(|| body.to_string(), str::to_owned),
               "attributes": {"ApproximateReceiveCount": "1"}, "eventSource": "aws:sqs"})
    };
    json!({ "Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>() })
}

fn nothing_failed(answer: &Result<Value, Value>) {
    assert_eq!(answer, &Ok(json!({ "batchItemFailures": [] })));
}

fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let picture = RgbImage::from_fn(width, height, |x, y| Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 90]));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Jpeg).expect("a picture is written");
    bytes.into_inner()
}

/// The whole way under the jail of limits, and the same message three times.
#[tokio::test]
async fn a_request_is_done_in_the_box_and_duplicates_change_nothing() {
    let world = World::new().await;
    let function = world.function("image-job", Place::Boxed);
    let option = "resize?widths=32,64&formats=jpeg,webp,convert?format=png";
    let request = world.request(FIRST, "a b.jpg", jpeg(640, 480), option).await;
    nothing_failed(&function.invoke_within(&messages(&[&request]), TIMEOUT));
    let events = world.events(2).await;
    assert_eq!(events.len(), 2, "{:#?}", function.printed());
    for event in &events {
        assert_eq!((event.outcome, event.compute), (Outcome::Succeeded, Some(Compute::Lambda)), "{event:#?}");
        assert_eq!((event.sandbox.jail, event.sandbox.seccomp), (Some(Jail::Limits), false));
        assert!(event.run_id.as_ref().is_some_and(|id| id.starts_with("8476a536")), "{event:#?}");
        assert!(event.batch_job_id.is_none() && event.peak_memory > 1 << 20);
        let manifest = world.manifest(event).await;
        assert_eq!((manifest.job_id.as_deref(), manifest.compute), (Some(FIRST), Some(Compute::Lambda)));
        assert_eq!(manifest.sandbox.and_then(|sandbox| sandbox.jail), Some(Jail::Limits));
        assert!(manifest.usage.is_some_and(|usage| usage.gib_seconds > 0.0));
    }
    let small = events[0]
        .outputs
        .iter()
        .find(|output| Path::new(&output.key).extension().is_some_and(|own| own == "jpg"))
        .expect("a JPEG");
    let picture = image::load_from_memory(&world.aws.get(&world.output, &small.key).await.unwrap()).unwrap();
    assert!(matches!(picture.width(), 32 | 64));
    let keys = world.aws.keys(&world.output).await;
    assert_eq!(keys.len(), 7, "five results and two manifests: {keys:?}");

    nothing_failed(&function.invoke_within(&messages(&[&request, &request]), TIMEOUT));
    let again = world.events(4).await;
    assert_eq!(again.len(), 4);
    for (event, first) in again.iter().zip(events.iter().cycle()) {
        assert_eq!((event.outcome, &event.outputs), (Outcome::Succeeded, &first.outputs));
    }
    assert_eq!(world.aws.keys(&world.output).await, keys);
    assert_eq!(world.left().await, Vec::<Value>::new());
    let left = fs_err::read_dir(function.temporary().unwrap()).unwrap().count();
    assert_eq!(left, 0, "nothing stays among the temporary files");
}

/// What every kind offers there works without threads and without opening anything.
#[tokio::test]
async fn every_eligible_operation_works_by_limits() {
    let world = World::new().await;
    let fixtures = |path: &str| fs_err::read(in_project("jobs").join(path)).unwrap_or_else(|error| panic!("{error}"));
    let image = [
        ("photo.jpg", jpeg(800, 600), "extract"),
        ("photo.jpg", jpeg(800, 600), "resize?width=200&format=avif&effort=1"),
        ("ramp.heic", fixtures("image-job/tests/fixtures/ramp.heic"), "convert?format=avif&effort=1"),
        ("drawing.svg", embedded_picture(), "resize?width=64&format=png"),
    ];
    check(&world, "image-job", &image).await;
    let text = b"# A heading\n\nA paragraph of some words.\n".to_vec();
    let document = [("page.md", text, "text"), ("table.csv", b"a,b\n1,2\n".to_vec(), "text?formats=json")];
    check(&world, "document-job", &document).await;
    check(&world, "model-job", &[("box.stl", stl(), "optimise")]).await;
}

async fn check(world: &World, job: &str, works: &[(&str, Vec<u8>, &str)]) {
    let function = world.function(job, Place::Boxed);
    for (key, bytes, option) in works {
        let request = world.request(FIRST, key, bytes.clone(), option).await;
        nothing_failed(&function.invoke_within(&messages(&[&request]), TIMEOUT));
        let events = world.events(1).await;
        let event = events.first().unwrap_or_else(|| panic!("{option}: {:#?}", function.printed()));
        assert_eq!(event.outcome, Outcome::Succeeded, "{option} of {key}: {:?}", event.error);
        assert_eq!((event.sandbox.jail, event.output_count > 0), (Some(Jail::Limits), true), "{option}");
    }
    assert_eq!(world.left().await, Vec::<Value>::new());
}

/// A drawing with a JPEG in it, which is decoded from a part of the file.
fn embedded_picture() -> Vec<u8> {
    let picture = base64(&jpeg(32, 32));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"64\" height=\"64\"><image width=\"64\" height=\"64\" \
         href=\"data:image/jpeg;base64,{picture}\"/></svg>"
    )
    .into_bytes()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * place)) as usize & 63] as char;
            text.push(if place > chunk.len() { '=' } else { digit });
        }
    }
    text
}

/// A tetrahedron.
fn stl() -> Vec<u8> {
    let corners = [[0.0_f32, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let faces = [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]];
    let mut bytes = vec![0; 80];
    bytes.extend((faces.len() as u32).to_le_bytes());
    for face in faces {
        bytes.extend([0; 12]);
        bytes.extend(face.iter().flat_map(|at| corners[*at]).flat_map(f32::to_le_bytes));
        bytes.extend([0; 2]);
    }
    bytes
}

#[tokio::test]
async fn an_older_version_changes_nothing_once_a_newer_one_is_committed() {
    let world = World::new().await;
    let function = world.function("image-job", Place::Boxed);
    let newer = world.request(SECOND, "a.jpg", jpeg(64, 48), "resize?width=16").await;
    nothing_failed(&function.invoke_within(&messages(&[&newer]), TIMEOUT));
    let committed = world.events(1).await.remove(0);
    let keys = world.aws.keys(&world.output).await;
    // The older one is there again in the bucket, as if its fetch had come before the newer upload.
    let older = world.request(FIRST, "a.jpg", jpeg(128, 96), "resize?width=16").await;
    nothing_failed(&function.invoke_within(&messages(&[&older]), TIMEOUT));
    let event = world.events(1).await.remove(0);
    assert_eq!(event.outcome, Outcome::Failed);
    assert!(event.error.as_ref().unwrap().message.contains("overwritten by a later version"), "{event:?}");
    assert_eq!(world.aws.keys(&world.output).await, keys);
    assert_eq!(world.manifest(&committed).await.job_id.as_deref(), Some(SECOND));
    assert_eq!(world.left().await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_batch_would_end_in_the_same_way_ends_here() {
    let world = World::new().await;
    let function = world.function("image-job", Place::Boxed);
    let damaged = world.request(FIRST, "cut.jpg", jpeg(900, 600)[..2000].to_vec(), "resize?width=16").await;
    let mut gone = world.request(FIRST, "gone.jpg", jpeg(64, 48), "resize?width=16").await;
    gone["source"]["key"] = json!("never.jpg");
    nothing_failed(&function.invoke_within(&messages(&[&damaged, &gone]), TIMEOUT));
    let events = world.events(2).await;
    let kinds: Vec<Value> = events.iter().map(|event| json!(event.error.as_ref().unwrap().kind)).collect();
    assert_eq!(kinds, ["invalidInput", "inputNotFound"]);
    assert_eq!(world.left().await, Vec::<Value>::new());
}

/// Messages that are no requests, of another kind, that need more than there is here, or more time than is left.
#[tokio::test]
async fn everything_else_is_left_to_batch_at_once() {
    let world = World::new().await;
    let function = world.function("image-job", Place::Boxed);
    let nonsense = json!("no request at all");
    let document = world.request(FIRST, "page.md", b"words".to_vec(), "text").await;
    let video = json!({"schemaVersion": 1, "jobId": "1", "source": {"key": "a", "size": 1}, "kind": "video", "processingOption": "probe"});
    let memory = world.request(FIRST, "b.jpg", jpeg(640, 480), "convert?format=png").await;
    let bodies = [&nonsense, &document, &video, &memory];
    nothing_failed(&function.invoke_within(&messages(&bodies[..1]), TIMEOUT));
    let small = world.function_at("image-job", Place::Boxed, world.aws.environment(), &[("JOB_MEMORY_LIMIT", "1MiB")]);
    nothing_failed(&small.invoke_within(&messages(&bodies[2..]), TIMEOUT));
    let left = world.left().await;
    assert!([&nonsense, &video, &memory].iter().all(|body| left.contains(body)), "{left:#?}");
    let printed = small.printed();
    let metrics: Vec<Value> = printed.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let forwarded =
        metrics.iter().filter(|line: &&Value| line["fastForwarded"] == 1 && line["kind"] == "image").count();
    assert_eq!(forwarded, 2, "{printed:#?}");
    assert_eq!(world.events(1).await, [], "what is left is not told as ended");

    // An invocation with no time for the work: the reserve is all that there is.
    let late = world.request(FIRST, "late.jpg", jpeg(64, 48), "resize?width=16").await;
    nothing_failed(&function.invoke_within(&messages(&[&late]), Duration::from_millis(2500)));
    assert_eq!(world.left().await, [late]);
}

#[tokio::test]
async fn trouble_with_the_store_is_left_to_batch_and_trouble_with_the_topic_comes_again() {
    let world = World::new().await;
    let proxy = Proxy::before(&world.aws.endpoint());
    let function = world.function_at("image-job", Place::Boxed, proxy.environment(), &[]);
    let request = world.request(FIRST, "a.jpg", jpeg(64, 48), "resize?width=16").await;
    proxy.rule(Rule::new("PUT", "/", Fault::Error { status: 503, code: "SlowDown" }).times(2));
    nothing_failed(&function.invoke_within(&messages(&[&request]), TIMEOUT));
    assert_eq!(world.left().await, std::slice::from_ref(&request));
    proxy.rule(Rule::new("POST", "/", Fault::Error { status: 503, code: "ServiceUnavailable" }).times(2));
    let answer = function.invoke_within(&messages(&[&request]), TIMEOUT);
    assert_eq!(answer, Ok(json!({ "batchItemFailures": [{ "itemIdentifier": "m0" }] })));
    nothing_failed(&function.invoke_within(&messages(&[&request]), TIMEOUT));
    let events = world.events(1).await;
    assert_eq!(events.iter().map(|event| event.outcome).collect::<Vec<_>>(), [Outcome::Succeeded]);
    assert_eq!(world.left().await, Vec::<Value>::new());
}

/// Without a jail that holds nothing is worked on: the program can be read, and its memory with it.
#[tokio::test]
async fn without_isolation_every_request_is_left_to_batch() {
    let scope = fs_err::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let world = World::new().await;
    let function = world.function("image-job", Place::Readable);
    let request = world.request(FIRST, "a.jpg", jpeg(64, 48), "resize?width=16").await;
    nothing_failed(&function.invoke_within(&messages(&[&request]), TIMEOUT));
    if !matches!(scope.trim(), "" | "0") {
        // Where Yama keeps the memory of processes from their children, it is isolated all the same.
        assert_eq!(world.events(1).await.len(), 1);
        return;
    }
    assert_eq!(world.left().await, [request]);
    assert_eq!(world.events(1).await, []);
    let refused = function.printed().iter().any(|line| line.contains("\"fastRefused\":1"));
    assert!(refused, "{:#?}", function.printed());
}

/// The filter is taken where the kernel takes it; asked for what holds, the function tells.
#[tokio::test]
async fn the_stronger_jail_is_taken_where_there_is_one_and_told() {
    let world = World::new().await;
    let open = world.function("image-job", Place::Open);
    let request = world.request(FIRST, "a.jpg", jpeg(64, 48), "resize?width=16").await;
    nothing_failed(&open.invoke_within(&messages(&[&request]), TIMEOUT));
    let event = world.events(1).await.remove(0);
    assert_eq!(
        (event.sandbox.jail, event.sandbox.seccomp, event.compute),
        (Some(Jail::Filter), true, Some(Compute::Lambda))
    );
    let told = open.invoke(&json!({ "isolation": true })).unwrap();
    assert_eq!((&told["jail"], told["tests"].as_array().map(Vec::len)), (&json!("filter"), Some(1)), "{told:#}");

    let boxed = world.function("document-job", Place::Boxed);
    let told = boxed.invoke(&json!({ "isolation": true })).unwrap();
    assert_eq!((&told["jail"], &told["programMode"]), (&json!("limits"), &json!("0111")), "{told:#}");
    assert!(told["verdicts"][0].as_str().unwrap().contains("could not be closed"), "{told:#}");
    assert_eq!(told["verdicts"][1], "the jail of limits holds", "{told:#}");
    let error = boxed.invoke(&json!({ "some": "event" })).unwrap_err();
    assert!(error["errorMessage"].as_str().unwrap().contains("no messages of SQS"), "{error}");
}

/// From upload to records with the fast path on: no container is started. Then what goes wrong there falls through to AWS Batch: a
/// function that is ended, and one that takes too long.
#[tokio::test]
async fn uploads_take_the_fast_path_and_fall_through_to_batch() {
    let engine = Engine::without_containers();
    let aws = Aws::start();
    let infrastructure = Infrastructure::create(&aws).await.with_fast_path(&aws, MediaKind::Image).await;
    let mut system = System::start(&aws, &engine, infrastructure).await;
    for copies in [1, 3] {
        system.copies = copies;
        let key = format!("fast/{copies}.jpg");
        flow::upload(&system, &key, jpeg(320, 240), Some("resize?width=32")).await;
        system.settle().await;
        assert!(system.undelivered.is_empty(), "{:#?}", system.undelivered);
        assert_eq!(system.carried_out.len(), 0, "{:#?}", system.carried_out);
        let record = flow::only_record_of(&system, &key).await;
        assert_eq!((record.state, record.fast), (State::Succeeded, true), "{record:#?}");
        assert_eq!((record.computes(), record.batch_job_id.as_ref()), (vec![Compute::Lambda], None));
        assert!(record.timeline.started_at.is_some() && record.timeline.recorded_at.is_some());
    }
    system.copies = 1;
    flow::what_cannot_be_done_is_told(&mut system).await;
    // Both versions are done, because each is done at once; the outputs are the newer one's.
    let key = "overwritten/photo.jpg";
    flow::upload(&system, key, jpeg(64, 48), Some("resize?width=16")).await;
    flow::upload(&system, key, jpeg(128, 96), Some("resize?width=16")).await;
    system.settle().await;
    let mut records = flow::records_of(&system, key).await;
    records.sort_by(|a, b| a.job_id.cmp(&b.job_id));
    assert_eq!(
        records.iter().map(|record| (record.state, record.fast)).collect::<Vec<_>>(),
        [(State::Succeeded, true); 2]
    );
    let keys = aws.keys(&system.infrastructure.buckets.output).await;
    let manifest =
        keys.iter().find(|each| each.starts_with(key) && each.ends_with("/manifest.json")).expect("a manifest");
    let manifest: Manifest =
        serde_json::from_slice(&aws.get(&system.infrastructure.buckets.output, manifest).await.unwrap()).unwrap();
    assert_eq!((manifest.job_id.as_ref(), &manifest.source), (Some(&records[1].job_id), &records[1].source));
    assert_eq!(system.carried_out.len(), 0, "{:#?}", system.carried_out);

    // Not eligible: too many results.
    let many: Vec<String> = (1..=60).map(|width| width.to_string()).collect();
    flow::upload(&system, "many.jpg", jpeg(64, 48), Some(&format!("resize?widths={}&format=avif", many.join(","))))
        .await;
    system.settle().await;
    let record = flow::only_record_of(&system, "many.jpg").await;
    assert_eq!(
        (record.state, record.fast, record.computes()),
        (State::Succeeded, false, vec![Compute::Batch]),
        "{record:#?}"
    );
    assert_eq!(system.carried_out.len(), 1);

    // The program is ended from outside, as when a function's memory is used up: twice, and then Batch does it.
    system.fast_timeout = Duration::from_millis(1);
    // More than a millisecond of work, however fast the machine is.
    flow::upload(&system, "killed.jpg", jpeg(1600, 1200), Some("resize?width=1200&format=avif")).await;
    system.settle().await;
    let record = flow::only_record_of(&system, "killed.jpg").await;
    assert_eq!(system.fast_errors.len(), 2, "{:?} {record:#?}", system.fast_errors);
    assert_eq!((record.state, record.fast), (State::Succeeded, true), "{record:#?}");
    assert_eq!(record.computes(), [Compute::Batch]);
    assert!(record.batch_job_id.is_some());
    assert_eq!(system.carried_out.len(), 2);
}

/// The same in a place where nothing isolates: all of it is done by AWS Batch.
#[tokio::test]
async fn without_isolation_uploads_are_done_by_batch() {
    let engine = Engine::without_containers();
    let aws = Aws::start();
    let infrastructure = Infrastructure::create(&aws).await.with_fast_path(&aws, MediaKind::Image).await;
    let mut system = System::start_with(&aws, &engine, infrastructure, Place::Readable).await;
    flow::upload(&system, "a.jpg", jpeg(320, 240), Some("resize?width=32")).await;
    system.settle().await;
    let record = flow::only_record_of(&system, "a.jpg").await;
    assert_eq!((record.state, record.fast), (State::Succeeded, true), "{record:#?}");
    let scope = fs_err::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    if matches!(scope.trim(), "" | "0") {
        assert_eq!((record.computes(), system.carried_out.len()), (vec![Compute::Batch], 1));
    }
}

/// How long the programs take from their start to their first request for an event, the self-tests included. Here and now only
/// a bound; the figures are in docs/benchmarks.md.
#[tokio::test]
async fn a_function_is_ready_soon() {
    let world = World::new().await;
    let mut inits: Vec<Duration> = (0..5).map(|_| world.function("document-job", Place::Boxed).init()).collect();
    inits.sort_unstable();
    assert!(inits[2] < Duration::from_millis(500), "{inits:?}");
    assert!(Path::new("/proc/self").exists());
}
