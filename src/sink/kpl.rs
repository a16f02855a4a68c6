//! The aggregated record of the Kinesis Producer Library (KPL): many records in one, which consumers' libraries take
//! apart again. Pure: no I/O, no clock.
//!
//! Four bytes of magic, a protobuf message, and the MD5 of that message
//! (<https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md>, read 2026-11). Partition
//! keys stand in a table, each once. No record has an explicit hash key: its partition key alone says where it belongs.
//!
//! Advice for changing this file: the Kinesis Client Library drops an aggregate **whole and in silence** if a single
//! member belongs to another shard than the one it was read from, so a member outside the range is an error here.
//! One record alone is never aggregated: it would only grow, and the largest record that the stream takes would not
//! fit.

use std::collections::HashMap;
use std::convert::Infallible;
use std::str;

use bytes::Bytes;
use md5::{Digest, Md5};
use prost::Message;

use crate::limits::{BATCH_RECORDS_MAX, PARTITION_KEY_CHARACTERS_MAX};
use crate::model::BatchRecord;
use crate::route::shard_map::{HashKey, HashRange};
use crate::saturate;
use crate::settings::Aggregation;

/// What an aggregated record begins with.
const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];
/// Bytes of the MD5 that it ends with.
const DIGEST_BYTES: usize = 16;
/// Partition key of every aggregate; the explicit hash key decides where it goes. The one that KPL takes.
const CONTAINER_KEY: &str = "a";
/// Table entries and members of a body together at most; far above what fits into a record of real rows, so only a
/// body that was made to fill the memory has more.
const FIELDS_MAX: usize = 1 << 18;
/// The wire type of everything in a body: a length, and as many bytes.
const LENGTH_DELIMITED: usize = 2;

/// Bytes of an aggregate that are none of its members'.
pub const CONTAINER_BYTES: usize = MAGIC.len() + DIGEST_BYTES + CONTAINER_KEY.len();
/// Bytes that a member takes at most beside its message and its partition key: tag and length of the key's entry in
/// the table (3), of the member (5) and of its message (5), tag and number of the key (3).
const MEMBER_FRAME_BYTES: usize = 16;

const _: () = assert!(
    BATCH_RECORDS_MAX < 1 << 14 && PARTITION_KEY_CHARACTERS_MAX * 4 < 1 << 14,
    "the number of a key and the length of a key take two bytes at most"
);
const _: () = assert!(
    BATCH_RECORDS_MAX * 2 <= FIELDS_MAX,
    "what is written must be readable"
);

/// The body of an aggregate; keys are UTF-8.
#[derive(Clone, PartialEq, Message)]
struct Body {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    partition_keys: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    explicit_hash_keys: Vec<Bytes>,
    #[prost(message, repeated, tag = "3")]
    members: Vec<BodyMember>,
}

/// A member as it stands in the body. The first and the last field are required by everybody who reads one: they are
/// written even if they are 0 or empty.
#[derive(Clone, PartialEq, Message)]
struct BodyMember {
    #[prost(uint64, optional, tag = "1")]
    partition_key_index: Option<u64>,
    #[prost(uint64, optional, tag = "2")]
    explicit_hash_key_index: Option<u64>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    payload: Option<Bytes>,
}

/// An aggregated record, ready to be put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    /// The message.
    pub bytes: Bytes,
    /// The partition key it has to be put with.
    pub partition_key: &'static str,
    /// The explicit hash key it has to be put with; lies in the shard's range.
    pub explicit_hash_key: HashKey,
}

/// A record does not belong to the shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "record #{ordinal} belongs to hash key {point} and not into {start}..={end}; consumers would drop the whole \
     aggregate, so the open shards have to be listed again",
    point = hash_key.0, start = range.start, end = range.end
)]
pub struct OutsideRange {
    /// Ordinal of the record.
    pub ordinal: u64,
    /// Where it belongs.
    pub hash_key: HashKey,
    /// The range of the shard.
    pub range: HashRange,
}

/// Puts records of one shard into one.
///
/// # Errors
/// [`OutsideRange`] for the first record that belongs to another shard.
pub fn aggregate(range: HashRange, records: &[BatchRecord]) -> Result<Aggregate, OutsideRange> {
    let body = body_of(records, |record| {
        let hash_key = HashKey::of_partition_key(record.partition_key());
        if range.contains(hash_key) {
            return Ok(());
        }
        Err(OutsideRange {
            ordinal: record.ordinal,
            hash_key,
            range,
        })
    })?;
    Ok(Aggregate {
        bytes: sealed(&body),
        partition_key: CONTAINER_KEY,
        explicit_hash_key: HashKey(range.start),
    })
}

/// Most bytes that a record adds to an aggregate, whatever is in it already. [`CONTAINER_BYTES`] come on top, once.
pub fn aggregated_bytes(record: &BatchRecord) -> usize {
    record.bytes_count() + MEMBER_FRAME_BYTES
}

/// What a request costs at a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestCost {
    /// Records, as the service counts them.
    pub records_count: usize,
    /// Their bytes, partition keys included.
    pub bytes_count: usize,
}

