//! Which columns are taken, and which files are refused.

use std::sync::Arc;

use parquet::schema::parser::parse_message_type;

use super::*;
use crate::model::{Column, ColumnType};

fn table(columns: &[(&str, bool)]) -> Table {
    let column = |(name, nullable): &(&str, bool)| Column {
        name: (*name).to_owned(),
        column_type: ColumnType::Clob,
        nullable: *nullable,
        is_primary_key: false,
    };
    Table {
        owner: "sales".to_owned(),
        name: "orders".to_owned(),
        path: "sales/orders/".to_owned(),
        columns: columns.iter().map(column).collect(),
    }
}

fn schema(columns: &str) -> SchemaDescriptor {
    SchemaDescriptor::new(Arc::new(
        parse_message_type(&format!("message m {{ {columns} }}")).unwrap(),
    ))
}

const KEY: &str = "sales/orders/LOAD00000001.parquet";
const DETECT: LoadOperationColumn = LoadOperationColumn::Detect;

fn fields(plan: &FieldPlan) -> Vec<String> {
    let name = |field: &FieldSource| match field {
        FieldSource::Text(text) => format!("={text}"),
        FieldSource::Absent => "-".to_owned(),
        FieldSource::Column(column) => format!("{}:{}", column.index, column.name),
    };
    plan.fields.iter().map(name).collect()
}

#[test]
fn columns_are_found_by_name_and_then_without_regard_to_case() {
    let file = schema("required int32 B; required int32 a; required int32 A; optional int32 extra;");
    let table = table(&[("A", false), ("b", false), ("later", true)]);
    let plan = FieldPlan::new(&file, KEY, Content::Load(&table, DETECT)).unwrap();
    assert_eq!(fields(&plan), ["2:A", "0:b", "-"]);
    assert_eq!(plan.absent, ["later"]);
    assert_eq!(plan.unused, ["a", "extra"]);
}

#[test]
fn a_column_that_is_missing_nested_or_ambiguous_is_named() {
    let refused = |columns: &str| {
        let table = table(&[("a", false), ("b", true)]);
        FieldPlan::new(&schema(columns), KEY, Content::Load(&table, DETECT)).unwrap_err()
    };
    let missing = refused("required int32 b; required int32 c;");
    assert!(
        missing.contains("no column a") && missing.contains("its columns are b, c"),
        "{missing}"
    );
    let list =
        "required int32 a; optional group b (LIST) { repeated group list { optional int32 element; } }";
    assert!(
        refused(list).contains("its column b is nested"),
        "{}",
        refused(list)
    );
    assert!(refused("repeated int32 a;").contains("its column a is nested"));
    assert!(refused("required int32 a; optional group b { optional int32 x; }").contains("nested"));
    let file = schema("required int32 Total; required int32 TOTAL;");
    let total = table(&[("total", false)]);
    let ambiguous = FieldPlan::new(&file, KEY, Content::Load(&total, DETECT)).unwrap_err();
    assert!(
        ambiguous.contains("columns Total and TOTAL could both be"),
        "{ambiguous}"
    );
    let interval = refused("required int32 a; optional fixed_len_byte_array(12) b (INTERVAL);");
    assert!(interval.contains("its column b is an interval"), "{interval}");
}

#[test]
fn a_nested_column_that_nobody_wants_does_no_harm() {
    let file = schema(
        "required int32 a; optional group tags (LIST) { repeated group list { optional int32 element; } }",
    );
    let plan = FieldPlan::new(&file, KEY, Content::Load(&table(&[("a", false)]), DETECT)).unwrap();
    assert_eq!(
        (fields(&plan), plan.unused),
        (vec!["0:a".to_owned()], vec!["tags".to_owned()])
    );
}

#[test]
fn the_operation_of_a_load_is_the_rule_of_the_dialect() {
    let with = schema("required binary Op (utf8); required int32 a;");
    let without = schema("required int32 a;");
    let of = |file: &SchemaDescriptor, columns: &[(&str, bool)], rule| {
        let table = table(columns);
        FieldPlan::new(file, KEY, Content::Load(&table, rule)).map(|plan| fields(&plan))
    };
    let a = [("a", false)];
    assert_eq!(of(&with, &a, DETECT).unwrap(), ["0:Op", "1:a"]);
    assert_eq!(of(&without, &a, DETECT).unwrap(), ["0:a"]);
    assert_eq!(of(&with, &a, LoadOperationColumn::Absent).unwrap(), ["1:a"]);
    assert!(
        of(&without, &a, LoadOperationColumn::Present)
            .unwrap_err()
            .contains("no column Op")
    );
    let own = [("Op", false), ("a", false)];
    assert_eq!(
        of(&with, &own, DETECT).unwrap(),
        ["0:Op", "1:a"],
        "a column of the definition is a value"
    );
}

#[test]
fn changes_need_an_operation_and_name_their_table() {
    let orders = table(&[("a", false)]);
    let file = schema("required int32 a; required binary Op (utf8);");
    let plan = FieldPlan::new(&file, "cdc/sales/orders/1.parquet", Content::Changes(&orders)).unwrap();
    assert_eq!(fields(&plan), ["1:Op", "=orders", "=sales", "0:a"]);
    let refused = FieldPlan::new(&schema("required int32 a;"), KEY, Content::Changes(&orders)).unwrap_err();
    assert!(refused.contains("no column Op"), "{refused}");
}

#[test]
fn a_file_of_changes_among_those_of_a_load_is_refused() {
    let orders = table(&[("a", false)]);
    let file = schema("required int32 a; required binary Op (utf8);");
    let key = "sales/orders/20230405-094615814.parquet";
    let refused = FieldPlan::new(&file, key, Content::Load(&orders, DETECT)).unwrap_err();
    assert!(refused.contains("file of changes"), "{refused}");
    let plain = schema("required int32 a;");
    FieldPlan::new(&plain, key, Content::Load(&orders, DETECT)).unwrap();
}

#[test]
fn the_table_of_changes_is_that_of_the_folders() {
    let tables = [
        table(&[]),
        Table {
            name: "lines".to_owned(),
            ..table(&[])
        },
    ];
    let of = |key: &str| table_of_key(key, &tables);
    assert_eq!(of("cdc/sales/orders/1.parquet"), Ok(TableIndex(0)));
    assert_eq!(of("cdc/sales/lines/2023/04/05/1.parquet"), Ok(TableIndex(1)));
    let elsewhere = [Table {
        path: "in/o/".to_owned(),
        ..table(&[])
    }];
    assert_eq!(
        table_of_key("x/in/o/1.parquet", &elsewhere),
        Ok(TableIndex(0)),
        "by its path"
    );
    table_of_key("xin/o/1.parquet", &elsewhere).unwrap_err();
    assert!(
        of("cdc/orders/sales/1.parquet")
            .unwrap_err()
            .contains("none of its folders")
    );
    assert!(of("cdc/1.parquet").unwrap_err().contains("<schema>/<table>"));
    let both = of("sales/orders/sales/lines/1.parquet").unwrap_err();
    assert!(
        both.contains("sales.orders") && both.contains("sales.lines"),
        "{both}"
    );
}
