//! What is matched with what was seen, and what stays known.

use super::*;
use crate::publish::looked::Sighting;
use crate::route::shard_map::HashRange;

fn object(number: u64) -> ObjectId {
    ObjectId {
        queue: QueueName::changes(),
        number,
    }
}

fn seen(rows: &[(&str, &str)]) -> Looked {
    seen_with(rows, &[])
}

/// What was seen if the records at these places are known.
fn seen_with(rows: &[(&str, &str)], known: &[usize]) -> Looked {
    let mut looked = Looked::default();
    for (number, (key, payload)) in rows.iter().enumerate() {
        let sighting = Sighting {
            fingerprint: Fingerprint::of(key.as_bytes(), payload.as_bytes()),
            acknowledged: Acknowledged::seen("s", &number.to_string(), None),
        };
        looked.note(&sighting, key.as_bytes(), known.contains(&number));
    }
    looked
}

fn takes(sightings: &mut Sightings, number: u64, key: &str, payload: &str) -> bool {
    let record = BatchRecord::new(0, payload.as_bytes(), key.as_bytes());
    sightings.take(&object(number), &record).is_some()
}

/// D3.
#[test]
fn each_sighting_proves_one_row() {
    let mut sightings = Sightings::new(
        seen(&[("k", "a"), ("k", "a")]),
        [object(1)],
        Ordering::None,
        false,
    );
    assert!(takes(&mut sightings, 1, "k", "a") && takes(&mut sightings, 1, "k", "a"));
    assert!(!takes(&mut sightings, 1, "k", "a"));
}

#[test]
fn only_objects_that_were_open_have_rows_in_the_window() {
    let mut sightings = Sightings::new(seen(&[("k", "a")]), [object(1)], Ordering::None, false);
    assert!(!takes(&mut sightings, 2, "k", "a"));
    assert!(takes(&mut sightings, 1, "k", "a"));
}

#[test]
fn after_a_missing_row_of_a_key_the_order_is_restored_and_other_keys_are_not_touched() {
    let rows = [("k", "a"), ("k", "c"), ("l", "c")];
    let mut ordered = Sightings::new(seen(&rows), [object(1)], Ordering::Final, true);
    let found = [("k", "a"), ("k", "b"), ("k", "c"), ("l", "c")];
    let found = found.map(|(key, payload)| takes(&mut ordered, 1, key, payload));
    assert_eq!(found, [true, false, false, true]);
    let mut unordered = Sightings::new(seen(&rows), [object(1)], Ordering::None, false);
    assert!(!takes(&mut unordered, 1, "k", "b") && takes(&mut unordered, 1, "k", "c"));
}

/// A process found the first row of three refused and was killed while it sent all of them again.
/// O2.
#[test]
fn a_copy_before_a_hole_that_was_being_closed_proves_nothing() {
    for (rows, expected) in [
        (["b", "c", "a", "b"].as_slice(), [true, true, false]),
        (&["a", "b", "c", "a", "b"], [true, true, false]),
        (&["a", "b", "c"], [true, true, true]),
        (&["b", "c", "a", "b", "c"], [true, true, true]),
    ] {
        let rows: Vec<_> = rows.iter().map(|row| ("k", *row)).collect();
        let mut sightings = Sightings::new(seen(&rows), [object(1)], Ordering::Final, true);
        let found = ["a", "b", "c"].map(|payload| takes(&mut sightings, 1, "k", payload));
        assert_eq!(found, expected, "{rows:?}");
    }
}

/// In `strict` order no row is ever sent after a later one of its key, so nothing comes twice, and equal rows are
/// rows.
#[test]
fn equal_rows_are_found_one_by_one_where_nothing_is_repeated() {
    let rows = [("k", "a"), ("k", "b"), ("k", "a")];
    for (ordering, expected) in [
        (Ordering::Strict, [true, true, true]),
        (Ordering::None, [true, true, true]),
        (Ordering::Final, [true, false, false]),
    ] {
        let mut sightings = Sightings::new(seen(&rows), [object(1)], ordering, true);
        let found = rows.map(|(key, payload)| takes(&mut sightings, 1, key, payload));
        assert_eq!(found, expected, "{ordering:?}");
    }
}

