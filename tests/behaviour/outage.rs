//! The source or the target is away: what needs it waits, the rest goes on, and everything ends by itself.
//!
//! The pipeline runs on threads of its own, whose clocks cannot be made to jump; so here outages of it last seconds, and
//! long ones are those of the seams, on a scale of a second to sixty.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail"
)]

use std::sync::Arc;
use std::time::Duration;

use bucket_brigade::checkpoint::status::TaskStatus;
use bucket_brigade::clock::SystemClock;
use bucket_brigade::delays::Delays;
use bucket_brigade::fault::FaultKind;
use bucket_brigade::flow::outage::{Outages, Side, Timing};
use bucket_brigade::flow::waiters::Waiters;
use bucket_brigade::route::shard_map::ShardMap;
use bucket_brigade::settings::{Guarantee, RunMode};
use bucket_brigade::sink::memory::{MemorySink, PutFault};
use bucket_brigade::sink::patient::PatientSink;
use bucket_brigade::sink::{ReadStart, RecordSink};
use bucket_brigade::source::memory::MemorySource;
use bucket_brigade::source::patient::PatientSource;
use bucket_brigade::source::{ObjectSource, SourceError};
use bucket_brigade::supervise::pipeline::RunEnd;
use futures_util::{StreamExt, TryStreamExt};
use tokio::time::Instant;

use crate::support::expectation::Expectation;
use crate::support::fixtures::Data;
use crate::support::oracle::judge;
use crate::support::pipeline::{Running, World};

/// How long an outage of the pipeline lasts: longer than it takes until it is told.
const OUTAGE: Duration = Duration::from_secs(3);
/// A minute of the seams.
const MINUTE: Duration = Duration::from_millis(60);

/// Two tables with files to load for a while, and changes.
fn loading_world() -> World {
    let mut data = Data::new(2).with_note_bytes(2_000);
    for table in [0, 1, 0, 1] {
        data.load(table, 600);
    }
    data.changes(100);
    World::busy(data, 2)
}

fn sides(status: &Arc<TaskStatus>) -> Vec<Side> {
    status.outages.iter().map(|outage| outage.side).collect()
}

/// Waits until the status says that a side is away, then that it is back, after it was let.
async fn see_through(running: &mut Running, side: Side, let_back: impl FnOnce()) {
    running.until(|status| sides(status) == [side]).await;
    tokio::time::sleep(OUTAGE).await;
    let_back();
    running.until(|status| status.outages.is_empty()).await;
}

#[test]
fn a_source_that_is_away_while_tables_are_loaded_is_read_on_at_the_byte() {
    let world = loading_world();
    let run = world.run_while(RunMode::Once, async |mut running| {
        running.until_stored(200).await;
        world.source.set_away(true);
        see_through(&mut running, Side::Source, || world.source.set_away(false)).await;
    });
    run.assert_ended(RunEnd::Finished);
    assert_eq!(run.status.generation, 1, "no restart");
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_source_that_is_away_while_nothing_is_to_do_is_listed_on() {
    let mut world = loading_world();
    let later = world.data.changes(40);
    world.source.remove(&later);
    let run = world.run_while(RunMode::Continuous, async |mut running| {
        running.until(|status| status.changes.ended == 1).await;
        world.source.set_away(true);
        world.put(&later);
        see_through(&mut running, Side::Source, || world.source.set_away(false)).await;
        running.until(|status| status.changes.ended == 2).await;
        world.stop_when_settled(&running).await;
    });
    run.assert_ended(RunEnd::Stopped);
    assert_eq!(run.status.generation, 1, "no restart");
    judge(&world, &Expectation::flawless());
}

/// What was read is sent and committed, although nothing more can be read.
#[test]
fn while_the_source_is_away_the_shards_are_sent_to_and_commits_go_on() {
    let world = loading_world();
    let run = world.run_while(RunMode::Continuous, async |mut running| {
        running.until_stored(200).await;
        world.source.set_away(true);
        running.until(|status| sides(status) == [Side::Source]).await;
        running.until(|status| status.in_flight_bytes == 0).await;
        let delivered: u64 = running
            .status
            .borrow()
            .shards
            .iter()
            .map(|shard| shard.records)
            .sum();
        assert_eq!(delivered, u64::try_from(running.stored_so_far()).unwrap());
        running.stop.cancel();
    });
    run.assert_ended(RunEnd::Stopped);
    judge(&world, &Expectation::flawless().unfinished());
}

#[test]
fn a_target_that_is_away_is_waited_for_and_nothing_is_sent_twice() {
    for guarantee in [Guarantee::Dedupe, Guarantee::AtLeastOnce] {
        let mut world = loading_world();
        world.config.delivery.guarantee = guarantee;
        let run = world.run_while(RunMode::Once, async |mut running| {
            running.until_stored(200).await;
            world.stream().set_away(true);
            see_through(&mut running, Side::Target, || world.stream().set_away(false)).await;
        });
        run.assert_ended(RunEnd::Finished);
        assert_eq!(run.status.generation, 1, "no restart");
        judge(&world, &Expectation::flawless());
    }
}

#[test]
fn a_task_that_starts_during_an_outage_begins_when_it_is_over() {
    let world = loading_world();
    world.source.set_away(true);
    world.stream().set_away(true);
    let run = world.run_while(RunMode::Once, async |mut running| {
        see_through(&mut running, Side::Target, || world.stream().set_away(false)).await;
        see_through(&mut running, Side::Source, || world.source.set_away(false)).await;
    });
    run.assert_ended(RunEnd::Finished);
    assert_eq!(run.status.generation, 1, "no restart");
    judge(&world, &Expectation::flawless());
}

#[test]
fn requests_that_always_fail_are_made_less_and_less_often_and_end_the_task() {
    let mut world = loading_world();
    world.config.delivery.guarantee = Guarantee::Dedupe;
    world.config.limits.outage_patience = Some(OUTAGE);
    world.stream().set_lasting(Some(PutFault::TimeOut));
    let began = Instant::now();
    let fault = world.run(RunMode::Once).assert_failed(FaultKind::Outlasted, 69);
    let took = began.elapsed();
    assert!(took >= OUTAGE && took < OUTAGE * 4, "{took:?}");
    assert!(
        fault.message.contains("the target was away") && fault.message.contains("limits.outage_patience"),
        "{fault}"
    );
    let requests = world.stream().requests_count();
    assert!(requests < 60, "{requests} requests");
    world.stream().set_lasting(None);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::over_lives());
}

