//! Tables and files, and what must come of each row. Nothing here calls the engine's framer, parser or encoder: bytes,
//! places and messages are written down side by side.

use bucket_brigade::model::{Column, ColumnType, Mark, Operation, QueueName, Table};
use bucket_brigade::settings::ChangePartitionKey;
use bytes::Bytes;
use serde_json::{Value, json};

/// Schema of every table.
pub(crate) const SCHEMA: &str = "sales";
/// Folder of the change files.
pub(crate) const CHANGES_FOLDER: &str = "changes/";
/// Rows of one change file go around this many keys per table, so that keys repeat.
const CHANGE_KEYS: u64 = 7;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Defect {
    /// The last field is missing.
    FieldMissing,
    /// The key is no number.
    KeyNotANumber,
    /// The message is larger than the stream takes.
    TooLarge,
    /// A change row of a table that is not defined.
    UnknownTable,
    /// Nothing is wrong with it, but its table is suspended.
    HeldBack,
    /// The stream refuses every request with its message.
    Refused,
}

impl Defect {
    /// The `code` of its dead letter.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::FieldMissing => "field_count",
            Self::KeyNotANumber => "not_a_number",
            Self::TooLarge => "record_too_large",
            Self::UnknownTable => "unknown_table",
            Self::HeldBack => "table_suspended",
            Self::Refused => "refused_by_stream",
        }
    }
}

/// One row. `mark` is unique among all rows, `id` is the primary key.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) table: usize,
    pub(crate) operation: Operation,
    pub(crate) id: u64,
    pub(crate) mark: u64,
    pub(crate) note: String,
    pub(crate) defect: Option<Defect>,
}

/// A file: its rows, their texts, where each starts (one mark more than rows, the last is the end), and its bytes.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) key: String,
    pub(crate) queue: QueueName,
    pub(crate) rows: Vec<Row>,
    pub(crate) texts: Vec<String>,
    pub(crate) marks: Vec<Mark>,
    pub(crate) bytes: Bytes,
}

/// The data set of one test.
#[derive(Debug, Clone)]
pub(crate) struct Data {
    pub(crate) tables: Vec<Table>,
    pub(crate) files: Vec<File>,
    note_bytes: usize,
    next_mark: u64,
    next_load: u64,
    next_change: u64,
}

/// Name of the table at an index.
pub(crate) fn table_name(table: usize) -> String {
    format!("t{table}")
}

/// The queue of a table's change files beside its load files.
pub(crate) fn change_queue(table: usize) -> QueueName {
    QueueName::changes_of(&format!("{SCHEMA}.{}", table_name(table)))
}

/// Load queue of the table at an index.
pub(crate) fn load_queue(table: usize) -> QueueName {
    QueueName::load(&format!("{SCHEMA}.{}", table_name(table)))
}

fn table(index: usize) -> Table {
    let column = |name: &str, column_type, is_primary_key| Column {
        name: name.to_owned(),
        column_type,
        nullable: false,
        is_primary_key,
    };
    Table {
        owner: SCHEMA.to_owned(),
        name: table_name(index),
        path: format!("{SCHEMA}/{}/", table_name(index)),
        columns: vec![
            column("id", ColumnType::Int8, true),
            column("mark", ColumnType::Int8, false),
            column("note", ColumnType::Clob, false),
        ],
    }
}

impl Row {
    /// The row as a file has it, without its delimiter; a note with line breaks makes it several lines long.
    pub(crate) fn csv(&self) -> String {
        let note = self.note.replace('"', "\"\"");
        let key = match self.defect {
            Some(Defect::KeyNotANumber) => format!("{}x", self.id),
            Some(
                Defect::FieldMissing
                | Defect::TooLarge
                | Defect::UnknownTable
                | Defect::HeldBack
                | Defect::Refused,
            )
            | None => self.id.to_string(),
        };
        let values = match self.defect {
            Some(Defect::FieldMissing) => format!("{key},{}", self.mark),
            Some(
                Defect::KeyNotANumber
                | Defect::TooLarge
                | Defect::UnknownTable
                | Defect::HeldBack
                | Defect::Refused,
            )
            | None => {
                format!("{key},{},\"{note}\"", self.mark)
            }
        };
        let name = if self.defect == Some(Defect::UnknownTable) {
            "nowhere".to_owned()
        } else {
            table_name(self.table)
        };
        match self.operation {
            Operation::Load => values,
            Operation::Insert => format!("INSERT,{name},{SCHEMA},{values}"),
            Operation::Update => format!("U,{name},{SCHEMA},{values}"),
            Operation::Delete => format!("delete,{name},{SCHEMA},{values}"),
        }
    }

