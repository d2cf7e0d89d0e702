//! video-job, the real program, against real APIs: large outputs are sent while the work goes on, and become visible only
//! with all the others; parts of a video are kept in a bucket until they are joined.

use std::io::Cursor;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use contract::{FailureKind, JobEvent, Manifest};
use e2e::{Aws, Engines, Proxy, command};
use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

const LADDER: &str = "transcode?container=hls&heights=360&segment-duration=2&preset=ultrafast&crf=10";

struct World {
    aws: &'static Aws,
    input: String,
    work: String,
    output: String,
}

impl World {
    async fn new() -> Self {
        let aws = Aws::shared();
        Self { aws, input: aws.bucket().await, work: aws.bucket().await, output: aws.bucket().await }
    }

    fn run(&self, endpoint: Vec<(String, String)>, option: &str, arguments: &[&str]) -> Output {
        let input = format!("s3://{}/film.avi", self.input);
        command("video-job")
            .envs(endpoint)
            .env("S3_OUTPUT", &self.output)
            .args(["run", "--input", &input, "--processing-option", option])
            .args(arguments)
            .output()
            .unwrap()
    }

    async fn manifest(&self, output: &Output) -> Manifest {
        let event: JobEvent = serde_json::from_slice(&output.stdout).expect("one event");
        let key = event.manifest_key.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stdout)));
        serde_json::from_slice(&self.aws.get(&self.output, &key).await.expect("a manifest")).unwrap()
    }

    async fn unfinished_uploads(&self) -> usize {
        let uploads = self.aws.s3().list_multipart_uploads().bucket(&self.output).send().await.unwrap();
        uploads.uploads().len()
    }
}

/// Noise, which no encoder makes small: AVI with Motion JPEG, ten frames a second.
fn noise(frames: u32) -> Vec<u8> {
    let (width, height) = (640_u32, 360_u32);
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let pictures: Vec<Vec<u8>> = (0..frames)
        .map(|_| {
            let picture = RgbImage::from_fn(width, height, |_, _| Rgb([random(), random(), random()]));
            let mut bytes = Cursor::new(Vec::new());
            JpegEncoder::new_with_quality(&mut bytes, 60).encode_image(&picture).unwrap();
            bytes.into_inner()
        })
        .collect();
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let main = words(&[100_000, 0, 0, 0x10, frames, 0, 1, 0, width, height, 0, 0, 0, 0]);
    let mut stream = [*b"vids", *b"MJPG"].concat();
    stream.extend(words(&[0, 0, 0, 1, 10, 0, frames, 0, u32::MAX, 0, 0, 0]));
    let mut format = words(&[40, width, height, 1 | 24 << 16]);
    format.extend(b"MJPG");
    format.extend(words(&[width * height * 3, 0, 0, 0, 0]));
    let tracks = list(*b"strl", &[chunk(*b"strh", &stream), chunk(*b"strf", &format)]);
    let header = list(*b"hdrl", &[chunk(*b"avih", &main), tracks]);
    let (mut index, mut at) = (Vec::new(), 4);
    for picture in &pictures {
        index.extend(b"00dc");
        index.extend(words(&[0x10, at, picture.len() as u32]));
        at += 8 + picture.len().next_multiple_of(2) as u32;
    }
    let pictures: Vec<_> = pictures.iter().map(|picture| chunk(*b"00dc", picture)).collect();
    let content = [&b"AVI "[..], &header, &list(*b"movi", &pictures), &chunk(*b"idx1", &index)].concat();
    chunk(*b"RIFF", &content)
}

fn chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = name.to_vec();
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes
}

fn list(name: [u8; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
    chunk(*b"LIST", &[&name[..], &chunks.concat()].concat())
}

#[tokio::test]
async fn segments_are_sent_while_the_work_goes_on_and_visible_when_it_has_succeeded() {
    let world = World::new().await;
    world.aws.put(&world.input, "film.avi", noise(60)).await;
    let proxy = Proxy::before(&world.aws.endpoint());
    let done = world.run(proxy.environment(), LADDER, &[]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));

    let manifest = world.manifest(&done).await;
    let segments: Vec<_> = manifest
        .outputs
        .iter()
        .filter(|output| Path::new(&output.key).extension().is_some_and(|name| name == "m4s"))
        .collect();
    assert_eq!(segments.len(), 3);
    for output in &manifest.outputs {
        let stored = world.aws.get(&world.output, &output.key).await.expect("it is there");
        assert_eq!(stored.len() as u64, output.size, "{}", output.key);
    }
    let count = |method: &str, part: &str| {
        let requests = proxy.requests();
        requests.iter().filter(|request| request.method == method && request.path.contains(part)).count()
    };
    assert!(segments.iter().all(|segment| segment.size > 1 << 20), "{segments:?}");
    assert_eq!(count("PUT", "partNumber=1"), 3, "the segments alone are uploads in parts");
    assert_eq!(world.unfinished_uploads().await, 0);
}

