//! A state whose process was killed, and which was damaged then: all that was committed is there, or it is refused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

use std::path::Path;

use bucket_brigade::checkpoint::store::conformance::{cut, open as open_at, totals, version};
use bucket_brigade::checkpoint::store::sled::{OpenOptions, SledStore};
use bucket_brigade::checkpoint::store::{
    CheckpointDelta, CheckpointStore, ObjectState, StoreError, TaskState,
};
use bucket_brigade::model::QueueName;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::snapshot::Snapshot;

/// Damages of the state.
const DAMAGES: u64 = 300;
/// Commits of the life that is killed.
const COMMITS: u64 = 24;

fn open(folder: &Path) -> Result<SledStore, StoreError> {
    SledStore::open(folder, &OpenOptions::new("orders"))
}

fn exported(store: &SledStore) -> String {
    let mut out = Vec::new();
    store.export(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn task(clean_stop: bool) -> CheckpointDelta {
    let task = TaskState {
        fresh_start_ms: Some(1),
        clean_stop,
        ..TaskState::default()
    };
    CheckpointDelta {
        task: Some(task),
        ..CheckpointDelta::default()
    }
}

/// What a state is after each commit of a life that follows on a clean stop, from the clean stop on.
struct Killed {
    folder: tempfile::TempDir,
    /// The files and what they say.
    moments: Vec<(Snapshot, String)>,
}

impl Killed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).unwrap();
        store.commit(&task(true)).unwrap();
        store.stop(0).unwrap();
        drop(store);
        let store = open(folder.path()).unwrap();
        let mut moments = Vec::new();
        let mut note = || moments.push((Snapshot::of(folder.path()), exported(&store)));
        note();
        store.commit(&task(false)).unwrap();
        note();
        let queue = QueueName::changes();
        for commit in 1..=COMMITS {
            let ids = store
                .register(
                    &queue,
                    &[version(&format!("{commit}-a")), version(&format!("{commit}-b"))],
                )
                .unwrap();
            let states = [ObjectState::Done(totals(commit)), open_at(commit)];
            let delta = CheckpointDelta {
                objects: ids.into_iter().zip(states).collect(),
                cuts: vec![cut("shardId-0", commit)],
                ..CheckpointDelta::default()
            };
            store.commit(&delta).unwrap();
            note();
        }
        drop(store);
        Self { folder, moments }
    }

    fn last(&self) -> &(Snapshot, String) {
        self.moments.last().unwrap()
    }
}

/// Damages one place, mostly of the database; says what it did.
fn damage(snapshot: &mut Snapshot, rng: &mut SmallRng) -> String {
    let is_of_database = rng.random_bool(0.8);
    let files = snapshot
        .files_mut()
        .filter(|(name, content)| name.ends_with("sled/db") == is_of_database && !content.is_empty());
    let mut files: Vec<_> = files.collect();
    let index = rng.random_range(0..files.len());
    let (name, content) = &mut files[index];
    let used = content
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(content.len(), |last| last + 1);
    let at = rng.random_range(0..used);
    let what = match rng.random_range(0..4) {
        0 | 1 => {
            content[at] ^= 1 << rng.random_range(0..8);
            "a bit flipped"
        }
        2 => {
            let end = used.min(at + rng.random_range(1..600));
            content[at..end].fill(0);
            "bytes zeroed"
        }
        _ => {
            content.truncate(at);
            "cut off"
        }
    };
    format!("{} at {at} of {used}: {what}", name.display())
}

/// C1, C2.
#[test]
fn a_damaged_state_that_was_killed_is_refused_or_holds_all_that_was_committed() {
    let killed = Killed::new();
    let (snapshot, expected) = killed.last();
    let (mut refused, mut sound) = (0, 0);
    for seed in 0..DAMAGES {
        let mut damaged = snapshot.clone();
        let case = damage(&mut damaged, &mut SmallRng::seed_from_u64(seed));
        damaged.restore(killed.folder.path());
        match open(killed.folder.path()) {
            Ok(store) => {
                assert_eq!(&exported(&store), expected, "seed {seed}: {case}");
                sound += 1;
            }
            Err(StoreError::Damaged { .. }) => refused += 1,
            Err(other) => panic!("seed {seed}: {case}: {other}"),
        }
    }
    assert!(
        refused > DAMAGES / 4 && sound > 0,
        "{refused} refused, {sound} sound"
    );
}

/// The state before each commit, as damage to the end of the log shows it, is never taken for the last one.
/// C1.
#[test]
fn an_earlier_database_under_the_side_file_of_the_last_commit_is_refused() {
    let killed = Killed::new();
    let identity = killed.last().0.file("IDENTITY");
    let (_, earlier) = killed.moments.split_last().unwrap();
    for (number, (snapshot, _)) in earlier.iter().enumerate() {
        snapshot
            .clone()
            .with("IDENTITY", identity)
            .restore(killed.folder.path());
        let text = open(killed.folder.path()).unwrap_err().to_string();
        assert!(text.contains("rolled back"), "{number}: {text}");
    }
}

/// The side file follows the database, so this is what a power cut between the two leaves.
#[test]
fn a_database_that_is_one_commit_newer_than_its_side_file_is_sound() {
    let killed = Killed::new();
    for moments in killed.moments.windows(2) {
        let (before, (after, expected)) = (&moments[0].0, &moments[1]);
        after
            .clone()
            .with("IDENTITY", before.file("IDENTITY"))
            .restore(killed.folder.path());
        assert_eq!(&exported(&open(killed.folder.path()).unwrap()), expected);
    }
}
