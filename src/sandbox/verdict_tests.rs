//! What the judge makes of a perfect delivery with something done to it.

use serde_json::json;

use super::allowance::{Allowance, FileOrder};
use super::blog_data::{BlogData, BlogSize};
use super::blog_row::{BlogRow, ChangeKey};
use super::consumer::{ConsumedRecord, ConsumedShard};
use super::verdict::{Judge, StreamFindings};

const ROWS: u64 = 90;

fn record(row: &BlogRow) -> ConsumedRecord {
    let value = row.value().map(|value| value.parse::<f64>().unwrap());
    let message = json!({
        "data": {
            "ingest_time": row.ingest_time(), "doi": row.doi, "id": row.number, "value": value,
            "data_sig": row.data_sig,
        },
        "metadata": {
            "timestamp": "2020-08-13T00:00:00.000000Z", "record-type": "data",
            "operation": row.operation.as_str(), "partition-key-type": "primary-key",
            "schema-name": "schema01", "table-name": "table01",
        },
    });
    ConsumedRecord {
        sequence_number: row.number.to_string(),
        partition_key: row.partition_key(ChangeKey::default()),
        payload: message.to_string().into_bytes(),
    }
}

/// The verdict on a perfect delivery to one shard with something done to it.
fn judge(plant: impl FnOnce(&mut Vec<ConsumedRecord>)) -> StreamFindings {
    let data = BlogData::new(BlogSize::Rows(ROWS), 1);
    let mut records: Vec<ConsumedRecord> = data.rows().map(|row| record(&row)).collect();
    plant(&mut records);
    let shard_id = "shardId-000000000000".to_owned();
    Judge::judge(&data, &[ConsumedShard { shard_id, records }])
}

fn edit(record: &mut ConsumedRecord, from: &str, to: &str) {
    let text = String::from_utf8(record.payload.clone()).unwrap();
    assert!(text.contains(from), "{text}");
    record.payload = text.replacen(from, to, 1).into_bytes();
}

#[test]
fn a_perfect_delivery_passes() {
    let verdict = judge(|_| ());
    assert!(verdict.passed(Allowance::NOTHING), "{verdict}");
    assert_eq!((verdict.rows_in, verdict.records_out), (ROWS, ROWS));
}

#[test]
fn a_lost_row_fails() {
    let verdict = judge(|records| drop(records.remove(40)));
    assert_eq!(verdict.missing, 1);
    assert_eq!(verdict.examples, ["row 40 is missing"]);
    assert!(!verdict.passed(Allowance::NOTHING));
}

#[test]
fn a_doubled_row_fails_unless_it_is_allowed() {
    let verdict = judge(|records| records.insert(41, records[40].clone()));
    assert_eq!((verdict.repeated, verdict.missing), (1, 0));
    assert!(!verdict.passed(Allowance::NOTHING));
    let allowance = Allowance {
        repeats_max: 1,
        ..Allowance::NOTHING
    };
    assert!(verdict.passed(allowance), "{verdict}");
}

#[test]
fn two_swapped_rows_of_a_key_fail_even_at_the_end() {
    // Rows from 50 on are changes, which share one key.
    for first in [60, 88] {
        let verdict = judge(|records| records.swap(first, first + 1));
        assert_eq!(
            (verdict.missing, verdict.repeated, verdict.out_of_order_by_key),
            (0, 0, 1)
        );
        let allowance = Allowance {
            repeats_max: ROWS,
            file_order: FileOrder::PerKey,
        };
        assert!(!verdict.passed(allowance), "{verdict}");
    }
}

#[test]
fn a_repaired_hole_is_in_order_at_the_end_and_not_at_any_moment() {
    // Row 61 overtook row 60 and came once more after it.
    let verdict = judge(|records| {
        let overtaker = records[61].clone();
        records.insert(60, overtaker);
    });
    assert_eq!((verdict.repeated, verdict.out_of_order_by_key), (1, 0));
    assert_eq!(verdict.unordered_by_key, 1);
    let allowed = |file_order| Allowance {
        repeats_max: 1,
        file_order,
    };
    assert!(verdict.passed(allowed(FileOrder::PerKey)), "{verdict}");
    assert!(!verdict.passed(allowed(FileOrder::PerKeyAlways)));
}

