//! Expressions of table mappings against another SQLite, that of Python's standard library: some hundred generated
//! expressions of the functions that the guide of DMS names, each over rows with values of every kind, value by value.
//!
//! What is compared is the whole way of a value: from the text of a field, by the type of its column, through the
//! expression, to the text that a message shows. The other side gets the values themselves and no text of ours.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stderr,
    reason = "a test that cannot be set up has to fail, and it says what it compared with"
)]

#[path = "../support/sqlite/generator.rs"]
mod generator;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use bucket_brigade::map::expression::{Evaluator, ExpressionRow};
use bucket_brigade::model::{Column, ColumnType, ObjectVersion, Operation, Table};
use bucket_brigade::settings::{CsvDialect, Fit, MessageConfig};
use bucket_brigade::value::convert::FieldRules;
use bucket_brigade::value::csv::FieldSplitter;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde_json::{Map, Value, json};

use self::generator::Generator;

use crate::servers;

const EVALUATOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/sqlite/evaluate.py");
const SEED: u64 = 20_261_123;
const EXPRESSIONS: usize = 600;
const ROWS: usize = 24;
const TEXT: ColumnType = ColumnType::String { length: None };

/// Name and type of each column, and for each of its values how a file writes it and what it is to SQLite: numbers above
/// its integers are their digits, and, as in a column of SQLite with the affinity NUMERIC, whole decimals are integers.
const COLUMNS: &str = include_str!("../support/sqlite/columns.json");

#[derive(Debug, serde::Deserialize)]
struct ColumnValues(String, String, Vec<(String, Value)>);

impl ColumnValues {
    fn column_type(&self) -> ColumnType {
        match self.1.as_str() {
            "int8" => ColumnType::Int8,
            "int4" => ColumnType::Int4,
            "uint8" => ColumnType::Uint8,
            "numeric" => ColumnType::Numeric {
                precision: 9,
                scale: 2,
            },
            "real8" => ColumnType::Real8,
            "boolean" => ColumnType::Boolean,
            "blob" => ColumnType::Blob,
            "datetime" => ColumnType::DateTime {
                scale: 0,
                format: None,
            },
            "date" => ColumnType::Date { format: None },
            "time" => ColumnType::Time { format: None },
            "text" => TEXT,
            other => panic!("{other} is no type of this test"),
        }
    }
}

fn table(columns: &[ColumnValues]) -> Table {
    let column = |column: &ColumnValues| Column {
        name: column.0.clone(),
        column_type: column.column_type(),
        nullable: true,
        is_primary_key: column.0 == "ID",
    };
    Table {
        owner: "hr".to_owned(),
        name: "item".to_owned(),
        path: "hr/item/".to_owned(),
        columns: columns.iter().map(column).collect(),
    }
}

/// The rows as lines of a file, and as values. Each column goes through its values at its own pace, so that they meet
/// in ever new ways.
fn rows(columns: &[ColumnValues]) -> Vec<(String, Value)> {
    let row = |number: usize| {
        let mut texts = Vec::new();
        let mut values = Map::new();
        for (index, ColumnValues(name, _, pool)) in columns.iter().enumerate() {
            let (text, value) = &pool[(number * (index + 1) + number / pool.len()) % pool.len()];
            texts.push(text.as_str());
            values.insert(name.clone(), value.clone());
            // Expressions may write a column in another case.
            values.insert(name.to_lowercase(), value.clone());
        }
        (texts.join(","), Value::Object(values))
    };
    (0..ROWS).map(row).collect()
}

/// The version of the other SQLite, and by expression what it makes of each row: as it is, and as text.
type Answers = (String, Vec<Vec<[String; 2]>>);