    /// Whether the partition key is the primary key.
    fn is_keyed(&self, changes: ChangePartitionKey) -> bool {
        self.operation == Operation::Load || changes == ChangePartitionKey::PrimaryKey
    }

    /// Its partition key.
    pub(crate) fn partition_key(&self, changes: ChangePartitionKey) -> String {
        if self.is_keyed(changes) {
            self.id.to_string()
        } else {
            format!("{SCHEMA}.{}", table_name(self.table))
        }
    }

    /// Its message, without `metadata.timestamp`.
    pub(crate) fn message(&self, changes: ChangePartitionKey) -> Value {
        let key_type = if self.is_keyed(changes) {
            "primary-key"
        } else {
            "schema-table"
        };
        json!({
            "data": { "id": self.id, "mark": self.mark, "note": self.note },
            "metadata": {
                "record-type": "data", "operation": self.operation.as_str(), "partition-key-type": key_type,
                "schema-name": SCHEMA, "table-name": table_name(self.table),
            },
        })
    }
}

impl Data {
    /// No files yet, for this many tables.
    pub(crate) fn new(tables_count: usize) -> Self {
        Self {
            tables: (0..tables_count).map(table).collect(),
            files: Vec::new(),
            note_bytes: 0,
            next_mark: 0,
            next_load: 0,
            next_change: 0,
        }
    }

    /// The same with notes of at least this length in the files that are added from now on.
    pub(crate) fn with_note_bytes(self, note_bytes: usize) -> Self {
        Self { note_bytes, ..self }
    }

    /// Load files of one to eight chunks and change files, with bad rows among them.
    pub(crate) fn of_many_chunks() -> Self {
        let mut data = Self::new(2).with_note_bytes(2_500);
        for number in 0..3 {
            data.load(0, 100 + number * 300);
            data.load_with(
                1,
                150,
                &[(number, Defect::FieldMissing), (120, Defect::KeyNotANumber)],
            );
        }
        data.changes_with(150, &[(7, Defect::UnknownTable)]);
        data.changes(250);
        data
    }

    /// A queue of three files, of which the one in the middle, whose key it gives, has several chunks; beside it a file of
    /// another table, and changes.
    pub(crate) fn of_three_files() -> (Self, String) {
        let mut data = Self::new(2).with_note_bytes(600);
        data.load(0, 100);
        let key = data.load(0, 1_500);
        data.load(0, 100);
        data.load(1, 50);
        data.changes(50);
        (data, key)
    }

    /// Adds a load file; gives its key.
    pub(crate) fn load(&mut self, table: usize, rows_count: usize) -> String {
        self.load_with(table, rows_count, &[])
    }

    /// Adds a load file in which some rows, by ordinal, have a defect; gives its key.
    pub(crate) fn load_with(
        &mut self,
        table: usize,
        rows_count: usize,
        defects: &[(usize, Defect)],
    ) -> String {
        let rows = self.rows(rows_count, defects, |mark| (table, Operation::Load, mark));
        self.next_load += 1;
        let key = format!("{SCHEMA}/{}/LOAD{:08}.csv", table_name(table), self.next_load);
        self.add(key, load_queue(table), rows)
    }

    /// Adds a change file over all tables behind the ones so far; gives its key.
    pub(crate) fn changes(&mut self, rows_count: usize) -> String {
        self.changes_with(rows_count, &[])
    }

    /// The same with defects.
    pub(crate) fn changes_with(&mut self, rows_count: usize, defects: &[(usize, Defect)]) -> String {
        self.next_change += 10;
        let key = format!("{CHANGES_FOLDER}{:08}.csv", self.next_change);
        self.changes_at(key, rows_count, defects)
    }

    /// Adds a change file of one table beside its load files, named as DMS names those of Parquet; gives its key.
    pub(crate) fn changes_beside_loads(&mut self, table: usize, rows_count: usize) -> String {
        self.next_change += 10;
        let key = format!(
            "{SCHEMA}/{}/20230405-{:09}.parquet",
            table_name(table),
            self.next_change
        );
        let rows = self.rows(rows_count, &[], |mark| {
            let operations = [Operation::Insert, Operation::Update, Operation::Delete];
            let operation = operations[usize::try_from(mark % 3).unwrap()];
            (table, operation, mark / 3 % CHANGE_KEYS)
        });
        self.add(key, change_queue(table), rows)
    }

