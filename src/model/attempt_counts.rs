//! What it took to get a batch through. Pure: no I/O, no clock.

/// What it took to get a batch through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttemptCounts {
    /// Requests sent.
    pub requests: u64,
    /// Records that were refused for certain and sent again.
    pub refused: u64,
    /// Records whose outcome was unknown.
    pub doubtful: u64,
    /// Records that were in doubt and turned out to be stored: repeats that looking prevented.
    pub found: u64,
    /// Records that a process before this one had sent: repeats that looking prevented after its end.
    pub recovered: u64,
    /// Records that were stored and sent again to keep the last state of their key right: certain repeats.
    pub repeated: u64,
    /// Records of one request that were stored in another order than they were sent in.
    pub inversions: u64,
}
