//! What `chaos/run` asks of the demo, mostly beyond what a user sees: faults, promises, a Kinesis server of somebody
//! else, and resharding; and what a run under such conditions may have done and still pass.

use clap::Args;

use super::crash::{Kill, windows_sum};
use super::reshard::ReshardDuring;
use super::stream::Tally;
use crate::fault::{Fault, FaultKind};
use crate::sandbox::allowance::{Allowance, FileOrder};
use crate::sandbox::blog_row::ChangeKey;
use crate::sandbox::blog_task::{Aggregation, Delivery, Ordering, SETTLE_MS};
use crate::sandbox::fault_proxy::FaultRates;

/// An engine that sends again what was in doubt is at it so long after its start, in milliseconds.
const RESENDING_MS: u64 = 60;
/// One that looks first waits for `settle`, and then reads for so long.
const LOOKING_MS: u64 = 500;

/// How the demo delivers, and what goes wrong on the way.
#[derive(Debug, Clone, Default, Args)]
pub struct FaultArgs {
    /// What a record of the stream holds: one row, or the rows of a request as the Kinesis Producer Library packs them
    #[arg(long, value_enum, default_value_t)]
    pub aggregation: Aggregation,
    /// What only `chaos/run` and the tests ask for: a build without the feature `testkit` does not have these options.
    #[cfg_attr(feature = "testkit", command(flatten))]
    #[cfg_attr(not(feature = "testkit"), arg(skip))]
    pub chaos: ChaosArgs,
}

/// Faults and promises that no user needs; hidden from the help of the demo.
#[derive(Debug, Clone, Default, Args)]
pub struct ChaosArgs {
    /// Refuse this share of all records, in per cent, as a throttled stream does
    #[arg(long, default_value_t = 0, hide = true, value_parser = clap::value_parser!(u8).range(0..=60))]
    pub throttle: u8,
    /// Carry out this share of all requests, in per cent, without answering them
    #[arg(long, default_value_t = 0, hide = true, value_parser = clap::value_parser!(u8).range(0..=30))]
    pub swallow: u8,
    /// Close the connection of this share of all requests, in per cent, without carrying them out
    #[arg(long, default_value_t = 0, hide = true, value_parser = clap::value_parser!(u8).range(0..=30))]
    pub lose: u8,
    /// Close the connection of this share of all requests, in per cent, and carry them out later
    #[arg(long, default_value_t = 0, hide = true, value_parser = clap::value_parser!(u8).range(0..=30))]
    pub late: u8,
    /// What the engine promises about repeats
    #[arg(long, value_enum, default_value_t, hide = true)]
    pub delivery: Delivery,
    /// What the engine promises about order
    #[arg(long, value_enum, default_value_t, hide = true)]
    pub ordering: Ordering,
    /// A Kinesis server to use instead of the embedded one
    #[arg(long, hide = true, conflicts_with = "real_limits")]
    pub kinesis_endpoint: Option<String>,
    /// When to split and to merge shards
    #[arg(long, value_enum, hide = true)]
    pub reshard: Option<ReshardDuring>,
}

impl FaultArgs {
    /// Whether this can be asked for, of an engine that is killed or not.
    ///
    /// # Errors
    /// [`FaultKind::Usage`] if the engine cannot keep its promise, or if there is no recovery to meet.
    pub(super) fn check(&self, is_killed: bool) -> Result<(), Fault> {
        let usage = |message: &str| Err(Fault::new(FaultKind::Usage, message));
        if self.chaos.late > 0 && self.chaos.delivery != Delivery::Dedupe {
            return usage(
                "a request that is applied late overtakes newer records unless the engine waits for it; \
                 --late needs --delivery dedupe",
            );
        }
        match self.chaos.reshard {
            Some(ReshardDuring::Recovery | ReshardDuring::Both) if !is_killed => {
                usage("without a kill nothing recovers; this --reshard needs --crash")
            }
            Some(ReshardDuring::Load | ReshardDuring::Recovery | ReshardDuring::Both) | None => Ok(()),
        }
    }

    /// What partition keys of change records are made of. All changes of a table share a key by default. With `strict`
    /// each of them needs a request of its own; with `final` refused records make requests of that key short, and each
    /// of those that is not answered takes the time of a look at the stream. Aggregated, a request is one record,
    /// whatever keys are in it; only before a closed shard records go out one by one.
    pub(super) fn change_key(&self) -> ChangeKey {
        if self.aggregation == Aggregation::Kpl && self.chaos.reshard.is_none() {
            return ChangeKey::SchemaTable;
        }
        let is_in_doubt = self.chaos.swallow + self.chaos.lose + self.chaos.late > 0;
        match (self.chaos.ordering, self.chaos.delivery) {
            (Ordering::Strict, Delivery::AtLeastOnce | Delivery::Dedupe) => ChangeKey::PrimaryKey,
            (Ordering::Final, Delivery::Dedupe) if self.chaos.throttle > 0 && is_in_doubt => {
                ChangeKey::PrimaryKey
            }
            (Ordering::Final | Ordering::None, Delivery::AtLeastOnce | Delivery::Dedupe) => {
                ChangeKey::SchemaTable
            }
        }
    }

    /// How long after its start a restarted engine may be recovering, in milliseconds.
    pub(super) fn recovery_max_ms(&self) -> u64 {
        match self.chaos.delivery {
            Delivery::AtLeastOnce => RESENDING_MS,
            Delivery::Dedupe => SETTLE_MS + LOOKING_MS,
        }
    }

