//! Every record of a chunk ends in exactly one place, in order, and is counted once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::chunk_router::{ChunkRouter, RoutedChunk};
use crate::checkpoint::cut::SkipPlan;
use crate::checkpoint::store::{ObjectProgress, RangeThrough};
use crate::config::Config;
use crate::config::dms::table_mappings;
use crate::map::Mappings;
use crate::map::plan::MappedTables;
use crate::model::control::ControlPlan;
use crate::model::{Chunk, Column, ColumnType, Mark, ObjectVersion, Table, TableIndex};
use crate::read::framer::{Framer, FramerConfig};
use crate::route::lineage::Lineage;
use crate::route::shard_map::{HashKey, ShardIndex, ShardMap};
use crate::settings::problems::Report;
use crate::settings::{
    Aggregation, ApiConfig, ArchivedObjects, ChangedObjects, ChangesFrom, CsvDialect, DeliveryConfig,
    ErrorsConfig, EventSinksConfig, FilesConfig, Guarantee, LateFiles, LimitsConfig, MessageConfig,
    MigrationType, Ordering, OtlpConfig, OutOfRetention, Pace, RecreatedStream, RestartDelays, SourceConfig,
    SourceFormat, SourceLocation, StateConfig, StopConfig, TargetConfig,
};
use crate::sink::StreamDescription;

/// Records above this size with their key are refused by the stream of these tests.
const RECORD_BYTES_MAX: usize = 600;

fn table() -> Table {
    let column = |name: &str, column_type, is_primary_key| Column {
        name: name.to_owned(),
        column_type,
        nullable: false,
        is_primary_key,
    };
    Table {
        owner: "s".to_owned(),
        name: "t".to_owned(),
        path: "s/t/".to_owned(),
        columns: vec![
            column("id", ColumnType::Int8, true),
            column("note", ColumnType::Clob, false),
        ],
    }
}

/// Rows with a negative id are left out.
fn mappings() -> Mappings {
    let rules = r#"{"rules":[{"rule-type":"selection","rule-id":1,"rule-name":"1","rule-action":"include",
        "object-locator":{"schema-name":"s","table-name":"t"},"filters":[{"filter-type":"source","column-name":"id",
        "filter-conditions":[{"filter-operator":"gte","value":"0"}]}]}]}"#;
    let mut report = Report::new("m.json");
    let rules = table_mappings::parse(rules, &mut report).unwrap();
    MappedTables::of(&rules, vec![table()], &mut report).mappings
}

fn limits() -> LimitsConfig {
    LimitsConfig {
        in_flight_bytes: 0,
        files_in_parallel: 1,
        row_bytes_max: 1 << 20,
        drain_timeout: Duration::ZERO,
        outage_patience: None,
        hang_timeout: Duration::ZERO,
        restarts_max: 0,
        restart: RestartDelays::default(),
    }
}

pub(super) fn config() -> Config {
    let nowhere = PathBuf::new;
    Config {
        task: "task".to_owned(),
        migration_type: MigrationType::FullLoad,
        source: SourceConfig {
            location: SourceLocation::Local { directory: nowhere() },
            bucket_folder: String::new(),
            cdc_path: None,
            changes_from: ChangesFrom::Beginning,
            csv: CsvDialect::default(),
            format: SourceFormat::default(),
            files: FilesConfig::default(),
            archived_objects: ArchivedObjects::Quarantine,
            late_files: LateFiles::Process,
            changed_objects: ChangedObjects::Quarantine,
            poll_interval: Duration::ZERO,
            full_listing_interval: Duration::ZERO,
        },
        tables: vec![table()],
        mappings: mappings(),
        stop: StopConfig::default(),
        target: TargetConfig::Ndjson {
            path: nowhere(),
            shards: 1,
        },
        message: MessageConfig::default(),
        delivery: DeliveryConfig {
            guarantee: Guarantee::AtLeastOnce,
            is_guarantee_chosen: true,
            settle: Duration::from_millis(20),
            out_of_retention: OutOfRetention::Resend,
            recreated_stream: RecreatedStream::Continue,
            ordering: Ordering::Final,
            pace: Pace::Off,
            linger: Duration::ZERO,
            aggregation: Aggregation::None,
        },
        errors: ErrorsConfig {
            dead_letters: nowhere(),
            ..ErrorsConfig::default()
        },
        state: StateConfig {
            path: nowhere(),
            commit_interval: Duration::ZERO,
        },
        limits: limits(),
        api: ApiConfig::default(),
        otlp_endpoint: None,
        is_emf: false,
        otlp: OtlpConfig::default(),
        event_sinks: EventSinksConfig::default(),
    }
}

