//! Holds up PutRecords while the shards of the embedded server change.
//!
//! ferrokinesis 0.7 publishes the children of a split or a merge first and their counters after: a PutRecords between
//! the two gives all its records of a child the same sequence number, and the last of them replaces the others. A test
//! that loses rows so accuses the sender. AWS does nothing of the kind, so writers wait here until both are there, some
//! ten milliseconds; to a writer it is a slow answer.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use ferrokinesis::store::Store;
use ferrokinesis::types::StreamStatus;
use serde::Deserialize;
use tokio::sync::RwLock;
use tokio::time::{Instant, sleep};

use super::calls::{called, carried_out};

/// Pause between two looks at a stream that changes.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);
/// Longest time that writers are held up; a step takes ten milliseconds.
const STEP_MAX: Duration = Duration::from_secs(5);
/// Longest request for a change of shards.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// The calls that change shards.
const CHANGES: [&str; 3] = ["SplitShard", "MergeShards", "UpdateShardCount"];

/// The gate. Cloning shares it.
#[derive(Clone)]
pub(super) struct ReshardGate {
    store: Store,
    /// Writers share it, a change has it alone.
    gate: Arc<RwLock<()>>,
}

/// The stream that a change is about.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
}

impl Change {
    /// The name, which an ARN ends with.
    fn stream(&self) -> Option<&str> {
        let by_arn = || self.stream_arn.as_deref()?.rsplit('/').next();
        self.stream_name.as_deref().or_else(by_arn)
    }
}

impl ReshardGate {
    /// The routes of a server with this store, behind the gate.
    pub(super) fn guard(store: Store, routes: Router) -> Router {
        let gate = Arc::default();
        routes.layer(from_fn_with_state(Self { store, gate }, passed))
    }

    /// Forwards a change of shards, and returns when its shards can be written to.
    async fn change(&self, request: Request, next: Next) -> Response {
        let (parts, body) = request.into_parts();
        let bytes = match to_bytes(body, REQUEST_BYTES_MAX).await {
            Ok(bytes) => bytes,
            Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        };
        let change = serde_json::from_slice::<Change>(&bytes);
        let _alone = self.gate.write().await;
        let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
        if let Some(stream) = change.ok().as_ref().and_then(Change::stream) {
            self.settled(stream).await;
        }
        response
    }

    /// Waits until a stream is active and each of its shards has a counter.
    async fn settled(&self, stream: &str) {
        let deadline = Instant::now() + STEP_MAX;
        while !self.is_settled(stream).await && Instant::now() < deadline {
            sleep(LOOK_INTERVAL).await;
        }
    }

    async fn is_settled(&self, name: &str) -> bool {
        // A stream that is not there changes nothing.
        let Ok(stream) = self.store.get_stream(name).await else {
            return true;
        };
        if stream.stream_status != StreamStatus::Active {
            return false;
        }
        for (shard, _) in (0_i64..).zip(&stream.shards) {
            // Counters begin with 1.
            if self.store.current_shard_seq(name, shard).await == 0 {
                return false;
            }
        }
        true
    }
}

async fn passed(State(gate): State<ReshardGate>, request: Request, next: Next) -> Response {
    let call = called(request.headers());
    if call.starts_with("PutRecord") {
        let _shared = gate.gate.read().await;
        return next.run(request).await;
    }
    if !CHANGES.contains(&call) {
        return next.run(request).await;
    }
    carried_out(async move { gate.change(request, next).await }).await
}
