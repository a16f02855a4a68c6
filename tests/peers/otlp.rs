//! Traces and logs as an independent receiver sees them: one object's way is one trace, bounded, and a receiver that is
//! dead, mute or refuses disturbs nothing.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::collector::{Collector, contains};
use crate::servers;

/// A table with a number and a name.
pub(crate) const TABLE_DEFINITION: &str = r#"{
  "TableCount": "1",
  "Tables": [{
    "TableName": "t", "TablePath": "s/t/", "TableOwner": "s",
    "TableColumns": [
      { "ColumnName": "id", "ColumnType": "INT8", "ColumnNullable": "false", "ColumnIsPk": "true" },
      { "ColumnName": "name", "ColumnType": "STRING", "ColumnLength": "20", "ColumnNullable": "true" }
    ],
    "TableColumnsTotal": "2"
  }]
}"#;
/// Requests of which an object keeps a span, at most, if there are less than a few thousand.
const REQUEST_SPANS_MAX: usize = 100;
/// Rows of the large file: more requests than keep a span. A request takes 500.
const LARGE_ROWS_COUNT: usize = 60_000;
/// Rows of the small file.
const SMALL_ROWS_COUNT: usize = 1_200;
/// A full load begins with two control records: drop the table, create it.
const CONTROL_RECORDS_COUNT: usize = 2;

/// A large file and a small one.
const TWO_FILES: [(&str, usize); 2] = [("large.csv", LARGE_ROWS_COUNT), ("small.csv", SMALL_ROWS_COUNT)];

/// A folder with files of so many rows, and a task that reads them into one file.
fn task(folder: &Path, otlp: &str, files: &[(&str, usize)]) {
    let table = folder.join("source/s/t");
    fs::create_dir_all(&table).unwrap();
    fs::write(folder.join("table-definition.json"), TABLE_DEFINITION).unwrap();
    for &(name, count) in files {
        let rows: Vec<String> = (0..count).map(|row| format!("{row},name {row}\n")).collect();
        fs::write(table.join(name), rows.concat()).unwrap();
    }
    let configuration = format!(
        "version: 1
task: traced
api: {{ listen: off }}
migration_type: full-load
source:
  local:
    directory: ./source
  tables: ./table-definition.json
target:
  ndjson:
    path: ./out
    shards: 1
errors:
  dead_letters: ./dead-letters
state:
  sled:
    path: ./state
  commit_interval: 50ms
telemetry:
  otlp:
    endpoint: \"{otlp}\"
"
    );
    fs::write(folder.join("brigade.yaml"), configuration).unwrap();
}

fn run(folder: &Path, arguments: &[&str]) -> (Output, Duration) {
    let since = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_brigade"))
        .args(["run", "--once", "--config"])
        .arg(folder.join("brigade.yaml"))
        .args(arguments)
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    (output, since.elapsed())
}

/// The spans that have arrived; the receiver writes them a moment after it took them.
fn spans(file: &Path, is_complete: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let text = fs::read_to_string(file).unwrap();
        let spans: Vec<Value> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        if is_complete(&spans) {
            return spans;
        }
        assert!(Instant::now() < deadline, "only these spans came: {spans:#?}");
        std::thread::yield_now();
    }
}

fn named<'a>(spans: &'a [Value], name: &str) -> Vec<&'a Value> {
    spans.iter().filter(|span| span["name"] == name).collect()
}

/// An attribute in the JSON form of OTLP, whatever its type, as text.
fn attribute(span: &Value, key: &str) -> Option<String> {
    let attribute = span["attributes"]
        .as_array()?
        .iter()
        .find(|attribute| attribute["key"] == key)?;
    let value = attribute["value"].as_object()?.values().next()?;
    Some(
        value
            .as_str()
            .map_or_else(|| value.to_string(), ToOwned::to_owned),
    )
}

/// The spans of files; the records that create the table have an object without a file.
fn files(spans: &[Value]) -> Vec<&Value> {
    let is_file = |span: &&Value| attribute(span, "key").is_some_and(|key| key.starts_with("s/t/"));
    named(spans, "load file").into_iter().filter(is_file).collect()
}

