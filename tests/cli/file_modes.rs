//! Who may read what a task writes: its owner alone, whatever the umask, and also what an earlier version left open.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::task_folder::{Settings, TaskFolder};

/// What is written for a task.
const WRITTEN: [&str; 4] = ["state", "dead-letters", "out", "export.jsonl"];
const SAYS_SO: &str = "closed state and dead letters to everybody but their owner";

/// A task with a bad row.
fn task() -> TaskFolder {
    let task = TaskFolder::new(&Settings::default());
    task.write("data/shop/orders/LOAD2.csv", "5,1.00,good\n6,abc,bad\n");
    task
}

/// Runs the binary with a umask.
fn run(task: &TaskFolder, umask: &str, arguments: &[&str]) -> Output {
    let plain = task.command(arguments);
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("umask {umask}; exec \"$0\" \"$@\"")])
        .arg(plain.get_program())
        .args(plain.get_args())
        .current_dir(task.path())
        .env("BRIGADE_LOG", "info");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    output
}

/// Everything at a path, with the mode it has to have.
fn visit(path: &Path, each: &mut dyn FnMut(&Path, u32)) {
    if path.is_dir() {
        each(path, 0o700);
        for entry in fs::read_dir(path).unwrap() {
            visit(&entry.unwrap().path(), each);
        }
    } else {
        each(path, 0o600);
    }
}

#[track_caller]
fn check_modes(task: &TaskFolder, names: &[&str]) -> usize {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for name in names {
        visit(&task.path().join(name), &mut |path, expected| {
            let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
            count += 1;
            if mode != expected {
                wrong.push(format!("{} is {mode:o}", path.display()));
            }
        });
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    count
}

#[test]
fn only_the_owner_reads_what_is_written_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let task = task();
        run(&task, umask, &["run", "--once"]);
        task.write("corrected.csv", "6,1.00,good\n");
        let replay = [
            "dlq",
            "replay",
            "--file",
            "corrected.csv",
            "--table",
            "shop.orders",
        ];
        run(&task, umask, &replay);
        run(&task, umask, &["checkpoint", "export", "export.jsonl"]);
        // A second run opens a database that is there, which makes sled write a snapshot.
        task.write("data/cdc/d.csv", "INSERT,orders,shop,7,1.00,seventh\n");
        run(&task, umask, &["run", "--once"]);
        let count = check_modes(&task, &WRITTEN);
        assert!(count > 15, "{count} files and folders");
        assert!(task.path().join("dead-letters/replays.jsonl").exists());
    }
}

#[test]
fn what_an_earlier_version_left_open_is_closed_at_the_start_and_that_is_said_once() {
    let task = task();
    run(&task, "022", &["run", "--once"]);
    let open = |path: &Path, expected: u32| {
        let mode = if expected == 0o700 { 0o755 } else { 0o644 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for name in ["state", "dead-letters"] {
        visit(&task.path().join(name), &mut |path, expected| {
            open(path, expected);
        });
    }
    // What is not of this program is nobody's business.
    let other = task.path().join("state/notes.txt");
    fs::write(&other, "").unwrap();
    open(&other, 0o600);
    let says_so = |output: &Output| String::from_utf8_lossy(&output.stderr).matches(SAYS_SO).count();
    assert_eq!(says_so(&run(&task, "022", &["run", "--once"])), 1);
    assert_eq!(fs::metadata(&other).unwrap().permissions().mode() & 0o777, 0o644);
    fs::remove_file(other).unwrap();
    check_modes(&task, &["state", "dead-letters"]);
    assert_eq!(says_so(&run(&task, "022", &["run", "--once"])), 0);
}
