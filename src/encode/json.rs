//! Data records: the DMS message of a row, byte for byte. Pure: no I/O, no clock.
//!
//! Everything that does not depend on the row (member names, metadata, white space) is rendered once per
//! table; a row costs its values and a few copies.

use std::cell::Cell;

use super::layout::MemberName;
use super::partition_key::PartitionKeyWriter;
use super::special::Scratch;
use super::template::{ColumnTemplate, Ends, FrameTemplate, OperationTemplate, TableTemplate};
use crate::map::Mappings;
use crate::map::expression::Evaluator;
use crate::model::{ColumnType, ObjectVersion, Operation, Table, TableIndex};
use crate::settings::MessageConfig;
use crate::value::convert::{
    FieldRules, FieldValue, ValueProblem, ValueStyle, Written, fitted_text, read_field, write_value,
};
use crate::value::csv::{Field, Fields};
use crate::value::json_text::{unquoted, write_json_string};
use crate::value::timestamp::MessageTimestamp;

/// Why a row cannot become a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeProblem {
    /// The column at fault, if one is.
    pub column: Option<String>,
    /// What is wrong.
    pub problem: ValueProblem,
}

impl From<ValueProblem> for EncodeProblem {
    fn from(problem: ValueProblem) -> Self {
        Self {
            column: None,
            problem,
        }
    }
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
    /// The object it comes from.
    pub object: &'a ObjectVersion,
    /// The number of the object in its queue.
    pub object_number: u64,
    /// Its number in the object.
    pub ordinal: u64,
}

/// Writes the messages of a task; reuses its buffers.
#[derive(Debug)]
pub struct MessageEncoder {
    tables: Vec<TableTemplate>,
    frame: FrameTemplate,
    settings: Settings,
    evaluator: Option<Evaluator>,
    scratch: Scratch,
}

/// What is the same for all rows.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) style: ValueStyle,
    pub(super) rules: FieldRules,
    include_null_and_empty: bool,
    include_partition_value: bool,
}

impl MessageEncoder {
    /// An encoder for the tables of a task and what the rules make of them.
    pub fn new(tables: &[Table], mappings: &Mappings, message: &MessageConfig, null_value: &str) -> Self {
        let evaluator = mappings
            .has_expressions()
            .then(Evaluator::new)
            .and_then(Result::ok);
        let templates = tables.iter().enumerate().map(|(index, table)| {
            TableTemplate::new(table, mappings.of(TableIndex(index)), message, evaluator.as_ref())
        });
        Self {
            tables: templates.collect(),
            frame: FrameTemplate::new(message.format),
            settings: Settings {
                style: ValueStyle::of(message),
                rules: FieldRules::new(null_value, message),
                include_null_and_empty: message.include_null_and_empty,
                include_partition_value: message.include_partition_value,
            },
            evaluator,
            scratch: Scratch::default(),
        }
    }

    /// Appends the message of a row to `payloads` and its partition key to `key`; says whether something was cut.
    ///
    /// # Errors
    /// What is wrong with the row; both buffers may then hold a part of it at their ends.
    pub fn encode_row(
        &mut self,
        row: Row<'_>,
        timestamp: &MessageTimestamp,
        payloads: &mut Vec<u8>,
        key: &mut Vec<u8>,
    ) -> Result<Written, EncodeProblem> {
        let table = self.tables.get(row.table.0).ok_or_else(|| {
            EncodeProblem::from(ValueProblem::new(
                "unknown_table",
                "the table is not one of the task",
            ))
        })?;
        let [load, insert, update, delete] = &table.operations;
        let operation = match row.operation {
            Operation::Load => load,
            Operation::Insert => insert,
            Operation::Update => update,
            Operation::Delete => delete,
        };
        let mut key = PartitionKeyWriter::new(&operation.key_rule, key);
        let mut data = DataWriter {
            settings: &self.settings,
            evaluator: self.evaluator.as_ref(),
            row,
            payloads,
            key: &mut key,
            is_keyed_by_primary_key: operation.is_keyed_by_primary_key(),
            is_empty: true,
            is_truncated: Cell::new(false),
        };
        data.write(table, operation, &mut self.scratch)?;
        let is_truncated = data.is_truncated.get();
        payloads.extend_from_slice(&self.frame.metadata_head);
        payloads.extend_from_slice(timestamp.as_bytes());
        payloads.extend_from_slice(&operation.metadata);
        if self.settings.include_partition_value && operation.key_rule.key_type.shows_value() {
            payloads.extend_from_slice(&self.frame.partition_value_name);
            write_json_string(payloads, key.full()?);
        }
        key.finish()?;
        payloads.extend_from_slice(&table.tail);
        Ok(if is_truncated {
            Written::Truncated
        } else {
            Written::Whole
        })
    }
}

