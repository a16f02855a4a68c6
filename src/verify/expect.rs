//! Reads the objects of a plan and notes what each of their rows must look like in the stream.

use std::collections::HashSet;
use std::ops::ControlFlow;

use super::judge::{EXAMPLES_MAX, Judgement};
use super::plan::{Content, Plan, PlannedObject, Selection, table_of};
use super::report::MissingRow;
use super::rows::{Demand, ExpectedRow, Rows, key_hash};
use super::settled::Settled;
use crate::checkpoint::cut::SkipPlan;
use crate::config::Config;
use crate::fault::Fault;
use crate::model::control::ControlPlan;
use crate::model::{Mark, RowSource, TableIndex};
use crate::parse::chunk_router::ChunkRouter;
use crate::publish::fingerprint::Fingerprint;
use crate::read::rendered_rows::{RenderedRow, RowOutcome, RowReader};
use crate::saturate;
use crate::sink::StreamDescription;
use crate::source::ObjectSource;

/// Rows of an object between two looks at how far it is.
const WATCH_ROWS: u64 = 10_000;

/// What the objects say, and what is known without looking at the stream.
#[derive(Debug, Default)]
pub(super) struct Expectation {
    pub(super) rows: Rows,
    /// Objects that could not be read again, and why.
    pub(super) problems: Vec<(u32, String)>,
    pub(super) dead_lettered: u64,
    /// Rows that are neither a dead letter nor can become a message: object, table, how many.
    lost: Vec<(u32, u32, u64)>,
    pub(super) lost_rows: Vec<MissingRow>,
}

/// What reading needs.
#[derive(Debug)]
pub(super) struct Expecting<'a> {
    pub(super) config: &'a Config,
    pub(super) source: &'a dyn ObjectSource,
    pub(super) stream: &'a StreamDescription,
    pub(super) selection: &'a Selection,
    pub(super) settled: &'a Settled,
    /// Whether nothing was in flight: then nothing of the rows that are not settled was sent.
    pub(super) is_quiet: bool,
}

impl Expectation {
    /// An expectation with room for this many rows.
    pub(super) fn with_capacity(rows: u64) -> Self {
        Self {
            rows: Rows::with_capacity(usize::try_from(rows).unwrap_or(0)),
            ..Self::default()
        }
    }

    /// Compares what was read of an object with what the checkpoint counts of it. Its rows begin with `first`.
    fn conclude(&mut self, number: u32, object: &PlannedObject, first: usize, outcome: SettledTally) {
        let totals = &object.totals;
        if object.is_finished && outcome.messages_count == totals.delivered {
            // Every row that is a message was delivered: letters of such rows are of an earlier life.
            self.rows.demand_from(first, Demand::Required);
        }
        // Rows without a letter that is at hand: the checkpoint still knows how many there were.
        let excused = totals.dead_lettered.saturating_sub(outcome.letters_count);
        let lost = outcome.rejected_count.saturating_sub(excused);
        if let (true, Some((table, _))) = (lost > 0, outcome.rejected.first()) {
            self.lost.push((number, *table, lost));
            let room = EXAMPLES_MAX.saturating_sub(self.lost_rows.len());
            let named = usize::try_from(lost).unwrap_or(room).min(room);
            let rows = outcome.rejected.into_iter().take(named);
            self.lost_rows.extend(rows.map(|(_, row)| row));
        }
    }

    /// Counts the rows that need no stream to be missing.
    pub(super) fn add_lost(&self, judgement: &mut Judgement) {
        for (object, table, count) in &self.lost {
            judgement.count_at(*object, *table, |tally| {
                tally.expected += count;
                tally.missing += count;
            });
        }
    }
}

