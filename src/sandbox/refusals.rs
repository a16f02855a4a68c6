//! Refuses a share of the records of each PutRecords call, one by one, as a throttled stream does: the rest of the
//! call is stored. What a sender makes of the holes is what the crash test looks at.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::limits::REQUEST_BYTES_MAX;

/// Base64 takes four characters for three bytes; the rest of a call is small.
const CALL_BYTES_MAX: usize = REQUEST_BYTES_MAX * 2;
const REFUSAL_CODE: &str = "ProvisionedThroughputExceededException";
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// Which records to refuse.
#[derive(Debug, Clone)]
pub struct Refusals {
    percent: u8,
    rng: Arc<Mutex<SmallRng>>,
}

impl Refusals {
    /// Refuses about `percent` of all records, drawn from a seed.
    pub fn new(percent: u8, seed: u64) -> Self {
        Self {
            percent,
            rng: Arc::new(Mutex::new(SmallRng::seed_from_u64(seed))),
        }
    }

    /// The routes, with refusals in front of them.
    pub fn guard(&self, routes: Router) -> Router {
        if self.percent == 0 {
            return routes;
        }
        routes.layer(from_fn_with_state(self.clone(), guarded))
    }

    /// For each of `count` records, whether it is refused.
    fn draw(&self, count: usize) -> Vec<bool> {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        (0..count)
            .map(|_| rng.random_range(0..100) < self.percent)
            .collect()
    }
}

async fn guarded(State(refusals): State<Refusals>, request: Request, next: Next) -> Response {
    let target = request.headers().get("x-amz-target");
    if !target.is_some_and(|target| target.as_bytes().ends_with(b".PutRecords")) {
        return next.run(request).await;
    }
    match refuse_some(&refusals, request, next).await {
        Ok(response) => response,
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
    }
}

async fn refuse_some(refusals: &Refusals, request: Request, next: Next) -> Result<Response, String> {
    let (mut parts, body) = request.into_parts();
    let bytes = to_bytes(body, CALL_BYTES_MAX)
        .await
        .map_err(|error| error.to_string())?;
    let mut call: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let records = call
        .get_mut("Records")
        .and_then(Value::as_array_mut)
        .ok_or("a call without records")?;
    let refused = refusals.draw(records.len());
    let mut verdicts = refused.iter();
    records.retain(|_| verdicts.next() == Some(&false));
    if records.is_empty() {
        return Ok(answer(&refused, Vec::new()));
    }
    let body = serde_json::to_vec(&call).map_err(|error| error.to_string())?;
    parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if response.status() != StatusCode::OK {
        return Ok(response);
    }
    let bytes = to_bytes(response.into_body(), CALL_BYTES_MAX)
        .await
        .map_err(|error| error.to_string())?;
    let mut stored: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let entries = stored
        .get_mut("Records")
        .and_then(Value::as_array_mut)
        .ok_or("an answer without records")?;
    Ok(answer(&refused, std::mem::take(entries)))
}

/// The answer to the whole call: the entries of what was passed on, with the refusals in their places.
fn answer(refused: &[bool], stored: Vec<Value>) -> Response {
    let mut stored = stored.into_iter();
    let refusal =
        || json!({ "ErrorCode": REFUSAL_CODE, "ErrorMessage": "rate exceeded (drawn by the sandbox)" });
    let entries: Vec<Value> = refused
        .iter()
        .map(|is_refused| if *is_refused { None } else { stored.next() }.unwrap_or_else(refusal))
        .collect();
    let failed = entries
        .iter()
        .filter(|entry| entry.get("ErrorCode").is_some_and(|code| !code.is_null()))
        .count();
    let body = json!({ "FailedRecordCount": failed, "Records": entries });
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], body.to_string()).into_response()
}
