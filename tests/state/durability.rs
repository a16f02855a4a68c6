//! Nothing confirmed is lost when the process is killed, and the sizes of real tasks fit.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bucket_brigade::checkpoint::store::conformance::{cut, open as open_at, totals, version};
use bucket_brigade::checkpoint::store::sled::{OpenOptions, SledStore};
use bucket_brigade::checkpoint::store::{CheckpointDelta, CheckpointStore, ObjectState};
use bucket_brigade::model::{ObjectId, ObjectVersion, QueueName};

/// Set in the process that is going to be killed.
const FOLDER_VARIABLE: &str = "BRIGADE_TEST_STATE_FOLDER";
/// Objects that one commit of the child moves together.
const OBJECTS: u64 = 60;

fn open(folder: &Path) -> SledStore {
    SledStore::open(folder, &OpenOptions::new("orders")).unwrap()
}

fn versions(range: std::ops::Range<u64>) -> Vec<ObjectVersion> {
    range
        .map(|number| version(&format!("cdc/20260101-{number:012}.csv.gz")))
        .collect()
}

/// One step of the child: all objects and the cut move to the same place.
fn step_delta(ids: &[ObjectId], step: u64) -> CheckpointDelta {
    CheckpointDelta {
        objects: ids.iter().map(|id| (id.clone(), open_at(step))).collect(),
        cuts: vec![cut("shardId-0", step)],
        ..CheckpointDelta::default()
    }
}

/// The child's part. In a normal run of the tests the variable is not set and there is nothing to do.
#[test]
fn child_commits_until_it_is_killed() {
    let Some(folder) = env::var_os(FOLDER_VARIABLE) else {
        return;
    };
    let store = open(Path::new(&folder));
    let loaded = store.load().unwrap();
    let ids: Vec<ObjectId> = match loaded.unfinished.len() {
        0 => store
            .register(&QueueName::changes(), &versions(0..OBJECTS))
            .unwrap(),
        _ => loaded.unfinished.into_iter().map(|object| object.id).collect(),
    };
    let first = loaded.cuts.first().map_or(1, |cut| cut.records + 1);
    for step in first.. {
        store.commit(&step_delta(&ids, step)).unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "confirmed {step}").unwrap();
        out.flush().unwrap();
    }
}

fn spawn_child(folder: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "durability::child_commits_until_it_is_killed",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(FOLDER_VARIABLE, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills the child after some confirmations; returns the last one that it wrote.
fn run_child_and_kill(folder: &Path, confirmations: usize) -> u64 {
    let mut child = spawn_child(folder);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut steps = lines
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("confirmed ")?.parse().ok());
    let last: u64 = steps
        .by_ref()
        .take(confirmations)
        .last()
        .expect("the child confirms something");
    child.kill().unwrap();
    child.wait().unwrap();
    // What it wrote before it died counts as confirmed as well.
    steps.last().unwrap_or(last)
}

/// C2: what the caller was told is there.
#[test]
fn what_was_confirmed_survives_kill_9_and_no_step_is_torn() {
    let folder = tempfile::tempdir().unwrap();
    for (round, confirmations) in [1, 7, 23, 40, 3].into_iter().enumerate() {
        let confirmed = run_child_and_kill(folder.path(), confirmations);
        let loaded = open(folder.path()).load().unwrap();
        let step = loaded.cuts[0].records;
        assert!(
            step >= confirmed,
            "round {round}: step {confirmed} was confirmed, {step} is there"
        );
        assert!(
            step <= confirmed + 1,
            "round {round}: step {step} is there, only {confirmed} was confirmed"
        );
        assert_eq!(
            u64::try_from(loaded.unfinished.len()).unwrap(),
            OBJECTS,
            "round {round}"
        );
        assert!(
            loaded
                .unfinished
                .iter()
                .all(|object| object.state == open_at(step)),
            "round {round}: the objects must stand where the cut stands, at {step}"
        );
    }
}

#[test]
fn many_objects_are_registered_finished_and_visited() {
    const QUEUE_OBJECTS: u64 = 20_000;
    const STEP_OBJECTS: u64 = 5_000;
    let folder = tempfile::tempdir().unwrap();
    let queue = QueueName::changes();
    let store = open(folder.path());
    for start in (0..QUEUE_OBJECTS).step_by(5_000) {
        let ids = store
            .register(&queue, &versions(start..start + STEP_OBJECTS))
            .unwrap();
        let objects = ids
            .into_iter()
            .map(|id| (id, ObjectState::Done(totals(1))))
            .collect();
        store
            .commit(&CheckpointDelta {
                objects,
                ..CheckpointDelta::default()
            })
            .unwrap();
    }
    let last = store
        .register(&queue, &versions(QUEUE_OBJECTS..QUEUE_OBJECTS + 1))
        .unwrap();
    drop(store);

    let store = open(folder.path());
    let loaded = store.load().unwrap();
    assert_eq!(
        loaded
            .unfinished
            .iter()
            .map(|object| &object.id)
            .collect::<Vec<_>>(),
        [&last[0]],
        "one is open"
    );
    let mut numbers = Vec::new();
    store
        .for_each_object(&queue, &mut |object| {
            numbers.push(object.id.number);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert!(
        numbers.iter().copied().eq(0..=QUEUE_OBJECTS),
        "each object once, in order: {} of them",
        numbers.len()
    );
}

#[test]
fn a_visit_ends_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store
        .register(&QueueName::changes(), &versions(0..2_500))
        .unwrap();
    let mut seen = 0;
    let mut visit = |object: bucket_brigade::checkpoint::store::ObjectEntry| {
        seen += 1;
        if object.id.number == 1_700 {
            std::ops::ControlFlow::Break(())
        } else {
            std::ops::ControlFlow::Continue(())
        }
    };
    store.for_each_object(&QueueName::changes(), &mut visit).unwrap();
    assert_eq!(seen, 1_701, "no object behind the break");
    assert_eq!(store.queues().unwrap(), [QueueName::changes()], "one queue");
}
