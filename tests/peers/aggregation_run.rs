//! A whole task with `aggregation: kpl`: what becomes of the limits of a shard, and of a stream that is resharded.
#![cfg(feature = "sandbox")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use bucket_brigade::route::shard_map::Shard;
use bucket_brigade::sandbox::kinesis::{SandboxKinesis, ShardLimits};
use bucket_brigade::settings::Aggregation;
use bucket_brigade::sink::kinesis::{KinesisOptions, KinesisSink};
use bucket_brigade::sink::pages::Pages;
use bucket_brigade::sink::{ReadStart, RecordSink, SeenRecord};
use serde_json::Value;
use tokio::runtime::Handle;

use crate::servers;
use crate::task_folder::{Settings, TaskFolder, wait_until};

const STREAM: &str = "orders";

/// A stream, and a reader of it that sees what consumers see.
#[derive(Debug)]
struct World {
    kinesis: SandboxKinesis,
    sink: KinesisSink,
}

impl World {
    async fn new(limits: ShardLimits, shards_count: u32) -> Self {
        let kinesis = SandboxKinesis::start(limits).await.unwrap();
        kinesis.create_stream(STREAM, shards_count).await.unwrap();
        let options = KinesisOptions {
            stream: STREAM.to_owned(),
            region: Some(servers::REGION.to_owned()),
            endpoint: Some(kinesis.endpoint()),
            request_timeout: Duration::from_mins(1),
            aggregation: Aggregation::None,
        };
        let sink = KinesisSink::new(&servers::shared_configuration(), options, Handle::current());
        Self { kinesis, sink }
    }

    fn settings(&self) -> Settings {
        let endpoint = self.kinesis.endpoint();
        Settings {
            target: format!(
                "  kinesis:\n    stream: {STREAM}\n    region: {}\n    endpoint: {endpoint}\n    \
                 message_format: json-unformatted\n    change_partition_key: primary-key\n    aggregation: kpl\n    delivery: dedupe\n    settle: 1s\n",
                servers::REGION
            ),
            ..Settings::default()
        }
    }

    async fn shards(&self) -> Vec<Shard> {
        let lineage = self.sink.describe().await.unwrap().lineage;
        let known = lineage.shards().iter();
        known.map(|known| known.shard.clone()).collect()
    }

    async fn read_shard(&self, shard: &Shard) -> Vec<SeenRecord> {
        let reader = self.sink.read(shard, ReadStart::Oldest).await.unwrap();
        Pages::new(reader, Duration::ZERO, Some(1)).all().await.unwrap()
    }

    /// The ids of all rows in the stream, shard by shard, in order.
    fn ids(&self) -> Vec<u64> {
        tokio::task::block_in_place(|| {
            Handle::current().block_on(async {
                let mut ids = Vec::new();
                for shard in self.shards().await {
                    let seen = self.read_shard(&shard).await;
                    ids.extend(seen.iter().filter_map(|record| id_of(&record.payload)));
                }
                ids
            })
        })
    }
}

/// The id of a row; control records have none.
fn id_of(message: &[u8]) -> Option<u64> {
    let message: Value = serde_json::from_slice(message).unwrap();
    message.pointer("/data/id")?.as_u64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_rows_travel_in_few_records_and_in_file_order() {
    let world = World::new(ShardLimits::Enforced, 1).await;
    let task = TaskFolder::new(&world.settings());
    let rows = (10..20_010).map(|id| format!("{id},1.00,\n"));
    task.write("data/shop/orders/LOAD1.csv", &rows.collect::<String>());

    let ended = tokio::task::block_in_place(|| task.brigade(&["run", "--once"]));
    ended.expect(0);
    let loaded: Vec<u64> = world.ids().into_iter().filter(|id| *id >= 10).collect();
    assert!(
        loaded.iter().copied().eq(10..20_010),
        "{} rows, some lost, repeated or in another order",
        loaded.len()
    );
    let reading = world.kinesis.meter().reading();
    assert_eq!(reading.refused_count, 0, "{reading:?}");
    assert!(reading.stored_count < 100, "{reading:?}");
}

/// Rows that come behind a resharding: none is lost, none comes twice, and nothing failed on the way.
async fn check_reshard(world: &World, reshard: impl AsyncFnOnce()) {
    let task = TaskFolder::new(&world.settings());
    let mut running = task.start();
    // Two loaded, one inserted, and one updated.
    wait_until("the first rows are out", || world.ids().len() == 4);

    reshard().await;
    let rows = (1_000..3_000).map(|id| format!("INSERT,orders,shop,{id},1.00,\n"));
    task.write("data/cdc/d.csv", &rows.collect::<String>());
    wait_until("all rows are out", || {
        world.ids().into_iter().filter(|id| *id >= 1_000).count() >= 2_000
    });
    running.terminate();
    assert_eq!(running.exit_code(), Some(0), "a clean drain");
    let mut ids = world.ids();
    ids.sort_unstable();
    let expected: Vec<u64> = [1, 2, 3, 3].into_iter().chain(1_000..3_000).collect();
    assert!(ids == expected, "{} rows, some of them twice", ids.len());
    let status = task.json(&["status"]);
    let generation = status.get("generation").and_then(Value::as_u64);
    assert_eq!(
        generation,
        Some(2),
        "the new shards take a new generation: {status:#}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_split_no_row_is_lost_or_repeated() {
    let world = World::new(ShardLimits::Off, 1).await;
    check_reshard(&world, async || {
        let shard = world.shards().await.remove(0);
        let request = world.kinesis.client().split_shard().stream_name(STREAM);
        let request = request.shard_to_split(shard.id);
        let request = request.new_starting_hash_key((1_u128 << 127).to_string());
        request.send().await.unwrap();
        world.kinesis.wait_until_active(STREAM).await.unwrap();
    })
    .await;
}

/// Behind a merge the aggregate of a closed shard is stored, and consumers see it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_merge_no_row_is_lost_or_repeated() {
    let world = World::new(ShardLimits::Off, 2).await;
    check_reshard(&world, async || {
        let shards = world.shards().await;
        let [left, right] = shards.as_slice() else {
            unreachable!("{shards:?}")
        };
        let request = world.kinesis.client().merge_shards().stream_name(STREAM);
        let request = request.shard_to_merge(&left.id);
        request.adjacent_shard_to_merge(&right.id).send().await.unwrap();
        world.kinesis.wait_until_active(STREAM).await.unwrap();
    })
    .await;
}
