//! How the batches of one shard get through: the protocol as a state machine. It says what to do next, and is given
//! what came of it. Pure: no I/O, no clock; times are durations since any fixed moment.
//!
//! With `delivery: dedupe` the stream itself is asked about everything that is in doubt, whether a request of this
//! process ended without an answer or a process before it was killed. A request can outlive whoever sent it, so
//! looking begins only after the settle time, and only with what lies after the last records that are known for
//! certain.
//!
//! **Invariants:** D1, D3, O1 (one request at a time), O2.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::attempt::{Acknowledged, Attempt, InDoubt, NextAttempt};
use super::looked::{Looked, Proofs};
use super::messages::Batch;
use super::sightings::{Sightings, is_before};
use crate::fault::{Fault, FaultKind};
use crate::limits::BATCH_RECORDS_MAX;
use crate::model::batch::LinkKind;
use crate::model::settle::sequence_number_of;
use crate::model::{AttemptCounts, BatchRecord, ObjectId, Settled};
use crate::saturate;
use crate::settings::{Aggregation, DeliveryConfig, Guarantee, Ordering};
use crate::sink::{PutEntry, SinkError};

/// What a shard's delivery starts from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// Whether a process before this one may have sent records that no checkpoint knows.
    pub is_in_doubt: bool,
    /// Objects that such records can be rows of.
    pub candidates: Vec<ObjectId>,
    /// What is known of each shard.
    pub shards: HashMap<String, Known>,
}

/// What is known to be stored in a shard, from where a look has to begin on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Sequence numbers.
    pub numbers: Vec<String>,
    /// The record at which a look has to begin; `None` if only a time is known.
    pub look_from: Option<String>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryStep {
    /// Put [`ShardDelivery::to_send`] and report to [`ShardDelivery::answered`].
    Put,
    /// Read the shard back by [`ShardDelivery::plan`], to an end that is not before this time, and report to
    /// [`ShardDelivery::looked`].
    Look {
        /// When no request that was given up can be stored any more.
        not_before: Duration,
        /// Why.
        cause: String,
    },
    /// Put again after a delay.
    Wait {
        /// Whether the service asked for less.
        is_throttled: bool,
        /// What went wrong.
        cause: String,
    },
    /// The batch is through.
    Settle,
    /// Nothing will succeed until a person changes something.
    GiveUp(Fault),
}

/// Where to begin reading each shard, and what is not news there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LookPlan {
    /// Per shard: the record to begin at, that one included; the other shards are read from a time on.
    pub starts: HashMap<String, String>,
    /// Per shard: places that are known.
    pub known: HashMap<String, HashSet<String>>,
}

impl LookPlan {
    /// Whether a record that was read back is not news: it is known itself, or as a member of a record that is known as
    /// a whole.
    pub fn is_known(&self, seen: &Acknowledged) -> bool {
        let (shard_id, place) = seen.place();
        let known = self.known.get(shard_id);
        known.is_some_and(|known| known.contains(place) || known.contains(sequence_number_of(place)))
    }
}

/// The delivery of one shard.
#[derive(Debug)]
pub struct ShardDelivery {
    config: DeliveryConfig,
    /// Set until the window of an earlier process was looked at.
    doubtful_start: Option<Duration>,
    candidates: Vec<ObjectId>,
    sightings: Sightings,
    /// Sequence numbers that are settled, by shard, from the place on where reading back would begin.
    settled: HashMap<String, Known>,
    /// Sequence numbers that were seen when looking, by shard.
    seen: HashMap<String, HashSet<String>>,
    attempt: Option<Attempt>,
    step: DeliveryStep,
    window: usize,
    /// Whether a request is one aggregated record, which is stored as a whole or not at all.
    is_atomic: bool,
}

impl ShardDelivery {
    /// A delivery that starts at `now`.
    pub fn new(config: DeliveryConfig, start: Start, now: Duration) -> Self {
        let must_look =
            start.is_in_doubt && config.guarantee == Guarantee::Dedupe && !start.candidates.is_empty();
        Self {
            doubtful_start: must_look.then(|| now + config.settle),
            config,
            candidates: start.candidates,
            sightings: Sightings::new(Looked::default(), [], config.ordering),
            settled: start.shards,
            seen: HashMap::new(),
            attempt: None,
            step: DeliveryStep::Settle,
            window: BATCH_RECORDS_MAX,
            is_atomic: config.aggregation == Aggregation::Kpl,
        }
    }

