//! What is known of the target without writing to it, and how much is known if it cannot be asked.

use std::time::Duration;

use super::backends;
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::limits::RECORD_BYTES_DEFAULT;
use crate::route::lane::LaneIndex;
use crate::route::shard_map::{HashKey, ShardMap};
use crate::settings::{SourcePosition, TargetConfig};

/// How long a stream is asked before it counts as unreachable.
const PATIENCE: Duration = Duration::from_secs(10);

/// The shards and limits of the target, as far as they are known.
#[derive(Debug, Clone)]
pub(super) struct StreamView {
    /// Its name.
    pub(super) name: String,
    /// Its open shards; `None` if it was not or could not be asked.
    pub(super) shards: Option<ShardMap>,
    /// Largest record it takes, or the service's default.
    pub(super) record_bytes_max: usize,
    /// Why the shards are not known.
    pub(super) problem: Option<String>,
    is_chained: bool,
}

impl StreamView {
    /// Asks the target. That it cannot be asked is an answer too.
    pub(super) async fn of(config: &Config, is_offline: bool) -> Self {
        let is_chained = config.message.source_position == SourcePosition::Chain;
        let (name, asked) = match &config.target {
            // Opening the files would create or repair them; their shards follow from their number alone.
            TargetConfig::Ndjson { path, shards } => {
                let map = ShardMap::uniform(*shards).map_err(|error| error.to_string());
                (
                    path.display().to_string(),
                    map.map(|map| (map, RECORD_BYTES_DEFAULT)),
                )
            }
            TargetConfig::Kinesis { stream, .. } if is_offline => {
                (stream.clone(), Err("not asked (--offline)".to_owned()))
            }
            TargetConfig::Kinesis { stream, .. } => (
                stream.clone(),
                describe(config).await.map_err(|fault| fault.message),
            ),
        };
        let (known, problem) = match asked {
            Ok(known) => (Some(known), None),
            Err(problem) => (None, Some(problem)),
        };
        let record_bytes_max = known.as_ref().map_or(RECORD_BYTES_DEFAULT, |(_, bytes)| *bytes);
        Self {
            name,
            shards: known.map(|(shards, _)| shards),
            record_bytes_max,
            problem,
            is_chained,
        }
    }

    /// The point of the hash space that a record goes to.
    pub(super) fn hash_key(&self, partition_key: &[u8]) -> HashKey {
        let hash_key = HashKey::of_partition_key(partition_key);
        if self.is_chained {
            LaneIndex::of(hash_key).point()
        } else {
            hash_key
        }
    }

    /// The name of the shard that a record goes to, if the shards are known.
    pub(super) fn shard_id(&self, partition_key: &[u8]) -> Option<&str> {
        let shards = self.shards.as_ref()?;
        let index = shards.locate(self.hash_key(partition_key));
        shards.shard(index).map(|shard| shard.id.as_str())
    }

    /// The index of the shard that a record goes to; 0 if the shards are unknown.
    pub(super) fn shard_index(&self, partition_key: &[u8]) -> usize {
        let shards = self.shards.as_ref();
        shards.map_or(0, |shards| shards.locate(self.hash_key(partition_key)).0)
    }

    /// How many shards are open, if that is known.
    pub(super) fn shards_count(&self) -> Option<usize> {
        self.shards.as_ref().map(|shards| shards.shards().len())
    }
}

async fn describe(config: &Config) -> Result<(ShardMap, usize), Fault> {
    let sink = backends::sink(config).await?;
    let described = tokio::time::timeout(PATIENCE, sink.describe()).await;
    let described = described.map_err(|_elapsed| {
        let seconds = PATIENCE.as_secs();
        Fault::new(
            FaultKind::Unreachable,
            format!("{sink} gave no answer within {seconds} s"),
        )
    })?;
    let stream = described.map_err(Fault::from)?;
    Ok((stream.shards, stream.record_bytes_max))
}
