//! `brigade verify` as a user runs it, on streams that were tampered with.
#![cfg(all(unix, feature = "sandbox"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::Write;
use std::path::PathBuf;

use aws_sdk_kinesis::primitives::Blob;
use bucket_brigade::sandbox::kinesis::{SandboxKinesis, ShardLimits};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::task_folder;
use crate::task_folder::{Settings, TaskFolder};

/// Two loaded rows, five changes with one partition key, and three control records.
const RECORDS: u64 = 10;
const ROWS: u64 = 7;

/// A task that has run once, with five changes in one file.
fn task(settings: &Settings) -> TaskFolder {
    let task = TaskFolder::new(settings);
    let rows = (3..7).map(|id| format!("INSERT,orders,shop,{id},1.00,row {id}\n"));
    task.write("data/cdc/a.csv", &rows.collect::<String>());
    task.brigade(&["run", "--once"]).expect(0);
    task
}

/// The file that holds a line with this text, and the line's number.
fn find(task: &TaskFolder, text: &str) -> (PathBuf, usize) {
    for shard in 0..2 {
        let path = task.path().join(format!("out/shard-{shard:03}.ndjson"));
        let content = std::fs::read_to_string(&path).unwrap();
        if let Some(line) = content.lines().position(|line| line.contains(text)) {
            return (path, line);
        }
    }
    panic!("no line with {text}");
}

/// Changes the lines of one file.
fn edit(path: &PathBuf, change: impl FnOnce(&mut Vec<String>)) {
    let content = std::fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = content.lines().map(ToOwned::to_owned).collect();
    change(&mut lines);
    let content: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    std::fs::write(path, content).unwrap();
}

/// Expected, found, missing, repeated, out of order, foreign.
fn counts(report: &Value) -> [u64; 6] {
    let names = [
        "rows_expected",
        "rows_found",
        "rows_missing",
        "rows_repeated",
        "rows_out_of_order",
        "foreign_records",
    ];
    names.map(|name| {
        report[name]
            .as_u64()
            .unwrap_or_else(|| panic!("{name}: {report:#}"))
    })
}

#[test]
fn a_clean_run_verifies() {
    let task = task(&Settings::default());
    task.brigade(&["verify"]).expect(0);
    let report = task.json(&["verify"]);
    assert_eq!(report["verdict"], "complete", "{report:#}");
    assert_eq!(counts(&report), [RECORDS, RECORDS, 0, 0, 0, 0], "{report:#}");
    assert_eq!(report["tables"][0]["rows_expected"], ROWS, "{report:#}");
    assert_eq!(report["notes"], serde_json::json!([]), "{report:#}");
    // Looking changes nothing: the next run has nothing to do.
    assert_eq!(task.json(&["run", "--once"])["counters"]["records"], 0);
}

#[test]
fn a_line_that_was_removed_is_reported_as_that_very_row() {
    let task = task(&Settings::default());
    let (path, line) = find(&task, "row 5");
    edit(&path, |lines| drop(lines.remove(line)));
    let ended = task.brigade(&["verify"]).expect(65);
    assert!(ended.stderr.contains("1 row missing"), "{ended:?}");
    assert!(ended.stdout.contains("cdc/a.csv"), "{ended:?}");
    let report = task.json(&["verify"]);
    assert_eq!(counts(&report), [RECORDS, RECORDS - 1, 1, 0, 0, 0], "{report:#}");
    let row = &report["missing_rows"][0];
    let expected: [(&str, Value); 5] = [
        ("key", "cdc/a.csv".into()),
        ("ordinal", 2.into()),
        ("line", 3.into()),
        ("byte", 64.into()),
        ("table", "shop.orders".into()),
    ];
    for (name, value) in expected {
        assert_eq!(row[name], value, "{name}: {report:#}");
    }
    assert_eq!(report["missing_rows"].as_array().unwrap().len(), 1);
}

#[test]
fn a_doubled_line_is_repeated_and_nothing_is_missing() {
    let task = task(&Settings::default());
    let (path, line) = find(&task, "row 5");
    edit(&path, |lines| lines.insert(line, lines[line].clone()));
    task.brigade(&["verify"]).expect(0);
    let report = task.json(&["verify"]);
    assert_eq!(counts(&report), [RECORDS, RECORDS, 0, 1, 0, 0], "{report:#}");
    let object = report["objects"].as_array().unwrap();
    let object = object.iter().find(|object| object["key"] == "cdc/a.csv").unwrap();
    assert_eq!(object["rows_repeated"], 1, "{report:#}");
}

#[test]
fn swapped_rows_of_one_key_are_out_of_order() {
    let task = task(&Settings::default());
    let (path, line) = find(&task, "row 5");
    edit(&path, |lines| lines.swap(line, line + 1));
    task.brigade(&["verify"]).expect(0);
    let report = task.json(&["verify"]);
    assert_eq!(counts(&report), [RECORDS, RECORDS, 0, 0, 1, 0], "{report:#}");
}

