//! Lambda's Runtime API: an HTTP server on this machine that hands over one invocation after the other (Lambda Developer Guide,
//! "Using the Lambda runtime API"). Its client is three requests over one connection, which is why there is no crate for it: all
//! workers' origin has to be forked before the first thread, and this needs none.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use contract::Failure;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{Message, Requests};

/// The variable with the host and the port of the Runtime API.
pub(crate) const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// Bytes of memory that this function has, if it is one.
pub(crate) fn memory() -> Option<u64> {
    let mib: u64 = std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok()?.parse().ok()?;
    Some(mib << 20)
}

/// The longest body of an invocation: SQS's messages together have 256 KiB, and as JSON in JSON somewhat more.
const MAX_BODY: usize = 8 << 20;

/// The longest head of an answer.
const MAX_HEAD: usize = 64 << 10;

/// Messages of SQS, as a function is invoked with them.
pub(crate) struct Invocations {
    api: RuntimeApi,
    /// What is answered to an invocation that only asks what holds here.
    isolation: Value,
    current: Option<Invocation>,
}

struct Invocation {
    request_id: String,
    waiting: VecDeque<Message>,
    failed: Vec<String>,
}

#[derive(Deserialize)]
struct SqsEvent {
    #[serde(rename = "Records")]
    records: Vec<SqsRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SqsRecord {
    message_id: String,
    #[serde(default)]
    receipt_handle: String,
    body: String,
}

impl Invocations {
    /// Those of the function that this program runs in. `isolation` answers `{"isolation": true}`.
    pub(crate) fn new(address: &str, isolation: Value) -> Self {
        Self { api: RuntimeApi::new(address), isolation, current: None }
    }

    /// Takes invocations until one has messages.
    async fn invoked(&mut self) -> Result<Invocation, Failure> {
        loop {
            let (request_id, deadline, body) = self.api.next().await?;
            let event: Value = match serde_json::from_slice(&body) {
                Ok(event) => event,
                Err(error) => {
                    self.api.failed(&request_id, &format!("the event is not JSON: {error}")).await?;
                    continue;
                }
            };
            if event.get("isolation") == Some(&Value::Bool(true)) {
                self.api.answer(&request_id, &self.isolation).await?;
                continue;
            }
            match serde_json::from_value::<SqsEvent>(event) {
                Ok(event) => {
                    let message = |record: SqsRecord| Message {
                        id: record.message_id,
                        receipt: record.receipt_handle,
                        body: record.body,
                        run_id: request_id.clone(),
                        deadline,
                    };
                    let waiting = event.records.into_iter().map(message).collect();
                    return Ok(Invocation { request_id: request_id.clone(), waiting, failed: Vec::new() });
                }
                Err(error) => {
                    let message = format!("the event has no messages of SQS: {error}; check the event source mapping");
                    self.api.failed(&request_id, &message).await?;
                }
            }
        }
    }
}

impl Requests for Invocations {
    async fn next(&mut self) -> Result<Option<Message>, Failure> {
        loop {
            if let Some(invocation) = &mut self.current {
                if let Some(message) = invocation.waiting.pop_front() {
                    return Ok(Some(message));
                }
                let failures: Vec<Value> = invocation.failed.iter().map(|id| json!({ "itemIdentifier": id })).collect();
                let request_id = std::mem::take(&mut invocation.request_id);
                self.current = None;
                self.api.answer(&request_id, &json!({ "batchItemFailures": failures })).await?;
            }
            self.current = Some(self.invoked().await?);
        }
    }

    async fn done(&mut self, _: Message) -> Result<(), Failure> {
        Ok(())
    }

    async fn failed(&mut self, message: Message) -> Result<(), Failure> {
        if let Some(invocation) = &mut self.current {
            invocation.failed.push(message.id);
        }
        Ok(())
    }
}

/// Tells that the program cannot take invocations.
pub(crate) async fn report_init_error(address: &str, failure: &Failure) {
    let body = json!({ "errorMessage": failure.to_string(), "errorType": "Init" });
    // Whoever asks is not there any more: the exit code and the log say the same.
    let _ = RuntimeApi::new(address).ask("POST", "/runtime/init/error", Some(&body)).await;
}

struct RuntimeApi {
    address: String,
    connection: Option<BufReader<TcpStream>>,
}

/// An answer's head, names in lower case, and its body.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
    }
}

impl RuntimeApi {
    fn new(address: &str) -> Self {
        Self { address: address.to_owned(), connection: None }
    }

    /// The next invocation: its id, when it has to have ended, its event. Waits for as long as there is none.
    async fn next(&mut self) -> Result<(String, Instant, Vec<u8>), Failure> {
        let answer = self.ask("GET", "/runtime/invocation/next", None).await?;
        let id = answer.header("lambda-runtime-aws-request-id").unwrap_or_default().to_owned();
        let deadline = answer.header("lambda-runtime-deadline-ms").and_then(|text| text.parse().ok());
        let deadline = deadline.ok_or_else(|| Failure::internal("an invocation came without its deadline"))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let left = Duration::from_millis(deadline).saturating_sub(now);
        Ok((id, Instant::now() + left, answer.body))
    }

    async fn answer(&mut self, request_id: &str, value: &Value) -> Result<(), Failure> {
        self.ask("POST", &format!("/runtime/invocation/{request_id}/response"), Some(value)).await.map(drop)
    }

    async fn failed(&mut self, request_id: &str, message: &str) -> Result<(), Failure> {
        let error = json!({ "errorMessage": message, "errorType": "Event" });
        self.ask("POST", &format!("/runtime/invocation/{request_id}/error"), Some(&error)).await.map(drop)
    }

