//! Whatever a stream does to requests, and however often the sender is killed: through the filter every row comes
//! exactly once and in the order of its lane, and no gap is told that is none.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail"
)]

use bucket_brigade::chain::ends::LaneEnds;
use bucket_brigade::chain::filter::{ChainFilter, Decision, Metadata};
use bucket_brigade::chain::position::ChainPosition;
use bucket_brigade::fault::Certainty;
use bucket_brigade::publish::attempt::{Attempt, InDoubt, NextAttempt};
use bucket_brigade::route::lane::LaneIndex;
use bucket_brigade::settings::Ordering;
use bucket_brigade::sink::{PutEntry, SinkError};
use proptest::prelude::*;

/// A record as the sender holds it.
#[derive(Debug, Clone)]
struct Sent {
    lane: LaneIndex,
    metadata: Metadata,
    is_sync: bool,
}

/// Chance, used up from the front; calm once it is used up.
struct Chance(std::vec::IntoIter<u8>);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(byte) % bound)
    }
}

/// A shard: what is stored, and requests that are still on their way although nobody waits for them any more.
#[derive(Default)]
struct Shard {
    stored: Vec<Sent>,
    late: Vec<Vec<Sent>>,
}

impl Shard {
    /// Stores records in nearly the order given; gives the sequence number of each.
    fn store(&mut self, records: &[Sent], chance: &mut Chance) -> Vec<usize> {
        let mut order: Vec<usize> = (0..records.len()).collect();
        for index in 1..order.len() {
            if chance.below(8) == 7 {
                order.swap(index - 1, index);
            }
        }
        let mut numbers = vec![0; records.len()];
        for index in order {
            numbers[index] = self.stored.len();
            self.stored.push(records[index].clone());
        }
        numbers
    }

    fn let_late_ones_in(&mut self, chance: &mut Chance) {
        if !self.late.is_empty() && chance.below(3) == 2 {
            let late = self.late.remove(chance.below(self.late.len()));
            self.store(&late, chance);
        }
    }

    /// A request and its answer.
    fn put(&mut self, records: &[Sent], chance: &mut Chance) -> Result<Vec<PutEntry>, SinkError> {
        self.let_late_ones_in(chance);
        let doubtful = || SinkError::Doubtful {
            action: "put",
            stream: String::new(),
            detail: String::new(),
        };
        match chance.below(10) {
            9 => return Err(doubtful()),
            8 => {
                self.late.push(records.to_vec());
                return Err(doubtful());
            }
            7 => {
                self.store(records, chance);
                return Err(doubtful());
            }
            _ => {}
        }
        // 0 to 3: stored; 4: refused; 5: stored, but said to have failed.
        let fates: Vec<usize> = records.iter().map(|_| chance.below(6)).collect();
        let kept = records.iter().zip(&fates).filter(|(_, fate)| **fate != 4);
        let kept: Vec<_> = kept.map(|(record, _)| record.clone()).collect();
        let mut numbers = self.store(&kept, chance).into_iter();
        let entries = fates.into_iter().map(|fate| {
            let number = if fate == 4 { None } else { numbers.next() };
            match (fate, number) {
                (0..=3, Some(number)) => PutEntry::Stored {
                    sequence_number: number.to_string(),
                    shard_id: "s".into(),
                },
                (_, number) => PutEntry::Failed {
                    code: "X".into(),
                    message: String::new(),
                    certainty: number.map_or(Certainty::NotApplied, |_| Certainty::MaybeApplied),
                },
            }
        });
        Ok(entries.collect())
    }
}

fn row(lane: LaneIndex, position: ChainPosition, previous: Option<ChainPosition>) -> Sent {
    Sent {
        lane,
        metadata: Metadata {
            chain: Some(1),
            lane: Some(lane.number().to_string()),
            position: Some(position),
            previous,
        },
        is_sync: previous.is_none(),
    }
}

