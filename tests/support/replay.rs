//! What every row has to become, and what of it a stored progress covers.

use std::collections::{BTreeMap, HashMap};

use bucket_brigade::checkpoint::store::{ObjectProgress, ObjectState, TableStatistics};
use bucket_brigade::config::Config;
use bucket_brigade::model::control::CONTROL_KEY;
use bucket_brigade::model::{Mark, Operation, QueueName};
use bucket_brigade::route::shard_map::HashKey;
use bucket_brigade::sink::memory::StoredRecord;
use serde_json::{Value, json};

use super::fixtures::{Defect, SCHEMA, change_queue, load_queue, table_name};
use super::pipeline::World;

/// One record: a row, or a control record.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) message: Value,
    pub(super) partition_key: String,
    pub(super) table: Option<usize>,
    /// `None` for a control record.
    pub(super) operation: Option<Operation>,
    pub(super) defect: Option<Defect>,
    pub(super) text: String,
}

/// A file, or the control records of a queue.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) queue: QueueName,
    pub(super) key: String,
    pub(super) records: Vec<Expected>,
    pub(super) marks: Vec<Mark>,
    pub(super) bytes_count: usize,
}

/// A record: index of its object, then its ordinal.
pub(super) type RowIndex = (usize, usize);

/// Everything that has to come out.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) objects: Vec<Object>,
    by_name: HashMap<String, RowIndex>,
}

fn control(task: &str, operation: &str, schema: &str, table: &str, index: Option<usize>) -> Expected {
    Expected {
        message: json!({ "metadata": {
            "record-type": "control", "operation": operation, "partition-key-type": "task-id",
            "schema-name": schema, "table-name": table,
        }}),
        partition_key: format!("{task}.{schema}.{table}"),
        table: index,
        operation: None,
        defect: None,
        text: String::new(),
    }
}

/// Control records have no bytes: each counts as one byte and one line.
fn control_object(queue: QueueName, records: Vec<Expected>) -> Object {
    let marks = (0..=u64::try_from(records.len()).unwrap()).map(|number| Mark {
        position: number,
        ordinal: number,
        line: number,
    });
    Object {
        queue,
        key: CONTROL_KEY.to_owned(),
        marks: marks.collect(),
        records,
        bytes_count: 0,
    }
}

/// What tells a message from all others of the data set.
fn name_of(message: &Value) -> String {
    let metadata = &message["metadata"];
    let parts = [
        &metadata["operation"],
        &metadata["schema-name"],
        &metadata["table-name"],
    ];
    format!("{parts:?} {}", message["data"]["mark"])
}

/// The control records in front of the first changes, and their queue. Where each table has a queue of its own, the first
/// one makes the table of exceptions.
fn control_before_changes(config: &Config, tables_count: usize) -> Vec<Object> {
    let tables = (0..tables_count).filter(|_| !config.migration_type.has_full_load());
    let creates = tables.map(|table| {
        control(
            &config.task,
            "create-table",
            SCHEMA,
            &table_name(table),
            Some(table),
        )
    });
    let exceptions = control(&config.task, "create-table", "", "awsdms_apply_exceptions", None);
    if !config.source.has_changes_beside_loads() {
        let records = creates.chain([exceptions]).collect();
        return vec![control_object(QueueName::changes(), records)];
    }
    let mut creates: Vec<_> = creates.map(|create| vec![create]).collect();
    creates.resize_with(tables_count, Vec::new);
    creates[0].push(exceptions);
    let queues = (0..).map(change_queue).zip(creates);
    let queues = queues.filter(|(_, records)| !records.is_empty());
    queues
        .map(|(queue, records)| control_object(queue, records))
        .collect()
}

impl Book {
    pub(super) fn new(world: &World) -> Self {
        let config = &world.config;
        let tables = 0..world.data.tables.len();
        let mut objects = Vec::new();
        if config.message.control_records {
            if config.migration_type.has_full_load() {
                objects.extend(tables.clone().map(|table| {
                    let of_table =
                        |operation| control(&config.task, operation, SCHEMA, &table_name(table), Some(table));
                    let records = ["drop-table", "create-table"].map(of_table);
                    control_object(load_queue(table), records.into())
                }));
            }
            if config.migration_type.has_changes() {
                objects.extend(control_before_changes(config, tables.len()));
            }
        }
        let changes = config.message.change_partition_key;
        objects.extend(world.data.files.iter().map(|file| {
            let records = file.rows.iter().zip(&file.texts).map(|(row, text)| Expected {
                message: row.message(changes),
                partition_key: row.partition_key(changes),
                table: (row.defect != Some(Defect::UnknownTable)).then_some(row.table),
                operation: Some(row.operation),
                defect: row.defect,
                text: text.clone(),
            });
            Object {
                queue: file.queue.clone(),
                key: file.key.clone(),
                records: records.collect(),
                marks: file.marks.clone(),
                bytes_count: file.bytes.len(),
            }
        }));
        let by_name = objects.iter().enumerate().flat_map(|(index, object)| {
            let names = object
                .records
                .iter()
                .map(|expected| name_of(&expected.message))
                .enumerate();
            names
                .map(move |(ordinal, name)| (name, (index, ordinal)))
                .collect::<Vec<_>>()
        });
        Self {
            by_name: by_name.collect(),
            objects,
        }
    }

