//! From one raw record to one message and its partition key, or to a rejection. Pure: no I/O, no clock.
//! The parser's entry point.

use std::ops::Range;

use super::chunk_rows::rejected;
use super::column_filter::{ColumnFilter, column_filters};
use super::columns::{narrow_row, order_of, wrong_count};
use super::target::{
    Rejection, TableNames, Target, change_target, load_target, own_change_target, table_names,
};
use crate::encode::json::{EncodeProblem, MessageEncoder, Row};
use crate::map::Mappings;
use crate::model::{
    Chunk, FileColumns, ObjectVersion, Operation, RawRecord, RawRecordKind, RejectedRecord, RowSource, Table,
    TableIndex,
};
use crate::saturate;
use crate::settings::{CsvDialect, LoadOperationColumn, MessageConfig, NarrowRows};
use crate::value::convert::{FieldRules, ValueProblem, Written};
use crate::value::csv::{FieldSplitter, Fields};
use crate::value::timestamp::MessageTimestamp;

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
    /// Whether a value of it was cut.
    pub written: Written,
}

/// A record that is not to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilteredRecord {
    /// 0-based number of the record in its object.
    pub ordinal: u64,
    /// Its table; `None` for one that no rule selects.
    pub table: Option<TableIndex>,
}

/// The records of one chunk, rendered into one buffer. Every record of the chunk before the rest is in one of the lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RenderedChunk {
    /// The messages, each followed by its partition key.
    pub buffer: Vec<u8>,
    /// Records that became messages, in file order.
    pub records: Vec<RenderedRecord>,
    /// Records that cannot, in file order.
    pub rejected: Vec<RejectedRecord>,
    /// Records that are not to be, by the rules of the table mappings, in file order.
    pub filtered: Vec<FilteredRecord>,
    /// The first record that was left for later, because the messages before it are as large as allowed.
    pub rest: Option<u64>,
}

/// Renders records of the tables of a task; reuses its buffers.
#[derive(Debug)]
pub struct RowRenderer {
    splitter: FieldSplitter,
    encoder: MessageEncoder,
    columns_counts: Vec<usize>,
    /// The names of the columns, by table.
    column_names: Vec<Vec<String>>,
    tables: TableNames,
    /// By table.
    filters: Vec<Vec<ColumnFilter>>,
    rules: FieldRules,
    /// The value that a filter looks at, in the form in which it is compared.
    compared: Vec<u8>,
    load_operation_column: LoadOperationColumn,
    narrow_rows: NarrowRows,
    /// The number in its queue of the object whose rows come.
    object_number: u64,
    /// The partition key of the current record.
    key: Vec<u8>,
    /// Bytes of the last chunk and of its messages: how much room the next one is likely to need.
    last_sizes: (usize, usize),
    /// Bytes of the largest message so far, with its key.
    largest: usize,
    /// Rendering ends behind the record with which the messages of a chunk reach this size.
    bytes_max: usize,
}

/// What a record is to become.
enum RecordTarget {
    Message(Target, Written),
    Filtered(Option<TableIndex>),
}

impl RowRenderer {
    /// A renderer for the tables of a task and what the rules make of them.
    pub fn new(tables: &[Table], mappings: &Mappings, dialect: &CsvDialect, message: &MessageConfig) -> Self {
        Self {
            splitter: FieldSplitter::new(dialect),
            encoder: MessageEncoder::new(tables, mappings, message, &dialect.null_value),
            columns_counts: tables.iter().map(|table| table.columns.len()).collect(),
            column_names: tables.iter().map(Table::column_names).collect(),
            tables: table_names(tables, mappings),
            filters: column_filters(tables, mappings),
            rules: FieldRules::new(&dialect.null_value, message),
            compared: Vec::new(),
            load_operation_column: dialect.load_operation_column,
            narrow_rows: dialect.narrow_rows,
            object_number: 0,
            key: Vec::new(),
            last_sizes: (1, 2),
            largest: 0,
            bytes_max: usize::MAX,
        }
    }

