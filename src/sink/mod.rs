//! Where records go: one small seam, several backends (Kinesis, NDJSON files, memory for tests).
//!
//! Here: the wire, the answers of a service, and the container that holds several records. A new target is a folder here.
//! Not here: what to do about an answer (`publish`).

use std::fmt::{Debug, Display};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::aws::witness::Witness;
use crate::fault::{Certainty, Fault, FaultKind};
use crate::flow::outage::Outlasted;
use crate::model::BatchRecord;
use crate::route::lineage::Lineage;
use crate::route::shard_map::{Shard, ShardMap};

#[cfg(feature = "testkit")]
pub mod conformance;
pub mod kinesis;
pub mod kpl;
#[cfg(feature = "testkit")]
pub mod memory;
pub mod ndjson;
pub mod pages;
pub mod patient;

/// What a stream is and takes, asked once per generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamDescription {
    /// Its open shards.
    pub shards: ShardMap,
    /// All shards it still knows, the open ones included, with their parents.
    pub lineage: Lineage,
    /// Largest record (message plus partition key) it takes, in bytes.
    pub record_bytes_max: usize,
    /// Stable identity: ARN and creation time for Kinesis. Differs if a stream was re-created by the same name.
    pub identity: String,
}

/// Error code of a record that was meant for another shard than the one that has it now. If it travelled in an
/// aggregate, consumers drop it after a split, and see it after a merge.
pub const SHARD_MAP_CHANGED: &str = "ShardMapChanged";

/// The answer to one record of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutEntry {
    /// Stored, with its sequence number. There is no other way to say that a record was stored.
    Stored {
        /// The sequence number, decimal digits.
        sequence_number: String,
        /// The shard that took it.
        shard_id: Arc<str>,
    },
    /// Refused, or in doubt.
    Failed {
        /// The service's error code.
        code: String,
        /// The service's message.
        message: String,
        /// Throttling certainly stored nothing; anything else may have.
        certainty: Certainty,
    },
}

/// What is known of the right to write records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteRight {
    /// It is there.
    Granted,
    /// Nobody can say without a record that is written.
    NotAsked,
}

/// A place that takes records.
///
/// Every backend passes the same conformance suite.
#[async_trait]
pub trait RecordSink: Debug + Display + Send + Sync {
    /// The open shards and limits of the stream.
    ///
    /// # Errors
    /// If the stream is missing, not permitted or unreachable.
    async fn describe(&self) -> Result<StreamDescription, SinkError>;

    /// Puts records of one shard, once: no hidden retry. The answer has one entry per record, in order.
    ///
    /// # Errors
    /// If the request failed as a whole.
    async fn put(&self, shard: &Shard, records: &[BatchRecord]) -> Result<Vec<PutEntry>, SinkError>;

    /// Reads a shard, open or closed, from a place on.
    ///
    /// A record that is gone, because the retention passed, shows in one of three ways: the call is refused, the pages
    /// begin at the oldest record that is still there, or they stay empty and their distance from the end does not
    /// shrink.
    ///
    /// # Errors
    /// [`SinkError::Refused`] if the place is no longer there, or what keeps the shard from being read.
    async fn read(&self, shard: &Shard, start: ReadStart) -> Result<Box<dyn ShardReader>, SinkError>;

    /// Checks that a shard may be read back.
    ///
    /// # Errors
    /// What is missing or not permitted.
    async fn check_readable(&self, shard: &Shard) -> Result<(), SinkError> {
        let mut reader = self.read(shard, ReadStart::Oldest).await?;
        reader.next_page().await.map(drop)
    }

    /// Checks that records may be written, without writing one, where that can be asked.
    ///
    /// # Errors
    /// What is missing or not permitted.
    async fn check_writable(&self) -> Result<WriteRight, SinkError> {
        Ok(WriteRight::NotAsked)
    }

    /// What the answers of a service say by the way; `None` where there is no service.
    fn witness(&self) -> Option<&Witness> {
        None
    }
}

impl PutEntry {
    /// Whether the record does not belong to the shard that was meant any more: another one took it, or it was not
    /// sent for that reason.
    pub fn is_elsewhere(&self, meant: &str) -> bool {
        match self {
            Self::Stored { shard_id, .. } => **shard_id != *meant,
            Self::Failed { .. } => self.is_map_changed(),
        }
    }

    /// Whether the record failed because it was meant for a shard that no longer has it.
    pub fn is_map_changed(&self) -> bool {
        match self {
            Self::Stored { .. } => false,
            Self::Failed { code, .. } => code == SHARD_MAP_CHANGED,
        }
    }
}

/// Where to begin reading a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadStart {
    /// At the oldest record that is still there.
    Oldest,
    /// At the record with this sequence number, that one included.
    At(String),
    /// After the record with this sequence number.
    After(String),
    /// At the first record that arrived at this time or later, in milliseconds since the epoch; approximate.
    Since(i64),
    /// After the newest record, whenever reading begins.
    Latest,
}

/// Reads one shard, page by page.
#[async_trait]
pub trait ShardReader: Debug + Send {
    /// The next records, in the order of the shard. A page may be empty although more are to come.
    ///
    /// # Errors
    /// If they cannot be read now; the same page may be asked for again.
    async fn next_page(&mut self) -> Result<ReadPage, SinkError>;
}

