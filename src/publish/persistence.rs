//! How the requests of one batch follow on each other while they fail, and when its publisher gives up.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;

use super::delivery::DeliveryStep;
use super::pacer::Refused;
use crate::delays::Delays;
use crate::fault::Certainty;
use crate::flow::outage::{Outages, Outlasted, Side, Trial};
use crate::observe::metrics::instruments::PutOutcome;
use crate::observe::stall::{BatchNote, WaitsFor};
use crate::sink::{PutEntry, SinkError};

/// Delays between two attempts. Full jitter: anything up to twice the interval, so that shards that failed together do
/// not come back together.
const DELAYS: Delays = Delays {
    spread: 1.0,
    ..Delays::new(Duration::from_millis(50), Duration::from_secs(10))
};

/// What is known of a request that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    /// Whether the service said more of it than that it failed itself.
    is_answered: bool,
    /// Whether some of it may be stored.
    may_be_stored: bool,
}

impl Sent {
    /// What an answer says.
    pub(super) fn of(answer: &Result<Vec<PutEntry>, SinkError>) -> Self {
        match answer {
            Ok(entries) => Self {
                is_answered: !entries.iter().all(is_failure),
                may_be_stored: !entries.iter().all(is_refused),
            },
            Err(error) => Self {
                is_answered: !error.is_away(),
                may_be_stored: matches!(error, SinkError::Doubtful { .. }),
            },
        }
    }
}

/// How a request ended, for the metrics.
pub(super) fn outcome_of(answer: &Result<Vec<PutEntry>, SinkError>) -> PutOutcome {
    match answer {
        Ok(entries) => {
            let refused = entries.iter().filter(|entry| is_refused(entry)).count();
            match refused {
                0 => PutOutcome::Ok,
                count if count == entries.len() => PutOutcome::Throttled,
                _some => PutOutcome::Partial,
            }
        }
        Err(SinkError::Throttled { .. }) => PutOutcome::Throttled,
        Err(_) => PutOutcome::Failed,
    }
}

/// The requests of one batch.
#[derive(Debug)]
pub(super) struct Persistence {
    outages: Outages,
    trial: Trial,
    backoff: ExponentialBackoff,
    may_be_stored: bool,
    is_pause_due: bool,
    finish_max: Duration,
    note: BatchNote,
    /// Records that are not stored yet.
    left: usize,
}

impl Persistence {
    /// Nothing was sent yet. `finish_max` is how long a batch may take to its end after the generation was to end.
    pub(super) fn new(outages: &Outages, finish_max: Duration, note: BatchNote) -> Self {
        Self {
            outages: outages.clone(),
            trial: outages.trial(Side::Target),
            backoff: DELAYS.start(),
            may_be_stored: false,
            is_pause_due: false,
            finish_max,
            note,
            left: usize::MAX,
        }
    }

    /// So much of the batch is left to send, and this is the next step.
    pub(super) fn at(&mut self, step: &DeliveryStep, left: usize) {
        if left < std::mem::replace(&mut self.left, left) {
            self.note.moved();
        }
        self.note.waits_for(match step {
            DeliveryStep::Wait {
                is_throttled: true, ..
            } => WaitsFor::Throughput,
            DeliveryStep::Wait { .. } => WaitsFor::Service,
            DeliveryStep::Look { .. } => WaitsFor::Doubt,
            DeliveryStep::NoteCopies => WaitsFor::State,
            DeliveryStep::Put | DeliveryStep::StandIn(_) | DeliveryStep::Settle | DeliveryStep::GiveUp(_) => {
                WaitsFor::Answer
            }
        });
    }

    /// What is told of the batch.
    pub(super) fn note(&self) -> &BatchNote {
        &self.note
    }

    /// A request was sent, and this step follows from what came of it.
    ///
    /// # Errors
    /// If none was answered for longer than the patience.
    pub(super) fn sent(&mut self, sent: Sent, step: &DeliveryStep) -> Result<(), Outlasted> {
        self.may_be_stored |= sent.may_be_stored;
        let (is_wait, cause) = match step {
            DeliveryStep::Wait { cause, .. } => (true, cause.as_str()),
            DeliveryStep::Look { cause, .. } => (false, cause.as_str()),
            DeliveryStep::Put
            | DeliveryStep::NoteCopies
            | DeliveryStep::StandIn(_)
            | DeliveryStep::Settle
            | DeliveryStep::GiveUp(_) => (false, ""),
        };
        if !sent.is_answered {
            // That the stream can be read back meanwhile says nothing of requests.
            self.is_pause_due = !is_wait;
            return self.trial.failed(cause);
        }
        self.trial.answered();
        if !is_wait {
            self.backoff.reset();
        }
        Ok(())
    }

    /// Whether the next request has to wait although nothing says so; once.
    pub(super) fn takes_pause(&mut self) -> bool {
        std::mem::take(&mut self.is_pause_due)
    }

    /// How long to wait before the next request.
    pub(super) fn next_delay(&mut self) -> Duration {
        let delay = self.backoff.next_backoff().unwrap_or(DELAYS.max);
        self.trial.within_patience(delay)
    }

    /// Whether some of the batch may be stored.
    pub(super) fn may_be_stored(&self) -> bool {
        self.may_be_stored
    }

    /// Whether the log says already that the stream is away.
    pub(super) fn is_known_away(&self) -> bool {
        self.trial.is_failing() && self.outages.is_away(Side::Target)
    }

    /// How long the batch may take to its end after the generation was to end: no time if nothing of it can be stored, and
    /// none for a stream that is away.
    pub(super) fn finish_max(&self) -> Duration {
        if self.may_be_stored && !self.is_known_away() {
            self.finish_max
        } else {
            Duration::ZERO
        }
    }
}

/// How many records of a request the service refused for certain, of how many.
pub(super) fn refused_count(answer: &Result<Vec<PutEntry>, SinkError>, sent: usize) -> Refused {
    let refused = match answer {
        Ok(entries) => entries.iter().filter(|entry| is_refused(entry)).count(),
        Err(SinkError::Throttled { .. }) => sent,
        Err(_other) => 0,
    };
    Refused { refused, sent }
}

/// Whether the service failed to say what became of a record.
fn is_failure(entry: &PutEntry) -> bool {
    match entry {
        PutEntry::Stored { .. } => false,
        PutEntry::Failed { certainty, .. } => *certainty == Certainty::MaybeApplied,
    }
}

fn is_refused(entry: &PutEntry) -> bool {
    match entry {
        PutEntry::Stored { .. } => false,
        PutEntry::Failed { certainty, .. } => *certainty == Certainty::NotApplied,
    }
}
