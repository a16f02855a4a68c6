//! The fault proxy between a plain HTTP client and a scripted backend: who hears what, and what is carried out.
#![cfg(feature = "sandbox")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bucket_brigade::sandbox::fault_proxy::{FaultCounts, FaultPlan, FaultProxy, FaultRates};
use bucket_brigade::sandbox::meter::Reading;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

/// A backend that stores every record of each call, when it is let.
struct Backend {
    endpoint: String,
    gate: Arc<Semaphore>,
    calls: mpsc::UnboundedReceiver<Call>,
}

/// A call as it came.
#[derive(Debug, Clone, PartialEq)]
struct Call {
    line: String,
    target: String,
    body: String,
}

#[derive(Clone)]
struct Script {
    gate: Arc<Semaphore>,
    calls: mpsc::UnboundedSender<Call>,
}

impl Backend {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (sender, calls) = mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let script = Script {
            gate: Arc::clone(&gate),
            calls: sender,
        };
        let routes = Router::new().fallback(store).with_state(script);
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self {
            endpoint,
            gate,
            calls,
        }
    }

    async fn proxy(&self, rates: FaultRates) -> FaultProxy {
        let plan = FaultPlan { rates, seed: 7 };
        FaultProxy::start(&self.endpoint, plan).await.unwrap()
    }

    /// From now on calls wait until they are let.
    fn close_gate(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// The next call that was carried out.
    async fn call(&mut self) -> Call {
        let waiting = tokio::time::timeout(std::time::Duration::from_secs(10), self.calls.recv());
        waiting.await.unwrap().unwrap()
    }
}

