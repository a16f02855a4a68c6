//! Everything that left a task or became durable, in the one order in which it happened.
//!
//! The wrappers around sink, store and source write it, under one lock, so the order is exact. They also end a life:
//! from the chosen step on nothing reaches the world any more, which is all that a killed process leaves behind.

use std::collections::BTreeSet;
use std::iter;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bucket_brigade::checkpoint::store::memory::{DurableStep, MemoryStore};
use bucket_brigade::checkpoint::store::{
    Checkpoint, CheckpointDelta, CheckpointStore, ObjectEntry, ObjectState, StoreError, TableStatistics,
};
use bucket_brigade::model::{BatchRecord, ObjectId, ObjectVersion, QueueName};
use bucket_brigade::route::shard_map::Shard;
use bucket_brigade::sink::memory::{MemorySink, StoredRecord};
use bucket_brigade::sink::{PutEntry, ReadStart, RecordSink, ShardReader, SinkError, StreamDescription};
use bucket_brigade::source::memory::MemorySource;
use bucket_brigade::source::{ByteStream, ListCursor, ListPage, ObjectSource, SourceError};
use futures_util::FutureExt;
use serde_json::Value;
use tokio::sync::watch;

/// One step.
#[allow(clippy::large_enum_variant, reason = "the journal of a test is short")]
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A generation took over what was durable.
    Loaded,
    /// Load queues were begun anew, each with its first number from then on; what is stored of their tables.
    Reloaded {
        queues: Vec<(QueueName, u64)>,
        tables: Vec<TableStatistics>,
    },
    /// Objects got numbers, and what they start as.
    Registered(Vec<(ObjectId, ObjectState)>),
    /// A request: what was stored of it, and the sequence numbers that the task was told.
    Put {
        stream: usize,
        shard: usize,
        stored: Vec<StoredRecord>,
        acknowledged: BTreeSet<String>,
    },
    /// A commit, and the dead letters that were durable when it began, by key and ordinal.
    Commit {
        delta: CheckpointDelta,
        letters: BTreeSet<(String, u64)>,
        is_applied: bool,
    },
}

/// When a life ends: at the request or commit that follows on this many others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kill {
    pub(crate) steps_before: u64,
    /// Whether that last step still has its effect.
    pub(crate) is_applied: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Alive,
    DiesBefore,
    DiesAfter,
    Dead,
}

/// The journal. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    state: Arc<Mutex<State>>,
    stored_count: watch::Sender<usize>,
    dead_letters: PathBuf,
}

#[derive(Debug, Default)]
struct State {
    events: Vec<Event>,
    kill: Option<Kill>,
    is_dead: bool,
}

impl State {
    fn fate(&mut self) -> Fate {
        if self.is_dead {
            return Fate::Dead;
        }
        match &mut self.kill {
            Some(Kill {
                steps_before: 0,
                is_applied,
            }) => {
                self.is_dead = true;
                if *is_applied {
                    Fate::DiesAfter
                } else {
                    Fate::DiesBefore
                }
            }
            Some(kill) => {
                kill.steps_before -= 1;
                Fate::Alive
            }
            None => Fate::Alive,
        }
    }
}

impl Journal {
    /// An empty journal that looks for dead letters in a folder.
    pub(crate) fn new(dead_letters: PathBuf) -> Self {
        Self {
            state: Arc::default(),
            stored_count: watch::Sender::new(0),
            dead_letters,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A scripted panic while it is held leaves whole events behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a life, which may end early.
    pub(crate) fn live(&self, kill: Option<Kill>) {
        let mut state = self.state();
        state.kill = kill;
        state.is_dead = false;
    }

    /// Whether the life was ended.
    pub(crate) fn is_dead(&self) -> bool {
        self.state().is_dead
    }

    /// Notes that load queues were begun anew.
    pub(crate) fn reloaded(&self, queues: Vec<(QueueName, u64)>, tables: Vec<TableStatistics>) {
        self.state().events.push(Event::Reloaded { queues, tables });
    }

    /// Everything so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.state().events.clone()
    }

    /// How many records are stored, repeats included.
    pub(crate) fn stored_count(&self) -> watch::Receiver<usize> {
        self.stored_count.subscribe()
    }

    /// The dead letters as they are on disk, whole lines only.
    pub(crate) fn dead_letters(&self) -> Vec<Value> {
        let Ok(folder) = std::fs::read_dir(&self.dead_letters) else {
            return Vec::new();
        };
        let texts = folder.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        let lines = texts.flat_map(|text| {
            let lines: Vec<Value> = text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect();
            lines
        });
        lines.collect()
    }

    fn letters(&self) -> BTreeSet<(String, u64)> {
        let place = |letter: &Value| Some((letter["key"].as_str()?.to_owned(), letter["ordinal"].as_u64()?));
        self.dead_letters().iter().filter_map(place).collect()
    }
}

/// The sink, watched. Requests take `delay`, and longer with every shard, so that shards move at different speeds.
#[derive(Debug)]
pub(crate) struct WatchedSink {
    pub(crate) inner: MemorySink,
    pub(crate) stream: usize,
    pub(crate) delay: Duration,
    pub(crate) journal: Journal,
}

impl std::fmt::Display for WatchedSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl RecordSink for WatchedSink {
    async fn describe(&self) -> Result<StreamDescription, SinkError> {
        self.inner.describe().await
    }

