//! A proxy on loopback for any Kinesis endpoint that does to PutRecords what networks and services do: single
//! records are refused, answers get lost, requests get lost, requests arrive late. Everything else passes through.
//!
//! It counts, from the answers of the backend, what is stored: the reading that no client can falsify, and that holds
//! also for the requests whose sender got no answer. Records are counted as consumers do: an aggregated one is as
//! many as it has members, and none if consumers drop it where it was stored. What happens to it, happens to all of it.

mod backend;
mod call;
mod plan;
mod shards;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;

use self::backend::Backend;
use self::call::{Answer, Call, CallCounts};
pub use self::plan::{Fate, FaultPlan, FaultRates, HOLD_MAX_MS, Passage};
use self::shards::ShardBook;
use super::SandboxError;
use super::calls::called;
use super::hash_keys::HashKeys;
use super::meter::Meter;
use super::server::LocalServer;
use super::wire::Wire;
use crate::limits::REQUEST_BYTES_MAX;

const SERVER: &str = "fault proxy";
/// Base64 takes four characters for three bytes; the rest of a call is small.
const CALL_BYTES_MAX: usize = REQUEST_BYTES_MAX * 2;
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
const FAILURE: &str =
    r#"{"__type":"InternalFailure","message":"the answer was swallowed (drawn by the sandbox)"}"#;

/// A running proxy. Requests that it holds to be late are carried out even if it is stopped meanwhile.
#[derive(Debug)]
pub struct FaultProxy {
    server: LocalServer,
    inner: Arc<Inner>,
}

/// What a proxy did, and what it knows of the records that passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FaultCounts {
    /// PutRecords calls that arrived.
    pub requests: u64,
    /// Records that were refused here.
    pub throttled_records: u64,
    /// Requests that were carried out and not answered.
    pub swallowed_requests: u64,
    /// Records that they stored.
    pub swallowed_records: u64,
    /// Requests that were neither carried out nor answered.
    pub lost_requests: u64,
    /// Requests that were not answered and carried out later.
    pub late_requests: u64,
    /// Records that they stored, so far.
    pub late_records: u64,
    /// Records that were stored after a refused one of the same partition key, in answered calls.
    pub stored_behind_refused_of_key: u64,
    /// The same in calls that were carried out and not answered.
    pub untold_behind_refused_of_key: u64,
    /// Records in aggregated ones that were stored where consumers drop them.
    pub dropped_records: u64,
    /// Records in aggregated ones, of answered calls, that went to another shard than their sender meant, where
    /// consumers see them: at most so many; the first ones after a merge count in any case.
    pub stored_elsewhere: u64,
}

impl FaultCounts {
    /// Records that are stored without an answer to their sender.
    pub fn stored_untold(&self) -> u64 {
        self.swallowed_records + self.late_records
    }
}

#[derive(Debug)]
struct Inner {
    plan: FaultPlan,
    backend: Backend,
    shards: ShardBook,
    meter: Meter,
    counters: Counters,
    /// Where every record is refused for now.
    throttled: Mutex<Option<HashKeys>>,
}

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    throttled_records: AtomicU64,
    swallowed_requests: AtomicU64,
    swallowed_records: AtomicU64,
    lost_requests: AtomicU64,
    late_requests: AtomicU64,
    late_records: AtomicU64,
    stored_behind_refused_of_key: AtomicU64,
    untold_behind_refused_of_key: AtomicU64,
    dropped_records: AtomicU64,
    stored_elsewhere: AtomicU64,
}

/// A call with its fate.
struct Drawn {
    parts: Parts,
    call: Call,
    refused: Vec<bool>,
}

impl FaultProxy {
    /// Starts a proxy for the server at `endpoint`.
    ///
    /// # Errors
    /// [`SandboxError::Listen`] if there is no port.
    pub async fn start(endpoint: &str, plan: FaultPlan) -> Result<Self, SandboxError> {
        let inner = Arc::new(Inner {
            plan,
            backend: Backend::new(endpoint),
            shards: ShardBook::new(endpoint),
            meter: Meter::default(),
            counters: Counters::default(),
            throttled: Mutex::default(),
        });
        let routes = Router::new().fallback(pass).with_state(Arc::clone(&inner));
        let server = LocalServer::start(SERVER, routes).await?;
        Ok(Self { server, inner })
    }

    /// Base URL of the proxy.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// From now on refuses every record that goes to these hash keys, as a shard does that others use up.
    pub fn throttle(&self, shard: Option<HashKeys>) {
        *self
            .inner
            .throttled
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = shard;
    }

    /// What was stored and refused, here and at the backend.
    pub fn meter(&self) -> &Meter {
        &self.inner.meter
    }

    /// What the proxy did so far.
    pub fn counts(&self) -> FaultCounts {
        let counters = &self.inner.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        FaultCounts {
            requests: read(&counters.requests),
            throttled_records: read(&counters.throttled_records),
            swallowed_requests: read(&counters.swallowed_requests),
            swallowed_records: read(&counters.swallowed_records),
            lost_requests: read(&counters.lost_requests),
            late_requests: read(&counters.late_requests),
            late_records: read(&counters.late_records),
            stored_behind_refused_of_key: read(&counters.stored_behind_refused_of_key),
            untold_behind_refused_of_key: read(&counters.untold_behind_refused_of_key),
            dropped_records: read(&counters.dropped_records),
            stored_elsewhere: read(&counters.stored_elsewhere),
        }
    }

