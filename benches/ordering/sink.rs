//! The embedded Kinesis server in a process of its own, and a reader that counts what it stored.

use std::time::Duration;

use bucket_brigade::sandbox::clients::sandbox_configuration;
use bucket_brigade::sandbox::kinesis::{SandboxKinesis, ShardLimits};
use bucket_brigade::settings::Aggregation;
use bucket_brigade::sink::kinesis::{KinesisOptions, KinesisSink};
use bucket_brigade::sink::pages::Pages;
use bucket_brigade::sink::{ReadStart, RecordSink};

use crate::support::Trouble;
use crate::support::engine::STREAM;
use crate::support::server::serve;

/// First argument of the benchmark when it is to be the server.
pub(crate) const ROLE: &str = "embedded-sink";
const SHARDS_COUNT: u32 = 2;

/// Bytes of all messages and keys in the stream, aggregates taken apart.
///
/// # Errors
/// If they cannot be read.
pub(crate) fn stored_bytes(endpoint: &str) -> Result<f64, Trouble> {
    let runtime = tokio::runtime::Runtime::new()?;
    let options = KinesisOptions {
        stream: STREAM.to_owned(),
        region: None,
        endpoint: Some(endpoint.to_owned()),
        request_timeout: Duration::from_mins(1),
        aggregation: Aggregation::None,
    };
    let sink = KinesisSink::new(
        &sandbox_configuration(endpoint),
        options,
        runtime.handle().clone(),
    );
    runtime.block_on(async {
        let mut bytes = 0.0;
        for shard in sink.describe().await?.shards.shards() {
            let reader = sink.read(shard, ReadStart::Oldest).await?;
            for record in Pages::new(reader, Duration::ZERO, Some(1)).all().await? {
                let length = record.payload.len() + record.partition_key.len();
                bytes += f64::from(u32::try_from(length)?);
            }
        }
        Ok(bytes)
    })
}

/// Is the server until the input ends.
///
/// # Errors
/// If there is no port.
pub(crate) fn be() -> Result<(), Trouble> {
    let runtime = tokio::runtime::Runtime::new()?;
    let server = runtime.block_on(async {
        let server = SandboxKinesis::start(ShardLimits::Off).await?;
        server.create_stream(STREAM, SHARDS_COUNT).await?;
        Ok::<_, Trouble>(server)
    })?;
    serve(&server.endpoint(), String::new)
}
