//! A real AWS API on this machine, and the real SDK's clients for it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::primitives::ByteStream;
use serde_json::Value;

use crate::infrastructure::queue_arn;
use crate::moto::{self, Moto};

/// The region of every test.
pub(crate) const REGION: &str = "us-east-1";

/// The account of every test.
pub(crate) const ACCOUNT: &str = "123456789012";

/// A server with the APIs of AWS.
pub struct Aws {
    moto: Moto,
}

impl Aws {
    /// The one of this test process, started when first asked for. Fails the test where it cannot be installed.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Aws> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One of the caller's own, for tests that change what others see.
    pub fn start() -> Self {
        Self { moto: moto::start().unwrap_or_else(|error| panic!("{error:#}")) }
    }

    /// Its URL.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.moto.port)
    }

    /// The environment variables that lead a program to it.
    pub fn environment(&self) -> Vec<(String, String)> {
        environment_of(&self.endpoint())
    }

    /// The same for a program whose requests are noted under its name, see [`crate::policy`].
    pub fn environment_of(&self, program: &str) -> Vec<(String, String)> {
        signed_by(&key_of(program), self.environment())
    }

    /// What the server answers to a request for a path.
    pub(crate) fn fetch(&self, path: &str) -> String {
        self.request("GET", path, "", "", "")
    }

    /// A Python with boto3, pointed at the server.
    pub fn python(&self) -> Command {
        self.pointed_here(&self.moto.python)
    }

    /// A shell that takes a line and finds the AWS CLI and that Python, both pointed at the server.
    pub fn shell(&self) -> Command {
        let mut shell = self.pointed_here(Path::new("bash"));
        shell.args(["-o", "pipefail", "-c"]);
        shell
    }

    fn pointed_here(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let programs = self.moto.python.parent().expect("a program is in a folder").display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        command.env_clear().env("PATH", format!("{programs}:{path}")).envs(self.environment());
        command.env("AWS_DEFAULT_REGION", REGION).stdin(Stdio::null());
        command
    }

    /// The SDK's configuration for it.
    pub fn configuration(&self) -> SdkConfig {
        configuration_of(&self.endpoint())
    }

    /// A client of S3. Clients belong to the async runtime of the test, hence a new one each time.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let configuration = aws_sdk_s3::config::Builder::from(&self.configuration()).force_path_style(true).build();
        aws_sdk_s3::Client::from_conf(configuration)
    }

    /// A client of SNS.
    pub fn sns(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.configuration())
    }

    /// A client of SQS.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.configuration())
    }

    /// A client of `DynamoDB`.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.configuration())
    }

    /// A client of Batch.
    pub fn batch(&self) -> aws_sdk_batch::Client {
        aws_sdk_batch::Client::new(&self.configuration())
    }

    /// Makes Batch accept jobs, and Lambda invocations, without running them in containers.
    pub fn without_containers(&self) {
        let body = r#"{"batch": {"use_docker": false}, "lambda": {"use_docker": false}}"#;
        self.post("/moto-api/config", "application/json", "", body);
    }

    /// A role that Batch may take on; its ARN.
    pub fn batch_role(&self) -> String {
        let name = unique("role");
        let form = format!(
            "Action=CreateRole&Version=2010-05-08&RoleName={name}&AssumeRolePolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D"
        );
        self.post("/", "application/x-www-form-urlencoded", &authorization("iam"), &form);
        format!("arn:aws:iam::{ACCOUNT}:role/{name}")
    }

    /// A request in AWS's JSON protocol, such as `AWSEvents.PutRule`, for services of which no SDK client is worth its
    /// compile time.
    pub fn call(&self, service: &str, action: &str, body: &Value) -> Value {
        let headers = authorization(service) + &format!("X-Amz-Target: {action}\r\n");
        let answer = self.post("/", "application/x-amz-json-1.1", &headers, &body.to_string());
        if answer.is_empty() { Value::Null } else { serde_json::from_str(&answer).expect("the answer is JSON") }
    }

    /// A plain request; the body of the answer.
    pub(crate) fn post(&self, path: &str, content_type: &str, more: &str, body: &str) -> String {
        self.request("POST", path, content_type, more, body)
    }

    fn request(&self, method: &str, path: &str, content_type: &str, more: &str, body: &str) -> String {
        use std::io::{Read as _, Write as _};
        let mut connection = std::net::TcpStream::connect(("127.0.0.1", self.moto.port)).expect("the server listens");
        write!(
            connection,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\n{more}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("a request is sent");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("an answer comes");
        let status = answer.split_whitespace().nth(1).unwrap_or_default();
        assert!(status.starts_with('2'), "{path} {more}: {answer}");
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    }

    /// A new bucket.
    pub async fn bucket(&self) -> String {
        let name = unique("bucket");
        self.s3().create_bucket().bucket(&name).send().await.expect("a bucket is made");
        name
    }

    /// Puts an object.
    pub async fn put(&self, bucket: &str, key: &str, bytes: impl Into<Vec<u8>>) {
        let body = ByteStream::from(bytes.into());
        self.s3().put_object().bucket(bucket).key(key).body(body).send().await.expect("an object is put");
    }

    /// An object's bytes.
    pub async fn get(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        match self.s3().get_object().bucket(bucket).key(key).send().await {
            Ok(object) => Some(object.body.collect().await.expect("an object can be read").to_vec()),
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => None,
            Err(error) => panic!("{bucket}/{key}: {error:?}"),
        }
    }

    /// Every key of a bucket, sorted.
    pub async fn keys(&self, bucket: &str) -> Vec<String> {
        let mut pages = self.s3().list_objects_v2().bucket(bucket).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.expect("a bucket can be listed");
            keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
        }
        keys
    }

    /// A new queue; its URL.
    pub async fn queue(&self) -> String {
        let queue = self.sqs().create_queue().queue_name(unique("queue")).send().await.expect("a queue is made");
        queue.queue_url.expect("a queue has a URL")
    }

    /// A new topic with a queue subscribed to it, which gets the bare messages with their attributes.
    pub async fn topic_with_queue(&self) -> TopicQueue {
        let topic = self.sns().create_topic().name(unique("topic")).send().await.expect("a topic is made");
        self.listen(&topic.topic_arn.expect("a topic has an ARN")).await
    }

    /// A new queue subscribed to a topic, which gets the bare messages with their attributes.
    pub async fn listen(&self, topic_arn: &str) -> TopicQueue {
        let queue_url = self.queue().await;
        self.sns()
            .subscribe()
            .topic_arn(topic_arn)
            .protocol("sqs")
            .endpoint(queue_arn(&queue_url))
            .attributes("RawMessageDelivery", "true")
            .send()
            .await
            .expect("a queue is subscribed");
        TopicQueue { topic_arn: topic_arn.to_owned(), queue_url, sqs: self.sqs() }
    }
}

