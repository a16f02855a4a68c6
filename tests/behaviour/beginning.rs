//! Where the changes of a task begin: decided once, kept over crashes and configurations, and nothing in front of it is
//! read or passed over without a word.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail"
)]

use bucket_brigade::checkpoint::store::CheckpointStore;
use bucket_brigade::fault::FaultKind;
use bucket_brigade::model::start::StartPoint;
use bucket_brigade::settings::{ChangesFrom, LateFiles, RunMode};
use bucket_brigade::supervise::pipeline::RunEnd;

use crate::support::expectation::Expectation;
use crate::support::fixtures::{CHANGES_FOLDER, Data, File};
use crate::support::journal::Kill;
use crate::support::oracle::judge;
use crate::support::pipeline::World;

/// A task with a table, and change files of which the first ones stay out of the data set: none of them may be read.
fn world_with(files_in_front: usize) -> (World, Vec<File>) {
    let mut data = Data::new(1);
    data.load(0, 20);
    for _ in 0..files_in_front + 3 {
        data.changes(15);
    }
    let mut world = World::new(data, 2);
    let in_front: Vec<_> = world.data.files.drain(1..=files_in_front).collect();
    (world, in_front)
}

/// Takes the files behind the start away until they are to appear.
fn hold_back(world: &World) -> Vec<String> {
    let changes = world
        .data
        .files
        .iter()
        .filter(|file| file.key.starts_with(CHANGES_FOLDER));
    let keys: Vec<_> = changes.map(|file| file.key.clone()).collect();
    for key in &keys {
        world.source.remove(key);
    }
    keys
}

