//! What libraries put together comes apart, whoever wrote it and whatever else is in it.

use proptest::prelude::*;

use super::*;

/// A field with a length: tag, length, bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    assert!(bytes.len() < 1 << 14, "two bytes of length at most");
    let (low, high) = (bytes.len() % 128, bytes.len() / 128);
    let mut length = vec![u8::try_from(low).unwrap()];
    if high > 0 {
        length = vec![u8::try_from(low | 128).unwrap(), u8::try_from(high).unwrap()];
    }
    [&[number << 3 | 2][..], &length, bytes].concat()
}

fn sealed(message: &[u8]) -> Vec<u8> {
    [&MAGIC[..], message, &Md5::digest(message)[..]].concat()
}

/// A record as the format describes it: index of the key, index of the hash key, data.
fn record(key: u8, hash_key: Option<u8>, data: &[u8]) -> Vec<u8> {
    let hash_key = hash_key.map_or(Vec::new(), |index| vec![2 << 3, index]);
    field(3, &[vec![1 << 3, key], hash_key, field(3, data)].concat())
}

fn taken(message: &[u8]) -> Option<Vec<(String, u128, Vec<u8>)>> {
    let members = members(&sealed(message))?.into_iter();
    Some(
        members
            .map(|member| (member.partition_key, member.hash_key, member.payload))
            .collect(),
    )
}

#[test]
fn members_have_the_key_the_place_and_the_bytes_that_they_were_given() {
    let message = [
        field(1, b"abc"),
        field(1, "ü".as_bytes()),
        field(2, b"17"),
        record(0, None, b"one"),
        record(1, Some(0), b""),
        record(0, None, &[7; 300]),
    ];
    let abc = 0x9001_5098_3cd2_4fb0_d696_3f7d_28e1_7f72;
    let expected = [
        ("abc".to_owned(), abc, b"one".to_vec()),
        ("ü".to_owned(), 17, Vec::new()),
        ("abc".to_owned(), abc, vec![7; 300]),
    ];
    assert_eq!(taken(&message.concat()).unwrap(), expected);
    let members = members(&sealed(&message.concat())).unwrap();
    let expected = HashKeys { first: 17, last: abc };
    assert_eq!(span_of(&members), Some(expected));
    assert_eq!(span_of(&[]), None);
}

#[test]
fn what_a_consumer_does_not_know_is_passed_over() {
    let unknown = [
        vec![9 << 3, 0xff, 0x01],
        [vec![10 << 3 | 1], vec![0; 8]].concat(),
        field(11, b"more"),
        [vec![12 << 3 | 5], vec![0; 4]].concat(),
    ];
    let message = [unknown.concat(), field(1, b"abc"), record(0, None, b"one")].concat();
    assert_eq!(taken(&message).unwrap().len(), 1);
}

#[test]
fn what_is_not_whole_is_an_ordinary_record() {
    let whole = [field(1, b"abc"), record(0, None, b"one")].concat();
    assert!(taken(&whole).is_some());
    let (cut, _) = whole.split_at(whole.len() - 1);
    let wrong = [
        taken(cut),
        taken(&[]),
        // No such key, no key, no data, a group, a number without an end.
        taken(&[field(1, b"abc"), record(1, None, b"one")].concat()),
        taken(&[field(1, b"abc"), field(3, &field(3, b"one"))].concat()),
        taken(&[field(1, b"abc"), field(3, &[1 << 3, 0])].concat()),
        taken(&[1 << 3 | 3]),
        taken(&[1 << 3, 0xff]),
        members(b"{\"data\":{}}").map(|_| Vec::new()),
        members(&MAGIC).map(|_| Vec::new()),
    ]
    .map(|taken| taken.is_none());
    assert_eq!(wrong, [true; 9]);
}

proptest! {
    #[test]
    fn one_flipped_bit_makes_an_ordinary_record(place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut bytes = sealed(&[field(1, b"abc"), record(0, None, b"one")].concat());
        let index = place.index(bytes.len());
        bytes[index] ^= 1 << bit;
        prop_assert_eq!(members(&bytes), None);
    }

    #[test]
    fn any_message_is_read_without_a_panic(message in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(members(&sealed(&message)));
    }
}
