//! Where values of rows go: into the stream and the dead letters, and nowhere else, at whatever level and in whatever trouble.
//! The token of the API goes nowhere.
#![cfg(all(unix, feature = "sandbox"))]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bucket_brigade::hex;
use bucket_brigade::sandbox::kinesis::{SandboxKinesis, ShardLimits};
use serde_json::{Value, json};

use crate::collector::{Collector, contains};
use crate::serve::{ask_with, end, wait};
use crate::task_folder::{Settings, TaskFolder, free_address};

/// Stands in every row, in every column in turn.
const CANARY: &str = "canaryQ7xW2v";
/// The token of the API: a value of a variable.
const TOKEN: &str = "canaryQ7xW2v-is-a-token";
/// As `CANARY`, for columns of numbers.
const DIGITS: &str = "90817263544536271809";
/// Everything in all detail, libraries by name.
const LOUDEST: &str = "trace,hyper=trace,hyper_util=trace,h2=trace,aws_smithy_runtime=trace,\
                       aws_smithy_http_client=trace,aws_sdk_kinesis=trace,bucket_brigade=trace";
/// A message with it is larger than the stream takes.
const RECORD_BYTES: usize = 1024 * 1024;
/// A row with it is longer than `limits.row`.
const ROW_BYTES: usize = 2 * 1024 * 1024;

const MAPPINGS: &str = r#"{"rules": [
{"rule-type": "selection", "rule-id": 1, "rule-name": "1", "rule-action": "include",
 "object-locator": {"schema-name": "s", "table-name": "people"},
 "filters": [{"filter-type": "source", "column-name": "amount",
              "filter-conditions": [{"filter-operator": "gte", "value": "0"}]}]},
{"rule-type": "transformation", "rule-id": 2, "rule-name": "2", "rule-target": "column", "rule-action": "add-column",
 "value": "found", "expression": "json_extract('{}', $path)", "data-type": {"type": "string", "length": 90},
 "object-locator": {"schema-name": "s", "table-name": "people"}}
]}"#;

/// What gives a value away: itself, its digits in hexadecimal, its base64 wherever it stands, and all of these as a list of
/// numbers, as bytes are shown to those who debug.
fn forms() -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for text in [CANARY, DIGITS] {
        forms.push(text.as_bytes().to_vec());
        forms.push(hex::text(text.as_bytes()).into_bytes());
        for offset in 0..3 {
            let shifted = [&b"   "[..offset], text.as_bytes()].concat();
            let encoded = base64_simd::STANDARD.encode_to_string(&shifted);
            // Without what the neighbours have a say in.
            let whole = (offset * 8).div_ceil(6)..shifted.len() * 8 / 6;
            forms.push(encoded.as_bytes()[whole].to_vec());
        }
    }
    let listed = forms.iter().map(|form| {
        let list = format!("{form:?}");
        list.trim_matches(['[', ']']).as_bytes().to_vec()
    });
    let listed: Vec<_> = listed.collect();
    [forms, listed].concat()
}

fn holds_value(bytes: &[u8]) -> Option<usize> {
    let forms = forms();
    let mut found = forms.iter().filter_map(|form| memchr::memmem::find(bytes, form));
    found.next()
}

#[track_caller]
fn assert_without_values(what: &str, bytes: &[u8]) {
    if let Some(at) = holds_value(bytes) {
        let around = &bytes[at.saturating_sub(300)..(at + 60).min(bytes.len())];
        panic!("{what} shows a value: {}", String::from_utf8_lossy(around));
    }
}

/// Every file below a folder, and every folder, itself included.
fn below(path: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut files, mut folders) = (Vec::new(), vec![path.to_owned()]);
    let mut next = 0;
    while let Some(folder) = folders.get(next).cloned() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
        next += 1;
    }
    (files, folders)
}

