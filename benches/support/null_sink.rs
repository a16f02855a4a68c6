//! The Kinesis server that stores nothing, in a process of its own.

use bucket_brigade::sandbox::null_kinesis::NullKinesis;

use super::Trouble;
use super::server::{Server, serve};

/// First argument of the benchmark when it is to be the sink.
pub const ROLE: &str = "null-sink";
/// Shards of every stream of it.
pub const SHARDS_COUNT: u32 = 4;

/// The running sink; it ends when this is dropped.
#[derive(Debug)]
pub struct NullSink(Server);

/// What the sink has taken since it started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taken {
    /// Records.
    pub records_count: u64,
    /// Bytes of their messages.
    pub bytes_count: u64,
}

impl NullSink {
    /// Starts this very program as the sink.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start() -> Result<Self, Trouble> {
        Server::start(ROLE).map(Self)
    }

    /// Base URL.
    pub fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    /// What it has taken so far.
    ///
    /// # Errors
    /// If it is gone.
    pub fn taken(&mut self) -> Result<Taken, Trouble> {
        let line = self.0.ask("count")?;
        let (records, bytes) = line.split_once(' ').ok_or("the sink did not count")?;
        Ok(Taken {
            records_count: records.parse()?,
            bytes_count: bytes.parse()?,
        })
    }
}

/// Is the sink until the input ends.
///
/// # Errors
/// If there is no port.
pub fn be() -> Result<(), Trouble> {
    let runtime = tokio::runtime::Runtime::new()?;
    let server = runtime.block_on(NullKinesis::start(SHARDS_COUNT))?;
    serve(&server.endpoint(), || {
        format!("{} {}", server.reading().stored_count, server.payload_bytes())
    })
}