fn ask_python(rows: &[(String, Value)], expressions: &[String]) -> Answers {
    let rows: Vec<_> = rows.iter().map(|(_, values)| values).collect();
    let fixed =
        json!({ "AR_M_SOURCE_SCHEMA": "hr", "AR_M_SOURCE_TABLE_NAME": "item", "AR_H_OPERATION": "UPDATE" });
    let question = json!({ "rows": rows, "fixed": fixed, "expressions": expressions }).to_string();
    let mut python = Command::new("python3");
    let command = python.arg(EVALUATOR).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(question.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{EVALUATOR}: {}; what it said is above",
        output.status
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let (version, answers) = text.split_once('\n').unwrap();
    let answers = answers.lines().map(|line| serde_json::from_str(line).unwrap());
    (serde_json::from_str(version).unwrap(), answers.collect())
}

/// Whether the text that we show is the value that the other side has.
///
/// One difference is allowed: of a real as text, SQLite writes up to 17 digits, and older versions of it 15.
fn is_same(ours: &Result<Option<Vec<u8>>, String>, theirs: &str, as_text: bool) -> bool {
    let (kind, value) = theirs.split_once(' ').unwrap_or((theirs, ""));
    match (ours, kind) {
        (Err(_), "error") | (Ok(None), "null") => true,
        (Ok(Some(shown)), "integer") => shown == value.as_bytes(),
        (Ok(Some(shown)), "real") => {
            let shown = std::str::from_utf8(shown)
                .ok()
                .and_then(|shown| shown.parse::<f64>().ok());
            shown.map(f64::to_bits) == value.parse().ok().map(f64::to_bits)
        }
        (Ok(Some(shown)), "bytes") => {
            // Text is shown as it is; bytes as their digits, unless they are to be text.
            shown == &bytes_of(value)
                || (as_text && is_same_real(shown, value))
                || (!as_text && shown == value.as_bytes())
        }
        (Ok(_) | Err(_), _) => false,
    }
}

fn bytes_of(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    let pairs = pairs.map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

/// Whether a text and one given by its bytes as digits show the same number, as far as 15 digits can tell.
fn is_same_real(shown: &[u8], digits: &str) -> bool {
    let number = |text: &[u8]| {
        let text = std::str::from_utf8(text).ok().filter(|text| text.contains('.'))?;
        text.parse::<f64>().ok()
    };
    let pair = number(shown).zip(number(&bytes_of(digits)));
    pair.is_some_and(|(ours, theirs)| (ours - theirs).abs() <= theirs.abs() * 1e-14)
}

struct Ours {
    evaluator: Evaluator,
    table: Table,
    splitter: FieldSplitter,
    object: ObjectVersion,
}

impl Ours {
    fn new(columns: &[ColumnValues]) -> Self {
        Self {
            evaluator: Evaluator::new().unwrap(),
            table: table(columns),
            splitter: FieldSplitter::new(&CsvDialect::default()),
            object: ObjectVersion {
                key: "cdc/1.csv".to_owned(),
                etag: "e".to_owned(),
                size_bytes: 1,
                modified_ms: 0,
            },
        }
    }

    fn evaluate(
        &mut self,
        expression: &str,
        column_type: ColumnType,
        row: &str,
    ) -> Result<Option<Vec<u8>>, String> {
        let (evaluator, table) = (&self.evaluator, &self.table);
        let prepared = evaluator.prepare(expression, column_type, table, table);
        let prepared = prepared.unwrap_or_else(|problem| panic!("{expression}: {problem}"));
        let row = ExpressionRow {
            operation: Operation::Update,
            fields: self.splitter.split(row.as_bytes()),
            rules: &FieldRules::new("", &MessageConfig::default()),
            fit: Fit::Whole,
            is_truncated: &Cell::new(false),
            object: &self.object,
            object_number: 0,
            ordinal: 1,
        };
        let mut out = b"before".to_vec();
        let place = evaluator
            .evaluate(&prepared, row, &mut out)
            .map_err(|problem| problem.reason)?;
        Ok(place.map(|place| out[place].to_vec()))
    }
}

/// What was compared, by the kind of the value, and where the two differ.
#[derive(Debug, Default)]
struct Comparison {
    kinds: BTreeMap<String, usize>,
    differences: Vec<String>,
}

impl Comparison {
    fn add(&mut self, ours: &mut Ours, expression: &str, row: &str, answers: &[String; 2]) {
        for (theirs, column_type) in answers.iter().zip([ColumnType::Int8, TEXT]) {
            let value = ours.evaluate(expression, column_type, row);
            let kind = theirs.split(' ').next().unwrap().to_owned();
            *self.kinds.entry(kind).or_default() += 1;
            if !is_same(&value, theirs, column_type == TEXT) {
                let shown =
                    value.map(|value| value.map(|value| String::from_utf8_lossy(&value).into_owned()));
                self.differences.push(format!(
                    "{expression}\n  over {row:?}\n  as {}: {shown:?}, not {theirs}",
                    column_type.dms_name()
                ));
            }
        }
    }

    /// The two agree, over values of every kind.
    fn assert_agreed(&self) {
        let Self { kinds, differences } = self;
        let count = differences.len();
        assert!(
            count == 0,
            "{count} differences:\n{}",
            differences[..count.min(20)].join("\n")
        );
        let evaluations: usize = kinds.values().sum();
        for (kind, least) in [
            ("integer", 1_000),
            ("real", 500),
            ("bytes", 5_000),
            ("null", 1_000),
        ] {
            let count = kinds.get(kind).copied().unwrap_or(0);
            assert!(
                count >= least,
                "only {count} values are of the kind {kind}: {kinds:?}"
            );
        }
        let errors = kinds.get("error").copied().unwrap_or(0);
        assert!(
            errors * 20 < evaluations,
            "{errors} evaluations fail: the corpus says too little"
        );
    }
}

#[test]
fn generated_expressions_give_what_another_sqlite_gives() {
    let columns: Vec<ColumnValues> = serde_json::from_str(COLUMNS).unwrap();
    let rows = rows(&columns);
    let mut generator = Generator::new(SmallRng::seed_from_u64(SEED));
    let expressions: Vec<String> = (0..EXPRESSIONS).map(|_| generator.expression()).collect();
    if servers::or_skip("python3 with sqlite3", servers::install::system_python("sqlite3")).is_none() {
        return;
    }
    let (version, answers) = ask_python(&rows, &expressions);
    let mut ours = Ours::new(&columns);
    let mut comparison = Comparison::default();
    assert_eq!(answers.len(), EXPRESSIONS, "an answer is missing");
    for (expression, answers) in expressions.iter().zip(&answers) {
        assert_eq!(answers.len(), ROWS, "an answer is missing");
        for ((row, _), answers) in rows.iter().zip(answers) {
            comparison.add(&mut ours, expression, row, answers);
        }
    }
    let (ours, kinds) = (rusqlite::version(), &comparison.kinds);
    eprintln!("compared with SQLite {version}, ours is {ours}: {kinds:?}");
    comparison.assert_agreed();
}
