//! From one raw record to one message and its partition key, or to a rejection. Pure: no I/O, no clock.
//! The parser's entry point.

use std::collections::HashMap;
use std::ops::Range;

use super::convert::{Excerpt, ValueProblem};
use super::csv::{FieldSplitter, Fields};
use crate::config::{CsvDialect, LoadOperationColumn, MessageConfig};
use crate::encode::json::{EncodeProblem, MessageEncoder, Row};
use crate::encode::timestamp::MessageTimestamp;
use crate::limits::DEAD_LETTER_ROW_BYTES_MAX;
use crate::model::{Chunk, Operation, RawRecord, RawRecordKind, RejectedRecord, Table, TableIndex};

/// Fields in front of the values of a change row: operation, table, schema.
const CHANGE_FIELDS: usize = 3;
/// Messages are not expected to be more times as large as their rows; if they are, the buffer grows.
const GROWTH_MAX: usize = 16;

/// What kind of file the records come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowSource {
    /// A full-load file of this table.
    Load(TableIndex),
    /// A change file; every row names its table.
    Changes,
    /// Rows of values alone, with nothing in front of them: corrected by hand, to be sent again.
    Values {
        /// Their table.
        table: TableIndex,
        /// What they do.
        operation: Operation,
    },
}

impl RowSource {
    /// The table of all its rows, if they share one.
    pub fn table(self) -> Option<TableIndex> {
        match self {
            Self::Load(table) | Self::Values { table, .. } => Some(table),
            Self::Changes => None,
        }
    }
}

/// A rendered record: adjoining ranges of the buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedRecord {
    /// 0-based number of the record in its object.
    pub ordinal: u64,
    /// Its table.
    pub table: TableIndex,
    /// What it does.
    pub operation: Operation,
    /// The message.
    pub payload: Range<usize>,
    /// The partition key.
    pub key: Range<usize>,
}

/// The records of one chunk, rendered into one buffer. Every record of the chunk is in one of the lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RenderedChunk {
    /// The messages, each followed by its partition key.
    pub buffer: Vec<u8>,
    /// Records that became messages, in file order.
    pub records: Vec<RenderedRecord>,
    /// Records that did not, in file order.
    pub rejected: Vec<RejectedRecord>,
}

/// Renders records of the tables of a task; reuses its buffers.
#[derive(Debug, Clone)]
pub struct RowRenderer {
    splitter: FieldSplitter,
    encoder: MessageEncoder,
    columns_counts: Vec<usize>,
    /// Tables by schema, then name.
    tables: HashMap<Vec<u8>, HashMap<Vec<u8>, TableIndex>>,
    load_operation_column: LoadOperationColumn,
    /// The partition key of the current record.
    key: Vec<u8>,
    /// Bytes of the last chunk and of its messages: how much room the next one is likely to need.
    last_sizes: (usize, usize),
}

/// Why a record is rejected, before its place is added.
struct Rejection {
    table: Option<TableIndex>,
    column: Option<String>,
    problem: ValueProblem,
}

/// Table and operation of a record.
#[derive(Debug, Clone, Copy)]
struct Target {
    table: TableIndex,
    operation: Operation,
}

impl RowRenderer {
    /// A renderer for the tables of a task.
    pub fn new(tables: &[Table], dialect: &CsvDialect, message: &MessageConfig) -> Self {
        let mut by_name: HashMap<Vec<u8>, HashMap<Vec<u8>, TableIndex>> = HashMap::new();
        for (index, table) in tables.iter().enumerate() {
            let of_schema = by_name.entry(table.owner.clone().into()).or_default();
            of_schema.insert(table.name.clone().into(), TableIndex(index));
        }
        Self {
            splitter: FieldSplitter::new(dialect),
            encoder: MessageEncoder::new(tables, message, &dialect.null_value),
            columns_counts: tables.iter().map(|table| table.columns.len()).collect(),
            tables: by_name,
            load_operation_column: dialect.load_operation_column,
            key: Vec::new(),
            last_sizes: (1, 2),
        }
    }

