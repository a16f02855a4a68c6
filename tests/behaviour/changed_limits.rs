//! What may change between two lives of a task without a row getting lost: limits that decide what a row is.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot be set up has to fail, and one that fails has to name its seed"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use bucket_brigade::settings::{Guarantee, RunMode};
use bucket_brigade::sink::memory::{MemorySink, PutFault};
use bucket_brigade::supervise::pipeline::RunEnd;
use serde_json::Value;

use crate::support::fixtures::Data;
use crate::support::journal::Kill;
use crate::support::pipeline::World;

const KEY: &str = "sales/t0/LOAD00000001.csv";
const ROWS: u64 = 9_000;
/// Every so many rows one has many lines, which are rows of their own where it is too long.
const TALL_EVERY: u64 = 60;

/// A file whose records are others under another limit of a row.
fn file() -> String {
    let tall = vec!["a line of a note that has many of them, all in one field"; 30].join("\n");
    (0..ROWS).fold(String::new(), |mut text, id| {
        let note = if id % TALL_EVERY == 0 { &tall } else { "short" };
        writeln!(text, "{id},{id},\"{note}\"").unwrap();
        text
    })
}

/// The rows that arrived in any stream.
fn arrived(world: &World) -> BTreeSet<u64> {
    let stored = world.streams.iter().flat_map(MemorySink::stored_in_all);
    let rows = stored.filter_map(|record| {
        let message: Value = serde_json::from_slice(&record.payload).unwrap();
        message.pointer("/data/id").and_then(Value::as_u64)
    });
    rows.collect()
}

/// Kills a task under one limit while a shard lags and goes on under another; gives the rows that never arrived
/// though they are rows under both.
fn missing(guarantee: Guarantee, steps_before: u64, first: usize, second: usize) -> (bool, Vec<u64>) {
    let mut world = World::new(Data::new(1), 3);
    world.source.put(KEY, file());
    world.config.delivery.guarantee = guarantee;
    world.config.limits.row_bytes_max = first;
    // Little room, so that the lagging shard holds the others up in the middle of the file.
    world.config.limits.in_flight_bytes = 512 << 10;
    world.config.state.commit_interval = Duration::from_millis(5);
    world.put_delay = Duration::from_millis(2);
    for _ in 0..6 {
        world.stream().script_for(1, PutFault::ThrottleRequest);
    }
    let killed = world.run_until(Kill {
        steps_before,
        is_applied: true,
    });
    world.config.limits.row_bytes_max = second;
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let arrived = arrived(&world);
    let rows = (0..ROWS).filter(|id| id % TALL_EVERY != 0 && !arrived.contains(id));
    (killed.is_killed, rows.collect())
}

#[test]
fn another_limit_of_a_row_after_a_crash_loses_no_row() {
    let mut kills = 0;
    for guarantee in [Guarantee::AtLeastOnce, Guarantee::Dedupe] {
        for (first, second) in [(1 << 10, 64 << 10), (64 << 10, 1 << 10)] {
            for steps_before in (5..65).step_by(15) {
                let (is_killed, missing) = missing(guarantee, steps_before, first, second);
                kills += usize::from(is_killed);
                assert!(
                    missing.is_empty(),
                    "{guarantee:?}, {first} then {second}, killed before step {steps_before}: rows {missing:?}"
                );
            }
        }
    }
    assert!(kills >= 8, "only {kills} lives were killed");
}
