//! What each shard's publisher is doing, for the status: whether it looks for records in doubt, and whether its pace
//! is what holds it up.

use crate::saturate;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::hot_key::{HotKeys, sample};
use super::stall::{BatchNote, Stall, Waiting};
use super::traffic::Traffic;

/// A shard is hot if it spends at least this share of its time waiting for its pace, in per cent.
const HOT_PERCENT: u64 = 50;
/// How much the newest request counts in the average, in per cent.
const NEWEST_PERCENT: u64 = 10;

/// What a shard's publisher is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardActivity {
    /// Set while records of the shard are in doubt and are looked for.
    pub doubt: Option<Doubt>,
    /// Share of its time that it waits, because the shard takes no more than it gets, in per cent.
    pub paced_percent: u64,
    /// Share of the configured pace that the service accepts, in per cent; less than 100 after throttling.
    pub rate_percent: u64,
    /// Set while it has records to store, and for [`super::stall::STALLED_AFTER`] or longer could store none.
    #[serde(default)]
    pub stall: Option<Stall>,
    /// What it took lately.
    #[serde(default)]
    pub lately: ShardRates,
}

/// What a shard took in the last ten seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRates {
    /// Records a second.
    pub records_rate: u64,
    /// Bytes a second.
    pub bytes_rate: u64,
    /// Share of the records sent that it refused, in per cent; rounded up.
    pub refused_percent: u64,
}

impl ShardActivity {
    /// Whether the shard is what holds its records up.
    pub fn is_hot(&self) -> bool {
        self.paced_percent >= HOT_PERCENT
    }
}

/// A look for records in doubt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// When no request that was given up can be stored any more, and reading begins; milliseconds since the epoch.
    pub settled_at_ms: i64,
    /// Records read so far.
    pub records_read: u64,
    /// How far behind the end of the shard the last page was, in milliseconds; unknown before the first.
    pub behind_ms: Option<u64>,
    /// When the last record that was read had arrived, in milliseconds since the epoch.
    #[serde(default)]
    pub position_ms: Option<i64>,
    /// How long reading the shard still takes at the pace so far, in milliseconds.
    #[serde(default)]
    pub remaining_ms: Option<u64>,
}

/// A page of a shard that is read back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PageRead {
    /// Its records.
    pub records_count: usize,
    /// How far behind the end of the shard it is, in milliseconds.
    pub behind_ms: u64,
    /// When its last record had arrived, in milliseconds since the epoch; `None` if it has none.
    pub position_ms: Option<i64>,
    /// How long reading the shard still takes, in milliseconds, if that can be said.
    pub remaining_ms: Option<u64>,
}

/// What all shards are doing. Clones share it.
#[derive(Debug, Clone)]
pub struct ShardBoard(Arc<Mutex<BTreeMap<String, ShardNotes>>>, Instant);

impl Default for ShardBoard {
    fn default() -> Self {
        Self(Arc::default(), Instant::now())
    }
}

/// What a shard took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShardUse {
    /// Records a second, lately.
    pub records_rate: u64,
    /// Bytes a second, lately.
    pub bytes_rate: u64,
    /// Records that it refused, since the process started.
    pub refused: u64,
    /// Share of its time that its sender waits for its pace, in per cent.
    pub paced_percent: u64,
    /// At least this share of its records has the same partition key, in thousandths.
    pub hot_key_thousandths: u64,
}

/// Batches under way, by what holds them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BatchesUnderWay {
    /// They wait for the pace of their shard, or it refuses their records.
    pub held_by_shard: u32,
    /// They wait for answers: to a request, a look at the stream, or the state.
    pub held_by_service: u32,
}

/// What is known of a shard.
#[derive(Debug, Default)]
pub(super) struct ShardNotes {
    activity: ShardActivity,
    traffic: Traffic,
    keys: HotKeys,
    refused: u64,
    /// The batch that is under way.
    pub(super) batch: Option<Waiting>,
}

impl ShardBoard {
    /// What a shard is doing.
    pub fn of(&self, shard_id: &str) -> ShardActivity {
        let notes = self.lock();
        let Some(shard) = notes.get(shard_id) else {
            return ShardActivity::default();
        };
        let stall = shard.batch.as_ref().and_then(|batch| batch.stall(Instant::now()));
        let now = self.1.elapsed();
        let (records_rate, bytes_rate) = shard.traffic.rates(now);
        let lately = ShardRates {
            records_rate,
            bytes_rate,
            refused_percent: shard.traffic.refused_percent(now),
        };
        ShardActivity {
            stall,
            lately,
            ..shard.activity
        }
    }

    /// A shard stored records of a batch, after it had refused some.
    pub fn stored(&self, shard_id: &str, records: u64, bytes: u64, refused: u64) {
        let now = self.1.elapsed();
        self.change(shard_id, |shard| {
            shard.traffic.add(now, records, bytes, refused);
            shard.refused += refused;
        });
    }

