//! The images: built from the Dockerfile that users build from, run as AWS Batch runs them.
#![expect(clippy::print_stdout, reason = "the test prints the size of each image")]

use std::io::Cursor;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use e2e::Aws;
use job::JobEvent;

/// Compressed size of each image at most, in bytes. That of video-job holds the whole closure of Debian's FFmpeg; the aim
/// is 60 MB, with an FFmpeg of its own.
const SIZE_LIMITS: [(&str, u64); 4] =
    [("document-job", 30_000_000), ("image-job", 25_000_000), ("model-job", 25_000_000), ("video-job", 110_000_000)];

/// Debian's client; the first one on a developer's PATH may be another without `BuildKit`.
const DOCKER: &str = "/usr/bin/docker";

/// A Docker engine: the machine's own where one runs, else one that this process starts and ends.
struct Engine {
    own: Option<Child>,
}

static ENGINE: LazyLock<Mutex<Engine>> = LazyLock::new(|| Mutex::new(Engine::start()));

impl Engine {
    fn start() -> Self {
        if is_engine_up() {
            return Self { own: None };
        }
        let own = Command::new("/usr/sbin/dockerd")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("no Docker engine runs and dockerd is not installed; `scripts/setup test` installs it");
        let start = Instant::now();
        while !is_engine_up() {
            assert!(start.elapsed() < Duration::from_mins(1), "dockerd did not come up within a minute; is this root?");
            std::thread::sleep(Duration::from_millis(200));
        }
        Self { own: Some(own) }
    }

    /// Statics are not dropped: the last test ends what the first started.
    fn stop(&mut self) {
        if let Some(mut own) = self.own.take() {
            let terminated = Command::new("kill").arg(own.id().to_string()).status();
            assert!(terminated.is_ok_and(|status| status.success()));
            own.wait().unwrap();
        }
    }
}

fn is_engine_up() -> bool {
    let info = Command::new(DOCKER).arg("info").stdout(Stdio::null()).stderr(Stdio::null()).status();
    info.is_ok_and(|status| status.success())
}

fn project(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs an image as Batch does with the job definitions of this project: read-only, not root, nothing to gain.
fn run(image: &str, more: &[&str], arguments: &[&str]) -> Output {
    Command::new(DOCKER)
        .args(["run", "--rm", "--read-only", "--tmpfs", "/tmp:mode=1777", "--user", "65532:65532"])
        .args(["--cap-drop", "ALL", "--security-opt", "no-new-privileges"])
        .args(more)
        .arg(image)
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn the_images_are_small_closed_and_work() {
    let mut engine = ENGINE.lock().unwrap();
    succeed(Command::new(project("tests/container/bases")).env("DOCKER", DOCKER));
    for (job, limit) in SIZE_LIMITS {
        let printed = succeed(
            Command::new(project("docker/build"))
                .args(["under-test", job])
                .env("DOCKER", DOCKER)
                .env("DOCKER_BUILD_ARGUMENTS", "--network=host"),
        );
        println!("{}", printed.trim());
        let megabytes: u64 = printed.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a size");
        assert!(megabytes * 1_000_000 <= limit, "{printed}");
    }
    let image = "image-job:under-test";

    let shell = run(image, &["--entrypoint", "/bin/sh"], &["-c", "true"]);
    assert!(!shell.status.success(), "there is no shell");

    local_files_work(image);
    s3_objects_work(image);
    engine.stop();
}

fn local_files_work(image: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("photo.jpg"), jpeg()).unwrap();
    succeed(Command::new("chmod").args(["-R", "a+rwX"]).arg(folder.path()));
    let volume = format!("{}:/data", folder.path().display());
    let output = run(
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

fn s3_objects_work(image: &str) {
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
    let ran =
        run(image, &environment, &["run", "--input", &location, "--processing-option", "resize?width=64&format=webp"]);
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    let (message, _) = runtime.block_on(notices.receive(1)).remove(0);
    assert_eq!(message["outcome"], "SUCCEEDED");
    let key = message["outputs"][0]["key"].as_str().unwrap();
    assert!(runtime.block_on(aws.get(&output, key)).is_some());
}

fn jpeg() -> Vec<u8> {
    let picture = image::RgbImage::from_fn(400, 300, |x, y| image::Rgb([x as u8, y as u8, 128]));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}
