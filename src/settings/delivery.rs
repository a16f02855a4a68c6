//! How records are delivered. Pure: no I/O, no clock.

use std::time::Duration;

use super::{OutOfRetention, RecreatedStream};

/// How records are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryConfig {
    /// What is done about records in doubt.
    pub guarantee: Guarantee,
    /// Whether the configuration names the guarantee; otherwise it depends on what the role may do.
    pub is_guarantee_chosen: bool,
    /// How long a request may outlive whoever sent it.
    pub settle: Duration,
    /// What to do with records in doubt that the stream no longer keeps.
    pub out_of_retention: OutOfRetention,
    /// What to do if another stream has the name by now.
    pub recreated_stream: RecreatedStream,
    /// What a partial failure may do to the order.
    pub ordering: Ordering,
    /// How fast a shard is written to.
    pub pace: Pace,
    /// How long a batch may wait for more records.
    pub linger: Duration,
    /// Whether several records travel as one.
    pub aggregation: Aggregation,
}

/// What is done about records in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarantee {
    /// They are sent again and may come twice.
    AtLeastOnce,
    /// They are looked for in the stream.
    Dedupe,
}

/// What a partial failure may do to the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ordering {
    /// A request has at most one record per partition key, so no record can overtake another of its key.
    Strict,
    /// Failed records and later ones of the same partition key are sent again before anything newer.
    Final,
    /// Failed records are sent again alone.
    None,
}

/// Whether several records travel as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregation {
    /// Each row is a record of its own.
    None,
    /// All rows of a request are one record in the format of the Kinesis Producer Library.
    Kpl,
}

/// How fast a shard is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// The documented limits of a shard.
    Service,
    /// As fast as it goes.
    Off,
    /// Own limits per shard.
    Custom {
        /// Records per second and shard.
        records_per_second: u32,
        /// Bytes per second and shard.
        bytes_per_second: u64,
    },
}
