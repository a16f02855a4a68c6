//! What a history is made of: the promise it is held to, and how often what goes wrong.

use std::time::Duration;

use bucket_brigade::route::lane::LaneIndex;
use bucket_brigade::route::shard_map::HashKey;
use bucket_brigade::settings::{
    Aggregation, DeliveryConfig, Guarantee, Ordering, OutOfRetention, Pace, RecreatedStream,
};
use clap::ValueEnum;
use rand::Rng;
use rand::rngs::SmallRng;

use super::world::ContentIndex;

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
    /// A consumer that filters processes every row once and in the order of its lane
    Chain,
    /// Many records in one, which is stored as a whole or not at all
    Kpl,
}

/// Something that is left out of a history on purpose, to see that the oracle notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Defect {
    /// The consumer does not filter
    FilterOff,
    /// The consumer drops what is not above the highest position seen
    HighestSeen,
    /// Records of a lane may overtake each other
    LanesWithoutOrder,
    /// An aggregate counts as stored in whatever shard it is
    AggregatesAnywhere,
}

impl Mode {
    /// Keeps the histories of the modes apart.
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
    /// Of a record: that it is stored ahead of its predecessor. Only where it makes a difference.
    pub(crate) disordered: u32,
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
    /// Rows of this variant become dead letters.
    pub(crate) bad_variant: Option<usize>,
    pub(crate) defect: Option<Defect>,
}

impl Plan {
    pub(crate) fn draw(mode: Mode, defect: Option<Defect>, rng: &mut SmallRng) -> Self {
        let (guarantee, mut ordering, lateness) = promise(mode, rng);
        if defect == Some(Defect::LanesWithoutOrder) {
            ordering = Ordering::None;
        }
        let mut plan = Self {
            mode,
            delivery: DeliveryConfig {
                aggregation: match mode {
                    Mode::Kpl => Aggregation::Kpl,
                    Mode::AtLeastOnce | Mode::Dedupe | Mode::Strict | Mode::Final | Mode::Chain => {
                        Aggregation::None
                    }
                },
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
            bad_variant: None,
            defect,
        };
        if plan.is_chained() {
            plan.rates.disordered = [0, 0, 50, 200][rng.random_range(0..4)];
            plan.bad_variant = [None, Some(1)][rng.random_range(0..2)];
        }
        plan
    }

    /// Whether records say where they stand.
    pub(crate) fn is_chained(&self) -> bool {
        self.mode == Mode::Chain
    }

    /// Where a record with a key of this hash is sent.
    pub(crate) fn point_of(&self, hash_key: HashKey) -> HashKey {
        if self.is_chained() {
            return LaneIndex::of(hash_key).point();
        }
        hash_key
    }

    /// Whether the row becomes a message.
    pub(crate) fn is_good(&self, row: ContentIndex) -> bool {
        self.bad_variant != Some(row.variant())
    }

    /// Whether records of a request fail together, so that none has to be sent again after another. Aggregated ones do
    /// only as long as the shards stay the same: from then on they go one by one.
    pub(crate) fn makes_no_holes(&self, is_resharded: bool) -> bool {
        let Rates {
            record_throttled,
            record_failed,
            record_stored_but_failed,
            ..
        } = self.rates;
        let is_atomic = self.delivery.aggregation == Aggregation::Kpl && !is_resharded;
        self.delivery.guarantee == Guarantee::Dedupe
            && self.lateness != Lateness::Outliving
            && (is_atomic || record_throttled + record_failed + record_stored_but_failed == 0)
    }

    /// Whether no row may come twice, whatever happens.
    pub(crate) fn forbids_repeats(&self) -> bool {
        self.delivery.guarantee == Guarantee::Dedupe
            && self.delivery.ordering != Ordering::Final
            && self.lateness != Lateness::Outliving
    }
}

fn promise(mode: Mode, rng: &mut SmallRng) -> (Guarantee, Ordering, Lateness) {
    let late = [Lateness::Never, Lateness::WithinSettle];
    let orders = [Ordering::None, Ordering::Final, Ordering::Strict];
    match mode {
        Mode::AtLeastOnce => (
            Guarantee::AtLeastOnce,
            orders[rng.random_range(0..3)],
            any_lateness(rng),
        ),
        Mode::Chain => (
            Guarantee::AtLeastOnce,
            orders[rng.random_range(1..3)],
            any_lateness(rng),
        ),
        Mode::Kpl if rng.random_ratio(1, 3) => (
            Guarantee::AtLeastOnce,
            orders[rng.random_range(0..3)],
            any_lateness(rng),
        ),
        Mode::Kpl => (
            Guarantee::Dedupe,
            orders[rng.random_range(0..3)],
            rare_lateness(rng),
        ),
        Mode::Dedupe => {
            let ordering = [Ordering::None, Ordering::Strict][rng.random_range(0..2)];
            (Guarantee::Dedupe, ordering, rare_lateness(rng))
        }
        Mode::Strict => (Guarantee::Dedupe, Ordering::Strict, late[rng.random_range(0..2)]),
        Mode::Final if rng.random_ratio(1, 3) => (Guarantee::AtLeastOnce, Ordering::Final, Lateness::Never),
        Mode::Final => (Guarantee::Dedupe, Ordering::Final, late[rng.random_range(0..2)]),
    }
}

fn any_lateness(rng: &mut SmallRng) -> Lateness {
    [Lateness::Never, Lateness::WithinSettle, Lateness::Outliving][rng.random_range(0..3)]
}

/// Seldom longer than the settle time.
fn rare_lateness(rng: &mut SmallRng) -> Lateness {
    if rng.random_ratio(1, 8) {
        return Lateness::Outliving;
    }
    [Lateness::Never, Lateness::WithinSettle][rng.random_range(0..2)]
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
        disordered: 0,
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
            disordered: 0,
            crash: rate([0, 10, 30, 100]),
            stop: rate([0, 0, 5, 20]),
            reshard: rate([0, 0, 10, 40]),
        }
    }
}
