//! An address that takes each event as JSON, in a POST request of its own.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;

use super::event::Event;
use super::{EventSink, NotTaken};
use crate::aws::text_of;
use crate::settings::WebhookConfig;

/// Time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Time until the answer begins.
const READ_TIMEOUT: Duration = Duration::from_secs(8);

/// The address.
pub(super) struct Webhook {
    config: WebhookConfig,
    connector: Connector,
}

impl Webhook {
    /// A webhook; `tls` says which certificates are trusted, if not those of the system.
    pub(super) fn new(config: WebhookConfig, tls: Option<TlsContext>) -> Self {
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build();
        let builder = Connector::builder().connector_settings(settings);
        // Whoever does without TLS needs no certificates.
        let connector = if config.url.secret().starts_with("http://") {
            builder.build_http()
        } else {
            let builder = builder.tls_provider(Provider::Rustls(CryptoMode::AwsLc));
            match tls {
                Some(tls) => builder.tls_context(tls).build(),
                None => builder.build(),
            }
        };
        Self { config, connector }
    }

    fn request(&self, event: &Event) -> Result<HttpRequest, String> {
        let mut request = HttpRequest::new(SdkBody::from(event.line.as_str()));
        let unusable = |_| "the URL cannot be used".to_owned();
        request.set_method("POST").map_err(unusable)?;
        request.set_uri(self.config.url.secret()).map_err(unusable)?;
        let headers = request.headers_mut();
        headers.insert("content-type", "application/json");
        headers.insert("content-length", event.line.len().to_string());
        headers.insert("user-agent", concat!("brigade/", env!("CARGO_PKG_VERSION")));
        if let Some(token) = &self.config.token {
            headers.insert("authorization", format!("Bearer {}", token.secret()));
        }
        Ok(request)
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Webhook")
    }
}

#[async_trait]
impl EventSink for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    async fn send(&self, event: &Event) -> Result<(), NotTaken> {
        let request = self.request(event).map_err(NotTaken::Now)?;
        let answer = self.connector.call(request).await;
        // The error of a connection may name its address, which may be secret.
        let shown = |error: &(dyn Error + 'static)| text_of(error).replace(self.config.url.secret(), "***");
        let answer = answer.map_err(|error| NotTaken::Now(shown(&error)))?;
        let status = answer.status().as_u16();
        match status {
            200..300 => Ok(()),
            // A redirection is none of them: following it would send the token elsewhere.
            400 | 413 | 415 | 422 => Err(NotTaken::Ever(format!("HTTP {status}"))),
            _ => Err(NotTaken::Now(format!("HTTP {status}"))),
        }
    }
}