pub(super) fn object() -> ObjectVersion {
    ObjectVersion {
        key: "s/t/1.csv".to_owned(),
        etag: "e".to_owned(),
        size_bytes: 0,
        modified_ms: 0,
    }
}

pub(super) fn router(shards_count: u32) -> ChunkRouter {
    let shards = ShardMap::uniform(shards_count).unwrap();
    let stream = StreamDescription {
        lineage: Lineage::of_open(&shards),
        shards,
        record_bytes_max: RECORD_BYTES_MAX,
        identity: String::new(),
    };
    ChunkRouter::new(&config(), stream)
}

/// What is in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Good,
    Bad,
    TooLarge,
    Filtered,
}

pub(super) fn chunk(kinds: &[Kind], start: u64) -> Chunk {
    let rows = kinds.iter().zip(start..).map(|(kind, id)| match kind {
        Kind::Good => format!("{id},note\n"),
        Kind::Bad => format!("{id}\n"),
        Kind::Filtered => format!("-{id},note\n"),
        Kind::TooLarge => format!("{id},{}\n", "x".repeat(RECORD_BYTES_MAX)),
    });
    let start = Mark {
        position: 100,
        ordinal: start,
        line: 50,
    };
    let framing = FramerConfig {
        dialect: CsvDialect::default(),
        row_bytes_max: 1 << 20,
        chunk_bytes_max: 1 << 20,
    };
    let mut framer = Framer::new(&framing, start);
    framer.push(rows.collect::<String>().as_bytes());
    framer.finish();
    framer.next_chunk().unwrap()
}

/// Where each ordinal went: a shard, or `None` for a dead letter.
fn places(routed: &RoutedChunk) -> BTreeMap<u64, Option<ShardIndex>> {
    let mut places = BTreeMap::new();
    for (shard, records) in &routed.slices {
        assert!(!records.is_empty(), "an empty slice");
        assert!(
            records.windows(2).all(|pair| pair[0].ordinal < pair[1].ordinal),
            "order is lost"
        );
        for record in records {
            assert_eq!(places.insert(record.ordinal, Some(*shard)), None);
        }
    }
    assert!(
        routed
            .rejected
            .windows(2)
            .all(|pair| pair[0].ordinal < pair[1].ordinal)
    );
    for record in &routed.rejected {
        assert_eq!(places.insert(record.ordinal, None), None);
    }
    places
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![8 => Just(Kind::Good), 1 => Just(Kind::Bad), 1 => Just(Kind::TooLarge), 1 => Just(Kind::Filtered)]
}

proptest! {
    #[test]
    fn every_record_is_sent_dead_lettered_or_proved_to_be_settled(
        kinds in prop::collection::vec(kind(), 1..60),
        start in 1_u64..1_000,
        shards_count in 1_u32..5,
        throughs in prop::collection::vec(0_u64..80, 3),
        dead_letters_through in 0_u64..80,
    ) {
        let ranges = ShardMap::uniform(3).unwrap();
        let through = ranges.shards().iter().zip(&throughs).map(|(shard, through)| RangeThrough {
            range: shard.range, through: start + through,
        });
        let skip = SkipPlan::new(&ObjectProgress {
            through: through.collect(),
            dead_letters_through: start + dead_letters_through,
            ..ObjectProgress::default()
        });
        let chunk = chunk(&kinds, start);
        let map = ShardMap::uniform(shards_count).unwrap();
        let routed = router(shards_count).route(&object(), &chunk, Some(TableIndex(0)), &skip, 0);
        let found = places(&routed);
        let mut skipped = 0;
        for (kind, ordinal) in kinds.iter().zip(start..) {
            if *kind == Kind::Filtered {
                prop_assert_eq!(found.get(&ordinal), None, "it is settled as it is read");
                continue;
            }
            let hash_key = HashKey::of_partition_key(ordinal.to_string().as_bytes());
            let (is_proved, place) = if *kind == Kind::Good {
                let stored_in = ranges.locate(hash_key).0;
                (ordinal < start + throughs[stored_in], Some(map.locate(hash_key)))
            } else {
                (ordinal < start + dead_letters_through, None)
            };
            skipped += u64::from(is_proved);
            prop_assert_eq!(found.get(&ordinal).copied(), (!is_proved).then_some(place), "record {}", ordinal);
        }
        let count = |wanted: Kind| u64::try_from(kinds.iter().filter(|kind| **kind == wanted).count()).unwrap();
        let tally = &routed.tally;
        prop_assert_eq!(routed.skipped, skipped);
        prop_assert_eq!(tally.records, tally.delivered + tally.dead_lettered + tally.filtered, "Q1");
        prop_assert_eq!(tally.filtered, count(Kind::Filtered));
        prop_assert_eq!(tally.tables[0].records(), tally.records, "Q1, per table");
        prop_assert_eq!(tally.delivered, count(Kind::Good), "what is skipped counts as well");
        prop_assert_eq!(tally.dead_lettered, count(Kind::Bad) + count(Kind::TooLarge));
        prop_assert_eq!(tally.tables[0].loads, count(Kind::Good));
        prop_assert_eq!(tally.bytes, chunk.span.bytes_count());
    }
}

