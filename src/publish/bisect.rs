//! The search for the records that make the service refuse a request as a whole. Pure: no I/O, no clock.
//!
//! The service says that a request is not valid, and stores nothing of it. So it is put in halves until a record is
//! refused that was alone: that one is at fault, and the others get through. Where record after record is refused and
//! nothing gets through, it is the stream or its settings that are at fault, and the task ends.
//!
//! **Invariants:** O2 (what is searched stays in the order in which it was planned).

use std::collections::BTreeMap;

/// So many records may be refused one after another, each alone, before one is stored again.
pub(super) const REFUSED_IN_A_ROW_MAX: u32 = 10;

/// What follows from a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A part of the request has to be tried.
    Part,
    /// This record is at fault.
    Record(usize),
    /// More records are refused than can be the fault of records.
    TooMany(usize),
}

/// What is known of refused records of a batch.
#[derive(Debug, Default)]
pub(super) struct Bisect {
    /// Records one of which is at fault, in order; none while nothing is searched for.
    suspects: Vec<usize>,
    /// Records that were refused alone, with what the service said.
    refused: BTreeMap<usize, String>,
    /// How many were refused alone since a record was stored.
    in_a_row: u32,
}

impl Bisect {
    /// After this many records in a row were refused in the batches before.
    pub(super) fn after(in_a_row: u32) -> Self {
        Self {
            in_a_row,
            ..Self::default()
        }
    }

    /// How many records were refused since one was stored.
    pub(super) fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    /// The records that the next request is to be made of: what is searched, or else all that is pending.
    pub(super) fn source<'a>(&'a self, pending: &'a [usize]) -> &'a [usize] {
        if self.suspects.is_empty() {
            pending
        } else {
            &self.suspects
        }
    }

    /// Cuts a request to half of what is searched.
    pub(super) fn cut(&self, request: &mut Vec<usize>) {
        if !self.suspects.is_empty() {
            request.truncate(self.suspects.len().div_ceil(2));
        }
    }

    /// Notes that a request was refused as a whole.
    pub(super) fn refuse(&mut self, request: &[usize], detail: &str) -> Found {
        let [index] = request else {
            self.suspects = request.to_vec();
            return Found::Part;
        };
        self.suspects.clear();
        self.in_a_row += 1;
        // What stands in for a refused record is as good as any: then it is not the record.
        if self.in_a_row > REFUSED_IN_A_ROW_MAX || self.is_refused(*index) {
            return Found::TooMany(*index);
        }
        self.refused.insert(*index, detail.to_owned());
        Found::Record(*index)
    }

    /// Notes what is still pending after a request of which something, or nothing, was stored.
    pub(super) fn conclude(&mut self, pending: &[usize], has_stored: bool) {
        if has_stored {
            self.in_a_row = 0;
        }
        self.suspects.retain(|index| pending.binary_search(index).is_ok());
    }

    /// Whether a record was refused alone.
    pub(super) fn is_refused(&self, index: usize) -> bool {
        self.refused.contains_key(&index)
    }

    /// The records that were refused alone, in order, with what the service said of each.
    pub(super) fn refused(&self) -> impl Iterator<Item = (usize, &str)> {
        self.refused
            .iter()
            .map(|(index, detail)| (*index, detail.as_str()))
    }
}
