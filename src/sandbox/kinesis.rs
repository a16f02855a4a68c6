//! The embedded Kinesis server: ferrokinesis in memory, metered, on loopback.

use std::time::Duration;

use aws_sdk_kinesis::types::StreamStatus;
use ferrokinesis::store::StoreOptions;

use super::clients::{kinesis_client, request_error};
use super::meter::Meter;
use super::refusals::Refusals;
use super::server::LocalServer;
use super::{REGION, SandboxError};

const SERVER: &str = "Kinesis";
/// Simulated time that stream operations take; AWS takes seconds.
const OPERATION_MS: u64 = 10;
/// Pause between two looks at a stream that is being created.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// Looks at a stream that is being created before giving up.
const POLLS_MAX: u32 = 2_000;
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

/// A running Kinesis server. Its records live in memory and end with it.
#[derive(Debug)]
pub struct SandboxKinesis {
    server: LocalServer,
    client: aws_sdk_kinesis::Client,
    meter: Meter,
}

impl SandboxKinesis {
    /// Starts a server without streams that refuses some records.
    ///
    /// # Errors
    /// [`SandboxError::Listen`] if there is no port.
    pub async fn start(limits: ShardLimits, refusals: &Refusals) -> Result<Self, SandboxError> {
        let options = StoreOptions {
            create_stream_ms: OPERATION_MS,
            delete_stream_ms: OPERATION_MS,
            update_stream_ms: OPERATION_MS,
            shard_limit: SHARDS_MAX,
            enforce_limits: limits == ShardLimits::Enforced,
            aws_region: REGION.to_owned(),
            ..StoreOptions::default()
        };
        let (routes, _store) = ferrokinesis::create_app(options);
        let meter = Meter::default();
        let server = LocalServer::start(SERVER, meter.measure(refusals.guard(routes))).await?;
        let client = kinesis_client(&server.endpoint());
        Ok(Self {
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
        let shards = i32::try_from(shards_count).unwrap_or(i32::MAX);
        let request = self
            .client
            .create_stream()
            .stream_name(stream)
            .shard_count(shards);
        if let Err(error) = request.send().await {
            return Err(request_error(SERVER, format!("CreateStream {stream}"), error));
        }
        self.wait_until_active(stream).await
    }

    /// Waits until a stream is active, after it was created or resharded.
    ///
    /// # Errors
    /// [`SandboxError::Request`] if the server refuses, or if the stream does not become active.
    pub async fn wait_until_active(&self, stream: &str) -> Result<(), SandboxError> {
        for _ in 0..POLLS_MAX {
            let request = self.client.describe_stream_summary().stream_name(stream);
            match request.send().await {
                Ok(answer) => {
                    let summary = answer.stream_description_summary();
                    if summary.is_some_and(|summary| *summary.stream_status() == StreamStatus::Active) {
                        return Ok(());
                    }
                }
                Err(error) => {
                    return Err(request_error(
                        SERVER,
                        format!("DescribeStreamSummary {stream}"),
                        error,
                    ));
                }
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Err(SandboxError::Request {
            server: SERVER,
            action: format!("CreateStream {stream}"),
            detail: "the stream did not become active".to_owned(),
        })
    }

    /// Stops the server; its records are gone.
    ///
    /// # Errors
    /// [`SandboxError::Server`] if it failed.
    pub async fn stop(self) -> Result<(), SandboxError> {
        self.server.stop().await
    }
}
