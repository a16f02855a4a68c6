//! Tells how long listings take, and how old is what waits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::catalog::Catalog;
use crate::observe::counters::Counters;
use crate::observe::facts::QueueKind;

/// The listings that are under way.
#[derive(Debug)]
pub(super) struct Timing {
    counters: Arc<Counters>,
    /// Time spent on the pages of each queue so far.
    spent: HashMap<usize, Duration>,
}

impl Timing {
    pub(super) fn new(counters: Arc<Counters>) -> Self {
        Self {
            counters,
            spent: HashMap::new(),
        }
    }

    /// A page of a queue was listed.
    pub(super) fn page(&mut self, catalog: &Catalog, queue: usize, lasted: Duration, is_last: bool) {
        *self.spent.entry(queue).or_default() += lasted;
        if is_last && let Some(spent) = self.spent.remove(&queue) {
            let kind = kind_of(catalog.is_load(queue));
            self.counters.listed(kind, spent);
        }
    }

    /// Says how old the oldest objects are that wait.
    pub(super) fn tell_ages(&self, catalog: &Catalog) {
        for is_load in [true, false] {
            let oldest_ms = catalog.oldest_waiting_ms(is_load);
            self.counters.facts().waiting(kind_of(is_load), oldest_ms);
        }
    }
}

fn kind_of(is_load: bool) -> QueueKind {
    if is_load {
        QueueKind::Load
    } else {
        QueueKind::Changes
    }
}
