//! Kills the engine in the middle of its work, again and again, and measures after each kill what was in doubt.
//!
//! A restarted engine may repeat what it had sent since its last durable checkpoint, and nothing else. Both sides of
//! that window are read while no engine runs, before the replay they bound: what the stream holds, at the server, and
//! what the checkpoint covers, in the state.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use tokio::time::Instant;

use super::doubt::FoundInStream;
use super::engine::{Engine, WATCH_INTERVAL};
use super::folder::WorkFolder;
use super::report::milliseconds;
use super::reshard::Resharder;
use super::stream::{DemoStream, Tally};
use crate::checkpoint::store::CheckpointStore;
use crate::checkpoint::store::sled::{OpenOptions, SledStore};
use crate::fault::{Fault, FaultKind};
use crate::sandbox::blog_task::{Delivery, TASK};
use crate::saturate;

/// A kill comes at most this long after the record that was chosen for it, so that it hits any step of the engine.
const JITTER_MAX_MS: u64 = 60;
/// One in so many kills of a restarted engine hits its recovery.
const RECOVERIES_KILLED_OF: u32 = 4;
/// The server has carried out what reached it when its counters stand still for so long.
const QUIET: Duration = Duration::from_millis(150);

/// One kill and what it left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Kill {
    /// Records in the stream, repeats included.
    pub(super) stored: u64,
    /// Records that the last durable checkpoint covers.
    pub(super) covered: u64,
    /// Records that were sent since then, and that the next life may repeat.
    pub(super) window: u64,
    /// Time from the start of the next process to the first record it stored, in milliseconds; none if none
    /// was seen.
    pub(super) first_record_ms: Option<u64>,
    /// Records of the window that the next process found in the stream and did not send again: all of them, unless it
    /// was killed too or the order of a key had to be repaired.
    pub(super) recovered: u64,
}

/// All lives of an engine, from the first start to the end of its work.
#[derive(Debug, Default)]
pub(super) struct Lives {
    /// What ended each of them but the last.
    pub(super) kills: Vec<Kill>,
    /// What all of them found in the stream and did not send again.
    pub(super) found: FoundInStream,
}

/// Runs the engine to its end over `kills_max` kills, at moments that depend on the seed and on its progress.
pub(super) async fn run_over_kills(
    folder: &WorkFolder,
    stream: &DemoStream,
    plan: KillPlan,
    resharder: &mut Resharder,
    mut progress: impl FnMut(),
) -> Result<Lives, Fault> {
    let mut rng = SmallRng::seed_from_u64(plan.seed);
    let mut kills: Vec<Kill> = Vec::new();
    let mut found_so_far = FoundInStream::default();
    loop {
        let before = stream.tally();
        let kills_left = plan.kills_max.saturating_sub(count(&kills));
        let moment = plan.next_kill(before.stored, kills_left, !kills.is_empty(), &mut rng);
        let jitter = Duration::from_millis(rng.random_range(0..=JITTER_MAX_MS));
        if !kills.is_empty() {
            resharder.engine_restarted();
        }
        let mut life = Life {
            engine: Engine::start(folder)?,
            started: Instant::now(),
            before,
            moment,
            jitter,
        };
        let ending = life
            .watch(stream, kills.last_mut(), resharder, &mut progress)
            .await?;
        if matches!(ending, Ending::Due) {
            life.engine.kill()?;
        }
        let found = life.engine.found()?;
        found_so_far += found;
        if let Some(kill) = kills.last_mut() {
            kill.recovered = found.recovered;
        }
        if matches!(ending, Ending::Done) {
            return Ok(Lives {
                kills,
                found: found_so_far,
            });
        }
        let tally = settled_tally(stream).await;
        let covered = covered_count(folder).await?;
        if covered > tally.stored {
            let message = format!(
                "the checkpoint is ahead: it covers {covered} records, the stream holds {} (C1)",
                tally.stored
            );
            return Err(Fault::new(FaultKind::Internal, message));
        }
        // What was looked up and found is covered without having been stored again.
        kills.push(match plan.delivery {
            Delivery::AtLeastOnce => Kill::after(&kills, tally, covered),
            Delivery::Dedupe => Kill::after(&[], Tally { untold: 0, ..tally }, covered),
        });
    }
}

