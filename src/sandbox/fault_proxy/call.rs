//! A PutRecords call and its answer, as a proxy takes them apart and puts them together. Pure: no I/O, no clock.

use std::collections::HashSet;

use serde_json::{Value, json};

/// The code of a throttled record.
const REFUSAL_CODE: &str = "ProvisionedThroughputExceededException";

/// A call, read.
#[derive(Debug)]
pub(super) struct Call {
    body: Value,
    keys: Vec<String>,
}

/// What became of a call at the backend and here, together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The body of the answer.
    pub(super) body: String,
    /// Records that are stored.
    pub(super) stored: u64,
    /// Records that are stored behind a refused one of the same partition key: what a sender that keeps the last
    /// state of each key sends again.
    pub(super) stored_behind_refused_of_key: u64,
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
        let key_of = |record: &Value| {
            let key = record.get("PartitionKey").and_then(Value::as_str);
            key.unwrap_or_default().to_owned()
        };
        let keys = records.iter().map(key_of).collect();
        Ok(Self { body, keys })
    }

    /// How many records it holds.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The body without the refused records; nothing if none is left.
    pub(super) fn body_without(&mut self, refused: &[bool]) -> Option<String> {
        let records = self.body.get_mut("Records").and_then(Value::as_array_mut)?;
        let mut verdicts = refused.iter();
        records.retain(|_| verdicts.next() == Some(&false));
        (!records.is_empty()).then(|| self.body.to_string())
    }

    /// The answer to the whole call: the entries of what was passed on, with the refusals in their places.
    pub(super) fn answer(&self, refused: &[bool], passed_on: Option<&[u8]>) -> Result<Answer, String> {
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
        let (mut failed, mut stored, mut behind) = (0, 0, 0);
        let mut refused_keys = HashSet::new();
        for (entry, key) in entries.iter().zip(&self.keys) {
            if entry.get("ErrorCode").is_some_and(|code| !code.is_null()) {
                failed += 1;
                refused_keys.insert(key.as_str());
            } else {
                stored += 1;
                behind += u64::from(refused_keys.contains(key.as_str()));
            }
        }
        Ok(Answer {
            body: json!({ "FailedRecordCount": failed, "Records": entries }).to_string(),
            stored,
            stored_behind_refused_of_key: behind,
        })
    }
}

fn refusal() -> Value {
    json!({ "ErrorCode": REFUSAL_CODE, "ErrorMessage": "rate exceeded (drawn by the sandbox)" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(keys: &[&str]) -> Call {
        let records: Vec<Value> = keys
            .iter()
            .enumerate()
            .map(|(number, key)| json!({ "PartitionKey": key, "Data": number.to_string() }))
            .collect();
        Call::read(
            json!({ "StreamName": "s", "Records": records })
                .to_string()
                .as_bytes(),
        )
        .unwrap()
    }

    #[test]
    fn refused_records_are_taken_out_and_come_back_as_refusals_in_their_places() {
        let mut call = call(&["a", "b", "c"]);
        assert_eq!(call.len(), 3);
        let body: Value = serde_json::from_str(&call.body_without(&[false, true, false]).unwrap()).unwrap();
        assert_eq!(body["StreamName"], "s");
        assert_eq!(body["Records"][1]["Data"], "2");
        assert_eq!(body["Records"].as_array().unwrap().len(), 2);

        let backend = json!({ "FailedRecordCount": 0, "Records": [
            { "SequenceNumber": "10" }, { "SequenceNumber": "12" },
        ]});
        let backend = backend.to_string();
        let answer = call
            .answer(&[false, true, false], Some(backend.as_bytes()))
            .unwrap();
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["FailedRecordCount"], 1);
        assert_eq!(body["Records"][0]["SequenceNumber"], "10");
        assert_eq!(body["Records"][1]["ErrorCode"], REFUSAL_CODE);
        assert_eq!(body["Records"][2]["SequenceNumber"], "12");
        assert_eq!(answer.stored, 2);
    }

    #[test]
    fn a_call_of_refusals_only_is_not_passed_on() {
        let mut call = call(&["a", "b"]);
        assert_eq!(call.body_without(&[true, true]), None);
        let answer = call.answer(&[true, true], None).unwrap();
        assert!(answer.body.contains("\"FailedRecordCount\":2"), "{}", answer.body);
        assert_eq!(answer.stored, 0);
    }

    #[test]
    fn only_what_overtook_its_own_key_has_to_be_sent_again() {
        let call = call(&["hot", "cold", "hot", "cold", "hot"]);
        let entry = |refused| {
            if refused {
                refusal()
            } else {
                json!({ "SequenceNumber": "1" })
            }
        };
        let entries = [false, false, true, false].map(entry);
        let backend = json!({ "Records": entries }).to_string();
        // The first is refused here, the fourth by the backend.
        let refused = [true, false, false, false, false];
        let backend_answer = call.answer(&refused, Some(backend.as_bytes())).unwrap();
        assert_eq!(
            (backend_answer.stored, backend_answer.stored_behind_refused_of_key),
            (3, 2)
        );
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        assert!(Call::read(b"{}").is_err());
        assert!(Call::read(b"no").is_err());
        assert!(call(&["a"]).answer(&[false], Some(b"{}")).is_err());
        assert!(call(&["a"]).answer(&[false], Some(b"{\"Records\":[]}")).is_err());
    }
}