#[test]
fn a_source_that_stays_away_ends_the_task_when_the_patience_does() {
    let mut world = loading_world();
    world.config.limits.outage_patience = Some(Duration::from_secs(1));
    world.source.set_away(true);
    let fault = world.run(RunMode::Once).assert_failed(FaultKind::Outlasted, 69);
    assert!(fault.message.contains("the source was away"), "{fault}");
    world.source.set_away(false);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::over_lives());
}

/// Stops a run once a side is told to be away; says whether it left nothing in doubt.
fn stop_while_away(world: &World, side: Side, leave: impl FnOnce(&World)) -> bool {
    let mut stopped_at = Instant::now();
    let run = world.run_while(RunMode::Continuous, async |mut running| {
        running.until_stored(200).await;
        leave(world);
        running.until(|status| sides(status) == [side]).await;
        stopped_at = Instant::now();
        running.stop.cancel();
    });
    let took = stopped_at.elapsed();
    assert_eq!(run.end, Ok(RunEnd::Stopped), "{side} away");
    assert!(took < Duration::from_secs(2), "{side} away: {took:?}");
    assert_eq!(run.status.outages, [], "a task that has ended waits for nothing");
    run.status.clean_stop
}

#[test]
fn a_stop_does_not_wait_for_the_end_of_an_outage() {
    let world = loading_world();
    assert!(stop_while_away(&world, Side::Source, |world| world
        .source
        .set_away(true)));
    world.source.set_away(false);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());

    for guarantee in [Guarantee::Dedupe, Guarantee::AtLeastOnce] {
        // Nothing that did not reach the stream is in doubt.
        let mut world = loading_world();
        world.config.delivery.guarantee = guarantee;
        assert!(stop_while_away(&world, Side::Target, |world| {
            world.stream().set_away(true);
        }));
        world.stream().set_away(false);
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        judge(&world, &Expectation::flawless());
        // What may have reached it is.
        let mut world = loading_world();
        world.config.delivery.guarantee = guarantee;
        assert!(!stop_while_away(&world, Side::Target, |world| {
            world.stream().set_lasting(Some(PutFault::TimeOut));
        }));
        world.stream().set_lasting(None);
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        judge(&world, &Expectation::over_lives());
    }
}

