//! The ledger: every open object with its watermark and cut, every shard's cut, every table's statistics, and what
//! of it changed since the last commit. Pure: no I/O, no clock.
//!
//! **Invariants:** W1 to W3 and D1 through [`Watermark`]; C1 (a delta holds nothing that is not settled);
//! C2 (an object is finished only in a delta); Q1 (read = delivered + dead-lettered + filtered + in flight).

use std::collections::{BTreeMap, BTreeSet};

use super::cut::{ObjectCut, SkipPlan};
pub use super::ledger_error::LedgerError;
pub use super::open_object::ObjectEnd;
use super::open_object::OpenObject;
use super::parsed_troubles::ParsedTroubles;
use super::queue_ends::QueueEnds;
use super::shard_cuts::{ShardCuts, take_changed};
use super::store::{
    Checkpoint, CheckpointDelta, ObjectEntry, ObjectProgress, ObjectState, TableStatistics, TaskState,
};
use super::tally::{ChunkTally, RefusedRow};
use super::watermark::Watermark;
use crate::chain::ends::LaneEnds;
use crate::model::settle::{ChunkRef, Lane, Settled};
use crate::model::trouble::{Trouble, Troubles};
use crate::model::{Mark, ObjectId, Span, TableIndex};
use crate::route::shard_map::ShardMap;

#[path = "ledger_doubt.rs"]
mod doubt;
#[path = "ledger_views.rs"]
mod views;

/// Where to go on with an object, and what of it is known to be settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumePoint {
    /// Where to read from.
    pub mark: Mark,
    /// What to skip from there on.
    pub skip: SkipPlan,
    /// Where the lanes of its queue end there; `None` without a chain.
    pub lanes: Option<LaneEnds>,
    /// What went wrong with tables before the mark, in reading order.
    pub troubles: Troubles,
}

/// The pure heart of the checkpointer.
#[derive(Debug)]
pub struct Ledger {
    map: ShardMap,
    objects: BTreeMap<ObjectId, OpenObject>,
    ends: QueueEnds,
    troubles: ParsedTroubles,
    cuts: ShardCuts,
    tables: Vec<TableStatistics>,
    tables_changed: Vec<bool>,
    in_flight: Vec<u64>,
    /// Rows of each table that were read, counted for themselves (Q1).
    read: Vec<u64>,
    task: TaskState,
    is_task_changed: bool,
    /// Objects that a process before this one may have sent more of than is known; until they are finished.
    doubtful: BTreeSet<ObjectId>,
    is_looked_for: bool,
}

impl Ledger {
    /// The ledger of a new generation. `tables` names the task's tables in order; statistics and cuts are taken
    /// over from the checkpoint by name.
    pub fn new(checkpoint: &Checkpoint, tables: &[(String, String)], map: ShardMap) -> Self {
        let tables = tables.iter().map(|(schema_name, table_name)| {
            let is_same = |t: &&TableStatistics| &t.schema_name == schema_name && &t.table_name == table_name;
            checkpoint
                .tables
                .iter()
                .find(is_same)
                .cloned()
                .unwrap_or_else(|| TableStatistics {
                    schema_name: schema_name.clone(),
                    table_name: table_name.clone(),
                    ..TableStatistics::default()
                })
        });
        let tables: Vec<_> = tables.collect();
        Self {
            tables_changed: vec![true; tables.len()],
            in_flight: vec![0; tables.len()],
            read: tables.iter().map(TableStatistics::settled_rows).collect(),
            troubles: ParsedTroubles::new(&tables),
            objects: BTreeMap::new(),
            ends: QueueEnds::new(checkpoint),
            cuts: ShardCuts::new(&checkpoint.cuts, &map),
            map,
            tables,
            task: checkpoint.task.clone(),
            is_task_changed: false,
            doubtful: BTreeSet::new(),
            is_looked_for: false,
        }
    }

    /// Opens an object where its checkpoint left it.
    ///
    /// # Errors
    /// [`LedgerError::OpenAlready`] if it is open.
    pub fn open(
        &mut self,
        entry: &ObjectEntry,
        table: Option<TableIndex>,
        now_ms: i64,
    ) -> Result<ResumePoint, LedgerError> {
        if self.objects.contains_key(&entry.id) {
            return Err(LedgerError::OpenAlready(entry.id.clone()));
        }
        let table_name = table.and_then(|table| self.tables.get(table.0));
        let table_name = table_name.map(TableStatistics::stored_name);
        let progress = if let ObjectState::Open(progress) = &entry.state {
            progress.clone()
        } else {
            ObjectProgress::default()
        };
        let troubles = self.troubles.open(entry);
        if let Some(statistics) = table.and_then(|table| self.tables.get_mut(table.0)) {
            statistics.full_load_start_ms.get_or_insert(now_ms);
        }
        let lanes = self.ends.open(entry);
        let was_set_aside = matches!(entry.state, ObjectState::Quarantined { .. });
        let object = OpenObject {
            table,
            watermark: Watermark::resume(progress.watermark),
            cut: ObjectCut::new(&progress.through, &self.map),
            dead_letters_through: progress.dead_letters_through,
            totals: progress.totals,
            end: None,
            is_changed: false,
            lanes: lanes.clone(),
            troubles: troubles.clone(),
            table_name,
            was_set_aside,
            is_in_doubt: progress.is_in_doubt,
        };
        self.objects.insert(entry.id.clone(), object);
        Ok(ResumePoint {
            mark: progress.watermark,
            skip: SkipPlan::new(&progress),
            lanes,
            troubles,
        })
    }

