//! What else is known of a run: dead letters by code, listings, and the age of objects. Locks that are held for a moment,
//! taken per page, per chunk or a few times a second, never per row.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Tables and codes of which dead letters are counted for themselves.
const DEAD_LETTER_KINDS_MAX: usize = 2_000;
/// The code of all others.
const OTHER_CODES: &str = "__other__";

/// Which objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueKind {
    /// Load files.
    Load,
    /// Change files.
    Changes,
}

impl QueueKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Load, Self::Changes];

    /// As a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Changes => "changes",
        }
    }
}

/// What is known; starts with the process and survives generations.
#[derive(Debug, Default)]
pub struct Facts {
    dead_letters: Mutex<BTreeMap<(String, String), u64>>,
    load: Mutex<QueueFacts>,
    changes: Mutex<QueueFacts>,
}

/// What is known of the objects of a kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueFacts {
    /// When a folder of them was last listed to its end.
    pub listed_at: Option<Instant>,
    /// When the oldest that is known and not opened was written, in milliseconds since the epoch.
    pub oldest_waiting_ms: Option<i64>,
    /// The same of the oldest that is opened and not settled.
    pub oldest_open_ms: Option<i64>,
    /// How old the last one was when it was durably settled.
    pub settled_age: Option<Duration>,
}

impl Facts {
    /// Rows of a table became durable dead letters for this reason.
    pub fn dead_lettered(&self, table: &str, code: &str, rows: u64) {
        let mut counts = lock(&self.dead_letters);
        let key = (table.to_owned(), code.to_owned());
        let is_known = counts.contains_key(&key) || counts.len() < DEAD_LETTER_KINDS_MAX;
        let key = if is_known {
            key
        } else {
            (super::metrics::OTHER_TABLES.to_owned(), OTHER_CODES.to_owned())
        };
        *counts.entry(key).or_default() += rows;
    }

    /// Dead letters by table and code.
    pub fn dead_letters(&self) -> Vec<(String, String, u64)> {
        let counts = lock(&self.dead_letters);
        let counts = counts.iter();
        counts
            .map(|((table, code), count)| (table.clone(), code.clone(), *count))
            .collect()
    }

    /// A folder was listed to its end.
    pub fn listed(&self, kind: QueueKind) {
        lock(self.queue(kind)).listed_at = Some(Instant::now());
    }

    /// How old the objects are that wait.
    pub fn waiting(&self, kind: QueueKind, oldest_ms: Option<i64>) {
        lock(self.queue(kind)).oldest_waiting_ms = oldest_ms;
    }

    /// How old the objects are that are being read or settled.
    pub fn open(&self, kind: QueueKind, oldest_ms: Option<i64>) {
        lock(self.queue(kind)).oldest_open_ms = oldest_ms;
    }

    /// An object of this age was durably settled.
    pub fn settled(&self, kind: QueueKind, age: Duration) {
        lock(self.queue(kind)).settled_age = Some(age);
    }

    /// What is known of the objects of a kind.
    pub fn of(&self, kind: QueueKind) -> QueueFacts {
        *lock(self.queue(kind))
    }

    fn queue(&self, kind: QueueKind) -> &Mutex<QueueFacts> {
        match kind {
            QueueKind::Load => &self.load,
            QueueKind::Changes => &self.changes,
        }
    }
}

impl QueueFacts {
    /// Time since a listing last came to its end.
    pub fn listing_age(&self) -> Option<Duration> {
        self.listed_at.map(|at| at.elapsed())
    }

    /// When the oldest that is not settled was written.
    pub fn oldest_unsettled_ms(&self) -> Option<i64> {
        self.oldest_waiting_ms
            .into_iter()
            .chain(self.oldest_open_ms)
            .min()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Plain data: whoever panicked while holding it left it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_letters_are_counted_by_table_and_code_within_bounds() {
        let facts = Facts::default();
        facts.dead_lettered("s.t", "invalid_number", 2);
        facts.dead_lettered("s.t", "invalid_number", 3);
        let entry = |table: &str, code: &str, count| (table.to_owned(), code.to_owned(), count);
        assert_eq!(facts.dead_letters(), [entry("s.t", "invalid_number", 5)]);
        for number in 0..DEAD_LETTER_KINDS_MAX + 7 {
            facts.dead_lettered(&number.to_string(), "too_long", 1);
        }
        let counts = facts.dead_letters();
        assert_eq!(counts.len(), DEAD_LETTER_KINDS_MAX + 1);
        assert!(counts.contains(&entry("__other__", "__other__", 8)), "{counts:?}");
    }

    #[test]
    fn the_oldest_object_is_one_that_waits_or_one_that_is_read() {
        let facts = Facts::default();
        assert_eq!(facts.of(QueueKind::Changes).oldest_unsettled_ms(), None);
        facts.waiting(QueueKind::Changes, Some(7));
        facts.open(QueueKind::Changes, Some(3));
        assert_eq!(facts.of(QueueKind::Changes).oldest_unsettled_ms(), Some(3));
        assert_eq!(facts.of(QueueKind::Load), QueueFacts::default());
    }
}