#[tokio::test]
async fn a_job_that_fails_leaves_nothing_of_what_it_had_sent() {
    let world = World::new().await;
    let mut film = noise(60);
    film.truncate(film.len() * 9 / 10);
    world.aws.put(&world.input, "film.avi", film).await;
    let proxy = Proxy::before(&world.aws.endpoint());
    let failed = world.run(proxy.environment(), LADDER, &[]);
    assert_eq!(failed.status.code(), Some(65), "{}", String::from_utf8_lossy(&failed.stdout));
    let requests = proxy.requests();
    let sent = requests.iter().filter(|request| request.path.contains("partNumber=")).count();
    assert!(sent >= 2, "segments were on their way before it failed: {sent}");
    assert!(requests.iter().all(|request| request.method != "POST" || !request.path.contains("uploadId=")));
    assert_eq!(world.aws.keys(&world.output).await, Vec::<String>::new());
    assert_eq!(world.unfinished_uploads().await, 0);
}

#[tokio::test]
async fn parts_in_a_bucket_are_joined() {
    let world = World::new().await;
    world.aws.put(&world.input, "film.avi", noise(40)).await;
    let parts = format!("s3://{}/parts/job", world.work);
    let option = "transcode?preset=ultrafast&chunks=auto";
    for index in ["0", "1"] {
        let arguments = ["--parts", &parts, "--array-index", index, "--array-size", "2"];
        let done = world.run(world.aws.environment(), option, &arguments);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    }
    assert_eq!(world.aws.keys(&world.output).await, Vec::<String>::new(), "a part is no result");
    let joined = world.run(world.aws.environment(), option, &["--parts", &parts, "--join", "2"]);
    assert!(joined.status.success(), "{}", String::from_utf8_lossy(&joined.stdout));
    let manifest = world.manifest(&joined).await;
    assert_eq!(manifest.properties["frames"], 40);
    assert_eq!(manifest.properties["duration"], 4.0);
}

/// The environment of a job that may hand over to MediaConvert.
fn handing_over(world: &World, engines: &Engines) -> Vec<(String, String)> {
    let mut environment = engines.environment();
    let staging = format!("s3://{}/engine", world.work);
    for (name, value) in [("MEDIACONVERT_ROLE", "arn:aws:iam::123456789012:role/media"), ("ENGINE_STAGING", &staging)] {
        environment.push((name.to_owned(), value.to_owned()));
    }
    environment
}

fn failure(output: &Output) -> (FailureKind, String) {
    let event: JobEvent = serde_json::from_slice(&output.stdout).expect("one event");
    let error = event.error.expect("it has failed");
    (error.kind, error.message)
}

fn starts(engines: &Engines) -> usize {
    engines.calls().iter().filter(|call| *call == "mediaconvert CreateJob").count()
}

#[tokio::test]
async fn media_convert_transcodes_and_its_results_are_committed_like_any_other() {
    let world = World::new().await;
    let engines = Engines::new(world.aws);
    world.aws.put(&world.input, "film.avi", noise(20)).await;
    let environment = handing_over(&world, &engines);
    // A busy service is asked again, and starts one job.
    engines.refuse("mediaconvert", "CreateJob", "TooManyRequestsException", 1);
    let prices = ["--price-vcpu-hour", "0", "--price-gib-hour", "0"];
    let done = world.run(environment.clone(), "transcode?engine=mediaconvert&max-height=180", &prices);
    let manifest = world.manifest(&done).await;
    let [video] = &manifest.outputs[..] else { panic!("{:?}", manifest.outputs) };
    assert!(video.key.ends_with("/video.mp4") && video.content_type == "video/mp4", "{video:?}");
    assert_eq!((&video.properties["width"], &video.properties["height"]), (&320.into(), &180.into()));
    assert_eq!(manifest.properties["engine"], "mediaconvert");
    assert!((manifest.properties["duration"].as_f64().unwrap() - 2.0).abs() < 0.2, "{:?}", manifest.properties);
    let stored = world.aws.get(&world.output, &video.key).await.expect("the video");
    assert_eq!((stored.len() as u64, &stored[4..8]), (video.size, &b"ftyp"[..]));
    let usage = manifest.usage.unwrap();
    assert_eq!(usage.managed.mediaconvert_seconds, 2);
    assert!((usage.estimated_cost.unwrap() - 2.0 * 0.0075 / 60.0).abs() < 1e-4, "{usage:?}");
    assert_eq!(manifest.versions["mediaconvert CreateJob"], "interface of 2017-08-29");
    // What it wrote is kept for a try that comes again; the bucket's lifecycle rule deletes it.
    assert!(
        matches!(&world.aws.keys(&world.work).await[..], [key] if key.starts_with("engine/") && key.ends_with("/video.mp4"))
    );
    assert_eq!(starts(&engines), 2);

    let ladder = "transcode?engine=mediaconvert&container=hls&heights=360,180&segment-duration=1&dash";
    let manifest = world.manifest(&world.run(environment, ladder, &[])).await;
    let count = |end: &str| manifest.outputs.iter().filter(|output| output.key.ends_with(end)).count();
    assert!(count(".m3u8") >= 3 && count(".mpd") == 1 && count(".m4s") >= 4, "{:?}", manifest.outputs);
    assert!(
        manifest.outputs.iter().all(|output| output.content_type != "application/octet-stream"),
        "{:?}",
        manifest.outputs
    );
}

