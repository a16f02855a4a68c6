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

/// The records of one request and what is known of each.
#[derive(Debug)]
pub struct Attempt {
    ordering: Ordering,
    slots: Vec<Option<Acknowledged>>,
    to_send: Vec<usize>,
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
    /// Send [`Attempt::to_send`] again after a delay.
    Again {
        /// Whether the service asked for less; otherwise it, or the way to it, is in trouble.
        is_throttled: bool,
        /// What went wrong, for the log.
        cause: String,
    },
    /// Nothing will succeed until a person changes something.
    Hopeless(Fault),
}

impl Attempt {
    /// A request of `count` records, none of them sent.
    pub fn new(count: usize, ordering: Ordering) -> Self {
        Self {
            ordering,
            slots: vec![None; count],
            to_send: (0..count).collect(),
            counts: AttemptCounts::default(),
        }
    }

    /// Indexes of the records to send next, in order.
    pub fn to_send(&self) -> &[usize] {
        &self.to_send
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
        match answer {
            Ok(entries) if entries.len() == self.to_send.len() => self.judge_entries(entries, key_of),
            Ok(entries) => {
                self.counts.doubtful += count(self.to_send.len());
                let cause = format!("{} answers to {} records", entries.len(), self.to_send.len());
                Verdict::Again {
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
        let records = count(self.to_send.len());
        let cause = error.to_string();
        match error {
            SinkError::Throttled { .. } => {
                self.counts.refused += records;
                Verdict::Again {
                    is_throttled: true,
                    cause,
                }
            }
            SinkError::NotSent { .. } => Verdict::Again {
                is_throttled: false,
                cause,
            },
            SinkError::Doubtful { .. } => {
                self.counts.doubtful += records;
                Verdict::Again {
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
        let mut is_throttled = true;
        let mut cause = None;
        for (index, entry) in std::mem::take(&mut self.to_send).into_iter().zip(entries) {
            let slot = self.slots.get_mut(index);
            match planted(entry) {
                PutEntry::Stored { sequence_number, .. } => {
                    if let Some(slot) = slot {
                        *slot = Some(Acknowledged { sequence_number });
                    }
                    // Nearly always nothing has failed, and no key is looked at.
                    let is_overtaken = !failed_keys.is_empty()
                        && key_of(index).is_some_and(|key| failed_keys.contains(&key));
                    if is_overtaken {
                        self.counts.repeated += 1;
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
        self.to_send = again;
        match cause {
            None => Verdict::Complete,
            Some(cause) => Verdict::Again { is_throttled, cause },
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
        #[test]
        fn final_order_keeps_the_last_state_of_each_key(
            keys in prop::collection::vec(0_u8..4, 1..40),
            outcomes in prop::collection::vec(any::<bool>(), 0..400),
        ) {
            let mut attempt = Attempt::new(keys.len(), Ordering::Final);
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
                let unsettled = Attempt { slots: attempt.slots.clone(), to_send: vec![], ..
                    Attempt::new(0, Ordering::Final) };
                if attempt.slots.iter().any(Option::is_none) {
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
        let mut attempt = Attempt::new(3, Ordering::None);
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

    #[test]
    fn an_answer_of_another_length_settles_nothing() {
        let mut attempt = Attempt::new(2, Ordering::Final);
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

    #[test]
    fn runs_that_do_not_add_up_are_not_settled() {
        let mut attempt = Attempt::new(1, Ordering::Final);
        assert_eq!(attempt.judge(Ok(vec![stored(1)]), |_| None), Verdict::Complete);
        assert!(attempt.settle(ShardIndex(0), runs(2)).is_err());
    }
}
