//! Orders that are given on the page while their process is killed: nothing is lost, nothing comes twice, and the page says that
//! the task is gone and finds the next one.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that fails panics, and has to name its seed"
)]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::killed::{self, Killer, Moment, Order, moment};
use crate::servers::install;
use crate::task_folder::{TOKEN, TaskFolder};

/// Lives that are cut short, per order.
const KILLS: u64 = 4;

/// Gives orders on the page, as a person does.
struct Page {
    chromium: PathBuf,
    driver: PathBuf,
}

impl Page {
    /// `None`, and a word of it, if there is no browser.
    fn new() -> Option<Self> {
        let tools = install::chromium().and_then(|chromium| Ok((chromium, install::browser_driver()?)));
        match tools {
            Ok((chromium, driver)) => Some(Self { chromium, driver }),
            Err(reason) => {
                eprintln!("SKIPPED: the page: {reason}");
                None
            }
        }
    }

    fn open(&self, address: SocketAddr, order: &Order) -> Visit {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/page/order.mjs");
        let mut browser = Command::new("node")
            .arg(script)
            .args([&format!("http://{address}/"), order.button, order.verb])
            .env("PAGE_TOKEN", TOKEN)
            .env("CHROMIUM", &self.chromium)
            .current_dir(&self.driver)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(browser.stdout.take().unwrap());
        Visit { browser, said }
    }
}

/// A browser with the page of a task.
struct Visit {
    browser: Child,
    said: BufReader<ChildStdout>,
}

impl Visit {
    /// The next word of what happens there.
    fn says(&mut self) -> String {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        drop(self.browser.kill());
        drop(self.browser.wait());
    }
}

impl Killer for Page {
    fn kill(&mut self, task: &TaskFolder, address: SocketAddr, order: &Order, moment: &Moment<'_>) -> bool {
        let mut running = killed::start(task, address);
        let mut visit = self.open(address, order);
        assert_eq!(visit.says(), "pressed", "the order is not given");
        moment.wait();
        running.signal("-KILL");
        running.exit_code();
        let is_done = match visit.says().as_str() {
            "done" => true,
            "unanswered" => false,
            other => unreachable!("what came of the order is {other:?}"),
        };
        assert_eq!(
            visit.says(),
            "stale",
            "a task that is gone is shown as one that is there"
        );
        // The page of whoever looks on is open all the time.
        let mut next = killed::start(task, address);
        assert_eq!(visit.says(), "back", "the page does not find the task again");
        next.signal("-KILL");
        next.exit_code();
        is_done
    }
}

#[test]
fn a_reload_of_the_page_is_done_or_not_done() {
    let Some(mut page) = Page::new() else { return };
    let mut carried_out = 0;
    for seed in 0..KILLS {
        eprintln!("SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        let (_, loads) = killed::reload(&mut page, moment(seed, KILLS, &mut rng));
        carried_out += usize::from(loads > 1);
    }
    assert!(carried_out > 0, "no order came through");
}

#[test]
fn a_file_is_decided_on_the_page_or_not_decided() {
    let Some(mut page) = Page::new() else { return };
    let mut decided = 0;
    for seed in 0..KILLS {
        eprintln!("SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        decided += usize::from(killed::decide(&mut page, moment(seed, KILLS, &mut rng)));
    }
    assert!(decided > 0, "no order came through");
}

#[test]
fn a_replay_of_the_page_that_is_killed_repeats_nothing() {
    let Some(mut page) = Page::new() else { return };
    let mut in_the_middle = 0;
    for seed in 0..KILLS {
        eprintln!("SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        let moments = [(seed * 20, Duration::from_micros(rng.random_range(0..5_000)))];
        in_the_middle += killed::replay(&mut page, &moments);
    }
    assert!(in_the_middle > 0, "no replay was killed in its middle");
}