/// Rows a, b, c of a key: a and c were stored, then b by a process that was interrupted before it sent c again.
#[test]
fn a_row_before_a_known_one_of_its_key_is_sent_again() {
    let rows = [("k", "c"), ("l", "c"), ("k", "b")];
    let mut ordered = Sightings::new(seen_with(&rows, &[2]), [object(1)], Ordering::Final, true);
    assert!(!takes(&mut ordered, 1, "k", "c") && takes(&mut ordered, 1, "l", "c"));
    let mut strict = Sightings::new(seen_with(&rows, &[2]), [object(1)], Ordering::Strict, false);
    assert!(takes(&mut strict, 1, "k", "c"));
}

#[test]
fn after_a_batch_of_missing_rows_an_equal_row_is_another_row() {
    let mut sightings = Sightings::new(seen(&[("k", "late twin")]), [object(1)], Ordering::None, false);
    for row in 0..BATCH_RECORDS_MAX {
        assert!(!takes(&mut sightings, 1, "k", &format!("row {row}")));
    }
    assert!(!takes(&mut sightings, 1, "k", "late twin"));
    assert!(!sightings.concern(&object(1)));
}

/// None of what is settled after the place where a look begins may be forgotten, and none that is still to be
/// matched may lie before it.
/// D3.
#[test]
fn what_a_later_look_would_meet_stays_known() {
    let completed = |sightings: &Sightings, new: &[&str], known: &[&str]| {
        let known = KnownPlaces::of(known.iter().map(ToString::to_string));
        let new = new.iter().map(ToString::to_string).collect();
        let (known, look_from) = sightings.complete("s", new, known, LastLook::Nowhere);
        (in_words(&known), look_from.unwrap())
    };
    let expect = |numbers: &str, look_from: &str| (numbers.to_owned(), look_from.to_owned());
    let none = Sightings::new(Looked::default(), [], Ordering::None, false);
    assert_eq!(completed(&none, &["7", "8"], &["4", "5"]), expect("7-8", "7"));
    assert_eq!(completed(&none, &["3", "8"], &["2", "5"]), expect("3-8", "3"));
    let mut open = Sightings::new(
        seen(&[("k", "a"), ("k", "b")]),
        [object(1)],
        Ordering::None,
        false,
    );
    assert!(takes(&mut open, 1, "k", "a"));
    // The second sighting, 1, is still to be matched: a look begins there.
    assert_eq!(completed(&open, &["5"], &["0"]), expect("5-5", "1"));
    assert!(takes(&mut open, 1, "k", "b"));
    assert_eq!(completed(&open, &["6"], &["5"]), expect("6-6", "6"));
}
/// A process that is killed between two batches must find the second one in the record in which it was sent.
/// D3.
#[test]
fn the_members_of_a_record_stay_known_one_by_one_until_none_is_open() {
    let mut looked = Looked::default();
    for (index, payload) in ["a", "b", "c"].iter().enumerate() {
        let sighting = Sighting {
            fingerprint: Fingerprint::of(b"k", payload.as_bytes()),
            acknowledged: Acknowledged::seen("s", "7", Some(index)),
        };
        looked.note(&sighting, b"k", false);
    }
    let mut sightings = Sightings::new(looked, [object(1)], Ordering::Strict, false);
    let mut settle = |payloads: &[&str], known: &[&str]| {
        let take = |payload: &&str| {
            let record = BatchRecord::new(0, payload.as_bytes(), b"k");
            sightings.take(&object(1), &record).unwrap()
        };
        let found: Vec<_> = payloads.iter().map(take).collect();
        let places = found.iter().map(|found| found.place().1.to_owned()).collect();
        let known = KnownPlaces::of(known.iter().map(ToString::to_string));
        let (known, look_from) = sightings.complete("s", places, known, LastLook::Nowhere);
        assert_eq!(look_from.as_deref(), Some("7"), "{payloads:?}");
        in_words(&known)
    };
    assert_eq!(settle(&["a"], &[]), "7/0");
    assert_eq!(settle(&["b", "c"], &["7/0"]), "7-7");
}

