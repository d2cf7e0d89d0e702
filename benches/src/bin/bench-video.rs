//! video-job beside the ffmpeg command line of the same Debian version.
//!
//!     cargo run --release --bin bench-video [bytes|keyframes|slow|transcode|chunks] [RUNS]
//!
//! Long inputs are a noisy clip, made once and repeated without encoding it anew, so that they are there in a minute:
//! what is measured is bytes, requests and the work on key frames, for which one part is like the other.

use std::env;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use benches::object_server::ObjectServer;
use benches::{Subject, compare, print, run};
use serde_json::Value;

/// What each answer of the slow server waits for.
const DELAY: Duration = Duration::from_millis(30);
/// ffmpeg's qualities of JPEG among which the nearest to video-job's 82 by SSIM is looked for.
const QUALITIES: std::ops::RangeInclusive<u32> = 2..=8;
/// JFIF is BT.601 of full range. video-job's frames are; the command line writes the video's own samples, which are BT.709.
/// By zimg: libswscale's way from matrix to matrix is off by as much as a JPEG of quality 80.
const AS_JFIF: &str = "zscale=matrixin=709:matrix=470bg:rangein=limited:range=full,format=yuvj420p";
const AS_THEY_ARE: &str = "scale=out_range=pc,format=yuvj420p";

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let runs = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(3);
    let part = arguments.iter().find(|argument| argument.parse::<usize>().is_err());
    let is_asked = |name: &str| part.is_none_or(|part| part == name);
    let bench = Bench::new()?;
    if is_asked("bytes") {
        bench.bytes()?;
    }
    if is_asked("keyframes") {
        bench.key_frames(runs)?;
    }
    if is_asked("slow") {
        bench.key_frames_of_slow_server(runs)?;
    }
    if is_asked("transcode") {
        bench.transcode(runs)?;
    }
    if is_asked("chunks") {
        bench.chunks()?;
    }
    Ok(())
}

