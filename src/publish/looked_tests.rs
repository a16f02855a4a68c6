//! What is kept of what a look sees, and what it proves.

use super::*;
use crate::model::places::{KnownPlaces, LaneCut};
use crate::publish::look_plan::LookPlan;
use crate::route::shard_map::HashKey;

fn looked(records: &[(&str, bool)]) -> Looked {
    let mut looked = Looked::default();
    for (number, (payload, is_known)) in records.iter().enumerate() {
        let sighting = Sighting {
            fingerprint: Fingerprint::of(b"k", payload.as_bytes()),
            acknowledged: Acknowledged::seen("s", &number.to_string(), None),
        };
        looked.note(&sighting, b"k", *is_known);
    }
    looked
}

fn proven(ordering: Ordering, records: &[(&str, bool)], sent: &[&str]) -> Vec<bool> {
    let mut proofs = Proofs::new(looked(records), ordering);
    let sent = sent.iter();
    sent.map(|payload| proofs.take(b"k", payload.as_bytes()).is_some())
        .collect()
}

/// D3.
#[test]
fn in_final_order_only_what_stands_after_known_and_proven_records_of_the_key_proves_anything() {
    let stream = [("b", false), ("known", true), ("c", false), ("a", false)];
    assert_eq!(
        proven(Ordering::Final, &stream, &["a", "b", "c"]),
        [true, false, false]
    );
    assert_eq!(proven(Ordering::Final, &stream, &["c", "a"]), [true, true]);
    assert_eq!(
        proven(Ordering::None, &stream, &["a", "b", "b"]),
        [true, true, false]
    );
    assert_eq!(proven(Ordering::Strict, &stream, &["b"]), [true]);
}

fn sighting(key: &[u8], payload: &str, number: &str) -> Sighting {
    Sighting {
        fingerprint: Fingerprint::of(key, payload.as_bytes()),
        acknowledged: Acknowledged::seen("s", number, None),
    }
}

/// A number as long as those of Kinesis.
fn number(place: u32) -> String {
    format!("49590338271490256608559692538361571095{place:018}")
}

/// What is looked for is found among the records of others, and nothing of theirs is kept.
/// D3.
#[test]
fn of_three_hundred_thousand_foreign_records_none_is_kept() {
    let mut wanted = Wanted::default();
    for payload in ["a", "b", "b", "c"] {
        wanted.add(b"k", payload.as_bytes());
    }
    let mut looked = Looked::for_rows(Some(wanted));
    for place in 0..300_000 {
        let foreign = format!("foreign {place}");
        // Others use our keys and keys of their own; some of theirs count as known.
        let key: &[u8] = if place % 2 == 0 { b"k" } else { foreign.as_bytes() };
        looked.note(&sighting(key, &foreign, &number(place)), key, place % 5 == 0);
    }
    let floors_before = looked.floors.len();
    for (place, payload) in (300_000..).zip(["a", "b", "x"]) {
        looked.note(&sighting(b"k", payload, &number(place)), b"k", false);
    }
    assert_eq!(looked.news_count(), 2, "a and b");
    assert_eq!(
        (floors_before, looked.news_of.len(), looked.shards.len()),
        (1, 1, 1)
    );
    assert_eq!(looked.ends().collect::<Vec<_>>(), [("s", &*number(300_002))]);
    let mut proofs = Proofs::new(looked, Ordering::Final);
    let mut is_proven = |payload: &str| {
        proofs
            .take(b"k", payload.as_bytes())
            .map(|proof| proof.place().1.to_owned())
    };
    assert_eq!(
        ["a", "b", "b", "c"].map(&mut is_proven),
        [Some(number(300_000)), Some(number(300_001)), None, None]
    );
}

/// Whoever died may have sent any row, so a record that may be one is kept, but in a few bytes.
#[test]
fn a_record_that_may_be_a_row_of_another_process_takes_a_fixed_number_of_bytes() {
    let mut looked = Looked::default();
    for place in 0..10_000 {
        looked.note(
            &sighting(b"k", &format!("row {place}"), &number(place)),
            b"k",
            false,
        );
    }
    assert_eq!(looked.news_count(), 10_000);
    assert!(size_of::<Seen>() <= 64, "{}", size_of::<Seen>());
    assert!(
        looked.news.capacity() <= 2 * 10_000,
        "nothing else grows with them"
    );
    assert_eq!(
        (looked.news_of.len(), looked.floors.len(), looked.shards.len()),
        (1, 0, 1)
    );
    let found = looked.news().nth(9_999).unwrap();
    assert_eq!(found.place(), ("s", &*number(9_999)));
}

/// D3.
#[test]
fn what_an_earlier_look_read_is_not_news() {
    let plan = LookPlan {
        looked_through: HashMap::from([("s".to_owned(), "70".to_owned())]),
        ..LookPlan::default()
    };
    let is_known = |shard_id: &str, number: &str, member| {
        plan.is_known(&Acknowledged::seen(shard_id, number, member), HashKey(7))
    };
    assert!(is_known("s", "9", None) && is_known("s", "70", None) && is_known("s", "70", Some(2)));
    assert!(!is_known("s", "71", None) && !is_known("other", "9", None));
}

/// D3.
#[test]
fn a_member_is_known_alone_or_with_its_whole_record() {
    let is_known = |known: &str, sequence_number: &str, member| {
        let lane = LaneCut {
            range: HashRange::ALL,
            known: KnownPlaces::of([known.to_owned()]),
            look_from: None,
        };
        let plan = LookPlan {
            known: HashMap::from([("s".to_owned(), vec![lane])]),
            ..LookPlan::default()
        };
        plan.is_known(&Acknowledged::seen("s", sequence_number, member), HashKey(7))
    };
    assert!(is_known("7", "7", None) && is_known("7", "7", Some(3)));
    assert!(is_known("7/3", "7", Some(3)) && !is_known("7/3", "7", Some(4)));
    assert!(!is_known("7/3", "7", None) && !is_known("7", "70", None));
}

/// A row that is not found is sent again, and may be there already, taken for an equal one before it. What comes after has
/// to know that (`simulate --mode final --seed 9004 --history 3984`).
/// O2.
#[test]
fn a_record_that_is_not_found_although_its_key_was_seen_may_be_stored_twice() {
    let are_overtaken = |stream: &[(&str, bool)], sent: &[&str]| {
        let mut proofs = Proofs::new(looked(stream), Ordering::Final);
        for payload in sent {
            proofs.take(b"k", payload.as_bytes());
        }
        proofs.are_overtaken()
    };
    assert!(are_overtaken(&[("b", false), ("a", false)], &["a", "b", "a"]));
    assert!(!are_overtaken(&[("a", false), ("b", false)], &["a", "b", "c"]));
    assert!(!are_overtaken(&[], &["a"]));
}
