//! Everything outside of a process: the stream, the time, chance, and who writes down what happens.

use rand::Rng;
use rand::rngs::SmallRng;

use super::plan::{Plan, Rates};
use super::stream::SimStream;
use super::world::{ContentIndex, Contents, Source};

/// The story of a history in words, if somebody wants to read it.
#[derive(Debug, Default)]
pub(crate) struct Trace(pub(crate) Option<Vec<String>>);

impl Trace {
    pub(crate) fn say(&mut self, now: u64, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.0 {
            lines.push(format!("{:>9.3} s  {}", seconds(now), text()));
        }
    }
}

fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

/// What happened, in numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) rows: u64,
    pub(crate) requests: u64,
    pub(crate) doubts: u64,
    pub(crate) looks: u64,
    pub(crate) commits: u64,
    pub(crate) crashes: u64,
    pub(crate) stops: u64,
    pub(crate) reshards: u64,
    pub(crate) repeats: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.requests += other.requests;
        self.doubts += other.doubts;
        self.looks += other.looks;
        self.commits += other.commits;
        self.crashes += other.crashes;
        self.stops += other.stops;
        self.reshards += other.reshards;
        self.repeats += other.repeats;
    }
}

/// The world around a process.
#[derive(Debug)]
pub(crate) struct Outside<'w> {
    pub(crate) contents: &'w Contents,
    pub(crate) plan: Plan,
    /// How often something goes wrong now.
    pub(crate) rates: Rates,
    pub(crate) source: Source,
    pub(crate) rng: SmallRng,
    /// Virtual time in milliseconds.
    pub(crate) now: u64,
    pub(crate) stream: SimStream,
    pub(crate) trace: Trace,
    pub(crate) tally: Tally,
}

impl Outside<'_> {
    /// Whether something that happens so many times in a thousand happens now.
    pub(crate) fn roll(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.rng.random_range(0..1_000) < per_mille
    }

    pub(crate) fn up_to(&mut self, most: u64) -> u64 {
        self.rng.random_range(0..=most)
    }

    pub(crate) fn say(&mut self, text: impl FnOnce() -> String) {
        self.trace.say(self.now, text);
    }

    /// Contents as text, if a trace is kept.
    pub(crate) fn names(&self, contents: impl IntoIterator<Item = Option<ContentIndex>>) -> String {
        if self.trace.0.is_none() {
            return String::new();
        }
        let names = contents.into_iter().map(|content| self.contents.name(content));
        names.collect::<Vec<_>>().join(" ")
    }

    /// The rows that become messages, in reading order, queue by queue.
    pub(crate) fn rows(&self) -> impl Iterator<Item = ContentIndex> {
        let rows = self.source.queues.iter().flatten().flatten().copied();
        rows.filter(|row| self.plan.is_good(*row))
    }

    /// Stores what arrives by now.
    pub(crate) fn arrive(&mut self) {
        let before = self.stream.log.len();
        if self.stream.arrive(self.now, self.contents) > 0 && self.trace.0.is_some() {
            for stored in &self.stream.log[before..] {
                let (name, shard) = (self.contents.name(stored.content), stored.shard);
                let number = &stored.number[50..];
                let unseen = if stored.is_seen {
                    ""
                } else {
                    ", where consumers drop it"
                };
                self.trace.say(self.now, || {
                    format!("stream: {name} stored in shard {shard} as {number}{unseen}")
                });
            }
        }
    }

    /// Splits a shard, or merges two if that is allowed.
    pub(crate) fn reshard(&mut self) {
        let open = self.stream.open();
        self.tally.reshards += 1;
        if open.len() > 1 && (open.len() >= 4 || self.rng.random_bool(0.5)) {
            let first = self.rng.random_range(0..open.len() - 1);
            self.stream.merge(open[first], open[first + 1]);
            self.say(|| {
                format!(
                    "stream: shards {} and {} are merged",
                    open[first],
                    open[first + 1]
                )
            });
        } else {
            let shard = open[self.rng.random_range(0..open.len())];
            self.stream.split(shard);
            self.say(|| format!("stream: shard {shard} is split"));
        }
    }
}
