//! The rules of a table mapping document, each checked by itself. Pure: no I/O, no clock.

use super::mask::Mask;
use super::object_mapping::RecordShape;
use super::pattern::Pattern;
use crate::model::{Column, ColumnType, Table};
use crate::settings::DocumentPlace;

/// All rules that have an effect here, each kind by rule id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Which tables are read.
    pub selections: Vec<SelectionRule>,
    /// What they, and their columns, are called and hold.
    pub transformations: Vec<TransformationRule>,
    /// What the messages look like.
    pub object_mappings: Vec<ObjectMappingRule>,
}

/// Which rule it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleHead {
    /// `rule-id`.
    pub id: u64,
    /// Where the rule stands.
    pub place: DocumentPlace,
}

/// The tables that a rule speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locator {
    /// `schema-name`.
    pub schema: Pattern,
    /// `table-name`.
    pub table: Pattern,
}

impl Locator {
    /// Whether a table fits.
    pub fn matches(&self, owner: &str, name: &str) -> bool {
        self.schema.matches(owner) && self.table.matches(name)
    }

    /// Whether it is exactly the name of a table, wildcards taken literally.
    pub fn is_exactly(&self, owner: &str, name: &str) -> bool {
        self.schema.is_exactly(owner) && self.table.is_exactly(name)
    }

    /// Whether several names fit one of its patterns.
    pub fn has_wildcard(&self) -> bool {
        self.schema.has_wildcard() || self.table.has_wildcard()
    }
}

/// Which tables are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectionRule {
    /// Which rule it is.
    pub head: RuleHead,
    /// What it does with the tables that fit.
    pub action: SelectionAction,
    /// The tables.
    pub locator: Locator,
    /// Tables with a higher one are loaded first.
    pub load_order: u32,
    /// Which of their rows are sent.
    pub filters: Vec<SourceFilter>,
}

/// What a selection rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectionAction {
    /// Tables that fit are read.
    Include,
    /// Tables that fit are not read, whatever other rules say.
    Exclude,
    /// The table of exactly this name is read.
    Explicit,
}

/// A filter on one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFilter {
    /// Where it stands.
    pub place: DocumentPlace,
    /// `column-name`.
    pub column: String,
    /// Its conditions, at least one.
    pub conditions: Vec<FilterCondition>,
}

/// One condition of a filter, with its values as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterCondition {
    /// Where it stands.
    pub place: DocumentPlace,
    /// What has to hold.
    pub test: Test<String>,
}

/// What has to hold of a value; `V` is what it is compared with.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub enum Test<V> {
    /// `lte`, `ste`
    AtMost(V),
    /// `gte`
    AtLeast(V),
    /// `eq`
    Equal(V),
    /// `noteq`
    NotEqual(V),
    /// `between`: both ends included.
    Between(V, V),
    /// `notbetween`: both ends excluded.
    NotBetween(V, V),
    /// `null`
    Null,
    /// `notnull`
    NotNull,
}

impl<V> Test<V> {
    /// Whether it is a negative form, which never lets NULL pass and always has to hold.
    pub fn is_negative(&self) -> bool {
        match self {
            Self::NotEqual(_) | Self::NotBetween(..) | Self::NotNull => true,
            Self::AtMost(_) | Self::AtLeast(_) | Self::Equal(_) | Self::Between(..) | Self::Null => false,
        }
    }

    /// The same test of other values.
    ///
    /// # Errors
    /// The first error of `change`.
    pub fn try_map<W, E>(&self, mut change: impl FnMut(&V) -> Result<W, E>) -> Result<Test<W>, E> {
        Ok(match self {
            Self::AtMost(value) => Test::AtMost(change(value)?),
            Self::AtLeast(value) => Test::AtLeast(change(value)?),
            Self::Equal(value) => Test::Equal(change(value)?),
            Self::NotEqual(value) => Test::NotEqual(change(value)?),
            Self::Between(start, end) => Test::Between(change(start)?, change(end)?),
            Self::NotBetween(start, end) => Test::NotBetween(change(start)?, change(end)?),
            Self::Null => Test::Null,
            Self::NotNull => Test::NotNull,
        })
    }
}

/// What tables and columns are called and hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransformationRule {
    /// Which rule it is.
    pub head: RuleHead,
    /// The tables.
    pub locator: Locator,
    /// What of them it changes.
    pub change: Change,
}

impl TransformationRule {
    /// Whether it speaks of a table, its columns or its schema; a schema has no table name.
    pub fn speaks_of(&self, table: &Table) -> bool {
        match self.change {
            Change::Schema(_) => self.locator.schema.matches(&table.owner),
            Change::Table(_) | Change::PrimaryKey(_) | Change::Column { .. } | Change::AddColumn { .. } => {
                self.locator.matches(&table.owner, &table.name)
            }
        }
    }

