//! What is to happen to which request, drawn from a seed. Pure: no I/O, no clock.
//!
//! Each request has a number, in the order of arrival, and a generator of its own made of the seed and that number: how
//! many records one request holds does not shift what is drawn for the next.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

/// Spreads neighbouring numbers over the seeds (2^64 divided by the golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
/// A request that is applied late is held at least so long.
const HOLD_MIN_MS: u64 = 50;
/// And at most so long: an engine that waits longer before it looks has to see all of them.
pub const HOLD_MAX_MS: u64 = 700;

/// Shares in per cent; nothing goes wrong by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FaultRates {
    /// Of records: refused one by one as by a throttled shard, and not passed on.
    pub throttle: u8,
    /// Of requests: carried out, and never answered.
    pub swallow: u8,
    /// Of requests: not passed on, and never answered.
    pub lose: u8,
    /// Of requests: never answered, and carried out some time later.
    pub late: u8,
}

impl FaultRates {
    /// Whether nothing goes wrong.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }

    /// Whether a record may be refused alone, so that others of its request overtake it.
    pub fn makes_holes(self) -> bool {
        self.throttle > 0
    }
}

/// What happens to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// For each record, whether it is refused.
    pub refused: Vec<bool>,
    /// What happens to the rest of them.
    pub passage: Passage,
}

/// How a request gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It is carried out and answered.
    Answered,
    /// It is carried out, and its connection is closed without an answer.
    SwallowedByClose,
    /// It is carried out, and the answer is "internal failure".
    SwallowedByFailure,
    /// It is not carried out, and its connection is closed without an answer.
    Lost,
    /// Its connection is closed at once, and it is carried out after this time.
    Late(Duration),
}

/// What happens to all requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultPlan {
    /// How often.
    pub rates: FaultRates,
    /// Of everything that is drawn.
    pub seed: u64,
}

impl FaultPlan {
    /// The fate of the request of this number, which holds `records_count` records.
    pub fn fate(self, number: u64, records_count: usize) -> Fate {
        let mut rng = SmallRng::seed_from_u64(self.seed ^ number.wrapping_add(1).wrapping_mul(SPREAD));
        let passage = self.passage(&mut rng);
        let refused = (0..records_count)
            .map(|_| rng.random_range(0..100) < self.rates.throttle)
            .collect();
        Fate { refused, passage }
    }

    fn passage(self, rng: &mut SmallRng) -> Passage {
        let FaultRates {
            swallow, lose, late, ..
        } = self.rates;
        let drawn: u16 = rng.random_range(0..100);
        // Drawn whether needed or not, so that the rates do not shift which records are refused.
        let is_closed = rng.random_bool(0.5);
        let hold = Duration::from_millis(rng.random_range(HOLD_MIN_MS..=HOLD_MAX_MS));
        let [swallow, lose, late] = [swallow, lose, late].map(u16::from);
        if drawn < swallow {
            if is_closed {
                Passage::SwallowedByClose
            } else {
                Passage::SwallowedByFailure
            }
        } else if drawn < swallow + lose {
            Passage::Lost
        } else if drawn < swallow + lose + late {
            Passage::Late(hold)
        } else {
            Passage::Answered
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: FaultRates = FaultRates {
        throttle: 10,
        swallow: 8,
        lose: 4,
        late: 2,
    };

    #[test]
    fn a_seed_and_a_number_make_one_fate() {
        let plan = FaultPlan {
            rates: RATES,
            seed: 7,
        };
        let fates = |plan: FaultPlan, lengths: [usize; 2]| -> Vec<Fate> {
            (0..200)
                .map(|number| plan.fate(number, lengths[usize::from(number % 2 == 1)]))
                .collect()
        };
        assert_eq!(fates(plan, [500, 500]), fates(plan, [500, 500]));
        // The size of one request is nothing to another.
        let (even, odd) = (fates(plan, [500, 500]), fates(plan, [3, 500]));
        assert!((1..200).step_by(2).all(|number| even[number] == odd[number]));
        assert_ne!(
            fates(plan, [500, 500]),
            fates(FaultPlan { seed: 8, ..plan }, [500, 500])
        );
    }

    #[test]
    fn shares_come_out_as_they_are_asked_for() {
        let plan = FaultPlan {
            rates: RATES,
            seed: 1,
        };
        let fates: Vec<Fate> = (0..20_000).map(|number| plan.fate(number, 10)).collect();
        let requests = |wanted: fn(Passage) -> bool| fates.iter().filter(|fate| wanted(fate.passage)).count();
        let shares = [
            (requests(|passage| passage == Passage::SwallowedByClose), 800),
            (requests(|passage| passage == Passage::SwallowedByFailure), 800),
            (requests(|passage| passage == Passage::Lost), 800),
            (requests(|passage| matches!(passage, Passage::Late(_))), 400),
            (
                fates
                    .iter()
                    .flat_map(|fate| &fate.refused)
                    .filter(|refused| **refused)
                    .count(),
                20_000,
            ),
        ];
        for (count, expected) in shares {
            assert!(count.abs_diff(expected) * 7 < expected, "{count} of {expected}");
        }
    }

    #[test]
    fn nothing_goes_wrong_unless_it_is_asked_for() {
        let plan = FaultPlan {
            rates: FaultRates::default(),
            seed: 1,
        };
        for number in 0..1_000 {
            let fate = plan.fate(number, 3);
            assert_eq!((fate.passage, fate.refused), (Passage::Answered, vec![false; 3]));
        }
        let always = FaultPlan {
            rates: FaultRates {
                lose: 100,
                throttle: 100,
                ..FaultRates::default()
            },
            seed: 1,
        };
        let fate = always.fate(5, 2);
        assert_eq!((fate.passage, fate.refused), (Passage::Lost, vec![true; 2]));
    }
}
