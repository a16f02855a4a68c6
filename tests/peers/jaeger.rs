//! A real Jaeger takes the spans of a task, and tells the way of one object: from the listing that found it to the requests
//! that carried its rows and the commit that finished it.
#![cfg(feature = "sandbox")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_assert_message,
    reason = "a test fails by panicking, and says where"
)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bucket_brigade::sandbox::kinesis::{SandboxKinesis, ShardLimits};
use bucket_brigade::sandbox::s3::SandboxS3;
use bucket_brigade::sandbox::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::otlp::TABLE_DEFINITION;
use crate::servers;

const STREAM: &str = "orders";
const KEY: &str = "load/s/t/LOAD00000001.csv";
/// Five requests of 500 records, and some more for the shards.
const ROWS_COUNT: usize = 2_500;
/// One row is no number.
const BAD_ROW: &str = "no number,name\n";

fn configuration(s3: &SandboxS3, kinesis: &SandboxKinesis, otlp: &str) -> String {
    format!(
        "version: 1
task: traced
api: {{ listen: off }}
migration_type: full-load
source:
  s3:
    bucket: source
    bucket_folder: load
    region: us-west-2
    endpoint: {}
    path_style: true
  tables: ./table-definition.json
target:
  kinesis:
    stream: {STREAM}
    region: us-west-2
    endpoint: {}
errors:
  dead_letters: ./dead-letters
state:
  sled:
    path: ./state
  commit_interval: 50ms
telemetry:
  otlp:
    endpoint: \"{otlp}\"
    logs: false
    old_names: true
",
        s3.endpoint(),
        kinesis.endpoint(),
    )
}

/// The answer of the API of Jaeger.
fn ask(endpoint: &str, path: &str) -> Value {
    let address = endpoint.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

/// All spans of an operation, with those of their traces.
fn spans(endpoint: &str, operation: &str) -> Vec<Value> {
    let operation = operation.replace(' ', "%20");
    let path = format!("/api/traces?service=bucket-brigade&operation={operation}&limit=1000&lookback=1h");
    let answer = ask(endpoint, &path);
    let traces = answer["data"].as_array().into_iter().flatten();
    let spans = traces.flat_map(|trace| trace["spans"].as_array().cloned().unwrap_or_default());
    spans.collect()
}

fn named<'a>(spans: &'a [Value], name: &str) -> Vec<&'a Value> {
    spans
        .iter()
        .filter(|span| span["operationName"] == name)
        .collect()
}

fn tag(span: &Value, key: &str) -> Value {
    let mut tags = span["tags"].as_array().into_iter().flatten();
    let tag = tags.find(|tag| tag["key"] == key);
    tag.unwrap_or_else(|| panic!("no {key} in {span:#}"))["value"].clone()
}

/// Whether a span refers to another one, as its child or by a link.
fn refers(span: &Value, kind: &str, other: &Value) -> bool {
    let mut references = span["references"].as_array().into_iter().flatten();
    references.any(|reference| reference["refType"] == kind && reference["spanID"] == other["spanID"])
}

