//! What the Kinesis Client Library reads: every record once, as it was sent, plain or aggregated, through a split; and
//! every row once, whatever the engine went through.
#![cfg(feature = "sandbox")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Stdio;
use std::time::Duration;

use bucket_brigade::model::BatchRecord;
use bucket_brigade::route::shard_map::{HashKey, Shard};
use bucket_brigade::sandbox::kinesis::{SandboxKinesis, ShardLimits};
use bucket_brigade::settings::Aggregation;
use bucket_brigade::sink::kinesis::{KinesisOptions, KinesisSink};
use bucket_brigade::sink::pages::Pages;
use bucket_brigade::sink::{PutEntry, ReadStart, RecordSink, SHARD_MAP_CHANGED, SeenRecord};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::kcl_process::{self, Kcl};
use crate::servers;
use crate::task_folder::{Ended, Running, Settings, TaskFolder, wait_until};

const STREAM: &str = "orders";
/// Partition keys of the records that end the test when they come out of their shards.
const END: &str = "end";

fn sink(kinesis: &SandboxKinesis, aggregation: Aggregation) -> KinesisSink {
    let options = KinesisOptions {
        stream: STREAM.to_owned(),
        region: Some(servers::REGION.to_owned()),
        endpoint: Some(kinesis.endpoint()),
        request_timeout: Duration::from_mins(1),
        aggregation,
    };
    KinesisSink::new(&servers::shared_configuration(), options, Handle::current())
}

/// Records of a shard: small ones, empty ones, and now and then a large one.
fn records(shard: &Shard, word: &str, count: usize) -> Vec<BatchRecord> {
    let keys = (0_u64..).map(|number| format!("{word} ü {number}"));
    let keys = keys.filter(|key| shard.range.contains(HashKey::of_partition_key(key.as_bytes())));
    let record = |(ordinal, key): (u64, String)| {
        let payload = match ordinal % 100 {
            1 => String::new(),
            2 => key.repeat(2_000),
            _ => format!("{{\"key\":\"{key}\"}}"),
        };
        BatchRecord::new(ordinal, payload.as_bytes(), key.as_bytes())
    };
    (0..).zip(keys.take(count)).map(record).collect()
}

/// Puts records into a shard and says as what they have to come out of it.
async fn put(sink: &KinesisSink, shard: &Shard, word: &str, count: usize) -> Vec<SeenRecord> {
    let records = records(shard, word, count);
    let entries = sink.put(shard, &records).await.unwrap();
    let is_aggregated = entries.len() > 1 && entries.first() == entries.last();
    let seen = records.iter().zip(entries).enumerate();
    let seen = seen.map(|(index, (record, entry))| match entry {
        PutEntry::Stored { sequence_number, .. } => SeenRecord {
            sequence_number,
            member: is_aggregated.then_some(index),
            partition_key: record.partition_key_text().unwrap().to_owned(),
            payload: record.payload_bytes(),
        },
        PutEntry::Failed { code, message, .. } => unreachable!("{record:?}: {code}: {message}"),
    });
    seen.collect()
}

async fn split(kinesis: &SandboxKinesis, shard: &Shard) {
    let middle = shard.range.start / 2 + shard.range.end / 2;
    let request = kinesis.client().split_shard().stream_name(STREAM);
    let request = request.shard_to_split(&shard.id);
    request
        .new_starting_hash_key(middle.to_string())
        .send()
        .await
        .unwrap();
    kinesis.wait_until_active(STREAM).await.unwrap();
}

/// What our own reader sees of a shard.
async fn read_back(sink: &KinesisSink, shard: &Shard) -> Vec<SeenRecord> {
    let reader = sink.read(shard, ReadStart::Oldest).await.unwrap();
    Pages::new(reader, Duration::ZERO, Some(1)).all().await.unwrap()
}

/// What was sent, by shard.
#[derive(Debug, Default)]
struct Sent(Vec<(Shard, Vec<SeenRecord>)>);

impl Sent {
    fn add(&mut self, shard: &Shard, records: Vec<SeenRecord>) {
        match self.0.iter_mut().find(|(known, _)| known == shard) {
            Some((_, known)) => known.extend(records),
            None => self.0.push((shard.clone(), records)),
        }
    }
}

