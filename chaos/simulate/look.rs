//! Reads the stream back as `publish::look_back` does, page by page in virtual time.

use std::time::Duration;

use bucket_brigade::publish::attempt::Acknowledged;
use bucket_brigade::publish::look_plan::LookPlan;
use bucket_brigade::publish::looked::{Looked, Sighting};
use rand::Rng;

use super::outside::Outside;

/// How often the end of an open shard must be seen before it is believed.
const ENDS_SEEN_MIN: u32 = 3;
/// Pause between two calls.
const PAUSE_MS: u64 = 250;
/// Pause after a call that failed.
const RETRY_PAUSE_MS: u64 = 1_000;

/// A look under way.
#[derive(Debug)]
pub(crate) struct Look {
    plan: LookPlan,
    /// Nothing in doubt was sent before this time.
    since_ms: u64,
    pub(crate) next_at: u64,
    /// The shards to read, parents first; unknown until the first call.
    family: Option<Vec<usize>>,
    /// Which of them is being read, from which place on.
    at: usize,
    from: Option<usize>,
    ends_seen: u32,
    /// Boxed, because most steps are of other kinds.
    looked: Box<Looked>,
}

impl Look {
    pub(crate) fn new(plan: LookPlan, since_ms: u64, not_before: Duration, now: u64) -> Self {
        let not_before = u64::try_from(not_before.as_millis()).expect("a time of this history");
        let looked = Looked::for_rows(plan.wanted.clone());
        Self {
            plan,
            since_ms,
            next_at: not_before.max(now),
            family: None,
            at: 0,
            from: None,
            ends_seen: 0,
            looked: Box::new(looked),
        }
    }

    /// Does the next call; gives what was seen when all is read.
    pub(crate) fn step(&mut self, outside: &mut Outside<'_>, shard_id: &str) -> Option<Looked> {
        let rates = outside.rates;
        if outside.roll(rates.page_failed) {
            self.next_at = outside.now + RETRY_PAUSE_MS;
            return None;
        }
        let Some(family) = &self.family else {
            let lineage = outside.stream.lineage();
            let family = self.plan.shards_of(&lineage, shard_id);
            let indexes = family
                .iter()
                .map(|known| outside.stream.index_of(&known.shard.id));
            self.family = Some(indexes.collect());
            return None;
        };
        let Some(shard) = family.get(self.at).copied() else {
            return Some(std::mem::take(&mut *self.looked));
        };
        self.next_at = outside.now + PAUSE_MS;
        let stream = &outside.stream;
        let from = match self.from {
            Some(from) => from,
            None => stream.reading_start(shard, &self.plan, self.since_ms),
        };
        self.from = Some(from);
        self.looked.note_shard(&stream.range(shard));
        if outside.roll(rates.page_empty) {
            self.ends_seen = 0;
            return None;
        }
        let count = outside.rng.random_range(1..=20);
        self.read(outside, shard, from, count);
        None
    }

    fn read(&mut self, outside: &mut Outside<'_>, shard: usize, from: usize, count: usize) {
        let stream = &outside.stream;
        let (places, is_at_end) = stream.page(shard, from, count);
        let shard_id = stream.shard_id(shard);
        for place in places {
            let stored = &stream.log[*place];
            let Some(content) = stored.content.filter(|_| stored.is_seen) else {
                continue;
            };
            let content = outside.contents.of(content);
            let hash_key = outside.plan.point_of(content.hash_key);
            if !self.plan.range.contains(hash_key) {
                continue;
            }
            let sighting = Sighting {
                fingerprint: content.fingerprint,
                acknowledged: Acknowledged::seen(shard_id, &stored.number, stored.member),
            };
            let is_known = self.plan.is_known(&sighting.acknowledged, hash_key);
            self.looked
                .note(&sighting, content.record(0).partition_key(), is_known);
        }
        if let Some(last) = places.last() {
            self.looked.read_to(shard_id, &stream.log[*last].number);
        }
        self.from = Some(from + places.len());
        self.ends_seen = if places.is_empty() { self.ends_seen + 1 } else { 0 };
        let is_open = stream.is_open(shard);
        if (is_at_end && !is_open) || (is_open && self.ends_seen >= ENDS_SEEN_MIN) {
            self.at += 1;
            self.from = None;
            self.ends_seen = 0;
        }
    }
}
