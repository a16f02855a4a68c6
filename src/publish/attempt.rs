//! Judges the answer to a request, record by record, and says what to send again. Pure: no I/O, no clock.
//!
//! The oldest bug of this field is a failed entry counted as sent. Here a record counts as sent only through
//! [`Acknowledged`], which has no other source than an answer that says "stored"; a settlement cannot be built
//! without one per record.
//!
//! **Invariants:** D1 (each record ends acknowledged exactly once), O2 (the order that `ordering` promises).

use std::collections::HashSet;

use crate::config::Ordering;
use crate::fault::{Certainty, Fault};
use crate::model::settle::{Lane, Settled, SettledRun};
use crate::route::shard_map::ShardIndex;
use crate::sink::{PutEntry, SinkError};

/// Proof that the service stored a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    sequence_number: String,
}

/// The records of one batch and what is known of each.
///
/// `final` order has a price: behind a refused record everything of its key goes out again. So the number of records
/// sent at once is halved whenever that happened, and doubled when all was well: a hot key under refusals costs
/// about twice its records, and not their square.
#[derive(Debug)]
pub struct Attempt {
    ordering: Ordering,
    slots: Vec<Option<Acknowledged>>,
    /// Records to be sent, ascending; the first `window` of them make the next request.
    pending: Vec<usize>,
    window: usize,
    counts: AttemptCounts,
}

/// What it took to get a request through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttemptCounts {
    /// Requests sent.
    pub requests: u64,
    /// Records that were refused for certain and sent again.
    pub refused: u64,
    /// Records whose outcome was unknown and that were sent again: possible repeats.
    pub doubtful: u64,
    /// Records that were stored and sent again to keep the last state of their key right: certain repeats.
    pub repeated: u64,
}

/// What follows from an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every record is acknowledged.
    Complete,
    /// Nothing failed, and there is more to send.
    More,
    /// Send [`Attempt::to_send`], after a delay unless something got through.
    Again {
        /// Whether at least one record was stored.
        has_progress: bool,
        /// Whether the service asked for less; otherwise it, or the way to it, is in trouble.
        is_throttled: bool,
        /// What went wrong, for the log.
        cause: String,
    },
    /// Nothing will succeed until a person changes something.
    Hopeless(Fault),
}

impl Attempt {
    /// A batch of `count` records, none of them sent, of which `window` at most go out at once.
    pub fn new(count: usize, ordering: Ordering, window: usize) -> Self {
        let (slots, pending) = (vec![None; count], (0..count).collect());
        Self {
            ordering,
            slots,
            pending,
            window: window.max(1),
            counts: AttemptCounts::default(),
        }
    }

    /// Indexes of the records to send next, in order.
    pub fn to_send(&self) -> &[usize] {
        self.pending.get(..self.window).unwrap_or(&self.pending)
    }

    /// How many records should go out at once from here on.
    pub fn window(&self) -> usize {
        self.window
    }

    /// What it took so far.
    pub fn counts(&self) -> AttemptCounts {
        self.counts
    }

