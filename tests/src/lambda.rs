//! Lambda's Runtime API on this machine: runs a Lambda's real program and hands it events one at a time.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lambda_box::{Package, put_into_box};

/// How long a Lambda may take to start or to answer.
const PATIENCE: Duration = Duration::from_mins(2);

/// Where the program of a job runs that is a Lambda function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In a box like Lambda's, from an image as it should be.
    Boxed,
    /// In such a box, with a program that can be read.
    Readable,
    /// As a mere process, where the kernel takes filters.
    Open,
}

/// A Lambda's running program.
pub struct Lambda {
    name: String,
    child: Mutex<Child>,
    process: u32,
    events: Sender<(Value, Duration)>,
    answers: Receiver<Answer>,
    init: Duration,
    printed: Arc<Mutex<Vec<String>>>,
    package: Option<Package>,
    place: Place,
    environment: Vec<(String, String)>,
}

/// What the program says.
#[derive(Debug)]
enum Answer {
    /// It asked for its first event.
    Ready,
    /// The result of an invocation, or its error.
    Done(Result<Value, Value>),
}

impl Lambda {
    /// Starts a workspace binary with nothing but this environment, and waits until it asks for its first event.
    pub fn start(name: &str, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        Self::start_command(name, crate::command(name), environment.into_iter().collect(), 256, None, Place::Open)
    }

    /// Starts the program of a job as the function of a fast path.
    pub fn of_job(name: &str, place: Place, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let package = Package::of(name, if place == Place::Readable { 0o755 } else { 0o111 });
        Self::of_package(name, place, environment.into_iter().collect(), package)
    }

    /// Starts a job's program again that has ended.
    pub fn start_again(&mut self) {
        let package = self.package.take().expect("the program of a job");
        *self = Self::of_package(&self.name.clone(), self.place, std::mem::take(&mut self.environment), package);
    }

    fn of_package(name: &str, place: Place, environment: Vec<(String, String)>, package: Package) -> Self {
        let mut command = package.command(name);
        command.arg("serve-lambda");
        if place != Place::Open {
            put_into_box(&mut command);
        }
        Self::start_command(name, command, environment, 1769, Some(package), place)
    }

