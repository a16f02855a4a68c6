//! Counts, at the server, what PutRecords calls stored and refused: the reading of the stream that no client can
//! falsify, and that is there at once when a client was killed. It counts records of the stream; only the fault proxy
//! looks into aggregated ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::calls::{called, carried_out};

/// Longest PutRecords answer that is read; 500 entries take a small part of it.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Counters that only grow. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    stored: AtomicU64,
    refused: AtomicU64,
    stored_behind_refused: AtomicU64,
}

/// What a [`Meter`] showed at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// PutRecords calls that were answered record by record.
    pub requests_count: u64,
    /// Records that were stored.
    pub stored_count: u64,
    /// Records that were refused, one by one, in calls that were answered.
    pub refused_count: u64,
    /// Records that were stored after a refused one of the same call: the holes that a sender must repair.
    pub stored_behind_refused_count: u64,
}

#[derive(Deserialize)]
struct PutRecordsAnswer<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<AnswerEntry<'a>>,
}

#[derive(Deserialize)]
struct AnswerEntry<'a> {
    #[serde(rename = "ErrorCode", borrow, default)]
    error_code: Option<std::borrow::Cow<'a, str>>,
    #[serde(rename = "SequenceNumber", default)]
    sequence_number: Option<IgnoredAny>,
}

impl Meter {
    /// The counters now.
    pub fn reading(&self) -> Reading {
        Reading {
            requests_count: self.0.requests.load(Ordering::Relaxed),
            stored_count: self.0.stored.load(Ordering::Relaxed),
            refused_count: self.0.refused.load(Ordering::Relaxed),
            stored_behind_refused_count: self.0.stored_behind_refused.load(Ordering::Relaxed),
        }
    }

    /// The routes, metered.
    pub fn measure(&self, routes: Router) -> Router {
        routes.layer(from_fn_with_state(self.clone(), measured))
    }

    /// Counts the call that was answered with this body.
    fn count_answer(&self, body: &[u8]) {
        match read_answer(body) {
            Ok(call) => self.count(call),
            Err(error) => tracing::warn!(%error, "a PutRecords answer could not be counted"),
        }
    }

    /// Counts one call.
    pub(super) fn count(&self, call: Reading) {
        self.0.requests.fetch_add(call.requests_count, Ordering::Relaxed);
        self.0.stored.fetch_add(call.stored_count, Ordering::Relaxed);
        self.0.refused.fetch_add(call.refused_count, Ordering::Relaxed);
        self.0
            .stored_behind_refused
            .fetch_add(call.stored_behind_refused_count, Ordering::Relaxed);
    }
}

async fn measured(State(meter): State<Meter>, request: Request, next: Next) -> Response {
    if called(request.headers()) != "PutRecords" {
        return next.run(request).await;
    }
    carried_out(async move { count_answer(&meter, next.run(request).await).await }).await
}

async fn count_answer(meter: &Meter, response: Response) -> Response {
    if response.status() != StatusCode::OK {
        return response;
    }
    let (parts, body) = response.into_parts();
    let bytes = match to_bytes(body, ANSWER_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    };
    meter.count_answer(&bytes);
    Response::from_parts(parts, Body::from(bytes))
}

fn read_answer(bytes: &[u8]) -> Result<Reading, serde_json::Error> {
    let answer: PutRecordsAnswer<'_> = serde_json::from_slice(bytes)?;
    let mut call = Reading {
        requests_count: 1,
        ..Reading::default()
    };
    for entry in &answer.records {
        if entry.error_code.is_some() || entry.sequence_number.is_none() {
            call.refused_count += 1;
        } else {
            call.stored_count += 1;
            call.stored_behind_refused_count += u64::from(call.refused_count > 0);
        }
    }
    Ok(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_refused_and_holes_are_told_apart() {
        let stored = r#"{"ShardId":"shardId-000000000000","SequenceNumber":"4","ErrorCode":null}"#;
        let refused = r#"{"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"rate"}"#;
        let answer = format!(r#"{{"FailedRecordCount":1,"Records":[{stored},{refused},{stored},{stored}]}}"#);
        let call = read_answer(answer.as_bytes()).unwrap();
        let expected = Reading {
            requests_count: 1,
            stored_count: 3,
            refused_count: 1,
            stored_behind_refused_count: 2,
        };
        assert_eq!(call, expected);
    }
}
