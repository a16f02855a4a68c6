//! A PutRecords call and its answer, as a proxy takes them apart and puts them together. Pure: no I/O, no clock.

use std::collections::{HashMap, HashSet};

use base64_simd::STANDARD;
use serde_json::{Value, json};

use crate::sandbox::deaggregate::{members, span_of};
use crate::sandbox::hash_keys::{HashKeys, hash_key_of};
use crate::sandbox::meter::Reading;
use crate::saturate;

/// The code of a throttled record.
const REFUSAL_CODE: &str = "ProvisionedThroughputExceededException";

/// A call, read.
#[derive(Debug)]
pub(super) struct Call {
    body: Value,
    records: Vec<Sent>,
}

/// A record of a call, with what consumers make of it.
#[derive(Debug)]
struct Sent {
    /// The partition key of each record in it: its own, or those of its members if it is an aggregated one.
    keys: Vec<String>,
    /// The hash keys between which its members belong.
    span: Option<HashKeys>,
    /// The hash key that it was sent to: where the shard begins that its sender meant, if it is an aggregated one.
    aim: Option<u128>,
}

/// The answer to a whole call.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its body.
    pub(super) body: String,
    /// The shard that stored each record; none if it was refused.
    places: Vec<Option<String>>,
}

/// What became of a call at the backend and here, together, in records as consumers count them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CallCounts {
    /// What is stored and what is refused.
    pub(super) reading: Reading,
    /// What is stored after a refused record of the same partition key: what a sender that keeps the last state of
    /// each key sends again.
    pub(super) stored_behind_refused_of_key: u64,
    /// What is refused here.
    pub(super) throttled: u64,
    /// What is stored in aggregated records that consumers drop.
    pub(super) dropped: u64,
}

impl Sent {
    fn read(record: &Value) -> Self {
        let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
        // What is not base64 is for the backend to refuse.
        let data = STANDARD.decode_to_vec(text("Data")).unwrap_or_default();
        match members(&data) {
            Some(members) => Self {
                span: span_of(&members),
                aim: text("ExplicitHashKey").parse().ok(),
                keys: members.into_iter().map(|member| member.partition_key).collect(),
            },
            None => Self {
                span: None,
                aim: None,
                keys: vec![text("PartitionKey").to_owned()],
            },
        }
    }

    /// Whether it goes to a shard of these hash keys.
    fn goes_to(&self, shard: HashKeys) -> bool {
        let own = || self.keys.first().map(|key| hash_key_of(key));
        let aim = self.aim.or_else(own);
        aim.is_some_and(|key| {
            shard.contain(HashKeys {
                first: key,
                last: key,
            })
        })
    }

    fn count(&self) -> u64 {
        saturate::to_u64(self.keys.len())
    }

    /// Whether consumers drop it when they read it from this shard.
    fn is_dropped(&self, shard_id: &str, shards: &HashMap<String, HashKeys>) -> bool {
        let shard = shards.get(shard_id);
        let both = self.span.zip(shard.copied());
        both.is_some_and(|(span, shard)| !shard.contain(span))
    }
}

impl Answer {
    /// The entries of what was passed on, with the refusals in their places.
    pub(super) fn new(refused: &[bool], passed_on: Option<&[u8]>) -> Result<Self, String> {
        let mut backend = match passed_on {
            Some(bytes) => serde_json::from_slice(bytes)
                .map_err(|error| format!("an answer that cannot be read: {error}"))?,
            None => json!({ "Records": [] }),
        };
        let entries = backend.get_mut("Records").and_then(Value::as_array_mut);
        let mut entries = std::mem::take(entries.ok_or("an answer without records")?).into_iter();
        let entries: Vec<Value> = refused
            .iter()
            .map(|is_refused| {
                if *is_refused {
                    Some(refusal())
                } else {
                    entries.next()
                }
            })
            .collect::<Option<_>>()
            .ok_or("an answer with fewer entries than records")?;
        let places: Vec<_> = entries.iter().map(place_of).collect();
        let failed = places.iter().filter(|place| place.is_none()).count();
        Ok(Self {
            body: json!({ "FailedRecordCount": failed, "Records": entries }).to_string(),
            places,
        })
    }
}