    /// Registers a parsed chunk before any of its records can settle.
    ///
    /// # Errors
    /// [`LedgerError`] if the chunk does not continue its object (W3).
    pub fn chunk_parsed(
        &mut self,
        chunk: &ChunkRef,
        span: Span,
        outstanding: Vec<(Lane, u64)>,
        tally: ChunkTally,
    ) -> Result<(), LedgerError> {
        for table in &tally.tables {
            let index = table.table.0;
            if let (Some(in_flight), Some(read)) = (self.in_flight.get_mut(index), self.read.get_mut(index)) {
                *in_flight += table.records();
                *read += table.records();
            }
        }
        self.ends.parsed(&chunk.object.queue, &tally.ends);
        self.troubles.parsed(&tally.troubles);
        let object = Self::object(&mut self.objects, &chunk.object)?;
        let opened = object
            .watermark
            .open(chunk.chunk_number, span, outstanding, tally);
        opened.map_err(|error| LedgerError::Watermark {
            id: chunk.object.clone(),
            error,
        })?;
        self.advance(&chunk.object)
    }

    /// Settles records on their lane.
    ///
    /// # Errors
    /// [`LedgerError`] if records settle that are not outstanding (D1).
    pub fn settled(&mut self, settled: Settled) -> Result<(), LedgerError> {
        for run in &settled.runs {
            let id = &run.chunk.object;
            let object = Self::object(&mut self.objects, id)?;
            let result = object
                .watermark
                .settle(run.chunk.chunk_number, settled.lane, run.records_count);
            result.map_err(|error| LedgerError::Watermark {
                id: id.clone(),
                error,
            })?;
            match settled.lane {
                Lane::Shard(shard) => object.cut.settle(shard, run.through),
                Lane::DeadLetters => {
                    object.dead_letters_through = object.dead_letters_through.max(run.through);
                }
            }
            object.is_changed = true;
            self.advance(id)?;
        }
        if let Lane::Shard(index) = settled.lane
            && let Some(range) = self.map.shard(index).map(|shard| shard.range)
        {
            for group in settled.stored {
                self.cuts.moved(group, range);
            }
        }
        Ok(())
    }

    /// Counts a row as a dead letter that was to be delivered and is not settled yet.
    ///
    /// # Errors
    /// [`LedgerError`] if its chunk is not open.
    pub fn refused(&mut self, row: &RefusedRow) -> Result<(), LedgerError> {
        let id = &row.chunk.object;
        let object = Self::object(&mut self.objects, id)?;
        let tally = object.watermark.tally_mut(row.chunk.chunk_number);
        let tally = tally.map_err(|error| LedgerError::Watermark {
            id: id.clone(),
            error,
        })?;
        tally.refuse(row);
        Ok(())
    }

    /// Notes that no further chunk of the object will come.
    ///
    /// # Errors
    /// [`LedgerError::NotOpen`].
    pub fn ended(&mut self, id: &ObjectId, mut end: ObjectEnd) -> Result<(), LedgerError> {
        let object = Self::object(&mut self.objects, id)?;
        if matches!(end, ObjectEnd::Quarantined { .. }) && !object.was_set_aside {
            self.ends.set_aside(id);
        }
        end.doubt(id, &self.doubtful);
        object.end = Some(end);
        // Also because of what comes after it: where its chain goes on has to be durable no later than that.
        object.is_changed = true;
        Ok(())
    }

    /// Changes what is stored of the task as a whole.
    pub fn change_task(&mut self, change: impl FnOnce(&mut TaskState)) {
        let before = self.task.clone();
        change(&mut self.task);
        self.is_task_changed |= self.task != before;
    }

    /// Notes that a table's full load is complete.
    pub fn load_completed(&mut self, table: TableIndex, now_ms: i64) {
        if let Some(statistics) = self.tables.get_mut(table.0) {
            statistics.full_load_end_ms.get_or_insert(now_ms);
            self.mark_table(table);
        }
    }

