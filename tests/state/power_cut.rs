//! What was confirmed has left the memory of the system. Linux counts the bytes of a file that are thrown away before they
//! are written out, so cutting a file to nothing tells what was not. Whether the disk itself was told to keep them is not
//! seen: sled writes its pages out without that, and it is for `Database::durable_flush` alone.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test ends at the first surprise, and a child reports to its parent"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs, process};

use bucket_brigade::checkpoint::store::CheckpointStore;
use bucket_brigade::checkpoint::store::conformance::{object_delta, open as open_at, version};
use bucket_brigade::checkpoint::store::sled::{OpenOptions, SledStore};
use bucket_brigade::model::QueueName;

/// Set in the process that looks: the count is one of a whole process.
const FOLDER_VARIABLE: &str = "BRIGADE_TEST_POWER_CUT_FOLDER";

/// Bytes that this process wrote and that will never be on a disk.
fn thrown_away() -> u64 {
    let counts = fs::read_to_string("/proc/self/io").unwrap();
    let line = counts
        .lines()
        .find_map(|line| line.strip_prefix("cancelled_write_bytes: "));
    line.unwrap().parse().unwrap()
}

/// Cuts a file to nothing; how much of it was not on the disk.
fn unsynced(path: &Path) -> u64 {
    let file = fs::File::options().write(true).open(path).unwrap();
    let before = thrown_away();
    file.set_len(0).unwrap();
    thrown_away() - before
}

/// The child's part. In a normal run of the tests the variable is not set and there is nothing to do.
#[test]
fn child_commits_and_looks_what_is_not_on_the_disk() {
    let Some(folder) = env::var_os(FOLDER_VARIABLE) else {
        return;
    };
    let folder = Path::new(&folder);
    fs::write(folder.join("control"), vec![1; 65_536]).unwrap();
    let store = SledStore::open(folder, &OpenOptions::new("orders")).unwrap();
    let ids = store.register(&QueueName::changes(), &[version("a")]).unwrap();
    for step in 1..20 {
        for id in &ids {
            store.commit(&object_delta(id, open_at(step))).unwrap();
        }
    }
    store.stop(0).unwrap();
    for name in [
        "control",
        "sled/db",
        "sled/conf",
        "IDENTITY",
        "exports/checkpoint-19700101T000000Z.jsonl",
    ] {
        println!("unsynced {name} {}", unsynced(&folder.join(name)));
    }
    // The store lost its files and must not do anything more.
    process::exit(0);
}

/// C2.
#[test]
fn what_was_confirmed_is_on_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "power_cut::child_commits_and_looks_what_is_not_on_the_disk",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(FOLDER_VARIABLE, folder.path())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(child.stdout).unwrap();
    // The first one stands in the line in which the test is announced.
    let reports = text
        .lines()
        .filter_map(|line| Some(line.split_once("unsynced ")?.1));
    let reports: Vec<_> = reports.filter_map(|report| report.split_once(' ')).collect();
    let (control, files) = reports.split_first().unwrap();
    assert_eq!((control.0, files.len()), ("control", 4), "{text}");
    if control.1 == "0" {
        eprintln!("this file system does not count what is thrown away: nothing is tested");
        return;
    }
    for (name, bytes) in files {
        assert_eq!(*bytes, "0", "bytes of {name} that a power cut takes");
    }
}
