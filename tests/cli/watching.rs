//! Commands that look at a task while it goes on: its events, its shards, its status again and again; and the manual.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::task_folder::{Settings, TaskFolder, wait_until};

/// A command that goes on, and the lines that it prints.
struct Watching {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watching {
    fn start(task: &TaskFolder, arguments: &[&str]) -> Self {
        let mut command = task.command(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn next_line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.lines.read_line(&mut line).unwrap() > 0, "it ended");
        line
    }

    /// Reads up to a line that contains the text.
    fn read_until(&mut self, text: &str) -> String {
        loop {
            let line = self.next_line();
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Ends it as Ctrl-C does; gives what it still said.
    fn interrupt(mut self) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .unwrap()
                .success(),
            "it is gone"
        );
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.child.kill());
    }
}

#[test]
fn events_are_listed_and_followed_when_their_file_is_put_aside() {
    let task = TaskFolder::new(&Settings::default());
    let none = task.brigade(&["events"]).expect(0);
    assert_eq!(none.stdout, "", "{none:?}");
    task.brigade(&["run", "--once"]).expect(0);
    let text = task.brigade(&["events"]).expect(0).stdout;
    let lines: Vec<_> = text.lines().collect();
    let ids = ["DMS-EVENT-0074", "DMS-EVENT-0069", "DMS-EVENT-0079"];
    assert_eq!(lines.len(), ids.len(), "{text}");
    for (line, id) in lines.iter().zip(ids) {
        assert!(line.starts_with("20") && line.contains(id), "{line}");
    }
    let last = task.brigade(&["events", "--limit", "1"]).expect(0).stdout;
    assert_eq!(last.lines().collect::<Vec<_>>(), &lines[2..]);
    let json = task
        .brigade(&["events", "-o", "json", "-n", "1"])
        .expect(0)
        .stdout;
    let event: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(event["detail"]["eventId"], "DMS-EVENT-0079");

    let mut following = Watching::start(&task, &["events", "--follow", "--limit", "1"]);
    assert_eq!(following.next_line().trim_end(), lines[2]);
    // So much that the next event puts the file aside.
    let events = task.path().join("state/events.jsonl");
    let mut full = fs::read(&events).unwrap();
    full.resize(1 << 20, b'\n');
    fs::write(&events, full).unwrap();
    task.brigade(&["run", "--once"]).expect(0);
    assert!(
        task.path().join("state/events.1.jsonl").exists(),
        "it was put aside"
    );
    let started = following.next_line();
    assert!(started.contains("with flag, resume"), "{started}");
    assert!(following.next_line().contains("DMS-EVENT-0079"), "the run ended");
    assert_eq!(following.interrupt(), (Some(0), String::new()));
    assert_eq!(task.brigade(&["events"]).expect(0).stdout.lines().count(), 5);
}

#[test]
fn shards_say_what_they_took_and_what_they_do() {
    let task = TaskFolder::new(&Settings::default());
    let said = task.brigade(&["shards"]).expect(0).stdout;
    assert!(said.contains("task orders never ran"), "{said}");
    task.brigade(&["run", "--once"]).expect(0);
    let json = task.json(&["shards"]);
    let shards = json["shards"].as_array().unwrap();
    let records: u64 = shards
        .iter()
        .map(|shard| shard["records"].as_u64().unwrap())
        .sum();
    assert_eq!((shards.len(), records), (2, 7), "{json:#}");
    assert_eq!(
        (&json["activity"], &json["schema_version"]),
        (&"stopped".into(), &1.into())
    );
    let text = task.brigade(&["shards"]).expect(0).stdout;
    for shard in shards {
        let id = shard["shard_id"].as_str().unwrap();
        let line = text.lines().find(|line| line.contains(id)).unwrap();
        let last = shard["last_sequence_number"].as_str();
        assert!(line.contains("not running"), "{line}");
        assert!(last.is_none_or(|last| line.ends_with(last)), "{line}: {last:?}");
    }
}

#[test]
fn a_status_that_is_watched_is_shown_when_it_changes() {
    let task = TaskFolder::new(&Settings::default());
    let mut watching = Watching::start(&task, &["status", "--watch"]);
    watching.read_until("not started yet");
    let mut running = task.start();
    watching.read_until("running, process");
    wait_until("all is sent", || task.records_count() == 7);
    running.terminate();
    assert_eq!(running.exit_code(), Some(0));
    watching.read_until("stopped, nothing in flight");
    let delivered = watching.read_until("delivered");
    assert!(delivered.contains("7 records to 2 shards"), "{delivered}");
    let (code, rest) = watching.interrupt();
    assert_eq!(code, Some(0), "{rest}");
    assert!(
        !rest.contains("task "),
        "nothing changed, so nothing is shown: {rest}"
    );
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let task = TaskFolder::new(&Settings::default());
    let page = task.brigade(&["man"]).expect(0).stdout;
    assert!(page.contains(".TH brigade 1"), "{page}");
    let page = task.brigade(&["man", "dlq", "replay"]).expect(0).stdout;
    assert!(
        page.contains("brigade\\-dlq\\-replay") && page.contains("ordinals"),
        "{page}"
    );
    task.brigade(&["man", "gone"]).expect(64);
    task.brigade(&["man", "--dir", "pages"]).expect(0);
    let written = |name: &str| task.path().join("pages").join(name).exists();
    // The commands that the help lists, and those below them.
    let help = |words: &[&str]| task.brigade(&[words, &["--help"]].concat()).expect(0).stdout;
    let below = |help: &str| -> Vec<String> {
        let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let commands = commands.take_while(|line| line.starts_with("  "));
        commands
            .filter(|line| !line.starts_with("   "))
            .map(|line| line.split_whitespace().next().unwrap().to_owned())
            .filter(|name| name != "help")
            .collect()
    };
    let commands = below(&help(&[]));
    assert!(commands.len() > 20, "{commands:?}");
    let mut pages = 1;
    assert!(written("brigade.1"), "the program itself has one");
    for command in &commands {
        assert!(written(&format!("brigade-{command}.1")), "{command}");
        pages += 1;
        for verb in below(&help(&[command])) {
            assert!(
                written(&format!("brigade-{command}-{verb}.1")),
                "{command} {verb}"
            );
            pages += 1;
        }
    }
    let all = fs::read_dir(task.path().join("pages")).unwrap().count();
    assert!(all >= pages, "{all} pages of {pages}");
}
