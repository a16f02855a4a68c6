//! Processes that are killed in the middle of an order: nothing is lost, nothing comes twice.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that fails panics, and has to name its seed"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::files;
use crate::orders::{order, snapshot, task_with_orders};
use crate::serve::{ask, end};
use crate::task_folder::{Running, TaskFolder, wait_until};

/// Lives that are cut short, per order.
const KILLS: u64 = 8;
/// Longest wait until an order begins, however busy the machine.
const BEGIN_MAX: Duration = Duration::from_secs(3);

fn start(task: &TaskFolder, address: SocketAddr) -> Running {
    let running = task.start();
    wait_until("it runs", || {
        ask(address, "/readyz").is_some_and(|(code, _)| code == 200)
    });
    running
}

/// Gives an order and kills the process that carries it out, so long after it has begun; says whether it was carried out
/// before that.
fn killed_while(
    task: &TaskFolder,
    address: SocketAddr,
    path: &'static str,
    body: &Value,
    has_begun: impl Fn() -> bool,
    after: Duration,
) -> bool {
    let mut running = start(task, address);
    let body = body.clone();
    let asked = std::thread::spawn(move || order(address, path, &body).is_some_and(|(code, _)| code == 200));
    let asked_at = Instant::now();
    while !has_begun() && asked_at.elapsed() < BEGIN_MAX {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(after);
    running.signal("-KILL");
    running.exit_code();
    asked.join().unwrap()
}

/// When a process is killed: at first before it knows of the order, in the end when it has carried it out.
fn moment(seed: u64, rng: &mut SmallRng) -> Duration {
    match seed {
        0 => Duration::ZERO,
        last if last + 1 == KILLS => Duration::from_secs(3),
        _ => Duration::from_micros(rng.random_range(0..60_000)),
    }
}

/// Every row of the files is in the stream, once for each time that its table was loaded.
fn assert_complete(task: &TaskFolder) {
    let report = task.json(&["verify"]);
    assert_eq!(report["verdict"], "complete", "{report:#}");
    assert_eq!(report["rows_missing"], 0, "{report:#}");
    assert_eq!(report["rows_repeated"], 0, "{report:#}");
}

#[test]
fn a_reload_is_done_or_not_done() {
    let (mut cut_short, mut carried_out) = (0, 0);
    for seed in 0..KILLS {
        eprintln!("SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        let (task, address) = task_with_orders();
        let rows: Vec<_> = (10..4_000).map(|id| format!("{id},1.00,row {id}\n")).collect();
        task.write("data/shop/orders/LOAD2.csv", &rows.concat());
        let running = start(&task, address);
        wait_until("all is sent", || {
            snapshot(address)["status"]["phase"] == "changes"
        });
        end(running);
        let after = moment(seed, &mut rng);
        let body = json!({ "tables": ["shop.orders"] });
        let is_done = killed_while(&task, address, "/api/v1/tables/reload", &body, || true, after);
        cut_short += u64::from(!is_done);
        let ended = task.brigade(&["run", "--once"]).expect(0);
        assert!(ended.stdout.contains("finished"), "{ended:?}");
        let report = task.json(&["verify"]);
        assert_eq!(report["rows_missing"], 0, "{report:#}");
        // Whole loads are there, and each begins with its control records.
        let messages = task.messages();
        let loads = messages.iter().filter(|text| text.contains("drop-table")).count();
        let copies = messages.iter().filter(|text| text.contains("\"row 77\"")).count();
        assert_eq!(copies, loads, "a load that is begun is finished");
        carried_out += u64::from(loads > 1);
        assert!(
            !is_done || loads == 2,
            "an order that was carried out is not forgotten"
        );
    }
    assert!(
        cut_short > 0 && carried_out > 0,
        "{cut_short} cut short, {carried_out} carried out"
    );
}

/// Whether a file is set aside in the state, and nobody has decided about it. A status may be ahead of the state.
fn is_set_aside(task: &TaskFolder) -> bool {
    let listed = task.json(&["files", "list"]);
    listed["files"]
        .as_array()
        .unwrap()
        .iter()
        .any(|file| file["decision"].is_null())
}

#[test]
fn a_file_is_decided_or_not_decided() {
    let mut decided = 0;
    for seed in 0..KILLS {
        eprintln!("SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        let (task, address) = task_with_orders();
        files::put(&task, &files::rows(), |bytes| bytes.truncate(bytes.len() / 2));
        let mut running = start(&task, address);
        wait_until("it is set aside, and all before the break is settled", || {
            snapshot(address)["status"]["in_flight_bytes"] == 0 && is_set_aside(&task)
        });
        running.terminate();
        assert_eq!(running.exit_code(), Some(65), "a file is set aside");
        files::put(&task, &files::rows(), |_bytes| {});
        let after = moment(seed, &mut rng);
        let body = json!({ "key": files::KEY, "decision": "retry_at_mark" });
        let is_done = killed_while(&task, address, "/api/v1/files/decide", &body, || true, after);
        let undecided = is_set_aside(&task);
        assert!(
            !(is_done && undecided),
            "an order that was carried out is not forgotten"
        );
        decided += u64::from(!undecided);
        if undecided {
            let ended = task.brigade(&["run", "--once"]);
            assert_eq!(ended.code, Some(65), "it still waits: {ended:?}");
            task.brigade(&["files", "retry", files::KEY]).expect(0);
        }
        task.brigade(&["run", "--once"]).expect(0);
        assert_complete(&task);
    }
    assert!(decided > 0, "no order came through");
}

/// Dead letters of many rows, good by now.
fn task_with_dead_letters(rows: u64) -> (TaskFolder, SocketAddr) {
    let (task, address) = task_with_orders();
    let row = |id| format!("INSERT,orders,shop,{},12345678901.5,late {id}\n", id + 100);
    let bad: Vec<_> = (0..rows).map(row).collect();
    task.write("data/cdc/e.csv", &bad.concat());
    task.brigade(&["run", "--once"]).expect(0);
    let definition = std::fs::read_to_string(task.path().join("table-definition.json")).unwrap();
    let wider = definition.replace("\"ColumnPrecision\": \"10\"", "\"ColumnPrecision\": \"20\"");
    task.write("table-definition.json", &wider);
    (task, address)
}

#[test]
fn a_replay_that_is_killed_repeats_nothing_when_it_is_ordered_again() {
    const ROWS: u64 = 3_000;
    let mut in_the_middle = 0;
    for seed in 0..KILLS {
        eprintln!("SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        let (task, address) = task_with_dead_letters(ROWS);
        let before = task.records_count();
        for _ in 0..3 {
            let sent = || u64::try_from(task.records_count() - before).unwrap();
            // Also before it sends anything.
            let least = rng.random_range(0..ROWS) / 2;
            let after = Duration::from_micros(rng.random_range(0..5_000));
            let body = json!({ "object": "cdc/e.csv" });
            let path = "/api/v1/dead-letters/replay";
            killed_while(&task, address, path, &body, || sent() >= least, after);
            in_the_middle += u64::from(sent() > 0 && sent() < ROWS);
        }
        let running = start(&task, address);
        let ended = task
            .brigade(&["dlq", "replay", "--object", "cdc/e.csv"])
            .expect(0);
        assert!(
            !ended.stdout.contains("12345678901"),
            "no value of a row over the API"
        );
        end(running);
        let mut copies: BTreeMap<String, u64> = BTreeMap::new();
        for message in task.messages() {
            let message: Value = serde_json::from_str(&message).unwrap();
            let note = message["data"]["note"].as_str().unwrap_or_default().to_owned();
            if note.starts_with("late ") {
                *copies.entry(note).or_default() += 1;
            }
        }
        assert_eq!(u64::try_from(copies.len()).unwrap(), ROWS, "every row is there");
        let repeated: Vec<_> = copies.iter().filter(|(_, count)| **count > 1).collect();
        assert!(
            repeated.is_empty(),
            "{} rows came twice: {:?}",
            repeated.len(),
            repeated.first()
        );
    }
    assert!(in_the_middle > 0, "no replay was killed in its middle");
}
