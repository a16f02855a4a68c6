//! What is known of a shard: nothing is forgotten, nothing in doubt is known, and it stays small.

use proptest::prelude::*;

use super::*;

const MIDDLE: u128 = 1 << 127;
const LOW: HashRange = HashRange {
    start: 0,
    end: MIDDLE - 1,
};
const HIGH: HashRange = HashRange {
    start: MIDDLE,
    end: u128::MAX,
};

fn numbers(numbers: &[u32]) -> KnownPlaces {
    KnownPlaces::of(numbers.iter().map(ToString::to_string))
}

fn doubt(numbers: &[u32]) -> InDoubt {
    let mut in_doubt = InDoubt::default();
    for number in numbers {
        in_doubt.add(SequenceNumber::new(&number.to_string()));
    }
    in_doubt
}

proptest! {
    /// Whatever is joined or bounded: what was known stays known, and what is in doubt stays in doubt as long as
    /// there is room.
    /// D3.
    #[test]
    fn joined_runs_know_all_that_was_known_and_nothing_in_doubt(
        known in prop::collection::btree_set(0_u32..200, 1..80),
        in_doubt in prop::collection::btree_set(0_u32..200, 0..80),
        places_max in 1_usize..10,
    ) {
        let in_doubt: Vec<_> = in_doubt.difference(&known).copied().collect();
        let known: Vec<_> = known.into_iter().collect();
        let mut joined = numbers(&known);
        joined.join(&doubt(&in_doubt));
        let mut bounded = joined.clone();
        bounded.bound(places_max);
        prop_assert!(bounded.count() <= places_max);
        for number in &known {
            prop_assert!(joined.contains(&number.to_string()) && bounded.contains(&number.to_string()));
        }
        for number in &in_doubt {
            prop_assert!(!joined.contains(&number.to_string()), "{number} in {joined:?}");
        }
    }
}

#[test]
fn a_member_is_known_alone_until_no_other_of_its_record_is_in_doubt() {
    let mut known = KnownPlaces::of(["7/0".to_owned(), "5".to_owned()]);
    known.join(&doubt(&[7]));
    assert!(known.contains("7/0") && !known.contains("7/1") && !known.contains("7"));
    known.join(&doubt(&[]));
    assert_eq!(known.runs, [("5".to_owned(), "7".to_owned())]);
}

/// D3.
#[test]
fn a_lane_that_was_merged_keeps_what_its_parts_could_forget() {
    let lane = |range, from: &str| LaneCut {
        range,
        known: numbers(&[from.parse().unwrap()]),
        look_from: Some(from.to_owned()),
    };
    let mut lanes = vec![lane(LOW, "100"), lane(HIGH, "50")];
    assert_eq!(look_start(&lanes, &HashRange::ALL), Some("50"));
    assert_eq!(look_start(&lanes, &LOW), Some("100"));
    assert_eq!(
        look_start(&lanes[..1], &HashRange::ALL),
        None,
        "half of it is not known"
    );
    note_lane(&mut lanes, lane(HashRange::ALL, "60"));
    let knows = |lanes: &[LaneCut], place, point| lanes.iter().any(|lane| lane.knows(place, HashKey(point)));
    assert!(knows(&lanes, "99", 0), "forgotten by the lower part");
    assert!(!knows(&lanes, "99", MIDDLE) && knows(&lanes, "59", MIDDLE) && knows(&lanes, "60", 0));
    note_lane(&mut lanes, lane(HashRange::ALL, "101"));
    assert_eq!(lanes.len(), 1, "nothing of the parts is left to know");
    note_lane(&mut lanes, lane(LOW, "120"));
    assert_eq!(look_start(&lanes, &LOW), Some("120"));
    assert_eq!(look_start(&lanes, &HIGH), Some("101"));
}

/// A run of a lane says nothing of keys that are not its own, whatever lane those keys come to.
/// D3.
#[test]
fn a_run_of_a_part_covers_nothing_of_the_other_part() {
    let mut lanes = vec![LaneCut {
        range: LOW,
        known: KnownPlaces {
            runs: vec![("10".to_owned(), "40".to_owned())],
            members: BTreeSet::new(),
        },
        look_from: Some("10".to_owned()),
    }];
    let merged = LaneCut {
        range: HashRange::ALL,
        known: numbers(&[20]),
        look_from: Some("20".to_owned()),
    };
    note_lane(&mut lanes, merged);
    let knows = |point| lanes.iter().any(|lane| lane.knows("30", HashKey(point)));
    assert!(knows(0) && !knows(MIDDLE));
}

/// C4.
#[test]
fn however_much_is_in_flight_what_is_known_stays_small() {
    let odd: Vec<_> = (0..100_000_u32).map(|number| number * 2 + 1).collect();
    let even: Vec<_> = (0..100_000_u32).map(|number| number * 2).collect();
    let mut lanes = Vec::new();
    for part in 0..16_u128 {
        let width = 1 << 124;
        let range = HashRange {
            start: part * width,
            end: part * width + (width - 1),
        };
        let mut known = numbers(&even);
        known.join(&doubt(&odd));
        note_lane(
            &mut lanes,
            LaneCut {
                range,
                known,
                look_from: Some("0".to_owned()),
            },
        );
    }
    let count: usize = lanes.iter().map(|lane| lane.known.count()).sum();
    assert!(count <= 4 * PLACES_MAX, "{count}");
}
