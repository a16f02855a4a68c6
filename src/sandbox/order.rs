//! Whether records of one sequence (a partition key, or a shard) came in order. Pure: no I/O, no clock.
//!
//! Rows have numbers in file order. Three things can be seen in one sequence:
//!
//! | Deliveries | What it is |
//! |---|---|
//! | `1 2 3 4` | in order |
//! | `1 2 3 2 3 4` | a replay: rows once more, without a gap, up to where delivery had got, before anything new |
//! | `1 3 2 3 4` | a hole that was repaired: row 2 came late, and what had overtaken it was replayed after it |
//! | `1 3 2 4`, `1 2 3 1 3 4` | out of order: at the end a consumer holds an older state than it was given |

use crate::saturate;

use std::collections::BTreeMap;

/// The deliveries of one sequence so far.
#[derive(Debug, Clone, Default)]
pub struct DeliveryOrder {
    /// Numbers of the rows that were delivered, ascending.
    delivered: Vec<u64>,
    /// Number of the row that was delivered last.
    cursor: Option<u64>,
}

/// What one more delivery means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// A row after all others, or a row of a replay.
    InOrder,
    /// A row that came for the first time although later ones had come: a hole that is being repaired.
    Late,
    /// Neither: order is lost.
    OutOfOrder,
}

impl DeliveryOrder {
    /// Takes the next delivery.
    pub fn deliver(&mut self, row: u64) -> Delivered {
        let newest = self.delivered.last().copied();
        let step = if newest.is_none_or(|newest| row > newest) {
            // New rows may come only when a replay has caught up.
            let step = if self.cursor == newest {
                Delivered::InOrder
            } else {
                Delivered::OutOfOrder
            };
            self.delivered.push(row);
            step
        } else {
            let found = self.delivered.binary_search(&row);
            let (Ok(index) | Err(index)) = found;
            let is_continued = self.is_continued(row, index);
            if found.is_err() {
                self.delivered.insert(index, row);
            }
            match (is_continued, found) {
                (true, Ok(_)) => Delivered::InOrder,
                (true, Err(_)) => Delivered::Late,
                (false, _) => Delivered::OutOfOrder,
            }
        };
        self.cursor = match step {
            Delivered::InOrder | Delivered::Late => Some(row),
            // Counted once: order starts over after the newest row.
            Delivered::OutOfOrder => self.delivered.last().copied(),
        };
        step
    }

    /// A replay starts anywhere at or before the last delivery, and leaves nothing out from there. `index` is the
    /// place of the row among the delivered ones.
    fn is_continued(&self, row: u64, index: usize) -> bool {
        let previous = index
            .checked_sub(1)
            .and_then(|index| self.delivered.get(index))
            .copied();
        self.cursor.is_some_and(|cursor| row <= cursor) || self.cursor == previous
    }

    /// Whether a replay or a repair was left unfinished.
    pub fn is_unfinished(&self) -> bool {
        self.cursor != self.delivered.last().copied()
    }
}

/// The last delivery of each row of a sequence: what is left in a consumer's hands. Repairs may overlap in any way;
/// what counts is that no row ends after a later one.
#[derive(Debug, Clone, Default)]
pub struct LastDeliveries {
    place_of: BTreeMap<u64, u64>,
    count: u64,
}

impl LastDeliveries {
    /// Takes the next delivery.
    pub fn deliver(&mut self, row: u64) {
        self.count += 1;
        self.place_of.insert(row, self.count);
    }

    /// Rows that were delivered for the last time after the row that follows them.
    pub fn out_of_order_count(&self) -> u64 {
        let places = self.place_of.values();
        let inversions = places
            .clone()
            .zip(places.skip(1))
            .filter(|(place, next)| place > next);
        saturate::to_u64(inversions.count())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Late rows, rows out of order, and whether a replay is unfinished.
    fn judge(rows: &[u64]) -> (usize, usize, bool) {
        let mut order = DeliveryOrder::default();
        let steps: Vec<Delivered> = rows.iter().map(|row| order.deliver(*row)).collect();
        let count = |wanted| steps.iter().filter(|step| **step == wanted).count();
        (
            count(Delivered::Late),
            count(Delivered::OutOfOrder),
            order.is_unfinished(),
        )
    }

    #[test]
    fn replays_and_repairs_are_told_from_disorder() {
        let cases = [
            (vec![], (0, 0, false)),
            (vec![1, 2, 5], (0, 0, false)),
            (vec![1, 2, 3, 2, 3, 4], (0, 0, false)),
            (vec![1, 2, 3, 3, 4], (0, 0, false)),
            (vec![1, 2, 3, 2, 3, 1, 2, 3, 4], (0, 0, false)),
            (vec![1, 3, 2, 3, 4], (1, 0, false)),
            (vec![1, 3, 2, 4], (1, 1, false)),
            (vec![1, 3, 2], (1, 0, true)),
            (vec![1, 2, 3, 1], (0, 0, true)),
            (vec![1, 2, 3, 1, 3, 4], (0, 1, false)),
            (vec![1, 2, 3, 2, 4, 5], (0, 1, false)),
            (vec![2, 1, 2, 1, 2], (1, 0, false)),
        ];
        for (rows, expected) in cases {
            assert_eq!(judge(&rows), expected, "{rows:?}");
        }
    }

    #[test]
    fn overlapping_repairs_leave_the_last_state() {
        let count = |rows: &[u64]| {
            let mut last = LastDeliveries::default();
            for row in rows {
                last.deliver(*row);
            }
            last.out_of_order_count()
        };
        assert_eq!(count(&[1, 3, 5, 2, 4, 3, 4, 5]), 0);
        assert_eq!(count(&[1, 2, 3, 2, 3, 4]), 0);
        assert_eq!(count(&[1, 3, 2, 4]), 1);
        assert_eq!(count(&[1, 2, 3, 1, 4]), 1);
    }

    proptest! {
        /// The final state is right if and only if the last deliveries of the rows are in order.
        #[test]
        fn accepted_deliveries_leave_the_last_state(rows in proptest::collection::vec(0..6_u64, 0..12)) {
            let (_, out_of_order, is_unfinished) = judge(&rows);
            if out_of_order == 0 && !is_unfinished {
                let mut last: Vec<(usize, u64)> = Vec::new();
                for (place, row) in rows.iter().enumerate() {
                    last.retain(|(_, other)| other != row);
                    last.push((place, *row));
                }
                prop_assert!(last.is_sorted_by_key(|(_, row)| *row), "{rows:?}");
            }
        }
    }
}
