//! The store beside `aws s3 cp`: 1 GB down and up from the same server, and how soon a process makes its first request.
//!
//!     cargo run --release -p benches --bin store [MEGABYTES]
//!
//! The server is this program's own: a few lines of HTTP over one file, so that the clients are what is measured (moto
//! copies the whole object for every range of it). `aws` must be on the path.

use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use benches::{Subject, compare, print};
use job::{Location, Progress, Store};

const RUNS: usize = 5;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["fetch", from, to] => block_on(fetch(from, Path::new(to))),
        ["put", from, to] => block_on(put(Path::new(from), to)),
        ["head", location] => block_on(async {
            Store::from_environment().head(&location.parse()?).await?;
            Ok(())
        }),
        [] => measure(1000),
        [megabytes] => measure(megabytes.parse()?),
        _ => bail!("usage: store [MEGABYTES]"),
    }
}

/// As the jobs' main does.
fn block_on(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

async fn fetch(from: &str, to: &Path) -> Result<()> {
    let store = Store::from_environment();
    let version = store.head(&from.parse()?).await?;
    let into = fs_err::File::create(to)?.into_parts().0;
    let report = store.fetch(&version, &into, &Progress::silent()).await?;
    if report.bytes != version.size || into.metadata()?.len() != version.size {
        bail!("fetched {} of {} bytes", report.bytes, version.size);
    }
    Ok(())
}

async fn put(from: &Path, to: &str) -> Result<()> {
    let to: Location = to.parse()?;
    Store::from_environment().put_file(&to, from, "application/octet-stream").await?;
    Ok(())
}

fn measure(megabytes: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let object = folder.path().join("object");
    write_object(&object, megabytes * 1_000_000)?;
    let (seen, requests) = mpsc::channel();
    let endpoint = serve(&object, seen)?;

    let program = env::current_exe()?;
    let to = folder.path().join("copy");
    let of = |name: &str, program: &Path, arguments: &[&str]| {
        let (program, endpoint) = (program.to_path_buf(), format!("http://{endpoint}"));
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        Subject::new(name, move || client(&program, &endpoint, &arguments))
    };
    let (aws, copy, source) = (Path::new("aws"), text(&to)?, text(&object)?);
    let object = "s3://bucket/object";
    let subjects = [of("aws s3 cp", aws, &["s3", "cp", object, copy]), of("fetch", &program, &["fetch", object, copy])];
    compare(&format!("Fetch of {megabytes} MB from S3"), &subjects, RUNS)?;
    let subjects = [of("aws s3 cp", aws, &["s3", "cp", source, object]), of("put", &program, &["put", source, object])];
    compare(&format!("Put of {megabytes} MB to S3"), &subjects, RUNS)?;

    for scheme in ["http", "https"] {
        let mut times: Vec<Duration> = Vec::new();
        for _ in 0..11 {
            while requests.try_recv().is_ok() {}
            let start = Instant::now();
            let arguments = ["head".to_owned(), object.to_owned()];
            let mut command = client(&program, &format!("{scheme}://{endpoint}"), &arguments);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
            let first = requests.recv_timeout(Duration::from_secs(10)).context("no request came")?;
            times.push(first - start);
            child.wait()?;
        }
        times.sort_unstable();
        print(&format!(
            "\nProcess start to the first byte of the first S3 request ({scheme}): median {:.1} ms, worst {:.1} ms of {}.",
            times[times.len() / 2].as_secs_f64() * 1e3,
            times[times.len() - 1].as_secs_f64() * 1e3,
            times.len()
        ));
    }
    Ok(())
}

fn client(program: &Path, endpoint: &str, arguments: &[String]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env("AWS_ENDPOINT_URL", endpoint).env("AWS_REGION", "us-east-1");
    command.env("AWS_DEFAULT_REGION", "us-east-1").env("AWS_MAX_ATTEMPTS", "1");
    command.env("AWS_ACCESS_KEY_ID", "testing").env("AWS_SECRET_ACCESS_KEY", "testing");
    command
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path in UTF-8")
}

fn write_object(path: &Path, size: u64) -> Result<()> {
    let mut file = fs_err::File::create(path)?;
    let pattern: Vec<u8> = (0..1_000_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for _ in 0..size / pattern.len() as u64 {
        file.write_all(&pattern)?;
    }
    Ok(())
}

/// Serves one object of a bucket: HEAD, GET with ranges, PUT and multipart uploads whose bytes go nowhere. Each
/// connection's first byte is reported. The address.
fn serve(object: &Path, seen: Sender<Instant>) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let object: Arc<PathBuf> = Arc::new(object.to_path_buf());
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (object, seen) = (Arc::clone(&object), seen.clone());
            // An error is a client that went away, or that speaks TLS.
            thread::spawn(move || connection(client, &object, &seen));
        }
    });
    Ok(address)
}

fn connection(client: TcpStream, object: &Path, seen: &Sender<Instant>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut writer = client.try_clone()?;
    let mut reader = BufReader::with_capacity(256 * 1024, client);
    if reader.fill_buf()?.is_empty() {
        return Ok(());
    }
    let _ = seen.send(Instant::now());
    let mut file: File = fs_err::File::open(object)?.into_parts().0;
    let size = file.metadata()?.len();
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let (mut length, mut range, mut expects) = (0, None, false);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let line = line.trim_end().to_ascii_lowercase();
            match line.split_once(": ") {
                Some(("content-length", value)) => length = value.parse().map_err(io::Error::other)?,
                Some(("range", value)) => range = value.strip_prefix("bytes=").map(str::to_owned),
                Some(("expect", _)) => expects = true,
                Some(_) => {}
                None => break,
            }
        }
        if expects {
            writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
        let common = "ETag: \"e\"\r\nLast-Modified: Sun, 01 Nov 2026 00:00:00 GMT\r\nAccept-Ranges: bytes\r\n\
                      Content-Type: application/octet-stream\r\n";
        match request.split(' ').next().unwrap_or_default() {
            "HEAD" => write!(writer, "HTTP/1.1 200 OK\r\n{common}Content-Length: {size}\r\n\r\n")?,
            "GET" => {
                let range = range.as_deref().and_then(|range| range.split_once('-'));
                let (first, last) = match range {
                    Some((first, last)) => (first.parse().unwrap_or(0), last.parse().unwrap_or(size - 1).min(size - 1)),
                    None => (0, size - 1),
                };
                let length = last + 1 - first;
                write!(
                    writer,
                    "HTTP/1.1 206 Partial Content\r\n{common}Content-Length: {length}\r\n\
                     Content-Range: bytes {first}-{last}/{size}\r\n\r\n"
                )?;
                file.seek(SeekFrom::Start(first))?;
                let mut left = length as usize;
                while left > 0 {
                    match rustix::fs::sendfile(&writer, &file, None, left)? {
                        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                        sent => left -= sent,
                    }
                }
            }
            "POST" if request.contains("?uploads") => respond(
                &mut writer,
                "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>",
            )?,
            "POST" => respond(
                &mut writer,
                "<CompleteMultipartUploadResult><ETag>&quot;e&quot;</ETag></CompleteMultipartUploadResult>",
            )?,
            _ => respond(&mut writer, "")?,
        }
    }
}

fn respond(writer: &mut TcpStream, body: &str) -> io::Result<()> {
    write!(writer, "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
