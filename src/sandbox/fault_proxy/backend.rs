//! The server behind the proxy: requests go to it as they came, and its answers come back as they are.

use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::http::Request as HttpRequest;
use aws_smithy_types::body::SdkBody;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Uri, header};
use axum::response::Response;
use bytes::Bytes;

use crate::sandbox::clients::direct_connector;

/// Headers of one connection only; each side has its own.
const CONNECTION_HEADERS: [header::HeaderName; 2] = [header::CONNECTION, header::TRANSFER_ENCODING];

/// Where requests go.
#[derive(Debug, Clone)]
pub(super) struct Backend {
    endpoint: String,
    connector: SharedHttpConnector,
}

/// An answer of the backend, read to its end.
#[derive(Debug)]
pub(super) struct BackendAnswer {
    pub(super) response: Response<()>,
    pub(super) body: Bytes,
}

impl Backend {
    /// The backend at this base URL.
    pub(super) fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            connector: direct_connector(),
        }
    }

    /// Passes a request on and gives the answer while it is still coming.
    pub(super) async fn pass(&self, mut parts: Parts, body: Bytes) -> Result<Response, String> {
        let place = parts.uri.path_and_query().map_or("/", |place| place.as_str());
        let uri = format!("{}{place}", self.endpoint);
        parts.uri = uri
            .parse::<Uri>()
            .map_err(|error| format!("{uri} is not an address: {error}"))?;
        // The client writes the length of the body that it sends.
        parts.headers.remove(header::CONTENT_LENGTH);
        for name in CONNECTION_HEADERS {
            parts.headers.remove(name);
        }
        parts.extensions.clear();
        let request = axum::http::Request::from_parts(parts, SdkBody::from(body));
        let request = HttpRequest::try_from(request).map_err(|error| error.to_string())?;
        let answer = self
            .connector
            .call(request)
            .await
            .map_err(|error| format!("no answer from {}: {error:?}", self.endpoint))?;
        let mut answer = answer.try_into_http1x().map_err(|error| error.to_string())?;
        for name in CONNECTION_HEADERS {
            answer.headers_mut().remove(name);
        }
        Ok(answer.map(Body::new))
    }

    /// Passes a request on and reads the answer to its end.
    pub(super) async fn call(&self, parts: Parts, body: Bytes) -> Result<BackendAnswer, String> {
        let (parts, body) = self.pass(parts, body).await?.into_parts();
        let body = axum::body::to_bytes(body, super::CALL_BYTES_MAX)
            .await
            .map_err(|error| error.to_string())?;
        Ok(BackendAnswer {
            response: Response::from_parts(parts, ()),
            body,
        })
    }
}
