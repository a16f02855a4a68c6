//! Brings rules and table definition together: which tables are read, and what becomes of each. Pure: no I/O, no clock.

use std::collections::HashMap;

use super::expression::{self, OnDemand};
use super::filter::RowFilter;
use super::object_mapping::{Named, ObjectMapping};
use super::rules::{Change, ColumnRule, ObjectMappingRule, RuleHead, Rules, TransformationRule};
use super::selection::{self, Selected, select};
use super::transform::{Transformed, transform};
use super::{ColumnSource, Mappings, TableMapping, TableName};
use crate::model::Table;
use crate::settings::problems::Report;

/// What a task reads and sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedTables {
    /// The tables that are read, in the order of the definition.
    pub tables: Vec<Table>,
    /// What the rules make of them.
    pub mappings: Mappings,
}

impl MappedTables {
    /// All tables of a definition, as they are.
    pub fn unchanged(tables: Vec<Table>) -> Self {
        Self {
            mappings: Mappings::none(&tables),
            tables,
        }
    }

    /// The tables that the rules select, and what becomes of them. What is wrong is in the report.
    pub fn of(rules: &Rules, definition: Vec<Table>, report: &mut Report) -> Self {
        report_idle_rules(rules, &definition, report);
        let evaluator = OnDemand::default();
        let mut mapped = Self {
            tables: Vec::new(),
            mappings: Mappings::default(),
        };
        for table in definition {
            match select(&rules.selections, &table, report) {
                None => mapped.mappings.unselected.push(TableName::of(&table)),
                Some(selected) => {
                    mapped.mappings.load_orders.push(selected.load_order);
                    let mapping = map_table(rules, selected, &table, &evaluator, report);
                    mapped.mappings.tables.push(mapping);
                    mapped.tables.push(table);
                }
            }
        }
        if mapped.tables.is_empty() && !report.has_errors() {
            let names: Vec<_> = mapped
                .mappings
                .unselected
                .iter()
                .map(TableName::full_name)
                .collect();
            let message = format!(
                "the selection rules fit no table of the definition, so there is nothing to read; it has {} (upper and lower \
                 case differ)",
                names.join(", ")
            );
            report.error(rules.selections.first().map(|rule| rule.head.place), message);
        }
        check_table_names(rules, &mapped, report);
        mapped
    }
}

fn map_table(
    rules: &Rules,
    selected: Selected<'_>,
    table: &Table,
    evaluator: &OnDemand,
    report: &mut Report,
) -> Option<TableMapping> {
    let filters = selected
        .filters
        .iter()
        .filter_map(|filter| RowFilter::compile(filter, table, report))
        .collect();
    let Transformed { mut output, columns } = transform(&rules.transformations, table, evaluator, report);
    let object = object_rule(&rules.object_mappings, table, report).map(|rule| {
        if let Some(name) = &rule.target_table_name {
            output.name.clone_from(name);
        }
        let named = Named {
            definition: table,
            output: &output,
            columns: &columns,
        };
        ObjectMapping::compile(rule, named, report)
    });
    let mapping = TableMapping {
        output,
        columns,
        filters,
        object,
    };
    check_expressions(rules, &mapping, table, evaluator, report);
    (!is_unchanged(&mapping, table)).then_some(mapping)
}

/// Whether the rules leave a table as it is, so that it costs nothing.
fn is_unchanged(mapping: &TableMapping, table: &Table) -> bool {
    let mut columns = mapping.columns.iter().enumerate();
    let is_same = |(index, column): (usize, &super::MappedColumn)| {
        column.source == ColumnSource::Column(index) && !column.is_retyped && column.mask.is_none()
    };
    mapping.output == *table && mapping.filters.is_empty() && mapping.object.is_none() && columns.all(is_same)
}

/// The object-mapping rule of a table: that of its exact name, or else the first whose wildcards fit, which is an
/// extension.
fn object_rule<'a>(
    rules: &'a [ObjectMappingRule],
    table: &Table,
    report: &mut Report,
) -> Option<&'a ObjectMappingRule> {
    let mut exact = rules
        .iter()
        .filter(|rule| rule.locator.is_exactly(&table.owner, &table.name));
    let found = exact.next();
    if let (Some(first), Some(second)) = (found, exact.next()) {
        let message = format!(
            "the rules {} and {} both map {}; rule {} counts, remove the other one",
            first.head.id,
            second.head.id,
            table.full_name(),
            first.head.id
        );
        report.error(second.head.place, message);
    }
    found.or_else(|| {
        rules
            .iter()
            .find(|rule| rule.locator.has_wildcard() && rule.locator.matches(&table.owner, &table.name))
    })
}