#[tokio::test]
async fn a_job_that_an_earlier_try_has_started_is_waited_for_and_not_started_again() {
    let world = World::new().await;
    let engines = Engines::new(world.aws);
    world.aws.put(&world.input, "film.avi", noise(5)).await;
    engines.slow_media_job(8);
    let environment = handing_over(&world, &engines);
    let input = format!("s3://{}/film.avi", world.input);
    let option = "transcode?engine=mediaconvert&max-height=180";
    let mut first = command("video-job")
        .envs(environment.clone())
        .env("S3_OUTPUT", &world.output)
        .args(["run", "--input", &input, "--processing-option", option])
        .spawn()
        .unwrap();
    while starts(&engines) == 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The answer of the start may still be on its way: whatever the first try knows is lost.
    first.kill().unwrap();
    first.wait().unwrap();
    let manifest = world.manifest(&world.run(environment.clone(), option, &[])).await;
    assert_eq!((manifest.outputs.len(), starts(&engines)), (1, 1));
    // The same once more takes what is there, and where somebody has deleted that, starts another.
    let again = world.manifest(&world.run(environment.clone(), option, &[])).await;
    assert_eq!((again.outputs[0].sha256.as_str(), starts(&engines)), (manifest.outputs[0].sha256.as_str(), 1));
    for key in world.aws.keys(&world.work).await {
        world.aws.s3().delete_object().bucket(&world.work).key(key).send().await.unwrap();
    }
    let again = world.manifest(&world.run(environment, option, &[])).await;
    assert_eq!((again.outputs[0].key.as_str(), starts(&engines)), (manifest.outputs[0].key.as_str(), 2));
}

#[tokio::test]
async fn what_media_convert_cannot_do_says_so_and_leaves_nothing() {
    let world = World::new().await;
    let engines = Engines::new(world.aws);
    world.aws.put(&world.input, "film.avi", noise(5)).await;
    let environment = handing_over(&world, &engines);
    let option = "transcode?engine=mediaconvert";
    for (code, expected) in
        [(1040, FailureKind::InvalidInput), (1401, FailureKind::InvalidRequest), (3450, FailureKind::Temporary)]
    {
        engines.fail_media_job(code);
        let (kind, message) = failure(&world.run(environment.clone(), option, &[]));
        assert_eq!(kind, expected, "{message}");
        assert!(message.contains(&format!("error {code}: as the test wants it")), "{message}");
    }
    // A template reaches the service, which holds it to its model.
    let template = br#"{"settings": {"adAvailOffset": 5000, "inputs": [{"fileInput": "s3://other/file"}]}}"#;
    world.aws.put(&world.input, "settings.json", template.to_vec()).await;
    let with_template = format!("{option}&mediaconvert-settings=s3://{}/settings.json", world.input);
    let (kind, message) = failure(&world.run(environment, &with_template, &[]));
    assert!(kind == FailureKind::Internal && message.contains("adAvailOffset: 5000 is outside"), "{message}");
    assert!(!message.contains("other/file"), "{message}");
    let (kind, message) = failure(&world.run(engines.environment(), option, &[]));
    assert!(kind == FailureKind::InvalidRequest && message.contains("needs MEDIACONVERT_ROLE"), "{message}");
    assert!(world.aws.keys(&world.output).await.is_empty() && world.aws.keys(&world.work).await.is_empty());
    for (refused, sentence) in [
        ("transcode?engine=mediaconvert&chunks=auto", "leave out chunks"),
        ("transcode?engine=mediaconvert&container=webm", "give bitrate"),
        ("transcode?mediaconvert-settings=s3://a/b", "goes with engine=mediaconvert"),
    ] {
        let output = world.run(engines.environment(), refused, &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(64) && said.contains(sentence), "{said}");
    }
}