/// One process, from its start to its end or to the moment of its kill.
struct Life {
    engine: Engine,
    started: Instant,
    /// What was in the stream when it began.
    before: Tally,
    moment: Option<Moment>,
    /// What it may still do after the moment.
    jitter: Duration,
}

/// How a life ended.
enum Ending {
    /// Its work is done.
    Done,
    /// It has to be killed now.
    Due,
}

impl Life {
    /// Looks on, and lets shards be split and merged, until the end. `kill` is the one that it recovers from.
    async fn watch(
        &mut self,
        stream: &DemoStream,
        mut kill: Option<&mut Kill>,
        resharder: &mut Resharder,
        progress: &mut impl FnMut(),
    ) -> Result<Ending, Fault> {
        let mut due = None;
        loop {
            progress();
            let (now, elapsed) = (stream.tally(), self.started.elapsed());
            let has_stored = now.in_time() > self.before.in_time();
            let is_recovering = kill.is_some() && !has_stored;
            if let Some(kill) = kill.as_deref_mut().filter(|_| has_stored) {
                kill.first_record_ms.get_or_insert(milliseconds(elapsed));
            }
            if self.engine.has_ended()? {
                return Ok(Ending::Done);
            }
            if self
                .moment
                .is_some_and(|moment| moment.has_come(now.stored, elapsed))
            {
                due.get_or_insert(elapsed + self.jitter);
            }
            if due.is_some_and(|due| elapsed >= due) {
                return Ok(Ending::Due);
            }
            resharder.look(stream, elapsed, is_recovering).await?;
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
    }
}

/// How often to kill, and from which seed.
#[derive(Debug, Clone, Copy)]
pub(super) struct KillPlan {
    /// Seed of the moments.
    pub(super) seed: u64,
    /// Kills at most; fewer if the work is done before.
    pub(super) kills_max: u64,
    /// Rows in the files.
    pub(super) rows_count: u64,
    /// What the engine does about a window.
    pub(super) delivery: Delivery,
    /// How long that may take, in milliseconds.
    pub(super) recovery_max_ms: u64,
}

/// When a life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// When so many records are stored.
    AtRecord(u64),
    /// So long after its start, whatever it has done by then.
    After(Duration),
}

impl Moment {
    fn has_come(self, stored: u64, elapsed: Duration) -> bool {
        match self {
            Self::AtRecord(threshold) => stored >= threshold,
            Self::After(delay) => elapsed >= delay,
        }
    }
}

impl KillPlan {
    /// The moment of the next kill: somewhere in this kill's share of the rows that are left, or, now and then, while a
    /// restarted engine finds out what its predecessor left behind.
    fn next_kill(self, stored: u64, kills_left: u64, is_restart: bool, rng: &mut SmallRng) -> Option<Moment> {
        let rows_left = self.rows_count.saturating_sub(stored);
        let share = rows_left / kills_left.saturating_add(1).max(1);
        let threshold = stored + rng.random_range(0..=share) + 1;
        let delay = Duration::from_millis(rng.random_range(0..=self.recovery_max_ms));
        let is_in_recovery = rng.random_ratio(1, RECOVERIES_KILLED_OF) && is_restart;
        (kills_left > 0).then_some(if is_in_recovery {
            Moment::After(delay)
        } else {
            Moment::AtRecord(threshold)
        })
    }
}

impl Kill {
    /// A kill after earlier ones whose windows were sent again: their records are in the stream for good and never
    /// covered, as are those whose sender got no answer, so only what exceeds them is new.
    fn after(earlier: &[Self], tally: Tally, covered: u64) -> Self {
        let window = tally
            .stored
            .saturating_sub(tally.untold)
            .saturating_sub(covered)
            .saturating_sub(windows_sum(earlier));
        Self {
            stored: tally.stored,
            covered,
            window,
            first_record_ms: None,
            recovered: 0,
        }
    }
}

