//! Transformation rules. Pure: no I/O, no clock.

use super::super::super::tree::{Node, Value, quoted};
use super::super::columns::{DATETIME_SCALE_MAX, LENGTH_MAX, NUMERIC_SCALE_MAX, PRECISION_MAX, small};
use super::super::members::Members;
use super::{INVALID, locator_members};
use crate::map::mask::Mask;
use crate::map::pattern::Pattern;
use crate::map::rules::{Change, ColumnAction, Locator, Naming, RuleHead, TransformationRule};
use crate::model::ColumnType;
use crate::settings::problems::Report;

const MEMBERS: &[&str] = &[
    "rule-type",
    "rule-id",
    "rule-name",
    "rule-target",
    "rule-action",
    "object-locator",
    "value",
    "old-value",
    "data-type",
    "expression",
    "primary-key-def",
    "before-image-def",
];
const LOCATOR: &[&str] = &[
    "schema-name",
    "table-name",
    "column-name",
    "data-type",
    "table-tablespace-name",
    "index-tablespace-name",
];
const TARGETS: &[&str] = &[
    "schema",
    "table",
    "column",
    "table-tablespace",
    "index-tablespace",
];
/// The actions that give a name.
const NAMINGS: &[&str] = &[
    "rename",
    "convert-lowercase",
    "convert-uppercase",
    "add-prefix",
    "remove-prefix",
    "replace-prefix",
    "add-suffix",
    "remove-suffix",
    "replace-suffix",
];
/// The actions that give no name.
const OTHER_ACTIONS: &[&str] = &[
    "add-column",
    "include-column",
    "remove-column",
    "define-primary-key",
    "change-data-type",
    "add-before-image-columns",
    "data-masking-digits-mask",
    "data-masking-digits-randomize",
    "data-masking-hash-mask",
];
const DATA_TYPES: &[&str] = &[
    "bytes", "date", "time", "datetime", "int1", "int2", "int4", "int8", "numeric", "real4", "real8",
    "string", "uint1", "uint2", "uint4", "uint8", "wstring", "blob", "nclob", "clob", "boolean",
];
const FOREIGN_DATA_TYPES: &[&str] = &["set", "list", "map", "tuple"];
/// Fraction digits of a DATETIME that a rule gives no scale: DMS does not say, and microseconds cut hardly anything.
const DATETIME_SCALE_USUAL: u64 = 6;

/// Reads a transformation rule; `None` also for one that is about something else than streams.
pub(super) fn read(members: &Members<'_>, head: RuleHead, report: &mut Report) -> Option<TransformationRule> {
    members.warn_unknown(MEMBERS, report);
    let target = members.word("rule-target", TARGETS, INVALID, report);
    let action = members.word("rule-action", &[NAMINGS, OTHER_ACTIONS].concat(), INVALID, report);
    let object_locator = locator_members(members, head, LOCATOR, report);
    let target = target?;
    if target.ends_with("tablespace") {
        let message = format!(
            "rule {} has no effect here: it is about {target}s of Oracle",
            head.id
        );
        report.warning(head.place, message);
        return None;
    }
    let work = Work {
        members,
        locator: object_locator?,
        head,
        target,
    };
    let locator = work.tables(report);
    let change = work.change(action?, report);
    Some(TransformationRule {
        head,
        locator: locator?,
        change: change?,
    })
}

struct Work<'a> {
    members: &'a Members<'a>,
    locator: Members<'a>,
    head: RuleHead,
    target: &'static str,
}

