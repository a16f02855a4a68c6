//! What an attempt makes of answers: only what is acknowledged settles, and the order is the promised one.

use proptest::prelude::*;

use super::*;
use crate::fault::Certainty;
use crate::saturate;

fn stored(number: usize) -> PutEntry {
    PutEntry::Stored {
        sequence_number: number.to_string(),
        shard_id: "s".into(),
    }
}

fn refused() -> PutEntry {
    let code = "ProvisionedThroughputExceededException".into();
    PutEntry::Failed {
        code,
        message: "slow down".into(),
        certainty: Certainty::NotApplied,
    }
}

fn key(index: usize, keys: &[u8]) -> Option<&[u8]> {
    keys.get(index..=index)
}

/// An answer that stores what `is_stored` says, in the order of the log, and refuses the rest.
fn answer_of(sent: &[usize], log: &mut Vec<usize>, mut is_stored: impl FnMut() -> bool) -> Vec<PutEntry> {
    let mut entry = |index: &usize| {
        if !is_stored() {
            return refused();
        }
        log.push(*index);
        stored(log.len())
    };
    sent.iter().map(&mut entry).collect()
}

proptest! {
    /// Any history of partial failures: nothing is settled before it was stored, and in `final` the last
    /// stored copies of a key's records stand in file order.
    /// O2.
    #[test]
    fn final_order_keeps_the_last_state_of_each_key(
        keys in prop::collection::vec(0_u8..4, 1..40),
        outcomes in prop::collection::vec(any::<bool>(), 0..400),
    ) {
        let mut attempt = Attempt::new(keys.len(), Ordering::Final, 16, |index| key(index, &keys));
        let mut outcomes = outcomes.into_iter().chain(std::iter::repeat(true));
        let mut log: Vec<usize> = Vec::new();
        loop {
            let sent = attempt.to_send().to_vec();
            prop_assert!(sent.windows(2).all(|pair| pair[0] < pair[1]));
            let answer = answer_of(&sent, &mut log, || outcomes.next() == Some(true));
            if attempt.judge(Ok(answer), InDoubt::SendAgain, |index| key(index, &keys)) == NextAttempt::Complete {
                break;
            }
            if attempt.slots.iter().any(Option::is_none) {
                let slots = attempt.slots.clone();
                let unsettled = Attempt { slots, ..Attempt::new(0, Ordering::Final, 1, |_| None) };
                prop_assert!(unsettled.settle(saturate::to_u64(keys.len())).is_err());
            }
        }
        for wanted in 0..4 {
            let mut last = Vec::new();
            for index in log.iter().filter(|index| keys[**index] == wanted) {
                last.retain(|other| other != index);
                last.push(*index);
            }
            prop_assert!(last.windows(2).all(|pair| pair[0] < pair[1]), "{last:?} of {log:?}");
        }
        let settled = attempt.settle(saturate::to_u64(keys.len())).unwrap();
        prop_assert_eq!(settled.iter().map(|group| group.records_count).sum::<u64>(), saturate::to_u64(keys.len()));
        let numbers: usize = settled.iter().map(|group| group.places.len()).sum();
        prop_assert_eq!(numbers, log.len(), "every stored copy is known");
    }
}

#[test]
fn ordering_none_sends_only_failed_records_again() {
    let mut attempt = Attempt::new(3, Ordering::None, 500, |_| key(0, b"k"));
    let verdict = attempt.judge(
        Ok(vec![stored(1), refused(), stored(2)]),
        InDoubt::SendAgain,
        |_| key(0, b"k"),
    );
    assert!(
        matches!(
            verdict,
            NextAttempt::Again {
                is_throttled: true,
                ..
            }
        ),
        "{verdict:?}"
    );
    assert_eq!(attempt.to_send(), [1]);
}

/// The cruel case: one key, and every 20th record refused whatever is sent.
#[test]
fn a_hot_key_under_refusals_costs_a_small_multiple_of_its_records() {
    let (mut attempt, mut clock, mut sent) = (
        Attempt::new(500, Ordering::Final, 500, |_| key(0, b"k")),
        0_usize,
        0,
    );
    loop {
        sent += attempt.to_send().len();
        let answer = attempt.to_send().iter().map(|index| {
            clock += 1;
            if clock.is_multiple_of(20) {
                refused()
            } else {
                stored(*index)
            }
        });
        let answer = answer.collect();
        if attempt.judge(Ok(answer), InDoubt::SendAgain, |_| key(0, b"k")) == NextAttempt::Complete {
            break;
        }
    }
    assert!(sent < 4 * 500, "{sent} records sent for 500");
}

