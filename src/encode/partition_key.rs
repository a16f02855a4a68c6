//! Which partition key a record gets: DMS's default keys, or that of an object mapping. Pure: no I/O, no clock.
//!
//! By default, a full load uses the primary key, its values joined by dots; a table without one uses `schema.table`.
//! Change records use `schema.table`, or the primary key if so configured.

use std::str;

use sha2::{Digest, Sha256};

use crate::hex;
use crate::limits::{PARTITION_KEY_CHARACTERS_MAX, partition_key_length};
use crate::map::object_mapping::MappedKey;
use crate::model::{Operation, Table};
use crate::settings::{ChangePartitionKey, MessageConfig};
use crate::value::convert::ValueProblem;

/// What a partition key is made of; becomes `metadata.partition-key-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionKeyType {
    /// The values of the primary key.
    PrimaryKey,
    /// Schema and table name.
    SchemaTable,
    /// Always the same, by a rule.
    Constant,
    /// One attribute or column, by a rule.
    AttributeName,
}

impl PartitionKeyType {
    /// The text of `metadata.partition-key-type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PrimaryKey => "primary-key",
            Self::SchemaTable => "schema-table",
            Self::Constant => "constant",
            Self::AttributeName => "attribute-name",
        }
    }

    /// Whether `metadata.partition-key-value` shows it, where that is asked for.
    pub fn shows_value(self) -> bool {
        self != Self::SchemaTable
    }
}

/// How the keys of one table and operation are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionKeyRule {
    /// What they are made of.
    pub key_type: PartitionKeyType,
    /// The attribute that is the key, if one is.
    pub attribute: Option<usize>,
    /// What stands before the values; the whole key if there are none.
    prefix: String,
}

impl PartitionKeyRule {
    /// The rule by DMS's defaults.
    pub fn new(table: &Table, operation: Operation, message: &MessageConfig) -> Self {
        let wants_primary_key = match operation {
            Operation::Load => true,
            Operation::Insert | Operation::Update | Operation::Delete => {
                message.change_partition_key == ChangePartitionKey::PrimaryKey
            }
        };
        if !wants_primary_key || table.primary_key().next().is_none() {
            return Self::by_table(table);
        }
        Self::by_primary_key(table, message)
    }

    /// The rule by an object mapping, or else by the defaults; `table` is the table as its messages show it.
    pub fn mapped(
        table: &Table,
        operation: Operation,
        message: &MessageConfig,
        key: Option<&MappedKey>,
    ) -> Self {
        match key {
            None => Self::new(table, operation, message),
            Some(MappedKey::SchemaTable) => Self::by_table(table),
            Some(MappedKey::PrimaryKey) => Self::by_primary_key(table, message),
            Some(MappedKey::Constant(text)) => Self {
                key_type: PartitionKeyType::Constant,
                attribute: None,
                prefix: text.clone(),
            },
            Some(MappedKey::Column(_)) => Self::by_attribute(None),
            Some(MappedKey::Attribute(index)) => Self::by_attribute(Some(*index)),
        }
    }

    fn by_table(table: &Table) -> Self {
        Self {
            key_type: PartitionKeyType::SchemaTable,
            attribute: None,
            prefix: table.full_name(),
        }
    }

    fn by_primary_key(table: &Table, message: &MessageConfig) -> Self {
        let prefix = if message.partition_include_schema_table {
            format!("{}.", table.full_name())
        } else {
            String::new()
        };
        Self {
            key_type: PartitionKeyType::PrimaryKey,
            attribute: None,
            prefix,
        }
    }

    fn by_attribute(attribute: Option<usize>) -> Self {
        Self {
            key_type: PartitionKeyType::AttributeName,
            attribute,
            prefix: String::new(),
        }
    }
}

/// Writes one key at the end of a buffer that holds the keys of many records.
#[derive(Debug)]
pub struct PartitionKeyWriter<'a> {
    keys: &'a mut Vec<u8>,
    start: usize,
    has_values: bool,
}

impl<'a> PartitionKeyWriter<'a> {
    /// Starts a key.
    pub fn new(rule: &PartitionKeyRule, keys: &'a mut Vec<u8>) -> Self {
        let start = keys.len();
        keys.extend_from_slice(rule.prefix.as_bytes());
        Self {
            keys,
            start,
            has_values: false,
        }
    }

    /// Adds the text of a primary-key value.
    pub fn add(&mut self, value: &[u8]) {
        if self.has_values {
            self.keys.push(b'.');
        }
        self.has_values = true;
        self.keys.extend_from_slice(value);
    }

    /// The key in full, as `metadata.partition-key-value` shows it.
    ///
    /// # Errors
    /// If it is empty, which the service refuses, or not UTF-8.
    pub fn full(&self) -> Result<&str, ValueProblem> {
        let key = self.keys.get(self.start..).unwrap_or_default();
        match str::from_utf8(key) {
            Ok("") => Err(ValueProblem::new(
                "empty_partition_key",
                "the values of the partition key are empty, and a partition key must not be",
            )),
            Ok(key) => Ok(key),
            Err(_) => Err(ValueProblem::new(
                "invalid_utf8",
                "the partition key is not UTF-8",
            )),
        }
    }