#[test]
fn records_of_others_are_counted_as_foreign() {
    let task = task(&Settings::default());
    let (path, _) = find(&task, "row 5");
    edit(&path, |lines| {
        lines.push(r#"{"partition_key":"k","payload":"hello"}"#.to_owned());
    });
    task.brigade(&["verify"]).expect(0);
    let report = task.json(&["verify"]);
    assert_eq!(counts(&report), [RECORDS, RECORDS, 0, 0, 0, 1], "{report:#}");
}

#[test]
fn a_changed_value_is_a_missing_row_and_a_foreign_record() {
    let task = task(&Settings::default());
    let (path, line) = find(&task, "row 5");
    edit(&path, |lines| lines[line] = lines[line].replace("row 5", "row 9"));
    task.brigade(&["verify"]).expect(65);
    let report = task.json(&["verify"]);
    assert_eq!(counts(&report), [RECORDS, RECORDS - 1, 1, 0, 0, 1], "{report:#}");
}

#[test]
fn dead_letters_are_not_expected() {
    let task = TaskFolder::new(&Settings::default());
    task.write(
        "data/cdc/b.csv",
        "INSERT,orders,shop,8,abc,bad\nINSERT,orders,shop,9,1.00,good\n",
    );
    task.brigade(&["run", "--once"]).expect(0);
    let report = task.json(&["verify"]);
    assert_eq!(report["verdict"], "complete", "{report:#}");
    assert_eq!(report["dead_lettered_rows"], 1, "{report:#}");
    // The checkpoint knows of it without the letters as well.
    std::fs::remove_dir_all(task.path().join("dead-letters")).unwrap();
    assert_eq!(task.json(&["verify"])["verdict"], "complete");
}

#[test]
fn letters_of_an_earlier_life_excuse_nothing() {
    let task = TaskFolder::new(&Settings::default());
    task.write(
        "data/cdc/b.csv",
        "INSERT,orders,shop,8,,row 8\nINSERT,orders,shop,9,abc,never\n",
    );
    task.brigade(&["run", "--once"]).expect(0);
    let path = task.path().join("table-definition.json");
    let text = std::fs::read_to_string(path).unwrap();
    let scale = r#""ColumnScale": "2""#;
    let corrected = text.replace(scale, &format!(r#"{scale}, "ColumnNullable": "true""#));
    task.write("table-definition.json", &corrected);
    let excused = task.json(&["verify"]);
    assert_eq!(excused["verdict"], "complete", "{excused:#}");
    task.brigade(&["checkpoint", "reset", "--yes"]).expect(0);
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(task.json(&["verify"])["verdict"], "complete");
    let (path, line) = find(&task, "row 8");
    edit(&path, |lines| drop(lines.remove(line)));
    task.brigade(&["verify"]).expect(65);
    let report = task.json(&["verify"]);
    assert_eq!(report["missing_rows"][0]["key"], "cdc/b.csv", "{report:#}");
    assert_eq!(report["missing_rows"][0]["ordinal"], 0, "{report:#}");
}

#[test]
fn a_configuration_of_another_form_is_named() {
    let settings = Settings::default();
    let task = task(&settings);
    task.configure(&Settings {
        target: settings.target.replace("json-unformatted", "json"),
        ..settings
    });
    task.brigade(&["verify"]).expect(65);
    let report = task.json(&["verify"]);
    assert_eq!(
        counts(&report),
        [RECORDS, 0, RECORDS, 0, 0, RECORDS],
        "{report:#}"
    );
    assert!(
        report["notes"][0].as_str().unwrap().contains("configuration"),
        "{report:#}"
    );
}

#[test]
fn an_object_that_is_gone_leaves_its_rows_unproven() {
    let task = task(&Settings::default());
    std::fs::remove_file(task.path().join("data/cdc/a.csv")).unwrap();
    let ended = task.brigade(&["verify"]).expect(65);
    assert!(
        ended.stderr.contains("1 object cannot be read again"),
        "{ended:?}"
    );
    let report = task.json(&["verify"]);
    assert_eq!(report["verdict"], "unproven", "{report:#}");
    assert_eq!(
        counts(&report),
        [RECORDS - 4, RECORDS - 4, 0, 0, 0, 4],
        "{report:#}"
    );
}

#[test]
fn of_a_file_that_was_set_aside_for_its_damage_the_rows_before_it_are_compared() {
    let task = TaskFolder::new(&Settings::default());
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"8,1.00,eight\n9,2.00,nine\n").unwrap();
    let damaged = [encoder.finish().unwrap(), b"tail".to_vec()].concat();
    std::fs::write(task.path().join("data/shop/orders/LOAD2.csv.gz"), damaged).unwrap();
    let run = task.brigade(&["run", "--once"]);
    assert_eq!(run.code, Some(65), "an object is set aside: {run:?}");
    let report = task.json(&["verify"]);
    assert_eq!(counts(&report), [9, 9, 0, 0, 0, 0], "{report:#}");
    let (path, line) = find(&task, "nine");
    edit(&path, |lines| drop(lines.remove(line)));
    let report = task.json(&["verify"]);
    assert_eq!(counts(&report), [9, 8, 1, 0, 0, 0], "{report:#}");
    assert_eq!(report["missing_rows"][0]["byte"], 13, "{report:#}");
}

#[test]
fn a_table_and_a_time_can_be_asked_for() {
    let task = task(&Settings::default());
    let report = task.json(&["verify", "--table", "shop.orders"]);
    // The control record of the exceptions table is of no table.
    assert_eq!(
        counts(&report),
        [RECORDS - 1, RECORDS - 1, 0, 0, 0, 1],
        "{report:#}"
    );
    let ended = task.brigade(&["verify", "--table", "shop.other"]).expect(64);
    assert!(ended.stderr.contains("it has shop.orders"), "{ended:?}");
    let report = task.json(&["verify", "--since", "2020-01-01T00:00:00Z"]);
    // Control records have no file, and no time.
    assert_eq!(
        counts(&report),
        [ROWS, ROWS, 0, 0, 0, RECORDS - ROWS],
        "{report:#}"
    );
    task.brigade(&["verify", "--since", "2999-01-01T00:00:00Z"])
        .expect(64);
}

#[test]
fn files_from_before_the_time_are_not_compared() {
    let task = TaskFolder::new(&Settings::default());
    let old = std::fs::File::options()
        .append(true)
        .open(task.path().join("data/shop/orders/LOAD1.csv"));
    let year = std::time::Duration::from_hours(24 * 365);
    old.unwrap()
        .set_modified(std::time::UNIX_EPOCH + 31 * year)
        .unwrap();
    task.brigade(&["run", "--once"]).expect(0);
    // Two changes are compared; two loaded rows and three control records are not.
    let report = task.json(&["verify", "--since", "2020-01-01T00:00:00Z"]);
    assert_eq!(counts(&report), [2, 2, 0, 0, 0, 5], "{report:#}");
    assert_eq!(report["objects"].as_array().unwrap().len(), 2, "{report:#}");
}

#[test]
fn a_task_without_a_state_or_with_a_running_engine_cannot_be_verified() {
    let task = TaskFolder::new(&Settings::default());
    task.brigade(&["verify"]).expect(66);
    let mut running = task.start();
    task_folder::wait_until("the rows are out", || task.records_count() >= 7);
    task.brigade(&["verify"]).expect(75);
    running.terminate();
    assert_eq!(running.exit_code(), Some(0));
    task.brigade(&["verify"]).expect(0);
}

/// A Kinesis server with a stream of one shard, and a task that has run once into it.
async fn kinesis_task() -> (SandboxKinesis, Settings, TaskFolder) {
    let kinesis = SandboxKinesis::start(ShardLimits::Off).await.unwrap();
    kinesis.create_stream("orders", 1).await.unwrap();
    let settings = Settings {
        target: format!(
            "  kinesis:\n    stream: orders\n    region: us-west-2\n    endpoint: {}\n",
            kinesis.endpoint()
        ),
        ..Settings::default()
    };
    let task = task(&settings);
    (kinesis, settings, task)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kinesis_stream_is_read_back_across_a_split() {
    let (kinesis, _, task) = kinesis_task().await;
    let client = kinesis.client();
    let split = client
        .split_shard()
        .stream_name("orders")
        .shard_to_split("shardId-000000000000");
    let middle = (1_u128 << 127).to_string();
    split.new_starting_hash_key(middle).send().await.unwrap();
    kinesis.wait_until_active("orders").await.unwrap();
    task.write(
        "data/cdc/d.csv",
        "INSERT,orders,shop,8,1.00,later\nDELETE,orders,shop,8,1.00,later\n",
    );
    task.brigade(&["run", "--once"]).expect(0);
    let report = task.json(&["verify"]);
    assert_eq!(report["verdict"], "complete", "{report:#}");
    assert_eq!(
        counts(&report),
        [RECORDS + 2, RECORDS + 2, 0, 0, 0, 0],
        "{report:#}"
    );
    kinesis.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn in_another_stream_everything_is_missing_and_the_report_says_that_it_is_another() {
    let (kinesis, settings, task) = kinesis_task().await;
    let put = kinesis.client().put_record().stream_name("orders");
    let put = put.partition_key("k").data(Blob::new("hello"));
    put.send().await.unwrap();
    let report = task.json(&["verify"]);
    assert_eq!(counts(&report), [RECORDS, RECORDS, 0, 0, 0, 1], "{report:#}");
    kinesis.create_stream("other", 2).await.unwrap();
    task.configure(&Settings {
        target: settings.target.replace("stream: orders", "stream: other"),
        ..settings
    });
    task.brigade(&["verify"]).expect(65);
    let report = task.json(&["verify"]);
    assert_eq!(counts(&report), [RECORDS, 0, RECORDS, 0, 0, 0], "{report:#}");
    assert!(
        report
            .to_string()
            .contains("the stream is not the one of the last run"),
        "{report:#}"
    );
    kinesis.stop().await.unwrap();
}
