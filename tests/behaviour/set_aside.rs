//! Files that were set aside, and what a person decides of them.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has to fail")]

use std::time::Duration;

use bucket_brigade::checkpoint::decide::{NotDecided, decide};
use bucket_brigade::checkpoint::resume_table::{NotResumed, resume_table};
use bucket_brigade::checkpoint::store::{CheckpointStore, Decision, ObjectEntry, ObjectState};
use bucket_brigade::settings::{ChangedObjects, Guarantee, LateFiles, RunMode};
use bucket_brigade::source::memory::BodyFault;
use bucket_brigade::supervise::pipeline::RunEnd;

use crate::objects::late_world;
use crate::support::expectation::{Expectation, Order};
use crate::support::fixtures::Data;
use crate::support::journal::Kill;
use crate::support::oracle::judge;
use crate::support::pipeline::World;

/// A task that set a load file aside in its middle, because it was replaced by a version that begins like it.
fn world_with_a_repaired_file() -> (World, String) {
    let (data, key) = Data::of_three_files();
    let world = World::busy(data, 2);
    let repaired = world.data.file(&key).bytes.clone();
    world.source.inject(&key, 600_000, BodyFault::Replaced(repaired));
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let (_reason, mark) = world.set_aside(&key);
    assert!(mark.ordinal > 0 && mark.ordinal < 1_500, "{mark:?}");
    (world, key)
}

/// Its rows come after those that were read meanwhile.
fn read_again(key: &str) -> Expectation {
    Expectation {
        late: vec![key.to_owned()],
        order: Order::NotYet,
        is_resumed: true,
        ..Expectation::flawless()
    }
}

#[test]
fn a_repaired_file_is_read_on_at_the_row_where_the_old_one_broke() {
    let (world, key) = world_with_a_repaired_file();
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless().with_set_aside(&key));
    world.decide(&key, Decision::RetryAtMark);
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    judge(&world, &read_again(&key));
    let statistics = &run.status.tables.first().unwrap().statistics;
    assert_eq!(
        (statistics.objects_quarantined, statistics.full_load_rows),
        (0, 1_700)
    );
    let requests = world.stream().requests_count();
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    assert_eq!(world.stream().requests_count(), requests, "it is read once");
}

#[test]
fn a_crash_changes_nothing_about_a_file_that_is_read_again() {
    for steps_before in 0..8 {
        let (world, key) = world_with_a_repaired_file();
        world.decide(&key, Decision::RetryAtMark);
        let kill = Kill {
            steps_before,
            is_applied: steps_before % 2 == 0,
        };
        world.run_until(kill);
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        let expectation = Expectation {
            repeats: Expectation::over_lives().repeats,
            ..read_again(&key)
        };
        judge(&world, &expectation);
    }
}

#[test]
fn a_file_that_is_read_from_its_beginning_is_sent_as_a_whole() {
    let (world, key) = world_with_a_repaired_file();
    let (_reason, mark) = world.set_aside(&key);
    let before = world.stream().stored_in_all().len();
    world.decide(&key, Decision::RetryFromBeginning);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let entry = world.entry(&key).unwrap();
    let ObjectState::Done(totals) = entry.state else {
        panic!("{entry:?}");
    };
    assert_eq!(totals.records, 1_500);
    assert_eq!(world.stream().stored_in_all().len() - before, 1_500, "{mark:?}");
}

#[test]
fn a_file_that_is_skipped_is_not_read_whatever_becomes_of_it() {
    let (world, key) = world_with_a_repaired_file();
    world.decide(&key, Decision::Skip);
    let requests = world.stream().requests_count();
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    assert_eq!(world.stream().requests_count(), requests);
    judge(&world, &Expectation::flawless().with_set_aside(&key));
    world.decide(&key, Decision::RetryAtMark);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &read_again(&key));
}

