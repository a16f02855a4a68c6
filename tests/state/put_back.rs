//! A state of an earlier time is noticed: it is in doubt until it is taken up.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

use std::fs;
use std::path::Path;

use bucket_brigade::checkpoint::store::import::import;
use bucket_brigade::checkpoint::store::sled::{OpenOptions, SledStore};
use bucket_brigade::checkpoint::store::{CheckpointDelta, CheckpointStore, TaskState};

use crate::copy_folder::copy_folder;

fn open(folder: &Path) -> SledStore {
    SledStore::open(folder, &OpenOptions::new("orders")).unwrap()
}

/// A state that was stopped cleanly.
fn stop_cleanly(folder: &Path) {
    let store = open(folder);
    let task = TaskState {
        fresh_start_ms: Some(1),
        clean_stop: true,
        ..TaskState::default()
    };
    let delta = CheckpointDelta {
        task: Some(task),
        ..CheckpointDelta::default()
    };
    store.commit(&delta).unwrap();
    store.stop(0).unwrap();
}

/// Whether a state was put back, and whether it says that it was stopped cleanly.
fn marks(folder: &Path) -> (bool, bool) {
    let loaded = open(folder).load().unwrap();
    (loaded.is_put_back, loaded.task.clean_stop)
}

fn take_up(folder: &Path) {
    let delta = CheckpointDelta {
        is_taken_up: true,
        ..CheckpointDelta::default()
    };
    open(folder).commit(&delta).unwrap();
}

#[test]
fn a_copy_is_in_doubt_until_it_is_taken_up_and_the_original_and_a_moved_one_are_not() {
    let parent = tempfile::tempdir().unwrap();
    let path = |name: &str| parent.path().join(name);
    stop_cleanly(&path("state"));
    assert_eq!(marks(&path("state")), (false, true), "the original");
    copy_folder(&path("state"), &path("copy"));
    fs::rename(path("state"), path("moved")).unwrap();
    assert_eq!(marks(&path("moved")), (false, true), "the one that was moved");
    for opening in ["first", "second"] {
        assert_eq!(marks(&path("copy")), (true, false), "the copy, {opening} opening");
    }
    take_up(&path("copy"));
    assert_eq!(marks(&path("copy")), (false, false), "the copy, taken up");
}

#[test]
fn an_imported_state_is_in_doubt_however_clean_the_stop_before_the_export_was() {
    let parent = tempfile::tempdir().unwrap();
    let path = |name: &str| parent.path().join(name);
    stop_cleanly(&path("state"));
    let mut text = Vec::new();
    open(&path("state")).export(&mut text).unwrap();
    import(&path("other"), &OpenOptions::new("orders"), &mut text.as_slice()).unwrap();
    assert_eq!(marks(&path("other")), (true, false));
    take_up(&path("other"));
    assert_eq!(marks(&path("other")), (false, false));
}
