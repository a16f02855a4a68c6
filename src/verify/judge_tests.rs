//! The judge on small streams that were made by hand, and on random ones against a plain model.

use proptest::prelude::*;

use super::*;
use crate::publish::fingerprint::Fingerprint;
use crate::verify::rows::ExpectedRow;

const ORDERED: ObjectFacts = ObjectFacts {
    queue: 0,
    is_ordered: true,
};

/// A row: its text, and its partition key before a slash.
fn rows_of(objects: &[&[&str]]) -> Rows {
    let mut rows = Rows::with_capacity(8);
    for (object, texts) in (0..).zip(objects) {
        for (ordinal, text) in (0..).zip(*texts) {
            let (key, text) = text.split_once('/').unwrap();
            let (demand, text) = match text.strip_suffix('?') {
                Some(text) => (Demand::Allowed, text),
                None => (Demand::Required, text),
            };
            rows.add(ExpectedRow {
                fingerprint: Fingerprint::of(key.as_bytes(), text.as_bytes()),
                hash: hash(key),
                object,
                ordinal,
                table: 0,
                demand,
            });
        }
    }
    rows
}

fn hash(key: &str) -> u64 {
    u64::try_from(HashKey::of_partition_key(key.as_bytes()).0 >> 64).unwrap()
}

fn judge_stream(objects: &[&[&str]], stream: &[&str]) -> (Judgement, u64) {
    let mut rows = rows_of(objects);
    for record in stream {
        let (key, text) = record.split_once('/').unwrap();
        rows.take(key.as_bytes(), text.as_bytes());
    }
    let foreign = rows.foreign_count();
    let facts = vec![ORDERED; objects.len()];
    (judge(rows, &facts, 1, None), foreign)
}

/// Found, missing, repeated, out of order, foreign.
#[track_caller]
fn check(objects: &[&[&str]], stream: &[&str], expected: [u64; 5]) {
    let (judgement, foreign) = judge_stream(objects, stream);
    let total = judgement.total();
    let counts = [
        total.found,
        total.missing,
        total.repeated,
        total.out_of_order,
        foreign,
    ];
    assert_eq!(counts, expected, "{objects:?} as {stream:?}: {judgement:?}");
    assert_eq!(total.expected, total.found + total.missing);
}

#[test]
fn what_was_sent_once_in_order_is_well() {
    check(&[&["k/1", "k/2", "l/1"]], &["l/1", "k/1", "k/2"], [3, 0, 0, 0, 0]);
}

#[test]
fn a_missing_row_is_named() {
    let (judgement, _) = judge_stream(&[&["k/1"], &["k/2", "k/3", "k/4"]], &["k/1", "k/2", "k/4"]);
    assert_eq!((judgement.total().missing, judgement.objects[1].missing), (1, 1));
    assert_eq!(judgement.examples, [(1, 1)]);
}

#[test]
fn a_doubled_row_is_repeated_and_in_order() {
    check(&[&["k/1", "k/2"]], &["k/1", "k/1", "k/2"], [2, 0, 1, 0, 0]);
    check(&[&["k/1", "k/2"]], &["k/1", "k/2", "k/1", "k/2"], [2, 0, 2, 0, 0]);
}

#[test]
fn the_last_copies_decide_about_order() {
    check(&[&["k/1", "k/2"]], &["k/2", "k/1"], [2, 0, 0, 1, 0]);
    check(&[&["k/1", "k/2"]], &["k/2", "k/1", "k/2"], [2, 0, 1, 0, 0]);
    check(&[&["k/1", "k/2"]], &["k/1", "k/2", "k/1"], [2, 0, 1, 1, 0]);
    // Keys and objects are independent of each other.
    check(&[&["k/1", "l/2"]], &["l/2", "k/1"], [2, 0, 0, 0, 0]);
    check(&[&["k/1"], &["k/2"]], &["k/2", "k/1"], [2, 0, 0, 0, 0]);
}

#[test]
fn a_hole_does_not_hide_an_inversion_around_it() {
    check(&[&["k/1", "k/2", "k/3"]], &["k/3", "k/1"], [2, 1, 0, 1, 0]);
}

#[test]
fn twins_get_the_copies_that_fit() {
    let rows: &[&[&str]] = &[&["k/a", "k/b", "k/a"]];
    check(rows, &["k/a", "k/b", "k/a"], [3, 0, 0, 0, 0]);
    check(rows, &["k/a", "k/b", "k/a", "k/a"], [3, 0, 1, 0, 0]);
    check(rows, &["k/a", "k/b", "k/a", "k/b", "k/a"], [3, 0, 2, 0, 0]);
    check(rows, &["k/a", "k/a", "k/b"], [3, 0, 0, 1, 0]);
    check(rows, &["k/b", "k/a", "k/a"], [3, 0, 0, 1, 0]);
}

#[test]
fn a_missing_twin_is_counted_and_says_nothing_about_order() {
    check(
        &[&["k/a", "k/b", "k/a", "k/c"]],
        &["k/a", "k/b", "k/c"],
        [3, 1, 0, 0, 0],
    );
    check(
        &[&["k/a", "k/b", "k/a", "k/c"]],
        &["k/b", "k/a", "k/c"],
        [3, 1, 0, 0, 0],
    );
}

