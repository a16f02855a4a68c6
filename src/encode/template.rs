//! Everything of a message that does not depend on the row: member names, metadata, white space, rendered once per
//! table. Pure: no I/O, no clock.

use super::attributes::AttributeTemplate;
use super::layout::{MemberName, ObjectWriter};
use super::partition_key::{PartitionKeyRule, PartitionKeyType};
use crate::map::expression::{Evaluator, Expression};
use crate::map::mask::Mask;
use crate::map::object_mapping::{AttributeValue, MappedKey, ObjectMapping, RecordShape, TextPart};
use crate::map::{ColumnSource, MappedColumn, TableMapping};
use crate::model::{Column, ColumnType, Operation, Table};
use crate::settings::{MessageConfig, MessageFormat};

/// The parts of a message that are the same for all tables.
#[derive(Debug)]
pub(super) struct FrameTemplate {
    /// From after `data` into the text of the timestamp.
    pub(super) metadata_head: Vec<u8>,
    /// Up to the value of `partition-key-value`.
    pub(super) partition_value_name: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct TableTemplate {
    /// Up to the first column.
    pub(super) head: Vec<u8>,
    pub(super) columns: Vec<ColumnTemplate>,
    /// From after the last column to the end of the object that they are in: with members, and without.
    pub(super) columns_end: Ends,
    /// Members that are made of columns.
    pub(super) attributes: Vec<AttributeTemplate>,
    /// Whether the columns are in an object of their own, so that an attribute is never the first member.
    pub(super) is_document: bool,
    /// From after the last attribute to the end of `data`.
    pub(super) data_end: Ends,
    pub(super) operations: [OperationTemplate; 4],
    /// From `schema-name` to the end of the message.
    pub(super) tail: Vec<u8>,
    /// How many texts of columns the attributes need.
    pub(super) captures_count: usize,
}

/// The end of an object.
#[derive(Debug, Default)]
pub(super) struct Ends {
    pub(super) with_members: Vec<u8>,
    pub(super) if_empty: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct ColumnTemplate {
    /// The column as it is read.
    pub(super) column: Column,
    /// The index of its field.
    pub(super) field: usize,
    /// Whether its value is a part of a partition key that is the primary key.
    pub(super) is_primary_key: bool,
    /// What there is to do beyond writing it down; nothing for most columns.
    pub(super) special: Option<Box<Special>>,
    pub(super) name: MemberName,
}

/// What a rule does with a column.
#[derive(Debug)]
pub(super) struct Special {
    pub(super) source: Source,
    /// Its type in the message.
    pub(super) output: ColumnType,
    pub(super) is_retyped: bool,
    pub(super) mask: Option<Mask>,
    /// Its index in the table, for masks.
    pub(super) index: usize,
    /// Whether it is not a member itself.
    pub(super) is_hidden: bool,
    /// Whether the partition key is its value.
    pub(super) is_named_key: bool,
    /// Where its text is kept for the attributes.
    pub(super) capture: Option<usize>,
}

#[derive(Debug)]
pub(super) enum Source {
    Field,
    /// Without one it could not be prepared, and no row becomes a message.
    Expression(Option<Expression>),
    Nothing,
}

#[derive(Debug)]
pub(super) struct OperationTemplate {
    pub(super) key_rule: PartitionKeyRule,
    /// From after the timestamp to the value of `partition-key-type`, that included.
    pub(super) metadata: Vec<u8>,
}

impl FrameTemplate {
    pub(super) fn new(format: MessageFormat) -> Self {
        let mut writer = ObjectWriter::new(format);
        writer.set_has_members();
        writer.take();
        writer.object("metadata");
        writer.name("timestamp");
        let mut metadata_head = writer.take();
        metadata_head.push(b'"');
        writer.name("partition-key-value");
        Self {
            metadata_head,
            partition_value_name: writer.take(),
        }
    }
}

impl TableTemplate {
    /// The template of a table, and of what the rules make of it.
    pub(super) fn new(
        definition: &Table,
        mapping: Option<&TableMapping>,
        message: &MessageConfig,
        evaluator: Option<&Evaluator>,
    ) -> Self {
        let output = mapping.map_or(definition, |mapping| &mapping.output);
        let object = mapping.and_then(|mapping| mapping.object.as_ref());
        let is_document = object.is_some_and(|object| object.shape == RecordShape::Document);
        let mut data = ObjectWriter::new(message.format);
        data.object("data");
        let mut inner = data.clone();
        if is_document {
            inner.object("_doc");
        }
        let head = inner.take();
        data.take();
        let captures = Captures::of(object);
        let columns = output.columns.iter().enumerate();
        let columns = columns.map(|(index, column)| {
            let work = ColumnWork {
                definition,
                output,
                object,
                captures: &captures,
                mapped: mapping.and_then(|mapping| mapping.columns.get(index)),
                evaluator,
            };
            work.template(index, column, &inner)
        });
        let columns = columns.collect();
        let columns_end = if is_document {
            Ends::of(&inner)
        } else {
            Ends::default()
        };
        if is_document {
            data.set_has_members();
        }
        let attributes = object.map_or(&[][..], |object| &object.attributes);
        let attributes = attributes
            .iter()
            .map(|attribute| AttributeTemplate::new(attribute, &data, &captures.0));
        let attributes: Vec<_> = attributes.collect();
        Self {
            head,
            columns,
            columns_end,
            attributes,
            is_document,
            data_end: Ends::of(&data),
            operations: operations(output, object.and_then(|object| object.key.as_ref()), message),
            tail: tail(output, message),
            captures_count: captures.0.len(),
        }
    }
}

fn operations(output: &Table, key: Option<&MappedKey>, message: &MessageConfig) -> [OperationTemplate; 4] {
    let operations = [
        Operation::Load,
        Operation::Insert,
        Operation::Update,
        Operation::Delete,
    ];
    operations.map(|operation| {
        let key_rule = PartitionKeyRule::mapped(output, operation, message, key);
        let mut writer = metadata(message.format);
        writer.text("record-type", "data");
        writer.text("operation", operation.as_str());
        writer.text("partition-key-type", key_rule.key_type.as_str());
        let mut behind_timestamp = b"\"".to_vec();
        behind_timestamp.append(&mut writer.take());
        OperationTemplate {
            key_rule,
            metadata: behind_timestamp,
        }
    })
}

fn tail(output: &Table, message: &MessageConfig) -> Vec<u8> {
    let mut metadata = metadata(message.format);
    metadata.text("schema-name", &output.owner);
    metadata.text("table-name", &output.name);
    metadata.end();
    metadata.finish()
}

/// A writer after a member of `metadata`.
fn metadata(format: MessageFormat) -> ObjectWriter {
    let mut metadata = ObjectWriter::new(format);
    metadata.object("metadata");
    metadata.set_has_members();
    metadata.take();
    metadata
}

impl Ends {
    /// The ends of the innermost object.
    fn of(writer: &ObjectWriter) -> Self {
        let end = |mut writer: ObjectWriter| {
            writer.take();
            writer.end();
            writer.take()
        };
        let mut with_members = writer.clone();
        with_members.set_has_members();
        Self {
            with_members: end(with_members),
            if_empty: end(writer.clone()),
        }
    }
}

/// The columns whose texts the attributes need; the place in the list is the number of the text.
struct Captures(Vec<usize>);

impl Captures {
    fn of(object: Option<&ObjectMapping>) -> Self {
        let mut found = Vec::new();
        for attribute in object.map_or(&[][..], |object| &object.attributes) {
            collect_columns(&attribute.value, &mut found);
        }
        Self(found)
    }
}

fn collect_columns(value: &AttributeValue, found: &mut Vec<usize>) {
    match value {
        AttributeValue::Text(parts) => {
            for part in parts {
                if let TextPart::Column(index) = part
                    && !found.contains(index)
                {
                    found.push(*index);
                }
            }
        }
        AttributeValue::Literal(_) => {}
        AttributeValue::Object(members) => {
            for member in members {
                collect_columns(&member.value, found);
            }
        }
        AttributeValue::List(values) => values.iter().for_each(|value| collect_columns(value, found)),
    }
}

/// What a column's template is made of.
struct ColumnWork<'a> {
    definition: &'a Table,
    output: &'a Table,
    object: Option<&'a ObjectMapping>,
    captures: &'a Captures,
    mapped: Option<&'a MappedColumn>,
    evaluator: Option<&'a Evaluator>,
}

impl ColumnWork<'_> {
    fn template(&self, index: usize, column: &Column, object: &ObjectWriter) -> ColumnTemplate {
        let (field, read) = match self.mapped.map(|mapped| &mapped.source) {
            Some(ColumnSource::Column(field)) => (*field, self.definition.columns.get(*field)),
            // It has no field, or without a mapping that of its own place.
            Some(ColumnSource::Expression(_) | ColumnSource::Nothing) | None => (index, None),
        };
        ColumnTemplate {
            column: read.unwrap_or(column).clone(),
            field,
            is_primary_key: column.is_primary_key,
            special: self.special(index, column).map(Box::new),
            name: MemberName::new(object, &column.name),
        }
    }

