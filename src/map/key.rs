//! `define-primary-key`: the columns that partition keys are made of. Pure: no I/O, no clock.

use super::MappedColumn;
use super::object_mapping::Named;
use super::rules::RuleHead;
use crate::model::Table;
use crate::settings::problems::Report;

/// Makes columns the primary key of a table as its messages show it. Their order is that of the columns.
pub(super) fn define_key(
    definition: &Table,
    output: &mut Table,
    sources: &[MappedColumn],
    (names, head): (&[String], RuleHead),
    report: &mut Report,
) {
    let known = Named {
        definition,
        output,
        columns: sources,
    };
    let mut key = Vec::with_capacity(names.len());
    for name in names {
        if let Some(index) = known.index_of(name) {
            key.push(index);
            continue;
        }
        let message = format!(
            "rule {} makes the column {name:?} part of the primary key, and {} has none of this name that is sent",
            head.id,
            definition.full_name()
        );
        report.error(head.place, message);
    }
    for (index, column) in output.columns.iter_mut().enumerate() {
        column.is_primary_key = key.contains(&index);
        if column.is_primary_key && column.nullable {
            let message = format!(
                "rule {} makes the nullable column {:?} of {} part of the primary key; rows with NULL in it have no \
                 partition key and become dead letters",
                head.id,
                column.name,
                definition.full_name()
            );
            report.warning(head.place, message);
        }
    }
}
