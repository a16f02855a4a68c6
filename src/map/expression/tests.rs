//! Expressions of the user guide's kinds, over a row of each operation.

use super::*;
use crate::model::Column;
use crate::settings::{CsvDialect, MessageConfig};
use crate::value::csv::FieldSplitter;

fn table() -> Table {
    let column = |name: &str, column_type, is_primary_key| Column {
        name: name.to_owned(),
        column_type,
        nullable: true,
        is_primary_key,
    };
    let text = ColumnType::String { length: Some(50) };
    Table {
        owner: "hr".to_owned(),
        name: "item".to_owned(),
        path: "hr/item/".to_owned(),
        columns: vec![
            column("ID", ColumnType::Uint8, true),
            column("FIRST_NAME", text, false),
            column("LAST_NAME", text, false),
            column(
                "salary",
                ColumnType::Numeric {
                    precision: 9,
                    scale: 2,
                },
                false,
            ),
            column("guid", ColumnType::Byte { length: 16 }, false),
            column(
                "hired",
                ColumnType::DateTime {
                    scale: 0,
                    format: None,
                },
                false,
            ),
        ],
    }
}

const ROW: &str = "7,Ann,,20000.5,1A2B3C4D,2020-08-03 22:05:57";
const TEXT: ColumnType = ColumnType::String { length: Some(200) };

fn evaluated_as(
    expression: &str,
    column_type: ColumnType,
    operation: Operation,
) -> Result<Option<String>, String> {
    evaluated_over(ROW, expression, column_type, operation)
}

fn evaluated_over(
    text: &str,
    expression: &str,
    column_type: ColumnType,
    operation: Operation,
) -> Result<Option<String>, String> {
    let evaluator = Evaluator::new()?;
    let expression = evaluator.prepare(expression, column_type, &table(), &table())?;
    let mut splitter = FieldSplitter::new(&CsvDialect::default());
    let object = ObjectVersion {
        key: "cdc/1.csv".to_owned(),
        etag: "e".to_owned(),
        size_bytes: 1,
        modified_ms: 1_600_000_000_123,
    };
    let row = ExpressionRow {
        operation,
        fields: splitter.split(text.as_bytes()),
        rules: &FieldRules::new("", &MessageConfig::default()),
        fit: Fit::Whole,
        is_truncated: &Cell::new(false),
        object: &object,
        object_number: 12,
        ordinal: 41,
    };
    let mut out = b"before".to_vec();
    let place = evaluator
        .evaluate(&expression, row, &mut out)
        .map_err(|problem| problem.reason)?;
    Ok(place.map(|place| String::from_utf8(out[place].to_vec()).unwrap()))
}

#[track_caller]
fn check(expression: &str, expected: &str) {
    let value = evaluated_as(expression, TEXT, Operation::Update);
    assert_eq!(value, Ok(Some(expected.to_owned())), "{expression}");
}

#[test]
fn columns_are_joined_computed_and_hashed() {
    check("$FIRST_NAME||'_'||$ID", "Ann_7");
    check("$FIRST_NAME || coalesce($LAST_NAME, '-')", "Ann-");
    check(
        "CASE WHEN round($salary)>=20000 THEN \u{2018}SENIOR\u{2019} ELSE 'JUNIOR' END",
        "SENIOR",
    );
    check("lower(substr(hex($GUID), 1, 4))", "1a2b");
    check("strftime('%Y', $hired)", "2020");
    check("replaceChars('a-b.c', '-.', '_')", "a_bc");
    check(
        "hash_sha256($FIRST_NAME)",
        "17239B6E250110330EDA64A29C610BF146F89883371FAB093FEDA03BEC61B646",
    );
    assert_eq!(
        evaluated_as("round($salary)", ColumnType::Int8, Operation::Load),
        Ok(Some("20001".to_owned()))
    );
    assert_eq!(evaluated_as("$LAST_NAME", TEXT, Operation::Load), Ok(None));
    check(
        "$first_name || 'it\u{2019}s' || \u{2018}!\u{2019}",
        "Annit\u{2019}s!",
    );
}

/// Its functions end at a NUL, some of them: what they would cut is not sent.
#[test]
fn a_text_with_a_nul_is_not_given_to_sqlite() {
    let row = ROW.replace("Ann", "A\0n");
    let over = |expression| evaluated_over(&row, expression, TEXT, Operation::Update);
    let refused = over("$FIRST_NAME || 'x'").unwrap_err();
    assert!(
        refused.contains("FIRST_NAME") && refused.contains("NUL"),
        "{refused}"
    );
    assert_eq!(
        over("$ID || 'x'"),
        Ok(Some("7x".to_owned())),
        "it needs another column"
    );
}

