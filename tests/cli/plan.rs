//! `brigade plan`: what is left, by the checkpoint, and what stands in the way.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use serde_json::Value;

use crate::task_folder;
use crate::task_folder::{Settings, TaskFolder};

fn task() -> TaskFolder {
    TaskFolder::new(&Settings::default())
}

fn has_warning(plan: &Value, text: &str) -> bool {
    let warnings = plan["warnings"].as_array().unwrap();
    warnings
        .iter()
        .any(|warning| warning.as_str().unwrap().contains(text))
}

#[test]
fn a_plan_follows_the_checkpoint_and_changes_nothing() {
    let task = task();
    let plan = task.json(&["plan"]);
    assert!(!task.path().join("state").exists() && !task.path().join("out").exists());
    assert_eq!((&plan["state"], &plan["shards"]), (&"none".into(), &2.into()));
    assert_eq!(plan["folders"][0]["files"]["new"], 1);
    assert_eq!(
        (&plan["total"]["files"], &plan["total"]["records"]),
        (&3.into(), &4.into())
    );

    task.brigade(&["run", "--once"]).expect(0);
    task.write("data/shop/orders/LOAD2.csv", "9,1.00,\n");
    task.write("data/cdc/b.csv", "DELETE,orders,shop,3,2.00,third\n");
    task.write("data/cdc/d.csv", "DELETE,orders,shop,3,2.00,third\n");
    let plan = task.json(&["plan"]);
    assert_eq!(plan["state"], "checkpoint");
    let files = |folder: usize, name: &str| plan["folders"][folder]["files"][name].as_u64().unwrap();
    assert_eq!(
        (files(0, "done"), files(0, "new"), files(0, "not_read")),
        (1, 0, 1)
    );
    assert_eq!((files(1, "done"), files(1, "new"), files(1, "late")), (2, 2, 1));
    assert_eq!(plan["total"]["records"], 2);
    for warning in [
        "came after the full load",
        "came late, with a name that sorts before one already read",
    ] {
        assert!(has_warning(&plan, warning), "{warning}: {plan:#}");
    }
    let text = task.brigade(&["plan"]).expect(0).stdout;
    assert!(
        text.contains("left (by the checkpoint): 2 files, 64 bytes, about 2 records"),
        "{text}"
    );
}

#[test]
fn what_stands_in_the_way_is_a_warning() {
    let task = task();
    let changes: Vec<_> = (0..2_000)
        .map(|id| format!("INSERT,orders,shop,{id},1.00,\n"))
        .collect();
    let changes = changes.concat();
    task.write("data/cdc/a.csv", &changes);
    task.write("data/stray/file.csv", "1\n");
    task.write("data/shop/orders/LOAD1.csv", "1,abc,\n2,1.00,\n");
    let plan = task.json(&["plan"]);
    for warning in [
        "100 % of the sampled rows have the partition key of cdc/a.csv, line 1;",
        "1 of 2 rows sampled would be dead letters",
        "1 file not read: outside the folders of all tables, the first is stray/file.csv",
    ] {
        assert!(has_warning(&plan, warning), "{warning}: {plan:#}");
    }
    // One shard of the two takes them all, a thousand a second.
    assert_eq!(plan["folders"][1]["left"]["seconds"], 2);
    std::fs::remove_dir_all(task.path().join("data/shop")).unwrap();
    let plan = task.json(&["plan"]);
    assert!(
        has_warning(&plan, "shop.orders: there is no file under"),
        "{plan:#}"
    );
}

#[test]
fn a_record_near_the_limit_or_above_it_is_named() {
    let task = task();
    let definition = std::fs::read_to_string(task.path().join("table-definition.json")).unwrap();
    task.write(
        "table-definition.json",
        &definition.replace("\"50\"", "\"2000000\""),
    );
    for (bytes, warning) in [
        (900_000, "near the 1,048,576 that the stream takes"),
        (
            1_048_500,
            "the stream takes 1,048,576: such rows become dead letters",
        ),
    ] {
        let text = "x".repeat(bytes);
        task.write("data/shop/orders/LOAD1.csv", &format!("1,1.00,{text}\n"));
        let plan = task.json(&["plan"]);
        assert!(has_warning(&plan, warning), "{warning}: {plan:#}");
    }
}

#[test]
fn a_stream_that_cannot_be_asked_gives_times_of_one_shard() {
    let task = TaskFolder::new(&Settings {
        target: "  kinesis:\n    stream: orders\n    region: us-east-1\n    endpoint: http://127.0.0.1:1\n"
            .into(),
        ..Settings::default()
    });
    let plan = task.json(&["plan"]);
    assert_eq!(plan["shards"], Value::Null);
    assert!(has_warning(&plan, "times are those of one shard"), "{plan:#}");
    let text = task.brigade(&["plan", "--offline"]).expect(0).stdout;
    assert!(text.contains("not asked (--offline)"), "{text}");
}

#[test]
fn a_plan_can_be_made_while_the_task_runs() {
    let task = task();
    let running = task.start();
    task_folder::wait_until("the rows are out", || task.records_count() >= 4);
    let plan = task.json(&["plan"]);
    assert_eq!(plan["state"], "unknown");
    drop(running);
}
