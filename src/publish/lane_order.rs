//! What a chain asks of a request on top of `ordering: final`. Pure: no I/O, no clock.
//!
//! - The service does not promise to store the records of one request in the order in which they are listed. A filter
//!   drops a record that comes before its predecessor, so such a record is sent again, with all later ones
//!   of its lane.
//! - A `sync` record promises a consumer that everything before it is in the stream. So it goes out only when that
//!   is known: it may follow other `sync` records in a request, but no other record.
//!
//! **Invariants:** O2.

use std::collections::HashMap;

use super::outcome::Acknowledged;
use crate::model::settle::compare_sequence_numbers;

/// The part of a batch in a chain.
#[derive(Debug)]
pub(super) struct LaneOrder {
    /// Indexes of the `sync` records, ascending.
    syncs: Vec<usize>,
}

/// The newest stored record of each lane of a request.
pub(super) type Newest<'k> = HashMap<&'k [u8], Acknowledged>;

impl LaneOrder {
    /// The order of a batch with these `sync` records.
    pub(super) fn new(syncs: Vec<usize>) -> Self {
        Self { syncs }
    }

    /// Notes that a record is a `sync` record by now.
    pub(super) fn add_sync(&mut self, index: usize) {
        if let Err(place) = self.syncs.binary_search(&index) {
            self.syncs.insert(place, index);
        }
    }

    /// Cuts a request before the first `sync` record that may not be in it.
    pub(super) fn cut(&self, request: &mut Vec<usize>) {
        if self.syncs.is_empty() {
            return;
        }
        let is_sync = |index: &usize| self.syncs.binary_search(index).is_ok();
        let first_row = request.iter().position(|index| !is_sync(index));
        let end = first_row.and_then(|first_row| {
            let behind = request.iter().skip(first_row);
            Some(first_row + behind.into_iter().position(is_sync)?)
        });
        if let Some(end) = end {
            request.truncate(end);
        }
    }
}

/// Whether a stored record came before one of its lane that was listed earlier. In another shard than that
/// one, which happens while a shard is being split, that is unknown.
pub(super) fn overtook<'k>(newest: &mut Newest<'k>, key: &'k [u8], proof: &Acknowledged) -> bool {
    let (shard_id, number) = proof.place();
    let is_after = newest.get(key).is_none_or(|before| {
        let (shard_before, number_before) = before.place();
        shard_before == shard_id && compare_sequence_numbers(number, number_before).is_gt()
    });
    if is_after {
        newest.insert(key, proof.clone());
    }
    !is_after
}