/// The rows of a file by their lanes, as a life sends them that begins at a row, in batches of some size. `None` is
/// a kill.
fn live(
    lanes: &[LaneIndex],
    from: usize,
    batch_rows: usize,
    ordering: Ordering,
    shard: &mut Shard,
    chance: &mut Chance,
) -> Option<Vec<usize>> {
    let mut ends = LaneEnds::default();
    let mut settled = vec![from];
    let at = |index: usize| ChainPosition {
        object: 1,
        record: u64::try_from(index).unwrap() + 1,
    };
    for (index, lane) in lanes.iter().enumerate().take(from) {
        ends.reach(*lane, at(index));
    }
    let mut next = from;
    while next < lanes.len() {
        let mut batch = Vec::new();
        while batch.len() < batch_rows && next < lanes.len() {
            if next == from || chance.below(5) == 4 {
                let used = (0..4).map(LaneIndex::of_number);
                let syncs = used.map(|lane| row(lane, ends.end(lane), None));
                batch.extend(syncs.filter(|sync| sync.metadata.position != Some(ChainPosition::START)));
            }
            let lane = lanes[next];
            batch.push(row(lane, at(next), Some(ends.end(lane))));
            ends.reach(lane, at(next));
            next += 1;
        }
        if !deliver(&batch, ordering, shard, chance) {
            return None;
        }
        settled.push(next);
    }
    Some(settled)
}

/// Sends a batch until all of it is acknowledged; `false` if the sender is killed on the way.
fn deliver(batch: &[Sent], ordering: Ordering, shard: &mut Shard, chance: &mut Chance) -> bool {
    let key = |index: usize| batch.get(index).map(|sent| sent.lane.as_key());
    let syncs = batch.iter().enumerate().filter(|(_, sent)| sent.is_sync);
    let syncs = syncs.map(|(index, _)| index).collect();
    let mut attempt = Attempt::new(batch.len(), ordering, 500, key).with_chain(syncs, key);
    loop {
        let request: Vec<Sent> = attempt
            .to_send()
            .iter()
            .map(|index| batch[*index].clone())
            .collect();
        let answer = shard.put(&request, chance);
        if chance.below(30) == 29 {
            return false;
        }
        match attempt.judge(answer, InDoubt::SendAgain, key) {
            NextAttempt::Complete => return true,
            NextAttempt::More | NextAttempt::Again { .. } => {}
            verdict @ (NextAttempt::Look { .. }
            | NextAttempt::StandIn(_)
            | NextAttempt::TooManyRefused(..)
            | NextAttempt::Hopeless(_)) => {
                unreachable!("{verdict:?}")
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// O2.
    #[test]
    fn through_the_filter_every_row_comes_once_and_in_order(
        lanes in prop::collection::vec(0_u8..4, 1..40),
        batch_rows in 1_usize..12,
        is_strict: bool,
        chance in prop::collection::vec(any::<u8>(), 0..1_500),
    ) {
        let lanes: Vec<_> = lanes.into_iter().map(LaneIndex::of_number).collect();
        let ordering = if is_strict { Ordering::Strict } else { Ordering::Final };
        let (mut shard, mut chance) = (Shard::default(), Chance(chance.into_iter()));
        // A life that is killed leaves the watermark of the one before it: the worst a checkpoint can do.
        let mut from = 0;
        while let Some(settled) = Some(live(&lanes, from, batch_rows, ordering, &mut shard, &mut chance)) {
            let Some(settled) = settled else { continue };
            let again = settled[chance.below(settled.len())];
            if again == lanes.len() || chance.below(4) != 3 {
                break;
            }
            from = again;
        }
        while let Some(late) = shard.late.pop() {
            shard.store(&late, &mut chance);
        }
        let mut filter = ChainFilter::default();
        let mut accepted = Vec::new();
        for record in &shard.stored {
            match filter.accept(&record.metadata) {
                Decision::Accept => accepted.push(record.metadata.position.unwrap().record - 1),
                Decision::Drop => {}
                Decision::Resync(gap) => prop_assert!(false, "{gap:?} is no gap"),
            }
        }
        for number in 0..4 {
            let lane = LaneIndex::of_number(number);
            let of_lane = |index: u64| lanes[usize::try_from(index).unwrap()] == lane;
            let found: Vec<_> = accepted.iter().copied().filter(|index| of_lane(*index)).collect();
            let expected: Vec<_> = (0..).take(lanes.len()).filter(|index| of_lane(*index)).collect();
            prop_assert_eq!(found, expected, "lane {}", number);
        }
    }
}
