//! One life of the data path: readers, senders and the ledger, built from the durable checkpoint.

use std::collections::VecDeque;
use std::sync::Arc;

use bucket_brigade::checkpoint::cut::SkipPlan;
use bucket_brigade::checkpoint::ledger::{Ledger, ObjectEnd};
use bucket_brigade::checkpoint::store::{CheckpointDelta, ObjectEntry};
use bucket_brigade::checkpoint::tally::ChunkTally;
use bucket_brigade::config::Guarantee;
use bucket_brigade::flow::budget::Credit;
use bucket_brigade::model::settle::{ChunkRef, Lane};
use bucket_brigade::model::{BatchRecord, Mark, ObjectId, Operation, Slice, Span, TableIndex};
use bucket_brigade::observe::object_trace::ObjectTrace;
use bucket_brigade::route::shard_map::{ShardIndex, ShardMap};
use bucket_brigade::supervise::recovery::{Recovery, mark_running};

use super::outside::Outside;
use super::sender::Sender;
use super::store::Store;

/// Rows in flight at most.
const ROWS_IN_FLIGHT_MAX: u64 = 40;

/// An object that is being read.
#[derive(Debug)]
struct Reading {
    id: ObjectId,
    number: usize,
    skip: SkipPlan,
    next: u64,
    chunk_number: u64,
}

/// The reader of one queue.
#[derive(Debug)]
struct Reader {
    queue: usize,
    waiting: VecDeque<ObjectEntry>,
    reading: Option<Reading>,
    is_done: bool,
}

/// A commit that the store is working on.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) delta: CheckpointDelta,
    pub(crate) is_last: bool,
}

/// What is shared by every slice.
#[derive(Debug, Clone)]
pub(crate) struct Baggage {
    pub(crate) credit: Arc<Credit>,
    pub(crate) trace: ObjectTrace,
}

/// What can be done.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action {
    Read(usize),
    Send(usize),
}

/// A process between its start and its end.
#[derive(Debug)]
pub(crate) struct Process {
    map: ShardMap,
    ledger: Ledger,
    readers: Vec<Reader>,
    senders: Vec<Sender>,
    baggage: Baggage,
    rows_in_flight: u64,
    pub(crate) is_draining: bool,
    pub(crate) commit: Option<Commit>,
}

impl Process {
    /// Goes on where the store says, by the rules of `supervise::recovery`.
    pub(crate) fn start(outside: &mut Outside<'_>, store: &mut Store, baggage: Baggage) -> Self {
        let now_ms = i64::try_from(outside.now).expect("a time of this history");
        let mut checkpoint = store.load();
        let recovery = Recovery::of(&checkpoint);
        mark_running(&mut checkpoint.task, now_ms, "configuration", "stream", &recovery);
        let Recovery { start, since_ms } = recovery;
        store.task = checkpoint.task.clone();
        let map = outside.stream.map();
        let since_ms = u64::try_from(since_ms).unwrap_or(0);
        outside.say(|| {
            let doubt = if start.is_in_doubt {
                "in doubt"
            } else {
                "without doubt"
            };
            format!("a process starts {doubt}, with {} shards", map.shards().len())
        });
        let senders = map.shards().iter().enumerate();
        let senders = senders
            .map(|(index, shard)| Sender::new(outside, index, shard.clone(), start.clone(), since_ms))
            .collect();
        let tables = [("public".to_owned(), "rows".to_owned())];
        let mut ledger = Ledger::new(&checkpoint, &tables, map.clone());
        if start.is_in_doubt && outside.plan.delivery.guarantee == Guarantee::Dedupe {
            ledger.start_in_doubt(&start.candidates);
        }
        let readers = (0..outside.source.queues.len()).map(|queue| {
            let name = outside.contents.queue(queue);
            let own = checkpoint
                .unfinished
                .iter()
                .filter(|entry| entry.id.queue == *name);
            Reader {
                queue,
                waiting: own.cloned().collect(),
                reading: None,
                is_done: false,
            }
        });
        Self {
            readers: readers.collect(),
            map,
            ledger,
            senders,
            baggage,
            rows_in_flight: 0,
            is_draining: false,
            commit: None,
        }
    }

    /// What can be done by now, and when the next thing can.
    pub(crate) fn actions(&self, now: u64, actions: &mut Vec<Action>) -> Option<u64> {
        actions.clear();
        if !self.is_draining && self.rows_in_flight < ROWS_IN_FLIGHT_MAX {
            let open = self.readers.iter().enumerate();
            actions.extend(
                open.filter(|(_, reader)| !reader.is_done)
                    .map(|(index, _)| Action::Read(index)),
            );
        }
        let mut next = None;
        for (index, sender) in self.senders.iter().enumerate() {
            match sender.ready_at() {
                Some(at) if at <= now => actions.push(Action::Send(index)),
                Some(at) => next = Some(next.map_or(at, |next: u64| next.min(at))),
                None => {}
            }
        }
        next
    }

    pub(crate) fn act(
        &mut self,
        outside: &mut Outside<'_>,
        store: &mut Store,
        action: Action,
    ) -> Result<(), String> {
        match action {
            Action::Read(index) => self.read(outside, store, index),
            Action::Send(index) => {
                let sender = &mut self.senders[index];
                if let Some(settled) = sender.step(outside)? {
                    let rows: u64 = settled.runs.iter().map(|run| run.records_count).sum();
                    self.rows_in_flight -= rows;
                    self.ledger.settled(settled).map_err(|error| error.to_string())?;
                }
                if self.senders[index].saw_elsewhere && !self.is_draining {
                    outside.say(|| "the process notices the reshard and drains".to_owned());
                    self.is_draining = true;
                }
                Ok(())
            }
        }
    }