/// Stored, and dropped by who reads it: this is why it must not count as sent.
async fn put_to_a_closed_shard(sink: &KinesisSink, closed: &Shard) {
    let entries = sink.put(closed, &records(closed, "stale", 100)).await.unwrap();
    for entry in entries {
        assert!(
            matches!(&entry, PutEntry::Failed { code, .. } if code == SHARD_MAP_CHANGED),
            "{entry:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_library_reads_every_record_once_through_a_split() {
    let Some(installed) = kcl_process::installed() else {
        return;
    };
    let kinesis = SandboxKinesis::start(ShardLimits::Off).await.unwrap();
    kinesis.create_stream(STREAM, 2).await.unwrap();
    let (plain, aggregated) = (
        sink(&kinesis, Aggregation::None),
        sink(&kinesis, Aggregation::Kpl),
    );
    let mut sent = Sent::default();

    let before = plain.describe().await.unwrap().shards;
    for shard in before.shards() {
        sent.add(shard, put(&plain, shard, "plain", 40).await);
        sent.add(shard, put(&aggregated, shard, "aggregated", 1_000).await);
        sent.add(shard, put(&aggregated, shard, "alone", 1).await);
    }
    let parent = before.shards().first().unwrap();
    split(&kinesis, parent).await;
    put_to_a_closed_shard(&aggregated, parent).await;
    let after = plain.describe().await.unwrap().shards;
    for shard in after.shards() {
        sent.add(shard, put(&aggregated, shard, "aggregated again", 500).await);
        sent.add(shard, put(&plain, shard, "plain again", 20).await);
        sent.add(shard, put(&plain, shard, END, 1).await);
    }

    let mut kcl = Kcl::start(&installed, &kinesis.endpoint(), STREAM);
    let printed = kcl.read_until(END, after.shards().len()).await;
    assert_eq!(printed.len(), sent.0.len(), "records of other shards");
    for (shard, sent) in &sent.0 {
        let seen = printed.get(&shard.id).map_or(&[][..], Vec::as_slice);
        let (id, seen_count, sent_count) = (&shard.id, seen.len(), sent.len());
        assert!(seen == sent, "{id}: {seen_count} records instead of {sent_count}");
        let own = read_back(&plain, shard).await;
        assert!(own == seen, "{id}: our reader sees other records");
    }
}

/// Rows of a file that is interrupted; a request of aggregated records holds up to 1 MiB of them.
const ROWS: u64 = 6_000;
const ROWS_AGGREGATED: u64 = 20_000;
/// How many of them are in the stream when that happens.
const ROWS_AT_KILL: usize = 500;

/// A task that writes to the stream beside the other one, and what it must have sent.
#[derive(Debug)]
struct Task {
    folder: TaskFolder,
    settings: Settings,
    /// Its rows begin here.
    first_id: u64,
    rows_per_file: u64,
    /// Operation and note of each row by its id.
    rows: BTreeMap<u64, (&'static str, String)>,
}

impl Task {
    /// A task with a file to load, slow enough to be killed in the middle of it.
    fn new(name: &'static str, first_id: u64, endpoint: &str, aggregation: Aggregation) -> Self {
        let (aggregation, rows_per_file) = match aggregation {
            Aggregation::None => ("none", ROWS),
            Aggregation::Kpl => ("kpl", ROWS_AGGREGATED),
        };
        let target = format!(
            "  kinesis:\n    stream: {STREAM}\n    region: {}\n    endpoint: {endpoint}\n    aggregation: {aggregation}\n    \
             delivery: dedupe\n    settle: 1s\n    change_partition_key: primary-key\n    \
             pace: {{ records_per_second: 500, bytes_per_second: 1MiB }}\n",
            servers::REGION
        );
        let settings = Settings {
            task: name,
            target,
            // Longer than it takes from the first rows to the kill, on a busy machine too.
            commit_interval: "1m",
            limits: "  restarts: 0\n  in_flight: 1MiB\n  row: 64KiB\n",
            ..Settings::default()
        };
        let mut task = Self {
            folder: TaskFolder::new(&settings),
            settings,
            first_id,
            rows_per_file,
            rows: BTreeMap::new(),
        };
        for name in ["a", "c"] {
            std::fs::remove_file(task.folder.path().join(format!("data/cdc/{name}.csv"))).unwrap();
        }
        task.write("data/shop/orders/LOAD1.csv", "load", "");
        task
    }

    fn write(&mut self, file: &str, operation: &'static str, place: &str) {
        let next = self.first_id + u64::try_from(self.rows.len()).unwrap();
        let mut text = String::new();
        for id in next..next + self.rows_per_file {
            let note = format!("row {id} of {}", self.settings.task);
            writeln!(text, "{place}{id},1.50,{note}").unwrap();
            self.rows.insert(id, (operation, note));
        }
        self.folder.write(file, &text);
    }

    /// Files of changes come after the load.
    fn write_changes(&mut self) {
        self.write("data/cdc/d.csv", "insert", "INSERT,orders,shop,");
    }

    fn start(&self) -> Running {
        self.folder.configure(&self.settings);
        self.folder.start()
    }

    /// Starts the task again, without a pace and with short intervals; it ends when everything is settled.
    fn recover(&self) -> std::process::Child {
        let pace = self.settings.target.find("    pace:").unwrap();
        self.folder.configure(&Settings {
            target: format!("{}    pace: off\n", self.settings.target.split_at(pace).0),
            commit_interval: "100ms",
            ..self.settings.clone()
        });
        let mut command = self.folder.command(&["run", "--once", "--output", "json"]);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// How many of these rows are its own.
    fn count(&self, ids: &[u64]) -> usize {
        ids.iter().filter(|id| self.rows.contains_key(id)).count()
    }
}

/// All rows in the stream, as our own reader sees them.
fn ids_in_stream(sink: &KinesisSink) -> Vec<u64> {
    block_in_place(|| {
        Handle::current().block_on(async {
            let lineage = sink.describe().await.unwrap().lineage;
            let mut ids = Vec::new();
            for known in lineage.shards() {
                let records = read_back(sink, &known.shard).await;
                ids.extend(
                    records
                        .iter()
                        .filter_map(|record| row_of(&record.payload))
                        .map(|row| row.0),
                );
            }
            ids
        })
    })
}

/// Id, operation and note of a message; control records have none.
fn row_of(message: &[u8]) -> Option<(u64, String, String)> {
    let message: Value = serde_json::from_slice(message).unwrap();
    let text = |path| Some(message.pointer(path)?.as_str()?.to_owned());
    let id = message.pointer("/data/id")?.as_u64()?;
    Some((id, text("/metadata/operation")?, text("/data/note")?))
}

/// Starts the tasks, ends each with SIGKILL when some of its new rows are in the stream and some are not, and lets `between`
/// happen before they are started again. Each has to find rows that its checkpoint does not know.
async fn crash_and_recover(tasks: &[Task], sink: &KinesisSink, between: impl AsyncFnOnce()) {
    let before = ids_in_stream(sink);
    let mut running: Vec<_> = tasks.iter().map(|task| (task, task.start())).collect();
    wait_until("all tasks are in mid-load", || {
        let ids = ids_in_stream(sink);
        // Who is not retained is dropped, and that sends SIGKILL and waits for the end.
        running.retain(|(task, _)| task.count(&ids) < task.count(&before) + ROWS_AT_KILL);
        running.is_empty()
    });
    let ids = ids_in_stream(sink);
    for task in tasks {
        assert!(
            task.count(&ids) < task.rows.len(),
            "{} was done",
            task.settings.task
        );
    }
    between().await;
    let recovering: Vec<_> = tasks.iter().map(Task::recover).collect();
    for (task, recovering) in tasks.iter().zip(recovering) {
        let ended = block_in_place(|| Ended::from(recovering.wait_with_output().unwrap())).expect(0);
        let summary: Value = serde_json::from_str(&ended.stdout).unwrap();
        let recovered = summary.pointer("/counters/recovered").and_then(Value::as_u64);
        assert!(recovered > Some(0), "{}: {summary:#}", task.settings.task);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_library_reads_every_row_once_after_crashes_before_and_during_a_split() {
    let Some(installed) = kcl_process::installed() else {
        return;
    };
    let kinesis = SandboxKinesis::start(ShardLimits::Off).await.unwrap();
    kinesis.create_stream(STREAM, 2).await.unwrap();
    let sink = sink(&kinesis, Aggregation::None);
    let endpoint = kinesis.endpoint();
    let mut tasks = [
        Task::new("plain", 1_000_000, &endpoint, Aggregation::None),
        Task::new("aggregated", 2_000_000, &endpoint, Aggregation::Kpl),
    ];
    crash_and_recover(&tasks, &sink, async || ()).await;
    tasks.iter_mut().for_each(Task::write_changes);
    crash_and_recover(&tasks, &sink, async || {
        let shards = sink.describe().await.unwrap().shards;
        split(&kinesis, shards.shards().first().unwrap()).await;
    })
    .await;

    let open = sink.describe().await.unwrap().shards;
    for shard in open.shards() {
        put(&sink, shard, END, 1).await;
    }
    let mut kcl = Kcl::start(&installed, &endpoint, STREAM);
    let printed = kcl.read_until(END, open.shards().len()).await;
    let records = printed.values().flatten();
    let messages = records.filter(|record| !record.partition_key.starts_with(END));
    let mut rows: Vec<_> = messages.filter_map(|record| row_of(&record.payload)).collect();
    rows.sort_unstable();
    let expected: Vec<_> = tasks
        .iter()
        .flat_map(|task| &task.rows)
        .map(|(id, (operation, note))| (*id, (*operation).to_owned(), note.clone()))
        .collect();
    let counts = (rows.len(), expected.len());
    assert!(rows == expected, "read and sent: {counts:?}, or other rows");
}
