//! What the rules do, in words: for `brigade validate`. Pure: no I/O, no clock.

use serde::Serialize;

use super::object_mapping::{ObjectMapping, RecordShape};
use super::{ColumnSource, Mappings, TableMapping};
use crate::model::{Table, TableIndex};

/// What the rules make of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableSummary {
    /// `schema.table`, as the definition names it.
    pub table: String,
    /// What its messages call it; `None` if it is not read.
    pub sent_as: Option<String>,
    /// What is done with its rows and columns, one thing each.
    pub changes: Vec<String>,
}

/// What the rules make of each table: those that are read in the order in which they are loaded, then the others.
pub fn summarize(mappings: &Mappings, tables: &[Table]) -> Vec<TableSummary> {
    let order = mappings.in_load_order(tables.len()).into_iter();
    let read = order.filter_map(|index| Some(summary(mappings, index, tables.get(index.0)?)));
    let left_out = mappings.unselected.iter().map(|table| TableSummary {
        table: table.full_name(),
        sent_as: None,
        changes: Vec::new(),
    });
    read.chain(left_out).collect()
}

fn summary(mappings: &Mappings, index: TableIndex, table: &Table) -> TableSummary {
    let mapping = mappings.of(index);
    TableSummary {
        table: table.full_name(),
        sent_as: Some(mappings.output(index, table).full_name()),
        changes: mapping.map(|mapping| changes(mapping, table)).unwrap_or_default(),
    }
}

fn changes(mapping: &TableMapping, table: &Table) -> Vec<String> {
    let mut changes = Vec::new();
    let filtered = mapping
        .filters
        .iter()
        .filter_map(|filter| table.columns.get(filter.column));
    let filtered: Vec<_> = filtered.map(|column| column.name.as_str()).collect();
    if !filtered.is_empty() {
        changes.push(format!("rows filtered by {}", filtered.join(" and ")));
    }
    let mut kept = vec![false; table.columns.len()];
    for (column, mapped) in mapping.output.columns.iter().zip(&mapping.columns) {
        let name = &column.name;
        match mapped.source {
            ColumnSource::Column(index) => {
                if let Some(is_kept) = kept.get_mut(index) {
                    *is_kept = true;
                }
                if let Some(old) = table.columns.get(index).filter(|old| old.name != *name) {
                    changes.push(format!("column {} sent as {name}", old.name));
                }
            }
            ColumnSource::Expression(_) => changes.push(format!("column {name} added, by an expression")),
            ColumnSource::Nothing => changes.push(format!("column {name} added, NULL")),
        }
        if mapped.is_retyped {
            changes.push(format!("column {name} sent as {}", column.column_type.dms_name()));
        }
        if mapped.mask.is_some() {
            changes.push(format!("column {name} masked"));
        }
    }
    let removed = table.columns.iter().zip(&kept).filter(|(_, is_kept)| !**is_kept);
    changes.extend(removed.map(|(column, _)| format!("column {} left out", column.name)));
    let key = |table: &Table| {
        let names: Vec<_> = table
            .primary_key()
            .map(|(_, column)| column.name.clone())
            .collect();
        names.join(", ")
    };
    if key(&mapping.output) != key(table) {
        changes.push(format!("primary key ({})", key(&mapping.output)));
    }
    changes.extend(mapping.object.as_ref().map(shape));
    changes
}

fn shape(object: &ObjectMapping) -> String {
    let shape = match object.shape {
        RecordShape::Record => "record",
        RecordShape::Document => "document",
    };
    let attributes: Vec<_> = object
        .attributes
        .iter()
        .map(|attribute| attribute.name.as_str())
        .collect();
    if attributes.is_empty() {
        format!("mapped to a {shape}")
    } else {
        format!("mapped to a {shape} with {}", attributes.join(", "))
    }
}
