//! The two servers of the sandbox within this process, a proxy that breaks single requests, and a gate before each side.

use bucket_brigade::sandbox::consumer::{ConsumedShard, read_stream};
use bucket_brigade::sandbox::fault_proxy::{FaultCounts, FaultPlan, FaultProxy};
use bucket_brigade::sandbox::hash_keys::HashKeys;
use bucket_brigade::sandbox::kinesis::{SandboxKinesis, ShardLimits};
use bucket_brigade::sandbox::reshard::{ReshardStep, reshard};
use bucket_brigade::sandbox::s3::SandboxS3;
use rand::Rng;
use tokio::runtime::{Builder, Runtime};

use super::data::File;
use super::gate::{Gate, Protocol, Weather};

/// The bucket that every world has.
pub(crate) const BUCKET: &str = "field-source";
/// The stream.
pub(crate) const STREAM: &str = "field-target";
const SHARDS_COUNT: u32 = 2;

/// Where an outage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Side {
    Source,
    Target,
    Both,
}

/// Everything but the engine.
#[derive(Debug)]
pub(crate) struct World {
    // Gates first: nothing comes through while the servers end.
    source: Gate,
    target: Gate,
    proxy: FaultProxy,
    s3: SandboxS3,
    kinesis: SandboxKinesis,
    runtime: Runtime,
}

impl World {
    /// Starts it with an empty bucket, in this folder, and an empty stream. The plan is for single requests; all of them
    /// pass the proxy.
    pub(crate) fn start(folder: &std::path::Path, plan: FaultPlan) -> Result<Self, String> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(4)
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let started = runtime.block_on(async {
            let s3 = SandboxS3::start(folder).await.map_err(|e| e.to_string())?;
            let kinesis = SandboxKinesis::start(ShardLimits::Off).await;
            let kinesis = kinesis.map_err(|error| error.to_string())?;
            let created = kinesis.create_stream(STREAM, SHARDS_COUNT).await;
            created.map_err(|error| error.to_string())?;
            let proxy = FaultProxy::start(&kinesis.endpoint(), plan).await;
            let proxy = proxy.map_err(|error| error.to_string())?;
            let source = Gate::start(Protocol::S3, &s3.endpoint()).await?;
            let target = Gate::start(Protocol::Kinesis, &proxy.endpoint()).await?;
            Ok::<_, String>((source, target, proxy, s3, kinesis))
        });
        let (source, target, proxy, s3, kinesis) = started?;
        let world = Self {
            source,
            target,
            proxy,
            s3,
            kinesis,
            runtime,
        };
        world.create_bucket(BUCKET)?;
        Ok(world)
    }

    /// Base URL of the S3 server, as the engine sees it.
    pub(crate) fn s3_endpoint(&self) -> &str {
        self.source.endpoint()
    }

    /// Base URL of the Kinesis server, as the engine sees it.
    pub(crate) fn kinesis_endpoint(&self) -> &str {
        self.target.endpoint()
    }

    /// Creates another bucket.
    pub(crate) fn create_bucket(&self, bucket: &str) -> Result<(), String> {
        let created = self.runtime.block_on(self.s3.create_bucket(bucket));
        created.map_err(|error| error.to_string())
    }

    /// Puts a file into a bucket, below a folder that ends in a slash or is nothing.
    pub(crate) fn put(&self, bucket: &str, folder: &str, file: &File) -> Result<(), String> {
        let key = format!("{folder}{}", file.key);
        let put = self.s3.put(bucket, &key, file.bytes.clone().into());
        let put = self.runtime.block_on(put);
        put.map(drop).map_err(|error| error.to_string())
    }

    /// Changes the weather of a side.
    pub(crate) fn set(&self, side: Side, weather: Weather) {
        if side != Side::Target {
            self.source.set(weather);
        }
        if side != Side::Source {
            self.target.set(weather);
        }
    }

    /// Splits or merges shards that are drawn, past gate and proxy.
    pub(crate) fn reshard(&self, step: ReshardStep, rng: &mut impl Rng) -> Result<(), String> {
        let done = reshard(self.kinesis.client(), STREAM, step, rng);
        let done = self.runtime.block_on(done);
        done.map(drop).map_err(|error| error.to_string())
    }

    /// From now on no record is stored whose hash key is in a half that is drawn, which two shards have one each of; says
    /// which.
    pub(crate) fn throttle_half(&self, rng: &mut impl Rng) -> &'static str {
        let middle = u128::MAX / 2;
        let (half, first, last) = if rng.random_bool(0.5) {
            ("lower", 0, middle)
        } else {
            ("upper", middle + 1, u128::MAX)
        };
        self.proxy.throttle(Some(HashKeys { first, last }));
        half
    }

    /// From now on every record is stored.
    pub(crate) fn throttle_none(&self) {
        self.proxy.throttle(None);
    }

    /// Records that are stored so far.
    pub(crate) fn stored(&self) -> u64 {
        self.proxy.meter().reading().stored_count
    }

    /// What the proxy did to single requests.
    pub(crate) fn faults(&self) -> FaultCounts {
        self.proxy.counts()
    }

    /// The whole stream as a consumer gets it: parents before their children, past gate and proxy.
    pub(crate) fn read(&self) -> Result<Vec<ConsumedShard>, String> {
        let read = self.runtime.block_on(read_stream(self.kinesis.client(), STREAM));
        read.map_err(|error| error.to_string())
    }
}
