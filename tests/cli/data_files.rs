//! Which files are data: every command goes by one rule, and what it leaves out is said.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use serde_json::Value;

use crate::task_folder::{Settings, TaskFolder};

/// A task that is configured anew: its migration type, what stands at the end of its source, and no file yet.
pub(crate) fn task(migration_type: &str, source: &str) -> TaskFolder {
    let task = TaskFolder::new(&Settings::default());
    std::fs::remove_dir_all(task.path().join("data")).unwrap();
    configure(&task, migration_type, source);
    task
}

/// Writes its configuration, also over one that it had.
pub(crate) fn configure(task: &TaskFolder, migration_type: &str, source: &str) {
    let text = format!(
        "version: 1\ntask: orders\nmigration_type: {migration_type}\nsource:\n  local: {{ directory: ./data{} }}\n  tables: \
         ./table-definition.json\n{source}target:\n  ndjson: {{ path: ./out, shards: 1, message_format: \
         json-unformatted, control_records: false }}\nerrors: {{ dead_letters: ./dead-letters }}\nstate: {{ sled: {{ path: \
         ./state }} }}\n",
        if migration_type == "full-load" || source.contains("changes_beside_loads") {
            ""
        } else {
            ", cdc_path: cdc"
        }
    );
    task.write("brigade.yaml", &text);
}

/// Operation and key of every message, in order.
pub(crate) fn sent(task: &TaskFolder) -> Vec<String> {
    let messages = task.messages().into_iter().map(|message| {
        let message: Value = serde_json::from_str(&message).unwrap();
        let operation = message["metadata"]["operation"].as_str().unwrap();
        format!("{operation} {}", message["data"]["id"])
    });
    messages.collect()
}

/// Runs a command with its log, which comes on standard error.
pub(crate) fn logged(task: &TaskFolder, arguments: &[&str]) -> (i32, String) {
    let mut command = task.command(arguments);
    command.env("BRIGADE_LOG", "info");
    let output = command.output().unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    );
    (output.status.code().unwrap(), text)
}

/// `plan` ends well and says all of this.
pub(crate) fn plan_says(task: &TaskFolder, texts: &[&str]) {
    let plan = task.brigade(&["plan"]).expect(0).stdout;
    for text in texts {
        assert!(plan.contains(text), "{text}: {plan}");
    }
}

fn spark_folder(task: &TaskFolder) {
    for (name, text) in [
        ("part-0.csv", "1,1.00,a\n2,2.00,b\n"),
        ("sub/part-1.csv", "3,1.00,c\n"),
        ("_day=1/part-2.csv", "4,1.00,d\n"),
        ("_SUCCESS", ""),
        (".part-0.csv.crc", "crc\u{0}"),
        ("part-9.csv.crc", "crc\u{0}"),
        ("_temporary/0/part-8.csv", "9,1.00,ghost\n"),
        ("_delta_log/0.json", "{}\n"),
        (".DS_Store", "x\n"),
    ] {
        task.write(&format!("data/shop/orders/{name}"), text);
    }
}

#[test]
fn a_manifest_beside_the_data_is_set_aside_by_name_and_content() {
    let unload = "{\n  \"entries\": [\n    {\"url\":\"s3://b/shop/orders/0000_part_00\", \"mandatory\":true, \"x\":1}\n  ]\n}\n";
    for name in [
        "manifest",
        "orders_manifest",
        "x.manifest",
        "manifest.json",
        "2026-11-30-00-00-Manifest",
    ] {
        let task = task("full-load", "");
        task.write("data/shop/orders/0000_part_00", "1,1.00,a\n");
        task.write(&format!("data/shop/orders/{name}"), unload);
        assert_eq!(task.brigade(&["run", "--once"]).code, Some(65), "{name}");
        assert_eq!(sent(&task), ["load 1"], "{name}");
        assert_eq!(
            task.json(&["dlq", "ls"])["dead_letters"],
            serde_json::json!([]),
            "{name}"
        );
        let listed = task.brigade(&["files", "list"]).stdout;
        assert!(
            listed.contains("manifest") && listed.contains("source.files.exclude"),
            "{name}: {listed}"
        );
    }
    // What only looks like one in one of both ways is data.
    for (name, text, outcome) in [("manifest", "1,1.00,a\n", 0), ("a.csv", unload, 5)] {
        let task = task("full-load", "");
        task.write(&format!("data/shop/orders/{name}"), text);
        task.brigade(&["run", "--once"]).expect(0);
        let letters = task.json(&["dlq", "ls"])["dead_letters"]
            .as_array()
            .unwrap()
            .len();
        assert_eq!(letters, outcome, "{name}");
    }
}

