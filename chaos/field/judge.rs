//! The judge: compares what a plain consumer read with the rows that the seed made. Pure: no I/O, no clock.
//!
//! It takes no count from the engine.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use bucket_brigade::saturate;
use serde_json::Value;

use super::data::{Data, Row, SCHEMA, table_name};

/// Findings that are spelled out; the others are only counted.
const EXAMPLES_MAX: usize = 5;
/// The control records that a load of a table begins with.
const CONTROLS: [&str; 2] = ["drop-table", "create-table"];
/// The table that a task says it creates at its beginning, as DMS does.
const TABLE_OF_TASK: &str = "awsdms_apply_exceptions";

/// Which of the messages of a row are right: those of every configuration that a door used.
#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    /// Names of the column `note`.
    pub(crate) note_names: Vec<&'static str>,
    /// Whether tables begin with control records.
    pub(crate) has_controls: bool,
    /// Whether tall rows may be dead letters.
    pub(crate) may_lack_tall_rows: bool,
}

impl Default for Expectation {
    fn default() -> Self {
        Self {
            note_names: vec!["note"],
            has_controls: true,
            may_lack_tall_rows: false,
        }
    }
}

/// Takes record after record, parents before their children, and keeps the score.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    data: &'a Data,
    expectation: Expectation,
    delivered: Vec<u32>,
    last: HashMap<(usize, u64), usize>,
    controls: BTreeMap<(String, String), u32>,
    findings: Findings,
}

/// What the judge found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    /// Rows in the files.
    pub(crate) rows: u64,
    /// Records of rows that are not in the stream.
    pub(crate) missing: u64,
    /// Records of rows beyond what is in the files, by the marks of their rows.
    pub(crate) repeats: BTreeMap<usize, u64>,
    /// How many of them are of partition keys that have equal rows.
    repeats_near_equals: u64,
    /// Records of such partition keys that there have to be.
    rows_near_equals: u64,
    /// Records that say something else than their row, or belong to none.
    pub(crate) wrong: u64,
    /// Primary keys whose last record is not that of their last row.
    pub(crate) stale: u64,
    /// Control records that are missing.
    pub(crate) controls_missing: u64,
    /// Control records that are repeated.
    pub(crate) controls_repeated: u64,
    /// The first few findings in words.
    pub(crate) examples: Vec<String>,
}

/// Table and operation of every control record of a task.
pub(crate) fn controls(tables_count: usize) -> Vec<(String, String)> {
    let of_tables = (0..tables_count).flat_map(|table| CONTROLS.map(|control| (table_name(table), control)));
    let of_task = (TABLE_OF_TASK.to_owned(), "create-table");
    let all = std::iter::once(of_task).chain(of_tables);
    all.map(|(table, operation)| (table, operation.to_owned()))
        .collect()
}

impl<'a> Judge<'a> {
    /// A judge of these rows, who has seen nothing yet.
    pub(crate) fn new(data: &'a Data, expectation: Expectation) -> Self {
        Self {
            data,
            expectation,
            delivered: vec![0; data.copies().len()],
            last: HashMap::new(),
            controls: BTreeMap::new(),
            findings: Findings {
                rows: data.rows_count(),
                ..Findings::default()
            },
        }
    }

    /// Takes the next record of a shard.
    pub(crate) fn take(&mut self, partition_key: &str, payload: &[u8]) {
        let message: Value = serde_json::from_slice(payload).unwrap_or_default();
        let word = |name: &str| {
            let word = message.pointer(&format!("/metadata/{name}"));
            word.and_then(Value::as_str).unwrap_or_default()
        };
        if word("record-type") == "control" {
            let control = (word("table-name").to_owned(), word("operation").to_owned());
            *self.controls.entry(control).or_default() += 1;
            return;
        }
        let mark = message.pointer("/data/mark").and_then(Value::as_u64);
        let row = mark.and_then(|mark| self.data.row(saturate::to_usize(mark)));
        let Some(row) = row else {
            self.findings.wrong += 1;
            self.report(|| format!("a record belongs to no row: {message}"));
            return;
        };
        let place = (word("record-type"), word("schema-name"), word("operation"));
        let is_right = place == ("data", SCHEMA, row.operation.as_str())
            && word("table-name") == table_name(row.table)
            && partition_key == row.partition_key()
            && self.has_values(row, &message);
        if !is_right {
            self.findings.wrong += 1;
            self.report(|| format!("key {partition_key}, {message} must be {row:?}"));
            return;
        }
        if let Some(delivered) = self.delivered.get_mut(row.mark) {
            *delivered += 1;
        }
        self.last.insert((row.table, row.id), row.mark);
    }

