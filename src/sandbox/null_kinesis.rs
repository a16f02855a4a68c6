//! A Kinesis server that stores nothing, for benchmarks: it speaks the wire protocol, routes each record as Kinesis
//! does, answers with real shard ids and sequence numbers, and counts.
//!
//! A server that stores records would be what a benchmark measures. Numbers taken with this one must say so.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::SandboxError;
use super::meter::{Meter, Reading};
use super::server::LocalServer;
use crate::limits::REQUEST_BYTES_MAX;
use crate::route::shard_map::{HashKey, ShardMap};
use crate::saturate;

const SERVER: &str = "null Kinesis";
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// The first digits of sequence numbers; what follows is a counter. Real ones have 56 digits as well.
const SEQUENCE_NUMBER_PREFIX: &str = "495903382714902566088559692538361571";
/// Base64 takes four characters for three bytes; the rest of a call is small.
const CALL_BYTES_MAX: usize = REQUEST_BYTES_MAX * 2;

/// A running server. Every stream name is taken, and every stream has the same shards.
#[derive(Debug)]
pub struct NullKinesis {
    server: LocalServer,
    state: Arc<NullState>,
}

#[derive(Debug)]
struct NullState {
    shards: ShardMap,
    /// Records stored so far, which is also the last sequence number given.
    sequence: AtomicU64,
    payload_bytes: AtomicU64,
    meter: Meter,
}

#[derive(Deserialize)]
struct PutRecordsCall<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<CallEntry<'a>>,
}

#[derive(Deserialize)]
struct CallEntry<'a> {
    #[serde(rename = "Data", borrow)]
    data: &'a str,
    #[serde(rename = "PartitionKey", borrow)]
    partition_key: Cow<'a, str>,
    #[serde(rename = "ExplicitHashKey", borrow, default)]
    explicit_hash_key: Option<&'a str>,
}

impl NullKinesis {
    /// Starts a server whose streams have `shards_count` shards.
    ///
    /// # Errors
    /// [`SandboxError::Server`] if that is 0, [`SandboxError::Listen`] if there is no port.
    pub async fn start(shards_count: u32) -> Result<Self, SandboxError> {
        let shards = ShardMap::uniform(shards_count).map_err(|error| SandboxError::Server {
            server: SERVER,
            detail: error.to_string(),
        })?;
        let state = Arc::new(NullState {
            shards,
            sequence: AtomicU64::new(0),
            payload_bytes: AtomicU64::new(0),
            meter: Meter::default(),
        });
        let routes = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::max(CALL_BYTES_MAX))
            .with_state(Arc::clone(&state));
        let server = LocalServer::start(SERVER, routes).await?;
        Ok(Self { server, state })
    }

    /// Base URL of the server.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// What was "stored" so far.
    pub fn reading(&self) -> Reading {
        self.state.meter.reading()
    }

    /// Bytes of all messages so far.
    pub fn payload_bytes(&self) -> u64 {
        self.state.payload_bytes.load(Ordering::Relaxed)
    }

    /// Stops the server.
    ///
    /// # Errors
    /// [`SandboxError::Server`] if it failed.
    pub async fn stop(self) -> Result<(), SandboxError> {
        self.server.stop().await
    }
}

async fn answer(State(state): State<Arc<NullState>>, headers: HeaderMap, call: Bytes) -> Response {
    let target = headers
        .get("x-amz-target")
        .map_or(&b""[..], |target| target.as_bytes());
    let operation = target.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    match operation {
        b"PutRecords" => match put_records(&state, &call) {
            Ok(answer) => ok(answer),
            Err(error) => refused("SerializationException", &error.to_string()),
        },
        b"ListShards" => ok(list_shards(&state.shards).to_string()),
        b"DescribeStreamSummary" => match serde_json::from_slice(&call) {
            Ok(call) => ok(describe(&state.shards, &call).to_string()),
            Err(error) => refused("SerializationException", &error.to_string()),
        },
        _ => refused("UnknownOperationException", &String::from_utf8_lossy(target)),
    }
}