    /// Whether nothing is left to read or to send, or nothing more will be read.
    pub(crate) fn is_idle(&self) -> bool {
        let is_read = self.is_draining || self.readers.iter().all(|reader| reader.is_done);
        is_read && self.senders.iter().all(|sender| sender.ready_at().is_none())
    }

    /// Whether the shards are still the ones this process knows.
    pub(crate) fn knows_shards(&self, outside: &Outside<'_>) -> bool {
        outside.stream.is_map(&self.map)
    }

    /// Begins a commit of what is settled.
    pub(crate) fn begin_commit(&mut self, outside: &mut Outside<'_>, is_last: bool) {
        if is_last {
            self.ledger.stop(true);
        }
        let now_ms = i64::try_from(outside.now).expect("a time of this history");
        let (delta, _finished) = self.ledger.take_delta(now_ms);
        if is_last || !delta.is_empty() {
            self.commit = Some(Commit { delta, is_last });
        }
    }

    fn read(&mut self, outside: &mut Outside<'_>, store: &mut Store, index: usize) -> Result<(), String> {
        let queue = self.readers[index].queue;
        if self.readers[index].reading.is_some() {
            return self.read_chunk(outside, index);
        }
        let name = outside.contents.queue(queue).clone();
        let objects = u64::try_from(outside.source.queues[queue].len()).expect("few objects");
        let next = self.readers[index].waiting.pop_front();
        let entry = match next {
            Some(entry) => entry,
            None if store.registered(&name) < objects => store.register(&name),
            None => {
                self.readers[index].is_done = true;
                return Ok(());
            }
        };
        let now_ms = i64::try_from(outside.now).expect("a time of this history");
        let resume = self
            .ledger
            .open(&entry, Some(TableIndex(0)), now_ms)
            .map_err(|error| error.to_string())?;
        outside.say(|| format!("opens {} at row {}", entry.id, resume.mark.ordinal));
        self.readers[index].reading = Some(Reading {
            number: usize::try_from(entry.id.number).expect("few objects"),
            id: entry.id,
            skip: resume.skip,
            next: resume.mark.ordinal,
            chunk_number: 0,
        });
        Ok(())
    }

    fn read_chunk(&mut self, outside: &mut Outside<'_>, index: usize) -> Result<(), String> {
        let reader = &mut self.readers[index];
        let reading = reader.reading.as_mut().ok_or("no object is open")?;
        let rows = &outside.source.queues[reader.queue][reading.number];
        let count = u64::try_from(rows.len()).expect("few rows");
        if reading.next >= count {
            let id = reading.id.clone();
            reader.reading = None;
            return self
                .ledger
                .ended(&id, ObjectEnd::Complete)
                .map_err(|error| error.to_string());
        }
        let wanted = 1 + rand::Rng::random_range(&mut outside.rng, 0..outside.plan.chunk_rows_max);
        let end = (reading.next + wanted).min(count);
        let mut slices: Vec<Vec<BatchRecord>> = vec![Vec::new(); self.map.shards().len()];
        let mut tally = ChunkTally::default();
        for ordinal in reading.next..end {
            let content = outside
                .contents
                .of(rows[usize::try_from(ordinal).expect("few rows")]);
            tally.deliver(TableIndex(0), Operation::Load, 1);
            if !reading.skip.is_delivered(ordinal, content.hash_key) {
                slices[self.map.locate(content.hash_key).0].push(content.record(ordinal));
            }
        }
        let chunk = ChunkRef {
            object: reading.id.clone(),
            chunk_number: reading.chunk_number,
        };
        let span = Span {
            start: mark(reading.next),
            end: mark(end),
        };
        reading.next = end;
        reading.chunk_number += 1;
        self.hand_on(outside.now, &chunk, span, slices, tally)
    }

    fn hand_on(
        &mut self,
        now: u64,
        chunk: &ChunkRef,
        span: Span,
        slices: Vec<Vec<BatchRecord>>,
        tally: ChunkTally,
    ) -> Result<(), String> {
        let count = |records: &Vec<BatchRecord>| u64::try_from(records.len()).unwrap_or(u64::MAX);
        let slices = slices.into_iter().enumerate();
        let slices: Vec<_> = slices.filter(|(_, records)| !records.is_empty()).collect();
        let owed = slices
            .iter()
            .map(|(shard, records)| (Lane::Shard(ShardIndex(*shard)), count(records)));
        let owed: Vec<_> = owed.collect();
        self.rows_in_flight += owed.iter().map(|(_, count)| count).sum::<u64>();
        self.ledger
            .chunk_parsed(chunk, span, owed, tally)
            .map_err(|error| error.to_string())?;
        for (shard, records) in slices {
            let slice = Slice {
                chunk: chunk.clone(),
                shard: ShardIndex(shard),
                records,
                credit: Arc::clone(&self.baggage.credit),
                trace: self.baggage.trace.clone(),
            };
            self.senders[shard].packer.push(slice, now);
        }
        Ok(())
    }
}

fn mark(ordinal: u64) -> Mark {
    Mark {
        position: ordinal * 10,
        ordinal,
        line: ordinal,
    }
}
