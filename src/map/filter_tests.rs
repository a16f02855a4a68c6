//! Filters against a naive model, NULL by DMS's guide, and values by type.

use proptest::prelude::*;

use super::*;
use crate::map::rules::FilterCondition;
use crate::settings::{DocumentPlace, MessageConfig};
use crate::value::csv::Quoting;

fn table(column_type: ColumnType) -> Table {
    Table {
        owner: "test".to_owned(),
        name: "employee".to_owned(),
        path: "test/employee/".to_owned(),
        columns: vec![Column {
            name: "c".to_owned(),
            column_type,
            nullable: true,
            is_primary_key: false,
        }],
    }
}

const PLACE: DocumentPlace = DocumentPlace { line: 3, column: 4 };

fn compiled(
    tests: &[Test<String>],
    column_type: ColumnType,
) -> Result<(RowFilter, Vec<String>), Vec<String>> {
    let conditions = tests
        .iter()
        .cloned()
        .map(|test| FilterCondition { place: PLACE, test });
    let filter = SourceFilter {
        place: PLACE,
        column: "c".to_owned(),
        conditions: conditions.collect(),
    };
    let mut report = Report::new("m.json");
    let filter = RowFilter::compile(&filter, &table(column_type), &mut report);
    let problems = report.into_problems().iter().map(ToString::to_string).collect();
    match filter {
        Some(filter) => Ok((filter, problems)),
        None => Err(problems),
    }
}

fn passes(filter: &RowFilter, column_type: ColumnType, value: Option<&str>) -> Result<bool, &'static str> {
    let field = Field {
        text: value.unwrap_or("NULL").as_bytes(),
        quoting: Quoting::Bare,
    };
    let column = &table(column_type).columns[0];
    filter
        .lets_pass(
            field,
            column,
            &FieldRules::new("NULL", &MessageConfig::default()),
            &mut Vec::new(),
        )
        .map_err(|problem| problem.code)
}

#[track_caller]
fn check(tests: &[Test<&str>], column_type: ColumnType, passing: &[&str], others: &[&str]) {
    let tests: Vec<_> = tests
        .iter()
        .map(|test| test.try_map(|value| Ok::<_, ()>((*value).to_owned())).unwrap())
        .collect();
    let (filter, _) = compiled(&tests, column_type).unwrap();
    for (values, expected) in [(passing, true), (others, false)] {
        for value in values {
            let value = Some(*value).filter(|value| *value != "NULL");
            assert_eq!(
                passes(&filter, column_type, value),
                Ok(expected),
                "{tests:?}: {value:?}"
            );
        }
    }
}

const INT: ColumnType = ColumnType::Int4;
const TEXT: ColumnType = ColumnType::String { length: None };

#[test]
fn the_examples_of_the_guide_let_through_what_it_says() {
    check(
        &[Test::AtLeast("100")],
        INT,
        &["100", "0101"],
        &["99", "-100", "NULL"],
    );
    check(
        &[
            Test::AtMost("10"),
            Test::Between("50", "75"),
            Test::AtLeast("100"),
        ],
        INT,
        &["10", "50", "75", "100"],
        &["11", "49", "76", "99", "NULL"],
    );
    check(
        &[Test::Equal("100")],
        INT,
        &["100", "100.00", "1e2", "1000E-1"],
        &["100.5", "1e3", "NULL"],
    );
    check(&[Test::Null], INT, &["NULL", ""], &["0"]);
    check(&[Test::Null], TEXT, &["NULL"], &["", "x"]);
    check(
        &[Test::NotBetween("50", "75")],
        INT,
        &["49", "76"],
        &["50", "75", "NULL"],
    );
    check(&[Test::NotNull], TEXT, &["", "x"], &["NULL"]);
}

#[test]
fn null_beside_other_conditions_is_as_the_guide_notes() {
    // Inclusive, negative and null: no NULL.
    check(
        &[Test::Equal("1"), Test::NotEqual("2"), Test::Null],
        INT,
        &["1"],
        &["2", "3", "NULL"],
    );
    // Negative and null: nothing at all.
    check(&[Test::NotEqual("2"), Test::Null], INT, &[], &["1", "2", "NULL"]);
    // Negative alone: no NULL.
    check(&[Test::NotEqual("2")], INT, &["1"], &["2", "NULL"]);
    check(&[Test::Equal("2"), Test::Null], INT, &["2", "NULL"], &["1"]);
    let warned = |tests: &[Test<String>]| compiled(tests, INT).unwrap().1;
    let (two, null) = (Test::NotEqual("2".to_owned()), Test::Null);
    let found = warned(&[two.clone(), null.clone()]);
    assert!(
        found[0].starts_with("m.json:3:4: warning: ") && found[0].contains("no row pass at all"),
        "{found:?}"
    );
    assert!(
        warned(&[two.clone(), null, Test::Equal("1".to_owned())])[0].contains("lets no NULL pass"),
        "warned"
    );
    assert_eq!(warned(&[two]), Vec::<String>::new());
}

