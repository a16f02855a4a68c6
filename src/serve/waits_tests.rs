//! Who is said to hold the rows up.

use super::*;
use crate::checkpoint::status::TableStatus;
use crate::observe::stall::WaitsFor;

#[expect(clippy::unnecessary_wraps, reason = "so that it reads like what is judged")]
fn shares(source: f64, parse: f64, shard: f64, service: f64) -> Option<Shares> {
    Some(Shares {
        source,
        parse,
        shard,
        service,
    })
}

fn batches(held_by_shard: u32, held_by_service: u32) -> BatchesUnderWay {
    BatchesUnderWay {
        held_by_shard,
        held_by_service,
    }
}

fn reading(reading: u64, reading_waits: u64, credit_waits: u64) -> Look {
    Look {
        is_in_flight: true,
        reading,
        reading_waits,
        credit_waits,
        batches: batches(1, 1),
        ..Look::default()
    }
}

#[test]
fn without_credits_it_is_the_shards_or_the_service() {
    let full = |batches| Look {
        is_full: true,
        batches,
        ..reading(4, 4, 0)
    };
    assert_eq!(judge(&full(batches(4, 0))), shares(0.0, 0.0, 1.0, 0.0));
    assert_eq!(judge(&full(batches(1, 3))), shares(0.0, 0.0, 0.25, 0.75));
    // Credits are taken before rows are rendered.
    assert_eq!(judge(&full(batches(0, 0))), shares(0.0, 1.0, 0.0, 0.0));
    let full = |parsing, blocked| Look {
        is_full: true,
        batches: batches(1, 0),
        ..reading(parsing + blocked + 1, 1, blocked)
    };
    assert_eq!(judge(&full(0, 3)), shares(0.0, 0.0, 1.0, 0.0));
    assert_eq!(judge(&full(3, 1)), shares(0.0, 0.75, 0.25, 0.0));
}

#[test]
fn with_credits_it_is_the_source_or_the_parser_by_what_each_reader_does() {
    assert_eq!(judge(&reading(4, 4, 0)), shares(1.0, 0.0, 0.0, 0.0));
    assert_eq!(judge(&reading(4, 0, 0)), shares(0.0, 1.0, 0.0, 0.0));
    assert_eq!(judge(&reading(4, 1, 0)), shares(0.25, 0.75, 0.0, 0.0));
    // A chunk may be larger than what is left of the budget.
    assert_eq!(judge(&reading(4, 0, 2)), shares(0.0, 0.5, 0.25, 0.25));
    // The counts are not of one moment.
    assert_eq!(judge(&reading(2, 3, 3)), shares(1.0, 0.0, 0.0, 0.0));
}

#[test]
fn what_is_left_at_the_end_waits_for_its_shards_and_a_listing_for_the_source() {
    let rest = Look {
        is_in_flight: true,
        batches: batches(2, 0),
        is_more_known: true,
        ..Look::default()
    };
    assert_eq!(judge(&rest), shares(0.0, 0.0, 1.0, 0.0));
    let lingers = Look {
        batches: batches(0, 0),
        ..rest
    };
    assert_eq!(
        judge(&lingers),
        None,
        "a batch that is being filled is held up by nobody"
    );
    let listing = Look {
        is_more_known: true,
        ..Look::default()
    };
    assert_eq!(judge(&listing), shares(1.0, 0.0, 0.0, 0.0));
    assert_eq!(judge(&Look::default()), None);
}

#[test]
fn a_look_counts_readers_batches_and_credits() {
    let counters = Counters::default();
    let mut table = TableStatus::default();
    (table.load.opened, table.load.ended, table.load.is_complete) = (5, 2, true);
    let mut suspended = table.clone();
    suspended.statistics.trouble.suspension = Some(crate::model::trouble::Suspension {
        object: crate::model::ObjectId {
            queue: crate::model::QueueName::changes(),
            number: 1,
        },
        key: "k".to_owned(),
        row: None,
        reason: "r".to_owned(),
        is_in_doubt: false,
    });
    let mut status = TaskStatus {
        phase: Phase::FullLoad,
        in_flight_bytes: 89,
        tables: vec![table, suspended],
        ..TaskStatus::default()
    };
    let _byte = counters.reader_waits().source.one();
    let batch = counters.shards().batch("s");
    batch.waits_for(WaitsFor::Throughput);
    let judged = |status: &TaskStatus| judge(&Look::at(status, &counters, 100).unwrap());
    assert_eq!(judged(&status), shares(1.0 / 3.0, 2.0 / 3.0, 0.0, 0.0));
    let _credits = [
        counters.reader_waits().credit.one(),
        counters.reader_waits().credit.one(),
    ];
    status.in_flight_bytes = 90;
    assert_eq!(judged(&status), shares(0.0, 0.0, 1.0, 0.0));
    status.paused = true;
    assert!(Look::at(&status, &counters, 100).is_none(), "it is paused");
}

#[test]
fn shares_are_those_of_the_last_minute() {
    let (waits, begun) = (Waits::default(), Instant::now());
    let at = |seconds| begun + Duration::from_secs(seconds);
    assert_eq!(waits.shares(), None);
    waits.note(shares(1.0, 0.0, 0.0, 0.0), at(0));
    for second in 50..53 {
        waits.note(shares(0.0, 0.0, 0.0, 1.0), at(second));
    }
    assert_eq!(waits.shares(), shares(0.25, 0.0, 0.0, 0.75));
    waits.note(None, at(61));
    assert_eq!(waits.shares(), shares(0.0, 0.0, 0.0, 1.0));
    waits.note(None, at(113));
    assert_eq!(waits.shares(), None, "nothing was held up for a minute");
}
