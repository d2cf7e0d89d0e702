//! The images: built from the Dockerfile that users build from, run as AWS Batch runs them.
#![expect(clippy::print_stdout, reason = "the test prints the size of each image")]

use std::io::{Cursor, Write};
use std::process::{Command, Output, Stdio};

use contract::{JobEvent, JobRequest, SCHEMA_VERSION, Source};
use e2e::Aws;
use e2e::containers::{Engine, TAG, succeed};

/// Compressed size of each image at most, in bytes. image-job holds document-job, which lays out and classifies the text of pictures.
const SIZE_LIMITS: [(&str, u64); 4] =
    [("document-job", 30_000_000), ("image-job", 26_000_000), ("model-job", 26_000_000), ("video-job", 60_000_000)];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs an image as Batch does with the job definitions of this project: read-only, not root, nothing to gain.
fn run(engine: &Engine, image: &str, more: &[&str], arguments: &[&str]) -> Output {
    engine
        .docker(&["run", "--rm", "--read-only", "--tmpfs", "/tmp:mode=1777", "--user", "65532:65532"])
        .args(["--cap-drop", "ALL", "--security-opt", "no-new-privileges"])
        .args(more)
        .arg(image)
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn the_images_are_small_closed_and_work() {
    let engine = Engine::start();
    for (job, limit) in SIZE_LIMITS {
        let printed = engine.build(job);
        println!("{}", printed.trim());
        let megabytes: u64 = printed.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a size");
        assert!(megabytes * 1_000_000 <= limit, "{printed}");
    }
    let image = format!("image-job:{TAG}");

    let shell = run(&engine, &image, &["--entrypoint", "/bin/sh"], &["-c", "true"]);
    assert!(!shell.status.success(), "there is no shell");

    is_isolated(&engine, &image);
    local_files_work(&engine, &image);
    s3_objects_work(&engine, &image);
    videos_work(&engine, &format!("video-job:{TAG}"));
}

/// The program cannot be read, nothing in the image runs with other rights, and a jail holds, whichever way it is asked.
fn is_isolated(engine: &Engine, image: &str) {
    let told = run(engine, image, &[], &["isolation"]);
    assert!(told.status.success(), "{}{}", text(&told.stdout), text(&told.stderr));
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(
        (&told["jail"], &told["programMode"]),
        (&serde_json::json!("filter"), &serde_json::json!("0111")),
        "{told:#}"
    );
    assert_eq!(told["verdicts"][1], "the jail of limits holds", "{told:#}");
    let container = succeed(&mut engine.docker(&["create", image, "isolation"]));
    let export = engine.docker(&["export", container.trim()]).output().unwrap();
    succeed(&mut engine.docker(&["rm", container.trim()]));
    let mut list = Command::new("tar").args(["-tv"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut files = list.stdin.take().unwrap();
    let writer = std::thread::spawn(move || files.write_all(&export.stdout));
    let listed = text(&list.wait_with_output().unwrap().stdout);
    writer.join().unwrap().unwrap();
    let with_rights =
        listed.lines().filter(|line| line.split_whitespace().next().is_some_and(|mode| mode.contains('s')));
    assert_eq!(with_rights.collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(
        listed.lines().any(|line| line.starts_with("---x--x--x") && line.contains("usr/local/bin/image-job")),
        "{listed}"
    );
}

fn local_files_work(engine: &Engine, image: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("photo.jpg"), jpeg()).unwrap();
    succeed(Command::new("chmod").args(["-R", "a+rwX"]).arg(folder.path()));
    let volume = format!("{}:/data", folder.path().display());
    let output = run(
        engine,
        image,
        &["--network", "none", "-v", &volume],
        &["resize", "--width", "100", "/data/photo.jpg", "/data/out"],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    let event: JobEvent = serde_json::from_str(text(&output.stdout).lines().next().unwrap()).unwrap();
    assert!(event.sandbox.seccomp, "the worker is held in a container, too");
    let picture = image::open(folder.path().join("out").join(&event.outputs[0].key)).unwrap();
    assert_eq!(picture.width(), 100);
}

/// Every codec that the image is said to write, from a video whose frames are JPEGs.
fn videos_work(engine: &Engine, image: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("film.avi"), avi(50)).unwrap();
    succeed(Command::new("chmod").args(["-R", "a+rwX"]).arg(folder.path()));
    let volume = format!("{}:/data", folder.path().display());
    for (operation, outputs) in [
        (&["keyframes", "--format", "webp"][..], 50 + 3),
        (&["transcode", "--preset", "ultrafast"], 1),
        (&["transcode", "--preset", "ultrafast", "--codec", "h265"], 1),
        (&["transcode", "--preset", "ultrafast", "--codec", "av1"], 1),
        (&["transcode", "--preset", "ultrafast", "--container", "webm"], 1),
        (
            &[
                "transcode",
                "--preset",
                "ultrafast",
                "--container",
                "hls",
                "--heights",
                "300,120",
                "--segment-duration",
                "1",
            ],
            9,
        ),
    ] {
        let arguments = [operation, &["/data/film.avi", "/data/out"]].concat();
        let output = run(engine, image, &["--network", "none", "-v", &volume], &arguments);
        assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
        let event: JobEvent = serde_json::from_str(text(&output.stdout).lines().next().unwrap()).unwrap();
        assert_eq!(event.output_count, outputs, "{arguments:?}");
        assert!(event.sandbox.seccomp, "the worker is held in a container, too");
    }
}

fn s3_objects_work(engine: &Engine, image: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let aws = Aws::shared();
    let (input, output, notices) = runtime.block_on(async {
        let input = aws.bucket().await;
        aws.put(&input, "photo.jpg", jpeg()).await;
        (input, aws.bucket().await, aws.topic_with_queue().await)
    });
    let mut environment = vec!["--network".to_owned(), "host".to_owned()];
    let own = [("S3_OUTPUT".to_owned(), output.clone()), ("SNS_NOTIF".to_owned(), notices.topic_arn.clone())];
    for (name, value) in aws.environment().into_iter().chain(own) {
        environment.extend(["-e".to_owned(), format!("{name}={value}")]);
    }
    let environment: Vec<&str> = environment.iter().map(String::as_str).collect();
    let location = format!("s3://{input}/photo.jpg");
    let ran = run(
        engine,
        image,
        &environment,
        &["run", "--input", &location, "--processing-option", "resize?width=64&format=webp"],
    );
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    let (message, _) = runtime.block_on(notices.receive(1)).remove(0);
    assert_eq!(message["outcome"], "SUCCEEDED");
    let key = message["outputs"][0]["key"].as_str().unwrap();
    assert!(runtime.block_on(aws.get(&output, key)).is_some());
}

/// `scripts/test` leaves out what is in a module of this name.
mod by_hand {
    use super::*;

    /// As AWS Batch runs it on EC2: processors are a weight, so that the container sees all of the host's; memory is a limit.
    #[test]
    #[ignore = "never seen to run: cargo test -p e2e --test container -- --ignored"]
    fn a_list_keeps_to_what_the_container_was_given() {
        const PICTURES: usize = 12;
        let engine = &Engine::start();
        engine.build("image-job");
        let image = &format!("image-job:{TAG}");
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let aws = Aws::shared();
        let (bucket, list) = runtime.block_on(async {
            let bucket = aws.bucket().await;
            let mut list = String::new();
            for number in 0..PICTURES {
                let key = format!("{number}.jpg");
                aws.put(&bucket, &key, large_jpeg()).await;
                let request = JobRequest {
                    schema_version: SCHEMA_VERSION,
                    job_id: format!("job-{number}"),
                    source: Source { bucket: Some(bucket.clone()), key, version_id: None, etag: None, size: 0 },
                    processing_option: catalog::ProcessingOption::new(catalog::MediaKind::Image, "resize?width=3000"),
                    uploaded_at: None,
                };
                list += &(serde_json::to_string(&request).unwrap() + "\n");
            }
            aws.put(&bucket, "list.jsonl", list.into_bytes()).await;
            (bucket.clone(), format!("s3://{bucket}/list.jsonl"))
        });
        let mut given = ["--network", "host", "--cpu-shares", "512", "--memory", "1200m", "--memory-swap", "1200m"]
            .map(str::to_owned)
            .to_vec();
        let own = [("S3_OUTPUT", bucket), ("JOB_PROCESSORS", "2".to_owned()), ("METRICS", "none".to_owned())];
        for (name, value) in aws.environment().into_iter().chain(own.map(|(name, value)| (name.to_owned(), value))) {
            given.extend(["-e".to_owned(), format!("{name}={value}")]);
        }
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        // The default limit of an operation's memory is more than the container has.
        let ran = run(engine, image, &given, &["run", "--manifest", &list]);
        assert!(ran.status.success(), "{:?} {}", ran.status, text(&ran.stderr));
        let events: Vec<JobEvent> = text(&ran.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(events.len(), PICTURES);
        assert!(events.iter().all(|event| event.error.is_none()), "{}", text(&ran.stdout));
    }

    /// 24 megapixels.
    fn large_jpeg() -> Vec<u8> {
        let picture = image::RgbImage::from_fn(6000, 4000, |x, y| image::Rgb([x as u8, y as u8, 128]));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
        bytes.into_inner()
    }
}

fn jpeg() -> Vec<u8> {
    let picture = image::RgbImage::from_fn(400, 300, |x, y| image::Rgb([x as u8, y as u8, 128]));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

/// A second of video has 25 frames, each a JPEG (the AVI of Microsoft's RIFF reference, with an index).
fn avi(frames: u32) -> Vec<u8> {
    fn chunk(kind: &[u8], content: &[u8]) -> Vec<u8> {
        let mut bytes = [kind, &(content.len() as u32).to_le_bytes(), content].concat();
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes
    }
    fn list(kind: &[u8], content: &[&[u8]]) -> Vec<u8> {
        chunk(b"LIST", &[kind, &content.concat()].concat())
    }
    fn words(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }
    let (width, height, picture) = (400, 300, jpeg());
    let size = picture.len() as u32;
    let main = words(&[40_000, 0, 0, 0x10, frames, 0, 1, size, width, height, 0, 0, 0, 0]);
    let of_stream = [&b"vidsMJPG"[..], &words(&[0, 0, 0, 1, 25, 0, frames, size, u32::MAX, 0, 0, 0])].concat();
    let format = [&words(&[40, width, height, 1 | 24 << 16])[..], b"MJPG", &words(&[size, 0, 0, 0, 0])].concat();
    let stream = list(b"strl", &[&chunk(b"strh", &of_stream), &chunk(b"strf", &format)]);
    let frame = chunk(b"00dc", &picture);
    let index: Vec<u8> = (0..frames)
        .flat_map(|number| [&b"00dc"[..], &words(&[0x10, 4 + number * frame.len() as u32, size])].concat())
        .collect();
    let content = [
        list(b"hdrl", &[&chunk(b"avih", &main), &stream]),
        list(b"movi", &vec![&frame[..]; frames as usize]),
        chunk(b"idx1", &index),
    ];
    chunk(b"RIFF", &[b"AVI ", &content.concat()[..]].concat())
}
