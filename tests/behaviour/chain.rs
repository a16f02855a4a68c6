//! `source_position: chain`: a consumer that filters processes every row once and in the order of its lane, over
//! kills, partial failures and resharding; a restart finds the same positions again.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail, and one that fails has to name its seed"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bucket_brigade::chain::filter::{ChainFilter, Decision, Gap, Metadata};
use bucket_brigade::chain::position::ChainPosition;
use bucket_brigade::checkpoint::reload::Extent;
use bucket_brigade::checkpoint::store;
use bucket_brigade::settings::{ChangePartitionKey, RunMode, SourcePosition};
use bucket_brigade::sink::memory::{MemorySink, PutFault, StoredRecord};
use bucket_brigade::source::memory::BodyFault;
use bucket_brigade::supervise::pipeline::RunEnd;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use crate::support;
use crate::support::fixtures::{Data, Defect};
use crate::support::journal::Kill;
use crate::support::pipeline::{Run, World};
use crate::support::set_clock::SetClock;

/// Tables with several files, bad rows, and changes that are keyed by row, so that all lanes are used.
fn world(shards_count: u32) -> World {
    let mut data = Data::new(2).with_note_bytes(1_500);
    for number in 0..3 {
        data.load(0, 100 + number * 200);
        data.load_with(
            1,
            150,
            &[
                (number, Defect::FieldMissing),
                (60, Defect::TooLarge),
                (120, Defect::KeyNotANumber),
            ],
        );
    }
    data.changes_with(150, &[(7, Defect::UnknownTable)]);
    data.changes(250);
    chained(data, shards_count)
}

fn chained(data: Data, shards_count: u32) -> World {
    let mut world = World::new(data, shards_count);
    world.put_delay = Duration::from_millis(1);
    world.config.limits.in_flight_bytes = 2 << 20;
    world.config.state.commit_interval = Duration::from_millis(8);
    world.config.message.change_partition_key = ChangePartitionKey::PrimaryKey;
    world.config.message.source_position = SourcePosition::Chain;
    world
}

/// What a consumer makes of a stream.
#[derive(Debug, Default)]
struct Consumer {
    filter: ChainFilter,
    /// Marks of the rows, in the order of their processing.
    rows: Vec<u64>,
    controls_count: usize,
    /// Records that came too often or too early, without sync records.
    dropped_count: usize,
    gaps: Vec<Gap>,
    last: BTreeMap<String, ChainPosition>,
}

impl Consumer {
    fn read<'r>(&mut self, records: impl IntoIterator<Item = &'r StoredRecord>) {
        for record in records {
            let message: Value = serde_json::from_slice(&record.payload).unwrap();
            let metadata: Metadata = serde_json::from_value(message["metadata"].clone()).unwrap();
            match self.filter.accept(&metadata) {
                Decision::Accept => {
                    let position = metadata.position.unwrap();
                    let before = self.last.insert(metadata.lane.unwrap(), position);
                    assert!(before.is_none_or(|before| before < position), "{message}");
                    match message["data"]["mark"].as_u64() {
                        Some(mark) => self.rows.push(mark),
                        None => self.controls_count += 1,
                    }
                }
                Decision::Drop => self.dropped_count += usize::from(metadata.previous.is_some()),
                Decision::Resync(gap) => self.gaps.push(gap),
            }
        }
    }

    /// One that reads everything from the beginning, parents before their children.
    fn of(world: &World) -> Self {
        let mut consumer = Self::default();
        for stream in &world.streams {
            for shard in stream.stored_by_shard() {
                consumer.read(&shard);
            }
        }
        consumer
    }
}

/// The rows of these files that become messages.
fn good_rows<'k>(world: &World, keys: impl IntoIterator<Item = &'k str>) -> Vec<u64> {
    let files = keys.into_iter().map(|key| world.data.file(key));
    let rows = files
        .flat_map(|file| &file.rows)
        .filter(|row| row.defect.is_none());
    let mut rows: Vec<_> = rows.map(|row| row.mark).collect();
    rows.sort_unstable();
    rows
}

#[track_caller]
fn assert_once_and_in_order(world: &World) -> Consumer {
    let consumer = Consumer::of(world);
    assert_eq!(consumer.gaps, [], "no gap was made");
    let mut rows = consumer.rows.clone();
    rows.sort_unstable();
    let keys = world.data.files.iter().map(|file| file.key.as_str());
    assert_eq!(rows, good_rows(world, keys), "every row once");
    assert_eq!(consumer.controls_count, 5, "and every control record");
    consumer
}

