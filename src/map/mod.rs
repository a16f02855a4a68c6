//! What the table mappings of DMS make of tables and rows: which tables are read, which of their rows are sent, and
//! what the messages of those look like.
//!
//! Rules and table definition are brought together once, when the configuration is loaded ([`plan`]). What comes out is
//! one [`TableMapping`] per table that a rule changes, in which every name is an index already; a table that no rule
//! changes has none, and costs nothing.

pub mod decimal;
pub mod expression;
pub mod filter;
mod key;
pub mod mask;
mod masking;
mod naming;
pub mod object_mapping;
pub mod pattern;
pub mod plan;
pub mod retype;
pub mod rules;
pub mod selection;
mod shown;
pub mod summary;
pub mod transform;

use serde::Serialize;

use self::filter::RowFilter;
use self::mask::Mask;
use self::object_mapping::ObjectMapping;
use crate::model::{Table, TableIndex};

/// What the rules make of the tables of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mappings {
    /// By table of the task; `None` for one that is sent as it is defined.
    pub tables: Vec<Option<TableMapping>>,
    /// `load-order` by table of the task: a table with a higher one is loaded first.
    pub load_orders: Vec<u32>,
    /// Tables of the definition that no rule selects: they are not read, and their changes are left out.
    pub unselected: Vec<TableName>,
}

/// The name of a table, as the definition gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TableName {
    /// Schema name (`TableOwner`).
    pub owner: String,
    /// Table name.
    pub name: String,
}

impl TableName {
    /// The name of a table.
    pub fn of(table: &Table) -> Self {
        Self {
            owner: table.owner.clone(),
            name: table.name.clone(),
        }
    }

    /// `schema.table`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.owner, self.name)
    }
}

/// What the rules make of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableMapping {
    /// The table as its messages show it: names, columns, types and primary key.
    pub output: Table,
    /// Where the columns of `output` come from, in their order.
    pub columns: Vec<MappedColumn>,
    /// A row is sent if all of them let it pass.
    pub filters: Vec<RowFilter>,
    /// The shape of its messages, if a rule gives one.
    pub object: Option<ObjectMapping>,
}

/// Where a column of a message comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MappedColumn {
    /// Its source.
    pub source: ColumnSource,
    /// Whether its type is another one than that of the source.
    pub is_retyped: bool,
    /// What hides it.
    pub mask: Option<Mask>,
}

/// The source of a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum ColumnSource {
    /// The column of the definition with this index.
    Column(usize),
    /// An expression over the columns of the definition.
    Expression(String),
    /// Nothing: it is NULL.
    Nothing,
}

impl Mappings {
    /// The mappings of a task without rules: every table is sent as it is defined.
    pub fn none(tables: &[Table]) -> Self {
        Self {
            tables: tables.iter().map(|_| None).collect(),
            load_orders: vec![0; tables.len()],
            unselected: Vec::new(),
        }
    }

    /// What the rules make of a table, if they change it.
    pub fn of(&self, table: TableIndex) -> Option<&TableMapping> {
        self.tables.get(table.0)?.as_ref()
    }

    /// The table as its messages show it.
    pub fn output<'a>(&'a self, table: TableIndex, definition: &'a Table) -> &'a Table {
        self.of(table).map_or(definition, |mapping| &mapping.output)
    }

    /// All tables of a task as their messages show them.
    pub fn outputs(&self, tables: &[Table]) -> Vec<Table> {
        let tables = tables.iter().enumerate();
        tables
            .map(|(index, table)| self.output(TableIndex(index), table).clone())
            .collect()
    }

    /// Whether the rules change anything: what is read, or what is sent of it.
    pub fn has_effect(&self) -> bool {
        !self.unselected.is_empty()
            || self.tables.iter().any(Option::is_some)
            || self.load_orders.iter().any(|order| *order > 0)
    }

    /// Whether a column of some table holds the value of an expression.
    pub fn has_expressions(&self) -> bool {
        let columns = self.tables.iter().flatten().flat_map(|table| &table.columns);
        columns
            .into_iter()
            .any(|column| matches!(column.source, ColumnSource::Expression(_)))
    }

    /// The tables of a task in the order in which they are to be loaded.
    pub fn in_load_order(&self, tables_count: usize) -> Vec<TableIndex> {
        let mut order: Vec<_> = (0..tables_count).map(TableIndex).collect();
        order.sort_by_key(|table| std::cmp::Reverse(self.load_orders.get(table.0).copied().unwrap_or(0)));
        order
    }
}
