//! Splits and merges shards of a live stream, through the API that operators use.
//!
//! What the local servers do otherwise than AWS: a step takes milliseconds and not half a minute, and records are
//! accepted by the parent until the moment at which it closes, with no time between. ferrokinesis takes the shards of a
//! merge in the order of their ranges only, and would split a shard that is closed; AWS takes either order, and refuses.
//! So only open shards are chosen here, the lower one first. Everywhere a stream has to be ACTIVE before each step:
//! while it is UPDATING, the next step is refused with `ResourceInUseException`.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::Shard;
use rand::Rng;
use serde::Serialize;

use super::SandboxError;
use super::clients::request_error;
use super::hash_keys::HashKeys;
use super::streams::{self, wait_until_active};

const SERVER: &str = "Kinesis";

/// A step of a resharding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReshardStep {
    /// One open shard becomes two.
    Split,
    /// Two neighbours become one.
    Merge,
}

/// An open shard and the hash keys it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OpenShard {
    shard_id: String,
    keys: HashKeys,
}

/// Does one step with shards that are drawn, waits until the stream is active again, and names the parents.
///
/// # Errors
/// [`SandboxError::Request`] if the server refuses, or if there is nothing to split or to merge.
pub async fn reshard(
    client: &Client,
    stream: &str,
    step: ReshardStep,
    rng: &mut impl Rng,
) -> Result<Vec<String>, SandboxError> {
    wait_until_active(client, stream).await?;
    let shards = open_shards(client, stream).await?;
    let parents = match step {
        ReshardStep::Split => split(client, stream, &shards, rng).await?,
        ReshardStep::Merge => merge(client, stream, &shards, rng).await?,
    };
    wait_until_active(client, stream).await?;
    Ok(parents)
}

async fn split(
    client: &Client,
    stream: &str,
    shards: &[OpenShard],
    rng: &mut impl Rng,
) -> Result<Vec<String>, SandboxError> {
    let chosen = shards.get(rng.random_range(0..shards.len().max(1)));
    let shard = chosen.ok_or_else(|| nothing(stream, "no open shard to split"))?;
    let middle = shard.keys.first + (shard.keys.last - shard.keys.first) / 2;
    let request = client.split_shard().stream_name(stream);
    let request = request.shard_to_split(&shard.shard_id);
    match request.new_starting_hash_key(middle.to_string()).send().await {
        Ok(_) => Ok(vec![shard.shard_id.clone()]),
        Err(error) => Err(request_error(
            SERVER,
            format!("SplitShard {}", shard.shard_id),
            error,
        )),
    }
}

async fn merge(
    client: &Client,
    stream: &str,
    shards: &[OpenShard],
    rng: &mut impl Rng,
) -> Result<Vec<String>, SandboxError> {
    let pairs = neighbours(shards);
    let chosen = pairs.get(rng.random_range(0..pairs.len().max(1)));
    let (low, high) = chosen.ok_or_else(|| nothing(stream, "no neighbours to merge"))?;
    let request = client.merge_shards().stream_name(stream);
    let request = request.shard_to_merge(&low.shard_id);
    match request.adjacent_shard_to_merge(&high.shard_id).send().await {
        Ok(_) => Ok(vec![low.shard_id.clone(), high.shard_id.clone()]),
        Err(error) => {
            let action = format!("MergeShards {} and {}", low.shard_id, high.shard_id);
            Err(request_error(SERVER, action, error))
        }
    }
}

async fn open_shards(client: &Client, stream: &str) -> Result<Vec<OpenShard>, SandboxError> {
    let shards = streams::shards(client, stream).await?;
    let mut shards: Vec<_> = shards.iter().filter_map(open_shard).collect();
    shards.sort_unstable_by_key(|shard| shard.keys.first);
    Ok(shards)
}

/// A shard that no sequence number ends, with its range.
fn open_shard(shard: &Shard) -> Option<OpenShard> {
    let is_closed = shard
        .sequence_number_range()
        .is_some_and(|range| range.ending_sequence_number().is_some());
    let keys = HashKeys::of_shard(shard).filter(|_| !is_closed)?;
    Some(OpenShard {
        shard_id: shard.shard_id().to_owned(),
        keys,
    })
}

/// The pairs of shards, given in the order of their ranges, that have nothing between them.
fn neighbours(shards: &[OpenShard]) -> Vec<(&OpenShard, &OpenShard)> {
    let pairs = shards.iter().zip(shards.iter().skip(1));
    pairs
        .filter(|(low, high)| low.keys.last.checked_add(1) == Some(high.keys.first))
        .collect()
}

fn nothing(stream: &str, detail: &str) -> SandboxError {
    SandboxError::Request {
        server: SERVER,
        action: format!("resharding {stream}"),
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_kinesis::types::{HashKeyRange, SequenceNumberRange};

    use super::*;

    fn shard(id: &str, first: &str, last: &str, end: Option<&str>) -> Shard {
        let hash_keys = HashKeyRange::builder()
            .starting_hash_key(first)
            .ending_hash_key(last);
        let numbers = SequenceNumberRange::builder().starting_sequence_number("1");
        Shard::builder()
            .shard_id(id)
            .hash_key_range(hash_keys.build().unwrap())
            .sequence_number_range(
                numbers
                    .set_ending_sequence_number(end.map(str::to_owned))
                    .build()
                    .unwrap(),
            )
            .build()
            .unwrap()
    }

    #[test]
    fn only_open_neighbours_can_be_merged() {
        let shards = [
            shard("closed", "0", "9", Some("5")),
            shard("low", "0", "4", None),
            shard("high", "5", "9", None),
            shard("far", "20", "29", None),
        ];
        let open: Vec<OpenShard> = shards.iter().filter_map(open_shard).collect();
        let ids: Vec<(&str, &str)> = neighbours(&open)
            .into_iter()
            .map(|(low, high)| (low.shard_id.as_str(), high.shard_id.as_str()))
            .collect();
        assert_eq!(open.len(), 3);
        assert_eq!(ids, [("low", "high")]);
    }
}
