//! The consumer's side of a chain: which records are rows it has not seen yet. Pure: no I/O, no clock.
//!
//! The rule is the whole protocol: accept a record if and only if its `previous` is the last position accepted of
//! its lane. A copy has another `previous`, and so has a record that overtook the one before it; the sender
//! sends the latter again, in order, before anything newer.
//!
//! The same filter for other languages is in the folder `consumers`; `consumers/vectors.json` holds all of them to
//! the same decisions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::position::ChainPosition;

/// The members of a record's `metadata` that the filter looks at. A record without them belongs to no chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Which chain; a task begins a new one, with a greater number, when its configuration changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<u64>,
    /// Which lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<String>,
    /// Where the record stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<ChainPosition>,
    /// Where the record before it in the lane stands; a `sync` record has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<ChainPosition>,
}

/// What to do with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Process it.
    Accept,
    /// Leave it out: it is a copy, it comes again, or it is a `sync` record that adds nothing new.
    Drop,
    /// Leave it out, and know that the records of the gap are not going to be seen: they were in the stream before
    /// this consumer began to read it, or the stream lost them, or their object was set aside.
    Resync(Gap),
}

/// Records that are not going to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The last position that was accepted; [`ChainPosition::START`] if none was.
    pub from: ChainPosition,
    /// The last position that is missing.
    pub to: ChainPosition,
}

/// How far one lane is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct LaneState {
    chain: u64,
    last: ChainPosition,
}

/// The filter. To be stored, as JSON for example, together with the consumer's own checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainFilter {
    lanes: BTreeMap<String, LaneState>,
}

impl ChainFilter {
    /// Decides about the next record of a shard. A shard must be read in order, its parents before it.
    pub fn accept(&mut self, metadata: &Metadata) -> Decision {
        let (Some(chain), Some(lane), Some(position)) =
            (metadata.chain, metadata.lane.as_ref(), metadata.position)
        else {
            return Decision::Accept;
        };
        let state = self.lanes.entry(lane.clone()).or_default();
        if chain < state.chain {
            return Decision::Drop;
        }
        if chain > state.chain {
            *state = LaneState {
                chain,
                last: ChainPosition::START,
            };
        }
        let last = state.last;
        match metadata.previous {
            Some(previous) if previous == last => {
                state.last = position;
                Decision::Accept
            }
            None if position > last => {
                state.last = position;
                Decision::Resync(Gap {
                    from: last,
                    to: position,
                })
            }
            Some(_) | None => Decision::Drop,
        }
    }
}