    async fn put(&self, shard: &Shard, records: &[BatchRecord]) -> Result<Vec<PutEntry>, SinkError> {
        if !self.delay.is_zero() {
            let shards = self.inner.describe().await?.lineage;
            let index = shards
                .shards()
                .iter()
                .position(|own| own.shard == *shard)
                .unwrap();
            tokio::time::sleep(self.delay * u32::try_from(index + 1).unwrap()).await;
        }
        let mut state = self.journal.state();
        let killed = Err(SinkError::Refused {
            action: "put",
            stream: self.to_string(),
            detail: "killed".to_owned(),
        });
        let fate = state.fate();
        if matches!(fate, Fate::Dead | Fate::DiesBefore) {
            return killed;
        }
        let before: Vec<usize> = self.inner.stored_by_shard().iter().map(Vec::len).collect();
        let answer = self.inner.put(shard, records).now_or_never();
        let answer = answer.expect("delays belong to the watched sink");
        // Other shards than the one that was meant have it if the stream was resharded meanwhile, new ones too.
        let before = before.into_iter().chain(iter::repeat(0));
        let shards = self.inner.stored_by_shard().into_iter().zip(before).enumerate();
        let news = shards.map(|(index, (mut stored, before))| (index, stored.split_off(before)));
        let news: Vec<_> = news.filter(|(_, stored)| !stored.is_empty()).collect();
        let news_count: usize = news.iter().map(|(_, stored)| stored.len()).sum();
        self.journal
            .stored_count
            .send_modify(|count| *count += news_count);
        let is_told = fate == Fate::Alive;
        let entries = answer.iter().flatten().filter(|_| is_told);
        let acknowledged = entries.filter_map(|entry| match entry {
            PutEntry::Stored { sequence_number, .. } => Some(sequence_number.clone()),
            PutEntry::Failed { .. } => None,
        });
        let acknowledged: BTreeSet<_> = acknowledged.collect();
        for (shard, stored) in news {
            state.events.push(Event::Put {
                stream: self.stream,
                shard,
                acknowledged: acknowledged.clone(),
                stored,
            });
        }
        if is_told { answer } else { killed }
    }

    async fn read(&self, shard: &Shard, start: ReadStart) -> Result<Box<dyn ShardReader>, SinkError> {
        self.inner.read(shard, start).await
    }
}

/// The store, watched.
#[derive(Debug)]
pub(crate) struct WatchedStore {
    pub(crate) inner: MemoryStore,
    pub(crate) journal: Journal,
}

impl std::fmt::Display for WatchedStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

fn killed() -> StoreError {
    StoreError::Io {
        location: "memory".to_owned(),
        detail: "killed".to_owned(),
    }
}

impl WatchedStore {
    fn alive(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.journal.state();
        if state.is_dead { Err(killed()) } else { Ok(state) }
    }
}

impl CheckpointStore for WatchedStore {
    fn load(&self) -> Result<Checkpoint, StoreError> {
        let mut state = self.alive()?;
        let checkpoint = self.inner.load()?;
        state.events.push(Event::Loaded);
        Ok(checkpoint)
    }

    fn lookup(&self, queue: &QueueName, keys: &[&str]) -> Result<Vec<Option<ObjectEntry>>, StoreError> {
        let _state = self.alive()?;
        self.inner.lookup(queue, keys)
    }

    fn set_aside(&self) -> Result<Vec<ObjectEntry>, StoreError> {
        let _state = self.alive()?;
        self.inner.set_aside()
    }

    fn register_as(
        &self,
        queue: &QueueName,
        objects: &[(ObjectVersion, ObjectState)],
    ) -> Result<Vec<ObjectId>, StoreError> {
        let mut state = self.alive()?;
        let ids = self.inner.register_as(queue, objects)?;
        let states = objects.iter().map(|(_, state)| state.clone());
        state
            .events
            .push(Event::Registered(ids.iter().cloned().zip(states).collect()));
        Ok(ids)
    }

    fn commit(&self, delta: &CheckpointDelta) -> Result<(), StoreError> {
        let letters = self.journal.letters();
        let mut state = self.journal.state();
        let fate = state.fate();
        if fate == Fate::Dead {
            return Err(killed());
        }
        let result = if fate == Fate::DiesBefore {
            Err(killed())
        } else {
            self.inner.commit(delta)
        };
        let is_last = || self.inner.history().unwrap().last() == Some(&DurableStep::Committed(delta.clone()));
        state.events.push(Event::Commit {
            delta: delta.clone(),
            letters,
            is_applied: result.is_ok() || (fate == Fate::Alive && is_last()),
        });
        if fate == Fate::Alive {
            result
        } else {
            Err(killed())
        }
    }
}

/// The source, watched: dead, it answers nothing.
#[derive(Debug)]
pub(crate) struct WatchedSource {
    pub(crate) inner: MemorySource,
    pub(crate) journal: Journal,
}

impl std::fmt::Display for WatchedSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl WatchedSource {
    fn alive(&self, action: &'static str) -> Result<(), SourceError> {
        if self.journal.is_dead() {
            let (location, detail) = (self.to_string(), "killed".to_owned());
            return Err(SourceError::Refused {
                action,
                location,
                detail,
            });
        }
        Ok(())
    }
}

#[async_trait]
impl ObjectSource for WatchedSource {
    async fn list(&self, prefix: &str, after: Option<&ListCursor>) -> Result<ListPage, SourceError> {
        self.alive("list")?;
        self.inner.list(prefix, after).await
    }

    async fn read_range(
        &self,
        version: &ObjectVersion,
        range: Range<u64>,
    ) -> Result<ByteStream, SourceError> {
        self.alive("read")?;
        self.inner.read_range(version, range).await
    }

    async fn check(&self) -> Result<(), SourceError> {
        self.inner.check().await
    }

    fn locate(&self, key: &str) -> String {
        self.inner.locate(key)
    }

    fn bytes_read(&self) -> u64 {
        self.inner.bytes_read()
    }
}