/// Equal rows of a key: as many as were seen are not sent again, and no more.
/// D3.
#[test]
fn equal_rows_are_counted_where_nothing_was_sent_twice() {
    let stream = ["a", "b", "a", "c", "a"].map(|payload| ("k", payload));
    let mut sightings = Sightings::new(seen(&stream), [object(1)], Ordering::Final, false);
    let rows = ["a", "b", "a", "c", "a", "a", "d"];
    let found = rows.map(|payload| takes(&mut sightings, 1, "k", payload));
    assert_eq!(found, [true, true, true, true, true, false, false]);
    assert!(
        !sightings.are_overtaken(),
        "all that was seen of the key is matched"
    );
}

/// Of the last request of a process that died some records were refused.
/// O2.
#[test]
fn after_a_hole_everything_of_its_key_is_sent_again() {
    for (stream, rows, expected) in [
        (&["a", "c"][..], &["a", "b", "c"][..], &[true, false, false][..]),
        (&["b", "a"], &["a", "b", "a"], &[true, false, false]),
        (&["a", "b"], &["a", "b", "a", "b"], &[true, true, false, false]),
    ] {
        let stream: Vec<_> = stream.iter().map(|payload| ("k", *payload)).collect();
        let mut sightings = Sightings::new(seen(&stream), [object(1)], Ordering::Final, false);
        let found: Vec<_> = rows
            .iter()
            .map(|payload| takes(&mut sightings, 1, "k", payload))
            .collect();
        assert_eq!(found, expected, "{rows:?} in {stream:?}");
        let unmatched = stream.len() > expected.iter().filter(|found| **found).count();
        assert_eq!(sightings.are_overtaken(), unmatched);
    }
}

/// Two shards were merged after a crash. The lower one lags: of its rows none is there, and they come first.
/// D3.
#[test]
fn a_former_shard_that_lags_does_not_end_the_matching_of_the_other() {
    let key_in = |is_upper: bool| {
        let keys = (0..).map(|number| format!("key {number}"));
        let is_in = |key: &String| (HashKey::of_partition_key(key.as_bytes()).0 >= 1 << 127) == is_upper;
        keys.into_iter().find(is_in).unwrap()
    };
    let (lower, upper) = (key_in(false), key_in(true));
    let mut looked = seen(&[(&upper, "seen")]);
    for (start, end) in [(0, (1 << 127) - 1), (1 << 127, u128::MAX), (0, u128::MAX)] {
        looked.note_shard(&HashRange { start, end });
    }
    let mut sightings = Sightings::new(looked, [object(1)], Ordering::None, false);
    for row in 0..2 * BATCH_RECORDS_MAX {
        assert!(!takes(&mut sightings, 1, &lower, &format!("row {row}")));
    }
    assert!(takes(&mut sightings, 1, &upper, "seen"));
}

/// What is left of an object's sightings is of no use once rows of a later one come.
#[test]
fn a_later_object_ends_the_matching_of_the_ones_before_it() {
    let mut sightings = Sightings::new(
        seen(&[("k", "of another writer")]),
        [object(1)],
        Ordering::None,
        false,
    );
    sightings.pass(&object(1));
    assert_eq!(
        sightings
            .complete(
                "s",
                vec!["5".to_owned()],
                KnownPlaces::default(),
                LastLook::Nowhere
            )
            .1
            .as_deref(),
        Some("0")
    );
    sightings.pass(&object(2));
    assert!(!sightings.concern(&object(1)));
    assert_eq!(
        sightings
            .complete(
                "s",
                vec!["5".to_owned()],
                KnownPlaces::default(),
                LastLook::Nowhere
            )
            .1
            .as_deref(),
        Some("5")
    );
}

