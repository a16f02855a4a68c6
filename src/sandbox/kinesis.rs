//! The embedded Kinesis server: ferrokinesis in memory, metered, on loopback.

use ferrokinesis::store::StoreOptions;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinError;

use super::clients::kinesis_client;
use super::meter::Meter;
use super::reshard_gate::ReshardGate;
use super::server::LocalServer;
use super::streams;
use super::{REGION, SandboxError};

const SERVER: &str = "Kinesis";
/// Simulated time that stream operations take; AWS takes seconds.
const OPERATION_MS: u64 = 10;
/// Open shards that the account may have; AWS allows 500 or more, depending on the region.
const SHARDS_MAX: u32 = 500;

/// Whether the write limits of shards are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardLimits {
    /// 1 MiB and 1,000 records a second and shard; what is above is refused record by record.
    Enforced,
    /// As fast as it goes.
    Off,
}

/// Threads of the server. It waits for its locks on the thread that runs it while others hold them over an await, so it
/// stands still for good as soon as every thread waits: there have to be more threads than requests at a time.
const THREADS: usize = 32;

/// The server's own runtime, which may end within another one.
#[derive(Debug)]
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    fn start() -> Result<(Self, Handle), SandboxError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("sandbox-kinesis")
            .enable_all()
            .build()
            .map_err(|source| SandboxError::Listen { source })?;
        let handle = runtime.handle().clone();
        Ok((Self(Some(runtime)), handle))
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A running Kinesis server. Its records live in memory and end with it.
#[derive(Debug)]
pub struct SandboxKinesis {
    _runtime: OwnRuntime,
    server: LocalServer,
    client: aws_sdk_kinesis::Client,
    meter: Meter,
}

impl SandboxKinesis {
    /// Starts a server without streams.
    ///
    /// # Errors
    /// [`SandboxError::Listen`] if there is no port.
    pub async fn start(limits: ShardLimits) -> Result<Self, SandboxError> {
        let options = StoreOptions {
            create_stream_ms: OPERATION_MS,
            delete_stream_ms: OPERATION_MS,
            update_stream_ms: OPERATION_MS,
            shard_limit: SHARDS_MAX,
            enforce_limits: limits == ShardLimits::Enforced,
            aws_region: REGION.to_owned(),
            ..StoreOptions::default()
        };
        let (routes, store) = ferrokinesis::create_app(options);
        let routes = ReshardGate::guard(store, routes);
        let meter = Meter::default();
        let (runtime, handle) = OwnRuntime::start()?;
        let server = handle
            .spawn(LocalServer::start(SERVER, meter.measure(routes)))
            .await;
        let failed = |error: JoinError| SandboxError::Server {
            server: SERVER,
            detail: error.to_string(),
        };
        let server = server.map_err(failed)??;
        let client = kinesis_client(&server.endpoint());
        Ok(Self {
            _runtime: runtime,
            server,
            client,
            meter,
        })
    }

    /// Base URL of the server.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// A client of this server.
    pub fn client(&self) -> &aws_sdk_kinesis::Client {
        &self.client
    }

    /// What the server stored and refused.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Creates a stream of `shards_count` shards and waits until it is active.
    ///
    /// # Errors
    /// [`SandboxError::Request`] if the server refuses, or if the stream does not become active.
    pub async fn create_stream(&self, stream: &str, shards_count: u32) -> Result<(), SandboxError> {
        streams::create(&self.client, stream, shards_count).await
    }

    /// Waits until a stream is active, after it was created or resharded.
    ///
    /// # Errors
    /// [`SandboxError::Request`] if the server refuses, or if the stream does not become active.
    pub async fn wait_until_active(&self, stream: &str) -> Result<(), SandboxError> {
        streams::wait_until_active(&self.client, stream).await
    }

    /// Stops the server; its records are gone.
    ///
    /// # Errors
    /// [`SandboxError::Server`] if it failed.
    pub async fn stop(self) -> Result<(), SandboxError> {
        self.server.stop().await
    }
}
