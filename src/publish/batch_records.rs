//! What a batch says of its records. Pure: no I/O, no clock.

use std::sync::Arc;

use super::bisect::REFUSED_IN_A_ROW_MAX;
use super::looked::Wanted;
use super::messages::Batch;
use crate::checkpoint::context::{ChunkOrigin, ObjectContext};
use crate::checkpoint::tally::RefusedRow;
use crate::encode::chain::stand_in;
use crate::fault::{Fault, FaultKind};
use crate::model::batch::LinkKind;
use crate::model::settle::ChunkRef;
use crate::model::{BatchRecord, ObjectId, RejectedRecord};
use crate::saturate;

/// Code of a row whose message the service refuses.
pub(super) const REFUSED: &str = "refused_by_stream";

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

    /// The chunk of a record and where it comes from.
    fn origin(&self, index: usize) -> Option<(&ChunkRef, &Arc<ChunkOrigin>)> {
        let mut end = 0;
        let mut runs = self.runs.iter().zip(&self.origins);
        let (run, origin) = runs.find(|(run, _)| {
            end += saturate::to_usize(run.records_count);
            index < end
        })?;
        Some((&run.chunk, origin.as_ref()?))
    }

    /// A row that is refused, where it comes from, and what it counts as; `None` for a control record.
    pub(super) fn refused(&self, index: usize, detail: &str) -> Option<Refusal<'_>> {
        let record = self.records.get(index)?;
        let ((chunk, origin), (table, operation)) = (self.origin(index)?, record.row()?);
        let mark = origin.mark_before(record.ordinal);
        let letter = RejectedRecord {
            ordinal: record.ordinal,
            line: mark.line + 1,
            position: mark.position,
            table: Some(table),
            column: None,
            code: REFUSED,
            reason: format!("the stream takes no request with the message of this row: {detail}"),
            row: Vec::new(),
            is_cut: true,
            message: Some(record.payload_bytes()),
        };
        Some(Refusal {
            context: &origin.context,
            letter,
            row: RefusedRow {
                chunk: chunk.clone(),
                table,
                operation,
                is_load: origin.context.table.is_some(),
            },
        })
    }

    /// The fault of a stream that refuses record after record.
    pub(super) fn too_many(&self, index: usize, fault: &Fault) -> Fault {
        let place = self.place(index);
        let message = format!(
            "{fault}; each record was tried alone, and {REFUSED_IN_A_ROW_MAX} before it were refused as well, so it is \
             the stream or its settings; the last one tried is {place}"
        );
        Fault::new(fault.kind, message)
    }

    /// The place of a record, for people.
    pub(super) fn place(&self, index: usize) -> String {
        let ordinal = self.records.get(index).map_or(0, |record| record.ordinal);
        let Some((_, origin)) = self.origin(index) else {
            return format!("control record {ordinal}");
        };
        let mark = origin.mark_before(ordinal);
        let (line, byte) = (mark.line + 1, mark.position);
        format!(
            "record {ordinal} (line {line}, byte {byte}) of {}",
            origin.context.location
        )
    }

    /// Puts a `sync` record in the place of a link that is refused.
    ///
    /// # Errors
    /// If the record is not a link: a bug.
    pub(super) fn stand_in(&mut self, index: usize) -> Result<(), Fault> {
        let place = self.place(index);
        let stood_in = self.records.get_mut(index).and_then(|record| {
            let (message, key) = stand_in(record.payload())?;
            *record = record.clone().with_message(&message, &key);
            Some(())
        });
        stood_in.ok_or_else(|| Fault::new(FaultKind::Internal, format!("{place} is not a link of a chain")))
    }
}

/// A row whose message is refused.
pub(super) struct Refusal<'a> {
    pub(super) context: &'a Arc<ObjectContext>,
    pub(super) letter: RejectedRecord,
    pub(super) row: RefusedRow,
}
