//! AWS SDK clients for the embedded servers: static credentials, one endpoint, nothing from the environment, no proxy.

use std::error::Error;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kinesis::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector, http_client_fn};
use aws_smithy_types::error::display::DisplayErrorContext;

use super::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, SandboxError};

/// Plain HTTP, without the proxy that `HTTP_PROXY` names.
pub(super) fn direct_connector() -> SharedHttpConnector {
    let connector = Connector::builder()
        .proxy_config(ProxyConfig::disabled())
        .build_http();
    SharedHttpConnector::new(connector)
}

/// The SDK's client would follow `HTTP_PROXY`, also to loopback.
fn direct_http_client() -> SharedHttpClient {
    let connector = direct_connector();
    http_client_fn(move |_settings, _components| connector.clone())
}

/// The shared configuration of clients of an embedded server.
pub fn sandbox_configuration(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "sandbox");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(direct_http_client())
        .endpoint_url(endpoint)
        .build()
}

/// A client of the embedded S3 server.
pub fn s3_client(endpoint: &str) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&sandbox_configuration(endpoint)).force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}

/// A client of an embedded Kinesis server.
pub fn kinesis_client(endpoint: &str) -> aws_sdk_kinesis::Client {
    aws_sdk_kinesis::Client::new(&sandbox_configuration(endpoint))
}

/// Environment variables that make the AWS SDK of a child process use the sandbox's account and nothing else.
pub fn child_environment() -> [(&'static str, &'static str); 8] {
    [
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
        ("AWS_REGION", REGION),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("NO_PROXY", "127.0.0.1"),
        ("no_proxy", "127.0.0.1"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ]
}

/// The error of a request, with all its causes.
pub(super) fn request_error(
    server: &'static str,
    action: impl Into<String>,
    error: impl Error,
) -> SandboxError {
    SandboxError::Request {
        server,
        action: action.into(),
        detail: DisplayErrorContext(error).to_string(),
    }
}