/// Some records of a shard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadPage {
    /// The records, in order.
    pub records: Vec<SeenRecord>,
    /// How far behind the end of the shard this page is, in milliseconds; 0 at its end.
    pub behind_ms: u64,
    /// Whether the shard is closed and nothing comes after this page.
    pub is_last: bool,
    /// The first stored record of the page, also if consumers drop it; `None` if there is none.
    pub first: Option<PageEdge>,
    /// The last one.
    pub last: Option<PageEdge>,
}

/// A stored record at an end of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageEdge {
    /// Sequence number, decimal digits.
    pub sequence_number: String,
    /// About when it arrived, in milliseconds since the epoch of the service's clock; `None` where that is not kept.
    pub arrived_ms: Option<i64>,
}

impl ReadPage {
    /// A page of records whose times of arrival are not kept and of which none was dropped.
    pub fn of(records: Vec<SeenRecord>, behind_ms: u64, is_last: bool) -> Self {
        let edge = |record: &SeenRecord| PageEdge {
            sequence_number: record.sequence_number.clone(),
            arrived_ms: None,
        };
        let (first, last) = (records.first().map(edge), records.last().map(edge));
        Self {
            records,
            behind_ms,
            is_last,
            first,
            last,
        }
    }
}

/// A record as a consumer sees it, taken out of the aggregated record it may have come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRecord {
    /// Sequence number, decimal digits; shared by the members of an aggregated record.
    pub sequence_number: String,
    /// Which member of an aggregated record it is, from 0.
    pub member: Option<usize>,
    /// Partition key.
    pub partition_key: String,
    /// The message.
    pub payload: Bytes,
}

/// How a request failed as a whole.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SinkError {
    /// The stream does not exist.
    #[error("{stream} does not exist; create it or correct target.kinesis.stream")]
    Missing {
        /// The stream.
        stream: String,
    },
    /// Not permitted.
    #[error("{action} on {stream} was denied: {detail}")]
    Denied {
        /// The permission that is missing, for example `kinesis:PutRecords`.
        action: &'static str,
        /// The stream.
        stream: String,
        /// What the service said.
        detail: String,
    },
    /// The whole request was throttled: nothing was stored.
    #[error("{stream} throttled the request: {detail}")]
    Throttled {
        /// The stream.
        stream: String,
        /// What the service said.
        detail: String,
    },
    /// Nothing was sent, or the service certainly stored nothing: expired token, connect refused.
    #[error("{action} on {stream} did not reach the service: {detail}")]
    NotSent {
        /// What was tried.
        action: &'static str,
        /// The stream.
        stream: String,
        /// The error.
        detail: String,
    },
    /// The stream is being created: later it can be used.
    #[error("{stream} cannot be used yet: {detail}")]
    NotReady {
        /// The stream.
        stream: String,
        /// What it is waiting for.
        detail: String,
    },
    /// Away for longer than the task waits.
    #[error(transparent)]
    Outlasted(#[from] Outlasted),
    /// The outcome is unknown: time-out, reset, 5xx, an answer that could not be read.
    #[error("the outcome of {action} on {stream} is unknown: {detail}")]
    Doubtful {
        /// What was tried.
        action: &'static str,
        /// The stream.
        stream: String,
        /// The error.
        detail: String,
    },
    /// Files could not be written; trying again cannot help.
    #[error("{action} on {stream} failed: {detail}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The folder or file.
        stream: String,
        /// The error.
        detail: String,
    },
    /// The request is wrong, or the stream is not one to be used; trying again cannot help.
    #[error("{action} on {stream} was refused: {detail}")]
    Refused {
        /// What was tried.
        action: &'static str,
        /// The stream.
        stream: String,
        /// What the service said.
        detail: String,
    },
    /// The request is wrong because of what is in it; nothing was stored, and a part of it may be taken.
    #[error("{action} on {stream} was refused because of its records: {detail}")]
    RecordsRefused {
        /// What was tried.
        action: &'static str,
        /// The stream.
        stream: String,
        /// What the service said.
        detail: String,
    },
}

impl SinkError {
    /// Whether the stream did not answer or cannot be used yet, so that another attempt may get through.
    pub fn is_away(&self) -> bool {
        matches!(
            self,
            Self::NotSent { .. } | Self::Doubtful { .. } | Self::NotReady { .. }
        )
    }
}

impl From<SinkError> for Fault {
    fn from(error: SinkError) -> Self {
        let kind = match &error {
            SinkError::Missing { .. } => FaultKind::SourceMissing,
            SinkError::Denied { .. } => FaultKind::PermissionDenied,
            SinkError::Throttled { .. }
            | SinkError::NotSent { .. }
            | SinkError::NotReady { .. }
            | SinkError::Doubtful { .. } => FaultKind::Unreachable,
            SinkError::Outlasted(_) => FaultKind::Outlasted,
            SinkError::Io { .. } => FaultKind::StateIo,
            SinkError::Refused { .. } | SinkError::RecordsRefused { .. } => FaultKind::Configuration,
        };
        Self::new(kind, error.to_string())
    }
}
