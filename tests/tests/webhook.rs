//! The example of a webhook's consumer takes an end once, from whoever knows the secret.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use e2e::containers::in_project;
use serde_json::{Value, json};

struct Consumer {
    process: Child,
    lines: BufReader<ChildStdout>,
    port: u16,
}

impl Consumer {
    fn start(folder: &std::path::Path) -> Self {
        let mut process = Command::new("python3")
            .arg(in_project("terraform/examples/webhook/consumer.py"))
            .args(["0", &folder.join("ends.sqlite").display().to_string()])
            .env("PIPELINE_SECRET", "s3cret")
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let mut lines = BufReader::new(process.stdout.take().expect("standard output is piped"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("it says where it listens");
        let port = line.trim().rsplit(' ').next().and_then(|port| port.parse().ok()).expect("a port");
        Self { process, lines, port }
    }

    /// The status of the answer to a call.
    fn call(&self, secret: &str, body: &str) -> u16 {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let length = body.len();
        write!(connection, "POST / HTTP/1.0\r\nx-pipeline-secret: {secret}\r\ncontent-length: {length}\r\n\r\n{body}")
            .expect("it reads");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("it answers");
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An event as EventBridge sends it, with the detail that the contract's test keeps.
fn event(id: &str) -> String {
    let detail = fs_err::read_to_string(in_project("crates/contract/tests/fixtures/upload_ended_v1.json"));
    let mut detail: Value = serde_json::from_str(&detail.expect("the fixture is there")).expect("the fixture is JSON");
    detail["id"] = id.into();
    json!({
        "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": "Upload Ended",
        "source": "data-pipeline.media", "account": "123456789012", "time": "2026-11-29T18:00:40Z", "region": "us-east-1",
        "resources": [], "detail": detail,
    })
    .to_string()
}

#[test]
fn an_end_is_taken_once_and_from_nobody_else() {
    let folder = tempfile::tempdir().expect("a folder is made");
    let mut consumer = Consumer::start(folder.path());
    assert_eq!(consumer.call("guess", &event("1/0/SUCCEEDED")), 401);
    assert_eq!(consumer.call("s3cret", "{}"), 400);
    for id in ["1/0/SUCCEEDED", "1/0/SUCCEEDED", "2/0/SUCCEEDED"] {
        assert_eq!(consumer.call("s3cret", &event(id)), 204);
    }
    consumer.process.kill().expect("it runs");
    let mut rest = String::new();
    consumer.lines.read_to_string(&mut rest).expect("its lines are read");
    assert_eq!(rest, "SUCCEEDED a.jpg 1 outputs\n".repeat(2));

    // A repetition after a restart is one, too.
    let again = Consumer::start(folder.path());
    assert_eq!(again.call("s3cret", &event("1/0/SUCCEEDED")), 204);
}