    /// The order to keep within a request: nothing in an atomic one can overtake anything.
    fn ordering(&self) -> Ordering {
        if self.is_atomic && self.config.ordering == Ordering::Strict {
            Ordering::Final
        } else {
            self.config.ordering
        }
    }

    /// Takes on a batch; the one before must be settled.
    pub fn begin(&mut self, batch: &Batch) {
        let (count, ordering) = (batch.records.len(), self.ordering());
        let attempt = Attempt::new(count, ordering, self.window, key_of(batch));
        self.attempt = Some(match syncs_of(batch) {
            Some(syncs) => attempt.with_chain(syncs, key_of(batch)),
            None => attempt,
        });
        match self.doubtful_start {
            Some(not_before) => {
                self.step = DeliveryStep::Look {
                    not_before,
                    cause: "the process before this one did not end cleanly".to_owned(),
                };
            }
            None => self.take_out(batch),
        }
    }

    /// What to do next.
    pub fn step(&self) -> &DeliveryStep {
        &self.step
    }

    /// Indexes of the records that make the next request.
    pub fn to_send(&self) -> &[usize] {
        self.attempt.as_ref().map(Attempt::to_send).unwrap_or_default()
    }

    /// What the current batch took so far.
    pub fn counts(&self) -> AttemptCounts {
        self.attempt.as_ref().map(Attempt::counts).unwrap_or_default()
    }

    /// Tells what came of a request that ended at `now`.
    pub fn answered(&mut self, now: Duration, answer: Result<Vec<PutEntry>, SinkError>, batch: &Batch) {
        let in_doubt = match self.config.guarantee {
            Guarantee::Dedupe => planted::in_doubt(),
            Guarantee::AtLeastOnce => InDoubt::SendAgain,
        };
        let is_closed = self.is_atomic && answer.iter().flatten().any(PutEntry::is_map_changed);
        let Some(attempt) = self.attempt.as_mut() else {
            return;
        };
        let verdict = attempt.judge(answer, in_doubt, key_of(batch));
        if is_closed {
            // The shard is closed: until the generation ends, its records go out one by one.
            self.is_atomic = false;
            if self.config.ordering == Ordering::Strict {
                attempt.keep_keys_apart(key_of(batch));
            }
        }
        self.follow(verdict, now);
    }

    /// Goes on after a [`DeliveryStep::Wait`].
    pub fn waited(&mut self) {
        self.step = DeliveryStep::Put;
    }

    /// Where to look and what not to take for news.
    pub fn plan(&self) -> LookPlan {
        let mut known = self.seen.clone();
        for (shard_id, settled) in &self.settled {
            known
                .entry(shard_id.clone())
                .or_default()
                .extend(settled.numbers.iter().cloned());
        }
        for (shard_id, number) in self.attempt.iter().flat_map(Attempt::places) {
            known
                .entry(shard_id.to_owned())
                .or_default()
                .insert(number.to_owned());
        }
        let starts = self.settled.iter().filter_map(|(shard_id, settled)| {
            let look_from = settled.look_from.as_ref();
            look_from.map(|number| (shard_id.clone(), number.clone()))
        });
        LookPlan {
            starts: starts.collect(),
            known,
        }
    }

    /// Reports what was seen after the places of the plan.
    pub fn looked(&mut self, now: Duration, looked: Looked, batch: &Batch) {
        let looked = planted::read(looked);
        for sighting in looked.news() {
            let (shard_id, number) = sighting.acknowledged.place();
            let of_shard = self.seen.entry(shard_id.to_owned()).or_default();
            of_shard.insert(number.to_owned());
        }
        if self.doubtful_start.take().is_some() {
            let candidates = std::mem::take(&mut self.candidates);
            self.sightings = Sightings::new(looked, candidates, self.config.ordering);
            self.take_out(batch);
            return;
        }
        let mut proofs = Proofs::new(looked, self.config.ordering);
        let proof_of = |index: usize| {
            let record = batch.records.get(index)?;
            proofs.take(record.partition_key(), record.payload())
        };
        let Some(attempt) = self.attempt.as_mut() else {
            return;
        };
        let verdict = attempt.resolve(proof_of, key_of(batch));
        self.follow(verdict, now);
    }

