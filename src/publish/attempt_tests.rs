//! What an attempt makes of answers: only what is acknowledged settles, and the order is the promised one.

use proptest::prelude::*;

use super::*;
use crate::model::settle::ChunkRef;
use crate::model::{ObjectId, QueueName};

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

fn runs(records_count: u64) -> Vec<SettledRun> {
    let object = ObjectId {
        queue: QueueName::changes(),
        number: 0,
    };
    vec![SettledRun {
        chunk: ChunkRef {
            object,
            chunk_number: 0,
        },
        records_count,
        through: records_count,
    }]
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
        let mut attempt = Attempt::new(keys.len(), Ordering::Final, 16);
        let mut outcomes = outcomes.into_iter().chain(std::iter::repeat(true));
        let mut log: Vec<usize> = Vec::new();
        loop {
            let sent = attempt.to_send().to_vec();
            prop_assert!(sent.windows(2).all(|pair| pair[0] < pair[1]));
            let answer = sent.iter().map(|index| if outcomes.next() == Some(true) {
                log.push(*index);
                stored(log.len())
            } else {
                refused()
            });
            let answer = answer.collect();
            if attempt.judge(Ok(answer), |index| key(index, &keys)) == Verdict::Complete {
                break;
            }
            if attempt.slots.iter().any(Option::is_none) {
                let slots = attempt.slots.clone();
                let unsettled = Attempt { slots, ..Attempt::new(0, Ordering::Final, 1) };
                prop_assert!(unsettled.settle(ShardIndex(0), runs(count(keys.len()))).is_err());
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
        let settled = attempt.settle(ShardIndex(0), runs(count(keys.len()))).unwrap();
        prop_assert_eq!(settled.sequence_numbers.len(), keys.len());
    }
}

#[test]
fn ordering_none_sends_only_failed_records_again() {
    let mut attempt = Attempt::new(3, Ordering::None, 500);
    let verdict = attempt.judge(Ok(vec![stored(1), refused(), stored(2)]), |_| key(0, b"k"));
    assert!(
        matches!(
            verdict,
            Verdict::Again {
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
    let (mut attempt, mut clock, mut sent) = (Attempt::new(500, Ordering::Final, 500), 0_usize, 0);
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
        if attempt.judge(Ok(answer), |_| key(0, b"k")) == Verdict::Complete {
            break;
        }
    }
    assert!(sent < 4 * 500, "{sent} records sent for 500");
}

#[test]
fn an_answer_of_another_length_settles_nothing() {
    let mut attempt = Attempt::new(2, Ordering::Final, 500);
    let verdict = attempt.judge(Ok(vec![stored(1)]), |_| None);
    assert!(
        matches!(
            verdict,
            Verdict::Again {
                is_throttled: false,
                ..
            }
        ),
        "{verdict:?}"
    );
    assert_eq!((attempt.to_send(), attempt.counts().doubtful), (&[0, 1][..], 2));
    assert!(attempt.settle(ShardIndex(0), runs(2)).is_err());
}

/// D1.
#[test]
fn runs_that_do_not_add_up_are_not_settled() {
    let mut attempt = Attempt::new(1, Ordering::Final, 500);
    assert_eq!(attempt.judge(Ok(vec![stored(1)]), |_| None), Verdict::Complete);
    assert!(attempt.settle(ShardIndex(0), runs(2)).is_err());
}