impl Expecting<'_> {
    /// Reads all objects of a plan; `each` hears how many are done, and how many rows there are by now.
    pub(super) async fn read(&self, plan: &Plan, each: &dyn Fn(usize, usize)) -> Result<Expectation, Fault> {
        let mut expectation = Expectation::with_capacity(plan.rows_count());
        let mut reader = RowReader::new(self.config, self.stream.record_bytes_max, 0);
        let mut router = ChunkRouter::new(self.config, self.stream.clone());
        for (index, (number, object)) in (0..).zip(plan.objects.iter()).enumerate() {
            match &object.content {
                Content::Control(control) => {
                    self.expect_control(&mut expectation, &mut router, number, object, control);
                }
                Content::Rows(rows) => {
                    let watch = |rows| each(index, rows);
                    self.expect_rows(&mut expectation, &mut reader, number, object, *rows, &watch)
                        .await?;
                }
            }
            each(index + 1, expectation.rows.len());
        }
        let last = saturate::to_u32(plan.objects.len());
        self.expect_replays(&mut expectation, last);
        Ok(expectation)
    }

    /// Index of a table in the counts: after the tables come control records, then rows of tables that are gone.
    fn table_number(&self, table: Option<TableIndex>) -> u32 {
        let number = table.map_or(self.config.tables.len() + 1, |table| table.0);
        saturate::to_u32(number)
    }

    fn control_number(&self) -> u32 {
        saturate::to_u32(self.config.tables.len())
    }

    fn expect_control(
        &self,
        expectation: &mut Expectation,
        router: &mut ChunkRouter,
        number: u32,
        object: &PlannedObject,
        control: &ControlPlan,
    ) {
        let (_, messages) = router.route_control(control, Mark::START, &SkipPlan::default(), 0);
        let mut records: Vec<_> = messages
            .slices
            .into_iter()
            .flat_map(|(_, records)| records)
            .collect();
        records.sort_by_key(|record| record.ordinal);
        for (record, message) in control.0.iter().zip(records) {
            if !self.selection.wants(table_of(*record)) {
                continue;
            }
            expectation.rows.add(ExpectedRow {
                fingerprint: Fingerprint::of(message.partition_key(), message.payload()),
                hash: key_hash(message.partition_key()),
                object: number,
                ordinal: message.ordinal,
                table: self.control_number(),
                demand: if message.ordinal < object.settled_below {
                    Demand::Required
                } else {
                    Demand::Allowed
                },
            });
        }
    }

    async fn expect_rows(
        &self,
        expectation: &mut Expectation,
        reader: &mut RowReader,
        number: u32,
        object: &PlannedObject,
        rows: RowSource,
        each: &dyn Fn(usize),
    ) -> Result<(), Fault> {
        let first = expectation.rows.len();
        let version = &object.entry.version;
        // Letters of an object without dead-lettered rows are of an earlier life of the task.
        let letters = self.settled.letters_of(version);
        let letters = letters.filter(|_| object.totals.dead_lettered > 0 || !object.is_finished);
        let mut taker = Taker {
            expecting: self,
            rows: &mut expectation.rows,
            number,
            object,
            letters,
            outcome: SettledTally::default(),
            watch: each,
        };
        reader.enter_object(object.entry.id.number);
        let read = reader
            .read(self.source, version, rows, &mut |row| taker.take(row))
            .await;
        let outcome = taker.outcome;
        expectation.dead_lettered += object.totals.dead_lettered;
        match read {
            Ok(()) => expectation.conclude(number, object, first, outcome),
            Err(error) if error.concerns_one_object() => {
                expectation.rows.demand_from(first, Demand::Allowed);
                expectation.problems.push((number, error.to_string()));
            }
            Err(error) => return Err(Fault::from(error)),
        }
        Ok(())
    }

    /// Rows that were sent again are in the stream whatever their object says.
    fn expect_replays(&self, expectation: &mut Expectation, number: u32) {
        for (ordinal, replay) in (0..).zip(&self.settled.replays) {
            let named = |table: &crate::model::Table| table.full_name() == replay.table;
            let table = self.config.tables.iter().position(named).map(TableIndex);
            let is_old = self
                .selection
                .since_ms
                .is_some_and(|since| replay.time_ms < since);
            if is_old || !self.selection.wants(table) {
                continue;
            }
            expectation.rows.add(ExpectedRow {
                fingerprint: replay.fingerprint,
                hash: replay.hash,
                object: number,
                ordinal,
                table: self.table_number(table),
                demand: Demand::Required,
            });
        }
    }
}

