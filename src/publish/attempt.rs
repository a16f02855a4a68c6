//! Judges the answer to a request, record by record, and says what to send again. Pure: no I/O, no clock.
//!
//! The oldest bug of this field is a failed entry counted as sent. Here a record counts as sent only through
//! [`Acknowledged`], which has no other source than an answer that says "stored" and a record that was read back; a
//! settlement cannot be built without one per record.
//!
//! **Invariants:** D1 (each record ends acknowledged exactly once), O2 (the order that `ordering` promises).

use std::collections::HashSet;

use super::bisect::Bisect;
use super::lane_order::{LaneOrder, Newest, overtook};
pub use super::outcome::{Acknowledged, NextAttempt, StoredPlaces};
use super::outcome::{Failures, Fate, inversions, outcome_of};
use crate::fault::Fault;
use crate::model::AttemptCounts;
use crate::saturate;
use crate::settings::Ordering;
use crate::sink::{PutEntry, SinkError};

/// What to do about records whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InDoubt {
    /// Send them again; they may come twice.
    SendAgain,
    /// Look whether they are in the stream.
    Look,
}

/// The records of one batch and what is known of each.
///
/// `final` order has a price: after a refused record everything of its key goes out again. So the number of records
/// sent at once is cut whenever that happened, and doubled when nothing failed: a hot key under refusals costs a
/// few times its records, and not their square. In `strict` order a request has at most one record per key, so
/// that no record can overtake one of its own key.
#[derive(Debug)]
pub struct Attempt {
    ordering: Ordering,
    slots: Vec<Option<Acknowledged>>,
    /// Stored copies of records that had to be sent again after them.
    superseded: Vec<Acknowledged>,
    /// Records to be sent, ascending.
    pending: Vec<usize>,
    /// Those of them that make the next request.
    request: Vec<usize>,
    window: usize,
    /// What became of the request, if some of it is in doubt and has to be looked for.
    undecided: Option<Vec<Fate>>,
    /// Set if the records are part of a chain.
    lanes: Option<LaneOrder>,
    bisect: Bisect,
    counts: AttemptCounts,
}

