//! Which pieces of objects panic every time.
//!
//! A panic is a defect, of this program or of a library that reads a file. One that comes once is cured by a new
//! generation. One that comes each time a piece of an object is read would stop everything after that piece for ever, so
//! the object is set aside then, and everything else goes on.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::ObjectId;

/// Panics of the same piece that a new generation is tried for.
const TRIES_MAX: usize = 1;

/// What has panicked in this process, over all its generations. Clones share it.
#[derive(Debug, Clone)]
pub struct PanicBook {
    pieces: Arc<Mutex<BTreeMap<ObjectId, Vec<Range<u64>>>>>,
    tries_max: usize,
}

impl PanicBook {
    /// Of a process that tries so many new generations after one that failed.
    pub fn new(restarts_max: u32) -> Self {
        Self {
            pieces: Arc::default(),
            tries_max: usize::try_from(restarts_max).unwrap_or(TRIES_MAX).min(TRIES_MAX),
        }
    }

    /// Notes that work on these records (ordinals) of an object panicked; says whether it is hopeless: no new generation
    /// is left, or one has met the same records again.
    pub fn is_hopeless(&self, object: &ObjectId, records: Range<u64>) -> bool {
        let mut book = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        let pieces = book.entry(object.clone()).or_default();
        let is_met = |piece: &&Range<u64>| piece.start < records.end && records.start < piece.end;
        if pieces.iter().filter(is_met).count() >= self.tries_max {
            book.remove(object);
            return true;
        }
        pieces.push(records);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::QueueName;

    fn object(number: u64) -> ObjectId {
        ObjectId {
            queue: QueueName::changes(),
            number,
        }
    }

    #[test]
    fn a_piece_that_panics_again_is_hopeless_and_another_is_not() {
        let book = PanicBook::new(5);
        assert!(!book.is_hopeless(&object(1), 0..100));
        assert!(!book.is_hopeless(&object(1), 100..200), "beside it");
        assert!(!book.is_hopeless(&object(2), 0..100), "another object");
        // Chunks begin elsewhere after a restart.
        assert!(book.clone().is_hopeless(&object(1), 90..95));
    }

    #[test]
    fn without_restarts_the_first_one_is_hopeless() {
        assert!(PanicBook::new(0).is_hopeless(&object(1), 0..1));
    }
}