/// All that the kills together may have caused to be repeated.
pub(super) fn windows_sum(kills: &[Kill]) -> u64 {
    kills.iter().map(|kill| kill.window).sum()
}

/// Kills at which rows were certainly left to send.
pub(super) fn mid_load_count(kills: &[Kill], rows_count: u64) -> u64 {
    let hits = kills.iter().filter(|kill| kill.stored < rows_count);
    saturate::to_u64(hits.count())
}

fn count(kills: &[Kill]) -> u64 {
    saturate::to_u64(kills.len())
}

/// What is in the stream when requests that outlived the engine have been carried out.
async fn settled_tally(stream: &DemoStream) -> Tally {
    let mut before = stream.tally();
    loop {
        tokio::time::sleep(QUIET).await;
        let now = stream.tally();
        if now == before {
            return now;
        }
        before = now;
    }
}

/// Records that the durable checkpoint says are in the stream.
async fn covered_count(folder: &WorkFolder) -> Result<u64, Fault> {
    let path = folder.state();
    let read = move || -> Result<u64, Fault> {
        let store = SledStore::open(&path, &OpenOptions::new(TASK))?;
        let checkpoint = store.load()?;
        Ok(checkpoint.cuts.iter().map(|cut| cut.records).sum())
    };
    tokio::task::spawn_blocking(read).await.map_err(|panicked| {
        Fault::new(
            FaultKind::Internal,
            format!("reading the checkpoint failed: {panicked}"),
        )
    })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_counts_only_what_earlier_windows_do_not() {
        let mut kills = Vec::new();
        for (stored, untold, covered) in [(100, 0, 80), (150, 0, 130), (300, 5, 250)] {
            let tally = Tally {
                stored,
                untold,
                ..Tally::default()
            };
            kills.push(Kill::after(&kills, tally, covered));
        }
        let windows: Vec<u64> = kills.iter().map(|kill| kill.window).collect();
        assert_eq!(windows, [20, 0, 25]);
        assert_eq!(windows_sum(&kills), 45);
        assert_eq!(mid_load_count(&kills, 300), 2);
    }

    #[test]
    fn kills_are_spread_over_the_rows_that_are_left() {
        let plan = KillPlan {
            seed: 1,
            kills_max: 4,
            rows_count: 1_000,
            delivery: Delivery::AtLeastOnce,
            recovery_max_ms: 50,
        };
        let mut rng = SmallRng::seed_from_u64(plan.seed);
        let mut stored = 0;
        for kills_left in (1..=4).rev() {
            match plan.next_kill(stored, kills_left, false, &mut rng) {
                Some(Moment::AtRecord(next)) => {
                    assert!((stored + 1..=1_000).contains(&next), "{next} after {stored}");
                    stored = next;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(plan.next_kill(stored, 0, true, &mut rng), None);
    }

    #[test]
    fn some_kills_hit_a_recovery_and_most_do_not() {
        let plan = KillPlan {
            seed: 1,
            kills_max: 400,
            rows_count: 1_000_000,
            delivery: Delivery::Dedupe,
            recovery_max_ms: 50,
        };
        let mut rng = SmallRng::seed_from_u64(plan.seed);
        let delays: Vec<Duration> = (0..400)
            .filter_map(|_| match plan.next_kill(0, 10, true, &mut rng) {
                Some(Moment::After(delay)) => Some(delay),
                Some(Moment::AtRecord(_)) | None => None,
            })
            .collect();
        assert!((60..140).contains(&delays.len()), "{}", delays.len());
        assert!(delays.iter().all(|delay| *delay <= Duration::from_millis(50)));
        assert!(Moment::After(delays[0]).has_come(0, delays[0]));
        assert!(!Moment::AtRecord(5).has_come(4, Duration::MAX));
    }
}