    /// A request has these partition keys, of which some are looked at.
    pub fn keys<'k>(&self, shard_id: &str, keys: impl ExactSizeIterator<Item = &'k [u8]>) {
        let sample = sample(keys);
        self.change(shard_id, |shard| shard.keys.add(&sample));
    }

    /// What each shard took.
    pub fn uses(&self) -> Vec<(String, ShardUse)> {
        let (now, shards) = (self.1.elapsed(), self.lock());
        let uses = shards.iter().map(|(shard_id, shard)| {
            let (records_rate, bytes_rate) = shard.traffic.rates(now);
            let taken = ShardUse {
                records_rate,
                bytes_rate,
                refused: shard.refused,
                paced_percent: shard.activity.paced_percent,
                hot_key_thousandths: shard.keys.share_thousandths(),
            };
            (shard_id.clone(), taken)
        });
        uses.collect()
    }

    /// A batch of a shard is under way until what this gives is dropped.
    pub fn batch(&self, shard_id: &str) -> BatchNote {
        BatchNote::begin(self, shard_id)
    }

    /// How many batches are under way.
    pub fn under_way(&self) -> BatchesUnderWay {
        let shards = self.lock();
        let mut count = BatchesUnderWay::default();
        for batch in shards.values().filter_map(|shard| shard.batch.as_ref()) {
            if batch.waits_for_shard() {
                count.held_by_shard += 1;
            } else {
                count.held_by_service += 1;
            }
        }
        count
    }

    /// Whether a batch waits for something that passes by itself: its pace, the shard, the service, or a look.
    pub fn explains_standstill(&self) -> bool {
        let shards = self.lock();
        let mut batches = shards.values().filter_map(|shard| shard.batch.as_ref());
        batches.any(Waiting::is_explained)
    }

    /// Gives every stall once, with its shard.
    pub fn take_untold_stalls(&self) -> Vec<(String, Stall)> {
        let now = Instant::now();
        let mut shards = self.lock();
        let untold = shards.iter_mut().filter_map(|(shard_id, shard)| {
            let stall = shard.batch.as_mut()?.take_untold(now)?;
            Some((shard_id.clone(), stall))
        });
        untold.collect()
    }

    /// How many shards have records in doubt.
    pub fn in_doubt_count(&self) -> usize {
        self.lock()
            .values()
            .filter(|shard| shard.activity.doubt.is_some())
            .count()
    }

    /// Records of a shard are in doubt; the doubt ends when what this gives is dropped.
    pub fn doubt(&self, shard_id: &str, settled_at_ms: i64) -> DoubtNote {
        let doubt = Doubt {
            settled_at_ms,
            ..Doubt::default()
        };
        self.change(shard_id, |shard| shard.activity.doubt = Some(doubt));
        DoubtNote {
            board: self.clone(),
            shard_id: shard_id.to_owned(),
        }
    }

    /// A request waited for the pace of its shard for a part of the time since the one before.
    pub fn paced(&self, shard_id: &str, waited: Duration, since_last: Duration, rate_percent: u64) {
        let share = waited.as_micros().saturating_mul(100) / since_last.as_micros().max(1);
        let share = u64::try_from(share).unwrap_or(100).min(100);
        self.change(shard_id, |shard| {
            let activity = &mut shard.activity;
            let kept = activity.paced_percent * (100 - NEWEST_PERCENT);
            activity.paced_percent = (kept + share * NEWEST_PERCENT).div_ceil(100);
            activity.rate_percent = rate_percent;
        });
    }

    pub(super) fn change(&self, shard_id: &str, change: impl FnOnce(&mut ShardNotes)) {
        let mut shards = self.lock();
        if let Some(shard) = shards.get_mut(shard_id) {
            change(shard);
        } else {
            change(shards.entry(shard_id.to_owned()).or_default());
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, ShardNotes>> {
        // Plain data: whoever panicked while holding it left it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows a shard as one with records in doubt.
#[derive(Debug)]
pub struct DoubtNote {
    board: ShardBoard,
    shard_id: String,
}

impl DoubtNote {
    /// A page was read.
    pub fn read(&self, page: PageRead) {
        self.board.change(&self.shard_id, |shard| {
            if let Some(doubt) = shard.activity.doubt.as_mut() {
                doubt.records_read += saturate::to_u64(page.records_count);
                doubt.behind_ms = Some(page.behind_ms);
                doubt.position_ms = page.position_ms.or(doubt.position_ms);
                doubt.remaining_ms = page.remaining_ms;
            }
        });
    }
}

impl Drop for DoubtNote {
    fn drop(&mut self) {
        self.board
            .change(&self.shard_id, |shard| shard.activity.doubt = None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubt_is_shown_until_it_is_resolved() {
        let board = ShardBoard::default();
        let note = board.doubt("s", 5);
        let page = |records_count, behind_ms, position_ms| PageRead {
            records_count,
            behind_ms,
            position_ms,
            remaining_ms: Some(9),
        };
        note.read(page(4, 40, Some(8)));
        note.read(page(3, 0, None));
        let expected = Doubt {
            settled_at_ms: 5,
            records_read: 7,
            behind_ms: Some(0),
            position_ms: Some(8),
            remaining_ms: Some(9),
        };
        assert_eq!((board.of("s").doubt, board.in_doubt_count()), (Some(expected), 1));
        drop(note);
        assert_eq!((board.of("s").doubt, board.in_doubt_count()), (None, 0));
    }

    #[test]
    fn a_shard_that_waits_for_its_pace_is_hot_and_cools_down() {
        let board = ShardBoard::default();
        for _ in 0..30 {
            board.paced("s", Duration::from_millis(90), Duration::from_millis(100), 100);
        }
        assert!(board.of("s").is_hot(), "{:?}", board.of("s"));
        for _ in 0..30 {
            board.paced("s", Duration::ZERO, Duration::from_millis(100), 100);
        }
        assert!(!board.of("s").is_hot(), "{:?}", board.of("s"));
    }
}
