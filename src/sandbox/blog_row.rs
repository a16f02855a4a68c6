//! One row of the blog's data set, made from a seed and its number alone. Pure: no I/O, no clock.
//!
//! The judge makes each row again and compares it with what came through, so a row says in its own words how it
//! looks in a file and what a consumer must see; nothing here calls the engine's parser or encoder.

use jiff::Timestamp;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::model::Operation;

/// Seconds since the epoch of row 0: the month of the post.
const FIRST_SECOND: i64 = 1_597_276_800;
/// Spreads neighbouring row numbers over the seeds (2^64 divided by the golden ratio).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// What the partition key of a change record is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ChangeKey {
    /// Schema and table: all changes of a table share a shard, and an order.
    #[default]
    SchemaTable,
    /// The primary key of the row.
    PrimaryKey,
}

/// One row. Its number is its `id`, and the place of its record among all records of the data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlogRow {
    /// Running number over all files; the value of `id`.
    pub number: u64,
    /// What the row does.
    pub operation: Operation,
    /// How a change file spells the operation; empty in a full-load file.
    pub operation_text: &'static str,
    /// Number of the row whose primary key this row carries; its own, unless it changes an older row.
    pub key_number: u64,
    /// `doi`, at most 30 bytes; `None` is NULL.
    pub doi: Option<String>,
    /// `value` in hundredths; `None` is NULL.
    pub value_hundredths: Option<i32>,
    /// `data_sig`, 10 bytes; `None` is NULL.
    pub data_sig: Option<String>,
}

impl BlogRow {
    /// The row of a number. Rows from `load_rows_count` on are changes.
    pub(super) fn generate(seed: u64, number: u64, load_rows_count: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed ^ number.wrapping_mul(SPREAD));
        let (operation, operation_text) = if number < load_rows_count {
            (Operation::Load, "")
        } else {
            change(&mut rng, load_rows_count > 0)
        };
        let key_number = match operation {
            Operation::Load | Operation::Insert => number,
            Operation::Update | Operation::Delete => rng.random_range(0..load_rows_count),
        };
        Self {
            number,
            operation,
            operation_text,
            key_number,
            doi: doi(&mut rng, number),
            value_hundredths: (!rng.random_ratio(1, 16)).then(|| rng.random_range(-99_999..=99_999)),
            data_sig: (!rng.random_ratio(1, 32))
                .then(|| format!("{:010x}", rng.random_range(0..1_u64 << 40))),
        }
    }

    /// `ingest_time` as a consumer sees it: ISO 8601, whole seconds, `Z`.
    pub fn ingest_time(&self) -> String {
        let second =
            i64::try_from(self.key_number).map_or(i64::MAX, |number| FIRST_SECOND.saturating_add(number));
        Timestamp::from_second(second)
            .unwrap_or(Timestamp::MAX)
            .to_string()
    }

    /// `value` as decimal text with two places.
    pub fn value(&self) -> Option<String> {
        self.value_hundredths.map(|hundredths| {
            let sign = if hundredths < 0 { "-" } else { "" };
            let digits = hundredths.unsigned_abs();
            format!("{sign}{}.{:02}", digits / 100, digits % 100)
        })
    }

    /// The partition key of the record: the primary key of a loaded row; of a change the table, which is DMS's default,
    /// or the primary key too.
    pub fn partition_key(&self, change_key: ChangeKey) -> String {
        match (self.operation, change_key) {
            (Operation::Load, ChangeKey::SchemaTable | ChangeKey::PrimaryKey)
            | (Operation::Insert | Operation::Update | Operation::Delete, ChangeKey::PrimaryKey) => {
                self.ingest_time()
            }
            (Operation::Insert | Operation::Update | Operation::Delete, ChangeKey::SchemaTable) => {
                format!("{}.{}", super::blog_data::SCHEMA, super::blog_data::TABLE)
            }
        }
    }

    /// Appends the row to a file, with its row delimiter.
    pub fn write_csv(&self, file: &mut Vec<u8>) {
        if self.operation != Operation::Load {
            let place = [
                self.operation_text,
                super::blog_data::TABLE,
                super::blog_data::SCHEMA,
            ];
            for field in place {
                write_field(file, field);
                file.push(b',');
            }
        }
        let ingest_time = self.ingest_time().replace('T', " ");
        write_field(file, ingest_time.trim_end_matches('Z'));
        let others = [
            self.doi.clone(),
            Some(self.number.to_string()),
            self.value(),
            self.data_sig.clone(),
        ];
        for field in others {
            file.push(b',');
            write_field(file, &field.unwrap_or_default());
        }
        file.push(b'\n');
    }
}

