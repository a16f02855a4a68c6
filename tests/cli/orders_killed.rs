//! Processes that are killed in the middle of an order: nothing is lost, nothing comes twice.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that fails panics, and has to name its seed"
)]

use std::net::SocketAddr;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::killed::{self, Killer, Moment, Order, moment};
use crate::orders::order;
use crate::task_folder::TaskFolder;

/// Lives that are cut short, per order.
const KILLS: u64 = 8;

/// Gives orders over the API.
struct Api;

impl Killer for Api {
    fn kill(&mut self, task: &TaskFolder, address: SocketAddr, given: &Order, moment: &Moment<'_>) -> bool {
        let mut running = killed::start(task, address);
        let Order { path, body, .. } = given.clone();
        let asked =
            std::thread::spawn(move || order(address, path, &body).is_some_and(|(code, _)| code == 200));
        moment.wait();
        running.signal("-KILL");
        running.exit_code();
        asked.join().unwrap()
    }
}

#[test]
fn a_reload_is_done_or_not_done() {
    let (mut cut_short, mut carried_out) = (0, 0);
    for seed in 0..KILLS {
        eprintln!("SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        let (is_done, loads) = killed::reload(&mut Api, moment(seed, KILLS, &mut rng));
        cut_short += u64::from(!is_done);
        carried_out += u64::from(loads > 1);
    }
    assert!(
        cut_short > 0 && carried_out > 0,
        "{cut_short} cut short, {carried_out} carried out"
    );
}

#[test]
fn a_file_is_decided_or_not_decided() {
    let mut decided = 0;
    for seed in 0..KILLS {
        eprintln!("SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        decided += u64::from(killed::decide(&mut Api, moment(seed, KILLS, &mut rng)));
    }
    assert!(decided > 0, "no order came through");
}

#[test]
fn a_replay_that_is_killed_repeats_nothing_when_it_is_ordered_again() {
    let mut in_the_middle = 0;
    for seed in 0..KILLS {
        eprintln!("SEED={seed}");
        let mut rng = SmallRng::seed_from_u64(seed);
        let moments = [0, 20, 40].map(|percent| (percent, Duration::from_micros(rng.random_range(0..5_000))));
        in_the_middle += killed::replay(&mut Api, &moments);
    }
    assert!(in_the_middle > 0, "no replay was killed in its middle");
}
