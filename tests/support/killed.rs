//! Processes that are killed in the middle of an order, whoever gives it: what is set up before, and what must hold after.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test program has no public, and a test that cannot be set up has to fail"
)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::broken_file::{KEY, put, rows};
use crate::task_folder::{Running, TaskFolder, wait_until};

const LETTER_ROWS: u64 = 3_000;
/// Longest wait until an order begins, however busy the machine.
const BEGIN_MAX: Duration = Duration::from_secs(3);

/// An order, as the API takes it and as it is given on the page.
#[derive(Debug, Clone)]
pub struct Order {
    pub path: &'static str,
    pub body: Value,
    /// The button that asks.
    pub button: &'static str,
    /// The button that gives the order.
    pub verb: &'static str,
}

/// When a process is killed: so long after something has happened, or did not for a while.
pub struct Moment<'a> {
    has_begun: &'a dyn Fn() -> bool,
    after: Duration,
}

impl Moment<'_> {
    fn after(after: Duration) -> Self {
        Self {
            has_begun: &|| true,
            after,
        }
    }

    /// Waits until it has come.
    pub fn wait(&self) {
        let asked_at = Instant::now();
        while !(self.has_begun)() && asked_at.elapsed() < BEGIN_MAX {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(self.after);
    }
}

/// Starts a task, gives it an order and kills it at a moment after that; says whether the order was carried out.
pub trait Killer {
    fn kill(&mut self, task: &TaskFolder, address: SocketAddr, order: &Order, moment: &Moment<'_>) -> bool;
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(
            stream,
            "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// Starts a task, and waits until it runs.
pub fn start(task: &TaskFolder, address: SocketAddr) -> Running {
    let running = task.start();
    wait_until("it runs", || is_ready(address));
    running
}

/// What the task last said of itself.
fn status(task: &TaskFolder) -> Value {
    let text = std::fs::read_to_string(task.path().join("state/status.json")).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn end(mut running: Running, code: i32) {
    running.terminate();
    assert_eq!(running.exit_code(), Some(code), "SIGTERM is a clean stop");
}

/// A table that is loaded, is loaded again on order; gives whether the order was carried out, and how many loads there are.
pub fn reload(killer: &mut impl Killer, after: Duration) -> (bool, usize) {
    let (task, address) = TaskFolder::with_orders();
    let rows: Vec<_> = (10..4_000).map(|id| format!("{id},1.00,row {id}\n")).collect();
    task.write("data/shop/orders/LOAD2.csv", &rows.concat());
    let running = start(&task, address);
    wait_until("all is sent", || status(&task)["phase"] == "changes");
    end(running, 0);
    let order = Order {
        path: "/api/v1/tables/reload",
        body: json!({ "tables": ["shop.orders"] }),
        button: "Reload shop.orders",
        verb: "Reload",
    };
    let is_done = killer.kill(&task, address, &order, &Moment::after(after));
    let ended = task.brigade(&["run", "--once"]).expect(0);
    assert!(ended.stdout.contains("finished"), "{ended:?}");
    let report = task.json(&["verify"]);
    assert_eq!(report["rows_missing"], 0, "{report:#}");
    // Whole loads are there, and each begins with its control records.
    let messages = task.messages();
    let loads = messages.iter().filter(|text| text.contains("drop-table")).count();
    let copies = messages.iter().filter(|text| text.contains("\"row 77\"")).count();
    assert_eq!(copies, loads, "a load that is begun is finished");
    assert!(
        !is_done || loads == 2,
        "an order that was carried out is not forgotten"
    );
    (is_done, loads)
}

/// Whether a file is set aside in the state, and nobody has decided about it. A status may be ahead of the state.
fn is_set_aside(task: &TaskFolder) -> bool {
    let listed = task.json(&["files", "list"]);
    let files = listed["files"].as_array().unwrap();
    files.iter().any(|file| file["decision"].is_null())
}

/// A file of which half was missing is read on, on order; says whether that was decided.
pub fn decide(killer: &mut impl Killer, after: Duration) -> bool {
    let (task, address) = TaskFolder::with_orders();
    put(&task, &rows(), |bytes| bytes.truncate(bytes.len() / 2));
    let running = start(&task, address);
    wait_until("it is set aside, and all before the break is settled", || {
        status(&task)["in_flight_bytes"] == 0 && is_set_aside(&task)
    });
    end(running, 65);
    put(&task, &rows(), |_bytes| {});
    let order = Order {
        path: "/api/v1/files/decide",
        body: json!({ "key": KEY, "decision": "retry_at_mark" }),
        button: "Retry cdc/d.csv.gz",
        verb: "Retry",
    };
    let is_done = killer.kill(&task, address, &order, &Moment::after(after));
    let undecided = is_set_aside(&task);
    assert!(
        !(is_done && undecided),
        "an order that was carried out is not forgotten"
    );
    if undecided {
        let ended = task.brigade(&["run", "--once"]);
        assert_eq!(ended.code, Some(65), "it still waits: {ended:?}");
        task.brigade(&["files", "retry", KEY]).expect(0);
    }
    task.brigade(&["run", "--once"]).expect(0);
    let report = task.json(&["verify"]);
    assert_eq!(report["verdict"], "complete", "{report:#}");
    assert_eq!(report["rows_missing"], 0, "{report:#}");
    assert_eq!(report["rows_repeated"], 0, "{report:#}");
    !undecided
}

/// Dead letters of many rows that are good by now are sent on order, killed at some moments, each after a share of them, in
/// per cent, was sent; says how often that was in the middle.
pub fn replay(killer: &mut impl Killer, moments: &[(u64, Duration)]) -> usize {
    let (task, address) = TaskFolder::with_orders();
    let row = |id| format!("INSERT,orders,shop,{},12345678901.5,late {id}\n", id + 100);
    let bad: Vec<_> = (0..LETTER_ROWS).map(row).collect();
    task.write("data/cdc/e.csv", &bad.concat());
    task.brigade(&["run", "--once"]).expect(0);
    let definition = std::fs::read_to_string(task.path().join("table-definition.json")).unwrap();
    let wider = definition.replace("\"ColumnPrecision\": \"10\"", "\"ColumnPrecision\": \"20\"");
    task.write("table-definition.json", &wider);
    let before = task.records_count();
    let order = Order {
        path: "/api/v1/dead-letters/replay",
        body: json!({ "object": "cdc/e.csv" }),
        button: "Replay the dead letters of cdc/e.csv",
        verb: "Replay",
    };
    let mut in_the_middle = 0;
    let sent = || u64::try_from(task.records_count() - before).unwrap();
    for (percent, after) in moments {
        let moment = Moment {
            has_begun: &|| sent() * 100 >= LETTER_ROWS * percent,
            after: *after,
        };
        killer.kill(&task, address, &order, &moment);
        in_the_middle += usize::from(sent() > 0 && sent() < LETTER_ROWS);
    }
    let running = start(&task, address);
    let ended = task
        .brigade(&["dlq", "replay", "--object", "cdc/e.csv"])
        .expect(0);
    assert!(
        !ended.stdout.contains("12345678901"),
        "no value of a row over the API"
    );
    end(running, 0);
    let mut copies: BTreeMap<String, u64> = BTreeMap::new();
    for message in task.messages() {
        let message: Value = serde_json::from_str(&message).unwrap();
        let note = message["data"]["note"].as_str().unwrap_or_default().to_owned();
        if note.starts_with("late ") {
            *copies.entry(note).or_default() += 1;
        }
    }
    assert_eq!(
        u64::try_from(copies.len()).unwrap(),
        LETTER_ROWS,
        "every row is there"
    );
    let repeated: Vec<_> = copies.iter().filter(|(_, count)| **count > 1).collect();
    assert!(
        repeated.is_empty(),
        "{} rows came twice: {:?}",
        repeated.len(),
        repeated.first()
    );
    in_the_middle
}

/// When a process is killed: of so many, the first before it knows of the order, the last when it has carried it out.
pub fn moment(seed: u64, kills: u64, rng: &mut SmallRng) -> Duration {
    match seed {
        0 => Duration::ZERO,
        last if last + 1 == kills => Duration::from_secs(3),
        _ => Duration::from_micros(rng.random_range(0..60_000)),
    }
}
