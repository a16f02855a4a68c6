//! Which objects are compared with the stream, and what of each has to be there. Pure: no I/O, no clock.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::report::SetAsideObject;
use crate::checkpoint::store::{Decision, ObjectEntry, ObjectState, ObjectTotals};
use crate::config::Config;
use crate::model::control::{CONTROL_KEY, ControlPlan, ControlRecord};
use crate::model::{ObjectId, QueueName, RowSource, TableIndex};
use crate::saturate;

/// What is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only these tables; empty means all.
    pub tables: BTreeSet<TableIndex>,
    /// Only objects that were modified at this time or later, in milliseconds since the epoch.
    pub since_ms: Option<i64>,
}

impl Selection {
    /// Whether rows of a table are asked for.
    pub fn wants(&self, table: Option<TableIndex>) -> bool {
        self.tables.is_empty() || table.is_some_and(|table| self.tables.contains(&table))
    }
}

/// An object to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedObject {
    pub(super) entry: ObjectEntry,
    pub(super) content: Content,
    /// Index of its queue.
    pub(super) queue: usize,
    /// Rows with an ordinal below this one are settled.
    pub(super) settled_below: u64,
    /// Whether nothing after them was ever sent.
    pub(super) is_finished: bool,
    /// Counts of the settled part.
    pub(super) totals: ObjectTotals,
}

/// What an object consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    Rows(RowSource),
    Control(ControlPlan),
}

/// The objects to be compared, by queue and number, and what cannot be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) objects: Vec<PlannedObject>,
    pub(super) notes: Vec<String>,
    /// Objects the rest of which is not sent, and nobody decided that it is left out.
    pub(super) set_aside: Vec<SetAsideObject>,
    /// Queues that have objects.
    pub(super) queues_count: usize,
}

impl Plan {
    fn note_set_aside(&mut self, entry: &ObjectEntry) {
        let Some(aside) = entry.state.set_aside() else {
            return;
        };
        let (key, rows) = (&entry.version.key, aside.watermark.ordinal);
        if aside.decision == Some(Decision::Skip) {
            self.notes.push(format!(
                "{key}: what comes after its first {rows} rows was left out (`brigade files skip`)"
            ));
        } else {
            self.set_aside.push(SetAsideObject {
                key: key.clone(),
                reason: aside.reason.to_owned(),
                rows_settled: rows,
            });
        }
    }

    /// Rows that are settled as delivered, as far as the checkpoint counts them.
    pub(super) fn rows_count(&self) -> u64 {
        self.objects.iter().map(|object| object.totals.records).sum()
    }
}

/// Plans the comparison of everything that the checkpoint knows; entries come by queue and number.
pub(super) fn plan(config: &Config, entries: Vec<ObjectEntry>, selection: &Selection) -> Plan {
    let tables: HashMap<QueueName, TableIndex> = config
        .tables
        .iter()
        .enumerate()
        .map(|(index, table)| (QueueName::load(&table.stored_name()), TableIndex(index)))
        .collect();
    let mut plan = Plan::default();
    let again = read_again(&entries);
    let mut unknown: HashMap<QueueName, u64> = HashMap::new();
    let mut queue: Option<QueueName> = None;
    for entry in entries {
        if queue.as_ref() != Some(&entry.id.queue) {
            queue = Some(entry.id.queue.clone());
            plan.queues_count += 1;
        }
        let table = tables.get(&entry.id.queue).copied();
        if entry.id.queue == QueueName::in_front() {
            continue;
        }
        if table.is_none() && !entry.id.queue.is_of_changes() {
            *unknown.entry(entry.id.queue.clone()).or_default() += 1;
            continue;
        }
        let is_control = entry.version.key == CONTROL_KEY;
        let is_asked_for = (table.is_none() || selection.wants(table))
            && selection
                .since_ms
                .is_none_or(|since| entry.version.modified_ms >= since);
        let queue = plan.queues_count.saturating_sub(1);
        if again.contains(&entry.id) {
            continue;
        }
        if is_asked_for {
            plan.note_set_aside(&entry);
        }
        if let (true, Some(object)) = (is_asked_for, planned(config, entry, table, is_control, queue)) {
            plan.objects.push(object);
        }
    }
    for (queue, count) in unknown {
        plan.notes.push(format!(
            "the definition has no table for queue {queue}: its {count} objects are not compared"
        ));
    }
    plan.notes.sort();
    plan
}

/// Objects whose keys were given a later number: what was sent of them is compared under that.
fn read_again(entries: &[ObjectEntry]) -> HashSet<ObjectId> {
    let retried = entries.iter().filter(|entry| entry.state.retried().is_some());
    let mut waiting: HashMap<_, _> = retried
        .map(|entry| ((&entry.id.queue, &entry.version.key), Vec::new()))
        .collect();
    for entry in entries {
        if let Some(numbers) = waiting.get_mut(&(&entry.id.queue, &entry.version.key)) {
            numbers.push(&entry.id);
        }
    }
    let earlier = waiting.values().flat_map(|numbers| numbers.iter().rev().skip(1));
    earlier.map(|id| (*id).clone()).collect()
}

/// The object, if something of it may be in the stream.
fn planned(
    config: &Config,
    entry: ObjectEntry,
    table: Option<TableIndex>,
    is_control: bool,
    queue: usize,
) -> Option<PlannedObject> {
    let (settled_below, totals) = match &entry.state {
        ObjectState::Registered => return None,
        ObjectState::Open(progress) => (progress.watermark.ordinal, progress.totals),
        ObjectState::Done(totals) => (u64::MAX, *totals),
        ObjectState::Quarantined {
            watermark, totals, ..
        }
        | ObjectState::Decided {
            watermark, totals, ..
        } => (watermark.ordinal, *totals),
    };
    if settled_below == 0 && entry.state.is_finished() {
        return None;
    }
    let content = if is_control {
        let control = match table {
            Some(table) => ControlPlan::before_load(table),
            None => ControlPlan::before_changes(config.migration_type, config.tables.len()),
        };
        // Switched off before they were sent, or sent for other tables than those of today.
        let records = saturate::to_u64(control.0.len());
        if entry.state.is_finished() && totals.records != records {
            return None;
        }
        Content::Control(control)
    } else {
        let rows = RowSource::of_queue(&entry.id.queue, &config.tables);
        Content::Rows(rows.unwrap_or(RowSource::Changes))
    };
    Some(PlannedObject {
        is_finished: entry.state.is_finished(),
        entry,
        content,
        queue,
        settled_below,
        totals,
    })
}

/// The table that a control record speaks of.
pub(super) fn table_of(record: ControlRecord) -> Option<TableIndex> {
    match record {
        ControlRecord::DropTable(table) | ControlRecord::CreateTable(table) => Some(table),
        ControlRecord::CreateExceptionsTable => None,
    }
}
