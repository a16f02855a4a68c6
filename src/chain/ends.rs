//! Where the lanes of a queue end: what the next record of each lane has before it. Pure: no I/O, no clock.
//!
//! It depends on nothing but the content of files, the configuration, and the numbers of the objects, so a restart
//! finds the same positions again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::position::ChainPosition;
use crate::model::ObjectId;
use crate::route::lane::LaneIndex;

/// The last position of each lane of a queue. Positions of a lane rise, so the greatest known is the last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneEnds {
    /// Where every lane is at least.
    floor: ChainPosition,
    ends: BTreeMap<u8, ChainPosition>,
}

impl LaneEnds {
    /// The last position of a lane; [`ChainPosition::START`] before its first record.
    pub fn end(&self, lane: LaneIndex) -> ChainPosition {
        self.ends.get(&lane.number()).copied().unwrap_or(self.floor)
    }

    /// A record of the lane follows at this position.
    pub fn reach(&mut self, lane: LaneIndex, position: ChainPosition) {
        if position > self.floor {
            let end = self.ends.entry(lane.number()).or_default();
            *end = position.max(*end);
        }
    }

    /// Takes in what came after, or was known before.
    pub fn absorb(&mut self, other: &Self) {
        self.break_at(other.floor);
        for (number, position) in &other.ends {
            if *position > self.floor {
                let end = self.ends.entry(*number).or_default();
                *end = (*position).max(*end);
            }
        }
    }

    /// Ends every lane at this position. Which records of a set-aside object were sent is unknown, so
    /// a chain must not build on any of them.
    pub fn break_at(&mut self, position: ChainPosition) {
        if position > self.floor {
            self.floor = position;
            self.ends.retain(|_, end| *end > position);
        }
    }

    /// Whether no lane has had a record of a file, nor was ended after one.
    pub fn are_before_files(&self) -> bool {
        self.floor.object == 0 && self.ends.values().all(|end| end.object == 0)
    }

    /// Whether the lane was ended and has had no record since.
    pub fn is_broken(&self, lane: LaneIndex) -> bool {
        self.floor > ChainPosition::START && self.end(lane) == self.floor
    }

    /// The lanes that have had records since all of them were ended, or since the beginning.
    pub fn lanes(&self) -> impl Iterator<Item = LaneIndex> {
        self.ends.keys().map(|number| LaneIndex::of_number(*number))
    }
}

/// An object as the chain sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainStart {
    /// The object.
    pub id: ObjectId,
    /// Whether it stands for the control records before all objects of its queue.
    pub is_control: bool,
    /// Where the lanes end before it, or where it goes on.
    pub ends: LaneEnds,
}

/// Where a chain goes on after an object that was set aside: after every position the object can have, and
/// before every position of the next one.
pub fn break_after(id: &ObjectId) -> ChainPosition {
    ChainPosition {
        object: id.number + 2,
        record: 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(object: u64, record: u64) -> ChainPosition {
        ChainPosition { object, record }
    }

    proptest! {
        /// What is folded together in any order is what was reached in order.
        #[test]
        fn ends_in_parts_are_the_ends_of_the_whole(
            links in prop::collection::vec((0_u8..4, any::<bool>()), 1..40),
            cuts in prop::collection::vec(0_usize..40, 0..4),
        ) {
            let mut whole = LaneEnds::default();
            let mut parts = vec![LaneEnds::default()];
            for (index, (number, is_break)) in links.iter().enumerate() {
                let position = at(1, u64::try_from(index).unwrap() + 1);
                if cuts.contains(&index) {
                    parts.push(LaneEnds::default());
                }
                for ends in [&mut whole, parts.last_mut().unwrap()] {
                    if *is_break {
                        ends.break_at(position);
                    } else {
                        ends.reach(LaneIndex::of_number(*number), position);
                    }
                }
            }
            let fold = |parts: &mut dyn Iterator<Item = &LaneEnds>| {
                let mut all = LaneEnds::default();
                parts.for_each(|part| all.absorb(part));
                all
            };
            prop_assert_eq!(&fold(&mut parts.iter()), &whole);
            prop_assert_eq!(&fold(&mut parts.iter().rev()), &whole);
        }
    }

    #[test]
    fn control_records_are_before_files() {
        let mut ends = LaneEnds::default();
        ends.reach(LaneIndex::of_number(3), at(0, 2));
        assert!(ends.are_before_files(), "those are control records");
        let mut broken = ends.clone();
        broken.break_at(at(2, 0));
        ends.reach(LaneIndex::of_number(4), at(1, 1));
        assert!(!ends.are_before_files() && !broken.are_before_files());
    }

    #[test]
    fn a_broken_lane_builds_on_nothing_that_was_sent() {
        let [used, unused] = [1, 2].map(LaneIndex::of_number);
        let mut ends = LaneEnds::default();
        ends.reach(used, at(1, 7));
        assert_eq!(
            (ends.end(used), ends.end(unused)),
            (at(1, 7), ChainPosition::START)
        );
        assert!(!ends.is_broken(unused), "a beginning is not a break");
        ends.break_at(at(2, 0));
        assert_eq!((ends.end(used), ends.end(unused)), (at(2, 0), at(2, 0)));
        ends.reach(used, at(2, 1));
        assert!(!ends.is_broken(used) && ends.is_broken(unused));
        assert_eq!(ends.lanes().collect::<Vec<_>>(), [used]);
    }
}
