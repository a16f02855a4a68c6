//! `brigade tap` and `brigade top`, which look at a task that goes on.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::process::Stdio;

use serde_json::Value;

use crate::task_folder::{RECORDS, Running, Settings, TaskFolder, wait_until};

/// A task that runs and has sent what there was.
fn settled() -> (TaskFolder, Running) {
    let task = TaskFolder::new(&Settings::default());
    let running = task.start();
    wait_until("all is sent", || task.records_count() == RECORDS);
    (task, running)
}

/// What a tap shows of rows that come while it looks.
fn tapped(task: &TaskFolder) -> Vec<Value> {
    let mut command = task.command(&["tap", "--table", "shop.orders", "--limit", "2", "-o", "json"]);
    let mut tap = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut number = 0;
    wait_until("two are shown", || {
        number += 1;
        task.write(
            &format!("data/cdc/n{number:05}.csv"),
            &format!("UPDATE,orders,shop,{number},123456.78,row-{number}\n"),
        );
        std::thread::sleep(std::time::Duration::from_millis(150));
        tap.try_wait().unwrap().is_some()
    });
    let output = tap.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("2 records shown of "), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let records: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), 2, "{text}");
    for record in &records {
        assert_eq!(record["table"], "shop.orders", "{record}");
        let payload = record["payload"].as_str().unwrap();
        assert!(payload.contains("row-"), "only what came since: {payload}");
        let number = record["sequence_number"].as_str().unwrap();
        assert!(number.bytes().all(|digit| digit.is_ascii_digit()), "{record}");
    }
    records
}

fn end(mut running: Running) {
    running.terminate();
    assert_eq!(running.exit_code(), Some(0), "SIGTERM is a clean stop");
}

#[test]
fn records_are_shown_that_arrive_from_now_on_and_no_others() {
    let (task, running) = settled();
    let records = tapped(&task);
    let shard = records[0]["shard_id"].as_str().unwrap();
    // The status is written once a second.
    wait_until("the shard is listed", || {
        task.json(&["shards"])["shards"].to_string().contains(shard)
    });
    end(running);
}

#[cfg(feature = "sandbox")]
#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_stream_are_shown_as_consumers_see_them() {
    use bucket_brigade::sandbox::kinesis::{SandboxKinesis, ShardLimits};
    let kinesis = SandboxKinesis::start(ShardLimits::Off).await.unwrap();
    kinesis.create_stream("orders", 2).await.unwrap();
    let endpoint = kinesis.endpoint();
    let task = TaskFolder::new(&Settings {
        target: format!("  kinesis:\n    stream: orders\n    region: us-west-2\n    endpoint: {endpoint}\n"),
        ..Settings::default()
    });
    let doctor = task.brigade(&["doctor"]).expect(0).stdout;
    assert!(doctor.contains("\nok       clock: within "), "{doctor}");
    task.brigade(&["run", "--once"]).expect(0);
    let running = task.start();
    tapped(&task);
    end(running);
}

#[test]
fn a_tap_is_ended_by_an_interrupt_and_harms_nothing() {
    let (task, running) = settled();
    let mut tap = TaskFolder::start_command(task.command(&["tap"]));
    tap.read_until("from now on");
    tap.signal("-INT");
    assert_eq!(tap.exit_code(), Some(0));
    task.write("data/cdc/z.csv", "UPDATE,orders,shop,9,1.00,last\n");
    wait_until("the task goes on", || task.records_count() == RECORDS + 1);
    end(running);
    task.brigade(&["verify"]).expect(0);
}

#[test]
fn what_cannot_be_tapped_is_said() {
    let task = TaskFolder::new(&Settings::default());
    let ended = task.brigade(&["tap", "--limit", "1"]).expect(66);
    assert!(ended.stderr.contains("does not exist"), "{ended:?}");
    assert!(!task.path().join("out").exists(), "looking makes nothing");
    let ended = task.brigade(&["tap", "--table", "shop.gone"]).expect(64);
    assert!(ended.stderr.contains("shop.orders"), "{ended:?}");
}

#[test]
fn without_a_terminal_the_page_is_printed_once() {
    let task = TaskFolder::new(&Settings::default());
    let text = task.brigade(&["top"]).expect(0).stdout;
    assert!(text.contains("not started yet"), "{text}");
    task.write("data/cdc/d.csv", "INSERT,orders,shop,not a number,1.00,bad\n");
    task.brigade(&["run", "--once"]).expect(0);
    let text = task.brigade(&["top"]).expect(0).stdout;
    assert!(text.starts_with("orders: stopped at 20"), "{text}");
    // Two rows, two changes, two control records of the table; and the bad row.
    assert!(
        text.contains("7 read = 6 delivered + 1 dead letters + 0 left out + 0 in flight"),
        "{text}"
    );
    assert!(text.contains("shop.orders") && text.contains("loaded"), "{text}");
    assert!(text.contains("|                    |   0 %"), "{text}");
    assert!(
        !text.contains('\u{1b}') && !text.contains("not a number"),
        "{text}"
    );
}
