//! Tables, files and rows, made from a seed while a door runs, and what must come of each row. Pure: no I/O, no clock.
//!
//! Nothing here calls the parser or the encoder of the engine.

use std::collections::{HashMap, HashSet};

use bucket_brigade::saturate;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

/// Schema of every table.
pub(crate) const SCHEMA: &str = "field";
/// Folder of the change files.
pub(crate) const CHANGES: &str = "cdc";
/// Stands in the note of every row, and so nowhere but in files, messages and dead letters.
pub(crate) const CANARY: &str = "canaryJ5vX8q";
/// One row in so many is equal to one before it, where that is asked for.
const EQUAL_EVERY: usize = 100;
/// One loaded row in so many has a tall note, where that is asked for.
const TALL_EVERY: usize = 60;
/// Lines of a tall note: with them a row is longer than any other, and shorter than 2,000 bytes.
const TALL_LINES: usize = 30;
/// An equal row comes at most so many rows after the first of them.
const EQUAL_WITHIN: usize = 300;

/// What a row does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Load,
    Insert,
    Update,
    Delete,
}

/// One row. Its mark is its number among all that differ.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) table: usize,
    pub(crate) operation: Operation,
    /// The primary key.
    pub(crate) id: u64,
    pub(crate) mark: usize,
    hundredths: u64,
    /// `None` is NULL.
    note: Option<String>,
    /// Whether the note has [`TALL_LINES`] lines.
    is_tall: bool,
}

/// A file: its key and the marks of its rows, in order.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) key: String,
    pub(crate) marks: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

/// Whether files have rows that are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Equals {
    None,
    /// Every hundredth row is equal to one of the rows shortly before it.
    EveryHundredth,
}

/// All that was made so far.
#[derive(Debug)]
pub(crate) struct Data {
    rng: SmallRng,
    tables_count: usize,
    equals: Equals,
    has_tall_rows: bool,
    rows: Vec<Row>,
    /// Of each row: how often it stands in files.
    copies: Vec<u32>,
    files: Vec<File>,
    /// Of each table and primary key: the row that comes last.
    last: HashMap<(usize, u64), usize>,
    /// Primary keys, of whatever table, of rows that stand more than once in files.
    equal_ids: HashSet<u64>,
}

/// Name of the table at an index.
pub(crate) fn table_name(table: usize) -> String {
    format!("t{table}")
}

fn tall_note(mark: usize) -> String {
    let line = format!("{CANARY} {mark}, one of the lines of a note");
    vec![line; TALL_LINES].join("\n")
}

impl Operation {
    /// As a message says it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// As a change file says it.
    fn in_file(self) -> &'static str {
        match self {
            Self::Load | Self::Insert => "INSERT",
            Self::Update => "U",
            Self::Delete => "delete",
        }
    }
}

impl Row {
    fn amount(&self) -> String {
        format!("{}.{:02}", self.hundredths / 100, self.hundredths % 100)
    }

    fn csv(&self) -> String {
        let place = match self.operation {
            Operation::Load => String::new(),
            other @ (Operation::Insert | Operation::Update | Operation::Delete) => {
                format!("{},{},{SCHEMA},", other.in_file(), table_name(self.table))
            }
        };
        let note = self.note.as_ref().map(|note| note.replace('"', "\"\""));
        let note = note.map_or_else(String::new, |note| format!("\"{note}\""));
        format!("{place}{},{},{},{note}\n", self.id, self.mark, self.amount())
    }

    /// Its partition key, which is its primary key.
    pub(crate) fn partition_key(&self) -> String {
        self.id.to_string()
    }

    /// Whether these are its values, with the note under this name.
    pub(crate) fn is(&self, data: &Value, note_name: &str) -> bool {
        let number = |name: &str| data.get(name).and_then(Value::as_u64);
        // Both are the double next to the same decimal.
        let amount = data.get("amount").and_then(Value::as_f64).map(f64::to_bits);
        let expected = self.amount().parse().ok().map(f64::to_bits);
        let note = data.get(note_name).and_then(Value::as_str);
        let members = data.as_object().map_or(0, serde_json::Map::len);
        let has_null = data.get(note_name) == Some(&Value::Null);
        let members_expected = 3 + usize::from(self.note.is_some() || has_null);
        number("id") == Some(self.id)
            && amount == expected
            && note == self.note.as_deref()
            && members == members_expected
    }
}

impl Data {
    /// No files yet.
    pub(crate) fn new(seed: u64, tables_count: usize, equals: Equals) -> Self {
        Self {
            rng: SmallRng::seed_from_u64(seed),
            tables_count,
            equals,
            has_tall_rows: false,
            rows: Vec::new(),
            copies: Vec::new(),
            files: Vec::new(),
            last: HashMap::new(),
            equal_ids: HashSet::new(),
        }
    }

    /// Some of the loaded rows have many lines: each of them is a record of its own, and none that can be sent, where
    /// [`Self::ROW_MAX`] is the longest row.
    pub(crate) fn with_tall_rows(mut self) -> Self {
        self.has_tall_rows = true;
        self
    }

    /// All rows are shorter than this, but those that are tall.
    pub(crate) const ROW_MAX: &str = "1KiB";

    /// How many records a row is where the longest row is [`Self::ROW_MAX`].
    pub(crate) fn lines_of(&self, mark: usize) -> usize {
        if self.is_tall(mark) { TALL_LINES } else { 1 }
    }

