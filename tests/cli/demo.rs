//! `brigade demo` as a user runs it: a process, its exit code, its verdict.
#![cfg(feature = "sandbox")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Runs the demo with a temporary folder of its own, which must be empty afterwards.
fn demo(arguments: &[&str]) -> Output {
    let temporary = tempfile::tempdir().unwrap();
    let output = demo_in(temporary.path(), arguments);
    let left: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    output
}

fn demo_in(temporary: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_brigade"))
        .args(["demo", "--output", "json"])
        .args(arguments)
        .env("TMPDIR", temporary)
        .output()
        .unwrap()
}

fn report(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

#[test]
fn demo_delivers_every_row_once_and_in_order() {
    let output = demo(&["--rows", "9000", "--seed", "7"]);
    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    let verdict = &report["verdict"];
    assert_eq!(
        (&verdict["rows_in"], &verdict["records_out"]),
        (&9_000.into(), &9_000.into())
    );
    for count in [
        "missing",
        "repeated",
        "wrong",
        "foreign",
        "out_of_order_by_key",
        "out_of_order_by_shard",
    ] {
        assert_eq!(verdict[count], 0, "{count}");
    }
}

#[test]
fn demo_with_kills_loses_nothing_and_repeats_nothing() {
    let output = demo(&["--crash", "--kills", "3", "--rows", "60000", "--seed", "7"]);
    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    let kills = report["kills"].as_array().unwrap();
    assert!(!kills.is_empty(), "nothing was killed");
    assert_eq!(report["verdict"]["missing"], 0);
    assert_eq!(report["verdict"]["repeated"], 0);
    check_found(&report);
}

/// What the engine says it found, and what the windows say, which are measured at the server and in the checkpoint:
/// behind the last kill nothing interrupts it, so it has to find the whole window.
fn check_found(report: &Value) {
    let number = |value: &Value, path| value.pointer(path).and_then(Value::as_u64).unwrap();
    let kills = report.pointer("/kills").and_then(Value::as_array).unwrap();
    let windows: Vec<_> = kills.iter().map(|kill| number(kill, "/window")).collect();
    let recovered: Vec<_> = kills.iter().map(|kill| number(kill, "/recovered")).collect();
    let total = number(report, "/found/recovered");
    assert!(total > 0, "{report:#}");
    assert_eq!(recovered.iter().sum::<u64>(), total, "{report:#}");
    assert_eq!(recovered.last(), windows.last(), "{report:#}");
    let mut both = recovered.iter().zip(&windows);
    assert!(both.all(|(recovered, window)| recovered <= window), "{report:#}");
    assert_eq!(
        number(report, "/found/unanswered"),
        0,
        "every request was answered"
    );
}

#[test]
fn demo_with_kills_and_aggregated_records_loses_and_repeats_nothing_either() {
    let arguments = ["--crash", "--kills", "3", "--rows", "60000", "--seed", "7"];
    let output = demo(&[arguments.as_slice(), &["--aggregation", "kpl"]].concat());
    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    let verdict = &report["verdict"];
    assert_eq!(verdict["records_out"], 60_000, "{verdict:#}");
    assert_eq!(
        (&verdict["missing"], &verdict["repeated"]),
        (&0.into(), &0.into())
    );
    let requests = report["faults"]["requests"].as_u64().unwrap();
    assert!(
        (1..600).contains(&requests),
        "100 rows a request at least: {requests}"
    );
    check_found(&report);
}

#[test]
fn demo_with_kills_repeats_only_the_window_where_repeats_are_allowed() {
    let arguments = ["--crash", "--kills", "3", "--rows", "60000", "--seed", "7"];
    let output = demo(&[arguments.as_slice(), &["--delivery", "at_least_once"]].concat());
    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    let kills = report["kills"].as_array().unwrap();
    let window: u64 = kills.iter().map(|kill| kill["window"].as_u64().unwrap()).sum();
    assert!(window > 0, "{report:#}");
    assert!(
        report["verdict"]["repeated"].as_u64().unwrap() <= window,
        "{report:#}"
    );
    assert_eq!(report["verdict"]["missing"], 0);
}

#[test]
fn demo_with_faults_repeats_only_what_had_been_overtaken() {
    let arguments = [
        "--rows",
        "20000",
        "--seed",
        "7",
        "--throttle",
        "10",
        "--swallow",
        "5",
        "--lose",
        "2",
    ];
    let output = demo(&arguments);
    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!(report["verdict"]["missing"], 0);
    let fault = |name: &str| report["faults"][name].as_u64().unwrap();
    assert_eq!(
        report["allowance"]["repeats_max"],
        fault("stored_behind_refused_of_key") + fault("untold_behind_refused_of_key")
    );
    for name in ["throttled_records", "swallowed_requests", "lost_requests"] {
        assert!(fault(name) > 0, "{name}: {report:#}");
    }
    assert_eq!(report["allowance"]["file_order"], "per_key");
}

#[test]
fn a_planted_fault_fails_the_verdict_and_the_process() {
    for (fault, count) in [
        ("drop-row", "missing"),
        ("repeat-row", "repeated"),
        ("swap-rows", "out_of_order_by_key"),
    ] {
        let temporary = tempfile::tempdir().unwrap();
        let output = demo_in(
            temporary.path(),
            &["--rows", "900", "--seed", "7", "--plant", fault],
        );
        let kept: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().collect();
        let [Ok(kept)] = kept.as_slice() else {
            panic!("{kept:?}");
        };
        let records = std::fs::read_to_string(kept.path().join("records.jsonl")).unwrap();
        assert!(records.lines().count() >= 900, "{fault}");
        let kept_report = std::fs::read(kept.path().join("report.json")).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&kept_report).unwrap()["passed"],
            false
        );
        let report = report(&output);
        assert_eq!(output.status.code(), Some(1), "{fault}: {report:#}");
        assert_eq!(report["passed"], false);
        assert_eq!(report["verdict"][count], 1, "{fault}");
    }
}
