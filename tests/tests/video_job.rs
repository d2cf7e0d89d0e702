//! video-job, the real program, against real APIs: large outputs are sent while the work goes on, and become visible only
//! with all the others; parts of a video are kept in a bucket until they are joined.

use std::io::Cursor;
use std::path::Path;
use std::process::Output;

use contract::{JobEvent, Manifest};
use e2e::{Aws, Proxy, command};
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
