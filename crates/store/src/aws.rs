//! AWS clients from the environment, made when first needed: a job over local paths loads no configuration at all.
//!
//! Region, credentials, endpoints and retries come from where the SDKs look for them (`AWS_REGION`, the task's role,
//! `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_S3`, `AWS_MAX_ATTEMPTS`, …). Where an endpoint is given whose host is an IP
//! address or has no dot (`localhost`, a container's name), S3 is asked by path (`http://host/bucket/key`): such hosts
//! have no subdomains for buckets.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use contract::Failure;
use tokio::sync::OnceCell;

/// A little more patience than the SDK's three attempts: a job has already cost a container's start.
const MAX_ATTEMPTS: u32 = 5;

/// Until the first byte of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of S3.
pub(crate) type S3 = aws_sdk_s3::Client;

/// The clients of one process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Aws {
    clients: Arc<Clients>,
}

#[derive(Default)]
struct Clients {
    configuration: OnceCell<SdkConfig>,
    s3: OnceCell<aws_sdk_s3::Client>,
    sns: OnceCell<aws_sdk_sns::Client>,
}

impl Aws {
    /// Clients with a configuration that the caller has loaded already, as the Lambdas do.
    pub fn with_configuration(configuration: SdkConfig) -> Self {
        let configuration = OnceCell::new_with(Some(configuration));
        Self { clients: Arc::new(Clients { configuration, ..Clients::default() }) }
    }

    /// The configuration, for clients of other services.
    pub async fn configuration(&self) -> Result<&SdkConfig, Failure> {
        self.clients.configuration.get_or_try_init(load).await
    }

    /// A client of S3.
    pub async fn s3(&self) -> Result<&aws_sdk_s3::Client, Failure> {
        self.clients
            .s3
            .get_or_try_init(async || {
                let configuration = self.configuration().await?;
                let endpoint = std::env::var("AWS_ENDPOINT_URL_S3").ok();
                let endpoint = endpoint.as_deref().or_else(|| configuration.endpoint_url());
                let s3 = aws_sdk_s3::config::Builder::from(configuration)
                    .force_path_style(endpoint.is_some_and(has_no_subdomains))
                    .build();
                Ok(aws_sdk_s3::Client::from_conf(s3))
            })
            .await
    }

    /// A client of SNS.
    pub async fn sns(&self) -> Result<&aws_sdk_sns::Client, Failure> {
        self.clients.sns.get_or_try_init(async || Ok(aws_sdk_sns::Client::new(self.configuration().await?))).await
    }
}

/// The SDK's configuration from the environment, on an HTTP client that loads certificates only for HTTPS.
async fn load() -> Result<SdkConfig, Failure> {
    let configuration = aws_config::defaults(BehaviorVersion::latest())
        .http_client(LazyTls::default())
        .timeout_config(TimeoutConfig::builder().read_timeout(READ_TIMEOUT).build())
        .load()
        .await;
    if configuration.region().is_none() {
        return Err(Failure::invalid_request(
            "no AWS region is configured; set AWS_REGION (and credentials, where the machine has no role)",
        ));
    }
    let retries = configuration.retry_config().cloned().unwrap_or_else(RetryConfig::standard);
    let is_default = retries.max_attempts() == RetryConfig::standard().max_attempts();
    if is_default && std::env::var_os("AWS_MAX_ATTEMPTS").is_none() {
        let retries = retries.with_max_attempts(MAX_ATTEMPTS);
        return Ok(configuration.into_builder().retry_config(retries).build());
    }
    Ok(configuration)
}

/// Whether a URL's host cannot have `bucket.` put in front of it.
fn has_no_subdomains(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    if authority.starts_with('[') {
        return true;
    }
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    !host.contains('.') || host.parse::<std::net::Ipv4Addr>().is_ok()
}

/// Reading the machine's root certificates takes longer than the rest of a client together, and a local endpoint over
/// plain HTTP needs none of them.
#[derive(Debug, Clone, Default)]
struct LazyTls {
    plain: Arc<OnceLock<SharedHttpClient>>,
    tls: Arc<OnceLock<SharedHttpClient>>,
}

/// Sends each request by the client for its scheme.
#[derive(Debug)]
struct ByScheme {
    clients: LazyTls,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpClient for LazyTls {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let (settings, components) = (settings.clone(), components.clone());
        SharedHttpConnector::new(ByScheme { clients: self.clone(), settings, components })
    }
}

impl HttpConnector for ByScheme {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let builder = aws_smithy_http_client::Builder::new();
        let client = if request.uri().starts_with("http:") {
            self.clients.plain.get_or_init(|| builder.build_http())
        } else {
            self.clients.tls.get_or_init(|| builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https())
        };
        // The client keeps one connector, with its open connections, for each set of settings.
        client.http_connector(&self.settings, &self.components).call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_cannot_have_subdomains_are_asked_by_path() {
        for url in
            ["http://127.0.0.1:5000", "http://localhost:5000/", "http://moto:5000", "https://[::1]:1", "http://minio"]
        {
            assert!(has_no_subdomains(url), "{url}");
        }
        for url in ["https://s3.eu-west-1.amazonaws.com", "https://storage.example.com:8080"] {
            assert!(!has_no_subdomains(url), "{url}");
        }
    }
}
