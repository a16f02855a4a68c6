//! Who holds the rows up: judged a few times a second from what is counted anyway, as shares of the last minute.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::progress::{is_running, waiting_objects};
use crate::checkpoint::status::TaskStatus;
use crate::checkpoint::store::Phase;
use crate::flow::outage::Side;
use crate::observe::counters::Counters;
use crate::observe::shards::BatchesUnderWay;
use crate::saturate::to_f64 as number;

/// Time between two looks.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(250);
/// Shares are those of so much of the past.
const WINDOW: Duration = Duration::from_mins(1);
/// From so much of the budget on, in per cent, its credits are used up.
const FULL_PERCENT: u64 = 90;

/// How much of the time each part of the way was what rows waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Shares {
    /// Bytes of an object, or a listing.
    source: f64,
    /// Decoding, cutting and rendering of what was read.
    parse: f64,
    /// Shards that take no more than they do.
    shard: f64,
    /// Answers of the service.
    service: f64,
}

/// A task at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Look {
    /// Whether its credits are used up.
    is_full: bool,
    is_in_flight: bool,
    /// Whether there are rows to get that no reader has: objects wait, they are being listed, or cannot be.
    is_more_known: bool,
    /// Objects that are being read.
    reading: u64,
    /// How many of those readers wait for bytes.
    reading_waits: u64,
    /// How many wait for a credit.
    credit_waits: u64,
    batches: BatchesUnderWay,
}

impl Look {
    /// A look at a task; `None` if it is not to do anything.
    pub(super) fn at(status: &TaskStatus, counters: &Counters, in_flight_max: u64) -> Option<Self> {
        if !is_running(status) {
            return None;
        }
        let waits = counters.reader_waits();
        Some(Self {
            is_full: status.in_flight_bytes.saturating_mul(100) >= in_flight_max.saturating_mul(FULL_PERCENT),
            is_in_flight: status.in_flight_bytes > 0,
            is_more_known: waiting_objects(status) > 0
                || is_being_listed(status)
                || status.outage(Side::Source).is_some(),
            reading: open_objects(status),
            reading_waits: waits.source.count(),
            credit_waits: waits.credit.count(),
            batches: counters.shards().under_way(),
        })
    }
}

/// Whether nothing is known to do only because listings have not come to their end.
fn is_being_listed(status: &TaskStatus) -> bool {
    match status.phase {
        Phase::FullLoad => !status.tables.iter().all(|table| {
            table.load.is_complete
                || table.statistics.is_suspended()
                || table.statistics.full_load_end_ms.is_some()
        }),
        Phase::Changes => !status.changes.is_complete,
    }
}

/// Objects that are opened and not read to their end.
fn open_objects(status: &TaskStatus) -> u64 {
    let tables = status.tables.iter();
    let tables = tables.filter(|table| !table.statistics.is_suspended());
    let loads = tables.map(|table| &table.load);
    let all = loads.chain([&status.changes]);
    all.map(|counts| counts.opened.saturating_sub(counts.ended + counts.quarantined))
        .sum()
}

/// Who holds the rows up; `None` if nobody does.
pub(super) fn judge(look: &Look) -> Option<Shares> {
    let waiting = look.reading_waits.min(look.reading);
    let blocked = look.credit_waits.min(look.reading - waiting);
    let downstream = downstream(look.batches);
    // Credits are taken before rows are rendered: without a batch under way, that is where they are.
    let held = downstream.unwrap_or(PARSE);
    let parsing = look.reading - waiting - blocked;
    if look.is_full && blocked + parsing == 0 {
        return Some(held);
    }
    if look.reading > 0 {
        // A reader that has no bytes is not what holds up a task that has no room for any.
        let waiting = if look.is_full { 0 } else { waiting };
        let upstream = Shares {
            source: number(waiting),
            parse: number(parsing),
            ..Shares::default()
        };
        let all = upstream.plus(held.times(number(blocked)));
        return Some(all.times(1.0 / all.sum()));
    }
    if look.is_in_flight && downstream.is_some() {
        return downstream;
    }
    (look.is_more_known && !look.is_in_flight).then_some(Shares {
        source: 1.0,
        ..Shares::default()
    })
}

const PARSE: Shares = Shares {
    source: 0.0,
    parse: 1.0,
    shard: 0.0,
    service: 0.0,
};

/// Who holds up what was read; `None` while no batch is under way.
fn downstream(batches: BatchesUnderWay) -> Option<Shares> {
    let (shard, service) = (
        f64::from(batches.held_by_shard),
        f64::from(batches.held_by_service),
    );
    let all = shard + service;
    (all > 0.0).then(|| Shares {
        shard: shard / all,
        service: service / all,
        ..Shares::default()
    })
}

impl Shares {
    fn plus(self, other: Self) -> Self {
        Self {
            source: self.source + other.source,
            parse: self.parse + other.parse,
            shard: self.shard + other.shard,
            service: self.service + other.service,
        }
    }

    fn times(self, factor: f64) -> Self {
        Self {
            source: self.source * factor,
            parse: self.parse * factor,
            shard: self.shard * factor,
            service: self.service * factor,
        }
    }

    fn sum(self) -> f64 {
        self.source + self.parse + self.shard + self.service
    }
}

/// What was judged in the last minute. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Waits(Arc<Mutex<VecDeque<(Instant, Shares)>>>);

impl Waits {
    /// Takes note of who holds the rows up.
    pub(super) fn note(&self, judged: Option<Shares>, now: Instant) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.extend(judged.map(|shares| (now, shares)));
        while notes
            .front()
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) >= WINDOW)
        {
            notes.pop_front();
        }
    }

    /// Shares of the last minute, 1 in all; `None` if nothing was held up.
    pub(super) fn shares(&self) -> Option<Shares> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = notes.iter().map(|(_, shares)| *shares);
        let all = all.reduce(Shares::plus)?;
        Some(all.times(1.0 / all.sum()))
    }
}

#[cfg(test)]
#[path = "waits_tests.rs"]
mod tests;
