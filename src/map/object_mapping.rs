//! Object mapping: the shape of a table's messages. Pure: no I/O, no clock.

use std::collections::HashSet;

use serde::Serialize;

use super::rules::{ObjectMappingRule, PartitionKeyChoice, ValueTemplate};
use super::{ColumnSource, MappedColumn};
use crate::model::Table;
use crate::saturate;
use crate::settings::DocumentPlace;
use crate::settings::problems::Report;

/// Where the columns go that are not excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum RecordShape {
    /// `map-record-to-record`: each is a member of `data`.
    Record,
    /// `map-record-to-document`: all are members of `data._doc`.
    Document,
}

/// The shape of a table's messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObjectMapping {
    /// Where the columns go that are not excluded.
    pub shape: RecordShape,
    /// What the partition key is made of, if the rule says so.
    pub key: Option<MappedKey>,
    /// Indexes of the columns that are not copied.
    pub excluded: Vec<usize>,
    /// Members that are made of columns, after those that are copied.
    pub attributes: Vec<Attribute>,
}

/// What a partition key is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum MappedKey {
    /// Schema and table.
    SchemaTable,
    /// The primary key.
    PrimaryKey,
    /// Always this.
    Constant(String),
    /// The column with this index.
    Column(usize),
    /// The attribute with this index.
    Attribute(usize),
}

/// A member that is made of columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: AttributeValue,
}

/// A value that is made of columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum AttributeValue {
    /// A text.
    Text(Vec<TextPart>),
    /// A number, a boolean or null, as it is written.
    Literal(String),
    /// An object.
    Object(Vec<Attribute>),
    /// A list.
    List(Vec<AttributeValue>),
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum TextPart {
    /// As it stands.
    Fixed(String),
    /// The text of the column with this index.
    Column(usize),
}

/// White space and punctuation of a member or element.
const PUNCTUATION_BYTES: u64 = 12;

impl Attribute {
    fn weight(&self) -> (u64, u64) {
        let (bytes, copies) = self.value.weight();
        (bytes + length(&self.name), copies)
    }
}

impl AttributeValue {
    fn weight(&self) -> (u64, u64) {
        let parts: Vec<_> = match self {
            Self::Text(parts) => {
                let parts = parts.iter().map(|part| match part {
                    TextPart::Fixed(text) => (length(text), 0),
                    TextPart::Column(_) => (0, 1),
                });
                parts.collect()
            }
            Self::Literal(text) => vec![(length(text), 0)],
            Self::Object(members) => members.iter().map(Attribute::weight).collect(),
            Self::List(values) => values.iter().map(Self::weight).collect(),
        };
        let parts = parts.into_iter();
        parts.fold((PUNCTUATION_BYTES, 0), |sum, part| {
            (sum.0 + part.0, sum.1 + part.1)
        })
    }
}

fn length(text: &str) -> u64 {
    saturate::to_u64(text.len())
}

/// A table as its rules leave it, with the names its columns had.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) definition: &'a Table,
    pub(super) output: &'a Table,
    pub(super) columns: &'a [MappedColumn],
}

impl Named<'_> {
    /// The index of a column: by its new name, by the name the definition gives it, and then, as DMS's own example
    /// needs it, by a name that differs only in upper and lower case.
    pub(super) fn index_of(&self, name: &str) -> Option<usize> {
        let (exact, loose): (IsSame, IsSame) = (str::eq, str::eq_ignore_ascii_case);
        self.by_new_name(name, exact)
            .or_else(|| self.by_old_name(name, exact))
            .or_else(|| self.by_new_name(name, loose))
            .or_else(|| self.by_old_name(name, loose))
    }

    fn by_new_name(&self, name: &str, is_same: IsSame) -> Option<usize> {
        let mut columns = self.output.columns.iter();
        columns.position(|column| is_same(&column.name, name))
    }

    fn by_old_name(&self, name: &str, is_same: IsSame) -> Option<usize> {
        self.columns.iter().position(|column| match column.source {
            ColumnSource::Column(index) => {
                let defined = self.definition.columns.get(index);
                defined.is_some_and(|column| is_same(&column.name, name))
            }
            ColumnSource::Expression(_) | ColumnSource::Nothing => false,
        })
    }
}

/// Whether two names are the same.
type IsSame = fn(&str, &str) -> bool;

impl ObjectMapping {
    /// What the attributes add to a message: bytes that are always the same, and how often values of columns are
    /// written once more.
    pub fn weight(&self) -> (u64, u64) {
        let parts = self.attributes.iter().map(Attribute::weight);
        parts.fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
    }

