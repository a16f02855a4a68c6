//! What a history is made of: the promise it is held to, and how often what goes wrong.

use std::time::Duration;

use bucket_brigade::config::{
    Aggregation, DeliveryConfig, Guarantee, Ordering, OutOfRetention, Pace, RecreatedStream,
};
use clap::ValueEnum;
use rand::Rng;
use rand::rngs::SmallRng;

/// How long a request may outlive whoever sent it, in milliseconds.
pub(crate) const SETTLE_MS: u64 = 15_000;

/// What is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// No row is lost, whatever happens
    AtLeastOnce,
    /// No row is repeated, unless a request outlives the settle time
    Dedupe,
    /// The rows of a key stand in the stream exactly as in their queue
    Strict,
    /// The last copies of a key's rows stand in file order
    Final,
    /// Consumers that follow the chain of records (not built yet)
    Chain,
    /// Aggregated records (not built yet)
    Kpl,
}

impl Mode {
    /// Tells the histories of the modes apart.
    pub(crate) fn number(self) -> u64 {
        match self {
            Self::AtLeastOnce => 1,
            Self::Dedupe => 2,
            Self::Strict => 3,
            Self::Final => 4,
            Self::Chain => 5,
            Self::Kpl => 6,
        }
    }
}

/// How long requests may be on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lateness {
    /// What was not stored when the sender gave up never is.
    Never,
    /// Up to the settle time.
    WithinSettle,
    /// Longer.
    Outliving,
}

/// How often something goes wrong, in parts of a thousand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    pub(crate) lost: u32,
    pub(crate) unanswered: u32,
    pub(crate) late: u32,
    pub(crate) not_sent: u32,
    pub(crate) throttled: u32,
    pub(crate) short_answer: u32,
    pub(crate) record_throttled: u32,
    pub(crate) record_failed: u32,
    pub(crate) record_stored_but_failed: u32,
    pub(crate) page_empty: u32,
    pub(crate) page_failed: u32,
    /// Per step, of a process.
    pub(crate) crash: u32,
    pub(crate) stop: u32,
    pub(crate) reshard: u32,
}

/// One history before it begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) mode: Mode,
    pub(crate) delivery: DeliveryConfig,
    pub(crate) lateness: Lateness,
    pub(crate) rates: Rates,
    pub(crate) shards_count: u32,
    /// Steps after which nothing goes wrong any more.
    pub(crate) calm_after: u32,
    pub(crate) crashes_max: u32,
    pub(crate) chunk_rows_max: u64,
}

impl Plan {
    pub(crate) fn draw(mode: Mode, rng: &mut SmallRng) -> Self {
        let (guarantee, ordering, lateness) = promise(mode, rng);
        Self {
            mode,
            delivery: DeliveryConfig {
                aggregation: Aggregation::None,
                guarantee,
                is_guarantee_chosen: true,
                settle: Duration::from_millis(SETTLE_MS),
                out_of_retention: OutOfRetention::Resend,
                recreated_stream: RecreatedStream::Stop,
                ordering,
                pace: Pace::Off,
                linger: Duration::ZERO,
            },
            lateness,
            rates: Rates::draw(rng),
            shards_count: rng.random_range(1..=4),
            calm_after: rng.random_range(20..400),
            crashes_max: rng.random_range(0..=4),
            chunk_rows_max: rng.random_range(1..=12),
        }
    }

    /// Whether no row may come twice.
    pub(crate) fn forbids_repeats(&self) -> bool {
        self.delivery.guarantee == Guarantee::Dedupe
            && self.delivery.ordering != Ordering::Final
            && self.lateness != Lateness::Outliving
    }
}

fn promise(mode: Mode, rng: &mut SmallRng) -> (Guarantee, Ordering, Lateness) {
    let late = [Lateness::Never, Lateness::WithinSettle];
    match mode {
        Mode::AtLeastOnce | Mode::Chain | Mode::Kpl => {
            let ordering = [Ordering::None, Ordering::Final, Ordering::Strict][rng.random_range(0..3)];
            let late = [Lateness::Never, Lateness::WithinSettle, Lateness::Outliving];
            (Guarantee::AtLeastOnce, ordering, late[rng.random_range(0..3)])
        }
        Mode::Dedupe => {
            let ordering = [Ordering::None, Ordering::Strict][rng.random_range(0..2)];
            let lateness = if rng.random_ratio(1, 8) {
                Lateness::Outliving
            } else {
                late[rng.random_range(0..2)]
            };
            (Guarantee::Dedupe, ordering, lateness)
        }
        Mode::Strict => (Guarantee::Dedupe, Ordering::Strict, late[rng.random_range(0..2)]),
        Mode::Final if rng.random_ratio(1, 3) => (Guarantee::AtLeastOnce, Ordering::Final, Lateness::Never),
        Mode::Final => (Guarantee::Dedupe, Ordering::Final, late[rng.random_range(0..2)]),
    }
}

impl Rates {
    /// Nothing goes wrong.
    pub(crate) const CALM: Self = Self {
        lost: 0,
        unanswered: 0,
        late: 0,
        not_sent: 0,
        throttled: 0,
        short_answer: 0,
        record_throttled: 0,
        record_failed: 0,
        record_stored_but_failed: 0,
        page_empty: 0,
        page_failed: 0,
        crash: 0,
        stop: 0,
        reshard: 0,
    };

    fn draw(rng: &mut SmallRng) -> Self {
        let mut rate = |rates: [u32; 4]| rates[rng.random_range(0..4)];
        Self {
            lost: rate([0, 0, 50, 200]),
            unanswered: rate([0, 0, 50, 250]),
            late: rate([0, 0, 50, 250]),
            not_sent: rate([0, 0, 20, 100]),
            throttled: rate([0, 0, 50, 200]),
            short_answer: rate([0, 0, 0, 50]),
            record_throttled: rate([0, 0, 100, 400]),
            record_failed: rate([0, 0, 30, 200]),
            record_stored_but_failed: rate([0, 0, 30, 200]),
            page_empty: rate([0, 0, 200, 500]),
            page_failed: rate([0, 0, 50, 300]),
            crash: rate([0, 10, 30, 100]),
            stop: rate([0, 0, 5, 20]),
            reshard: rate([0, 0, 10, 40]),
        }
    }
}
