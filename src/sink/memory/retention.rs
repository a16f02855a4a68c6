//! The retention of the stream in memory: its oldest records can be taken away from readers.

use super::reader::place_of;
use super::{MemorySink, ReadStart, SinkError};

/// What a reader gets who begins at a record that is gone. Services differ, and Kinesis was seen to do all three.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Gone {
    /// The records from the oldest on that is still there.
    #[default]
    BeginsAtOldest,
    /// Empty pages for ever, a day behind the end.
    StaysEmpty,
    /// A refusal.
    IsRefused,
}

impl MemorySink {
    /// The retention passes over this many records of the shard at this index of the map: nobody reads them any more.
    pub fn trim(&self, shard_index: usize, count: usize, gone: Gone) {
        if let Some(shard) = self.state().shards.get_mut(shard_index) {
            shard.trimmed_count = count.min(shard.stored.len());
            shard.gone = gone;
        }
    }

    /// Refuses a place that is gone, if such places are refused.
    pub(super) fn admit_place(&self, index: usize, start: &ReadStart) -> Result<(), SinkError> {
        let state = self.state();
        let is_refused = state.shards.get(index).is_some_and(|shard| {
            shard.gone == Gone::IsRefused
                && is_place(start)
                && place_of(&shard.stored, start) < shard.trimmed_count
        });
        drop(state);
        if is_refused {
            return Err(self.refuse("the sequence number is not in the shard".to_owned()));
        }
        Ok(())
    }
}

/// Whether a start names a record.
pub(super) fn is_place(start: &ReadStart) -> bool {
    match start {
        ReadStart::At(_) | ReadStart::After(_) => true,
        ReadStart::Oldest | ReadStart::Since(_) | ReadStart::Latest => false,
    }
}
