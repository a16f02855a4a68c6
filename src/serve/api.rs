//! The API: what can be looked up, and orders.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::desk::{Order, Requester, Subject};
use super::openapi;
use super::routes;
use super::server::{Shared, text_of};
use crate::fault::{Fault, FaultKind};

/// The longest body of an order: it names tables or a file.
const BODY_BYTES_MAX: usize = 256 << 10;
/// The longest name that somebody gives themselves.
const NAME_CHARS_MAX: usize = 100;

/// What a request that is not answered is told.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Why, one sentence.
    pub(super) error: String,
    /// The exit code of a command with this fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exit_code: Option<u8>,
}

/// What is looked up.
pub(super) fn subjects() -> Router<Arc<Shared>> {
    let look_up = |subject: Subject| get(move |State(shared): State<Arc<Shared>>| look_up(shared, subject));
    Router::new()
        .route(routes::TABLES, look_up(Subject::Tables))
        .route(routes::FILES, look_up(Subject::Files))
        .route(routes::CHECKPOINT, look_up(Subject::Checkpoint))
        .route(routes::DEAD_LETTERS, look_up(Subject::DeadLetters))
        .route(routes::EVENTS, look_up(Subject::Events))
        .route(routes::COMPARISON, look_up(Subject::Comparison))
        .route(routes::CONFIGURATION, look_up(Subject::Configuration))
        .route(routes::OPENAPI, get(async || axum::Json(openapi::document())))
}

/// What is ordered.
pub(super) fn orders() -> Router<Arc<Shared>> {
    Router::new()
        .route(routes::PAUSE, plain(Order::Pause))
        .route(routes::RESUME, plain(Order::Resume))
        .route(routes::STOP, plain(Order::Stop))
        .route(routes::RELOAD, with_body(Order::Reload))
        .route(routes::RESUME_TABLE, with_body(Order::ResumeTable))
        .route(routes::DECIDE_FILE, with_body(Order::DecideFile))
        .route(routes::REPLAY, with_body(Order::Replay))
        .route(routes::VERIFY, with_body(Order::Verify))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

type Route = axum::routing::MethodRouter<Arc<Shared>>;

fn plain(order: Order) -> Route {
    post(
        move |State(shared): State<Arc<Shared>>,
              ConnectInfo(from): ConnectInfo<SocketAddr>,
              headers: HeaderMap| { carry_out(shared, order, from, headers) },
    )
}

fn with_body<T: DeserializeOwned + Send + 'static>(order: fn(T) -> Order) -> Route {
    post(
        async move |State(shared): State<Arc<Shared>>,
                    ConnectInfo(from): ConnectInfo<SocketAddr>,
                    headers: HeaderMap,
                    body: Result<Bytes, BytesRejection>| {
            let body = match body {
                Ok(body) => body,
                Err(rejection) => return wrong(rejection.status(), rejection.body_text()),
            };
            match object_of(&body) {
                Ok(parsed) => carry_out(shared, order(parsed), from, headers).await,
                Err(error) => {
                    let error = format!("the body is not as it should be: {error}");
                    wrong(StatusCode::BAD_REQUEST, error)
                }
            }
        },
    )
}

/// What a body says, which is an object: a list of the values of its members would be understood as well.
fn object_of<T: DeserializeOwned>(body: &[u8]) -> serde_json::Result<T> {
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body)?;
    serde_json::from_value(members.into())
}

/// The answer to a request that cannot be understood.
pub(super) fn wrong(status: StatusCode, error: String) -> Response {
    let problem = Problem {
        error,
        exit_code: Some(FaultKind::Usage.exit_code()),
    };
    (status, axum::Json(problem)).into_response()
}

async fn look_up(shared: Arc<Shared>, subject: Subject) -> Response {
    match shared.desk.look_up(subject).await {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(fault) => failed(&fault),
    }
}

async fn carry_out(shared: Arc<Shared>, order: Order, address: SocketAddr, headers: HeaderMap) -> Response {
    let name = text_of(&headers, routes::REQUESTER_HEADER);
    let name = name.map(|name| {
        name.chars()
            .filter(|c| !c.is_control())
            .take(NAME_CHARS_MAX)
            .collect()
    });
    match shared.desk.carry_out(order, Requester { name, address }).await {
        Ok(outcome) => axum::Json(outcome).into_response(),
        Err(fault) => failed(&fault),
    }
}

/// A fault, as HTTP has it.
fn failed(fault: &Fault) -> Response {
    let status = match fault.kind {
        FaultKind::SourceMissing => StatusCode::NOT_FOUND,
        FaultKind::Usage | FaultKind::Configuration | FaultKind::Data | FaultKind::StateLocked => {
            StatusCode::CONFLICT
        }
        FaultKind::Unreachable | FaultKind::Outlasted => StatusCode::SERVICE_UNAVAILABLE,
        FaultKind::Internal
        | FaultKind::Panic
        | FaultKind::Hang
        | FaultKind::StateCreate
        | FaultKind::StateIo
        | FaultKind::StateDamaged
        | FaultKind::PermissionDenied => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let problem = Problem {
        error: fault.to_string(),
        exit_code: Some(fault.kind.exit_code()),
    };
    (status, axum::Json(problem)).into_response()
}
