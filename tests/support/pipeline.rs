//! The real pipeline, in its own actix system, over a source, a stream and a store in memory.

use std::sync::Arc;
use std::time::Duration;

use bucket_brigade::checkpoint::decide::decide;
use bucket_brigade::checkpoint::reload::{Extent, InDoubt, reload};
use bucket_brigade::checkpoint::status::TaskStatus;
use bucket_brigade::checkpoint::store::memory::{DurableStep, MemoryStore};
use bucket_brigade::checkpoint::store::{CheckpointStore, Decision, ObjectEntry, ObjectState};
use bucket_brigade::clock::{Clock, SystemClock};
use bucket_brigade::config::Config;
use bucket_brigade::config::dms::table_mappings;
use bucket_brigade::fault::{Fault, FaultKind};
use bucket_brigade::map::Mappings;
use bucket_brigade::map::plan::MappedTables;
use bucket_brigade::model::{Mark, QueueName};
use bucket_brigade::observe::counters::CountersSnapshot;
use bucket_brigade::route::shard_map::ShardMap;
use bucket_brigade::settings::problems::Report;
use bucket_brigade::settings::{
    Aggregation, ApiConfig, ArchivedObjects, ChangedObjects, ChangesFrom, CsvDialect, DeliveryConfig,
    ErrorsConfig, EventSinksConfig, FilesConfig, Guarantee, LateFiles, LimitsConfig, MessageConfig,
    MigrationType, Ordering, OtlpConfig, OutOfRetention, Pace, RecreatedStream, RestartDelays, RunMode,
    SourceConfig, SourceFormat, SourceLocation, StateConfig, StopConfig, TargetConfig,
};
use bucket_brigade::sink::memory::MemorySink;
use bucket_brigade::source::memory::MemorySource;
use bucket_brigade::supervise::pipeline::{Backends, Pipeline, RunEnd};
use bucket_brigade::supervise::turns::Turns;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::fixtures::{CHANGES_FOLDER, Data};
use super::journal::{Journal, Kill, WatchedSink, WatchedSource, WatchedStore};

/// Name of the task in control records.
pub(crate) const TASK: &str = "behaviour";
/// No run of a test takes longer, unless it hangs.
const RUN_MAX: Duration = Duration::from_secs(40);
/// Bytes of one piece of a body.
const PIECE_BYTES: usize = 10_007;

/// A task and the world around it, over any number of runs.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) data: Data,
    pub(crate) source: MemorySource,
    pub(crate) store: MemoryStore,
    /// The streams so far; the last one is in use.
    pub(crate) streams: Vec<MemorySink>,
    pub(crate) journal: Journal,
    pub(crate) put_delay: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    shards_count: usize,
    _folder: tempfile::TempDir,
}

/// A run that is under way.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) status: watch::Receiver<Arc<TaskStatus>>,
    pub(crate) stop: CancellationToken,
    pub(crate) turns: Turns,
    stored_count: watch::Receiver<usize>,
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) end: Result<RunEnd, Fault>,
    pub(crate) status: Arc<TaskStatus>,
    pub(crate) counters: CountersSnapshot,
    /// Whether it was killed on the way.
    pub(crate) is_killed: bool,
}

impl Running {
    /// How many records are stored, repeats included.
    pub(crate) fn stored_count(&self) -> watch::Receiver<usize> {
        self.stored_count.clone()
    }

    /// Waits until the status says so.
    pub(crate) async fn until(&mut self, is_so: impl FnMut(&Arc<TaskStatus>) -> bool) {
        self.status.wait_for(is_so).await.unwrap();
    }

    /// How many records are stored in all runs together.
    pub(crate) fn stored_so_far(&self) -> usize {
        *self.stored_count.borrow()
    }

    /// Waits until this many records are stored in all runs together, repeats included.
    pub(crate) async fn until_stored(&mut self, count: usize) {
        self.stored_count
            .wait_for(|stored| *stored >= count)
            .await
            .unwrap();
    }
}

fn config(data: &Data, folder: &std::path::Path) -> Config {
    Config {
        task: TASK.to_owned(),
        migration_type: MigrationType::FullLoadAndChanges,
        source: SourceConfig {
            location: SourceLocation::Local {
                directory: folder.join("unused"),
            },
            bucket_folder: String::new(),
            cdc_path: Some(CHANGES_FOLDER.to_owned()),
            changes_from: ChangesFrom::Beginning,
            csv: CsvDialect::default(),
            format: SourceFormat::default(),
            files: FilesConfig::default(),
            archived_objects: ArchivedObjects::Quarantine,
            late_files: LateFiles::Process,
            changed_objects: ChangedObjects::Quarantine,
            poll_interval: Duration::from_millis(20),
            full_listing_interval: Duration::from_millis(20),
        },
        tables: data.tables.clone(),
        mappings: Mappings::none(&data.tables),
        stop: StopConfig::default(),
        target: TargetConfig::Ndjson {
            path: folder.join("unused"),
            shards: 1,
        },
        message: MessageConfig::default(),
        delivery: delivery(),
        errors: ErrorsConfig {
            dead_letters: folder.join("dead-letters"),
            ..ErrorsConfig::default()
        },
        state: StateConfig {
            path: folder.join("unused"),
            commit_interval: Duration::from_millis(20),
        },
        limits: LimitsConfig {
            in_flight_bytes: 16 << 20,
            files_in_parallel: 2,
            row_bytes_max: 4 << 20,
            drain_timeout: Duration::from_secs(20),
            outage_patience: None,
            hang_timeout: Duration::from_mins(1),
            restarts_max: 5,
            restart: RestartDelays::default(),
        },
        api: ApiConfig::default(),
        otlp_endpoint: None,
        is_emf: false,
        otlp: OtlpConfig::default(),
        event_sinks: EventSinksConfig::default(),
    }
}