    /// Whether a row has many lines.
    pub(crate) fn is_tall(&self, mark: usize) -> bool {
        self.row(mark).is_some_and(|row| row.is_tall)
    }

    /// The table definition.
    pub(crate) fn definition(&self) -> String {
        let columns = json!([
            {"ColumnName": "id", "ColumnType": "INT8", "ColumnNullable": "false", "ColumnIsPk": "true"},
            {"ColumnName": "mark", "ColumnType": "INT8", "ColumnNullable": "false"},
            {"ColumnName": "amount", "ColumnType": "NUMERIC", "ColumnPrecision": "14", "ColumnScale": "2"},
            {"ColumnName": "note", "ColumnType": "STRING", "ColumnLength": "2000", "ColumnNullable": "true"},
        ]);
        let table = |index: usize| {
            json!({
                "TableName": table_name(index), "TablePath": format!("{SCHEMA}/{}/", table_name(index)),
                "TableOwner": SCHEMA, "TableColumnsTotal": "4", "TableColumns": columns,
            })
        };
        let tables: Vec<Value> = (0..self.tables_count).map(table).collect();
        json!({"TableCount": tables.len().to_string(), "Tables": tables}).to_string()
    }

    /// Makes the next load file of a table.
    pub(crate) fn load(&mut self, table: usize, rows_count: usize) -> File {
        let key = format!(
            "{SCHEMA}/{}/LOAD{:08}.csv",
            table_name(table),
            self.files.len() + 1
        );
        self.file(key, rows_count, Some(table))
    }

    /// Makes the next change file, with rows of all tables.
    pub(crate) fn changes(&mut self, rows_count: usize) -> File {
        let key = format!("{CHANGES}/{:08}.csv", self.files.len() + 1);
        self.file(key, rows_count, None)
    }

    fn file(&mut self, key: String, rows_count: usize, load_of: Option<usize>) -> File {
        let (mut marks, mut bytes) = (Vec::with_capacity(rows_count), Vec::new());
        for number in 1..=rows_count {
            let is_equal = self.equals == Equals::EveryHundredth && number % EQUAL_EVERY == 0;
            let mark = if is_equal {
                let from = marks.len().saturating_sub(EQUAL_WITHIN);
                let drawn = self.rng.random_range(from..marks.len().max(from + 1));
                marks.get(drawn).copied().unwrap_or(0)
            } else {
                self.add_row(load_of)
            };
            if let (Some(row), Some(copies)) = (self.rows.get(mark), self.copies.get_mut(mark)) {
                *copies += 1;
                if *copies > 1 {
                    self.equal_ids.insert(row.id);
                }
                bytes.extend_from_slice(row.csv().as_bytes());
                self.last.insert((row.table, row.id), mark);
            }
            marks.push(mark);
        }
        let file = File { key, marks, bytes };
        self.files.push(file.clone());
        file
    }

    fn add_row(&mut self, load_of: Option<usize>) -> usize {
        let mark = self.rows.len();
        let number = saturate::to_u64(mark);
        let (operation, id) = match (load_of, self.rng.random_range(0..10)) {
            (Some(_), _) => (Operation::Load, number),
            (None, 0..3) => (Operation::Insert, number),
            // Keys of loaded rows, and a few of them again and again.
            (None, 3..5) => (Operation::Update, self.rng.random_range(0..20)),
            (None, 5..8) => (Operation::Update, self.rng.random_range(0..=number)),
            (None, _) => (Operation::Delete, self.rng.random_range(0..=number)),
        };
        let is_tall = self.has_tall_rows && load_of.is_some() && mark.is_multiple_of(TALL_EVERY);
        let row = Row {
            table: load_of.unwrap_or_else(|| self.rng.random_range(0..self.tables_count)),
            operation,
            id,
            mark,
            hundredths: self.rng.random_range(0..1_000_000_000_000),
            note: if is_tall {
                Some(tall_note(mark))
            } else {
                self.note(mark)
            },
            is_tall,
        };
        self.rows.push(row);
        self.copies.push(0);
        mark
    }

    fn note(&mut self, mark: usize) -> Option<String> {
        let trap = match self.rng.random_range(0..13) {
            0 => return None,
            1 => ", \"quoted\"",
            2 => "\nsecond line\n",
            3 => " Zürich 東京",
            4 => "\\ \t/",
            _other => "",
        };
        let padding = ".".repeat(self.rng.random_range(0..400));
        Some(format!("{CANARY} {mark}{trap}{padding}|"))
    }

    /// The row of a mark.
    pub(crate) fn row(&self, mark: usize) -> Option<&Row> {
        self.rows.get(mark)
    }

    /// How often each row stands in files, by its mark.
    pub(crate) fn copies(&self) -> &[u32] {
        &self.copies
    }

    /// Rows in all files.
    pub(crate) fn rows_count(&self) -> u64 {
        self.copies.iter().map(|copies| u64::from(*copies)).sum()
    }

    /// The files so far.
    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    /// Of each table and primary key: the row that comes last.
    pub(crate) fn last(&self) -> &HashMap<(usize, u64), usize> {
        &self.last
    }

    /// Whether rows with the partition key of this one are equal.
    pub(crate) fn is_near_equals(&self, mark: usize) -> bool {
        self.row(mark).is_some_and(|row| self.equal_ids.contains(&row.id))
    }

    /// How many tables there are.
    pub(crate) fn tables_count(&self) -> usize {
        self.tables_count
    }
}
