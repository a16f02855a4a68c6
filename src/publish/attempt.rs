//! Judges the answer to a request, record by record, and says what to send again. Pure: no I/O, no clock.
//!
//! The oldest bug of this field is a failed entry counted as sent. Here a record counts as sent only through
//! [`Acknowledged`], which has no other source than an answer that says "stored"; a settlement cannot be built
//! without one per record.
//!
//! **Invariants:** D1 (each record ends acknowledged exactly once), O2 (the order that `ordering` promises).

use std::collections::HashSet;

use bytes::Bytes;

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
    pub fn judge(
        &mut self,
        answer: Result<Vec<PutEntry>, SinkError>,
        key_of: impl Fn(usize) -> Option<Bytes>,
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
        let acknowledged: Option<Vec<String>> = self
            .slots
            .iter()
            .map(|slot| slot.as_ref().map(|proof| proof.sequence_number.clone()))
            .collect();
        match acknowledged {
            Some(sequence_numbers) if count(sequence_numbers.len()) == records => Ok(Settled {
                lane: Lane::Shard(shard),
                runs,
                sequence_numbers,
            }),
            Some(_) | None => Err(self),
        }
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
            SinkError::Missing { .. } | SinkError::Denied { .. } | SinkError::Refused { .. } => {
                Verdict::Hopeless(Fault::from(error))
            }
        }
    }

    fn judge_entries(&mut self, entries: Vec<PutEntry>, key_of: impl Fn(usize) -> Option<Bytes>) -> Verdict {
        let mut failed_keys: HashSet<Bytes> = HashSet::new();
        let mut again = Vec::new();
        let (mut repeated, mut has_progress, mut is_throttled, mut cause) = (0, false, true, None);
        for (index, entry) in self.to_send().to_vec().into_iter().zip(entries) {
            let key = if self.ordering == Ordering::Final {
                key_of(index)
            } else {
                None
            };
            match planted(entry) {
                PutEntry::Stored { sequence_number, .. } => {
                    has_progress = true;
                    if let Some(slot) = self.slots.get_mut(index) {
                        *slot = Some(Acknowledged { sequence_number });
                    }
                    if key.is_some_and(|key| failed_keys.contains(&key)) {
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
                    failed_keys.extend(key);
                    again.push(index);
                }
            }
        }
        self.counts.repeated += repeated;
        let sent = self.to_send().len();
        self.pending.splice(..sent, again);
        self.window = if repeated > 0 {
            (self.window / 2).max(1)
        } else {
            self.window.saturating_mul(2)
        };
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::settle::ChunkRef;
    use crate::model::{ObjectId, QueueName};

    fn stored(number: usize) -> PutEntry {
        PutEntry::Stored {
            sequence_number: number.to_string(),
            shard_id: "s".into(),
        }
    }

    fn refused() -> PutEntry {
        let code = "ProvisionedThroughputExceededException".into();
        PutEntry::Failed {
            code,
            message: "slow down".into(),
            certainty: Certainty::NotApplied,
        }
    }

    fn key(index: usize, keys: &[u8]) -> Option<Bytes> {
        keys.get(index).map(|key| Bytes::from(vec![*key]))
    }

    fn runs(records_count: u64) -> Vec<SettledRun> {
        let object = ObjectId {
            queue: QueueName::changes(),
            number: 0,
        };
        vec![SettledRun {
            chunk: ChunkRef {
                object,
                chunk_number: 0,
            },
            records_count,
            through: records_count,
        }]
    }

    proptest! {
        /// Any history of partial failures: nothing is settled before it was stored, and in `final` the last
        /// stored copies of a key's records stand in file order.
        /// O2.
        #[test]
        fn final_order_keeps_the_last_state_of_each_key(
            keys in prop::collection::vec(0_u8..4, 1..40),
            outcomes in prop::collection::vec(any::<bool>(), 0..400),
        ) {
            let mut attempt = Attempt::new(keys.len(), Ordering::Final, 16);
            let mut outcomes = outcomes.into_iter().chain(std::iter::repeat(true));
            let mut log: Vec<usize> = Vec::new();
            loop {
                let sent = attempt.to_send().to_vec();
                prop_assert!(sent.windows(2).all(|pair| pair[0] < pair[1]));
                let answer = sent.iter().map(|index| if outcomes.next() == Some(true) {
                    log.push(*index);
                    stored(log.len())
                } else {
                    refused()
                });
                let answer = answer.collect();
                if attempt.judge(Ok(answer), |index| key(index, &keys)) == Verdict::Complete {
                    break;
                }
                if attempt.slots.iter().any(Option::is_none) {
                    let slots = attempt.slots.clone();
                    let unsettled = Attempt { slots, ..Attempt::new(0, Ordering::Final, 1) };
                    prop_assert!(unsettled.settle(ShardIndex(0), runs(count(keys.len()))).is_err());
                }
            }
            for wanted in 0..4 {
                let mut last = Vec::new();
                for index in log.iter().filter(|index| keys[**index] == wanted) {
                    last.retain(|other| other != index);
                    last.push(*index);
                }
                prop_assert!(last.windows(2).all(|pair| pair[0] < pair[1]), "{last:?} of {log:?}");
            }
            let settled = attempt.settle(ShardIndex(0), runs(count(keys.len()))).unwrap();
            prop_assert_eq!(settled.sequence_numbers.len(), keys.len());
        }
    }

    #[test]
    fn ordering_none_sends_only_failed_records_again() {
        let mut attempt = Attempt::new(3, Ordering::None, 500);
        let verdict = attempt.judge(Ok(vec![stored(1), refused(), stored(2)]), |_| key(0, b"k"));
        assert!(
            matches!(
                verdict,
                Verdict::Again {
                    is_throttled: true,
                    ..
                }
            ),
            "{verdict:?}"
        );
        assert_eq!(attempt.to_send(), [1]);
    }

    /// The cruel case: one key, and every 20th record refused whatever is sent.
    #[test]
    fn a_hot_key_under_refusals_costs_a_small_multiple_of_its_records() {
        let (mut attempt, mut clock, mut sent) = (Attempt::new(500, Ordering::Final, 500), 0_usize, 0);
        loop {
            sent += attempt.to_send().len();
            let answer = attempt.to_send().iter().map(|index| {
                clock += 1;
                if clock.is_multiple_of(20) {
                    refused()
                } else {
                    stored(*index)
                }
            });
            let answer = answer.collect();
            if attempt.judge(Ok(answer), |_| key(0, b"k")) == Verdict::Complete {
                break;
            }
        }
        assert!(sent < 4 * 500, "{sent} records sent for 500");
    }

    #[test]
    fn an_answer_of_another_length_settles_nothing() {
        let mut attempt = Attempt::new(2, Ordering::Final, 500);
        let verdict = attempt.judge(Ok(vec![stored(1)]), |_| None);
        assert!(
            matches!(
                verdict,
                Verdict::Again {
                    is_throttled: false,
                    ..
                }
            ),
            "{verdict:?}"
        );
        assert_eq!((attempt.to_send(), attempt.counts().doubtful), (&[0, 1][..], 2));
        assert!(attempt.settle(ShardIndex(0), runs(2)).is_err());
    }

    /// D1.
    #[test]
    fn runs_that_do_not_add_up_are_not_settled() {
        let mut attempt = Attempt::new(1, Ordering::Final, 500);
        assert_eq!(attempt.judge(Ok(vec![stored(1)]), |_| None), Verdict::Complete);
        assert!(attempt.settle(ShardIndex(0), runs(2)).is_err());
    }
}
