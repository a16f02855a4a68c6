//! An export holds everything, comes back as it was, and is not believed when anything is wrong with it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

use std::fs;
use std::path::Path;

use bucket_brigade::checkpoint::store::conformance::{cut, open as open_at, totals, version};
use bucket_brigade::checkpoint::store::import::import;
use bucket_brigade::checkpoint::store::sled::{OpenOptions, SledStore};
use bucket_brigade::checkpoint::store::{
    Checkpoint, CheckpointDelta, CheckpointStore, ObjectState, StoreError, TableStatistics, TaskState,
};
use bucket_brigade::model::{ObjectVersion, QueueName};
use proptest::prelude::*;

const MINUTE_MS: i64 = 60_000;

fn options() -> OpenOptions {
    OpenOptions::new("orders")
}

fn open(folder: &Path) -> SledStore {
    SledStore::open(folder, &options()).unwrap()
}

/// A state with objects of every kind in two queues: those with a count of 0 stay registered, even ones are done.
fn fill(store: &SledStore, counts: &[u64]) {
    for queue in [QueueName::load("shop.orders"), QueueName::changes()] {
        let versions: Vec<ObjectVersion> = (0..counts.len())
            .map(|index| version(&format!("key {index}")))
            .collect();
        let ids = store.register(&queue, &versions).unwrap();
        let objects = ids.into_iter().zip(counts).filter(|(_, count)| **count > 0);
        let objects = objects.map(|(id, &count)| {
            let done = ObjectState::Done(totals(count));
            (id, if count % 2 == 0 { done } else { open_at(count) })
        });
        let delta = CheckpointDelta {
            objects: objects.collect(),
            ..CheckpointDelta::default()
        };
        store.commit(&delta).unwrap();
    }
    let task = TaskState {
        stream_identity: "arn:stream".to_owned(),
        ..TaskState::default()
    };
    let delta = CheckpointDelta {
        cuts: vec![cut("shardId-0", 4), cut("shardId-1", 5)],
        tables: vec![TableStatistics {
            table_name: "orders".to_owned(),
            ..TableStatistics::default()
        }],
        task: Some(task),
        ..CheckpointDelta::default()
    };
    store.commit(&delta).unwrap();
}

fn exported(store: &SledStore) -> String {
    let mut out = Vec::new();
    store.export(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn an_imported_export_exports_the_same(counts in proptest::collection::vec(0_u64..6, 0..40)) {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = open(from.path());
        fill(&store, &counts);
        let text = exported(&store);
        import(to.path(), &options(), &mut text.as_bytes()).unwrap();
        let imported = open(to.path());
        prop_assert_eq!(exported(&imported), text);
        let expected = Checkpoint {
            is_put_back: true,
            ..store.load().unwrap()
        };
        prop_assert_eq!(imported.load().unwrap(), expected);
    }
}

#[test]
fn an_export_larger_than_one_step_comes_back_and_goes_on() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(from.path());
    fill(&store, &vec![2; 2_600]);
    let text = exported(&store);
    let counts = import(to.path(), &options(), &mut text.as_bytes()).unwrap();
    assert_eq!(
        (counts.objects, counts.queues, counts.cuts, counts.tables),
        (5_200, 2, 2, 1),
        "what was imported"
    );
    let imported = open(to.path());
    assert_eq!(exported(&imported), text, "all of it");
    let known = imported.register(&QueueName::changes(), &[version("key 7")]);
    assert!(
        matches!(known, Err(StoreError::AlreadyRegistered { .. })),
        "keys are known: {known:?}"
    );
    let new = imported
        .register(&QueueName::changes(), &[version("new")])
        .unwrap();
    assert_eq!(new[0].number, 2_600, "numbers go on");
}