    /// How often what goes wrong.
    pub(super) fn rates(&self) -> FaultRates {
        FaultRates {
            throttle: self.chaos.throttle,
            swallow: self.chaos.swallow,
            lose: self.chaos.lose,
            late: self.chaos.late,
        }
    }

    /// What the engine may have done, given what was done to it.
    pub(super) fn allowance(&self, has_real_limits: bool, kills: &[Kill], tally: Tally) -> Allowance {
        let is_throttled = has_real_limits || self.chaos.throttle > 0;
        let (untold_overtakers, doubts) = match self.chaos.delivery {
            // Whatever is untold is repeated anyway.
            Delivery::AtLeastOnce => (0, windows_sum(kills) + tally.untold + tally.elsewhere),
            Delivery::Dedupe => (tally.untold_overtakers, 0),
        };
        // Keeping the last state of a key means to send again what overtook a refused record of that key.
        let repairs = match self.chaos.ordering {
            Ordering::Final if is_throttled => tally.overtakers + untold_overtakers,
            Ordering::Final | Ordering::Strict | Ordering::None => 0,
        };
        let is_disturbed =
            is_throttled || tally.untold > 0 || self.chaos.lose > 0 || self.chaos.reshard.is_some();
        let file_order = match self.chaos.ordering {
            Ordering::Strict => FileOrder::PerKeyAlways,
            Ordering::Final if is_disturbed => FileOrder::PerKey,
            Ordering::None if is_disturbed => FileOrder::None,
            Ordering::Final | Ordering::None => FileOrder::PerShard,
        };
        Allowance {
            repeats_max: repairs + doubts,
            file_order,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TALLY: Tally = Tally {
        stored: 1_000,
        refused: 50,
        untold: 7,
        late: 0,
        overtakers: 5,
        untold_overtakers: 2,
        elsewhere: 4,
    };

    fn of(chaos: ChaosArgs) -> FaultArgs {
        FaultArgs {
            chaos,
            ..FaultArgs::default()
        }
    }

    fn arguments(delivery: Delivery, ordering: Ordering) -> FaultArgs {
        of(ChaosArgs {
            throttle: 10,
            swallow: 2,
            delivery,
            ordering,
            ..ChaosArgs::default()
        })
    }

    #[test]
    fn what_is_allowed_follows_from_what_is_promised() {
        let kill = Kill {
            stored: 100,
            covered: 89,
            window: 11,
            first_record_ms: None,
            recovered: 11,
        };
        let cases = [
            (Delivery::AtLeastOnce, Ordering::Final, 27, FileOrder::PerKey),
            (
                Delivery::AtLeastOnce,
                Ordering::Strict,
                22,
                FileOrder::PerKeyAlways,
            ),
            (Delivery::AtLeastOnce, Ordering::None, 22, FileOrder::None),
            (Delivery::Dedupe, Ordering::Final, 7, FileOrder::PerKey),
            (Delivery::Dedupe, Ordering::Strict, 0, FileOrder::PerKeyAlways),
            (Delivery::Dedupe, Ordering::None, 0, FileOrder::None),
        ];
        for (delivery, ordering, repeats_max, file_order) in cases {
            let allowed = arguments(delivery, ordering).allowance(false, &[kill], TALLY);
            let expected = Allowance {
                repeats_max,
                file_order,
            };
            assert_eq!(allowed, expected, "{delivery:?} {ordering:?}");
        }
    }

    #[test]
    fn a_hot_key_is_left_out_where_it_would_take_the_whole_day() {
        let cases = [
            (Delivery::Dedupe, Ordering::Strict, ChangeKey::PrimaryKey),
            (Delivery::Dedupe, Ordering::Final, ChangeKey::PrimaryKey),
            (Delivery::Dedupe, Ordering::None, ChangeKey::SchemaTable),
            (Delivery::AtLeastOnce, Ordering::Strict, ChangeKey::PrimaryKey),
            (Delivery::AtLeastOnce, Ordering::Final, ChangeKey::SchemaTable),
        ];
        for (delivery, ordering, expected) in cases {
            let found = arguments(delivery, ordering).change_key();
            assert_eq!(found, expected, "{delivery:?} {ordering:?}");
        }
        assert_eq!(FaultArgs::default().change_key(), ChangeKey::SchemaTable);
        let aggregated = |reshard| FaultArgs {
            aggregation: Aggregation::Kpl,
            chaos: ChaosArgs {
                reshard,
                ..arguments(Delivery::Dedupe, Ordering::Strict).chaos
            },
        };
        assert_eq!(aggregated(None).change_key(), ChangeKey::SchemaTable);
        let resharded = aggregated(Some(ReshardDuring::Load));
        assert_eq!(resharded.change_key(), ChangeKey::PrimaryKey);
    }

    #[test]
    fn what_cannot_hold_is_refused() {
        let late = |delivery| {
            of(ChaosArgs {
                late: 1,
                ..arguments(delivery, Ordering::Final).chaos
            })
        };
        let recovering = of(ChaosArgs {
            reshard: Some(ReshardDuring::Recovery),
            ..ChaosArgs::default()
        });
        let cases = [
            (late(Delivery::AtLeastOnce), true, false),
            (late(Delivery::Dedupe), true, true),
            (recovering.clone(), false, false),
            (recovering, true, true),
            (FaultArgs::default(), false, true),
        ];
        for (arguments, is_killed, is_fine) in cases {
            let checked = arguments.check(is_killed);
            assert_eq!(checked.is_ok(), is_fine, "{arguments:?}");
            assert!(checked.err().is_none_or(|fault| fault.kind == FaultKind::Usage));
        }
    }
}