#[test]
fn a_record_goes_out_with_its_own_message_and_key() {
    let kinds = [Kind::Good, Kind::Bad, Kind::Good, Kind::TooLarge, Kind::Good];
    let routed = router(3).route(
        &object(),
        &chunk(&kinds, 10),
        Some(TableIndex(0)),
        &SkipPlan::default(),
        0,
    );
    let mut ids = Vec::new();
    for record in routed.slices.iter().flat_map(|(_, records)| records) {
        let message: serde_json::Value = serde_json::from_slice(record.payload()).unwrap();
        assert_eq!(message["data"]["id"], record.ordinal);
        assert_eq!(record.partition_key_text().unwrap(), record.ordinal.to_string());
        ids.push(record.ordinal);
    }
    ids.sort_unstable();
    assert_eq!(ids, [10, 12, 14]);
}

#[test]
fn a_record_the_stream_does_not_take_is_rejected_with_its_place() {
    let kinds = [Kind::Good, Kind::TooLarge];
    let chunk = chunk(&kinds, 7);
    let routed = router(1).route(&object(), &chunk, Some(TableIndex(0)), &SkipPlan::default(), 0);
    let [rejected] = &routed.rejected[..] else {
        panic!("{:?}", routed.rejected);
    };
    assert_eq!((rejected.code, rejected.ordinal), ("record_too_large", 8));
    assert_eq!((rejected.line, rejected.position), (52, 107));
    assert!(rejected.row.starts_with(b"8,xxx"), "{:?}", rejected.row);
    assert!(rejected.reason.contains("600"), "{}", rejected.reason);
}

#[test]
fn a_record_of_exactly_the_limit_is_sent() {
    let mut router = router(1);
    let mut send = |length: usize| {
        let row = format!("1,{}\n", "x".repeat(length));
        let mut framer = Framer::new(
            &FramerConfig {
                dialect: CsvDialect::default(),
                row_bytes_max: 1 << 20,
                chunk_bytes_max: 1 << 20,
            },
            Mark::START,
        );
        framer.push(row.as_bytes());
        framer.finish();
        let chunk = framer.next_chunk().unwrap();
        router.route(&object(), &chunk, Some(TableIndex(0)), &SkipPlan::default(), 0)
    };
    let overhead = send(1).slices[0].1[0].bytes_count() - 1;
    let largest = RECORD_BYTES_MAX - overhead;
    assert_eq!(send(largest).slices[0].1[0].bytes_count(), RECORD_BYTES_MAX);
    assert_eq!(send(largest + 1).rejected.len(), 1);
}

#[test]
fn control_records_go_on_after_those_that_are_settled() {
    let plan = ControlPlan::before_load(TableIndex(0));
    let mut router = router(2);
    let operations = |routed: &RoutedChunk| {
        let records = routed.slices.iter().flat_map(|(_, records)| records);
        let operation = |payload: &[u8]| {
            let message: serde_json::Value = serde_json::from_slice(payload).unwrap();
            message["metadata"]["operation"].as_str().unwrap().to_owned()
        };
        records
            .map(|record| (record.ordinal, operation(record.payload())))
            .collect::<Vec<_>>()
    };
    let (span, all) = router.route_control(&plan, Mark::START, &SkipPlan::default(), 0);
    let both = [(0, "drop-table".to_owned()), (1, "create-table".to_owned())];
    assert_eq!(operations(&all), both);
    assert_eq!(
        (span.start, span.end.ordinal, all.tally.tables[0].ddls),
        (Mark::START, 2, 2)
    );
    let one = Mark {
        position: 1,
        ordinal: 1,
        line: 1,
    };
    let (span, rest) = router.route_control(&plan, one, &SkipPlan::default(), 0);
    assert_eq!(operations(&rest), both[1..]);
    assert_eq!((span.start, span.end.ordinal, rest.tally.records), (one, 2, 1));
    let (span, none) = router.route_control(&plan, span.end, &SkipPlan::default(), 0);
    assert_eq!((span.records_count(), none.slices.len()), (0, 0));
}
