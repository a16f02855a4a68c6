//! The watermark of one object: the end of its longest settled prefix of chunks. Pure: no I/O, no clock.
//!
//! It is never the highest acknowledgement: a chunk that settles early waits for those before it.
//!
//! **Invariants:** W1 (monotone), W2 (never past the first unsettled record), W3 (spans tile), D1 (each record
//! settles once).

use std::collections::VecDeque;

use crate::model::settle::Lane;
use crate::model::{Mark, Span};
use crate::saturate;

/// A settlement or a chunk that does not fit: a bug somewhere, never to be papered over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatermarkError {
    /// A chunk does not start where the one before it ended (W3).
    #[error("a chunk starts at {found:?}, the one before it ended at {expected:?}")]
    NotTiling {
        /// Where it should start.
        expected: Mark,
        /// Where it starts.
        found: Mark,
    },
    /// A chunk number that is not open.
    #[error("chunk {number} is not open")]
    UnknownChunk {
        /// The number.
        number: u64,
    },
    /// More records settled on a lane than are outstanding there (D1).
    #[error(
        "{count} records of chunk {number} settled on {lane:?}, only {outstanding} are outstanding there"
    )]
    SettledTwice {
        /// The chunk.
        number: u64,
        /// The lane.
        lane: Lane,
        /// How many came.
        count: u64,
        /// How many were outstanding.
        outstanding: u64,
    },
}

/// Watermark of one open object. `T` is what a chunk contributes once it is settled (its tally).
#[derive(Debug)]
pub struct Watermark<T> {
    settled: Mark,
    read: Mark,
    first_number: u64,
    chunks: VecDeque<OpenChunk<T>>,
}

#[derive(Debug)]
struct OpenChunk<T> {
    end: Mark,
    outstanding: Vec<(Lane, u64)>,
    tally: T,
}

impl<T> OpenChunk<T> {
    #[cfg(not(feature = "planted-defects"))]
    fn is_settled(&self) -> bool {
        self.outstanding.iter().all(|(_, owed)| *owed == 0)
    }

    #[cfg(feature = "planted-defects")]
    fn is_settled(&self) -> bool {
        use crate::observe::planted::{Defect, is_planted};
        self.outstanding.iter().all(|(_, owed)| *owed == 0) || is_planted(Defect::WatermarkRunsAhead)
    }
}

impl<T> Watermark<T> {
    /// A watermark that resumes at a mark.
    pub fn resume(mark: Mark) -> Self {
        Self {
            settled: mark,
            read: mark,
            first_number: 0,
            chunks: VecDeque::new(),
        }
    }

    /// Opens the next chunk with the number of records that each lane owes. A chunk that owes nothing is settled.
    ///
    /// # Errors
    /// [`WatermarkError::NotTiling`] if the span does not continue the object,
    /// [`WatermarkError::UnknownChunk`] if the number is not the next one.
    pub fn open(
        &mut self,
        number: u64,
        span: Span,
        outstanding: Vec<(Lane, u64)>,
        tally: T,
    ) -> Result<(), WatermarkError> {
        if span.start != self.read {
            return Err(WatermarkError::NotTiling {
                expected: self.read,
                found: span.start,
            });
        }
        let next = self.first_number + saturate::to_u64(self.chunks.len());
        if number != next {
            return Err(WatermarkError::UnknownChunk { number });
        }
        self.read = span.end;
        self.chunks.push_back(OpenChunk {
            end: span.end,
            outstanding,
            tally,
        });
        Ok(())
    }

    /// What an open chunk contributes once it is settled.
    ///
    /// # Errors
    /// [`WatermarkError::UnknownChunk`].
    pub fn tally_mut(&mut self, number: u64) -> Result<&mut T, WatermarkError> {
        let index = number.checked_sub(self.first_number);
        let chunk = index.and_then(|index| self.chunks.get_mut(usize::try_from(index).ok()?));
        chunk
            .map(|chunk| &mut chunk.tally)
            .ok_or(WatermarkError::UnknownChunk { number })
    }