#[test]
fn one_is_said_as_one() {
    let task = task("full-load", "");
    task.write("data/shop/orders/a.csv", "1\n");
    task.write("data/shop/orders/_SUCCESS", "");
    let checked = task.brigade(&["validate", "--online"]).expect(0).stdout;
    assert!(
        checked.contains("1 file under \"shop/orders/\", and 1 file that is not data"),
        "{checked}"
    );
    let plan = task.brigade(&["plan"]).expect(0).stdout;
    assert!(plan.contains("1 file, 2 bytes, about 0 records, "), "{plan}");
    task.brigade(&["run", "--once"]).expect(0);
    let letters = task.brigade(&["dlq", "ls"]).expect(0).stdout;
    assert!(
        letters.contains("the row has 1 value, the table definition has 3 columns"),
        "{letters}"
    );
    let made = ["init", "--force", "--sample", "data/shop/orders/a.csv"];
    let made = task.brigade(&made).expect(0).stdout;
    for text in [
        "shop.orders, from 1 row\n",
        "checked: 1 row of the samples becomes a record, 0 would be dead letters",
    ] {
        assert!(made.contains(text), "{text}: {made}");
    }
}

#[test]
fn side_files_are_no_data_for_any_command_and_are_counted() {
    let task = task("full-load", "");
    spark_folder(&task);
    let told = "6 files are not data, by name";
    plan_says(&task, &[told, "about 4 records"]);
    let preview = task.brigade(&["preview"]).expect(0).stdout;
    assert!(preview.contains("4 records shown, 0 rows rejected"), "{preview}");
    assert!(!preview.contains("ghost"), "{preview}");
    let checked = task.brigade(&["validate", "--online"]).expect(0).stdout;
    assert!(
        checked.contains("3 files under \"shop/orders/\", and 6 files that are not data"),
        "{checked}"
    );
    let (code, log) = logged(&task, &["run", "--once"]);
    assert_eq!(code, 0, "{log}");
    assert_eq!(
        log.matches("files that are not data are not read").count(),
        1,
        "{log}"
    );
    assert_eq!(sent(&task), ["load 4", "load 1", "load 2", "load 3"]);
    let status = task.json(&["status"]);
    assert_eq!(status["tables"][0]["load"]["not_data"]["count"], 6, "{status:#}");
    assert!(task.brigade(&["status"]).expect(0).stdout.contains(told));
    task.brigade(&["verify"]).expect(0);
    let shown = task.brigade(&["preview", "--object", "shop/orders/_SUCCESS"]);
    assert!(shown.stderr.contains("not data by its name"), "{shown:?}");
}

#[test]
fn change_files_of_dms_beside_csv_loads_are_no_part_of_a_full_load() {
    let task = task("full-load", "");
    task.write("data/shop/orders/LOAD00000001.csv", "1,1.00,a\n2,2.00,b\n");
    task.write(
        "data/shop/orders/20240102-030405678.csv",
        "U,1,1.50,a2\nI,3,1.00,c\nD,2,2.00,b\n",
    );
    let told = "1 file is named as DMS names change files and not read as load files";
    plan_says(&task, &[told, "about 2 records"]);
    let (code, log) = logged(&task, &["run", "--once"]);
    assert_eq!(code, 0, "{log}");
    assert!(
        log.contains(told) && log.contains("source.files.named_by_time"),
        "{log}"
    );
    assert_eq!(sent(&task), ["load 1", "load 2"]);
    task.brigade(&["verify"]).expect(0);
}

#[test]
fn files_named_by_time_are_load_files_if_that_is_said() {
    let task = task("full-load", "  files: { named_by_time: load }\n");
    task.write("data/shop/orders/20240102-030405678.csv", "1,1.00,a\n");
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(sent(&task), ["load 1"]);
}

