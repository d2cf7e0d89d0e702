//! An S3 of a few lines over a folder of buckets, so that a client and not the server is what a benchmark measures:
//! HEAD, GET with ranges, PUT and multipart uploads. What is uploaded goes nowhere.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// A running server. Its threads end with the process.
pub struct ObjectServer {
    address: String,
    /// When the first byte of each connection came.
    pub connections: Receiver<Instant>,
    traffic: Arc<Traffic>,
}

/// What was asked of a server since it was last looked at.
#[derive(Default)]
struct Traffic {
    requests: AtomicU64,
    /// Of objects, sent.
    bytes: AtomicU64,
}

/// What is asked for.
struct Request {
    method: String,
    /// The path with its query.
    target: String,
    range: Option<String>,
}

impl ObjectServer {
    /// Serves the objects `<folder>/<bucket>/<key>` on a free port.
    pub fn start(folder: &Path) -> io::Result<Self> {
        Self::start_slow(folder, Duration::ZERO)
    }

    /// The same from far away: each answer begins so much later.
    pub fn start_slow(folder: &Path, delay: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let folder: Arc<PathBuf> = Arc::new(folder.to_path_buf());
        let (seen, connections) = mpsc::channel();
        let traffic = Arc::new(Traffic::default());
        let counted = Arc::clone(&traffic);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (folder, seen, traffic) = (Arc::clone(&folder), seen.clone(), Arc::clone(&counted));
                // An error is a client that went away, or that speaks TLS.
                thread::spawn(move || serve(client, &folder, &seen, &traffic, delay));
            }
        });
        Ok(Self { address, connections, traffic })
    }

    /// Requests, and bytes of objects, since the last call.
    pub fn traffic(&self) -> (u64, u64) {
        (self.traffic.requests.swap(0, Ordering::Relaxed), self.traffic.bytes.swap(0, Ordering::Relaxed))
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn serve(
    client: TcpStream,
    folder: &Path,
    seen: &Sender<Instant>,
    traffic: &Traffic,
    delay: Duration,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut writer = client.try_clone()?;
    let mut reader = BufReader::with_capacity(256 * 1024, client);
    if reader.fill_buf()?.is_empty() {
        return Ok(());
    }
    // Nobody may want to know.
    let _ = seen.send(Instant::now());
    while let Some(request) = read_request(&mut reader, &mut writer)? {
        traffic.requests.fetch_add(1, Ordering::Relaxed);
        thread::sleep(delay);
        match request.method.as_str() {
            "HEAD" | "GET" => answer_with_object(&mut writer, folder, &request, traffic)?,
            "POST" if request.target.contains("?uploads") => respond(
                &mut writer,
                "200 OK",
                "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>",
            )?,
            "POST" => respond(
                &mut writer,
                "200 OK",
                "<CompleteMultipartUploadResult><ETag>&quot;e&quot;</ETag></CompleteMultipartUploadResult>",
            )?,
            _ => respond(&mut writer, "200 OK", "")?,
        }
    }
    Ok(())
}

/// The next request, its body read and left; nothing at the end of the connection.
fn read_request(reader: &mut BufReader<TcpStream>, writer: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let mut request =
        Request { method: words.next().unwrap_or_default(), target: words.next().unwrap_or_default(), range: None };
    let (mut length, mut expects) = (0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        match line.split_once(": ") {
            Some(("content-length", value)) => length = value.parse().map_err(io::Error::other)?,
            Some(("range", value)) => request.range = value.strip_prefix("bytes=").map(str::to_owned),
            Some(("expect", _)) => expects = true,
            Some(_) => {}
            None => break,
        }
    }
    if expects {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
    Ok(Some(request))
}

fn answer_with_object(writer: &mut TcpStream, folder: &Path, request: &Request, traffic: &Traffic) -> io::Result<()> {
    let path = request.target.split('?').next().unwrap_or_default().trim_start_matches('/');
    let Ok(file) = fs_err::File::open(folder.join(path)) else {
        let body = if request.method == "HEAD" { "" } else { "<Error><Code>NoSuchKey</Code></Error>" };
        return respond(writer, "404 Not Found", body);
    };
    let mut file: File = file.into_parts().0;
    let size = file.metadata()?.len();
    let common = "ETag: \"e\"\r\nLast-Modified: Sun, 01 Nov 2026 00:00:00 GMT\r\nAccept-Ranges: bytes\r\n\
                  Content-Type: application/octet-stream\r\n";
    if request.method == "HEAD" || size == 0 {
        return write!(writer, "HTTP/1.1 200 OK\r\n{common}Content-Length: {size}\r\n\r\n");
    }
    let (first, last) = match request.range.as_deref().and_then(|range| range.split_once('-')) {
        Some((first, last)) => (first.parse().unwrap_or(0), last.parse().unwrap_or(size - 1).min(size - 1)),
        None => (0, size - 1),
    };
    let length = last + 1 - first;
    // Whoever asked for no range takes a 206 for damage.
    let status = if request.range.is_some() { "206 Partial Content" } else { "200 OK" };
    write!(
        writer,
        "HTTP/1.1 {status}\r\n{common}Content-Length: {length}\r\nContent-Range: bytes {first}-{last}/{size}\r\n\r\n"
    )?;
    file.seek(SeekFrom::Start(first))?;
    let mut left = length as usize;
    while left > 0 {
        match rustix::fs::sendfile(&*writer, &file, None, left)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            sent => {
                traffic.bytes.fetch_add(sent as u64, Ordering::Relaxed);
                left -= sent;
            }
        }
    }
    Ok(())
}

fn respond(writer: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    write!(writer, "HTTP/1.1 {status}\r\nETag: \"e\"\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