impl Attempt {
    /// A batch of `count` records, none of them sent, of which `window` at most go out at once.
    pub fn new<'k>(
        count: usize,
        ordering: Ordering,
        window: usize,
        key_of: impl Fn(usize) -> Option<&'k [u8]>,
    ) -> Self {
        let mut attempt = Self {
            ordering,
            slots: vec![None; count],
            superseded: Vec::new(),
            pending: (0..count).collect(),
            request: Vec::new(),
            window: window.max(1),
            undecided: None,
            lanes: None,
            bisect: Bisect::default(),
            counts: AttemptCounts::default(),
        };
        attempt.plan(&key_of);
        attempt
    }

    /// The same batch as a part of a chain, with `sync` records at these indexes, ascending.
    #[must_use]
    pub fn with_chain<'k>(mut self, syncs: Vec<usize>, key_of: impl Fn(usize) -> Option<&'k [u8]>) -> Self {
        self.lanes = Some(LaneOrder::new(syncs));
        self.plan(&key_of);
        self
    }

    /// Indexes of the records to send next, in order; none if every record is acknowledged.
    pub fn to_send(&self) -> &[usize] {
        &self.request
    }

    /// How many records should go out at once from here on.
    pub fn window(&self) -> usize {
        self.window
    }

    /// What it took so far.
    pub fn counts(&self) -> AttemptCounts {
        self.counts
    }

    /// Where the records are that are acknowledged so far, those of a request included of which others are in doubt:
    /// a record in doubt must not be proven by an equal one that has its own acknowledgement (D3).
    pub fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        let told = self
            .undecided
            .iter()
            .flatten()
            .filter_map(|outcome| match outcome {
                Fate::Stored(proof) => Some(proof),
                Fate::Failed | Fate::Doubtful => None,
            });
        let stored = self.slots.iter().flatten().chain(&self.superseded).chain(told);
        stored.map(Acknowledged::place)
    }

    /// From here on a request is carried out in part again, so `strict` order has to keep a key's records apart.
    pub fn keep_keys_apart<'k>(&mut self, key_of: impl Fn(usize) -> Option<&'k [u8]>) {
        self.ordering = Ordering::Strict;
        if self.undecided.is_none() {
            self.plan(&key_of);
        }
    }

    /// Takes out records that a process before this one has sent.
    pub fn take_out<'k>(
        &mut self,
        mut proof_of: impl FnMut(usize) -> Option<Acknowledged>,
        key_of: impl Fn(usize) -> Option<&'k [u8]>,
    ) {
        let slots = &mut self.slots;
        let mut found = 0;
        self.pending.retain(|index| {
            let proof = proof_of(*index);
            found += u64::from(proof.is_some());
            let is_found = proof.is_some();
            if let (Some(slot), true) = (slots.get_mut(*index), is_found) {
                *slot = proof;
            }
            !is_found
        });
        self.counts.recovered += found;
        self.plan(&key_of);
    }

    /// Judges the answer to a request that held exactly [`Self::to_send`]. `key_of` gives a record's partition key.
    pub fn judge<'k>(
        &mut self,
        answer: Result<Vec<PutEntry>, SinkError>,
        in_doubt: InDoubt,
        key_of: impl Fn(usize) -> Option<&'k [u8]>,
    ) -> NextAttempt {
        self.counts.requests += 1;
        let sent = self.request.len();
        match answer {
            Ok(entries) if entries.len() == sent => {
                let mut trouble = Failures::default();
                let entries = entries
                    .into_iter()
                    .map(|entry| outcome_of(entry, &mut trouble, &mut self.counts));
                let outcomes = entries.collect();
                self.judge_outcomes(outcomes, trouble, in_doubt, key_of)
            }
            Ok(entries) => {
                let cause = format!("{} answers to {sent} records", entries.len());
                self.all_in_doubt(cause, in_doubt, key_of)
            }
            Err(error) => self.judge_failure(error, in_doubt, key_of),
        }
    }

    /// Ends the doubt: `proof_of` says which of the records in doubt are in the stream.
    pub fn resolve<'k>(
        &mut self,
        mut proof_of: impl FnMut(usize) -> Option<Acknowledged>,
        key_of: impl Fn(usize) -> Option<&'k [u8]>,
    ) -> NextAttempt {
        let Some(outcomes) = self.undecided.take() else {
            return self.verdict(false, Failures::default());
        };
        let request = self.request.clone();
        let decided = request
            .into_iter()
            .zip(outcomes)
            .map(|(index, outcome)| match outcome {
                Fate::Doubtful => proof_of(index).map_or(Fate::Failed, |proof| {
                    self.counts.found += 1;
                    Fate::Stored(proof)
                }),
                Fate::Stored(_) | Fate::Failed => outcome,
            });
        let decided: Vec<_> = decided.collect();
        let has_progress = self.conclude(decided, &key_of);
        self.verdict(has_progress, Failures::default())
    }

    /// Where each record was stored, by shard, once every one of these is acknowledged; until then the attempt itself
    /// comes back.
    ///
    /// # Errors
    /// The attempt, if a record is not acknowledged or the number of records is another.
    pub fn settle(self, records_count: u64) -> Result<Vec<StoredPlaces>, Box<Self>> {
        let is_open = |(index, slot): (usize, &Option<_>)| slot.is_none() && !self.bisect.is_refused(index);
        if saturate::to_u64(self.slots.len()) != records_count || self.slots.iter().enumerate().any(is_open) {
            return Err(Box::new(self));
        }
        let mut stored: Vec<StoredPlaces> = Vec::new();
        let proofs = self.slots.into_iter().flatten().map(|proof| (proof, 1));
        for (proof, records_count) in proofs.chain(self.superseded.into_iter().map(|proof| (proof, 0))) {
            let known = stored
                .iter_mut()
                .position(|group| *group.shard_id == *proof.shard_id);
            if let Some(group) = known.and_then(|index| stored.get_mut(index)) {
                group.records_count += records_count;
                group.places.push(proof.sequence_number);
            } else {
                stored.push(StoredPlaces {
                    shard_id: proof.shard_id.as_ref().into(),
                    records_count,
                    places: vec![proof.sequence_number],
                });
            }
        }
        Ok(stored)
    }

    fn judge_failure<'k>(
        &mut self,
        error: SinkError,
        in_doubt: InDoubt,
        key_of: impl Fn(usize) -> Option<&'k [u8]>,
    ) -> NextAttempt {
        let cause = error.to_string();
        let is_throttled = match error {
            SinkError::Throttled { .. } => true,
            SinkError::NotSent { .. } | SinkError::NotReady { .. } => false,
            SinkError::Doubtful { .. } => return self.all_in_doubt(cause, in_doubt, key_of),
            SinkError::RecordsRefused { .. } => return self.narrow(error, key_of),
            SinkError::Outlasted(_)
            | SinkError::Missing { .. }
            | SinkError::Denied { .. }
            | SinkError::Io { .. }
            | SinkError::Refused { .. } => return NextAttempt::Hopeless(Fault::from(error)),
        };
        if is_throttled {
            self.counts.refused += saturate::to_u64(self.request.len());
        }
        NextAttempt::Again {
            has_progress: false,
            is_throttled,
            cause,
        }
    }

    fn all_in_doubt<'k>(
        &mut self,
        cause: String,
        in_doubt: InDoubt,
        key_of: impl Fn(usize) -> Option<&'k [u8]>,
    ) -> NextAttempt {
        let outcomes = vec![Fate::Doubtful; self.request.len()];
        self.counts.doubtful += saturate::to_u64(outcomes.len());
        let trouble = Failures {
            cause: Some(cause),
            is_more_than_throttling: true,
        };
        self.judge_outcomes(outcomes, trouble, in_doubt, key_of)
    }

    fn judge_outcomes<'k>(
        &mut self,
        outcomes: Vec<Fate>,
        trouble: Failures,
        in_doubt: InDoubt,
        key_of: impl Fn(usize) -> Option<&'k [u8]>,
    ) -> NextAttempt {
        if in_doubt == InDoubt::Look && outcomes.contains(&Fate::Doubtful) {
            self.undecided = Some(outcomes);
            return NextAttempt::Look {
                cause: trouble.cause.unwrap_or_default(),
            };
        }
        let has_progress = self.conclude(outcomes, &key_of);
        self.verdict(has_progress, trouble)
    }

    /// Notes what became of each record of the request and plans the next one; says whether something was stored.
    fn conclude<'k>(&mut self, outcomes: Vec<Fate>, key_of: &impl Fn(usize) -> Option<&'k [u8]>) -> bool {
        let mut failed_keys: HashSet<&[u8]> = HashSet::new();
        let mut newest = Newest::new();
        let (mut again, mut repeated, mut has_progress) = (Vec::new(), 0, false);
        self.counts.inversions += inversions(&outcomes);
        let request = std::mem::take(&mut self.request);
        for (index, outcome) in request.iter().copied().zip(outcomes) {
            let Fate::Stored(proof) = outcome else {
                if self.ordering != Ordering::None {
                    failed_keys.extend(key_of(index));
                }
                again.push(index);
                continue;
            };
            has_progress = true;
            if self.lanes.is_some()
                && let Some(key) = key_of(index)
                && overtook(&mut newest, key, &proof)
            {
                failed_keys.insert(key);
            }
            // Nearly always nothing has failed, and no key is looked at.
            let is_overtaken =
                !failed_keys.is_empty() && key_of(index).is_some_and(|key| failed_keys.contains(key));
            if is_overtaken {
                repeated += 1;
                again.push(index);
            }
            if let Some(slot) = self.slots.get_mut(index) {
                self.superseded.extend(slot.replace(proof));
            }
        }
        self.counts.repeated += repeated;
        if repeated > 0 {
            // As many as got through before the first that failed, between a quarter and a half.
            let first_failed = again
                .first()
                .and_then(|index| request.iter().position(|sent| sent == index));
            let through = first_failed.unwrap_or(0).max(self.window / 4);
            self.window = through.clamp(1, (self.window / 2).max(1));
        } else if again.is_empty() {
            self.window = self.window.saturating_mul(2);
        }
        let sent: HashSet<usize> = if self.pending.len() == request.len() {
            self.pending.clear();
            HashSet::new()
        } else {
            request.into_iter().collect()
        };
        self.pending.retain(|index| !sent.contains(index));
        self.pending.extend(again);
        self.pending.sort_unstable();
        self.bisect.conclude(&self.pending, has_progress);
        self.plan(key_of);
        has_progress
    }

    /// Chooses what goes out next.
    fn plan<'k>(&mut self, key_of: &impl Fn(usize) -> Option<&'k [u8]>) {
        let mut keys: HashSet<&[u8]> = HashSet::new();
        let is_first_of_key = |index: &&usize| {
            self.ordering != Ordering::Strict || key_of(**index).is_none_or(|key| keys.insert(key))
        };
        let source = self.bisect.source(&self.pending).iter();
        self.request = source
            .filter(is_first_of_key)
            .take(self.window)
            .copied()
            .collect();
        self.bisect.cut(&mut self.request);
        if let Some(lanes) = &self.lanes {
            lanes.cut(&mut self.request);
        }
    }

    fn verdict(&self, has_progress: bool, trouble: Failures) -> NextAttempt {
        match trouble.cause {
            None if self.pending.is_empty() => NextAttempt::Complete,
            None => NextAttempt::More,
            Some(cause) => NextAttempt::Again {
                has_progress,
                is_throttled: !trouble.is_more_than_throttling,
                cause,
            },
        }
    }
}

#[path = "attempt_refusals.rs"]
mod refusals;

#[cfg(test)]
#[path = "attempt_tests.rs"]
mod tests;
