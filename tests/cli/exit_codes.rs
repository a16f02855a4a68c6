//! The commands as a user runs them: the real binary, its exit code, what it prints where. One test per exit code
//! that can be provoked from outside; 1 and 70 are bugs.
#![cfg(unix)]
#![expect(clippy::print_stderr, reason = "a test that is skipped has to say so")]

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;

use crate::task_folder::{Ended, Settings, TaskFolder, wait_until};

/// A user without rights, by number: no name is needed.
const NOBODY: u32 = 65_534;
/// Rows of the task: two loaded, two changes.
const ROWS: u64 = 4;

fn task() -> TaskFolder {
    TaskFolder::new(&Settings::default())
}

#[test]
fn without_a_command_there_is_help_and_exit_64() {
    let ended = task().brigade(&[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(64), ""));
    for command in [
        "run",
        "validate",
        "config",
        "status",
        "top",
        "check",
        "tables",
        "shards",
        "tap",
        "events",
        "doctor",
        "man",
        "init",
        "plan",
        "preview",
        "checkpoint",
        "files",
        "verify",
        "dlq",
        "import",
        "schema",
        "completions",
    ] {
        assert!(
            ended.stderr.contains(&format!("\n  {command} ")),
            "{command}: {}",
            ended.stderr
        );
    }
    task().brigade(&["run", "--no-such-flag"]).expect(64);
}

#[test]
fn a_late_file_stops_the_task_with_exit_65_if_it_is_to() {
    let settings = Settings {
        late_files: "stop",
        ..Settings::default()
    };
    let task = TaskFolder::new(&settings);
    task.brigade(&["run", "--once"]).expect(0);
    task.write("data/cdc/b.csv", "DELETE,orders,shop,3,2.00,third\n");
    let ended = task.brigade(&["run", "--once"]).expect(65);
    assert!(
        ended
            .stderr
            .contains("cdc/b.csv arrived late: it sorts before cdc/c.csv"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("late_files: process"), "{ended:?}");
}

#[test]
fn an_object_that_was_set_aside_ends_the_run_with_65_and_stays_visible() {
    let settings = Settings {
        late_files: "quarantine",
        ..Settings::default()
    };
    let task = TaskFolder::new(&settings);
    task.brigade(&["run", "--once"]).expect(0);
    task.write("data/cdc/b.csv", "DELETE,orders,shop,3,2.00,third\n");
    let ended = task.brigade(&["run", "--once"]);
    assert_eq!(ended.code, Some(65), "{ended:?}");
    assert!(ended.stdout.contains("1 object set aside"), "{ended:?}");
    // The next run has nothing to do with it, and forgets nothing.
    let ended = task.brigade(&["run", "--once"]);
    assert_eq!(ended.code, Some(65), "{ended:?}");
    assert!(ended.stdout.contains("1 object set aside"), "{ended:?}");
    for command in [&["status"][..], &["checkpoint", "show"]] {
        let ended = task.brigade(command).expect(0);
        assert!(
            ended
                .stdout
                .contains("cdc/b.csv arrived late: it sorts before the last file read"),
            "{ended:?}"
        );
    }
    let status = task.json(&["status"]);
    assert_eq!(status["quarantined"][0]["key"], "cdc/b.csv", "{status:#}");
}

#[test]
fn a_missing_source_folder_is_exit_66() {
    let settings = Settings {
        source: "./nowhere".into(),
        ..Settings::default()
    };
    let task = TaskFolder::new(&settings);
    let ended = task.brigade(&["run", "--once"]).expect(66);
    assert!(ended.stderr.contains("nowhere does not exist"), "{ended:?}");
    assert!(ended.stderr.contains("\nhelp: "), "{ended:?}");
    let ended = task.brigade(&["validate", "--online"]).expect(66);
    assert!(ended.stdout.contains("failed source"), "{ended:?}");
}

#[test]
fn a_stream_behind_a_closed_port_is_exit_69() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let target = format!(
        "  kinesis:\n    stream: orders\n    region: us-west-2\n    endpoint: http://127.0.0.1:{port}\n"
    );
    let task = TaskFolder::new(&Settings {
        target,
        limits: "  outage_patience: 1s\n",
        ..Settings::default()
    });
    let ended = task.brigade(&["run", "--once"]).expect(69);
    assert!(ended.stderr.contains("`limits.outage_patience`"), "{ended:?}");
    // On a busy machine the attempts of one call together take longer than an answer may.
    let actions = ["kinesis:DescribeStreamSummary", "describing the stream"];
    assert!(
        actions.iter().any(|action| ended.stderr.contains(action)),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("\nhelp: "), "{ended:?}");
}