impl Call {
    /// Reads the body of a call.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let body: Value =
            serde_json::from_slice(bytes).map_err(|error| format!("a call that cannot be read: {error}"))?;
        let records = body
            .get("Records")
            .and_then(Value::as_array)
            .ok_or("a call without records")?;
        let records = records.iter().map(Sent::read).collect();
        Ok(Self { body, records })
    }

    /// How many records of the stream it holds.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Which of them go to a shard of these hash keys.
    pub(super) fn going_to(&self, shard: HashKeys) -> impl Iterator<Item = bool> {
        self.records.iter().map(move |record| record.goes_to(shard))
    }

    /// The stream that it names.
    pub(super) fn stream(&self) -> &str {
        let name = self.body.get("StreamName").and_then(Value::as_str);
        name.unwrap_or_default()
    }

    /// The body without the refused records; nothing if none is left.
    pub(super) fn body_without(&mut self, refused: &[bool]) -> Option<String> {
        let records = self.body.get_mut("Records").and_then(Value::as_array_mut)?;
        let mut verdicts = refused.iter();
        records.retain(|_| verdicts.next() == Some(&false));
        (!records.is_empty()).then(|| self.body.to_string())
    }

    /// The shards that stored aggregated records.
    pub(super) fn shards_of_aggregates<'a>(&self, answer: &'a Answer) -> Vec<&'a str> {
        let stored = self.records.iter().zip(&answer.places);
        let aggregates = stored.filter(|(record, _)| record.span.is_some());
        aggregates.filter_map(|(_, place)| place.as_deref()).collect()
    }

    /// The aggregated records that consumers see: where each was sent to, where it is stored, and how many are in it.
    pub(super) fn seen_aggregates<'a>(
        &'a self,
        answer: &'a Answer,
        shards: &'a HashMap<String, HashKeys>,
    ) -> impl Iterator<Item = (u128, &'a str, u64)> {
        let stored = self.records.iter().zip(&answer.places);
        let aggregates = stored.filter_map(|(record, place)| Some((record, record.aim?, place.as_deref()?)));
        aggregates
            .filter(|(record, _, shard_id)| !record.is_dropped(shard_id, shards))
            .map(|(record, aim, shard_id)| (aim, shard_id, record.count()))
    }

    /// What became of the call, where shards take what is said.
    pub(super) fn count(
        &self,
        answer: &Answer,
        refused: &[bool],
        shards: &HashMap<String, HashKeys>,
    ) -> CallCounts {
        let here = self.records.iter().zip(refused).filter(|(_, refused)| **refused);
        let mut counts = CallCounts {
            throttled: here.map(|(record, _)| record.count()).sum(),
            ..CallCounts::default()
        };
        counts.reading.requests_count = 1;
        let mut refused_keys = HashSet::new();
        for (record, place) in self.records.iter().zip(&answer.places) {
            match place {
                None => {
                    counts.reading.refused_count += record.count();
                    refused_keys.extend(&record.keys);
                }
                Some(shard_id) if record.is_dropped(shard_id, shards) => counts.dropped += record.count(),
                Some(_) => {
                    let is_after = counts.reading.refused_count > 0;
                    counts.reading.stored_count += record.count();
                    counts.reading.stored_behind_refused_count += u64::from(is_after) * record.count();
                    let behind = record.keys.iter().filter(|key| refused_keys.contains(key));
                    counts.stored_behind_refused_of_key += saturate::to_u64(behind.count());
                }
            }
        }
        counts
    }
}

/// The shard of a stored record; some servers name none.
fn place_of(entry: &Value) -> Option<String> {
    let is_refused = entry.get("ErrorCode").is_some_and(|code| !code.is_null());
    let shard_id = entry.get("ShardId").and_then(Value::as_str);
    (!is_refused).then(|| shard_id.unwrap_or_default().to_owned())
}

fn refusal() -> Value {
    json!({ "ErrorCode": REFUSAL_CODE, "ErrorMessage": "rate exceeded (drawn by the sandbox)" })
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
