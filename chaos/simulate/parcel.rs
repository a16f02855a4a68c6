//! What travels to the stream: records one by one, or many in an aggregate.

use bucket_brigade::model::BatchRecord;
use bucket_brigade::route::shard_map::HashKey;
use bucket_brigade::sink::kpl::Aggregate;

use super::world::{ContentIndex, Contents};

/// A record of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) record: BatchRecord,
    /// What it says; `None` for a `sync` record.
    pub(crate) content: Option<ContentIndex>,
}

impl Row {
    /// Where it is sent.
    pub(crate) fn hash_key(&self, contents: &Contents) -> HashKey {
        let of_content = || self.content.map(|content| contents.of(content).hash_key);
        self.record
            .explicit_hash_key()
            .or_else(of_content)
            .expect("a row with a content, or a link")
    }
}

/// One record as the service takes it.
#[derive(Debug)]
pub(crate) enum Parcel {
    /// A record of a batch as it is.
    Single(Row),
    /// All records of a request in one.
    Aggregate {
        aggregate: Aggregate,
        /// The shard it is for.
        meant: usize,
    },
}
