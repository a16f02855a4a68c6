//! Tests of the whole way from text to configuration, and what other tests of this folder share.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;

use super::keys::Kind;
use super::*;
use crate::settings::{ConfigProblems, CsvDialect, Ordering, OtlpConfig, Pace, Problem, RestartDelays};

/// An environment of fixed variables and files.
#[derive(Debug, Default)]
pub(super) struct Fixed {
    variables: BTreeMap<String, String>,
    files: BTreeMap<PathBuf, String>,
}

impl Fixed {
    pub(super) fn new(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Self {
        Self {
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            files: files
                .iter()
                .map(|(path, text)| ((*path).into(), (*text).into()))
                .collect(),
        }
    }
}

impl Environment for Fixed {
    fn variable(&self, name: &str) -> Result<Option<String>, OsString> {
        Ok(self.variables.get(name).cloned())
    }

    fn read_file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let text = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(text.clone().into_bytes())
    }
}

pub(super) const TABLES: &str = r#"{"TableCount":"1","Tables":[{"TableName":"t","TablePath":"s/t/","TableOwner":"s",
"TableColumns":[{"ColumnName":"id","ColumnType":"INT8","ColumnIsPk":"true"},
{"ColumnName":"x","ColumnType":"STRING","ColumnLength":"5","ColumnNullable":"true"}],"TableColumnsTotal":"2"}]}"#;

pub(super) const SMALL: &str = "\
version: 1
task: orders
migration_type: full-load-and-cdc
source:
  s3: { bucket: blog-source, cdc_path: /cdc }
  tables: ./t.json
target:
  kinesis: { stream: orders }
";

pub(super) fn load_text(text: &str) -> Result<Loaded, ConfigProblems> {
    let environment = Fixed::new(
        &[
            ("STREAM", "from-outside"),
            ("N", "3"),
            ("SECRET_BAD", "top secret"),
        ],
        &[("/conf/t.json", TABLES)],
    );
    load_str(text, Path::new("/conf/brigade.yaml"), &environment)
}

pub(crate) fn loaded() -> Config {
    load_text(SMALL).unwrap().config
}

/// The small document with a part of it replaced.
pub(crate) fn loaded_with(from: &str, to: &str) -> Config {
    assert!(SMALL.contains(from), "{from}");
    let loaded = load_text(&SMALL.replace(from, to));
    loaded.unwrap_or_else(|problems| panic!("{problems}")).config
}

fn problems(text: &str) -> Vec<String> {
    match load_text(text) {
        Ok(loaded) => loaded.warnings.iter().map(ToString::to_string).collect(),
        Err(ConfigProblems(problems)) => problems.iter().map(ToString::to_string).collect(),
    }
}

/// The one problem that a change to the small document makes contains this text.
pub(super) fn check(from: &str, to: &str, expected: &str) {
    assert!(SMALL.contains(from), "{from}");
    let found = problems(&SMALL.replace(from, to));
    assert_eq!(found.len(), 1, "{to}: {found:#?}");
    assert!(found[0].contains(expected), "{to}: {found:#?}");
}

#[test]
fn a_small_document_gets_every_default() {
    let Loaded { config, warnings, .. } = load_text(SMALL).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.source.cdc_path.as_deref(), Some("cdc/"));
    assert_eq!(config.source.csv, CsvDialect::default());
    assert_eq!(config.message, MessageConfig::default());
    assert_eq!(config.source.poll_interval, Duration::from_secs(5));
    assert_eq!(config.source.full_listing_interval, Duration::from_mins(1));
    assert_eq!(config.delivery.pace, Pace::Service);
    assert_eq!(config.delivery.ordering, Ordering::Final);
    assert_eq!(config.delivery.linger, Duration::from_millis(100));
    assert_eq!(config.errors.dead_letters, Path::new("/conf/state/dead-letters"));
    assert_eq!(config.state.path, Path::new("/conf/state"));
    assert_eq!(config.state.commit_interval, Duration::from_secs(1));
    assert_eq!(
        config.limits,
        LimitsConfig {
            in_flight_bytes: 64 << 20,
            files_in_parallel: 8,
            row_bytes_max: 1 << 20,
            drain_timeout: Duration::from_secs(30),
            outage_patience: None,
            hang_timeout: Duration::from_mins(1),
            restarts_max: 5,
            restart: RestartDelays::default(),
        }
    );
    assert_eq!((config.otlp_endpoint, config.otlp), (None, OtlpConfig::default()));
    assert_eq!(config.tables.len(), 1);
}

#[test]
fn ndjson_needs_no_pace() {
    let text = SMALL.replace("kinesis: { stream: orders }", "ndjson: { path: ./out }");
    let config = load_text(&text).unwrap().config;
    assert_eq!(config.delivery.pace, Pace::Off);
    assert_eq!(
        config.target,
        TargetConfig::Ndjson {
            path: "/conf/out".into(),
            shards: 1
        }
    );
}