#[test]
fn a_row_that_may_be_there_is_neither_missing_nor_foreign() {
    check(&[&["k/1", "k/2?"]], &["k/1"], [1, 0, 0, 0, 0]);
    check(&[&["k/1", "k/2?"]], &["k/2", "k/1"], [1, 0, 0, 0, 0]);
    // It takes nothing away from a twin that has to be there.
    check(&[&["k/1", "k/1?"]], &["k/1"], [1, 0, 0, 0, 0]);
    check(&[&["k/1?"], &["k/1"]], &["k/1"], [1, 0, 0, 0, 0]);
    check(&[&["k/1", "k/1?"]], &["k/1", "k/1", "k/1"], [1, 0, 1, 0, 0]);
}

#[test]
fn a_record_that_no_row_explains_is_foreign() {
    check(&[&["k/1"]], &["k/0", "l/1", "k/1"], [1, 0, 0, 0, 2]);
}

#[test]
fn what_an_object_demands_can_change() {
    let counts = |demand| {
        let mut rows = rows_of(&[&["k/1", "k/2"], &["k/2", "k/3?"]]);
        rows.demand_from(2, demand);
        rows.take(b"k", b"1");
        let total = judge(rows, &[ORDERED; 2], 1, None).total();
        (total.expected, total.found, total.missing)
    };
    assert_eq!(counts(Demand::Allowed), (2, 1, 1));
    assert_eq!(counts(Demand::Required), (4, 1, 3));
}

#[test]
fn after_a_horizon_only_what_follows_the_first_record_of_a_lane_is_missing() {
    let shards = ShardMap::uniform(2).unwrap();
    let shard_of = |key: &str| shards.locate(HashKey::of_partition_key(key.as_bytes()));
    let other = ('a'..='z')
        .map(String::from)
        .find(|key| shard_of(key) != shard_of("k"))
        .unwrap();
    let other_rows = [1, 2].map(|number| format!("{other}/{number}"));
    let rows = ["k/1", "k/2", "k/3", "k/4", &other_rows[0], &other_rows[1]];
    let judged = |stream: &[&str], horizon| {
        let mut index = rows_of(&[&rows]);
        for record in stream {
            let (key, text) = record.split_once('/').unwrap();
            index.take(key.as_bytes(), text.as_bytes());
        }
        let total = judge(index, &[ORDERED], 1, horizon).total();
        (total.missing, total.expired)
    };
    let stream = ["k/2", "k/4", &other_rows[1]];
    assert_eq!(judged(&stream, None), (3, 0));
    assert_eq!(judged(&stream, Some(&shards)), (1, 2));
}

proptest! {
    /// One object, one key, rows without twins: the counts of the judge are those of a plain model.
    #[test]
    fn the_judge_agrees_with_a_plain_model(
        rows in prop::collection::vec(0..8_u8, 0..12),
        stream in prop::collection::vec(0..10_u8, 0..20),
    ) {
        let mut distinct = rows;
        distinct.sort_unstable();
        distinct.dedup();
        let texts: Vec<String> = distinct.iter().map(|row| format!("k/{row}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let records: Vec<String> = stream.iter().map(|record| format!("k/{record}")).collect();
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        let last_of = |row: &u8| stream.iter().rposition(|record| record == row);
        let lasts: Vec<usize> = distinct.iter().filter_map(last_of).collect();
        let of_rows = stream.iter().filter(|record| distinct.contains(record)).count();
        let inversions = lasts.windows(2).filter(|pair| pair[0] > pair[1]).count();
        let (judgement, foreign) = judge_stream(&[&texts], &records);
        let total = judgement.total();
        let count = |number: usize| u64::try_from(number).unwrap();
        prop_assert_eq!(total.found, count(lasts.len()));
        prop_assert_eq!(total.missing, count(distinct.len() - lasts.len()));
        prop_assert_eq!(total.repeated, count(of_rows - lasts.len()));
        prop_assert_eq!(total.out_of_order, count(inversions));
        prop_assert_eq!(foreign, count(stream.len() - of_rows));
    }

    /// With twins: a stream that is the file, with any suffix of what was sent so far repeated any number of times,
    /// is in order and complete.
    #[test]
    fn replays_of_a_window_are_never_out_of_order(
        rows in prop::collection::vec(0..3_u8, 1..10),
        replays in prop::collection::vec((0..10_usize, 0..4_usize), 0..4),
    ) {
        let texts: Vec<String> = rows.iter().map(|row| format!("k/{row}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut stream: Vec<&str> = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            stream.push(text);
            for (_, length) in replays.iter().filter(|(place, _)| *place == at) {
                stream.extend_from_slice(&texts[(at + 1).saturating_sub(*length)..=at]);
            }
        }
        let (judgement, foreign) = judge_stream(&[&texts], &stream);
        let total = judgement.total();
        prop_assert_eq!((total.missing, total.out_of_order, foreign), (0, 0, 0));
        prop_assert_eq!(total.repeated, u64::try_from(stream.len() - texts.len()).unwrap());
    }
}
