//! An independent consumer: plain `GetShardIterator` and GetRecords over all shards, from the oldest record to the end.
//!
//! Records of the Kinesis Producer Library are taken apart as AWS's own libraries do it; an aggregated record of which
//! a single member belongs to another shard is dropped as a whole, in silence, as the Kinesis Client Library does, and
//! counted here.
//!
//! It shares no code with the engine. Parents are read before their children, so that what one partition key got
//! comes in the order in which it was put, also across a reshard.

use crate::saturate;

use std::collections::BTreeSet;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{Record, Shard, ShardIteratorType};

use super::SandboxError;
use super::clients::request_error;
use super::deaggregate::{members, span_of};
use super::hash_keys::HashKeys;
use super::streams;

const SERVER: &str = "Kinesis";

/// One record as a consumer gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumedRecord {
    /// Its sequence number, which is the same for all members of an aggregated record.
    pub sequence_number: String,
    /// Its partition key.
    pub partition_key: String,
    /// Its bytes.
    pub payload: Vec<u8>,
}

/// A shard that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedShard {
    /// The shard.
    pub shard_id: String,
    /// What belongs into it.
    pub hash_keys: HashKeys,
}

/// All records of one shard, in the order of the shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumedShard {
    /// The shard.
    pub shard_id: String,
    /// Its records.
    pub records: Vec<ConsumedRecord>,
}

/// Reads a whole stream into memory: parents before children, otherwise in the order of ListShards.
///
/// # Errors
/// [`SandboxError::Request`] if a request fails.
pub async fn read_stream(client: &Client, stream: &str) -> Result<Vec<ConsumedShard>, SandboxError> {
    let mut shards = Vec::new();
    for shard in list_shards(client, stream).await? {
        let mut records = Vec::new();
        read_shard(client, stream, &shard, |page| records.extend(page)).await?;
        let shard_id = shard.shard_id;
        shards.push(ConsumedShard { shard_id, records });
    }
    Ok(shards)
}

/// The shards of a stream, closed ones included, parents before children.
///
/// # Errors
/// [`SandboxError::Request`] if a request fails.
pub async fn list_shards(client: &Client, stream: &str) -> Result<Vec<ListedShard>, SandboxError> {
    let shards = parents_first(streams::shards(client, stream).await?);
    let listed = |shard: Shard| {
        let hash_keys = HashKeys::of_shard(&shard).ok_or_else(|| SandboxError::Request {
            server: SERVER,
            action: format!("ListShards {stream}"),
            detail: format!("{} has no range of hash keys", shard.shard_id),
        })?;
        Ok(ListedShard {
            shard_id: shard.shard_id,
            hash_keys,
        })
    };
    shards.into_iter().map(listed).collect()
}

/// Reads one shard from its oldest record to its end and hands over page after page, in order; gives how many records
/// were in aggregated ones that consumers drop.
///
/// The end is the end of a closed shard, or an empty page with nothing after it.
///
/// # Errors
/// [`SandboxError::Request`] if a request fails.
pub async fn read_shard(
    client: &Client,
    stream: &str,
    shard: &ListedShard,
    mut take: impl FnMut(Vec<ConsumedRecord>),
) -> Result<u64, SandboxError> {
    let shard_id = &shard.shard_id;
    let mut dropped = 0;
    let request = client.get_shard_iterator().stream_name(stream).shard_id(shard_id);
    let request = request.shard_iterator_type(ShardIteratorType::TrimHorizon);
    let mut next = match request.send().await {
        Ok(answer) => answer.shard_iterator,
        Err(error) => {
            return Err(request_error(
                SERVER,
                format!("GetShardIterator {shard_id}"),
                error,
            ));
        }
    };
    while let Some(iterator) = next {
        let page = match client.get_records().shard_iterator(iterator).send().await {
            Ok(page) => page,
            Err(error) => return Err(request_error(SERVER, format!("GetRecords {shard_id}"), error)),
        };
        let is_at_end = page.records.is_empty() && page.millis_behind_latest.unwrap_or_default() == 0;
        next = if is_at_end { None } else { page.next_shard_iterator };
        if !page.records.is_empty() {
            let mut consumed = Vec::with_capacity(page.records.len());
            for record in page.records {
                dropped += consume(record, shard.hash_keys, &mut consumed);
            }
            take(consumed);
        }
    }
    Ok(dropped)
}

/// Adds what a consumer makes of a record; gives how many it drops.
fn consume(record: Record, hash_keys: HashKeys, consumed: &mut Vec<ConsumedRecord>) -> u64 {
    let payload = record.data.into_inner();
    let Some(members) = members(&payload) else {
        consumed.push(ConsumedRecord {
            sequence_number: record.sequence_number,
            // A record always has a key; without one the judge would find it wrong.
            partition_key: record.partition_key.unwrap_or_default(),
            payload,
        });
        return 0;
    };
    if span_of(&members).is_some_and(|span| !hash_keys.contain(span)) {
        return saturate::to_u64(members.len());
    }
    consumed.extend(members.into_iter().map(|member| ConsumedRecord {
        sequence_number: record.sequence_number.clone(),
        partition_key: member.partition_key,
        payload: member.payload,
    }));
    0
}

/// Shards whose parents are in the list come after them; a parent that has expired does not hold up its children.
fn parents_first(mut waiting: Vec<Shard>) -> Vec<Shard> {
    let mut ordered = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let unread: BTreeSet<String> = waiting.iter().map(|shard| shard.shard_id.clone()).collect();
        let is_ready = |shard: &Shard| {
            let parents = [shard.parent_shard_id(), shard.adjacent_parent_shard_id()];
            !parents
                .into_iter()
                .flatten()
                .any(|parent| unread.contains(parent))
        };
        let (ready, later): (Vec<Shard>, Vec<Shard>) = waiting.into_iter().partition(is_ready);
        if ready.is_empty() {
            // Shards that are each other's parents do not exist; reading them in any order beats reading for ever.
            ordered.extend(later);
            return ordered;
        }
        ordered.extend(ready);
        waiting = later;
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, parents: [Option<&str>; 2]) -> Shard {
        let [parent, adjacent] = parents.map(|parent| parent.map(str::to_owned));
        Shard::builder()
            .shard_id(id)
            .set_parent_shard_id(parent)
            .set_adjacent_parent_shard_id(adjacent)
            .build()
            .unwrap()
    }

    #[test]
    fn children_are_read_after_both_parents() {
        let merged = shard("merged", [Some("right"), Some("left")]);
        let orphan = shard("orphan", [Some("expired"), None]);
        let shards = vec![
            merged,
            shard("left", [None, None]),
            orphan,
            shard("right", [None, None]),
        ];
        let ordered: Vec<String> = parents_first(shards)
            .into_iter()
            .map(|shard| shard.shard_id)
            .collect();
        assert_eq!(ordered, ["left", "orphan", "right", "merged"]);
    }
}