/// Rows of a load, each with something wrong, and of changes.
fn write_rows(task: &TaskFolder) {
    let c = CANARY;
    let [large, too_long] = [RECORD_BYTES, ROW_BYTES].map(|bytes| c.repeat(bytes / c.len() + 1));
    let long = c.repeat(5);
    let mut load = format!(
        "{c}1,1.00,2020-01-01,$,{c},{c}\n\
         {c}2,{c},2020-01-01,$,number,\n\
         {c}3,{DIGITS},2020-01-01,$,large number,\n\
         {c}4,1.00,{c},$,date,\n\
         {c}5,1.00,2020-01-01,$,{long},\n\
         {c}6,1.00\n\
         {c}7,1.00,2020-01-01,{c},expression,\n\
         \"\",1.00,2020-01-01,$,{c} has no key,\n\
         {c}8,1.00,2020-01-01,$,\"{c} is not closed,\n\
         {c}9,1.00,2020-01-01,$,large record,{large}\n\
         {c}10,1.00,2020-01-01,$,large row,{too_long}\n\
         {c}11,1.00,2020-01-01,$,"
    )
    .into_bytes();
    load.extend_from_slice(c.as_bytes());
    load.extend_from_slice(b"\xff,\n");
    let path = task.path().join("data/s/people/LOAD1.csv");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, load).unwrap();
    let bad = format!(
        "{c},people,s,x\nI,{c},s,x\nI,people,{c},x\nI,people\nI,people,s,{c}1,{c},2020-01-01,$,number,\n"
    );
    task.write("data/cdc/a.csv", &bad);
    let hot = format!("INSERT,people,s,{c},1.00,2020-01-01,$,{c},\n").repeat(100);
    task.write("data/cdc/b.csv", &hot);
}

/// A task over the rows, into a stream.
fn task(kinesis: &SandboxKinesis, stream: &str, traces: &str, policy: &str) -> TaskFolder {
    let task = TaskFolder::new(&Settings::default());
    fs::remove_dir_all(task.path().join("data")).unwrap();
    let text = |name: &str, length: &str| json!({"ColumnName": name, "ColumnType": "STRING", "ColumnLength": length, "ColumnNullable": "true"});
    let columns = json!([
        {"ColumnName": "code", "ColumnType": "STRING", "ColumnLength": "40", "ColumnIsPk": "true"},
        {"ColumnName": "amount", "ColumnType": "NUMERIC", "ColumnPrecision": "10", "ColumnScale": "2"},
        {"ColumnName": "born", "ColumnType": "DATE"},
        text("path", "50"),
        text("note", "50"),
        {"ColumnName": "more", "ColumnType": "CLOB", "ColumnNullable": "true"},
    ]);
    let table =
        json!({"TableName": "people", "TablePath": "s/people/", "TableOwner": "s", "TableColumns": columns});
    task.write(
        "table-definition.json",
        &json!({"TableCount": "1", "Tables": [table]}).to_string(),
    );
    task.write("mappings.json", MAPPINGS);
    configure(&task, kinesis, stream, traces, policy, "by_position");
    write_rows(&task);
    task
}

