//! What the metrics of a running task say: that each of them moves, in both texts of Prometheus, and the lines for
//! CloudWatch.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bucket_brigade::observe::metrics::catalog::METRICS;
use serde_json::Value;
use tokio::time::Instant;

use crate::serve::{NOT_HERE, ask, ask_with, end, metric, settled_task, wait};
use crate::task_folder::{Ended, Settings, TaskFolder, free_address};

#[test]
fn who_asks_for_open_metrics_gets_them() {
    let (_task, running, address) = settled_task("");
    let host = format!("Host: {address}\r\n");
    let accept =
        "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3\r\n";
    let (code, open) = ask_with(address, "GET", "/metrics", &format!("{host}{accept}"), "").unwrap();
    assert_eq!(code, 200, "{open}");
    assert!(open.ends_with("# EOF\n"), "{open}");
    for line in [
        "# TYPE brigade_rows_read counter\n",
        "# TYPE brigade_rows_in_flight gauge\n",
        "# TYPE brigade_freshness_seconds histogram\n",
    ] {
        assert!(open.contains(line), "no {line} in {open}");
    }
    assert!(
        open.contains("le=\"1.0\"") && !open.contains("le=\"1\""),
        "{open}"
    );
    let (_, text) = ask(address, "/metrics").unwrap();
    assert!(
        text.contains("# TYPE brigade_rows_read_total counter\n"),
        "{text}"
    );
    assert!(!text.contains("# EOF"), "{text}");
    let read = |text: &str| metric(text, "brigade_rows_read_total{");
    assert_eq!(read(&open), read(&text), "both say the same");
    end(running);
}

#[test]
fn a_side_that_is_away_is_seen() {
    let (address, nobody) = (free_address(), free_address());
    let task = TaskFolder::new(&Settings {
        listen: address.to_string(),
        target: format!(
            "  kinesis:\n    stream: s\n    region: eu-west-1\n    endpoint: http://{nobody}\n    \
             message_format: json-unformatted\n"
        ),
        ..Settings::default()
    });
    let mut running = task.start();
    wait(|| {
        let text = ask(address, "/metrics").map(|(_, text)| text).unwrap_or_default();
        let errors = metric(&text, "brigade_consecutive_errors{stage=\"target\"");
        let away = text.lines().find_map(|line| {
            let value = line.strip_prefix("brigade_side_away_seconds{side=\"target\"")?;
            value.rsplit(' ').next()?.parse::<f64>().ok()
        });
        errors >= 2 && away.is_some_and(|seconds| seconds > 0.0)
    });
    running.terminate();
    running.exit_code();
}

#[test]
fn lines_for_cloudwatch_have_the_names_of_dms_and_what_was_done() {
    let task = TaskFolder::new(&Settings {
        limits: "  restarts: 0\ntelemetry: { emf: true }\n",
        ..Settings::default()
    });
    let ended = task.brigade(&["run", "--once", "--output", "json"]).expect(0);
    let lines: Vec<Value> = ended
        .stdout
        .lines()
        .filter(|line| line.contains("\"_aws\""))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [of_task, of_table] = lines.as_slice() else {
        panic!("a run of less than a minute has one line for the task and one for its table: {ended:?}");
    };
    assert_eq!(of_task["Task"], "orders", "{of_task}");
    assert_eq!(of_table["Table"], "shop.orders", "{of_table}");
    for name in ["FullLoadThroughputRowsTarget", "CDCThroughputRowsTarget"] {
        for line in &lines {
            assert!(line[name].as_f64().unwrap() >= 0.0, "{name}: {line}");
        }
    }
    let sum = |name: &str| of_task[name].as_f64().unwrap();
    let rows = sum("FullLoadThroughputRowsTarget") + sum("CDCThroughputRowsTarget");
    assert!(rows > 0.0, "{of_task}");
    assert!(sum("CDCLatencyTarget") < 1e-9, "everything is settled: {of_task}");
    let task = TaskFolder::new(&Settings::default());
    let ended = task.brigade(&["run", "--once"]).expect(0);
    assert!(!ended.stdout.contains("_aws"), "not without the key: {ended:?}");
}

/// What an endpoint does with a request.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Takes,
    Refuses,
    IsMute,
}

/// Paths and bodies of requests.
type Sent = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// An endpoint for telemetry, and what it was sent.
fn endpoint(manner: Manner) -> (String, Sent) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&sent);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (connection, taken) = (connection.unwrap(), Arc::clone(&taken));
            std::thread::spawn(move || serve_one(connection, manner, &taken));
        }
    });
    (format!("http://{address}"), sent)
}