fn in_words(known: &KnownPlaces) -> String {
    let runs = known.runs.iter().map(|(first, last)| format!("{first}-{last}"));
    let places: Vec<_> = runs.chain(known.members.iter().cloned()).collect();
    places.join(" ")
}

/// A known record in one shard of the family may say that a sighting in another stands before it.
/// O2.
#[test]
fn what_was_read_is_done_only_when_nothing_is_open_in_any_shard() {
    let mut looked = Looked::default();
    for (shard_id, payload, is_known) in [("parent", "later", false), ("child", "earlier", true)] {
        let sighting = Sighting {
            fingerprint: Fingerprint::of(b"k", payload.as_bytes()),
            acknowledged: Acknowledged::seen(shard_id, "7", None),
        };
        looked.note(&sighting, b"k", is_known);
    }
    let mut sightings = Sightings::new(looked, [object(1)], Ordering::Final, true);
    assert!(sightings.take_done().is_empty());
    assert!(
        !takes(&mut sightings, 1, "k", "later"),
        "it stands before a known one"
    );
    let done = sightings.take_done();
    assert_eq!(
        (done.len(), done.get("child").map(String::as_str)),
        (2, Some("7"))
    );
    assert!(sightings.take_done().is_empty(), "once");
}

/// A record that closed a hole in a child is known; while a sighting of its parent is open, it has to be read again, or a
/// later process takes that sighting for the last state (`simulate --mode final --seed 5512 --history 53282`).
/// O2.
#[test]
fn a_look_begins_where_the_last_one_did_while_anything_is_open_in_any_shard() {
    let mut looked = Looked::default();
    let sighting = Sighting {
        fingerprint: Fingerprint::of(b"k", b"later"),
        acknowledged: Acknowledged::seen("parent", "5", None),
    };
    looked.note(&sighting, b"k", false);
    let begins = |sightings: &Sightings, last_look: LastLook| {
        let known = KnownPlaces::of(["10".to_owned()]);
        let (known, begin) = sightings.complete("child", vec!["12".to_owned()], known, last_look);
        (in_words(&known), begin)
    };
    let expect = |known: &str, begin: &str| (known.to_owned(), Some(begin.to_owned()));
    let at = || LastLook::At("10".to_owned());
    let unordered = Sightings::new(looked.clone(), [object(1)], Ordering::None, false);
    assert_eq!(begins(&unordered, at()), expect("12-12", "12"));
    let mut ordered = Sightings::new(looked, [object(1)], Ordering::Final, true);
    assert_eq!(begins(&ordered, at()), expect("10-12", "10"));
    // A child of two shards: of each parent a part of its keys is known.
    assert_eq!(begins(&ordered, LastLook::ByTime), ("10-12".to_owned(), None));
    assert_eq!(begins(&ordered, LastLook::Nowhere), expect("12-12", "12"));
    ordered.pass(&object(2));
    assert_eq!(
        begins(&ordered, at()),
        expect("12-12", "12"),
        "once nothing is open"
    );
}

/// Others write into the stream too, and no file may come after the last one of a load.
#[test]
fn nothing_is_kept_for_rows_of_an_object_that_is_done() {
    let seen = seen(&[("k", "a"), ("of others", "x")]);
    let mut sightings = Sightings::new(seen, [object(1), object(2)], Ordering::Final, false);
    assert!(takes(&mut sightings, 1, "k", "a"));
    sightings.finish(&object(1));
    assert_eq!(
        sightings.take_done(),
        HashMap::new(),
        "the other object may have it"
    );
    sightings.finish(&object(2));
    let ends = HashMap::from([("s".to_owned(), "1".to_owned())]);
    assert_eq!(sightings.take_done(), ends);
    assert!(!takes(&mut sightings, 2, "of others", "x"));
}