    async fn ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let failed = |error: std::io::Error| {
            Failure::internal(format!("failed to talk to Lambda's Runtime API: {method} {path}")).because(error)
        };
        // A connection that waited may have been closed; then nothing was done, and it is asked for once more.
        let mut result = self.try_ask(method, path, body).await;
        if result.is_err() && self.connection.take().is_some() {
            result = self.try_ask(method, path, body).await;
        }
        let answer = result.map_err(failed)?;
        if answer.status / 100 != 2 {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(Failure::internal(format!(
                "Lambda's Runtime API answered {} to {method} {path}: {text}",
                answer.status
            )));
        }
        Ok(answer)
    }

    async fn try_ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<Answer> {
        if self.connection.is_none() {
            let connection = TcpStream::connect(&self.address).await?;
            connection.set_nodelay(true)?;
            self.connection = Some(BufReader::new(connection));
        }
        let Some(connection) = &mut self.connection else { return Err(std::io::ErrorKind::NotConnected.into()) };
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} /2018-06-01{path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        connection.get_mut().write_all(request.as_bytes()).await?;
        let answer = read_answer(connection).await?;
        if answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            self.connection = None;
        }
        Ok(answer)
    }
}

/// One answer: its body by its length or in chunks.
async fn read_answer(connection: &mut BufReader<TcpStream>) -> std::io::Result<Answer> {
    let invalid = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    let mut head = Vec::new();
    let mut line = String::new();
    loop {
        line.clear();
        if connection.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        head.push(text.to_owned());
        if head.iter().map(String::len).sum::<usize>() > MAX_HEAD {
            return Err(invalid("the head of the answer is too long"));
        }
    }
    let mut lines = head.into_iter();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.ok_or_else(|| invalid("the answer has no status"))?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| {
            line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect();
    let mut answer = Answer { status, headers, body: Vec::new() };
    if answer.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        loop {
            line.clear();
            connection.read_line(&mut line).await?;
            let size = line.trim().split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size, 16).map_err(|_| invalid("a chunk has no size"))?;
            if answer.body.len().saturating_add(size) > MAX_BODY {
                return Err(invalid("the answer is too long"));
            }
            let start = answer.body.len();
            answer.body.resize(start + size, 0);
            connection.read_exact(&mut answer.body[start..]).await?;
            line.clear();
            connection.read_line(&mut line).await?;
            if size == 0 {
                return Ok(answer);
            }
        }
    }
    let length = answer.header("content-length").map_or(Some(0), |text| text.parse().ok());
    let length = length.filter(|length| *length <= MAX_BODY).ok_or_else(|| invalid("the answer is too long"))?;
    answer.body.resize(length, 0);
    connection.read_exact(&mut answer.body).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Answers each request with the next of these texts, on one connection; gives what was asked.
    fn served(answers: &'static [&'static str]) -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            for answer in answers {
                let mut request = Vec::new();
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n") {
                    connection.read_exact(&mut byte).unwrap();
                    request.push(byte[0]);
                }
                let head = String::from_utf8(request).unwrap();
                let length =
                    head.split("Content-Length: ").nth(1).and_then(|rest| rest.split('\r').next()?.parse().ok());
                let mut body = vec![0; length.unwrap()];
                connection.read_exact(&mut body).unwrap();
                asked.push(format!("{} {}", head.lines().next().unwrap(), String::from_utf8(body).unwrap()));
                connection.write_all(answer.as_bytes()).unwrap();
            }
            asked
        });
        (address, server)
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn messages_come_one_by_one_and_those_that_failed_are_named() {
        let (address, server) = served(&[
            "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r1\r\nLambda-Runtime-Deadline-Ms: 1\r\nContent-Length: 18\r\n\r\n{\"isolation\":true}",
            "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r2\r\nLambda-Runtime-Deadline-Ms: 1\r\nContent-Length: 2\r\n\r\n{}",
            "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r3\r\nLambda-Runtime-Deadline-Ms: 99999999999999\r\nTransfer-Encoding: chunked\r\n\r\n\
             37\r\n{\"Records\":[{\"messageId\":\"m1\",\"body\":\"b1\"},{\"messageId\"\r\n15\r\n:\"m2\",\"body\":\"b2\"} ]}\r\n0\r\n\r\n",
            "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        ]);
        block_on(async {
            let mut invocations = Invocations::new(&address, json!({ "holds": true }));
            let first = invocations.next().await.unwrap().unwrap();
            assert_eq!((first.id.as_str(), first.body.as_str(), first.run_id.as_str()), ("m1", "b1", "r3"));
            assert!(first.deadline > Instant::now() + Duration::from_mins(1));
            invocations.failed(first).await.unwrap();
            let second = invocations.next().await.unwrap().unwrap();
            assert_eq!(second.id, "m2");
            invocations.done(second).await.unwrap();
            // The server is gone after the answer.
            assert!(invocations.next().await.is_err());
        });
        let asked = server.join().unwrap();
        assert!(asked[1].contains("/r1/response") && asked[1].ends_with(r#"{"holds":true}"#), "{asked:?}");
        assert!(asked[3].contains("/r2/error") && asked[3].contains("no messages of SQS"), "{asked:?}");
        assert!(asked[5].ends_with(r#"{"batchItemFailures":[{"itemIdentifier":"m1"}]}"#), "{asked:?}");
    }

    #[test]
    fn an_answer_without_end_is_not_kept() {
        let (address, server) = served(&["HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"]);
        let failure = block_on(RuntimeApi::new(&address).next()).unwrap_err();
        assert!(failure.to_string().contains("Runtime API"), "{failure}");
        drop(server);
    }
}
