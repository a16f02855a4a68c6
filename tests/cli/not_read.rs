//! What is there and is not read is said by every command, and every time.
#![cfg(unix)]

use serde_json::json;

use crate::task_folder::{Settings, TaskFolder};

/// What each of these commands says.
fn all_say(task: &TaskFolder, text: &str) {
    for _ in 0..2 {
        let ended = task.brigade(&["run", "--once"]).expect(0);
        assert!(ended.stdout.contains(text), "{text}: {ended:?}");
        let ended = task.brigade(&["status"]).expect(0);
        assert!(ended.stdout.contains(text), "{text}: {ended:?}");
    }
}

#[test]
fn a_table_that_was_loaded_from_another_folder_is_named_by_every_command() {
    let task = TaskFolder::new(&Settings::default());
    let ended = task.brigade(&["run", "--once"]).expect(0);
    assert!(!ended.stdout.contains("not read again"), "{ended:?}");
    let records = task.records_count();
    task.write("other/shop/orders/LOAD1.csv", "1,10.50,first\n2,20.00,\n");
    task.write("other/cdc/a.csv", "INSERT,orders,shop,3,1.00,third\n");
    task.write("other/cdc/c.csv", "UPDATE,orders,shop,3,2.00,third\n");
    task.configure(&Settings {
        source: "./other".into(),
        ..Settings::default()
    });
    all_say(&task, "shop.orders: 1 file that was read is another version now");
    all_say(
        &task,
        "change files: 2 files that were read are other versions now",
    );
    let status = task.json(&["status"]);
    assert_eq!(
        status["tables"][0]["load"]["replaced_first"],
        json!(["shop/orders/LOAD1.csv"])
    );
    let plan = task.brigade(&["plan"]).expect(0);
    assert!(
        plan.stdout
            .contains("shop.orders: 1 file that was read is another version now"),
        "{plan:?}"
    );
    let ended = task.brigade(&["verify"]).expect(65);
    assert!(ended.stderr.contains("cannot be read again"), "{ended:?}");
    assert_eq!(task.records_count(), records, "nothing was sent");
    task.brigade(&["reload", "--table", "shop.orders", "--yes"])
        .expect(0);
    let ended = task.brigade(&["run", "--once"]).expect(0);
    assert!(!ended.stdout.contains("shop.orders: 1 file"), "{ended:?}");
}

#[test]
fn a_load_without_a_file_is_named_until_the_table_is_loaded_again() {
    let task = TaskFolder::new(&Settings::default());
    let file = task.path().join("data/shop/orders/LOAD1.csv");
    std::fs::remove_file(&file).ok();
    all_say(&task, "shop.orders: the load was complete without a file");
    let plan = task.brigade(&["plan"]).expect(0);
    assert!(plan.stdout.contains("there is no file under"), "{plan:?}");
    task.write("data/shop/orders/LOAD1.csv", "1,10.50,first\n2,20.00,\n");
    all_say(
        &task,
        "1 load file came after the load was complete: shop/orders/LOAD1.csv; `brigade reload --table shop.orders`",
    );
    let plan = task.brigade(&["plan"]).expect(0);
    assert!(plan.stdout.contains("came after the full load"), "{plan:?}");
    let records = task.records_count();
    task.brigade(&["reload", "--table", "shop.orders", "--yes"])
        .expect(0);
    let ended = task.brigade(&["run", "--once"]).expect(0);
    assert!(!ended.stdout.contains("shop.orders: "), "{ended:?}");
    assert_eq!(task.records_count(), records + 4, "two rows, two control records");
}

#[test]
fn a_plan_does_not_count_what_the_task_writes_itself() {
    let task = TaskFolder::new(&Settings::default());
    task.configure(&Settings {
        source: "./data".into(),
        state: "./data/state",
        dead_letters: "./data/dead-letters",
        target: "  ndjson:\n    path: ./data/out\n    shards: 2\n    message_format: json-unformatted\n"
            .into(),
        ..Settings::default()
    });
    task.write("data/nobody.csv", "1\n");
    task.write("data/cdc/d.csv", "broken\n");
    task.brigade(&["run", "--once"]).expect(0);
    assert!(task.path().join("data/dead-letters").exists());
    let plan = task.json(&["plan"]);
    let expected = json!({ "count": 1, "keys": ["nobody.csv"], "is_complete": true });
    assert_eq!(plan["files_of_no_table"], expected, "{plan:#}");
}
