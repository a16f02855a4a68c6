//! One life of the data path: readers, senders and the ledger, built from the durable checkpoint.

use std::collections::VecDeque;
use std::sync::Arc;

use bucket_brigade::batch::messages::Slice;
use bucket_brigade::chain::ends::ChainStart;
use bucket_brigade::checkpoint::cut::SkipPlan;
use bucket_brigade::checkpoint::ledger::{Ledger, ObjectEnd};
use bucket_brigade::checkpoint::store::{Checkpoint, CheckpointDelta, ObjectEntry};
use bucket_brigade::flow::budget::Credit;
use bucket_brigade::model::settle::{ChunkRef, Lane, Settled, SettledRun};
use bucket_brigade::model::{ObjectId, ObjectVersion, Span, TableIndex};
use bucket_brigade::observe::object_trace::ObjectTrace;
use bucket_brigade::parse::chunk_router::{ChunkRouter, RoutedChunk};
use bucket_brigade::route::shard_map::ShardMap;
use bucket_brigade::saturate;
use bucket_brigade::settings::{Guarantee, RecreatedStream};
use bucket_brigade::supervise::recovery::{Circumstances, Recovery, take_up};
use rand::Rng;

use super::outside::Outside;
use super::rows::{ChainTask, chunk, mark, without_links};
use super::sender::Sender;
use super::store::Store;
use super::world::{QUEUES_MAX, SCHEMA, table_name};

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
    /// The router that its chunks go through.
    router: usize,
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
    pub(crate) finished: Vec<ObjectId>,
    pub(crate) is_last: bool,
}

/// What is shared by every slice.
#[derive(Debug, Clone)]
pub(crate) struct Baggage {
    pub(crate) credit: Arc<Credit>,
    pub(crate) trace: ObjectTrace,
    pub(crate) chain_task: Arc<ChainTask>,
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
    /// One per reader; an object goes through one of those that are free. None without a chain.
    routers: Vec<ChunkRouter>,
    senders: Vec<Sender>,
    baggage: Baggage,
    rows_in_flight: u64,
    is_ending: bool,
    pub(crate) commit: Option<Commit>,
}

impl Process {
    /// Goes on where the store says, by the rules of `supervise::recovery`.
    pub(crate) fn start(
        outside: &mut Outside<'_>,
        store: &mut Store,
        baggage: Baggage,
    ) -> Result<Self, String> {
        let mut checkpoint = store.load();
        let circumstances = Circumstances {
            now_ms: i64::try_from(outside.now).expect("a time of this history"),
            fingerprint: "configuration",
            identity: "stream",
            is_chained: outside.plan.is_chained(),
            looks: outside.plan.delivery.guarantee == Guarantee::Dedupe,
            recreated: RecreatedStream::Stop,
        };
        let taken_up = take_up(&mut checkpoint, &circumstances).map_err(|fault| fault.to_string());
        let (delta, Recovery { start, since_ms, .. }) = taken_up?;
        store.commit(delta)?;
        let map = outside.stream.map();
        let since_ms = u64::try_from(since_ms).unwrap_or(0);
        let doubt = if start.is_in_doubt { "in" } else { "without" };
        outside.say(|| {
            format!(
                "a process starts {doubt} doubt, with {} shards",
                map.shards().len()
            )
        });
        let senders = map.shards().iter().enumerate();
        let senders = senders
            .map(|(index, shard)| Sender::new(outside, index, shard.clone(), start.clone(), since_ms))
            .collect();
        let tables = (0..QUEUES_MAX).map(|queue| (SCHEMA.to_owned(), table_name(queue)));
        let mut ledger = Ledger::new(&checkpoint, &tables.collect::<Vec<_>>(), map.clone());
        if start.is_in_doubt && outside.plan.delivery.guarantee == Guarantee::Dedupe {
            ledger.start_in_doubt(&start.candidates, true);
        }
        let readers = readers(outside, &checkpoint);
        let chain = checkpoint.task.chain;
        let routers = readers.iter().filter(|_| chain.is_some());
        let routers = routers.map(|_| baggage.chain_task.router(&map, chain));
        Ok(Self {
            routers: routers.collect(),
            readers,
            map,
            ledger,
            senders,
            baggage,
            rows_in_flight: 0,
            is_ending: false,
            commit: None,
        })
    }

