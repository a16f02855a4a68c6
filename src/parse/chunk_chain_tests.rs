//! In a chain each record names the one before it, whatever becomes of the rows between them.

use std::collections::BTreeMap;

use super::chunk_router::RoutedChunk;
use super::chunk_router_tests::{Kind, chunk, config, object, router};
use crate::chain::ends::{ChainStart, LaneEnds};
use crate::chain::filter::{ChainFilter, Decision, Metadata};
use crate::chain::position::ChainPosition;
use crate::checkpoint::cut::SkipPlan;
use crate::checkpoint::store::{ObjectProgress, RangeThrough};
use crate::model::{BatchRecord, ObjectId, QueueName, TableIndex};
use crate::route::shard_map::HashRange;

/// A consumer that filters everything a router sends, in the order of its sending.
fn filtered(filter: &mut ChainFilter, routed: &RoutedChunk) -> Vec<(u64, Decision)> {
    let records = routed.slices.iter().flat_map(|(_, records)| records);
    let decisions = records.map(|record| {
        let message: serde_json::Value = serde_json::from_slice(record.payload()).unwrap();
        let metadata = serde_json::from_value(message["metadata"].clone()).unwrap();
        (record.ordinal, filter.accept(&metadata))
    });
    decisions.collect()
}

fn chain_start(number: u64, ends: &LaneEnds) -> ChainStart {
    ChainStart {
        id: ObjectId {
            queue: QueueName::load("s.t"),
            number,
        },
        is_control: false,
        ends: ends.clone(),
    }
}

#[test]
fn in_a_chain_rows_that_become_no_message_are_left_out() {
    use Kind::{Bad, Good, TooLarge};
    let kinds = [Good, Bad, Good, TooLarge, Good, Good].repeat(40);
    let mut chained = router(3).with_chain(&config(), Some(1));
    chained.enter_chain(Some(&chain_start(4, &LaneEnds::default())));
    let mut filter = ChainFilter::default();
    let mut route = |start| {
        let routed = chained.route(
            &object(),
            &chunk(&kinds, start),
            Some(TableIndex(0)),
            &SkipPlan::default(),
            0,
        );
        let decisions = filtered(&mut filter, &routed).into_iter();
        decisions.partition::<Vec<_>, _>(|(_, decision)| *decision == Decision::Accept)
    };
    let (accepted, others) = route(0);
    assert_eq!((accepted.len(), others.len()), (160, 0));
    let (accepted, others) = route(240);
    assert_eq!(accepted.len(), 160, "{others:?}");
    assert!(others.len() > 30, "a sync record for each lane in use");
    assert!(
        others.iter().all(|other| *other == (240, Decision::Drop)),
        "{others:?}"
    );
    let more = route(480).1;
    assert!(
        others.len() + more.len() <= 64,
        "one for each lane, until more are due: {more:?}"
    );
}

#[test]
fn a_chunk_that_is_read_again_makes_the_same_links_but_for_the_time() {
    let links = |skip: &SkipPlan, now_us: i64| {
        let mut chained = router(3).with_chain(&config(), Some(1));
        let mut ends = LaneEnds::default();
        ends.break_at(ChainPosition { object: 3, record: 0 });
        chained.enter_chain(Some(&chain_start(4, &ends)));
        let kinds = [Kind::Good; 100];
        let routed = chained.route(&object(), &chunk(&kinds, 10), Some(TableIndex(0)), skip, now_us);
        let records = routed.slices.iter().flat_map(|(_, records)| records);
        let link = |record: &BatchRecord| {
            let message: serde_json::Value = serde_json::from_slice(record.payload()).unwrap();
            let metadata: Metadata = serde_json::from_value(message["metadata"].clone()).unwrap();
            assert_eq!(
                record.link().map(|link| link.lane.point()),
                record.explicit_hash_key()
            );
            let lane = metadata.lane.clone().unwrap();
            let number = record.link().unwrap().lane.number();
            assert_eq!(lane, format!("task/load:s.t/{number}"));
            (record.ordinal, metadata)
        };
        let links = records
            .map(link)
            .filter(|(_, metadata)| metadata.previous.is_some());
        (links.collect::<BTreeMap<_, _>>(), routed.tally.ends)
    };
    let (first, ends) = links(&SkipPlan::default(), 0);
    assert_eq!(first.len(), 100);
    assert_eq!(
        links(&SkipPlan::default(), 1 << 50),
        (first.clone(), ends.clone())
    );
    let half = SkipPlan::new(&ObjectProgress {
        through: vec![RangeThrough {
            range: HashRange::ALL,
            through: 60,
        }],
        ..ObjectProgress::default()
    });
    let (second, same_ends) = links(&half, 0);
    let later: BTreeMap<_, _> = first.into_iter().filter(|(ordinal, _)| *ordinal >= 60).collect();
    assert_eq!(
        (second, same_ends),
        (later, ends),
        "what is skipped is still a link"
    );
}
