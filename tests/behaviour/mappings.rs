//! Table mappings over the whole path: what they leave out is settled without being sent, whatever happens on the way.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot be set up has to fail"
)]

use std::collections::BTreeSet;

use bucket_brigade::chain::filter::{ChainFilter, Decision, Metadata};
use bucket_brigade::checkpoint::store::ObjectState;
use bucket_brigade::model::Operation;
use bucket_brigade::settings::{Guarantee, RunMode, SourcePosition};
use bucket_brigade::supervise::pipeline::RunEnd;
use serde_json::Value;

use crate::support::fixtures::{Data, Row};
use crate::support::journal::Kill;
use crate::support::pipeline::World;

/// `t0` from mark 100 on, `t1` under another name, `t2` not at all, and where each row comes from.
const MAPPINGS: &str = r#"{"rules":[
{"rule-type":"selection","rule-id":1,"rule-name":"a","rule-action":"include","load-order":1,
 "object-locator":{"schema-name":"sales","table-name":"t0"},
 "filters":[{"filter-type":"source","column-name":"mark","filter-conditions":[{"filter-operator":"gte","value":"100"}]}]},
{"rule-type":"selection","rule-id":2,"rule-name":"b","rule-action":"include","load-order":2,
 "object-locator":{"schema-name":"sales","table-name":"t1"}},
{"rule-type":"transformation","rule-id":3,"rule-name":"c","rule-target":"table","rule-action":"rename","value":"renamed",
 "object-locator":{"schema-name":"sales","table-name":"t1"}},
{"rule-type":"transformation","rule-id":4,"rule-name":"d","rule-target":"column","rule-action":"add-column","value":"origin",
 "expression":"$AR_H_OPERATION || ' ' || $AR_H_STREAM_POSITION || $AR_H_TIMESTAMP","data-type":{"type":"string"},
 "object-locator":{"schema-name":"sales","table-name":"%"}}]}"#;

fn world() -> World {
    let mut data = Data::new(3);
    for table in 0..3 {
        data.load(table, 120);
        data.load(table, 40);
    }
    for _ in 0..3 {
        data.changes(150);
    }
    let mut world = World::new(data, 3);
    world.map(MAPPINGS);
    world
}

fn is_sent(row: &Row) -> bool {
    match row.table {
        0 => row.mark >= 100,
        1 => true,
        _ => false,
    }
}

/// Marks of rows, by what decides whether they are sent.
fn marks(world: &World, wanted: impl Fn(&Row) -> bool) -> BTreeSet<u64> {
    let rows = world.data.files.iter().flat_map(|file| &file.rows);
    rows.filter(|row| wanted(row)).map(|row| row.mark).collect()
}

/// Mark and table name of every data record in the stream.
fn stored(world: &World) -> Vec<(u64, String)> {
    let records = world.stream().stored_in_all();
    let parts = records.iter().filter_map(|record| {
        let message: Value = serde_json::from_slice(&record.payload).unwrap();
        let mark = message["data"]["mark"].as_u64()?;
        Some((
            mark,
            message["metadata"]["table-name"].as_str().unwrap().to_owned(),
        ))
    });
    parts.collect()
}

#[test]
fn what_the_rules_leave_out_is_settled_counted_and_not_sent() {
    let world = world();
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    let stored = stored(&world);
    let sent: BTreeSet<u64> = stored.iter().map(|(mark, _)| *mark).collect();
    assert_eq!(sent, marks(&world, is_sent));
    assert_eq!(stored.len(), sent.len(), "each once");
    let names: BTreeSet<&str> = stored.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["t0", "renamed"]));

    // Q1, per table and per file: what was read is what was delivered and what was left out.
    let of_table = |table: usize| &run.status.tables[table].statistics;
    let count = |wanted: &dyn Fn(&Row) -> bool| u64::try_from(marks(&world, wanted).len()).unwrap();
    assert_eq!(
        of_table(0).table_name,
        "t0",
        "statistics keep the name of the source"
    );
    assert_eq!(
        of_table(0).filtered_rows,
        count(&|row| row.table == 0 && row.mark < 100)
    );
    assert_eq!(
        of_table(0).full_load_rows,
        count(&|row| row.table == 0 && row.operation == Operation::Load && row.mark >= 100)
    );
    assert_eq!(of_table(1).filtered_rows, 0);
    assert_eq!(
        run.status.unselected_rows,
        count(&|row| row.table == 2 && row.operation != Operation::Load)
    );
    for file in world
        .data
        .files
        .iter()
        .filter(|file| !file.key.starts_with("sales/t2/"))
    {
        let Some(ObjectState::Done(totals)) = world.entry(&file.key).map(|entry| entry.state) else {
            panic!("{} is not done", file.key);
        };
        let sent = u64::try_from(file.rows.iter().filter(|row| is_sent(row)).count()).unwrap();
        assert_eq!(
            (totals.delivered, totals.dead_lettered),
            (sent, 0),
            "{}",
            file.key
        );
        assert_eq!(totals.records, sent + totals.filtered, "{}", file.key);
    }
    assert!(
        world.entry("sales/t2/LOAD00000005.csv").is_none(),
        "its files are not even listed"
    );
}

#[test]
fn a_kill_in_the_middle_loses_nothing_that_is_to_be_sent() {
    let world = world();
    for requests in [2, 5, 9] {
        world.run_until(Kill {
            steps_before: requests,
            is_applied: requests % 2 == 0,
        });
    }
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let sent: BTreeSet<u64> = stored(&world).iter().map(|(mark, _)| *mark).collect();
    assert_eq!(sent, marks(&world, is_sent));
    let before = stored(&world).len();
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    assert_eq!(stored(&world).len(), before, "a clean stop repeats nothing");
}

#[test]
fn a_row_that_is_rendered_once_more_is_recognised_in_the_stream() {
    let mut world = world();
    world.config.delivery.guarantee = Guarantee::Dedupe;
    for requests in [3, 4, 7] {
        world.run_until(Kill {
            steps_before: requests,
            is_applied: true,
        });
        assert!(world.journal.is_dead(), "killed at request {requests}");
    }
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let stored = stored(&world);
    let sent: BTreeSet<u64> = stored.iter().map(|(mark, _)| *mark).collect();
    assert_eq!(sent, marks(&world, is_sent));
    assert_eq!(
        stored.len(),
        sent.len(),
        "expressions give the same for the same row"
    );
}

#[test]
fn a_chain_goes_on_over_what_is_left_out() {
    let mut world = world();
    world.config.message.source_position = SourcePosition::Chain;
    for requests in [4, 6] {
        world.run_until(Kill {
            steps_before: requests,
            is_applied: requests == 4,
        });
    }
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let (mut filter, mut accepted) = (ChainFilter::default(), Vec::new());
    for record in world.stream().stored_by_shard().concat() {
        let message: Value = serde_json::from_slice(&record.payload).unwrap();
        let metadata: Metadata = serde_json::from_value(message["metadata"].clone()).unwrap();
        match filter.accept(&metadata) {
            Decision::Accept => accepted.extend(message["data"]["mark"].as_u64()),
            Decision::Drop => {}
            Decision::Resync(gap) => panic!("{gap:?}"),
        }
    }
    let distinct: BTreeSet<u64> = accepted.iter().copied().collect();
    assert_eq!(distinct, marks(&world, is_sent));
    assert_eq!(accepted.len(), distinct.len(), "each once");
}
