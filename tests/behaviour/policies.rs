//! What follows from bad rows by policy: tables that are suspended, tasks that stop, and how they go on, over any number
//! of lives.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot be set up has to fail, and one that fails has to name its seed"
)]

use bucket_brigade::checkpoint::resume_table::{NotResumed, resume_table};
use bucket_brigade::checkpoint::store::CheckpointStore;
use bucket_brigade::fault::FaultKind;
use bucket_brigade::settings::{ChangedObjects, DataErrorPolicy, MigrationType, RowPolicies, RunMode};
use bucket_brigade::supervise::pipeline::RunEnd;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::support::expectation::Expectation;
use crate::support::fixtures::{Data, Defect};
use crate::support::lives::{Deaths, live_and_die};
use crate::support::oracle::judge;
use crate::support::pipeline::World;
use crate::support::policies::{
    STOP, SUSPEND, changes_world, escalation, first_table_rows_in_second_file, load_world, resume,
    suspensions, unheld,
};

#[test]
fn a_bad_row_of_a_load_suspends_its_table_behind_it_and_the_others_go_on() {
    let (world, [_, middle, last], bad) = load_world();
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    judge(
        &world,
        &Expectation::flawless()
            .with_parked(&middle, bad)
            .with_unread(&last),
    );
    let suspended = suspensions(&run);
    let (table, suspension) = suspended.first().unwrap();
    let row = suspension.row.as_ref().unwrap();
    let file = world.data.file(&middle);
    assert_eq!((suspended.len(), table.as_str()), (1, "sales.t0"));
    assert_eq!((suspension.key.as_str(), row.ordinal), (middle.as_str(), 411));
    assert_eq!(
        (row.line, row.byte),
        (file.marks[bad].line + 1, file.marks[bad].position)
    );
    assert_eq!(row.column.as_deref(), Some("id"));
    let status = &run.status.tables[0];
    assert_eq!(
        status.load.unread,
        [last],
        "later files stay unread, and are named"
    );
    assert_eq!(status.statistics.full_load_end_ms, None, "it is not loaded");
    assert!(
        run.status.tables[1].statistics.full_load_end_ms.is_some(),
        "the other one is"
    );
}

#[test]
fn a_suspended_load_stays_so_in_later_runs_and_goes_on_behind_its_row_once_it_is_resumed() {
    let (mut world, [_, middle, last], bad) = load_world();
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let again = world.run(RunMode::Once);
    again.assert_ended(RunEnd::Finished);
    judge(
        &world,
        &Expectation::flawless()
            .with_parked(&middle, bad)
            .with_unread(&last),
    );
    assert_eq!(again.status.tables[0].load.unread, [last], "named again");
    resume(&world, "sales.t0");
    // Change rows were held back as dead letters in the meantime, and stay that; the others follow the load.
    world.config.errors.rows = RowPolicies::default();
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(suspensions(&run), []);
    judge_resumed_load(&world);
    assert!(
        run.status.tables[0].statistics.full_load_end_ms.is_some(),
        "now it is loaded"
    );
}

/// The rest of a load comes behind the changes of other tables, and nothing twice.
fn judge_resumed_load(world: &World) {
    let expectation = Expectation {
        is_resumed: true,
        ..Expectation::flawless()
    };
    judge(world, &expectation);
}

#[test]
fn a_second_bad_row_suspends_a_resumed_table_again() {
    let mut data = Data::new(1).with_note_bytes(500);
    let key = data.load_with(0, 500, &[(20, Defect::FieldMissing), (430, Defect::TooLarge)]);
    let mut world = World::new(data, 1);
    world.config.migration_type = MigrationType::FullLoad;
    world.config.errors.rows = SUSPEND;
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless().with_parked(&key, 20));
    resume(&world, "sales.t0");
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless().with_parked(&key, 430));
    resume(&world, "sales.t0");
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_bad_change_row_suspends_its_table_and_every_later_row_of_it_is_kept_with_the_place() {
    let bad = first_table_rows_in_second_file()[130];
    let mut world = changes_world(&[bad], 1);
    world.config.errors.rows = SUSPEND;
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
    let (_, suspension) = suspensions(&run).remove(0);
    assert_eq!(
        suspension.row.as_ref().map(|row| row.ordinal),
        Some(u64::try_from(bad).unwrap())
    );
    let letters = world.journal.dead_letters();
    let held_back: Vec<_> = letters
        .iter()
        .filter(|letter| letter["code"] == "table_suspended")
        .collect();
    assert!(held_back.len() > 300, "{} rows are held back", held_back.len());
    for letter in held_back {
        let reason = letter["reason"].as_str().unwrap();
        assert!(reason.contains(&suspension.to_string()), "{reason}");
    }
    assert_eq!(
        run.status.tables[0].statistics.trouble.bad_rows, 1,
        "held-back rows are not bad"
    );
}

