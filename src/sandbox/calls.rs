//! Calls of the Kinesis API as the middleware of the embedded servers sees them.

use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

/// The call that a request makes, such as `PutRecords`; nothing if it says none.
pub(super) fn called(headers: &HeaderMap) -> &str {
    let target = headers.get("x-amz-target");
    let target = target.and_then(|target| target.to_str().ok()).unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default()
}

/// Carries a call out in a task of its own: to its end, even if its caller dies meanwhile.
pub(super) async fn carried_out(call: impl Future<Output = Response> + Send + 'static) -> Response {
    tokio::spawn(call)
        .await
        .unwrap_or_else(|panicked| (StatusCode::INTERNAL_SERVER_ERROR, panicked.to_string()).into_response())
}
