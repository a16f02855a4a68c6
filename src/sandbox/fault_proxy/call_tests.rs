//! What a proxy makes of calls and answers, plain and aggregated.

use md5::{Digest, Md5};

use super::*;
use crate::sandbox::hash_keys::hash_key_of;

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
    let answer = Answer::new(&[false, true, false], Some(backend.as_bytes())).unwrap();
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["FailedRecordCount"], 1);
    assert_eq!(body["Records"][0]["SequenceNumber"], "10");
    assert_eq!(body["Records"][1]["ErrorCode"], REFUSAL_CODE);
    assert_eq!(body["Records"][2]["SequenceNumber"], "12");
    let refused = [false, true, false];
    let counts = call.count(&answer, &refused, &HashMap::new());
    let expected = Reading {
        requests_count: 1,
        stored_count: 2,
        refused_count: 1,
        stored_behind_refused_count: 1,
    };
    assert_eq!((counts.reading, counts.throttled), (expected, 1));
}

#[test]
fn a_call_of_refusals_only_is_not_passed_on() {
    let mut call = call(&["a", "b"]);
    assert_eq!(call.body_without(&[true, true]), None);
    let answer = Answer::new(&[true, true], None).unwrap();
    assert!(answer.body.contains("\"FailedRecordCount\":2"), "{}", answer.body);
    let counts = call.count(&answer, &[true, true], &HashMap::new());
    assert_eq!((counts.reading.stored_count, counts.throttled), (0, 2));
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
    let answer = Answer::new(&refused, Some(backend.as_bytes())).unwrap();
    let counts = call.count(&answer, &refused, &HashMap::new());
    assert_eq!((counts.reading.stored_count, counts.throttled), (3, 1));
    assert_eq!(counts.stored_behind_refused_of_key, 2);
}

/// An aggregated record of these partition keys, made as the format describes it.
fn aggregated(keys: &[&str]) -> Value {
    let field =
        |number: u8, bytes: &[u8]| [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat();
    let table = keys.iter().map(|key| field(1, key.as_bytes()));
    let members = (0..)
        .zip(keys)
        .map(|(index, _)| field(3, &[&[1 << 3, index][..], &field(3, b"{}")].concat()));
    let message: Vec<u8> = table.chain(members).flatten().collect();
    let sealed = [
        &[0xF3, 0x89, 0x9A, 0xC2][..],
        &message,
        &Md5::digest(&message)[..],
    ]
    .concat();
    json!({ "PartitionKey": "a", "Data": STANDARD.encode_to_string(sealed) })
}

#[test]
fn an_aggregated_record_counts_as_its_members_where_consumers_see_them() {
    let plain = json!({ "PartitionKey": "one", "Data": "e30=" });
    let records = [
        aggregated(&["one", "two", "one"]),
        aggregated(&["one", "two"]),
        plain,
    ];
    let body = json!({ "StreamName": "orders", "Records": records }).to_string();
    let call = Call::read(body.as_bytes()).unwrap();
    assert_eq!((call.len(), call.stream()), (3, "orders"));

    let stored = json!({ "SequenceNumber": "1", "ShardId": "parent" });
    let backend = json!({ "Records": [stored, stored] }).to_string();
    let refused = [true, false, false];
    let answer = Answer::new(&refused, Some(backend.as_bytes())).unwrap();
    assert_eq!(call.shards_of_aggregates(&answer), ["parent"]);
    let whole = HashMap::from([("parent".to_owned(), HashKeys::ALL)]);
    let expected = CallCounts {
        reading: Reading {
            requests_count: 1,
            stored_count: 3,
            refused_count: 3,
            stored_behind_refused_count: 3,
        },
        stored_behind_refused_of_key: 3,
        throttled: 3,
        dropped: 0,
    };
    assert_eq!(call.count(&answer, &refused, &whole), expected);

    // "two" belongs to the other half, so no consumer gets any of the two.
    let first = hash_key_of("one");
    let half = HashKeys { first, last: first };
    let counts = call.count(&answer, &refused, &HashMap::from([("parent".to_owned(), half)]));
    assert_eq!((counts.reading.stored_count, counts.dropped), (1, 2));
}

#[test]
fn what_cannot_be_read_is_said() {
    assert!(Call::read(b"{}").is_err());
    assert!(Call::read(b"no").is_err());
    assert!(Answer::new(&[false], Some(b"{}")).is_err());
    assert!(Answer::new(&[false], Some(b"{\"Records\":[]}")).is_err());
}