/// It does not see a value that is not the one of the row.
#[test]
fn a_value_that_does_not_fit_its_column_is_not_given_to_sqlite() {
    let row = ROW.replace("20000.5", "20000.555");
    let refused = evaluated_over(&row, "$salary", TEXT, Operation::Update).unwrap_err();
    assert!(
        refused.contains("salary") && refused.contains("digits after the point"),
        "{refused}"
    );
}

#[test]
fn headers_and_metadata_say_where_a_row_comes_from() {
    check("$AR_H_OPERATION", "UPDATE");
    check("$AR_H_STREAM_POSITION", "cdc/1.csv:41");
    check("$AR_H_CHANGE_SEQ", "00000000000000120000000000000000041");
    check("$AR_H_TIMESTAMP", "2020-09-13 12:26:40.1230000");
    check("$AR_M_SOURCE_SCHEMA||'.'||$AR_M_MODIFIED_TABLE_NAME", "hr.item");
    let of_load = |expression| evaluated_as(expression, TEXT, Operation::Load);
    assert_eq!(of_load("$AR_H_STREAM_POSITION"), Ok(Some(String::new())));
    assert_eq!(of_load("$AR_H_OPERATION"), Ok(Some("INSERT".to_owned())));
}

#[test]
fn the_operation_indicator_says_what_a_row_does() {
    for (operation, expected) in [
        (Operation::Load, "I"),
        (Operation::Insert, "I"),
        (Operation::Update, "U"),
        (Operation::Delete, "D"),
    ] {
        let value = evaluated_as("operation_indicator('D','U','I')", TEXT, operation);
        assert_eq!(value, Ok(Some(expected.to_owned())));
    }
}

#[test]
fn an_expression_that_cannot_be_or_is_not_stable_is_refused() {
    for (expression, expected) in [
        ("$NOBODY", "$NOBODY is neither a column"),
        ("1); DROP TABLE x; --", "SQLite says"),
        ("lower(", "SQLite says"),
        ("random()", "gives something else each time"),
        ("datetime ( 'now' )", "gives something else each time"),
        ("strftime('%s')", "gives something else each time"),
        ("datetime ()", "gives something else each time"),
        ("datetime(\u{2018}now\u{2019})", "gives something else each time"),
        ("datetime(\"now\")", "gives something else each time"),
        ("unixepoch('subsec')", "gives something else each time"),
        ("strftime('%f', 'subsec')", "gives something else each time"),
        ("abs(-9223372036854775808)", "integer overflow"),
    ] {
        let problem = evaluated_as(expression, TEXT, Operation::Load).unwrap_err();
        assert!(problem.contains(expected), "{expression}: {problem}");
    }
}

/// What SQLite says may repeat values, and reasons are logged and stored.
#[test]
fn a_row_that_an_expression_fails_for_is_not_quoted() {
    for (expression, expected) in [
        ("json_extract('{}', $FIRST_NAME)", "SQL logic error"),
        ("json_extract($FIRST_NAME, '$')", "malformed JSON"),
        (
            "replaceChars($FIRST_NAME, 1, 'x')",
            "Invalid function or filter parameter type",
        ),
    ] {
        let problem = evaluated_as(expression, TEXT, Operation::Load).unwrap_err();
        assert!(
            problem.contains(expected) && !problem.contains("Ann"),
            "{expression}: {problem}"
        );
    }
}

#[test]
fn a_name_is_made_of_the_names_it_had() {
    let name = |text| Evaluator::new()?.name(text, &table(), table().columns.first());
    assert_eq!(
        name("$AR_M_SOURCE_SCHEMA||'_'||lower($AR_M_SOURCE_COLUMN_NAME)").as_deref(),
        Ok("hr_id")
    );
    assert!(name("NULL").unwrap_err().contains("gives NULL"));
    assert!(name("$ID").unwrap_err().contains("$ID is not known"));
}

#[test]
fn an_expression_without_end_or_measure_costs_its_row_only() {
    let endless = "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n)";
    let evaluator = Evaluator::new().unwrap();
    assert!(
        evaluator
            .name(endless, &table(), None)
            .unwrap_err()
            .contains("10 million steps")
    );
    let problem = evaluated_as(endless, TEXT, Operation::Load).unwrap_err();
    assert!(problem.contains("10 million steps"), "{problem}");
    let problem = evaluated_as("hex(zeroblob(1000000000))", TEXT, Operation::Load).unwrap_err();
    assert!(problem.contains("too big"), "{problem}");
}

#[test]
fn the_steps_of_other_rows_are_not_counted() {
    let evaluator = Evaluator::new().unwrap();
    let sum =
        "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000) SELECT sum(i) FROM n)";
    for _row in 0..20 {
        assert_eq!(evaluator.name(sum, &table(), None).as_deref(), Ok("5000050000"));
    }
}