/// Tells the server which service is asked. It does not look at signatures.
fn authorization(service: &str) -> String {
    format!(
        "Authorization: AWS4-HMAC-SHA256 Credential=testing/20261122/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n"
    )
}

/// The environment variables that lead a program to an endpoint, such as a [`crate::Proxy`].
pub(crate) fn environment_of(endpoint: &str) -> Vec<(String, String)> {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", "testing"),
        ("AWS_SECRET_ACCESS_KEY", "testing"),
        ("AWS_REGION", REGION),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The access key of a program whose requests are noted (recorder.py).
pub(crate) fn key_of(program: &str) -> String {
    format!("program-{program}")
}

/// An environment with another access key.
pub(crate) fn signed_by(key: &str, environment: Vec<(String, String)>) -> Vec<(String, String)> {
    let with_key = |(name, value): (String, String)| match name.as_str() {
        "AWS_ACCESS_KEY_ID" => (name, key.to_owned()),
        _ => (name, value),
    };
    environment.into_iter().map(with_key).collect()
}

/// The SDK's configuration for an endpoint, with retries that do not make a test wait.
pub(crate) fn configuration_of(endpoint: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "testing", "testing", None, None, "tests",
        )))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(20)))
        .build()
}

/// A topic, and the queue that gets what is published to it.
pub struct TopicQueue {
    /// The topic's ARN.
    pub topic_arn: String,
    /// The queue's URL.
    pub queue_url: String,
    sqs: aws_sdk_sqs::Client,
}

impl TopicQueue {
    /// The next messages as JSON, each with its attributes as `(name, value)`: as many as `count`, or as came within ten
    /// seconds.
    pub async fn receive(&self, count: usize) -> Vec<(Value, Vec<(String, String)>)> {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut messages = Vec::new();
        while messages.len() < count && Instant::now() < deadline {
            let received = self
                .sqs
                .receive_message()
                .queue_url(&self.queue_url)
                .max_number_of_messages(10)
                .message_attribute_names("All")
                .wait_time_seconds(1)
                .send()
                .await
                .expect("a queue can be read");
            for message in received.messages.unwrap_or_default() {
                if let Some(receipt) = &message.receipt_handle {
                    let delete = self.sqs.delete_message().queue_url(&self.queue_url).receipt_handle(receipt);
                    delete.send().await.expect("a message can be deleted");
                }
                let body = message.body.unwrap_or_default();
                let mut attributes: Vec<(String, String)> = message
                    .message_attributes
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(name, value)| (name, value.string_value.unwrap_or_default()))
                    .collect();
                attributes.sort();
                messages.push((serde_json::from_str(&body).unwrap_or(Value::String(body)), attributes));
            }
        }
        messages
    }
}

/// A name that nothing else of this server has.
pub fn unique(prefix: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("{prefix}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
