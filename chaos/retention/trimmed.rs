//! A stream whose records up to a moment are gone for those who read through the gate. Pure: no I/O, no clock.

use std::collections::HashMap;

use bucket_brigade::sandbox::consumer::ConsumedShard;
use serde_json::{Value, json};

use super::Gone;
use crate::call_gate::{CallKind, Fate, Rule};

/// An iterator at a place that is gone.
const NOWHERE: &str = "nowhere";
const DAY_MS: u64 = 86_400_000;

/// What is gone, and how the service says so.
#[derive(Debug)]
pub(super) struct Trimmed {
    gone: Gone,
    /// Of each shard: the last sequence number that is gone.
    last: HashMap<String, String>,
}

impl Trimmed {
    /// Everything that is in the stream now.
    pub(super) fn new(gone: Gone, shards: &[ConsumedShard]) -> Self {
        let last = shards.iter().filter_map(|shard| {
            let last = shard.records.last()?;
            Some((shard.shard_id.clone(), last.sequence_number.clone()))
        });
        Self {
            gone,
            last: last.collect(),
        }
    }

    fn iterator(&self, body: &mut Vec<u8>) -> Fate {
        let mut call: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| call.get(name).and_then(Value::as_str).unwrap_or_default();
        let Some(last) = self.last.get(text("ShardId")) else {
            return Fate::Passed;
        };
        let (start, kind) = (text("StartingSequenceNumber"), text("ShardIteratorType"));
        let is_place = matches!(kind, "AT_SEQUENCE_NUMBER" | "AFTER_SEQUENCE_NUMBER");
        if kind == "LATEST" || (is_place && is_after(start, last)) {
            return Fate::Passed;
        }
        match self.gone {
            Gone::Refused if is_place => Fate::Answered(
                "400 Bad Request",
                json!({"__type": "InvalidArgumentException", "message": "the sequence number is not in the shard"})
                    .to_string(),
            ),
            Gone::Empty if is_place => {
                Fate::Answered("200 OK", json!({"ShardIterator": NOWHERE}).to_string())
            }
            Gone::Refused | Gone::Oldest | Gone::Empty => {
                if let Some(members) = call.as_object_mut() {
                    members.remove("Timestamp");
                    members.insert("ShardIteratorType".to_owned(), "AFTER_SEQUENCE_NUMBER".into());
                    members.insert("StartingSequenceNumber".to_owned(), last.as_str().into());
                }
                *body = call.to_string().into_bytes();
                Fate::Passed
            }
        }
    }
}

impl Rule for Trimmed {
    fn decide(&self, kind: CallKind, body: &mut Vec<u8>) -> Fate {
        match kind {
            CallKind::GetShardIterator => self.iterator(body),
            CallKind::GetRecords => {
                let call: Value = serde_json::from_slice(body).unwrap_or_default();
                if call.get("ShardIterator").and_then(Value::as_str) != Some(NOWHERE) {
                    return Fate::Passed;
                }
                let page = json!({"Records": [], "NextShardIterator": NOWHERE, "MillisBehindLatest": DAY_MS});
                Fate::Answered("200 OK", page.to_string())
            }
            CallKind::List | CallKind::Get | CallKind::PutRecords | CallKind::Other => Fate::Passed,
        }
    }
}

/// Whether a sequence number, a number of any length, is greater than another.
fn is_after(number: &str, other: &str) -> bool {
    (number.len(), number) > (other.len(), other)
}