    /// Judges the answer to a request that held exactly [`Self::to_send`]. `key_of` gives a record's partition key.
    pub fn judge<'k>(
        &mut self,
        answer: Result<Vec<PutEntry>, SinkError>,
        key_of: impl Fn(usize) -> Option<&'k [u8]>,
    ) -> Verdict {
        self.counts.requests += 1;
        let sent = self.to_send().len();
        match answer {
            Ok(entries) if entries.len() == sent => self.judge_entries(entries, key_of),
            Ok(entries) => {
                self.counts.doubtful += count(sent);
                let cause = format!("{} answers to {sent} records", entries.len());
                Verdict::Again {
                    has_progress: false,
                    is_throttled: false,
                    cause,
                }
            }
            Err(error) => self.judge_failure(error),
        }
    }

    /// The settlement, once every record is acknowledged; until then the attempt itself comes back.
    ///
    /// # Errors
    /// The attempt, if a record is not acknowledged or the runs speak of another number of records.
    pub fn settle(self, shard: ShardIndex, runs: Vec<SettledRun>) -> Result<Settled, Self> {
        let records: u64 = runs.iter().map(|run| run.records_count).sum();
        if count(self.slots.len()) != records || self.slots.iter().any(Option::is_none) {
            return Err(self);
        }
        let proofs = self.slots.into_iter().flatten();
        Ok(Settled {
            lane: Lane::Shard(shard),
            runs,
            sequence_numbers: proofs.map(|proof| proof.sequence_number).collect(),
        })
    }

    fn judge_failure(&mut self, error: SinkError) -> Verdict {
        let records = count(self.to_send().len());
        let cause = error.to_string();
        match error {
            SinkError::Throttled { .. } => {
                self.counts.refused += records;
                Verdict::Again {
                    has_progress: false,
                    is_throttled: true,
                    cause,
                }
            }
            SinkError::NotSent { .. } => Verdict::Again {
                has_progress: false,
                is_throttled: false,
                cause,
            },
            SinkError::Doubtful { .. } => {
                self.counts.doubtful += records;
                Verdict::Again {
                    has_progress: false,
                    is_throttled: false,
                    cause,
                }
            }
            SinkError::Missing { .. }
            | SinkError::Denied { .. }
            | SinkError::Io { .. }
            | SinkError::Refused { .. } => Verdict::Hopeless(Fault::from(error)),
        }
    }

    fn judge_entries<'k>(
        &mut self,
        entries: Vec<PutEntry>,
        key_of: impl Fn(usize) -> Option<&'k [u8]>,
    ) -> Verdict {
        let mut failed_keys: HashSet<&[u8]> = HashSet::new();
        let mut again = Vec::new();
        let (mut repeated, mut has_progress, mut is_throttled, mut cause) = (0, false, true, None);
        for (index, entry) in self.to_send().to_vec().into_iter().zip(entries) {
            match planted(entry) {
                PutEntry::Stored { sequence_number, .. } => {
                    has_progress = true;
                    if let Some(slot) = self.slots.get_mut(index) {
                        *slot = Some(Acknowledged { sequence_number });
                    }
                    // Nearly always nothing has failed, and no key is looked at.
                    let is_overtaken =
                        !failed_keys.is_empty() && key_of(index).is_some_and(|key| failed_keys.contains(key));
                    if is_overtaken {
                        repeated += 1;
                        again.push(index);
                    }
                }
                PutEntry::Failed {
                    code,
                    message,
                    certainty,
                } => {
                    match certainty {
                        Certainty::NotApplied => self.counts.refused += 1,
                        Certainty::MaybeApplied => {
                            self.counts.doubtful += 1;
                            is_throttled = false;
                        }
                    }
                    cause.get_or_insert_with(|| format!("{code}: {message}"));
                    if self.ordering == Ordering::Final {
                        failed_keys.extend(key_of(index));
                    }
                    again.push(index);
                }
            }
        }
        self.counts.repeated += repeated;
        self.requeue(again, repeated > 0);
        match cause {
            None if self.pending.is_empty() => Verdict::Complete,
            None => Verdict::More,
            Some(cause) => Verdict::Again {
                has_progress,
                is_throttled,
                cause,
            },
        }
    }

    /// Puts what has to go out again in front of what was not sent yet.
    fn requeue(&mut self, again: Vec<usize>, has_repeats: bool) {
        let sent = self.to_send().len();
        self.pending.splice(..sent, again);
        self.window = if has_repeats {
            (self.window / 2).max(1)
        } else {
            self.window.saturating_mul(2)
        };
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The planted defect that the crash test must catch: a refused record counted as sent.
#[cfg(feature = "planted-defects")]
fn planted(entry: PutEntry) -> PutEntry {
    use crate::observe::planted::{Defect, is_planted};
    match entry {
        PutEntry::Failed { .. } if is_planted(Defect::RefusedCountedAsSent) => PutEntry::Stored {
            sequence_number: "0".into(),
            shard_id: String::new(),
        },
        PutEntry::Failed { .. } | PutEntry::Stored { .. } => entry,
    }
}

#[cfg(not(feature = "planted-defects"))]
fn planted(entry: PutEntry) -> PutEntry {
    entry
}

#[cfg(test)]
#[path = "attempt_tests.rs"]
mod tests;