#[test]
fn a_region_that_is_configured_is_not_looked_for() {
    let listener = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        (listener, address)
    };
    let ((metadata, metadata_address), (closed, stream_address)) = (listener(), listener());
    drop(closed);
    let target =
        format!("  kinesis:\n    stream: orders\n    region: us-west-2\n    endpoint: {stream_address}\n");
    let task = TaskFolder::new(&Settings {
        target,
        ..Settings::default()
    });
    let mut command = task.command(&["validate", "--online"]);
    command
        .env("AWS_EC2_METADATA_DISABLED", "false")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata_address)
        .env("AWS_CONFIG_FILE", "none")
        .env_remove("AWS_REGION")
        .env_remove("AWS_DEFAULT_REGION");
    assert_eq!(command.output().unwrap().status.code(), Some(69));
    let asked = metadata.accept().map_err(|error| error.kind());
    assert_eq!(asked.err(), Some(std::io::ErrorKind::WouldBlock));
}

#[test]
fn a_state_or_an_output_that_cannot_be_created_is_exit_73() {
    let state = Settings {
        state: "./occupied/state",
        ..Settings::default()
    };
    let target = "  ndjson:\n    path: ./occupied/out\n".into();
    for settings in [
        state,
        Settings {
            target,
            ..Settings::default()
        },
    ] {
        let task = TaskFolder::new(&settings);
        task.write("occupied", "a file");
        task.brigade(&["run", "--once"]).expect(73);
        task.brigade(&["validate", "--online"]).expect(73);
    }
}

#[test]
fn dead_letters_that_cannot_be_written_are_exit_74() {
    let task = TaskFolder::new(&Settings {
        dead_letters: "./occupied/dead",
        ..Settings::default()
    });
    task.write("occupied", "a file");
    task.write("data/shop/orders/LOAD2.csv", "x,1.00,bad\n");
    let ended = task.brigade(&["run", "--once"]).expect(74);
    assert!(ended.stderr.contains("errors.dead_letters"), "{ended:?}");
}

#[test]
fn a_state_in_use_is_exit_75_and_status_knows_the_process() {
    let task = task();
    let mut running = task.start();
    wait_until("the rows are out", || task.records_count() >= 4);
    let ended = task.brigade(&["run", "--once"]).expect(75);
    assert!(ended.stderr.contains("in use by another process"), "{ended:?}");
    let ended = task.brigade(&["checkpoint", "show"]).expect(75);
    assert!(ended.stderr.contains("brigade status"), "{ended:?}");
    let status = task.json(&["status"]);
    assert_eq!(
        (&status["activity"], &status["process_id"]),
        (&"running".into(), &running.id().into())
    );
    running.terminate();
    assert_eq!(running.exit_code(), Some(0));
    assert_eq!(task.json(&["status"])["activity"], "stopped");
}

#[test]
fn a_state_of_another_task_or_a_damaged_one_is_exit_76() {
    let task = task();
    task.brigade(&["run", "--once"]).expect(0);
    task.configure(&Settings {
        task: "other",
        ..Settings::default()
    });
    let ended = task.brigade(&["run", "--once"]).expect(76);
    assert!(ended.stderr.contains("orders"), "{ended:?}");
    task.brigade(&["checkpoint", "reset", "--yes"]).expect(76);
    task.configure(&Settings::default());
    std::fs::remove_dir_all(task.path().join("state/sled")).unwrap();
    let ended = task.brigade(&["run", "--once"]).expect(76);
    assert!(ended.stderr.contains("`brigade checkpoint reset`"), "{ended:?}");
    let ended = task
        .brigade(&["run", "--once", "--config", "./brigade.yaml"])
        .expect(76);
    let cure = "`brigade checkpoint reset --config ./brigade.yaml`";
    assert!(ended.stderr.contains(cure), "{ended:?}");
}