fn serve_one(connection: TcpStream, manner: Manner, taken: &Mutex<Vec<(String, Vec<u8>)>>) {
    let mut reader = BufReader::new(connection);
    loop {
        let (mut path, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(rest) = line.strip_prefix("POST ") {
                rest.split(' ').next().unwrap().clone_into(&mut path);
            }
            if let Some(rest) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = rest.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        taken.lock().unwrap().push((path, body));
        let status = match manner {
            Manner::Takes => "200 OK",
            Manner::Refuses => "403 Forbidden",
            Manner::IsMute => continue,
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// Runs a task to its end that sends its metrics to an endpoint, several times.
fn run_with(endpoint: &str) -> (Ended, Duration) {
    let limits = format!("  restarts: 0\ntelemetry: {{ otlp: {{ endpoint: \"{endpoint}\" }} }}\n");
    let task = TaskFolder::new(&Settings {
        limits: limits.leak(),
        ..Settings::default()
    });
    task.write("data/cdc/d.csv", "INSERT,orders,shop,not a number,1.00,bad\n");
    let mut command = task.command(&["run", "--once", "--log-format", "json"]);
    command.env("BRIGADE_LOG", "info").env("NO_PROXY", "127.0.0.1");
    command.env("OTEL_METRIC_EXPORT_INTERVAL", "50");
    let since = Instant::now();
    (Ended::from(command.output().unwrap()), since.elapsed())
}

#[test]
fn metrics_are_sent_over_otlp_though_nothing_is_served() {
    let (endpoint, sent) = endpoint(Manner::Takes);
    let (ended, _) = run_with(&endpoint);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stderr.contains("cannot be delivered"), "{ended:?}");
    let sent = sent.lock().unwrap();
    let last = sent.iter().rfind(|(path, _)| path == "/v1/metrics");
    let (_, last) = last.unwrap_or_else(|| panic!("no metrics came: {ended:?}"));
    let has = |text: &str| last.windows(text.len()).any(|part| part == text.as_bytes());
    for metric in METRICS {
        let is_here = !NOT_HERE.contains(&metric.prometheus_name().as_str());
        assert!(!is_here || has(metric.name), "{} did not come", metric.name);
    }
    for text in ["bucket-brigade", "shop.orders", "{row}", "brigade.task"] {
        assert!(has(text), "{text} did not come");
    }
    assert!(!has("not a number") && !has("LOAD1"), "no value of a row, no key");
}

#[test]
fn an_endpoint_that_does_not_take_metrics_holds_nothing_up() {
    let nobody = format!("http://{}", free_address());
    let endpoints = [nobody, endpoint(Manner::Refuses).0, endpoint(Manner::IsMute).0];
    for endpoint in endpoints {
        let (ended, lasted) = run_with(&endpoint);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        // A second for the run; two requests of 2 s each at the end, for metrics and for spans, and a busy machine.
        assert!(lasted < Duration::from_secs(15), "{lasted:?}: {ended:?}");
        let told = ended.stderr.matches("metrics cannot be delivered").count();
        assert!(told <= 1, "it says so once: {ended:?}");
    }
}

#[cfg(feature = "sandbox")]
mod moving {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use bucket_brigade::sandbox::clients::child_environment;
    use bucket_brigade::sandbox::fault_proxy::{FaultPlan, FaultProxy, FaultRates};
    use bucket_brigade::sandbox::kinesis::{SandboxKinesis, ShardLimits};
    use bucket_brigade::sandbox::reshard::{ReshardStep, reshard};
    use bucket_brigade::sandbox::s3::SandboxS3;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    const BUCKET: &str = "orders-export";
    const STREAM: &str = "orders";
    /// Rows of each load file; there are four. The shards take 2,000 a second.
    const FILE_ROWS: u32 = 2_000;
    /// Metrics that stay at 0 here, with what shows that they can do otherwise.
    const ELSEWHERE: [&str; 8] = [
        // It is 0, or there is a defect.
        "brigade_identity_difference",
        // a_side_that_is_away_is_seen
        "brigade_side_away_seconds",
        "brigade_consecutive_errors",
        // tests/peers/source_s3_faults.rs
        "brigade_body_resumes_total",
        // src/aws/witness.rs: the credentials of a test do not expire.
        "brigade_credentials_expire_seconds",
        // tests/cli/policies.rs; a suspended table would end everything else.
        "brigade_tables_suspended",
        // tests/cli/compare.rs; here a file is set aside, so no comparison is a success.
        "brigade_verify_last_success_timestamp_seconds",
        "brigade_verify_rows",
    ];

    struct World {
        s3: SandboxS3,
        kinesis: SandboxKinesis,
        proxy: FaultProxy,
        _folder: tempfile::TempDir,
    }

    /// A bucket with files, good and bad, and a stream that refuses some records and does not answer to some requests.
    async fn world() -> World {
        let folder = tempfile::tempdir().unwrap();
        let s3 = SandboxS3::start(folder.path()).await.unwrap();
        s3.create_bucket(BUCKET).await.unwrap();
        for file in 0..4 {
            let mut text = String::new();
            for row in file * FILE_ROWS..(file + 1) * FILE_ROWS {
                writeln!(text, "{row},{row}.00,some text that is not too short").unwrap();
            }
            put(&s3, &format!("shop/orders/LOAD{file}.csv"), &text).await;
        }
        put(&s3, "cdc/_SUCCESS", "").await;
        put(&s3, "cdc/a.csv.gz", "this is not gzip").await;
        put(
            &s3,
            "cdc/b.csv",
            "INSERT,orders,shop,not a number,1.00,bad\nINSERT,orders,shop,90001,-1.00,left out\n",
        )
        .await;
        let kinesis = SandboxKinesis::start(ShardLimits::Enforced).await.unwrap();
        kinesis.create_stream(STREAM, 2).await.unwrap();
        let rates = FaultRates {
            throttle: 2,
            swallow: 5,
            ..FaultRates::default()
        };
        let plan = FaultPlan { rates, seed: 7 };
        let proxy = FaultProxy::start(&kinesis.endpoint(), plan).await.unwrap();
        World {
            s3,
            kinesis,
            proxy,
            _folder: folder,
        }
    }

    async fn put(s3: &SandboxS3, key: &str, text: &str) {
        s3.put(BUCKET, key, text.to_owned().into()).await.unwrap();
    }

    /// A task from the bucket to the stream. Rows with a negative amount are left out.
    fn configure(task: &TaskFolder, world: &World, listen: &str) {
        task.write(
            "mappings.json",
            r#"{"rules": [{"rule-type": "selection", "rule-id": 1, "rule-name": "1", "rule-action": "include",
            "object-locator": {"schema-name": "shop", "table-name": "orders"},
            "filters": [{"filter-type": "source", "column-name": "amount",
            "filter-conditions": [{"filter-operator": "gte", "value": "0"}]}]}]}"#,
        );
        let (s3, kinesis) = (world.s3.endpoint(), world.proxy.endpoint());
        task.write(
            "brigade.yaml",
            &format!(
                "version: 1\ntask: orders\nmigration_type: full-load-and-cdc\nsource:\n  s3:\n    bucket: {BUCKET}\n    \
                 cdc_path: cdc\n    region: eu-west-1\n    endpoint: \"{s3}\"\n    path_style: true\n  \
                 tables: ./table-definition.json\n  poll_interval: 100ms\ntable_mappings: ./mappings.json\ntarget:\n  \
                 kinesis:\n    stream: {STREAM}\n    region: eu-west-1\n    endpoint: \"{kinesis}\"\n    \
                 message_format: json-unformatted\n    delivery: dedupe\n    settle: 500ms\nerrors:\n  \
                 dead_letters: ./dead-letters\nstate:\n  sled:\n    path: ./state\n  commit_interval: 200ms\n\
                 limits: {{ row: 256KiB, in_flight: 1MiB }}\napi: {{ listen: \"{listen}\" }}\n"
            ),
        );
    }

    /// The greatest amount that each family was seen with.
    fn note(most: &mut BTreeMap<String, f64>, text: &str) {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        for line in samples {
            let name = line.split(['{', ' ']).next().unwrap();
            let value: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
            let name = name.strip_suffix("_count").unwrap_or(name);
            let known = most.entry(name.to_owned()).or_default();
            *known = known.max(value.abs());
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn every_metric_moves_in_one_run() {
        let (world, task, address) = (
            world().await,
            TaskFolder::new(&Settings::default()),
            free_address(),
        );
        configure(&task, &world, &address.to_string());
        let mut command = task.command(&["run"]);
        command.envs(child_environment());
        let mut running = TaskFolder::start_command(command);
        let (mut most, mut text, mut is_resharded) = (BTreeMap::new(), String::new(), false);
        let delivered = |text: &str| metric(text, "brigade_rows_delivered_total{");
        let rows = u64::from(FILE_ROWS) * 4;
        let begun = tokio::time::Instant::now();
        let is_done = |text: &str| {
            // With the control records of the table; the row that is bad, and the one that is left out.
            let (dead, filtered) = (
                "brigade_rows_dead_lettered_total{",
                "brigade_rows_filtered_total{",
            );
            delivered(text) >= rows + 2 && metric(text, dead) == 1 && metric(text, filtered) == 1
        };
        while !(is_resharded && is_done(&text)) {
            assert!(begun.elapsed().as_secs() < 90, "it takes too long: {text}");
            if let Some((_, answer)) = ask(address, "/metrics") {
                note(&mut most, &answer);
                text = answer;
            }
            if !is_resharded && delivered(&text) > rows / 2 {
                is_resharded = true;
                let client = world.kinesis.client();
                let mut rng = StdRng::seed_from_u64(7);
                reshard(client, STREAM, ReshardStep::Split, &mut rng)
                    .await
                    .unwrap();
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        running.terminate();
        running.exit_code();
        let names = METRICS.iter().map(|metric| metric.prometheus_name());
        let wrong = names.filter(|name| {
            let has_moved = most.get(name).copied().unwrap_or(0.0) > 0.0;
            has_moved == ELSEWHERE.contains(&name.as_str())
        });
        let wrong: Vec<_> = wrong.collect();
        assert!(wrong.is_empty(), "{wrong:?} of {most:#?}");
    }
}