    /// The settlement of the batch.
    ///
    /// # Errors
    /// If a record of it is not acknowledged: a bug.
    pub fn settle(&mut self, batch: &mut Batch) -> Result<Settled, Fault> {
        let unfinished = |detail: String| {
            Fault::new(
                FaultKind::Internal,
                format!("an unacknowledged record at settlement (D1): {detail}"),
            )
        };
        let attempt = self
            .attempt
            .take()
            .ok_or_else(|| unfinished("no batch".to_owned()))?;
        self.window = attempt.window().min(BATCH_RECORDS_MAX);
        let runs = std::mem::take(&mut batch.runs);
        let mut settled = attempt
            .settle(batch.shard, runs)
            .map_err(|attempt| unfinished(format!("{attempt:?}")))?;
        for group in &mut settled.stored {
            let known = self.settled.remove(&group.shard_id).unwrap_or_default();
            self.sightings.complete(group, known.numbers);
            if self.config.guarantee == Guarantee::AtLeastOnce {
                // Nobody looks.
                continue;
            }
            let settled = Known {
                numbers: group.sequence_numbers.clone(),
                look_from: group.look_from.clone(),
            };
            self.settled.insert(group.shard_id.clone(), settled);
            if let Some(seen) = self.seen.get_mut(&group.shard_id) {
                // What lies before where reading begins is not met again.
                let begin = group.look_from.as_ref();
                seen.retain(|number| begin.is_none_or(|begin| !is_before(number, begin)));
            }
        }
        Ok(settled)
    }

    /// Takes out the records of a batch that a process before this one has sent.
    fn take_out(&mut self, batch: &Batch) {
        let Self {
            attempt: Some(attempt),
            sightings,
            ..
        } = self
        else {
            return;
        };
        if batch.runs.iter().any(|run| sightings.concern(&run.chunk.object)) {
            let objects: Vec<_> = objects_of(batch).collect();
            attempt.take_out(
                |index| {
                    let (record, object) = (batch.records.get(index)?, objects.get(index)?);
                    sightings.take(object, record.partition_key(), record.payload())
                },
                key_of(batch),
            );
        }
        self.step = if attempt.to_send().is_empty() {
            DeliveryStep::Settle
        } else {
            DeliveryStep::Put
        };
    }

    fn follow(&mut self, verdict: NextAttempt, now: Duration) {
        self.step = match verdict {
            NextAttempt::Complete => DeliveryStep::Settle,
            NextAttempt::More
            | NextAttempt::Again {
                has_progress: true, ..
            } => DeliveryStep::Put,
            NextAttempt::Again {
                is_throttled, cause, ..
            } => DeliveryStep::Wait { is_throttled, cause },
            NextAttempt::Look { cause } => DeliveryStep::Look {
                not_before: now + self.config.settle,
                cause,
            },
            NextAttempt::Hopeless(fault) => DeliveryStep::GiveUp(fault),
        };
    }
}

fn key_of<'b>(batch: &'b Batch) -> impl Fn(usize) -> Option<&'b [u8]> {
    |index| batch.records.get(index).map(BatchRecord::ordering_key)
}

/// Which records of a batch are `sync` records, if it is part of a chain.
fn syncs_of(batch: &Batch) -> Option<Vec<usize>> {
    batch.records.first()?.link()?;
    let is_sync = |record: &BatchRecord| record.link().is_some_and(|link| link.kind == LinkKind::Sync);
    let records = batch.records.iter().enumerate();
    Some(
        records
            .filter(|(_, record)| is_sync(record))
            .map(|(index, _)| index)
            .collect(),
    )
}

/// The object of each record of a batch.
fn objects_of(batch: &Batch) -> impl Iterator<Item = &ObjectId> {
    batch.runs.iter().flat_map(|run| {
        let count = saturate::to_usize(run.records_count);
        std::iter::repeat_n(&run.chunk.object, count)
    })
}

/// Two planted defects: doubt that is not looked into, and reading that begins one record too late.
#[cfg(feature = "planted-defects")]
mod planted {
    use super::{HashSet, InDoubt, Looked};
    use crate::observe::planted::{Defect, is_planted};

    pub(super) fn in_doubt() -> InDoubt {
        if is_planted(Defect::DoubtResentBlindly) {
            InDoubt::SendAgain
        } else {
            InDoubt::Look
        }
    }

    pub(super) fn read(mut looked: Looked) -> Looked {
        if is_planted(Defect::ReadBackTooLate) {
            let mut begun = HashSet::new();
            looked.retain(|sighting| !begun.insert(sighting.acknowledged.place().0.to_owned()));
        }
        looked
    }
}

#[cfg(not(feature = "planted-defects"))]
mod planted {
    use super::{InDoubt, Looked};

    pub(super) fn in_doubt() -> InDoubt {
        InDoubt::Look
    }

    pub(super) fn read(looked: Looked) -> Looked {
        looked
    }
}