#[test]
fn a_denied_source_is_exit_77() {
    let task = task();
    for name in ["", "data", "state", "out", "dead-letters"] {
        let path = task.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        let mode = if name == "data" { 0o000 } else { 0o777 };
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    let mut command = task.command(&["run", "--once"]);
    if std::fs::metadata(task.path()).unwrap().uid() == 0 {
        // Nothing is denied to root.
        command.uid(NOBODY).gid(NOBODY);
    }
    match command.output() {
        Ok(output) => {
            let ended = Ended::from(output).expect(77);
            assert!(ended.stderr.contains("denied"), "{ended:?}");
        }
        Err(error) => eprintln!("SKIPPED: the binary cannot be started as another user than root: {error}"),
    }
    std::fs::set_permissions(task.path().join("data"), PermissionsExt::from_mode(0o777)).unwrap();
}

#[test]
fn five_mistakes_are_five_lines_with_their_places_and_exit_78() {
    let task = task();
    let text = std::fs::read_to_string(task.path().join("brigade.yaml")).unwrap();
    let text = text
        .replace("version: 1", "version: 9")
        .replace("migration_type: full-load-and-cdc", "migration_type: everything")
        .replace("late_files: process", "late_filez: process")
        .replace("poll_interval: 100ms", "poll_interval: 100")
        .replace("shards: 2", "shards: many");
    task.write("brigade.yaml", &text);
    let ended = task.brigade(&["run", "--once"]).expect(78);
    let problems: Vec<_> = ended.stderr.lines().skip(1).collect();
    for (line, column, word) in [
        (1, 10, "9"),
        (3, 17, "everything"),
        (9, 3, "late_files"),
        (10, 18, "100"),
        (14, 13, "many"),
    ] {
        let place = format!("brigade.yaml:{line}:{column}: error: ");
        let found = problems
            .iter()
            .filter(|problem| problem.starts_with(&place) && problem.contains(word));
        assert_eq!(found.count(), 1, "{place}{word}: {ended:#?}");
    }
    assert_eq!(problems.len(), 5, "{ended:#?}");
    let found = task.json(&["validate"]);
    assert_eq!(found["problems"].as_array().unwrap().len(), 5);
    assert_eq!(
        (&found["valid"], &found["problems"][2]["line"]),
        (&false.into(), &9.into())
    );
    task.brigade(&["validate"]).expect(78);
}

#[test]
fn tables_have_the_words_of_dms() {
    let task = task();
    assert_eq!(
        task.json(&["tables"])["TableStatistics"][0]["TableState"],
        "Before load"
    );
    task.brigade(&["run", "--once"]).expect(0);
    let report = task.json(&["tables"]);
    let table = &report["TableStatistics"][0];
    let expected = [
        ("SchemaName", "shop".into()),
        ("TableState", "Table completed".into()),
        ("FullLoadRows", 2.into()),
        ("Inserts", 1.into()),
        ("AppliedUpdates", 1.into()),
        ("Deletes", 0.into()),
    ];
    for (name, value) in expected {
        let value: serde_json::Value = value;
        assert_eq!(table[name], value, "{name}: {report:#}");
    }
    assert_eq!(task.json(&["run", "--once"])["delivered_rows"], ROWS);
}

#[test]
fn a_run_that_never_got_going_hides_nothing_of_the_last_one() {
    let task = task();
    task.brigade(&["run", "--once"]).expect(0);
    let (status, tables) = (task.json(&["status"]), task.json(&["tables"]));
    task.configure(&Settings {
        source: "./nowhere".into(),
        ..Settings::default()
    });
    task.brigade(&["run", "--once"]).expect(66);
    let after = task.json(&["tables"]);
    assert_eq!(after["TableStatistics"], tables["TableStatistics"]);
    for name in ["FreshStartDate", "FullLoadFinishDate", "TablesLoaded"] {
        let of_task = |report: &serde_json::Value| report["ReplicationTaskStats"][name].clone();
        assert_eq!(of_task(&after), of_task(&tables), "{name}");
    }
    let now = task.json(&["status"]);
    assert_eq!(now["shards"], status["shards"]);
    assert!(
        now["updated_ms"].as_i64() >= status["updated_ms"].as_i64(),
        "{now:#}"
    );
}

#[test]
fn schema_and_completions_need_no_configuration() {
    let empty = task();
    std::fs::remove_file(empty.path().join("brigade.yaml")).unwrap();
    let schema: serde_json::Value =
        serde_json::from_str(&empty.brigade(&["schema"]).expect(0).stdout).unwrap();
    assert_eq!(schema["properties"]["source"]["type"], "object");
    for shell in ["bash", "zsh", "fish"] {
        let script = empty.brigade(&["completions", shell]).expect(0).stdout;
        assert!(script.contains("checkpoint"), "{shell}");
    }
}