#[test]
fn change_files_of_dms_beside_csv_loads_are_the_changes_of_their_table() {
    let task = task("full-load-and-cdc", "  files: { changes_beside_loads: true }\n");
    task.write("data/shop/orders/LOAD00000001.csv", "1,1.00,a\n2,2.00,b\n");
    task.write(
        "data/shop/orders/2024/01/02/20240102-030405678.csv",
        "I,3,1.00,c\nU,1,1.50,a2\n,4,1.00,d\nI,5\n",
    );
    task.write(
        "data/shop/orders/20240103-030405678.csv",
        "D,2,2.00,b\nU,orders,shop,3,2.00,c2\n",
    );
    let all = ["insert 3", "update 1", "delete 2", "update 3"];
    let preview = task.brigade(&["preview", "--rows", "10"]).expect(0).stdout;
    assert!(preview.contains("6 records shown, 2 rows rejected"), "{preview}");
    plan_says(&task, &["change files of shop.orders", "about 6 records"]);
    let (code, log) = logged(&task, &["run", "--once"]);
    assert_eq!(code, 0, "{log}");
    let found = sent(&task);
    assert_eq!(found[..2], ["load 1", "load 2"], "loads come first: {found:?}");
    assert_eq!(found[2..], all);
    let letters = task.brigade(&["dlq", "ls"]).expect(0).stdout;
    for text in ["the operation field is empty", "the row has 1 value,"] {
        assert!(letters.contains(text), "{text}: {letters}");
    }
    task.brigade(&["verify"]).expect(0);
}

#[test]
fn a_file_that_cannot_be_read_is_a_line_and_the_others_are_shown() {
    let task = task("full-load", "");
    task.write("data/shop/orders/a.csv.gz", "1,1.00,a\n");
    task.write("data/shop/orders/b.csv", "3,1.00,a\n4,1.00,b\n");
    plan_says(
        &task,
        &[
            "shop.orders: shop/orders/a.csv.gz cannot be read: ",
            "its name says gzip",
        ],
    );
    let preview = task.json(&["preview"]);
    let folder = &preview["folders"][0];
    assert_eq!(folder["rows"].as_array().unwrap().len(), 2, "{preview:#}");
    assert_eq!(folder["unreadable"][0]["object"], "shop/orders/a.csv.gz");
    let text = task.brigade(&["preview"]).expect(0).stdout;
    assert!(text.contains("shop/orders/a.csv.gz cannot be read: "), "{text}");
    assert_eq!(task.brigade(&["run", "--once"]).code, Some(65));
    assert_eq!(sent(&task), ["load 3", "load 4"]);
    let verified = task.brigade(&["verify"]).expect(65).stdout;
    assert!(verified.contains("incomplete"), "{verified}");
}

#[test]
fn names_that_sort_as_text_and_not_by_number_are_warned_of_once() {
    let task = task("cdc", "");
    for number in [1, 10, 11, 100, 9, 2] {
        let row = format!("UPDATE,orders,shop,{number},1.00,\n");
        task.write(&format!("data/cdc/file_{number}.csv"), &row);
    }
    let pair = ["cdc/file_100.csv", "cdc/file_11.csv"];
    let checked = task.brigade(&["validate", "--online"]).expect(0).stdout;
    let plan = task.brigade(&["plan"]).expect(0).stdout;
    let (code, log) = logged(&task, &["run", "--once"]);
    assert_eq!(code, 0, "{log}");
    for text in [&checked, &plan, &log] {
        assert_eq!(
            text.matches("sort as text and not by their numbers").count(),
            1,
            "{text}"
        );
        assert!(pair.iter().all(|key| text.contains(key)), "{text}");
    }
    let expected = [1, 10, 100, 11, 2, 9].map(|number| format!("update {number}"));
    assert_eq!(sent(&task), expected, "they are read as S3 lists them");
}

