//! One client for all services that speak JSON over signed HTTP.
//!
//! In AWS JSON 1.1 a call is a POST with `X-Amz-Target`, in REST JSON a method and a path; body and answer are JSON. Region, credentials, HTTP connections and endpoints are
//! those of the process's other clients ([`store::Aws`]); `AWS_ENDPOINT_URL_TEXTRACT` and the like go before `AWS_ENDPOINT_URL`.
//!
//! A call is repeated if the service could not answer, was called too fast or broke off, with exponential pauses of which each
//! client waits another part; nothing that these services do is wrong to do twice. The pace of calls is [`crate::rates`]'s.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use contract::Failure;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::Aws;
use tokio::time::sleep;

use crate::api::Api;
use crate::rates::Rates;
use crate::refusal::Refusal;

/// How often a call is made at most.
const ATTEMPTS: u32 = 6;
/// The longest first pause; each further one may be twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// For one attempt: Textract takes some seconds for a page that is full of words.
const ATTEMPT_TIMEOUT: Duration = Duration::from_mins(1);
/// Until there is a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Credentials are fetched again so long before they expire.
const BEFORE_EXPIRY: Duration = Duration::from_mins(5);
/// Those that do not say when they expire, after so long.
const USUAL_LIFE: Duration = Duration::from_mins(15);

/// Calls services.
pub struct Client {
    aws: Aws,
    rates: Rates,
    credentials: tokio::sync::Mutex<Option<(Credentials, SystemTime)>>,
    connections: Mutex<BTreeMap<&'static str, Arc<Connection>>>,
}

/// How requests to one service go out and answers come in.
type Connection = Operation<HttpRequest, Answer, std::io::Error>;

/// What is sent.
struct Message<'a> {
    method: &'static str,
    path: &'a str,
    target: Option<&'a str>,
    body: Vec<u8>,
}

fn written(api: &Api, request: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(request)
        .map_err(|error| Failure::internal(format!("failed to write a request to {}", api.name)).because(error))
}

#[derive(Debug)]
struct Answer {
    status: u16,
    /// The exception's name, if the answer has it as a header.
    error_type: Option<String>,
    body: Vec<u8>,
}

