//! How the batches of one shard get through: the protocol as a state machine. It says what to do next, and is given
//! what came of it. Pure: no I/O, no clock; times are durations since any fixed moment.
//!
//! With `delivery: dedupe` the stream itself is asked about everything that is in doubt, whether a request of this
//! process ended without an answer or a process before it was killed. A request can outlive whoever sent it, so
//! looking begins only after the settle time, with what lies after the last records that are certainly known.
//!
//! **Invariants:** D1, D3, O1 (one request at a time), O2.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::attempt::{Attempt, InDoubt, NextAttempt, StoredPlaces};
use super::copies::CopiesNote;
use super::look_plan::{LookPlan, Start};
use super::looked::{Looked, Proofs};
use super::messages::Batch;
use super::planted;
use super::sightings::Sightings;
use crate::fault::{Fault, FaultKind};
use crate::limits::BATCH_RECORDS_MAX;
use crate::model::places::{KnownPlaces, LaneCut, LastLook, is_before, look_start, note_lane};
use crate::model::settle::{Lane, StoredIn};
use crate::model::{AttemptCounts, ObjectId, Settled};
use crate::route::shard_map::HashRange;
use crate::settings::{Aggregation, DeliveryConfig, Guarantee, Ordering};
use crate::sink::{PutEntry, SinkError};

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
    /// Make it durable that records may be in the stream more than once, and report to [`ShardDelivery::noted`].
    NoteCopies,
    /// Put a `sync` record in the place of this record, which is refused, and report to [`ShardDelivery::stood_in`].
    StandIn(usize),
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

/// The delivery of one shard.
#[derive(Debug)]
pub struct ShardDelivery {
    config: DeliveryConfig,
    /// Set until the window of an earlier process was looked at.
    doubtful_start: Option<Duration>,
    candidates: Vec<ObjectId>,
    sightings: Sightings,
    /// Hash keys of the shard.
    range: HashRange,
    /// What is settled, by shard, from the place on where reading back would begin.
    settled: HashMap<String, Vec<LaneCut>>,
    /// The last records that were read when looking, by shard.
    looked_through: HashMap<String, String>,
    attempt: Option<Attempt>,
    step: DeliveryStep,
    window: usize,
    /// How many records were refused since one was stored.
    refused_in_a_row: u32,
    copies: CopiesNote,
    /// Whether a request is one aggregated record, which is stored as a whole or not at all.
    is_atomic: bool,
}