async fn store(State(script): State<Script>, request: Request) -> Response {
    script.gate.acquire().await.unwrap().forget();
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let target = parts.headers["x-amz-target"].to_str().unwrap().to_owned();
    let call = Call {
        line: format!("{} {}", parts.method, parts.uri),
        target: target.clone(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let records = serde_json::from_slice::<Value>(&body).unwrap_or_default()["Records"].clone();
    script.calls.send(call).unwrap();
    if !target.ends_with(".PutRecords") {
        return (StatusCode::IM_A_TEAPOT, [(header::ETAG, "told")], "as it is").into_response();
    }
    let entries: Vec<Value> = records
        .as_array()
        .unwrap()
        .iter()
        .map(|record| json!({ "SequenceNumber": record["Data"], "ShardId": "0" }))
        .collect();
    json!({ "FailedRecordCount": 0, "Records": entries })
        .to_string()
        .into_response()
}

/// Sends a call on a connection of its own; the text of the answer, empty if the connection was closed without one.
async fn send(proxy: &FaultProxy, target: &str, body: &str) -> String {
    let mut connection = connect(proxy, target, body).await;
    let mut answer = Vec::new();
    // A reset is the end of the connection too.
    connection.read_to_end(&mut answer).await.ok();
    String::from_utf8(answer).unwrap()
}

async fn connect(proxy: &FaultProxy, target: &str, body: &str) -> TcpStream {
    let address = proxy.endpoint().replace("http://", "");
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /?a=b HTTP/1.1\r\nhost: stream\r\nx-amz-target: Kinesis_20131202.{target}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    connection
        .write_all(format!("{head}{body}").as_bytes())
        .await
        .unwrap();
    connection
}

/// A call with records of one partition key.
fn records(count: usize) -> String {
    let record = |number: usize| json!({ "PartitionKey": "key", "Data": format!("record {number}") });
    let records: Vec<Value> = (0..count).map(record).collect();
    json!({ "StreamName": "orders", "Records": records }).to_string()
}

/// The body of an answer, read.
fn body(answer: &str) -> Value {
    let (_, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{answer:?}"));
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

fn nothing() -> FaultRates {
    FaultRates::default()
}

#[tokio::test]
async fn other_calls_pass_through_unchanged() {
    let mut backend = Backend::start().await;
    let rates = FaultRates {
        lose: 100,
        ..nothing()
    };
    let proxy = backend.proxy(rates).await;
    let answer = send(&proxy, "ListShards", "{ \"any\": 1 }").await;
    assert!(answer.starts_with("HTTP/1.1 418"), "{answer}");
    assert!(answer.contains("etag: told"), "{answer}");
    assert!(answer.ends_with("as it is"), "{answer}");
    let expected = Call {
        line: "POST /?a=b".to_owned(),
        target: "Kinesis_20131202.ListShards".to_owned(),
        body: "{ \"any\": 1 }".to_owned(),
    };
    assert_eq!(backend.call().await, expected);
    assert_eq!(proxy.counts(), FaultCounts::default());
}

#[tokio::test]
async fn a_call_that_nothing_happens_to_is_answered_and_counted() {
    let backend = Backend::start().await;
    let proxy = backend.proxy(nothing()).await;
    let answer = body(&send(&proxy, "PutRecords", &records(3)).await);
    assert_eq!(answer["FailedRecordCount"], 0);
    assert_eq!(answer["Records"][2]["SequenceNumber"], "record 2");
    let expected = Reading {
        requests_count: 1,
        stored_count: 3,
        ..Reading::default()
    };
    assert_eq!(proxy.meter().reading(), expected);
}

#[tokio::test]
async fn throttled_records_are_refused_in_their_places_and_not_passed_on() {
    let mut backend = Backend::start().await;
    let rates = FaultRates {
        throttle: 50,
        ..nothing()
    };
    let proxy = backend.proxy(rates).await;
    let answer = body(&send(&proxy, "PutRecords", &records(100)).await);
    let entries = answer["Records"].as_array().unwrap();
    let stored: Vec<String> = (0..100)
        .filter(|number| entries[*number]["ErrorCode"].is_null())
        .map(|number| format!("record {number}"))
        .collect();
    assert!((20..80).contains(&stored.len()), "{} stored", stored.len());
    let passed: Value = serde_json::from_str(&backend.call().await.body).unwrap();
    let passed: Vec<&str> = passed["Records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["Data"].as_str().unwrap())
        .collect();
    assert_eq!(passed, stored);
    for entry in entries {
        let code = entry["ErrorCode"].as_str();
        assert!(
            code.is_none_or(|code| code == "ProvisionedThroughputExceededException"),
            "{entry}"
        );
    }
    let counts = proxy.counts();
    assert_eq!(
        counts.throttled_records,
        100 - u64::try_from(stored.len()).unwrap()
    );
    assert!(counts.stored_behind_refused_of_key > 0, "{counts:?}");
    assert_eq!(answer["FailedRecordCount"], counts.throttled_records);
}

#[tokio::test]
async fn swallowed_requests_are_carried_out_and_never_answered() {
    let mut backend = Backend::start().await;
    let rates = FaultRates {
        swallow: 100,
        ..nothing()
    };
    let proxy = backend.proxy(rates).await;
    let (mut closed, mut failed) = (0, 0);
    for _ in 0..20 {
        let answer = send(&proxy, "PutRecords", &records(2)).await;
        backend.call().await;
        if answer.is_empty() {
            closed += 1;
        } else {
            assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
            assert_eq!(body(&answer)["__type"], "InternalFailure");
            failed += 1;
        }
    }
    assert!(closed > 4 && failed > 4, "{closed} closed, {failed} failed");
    let counts = proxy.counts();
    assert_eq!((counts.swallowed_requests, counts.swallowed_records), (20, 40));
    assert_eq!(counts.stored_untold(), proxy.meter().reading().stored_count);
}

/// Whoever reads the stream back after such a request sends again what overtook a refused record.
#[tokio::test]
async fn what_overtakes_a_refused_record_untold_is_counted_apart() {
    let mut backend = Backend::start().await;
    let rates = FaultRates {
        throttle: 50,
        swallow: 100,
        ..nothing()
    };
    let proxy = backend.proxy(rates).await;
    for _ in 0..10 {
        send(&proxy, "PutRecords", &records(20)).await;
        backend.call().await;
    }
    let counts = proxy.counts();
    assert!(counts.untold_behind_refused_of_key > 0, "{counts:?}");
    assert_eq!(counts.stored_behind_refused_of_key, 0);
}

#[tokio::test]
async fn lost_requests_are_neither_carried_out_nor_answered() {
    let mut backend = Backend::start().await;
    let rates = FaultRates {
        lose: 100,
        ..nothing()
    };
    let proxy = backend.proxy(rates).await;
    assert_eq!(send(&proxy, "PutRecords", &records(2)).await, "");
    // The backend hears of the next call first.
    send(&proxy, "ListShards", "{}").await;
    assert_eq!(backend.call().await.target, "Kinesis_20131202.ListShards");
    assert_eq!(proxy.counts().lost_requests, 1);
    assert_eq!(proxy.meter().reading(), Reading::default());
}

#[tokio::test]
async fn late_requests_are_given_up_at_once_and_carried_out_afterwards() {
    let mut backend = Backend::start().await;
    backend.close_gate();
    let rates = FaultRates {
        late: 100,
        ..nothing()
    };
    let proxy = backend.proxy(rates).await;
    // The backend takes nothing yet, so the connection is closed before the request is carried out.
    assert_eq!(send(&proxy, "PutRecords", &records(2)).await, "");
    assert_eq!(
        (proxy.counts().late_requests, proxy.counts().late_records),
        (1, 0)
    );
    backend.gate.add_permits(1);
    assert_eq!(backend.call().await.body, records(2));
    while proxy.meter().reading().stored_count < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(proxy.counts().late_records, 2);
}

#[tokio::test]
async fn a_request_is_carried_out_even_if_its_sender_dies() {
    let mut backend = Backend::start().await;
    backend.close_gate();
    let proxy = backend.proxy(nothing()).await;
    let connection = connect(&proxy, "PutRecords", &records(2)).await;
    while proxy.counts().requests == 0 {
        tokio::task::yield_now().await;
    }
    drop(connection);
    backend.gate.add_permits(1);
    assert_eq!(backend.call().await.body, records(2));
    while proxy.meter().reading().stored_count < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(proxy.counts().swallowed_requests, 0);
}

#[tokio::test]
async fn the_same_seed_does_the_same_to_the_same_requests() {
    let rates = FaultRates {
        throttle: 20,
        swallow: 20,
        lose: 20,
        late: 0,
    };
    let mut runs = Vec::new();
    for _ in 0..2 {
        let mut backend = Backend::start().await;
        let proxy = backend.proxy(rates).await;
        let mut answers = Vec::new();
        for count in 1..60 {
            let answer = send(&proxy, "PutRecords", &records(count)).await;
            answers.push((answer.lines().next().map(str::to_owned), answer.is_empty()));
        }
        let mut passed_on = Vec::new();
        while let Ok(call) = backend.calls.try_recv() {
            passed_on.push(call);
        }
        runs.push((answers, passed_on, proxy.counts(), proxy.meter().reading()));
    }
    assert_eq!(runs[0], runs[1]);
    let counts = runs[0].2;
    assert!(
        counts.lost_requests > 0 && counts.swallowed_requests > 0 && counts.throttled_records > 0,
        "{counts:?}"
    );
    assert!(!runs[0].1.is_empty(), "nothing was passed on");
}
