//! Data records: the DMS message of a row, byte for byte. Pure: no I/O, no clock.
//!
//! Everything that does not depend on the row (member names, metadata, white space) is rendered once per
//! table; a row costs its values and a few copies.

use super::json_text::write_json_string;
use super::layout::ObjectWriter;
use super::timestamp::MessageTimestamp;
use crate::config::{MessageConfig, MessageFormat};
use crate::model::{Column, ColumnType, Operation, Table, TableIndex};
use crate::parse::convert::{FieldValue, HexPrefix, ValueProblem, ValueStyle, read_field, write_value};
use crate::parse::csv::{Field, Fields};
use crate::route::partition_key::{PartitionKeyRule, PartitionKeyType, PartitionKeyWriter};

/// Why a row cannot become a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeProblem {
    /// The column at fault, if one is.
    pub column: Option<String>,
    /// What is wrong.
    pub problem: ValueProblem,
}

/// A row whose table, operation and fields are known. It has exactly one field per column.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its table.
    pub table: TableIndex,
    /// What it does.
    pub operation: Operation,
    /// The fields of the columns.
    pub fields: Fields<'a>,
}

/// Writes the messages of a task.
#[derive(Debug, Clone)]
pub struct MessageEncoder {
    tables: Vec<TableTemplate>,
    frame: FrameTemplate,
    style: ValueStyle,
    null_value: Vec<u8>,
    include_null_and_empty: bool,
    include_partition_value: bool,
}

/// The parts of a message that are the same for all tables.
#[derive(Debug, Clone)]
struct FrameTemplate {
    /// Up to the first member of `data`.
    head: Vec<u8>,
    data_end: Vec<u8>,
    data_end_if_empty: Vec<u8>,
    /// From behind `data` into the text of the timestamp.
    metadata_head: Vec<u8>,
    /// Up to the value of `partition-key-value`.
    partition_value_name: Vec<u8>,
}

#[derive(Debug, Clone)]
struct TableTemplate {
    columns: Vec<ColumnTemplate>,
    operations: [OperationTemplate; 4],
    /// From `schema-name` to the end of the message.
    tail: Vec<u8>,
}

#[derive(Debug, Clone)]
struct ColumnTemplate {
    column: Column,
    /// Up to the value, as the first member.
    first_name: Vec<u8>,
    /// Up to the value, behind another member.
    next_name: Vec<u8>,
}

#[derive(Debug, Clone)]
struct OperationTemplate {
    key_rule: PartitionKeyRule,
    /// From behind the timestamp to the value of `partition-key-type`, that included.
    metadata: Vec<u8>,
}

impl MessageEncoder {
    /// An encoder for the tables of a task.
    pub fn new(tables: &[Table], message: &MessageConfig, null_value: &str) -> Self {
        let frame = FrameTemplate::new(message.format);
        Self {
            tables: tables
                .iter()
                .map(|table| TableTemplate::new(table, message))
                .collect(),
            frame,
            style: ValueStyle {
                number_format: message.number_format,
                hex_prefix: if message.no_hex_prefix {
                    HexPrefix::Absent
                } else {
                    HexPrefix::Present
                },
            },
            null_value: null_value.into(),
            include_null_and_empty: message.include_null_and_empty,
            include_partition_value: message.include_partition_value,
        }
    }

    /// Appends the message of a row to `payloads` and its partition key to `key`.
    ///
    /// # Errors
    /// What is wrong with the row; both buffers may then hold a part of it at their ends.
    pub fn encode_row(
        &self,
        row: Row<'_>,
        timestamp: &MessageTimestamp,
        payloads: &mut Vec<u8>,
        key: &mut Vec<u8>,
    ) -> Result<(), EncodeProblem> {
        let table = self.tables.get(row.table.0).ok_or_else(|| EncodeProblem {
            column: None,
            problem: ValueProblem::new("unknown_table", "the table is not one of the task"),
        })?;
        let [load, insert, update, delete] = &table.operations;
        let operation = match row.operation {
            Operation::Load => load,
            Operation::Insert => insert,
            Operation::Update => update,
            Operation::Delete => delete,
        };
        let mut key = PartitionKeyWriter::new(&operation.key_rule, key);
        payloads.extend_from_slice(&self.frame.head);
        let mut data = DataWriter {
            encoder: self,
            payloads,
            key: &mut key,
            key_type: operation.key_rule.key_type,
            is_empty: true,
        };
        for (column, field) in table.columns.iter().zip(row.fields.iter()) {
            data.write_member(column, field)
                .map_err(|problem| EncodeProblem {
                    column: Some(column.column.name.clone()),
                    problem,
                })?;
        }
        let data_end = if data.is_empty {
            &self.frame.data_end_if_empty
        } else {
            &self.frame.data_end
        };
        payloads.extend_from_slice(data_end);
        payloads.extend_from_slice(&self.frame.metadata_head);
        payloads.extend_from_slice(timestamp.as_bytes());
        payloads.extend_from_slice(&operation.metadata);
        let finished = self
            .write_partition_value(operation, &key, payloads)
            .and_then(|()| key.finish());
        finished.map_err(|problem| EncodeProblem {
            column: None,
            problem,
        })?;
        payloads.extend_from_slice(&table.tail);
        Ok(())
    }