impl ShardDelivery {
    /// A delivery to a shard with these hash keys that starts at `now`.
    pub fn new(config: DeliveryConfig, start: Start, range: HashRange, now: Duration) -> Self {
        let must_look =
            start.is_in_doubt && config.guarantee == Guarantee::Dedupe && !start.candidates.is_empty();
        Self {
            doubtful_start: must_look.then(|| now + config.settle),
            config,
            candidates: start.candidates,
            sightings: Sightings::new(Looked::default(), [], config.ordering, false),
            range,
            settled: start.shards,
            looked_through: HashMap::new(),
            attempt: None,
            step: DeliveryStep::Settle,
            window: BATCH_RECORDS_MAX,
            refused_in_a_row: 0,
            // Without doubt the note was taken back at the start.
            copies: if start.is_in_doubt && start.may_hold_copies {
                CopiesNote::Durable
            } else {
                CopiesNote::None
            },
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

    /// No row of an object comes any more, durably: nothing in the stream is kept for it.
    pub fn finish(&mut self, object: &ObjectId) {
        self.candidates.retain(|candidate| candidate != object);
        // As at a start without candidates: nothing that an earlier process sent can be a row to come.
        self.doubtful_start = self.doubtful_start.filter(|_| !self.candidates.is_empty());
        self.sightings.finish(object);
    }

    /// Takes on a batch; the one before must be settled.
    pub fn begin(&mut self, batch: &Batch) {
        let (count, ordering) = (batch.records.len(), self.ordering());
        let attempt =
            Attempt::new(count, ordering, self.window, batch.key_of()).after_refusals(self.refused_in_a_row);
        self.attempt = Some(match batch.syncs() {
            Some(syncs) => attempt.with_chain(syncs, batch.key_of()),
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

    /// The records of the current batch that were refused alone, in order, with what the service said of each.
    pub fn refused(&self) -> impl Iterator<Item = (usize, &str)> {
        self.attempt.iter().flat_map(Attempt::refused)
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
        let mut verdict = attempt.judge(answer, in_doubt, batch.key_of());
        if let NextAttempt::TooManyRefused(index, fault) = &verdict {
            verdict = NextAttempt::Hopeless(batch.too_many(*index, fault));
        }
        if is_closed {
            // The shard is closed: until the generation ends, its records go out one by one.
            self.is_atomic = false;
            if self.config.ordering == Ordering::Strict {
                attempt.keep_keys_apart(batch.key_of());
            }
        }
        self.follow(verdict, now);
    }

    /// Goes on after a [`DeliveryStep::Wait`].
    pub fn waited(&mut self) {
        self.step = self.next_put();
    }

    /// Goes on after a [`DeliveryStep::NoteCopies`].
    pub fn noted(&mut self) {
        self.copies = CopiesNote::Durable;
        self.step = DeliveryStep::Put;
    }

    /// Goes on after a [`DeliveryStep::StandIn`].
    pub fn stood_in(&mut self, index: usize, batch: &Batch) {
        if let Some(attempt) = self.attempt.as_mut() {
            attempt.stood_in(index, batch.key_of());
        }
        self.step = self.next_put();
    }

    /// Where to look and what not to take for news. Nothing before the end of an earlier look is, so a look begins there
    /// if that is later than the places that are known.
    pub fn plan(&self, batch: &Batch) -> LookPlan {
        let mut seen: HashMap<String, HashSet<String>> = HashMap::new();
        for (shard_id, number) in self.attempt.iter().flat_map(Attempt::places) {
            seen.entry(shard_id.to_owned())
                .or_default()
                .insert(number.to_owned());
        }
        let starts = self.settled.iter().filter_map(|(shard_id, lanes)| {
            let look_from = look_start(lanes, &self.range)?;
            Some((shard_id.clone(), look_from.to_owned()))
        });
        let mut starts: HashMap<_, _> = starts.collect();
        for (shard_id, end) in &self.looked_through {
            if starts.get(shard_id).is_none_or(|start| is_before(start, end)) {
                starts.insert(shard_id.clone(), end.clone());
            }
        }
        LookPlan {
            range: self.range,
            starts,
            known: self.settled.clone(),
            seen,
            looked_through: self.looked_through.clone(),
            wanted: self.doubtful_start.is_none().then(|| batch.wanted()),
        }
    }

    /// Reports what was seen after the places of the plan.
    pub fn looked(&mut self, now: Duration, looked: Looked, batch: &Batch) {
        let looked = planted::read(looked);
        for (shard_id, end) in looked.ends() {
            self.looked_through.insert(shard_id.to_owned(), end.to_owned());
        }
        if self.doubtful_start.take().is_some() {
            let candidates = std::mem::take(&mut self.candidates);
            // Nothing was sent yet, so what is noted is of the process before.
            let may_hold_copies = self.copies == CopiesNote::Durable;
            self.sightings = Sightings::new(looked, candidates, self.config.ordering, may_hold_copies);
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
        let verdict = attempt.resolve(proof_of, batch.key_of());
        if proofs.are_overtaken() && self.copies == CopiesNote::None {
            self.copies = CopiesNote::Due;
        }
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
        self.refused_in_a_row = attempt.refused_in_a_row();
        let runs = std::mem::take(&mut batch.runs);
        let count = runs.iter().map(|run| run.records_count).sum();
        let mut stored = attempt
            .settle(count)
            .map_err(|attempt| unfinished(format!("{attempt:?}")))?;
        self.sightings.add_done(&mut stored);
        let stored = stored.into_iter().map(|group| self.note(group)).collect();
        Ok(Settled {
            lane: Lane::Shard(batch.shard),
            runs,
            stored,
        })
    }

    /// Adds what a shard stored of a batch to what is settled there.
    fn note(&mut self, group: StoredPlaces) -> StoredIn {
        let StoredPlaces {
            shard_id,
            records_count,
            places,
        } = group;
        let lanes = self.settled.entry(shard_id.clone()).or_default();
        let own = lanes.iter().find(|lane| lane.range == self.range);
        let known = own.map_or_else(KnownPlaces::default, |lane| lane.known.clone());
        // Only records that closed a hole say anything of sightings elsewhere.
        let last_look = if self.copies == CopiesNote::Durable {
            LastLook::of(lanes, &self.range)
        } else {
            LastLook::Nowhere
        };
        let (known, look_from) = self.sightings.complete(&shard_id, places, known, last_look);
        if self.config.guarantee == Guarantee::Dedupe {
            let lane = LaneCut {
                range: self.range,
                known: known.clone(),
                look_from: look_from.clone(),
            };
            note_lane(lanes, lane);
        }
        StoredIn {
            shard_id,
            records_count,
            known,
            look_from,
        }
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
            let objects: Vec<_> = batch.objects().collect();
            attempt.take_out(
                |index| {
                    let (record, object) = (batch.records.get(index)?, objects.get(index)?);
                    sightings.pass(object);
                    sightings.take(object, record)
                },
                batch.key_of(),
            );
        } else {
            for run in &batch.runs {
                sightings.pass(&run.chunk.object);
            }
        }
        let is_through = attempt.to_send().is_empty();
        self.step = if is_through {
            DeliveryStep::Settle
        } else {
            self.next_put()
        };
    }

    /// The next request, or what has to be durable before it.
    fn next_put(&self) -> DeliveryStep {
        let has_overtaken = self
            .attempt
            .as_ref()
            .is_some_and(|attempt| attempt.counts().repeated > 0);
        let makes_copies = has_overtaken || self.copies == CopiesNote::Due || self.sightings.are_overtaken();
        let is_looked_at =
            self.config.guarantee == Guarantee::Dedupe && self.config.ordering == Ordering::Final;
        if makes_copies && is_looked_at && self.copies != CopiesNote::Durable {
            return DeliveryStep::NoteCopies;
        }
        DeliveryStep::Put
    }

    fn follow(&mut self, verdict: NextAttempt, now: Duration) {
        self.step = match verdict {
            NextAttempt::Complete => DeliveryStep::Settle,
            NextAttempt::More
            | NextAttempt::Again {
                has_progress: true, ..
            } => self.next_put(),
            NextAttempt::Again {
                is_throttled, cause, ..
            } => DeliveryStep::Wait { is_throttled, cause },
            NextAttempt::Look { cause } => DeliveryStep::Look {
                not_before: now + self.config.settle,
                cause,
            },
            NextAttempt::StandIn(index) => DeliveryStep::StandIn(index),
            NextAttempt::TooManyRefused(_, fault) | NextAttempt::Hopeless(fault) => {
                DeliveryStep::GiveUp(fault)
            }
        };
    }
}