#[test]
fn a_separator_means_the_same_in_both_spellings() {
    for text in [
        "csv: { delimiter: \"\\t\" }",
        "csv: { delimiter: '\\t' }",
        "csv: { delimiter: '\\u0009' }",
    ] {
        let config = load_text(&SMALL.replace("  tables:", &format!("  {text}\n  tables:")))
            .unwrap()
            .config;
        assert_eq!(config.source.csv.delimiter, b"\t", "{text}");
    }
}

#[test]
fn values_from_outside_are_filled_in_and_typed_by_their_key() {
    let text = SMALL
        .replace("stream: orders", "stream: \"${STREAM}\"")
        .replace("target:", "limits: { restarts: \"${N}\" }\ntarget:");
    let config = load_text(&text).unwrap().config;
    assert_eq!(config.limits.restarts_max, 3);
    assert!(matches!(config.target, TargetConfig::Kinesis { stream, .. } if stream == "from-outside"));
}

#[test]
fn each_wrong_value_is_named_with_its_cure() {
    let stream =
        |more: &str, expected: &str| check("stream: orders", &format!("stream: orders, {more}"), expected);
    check(
        "task: orders",
        "task: a b",
        "brigade.yaml:2:7: error: `task` is the text \"a b\"",
    );
    check(
        "task: orders\n",
        "",
        "`task` is missing; add it, for example `task: orders`",
    );
    check("version: 1", "version: 2", "allowed: 1");
    check("full-load-and-cdc", "cdcc", "did you mean `cdc`?");
    check(
        "bucket: b",
        "buket: b, bucket: b",
        "`source.s3.buket` is unknown; did you mean `bucket`?",
    );
    check(
        "stream: orders",
        "stream: \"${NOPE}\"",
        "environment variable NOPE",
    );
    check(
        "./t.json",
        "./missing.json",
        "/conf/missing.json: error: cannot be read",
    );
    stream("linger: 30", "has no unit");
    stream("poll_interval: 3s", "it belongs at `source.poll_interval`");
    check(
        "target:",
        "state: { path: x }\ntarget:",
        "it belongs at `state.sled.path`",
    );
    check("target:", "limits: 5\ntarget:", "which is not a group of keys");
    stream("ordering: strickt", "did you mean `strict`?");
    stream("ordering: strict", "all changes of s.t share one key");
    stream("control_records: yes", "only `true` and `false`");
    stream(
        "pace: fast",
        "`target.kinesis.pace` is the text \"fast\", which is not known",
    );
    stream(
        "pace: { records_per_second: 5 }",
        "`target.kinesis.pace.bytes_per_second` is missing",
    );
    stream("secret_access_key: x", "provider chain");
    let owner = "blog-source, expected_bucket_owner: 123456789012,";
    check("blog-source,", owner, "put it in quotes");
}

#[test]
fn each_contradiction_is_named_with_its_cure() {
    let csv =
        |csv: &str, expected: &str| check("  tables:", &format!("  csv: {{ {csv} }}\n  tables:"), expected);
    check(
        "  s3: {",
        "  local: { directory: a }\n  s3: {",
        "give exactly one of",
    );
    check(", cdc_path: /cdc", "", "`source.s3.cdc_path` is missing");
    check(
        "cdc_path: /cdc",
        "cdc_path: 7",
        "`source.s3.cdc_path` is the number `7`",
    );
    check("cdc_path: /cdc", "cdc_path: //", "names no folder");
    check("cdc_path: /cdc", "cdc_path: /s", "lie within one another");
    check(
        "cdc_path: /cdc",
        "cdc_path: s/t/changes",
        "lie within one another",
    );
    check(
        "full-load-and-cdc",
        "full-load",
        "warning: `source.s3.cdc_path` has no effect",
    );
    check(
        "target:",
        "limits: { in_flight: 1MiB }\ntarget:",
        "less than twice `limits.row`",
    );
    let short = "  full_listing_interval: 1s\n  tables:";
    check("  tables:", short, "shorter than `source.poll_interval`");
    csv("null_value: \"\\N\"", "U+0085");
    csv("null_value: null", "a literal null needs quotes");
    csv("null_value: 'a,b'", "no field could ever be equal to it");
    csv("delimiter: \"\\n\"", "contain one another");
    csv("delimiter: '\"'", "a delimiter contains the quote");
    csv("quote: ','", "a delimiter contains the quote");
    csv("escape: ','", "a delimiter contains `source.csv.escape`");
    csv("quote: '||'", "`source.csv.quote` must be one ASCII character");
    csv("quote: ''", "`source.csv.quote` is empty; for files without");
    csv("quote: 'q'", "and not a letter, a digit");
    csv("escape: 'ü'", "`source.csv.escape` must be one ASCII character");
    csv("encoding: utf-17", "`utf-17`, which is not known");
    let fast = "stream: orders, pace: { records_per_second: 5000, bytes_per_second: 1MiB }";
    check(
        "stream: orders",
        fast,
        "warning: `pace.records_per_second` is above",
    );
}