/// Prepares every expression once, so that a mistake in one is found before the first row.
fn check_expressions(
    rules: &Rules,
    mapping: &TableMapping,
    table: &Table,
    evaluator: &OnDemand,
    report: &mut Report,
) {
    for rule in &rules.transformations {
        let Change::AddColumn { name, .. } = &rule.change else {
            continue;
        };
        if !rule.speaks_of(table) {
            continue;
        }
        if let Err(reason) = expression::check(name, table, mapping, evaluator) {
            let message = format!(
                "rule {}: the expression of the column {name:?} does not work for {}: {reason}",
                rule.head.id,
                table.full_name()
            );
            report.error(rule.head.place, message);
        }
    }
}

/// Two tables under one name could not be distinguished in the stream.
fn check_table_names(rules: &Rules, mapped: &MappedTables, report: &mut Report) {
    let mut seen: HashMap<(String, String), String> = HashMap::new();
    for (table, output) in mapped.tables.iter().zip(mapped.mappings.outputs(&mapped.tables)) {
        if let Some(other) = seen.insert((output.owner.clone(), output.name.clone()), table.full_name()) {
            let message = format!(
                "{other} and {} would both be called {}; DMS does not bring two tables into one: give one of them another \
                 name",
                table.full_name(),
                output.full_name()
            );
            report.error(naming_rule(rules, table).map(|head| head.place), message);
        }
    }
}

/// A rule that gives a table the name it has in its messages.
fn naming_rule(rules: &Rules, table: &Table) -> Option<RuleHead> {
    let (owner, name) = (&table.owner, &table.name);
    let by_mapping = rules
        .object_mappings
        .iter()
        .filter(|rule| rule.target_table_name.is_some() && rule.locator.matches(owner, name))
        .map(|rule| rule.head);
    let by_table = rules
        .transformations
        .iter()
        .filter(|rule| matches!(rule.change, Change::Schema(_) | Change::Table(_)) && rule.speaks_of(table));
    by_mapping.chain(by_table.map(|rule| rule.head)).next()
}

/// Reports each rule that fits nothing, which is mostly a spelling mistake: an error if it was to hide something.
fn report_idle_rules(rules: &Rules, definition: &[Table], report: &mut Report) {
    let mut warn = |head: RuleHead, hides: bool, what: &str| {
        if hides {
            let message = format!(
                "rule {} hides nothing: {what}; what it was to hide would be sent in the clear, so correct it or take it out",
                head.id
            );
            report.error(head.place, message);
        } else {
            report.warning(head.place, format!("rule {} has no effect: {what}", head.id));
        }
    };
    let no_table = "no table of the definition fits it (upper and lower case differ)";
    for rule in &rules.selections {
        if !definition.iter().any(|table| selection::speaks_of(rule, table)) {
            warn(rule.head, false, no_table);
        }
    }
    for rule in &rules.transformations {
        let hides = rule.of_columns().is_some_and(|rule| rule.hides());
        let tables: Vec<_> = definition.iter().filter(|table| rule.speaks_of(table)).collect();
        if tables.is_empty() {
            warn(rule.head, hides, no_table);
        } else if rule
            .of_columns()
            .is_some_and(|rule| !fits_a_column(rule, rules, &tables))
        {
            let no_column = "no column of its tables fits it (upper and lower case differ)";
            warn(rule.head, hides, no_column);
        }
    }
    for rule in &rules.object_mappings {
        let is_of = |table: &Table| rule.locator.matches(&table.owner, &table.name);
        if !definition.iter().any(is_of) {
            warn(rule.head, false, no_table);
        }
    }
}

/// Whether a rule fits a column of some tables, or one that another rule adds to them.
fn fits_a_column(rule: ColumnRule<'_>, rules: &Rules, tables: &[&Table]) -> bool {
    let fits_added = |other: &TransformationRule| match &other.change {
        Change::AddColumn {
            name, column_type, ..
        } => rule.fits(name, *column_type) && tables.iter().any(|table| other.speaks_of(table)),
        Change::Schema(_) | Change::Table(_) | Change::PrimaryKey(_) | Change::Column { .. } => false,
    };
    let mut columns = tables.iter().flat_map(|table| &table.columns);
    columns.any(|column| rule.speaks_of(column)) || rules.transformations.iter().any(fits_added)
}