    /// From here on, rendering ends behind the record with which the messages of a chunk reach this size.
    pub fn set_bytes_max(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// Says which number the object has in its queue whose chunks come next.
    pub fn enter_object(&mut self, number: u64) {
        self.object_number = number;
    }

    /// Renders the records of a chunk of an object, all of them unless their messages are larger than allowed. Each is in
    /// one of the lists.
    pub fn render_chunk(
        &mut self,
        source: RowSource,
        object: &ObjectVersion,
        chunk: &Chunk,
        timestamp: &MessageTimestamp,
    ) -> RenderedChunk {
        let (input_bytes, rendered_bytes) = self.last_sizes;
        let growth = rendered_bytes / input_bytes.max(1) + 1;
        let expected = chunk.bytes.len().saturating_mul(growth);
        // The last record may reach beyond the limit, and must not double the buffer.
        let expected = expected.min(self.bytes_max).saturating_add(self.largest);
        let mut rendered = RenderedChunk {
            buffer: Vec::with_capacity(expected),
            records: Vec::with_capacity(chunk.records.len()),
            rejected: Vec::new(),
            filtered: Vec::new(),
            rest: None,
        };
        let place = ChunkPlace {
            source,
            object,
            chunk,
        };
        for (raw, ordinal) in chunk.records.iter().zip(chunk.span.start.ordinal..) {
            let before = rendered.buffer.len();
            if before >= self.bytes_max {
                rendered.rest = Some(ordinal);
                break;
            }
            self.render(place, raw, ordinal, timestamp, &mut rendered);
            self.largest = self.largest.max(rendered.buffer.len() - before);
        }
        let read = rendered.rest.and_then(|ordinal| chunk.record(ordinal));
        let read = read.map_or(chunk.bytes.len(), |raw| saturate::to_usize(raw.range.start));
        self.last_sizes = (read, rendered.buffer.len());
        rendered
    }

    /// The table of the row that was skipped as the header of an object, if it reads like a row of that table, and not
    /// like the names of its columns.
    pub fn skipped_row(
        &mut self,
        source: RowSource,
        object: &ObjectVersion,
        chunk: &Chunk,
    ) -> Option<TableIndex> {
        let text = chunk.header_text().filter(|_| chunk.columns.is_none())?;
        let place = ChunkPlace {
            source,
            object,
            chunk,
        };
        let (kind, ordinal, timestamp) = (RawRecordKind::Whole, 0, MessageTimestamp::from_unix_us(0));
        self.key.clear();
        let mut aside = RenderedChunk::default();
        let target = self.render_text(place, kind, ordinal, text, &timestamp, &mut aside);
        let table = match target.ok()? {
            RecordTarget::Message(target, _) => target.table,
            RecordTarget::Filtered(table) => table?,
        };
        let names = self.column_names.get(table.0)?;
        let fields = self.splitter.split(text);
        let values = fields.skip(fields.count().saturating_sub(names.len()));
        let mut pairs = values.iter().zip(names);
        let is_header = pairs.any(|(field, name)| field.text.eq_ignore_ascii_case(name.as_bytes()));
        (!is_header).then_some(table)
    }

    fn render(
        &mut self,
        place: ChunkPlace<'_>,
        raw: &RawRecord,
        ordinal: u64,
        timestamp: &MessageTimestamp,
        rendered: &mut RenderedChunk,
    ) {
        let text = place.chunk.text(raw);
        let start = rendered.buffer.len();
        self.key.clear();
        match self.render_text(place, raw.kind, ordinal, text, timestamp, rendered) {
            Ok(RecordTarget::Filtered(table)) => rendered.filtered.push(FilteredRecord { ordinal, table }),
            Ok(RecordTarget::Message(target, written)) => {
                let payload_end = rendered.buffer.len();
                rendered.buffer.extend_from_slice(&self.key);
                rendered.records.push(RenderedRecord {
                    ordinal,
                    table: target.table,
                    operation: target.operation,
                    payload: start..payload_end,
                    key: payload_end..rendered.buffer.len(),
                    written,
                });
            }
            Err(rejection) => {
                rendered.buffer.truncate(start);
                rendered.rejected.push(rejected(place.chunk, ordinal, rejection));
            }
        }
    }

    fn render_text(
        &mut self,
        place: ChunkPlace<'_>,
        kind: RawRecordKind,
        ordinal: u64,
        text: &[u8],
        timestamp: &MessageTimestamp,
        rendered: &mut RenderedChunk,
    ) -> Result<RecordTarget, Rejection> {
        if let Some(problem) = framing_problem(kind) {
            return Err(Rejection::of(place.source.table(), problem));
        }
        let columns = place.chunk.columns.as_deref();
        let fields = self.splitter.split(text);
        let known = (&self.tables, self.columns_counts.as_slice());
        let rule = place.operation_column(self.load_operation_column);
        let target = target_of(known, (rule, self.narrow_rows), place.source, columns, fields)?;
        let Some((target, values)) = target else {
            return Ok(RecordTarget::Filtered(None));
        };
        let columns_count = self.columns_counts.get(target.table.0).copied().unwrap_or(0);
        let dialect = (self.narrow_rows, self.load_operation_column);
        let narrow = narrow_row(dialect, rule, place.source, (fields, values), columns_count);
        let narrow = narrow.map_err(|problem| Rejection::of(Some(target.table), problem))?;
        let values = match (columns, narrow) {
            (None, None) => values,
            (None, Some(places)) => self.splitter.arrange(text, &places, &self.rules.null_value),
            (Some(columns), _) => {
                let order = order_of(columns, target.table, fields, &self.rules);
                let order = order.map_err(|problem| Rejection::of(Some(target.table), problem))?;
                self.splitter.arrange(text, &order.places, &self.rules.null_value)
            }
        };
        if values.count() != columns_count {
            return Err(wrong_count(target.table, values.count(), columns_count));
        }
        for filter in self.filters.get(target.table.0).map_or(&[][..], Vec::as_slice) {
            if !filter.lets_pass(values, target.table, &self.rules, &mut self.compared)? {
                return Ok(RecordTarget::Filtered(Some(target.table)));
            }
        }
        let row = Row {
            table: target.table,
            operation: target.operation,
            fields: values,
            object: place.object,
            object_number: self.object_number,
            ordinal,
        };
        let encoded = self
            .encoder
            .encode_row(row, timestamp, &mut rendered.buffer, &mut self.key);
        let written = encoded.map_err(|EncodeProblem { column, problem }| Rejection {
            table: Some(target.table),
            column,
            problem,
        })?;
        Ok(RecordTarget::Message(target, written))
    }
}

/// Table, operation and values of a row; `None` if no rule selects its table.
fn target_of<'a>(
    (tables, columns_counts): (&TableNames, &[usize]),
    (load_operation_column, narrow_rows): (LoadOperationColumn, NarrowRows),
    source: RowSource,
    columns: Option<&FileColumns>,
    fields: Fields<'a>,
) -> Result<Option<(Target, Fields<'a>)>, Rejection> {
    let columns_count = |table: TableIndex| columns_counts.get(table.0).copied();
    match source {
        RowSource::Load(table) => load_target(
            load_operation_column,
            table,
            columns_count(table).unwrap_or(0),
            fields,
        )
        .map(Some),
        RowSource::Changes => change_target(tables, fields),
        RowSource::ChangesOf(table) => {
            let columns_count = columns_count(table).filter(|_| columns.is_none());
            own_change_target(tables, table, (columns_count, narrow_rows), fields)
        }
        RowSource::Values { table, operation } => Ok(Some((Target { table, operation }, fields))),
    }
}