    /// Ends the key: one with more characters than the service takes becomes its SHA-256 in hexadecimal.
    ///
    /// # Errors
    /// As [`full`](Self::full).
    pub fn finish(self) -> Result<(), ValueProblem> {
        let shortened = shorten(self.full()?);
        if let Some(digest) = shortened {
            self.keys.truncate(self.start);
            self.keys.extend_from_slice(digest.as_bytes());
        }
        Ok(())
    }
}

/// What stands for a key that is too long for the service; `None` if it is not.
pub fn shorten(key: &str) -> Option<String> {
    let is_too_long =
        key.len() > PARTITION_KEY_CHARACTERS_MAX && partition_key_length(key) > PARTITION_KEY_CHARACTERS_MAX;
    is_too_long.then(|| hex::text(&Sha256::digest(key.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Column, ColumnType};

    fn table(keys_count: usize) -> Table {
        let columns = (0..3).map(|index| Column {
            name: format!("c{index}"),
            column_type: ColumnType::Int4,
            nullable: false,
            is_primary_key: index < keys_count,
        });
        Table {
            owner: "hr".into(),
            name: "employee".into(),
            path: "hr/employee/".into(),
            columns: columns.collect(),
        }
    }

    fn key(rule: &PartitionKeyRule, values: &[&str]) -> Result<String, &'static str> {
        let mut keys = b"earlier".to_vec();
        let mut writer = PartitionKeyWriter::new(rule, &mut keys);
        for value in values {
            writer.add(value.as_bytes());
        }
        writer.finish().map_err(|problem| problem.code)?;
        Ok(String::from_utf8(keys)
            .unwrap()
            .strip_prefix("earlier")
            .unwrap()
            .to_owned())
    }

    #[test]
    fn loads_use_the_primary_key_and_changes_the_table() {
        let default = MessageConfig::default();
        let applied_in_parallel = MessageConfig {
            change_partition_key: ChangePartitionKey::PrimaryKey,
            ..default.clone()
        };
        for (keys_count, operation, message, expected) in [
            (1, Operation::Load, &default, PartitionKeyType::PrimaryKey),
            (0, Operation::Load, &default, PartitionKeyType::SchemaTable),
            (1, Operation::Update, &default, PartitionKeyType::SchemaTable),
            (
                1,
                Operation::Delete,
                &applied_in_parallel,
                PartitionKeyType::PrimaryKey,
            ),
            (
                0,
                Operation::Insert,
                &applied_in_parallel,
                PartitionKeyType::SchemaTable,
            ),
        ] {
            let rule = PartitionKeyRule::new(&table(keys_count), operation, message);
            assert_eq!(
                rule.key_type, expected,
                "{operation:?} with {keys_count} key columns"
            );
        }
    }

    #[test]
    fn values_are_joined_by_dots_behind_the_prefix() {
        let plain = PartitionKeyRule::new(&table(2), Operation::Load, &MessageConfig::default());
        assert_eq!(key(&plain, &["1", "a.b"]).as_deref(), Ok("1.a.b"));
        assert_eq!(key(&plain, &["", "x"]).as_deref(), Ok(".x"));
        let message = MessageConfig {
            partition_include_schema_table: true,
            ..MessageConfig::default()
        };
        let prefixed = PartitionKeyRule::new(&table(1), Operation::Load, &message);
        assert_eq!(key(&prefixed, &["1"]).as_deref(), Ok("hr.employee.1"));
        let by_table = PartitionKeyRule::new(&table(0), Operation::Load, &message);
        assert_eq!(key(&by_table, &[]).as_deref(), Ok("hr.employee"));
    }

    #[test]
    fn an_empty_key_is_refused_and_a_long_one_hashed() {
        let rule = PartitionKeyRule::new(&table(1), Operation::Load, &MessageConfig::default());
        assert_eq!(key(&rule, &[""]), Err("empty_partition_key"));
        let longest = "é".repeat(PARTITION_KEY_CHARACTERS_MAX);
        assert_eq!(key(&rule, &[&longest]), Ok(longest.clone()));
        let too_long = "a".repeat(PARTITION_KEY_CHARACTERS_MAX + 1);
        let digest = key(&rule, &[&too_long]).unwrap();
        assert_eq!(digest.len(), 64);
        // The service counts UTF-16 units, and an emoji has two of them.
        let emoji = "\u{1f600}".repeat(PARTITION_KEY_CHARACTERS_MAX / 2);
        assert_eq!(key(&rule, &[&emoji]), Ok(emoji.clone()));
        let emoji = "\u{1f600}".repeat(200);
        assert_eq!(key(&rule, &[&emoji]).map(|key| key.len()), Ok(64));
        // A vector that DMS's guide gives for plain SHA-256 of the UTF-8 bytes.
        let vector = Sha256::digest(b"C6BGJ566669K");
        assert_eq!(vector[..4], [0x7C, 0xB0, 0x67, 0x84]);
    }
}