    /// Renders all records of a chunk. Gives as many records, rendered and rejected together, as the chunk has.
    pub fn render_chunk(
        &mut self,
        source: RowSource,
        chunk: &Chunk,
        timestamp: &MessageTimestamp,
    ) -> RenderedChunk {
        let (input_bytes, rendered_bytes) = self.last_sizes;
        let growth = (rendered_bytes / input_bytes.max(1) + 1).min(GROWTH_MAX);
        let expected = chunk.bytes.len() * growth;
        let mut rendered = RenderedChunk {
            buffer: Vec::with_capacity(expected),
            records: Vec::with_capacity(chunk.records.len()),
            rejected: Vec::new(),
        };
        for (raw, ordinal) in chunk.records.iter().zip(chunk.span.start.ordinal..) {
            self.render(source, chunk, raw, ordinal, timestamp, &mut rendered);
        }
        self.last_sizes = (chunk.bytes.len(), rendered.buffer.len());
        rendered
    }

    fn render(
        &mut self,
        source: RowSource,
        chunk: &Chunk,
        raw: &RawRecord,
        ordinal: u64,
        timestamp: &MessageTimestamp,
        rendered: &mut RenderedChunk,
    ) {
        let place = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
        let range = place(raw.range.start)..place(raw.range.end);
        let text = chunk.bytes.get(range).unwrap_or_default();
        let start = rendered.buffer.len();
        self.key.clear();
        match self.render_text(source, raw.kind, text, timestamp, rendered) {
            Ok(target) => {
                let payload_end = rendered.buffer.len();
                rendered.buffer.extend_from_slice(&self.key);
                rendered.records.push(RenderedRecord {
                    ordinal,
                    table: target.table,
                    operation: target.operation,
                    payload: start..payload_end,
                    key: payload_end..rendered.buffer.len(),
                });
            }
            Err(rejection) => {
                rendered.buffer.truncate(start);
                rendered.rejected.push(RejectedRecord {
                    ordinal,
                    line: chunk.span.start.line + u64::from(raw.line_delta) + 1,
                    position: chunk.span.start.position + u64::from(raw.range.start),
                    table: rejection.table,
                    column: rejection.column,
                    code: rejection.problem.code,
                    reason: rejection.problem.reason,
                    row: text.get(..DEAD_LETTER_ROW_BYTES_MAX).unwrap_or(text).to_vec(),
                });
            }
        }
    }

    fn render_text(
        &mut self,
        source: RowSource,
        kind: RawRecordKind,
        text: &[u8],
        timestamp: &MessageTimestamp,
        rendered: &mut RenderedChunk,
    ) -> Result<Target, Rejection> {
        let problem = match kind {
            RawRecordKind::Whole => None,
            RawRecordKind::UnclosedQuote => Some(ValueProblem::new(
                "unclosed_quote",
                "a field starts with a quote that is not closed within the longest row allowed",
            )),
            RawRecordKind::TooLong => Some(ValueProblem::new(
                "row_too_long",
                "the row exceeds the longest row allowed (limits.row_bytes_max)",
            )),
        };
        if let Some(problem) = problem {
            return Err(Rejection::of(source.table(), problem));
        }
        let fields = self.splitter.split(text);
        let (target, values) = match source {
            RowSource::Load(table) => {
                let columns_count = self.columns_counts.get(table.0).copied().unwrap_or(0);
                load_target(self.load_operation_column, table, columns_count, fields)?
            }
            RowSource::Changes => change_target(&self.tables, fields)?,
            RowSource::Values { table, operation } => (Target { table, operation }, fields),
        };
        let columns_count = self.columns_counts.get(target.table.0).copied().unwrap_or(0);
        if values.count() != columns_count {
            let problem = ValueProblem::new(
                "field_count",
                format!(
                    "the row has {} values, the table definition has {columns_count} columns",
                    values.count()
                ),
            );
            return Err(Rejection::of(Some(target.table), problem));
        }
        let row = Row {
            table: target.table,
            operation: target.operation,
            fields: values,
        };
        let encoded = self
            .encoder
            .encode_row(row, timestamp, &mut rendered.buffer, &mut self.key);
        encoded.map_err(|EncodeProblem { column, problem }| Rejection {
            table: Some(target.table),
            column,
            problem,
        })?;
        Ok(target)
    }
}

