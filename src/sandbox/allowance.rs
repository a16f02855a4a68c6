//! What a run may have done and still pass. Pure: no I/O, no clock.

use serde::Serialize;

/// What a run may have done and still pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Allowance {
    /// Records that may be repeats.
    pub repeats_max: u64,
    /// How far file order must be kept.
    pub file_order: FileOrder,
}

/// How far file order must be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileOrder {
    /// All records of a shard come in file order.
    PerShard,
    /// All records of a partition key end in file order; a shard that refused records may mix keys.
    PerKey,
    /// All records of a partition key come in file order, at any moment; only a replay may go back.
    PerKeyAlways,
    /// Nothing is promised.
    None,
}

impl Allowance {
    /// Each row once, each shard in file order.
    pub const NOTHING: Self = Self {
        repeats_max: 0,
        file_order: FileOrder::PerShard,
    };
}
