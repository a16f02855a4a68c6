//! A checkpoint as `brigade checkpoint show` prints it.

use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;

use serde::Serialize;

use crate::checkpoint::store::sled::SledStore;
use crate::checkpoint::store::{
    CheckpointStore, Decision, ObjectEntry, ObjectState, ShardCut, StoreError, TableStatistics, TaskState,
};
use crate::cli::text::{counted, grouped, moment, table};
use crate::model::QueueName;
use crate::model::control::CONTROL_KEY;
use crate::printable::printable;
use crate::saturate;

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// What is durable of a task.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct CheckpointReport {
    schema_version: u32,
    state: String,
    task: TaskState,
    tables: Vec<TableStatistics>,
    shards: Vec<ShardCut>,
    queues: Vec<QueueReport>,
    /// The next to be read, by queue and number.
    unfinished: Vec<ObjectEntry>,
    /// The newest that were set aside.
    quarantined: VecDeque<ObjectEntry>,
}

/// One queue.
#[derive(Debug, Serialize)]
struct QueueReport {
    queue: QueueName,
    registered: u64,
    open: u64,
    done: u64,
    quarantined: u64,
}

impl CheckpointReport {
    /// Reads the checkpoint, with up to `limit` objects of each list.
    pub(in crate::cli) fn of(store: &SledStore, limit: usize) -> Result<Self, StoreError> {
        let mut checkpoint = store.load()?;
        checkpoint.unfinished.truncate(limit);
        let mut report = Self {
            schema_version: SCHEMA_VERSION,
            state: store.to_string(),
            task: checkpoint.task,
            tables: checkpoint.tables,
            shards: checkpoint.cuts,
            queues: Vec::new(),
            unfinished: checkpoint.unfinished,
            quarantined: VecDeque::new(),
        };
        for queue in store.queues()? {
            let mut counts = QueueReport {
                queue,
                registered: 0,
                open: 0,
                done: 0,
                quarantined: 0,
            };
            let name = counts.queue.clone();
            store.for_each_object(&name, &mut |entry| {
                if entry.version.key != CONTROL_KEY {
                    counts.count(&entry.state);
                }
                if entry.state.set_aside().is_some() {
                    report.quarantined.push_back(entry);
                    if report.quarantined.len() > limit {
                        report.quarantined.pop_front();
                    }
                }
                ControlFlow::Continue(())
            })?;
            report.queues.push(counts);
        }
        Ok(report)
    }
}

impl QueueReport {
    fn count(&mut self, state: &ObjectState) {
        match state {
            ObjectState::Registered => self.registered += 1,
            ObjectState::Open(_) => self.open += 1,
            ObjectState::Done(_) => self.done += 1,
            ObjectState::Quarantined { .. } | ObjectState::Decided { .. } => self.quarantined += 1,
        }
    }
}

impl fmt::Display for CheckpointReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = &self.task;
        writeln!(f, "state        {}", self.state)?;
        writeln!(f, "phase        {}", task.phase.as_str())?;
        if let Some(started) = task.fresh_start_ms {
            writeln!(f, "started      {}", moment(started))?;
        }
        let stop = if task.clean_stop {
            "clean, nothing in flight"
        } else {
            "not clean: what was in flight is settled by the next run"
        };
        writeln!(f, "last stop    {stop}")?;
        writeln!(f, "stream       {}\n", task.stream_identity)?;
        let queues = self.queues.iter().map(|queue| {
            let counts = [queue.registered, queue.open, queue.done, queue.quarantined];
            let mut row = vec![queue.queue.to_string()];
            row.extend(counts.map(grouped));
            row
        });
        let headers = ["queue", "waiting", "open", "done", "set aside"];
        f.write_str(&table(
            &headers,
            &["waiting", "open", "done", "set aside"],
            queues,
        ))?;
        let shards = self.shards.iter().map(|cut| {
            let last = cut.last_sequence_number.clone().unwrap_or_else(|| "-".to_owned());
            vec![cut.shard_id.clone(), grouped(cut.records), last]
        });
        writeln!(
            f,
            "\n{}",
            table(
                &["shard", "records", "last sequence number"],
                &["records"],
                shards
            )
        )?;
        self.write_unfinished(f)?;
        self.write_quarantined(f)
    }
}

impl CheckpointReport {
    fn write_unfinished(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.unfinished.is_empty() {
            return writeln!(f, "nothing is unfinished");
        }
        let rows = self.unfinished.iter().map(|entry| {
            let watermark = match &entry.state {
                ObjectState::Open(progress) => progress.watermark,
                ObjectState::Registered
                | ObjectState::Done(_)
                | ObjectState::Quarantined { .. }
                | ObjectState::Decided { .. } => crate::model::Mark::default(),
            };
            vec![
                entry.id.to_string(),
                printable(&entry.version.key).into_owned(),
                grouped(watermark.ordinal),
                grouped(watermark.position),
                grouped(entry.version.size_bytes),
            ]
        });
        let headers = ["unfinished", "key", "rows settled", "bytes settled", "size"];
        f.write_str(&table(&headers, &["rows settled", "bytes settled", "size"], rows))
    }

    fn write_quarantined(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.quarantined.is_empty() {
            return Ok(());
        }
        let count = saturate::to_u64(self.quarantined.len());
        writeln!(f, "\n{} set aside, the newest last:", counted(count, "object"))?;
        for entry in &self.quarantined {
            if let Some(aside) = entry.state.set_aside() {
                let decided = match aside.decision {
                    None => "",
                    Some(Decision::Skip) => ", left out for good",
                    Some(Decision::RetryAtMark | Decision::RetryFromBeginning) => ", read again",
                };
                writeln!(
                    f,
                    "  {}: {} ({} delivered before it{decided})",
                    printable(&entry.version.key),
                    printable(aside.reason),
                    counted(aside.watermark.ordinal, "row")
                )?;
            }
        }
        Ok(())
    }
}
