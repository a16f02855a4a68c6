//! A real Prometheus takes the metrics of a running task and the alerts that come with it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::servers::install;
use crate::servers::process::start_prometheus;
use crate::task_folder::{Settings, TaskFolder};

/// The programs; where the package cannot be had, a test says so and is skipped, whatever else has to be there.
fn programs() -> Option<PathBuf> {
    match install::prometheus() {
        Ok(programs) => Some(programs),
        Err(reason) => {
            #[expect(clippy::print_stderr, reason = "a test that is skipped has to say so")]
            {
                eprintln!("SKIPPED: prometheus: {reason}");
            }
            None
        }
    }
}

fn alerts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus")
}

#[test]
fn every_alert_fires_under_what_it_is_for() {
    let Some(programs) = programs() else {
        return;
    };
    for arguments in [
        ["check", "rules", "alerts.yaml"],
        ["test", "rules", "alerts_test.yaml"],
    ] {
        let output = Command::new(programs.join("promtool"))
            .args(arguments)
            .current_dir(alerts())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}

/// The answer of the API of Prometheus; `None` while it begins.
fn ask(endpoint: &str, path: &str) -> Option<Value> {
    let address = endpoint.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n")?;
    serde_json::from_str(body).ok()
}

fn wait<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} does not come");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Values of a query, by the first of its labels that is named.
fn values(endpoint: &str, query: &str) -> Vec<String> {
    let answer = ask(endpoint, &format!("/api/v1/query?query={query}")).unwrap_or_default();
    let results = answer.pointer("/data/result").and_then(Value::as_array);
    let values = results.into_iter().flatten();
    let value = |result: &Value| {
        result
            .pointer("/value/1")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    values.filter_map(value).collect()
}

#[test]
fn prometheus_scrapes_a_running_task_and_knows_when_a_file_is_set_aside() {
    let Some(programs) = programs() else {
        return;
    };
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let task = TaskFolder::new(&Settings {
        listen: address.to_string(),
        ..Settings::default()
    });
    fs::write(task.path().join("data/cdc/d.csv.gz"), "this is not gzip").unwrap();
    let rules = alerts().join("alerts.yaml");
    task.write(
        "prometheus.yml",
        &format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{}]\nscrape_configs:\n  \
             - job_name: brigade\n    static_configs: [{{ targets: [\"{address}\"] }}]\n",
            rules.display()
        ),
    );
    let mut running = task.start();
    let configuration = task.path().join("prometheus.yml");
    let server = start_prometheus(&programs.join("prometheus"), &configuration).unwrap();
    let endpoint = server.endpoint.as_str();
    wait("what was delivered", || {
        let delivered = values(endpoint, "sum(brigade_rows_delivered_total)");
        (delivered == ["6"]).then_some(())
    });
    assert_eq!(values(endpoint, "brigade_identity_difference"), ["0"]);
    assert_eq!(values(endpoint, "up"), ["1"]);
    let firing = wait("an alert", || {
        let answer = ask(endpoint, "/api/v1/alerts")?;
        let alerts = answer.pointer("/data/alerts")?.as_array()?.clone();
        let firing = alerts.into_iter().filter(|alert| alert["state"] == "firing");
        let names: Vec<_> = firing.map(|alert| alert["labels"]["alertname"].clone()).collect();
        (!names.is_empty()).then_some(names)
    });
    assert_eq!(firing, ["BrigadeObjectsSetAside"]);
    running.terminate();
    assert_eq!(running.exit_code(), Some(65), "a file is set aside");
}
