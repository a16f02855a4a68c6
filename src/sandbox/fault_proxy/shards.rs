//! What belongs into which shard, asked for when an answer names a shard that is not known: shards never change, but
//! new ones come.

use std::collections::HashMap;

use aws_sdk_kinesis::Client;
use tokio::sync::Mutex;

use crate::sandbox::clients::kinesis_client;
use crate::sandbox::hash_keys::HashKeys;
use crate::sandbox::streams;

/// The shards that were named so far.
#[derive(Debug)]
pub(super) struct ShardBook {
    client: Client,
    /// By stream and shard id.
    known: Mutex<HashMap<String, HashMap<String, HashKeys>>>,
}

impl ShardBook {
    /// An empty book about the streams of the server at `endpoint`.
    pub(super) fn new(endpoint: &str) -> Self {
        Self {
            client: kinesis_client(endpoint),
            known: Mutex::default(),
        }
    }

    /// What belongs into each of these shards of a stream.
    ///
    /// # Errors
    /// What the server said, or which shard it does not know.
    pub(super) async fn known(
        &self,
        stream: &str,
        named: Vec<&str>,
    ) -> Result<HashMap<String, HashKeys>, String> {
        let mut asked = HashMap::new();
        let mut books = self.known.lock().await;
        let known = books.entry(stream.to_owned()).or_default();
        for shard_id in named {
            if !known.contains_key(shard_id) {
                let shards = streams::shards(&self.client, stream).await;
                let shards = shards.map_err(|error| error.to_string())?;
                let ranges = shards
                    .iter()
                    .filter_map(|shard| Some((shard.shard_id.clone(), HashKeys::of_shard(shard)?)));
                known.extend(ranges);
            }
            let hash_keys = known
                .get(shard_id)
                .ok_or_else(|| format!("{stream} has no shard {shard_id}"))?;
            asked.insert(shard_id.to_owned(), *hash_keys);
        }
        Ok(asked)
    }
}