impl Work<'_> {
    /// The tables; a rule about a schema needs no table name.
    fn tables(&self, report: &mut Report) -> Option<Locator> {
        let schema = self.locator.text("schema-name", report).map(Pattern::new);
        let table = if self.target == "schema" && self.locator.node("table-name").is_none() {
            Some(Pattern::any())
        } else {
            self.locator.text("table-name", report).map(Pattern::new)
        };
        Some(Locator {
            schema: schema?,
            table: table?,
        })
    }

    fn change(&self, action: &str, report: &mut Report) -> Option<Change> {
        if NAMINGS.contains(&action) {
            let naming = self.naming(action, report)?;
            return match self.target {
                "schema" => Some(Change::Schema(naming)),
                "table" => Some(Change::Table(naming)),
                _ => self.column(ColumnAction::Name(naming), report),
            };
        }
        let target = if action == "define-primary-key" {
            "table"
        } else {
            "column"
        };
        if self.target != target {
            let message = format!(
                "{}.rule-action {action} is one for the rule-target {target}, not {}; correct one of them",
                self.members.path, self.target
            );
            report.error(self.members.place_of("rule-target"), message);
            return None;
        }
        match action {
            "define-primary-key" => self.primary_key(report),
            "add-column" => self.add_column(report),
            "remove-column" => self.column(ColumnAction::Remove, report),
            "include-column" => self.column(ColumnAction::Include, report),
            "change-data-type" => {
                let column_type = self.data_type(report)?;
                self.column(ColumnAction::Retype(column_type), report)
            }
            "data-masking-digits-mask" => {
                let mask = Mask::Digits(self.mask_character(report)?);
                self.column(ColumnAction::Mask(mask), report)
            }
            "data-masking-digits-randomize" => self.column(ColumnAction::Mask(Mask::RandomDigits), report),
            "data-masking-hash-mask" => self.column(ColumnAction::Mask(Mask::Hash), report),
            _ => {
                let message = format!(
                    "{}.rule-action {action} needs the values of a row before its change, which files do not have; take the \
                     rule out",
                    self.members.path
                );
                report.error(self.members.place_of("rule-action"), message);
                None
            }
        }
    }

    fn column(&self, action: ColumnAction, report: &mut Report) -> Option<Change> {
        let name = self.locator.text("column-name", report)?;
        let data_type = match self.locator.node("data-type") {
            None => None,
            Some(_) => Some(self.locator.text("data-type", report)?.to_ascii_lowercase()),
        };
        Some(Change::Column {
            name: Pattern::new(name),
            data_type: data_type.map(canonical),
            action,
        })
    }

    fn naming(&self, action: &str, report: &mut Report) -> Option<Naming> {
        let text = |name: &str, report: &mut Report| self.members.text(name, report).map(str::to_owned);
        Some(match action {
            "rename" => match self.members.node("expression") {
                Some(_) => Naming::Expression(text("expression", report)?),
                None => Naming::Rename(text("value", report)?),
            },
            "convert-lowercase" => Naming::Lowercase,
            "convert-uppercase" => Naming::Uppercase,
            "add-prefix" => Naming::AddPrefix(text("value", report)?),
            "remove-prefix" => Naming::RemovePrefix(text("value", report)?),
            "add-suffix" => Naming::AddSuffix(text("value", report)?),
            "remove-suffix" => Naming::RemoveSuffix(text("value", report)?),
            _ => {
                let (old, new) = (text("old-value", report), text("value", report));
                if action == "replace-prefix" {
                    Naming::ReplacePrefix { old: old?, new: new? }
                } else {
                    Naming::ReplaceSuffix { old: old?, new: new? }
                }
            }
        })
    }

    fn primary_key(&self, report: &mut Report) -> Option<Change> {
        let tables = self.tables(report)?;
        if tables.has_wildcard() {
            let message = format!(
                "{} defines a primary key for names with `%`; DMS needs exact names: write one rule per table",
                self.members.path
            );
            report.error(self.members.place_of("object-locator"), message);
        }
        let Some(node) = self.members.node("primary-key-def") else {
            let message = format!("{} has no `primary-key-def`; add it", self.members.path);
            report.error(self.head.place, message);
            return None;
        };
        let path = format!("{}.primary-key-def", self.members.path);
        let definition = Members::of(node, path, &["name", "origin", "columns"], report)?;
        if definition.node("origin").is_some() {
            definition.word("origin", &["primary-key", "unique-index"], INVALID, report)?;
        }
        let names = definition.texts("columns", report)?;
        Some(Change::PrimaryKey(
            names.into_iter().map(|(name, _)| name).collect(),
        ))
    }

    fn add_column(&self, report: &mut Report) -> Option<Change> {
        let name = self.members.text("value", report);
        let column_type = self.data_type(report);
        let expression = match self.members.node("expression") {
            None => None,
            Some(_) => Some(self.members.text("expression", report)?.to_owned()),
        };
        let about = match self.locator.node("column-name") {
            Some(Node {
                value: Value::Text(name),
                ..
            }) => Some(name.clone()),
            Some(_) | None => None,
        };
        Some(Change::AddColumn {
            name: name?.to_owned(),
            column_type: column_type?,
            expression,
            about,
        })
    }

    /// One printable ASCII character other than a space.
    fn mask_character(&self, report: &mut Report) -> Option<char> {
        let given = self.members.text("value", report)?;
        let mut characters = given.chars();
        let first = characters.next().filter(char::is_ascii_graphic);
        let found = first.filter(|_| characters.next().is_none());
        if found.is_none() {
            let message = format!(
                "{}.value is {}; allowed: one printable ASCII character other than a space",
                self.members.path,
                quoted(given)
            );
            report.error(self.members.place_of("value"), message);
        }
        found
    }

    fn data_type(&self, report: &mut Report) -> Option<ColumnType> {
        let Some(node) = self.members.node("data-type") else {
            let message = format!(
                "{} has no `data-type`; add one, for example {{\"type\": \"string\", \"length\": 50}}",
                self.members.path
            );
            report.error(self.head.place, message);
            return None;
        };
        let path = format!("{}.data-type", self.members.path);
        let known = ["type", "length", "precision", "scale"];
        let definition = Members::of(node, path, &known, report)?;
        let given = definition.text("type", report)?;
        if FOREIGN_DATA_TYPES.contains(&given) {
            let message = format!(
                "{}.type {given} is one of other targets; use string",
                definition.path
            );
            report.error(definition.place_of("type"), message);
            return None;
        }
        // Rules and definitions write them differently, and both are copied from one another.
        let small = canonical(given.to_ascii_lowercase());
        let name = match DATA_TYPES.iter().find(|known| **known == small) {
            Some(name) => name,
            None => definition.word("type", DATA_TYPES, INVALID, report)?,
        };
        column_type(name, &definition, report)
    }
}

