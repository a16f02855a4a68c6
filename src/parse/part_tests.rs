//! A chunk whose messages are larger than is allowed at once goes out in parts: they tile it, each is as large as allowed but
//! for its last record, and together they are the chunk.

use proptest::prelude::*;

use super::chunk_router::{ChunkEnd, RoutedChunk};
use super::chunk_router_tests::{Kind, chunk, object, router};
use crate::checkpoint::cut::SkipPlan;
use crate::model::{BatchRecord, Chunk, TableIndex};

/// The parts of a chunk whose messages may have so many bytes at once, each with what it was made of.
fn parts(chunk: &Chunk, bytes_max: usize) -> Vec<(Chunk, RoutedChunk)> {
    let mut own = router(3);
    own.set_bytes_max(bytes_max);
    let (mut parts, mut rest) = (Vec::new(), Some(chunk.clone()));
    while let Some(chunk) = rest.take() {
        let routed = own.route(&object(), &chunk, Some(TableIndex(0)), &SkipPlan::default(), 0);
        assert_eq!(routed.end, ChunkEnd::Whole);
        let border = routed.span.end.ordinal;
        rest = chunk.starting_at(border);
        parts.push((chunk.up_to(border), routed));
    }
    parts
}

fn records(parts: &[(Chunk, RoutedChunk)]) -> Vec<(usize, BatchRecord)> {
    let slices = parts.iter().flat_map(|(_, routed)| &routed.slices);
    let records = slices.flat_map(|(shard, records)| records.iter().map(|record| (shard.0, record.clone())));
    let mut records: Vec<_> = records.collect();
    records.sort_by_key(|(_, record)| record.ordinal);
    records
}

fn sizes(routed: &RoutedChunk) -> Vec<usize> {
    let records = routed.slices.iter().flat_map(|(_, records)| records);
    records.map(BatchRecord::bytes_count).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// W3, F1, Q1.
    #[test]
    fn parts_tile_their_chunk_and_add_up_to_it(
        kinds in prop::collection::vec(
            prop_oneof![4 => Just(Kind::Good), 1 => Just(Kind::Bad), 1 => Just(Kind::Filtered), 1 => Just(Kind::TooLarge)],
            1..40,
        ),
        start in 0_u64..1_000,
        bytes_max in 1_usize..4_000,
    ) {
        let chunk = chunk(&kinds, start);
        let (whole, parts) = (parts(&chunk, usize::MAX), parts(&chunk, bytes_max));
        prop_assert_eq!(whole.len(), 1);
        let mut border = chunk.span.start;
        for (part, routed) in &parts {
            prop_assert_eq!(routed.span.start, border);
            prop_assert_eq!(part.span, routed.span);
            prop_assert_eq!(part.records.len(), usize::try_from(routed.span.records_count()).unwrap());
            for (record, ordinal) in part.records.iter().zip(routed.span.start.ordinal..) {
                let of_whole = chunk.record(ordinal).unwrap();
                prop_assert_eq!(part.text(record), chunk.text(of_whole));
                prop_assert_eq!(part.mark_before(ordinal), chunk.mark_before(ordinal));
            }
            border = routed.span.end;
            let sizes = sizes(routed);
            let largest = sizes.iter().max().copied().unwrap_or(0);
            prop_assert!(sizes.iter().sum::<usize>() < bytes_max + largest.max(1), "{:?} of {}", sizes, bytes_max);
        }
        prop_assert_eq!(border, chunk.span.end);
        prop_assert_eq!(records(&parts), records(&whole));
        let rejected = |parts: &[(Chunk, RoutedChunk)]| -> Vec<_> {
            parts.iter().flat_map(|(_, routed)| routed.rejected.clone()).collect()
        };
        prop_assert_eq!(rejected(&parts), rejected(&whole));
        let count = |parts: &[(Chunk, RoutedChunk)], of: fn(&RoutedChunk) -> u64| -> u64 {
            parts.iter().map(|(_, routed)| of(routed)).sum()
        };
        let counts: [fn(&RoutedChunk) -> u64; 4] = [
            |routed| routed.tally.records,
            |routed| routed.tally.delivered,
            |routed| routed.tally.filtered,
            |routed| routed.tally.bytes,
        ];
        for of in counts {
            prop_assert_eq!(count(&parts, of), count(&whole, of));
        }
    }
}