/// Half inserts, three in ten updates, two in ten deletes, in all spellings that DMS reads.
fn change(rng: &mut SmallRng, has_older_rows: bool) -> (Operation, &'static str) {
    let is_word = rng.random_bool(0.5);
    match rng.random_range(0..10_u8) {
        5..8 if has_older_rows => (Operation::Update, if is_word { "UPDATE" } else { "U" }),
        8.. if has_older_rows => (Operation::Delete, if is_word { "delete" } else { "D" }),
        _ => (Operation::Insert, if is_word { "INSERT" } else { "i" }),
    }
}

/// Mostly plain identifiers; one in three has something that a careless reader or writer gets wrong.
fn doi(rng: &mut SmallRng, number: u64) -> Option<String> {
    match rng.random_range(0..16_u8) {
        0 => None,
        1 => Some(format!("10.1000/a,\"b\",{number}")),
        2 => Some(format!("10.1103/größe-{number}")),
        3 => Some(format!("10.1038/two\nlines-{number}")),
        4 => Some(format!("10.1002/tab\t\\{number}")),
        5 => Some(format!("10.1145/\u{1faa3}-{number}")),
        _ => Some(format!(
            "10.{}/s{number:010}",
            rng.random_range(1_000..10_000_u16)
        )),
    }
}

/// RFC 4180: a field is quoted if it has a delimiter, a quote or a line break in it.
fn write_field(file: &mut Vec<u8>, field: &str) {
    if field.contains([',', '"', '\n', '\r']) {
        file.push(b'"');
        file.extend_from_slice(field.replace('"', "\"\"").as_bytes());
        file.push(b'"');
    } else {
        file.extend_from_slice(field.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_independent_reader_finds_the_fields_in_the_file(seed: u64, number in 0..10_000_000_u64) {
            let row = BlogRow::generate(seed, number, 5_000_000);
            let mut file = Vec::new();
            row.write_csv(&mut file);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file.as_slice());
            let records: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(records.len(), 1);
            let fields: Vec<&str> = records[0].iter().collect();
            let values = if row.operation == Operation::Load { &fields[..] } else { &fields[3..] };
            let ingest_time = row.ingest_time().replace('T', " ").replace('Z', "");
            let expected = [
                ingest_time,
                row.doi.clone().unwrap_or_default(),
                number.to_string(),
                row.value().unwrap_or_default(),
                row.data_sig.clone().unwrap_or_default(),
            ];
            prop_assert_eq!(values, &expected.iter().map(String::as_str).collect::<Vec<_>>()[..]);
        }

        #[test]
        fn values_fit_the_table_definition(seed: u64, number in 0..10_000_000_u64) {
            let row = BlogRow::generate(seed, number, 5_000_000);
            prop_assert!(row.doi.as_ref().is_none_or(|doi| (1..=30).contains(&doi.len())), "{row:?}");
            prop_assert!(row.data_sig.as_ref().is_none_or(|data_sig| data_sig.len() == 10), "{row:?}");
            prop_assert!(row.key_number <= number);
        }
    }

    #[test]
    fn hundredths_keep_their_sign_and_places() {
        let cases = [
            (0, "0.00"),
            (-5, "-0.05"),
            (12_350, "123.50"),
            (-99_999, "-999.99"),
        ];
        for (hundredths, expected) in cases {
            let mut row = BlogRow::generate(1, 1, 2);
            row.value_hundredths = Some(hundredths);
            assert_eq!(row.value().unwrap(), expected);
        }
    }

    #[test]
    fn a_row_is_the_same_each_time_and_differs_by_seed() {
        assert_eq!(BlogRow::generate(7, 3, 9), BlogRow::generate(7, 3, 9));
        assert_ne!(BlogRow::generate(7, 3, 9), BlogRow::generate(8, 3, 9));
    }
}
