//! What is put in comes out, sizes are known before, and what is not an aggregate does no harm.

use proptest::prelude::*;

use super::*;

const ALL: HashRange = HashRange::ALL;

/// Keys that repeat and keys that do not, of all lengths that there are; messages of all sizes around the places
/// where a length takes one byte more.
fn records() -> impl Strategy<Value = Vec<BatchRecord>> {
    let key = prop_oneof!["[ab]", ".{1,256}"];
    let size = prop_oneof![0_usize..3, 100_usize..140, 16_300_usize..16_400];
    prop::collection::vec((key, size, any::<u8>()), 0..200).prop_map(|records| {
        let record = |(ordinal, (key, size, byte)): (u64, (String, usize, u8))| {
            BatchRecord::new(ordinal, &vec![byte; size], key.as_bytes())
        };
        (0..).zip(records).map(record).collect()
    })
}

fn record(ordinal: u64, payload: &[u8], key: &str) -> BatchRecord {
    BatchRecord::new(ordinal, payload, key.as_bytes())
}

fn member(key: &str, hash_key: Option<u128>, payload: &'static [u8]) -> Member {
    Member {
        partition_key: key.to_owned(),
        explicit_hash_key: hash_key.map(HashKey),
        payload: Bytes::from_static(payload),
    }
}

fn members_of(records: &[BatchRecord]) -> Vec<Member> {
    let members = records.iter().map(|record| Member {
        partition_key: record.partition_key_text().unwrap().to_owned(),
        explicit_hash_key: None,
        payload: record.payload_bytes(),
    });
    members.collect()
}

fn two_records() -> Vec<BatchRecord> {
    vec![record(0, b"one", "a"), record(1, b"two", "b")]
}

/// A valid aggregate around any message.
fn sealed_message(message: &[u8]) -> Bytes {
    let digest = Md5::digest(message);
    [&MAGIC[..], message, &digest[..]].concat().into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_put_in_comes_out(records in records()) {
        let aggregate = aggregate(ALL, &records).unwrap();
        let expected = (!records.is_empty()).then(|| members_of(&records));
        prop_assert_eq!(take_apart(&aggregate.bytes), expected);
    }

    #[test]
    fn sizes_are_known_before(records in records()) {
        prop_assume!(records.len() > 1);
        let aggregate = aggregate(ALL, &records).unwrap();
        let size = aggregate.bytes.len() + aggregate.partition_key.len();
        prop_assert_eq!(sent_bytes(&records), size);
        prop_assert!(CONTAINER_BYTES + records.iter().map(aggregated_bytes).sum::<usize>() >= size);
    }

    #[test]
    fn a_flipped_bit_makes_an_ordinary_record(
        records in records(), place in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        prop_assume!(!records.is_empty());
        let mut bytes = aggregate(ALL, &records).unwrap().bytes.to_vec();
        let index = place.index(bytes.len());
        bytes[index] ^= 1 << bit;
        prop_assert_eq!(take_apart(&bytes.into()), None);
    }

    #[test]
    fn a_record_cut_short_is_an_ordinary_one(records in records(), place in any::<prop::sample::Index>()) {
        prop_assume!(!records.is_empty());
        let bytes = aggregate(ALL, &records).unwrap().bytes;
        prop_assert_eq!(take_apart(&bytes.slice(..place.index(bytes.len()))), None);
    }

    /// The digest keeps damage out, but not malice: a body that is wrong from the beginning must do no harm.
    #[test]
    fn no_body_does_harm(records in records(), changes: Vec<(prop::sample::Index, u8)>, noise: Vec<u8>) {
        let mut message = body_of::<Infallible>(&records, |_record| Ok(())).unwrap().encode_to_vec();
        message.extend(noise);
        for (place, byte) in changes {
            if !message.is_empty() {
                let index = place.index(message.len());
                message[index] = byte;
            }
        }
        if let Some(members) = take_apart(&sealed_message(&message)) {
            prop_assert!(members.len() <= message.len());
        }
    }
}

#[test]
fn the_form_is_the_one_that_consumers_know() {
    let aggregate = aggregate(ALL, &[record(0, b"", "k"), record(1, b"v", "k")]).unwrap();
    // Key table, a member with key number 0 and an empty message, one with the same key and "v".
    let message = b"\x0A\x01k\x1A\x04\x08\x00\x1A\x00\x1A\x05\x08\x00\x1A\x01v";
    assert_eq!(aggregate.bytes, sealed_message(message));
    assert_eq!(
        (aggregate.partition_key, aggregate.explicit_hash_key),
        ("a", HashKey(0))
    );
}