    fn special(&self, index: usize, column: &Column) -> Option<Special> {
        let mapped = self.mapped?;
        let source = match &mapped.source {
            ColumnSource::Column(_) => Source::Field,
            ColumnSource::Nothing => Source::Nothing,
            ColumnSource::Expression(text) => Source::Expression(self.evaluator.and_then(|evaluator| {
                // The configuration was loaded only if all of them can be prepared.
                let prepared = evaluator.prepare(text, column.column_type, self.definition, self.output);
                prepared.ok()
            })),
        };
        let is_hidden = self.object.is_some_and(|object| object.excluded.contains(&index));
        let capture = self.captures.0.iter().position(|captured| *captured == index);
        let key = self.object.and_then(|object| object.key.as_ref());
        let special = Special {
            source,
            output: column.column_type,
            is_retyped: mapped.is_retyped,
            mask: mapped.mask,
            index,
            is_hidden,
            is_named_key: key == Some(&MappedKey::Column(index)),
            capture,
        };
        let is_plain = matches!(special.source, Source::Field)
            && !special.is_retyped
            && special.mask.is_none()
            && !is_hidden
            && !special.is_named_key
            && capture.is_none();
        (!is_plain).then_some(special)
    }
}

impl OperationTemplate {
    /// Whether the partition key is the primary key.
    pub(super) fn is_keyed_by_primary_key(&self) -> bool {
        self.key_rule.key_type == PartitionKeyType::PrimaryKey
    }
}