#[test]
fn numbers_are_compared_as_numbers_and_exactly() {
    let numeric = ColumnType::Numeric {
        precision: 38,
        scale: 4,
    };
    check(
        &[Test::AtLeast("99999999999999999999.5")],
        numeric,
        &["99999999999999999999.50", "100000000000000000000"],
        &["99999999999999999999.4999", "9"],
    );
    check(
        &[Test::AtLeast("1.5"), Test::Equal("-2")],
        INT,
        &["2", "-2", "+7"],
        &["1", "-1"],
    );
    check(
        &[Test::AtMost("18446744073709551615")],
        ColumnType::Uint8,
        &["18446744073709551615", "0"],
        &["18446744073709551616"],
    );
    check(
        &[Test::AtMost("1.5")],
        ColumnType::Real8,
        &["1.5", "-3e5"],
        &["1.6", "2e0"],
    );
}

#[test]
fn texts_booleans_and_times_are_compared_in_their_own_order() {
    check(
        &[Test::Between("B", "b")],
        TEXT,
        &["B", "Z", "a", "b"],
        &["A", "c", "ba"],
    );
    check(
        &[Test::Equal("true")],
        ColumnType::Boolean,
        &["1", "t", "TRUE"],
        &["0", "no"],
    );
    let date = ColumnType::Date {
        format: Some(crate::model::DateFormat::MonthDayYearSlashed { fraction: false }),
    };
    check(
        &[Test::AtLeast("2002-01-01")],
        date,
        &["01/01/2002", "12/31/2010"],
        &["12/31/2001"],
    );
    let time = ColumnType::DateTime {
        scale: 0,
        format: None,
    };
    check(
        &[Test::AtLeast("2002-01-01 00:00:00.5")],
        time,
        &["2002-01-01 00:00:00.5", "2002-01-01 00:00:01", "2002-01-02"],
        &[
            "2002-01-01 00:00:00.499999",
            "2002-01-01",
            "2001-12-31 23:59:59.9",
        ],
    );
}

#[test]
fn what_cannot_be_compared_is_refused_when_it_is_written_and_when_it_comes() {
    let of = |column_type| compiled(&[Test::Equal("x".to_owned())], column_type).unwrap_err();
    assert!(
        of(INT)[0].contains("with \"x\", which it cannot hold: the value (1 byte) is not a number"),
        "{:?}",
        of(INT)
    );
    assert!(
        of(ColumnType::Clob)[0].contains("large or binary values"),
        "{:?}",
        of(ColumnType::Clob)
    );
    let (filter, _) = compiled(&[Test::Equal("1".to_owned())], INT).unwrap();
    assert_eq!(passes(&filter, INT, Some("one")), Err("not_a_number"));
}

fn any_test() -> impl Strategy<Value = Test<i32>> {
    let value = -3_i32..4;
    prop_oneof![
        value.clone().prop_map(Test::AtMost),
        value.clone().prop_map(Test::AtLeast),
        value.clone().prop_map(Test::Equal),
        value.clone().prop_map(Test::NotEqual),
        (value.clone(), value.clone()).prop_map(|(start, end)| Test::Between(start, end)),
        (value.clone(), value).prop_map(|(start, end)| Test::NotBetween(start, end)),
        Just(Test::Null),
        Just(Test::NotNull),
    ]
}

/// What a test says, over numbers.
fn holds(test: &Test<i32>, value: Option<i32>) -> bool {
    match (test, value) {
        (Test::Null, value) => value.is_none(),
        (_, None) => false,
        (Test::AtMost(limit), Some(value)) => value <= *limit,
        (Test::AtLeast(limit), Some(value)) => value >= *limit,
        (Test::Equal(other), Some(value)) => value == *other,
        (Test::NotEqual(other), Some(value)) => value != *other,
        (Test::Between(start, end), Some(value)) => (*start..=*end).contains(&value),
        (Test::NotBetween(start, end), Some(value)) => value < *start || value > *end,
        (Test::NotNull, Some(_)) => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_row_passes_by_one_inclusive_condition_and_all_negative_ones(
        tests in prop::collection::vec(any_test(), 1..5), value in prop::option::of(-4_i32..5),
    ) {
        let texts: Vec<_> = tests.iter().map(|test| test.try_map(|value| Ok::<_, ()>(value.to_string())).unwrap()).collect();
        let (filter, _) = compiled(&texts, INT).unwrap();
        let (negative, inclusive): (Vec<_>, Vec<_>) = tests.iter().partition(|test| test.is_negative());
        let expected = negative.iter().all(|test| holds(test, value))
            && (inclusive.is_empty() || inclusive.iter().any(|test| holds(test, value)));
        let text = value.map(|value| value.to_string());
        prop_assert_eq!(passes(&filter, INT, text.as_deref()), Ok(expected));
    }
}
