//! A state of an earlier time, imported or put back as a copy: with `dedupe` nothing that was sent since then comes twice,
//! and nothing is missing.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has to fail")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bucket_brigade::checkpoint::decide::decide;
use bucket_brigade::checkpoint::store::import::import;
use bucket_brigade::checkpoint::store::sled::{OpenOptions, SledStore, reset};
use bucket_brigade::checkpoint::store::{CheckpointStore, Decision};
use bucket_brigade::observe::counters::CountersSnapshot;
use bucket_brigade::settings::{Guarantee, RunMode};
use bucket_brigade::source::memory::BodyFault;
use bucket_brigade::supervise::pipeline::{Backends, Pipeline, RunEnd};
use tokio_util::sync::CancellationToken;

use crate::support::copy_folder::copy_folder;
use crate::support::fixtures::Data;
use crate::support::pipeline::{TASK, World};

/// Rows of the change files: the first is read before the state is saved, the second after it, and the third after it
/// was put back.
const CHANGES: [usize; 3] = [150, 700, 120];

/// A task with two loads, of which the first change file has come.
fn world() -> World {
    let mut data = Data::new(2).with_note_bytes(200);
    data.load(0, 300);
    data.load(1, 200);
    for rows in CHANGES {
        data.changes(rows);
    }
    let mut world = World::new(data, 3);
    world.config.delivery.guarantee = Guarantee::Dedupe;
    world.config.limits.in_flight_bytes = 1 << 20;
    for number in [1, 2] {
        world.source.remove(&change_file(&world, number));
    }
    world
}

/// The key of a change file.
fn change_file(world: &World, number: usize) -> String {
    let mut files = world.data.files.iter().filter(|file| file.queue.is_of_changes());
    files.nth(number).unwrap().key.clone()
}

fn open(folder: &Path) -> SledStore {
    SledStore::open(folder, &OpenOptions::new(TASK)).unwrap()
}

/// A run over a state in a folder, to its end or, if it is to stop at once, to where it is by then.
fn run(world: &World, folder: &Path, is_stopped_at_once: bool) -> CountersSnapshot {
    let store = Arc::new(open(folder));
    let backends = Backends {
        source: Arc::new(world.source.clone()),
        sink: Arc::new(world.stream().clone()),
        store: Arc::<SledStore>::clone(&store),
        clock: Arc::clone(&world.clock),
    };
    let pipeline = Pipeline::new(Arc::new(world.config.clone()), backends, RunMode::Once);
    let stop = CancellationToken::new();
    let mut status = pipeline.status();
    let end = actix::System::new().block_on(async {
        let stopping = async {
            if is_stopped_at_once {
                status.wait_for(|status| status.generation > 0).await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(30)).await;
                stop.cancel();
            }
        };
        tokio::join!(pipeline.run(stop.clone()), stopping).0
    });
    let end = end.unwrap();
    assert!(end == RunEnd::Finished || is_stopped_at_once, "{end:?}");
    store.stop(0).unwrap();
    pipeline.counters().snapshot()
}

fn stored_count(world: &World) -> usize {
    world.stream().stored_in_all().len()
}

fn exported(folder: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    open(folder).export(&mut text).unwrap();
    text
}

/// Sends the second file, has the state put back, and runs on, also after a stop on the way.
fn check(world: &World, folder: &Path, put_back: impl Fn()) {
    world.put(&change_file(world, 1));
    run(world, folder, false);
    for is_stopped_first in [true, false] {
        let before = stored_count(world);
        put_back();
        if is_stopped_first {
            run(world, folder, true);
        }
        let counters = run(world, folder, false);
        assert_eq!(stored_count(world), before, "something came twice");
        assert!(counters.recovered > 0 || is_stopped_first, "{counters:?}");
    }
    put_back();
    world.put(&change_file(world, 2));
    let before = stored_count(world);
    run(world, folder, false);
    let new = CHANGES[2];
    assert_eq!(stored_count(world), before + new, "what is new comes once");
    run(world, folder, false);
    assert_eq!(
        stored_count(world),
        before + new,
        "a clean stop leaves nothing in doubt"
    );
}

#[test]
fn an_import_of_a_clean_export_repeats_nothing_that_was_sent_after_it() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    run(&world, folder.path(), false);
    let saved = exported(folder.path());
    check(&world, folder.path(), || {
        reset(folder.path(), OpenOptions::new(TASK).lock_wait).unwrap();
        import(folder.path(), &OpenOptions::new(TASK), &mut saved.as_slice()).unwrap();
    });
}

#[test]
fn an_import_of_an_export_before_the_first_start_repeats_nothing() {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let saved = exported(folder.path());
    run(&world, folder.path(), false);
    check(&world, folder.path(), || {
        reset(folder.path(), OpenOptions::new(TASK).lock_wait).unwrap();
        import(folder.path(), &OpenOptions::new(TASK), &mut saved.as_slice()).unwrap();
    });
}

#[test]
fn a_copy_of_the_folder_that_is_put_back_repeats_nothing() {
    let (world, parent) = (world(), tempfile::tempdir().unwrap());
    let (folder, copy) = (parent.path().join("state"), parent.path().join("copy"));
    run(&world, &folder, false);
    copy_folder(&folder, &copy);
    check(&world, &folder, || {
        fs::remove_dir_all(&folder).unwrap();
        copy_folder(&copy, &folder);
    });
}

/// A task that has set its change file aside, because it was replaced while it was read.
fn world_with_a_file_set_aside() -> (World, tempfile::TempDir, String) {
    let (world, folder) = (world(), tempfile::tempdir().unwrap());
    let key = change_file(&world, 0);
    let whole = world.data.file(&key).bytes.clone();
    world.source.inject(&key, 1_000, BodyFault::Replaced(whole));
    run(&world, folder.path(), false);
    (world, folder, key)
}

/// Whether somebody had it read since, the state does not know.
#[test]
fn a_file_that_is_set_aside_in_a_state_of_an_earlier_time_is_in_doubt() {
    let (world, folder, _key) = world_with_a_file_set_aside();
    let aside = || {
        let found = open(folder.path()).set_aside().unwrap();
        found.first().unwrap().state.set_aside().unwrap().is_in_doubt
    };
    assert!(!aside(), "nobody can have read it");
    let saved = exported(folder.path());
    reset(folder.path(), OpenOptions::new(TASK).lock_wait).unwrap();
    import(folder.path(), &OpenOptions::new(TASK), &mut saved.as_slice()).unwrap();
    for _ in 0..2 {
        run(&world, folder.path(), false);
        assert!(aside(), "somebody may have read it");
    }
}

/// It may have been read since, so what was decided before does not count if it is not there to be compared.
#[test]
fn a_file_that_was_to_be_read_again_and_is_not_there_is_decided_again() {
    let (world, folder, key) = world_with_a_file_set_aside();
    let store = open(folder.path());
    let entry = store.set_aside().unwrap().remove(0);
    let delta = decide(&store.load().unwrap(), &entry, None, Decision::RetryAtMark, false).unwrap();
    store.commit(&delta).unwrap();
    store.stop(0).unwrap();
    drop(store);
    let saved = exported(folder.path());
    reset(folder.path(), OpenOptions::new(TASK).lock_wait).unwrap();
    import(folder.path(), &OpenOptions::new(TASK), &mut saved.as_slice()).unwrap();
    world.source.remove(&key);
    run(&world, folder.path(), false);
    let found = open(folder.path()).set_aside().unwrap().remove(0);
    let aside = found.state.set_aside().unwrap();
    assert_eq!((aside.decision, aside.is_in_doubt), (None, true), "{found:?}");
}