    /// The rule, if it is one about columns of the definition.
    pub(super) fn of_columns(&self) -> Option<ColumnRule<'_>> {
        match &self.change {
            Change::Column {
                name,
                data_type,
                action,
            } => Some(ColumnRule {
                head: self.head,
                name,
                action,
                data_type: data_type.as_deref(),
            }),
            Change::Schema(_) | Change::Table(_) | Change::PrimaryKey(_) | Change::AddColumn { .. } => None,
        }
    }
}

/// A rule about columns of the definition.
#[derive(Debug, Clone, Copy)]
pub(super) struct ColumnRule<'a> {
    pub(super) head: RuleHead,
    pub(super) name: &'a Pattern,
    pub(super) action: &'a ColumnAction,
    data_type: Option<&'a str>,
}

impl ColumnRule<'_> {
    pub(super) fn speaks_of(&self, column: &Column) -> bool {
        self.fits(&column.name, column.column_type)
    }

    /// Whether it speaks of a column of this name and type.
    pub(super) fn fits(&self, name: &str, column_type: ColumnType) -> bool {
        let is_type = self.data_type.is_none_or(|known| column_type.dms_name() == known);
        is_type && self.name.matches(name)
    }

    /// Whether it is there to hide something.
    pub(super) fn hides(&self) -> bool {
        matches!(self.action, ColumnAction::Mask(_))
    }
}

/// What a transformation rule changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The name of the schema.
    Schema(Naming),
    /// The name of the table.
    Table(Naming),
    /// The columns that make the primary key.
    PrimaryKey(Vec<String>),
    /// Columns of the definition.
    Column {
        /// Their names.
        name: Pattern,
        /// Only those of this type, as DMS calls it.
        data_type: Option<String>,
        /// What is done with them.
        action: ColumnAction,
    },
    /// A new column.
    AddColumn {
        /// Its name.
        name: String,
        /// Its type.
        column_type: ColumnType,
        /// What it holds; without one it is NULL.
        expression: Option<String>,
        /// `column-name`: the column that it is about, if it is about one.
        about: Option<String>,
    },
}

/// What is done with a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnAction {
    /// It is called something else.
    Name(Naming),
    /// It is left out.
    Remove,
    /// It, and other columns included, are all there is.
    Include,
    /// It has another type.
    Retype(ColumnType),
    /// It is hidden.
    Mask(Mask),
}

/// What something is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Naming {
    /// This.
    Rename(String),
    /// What an expression says.
    Expression(String),
    /// Its name in lower case.
    Lowercase,
    /// Its name in upper case.
    Uppercase,
    /// Its name with a prefix.
    AddPrefix(String),
    /// Its name without a prefix.
    RemovePrefix(String),
    /// Its name with another prefix.
    ReplacePrefix {
        /// What stands there.
        old: String,
        /// What shall stand there.
        new: String,
    },
    /// Its name with a suffix.
    AddSuffix(String),
    /// Its name without a suffix.
    RemoveSuffix(String),
    /// Its name with another suffix.
    ReplaceSuffix {
        /// What stands there.
        old: String,
        /// What shall stand there.
        new: String,
    },
}

/// What the messages of a table look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMappingRule {
    /// Which rule it is.
    pub head: RuleHead,
    /// The tables.
    pub locator: Locator,
    /// Where columns go that are not mapped.
    pub shape: RecordShape,
    /// What the table is called in its messages.
    pub target_table_name: Option<String>,
    /// What the partition key is made of.
    pub partition_key: Option<PartitionKeyChoice>,
    /// Columns that are not copied.
    pub excluded_columns: Vec<(String, DocumentPlace)>,
    /// Members that are made of columns.
    pub attributes: Vec<AttributeRule>,
}

/// What the partition key is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionKeyChoice {
    /// `schema-table`
    SchemaTable,
    /// `primary-key`
    PrimaryKey,
    /// `constant`, or the `value` of an older document.
    Constant(String),
    /// `attribute-name`: the attribute or column of this name.
    Attribute(String, DocumentPlace),
}

/// A member that is made of columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeRule {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: DocumentPlace,
    /// Its value.
    pub value: ValueTemplate,
}

/// A value with `${column}` in its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueTemplate {
    /// A text.
    Text(String, DocumentPlace),
    /// A number, a boolean or null, as it is written.
    Literal(String),
    /// An object.
    Object(Vec<(String, ValueTemplate)>),
    /// A list.
    List(Vec<ValueTemplate>),
}
