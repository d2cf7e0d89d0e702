//! A proxy in front of the AWS API that makes faults on demand and keeps a record of the requests.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use aws_config::SdkConfig;

use crate::aws::{configuration_of, environment_of};

/// What goes wrong with a request.
pub enum Fault {
    /// The server is not asked; this is the answer, in the error formats of S3 and SNS.
    Error {
        /// HTTP status.
        status: u16,
        /// `SlowDown`, `AccessDenied`, …
        code: &'static str,
    },
    /// The connection is reset after so many bytes of the body.
    Reset(usize),
    /// The connection ends in order after so many bytes of the body, as if that were all.
    Truncate(usize),
    /// The answer comes later.
    Delay(Duration),
    /// Something happens on the server before the request reaches it, such as an overwrite.
    Before(Box<dyn Fn() + Send + Sync>),
}

/// A fault and the requests that it befalls.
pub struct Rule {
    method: &'static str,
    path: String,
    skip: usize,
    times: usize,
    fault: Arc<Fault>,
}

impl Rule {
    /// Befalls every request of the method whose path and query contain the text.
    pub fn new(method: &'static str, path: impl Into<String>, fault: Fault) -> Self {
        Self { method, path: path.into(), skip: 0, times: usize::MAX, fault: Arc::new(fault) }
    }

    /// Lets so many such requests pass first.
    #[must_use]
    pub fn after(mut self, count: usize) -> Self {
        self.skip = count;
        self
    }

    /// Befalls so many requests and no more.
    #[must_use]
    pub fn times(mut self, count: usize) -> Self {
        self.times = count;
        self
    }
}

/// A request that was seen.
#[derive(Debug, Clone)]
pub struct Request {
    /// GET, PUT, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Lower-case names and values.
    pub headers: Vec<(String, String)>,
    /// Bytes of the answer that were passed on, headers included.
    pub answered: usize,
}

impl Request {
    /// The first header of that lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    requests: Vec<Request>,
}

/// The proxy. One request a connection, so that faults of connections befall one request each.
pub struct Proxy {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// Starts one in front of `http://host:port`. It ends with the test process.
    pub fn before(endpoint: &str) -> Self {
        let upstream = endpoint.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (upstream, state) = (upstream.clone(), Arc::clone(&shared));
                // An error is the end of a connection by either side, which is what the other side then sees.
                thread::spawn(move || serve(client, &upstream, &state));
            }
        });
        Self { port, state }
    }

    /// Its URL.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The environment variables that lead a program to it.
    pub fn environment(&self) -> Vec<(String, String)> {
        environment_of(&self.endpoint())
    }

    /// The SDK's configuration for it.
    pub fn configuration(&self) -> SdkConfig {
        configuration_of(&self.endpoint())
    }

    /// Adds a rule; the first that fits a request counts.
    pub fn rule(&self, rule: Rule) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).rules.push(rule);
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).requests.clone()
    }
}

fn serve(client: TcpStream, upstream: &str, state: &Mutex<State>) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut reader = BufReader::new(client.try_clone()?);
    let mut writer = client;
    let (request_line, headers) = head(&mut reader)?;
    let mut words = request_line.split(' ');
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let length = content_length(&headers).unwrap_or(0);
    let (index, fault) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let request = Request { method: method.clone(), path: path.clone(), headers: headers.clone(), answered: 0 };
        state.requests.push(request);
        (state.requests.len() - 1, applicable(&mut state.rules, &method, &path))
    };
    let answered = |count: usize| {
        state.lock().unwrap_or_else(PoisonError::into_inner).requests[index].answered += count;
    };
    match fault.as_deref() {
        Some(Fault::Error { status, code }) => {
            io::copy(&mut reader.take(length), &mut io::sink())?;
            let body = if method == "HEAD" {
                String::new()
            } else {
                // S3 reads the outer element's children, SNS those of the inner one.
                let error = format!("<Code>{code}</Code><Message>made by the test</Message>");
                format!("<Error>{error}<Error>{error}</Error></Error>")
            };
            let size = body.len();
            return write!(
                writer,
                "HTTP/1.1 {status} {code}\r\ncontent-type: application/xml\r\ncontent-length: {size}\r\n\
                 connection: close\r\n\r\n{body}"
            );
        }
        Some(Fault::Delay(delay)) => thread::sleep(*delay),
        Some(Fault::Before(action)) => action(),
        Some(Fault::Reset(_) | Fault::Truncate(_)) | None => {}
    }

    let mut server = TcpStream::connect(upstream)?;
    let mut request = format!("{request_line}\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| name != "connection" && name != "expect") {
        let _ = write!(request, "{name}: {value}\r\n");
    }
    server.write_all((request + "connection: close\r\n\r\n").as_bytes())?;
    io::copy(&mut reader.take(length), &mut server)?;

    let mut answer = BufReader::new(server);
    let (status_line, headers) = head(&mut answer)?;
    let mut text = format!("{status_line}\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| name != "connection") {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    writer.write_all((text.clone() + "connection: close\r\n\r\n").as_bytes())?;
    answered(text.len());
    let limit = match fault.as_deref() {
        Some(Fault::Reset(count) | Fault::Truncate(count)) => *count as u64,
        _ => u64::MAX,
    };
    answered(io::copy(&mut answer.take(limit), &mut writer)? as usize);
    if let Some(Fault::Reset(_)) = fault.as_deref() {
        // Closing a socket that lingers for no time is how a reset is sent.
        rustix::net::sockopt::set_socket_linger(&writer, Some(Duration::ZERO))?;
        return Ok(());
    }
    writer.shutdown(Shutdown::Both)
}

fn applicable(rules: &mut [Rule], method: &str, path: &str) -> Option<Arc<Fault>> {
    for rule in rules.iter_mut().filter(|rule| rule.method == method && path.contains(&rule.path)) {
        if rule.skip > 0 {
            rule.skip -= 1;
        } else if rule.times > 0 {
            rule.times -= 1;
            return Some(Arc::clone(&rule.fault));
        }
    }
    None
}

fn head(reader: &mut impl BufRead) -> io::Result<(String, Vec<(String, String)>)> {
    let mut line = || -> io::Result<String> {
        let mut text = String::new();
        match reader.by_ref().take(64 * 1024).read_line(&mut text)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
        }
    };
    let first = line()?;
    let mut headers = Vec::new();
    loop {
        let text = line()?;
        match text.split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => return Ok((first, headers)),
        }
    }
}

fn content_length(headers: &[(String, String)]) -> Option<u64> {
    headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()
}