fn configure(
    task: &TaskFolder,
    kinesis: &SandboxKinesis,
    stream: &str,
    traces: &str,
    policy: &str,
    columns: &str,
) {
    let endpoint = kinesis.endpoint();
    let configuration = format!(
        "version: 1
task: private
migration_type: full-load-and-cdc
table_mappings: ./mappings.json
source:
  local:
    directory: ./data
    cdc_path: cdc
  tables: ./table-definition.json
  csv:
    columns: {columns}
target:
  kinesis:
    stream: {stream}
    region: us-west-2
    endpoint: {endpoint}
    change_partition_key: primary-key
errors:
  dead_letters: ./dead-letters
  data_error_policy: {policy}
state:
  sled:
    path: ./state
  commit_interval: 50ms
limits:
  restarts: 0
  row: 1536KiB
api:
  listen: \"off\"
  token: \"${{BRIGADE_TOKEN:-}}\"
telemetry:
  otlp:
    endpoint: \"{traces}\"
events: {{ sinks: {{ webhook: {{ url: \"{traces}/hook\" }} }} }}
"
    );
    task.write("brigade.yaml", &configuration);
}

/// Runs a command as loud as can be; neither of its outputs may show a value.
#[track_caller]
fn check_command(task: &TaskFolder, arguments: &[&str], codes: &[i32]) {
    let mut command = task.command(arguments);
    // The second makes the SDK log what it signs as it is.
    let loud = [
        ("BRIGADE_LOG", LOUDEST),
        ("LOG_SIGNABLE_BODY", "true"),
        ("BRIGADE_TOKEN", TOKEN),
    ];
    let output = command.envs(loud).output().unwrap();
    let errors = output.stderr.get(output.stderr.len().saturating_sub(2_000)..);
    assert!(
        codes.contains(&output.status.code().unwrap()),
        "{arguments:?}: {:?}: {}",
        output.status,
        String::from_utf8_lossy(errors.unwrap_or(&output.stderr))
    );
    let what = arguments.join(" ");
    assert_without_values(&format!("stdout of {what}"), &output.stdout);
    assert_without_values(&format!("stderr of {what}"), &output.stderr);
}

/// Nothing that a task has written may show a value, but for the dead letters.
#[track_caller]
fn check_files(task: &TaskFolder) {
    for path in below(task.path()).0 {
        let is_input = ["data", "dead-letters"].map(|name| path.starts_with(task.path().join(name)));
        if is_input == [false; 2] {
            assert_without_values(&path.display().to_string(), &fs::read(&path).unwrap());
        }
    }
}

/// Lets a task meet every trouble that a row can make; gives the codes of its dead letters.
async fn check(policy: &str, run_codes: &[i32]) -> BTreeSet<String> {
    let kinesis = SandboxKinesis::start(ShardLimits::Off).await.unwrap();
    for stream in ["people", "other"] {
        kinesis.create_stream(stream, 1).await.unwrap();
    }
    let collector = Collector::start("200 OK");
    let endpoint = collector.endpoint.clone();
    let task = task(&kinesis, "people", &endpoint, policy);
    check_command(&task, &["validate", "--online"], &[0]);
    check_command(&task, &["plan"], &[0]);
    check_command(&task, &["config", "show"], &[0]);
    check_command(&task, &["run", "--once"], run_codes);
    check_command(
        &task,
        &["run", "--once", "--output", "json", "--log-format", "json"],
        run_codes,
    );
    for arguments in [
        &["status"][..],
        &["status", "--output", "json"],
        &["tables"],
        &["tables", "--output", "json"],
        &["plan", "--output", "json"],
        &["verify"],
        &["dlq", "ls"],
        &["checkpoint", "show", "--output", "json"],
        &["checkpoint", "export", "export.jsonl"],
        &["dlq", "replay", "--object", "cdc/a.csv"],
    ] {
        check_command(&task, arguments, &[0, 65, 66]);
    }
    // Every row is missing from another stream, and named.
    configure(&task, &kinesis, "other", &endpoint, policy, "by_position");
    check_command(&task, &["verify"], &[65, 0]);
    check_files(&task);
    for (path, sign) in [
        ("/v1/traces", "load file"),
        ("/v1/traces", "send "),
        ("/v1/logs", "starting"),
        ("/v1/metrics", "brigade.rows_read"),
        ("/hook", "REPLICATION_TASK_STARTED"),
    ] {
        let bodies = collector.bodies(path);
        assert!(contains(&bodies, sign), "{path} has no {sign}");
        assert_without_values(path, &bodies);
    }
    kinesis.stop().await.unwrap();
    codes_of_letters(&task)
}

/// The codes of the dead letters, which have the row and give a reason without it.
fn codes_of_letters(task: &TaskFolder) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(task.path().join("dead-letters")) else {
        return BTreeSet::new();
    };
    let texts = entries.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let letters = texts.flat_map(|text| {
        let letters = text.lines().map(|line| serde_json::from_str(line).unwrap());
        letters.collect::<Vec<Value>>()
    });
    let codes = letters.map(|letter| {
        let row = letter["row"].as_str().or(letter["row_hex"].as_str()).unwrap();
        let reason = letter["reason"].as_str().unwrap();
        assert!(
            holds_value(row.as_bytes()).is_some() || row == "I,people",
            "{letter}"
        );
        assert_without_values("a reason", reason.as_bytes());
        letter["code"].as_str().unwrap().to_owned()
    });
    codes.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_bad_rows_are_in_the_dead_letters_alone() {
    let codes = check("DEAD_LETTER", &[0]).await;
    for code in [
        "empty_partition_key",
        "expression_failed",
        "field_count",
        "invalid_utf8",
        "not_a_date",
        "not_a_number",
        "number_out_of_range",
        "record_too_large",
        "row_too_long",
        "too_long",
        "unclosed_quote",
        "unknown_operation",
        "unknown_schema",
        "unknown_table",
    ] {
        assert!(codes.contains(code), "no row was rejected as {code}: {codes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_table_shows_no_value() {
    let codes = check("SUSPEND_TABLE", &[65]).await;
    assert!(codes.contains("table_suspended"), "{codes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_a_row_stops_shows_no_value() {
    let codes = check("STOP_TASK", &[65]).await;
    assert!(codes.is_empty(), "{codes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_in_place_of_a_header_is_not_shown() {
    let kinesis = SandboxKinesis::start(ShardLimits::Off).await.unwrap();
    kinesis.create_stream("people", 1).await.unwrap();
    let collector = Collector::start("200 OK");
    let endpoint = collector.endpoint.clone();
    let task = task(&kinesis, "people", &endpoint, "DEAD_LETTER");
    configure(&task, &kinesis, "people", &endpoint, "DEAD_LETTER", "by_header");
    check_command(&task, &["run", "--once"], &[65]);
    check_command(&task, &["status", "--output", "json"], &[0]);
    check_files(&task);
    assert_without_values("a trace", &collector.bodies("/v1/traces"));
    assert_without_values("a log at the collector", &collector.bodies("/v1/logs"));
    let status = task.json(&["status"]).to_string();
    assert!(status.contains("its header has no"), "{status}");
    kinesis.stop().await.unwrap();
}

/// What the API answers to whoever has the token does not tell it, in whatever form it is written in the configuration.
#[test]
fn the_token_is_in_no_answer() {
    for written in [TOKEN, "${BRIGADE_TOKEN}", "${NOT_SET:-canaryQ7xW2v-is-a-token}"] {
        let address = free_address();
        let task = TaskFolder::new(&Settings {
            listen: format!("{address}\", token: \"{written}"),
            ..Settings::default()
        });
        let mut command = task.command(&["run"]);
        command.env("BRIGADE_TOKEN", TOKEN);
        let running = TaskFolder::start_command(command);
        let headers = format!("Host: {address}\r\nAuthorization: Bearer {TOKEN}\r\n");
        let get = |path: &str| ask_with(address, "GET", path, &headers, "");
        wait(|| get("/readyz").is_some_and(|(code, _)| code == 200));
        for path in ["configuration", "snapshot", "events", "checkpoint"] {
            let (code, text) = get(&format!("/api/v1/{path}")).unwrap();
            assert_eq!(code, 200, "{path}: {text}");
            assert_without_values(path, text.as_bytes());
        }
        let (_, text) = get("/api/v1/configuration").unwrap();
        let configuration: Value = serde_json::from_str(&text).unwrap();
        let values = configuration["values"].as_array().unwrap();
        let token = values.iter().find(|value| value["key"] == "api.token").unwrap();
        assert_eq!(token["value"], "***", "written as {written}");
        end(running);
        for arguments in [&["config", "show"][..], &["config", "show", "--output", "json"]] {
            check_command(&task, arguments, &[0]);
        }
    }
}
