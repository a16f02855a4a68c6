//! What an attempt does about a request that is refused for what is in it. Pure: no I/O, no clock.

use super::{Attempt, Failures, Fault, NextAttempt, SinkError};
use crate::publish::bisect::{Bisect, Found};

impl Attempt {
    /// The same batch after so many records in a row were refused in the batches before.
    #[must_use]
    pub fn after_refusals(mut self, in_a_row: u32) -> Self {
        self.bisect = Bisect::after(in_a_row);
        self
    }

    /// The records that were refused alone, in order, with what the service said of each.
    pub fn refused(&self) -> impl Iterator<Item = (usize, &str)> {
        self.bisect.refused()
    }

    /// How many records were refused since one was stored.
    pub fn refused_in_a_row(&self) -> u32 {
        self.bisect.in_a_row()
    }

    /// Notes that a refused link of a chain was replaced by a `sync` record.
    pub fn stood_in<'k>(&mut self, index: usize, key_of: impl Fn(usize) -> Option<&'k [u8]>) {
        if let Some(lanes) = &mut self.lanes {
            lanes.add_sync(index);
        }
        self.plan(&key_of);
    }

    /// Searches on for the record that a request was refused for.
    pub(super) fn narrow<'k>(
        &mut self,
        error: SinkError,
        key_of: impl Fn(usize) -> Option<&'k [u8]>,
    ) -> NextAttempt {
        let detail = error.to_string();
        match self.bisect.refuse(&self.request, &detail) {
            Found::TooMany(index) => return NextAttempt::TooManyRefused(index, Fault::from(error)),
            // A link stays pending: what stands in for it has to be stored.
            Found::Record(index) if self.lanes.is_some() => return NextAttempt::StandIn(index),
            Found::Record(index) => self.pending.retain(|pending| *pending != index),
            Found::Part => {}
        }
        self.plan(&key_of);
        self.verdict(true, Failures::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultKind;
    use crate::publish::attempt::InDoubt;
    use crate::saturate;
    use crate::settings::Ordering;
    use crate::sink::PutEntry;

    fn refused() -> Result<Vec<PutEntry>, SinkError> {
        Err(SinkError::RecordsRefused {
            action: "put",
            stream: "s".into(),
            detail: "not valid".into(),
        })
    }

    fn stored(number: usize) -> PutEntry {
        PutEntry::Stored {
            sequence_number: number.to_string(),
            shard_id: "s".into(),
        }
    }

    /// A stream that takes no request with one of these records: what is stored, in order, and how many requests it took.
    fn bisected(
        count: usize,
        ordering: Ordering,
        bad: &[usize],
        keys: &[u8],
    ) -> (Attempt, Vec<usize>, usize) {
        let key_of = |index: usize| keys.get(index % keys.len()..=index % keys.len());
        let mut attempt = Attempt::new(count, ordering, 500, key_of);
        let (mut log, mut requests) = (Vec::new(), 0);
        loop {
            requests += 1;
            let sent = attempt.to_send().to_vec();
            let answer = if sent.iter().any(|index| bad.contains(index)) {
                refused()
            } else {
                log.extend(&sent);
                Ok(sent.iter().map(|index| stored(*index)).collect())
            };
            match attempt.judge(answer, InDoubt::Look, key_of) {
                NextAttempt::Complete => return (attempt, log, requests),
                NextAttempt::More => {}
                verdict @ (NextAttempt::Again { .. }
                | NextAttempt::Look { .. }
                | NextAttempt::StandIn(_)
                | NextAttempt::TooManyRefused(..)
                | NextAttempt::Hopeless(_)) => panic!("{verdict:?}"),
            }
        }
    }

    /// O2, D1.
    #[test]
    fn a_request_that_is_refused_is_halved_until_the_record_is_alone() {
        for (ordering, bad) in [
            (Ordering::Final, vec![300]),
            (Ordering::None, vec![0]),
            (Ordering::Final, vec![499]),
            (Ordering::Final, vec![7, 8, 250]),
            (Ordering::Strict, vec![3, 400]),
        ] {
            let (attempt, log, requests) = bisected(500, ordering, &bad, b"abcdefg");
            let refused: Vec<_> = attempt.refused().map(|(index, _)| index).collect();
            assert_eq!(refused, bad, "{ordering:?}");
            assert_eq!(log.len(), 500 - bad.len(), "each other record is stored once");
            for key in 0..7 {
                let of_key: Vec<_> = log.iter().filter(|index| *index % 7 == key).collect();
                assert!(of_key.is_sorted(), "{ordering:?}: {of_key:?}");
            }
            assert!(
                ordering == Ordering::Strict || requests <= 2 + 12 * bad.len(),
                "{requests} requests"
            );
            let stored = attempt.settle(500).unwrap();
            assert_eq!(stored[0].records_count, saturate::to_u64(500 - bad.len()));
        }
    }

    #[test]
    fn a_batch_of_nothing_but_a_refused_record_settles_without_a_place() {
        let (attempt, log, requests) = bisected(1, Ordering::Final, &[0], b"k");
        assert_eq!((log.len(), requests, attempt.refused_in_a_row()), (0, 1, 1));
        assert!(attempt.settle(1).unwrap().is_empty());
    }

    #[test]
    fn a_stream_that_takes_no_record_at_all_is_not_searched_to_the_end() {
        let mut attempt = Attempt::new(500, Ordering::Final, 500, |_| None);
        let mut requests = 0;
        let last = loop {
            requests += 1;
            match attempt.judge(refused(), InDoubt::Look, |_| None) {
                NextAttempt::More => {}
                NextAttempt::TooManyRefused(index, fault) => {
                    assert_eq!(fault.kind, FaultKind::Configuration);
                    break index;
                }
                verdict @ (NextAttempt::Complete
                | NextAttempt::Again { .. }
                | NextAttempt::Look { .. }
                | NextAttempt::StandIn(_)
                | NextAttempt::Hopeless(_)) => panic!("{verdict:?}"),
            }
        };
        assert!(
            last == 10 && requests < 130,
            "record {last} after {requests} requests"
        );
    }

    /// In a chain something has to stand where the record was.
    #[test]
    fn a_refused_link_stays_to_be_sent_and_goes_alone_before_what_follows() {
        let key_of = |_| Some(&b"k"[..]);
        let mut attempt = Attempt::new(3, Ordering::Final, 500, key_of).with_chain(Vec::new(), key_of);
        assert_eq!(attempt.judge(refused(), InDoubt::Look, key_of), NextAttempt::More);
        assert_eq!(attempt.to_send(), [0, 1]);
        assert_eq!(attempt.judge(refused(), InDoubt::Look, key_of), NextAttempt::More);
        assert_eq!(
            attempt.judge(refused(), InDoubt::Look, key_of),
            NextAttempt::StandIn(0)
        );
        attempt.stood_in(0, key_of);
        let answer = Ok(vec![stored(1), stored(2), stored(3)]);
        assert_eq!(attempt.to_send(), [0, 1, 2]);
        assert_eq!(
            attempt.judge(answer, InDoubt::Look, key_of),
            NextAttempt::Complete
        );
        assert_eq!(attempt.settle(3).unwrap()[0].records_count, 3);
    }
}