    /// Takes no new connections and returns when the proxy is gone.
    ///
    /// # Errors
    /// [`SandboxError::Server`] if it failed.
    pub async fn stop(self) -> Result<(), SandboxError> {
        self.server.stop().await
    }
}

async fn pass(
    State(inner): State<Arc<Inner>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let outcome = match to_bytes(body, CALL_BYTES_MAX).await {
        Ok(body) if is_put_records(&parts) => put_records(inner, &wire, parts, &body).await,
        Ok(body) => inner.backend.pass(parts, body).await,
        Err(error) => Err(error.to_string()),
    };
    outcome.unwrap_or_else(|error| {
        tracing::warn!(%error, "a request did not get through the fault proxy");
        (StatusCode::BAD_GATEWAY, error).into_response()
    })
}

fn is_put_records(parts: &Parts) -> bool {
    called(&parts.headers) == "PutRecords"
}

async fn put_records(inner: Arc<Inner>, wire: &Wire, parts: Parts, body: &Bytes) -> Result<Response, String> {
    let call = Call::read(body)?;
    let number = inner.counters.requests.fetch_add(1, Ordering::Relaxed);
    let Fate { mut refused, passage } = inner.plan.fate(number, call.len());
    let throttled = *inner.throttled.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(shard) = throttled {
        for (refused, is_there) in refused.iter_mut().zip(call.going_to(shard)) {
            *refused |= is_there;
        }
    }
    let drawn = Drawn { parts, call, refused };
    if passage == Passage::Lost {
        inner.counters.lost_requests.fetch_add(1, Ordering::Relaxed);
        return Ok(cut(wire));
    }
    if matches!(passage, Passage::Late(_)) {
        inner.counters.late_requests.fetch_add(1, Ordering::Relaxed);
        wire.cut();
    }
    // A task of its own: a call that arrived is carried out and counted even if its caller dies meanwhile.
    let carried_out = tokio::spawn(async move {
        if let Passage::Late(hold) = passage {
            tokio::time::sleep(hold).await;
        }
        inner.carry_out(drawn, passage).await
    });
    match passage {
        Passage::Late(_) | Passage::Lost => Ok(cut(wire)),
        Passage::Answered => carried_out.await.map_err(|panicked| panicked.to_string())?,
        Passage::SwallowedByClose => {
            carried_out.await.map_err(|panicked| panicked.to_string())??;
            Ok(cut(wire))
        }
        Passage::SwallowedByFailure => {
            carried_out.await.map_err(|panicked| panicked.to_string())??;
            Ok(answer(StatusCode::INTERNAL_SERVER_ERROR, FAILURE))
        }
    }
}

/// Closes the connection; what is given back goes nowhere.
fn cut(wire: &Wire) -> Response {
    wire.cut();
    Response::new(Body::empty())
}

fn answer(status: StatusCode, body: impl Into<Body>) -> Response {
    (status, [(header::CONTENT_TYPE, CONTENT_TYPE)], body.into()).into_response()
}

impl Inner {
    /// Passes on what is not refused, counts what became of it, and gives the answer to the whole call.
    async fn carry_out(&self, drawn: Drawn, passage: Passage) -> Result<Response, String> {
        let Drawn {
            parts,
            mut call,
            refused,
        } = drawn;
        let passed_on = match call.body_without(&refused) {
            None => None,
            Some(body) => {
                let backend = self.backend.call(parts, body.into()).await?;
                if backend.response.status() != StatusCode::OK {
                    return Ok(backend.response.map(|()| Body::from(backend.body)));
                }
                Some(backend.body)
            }
        };
        let whole = Answer::new(&refused, passed_on.as_deref())?;
        let shards = self
            .shards
            .known(call.stream(), call.shards_of_aggregates(&whole))
            .await?;
        let aggregates = call.seen_aggregates(&whole, &shards);
        let elsewhere = self.shards.count_elsewhere(aggregates, &shards).await;
        if passage == Passage::Answered {
            let counter = &self.counters.stored_elsewhere;
            counter.fetch_add(elsewhere, Ordering::Relaxed);
        }
        self.count(&call.count(&whole, &refused, &shards), passage);
        Ok(answer(StatusCode::OK, whole.body))
    }

    fn count(&self, counts: &CallCounts, passage: Passage) {
        let counters = &self.counters;
        counters
            .throttled_records
            .fetch_add(counts.throttled, Ordering::Relaxed);
        counters
            .dropped_records
            .fetch_add(counts.dropped, Ordering::Relaxed);
        let overtakers = match passage {
            Passage::Answered => &counters.stored_behind_refused_of_key,
            Passage::SwallowedByClose | Passage::SwallowedByFailure | Passage::Late(_) | Passage::Lost => {
                &counters.untold_behind_refused_of_key
            }
        };
        overtakers.fetch_add(counts.stored_behind_refused_of_key, Ordering::Relaxed);
        let stored = counts.reading.stored_count;
        match passage {
            Passage::SwallowedByClose | Passage::SwallowedByFailure => {
                counters.swallowed_requests.fetch_add(1, Ordering::Relaxed);
                counters.swallowed_records.fetch_add(stored, Ordering::Relaxed);
            }
            Passage::Late(_) => {
                counters.late_records.fetch_add(stored, Ordering::Relaxed);
            }
            Passage::Answered | Passage::Lost => {}
        }
        // Last, because what is stored is looked at while the engine runs.
        self.meter.count(counts.reading);
    }
}