fn delivery() -> DeliveryConfig {
    DeliveryConfig {
        guarantee: Guarantee::AtLeastOnce,
        is_guarantee_chosen: true,
        settle: Duration::from_millis(20),
        out_of_retention: OutOfRetention::Resend,
        recreated_stream: RecreatedStream::Continue,
        ordering: Ordering::Final,
        pace: Pace::Off,
        linger: Duration::from_millis(2),
        aggregation: Aggregation::None,
    }
}

impl World {
    /// Maps its tables by these rules.
    pub(crate) fn map(&mut self, rules: &str) {
        let mut report = Report::new("m.json");
        let rules = table_mappings::parse(rules, &mut report).unwrap();
        let mapped = MappedTables::of(&rules, self.data.tables.clone(), &mut report);
        assert!(!report.has_errors(), "{report:?}");
        self.config.tables = mapped.tables;
        self.config.mappings = mapped.mappings;
    }

    /// A world with the files of the data set in the bucket, and a new stream of this many shards.
    pub(crate) fn new(data: Data, shards_count: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&data, folder.path());
        let source = MemorySource::new()
            .with_piece_bytes(PIECE_BYTES)
            .with_page_keys(3);
        for file in &data.files {
            source.put(&file.key, file.bytes.clone());
        }
        let mut world = Self {
            journal: Journal::new(config.errors.dead_letters.clone()),
            config,
            data,
            source,
            store: MemoryStore::new(),
            streams: Vec::new(),
            put_delay: Duration::ZERO,
            clock: Arc::new(SystemClock),
            shards_count: 0,
            _folder: folder,
        };
        world.reshard(shards_count);
        world
    }

    /// The same with room for a few chunks in flight, a stream that takes its time, and frequent commits: many requests,
    /// many commits, many cuts.
    pub(crate) fn busy(data: Data, shards_count: u32) -> Self {
        let mut world = Self::new(data, shards_count);
        world.put_delay = Duration::from_millis(1);
        world.config.limits.in_flight_bytes = 2 << 20;
        world.config.state.commit_interval = Duration::from_millis(8);
        world
    }

    /// Goes on with a stream of other shards; what was stored stays in the old ones.
    pub(crate) fn reshard(&mut self, shards_count: u32) {
        self.shards_count = usize::try_from(shards_count).unwrap();
        let shards = ShardMap::uniform(shards_count).unwrap();
        self.streams.push(MemorySink::new(&shards));
    }

    /// The stream in use.
    pub(crate) fn stream(&self) -> &MemorySink {
        self.streams.last().unwrap()
    }

    /// How many shards the stream in use has.
    pub(crate) fn shards_count(&self) -> usize {
        self.shards_count
    }

    /// Puts a file of the data set into the bucket.
    pub(crate) fn put(&self, key: &str) {
        self.source.put(key, self.data.file(key).bytes.clone());
    }

    /// Has tables loaded again by the next run.
    pub(crate) fn reload(&self, tables: &[usize], extent: Extent) -> Result<(), InDoubt> {
        let store = self.store.reopen().unwrap();
        let named: Vec<_> = tables.iter().map(|table| &self.data.tables[*table]).collect();
        let delta = reload(&store.load().unwrap(), &named, extent)?;
        store.commit(&delta).unwrap();
        let history = self.store.history().unwrap();
        let registered = history.iter().filter_map(|step| match step {
            DurableStep::Registered(entries) => Some(entries),
            DurableStep::Committed(_) => None,
        });
        let registered: Vec<_> = registered.flatten().map(|entry| &entry.id.queue).collect();
        let first = |queue: &QueueName| registered.iter().filter(|known| **known == queue).count();
        let firsts = delta
            .reload
            .iter()
            .map(|queue| (queue.clone(), u64::try_from(first(queue)).unwrap()));
        self.journal.reloaded(firsts.collect(), delta.tables);
        Ok(())
    }

    /// Stops a task once all that it knows of is settled: what was read and not sent yet, a stop drops.
    pub(crate) async fn stop_when_settled(&self, running: &Running) {
        while !self.store.load().unwrap().unfinished.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        running.stop.cancel();
    }

    /// One run to its end.
    pub(crate) fn run(&self, mode: RunMode) -> Run {
        self.run_while(mode, async |_running| {})
    }

    /// One run that is killed on the way, if it lives long enough.
    pub(crate) fn run_until(&self, kill: Kill) -> Run {
        self.live(RunMode::Once, Some(kill), async |_running| {})
    }

    /// The same, while something else goes on.
    pub(crate) fn run_killed_while(&self, kill: Kill, act: impl AsyncFnOnce(Running)) -> Run {
        self.live(RunMode::Once, Some(kill), act)
    }

    /// One run to its end, while something else goes on.
    pub(crate) fn run_while(&self, mode: RunMode, act: impl AsyncFnOnce(Running)) -> Run {
        self.live(mode, None, act)
    }

    fn live(&self, mode: RunMode, kill: Option<Kill>, act: impl AsyncFnOnce(Running)) -> Run {
        self.journal.live(kill);
        let journal = || self.journal.clone();
        let backends = Backends {
            source: Arc::new(WatchedSource {
                inner: self.source.clone(),
                journal: journal(),
            }),
            sink: Arc::new(WatchedSink {
                inner: self.stream().clone(),
                stream: self.streams.len() - 1,
                delay: self.put_delay,
                journal: journal(),
            }),
            store: Arc::new(self.watched_store()),
            clock: Arc::clone(&self.clock),
        };
        let pipeline = Pipeline::new(Arc::new(self.config.clone()), backends, mode);
        let running = Running {
            status: pipeline.status(),
            stop: CancellationToken::new(),
            turns: pipeline.turns(),
            stored_count: self.journal.stored_count(),
        };
        let stop = running.stop.clone();
        let end = actix::System::new().block_on(async {
            let both = async { tokio::join!(pipeline.run(stop), act(running)).0 };
            tokio::time::timeout(RUN_MAX, both).await
        });
        let status = pipeline.status().borrow().clone();
        let Ok(end) = end else {
            panic!("the run hangs; its status: {status:#?}");
        };
        Run {
            end,
            status,
            counters: pipeline.counters().snapshot(),
            is_killed: self.journal.is_dead(),
        }
    }

    /// The store as it was left, with its steps in the journal.
    pub(crate) fn watched_store(&self) -> WatchedStore {
        WatchedStore {
            inner: self.store.reopen().unwrap(),
            journal: self.journal.clone(),
        }
    }

    /// What the store has of a file.
    pub(crate) fn entry(&self, key: &str) -> Option<ObjectEntry> {
        let queue = &self.data.file(key).queue;
        self.entry_in(queue, key)
    }

    /// Why a file was set aside, and where.
    pub(crate) fn set_aside(&self, key: &str) -> (String, Mark) {
        match self.entry(key).unwrap().state {
            ObjectState::Quarantined {
                reason, watermark, ..
            } => (reason, watermark),
            state @ (ObjectState::Registered
            | ObjectState::Open(_)
            | ObjectState::Done(_)
            | ObjectState::Decided { .. }) => {
                panic!("{key} must be set aside: {state:?}")
            }
        }
    }

    /// Decides what becomes of a file that is set aside.
    pub(crate) fn decide(&self, key: &str, decision: Decision) {
        let store = self.store.reopen().unwrap();
        let entry = self.entry(key).unwrap();
        let mut tables = self.data.tables.iter();
        let table = tables.find(|table| QueueName::load(&table.full_name()) == entry.id.queue);
        let delta = decide(&store.load().unwrap(), &entry, table, decision, false).unwrap();
        store.commit(&delta).unwrap();
    }

    /// What the store has of a key in a queue.
    pub(crate) fn entry_in(&self, queue: &QueueName, key: &str) -> Option<ObjectEntry> {
        let store = self.store.reopen().unwrap();
        store.lookup(queue, &[key]).unwrap().pop().flatten()
    }
}

impl Run {
    /// Checks that the run ended so, with nothing in flight, and that the state says so.
    pub(crate) fn assert_ended(&self, expected: RunEnd) {
        assert_eq!(self.end, Ok(expected), "status: {:#?}", self.status);
        assert!(self.status.clean_stop, "a task that ends by itself stops cleanly");
        self.assert_nothing_in_flight();
    }

    /// Checks that the run failed with a fault of this kind, which gives the process this exit code; gives it.
    pub(crate) fn assert_failed(self, kind: FaultKind, exit_code: u8) -> Fault {
        let fault = self.end.unwrap_err();
        assert_eq!((fault.kind, fault.kind.exit_code()), (kind, exit_code), "{fault}");
        fault
    }
    /// Checks that every credit came home.
    pub(crate) fn assert_nothing_in_flight(&self) {
        assert_eq!(self.status.in_flight_bytes, 0, "a credit did not come home (F2)");
        for table in &self.status.tables {
            assert_eq!(table.in_flight_records, 0, "{table:?}");
            assert_eq!(table.identity_difference(), 0, "Q1: {table:?}");
        }
    }
}