/// The name of a type as tables have it.
fn canonical(name: String) -> String {
    match name.as_str() {
        "wstring" => "string".to_owned(),
        "nclob" => "clob".to_owned(),
        "byte" => "bytes".to_owned(),
        _ => name,
    }
}

/// The types that have no length, precision or scale.
fn plain_type(name: &str) -> Option<ColumnType> {
    Some(match name {
        "int1" => ColumnType::Int1,
        "int2" => ColumnType::Int2,
        "int4" => ColumnType::Int4,
        "int8" => ColumnType::Int8,
        "uint1" => ColumnType::Uint1,
        "uint2" => ColumnType::Uint2,
        "uint4" => ColumnType::Uint4,
        "uint8" => ColumnType::Uint8,
        "real4" => ColumnType::Real4,
        "real8" => ColumnType::Real8,
        "boolean" => ColumnType::Boolean,
        "date" => ColumnType::Date { format: None },
        "time" => ColumnType::Time { format: None },
        "blob" => ColumnType::Blob,
        "clob" | "nclob" => ColumnType::Clob,
        _ => return None,
    })
}

fn column_type(name: &str, definition: &Members<'_>, report: &mut Report) -> Option<ColumnType> {
    // DMS's own examples have empty texts where nothing is meant.
    let is_given = |member: &str| match definition.node(member).map(|node| &node.value) {
        None => false,
        Some(Value::Text(text)) => !text.is_empty(),
        Some(Value::Null | Value::Boolean(_) | Value::Number(_) | Value::List(_) | Value::Map(_)) => true,
    };
    let mut number = |member: &str, minimum, maximum, usual: Option<u64>| {
        if is_given(member) {
            return definition.number(member, minimum, maximum, report);
        }
        if usual.is_none() {
            let message = format!("{} is {name} without `{member}`; add it", definition.path);
            report.error(definition.place, message);
        }
        usual
    };
    if let Some(column_type) = plain_type(name) {
        return Some(column_type);
    }
    Some(match name {
        "datetime" => ColumnType::DateTime {
            scale: small(number(
                "scale",
                0,
                DATETIME_SCALE_MAX,
                Some(DATETIME_SCALE_USUAL),
            )?)?,
            format: None,
        },
        "numeric" => {
            let precision = number("precision", 1, PRECISION_MAX, None)?;
            let scale = number("scale", 0, NUMERIC_SCALE_MAX.min(precision), Some(0))?;
            ColumnType::Numeric {
                precision: small(precision)?,
                scale: small(scale)?,
            }
        }
        "bytes" => ColumnType::Byte {
            length: u32::try_from(number("length", 1, LENGTH_MAX, None)?).ok()?,
        },
        _ => ColumnType::String {
            length: u32::try_from(number("length", 0, LENGTH_MAX, Some(0))?)
                .ok()
                .filter(|length| *length > 0),
        },
    })
}