#[test]
fn an_answer_of_another_length_settles_nothing() {
    let mut attempt = Attempt::new(2, Ordering::Final, 500, |_| None);
    let verdict = attempt.judge(Ok(vec![stored(1)]), InDoubt::SendAgain, |_| None);
    assert!(
        matches!(
            verdict,
            NextAttempt::Again {
                is_throttled: false,
                ..
            }
        ),
        "{verdict:?}"
    );
    assert_eq!((attempt.to_send(), attempt.counts().doubtful), (&[0, 1][..], 2));
    assert!(attempt.settle(2).is_err());
}

/// D1.
#[test]
fn runs_that_do_not_add_up_are_not_settled() {
    let mut attempt = Attempt::new(1, Ordering::Final, 500, |_| None);
    assert_eq!(
        attempt.judge(Ok(vec![stored(1)]), InDoubt::SendAgain, |_| None),
        NextAttempt::Complete
    );
    assert!(attempt.settle(2).is_err());
}

fn doubtful() -> PutEntry {
    PutEntry::Failed {
        code: "InternalFailure".into(),
        message: "maybe".into(),
        certainty: Certainty::MaybeApplied,
    }
}

proptest! {
    /// In `strict` no request holds two records of a key, and none is sent before the one before it is stored.
    /// O2.
    #[test]
    fn strict_order_never_has_two_records_of_a_key_in_the_air(
        keys in prop::collection::vec(0_u8..4, 1..40),
        outcomes in prop::collection::vec(any::<bool>(), 0..400),
    ) {
        let mut attempt = Attempt::new(keys.len(), Ordering::Strict, 500, |index| key(index, &keys));
        let mut outcomes = outcomes.into_iter().chain(std::iter::repeat(true));
        let mut log: Vec<usize> = Vec::new();
        loop {
            let sent = attempt.to_send().to_vec();
            let mut of_request: Vec<u8> = sent.iter().map(|index| keys[*index]).collect();
            of_request.sort_unstable();
            prop_assert!(of_request.windows(2).all(|pair| pair[0] < pair[1]), "{sent:?}");
            let answer = answer_of(&sent, &mut log, || outcomes.next() == Some(true));
            if attempt.judge(Ok(answer), InDoubt::Look, |index| key(index, &keys)) == NextAttempt::Complete {
                break;
            }
        }
        prop_assert_eq!(log.len(), keys.len(), "nothing is sent twice");
        for wanted in 0..4 {
            let of_key: Vec<_> = log.iter().filter(|index| keys[**index] == wanted).collect();
            prop_assert!(of_key.is_sorted(), "{of_key:?}");
        }
    }

    /// Whatever is in doubt: what was stored is never sent again without need, and what was not is never left out.
    /// D3.
    #[test]
    fn doubt_is_resolved_by_looking(
        fates in prop::collection::vec((any::<bool>(), any::<bool>()), 1..30),
    ) {
        // Whether a record is stored, and whether its answer says so.
        let mut attempt = Attempt::new(fates.len(), Ordering::None, 500, |_| None);
        let answer = fates.iter().enumerate().map(|(index, (is_stored, is_told))| match (is_stored, is_told) {
            (true, true) => stored(index),
            (false, true) => refused(),
            (true | false, false) => doubtful(),
        });
        let answer = answer.collect();
        let verdict = attempt.judge(Ok(answer), InDoubt::Look, |_| None);
        let has_doubt = fates.iter().any(|(_, is_told)| !is_told);
        prop_assert_eq!(matches!(verdict, NextAttempt::Look { .. }), has_doubt);
        if has_doubt {
            attempt.resolve(|index| fates[index].0.then(|| Acknowledged::seen("s", &index.to_string(), None)), |_| None);
        }
        let missing: Vec<_> = (0..fates.len()).filter(|index| !fates[*index].0).collect();
        prop_assert_eq!(attempt.to_send(), missing.as_slice());
    }
}

/// After a hole that looking showed, later records of the key go out again, also those that were answered.
/// O2.
#[test]
fn a_hole_that_looking_finds_is_closed_in_order() {
    let keys = b"kkl";
    let mut attempt = Attempt::new(3, Ordering::Final, 500, |index| key(index, keys));
    let answer = vec![doubtful(), stored(1), stored(2)];
    let verdict = attempt.judge(Ok(answer), InDoubt::Look, |index| key(index, keys));
    assert!(matches!(verdict, NextAttempt::Look { .. }), "{verdict:?}");
    assert_eq!(
        attempt.resolve(|_| None, |index| key(index, keys)),
        NextAttempt::More
    );
    assert_eq!((attempt.to_send(), attempt.counts().repeated), (&[0, 1][..], 1));
}

#[test]
fn records_that_come_back_in_another_order_are_counted() {
    let mut attempt = Attempt::new(4, Ordering::Final, 500, |_| None);
    let answer = vec![stored(10), stored(9), stored(11), stored(12)];
    assert_eq!(
        attempt.judge(Ok(answer), InDoubt::Look, |_| None),
        NextAttempt::Complete
    );
    assert_eq!(attempt.counts().inversions, 1);
}