    fn start_command(
        name: &str,
        mut command: Command,
        environment: Vec<(String, String)>,
        memory: u32,
        package: Option<Package>,
        place: Place,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let (events, waiting) = channel();
        let (answered, answers) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (waiting, answered) = (Arc::clone(&waiting), answered.clone());
                // An error is the end of the program's connection.
                thread::spawn(move || serve(connection, &waiting, &answered));
            }
        });
        let started = Instant::now();
        let mut child = command
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{port}")),
                ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory.to_string()),
                ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "stream".to_owned()),
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let printed = Arc::new(Mutex::new(Vec::new()));
        let lines = BufReader::new(child.stdout.take().expect("standard output is a pipe")).lines();
        let shared = Arc::clone(&printed);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                shared.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
        let (name, process, child) = (name.to_owned(), child.id(), Mutex::new(child));
        let init = Duration::ZERO;
        let mut lambda = Self { name, child, process, events, answers, init, printed, package, place, environment };
        match lambda.answers.recv_timeout(PATIENCE) {
            Ok(Answer::Ready) => lambda.init = started.elapsed(),
            other => panic!("{} did not ask for an event: {other:?} ({:?})", lambda.name, lambda.ended()),
        }
        lambda
    }

    /// Invokes it. An error is what Lambda would show as the function's error.
    pub fn invoke(&self, event: &Value) -> Result<Value, Value> {
        self.invoke_within(event, PATIENCE)
    }

    /// Invokes it with a timeout, after which it is ended as Lambda would. An error is what Lambda would show as the function's
    /// error: its own, or that it ended or was ended.
    pub fn invoke_within(&self, event: &Value, timeout: Duration) -> Result<Value, Value> {
        self.invoke_and_end(event, timeout, timeout)
    }

    /// Ends the program after a time though it was told that it has another, as when its memory is used up.
    pub fn invoke_and_end(&self, event: &Value, told: Duration, after: Duration) -> Result<Value, Value> {
        let deadline = Instant::now() + after;
        self.events.send((event.clone(), told)).expect("the server runs as long as this");
        loop {
            match self.answers.recv_timeout(Duration::from_millis(20)) {
                Ok(Answer::Done(result)) => return result,
                Ok(Answer::Ready) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => panic!("the server runs as long as this"),
            }
            if let Some(ended) = self.ended() {
                return Err(json!({"errorType": "Runtime.ExitError", "errorMessage": ended.to_string()}));
            }
            if Instant::now() > deadline {
                let _ = self.child().kill();
                return Err(json!({"errorType": "Sandbox.Timedout"}));
            }
        }
    }

    /// How the program ended, if it did.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child().try_wait().expect("a child can be waited for")
    }

    /// The process.
    pub fn process(&self) -> u32 {
        self.process
    }

    /// The folder for temporary files of a job's program.
    pub fn temporary(&self) -> Option<PathBuf> {
        self.package.as_ref().map(Package::temporary)
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lines that it has printed so far: logs, and metrics in the embedded metric format.
    pub fn printed(&self) -> Vec<String> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From the start of the process to its first request for an event.
    pub fn init(&self) -> Duration {
        self.init
    }

    /// CPU time of the process so far, of the threads that it still has.
    pub fn cpu(&self) -> Duration {
        let threads = fs_err::read_dir(format!("/proc/{}/task", self.process)).expect("the program runs");
        let of_thread = |thread: fs_err::DirEntry| -> Option<u64> {
            let text = fs_err::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse().ok()
        };
        Duration::from_nanos(threads.flatten().filter_map(of_thread).sum())
    }

    /// The most memory that the process has held, bytes.
    pub fn peak_memory(&self) -> u64 {
        let text = fs_err::read_to_string(format!("/proc/{}/status", self.process)).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or_default() * 1024
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        // It may have ended by itself.
        let mut child = self.child();
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn serve(
    connection: TcpStream,
    events: &Mutex<Receiver<(Value, Duration)>>,
    answers: &Sender<Answer>,
) -> io::Result<()> {
    /// Invocations of this process so far.
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut writer = connection;
    let mut is_first = true;
    loop {
        let Some((path, body)) = read_request(&mut reader)? else { return Ok(()) };
        if path.ends_with("/invocation/next") {
            if is_first {
                is_first = false;
                let _ = answers.send(Answer::Ready);
            }
            let next = events.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((event, timeout)) = next else { return Ok(()) };
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let deadline = std::time::SystemTime::now() + timeout;
            let deadline = deadline.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis();
            let body = event.to_string();
            write!(
                writer,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-{number:012x}\r\n\
                 Lambda-Runtime-Deadline-Ms: {deadline}\r\n\
                 Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:test\r\n\
                 Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700\r\n\r\n{body}",
                body.len()
            )?;
        } else {
            let value = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let failed = path.ends_with("/error");
            let _ = answers.send(Answer::Done(if failed { Err(value) } else { Ok(value) }));
            write!(writer, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")?;
        }
        writer.flush()?;
    }
}

/// The path and the body of the next request; nothing at the end of the connection.
fn read_request(reader: &mut impl BufRead) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let (mut length, mut is_chunked) = (0, false);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let header = line.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        is_chunked |= header == "transfer-encoding: chunked";
    }
    let mut body = vec![0; length];
    if !is_chunked {
        reader.read_exact(&mut body)?;
        return Ok(Some((path, body)));
    }
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).map_err(|_| io::ErrorKind::InvalidData)?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk)?;
        if size == 0 {
            return Ok(Some((path, body)));
        }
        body.extend_from_slice(&chunk[..size]);
    }
}