    /// Settles records of a chunk on a lane.
    ///
    /// # Errors
    /// [`WatermarkError::UnknownChunk`] or [`WatermarkError::SettledTwice`].
    pub fn settle(&mut self, number: u64, lane: Lane, count: u64) -> Result<(), WatermarkError> {
        #[cfg(feature = "planted-defects")]
        if number < self.first_number {
            return Ok(());
        }
        let chunk = number
            .checked_sub(self.first_number)
            .and_then(|index| self.chunks.get_mut(usize::try_from(index).ok()?))
            .ok_or(WatermarkError::UnknownChunk { number })?;
        let owed = chunk
            .outstanding
            .iter_mut()
            .find(|(owner, _)| *owner == lane)
            .map(|(_, owed)| owed);
        let outstanding = owed.as_ref().map_or(0, |owed| **owed);
        match owed {
            Some(owed) if count <= outstanding => {
                *owed -= count;
                Ok(())
            }
            Some(_) | None => Err(WatermarkError::SettledTwice {
                number,
                lane,
                count,
                outstanding,
            }),
        }
    }

    /// Moves the watermark over every settled chunk at the front and gives their tallies, oldest first.
    pub fn advance(&mut self) -> Vec<T> {
        let mut tallies = Vec::new();
        while self.chunks.front().is_some_and(OpenChunk::is_settled) {
            if let Some(chunk) = self.chunks.pop_front() {
                self.settled = chunk.end;
                self.first_number += 1;
                tallies.push(chunk.tally);
            }
        }
        tallies
    }

    /// Up to where everything is settled.
    pub fn mark(&self) -> Mark {
        self.settled
    }

    /// Up to where chunks were opened.
    pub fn read_mark(&self) -> Mark {
        self.read
    }

    /// Whether nothing is outstanding.
    pub fn is_settled(&self) -> bool {
        self.chunks.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::route::shard_map::ShardIndex;

    fn mark(ordinal: u64) -> Mark {
        Mark {
            position: ordinal * 10,
            ordinal,
            line: ordinal,
        }
    }

    const LANES: [Lane; 3] = [
        Lane::Shard(ShardIndex(0)),
        Lane::Shard(ShardIndex(1)),
        Lane::DeadLetters,
    ];

    proptest! {
        /// Against a naive model: the watermark is the end of the longest prefix of chunks that owe nothing.
        /// W1, W2.
        #[test]
        fn it_equals_the_longest_settled_prefix(
            owed in prop::collection::vec(prop::array::uniform3(0_u64..3), 1..12),
            picks in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..3, any::<bool>()), 0..80),
        ) {
            let mut watermark = Watermark::resume(mark(7));
            let mut model: Vec<[u64; 3]> = Vec::new();
            let mut opened = owed.iter();
            let mut highest = mark(7);
            for (pick, lane, open_first) in picks {
                if open_first && let Some(chunk) = opened.next() {
                    let start = 7 + u64::try_from(model.len()).unwrap();
                    let span = Span { start: mark(start), end: mark(start + 1) };
                    let lanes = LANES.iter().copied().zip(*chunk).collect();
                    watermark.open(start - 7, span, lanes, start).unwrap();
                    model.push(*chunk);
                }
                if !model.is_empty() {
                    let index = pick.index(model.len());
                    let expected_ok = model[index][lane] > 0;
                    let settled = watermark.settle(u64::try_from(index).unwrap(), LANES[lane], 1);
                    prop_assert_eq!(settled.is_ok(), expected_ok, "{:?}", settled);
                    if expected_ok {
                        model[index][lane] -= 1;
                    }
                }
                watermark.advance();
                let prefix = model.iter().take_while(|chunk| chunk.iter().all(|owed| *owed == 0)).count();
                prop_assert_eq!(watermark.mark(), mark(7 + u64::try_from(prefix).unwrap()));
                prop_assert!(watermark.mark() >= highest);
                highest = watermark.mark();
            }
        }
    }

    /// W3.
    #[test]
    fn a_gap_and_an_overlap_are_refused() {
        let mut watermark = Watermark::resume(mark(3));
        for start in [2, 4] {
            let span = Span {
                start: mark(start),
                end: mark(9),
            };
            let refused = watermark.open(0, span, vec![], ());
            assert_eq!(
                refused,
                Err(WatermarkError::NotTiling {
                    expected: mark(3),
                    found: mark(start)
                })
            );
        }
    }

    #[test]
    fn a_settled_chunk_after_an_unsettled_one_waits() {
        let mut watermark = Watermark::resume(mark(0));
        for number in 0..2 {
            let span = Span {
                start: mark(number),
                end: mark(number + 1),
            };
            watermark.open(number, span, vec![(LANES[0], 1)], number).unwrap();
        }
        watermark.settle(1, LANES[0], 1).unwrap();
        assert_eq!(watermark.advance(), Vec::<u64>::new());
        watermark.settle(0, LANES[0], 1).unwrap();
        assert_eq!(watermark.advance(), vec![0, 1]);
        assert_eq!(watermark.mark(), mark(2));
    }
}
