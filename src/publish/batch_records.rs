//! What a batch says of its records. Pure: no I/O, no clock.

use super::looked::Wanted;
use super::messages::Batch;
use crate::model::batch::LinkKind;
use crate::model::{BatchRecord, ObjectId};
use crate::saturate;

impl Batch {
    /// Gives a record's ordering key.
    pub(super) fn key_of<'b>(&'b self) -> impl Fn(usize) -> Option<&'b [u8]> {
        |index| self.records.get(index).map(BatchRecord::ordering_key)
    }

    /// Which records are `sync` records, if the batch is part of a chain.
    pub(super) fn syncs(&self) -> Option<Vec<usize>> {
        self.records.first()?.link()?;
        let is_sync = |record: &BatchRecord| record.link().is_some_and(|link| link.kind == LinkKind::Sync);
        let records = self.records.iter().enumerate();
        let syncs = records.filter(|(_, record)| is_sync(record));
        Some(syncs.map(|(index, _)| index).collect())
    }

    /// What to look for if some of its records are in doubt.
    pub(super) fn wanted(&self) -> Wanted {
        let mut wanted = Wanted::default();
        for record in &self.records {
            wanted.add(record.partition_key(), record.payload());
        }
        wanted
    }

    /// The object of each record.
    pub(super) fn objects(&self) -> impl Iterator<Item = &ObjectId> {
        self.runs.iter().flat_map(|run| {
            let count = saturate::to_usize(run.records_count);
            std::iter::repeat_n(&run.chunk.object, count)
        })
    }
}