#[test]
fn changes_of_a_resumed_table_are_sent_again_from_the_next_row_on() {
    let bad = first_table_rows_in_second_file()[7];
    let mut world = changes_world(&[bad], 1);
    world.config.errors.rows = SUSPEND;
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    resume(&world, "sales.t0");
    let key = world.data.changes(100);
    world.put(&key);
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(suspensions(&run), []);
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_table_that_is_not_suspended_cannot_be_resumed() {
    let (world, ..) = load_world();
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let store = world.store.reopen().unwrap();
    let refused = resume_table(&store.load().unwrap(), "sales.t1", false).unwrap_err();
    let others = "; suspended: sales.t0".to_owned();
    let table = "sales.t1".to_owned();
    assert_eq!(refused, NotResumed::NotSuspended { table, others });
}

#[test]
fn a_bad_row_stops_the_task_behind_everything_in_front_of_it_and_every_start_meets_it_again() {
    let bad = first_table_rows_in_second_file()[250];
    let mut world = changes_world(&[bad], 1);
    world.data = unheld(&world.data);
    world.config.errors.rows = STOP;
    let key = world.data.files[1].key.clone();
    for life in 0..3 {
        let run = world.run(RunMode::Once);
        assert!(run.status.clean_stop, "everything in front of it is settled");
        run.assert_nothing_in_flight();
        let fault = run.assert_failed(FaultKind::Data, 65);
        let line = world.data.files[1].marks[bad].line + 1;
        for part in [
            "sales.t0",
            &key,
            &format!("line {line}, "),
            "column id",
            "is not an integer",
            "STOP_TASK",
        ] {
            assert!(fault.message.contains(part), "life {life}: {part}: {fault}");
        }
        judge(&world, &Expectation::flawless().unfinished());
        assert!(world.journal.dead_letters().is_empty(), "it is not passed over");
        let stored = *world.journal.stored_count().borrow();
        let in_front = world.data.files[0].rows.len() + bad;
        let controls = 3;
        assert_eq!(
            stored,
            in_front + controls,
            "life {life}: what is in front, nothing behind, nothing twice"
        );
    }
    world.config.errors.rows = RowPolicies::default();
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
}

#[test]
fn a_row_of_no_table_stops_the_task_and_suspends_nothing() {
    let mut data = Data::new(1);
    data.changes_with(100, &[(50, Defect::UnknownTable)]);
    for (rows, is_stopped) in [(SUSPEND, false), (STOP, true)] {
        let mut world = World::new(data.clone(), 1);
        world.config.migration_type = MigrationType::Changes;
        world.config.errors.rows = rows;
        let run = world.run(RunMode::Once);
        assert_eq!(suspensions(&run), []);
        if is_stopped {
            let fault = run.assert_failed(FaultKind::Data, 65);
            assert!(fault.message.contains("a row of no table"), "{fault}");
            judge(&world, &Expectation::flawless().unfinished());
        } else {
            run.assert_ended(RunEnd::Finished);
            judge(&world, &Expectation::flawless());
        }
    }
}

#[test]
fn so_many_bad_rows_suspend_a_table_counted_over_files_and_lives() {
    let rows = first_table_rows_in_second_file();
    let bad = [rows[3], rows[90], rows[200], rows[300]];
    let mut world = changes_world(&bad, 3);
    world.config.errors.rows = escalation(3, DataErrorPolicy::SuspendTable);
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    judge(&world, &Expectation::flawless());
    let (_, suspension) = suspensions(&run).remove(0);
    assert_eq!(suspension.row.unwrap().ordinal, u64::try_from(bad[2]).unwrap());
}

#[test]
fn so_many_bad_rows_stop_the_task_in_front_of_the_last_one() {
    let rows = first_table_rows_in_second_file();
    let bad = [rows[3], rows[90], rows[200]];
    let mut world = changes_world(&bad, 9);
    world.config.errors.rows = escalation(3, DataErrorPolicy::StopTask);
    for _ in 0..2 {
        let run = world.run(RunMode::Once);
        let fault = run.assert_failed(FaultKind::Data, 65);
        assert!(fault.message.contains("bad row 3 of the table"), "{fault}");
        judge(&world, &Expectation::flawless().unfinished());
        assert_eq!(world.journal.dead_letters().len(), 2);
    }
}

#[test]
fn so_many_suspended_tables_stop_the_task_until_one_is_resumed() {
    let mut data = Data::new(3);
    for table in 0..3 {
        data.load_with(table, 200, &[(100, Defect::FieldMissing)]);
    }
    let mut world = World::new(data, 1);
    world.config.migration_type = MigrationType::FullLoad;
    world.config.errors.rows = SUSPEND;
    world.config.errors.suspended_tables_max = 2;
    for _ in 0..2 {
        let run = world.run(RunMode::Once);
        run.assert_nothing_in_flight();
        let fault = run.assert_failed(FaultKind::Data, 65);
        assert!(
            fault.message.contains("table_error_escalation_count: 2"),
            "{fault}"
        );
        judge(&world, &Expectation::flawless().unfinished());
        let checkpoint = world.store.reopen().unwrap().load().unwrap();
        assert!(checkpoint.task.clean_stop, "{:?}", checkpoint.task);
        let resumed = resume_table(&checkpoint, "sales.t0", false);
        assert!(
            resumed.is_ok(),
            "a start that is refused leaves no doubt: {resumed:?}"
        );
    }
    world.config.errors.suspended_tables_max = 0;
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    assert_eq!(suspensions(&run).len(), 3);
}

#[test]
fn a_changed_load_file_suspends_its_table_and_is_set_aside_when_that_is_lifted() {
    let mut data = Data::new(2);
    let bad = data.load(0, 100);
    let next = data.load(0, 100);
    data.load(1, 50);
    data.changes(60);
    data.hold_back(0, 0);
    let mut world = World::new(data, 1);
    world.config.source.changed_objects = ChangedObjects::SuspendTable;
    world
        .source
        .put(&bad, bytes::Bytes::from_static(b"\x1f\x8bnot gzip at all"));
    let run = world.run(RunMode::Once);
    run.assert_ended(RunEnd::Finished);
    let (table, suspension) = suspensions(&run).remove(0);
    assert_eq!(
        (table.as_str(), suspension.key.as_str(), suspension.row),
        ("sales.t0", bad.as_str(), None)
    );
    judge(
        &world,
        &Expectation::flawless()
            .with_unread(&next)
            .with_unread(&bad)
            .unfinished(),
    );
    resume(&world, "sales.t0");
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let resumed = Expectation {
        is_resumed: true,
        ..Expectation::flawless()
    };
    judge(&world, &resumed.with_set_aside(&bad));
    assert_eq!(world.set_aside(&bad).1.ordinal, 0);
}

/// Kills at any step in front of, in and behind a suspension: the decision is the same every time.
#[test]
fn a_killed_task_suspends_at_the_same_row_every_time() {
    let rows = first_table_rows_in_second_file();
    let mut kills = 0;
    for seed in 0..12 {
        eprintln!("SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        let deaths = Deaths {
            count: 5,
            steps_before: 0..14,
            is_applied: 0.5,
        };
        let (mut world, expectation) = if seed % 2 == 0 {
            let mut world = changes_world(&[rows[5], rows[120], rows[201]], 2);
            world.config.errors.rows = escalation(2, DataErrorPolicy::SuspendTable);
            (world, Expectation::over_lives())
        } else {
            let (world, [_, middle, last], bad) = load_world();
            (
                world,
                Expectation::over_lives()
                    .with_parked(&middle, bad)
                    .with_unread(&last),
            )
        };
        let killed = expectation.clone().just_killed();
        let runs = live_and_die(&mut world, &deaths, &mut rng, &killed, |_world, _rng| {});
        judge(&world, &expectation);
        assert_eq!(suspensions(runs.last().unwrap()).len(), 1);
        kills += runs.iter().filter(|run| run.is_killed).count();
    }
    assert!(kills > 15, "{kills} kills");
}

#[test]
fn a_table_is_not_resumed_while_something_is_in_doubt() {
    let (world, ..) = load_world();
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let mut checkpoint = world.store.reopen().unwrap().load().unwrap();
    checkpoint.task.clean_stop = false;
    let table = "sales.t0".to_owned();
    assert_eq!(
        resume_table(&checkpoint, "sales.t0", false).unwrap_err(),
        NotResumed::InDoubt { table }
    );
}

/// Files of a suspended table are not read, so nothing of them can be in doubt, and the next clean stop is one.
#[test]
fn a_suspended_table_leaves_nothing_in_doubt_behind_a_kill() {
    let (mut world, ..) = load_world();
    world.config.delivery.guarantee = bucket_brigade::settings::Guarantee::Dedupe;
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    let store = world.watched_store();
    let mut task = store.load().unwrap().task;
    task.clean_stop = false;
    let delta = bucket_brigade::checkpoint::store::CheckpointDelta {
        task: Some(task),
        ..Default::default()
    };
    store.commit(&delta).unwrap();
    drop(store);
    world.run(RunMode::Once).assert_ended(RunEnd::Finished);
    resume(&world, "sales.t0");
}