/// Writes one `data` object.
pub(super) struct DataWriter<'a, 'k> {
    pub(super) settings: &'a Settings,
    pub(super) evaluator: Option<&'a Evaluator>,
    pub(super) row: Row<'a>,
    pub(super) payloads: &'a mut Vec<u8>,
    pub(super) key: &'a mut PartitionKeyWriter<'k>,
    pub(super) is_keyed_by_primary_key: bool,
    /// Whether the object that is being written has no member yet.
    is_empty: bool,
    /// Whether something was cut.
    pub(super) is_truncated: Cell<bool>,
}

impl<'a> DataWriter<'a, '_> {
    fn write(
        &mut self,
        table: &TableTemplate,
        operation: &OperationTemplate,
        scratch: &mut Scratch,
    ) -> Result<(), EncodeProblem> {
        if table.captures_count > 0 {
            scratch.captured.clear(table.captures_count);
        }
        self.payloads.extend_from_slice(&table.head);
        for column in &table.columns {
            let written = match &column.special {
                None => self.write_member(column),
                Some(special) => self.write_special(column, special, scratch),
            };
            written.map_err(|problem| EncodeProblem {
                column: Some(column.column.name.clone()),
                problem,
            })?;
        }
        let end = |is_empty, ends: &Ends, out: &mut Vec<u8>| {
            out.extend_from_slice(if is_empty {
                &ends.if_empty
            } else {
                &ends.with_members
            });
        };
        if table.is_document {
            end(self.is_empty, &table.columns_end, self.payloads);
            self.is_empty = false;
        }
        for (index, attribute) in table.attributes.iter().enumerate() {
            self.write_name(&attribute.name);
            attribute.write(self.payloads, &mut scratch.captured)?;
            if operation.key_rule.attribute == Some(index) {
                match attribute.text(&mut scratch.captured) {
                    Some(text) => self.key.add(text),
                    None => return Err(null_in_key().into()),
                }
            }
        }
        end(self.is_empty, &table.data_end, self.payloads);
        Ok(())
    }

    /// Writes a column as it is read, which nearly all are.
    fn write_member(&mut self, template: &ColumnTemplate) -> Result<(), ValueProblem> {
        let column = &template.column;
        let is_key_part = template.is_primary_key && self.is_keyed_by_primary_key;
        let text = match self.read(template)? {
            FieldValue::Null => return self.write_null(template, is_key_part),
            FieldValue::Text(text) => text,
        };
        if self.is_left_out(text, column.column_type) {
            if is_key_part {
                self.key.add(b"");
            }
            return Ok(());
        }
        self.write_name(&template.name);
        let start = self.payloads.len();
        let style = self.settings.style;
        let written = write_value(self.payloads, text, column.column_type, style)?;
        self.note(written);
        if is_key_part {
            let written = self.payloads.get(start..).unwrap_or_default();
            self.key.add(key_text(column.column_type, text, written, style));
        }
        Ok(())
    }

    /// What the field of a column says.
    pub(super) fn read(&self, template: &ColumnTemplate) -> Result<FieldValue<'a>, ValueProblem> {
        let field = self.field(template)?;
        let value = read_field(field, &template.column, &self.settings.rules)?;
        if let FieldValue::Text(text) = value
            && text.len() < field.text.len()
            && template.column.column_type.is_text()
        {
            self.is_truncated.set(true);
        }
        Ok(value)
    }

    /// Remembers that something was cut.
    pub(super) fn note(&self, written: Written) {
        if written == Written::Truncated {
            self.is_truncated.set(true);
        }
    }

    pub(super) fn field(&self, template: &ColumnTemplate) -> Result<Field<'a>, ValueProblem> {
        let field = self.row.fields.field(template.field);
        field.ok_or_else(|| ValueProblem::new("field_count", "the row has no field for this column"))
    }

    pub(super) fn write_null(
        &mut self,
        template: &ColumnTemplate,
        is_key_part: bool,
    ) -> Result<(), ValueProblem> {
        if is_key_part {
            return Err(null_in_key());
        }
        if self.settings.include_null_and_empty {
            self.write_name(&template.name);
            self.payloads.extend_from_slice(b"null");
        }
        Ok(())
    }

    pub(super) fn is_left_out(&self, text: &[u8], column_type: ColumnType) -> bool {
        text.is_empty() && column_type.holds_nothing() && !self.settings.include_null_and_empty
    }

    pub(super) fn write_name(&mut self, name: &MemberName) {
        self.payloads.extend_from_slice(name.bytes(self.is_empty));
        self.is_empty = false;
    }
}

fn null_in_key() -> ValueProblem {
    ValueProblem::new(
        "null_in_partition_key",
        "it is NULL, and it is part of the partition key",
    )
}

/// A value in a partition key: as in the message, without quotes and escapes.
pub(super) fn key_text<'a>(
    column_type: ColumnType,
    text: &'a [u8],
    written: &'a [u8],
    style: ValueStyle,
) -> &'a [u8] {
    if column_type.is_text() {
        fitted_text(text, column_type, style.fit)
    } else {
        unquoted(written)
    }
}
