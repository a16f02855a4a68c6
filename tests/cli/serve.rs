//! What a running task serves over HTTP.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use bucket_brigade::observe::metrics::catalog::{Kind, METRICS};
use serde_json::Value;
use tokio::time::Instant;

use crate::task_folder::{Running, Settings, TaskFolder, free_address};

/// A running task of which everything is settled, at an address.
pub(crate) fn settled_task(more: &str) -> (TaskFolder, Running, SocketAddr) {
    let address = free_address();
    let task = TaskFolder::new(&Settings {
        listen: format!("{address}\"{more}, token: \""),
        ..Settings::default()
    });
    task.write("data/cdc/d.csv", "INSERT,orders,shop,not a number,1.00,bad\n");
    let running = task.start();
    wait(|| ask(address, "/readyz").is_some_and(|(code, _)| code == 200));
    wait(|| {
        let (_, text) = ask(address, "/metrics").unwrap();
        let rows = |name: &str| metric(&text, &format!("brigade_rows_{name}{{table=\"shop.orders\""));
        // Two loaded rows, two changes, two control records of the table; and the bad row.
        (rows("delivered_total"), rows("dead_lettered_total")) == (6, 1)
    });
    (task, running, address)
}

pub(crate) fn wait(mut is_done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_done() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it takes too long");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The answer to a request; `None` if nobody listens.
pub(crate) fn ask_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let code = head.split(' ').nth(1)?.parse().ok()?;
    Some((code, body.to_owned()))
}

fn get_with(address: SocketAddr, path: &str, headers: &str) -> Option<(u16, String)> {
    ask_with(address, "GET", path, headers, "")
}

pub(crate) fn ask(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    get_with(address, path, &format!("Host: {address}\r\n"))
}