/// Takes the rows of one object.
struct Taker<'a> {
    expecting: &'a Expecting<'a>,
    rows: &'a mut Rows,
    number: u32,
    object: &'a PlannedObject,
    letters: Option<&'a HashSet<u64>>,
    outcome: SettledTally,
    /// Hears how many rows there are by now.
    watch: &'a dyn Fn(usize),
}

/// What the settled rows of an object are today.
#[derive(Debug, Default)]
struct SettledTally {
    /// Rows that are settled.
    settled_count: u64,
    /// Rows that have a dead letter.
    letters_count: u64,
    /// Rows that are messages.
    messages_count: u64,
    /// Rows that are none, and have no letter.
    rejected_count: u64,
    /// The first of those, with their tables.
    rejected: Vec<(u32, MissingRow)>,
}

impl Taker<'_> {
    fn take(&mut self, row: RenderedRow<'_>) -> ControlFlow<()> {
        let ordinal = row.place.ordinal;
        let is_settled = ordinal < self.object.settled_below;
        let is_cut = self.object.is_finished || self.expecting.is_quiet;
        if !is_settled && is_cut {
            // Rows that are not a message come after those that are, so a settled one may still follow.
            return self.unless_all_are_settled();
        }
        self.outcome.settled_count += u64::from(is_settled);
        let is_letter = self.letters.is_some_and(|letters| letters.contains(&ordinal));
        self.outcome.letters_count += u64::from(is_letter && is_settled);
        self.outcome.messages_count += u64::from(row.outcome.message().is_some() && is_settled);
        if ordinal.is_multiple_of(WATCH_ROWS) {
            (self.watch)(self.rows.len());
        }
        let is_wanted = self.expecting.selection.wants(row.table);
        match row.outcome {
            RowOutcome::Message(message) if is_wanted => self.rows.add(ExpectedRow {
                fingerprint: Fingerprint::of(message.partition_key, message.payload),
                hash: key_hash(message.partition_key),
                object: self.number,
                ordinal,
                table: self.expecting.table_number(row.table),
                demand: if is_settled && !is_letter {
                    Demand::Required
                } else {
                    Demand::Allowed
                },
            }),
            RowOutcome::Rejected(reason) if is_wanted && is_settled && !is_letter => self.reject(row, reason),
            RowOutcome::Message(_) | RowOutcome::Rejected(_) | RowOutcome::Filtered => {}
        }
        // What set an object aside may be right after its last settled row.
        if is_cut {
            return self.unless_all_are_settled();
        }
        ControlFlow::Continue(())
    }

    fn unless_all_are_settled(&self) -> ControlFlow<()> {
        if self.outcome.settled_count >= self.object.settled_below {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn reject(&mut self, row: RenderedRow<'_>, reason: &str) {
        self.outcome.rejected_count += 1;
        if self.outcome.rejected.len() >= EXAMPLES_MAX {
            return;
        }
        let table = self.expecting.table_number(row.table);
        let tables = &self.expecting.config.tables;
        let definition = row.table.and_then(|table| tables.get(table.0));
        let missing = MissingRow {
            key: self.object.entry.version.key.clone(),
            ordinal: row.place.ordinal,
            line: Some(row.place.line),
            byte: Some(row.place.byte),
            table: definition.map(crate::model::Table::full_name),
            reason: Some(format!("there is no dead letter of it, and now {reason}")),
        };
        self.outcome.rejected.push((table, missing));
    }
}