#[test]
fn now_is_behind_every_file_that_is_there_and_in_front_of_any_that_comes_whatever_its_name() {
    let (mut world, in_front) = world_with(4);
    world.config.source.changes_from = ChangesFrom::Now;
    world.config.source.late_files = LateFiles::Stop;
    // A file that sorts in front of those that are there, and one between them.
    let keys = hold_back(&world);
    for (file, key) in
        world
            .data
            .files
            .iter_mut()
            .skip(1)
            .zip(["00000001.csv", "00000015.csv", "99999999.csv"])
    {
        file.key = format!("{CHANGES_FOLDER}{key}");
    }
    let run = world.run_while(RunMode::Continuous, async |mut running| {
        running
            .until(|status| status.changes.in_front == 4 && status.changes.is_complete)
            .await;
        for (ended, file) in (1..).zip(world.data.files.iter().skip(1)) {
            world.source.put(&file.key, file.bytes.clone());
            running.until(|status| status.changes.ended == ended).await;
        }
        world.stop_when_settled(&running).await;
    });
    run.assert_ended(RunEnd::Stopped);
    judge(&world, &Expectation::flawless());
    assert_eq!((keys.len(), in_front.len()), (3, 4));
    assert_eq!(run.status.changes.in_front, 4);
    let start = run.status.life.changes_start.clone().unwrap();
    assert_eq!(
        (start.wish, start.point),
        (ChangesFrom::Now, StartPoint::Registered { is_complete: true })
    );
    // Another life reads nothing more, and no file in front.
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(run.status.changes.in_front, 4);
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_key_and_a_time_are_a_start_as_well() {
    for wish in 0..2 {
        let (mut world, in_front) = world_with(2);
        let last = in_front.last().unwrap();
        world.config.source.changes_from = if wish == 0 {
            ChangesFrom::AfterKey(last.key.clone())
        } else {
            // The source in memory counts its versions: the table's file is 1, those in front 2 and 3.
            ChangesFrom::ModifiedSince(4)
        };
        // Rows of the load, of three files of changes, and three control records.
        for expected in [68, 0, 0] {
            let before = world.stream().stored_in_all().len();
            let run = world.run(RunMode::Once);
            run.assert_ended(RunEnd::Finished);
            assert_eq!(
                run.status.changes.in_front, 2,
                "{wish}: they are counted in every life"
            );
            let sent = world.stream().stored_in_all().len() - before;
            assert_eq!(sent, expected, "{wish}: records");
        }
        judge(&world, &Expectation::flawless());
    }
}

#[test]
fn a_file_that_appears_in_front_of_the_start_later_is_counted_and_no_late_file() {
    let (mut world, in_front) = world_with(2);
    world.config.source.changes_from = ChangesFrom::AfterKey(in_front[1].key.clone());
    world.config.source.late_files = LateFiles::Stop;
    world.source.remove(&in_front[0].key);
    let run = world.run_while(RunMode::Continuous, async |mut running| {
        running
            .until(|status| status.changes.ended == 3 && status.changes.in_front == 1)
            .await;
        world.source.put(&in_front[0].key, in_front[0].bytes.clone());
        running.until(|status| status.changes.in_front == 2).await;
        world.stop_when_settled(&running).await;
    });
    run.assert_ended(RunEnd::Stopped);
    judge(&world, &Expectation::flawless());
}

/// A crash at any step, before and after the decision is durable: what was in front at the first listing that came to its
/// end stays there, and everything that came later is read.
#[test]
fn a_crash_changes_nothing_about_where_the_changes_begin() {
    for (steps_before, is_applied) in (0..14).flat_map(|steps| [(steps, false), (steps, true)]) {
        let (mut world, _in_front) = world_with(5);
        world.config.source.changes_from = ChangesFrom::Now;
        let keys = hold_back(&world);
        let run = world.run_until(Kill {
            steps_before,
            is_applied,
        });
        let life = world.store.reopen().unwrap().load().unwrap().life;
        let is_decided = life
            .changes_start
            .is_some_and(|start| start.point == StartPoint::Registered { is_complete: true });
        let is_sent = !world.stream().stored_in_all().is_empty();
        assert!(
            is_decided || !is_sent,
            "step {steps_before}: sent before it was decided"
        );
        if is_decided {
            for key in &keys {
                world.put(key);
            }
        }
        world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        if !is_decided {
            for key in &keys {
                world.put(key);
            }
            world.run(RunMode::Once).assert_ended(RunEnd::Finished);
        }
        judge(&world, &Expectation::over_lives());
        assert!(
            run.is_killed || steps_before > 5,
            "step {steps_before} was never reached"
        );
    }
}

#[test]
fn another_start_than_the_one_that_was_decided_is_refused() {
    let (mut world, in_front) = world_with(1);
    world.config.source.changes_from = ChangesFrom::Now;
    let keys = hold_back(&world);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    for other in [
        ChangesFrom::Beginning,
        ChangesFrom::AfterKey(in_front[0].key.clone()),
    ] {
        world.config.source.changes_from = other;
        let fault = world
            .run(RunMode::Once)
            .assert_failed(FaultKind::Configuration, 78);
        for part in ["`changes_from: now`", "brigade checkpoint reset"] {
            assert!(fault.message.contains(part), "{part}: {fault}");
        }
    }
    world.config.source.changes_from = ChangesFrom::Now;
    for key in &keys {
        world.put(key);
    }
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}

/// States of before there was a choice know of no decision.
#[test]
fn a_task_that_has_read_changes_began_at_the_beginning_even_if_nobody_wrote_that_down() {
    let (mut world, in_front) = world_with(0);
    assert!(in_front.is_empty(), "all of them are read");
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let forgetful = bucket_brigade::checkpoint::store::CheckpointDelta {
        life: Some(bucket_brigade::checkpoint::store::TaskLife::default()),
        ..Default::default()
    };
    world.store.commit(&forgetful).unwrap();
    world.config.source.changes_from = ChangesFrom::Now;
    world
        .run(RunMode::Once)
        .assert_failed(FaultKind::Configuration, 78);
    world.config.source.changes_from = ChangesFrom::Beginning;
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}
