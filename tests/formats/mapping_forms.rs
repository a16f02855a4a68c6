//! Table mapping documents in the forms that people write: what each means, and which of them are refused because
//! something would go out in the clear.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use bucket_brigade::model::{RowSource, Table, TableIndex};
use serde_json::{Value, json};

use crate::mapped_task::{config, employee, employee_column, include, load, problems};

const LOAD: RowSource = RowSource::Load(TableIndex(0));

/// A rule that adds the column `new` to `hr.employee`.
fn add(id: u64, expression: &str) -> Value {
    let more = json!({"value": "new", "expression": expression, "data-type": {"type": "string"}});
    employee_column(id, "%", "add-column", more)
}

/// The value of the column `new` that an expression gives.
#[track_caller]
fn added(expression: &str) -> Value {
    employee(&[include("hr", "employee"), add(2, expression)]).0["data"]["new"].clone()
}

/// The rules are refused with an error that says this.
#[track_caller]
fn check_refused(rules: &[Value], part: &str) {
    let Err(refused) = load(rules) else {
        panic!("{part}: taken, with {}", problems(rules));
    };
    let refused = refused.to_string();
    assert!(refused.contains(part), "{part}: {refused}");
}

#[test]
fn typographic_quotes_are_mended_where_they_delimit_and_kept_where_they_are_text() {
    assert_eq!(
        added("'it\u{2019}s ' || \u{2018}fine\u{2019}"),
        "it\u{2019}s fine"
    );
}

#[test]
fn words_of_an_expression_are_told_from_names_and_texts_that_hold_them() {
    assert_eq!(added("'now'"), "now");
    assert_eq!(
        added("CASE WHEN $LastName = 'now' THEN 'random()' ELSE 'current_time' END"),
        "current_time"
    );
    assert_eq!(
        added("replace($LastName, 'date()', '') /* random() */ -- current_date"),
        "Smith"
    );
    for unstable in [
        "date(coalesce($HireDate, 'NOW'))",
        "(SELECT date(v) FROM (SELECT 'now' AS v))",
        "\"random\"()",
        "current_date",
    ] {
        check_refused(
            &[include("hr", "employee"), add(2, unstable)],
            "gives something else each time",
        );
    }
}

#[test]
fn characters_in_brackets_stand_for_one_of_them() {
    let names = |schema: &str, table: &str| {
        let tables = config(&[include(schema, table)]).tables;
        tables.iter().map(Table::full_name).collect::<Vec<_>>()
    };
    assert_eq!(names("[gh]r", "[a-e]mployee"), ["hr.employee"]);
    assert_eq!(names("%", "[^a-e]%"), ["hr.pay", "Test.Customers"]);
    let rename = |name: &str| {
        let rules = [
            include("hr", "employee"),
            employee_column(2, name, "rename", json!({"value": "x"})),
        ];
        employee(&rules).0["data"]["x"].clone()
    };
    assert_eq!(
        rename("passport[_]no"),
        "C6BGJ566669K",
        "an underscore and nothing else"
    );
    // An exact name in brackets is one for whatever needs one.
    let mut exact = include("hr", "emplo[y]ee");
    exact["rule-action"] = json!("explicit");
    assert_eq!(config(&[exact.clone()]).tables.len(), 1);
    exact["object-locator"]["table-name"] = json!("[a-z]mployee");
    check_refused(&[exact], "one exact name");
}