fn run(folder: &Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_brigade"))
        .args(["run", "--once", "--config"])
        .arg(folder.join("brigade.yaml"))
        .env("NO_PROXY", "127.0.0.1")
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(
        !log.contains("telemetry"),
        "the collector takes everything: {log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn jaeger_tells_the_way_of_an_object_from_its_listing_to_its_commit() {
    let Some(jaeger) = servers::jaeger() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let objects = tempfile::tempdir().unwrap();
    let s3 = SandboxS3::start(objects.path()).await.unwrap();
    let kinesis = SandboxKinesis::start(ShardLimits::Off).await.unwrap();
    s3.create_bucket("source").await.unwrap();
    kinesis.create_stream(STREAM, 1).await.unwrap();
    kinesis.wait_until_active(STREAM).await.unwrap();
    let rows: Vec<String> = (0..ROWS_COUNT).map(|row| format!("{row},name {row}\n")).collect();
    let content = Bytes::from(rows.concat() + BAD_ROW);
    let size = content.len();
    let etag = s3.put("source", KEY, content).await.unwrap();
    fs::write(folder.path().join("table-definition.json"), TABLE_DEFINITION).unwrap();
    let text = configuration(&s3, &kinesis, &jaeger.endpoint);
    fs::write(folder.path().join("brigade.yaml"), text).unwrap();
    tokio::task::block_in_place(|| run(folder.path()));

    let query = &jaeger.query.endpoint;
    let deadline = Instant::now() + Duration::from_secs(20);
    while spans(query, "load s3").is_empty() {
        assert!(Instant::now() < deadline, "no trace comes");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_object(query, size, etag.trim_matches('"'));
    s3.stop().await.unwrap();
    kinesis.stop().await.unwrap();
}

fn assert_object(query: &str, size: usize, etag: &str) {
    let of_object = spans(query, "load s3");
    let roots = named(&of_object, "load s3");
    assert_eq!(roots.len(), 1, "{roots:#?}");
    let root = roots[0];
    for (key, value) in [
        ("aws.s3.bucket", json!("source")),
        ("aws.s3.key", json!(KEY)),
        ("brigade.object.etag", json!(etag)),
        ("brigade.object.size", json!(size)),
        ("brigade.task", json!("traced")),
        ("brigade.table", json!("s.t")),
        ("brigade.phase", json!("full_load")),
        ("brigade.rows", json!(ROWS_COUNT + 1)),
        ("brigade.rows.dead_lettered", json!(1)),
        ("brigade.resume_row", json!(0)),
        ("brigade.outcome", json!("complete")),
    ] {
        assert_eq!(tag(root, key), value, "{key}");
    }
    let gets = named(&of_object, "S3.GetObject");
    assert!(!gets.is_empty(), "{of_object:#?}");
    for get in &gets {
        assert!(refers(get, "CHILD_OF", root), "{get:#}");
        assert_eq!(tag(get, "span.kind"), "client");
        assert_eq!(tag(get, "rpc.method"), "GetObject");
        assert!(
            tag(get, "http.response.status_code")
                .as_u64()
                .is_some_and(|status| status < 300)
        );
    }
    assert_requests(&of_object, root);
    let listings = spans(query, "list s3");
    let listing = listings
        .iter()
        .find(|listing| refers(root, "FOLLOWS_FROM", listing));
    let listing = listing.unwrap_or_else(|| panic!("{root:#} leads to none of {listings:#?}"));
    assert_eq!(tag(listing, "brigade.keys.new"), 1);
    let commits = spans(query, "checkpoint");
    assert!(
        commits.iter().any(|commit| refers(commit, "FOLLOWS_FROM", root)),
        "no commit finishes {root:#}: {commits:#?}"
    );
    assert!(spans(query, "run").is_empty(), "no span is as long as the task");
}

/// Every row is in a request that is a child of the object.
fn assert_requests(spans: &[Value], root: &Value) {
    let sends = named(spans, &format!("send {STREAM}"));
    let count = |send: &&Value| tag(send, "messaging.batch.message_count").as_u64().unwrap();
    let sent: u64 = sends.iter().map(count).sum();
    assert_eq!(sent, u64::try_from(ROWS_COUNT).unwrap(), "{sends:#?}");
    assert_eq!(tag(root, "brigade.requests"), sends.len());
    for send in sends {
        assert!(refers(send, "CHILD_OF", root), "{send:#}");
        for (key, value) in [
            ("span.kind", "client"),
            ("messaging.system.name", "aws.kinesis"),
            ("messaging.system", "aws_kinesis"),
            ("messaging.operation.name", "PutRecords"),
            ("messaging.operation.type", "send"),
            ("messaging.destination.name", STREAM),
            ("aws.kinesis.stream_name", STREAM),
        ] {
            assert_eq!(tag(send, key), value, "{key}");
        }
        assert_eq!(tag(send, "brigade.attempts"), 1);
        assert_eq!(tag(send, "brigade.failed_records"), 0);
    }
}