#[test]
fn an_export_that_is_not_whole_is_refused_and_leaves_no_state() {
    let from = tempfile::tempdir().unwrap();
    let store = open(from.path());
    fill(&store, &[0, 1, 2, 2]);
    let text = exported(&store);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut swapped = lines.clone();
    swapped.swap(5, 6);
    let foreign = lines
        .concat()
        .replace("\"task\":\"orders\"", "\"task\":\"others\"");
    let table = [
        ("nothing", String::new(), "is not an export of brigade"),
        (
            "no first line",
            lines[1..].concat(),
            "is not an export of brigade",
        ),
        (
            "no last line",
            lines[..lines.len() - 1].concat(),
            "its last line is missing",
        ),
        (
            "a torn last line",
            text.trim_end().to_owned(),
            "the line is cut off or too long",
        ),
        (
            "a line too few",
            [&lines[..2], &lines[3..]].concat().concat(),
            "is incomplete",
        ),
        (
            "an object too few",
            [&lines[..6], &lines[7..]].concat().concat(),
            "is not the next one",
        ),
        ("objects in another order", swapped.concat(), "of the export"),
        (
            "a line twice",
            [&lines[..7], &lines[6..]].concat().concat(),
            "is not the next one",
        ),
        ("more behind it", format!("{text}{}", lines[1]), "continues after"),
        ("a changed line", foreign, "checksum"),
    ];
    for (case, damaged, expected) in table {
        let to = tempfile::tempdir().unwrap();
        let refused = import(to.path(), &options(), &mut damaged.as_bytes());
        let error = refused.expect_err(case).to_string();
        assert!(error.contains(expected), "{case}: {error}");
        let store = open(to.path());
        assert_eq!(store.load().unwrap(), Checkpoint::default(), "{case}");
    }
}

#[test]
fn an_export_of_another_task_is_refused() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let text = exported(&open(from.path()));
    let refused = import(to.path(), &OpenOptions::new("users"), &mut text.as_bytes());
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("belongs to task orders"), "{error}");
}

#[test]
fn an_import_replaces_an_unused_state_and_no_other() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(from.path());
    fill(&store, &[1, 2]);
    let text = exported(&store);
    drop(open(to.path()));
    import(to.path(), &options(), &mut text.as_bytes()).expect("unless it is still empty");
    let refused = import(to.path(), &options(), &mut text.as_bytes());
    let error = refused.unwrap_err();
    assert!(matches!(error, StoreError::Create { .. }), "{error:?}");
    assert!(
        error.to_string().contains("`brigade checkpoint reset`"),
        "{error}"
    );
    assert_eq!(exported(&open(to.path())), text, "the state is untouched");
}

#[test]
fn exports_are_made_every_few_minutes_if_something_changed_and_three_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let names = || {
        let entries = fs::read_dir(folder.path().join("exports")).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let change = |number: u64| {
        let cuts = vec![cut("shardId-0", number)];
        store
            .commit(&CheckpointDelta {
                cuts,
                ..CheckpointDelta::default()
            })
            .unwrap();
    };
    let table: [(i64, bool, &[&str]); 7] = [
        (0, true, &["00"]),
        (4, true, &["00"]),
        (5, true, &["00", "05"]),
        (20, false, &["00", "05"]),
        (21, true, &["00", "05", "21"]),
        (30, true, &["05", "21", "30"]),
        (36, true, &["21", "30", "36"]),
    ];
    for (minute, is_changed, expected) in table {
        if is_changed {
            change(u64::try_from(minute).unwrap());
        }
        store.maintain(minute * MINUTE_MS).unwrap();
        let expected: Vec<String> = expected
            .iter()
            .map(|minute| format!("checkpoint-19700101T00{minute}00Z.jsonl"))
            .collect();
        assert_eq!(names(), expected, "at minute {minute}");
    }
    let newest = fs::read_to_string(folder.path().join("exports").join(names().pop().unwrap())).unwrap();
    assert_eq!(newest, exported(&store), "the newest export is the state");
}

#[test]
fn a_clean_stop_leaves_an_export_and_the_side_file_of_the_last_change() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.maintain(0).unwrap();
    fill(&store, &[1]);
    store.stop(MINUTE_MS).unwrap();
    let text = fs::read_to_string(folder.path().join("exports/checkpoint-19700101T000100Z.jsonl")).unwrap();
    assert_eq!(text, exported(&store), "the export of the stop");
    let side_file = fs::read_to_string(folder.path().join("IDENTITY")).unwrap();
    assert!(
        side_file.contains("\"generation\": 5"),
        "two registrations and three commits: {side_file}"
    );
}