struct Bench {
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Bench {
    fn new() -> Result<Self> {
        let program = env::current_exe()?.with_file_name("video-job");
        if !program.exists() {
            bail!("{} is not there: cargo build --release -p video-job", program.display());
        }
        let folder = tempfile::tempdir()?;
        fs_err::create_dir(folder.path().join("bucket"))?;
        Ok(Self { folder, program })
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join("bucket").join(name).to_string_lossy().into_owned()
    }

    /// A clip of 1080p with noise, so that frames between key frames cost bytes as in films.
    fn clip(&self, name: &str, seconds: u32, gop: u32, more: &[&str]) -> Result<String> {
        let path = self.path(name);
        if !Path::new(&path).exists() {
            let video = format!("testsrc2=s=1920x1080:r=24:d={seconds},noise=alls=12:allf=t");
            let sound = format!("anoisesrc=d={seconds}:a=0.1");
            let gop = gop.to_string();
            let mut arguments = vec!["-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &sound, "-pix_fmt", "yuv420p"];
            arguments.extend(["-c:v", "libx264", "-preset", "superfast", "-b:v", "5M", "-g", &gop]);
            arguments.extend(["-sc_threshold", "0", "-c:a", "aac"]);
            arguments.extend(more);
            arguments.push(&path);
            ffmpeg(&arguments)?;
        }
        Ok(path)
    }

    /// Ten seconds in VP9.
    fn webm(&self) -> Result<String> {
        self.encoded(
            "10.webm",
            "null",
            &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-row-mt", "1"],
        )
    }

    /// Ten seconds of which every fifth frame is missing.
    fn variable(&self) -> Result<String> {
        let x264 = ["-c:v", "libx264", "-preset", "superfast", "-vsync", "passthrough", "-enc_time_base", "1/90000"];
        self.encoded("10-vfr.mp4", "select='mod(n,5)-3'", &x264)
    }

    /// Ten seconds of high dynamic range.
    fn pq(&self) -> Result<String> {
        let colour = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:log-level=none";
        let x265 = ["-pix_fmt", "yuv420p10le", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", colour];
        self.encoded("10-pq.mp4", "null", &x265)
    }

    /// Ten seconds of the clip, encoded anew.
    fn encoded(&self, name: &str, filter: &str, encoder: &[&str]) -> Result<String> {
        let (clip, path) = (self.clip("48.mp4", 20, 48, &[])?, self.path(name));
        if !Path::new(&path).exists() {
            let mut arguments = vec!["-t", "10", "-i", &clip, "-an", "-vf", filter];
            arguments.extend(encoder);
            arguments.extend(["-b:v", "5M", "-g", "48", &path]);
            ffmpeg(&arguments)?;
        }
        Ok(path)
    }

    /// The clip, so many times, as it is.
    fn repeated(&self, clip: &str, times: u32, name: &str, more: &[&str]) -> Result<String> {
        let path = self.path(name);
        if !Path::new(&path).exists() {
            let again = (times - 1).to_string();
            let mut arguments = vec!["-stream_loop", &again, "-i", clip, "-c", "copy"];
            arguments.extend(more);
            arguments.push(&path);
            ffmpeg(&arguments)?;
        }
        Ok(path)
    }

    /// A file in another container.
    fn remuxed(&self, from: &str, name: &str) -> Result<String> {
        let path = self.path(name);
        if !Path::new(&path).exists() {
            ffmpeg(&["-i", &self.path(from), "-c", "copy", &path])?;
        }
        Ok(path)
    }

    fn job(&self, arguments: &[&str]) -> Subject {
        let (program, arguments) = (self.program.clone(), strings(arguments));
        Subject::new("video-job", move || {
            let mut command = Command::new(&program);
            command.args(&arguments);
            command
        })
    }

    /// The job on an object of a server.
    fn job_on_store(&self, server: &ObjectServer, arguments: &[&str]) -> Subject {
        let (program, arguments) = (self.program.clone(), strings(arguments));
        let endpoint = format!("http://{}", server.address());
        Subject::new("video-job", move || {
            let mut command = Command::new(&program);
            command.args(&arguments).env("AWS_ENDPOINT_URL", &endpoint).env("AWS_REGION", "us-east-1");
            command.env("AWS_ACCESS_KEY_ID", "testing").env("AWS_SECRET_ACCESS_KEY", "testing");
            command
        })
    }

    fn out(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    /// Bytes and requests over HTTP, for each container.
    fn bytes(&self) -> Result<()> {
        let (clip, long_gop) = (self.clip("48.mp4", 20, 48, &[])?, self.clip("250.mp4", 21, 250, &[])?);
        let front: &[_] = &["-movflags", "+faststart"];
        let fragmented: &[_] = &["-movflags", "+frag_keyframe+empty_moov"];
        let two = |name: &str, more: &[&str]| self.repeated(&clip, 6, name, more);
        let files = [
            ("MP4, 2 min, GOP 48, index last", two("2.mp4", &[])?),
            ("MP4, 2 min, GOP 48, index first", two("2-front.mp4", front)?),
            ("MP4, 2 min, GOP 48, fragmented", two("2-frag.mp4", fragmented)?),
            ("MP4, 2 min, GOP 250, index last", self.repeated(&long_gop, 6, "2-250.mp4", &[])?),
            ("MP4, 20 min, GOP 48, index last", self.repeated(&clip, 60, "20.mp4", &[])?),
            ("Matroska, 2 min", two("2.mkv", &[])?),
            ("MPEG-TS, 2 min", self.remuxed("2.mp4", "2.ts")?),
            ("WebM, 2 min", self.repeated(&self.webm()?, 12, "2.webm", &[])?),
            ("MP4, 2 min, variable rate", self.repeated(&self.variable()?, 12, "2-vfr.mp4", &[])?),
            ("MP4, 2 min, rotated", two("2-rotated.mp4", &["-metadata:s:v", "rotate=90"])?),
            ("MP4, 2 min, H.265, 10 bits, PQ", self.repeated(&self.pq()?, 12, "2-pq.mp4", &[])?),
        ];
        let server = ObjectServer::start(self.folder.path())?;
        let mut text =
            "\n### Key frames over HTTP ranges: bytes read\n\nLeast: the key frames and the index (moov).\n\n\
                        | file | MB | select | frames | requests | MB read | of the file | of the least |\n\
                        | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |\n"
                .to_owned();
        for (name, path) in &files {
            for select in ["all", "every=10"] {
                let file = Path::new(path).file_name().context("a file")?.to_string_lossy().into_owned();
                let out = self.out("bytes");
                let location = format!("s3://bucket/{file}");
                server.traffic();
                let arguments = ["keyframes", "--sprite-width", "0", "--select", select, &location, &out];
                run(&self.job_on_store(&server, &arguments))?;
                let (requests, bytes) = server.traffic();
                let index = index_of(Path::new(&out))?;
                let frames = index["frames"].as_array().context("frames")?;
                let least: u64 =
                    frames.iter().filter_map(|frame| frame["size"].as_u64()).sum::<u64>() + moov_size(path)?;
                let size = fs_err::metadata(path)?.len();
                let of = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
                let _ = writeln!(
                    text,
                    "| {name} | {:.1} | {select} | {} | {requests} | {:.2} | {:.2} % | {:.3}× |",
                    size as f64 / 1e6,
                    frames.len(),
                    bytes as f64 / 1e6,
                    100.0 * of(bytes, size),
                    of(bytes, least)
                );
                fs_err::remove_dir_all(&out)?;
            }
        }
        print(&text);
        Ok(())
    }

    /// CPU and memory on a local file, and the time over a slow connection.
    fn key_frames(&self, runs: usize) -> Result<()> {
        let clip = self.clip("48.mp4", 20, 48, &[])?;
        let long = self.repeated(&clip, 60, "20.mp4", &[])?;
        let quality = self.equal_quality(&clip)?;
        let out = self.out("job");
        let [cli, discarding] = self.key_frames_by_ffmpeg(&long, &quality)?;
        let job = ["keyframes", "--sprite-width", "0", "--quality", "82", &long, &out];
        compare("Key frames of a local 20 min MP4 (1080p, GOP 48)", &[cli, discarding, self.job(&job)], runs)?;
        Ok(())
    }

    /// The time where each answer takes its time; quality as `equal_quality` finds it.
    fn key_frames_of_slow_server(&self, runs: usize) -> Result<()> {
        let clip = self.clip("48.mp4", 20, 48, &[])?;
        self.repeated(&clip, 60, "20.mp4", &[])?;
        let out = self.out("job");
        let server = ObjectServer::start_slow(self.folder.path(), DELAY)?;
        let url = format!("http://{}/bucket/20.mp4", server.address());
        let [cli, discarding] = self.key_frames_by_ffmpeg(&url, "4")?;
        let job = ["keyframes", "--sprite-width", "0", "s3://bucket/20.mp4", &out];
        let subjects = [cli, discarding, self.job_on_store(&server, &job)];
        compare("Key frames of a 20 min MP4 over HTTP, 30 ms for each answer, index last", &subjects, runs)?;
        Ok(())
    }

    /// The command line, which decodes key frames only, and which does not even look at others.
    fn key_frames_by_ffmpeg(&self, input: &str, quality: &str) -> Result<[Subject; 2]> {
        let frames = self.out("frames");
        fs_err::create_dir_all(&frames)?;
        let pattern = format!("{frames}/%05d.jpg");
        let subject = |name: &str, more: &[&str]| {
            let mut arguments = vec!["-y", "-nostdin", "-v", "error", "-skip_frame", "nokey"];
            arguments.extend(more);
            arguments.extend(["-i", input, "-an", "-vsync", "passthrough", "-q:v", quality, &pattern]);
            Subject::of(name, "ffmpeg", &arguments)
        };
        Ok([subject("ffmpeg -skip_frame nokey", &[]), subject("ffmpeg -discard nokey, too", &["-discard", "nokey"])])
    }

    /// ffmpeg's quality of JPEG whose SSIM to the source is nearest to the job's.
    fn equal_quality(&self, clip: &str) -> Result<String> {
        let out = self.out("quality");
        let job = ["keyframes", "--sprite-width", "0", "--quality", "82", clip, &out];
        run(&self.job(&job))?;
        let frames = folder_with(Path::new(&out), "frame-00001.jpg")?;
        let own = ssim_of_stills(&format!("{}/frame-%05d.jpg", frames.display()), clip, AS_JFIF)?;
        let mut best: Option<(f64, u32, f64)> = None;
        for quality in QUALITIES {
            let folder = self.out(&format!("q{quality}"));
            fs_err::create_dir_all(&folder)?;
            let pattern = format!("{folder}/%05d.jpg");
            let number = quality.to_string();
            ffmpeg(&["-skip_frame", "nokey", "-i", clip, "-an", "-vsync", "passthrough", "-q:v", &number, &pattern])?;
            let ssim = ssim_of_stills(&pattern, clip, AS_THEY_ARE)?;
            let distance = (ssim - own).abs();
            if best.is_none_or(|(nearest, ..)| distance < nearest) {
                best = Some((distance, quality, ssim));
            }
        }
        let (_, quality, ssim) = best.context("a quality")?;
        print(&format!("\nEqual JPEG quality: video-job 82 has SSIM {own:.4}, ffmpeg -q:v {quality} {ssim:.4}."));
        Ok(quality.to_string())
    }

    fn transcode(&self, runs: usize) -> Result<()> {
        let clip = self.clip("5s.mp4", 5, 48, &[])?;
        let (out, other) = (self.out("transcode"), self.out("cli.mp4"));
        let x264 = ["-c:v", "libx264", "-preset", "medium", "-crf", "23", "-c:a", "aac", "-b:a", "128k"];
        let mut arguments = vec!["-y", "-nostdin", "-v", "error", "-i", &clip];
        arguments.extend(x264);
        arguments.extend(["-movflags", "+faststart", &other]);
        let subjects = [Subject::of("ffmpeg", "ffmpeg", &arguments), self.job(&["transcode", &clip, &out])];
        compare("Transcode, H.264 medium crf 23, 5 s of 1080p", &subjects, runs)?;
        let own = folder_with(Path::new(&out), "video.mp4")?.join("video.mp4").to_string_lossy().into_owned();
        print(&format!(
            "\nSSIM against the source: ffmpeg {:.5}, video-job {:.5}; bytes {} and {}.",
            ssim(&other, &clip, "")?,
            ssim(&own, &clip, "")?,
            fs_err::metadata(&other)?.len(),
            fs_err::metadata(&own)?.len()
        ));

        let split = "[0:v]split=4[a][b0][c0][d0];[b0]scale=1280:720[b];[c0]scale=854:480[c];[d0]scale=640:360[d]";
        let mut arguments = vec!["-y", "-nostdin", "-v", "error", "-i", &clip, "-filter_complex", split];
        let outputs: Vec<String> = (0..4).map(|at| self.out(&format!("ladder-{at}.mp4"))).collect();
        for (at, output) in outputs.iter().enumerate() {
            arguments.extend(["-map", ["[a]", "[b]", "[c]", "[d]"][at], "-c:v", "libx264", "-preset", "medium"]);
            arguments.extend(["-crf", "23", "-g", "100000", "-sc_threshold", "0"]);
            arguments.extend(["-force_key_frames", "expr:gte(t,n_forced*2)"]);
            if at == 0 {
                arguments.extend(["-map", "0:a", "-c:a", "aac", "-b:a", "128k"]);
            }
            arguments.extend(["-movflags", "+frag_keyframe+empty_moov", output]);
        }
        let job = ["transcode", "--container", "hls", "--segment-duration", "2", &clip, &out];
        let subjects = [Subject::of("ffmpeg, four outputs", "ffmpeg", &arguments), self.job(&job)];
        compare("Ladder of 1080, 720, 480 and 360 lines, 5 s", &subjects, runs)?;
        Ok(())
    }

    /// One process on one processor beside two, each with a part on a processor of its own, and the join; and beside one
    /// process on both processors.
    fn chunks(&self) -> Result<()> {
        let clip = self.clip("40s.mp4", 40, 48, &[])?;
        let (one, two, both, parts) = (self.out("one"), self.out("two"), self.out("both"), self.out("parts"));
        let option = "transcode?preset=fast&max-height=720";
        let program = self.program.to_string_lossy().into_owned();
        let work = |processors: &str, output: &str, more: &str| {
            format!(
                "taskset -c {processors} {program} run --input {clip} --processing-option '{option}' --output {output} {more}"
            )
        };
        let part = |index: &str| work(index, &two, &format!("--parts {parts} --array-size 2 --array-index {index}"));
        let shared = format!(
            "rm -rf {parts}; {} & first=$!; {} && wait $first && {}",
            part("0"),
            part("1"),
            work("0,1", &two, &format!("--parts {parts} --join 2"))
        );
        let shell = |name: &str, script: String| Subject::of(name, "sh", &["-c", &script]);
        let subjects = [
            shell("one process, one processor", work("0", &one, "")),
            shell("two processes, a processor each, and the join", shared),
            shell("one process, two processors", work("0,1", &both, "")),
        ];
        compare("Transcode in parts, 40 s, 720p, preset fast", &subjects, 1)?;
        let (one, two) = (result_in(&one)?, result_in(&two)?);
        let reference = self.out("reference.mp4");
        ffmpeg(&[
            "-i",
            &clip,
            "-vf",
            "scale=1280:720",
            "-an",
            "-c:v",
            "libx264",
            "-qp",
            "0",
            "-preset",
            "ultrafast",
            &reference,
        ])?;
        print(&format!(
            "\nSSIM: whole {:.5} in one, {:.5} in parts; half a second on both sides of the seam {:.5} in one, {:.5} in \
             parts. Duration {} and {}.",
            ssim(&one, &reference, "")?,
            ssim(&two, &reference, "")?,
            ssim(&one, &reference, "trim=19.5:20.5,")?,
            ssim(&two, &reference, "trim=19.5:20.5,")?,
            duration(&one)?,
            duration(&two)?
        ));
        Ok(())
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn ffmpeg(arguments: &[&str]) -> Result<()> {
    let status = Command::new("ffmpeg").args(["-y", "-nostdin", "-v", "error"]).args(arguments).status()?;
    if !status.success() {
        bail!("ffmpeg {arguments:?} ended with {status}");
    }
    Ok(())
}

/// The mean SSIM of two videos, of a part of both.
fn ssim(video: &str, reference: &str, part: &str) -> Result<f64> {
    let graph = format!("[0:v]{part}settb=AVTB,setpts=N/24/TB[a];[1:v]{part}settb=AVTB,setpts=N/24/TB[b];[a][b]ssim");
    ssim_by(&["-i", video, "-i", reference, "-lavfi", &graph, "-an", "-f", "null", "-"])
}

/// The mean SSIM of pictures to the key frames of a video, which `shown` makes what the pictures are to show.
fn ssim_of_stills(pattern: &str, clip: &str, shown: &str) -> Result<f64> {
    let graph = format!(
        "[0:v]format=yuvj420p,settb=AVTB,setpts=N/24/TB[a];[1:v]{shown},settb=AVTB,setpts=N/24/TB[b];[a][b]ssim"
    );
    ssim_by(&["-i", pattern, "-skip_frame", "nokey", "-i", clip, "-lavfi", &graph, "-an", "-f", "null", "-"])
}

fn ssim_by(arguments: &[&str]) -> Result<f64> {
    let output =
        Command::new("ffmpeg").args(["-nostdin", "-hide_banner"]).args(arguments).stdout(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let value = text.rsplit("All:").next().and_then(|rest| rest.split_whitespace().next());
    value.and_then(|value| value.parse().ok()).with_context(|| format!("no SSIM in {text}"))
}

fn duration(path: &str) -> Result<String> {
    let arguments = ["-v", "error", "-show_entries", "stream=duration", "-of", "csv=p=0", path];
    let output = Command::new("ffprobe").args(arguments).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" and "))
}

/// The folder below one that holds a file.
fn folder_with(folder: &Path, name: &str) -> Result<PathBuf> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?.path();
        if entry.is_dir() {
            if let Ok(found) = folder_with(&entry, name) {
                return Ok(found);
            }
        } else if entry.file_name().is_some_and(|file| file == name) {
            return Ok(folder.to_path_buf());
        }
    }
    bail!("no {name} below {}", folder.display())
}

fn result_in(folder: &str) -> Result<String> {
    Ok(folder_with(Path::new(folder), "video.mp4")?.join("video.mp4").to_string_lossy().into_owned())
}

fn index_of(folder: &Path) -> Result<Value> {
    Ok(serde_json::from_slice(&fs_err::read(folder_with(folder, "index.json")?.join("index.json"))?)?)
}

/// Bytes of the index of an MP4, those of all fragments together; of other containers none.
fn moov_size(path: &str) -> Result<u64> {
    use std::io::{Read, Seek, SeekFrom};
    if Path::new(path).extension().is_none_or(|extension| extension != "mp4") {
        return Ok(0);
    }
    let mut file = fs_err::File::open(path)?;
    let (size, mut at, mut sum) = (file.metadata()?.len(), 0, 0);
    while at + 8 <= size {
        let mut header = [0; 16];
        file.seek(SeekFrom::Start(at))?;
        let count = file.read(&mut header)?;
        let short = u64::from(u32::from_be_bytes(header[..4].try_into()?));
        let length = if short == 1 && count == 16 { u64::from_be_bytes(header[8..].try_into()?) } else { short };
        if [b"moov", b"moof"].iter().any(|kind| header[4..8] == kind[..]) {
            sum += length;
        }
        at += length.max(8);
    }
    Ok(sum)
}