#[test]
fn output_is_not_written_where_input_is_read() {
    let text = |path: &str| {
        SMALL
            .replace("s3: { bucket: blog-source,", "local: { directory: ./data,")
            .replace(
                "kinesis: { stream: orders }",
                &format!("ndjson: {{ path: {path} }}"),
            )
    };
    for path in ["./data/s/t/out", "./data/cdc", "./data/cdc/out/"] {
        let found = problems(&text(path));
        assert_eq!(found.len(), 1, "{path}: {found:#?}");
        assert!(found[0].contains("could be read as input"), "{found:#?}");
    }
    // Only the folders of tables and changes are read.
    for path in ["./data/out", "./data", "./out"] {
        assert!(load_text(&text(path)).is_ok(), "{path}");
    }
}

#[test]
fn five_mistakes_are_five_messages_with_their_places() {
    let text = "\
version: 1
task: orders
migration_type: full_load
source:
  s3: { buckett: b, bucket: blog-source, cdc_path: cdc }
  tables: ./t.json
  poll_interval: 5
target:
  kinesis:
    linger: 5s
    request_timeout: 2h
";
    assert_eq!(
        problems(text),
        [
            "/conf/brigade.yaml:3:17: error: `migration_type` is the text \"full_load\", which is not known; did you \
             mean `full-load`?; allowed: full-load | cdc | full-load-and-cdc",
            "/conf/brigade.yaml:5:9: error: `source.s3.buckett` is unknown; did you mean `bucket`?",
            "/conf/brigade.yaml:7:18: error: `source.poll_interval` is the number `5`, which has no unit; write one \
            of `ms`, `s`, `m`, `h` right after the number, for example `5s`; allowed: 100ms to 1h",
            "/conf/brigade.yaml:9:3: error: `target.kinesis.stream` is missing; add it, for example `stream: orders`. \
             Name of the stream. One of another account is given by its ARN, which names its region as well.",
            "/conf/brigade.yaml:11:22: error: `target.kinesis.request_timeout` is the text \"2h\", which is out of \
             range; allowed: 1s to 5m",
        ]
    );
}

#[test]
fn a_value_from_outside_is_never_printed() {
    let found = problems(&SMALL.replace("stream: orders", "stream: \"${SECRET_BAD}\""));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(!found[0].contains("top secret"), "{found:?}");
}

#[test]
fn every_word_of_every_choice_means_something() {
    for (path, key) in keys::all() {
        let (Kind::Choice(choice) | Kind::ChoiceOrGroup(choice, _)) = &key.kind else {
            continue;
        };
        for word in choice.words {
            let mut text = SMALL.to_owned();
            if path.starts_with("target.ndjson.") {
                text = text.replace("kinesis: { stream: orders }", "ndjson: { path: ./out }");
            }
            let line = format!("{}: {word}", key.name);
            let text = match path.rsplit_once('.') {
                None => text.replace("full-load-and-cdc", word),
                Some(("source", _)) => text.replace("  tables:", &format!("  {line}\n  tables:")),
                Some(("source.csv", _)) => {
                    text.replace("  tables:", &format!("  csv: {{ {line} }}\n  tables:"))
                }
                Some(("source.files", _)) => {
                    text.replace("  tables:", &format!("  files: {{ {line} }}\n  tables:"))
                }
                Some((group, _)) if group.starts_with("source.files.") => {
                    let below = match group.strip_prefix("source.files.tables.") {
                        Some(_example) => {
                            format!("tables: {{ {}: {{ {line} }} }}", loaded().tables[0].full_name())
                        }
                        None => format!("changes: {{ {line} }}"),
                    };
                    text.replace("  tables:", &format!("  files: {{ {below} }}\n  tables:"))
                }
                Some((group @ ("errors" | "stop"), _)) => format!("{text}{group}: {{ {line} }}\n"),
                Some(("errors.data_error_escalation", _)) => {
                    format!("{text}errors: {{ data_error_escalation: {{ {line} }} }}\n")
                }
                Some(_) => {
                    text.replace(" }\n", &format!(", {line} }}\n"))
                        .replacen(&format!(", {line}"), "", 1)
                }
            };
            assert!(text.contains(&line), "{path}: {text}");
            assert!(
                load_text(&text).is_ok(),
                "{path} = {word}: {:#?}",
                problems(&text)
            );
        }
    }
}

proptest! {
    #[test]
    fn a_damaged_document_is_refused_with_a_reason_or_loads(
        at in 0..SMALL.len(), removed in 0..8_usize, inserted in "[a-z:{}\\[\\]$\"' \n\t#&*!%|>-]{0,6}",
    ) {
        let end = SMALL.len().min(at + removed);
        let text = format!("{}{inserted}{}", &SMALL.get(..at).unwrap(), &SMALL.get(end..).unwrap());
        if let Err(ConfigProblems(problems)) = load_text(&text) {
            prop_assert!(problems.iter().any(Problem::is_error), "{text}");
            prop_assert!(!problems.iter().any(|problem| problem.message.contains("this is a bug")), "{text}\n{problems:?}");
        }
    }
}