#[test]
fn a_record_of_another_shard_is_named() {
    let records = two_records();
    let own = HashKey::of_partition_key(b"a");
    let other = HashKey::of_partition_key(b"b");
    let range = HashRange {
        start: own.0,
        end: own.0,
    };
    let expected = OutsideRange {
        ordinal: 1,
        hash_key: other,
        range,
    };
    assert_eq!(aggregate(range, &records), Err(expected.clone()));
    assert!(
        expected
            .to_string()
            .starts_with("record #1 belongs to hash key 195"),
        "{expected}"
    );

    let members = members_of(&records);
    assert!(is_dropped_by_consumers(range, &members));
    assert!(!is_dropped_by_consumers(range, &members[..1]));
    assert!(!is_dropped_by_consumers(range, &[]));
    assert_eq!(aggregate(range, &records[..1]).unwrap().explicit_hash_key, own);
}

#[test]
fn an_explicit_hash_key_counts_and_not_the_partition_key() {
    let body = Body {
        partition_keys: vec!["k".into()],
        explicit_hash_keys: vec!["7".into(), u128::MAX.to_string().into()],
        members: vec![
            BodyMember {
                partition_key_index: Some(0),
                explicit_hash_key_index: Some(1),
                payload: Some("x".into()),
            },
            BodyMember {
                partition_key_index: Some(0),
                explicit_hash_key_index: None,
                payload: Some("y".into()),
            },
        ],
    };
    let members = take_apart(&sealed(&body)).unwrap();
    assert_eq!(
        members,
        [member("k", Some(u128::MAX), b"x"), member("k", None, b"y")]
    );
    assert_eq!(members[0].hash_key(), HashKey(u128::MAX));
    assert_eq!(members[1].hash_key(), HashKey::of_partition_key(b"k"));
}

#[test]
fn bodies_that_make_no_sense_are_ordinary_records() {
    let long_key = "ü".repeat(PARTITION_KEY_CHARACTERS_MAX + 1);
    let with_key = |key: &str| {
        let records = [record(0, b"x", key), record(1, b"y", key)];
        body_of::<Infallible>(&records, |_record| Ok(()))
            .unwrap()
            .encode_to_vec()
    };
    assert!(take_apart(&sealed_message(&with_key("ü"))).is_some());
    let bodies: [(&str, Vec<u8>); 10] = [
        ("nothing", vec![]),
        ("a key without a length", b"\x0A".to_vec()),
        ("a key longer than the body", b"\x0A\x05k".to_vec()),
        (
            "a length without an end",
            vec![0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        ),
        ("a number where a key should be", b"\x08\x01".to_vec()),
        (
            "no key of that number",
            b"\x0A\x01k\x1A\x04\x08\x01\x1A\x00".to_vec(),
        ),
        ("no key number", b"\x0A\x01k\x1A\x02\x1A\x00".to_vec()),
        ("no message", b"\x0A\x01k\x1A\x02\x08\x00".to_vec()),
        (
            "a hash key that is not a number",
            b"\x0A\x01k\x12\x01k\x1A\x06\x08\x00\x10\x00\x1A\x00".to_vec(),
        ),
        ("a key longer than any", with_key(&long_key)),
    ];
    for (name, body) in bodies {
        assert_eq!(take_apart(&sealed_message(&body)), None, "{name}");
    }
    // As many members as fit into ten megabytes, each of them two bytes.
    let many = b"\x1A\x00".repeat(FIELDS_MAX + 1);
    assert_eq!(take_apart(&sealed_message(&many)), None);
}

#[test]
fn an_aggregate_costs_one_record() {
    let cost = |aggregation| {
        let cost = RequestCost::new(aggregation, &two_records());
        (cost.records_count, cost.bytes_count)
    };
    assert_eq!(cost(Aggregation::None), (2, 8));
    // 4 of magic, 16 of digest, 1 of key; a table entry of 3 and a member of 9 per record.
    assert_eq!(cost(Aggregation::Kpl), (1, 45));
}

#[test]
fn a_record_alone_is_sent_as_it_is() {
    let alone = record(0, b"12345", "key");
    let cost = RequestCost {
        records_count: 1,
        bytes_count: 8,
    };
    assert_eq!(
        RequestCost::new(Aggregation::Kpl, std::slice::from_ref(&alone)),
        cost
    );
    assert_eq!(RequestCost::new(Aggregation::None, &[alone]), cost);
}
