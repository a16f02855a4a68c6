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
    /// The shard that stored what was last sent to a hash key.
    last: Mutex<HashMap<u128, String>>,
}

impl ShardBook {
    /// An empty book about the streams of the server at `endpoint`.
    pub(super) fn new(endpoint: &str) -> Self {
        Self {
            client: kinesis_client(endpoint),
            known: Mutex::default(),
            last: Mutex::default(),
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

    /// How many records of these aggregated ones, given with the hash key that each was sent to, went to another
    /// shard than their sender meant: a shard that begins elsewhere, or one that was merged into a new one. The first
    /// one after a merge counts whether its sender knew of the merge or not, so the number is an upper bound.
    pub(super) async fn count_elsewhere<'a>(
        &self,
        aggregates: impl Iterator<Item = (u128, &'a str, u64)>,
        shards: &HashMap<String, HashKeys>,
    ) -> u64 {
        let mut last = self.last.lock().await;
        let mut elsewhere = 0;
        for (aim, shard_id, count) in aggregates {
            let before = last.insert(aim, shard_id.to_owned());
            let is_new = before.is_some_and(|before| before != shard_id);
            let begins_there = shards.get(shard_id).is_some_and(|keys| keys.first == aim);
            if is_new || !begins_there {
                elsewhere += count;
            }
        }
        elsewhere
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_merge_takes_away_from_its_shard_went_elsewhere() {
        let book = ShardBook::new("http://127.0.0.1:1");
        let keys = |first, last| HashKeys { first, last };
        let shards = [("low", keys(0, 4)), ("high", keys(5, 9)), ("merged", keys(0, 9))];
        let shards = HashMap::from(shards.map(|(shard_id, keys)| (shard_id.to_owned(), keys)));
        let sent = [
            (0, "low"),
            (5, "high"),
            (0, "low"),
            (0, "merged"),
            (5, "merged"),
            (0, "merged"),
        ];
        let mut counts = Vec::new();
        for (aim, shard_id) in sent {
            let aggregates = [(aim, shard_id, 10)].into_iter();
            counts.push(book.count_elsewhere(aggregates, &shards).await);
        }
        assert_eq!(counts, [0, 0, 0, 10, 10, 0]);
    }
}