impl Rejection {
    fn of(table: Option<TableIndex>, problem: ValueProblem) -> Self {
        Self {
            table,
            column: None,
            problem,
        }
    }
}

/// The values of a full-load row, with the operation column taken off if there is one. An S3 target of DMS
/// leaves an `I` there; the message is a `load` all the same.
fn load_target(
    load_operation_column: LoadOperationColumn,
    table: TableIndex,
    columns_count: usize,
    fields: Fields<'_>,
) -> Result<(Target, Fields<'_>), Rejection> {
    let target = Target {
        table,
        operation: Operation::Load,
    };
    let first = fields.field(0).map_or(&b""[..], |field| field.text.trim_ascii());
    let is_present = match load_operation_column {
        LoadOperationColumn::Absent => false,
        LoadOperationColumn::Present => true,
        LoadOperationColumn::Detect => {
            fields.count() == columns_count + 1 && first.eq_ignore_ascii_case(b"I")
        }
    };
    if !is_present {
        return Ok((target, fields));
    }
    match read_operation(first) {
        Ok(Operation::Insert) => Ok((target, fields.skip(1))),
        Ok(Operation::Load | Operation::Update | Operation::Delete) => {
            let reason = format!("a full-load row can only be an insert, not {}", Excerpt(first));
            Err(Rejection::of(
                Some(table),
                ValueProblem::new("unknown_operation", reason),
            ))
        }
        Err(problem) => Err(Rejection::of(Some(table), problem)),
    }
}

/// Table, operation and values of a change row.
fn change_target<'a>(
    tables: &HashMap<Vec<u8>, HashMap<Vec<u8>, TableIndex>>,
    fields: Fields<'a>,
) -> Result<(Target, Fields<'a>), Rejection> {
    let text = |index| {
        fields
            .field(index)
            .map_or(&b""[..], |field| field.text.trim_ascii())
    };
    let (operation, table_name, schema) = (text(0), text(1), text(2));
    let operation = read_operation(operation).map_err(|problem| Rejection::of(None, problem))?;
    if fields.count() < CHANGE_FIELDS {
        let reason = format!(
            "the row has {} fields; a change row starts with operation, table and schema",
            fields.count()
        );
        return Err(Rejection::of(None, ValueProblem::new("field_count", reason)));
    }
    let of_schema = tables.get(schema).ok_or_else(|| {
        let reason = format!("no table of the definition has the owner {}", Excerpt(schema));
        Rejection::of(None, ValueProblem::new("unknown_schema", reason))
    })?;
    let table = of_schema.get(table_name).copied().ok_or_else(|| {
        let reason = format!(
            "the definition has no table {} of this owner",
            Excerpt(table_name)
        );
        Rejection::of(None, ValueProblem::new("unknown_table", reason))
    })?;
    Ok((Target { table, operation }, fields.skip(CHANGE_FIELDS)))
}

fn read_operation(text: &[u8]) -> Result<Operation, ValueProblem> {
    let is =
        |letter: &[u8], word: &[u8]| text.eq_ignore_ascii_case(letter) || text.eq_ignore_ascii_case(word);
    if is(b"I", b"INSERT") {
        Ok(Operation::Insert)
    } else if is(b"U", b"UPDATE") {
        Ok(Operation::Update)
    } else if is(b"D", b"DELETE") {
        Ok(Operation::Delete)
    } else if text.is_empty() {
        Err(ValueProblem::new("no_operation", "the operation field is empty"))
    } else {
        let reason = format!("{} is none of INSERT, UPDATE, DELETE, I, U, D", Excerpt(text));
        Err(ValueProblem::new("unknown_operation", reason))
    }
}
