//! The HTTP server: one listener, a handful of routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::access::{Access, Refusal};
use super::api::{self, Problem};
use super::connections;
use super::desk::Desk;
use super::health::{self, Check, Vitals};
use super::measuring::Measuring;
use super::page;
use super::routes;
use super::view::View;
use crate::checkpoint::status::TaskStatus;
use crate::fault::{Fault, FaultKind};
use crate::observe::metrics::Metrics;
use crate::observe::metrics::open_metrics::{self, OPEN_METRICS_TYPE};
use crate::settings::ApiConfig;

/// How long requests that are open at the end may take.
const STOP_TIMEOUT: Duration = Duration::from_millis(500);
/// What Prometheus calls its text.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A server that runs, or none.
#[derive(Debug)]
pub struct Serving {
    running: Option<Running>,
    measuring: Option<Measuring>,
}

#[derive(Debug)]
struct Running {
    stop: CancellationToken,
    server: JoinHandle<()>,
}

#[derive(Debug)]
pub(super) struct Shared {
    view: View,
    metrics: Arc<Metrics>,
    access: Access,
    pub(super) desk: Arc<dyn Desk>,
}

/// An address that is had.
#[derive(Debug)]
pub struct Listening(TcpListener, SocketAddr);

impl Listening {
    /// Takes the address that a configuration names; `None` if nothing is to be served. A task that may be served anywhere and
    /// finds the usual address taken is not served.
    ///
    /// # Errors
    /// If it cannot have the address that it is given.
    pub async fn bind(api: &ApiConfig) -> Result<Option<Self>, Fault> {
        let Some(listen) = api.listen else {
            return Ok(None);
        };
        match TcpListener::bind(listen).await {
            Ok(listener) => Ok(Some(Self(listener, listen))),
            Err(error) if api.is_listen_chosen => {
                let message = format!("api.listen {listen}: {error}; choose another address, or off");
                Err(Fault::new(FaultKind::Configuration, message))
            }
            Err(error) => {
                tracing::warn!(
                    address = %listen,
                    %error,
                    "metrics and health are not served, because the usual address cannot be had; set api.listen"
                );
                Ok(None)
            }
        }
    }
}

impl Listening {
    /// The address itself; its port also where any was asked for.
    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap_or(self.1)
    }

    /// The address at which commands on this machine reach it.
    pub fn own_address(&self) -> SocketAddr {
        let address = self.address();
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
        };
        SocketAddr::new(ip, address.port())
    }
}

impl Serving {
    /// Serves a task where its configuration says, if there is a listener, and sends its metrics where that says.
    ///
    /// # Errors
    /// If the endpoint for metrics is none; if metrics cannot be collected, which is a defect.
    pub fn start(
        runtime: &Handle,
        listening: Option<Listening>,
        view: View,
        desk: Arc<dyn Desk>,
    ) -> Result<Self, Fault> {
        let measuring = Measuring::start(runtime, &view, listening.is_some())?;
        let metrics = measuring.as_ref().map(Measuring::metrics);
        let (Some(listening), Some(metrics)) = (listening, metrics) else {
            return Ok(Self {
                running: None,
                measuring,
            });
        };
        let api = view.config.api.clone();
        let address = listening.address();
        let Listening(listener, _) = listening;
        let shared = Arc::new(Shared {
            view,
            metrics,
            access: Access::new(address, api.token),
            desk,
        });
        let stop = CancellationToken::new();
        let server = runtime.spawn(connections::serve(listener, router(&shared), stop.clone()));
        tell(address, &shared);
        Ok(Self {
            running: Some(Running { stop, server }),
            measuring,
        })
    }

    /// Takes no more requests, gives those that are open a moment, and sends the last metrics.
    pub async fn stop(self) {
        if let Some(Running { stop, server }) = self.running {
            stop.cancel();
            let abort = server.abort_handle();
            if tokio::time::timeout(STOP_TIMEOUT, server).await.is_err() {
                abort.abort();
            }
        }
        if let Some(measuring) = self.measuring {
            measuring.stop();
        }
    }
}

fn tell(address: SocketAddr, shared: &Shared) {
    tracing::info!(%address, "serving a page at /, /metrics, /livez, /readyz, /healthz and /api/v1");
    if shared.access.check_read(None) == Err(Refusal::NoToken) {
        tracing::warn!(%address, "{}", Refusal::NoToken);
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    let read = Router::new()
        .route("/metrics", get(metrics))
        .route(routes::SNAPSHOT, get(snapshot))
        .merge(api::subjects())
        .route_layer(middleware::from_fn_with_state(Arc::clone(shared), may_read));
    let orders = api::orders().route_layer(middleware::from_fn_with_state(Arc::clone(shared), may_order));
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/healthz", get(healthz))
        // It holds nothing of the task: it asks for that as everybody does.
        .merge(page::routes())
        .merge(read)
        .merge(orders)
        .layer(middleware::from_fn_with_state(Arc::clone(shared), is_own_host))
        .with_state(Arc::clone(shared))
}

async fn is_own_host(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let host = text_of(request.headers(), header::HOST.as_str());
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str().to_owned());
    let meant = text_of(request.headers(), routes::PROCESS_HEADER);
    let is_meant = meant.is_none_or(|meant| meant == shared.view.now().process());
    let checked = shared.access.check_host(host.or(authority).as_deref());
    match checked.and(if is_meant { Ok(()) } else { Err(Refusal::Process) }) {
        Ok(()) => {
            let mut response = next.run(request).await;
            let headers = response.headers_mut();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            headers.insert(
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            );
            response
        }
        Err(refusal) => refused(StatusCode::MISDIRECTED_REQUEST, refusal),
    }
}