    fn has_values(&self, row: &Row, message: &Value) -> bool {
        let names = &self.expectation.note_names;
        let data = message.get("data");
        data.is_some_and(|data| names.iter().any(|name| row.is(data, name)))
    }

    /// The findings, when all records have been taken.
    pub(crate) fn finish(mut self) -> Findings {
        let delivered = std::mem::take(&mut self.delivered);
        for (mark, (expected, delivered)) in self.data.copies().iter().zip(delivered).enumerate() {
            let missing = expected.saturating_sub(delivered);
            let may_be_missing = self.expectation.may_lack_tall_rows && self.data.is_tall(mark);
            if missing > 0 && !may_be_missing {
                self.findings.missing += u64::from(missing);
                self.report(|| format!("row {mark} is missing {missing} of {expected} times"));
            }
            let repeated = delivered.saturating_sub(*expected);
            if self.data.is_near_equals(mark) {
                self.findings.repeats_near_equals += u64::from(repeated);
                self.findings.rows_near_equals += u64::from(*expected);
            }
            if repeated > 0 {
                self.report(|| format!("row {mark} is repeated {repeated} times"));
                self.findings.repeats.insert(mark, repeated.into());
            }
        }
        for (key, mark) in self.data.last() {
            if self.last.get(key).is_some_and(|last| last != mark) {
                self.findings.stale += 1;
                let last = self.last.get(key).copied();
                self.report(|| format!("{key:?} ends with row {last:?} and must end with row {mark}"));
            }
        }
        self.judge_controls();
        self.findings
    }

    fn judge_controls(&mut self) {
        let expected = u32::from(self.expectation.has_controls);
        for control in controls(self.data.tables_count()) {
            let found = self.controls.remove(&control).unwrap_or(0);
            self.findings.controls_missing += u64::from(expected.saturating_sub(found));
            self.findings.controls_repeated += u64::from(found.saturating_sub(expected));
        }
        self.findings.wrong += saturate::to_u64(self.controls.len());
        if let Some(control) = self.controls.keys().next().cloned() {
            self.report(|| format!("a control record {control:?} belongs to no table"));
        }
    }

    fn report(&mut self, example: impl FnOnce() -> String) {
        if self.findings.examples.len() < EXAMPLES_MAX {
            self.findings.examples.push(example());
        }
    }
}

impl Findings {
    /// Records of rows beyond what is in the files.
    pub(crate) fn repeated(&self) -> u64 {
        self.repeats.values().sum()
    }

    /// The findings in words; as an error unless nothing is missing, wrong or stale, and no more is repeated than may be.
    pub(crate) fn verdict(&self, repeats_max: u64) -> Result<String, String> {
        self.verdict_with_equals(repeats_max, 0)
    }

    /// The same, where nobody sees equal rows of one partition key apart from what came twice, in so many crashes: all rows
    /// of such a key may come again in each of them.
    pub(crate) fn verdict_with_equals(&self, repeats_max: u64, crashes: u64) -> Result<String, String> {
        let never = self.missing + self.wrong + self.stale + self.controls_missing;
        let near_equals_max = self.rows_near_equals * crashes;
        let beyond = self.repeats_near_equals.saturating_sub(near_equals_max);
        let elsewhere = self.repeated() - self.repeats_near_equals + self.controls_repeated;
        let text =
            format!("{self} ({repeats_max} repeats allowed, and {near_equals_max} of keys with equal rows)");
        if never == 0 && elsewhere + beyond <= repeats_max {
            Ok(text)
        } else {
            Err(format!("{text}; {:?}", self.examples))
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} rows, {} missing, {} repeated ({} of keys with equal rows), {} wrong, {} keys stale; control records: {} missing, {} repeated",
            self.rows,
            self.missing,
            self.repeated(),
            self.repeats_near_equals,
            self.wrong,
            self.stale,
            self.controls_missing,
            self.controls_repeated
        )
    }
}