/// Why a record that the framer could not cut properly is rejected.
fn framing_problem(kind: RawRecordKind) -> Option<ValueProblem> {
    match kind {
        RawRecordKind::Whole => None,
        RawRecordKind::UnclosedQuote => Some(ValueProblem::new(
            "unclosed_quote",
            "a field starts with a quote that does not close before a delimiter or the end of a row no longer than \
             limits.row; if quotes are escaped otherwise than by doubling, set source.csv.escape, and if they are plain \
             text, source.csv.rfc4180 to false",
        )),
        RawRecordKind::TooLong => Some(ValueProblem::new(
            "row_too_long",
            "the row exceeds the longest row allowed (limits.row)",
        )),
        RawRecordKind::Unsayable => Some(ValueProblem::new(
            "no_text",
            "a value for a column of text has no form as text: a date beyond the years 1 to 9999, a time beyond its \
             day, or a number of too many bytes",
        )),
    }
}

/// Where the records of a chunk come from.
#[derive(Clone, Copy)]
struct ChunkPlace<'a> {
    source: RowSource,
    object: &'a ObjectVersion,
    chunk: &'a Chunk,
}

impl ChunkPlace<'_> {
    /// Whether rows of a load begin with an operation: as the object says, or else as it is configured.
    fn operation_column(self, configured: LoadOperationColumn) -> LoadOperationColumn {
        let by_header = self.chunk.columns.as_deref().map(|columns| columns.has_operation);
        let by_object = by_header.or(self.chunk.has_operation);
        by_object.map_or(configured, LoadOperationColumn::of_file)
    }
}