/// O2. A filter dropped the record that came too early, so it and what is after it has to come again.
#[test]
fn in_a_chain_a_record_that_was_stored_too_early_is_sent_again_with_all_after_it() {
    let lanes = [0, 1, 0, 1, 0];
    let mut attempt = Attempt::new(5, Ordering::Final, 500, |index| key(index, &lanes))
        .with_chain(Vec::new(), |index| key(index, &lanes));
    let entries = [2, 1, 3, 5, 4].map(stored);
    let verdict = attempt.judge(Ok(entries.to_vec()), InDoubt::SendAgain, |index| {
        key(index, &lanes)
    });
    assert_eq!(verdict, NextAttempt::Complete, "disorder between lanes is none");
    let mut attempt = Attempt::new(5, Ordering::Final, 500, |index| key(index, &lanes))
        .with_chain(Vec::new(), |index| key(index, &lanes));
    let entries = [3, 1, 2, 4, 5].map(stored);
    let verdict = attempt.judge(Ok(entries.to_vec()), InDoubt::SendAgain, |index| {
        key(index, &lanes)
    });
    assert_eq!((verdict, attempt.to_send()), (NextAttempt::More, &[2, 4][..]));
}

/// O2. A consumer takes a sync record as proof that all records before it came.
#[test]
fn a_sync_record_does_not_share_a_request_with_records_before_it() {
    let one_lane = |_: usize| key(0, b"k");
    let mut attempt = Attempt::new(7, Ordering::Final, 500, one_lane).with_chain(vec![0, 1, 4, 5], one_lane);
    let mut requests = Vec::new();
    loop {
        let sent = attempt.to_send().to_vec();
        let answer = sent.iter().map(|index| stored(*index)).collect();
        requests.push(sent);
        if attempt.judge(Ok(answer), InDoubt::SendAgain, one_lane) == NextAttempt::Complete {
            break;
        }
    }
    assert_eq!(requests, [vec![0, 1, 2, 3], vec![4, 5, 6]]);
}

/// Records sent until ten batches are through, over a stream that refuses half of what it gets.
fn sent_under_heavy_throttling(ordering: Ordering, keys: &[u8]) -> usize {
    let (mut state, mut sent, mut window) = (1_u64, 0, 500);
    for _batch in 0..10 {
        let mut attempt = Attempt::new(keys.len(), ordering, window, |index| key(index, keys));
        loop {
            sent += attempt.to_send().len();
            let answer = attempt.to_send().iter().map(|index| {
                // The generator of Knuth's MMIX; its highest bit is good enough for a coin.
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                if state >> 63 == 0 {
                    refused()
                } else {
                    stored(*index)
                }
            });
            let answer = answer.collect();
            if attempt.judge(Ok(answer), InDoubt::Look, |index| key(index, keys)) == NextAttempt::Complete {
                break;
            }
        }
        window = attempt.window().min(500);
    }
    sent
}

#[test]
fn half_of_everything_refused_costs_no_more_than_three_attempts_per_record() {
    let many: Vec<u8> = (0..500).map(|index| u8::try_from(index % 250).unwrap()).collect();
    let one = vec![b'k'; 500];
    for ordering in [Ordering::None, Ordering::Strict, Ordering::Final] {
        for keys in [&many, &one] {
            let sent = sent_under_heavy_throttling(ordering, keys);
            assert!(sent <= 3 * 5_000, "{ordering:?}: {sent} records sent for 5,000");
        }
    }
}

#[test]
fn keys_are_kept_apart_from_the_moment_on_that_requests_are_no_longer_atomic() {
    let keys = b"kkl";
    let mut attempt = Attempt::new(3, Ordering::Final, 500, |index| key(index, keys));
    let answer = vec![refused(), refused(), refused()];
    attempt.judge(Ok(answer), InDoubt::Look, |index| key(index, keys));
    attempt.keep_keys_apart(|index| key(index, keys));
    assert_eq!(attempt.to_send(), [0, 2]);
}

/// Two equal rows in one request, one acknowledged and one in doubt: what is read back is the acknowledged one, and it
/// proves nothing about the other.
/// D3.
#[test]
fn what_is_acknowledged_beside_a_doubt_is_known() {
    let mut attempt = Attempt::new(2, Ordering::None, 500, |_| None);
    let verdict = attempt.judge(Ok(vec![doubtful(), stored(7)]), InDoubt::Look, |_| None);
    assert!(matches!(verdict, NextAttempt::Look { .. }), "{verdict:?}");
    assert_eq!(attempt.places().collect::<Vec<_>>(), [("s", "7")]);
}
