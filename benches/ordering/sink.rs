//! The embedded Kinesis server in a process of its own, and a reader that counts what it stored.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use bucket_brigade::config::Aggregation;
use bucket_brigade::sandbox::clients::sandbox_configuration;
use bucket_brigade::sandbox::kinesis::{SandboxKinesis, ShardLimits};
use bucket_brigade::sink::kinesis::{KinesisOptions, KinesisSink};
use bucket_brigade::sink::{ReadStart, RecordSink};

use crate::support::Trouble;
use crate::support::engine::STREAM;

/// First argument of the benchmark when it is to be the server.
pub(crate) const ROLE: &str = "embedded-sink";
const SHARDS_COUNT: u32 = 2;

/// The running server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct EmbeddedSink {
    child: Child,
    input: Option<ChildStdin>,
    /// Base URL.
    pub(crate) endpoint: String,
}

impl EmbeddedSink {
    /// Starts this very program as the server.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) fn start() -> Result<Self, Trouble> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(ROLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let mut endpoint = String::new();
        BufReader::new(child.stdout.take().ok_or("the server has no output")?).read_line(&mut endpoint)?;
        Ok(Self {
            child,
            input,
            endpoint: endpoint.trim().to_owned(),
        })
    }

    /// Bytes of all messages and keys in the stream, aggregates taken apart.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn stored_bytes(&self) -> Result<f64, Trouble> {
        let runtime = tokio::runtime::Runtime::new()?;
        let options = KinesisOptions {
            stream: STREAM.to_owned(),
            region: None,
            endpoint: Some(self.endpoint.clone()),
            request_timeout: Duration::from_mins(1),
            aggregation: Aggregation::None,
        };
        let sink = KinesisSink::new(
            &sandbox_configuration(&self.endpoint),
            options,
            runtime.handle().clone(),
        );
        runtime.block_on(async {
            let mut bytes = 0.0;
            for shard in sink.describe().await?.shards.shards() {
                let mut reader = sink.read(shard, ReadStart::Oldest).await?;
                loop {
                    let page = reader.next_page().await?;
                    let is_end = page.records.is_empty() && page.behind_ms == 0;
                    for record in page.records {
                        let length = record.payload.len() + record.partition_key.len();
                        bytes += f64::from(u32::try_from(length)?);
                    }
                    if is_end {
                        break;
                    }
                }
            }
            Ok(bytes)
        })
    }
}

impl Drop for EmbeddedSink {
    fn drop(&mut self) {
        // Its input ends, and with it the process.
        drop(self.input.take());
        self.child.wait().ok();
    }
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
    let mut out = std::io::stdout();
    writeln!(out, "{}", server.endpoint())?;
    out.flush()?;
    for line in std::io::stdin().lines() {
        line?;
    }
    Ok(())
}
