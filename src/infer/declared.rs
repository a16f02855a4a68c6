//! Columns that several files declare, each on its own. Pure: no I/O, no clock.

use crate::model::{Column, ColumnType};

/// Digits that an exact number can have.
const DIGITS_MAX: u8 = 38;

/// Adds the columns of another file, each by its name; gives what a person should look at.
pub(super) fn merge(known: &mut Vec<Column>, columns: Vec<Column>) -> Vec<String> {
    let mut notes = Vec::new();
    if known.is_empty() {
        *known = columns;
        return notes;
    }
    let is_in = |columns: &[Column], name: &str| columns.iter().any(|column| column.name == name);
    for missing in known.iter_mut().filter(|column| !is_in(&columns, &column.name)) {
        missing.nullable = true;
        notes.push(not_everywhere(&missing.name));
    }
    for column in columns {
        let Some(same) = known.iter_mut().find(|same| same.name == column.name) else {
            notes.push(not_everywhere(&column.name));
            known.push(Column {
                nullable: true,
                ..column
            });
            continue;
        };
        same.nullable |= column.nullable;
        match wider(same.column_type, column.column_type) {
            Some(wider) => same.column_type = wider,
            None => notes.push(format!(
                "the column {} has different types in different files; that of the first one was taken",
                column.name
            )),
        }
    }
    notes
}

fn not_everywhere(column: &str) -> String {
    format!("the column {column} is not in every file: where it is missing, it is NULL")
}

/// The type that holds the values of both, if one of them does, or a number that is as wide as both.
fn wider(one: ColumnType, other: ColumnType) -> Option<ColumnType> {
    use ColumnType::{Int1, Int2, Int4, Int8, Numeric, Uint1, Uint2, Uint4};
    if one == other || (one.is_text() && other.is_text()) {
        return Some(one);
    }
    if let (
        Numeric { precision, scale },
        Numeric {
            precision: other_precision,
            scale: other_scale,
        },
    ) = (one, other)
    {
        let digits = |precision: u8, scale: u8| precision.saturating_sub(scale);
        let whole = digits(precision, scale).max(digits(other_precision, other_scale));
        let scale = scale.max(other_scale);
        return Some(Numeric {
            precision: whole.saturating_add(scale).min(DIGITS_MAX),
            scale,
        });
    }
    let is_small = |column_type| matches!(column_type, Int1 | Int2 | Int4 | Int8 | Uint1 | Uint2 | Uint4);
    (is_small(one) && is_small(other)).then_some(Int8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, column_type: ColumnType) -> Column {
        Column {
            name: name.to_owned(),
            column_type,
            nullable: false,
            is_primary_key: false,
        }
    }

    #[test]
    fn columns_of_all_files_are_there_and_wide_enough() {
        let numeric = |precision, scale| ColumnType::Numeric { precision, scale };
        let mut known = Vec::new();
        let first = vec![
            column("a", ColumnType::Int2),
            column("b", numeric(10, 2)),
            column("c", ColumnType::Clob),
        ];
        assert_eq!(merge(&mut known, first), [""; 0]);
        let second = vec![
            column("d", ColumnType::Boolean),
            column("b", numeric(9, 4)),
            column("a", ColumnType::Int8),
        ];
        let notes = merge(&mut known, second).join("\n");
        assert!(notes.contains("the column c is not in every file"), "{notes}");
        assert!(notes.contains("the column d is not in every file"), "{notes}");
        let types: Vec<_> = known
            .iter()
            .map(|column| (column.name.as_str(), column.column_type, column.nullable))
            .collect();
        assert_eq!(
            types,
            [
                ("a", ColumnType::Int8, false),
                ("b", numeric(12, 4), false),
                ("c", ColumnType::Clob, true),
                ("d", ColumnType::Boolean, true)
            ]
        );
        let third = vec![column("a", ColumnType::Boolean)];
        assert!(merge(&mut known, third).join("\n").contains("different types"));
    }
}
