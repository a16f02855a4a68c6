//! What became of one record of a request. Pure: no I/O, no clock.

use std::sync::Arc;

use crate::fault::{Certainty, Fault};
use crate::model::AttemptCounts;
use crate::model::settle::{compare_sequence_numbers, member_place};
use crate::sink::PutEntry;

/// Proof that the service stored a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledged {
    pub(super) shard_id: Arc<str>,
    pub(super) sequence_number: String,
}

impl Acknowledged {
    /// A record that was read back from a shard, or this member of an aggregated one.
    pub fn seen(shard_id: &str, sequence_number: &str, member: Option<usize>) -> Self {
        Self {
            shard_id: shard_id.into(),
            sequence_number: match member {
                Some(index) => member_place(sequence_number, index),
                None => sequence_number.to_owned(),
            },
        }
    }

    /// Where it is: shard and sequence number, the latter of a member if it was found by looking.
    pub fn place(&self) -> (&str, &str) {
        (&self.shard_id, &self.sequence_number)
    }
}

/// The records of a batch that one shard stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPlaces {
    /// The shard.
    pub shard_id: String,
    /// How many records of the batch.
    pub records_count: u64,
    /// Their places, in the order of the batch; then those of copies that were sent again later.
    pub places: Vec<String>,
}

/// What follows from an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextAttempt {
    /// Every record is acknowledged.
    Complete,
    /// Nothing failed, and there is more to send.
    More,
    /// Send [`to_send`](super::attempt::Attempt::to_send), after a delay unless something got through.
    Again {
        /// Whether at least one record was stored.
        has_progress: bool,
        /// Whether the service asked for less; otherwise it, or the way to it, is in trouble.
        is_throttled: bool,
        /// What went wrong, for the log.
        cause: String,
    },
    /// Look for the records in doubt, then call [`resolve`](super::attempt::Attempt::resolve).
    Look {
        /// What went wrong, for the log.
        cause: String,
    },
    /// This record was refused alone, and another is to go in its place: [`stood_in`](super::attempt::Attempt::stood_in).
    StandIn(usize),
    /// This record was refused alone, like too many before it.
    TooManyRefused(usize, Fault),
    /// Nothing will succeed until a person changes something.
    Hopeless(Fault),
}

/// What became of one record of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    Stored(Acknowledged),
    Failed,
    Doubtful,
}

/// What the entries of an answer have in common.
#[derive(Debug, Default)]
pub(super) struct Failures {
    pub(super) cause: Option<String>,
    /// Whether something other than throttling happened.
    pub(super) is_more_than_throttling: bool,
}

/// What an entry of an answer says about its record.
pub(super) fn outcome_of(entry: PutEntry, trouble: &mut Failures, counts: &mut AttemptCounts) -> Fate {
    let (code, message, certainty) = match planted(entry) {
        PutEntry::Stored {
            sequence_number,
            shard_id,
        } => {
            return Fate::Stored(Acknowledged {
                shard_id,
                sequence_number,
            });
        }
        PutEntry::Failed {
            code,
            message,
            certainty,
        } => (code, message, certainty),
    };
    trouble.cause.get_or_insert_with(|| format!("{code}: {message}"));
    match certainty {
        Certainty::NotApplied => {
            counts.refused += 1;
            Fate::Failed
        }
        Certainty::MaybeApplied => {
            counts.doubtful += 1;
            trouble.is_more_than_throttling = true;
            Fate::Doubtful
        }
    }
}

/// How many stored records of a request come before their predecessor, in the same shard.
pub(super) fn inversions(outcomes: &[Fate]) -> u64 {
    let places = outcomes.iter().filter_map(|outcome| match outcome {
        Fate::Stored(proof) => Some(proof.place()),
        Fate::Failed | Fate::Doubtful => None,
    });
    let mut last: Option<(&str, &str)> = None;
    let mut found = 0;
    for (shard_id, number) in places {
        let is_inverted = last.is_some_and(|(last_shard, last_number)| {
            last_shard == shard_id && compare_sequence_numbers(number, last_number).is_lt()
        });
        found += u64::from(is_inverted);
        last = Some((shard_id, number));
    }
    found
}

/// The planted defect that the crash test must catch: a refused record counted as sent.
#[cfg(feature = "planted-defects")]
fn planted(entry: PutEntry) -> PutEntry {
    use crate::observe::planted::{Defect, is_planted};
    match entry {
        PutEntry::Failed { .. } if is_planted(Defect::RefusedCountedAsSent) => PutEntry::Stored {
            sequence_number: "0".into(),
            shard_id: "".into(),
        },
        PutEntry::Failed { .. } | PutEntry::Stored { .. } => entry,
    }
}

#[cfg(not(feature = "planted-defects"))]
fn planted(entry: PutEntry) -> PutEntry {
    entry
}