    /// Adds a change file that sorts before the last one; gives its key.
    pub(crate) fn late_changes(&mut self, rows_count: usize) -> String {
        let key = format!("{CHANGES_FOLDER}{:08}.csv", self.next_change - 5);
        self.changes_at(key, rows_count, &[])
    }

    fn changes_at(&mut self, key: String, rows_count: usize, defects: &[(usize, Defect)]) -> String {
        let tables_count = u64::try_from(self.tables.len()).unwrap();
        let rows = self.rows(rows_count, defects, |mark| {
            let operations = [Operation::Insert, Operation::Update, Operation::Delete];
            let operation = operations[usize::try_from(mark % 3).unwrap()];
            let table = usize::try_from(mark / 2 % tables_count).unwrap();
            (table, operation, mark / 3 % CHANGE_KEYS)
        });
        self.add(key, QueueName::changes(), rows)
    }

    fn rows(
        &mut self,
        rows_count: usize,
        defects: &[(usize, Defect)],
        shape: impl Fn(u64) -> (usize, Operation, u64),
    ) -> Vec<Row> {
        let rows = (0..rows_count).map(|ordinal| {
            self.next_mark += 1;
            let mark = self.next_mark;
            let (table, operation, id) = shape(mark);
            let defect = defects
                .iter()
                .find(|(at, _)| *at == ordinal)
                .map(|(_, defect)| *defect);
            let note_bytes = if defect == Some(Defect::TooLarge) {
                1 << 20
            } else {
                self.note_bytes
            };
            Row {
                table,
                operation,
                id,
                mark,
                note: match defect {
                    Some(Defect::Refused) => super::policies::REFUSED_NOTE.to_owned(),
                    _ => note(mark, note_bytes),
                },
                defect,
            }
        });
        rows.collect()
    }

    fn add(&mut self, key: String, queue: QueueName, rows: Vec<Row>) -> String {
        let texts: Vec<_> = rows.iter().map(Row::csv).collect();
        let (mut bytes, mut marks) = (String::new(), vec![Mark::START]);
        let (mut line, mut ordinal) = (0, 0);
        for text in &texts {
            line += 1 + u64::try_from(text.matches('\n').count()).unwrap();
            ordinal += 1;
            bytes.push_str(text);
            bytes.push('\n');
            let position = u64::try_from(bytes.len()).unwrap();
            marks.push(Mark {
                position,
                ordinal,
                line,
            });
        }
        self.files.push(File {
            key: key.clone(),
            queue,
            rows,
            texts,
            marks,
            bytes: bytes.into(),
        });
        key
    }

    /// Expects the rows of a table behind so many bad ones to be held back, in all change files.
    pub(crate) fn hold_back(&mut self, table: usize, bad_rows: usize) {
        let mut bad = 0;
        let changes = QueueName::changes();
        let files = self.files.iter_mut().filter(|file| file.queue == changes);
        for row in files
            .flat_map(|file| &mut file.rows)
            .filter(|row| row.table == table)
        {
            let is_of_table = row.defect != Some(Defect::UnknownTable);
            if bad == bad_rows && is_of_table {
                row.defect = row.defect.or(Some(Defect::HeldBack));
            } else if row.defect.is_some() && is_of_table {
                bad += 1;
            }
        }
    }

    /// The file with a key.
    pub(crate) fn file(&self, key: &str) -> &File {
        self.files.iter().find(|file| file.key == key).unwrap()
    }

    /// How many rows become messages.
    pub(crate) fn messages_count(&self) -> usize {
        let rows = self.files.iter().flat_map(|file| &file.rows);
        rows.filter(|row| row.defect.is_none()).count()
    }
}

/// Text that is unlike its neighbours; now and then with what a careless reader trips over.
fn note(mark: u64, bytes_count: usize) -> String {
    let trap = match mark % 13 {
        3 => ", \"quoted\"",
        5 => "\nsecond line\n\nfourth line",
        7 => " Zürich 東京",
        11 => "\\ \t/",
        _ => "",
    };
    let mut text = format!("note {mark}{trap} ");
    let missing = bytes_count.saturating_sub(text.len());
    text.extend(std::iter::repeat_n('.', missing));
    text.push('|');
    text
}
