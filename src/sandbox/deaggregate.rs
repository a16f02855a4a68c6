//! Takes the aggregated records of the Kinesis Producer Library apart, as the libraries of consumers do: four bytes of
//! magic, a protobuf message, the MD5 of that message
//! (<https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md>, read 2026-11). Pure: no I/O,
//! no clock.
//!
//! The judge and the fault proxy count with it, so it shares nothing with the code of the engine that puts such
//! records together or takes them apart.

use std::str;

use md5::{Digest, Md5};

use super::hash_keys::{HashKeys, hash_key_of};

const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];
const DIGEST_BYTES: usize = 16;
/// Bits of a byte of a number that are part of it; the other one says that more follow.
const NUMBER_BITS: u32 = 7;
/// Bits of a field's tag that say how its value is written.
const WIRE_TYPE_BITS: u32 = 3;

/// A record that was taken out of an aggregated one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// Its partition key.
    pub(super) partition_key: String,
    /// Where it belongs: by its explicit hash key, or else by its partition key.
    pub(super) hash_key: u128,
    /// Its bytes.
    pub(super) payload: Vec<u8>,
}

/// The records in an aggregated one, in order; `None` if it is none, or is damaged, which is an ordinary record for
/// every consumer.
pub(super) fn members(data: &[u8]) -> Option<Vec<Member>> {
    let sealed = data.strip_prefix(&MAGIC)?;
    let (message, digest) = sealed.split_at_checked(sealed.len().checked_sub(DIGEST_BYTES)?)?;
    if message.is_empty() || Md5::digest(message)[..] != *digest {
        return None;
    }
    let (mut partition_keys, mut hash_keys, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for field in Fields(message) {
        match field? {
            (1, Value::Bytes(key)) => partition_keys.push(str::from_utf8(key).ok()?),
            (2, Value::Bytes(key)) => hash_keys.push(str::from_utf8(key).ok()?.parse().ok()?),
            (3, Value::Bytes(record)) => records.push(record),
            _unknown => {}
        }
    }
    let records = records.into_iter();
    records
        .map(|record| member(record, &partition_keys, &hash_keys))
        .collect()
}

/// The hash keys between which all members belong; `None` if there are none.
pub(super) fn span_of(members: &[Member]) -> Option<HashKeys> {
    let hash_keys = || members.iter().map(|member| member.hash_key);
    let (first, last) = hash_keys().min().zip(hash_keys().max())?;
    Some(HashKeys { first, last })
}

fn member(record: &[u8], partition_keys: &[&str], hash_keys: &[u128]) -> Option<Member> {
    let (mut key_index, mut hash_key_index, mut payload) = (None, None, None);
    for field in Fields(record) {
        match field? {
            (1, Value::Number(index)) => key_index = Some(index),
            (2, Value::Number(index)) => hash_key_index = Some(index),
            (3, Value::Bytes(bytes)) => payload = Some(bytes),
            _unknown => {}
        }
    }
    let partition_key = entry(partition_keys, key_index?)?.to_owned();
    let hash_key = match hash_key_index {
        Some(index) => entry(hash_keys, index)?,
        None => hash_key_of(&partition_key),
    };
    Some(Member {
        partition_key,
        hash_key,
        payload: payload?.to_vec(),
    })
}

fn entry<T: Copy>(table: &[T], index: u64) -> Option<T> {
    table.get(usize::try_from(index).ok()?).copied()
}

/// A value of a protobuf message.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes; no field that matters is written so.
    Fixed,
}

/// The fields of a protobuf message with their numbers; `None` where it breaks off.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let tag = self.number()?;
        let value = match tag & ((1 << WIRE_TYPE_BITS) - 1) {
            0 => Value::Number(self.number()?),
            1 => self.bytes(8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(self.number()?).ok()?;
                Value::Bytes(self.bytes(length)?)
            }
            5 => self.bytes(4).map(|_| Value::Fixed)?,
            _no_such_type => return None,
        };
        Some((tag >> WIRE_TYPE_BITS, value))
    }

    /// Seven bits a byte, the lowest first.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(usize::try_from(NUMBER_BITS).ok()?) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & !(1 << NUMBER_BITS)) << shift;
            if *byte < 1 << NUMBER_BITS {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }
}

#[cfg(test)]
#[path = "deaggregate_tests.rs"]
mod tests;