/// `(lane, position)` to `previous`, of every record and every copy in all streams.
fn links(world: &World) -> BTreeMap<(String, ChainPosition), ChainPosition> {
    let mut links = BTreeMap::new();
    for record in world.streams.iter().flat_map(MemorySink::stored_in_all) {
        let message: Value = serde_json::from_slice(&record.payload).unwrap();
        let metadata: Metadata = serde_json::from_value(message["metadata"].clone()).unwrap();
        let Some(previous) = metadata.previous else {
            continue;
        };
        let place = (metadata.lane.unwrap(), metadata.position.unwrap());
        let before = links.insert(place.clone(), previous);
        assert!(
            before.is_none_or(|before| before == previous),
            "{place:?} has two places"
        );
    }
    links
}

fn live_and_die(world: &mut World, rng: &mut SmallRng, mut between: impl FnMut(&mut World)) -> u32 {
    let mut kills = 0;
    for _ in 0..3 {
        let run = world.run_until(Kill {
            steps_before: rng.random_range(0..30),
            is_applied: rng.random_bool(0.5),
        });
        if !world.journal.is_dead() {
            run.assert_ended(RunEnd::Finished);
            break;
        }
        kills += 1;
        between(world);
    }
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    kills
}

#[test]
fn a_killed_task_finds_the_same_links_again() {
    let undisturbed = world(3);
    undisturbed.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let calm = assert_once_and_in_order(&undisturbed);
    assert_eq!(calm.dropped_count, 0, "nothing was sent twice");
    let expected = links(&undisturbed);
    let lanes: BTreeSet<_> = expected.keys().map(|(lane, _)| lane).collect();
    assert!(lanes.len() > 100, "{} lanes", lanes.len());
    let (mut kills, mut dropped_count) = (0, 0);
    for seed in 0..15 {
        eprintln!("SEED={seed}");
        let mut world = world(3);
        kills += live_and_die(&mut world, &mut SmallRng::seed_from_u64(seed), |_world| {});
        dropped_count += assert_once_and_in_order(&world).dropped_count;
        assert_eq!(links(&world), expected, "the same links as without a kill");
    }
    assert!(
        kills > 20 && dropped_count > 0,
        "{kills} kills, {dropped_count} copies"
    );
}