#[test]
fn a_replay_is_in_order_at_any_moment_and_disorder_is_allowed_only_where_none_is_promised() {
    let allowed = |file_order| Allowance {
        repeats_max: ROWS,
        file_order,
    };
    let replay = judge(|records| {
        let replay: Vec<_> = records[60..70].to_vec();
        records.splice(70..70, replay);
    });
    assert_eq!(replay.repeated, 10);
    assert!(replay.passed(allowed(FileOrder::PerKeyAlways)), "{replay}");
    let swapped = judge(|records| records.swap(60, 61));
    assert!(!swapped.passed(allowed(FileOrder::PerKey)));
    assert!(swapped.passed(allowed(FileOrder::None)), "{swapped}");
}

#[test]
fn changes_have_the_partition_key_that_was_asked_for() {
    let data = BlogData::new(BlogSize::Rows(ROWS), 1);
    let mut judge = Judge::new(&data).expecting(ChangeKey::PrimaryKey);
    for row in data.rows() {
        let partition_key = row.partition_key(ChangeKey::PrimaryKey);
        judge.take(
            "shard",
            &ConsumedRecord {
                partition_key,
                ..record(&row)
            },
        );
    }
    let verdict = judge.finish();
    assert!(verdict.passed(Allowance::NOTHING), "{verdict}");
    // Rows from 50 on are changes.
    let mut judge = Judge::new(&data).expecting(ChangeKey::PrimaryKey);
    data.rows().for_each(|row| judge.take("shard", &record(&row)));
    assert_eq!(judge.finish().wrong, ROWS - 50);
}

#[test]
fn two_swapped_rows_of_different_keys_break_the_order_of_the_shard_only() {
    let verdict = judge(|records| records.swap(10, 11));
    assert_eq!(
        (verdict.out_of_order_by_key, verdict.out_of_order_by_shard),
        (0, 1)
    );
    assert!(!verdict.passed(Allowance::NOTHING));
}

#[test]
fn a_changed_value_fails() {
    let changes = [
        ("\"operation\":\"load\"", "\"operation\":\"insert\""),
        ("\"table-name\":\"table01\"", "\"table-name\":\"table02\""),
        ("2020-08-13T00:00:20Z", "2020-08-13T00:00:20.0Z"),
        ("\"id\":20", "\"more\":1,\"id\":20"),
        ("\"id\":20", "\"id\":21"),
        ("\"value\":", "\"value\":1"),
        ("\"doi\":\"", "\"doi\":\" "),
    ];
    for (from, to) in changes {
        let verdict = judge(|records| edit(&mut records[20], from, to));
        assert_eq!(
            (verdict.wrong + verdict.foreign, verdict.missing),
            (1, 1),
            "{from}: {verdict}"
        );
        assert!(!verdict.passed(Allowance::NOTHING));
    }
    let verdict = judge(|records| records[20].partition_key.push('x'));
    assert_eq!((verdict.wrong, verdict.missing), (1, 1));
}

#[test]
fn a_record_of_no_row_fails_and_a_control_record_does_not() {
    let verdict = judge(|records| edit(&mut records[20], "\"id\":20", "\"id\":90"));
    assert_eq!((verdict.foreign, verdict.missing), (1, 1));
    let verdict = judge(|records| {
        let mut control = records[0].clone();
        edit(
            &mut control,
            "\"record-type\":\"data\"",
            "\"record-type\":\"control\"",
        );
        records.insert(0, control);
    });
    assert_eq!(verdict.control_records, 1);
    assert!(verdict.passed(Allowance::NOTHING), "{verdict}");
}

#[test]
fn a_replay_that_leaves_something_out_fails() {
    let verdict = judge(|records| {
        let replay = [records[60].clone(), records[62].clone()];
        records.splice(63..63, replay);
    });
    assert_eq!((verdict.missing, verdict.repeated), (0, 2));
    assert_eq!(verdict.out_of_order_by_key, 1);
}