async fn may_read(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let authorization = text_of(request.headers(), header::AUTHORIZATION.as_str());
    match shared.access.check_read(authorization.as_deref()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => not_allowed(refusal),
    }
}

async fn may_order(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let [authorization, origin, host] = [header::AUTHORIZATION, header::ORIGIN, header::HOST]
        .map(|name| text_of(request.headers(), name.as_str()));
    let access = &shared.access;
    match access.check_order(authorization.as_deref(), origin.as_deref(), host.as_deref()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => not_allowed(refusal),
    }
}

fn not_allowed(refusal: Refusal) -> Response {
    if refusal != Refusal::Token {
        return refused(StatusCode::FORBIDDEN, refusal);
    }
    let mut response = refused(StatusCode::UNAUTHORIZED, refusal);
    let challenge = HeaderValue::from_static("Bearer");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// A header as text.
pub(super) fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

fn refused(status: StatusCode, refusal: Refusal) -> Response {
    let problem = Problem {
        error: refusal.to_string(),
        exit_code: Some(FaultKind::PermissionDenied.exit_code()),
    };
    (status, axum::Json(problem)).into_response()
}

async fn metrics(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let accept = text_of(&headers, header::ACCEPT.as_str()).unwrap_or_default();
    let is_open = open_metrics::is_accepted(&accept);
    let content_type = if is_open {
        OPEN_METRICS_TYPE
    } else {
        PROMETHEUS_TEXT
    };
    // The disk of the state is asked how full it is, and may not answer.
    let text = tokio::task::spawn_blocking(move || {
        if is_open {
            shared.metrics.open_metrics_text()
        } else {
            shared.metrics.prometheus_text()
        }
    });
    let text = text.await;
    let text = text.unwrap_or_else(|error| Err(Fault::new(FaultKind::Internal, error.to_string())));
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, content_type)], text).into_response(),
        Err(fault) => {
            let problem = Problem {
                error: fault.to_string(),
                exit_code: None,
            };
            (StatusCode::INTERNAL_SERVER_ERROR, axum::Json(problem)).into_response()
        }
    }
}

/// The whole state of the task; with `since` only if it changed after that.
#[derive(Debug, Deserialize)]
struct SnapshotQuery {
    since: Option<String>,
}

#[derive(Serialize)]
struct Snapshot<'s> {
    schema_version: u32,
    /// To be handed back as `since`.
    seq: i64,
    version: &'static str,
    status: &'s TaskStatus,
    counters: crate::observe::counters::CountersSnapshot,
}

async fn snapshot(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<SnapshotQuery>, QueryRejection>,
) -> Response {
    let query = match query {
        Ok(Query(query)) => query,
        Err(rejection) => return api::wrong(rejection.status(), rejection.body_text()),
    };
    let status = shared.view.now();
    // A number that no status has, however large, is one that is not the newest.
    if query.since == Some(status.updated_ms.to_string()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let snapshot = Snapshot {
        schema_version: 1,
        seq: status.updated_ms,
        version: env!("CARGO_PKG_VERSION"),
        status: &status,
        counters: shared.view.counters.snapshot(),
    };
    axum::Json(snapshot).into_response()
}

async fn livez(State(shared): State<Arc<Shared>>, Query(query): Query<HealthQuery>) -> Response {
    judge(&shared.view, &query, health::live)
}

async fn readyz(State(shared): State<Arc<Shared>>, Query(query): Query<HealthQuery>) -> Response {
    judge(&shared.view, &query, health::ready)
}

/// For people and load balancers: always with all that was looked at.
async fn healthz(State(shared): State<Arc<Shared>>) -> Response {
    let status = shared.view.now();
    let checks = health::well(&vitals(&shared.view, &status));
    let health = Health {
        ok: checks.iter().all(|check| check.ok),
        task: &status.task,
        checks: &checks,
    };
    (code_of(&checks), axum::Json(health)).into_response()
}

#[derive(Serialize)]
struct Health<'h> {
    ok: bool,
    task: &'h str,
    checks: &'h [Check],
}

/// `?verbose` names each part, as Kubernetes does it.
#[derive(Debug, Deserialize)]
struct HealthQuery {
    verbose: Option<String>,
}

fn judge(view: &View, query: &HealthQuery, judge: fn(&Vitals<'_>) -> Vec<Check>) -> Response {
    let status = view.now();
    let checks = judge(&vitals(view, &status));
    let code = code_of(&checks);
    let mut text = String::new();
    if query.verbose.is_some() || code != StatusCode::OK {
        for check in &checks {
            let sign = if check.ok { "+" } else { "-" };
            for part in ["[", sign, "]", check.name, " ", &check.detail, "\n"] {
                text.push_str(part);
            }
        }
    }
    text.push_str(if code == StatusCode::OK {
        "ok\n"
    } else {
        "failed\n"
    });
    (code, text).into_response()
}

fn vitals<'s>(view: &View, status: &'s TaskStatus) -> Vitals<'s> {
    Vitals {
        status,
        silent_for: view.beat.silent_for(),
        is_stopping: view.stop.is_cancelled(),
        standstill: view.progress.standstill(status, Instant::now()),
        limits: view.config.api.health,
    }
}

fn code_of(checks: &[Check]) -> StatusCode {
    if checks.iter().all(|check| check.ok) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}