    fn write_partition_value(
        &self,
        operation: &OperationTemplate,
        key: &PartitionKeyWriter<'_>,
        payloads: &mut Vec<u8>,
    ) -> Result<(), ValueProblem> {
        match operation.key_rule.key_type {
            PartitionKeyType::PrimaryKey if self.include_partition_value => {
                payloads.extend_from_slice(&self.frame.partition_value_name);
                write_json_string(payloads, key.full()?);
                Ok(())
            }
            PartitionKeyType::PrimaryKey | PartitionKeyType::SchemaTable => Ok(()),
        }
    }
}

/// Writes the members of one `data` object.
struct DataWriter<'a, 'k> {
    encoder: &'a MessageEncoder,
    payloads: &'a mut Vec<u8>,
    key: &'a mut PartitionKeyWriter<'k>,
    key_type: PartitionKeyType,
    is_empty: bool,
}

impl DataWriter<'_, '_> {
    fn write_member(&mut self, template: &ColumnTemplate, field: Field<'_>) -> Result<(), ValueProblem> {
        let column = &template.column;
        let is_key_part = column.is_primary_key && self.key_type == PartitionKeyType::PrimaryKey;
        let text = match read_field(field, column, &self.encoder.null_value)? {
            FieldValue::Null if is_key_part => {
                return Err(ValueProblem::new(
                    "null_in_partition_key",
                    "a column of the primary key is NULL, and the partition key is made of it",
                ));
            }
            FieldValue::Null => {
                if self.encoder.include_null_and_empty {
                    self.write_name(template);
                    self.payloads.extend_from_slice(b"null");
                }
                return Ok(());
            }
            FieldValue::Text(text) => text,
        };
        let is_left_out =
            text.is_empty() && holds_text_as_is(column.column_type) && !self.encoder.include_null_and_empty;
        if is_left_out {
            if is_key_part {
                self.key.add(b"");
            }
            return Ok(());
        }
        self.write_name(template);
        let start = self.payloads.len();
        write_value(self.payloads, text, column.column_type, self.encoder.style)?;
        if is_key_part {
            let written = self.payloads.get(start..).unwrap_or_default();
            self.key.add(key_text(column.column_type, text, written));
        }
        Ok(())
    }

    fn write_name(&mut self, template: &ColumnTemplate) {
        let name = if self.is_empty {
            &template.first_name
        } else {
            &template.next_name
        };
        self.payloads.extend_from_slice(name);
        self.is_empty = false;
    }
}

/// Whether an empty text is a value of the type.
fn holds_text_as_is(column_type: ColumnType) -> bool {
    matches!(
        column_type,
        ColumnType::String { .. } | ColumnType::Clob | ColumnType::Byte { .. } | ColumnType::Blob
    )
}

/// A value in a partition key: as in the message, without quotes and escapes.
fn key_text<'a>(column_type: ColumnType, text: &'a [u8], written: &'a [u8]) -> &'a [u8] {
    if column_type.is_text() {
        return text;
    }
    let quoted = written
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    quoted.unwrap_or(written)
}

impl FrameTemplate {
    fn new(format: MessageFormat) -> Self {
        let mut writer = ObjectWriter::new(format);
        writer.object("data");
        let head = writer.take();
        let mut empty = writer.clone();
        empty.end();
        writer.set_has_members();
        writer.end();
        let data_end = writer.take();
        writer.object("metadata");
        writer.name("timestamp");
        let mut metadata_head = writer.take();
        metadata_head.push(b'"');
        writer.name("partition-key-value");
        Self {
            head,
            data_end,
            data_end_if_empty: empty.take(),
            metadata_head,
            partition_value_name: writer.take(),
        }
    }
}

impl TableTemplate {
    fn new(table: &Table, message: &MessageConfig) -> Self {
        let mut data = ObjectWriter::new(message.format);
        data.object("data");
        data.take();
        let columns = table.columns.iter().map(|column| {
            let mut first = data.clone();
            first.name(&column.name);
            let mut next = data.clone();
            next.set_has_members();
            next.name(&column.name);
            ColumnTemplate {
                column: column.clone(),
                first_name: first.take(),
                next_name: next.take(),
            }
        });
        let columns = columns.collect();
        let mut metadata = ObjectWriter::new(message.format);
        metadata.object("metadata");
        metadata.set_has_members();
        metadata.take();
        let operations = [
            Operation::Load,
            Operation::Insert,
            Operation::Update,
            Operation::Delete,
        ];
        let operations = operations.map(|operation| {
            let key_rule = PartitionKeyRule::new(table, operation, message);
            let mut writer = metadata.clone();
            writer.text("record-type", "data");
            writer.text("operation", operation.as_str());
            writer.text("partition-key-type", key_rule.key_type.as_str());
            let mut behind_timestamp = b"\"".to_vec();
            behind_timestamp.append(&mut writer.take());
            OperationTemplate {
                key_rule,
                metadata: behind_timestamp,
            }
        });
        metadata.text("schema-name", &table.owner);
        metadata.text("table-name", &table.name);
        metadata.end();
        Self {
            columns,
            operations,
            tail: metadata.finish(),
        }
    }
}
