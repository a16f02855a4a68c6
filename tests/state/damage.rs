//! A state that is damaged, rolled back, foreign or in use is refused, and the message says what to do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use bucket_brigade::checkpoint::store::conformance::{cut, object_delta, open as open_at, totals, version};
use bucket_brigade::checkpoint::store::sled::{OpenOptions, SledStore, reset};
use bucket_brigade::checkpoint::store::{CheckpointDelta, CheckpointStore, ObjectState, StoreError};
use bucket_brigade::model::QueueName;

use crate::copy_folder::copy_folder;
use crate::snapshot::Snapshot;

fn open(folder: &Path) -> Result<SledStore, StoreError> {
    SledStore::open(folder, &OpenOptions::new("orders"))
}

/// A state with two objects, cleanly stopped.
fn stopped_state() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let ids = store
        .register(&QueueName::changes(), &[version("a"), version("b")])
        .unwrap();
    store
        .commit(&object_delta(&ids[0], ObjectState::Done(totals(3))))
        .unwrap();
    store.stop(1_700_000_000_000).unwrap();
    folder
}

fn check_refused(folder: &Path, parts: &[&str]) {
    for attempt in ["first", "second"] {
        let text = match open(folder) {
            Err(error @ StoreError::Damaged { .. }) => error.to_string(),
            other => panic!("the {attempt} opening gave {other:?}"),
        };
        for part in parts {
            assert!(text.contains(part), "{part:?} is missing in {text:?}");
        }
    }
}

const CURES: [&str; 3] = [
    "`brigade checkpoint reset`",
    "`brigade checkpoint import ",
    "checkpoint-20231114T221320Z.jsonl`",
];

#[test]
fn a_sound_state_opens_again() {
    let folder = stopped_state();
    let store = open(folder.path()).unwrap();
    assert_eq!(
        store.load().unwrap().unfinished.len(),
        1,
        "one object is done, one is not"
    );
}

#[test]
fn zeroed_bytes_in_any_early_place_lose_nothing_silently() {
    for offset in (0..64).step_by(3) {
        let folder = stopped_state();
        let path = folder.path().join("sled").join("db");
        let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(&[0; 3]).unwrap();
        drop(file);
        match open(folder.path()) {
            Ok(store) => {
                let found = store.load().unwrap().unfinished.len();
                assert_eq!(
                    found, 1,
                    "bytes {offset}.. were zero already; nothing may be missing"
                );
            }
            Err(StoreError::Damaged { .. }) => check_refused(folder.path(), &CURES),
            Err(other) => panic!("bytes {offset}..: {other}"),
        }
    }
}

#[test]
fn an_emptied_database_is_refused() {
    let folder = stopped_state();
    let path = folder.path().join("sled").join("db");
    // This is the damage that sled itself takes for a new database.
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all(&[0; 3]).unwrap();
    drop(file);
    check_refused(
        folder.path(),
        &["the database is empty", CURES[0], CURES[1], CURES[2]],
    );
}

#[test]
fn a_deleted_database_is_refused() {
    let folder = stopped_state();
    fs::remove_dir_all(folder.path().join("sled")).unwrap();
    check_refused(folder.path(), &["the database is not", CURES[0]]);
}

#[test]
fn a_database_rolled_back_to_an_earlier_copy_is_refused() {
    let folder = stopped_state();
    let database = folder.path().join("sled");
    let copy = folder.path().join("copy");
    copy_folder(&database, &copy);
    let store = open(folder.path()).unwrap();
    store
        .commit(&CheckpointDelta {
            cuts: vec![cut("shardId-0", 9)],
            ..CheckpointDelta::default()
        })
        .unwrap();
    store.stop(1_700_000_000_000).unwrap();
    drop(store);
    fs::remove_dir_all(&database).unwrap();
    fs::rename(&copy, &database).unwrap();
    check_refused(folder.path(), &["rolled back", CURES[0]]);
}

#[test]
fn a_database_of_another_state_is_refused() {
    let (folder, other) = (stopped_state(), stopped_state());
    fs::remove_dir_all(folder.path().join("sled")).unwrap();
    copy_folder(&other.path().join("sled"), &folder.path().join("sled"));
    check_refused(folder.path(), &["IDENTITY says"]);
}

#[test]
fn a_state_without_its_side_file_is_refused() {
    let folder = stopped_state();
    fs::remove_file(folder.path().join("IDENTITY")).unwrap();
    check_refused(folder.path(), &["IDENTITY is missing", CURES[0]]);
}

