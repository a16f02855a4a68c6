//! The external table definition of DMS, taken as it is. Pure: no I/O, no clock.
//!
//! Where DMS's documents say nothing about a mistake, what would silently change or lose rows is an error and
//! what is merely odd is a warning.

use std::collections::{HashMap, HashSet};

use super::super::tree::{Node, quoted};
use super::columns::column;
use super::json;
use super::members::Members;
use crate::model::{Column, Table};
use crate::saturate;
use crate::settings::problems::{DocumentPlace, Report};

/// Largest document; DMS takes 2 MB.
pub const DOCUMENT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Reads the tables of a document; `None` if the report has an error about it.
pub fn parse(document: &str, report: &mut Report) -> Option<Vec<Table>> {
    if document.len() > DOCUMENT_BYTES_MAX {
        let message = format!(
            "has {} bytes, and DMS allows 2 MB ({DOCUMENT_BYTES_MAX} bytes) for a table definition",
            document.len()
        );
        report.error(None, message);
        return None;
    }
    let root = json::read(document, report)?;
    let members = Members::of(
        &root,
        "the document".to_owned(),
        &["TableCount", "Tables"],
        report,
    )?;
    let nodes = members.list("Tables", report)?;
    let located: Vec<_> = nodes
        .iter()
        .enumerate()
        .filter_map(|(index, node)| Some((node.place, table(node, index, report)?)))
        .collect();
    check_count(&members, nodes.len(), report);
    check_names(&located, report);
    check_paths(&located, report);
    (!report.has_errors()).then(|| located.into_iter().map(|(_, table)| table).collect())
}

const MEMBERS: &[&str] = &[
    "TableName",
    "TablePath",
    "TableOwner",
    "TableColumns",
    "TableColumnsTotal",
];

fn table(node: &Node, index: usize, report: &mut Report) -> Option<Table> {
    let members = Members::of(node, format!("Tables[{index}]"), MEMBERS, report)?;
    let name = members.text("TableName", report);
    let path = members
        .text("TablePath", report)
        .and_then(|path| folder(&members, path, report));
    let owner = members.text("TableOwner", report);
    let columns = members
        .list("TableColumns", report)
        .map(|nodes| columns(&members, nodes, report));
    Some(Table {
        owner: owner?.to_owned(),
        name: name?.to_owned(),
        path: path?,
        columns: columns?,
    })
}

/// The path without a slash at its start and with one at its end, so that `hr/employee` does not match
/// `hr/employee2/`.
fn folder(members: &Members<'_>, path: &str, report: &mut Report) -> Option<String> {
    let trimmed = path.strip_prefix('/').unwrap_or(path).trim_end_matches('/');
    if trimmed.is_empty() {
        let message = format!(
            "{}.TablePath is {}, which names no folder; name one",
            members.path,
            quoted(path)
        );
        report.error(members.place_of("TablePath"), message);
        return None;
    }
    if trimmed.contains(['*', '?']) {
        let message = format!(
            "{}.TablePath has a wildcard, which is taken literally",
            members.path
        );
        report.warning(members.place_of("TablePath"), message);
    }
    Some(format!("{trimmed}/"))
}

fn columns(table: &Members<'_>, nodes: &[Node], report: &mut Report) -> Vec<Column> {
    let count = saturate::to_u64(nodes.len());
    if let Some(total) = table.number("TableColumnsTotal", 0, u64::MAX, report)
        && total != count
    {
        let message = format!(
            "{}.TableColumnsTotal is {total}, but TableColumns has {count}; correct the one that is wrong",
            table.path
        );
        report.error(table.place_of("TableColumnsTotal"), message);
    }
    let mut columns = Vec::with_capacity(nodes.len());
    let mut names = HashSet::new();
    for (index, node) in nodes.iter().enumerate() {
        let Some(column) = column(node, format!("{}.TableColumns[{index}]", table.path), report) else {
            continue;
        };
        if !names.insert(column.name.clone()) {
            let message = format!(
                "{} has the column {} twice; rename one",
                table.path,
                quoted(&column.name)
            );
            report.error(node.place, message);
        }
        columns.push(column);
    }
    if columns.len() == nodes.len() {
        warn_about_columns(table, &columns, report);
    }
    columns
}

fn warn_about_columns(table: &Members<'_>, columns: &[Column], report: &mut Report) {
    if !columns.iter().any(|column| column.is_primary_key) {
        let message = format!(
            "{} has no primary key (`ColumnIsPk`); its rows are partitioned by schema.table and go to one shard",
            table.path
        );
        report.warning(table.place, message);
    }
    if !columns.iter().any(|column| column.nullable) {
        let message = format!(
            "{} has no nullable column; a row with an empty value becomes a dead letter, because a column is not \
             nullable unless `ColumnNullable` says so",
            table.path
        );
        report.warning(table.place, message);
    }
}

fn check_count(members: &Members<'_>, tables_count: usize, report: &mut Report) {
    if let Some(count) = members.number("TableCount", 0, u64::MAX, report)
        && u64::try_from(tables_count) != Ok(count)
    {
        let message = format!("TableCount is {count}, but Tables has {tables_count}; all of them are taken");
        report.warning(members.place_of("TableCount"), message);
    }
}

fn check_names(tables: &[(DocumentPlace, Table)], report: &mut Report) {
    let mut seen: HashMap<(&str, &str), DocumentPlace> = HashMap::new();
    for (place, table) in tables {
        if let Some(first) = seen.insert((&table.owner, &table.name), *place) {
            let message = format!(
                "the table {} is there twice, first at line {}; remove one of them",
                table.full_name(),
                first.line
            );
            report.error(*place, message);
        }
    }
}

/// Warns about each table whose folder is, or lies in, the folder of another one.
fn check_paths(tables: &[(DocumentPlace, Table)], report: &mut Report) {
    let mut owners: HashMap<&str, &(DocumentPlace, Table)> = HashMap::new();
    for located in tables {
        owners.entry(&located.1.path).or_insert(located);
    }
    for (place, table) in tables {
        let folders = table
            .path
            .match_indices('/')
            .filter_map(|(at, _)| table.path.get(..=at));
        let mut others = folders.filter_map(|folder| owners.get(folder));
        if let Some((first, other)) = others.find(|(first, _)| first != place) {
            let message = format!(
                "the TablePath {} of {} lies in {} of {} (line {}); the same files would be loaded into both tables",
                quoted(&table.path),
                table.full_name(),
                quoted(&other.path),
                other.full_name(),
                first.line
            );
            report.warning(*place, message);
        }
    }
}

#[cfg(test)]
mod tests;