    /// What can be done by now, and when the next thing can.
    pub(crate) fn actions(&self, now: u64, actions: &mut Vec<Action>) -> Option<u64> {
        actions.clear();
        if !self.is_ending && self.rows_in_flight < ROWS_IN_FLIGHT_MAX {
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
                if self.senders[index].take_note() {
                    self.note_copies(outside, store)?;
                }
                if self.senders[index].saw_elsewhere && !self.is_ending {
                    outside.say(|| "the process notices the reshard and ends".to_owned());
                    self.end();
                }
                Ok(())
            }
        }
    }

    /// Whether it is to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending
    }

    /// Reads and sends nothing more; what is being sent is finished.
    pub(crate) fn end(&mut self) {
        self.is_ending = true;
        for sender in &mut self.senders {
            sender.is_ending = true;
        }
    }

    /// Whether nothing is left to read or to send, or nothing more will be read.
    pub(crate) fn is_idle(&self) -> bool {
        let is_read = self.is_ending || self.readers.iter().all(|reader| reader.is_done);
        is_read && self.senders.iter().all(|sender| sender.ready_at().is_none())
    }

    /// Whether the shards are still the ones this process knows.
    pub(crate) fn knows_shards(&self, outside: &Outside<'_>) -> bool {
        outside.stream.is_map(&self.map)
    }

    /// Begins a commit of what is settled.
    pub(crate) fn begin_commit(&mut self, outside: &mut Outside<'_>, is_last: bool) {
        if is_last {
            let is_clean = self.senders.iter().all(|sender| !sender.has_left_doubt);
            self.ledger.stop(is_clean);
        }
        let now_ms = i64::try_from(outside.now).expect("a time of this history");
        let (delta, finished) = self.ledger.take_delta(now_ms);
        if is_last || !delta.is_empty() {
            self.commit = Some(Commit {
                delta,
                finished,
                is_last,
            });
        }
    }

    /// Tells all senders of objects that are done, durably.
    pub(crate) fn announce(&mut self, finished: &[ObjectId]) {
        for sender in &mut self.senders {
            sender.finish(finished);
        }
    }

    /// Makes it durable that records may be in the stream more than once, with whatever else changed.
    fn note_copies(&mut self, outside: &mut Outside<'_>, store: &mut Store) -> Result<(), String> {
        outside.say(|| "the process notes that there may be copies".to_owned());
        let begun = self.commit.take().map(|commit| (commit.delta, commit.finished));
        self.ledger.change_task(|task| task.may_hold_copies = true);
        let now_ms = i64::try_from(outside.now).expect("a time of this history");
        for (delta, finished) in begun.into_iter().chain([self.ledger.take_delta(now_ms)]) {
            store.commit(delta)?;
            self.announce(&finished);
        }
        Ok(())
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
            .open(&entry, Some(TableIndex(queue)), now_ms)
            .map_err(|error| error.to_string())?;
        outside.say(|| format!("opens {} at row {}", entry.id, resume.mark.ordinal));
        let router = self.free_router(outside);
        if let (Some(router), Some(ends)) = (self.routers.get_mut(router), resume.lanes) {
            let (id, is_control) = (entry.id.clone(), false);
            router.enter_chain(Some(&ChainStart { id, is_control, ends }));
        }
        self.readers[index].reading = Some(Reading {
            number: usize::try_from(entry.id.number).expect("few objects"),
            id: entry.id,
            skip: resume.skip,
            next: resume.mark.ordinal,
            chunk_number: 0,
            router,
        });
        Ok(())
    }

    /// One of the routers that no open object goes through.
    fn free_router(&self, outside: &mut Outside<'_>) -> usize {
        let is_free = |router: &usize| {
            let mut open = self.readers.iter().filter_map(|reader| reader.reading.as_ref());
            open.all(|reading| reading.router != *router)
        };
        let free: Vec<_> = (0..self.routers.len()).filter(is_free).collect();
        match free[..] {
            [] => 0,
            _ => free[outside.rng.random_range(0..free.len())],
        }
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
        let wanted = 1 + outside.rng.random_range(0..outside.plan.chunk_rows_max);
        let end = (reading.next + wanted).min(count);
        let reference = ChunkRef {
            object: reading.id.clone(),
            chunk_number: reading.chunk_number,
        };
        let span = Span {
            start: mark(reading.next),
            end: mark(end),
        };
        let indexes =
            usize::try_from(reading.next).expect("few rows")..usize::try_from(end).expect("few rows");
        let (rows, table) = (&rows[indexes], TableIndex(reader.queue));
        let routed = match self.routers.get_mut(reading.router) {
            Some(router) => {
                let chunk = chunk(outside.contents, rows, span, outside.plan.bad_variant);
                let now_us = i64::try_from(outside.now * 1_000).expect("a time of this history");
                let object = ObjectVersion {
                    key: reading.id.to_string(),
                    etag: String::new(),
                    size_bytes: 0,
                    modified_ms: 0,
                };
                router.route(&object, &chunk, Some(table), &reading.skip, now_us)
            }
            None => without_links(outside.contents, &self.map, rows, table, &reading.skip, span),
        };
        reading.next = end;
        reading.chunk_number += 1;
        self.hand_on(outside.now, &reference, routed)
    }

    fn hand_on(&mut self, now: u64, chunk: &ChunkRef, routed: RoutedChunk) -> Result<(), String> {
        let owed = routed.slices.iter();
        let owed = owed.map(|(shard, records)| (Lane::Shard(*shard), saturate::to_u64(records.len())));
        let mut owed: Vec<_> = owed.collect();
        self.rows_in_flight += owed.iter().map(|(_, count)| count).sum::<u64>();
        let rejected = routed.rejected.last().map(|last| SettledRun {
            chunk: chunk.clone(),
            records_count: saturate::to_u64(routed.rejected.len()),
            through: last.ordinal + 1,
        });
        owed.extend(rejected.iter().map(|run| (Lane::DeadLetters, run.records_count)));
        let parsed = self.ledger.chunk_parsed(chunk, routed.span, owed, routed.tally);
        parsed.map_err(|error| error.to_string())?;
        for (shard, records) in routed.slices {
            let slice = Slice {
                chunk: chunk.clone(),
                shard,
                records,
                credit: Arc::clone(&self.baggage.credit),
                origin: None,
                trace: self.baggage.trace.clone(),
            };
            self.senders[shard.0].packer.push(slice, now);
        }
        let Some(run) = rejected else { return Ok(()) };
        let settled = self.ledger.settled(Settled {
            lane: Lane::DeadLetters,
            runs: vec![run],
            stored: Vec::new(),
        });
        settled.map_err(|error| error.to_string())
    }
}

/// A reader per queue, with the objects that a process before this one did not finish.
fn readers(outside: &Outside<'_>, checkpoint: &Checkpoint) -> Vec<Reader> {
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
    readers.collect()
}
