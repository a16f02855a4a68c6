//! Bad rows by policy from the command line: exit codes, what `run`, `status` and `tables` say, and how a table goes on.
#![cfg(unix)]

use crate::task_folder::{Settings, TaskFolder};

const SUSPEND: &str = "./dead-letters\n  data_error_policy: SUSPEND_TABLE";
const STOP: &str = "./dead-letters\n  data_error_policy: STOP_TASK";

fn settings(dead_letters: &'static str) -> Settings {
    Settings {
        dead_letters,
        ..Settings::default()
    }
}

/// The second load file has a bad second row, and a third one follows.
fn task(dead_letters: &'static str) -> TaskFolder {
    let task = TaskFolder::new(&settings(dead_letters));
    task.write(
        "data/shop/orders/LOAD2.csv",
        "5,1.00,good\n6,abc,bad\n7,1.00,good\n",
    );
    task.write("data/shop/orders/LOAD3.csv", "8,1.00,good\n");
    task
}

#[test]
fn a_suspended_table_is_exit_65_and_every_command_names_where_and_how_it_goes_on() {
    let task = task(SUSPEND);
    let ended = task.brigade(&["run", "--once"]);
    assert_eq!(ended.code, Some(65), "{ended:?}");
    let place = "shop.orders is suspended since shop/orders/LOAD2.csv, line 2, byte 12, column amount";
    let cure = "brigade tables resume shop.orders";
    let status = task.brigade(&["status"]).expect(0);
    let tables = task.brigade(&["tables"]).expect(0);
    for ended in [&ended, &status, &tables] {
        for part in [place, cure, "load files not read yet: shop/orders/LOAD3.csv"] {
            assert!(ended.stdout.contains(part), "{part}: {ended:?}");
        }
    }
    let summary = task.json(&["run", "--once"]);
    let suspended = &summary["suspended_tables"][0];
    assert_eq!(suspended["table"], "shop.orders", "{summary}");
    assert_eq!(suspended["unread_files"][0], "shop/orders/LOAD3.csv");
    let tables = task.json(&["tables"]);
    assert_eq!(tables["ReplicationTaskStats"]["TablesErrored"], 1);
    assert_eq!(tables["TableStatistics"][0]["TableState"], "Table error");
    assert_eq!(
        tables["TableStatistics"][0]["FullLoadRows"], 3,
        "what is in front of it"
    );
}

#[test]
fn a_resumed_table_goes_on_behind_its_row_and_what_was_held_back_can_be_sent() {
    let task = task(SUSPEND);
    assert_eq!(task.brigade(&["run", "--once"]).code, Some(65));
    let wrong = task.brigade(&["tables", "resume", "shop.nothing"]).expect(64);
    assert!(
        wrong
            .stderr
            .contains("shop.nothing is not suspended; suspended: shop.orders"),
        "{wrong:?}"
    );
    let trial = task
        .brigade(&["tables", "resume", "shop.orders", "--dry-run"])
        .expect(0);
    assert!(trial.stdout.contains("would go on"), "{trial:?}");
    assert_eq!(
        task.brigade(&["run", "--once"]).code,
        Some(65),
        "nothing was changed"
    );
    let resumed = task.brigade(&["tables", "resume", "shop.orders"]).expect(0);
    assert!(
        resumed
            .stdout
            .contains("after the row at line 2, byte 12, column amount"),
        "{resumed:?}"
    );
    assert!(
        !task.brigade(&["status"]).stdout.contains("suspended"),
        "the status follows"
    );
    let before = task.records_count();
    let ended = task.brigade(&["run", "--once"]).expect(0);
    assert!(ended.stdout.contains("5 rows delivered"), "{ended:?}");
    assert_eq!(task.records_count() - before, 2, "rows 7 and 8, nothing again");
    let verified = task.brigade(&["verify"]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
    let replayed = task
        .brigade(&["dlq", "replay", "--object", "cdc/a.csv"])
        .expect(0);
    assert!(
        replayed.stdout.contains("sent 1 row, 0 still rejected"),
        "{replayed:?}"
    );
    assert_eq!(task.records_count() - before, 3, "the change that was held back");
}

#[test]
fn a_row_that_stops_the_task_is_exit_65_with_its_place_and_the_cure() {
    let task = task(STOP);
    for _ in 0..2 {
        let ended = task.brigade(&["run", "--once"]).expect(65);
        for part in [
            "shop.orders: ",
            "LOAD2.csv, line 2, byte 12, column amount",
            "errors.data_error_policy is STOP_TASK",
            "DEAD_LETTER",
        ] {
            assert!(ended.stderr.contains(part), "{part}: {ended:?}");
        }
        assert_eq!(task.json(&["dlq", "ls"])["total"], 0, "it is not passed over");
        assert_eq!(
            task.json(&["status"])["activity"],
            "stopped",
            "nothing is in flight"
        );
    }
    task.configure(&settings("./dead-letters"));
    let ended = task.brigade(&["run", "--once"]).expect(0);
    assert!(ended.stdout.contains("1 row dead-lettered"), "{ended:?}");
}

#[test]
fn task_settings_of_dms_set_the_policy_and_the_configuration_wins() {
    let task = task("./dead-letters\ntask_settings: ./settings.json");
    task.write(
        "settings.json",
        r#"{"Logging":null,"ErrorBehavior":{"DataErrorPolicy":"STOP_TASK","Odd":1}}"#,
    );
    let valid = task.brigade(&["validate"]).expect(0);
    assert!(
        format!("{}{}", valid.stdout, valid.stderr).contains("ErrorBehavior.Odd"),
        "{valid:?}"
    );
    let stopped = task.brigade(&["run", "--once"]);
    assert_eq!(stopped.code, Some(65), "{stopped:?}");
    task.configure(&settings(
        "./dead-letters\n  data_error_policy: DEAD_LETTER\ntask_settings: ./settings.json",
    ));
    let ended = task.brigade(&["run", "--once"]).expect(0);
    assert!(ended.stdout.contains("1 row dead-lettered"), "{ended:?}");
}