#[test]
fn a_late_file_that_was_set_aside_is_read_if_a_person_says_so() {
    let (mut world, key) = late_world(LateFiles::Quarantine);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    world.put(&key);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(
        &world,
        &Expectation {
            late: vec![key.clone()],
            ..Expectation::flawless().with_set_aside(&key)
        },
    );
    world.decide(&key, Decision::RetryAtMark);
    for late_files in [LateFiles::Quarantine, LateFiles::Stop] {
        world.config.source.late_files = late_files;
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        judge(&world, &read_again(&key));
    }
}

#[test]
fn a_file_that_breaks_again_is_set_aside_again_where_it_broke() {
    let (world, key) = world_with_a_repaired_file();
    let (_reason, first) = world.set_aside(&key);
    world.decide(&key, Decision::RetryAtMark);
    world.source.inject(&key, 800_000, BodyFault::Removed);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let (_reason, second) = world.set_aside(&key);
    assert!(second.ordinal > first.ordinal, "{first:?}, {second:?}");
    world.put(&key);
    world.decide(&key, Decision::RetryAtMark);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &read_again(&key));
}

/// A task that was killed in the middle of a load file, which another version took the place of then.
fn world_with_a_file_replaced_after_a_kill(changed: ChangedObjects) -> (World, String) {
    let (data, key) = Data::of_three_files();
    let mut world = World::busy(data, 2);
    world.config.delivery.guarantee = Guarantee::Dedupe;
    world.config.source.changed_objects = changed;
    // Nothing is committed in the middle of the file, so all that was sent of it is in doubt.
    world.config.state.commit_interval = Duration::from_mins(1);
    let kill = Kill {
        steps_before: 6,
        is_applied: true,
    };
    assert!(world.run_until(kill).is_killed, "it ended before the kill");
    assert!(!world.stream().stored_in_all().is_empty(), "nothing was sent");
    let mut text = world.data.file(&key).bytes.to_vec();
    text.extend_from_slice(b"1,2,3\n");
    world.source.put(&key, text);
    (world, key)
}

fn refusal(world: &World, entry: &ObjectEntry) -> Option<NotDecided> {
    let checkpoint = world.store.reopen().unwrap().load().unwrap();
    decide(&checkpoint, entry, None, Decision::RetryAtMark, false).err()
}

/// Otherwise a retry would send what is there already, in silence.
#[test]
fn what_a_killed_process_sent_of_a_version_that_is_gone_stays_in_doubt_over_clean_stops() {
    let (world, key) = world_with_a_file_replaced_after_a_kill(ChangedObjects::Quarantine);
    for _ in 0..2 {
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        let entry = world.entry(&key).unwrap();
        let refused = refusal(&world, &entry);
        assert!(matches!(refused, Some(NotDecided::Repeats { .. })), "{refused:?}");
    }
}

#[test]
fn a_table_that_such_a_file_suspended_leaves_it_in_doubt_too() {
    let (world, key) = world_with_a_file_replaced_after_a_kill(ChangedObjects::SuspendTable);
    // Files after it are not read any more, and nothing of them is in doubt from the next start on.
    world.run(RunMode::Once);
    let ended = world.run(RunMode::Once);
    assert!(ended.status.clean_stop, "{:?}", ended.end);
    let store = world.store.reopen().unwrap();
    let entry = world.entry(&key).unwrap();
    let table = entry.id.queue.as_str().trim_start_matches("load:").to_owned();
    // The files after it are not read, so nobody compares them either.
    let refused = resume_table(&store.load().unwrap(), &table, false).unwrap_err();
    assert!(matches!(refused, NotResumed::Repeats { .. }), "{refused:?}");
    let resumed = resume_table(&store.load().unwrap(), &table, true).unwrap();
    store.commit(&resumed.delta).unwrap();
    let refused = refusal(&world, &world.entry(&key).unwrap());
    assert!(matches!(refused, Some(NotDecided::Repeats { .. })), "{refused:?}");
}