#[test]
fn patterns_and_depth_choose_files_and_a_change_of_them_loses_none_in_silence() {
    let files = |text: &str| format!("  files: {{ {text} }}\n");
    let task = task(
        "full-load-and-cdc",
        &files("include: ['*.csv'], changes: { include: ['c*'], recursive: false }"),
    );
    let configure = |wish: &str| {
        let text = std::fs::read_to_string(task.path().join("brigade.yaml")).unwrap();
        let lines = text.lines().map(|line| {
            if line.starts_with("  files:") {
                files(wish).trim_end().to_owned()
            } else {
                line.to_owned()
            }
        });
        task.write("brigade.yaml", &(lines.collect::<Vec<_>>().join("\n") + "\n"));
    };
    task.write("data/shop/orders/a.csv", "1,1.00,a\n");
    task.write("data/shop/orders/manifest", "2,1.00,b\n");
    task.write("data/cdc/c1.csv", "INSERT,orders,shop,3,1.00,\n");
    task.write("data/cdc/b1.csv", "INSERT,orders,shop,4,1.00,\n");
    task.write("data/cdc/c/c2.csv", "INSERT,orders,shop,5,1.00,\n");
    let ended = task.brigade(&["run", "--once"]).expect(0).stdout;
    assert_eq!(sent(&task), ["load 1", "insert 3"]);
    for text in [
        "shop.orders: 1 file is not data",
        "change files: 2 files are not data",
    ] {
        assert!(ended.contains(text), "{text}: {ended}");
    }

    // What is let in later is a late change file, or came after the load; both are said.
    configure("recursive: true");
    let (code, log) = logged(&task, &["run", "--once"]);
    assert_eq!(code, 0, "{log}");
    assert_eq!(sent(&task), ["load 1", "insert 3", "insert 4", "insert 5"]);
    for text in [
        "a file arrived late",
        "shop.orders: 1 load file came after the load was complete",
    ] {
        assert!(log.contains(text), "{text}: {log}");
    }

    // And what has a number keeps it.
    configure("exclude: '*.csv'");
    let plan = task.json(&["plan"]);
    assert_eq!(plan["folders"][1]["files"]["done"], 3, "{plan:#}");
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(sent(&task).len(), 4);
    task.brigade(&["verify"]).expect(0);
}

#[test]
fn what_patterns_left_out_before_the_start_stays_before_it() {
    let task = task(
        "cdc",
        "  changes_from: now\n  files: { changes: { exclude: 'x*' } }\n",
    );
    task.write("data/cdc/a.csv", "INSERT,orders,shop,1,1.00,\n");
    task.write("data/cdc/x.csv", "INSERT,orders,shop,2,1.00,\n");
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(sent(&task), Vec::<String>::new());
    // Patterns that let it in later do not make it come after the start.
    let text = std::fs::read_to_string(task.path().join("brigade.yaml")).unwrap();
    task.write("brigade.yaml", &text.replace("exclude: 'x*'", "exclude: 'y*'"));
    task.write("data/cdc/b.csv", "INSERT,orders,shop,3,1.00,\n");
    task.brigade(&["run", "--once"]).expect(0);
    assert_eq!(sent(&task), ["insert 3"]);
}

#[test]
fn a_change_row_without_table_and_schema_says_what_was_taken_for_them() {
    let task = task("cdc", "");
    task.write("data/cdc/20261128-101112123.csv", "I,1,a\nU,1,b\n");
    task.brigade(&["run", "--once"]).expect(0);
    let letters = task.brigade(&["dlq", "ls"]).expect(0).stdout;
    let reason = "a change row begins with operation, table and schema, and fields 1 to 3 (1 byte, 1 byte and 1 byte) were \
                  taken for them";
    assert!(letters.contains(reason), "{letters}");
}

#[test]
fn validate_online_reads_a_byte_of_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let task = task("full-load", "");
    task.write("data/shop/orders/a.csv", "1,1.00,a\n");
    let checked = task.brigade(&["validate", "--online"]).expect(0).stdout;
    assert!(checked.contains("a.csv: may be read"), "{checked}");
    let path = task.path().join("data/shop/orders/a.csv");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Whoever may read everything is not refused.
    if std::fs::File::open(&path).is_err() {
        let refused = task.brigade(&["validate", "--online"]).expect(77);
        assert!(refused.stdout.contains("failed read "), "{refused:?}");
    }
}

#[test]
fn init_leaves_out_samples_that_a_task_would_not_read() {
    let task = task("full-load", "");
    spark_folder(&task);
    let init = |to: &str, samples: &[&str]| {
        let samples = samples.iter().flat_map(|sample| ["--sample", sample]);
        let arguments = ["init", "--to", to].into_iter().chain(samples);
        task.brigade(&arguments.collect::<Vec<_>>())
    };
    let side = "data/shop/orders/_SUCCESS";
    let ended = init("new", &[side, "data/shop/orders/part-0.csv"]).expect(0);
    assert!(ended.stdout.contains("shop.orders, from 2 rows"), "{ended:?}");
    let ended = init("other", &[side]).expect(64);
    assert!(ended.stderr.contains("not data by its name"), "{ended:?}");
}