/// The sum of the whole numbers in the lines that begin so.
pub(crate) fn metric(text: &str, beginning: &str) -> u64 {
    let lines = text.lines().filter(|line| line.starts_with(beginning));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// Metrics of a bucket, of a stream, of records in doubt, of a load that goes on, and of comparisons.
pub(crate) const NOT_HERE: [&str; 10] = [
    "brigade_s3_requests_total",
    "brigade_body_resumes_total",
    "brigade_clock_skew_seconds",
    "brigade_credentials_expire_seconds",
    "brigade_retention_margin_seconds",
    "brigade_stream_info",
    "brigade_settle_seconds",
    "brigade_eta_seconds",
    "brigade_verify_last_success_timestamp_seconds",
    "brigade_verify_rows",
];

#[test]
fn every_metric_is_there_and_the_rows_add_up() {
    let (_task, running, address) = settled_task("");
    let (code, text) = ask(address, "/metrics").unwrap();
    assert_eq!(code, 200, "{text}");
    for metric in METRICS {
        let name = metric.prometheus_name();
        if NOT_HERE.contains(&name.as_str()) {
            continue;
        }
        let sample = match metric.kind {
            Kind::Histogram => format!("{name}_count"),
            Kind::Counter | Kind::Gauge => name.clone(),
        };
        let line = text.lines().find(|line| line.starts_with(&format!("{sample}{{")));
        let line = line.unwrap_or_else(|| panic!("{sample} is missing: {text}"));
        for label in metric.labels.iter().chain(&["task"]) {
            assert!(line.contains(&format!("{label}=\"")), "{line} has no {label}");
        }
        assert!(
            text.contains(&format!("# HELP {name} {}", metric.about)),
            "{name}"
        );
    }
    let of = |name: &str| metric(&text, name);
    let (delivered, dead) = (
        of("brigade_rows_delivered_total"),
        of("brigade_rows_dead_lettered_total"),
    );
    assert_eq!(of("brigade_rows_read_total"), delivered + dead, "{text}");
    assert_eq!(of("brigade_identity_difference"), 0);
    assert!(
        of("brigade_put_records_duration_seconds_count{outcome=\"ok\"") > 0,
        "{text}"
    );
    assert!(of("brigade_checkpoint_duration_seconds_count") > 0, "{text}");
    assert_eq!(of("brigade_task_state{state=\"changes\""), 1, "{text}");
    assert!(!text.contains("otel_scope"), "{text}");
    assert!(!text.contains("LOAD1"), "a key is never a label");
    assert!(!text.contains("not a number"), "no value of a row");
    end(running);
}

pub(crate) fn end(mut running: Running) {
    running.terminate();
    assert_eq!(running.exit_code(), Some(0), "SIGTERM is a clean stop");
}

#[test]
fn health_and_the_snapshot_say_what_the_task_does() {
    let (_task, running, address) = settled_task(", health: { dead_letters: 0 }");
    let body = |path: &str| ask(address, path).unwrap();
    assert_eq!(body("/livez"), (200, "ok\n".to_owned()));
    let (code, text) = body("/readyz?verbose");
    assert_eq!(code, 200, "{text}");
    for part in ["[+]task ok", "[+]source ok", "[+]target ok"] {
        assert!(text.contains(part), "{text}");
    }
    let (code, text) = body("/healthz");
    let health: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, &health["ok"]),
        (503, &Value::Bool(false)),
        "a row is a dead letter: {text}"
    );
    let checks = health["checks"].as_array().unwrap();
    let failing: Vec<_> = checks
        .iter()
        .filter(|check| check["ok"] == false)
        .map(|check| &check["name"])
        .collect();
    assert_eq!(failing, ["dead_letters"], "{text}");
    let (code, text) = body("/api/v1/snapshot");
    let snapshot: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (code, &snapshot["status"]["task"]),
        (200, &Value::from("orders")),
        "{text}"
    );
    assert!(!text.contains("not a number"), "no value of a row: {text}");
    // A running task publishes its status several times a second, whether or not it changed.
    let mut code = 0;
    wait(|| {
        let (_, text) = body("/api/v1/snapshot");
        let snapshot: Value = serde_json::from_str(&text).unwrap();
        code = body(&format!("/api/v1/snapshot?since={}", snapshot["seq"])).0;
        code == 304
    });
    assert_eq!(body("/nothing").0, 404);
    for path in ["/", "/page.js", "/page.css"] {
        let (code, text) = body(path);
        assert!(code == 200 && !text.is_empty(), "{path}: {code}");
    }
    assert_eq!(
        get_with(address, "/metrics", "Host: evil.example\r\n").unwrap().0,
        421
    );
    end(running);
}

#[test]
fn elsewhere_everything_but_health_takes_a_token() {
    let port = free_address().port();
    let address: SocketAddr = ([127, 0, 0, 1], port).into();
    let task = TaskFolder::new(&Settings {
        listen: format!("0.0.0.0:{port}\", token: \"a-token-of-16-letters"),
        ..Settings::default()
    });
    let running = task.start();
    wait(|| ask(address, "/readyz").is_some_and(|(code, _)| code == 200));
    let host = "Host: brigade.internal\r\n";
    assert_eq!(get_with(address, "/healthz", host).unwrap().0, 200);
    for path in ["/metrics", "/api/v1/snapshot"] {
        let (code, text) = get_with(address, path, host).unwrap();
        assert_eq!(code, 401, "{text}");
        let with = format!("{host}Authorization: Bearer a-token-of-16-letters\r\n");
        assert_eq!(get_with(address, path, &with).unwrap().0, 200);
    }
    end(running);
}

#[test]
fn a_task_that_is_given_an_address_it_cannot_have_does_not_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let task = TaskFolder::new(&Settings {
        listen: taken.local_addr().unwrap().to_string(),
        ..Settings::default()
    });
    let ended = task.brigade(&["run", "--once"]).expect(78);
    assert!(ended.stderr.contains("api.listen"), "{ended:?}");
    assert_eq!(task.records_count(), 0, "nothing was sent");
    assert!(!task.path().join("state").exists(), "nothing was begun");
}
