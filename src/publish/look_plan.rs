//! What a delivery starts from, and what it asks the stream for. Pure: no I/O, no clock.
//!
//! **Invariants:** D3 (what is settled is not taken for news).

use std::collections::{HashMap, HashSet};

use super::looked::Wanted;
use super::outcome::Acknowledged;
use crate::model::ObjectId;
use crate::model::places::{LaneCut, is_before};
use crate::model::settle::sequence_number_of;
use crate::route::lineage::{KnownShard, Lineage};
use crate::route::shard_map::{HashKey, HashRange};

/// What a shard's delivery starts from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Start {
    /// Whether a process before this one may have sent records that no checkpoint knows.
    pub is_in_doubt: bool,
    /// Whether some of them may be there more than once.
    pub may_hold_copies: bool,
    /// Objects that such records can be rows of.
    pub candidates: Vec<ObjectId>,
    /// What is known of each shard.
    pub shards: HashMap<String, Vec<LaneCut>>,
}

/// Where to begin reading each shard, and what is not news there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookPlan {
    /// Records with other hash keys are none of ours.
    pub range: HashRange,
    /// Per shard: the record to begin at, that one included; the other shards are read from a time on.
    pub starts: HashMap<String, String>,
    /// Per shard: what lanes have settled there.
    pub known: HashMap<String, Vec<LaneCut>>,
    /// Per shard: places that are known besides.
    pub seen: HashMap<String, HashSet<String>>,
    /// Per shard: the last record that an earlier look read. Nothing up to it is news: what was not matched with a row
    /// then is none of those that were sent since.
    pub looked_through: HashMap<String, String>,
    /// The rows in doubt, if they were sent by this process; otherwise any row may be.
    pub wanted: Option<Wanted>,
}

impl Default for LookPlan {
    fn default() -> Self {
        Self {
            range: HashRange::ALL,
            starts: HashMap::new(),
            known: HashMap::new(),
            seen: HashMap::new(),
            looked_through: HashMap::new(),
            wanted: None,
        }
    }
}

impl LookPlan {
    /// The shards to read, parents before children.
    ///
    /// A process before this one may have sent to any shard that this one came from. This process knew the shard when it
    /// sent the rows that it wants, and a shard is there only once its parents are closed: they hold none of those rows,
    /// and whatever they hold stands before them. Without this, each request without an answer would lead through all
    /// that is left of every reshard within the retention.
    pub fn shards_of<'l>(&self, lineage: &'l Lineage, shard_id: &str) -> Vec<&'l KnownShard> {
        match self.wanted {
            Some(_) => lineage.issue_of(shard_id),
            None => lineage.family_of(shard_id),
        }
    }

    /// Whether a record that was read back, with a key of this hash, is not news: it is known itself, or as a member of
    /// a record that is known as a whole.
    pub fn is_known(&self, record: &Acknowledged, hash_key: HashKey) -> bool {
        let (shard_id, place) = record.place();
        let end = self.looked_through.get(shard_id);
        if end.is_some_and(|end| !is_before(end, place)) {
            return true;
        }
        let lanes = self.known.get(shard_id);
        if lanes
            .into_iter()
            .flatten()
            .any(|lane| lane.knows(place, hash_key))
        {
            return true;
        }
        let seen = self.seen.get(shard_id);
        seen.is_some_and(|seen| seen.contains(place) || seen.contains(sequence_number_of(place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::shard_map::Shard;

    /// What is left of a stream that was resharded often stands before each shard.
    #[test]
    fn only_doubt_about_an_earlier_process_leads_through_the_shards_that_this_one_came_from() {
        let known = |id: &str, parents: &[&str], is_open| KnownShard {
            shard: Shard {
                id: id.to_owned(),
                range: HashRange::ALL,
            },
            parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
            is_open,
        };
        let lineage = Lineage::new(vec![
            known("a", &[], false),
            known("b", &["a"], false),
            known("c", &["b"], false),
            known("d", &["c"], true),
        ]);
        let shards = |wanted: Option<Wanted>| -> Vec<String> {
            let plan = LookPlan {
                wanted,
                ..LookPlan::default()
            };
            let shards = plan.shards_of(&lineage, "c");
            shards.into_iter().map(|known| known.shard.id.clone()).collect()
        };
        assert_eq!(shards(None), ["a", "b", "c", "d"]);
        assert_eq!(shards(Some(Wanted::default())), ["c", "d"]);
    }
}