impl RequestCost {
    /// The cost of a request of these records.
    pub fn new(aggregation: Aggregation, records: &[BatchRecord]) -> Self {
        match aggregation {
            Aggregation::None => Self {
                records_count: records.len(),
                bytes_count: records.iter().map(BatchRecord::bytes_count).sum(),
            },
            Aggregation::Kpl => Self {
                records_count: 1,
                bytes_count: sent_bytes(records),
            },
        }
    }
}

/// Exact size of what goes out for these records: one of them as it is, several in an aggregate.
pub fn sent_bytes(records: &[BatchRecord]) -> usize {
    if let [record] = records {
        return record.bytes_count();
    }
    let Ok(body) = body_of::<Infallible>(records, |_record| Ok(()));
    CONTAINER_BYTES + body.encoded_len()
}

/// Tables and members; each key is checked where it is seen first.
fn body_of<E>(records: &[BatchRecord], check_key: impl Fn(&BatchRecord) -> Result<(), E>) -> Result<Body, E> {
    let mut body = Body {
        members: Vec::with_capacity(records.len()),
        ..Body::default()
    };
    let mut numbers: HashMap<&[u8], u64> = HashMap::new();
    for record in records {
        let next = saturate::to_u64(numbers.len());
        let number = *numbers.entry(record.partition_key()).or_insert(next);
        if number == next {
            check_key(record)?;
            body.partition_keys.push(record.partition_key_bytes());
        }
        body.members.push(BodyMember {
            partition_key_index: Some(number),
            explicit_hash_key_index: None,
            payload: Some(record.payload_bytes()),
        });
    }
    Ok(body)
}

fn sealed(body: &Body) -> Bytes {
    let message = body.encode_to_vec();
    let digest = Md5::digest(&message);
    [&MAGIC[..], &message, &digest[..]].concat().into()
}

/// A record that was taken out of an aggregate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Partition key.
    pub partition_key: String,
    /// Explicit hash key; records of this program have none.
    pub explicit_hash_key: Option<HashKey>,
    /// The message.
    pub payload: Bytes,
}

impl Member {
    /// The point of the hash space it belongs to.
    pub fn hash_key(&self) -> HashKey {
        self.explicit_hash_key
            .unwrap_or_else(|| HashKey::of_partition_key(self.partition_key.as_bytes()))
    }
}

/// The records in an aggregate. `None` if it is none or is damaged; then it is a record like any other.
///
/// Messages are shared with `data`. However the body was made, what comes out stays in proportion: some hundred
/// thousand members at most, and no partition key longer than the service takes.
pub fn take_apart(data: &Bytes) -> Option<Vec<Member>> {
    let sealed = data.strip_prefix(&MAGIC)?;
    let (message, digest) = sealed.split_at_checked(sealed.len().checked_sub(DIGEST_BYTES)?)?;
    // Consumers take an empty message for no aggregate, too.
    if message.is_empty() || Md5::digest(message)[..] != *digest || fields_count(message)? > FIELDS_MAX {
        return None;
    }
    let body = Body::decode(data.slice_ref(message)).ok()?;
    let keys: Vec<&str> = body
        .partition_keys
        .iter()
        .map(partition_key)
        .collect::<Option<_>>()?;
    let hash_keys: Vec<HashKey> = body
        .explicit_hash_keys
        .iter()
        .map(hash_key)
        .collect::<Option<_>>()?;
    let members = body.members.into_iter().map(|member| {
        let explicit_hash_key = match member.explicit_hash_key_index {
            Some(number) => Some(*entry(&hash_keys, number)?),
            None => None,
        };
        Some(Member {
            partition_key: (*entry(&keys, member.partition_key_index?)?).to_owned(),
            explicit_hash_key,
            payload: member.payload?,
        })
    });
    members.collect()
}

/// Whether the Kinesis Client Library drops the aggregate of these members when it reads it from a shard.
pub fn is_dropped_by_consumers(range: HashRange, members: &[Member]) -> bool {
    members.iter().any(|member| !range.contains(member.hash_key()))
}

/// How many fields a body has, without making anything of them; `None` if it is not a body.
fn fields_count(mut rest: &[u8]) -> Option<usize> {
    let mut count = 0;
    while !rest.is_empty() {
        let tag = prost::decode_length_delimiter(&mut rest).ok()?;
        if tag % 8 != LENGTH_DELIMITED {
            return None;
        }
        let length = prost::decode_length_delimiter(&mut rest).ok()?;
        rest = rest.get(length..)?;
        count += 1;
    }
    Some(count)
}

/// More lenient than the service: it never looks at the keys in an aggregate, and those of other writers may be counted
/// in another way.
fn partition_key(bytes: &Bytes) -> Option<&str> {
    let key = str::from_utf8(bytes).ok()?;
    (key.chars().nth(PARTITION_KEY_CHARACTERS_MAX).is_none()).then_some(key)
}

fn hash_key(bytes: &Bytes) -> Option<HashKey> {
    str::from_utf8(bytes).ok()?.parse().ok().map(HashKey)
}

fn entry<T>(table: &[T], number: u64) -> Option<&T> {
    table.get(usize::try_from(number).ok()?)
}

#[cfg(test)]
#[path = "kpl_tests.rs"]
mod tests;