    pub(super) fn expected(&self, place: RowIndex) -> &Expected {
        &self.objects[place.0].records[place.1]
    }

    pub(super) fn name(&self, place: RowIndex) -> String {
        let object = &self.objects[place.0];
        format!("{} {}#{}", object.queue, object.key, place.1)
    }

    pub(super) fn object(&self, queue: &QueueName, key: &str) -> Option<usize> {
        self.objects
            .iter()
            .position(|object| object.queue == *queue && object.key == key)
    }

    /// The record that a stored message is, or what is wrong with it.
    pub(super) fn recognize(&self, stored: &StoredRecord) -> Result<RowIndex, String> {
        let text = String::from_utf8_lossy(&stored.payload);
        let mut message: Value =
            serde_json::from_str(&text).map_err(|error| format!("{error} in message {text}"))?;
        let metadata = message["metadata"].as_object_mut();
        if metadata
            .and_then(|metadata| metadata.remove("timestamp"))
            .is_none()
        {
            return Err(format!("no timestamp in message {text}"));
        }
        let place = self.by_name.get(&name_of(&message)).copied();
        let place = place.ok_or_else(|| format!("a message of no row: {text}"))?;
        let expected = self.expected(place);
        if expected.message != message || expected.defect.is_some() {
            return Err(format!("{} became {text}", self.name(place)));
        }
        if expected.partition_key.as_bytes() != stored.partition_key {
            return Err(format!(
                "{} has partition key {:?}",
                self.name(place),
                stored.partition_key
            ));
        }
        Ok(place)
    }

    /// The ordinals of an object that a state says are settled.
    pub(super) fn covered(&self, object: usize, state: &ObjectState) -> Vec<usize> {
        let records = self.objects[object].records.iter().enumerate();
        let is_covered = |ordinal: usize, expected: &Expected| match state {
            ObjectState::Registered => false,
            ObjectState::Done(_) => true,
            ObjectState::Quarantined { watermark, .. } | ObjectState::Decided { watermark, .. } => {
                number(ordinal) < watermark.ordinal
            }
            ObjectState::Open(progress) => is_in_progress(progress, number(ordinal), expected),
        };
        records
            .filter(|(ordinal, expected)| is_covered(*ordinal, expected))
            .map(|(ordinal, _)| ordinal)
            .collect()
    }
}

fn is_in_progress(progress: &ObjectProgress, ordinal: u64, expected: &Expected) -> bool {
    if ordinal < progress.watermark.ordinal {
        return true;
    }
    // A refused row settles where it would have been delivered.
    if expected.defect.is_some_and(|defect| defect != Defect::Refused) {
        return ordinal < progress.dead_letters_through;
    }
    let hash_key = HashKey::of_partition_key(expected.partition_key.as_bytes());
    progress
        .through
        .iter()
        .any(|entry| entry.range.contains(hash_key) && ordinal < entry.through)
}

fn number(ordinal: usize) -> u64 {
    u64::try_from(ordinal).unwrap()
}

/// Counts per table, as the statistics of a checkpoint must have them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) loads: u64,
    pub(super) inserts: u64,
    pub(super) updates: u64,
    pub(super) deletes: u64,
    pub(super) ddls: u64,
    pub(super) load_errors: u64,
    pub(super) change_errors: u64,
}

/// Counts of everything in front of the watermarks, by table index, and rows of no table.
pub(super) fn count_settled(
    book: &Book,
    durable: &BTreeMap<usize, ObjectState>,
) -> (BTreeMap<usize, Counts>, u64) {
    let (mut tables, mut unassigned): (BTreeMap<usize, Counts>, u64) = (BTreeMap::new(), 0);
    for (object, state) in durable {
        let records = &book.objects[*object].records;
        let settled = match state {
            ObjectState::Registered => 0,
            ObjectState::Done(_) => records.len(),
            ObjectState::Open(ObjectProgress { watermark, .. })
            | ObjectState::Quarantined { watermark, .. }
            | ObjectState::Decided { watermark, .. } => usize::try_from(watermark.ordinal).unwrap(),
        };
        for expected in records.iter().take(settled) {
            let Some(counts) = expected.table.map(|table| tables.entry(table).or_default()) else {
                unassigned += u64::from(expected.defect.is_some());
                continue;
            };
            let counter = match (expected.operation, expected.defect) {
                (None, _) => &mut counts.ddls,
                (Some(Operation::Load), Some(_)) => &mut counts.load_errors,
                (Some(Operation::Insert | Operation::Update | Operation::Delete), Some(_)) => {
                    &mut counts.change_errors
                }
                (Some(Operation::Load), None) => &mut counts.loads,
                (Some(Operation::Insert), None) => &mut counts.inserts,
                (Some(Operation::Update), None) => &mut counts.updates,
                (Some(Operation::Delete), None) => &mut counts.deletes,
            };
            *counter += 1;
        }
    }
    (tables, unassigned)
}

/// Counts as the statistics of a checkpoint have them.
pub(super) fn counts_of(table: &TableStatistics) -> Counts {
    Counts {
        loads: table.full_load_rows,
        inserts: table.applied_inserts,
        updates: table.applied_updates,
        deletes: table.applied_deletes,
        ddls: table.applied_ddls,
        load_errors: table.full_load_error_rows,
        change_errors: table.change_error_rows,
    }
}