#[test]
fn a_crash_between_database_and_side_file_is_a_new_state() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    fs::remove_file(folder.path().join("IDENTITY")).unwrap();
    drop(open(folder.path()).unwrap());
    assert!(
        folder.path().join("IDENTITY").exists(),
        "the side file is made up for"
    );
}

#[test]
fn a_state_of_another_task_is_refused_by_name() {
    let folder = stopped_state();
    let opened = SledStore::open(folder.path(), &OpenOptions::new("users"));
    let text = opened.unwrap_err().to_string();
    assert!(
        text.contains("belongs to task orders") && text.contains("task users"),
        "{text}"
    );
    open(folder.path()).expect("the owner is not disturbed");
}

#[test]
fn a_state_in_use_is_locked_and_cannot_be_reset() {
    let folder = stopped_state();
    let _store = open(folder.path()).unwrap();
    let options = OpenOptions {
        lock_wait: Duration::ZERO,
        ..OpenOptions::new("orders")
    };
    let opened = SledStore::open(folder.path(), &options);
    assert!(matches!(opened, Err(StoreError::Locked { .. })), "{opened:?}");
    let removed = reset(folder.path(), Duration::ZERO);
    assert!(matches!(removed, Err(StoreError::Locked { .. })), "{removed:?}");
}

#[test]
fn a_reset_state_is_new_and_keeps_its_exports() {
    let folder = stopped_state();
    reset(folder.path(), Duration::from_secs(5)).unwrap();
    let store = open(folder.path()).unwrap();
    assert_eq!(store.load().unwrap().unfinished, [], "nothing is left");
    let exports = fs::read_dir(folder.path().join("exports")).unwrap().count();
    assert_eq!(exports, 1, "the way back is left");
    drop(store);
    reset(&folder.path().join("never-was"), Duration::ZERO).expect("there is nothing to remove");
}

#[test]
fn a_store_that_lost_its_files_refuses_every_further_step() {
    let folder = stopped_state();
    let store = open(folder.path()).unwrap();
    let id = store.load().unwrap().unfinished[0].id.clone();
    fs::rename(folder.path().join("sled"), folder.path().join("moved")).unwrap();
    let delta = object_delta(&id, open_at(1));
    for attempt in [
        "while the files are away",
        "after a failure",
        "even if they are back",
    ] {
        if attempt == "even if they are back" {
            fs::rename(folder.path().join("moved"), folder.path().join("sled")).unwrap();
        }
        let refused = store.commit(&delta);
        assert!(
            matches!(refused, Err(StoreError::Io { .. })),
            "{attempt}: {refused:?}"
        );
        assert!(
            store.load().is_err(),
            "{attempt}: what is in memory is not to be trusted"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_made_is_a_failed_creation() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), b"").unwrap();
    let opened = open(&folder.path().join("file").join("state"));
    assert!(matches!(opened, Err(StoreError::Create { .. })), "{opened:?}");
}

/// sled alone opens some of these with single pages at an earlier state.
#[test]
fn zeroed_bytes_anywhere_are_found_or_harmless() {
    let sound = tempfile::tempdir().unwrap();
    let store = open(sound.path()).unwrap();
    for round in 0..8 {
        let keys: Vec<_> = (0..500)
            .map(|number| version(&format!("{round}/{number:040}")))
            .collect();
        let ids = store.register(&QueueName::changes(), &keys).unwrap();
        let objects = ids
            .into_iter()
            .map(|id| (id, ObjectState::Done(totals(round))))
            .collect();
        store
            .commit(&CheckpointDelta {
                objects,
                ..CheckpointDelta::default()
            })
            .unwrap();
    }
    store.stop(1_700_000_000_000).unwrap();
    let mut expected = Vec::new();
    store.export(&mut expected).unwrap();
    drop(store);
    let path = sound.path().join("sled").join("db");
    let length = fs::metadata(&path).unwrap().len();
    let snapshot = Snapshot::of(sound.path());
    let mut refused = 0;
    for offset in (1..40).map(|part| part * length / 40) {
        snapshot.restore(sound.path());
        let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(&[0; 3]).unwrap();
        drop(file);
        let mut found = Vec::new();
        match open(sound.path()).and_then(|store| store.export(&mut found)) {
            Ok(_) => assert!(found == expected, "damage at {offset} of {length} went unnoticed"),
            Err(StoreError::Damaged { .. }) => refused += 1,
            Err(other) => panic!("damage at {offset} of {length}: {other}"),
        }
    }
    assert!(refused > 0, "the test must damage something");
}
