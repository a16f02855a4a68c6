//! Tests of the configuration in force.

use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::config::tests::{Fixed, SMALL, TABLES};
use crate::config::{load_str, reference};
use crate::settings::ConfigProblems;

const TOKEN: &str = "a-token-of-16-letters";

fn load(text: &str, settings: &str) -> Result<Effective, ConfigProblems> {
    let environment = Fixed::new(
        &[
            ("STREAM", "from-outside"),
            ("N", "3"),
            ("EMPTY", ""),
            ("TOKEN", TOKEN),
        ],
        &[
            ("/conf/t.json", TABLES),
            ("/conf/settings.json", settings),
            ("/run/secrets/token", TOKEN),
            ("/run/region", "eu-west-1\n"),
        ],
    );
    let loaded = load_str(text, Path::new("/conf/brigade.yaml"), &environment)?;
    Ok(loaded.effective)
}

fn effective(text: &str) -> Effective {
    load(text, "{}").unwrap_or_else(|problems| panic!("{problems}"))
}

/// The small document with a part of it replaced.
fn with(from: &str, to: &str) -> Effective {
    assert!(SMALL.contains(from), "{from}");
    effective(&SMALL.replace(from, to))
}

fn find<'a>(effective: &'a Effective, key: &str) -> Option<&'a EffectiveValue> {
    let mut values = effective.values.iter();
    let found = values.find(|value| value.key == key);
    assert!(values.all(|value| value.key != key), "{key} is there once");
    found
}

/// Value and origin of a key, as people see them.
#[track_caller]
fn check(effective: &Effective, key: &str, value: &str, origin: &str) {
    let found = find(effective, key).unwrap_or_else(|| panic!("{key} is missing: {effective:#?}"));
    let shown = (found.value.to_string(), found.origin.to_string());
    assert_eq!(shown, (value.to_owned(), origin.to_owned()), "{key}");
}

fn json_of(effective: &Effective, key: &str) -> Value {
    serde_json::to_value(find(effective, key).unwrap()).unwrap()
}