    /// Everything that changed since the last call, as one atomic step, with the objects that it finishes.
    pub fn take_delta(&mut self, now_ms: i64) -> (CheckpointDelta, Vec<ObjectId>) {
        let mut delta = CheckpointDelta::default();
        let mut finished = Vec::new();
        for (id, object) in self.objects.iter_mut().filter(|(_, object)| object.is_changed) {
            object.is_changed = false;
            let (state, is_finished) = object.state();
            if is_finished {
                finished.push((id.clone(), state.clone()));
            }
            delta.objects.push((id.clone(), state));
        }
        for (id, state) in &finished {
            self.finish(id, state);
        }
        delta.cuts = self.cuts.take_changed();
        if !delta.cuts.is_empty() {
            for (statistics, is_changed) in self.tables.iter_mut().zip(&self.tables_changed) {
                if *is_changed {
                    statistics.last_update_ms = Some(now_ms);
                }
            }
        }
        delta.lanes = self.ends.take_changed();
        delta.tables = take_changed(&self.tables, &mut self.tables_changed);
        delta.task = std::mem::take(&mut self.is_task_changed).then(|| self.task.clone());
        #[cfg(feature = "planted-defects")]
        if crate::observe::planted::is_planted(crate::observe::planted::Defect::CutNotWithWatermark) {
            delta.cuts.clear();
        }
        (delta, finished.into_iter().map(|(id, _)| id).collect())
    }

    /// Forgets an object that is finished, or not read on for now, with the step that says so.
    fn finish(&mut self, id: &ObjectId, state: &ObjectState) {
        self.doubtful.remove(id);
        let Some(object) = self.objects.remove(id) else {
            return;
        };
        let mut troubles = object.troubles;
        match state {
            ObjectState::Done(_) | ObjectState::Quarantined { .. } | ObjectState::Decided { .. } => {
                let is_done = matches!(state, ObjectState::Done(_));
                if let Some(lanes) = &object.lanes {
                    self.ends.finished(id, lanes, is_done || object.was_set_aside);
                }
                if let Some(statistics) = object.table.and_then(|table| self.tables.get_mut(table.0)) {
                    statistics.object_ended(is_done);
                }
            }
            ObjectState::Open(progress) => troubles.clone_from(&progress.troubles),
            ObjectState::Registered => {}
        }
        if let Some(table) = object.table {
            self.mark_table(table);
        }
        // An object that suspended its table as a whole says so only here, before whatever comes after it.
        self.troubles.parsed(&troubles);
        self.note_troubles(&troubles, Trouble::absorb);
    }

    /// Changes what is stored of the tables that something went wrong with.
    fn note_troubles(&mut self, troubles: &Troubles, note: impl Fn(&mut Trouble, &Trouble)) {
        for (table, trouble) in troubles.iter() {
            let tables = self.tables.iter_mut().zip(&mut self.tables_changed);
            for (statistics, is_changed) in tables.filter(|(known, _)| known.stored_name() == table) {
                note(&mut statistics.trouble, trouble);
                *is_changed = true;
            }
        }
    }

    fn object<'a>(
        objects: &'a mut BTreeMap<ObjectId, OpenObject>,
        id: &ObjectId,
    ) -> Result<&'a mut OpenObject, LedgerError> {
        objects
            .get_mut(id)
            .ok_or_else(|| LedgerError::NotOpen(id.clone()))
    }

    fn mark_table(&mut self, table: TableIndex) {
        if let Some(is_changed) = self.tables_changed.get_mut(table.0) {
            *is_changed = true;
        }
    }

    /// Adds up what the watermark moved over.
    fn advance(&mut self, id: &ObjectId) -> Result<(), LedgerError> {
        let object = Self::object(&mut self.objects, id)?;
        let tallies = object.watermark.advance();
        object.is_changed |= !tallies.is_empty();
        for tally in &tallies {
            if let Some(lanes) = &mut object.lanes {
                lanes.absorb(&tally.ends);
            }
            object.troubles.absorb(&tally.troubles);
            object.totals.records += tally.records;
            object.totals.delivered += tally.delivered;
            object.totals.dead_lettered += tally.dead_lettered;
            object.totals.filtered += tally.filtered;
            object.totals.bytes += tally.bytes;
            self.task.unassigned_error_rows += tally.unassigned;
            self.task.unselected_rows += tally.unselected;
            self.is_task_changed |= tally.unassigned + tally.unselected > 0;
            for table in &tally.tables {
                let index = table.table.0;
                if let (Some(statistics), Some(in_flight), Some(is_changed)) = (
                    self.tables.get_mut(index),
                    self.in_flight.get_mut(index),
                    self.tables_changed.get_mut(index),
                ) {
                    table.add_to(statistics);
                    *in_flight = in_flight.saturating_sub(table.records());
                    *is_changed = true;
                }
            }
        }
        // A suspension is known of a table with the step that settles its row, so that no row after it is read.
        for tally in &tallies {
            self.note_troubles(&tally.troubles, Trouble::suspend);
        }
        Ok(())
    }
}