impl Client {
    /// A client for these services. The environment's rates are read at once, credentials with the first call.
    pub fn new(aws: Aws, apis: &[&'static Api]) -> Result<Self, Failure> {
        Ok(Self {
            aws,
            rates: Rates::from_environment(apis)?,
            credentials: tokio::sync::Mutex::default(),
            connections: Mutex::default(),
        })
    }

    /// Calls an action and waits for its answer, as often as that takes within bounds.
    pub async fn call<A: DeserializeOwned>(
        &self,
        api: &'static Api,
        action: &'static str,
        request: &impl Serialize,
    ) -> Result<A, Failure> {
        let target = format!("{}.{action}", api.target);
        let message = Message { method: "POST", path: "/", target: Some(&target), body: written(api, request)? };
        self.repeat(api, action, &message).await
    }

    /// Calls an action of a service that speaks REST.
    pub(crate) async fn rest<A: DeserializeOwned>(
        &self,
        api: &'static Api,
        action: &'static str,
        method: &'static str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<A, Failure> {
        let body = body.map(|body| written(api, body)).transpose()?.unwrap_or_default();
        self.repeat(api, action, &Message { method, path, target: None, body }).await
    }

    async fn repeat<A: DeserializeOwned>(
        &self,
        api: &'static Api,
        action: &'static str,
        message: &Message<'_>,
    ) -> Result<A, Failure> {
        for attempt in 0.. {
            self.rates.pace(api, action).await;
            let refusal = match self.send(api, message).await {
                Ok(answer) => {
                    self.rates.answered(api, action);
                    return serde_json::from_slice(&answer).map_err(|error| {
                        Failure::internal(format!("{}'s answer to {action} has an unknown shape", api.name))
                            .because(error)
                    });
                }
                Err(refusal) => refusal,
            };
            if refusal.is_throttling() {
                self.rates.throttled(api, action);
            }
            if !refusal.is_temporary() || attempt + 1 >= ATTEMPTS {
                return Err(refusal.into_failure(api, action));
            }
            let pause = pause(attempt);
            tracing::debug!(service = api.name, action, attempt, ?pause, ?refusal, "asked again");
            sleep(pause).await;
        }
        unreachable!("the last attempt returns")
    }

    /// One attempt.
    async fn send(&self, api: &'static Api, message: &Message<'_>) -> Result<Vec<u8>, Refusal> {
        let configuration = self.aws.configuration().await.map_err(Refusal::Unasked)?;
        let endpoint = endpoint(configuration, api)?;
        let request = self.signed(configuration, api, message, &endpoint).await?;
        let connection = self.connection(configuration, api, &endpoint);
        let answer = connection.invoke(request).await.map_err(|error| unheard(&error))?;
        if (200..300).contains(&answer.status) {
            return Ok(answer.body);
        }
        Err(refused(&answer))
    }

    async fn signed(
        &self,
        configuration: &SdkConfig,
        api: &Api,
        message: &Message<'_>,
        endpoint: &str,
    ) -> Result<HttpRequest, Refusal> {
        let identity = self.credentials(configuration).await?.into();
        let region = configuration.region().map(ToString::to_string).unwrap_or_default();
        let Message { method, path, target, body } = message;
        let content_type = if target.is_some() { "application/x-amz-json-1.1" } else { "application/json" };
        let headers =
            std::iter::once(("content-type", content_type)).chain(target.map(|target| ("x-amz-target", target)));
        let unsigned = |error: &dyn std::fmt::Display| {
            Refusal::Unasked(Failure::internal(format!("failed to sign a request to {}: {error}", api.name)))
        };
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&region)
            .name(api.name)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unsigned(&error))?
            .into();
        let url = format!("{endpoint}{path}");
        let signable = SignableRequest::new(method, url, headers.clone(), SignableBody::Bytes(body))
            .map_err(|error| unsigned(&error))?;
        let (instructions, _) = sign(signable, &parameters).map_err(|error| unsigned(&error))?.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(body.clone()));
        request.set_method(method).map_err(|error| unsigned(&error))?;
        request.set_uri(*path).map_err(|error| unsigned(&error))?;
        for (name, value) in headers.chain(instructions.headers()) {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
        Ok(request)
    }

    /// The credentials, fetched anew shortly before they expire.
    async fn credentials(&self, configuration: &SdkConfig) -> Result<Credentials, Refusal> {
        let mut kept = self.credentials.lock().await;
        let now = SystemTime::now();
        if let Some((credentials, until)) = &*kept
            && now < *until
        {
            return Ok(credentials.clone());
        }
        let missing = || {
            Failure::invalid_request(
                "no AWS credentials found; give the task a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or \
                 AWS_PROFILE",
            )
        };
        let provider = configuration.credentials_provider().ok_or_else(|| Refusal::Unasked(missing()))?;
        let credentials =
            provider.provide_credentials().await.map_err(|error| Refusal::Unasked(missing().because(error)))?;
        let until = credentials.expiry().map_or(now + USUAL_LIFE, |expiry| expiry - BEFORE_EXPIRY);
        *kept = Some((credentials.clone(), until));
        Ok(credentials)
    }

    fn connection(&self, configuration: &SdkConfig, api: &Api, endpoint: &str) -> Arc<Connection> {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = connections.entry(api.name).or_insert_with(|| {
            let timeouts = TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(ATTEMPT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .build();
            let mut operation = Operation::builder()
                .service_name(api.name)
                .operation_name("call")
                .behavior_version(BehaviorVersion::latest())
                .endpoint_url(endpoint)
                // Signed already, and repeated by the caller.
                .no_auth()
                .no_retry()
                .timeout_config(timeouts);
            if let Some(client) = configuration.http_client() {
                operation = operation.http_client(client);
            }
            Arc::new(operation.serializer(Ok).deserializer(read).build())
        });
        Arc::clone(connection)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the orchestrator takes functions that may fail")]
fn read(response: &HttpResponse) -> Result<Answer, OrchestratorError<std::io::Error>> {
    Ok(Answer {
        status: response.status().as_u16(),
        error_type: response.headers().get("x-amzn-errortype").map(str::to_owned),
        body: response.body().bytes().unwrap_or_default().to_vec(),
    })
}

/// Where a service is called.
fn endpoint(configuration: &SdkConfig, api: &Api) -> Result<String, Refusal> {
    let own = std::env::var(format!("AWS_ENDPOINT_URL_{}", api.variable)).ok().filter(|url| !url.is_empty());
    if let Some(url) = own.as_deref().or_else(|| configuration.endpoint_url()) {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    let region = configuration
        .region()
        .ok_or_else(|| Refusal::Unasked(Failure::invalid_request("no AWS region is configured; set AWS_REGION")))?;
    Ok(host(api, region.as_ref()))
}

fn host(api: &Api, region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{}.{region}.{suffix}", api.name)
}

/// A part of a pause that doubles with each attempt, another part each time.
fn pause(attempt: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << attempt.min(16)).min(LONGEST_PAUSE);
    // Without random numbers all wait the whole of it.
    let part = getrandom::u32().map_or(1.0, |number| f64::from(number) / f64::from(u32::MAX));
    longest.mul_f64(part.max(0.1))
}

fn unheard(error: &SdkError<std::io::Error, HttpResponse>) -> Refusal {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    Refusal::Unheard(text)
}

/// What the service says of its refusal, in whichever of the ways that it may.
fn refused(answer: &Answer) -> Refusal {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let code = answer.error_type.as_deref().or_else(|| text("__type")).or_else(|| text("code")).unwrap_or_default();
    // `com.amazonaws.textract#BadDocumentException`, `BadDocumentException:http://…`
    let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
    let message = text("message").or_else(|| text("Message")).unwrap_or_default().to_owned();
    Refusal::Refused { status: answer.status, code, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::textract::TEXTRACT;

    #[test]
    fn a_refusal_is_read_in_each_of_the_forms_that_services_use() {
        for (header, body, code, message) in [
            (None, r#"{"__type":"BadDocumentException","message":"no"}"#, "BadDocumentException", "no"),
            (
                None,
                r#"{"__type":"com.amazonaws.textract#BadDocumentException","Message":"no"}"#,
                "BadDocumentException",
                "no",
            ),
            (
                Some("ThrottlingException:http://internal.amazon.com/"),
                r#"{"message":"slow"}"#,
                "ThrottlingException",
                "slow",
            ),
            (None, "<html>", "", ""),
        ] {
            let answer = Answer { status: 400, error_type: header.map(str::to_owned), body: body.into() };
            let Refusal::Refused { code: found, message: said, .. } = refused(&answer) else { panic!("{body}") };
            assert_eq!((found.as_str(), said.as_str()), (code, message), "{body}");
        }
    }

    #[test]
    fn services_are_found_in_their_region() {
        assert_eq!(host(&TEXTRACT, "eu-west-1"), "https://textract.eu-west-1.amazonaws.com");
        assert_eq!(host(&TEXTRACT, "cn-north-1"), "https://textract.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn pauses_grow_to_a_bound() {
        for attempt in 0..40 {
            let pause = pause(attempt);
            assert!(pause >= FIRST_PAUSE / 10 && pause <= LONGEST_PAUSE, "{attempt}: {pause:?}");
        }
    }
}
