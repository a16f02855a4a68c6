//! Where records go. Pure: no I/O, no clock.

use std::path::PathBuf;
use std::time::Duration;

/// A stream or a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetConfig {
    /// An Amazon Kinesis data stream.
    Kinesis {
        /// Stream name.
        stream: String,
        /// Region; `None` leaves it to the SDK's provider chain.
        region: Option<String>,
        /// Custom endpoint.
        endpoint: Option<String>,
        /// Time allowed for one request.
        request_timeout: Duration,
    },
    /// Files on this machine, one per shard.
    Ndjson {
        /// The folder.
        path: PathBuf,
        /// How many shards to pretend.
        shards: u32,
    },
}
