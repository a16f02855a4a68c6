//! Delays between attempts: they grow, and chance spreads them, so that those who failed together do not come back
//! together.

use std::time::Duration;

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

/// How delays grow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delays {
    /// The first one.
    pub first: Duration,
    /// The longest one, before chance.
    pub max: Duration,
    /// By how much each is longer than the one before.
    pub growth: f64,
    /// How much of a delay chance adds or takes away at most, 0 to 1.
    pub spread: f64,
    /// After how long they end; `None` if the caller counts.
    pub patience: Option<Duration>,
}

impl Delays {
    /// Delays without an end that grow by half, give or take half of each.
    pub const fn new(first: Duration, max: Duration) -> Self {
        Self {
            first,
            max,
            growth: 1.5,
            spread: 0.5,
            patience: None,
        }
    }

    /// The delays from the first one on.
    pub fn start(self) -> ExponentialBackoff {
        ExponentialBackoffBuilder::new()
            .with_initial_interval(self.first)
            .with_max_interval(self.max)
            .with_multiplier(self.growth)
            .with_randomization_factor(self.spread)
            .with_max_elapsed_time(self.patience)
            .build()
    }
}

#[cfg(test)]
mod tests {
    use backoff::backoff::Backoff;

    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_millis(350);

    #[test]
    fn delays_grow_to_the_longest_and_begin_again_when_reset() {
        let exact = Delays {
            growth: 2.0,
            spread: 0.0,
            ..Delays::new(FIRST, MAX)
        };
        let mut delays = exact.start();
        let mut next = || delays.next_backoff().unwrap().as_millis();
        assert_eq!([next(), next(), next(), next()], [100, 200, 350, 350]);
        delays.reset();
        assert_eq!(delays.next_backoff().unwrap().as_millis(), 100);
    }

    #[test]
    fn chance_stays_within_the_spread() {
        for spread in [0.5, 1.0] {
            let delays = Delays {
                spread,
                ..Delays::new(FIRST, MAX)
            };
            for _ in 0..100 {
                let first = delays.start().next_backoff().unwrap();
                let off = (first.as_secs_f64() / FIRST.as_secs_f64() - 1.0).abs();
                assert!(off <= spread + 1e-6, "{first:?}");
            }
        }
    }

    #[test]
    fn delays_end_with_the_patience() {
        let impatient = Delays {
            patience: Some(Duration::ZERO),
            ..Delays::new(FIRST, MAX)
        };
        assert_eq!(impatient.start().next_backoff(), None);
    }
}