#[test]
fn a_stop_before_the_first_answer_is_clean() {
    for side in [Side::Source, Side::Target] {
        let world = loading_world();
        world.source.set_away(side == Side::Source);
        world.stream().set_away(side == Side::Target);
        let run = world.run_while(RunMode::Continuous, async |mut running| {
            running.until(|status| sides(status) == [side]).await;
            running.stop.cancel();
        });
        assert_eq!(run.end, Ok(RunEnd::Stopped), "{side}");
        world.source.set_away(false);
        world.stream().set_away(false);
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        judge(&world, &Expectation::flawless());
    }
}

fn outages(patience: Option<Duration>) -> Outages {
    let timing = Timing {
        delays: Delays {
            spread: 1.0,
            ..Delays::new(MINUTE / 120, MINUTE / 4)
        },
        told_after: MINUTE / 30,
        silent_after: MINUTE / 6,
    };
    Outages::new(patience, timing, Arc::new(SystemClock))
}

/// Ten seconds to ten minutes.
fn lengths() -> [Duration; 3] {
    [MINUTE / 6, MINUTE, MINUTE * 10]
}

#[tokio::test]
async fn a_body_is_handed_out_whole_over_outages_of_any_length() {
    let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let memory = MemorySource::new().with_piece_bytes(10_007);
    let version = memory.put("a", content.clone());
    let source = PatientSource::new(Arc::new(memory.clone()), outages(None));
    for length in lengths() {
        let mut body = source.read(&version, 3).await.unwrap();
        let mut read = body.try_next().await.unwrap().unwrap().to_vec();
        for _ in 0..2 {
            memory.set_away(true);
            let back = async {
                tokio::time::sleep(length).await;
                memory.set_away(false);
            };
            let (piece, ()) = tokio::join!(body.try_next(), back);
            read.extend(piece.unwrap().unwrap());
        }
        let rest: Vec<_> = body.try_collect().await.unwrap();
        read.extend(rest.concat());
        assert_eq!(read, content[3..], "{length:?}");
    }
}

#[tokio::test]
async fn who_waits_for_bytes_is_counted_as_long_as_that() {
    let memory = MemorySource::new().with_piece_bytes(10);
    let version = memory.put("a", vec![0; 100]);
    let waiters = Waiters::default();
    let source = PatientSource::new(Arc::new(memory.clone()), outages(None)).with_waiters(&waiters);
    let mut body = source.read(&version, 0).await.unwrap();
    body.try_next().await.unwrap().unwrap();
    assert_eq!(waiters.count(), 0, "there are bytes");
    memory.set_away(true);
    assert!(futures_util::poll!(body.next()).is_pending());
    assert_eq!(waiters.count(), 1, "the source is away");
    memory.set_away(false);
    body.try_next().await.unwrap().unwrap();
    assert_eq!(waiters.count(), 0, "it is back");
    memory.set_away(true);
    assert!(futures_util::poll!(body.next()).is_pending());
    drop(body);
    assert_eq!(waiters.count(), 0, "nobody wants them any more");
}

#[tokio::test]
async fn a_listing_and_a_description_come_when_the_outage_is_over() {
    let (memory, stream) = (
        MemorySource::new(),
        MemorySink::new(&ShardMap::uniform(1).unwrap()),
    );
    memory.put("a", "1");
    let outages = outages(None);
    let source = PatientSource::new(Arc::new(memory.clone()), outages.clone());
    let sink = PatientSink::new(Arc::new(stream.clone()), outages.clone());
    for length in lengths() {
        memory.set_away(true);
        stream.set_away(true);
        let back = async {
            tokio::time::sleep(length).await;
            memory.set_away(false);
            stream.set_away(false);
        };
        let (page, stream, ()) = tokio::join!(source.list("", None), sink.describe(), back);
        assert_eq!(page.unwrap().objects.len(), 1, "{length:?}");
        let shard = stream.unwrap().shards.shards()[0].clone();
        let mut reader = sink.read(&shard, ReadStart::Oldest).await.unwrap();
        assert_eq!(reader.next_page().await.unwrap().records, []);
        assert_eq!(outages.current(), [], "{length:?}");
    }
}

#[tokio::test]
async fn what_no_waiting_cures_is_said_at_once() {
    let memory = MemorySource::new();
    let version = memory.put("a", "12");
    let source = PatientSource::new(Arc::new(memory.clone()), outages(None));
    memory.fail_next_list(SourceError::Missing { location: "m".into() });
    let listed = source.list("", None).await;
    assert!(matches!(listed, Err(SourceError::Missing { .. })), "{listed:?}");
    memory.put("a", "34");
    let read = source.read(&version, 0).await.map(drop);
    assert!(matches!(read, Err(SourceError::Changed { .. })), "{read:?}");
}
