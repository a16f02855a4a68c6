//! When nothing of a shard's batch could be stored for some time, and what it waits for.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::shards::ShardBoard;
use crate::saturate;

/// A batch of which nothing is stored for this long is stalled.
pub const STALLED_AFTER: Duration = Duration::from_secs(10);

/// What a batch waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// The answer to a request.
    Answer,
    /// Its turn at the configured pace.
    Pace,
    /// The shard takes no more for now.
    Throughput,
    /// Requests fail.
    Service,
    /// It is in doubt whether records are stored, and the stream is read back.
    Doubt,
    /// The state has to be written first.
    State,
}

impl WaitsFor {
    /// Whether something is wrong: this is what the batch waits for until some of it is stored, whatever is tried
    /// meanwhile.
    fn is_trouble(self) -> bool {
        match self {
            Self::Answer | Self::Pace => false,
            Self::Throughput | Self::Service | Self::Doubt | Self::State => true,
        }
    }
}

impl fmt::Display for WaitsFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answer => "a request has no answer yet",
            Self::Pace => "it waits for its turn at the pace of `delivery.pace`",
            Self::Throughput => {
                "the service refuses its records, because the throughput of the shard is exceeded"
            }
            Self::Service => "requests fail",
            Self::Doubt => "records are in doubt, and the stream is read back",
            Self::State => "the state is not written yet",
        })
    }
}

/// A shard of which nothing could be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stall {
    /// For how long, in milliseconds.
    pub lasted_ms: u64,
    /// What it waits for.
    pub waits_for: WaitsFor,
}

/// A batch under way.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Since when nothing of it was stored.
    since: Instant,
    waits_for: WaitsFor,
    is_told: bool,
}

impl Waiting {
    fn from_now() -> Self {
        Self {
            since: Instant::now(),
            waits_for: WaitsFor::Answer,
            is_told: false,
        }
    }

    fn wait_for(&mut self, waits_for: WaitsFor) {
        if waits_for.is_trouble() || !self.waits_for.is_trouble() {
            self.waits_for = waits_for;
        }
    }

    /// Whether it is known what the batch waits for.
    pub(super) fn is_explained(&self) -> bool {
        self.waits_for != WaitsFor::Answer
    }

    /// Whether the batch waits because its shard takes no more for now.
    pub(super) fn waits_for_shard(&self) -> bool {
        matches!(self.waits_for, WaitsFor::Pace | WaitsFor::Throughput)
    }

    pub(super) fn stall(&self, now: Instant) -> Option<Stall> {
        let lasted = now.saturating_duration_since(self.since);
        (lasted >= STALLED_AFTER).then(|| Stall {
            lasted_ms: saturate::to_u64(lasted.as_millis()),
            waits_for: self.waits_for,
        })
    }

    pub(super) fn take_untold(&mut self, now: Instant) -> Option<Stall> {
        let stall = self.stall(now).filter(|_| !self.is_told)?;
        self.is_told = true;
        Some(stall)
    }
}

/// Shows a shard as one that has a batch under way.
#[derive(Debug)]
pub struct BatchNote {
    board: ShardBoard,
    shard_id: String,
}

impl BatchNote {
    pub(super) fn begin(board: &ShardBoard, shard_id: &str) -> Self {
        board.change(shard_id, |shard| shard.batch = Some(Waiting::from_now()));
        Self {
            board: board.clone(),
            shard_id: shard_id.to_owned(),
        }
    }

    /// It waits for something.
    pub fn waits_for(&self, waits_for: WaitsFor) {
        self.board.change(&self.shard_id, |shard| {
            if let Some(batch) = shard.batch.as_mut() {
                batch.wait_for(waits_for);
            }
        });
    }

    /// Some of it was stored.
    pub fn moved(&self) {
        self.board.change(&self.shard_id, |shard| {
            let before = shard.batch.replace(Waiting::from_now());
            if before.is_some_and(|batch| batch.is_told) {
                tracing::info!(shard = self.shard_id, "the shard stores records again");
            }
        });
    }
}

impl Drop for BatchNote {
    fn drop(&mut self) {
        self.board.change(&self.shard_id, |shard| shard.batch = None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::shards::BatchesUnderWay;

    #[test]
    fn a_batch_of_which_nothing_is_stored_for_ten_seconds_is_told_once_with_its_cause() {
        let mut batch = Waiting::from_now();
        let after = |seconds| batch.since + Duration::from_secs(seconds);
        let (early, late) = (after(9), after(11));
        batch.wait_for(WaitsFor::Pace);
        batch.wait_for(WaitsFor::Throughput);
        // The next attempt is under way, and the cause is the same.
        batch.wait_for(WaitsFor::Answer);
        assert_eq!((batch.stall(early), batch.take_untold(early)), (None, None));
        let stall = Stall {
            lasted_ms: 11_000,
            waits_for: WaitsFor::Throughput,
        };
        assert_eq!(batch.take_untold(late), Some(stall));
        assert_eq!((batch.stall(late), batch.take_untold(late)), (Some(stall), None));
    }

    #[test]
    fn the_cause_is_forgotten_when_some_of_it_is_stored_and_the_batch_when_it_ends() {
        let board = ShardBoard::default();
        let note = board.batch("s");
        note.waits_for(WaitsFor::Doubt);
        assert!(board.explains_standstill());
        assert_eq!(board.under_way().held_by_service, 1);
        note.moved();
        assert!(!board.explains_standstill());
        note.waits_for(WaitsFor::Pace);
        assert!(board.explains_standstill());
        let paced = BatchesUnderWay {
            held_by_shard: 1,
            held_by_service: 0,
        };
        assert_eq!(board.under_way(), paced);
        drop(note);
        assert_eq!(board.under_way(), BatchesUnderWay::default());
        assert!(!board.explains_standstill());
    }
}