fn links_to(span: &Value, other: &Value) -> bool {
    let links = span["links"].as_array().map(Vec::as_slice).unwrap_or_default();
    links
        .iter()
        .any(|link| link["traceId"] == other["traceId"] && link["spanId"] == other["spanId"])
}

/// Whether spans of so many files are there, and the commits that finish them.
fn are_finished(spans: &[Value], count: usize) -> bool {
    let (objects, commits) = (files(spans), named(spans, "checkpoint"));
    let is_finished = |object: &&Value| commits.iter().any(|commit| links_to(commit, object));
    objects.iter().filter(|object| is_finished(object)).count() == count
}

/// The spans of requests with rows of an object, whether they are its children or lead to it.
fn requests_of<'a>(spans: &'a [Value], object: &Value) -> Vec<&'a Value> {
    let mut requests = named(spans, "send file");
    requests.retain(|request| {
        let is_child = request["parentSpanId"] == object["spanId"];
        assert!(
            !is_child || request["traceId"] == object["traceId"],
            "{request:#}"
        );
        // One of several objects belongs to none, and leads back and forth.
        let is_linked = links_to(request, object);
        assert_eq!(is_linked, links_to(object, request), "{request:#} and {object:#}");
        assert!(!is_linked || request["parentSpanId"].is_null(), "{request:#}");
        is_child || is_linked
    });
    requests
}

fn number(span: &Value, key: &str) -> usize {
    let text = attribute(span, key).unwrap_or_else(|| panic!("no {key} in {span:#}"));
    text.parse().unwrap()
}

#[test]
fn the_way_of_an_object_is_one_trace_and_no_row_has_a_span() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spans.ndjson");
    let Some(receiver) = servers::oteltap(&file) else {
        return;
    };
    task(folder.path(), &receiver.endpoint, &TWO_FILES);
    let (output, _) = run(folder.path(), &[]);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");

    let spans = spans(&file, |spans| are_finished(spans, 2));
    let objects = files(&spans);
    for object in &objects {
        let key = attribute(object, "key").unwrap();
        let requests = requests_of(&spans, object);
        assert!(!requests.is_empty(), "{key} has no request");
        assert!(
            requests.len() <= REQUEST_SPANS_MAX,
            "{key} has {} spans",
            requests.len()
        );
        for request in &requests {
            assert_eq!(request["kind"], "SPAN_KIND_CLIENT", "{request:#}");
            assert!(
                number(request, "messaging.batch.message_count") <= 500,
                "{request:#}"
            );
        }
        assert!(object["parentSpanId"].is_null(), "{object:#}");
        let listings = named(&spans, "list files");
        assert!(
            listings.iter().any(|listing| links_to(object, listing)),
            "no listing found {key}: {listings:#?}"
        );
    }
    let large = objects
        .iter()
        .find(|object| attribute(object, "key").unwrap().ends_with("large.csv"))
        .unwrap();
    assert_eq!(number(large, "brigade.rows"), LARGE_ROWS_COUNT);
    let requests_count = number(large, "brigade.requests");
    assert!(requests_count > REQUEST_SPANS_MAX, "{requests_count}");
    assert!(number(large, "brigade.requests.left_out") > 0, "{large:#}");
    assert!(
        spans.len() < 500,
        "{} spans of {LARGE_ROWS_COUNT} rows",
        spans.len()
    );
    assert!(named(&spans, "run").is_empty(), "a span is as long as the task");
}

#[test]
fn a_request_with_rows_of_several_files_leads_to_each_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spans.ndjson");
    let Some(receiver) = servers::oteltap(&file) else {
        return;
    };
    task(
        folder.path(),
        &receiver.endpoint,
        &[("a.csv", 1), ("b.csv", 2), ("c.csv", 1)],
    );
    let (output, _) = run(folder.path(), &[]);
    assert!(output.status.success(), "{output:?}");
    let spans = spans(&file, |spans| are_finished(spans, 3));
    let requests = named(&spans, "send file");
    for object in files(&spans) {
        assert!(
            !requests_of(&spans, object).is_empty(),
            "no request of {object:#} in {requests:#?}"
        );
    }
    // The files are read within the linger of a request, so this is about links at all.
    assert!(requests.len() < 4, "{requests:#?}");
}

