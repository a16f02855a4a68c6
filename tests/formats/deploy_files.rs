//! Files to deploy beside brigade say what is true: they parse, and ask for metrics that there are, with labels that they
//! have.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bucket_brigade::observe::metrics::catalog::{Kind, METRICS, Metric};
use granit_parser::Parser;
use serde_json::Value;

/// Labels that every sample has, or that Prometheus gives it.
const COMMON: [&str; 7] = [
    "task",
    "job",
    "instance",
    "le",
    "severity",
    "alertname",
    "alertstate",
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The metrics of a text, each with the names of the labels in the braces behind it.
fn asked(text: &str) -> Vec<(&'static Metric, BTreeSet<String>)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut asked = Vec::new();
    let mut rest = text;
    while let Some(begin) = ["brigade_", "process_"]
        .iter()
        .filter_map(|prefix| rest.find(prefix))
        .min()
    {
        let is_inside = rest[..begin].chars().next_back().is_some_and(is_name);
        let after = &rest[begin..];
        let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
        let (name, behind) = after.split_at(end);
        rest = behind;
        if is_inside || ["processors"].contains(&name) {
            continue;
        }
        let metric = metric(name).unwrap_or_else(|| panic!("there is no {name}"));
        let labels = behind.strip_prefix('{').and_then(|labels| labels.split_once('}'));
        let labels = labels.map(|(labels, _)| names(labels)).unwrap_or_default();
        asked.push((metric, labels));
    }
    asked
}

/// Names before `=`, `!=` and `=~`, outside quotes.
fn names(labels: &str) -> BTreeSet<String> {
    let outside = labels.split('"').step_by(2);
    let names = outside.filter_map(|text| {
        let name = text.trim_start_matches([',', ' ']).split(['=', '!']).next()?;
        let name = name.trim().trim_end_matches('\\');
        (!name.is_empty()).then(|| name.to_owned())
    });
    names.collect()
}

fn metric(name: &str) -> Option<&'static Metric> {
    METRICS.iter().copied().find(|metric| {
        let own = metric.prometheus_name();
        let parts = ["_bucket", "_sum", "_count"];
        match metric.kind {
            Kind::Histogram => parts
                .iter()
                .any(|part| name.strip_suffix(part) == Some(own.as_str())),
            Kind::Counter | Kind::Gauge => name == own,
        }
    })
}

fn has(metric: &Metric, label: &str) -> bool {
    metric.labels.contains(&label) || COMMON.contains(&label)
}

/// Labels that an expression groups by, or that a legend names.
fn grouped(text: &str, before: &str, after: char) -> Vec<String> {
    let parts = text.split(before).skip(1);
    let lists = parts.filter_map(|part| part.split_once(after));
    let labels = lists.flat_map(|(list, _)| list.split(',').map(|label| label.trim().to_owned()));
    labels.collect()
}

fn check(place: &str, expression: &str, legend: &str) -> usize {
    let asked = asked(expression);
    for (metric, labels) in &asked {
        for label in labels {
            assert!(
                has(metric, label),
                "{place}: {} has no label {label}",
                metric.name
            );
        }
    }
    let mut used = grouped(expression, "by (", ')');
    used.extend(grouped(legend, "{{", '}'));
    for label in used {
        let is_there = asked.iter().any(|(metric, _)| has(metric, &label));
        assert!(is_there, "{place}: nothing in {expression} has the label {label}");
    }
    asked.len()
}

/// Every object with an expression, below a value.
fn expressions<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(members) => {
            if members.contains_key("expr") {
                found.push(value);
            }
            members.values().for_each(|member| expressions(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_file_parses_and_asks_for_metrics_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let files = files(&root);
    let mut counts = Vec::new();
    for path in &files {
        let (place, text) = (path.display().to_string(), fs::read_to_string(path).unwrap());
        let count = match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => {
                let document: Value =
                    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{place}: {error}"));
                let mut found = Vec::new();
                expressions(&document, &mut found);
                let text_of = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
                for value in &found {
                    let legend = text_of(value, "legendFormat") + &text_of(value, "titleFormat");
                    check(&place, &text_of(value, "expr"), &legend);
                }
                asked(&text).len()
            }
            Some("yaml") => {
                for event in Parser::new_from_str(&text) {
                    event.unwrap_or_else(|error| panic!("{place}: {error}"));
                }
                check(&place, &text, "")
            }
            // Judged where systemd is.
            Some("service") => continue,
            other => panic!("{place}: what is {other:?}?"),
        };
        counts.push((place, count));
    }
    for (name, least) in [
        ("alerts.yaml", 18),
        ("alerts_test.yaml", 40),
        ("brigade.json", 45),
        ("agent.json", 9),
    ] {
        let found = counts.iter().find(|(place, _)| place.ends_with(name));
        assert!(
            found.is_some_and(|(_, count)| *count >= least),
            "{name}: {counts:?}"
        );
    }
}

#[test]
fn the_dashboard_shows_most_of_the_metrics() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/grafana/brigade.json");
    let text = fs::read_to_string(path).unwrap();
    let shown: BTreeSet<_> = asked(&text).iter().map(|(metric, _)| metric.name).collect();
    let left_out = METRICS.iter().filter(|metric| !shown.contains(metric.name));
    let left_out: Vec<_> = left_out.map(|metric| metric.name).collect();
    assert!(left_out.len() <= 8, "{left_out:?}");
}

#[test]
fn a_metric_that_is_none_and_a_label_that_is_none_are_found() {
    assert_eq!(
        check(
            "here",
            "sum by (table) (brigade_rows_read_total{task=\"a\"})",
            "{{table}}"
        ),
        1
    );
    for (expression, legend) in [
        ("brigade_rows_total", ""),
        ("brigade_freshness_seconds", ""),
        ("brigade_rows_read_total{shard=\"1\"}", ""),
        ("sum by (shard) (brigade_rows_read_total)", ""),
        ("brigade_rows_read_total", "{{shard}}"),
    ] {
        let found = std::panic::catch_unwind(|| check("here", expression, legend));
        assert!(found.is_err(), "{expression} {legend}");
    }
}