#[test]
fn over_kills_and_a_stream_that_fails_in_part_every_row_is_processed_once_and_in_order() {
    let mut dropped_count = 0;
    for seed in 100..108 {
        eprintln!("SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut world = world(3);
        for shard in (0..3).cycle().take(60) {
            let listed: Vec<usize> = (0..4).map(|_| rng.random_range(0..40)).collect();
            let fault = match rng.random_range(0..8) {
                0 => PutFault::ThrottleRecords(listed),
                1 => PutFault::FailRecords(listed),
                2 => PutFault::StoreButFailRecords(listed),
                3 => PutFault::StoreThenTimeOut,
                4 => PutFault::ThrottleRequest,
                _ => PutFault::ThrottleRecords(Vec::new()),
            };
            world.stream().script_for(shard, fault);
        }
        live_and_die(&mut world, &mut rng, |_world| {});
        dropped_count += assert_once_and_in_order(&world).dropped_count;
    }
    assert!(dropped_count > 100, "{dropped_count} copies");
}

#[test]
fn a_lane_moves_as_a_whole_when_shards_are_split_and_merged() {
    for seed in 200..206 {
        eprintln!("SEED={seed}");
        let mut world = world(2);
        let mut steps = [0, 2].into_iter();
        live_and_die(&mut world, &mut SmallRng::seed_from_u64(seed), |world| {
            if let Some(shard) = steps.next() {
                world.stream().split(shard);
            } else {
                world.stream().merge(4, 5);
            }
        });
        assert_once_and_in_order(&world);
    }
}

/// Stops a task at a time that comes when so much is stored, with everything sent that it has read.
fn stop_drained(world: &mut World, stored: usize) -> Run {
    let before = Arc::clone(&world.clock);
    let clock = Arc::new(SetClock::at(0));
    world.clock = Arc::<SetClock>::clone(&clock);
    world.config.stop.at_ms = Some(1_000);
    // So slow that the time comes in the middle.
    world.put_delay = Duration::from_millis(30);
    let run = world.run_while(RunMode::Once, async |mut running| {
        running.until_stored(stored).await;
        clock.set(1_000);
    });
    world.config.stop.at_ms = None;
    world.put_delay = Duration::ZERO;
    world.clock = before;
    run
}

#[test]
fn a_consumer_that_begins_with_a_session_misses_nothing_of_it() {
    let mut world = world(2);
    stop_drained(&mut world, 400).assert_ended(RunEnd::AtTime);
    let before: Vec<usize> = world.stream().stored_by_shard().iter().map(Vec::len).collect();
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let mut late = Consumer::default();
    for (shard, before) in world.stream().stored_by_shard().iter().zip(before) {
        late.read(&shard[before..]);
    }
    assert!(!late.gaps.is_empty(), "it was told where it begins");
    assert!(late.gaps.iter().all(|gap| gap.from == ChainPosition::START));
    assert_eq!(late.dropped_count, 0);
    let whole = assert_once_and_in_order(&world);
    let rows: BTreeSet<_> = late.rows.iter().collect();
    assert!(rows.len() == late.rows.len() && rows.len() < whole.rows.len());
    let earlier = whole.rows.len() - rows.len();
    assert!(whole.rows.iter().filter(|row| !rows.contains(row)).count() == earlier);
}

#[test]
fn behind_an_object_that_was_set_aside_the_chain_goes_on_and_the_gap_is_told() {
    let (mut kills, mut gaps) = (0, 0);
    for steps_before in [5, 8, 11, 14, 17, 20] {
        let mut data = Data::new(1).with_note_bytes(1_500);
        let changed = data.changes(2_500);
        let next = data.changes(80);
        let world = chained(data, 2);
        world.run_until(Kill {
            steps_before,
            is_applied: true,
        });
        if !world.journal.is_dead() {
            continue;
        }
        kills += 1;
        world
            .source
            .put(&changed, b"U,t0,sales,1,1,\"another\"\n".to_vec());
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        let consumer = Consumer::of(&world);
        let rows: BTreeSet<_> = consumer.rows.iter().copied().collect();
        assert_eq!(rows.len(), consumer.rows.len(), "no row twice");
        let missing: Vec<_> = good_rows(&world, [next.as_str()])
            .into_iter()
            .filter(|row| !rows.contains(row))
            .collect();
        assert!(
            missing.is_empty(),
            "rows behind the object, after {steps_before} steps: {missing:?}"
        );
        gaps += consumer.gaps.len();
    }
    assert!(kills > 2 && gaps > 0, "{kills} kills, {gaps} gaps");
}

#[test]
fn a_new_configuration_begins_a_new_chain() {
    let mut world = world(2);
    stop_drained(&mut world, 300).assert_ended(RunEnd::AtTime);
    world.config.message.include_null_and_empty = true;
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let chains = |world: &World| -> BTreeSet<u64> {
        let records = world.stream().stored_in_all().into_iter();
        let chain = |record: StoredRecord| {
            let message: Value = serde_json::from_slice(&record.payload).unwrap();
            message["metadata"]["chain"].as_u64().unwrap()
        };
        records.map(chain).collect()
    };
    assert_eq!(chains(&world).len(), 2);
    // At its time a task stops with everything sent that it has read, so both chains together have every row once.
    assert_once_and_in_order(&world);
}

/// The lanes of a table that is loaded again go on: no gap, and each of its rows once more.
#[test]
fn a_table_that_is_loaded_again_goes_on_in_its_lanes() {
    for percent in [20, 40, 99] {
        let mut world = world(2);
        let stop_at = world.data.messages_count() * percent / 100;
        // Near the end it may be done before the time comes.
        stop_drained(&mut world, stop_at).assert_nothing_in_flight();
        let before = Consumer::of(&world);
        world.reload(&[0], Extent::Some).unwrap();
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        let consumer = Consumer::of(&world);
        assert_eq!(consumer.gaps, [], "{percent}");
        let files = world.data.files.iter();
        let again: Vec<_> = files
            .filter(|file| file.queue == support::fixtures::load_queue(0))
            .map(|file| file.key.as_str())
            .collect();
        let again = good_rows(&world, again);
        let keys = world.data.files.iter().map(|file| file.key.as_str());
        let mut expected = good_rows(&world, keys);
        // What was processed of the table before is processed once more.
        expected.extend(before.rows.iter().filter(|mark| again.contains(mark)));
        expected.sort_unstable();
        let mut rows = consumer.rows;
        rows.sort_unstable();
        assert_eq!(rows, expected, "{percent}");
    }
}

/// A file that was set aside and is read again goes on in its lanes.
#[test]
fn a_file_that_is_read_again_is_processed_once_and_to_its_end() {
    let (data, key) = Data::of_three_files();
    let world = chained(data, 2);
    let repaired = world.data.file(&key).bytes.clone();
    world.source.inject(&key, 600_000, BodyFault::Replaced(repaired));
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    assert!(world.set_aside(&key).1.ordinal > 0, "some of it was sent");
    world.decide(&key, store::Decision::RetryAtMark);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let mut rows = Consumer::of(&world).rows;
    rows.sort_unstable();
    let keys = world.data.files.iter().map(|file| file.key.as_str());
    let mut expected = good_rows(&world, keys);
    expected.sort_unstable();
    assert_eq!(rows, expected);
}