#[test]
fn the_log_goes_to_the_collector_and_says_why_a_run_failed() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start("200 OK");
    task(folder.path(), &collector.endpoint, &TWO_FILES);
    let (output, _) = run(folder.path(), &[]);
    assert!(output.status.success(), "{output:?}");
    let log = collector.bodies("/v1/logs");
    for text in ["starting", "bucket-brigade", "brigade.task", "traced"] {
        assert!(
            contains(&log, text),
            "no {text:?}: {}",
            String::from_utf8_lossy(&log)
        );
    }
    assert!(!contains(&log, "the run failed"), "it did not");

    let collector = Collector::start("200 OK");
    task(folder.path(), &collector.endpoint, &TWO_FILES);
    fs::remove_dir_all(folder.path().join("state")).unwrap();
    // A file where the folder of the state has to be.
    fs::write(folder.path().join("state"), "").unwrap();
    let (output, _) = run(folder.path(), &[]);
    assert!(!output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said.matches("the run failed").count(),
        0,
        "people are told once: {said}"
    );
    let log = collector.bodies("/v1/logs");
    assert!(
        contains(&log, "the run failed"),
        "{}",
        String::from_utf8_lossy(&log)
    );
    assert!(contains(&log, "state"), "{}", String::from_utf8_lossy(&log));
}

#[test]
fn the_log_stays_here_if_it_is_to() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start("200 OK");
    task(folder.path(), &collector.endpoint, &TWO_FILES);
    let path = folder.path().join("brigade.yaml");
    let configuration = fs::read_to_string(&path).unwrap() + "    logs: false\n";
    fs::write(path, configuration).unwrap();
    let (output, _) = run(folder.path(), &[]);
    assert!(output.status.success(), "{output:?}");
    assert!(
        contains(&collector.bodies("/v1/traces"), "load file"),
        "spans come"
    );
    assert!(collector.bodies("/v1/logs").is_empty(), "the log does not");
}

#[test]
fn an_endpoint_that_answers_503_disturbs_nothing_and_is_not_told_of_itself() {
    let collector = Collector::start("503 Service Unavailable");
    assert_undisturbed(&collector.endpoint);
    let log = collector.bodies("/v1/logs");
    assert!(contains(&log, "starting"), "it was asked");
    assert!(
        !contains(&log, "telemetry cannot be delivered"),
        "{}",
        String::from_utf8_lossy(&log)
    );
}

#[test]
fn an_endpoint_that_refuses_disturbs_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert_undisturbed(&endpoint);
}

#[test]
fn an_endpoint_that_never_answers_disturbs_nothing() {
    // The system takes connections for a listener that never does.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_undisturbed(&format!("http://{}", listener.local_addr().unwrap()));
}

fn assert_undisturbed(endpoint: &str) {
    let folder = tempfile::tempdir().unwrap();
    task(folder.path(), endpoint, &TWO_FILES);
    let (output, time) = run(folder.path(), &["--log-format", "json"]);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    // The run itself takes a second; what telemetry may add is 3 s. The rest is for a busy machine.
    assert!(time < Duration::from_secs(15), "the run took {time:?}: {log}");
    let rows = fs::read_dir(folder.path().join("out"))
        .unwrap()
        .filter_map(Result::ok)
        .filter(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|extension| extension == "ndjson")
        })
        .map(|entry| fs::read_to_string(entry.path()).unwrap().lines().count())
        .sum::<usize>();
    let expected = LARGE_ROWS_COUNT + SMALL_ROWS_COUNT + CONTROL_RECORDS_COUNT;
    assert_eq!(rows, expected, "{log}");
    let warnings: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .filter(|event: &Value| event["level"] == "WARN")
        .collect();
    assert_eq!(warnings.len(), 1, "one warning is enough: {log}");
}
