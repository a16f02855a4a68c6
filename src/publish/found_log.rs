//! Says how many records in doubt were found in the stream.

use crate::model::AttemptCounts;

/// What the line of the log is filed under that each request has.
pub const FOUND_TARGET: &str = "bucket_brigade::found";
/// What it says, with the counts, of a request some of whose records were in the stream already.
pub const FOUND_IN_STREAM: &str = "records in doubt were found in the stream and are not sent again";

/// The finds of one shard.
#[derive(Debug)]
pub(super) struct FoundLog {
    shard_id: String,
    /// Records that a process before this one had sent, since this was last said.
    recovered: u64,
}

impl FoundLog {
    pub(super) fn new(shard_id: String) -> Self {
        Self {
            shard_id,
            recovered: 0,
        }
    }

    /// A request is through. It has a line of its own where somebody asks for it; what a process before this one had sent
    /// is said once, when nothing more of it is found.
    pub(super) fn settled(&mut self, counts: AttemptCounts) {
        let AttemptCounts { recovered, found, .. } = counts;
        let shard = &self.shard_id;
        if recovered + found > 0 {
            tracing::debug!(target: FOUND_TARGET, shard, recovered, found, "{FOUND_IN_STREAM}");
        }
        if found > 0 {
            tracing::info!(
                shard,
                found,
                "of a request without an answer these records are stored"
            );
        }
        self.recovered += recovered;
        if recovered == 0 {
            self.sum_up();
        }
    }

    fn sum_up(&mut self) {
        let recovered = std::mem::take(&mut self.recovered);
        if recovered > 0 {
            tracing::info!(
                shard = self.shard_id,
                recovered,
                "these records of the process before this one were in the stream and are not sent again"
            );
        }
    }
}

impl Drop for FoundLog {
    fn drop(&mut self) {
        self.sum_up();
    }
}
