//! What a task tells systemd, over a real socket.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::task_folder::{Running, Settings, TaskFolder};

/// The socket of a service manager.
struct Manager(UnixDatagram);

impl Manager {
    fn listening_in(folder: &Path) -> (Self, std::path::PathBuf) {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        (Self(socket), path)
    }

    /// The lines of the next datagram.
    fn next(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let length = self.0.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        text.lines().map(ToOwned::to_owned).collect()
    }

    /// What comes up to a line; that datagram is the last.
    fn until(&self, is_it: impl Fn(&str) -> bool) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let lines = self.next();
            let is_last = lines.iter().any(|line| is_it(line));
            all.extend(lines);
            assert!(all.len() < 1_000, "it does not come: {all:#?}");
            if is_last {
                return all;
            }
        }
    }
}

fn started(task: &TaskFolder, socket: &Path, watchdog: Option<&str>) -> Running {
    let mut command = task.command(&["run"]);
    command.env("NOTIFY_SOCKET", socket);
    if let Some(watchdog) = watchdog {
        command.env("WATCHDOG_USEC", watchdog);
    }
    TaskFolder::start_command(command)
}

#[test]
fn systemd_learns_that_a_task_is_ready_what_it_does_that_it_lives_and_that_it_stops() {
    let task = TaskFolder::new(&Settings::default());
    let (manager, socket) = Manager::listening_in(task.path());
    let mut running = started(&task, &socket, Some("2000000"));
    let start = manager.until(|line| line == "READY=1");
    assert!(!start.contains(&"STOPPING=1".to_owned()), "{start:?}");
    let work = manager.until(|line| line.starts_with("STATUS=Following changes: 4 rows sent"));
    assert!(work.contains(&"WATCHDOG=1".to_owned()) || start.contains(&"WATCHDOG=1".to_owned()));
    // It goes on to live while there is nothing to do.
    for _ in 0..3 {
        manager.until(|line| line == "WATCHDOG=1");
    }
    running.terminate();
    let end = manager.until(|line| line == "STOPPING=1");
    assert!(
        end.iter().any(|line| line.starts_with("STATUS=Stopping")),
        "{end:?}"
    );
    assert!(!end.contains(&"READY=1".to_owned()), "once is enough: {end:?}");
    assert_eq!(running.exit_code(), Some(0));
}

#[test]
fn a_task_that_waits_for_its_target_is_not_ready_asks_for_time_and_beats() {
    let target = "  kinesis:\n    stream: s\n    region: us-west-2\n    endpoint: \"http://127.0.0.1:9\"\n";
    let task = TaskFolder::new(&Settings {
        target: target.into(),
        ..Settings::default()
    });
    let (manager, socket) = Manager::listening_in(task.path());
    let mut running = started(&task, &socket, Some("2000000"));
    let start = manager.until(|line| line.starts_with("STATUS=Waiting for the target: "));
    let more = manager.until(|line| line == "WATCHDOG=1");
    let all = [start, more].concat();
    assert!(
        all.iter().any(|line| line.starts_with("EXTEND_TIMEOUT_USEC=")),
        "{all:?}"
    );
    assert!(!all.contains(&"READY=1".to_owned()), "{all:?}");
    running.terminate();
    manager.until(|line| line == "STOPPING=1");
    assert_eq!(running.exit_code(), Some(0));
}

/// A task whose actors are stopped together with it (SIGSTOP) says nothing, so that systemd acts.
#[test]
fn a_process_that_stands_still_says_nothing() {
    let task = TaskFolder::new(&Settings::default());
    let (manager, socket) = Manager::listening_in(task.path());
    let running = started(&task, &socket, Some("2000000"));
    manager.until(|line| line == "WATCHDOG=1");
    running.signal("-STOP");
    manager.0.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let mut buffer = [0; 4096];
    // What was on its way arrives; then nothing does.
    while manager.0.recv(&mut buffer).is_ok() {}
    running.signal("-CONT");
    manager.until(|line| line == "WATCHDOG=1");
}

#[test]
fn a_manager_that_does_not_listen_disturbs_nothing() {
    let task = TaskFolder::new(&Settings::default());
    let mut command = task.command(&["run", "--once"]);
    command
        .env("NOTIFY_SOCKET", task.path().join("nobody"))
        .env("BRIGADE_LOG", "warn");
    let output = command.output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert_eq!(log.matches("NOTIFY_SOCKET does not answer").count(), 1, "{log}");
    assert_eq!(task.records_count(), 7, "{log}");
}

/// The unit that comes with the program is one that systemd understands, and hardened.
#[test]
fn the_unit_is_understood_and_hardened() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd/brigade.service");
    let mut analyze = Command::new("systemd-analyze");
    let output = analyze
        .args(["security", "--offline=true", "--threshold=20"])
        .arg(&unit)
        .output();
    let Ok(output) = output else {
        #[expect(clippy::print_stderr, reason = "a test that is skipped has to say so")]
        {
            eprintln!("SKIPPED: there is no systemd-analyze");
        }
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("Overall exposure level"), "{said}");
}
