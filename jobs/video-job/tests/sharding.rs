//! One video encoded by several processes of the real program, and joined by another.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ffmpeg_next as ffmpeg;
use ffmpeg_next::{frame, media};
use support::{Fixture, number_in};

struct Place {
    folder: tempfile::TempDir,
    source: PathBuf,
}

impl Place {
    fn new(fixture: &Fixture, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join(name);
        fixture.write(&source);
        Self { folder, source }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self, option: &str, share: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_video-job"));
        command.args(["run", "--output-format", "json", "--processing-option", option]);
        command.arg("--input").arg(&self.source).arg("--output").arg(self.path("out"));
        command.args(share).env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    fn share(&self, option: &str, share: &[&str]) -> Output {
        let parts = self.path("parts");
        self.start(option, &[&["--parts", parts.to_str().unwrap()], share].concat()).output().unwrap()
    }

    /// Encodes the parts at once, each in a process of its own as Batch starts an array's children, and joins them.
    fn in_parts(&self, option: &str, count: u32) -> PathBuf {
        let parts = self.path("parts");
        let children: Vec<_> = (0..count)
            .map(|index| {
                let mut child = self.start(option, &["--parts", parts.to_str().unwrap()]);
                child.env("AWS_BATCH_JOB_ARRAY_INDEX", index.to_string());
                child.env("AWS_BATCH_JOB_ARRAY_SIZE", count.to_string());
                child.stdout(Stdio::null()).spawn().unwrap()
            })
            .collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        assert!(!self.path("out").exists(), "a part is no result");
        let joined = self.share(option, &["--join", &count.to_string()]);
        assert!(joined.status.success(), "{}", String::from_utf8_lossy(&joined.stdout));
        only_folder(&self.path("out").join(self.source.file_name().unwrap()))
    }

    fn in_one(&self, option: &str) -> PathBuf {
        let done = self.start(option, &[]).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
        only_folder(&self.path("out").join(self.source.file_name().unwrap()))
    }
}

fn only_folder(folder: &Path) -> PathBuf {
    let mut entries = fs_err::read_dir(folder).unwrap();
    let path = entries.next().unwrap().unwrap().path();
    assert!(entries.next().is_none());
    path
}

/// The frames of a video with their times in seconds and grey values, and the beginning and length of its audio.
struct Decoded {
    frames: Vec<(f64, frame::Video)>,
    audio: Option<(f64, f64)>,
}

fn decode(path: &Path) -> Decoded {
    let mut input = ffmpeg::format::input(path).unwrap();
    let audio = input.streams().best(media::Type::Audio).map(|stream| {
        let base = f64::from(stream.time_base());
        (stream.start_time() as f64 * base, stream.duration() as f64 * base)
    });
    let video = input.streams().best(media::Type::Video).unwrap();
    let (index, base) = (video.index(), f64::from(video.time_base()));
    let context = ffmpeg::codec::Context::from_parameters(video.parameters()).unwrap();
    let mut decoder = context.decoder().video().unwrap();
    let mut frames = Vec::new();
    let packets: Vec<_> =
        input.packets().filter(|(stream, _)| stream.index() == index).map(|(_, packet)| packet).collect();
    for packet in packets.into_iter().map(Some).chain([None]) {
        match packet {
            Some(packet) => decoder.send_packet(&packet).unwrap(),
            None => decoder.send_eof().unwrap(),
        }
        let mut frame = frame::Video::empty();
        while decoder.receive_frame(&mut frame).is_ok() {
            frames
                .push((frame.timestamp().unwrap() as f64 * base, std::mem::replace(&mut frame, frame::Video::empty())));
        }
    }
    Decoded { frames, audio }
}

fn grey(frame: &frame::Video) -> impl Iterator<Item = &[u8]> {
    frame.data(0).chunks(frame.stride(0)).take(frame.height() as usize).map(|line| &line[..frame.width() as usize])
}

fn number_of(frame: &frame::Video) -> u32 {
    number_in(grey(frame).nth(frame.height() as usize / 2).unwrap())
}

/// Structural similarity (Wang et al. 2004) of two grey pictures, over blocks of 8×8.
fn ssim(one: &frame::Video, other: &frame::Video) -> f64 {
    let (a, b): (Vec<_>, Vec<_>) = (grey(one).collect(), grey(other).collect());
    let (mut sum, mut blocks) = (0.0, 0.0);
    for y in (0..a.len() - 7).step_by(8) {
        for x in (0..a[0].len() - 7).step_by(8) {
            let block = |lines: &[&[u8]]| -> Vec<f64> {
                lines[y..y + 8].iter().flat_map(|line| line[x..x + 8].iter().map(|value| f64::from(*value))).collect()
            };
            let (p, q) = (block(&a), block(&b));
            let mean = |values: &[f64]| values.iter().sum::<f64>() / 64.0;
            let (m, n) = (mean(&p), mean(&q));
            let of = |f: &dyn Fn(f64, f64) -> f64| p.iter().zip(&q).map(|(p, q)| f(*p, *q)).sum::<f64>() / 63.0;
            let (pp, qq) = (of(&|p, _| (p - m).powi(2)), of(&|_, q| (q - n).powi(2)));
            let pq = of(&|p, q| (p - m) * (q - n));
            let (c1, c2) = (6.5025, 58.5225);
            sum += (2.0 * m * n + c1) * (2.0 * pq + c2) / ((m * m + n * n + c1) * (pp + qq + c2));
            blocks += 1.0;
        }
    }
    sum / blocks
}

#[test]
fn processes_and_a_join_make_what_one_process_makes_to_the_frame() {
    let fixture = Fixture { frames: 240, gop: 30, audio_tracks: 2, width: 320, height: 192, ..Fixture::default() };
    for (name, options, file) in [
        ("a.mp4", "preset=veryfast", "video.mp4"),
        ("a.mkv", "preset=veryfast&codec=h265", "video.mp4"),
        ("a.ts", "preset=veryfast", "video.mp4"),
        ("a.mp4", "preset=ultrafast&container=webm", "video.webm"),
    ] {
        let (shared, alone) = (Place::new(&fixture, name), Place::new(&fixture, name));
        let option = format!("transcode?{options}");
        let joined = decode(&shared.in_parts(&option, 3).join(file));
        let whole = decode(&alone.in_one(&option).join(file));
        assert_eq!((joined.frames.len(), whole.frames.len()), (240, 240), "{name} {options}");
        for (at, ((time, frame), (expected, _))) in joined.frames.iter().zip(&whole.frames).enumerate() {
            assert_eq!(number_of(frame), at as u32, "{name} {options}");
            assert!((time - expected).abs() < 1e-6, "{name} {options}: frame {at} at {time}, not at {expected}");
        }
        assert_eq!(joined.audio, whole.audio, "{name} {options}");
        assert!(joined.audio.is_some());
    }
}

#[test]
fn seams_are_no_worse_than_the_rest() {
    let fixture = Fixture { frames: 240, gop: 30, width: 320, height: 192, ..Fixture::default() };
    let place = Place::new(&fixture, "a.mp4");
    let joined = decode(&place.in_parts("transcode?crf=30", 4).join("video.mp4"));
    let source = decode(&place.source);
    let similar: Vec<f64> = joined.frames.iter().zip(&source.frames).map(|((_, a), (_, b))| ssim(a, b)).collect();
    let lowest = |frames: &mut dyn Iterator<Item = usize>| frames.map(|at| similar[at]).fold(1.0, f64::min);
    // Key frames of the source stand every 30 frames; the parts begin at frames 60, 120 and 180.
    let is_seam = |at: &usize| [60, 120, 180].iter().any(|seam| at.abs_diff(*seam) <= 2);
    let seams = lowest(&mut (0..240).filter(is_seam));
    let others = lowest(&mut (0..240).filter(|at| !is_seam(at)));
    assert!(seams >= others - 0.001, "{seams} at the seams, {others} elsewhere");
    assert!(others > 0.9, "{others}");
}

#[test]
fn a_ladder_is_joined_with_its_segments_and_its_audio() {
    let fixture = Fixture { frames: 240, gop: 30, width: 320, height: 192, audio_tracks: 1, ..Fixture::default() };
    let place = Place::new(&fixture, "a.mp4");
    let option = "transcode?preset=veryfast&container=hls&heights=192,96&segment-duration=2";
    let folder = place.in_parts(option, 3);
    for rendition in ["192p", "96p"] {
        let playlist = fs_err::read_to_string(folder.join(rendition).join("index.m3u8")).unwrap();
        assert_eq!(playlist.matches("#EXTINF:2.000000,").count(), 5, "{playlist}");
        let mut whole = fs_err::read(folder.join(rendition).join("init.mp4")).unwrap();
        for number in 1..=5 {
            whole.extend(fs_err::read(folder.join(format!("{rendition}/segment-{number:05}.m4s"))).unwrap());
        }
        let path = place.path("whole.mp4");
        fs_err::write(&path, whole).unwrap();
        let numbers: Vec<u32> = decode(&path).frames.iter().map(|(_, frame)| number_of(frame)).collect();
        assert_eq!(numbers, (0..240).collect::<Vec<_>>(), "{rendition}");
    }
    assert!(folder.join("audio-1/segment-00005.m4s").exists());
}

#[test]
fn more_parts_than_key_frames_leave_some_empty() {
    let place = Place::new(&Fixture { frames: 60, gop: 30, ..Fixture::default() }, "a.mp4");
    let joined = decode(&place.in_parts("transcode?preset=ultrafast", 5).join("video.mp4"));
    let numbers: Vec<u32> = joined.frames.iter().map(|(_, frame)| number_of(frame)).collect();
    assert_eq!(numbers, (0..60).collect::<Vec<_>>());
}

#[test]
fn a_join_without_all_parts_says_which_one_is_missing() {
    let place = Place::new(&Fixture { frames: 60, gop: 30, ..Fixture::default() }, "a.mp4");
    let option = "transcode?preset=ultrafast";
    let done = place.share(option, &["--array-index", "0", "--array-size", "2"]);
    assert!(done.status.success());
    let failed = place.share(option, &["--join", "2"]);
    assert_eq!(failed.status.code(), Some(70));
    let event = String::from_utf8_lossy(&failed.stdout);
    assert!(event.contains("part.json of shard 1 of 2 not found"), "{event}");
    assert!(!place.path("out").exists());
}

#[test]
fn what_cannot_be_divided_is_refused() {
    let place = Place::new(&Fixture { frames: 24, ..Fixture::default() }, "a.mp4");
    let refused = place.share("keyframes", &["--array-index", "0", "--array-size", "2"]);
    assert_eq!(refused.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&refused.stdout).contains("keyframes cannot be divided into shards"));
    let none = place.share("transcode", &[]);
    assert_eq!(none.status.code(), Some(64));
    let outside = place.share("transcode", &["--array-index", "2", "--array-size", "2"]);
    assert_eq!(outside.status.code(), Some(64));
}