fn ok(answer: String) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], answer).into_response()
}

fn refused(code: &str, message: &str) -> Response {
    let body = json!({ "__type": code, "message": message }).to_string();
    (
        StatusCode::BAD_REQUEST,
        [(header::CONTENT_TYPE, CONTENT_TYPE)],
        body,
    )
        .into_response()
}

fn put_records(state: &NullState, call: &[u8]) -> Result<String, serde_json::Error> {
    let call: PutRecordsCall<'_> = serde_json::from_slice(call)?;
    let stored_count = saturate::to_u64(call.records.len());
    let first = state.sequence.fetch_add(stored_count, Ordering::Relaxed);
    let mut payload_bytes = 0;
    let mut answer = String::with_capacity(call.records.len() * 128 + 64);
    answer.push_str(r#"{"FailedRecordCount":0,"Records":["#);
    for (entry, sequence) in call.records.iter().zip(first..) {
        payload_bytes += decoded_bytes_count(entry.data);
        let explicit = entry
            .explicit_hash_key
            .and_then(|key| key.parse().ok())
            .map(HashKey);
        let point = explicit.unwrap_or_else(|| HashKey::of_partition_key(entry.partition_key.as_bytes()));
        let shard = state.shards.shard(state.shards.locate(point));
        let shard_id = shard.map_or("", |shard| shard.id.as_str());
        let comma = if sequence == first { "" } else { "," };
        // Writing into a String cannot fail.
        write!(
            answer,
            r#"{comma}{{"SequenceNumber":"{SEQUENCE_NUMBER_PREFIX}{sequence:020}","ShardId":"{shard_id}"}}"#
        )
        .unwrap_or_default();
    }
    answer.push_str("]}");
    state.payload_bytes.fetch_add(payload_bytes, Ordering::Relaxed);
    state.meter.count(Reading {
        requests_count: 1,
        stored_count,
        ..Reading::default()
    });
    Ok(answer)
}

/// Bytes that a base64 text stands for.
fn decoded_bytes_count(text: &str) -> u64 {
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    saturate::to_u64(text.len() / 4 * 3 - padding.min(text.len() / 4 * 3))
}

fn list_shards(shards: &ShardMap) -> Value {
    let shard = |shard: &crate::route::shard_map::Shard| {
        json!({
            "ShardId": shard.id,
            "HashKeyRange": {
                "StartingHashKey": shard.range.start.to_string(),
                "EndingHashKey": shard.range.end.to_string(),
            },
            "SequenceNumberRange": { "StartingSequenceNumber": format!("{SEQUENCE_NUMBER_PREFIX}{:020}", 0) },
        })
    };
    json!({ "Shards": shards.shards().iter().map(shard).collect::<Vec<_>>() })
}

fn describe(shards: &ShardMap, call: &Value) -> Value {
    let stream = call.get("StreamName").and_then(Value::as_str).unwrap_or("null");
    json!({
        "StreamDescriptionSummary": {
            "StreamName": stream,
            "StreamARN": format!("arn:aws:kinesis:{}:000000000000:stream/{stream}", super::REGION),
            "StreamStatus": "ACTIVE",
            "RetentionPeriodHours": 24,
            "StreamCreationTimestamp": 1_597_276_800,
            "EnhancedMonitoring": [{ "ShardLevelMetrics": [] }],
            "OpenShardCount": shards.shards().len(),
            "ConsumerCount": 0,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_base64_is_that_of_its_bytes() {
        let cases = [("", 0), ("YQ==", 1), ("YWI=", 2), ("YWJj", 3), ("YWJjZA==", 4)];
        for (text, expected) in cases {
            assert_eq!(decoded_bytes_count(text), expected, "{text}");
        }
    }
}
