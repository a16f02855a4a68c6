//! Splits and merges the shards of the stream under a running engine: in the middle of the load, and while a restarted
//! engine is finding out what its killed predecessor left behind.

use std::collections::VecDeque;
use std::time::Duration;

use clap::ValueEnum;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

use super::faults::FaultArgs;
use super::stream::DemoStream;
use crate::fault::Fault;
use crate::sandbox::blog_task::STREAM;
use crate::sandbox::reshard::{ReshardStep, reshard};

/// The load is split in this share of its rows, in per cent, and merged in the other.
const SPLIT_SHARE: std::ops::Range<u64> = 15..35;
const MERGE_SHARE: std::ops::Range<u64> = 50..75;
/// Makes another row of numbers out of the seed than the kills have.
const SEED_TWIST: u64 = 0x7265_7368_6172_6421;

/// When shards are split and merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum ReshardDuring {
    /// While rows are loaded.
    Load,
    /// After a kill, while the restarted engine recovers.
    Recovery,
    /// Both.
    Both,
}

/// One step that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Reshard {
    step: ReshardStep,
    /// The shards that it closed.
    parents: Vec<String>,
    /// Records in the stream when it began.
    stored: u64,
    /// Whether the engine had not stored anything since it was restarted after a kill.
    is_recovering: bool,
}

/// The steps that are left, and those that were done.
#[derive(Debug)]
pub(super) struct Resharder {
    rng: SmallRng,
    /// With the number of stored records at which each is due.
    of_load: VecDeque<(u64, ReshardStep)>,
    of_recovery: VecDeque<ReshardStep>,
    recovery_max_ms: u64,
    /// The steps of this life, with the time since its start. More than one if a life was too short for its own.
    due: VecDeque<(Duration, ReshardStep)>,
    done: Vec<Reshard>,
}

impl Resharder {
    /// All steps of a run, if it has any.
    pub(super) fn new(faults: &FaultArgs, seed: u64, rows_count: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed ^ SEED_TWIST);
        let mut share = |range| rows_count.saturating_mul(rng.random_range(range)) / 100;
        let of_load = [
            (share(SPLIT_SHARE), ReshardStep::Split),
            (share(MERGE_SHARE), ReshardStep::Merge),
        ];
        let of_recovery = [ReshardStep::Split, ReshardStep::Merge];
        let (of_load, of_recovery) = match faults.chaos.reshard {
            None => (VecDeque::new(), VecDeque::new()),
            Some(ReshardDuring::Load) => (of_load.into(), VecDeque::new()),
            Some(ReshardDuring::Recovery) => (VecDeque::new(), of_recovery.into()),
            Some(ReshardDuring::Both) => (of_load.into(), of_recovery.into()),
        };
        Self {
            rng,
            of_load,
            of_recovery,
            recovery_max_ms: faults.recovery_max_ms(),
            due: VecDeque::new(),
            done: Vec::new(),
        }
    }

    /// Steps that were not done yet.
    pub(super) fn left_count(&self) -> usize {
        self.of_load.len() + self.of_recovery.len() + self.due.len()
    }

    /// What was done.
    pub(super) fn into_done(self) -> Vec<Reshard> {
        self.done
    }

    /// An engine was started again after a kill.
    pub(super) fn engine_restarted(&mut self) {
        let delay = Duration::from_millis(self.rng.random_range(0..=self.recovery_max_ms));
        self.due
            .extend(self.of_recovery.pop_front().map(|step| (delay, step)));
    }

    /// Does what is due, `elapsed` after the start of the engine, which has stored something or not.
    pub(super) async fn look(
        &mut self,
        stream: &DemoStream,
        elapsed: Duration,
        is_recovering: bool,
    ) -> Result<(), Fault> {
        let stored = stream.tally().stored;
        // An engine that is quick to recover is met at its first record at the latest.
        let of_recovery = self
            .due
            .pop_front_if(|(delay, _)| elapsed >= *delay || !is_recovering)
            .map(|(_, step)| step);
        let of_load = self.of_load.pop_front_if(|(threshold, _)| stored >= *threshold);
        for step in of_recovery.into_iter().chain(of_load.map(|(_, step)| step)) {
            let parents = reshard(stream.client(), STREAM, step, &mut self.rng).await?;
            self.done.push(Reshard {
                step,
                parents,
                stored,
                is_recovering,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::faults::ChaosArgs;
    use crate::sandbox::blog_task::Delivery;

    fn resharder(reshard: Option<ReshardDuring>, delivery: Delivery, seed: u64) -> Resharder {
        let chaos = ChaosArgs {
            delivery,
            reshard,
            ..ChaosArgs::default()
        };
        let faults = FaultArgs {
            chaos,
            ..FaultArgs::default()
        };
        Resharder::new(&faults, seed, 1_000)
    }

    #[test]
    fn the_steps_of_a_load_fall_into_its_middle_and_depend_on_the_seed() {
        let thresholds = |seed| -> Vec<u64> {
            let resharder = resharder(Some(ReshardDuring::Both), Delivery::AtLeastOnce, seed);
            assert_eq!(resharder.left_count(), 4);
            resharder
                .of_load
                .iter()
                .map(|(threshold, _)| *threshold)
                .collect()
        };
        let first = thresholds(1);
        assert!(
            (150..350).contains(&first[0]) && (500..750).contains(&first[1]),
            "{first:?}"
        );
        assert_eq!(first, thresholds(1));
        assert!((2..10).any(|seed| thresholds(seed) != first));
    }

    #[test]
    fn each_restart_takes_one_step_of_recovery() {
        for delivery in [Delivery::AtLeastOnce, Delivery::Dedupe] {
            let mut resharder = resharder(Some(ReshardDuring::Recovery), delivery, 1);
            resharder.engine_restarted();
            resharder.engine_restarted();
            // The first life was killed before its step: the second one takes both.
            let steps: Vec<_> = resharder.due.iter().map(|(_, step)| *step).collect();
            assert_eq!(steps, [ReshardStep::Split, ReshardStep::Merge]);
            let longest = Duration::from_millis(resharder.recovery_max_ms);
            assert!(
                resharder.due.iter().all(|(delay, _)| *delay <= longest),
                "{:?}",
                resharder.due
            );
            assert_eq!(resharder.left_count(), 2);
        }
        let mut none = resharder(None, Delivery::Dedupe, 1);
        none.engine_restarted();
        assert_eq!(none.left_count(), 0);
    }
}