    /// The mapping of a rule for a table; what is wrong with it is in the report.
    pub(super) fn compile(rule: &ObjectMappingRule, table: Named<'_>, report: &mut Report) -> Self {
        let mut excluded = Vec::with_capacity(rule.excluded_columns.len());
        for (name, place) in &rule.excluded_columns {
            match table.index_of(name) {
                Some(index) => excluded.push(index),
                None => unknown_column(name, *place, table, report),
            }
        }
        let attributes: Vec<_> = rule
            .attributes
            .iter()
            .map(|attribute| Attribute {
                name: attribute.name.clone(),
                value: value(&attribute.value, table, report),
            })
            .collect();
        if rule.shape == RecordShape::Record {
            // The attribute takes the place of the column of its name: a consumer would see one of them.
            for attribute in &attributes {
                let mut columns = table.output.columns.iter();
                let column = columns.position(|column| column.name == attribute.name);
                excluded.extend(column.filter(|index| !excluded.contains(index)));
            }
        }
        let mapping = Self {
            shape: rule.shape,
            key: None,
            excluded,
            attributes,
        };
        mapping.check_names(rule, table, report);
        let key = rule
            .partition_key
            .as_ref()
            .and_then(|choice| mapping.key(choice, rule.head.place, table, report));
        Self { key, ..mapping }
    }

    fn key(
        &self,
        choice: &PartitionKeyChoice,
        place: DocumentPlace,
        table: Named<'_>,
        report: &mut Report,
    ) -> Option<MappedKey> {
        match choice {
            PartitionKeyChoice::SchemaTable => Some(MappedKey::SchemaTable),
            PartitionKeyChoice::PrimaryKey => {
                if table.output.primary_key().next().is_none() {
                    let message = format!(
                        "`partition-key-type` is primary-key, and {} has no primary key; mark its columns with \
                         `ColumnIsPk`, or add a `define-primary-key` rule",
                        table.definition.full_name()
                    );
                    report.error(place, message);
                }
                Some(MappedKey::PrimaryKey)
            }
            PartitionKeyChoice::Constant(text) => Some(MappedKey::Constant(text.clone())),
            PartitionKeyChoice::Attribute(name, place) => self.named_key(name, *place, table, report),
        }
    }

    /// The attribute of a name, or else the column.
    fn named_key(
        &self,
        name: &str,
        place: DocumentPlace,
        table: Named<'_>,
        report: &mut Report,
    ) -> Option<MappedKey> {
        let mut attributes = self.attributes.iter().enumerate();
        let Some((index, attribute)) = attributes.find(|(_, attribute)| attribute.name == name) else {
            let column = table.index_of(name).map(MappedKey::Column);
            if column.is_none() {
                unknown_column(name, place, table, report);
            }
            return column;
        };
        match attribute.value {
            AttributeValue::Text(_) => Some(MappedKey::Attribute(index)),
            AttributeValue::Object(_) | AttributeValue::List(_) | AttributeValue::Literal(_) => {
                let message = format!(
                    "`partition-key-name` is {name:?}, which is a document; a partition key is made of a scalar"
                );
                report.error(place, message);
                None
            }
        }
    }

    /// Refuses two members of one name: a consumer would see one of them.
    fn check_names(&self, rule: &ObjectMappingRule, table: Named<'_>, report: &mut Report) {
        let mut names: HashSet<&str> = match self.shape {
            RecordShape::Record => HashSet::new(),
            RecordShape::Document => HashSet::from(["_doc"]),
        };
        for attribute in &rule.attributes {
            if !names.insert(&attribute.name) {
                let message = format!(
                    "the messages of {} would have two members {:?}; rename one of the attributes",
                    table.definition.full_name(),
                    attribute.name
                );
                report.error(attribute.place, message);
            }
        }
    }
}

fn value(template: &ValueTemplate, table: Named<'_>, report: &mut Report) -> AttributeValue {
    match template {
        ValueTemplate::Text(text, place) => AttributeValue::Text(parts(text, *place, table, report)),
        ValueTemplate::Literal(text) => AttributeValue::Literal(text.clone()),
        ValueTemplate::Object(members) => {
            let members = members.iter().map(|(name, template)| Attribute {
                name: name.clone(),
                value: value(template, table, report),
            });
            AttributeValue::Object(members.collect())
        }
        ValueTemplate::List(templates) => AttributeValue::List(
            templates
                .iter()
                .map(|template| value(template, table, report))
                .collect(),
        ),
    }
}

/// Takes a text apart at its `${column}`s.
fn parts(text: &str, place: DocumentPlace, table: Named<'_>, report: &mut Report) -> Vec<TextPart> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("${") {
        let Some((name, after)) = behind.split_once('}') else {
            let message = format!("{text:?} opens `${{` and does not close it; add the `}}`");
            report.error(place, message);
            return parts;
        };
        if !before.is_empty() {
            parts.push(TextPart::Fixed(before.to_owned()));
        }
        match table.index_of(name) {
            Some(index) => parts.push(TextPart::Column(index)),
            None => unknown_column(name, place, table, report),
        }
        rest = after;
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(TextPart::Fixed(rest.to_owned()));
    }
    parts
}

fn unknown_column(name: &str, place: DocumentPlace, table: Named<'_>, report: &mut Report) {
    let names = table.output.columns.iter().map(|column| column.name.as_str());
    let names: Vec<_> = names.collect();
    let message = format!(
        "{} has no column {name:?}; it has {}",
        table.definition.full_name(),
        names.join(", ")
    );
    report.error(place, message);
}