#[test]
fn a_value_of_the_file_has_its_place_and_a_default_has_none() {
    let small = effective(SMALL);
    assert_eq!(small.task, "orders");
    check(&small, "task", "orders", "/conf/brigade.yaml:2:7");
    check(
        &small,
        "source.s3.bucket",
        "blog-source",
        "/conf/brigade.yaml:5:17",
    );
    check(&small, "source.s3.requester_pays", "false", "default");
    check(&small, "source.poll_interval", "5s", "default");
    check(&small, "limits.in_flight", "64MiB", "default");
    check(&small, "limits.restarts", "5", "default");
    check(&small, "source.csv.row_delimiter", r#""\n""#, "default");
    check(&small, "source.csv.null_value", "\"\"", "default");
    check(&small, "target.kinesis.pace", "service", "default");
    assert_eq!(
        json_of(&small, "source.s3.bucket"),
        json!({"key": "source.s3.bucket", "value": "blog-source",
               "origin": {"kind": "file", "file": "/conf/brigade.yaml", "line": 5, "column": 17}})
    );
    assert_eq!(
        json_of(&small, "limits.restarts"),
        json!({"key": "limits.restarts", "value": 5, "origin": {"kind": "default"}})
    );
}

#[test]
fn what_is_not_set_is_left_out() {
    let small = effective(SMALL);
    for key in [
        "source.s3.region",
        "source.local.directory",
        "target.ndjson.path",
        "stop.at",
        "api.token",
        "limits.outage_patience",
        "source.files.changes.recursive",
    ] {
        assert_eq!(find(&small, key), None, "{key}");
    }
    // An unset variable gives an empty text, which is nothing.
    let empty = with("target:", "api: { token: \"${EMPTY}\" }\ntarget:");
    assert_eq!(find(&empty, "api.token"), None);
}

#[test]
fn a_value_from_outside_names_what_it_is_from() {
    let text = SMALL
        .replace("stream: orders", "stream: \"${STREAM}\", region: \"${file:/run/region}\"")
        .replace(
            "  tables:",
            "  files: { include: [\"${STREAM}\", \"*.csv\", \"${N}-${STREAM}\"] }\n  poll_interval: \"${NOT_SET:-7s}\"\n  tables:",
        )
        .replace("target:", "limits: { restarts: \"${N}\" }\ntarget:");
    let filled = effective(&text);
    check(
        &filled,
        "target.kinesis.stream",
        "from-outside",
        "environment variable STREAM (/conf/brigade.yaml:11:22)",
    );
    check(
        &filled,
        "target.kinesis.region",
        "eu-west-1",
        "file /run/region (/conf/brigade.yaml:11:43)",
    );
    check(
        &filled,
        "limits.restarts",
        "3",
        "environment variable N (/conf/brigade.yaml:9:21)",
    );
    // The default of a variable that is not set stands in the file.
    check(&filled, "source.poll_interval", "7s", "/conf/brigade.yaml:7:18");
    check(
        &filled,
        "source.files.include",
        r#"["from-outside", "*.csv", "3-from-outside"]"#,
        "environment variable STREAM, environment variable N (/conf/brigade.yaml:6:21)",
    );
    assert_eq!(
        json_of(&filled, "source.files.include")["origin"],
        json!({"kind": "environment", "name": "STREAM", "file": "/conf/brigade.yaml", "line": 6, "column": 21,
               "also": [{"kind": "environment", "name": "N"}]})
    );
    assert_eq!(
        json_of(&filled, "target.kinesis.region")["origin"]["kind"],
        "file_content"
    );
}

#[test]
fn a_secret_is_masked_wherever_it_is_from() {
    for (written, origin) in [
        (TOKEN, "/conf/brigade.yaml:7:15"),
        (
            "\"${TOKEN}\"",
            "environment variable TOKEN (/conf/brigade.yaml:7:15)",
        ),
        ("\"${NOT_SET:-a-token-of-16-letters}\"", "/conf/brigade.yaml:7:15"),
        (
            "\"${file:/run/secrets/token}\"",
            "file /run/secrets/token (/conf/brigade.yaml:7:15)",
        ),
    ] {
        let masked = with("target:", &format!("api: {{ token: {written} }}\ntarget:"));
        check(&masked, "api.token", "***", origin);
        assert_eq!(json_of(&masked, "api.token")["value"], "***");
        let whole = serde_json::to_string(&masked.values).unwrap();
        assert!(
            !whole.contains(TOKEN) && !format!("{masked:?}").contains(TOKEN),
            "{written}"
        );
    }
}

#[test]
fn a_secret_that_is_not_allowed_is_not_in_the_problem() {
    for (wrong, secret, expected) in [
        ("too-short", "too-short", "which is not allowed"),
        ("\"a secret with blanks\"", "secret with", "which is not allowed"),
        ("1234567", "1234567", "which is not text"),
        ("[a-secret]", "a-secret", "which is not a single value"),
        ("{ a: b-secret }", "b-secret", "which is not a single value"),
        ("\"${TOKEN-a-secret}\"", "a-secret", "which has a `${…}`"),
        (
            "\"${NOPE:-a-secret\\n}\"",
            "a-secret",
            "which takes control characters",
        ),
        (
            "\"${STREAM}\"",
            "from-outside",
            "which is not allowed once it is filled in",
        ),
        (
            "\"${NOT_SET}\"",
            "too-short",
            "which needs the environment variable NOT_SET",
        ),
        (
            "\"${file:/run/none}\"",
            "too-short",
            "which needs the file \"/run/none\"",
        ),
    ] {
        let text = SMALL.replace("target:", &format!("api: {{ token: {wrong} }}\ntarget:"));
        let problems = load(&text, "{}").unwrap_err().to_string();
        let expected = format!("`api.token` has a value (not shown), {expected}");
        assert!(problems.contains(&expected), "{wrong}: {problems}");
        assert!(!problems.contains(secret), "{wrong}: {problems}");
    }
}

#[test]
fn a_value_of_the_task_settings_names_its_member() {
    let settings = "{\"FullLoadSettings\":\n  {\"MaxFullLoadSubTasks\": 3},\n \"ErrorBehavior\": {\"DataErrorPolicy\": \"SUSPEND_TABLE\"}}";
    let text = format!("{SMALL}task_settings: ./settings.json\nerrors: {{ data_error_policy: STOP_TASK }}\n");
    let effective = load(&text, settings).unwrap_or_else(|problems| panic!("{problems}"));
    check(
        &effective,
        "limits.files_in_parallel",
        "3",
        "task settings FullLoadSettings.MaxFullLoadSubTasks (/conf/settings.json:2:27)",
    );
    // What the configuration says wins.
    check(
        &effective,
        "errors.data_error_policy",
        "STOP_TASK",
        "/conf/brigade.yaml:10:30",
    );
}

#[test]
fn an_option_takes_the_place_of_a_value_or_its_own() {
    let mut small = effective(SMALL);
    let count = small.values.len();
    small.set_by_option("stop.at", "2026-11-23T20:00:00Z", "--stop-at");
    small.set_by_option("stop.at", "2027-11-23T20:00:00Z", "--stop-at");
    check(&small, "stop.at", "2027-11-23T20:00:00Z", "option --stop-at");
    assert_eq!(small.values.len(), count + 1);
    let keys: Vec<_> = small.values.iter().map(|value| value.key.as_str()).collect();
    let at = keys.iter().position(|key| *key == "stop.at").unwrap();
    assert_eq!(keys[at + 1], "stop.after");
}

#[test]
fn names_of_ones_own_are_keys() {
    let files = "  files: { tables: { s.t: { recursive: false } } }\n  tables:";
    let named = with("  tables:", files);
    check(
        &named,
        "source.files.tables.s.t.recursive",
        "false",
        "/conf/brigade.yaml:6:40",
    );
    let pace = "stream: orders, pace: { records_per_second: 3, bytes_per_second: 4KiB }";
    let own = with("stream: orders", pace);
    check(
        &own,
        "target.kinesis.pace.bytes_per_second",
        "4KiB",
        "/conf/brigade.yaml:8:79",
    );
    assert_eq!(find(&own, "target.kinesis.pace"), None);
}

/// What is shown as in force says the same if it is written into a configuration.
#[test]
fn every_key_that_a_configuration_sets_is_there_as_it_was_written() {
    let text = reference().replace("./sample/table-definition.json", "./t.json");
    let whole = effective(&text);
    let mut again = serde_json::Map::new();
    for value in &whole.values {
        let mut group = &mut again;
        let names: Vec<_> = value.key.split('.').collect();
        let (name, above) = names.split_last().unwrap();
        for name in above {
            let below = group.entry(*name).or_insert_with(|| json!({}));
            group = below.as_object_mut().unwrap();
        }
        group.insert((*name).to_owned(), serde_json::to_value(&value.value).unwrap());
    }
    let text = serde_json::to_string(&again).unwrap();
    let second = effective(&text);
    let shown = |effective: &Effective| {
        let values = effective.values.iter();
        values
            .map(|value| (value.key.clone(), value.value.to_string()))
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(&second), shown(&whole));
    assert!(whole.values.len() > 60, "{}", whole.values.len());
}
